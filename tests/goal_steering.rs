//! What a person does to the explanations of a goal.

mod common;

#[path = "common/goals.rs"]
mod goals;

use std::sync::Arc;

use common::{SMALL, small_corpus};
use goals::{embedded, embedder};
use semascope::data::{Asked, Corpus, Explanation, GoalDeed, GoalParams, Goals, Matrix, UNCLUSTERED};
use semascope::embed::Embedder;
use semascope::io::read::ReadOptions;
use semascope::job::Ctx;
use semascope::model::DevicePreference;
use semascope::stage::goal::{self, Explained, Inputs, Watch};
use semascope::stage::{Computers, StageError, Tools, open};

/// A goal on the small corpus, and the subject of each document.
struct Steered {
    corpus: Corpus,
    matrix: Matrix,
    embedder: Embedder,
    subjects: Vec<String>,
    now: Explained,
}

impl Steered {
    fn asked(params: GoalParams) -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = ReadOptions { text_columns: Some(vec!["text".into()]), ..ReadOptions::default() };
        let corpus = open::corpus(&small_corpus(home.path()), &options, &Ctx::quiet()).unwrap();
        let subjects = corpus.column("subject").unwrap().cells.iter().map(str::to_owned).collect();
        let embedder = embedder();
        let matrix = embedded(&corpus, &embedder);
        let asked = Asked { id: 0, params: Arc::new(params), deeds: Vec::new() };
        let now = evaluated(&corpus, &matrix, &embedder, &asked, None).unwrap();
        Self { corpus, matrix, embedder, subjects, now }
    }

    /// Four explanations of four subjects.
    fn four() -> Self {
        let goal = "what is talked about?".into();
        Self::asked(GoalParams { goal, k: Some(4), ..GoalParams::default() })
    }

    fn goals(&self) -> &Goals {
        &self.now.goals
    }

    fn tried(&self, deed: GoalDeed) -> Result<Explained, StageError> {
        let asked = self.now.asked.with(deed);
        evaluated(&self.corpus, &self.matrix, &self.embedder, &asked, Some(&self.now))
    }

    fn does(&mut self, deed: GoalDeed) {
        self.now = self.tried(deed).unwrap();
    }

    fn refused(&self, deed: GoalDeed) -> String {
        match self.tried(deed) {
            Err(StageError::Failed(sentence)) => sentence,
            _ => panic!("it was done"),
        }
    }

    /// The explanation whose members are mostly of a subject.
    fn about(&self, subject: &str) -> &Explanation {
        let of =
            |e: &&Explanation| e.members.iter().filter(|i| self.subjects[**i as usize] == subject).count();
        self.goals().explanations.iter().max_by_key(of).unwrap()
    }

    fn count(&self, members: &[u32], subject: &str) -> usize {
        members.iter().filter(|i| self.subjects[**i as usize] == subject).count()
    }
}

