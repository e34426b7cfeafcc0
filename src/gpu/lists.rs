//! Lists of the best that are put together from parts, on this side of the adapter.

use super::neighbours::{Candidates, EMPTY, NOBODY};

/// A list of the best so far for each row: no row is on it twice, and ids decide between equal scores, so that the order
/// of offers does not matter.
pub(super) struct Lists {
    width: usize,
    scores: Vec<f32>,
    ids: Vec<u32>,
    /// Where a list is put together.
    merged: Vec<(f32, u32)>,
}

impl Lists {
    /// Empty lists of `width` places.
    pub fn of(rows: usize, width: usize) -> Self {
        let places = rows * width;
        Self { width, scores: vec![EMPTY; places], ids: vec![NOBODY; places], merged: Vec::new() }
    }

    /// Offers other rows to `row`, best first. A row has the same score each time.
    pub fn offer(&mut self, row: u32, found: impl Iterator<Item = (f32, u32)>) {
        let range = row as usize * self.width..(row as usize + 1) * self.width;
        let (scores, ids) = (&mut self.scores[range.clone()], &mut self.ids[range]);
        let mut known =
            scores.iter().copied().zip(ids.iter().copied()).take_while(|&(_, id)| id != NOBODY).peekable();
        let mut found = found.peekable();
        self.merged.clear();
        while self.merged.len() < self.width {
            let next = match (known.peek(), found.peek()) {
                (None, None) => break,
                (Some(_), None) => known.next(),
                (None, Some(_)) => found.next(),
                (Some(a), Some(b)) if a.1 == b.1 => {
                    found.next();
                    continue;
                }
                (Some(a), Some(b)) if a.0 > b.0 || (a.0 == b.0 && a.1 < b.1) => known.next(),
                _ => found.next(),
            };
            self.merged.extend(next);
        }
        for ((score, id), merged) in scores.iter_mut().zip(ids).zip(&self.merged) {
            (*score, *id) = *merged;
        }
    }

    /// What is on the lists, without the scores.
    pub fn into_candidates(self) -> Candidates {
        Candidates { k: self.width, ids: self.ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_each_row_once_whatever_the_order_of_offers() {
        let offers = [vec![(0.9, 4), (0.5, 2)], vec![(0.9, 3), (0.9, 4), (0.1, 8)], vec![(0.7, 6), (0.5, 1)]];
        let held = |order: [usize; 3]| {
            let mut lists = Lists::of(2, 4);
            order.iter().for_each(|&at| lists.offer(1, offers[at].iter().copied()));
            lists.into_candidates()
        };
        let found = held([0, 1, 2]);
        assert_eq!(found.of(1), [3, 4, 6, 1]);
        assert_eq!(found.of(0), [0; 0]);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(held(order), found);
        }
    }
}
