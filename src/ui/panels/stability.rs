//! How stable the clusters are: found again with other seeds and settings, which of them survive.

use egui::{Label, RichText, Ui};

use crate::session::{ColourBy, Command, Session, StabilityAnswer, Step, StepState, Study};
use crate::stage::stability::{DISSOLVED, STABLE, Survival};
use crate::ui::choosing;
use crate::ui::format;
use crate::ui::icons;
use crate::ui::status_bar;
use crate::ui::theme::{SPACE_4, SPACE_8, Theme};
use crate::ui::widgets;
use crate::ui::wishes::Wishes;
use crate::ui::worth;

/// What can be asked, and what came of it, above the list of clusters.
pub fn show(ui: &mut Ui, session: &Session, wishes: &mut Wishes) {
    // Without vectors and neighbours nothing can be found again; of clusters that are stale nobody wants to know.
    let fresh = session.step(Step::Clusters).state == StepState::Done;
    if session.matrix().is_none() || session.knn().is_none() || session.cluster_count() == 0 || !fresh {
        return;
    }
    match session.study(Study::Stability) {
        StepState::Running(progress) => {
            ui.horizontal(|ui| {
                widgets::caption(
                    ui,
                    progress.as_ref().map_or("Finding clusters again".into(), status_bar::text),
                );
                if widgets::small_link(ui, "Stop").clicked() {
                    wishes.push(Command::StopStudy(Study::Stability));
                }
            });
        }
        StepState::Failed(sentence) => {
            let text = RichText::new(sentence).small().color(Theme::of(ui).error);
            ui.add(Label::new(text).wrap());
            if widgets::small_link(ui, "Try again").clicked() {
                wishes.push(Command::FindStability);
            }
        }
        _ => match session.stability() {
            Some(answer) => told_of_all(ui, session, answer, wishes),
            None => {
                let ask = widgets::small_link(ui, "How stable are they?");
                let ask = ask.on_hover_text(
                    "Finds clusters again with other seeds and settings, and says which of them survive. It takes some \
                     nine times as long as finding them once.",
                );
                if ask.clicked() {
                    wishes.push(Command::FindStability);
                }
            }
        },
    }
    ui.add_space(SPACE_4);
}

fn told_of_all(ui: &mut Ui, session: &Session, answer: &StabilityAnswer, wishes: &mut Wishes) {
    let (stability, runs) = (&answer.survived.stability, &answer.survived.runs);
    let survives = |survival: &&Survival| survival.jaccard >= STABLE;
    let stable = stability.clusters.iter().filter(survives).count();
    let text = format!(
        "{} of {} are stable: in {} other runs {} of the pairs in one cluster stay together.",
        format::len(stable),
        format::plural(stability.clusters.len(), "cluster", "clusters"),
        format::len(stability.runs),
        format::percent(f64::from(stability.together)),
    );
    let mut varied =
        String::from("Varied are seeds and settings; vectors, their neighbours and the map stay.");
    for run in runs {
        varied.push_str(&format!(
            "\n{}: {}, {} of pairs together",
            run.setting,
            format::plural(run.clusters, "cluster", "clusters"),
            format::percent(f64::from(run.figures.together))
        ));
    }
    ui.add(Label::new(RichText::new(text).small()).wrap()).on_hover_text(varied);
    if let Some(recall) = &answer.recall {
        let said = worth::approximate(recall);
        if !said.is_empty() {
            widgets::caption(ui, said.trim_start());
        }
    }
    if session.edits().is_some_and(|edits| !edits.regroupings.is_empty()) {
        widgets::caption(ui, "Clusters changed by hand are held against what the method finds by itself.");
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE_8;
        if answer.shaky.is_empty() {
            widgets::caption(ui, "No document is shaky.");
        } else {
            let shaky = format!(
                "{}  Select {}",
                icons::SELECTION,
                format::plural(answer.shaky.len(), "shaky document", "shaky documents")
            );
            let hint = format!(
                "They leave the core of their cluster in more than half of the runs.\n{}",
                choosing::KEYS
            );
            if widgets::small_link(ui, &shaky).on_hover_text(hint).clicked() {
                choosing::select(ui, answer.shaky.clone(), wishes);
            }
        }
        let coloured = session.colouring().is_some_and(|colouring| colouring.by == ColourBy::Shaky);
        if !coloured && widgets::small_link(ui, &format!("{}  Colour by it", icons::PALETTE)).clicked() {
            wishes.push(Command::SetColour(ColourBy::Shaky));
        }
    });
}

/// How one cluster survives.
pub fn of_cluster(answer: &StabilityAnswer, label: u32) -> Option<&Survival> {
    answer.survived.stability.clusters.get(label as usize)
}

/// The figure of a cluster in the list: its size, and how well it survives.
pub fn figure(size: String, survival: Option<&Survival>) -> String {
    match survival {
        Some(survival) => format!("{:.0}% · {size}", 100.0 * survival.jaccard),
        None => size,
    }
}

/// How a cluster survives, in words.
pub fn told(survival: &Survival) -> String {
    let verdict = match survival.jaccard {
        share if share >= STABLE => "It is stable",
        share if share >= DISSOLVED => "There is a pattern, and who belongs to it is in doubt",
        _ => "It dissolves",
    };
    let percent = |share: f32| format::percent(f64::from(share));
    format!(
        "{verdict}: {} of it survives on average (Jaccard), {} at worst. {} of its pairs stay together.",
        percent(survival.jaccard),
        percent(survival.worst),
        percent(survival.together)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_says_in_words_how_it_survives() {
        let survival = |jaccard| Survival { jaccard, worst: 0.25, together: 0.5 };
        assert!(told(&survival(0.8)).starts_with("It is stable: 80.0% of it survives"));
        assert!(told(&survival(0.6)).contains("in doubt"));
        assert!(told(&survival(0.2)).starts_with("It dissolves"));
        assert_eq!(figure("1,204".into(), Some(&survival(0.87))), "87% · 1,204");
        assert_eq!(figure("1,204".into(), None), "1,204");
    }
}
