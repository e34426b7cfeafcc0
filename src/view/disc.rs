//! What a point looks like. `shaders/points.wgsl` computes the same on a GPU: change them together.

use super::colour::{MapTheme, Packed};

/// What a person or the program says about a point: one byte a point.
pub mod flags {
    /// In the selection: full colour, ringed; all others step back.
    pub const SELECTED: u8 = 1;
    /// Filtered out: grey and faint.
    pub const DIMMED: u8 = 2;
    /// Not drawn and not picked.
    pub const HIDDEN: u8 = 4;
    /// Looked at, such as the clicked point: drawn as if selected.
    pub const FOCUS: u8 = 8;
}

/// Diameters of a point, in view points.
const DIAMETERS: (f32, f32) = (1.5, 6.0);

/// Share of the view that the points of a fitted map cover when nothing overlaps.
const COVERAGE: f32 = 0.10;

/// Opacity where points do not crowd, and the least one.
const OPACITIES: (f32, f32) = (0.7, 0.1);

/// Points covering this share of the view or more grow fainter.
const CROWDED: f32 = 0.6;

/// Opacity of a crowd of depth t: 1 - (1 + t / s)^-s. Discs over each other are the limit of a large s, which shows
/// nothing of how dense the densest places are: s is this, and the second number more where points cover the view
/// once, less where they cover it often.
const SOFTNESS: (f32, f32) = (2.0, 8.0);

/// Points grow with zoom to this power: slower than the distances between them.
const GROWTH: f32 = 0.55;

/// Opacity of points outside the selection.
const DIMMED_OPACITY: f32 = 0.15;

/// Rings around this many chosen points are drawn in full; around more, fainter.
const MANY_RINGS: f32 = 1500.0;

const CHOSEN_GROWTH: f32 = 0.75;
const CHOSEN_RADIUS: f32 = 2.25;
const CHOSEN_RING: f32 = 1.5;
const STACK_GROWTH: f32 = 0.3;
const STACK_GAP: f32 = 1.0;
const STACK_RING: f32 = 1.0;
const STACK_VISIBLE: (f32, f32) = (1.2, 2.4);

/// Half the diagonal of a pixel, and a little more.
const LEAST_EDGE: f32 = 0.7072;

const STACK_SHIFT: u32 = 4;
const LARGEST_STACK: u32 = 15;

/// What all points of a map have in common. Lengths are in view points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PointStyle {
    /// Radius of a plain point.
    pub radius: f32,
    /// Opacity of a plain point.
    pub opacity: f32,
    /// How slowly crowds of counted points grow opaque: see [`super::splat`].
    pub softness: f32,
    /// What points outside the selection are painted with: gamma-encoded, not premultiplied.
    pub dimmed: [f32; 4],
    /// The ring around chosen points, likewise.
    pub ring: [f32; 4],
    /// Whether some points are chosen, so that the others step back.
    pub any_chosen: bool,
}

impl PointStyle {
    /// The style of `count` points, `chosen` of them selected or looked at, in a view of `area` square points, at
    /// `zoom` times the fitted scale.
    pub fn new(count: usize, chosen: usize, area: f32, zoom: f64, theme: &MapTheme) -> Self {
        let (count, zoom) = (count.max(1) as f32, zoom as f32);
        let even = (COVERAGE * area / (std::f32::consts::PI * count)).sqrt();
        let radius = (even * zoom.powf(GROWTH)).clamp(0.5 * DIAMETERS.0, 0.5 * DIAMETERS.1);
        let covered = count * std::f32::consts::PI * radius * radius / (area * zoom * zoom).max(1.0);
        let opacity = (OPACITIES.0 * (CROWDED / covered).sqrt()).clamp(OPACITIES.1, OPACITIES.0);
        let ring_opacity = (MANY_RINGS / chosen.max(1) as f32).sqrt().clamp(0.25, 1.0);
        Self {
            radius,
            opacity,
            softness: SOFTNESS.0 + SOFTNESS.1 / covered.max(0.05),
            dimmed: with_alpha(theme.unclustered, DIMMED_OPACITY),
            ring: with_alpha(theme.text, ring_opacity),
            any_chosen: chosen > 0,
        }
    }

    /// View points from the centre of a point within which anything of it is painted.
    pub fn reach(&self) -> f32 {
        let largest = self.radius * (1.0 + STACK_GROWTH * LARGEST_STACK as f32) + STACK_GAP + STACK_RING;
        largest.max(CHOSEN_RADIUS) + CHOSEN_GROWTH + CHOSEN_RING + 1.0
    }
}

fn with_alpha(rgb: [u8; 3], alpha: f32) -> [f32; 4] {
    let [r, g, b] = rgb.map(|byte| f32::from(byte) / 255.0);
    [r, g, b, alpha]
}

/// A point's colour, flags and stack in one number, as the GPU reads it. `stack` is the number of points at its
/// place; the size of the disc follows its logarithm.
pub fn mark(colour: Packed, flags: u8, stack: u32) -> u32 {
    let doublings = stack.max(1).ilog2().min(LARGEST_STACK);
    (colour & 0x00ff_ffff) | (doublings << STACK_SHIFT | u32::from(flags & 0xf)) << 24
}

/// A disc and a ring around it, in pixels; colours gamma-encoded and not premultiplied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Disc {
    /// Whether it lies in the upper layer.
    pub chosen: bool,
    pub fill: [f32; 4],
    pub ring: [f32; 4],
    pub radius: f32,
    pub inner: f32,
    pub outer: f32,
}

