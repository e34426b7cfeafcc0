//! What is asked: the goal in plain words, and the choices that go with it.

use egui::{ComboBox, DragValue, Key, RichText, Slider, TextEdit, Ui};

use crate::data::{GoalParams, GoalView, Seed, Typed};
use crate::session::{Command, GoalState, Session, StepState};
use crate::ui::format;
use crate::ui::icons;
use crate::ui::theme::{SPACE_4, SPACE_8};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;

/// What a goal may look like, for whoever has none yet.
const EXAMPLES: [&str; 4] = ["by topic", "why do people write?", "by writing style", "by language"];
/// More explanations than this nobody reads.
const MOST: usize = 100;
/// Explanations that are asked for where somebody wants a number and has none yet.
const USUAL: usize = 8;
/// A column with more values makes no groups that one could subtract.
const MOST_GROUPS: usize = 100;

/// The form's fields.
#[derive(Default)]
pub struct Draft {
    /// The goal that the fields are of; `None` before the first frame.
    of: Option<Option<u32>>,
    params: GoalParams,
    /// The person's own explanations, one a line.
    own: String,
    more: bool,
    /// The cursor goes into the goal's field in the next frame.
    fresh: bool,
}

impl Draft {
    /// Takes over what is asked of another goal.
    pub fn meet(&mut self, goal: Option<u32>, session: &Session) {
        if self.of == Some(goal) {
            return;
        }
        let asked = goal.and_then(|goal| session.goal(goal)).map(|goal| (*goal.asked.params).clone());
        self.params = asked.unwrap_or_default();
        self.own = self.params.predicates.join("\n");
        self.of = Some(goal);
    }

    /// Starts a new goal.
    pub fn begin(&mut self) {
        self.of = None;
        self.focus();
    }

    /// Puts the cursor into the goal's field.
    pub fn focus(&mut self) {
        self.fresh = true;
    }

    fn wanted(&self) -> GoalParams {
        let own = self.own.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        GoalParams {
            goal: self.params.goal.trim().to_owned(),
            predicates: own.collect(),
            ..self.params.clone()
        }
    }
}

/// Draws the form.
pub fn show(
    ui: &mut Ui,
    session: &Session,
    goal: Option<&GoalState<'_>>,
    draft: &mut Draft,
    wishes: &mut Wishes,
) {
    if goal.is_none() {
        widgets::muted(
            ui,
            "Groups of texts, each with an explanation that anyone can check on a single text.",
        );
        ui.add_space(SPACE_8);
    }
    let field = TextEdit::singleline(&mut draft.params.goal)
        .hint_text("What should tell the texts apart?")
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(8, 6));
    let response = ui.add(field);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Goal"));
    if std::mem::take(&mut draft.fresh) {
        response.request_focus();
    }
    let entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
    if goal.is_none() && draft.params.goal.is_empty() {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE_4;
            widgets::caption(ui, "For example");
            for example in EXAMPLES {
                if widgets::small_link(ui, example).clicked() {
                    example.clone_into(&mut draft.params.goal);
                }
            }
        });
    }
    ui.add_space(SPACE_4);
    ui.horizontal(|ui| {
        ui.label("Explanations");
        let mut automatic = draft.params.k.is_none();
        if widgets::outlined(ui, |ui| ui.checkbox(&mut automatic, "automatic"))
            .on_hover_text("As many as are worth their price")
            .changed()
        {
            draft.params.k = (!automatic).then_some(USUAL);
        }
        if let Some(k) = &mut draft.params.k {
            ui.add(DragValue::new(k).range(1..=MOST)).on_hover_text("How many");
        }
    });
    ui.add_space(SPACE_4);
    more(ui, session, draft);
    ui.add_space(SPACE_8);
    let running = goal.is_some_and(|goal| matches!(goal.state, StepState::Running(_)));
    let wanted = draft.wanted();
    let empty = wanted.goal.is_empty() && wanted.own() == 0 && wanted.view.is_none();
    let text = if goal.is_some() { "Explain again" } else { "Explain" };
    let start = ui.add_enabled_ui(!empty && !running, |ui| {
        ui.vertical_centered_justified(|ui| widgets::primary_button(ui, text).clicked()).inner
    });
    let start = start.inner;
    if (start || entered) && !empty && !running {
        let id = goal.map(|goal| goal.asked.id);
        let answer = goal.and_then(|goal| goal.answer);
        let params = match goal.zip(answer) {
            Some((goal, answer)) => wanted.again(goal.asked, answer.goals()),
            None => wanted,
        };
        draft.params = params.clone();
        draft.own = params.predicates.join("\n");
        wishes.push(Command::AskGoal(id, Box::new(params)));
        // Work that failed or was stopped starts again, even where nothing was changed.
        wishes.commands.extend(id.map(Command::TryGoal));
    }
}

