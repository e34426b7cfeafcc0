//! The session, driven by commands as the window drives it, without a window.

mod common;
mod driving;

use std::path::Path;
use std::sync::Arc;

use common::SMALL;
use driving::{explore, is_done, until};
use semascope::data::{Element, Recall};
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::job::Ctx;
use semascope::math::hdbscan::Ground;
use semascope::session::{ColourBy, Command, Session, Severity, Step, StepState};
use semascope::stage::map::{Inputs, Live};
use semascope::stage::{self, Computers, MapMethod, Params, Tools};

fn session(home: &Path) -> Session {
    let cache = Cache::open(Some(home.join("cache"))).unwrap();
    Session::new(Settings::default(), cache, Arc::new(|| {}))
}

/// A session on the small corpus, everything computed.
fn explored(home: &Path) -> Session {
    let mut session = session(home);
    explore(&mut session, home);
    session
}

#[test]
fn a_confirmed_import_is_embedded_mapped_clustered_and_named() {
    let home = tempfile::tempdir().unwrap();
    let session = explored(home.path());
    assert_eq!(session.positions().unwrap().len(), SMALL);
    let clusters = session.clusters().unwrap();
    assert_eq!(session.names().unwrap().clusters.len(), clusters.count);
    assert!(session.quality().unwrap().trustworthiness > 0.7);
}

#[test]
fn the_window_and_the_command_line_give_the_same_results() {
    let home = tempfile::tempdir().unwrap();
    let session = explored(home.path());
    let (matrix, params, ctx) = (session.matrix().unwrap(), session.params(), Ctx::quiet());
    let computers = Computers::cpu();
    let tools = Tools { cache: None, on: &computers };
    let knn = stage::neighbours::run(matrix, &params.neighbours, tools, &ctx).unwrap();
    let inputs = Inputs { matrix, knn: &knn, search: Some(&params.neighbours) };
    let layout = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, &ctx).unwrap();
    let clusters = stage::clusters::run(matrix, &knn, Some(&layout), params, &computers, &ctx).unwrap();
    assert_eq!(session.layout().unwrap().positions, layout.positions);
    assert_eq!(session.layout().unwrap().key, layout.key);
    assert_eq!(session.clusters().unwrap().labels, clusters.labels);
}

#[test]
fn a_changed_parameter_recomputes_only_what_lies_downstream() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let (layout, clusters) = (session.layout().unwrap().clone(), session.clusters().unwrap().clone());
    let mut params = session.params().clone();
    params.clusters.method = stage::ClusterMethod::KMeans;
    params.clusters.kmeans.k = 7;
    session.apply(Command::SetParams(Box::new(params)));
    assert_eq!(session.step(Step::Clusters).state, StepState::Stale);
    assert_eq!(session.step(Step::Map).state, StepState::Done);
    until(&mut session, "other clusters", is_done);
    assert_eq!(session.clusters().unwrap().count, 7);
    assert!(!Arc::ptr_eq(&clusters, session.clusters().unwrap()));
    assert!(Arc::ptr_eq(&layout, session.layout().unwrap()), "the map was not computed again");
}

#[test]
fn confident_clusters_say_what_share_they_leave_out_and_follow_the_map() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let knn = session.knn().unwrap().clone();
    let mut params = session.params().clone();
    params.clusters.method = stage::ClusterMethod::Hdbscan;
    params.clusters.hdbscan.min_cluster_size = Some(8);
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "confident clusters", is_done);
    let clusters = session.clusters().unwrap().clone();
    let share = clusters.left_out();
    assert!(clusters.count > 1 && share < 1.0);
    let summary = session.step(Step::Clusters).summary;
    assert!(summary.contains("HDBSCAN, confident only"), "{summary}");
    assert_eq!(summary.contains("left out"), share > 0.0, "{summary}");
    // Another map has other clusters; the neighbours' do not mind.
    params.map.umap.seed = 9;
    session.apply(Command::SetParams(Box::new(params.clone())));
    assert_eq!(session.step(Step::Clusters).state, StepState::Done);
    until(&mut session, "clusters of another map", is_done);
    assert_ne!(session.clusters().unwrap().key, clusters.key);
    params.clusters.hdbscan.ground = Ground::Vectors;
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "clusters among the vectors", is_done);
    let clusters = session.clusters().unwrap().clone();
    params.map.umap.seed = 10;
    session.apply(Command::SetParams(Box::new(params)));
    until(&mut session, "a third map", is_done);
    assert!(Arc::ptr_eq(&clusters, session.clusters().unwrap()));
    assert!(Arc::ptr_eq(&knn, session.knn().unwrap()));
}

