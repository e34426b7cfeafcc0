//! New subjects among documents that were added.

use crate::data::{ClusterName, Clusters, Corpus, Key, Matrix, UNCLUSTERED};
use crate::embed::Embedder;
use crate::job::Ctx;
use crate::math::emerging::{self, LEAST_MEMBERS};

use super::place::Placed;
use super::{StageError, names};

/// What a group is told apart from is read from at most this many of the other documents, spread evenly over them:
/// reading a million texts for the names of a few groups would take minutes.
const REST: usize = 20_000;

/// A group grows by newcomers that fit badly only by this measure: a subject has a core that is far from all that was
/// there, and papers that lean on it. (Of 350 papers of a field that the map lacked, those above .99 were 40 %, those
/// above .9 were 91 %.)
const LOOSE: f32 = 0.9;

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

/// Finds groups among the documents that fit badly where they were placed, and names them: each has at least
/// [`LEAST_MEMBERS`] that fit badly ([`Placed::poor`]), and those that fit loosely and hang together with them. `corpus`
/// and `matrix` are those that `placed` is of.
pub fn run(
    corpus: &Corpus,
    matrix: &Matrix,
    placed: &Placed,
    embedder: Option<&Embedder>,
    ctx: &Ctx,
) -> Result<Emerging, StageError> {
    let poor = placed.poor();
    let loose = placed.newcomers.iter().zip(&placed.to_settled).zip(&placed.misfits);
    let loose =
        loose.filter(|(_, misfit)| **misfit > LOOSE).map(|((&row, &similarity), _)| (row, similarity));
    let (loose, to_settled): (Vec<u32>, Vec<f32>) = loose.unzip();
    let mut groups = emerging::groups(matrix, &loose, &to_settled, ctx)?;
    let has_core = |group: &Vec<u32>| {
        group.iter().filter(|row| poor.binary_search(row).is_ok()).count() >= LEAST_MEMBERS
    };
    groups.retain(has_core);
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
    use crate::io::read::testing::corpus_of;
    use crate::math::hash;

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
            // Two of the eight fit badly only by the looser measure.
            misfits: [0.5, 0.5, 1.0, 1.0, 1.0, 0.95, 1.0, 1.0, 0.92, 1.0, 1.0, 1.0].to_vec(),
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
