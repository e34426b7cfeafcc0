//! What was done to clusters by hand, edit by edit: what does not fit the present clusters and asks, what holds,
//! and what was set aside.

use egui::{Margin, RichText, ScrollArea, Ui};

use crate::data::Standing;
use crate::session::{Command, Session};
use crate::ui::edit_digest::EditDigest;
use crate::ui::facts::{self, Facts};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{self, RADIUS, SPACE_4, SPACE_8, SPACE_12, Theme};
use crate::ui::widgets;
use crate::ui::wishes::{Action, Wishes};

/// Characters of a title.
const TITLE: usize = 60;

/// Draws the list.
pub fn show(ui: &mut Ui, session: &Session, facts: &Facts, wishes: &mut Wishes) {
    let Some(all) = facts.edits(session) else {
        widgets::muted(ui, "They show as soon as there are clusters.");
        return;
    };
    let asks = |edit: &&EditDigest| session.unsettled().contains(&edit.key);
    let aside = |edit: &&EditDigest| edit.standing == Standing::SetAside;
    let holds = |edit: &&EditDigest| !asks(edit) && !aside(edit);
    ScrollArea::vertical().id_salt("edits").auto_shrink(false).show(ui, |ui| {
        let list = |ui: &mut Ui, heading: &str, edits: Vec<&EditDigest>, wishes: &mut Wishes| {
            if edits.is_empty() {
                return;
            }
            widgets::section(ui, heading);
            ui.add_space(SPACE_4);
            for edit in edits {
                ui.push_id(edit.key.to_string(), |ui| match () {
                    () if asks(&edit) => asking(ui, session, edit, wishes),
                    () => settled(ui, session, edit, wishes),
                });
            }
            ui.add_space(SPACE_12);
        };
        list(ui, "Do not fit the present clusters", all.iter().filter(asks).collect(), wishes);
        list(ui, "In force", all.iter().rev().filter(holds).collect(), wishes);
        list(ui, "Set aside", all.iter().rev().filter(aside).collect(), wishes);
    });
}

/// What the edit is called: its titles, or the cluster that it is now.
fn title(session: &Session, edit: &EditDigest) -> String {
    let given = edit.titles.join(" · ");
    let title = match edit.label {
        _ if !given.is_empty() => given,
        Some(label) => facts::cluster_title(session, label),
        None => "Documents without a cluster".into(),
    };
    format::one_line(&title, TITLE)
}

fn what(edit: &EditDigest) -> String {
    format!("{} · {}", edit.kind.text(), format::plural(edit.documents, "document", "documents"))
}

/// An edit that a person must decide on.
fn asking(ui: &mut Ui, session: &Session, edit: &EditDigest, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let frame = egui::Frame::new().fill(theme.raised).stroke(theme.line()).corner_radius(RADIUS);
    frame.inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(icons::WARNING).color(theme.warning));
            ui.vertical(|ui| {
                let title = RichText::new(title(session, edit)).text_style(theme::strong());
                ui.add(egui::Label::new(title).wrap());
                widgets::caption(ui, what(edit));
                ui.add(egui::Label::new(RichText::new(edit.spread.text()).small().color(theme.text)).wrap());
            });
        });
        ui.add_space(SPACE_4);
        ui.horizontal_wrapped(|ui| {
            let mine =
                ui.button("Keep mine").on_hover_text("These documents belong together, whatever is computed");
            if mine.clicked() {
                wishes.push(Command::SettleEdit(edit.key, Standing::Insists));
            }
            let computed = ui.button("Use the computed ones");
            if computed.on_hover_text("The edit is set aside, and can be taken up again").clicked() {
                wishes.push(Command::SettleEdit(edit.key, Standing::SetAside));
            }
            if ui.button("Forget").on_hover_text("Drop the edit for good; undo brings it back").clicked() {
                wishes.push(Command::ForgetEdit(edit.key));
            }
        });
    });
    ui.add_space(SPACE_8);
}

/// An edit that holds or was set aside.
fn settled(ui: &mut Ui, session: &Session, edit: &EditDigest, wishes: &mut Wishes) {
    let theme = Theme::of(ui);
    let aside = edit.standing == Standing::SetAside;
    let shown = title(session, edit);
    ui.horizontal_top(|ui| {
        let room = ui.available_width() - 2.0 * 28.0;
        ui.vertical(|ui| {
            ui.set_width(room.max(80.0));
            ui.spacing_mut().item_spacing.y = 1.0;
            let colour = if aside { theme.muted } else { theme.text };
            let text = egui::Label::new(RichText::new(&shown).color(colour)).truncate();
            let there = edit.label.filter(|_| !aside);
            let response = ui.add(text.sense(egui::Sense::click()));
            if let Some(label) = there
                && response.on_hover_text("Open the cluster").clicked()
            {
                wishes.push(Command::FocusCluster(Some(label)));
                wishes.act(Action::FlyToCluster(label));
            }
            let kept = if edit.standing == Standing::Insists { " · whatever is computed" } else { "" };
            widgets::caption(ui, format!("{}{kept}", what(edit)));
        });
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Min), |ui| {
            let (drop, tip) = match aside {
                true => ("Forget", "for good; undo brings it back"),
                false => ("Drop", "the computed clusters are back"),
            };
            let name = format!("{drop} this edit: {tip}");
            if widgets::icon_button(ui, icons::X, &name, "").clicked() {
                wishes.push(Command::ForgetEdit(edit.key));
            }
            if aside
                && widgets::icon_button(ui, icons::ARROW_COUNTER_CLOCKWISE, "Take it up again", "").clicked()
            {
                wishes.push(Command::SettleEdit(edit.key, Standing::Follows));
            }
        });
    });
    ui.add_space(SPACE_4);
}