#[test]
fn vectors_in_half_precision_wait_to_be_asked_for_and_say_what_they_keep() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let mut params = session.params().clone();
    params.half = true;
    session.apply(Command::SetParams(Box::new(params)));
    assert_eq!(session.step(Step::Embed).state, StepState::Stale);
    assert_eq!(session.matrix().unwrap().element(), Element::F32);
    session.apply(Command::Recompute(Step::Embed));
    until(&mut session, "vectors in half precision", is_done);
    let matrix = session.matrix().unwrap();
    assert!(
        matches!(matrix.kept, Some(Recall::Estimated { share, .. }) if share > 0.95),
        "{:?}",
        matrix.kept
    );
    let summary = session.step(Step::Embed).summary;
    assert!(summary.contains("half precision (") && summary.contains("% of neighbours kept"), "{summary}");

    let path = home.path().join("half.semascope");
    session.apply(Command::SaveProject(path.clone()));
    until(&mut session, "the project", |s| !s.is_busy());
    session.apply(Command::CloseCorpus);
    session.apply(Command::Open(vec![path]));
    until(&mut session, "the project again", |s| s.corpus().is_some());
    assert_eq!(session.step(Step::Embed).summary, summary);
    assert!(is_done(&session), "nothing is computed again");
}

#[test]
fn a_stopped_map_keeps_its_positions_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let mut params = session.params().clone();
    params.map.umap.epochs = Some(200_000);
    session.apply(Command::SetParams(Box::new(params)));
    until(&mut session, "a moving map", |s| s.map_epoch().is_some_and(|(epoch, _)| epoch > 0));
    session.apply(Command::Stop(Step::Map));
    until(&mut session, "the stop", |s| s.step(Step::Map).state == StepState::Stopped && !s.is_busy());
    let (epoch, epochs) = session.layout().unwrap().epochs;
    assert!(0 < epoch && epoch < epochs);
    session.apply(Command::ContinueMap);
    until(&mut session, "the map to go on", |s| s.map_epoch().is_some_and(|(now, _)| now > epoch));
    session.apply(Command::StopAll);
    until(&mut session, "the second stop", |s| !s.is_busy());
    assert!(session.layout().unwrap().epochs.0 > epoch);
}

#[test]
fn parameters_steer_a_map_that_moves() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let mut params = session.params().clone();
    params.map.umap.epochs = Some(3_000);
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "a moving map", |s| s.map_epoch().is_some_and(|(epoch, _)| epoch > 0));
    params.map.umap.min_dist = 0.8;
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "the steered map", is_done);
    let steered = session.layout().unwrap().clone();
    let (matrix, knn) = (session.matrix().unwrap(), session.knn().unwrap());
    let inputs = Inputs { matrix, knn, search: Some(&params.neighbours) };
    assert_ne!(steered.key, stage::map::key(&inputs, &params.map), "its key tells that it was steered");
}

/// Chooses t-SNE with so many rounds and waits until its map moves.
fn with_tsne(session: &mut Session, epochs: usize) -> Params {
    let mut params = session.params().clone();
    params.map.method = MapMethod::Tsne;
    params.map.tsne.epochs = epochs;
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(session, "a moving map", |s| s.map_epoch().is_some_and(|(epoch, _)| epoch > 0));
    params
}

#[test]
fn a_t_sne_map_takes_exaggeration_and_perplexity_while_it_moves() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let mut params = with_tsne(&mut session, 4_000);
    params.map.tsne.exaggeration = 4.0;
    session.apply(Command::SetParams(Box::new(params.clone())));
    let moving = |s: &Session| s.map_epoch().is_some_and(|(epoch, _)| epoch > 0);
    until(&mut session, "the map to move on", moving);
    params.map.tsne.perplexity = 8.0;
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "the steered map", is_done);
    let steered = session.layout().unwrap();
    assert_eq!((steered.method.as_str(), steered.epochs), ("t-SNE", (4_000, 4_000)));
    let (matrix, knn) = (session.matrix().unwrap(), session.knn().unwrap());
    assert_eq!(knn.k, 15, "the wider neighbours are the map's own");
    let inputs = Inputs { matrix, knn, search: Some(&params.neighbours) };
    assert_ne!(steered.key, stage::map::key(&inputs, &params.map), "its key tells that it was steered");
}

#[test]
fn a_stopped_t_sne_map_goes_on_and_ends_as_if_it_had_never_stopped() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let params = with_tsne(&mut session, 3_000);
    session.apply(Command::Stop(Step::Map));
    until(&mut session, "the stop", |s| s.step(Step::Map).state == StepState::Stopped && !s.is_busy());
    assert!(session.layout().unwrap().epochs.0 < 3_000);
    session.apply(Command::ContinueMap);
    until(&mut session, "the rest of the map", is_done);
    let (matrix, knn) = (session.matrix().unwrap(), session.knn().unwrap());
    let inputs = Inputs { matrix, knn, search: Some(&params.neighbours) };
    let computers = Computers::cpu();
    let tools = Tools { cache: None, on: &computers };
    let whole = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, &Ctx::quiet()).unwrap();
    let layout = session.layout().unwrap();
    assert_eq!((layout.key, &layout.positions), (whole.key, &whole.positions));
}

