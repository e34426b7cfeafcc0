//! Documents that are copies of one another: exactly, with small edits, or in other words.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::alike_texts::{Pair, for_candidates};
use super::different_texts::{DifferentTexts, NO_TEXT};
pub use super::duplicate_groups::Groups;
use super::duplicate_groups::{Alike, around_centres};
use super::edit_distance::share_alike;
use super::vector::{dot, inverse_norm};
use crate::data::{Knn, Matrix, Strings, StringsBuilder};
use crate::job::{Cancelled, Ctx};

/// Pairs below this are not kept: the least threshold for [`Likeness::Text`].
pub const TEXT_FLOOR: f32 = 0.7;
/// The least threshold for [`Likeness::Meaning`].
pub const MEANING_FLOOR: f32 = 0.9;
/// Where a person begins: one letter in five may differ, as where a word was put into a short title.
pub const TEXT_THRESHOLD: f32 = 0.8;
pub const MEANING_THRESHOLD: f32 = 0.95;
/// Pairs a task.
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

/// Everything that is alike in a corpus of `n` documents, ready for any threshold.
#[derive(Clone, Debug)]
pub struct Duplicates {
    texts: DifferentTexts,
    /// The folded texts that are alike to some other, and which of them each text is; [`NO_TEXT`] for the rest.
    folded: Strings,
    folded_of: Vec<u32>,
    /// What cosines are of.
    matrix: Option<Matrix>,
    /// The most alike first.
    by_text: Vec<Alike>,
    by_meaning: Vec<Alike>,
}

impl Duplicates {
    /// Documents without a text, which are nobody's copies.
    pub fn without_text(&self) -> usize {
        self.texts.text_of.iter().filter(|text| **text == NO_TEXT).count()
    }

    /// Whether documents that are alike in meaning were looked for: vectors and neighbours were there.
    pub fn knows_meaning(&self) -> bool {
        self.matrix.is_some()
    }

    /// How alike two documents of a group are, at most 1; exact copies are 1. `None` below the floor of the likeness, and
    /// of documents that are like no other.
    pub fn share(&self, likeness: Likeness, a: u32, b: u32) -> Option<f32> {
        let (one, other) = (self.texts.text_of[a as usize], self.texts.text_of[b as usize]);
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

    /// Documents whose texts differ in case, white space and punctuation at most.
    pub fn exact(&self) -> Groups {
        around_centres(&self.texts, &[], |_, _| false)
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
                around_centres(&self.texts, &alike[..end], |a, b| {
                    share_alike(folded(a), folded(b), threshold).is_some()
                })
            }
            Likeness::Meaning => {
                let threshold = threshold.max(MEANING_FLOOR);
                let document = |text: u32| self.texts.document(text);
                around_centres(&self.texts, &alike[..end], |a, b| {
                    let matrix = self.matrix.as_ref();
                    matrix.is_some_and(|matrix| cosine(matrix, document(a), document(b)) >= threshold)
                })
            }
        }
    }

    /// The document of each group that stays.
    pub fn keepers(&self, groups: &Groups, keep: Keep) -> Vec<u32> {
        let longest = |group: &Vec<u32>| {
            let length = |document: u32| self.texts.lengths[document as usize];
            let longer = |&a: &u32, &b: &u32| length(a).cmp(&length(b)).then(b.cmp(&a));
            group.iter().copied().max_by(longer)
        };
        match keep {
            Keep::Centre => groups.centres.clone(),
            Keep::Longest => groups.groups.iter().filter_map(longest).collect(),
            Keep::First => groups.groups.iter().filter_map(|group| group.first().copied()).collect(),
        }
    }
}

/// The different texts, folded, while they are compared.
struct Texts {
    texts: DifferentTexts,
    folded: Strings,
}

impl Texts {
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
    let (texts, folded) = DifferentTexts::of(n, text, ctx)?;
    let texts = Texts { texts, folded };
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
    let (folded, folded_of) = texts.in_pairs(&by_text);
    let matrix = space.map(|(matrix, _)| matrix.clone());
    Ok(Duplicates { texts: texts.texts, folded, folded_of, matrix, by_text, by_meaning })
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
    let n = knn.len().min(texts.texts.text_of.len());
    ctx.progress.begin("Comparing neighbours", "texts", n as u64, 0);
    let rows = (EDGES / knn.k.max(1)).max(1);
    for start in (0..n).step_by(rows) {
        ctx.cancel.check()?;
        let mut edges = Vec::new();
        for i in start..(start + rows).min(n) {
            for (&j, &share) in knn.of(i).iter().zip(knn.similarities_of(i)) {
                let (a, b) = (texts.texts.text_of[i], texts.texts.text_of[j as usize]);
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
        let share = cosine(matrix, texts.texts.document(a), texts.texts.document(b));
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
    use crate::math::folded_text::folded;

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
