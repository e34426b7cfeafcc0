//! What a search found, marked in the texts that show it.

use std::ops::Range;

use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, FontId, Ui};

use crate::math::word_query::WordQuery;
use crate::session::Session;

use super::theme::Theme;

/// The words that are searched for now; none of a search by meaning.
pub fn words(session: &Session) -> Option<&WordQuery> {
    session.search()?.found?.words.as_ref()
}

/// A text with some ranges of its bytes marked. Ranges are in order and apart from each other.
pub fn marked(ui: &Ui, text: &str, ranges: &[Range<usize>], font: FontId, colour: Color32) -> LayoutJob {
    let theme = Theme::of(ui);
    let plain = TextFormat { font_id: font, color: colour, ..TextFormat::default() };
    let background = theme.panel.lerp_to_gamma(theme.accent, 0.3);
    let mark = TextFormat { background, color: theme.text, ..plain.clone() };
    let mut job = LayoutJob::default();
    let mut from = 0;
    for range in ranges {
        let (Some(before), Some(inside)) = (text.get(from..range.start), text.get(range.clone())) else {
            continue;
        };
        job.append(before, 0.0, plain.clone());
        job.append(inside, 0.0, mark.clone());
        from = range.end;
    }
    job.append(text.get(from..).unwrap_or_default(), 0.0, plain);
    job
}

/// A text with the hits of the present search marked; as it is where there are none.
pub fn hits(ui: &Ui, session: &Session, text: &str, font: FontId, colour: Color32) -> LayoutJob {
    let ranges = words(session).map(|words| words.highlights(text)).unwrap_or_default();
    marked(ui, text, &ranges, font, colour)
}

/// Where a line of a long text begins so that its first hit shows: at a word some way before it.
pub fn start_of_line(text: &str, first: usize, room: usize) -> usize {
    if first <= room {
        return 0;
    }
    let from = text.ceil_char_boundary(first - room);
    text[from..first].find(' ').map_or(from, |space| from + space + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_begins_at_a_word_before_its_first_hit() {
        let text = "The quick brown fox jumps over the lazy dog";
        assert_eq!(start_of_line(text, 4, 10), 0);
        let at = text.find("lazy").unwrap();
        assert_eq!(&text[start_of_line(text, at, 10)..], "over the lazy dog");
        assert_eq!(start_of_line("日本語日本語", 12, 4), 9);
    }
}
