//! Documents that are copies of one another: exactly, with small edits, or in other words.
//!
//! Everybody in a group is as alike to one of it, its centre, as was asked; the most alike are joined first. Groups by single
//! linkage, in which a chain of likenesses is enough, were measured before: of a million titles at .8, half of those in
//! groups of more than ten were not that alike to the one that stays, and at .7 a chain through short titles held 25,000 of
//! them.

use std::collections::HashMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::alike_texts::{Pair, for_candidates};
use super::edit_distance::share_alike;
use super::folded_text::folded;
use super::vector::{dot, inverse_norm};
use crate::data::{Knn, Mask, Matrix, Strings, StringsBuilder};
use crate::job::{Cancelled, Ctx};

/// Pairs below this are not kept: the least threshold for [`Likeness::Text`].
pub const TEXT_FLOOR: f32 = 0.7;
/// The least threshold for [`Likeness::Meaning`].
pub const MEANING_FLOOR: f32 = 0.9;
/// Where a person begins: one letter in five may differ, as where a word was put into a short title.
pub const TEXT_THRESHOLD: f32 = 0.8;
pub const MEANING_THRESHOLD: f32 = 0.95;
/// Stands for a document without a text.
const NO_TEXT: u32 = u32::MAX;
/// Texts or pairs a task.
const BATCH: usize = 1024;
/// Pairs of neighbours that are looked at together.
const EDGES: usize = 1 << 21;

/// By what documents are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Likeness {
    /// The share of the longer text that stays when one becomes the other, letter by letter, apart from case, white space
    /// and punctuation: at .9, nine letters of ten stay. A person can check it by reading.
    Text,
    /// The cosine of the vectors, of neighbours and of alike texts: for the same thing in other words.
    Meaning,
}

/// Which document of a group stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The centre: whatever goes is as alike as was asked to what stays.
    #[default]
    Centre,
    /// The one with the longest text; of equally long ones the first.
    Longest,
    First,
}

/// Two different texts that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Alike {
    share: f32,
    pair: Pair,
}

/// Everything that is alike in a corpus of `n` documents, ready for any threshold.
#[derive(Clone, Debug)]
pub struct Duplicates {
    /// The different texts of the documents, numbered in their order; [`NO_TEXT`] of those without.
    text_of: Vec<u32>,
    /// The documents of each text, ascending, text by text, and where each text's begin.
    documents: Vec<u32>,
    starts: Vec<u32>,
    /// Letters of each document's text as it stands.
    lengths: Vec<u32>,
    /// The folded texts that are alike to some other, and which of them each text is; [`NO_TEXT`] for the rest.
    folded: Strings,
    folded_of: Vec<u32>,
    /// What cosines are of.
    matrix: Option<Matrix>,
    /// The most alike first.
    by_text: Vec<Alike>,
    by_meaning: Vec<Alike>,
}

/// Groups of documents that are alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Two documents or more each, ascending; the largest group first, of equally large ones that with the first document.
    pub groups: Vec<Vec<u32>>,
    /// The document of each group that everybody in it is like.
    pub centres: Vec<u32>,
}

impl Groups {
    /// How many documents are in groups.
    pub fn documents(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// How many documents go when one of each group is kept.
    pub fn surplus(&self) -> usize {
        self.documents() - self.groups.len()
    }

    /// The documents of `n` that stay: those outside groups, and of each group the one in `keepers`, which has one a group.
    /// What a person chose instead of [`Duplicates::keepers`] goes in there.
    pub fn kept(&self, n: usize, keepers: &[u32]) -> Mask {
        let gone: Vec<u32> = self
            .groups
            .iter()
            .zip(keepers)
            .flat_map(|(group, &keeper)| group.iter().copied().filter(move |&document| document != keeper))
            .collect();
        Mask::of_documents(n, &gone).not()
    }
}

impl Duplicates {
    /// Documents without a text, which are nobody's copies.
    pub fn without_text(&self) -> usize {
        self.text_of.iter().filter(|text| **text == NO_TEXT).count()
    }

    /// Whether documents that are alike in meaning were looked for: vectors and neighbours were there.
    pub fn knows_meaning(&self) -> bool {
        self.matrix.is_some()
    }

