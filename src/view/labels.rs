//! Which names are shown, and where: they never collide, more appear as one zooms in, and they do not flicker.

use egui::{Pos2, Rect, Vec2};

use super::camera::Camera;

/// Free space around a name that is newly shown.
const PADDING: f32 = 7.0;

/// Free space around a name that was shown in the last frame: less, so that it stays while others come and go.
const KEPT_PADDING: f32 = 4.0;

/// How much a name that was shown weighs more than one that was not.
const KEPT_WEIGHT: f64 = 1.3;

/// Distance kept from the border of the map.
const INSET: f32 = 6.0;

/// A name shows when its level is open: level `l` opens at this zoom to the power of `l`.
const ZOOM_PER_LEVEL: f64 = 1.9;

/// Square points of map a name needs: a calm map has room between its names.
const AREA_PER_LABEL: f32 = 11_000.0;

/// Font sizes of the lightest and the heaviest name, in points.
const FONT_SIZES: (f32, f32) = (11.5, 17.0);

/// Widest line of a name, in font sizes.
const MAX_LINE: f32 = 14.0;

/// What ends a name that does not fit.
const ELLIPSIS: &str = "…";

/// A name on the map.
#[derive(Clone, Debug, PartialEq)]
pub struct MapLabel {
    pub text: String,
    /// World position of what it names; the name is centred on it.
    pub anchor: [f32; 2],
    /// How much it names, such as a number of documents.
    pub mass: f64,
    /// The label of the cluster or topic that it names.
    pub code: u32,
    /// 0 for the coarsest names; finer ones open as one zooms in.
    pub level: u8,
    /// The packed colour of what it names.
    pub colour: Option<u32>,
}

/// A name that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// Index into the labels.
    pub label: usize,
    /// Where its text lies, in view points.
    pub rect: Rect,
}

/// The font size of every label, in points: by the square root of its mass, as areas are.
pub fn font_sizes(labels: &[MapLabel]) -> Vec<f32> {
    let heaviest = labels.iter().map(|label| label.mass).fold(0.0, f64::max);
    let (least, most) = FONT_SIZES;
    let share = |mass: f64| if heaviest > 0.0 { (mass.max(0.0) / heaviest).sqrt() as f32 } else { 1.0 };
    // Half points: sizes in between would fill the glyph atlas for nothing.
    labels.iter().map(|label| ((least + (most - least) * share(label.mass)) * 2.0).round() / 2.0).collect()
}

/// Chooses names and places them: coarse levels first, then heavy ones, as far as there is room. `sizes` are the
/// measured texts in view points, `previous` the last frame's choice. Names whose anchor is out of view are left
/// out; those near the border are moved inside. The result is in order of priority.
pub fn place(
    labels: &[MapLabel],
    camera: &Camera,
    fitted: &Camera,
    view: Rect,
    sizes: &[Vec2],
    previous: &[Placed],
    covered: &[Rect],
) -> Vec<Placed> {
    let zoom = camera.zoom(fitted) * 1.001;
    let inside = view.shrink(INSET);
    let mut was_shown = vec![false; labels.len()];
    for placed in previous {
        if let Some(shown) = was_shown.get_mut(placed.label) {
            *shown = true;
        }
    }
    let mut wanted: Vec<(u8, f64, usize, Rect)> = Vec::new();
    for (i, (label, &size)) in labels.iter().zip(sizes).enumerate() {
        let anchor = camera.view_from_world(label.anchor, view);
        let open = label.level == 0 || zoom >= ZOOM_PER_LEVEL.powi(i32::from(label.level));
        // `contains` is false for a NaN anchor, as it should be.
        if !open || !view.contains(anchor) || size.x > inside.width() || size.y > inside.height() {
            continue;
        }
        let weight = if was_shown[i] { label.mass * KEPT_WEIGHT } else { label.mass };
        wanted.push((label.level, weight, i, moved_inside(Rect::from_center_size(anchor, size), inside)));
    }
    wanted.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));

    let room = ((view.area() / AREA_PER_LABEL) as usize).max(1);
    let mut placed: Vec<Placed> = Vec::new();
    for (_, _, label, rect) in wanted {
        if placed.len() == room {
            break;
        }
        let padded = rect.expand(if was_shown[label] { KEPT_PADDING } else { PADDING });
        let free = covered.iter().all(|&covered| !overlap(padded, covered));
        if free && placed.iter().all(|other| !overlap(padded, other.rect)) {
            placed.push(Placed { label, rect });
        }
    }
    placed
}

/// Whether rectangles share more than an edge.
fn overlap(one: Rect, other: Rect) -> bool {
    one.min.x < other.max.x && other.min.x < one.max.x && one.min.y < other.max.y && other.min.y < one.max.y
}

/// A rectangle no larger than `inside`, moved by as little as puts it there.
fn moved_inside(rect: Rect, inside: Rect) -> Rect {
    let x = rect.min.x.clamp(inside.min.x, (inside.max.x - rect.width()).max(inside.min.x));
    let y = rect.min.y.clamp(inside.min.y, (inside.max.y - rect.height()).max(inside.min.y));
    Rect::from_min_size(Pos2::new(x, y), rect.size())
}

