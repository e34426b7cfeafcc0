//! Names in the window: measured once, faded in and out, with a halo in the background's colour.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use egui::text::LayoutJob;
use egui::{Align, Color32, FontFamily, FontId, Painter, Pos2, Rect, Shape, Vec2};

use super::camera::Camera;
use super::colour::{MapTheme, OkLab, unpack, with_contrast};
use super::composition::HALO;
use super::labels::{MapLabel, Placed, font_sizes, place, wrap};

/// Seconds in which a name appears or goes.
const FADE_SECONDS: f32 = 0.15;

/// Names measured in one frame at most: some hundred would be felt.
const MEASURED_PER_FRAME: usize = 48;

/// Measured names kept at most.
const REMEMBERED: usize = 8192;

/// Copies of a name that make its halo, around a circle.
const HALO_COPIES: usize = 12;

/// How much of its cluster's colour a name takes.
const TINT: f32 = 0.45;

/// Least contrast of text.
const TEXT_CONTRAST: f32 = 4.5;

/// The colour of a name: the theme's text, tinted by what it names, legible on the background.
pub(super) fn text_colour(label: &MapLabel, theme: &MapTheme) -> [u8; 3] {
    let Some(colour) = label.colour else { return theme.text };
    let tinted = OkLab::from_rgb(theme.text).mix(OkLab::from_rgb(unpack(colour)), TINT);
    with_contrast(tinted.to_rgb(), theme.background, TEXT_CONTRAST)
}

/// Names on their way in and out of sight.
#[derive(Default)]
pub(super) struct LabelPainter {
    placed: Vec<Placed>,
    /// How far each name, by its identity, has appeared.
    shown: HashMap<u64, Fading>,
    measured: HashMap<u64, Measured>,
}

struct Fading {
    label: MapLabel,
    font_size: f32,
    opacity: f32,
    rect: Rect,
    wanted: bool,
}

#[derive(Clone)]
struct Measured {
    text: String,
    size: Vec2,
}

impl LabelPainter {
    /// The label whose name is at `at`, if one was there in the last frame.
    pub fn label_at(&self, at: Pos2) -> Option<usize> {
        self.placed.iter().find(|placed| placed.rect.contains(at)).map(|placed| placed.label)
    }

    /// Places, fades and paints names; returns whether another frame is needed.
    pub fn paint(
        &mut self,
        labels: &[MapLabel],
        (camera, fitted): (&Camera, &Camera),
        painter: &Painter,
        (view, covered): (Rect, &[Rect]),
        theme: &MapTheme,
        seconds: Option<f32>,
    ) -> bool {
        let font_sizes = font_sizes(labels);
        let family = label_family(painter);
        let (sizes, all_measured) = self.measure(labels, &font_sizes, &family, painter);
        let previous = std::mem::take(&mut self.placed);
        self.placed = place(labels, camera, fitted, view, &sizes, &previous, covered);

        let identities = identities(labels);
        self.shown.values_mut().for_each(|fading| fading.wanted = false);
        for placed in &self.placed {
            let label = &labels[placed.label];
            let font_size = font_sizes[placed.label];
            let fading = self.shown.entry(identities[placed.label]).or_insert_with(|| Fading {
                label: label.clone(),
                font_size,
                opacity: 0.0,
                rect: placed.rect,
                wanted: true,
            });
            if fading.label != *label {
                fading.label = label.clone();
            }
            (fading.font_size, fading.rect, fading.wanted) = (font_size, placed.rect, true);
        }
        // Without motion, a name is there or it is not.
        let step = seconds.map_or(1.0, |seconds| seconds / FADE_SECONDS);
        let mut moving = false;
        for fading in self.shown.values_mut() {
            let target = if fading.wanted { 1.0 } else { 0.0 };
            fading.opacity += (target - fading.opacity).clamp(-step, step);
            moving |= fading.opacity != target;
            if !fading.wanted {
                // Its place moves with the map while it goes.
                let anchor = camera.view_from_world(fading.label.anchor, view);
                fading.rect = Rect::from_center_size(anchor, fading.rect.size());
            }
        }
        self.shown.retain(|_, fading| fading.opacity > 0.0 || fading.wanted);

        // A fixed order, so that overlapping fades do not flicker.
        let mut shown: Vec<(&u64, &Fading)> = self.shown.iter().collect();
        shown.sort_by_key(|(identity, fading)| (fading.wanted, **identity));
        for (_, fading) in shown {
            let key = measure_key(&fading.label.text, fading.font_size, painter.pixels_per_point());
            if let Some(measured) = self.measured.get(&key) {
                paint_one(fading, &measured.text, &family, painter, theme);
            }
        }
        moving || !all_measured
    }

