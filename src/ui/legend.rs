//! The legend over the map: what the colours mean, which entries are shown, and by what to colour.

use egui::{
    Color32, CornerRadius, Id, Popup, PopupCloseBehavior, Rect, ScrollArea, Sense, TextStyle, Ui, pos2, vec2,
};

use crate::data::{Mask, UNCLUSTERED};
use crate::session::{ColourBy, Command, Session};
use crate::view::colour::MapTheme;
use crate::view::ramp::{Ramp, RampKind};

use super::choosing;
use super::cluster_menu;
use super::colour_choice;
use super::colouring::{Entry, Legend, Paint};
use super::explanation_menu;
use super::format;
use super::goal_facts;
use super::icons;
use super::theme::{self, ROW, SPACE_4, SPACE_8, Theme};
use super::widgets::{self, SEARCHABLE, SWATCH, Side};
use super::wishes::Wishes;
use super::worth;

/// How wide the legend is.
const WIDTH: f32 = 240.0;
/// How high its list may grow: a share of the map's height, within bounds.
const LIST_SHARE: f32 = 0.32;
const LIST: (f32, f32) = (3.0 * ROW, 15.0 * ROW);
/// Of a ramp.
const RAMP_HEIGHT: f32 = 10.0;
const RAMP_STEPS: usize = 48;

/// What the legend remembers between frames.
#[derive(Default)]
pub struct LegendState {
    pub collapsed: bool,
    pub search: String,
}

/// How many documents of each entry the filter keeps.
pub type KeptCounts = std::collections::HashMap<u32, usize>;

/// Counts the points of each code among those that the filter keeps.
pub fn kept_counts(codes: &[u32], kept: &Mask) -> KeptCounts {
    let mut counts = KeptCounts::new();
    for i in kept.documents() {
        if let Some(code) = codes.get(i as usize) {
            *counts.entry(*code).or_default() += 1;
        }
    }
    counts
}

/// Draws the legend into `ui`, as high as it needs over a map of height `room`.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    paint: &Paint,
    kept: Option<&KeptCounts>,
    state: &mut LegendState,
    room: f32,
    wishes: &mut Wishes,
) {
    ui.set_width(WIDTH);
    ui.spacing_mut().item_spacing.y = 2.0;
    ui.horizontal(|ui| {
        let (glyph, name) = if state.collapsed {
            (icons::CARET_RIGHT, "Show the legend")
        } else {
            (icons::CARET_DOWN, "Hide the legend")
        };
        if widgets::icon_button(ui, glyph, name, "").clicked() {
            state.collapsed = !state.collapsed;
        }
        colour_by(ui, session, wishes);
    });
    if state.collapsed {
        return;
    }
    match &paint.legend {
        Legend::Plain => {
            widgets::caption(ui, waiting(session));
        }
        Legend::Ramp { kind, low, high, missing } => {
            ramp(ui, *kind, low, high, *missing);
            if let Some(said) = worth::of_all(session) {
                widgets::caption(ui, said);
            }
        }
        Legend::Entries(entries) => {
            let codes = paint.codes.as_ref().map(|codes| codes.as_slice());
            list(ui, session, entries, (codes, kept), state, room, wishes);
        }
    }
}

fn waiting(session: &Session) -> &'static str {
    match session.colouring().map(|colouring| colouring.by).unwrap_or_default() {
        ColourBy::Cluster => "Clusters are not there yet.",
        ColourBy::Topic(_) => "Topics come when the map rests.",
        ColourBy::Kept => "Measured when the map rests.",
        ColourBy::Column(_) => "This column has no values to colour by.",
        ColourBy::Goal(_) | ColourBy::Explanation(..) => "Explanations are not there yet.",
        ColourBy::Outliers => "Outliers are being found.",
        ColourBy::Torn | ColourBy::Crowded => "Measured when the map rests.",
        ColourBy::Shaky => "Ask first how stable the clusters are: see the list of clusters.",
        ColourBy::Searches => "What kept searches find is being looked up.",
        ColourBy::KeywordTopic => "Write topics on the page Topics.",
        ColourBy::Nothing => "One colour for all.",
    }
}

/// What `by` is called.
pub(super) fn name_of(session: &Session, by: ColourBy) -> String {
    match by {
        ColourBy::Cluster => "Cluster".into(),
        ColourBy::Topic(level) => match session.topics().len() {
            0 | 1 => "Topic".into(),
            n if level == 0 => format!("Topic, broad ({})", level_count(session, n, level)),
            n if level + 1 == n => format!("Topic, fine ({})", level_count(session, n, level)),
            n => format!("Topic, middle ({})", level_count(session, n, level)),
        },
        ColourBy::Column(i) => session
            .corpus()
            .and_then(|c| c.columns.get(i))
            .map_or("Column".into(), |column| column.name.clone()),
        ColourBy::Goal(goal) => format!("Goal: {}", goal_facts::goal_title(session, goal)),
        ColourBy::Explanation(goal, id) => goal_facts::explanation_title(session, goal, id),
        ColourBy::Outliers => "Outliers".into(),
        ColourBy::Torn => "Torn places".into(),
        ColourBy::Crowded => "Crowded places".into(),
        ColourBy::Shaky => "Shaky documents".into(),
        ColourBy::Searches => "Kept searches".into(),
        ColourBy::KeywordTopic => "Topics by keywords".into(),
        ColourBy::Kept => "Neighbours kept".into(),
        ColourBy::Nothing => "One colour".into(),
    }
}

