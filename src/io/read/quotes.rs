//! Whether a table quotes its cells, or holds quotes that are text.
//!
//! Many tab-separated files know no quoting, and a title such as `"Hello", he said` must not open a cell that runs
//! over the next thousand rows.

/// In a table without quoting, this share of the lines has equally many cells.
const REGULAR: f64 = 0.99;

/// A column is quoted as a rule if this share of its cells is.
const AS_A_RULE: f64 = 0.5;

/// Wrong quotes that are more than one in so many of the right ones are no slips.
const SLIPS: usize = 10;

/// What the lines of a text look like if quotes mean nothing.
#[derive(Default)]
struct Evidence {
    /// How many lines have so many cells.
    widths: std::collections::HashMap<usize, usize>,
    lines: usize,
    /// Cells in quotes, by column.
    quoted: Vec<usize>,
    /// Cells that begin with a quote: rightly quoted, those of them with a doubled quote inside, and the others.
    right: usize,
    doubled: usize,
    wrong: usize,
}

impl Evidence {
    fn of(text: &[u8], delimiter: u8) -> Self {
        let mut evidence = Self::default();
        for line in text.split(|&b| b == b'\n' || b == b'\r').filter(|line| !line.is_empty()) {
            evidence.lines += 1;
            let mut width = 0;
            for cell in line.split(|&b| b == delimiter) {
                evidence.see(cell.trim_ascii(), width);
                width += 1;
            }
            *evidence.widths.entry(width).or_default() += 1;
        }
        evidence
    }

    fn see(&mut self, cell: &[u8], column: usize) {
        let Some(inside) = cell.strip_prefix(b"\"") else { return };
        let inside = inside.strip_suffix(b"\"");
        let doubled = inside.map(|inside| String::from_utf8_lossy(inside).replace("\"\"", ""));
        match (inside, doubled) {
            (Some(inside), Some(rest)) if !rest.contains('"') => {
                self.right += 1;
                self.doubled += usize::from(rest.len() < inside.len());
                // Columns far to the right say nothing new.
                if column < 1_000 {
                    self.quoted.resize(self.quoted.len().max(column + 1), 0);
                    self.quoted[column] += 1;
                }
            }
            _ => self.wrong += 1,
        }
    }
}

/// Whether cells of a table that begins with `text` may be quoted. `faults` counts the rows whose quotes cannot be
/// right if they are.
pub(super) fn are_used(text: &[u8], delimiter: u8, faults: impl FnOnce() -> usize) -> bool {
    let evidence = Evidence::of(text, delimiter);
    let usual = evidence.widths.iter().max_by_key(|&(&width, &count)| (count, width));
    let Some((&width, &count)) = usual else { return true };
    let lines = evidence.lines as f64;
    let regular = width > 1 && count as f64 >= REGULAR * lines;
    let by_rule = evidence.quoted.iter().any(|&quoted| quoted as f64 >= AS_A_RULE * lines);
    if !regular || by_rule {
        // Without quotes it would be no table, or would be full of them.
        return true;
    }
    if delimiter == b'\t' {
        // Tab-separated files mostly have no quoting: one has to see it.
        return evidence.doubled > 0 && evidence.wrong * SLIPS <= evidence.right;
    }
    evidence.wrong == 0 || faults() * SLIPS <= evidence.right
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_around_commas_and_line_ends_are_used() {
        assert!(are_used(b"id,text\n1,\"a, b\"\n2,\"c\nd\"\n3,\"e\"\n", b',', || 0));
        assert!(are_used(b"id,text\n1,a\n2,\"Dear all\nthanks, bye\"\n", b',', || 0));
        assert!(are_used(b"id\ttext\n1\t\"a \"\"b\"\"\"\n2\tc\n", b'\t', || 0));
        assert!(are_used(b"id,text\n\"1\",\"say \"hi\" now\"\n\"2\",\"c\"\n\"3\",\"d\"\n", b',', || 0));
    }

    #[test]
    fn quotes_that_only_some_titles_have_are_text() {
        assert!(!are_used(b"id\ttext\n1\t\"Hi\", he said\n2\tplain\n3\tshe \"left\"\n", b'\t', || 1));
        assert!(!are_used(b"id\ttext\n1\t\"Hi\"\n2\tplain\n3\tplain\n", b'\t', || 1));
        assert!(!are_used(b"id;text\n1;\"Hi\", he said\n2;plain\n3;plain\n", b';', || 1));
    }
}
