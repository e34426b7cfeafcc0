//! t-SNE's layout (van der Maaten & Hinton 2008), as openTSNE runs it (Poličar, Stražar & Zupan 2019).
//!
//! A round has three parts, each a file: the field that pushes all points apart (`tsne_field`), the pull of the points that
//! know each other (`tsne_affinities` says how strongly, `tsne_forces` how far), and the step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hash;
use super::tsne_affinities::Affinities;
use super::tsne_field::Field;
use super::tsne_forces::Round;
pub use super::tsne_forces::State;
use crate::job::{Ctx, Event, Latest};

/// Rounds, and how many of them at most are the early ones: no more than a third.
const EPOCHS: usize = 750;
const EARLY_EPOCHS: usize = 250;

/// The share of the last step that goes on.
const MOMENTUM: f32 = 0.8;

/// The standard deviation of the start's first component (Kobak & Berens 2019), and of its noise, which parts
/// identical points.
const START_DEVIATION: f64 = 1e-4;
const START_NOISE: f64 = 1e-6;

/// A layout is shown at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// What shapes the map. Perplexity, exaggeration and learning rate take effect while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TsneParams {
    /// About how many neighbours a point attends to; it knows three times as many.
    pub perplexity: f32,
    /// What attraction is multiplied with after the early rounds: 1 is t-SNE, more draws clusters together (about 4 gives
    /// a map like UMAP's: Böhm, Berens & Kobak 2022).
    pub exaggeration: f32,
    /// The same for the early rounds, in which clusters find each other.
    pub early_exaggeration: f32,
    /// The learning rate as a multiple of n / exaggeration (Belkina et al. 2019).
    pub rate: f32,
    /// All rounds; the first 250, or a third if that is less, are the early ones.
    pub epochs: usize,
    pub seed: u64,
}

impl Default for TsneParams {
    fn default() -> Self {
        Self {
            perplexity: 30.0,
            exaggeration: 1.0,
            early_exaggeration: 12.0,
            rate: 1.0,
            epochs: EPOCHS,
            seed: 42,
        }
    }
}

impl TsneParams {
    /// What attraction is multiplied with in round `epoch` of `epochs`.
    fn exaggeration_in(&self, epoch: usize, epochs: usize) -> f32 {
        let early = epoch < EARLY_EPOCHS.min(epochs / 3);
        let wanted = if early { self.early_exaggeration } else { self.exaggeration };
        if wanted.is_finite() { wanted.clamp(0.01, 1e3) } else { 1.0 }
    }

    fn rate_for(&self, n: usize, exaggeration: f32) -> f32 {
        let share = if self.rate.is_finite() { self.rate.clamp(0.0, 1e3) } else { 1.0 };
        share * n as f32 / exaggeration
    }
}

/// A layout, finished when `state.epoch` equals `epochs` and stopped before otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimised {
    pub state: State,
    pub epochs: usize,
    /// Whether its parameters were changed while it moved: they alone would give another one.
    pub steered: bool,
}

/// What a map has come to between two rounds.
#[derive(Clone, Copy, Debug)]
pub struct SoFar<'a> {
    pub state: &'a State,
    pub epochs: usize,
    pub steered: bool,
}

/// The start of a map: `projected` (principal components) scaled so that the first has a standard deviation of 1e-4,
/// plus a hundredth of that as normal noise.
pub fn start_positions(projected: &[[f32; 2]], seed: u64) -> Vec<[f32; 2]> {
    let finite = |v: f32| if v.is_finite() { f64::from(v) } else { 0.0 };
    let n = projected.len().max(1) as f64;
    let mean = projected.iter().map(|p| finite(p[0])).sum::<f64>() / n;
    let variance = projected.iter().map(|p| (finite(p[0]) - mean).powi(2)).sum::<f64>() / n;
    let scale = if variance.sqrt().is_normal() { START_DEVIATION / variance.sqrt() } else { 0.0 };
    let place = |i: usize, axis: usize, value: f32| {
        (finite(value) * scale + START_NOISE * hash::normal(seed, (2 * i + axis) as u64)) as f32
    };
    projected.par_iter().enumerate().map(|(i, &[x, y])| [place(i, 0, x), place(i, 1, y)]).collect()
}

