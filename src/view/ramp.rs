//! Colours for numbers: ramps whose steps look equally large.

use std::sync::LazyLock;

use super::colour::{MapTheme, OkLab, Packed, pack};

/// Steps of a ramp: more than eyes resolve, few enough to stay in the cache.
const STEPS: usize = 256;

/// Points between control points when a ramp's length is measured.
const FINE: usize = 1024;

/// The share of values left out at either end of a robust range.
const TAIL: f64 = 0.02;

/// At most so many values are looked at for a robust range.
const SAMPLE: usize = 100_000;

/// What a ramp says about its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RampKind {
    /// From little to much; much stands out most from the ground.
    Sequential,
    /// From negative to positive; zero is grey.
    Diverging,
}

/// Colours along a line.
#[derive(Clone, Debug)]
pub struct Ramp {
    pub kind: RampKind,
    steps: Vec<[u8; 3]>,
    /// What has no value.
    none: [u8; 3],
}

/// Lightness, chroma and hue (degrees) of the control points.
type Control = (f32, f32, f32);

/// Purple over teal to yellow, in the manner of viridis, its dark end lifted off a dark ground.
const SEQUENTIAL_DARK: [Control; 5] =
    [(0.52, 0.16, 305.0), (0.58, 0.12, 255.0), (0.68, 0.11, 190.0), (0.80, 0.15, 145.0), (0.93, 0.17, 105.0)];

/// The same way, from green to a deep purple, so that much is dark on a light ground.
const SEQUENTIAL_LIGHT: [Control; 5] = [
    (0.645, 0.14, 125.0),
    (0.60, 0.12, 165.0),
    (0.52, 0.10, 215.0),
    (0.42, 0.13, 270.0),
    (0.31, 0.15, 305.0),
];

/// Blue and orange keep their difference for every kind of colour vision.
const DIVERGING_DARK: [Control; 5] =
    [(0.80, 0.12, 235.0), (0.64, 0.10, 245.0), (0.52, 0.005, 260.0), (0.66, 0.11, 55.0), (0.83, 0.14, 70.0)];

const DIVERGING_LIGHT: [Control; 5] =
    [(0.38, 0.15, 258.0), (0.54, 0.11, 250.0), (0.66, 0.005, 260.0), (0.56, 0.12, 55.0), (0.42, 0.12, 42.0)];

impl Ramp {
    /// The ramp of `kind` for a theme.
    pub fn of(kind: RampKind, theme: &MapTheme) -> &'static Self {
        static RAMPS: LazyLock<[Ramp; 4]> = LazyLock::new(|| {
            let (sequential, diverging) = (RampKind::Sequential, RampKind::Diverging);
            [
                Ramp::through(sequential, &SEQUENTIAL_DARK, &MapTheme::DARK),
                Ramp::through(sequential, &SEQUENTIAL_LIGHT, &MapTheme::LIGHT),
                Ramp::through(diverging, &DIVERGING_DARK, &MapTheme::DARK),
                Ramp::through(diverging, &DIVERGING_LIGHT, &MapTheme::LIGHT),
            ]
        });
        &RAMPS[usize::from(kind == RampKind::Diverging) * 2 + usize::from(!theme.dark)]
    }

    /// The colour at `t`, clamped to [0, 1]; NaN is grey.
    pub fn colour(&self, t: f32) -> [u8; 3] {
        if t.is_nan() {
            return self.none;
        }
        self.steps[(t.clamp(0.0, 1.0) * (STEPS - 1) as f32).round() as usize]
    }

    /// A ramp through control points whose steps are equally far apart in OKLab, either half for itself when it
    /// diverges (so that zero stays in the middle).
    fn through(kind: RampKind, controls: &[Control], theme: &MapTheme) -> Self {
        let halves = if kind == RampKind::Diverging { 2 } else { 1 };
        let per_half = STEPS / halves;
        let fine: Vec<OkLab> = (0..=FINE).map(|i| along(controls, i as f32 / FINE as f32)).collect();
        let steps = fine
            .chunks(FINE / halves)
            .take(halves)
            .flat_map(|half| {
                let mut length = vec![0.0];
                for pair in half.windows(2) {
                    length.push(length[length.len() - 1] + pair[0].distance(pair[1]));
                }
                let whole = length[length.len() - 1];
                (0..per_half).map(move |step| {
                    let wanted = whole * step as f32 / (per_half - 1) as f32;
                    half[length.partition_point(|&l| l < wanted).min(half.len() - 1)].to_rgb()
                })
            })
            .collect();
        Self { kind, steps, none: theme.unclustered }
    }
}

