//! Contours over the map: where the documents lie dense, all of them or those of each colour.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::math::contours::{contours, frame_of};
use crate::session::Session;
use crate::view::colour::MapTheme;
use crate::view::map::Outline;

use super::colouring::{Legend, Paint};
use crate::job::derived::Same;

/// Shares of the documents that contours hold: of all, and of each colour.
const OF_ALL: [f32; 4] = [0.25, 0.5, 0.75, 0.95];
const OF_EACH: [f32; 2] = [0.5, 0.9];

/// More colours than this would only cross each other.
const MOST_COLOURS: usize = 12;

/// Opacities of the innermost and the outermost line.
const OPACITIES: (f32, f32) = (0.9, 0.35);

/// Which contours show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contours {
    #[default]
    None,
    All,
    EachColour,
}

impl Contours {
    pub const CHOICES: [(Self, &str, &str); 3] = [
        (Self::None, "No contours", "Points alone"),
        (Self::All, "Contours of all documents", "Lines that hold 25, 50, 75 and 95% of the documents"),
        (
            Self::EachColour,
            "Contours of each colour",
            "Lines that hold 50 and 90% of the documents of each colour; of the twelve largest, where there are more",
        ),
    ];
}

impl Contours {
    /// What a screen reader says of them.
    pub fn spoken(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::All => Some("with contours of all documents"),
            Self::EachColour => Some("with contours of each colour"),
        }
    }
}

/// What the contours are made from.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    positions: Same<Vec<[f32; 2]>>,
    /// None: one set of lines for all.
    colours: Option<Colours>,
    dark: bool,
}

/// The code of every point, and the codes and colours to be drawn.
#[derive(Clone, PartialEq)]
struct Colours {
    codes: Same<Vec<u32>>,
    drawn: Vec<(u32, [u8; 3])>,
}

impl Inputs {
    /// Of the session's map, once it rests.
    pub fn of(session: &Session, wanted: Contours, paint: Option<&Arc<Paint>>, dark: bool) -> Option<Self> {
        let positions = session.positions()?;
        let rests = session.layout().is_some_and(|layout| Arc::ptr_eq(&layout.positions, positions));
        Self::of_map(positions, wanted, paint, dark).filter(|_| rests)
    }

    /// Of a map that rests.
    pub fn of_map(
        positions: &Arc<Vec<[f32; 2]>>,
        wanted: Contours,
        paint: Option<&Arc<Paint>>,
        dark: bool,
    ) -> Option<Self> {
        let colours = match (wanted, paint.map(|paint| (&paint.legend, &paint.codes))) {
            (Contours::None, _) => return None,
            (Contours::EachColour, Some((Legend::Entries(entries), Some(codes)))) => {
                let drawn = entries.iter().filter(|entry| entry.code != u32::MAX).take(MOST_COLOURS);
                let drawn = drawn.map(|entry| (entry.code, entry.colour)).collect();
                Some(Colours { codes: Same(codes.clone()), drawn })
            }
            _ => None,
        };
        Some(Self { positions: Same(positions.clone()), colours, dark })
    }

    /// Computes the lines.
    pub fn outlines(&self) -> Arc<Vec<Outline>> {
        let Same(positions) = &self.positions;
        let frame = frame_of(positions);
        let mut outlines = Vec::new();
        let mut add = |points: &[[f32; 2]], shares: &[f32], colour: [u8; 3]| {
            for (i, contour) in contours(&frame, points, shares).into_iter().enumerate() {
                let outward = i as f32 / (shares.len() - 1).max(1) as f32;
                let opacity = OPACITIES.0 + (OPACITIES.1 - OPACITIES.0) * outward;
                outlines.extend(contour.lines.into_iter().map(|line| Outline { line, colour, opacity }));
            }
        };
        match &self.colours {
            None => add(positions, &OF_ALL, MapTheme::of(self.dark).text),
            Some(Colours { codes: Same(codes), drawn }) => {
                for &(code, colour) in drawn {
                    let members = positions.iter().zip(codes.iter()).filter(|(_, of)| **of == code);
                    let members: Vec<[f32; 2]> = members.map(|(position, _)| *position).collect();
                    add(&members, &OF_EACH, colour);
                }
            }
        }
        Arc::new(outlines)
    }
}
