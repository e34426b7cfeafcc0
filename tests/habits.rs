//! The habits of the hand that every map of points should honour, driven in the whole window. Those that other files
//! drive are not repeated here: filters, lassos and tags in `filtering.rs`, searching in `searching.rs`, recent files
//! in `welcome_and_settings.rs`, work that comes back in `by_hand.rs`, the first page in `window.rs`.

mod windows;

use egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, TouchPhase, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use semascope::data::{Clause, Combine, Condition, Filter, Query, SearchBy};
use semascope::io::npy;
use semascope::io::settings::Settings;
use semascope::session::{ColourBy, Command, Step, StepState};
use semascope::ui::dialogs::Question;
use semascope::ui::shortcuts::SHORTCUTS;
use windows::{
    ALL, GROUP, Window, click, drag, explore, press, rest, session, wait, wait_for, window_of, workspace,
};

/// How far a place may be off that should be the same, in points.
const NEAR: f32 = 1.0;

fn place(window: &Window, document: u32) -> Pos2 {
    window.state().shown_at(document).expect("the map was shown")
}

/// How far apart two documents far from each other lie on the map.
fn spread(window: &Window) -> f32 {
    place(window, 0).distance(place(window, 2 * GROUP as u32))
}

/// Draws frames until flights and slides have ended.
fn settle(window: &mut Window) {
    window.run_steps(30);
}

fn point_at(window: &mut Window, at: Pos2) {
    window.event(Event::PointerMoved(at));
    window.run_steps(3);
}

fn wheel(window: &mut Window, lines: f32) {
    window.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        source: MouseWheelSource::Unknown,
        delta: vec2(0.0, lines),
        phase: TouchPhase::Move,
        modifiers: Modifiers::NONE,
    });
    settle(window);
}

/// Presses and lets go so often, at one place.
fn clicks(window: &mut Window, at: Pos2, count: usize, button: PointerButton) {
    point_at(window, at);
    // Two clicks are a double one when they follow each other quickly, but a frame of a test lasts a quarter of a second.
    window.ctx.options_mut(|options| options.input_options.max_double_click_delay = 1.0);
    for pressed in [true, false].repeat(count) {
        let modifiers = Modifiers::NONE;
        window.event(Event::PointerButton { pos: at, button, pressed, modifiers });
        window.step();
    }
    window.run_steps(3);
    rest(window);
}

/// The map's own rectangle.
fn map(window: &Window) -> egui::Rect {
    window.get_by_label_contains("Map of 120 documents").rect()
}

/// A place on the map with no point near it, and nothing over it.
fn ground(window: &Window) -> Pos2 {
    let rect = map(window);
    let covered: Vec<egui::Rect> = ["Hide the legend", "Zoom in"]
        .iter()
        .map(|name| window.get_by_label(name).rect().expand2(vec2(260.0, 320.0)))
        .collect();
    let free = |at: Pos2| {
        (0..ALL as u32).all(|i| place(window, i).distance(at) > 40.0)
            && covered.iter().all(|rect| !rect.contains(at))
    };
    let at = |x: usize, y: usize| rect.lerp_inside(vec2(x as f32 / 24.0, y as f32 / 24.0));
    (1..24).flat_map(|y| (1..24).map(move |x| (x, y))).map(|(x, y)| at(x, y)).find(|&at| free(at)).unwrap()
}

#[test]
fn the_wheel_zooms_at_the_pointer_and_what_is_under_it_stays() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let (at, before) = (place(&window, 0), spread(&window));
    point_at(&mut window, at);
    wheel(&mut window, 3.0);
    assert!(spread(&window) > 1.3 * before);
    assert!(place(&window, 0).distance(at) < NEAR, "{at} {}", place(&window, 0));
    wheel(&mut window, -3.0);
    assert!((spread(&window) - before).abs() < 0.02 * before);
    assert!(place(&window, 0).distance(at) < NEAR);
}