    /// How alike two documents of a group are, at most 1; exact copies are 1. `None` below the floor of the likeness, and
    /// of documents that are like no other.
    pub fn share(&self, likeness: Likeness, a: u32, b: u32) -> Option<f32> {
        let (one, other) = (self.text_of[a as usize], self.text_of[b as usize]);
        if one == NO_TEXT || other == NO_TEXT {
            return None;
        }
        if one == other {
            return Some(1.0);
        }
        match likeness {
            Likeness::Text => {
                let folded = |text: u32| {
                    let at = self.folded_of[text as usize];
                    (at != NO_TEXT).then(|| self.folded.get(at as usize))
                };
                share_alike(folded(one)?, folded(other)?, TEXT_FLOOR)
            }
            Likeness::Meaning => {
                let share = cosine(self.matrix.as_ref()?, a as usize, b as usize).min(1.0);
                (share >= MEANING_FLOOR).then_some(share)
            }
        }
    }

    /// How many pairs of different texts are known to be alike, however little.
    pub fn pairs(&self, likeness: Likeness) -> usize {
        self.alike(likeness).len()
    }

    fn alike(&self, likeness: Likeness) -> &[Alike] {
        match likeness {
            Likeness::Text => &self.by_text,
            Likeness::Meaning => &self.by_meaning,
        }
    }

    fn documents_of(&self, text: u32) -> &[u32] {
        let text = text as usize;
        &self.documents[self.starts[text] as usize..self.starts[text + 1] as usize]
    }

    /// Documents whose texts differ in case, white space and punctuation at most.
    pub fn exact(&self) -> Groups {
        self.around_centres(&[], |_, _| false)
    }

    /// Documents that are alike by at least `threshold`, which is raised to the floor of the likeness. Exact copies are
    /// always together. Takes milliseconds, so that a slider can follow.
    pub fn groups_at(&self, likeness: Likeness, threshold: f32) -> Groups {
        let alike = self.alike(likeness);
        let end = alike.partition_point(|alike| alike.share >= threshold);
        match likeness {
            Likeness::Text => {
                let threshold = threshold.max(TEXT_FLOOR);
                let folded = |text: u32| self.folded.get(self.folded_of[text as usize] as usize);
                self.around_centres(&alike[..end], |a, b| {
                    share_alike(folded(a), folded(b), threshold).is_some()
                })
            }
            Likeness::Meaning => {
                let threshold = threshold.max(MEANING_FLOOR);
                let document = |text: u32| self.documents_of(text)[0] as usize;
                self.around_centres(&alike[..end], |a, b| {
                    let matrix = self.matrix.as_ref();
                    matrix.is_some_and(|matrix| cosine(matrix, document(a), document(b)) >= threshold)
                })
            }
        }
    }

    /// The document of each group that stays.
    pub fn keepers(&self, groups: &Groups, keep: Keep) -> Vec<u32> {
        let longest = |group: &Vec<u32>| {
            let longer =
                |&a: &u32, &b: &u32| self.lengths[a as usize].cmp(&self.lengths[b as usize]).then(b.cmp(&a));
            group.iter().copied().max_by(longer)
        };
        match keep {
            Keep::Centre => groups.centres.clone(),
            Keep::Longest => groups.groups.iter().filter_map(longest).collect(),
            Keep::First => groups.groups.iter().filter_map(|group| group.first().copied()).collect(),
        }
    }

    /// Joins the texts of pairs, the first pair first, as long as everybody is like a centre of the joined group.
    fn around_centres(&self, alike: &[Alike], is_alike: impl Fn(u32, u32) -> bool) -> Groups {
        let texts = self.starts.len() - 1;
        let copies = |text: u32| self.starts[text as usize + 1] - self.starts[text as usize];
        let mut joined = Joined::of(texts);
        // How many documents are like each text: the original of many copies is the better centre.
        let mut weights: Vec<u32> = (0..texts as u32).map(copies).collect();
        for Alike { pair: (a, b), .. } in alike {
            weights[*a as usize] += copies(*b);
            weights[*b as usize] += copies(*a);
        }
        for &Alike { pair: (a, b), .. } in alike {
            let (one, other) = (joined.root(a), joined.root(b));
            if one == other {
                continue;
            }
            let mut centres = [joined.centres[one as usize], joined.centres[other as usize], a, b];
            centres[..2].sort_by_key(|&centre| (std::cmp::Reverse(weights[centre as usize]), centre));
            centres[2..].sort_by_key(|&centre| (std::cmp::Reverse(weights[centre as usize]), centre));
            let is_centre = |&centre: &u32| {
                [one, other].iter().all(|&group| {
                    let known = joined.centres[group as usize] == centre;
                    known
                        || joined.members(group).all(|text| {
                            text == centre
                                || (text.min(centre), text.max(centre)) == (a, b)
                                || is_alike(centre, text)
                        })
                })
            };
            if let Some(centre) = centres.into_iter().find(is_centre) {
                joined.join(one, other, centre);
            }
        }
        let mut found: Vec<(Vec<u32>, u32)> = Vec::new();
        for text in (0..texts as u32).filter(|&text| joined.parents[text as usize] == text) {
            if joined.next[text as usize] == NO_TEXT && copies(text) < 2 {
                continue;
            }
            let members = joined.members(text).flat_map(|text| self.documents_of(text));
            let mut group: Vec<u32> = members.copied().collect();
            group.sort_unstable();
            found.push((group, self.documents_of(joined.centres[text as usize])[0]));
        }
        found.par_sort_unstable_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.0[0].cmp(&b.0[0])));
        let (groups, centres) = found.into_iter().unzip();
        Groups { groups, centres }
    }
}

