//! Colours as numbers: sRGB bytes, OKLab, contrast, and the frame's colours that the map needs.

use egui::Color32;

/// A colour as the points' buffer holds it: bytes r, g, b, a in memory order, gamma-encoded, not premultiplied.
pub type Packed = u32;

/// Packs an opaque colour.
pub const fn pack([r, g, b]: [u8; 3]) -> Packed {
    u32::from_le_bytes([r, g, b, 255])
}

/// The red, green and blue of a packed colour.
pub const fn unpack(packed: Packed) -> [u8; 3] {
    let [r, g, b, _] = packed.to_le_bytes();
    [r, g, b]
}

/// A packed colour for egui.
pub const fn color32(packed: Packed) -> Color32 {
    let [r, g, b] = unpack(packed);
    Color32::from_rgb(r, g, b)
}

/// The colours of the frame that the map is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapTheme {
    pub dark: bool,
    pub background: [u8; 3],
    pub text: [u8; 3],
    pub muted: [u8; 3],
    pub accent: [u8; 3],
    /// What unclustered points and empty values are painted with.
    pub unclustered: [u8; 3],
}

impl MapTheme {
    /// Dark ground.
    pub const DARK: Self = Self {
        dark: true,
        background: [0x0e, 0x11, 0x16],
        text: [0xd7, 0xdd, 0xe5],
        muted: [0x8b, 0x95, 0xa3],
        accent: [0x5b, 0x9d, 0xff],
        unclustered: [0x6b, 0x72, 0x7d],
    };

    /// Light ground.
    pub const LIGHT: Self = Self {
        dark: false,
        background: [0xfb, 0xfb, 0xfc],
        text: [0x1b, 0x1f, 0x24],
        muted: [0x5c, 0x66, 0x72],
        accent: [0x25, 0x63, 0xeb],
        unclustered: [0x8c, 0x93, 0x9c],
    };

    /// The theme that goes with a dark or a light window.
    pub const fn of(dark: bool) -> &'static Self {
        if dark { &Self::DARK } else { &Self::LIGHT }
    }
}

/// Undoes the sRGB transfer function; both sides in [0, 1].
pub fn linear_from_srgb(value: f32) -> f32 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Applies the sRGB transfer function; both sides in [0, 1].
pub fn srgb_from_linear(value: f32) -> f32 {
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

/// A byte colour in linear light.
pub fn linear([r, g, b]: [u8; 3]) -> [f32; 3] {
    [r, g, b].map(|byte| linear_from_srgb(f32::from(byte) / 255.0))
}

/// Linear light as bytes, clipped to the gamut.
pub fn bytes_from_linear(rgb: [f32; 3]) -> [u8; 3] {
    rgb.map(|value| (srgb_from_linear(value.clamp(0.0, 1.0)) * 255.0).round() as u8)
}

/// A colour in OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020): lightness in
/// [0, 1], then green–red and blue–yellow. Distances in it are about as large as they look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OkLab {
    pub l: f32,
    pub a: f32,
    pub b: f32,
}

impl OkLab {
    /// From lightness, chroma and hue in degrees.
    pub fn from_lch(l: f32, chroma: f32, hue: f32) -> Self {
        let (sin, cos) = hue.to_radians().sin_cos();
        Self { l, a: chroma * cos, b: chroma * sin }
    }

    /// From linear light.
    pub fn from_linear([r, g, b]: [f32; 3]) -> Self {
        let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
        let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
        let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
        Self {
            l: 0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
            a: 1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
            b: 0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
        }
    }

    /// From bytes.
    pub fn from_rgb(rgb: [u8; 3]) -> Self {
        Self::from_linear(linear(rgb))
    }

    /// In linear light, outside [0, 1] where the screen cannot show it.
    pub fn to_linear(self) -> [f32; 3] {
        let l = self.l + 0.396_337_78 * self.a + 0.215_803_76 * self.b;
        let m = self.l - 0.105_561_346 * self.a - 0.063_854_17 * self.b;
        let s = self.l - 0.089_484_18 * self.a - 1.291_485_5 * self.b;
        let (l, m, s) = (l * l * l, m * m * m, s * s * s);
        [
            4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
            -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
            -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
        ]
    }

    /// The nearest colour of the same lightness and hue that a screen can show.
    pub fn to_rgb(self) -> [u8; 3] {
        let mut shown = self;
        // Chroma is given up in small steps, because clipping channels would turn the hue.
        while !shown.in_gamut() && shown.chroma() > 1e-3 {
            shown.a *= 0.96;
            shown.b *= 0.96;
        }
        bytes_from_linear(shown.to_linear())
    }