#[test]
fn a_drag_moves_the_map_with_the_pointer_and_selects_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let (from, before) = (ground(&window), place(&window, 7));
    let by = vec2(60.0, -35.0);
    drag(&mut window, &[from, from + 0.5 * by, from + by], Modifiers::NONE);
    assert!((place(&window, 7) - before - by).length() < NEAR);
    assert!(session(&window).selection().unwrap().is_empty());
    assert_eq!(session(&window).focus(), None);
}

#[test]
fn home_f_a_double_click_and_a_button_show_the_whole_map_again() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let whole = [place(&window, 0), place(&window, 70)];
    type Way = fn(&mut Window);
    let ways: [(&str, Way); 4] = [
        ("F", |window| press(window, Modifiers::NONE, Key::F)),
        ("Home", |window| press(window, Modifiers::NONE, Key::Home)),
        ("a double click", |window| {
            let at = ground(window);
            clicks(window, at, 2, PointerButton::Primary);
        }),
        ("the button", |window| click(window, "Show the whole map")),
    ];
    for (name, way) in ways {
        click(&mut window, "Zoom in");
        settle(&mut window);
        assert!(place(&window, 0).distance(whole[0]) > 10.0, "{name}: zoomed in first");
        way(&mut window);
        settle(&mut window);
        let now = [place(&window, 0), place(&window, 70)];
        for (now, then) in now.iter().zip(whole) {
            assert!(now.distance(then) < NEAR, "{name}: {now} {then}");
        }
    }
    press(&mut window, Modifiers::NONE, Key::Plus);
    settle(&mut window);
    let closer = spread(&window);
    press(&mut window, Modifiers::NONE, Key::Minus);
    settle(&mut window);
    assert!(spread(&window) < closer);
}

#[test]
fn escape_clears_one_thing_after_the_other() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let query = Query { text: "boat".into(), by: SearchBy::Words };
    window.state_mut().wish(Command::Select(vec![1, 2]));
    window.state_mut().wish(Command::Search(Some(query)));
    window.run_steps(3);
    rest(&mut window);
    window.state_mut().wish(Command::Focus(Some(1)));
    window.run_steps(3);
    press(&mut window, Modifiers::NONE, Key::L);
    press(&mut window, Modifiers::NONE, Key::Questionmark);
    let standing = |window: &Window| {
        let session = session(window);
        (
            window.query_by_label("Open files: Ctrl+O").is_some(),
            window.query_by_label("Put the lasso away").is_some(),
            session.focus().is_some(),
            session.search().is_some(),
            session.selection().is_some_and(|selection| !selection.is_empty()),
        )
    };
    let steps = [
        (true, true, true, true, true),
        (false, true, true, true, true),
        (false, false, true, true, true),
        (false, false, false, true, true),
        (false, false, false, false, true),
        (false, false, false, false, false),
    ];
    for (i, step) in steps.into_iter().enumerate() {
        assert_eq!(standing(&window), step, "after {i} presses");
        press(&mut window, Modifiers::NONE, Key::Escape);
    }
}

#[test]
fn keys_undo_and_redo_and_select_all() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let kept = |window: &Window| session(window).kept().map_or(ALL, |kept| kept.count());
    click(&mut window, "kind: kind 2");
    press(&mut window, Modifiers::COMMAND, Key::Z);
    assert_eq!(kept(&window), ALL);
    press(&mut window, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(kept(&window), GROUP);
    press(&mut window, Modifiers::COMMAND, Key::Z);
    press(&mut window, Modifiers::COMMAND, Key::Y);
    assert_eq!(kept(&window), GROUP);
    // The same by the visible buttons.
    click(&mut window, "Undo filter");
    assert_eq!(kept(&window), ALL);
    click(&mut window, "Redo filter");
    assert_eq!(kept(&window), GROUP);
    click(&mut window, "Clear the filter");
    press(&mut window, Modifiers::COMMAND, Key::A);
    assert_eq!(session(&window).selection().unwrap().len(), ALL);
}