fn level_count(session: &Session, levels: usize, level: usize) -> usize {
    debug_assert!(level < levels);
    session.topics().get(level).map_or(0, |(topics, _)| topics.count)
}

fn colour_by(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    let by = session.colouring().map(|colouring| colouring.by).unwrap_or_default();
    let mut choices = vec![ColourBy::Cluster];
    choices.extend((0..session.topics().len()).map(ColourBy::Topic));
    for goal in session.goals() {
        choices.push(ColourBy::Goal(goal.asked.id));
    }
    if let ColourBy::Explanation(..) = by {
        choices.push(by);
    }
    if let Some(corpus) = session.corpus() {
        let colourable = |kind| kind != crate::data::ColumnKind::Text;
        let columns = corpus.columns.iter().enumerate().filter(|(_, c)| colourable(c.typed.kind()));
        choices.extend(columns.map(|(i, _)| ColourBy::Column(i)));
    }
    if session.edits().is_some_and(|edits| !edits.queries.is_empty()) {
        choices.push(ColourBy::Searches);
    }
    if session.edits().is_some_and(|edits| !edits.keyword_topics.is_empty()) {
        choices.push(ColourBy::KeywordTopic);
    }
    if session.stability().is_some() || by == ColourBy::Shaky {
        choices.push(ColourBy::Shaky);
    }
    choices.extend([
        ColourBy::Kept,
        ColourBy::Torn,
        ColourBy::Crowded,
        ColourBy::Outliers,
        ColourBy::Nothing,
    ]);
    ui.name_inputs("Colour by", |ui| {
        egui::ComboBox::from_id_salt("colour by")
            .width(ui.available_width())
            .selected_text(format::one_line(&name_of(session, by), 24))
            .show_ui(ui, |ui| {
                for choice in choices {
                    if ui.selectable_label(choice == by, name_of(session, choice)).clicked() && choice != by {
                        wishes.push(Command::SetColour(choice));
                    }
                }
            });
    });
}

fn ramp(ui: &mut Ui, kind: RampKind, low: &str, high: &str, missing: usize) {
    let theme = Theme::of(ui);
    ui.add_space(SPACE_4);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), RAMP_HEIGHT), Sense::hover());
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Colours from {low} to {high}"))
    });
    let ramp = Ramp::of(kind, MapTheme::of(theme.dark));
    let step = rect.width() / RAMP_STEPS as f32;
    for i in 0..RAMP_STEPS {
        let [r, g, b] = ramp.colour(i as f32 / (RAMP_STEPS - 1) as f32);
        let left = rect.left() + i as f32 * step;
        let piece = Rect::from_min_max(pos2(left, rect.top()), pos2(left + step + 0.5, rect.bottom()));
        ui.painter().rect_filled(piece, 0.0, Color32::from_rgb(r, g, b));
    }
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    widgets::line(ui, line, Side::Left, low, TextStyle::Small, theme.muted);
    widgets::line(ui, line, Side::Right, high, TextStyle::Small, theme.muted);
    if missing > 0 {
        widgets::caption(
            ui,
            format!("Grey: {} without a value", format::plural(missing, "document", "documents")),
        );
    }
}

fn list(
    ui: &mut Ui,
    session: &Session,
    entries: &[Entry],
    (codes, kept): (Option<&[u32]>, Option<&KeptCounts>),
    state: &mut LegendState,
    room: f32,
    wishes: &mut Wishes,
) {
    let muted = session.colouring().map(|colouring| &colouring.muted);
    if entries.len() > SEARCHABLE {
        widgets::search_field(ui, Id::unique("legend search"), &mut state.search, "Search the legend");
    } else {
        state.search.clear();
    }
    let needle = state.search.trim().to_lowercase();
    let shown: Vec<&Entry> = entries
        .iter()
        .filter(|entry| needle.is_empty() || entry.title.to_lowercase().contains(&needle))
        .collect();
    // Under a filter, entries without a document come last.
    let mut shown = shown;
    if let Some(kept) = kept {
        shown.sort_by_key(|entry| !kept.contains_key(&entry.code));
    }
    if shown.is_empty() {
        widgets::caption(ui, format!("Nothing is called “{}”.", format::one_line(&needle, 24)));
    }
    ScrollArea::vertical()
        .max_height((LIST_SHARE * room).clamp(LIST.0, LIST.1))
        .auto_shrink([false, true])
        .show_rows(ui, ROW, shown.len(), |ui, rows| {
            for entry in &shown[rows] {
                let muted = muted.is_some_and(|muted| muted.contains(&entry.code));
                one(ui, session, entry, (codes, kept), muted, wishes);
            }
        });
    if muted.is_some_and(|muted| !muted.is_empty()) && ui.button("Show all").clicked() {
        wishes.push(Command::ShowAllEntries);
    }
}

