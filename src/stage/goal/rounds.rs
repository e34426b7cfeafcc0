//! Propose, assign, select, again; then one label a text, refined.

use crate::data::{Clusters, Matrix, SelectionReport, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::goal_candidates::{
    Candidate, From, Proposal, add_new, from_direction, from_parts, from_proposal, jaccard, parts,
};
use crate::math::goal_count::stable_count;
use crate::math::goal_refine::{
    Model, ROUNDS as REFINEMENTS, ROUNDS_AFTER_EDIT, Refined, Texts, best_labels, inertia, lloyd, refine,
};
use crate::math::goal_space::products;
use crate::math::kmeans::{KMeansParams, Metric, kmeans};
use crate::math::select::{Choice, Membership, Selection, Status, select};

use super::super::StageError;
use super::{GoalParams, Watch};

/// Rounds of proposing at most.
const ROUNDS: usize = 5;
/// Fewer uncovered texts than this, or than this share, are no corpus to propose from.
const FEWEST_UNCOVERED: usize = 40;
const LEAST_UNCOVERED: f64 = 0.05;
/// What each explanation costs where nobody said how many, as a share of all texts missed.
const PRICE: f64 = 0.01;
/// Clusterings that a start is held against …
const RESTARTS: usize = 10;
/// … and by how much their inertia may be surpassed.
const WORSE: f64 = 1.01;
/// Nothing more is proposed once there are so many candidates: the solver would only take longer.
const ENOUGH_CANDIDATES: usize = 400;

/// A cluster and a candidate that share more of their texts than this (Jaccard) are one group.
const SAME_GROUP: f64 = 0.6;

/// The solver stops after this work in each round (a second or two).
const WORK: u64 = 1 << 31;

/// How one round ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// From 1.
    pub round: usize,
    pub of: usize,
    pub candidates: usize,
    pub chosen: usize,
    /// The share of texts that a chosen candidate holds for.
    pub covered: f64,
    pub cost: f64,
    /// How many documents each chosen candidate holds for.
    pub members: Vec<usize>,
    /// A few words that mark each; they are no names yet.
    pub words: Vec<String>,
    /// For each document a chosen candidate that holds for it, or [`UNCLUSTERED`].
    pub best: Vec<u32>,
}

/// Clusters, and which of a person's predicates each stands for.
pub(super) struct Found {
    pub refined: Refined,
    /// Larger clusters first, but a person's predicates before all others in their order.
    pub given: Vec<Option<usize>>,
    /// Who proposed each, in words.
    pub proposed: Vec<String>,
    pub selection: Option<SelectionReport>,
}