#[test]
fn keys_ask_which_file_to_open_and_where_to_save() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.run_steps(2);
    window.key_press_modifiers(Modifiers::COMMAND, Key::S);
    window.run_steps(3);
    assert_eq!(window.state().asked(), None, "there is nothing to save");
    window.key_press_modifiers(Modifiers::COMMAND, Key::O);
    window.run_steps(3);
    assert_eq!(window.state().asked(), Some(&Question::Open));
    let files = windows::small_corpus(home.path());
    window.state_mut().answer(files);
    wait(&mut window, "reading", |window| session(window).import_sheet().is_some());
    assert_eq!(window.state().asked(), None);
    window.state_mut().wish(Command::CancelImport);
    explore(&mut window, home.path());

    let path = home.path().join("mine.semascope");
    press(&mut window, Modifiers::COMMAND, Key::S);
    assert_eq!(window.state().asked(), Some(&Question::ProjectFile));
    window.state_mut().answer(vec![path.clone()]);
    wait(&mut window, "saving", |window| session(window).project_path().is_some());
    rest(&mut window);
    assert!(path.exists());
    // From now on the key asks nothing.
    window.state_mut().wish(Command::Tag("read".into(), vec![1]));
    rest(&mut window);
    assert!(session(&window).is_unsaved());
    press(&mut window, Modifiers::COMMAND, Key::S);
    wait(&mut window, "saving again", |window| !session(window).is_unsaved());
    assert_eq!(window.state().asked(), None);
}

#[test]
fn the_sheet_lists_every_key_and_gesture() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    window.run_steps(2);
    window.key_press(Key::Questionmark);
    window.run_steps(3);
    let there = |window: &Window, name: &str| {
        let mut lines = window.query_all_by_label_contains(name);
        assert!(lines.next().is_some(), "{name} is on the sheet");
    };
    for shortcut in SHORTCUTS.iter().filter(|shortcut| !shortcut.name.is_empty()) {
        there(&window, &format!("{}: ", shortcut.name));
    }
    for line in [
        "Open files: Ctrl+O",
        "Save project: Ctrl+S",
        "Undo: Ctrl+Z",
        "Redo: Ctrl+Shift+Z",
        "Select all: Ctrl+A",
        "Search: /",
        "Show the whole map: F",
        "Show the whole map: Home",
        "Take the lasso, or put it away: L",
        "Tag with the first tag …: 1",
        "… with the ninth: 9",
        "Close, or clear what is chosen: Esc",
        "Shortcuts: ?",
        "Zoom at the pointer: Wheel",
        "Move the map: Drag",
        "Show the whole map: Double-click",
        "Select by a line: Shift + drag",
        "Select by a rectangle: Shift + Alt + drag",
        "With the lasso: add: Shift + drag",
        "With the lasso: remove: Ctrl + drag",
    ] {
        there(&window, line);
    }
    // All of it lies in the window.
    let rect = window.get_by_label("Shortcuts: ?").rect();
    assert!(rect.right() < 1600.0 && rect.bottom() < 1000.0);
}

#[test]
fn there_is_a_visible_button_for_what_the_keys_do() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    for name in [
        "Show the whole map",
        "Zoom in",
        "Zoom out",
        "Select by lasso",
        "Undo",
        "Redo",
        "Export",
        "Shortcuts",
        "Settings",
        "Hide pipeline",
        "Hide table",
        "Hide inspector",
        "Map",
        "Goals",
    ] {
        assert!(window.query_all_by_label_contains(name).next().is_some(), "{name} is there");
    }
    let in_the_bar = |node: &egui_kittest::Node<'_>| node.rect().bottom() <= 40.0;
    window.query_all_by_label_contains("stories.csv").rfind(in_the_bar).unwrap().click();
    window.run_steps(3);
    assert!(window.query_all_by_label_contains("Open…").next().is_some());
    assert!(window.query_all_by_label_contains("Save…").next().is_some());
    assert!(window.query_all_by_label_contains("Save as…").next().is_some());
    press(&mut window, Modifiers::NONE, Key::Escape);
    // The tool's own keys have buttons while it is in the hand.
    click(&mut window, "Select by lasso");
    for name in [
        "Draw a line",
        "Span a rectangle",
        "Select anew",
        "Add to the selection",
        "Remove from the selection",
        "Keep what is in both",
    ] {
        window.get_by_label(name);
    }
    click(&mut window, "Put the lasso away");
    click(&mut window, "Select all");
    assert_eq!(session(&window).selection().unwrap().len(), ALL);
    for name in ["Clear the selection", "Tag…", "Invert", "Show only these", "Hide"] {
        assert!(window.query_all_by_label_contains(name).next().is_some(), "{name} is there");
    }
    click(&mut window, "Clear the selection");
    assert!(session(&window).selection().unwrap().is_empty());
}

