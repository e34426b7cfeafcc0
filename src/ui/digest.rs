//! The shape of a column: what the small charts show, over all documents or over some of them.
//! Computed by workers; see [`crate::job::derived`].

use crate::data::{Clusters, Corpus, DATE_EMPTY, Mask, Typed};

/// Bars of a histogram.
pub const BINS: usize = 24;
/// Categories counted for a chart; the rest are counted together.
pub const TOP: usize = 8;

/// What a chart of a column draws.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Free text has no chart.
    Text,
    /// Codes with their counts, most frequent first, and how many levels and cells lie beyond.
    Categories { top: Vec<(u32, usize)>, levels: usize, rest: usize },
    /// Counts in [`BINS`] equal steps from `low` to `high`; dates in seconds.
    Histogram { low: f64, high: f64, bins: Vec<u32>, dates: bool },
}

/// The shape of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDigest {
    pub shape: Shape,
    /// Documents with a value.
    pub filled: usize,
}

/// A cluster as its card shows it.
#[derive(Debug)]
pub struct ClusterDigest {
    /// Its documents, ascending.
    pub members: Vec<u32>,
    /// One digest a column, on the same axes as the corpus's.
    pub columns: Vec<ColumnDigest>,
}

/// The shapes of all columns of `corpus`.
pub fn of_corpus(corpus: &Corpus) -> Vec<ColumnDigest> {
    corpus.columns.iter().map(|column| digest(&column.typed, 0..corpus.len(), None)).collect()
}

/// The shapes of all columns among the documents of cluster `label`, beside `whole`.
pub fn of_cluster(corpus: &Corpus, clusters: &Clusters, label: u32, whole: &[ColumnDigest]) -> ClusterDigest {
    let members: Vec<u32> =
        (0u32..).zip(&clusters.labels).filter(|(_, l)| **l == label).map(|(i, _)| i).collect();
    let columns = corpus
        .columns
        .iter()
        .zip(whole)
        .map(|(column, whole)| digest(&column.typed, members.iter().map(|&i| i as usize), Some(&whole.shape)))
        .collect();
    ClusterDigest { members, columns }
}

/// How many documents of a part have each value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counts {
    /// Free text is not counted.
    Text,
    /// A count a level, in the order of the levels, and the documents without a value.
    Levels { of: Vec<u32>, empty: u32 },
    /// A count a bar of the whole's histogram.
    Bins(Vec<u32>),
}

/// The counts of all columns of `corpus` among `kept`, on the axes of `whole`.
pub fn counts(corpus: &Corpus, kept: &Mask, whole: &[ColumnDigest]) -> Vec<Counts> {
    let of = |(column, whole): (&crate::data::Column, &ColumnDigest)| counts_of(&column.typed, kept, whole);
    corpus.columns.iter().zip(whole).map(of).collect()
}

fn counts_of(typed: &Typed, kept: &Mask, whole: &ColumnDigest) -> Counts {
    let documents = || kept.documents().map(|i| i as usize);
    let levelled = |levels: usize, codes: &mut dyn Iterator<Item = u32>, empty: usize| {
        let mut of = vec![0; levels];
        codes.for_each(|code| of.get_mut(code as usize).into_iter().for_each(|count| *count += 1));
        Counts::Levels { of, empty: empty as u32 }
    };
    match (typed, &whole.shape) {
        (Typed::Category { levels, codes }, _) => {
            let empty = documents().filter(|&i| codes[i] as usize >= levels.len()).count();
            levelled(levels.len(), &mut documents().map(|i| codes[i]), empty)
        }
        (Typed::List { levels, offsets, codes }, _) => {
            let range = |i: usize| offsets[i] as usize..offsets[i + 1] as usize;
            let empty = documents().filter(|&i| range(i).is_empty()).count();
            levelled(levels.len(), &mut documents().flat_map(|i| codes[range(i)].iter().copied()), empty)
        }
        (_, whole @ Shape::Histogram { .. }) => match digest(typed, documents(), Some(whole)).shape {
            Shape::Histogram { bins, .. } => Counts::Bins(bins),
            Shape::Text | Shape::Categories { .. } => Counts::Text,
        },
        (Typed::Text | Typed::Number(_) | Typed::Date(_), _) => Counts::Text,
    }
}

/// The shape of `typed` over `documents`; with `whole`, on its axes.
fn digest(
    typed: &Typed,
    documents: impl Iterator<Item = usize> + Clone,
    whole: Option<&Shape>,
) -> ColumnDigest {
    match typed {
        Typed::Text => ColumnDigest { shape: Shape::Text, filled: documents.count() },
        Typed::Number(values) => histogram(documents.map(|i| values[i]), false, whole),
        Typed::Date(moments) => {
            let seconds = |i: usize| if moments[i] == DATE_EMPTY { f64::NAN } else { moments[i] as f64 };
            histogram(documents.map(seconds), true, whole)
        }
        Typed::Category { levels, codes } => {
            let filled = documents.clone().filter(|&i| (codes[i] as usize) < levels.len()).count();
            categories(levels.len(), documents.map(|i| codes[i]), filled, whole)
        }
        Typed::List { levels, offsets, codes } => {
            let range = |i: usize| offsets[i] as usize..offsets[i + 1] as usize;
            let filled = documents.clone().filter(|&i| !range(i).is_empty()).count();
            categories(levels.len(), documents.flat_map(|i| codes[range(i)].iter().copied()), filled, whole)
        }
    }
}