impl Disc {
    /// The disc of a [`mark`] at `density` pixels a view point, `None` when it is hidden.
    pub fn of(mark: u32, style: &PointStyle, density: f32) -> Option<Self> {
        let [r, g, b, flags] = mark.to_le_bytes();
        if flags & flags::HIDDEN != 0 {
            return None;
        }
        let chosen = flags & (flags::SELECTED | flags::FOCUS) != 0;
        let stack = f32::from(flags >> STACK_SHIFT);
        let radius = style.radius * density * (1.0 + STACK_GROWTH * stack);
        if chosen {
            let radius = (radius + CHOSEN_GROWTH * density).max(CHOSEN_RADIUS * density);
            let outer = radius + CHOSEN_RING * density;
            let fill = with_alpha([r, g, b], 1.0);
            return Some(Self { chosen, fill, ring: style.ring, radius, inner: radius, outer });
        }
        let steps_back = style.any_chosen || flags & flags::DIMMED != 0;
        let fill = if steps_back { style.dimmed } else { with_alpha([r, g, b], style.opacity) };
        let mut disc = Self { chosen, fill, ring: [0.0; 4], radius, inner: 0.0, outer: 0.0 };
        if stack > 0.0 {
            let t = ((style.radius - STACK_VISIBLE.0) / (STACK_VISIBLE.1 - STACK_VISIBLE.0)).clamp(0.0, 1.0);
            disc.ring = fill;
            disc.ring[3] *= t * t * (3.0 - 2.0 * t);
            disc.inner = radius + STACK_GAP * density;
            disc.outer = disc.inner + STACK_RING * density;
        }
        Some(disc)
    }

    /// How far from the centre anything is painted.
    pub fn reach(&self) -> f32 {
        self.radius.max(self.outer) + 1.0
    }

    /// How far from the centre a pixel's middle may lie for the point to be what the pixel shows: half of the pixel is
    /// painted, then. The smallest disc has the pixel of its centre, and a stack the gap within its ring.
    pub fn edge(&self) -> f32 {
        (if self.ring[3] > 0.0 { self.outer } else { self.radius }).max(LEAST_EDGE)
    }

    /// The premultiplied colour at a distance from the centre.
    pub fn colour_at(&self, distance: f32) -> [f32; 4] {
        let inside = (self.radius - distance + 0.5).clamp(0.0, 1.0);
        let from_ring = (distance - self.inner + 0.5).clamp(0.0, 1.0);
        let to_ring = (self.outer - distance + 0.5).clamp(0.0, 1.0);
        let fill = self.fill[3] * inside;
        let ring = self.ring[3] * from_ring.min(to_ring) * (1.0 - inside);
        let channel = |c: usize| self.fill[c] * fill + self.ring[c] * ring;
        [channel(0), channel(1), channel(2), fill + ring]
    }
}

#[cfg(test)]
mod tests {
    use super::super::colour::pack;
    use super::*;

    fn style(count: usize, zoom: f64) -> PointStyle {
        PointStyle::new(count, 0, 800.0 * 600.0, zoom, &MapTheme::DARK)
    }

    #[test]
    fn points_shrink_in_crowds_and_grow_with_zoom() {
        assert_eq!(style(100, 1.0).radius, 3.0);
        assert_eq!(style(1_000_000, 1.0).radius, 0.75);
        let (far, near) = (style(20_000, 1.0), style(20_000, 8.0));
        assert!(far.radius > 0.75 && near.radius > far.radius && near.radius <= 3.0);
    }

    #[test]
    fn a_million_points_are_fainter_until_one_zooms_in() {
        assert_eq!(style(2_000, 1.0).opacity, 0.7);
        assert!(style(1_000_000, 1.0).opacity < 0.4);
        assert_eq!(style(1_000_000, 20.0).opacity, 0.7);
    }

    #[test]
    fn a_selected_point_keeps_its_colour_and_the_others_turn_grey() {
        let style = PointStyle::new(100, 1, 1e5, 1.0, &MapTheme::DARK);
        let chosen = Disc::of(mark(pack([255, 0, 0]), flags::SELECTED, 1), &style, 1.0).unwrap();
        let other = Disc::of(mark(pack([255, 0, 0]), 0, 1), &style, 1.0).unwrap();
        assert_eq!(chosen.colour_at(0.0), [1.0, 0.0, 0.0, 1.0]);
        assert!(chosen.outer > chosen.radius);
        assert!((other.colour_at(0.0)[3] - DIMMED_OPACITY).abs() < 1e-6);
    }

    #[test]
    fn hidden_points_are_not_drawn() {
        assert_eq!(Disc::of(mark(0, flags::HIDDEN, 1), &style(10, 1.0), 1.0), None);
    }

    #[test]
    fn stacks_are_larger_and_ringed() {
        let style = style(100, 1.0);
        let [one, two, many] = [1, 2, 100].map(|stack| Disc::of(mark(0, 0, stack), &style, 1.0).unwrap());
        assert!(one.radius < two.radius && two.radius < many.radius);
        assert!(two.ring[3] > 0.0 && one.ring[3] == 0.0);
    }

    #[test]
    fn the_edge_is_soft() {
        let disc = Disc::of(mark(pack([255; 3]), flags::FOCUS, 1), &style(100, 1.0), 1.0).unwrap();
        assert_eq!(disc.colour_at(disc.outer)[3], 0.5);
        assert_eq!(disc.colour_at(disc.reach())[3], 0.0);
    }
}
