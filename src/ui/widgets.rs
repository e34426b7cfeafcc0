//! Small pieces that all panels are made of, each with a name for screen readers.

use egui::{
    Align2, Button, Color32, CornerRadius, FontSelection, Rect, Response, RichText, Role, Sense, Stroke,
    StrokeKind, TextStyle, TextWrapMode, Ui, Vec2, WidgetInfo, WidgetText, pos2, vec2,
};

use super::icons;
use super::theme::{self, ROW, ROW_REACH, SMALL_RADIUS, SPACE_4, SPACE_8, Theme};

/// The side of a square icon button.
pub const ICON_BUTTON: f32 = 26.0;
/// The side of a colour swatch.
pub const SWATCH: f32 = 10.0;
/// A search field is offered from this many entries on.
pub const SEARCHABLE: usize = 20;

/// An icon's text at 16 px.
pub fn icon(icon: &str) -> RichText {
    RichText::new(icon).size(theme::ICON)
}

/// A frameless icon button with a tooltip, which also is its name; `keys` is its shortcut as text.
pub fn icon_button(ui: &mut Ui, glyph: &str, name: &str, keys: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(Vec2::splat(ICON_BUTTON), Sense::click());
    let theme = Theme::of(ui);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let strong = response.hovered() || response.has_focus();
    if ui.is_rect_visible(rect) {
        ground(ui, &response, rect, false);
        let colour = if strong && enabled { theme.text } else { theme.muted };
        let font = egui::FontId::proportional(theme::ICON);
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, glyph, font, colour);
    }
    let tip = if keys.is_empty() { name.to_owned() } else { format!("{name}  ·  {keys}") };
    response.on_hover_text(tip)
}

/// The one button of a page or sheet that leads on.
pub fn primary_button(ui: &mut Ui, text: &str) -> Response {
    let theme = Theme::of(ui);
    let label = RichText::new(text).color(theme.on_accent).text_style(theme::strong());
    ui.add(Button::new(label).fill(theme.accent).min_size(vec2(88.0, 30.0)))
}

/// A plain button of the same height as [`primary_button`].
pub fn plain_button(ui: &mut Ui, text: &str) -> Response {
    ui.add(Button::new(text).min_size(vec2(72.0, 30.0)))
}

/// A box to tick, or a round one of several, with an outline that stands out from its ground.
pub fn outlined<R>(ui: &mut Ui, contents: impl FnOnce(&mut Ui) -> R) -> R {
    ui.scope(|ui| {
        let theme = Theme::of(ui);
        let widgets = &mut ui.visuals_mut().widgets;
        for state in [&mut widgets.inactive, &mut widgets.hovered] {
            state.bg_fill = theme.field;
            state.bg_stroke = Stroke::new(1.0, theme.muted);
        }
        contents(ui)
    })
    .inner
}

/// The header of a section of a panel.
pub fn section(ui: &mut Ui, text: &str) -> Response {
    let theme = Theme::of(ui);
    ui.label(RichText::new(text).text_style(theme::section()).color(theme.muted))
}

/// A line of small muted text.
pub fn caption(ui: &mut Ui, text: impl Into<String>) -> Response {
    let theme = Theme::of(ui);
    ui.label(RichText::new(text.into()).text_style(TextStyle::Small).color(theme.muted))
}

/// The same, cut where there is no room; pointing at it shows the whole.
pub fn cut_caption(ui: &mut Ui, text: impl Into<String>) -> Response {
    let text = RichText::new(text.into()).text_style(TextStyle::Small).color(Theme::of(ui).muted);
    ui.add(egui::Label::new(text).truncate())
}

/// A line of muted body text, wrapped.
pub fn muted(ui: &mut Ui, text: impl Into<String>) -> Response {
    let theme = Theme::of(ui);
    ui.label(RichText::new(text.into()).color(theme.muted))
}

/// A hairline across the panel.
pub fn hairline(ui: &mut Ui) {
    ui.add_space(SPACE_4);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 1.0), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.center().y, Theme::of(ui).line());
    ui.add_space(SPACE_4);
}

