//! Colours for categories: as different from one another, and from the ground, as they can be.

use std::sync::LazyLock;

use super::colour::{Deficiency, MapTheme, OkLab, Packed, contrast, linear, pack, simulate};

/// How many different colours a palette has; categories beyond share them in turn.
pub const PALETTE_LEN: usize = 256;

/// How many of them are told apart with any kind of colour vision.
pub const SAFE_LEN: usize = 8;

/// Least contrast of a mark with the ground it lies on.
pub const MARK_CONTRAST: f32 = 3.0;

/// The hues of Okabe & Ito, "Color Universal Design" (2008), in the order we hand them out. Their own yellow vanishes
/// on a light ground and their blue nearly on a dark one, so for either ground lightness and chroma are moved to where
/// any two stay apart, colour-blind or not. Their black is the text colour of the theme.
const HUES_ON_DARK: [[u8; 3]; 7] = [
    [0x73, 0xc0, 0xfe],
    [0xe8, 0xa0, 0x08],
    [0x34, 0xd3, 0x96],
    [0xb4, 0x88, 0xae],
    [0x03, 0x8d, 0xf8],
    [0xce, 0x5c, 0x0e],
    [0xec, 0xdd, 0x36],
];

const HUES_ON_LIGHT: [[u8; 3]; 7] = [
    [0x00, 0x67, 0xa4],
    [0x92, 0x66, 0x08],
    [0x3d, 0x7f, 0x68],
    [0x95, 0x09, 0x6b],
    [0x01, 0x98, 0xde],
    [0x8d, 0x27, 0x0a],
    [0x86, 0x98, 0x25],
];

/// How much a difference that a colour-blind person sees counts beside one that everybody else sees.
const DEFICIENT_WEIGHT: f32 = 0.5;

/// One colour a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    colours: Vec<[u8; 3]>,
    /// What has no category.
    none: [u8; 3],
}

impl Palette {
    /// The palette of a theme: [`SAFE_LEN`] colours after Okabe and Ito, then, after Glasbey et al. ("Colour
    /// displays for categorical images", 2007), always the candidate farthest from all colours so far.
    pub fn of(theme: &MapTheme) -> &'static Self {
        static DARK: LazyLock<Palette> = LazyLock::new(|| Palette::generate(&MapTheme::DARK));
        static LIGHT: LazyLock<Palette> = LazyLock::new(|| Palette::generate(&MapTheme::LIGHT));
        if theme.dark { &DARK } else { &LIGHT }
    }

    /// The colour of category `code`; codes from [`PALETTE_LEN`] on share colours, `u32::MAX` is grey.
    pub fn colour(&self, code: u32) -> [u8; 3] {
        if code == u32::MAX { self.none } else { self.colours[code as usize % self.colours.len()] }
    }

    /// All colours in the order of the codes.
    pub fn colours(&self) -> &[[u8; 3]] {
        &self.colours
    }

    fn generate(theme: &MapTheme) -> Self {
        let mut colours = if theme.dark { HUES_ON_DARK } else { HUES_ON_LIGHT }.to_vec();
        colours.push(theme.text);

        let mut candidates: Vec<Candidate> = candidates(theme);
        // The greys and the ground are taken as well: nothing may look unclustered or vanish.
        for &rgb in colours.iter().chain([&theme.background, &theme.unclustered]) {
            keep_away(&mut candidates, Seen::of(rgb));
        }
        while colours.len() < PALETTE_LEN {
            let farthest = candidates.iter().max_by(|a, b| a.nearest.total_cmp(&b.nearest));
            let Some((rgb, seen)) = farthest.map(|candidate| (candidate.rgb, candidate.seen)) else { break };
            colours.push(rgb);
            keep_away(&mut candidates, seen);
        }
        Self { colours, none: theme.unclustered }
    }
}

/// A colour as most people see it, and as a deuteranope does.
#[derive(Clone, Copy)]
struct Seen {
    usual: OkLab,
    deficient: OkLab,
}

impl Seen {
    fn of(rgb: [u8; 3]) -> Self {
        let light = linear(rgb);
        Self {
            usual: OkLab::from_linear(light),
            deficient: OkLab::from_linear(simulate(light, Deficiency::Deuteranopia)),
        }
    }
}

/// A colour that the palette could take, and how far the nearest taken one is.
struct Candidate {
    rgb: [u8; 3],
    seen: Seen,
    nearest: f32,
}

