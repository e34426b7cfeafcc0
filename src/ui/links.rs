//! Web addresses, DOIs and arXiv numbers in a cell.

/// Where an arXiv number leads.
const ARXIV: &str = "https://arxiv.org/abs/";
/// Where a DOI leads.
const DOI: &str = "https://doi.org/";

/// Something in a cell that opens in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// As it stands in the cell.
    pub label: String,
    pub url: String,
}

/// The links in the cell of a column: addresses and DOIs anywhere, arXiv numbers where the column's name says so.
pub fn links(column: &str, cell: &str) -> Vec<Link> {
    let column = column.to_lowercase();
    let about_arxiv = ["arxiv", "id", "paper"].iter().any(|word| column.contains(word));
    cell.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '|' | ';'))
        .filter_map(|word| link(trimmed(word), about_arxiv))
        .collect()
}

fn link(word: &str, about_arxiv: bool) -> Option<Link> {
    let with = |url: String| Some(Link { label: word.to_owned(), url });
    let lower = word.to_ascii_lowercase();
    if (lower.starts_with("http://") || lower.starts_with("https://")) && word.len() > "https://".len() {
        return with(word.to_owned());
    }
    let bare = lower.strip_prefix("doi:").map_or(word, |rest| &word[word.len() - rest.len()..]);
    if is_doi(bare) {
        return with(format!("{DOI}{bare}"));
    }
    if let Some(rest) = lower.strip_prefix("arxiv:") {
        let number = &word[word.len() - rest.len()..];
        return is_arxiv(number).then(|| format!("{ARXIV}{number}")).and_then(with);
    }
    if about_arxiv && is_arxiv(word) { with(format!("{ARXIV}{word}")) } else { None }
}

/// Punctuation that belongs to the sentence, not to the address; a closing bracket only if it opens outside.
fn trimmed(word: &str) -> &str {
    let mut word = word.trim_start_matches(['(', '[', '{', '\'', ',']);
    loop {
        let unopened = |open: char, close: char| {
            word.ends_with(close) && word.matches(close).count() > word.matches(open).count()
        };
        if word.ends_with(['.', ',', ':', '!', '?', '\'']) || unopened('(', ')') || unopened('[', ']') {
            word = &word[..word.len() - 1];
        } else {
            return word;
        }
    }
}

/// `10.` registrant `/` suffix.
fn is_doi(word: &str) -> bool {
    let Some((registrant, suffix)) = word.strip_prefix("10.").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    registrant.len() >= 4 && registrant.chars().all(|c| c.is_ascii_digit() || c == '.') && !suffix.is_empty()
}

/// `2103.01234`, with an optional version, or the form before 2007: `hep-th/9901001`.
fn is_arxiv(word: &str) -> bool {
    let digits = |s: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit())
    };
    let (number, version) = word.split_once('v').unwrap_or((word, "1"));
    if let Some((month, serial)) = number.split_once('.')
        && digits(month, 4..=4)
    {
        return digits(serial, 4..=5) && digits(version, 1..=2);
    }
    word.split_once('/').is_some_and(|(archive, serial)| {
        !archive.is_empty()
            && archive.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '.')
            && digits(serial.split('v').next().unwrap_or(""), 7..=7)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(column: &str, cell: &str) -> Vec<String> {
        links(column, cell).into_iter().map(|link| link.url).collect()
    }

    #[test]
    fn an_address_in_a_sentence_loses_the_sentences_punctuation() {
        assert_eq!(
            urls("text", "See (https://a.org/x_(y)), or http://b.org."),
            ["https://a.org/x_(y)", "http://b.org"]
        );
    }

    #[test]
    fn a_doi_is_found_in_any_column() {
        assert_eq!(urls("ref", "doi:10.1000/182"), ["https://doi.org/10.1000/182"]);
        assert_eq!(urls("text", "10.5 of 12/13"), Vec::<String>::new());
    }

    #[test]
    fn an_arxiv_number_needs_a_column_that_may_hold_one() {
        assert_eq!(urls("id", "2103.01234v2"), ["https://arxiv.org/abs/2103.01234v2"]);
        assert_eq!(urls("id", "hep-th/9901001"), ["https://arxiv.org/abs/hep-th/9901001"]);
        assert_eq!(urls("price", "2103.01234"), Vec::<String>::new());
        assert_eq!(urls("text", "arXiv:2103.01234"), ["https://arxiv.org/abs/2103.01234"]);
    }
}