    /// Whether a screen can show it.
    pub fn in_gamut(self) -> bool {
        self.to_linear().iter().all(|value| (-1e-4..=1.0001).contains(value))
    }

    /// Distance from grey.
    pub fn chroma(self) -> f32 {
        self.a.hypot(self.b)
    }

    /// Euclidean distance: about 0.02 is just noticeable between patches.
    pub fn distance(self, other: Self) -> f32 {
        self.distance_squared(other).sqrt()
    }

    /// [`OkLab::distance`], squared.
    pub fn distance_squared(self, other: Self) -> f32 {
        let (l, a, b) = (self.l - other.l, self.a - other.a, self.b - other.b);
        l * l + a * a + b * b
    }

    /// The colour at `t` in [0, 1] on the straight line to `other`.
    pub fn mix(self, other: Self, t: f32) -> Self {
        let lerp = |from: f32, to: f32| from + (to - from) * t;
        Self { l: lerp(self.l, other.l), a: lerp(self.a, other.a), b: lerp(self.b, other.b) }
    }
}

/// Relative luminance (WCAG 2.2), in [0, 1].
pub fn luminance(rgb: [u8; 3]) -> f32 {
    let [r, g, b] = linear(rgb);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Contrast ratio of two colours (WCAG 2.2), from 1 to 21.
pub fn contrast(one: [u8; 3], other: [u8; 3]) -> f32 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// `rgb`, lighter or darker by as little as gives it the contrast `ratio` on `background`; its hue stays.
pub fn with_contrast(rgb: [u8; 3], background: [u8; 3], ratio: f32) -> [u8; 3] {
    let step = if luminance(background) < 0.18 { 0.01 } else { -0.01 };
    let mut lab = OkLab::from_rgb(rgb);
    let mut shown = rgb;
    while contrast(shown, background) < ratio && (0.0..=1.0).contains(&lab.l) {
        lab.l += step;
        shown = lab.to_rgb();
    }
    shown
}

/// A kind of colour blindness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deficiency {
    /// No medium-wavelength cones.
    Deuteranopia,
    /// No long-wavelength cones.
    Protanopia,
}

/// What a person with `deficiency` sees, in linear light (matrices of Machado, Oliveira & Fernandes, "A
/// physiologically-based model for simulation of color vision deficiency", 2009, at full severity).
pub fn simulate(rgb: [f32; 3], deficiency: Deficiency) -> [f32; 3] {
    let rows: [[f32; 3]; 3] = match deficiency {
        Deficiency::Deuteranopia => [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        Deficiency::Protanopia => [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    };
    rows.map(|row| (row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2]).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_survives_oklab_and_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [91, 157, 255], [200, 30, 120], [1, 2, 3]] {
            assert_eq!(OkLab::from_rgb(rgb).to_rgb(), rgb);
        }
    }

    #[test]
    fn white_has_lightness_one_and_no_chroma() {
        let white = OkLab::from_rgb([255; 3]);
        assert!((white.l - 1.0).abs() < 1e-3 && white.chroma() < 1e-3, "{white:?}");
    }

    #[test]
    fn black_on_white_has_the_greatest_contrast() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-3);
    }

    #[test]
    fn a_colour_too_near_the_background_moves_away_from_it_and_no_further_than_needed() {
        for theme in [MapTheme::DARK, MapTheme::LIGHT] {
            let yellow = with_contrast([0xf0, 0xe4, 0x42], theme.background, 3.0);
            let ratio = contrast(yellow, theme.background);
            assert!(ratio >= 3.0 && (theme.dark || ratio < 3.3), "{ratio}");
        }
    }

    #[test]
    fn greys_look_the_same_to_the_colour_blind() {
        for deficiency in [Deficiency::Deuteranopia, Deficiency::Protanopia] {
            let seen = simulate([0.5; 3], deficiency);
            assert!(seen.iter().all(|value| (value - 0.5).abs() < 0.01), "{seen:?}");
        }
    }

    #[test]
    fn the_frame_is_legible() {
        for theme in [MapTheme::DARK, MapTheme::LIGHT] {
            assert!(contrast(theme.text, theme.background) >= 4.5);
            assert!(contrast(theme.muted, theme.background) >= 4.5);
            assert!(contrast(theme.unclustered, theme.background) >= 3.0);
        }
    }

    #[test]
    fn packing_keeps_the_bytes_in_memory_order() {
        assert_eq!(pack([1, 2, 3]).to_le_bytes(), [1, 2, 3, 255]);
        assert_eq!(unpack(pack([9, 8, 7])), [9, 8, 7]);
    }
}
