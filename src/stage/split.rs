//! One cluster into several, by what its documents say.

use std::sync::Arc;

use crate::data::{Key, Matrix, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::kmeans::{KMeansParams, kmeans};

use super::StageError;

/// Parts `members` (ascending rows of `matrix`) into `parts` groups by spherical k-means, the largest first. Fails
/// where they do not come apart.
pub fn run(
    matrix: &Matrix,
    members: &[u32],
    parts: usize,
    seed: u64,
    ctx: &Ctx,
) -> Result<Vec<Vec<u32>>, StageError> {
    let width = matrix.dim() * matrix.element().size();
    let mut bytes = Vec::with_capacity(members.len() * width);
    for &member in members {
        let start = member as usize * width;
        bytes.extend_from_slice(&matrix.raw()[start..start + width]);
    }
    let key = Key::of("rows", 1).input(matrix.key).bytes(bytemuck::cast_slice(members)).finish();
    let shape = (members.len(), matrix.dim());
    let rows = Matrix::from_bytes(
        key,
        matrix.made_by.clone(),
        matrix.unit,
        shape,
        matrix.element(),
        Arc::new(bytes),
        0,
    );
    let rows = rows.ok_or_else(|| StageError::failed("The vectors of this cluster are not readable."))?;
    let params = KMeansParams { k: parts, seed, ..KMeansParams::default() };
    let found = kmeans(&rows, &params, ctx)?;
    if found.count < 2 {
        return Err(StageError::failed("This cluster does not come apart: its documents are all alike."));
    }
    let mut groups = vec![Vec::new(); found.count];
    for (&member, &label) in members.iter().zip(&found.labels) {
        // Empty texts have no direction: they stay with the largest part.
        let label = if label == UNCLUSTERED { 0 } else { label as usize };
        groups[label].push(member);
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Element;

    fn matrix(rows: &[[f32; 2]]) -> Matrix {
        let bytes: Vec<u8> = bytemuck::cast_slice(rows.as_flattened()).to_vec();
        let key = Key::of("test", 1).finish();
        Matrix::from_bytes(key, "test", true, (rows.len(), 2), Element::F32, Arc::new(bytes), 0).unwrap()
    }

    #[test]
    fn a_cluster_comes_apart_where_its_documents_differ() {
        let rows = [[1.0, 0.0], [0.0, 1.0], [0.99, 0.1], [0.1, 0.99], [0.98, 0.2], [0.7, 0.7]];
        let groups = run(&matrix(&rows), &[0, 1, 2, 3, 4], 2, 0, &Ctx::quiet()).unwrap();
        assert_eq!(groups, [vec![0, 2, 4], vec![1, 3]]);
    }

    #[test]
    fn documents_that_are_all_alike_stay_together_with_a_word_about_it() {
        let failed = run(&matrix(&[[1.0, 0.0]; 4]), &[0, 1, 2, 3], 2, 0, &Ctx::quiet()).unwrap_err();
        assert!(failed.to_string().contains("all alike"));
    }
}
