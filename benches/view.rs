//! Times what the map costs the window's thread, and what is built beside it.
//!
//! `cargo bench --bench view [points…]`. Times are of one run after a warm-up, in milliseconds. What the adapter
//! itself takes for a frame counts only on a real one; where the processor draws, it shows that it works. With
//! `adapter` beside the numbers a software adapter is treated as any other, and says itself what lies under the pointer
//! and in a lasso.

use std::sync::Arc;
use std::time::Instant;

use egui::{Event, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use semascope::view::arranged::{Arranged, Data};
use semascope::view::camera::{Bounds, Camera};
use semascope::view::colour::MapTheme;
use semascope::view::disc::PointStyle;
use semascope::view::labels::{MapLabel, place};
use semascope::view::lasso::Lasso;
use semascope::view::map::{MapView, Scene};
use semascope::view::palette::{Palette, colours_for_categories};
use semascope::view::pick::{Pointer, around, near, under};
use semascope::view::points::{self, DrawnBy};
use semascope::view::ramp::{Ramp, RampKind, colours_for_numbers, robust_range};
use semascope::view::raster::{Picture, draw};
use semascope::view::tiles::{Tiles, stacks};
use semascope::view::{Mode, Shot};

/// A frame must not take longer.
const FRAME_MS: f64 = 16.0;

const FRAMES: usize = 30;

fn positions(count: usize) -> Vec<[f32; 2]> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    let bump = |c: u64| ((c * 37 % 17) as f32, (c * 53 % 13) as f32);
    (0..count)
        .map(|i| {
            let (x, y) = bump(i as u64 % 31);
            [x + next() + next() - next(), y + next() + next() - next()]
        })
        .collect()
}

fn timed<T>(what: &str, work: impl Fn() -> T) -> T {
    work();
    let start = Instant::now();
    let result = work();
    println!("  {what:<44} {:8.2} ms", start.elapsed().as_secs_f64() * 1e3);
    result
}

/// The median and the slowest of some frames.
fn report(what: &str, mut frames: Vec<f64>) {
    frames.sort_by(f64::total_cmp);
    let (median, slowest) = (frames[frames.len() / 2], frames[frames.len() - 1]);
    let share = 100.0 * median / FRAME_MS;
    println!("  {what:<44} {median:8.2} ms, slowest {slowest:6.2} ms, {share:4.0}% of a frame");
}

/// Milliseconds of one frame, and what it showed.
#[derive(Clone, Copy, Default)]
struct Frame {
    /// The window's thread: the widget, and what it hands to the adapter.
    shown: f64,
    prepared: f64,
    /// The adapter.
    drawn: f64,
    state: semascope::view::Shown,
    hovered: Option<u32>,
    lassoed: Option<usize>,
}

