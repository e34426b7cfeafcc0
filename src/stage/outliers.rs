//! How much each document stands apart, as a column.

use crate::data::Knn;
use crate::job::Ctx;
use crate::math::local_outlier::{mean_distances, of_neighbours};

use super::StageError;

/// Two figures a document; NaN of documents without a text, which have no neighbours.
#[derive(Clone, Debug, PartialEq)]
pub struct Outliers {
    /// The local outlier factor: about 1 among its like, above [`OUTLIER`](crate::math::local_outlier::OUTLIER) apart.
    /// It finds who stands apart from a dense subject as well as from a loose one.
    pub factors: Vec<f32>,
    /// The mean of 1 − cosine to its neighbours: how unlike everything it is.
    pub distances: Vec<f32>,
}

/// Both figures from a graph of neighbours; a few hundred milliseconds for a million documents.
pub fn run(knn: &Knn, ctx: &Ctx) -> Result<Outliers, StageError> {
    Ok(Outliers { factors: of_neighbours(knn, ctx)?, distances: mean_distances(knn) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Matrix};
    use crate::math::hash::normal;
    use crate::math::neighbours::NeighbourParams;
    use crate::model::DevicePreference;
    use crate::stage::{Computers, Tools, neighbours};

    #[test]
    fn a_document_apart_from_a_dense_and_a_loose_subject_stands_out_by_both_figures() {
        const DIM: usize = 8;
        let mut values: Vec<f32> = (0..101 * DIM).map(|at| normal(5, at as u64) as f32).collect();
        for (i, row) in values.chunks_exact_mut(DIM).enumerate() {
            row.iter_mut().for_each(|v| *v *= if i < 50 { 0.02 } else { 0.15 });
            row[if i < 50 { 0 } else { 1 }] += 1.0;
        }
        values[100 * DIM..].copy_from_slice(&[0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0]);
        let matrix = Matrix::from_vec(Key::of("test", 1).finish(), "test", false, DIM, values);
        let on = Computers::new(DevicePreference::Cpu, None);
        let tools = Tools { cache: None, on: &on };
        let knn = neighbours::run(&matrix, &NeighbourParams::default(), tools, &Ctx::quiet()).unwrap();
        let found = run(&knn, &Ctx::quiet()).unwrap();
        for figures in [&found.factors, &found.distances] {
            let most = (0..101).max_by(|&a, &b| figures[a].total_cmp(&figures[b]));
            assert_eq!(most, Some(100));
        }
        assert!(found.factors[..100].iter().all(|&factor| factor < 2.0), "{:?}", found.factors);
    }
}
