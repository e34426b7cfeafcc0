//! Two spaces of the same documents side by side: where they agree, and what changed.

use crate::data::{Knn, Layout, RowMap};
use crate::job::Ctx;
use crate::math::neighbour_agreement::{Agreement, agreement, exchanged};
pub use crate::math::procrustes::Similarity;
use crate::math::procrustes::{Scale, Weights, lay_over};

use super::StageError;

/// One of the two.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub knn: &'a Knn,
    pub layout: &'a Layout,
}

/// A document whose neighbours changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Its row in the first, and in the second.
    pub rows: (u32, u32),
    /// The share of its neighbours that the two have in common, and the same with the nearest counting most.
    pub shared: f32,
    pub weighted: f32,
    /// How far it moved between the first map and the second laid over it.
    pub moved: f32,
    /// Neighbours in the first that are none in the second, nearest first: rows of the first.
    pub lost: Vec<u32>,
    /// Neighbours in the second that are none in the first, nearest first: rows of the second.
    pub gained: Vec<u32>,
}

/// What two spaces have in common.
#[derive(Clone, Debug)]
pub struct Compared {
    /// For each document of the first.
    pub agreement: Agreement,
    /// Documents that are in both.
    pub matched: usize,
    /// Where each document of the second lies when its map is laid over the first.
    pub aligned: Vec<[f32; 2]>,
    /// What was done to the second map for that.
    pub similarity: Similarity,
    /// For each document of the first how far it moved, in units of its map; NaN where it is not in the second.
    pub moved: Vec<f32>,
    /// Those with the least in common, first.
    pub changed: Vec<Changed>,
}

