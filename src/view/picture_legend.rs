//! The legend beside a map in a picture: what it says, and where each piece of it lies.

use egui::{Pos2, Rect, Vec2, pos2, vec2};

use super::glyphs::Typeface;
use super::lettering::{Anchor, cut, line_width};
use super::ramp::RampKind;

/// Font sizes, in view points.
const TITLE: f32 = 15.0;
const BODY: f32 = 12.0;
const SMALL: f32 = 11.0;
/// From one line to the next.
const ROW: f32 = 19.0;
/// Free space around the legend, and between its columns.
const MARGIN: f32 = 16.0;
const GUTTER: f32 = 20.0;
/// The side of a swatch, and the space after it.
const SWATCH: f32 = 10.0;
const GAP: f32 = 8.0;
/// Height of a ramp.
const RAMP: f32 = 10.0;
/// How wide a column is.
const COLUMN: (f32, f32) = (120.0, 250.0);
/// How much of the picture a legend takes at most: beside the map, or below it.
const SHARE_BESIDE: f32 = 0.4;
const SHARE_BELOW: f32 = 0.35;
/// Pictures that are higher than this share of their width have the legend below the map.
const UPRIGHT: f32 = 1.1;

/// One colour and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct LegendEntry {
    pub colour: [u8; 3],
    pub title: String,
    pub count: String,
}

/// What the colours mean.
#[derive(Clone, Debug, PartialEq)]
pub enum LegendColours {
    /// One colour for all.
    Plain,
    Entries(Vec<LegendEntry>),
    /// A ramp between two values, and what grey stands for, if anything is grey.
    Ramp {
        kind: RampKind,
        low: String,
        high: String,
        grey: Option<String>,
    },
}

/// What a legend says.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureLegend {
    /// What the picture shows, and a line about it.
    pub title: String,
    pub caption: String,
    /// What the points are coloured by.
    pub colour_by: String,
    pub colours: LegendColours,
}

/// How a text of the legend is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Text,
    Muted,
}

/// A piece of the legend, in view points.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Swatch {
        rect: Rect,
        colour: [u8; 3],
    },
    Ramp {
        rect: Rect,
        kind: RampKind,
    },
    /// A line with its feet at `at.y`.
    Text {
        at: Pos2,
        anchor: Anchor,
        size: f32,
        tone: Tone,
        text: String,
    },
}

/// Where the legend lies and what is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct LegendLayout {
    pub pieces: Vec<Piece>,
    /// The rest of the picture: the map's.
    pub map: Rect,
    /// Entries that there is no room for; the last line says so.
    pub left_out: usize,
}

