//! Which predicates explain a corpus best: selection by integer programming (GoalEx: Wang, Shang & Zhong 2023).
//!
//! For each text, y is the number of chosen predicates that hold for it; it costs μ (1 − y) where none does and
//! λ (y − 1) where several do. Either K predicates are chosen, or as many as pay: then each costs a price.
//!
//! Good choices come from greedy cover and local search, a bound on all others from branch and bound. Which of two
//! bounds is used depends on the program: the linear relaxation (few different rows, or rows that only one or two
//! predicates hold for), or counts of pairs and triples (predicates that overlap at random). The bound holds for the sums
//! as they are; the gap says how far the choice may be from the best, not how far it is: where all rows differ by
//! chance, a proof takes time that grows quickly with the number of predicates to choose, while the choice is found soon.

use std::time::{Duration, Instant};

use super::random::Random;
use super::select_branch::{ByShares, Known, branch};
pub use super::select_program::Membership;
use super::select_program::Program;
use super::select_search::Search;
use super::select_triples::ByTriples;
use crate::data::{MISSED_COST, OVERLAP_COST};
use crate::job::{Cancelled, Ctx};

/// λ: what each predicate too many costs a text.
pub const LAMBDA: f64 = OVERLAP_COST;
/// μ: what it costs that no predicate holds for a text.
pub const MU: f64 = MISSED_COST;
/// The share of texts that a predicate may hold for before it says too little …
pub const LARGEST_SHARE: f64 = 0.4;
/// … and with few predicates to choose, by how much it may surpass its part of the texts.
const MORE_THAN_ITS_PART: f64 = 1.2;
/// A predicate has to be worth one text of so many, and at least one.
const TEXTS_A_PRICE: f64 = 1000.0;
/// A gap up to this is rounding.
const PROVEN: f64 = 1e-8;
/// Rows and triples looked at in about ten seconds of two processors.
const WORK: u64 = 3 << 30;
/// What share of the linear relaxation's gap counts of triples have to close at once to be used, and with more rows
/// than so many a smaller one: dividing by shares gets slower with each row, dividing by triples hardly does.
const MUCH_OF_THE_GAP: f64 = 0.25;
const FEW_ROWS: f64 = 10_000.0;
/// Kicks of the local search.
const KICKS: usize = 60;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// How many predicates, pinned ones included; `None` for as many as are worth their price. Where there are fewer
    /// candidates, all are chosen; where more are pinned, these.
    pub k: Option<usize>,
    /// What overlap costs: λ ≥ 0 for each predicate after the first that holds for a text.
    pub lambda: f64,
    /// What a missed text costs: μ ≥ 0.
    pub mu: f64,
    /// What each predicate costs where `k` is `None`, in missed texts at μ = 1; `None` for [`Choice::price_for`].
    pub price: Option<f64>,
    /// What each predicate costs besides, however many are asked for (≥ 0); none where this is shorter.
    pub costs: Vec<f64>,
    /// Predicates that are chosen in any case, even where they are banned or too large.
    pub pinned: Vec<usize>,
    /// Predicates that are not chosen.
    pub banned: Vec<usize>,
    /// Predicates that hold for no text or for a larger share than this are not chosen; `None` keeps them all.
    pub largest_share: Option<f64>,
    /// The search ends when the gap is at most this: 0 asks for the best choice and its proof.
    pub accepted_gap: f64,
    /// Work after which the search ends, in rows and triples looked at (about): the same on every machine.
    pub work: u64,
    /// Time after which the search ends with what it has; where it strikes, the bound (and rarely the choice)
    /// depends on the machine. Greedy cover and the first descent are always finished.
    pub time: Duration,
    pub seed: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            k: None,
            lambda: LAMBDA,
            mu: MU,
            price: None,
            costs: Vec::new(),
            pinned: Vec::new(),
            banned: Vec::new(),
            largest_share: None,
            accepted_gap: 0.005,
            work: WORK,
            time: Duration::from_secs(10),
            seed: 0,
        }
    }
}

