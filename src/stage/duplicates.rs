//! The copies in a corpus: exact ones, near ones, and the same in other words.

use crate::data::{Corpus, Knn, Matrix};
use crate::job::Ctx;
use crate::math::duplicates::{self, Duplicates};

use super::StageError;

/// Finds everything that is alike, ready for any threshold ([`Duplicates::groups_at`]).
///
/// `space` is the vectors of `corpus` and their neighbours; without it copies in other words are not looked for.
pub fn run(corpus: &Corpus, space: Option<(&Matrix, &Knn)>, ctx: &Ctx) -> Result<Duplicates, StageError> {
    let n = corpus.len();
    if let Some((matrix, knn)) = space.filter(|(matrix, knn)| matrix.rows() != n || knn.len() != n) {
        return Err(StageError::Failed(format!(
            "The neighbours are of {} documents and the vectors of {}, but there are {n}. Compute the neighbours again.",
            knn.len(),
            matrix.rows()
        )));
    }
    Ok(duplicates::find(n, &|i| corpus.text(i), space, ctx)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Key, Recall};
    use crate::io::read::testing::corpus_of;
    use crate::math::duplicates::Likeness;

    #[test]
    fn copies_are_found_by_the_text_columns_alone() {
        let csv = "id,text\n1,Soup is very warm today\n2,Tea is hot\n3,soup is very WARM today!\n4,Soup is very warm todday\n";
        let corpus = corpus_of("a.csv", csv).with_text_columns(vec![1]);
        let found = run(&corpus, None, &Ctx::quiet()).unwrap();
        assert_eq!(found.exact().groups, [vec![0, 2]]);
        assert_eq!(found.groups_at(Likeness::Text, 0.9).groups, [vec![0, 2, 3]]);
    }

    #[test]
    fn neighbours_of_another_corpus_are_refused() {
        let corpus = corpus_of("a.csv", "text,n\nSoup is warm,1\nTea is hot,2\n");
        let key = Key::of("test", 1).finish();
        let matrix = Matrix::from_vec(key, "test", false, 2, vec![1.0; 4]);
        let knn = Knn {
            key,
            k: 1,
            indices: vec![0],
            similarities: vec![1.0],
            recall: Recall::Exact,
            method: "test".into(),
        };
        assert!(run(&corpus, Some((&matrix, &knn)), &Ctx::quiet()).is_err());
    }
}
