//! Names of a goal's clusters: a few words that tell the members from the rest.
//!
//! A word is judged by how well the texts near its vector are the cluster's (the area under the ROC curve) and how near
//! it is to the cluster's centre, each in the worst parts of the cluster: a name must hold for all of it. How much more
//! often the cluster's texts hold it (keyness: log-odds in standard errors) and how broad it is count besides.

use std::collections::HashMap;

use rayon::prelude::*;

use super::goal_name_words::{NameWord, same_word, words_of};
use super::goal_space::{gathered, make_unit, means, products};
use super::kmeans::{KMeansParams, Metric, kmeans};
use super::sample::sample;
use super::vector::dot;
use crate::data::{Matrix, UNCLUSTERED};
use crate::job::{Cancelled, Ctx};

/// Words of a name at most.
const WORDS: usize = 4;
/// So many of them are kinds of what the goal asks for.
const KINDS: usize = 2;
/// Kinds that are looked at for the second word.
const SHORTLIST: usize = 30;
/// A kind scores at least this share of the best word to be in a name.
const KIND_LEAST: f32 = 0.5;
/// What keyness and breadth count beside the two measures of nearness (in their standard deviations).
const KEYNESS_WEIGHT: f32 = 0.5;
const BREADTH_WEIGHT: f32 = 0.3;
/// What breadth counts beside an area.
const BREADTH_IN_AREA: f32 = 0.005;
/// Keyness beyond this says no more.
const MOST_KEYNESS: f32 = 8.0;
/// A word below either is no name.
const LEAST_KEYNESS: f32 = 2.0;
const LEAST_AREA: f32 = 0.6;
/// Words whose vectors are nearer than this say the same.
const ALIKE: f32 = 0.8;
/// Parts of a cluster that a name must hold for, of at least so many members.
const PARTS: usize = 4;
const MEMBERS_A_PART: usize = 10;
/// Names are judged on so many random texts where there are more.
pub const JUDGED_ON: usize = 8192;

/// A cluster's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Name {
    /// Numbers of words, best first; none where no word tells the members from the rest.
    pub words: Vec<usize>,
    /// The share of pairs of a member and another text in which the member is nearer to the words: 0.5 is chance.
    pub area: f32,
}

/// Vectors of words that differ in what they mean alone: of the bare words and of the words in the goal's form
/// (`words` × dim each), each less their mean.
pub fn word_vectors(mut plain: Vec<f32>, mut formed: Vec<f32>, dim: usize) -> Vec<f32> {
    for vectors in [&mut plain, &mut formed] {
        let count = (vectors.len() / dim.max(1)).max(1) as f32;
        let mut mean = vec![0.0f32; dim];
        for row in vectors.chunks_exact(dim.max(1)) {
            mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += x / count);
        }
        for row in vectors.chunks_exact_mut(dim.max(1)) {
            row.iter_mut().zip(&mean).for_each(|(x, mean)| *x -= mean);
        }
        make_unit(vectors, dim);
    }
    plain.iter_mut().zip(formed).for_each(|(x, y)| *x += y);
    make_unit(&mut plain, dim);
    plain
}

/// Texts in order of a score, worst first.
fn order_of(scores: &[f32]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| scores[a as usize].total_cmp(&scores[b as usize]).then(a.cmp(&b)));
    order
}

/// The clusters and their parts, for areas of all of them in one pass over ordered texts.
struct Groups {
    /// The number of each text's part, or [`UNCLUSTERED`].
    parts: Vec<u32>,
    /// The cluster of each part.
    cluster_of: Vec<usize>,
    part_sizes: Vec<usize>,
    cluster_sizes: Vec<usize>,
}

