//! Every panel in the light and in the dark, compared with the pictures in `tests/snapshots`.
//!
//! The pictures are drawn by a software adapter, so that they are the same on every machine; where there is none, the
//! tests say so and pass. `UPDATE_SNAPSHOTS=1 cargo test --test panels` renews the pictures that changed. With
//! `PANELS=charts` only the scenes with that in their name are drawn.

mod gallery;
mod windows;

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use egui::{Event, Key, Modifiers, Rect, pos2};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, SnapshotOptions, try_image_snapshot_options};
use semascope::data::{Clause, Condition, Filter, Query, SearchBy};
use semascope::gpu;
use semascope::io::cache::Cache;
use semascope::io::settings::{Settings, Theme};
use semascope::io::work::Home;
use semascope::session::{ColourBy, Command, Notice, NoticeAction, Session, Severity};
use semascope::ui::log::{LogBuffer, Record};
use semascope::ui::{SemascopeApp, wake};
use windows::{Window, session, wait, wait_for};

/// How much a pixel may differ, in kittest's measure of colours: what versions of Mesa round differently stays below
/// it, and text or a line that is one pixel off lies far above it.
const THRESHOLD: f32 = 1.0;
/// How many pixels may differ by more: a few at the edges of discs and letters.
const PIXELS: usize = 40;
/// So many pictures in a row must be the same before the window counts as at rest.
const STILL: usize = 3;
/// After so many pictures a window that never rests fails.
const PATIENCE: usize = 400;

/// Room for how long frames took, in words.
const FRAMES: f32 = 420.0;

const SIZE: [f32; 2] = [1280.0, 800.0];
/// What is painted over what is not compared.
const COVER: [u8; 4] = [128, 128, 128, 255];

/// What leads from an open project, or from the first page, to what is shown.
type Steps = fn(&mut Window);

/// What of the window is compared: the rest is painted over, so that a picture is about one thing.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// The panels at the left and right, the map, and what lies below it.
    Left,
    Right,
    Map,
    Below,
    /// The legend's corner of the map, and the top of the map.
    Corner,
    Top,
    /// What lies over the middle, of this size.
    Sheet(f32, f32),
}

impl Part {
    fn rect(self) -> Rect {
        let [width, height] = SIZE;
        let rect = |left, top, right, bottom| Rect::from_min_max(pos2(left, top), pos2(right, bottom));
        match self {
            Self::All => rect(0.0, 0.0, width, height),
            Self::Left => rect(0.0, 40.0, 240.0, height),
            Self::Right => rect(980.0, 40.0, width, height),
            Self::Map => rect(240.0, 40.0, 980.0, height),
            Self::Below => rect(0.0, 552.0, width, height),
            Self::Corner => rect(240.0, 400.0, 560.0, 772.0),
            Self::Top => rect(240.0, 40.0, 980.0, 140.0),
            Self::Sheet(across, down) => {
                Rect::from_center_size(pos2(0.5 * width, 0.5 * height), egui::vec2(across, down))
            }
        }
    }
}

/// Panels over an open project, in alphabetical order: a line each.
const WORKSPACE: &[(&str, Part, Steps)] = &[
    ("charts", Part::Right, charts),
    ("cluster", Part::Right, cluster),
    ("colour", Part::Corner, colour),
    ("copies", Part::Right, copies),
    ("document", Part::Right, document),
    ("export-documents", Part::Sheet(504.0, 392.0), export_documents),
    ("export-map", Part::Sheet(504.0, 392.0), export_map),
    ("filter", Part::Left, filter),
    ("filter-bar", Part::Top, filter),
    ("goals", Part::Right, goals),
    ("goals-form", Part::Right, goals_form),
    ("hover", Part::Map, hover),
    ("log", Part::Below, log),
    ("map", Part::All, |_| {}),
    ("merge", Part::Sheet(460.0, 360.0), merge),
    ("notices", Part::Below, notices),
    ("outliers", Part::Right, outliers),
    ("probe", Part::Right, |window| tap(window, "Probe")),
    ("ramp", Part::Corner, ramp),
    ("search", Part::Right, search),
    ("search-no-hit", Part::Right, search_no_hit),
    ("selection", Part::Right, selection),
    ("selection-on-the-map", Part::Map, selection),
    ("settings", Part::Sheet(500.0, 640.0), settings),
    ("shortcuts", Part::Sheet(1140.0, 520.0), shortcuts),
    ("special", Part::Right, special),
    ("steps", Part::Left, steps),
    ("table", Part::Below, table),
    ("tag", Part::Sheet(460.0, 300.0), tag),
    ("topics", Part::Right, |window| tap(window, "Topics")),
];

