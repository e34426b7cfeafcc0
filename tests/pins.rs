//! Points of the map that a person moves and pins: they stay where they were put, others follow, and it all undoes.

mod common;
mod driving;

use std::path::Path;
use std::sync::Arc;

use common::SMALL;
use driving::{explore, is_done, until};
use semascope::data::Layout;
use semascope::io::cache::Cache;
use semascope::io::settings::Settings;
use semascope::io::work::Home;
use semascope::session::{Command, Session, Step};
use semascope::stage::MapMethod;

const POINT: u32 = SMALL as u32 / 2;

fn session(home: &Path) -> Session {
    let cache = Cache::open(Some(home.join("cache"))).unwrap();
    Session::new(Settings::default(), cache, Arc::new(|| {})).keep_in(Home::at(home.join("data")))
}

fn rests(session: &mut Session) {
    until(session, "changes to be taken up", |s| s.poll_after().is_none());
    until(session, "the flow", is_done);
}

fn explored(home: &Path) -> Session {
    let mut session = session(home);
    explore(&mut session, home);
    session
}

fn pin(session: &mut Session, place: [f32; 2], held: bool) {
    session.apply(Command::Pin { document: POINT, place, held });
}

fn map(session: &Session) -> Arc<Layout> {
    session.layout().unwrap().clone()
}

fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// A place well outside the map.
fn elsewhere(map: &Layout) -> [f32; 2] {
    let most = map.positions.iter().flatten().fold(0f32, |most, v| most.max(v.abs()));
    [0.5 * most, most + 1.0]
}

#[test]
fn a_point_dragged_on_a_map_at_rest_holds_still_and_its_neighbours_follow() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let before = map(&session);
    let place = elsewhere(&before);
    pin(&mut session, [0.5 * place[0], 0.5 * place[1]], true);
    until(&mut session, "the point to move", |s| {
        s.positions().is_some_and(|p| p[POINT as usize] != before.positions[POINT as usize])
    });
    pin(&mut session, place, true);
    pin(&mut session, place, false);
    rests(&mut session);
    let after = map(&session);
    assert_eq!(after.positions[POINT as usize], place);
    assert_ne!(after.key, before.key, "a map with pins is another one");
    let mean = |map: &Layout| {
        let near = session.knn().unwrap().of(POINT as usize);
        near.iter().map(|&id| apart(map.positions[id as usize], place)).sum::<f32>() / near.len() as f32
    };
    assert!(mean(&after) < mean(&before), "{} {}", mean(&after), mean(&before));
    assert!(session.quality().is_some(), "the quality is that of the new map");
    session.apply(Command::Undo);
    rests(&mut session);
    assert_eq!((map(&session).key, session.undoes()), (before.key, None), "the very map is back");
    session.apply(Command::Redo);
    rests(&mut session);
    assert_eq!(map(&session).key, after.key);
}

#[test]
fn a_released_point_moves_again() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let place = elsewhere(&map(&session));
    pin(&mut session, place, false);
    rests(&mut session);
    session.apply(Command::Unpin(vec![POINT]));
    rests(&mut session);
    assert!(session.edits().unwrap().pins.is_empty());
    assert_ne!(map(&session).positions[POINT as usize], place);
}

#[test]
fn a_point_pinned_where_it_lies_leaves_the_map_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let before = map(&session);
    pin(&mut session, before.positions[POINT as usize], false);
    rests(&mut session);
    assert_eq!(map(&session).key, before.key);
    // Computed anew, the others lie about it.
    session.apply(Command::Recompute(Step::Map));
    rests(&mut session);
    assert_eq!(map(&session).positions[POINT as usize], before.positions[POINT as usize]);
    assert_ne!(map(&session).key, before.key);
}

#[test]
fn a_point_pinned_while_the_map_moves_is_there_at_its_end() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let mut params = session.params().clone();
    params.map.umap.epochs = Some(20_000);
    session.apply(Command::SetParams(Box::new(params.clone())));
    until(&mut session, "the map to move", |s| s.map_epoch().is_some());
    pin(&mut session, [5.0, 5.0], false);
    until(&mut session, "the point to hold", |s| {
        s.positions().is_some_and(|p| p[POINT as usize] == [5.0, 5.0])
    });
    assert!(session.map_epoch().is_some(), "it goes on from where it was");
    session.apply(Command::Stop(Step::Map));
    until(&mut session, "the map to stop", |s| !s.is_busy());
    let stopped = map(&session);
    assert!(stopped.epochs.0 < stopped.epochs.1);
    assert_eq!(stopped.positions[POINT as usize], [5.0, 5.0]);
    // Another place on a map that was stopped: it is not begun anew.
    pin(&mut session, [6.0, 5.0], false);
    until(&mut session, "the point to move", |s| {
        !s.is_busy() && s.layout().unwrap().positions[POINT as usize] == [6.0, 5.0]
    });
    assert_eq!(map(&session).epochs, stopped.epochs);
}

#[test]
fn pins_are_kept_with_the_project_and_a_map_by_components_has_none() {
    let home = tempfile::tempdir().unwrap();
    let mut session = explored(home.path());
    let place = elsewhere(&map(&session));
    pin(&mut session, place, false);
    rests(&mut session);
    let path = home.path().join("mine.semascope");
    session.apply(Command::SaveProject(path.clone()));
    until(&mut session, "the project to be saved", |s| !s.is_busy());
    let kept = map(&session);
    drop(session);

    let other = tempfile::tempdir().unwrap();
    let mut again = self::session(other.path());
    again.apply(Command::Open(vec![path]));
    until(&mut again, "the project", |s| s.corpus().is_some() && s.layout().is_some());
    rests(&mut again);
    assert_eq!(again.edits().unwrap().pins.get(&POINT), Some(&place));
    assert_eq!((map(&again).key, &map(&again).positions), (kept.key, &kept.positions), "nothing moved");
    again.apply(Command::Unpin(vec![POINT]));
    rests(&mut again);
    assert_ne!(map(&again).positions[POINT as usize], place);
    again.apply(Command::Undo);
    let mut params = again.params().clone();
    params.map.method = MapMethod::Pca;
    again.apply(Command::SetParams(Box::new(params)));
    rests(&mut again);
    assert!(!again.can_pin());
    assert_ne!(map(&again).positions[POINT as usize], place);
}
