//! A chart as a picture, drawn on the CPU: bars, columns or a table of counts, to be put into a text or on a slide.

use tiny_skia::{Color, FillRule, PathBuilder, Pixmap, Rect, Transform};

use super::colour::MapTheme;
use super::glyphs::Typeface;
use super::lettering::{Anchor, cut, fill_line, line_width, set_line};
use super::raster::{Raster, RasterError, paint};

/// Width of a picture and free space around it, in points.
const WIDTH: f32 = 640.0;
const MARGIN: f32 = 20.0;
/// Font sizes.
const TITLE: f32 = 15.0;
const BODY: f32 = 12.0;
const SMALL: f32 = 11.0;
const LINE: f32 = 18.0;
/// A row of bars, the share of the width that names take, and the room for figures.
const ROW: f32 = 22.0;
const NAMES: f32 = 0.32;
const FIGURES: f32 = 92.0;
/// Height of columns.
const COLUMNS: f32 = 200.0;
/// Cells of a table, and the room for the names of its columns, which stand upright.
const CELL: (f32, f32) = (44.0, 22.0);
const HEADS: f32 = 120.0;
/// How opaque the fullest cell is.
const FULLEST: f32 = 0.6;

/// How many documents, and which share of those that the chart counts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figure {
    pub count: u32,
    pub share: f64,
}

/// One bar or column.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub name: String,
    pub whole: Figure,
    /// Of the selection, where there is one: drawn over the whole.
    pub part: Option<Figure>,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub text: String,
    /// How dark it is, in [0, 1].
    pub weight: f64,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Named bars, one below the other.
    Bars(Vec<Bar>),
    /// Columns along an axis, its ends named.
    Columns { bars: Vec<Bar>, low: String, high: String },
    /// Rows of cells.
    Table { rows: Vec<String>, columns: Vec<String>, cells: Vec<Vec<Cell>> },
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    pub title: String,
    pub caption: String,
    pub body: Body,
    /// Below it: what was left out or put together.
    pub note: String,
    /// All of its figures, with names in the first row.
    pub figures: Vec<Vec<String>>,
}

/// The share that fills a track, of some bars.
pub fn longest(bars: &[Bar]) -> f64 {
    let shares = bars.iter().flat_map(|bar| [Some(bar.whole), bar.part]).flatten().map(|figure| figure.share);
    shares.fold(0.0, f64::max).max(1e-9)
}