/// Texts in groups, each with its centre.
struct Joined {
    parents: Vec<u32>,
    /// Of each group's root.
    centres: Vec<u32>,
    /// The members of a group after its root, one after the other, and the last of them by root.
    next: Vec<u32>,
    last: Vec<u32>,
}

impl Joined {
    fn of(texts: usize) -> Self {
        let own: Vec<u32> = (0..texts as u32).collect();
        Self { centres: own.clone(), last: own.clone(), next: vec![NO_TEXT; texts], parents: own }
    }

    /// The root of a text's group, with paths halved on the way (Tarjan & van Leeuwen 1984).
    fn root(&mut self, mut text: u32) -> u32 {
        while self.parents[text as usize] != text {
            let above = self.parents[self.parents[text as usize] as usize];
            self.parents[text as usize] = above;
            text = above;
        }
        text
    }

    fn members(&self, root: u32) -> impl Iterator<Item = u32> + '_ {
        let next = |&text: &u32| Some(self.next[text as usize]).filter(|next| *next != NO_TEXT);
        std::iter::successors(Some(root), next)
    }

    fn join(&mut self, one: u32, other: u32, centre: u32) {
        let (root, below) = (one.min(other), one.max(other));
        self.parents[below as usize] = root;
        self.next[self.last[root as usize] as usize] = below;
        self.last[root as usize] = self.last[below as usize];
        self.centres[root as usize] = centre;
    }
}

/// The different texts, folded.
struct Texts {
    folded: Strings,
    text_of: Vec<u32>,
    documents: Vec<u32>,
    starts: Vec<u32>,
    lengths: Vec<u32>,
}

impl Texts {
    fn of<S: AsRef<str>>(
        n: usize,
        text: &(impl Fn(usize) -> S + Sync),
        ctx: &Ctx,
    ) -> Result<Self, Cancelled> {
        ctx.progress.begin("Reading texts", "texts", n as u64, 0);
        let mut builder = StringsBuilder::default();
        let mut lengths = Vec::with_capacity(n);
        // Round by round, so that texts are not in memory one by one.
        for round in (0..n).step_by(64 * BATCH) {
            ctx.cancel.check()?;
            let fold = |i: usize| {
                let text = text(i);
                (folded(text.as_ref()), text.as_ref().chars().count() as u32)
            };
            let end = (round + 64 * BATCH).min(n);
            let made: Vec<(String, u32)> = (round..end).into_par_iter().map(fold).collect();
            for (text, length) in made {
                builder.push(&text);
                lengths.push(length);
            }
            ctx.progress.set(end as u64);
        }
        let all = builder.finish();
        let mut text_of = Vec::with_capacity(n);
        let mut different = StringsBuilder::default();
        let mut first: HashMap<&str, u32> = HashMap::new();
        for text in all.iter() {
            let next = first.len() as u32;
            text_of.push(match text {
                "" => NO_TEXT,
                text => *first.entry(text).or_insert_with(|| {
                    different.push(text);
                    next
                }),
            });
        }
        let mut starts = vec![0u32; first.len() + 1];
        text_of.iter().filter(|text| **text != NO_TEXT).for_each(|&text| starts[text as usize + 1] += 1);
        (1..starts.len()).for_each(|at| starts[at] += starts[at - 1]);
        let mut next = starts.clone();
        let mut documents = vec![0u32; starts[starts.len() - 1] as usize];
        for (document, &text) in text_of.iter().enumerate().filter(|(_, text)| **text != NO_TEXT) {
            documents[next[text as usize] as usize] = document as u32;
            next[text as usize] += 1;
        }
        Ok(Self { folded: different.finish(), text_of, documents, starts, lengths })
    }