/// Pages without a project.
const FRONT: &[(&str, Part, Steps)] = &[("welcome", Part::All, welcome)];

fn charts(window: &mut Window) {
    tap(window, "Charts");
    wait_for(window, "of the row");
    window.state_mut().wish(Command::Select((0..90).step_by(2).collect()));
    wait_for(window, "45 selected documents");
}

fn cluster(window: &mut Window) {
    window.state_mut().wish(Command::FocusCluster(Some(1)));
    wait_for(window, "Documents that stand for it");
    wait_for(window, " of all");
}

fn colour(window: &mut Window) {
    window.get_by_label("Colour of Bread and yeast").click();
    wait_for(window, "Use #");
}

fn copies(window: &mut Window) {
    tap(window, "Copies");
    tap(window, "Find copies");
    wait_for(window, "Nearly alike");
    tap(window, "Nearly alike");
}

fn document(window: &mut Window) {
    window.state_mut().wish(Command::Tag("to read".into(), vec![12]));
    window.state_mut().wish(Command::Focus(Some(12)));
    wait_for(window, "Nearest in meaning");
}

fn export_map(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::E);
    wait_for(window, "About ");
}

fn export_documents(window: &mut Window) {
    export_map(window);
    tap(window, "Documents");
    wait_for(window, "JSON");
}

fn filter(window: &mut Window) {
    let clause = |condition| Clause { condition, not: false };
    let filter = Filter::default()
        .with(clause(Condition::Range { column: "year".into(), low: 2014.0, high: 2019.0 }))
        .with(clause(Condition::Values { column: "place".into(), values: ["Kyoto".into()].into() }));
    window.state_mut().wish(Command::SetFilter(Box::new(filter)));
    wait_for(window, "Select them");
}

fn goals(window: &mut Window) {
    tap(window, "Goals");
    wait_for(window, "For example");
}

fn goals_form(window: &mut Window) {
    goals(window);
    tap(window, "by topic");
    tap(window, "More choices");
    wait_for(window, "Subtract");
}

fn hover(window: &mut Window) {
    // The camera glides to where the map fits, and points are found once they are sorted.
    wait(window, "the card", |window| {
        let at = window.state().shown_at(20).expect("the map is shown");
        window.event(Event::PointerMoved(at));
        window.query_all_by_label_contains("year: ").next().is_some()
    });
}

fn log(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::L);
    wait_for(window, "Close log");
}

fn merge(window: &mut Window) {
    cluster(window);
    tap(window, "Merge with…");
    wait_for(window, "Choose one or more.");
}

fn notices(window: &mut Window) {
    // Errors stay until they are closed; news would be gone on a slow machine.
    for (text, action) in [
        ("results.csv could not be written: the disk is full. Free some space, or save it elsewhere.", None),
        (
            "Two titles no longer fit the clusters. They are kept until you decide.",
            Some(("Show them".to_owned(), NoticeAction::ShowEdits)),
        ),
    ] {
        window.state_mut().tell(Notice { severity: Severity::Error, text: text.into(), action });
    }
    window.run_steps(3);
}

fn outliers(window: &mut Window) {
    tap(window, "Outliers");
    tap(window, "Find outliers");
    wait(window, "outliers", |window| session(window).outliers().is_some());
}