#[test]
fn pointing_at_a_document_shows_its_wrapped_text_and_its_fields() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let at = place(&window, 2 * GROUP as u32);
    point_at(&mut window, at);
    wait_for(&mut window, "year: ");
    // Of points that lie close together, the one on top is shown.
    let shown = (0..ALL)
        .find(|i| {
            window
                .query_by_label(&format!("Story {i} of stars of the galaxy and what became of it"))
                .is_some()
        })
        .expect("the card holds the whole text");
    for field in [format!("year: {}", 1990 + shown % 20), "kind: kind 2".into(), "day: 2024-03-".into()] {
        assert!(window.query_all_by_label_contains(&field).next().is_some(), "{field}");
    }
    let text = format!("Story {shown} of stars of the galaxy and what became of it");
    let text = window.get_by_label(&text).rect();
    let field = window.get_by_label("kind: kind 2").rect();
    assert!(text.width() <= 320.0 && text.height() > 1.5 * field.height(), "{text} wraps");
    window.event(Event::PointerGone);
    window.run_steps(3);
    assert!(window.query_by_label("kind: kind 2").is_none());
}

#[test]
fn a_click_on_a_point_opens_its_document_with_its_neighbours() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let at = place(&window, 3 * GROUP as u32 + 4);
    point_at(&mut window, at);
    wait_for(&mut window, "kind: kind 3");
    clicks(&mut window, at, 1, PointerButton::Primary);
    let focus = session(&window).focus().expect("a document is looked at");
    assert!(focus as usize >= 3 * GROUP);
    window.get_by_label(&format!("Document {} of 120", focus + 1));
    window.get_by_label("Nearest in meaning");
    let nearest = session(&window).knn().unwrap().of(focus as usize)[0];
    let listed = format!("Story {nearest} of rates of the bank");
    assert!(window.query_all_by_label_contains(&listed).count() > 0, "{listed}");
    // A click on the ground lets go.
    let at = ground(&window);
    clicks(&mut window, at, 1, PointerButton::Primary);
    assert_eq!(session(&window).focus(), None);
}

/// A line around the points of a group.
fn around(window: &Window, group: usize) -> [Pos2; 5] {
    let places = (group * GROUP..(group + 1) * GROUP).map(|i| place(window, i as u32));
    let rect = places.fold(egui::Rect::NOTHING, |rect, at| rect.union(egui::Rect::from_pos(at))).expand(6.0);
    [rect.left_top(), rect.right_top(), rect.right_bottom(), rect.left_bottom(), rect.left_top()]
}