    fn share(&self, (a, b): Pair) -> Option<Alike> {
        let share = share_alike(self.folded.get(a as usize), self.folded.get(b as usize), TEXT_FLOOR)?;
        Some(Alike { share, pair: (a, b) })
    }

    fn shares(&self, pairs: &[Pair], ctx: &Ctx) -> Result<Vec<Alike>, Cancelled> {
        let batch = |pairs: &[Pair]| {
            ctx.cancel.check()?;
            Ok(pairs.iter().filter_map(|&pair| self.share(pair)).collect())
        };
        let batches: Vec<Vec<Alike>> =
            pairs.par_chunks(BATCH).map(batch).collect::<Result<_, Cancelled>>()?;
        Ok(batches.concat())
    }

    /// The texts that some pair has, and which of these each text is.
    fn in_pairs(&self, alike: &[Alike]) -> (Strings, Vec<u32>) {
        let mut folded_of = vec![NO_TEXT; self.folded.len()];
        let mut kept = StringsBuilder::default();
        let mut next = 0;
        for text in alike.iter().flat_map(|alike| [alike.pair.0, alike.pair.1]) {
            let at = &mut folded_of[text as usize];
            if *at == NO_TEXT {
                *at = next;
                next += 1;
                kept.push(self.folded.get(text as usize));
            }
        }
        (kept.finish(), folded_of)
    }

    /// The first document with a text.
    fn document(&self, text: u32) -> usize {
        self.documents[self.starts[text as usize] as usize] as usize
    }
}

/// Finds what is alike among `n` documents.
///
/// `text(i)` is document `i`. With `space`, its vectors and their neighbours, neighbours are candidates too, and
/// [`Likeness::Meaning`] is known; without, its pairs are none. Each pair that is kept was compared in full: candidates
/// are found by signatures and MinHash (`alike_texts`) and among neighbours. The folded texts are in memory while it runs.
pub fn find<S: AsRef<str>>(
    n: usize,
    text: &(impl Fn(usize) -> S + Sync),
    space: Option<(&Matrix, &Knn)>,
    ctx: &Ctx,
) -> Result<Duplicates, Cancelled> {
    let texts = Texts::of(n, text, ctx)?;
    let mut by_text: Vec<Alike> = Vec::new();
    for_candidates(texts.folded.len(), &|i| texts.folded.get(i), ctx, |pairs| {
        by_text.extend(texts.shares(&pairs, ctx)?);
        Ok(())
    })?;
    let mut by_meaning: Vec<Alike> = Vec::new();
    if let Some((matrix, knn)) = space {
        neighbours(&texts, knn, ctx, |edges| {
            let pairs: Vec<Pair> = edges.iter().map(|edge| edge.pair).collect();
            by_text.extend(texts.shares(&pairs, ctx)?);
            by_meaning.extend(edges);
            Ok(())
        })?;
        unique(&mut by_text);
        by_meaning.extend(cosines(&texts, matrix, &by_text, ctx)?);
    }
    unique(&mut by_text);
    unique(&mut by_meaning);
    for alike in [&mut by_text, &mut by_meaning] {
        alike.par_sort_unstable_by(|a, b| b.share.total_cmp(&a.share).then(a.pair.cmp(&b.pair)));
    }
    let (kept, folded_of) = texts.in_pairs(&by_text);
    let Texts { text_of, documents, starts, lengths, .. } = texts;
    let matrix = space.map(|(matrix, _)| matrix.clone());
    Ok(Duplicates {
        text_of,
        documents,
        starts,
        lengths,
        folded: kept,
        folded_of,
        matrix,
        by_text,
        by_meaning,
    })
}

/// Each pair once, by the greatest share known of it.
fn unique(alike: &mut Vec<Alike>) {
    alike.par_sort_unstable_by(|a, b| a.pair.cmp(&b.pair).then(b.share.total_cmp(&a.share)));
    alike.dedup_by_key(|alike| alike.pair);
}

