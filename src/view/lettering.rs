//! Lines of text as outlines, for pictures drawn on the CPU.

use tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Transform};

use super::glyphs::Typeface;

const ELLIPSIS: char = '…';

/// Width of a line, in font sizes.
pub fn line_width(line: &str, faces: &[Typeface<'_>]) -> f32 {
    line.chars().filter_map(|c| Some(face_of(c, faces)?.advance(c))).sum()
}

/// The first face that has a character, or else the first.
fn face_of<'a, 'f>(c: char, faces: &'a [Typeface<'f>]) -> Option<&'a Typeface<'f>> {
    faces.iter().find(|face| face.has(c)).or(faces.first())
}

/// Adds a line at `size` pixels to `outline`, beginning at `x` with its feet at `y`.
pub fn set_line(
    line: &str,
    faces: &[Typeface<'_>],
    size: f32,
    [mut x, y]: [f32; 2],
    outline: &mut PathBuilder,
) {
    for c in line.chars() {
        if let Some(face) = face_of(c, faces) {
            face.draw(c, size, [x, y], outline);
            x += face.advance(c) * size;
        }
    }
}

/// The beginning of a line that takes `widest` font sizes at most, with an ellipsis where something is left out.
pub fn cut(line: &str, faces: &[Typeface<'_>], widest: f32) -> String {
    // A line is one line, whatever is in a title.
    let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line_width(&line, faces) <= widest {
        return line;
    }
    let advance = |c: char| face_of(c, faces).map_or(0.0, |face| face.advance(c));
    let mut room = widest - advance(ELLIPSIS);
    let fits = |c: &char| {
        room -= advance(*c);
        room >= 0.0
    };
    let mut kept: String = line.chars().take_while(fits).collect();
    kept.truncate(kept.trim_end().len());
    kept.push(ELLIPSIS);
    kept
}

/// Which point of a line is where it is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    /// How much of a line's width lies before its anchor.
    fn share(self) -> f32 {
        match self {
            Self::Start => 0.0,
            Self::Middle => 0.5,
            Self::End => 1.0,
        }
    }
}

/// Fills a line in one colour.
pub fn fill_line(
    pixmap: &mut Pixmap,
    line: &str,
    faces: &[Typeface<'_>],
    size: f32,
    [x, y]: [f32; 2],
    anchor: Anchor,
    [r, g, b]: [u8; 3],
) {
    let mut outline = PathBuilder::new();
    let left = x - anchor.share() * line_width(line, faces) * size;
    set_line(line, faces, size, [left, y], &mut outline);
    if let Some(outline) = outline.finish() {
        let mut paint = Paint::default();
        paint.set_color_rgba8(r, g, b, 255);
        pixmap.fill_path(&outline, &paint, FillRule::Winding, Transform::identity(), None);
    }
}