/// What lies behind a row or an icon: nothing, or the colour of its state, with a ring where the keyboard is.
fn ground(ui: &Ui, response: &Response, rect: Rect, selected: bool) {
    let theme = Theme::of(ui);
    let fill = match () {
        () if response.is_pointer_button_down_on() => theme.pressed,
        () if selected => theme.selected,
        () if response.hovered() => theme.hovered,
        () => Color32::TRANSPARENT,
    };
    let radius = CornerRadius::same(theme::RADIUS);
    // A list that scrolls clips at its text's edge, and the ground reaches further.
    let clip = ui.clip_rect().expand2(vec2(ROW_REACH, 0.0));
    let painter = ui.painter().with_clip_rect(clip);
    painter.rect_filled(rect, radius, fill);
    if response.has_focus() {
        let ring = Stroke::new(1.5, theme.accent);
        painter.rect_stroke(rect, radius, ring, StrokeKind::Inside);
    }
}

/// A clickable row across the panel; `paint` fills the rectangle it gets, whose sides align with the text above
/// and below. `name` is what a screen reader says.
pub fn row(ui: &mut Ui, height: f32, selected: bool, name: &str, paint: impl FnOnce(&Ui, Rect)) -> Response {
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::Button, enabled, selected, name));
    if ui.is_rect_visible(rect) {
        ground(ui, &response, rect.expand2(vec2(ROW_REACH, 0.0)), selected);
        paint(ui, rect);
    }
    response
}

/// How a line of text is set by [`line`].
#[derive(Clone, Copy)]
pub enum Side {
    Left,
    Right,
    Centre,
}

/// Paints one line of text into `rect`, vertically centred, cut with an ellipsis where it is too long; returns
/// the width it took.
pub fn line(
    ui: &Ui,
    rect: Rect,
    side: Side,
    text: impl Into<WidgetText>,
    style: TextStyle,
    colour: Color32,
) -> f32 {
    let text: WidgetText = text.into();
    let galley =
        text.into_galley(ui, Some(TextWrapMode::Truncate), rect.width(), FontSelection::Style(style));
    let size = galley.size();
    let x = match side {
        Side::Left => rect.left(),
        Side::Right => rect.right() - size.x,
        Side::Centre => rect.center().x - 0.5 * size.x,
    };
    let at = pos2(x, rect.center().y - 0.5 * size.y);
    ui.painter().galley(at, galley, colour);
    size.x
}

/// Paints a swatch of a category's colour.
pub fn swatch(ui: &Ui, centre: egui::Pos2, colour: Color32) {
    let rect = Rect::from_center_size(centre, Vec2::splat(SWATCH));
    ui.painter().rect_filled(rect, CornerRadius::same(SMALL_RADIUS), colour);
}

/// A row with an optional swatch, a title and a figure at its right end.
pub fn entry(
    ui: &mut Ui,
    selected: bool,
    colour: Option<Color32>,
    title: &str,
    figure: &str,
    tint: Color32,
) -> Response {
    let name = if figure.is_empty() { title.to_owned() } else { format!("{title}, {figure}") };
    row(ui, ROW, selected, &name, |ui, rect| {
        let theme = Theme::of(ui);
        let mut inner = rect;
        let taken = line(ui, inner, Side::Right, figure, TextStyle::Small, theme.muted);
        inner.max.x -= if figure.is_empty() { 0.0 } else { taken + SPACE_8 };
        if let Some(colour) = colour {
            swatch(ui, pos2(inner.left() + 0.5 * SWATCH, rect.center().y), colour);
            inner.min.x += SWATCH + SPACE_8;
        }
        line(ui, inner, Side::Left, title, TextStyle::Body, tint);
    })
}

/// A tag with a cross that takes it off. Returns the label's response and whether it shall go.
pub fn tag_chip(ui: &mut Ui, tag: &str) -> (Response, bool) {
    removable_chip(ui, tag, &format!("Tag {tag}"), &format!("Take off the tag {tag}"))
}

