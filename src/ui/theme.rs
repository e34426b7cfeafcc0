//! Colours, spacing and type of both themes in one place; nothing else in the window names a colour.

use std::sync::Arc;

use egui::style::{HandleShape, Selection, TextCursorStyle, WidgetVisuals, Widgets};
use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle, Ui, vec2};

/// Corners of buttons, fields and popovers.
pub const RADIUS: u8 = 6;
/// Corners of chips and swatches.
pub const SMALL_RADIUS: u8 = 3;
/// The steps of the grid.
pub const SPACE_4: f32 = 4.0;
pub const SPACE_8: f32 = 8.0;
pub const SPACE_12: f32 = 12.0;
pub const SPACE_16: f32 = 16.0;
pub const SPACE_24: f32 = 24.0;
/// Heights of the fixed bars.
pub const TOP_BAR: f32 = 40.0;
pub const STATUS_BAR: f32 = 28.0;
/// Default sizes of the panels.
pub const LEFT_PANEL: f32 = 260.0;
pub const RIGHT_PANEL: f32 = 340.0;
pub const BOTTOM_PANEL: f32 = 220.0;
/// Icons in buttons.
pub const ICON: f32 = 16.0;
/// How far the ground of a row reaches beyond its text at either side.
pub const ROW_REACH: f32 = 6.0;
/// A row of a list or a menu.
pub const ROW: f32 = 24.0;
/// Panels and popovers slide and fade this long, in seconds.
const MOTION: f32 = 0.18;

/// The family of titles.
pub fn semibold() -> FontFamily {
    FontFamily::Name("semibold".into())
}

/// 15 px semibold: what a panel or sheet is about.
pub fn title() -> TextStyle {
    TextStyle::Heading
}

/// 13 px semibold: what a group or row is about.
pub fn strong() -> TextStyle {
    TextStyle::Name("strong".into())
}

/// 28 px semibold: the name on the welcome page.
pub fn display() -> TextStyle {
    TextStyle::Name("display".into())
}

/// 11 px semibold: the headers of sections.
pub fn section() -> TextStyle {
    TextStyle::Name("section".into())
}

/// The colours of one theme.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    pub dark: bool,
    /// Behind the map and the welcome page.
    pub background: Color32,
    /// Panels and bars.
    pub panel: Color32,
    /// Popovers and sheets, which float above panels.
    pub raised: Color32,
    /// Fields to type in, and the ground of bars.
    pub field: Color32,
    pub text: Color32,
    pub muted: Color32,
    pub accent: Color32,
    /// Text on a surface of the accent's colour.
    pub on_accent: Color32,
    pub hairline: Color32,
    /// Buttons at rest, under the pointer and pressed.
    pub button: Color32,
    pub hovered: Color32,
    pub pressed: Color32,
    /// Behind the chosen row.
    pub selected: Color32,
    /// The bars of small charts that show the whole.
    pub bar: Color32,
    pub good: Color32,
    pub warning: Color32,
    pub error: Color32,
    /// Dims the page below a sheet.
    pub veil: Color32,
    pub shadow: Color32,
}

/// The dark theme.
pub const DARK: Theme = Theme {
    dark: true,
    background: Color32::from_rgb(0x0E, 0x11, 0x16),
    panel: Color32::from_rgb(0x15, 0x1A, 0x21),
    raised: Color32::from_rgb(0x1B, 0x21, 0x2A),
    field: Color32::from_rgb(0x0E, 0x11, 0x16),
    text: Color32::from_rgb(0xD7, 0xDD, 0xE5),
    muted: Color32::from_rgb(0x8B, 0x95, 0xA3),
    accent: Color32::from_rgb(0x5B, 0x9D, 0xFF),
    on_accent: Color32::from_rgb(0x08, 0x12, 0x22),
    hairline: Color32::from_rgb(0x26, 0x2D, 0x37),
    button: Color32::from_rgb(0x22, 0x29, 0x33),
    hovered: Color32::from_rgb(0x2A, 0x32, 0x3E),
    pressed: Color32::from_rgb(0x32, 0x3C, 0x4A),
    selected: Color32::from_rgb(0x1D, 0x2F, 0x4D),
    bar: Color32::from_rgb(0x5A, 0x65, 0x74),
    good: Color32::from_rgb(0x5F, 0xBF, 0x95),
    warning: Color32::from_rgb(0xE3, 0xB3, 0x41),
    error: Color32::from_rgb(0xF2, 0x7E, 0x83),
    veil: Color32::from_rgba_premultiplied(0x04, 0x05, 0x07, 0xA6),
    shadow: Color32::from_rgba_premultiplied(0, 0, 0, 0x66),
};

