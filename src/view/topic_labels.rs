//! The names on a map that rests: its topics, coarse to fine, each in the middle of its points.

use crate::data::{Clusters, Mask, Names};

use super::labels::MapLabel;

/// Positions looked at for the middle of a topic.
const SAMPLE: usize = 512;

/// A label for every topic of every level, coarse to fine; with `kept`, only of these points.
pub fn topic_labels<'a>(
    levels: impl IntoIterator<Item = (&'a Clusters, &'a Names)>,
    positions: &[[f32; 2]],
    kept: Option<&Mask>,
) -> Vec<MapLabel> {
    let mut labels = Vec::new();
    for (level, (topics, names)) in (0u8..).zip(levels) {
        let mut members = topics.members();
        if let Some(kept) = kept {
            members.iter_mut().for_each(|members| members.retain(|&i| kept.contains(i)));
        }
        for (code, (members, name)) in (0u32..).zip(members.iter().zip(&names.clusters)) {
            if let Some(anchor) = middle(positions, members) {
                let (text, mass) = (name.title.clone(), members.len() as f64);
                labels.push(MapLabel { text, anchor, mass, code, level, colour: None });
            }
        }
    }
    labels
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
