//! Which document of a changed corpus is which of the one before.

use std::collections::HashMap;
use std::hash::Hash;

/// No row: a document that is new, or gone.
pub const NO_ROW: u32 = u32::MAX;

/// The rows of an old and a new corpus that are the same document, each of them in at most one pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowMap {
    old_of_new: Vec<u32>,
    new_of_old: Vec<u32>,
}

impl RowMap {
    /// `old_of_new[i]` is the row that new row `i` had among `old_rows`, or [`NO_ROW`].
    ///
    /// `None` where one of them does not exist or comes twice.
    pub fn new(old_rows: usize, old_of_new: Vec<u32>) -> Option<Self> {
        let mut new_of_old = vec![NO_ROW; old_rows];
        for (new, &old) in old_of_new.iter().enumerate().filter(|(_, old)| **old != NO_ROW) {
            let slot = new_of_old.get_mut(old as usize).filter(|slot| **slot == NO_ROW)?;
            *slot = new as u32;
        }
        Some(Self { old_of_new, new_of_old })
    }

    /// `rows` documents that stay where they are, and `added` ones after them.
    pub fn appended(rows: usize, added: usize) -> Self {
        let stay = 0..rows as u32;
        let old_of_new = stay.clone().chain(std::iter::repeat_n(NO_ROW, added)).collect();
        Self { old_of_new, new_of_old: stay.collect() }
    }

    /// For each new row the old one, or [`NO_ROW`].
    pub fn old_of_new(&self) -> &[u32] {
        &self.old_of_new
    }

    /// For each old row the new one, or [`NO_ROW`].
    pub fn new_of_old(&self) -> &[u32] {
        &self.new_of_old
    }

    /// Whether every row is where it was and none is new or gone.
    pub fn is_identity(&self) -> bool {
        let in_place = |rows: &[u32]| rows.iter().enumerate().all(|(i, &row)| row as usize == i);
        self.new_of_old.len() == self.old_of_new.len() && in_place(&self.old_of_new)
    }

    /// One value a document (a position, a label, a strength), in the order of the new rows; `missing` for new ones.
    pub fn carry<T: Clone>(&self, old: &[T], missing: T) -> Vec<T> {
        let value = |&row: &u32| old.get(row as usize).cloned().unwrap_or_else(|| missing.clone());
        self.old_of_new.iter().map(value).collect()
    }

    /// The new rows of some old ones (a selection, the members of a tag), ascending; those that are gone are left out.
    pub fn carry_rows(&self, old: &[u32]) -> Vec<u32> {
        let mut rows: Vec<u32> = old.iter().filter_map(|&row| self.carry_row(row)).collect();
        rows.sort_unstable();
        rows
    }

    /// The new row of an old one, unless it is gone.
    pub fn carry_row(&self, old: u32) -> Option<u32> {
        self.new_of_old.get(old as usize).copied().filter(|&new| new != NO_ROW)
    }

    /// The new rows that no old one is.
    pub fn added(&self) -> Vec<u32> {
        positions_of_none(&self.old_of_new)
    }

    /// The old rows that are gone.
    pub fn gone(&self) -> Vec<u32> {
        positions_of_none(&self.new_of_old)
    }
}

fn positions_of_none(rows: &[u32]) -> Vec<u32> {
    rows.iter().enumerate().filter(|(_, row)| **row == NO_ROW).map(|(i, _)| i as u32).collect()
}

/// Pairs the things of two lists that are equal, the first with the first, the second with the second: for each of
/// `new` the place in `old`, or [`NO_ROW`]. Things that are `None` pair with nothing.
pub fn pair<T: Eq + Hash>(old: &[Option<T>], new: &[Option<T>]) -> Vec<u32> {
    // The places of equal things as linked lists: one entry of the table each, one slot a place.
    let mut first: HashMap<&T, u32> = HashMap::with_capacity(old.len());
    let mut next = vec![NO_ROW; old.len()];
    for (at, thing) in old.iter().enumerate().rev() {
        if let Some(thing) = thing {
            next[at] = first.insert(thing, at as u32).unwrap_or(NO_ROW);
        }
    }
    let take = |thing: &Option<T>| {
        let at = thing.as_ref().and_then(|thing| first.get_mut(thing)).filter(|at| **at != NO_ROW);
        at.map_or(NO_ROW, |at| std::mem::replace(at, next[*at as usize]))
    };
    new.iter().map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_selections_follow_their_documents() {
        // Row 0 is gone, 1 and 2 changed places, and there is a new one between them.
        let map = RowMap::new(3, vec![2, NO_ROW, 1]).unwrap();
        assert_eq!(map.carry(&['a', 'b', 'c'], '-'), ['c', '-', 'b']);
        assert_eq!(map.carry_rows(&[0, 1, 2]), [0, 2]);
        assert_eq!((map.added(), map.gone()), (vec![1], vec![0]));
        assert_eq!((map.carry_row(1), map.carry_row(0), map.carry_row(9)), (Some(2), None, None));
    }

    #[test]
    fn appended_documents_leave_the_others_in_place() {
        let map = RowMap::appended(2, 1);
        assert_eq!(map, RowMap::new(2, vec![0, 1, NO_ROW]).unwrap());
        assert!(!map.is_identity() && RowMap::appended(2, 0).is_identity());
    }

    #[test]
    fn two_rows_cannot_be_the_same_document() {
        assert_eq!(RowMap::new(2, vec![0, 0]), None);
        assert_eq!(RowMap::new(2, vec![2]), None);
    }

    #[test]
    fn equal_things_are_paired_in_their_order() {
        let (old, new) = ([Some('a'), Some('b'), Some('a'), None], [Some('a'), None, Some('a'), Some('a')]);
        assert_eq!(pair(&old, &new), [0, NO_ROW, 2, NO_ROW]);
    }
}