/// Explains `texts`; `given` are directions of the person's own predicates, end to end, and behind them of those that
/// are banned: these are clusters like others, which keep their texts to themselves. `smooth` are the rows that are
/// clustered. `proposals` makes the words and phrases that may stand for groups.
pub(super) fn run(
    texts: Texts<'_>,
    smooth: &Matrix,
    given: &[f32],
    proposals: &dyn Fn() -> Result<Vec<Proposal>, StageError>,
    params: &GoalParams,
    watch: Watch<'_>,
    ctx: &Ctx,
) -> Result<Found, StageError> {
    let dim = texts.rows.dim();
    let own = given.len() / dim.max(1);
    let params = &GoalParams { k: params.k.map(|k| k + params.banned.len()), ..params.clone() };
    if params.own() > 1 && params.k.is_none_or(|k| k == own) {
        return from_predicates(texts, given, own, ctx);
    }
    let rows = texts.rows;
    let n = rows.rows();
    let mut known: Vec<Candidate> = Vec::new();
    for (number, direction) in given.chunks_exact(dim.max(1)).enumerate() {
        known.extend(from_direction(rows, direction.to_vec(), number, ctx)?);
    }
    // Where nobody said how many: as many as are worth their price, and no fewer than halves of the texts agree on.
    ctx.progress.begin("Counting groups that halves of the texts agree on", "groups", 0, 0);
    let stable = match params.k {
        None => stable_count(rows, smooth, params.seed, ctx)?,
        Some(_) => None,
    };
    let mut k = params.k;
    let mut counts = parts(k);
    counts
        .extend(stable.into_iter().flat_map(|stable| parts(Some(stable))).filter(|c| !parts(k).contains(c)));
    let largest_share = Choice::largest_share_for(k.or(stable));
    let proposals = proposals()?;
    let mut worded: Vec<Candidate> = Vec::new();
    for (number, proposal) in proposals.iter().enumerate() {
        worded.extend(from_proposal(rows, proposal, number, ctx)?);
    }
    let mut joined = false;
    let mut ids: Vec<u32> = (0..n as u32).collect();
    let mut best: Option<(Selection, usize)> = None;
    let mut rounds = 0;
    ctx.progress.begin("Proposing explanations", "rounds", ROUNDS as u64, 0);
    for round in 0..ROUNDS {
        if known.len() >= ENOUGH_CANDIDATES || (best.is_some() && (watch.enough)()) {
            break;
        }
        let seed = params.seed.wrapping_mul(7).wrapping_add(round as u64);
        let new = from_parts(rows, smooth, &ids, &counts, seed, ctx)?;
        add_new(&mut known, new, n, largest_share);
        if known.is_empty() {
            break;
        }
        let mut selection = None;
        if k.is_none() {
            let priced = choose(&known, n, None, params, ctx)?;
            if stable.is_some_and(|stable| priced.chosen.len() < stable) {
                k = stable;
            } else {
                selection = Some(priced);
            }
        }
        // Words join once it is known how many are looked for: so many more candidates would make more worth their price.
        if k.is_some() && !joined {
            joined = true;
            add_new(&mut known, worded.clone(), n, largest_share);
        }
        let selection = match selection {
            Some(selection) => selection,
            None => choose(&known, n, k, params, ctx)?,
        };
        let mut best_of = vec![UNCLUSTERED; n];
        for (place, &j) in selection.chosen.iter().enumerate().rev() {
            known[j].members.iter().for_each(|&i| best_of[i as usize] = place as u32);
        }
        let uncovered: Vec<u32> = (0..n as u32).filter(|&i| best_of[i as usize] == UNCLUSTERED).collect();
        rounds = round + 1;
        (watch.told)(Round {
            round: rounds,
            of: ROUNDS,
            candidates: known.len(),
            chosen: selection.chosen.len(),
            covered: 1.0 - uncovered.len() as f64 / n as f64,
            cost: selection.cost,
            members: selection.chosen.iter().map(|&j| known[j].members.len()).collect(),
            words: Vec::new(),
            best: best_of,
        });
        ctx.progress.advance(1);
        let few = uncovered.len() < FEWEST_UNCOVERED.max((LEAST_UNCOVERED * n as f64) as usize);
        ids = if few { (0..n as u32).collect() } else { uncovered };
        best = Some((selection, known.len()));
    }
    let nothing = || {
        StageError::Failed(
            "No groups stand out among these texts under this goal. Try another goal, or ask for more explanations."
                .into(),
        )
    };
    let (selection, candidates) = best.ok_or_else(nothing)?;
    let chosen: Vec<&Candidate> = selection.chosen.iter().map(|&j| &known[j]).collect();
    if chosen.is_empty() {
        return Err(nothing());
    }
    let report = SelectionReport {
        status: in_words(selection.status).into(),
        candidates,
        rounds,
        cost: selection.cost,
        bound: selection.bound,
        gap: selection.gap,
        greedy_cost: selection.greedy_cost,
    };
    ctx.progress.begin("Refining explanations", "rounds", REFINEMENTS as u64, 0);
    let (labels, k) = start(smooth, &chosen, k, params.seed, ctx)?;
    let refined = refine(texts, labels, k, REFINEMENTS, ctx)?;
    let (refined, given) = ordered(texts, refined, &known, ctx)?;
    let proposed = proposed(&refined, &given, &chosen, &worded, &proposals);
    Ok(Found { refined, given, proposed, selection: Some(report) })
}

fn choose(
    known: &[Candidate],
    n: usize,
    k: Option<usize>,
    params: &GoalParams,
    ctx: &Ctx,
) -> Result<Selection, StageError> {
    let members: Vec<Vec<u32>> = known.iter().map(|candidate| candidate.members.clone()).collect();
    let choice = Choice {
        k,
        lambda: params.lambda,
        mu: params.mu,
        price: Some(PRICE * n as f64),
        costs: known.iter().map(Candidate::cost).collect(),
        pinned: (0..known.len()).filter(|&j| known[j].from.is_own()).collect(),
        work: WORK,
        seed: params.seed,
        ..Choice::default()
    };
    Ok(select(&Membership::new(n, &members), &choice, ctx)?)
}