/// The colour at `t` in [0, 1] along control points, smooth in lightness, chroma and hue.
fn along(controls: &[Control], t: f32) -> OkLab {
    let last = controls.len() - 1;
    let place = t * last as f32;
    let i = (place as usize).min(last - 1);
    let t = place - i as f32;
    let at = |k: isize| controls[(i as isize + k).clamp(0, last as isize) as usize];
    let (before, from, to, after) = (at(-1), at(0), at(1), at(2));
    // Catmull–Rom: passes through every control point without a corner.
    let spline = |p0: f32, p1: f32, p2: f32, p3: f32| {
        p1 + 0.5 * t * (p2 - p0 + t * (2.0 * p0 - 5.0 * p1 + 4.0 * p2 - p3 + t * (3.0 * (p1 - p2) + p3 - p0)))
    };
    let lightness = spline(before.0, from.0, to.0, after.0);
    if (from.2 - to.2).abs() > 90.0 || (before.2 - from.2).abs() > 90.0 || (to.2 - after.2).abs() > 90.0 {
        // Through grey, hue means nothing: straight lines in OKLab.
        let lab = |(l, c, h): Control| OkLab::from_lch(l, c, h);
        return lab(from).mix(lab(to), t);
    }
    OkLab::from_lch(
        lightness,
        spline(before.1, from.1, to.1, after.1),
        spline(before.2, from.2, to.2, after.2),
    )
}

/// Where most values lie: the range without [`TAIL`] at either end (all of it when that is hardly wider), from a
/// sample. `None` when there is no finite value.
pub fn robust_range(values: &[f64]) -> Option<(f64, f64)> {
    let stride = values.len().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f64> = values.iter().step_by(stride).copied().filter(|v| v.is_finite()).collect();
    if sample.is_empty() {
        sample = values.iter().copied().find(|v| v.is_finite()).into_iter().collect();
    }
    let last = sample.len().checked_sub(1)?;
    sample.sort_unstable_by(f64::total_cmp);
    let tail = (last as f64 * TAIL).round() as usize;
    let (low, high) = (sample[tail], sample[last - tail]);
    let (first, last) = (sample[0], sample[last]);
    // Cutting nothing much off would only hide true extremes.
    let wide = (last - first) <= 1.25 * (high - low) || low == high;
    Some(if wide { (first, last) } else { (low, high) })
}

/// The smallest range around zero that holds `range`: what a diverging ramp needs.
pub fn around_zero((low, high): (f64, f64)) -> (f64, f64) {
    let far = low.abs().max(high.abs());
    (-far, far)
}

/// One packed colour a value: `range` spans the ramp, values beyond take the colour of its end, NaN is grey. A
/// range without width takes the middle.
pub fn colours_for_numbers(values: &[f64], range: (f64, f64), ramp: &Ramp) -> Vec<Packed> {
    let packed: Vec<Packed> = ramp.steps.iter().map(|&rgb| pack(rgb)).collect();
    let none = pack(ramp.none);
    let (low, width) = (range.0, range.1 - range.0);
    let colour = |&value: &f64| {
        if value.is_nan() {
            return none;
        }
        let t = if width > 0.0 { ((value - low) / width).clamp(0.0, 1.0) } else { 0.5 };
        packed[(t * (STEPS - 1) as f64 + 0.5) as usize]
    };
    values.iter().map(colour).collect()
}

