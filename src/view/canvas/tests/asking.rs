//! What the drawing pass says about the points around the pointer, beside its twin on the CPU.

use super::*;
use crate::view::lasso::Lasso;
use crate::view::pick::{SIDE, Window, draw, near};

/// A pointer somewhere on a picture, or a little outside.
fn pointer(pixels: [u32; 2], seed: u64) -> Pointer {
    let at = |axis: usize| {
        let side = pixels[axis] as f32;
        unit(crate::math::hash::draw(seed, axis as u64)) as f32 * (side + 20.0) - 10.0
    };
    Pointer { at: [at(0), at(1)], reach: 8.0 }
}

impl Studio {
    /// Draws until the drawing pass has said what lies around a pointer.
    fn ask(
        &self,
        canvas: &mut Canvas,
        arranged: &Arc<Arranged>,
        camera: Camera,
        density: f32,
        pointer: Pointer,
    ) -> Arc<Picked> {
        for _ in 0..1000 {
            let report = self.frame_asked(canvas, arranged, camera, density, Some(pointer));
            if let (Some(picked), Some(shot)) = (report.picked, canvas.in_front)
                && picked.answers(&shot, 1.0, &pointer)
            {
                return picked;
            }
            // Discs wait for the camera to rest.
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("there is never an answer");
    }
}

fn twin(arranged: &Arranged, picked: &Picked) -> Window {
    let (corner, size) = (picked.window.corner, [SIDE; 2]);
    let tiles = near(arranged, &picked.shot, corner, size);
    draw(arranged, &picked.shot, 1.0, (corner, size), &tiles)
}

/// Asks at several places of some scenes; returns how many pixels showed a point.
fn compare(count: u64, chosen: u64, mode: Mode) -> usize {
    let studio = Studio::new();
    let arranged = Arc::new(Arranged::new(&data(count, chosen)));
    let mut shown = 0;
    for (seed, (zoom, density)) in [(1.0, 1.0), (1.0, 2.0), (3.0, 1.5), (0.3, 1.0)].into_iter().enumerate() {
        let mut canvas = Canvas::new(&studio.gpu(), false);
        // At a place of its own, many points lie over each other.
        let crowd =
            camera(zoom).view_from_world([0.25, -0.5], egui::Rect::from_min_size(egui::Pos2::ZERO, SIZE));
        let crowd = Pointer { at: [crowd.x * density, crowd.y * density], reach: 8.0 };
        studio.frame_asked(&mut canvas, &arranged, camera(zoom), density, None);
        let elsewhere = (0..3).map(|i| pointer(canvas.pixels, 10 * seed as u64 + i)).collect::<Vec<_>>();
        for pointer in elsewhere.into_iter().chain([crowd]) {
            let picked = studio.ask(&mut canvas, &arranged, camera(zoom), density, pointer);
            let twin = twin(&arranged, &picked);
            let differ = picked.window.tops.iter().zip(&twin.tops).filter(|(a, b)| a != b).count();
            // Where the edge of a disc goes through the middle of a pixel, adapters may round otherwise.
            assert!(
                differ <= 2,
                "{differ} pixels differ at {pointer:?}, zoomed {zoom} times, {density} a point"
            );
            shown += twin.tops.iter().filter(|&&top| top > 0).count();
            assert_eq!(picked.window.at(&pointer), twin.at(&pointer), "{pointer:?}");
        }
        if zoom >= 1.0 {
            assert_eq!(canvas.mode, if zoom > 1.0 && mode == Mode::Splat { canvas.mode } else { mode });
        }
    }
    shown
}

#[test]
fn discs_are_noted_as_the_twin_draws_them() {
    for (count, chosen) in [(300, 0), (300, 40), (90_000, 0), (90_000, 50), (90_000, 30_000)] {
        assert!(compare(count, chosen, Mode::Discs) > 300);
    }
}

#[test]
fn counted_points_are_noted_as_the_twin_counts_them() {
    for chosen in [0, 500, 40_000] {
        assert!(compare(600_000, chosen, Mode::Splat) > 1000);
    }
}

#[test]
fn what_is_noted_is_drawn_there_and_not_hidden() {
    let studio = Studio::new();
    for (count, chosen) in [(20_000, 0), (600_000, 0), (600_000, 500)] {
        let arranged = Arc::new(Arranged::new(&data(count, chosen)));
        let mut canvas = Canvas::new(&studio.gpu(), false);
        studio.finish(&mut canvas, &arranged, camera(1.0));
        let pointer = Pointer { at: [150.0, 111.0], reach: 8.0 };
        let picked = studio.ask(&mut canvas, &arranged, camera(1.0), 1.0, pointer);
        let picture = studio.picture(&canvas);
        let mut shown = 0;
        for (at, &top) in picked.window.tops.iter().enumerate() {
            let [x, y] = [
                at as i32 % SIDE as i32 + picked.window.corner[0],
                at as i32 / SIDE as i32 + picked.window.corner[1],
            ];
            if top > 0 {
                assert!(arranged.shows(top as usize - 1));
                assert!(picture[y as usize * canvas.pixels[0] as usize + x as usize][3] > 0.0);
                shown += 1;
            }
        }
        assert!(shown > 500);
    }
}

#[test]
fn an_answer_is_of_the_picture_it_was_asked_about_and_no_frame_waits_for_it() {
    let studio = Studio::new();
    let arranged = Arc::new(Arranged::new(&data(20_000, 0)));
    let mut canvas = Canvas::new(&studio.gpu(), false);
    studio.finish(&mut canvas, &arranged, camera(1.0));
    let pointer = Pointer { at: [150.0, 111.0], reach: 8.0 };
    let asked = studio.frame_asked(&mut canvas, &arranged, camera(1.0), 1.0, Some(pointer));
    assert!(asked.picked.is_none() && canvas.picker.as_ref().is_some_and(Picker::is_asking));
    // The camera has moved on when the answer comes.
    let turned = camera(1.3);
    let report = (0..1000)
        .map(|_| studio.frame_asked(&mut canvas, &arranged, turned, 1.0, None))
        .find(|report| report.picked.is_some())
        .expect("the answer comes");
    let old = report.picked.unwrap();
    assert_eq!(old.shot.camera, camera(1.0));
    studio.finish(&mut canvas, &arranged, turned);
    let now = canvas.in_front.unwrap();
    assert!(!old.answers(&now, 1.0, &pointer));
    let new = studio.ask(&mut canvas, &arranged, turned, 1.0, pointer);
    assert!(new.answers(&now, 1.0, &pointer) && new.window == twin(&arranged, &new));
    // What is known is not asked again.
    let answers = studio.report.lock().unwrap().shown.answers;
    for _ in 0..5 {
        let report = studio.frame_asked(&mut canvas, &arranged, turned, 1.0, Some(pointer));
        assert_eq!(report.shown.answers, answers);
    }
    assert!(!canvas.picker.as_ref().is_some_and(Picker::is_asking));
}

#[test]
fn the_lasso_of_a_large_map_is_tested_where_its_points_lie() {
    let studio = Studio::new();
    let line: Vec<[f64; 2]> = (0..150)
        .map(|i| std::f64::consts::TAU * f64::from(i) / 150.0)
        .map(|angle| [0.6 + (1.4 + 0.3 * (9.0 * angle).sin()) * angle.cos(), 0.8 * angle.sin()])
        .collect();
    let lasso = Lasso::new(&line).unwrap();
    let mut canvas = Canvas::new(&studio.gpu(), false);
    // A small map's points may be written over at any moment.
    for count in [20_000, 1_500_000, 1_600_000] {
        let arranged = Arc::new(Arranged::new(&data(count, 0)));
        studio.finish(&mut canvas, &arranged, camera(1.0));
        let report = studio.frame_asked(&mut canvas, &arranged, camera(1.0), 1.0, None);
        let Some(there) = report.on_adapter else {
            assert_eq!(count, 20_000, "the points of a large map can be tested there");
            continue;
        };
        assert!(count > 20_000 && there.has(&arranged.tiles));
        let shown = |slot| arranged.shows(slot);
        let held = there.points(&lasso, shown).unwrap();
        assert!(held.len() > 100_000 && held == lasso.points(&arranged.tiles, shown));
    }
}