impl Groups {
    /// The area of each part against all texts outside its cluster, and of each cluster.
    fn areas(&self, scores: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut below = vec![0u64; self.part_sizes.len()];
        let mut seen = vec![0u64; self.cluster_sizes.len()];
        for (place, &i) in order_of(scores).iter().enumerate() {
            let part = self.parts[i as usize];
            if part != UNCLUSTERED {
                let cluster = self.cluster_of[part as usize];
                below[part as usize] += place as u64 - seen[cluster];
                seen[cluster] += 1;
            }
        }
        let n = scores.len();
        let area = |below: u64, size: usize, cluster: usize| {
            let pairs = size * (n - self.cluster_sizes[cluster]);
            if pairs == 0 { 0.5 } else { (below as f64 / pairs as f64) as f32 }
        };
        let mut whole = vec![0u64; self.cluster_sizes.len()];
        self.cluster_of.iter().zip(&below).for_each(|(&cluster, below)| whole[cluster] += below);
        let parts = below.iter().enumerate().map(|(p, &b)| area(b, self.part_sizes[p], self.cluster_of[p]));
        let clusters = whole.iter().enumerate().map(|(c, &b)| area(b, self.cluster_sizes[c], c));
        (parts.collect(), clusters.collect())
    }
}

/// Splits each cluster into up to four parts.
fn groups(rows: &Matrix, labels: &[u32], k: usize, seed: u64, ctx: &Ctx) -> Result<Groups, Cancelled> {
    let mut found = Groups {
        parts: vec![UNCLUSTERED; labels.len()],
        cluster_of: Vec::new(),
        part_sizes: Vec::new(),
        cluster_sizes: vec![0; k],
    };
    for c in 0..k {
        let members: Vec<u32> =
            (0..labels.len() as u32).filter(|&i| labels[i as usize] == c as u32).collect();
        found.cluster_sizes[c] = members.len();
        let params = KMeansParams {
            k: PARTS.min(members.len() / MEMBERS_A_PART).max(1),
            seed,
            centre: false,
            metric: Metric::Euclidean,
            ..KMeansParams::default()
        };
        let split = if params.k > 1 {
            kmeans(&gathered(rows, &members), &params, &ctx.untold())?.labels
        } else {
            vec![0; members.len()]
        };
        let first = found.part_sizes.len();
        for (&member, &part) in members.iter().zip(&split) {
            if part == UNCLUSTERED {
                continue;
            }
            let part = first + part as usize;
            if part >= found.part_sizes.len() {
                found.part_sizes.resize(part + 1, 0);
                found.cluster_of.resize(part + 1, c);
            }
            found.part_sizes[part] += 1;
            found.parts[member as usize] = part as u32;
        }
    }
    Ok(found)
}

/// How much more often a word stands in a cluster's texts than in others: log-odds ratio by its standard error.
fn keyness(inside: u32, size: usize, outside: u32, others: usize) -> f32 {
    let (a, b) = (inside as f32 + 0.5, outside as f32 + 0.5);
    let (rest_a, rest_b) = (size as f32 + 1.0 - a, others as f32 + 1.0 - b);
    if rest_a <= 0.0 || rest_b <= 0.0 {
        return 0.0;
    }
    ((a / rest_a).ln() - (b / rest_b).ln()) / (1.0 / a + 1.0 / b).sqrt()
}

/// Standard deviations from the mean.
fn standard(values: &[f32]) -> Vec<f32> {
    let n = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / n;
    let deviation = (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / n).sqrt() + 1e-9;
    values.iter().map(|x| (x - mean) / deviation).collect()
}

