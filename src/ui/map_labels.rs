//! The names on the map: topics by zoom where they are there, clusters at their exemplars until then.

use std::sync::Arc;

use crate::data::{Clusters, Names};
use crate::session::Session;
use crate::view::colour::Packed;
use crate::view::labels::MapLabel;
use crate::view::topic_labels::topic_labels;

use super::derived::Same;

type Named = (Same<Clusters>, Same<Names>);

/// What the names of topics depend on.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    topics: Vec<Named>,
    positions: Same<Vec<[f32; 2]>>,
}

impl Inputs {
    /// The topics of the map as it lies now; `None` while there are none.
    pub fn of(session: &Session) -> Option<Self> {
        let topics: Vec<Named> = session
            .topics()
            .iter()
            .map(|(topics, names)| (Same(topics.clone()), Same(names.clone())))
            .collect();
        // While the map moves again its topics lie elsewhere.
        let positions = session.layout().map(|layout| Same(layout.positions.clone()))?;
        (!topics.is_empty()).then_some(Self { topics, positions })
    }

    /// Places the names of all levels, coarse to fine.
    pub fn labels(&self) -> Vec<MapLabel> {
        let Same(positions) = &self.positions;
        let levels = self.topics.iter().map(|(Same(topics), Same(names))| (&**topics, &**names));
        topic_labels(levels, positions)
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
