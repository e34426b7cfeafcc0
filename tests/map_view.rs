//! The map in a window, drawn by whatever adapter there is (a software one will do), and its twin on the CPU.
//!
//! With `MAP_PICTURES=folder` the pictures are written there, to be looked at.

use std::sync::Arc;

use egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use semascope::data::Combine;
use semascope::view::Mode;
use semascope::view::camera::Camera;
use semascope::view::colour::{MapTheme, unpack};
use semascope::view::disc::flags;
use semascope::view::glyphs::Typeface;
use semascope::view::labels::MapLabel;
use semascope::view::lasso::Lassoed;
use semascope::view::map::{MapResponse, MapView, Scene};
use semascope::view::palette::{Palette, colours_for_categories};
use semascope::view::points::{self, DrawnBy};
use semascope::view::raster::{Picture, Raster, draw};

const REGULAR: &[u8] = include_bytes!("../assets/fonts/Inter-Regular.ttf");
const SEMIBOLD: &[u8] = include_bytes!("../assets/fonts/Inter-SemiBold.ttf");
const CJK: &[u8] = include_bytes!("../assets/fonts/DroidSansFallback.ttf");

const NAMES: [&str; 12] = [
    "Graph neural networks",
    "Quantum error correction and surface codes",
    "Large language models",
    "Dark matter haloes",
    "Reinforcement learning",
    "Topological insulators",
    "Image segmentation",
    "量子纠错与表面码",
    "Galaxy clusters, lensing & surveys",
    "Convex optimisation",
    "Speech recognition",
    "Bandits",
];

/// What a map is made of, owned.
struct Data {
    positions: Arc<Vec<[f32; 2]>>,
    colours: Arc<Vec<u32>>,
    flags: Arc<Vec<u8>>,
    labels: Vec<MapLabel>,
    lines: Vec<(u32, u32, f32)>,
    theme: &'static MapTheme,
}

/// Even numbers in [0, 1), the same ones every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }

    /// About normal: the sum of four even ones.
    fn bell(&mut self) -> f32 {
        (0..4).map(|_| self.next()).sum::<f32>() - 2.0
    }
}

impl Data {
    /// `count` points in bent clusters of unequal size.
    fn clustered(count: usize, clusters: usize, theme: &'static MapTheme) -> Self {
        let mut numbers = Numbers(7);
        let centres: Vec<[f32; 3]> = (0..clusters)
            .map(|c| {
                let angle = 2.4 * c as f32;
                let far = 1.9 * (c as f32).sqrt();
                [far * angle.cos(), 0.8 * far * angle.sin(), 0.4 + 0.5 * numbers.next()]
            })
            .collect();
        let mut codes = Vec::with_capacity(count);
        let mut sizes = vec![0; clusters];
        let positions = (0..count)
            .map(|_| {
                let c = ((numbers.next() * numbers.next()) * clusters as f32) as usize;
                let [x, y, spread] = centres[c];
                let (dx, dy) = (numbers.bell() * spread, numbers.bell() * spread);
                codes.push(if numbers.next() < 0.03 { u32::MAX } else { c as u32 });
                sizes[c] += 1;
                [x + dx, y + dy + 0.4 * dx * dx]
            })
            .collect();
        let palette = Palette::of(theme);
        let labels = (0..clusters)
            .map(|c| MapLabel {
                text: NAMES[c % NAMES.len()].into(),
                anchor: [centres[c][0], centres[c][1]],
                mass: f64::from(sizes[c]),
                code: c as u32,
                level: u8::from(c >= 16),
                colour: Some(colours_for_categories(&[c as u32], palette)[0]),
            })
            .collect();
        Self {
            positions: Arc::new(positions),
            colours: Arc::new(colours_for_categories(&codes, palette)),
            flags: Arc::default(),
            labels,
            lines: Vec::new(),
            theme,
        }
    }

    /// Few points far apart, in colours that are easy to find.
    fn sparse(theme: &'static MapTheme) -> Self {
        let positions = vec![[0.0, 0.0], [4.0, 0.0], [0.0, 3.0], [4.0, 3.0], [2.0, 1.5], [2.0, 1.5]];
        let colours = colours_for_categories(&[0, 1, 2, 3, 4, 4], Palette::of(theme));
        Self {
            positions: Arc::new(positions),
            colours: Arc::new(colours),
            flags: Arc::default(),
            labels: Vec::new(),
            lines: Vec::new(),
            theme,
        }
    }
}