/// A small rounded label with a cross that takes it away; `name` and `off` are what a screen reader says of them.
/// Returns the label's response and whether it shall go.
pub fn removable_chip(ui: &mut Ui, text: &str, name: &str, off: &str) -> (Response, bool) {
    const CROSS: f32 = 14.0;
    let theme = Theme::of(ui);
    let room = (ui.available_width() - CROSS - 16.0).max(24.0);
    let galley = WidgetText::from(text).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        room,
        FontSelection::Style(TextStyle::Small),
    );
    let size = galley.size() + vec2(14.0 + CROSS, 6.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| WidgetInfo::labeled(Role::Button, true, name));
    let hovered = response.hovered() || response.has_focus();
    let fill = if hovered { theme.selected } else { theme.panel.lerp_to_gamma(theme.accent, 0.14) };
    ui.painter().rect_filled(rect, CornerRadius::same(10), fill);
    ui.painter().galley(rect.min + vec2(8.0, 3.0), galley, theme.text);
    let cross = Rect::from_center_size(pos2(rect.right() - 11.0, rect.center().y), Vec2::splat(CROSS));
    let close = ui.interact(cross, response.id.with("take off"), Sense::click());
    close.widget_info(|| WidgetInfo::labeled(Role::Button, true, off));
    let strong = close.hovered() || close.has_focus();
    let colour = if strong { theme.text } else { theme.muted };
    let font = egui::FontId::proportional(11.0);
    ui.painter().text(cross.center(), Align2::CENTER_CENTER, icons::X, font, colour);
    if close.has_focus() {
        let ring = Stroke::new(1.5, theme.accent);
        ui.painter().rect_stroke(cross, CornerRadius::same(theme::SMALL_RADIUS), ring, StrokeKind::Inside);
    }
    (response, close.on_hover_text(off).clicked())
}

/// A small rounded label.
pub fn chip(ui: &mut Ui, text: &str, weight: f32) -> Response {
    let theme = Theme::of(ui);
    let galley = WidgetText::from(text).into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        ui.available_width(),
        FontSelection::Style(TextStyle::Small),
    );
    let size = galley.size() + vec2(12.0, 6.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    let fill = theme.panel.lerp_to_gamma(theme.accent, 0.06 + 0.22 * weight.clamp(0.0, 1.0));
    ui.painter().rect_filled(rect, CornerRadius::same(10), fill);
    ui.painter().galley(rect.min + vec2(6.0, 3.0), galley, theme.text);
    response
}

/// An entry of a menu; `keys` is its shortcut as text. Returns whether it was chosen.
pub fn menu_item(ui: &mut Ui, glyph: &str, name: &str, keys: &str) -> bool {
    let theme = Theme::of(ui);
    let glyph = RichText::new(glyph).color(theme.muted);
    let mut button = Button::new((glyph, name)).frame_when_inactive(false);
    if !keys.is_empty() {
        button = button.shortcut_text(RichText::new(keys).small());
    }
    ui.add(button).clicked()
}

/// Words that do something when they are clicked, in a line of small text.
pub fn small_link(ui: &mut Ui, text: &str) -> Response {
    let theme = Theme::of(ui);
    let text = RichText::new(text).text_style(TextStyle::Small).color(theme.accent);
    // Its words align with those above and below. Among others in a line it goes to the next one whole, not letter by
    // letter: a scope of its own would not let it.
    let padding = std::mem::replace(&mut ui.spacing_mut().button_padding.x, 0.0);
    let button = Button::new(text).frame_when_inactive(false).min_size(Vec2::ZERO);
    let response = ui.add(button.wrap_mode(TextWrapMode::Extend));
    ui.spacing_mut().button_padding.x = padding;
    response
}

/// Words with a caret that show more below them, or hide it again; returns whether they were clicked.
pub fn disclosure(ui: &mut Ui, open: bool, text: &str) -> bool {
    let glyph = if open { icons::CARET_DOWN } else { icons::CARET_RIGHT };
    small_link(ui, &format!("{glyph} {text}")).clicked()
}

/// An empty state: an icon, what is missing, and what to do next.
pub fn empty_state(ui: &mut Ui, glyph: &str, text: &str) {
    let theme = Theme::of(ui);
    ui.add_space(theme::SPACE_24);
    ui.vertical_centered(|ui| {
        ui.label(RichText::new(glyph).size(24.0).color(theme.muted));
        muted(ui, text);
    });
}

/// A field to search in, with its icon; returns the response of the field.
pub fn search_field(ui: &mut Ui, id: egui::Id, text: &mut String, hint: &'static str) -> Response {
    let theme = Theme::of(ui);
    ui.add(
        egui::TextEdit::singleline(text)
            .id(id)
            .hint_text(hint)
            .prefix(RichText::new(icons::MAGNIFYING_GLASS).color(theme.muted))
            .desired_width(f32::INFINITY),
    )
}