/// The choices that few need.
fn more(ui: &mut Ui, session: &Session, draft: &mut Draft) {
    let caption = if draft.more { "Fewer choices" } else { "More choices" };
    if widgets::disclosure(ui, draft.more, caption) {
        draft.more = !draft.more;
    }
    if !draft.more {
        return;
    }
    ui.add_space(SPACE_4);
    let columns: Vec<&str> = session.corpus().map_or_else(Vec::new, |corpus| {
        let others = corpus.columns.iter().enumerate().filter(|(at, _)| !corpus.text_columns.contains(at));
        let groups = others.filter(|(_, column)| {
            matches!(&column.typed, Typed::Category { levels, .. } if levels.len() <= MOST_GROUPS)
        });
        groups.map(|(_, column)| column.name.as_str()).collect()
    });
    let params = &mut draft.params;
    egui::Grid::new("goal choices").num_columns(2).spacing([SPACE_8, SPACE_8]).show(ui, |ui| {
        ui.label("Compare by")
            .on_hover_text("How texts are compared: the goal's words decide, unless you do");
        view(ui, &columns, &mut params.view);
        ui.end_row();
        ui.label("Subtract").on_hover_text("What groups share that the goal does not ask for");
        let by_meaning = matches!(params.view, None | Some(GoalView::Meaning));
        ui.add_enabled_ui(by_meaning, |ui| nuisances(ui, &columns, params));
        ui.end_row();
        ui.label("Overlap costs")
            .on_hover_text("λ: for each explanation after the first that holds for a text");
        ui.add(Slider::new(&mut params.lambda, 0.0..=2.0).max_decimals(2));
        ui.end_row();
        ui.label("A miss costs").on_hover_text("μ: for each text that no explanation holds for");
        ui.add(Slider::new(&mut params.mu, 0.0..=4.0).max_decimals(2));
        ui.end_row();
    });
    ui.add_space(SPACE_8);
    widgets::section(ui, "Your own explanations");
    let field = TextEdit::multiline(&mut draft.own)
        .hint_text("One a line: “mentions a late delivery”")
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    ui.add(field);
    seeds(ui, session, params);
}

fn view(ui: &mut Ui, columns: &[&str], view: &mut Option<GoalView>) {
    let name = |view: &Option<GoalView>| match view {
        None => "what the goal says".to_owned(),
        Some(GoalView::Meaning) => "meaning".into(),
        Some(GoalView::Language) => "language".into(),
        Some(GoalView::Style) => "style".into(),
        Some(GoalView::Column(name)) => format!("column {}", format::one_line(name, 24)),
    };
    let mut choices = vec![None, Some(GoalView::Meaning), Some(GoalView::Language), Some(GoalView::Style)];
    choices.extend(columns.iter().map(|&column| Some(GoalView::Column(column.to_owned()))));
    ui.name_inputs("Compare by", |ui| {
        ComboBox::from_id_salt("compare by").selected_text(name(view)).show_ui(ui, |ui| {
            for choice in choices {
                let text = name(&choice);
                ui.selectable_value(view, choice, text);
            }
        });
    });
}

fn nuisances(ui: &mut Ui, columns: &[&str], params: &mut GoalParams) {
    ui.vertical(|ui| {
        widgets::outlined(ui, |ui| ui.checkbox(&mut params.by_language, "each language's mean"));
        let name = params.nuisance.as_deref().map_or_else(
            || "no column".to_owned(),
            |name| format!("each {}'s mean", format::one_line(name, 20)),
        );
        if columns.is_empty() {
            return;
        }
        ui.name_inputs("Subtract a column", |ui| {
            ComboBox::from_id_salt("nuisance").selected_text(name).show_ui(ui, |ui| {
                ui.selectable_value(&mut params.nuisance, None, "no column");
                for &column in columns {
                    let text = format!("each {}'s mean", format::one_line(column, 24));
                    ui.selectable_value(&mut params.nuisance, Some(column.to_owned()), text);
                }
            });
        });
    });
}

/// Explanations in examples, and a new one from the selection.
fn seeds(ui: &mut Ui, session: &Session, params: &mut GoalParams) {
    let mut gone = None;
    for (at, seed) in params.seeds.iter().enumerate() {
        ui.horizontal(|ui| {
            let count = format::plural(seed.documents.len(), "example", "examples");
            let text = match &seed.title {
                Some(title) => format!("{} {}", icons::PUSH_PIN, format::one_line(title, 36)),
                None => format!("One like {count}"),
            };
            ui.label(RichText::new(text).small());
            if widgets::icon_button(ui, icons::X, "Leave it out", "").clicked() {
                gone = Some(at);
            }
        });
    }
    if let Some(at) = gone {
        params.seeds.remove(at);
    }
    if !params.banned.is_empty() {
        ui.horizontal(|ui| {
            let text =
                format!("{} banned", format::plural(params.banned.len(), "explanation", "explanations"));
            widgets::caption(ui, text);
            if widgets::small_link(ui, "Allow again").clicked() {
                params.banned.clear();
            }
        });
    }
    let selection = session.selection().filter(|selection| !selection.is_empty());
    if let Some(selection) = selection {
        let text = format!("Selected documents as examples of one ({})", format::len(selection.len()));
        if widgets::small_link(ui, &text).clicked() {
            params.seeds.push(Seed { documents: selection.to_vec(), ..Seed::default() });
        }
    } else if params.seeds.is_empty() {
        widgets::caption(ui, "Documents selected on the map can be examples of one.");
    }
}