    /// The sizes of all names; those not measured yet are too large for any place.
    fn measure(
        &mut self,
        labels: &[MapLabel],
        font_sizes: &[f32],
        family: &FontFamily,
        painter: &Painter,
    ) -> (Vec<Vec2>, bool) {
        let density = painter.pixels_per_point();
        if self.measured.len() > REMEMBERED {
            self.measured.clear();
        }
        let mut left = MEASURED_PER_FRAME;
        let mut sizes = Vec::with_capacity(labels.len());
        for (label, &font_size) in labels.iter().zip(font_sizes) {
            let key = measure_key(&label.text, font_size, density);
            if !self.measured.contains_key(&key) && left > 0 {
                left -= 1;
                let font = FontId::new(font_size, family.clone());
                let lines = painter.fonts_mut(|fonts| {
                    wrap(&label.text, font_size, |line| {
                        line.chars().map(|c| fonts.glyph_width(&font, c)).sum()
                    })
                });
                let text = lines.join("\n");
                let size = painter.layout_job(job(&text, font)).size();
                self.measured.insert(key, Measured { text, size });
            }
            sizes.push(self.measured.get(&key).map_or(Vec2::INFINITY, |measured| measured.size));
        }
        let all_measured = sizes.iter().all(|size| size.x.is_finite());
        (sizes, all_measured)
    }
}

fn paint_one(fading: &Fading, text: &str, family: &FontFamily, painter: &Painter, theme: &MapTheme) {
    let galley = painter.layout_job(job(text, FontId::new(fading.font_size, family.clone())));
    // A centred galley hangs from the middle of its top.
    let top = Pos2::new(fading.rect.center().x, fading.rect.min.y);
    let eased = fading.opacity * fading.opacity * (3.0 - 2.0 * fading.opacity);
    let tone = |[r, g, b]: [u8; 3], alpha: f32| Color32::from_rgb(r, g, b).gamma_multiply(eased * alpha);
    let halo = tone(theme.background, 0.34);
    for ring in [0.55, 1.0] {
        for copy in 0..HALO_COPIES {
            let angle = std::f32::consts::TAU * copy as f32 / HALO_COPIES as f32;
            let place = top + ring * HALO * Vec2::angled(angle);
            painter.add(Shape::galley_with_override_text_color(place, galley.clone(), halo));
        }
    }
    let text = tone(text_colour(&fading.label, theme), 1.0);
    painter.add(Shape::galley_with_override_text_color(top, galley, text));
}

fn job(text: &str, font: FontId) -> LayoutJob {
    let mut job = LayoutJob::simple(text.to_owned(), font, Color32::PLACEHOLDER, f32::INFINITY);
    job.halign = Align::Center;
    job
}

/// The semibold family where the window has one.
fn label_family(painter: &Painter) -> FontFamily {
    let wanted = FontFamily::Name("semibold".into());
    let known = painter.fonts(|fonts| fonts.definitions().families.contains_key(&wanted));
    if known { wanted } else { FontFamily::Proportional }
}

/// What makes a name the same one in the next frame, wherever it stands in the list: its text and level, and how
/// many of these came before it.
fn identities(labels: &[MapLabel]) -> Vec<u64> {
    let mut seen = HashMap::new();
    let identity = |label: &MapLabel| {
        let before = seen.entry((label.text.clone(), label.level)).or_insert(0_u32);
        *before += 1;
        let mut hasher = DefaultHasher::new();
        (&label.text, label.level, *before).hash(&mut hasher);
        hasher.finish()
    };
    labels.iter().map(identity).collect()
}

fn measure_key(text: &str, font_size: f32, density: f32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (text, font_size.to_bits(), density.to_bits()).hash(&mut hasher);
    hasher.finish()
}
