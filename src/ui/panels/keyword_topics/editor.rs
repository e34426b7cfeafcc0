//! The fields that topics are written in: a row for each, its name and its keywords.

use egui::{Popup, Response, Role, TextEdit, Ui, WidgetInfo, vec2};

use crate::data::{Corpus, KeywordTopic, KeywordTopics, Names, Typed};
use crate::session::{Command, Session};
use crate::ui::facts::Facts;
use crate::ui::theme::{ROW, SPACE_4, SPACE_8};
use crate::ui::wishes::Wishes;
use crate::ui::{format, icons, topic_facts, widgets};

/// Topics that values or clusters are taken over as, at most: more than that are no overview.
const STARTED: usize = 24;
/// Keywords that a cluster gives.
const KEYWORDS: usize = 6;
/// What stands between keywords.
const JOINTS: [char; 3] = [',', ';', '\n'];
/// The width of names.
const NAMES: f32 = 92.0;

/// A topic as its fields hold it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    name: String,
    keywords: String,
}

impl Row {
    fn of(topic: &KeywordTopic) -> Self {
        Self { name: topic.name.clone(), keywords: topic.keywords.join(", ") }
    }

    fn topic(&self) -> KeywordTopic {
        let keywords = self.keywords.split(JOINTS).map(str::trim).filter(|keyword| !keyword.is_empty());
        KeywordTopic { name: self.name.trim().to_owned(), keywords: keywords.map(str::to_owned).collect() }
    }

    /// Nothing is written in it yet.
    fn is_blank(&self) -> bool {
        self.topic() == KeywordTopic::default()
    }
}

/// The fields. What is typed goes to the session at once, without rows in which nothing stands yet.
#[derive(Default)]
pub struct Editor {
    rows: Vec<Row>,
    /// The topics that the fields were last the same as, to notice when something else changes them.
    known: Vec<KeywordTopic>,
    /// The row whose name gets the cursor in the next frame.
    focus: Option<usize>,
}

impl Editor {
    /// Takes over topics that were changed elsewhere: by undo, or a starter.
    pub fn meet(&mut self, topics: &KeywordTopics) {
        if self.known != topics.topics {
            self.rows = topics.topics.iter().map(Row::of).collect();
            self.known.clone_from(&topics.topics);
        }
    }

    fn written(&self) -> Vec<KeywordTopic> {
        self.rows.iter().filter(|row| !row.is_blank()).map(Row::topic).collect()
    }

    /// The place of a row's topic among those that are written.
    fn place(&self, row: usize) -> u32 {
        self.rows[..row].iter().filter(|row| !row.is_blank()).count() as u32
    }

    /// Draws the fields.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        corpus: &Corpus,
        facts: &Facts,
        wishes: &mut Wishes,
    ) {
        if self.rows.is_empty() {
            widgets::muted(
                ui,
                "Describe topics by a few words each. Every document is compared with them and gets the best.",
            );
            ui.add_space(SPACE_8);
        }
        let (mut changed, mut removed) = (false, None);
        for at in 0..self.rows.len() {
            ui.push_id(("topic", at), |ui| {
                let (typed, gone) = self.row(ui, session, at);
                changed |= typed;
                removed = removed.or(gone.then_some(at));
            });
        }
        if let Some(at) = removed {
            self.rows.remove(at);
            changed = true;
        }
        ui.add_space(SPACE_4);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_8;
            ui.add_enabled_ui(self.rows.len() < KeywordTopics::MOST, |ui| {
                if ui.button(format!("{}  Add a topic", icons::PLUS)).clicked() {
                    self.focus = Some(self.rows.len());
                    self.rows.push(Row::default());
                }
            });
            self.starters(ui, session, corpus, facts, wishes);
            if !self.rows.is_empty() && widgets::small_link(ui, "Clear").clicked() {
                self.rows.clear();
                self.known.clear();
                wishes.push(Command::ClearTopics);
            }
        });
        if changed {
            self.known = self.written();
            self.tell(session, self.known.clone(), None, wishes);
        }
    }

    /// One topic; returns whether it was changed, and whether it shall go.
    fn row(&mut self, ui: &mut Ui, session: &Session, at: usize) -> (bool, bool) {
        let (place, number) = (self.place(at), at + 1);
        let row = &mut self.rows[at];
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_4;
            let (rect, _) =
                ui.allocate_exact_size(vec2(widgets::SWATCH + SPACE_4, ROW), egui::Sense::hover());
            if !row.is_blank() {
                let centre = rect.center() - vec2(0.5 * SPACE_4, 0.0);
                widgets::swatch(ui, centre, topic_facts::colour(ui, session, place));
            }
            let field = TextEdit::singleline(&mut row.name).hint_text("name").desired_width(NAMES);
            let name = ui.add(field);
            called(&name, format!("Name of topic {number}"));
            if self.focus == Some(at) {
                self.focus = None;
                name.request_focus();
            }
            let width = (ui.available_width() - widgets::ICON_BUTTON - 2.0 * SPACE_8).max(40.0);
            let field = TextEdit::singleline(&mut row.keywords);
            let field = field.hint_text("keywords, with commas between").desired_width(width);
            let keywords = ui.add(field);
            called(&keywords, format!("Keywords of topic {number}"));
            let gone = widgets::icon_button(ui, icons::X, &format!("Remove topic {number}"), "").clicked();
            (name.changed() || keywords.changed(), gone)
        })
        .inner
    }

    /// Topics to start from: the values of a column, or the clusters.
    fn starters(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        corpus: &Corpus,
        facts: &Facts,
        wishes: &mut Wishes,
    ) {
        let button = ui.button(format!("Start from  {}", icons::CARET_DOWN));
        let button =
            button.on_hover_text("Take over values of a column, or clusters, in place of these topics");
        Popup::menu(&button).show(|ui| {
            ui.set_min_width(200.0);
            let mut any = false;
            for column in &corpus.columns {
                let Typed::Category { levels, .. } = &column.typed else { continue };
                if !(2..=STARTED).contains(&levels.len()) {
                    continue;
                }
                any = true;
                let text = format!("The {} values of {}", levels.len(), format::one_line(&column.name, 24));
                if widgets::menu_item(ui, icons::TAG, &text, "") {
                    self.tell(session, of_values(levels), Some(column.name.clone()), wishes);
                    ui.close();
                }
            }
            if let Some((names, sizes)) = session.names().zip(facts.sizes(session)) {
                any = true;
                let labels = &sizes.listed[..sizes.listed.len().min(STARTED)];
                let which = if labels.len() < sizes.listed.len() { "largest " } else { "" };
                let text = format!("The {which}{}", format::plural(labels.len(), "cluster", "clusters"));
                if widgets::menu_item(ui, icons::SPARKLE, &text, "") {
                    self.tell(session, of_clusters(names, labels), None, wishes);
                    ui.close();
                }
            }
            if !any {
                widgets::caption(ui, "There are no clusters yet, and no column with few values.");
            }
        });
    }

    /// Hands topics to the session; `column` is what they are held against from now on, if it changes.
    fn tell(
        &self,
        session: &Session,
        topics: Vec<KeywordTopic>,
        column: Option<String>,
        wishes: &mut Wishes,
    ) {
        let before = session.edits().map(|edits| edits.keyword_topics.clone()).unwrap_or_default();
        let topics = KeywordTopics { topics, column: column.or(before.column), ..before };
        wishes.push(Command::SetTopics(Box::new(topics)));
    }
}