fn ramp(window: &mut Window) {
    window.state_mut().wish(Command::SetColour(ColourBy::Column(3)));
    wait_for(window, "Colours from ");
}

fn search(window: &mut Window) {
    let query = Query { text: "dough".into(), by: SearchBy::Words };
    window.state_mut().wish(Command::Search(Some(query)));
    wait_for(window, "Hit 1: ");
}

fn search_no_hit(window: &mut Window) {
    let query = Query { text: "galaxys".into(), by: SearchBy::Words };
    window.state_mut().wish(Command::Search(Some(query)));
    wait_for(window, "No document holds");
}

fn selection(window: &mut Window) {
    let labels = session(window).clusters().unwrap().labels.clone();
    let chosen = (0u32..).zip(labels).filter(|(_, label)| *label == 2).map(|(i, _)| i).collect();
    window.state_mut().wish(Command::Select(chosen));
    window.key_press(Key::L);
    wait_for(window, "Put the lasso away");
}

fn settings(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    wait_for(window, "of vectors, neighbours");
}

fn shortcuts(window: &mut Window) {
    window.key_press(Key::Questionmark);
    wait_for(window, "Open files: ");
}

fn special(window: &mut Window) {
    selection(window);
    tap(window, "What is special?");
    wait_for(window, "60 documents against");
}

fn steps(window: &mut Window) {
    for step in ["Neighbours, ", "Map, "] {
        window.get_by_label_contains(step).click();
        window.run_steps(3);
    }
    wait_for(window, "Method");
}

fn table(window: &mut Window) {
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    wait_for(window, "Row 1: ");
}

fn tag(window: &mut Window) {
    window.state_mut().wish(Command::Tag("to read".into(), vec![1, 2, 3]));
    window.state_mut().wish(Command::Select(vec![4, 5]));
    window.run_steps(3);
    tap(window, "  Tag…");
    wait_for(window, "Tag 2 documents");
}

fn welcome(window: &mut Window) {
    // The samples' pictures come from a worker.
    std::thread::sleep(Duration::from_millis(300));
    window.run_steps(3);
}

/// Clicks what is called so, or the last of several; the pointer does not stay there.
fn tap(window: &mut Window, name: &str) {
    wait_for(window, name);
    window.query_all_by_label_contains(name).last().unwrap().click();
    window.run_steps(3);
}

/// What is not the same everywhere: folders, sizes of files, versions, times.
fn varying(window: &Window) -> Vec<Rect> {
    let rects =
        |name: &str| window.query_all_by_label_contains(name).map(|node| node.rect()).collect::<Vec<_>>();
    let mut varying = rects("opens no network connection");
    // As long as the longest of them.
    let frames = rects(" frames · p50 ");
    varying.extend(frames.into_iter().map(|rect| rect.with_max_x(rect.left() + FRAMES)));
    // The folder of the cache, and what is in it: from the edge of the sheet to that of their buttons.
    for (left, right) in rects("of vectors, neighbours").into_iter().zip(rects("Change…")) {
        varying.push(Rect::from_min_max(
            pos2(left.left(), right.top()),
            pos2(right.right(), left.bottom() + 4.0),
        ));
    }
    varying
}

/// Paints over what is not compared: all but `part`, and what is `varying`.
fn cover(pixels: &mut [u8], part: Rect, varying: &[Rect]) {
    let across = SIZE[0] as usize;
    for (i, pixel) in pixels.chunks_exact_mut(4).enumerate() {
        let at = pos2((i % across) as f32 + 0.5, (i / across) as f32 + 0.5);
        if !part.contains(at) || varying.iter().any(|rect| rect.expand(2.0).contains(at)) {
            pixel.copy_from_slice(&COVER);
        }
    }
}