impl Choice {
    /// The price of a predicate among `texts` texts: 1 up to a thousand texts, as published, and a thousandth of them
    /// beyond. Merged rows count as many texts as they stand for, so that it does not matter how often a text is
    /// repeated; a price of 1 whatever the number of texts would buy ever smaller predicates the more texts there are.
    pub fn price_for(texts: u64) -> f64 {
        (texts as f64 / TEXTS_A_PRICE).max(1.0)
    }

    /// The largest share of texts that a predicate may hold for where `k` are asked for: two fifths, more where `k` is
    /// 1 or 2, since each has to hold for so many then.
    pub fn largest_share_for(k: Option<usize>) -> f64 {
        match k {
            Some(k @ 1..=2) => (MORE_THAN_ITS_PART / k as f64).min(1.0),
            _ => LARGEST_SHARE,
        }
    }
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No choice costs less.
    Best,
    /// The accepted gap was reached.
    Near,
    /// The work allowed was done before.
    OutOfWork,
    /// The time allowed was over before.
    OutOfTime,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// Predicates, ascending.
    pub chosen: Vec<usize>,
    /// Σ of the texts' penalties, and of prices where no number was asked for.
    pub cost: f64,
    /// No choice of the same candidates costs less.
    pub bound: f64,
    /// (cost − bound) / cost: by what share of its cost the choice may surpass the best one.
    pub gap: f64,
    pub status: Status,
    /// What greedy cover costs; never less than `cost`.
    pub greedy_cost: f64,
    /// Candidates that were left out because they hold for too few or too many texts.
    pub pruned: Vec<usize>,
}

/// Chooses among the predicates of `membership`. The same on every run and at any number of threads, unless the time
/// limit ends the search.
pub fn select(membership: &Membership, choice: &Choice, ctx: &Ctx) -> Result<Selection, Cancelled> {
    let began = Instant::now();
    let late = || began.elapsed() >= choice.time;
    let (program, pinned, pruned) = program_of(membership, choice);
    let greedy = Search::greedy(&program, ctx)?;
    let greedy_cost = program.cost(&greedy.chosen());
    let mut search = greedy;
    search.improve(KICKS, &mut Random::new(choice.seed), late, ctx)?;
    let chosen = search.chosen();
    let cost = program.cost(&chosen);
    // Penalties and prices are never negative.
    let mut known = Known { chosen, cost, bound: 0.0 };
    prove(&program, choice, &mut known, late, ctx)?;
    let mut gap = if known.cost > 0.0 { (known.cost - known.bound) / known.cost } else { 0.0 };
    if gap <= PROVEN {
        (known.bound, gap) = (known.cost, 0.0);
    }
    let mut chosen: Vec<usize> = known.chosen.iter().map(|&j| program.names[usize::from(j)]).collect();
    chosen.extend(pinned);
    chosen.sort_unstable();
    let status = match gap {
        0.0 => Status::Best,
        gap if gap <= choice.accepted_gap => Status::Near,
        _ if late() => Status::OutOfTime,
        _ => Status::OutOfWork,
    };
    Ok(Selection { chosen, cost: known.cost, bound: known.bound, gap, status, greedy_cost, pruned })
}

/// The program that is left once pinned, banned and pruned predicates are settled, with the pinned and the pruned.
fn program_of(membership: &Membership, choice: &Choice) -> (Program, Vec<usize>, Vec<usize>) {
    let m = membership.predicates();
    let of = |names: &[usize]| (0..m).map(|j| names.contains(&j)).collect::<Vec<_>>();
    let (is_pinned, is_banned) = (of(&choice.pinned), of(&choice.banned));
    let texts = membership.texts();
    let sizes = membership.sizes();
    let unfit = |j: usize| {
        choice.largest_share.is_some_and(|share| sizes[j] == 0 || sizes[j] as f64 > share * texts as f64)
    };
    let pinned: Vec<usize> = (0..m).filter(|&j| is_pinned[j]).collect();
    let (pruned, candidates): (Vec<usize>, Vec<usize>) =
        (0..m).filter(|&j| !is_pinned[j] && !is_banned[j]).partition(|&j| unfit(j));
    let count = choice.k.map(|k| k.saturating_sub(pinned.len()).min(candidates.len()));
    let price =
        if choice.k.is_some() { 0.0 } else { choice.price.unwrap_or_else(|| Choice::price_for(texts)) };
    let costs = (choice.lambda, choice.mu, price);
    (Program::new(membership, candidates, &pinned, count, costs, &choice.costs), pinned, pruned)
}