/// Draws a chart, `density` pixels a point, its title in the first faces and everything else in the second.
pub fn draw(
    chart: &Chart,
    theme: &MapTheme,
    density: f32,
    bold: &[Typeface<'_>],
    plain: &[Typeface<'_>],
) -> Result<Raster, RasterError> {
    let (names, table_width) = match &chart.body {
        Body::Table { rows, columns, .. } => {
            let widest = rows.iter().map(|row| line_width(row, plain) * BODY).fold(60.0, f32::max).min(200.0);
            (widest, widest + 10.0 + columns.len() as f32 * CELL.0)
        }
        _ => ((WIDTH - 2.0 * MARGIN) * NAMES, 0.0),
    };
    let inner = (WIDTH - 2.0 * MARGIN).max(table_width);
    let notes = lines(&chart.note, plain, inner / SMALL);
    let captions = lines(&chart.caption, plain, inner / SMALL);
    let heads = match &chart.body {
        Body::Table { columns, .. } => {
            let longest = columns.iter().map(|column| line_width(column, plain) * SMALL).fold(0.0, f32::max);
            (longest + 12.0).min(HEADS)
        }
        _ => 0.0,
    };
    let body = match &chart.body {
        Body::Bars(bars) => bars.len() as f32 * ROW,
        Body::Columns { .. } => COLUMNS + LINE,
        Body::Table { rows, .. } => heads + rows.len() as f32 * CELL.1,
    };
    let head = TITLE + 6.0 + captions.len() as f32 * LINE + 10.0;
    let foot = if notes.is_empty() { 0.0 } else { 8.0 + notes.len() as f32 * LINE };
    let size =
        [inner + 2.0 * MARGIN, head + body + foot + 2.0 * MARGIN].map(|side| (side * density).ceil() as u32);
    let [width, height] = size;
    let mut pixmap = Pixmap::new(width, height).ok_or(RasterError::Size { width, height })?;
    let [r, g, b] = theme.background;
    pixmap.fill(Color::from_rgba8(r, g, b, 255));
    let mut pen = Pen { pixmap, density, theme, plain };
    let title = cut(&chart.title, bold, inner / TITLE);
    let at = [MARGIN * density, (MARGIN + TITLE) * density];
    fill_line(&mut pen.pixmap, &title, bold, TITLE * density, at, Anchor::Start, theme.text);
    for (i, line) in captions.iter().enumerate() {
        pen.text(
            line,
            [MARGIN, MARGIN + TITLE + 6.0 + i as f32 * LINE + SMALL],
            Anchor::Start,
            SMALL,
            theme.muted,
        );
    }
    let top = MARGIN + head;
    match &chart.body {
        Body::Bars(bars) => pen.bars(bars, [MARGIN, top], inner, names),
        Body::Columns { bars, low, high } => pen.columns(bars, (low, high), [MARGIN, top], inner),
        Body::Table { rows, columns, cells } => {
            pen.table((rows, columns), cells, [MARGIN, top], names, heads)
        }
    }
    for (i, line) in notes.iter().enumerate() {
        let y = top + body + 8.0 + i as f32 * LINE + SMALL;
        pen.text(line, [MARGIN, y], Anchor::Start, SMALL, theme.muted);
    }
    Ok(Raster::of(pen.pixmap))
}

/// Text in lines of at most `widest` font sizes.
fn lines(text: &str, faces: &[Typeface<'_>], widest: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line_width(&format!("{line} {word}"), faces) <= widest => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

struct Pen<'a> {
    pixmap: Pixmap,
    density: f32,
    theme: &'a MapTheme,
    plain: &'a [Typeface<'a>],
}

impl Pen<'_> {
    fn text(&mut self, text: &str, [x, y]: [f32; 2], anchor: Anchor, size: f32, colour: [u8; 3]) {
        let d = self.density;
        fill_line(&mut self.pixmap, text, self.plain, size * d, [x * d, y * d], anchor, colour);
    }

    /// A rectangle from left, top, right and bottom.
    fn fill(&mut self, sides: [f32; 4], colour: [u8; 3], opacity: f32) {
        let [left, top, right, bottom] = sides.map(|side| (side * self.density).round());
        // What is there shows, be it ever so small.
        let (right, top) = (right.max(left + 1.0), top.min(bottom - 1.0));
        if let Some(rect) = Rect::from_ltrb(left, top, right, bottom) {
            let paint = paint(colour, (opacity * 255.0).round() as u8);
            self.pixmap.fill_rect(rect, &paint, Transform::identity(), None);
        }
    }

    fn bars(&mut self, bars: &[Bar], [left, top]: [f32; 2], width: f32, names: f32) {
        let (full, theme) = (longest(bars), self.theme);
        let track = width - names - FIGURES - 12.0;
        for (i, bar) in bars.iter().enumerate() {
            let y = top + i as f32 * ROW;
            let feet = y + 0.5 * ROW + 0.36 * BODY;
            let name = cut(&bar.name, self.plain, names / BODY);
            self.text(&name, [left, feet], Anchor::Start, BODY, theme.text);
            let start = left + names + 12.0;
            let length = |figure: Figure| track * (figure.share / full) as f32;
            if bar.whole.count > 0 {
                let (high, low) = if bar.part.is_some() { (3.0, ROW - 3.0) } else { (5.0, ROW - 5.0) };
                self.fill([start, y + high, start + length(bar.whole), y + low], theme.unclustered, 0.55);
            }
            if let Some(part) = bar.part.filter(|part| part.count > 0) {
                self.fill([start, y + 7.0, start + length(part), y + ROW - 7.0], theme.accent, 1.0);
            }
            let figure = bar.part.unwrap_or(bar.whole);
            let text = format!("{}  {:.1}%", grouped(figure.count), figure.share * 100.0);
            self.text(&text, [left + width, feet], Anchor::End, SMALL, theme.muted);
        }
    }

    fn columns(&mut self, bars: &[Bar], (low, high): (&str, &str), [left, top]: [f32; 2], width: f32) {
        let (full, theme) = (longest(bars), self.theme);
        let (step, bottom) = (width / bars.len().max(1) as f32, top + COLUMNS);
        let gap = (0.12 * step).min(2.0);
        for (i, bar) in bars.iter().enumerate() {
            let (from, to) = (left + i as f32 * step, left + (i + 1) as f32 * step - gap);
            let height = |figure: Figure| COLUMNS * (figure.share / full) as f32;
            if bar.whole.count > 0 {
                self.fill([from, bottom - height(bar.whole), to, bottom], theme.unclustered, 0.55);
            }
            if let Some(part) = bar.part.filter(|part| part.count > 0) {
                self.fill([from, bottom - height(part), to, bottom], theme.accent, 0.85);
            }
        }
        self.fill([left, bottom, left + width, bottom + 1.0], theme.muted, 0.6);
        let feet = bottom + LINE - 3.0;
        self.text(low, [left, feet], Anchor::Start, SMALL, theme.muted);
        if bars.len() > 1 {
            self.text(high, [left + width, feet], Anchor::End, SMALL, theme.muted);
        }
    }

    fn table(
        &mut self,
        (rows, columns): (&[String], &[String]),
        cells: &[Vec<Cell>],
        [left, top]: [f32; 2],
        names: f32,
        heads: f32,
    ) {
        let theme = self.theme;
        let first = left + names + 10.0;
        for (i, column) in columns.iter().enumerate() {
            let name = cut(column, self.plain, (heads - 10.0) / SMALL);
            self.upright(&name, [first + (i as f32 + 0.5) * CELL.0 + 0.36 * SMALL, top + heads - 6.0]);
        }
        for (j, (row, cells)) in rows.iter().zip(cells).enumerate() {
            let y = top + heads + j as f32 * CELL.1;
            let feet = y + 0.5 * CELL.1 + 0.36 * SMALL;
            let name = cut(row, self.plain, names / BODY);
            self.text(&name, [left, feet], Anchor::Start, BODY, theme.text);
            for (i, cell) in cells.iter().enumerate() {
                let x = first + i as f32 * CELL.0;
                if cell.weight > 0.0 {
                    let opacity = FULLEST * cell.weight as f32;
                    self.fill([x, y, x + CELL.0 - 1.0, y + CELL.1 - 1.0], theme.accent, opacity);
                }
                let at = [x + 0.5 * CELL.0, feet];
                self.text(&cell.text, at, Anchor::Middle, SMALL, theme.text);
            }
        }
    }

    /// A line that is read from below, its feet at the right.
    fn upright(&mut self, text: &str, [x, y]: [f32; 2]) {
        let d = self.density;
        let mut outline = PathBuilder::new();
        set_line(text, self.plain, SMALL * d, [0.0, 0.0], &mut outline);
        if let Some(outline) = outline.finish() {
            let turned = Transform::from_rotate(-90.0).post_translate(x * d, y * d);
            self.pixmap.fill_path(&outline, &paint(self.theme.muted, 255), FillRule::Winding, turned, None);
        }
    }
}

/// Thousands are grouped by commas.
fn grouped(n: u32) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::fonts::FontFiles;

    fn bar(name: &str, whole: f64, part: f64) -> Bar {
        let figure = |share: f64| Figure { count: (share * 100.0) as u32, share };
        Bar { name: name.into(), whole: figure(whole), part: Some(figure(part)) }
    }

    fn drawn(body: Body) -> Raster {
        let files = FontFiles::load().unwrap();
        let chart = Chart {
            title: "Kind".into(),
            caption: "3 of 40 documents, over all of them in grey".into(),
            body,
            note: "2 more values".into(),
            figures: Vec::new(),
        };
        draw(&chart, &MapTheme::LIGHT, 2.0, &files.typefaces(), &files.text_typefaces()).unwrap()
    }

    fn pixels_of(raster: &Raster, colour: [u8; 3]) -> Vec<(u32, u32)> {
        let near = |x: u32, y: u32| raster.pixel(x, y).iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 4);
        (0..raster.height)
            .flat_map(|y| (0..raster.width).map(move |x| (x, y)))
            .filter(|&(x, y)| near(x, y))
            .collect()
    }

    #[test]
    fn bars_are_as_long_as_their_shares() {
        let raster = drawn(Body::Bars(vec![bar("land", 0.75, 0.25), bar("water", 0.25, 0.5)]));
        let accent = pixels_of(&raster, MapTheme::LIGHT.accent);
        let rows: std::collections::BTreeSet<u32> = accent.iter().map(|(_, y)| *y).collect();
        let length = |y: u32| accent.iter().filter(|(_, row)| *row == y).count() as f64;
        let (first, last) = (*rows.first().unwrap(), *rows.last().unwrap());
        assert!((length(last) / length(first) - 2.0).abs() < 0.03);
    }

    #[test]
    fn a_column_without_documents_stays_empty_and_a_small_one_shows() {
        let mut bars = vec![bar("1990", 1.0, 0.0), bar("1991", 0.9, 0.0), bar("1992", 0.5, 1.0)];
        bars[1].part = Some(Figure { count: 1, share: 1e-5 });
        let raster = drawn(Body::Columns { bars, low: "1990".into(), high: "1992".into() });
        let blue = |[r, _, b]: [u8; 3]| b > r.saturating_add(60);
        let columns: std::collections::BTreeSet<u32> = (0..raster.width)
            .filter(|&x| (0..raster.height).any(|y| blue(raster.pixel(x, y))))
            .map(|x| 3 * x.saturating_sub(40) / (raster.width - 80))
            .collect();
        assert_eq!(columns.into_iter().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_table_grows_with_its_columns_and_full_cells_are_darker() {
        let cell = |weight: f64| Cell { text: String::new(), weight };
        let table = |n: usize| Body::Table {
            rows: vec!["land".into(), "water".into()],
            columns: vec!["work".into(); n],
            cells: vec![vec![cell(1.0); n], vec![cell(0.0); n]],
        };
        let (narrow, wide) = (drawn(table(3)), drawn(table(20)));
        assert!(wide.width > narrow.width);
        let blue = |[r, _, b]: [u8; 3]| b > r.saturating_add(60);
        let shaded = |raster: &Raster| {
            let pixels = (0..raster.height).flat_map(|y| (0..raster.width).map(move |x| (x, y)));
            pixels.filter(|&(x, y)| blue(raster.pixel(x, y))).count()
        };
        // A full row of either table, and nothing of the empty one.
        let a_row = |columns: f32| (columns * (CELL.0 - 1.0) * (CELL.1 - 1.0) * 4.0) as usize;
        for (raster, columns) in [(&narrow, 3.0), (&wide, 20.0)] {
            assert!(shaded(raster).abs_diff(a_row(columns)) < a_row(columns) / 20);
        }
    }
}
