//! Times what the map costs the window's thread, and what is built beside it.
//!
//! `cargo bench --bench view`. Times are of one run after a warm-up, in milliseconds. The draws themselves are
//! not run: they are the adapter's work.

use std::sync::Arc;
use std::time::Instant;

use egui::Vec2;
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use semascope::view::camera::{Bounds, Camera};
use semascope::view::colour::MapTheme;
use semascope::view::labels::{MapLabel, place};
use semascope::view::map::{MapView, Scene};
use semascope::view::palette::{Palette, colours_for_categories};
use semascope::view::picking::{PointIndex, stacks};
use semascope::view::points;
use semascope::view::ramp::{Ramp, RampKind, colours_for_numbers, robust_range};
use semascope::view::raster::{Picture, draw};

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

fn frames(count: usize) {
    let state = create_render_state(default_wgpu_setup(), egui_wgpu::RendererOptions::PREDICTABLE);
    points::install(&state);
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
    let mut frame = |positions: &Arc<Vec<[f32; 2]>>| -> (f64, f64) {
        time += 1.0 / 60.0;
        let input = egui::RawInput {
            screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, size)),
            time: Some(time),
            events: vec![egui::Event::PointerMoved(egui::Pos2::new(640.0, 400.0))],
            ..Default::default()
        };
        let mut shown = 0.0;
        let mut output = ctx.run_ui(input, |ui| {
            let start = Instant::now();
            map.show(
                ui,
                &Scene {
                    positions,
                    colours: &colours,
                    flags: &none,
                    labels: &labels,
                    lines: &[],
                    covered: &[],
                    theme: &MapTheme::DARK,
                    name: "Map",
                },
            );
            shown = start.elapsed().as_secs_f64() * 1e3;
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
        let uploaded = start.elapsed().as_secs_f64() * 1e3;
        state.queue.submit(buffers.into_iter().chain([encoder.finish()]));
        let wait = wgpu::PollType::Wait { submission_index: None, timeout: None };
        state.device.poll(wait).expect("the device answers");
        output.drop_without_applying_deltas();
        (shown, uploaded)
    };
    for _ in 0..20 {
        frame(&still);
    }
    let at_rest: Vec<(f64, f64)> = (0..FRAMES).map(|_| frame(&still)).collect();
    let in_motion: Vec<(f64, f64)> = (0..FRAMES).map(|i| frame(&moving[i % 2])).collect();
    println!("{count} points, 300 names");
    report("show, at rest", at_rest.iter().map(|f| f.0).collect());
    report("upload, at rest", at_rest.iter().map(|f| f.1).collect());
    report("show, while the layout moves", in_motion.iter().map(|f| f.0).collect());
    report("upload, while the layout moves", in_motion.iter().map(|f| f.1).collect());
}

fn beside(count: usize) {
    println!("{count} points, beside the window");
    let points = Arc::new(positions(count));
    timed("index", || PointIndex::build(points.clone()));
    timed("stacks", || stacks(&points));
    timed("robust bounds", || Bounds::robust(&points));
    let codes: Vec<u32> = (0..count as u32).map(|i| i % 40).collect();
    let colours =
        timed("colours for categories", || colours_for_categories(&codes, Palette::of(&MapTheme::DARK)));
    let values: Vec<f64> = points.iter().map(|p| f64::from(p[0])).collect();
    let range = timed("robust range", || robust_range(&values)).unwrap_or_default();
    let ramp = Ramp::of(RampKind::Sequential, &MapTheme::DARK);
    timed("colours for numbers", || colours_for_numbers(&values, range, ramp));
    timed("picture of 1600 × 1200 pixels", || {
        let picture = Picture {
            positions: &points,
            colours: &colours,
            flags: &[],
            stacks: &[],
            labels: &[],
            theme: &MapTheme::DARK,
            camera: None,
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
    for count in [75_000, 1_000_000] {
        frames(count);
        beside(count);
    }
}
