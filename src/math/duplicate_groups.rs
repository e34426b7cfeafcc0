//! Groups of documents that are alike, from pairs of texts.
//!
//! Everybody in a group is as alike to one of it, its centre, as was asked; the most alike are joined first. Groups by single
//! linkage, in which a chain of likenesses is enough, were measured before: of a million titles at .8, half of those in
//! groups of more than ten were not that alike to the one that stays, and at .7 a chain through short titles held 25,000 of
//! them.

use rayon::prelude::*;

use super::alike_texts::Pair;
use super::different_texts::{DifferentTexts, NO_TEXT};
use crate::data::Mask;

/// Two different texts that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Alike {
    pub share: f32,
    pub pair: Pair,
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

/// Joins the texts of pairs, the first pair first, as long as everybody is like a centre of the joined group.
pub(super) fn around_centres(
    texts: &DifferentTexts,
    alike: &[Alike],
    is_alike: impl Fn(u32, u32) -> bool,
) -> Groups {
    let count = texts.len();
    let copies = |text: u32| texts.documents_of(text).len() as u32;
    let mut joined = Joined::of(count);
    // How many documents are like each text: the original of many copies is the better centre.
    let mut weights: Vec<u32> = (0..count as u32).map(copies).collect();
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
    for text in (0..count as u32).filter(|&text| joined.parents[text as usize] == text) {
        if joined.next[text as usize] == NO_TEXT && copies(text) < 2 {
            continue;
        }
        let members = joined.members(text).flat_map(|text| texts.documents_of(text));
        let mut group: Vec<u32> = members.copied().collect();
        group.sort_unstable();
        found.push((group, texts.documents_of(joined.centres[text as usize])[0]));
    }
    found.par_sort_unstable_by(|a, b| b.0.len().cmp(&a.0.len()).then(a.0[0].cmp(&b.0[0])));
    let (groups, centres) = found.into_iter().unzip();
    Groups { groups, centres }
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