fn evaluated(
    corpus: &Corpus,
    matrix: &Matrix,
    embedder: &Embedder,
    asked: &Asked,
    from: Option<&Explained>,
) -> Result<Explained, StageError> {
    let inputs = Inputs { corpus, matrix, knn: None, embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    let tools = Tools { cache: None, on: &on };
    goal::evaluate(&inputs, asked, from, tools, Watch::NONE, &Ctx::quiet())
}

/// What holds of all explanations whatever was done to them.
fn check(goals: &Goals) {
    let mut satisfied = vec![0usize; SMALL];
    for e in &goals.explanations {
        assert!(e.members.is_sorted_by(|a, b| a < b));
        assert!(
            (0..SMALL as u32).all(|i| (e.scores[i as usize] >= 0.5) == e.members.binary_search(&i).is_ok())
        );
        e.members.iter().for_each(|&i| satisfied[i as usize] += 1);
        assert!(!e.title.is_empty() && !e.predicate.is_empty());
    }
    for (i, best) in goals.best.iter().enumerate() {
        let holds = |e: &Explanation| e.members.binary_search(&(i as u32)).is_ok();
        match goals.explanations.get(*best as usize) {
            Some(best) => assert!(holds(best)),
            None => assert!(*best == UNCLUSTERED && !goals.explanations.iter().any(holds)),
        }
    }
    for e in &goals.explanations {
        assert_eq!(e.only, e.members.iter().filter(|i| satisfied[**i as usize] == 1).count());
    }
}

#[test]
fn members_follow_other_words_and_stay_under_another_name() {
    let mut goal = Steered::four();
    let which = goal.about("football").id;
    let before = goal.about("football").members.clone();
    goal.does(GoalDeed::Rename { which, predicate: " is about the ball ".into() });
    let e = &goal.goals().explanations[goal.goals().place(which).unwrap()];
    assert_eq!((e.predicate.as_str(), &e.members), ("is about the ball", &before));
    goal.does(GoalDeed::Reword { which, predicate: "is about planets and telescopes".into() });
    check(goal.goals());
    let e = &goal.goals().explanations[goal.goals().place(which).unwrap()];
    assert!(e.pinned && e.title == "is about planets and telescopes");
    let (stars, ball) = (goal.count(&e.members, "astronomy"), goal.count(&e.members, "football"));
    assert!(stars > 10 && stars > ball, "{stars} and {ball}");
    assert!(goal.refused(GoalDeed::Reword { which, predicate: "  ".into() }).contains("needs words"));
}

#[test]
fn several_become_one_and_one_becomes_several() {
    let mut goal = Steered::four();
    let (a, b) = (goal.about("football").id, goal.about("cooking").id);
    goal.does(GoalDeed::Merge { which: vec![a, b] });
    check(goal.goals());
    assert_eq!(goal.goals().explanations.len(), 3);
    assert!(goal.goals().place(a).is_none() && goal.goals().place(b).is_none());
    let merged = goal.goals().explanations.iter().find(|e| e.title.contains(" or ")).unwrap();
    assert!(goal.count(&merged.members, "football") > 20 && goal.count(&merged.members, "cooking") > 20);
    let which = merged.id;
    goal.does(GoalDeed::Split { which, parts: 2 });
    check(goal.goals());
    assert_eq!(goal.goals().explanations.len(), 4);
    assert_ne!(goal.about("football").id, goal.about("cooking").id);
    assert!(goal.about("football").proposed_by.contains("a part of"));
    let which = goal.about("football").id;
    assert!(goal.refused(GoalDeed::Split { which, parts: 30 }).contains("too few"));
}

#[test]
fn a_banned_explanation_leaves_its_texts_uncovered_until_they_are_asked_for() {
    let mut goal = Steered::four();
    let football = goal.about("football");
    let (which, members, documents) = (football.id, football.members.clone(), football.surest());
    goal.does(GoalDeed::Ban { which, documents });
    check(goal.goals());
    let uncovered = goal.goals().uncovered_documents();
    assert!(members.iter().filter(|i| uncovered.contains(i)).count() * 10 > members.len() * 7);
    // What was banned does not come back as what is missing.
    let sentence = goal.refused(GoalDeed::AddMissing);
    assert!(sentence.contains("too few") || sentence.contains("No group"), "{sentence}");
    // Nor when the goal is explained again.
    let again = goal.now.asked.params.again(&goal.now.asked, goal.goals());
    assert_eq!(again.banned.len(), 1);
    let other = Steered::asked(again);
    let like = |e: &Explanation| other.count(&e.members, "football") * 10 > e.members.len() * 8;
    assert!(!other.goals().explanations.iter().any(like));
}

#[test]
fn what_is_missing_and_what_lies_beside_can_be_added() {
    let own = vec!["is about football".to_owned()];
    let params = GoalParams { goal: "by topic".into(), predicates: own, k: Some(1), ..GoalParams::default() };
    let mut goal = Steered::asked(params);
    check(goal.goals());
    let before = goal.goals().uncovered();
    goal.does(GoalDeed::AddMissing);
    check(goal.goals());
    assert_eq!(goal.goals().explanations.len(), 2);
    assert!(goal.goals().uncovered() < before);
    let which = goal.goals().explanations[1].id;
    goal.does(GoalDeed::AddBeside { which });
    check(goal.goals());
    assert_eq!(goal.goals().explanations.len(), 3);
    goal.does(GoalDeed::Add { predicate: "is about money".into() });
    check(goal.goals());
    let money = goal.goals().explanations.last().unwrap();
    assert!(money.pinned && money.title == "is about money");
    assert!(goal.count(&money.members, "finance") * 2 > money.members.len());
}

#[test]
fn examples_show_what_an_explanation_is_about() {
    let params = GoalParams { goal: "by topic".into(), k: Some(2), ..GoalParams::default() };
    let mut goal = Steered::asked(params);
    let some: Vec<u32> =
        (0..SMALL as u32).filter(|i| goal.subjects[*i as usize] == "astronomy").step_by(5).collect();
    goal.does(GoalDeed::AddLike { documents: some.clone() });
    check(goal.goals());
    let added = goal.goals().explanations.last().unwrap();
    assert!(goal.count(&added.members, "astronomy") > 20, "{:?}", added.members);
    // The same from the start.
    let seeds = vec![semascope::data::Seed { documents: some, ..Default::default() }];
    let goal =
        Steered::asked(GoalParams { goal: "by topic".into(), k: Some(4), seeds, ..GoalParams::default() });
    check(goal.goals());
    let first = &goal.goals().explanations[0];
    assert!(first.pinned && first.proposed_by == "your examples");
    assert!(goal.count(&first.members, "astronomy") * 2 > first.members.len());
}

#[test]
fn what_a_person_says_of_a_text_holds_and_undoing_it_is_what_was_there() {
    let mut goal = Steered::four();
    let before = goal.now.clone();
    let football = goal.about("football");
    let (which, inside) = (football.id, football.members[0]);
    let outside = (0..SMALL as u32).find(|i| football.members.binary_search(i).is_err()).unwrap();
    goal.does(GoalDeed::Judge { document: inside, which, satisfies: false });
    goal.does(GoalDeed::Judge { document: outside, which, satisfies: true });
    check(goal.goals());
    let place = goal.goals().place(which).unwrap();
    let e = &goal.goals().explanations[place];
    assert!(e.members.binary_search(&inside).is_err() && e.members.binary_search(&outside).is_ok());
    assert_eq!(goal.goals().best[outside as usize], place as u32);
    // It holds whatever else is done.
    goal.does(GoalDeed::AddBeside { which });
    let e = &goal.goals().explanations[goal.goals().place(which).unwrap()];
    assert!(e.members.binary_search(&inside).is_err() && e.members.binary_search(&outside).is_ok());
    // All deeds at once give the same as one by one.
    let at_once = evaluated(&goal.corpus, &goal.matrix, &goal.embedder, &goal.now.asked, None).unwrap();
    assert_eq!(at_once.goals, goal.now.goals);
    assert!(goal.now.asked.answers(goal.goals()) && !goal.now.asked.answers(&before.goals));
}

#[test]
fn what_was_kept_after_one_round_is_made_by_one_round_again() {
    let goal = Steered::four();
    let inputs = Inputs { corpus: &goal.corpus, matrix: &goal.matrix, knn: None, embedder: &goal.embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    let tools = Tools { cache: None, on: &on };
    let early = Watch { enough: &|| true, ..Watch::NONE };
    let asked = Asked { deeds: Vec::new(), ..goal.now.asked.clone() };
    let kept = goal::evaluate(&inputs, &asked, None, tools, early, &Ctx::quiet()).unwrap();
    assert_eq!(kept.goals.selection.as_ref().unwrap().rounds, 1);
    // As a project brings it back.
    let opened = Explained { working: None, ..kept.clone() };
    let which = kept.goals.explanations[0].id;
    let asked = asked.with(GoalDeed::Pin { which, pinned: true });
    let now = goal::evaluate(&inputs, &asked, Some(&opened), tools, Watch::NONE, &Ctx::quiet()).unwrap();
    assert_eq!(now.goals.selection, kept.goals.selection);
    assert!(now.goals.explanations.iter().zip(&kept.goals.explanations).all(|(a, b)| a.members == b.members));
}

#[test]
fn pinned_explanations_come_again() {
    let mut goal = Steered::four();
    let football = goal.about("football");
    let (which, members) = (football.id, football.members.clone());
    goal.does(GoalDeed::Rename { which, predicate: "is about the ball".into() });
    goal.does(GoalDeed::Pin { which, pinned: true });
    let again = GoalParams { k: Some(3), ..goal.now.asked.params.again(&goal.now.asked, goal.goals()) };
    let again = Steered::asked(again);
    let first = &again.goals().explanations[0];
    assert_eq!((first.title.as_str(), again.goals().explanations.len()), ("is about the ball", 3));
    let kept = members.iter().filter(|i| first.members.contains(i)).count();
    assert!(kept * 10 > members.len() * 7, "{kept} of {}", members.len());
}

#[test]
fn explanations_that_were_read_from_a_column_can_be_named_merged_and_overruled() {
    let mut goal = Steered::asked(GoalParams { goal: "by subject".into(), ..GoalParams::default() });
    assert!(goal.now.working.is_none());
    let (a, b) = (goal.about("football").id, goal.about("cooking").id);
    goal.does(GoalDeed::Rename { which: a, predicate: "is about the ball".into() });
    goal.does(GoalDeed::Merge { which: vec![a, b] });
    check(goal.goals());
    let merged = goal.goals().explanations.iter().find(|e| e.members.len() == SMALL / 2).unwrap();
    let (which, document) = (merged.id, merged.members[3]);
    goal.does(GoalDeed::Judge { document, which, satisfies: false });
    check(goal.goals());
    assert_eq!(goal.goals().uncovered(), 1);
    assert!(goal.refused(GoalDeed::Split { which, parts: 2 }).contains("the column “subject”"));
    assert!(goal.refused(GoalDeed::Rename { which: 77, predicate: "x".into() }).contains("not there"));
}