fn categories(
    levels: usize,
    codes: impl Iterator<Item = u32>,
    filled: usize,
    whole: Option<&Shape>,
) -> ColumnDigest {
    let mut counts = vec![0usize; levels];
    for code in codes {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let total: usize = counts.iter().sum();
    let mut top: Vec<(u32, usize)> = (0u32..).zip(counts.iter().copied()).filter(|(_, n)| *n > 0).collect();
    // In a cluster, what it has most of comes first, not what the corpus has most of.
    if whole.is_some() || top.windows(2).any(|pair| pair[0].1 < pair[1].1) {
        top.sort_by_key(|&(code, n)| (std::cmp::Reverse(n), code));
    }
    top.truncate(TOP);
    let shown: usize = top.iter().map(|(_, n)| n).sum();
    ColumnDigest { shape: Shape::Categories { top, levels, rest: total - shown }, filled }
}

fn histogram(values: impl Iterator<Item = f64> + Clone, dates: bool, whole: Option<&Shape>) -> ColumnDigest {
    let finite = values.filter(|v| v.is_finite());
    let (low, high) = match whole {
        Some(&Shape::Histogram { low, high, .. }) => (low, high),
        _ => finite
            .clone()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v))),
    };
    let mut bins = vec![0u32; BINS];
    let mut filled = 0;
    for value in finite {
        bins[bin(value, low, high)] += 1;
        filled += 1;
    }
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    ColumnDigest { shape: Shape::Histogram { low, high, bins, dates }, filled }
}

/// The bar that `value` counts to.
pub fn bin(value: f64, low: f64, high: f64) -> usize {
    let t = if high > low { (value - low) / (high - low) } else { 0.0 };
    ((t * BINS as f64) as usize).min(BINS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::NO_CODE;

    #[test]
    fn a_histogram_counts_every_number_and_no_empty_cell() {
        let typed = Typed::Number(vec![0.0, 24.0, f64::NAN, 12.0, 0.5]);
        let digest = digest(&typed, 0..5, None);
        let Shape::Histogram { low, high, bins, dates: false } = &digest.shape else { panic!("{digest:?}") };
        assert_eq!((*low, *high), (0.0, 24.0));
        assert_eq!((bins[0], bins[12], bins[BINS - 1]), (2, 1, 1));
        assert_eq!(digest.filled, 4);
    }

    #[test]
    fn a_cluster_is_drawn_on_the_axes_of_the_whole() {
        let typed = Typed::Number(vec![0.0, 100.0, 50.0]);
        let whole = digest(&typed, 0..3, None);
        let part = digest(&typed, [2usize].into_iter(), Some(&whole.shape));
        let Shape::Histogram { low, high, bins, .. } = part.shape else { panic!() };
        assert_eq!((low, high, bins[BINS / 2]), (0.0, 100.0, 1));
    }

    #[test]
    fn what_a_filter_keeps_is_counted_value_by_value_on_the_axes_of_the_whole() {
        let typed =
            Typed::Category { levels: vec!["a".into(), "b".into()], codes: vec![0, 0, 1, NO_CODE, 1] };
        let whole = digest(&typed, 0..5, None);
        let kept = Mask::of_documents(5, &[1, 2, 3, 4]);
        assert_eq!(counts_of(&typed, &kept, &whole), Counts::Levels { of: vec![1, 2], empty: 1 });
        let typed = Typed::Number(vec![0.0, 100.0, 50.0, f64::NAN, 99.0]);
        let whole = digest(&typed, 0..5, None);
        let Counts::Bins(bins) = counts_of(&typed, &kept, &whole) else { panic!() };
        assert_eq!((bins[0], bins[BINS / 2], bins[BINS - 1]), (0, 1, 2));
    }

    #[test]
    fn a_cluster_lists_first_what_it_has_most_of() {
        let typed =
            Typed::Category { levels: vec!["a".into(), "b".into()], codes: vec![0, 0, 0, 1, 1, NO_CODE] };
        let whole = digest(&typed, 0..6, None);
        assert_eq!(whole.shape, Shape::Categories { top: vec![(0, 3), (1, 2)], levels: 2, rest: 0 });
        assert_eq!(whole.filled, 5);
        let part = digest(&typed, [0usize, 3, 4].into_iter(), Some(&whole.shape));
        assert_eq!(part.shape, Shape::Categories { top: vec![(1, 2), (0, 1)], levels: 2, rest: 0 });
    }

    #[test]
    fn rare_levels_are_counted_together() {
        let typed = Typed::Category {
            levels: (0..20).map(|i| i.to_string()).collect(),
            codes: (0..40).map(|i| i % 20).collect(),
        };
        let Shape::Categories { top, levels: 20, rest } = digest(&typed, 0..40, None).shape else { panic!() };
        assert_eq!((top.len(), rest), (TOP, 40 - 2 * TOP));
    }

    #[test]
    fn a_column_without_any_value_has_an_empty_shape() {
        let digest = digest(&Typed::Date(vec![DATE_EMPTY; 3]), 0..3, None);
        assert_eq!(digest.filled, 0);
        assert!(matches!(digest.shape, Shape::Histogram { low: 0.0, high: 0.0, dates: true, .. }));
    }
}
