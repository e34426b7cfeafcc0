//! Goals in plain words, with the model that comes with the app.

mod common;

#[path = "common/goals.rs"]
mod goals;
#[path = "common/texts.rs"]
mod texts;

use std::path::Path;
use std::sync::Mutex;

use common::{SMALL, small_corpus};
use goals::{embedded, embedder};
use semascope::data::{Corpus, GoalView, UNCLUSTERED};
use semascope::io::read::ReadOptions;
use semascope::job::Ctx;
use semascope::model::DevicePreference;
use semascope::stage::goal::{self, Explained, GoalParams, Inputs};
use semascope::stage::{Computers, StageError, Tools, open};
use texts::corpus;

fn explained(corpus: &Corpus, params: &GoalParams) -> Result<Explained, StageError> {
    let embedder = embedder();
    let matrix = embedded(corpus, &embedder);
    let inputs = Inputs { corpus, matrix: &matrix, knn: None, embedder: &embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    goal::run(&inputs, params, Tools { cache: None, on: &on }, goal::Watch::NONE, &Ctx::quiet())
}

fn by(goal: &str) -> GoalParams {
    GoalParams { goal: goal.into(), ..GoalParams::default() }
}

fn failure(corpus: &Corpus, params: &GoalParams) -> String {
    match explained(corpus, params) {
        Err(StageError::Failed(sentence)) => sentence,
        Err(StageError::Cancelled) => panic!("nobody stopped it"),
        Ok(found) => {
            panic!("{:?}", found.goals.explanations.iter().map(|e| &e.predicate).collect::<Vec<_>>())
        }
    }
}

/// The small corpus with the subject of each document.
fn small(home: &Path) -> (Corpus, Vec<String>) {
    let options = ReadOptions { text_columns: Some(vec!["text".into()]), ..ReadOptions::default() };
    let corpus = open::corpus(&small_corpus(home), &options, &Ctx::quiet()).unwrap();
    let subjects = corpus.column("subject").unwrap().cells.iter().map(str::to_owned).collect();
    (corpus, subjects)
}

/// How many documents lie with the subject that is commonest under their explanation.
fn agreeing(best: &[u32], subjects: &[String]) -> usize {
    let mut counts = std::collections::BTreeMap::<(u32, &str), usize>::new();
    best.iter().zip(subjects).filter(|(best, _)| **best != UNCLUSTERED).for_each(|(best, subject)| {
        *counts.entry((*best, subject)).or_default() += 1;
    });
    let explanations = best.iter().filter(|best| **best != UNCLUSTERED).max().map_or(0, |best| best + 1);
    let largest = |e: u32| counts.iter().filter(|((of, _), _)| *of == e).map(|(_, n)| *n).max().unwrap_or(0);
    (0..explanations).map(largest).sum()
}

#[test]
fn a_goal_for_topics_finds_the_subjects_and_tells_of_every_round() {
    let home = tempfile::tempdir().unwrap();
    let (corpus, subjects) = small(home.path());
    let embedder = embedder();
    let matrix = embedded(&corpus, &embedder);
    let inputs = Inputs { corpus: &corpus, matrix: &matrix, knn: None, embedder: &embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    let rounds = Mutex::new(Vec::new());
    let params = GoalParams { k: Some(4), ..by("what is talked about?") };
    let told = |round: goal::Round| rounds.lock().unwrap().push(round.clone());
    let found = goal::run(
        &inputs,
        &params,
        Tools { cache: None, on: &on },
        goal::Watch { told: &told, ..goal::Watch::NONE },
        &Ctx::quiet(),
    )
    .unwrap();
    let goals = &found.goals;
    assert_eq!((goals.view.clone(), goals.explanations.len()), (GoalView::Meaning, 4));
    assert!(agreeing(&goals.best, &subjects) > SMALL * 8 / 10, "{}", agreeing(&goals.best, &subjects));
    let rounds = rounds.into_inner().unwrap();
    assert_eq!(rounds.len(), goals.selection.as_ref().unwrap().rounds);
    assert!(rounds.iter().all(|round| round.candidates > 0 && round.covered > 0.0));
    for e in &goals.explanations {
        assert!(e.scores.len() == SMALL && e.scores.iter().all(|score| (0.0..=1.0).contains(score)));
        assert!(
            (0..SMALL as u32).all(|i| e.members.binary_search(&i).is_ok() == (e.scores[i as usize] >= 0.5))
        );
        assert!(e.exemplars.iter().all(|i| e.members.contains(i)));
        assert!(e.near_misses.iter().all(|i| !e.members.contains(i)));
        assert!(e.held_out.unwrap().accuracy > 0.7, "{:?}", e.held_out);
        assert!(e.predicate.ends_with(&e.title) && !e.title.is_empty());
    }
    let working = found.working.unwrap();
    let exemplar = goals.explanations[0].exemplars[0];
    let passage = working.deciding_passage(&corpus, exemplar, 0, &embedder, &Ctx::quiet()).unwrap().unwrap();
    assert!(!corpus.text(exemplar as usize)[passage].trim().is_empty());
}

#[test]
fn given_predicates_are_kept() {
    let home = tempfile::tempdir().unwrap();
    let (corpus, subjects) = small(home.path());
    let predicates = ["is about football", "is about astronomy", "is about cooking", "is about finance"];
    let params = GoalParams { predicates: predicates.map(str::to_owned).to_vec(), ..by("by topic") };
    let found = explained(&corpus, &params).unwrap();
    for (e, predicate) in found.goals.explanations.iter().zip(predicates) {
        assert_eq!(e.predicate, predicate);
        let right = e.members.iter().filter(|i| predicate.ends_with(&subjects[**i as usize])).count();
        assert!(
            right * 10 > e.members.len() * 8 && right > 20,
            "{predicate}: {right} of {}",
            e.members.len()
        );
    }
    // More are asked for than were given.
    let two = GoalParams { predicates: vec!["is about football".into()], k: Some(4), ..by("by topic") };
    let goals = explained(&corpus, &two).unwrap().goals;
    assert_eq!((goals.explanations.len(), goals.explanations[0].title.as_str()), (4, "is about football"));
    let football =
        goals.explanations[0].members.iter().filter(|i| subjects[**i as usize] == "football").count();
    assert!(football * 2 > goals.explanations[0].members.len(), "{football}");
}

#[test]
fn the_goal_says_how_texts_are_compared() {
    let home = tempfile::tempdir().unwrap();
    let (small, subjects) = small(home.path());
    let goals = explained(&small, &by("by subject")).unwrap().goals;
    assert_eq!(goals.view, GoalView::Column("subject".into()));
    assert_eq!(goals.explanations.len(), 4);
    assert!(goals.explanations.iter().all(|e| e.members.len() == SMALL / 4 && e.only == SMALL / 4));

    // Without what each subject has in common, subjects are not found again.
    let params = GoalParams { nuisance: Some("subject".into()), k: Some(4), ..by("what is talked about?") };
    let goals = explained(&small, &params).unwrap().goals;
    assert!(goals.nuisances.contains(&"the mean of texts in English with subject cooking".into()));
    assert!(agreeing(&goals.best, &subjects) < SMALL * 6 / 10, "{}", agreeing(&goals.best, &subjects));

    let texts: Vec<String> = (0..60)
        .map(|i| match i % 3 {
            0 => format!("The weather was fine and we went to the garden for {i} hours."),
            1 => format!("Das Wetter war schön und wir gingen für {i} Stunden in den Garten."),
            _ => format!("Le temps était beau et nous sommes allés au jardin pendant {i} heures."),
        })
        .collect();
    let goals = explained(&corpus(&texts), &by("which language is each text in?")).unwrap().goals;
    assert_eq!(goals.view, GoalView::Language);
    let titles: Vec<&str> = goals.explanations.iter().map(|e| e.title.as_str()).collect();
    assert_eq!(titles, ["English", "French (Français)", "German (Deutsch)"]);

    let texts: Vec<String> = (0..60)
        .map(|i| match i % 2 {
            0 => format!("WOW!!! so much fun #{i} @all 😀😀"),
            _ => {
                format!("The committee, which had met {i} times, published its report; nobody was surprised.")
            }
        })
        .collect();
    let params = GoalParams { k: Some(2), ..by("by writing style") };
    let goals = explained(&corpus(&texts), &params).unwrap().goals;
    assert_eq!(goals.view, GoalView::Style);
    assert!(goals.best.iter().enumerate().all(|(i, best)| (*best == goals.best[0]) == (i % 2 == 0)));
}

#[test]
fn where_nobody_says_how_many_every_subject_gets_an_explanation_and_says_who_proposed_it() {
    const SUBJECTS: [[&str; 5]; 8] = [
        ["football match", "goalkeeper", "penalty kick", "striker", "football league"],
        ["telescope", "distant galaxy", "planet orbiting a star", "comet", "astronomer"],
        ["oven and the dough", "recipe", "onion soup", "frying pan", "cake batter"],
        ["stock market", "interest rate", "shareholders' dividend", "bond fund", "bank's profit"],
        ["rose garden", "tomato seedlings", "compost heap", "lawn mower", "flower bed"],
        ["patient's surgery", "vaccine", "hospital ward", "doctor's diagnosis", "blood pressure drug"],
        ["court trial", "judge's verdict", "lawyer's appeal", "prison sentence", "new criminal law"],
        ["violin concerto", "guitar solo", "choir rehearsal", "jazz band", "new album of songs"],
    ];
    const SAID: [&str; 8] = [
        "Yesterday we talked about the {} at length.",
        "My sister wrote to me about the {}.",
        "Nobody had expected so much of the {} this year.",
        "There was a long report on the {} this morning.",
        "I have never understood the {} very well.",
        "They asked whether the {} was any good.",
        "What I remember best is the {}.",
        "In the end the {} was what mattered.",
    ];
    let texts: Vec<String> =
        SAID.iter().flat_map(|said| SUBJECTS.iter().flatten().map(|what| said.replace("{}", what))).collect();
    let subject = |i: usize| i % (8 * 5) / 5;
    let goals = explained(&corpus(&texts), &by("by topic")).unwrap().goals;
    assert!((7..=10).contains(&goals.explanations.len()), "{}", goals.explanations.len());
    let subjects: Vec<String> = (0..texts.len()).map(|i| subject(i).to_string()).collect();
    let right = agreeing(&goals.best, &subjects);
    assert!(right > texts.len() * 7 / 10, "{right} of {}", texts.len());
    assert!(goals.explanations.iter().all(|e| e.proposed_by.starts_with("a part of the texts")
        || e.proposed_by.starts_with("WordNet")
        || e.proposed_by.starts_with("the phrase")));
}

#[test]
fn predicates_about_style_find_the_texts_that_are_written_so() {
    let texts: Vec<String> = (0..90)
        .map(|i| match i % 3 {
            0 => format!("WOW!!! so much fun #{i} @all 😀😀"),
            1 => format!("Where was it {i} days ago?\nWho took it away?"),
            _ => {
                format!("The committee, which had met {i} times, published its report; nobody was surprised.")
            }
        })
        .collect();
    let predicates = ["uses emoji and hashtags", "asks questions", "is formal, with long sentences"];
    let params =
        GoalParams { predicates: predicates.map(str::to_owned).to_vec(), ..by("by how they are written") };
    let goals = explained(&corpus(&texts), &params).unwrap().goals;
    assert_eq!(goals.view, GoalView::Style);
    for (number, (e, predicate)) in goals.explanations.iter().zip(predicates).enumerate() {
        assert_eq!(e.predicate, predicate);
        assert!(e.members.len() == 30 && e.members.iter().all(|i| *i as usize % 3 == number), "{predicate}");
    }
    // In other words, which no rule knows.
    let one = GoalParams {
        predicates: vec!["employs smiling pictograms, emoticons".into()],
        k: Some(3),
        ..by("by how they are written")
    };
    let goals = explained(&corpus(&texts), &one).unwrap().goals;
    assert!(goals.explanations[0].members.iter().all(|i| i % 3 == 0) && goals.explanations.len() == 3);
}

#[test]
fn goals_in_plain_words_pick_the_view_that_a_reader_would() {
    use semascope::math::goal_view::{Question, View};
    let embedder = embedder();
    let view = |goal: &str| {
        let question = Question::of(goal, &[]);
        let phrases = corpus(&question.phrases());
        let vectors = embedded(&phrases, &embedder);
        let vectors: Vec<f32> = (0..phrases.len()).flat_map(|i| vectors.row(i).into_owned()).collect();
        question.decide(&vectors, embedder.dim()).view
    };
    for (wanted, goals) in [
        (
            View::Meaning,
            [
                "what are people talking about?",
                "why do customers complain?",
                "by the kind of evidence",
                "which emotions do the writers feel?",
                "by sport",
                "according to the political issue at stake",
            ],
        ),
        (
            View::Language,
            [
                "by language",
                "group them by the tongue the author uses",
                "split English, Spanish and Italian posts",
                "is it Chinese, Japanese or Korean?",
                "sort reviews into Dutch, Polish and Russian",
                "separate the French documents from the German ones",
            ],
        ),
        (
            View::Style,
            [
                "by writing style",
                "how is it written?",
                "poems versus tweets versus screenplays",
                "formal or casual wording?",
                "is it prose, verse or dialogue?",
                "according to how the author writes, not what about",
            ],
        ),
    ] {
        for goal in goals {
            assert_eq!(view(goal), wanted, "{goal}");
        }
    }
}

#[test]
fn what_a_goal_cannot_do_is_said_in_a_sentence() {
    let home = tempfile::tempdir().unwrap();
    let (small, _) = small(home.path());
    assert!(failure(&small, &by("  ")).starts_with("The goal is empty."));
    let few: Vec<String> = (0..10).map(|i| format!("Text number {i} about a garden")).collect();
    assert!(failure(&corpus(&few), &by("by topic")).starts_with("10 texts are too few for a goal"));
    let equal = vec!["My card was charged twice.".to_owned(); 300];
    assert!(failure(&corpus(&equal), &by("by topic")).starts_with("All 300 texts are equal"));
    assert!(failure(&corpus(&equal), &by("by writing style")).starts_with("All 300 texts are equal"));
    let empty = vec![String::new(); 30];
    assert!(failure(&corpus(&empty), &by("by topic")).starts_with("0 texts are too few"));
    let many = GoalParams { k: Some(100), ..by("by topic") };
    assert!(failure(&small, &many).contains("ask for at most 30"));
    let column = GoalParams { view: Some(GoalView::Column("nothing".into())), ..by("by topic") };
    assert_eq!(failure(&small, &column), "There is no column “nothing”.");
    let style = GoalParams { predicates: vec!["is about horses".into()], ..by("by writing style") };
    let sentence = failure(&small, &style);
    assert!(sentence.starts_with("“is about horses” says nothing about how texts are written"), "{sentence}");
    assert!(sentence.contains("uses emoji"), "{sentence}");
    let style = GoalParams { predicates: vec!["uses hashtags".into()], ..by("by writing style") };
    assert!(failure(&small, &style).contains("they are all alike in hashtags"));
}

#[test]
fn odd_texts_and_odd_goals_give_an_honest_result() {
    let home = tempfile::tempdir().unwrap();
    let (small, subjects) = small(home.path());
    let unclear = explained(&small, &GoalParams { k: Some(4), ..by("xkq zzvt") }).unwrap().goals;
    assert!(unclear.why.starts_with("The goal is near to no way"), "{}", unclear.why);
    let nothing = explained(&small, &by("please cluster the texts")).unwrap().goals;
    assert!(nothing.why.starts_with("The goal does not say"), "{}", nothing.why);
    assert!(agreeing(&nothing.best, &subjects) > SMALL / 2);

    let one = explained(&small, &GoalParams { k: Some(1), ..by("by topic") }).unwrap().goals;
    assert_eq!(one.explanations.len(), 1);
    assert!(!one.explanations[0].members.is_empty());

    // Empty texts among others are in no explanation; the model has hardly seen Amharic.
    let amharic: Vec<String> = (0..60)
        .map(|i| match i % 3 {
            0 => String::new(),
            1 => format!("ጤና ይስጥልኝ እንዴት ነህ {i}"),
            _ => format!("ዛሬ ገበያ ሄጄ ዳቦ ገዛሁ {i}"),
        })
        .collect();
    let goals = explained(&corpus(&amharic), &GoalParams { k: Some(2), ..by("by topic") }).unwrap().goals;
    assert!(goals.best.iter().step_by(3).all(|best| *best == UNCLUSTERED));
    assert!(goals.explanations.iter().all(|e| !e.title.is_empty() && e.scores[0] == 0.0));
}

#[test]
fn a_stopped_goal_stops() {
    let home = tempfile::tempdir().unwrap();
    let (small, _) = small(home.path());
    let embedder = embedder();
    let matrix = embedded(&small, &embedder);
    let inputs = Inputs { corpus: &small, matrix: &matrix, knn: None, embedder: &embedder };
    let on = Computers::new(DevicePreference::Cpu, None);
    let ctx = Ctx::quiet();
    let stop = ctx.cancel.clone();
    let told = move |_: goal::Round| stop.cancel();
    let found = goal::run(
        &inputs,
        &by("by topic"),
        Tools { cache: None, on: &on },
        goal::Watch { told: &told, ..goal::Watch::NONE },
        &ctx,
    );
    assert!(matches!(found, Err(StageError::Cancelled)));
}