/// Raises the bound of `known`, and finds what is better on the way.
fn prove(
    program: &Program,
    choice: &Choice,
    known: &mut Known,
    late: impl Fn() -> bool + Sync + Copy,
    ctx: &Ctx,
) -> Result<(), Cancelled> {
    let nothing_to_choose = match program.count {
        Some(count) => count == 0 || count == program.len(),
        None => program.len() == 0,
    };
    if nothing_to_choose {
        known.bound = known.cost;
        return Ok(());
    }
    // A little less than what is accepted, so that rounding cannot lift the gap above it.
    let accepted = 0.999 * choice.accepted_gap.max(PROVEN);
    let goal = known.cutoff(accepted);
    if goal <= known.bound {
        return Ok(());
    }
    ctx.cancel.check()?;
    let enough = |work: u64| work >= choice.work || late();
    let stop = || late() || ctx.cancel.is_cancelled();
    let (shares, whole, by_count) = ByShares::whole(program, goal, stop);
    known.bound = known.bound.max(whole.0);
    ctx.cancel.check()?;
    if whole.0 < goal {
        let mut search = Search::at(program, &shares.rounded);
        search.improve(KICKS, &mut Random::new(choice.seed), late, ctx)?;
        known.offer(program.cost(&search.chosen()), search.chosen());
        let goal = known.cutoff(accepted);
        // Either bound holds for a number of predicates: the better one counts.
        let by_count = match program.count {
            Some(count) => vec![(count, whole.0)],
            None => by_count.into_iter().map(|bound| bound.max(whole.0)).enumerate().collect(),
        };
        let worth: Vec<usize> =
            by_count.iter().filter(|(_, bound)| *bound < goal).map(|(count, _)| *count).collect();
        let (triples, mut parts, begun) = ByTriples::whole(program, &worth, known.chosen.len(), goal, stop);
        ctx.cancel.check()?;
        // The first part is the one that the best choice is likely in.
        if let Some((_, part)) = parts.first() {
            let mut search = Search::at(program, part.likely());
            search.improve(KICKS, &mut Random::new(choice.seed), late, ctx)?;
            known.offer(program.cost(&search.chosen()), search.chosen());
        }
        let goal = known.cutoff(accepted);
        for (bound, part) in &mut parts {
            let other = by_count.iter().find(|(count, _)| *count == part.count());
            *bound = other.map_or(*bound, |(_, other)| part.raised(*other));
        }
        let has_part = |count: usize| parts.iter().any(|(_, part)| part.count() == count);
        let cut = by_count.iter().filter(|(count, _)| !has_part(*count)).map(|(_, bound)| *bound);
        let cut = cut.fold(f64::INFINITY, f64::min);
        let least = parts.iter().map(|(bound, _)| *bound).fold(f64::INFINITY, f64::min);
        // Parts by triples are slow work: they have to promise much. Where a number without a part limits the bound,
        // dividing the parts would not raise it.
        let much = MUCH_OF_THE_GAP * (FEW_ROWS / program.rows.rows() as f64).min(1.0);
        if least - whole.0 > much * (goal - whole.0) && cut >= goal {
            known.bound = known.bound.max(least.min(cut).min(known.cost));
            return branch(&triples, parts, cut, known, accepted, |work| enough(begun + work), ctx);
        }
    }
    branch(&shares, vec![whole], f64::INFINITY, known, accepted, enough, ctx)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen_of(members: &[&[u32]], texts: usize, choice: &Choice) -> Selection {
        let members: Vec<Vec<u32>> = members.iter().map(|m| m.to_vec()).collect();
        select(&Membership::new(texts, &members), choice, &Ctx::quiet()).unwrap()
    }

    fn exactly(k: usize) -> Choice {
        Choice { k: Some(k), accepted_gap: 0.0, ..Choice::default() }
    }

    fn as_many_as_pay() -> Choice {
        Choice { accepted_gap: 0.0, ..Choice::default() }
    }

    /// Groups that satisfy one to three of the predicates, then 5% of all bits turned over.
    fn noisy(texts: usize, predicates: usize, groups: usize, seed: u64) -> Membership {
        let mut random = Random::new(seed);
        let kinds: Vec<Vec<usize>> =
            (0..groups).map(|_| (0..=random.below(3)).map(|_| random.below(predicates)).collect()).collect();
        let mut members = vec![Vec::new(); predicates];
        for text in 0..texts as u32 {
            let kind = &kinds[random.below(groups)];
            for (j, members) in members.iter_mut().enumerate() {
                if kind.contains(&j) != (random.unit() < 0.05) {
                    members.push(text);
                }
            }
        }
        Membership::new(texts, &members)
    }

    /// The penalties of a set of predicates by their definition, text by text.
    fn penalties(texts: usize, members: &[Vec<u32>], set: &[usize], lambda: f64, mu: f64) -> f64 {
        (0..texts as u32)
            .map(|text| {
                let y = set.iter().filter(|&&j| members[j].contains(&text)).count() as f64;
                (lambda * (y - 1.0)).max(mu * (1.0 - y))
            })
            .sum()
    }

    #[test]
    fn a_small_program_is_solved_as_by_hand() {
        // Text 2 satisfies the first two; the first and the last leave out text 3 alone.
        let members: [&[u32]; 3] = [&[0, 1, 2], &[2, 3], &[4, 5]];
        let two = chosen_of(&members, 6, &exactly(2));
        assert_eq!((two.chosen, two.cost, two.bound, two.status), (vec![0, 2], 1.0, 1.0, Status::Best));
        let three = chosen_of(&members, 6, &exactly(3));
        assert_eq!((three.chosen, three.cost), (vec![0, 1, 2], 0.5));
        // 1 + 2 prices beat 0.5 + 3 prices, 3 + 1 and 6.
        let free = chosen_of(&members, 6, &as_many_as_pay());
        assert_eq!((free.chosen, free.cost, free.gap), (vec![0, 2], 3.0, 0.0));
    }

    #[test]
    fn a_choice_that_misleads_greedy_cover_is_put_right() {
        let found = chosen_of(&[&[1, 2, 3, 4], &[0, 1, 2], &[3, 4, 5]], 6, &exactly(2));
        assert_eq!((found.chosen, found.cost, found.greedy_cost), (vec![1, 2], 0.0, 2.0));
    }

    #[test]
    fn dear_overlap_asks_for_smaller_predicates() {
        let members: [&[u32]; 3] = [&[0, 1, 2, 3], &[2, 3, 4, 5], &[4, 5]];
        let choice = |lambda| Choice { lambda, ..exactly(2) };
        assert_eq!(chosen_of(&members, 7, &choice(1.0)).chosen, [0, 2]);
        // Without a price on overlap both pairs are as good: one text is missed.
        assert_eq!(chosen_of(&members, 7, &choice(0.0)).cost, 1.0);
    }

    #[test]
    fn a_price_decides_how_many_are_worth_it() {
        let members: [&[u32]; 3] = [&[0, 1, 2, 3, 4], &[5, 6, 7], &[8]];
        let number = |price| {
            let choice = Choice { price: Some(price), ..as_many_as_pay() };
            chosen_of(&members, 9, &choice).chosen.len()
        };
        assert_eq!([0.5, 2.0, 4.0, 6.0].map(number), [3, 2, 1, 0]);
    }

    #[test]
    fn the_price_grows_with_the_corpus_beyond_a_thousand_texts() {
        assert_eq!([10, 1_000, 100_000].map(Choice::price_for), [1.0, 1.0, 100.0]);
    }

    #[test]
    fn equal_texts_are_one_row_and_count_as_often_as_they_occur() {
        let members = vec![(0..700).collect::<Vec<u32>>(), (700..1000).collect()];
        let membership = Membership::new(1000, &members);
        assert_eq!((membership.rows(), membership.texts(), membership.sizes()), (2, 1000, vec![700, 300]));
        let found = select(&membership, &exactly(1), &Ctx::quiet()).unwrap();
        assert_eq!((found.chosen, found.cost), (vec![0], 300.0));
    }

    #[test]
    fn of_two_that_hold_for_the_same_texts_the_one_that_costs_less_is_chosen() {
        let members: [&[u32]; 3] = [&[0, 1, 2], &[0, 1, 2], &[3]];
        let choice = Choice { costs: vec![0.5, 0.2], ..exactly(2) };
        let found = chosen_of(&members, 4, &choice);
        assert_eq!(found.chosen, [1, 2]);
        assert!((found.cost - 0.2).abs() < 1e-9);
        assert_eq!(chosen_of(&members, 4, &Choice { costs: vec![0.1, 0.2], ..exactly(2) }).chosen, [0, 2]);
    }

    #[test]
    fn a_predicate_that_holds_for_nothing_or_for_most_is_pruned_unless_pinned() {
        let members: [&[u32]; 4] = [&[0, 1, 2, 3, 4], &[], &[5, 6, 7], &[8, 9]];
        let pruning = Choice { largest_share: Some(Choice::largest_share_for(Some(3))), ..exactly(3) };
        let found = chosen_of(&members, 10, &pruning);
        assert_eq!((found.chosen, found.pruned), (vec![2, 3], vec![0, 1]));
        let pinned = Choice { pinned: vec![0], ..pruning };
        assert_eq!(chosen_of(&members, 10, &pinned).chosen, [0, 2, 3]);
        assert_eq!([1, 2, 3].map(|k| Choice::largest_share_for(Some(k))), [1.0, 0.6, 0.4]);
    }

    #[test]
    fn pinned_predicates_stay_and_banned_ones_stay_out() {
        let members: [&[u32]; 4] = [&[0, 1, 2], &[0, 1], &[3, 4], &[3]];
        let choice = Choice { pinned: vec![1], banned: vec![2], ..exactly(2) };
        let found = chosen_of(&members, 5, &choice);
        assert_eq!((found.chosen, found.cost), (vec![1, 3], 2.0));
        let all = Choice { pinned: vec![0, 1, 2, 3], ..exactly(2) };
        let found = chosen_of(&members, 5, &all);
        assert_eq!((found.chosen, found.cost, found.status), (vec![0, 1, 2, 3], 1.5, Status::Best));
    }

    #[test]
    fn programs_with_nothing_to_choose_have_an_answer() {
        let none = chosen_of(&[], 4, &exactly(2));
        assert_eq!((none.chosen.len(), none.cost, none.status), (0, 4.0, Status::Best));
        let no_texts = chosen_of(&[&[], &[]], 0, &exactly(1));
        assert_eq!((no_texts.chosen.len(), no_texts.cost, no_texts.gap), (1, 0.0, 0.0));
        let covers_nothing = chosen_of(&[&[], &[], &[]], 3, &exactly(2));
        assert_eq!((covers_nothing.chosen.len(), covers_nothing.cost), (2, 3.0));
        assert!(chosen_of(&[&[], &[]], 3, &as_many_as_pay()).chosen.is_empty());
        let more_than_there_are = chosen_of(&[&[0], &[1]], 2, &exactly(5));
        assert_eq!((more_than_there_are.chosen, more_than_there_are.cost), (vec![0, 1], 0.0));
        let all: &[u32] = &[0, 1, 2, 3];
        let equal_rows = chosen_of(&[all; 12], 4, &exactly(6));
        assert_eq!((equal_rows.cost, equal_rows.status), (10.0, Status::Best));
    }

    #[test]
    fn a_program_of_noise_is_proven_within_one_percent() {
        let membership = noisy(4000, 40, 60, 3);
        assert!(membership.rows() > 1500);
        let choice =
            Choice { k: Some(5), accepted_gap: 0.01, time: Duration::from_secs(600), ..Choice::default() };
        let found = select(&membership, &choice, &Ctx::quiet()).unwrap();
        assert!(found.gap <= 0.01, "{found:?}");
        assert!(found.cost <= found.greedy_cost);
        assert_ne!(found.status, Status::OutOfWork);
    }

    #[test]
    fn a_search_that_was_cut_short_still_tells_a_bound_that_holds() {
        let membership = noisy(1500, 16, 30, 8);
        for k in [Some(4), Some(7), None] {
            let whole = Choice { k, accepted_gap: 0.0, time: Duration::from_secs(600), ..Choice::default() };
            let best = select(&membership, &whole, &Ctx::quiet()).unwrap();
            assert_eq!(best.status, Status::Best);
            let no_work = Choice { work: 0, ..whole.clone() };
            let no_time = Choice { time: Duration::ZERO, ..whole };
            for (short, status) in [(no_work, Status::OutOfWork), (no_time, Status::OutOfTime)] {
                let found = select(&membership, &short, &Ctx::quiet()).unwrap();
                assert!(found.bound <= best.cost && best.cost <= found.cost, "{found:?} {best:?}");
                assert!(found.cost <= found.greedy_cost);
                assert!(found.status == status || found.gap <= PROVEN, "{found:?}");
                assert!((found.gap - (found.cost - found.bound) / found.cost).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_choice_does_not_depend_on_the_number_of_threads() {
        let membership = noisy(20_000, 30, 60, 5);
        for k in [Some(6), None] {
            let choice =
                Choice { k, accepted_gap: 0.0, work: 20_000_000, time: Duration::MAX, ..Choice::default() };
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| select(&membership, &choice, &Ctx::quiet()).unwrap())
            };
            assert_eq!(with(1), with(3));
        }
    }

    #[test]
    fn a_search_can_be_stopped() {
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert_eq!(select(&noisy(500, 20, 20, 1), &exactly(4), &ctx), Err(Cancelled));
    }

    prop_compose! {
        fn small_program()(texts in 1_usize..40, predicates in 1_usize..12)(
            members in prop::collection::vec(prop::collection::vec(0..texts as u32, 0..texts), predicates),
            texts in Just(texts),
            k in prop::option::of(0..=predicates + 1),
            lambda in prop::sample::select(vec![0.0, 0.5, 1.0]),
            mu in prop::sample::select(vec![0.0, 1.0, 2.5]),
            price in prop::sample::select(vec![0.0, 1.0, 3.0]),
            pinned in prop::collection::vec(0..predicates, 0..2),
            banned in prop::collection::vec(0..predicates, 0..2),
        ) -> (usize, Vec<Vec<u32>>, Choice) {
            let banned = banned.into_iter().filter(|j| !pinned.contains(j)).collect();
            let price = Some(price);
            (texts, members, Choice { k, lambda, mu, price, pinned, banned, accepted_gap: 0.0, ..Choice::default() })
        }
    }

    proptest! {
        #[test]
        fn no_set_of_predicates_is_better_than_the_one_chosen((texts, members, choice) in small_program()) {
            let found = select(&Membership::new(texts, &members), &choice, &Ctx::quiet()).unwrap();
            let cost = |set: &[usize]| {
                let price = if choice.k.is_some() { 0.0 } else { choice.price.unwrap_or_default() };
                penalties(texts, &members, set, choice.lambda, choice.mu) + price * set.len() as f64
            };
            let banned = members.len() - choice.banned.iter().collect::<std::collections::BTreeSet<_>>().len();
            let pinned = choice.pinned.iter().collect::<std::collections::BTreeSet<_>>().len();
            let best = (0_u32..1 << members.len())
                .map(|bits| (0..members.len()).filter(|j| bits >> j & 1 == 1).collect::<Vec<_>>())
                .filter(|set| choice.pinned.iter().all(|j| set.contains(j)))
                .filter(|set| !choice.banned.iter().any(|j| set.contains(j)))
                .filter(|set| choice.k.is_none_or(|k| set.len() == k.max(pinned).min(banned)))
                .map(|set| cost(&set))
                .fold(f64::INFINITY, f64::min);
            prop_assert!((cost(&found.chosen) - found.cost).abs() < 1e-6);
            prop_assert!((found.cost - best).abs() < 1e-6, "{} is not {best}", found.cost);
            prop_assert!(found.bound <= best + 1e-6);
            prop_assert!(found.cost <= found.greedy_cost + 1e-6);
            prop_assert_eq!(found.status, Status::Best);
        }
    }
}