struct App {
    map: MapView,
    data: Data,
    responses: Vec<MapResponse>,
}

impl App {
    fn last(&self) -> &MapResponse {
        self.responses.last().expect("a frame was shown")
    }
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        let data = &self.data;
        let scene = Scene {
            positions: &data.positions,
            colours: &data.colours,
            flags: &data.flags,
            labels: &data.labels,
            outlines: &[],
            lines: &data.lines,
            covered: &[],
            theme: data.theme,
            name: "Map of some documents",
        };
        self.responses.push(self.map.show(ui, &scene));
    }
}

fn fonts() -> egui::FontDefinitions {
    let mut fonts = egui::FontDefinitions::empty();
    for (name, bytes) in [("regular", REGULAR), ("semibold", SEMIBOLD), ("cjk", CJK)] {
        fonts.font_data.insert(name.into(), Arc::new(egui::FontData::from_static(bytes)));
    }
    let chain = |first: &str| vec![first.to_owned(), "cjk".to_owned()];
    fonts.families.insert(egui::FontFamily::Proportional, chain("regular"));
    fonts.families.insert(egui::FontFamily::Monospace, chain("regular"));
    fonts.families.insert(egui::FontFamily::Name("semibold".into()), chain("semibold"));
    fonts
}

const SIZE: (u32, u32) = (900, 640);

fn window(data: Data) -> Harness<'static, App> {
    window_as(data, DrawnBy::Processor)
}

fn window_as(data: Data, drawn_by: DrawnBy) -> Harness<'static, App> {
    let mut harness = Harness::builder()
        .with_size(Vec2::new(SIZE.0 as f32, SIZE.1 as f32))
        .with_theme(if data.theme.dark { egui::Theme::Dark } else { egui::Theme::Light })
        .with_context_setup(|ctx| ctx.set_fonts(fonts()))
        .wgpu()
        .build_eframe(move |cc| {
            let state = cc.wgpu_render_state.as_ref().expect("the test renderer uses wgpu");
            points::install_as(state, drawn_by);
            App { map: MapView::new("test"), data, responses: Vec::new() }
        });
    // The points are sorted on a thread of its own.
    for _ in 0..200 {
        harness.step();
        if harness.state().map.tiles().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for _ in 0..3 {
        harness.step();
    }
    harness
}

/// What the window shows, as a raster like the CPU's.
fn rendered(harness: &mut Harness<'_, App>) -> Raster {
    let image = harness.render().expect("the window is rendered");
    Raster { width: image.width(), height: image.height(), rgba: image.into_raw() }
}

fn on_cpu(data: &Data) -> Raster {
    let faces: Vec<Typeface<'_>> = [SEMIBOLD, CJK].into_iter().filter_map(Typeface::new).collect();
    let picture = Picture {
        positions: &data.positions,
        colours: &data.colours,
        flags: &data.flags,
        stacks: &semascope::view::tiles::stacks(&data.positions),
        outlines: &[],
        labels: &data.labels,
        theme: data.theme,
        camera: None,
        seen: None,
        legend: None,
        transparent: false,
    };
    draw(&picture, SIZE, 1.0, &faces).expect("a picture of this size is drawn")
}

fn keep(name: &str, raster: &Raster) {
    if let Some(folder) = std::env::var_os("MAP_PICTURES") {
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, raster.to_png().expect("a picture is encoded")).expect("the picture is kept");
    }
}

/// The largest difference of a channel, and the mean one.
fn difference(one: &Raster, other: &Raster) -> (u8, f64) {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let each = || one.rgba.iter().zip(&other.rgba).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap_or(0), each().map(f64::from).sum::<f64>() / one.rgba.len() as f64)
}

fn place_of(harness: &Harness<'_, App>, point: usize) -> Pos2 {
    let app = harness.state();
    app.map.view_from_world(app.data.positions[point]).expect("the map was shown")
}

fn move_to(harness: &mut Harness<'_, App>, pos: Pos2) {
    harness.event(Event::PointerMoved(pos));
    harness.step();
    harness.step();
}

fn click_at(harness: &mut Harness<'_, App>, pos: Pos2) {
    move_to(harness, pos);
    for pressed in [true, false] {
        let button = PointerButton::Primary;
        harness.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
    }
    harness.step();
}

