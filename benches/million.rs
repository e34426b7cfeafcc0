//! What a person waits for when a million documents are open: from a command (another colour, a legend entry hidden,
//! a selection) to the points' data handed to the adapter, and a sort of the table by each kind of column.
//!
//! `cargo bench --profile dev --bench million [-- ROWS]`. Wall times in milliseconds, median and slowest of some
//! runs, at rest and while all common threads compute something else. Draws are not run: they are the adapter's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use egui::Vec2;
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use rayon::prelude::*;
use semascope::data::{Clusters, Column, Corpus, Key, Knn, Layout, ReadReport, Recall, Strings, Typed};
use semascope::io::cache::Cache;
use semascope::io::project::{self, Project, SaveOptions};
use semascope::io::settings::Settings;
use semascope::job::Ctx;
use semascope::job::derived::Derived;
use semascope::session::{ColourBy, Command, Session, Wake};
use semascope::ui::colouring::{self, Paint};
use semascope::ui::emphasis;
use semascope::ui::sorting::{self, By, Direction};
use semascope::view::colour::MapTheme;
use semascope::view::map::{MapView, Scene};
use semascope::view::points;

const RUNS: usize = 15;
const LEVELS: u32 = 2_500;
const CLUSTERS: u32 = 60;

/// A random number of 32 bits, the same for the same place.
fn draw(i: usize, salt: u64) -> u32 {
    let mut v = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ salt.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    v = (v ^ (v >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (v ^ (v >> 32)) as u32
}

const WORDS: [&str; 16] = [
    "the", "what", "is", "my", "best", "picture", "of", "a", "cat", "and", "why", "people", "think", "today",
    "just", "new",
];

fn title(i: usize) -> String {
    let words: Vec<&str> = (0..4 + i % 9).map(|w| WORDS[draw(i, w as u64) as usize % WORDS.len()]).collect();
    format!("{} {}", words.join(" "), draw(i, 99) % 1000)
}

/// Documents with a column of each kind.
fn corpus(n: usize) -> Corpus {
    let levels: Vec<String> = (0..LEVELS).map(|l| format!("group {}", draw(l as usize, 5))).collect();
    let code = |i: usize, salt| draw(i, salt) % (1 + draw(i, salt + 1) % LEVELS);
    let columns = vec![
        ("title", (0..n).map(title).collect::<Strings>(), Typed::Text),
        (
            "group",
            (0..n).map(|i| levels[code(i, 7) as usize].as_str()).collect(),
            Typed::Category { levels: levels.clone(), codes: (0..n).map(|i| code(i, 7)).collect() },
        ),
        (
            "score",
            (0..n).map(|i| (draw(i, 11) % 10_000).to_string()).collect(),
            Typed::Number((0..n).map(|i| f64::from(draw(i, 11) % 10_000)).collect()),
        ),
        (
            "made",
            (0..n).map(|i| draw(i, 13).to_string()).collect(),
            Typed::Date((0..n).map(|i| i64::from(draw(i, 13))).collect()),
        ),
    ];
    let mut corpus = Corpus {
        key: Key::of("bench", 1).finish(),
        name: "bench".into(),
        source: None,
        columns: columns
            .into_iter()
            .map(|(name, cells, typed)| Column { name: name.into(), cells, typed })
            .collect(),
        text_columns: vec![0],
        report: ReadReport::default(),
    };
    corpus.key = corpus.content_key();
    corpus
}

/// A map of the documents with clusters, as a project would hold them.
fn project(corpus: Corpus) -> Project {
    let n = corpus.len();
    let labels: Vec<u32> = (0..n).map(|i| draw(i, 17) % CLUSTERS).collect();
    let positions = labels
        .iter()
        .enumerate()
        .map(|(i, l)| {
            let spread = |salt| f32::from(draw(i, salt) as u16) / 65_536.0;
            [(l * 37 % 17) as f32 + spread(19), (l * 53 % 13) as f32 + spread(23)]
        })
        .collect();
    let key = |what| Key::of(what, 1).finish();
    Project {
        layout: Some(Arc::new(Layout {
            key: key("layout"),
            positions: Arc::new(positions),
            method: "bench".into(),
            epochs: (1, 1),
        })),
        clusters: Some(Arc::new(Clusters {
            key: key("clusters"),
            strengths: vec![1.0; n],
            labels,
            count: CLUSTERS as usize,
            method: "bench".into(),
        })),
        matrix: Some(Arc::new(semascope::data::Matrix::from_vec(
            key("matrix"),
            "bench",
            true,
            1,
            vec![1.0; n],
        ))),
        // Without neighbours a session takes neither map nor clusters for current.
        knn: Some(Arc::new(Knn {
            key: key("knn"),
            k: 1,
            indices: (1..n as u32).chain([0]).collect(),
            similarities: vec![0.5; n],
            recall: Recall::Exact,
            method: "bench".into(),
        })),
        ..Project::new(Arc::new(corpus))
    }
}

/// The window's parts between a command and the adapter.
struct Bench {
    session: Session,
    wake: Wake,
    paint: Derived<colouring::Inputs, Paint>,
    flags: Derived<emphasis::Inputs, Arc<Vec<u8>>>,
    map: MapView,
    state: egui_wgpu::RenderState,
    ctx: egui::Context,
    time: f64,
    positions: Arc<Vec<[f32; 2]>>,
}

impl Bench {
    /// Waits as frames would until colours and flags belong to the session's present state; the seconds it took.
    fn settle(&mut self) {
        loop {
            let inputs = colouring::Inputs::of(&self.session, true).expect("a corpus is open");
            let work = inputs.clone();
            if self.paint.want(inputs, &self.wake, move |_| work.paint()) {
                let paint = self.paint.latest().expect("it is there").clone();
                let inputs = emphasis::Inputs::of(&self.session, &paint);
                let work = inputs.clone();
                if self.flags.want(inputs, &self.wake, move |_| Arc::new(work.flags())) {
                    return;
                }
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Shows the map once and hands what changed to the adapter.
    fn upload(&mut self) {
        self.time += 1.0 / 60.0;
        let size = Vec2::new(1280.0, 800.0);
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(self.time),
            ..Default::default()
        };
        let (colours, flags) = (
            self.paint.latest().expect("there are colours").colours.clone(),
            (**self.flags.latest().expect("there are flags")).clone(),
        );
        let Self { map, ctx, positions, .. } = self;
        let mut output = ctx.run_ui(input, |ui| {
            let scene = Scene {
                positions,
                colours: &colours,
                flags: &flags,
                labels: &[],
                outlines: &[],
                lines: &[],
                covered: &[],
                theme: &MapTheme::DARK,
                name: "Map",
            };
            map.show(ui, &scene);
        });
        let primitives = self.ctx.tessellate(std::mem::take(&mut output.shapes), 1.0);
        let mut renderer = self.state.renderer.write();
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(&self.state.device, &self.state.queue, id, &image);
            }
        }
        let mut encoder = self.state.device.create_command_encoder(&Default::default());
        let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: [1280, 800], pixels_per_point: 1.0 };
        let (device, queue) = (&self.state.device, &self.state.queue);
        let buffers = renderer.update_buffers(device, queue, &mut encoder, &primitives, &screen);
        self.state.queue.submit(buffers.into_iter().chain([encoder.finish()]));
        output.drop_without_applying_deltas();
    }

    fn finish_frame(&self) {
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: None };
        self.state.device.poll(wait).expect("the device answers");
    }

    fn timed(&mut self, what: &str, command: impl Fn(usize) -> Command) {
        let mut times = Vec::new();
        for run in 0..RUNS {
            let command = command(run);
            let start = Instant::now();
            self.session.apply(command);
            self.settle();
            self.upload();
            times.push(start.elapsed().as_secs_f64() * 1e3);
            self.finish_frame();
        }
        report(what, times);
    }
}

