//! The names on the map: topics by zoom where they are there, clusters at their exemplars until then.

use std::sync::Arc;

use crate::data::{Clusters, Names};
use crate::session::Session;
use crate::view::colour::{MapTheme, Packed, pack};
use crate::view::labels::MapLabel;
use crate::view::palette::Palette;

use super::derived::Same;

/// Positions looked at for the middle of a topic.
const SAMPLE: usize = 512;

type Named = (Same<Clusters>, Same<Names>);

/// What the names of topics depend on.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    topics: Vec<Named>,
    positions: Same<Vec<[f32; 2]>>,
    dark: bool,
}

impl Inputs {
    /// The topics of the map as it lies now; `None` while there are none.
    pub fn of(session: &Session, dark: bool) -> Option<Self> {
        let topics: Vec<Named> = session
            .topics()
            .iter()
            .map(|(topics, names)| (Same(topics.clone()), Same(names.clone())))
            .collect();
        // While the map moves again its topics lie elsewhere.
        let positions = session.layout().map(|layout| Same(layout.positions.clone()))?;
        (!topics.is_empty()).then_some(Self { topics, positions, dark })
    }

    /// Places the names of all levels, coarse to fine.
    pub fn labels(&self) -> Vec<MapLabel> {
        let palette = Palette::of(MapTheme::of(self.dark));
        let Same(positions) = &self.positions;
        let mut labels = Vec::new();
        for (level, (Same(topics), Same(names))) in (0u8..).zip(&self.topics) {
            for (members, name) in topics.members().iter().zip(&names.clusters) {
                if let Some(anchor) = middle(positions, members) {
                    labels.push(MapLabel {
                        text: name.title.clone(),
                        anchor,
                        mass: members.len() as f64,
                        level,
                        colour: None,
                    });
                }
            }
        }
        // A name has a colour only where the map has the same: at the only level, or at none.
        if let [(Same(topics), _)] = &self.topics[..] {
            let sizes = topics.count;
            for (label, code) in labels.iter_mut().zip(0..sizes as u32) {
                label.colour = Some(pack(palette.colour(code)));
            }
        }
        labels
    }
}

/// The coordinate-wise median of the members' positions: always where many of them are.
fn middle(positions: &[[f32; 2]], members: &[u32]) -> Option<[f32; 2]> {
    let stride = members.len().div_ceil(SAMPLE).max(1);
    let along = |axis: usize| {
        let sampled = members.iter().step_by(stride).filter_map(|&i| positions.get(i as usize));
        let mut values: Vec<f32> = sampled.map(|p| p[axis]).filter(|v| v.is_finite()).collect();
        let half = values.len() / 2;
        (!values.is_empty()).then(|| *values.select_nth_unstable_by(half, f32::total_cmp).1)
    };
    Some([along(0)?, along(1)?])
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
        .filter_map(|(code, (name, &size))| {
            let anchor = *positions.get(*name.exemplars.first()? as usize)?;
            Some(MapLabel {
                text: name.title.clone(),
                anchor,
                mass: size as f64,
                level: 0,
                colour: colour(code),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lies_where_most_of_its_points_are() {
        let positions = [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [90.0, -90.0], [f32::NAN, 1.0]];
        let at = middle(&positions, &[0, 1, 2, 3, 4]).unwrap();
        assert_eq!(at, [1.0, 1.0]);
        assert_eq!(middle(&positions, &[4]), None);
    }
}