/// Breaks a name into at most two lines of at most [`MAX_LINE`] font sizes, as equal in width as words allow; what
/// does not fit ends in an ellipsis. Scripts without spaces break between any two characters. `measure` gives the
/// width of a line of text.
pub fn wrap(text: &str, font_size: f32, mut measure: impl FnMut(&str) -> f32) -> Vec<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let widest = MAX_LINE * font_size;
    let whole = measure(&text);
    if whole <= widest {
        return vec![text];
    }
    let mut best: Option<(f32, usize)> = None;
    for at in breaks(&text) {
        let (first, second) = (measure(text[..at].trim_end()), measure(text[at..].trim_start()));
        // A first line that fits is what counts; then the evener break wins.
        if first <= widest && best.is_none_or(|(width, _)| first.max(second) < width) {
            best = Some((first.max(second), at));
        }
    }
    match best {
        Some((_, at)) => {
            let second = elide(text[at..].trim_start(), widest, &mut measure);
            vec![text[..at].trim_end().to_owned(), second]
        }
        None => vec![elide(&text, widest, &mut measure)],
    }
}

/// Byte offsets at which a line may end.
fn breaks(text: &str) -> Vec<usize> {
    let mut previous = ' ';
    let mut offsets = Vec::new();
    for (at, c) in text.char_indices() {
        let after_space = previous == ' ' && at > 0;
        let ideographs = at > 0 && is_ideograph(previous) && is_ideograph(c);
        if after_space || ideographs || (previous == '/' && at > 0) {
            offsets.push(at);
        }
        previous = c;
    }
    offsets
}

/// Whether a line may break beside it without a space: Han, kana and Hangul.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}')
}