/// Calls `each` with the pairs of texts whose documents are neighbours above the floor of meaning.
fn neighbours(
    texts: &Texts,
    knn: &Knn,
    ctx: &Ctx,
    mut each: impl FnMut(Vec<Alike>) -> Result<(), Cancelled>,
) -> Result<(), Cancelled> {
    let n = knn.len().min(texts.text_of.len());
    ctx.progress.begin("Comparing neighbours", "texts", n as u64, 0);
    let rows = (EDGES / knn.k.max(1)).max(1);
    for start in (0..n).step_by(rows) {
        ctx.cancel.check()?;
        let mut edges = Vec::new();
        for i in start..(start + rows).min(n) {
            for (&j, &share) in knn.of(i).iter().zip(knn.similarities_of(i)) {
                let (a, b) = (texts.text_of[i], texts.text_of[j as usize]);
                if share >= MEANING_FLOOR && a != b && a != NO_TEXT && b != NO_TEXT {
                    edges.push(Alike { share: share.min(1.0), pair: (a.min(b), a.max(b)) });
                }
            }
        }
        unique(&mut edges);
        each(edges)?;
        ctx.progress.set((start + rows).min(n) as u64);
    }
    Ok(())
}

fn cosine(matrix: &Matrix, a: usize, b: usize) -> f32 {
    let (a, b) = (matrix.row(a), matrix.row(b));
    dot(&a, &b) * inverse_norm(&a) * inverse_norm(&b)
}