/// A grid over the lightnesses that stand out from the ground and the chromas that do not shout.
fn candidates(theme: &MapTheme) -> Vec<Candidate> {
    let (darkest, lightest) = if theme.dark { (0.52, 0.90) } else { (0.40, 0.70) };
    let mut all = Vec::new();
    for l in 0..10 {
        for c in 0..6 {
            for h in 0..40 {
                let lightness = darkest + (lightest - darkest) * l as f32 / 9.0;
                let lab = OkLab::from_lch(lightness, 0.075 + 0.023 * c as f32, 9.0 * h as f32);
                if !lab.in_gamut() {
                    continue;
                }
                let rgb = lab.to_rgb();
                if contrast(rgb, theme.background) >= MARK_CONTRAST {
                    all.push(Candidate { rgb, seen: Seen::of(rgb), nearest: f32::INFINITY });
                }
            }
        }
    }
    all
}

fn keep_away(candidates: &mut [Candidate], taken: Seen) {
    for candidate in candidates {
        let usual = candidate.seen.usual.distance_squared(taken.usual);
        let deficient = candidate.seen.deficient.distance_squared(taken.deficient);
        candidate.nearest = candidate.nearest.min(usual + DEFICIENT_WEIGHT * deficient);
    }
}

/// One packed colour a code; `u32::MAX` (no cluster, no value) is grey. A million take two milliseconds: less than
/// waiting for the threads that compute would.
pub fn colours_for_categories(codes: &[u32], palette: &Palette) -> Vec<Packed> {
    let packed: Vec<Packed> = palette.colours.iter().map(|&rgb| pack(rgb)).collect();
    let none = pack(palette.none);
    let colour = |&code: &u32| if code == u32::MAX { none } else { packed[code as usize % packed.len()] };
    codes.iter().map(colour).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEMES: [MapTheme; 2] = [MapTheme::DARK, MapTheme::LIGHT];

    fn nearest_pair(colours: &[[u8; 3]], seen: impl Fn([u8; 3]) -> OkLab) -> f32 {
        let colours: Vec<OkLab> = colours.iter().map(|&rgb| seen(rgb)).collect();
        let mut nearest = f32::INFINITY;
        for (i, one) in colours.iter().enumerate() {
            for other in &colours[..i] {
                nearest = nearest.min(one.distance(*other));
            }
        }
        nearest
    }

    #[test]
    fn the_first_eight_colours_are_told_apart_by_the_colour_blind() {
        for theme in &THEMES {
            let safe = &Palette::of(theme).colours()[..SAFE_LEN];
            for deficiency in [Deficiency::Deuteranopia, Deficiency::Protanopia] {
                let nearest = nearest_pair(safe, |rgb| OkLab::from_linear(simulate(linear(rgb), deficiency)));
                assert!(nearest > 0.095, "{deficiency:?}, dark {}: {nearest}", theme.dark);
            }
        }
    }

    #[test]
    fn every_colour_stands_out_from_the_ground() {
        for theme in &THEMES {
            for &rgb in Palette::of(theme).colours() {
                assert!(contrast(rgb, theme.background) >= MARK_CONTRAST, "{rgb:?}");
            }
        }
    }

    #[test]
    fn no_two_of_256_colours_are_the_same_and_the_first_32_are_far_apart() {
        for theme in &THEMES {
            let colours = Palette::of(theme).colours();
            assert_eq!(colours.len(), PALETTE_LEN);
            assert!(nearest_pair(colours, OkLab::from_rgb) > 0.015);
            let first = nearest_pair(&colours[..32], OkLab::from_rgb);
            assert!(first > 0.06, "{first}");
        }
    }

    #[test]
    fn no_colour_passes_for_unclustered() {
        for theme in &THEMES {
            let grey = OkLab::from_rgb(theme.unclustered);
            for &rgb in Palette::of(theme).colours() {
                assert!(OkLab::from_rgb(rgb).distance(grey) > 0.045, "{rgb:?}");
            }
        }
    }

    #[test]
    fn categories_are_coloured_by_code_and_none_is_grey() {
        let palette = Palette::of(&MapTheme::DARK);
        let colours = colours_for_categories(&[1, u32::MAX, 1, PALETTE_LEN as u32 + 1], palette);
        assert_eq!(colours[0], colours[2]);
        assert_eq!(colours[0], colours[3]);
        assert_eq!(colours[1], pack(MapTheme::DARK.unclustered));
    }
}