/// The light theme.
pub const LIGHT: Theme = Theme {
    dark: false,
    background: Color32::from_rgb(0xFB, 0xFB, 0xFC),
    panel: Color32::from_rgb(0xF3, 0xF4, 0xF6),
    raised: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    field: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    text: Color32::from_rgb(0x1B, 0x1F, 0x24),
    muted: Color32::from_rgb(0x5C, 0x66, 0x72),
    accent: Color32::from_rgb(0x25, 0x63, 0xEB),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    hairline: Color32::from_rgb(0xDC, 0xDF, 0xE4),
    button: Color32::from_rgb(0xE5, 0xE8, 0xEC),
    hovered: Color32::from_rgb(0xDB, 0xDF, 0xE5),
    pressed: Color32::from_rgb(0xCF, 0xD4, 0xDC),
    selected: Color32::from_rgb(0xDB, 0xE7, 0xFD),
    bar: Color32::from_rgb(0x9A, 0xA4, 0xB1),
    good: Color32::from_rgb(0x16, 0x75, 0x4C),
    warning: Color32::from_rgb(0x8A, 0x5B, 0x00),
    error: Color32::from_rgb(0xB9, 0x2A, 0x3E),
    veil: Color32::from_rgba_premultiplied(0x0B, 0x0C, 0x0E, 0x59),
    shadow: Color32::from_rgba_premultiplied(0, 0, 0, 0x28),
};

