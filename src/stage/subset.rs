//! Some of the documents as a corpus of their own.

use crate::data::{Corpus, Element, Key, Matrix, ReadReport, Typed};
use crate::job::Ctx;

use super::StageError;

/// Rows between two looks at whether to stop.
const BLOCK: usize = 4096;

/// The documents `rows` of `corpus`, ascending, with their vectors: the same columns, with the levels that are in use.
pub fn run(
    corpus: &Corpus,
    matrix: &Matrix,
    rows: &[u32],
    ctx: &Ctx,
) -> Result<(Corpus, Matrix), StageError> {
    if rows.iter().any(|&row| row as usize >= corpus.len().min(matrix.rows())) {
        return Err(StageError::Failed("Some of these documents are not there any more.".into()));
    }
    ctx.progress.begin("Taking documents out", "documents", rows.len() as u64, 0);
    let mut columns = Vec::with_capacity(corpus.columns.len());
    for column in &corpus.columns {
        ctx.cancel.check()?;
        let mut picked = column.clone();
        picked.cells = rows.iter().map(|&row| column.cells.get(row as usize)).collect();
        picked.typed = Typed::gather(&[(&column.typed, rows)]).unwrap_or(Typed::Text);
        columns.push(picked);
    }
    let mut part = Corpus {
        columns,
        source: None,
        report: ReadReport::default(),
        text_columns: corpus.text_columns.clone(),
        name: corpus.name.clone(),
        key: corpus.key,
    };
    part.key = part.content_key();
    Ok((part, vectors(matrix, rows, ctx)?))
}

/// The vectors of some rows, stored as they are.
fn vectors(matrix: &Matrix, rows: &[u32], ctx: &Ctx) -> Result<Matrix, StageError> {
    let key = Key::of("subset", 1).input(matrix.key).bytes(bytemuck::cast_slice(rows)).finish();
    let (dim, made_by) = (matrix.dim(), matrix.made_by.clone());
    let picked = match matrix.element() {
        Element::F32 => {
            let mut values = Vec::with_capacity(rows.len() * dim);
            for block in rows.chunks(BLOCK) {
                ctx.cancel.check()?;
                block.iter().for_each(|&row| values.extend_from_slice(&matrix.row(row as usize)));
                ctx.progress.advance(block.len() as u64);
            }
            Matrix::from_vec(key, made_by, matrix.unit, dim, values)
        }
        element => {
            let width = dim * element.size();
            let mut bytes = Vec::with_capacity(rows.len() * width);
            for block in rows.chunks(BLOCK) {
                ctx.cancel.check()?;
                for &row in block {
                    bytes.extend_from_slice(&matrix.raw()[row as usize * width..][..width]);
                }
                ctx.progress.advance(block.len() as u64);
            }
            let shape = (rows.len(), dim);
            Matrix::from_bytes(key, made_by, matrix.unit, shape, element, std::sync::Arc::new(bytes), 0)
                .ok_or_else(|| StageError::Failed("The vectors of these documents are not whole.".into()))?
        }
    };
    Ok(picked.with_kept(matrix.kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;

    #[test]
    fn some_documents_keep_their_cells_their_values_and_their_vectors() {
        let rows: String = (0..20).map(|i| format!("text number {i},kind {},{i}\n", i % 3)).collect();
        let corpus = corpus_of("a.csv", &format!("text,kind,n\n{rows}"));
        let values: Vec<f32> = (0..40).map(|v| v as f32).collect();
        let matrix = Matrix::from_vec(corpus.key, "test", false, 2, values);
        let (part, vectors) = run(&corpus, &matrix, &[1, 4, 5], &Ctx::quiet()).unwrap();
        assert_eq!((part.len(), &*part.text(1)), (3, "text number 4"));
        let Typed::Category { levels, codes } = &part.column("kind").unwrap().typed else { panic!() };
        let named: Vec<&str> = codes.iter().map(|&code| levels[code as usize].as_str()).collect();
        assert_eq!(named, ["kind 1", "kind 1", "kind 2"]);
        assert_eq!(levels.len(), 2, "levels that nobody has are gone");
        assert_eq!(&*vectors.row(2), &[10.0, 11.0]);
        assert_ne!(part.key, corpus.key);
        assert!(run(&corpus, &matrix, &[99], &Ctx::quiet()).is_err());
    }
}