/// The longest beginning of `text` that fits with an ellipsis, or all of it when that fits.
fn elide(text: &str, widest: f32, measure: &mut impl FnMut(&str) -> f32) -> String {
    if measure(text) <= widest {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let fits =
        ends.partition_point(|&end| measure(&format!("{}{ELLIPSIS}", text[..end].trim_end())) <= widest);
    format!("{}{ELLIPSIS}", text[..ends[fits.saturating_sub(1)]].trim_end_matches([' ', ',', ';', '&', '·']))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::camera::Bounds;
    use super::*;

    const VIEW: Rect = Rect { min: Pos2::new(10.0, 20.0), max: Pos2::new(910.0, 620.0) };

    fn scene() -> impl Strategy<Value = (Vec<MapLabel>, Vec<Vec2>)> {
        let label =
            (-10.0..10.0_f32, -10.0..10.0_f32, 1.0..1000.0_f64, 0..3_u8, 20.0..190.0_f32, 12.0..40.0_f32);
        proptest::collection::vec(label, 0..80).prop_map(|all| {
            all.into_iter()
                .map(|(x, y, mass, level, width, height)| {
                    let text = String::new();
                    (
                        MapLabel { text, anchor: [x, y], mass, level, code: 0, colour: None },
                        Vec2::new(width, height),
                    )
                })
                .unzip()
        })
    }

    fn camera() -> impl Strategy<Value = Camera> {
        (-8.0..8.0, -8.0..8.0, 0.5..40.0_f64)
            .prop_map(|(x, y, zoom)| Camera { centre: [x, y], scale: fitted().scale * zoom })
    }

    fn fitted() -> Camera {
        Camera::fit(Bounds { min: [-10.0, -10.0], max: [10.0, 10.0] }, VIEW)
    }

    proptest! {
        #[test]
        fn no_two_names_overlap_and_none_leaves_the_map(
            (labels, sizes) in scene(), camera in camera(), before in camera(),
        ) {
            let previous = place(&labels, &before, &fitted(), VIEW, &sizes, &[], &[]);
            let placed = place(&labels, &camera, &fitted(), VIEW, &sizes, &previous, &[]);
            for (i, one) in placed.iter().enumerate() {
                prop_assert!(VIEW.contains_rect(one.rect), "{:?}", one);
                for other in &placed[..i] {
                    prop_assert!(!overlap(one.rect, other.rect), "{:?} {:?}", one, other);
                }
            }
        }

        #[test]
        fn nothing_that_had_room_is_left_out((labels, sizes) in scene(), camera in camera()) {
            let placed = place(&labels, &camera, &fitted(), VIEW, &sizes, &[], &[]);
            let room = (VIEW.area() / AREA_PER_LABEL) as usize;
            prop_assume!(placed.len() < room);
            let zoom = camera.zoom(&fitted());
            for (i, label) in labels.iter().enumerate().filter(|(_, label)| label.level == 0 || zoom > 3.7) {
                let anchor = camera.view_from_world(label.anchor, VIEW);
                let shown = placed.iter().any(|placed| placed.label == i);
                let rect = moved_inside(Rect::from_center_size(anchor, sizes[i]), VIEW.shrink(INSET));
                let blocked = placed.iter().any(|placed| overlap(rect.expand(PADDING), placed.rect));
                prop_assert!(shown || blocked || !VIEW.contains(anchor));
            }
        }

        #[test]
        fn the_heaviest_coarse_name_in_view_is_always_shown((labels, sizes) in scene(), camera in camera()) {
            let placed = place(&labels, &camera, &fitted(), VIEW, &sizes, &[], &[]);
            let heaviest = labels
                .iter()
                .enumerate()
                .filter(|(_, l)| l.level == 0 && VIEW.contains(camera.view_from_world(l.anchor, VIEW)))
                .max_by(|a, b| a.1.mass.total_cmp(&b.1.mass));
            if let Some((i, _)) = heaviest {
                prop_assert_eq!(placed[0].label, i);
            }
        }

        #[test]
        fn a_still_camera_keeps_its_names((labels, sizes) in scene(), camera in camera()) {
            let first = place(&labels, &camera, &fitted(), VIEW, &sizes, &[], &[]);
            let second = place(&labels, &camera, &fitted(), VIEW, &sizes, &first, &[]);
            let third = place(&labels, &camera, &fitted(), VIEW, &sizes, &second, &[]);
            prop_assert_eq!(second, third);
        }

        #[test]
        fn the_first_name_stays_while_one_zooms_in_on_it((labels, sizes) in scene(), zoom in 1.0..30.0_f64) {
            prop_assume!(labels.iter().any(|label| label.level == 0));
            let far = place(&labels, &fitted(), &fitted(), VIEW, &sizes, &[], &[]);
            let on = labels[far[0].label].anchor.map(f64::from);
            let near = Camera { centre: on, scale: fitted().scale * zoom };
            let placed = place(&labels, &near, &fitted(), VIEW, &sizes, &far, &[]);
            prop_assert!(placed.iter().any(|placed| placed.label == far[0].label));
        }
    }

    #[test]
    fn no_name_lies_under_what_covers_the_map() {
        let labels = vec![MapLabel {
            text: "A".into(),
            anchor: [0.0, 0.0],
            mass: 9.0,
            level: 0,
            code: 0,
            colour: None,
        }];
        let sizes = vec![Vec2::new(60.0, 16.0)];
        let open = place(&labels, &fitted(), &fitted(), VIEW, &sizes, &[], &[]);
        assert_eq!(open.len(), 1);
        assert!(place(&labels, &fitted(), &fitted(), VIEW, &sizes, &[], &[open[0].rect]).is_empty());
    }

    #[test]
    fn finer_names_appear_as_one_zooms_in() {
        let label = |x: f32, level: u8| MapLabel {
            text: String::new(),
            anchor: [x, 0.0],
            mass: 1.0,
            level,
            code: 0,
            colour: None,
        };
        let labels = [label(0.0, 0), label(0.4, 1), label(-0.4, 1), label(0.2, 2)];
        let sizes = [Vec2::new(60.0, 14.0); 4];
        let shown = |zoom: f64| {
            let camera = Camera { centre: [0.0, 0.0], scale: fitted().scale * zoom };
            place(&labels, &camera, &fitted(), VIEW, &sizes, &[], &[]).len()
        };
        assert_eq!([shown(1.0), shown(8.0), shown(16.0)], [1, 3, 4]);
    }

    /// A font whose characters are all half as wide as it is high.
    fn width(text: &str) -> f32 {
        5.0 * text.chars().count() as f32
    }

    #[test]
    fn a_short_name_stays_on_one_line() {
        assert_eq!(wrap("Graph  neural networks", 10.0, width), ["Graph neural networks"]);
    }

    #[test]
    fn a_long_name_is_broken_into_even_lines() {
        let lines = wrap("Quantum error correction and surface codes", 10.0, width);
        assert_eq!(lines, ["Quantum error correction", "and surface codes"]);
    }

    #[test]
    fn what_does_not_fit_on_two_lines_ends_in_an_ellipsis() {
        let lines =
            wrap("A name that is very much longer than any map could ever hope to show in full", 10.0, width);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…'));
        assert!(lines.iter().all(|line| width(line) <= 10.0 * MAX_LINE));
        assert!(wrap(&"x".repeat(200), 10.0, width)[0].ends_with('…'));
    }

    #[test]
    fn chinese_breaks_between_characters() {
        let lines = wrap("量子纠错与表面码的容错计算方法研究以及更多的内容和一些应用", 10.0, width);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].chars().count().abs_diff(lines[1].chars().count()) <= 1);
    }

    #[test]
    fn heavier_names_are_larger() {
        let label =
            |mass| MapLabel { text: String::new(), anchor: [0.0; 2], mass, level: 0, code: 0, colour: None };
        let sizes = font_sizes(&[label(1.0), label(100.0), label(400.0), label(0.0)]);
        assert_eq!(sizes[2], FONT_SIZES.1);
        assert_eq!(sizes[3], FONT_SIZES.0);
        assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
    }
}