#[test]
fn one_selection_is_shared_by_map_table_charts_and_legend() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let group = |number: usize| (number * GROUP..(number + 1) * GROUP).map(|i| i as u32).collect::<Vec<_>>();
    click(&mut window, "Charts");
    // The map selects: table and charts show it.
    let line = around(&window, 1);
    drag(&mut window, &line, Modifiers::SHIFT);
    assert_eq!(**session(&window).selection().unwrap(), group(1));
    wait_for(&mut window, "30 selected of 120 documents");
    wait_for(&mut window, "Row 31: Story 30 ");
    assert!(window.query_by_label_contains("Row 1: ").is_none(), "the table lists what is selected");
    wait_for(&mut window, "kind kind 1: 30 selected");
    // A chart selects: the table follows.
    click(&mut window, "Clear selection");
    wait_for(&mut window, "kind kind 2: 30 documents");
    click(&mut window, "kind kind 2: 30 documents");
    assert_eq!(**session(&window).selection().unwrap(), group(2));
    wait_for(&mut window, "Row 61: Story 60 ");
    // The legend selects.
    window.state_mut().wish(Command::SetColour(ColourBy::Column(1)));
    wait_for(&mut window, "Colour of kind 3");
    let at = legend_row(&window, "kind 3");
    clicks(&mut window, at, 1, PointerButton::Secondary);
    click(&mut window, "Select its documents");
    assert_eq!(**session(&window).selection().unwrap(), group(3));
    wait_for(&mut window, "Row 91: Story 90 ");
    click(&mut window, "Clear selection");
    wait_for(&mut window, "Row 1: Story 0 ");
}

/// The middle of an entry of the legend.
fn legend_row(window: &Window, title: &str) -> Pos2 {
    let swatch = window.get_by_label(&format!("Colour of {title}")).rect();
    let mut rows = window.query_all_by_label_contains(title).map(|node| node.rect());
    rows.find(|row| row.contains(swatch.center()) && *row != swatch).unwrap().center()
}

#[test]
fn a_double_click_in_the_legend_shows_an_entry_alone_and_another_shows_everything() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::SetColour(ColourBy::Column(1)));
    wait_for(&mut window, "Colour of kind 3");
    let muted = |window: &Window| session(window).colouring().unwrap().muted.clone();
    let at = legend_row(&window, "kind 1");
    clicks(&mut window, at, 2, PointerButton::Primary);
    // Whatever else there is, documents without a value as well.
    let left = muted(&window);
    assert!([0, 2, 3].iter().all(|code| left.contains(code)) && !left.contains(&1), "{left:?}");
    window.get_by_label("kind 0, 30, hidden");
    window.get_by_label("kind 1, 30");
    settle(&mut window);
    let at = legend_row(&window, "kind 1");
    clicks(&mut window, at, 2, PointerButton::Primary);
    assert!(muted(&window).is_empty());
}

#[test]
fn a_long_legend_can_be_searched_and_a_short_one_needs_no_field() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1600.0, 1000.0], home.path(), Settings::default());
    let mut csv = String::from("text,kind,place\n");
    for i in 0..ALL {
        csv.push_str(&format!("Story {i} of the boats,kind {},place {}\n", i % 4, i % 24));
    }
    let (table, array) = (home.path().join("places.csv"), home.path().join("places.npy"));
    std::fs::write(&table, csv).unwrap();
    let vectors: Vec<f32> = (0..ALL * 4).map(|i| ((i * i) % 17) as f32 - 8.0).collect();
    npy::write_f32(&array, ALL, 4, &vectors).unwrap();
    window.state_mut().open(vec![table, array]);
    wait(&mut window, "reading", |window| {
        session(window).import_sheet().is_some_and(|sheet| sheet.corpus.is_some() && sheet.peek.is_some())
    });
    window.state_mut().wish(Command::SetTextColumns(vec![0]));
    window.state_mut().wish(Command::ConfirmImport);
    rest(&mut window);
    let fields = |window: &Window| {
        window.query_all_by_role(egui::accesskit::Role::TextInput).map(|node| node.rect()).collect::<Vec<_>>()
    };
    window.state_mut().wish(Command::SetColour(ColourBy::Column(1)));
    wait_for(&mut window, "Colour of kind 3");
    let short = fields(&window).len();
    window.state_mut().wish(Command::SetColour(ColourBy::Column(2)));
    wait_for(&mut window, "Colour of place 0");
    let legend = map(&window);
    let field =
        fields(&window).into_iter().find(|rect| legend.contains_rect(*rect)).expect("a field is there");
    assert_eq!(fields(&window).len(), short + 1);
    clicks(&mut window, field.center(), 1, PointerButton::Primary);
    window.event(Event::Text("place 17".into()));
    window.run_steps(3);
    window.get_by_label("Colour of place 17");
    assert_eq!(window.query_all_by_label_contains("Colour of place").count(), 1);
    window.event(Event::Text("x".into()));
    window.run_steps(3);
    window.get_by_label("Nothing is called “place 17x”.");
}