/// Words for each of `k` clusters of `rows`. `vectors` are those of [`word_vectors`]; `sizes` say how many texts of
/// each cluster the words were counted in.
pub fn names(
    rows: &Matrix,
    labels: &[u32],
    sizes: &[usize],
    words: &[NameWord],
    vectors: &[f32],
    seed: u64,
    ctx: &Ctx,
) -> Result<Vec<Name>, Cancelled> {
    let k = sizes.len();
    let dim = rows.dim();
    let judged = sample(rows.rows(), JUDGED_ON.min(rows.rows()), seed);
    let rows = gathered(rows, &judged);
    let labels: Vec<u32> = judged.iter().map(|&i| labels[i as usize]).collect();
    let groups = groups(&rows, &labels, k, seed, ctx)?;
    let near = products(&rows, vectors, ctx)?;
    let count = words.len();
    let areas: Vec<(Vec<f32>, Vec<f32>)> = (0..count)
        .into_par_iter()
        .map(|word| {
            ctx.cancel.check()?;
            let scores: Vec<f32> = near.iter().skip(word).step_by(count.max(1)).copied().collect();
            Ok(groups.areas(&scores))
        })
        .collect::<Result<_, Cancelled>>()?;
    let mut centres = means(&rows, &groups.parts, groups.part_sizes.len(), ctx)?;
    make_unit(&mut centres, dim);
    let naming =
        Naming { rows: &rows, groups: &groups, words, vectors, areas: &areas, centres: &centres, sizes };
    let named: Vec<(Name, Vec<f32>)> =
        (0..k).into_par_iter().map(|c| naming.of(c, ctx)).collect::<Result<_, Cancelled>>()?;
    Ok(own_words_first(named))
}

/// What a word of a name counts that says more of another cluster.
const SHARED: f32 = 0.7;

/// Puts words that say as much or more of another cluster behind a cluster's own of nearly the same worth: of "cards,
/// lost" and "cards, declined" only the one that cards say most of keeps them in front. Each name comes with what its
/// words are worth.
fn own_words_first(named: Vec<(Name, Vec<f32>)>) -> Vec<Name> {
    let mut most = HashMap::<usize, (f32, usize)>::new();
    for (c, (name, worth)) in named.iter().enumerate() {
        for (&word, &worth) in name.words.iter().zip(worth) {
            let best = most.entry(word).or_insert((worth, c));
            if worth > best.0 {
                *best = (worth, c);
            }
        }
    }
    let ordered = named.into_iter().enumerate().map(|(c, (name, worth))| {
        let own = |word: usize| most.get(&word).is_none_or(|(_, best)| *best == c);
        let weighed = |worth: f32| if worth > 0.0 { SHARED * worth } else { worth / SHARED };
        let words = name.words.iter().zip(worth);
        let mut ranked: Vec<(f32, usize)> =
            words.map(|(&word, worth)| (if own(word) { worth } else { weighed(worth) }, word)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        Name { words: ranked.into_iter().map(|(_, word)| word).collect(), ..name }
    });
    ordered.collect()
}

struct Naming<'a> {
    rows: &'a Matrix,
    groups: &'a Groups,
    words: &'a [NameWord],
    vectors: &'a [f32],
    /// Of each word: by part, by cluster.
    areas: &'a [(Vec<f32>, Vec<f32>)],
    /// Of the parts.
    centres: &'a [f32],
    sizes: &'a [usize],
}