#[test]
fn a_saved_project_reopens_without_corpus_model_or_work() {
    let home = tempfile::tempdir().unwrap();
    let mut first = explored(home.path());
    first.apply(Command::Focus(Some(5)));
    first.apply(Command::SetColour(ColourBy::Column(2)));
    let path = home.path().join("small.semascope");
    first.apply(Command::SaveProject(path.clone()));
    until(&mut first, "the saving", |s| !s.is_busy());
    assert!(first.take_notices().iter().all(|notice| notice.severity != Severity::Error));
    std::fs::remove_file(home.path().join("small.csv")).unwrap();

    let elsewhere = tempfile::tempdir().unwrap();
    let mut second = session(elsewhere.path());
    second.apply(Command::Open(vec![path]));
    until(&mut second, "the project", |s| s.corpus().is_some());
    assert!(is_done(&second), "opening a project starts no work");
    assert_eq!(second.layout().unwrap().positions, first.layout().unwrap().positions);
    assert_eq!(second.names().unwrap().clusters, first.names().unwrap().clusters);
    assert_eq!(second.topics().len(), first.topics().len());
    assert_eq!(second.focus(), Some(5));
    assert_eq!(second.colouring().unwrap().by, ColourBy::Column(2));
    assert_eq!(second.corpus().unwrap().text(3), first.corpus().unwrap().text(3));
}

#[test]
fn an_unreadable_file_says_so_on_the_sheet_and_loses_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::Open(vec![home.path().join("gone.csv")]));
    until(&mut session, "the error", |s| s.import_sheet().is_some_and(|i| i.error.is_some()));
    assert!(session.import_sheet().unwrap().error.as_ref().unwrap().contains("gone.csv"));
    session.apply(Command::CancelImport);
    assert!(session.import_sheet().is_none());
    assert_eq!(session.corpus().unwrap().len(), SMALL, "what was open stays open");
}

#[test]
fn a_legend_entry_can_be_muted_soloed_and_shown_again() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.apply(Command::ToggleEntry(0));
    assert!(session.colouring().unwrap().muted.contains(&0));
    session.apply(Command::SoloEntry(0));
    let muted = &session.colouring().unwrap().muted;
    assert!(!muted.contains(&0) && muted.contains(&1));
    session.apply(Command::SoloEntry(0));
    assert!(session.colouring().unwrap().muted.is_empty(), "a second solo shows everything");
}

#[test]
fn the_sheet_counts_empty_and_duplicate_texts() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("texts.csv");
    std::fs::write(&file, "text,n\nThe same words here,1\nThe same words here,2\n,3\nOther words,4\n")
        .unwrap();
    let mut session = session(home.path());
    session.apply(Command::Open(vec![file]));
    until(&mut session, "the counts", |s| s.import_sheet().is_some_and(|i| i.survey.is_some()));
    let sheet = session.import_sheet().unwrap();
    assert_eq!(sheet.corpus.as_ref().unwrap().text_columns, [0]);
    let survey = sheet.survey.as_ref().unwrap();
    assert_eq!((survey.documents, survey.empty, survey.duplicates, survey.over_long), (4, 1, 1, 0));
}

#[test]
fn texts_in_a_language_the_model_does_not_know_bring_a_warning() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("texte.csv");
    let rows = [
        "Der Zug nach Hamburg hat heute wieder eine halbe Stunde Verspätung gehabt.",
        "Im Winter wird es in den \
                 Bergen früh dunkel und sehr kalt.",
        "Meine Großmutter backt jeden Sonntag einen Kuchen mit Äpfeln.",
    ];
    std::fs::write(&file, format!("text\n{}\n", rows.join("\n"))).unwrap();
    let mut session = session(home.path());
    session.apply(Command::Open(vec![file]));
    until(&mut session, "the counts", |s| s.import_sheet().is_some_and(|i| i.survey.is_some()));
    let survey = session.import_sheet().unwrap().survey.clone().unwrap();
    let warning = survey.language_warning.expect("German is foreign to the built-in model");
    assert!(warning.contains("German"), "{warning}");
    assert!(survey.seconds.is_some_and(|seconds| seconds > 0.0));
}

#[test]
fn another_model_makes_the_vectors_stale_and_a_folder_without_one_says_so() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/bert");
    assert!(model.is_dir(), "{}", model.display());
    session.apply(Command::SetModel(Some(home.path().to_owned())));
    assert_eq!(session.step(Step::Embed).state, StepState::Stale, "embedding again waits to be asked for");
    session.apply(Command::Recompute(Step::Embed));
    until(&mut session, "the failure", |s| matches!(s.step(Step::Embed).state, StepState::Failed(_)));
    session.apply(Command::SetModel(Some(model)));
    until(&mut session, "the other model's map", is_done);
    assert_ne!(session.matrix().unwrap().dim(), 384);
}

#[test]
fn a_cache_deleted_under_the_app_is_told_and_the_work_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    session.take_notices();
    std::fs::remove_dir_all(home.path().join("cache")).unwrap();
    session.count_cache();
    let mut told = Vec::new();
    while told.is_empty() {
        session.poll();
        told = session.take_notices();
    }
    assert!(told[0].text.starts_with("The cache was deleted"), "{told:?}");
    assert!(session.positions().is_some());
}