/// Lays `affinities` out from `start`, which has a position for every point (missing ones count as 0, 0).
///
/// Newer parameters are taken from `latest` between rounds; where they have another perplexity, `remake` is asked for
/// the affinities of that, and without an answer the old ones stay. `watch` is called after every round, for whoever keeps
/// what there is. Layouts so far go out as events: the start at once, then at most thirty a second. A stop by
/// `ctx.cancel` returns what there is; continuing from that state gives the same as never having stopped. Equal bits at
/// any number of threads of one machine; another machine's transforms may round differently.
pub fn optimise(
    mut affinities: Affinities,
    start: State,
    params: &TsneParams,
    latest: &Latest<TsneParams>,
    remake: &mut dyn FnMut(f32) -> Option<Affinities>,
    watch: &mut dyn FnMut(SoFar<'_>),
    ctx: &Ctx,
) -> Optimised {
    // A single point has no neighbours, so its graph knows nothing of it.
    let n = affinities.len().max(start.positions.len());
    let (epochs, mut params) = (params.epochs, params.clone());
    let mut state = sound(start, n, epochs);
    let mut field = Field::default();
    let (mut pushes, mut next) = (vec![[0.0; 2]; n], state.positions.clone());
    let begin = |epoch: usize| ctx.progress.begin("Map", "epochs", epochs as u64, epoch as u64);
    begin(state.epoch);
    let show = |state: &State| {
        let positions = Arc::new(state.positions.clone());
        ctx.send(Event::Layout { positions, epoch: state.epoch, epochs });
    };
    show(&state);
    let (mut shown, mut steered) = (Instant::now(), false);
    while state.epoch < epochs && !ctx.cancel.is_cancelled() {
        if let Some(newer) = latest.take() {
            steered = true;
            if newer.perplexity != params.perplexity {
                affinities = remake(newer.perplexity).unwrap_or(affinities);
                begin(state.epoch);
            }
            params = newer;
            continue;
        }
        let exaggeration = params.exaggeration_in(state.epoch, epochs);
        field.lay(&state.positions);
        let potentials = field.read(&state.positions, &mut pushes);
        let round = Round {
            affinities: &affinities,
            positions: &state.positions,
            pushes: &pushes,
            exaggeration,
            repulsion: (1.0 / normaliser(potentials, n)) as f32,
            rate: params.rate_for(n, exaggeration),
            momentum: MOMENTUM,
        };
        round.run(&mut next, &mut state.velocity, &mut state.gains);
        std::mem::swap(&mut state.positions, &mut next);
        state.epoch += 1;
        ctx.progress.set(state.epoch as u64);
        watch(SoFar { state: &state, epochs, steered });
        if shown.elapsed() >= FRAME {
            show(&state);
            shown = Instant::now();
        }
    }
    Optimised { state, epochs, steered }
}

/// Z, the sum over all pairs, from that of the potentials, which counts each point as its own neighbour. Points too far
/// apart to feel each other leave a rounding error of that.
fn normaliser(potentials: f64, n: usize) -> f64 {
    (potentials - n as f64).max(1e-9 * potentials).max(f64::from(f32::MIN_POSITIVE))
}

/// A start with a finite value of everything for each of `n` points.
fn sound(mut start: State, n: usize, epochs: usize) -> State {
    start.positions.resize(n, [0.0; 2]);
    start.velocity.resize(n, [0.0; 2]);
    start.gains.resize(n, [1.0; 2]);
    start.positions.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    start.velocity.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
    start.gains.iter_mut().flatten().filter(|v| !v.is_finite()).for_each(|v| *v = 1.0);
    start.epoch = start.epoch.min(epochs);
    start
}