/// A log that always says the same.
fn lines() -> LogBuffer {
    let log = LogBuffer::default();
    for (ms, level, message) in [
        (12, tracing::Level::INFO, "first frame after 140 ms"),
        (1804, tracing::Level::INFO, "abstracts.csv: 300 documents, 5 columns"),
        (2950, tracing::Level::WARN, "2 rows were skipped"),
        (4100, tracing::Level::ERROR, "results.csv could not be written: the disk is full"),
    ] {
        log.push(Record {
            time: Duration::from_millis(ms),
            level,
            target: "semascope".into(),
            message: message.into(),
        });
    }
    log
}

fn window(folder: &Path, theme: Theme) -> Window {
    let cache = Cache::open(Some(folder.join("cache"))).unwrap();
    let home = Home::at(folder.join("data"));
    let dark = if theme == Theme::Light { egui::Theme::Light } else { egui::Theme::Dark };
    let builder = Harness::builder().with_size(SIZE).with_max_steps(64).with_theme(dark).wgpu();
    builder.build_eframe(move |cc| {
        let mut settings = Settings::default();
        (settings.theme, settings.reduce_motion) = (theme, true);
        let session = Session::new(settings, cache, wake(&cc.egui_ctx)).keep_in(home);
        SemascopeApp::new(cc, session, lines()).unwrap()
    })
}

fn project(folder: &Path, theme: Theme) -> Window {
    let path = folder.join("abstracts.semascope");
    gallery::save(&path);
    let mut window = window(folder, theme);
    window.state_mut().open(vec![path]);
    wait(&mut window, "opening", |window| session(window).corpus().is_some());
    wait_for(&mut window, "Colour of Bird song");
    wait_for(&mut window, "Filter by year");
    window
}

/// Draws scenes and compares them; every picture that differs is told.
fn compare(scenes: &[(&str, Part, Steps)], theme: Theme, begin: fn(&Path, Theme) -> Window) {
    if !*SOFTWARE {
        eprintln!("skipped: no software adapter draws here, so no picture is compared");
        return;
    }
    let only = std::env::var("PANELS").unwrap_or_default();
    let suffix = if theme == Theme::Light { "light" } else { "dark" };
    // Draws until the picture, with what is not compared painted over, is the same again and again.
    let at_rest = |window: &mut Window, part: Rect| {
        let (mut last, mut same) = (None, 0);
        for _ in 0..PATIENCE {
            window.step();
            let varying = varying(window);
            let mut picture = window.render().expect("the window is rendered");
            cover(&mut picture, part, &varying);
            same = if last.as_ref() == Some(&picture) { same + 1 } else { 0 };
            last = Some(picture);
            if same >= STILL && session(window).poll_after().is_none() && !session(window).is_busy() {
                break;
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        last.filter(|_| same >= STILL)
    };
    let mut problems = Vec::new();
    for (name, part, steps) in scenes.iter().filter(|(name, ..)| name.contains(&only)) {
        let folder = tempfile::tempdir().unwrap();
        let mut window = begin(folder.path(), theme);
        steps(&mut window);
        if *name != "hover" {
            window.remove_cursor();
        }
        let Some(picture) = at_rest(&mut window, part.rect()) else {
            problems.push(format!("{name}: the window never comes to rest"));
            continue;
        };
        let options = SnapshotOptions::new().threshold(THRESHOLD).max_failed_pixels(PIXELS);
        if let Err(error) = try_image_snapshot_options(&picture, format!("{name}-{suffix}"), &options) {
            problems.push(error.to_string());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Whether the adapter that draws in tests is the processor.
static SOFTWARE: LazyLock<bool> =
    LazyLock::new(|| gpu::adapters().iter().any(|adapter| adapter.kind == gpu::SOFTWARE));

#[test]
fn panels_over_a_project_look_as_they_did_in_the_dark() {
    compare(WORKSPACE, Theme::Dark, project);
}

#[test]
fn panels_over_a_project_look_as_they_did_in_the_light() {
    compare(WORKSPACE, Theme::Light, project);
}

#[test]
fn pages_without_a_project_look_as_they_did() {
    for theme in [Theme::Dark, Theme::Light] {
        compare(FRONT, theme, window);
    }
}
