//! How the nearest documents of a query were found, for a person to read.

use std::fmt;

/// How the nearest were found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct How {
    pub way: Way,
    /// Documents that the filter keeps; all where there is none.
    pub kept: usize,
    /// Whether there is a filter.
    pub filtered: bool,
}

/// A way to the nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// Every vector was compared.
    Exact,
    /// Every vector was compared in one byte a component, and `ranked` of them exactly: all that may be among the nearest.
    Coded { ranked: usize },
    /// So many documents were looked at along neighbours; `recall` of the nearest are found so.
    Graph { looked_at: usize, recall: f32 },
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = Grouped(self.kept);
        let of = if self.filtered { " of the filter" } else { "" };
        match self.way {
            Way::Exact => write!(f, "compared with all {kept} documents{of}"),
            Way::Coded { ranked } => {
                write!(
                    f,
                    "compared roughly with all {kept} documents{of}, exactly with the best {}",
                    Grouped(ranked)
                )
            }
            Way::Graph { looked_at, recall } => {
                let (looked_at, percent) = (Grouped(looked_at), (100.0 * recall).floor());
                match self.filtered {
                    true => write!(
                        f,
                        "looked at {looked_at} documents along neighbours for the {kept} of the filter"
                    )?,
                    false => write!(f, "looked at {looked_at} of {kept} documents along neighbours")?,
                }
                write!(f, ", which finds about {percent} % of the nearest")
            }
        }
    }
}

/// A number with commas between thousands.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_it_was_found_is_said_in_words() {
        let how = |way, kept, filtered| How { way, kept, filtered }.to_string();
        assert_eq!(how(Way::Exact, 3736, true), "compared with all 3,736 documents of the filter");
        assert_eq!(
            how(Way::Coded { ranked: 84 }, 1_000_000, false),
            "compared roughly with all 1,000,000 documents, exactly with the best 84"
        );
        assert_eq!(
            how(Way::Graph { looked_at: 10_432, recall: 0.987 }, 500_000, true),
            "looked at 10,432 documents along neighbours for the 500,000 of the filter, which finds about 98 % of the \
             nearest"
        );
        assert_eq!(
            how(Way::Graph { looked_at: 999, recall: 0.987 }, 500_000, false),
            "looked at 999 of 500,000 documents along neighbours, which finds about 98 % of the nearest"
        );
    }
}