#[test]
fn a_selected_point_shows_its_colour_at_its_place_and_the_ground_is_the_themes() {
    for theme in [&MapTheme::DARK, &MapTheme::LIGHT] {
        let mut data = Data::sparse(theme);
        data.flags = Arc::new(vec![flags::SELECTED; data.positions.len()]);
        let mut harness = window(data);
        let shown = rendered(&mut harness);
        for point in 0..4 {
            let pos = place_of(&harness, point);
            let colour = unpack(harness.state().data.colours[point]);
            assert_eq!(shown.pixel(pos.x as u32, pos.y as u32), colour, "point {point}");
        }
        assert_eq!(shown.pixel(3, 3), theme.background);
    }
}

#[test]
fn the_cpu_draws_what_the_window_draws() {
    for theme in [&MapTheme::DARK, &MapTheme::LIGHT] {
        for selected in [false, true] {
            let mut data = Data::clustered(600, 6, theme);
            data.labels.clear();
            // Some lie on top of each other.
            let positions = Arc::make_mut(&mut data.positions);
            for i in 0..40 {
                positions[i] = positions[i / 4 * 4];
            }
            if selected {
                data.flags = Arc::new((0..600).map(|i| [0, flags::SELECTED, flags::HIDDEN][i % 3]).collect());
            }
            let cpu = on_cpu(&data);
            let window = rendered(&mut window(data));
            let (most, mean) = difference(&cpu, &window);
            assert!(most <= 6 && mean < 0.05, "selected {selected}: at most {most}, on average {mean}");
        }
    }
}

#[test]
fn a_map_of_five_thousand_points_looks_the_same_in_the_window_and_in_the_file() {
    for (name, theme) in [("dark", &MapTheme::DARK), ("light", &MapTheme::LIGHT)] {
        let data = Data::clustered(5000, 24, theme);
        let cpu = on_cpu(&data);
        let mut harness = window(data);
        let window = rendered(&mut harness);
        keep(&format!("{name}-cpu"), &cpu);
        keep(&format!("{name}-window"), &window);
        // Letters are rasterised differently; everything else is the same.
        let (_, mean) = difference(&cpu, &window);
        assert!(mean < 2.0, "{name}: on average {mean}");

        let app = harness.state_mut();
        let near = app.data.positions[17];
        app.map.fly_to(near);
        app.data.flags = Arc::new((0..5000).map(|i| if i % 9 == 0 { flags::SELECTED } else { 0 }).collect());
        app.data.lines = (0..14).map(|k| (17, 17 + 300 * k, 0.5 + 0.03 * k as f32)).collect();
        harness.step();
        harness.step();
        keep(&format!("{name}-near"), &rendered(&mut harness));
    }
}

/// Shows frames until the map holds all its points.
fn until_complete(harness: &mut Harness<'_, App>) -> Raster {
    for _ in 0..500 {
        harness.step();
        let shown = rendered(harness);
        let state = harness.state().map.shown();
        if state.share >= 1.0 && state.visible > 0 && state.drawn == 0 {
            return shown;
        }
    }
    panic!("the map is never complete: {:?}", harness.state().map.shown());
}

#[test]
fn more_than_half_a_million_points_look_the_same_in_the_window_and_in_the_file() {
    // None selected, so many that they are counted as well, and so few that they are ringed.
    for (name, theme, every) in
        [("dark", &MapTheme::DARK, 0), ("light", &MapTheme::LIGHT, 7), ("dark", &MapTheme::DARK, 600)]
    {
        let mut data = Data::clustered(650_000, 24, theme);
        data.labels.clear();
        if every > 0 {
            let chosen = |i: u32| if i % every == 3 { flags::SELECTED } else { 0 };
            data.flags = Arc::new((0..650_000).map(chosen).collect());
        }
        let cpu = on_cpu(&data);
        let mut harness = window(data);
        let window = until_complete(&mut harness);
        assert_eq!(harness.state().map.shown().mode, Mode::Splat);
        keep(&format!("{name}-many-{every}-cpu"), &cpu);
        keep(&format!("{name}-many-{every}-window"), &window);
        let (most, mean) = difference(&cpu, &window);
        assert!(most <= 8 && mean < 0.1, "{name}, {every}: at most {most}, on average {mean}");
    }
}

