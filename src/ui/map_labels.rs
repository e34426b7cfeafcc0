//! The names on the map: topics by zoom where they are there, clusters at their exemplars until then.

use std::sync::Arc;

use crate::data::{Clusters, Mask, Names};
use crate::session::{ColourBy, Session};
use crate::view::colour::Packed;
use crate::view::labels::MapLabel;
use crate::view::topic_labels::topic_labels;

use super::facts;

use crate::job::derived::Same;

type Named = (Same<Clusters>, Same<Names>);

/// What the names on the map are those of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamesOf {
    Topics,
    Clusters,
    /// The explanations of a goal, by its id.
    Goal(u32),
    /// Topics that are described by keywords.
    KeywordTopics,
}

/// What the names of topics, or of a goal's explanations, depend on.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    pub of: NamesOf,
    topics: Vec<Named>,
    positions: Same<Vec<[f32; 2]>>,
    /// Names lie where the documents are that the filter keeps; those without any do not show.
    kept: Option<Same<Mask>>,
}

impl Inputs {
    /// The topics of the map as it lies now; `None` while there are none.
    pub fn of(session: &Session) -> Option<Self> {
        let shown =
            |clusters: &Arc<Clusters>, names: &Arc<Names>| (Same(clusters.clone()), Same(names.clone()));
        let asked = match session.colouring()?.by {
            ColourBy::Goal(goal) | ColourBy::Explanation(goal, _) => {
                session.goal_clusters(goal).zip(Some(NamesOf::Goal(goal)))
            }
            ColourBy::KeywordTopic => facts::topic_clusters(session).zip(Some(NamesOf::KeywordTopics)),
            _ => None,
        };
        let (of, topics): (NamesOf, Vec<Named>) = match asked {
            Some(((clusters, names), of)) => (of, vec![shown(&clusters, &names)]),
            None => {
                let topics = session.topics().iter().map(|(topics, names)| shown(topics, names));
                (NamesOf::Topics, topics.collect())
            }
        };
        // While the map moves again its topics lie elsewhere.
        let positions = session.layout().map(|layout| Same(layout.positions.clone()))?;
        let kept = session.kept().cloned().map(Same);
        (!topics.is_empty()).then_some(Self { of, topics, positions, kept })
    }

    /// Places the names of all levels, coarse to fine.
    pub fn labels(&self) -> Vec<MapLabel> {
        let Same(positions) = &self.positions;
        let levels = self.topics.iter().map(|(Same(topics), Same(names))| (&**topics, &**names));
        topic_labels(levels, positions, self.kept.as_ref().map(|Same(kept)| &**kept))
    }
}

/// The clusters' names at their first exemplars, which move with the map: a few hundred lookups a frame at most.
pub fn of_clusters(
    positions: &Arc<Vec<[f32; 2]>>,
    names: &Names,
    sizes: &[usize],
    colour: impl Fn(u32) -> Option<Packed>,
) -> Vec<MapLabel> {
    (0u32..)
        .zip(names.clusters.iter().zip(sizes))
        .filter(|(_, (_, size))| **size > 0)
        .filter_map(|(code, (name, &size))| {
            let anchor = *positions.get(*name.exemplars.first()? as usize)?;
            Some(MapLabel {
                text: name.title.clone(),
                anchor,
                mass: size as f64,
                code,
                level: 0,
                colour: colour(code),
            })
        })
        .collect()
}
