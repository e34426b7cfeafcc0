//! What map and clusters are worth, in words: in all, and for one document, by what the map is coloured with.

use crate::data::{Recall, UNCLUSTERED};
use crate::session::{ColourBy, Session};
use crate::stage::honesty::{CROWDED, TORN};

use super::format;

/// What the present colours say of all documents; `None` where they say something else.
pub fn of_all(session: &Session) -> Option<String> {
    let percent = |share: f32| format::percent(f64::from(share));
    Some(match session.colouring()?.by {
        ColourBy::Torn => {
            let map = session.honesty()?;
            format!(
                "How far the map puts true neighbours, of the way to anything: {} of documents are torn ({} or more).{}",
                percent(map.shares.0),
                percent(TORN),
                approximate(&map.recall)
            )
        }
        ColourBy::Crowded => {
            let map = session.honesty()?;
            format!(
                "How strange those around a document are, of what anything is: {} of documents are crowded ({} or more).{}",
                percent(map.shares.1),
                percent(CROWDED),
                approximate(&map.recall)
            )
        }
        ColourBy::Shaky => {
            let runs = session.stability()?.survived.stability.runs;
            format!("In how many of {runs} other runs a document leaves the core of its cluster.")
        }
        _ => return None,
    })
}

/// What they say of one document.
pub fn of_document(session: &Session, document: u32) -> Option<String> {
    let i = document as usize;
    let percent = |share: f32| format::percent(f64::from(share));
    Some(match session.colouring()?.by {
        ColourBy::Torn => {
            let torn = *session.honesty()?.honesty.torn.get(i)?;
            let verdict = if torn >= TORN { "Torn" } else { "Not torn" };
            format!("{verdict}: its true neighbours lie {} of the way to anything.", percent(torn))
        }
        ColourBy::Crowded => {
            let crowded = *session.honesty()?.honesty.crowded.get(i)?;
            let verdict = if crowded >= CROWDED { "Crowded" } else { "Not crowded" };
            format!("{verdict}: those around it are {} as strange as anything.", percent(crowded))
        }
        ColourBy::Shaky => {
            let answer = session.stability()?;
            let (stays, runs) = (*answer.survived.stability.stays.get(i)?, answer.survived.stability.runs);
            let times = (stays * runs as f32).round() as usize;
            match *answer.of.labels.get(i)? {
                UNCLUSTERED => format!("It has no cluster, and none in {times} of {runs} other runs."),
                _ => format!("It stays with the core of its cluster in {times} of {runs} other runs."),
            }
        }
        _ => return None,
    })
}

/// What is to be said where not all true neighbours are known; begins with a space.
pub fn approximate(recall: &Recall) -> String {
    match recall {
        Recall::Exact => String::new(),
        Recall::Estimated { share, .. } => {
            format!(" Measured by about {} of the true neighbours.", format::percent(f64::from(*share)))
        }
    }
}
