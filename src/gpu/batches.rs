//! Rows in batches, where the adapter does not hold them all at once: each an even share of the whole.

use std::ops::Range;

use super::tiles::{Source, TILE};

/// The tiles of 128 rows of a source, dealt out in turn.
pub(super) struct Batches<'a> {
    source: &'a Source<'a>,
    pub count: usize,
}

impl<'a> Batches<'a> {
    /// As few batches as there can be of at most `rows` rows each (or of one tile).
    pub fn of(source: &'a Source, rows: usize) -> Self {
        let tiles = source.rows.div_ceil(TILE);
        Self { source, count: tiles.div_ceil((rows / TILE).max(1)).max(1) }
    }

    /// Does `work` with the rows of `batch` as a source of their own.
    pub fn with<T>(&self, batch: usize, work: impl FnOnce(&Source) -> T) -> T {
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            if self.count == 1 {
                return (self.source.read)(range, out);
            }
            out.clear();
            let mut piece = Vec::new();
            for there in self.pieces(batch, range) {
                (self.source.read)(there, &mut piece);
                out.extend_from_slice(&piece);
            }
        };
        work(&Source { rows: self.rows(batch), dim: self.source.dim, read: &read })
    }

    /// Puts `values`, one a row of `batch`, to where the rows are in the whole.
    pub fn put<T: Copy>(&self, batch: usize, values: &[T], whole: &mut [T]) {
        let mut next = 0;
        for there in self.pieces(batch, 0..values.len()) {
            whole[there.clone()].copy_from_slice(&values[next..next + there.len()]);
            next += there.len();
        }
    }

    fn rows(&self, batch: usize) -> usize {
        let tiles = self.source.rows.div_ceil(TILE);
        let own = tiles.saturating_sub(batch).div_ceil(self.count);
        // The last tile of all may be short.
        let last = own > 0 && (own - 1) * self.count + batch + 1 == tiles;
        own * TILE - if last { tiles * TILE - self.source.rows } else { 0 }
    }

    /// Where the rows `range` of `batch` are in the whole, tile by tile.
    fn pieces(&self, batch: usize, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let count = self.count;
        let tiles = range.start / TILE..range.end.div_ceil(TILE);
        tiles.map(move |tile| {
            let here = (tile * TILE).max(range.start)..((tile + 1) * TILE).min(range.end);
            let first = (tile * count + batch) * TILE;
            first + here.start - tile * TILE..first + here.end - tile * TILE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_share_all_rows_evenly_and_give_them_back() {
        let read = |range: Range<usize>, out: &mut Vec<f32>| {
            out.clear();
            out.extend(range.map(|i| i as f32));
        };
        for (rows, fitting) in [(1000, 300), (128, 128), (5, 1), (129, 1), (0, 10), (1000, 5000)] {
            let source = Source { rows, dim: 1, read: &read };
            let batches = Batches::of(&source, fitting);
            let mut whole = vec![-1.0; rows];
            let mut sizes = Vec::new();
            for batch in 0..batches.count {
                let values = batches.with(batch, |rows| {
                    let mut values = Vec::new();
                    (rows.read)(0..rows.rows, &mut values);
                    assert_eq!(values.len(), rows.rows);
                    if rows.rows > 2 {
                        let mut some = Vec::new();
                        (rows.read)(1..rows.rows - 1, &mut some);
                        assert_eq!(some, values[1..rows.rows - 1]);
                    }
                    values
                });
                sizes.push(values.len());
                batches.put(batch, &values, &mut whole);
            }
            assert_eq!(whole, (0..rows).map(|i| i as f32).collect::<Vec<_>>());
            assert!(sizes.iter().all(|&size| size <= fitting.max(TILE)), "{rows}: {sizes:?}");
        }
    }
}