fn report(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    println!("  {what:<44} {:8.1} ms, slowest {:8.1} ms", times[times.len() / 2], times[times.len() - 1]);
}

fn open(n: usize) -> Bench {
    let folder = tempfile::tempdir().expect("a folder for the project");
    let path = folder.path().join("bench.semascope");
    project::save(&path, &project(corpus(n)), &SaveOptions::default(), &Ctx::quiet()).expect("it is saved");
    let wake: Wake = Arc::new(|| {});
    let cache = Cache::open(Some(folder.path().join("cache"))).expect("a cache");
    let mut session = Session::new(Settings::default(), cache, wake.clone());
    session.apply(Command::Open(vec![path]));
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    while session.corpus().is_none() {
        let poll = Instant::now();
        session.poll();
        slowest = slowest.max(poll.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("  opened in {:.0?}, the window's thread was held for {slowest:.1?} at most", start.elapsed());
    session.apply(Command::StopAll);
    let positions = session.positions().expect("the project has a map").clone();
    let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
    points::install(&state);
    let ctx = egui::Context::default();
    ctx.set_fonts(egui::FontDefinitions::empty());
    Bench {
        session,
        wake,
        paint: Derived::new("colours"),
        flags: Derived::new("flags"),
        map: MapView::new("bench"),
        state,
        ctx,
        time: 0.0,
        positions,
    }
}

fn commands(bench: &mut Bench, n: usize) {
    let columns = [("category", 1), ("number", 2), ("date", 3)];
    for (kind, column) in columns {
        bench.timed(&format!("colour by a {kind}"), |run| {
            let by = if run % 2 == 0 { ColourBy::Column(column) } else { ColourBy::Cluster };
            Command::SetColour(by)
        });
    }
    bench.session.apply(Command::SetColour(ColourBy::Column(1)));
    bench.timed("hide and show a legend entry", |_| Command::ToggleEntry(3));
    bench.timed("show one legend entry alone, and all", |_| Command::SoloEntry(3));
    bench.timed("give an entry a colour", |run| Command::SetEntryColour(2, Some([run as u8, 9, 9])));
    bench.timed("select half of the documents", |run| {
        Command::Select((0..n as u32).filter(|&i| draw(i as usize, run as u64).is_multiple_of(2)).collect())
    });
    bench.session.apply(Command::Select(Vec::new()));
}

fn sorts(corpus: &Arc<Corpus>) {
    for (kind, column) in [("text", 0), ("category", 1), ("number", 2), ("date", 3)] {
        let times = (0..5).map(|run| {
            let direction = if run % 2 == 0 { Direction::Ascending } else { Direction::Descending };
            let start = Instant::now();
            sorting::sorted(corpus.clone(), None, By::Column(column), direction);
            start.elapsed().as_secs_f64() * 1e3
        });
        report(&format!("sort by a {kind}"), times.collect());
    }
}

fn main() {
    let rows = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let n: usize = rows.unwrap_or(1_000_000);
    println!("{n} documents");
    let mut bench = open(n);
    let corpus = bench.session.corpus().expect("it is open").clone();
    bench.settle();
    bench.upload();
    commands(&mut bench, n);
    sorts(&corpus);

    println!("{n} documents, while all common threads compute");
    let done = Arc::new(AtomicBool::new(false));
    let busy = {
        let done = done.clone();
        std::thread::spawn(move || {
            semascope::job::step_back();
            while !done.load(Ordering::Relaxed) {
                let sum: u64 = (0..2_000_000_000u64).into_par_iter().map(|v| v ^ (v >> 3)).sum();
                std::hint::black_box(sum);
            }
        })
    };
    commands(&mut bench, n);
    sorts(&corpus);
    done.store(true, Ordering::Relaxed);
    busy.join().expect("the load ends");
}
