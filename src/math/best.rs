//! Running lists of the best candidates.

/// The id of a place that nothing has taken yet: it sorts after every row.
pub const NOBODY: u32 = u32::MAX;

/// The `k` best of what was offered to each of some rows. What a list ends up with does not depend on the order of
/// the offers: the more similar wins, and of equal ones the smaller id.
pub struct Best {
    k: usize,
    ids: Vec<u32>,
    similarities: Vec<f32>,
    /// The similarity of each row's last place.
    floors: Vec<f32>,
}

impl Best {
    /// Empty lists for `rows` rows; `k` is at least 1.
    pub fn new(rows: usize, k: usize) -> Self {
        let k = k.max(1);
        Self {
            k,
            ids: vec![NOBODY; rows * k],
            similarities: vec![f32::NEG_INFINITY; rows * k],
            floors: vec![f32::NEG_INFINITY; rows],
        }
    }

    /// Lets nothing below `floor` onto the list of `row`.
    pub fn raise_floor(&mut self, row: usize, floor: f32) {
        self.floors[row] = self.floors[row].max(floor);
    }

    /// What a candidate of each row must reach to have a chance.
    pub fn floors(&self) -> &[f32] {
        &self.floors
    }

    /// Puts `id` in its place in the list of `row`, if it has one. An id is offered at most once.
    pub fn offer(&mut self, row: usize, similarity: f32, id: u32) {
        let range = row * self.k..(row + 1) * self.k;
        let (ids, similarities) = (&mut self.ids[range.clone()], &mut self.similarities[range]);
        let last = self.k - 1;
        let beats = |at: usize, ids: &[u32], similarities: &[f32]| {
            similarity > similarities[at] || (similarity == similarities[at] && id < ids[at])
        };
        if !beats(last, ids, similarities) {
            return;
        }
        // The last one drops out, and those that are worse move down one place.
        let mut place = last;
        while place > 0 && beats(place - 1, ids, similarities) {
            ids[place] = ids[place - 1];
            similarities[place] = similarities[place - 1];
            place -= 1;
        }
        (ids[place], similarities[place]) = (id, similarity);
        self.floors[row] = self.floors[row].max(similarities[last]);
    }

    /// Like [`Best::offer`] for an id that may have been offered before, with a similarity that differs by rounding:
    /// the greater one holds, so that the order of the offers still does not matter.
    pub fn offer_again(&mut self, row: usize, similarity: f32, id: u32) {
        if similarity < self.floors[row] {
            return;
        }
        let range = row * self.k..(row + 1) * self.k;
        if let Some(at) = self.ids[range.clone()].iter().position(|&known| known == id) {
            if self.similarities[range.start + at] >= similarity {
                return;
            }
            // Those behind it move up, and the last place is free for it.
            let (ids, similarities) = (&mut self.ids[range.clone()], &mut self.similarities[range]);
            ids[at..].rotate_left(1);
            similarities[at..].rotate_left(1);
            (ids[self.k - 1], similarities[self.k - 1]) = (NOBODY, f32::NEG_INFINITY);
        }
        self.offer(row, similarity, id);
    }

    /// Makes all lists empty again.
    pub fn clear(&mut self) {
        self.ids.fill(NOBODY);
        self.similarities.fill(f32::NEG_INFINITY);
        self.floors.fill(f32::NEG_INFINITY);
    }

    /// All places of all rows with their similarities; those after the last taken one hold [`NOBODY`].
    pub fn places(&self) -> (&[u32], &[f32]) {
        (&self.ids, &self.similarities)
    }

    /// What is in the list of `row`, best first.
    pub fn list(&self, row: usize) -> impl Iterator<Item = (f32, u32)> + '_ {
        let ids = self.ids(row);
        self.similarities[row * self.k..].iter().copied().zip(ids.iter().copied())
    }

    /// The ids in the list of `row`, best first.
    pub fn ids(&self, row: usize) -> &[u32] {
        let ids = &self.ids[row * self.k..(row + 1) * self.k];
        taken(ids)
    }
}

/// The part of a list that is taken.
pub fn taken(ids: &[u32]) -> &[u32] {
    &ids[..ids.iter().position(|&id| id == NOBODY).unwrap_or(ids.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_are_kept_whatever_the_order(
            offers in prop::collection::vec(0u8..20, 0..60), k in 1usize..10, turn in 0usize..60,
        ) {
            let mut offers: Vec<(f32, u32)> =
                offers.into_iter().enumerate().map(|(id, s)| (f32::from(s) - 10.0, id as u32)).collect();
            let mut sorted = offers.clone();
            sorted.sort_by(crate::math::rows::nearer);
            let expected: Vec<u32> = sorted.iter().take(k).map(|o| o.1).collect();
            let turn = turn.min(offers.len());
            offers.rotate_left(turn);
            let mut best = Best::new(1, k);
            offers.iter().for_each(|&(similarity, id)| best.offer(0, similarity, id));
            prop_assert_eq!(best.ids(0), &expected[..]);
        }

        #[test]
        fn offers_that_come_again_count_once_by_the_greatest_whatever_the_order(
            offers in prop::collection::vec((0u8..20, 0u32..12), 0..60), k in 1usize..10, turn in 0usize..60,
        ) {
            let mut offers: Vec<(f32, u32)> = offers.into_iter().map(|(s, id)| (f32::from(s), id)).collect();
            let mut greatest = std::collections::BTreeMap::<u32, f32>::new();
            for &(similarity, id) in &offers {
                let known = greatest.entry(id).or_insert(similarity);
                *known = known.max(similarity);
            }
            let mut sorted: Vec<(f32, u32)> = greatest.into_iter().map(|(id, s)| (s, id)).collect();
            sorted.sort_by(crate::math::rows::nearer);
            sorted.truncate(k);
            let turn = turn.min(offers.len());
            offers.rotate_left(turn);
            let mut best = Best::new(1, k);
            offers.iter().for_each(|&(similarity, id)| best.offer_again(0, similarity, id));
            prop_assert_eq!(best.list(0).collect::<Vec<_>>(), sorted);
        }
    }
}