/// Who proposed what a person did not give.
const A_PART: &str = "a part of the texts";
const YOURS: &str = "yours";

/// Who proposed each cluster, in words: whoever proposed the chosen candidate that shares most of its texts with it, and
/// beside a part of the texts the word among `worded` that leads to the same group, where there is one.
fn proposed(
    refined: &Refined,
    given: &[Option<usize>],
    chosen: &[&Candidate],
    worded: &[Candidate],
    proposals: &[Proposal],
) -> Vec<String> {
    let mut members = vec![Vec::new(); given.len()];
    for (i, &label) in refined.labels.iter().enumerate().filter(|(_, label)| **label != UNCLUSTERED) {
        members[label as usize].push(i as u32);
    }
    let best = |members: &[u32], candidates: &mut dyn Iterator<Item = &Candidate>| {
        let shares = candidates.map(|candidate| (jaccard(&candidate.members, members), candidate.from));
        shares.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(share, _)| *share > SAME_GROUP)
    };
    let word = |from: From| match from {
        From::Kind(number) | From::Phrase(number) => proposals.get(number).map(|proposal| &proposal.by),
        From::Part | From::Words(_) => None,
    };
    let by = |members: &[u32]| {
        // Where plain clusters were taken instead, no candidate need be the same group.
        let first = best(members, &mut chosen.iter().copied().filter(|candidate| !candidate.from.is_own()));
        if let Some(by) = first.and_then(|(_, from)| word(from)) {
            return by.clone();
        }
        match best(members, &mut worded.iter()).and_then(|(_, from)| word(from)) {
            Some(by) => format!("{A_PART}, and {by}"),
            None => A_PART.to_owned(),
        }
    };
    let who = members.iter().zip(given);
    who.map(|(members, given)| if given.is_some() { YOURS.to_owned() } else { by(members) }).collect()
}

fn in_words(status: Status) -> &'static str {
    match status {
        Status::Best => "best",
        Status::Near => "near",
        Status::OutOfWork => "out of work",
        Status::OutOfTime => "out of time",
    }
}

/// One label a text, from the chosen candidates' members; from plain clusters where these are clearly tighter, or
/// where there are fewer candidates than asked for.
fn start(
    smooth: &Matrix,
    chosen: &[&Candidate],
    k: Option<usize>,
    seed: u64,
    ctx: &Ctx,
) -> Result<(Vec<u32>, usize), StageError> {
    let (n, dim) = (smooth.rows(), smooth.dim());
    let k = k.unwrap_or(chosen.len()).max(chosen.len());
    if k == 1 {
        let mut labels = vec![UNCLUSTERED; n];
        chosen[0].members.iter().for_each(|&i| labels[i as usize] = 0);
        return Ok((labels, 1));
    }
    let plain = || {
        let params = KMeansParams {
            k,
            seed,
            restarts: RESTARTS,
            centre: false,
            metric: Metric::Euclidean,
            ..KMeansParams::default()
        };
        let found = kmeans(smooth, &params, &ctx.untold())?;
        Ok::<_, StageError>((found.labels, found.count))
    };
    if chosen.len() < k {
        return plain();
    }
    let mut centres = vec![0.0f32; k * dim];
    for (candidate, centre) in chosen.iter().zip(centres.chunks_exact_mut(dim.max(1))) {
        let share = 1.0 / candidate.members.len() as f32;
        for &i in &candidate.members {
            centre.iter_mut().zip(smooth.row(i as usize).iter()).for_each(|(sum, x)| *sum += share * x);
        }
    }
    let labels = lloyd(smooth, centres, k, ctx)?;
    // A person's predicates are not given up for tighter clusters.
    if chosen.iter().any(|candidate| candidate.from.is_own()) {
        return Ok((labels, k));
    }
    let (others, count) = plain()?;
    let looser = inertia(smooth, &labels, k, ctx)? > WORSE * inertia(smooth, &others, count, ctx)?;
    Ok(if looser { (others, count) } else { (labels, k) })
}