#[test]
fn an_adapter_says_what_is_under_the_pointer_as_the_processor_does_be_the_camera_still_or_not() {
    for count in [120_000, 600_000] {
        let data = || {
            let mut data = Data::clustered(count, 9, &MapTheme::DARK);
            // A place with many points, of which some are hidden, some step back, and some are chosen.
            for position in &mut Arc::make_mut(&mut data.positions)[..60_000] {
                *position = [0.5 + 1e-5 * position[0], 0.25 + 1e-5 * position[1]];
            }
            let flag = |i: usize| match i % 11 {
                0 | 1 => flags::HIDDEN,
                2 => flags::DIMMED,
                3 if i % 5000 == 3 => flags::SELECTED,
                _ => 0,
            };
            data.flags = Arc::new((0..count).map(flag).collect());
            data.labels.clear();
            data
        };
        let mut windows = [DrawnBy::Adapter, DrawnBy::Processor].map(|by| window_as(data(), by));
        for scale in [60.0, 90.0, 3000.0] {
            for harness in &mut windows {
                harness.state_mut().map.set_camera(Some(Camera { centre: [0.51, 0.24], scale }));
                until_complete(harness);
            }
            let crowd = windows[0].state().map.view_from_world([0.5, 0.25]).expect("the map was shown");
            for off in [Vec2::ZERO, Vec2::new(4.0, -3.0), Vec2::new(40.0, 25.0), Vec2::new(41.0, 24.0)] {
                let before = windows[0].state().map.shown().answers;
                let mut hovered = Vec::new();
                for harness in &mut windows {
                    move_to(harness, crowd + off);
                    // Before the answer is there, and with it.
                    hovered.push(harness.state().last().hovered);
                    for _ in 0..4 {
                        rendered(harness);
                        harness.step();
                        hovered.push(harness.state().last().hovered);
                    }
                }
                assert!(
                    hovered.iter().all(|&point| point == hovered[0]),
                    "{count}, {scale}, {off:?}: {hovered:?}"
                );
                if off == Vec2::ZERO {
                    assert!(hovered[0].is_some_and(|point| point % 11 > 1));
                    let answers = windows[0].state().map.shown().answers;
                    assert!(
                        answers > before,
                        "{count} points at {scale}: {:?}",
                        windows[0].state().map.shown()
                    );
                }
            }
        }
        assert_eq!(windows[1].state().map.shown().answers, 0);
    }
}

/// Drags with some keys held through some places of the view.
fn draw_lasso(harness: &mut Harness<'_, App>, line: &[Pos2], modifiers: Modifiers) -> Option<Lassoed> {
    harness.state_mut().responses.clear();
    let button =
        |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    move_to(harness, line[0]);
    harness.event(Event::ModifiersChanged(modifiers));
    harness.event(button(line[0], true));
    harness.step();
    for &pos in line {
        harness.event(Event::PointerMoved(pos));
        harness.step();
    }
    harness.event(button(line[line.len() - 1], false));
    harness.step();
    harness.event(Event::ModifiersChanged(Modifiers::NONE));
    for _ in 0..200 {
        harness.step();
        let found = harness.state().responses.iter().find_map(|response| response.lassoed.clone());
        if found.is_some() {
            return found;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    None
}

#[test]
fn a_lasso_holds_what_lies_in_it_and_leaves_the_map_where_it_is() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let [first, third] = [0, 2].map(|point| place_of(&harness, point));
    let line = [
        first + Vec2::new(-20.0, 20.0),
        first + Vec2::new(20.0, 20.0),
        third + Vec2::new(20.0, -20.0),
        third + Vec2::new(-20.0, -20.0),
    ];
    let lassoed = draw_lasso(&mut harness, &line, Modifiers::SHIFT).expect("the lasso holds something");
    assert_eq!((lassoed.points, lassoed.how), (vec![0, 2], Combine::Replace));
    assert!((place_of(&harness, 0) - first).length() < 0.5);
    assert!(harness.state().map.camera().is_none());

    let added = draw_lasso(&mut harness, &line, Modifiers::SHIFT | Modifiers::COMMAND);
    assert_eq!(added.expect("the lasso holds something").how, Combine::Add);
}

#[test]
fn a_short_drag_with_shift_selects_nothing() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let place = place_of(&harness, 0);
    let line = [place, place + Vec2::new(3.0, 0.0), place + Vec2::new(3.0, 3.0), place];
    assert_eq!(draw_lasso(&mut harness, &line, Modifiers::SHIFT), None);
}