/// Lays the legend out beside the map, or below it where `whole` stands upright.
pub fn lay_out(legend: &PictureLegend, whole: Rect, faces: &[Typeface<'_>]) -> LegendLayout {
    let below = whole.height() > UPRIGHT * whole.width();
    let entries: &[LegendEntry] = match &legend.colours {
        LegendColours::Entries(entries) => entries,
        _ => &[],
    };
    let widest = if below { whole.width() } else { SHARE_BESIDE * whole.width() } - 2.0 * MARGIN;
    let column = column_width(legend, entries, faces).min(widest).max(1.0);
    let most_columns = (((widest + GUTTER) / (column + GUTTER)) as usize).max(1);
    let head = head_height(legend);
    let highest = if below { SHARE_BELOW } else { 1.0 } * whole.height() - 2.0 * MARGIN - head;
    let most_rows = ((highest / ROW) as usize).max(1);
    let columns = match below {
        // A legend below takes the width it has, one beside only what it needs.
        true => most_columns.min(entries.len().max(1)),
        false => entries.len().div_ceil(most_rows).clamp(1, most_columns),
    };
    let rows = entries.len().div_ceil(columns).min(most_rows);
    let room = rows * columns;
    // The last place says what is left out.
    let shown = if entries.len() > room { room - 1 } else { entries.len() };
    let body = match legend.colours {
        LegendColours::Plain => 0.0,
        LegendColours::Entries(_) => rows as f32 * ROW,
        LegendColours::Ramp { ref grey, .. } => RAMP + ROW * if grey.is_some() { 2.0 } else { 1.0 },
    };
    let size = vec2(columns as f32 * (column + GUTTER) - GUTTER + 2.0 * MARGIN, head + body + 2.0 * MARGIN);
    let (map, area) = match below {
        true => whole.split_top_bottom_at_y(whole.bottom() - size.y.min(whole.height())),
        false => whole.split_left_right_at_x(whole.right() - size.x.min(whole.width())),
    };
    let inner = area.shrink(MARGIN);
    let mut set = Setter { pieces: Vec::new(), faces };
    let top = set.head(legend, inner);
    match &legend.colours {
        LegendColours::Plain => {}
        LegendColours::Entries(_) => {
            let place = |i: usize| {
                let corner =
                    pos2(inner.left() + (i / rows) as f32 * (column + GUTTER), top + (i % rows) as f32 * ROW);
                Rect::from_min_size(corner, vec2(column, ROW))
            };
            for (i, entry) in entries[..shown].iter().enumerate() {
                set.entry(entry, place(i));
            }
            if shown < entries.len() {
                let text = format!("and {} more", entries.len() - shown);
                let row = place(shown);
                set.line(&text, row, row.left() + SWATCH + GAP, Anchor::Start, SMALL, Tone::Muted);
            }
        }
        LegendColours::Ramp { kind, low, high, grey } => {
            let rect = Rect::from_min_size(pos2(inner.left(), top), vec2(column, RAMP));
            set.pieces.push(Piece::Ramp { rect, kind: *kind });
            let row = Rect::from_min_size(rect.left_bottom(), vec2(column, ROW));
            set.line(low, row, row.left(), Anchor::Start, SMALL, Tone::Muted);
            set.line(high, row, row.right(), Anchor::End, SMALL, Tone::Muted);
            if let Some(grey) = grey {
                let row = row.translate(vec2(0.0, ROW));
                set.line(grey, row, row.left(), Anchor::Start, SMALL, Tone::Muted);
            }
        }
    }
    LegendLayout { pieces: set.pieces, map, left_out: entries.len() - shown }
}

fn column_width(legend: &PictureLegend, entries: &[LegendEntry], faces: &[Typeface<'_>]) -> f32 {
    let entry = |e: &LegendEntry| {
        let (title, count) = (line_width(&e.title, faces) * BODY, line_width(&e.count, faces) * SMALL);
        SWATCH + GAP + title + GAP + GAP + count
    };
    let heads = [(&legend.title, TITLE), (&legend.caption, SMALL), (&legend.colour_by, SMALL)];
    let heads = heads.into_iter().map(|(text, size)| line_width(text, faces) * size);
    // The widths of letters add up to a little less than the line they make.
    heads.chain(entries.iter().map(entry)).fold(COLUMN.0, f32::max).ceil().min(COLUMN.1)
}

/// Height of title, caption and what the colours are.
fn head_height(legend: &PictureLegend) -> f32 {
    let line = |text: &str, height: f32| if text.is_empty() { 0.0 } else { height };
    line(&legend.title, TITLE + 9.0) + line(&legend.caption, ROW) + line(&legend.colour_by, ROW + 6.0)
}

struct Setter<'a> {
    pieces: Vec<Piece>,
    faces: &'a [Typeface<'a>],
}