fn frames(count: usize, drawn_by: Option<DrawnBy>) {
    let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
    match drawn_by {
        Some(drawn_by) => points::install_as(&state, drawn_by),
        None => points::install(&state),
    }
    let ctx = egui::Context::default();
    let mut fonts = egui::FontDefinitions::empty();
    let bytes = include_bytes!("../assets/fonts/Inter-Regular.ttf");
    fonts.font_data.insert("inter".into(), Arc::new(egui::FontData::from_static(bytes)));
    for family in [egui::FontFamily::Proportional, egui::FontFamily::Monospace] {
        fonts.families.insert(family, vec!["inter".to_owned()]);
    }
    ctx.set_fonts(fonts);

    let codes: Vec<u32> = (0..count as u32).map(|i| i % 31).collect();
    let colours = Arc::new(colours_for_categories(&codes, Palette::of(&MapTheme::DARK)));
    let none = Arc::new(Vec::new());
    let labels: Vec<MapLabel> = (0..300)
        .map(|i| MapLabel {
            text: format!("Cluster number {i} with a name"),
            anchor: [(i * 7 % 170) as f32 / 10.0, (i * 11 % 130) as f32 / 10.0],
            mass: f64::from(300 - i),
            level: (i / 31).min(3) as u8,
            code: 0,
            colour: None,
        })
        .collect();
    let mut map = MapView::new("bench");
    let still = Arc::new(positions(count));
    let moving = [still.clone(), Arc::new(still.iter().map(|[x, y]| [x + 0.1, *y]).collect::<Vec<_>>())];
    let size = Vec2::new(1280.0, 800.0);
    let screen = egui_wgpu::ScreenDescriptor { size_in_pixels: [1280, 800], pixels_per_point: 1.0 };

    let mut time = 0.0;
    let mut frame_of =
        |positions: &Arc<Vec<[f32; 2]>>, camera: Option<Camera>, events: Vec<Event>| -> Frame {
            time += 1.0 / 60.0;
            let input = egui::RawInput {
                screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
                time: Some(time),
                events,
                ..Default::default()
            };
            let mut times = Frame::default();
            if camera.is_some() {
                map.set_camera(camera);
            }
            let mut output = ctx.run_ui(input, |ui| {
                let start = Instant::now();
                let response = map.show(
                    ui,
                    &Scene {
                        positions,
                        colours: &colours,
                        flags: &none,
                        labels: &labels,
                        outlines: &[],
                        lines: &[],
                        covered: &[],
                        theme: &MapTheme::DARK,
                        name: "Map",
                    },
                );
                times.shown = start.elapsed().as_secs_f64() * 1e3;
                times.hovered = response.hovered;
                times.lassoed = response.lassoed.map(|held| held.points.len());
            });
            let primitives = ctx.tessellate(std::mem::take(&mut output.shapes), 1.0);
            let mut renderer = state.renderer.write();
            for (id, images) in output.textures_delta.set.drain() {
                for image in images {
                    renderer.update_texture(&state.device, &state.queue, id, &image);
                }
            }
            let mut encoder = state.device.create_command_encoder(&Default::default());
            let start = Instant::now();
            let buffers =
                renderer.update_buffers(&state.device, &state.queue, &mut encoder, &primitives, &screen);
            times.prepared = start.elapsed().as_secs_f64() * 1e3;
            let start = Instant::now();
            state.queue.submit(buffers.into_iter().chain([encoder.finish()]));
            let wait = wgpu::PollType::Wait { submission_index: None, timeout: None };
            state.device.poll(wait).expect("the device answers");
            times.drawn = start.elapsed().as_secs_f64() * 1e3;
            output.drop_without_applying_deltas();
            times.state = map.shown();
            times
        };
    let middle = || vec![Event::PointerMoved(Pos2::new(640.0, 400.0))];
    let mut frame = |positions: &_, camera| frame_of(positions, camera, middle());
    println!("{count} points, 300 names");
    let start = Instant::now();
    // Arranging takes a while, on another thread.
    let unfinished =
        |frame: Frame| frame.state.visible == 0 || frame.state.share < 1.0 || frame.state.drawn > 0;
    while unfinished(frame(&still, None)) {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    println!("  arranged, written and drawn after {:.2} s", start.elapsed().as_secs_f64());
    let view = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
    let fitted = Camera::fit(Bounds::robust(&still), view);
    for (what, zoom) in [("whole map", 1.0), ("zoomed 4 times", 4.0), ("zoomed 30 times", 30.0)] {
        let camera = |i: usize| {
            let scale = fitted.scale * zoom * (1.0 + 0.002 * i as f64);
            Some(Camera { scale, ..fitted })
        };
        let moving: Vec<Frame> = (0..FRAMES).map(|i| frame(&still, camera(i))).collect();
        let state = moving[FRAMES - 1].state;
        println!(
            "  {what}: {} points in view, {:?}, {:.0}% drawn while moving",
            state.visible,
            state.mode,
            100.0 * state.share
        );
        report("  show", moving.iter().map(|f| f.shown).collect());
        report("  prepare", moving.iter().map(|f| f.prepared).collect());
        report("  the adapter, moving", moving.iter().map(|f| f.drawn).collect());
        std::thread::sleep(std::time::Duration::from_millis(200));
        let start = Instant::now();
        let resting: Vec<Frame> = std::iter::from_fn(|| {
            let frame = frame(&still, camera(FRAMES - 1));
            (frame.state.drawn > 0).then_some(frame)
        })
        .collect();
        if !resting.is_empty() {
            println!("    all points after {:.1} ms at rest", start.elapsed().as_secs_f64() * 1e3);
            report("  the adapter, gathering", resting.iter().map(|f| f.drawn).collect());
        }
    }
    let whole = Some(fitted);
    while frame(&still, whole).state.drawn > 0 {}
    pointing(|events| frame_of(&still, whole, events));
    lassoing(|events| frame_of(&still, whole, events));
    let mut frame = |positions: &_, camera| frame_of(positions, camera, middle());
    let in_motion: Vec<Frame> = (0..FRAMES).map(|i| frame(&moving[i % 2], None)).collect();
    report("show, while the layout moves", in_motion.iter().map(|f| f.shown).collect());
    report("prepare, while the layout moves", in_motion.iter().map(|f| f.prepared).collect());
    report("the adapter, while the layout moves", in_motion.iter().map(|f| f.drawn).collect());
}

/// The pointer goes over a map that lies still.
fn pointing(mut frame: impl FnMut(Vec<Event>) -> Frame) {
    let before = frame(Vec::new()).state.answers;
    let steps = (0..FRAMES).map(|i| {
        let pos = Pos2::new(100.0 + 37.0 * i as f32, 200.0 + 13.0 * i as f32);
        frame(vec![Event::PointerMoved(pos)])
    });
    let pointed: Vec<Frame> = steps.collect();
    let found = pointed.iter().filter(|frame| frame.hovered.is_some()).count();
    let answers = pointed[FRAMES - 1].state.answers - before;
    println!("  pointer over {FRAMES} places: {found} points found, {answers} answers of the drawing pass");
    report("  show", pointed.iter().map(|f| f.shown).collect());
    report("  prepare", pointed.iter().map(|f| f.prepared).collect());
    report("  the adapter", pointed.iter().map(|f| f.drawn).collect());
}

/// A lasso is drawn, and the window goes on until it is known what it holds.
fn lassoing(mut frame: impl FnMut(Vec<Event>) -> Frame) {
    let at = |i: u32| {
        let angle = f64::from(i) / 200.0 * std::f64::consts::TAU;
        let far = 1.0 + 0.3 * (9.0 * angle).sin();
        Pos2::new((640.0 + 350.0 * far * angle.cos()) as f32, (400.0 + 250.0 * far * angle.sin()) as f32)
    };
    let button = |pos, pressed| {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::SHIFT);
        Event::PointerButton { pos, button, pressed, modifiers }
    };
    frame(vec![Event::PointerMoved(at(0)), Event::ModifiersChanged(Modifiers::SHIFT)]);
    frame(vec![Event::PointerMoved(at(0)), button(at(0), true)]);
    for i in 1..200 {
        frame(vec![Event::PointerMoved(at(i))]);
    }
    let start = Instant::now();
    let mut frames = vec![frame(vec![Event::PointerMoved(at(199)), button(at(199), false)])];
    while frames[frames.len() - 1].lassoed.is_none() && start.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(1));
        frames.push(frame(Vec::new()));
    }
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let held = frames[frames.len() - 1].lassoed.unwrap_or_default();
    frame(vec![Event::ModifiersChanged(Modifiers::NONE)]);
    println!("  a lasso around {held} points: {ms:.1} ms, {} frames meanwhile", frames.len());
    report("  show", frames.iter().map(|f| f.shown).collect());
    report("  prepare", frames.iter().map(|f| f.prepared).collect());
    report("  the adapter", frames.iter().map(|f| f.drawn).collect());
}