impl Naming<'_> {
    fn vector(&self, word: usize) -> &[f32] {
        let dim = self.rows.dim();
        &self.vectors[word * dim..(word + 1) * dim]
    }

    /// The mean of the lower half.
    fn worst(mut values: Vec<f32>) -> f32 {
        values.sort_unstable_by(f32::total_cmp);
        let half = (values.len() / 2).max(1).min(values.len());
        values[..half].iter().sum::<f32>() / half.max(1) as f32
    }

    /// Each word's worth as a name of cluster `c`; negative infinity for what is none.
    fn scores(&self, c: usize) -> Vec<f32> {
        let dim = self.rows.dim();
        let parts: Vec<usize> =
            (0..self.groups.cluster_of.len()).filter(|&p| self.groups.cluster_of[p] == c).collect();
        let others = self.sizes.iter().sum::<usize>() - self.sizes[c];
        let keyness: Vec<f32> = self
            .words
            .iter()
            .map(|word| {
                let inside = word.texts[c];
                keyness(inside, self.sizes[c], word.texts.iter().sum::<u32>() - inside, others)
            })
            .collect();
        let area = |word: usize| Self::worst(parts.iter().map(|&p| self.areas[word].0[p]).collect());
        let near = |word: usize| {
            let centre = |&p: &usize| dot(&self.centres[p * dim..(p + 1) * dim], self.vector(word));
            Self::worst(parts.iter().map(centre).collect())
        };
        let areas = standard(&(0..self.words.len()).map(area).collect::<Vec<_>>());
        let nearness = standard(&(0..self.words.len()).map(near).collect::<Vec<_>>());
        (0..self.words.len())
            .map(|w| {
                if keyness[w] < LEAST_KEYNESS || self.areas[w].1[c] <= LEAST_AREA {
                    return f32::NEG_INFINITY;
                }
                let breadth = (self.words[w].breadth as f32).ln_1p();
                areas[w]
                    + nearness[w]
                    + KEYNESS_WEIGHT * keyness[w].clamp(0.0, MOST_KEYNESS)
                    + BREADTH_WEIGHT * breadth
            })
            .collect()
    }

    /// A cluster's name, and what each of its words is worth.
    fn of(&self, c: usize, ctx: &Ctx) -> Result<(Name, Vec<f32>), Cancelled> {
        ctx.cancel.check()?;
        let scores = self.scores(c);
        let mut ranked: Vec<usize> = (0..scores.len()).filter(|&w| scores[w] > f32::NEG_INFINITY).collect();
        ranked.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        let Some(&first) = ranked.first() else { return Ok((Name::default(), Vec::new())) };
        let is_kind = |w: &usize| self.words[*w].is_kind;
        let kinds: Vec<usize> = ranked
            .iter()
            .copied()
            .filter(|w| is_kind(w) && scores[*w] >= KIND_LEAST * scores[first])
            .collect();
        let phrases: Vec<usize> = ranked.iter().copied().filter(|w| !is_kind(w)).collect();
        let mut chosen: Vec<usize> = Vec::new();
        self.add(&mut chosen, &kinds, &|w, _| scores[w]);
        for _ in 1..KINDS {
            let shortlist = &kinds[..kinds.len().min(SHORTLIST)];
            self.add(&mut chosen, shortlist, &|w, chosen| {
                self.area(chosen.iter().copied().chain([w]), c)
                    + BREADTH_IN_AREA * (self.words[w].breadth as f32).ln_1p()
            });
        }
        while chosen.len() < WORDS && self.add(&mut chosen, &phrases, &|w, _| scores[w]) {}
        chosen.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]).then(a.cmp(&b)));
        let area = self.area(chosen.iter().copied(), c);
        let worth = chosen.iter().map(|&w| scores[w]).collect();
        Ok((Name { words: chosen, area }, worth))
    }

    /// Adds the best of `pool` that says something new; whether there was one.
    fn add(&self, chosen: &mut Vec<usize>, pool: &[usize], worth: &dyn Fn(usize, &[usize]) -> f32) -> bool {
        let used: Vec<String> = chosen.iter().flat_map(|&w| words_of(&self.words[w].word)).collect();
        let again = |word: &String| used.iter().any(|used| same_word(word, used));
        let new = |w: &usize| {
            !chosen.contains(w)
                && !words_of(&self.words[*w].word).iter().any(again)
                && chosen.iter().all(|&other| dot(self.vector(*w), self.vector(other)) <= ALIKE)
        };
        let judged = pool.iter().copied().filter(new).map(|w| (worth(w, chosen), w));
        let best = judged.reduce(|best, next| if next.0 > best.0 { next } else { best });
        chosen.extend(best.map(|(_, w)| w));
        best.is_some()
    }

    /// The area of cluster `c` by nearness to some words together.
    fn area(&self, words: impl Iterator<Item = usize>, c: usize) -> f32 {
        let mut sum = vec![0.0f32; self.rows.dim()];
        for word in words {
            sum.iter_mut().zip(self.vector(word)).for_each(|(sum, x)| *sum += x);
        }
        let scores: Vec<f32> = (0..self.rows.rows()).map(|i| dot(&self.rows.row(i), &sum)).collect();
        self.groups.areas(&scores).1[c]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Key;

    fn word(word: &str, is_kind: bool, texts: [u32; 2]) -> NameWord {
        NameWord { word: word.into(), breadth: if is_kind { 5 } else { 0 }, is_kind, texts: texts.to_vec() }
    }

    fn named(words: &[NameWord], vectors: &[[f32; 3]]) -> Vec<Vec<String>> {
        let mut values: Vec<f32> = (0..120)
            .flat_map(|i| {
                let wobble = (i % 10) as f32 * 0.02;
                if i % 2 == 0 { [1.0, wobble, 0.2] } else { [wobble, 1.0, 0.2 - wobble] }
            })
            .collect();
        make_unit(&mut values, 3);
        let rows = Matrix::from_vec(Key::of("test", 1).finish(), "test", true, 3, values);
        let labels: Vec<u32> = (0..120).map(|i| i % 2).collect();
        let mut vectors = vectors.concat();
        make_unit(&mut vectors, 3);
        let names = names(&rows, &labels, &[60, 60], words, &vectors, 0, &Ctx::quiet()).unwrap();
        names.iter().map(|name| name.words.iter().map(|&w| words[w].word.clone()).collect()).collect()
    }

    #[test]
    fn clusters_are_named_by_words_that_their_texts_hold_and_lie_near() {
        let words = [
            word("sport", true, [30, 1]),
            word("finance", true, [1, 30]),
            word("team", false, [40, 2]),
            word("stock", false, [2, 40]),
            word("today", false, [20, 20]),
            word("garden", true, [20, 2]),
        ];
        let vectors = [
            [1.0, 0.0, 0.1],
            [0.0, 1.0, 0.1],
            [0.9, 0.1, 0.9],
            [0.1, 0.9, 0.9],
            [0.5, 0.5, 0.0],
            [0.0, 0.9, 0.5],
        ];
        let found = named(&words, &vectors);
        assert!(found[0].contains(&"sport".into()) && found[0].contains(&"team".into()), "{found:?}");
        assert!(found[1].contains(&"finance".into()) && found[1].contains(&"stock".into()), "{found:?}");
        assert!(!found.concat().contains(&"today".into()), "no word for both");
        assert!(!found[0].contains(&"garden".into()), "often there, but near to the others");
    }

    #[test]
    fn a_name_does_not_repeat_itself() {
        let words =
            [word("bank", false, [40, 1]), word("banking", false, [40, 1]), word("money", false, [40, 1])];
        let found = named(&words, &[[1.0, 0.0, 0.0], [1.0, 0.1, 0.5], [1.0, 0.0, 0.02]]);
        assert_eq!(found[0].len(), 1, "{found:?}");
        assert!(found[1].is_empty());
    }

    #[test]
    fn words_that_siblings_share_stand_behind_a_names_own_of_nearly_the_same_worth() {
        let name = |words: Vec<usize>| Name { words, area: 0.9 };
        let named = vec![
            (name(vec![7, 1, 2]), vec![5.0, 4.0, 3.0]),
            (name(vec![7, 3]), vec![6.0, 2.0]),
            (name(vec![4, 7, 5]), vec![5.0, 4.0, 1.0]),
        ];
        let words: Vec<Vec<usize>> = own_words_first(named).into_iter().map(|name| name.words).collect();
        assert_eq!(words, [vec![1, 7, 2], vec![7, 3], vec![4, 7, 5]]);
    }

    #[test]
    fn keyness_grows_with_the_difference_and_with_the_counts() {
        assert!(keyness(30, 100, 10, 100) > keyness(15, 100, 10, 100));
        assert!(keyness(300, 1000, 100, 1000) > keyness(30, 100, 10, 100));
        assert!(keyness(5, 100, 30, 100) < 0.0);
    }
}