fn one(
    ui: &mut Ui,
    session: &Session,
    entry: &Entry,
    (codes, kept): (Option<&[u32]>, Option<&KeptCounts>),
    muted: bool,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let count = match kept {
        Some(kept) => {
            let n = kept.get(&entry.code).copied().unwrap_or_default();
            format!("{} of {}", format::len(n), format::len(entry.count))
        }
        None => format::len(entry.count),
    };
    let title = if entry.title.is_empty() { "(empty)" } else { entry.title.as_str() };
    let state = if muted { ", hidden" } else { "" };
    let name = format!("{title}, {count}{state}");
    let response = widgets::row(ui, ROW, false, &name, |ui, rect| {
        let mut inner = rect;
        // The scroll bar's place.
        inner.max.x -= SPACE_8;
        let taken = widgets::line(ui, inner, Side::Right, count, TextStyle::Small, theme.muted);
        inner.max.x -= taken + SPACE_8;
        inner.min.x += SWATCH + SPACE_8;
        widgets::line(
            ui,
            inner,
            Side::Left,
            title,
            TextStyle::Body,
            if muted { theme.muted } else { theme.text },
        );
    });
    swatch_button(ui, session, entry, title, muted, response.rect, wishes);
    let response = response.on_hover_text(format!(
        "{title}\nClick: hide or show · double-click: show alone · right-click: more"
    ));
    if response.double_clicked() {
        // The first of the two clicks hid the entry or showed it.
        wishes.push(Command::ToggleEntry(entry.code));
        wishes.push(Command::SoloEntry(entry.code));
    } else if response.clicked() {
        wishes.push(Command::ToggleEntry(entry.code));
    }
    let by_cluster = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Cluster);
    if by_cluster && entry.code != UNCLUSTERED {
        response.context_menu(|ui| cluster_menu::show(ui, session, entry.code, &[], wishes));
    } else if let Some(ColourBy::Goal(goal)) = session.colouring().map(|colouring| colouring.by)
        && entry.code != UNCLUSTERED
    {
        response.context_menu(|ui| explanation_menu::show(ui, session, goal, entry.code, wishes));
    } else if let Some(codes) = codes {
        let name = format::one_line(title, 40);
        let documents =
            || (0u32..).zip(codes).filter(|(_, code)| **code == entry.code).map(|(i, _)| i).collect();
        response.context_menu(|ui| {
            ui.set_min_width(200.0);
            widgets::section(ui, &name);
            choosing::entries(ui, session, &name, documents, wishes);
        });
    }
}

/// The swatch is a button of its own: it opens the entry's colour.
fn swatch_button(
    ui: &mut Ui,
    session: &Session,
    entry: &Entry,
    title: &str,
    muted: bool,
    row: Rect,
    wishes: &mut Wishes,
) {
    let theme = Theme::of(ui);
    let centre = pos2(row.left() + 0.5 * SWATCH, row.center().y);
    let rect = Rect::from_center_size(centre, egui::Vec2::splat(SWATCH + SPACE_4));
    let response = ui.interact(rect, ui.scope_id().with(("swatch", entry.code)), Sense::click());
    response
        .widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Colour of {title}")));
    let [r, g, b] = entry.colour;
    let colour = Color32::from_rgb(r, g, b);
    if muted {
        let outline = Rect::from_center_size(centre, egui::Vec2::splat(SWATCH));
        let stroke = egui::Stroke::new(1.5, colour);
        ui.painter().rect_stroke(
            outline,
            CornerRadius::same(theme::SMALL_RADIUS),
            stroke,
            egui::StrokeKind::Inside,
        );
    } else {
        widgets::swatch(ui, centre, colour);
    }
    if response.hovered() || response.has_focus() {
        let stroke = egui::Stroke::new(1.0, theme.text);
        ui.painter().rect_stroke(rect, CornerRadius::same(4), stroke, egui::StrokeKind::Inside);
    }
    Popup::menu(&response).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        let own = session.colouring().and_then(|colouring| colouring.own_colours.get(&entry.code));
        // A colour that was just chosen is not painted yet.
        let now = own.copied().unwrap_or(entry.colour);
        if let Some(chosen) = colour_choice::show(ui, ui.scope_id().with(entry.code), now) {
            wishes.push(Command::SetEntryColour(entry.code, Some(chosen)));
        }
        if own.is_some() && ui.button("Default colour").clicked() {
            wishes.push(Command::SetEntryColour(entry.code, None));
            ui.close();
        }
    });
}