#[cfg(test)]
mod tests {
    use super::super::colour::contrast;
    use super::super::palette::MARK_CONTRAST;
    use super::*;

    const THEMES: [MapTheme; 2] = [MapTheme::DARK, MapTheme::LIGHT];
    const KINDS: [RampKind; 2] = [RampKind::Sequential, RampKind::Diverging];

    #[test]
    fn every_step_stands_out_from_the_ground() {
        for theme in &THEMES {
            for kind in KINDS {
                for &rgb in &Ramp::of(kind, theme).steps {
                    let ratio = contrast(rgb, theme.background);
                    assert!(ratio >= MARK_CONTRAST, "{kind:?}, dark {}: {rgb:?} {ratio}", theme.dark);
                }
            }
        }
    }

    #[test]
    fn equal_steps_look_equally_large() {
        for theme in &THEMES {
            let steps = &Ramp::of(RampKind::Sequential, theme).steps;
            let sixteenths: Vec<f32> = (0..16)
                .map(|i| OkLab::from_rgb(steps[i * 16]).distance(OkLab::from_rgb(steps[i * 16 + 15])))
                .collect();
            let (least, most) =
                sixteenths.iter().fold((f32::MAX, 0.0_f32), |(least, most), &d| (least.min(d), most.max(d)));
            assert!(most < 1.6 * least, "{least} to {most}");
        }
    }

    #[test]
    fn lightness_runs_one_way_along_a_sequential_ramp() {
        for theme in &THEMES {
            let steps = &Ramp::of(RampKind::Sequential, theme).steps;
            for pair in steps.chunks(8).collect::<Vec<_>>().windows(2) {
                let (from, to) = (OkLab::from_rgb(pair[0][0]).l, OkLab::from_rgb(pair[1][0]).l);
                assert!(if theme.dark { to > from } else { to < from });
            }
        }
    }

    #[test]
    fn zero_is_grey_and_the_ends_are_not() {
        for theme in &THEMES {
            let ramp = Ramp::of(RampKind::Diverging, theme);
            let chroma = |t| OkLab::from_rgb(ramp.colour(t)).chroma();
            assert!(chroma(0.5) < 0.02, "{}", chroma(0.5));
            assert!(chroma(0.0) > 0.07 && chroma(1.0) > 0.07);
        }
    }

    #[test]
    fn an_outlier_does_not_flatten_the_range() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.push(1e9);
        let (low, high) = robust_range(&values).unwrap();
        assert!(low < 50.0 && (900.0..1100.0).contains(&high), "{low} {high}");
    }

    #[test]
    fn a_plain_range_is_kept_whole() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert_eq!(robust_range(&values), Some((0.0, 100.0)));
        assert_eq!(robust_range(&[f64::NAN, 3.0]), Some((3.0, 3.0)));
        assert_eq!(robust_range(&[f64::NAN]), None);
    }

    #[test]
    fn numbers_take_the_colours_of_their_places_and_missing_ones_are_grey() {
        let ramp = Ramp::of(RampKind::Sequential, &MapTheme::DARK);
        let colours = colours_for_numbers(&[-5.0, 0.0, 1.0, 9.0, f64::NAN], (0.0, 1.0), ramp);
        assert_eq!(colours[0], colours[1]);
        assert_eq!(colours[2], colours[3]);
        assert_eq!(colours[1], pack(ramp.colour(0.0)));
        assert_eq!(colours[4], pack(MapTheme::DARK.unclustered));
        assert_eq!(colours_for_numbers(&[2.0], (2.0, 2.0), ramp), [pack(ramp.colour(0.5))]);
    }

    #[test]
    fn a_range_around_zero_is_symmetric() {
        assert_eq!(around_zero((-1.0, 3.0)), (-3.0, 3.0));
    }
}