/// Names a field, whose hint would else be its name.
fn called(field: &Response, name: String) {
    field.widget_info(|| WidgetInfo::labeled(Role::TextInput, true, name.as_str()));
}

/// A topic of each value: its parts are the keywords.
fn of_values(levels: &[String]) -> Vec<KeywordTopic> {
    let parts = |level: &str| {
        let parts = level.split(['/', ',', ';', '|', '&']).map(|part| part.replace(['_', '-', '.'], " "));
        let parts = parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "));
        parts.filter(|part| !part.is_empty()).collect::<Vec<String>>()
    };
    levels.iter().map(|level| KeywordTopic { name: level.clone(), keywords: parts(level) }).collect()
}

/// A topic of each cluster: its title and its first keywords.
fn of_clusters(names: &Names, labels: &[u32]) -> Vec<KeywordTopic> {
    let names = labels.iter().filter_map(|&label| names.clusters.get(label as usize));
    names
        .map(|name| KeywordTopic {
            name: name.title.clone(),
            keywords: name.keywords.iter().take(KEYWORDS).map(|keyword| keyword.term.clone()).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ClusterName, Key, Keyword};

    fn topic(name: &str, keywords: &[&str]) -> KeywordTopic {
        KeywordTopic { name: name.into(), keywords: keywords.iter().map(|&k| k.to_owned()).collect() }
    }

    #[test]
    fn keywords_are_parted_by_commas_and_blank_rows_are_left_out() {
        let row = |name: &str, keywords: &str| Row { name: name.into(), keywords: keywords.into() };
        let rows = vec![row(" Food", "soup,  fresh bread ;, "), row("", " , "), row("Sky", "")];
        let editor = Editor { rows, ..Editor::default() };
        assert_eq!(editor.written(), [topic("Food", &["soup", "fresh bread"]), topic("Sky", &[])]);
        assert_eq!((editor.place(0), editor.place(2)), (0, 1));
    }

    #[test]
    fn what_is_typed_stays_as_it_was_typed_until_something_else_changes_the_topics() {
        let mut editor = Editor::default();
        editor.rows = vec![Row { name: "Food".into(), keywords: "soup, ".into() }, Row::default()];
        editor.known = editor.written();
        let now = KeywordTopics { topics: editor.written(), ..KeywordTopics::default() };
        editor.meet(&now);
        assert_eq!((editor.rows.len(), editor.rows[0].keywords.as_str()), (2, "soup, "));
        editor.meet(&KeywordTopics { topics: vec![topic("Sky", &["stars", "moon"])], ..now });
        assert_eq!(editor.rows, [Row { name: "Sky".into(), keywords: "stars, moon".into() }]);
    }

    #[test]
    fn values_become_topics_with_their_parts_as_keywords() {
        let values = ["Sci/Tech", "card_not_working", "Food & drink"].map(str::to_owned);
        let expected = [
            topic("Sci/Tech", &["Sci", "Tech"]),
            topic("card_not_working", &["card not working"]),
            topic("Food & drink", &["Food", "drink"]),
        ];
        assert_eq!(of_values(&values), expected);
    }

    #[test]
    fn clusters_become_topics_with_their_keywords() {
        let keyword = |term: &str| Keyword { term: term.into(), score: 1.0 };
        let name = |title: &str, terms: &[&str]| ClusterName {
            title: title.into(),
            keywords: terms.iter().map(|term| keyword(term)).collect(),
            exemplars: Vec::new(),
        };
        let clusters = vec![name("a", &["x"]), name("b", &["1", "2", "3", "4", "5", "6", "7"])];
        let names = Names { key: Key::of("test", 1).finish(), clusters };
        let expected = [topic("b", &["1", "2", "3", "4", "5", "6"]), topic("a", &["x"])];
        assert_eq!(of_clusters(&names, &[1, 0, 9]), expected);
    }
}
