//! Letters as outlines, for pictures drawn on the CPU.

use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::GlyphMetrics;
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use tiny_skia::PathBuilder;

/// A font file ready to draw from. Lengths are in font sizes.
pub struct Typeface<'a> {
    font: FontRef<'a>,
    metrics: GlyphMetrics<'a>,
    ascent: f32,
    descent: f32,
}

impl<'a> Typeface<'a> {
    /// Reads the bytes of a TrueType or OpenType file; `None` when they are not one.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        // A collection's first font is as good as any for names on a map.
        let font = FontRef::from_index(bytes, 0).ok()?;
        let metrics = font.metrics(Size::new(1.0), LocationRef::default());
        Some(Self {
            metrics: font.glyph_metrics(Size::new(1.0), LocationRef::default()),
            ascent: metrics.ascent,
            descent: metrics.descent,
            font,
        })
    }

    /// Whether it can draw a character.
    pub fn has(&self, c: char) -> bool {
        self.font.charmap().map(c).is_some_and(|glyph| glyph != GlyphId::NOTDEF)
    }

    /// How far the pen moves after a character.
    pub fn advance(&self, c: char) -> f32 {
        self.metrics.advance_width(self.glyph(c)).unwrap_or(0.0)
    }

    /// From one line to the next.
    pub fn line_height(&self) -> f32 {
        self.ascent - self.descent
    }

    /// From the top of a line to the feet of its letters.
    pub fn baseline(&self) -> f32 {
        self.ascent
    }

    /// Adds a character's outline at `size` pixels, its pen at `origin` on the baseline, y downwards.
    pub fn draw(&self, c: char, size: f32, origin: [f32; 2], outline: &mut PathBuilder) {
        if let Some(glyph) = self.font.outline_glyphs().get(self.glyph(c)) {
            let settings = DrawSettings::unhinted(Size::new(size), LocationRef::default());
            // A broken outline leaves a gap in a name: better than no picture.
            let _ = glyph.draw(settings, &mut Pen { origin, outline });
        }
    }

    fn glyph(&self, c: char) -> GlyphId {
        self.font.charmap().map(c).unwrap_or(GlyphId::NOTDEF)
    }
}

/// Moves outlines, which stand on y = 0 and point up, to where they belong.
struct Pen<'a> {
    origin: [f32; 2],
    outline: &'a mut PathBuilder,
}

impl Pen<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.origin[0] + x, self.origin[1] - y)
    }
}

impl OutlinePen for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.outline.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.outline.line_to(x, y);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y)) = (self.at(cx, cy), self.at(x, y));
        self.outline.quad_to(cx, cy, x, y);
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let ((cx0, cy0), (cx1, cy1), (x, y)) = (self.at(cx0, cy0), self.at(cx1, cy1), self.at(x, y));
        self.outline.cubic_to(cx0, cy0, cx1, cy1, x, y);
    }

    fn close(&mut self) {
        self.outline.close();
    }
}
