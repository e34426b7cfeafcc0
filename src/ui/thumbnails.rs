//! Small pictures of maps for the list of recent files: drawn by a worker when a map comes to rest, when a project is
//! saved and when it is closed.

use std::path::PathBuf;

use crate::data::{Clusters, Layout};
use crate::job::{Ctx, Job, Outcome};
use crate::session::{Session, Step, StepState, Wake};
use crate::stage::StageError;
use crate::view::colour::MapTheme;
use crate::view::raster::{self, Picture, Raster};

use super::colouring::Inputs;
use crate::job::derived::Same;

/// Pixels of the picture in one theme, in the form of a card; a point of the window is [`DENSITY`] of them.
pub const SIZE: (u32, u32) = (448, 248);
const DENSITY: f32 = 2.0;

/// The themes in a file, from the top: one file serves both, each in the colours of its own palette.
const THEMES: [bool; 2] = [true, false];

/// What a picture shows: another one is drawn when this changes.
type Subject = (PathBuf, Same<Layout>, Option<Same<Clusters>>);

/// The picture under way, and what the last one showed.
#[derive(Default)]
pub struct Thumbnails {
    drawn: Option<Subject>,
    job: Option<(PathBuf, Job<Result<String, StageError>>)>,
    version: u64,
}

impl Thumbnails {
    /// Another number whenever a picture was written anew.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes over what was drawn, and draws the map once it rests. Call it every frame.
    pub fn update(&mut self, session: &mut Session, wake: &Wake) {
        self.poll(session);
        if session.corpus().is_none() {
            // What is closed must not be held in memory.
            self.drawn = None;
            return;
        }
        let subject = subject(session);
        if self.job.is_none() && subject.is_some() && subject != self.drawn {
            self.start(session, subject, wake);
        }
    }

    /// Draws the map as it is now: colours may have changed since it came to rest.
    pub fn renew(&mut self, session: &Session, wake: &Wake) {
        let subject = subject(session);
        if subject.is_some() {
            self.start(session, subject, wake);
        }
    }

    fn start(&mut self, session: &Session, subject: Option<Subject>, wake: &Wake) {
        let Some((place, Same(layout), _)) = subject.clone() else { return };
        let looks = THEMES.map(|dark| Inputs::of(session, dark));
        let cache = session.cache().clone();
        let path = place.clone();
        let work = move |ctx: &Ctx| {
            let png = draw(&layout, &looks, ctx)?.to_png().map_err(StageError::failed)?;
            cache.save_thumbnail(&path, &png).map_err(StageError::failed)
        };
        self.drawn = subject;
        match Job::spawn("thumbnail", wake.clone(), work) {
            Ok(job) => self.job = Some((place, job)),
            Err(error) => tracing::error!("No thread for a thumbnail: {error}"),
        }
    }

    fn poll(&mut self, session: &mut Session) {
        let Some(outcome) = self.job.as_ref().and_then(|(_, job)| job.poll()) else { return };
        let Some((path, _)) = self.job.take() else { return };
        match outcome {
            Outcome::Done(Ok(name)) => {
                session.set_thumbnail(&path, name);
                self.version += 1;
            }
            Outcome::Done(Err(StageError::Cancelled)) => {}
            // A picture that is missing costs nobody anything: the log is enough.
            Outcome::Done(Err(StageError::Failed(sentence))) => tracing::warn!("No thumbnail: {sentence}"),
            Outcome::Panicked(message) => tracing::error!("No thumbnail: {message}"),
        }
    }
}

/// What a picture of the session's map would show, if the map and its clusters rest.
fn subject(session: &Session) -> Option<Subject> {
    let rests = |step| {
        !matches!(session.step(step).state, StepState::Running(_) | StepState::Waiting | StepState::Stale)
    };
    if !rests(Step::Map) || !rests(Step::Clusters) {
        return None;
    }
    let clusters = session.clusters().cloned().map(Same);
    Some((session.place()?.to_owned(), Same(session.layout()?.clone()), clusters))
}

/// Draws the layout in all themes, one below the other.
fn draw(layout: &Layout, looks: &[Option<Inputs>], ctx: &Ctx) -> Result<Raster, StageError> {
    let mut all = Raster { width: SIZE.0, height: 0, rgba: Vec::new() };
    for (dark, look) in THEMES.into_iter().zip(looks) {
        let colours = look.as_ref().map(|inputs| inputs.paint().colours).unwrap_or_default();
        ctx.cancel.check()?;
        let picture = Picture {
            positions: &layout.positions,
            colours: &colours,
            flags: &[],
            stacks: &[],
            outlines: &[],
            labels: &[],
            theme: MapTheme::of(dark),
            camera: None,
            seen: None,
            legend: None,
            transparent: false,
        };
        let raster = raster::draw(&picture, SIZE, DENSITY, &[]).map_err(StageError::failed)?;
        all.height += raster.height;
        all.rgba.extend(raster.rgba);
        ctx.cancel.check()?;
    }
    Ok(all)
}

/// The part of such a picture, from 0 at its top to 1, that shows it in a dark or a light window. Half a pixel is left
/// out at either end, so that smoothing takes nothing from the neighbouring theme.
pub fn part(dark: bool) -> std::ops::RangeInclusive<f32> {
    let share = 1.0 / THEMES.len() as f32;
    let rim = 0.5 / (THEMES.len() as f32 * SIZE.1 as f32);
    let first = THEMES.iter().position(|&theme| theme == dark).unwrap_or_default() as f32 * share;
    first + rim..=first + share - rim
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::data::Key;

    #[test]
    fn one_picture_holds_the_map_on_the_ground_of_both_themes() {
        let layout = Layout {
            key: Key::of("layout", 1).finish(),
            positions: Arc::new(vec![[0.0, 0.0], [1.0, 1.0]]),
            method: "test".into(),
            epochs: (1, 1),
        };
        let raster = draw(&layout, &[None, None], &Ctx::quiet()).unwrap();
        assert_eq!((raster.width, raster.height), (SIZE.0, 2 * SIZE.1));
        for dark in THEMES {
            let row = (*part(dark).start() * raster.height as f32) as u32;
            assert_eq!(raster.pixel(0, row), MapTheme::of(dark).background, "dark: {dark}");
            let row = (*part(dark).end() * raster.height as f32) as u32;
            assert_eq!(raster.pixel(SIZE.0 - 1, row.min(raster.height - 1)), MapTheme::of(dark).background);
        }
    }
}