#[test]
fn hovering_and_clicking_finds_the_point_under_the_pointer() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let pos = place_of(&harness, 3);
    move_to(&mut harness, pos + Vec2::new(3.0, -2.0));
    assert_eq!(harness.state().last().hovered, Some(3));
    click_at(&mut harness, pos);
    assert_eq!(harness.state().last().clicked, Some(3));
    click_at(&mut harness, pos + Vec2::new(-60.0, 40.0));
    assert_eq!(harness.state().last().clicked, None);
    assert!(harness.state().last().clicked_background);
}

#[test]
fn a_stack_tells_its_size_and_a_hidden_point_is_not_found() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let pos = place_of(&harness, 4);
    move_to(&mut harness, pos);
    let top = harness.state().last().hovered.expect("one of the stack is hovered");
    assert!(matches!(top, 4 | 5));
    assert_eq!(harness.state().last().hovered_stack, 2);
    let mut hidden = vec![0; 6];
    hidden[top as usize] = flags::HIDDEN;
    harness.state_mut().data.flags = Arc::new(hidden);
    harness.step();
    assert_eq!(harness.state().last().hovered, Some(9 - top));
    // What is chosen lies on top.
    for chosen in [4, 5] {
        let mut flagged = vec![0; 6];
        flagged[chosen] = flags::SELECTED;
        harness.state_mut().data.flags = Arc::new(flagged);
        harness.step();
        assert_eq!(harness.state().last().hovered, Some(chosen as u32));
    }
}

#[test]
fn the_wheel_zooms_at_the_cursor_and_home_shows_everything_again() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let before = place_of(&harness, 3);
    move_to(&mut harness, before);
    let far_before = place_of(&harness, 0);
    harness.event(Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: Vec2::new(0.0, 120.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    for _ in 0..8 {
        harness.step();
    }
    assert!((place_of(&harness, 3) - before).length() < 0.5);
    assert!((place_of(&harness, 0) - far_before).length() > 50.0);
    assert!(harness.state().map.camera().is_some());

    click_at(&mut harness, before + Vec2::new(0.0, 50.0));
    harness.key_press(Key::Home);
    for _ in 0..3 {
        harness.step();
    }
    assert!((place_of(&harness, 0) - far_before).length() < 0.5);
    assert!(harness.state().map.camera().is_none());
}

#[test]
fn dragging_and_arrows_pan() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let before = place_of(&harness, 0);
    let start = Pos2::new(200.0, 200.0);
    move_to(&mut harness, start);
    let button = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    harness.event(button(start, true));
    harness.step();
    let end = start + Vec2::new(80.0, 30.0);
    harness.event(Event::PointerMoved(end));
    harness.step();
    harness.event(button(end, false));
    harness.step();
    assert!((place_of(&harness, 0) - before - Vec2::new(80.0, 30.0)).length() < 0.5);

    let dragged = place_of(&harness, 0);
    harness.key_press(Key::ArrowRight);
    harness.step();
    harness.step();
    assert!(place_of(&harness, 0).x < dragged.x - 20.0);
}

#[test]
fn until_it_is_touched_the_camera_follows_a_moving_layout() {
    let mut harness = window(Data::sparse(&MapTheme::DARK));
    let moved: Vec<[f32; 2]> =
        harness.state().data.positions.iter().map(|[x, y]| [x * 30.0 + 5.0, y * 30.0]).collect();
    harness.state_mut().data.positions = Arc::new(moved);
    for _ in 0..12 {
        harness.step();
    }
    let view = egui::Rect::from_min_size(Pos2::ZERO, Vec2::new(SIZE.0 as f32, SIZE.1 as f32));
    for point in 0..6 {
        assert!(view.contains(place_of(&harness, point)), "point {point}");
    }
}

#[test]
fn a_frame_on_the_map_holds_the_points_inside_it() {
    let harness = window(Data::sparse(&MapTheme::DARK));
    let map = &harness.state().map;
    let frame = egui::Rect::from_two_pos(place_of(&harness, 2), place_of(&harness, 5)).expand(5.0);
    let world = map.world_from_view(frame).expect("the map was shown");
    assert_eq!(map.tiles().expect("the points were sorted").in_rect(world), [2, 4, 5]);
}

#[test]
fn the_map_has_a_name_for_screen_readers() {
    let harness = window(Data::sparse(&MapTheme::DARK));
    harness.get_by_label("Map of some documents");
}