/// The cosines of alike texts, as far as they are above the floor.
fn cosines(texts: &Texts, matrix: &Matrix, alike: &[Alike], ctx: &Ctx) -> Result<Vec<Alike>, Cancelled> {
    ctx.progress.begin("Comparing vectors", "pairs", alike.len() as u64, 0);
    let alike_by_vectors = |&Alike { pair: (a, b), .. }: &Alike| {
        let share = cosine(matrix, texts.document(a), texts.document(b));
        (share >= MEANING_FLOOR).then_some(Alike { share: share.min(1.0), pair: (a, b) })
    };
    let batch = |alike: &[Alike]| {
        ctx.cancel.check()?;
        ctx.progress.advance(alike.len() as u64);
        Ok(alike.iter().filter_map(alike_by_vectors).collect())
    };
    let batches: Vec<Vec<Alike>> = alike.par_chunks(BATCH).map(batch).collect::<Result<_, Cancelled>>()?;
    Ok(batches.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Key, Recall};

    fn of(texts: &[&str]) -> Duplicates {
        find(texts.len(), &|i| texts[i], None, &Ctx::quiet()).unwrap()
    }

    const TEXTS: [&str; 9] = [
        "How do I repair an old violin?",
        "how do i repair an old violin",
        "Nobody eats soup on Sundays",
        "How do I repair an old violln?",
        "HOW DO I REPAIR AN OLD VIOLIN!!",
        "",
        "Nobody ever eats soup on Sundays",
        "Something else entirely",
        "  ",
    ];

    #[test]
    fn exact_copies_differ_in_case_white_space_and_punctuation_only() {
        let found = of(&TEXTS);
        assert_eq!(found.exact().groups, [vec![0, 1, 4]]);
        assert_eq!(found.without_text(), 2);
    }

    #[test]
    fn a_lower_threshold_joins_more_and_the_largest_group_comes_first() {
        let found = of(&TEXTS);
        assert_eq!(found.groups_at(Likeness::Text, 1.0), found.exact());
        assert_eq!(found.groups_at(Likeness::Text, 0.95).groups, [vec![0, 1, 3, 4]]);
        let all = found.groups_at(Likeness::Text, 0.8);
        assert_eq!(all.groups, [vec![0, 1, 3, 4], vec![2, 6]]);
        assert_eq!((all.documents(), all.surplus()), (6, 4));
        assert_eq!(found.groups_at(Likeness::Meaning, 0.9), found.exact(), "there are no vectors");
    }

    #[test]
    fn one_of_each_group_stays() {
        let found = of(&TEXTS);
        let groups = found.groups_at(Likeness::Text, 0.8);
        assert_eq!(found.keepers(&groups, Keep::Centre), [0, 2]);
        assert_eq!(found.keepers(&groups, Keep::First), [0, 2]);
        assert_eq!(found.keepers(&groups, Keep::Longest), [4, 6]);
        let kept = groups.kept(9, &found.keepers(&groups, Keep::Longest));
        assert_eq!(kept.documents().collect::<Vec<_>>(), [4, 5, 6, 7, 8]);
    }

    #[test]
    fn two_documents_of_a_group_are_compared_again() {
        let found = of(&TEXTS);
        let share = |a, b| found.share(Likeness::Text, a, b);
        assert_eq!(share(0, 4), Some(1.0));
        let near = share(0, 3).unwrap();
        assert!((0.95..1.0).contains(&near), "{near}");
        assert_eq!((share(0, 2), share(0, 7), share(5, 8)), (None, None, None));
        assert!(!found.knows_meaning() && found.share(Likeness::Meaning, 0, 3).is_none());
    }

    #[test]
    fn the_same_in_other_words_is_found_by_vectors() {
        let texts = ["a warm bowl of broth", "hot soup in a dish", "an old violin", "A WARM bowl of broth"];
        let key = Key::of("test", 1).finish();
        let values = vec![1.0, 0.0, 0.98, 0.2, 0.0, 1.0, 1.0, 0.0];
        let matrix = Matrix::from_vec(key, "test", false, 2, values);
        let knn = Knn {
            key,
            k: 1,
            indices: vec![3, 0, 1, 0],
            similarities: vec![1.0, 0.98, 0.2, 1.0],
            recall: Recall::Exact,
            method: "test".into(),
        };
        let found = find(4, &|i| texts[i], Some((&matrix, &knn)), &Ctx::quiet()).unwrap();
        assert_eq!(found.groups_at(Likeness::Meaning, 0.95).groups, [vec![0, 1, 3]]);
        assert_eq!(found.groups_at(Likeness::Meaning, 0.99).groups, [vec![0, 3]]);
        assert_eq!(found.groups_at(Likeness::Text, 0.7).groups, [vec![0, 3]]);
    }

    #[test]
    fn more_copies_than_neighbours_are_all_found() {
        let texts: Vec<String> =
            (0..500).map(|i| format!("Photo number {i} of my long journey to the sea")).collect();
        let found = find(500, &|i| &texts[i], None, &Ctx::quiet()).unwrap();
        let groups = found.groups_at(Likeness::Text, 0.9).groups;
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [500]);
    }

    #[test]
    fn a_chain_of_likenesses_is_not_one_group() {
        // Each text has one letter of twenty other than the one before it.
        let steps = ["aaaaaaaaaa", "baaaaaaaaa", "bbaaaaaaaa", "bbbaaaaaaa", "bbbbaaaaaa", "bbbbbaaaaa"];
        let texts = steps.map(|step| format!("{step}xxxxxxxxxx"));
        let found = find(6, &|i| &texts[i], None, &Ctx::quiet()).unwrap();
        let groups = found.groups_at(Likeness::Text, 0.94);
        assert!(groups.groups.iter().all(|group| group.len() <= 3), "{groups:?}");
        assert_eq!(groups.groups[0], [0, 1, 2]);
        assert_eq!(groups.centres[0], 1);
        assert_eq!((groups.groups[1].as_slice(), groups.centres[1]), ([3, 4, 5].as_slice(), 4));
    }

    #[test]
    fn nothing_has_no_groups_and_a_stop_ends_it() {
        assert_eq!(of(&[]).exact(), Groups::default());
        let ctx = Ctx::quiet();
        ctx.cancel.cancel();
        assert!(find(2, &|_| "a b c", None, &ctx).is_err());
    }

    proptest! {
        #[test]
        fn everybody_in_a_group_is_like_its_centre_and_no_two_that_are_alike_stay_alone(
            texts in prop::collection::vec("[ab]{1,3}( [cd]{1,3}){0,2}", 1..12), threshold in 0.75f32..1.0,
        ) {
            let found = find(texts.len(), &|i| &texts[i], None, &Ctx::quiet()).unwrap();
            let groups = found.groups_at(Likeness::Text, threshold);
            let share = |a: u32, b: u32| share_alike(&folded(&texts[a as usize]), &folded(&texts[b as usize]), threshold);
            for (group, &centre) in groups.groups.iter().zip(&groups.centres) {
                prop_assert!(group.contains(&centre) && group.iter().all(|&i| share(centre, i).is_some()));
            }
            // Of two texts that differ in one letter, no more than was asked, one at least is in a group.
            let grouped = |i: u32| groups.groups.iter().any(|group| group.contains(&i));
            let one_letter = |i: u32, j: u32| {
                let length = texts[i as usize].len().max(texts[j as usize].len()) as f32;
                share(i, j).is_some_and(|share| (1.0 - share) * length < 1.5)
            };
            for i in (0..texts.len() as u32).filter(|&i| !grouped(i)) {
                prop_assert!((0..i).all(|j| grouped(j) || !one_letter(i, j)));
            }
            let mut seen: Vec<u32> = groups.groups.concat();
            seen.sort_unstable();
            prop_assert!(seen.is_sorted_by(|a, b| a < b), "a document is in one group");
        }
    }
}