impl Theme {
    /// The theme that `ui` is drawn in.
    pub fn of(ui: &Ui) -> &'static Self {
        Self::for_mode(ui.visuals().dark_mode)
    }

    /// The theme of the whole window at the moment.
    pub fn of_context(ctx: &Context) -> &'static Self {
        Self::for_mode(ctx.theme() == egui::Theme::Dark)
    }

    /// The dark or the light theme.
    pub fn for_mode(dark: bool) -> &'static Self {
        if dark { &DARK } else { &LIGHT }
    }

    /// A hairline.
    pub fn line(&self) -> Stroke {
        Stroke::new(1.0, self.hairline)
    }

    /// The frame of a panel.
    pub fn panel_frame(&self) -> egui::Frame {
        egui::Frame::new().fill(self.panel).inner_margin(Margin::same(12))
    }

    /// The frame of a popover, a sheet or a card over the map: the one elevation there is.
    pub fn popover_frame(&self) -> egui::Frame {
        egui::Frame::new()
            .fill(self.raised)
            .stroke(self.line())
            .corner_radius(CornerRadius::same(RADIUS))
            .inner_margin(Margin::same(12))
            .shadow(self.elevation())
    }

    fn elevation(&self) -> Shadow {
        Shadow { offset: [0, 4], blur: 16, spread: 0, color: self.shadow }
    }

    fn widgets(&self) -> Widgets {
        let state = |fill: Color32, text: Color32, ring: Stroke| WidgetVisuals {
            bg_fill: fill,
            weak_bg_fill: fill,
            bg_stroke: ring,
            fg_stroke: Stroke::new(1.0, text),
            corner_radius: CornerRadius::same(RADIUS),
            expansion: 0.0,
        };
        // A widget that has the keyboard's focus is drawn as active: the ring is how one sees where one is.
        let ring = Stroke::new(1.5, self.accent);
        Widgets {
            noninteractive: WidgetVisuals {
                bg_stroke: self.line(),
                ..state(self.panel, self.text, self.line())
            },
            inactive: state(self.button, self.text, Stroke::NONE),
            hovered: state(self.hovered, self.text, Stroke::NONE),
            active: state(self.pressed, self.text, ring),
            open: state(self.hovered, self.text, Stroke::NONE),
        }
    }

    fn visuals(&self) -> egui::Visuals {
        let base = if self.dark { egui::Visuals::dark() } else { egui::Visuals::light() };
        egui::Visuals {
            dark_mode: self.dark,
            weak_text_color: Some(self.muted),
            widgets: self.widgets(),
            selection: Selection { bg_fill: self.selected, stroke: Stroke::new(1.0, self.text) },
            hyperlink_color: self.accent,
            faint_bg_color: self.panel,
            extreme_bg_color: self.field,
            text_edit_bg_color: Some(self.field),
            code_bg_color: self.field,
            warn_fg_color: self.warning,
            error_fg_color: self.error,
            window_corner_radius: CornerRadius::same(RADIUS),
            menu_corner_radius: CornerRadius::same(RADIUS),
            window_shadow: self.elevation(),
            popup_shadow: self.elevation(),
            window_fill: self.raised,
            window_stroke: self.line(),
            panel_fill: self.panel,
            text_cursor: TextCursorStyle { stroke: Stroke::new(1.5, self.accent), ..Default::default() },
            slider_trailing_fill: true,
            handle_shape: HandleShape::Circle,
            indent_has_left_vline: false,
            interact_cursor: None,
            ..base
        }
    }

    fn style(&self, reduce_motion: bool) -> egui::Style {
        let mut style = egui::Style { visuals: self.visuals(), ..Default::default() };
        let regular = |size| FontId::new(size, FontFamily::Proportional);
        let heavy = |size| FontId::new(size, semibold());
        style.text_styles = [
            (TextStyle::Small, regular(11.0)),
            (TextStyle::Body, regular(13.0)),
            (TextStyle::Button, regular(13.0)),
            (TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace)),
            (title(), heavy(15.0)),
            (strong(), heavy(13.0)),
            (section(), heavy(11.0)),
            (display(), heavy(28.0)),
        ]
        .into();
        let spacing = &mut style.spacing;
        spacing.item_spacing = vec2(SPACE_8, SPACE_4);
        spacing.button_padding = vec2(SPACE_8, 3.0);
        spacing.interact_size = vec2(28.0, ROW);
        spacing.menu_margin = Margin::same(6);
        spacing.window_margin = Margin::same(16);
        spacing.slider_rail_height = 4.0;
        spacing.slider_width = 120.0;
        spacing.icon_width = 16.0;
        spacing.icon_width_inner = 8.0;
        spacing.icon_spacing = 6.0;
        spacing.indent = SPACE_16;
        spacing.tooltip_width = 320.0;
        spacing.combo_height = 280.0;
        spacing.scroll = egui::style::ScrollStyle::floating();
        spacing.scroll.floating_allocated_width = 0.0;
        spacing.scroll.bar_width = 8.0;
        spacing.scroll.floating_width = 4.0;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.4;
        style.animation_time = if reduce_motion { 0.0 } else { MOTION };
        if reduce_motion {
            style.scroll_animation = egui::style::ScrollAnimation::none();
        }
        style
    }
}

/// Gives `ctx` both themes; which of them shows follows the system unless the settings say otherwise.
pub fn install(ctx: &Context, reduce_motion: bool) {
    ctx.set_style_of(egui::Theme::Dark, Arc::new(DARK.style(reduce_motion)));
    ctx.set_style_of(egui::Theme::Light, Arc::new(LIGHT.style(reduce_motion)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Color32) -> f32 {
        let [r, g, b, _] = egui::Rgba::from(colour).to_array();
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    fn contrast(a: Color32, b: Color32) -> f32 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_is_readable_on_every_surface_of_both_themes() {
        for theme in [DARK, LIGHT] {
            let surfaces = [theme.background, theme.panel, theme.raised, theme.field];
            for surface in surfaces {
                for text in [theme.text, theme.muted, theme.accent, theme.good, theme.warning, theme.error] {
                    let ratio = contrast(text, surface);
                    assert!(ratio >= 4.5, "{text:?} on {surface:?} (dark: {}) has {ratio:.2}", theme.dark);
                }
            }
            for fill in [theme.button, theme.hovered, theme.pressed, theme.selected] {
                assert!(contrast(theme.text, fill) >= 4.5, "text on {fill:?}");
            }
            assert!(contrast(theme.on_accent, theme.accent) >= 4.5);
        }
    }

    #[test]
    fn marks_of_small_charts_stand_out_from_their_panel() {
        for theme in [DARK, LIGHT] {
            assert!(contrast(theme.accent, theme.panel) >= 3.0);
        }
    }
}