#[test]
fn a_colour_of_the_legend_is_chosen_and_taken_back() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    window.state_mut().wish(Command::SetColour(ColourBy::Column(1)));
    wait_for(&mut window, "Colour of kind 3");
    let own = |window: &Window| session(window).colouring().unwrap().own_colours.get(&1).copied();
    window.get_by_label("Colour of kind 1").click();
    window.run_steps(3);
    window.check_accessibility();
    // One of the palette.
    window.query_all_by_label_contains("Use #").nth(5).unwrap().click();
    window.run_steps(3);
    let first = own(&window).expect("the entry has a colour of its own");
    // A slider of one part.
    let slider = window.query_all_by_role(egui::accesskit::Role::Slider).last().unwrap();
    slider.focus();
    window.run_steps(2);
    window.key_press(if first[2] < 255 { Key::ArrowRight } else { Key::ArrowLeft });
    window.run_steps(3);
    let second = own(&window).unwrap();
    assert_eq!((second[0], second[1]), (first[0], first[1]));
    assert_ne!(second[2], first[2]);
    // A code that is typed.
    let fields = window.query_all_by_role(egui::accesskit::Role::TextInput);
    fields.last().unwrap().focus();
    window.run_steps(2);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    window.event(Event::Text("#102030".into()));
    window.run_steps(3);
    assert_eq!(own(&window), Some([0x10, 0x20, 0x30]));
    window.get_by_label("Default colour").click();
    window.run_steps(3);
    assert_eq!(own(&window), None);
}

#[test]
fn the_theme_follows_the_system_until_one_is_chosen() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1280.0, 800.0], home.path(), Settings::default());
    let ground = |window: &mut Window, system: egui::Theme| {
        window.input_mut().system_theme = Some(system);
        window.run_steps(3);
        window.ctx.global_style().visuals.panel_fill
    };
    // The test's own frame chose a theme: choose that of the system, as a person does.
    window.key_press_modifiers(Modifiers::COMMAND, Key::Comma);
    window.run_steps(3);
    window.get_by_label("Light").click();
    window.run_steps(3);
    let (light, still) = (ground(&mut window, egui::Theme::Light), ground(&mut window, egui::Theme::Dark));
    assert_eq!(light, still, "a theme that was chosen stays");
    window.get_by_label("As the system").click();
    window.run_steps(3);
    let dark = ground(&mut window, egui::Theme::Dark);
    assert_ne!(dark, light);
    assert_eq!(ground(&mut window, egui::Theme::Light), light);
}