/// Puts larger clusters first, but a person's predicates before all others in their order; empty clusters go.
fn ordered(
    texts: Texts<'_>,
    refined: Refined,
    known: &[Candidate],
    ctx: &Ctx,
) -> Result<(Refined, Vec<Option<usize>>), StageError> {
    let (labels, k) = Clusters::ordered(&refined.labels);
    let mut given = vec![None; k];
    for candidate in known {
        let From::Words(number) = candidate.from else { continue };
        // The cluster that holds most of its members, as a share of the cluster.
        let mut hits = vec![0usize; k];
        let mut sizes = vec![0usize; k];
        labels.iter().filter(|l| **l != UNCLUSTERED).for_each(|&label| sizes[label as usize] += 1);
        for &i in &candidate.members {
            if let Some(hits) = hits.get_mut(labels[i as usize] as usize) {
                *hits += 1;
            }
        }
        let share = |c: usize| hits[c] as f64 / (sizes[c] + candidate.members.len()) as f64;
        let free = (0..k).filter(|&c| given[c].is_none());
        if let Some(c) = free.max_by(|&a, &b| share(a).total_cmp(&share(b)).then(b.cmp(&a))) {
            given[c] = Some(number);
        }
    }
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by_key(|&c| (given[c].unwrap_or(usize::MAX), c));
    let mut place = vec![0u32; k];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new as u32);
    let labels: Vec<u32> =
        labels.iter().map(|&label| place.get(label as usize).copied().unwrap_or(UNCLUSTERED)).collect();
    let given = order.iter().map(|&old| given[old]).collect();
    let (model, scores) = Model::of(texts, &labels, k, ctx)?;
    Ok((Refined { labels, model, scores }, given))
}

/// Each text goes to the nearest of the given predicates, which refine from there: starting anew would forget the
/// words.
fn from_predicates(texts: Texts<'_>, given: &[f32], k: usize, ctx: &Ctx) -> Result<Found, StageError> {
    ctx.progress.begin("Refining explanations", "rounds", REFINEMENTS as u64, 0);
    let mut scores = products(texts.rows, given, ctx)?;
    standardise(&mut scores, k);
    let refined = refine(texts, best_labels(&scores, k), k, REFINEMENTS, ctx)?;
    Ok(Found {
        refined,
        given: (0..k).map(Some).collect(),
        proposed: vec![YOURS.to_owned(); k],
        selection: None,
    })
}

/// Makes each of `k` columns of mean zero and deviation one.
fn standardise(scores: &mut [f32], k: usize) {
    let n = (scores.len() / k.max(1)).max(1) as f64;
    for c in 0..k {
        let column = || scores.iter().skip(c).step_by(k).map(|&x| f64::from(x));
        let mean = column().sum::<f64>() / n;
        let deviation = (column().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-9);
        let (mean, factor) = (mean as f32, (1.0 / deviation) as f32);
        scores.iter_mut().skip(c).step_by(k).for_each(|x| *x = (*x - mean) * factor);
    }
}

/// Clusters once another one, or the existing one `which`, is told by `own`, a score for each text: all refine a few
/// rounds. `scores` are those of the `k` clusters there are.
pub(super) fn with_scores(
    texts: Texts<'_>,
    scores: &[f32],
    k: usize,
    which: Option<usize>,
    mut own: Vec<f32>,
    ctx: &Ctx,
) -> Result<Refined, StageError> {
    standardise(&mut own, 1);
    let all = k + usize::from(which.is_none());
    let column = which.unwrap_or(k);
    let mut wider = vec![0.0f32; own.len() * all];
    for ((row, old), own) in wider.chunks_exact_mut(all).zip(scores.chunks(k.max(1))).zip(own) {
        row[..k].copy_from_slice(old);
        row[column] = own;
    }
    let labels = if all > 1 {
        best_labels(&wider, all)
    } else {
        // Alone it has whoever lies above the split of its scores.
        let split = crate::math::goal_threshold::otsu(&wider);
        wider.iter().map(|score| if *score >= split { 0 } else { UNCLUSTERED }).collect()
    };
    Ok(refine(texts, labels, all, ROUNDS_AFTER_EDIT, ctx)?)
}