/// Compares `second` with `first`; `rows` says which document of the second (new) is which of the first (old), and
/// `most` how many changed ones are wanted.
///
/// Neighbours are those of the spaces, not of the maps: what a map tears is no disagreement. The second map is moved,
/// turned and mirrored by the documents in both, and made as wide as the first; groups that have gone elsewhere count
/// little. A place on a map has no meaning of its own, so `moved` says less than `agreement`.
///
/// # Errors
/// If neighbours and maps are not of the same documents, if nothing is in both, or if the work is stopped.
pub fn run(
    first: Side<'_>,
    second: Side<'_>,
    rows: &RowMap,
    most: usize,
    ctx: &Ctx,
) -> Result<Compared, StageError> {
    let (n, m) = (rows.new_of_old().len(), rows.old_of_new().len());
    let fits = |side: Side<'_>, n: usize| {
        side.layout.positions.len() == n && (side.knn.len() == n || side.knn.is_empty())
    };
    if !fits(first, n) || !fits(second, m) {
        return Err(StageError::Failed(
            "The neighbours and the maps that are compared are not of the same documents: compute them again.".into(),
        ));
    }
    let matched: Vec<(usize, usize)> =
        (0..n as u32).filter_map(|row| Some((row as usize, rows.carry_row(row)? as usize))).collect();
    if matched.is_empty() {
        return Err(StageError::Failed(
            "The two have no document in common: there is nothing to compare.".into(),
        ));
    }
    ctx.progress.begin("Comparing neighbours", "documents", n as u64, 0);
    let agreement = agreement(first.knn, second.knn, rows, ctx)?;
    let onto: Vec<[f32; 2]> = matched.iter().map(|&(row, _)| first.layout.positions[row]).collect();
    let from: Vec<[f32; 2]> = matched.iter().map(|&(_, row)| second.layout.positions[row]).collect();
    let similarity = lay_over(&from, &onto, Scale::Even, Weights::Robust);
    ctx.cancel.check()?;
    let aligned: Vec<[f32; 2]> = second.layout.positions.iter().map(|&place| similarity.of(place)).collect();
    let mut moved = vec![f32::NAN; n];
    for &(row, other) in &matched {
        let ([x, y], [there_x, there_y]) = (first.layout.positions[row], aligned[other]);
        moved[row] = (x - there_x).hypot(y - there_y);
    }
    let changed = agreement.most_changed(most).into_iter().map(|row| {
        let (lost, gained) = exchanged(first.knn, second.knn, rows, row);
        let i = row as usize;
        Changed {
            rows: (row, rows.new_of_old()[i]),
            shared: agreement.shared[i],
            weighted: agreement.weighted[i],
            moved: moved[i],
            lost,
            gained,
        }
    });
    let changed = changed.collect();
    ctx.progress.set(n as u64);
    Ok(Compared { agreement, matched: matched.len(), aligned, similarity, moved, changed })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Key, Matrix};
    use crate::math::hash;
    use crate::math::neighbours::NeighbourParams;
    use crate::stage::{self, Computers, Tools};

    const N: usize = 200;

    /// Directions on a quarter circle, and their places on an arc; `swapped` documents change places in pairs.
    fn side(swapped: &[(usize, usize)]) -> (Knn, Layout) {
        let mut angle: Vec<f32> = (0..N).map(|i| 1.5 * i as f32 / N as f32).collect();
        swapped.iter().for_each(|&(a, b)| angle.swap(a, b));
        let key = Key::of("test", 1).params(&swapped).finish();
        let matrix =
            Matrix::from_vec(key, "test", true, 2, angle.iter().flat_map(|a| [a.cos(), a.sin()]).collect());
        let params = NeighbourParams { k: 6, ..NeighbourParams::default() };
        let tools = Tools { cache: None, on: &Computers::cpu() };
        let knn = stage::neighbours::run(&matrix, &params, tools, &Ctx::quiet()).unwrap();
        let positions = (0..N)
            .map(|i| {
                let noise = 0.01 * hash::normal(1, i as u64) as f32;
                [10.0 * angle[i].cos() + noise, 10.0 * angle[i].sin()]
            })
            .collect();
        (knn, Layout { key, positions: Arc::new(positions), method: "test".into(), epochs: (1, 1) })
    }

    #[test]
    fn documents_that_changed_places_are_what_changed_most_and_moved_farthest() {
        let (knn, layout) = side(&[]);
        let (other_knn, mut other_layout) = side(&[(20, 150)]);
        // The second map is turned, mirrored and three times as large.
        other_layout.positions =
            Arc::new(other_layout.positions.iter().map(|p| [3.0 * p[1] + 4.0, 3.0 * p[0] - 7.0]).collect());
        let (first, second) =
            (Side { knn: &knn, layout: &layout }, Side { knn: &other_knn, layout: &other_layout });
        let compared = run(first, second, &RowMap::appended(N, 0), 2, &Ctx::quiet()).unwrap();
        let rows: Vec<u32> = compared.changed.iter().map(|changed| changed.rows.0).collect();
        assert_eq!(rows, [20, 150]);
        let changed = &compared.changed[0];
        assert_eq!((changed.shared, changed.lost.len(), changed.gained.len()), (0.0, 6, 6));
        assert!(changed.lost.iter().all(|row| (14..=26).contains(row)), "{changed:?}");
        assert!(changed.gained.iter().all(|row| (144..=156).contains(row)), "{changed:?}");
        assert!(changed.moved > 5.0 && compared.moved[60] < 0.2, "{} {}", changed.moved, compared.moved[60]);
        assert!(compared.similarity.is_mirrored() && (compared.similarity.scale() - 1.0 / 3.0).abs() < 0.01);
        assert!(compared.agreement.mean() > 0.9);
    }

    #[test]
    fn a_part_of_a_corpus_is_compared_by_what_is_in_both() {
        let (knn, layout) = side(&[]);
        // The second has the first hundred documents, backwards.
        let kept: Vec<u32> = (0..100u32).rev().collect();
        let positions = kept.iter().map(|&row| layout.positions[row as usize]).collect();
        let part = Layout { positions: Arc::new(positions), ..layout.clone() };
        let list =
            |row: u32| knn.of(row as usize).iter().map(|&id| 99u32.saturating_sub(id)).collect::<Vec<u32>>();
        let indices = kept.iter().flat_map(|&row| list(row)).collect();
        let part_knn = Knn { indices, similarities: vec![0.5; 100 * knn.k], ..knn.clone() };
        let rows = RowMap::new(N, kept).unwrap();
        let (first, second) = (Side { knn: &knn, layout: &layout }, Side { knn: &part_knn, layout: &part });
        let compared = run(first, second, &rows, 5, &Ctx::quiet()).unwrap();
        assert_eq!(
            (compared.matched, compared.aligned.len(), compared.agreement.shared.len()),
            (100, 100, N)
        );
        assert_eq!(compared.agreement.shared[50], 1.0);
        assert!(compared.agreement.shared[150].is_nan() && compared.moved[150].is_nan());
        assert!(compared.moved[..100].iter().all(|moved| *moved < 1e-3));
    }

    #[test]
    fn nothing_in_common_is_said() {
        let (knn, layout) = side(&[]);
        let side = Side { knn: &knn, layout: &layout };
        let rows = RowMap::new(N, vec![crate::data::NO_ROW; N]).unwrap();
        let error = run(side, side, &rows, 5, &Ctx::quiet()).unwrap_err().to_string();
        assert!(error.contains("no document in common"), "{error}");
    }
}