#[test]
fn a_reopened_project_looks_as_it_was_left() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let filter = Filter::default().with(Clause {
        condition: Condition::Values {
            column: "kind".into(),
            values: ["kind 1".into(), "kind 2".into()].into(),
        },
        not: false,
    });
    for command in [
        Command::SetFilter(Box::new(filter)),
        Command::SetColour(ColourBy::Column(1)),
        Command::ToggleEntry(3),
        Command::SetEntryColour(1, Some([0x10, 0x80, 0xf0])),
        Command::Combine(Combine::Replace, vec![31, 35, 62]),
        Command::Tag("read".into(), vec![31]),
        Command::Search(Some(Query { text: "oven".into(), by: SearchBy::Words })),
    ] {
        window.state_mut().wish(command);
        window.run_steps(2);
    }
    rest(&mut window);
    let at = ground(&window);
    drag(&mut window, &[at, at + vec2(20.0, 10.0), at + vec2(40.0, 20.0)], Modifiers::NONE);
    click(&mut window, "Zoom in");
    settle(&mut window);
    click(&mut window, "Hide the legend");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Num1);
    settle(&mut window);
    window.state_mut().wish(Command::Focus(Some(35)));
    window.run_steps(3);
    let looks = |window: &Window| {
        let session = session(window);
        let panels = window.state().panels();
        (
            session.filter().cloned(),
            session.search().map(|search| search.query.clone()),
            session.selection().map(|selection| selection.to_vec()),
            session.focus(),
            session.colouring().cloned(),
            session.view_state()["camera"].clone(),
            panels.iter().map(|(name, panel)| (name.clone(), panel.visible)).collect::<Vec<_>>(),
        )
    };
    let left = looks(&window);
    let path = home.path().join("left.semascope");
    window.state_mut().wish(Command::SaveProject(path.clone()));
    rest(&mut window);
    drop(window);

    let other = tempfile::tempdir().unwrap();
    let mut again = window_of([1600.0, 1000.0], other.path(), Settings::default());
    again.state_mut().open(vec![path]);
    wait_for(&mut again, "Show the legend");
    rest(&mut again);
    let now = looks(&again);
    assert_eq!((&now.0, &now.1, &now.2, now.3), (&left.0, &left.1, &left.2, left.3));
    assert_eq!(format!("{:?}", now.4), format!("{:?}", left.4));
    assert_eq!(now.5, left.5);
    assert!(now.5.is_object(), "the camera was moved");
    assert_eq!(now.6, left.6);
    again.get_by_label("Show pipeline");
    again.get_by_label("Document 36 of 120");
    again.get_by_label_contains("Filter: kind: kind 1, kind 2");
}

#[test]
fn long_work_tells_its_stage_rate_and_time_left_and_stops_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut window = workspace(home.path());
    let mut params = session(&window).params().clone();
    params.map.umap.epochs = Some(20_000_000);
    window.state_mut().wish(Command::SetParams(Box::new(params)));
    wait(&mut window, "the map to begin", |window| {
        session(window).map_epoch().is_some_and(|(done, _)| done > 0)
    });
    let told = |window: &Window| {
        let lines = window.query_all_by_label_contains("/s · ").map(|node| node.accesskit_node());
        lines.filter_map(|node| node.label().or_else(|| node.value())).find(|line| line.ends_with(" left"))
    };
    wait(&mut window, "rate and time left", |window| told(window).is_some());
    let line = told(&window).unwrap();
    assert!(line.contains(" of 20"), "{line}");
    let place = || window.query_all_by_label_contains("Stop ").last().map(|node| node.rect().center());
    let stop = place().expect("there is a cross");
    clicks_without_rest(&mut window, stop);
    wait(&mut window, "stopping", |window| session(window).step(Step::Map).state == StepState::Stopped);
    let reached = session(&window).positions().cloned().expect("what was reached shows");
    window.key_press(Key::Space);
    wait(&mut window, "going on", |window| {
        matches!(session(window).step(Step::Map).state, StepState::Running(_))
    });
    wait(&mut window, "moving", |window| {
        !std::sync::Arc::ptr_eq(session(window).positions().unwrap(), &reached)
    });
    window.key_press(Key::Space);
    wait(&mut window, "stopping", |window| session(window).step(Step::Map).state == StepState::Stopped);
}

/// A click while something is computed.
fn clicks_without_rest(window: &mut Window, at: Pos2) {
    point_at(window, at);
    for pressed in [true, false] {
        let modifiers = Modifiers::NONE;
        window.event(Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers });
    }
    window.run_steps(3);
    // The keyboard is the map's again.
    window.ctx.memory_mut(|memory| {
        if let Some(id) = memory.focused() {
            memory.surrender_focus(id);
        }
    });
}

#[test]
fn a_sample_is_one_click_away() {
    let home = tempfile::tempdir().unwrap();
    let mut window = window_of([1280.0, 800.0], home.path(), Settings::default());
    window.run_steps(3);
    window.get_by_label_contains("Bank customers' questions: ").click();
    wait(&mut window, "the sample", |window| session(window).corpus().is_some());
    assert!(session(&window).import_sheet().is_none(), "nothing is asked first");
    window.state_mut().wish(Command::StopAll);
    window.run_steps(3);
}