impl Setter<'_> {
    /// A line within `row`, its height in the middle, cut at the row's end.
    fn line(&mut self, text: &str, row: Rect, x: f32, anchor: Anchor, size: f32, tone: Tone) {
        let room = match anchor {
            Anchor::Start => row.right() - x,
            _ => row.width(),
        };
        let text = cut(text, self.faces, room.max(0.0) / size);
        // Capitals are about 0.72 font sizes high: so they stand in the middle.
        let at = pos2(x, row.center().y + 0.36 * size);
        self.pieces.push(Piece::Text { at, anchor, size, tone, text });
    }

    /// The head; returns where the rest begins.
    fn head(&mut self, legend: &PictureLegend, inner: Rect) -> f32 {
        let mut top = inner.top();
        let lines = [
            (&legend.title, TITLE, Tone::Text, TITLE + 9.0, 0.0),
            (&legend.caption, SMALL, Tone::Muted, ROW, 0.0),
            (&legend.colour_by, SMALL, Tone::Muted, ROW, 6.0),
        ];
        for (text, size, tone, height, before) in lines.into_iter().filter(|(text, ..)| !text.is_empty()) {
            let row = Rect::from_min_size(pos2(inner.left(), top + before), vec2(inner.width(), height));
            self.line(text, row, row.left(), Anchor::Start, size, tone);
            top += height + before;
        }
        top
    }

    fn entry(&mut self, entry: &LegendEntry, row: Rect) {
        let centre = pos2(row.left() + 0.5 * SWATCH, row.center().y);
        let rect = Rect::from_center_size(centre, Vec2::splat(SWATCH));
        self.pieces.push(Piece::Swatch { rect, colour: entry.colour });
        self.line(&entry.count, row, row.right(), Anchor::End, SMALL, Tone::Muted);
        let taken = line_width(&entry.count, self.faces) * SMALL;
        let titled = Rect::from_min_max(row.min, pos2(row.right() - taken - GAP, row.bottom()));
        self.line(&entry.title, titled, row.left() + SWATCH + GAP, Anchor::Start, BODY, Tone::Text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn legend(entries: usize) -> PictureLegend {
        let entry =
            |i: usize| LegendEntry { colour: [i as u8; 3], title: format!("entry {i}"), count: "7".into() };
        PictureLegend {
            title: "Stories".into(),
            caption: "80 documents".into(),
            colour_by: "Cluster".into(),
            colours: LegendColours::Entries((0..entries).map(entry).collect()),
        }
    }

    fn area(width: f32, height: f32) -> Rect {
        Rect::from_min_size(Pos2::ZERO, vec2(width, height))
    }

    fn swatches(layout: &LegendLayout) -> Vec<Rect> {
        let rect = |piece: &Piece| match piece {
            Piece::Swatch { rect, .. } => Some(*rect),
            _ => None,
        };
        layout.pieces.iter().filter_map(rect).collect()
    }

    #[test]
    fn a_short_legend_is_one_column_beside_the_map() {
        let layout = lay_out(&legend(5), area(1200.0, 800.0), &[]);
        assert_eq!((swatches(&layout).len(), layout.left_out), (5, 0));
        assert!(layout.map.height() == 800.0 && layout.map.width() < 1100.0);
        assert!(swatches(&layout).iter().all(|rect| rect.left() > layout.map.right()));
    }

    #[test]
    fn a_long_one_has_columns_and_says_how_many_entries_are_left_out() {
        let layout = lay_out(&legend(100), area(1200.0, 800.0), &[]);
        let columns: std::collections::BTreeSet<i64> =
            swatches(&layout).iter().map(|rect| rect.left() as i64).collect();
        assert!(columns.len() > 1);
        assert!(layout.map.width() >= (1.0 - SHARE_BESIDE) * 1200.0);
        let layout = lay_out(&legend(1000), area(1200.0, 800.0), &[]);
        assert_eq!(layout.left_out + swatches(&layout).len(), 1000);
        let said = format!("and {} more", layout.left_out);
        assert!(layout.pieces.iter().any(|p| matches!(p, Piece::Text { text, .. } if *text == said)));
    }

    #[test]
    fn an_upright_picture_has_it_below() {
        let layout = lay_out(&legend(8), area(800.0, 1200.0), &[]);
        assert!(layout.map.width() == 800.0 && layout.map.height() < 1200.0);
        assert!(
            swatches(&layout).iter().all(|rect| rect.top() > layout.map.bottom() && rect.bottom() < 1200.0)
        );
    }

    #[test]
    fn pieces_stay_inside_even_where_there_is_hardly_room() {
        for (width, height) in [(60.0, 40.0), (1.0, 1.0), (300.0, 120.0), (40.0, 400.0)] {
            let layout = lay_out(&legend(40), area(width, height), &[]);
            assert!(layout.map.width() >= 0.0 && layout.map.height() >= 0.0, "{width} × {height}");
            assert_eq!(layout.left_out + swatches(&layout).len(), 40);
        }
    }
}