fn beside(count: usize) {
    println!("{count} points, beside the window");
    let points = Arc::new(positions(count));
    let tiles = timed("tiles", || Tiles::build(points.clone()));
    timed("tiles of points that moved", || tiles.moved(points.clone()));
    timed("stacks", || stacks(&points));
    timed("robust bounds", || Bounds::robust(&points));
    let codes: Vec<u32> = (0..count as u32).map(|i| i % 40).collect();
    let colours =
        timed("colours for categories", || colours_for_categories(&codes, Palette::of(&MapTheme::DARK)));
    let values: Vec<f64> = points.iter().map(|p| f64::from(p[0])).collect();
    let range = timed("robust range", || robust_range(&values)).unwrap_or_default();
    let ramp = Ramp::of(RampKind::Sequential, &MapTheme::DARK);
    timed("colours for numbers", || colours_for_numbers(&values, range, ramp));
    let data = Data { positions: points.clone(), colours: Arc::new(colours), flags: Arc::default() };
    let arranged = timed("everything to draw", || Arranged::new(&data));
    let colours = &data.colours;
    let line: Vec<[f64; 2]> = (0..200)
        .map(|i| f64::from(i) * std::f64::consts::TAU / 200.0)
        .map(|angle| [9.0 + 5.0 * angle.cos() + (9.0 * angle).sin(), 6.0 + 4.0 * angle.sin()])
        .collect();
    let lasso = Lasso::new(&line).expect("the line holds an area");
    let held = timed("lasso of 200 corners", || lasso.points(&arranged.tiles, |_| true));
    println!("    {} of them inside", held.len());
    let view = egui::Rect::from_min_size(Pos2::ZERO, Vec2::new(1280.0, 800.0));
    let camera = Camera::fit(Bounds::robust(&points), view);
    let style = PointStyle::new(count, 0, view.area(), 1.0, &MapTheme::DARK);
    for mode in [Mode::Discs, Mode::Splat] {
        let shot = Shot { points: arranged.number, camera, pixels: [1280, 800], density: 1.0, style, mode };
        let pointer = Pointer { at: [640.0, 400.0], reach: 8.0 };
        timed(&format!("point under the pointer, {mode:?}"), || {
            let (corner, size) = around(&pointer);
            under(&arranged, &shot, 1.0, &pointer, &near(&arranged, &shot, corner, size))
        });
    }
    timed("picture of 1600 × 1200 pixels", || {
        let picture = Picture {
            positions: &points,
            colours,
            flags: &[],
            stacks: &[],
            outlines: &[],
            labels: &[],
            theme: &MapTheme::DARK,
            camera: None,
            seen: None,
            legend: None,
            transparent: false,
        };
        draw(&picture, (1600, 1200), 2.0, &[]).expect("a picture of this size is drawn")
    });
}

fn main() {
    let start = Instant::now();
    Palette::of(&MapTheme::DARK);
    println!("palette of 256 colours, once: {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let anchors = positions(1000);
    let camera_bounds = Bounds::robust(&anchors);
    let labels: Vec<MapLabel> = anchors
        .into_iter()
        .map(|anchor| MapLabel { text: String::new(), anchor, mass: 1.0, level: 0, code: 0, colour: None })
        .collect();
    let view = egui::Rect::from_min_size(egui::Pos2::ZERO, Vec2::new(1280.0, 800.0));
    let camera = Camera::fit(camera_bounds, view);
    let sizes = vec![Vec2::new(90.0, 16.0); labels.len()];
    timed("placing 1,000 names", || place(&labels, &camera, &camera, view, &sizes, &[], &[]));
    let asked: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let drawn_by = std::env::args().any(|argument| argument == "adapter").then_some(DrawnBy::Adapter);
    let counts = if asked.is_empty() { vec![75_000, 1_000_000, 4_000_000, 10_000_000] } else { asked };
    for count in counts {
        frames(count, drawn_by);
        beside(count);
    }
}
