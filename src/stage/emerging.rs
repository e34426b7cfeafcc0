//! New subjects among documents that were added.

use crate::data::{ClusterName, Clusters, Corpus, Key, Matrix, UNCLUSTERED};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::emerging;

use super::place::Placed;
use super::{StageError, names};

/// What a group is told apart from is read from at most this many of the other documents, spread evenly over them:
/// reading a million texts for the names of a few groups would take minutes.
const REST: usize = 20_000;

/// Documents that were added and are nearer to one another than to anything that was there.
#[derive(Clone, Debug, PartialEq)]
pub struct EmergingGroup {
    /// Rows of the corpus, ascending.
    pub members: Vec<u32>,
    /// Title, keywords and exemplars, which set it apart from everything else in the corpus.
    pub name: ClusterName,
}

/// The new subjects, largest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Emerging {
    pub groups: Vec<EmergingGroup>,
}

/// Finds groups among the documents that fit badly where they were placed, and names them. `corpus` and `matrix` are
/// those that `placed` is of.
pub fn run(
    corpus: &Corpus,
    matrix: &Matrix,
    placed: &Placed,
    embedder: Option<&Embedder>,
    ctx: &Ctx,
) -> Result<Emerging, StageError> {
    let poor = placed.poor();
    let to_settled: Vec<f32> = (placed.newcomers.iter().zip(&placed.to_settled))
        .filter(|(row, _)| poor.binary_search(row).is_ok())
        .map(|(_, &similarity)| similarity)
        .collect();
    let groups = emerging::groups(matrix, &poor, &to_settled, ctx)?;
    if groups.is_empty() {
        return Ok(Emerging::default());
    }
    let clusters = against_the_rest(corpus.len(), &groups, placed.layout.key);
    let names = names::run(corpus, matrix, &clusters, embedder, ctx)?;
    // The last name is that of the rest.
    let named = groups.into_iter().zip(names.clusters);
    Ok(Emerging { groups: named.map(|(members, name)| EmergingGroup { members, name }).collect() })
}

/// The groups as clusters, with a last one for the rest of the corpus.
fn against_the_rest(documents: usize, groups: &[Vec<u32>], map: Key) -> Clusters {
    let mut labels = vec![UNCLUSTERED; documents];
    let stride = documents.div_ceil(REST).max(1);
    labels.iter_mut().step_by(stride).for_each(|label| *label = groups.len() as u32);
    for (group, members) in groups.iter().enumerate() {
        members.iter().for_each(|&row| labels[row as usize] = group as u32);
    }
    let key = Key::of("emerging groups", 1).input(map).params(&groups).finish();
    Clusters {
        key,
        strengths: vec![1.0; documents],
        count: groups.len() + 1,
        labels,
        method: "emerging".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::{Knn, Layout, Recall};
    use crate::math::hash;
    use crate::stage::testing::corpus_of;

    const DIM: usize = 12;

    #[test]
    fn a_new_subject_among_the_newcomers_is_found_and_named() {
        // 60 documents on soup, then 8 on telescopes and 2 strays.
        let mut csv = String::from("text,n\n");
        for i in 0..70 {
            let text = match i {
                0..60 => format!("My neighbour cooks soup number {i} with plenty of onions."),
                60..68 => format!("The telescope saw a galaxy in night number {i}."),
                _ => format!("Something else that nobody expected, {i}."),
            };
            csv.push_str(&format!("{text},{i}\n"));
        }
        let corpus = corpus_of("a.csv", &csv.replace("onions.", "onions").replace("expected, ", "expected "));
        let mut values: Vec<f32> = (0..70 * DIM).map(|i| 0.1 * hash::normal(4, i as u64) as f32).collect();
        (0..70).for_each(|i| {
            values[i * DIM + [0, 3, 5 + i % 5][usize::from(i >= 60) + usize::from(i >= 68)]] += 1.0
        });
        let key = Key::of("test", 1).finish();
        let matrix = Matrix::from_vec(key, "test", false, DIM, values);
        let placed = Placed {
            layout: Layout {
                key,
                positions: Arc::new(vec![[0.0; 2]; 70]),
                method: "UMAP".into(),
                epochs: (1, 1),
            },
            knn: Knn {
                key,
                k: 1,
                indices: vec![0; 70],
                similarities: vec![0.5; 70],
                recall: Recall::Exact,
                method: "test".into(),
            },
            clusters: None,
            newcomers: (58..70).collect(),
            misfits: (58..70).map(|row| if row < 60 { 0.5 } else { 1.0 }).collect(),
            to_settled: vec![0.2; 12],
        };
        let found = run(&corpus, &matrix, &placed, None, &Ctx::quiet()).unwrap();
        assert_eq!(found.groups.len(), 1);
        let group = &found.groups[0];
        assert_eq!(group.members, (60..68).collect::<Vec<u32>>());
        let words = format!("{:?}", group.name.keywords);
        assert!(words.contains("telescope") || words.contains("galaxy"), "{words}");
        assert!(!words.contains("soup"), "{words}");
        assert!(!group.name.title.is_empty());
    }
}
