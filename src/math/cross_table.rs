//! How many documents belong to each group, and to each pair of groups of two kinds.

/// To which groups documents belong; groups are numbered from 0, larger numbers than there are groups mean none.
#[derive(Clone, Copy, Debug)]
pub enum Groups<'a> {
    /// One group a document.
    One(&'a [u32]),
    /// Document `i` belongs to `codes[offsets[i]..offsets[i + 1]]`.
    Several { offsets: &'a [u64], codes: &'a [u32] },
}

impl<'a> Groups<'a> {
    /// The groups of a document.
    pub fn of(&self, document: u32) -> &'a [u32] {
        let i = document as usize;
        match *self {
            Self::One(codes) => std::slice::from_ref(&codes[i]),
            Self::Several { offsets, codes } => &codes[offsets[i] as usize..offsets[i + 1] as usize],
        }
    }

    /// Whether a document belongs to a group.
    pub fn holds(&self, document: u32, group: u32) -> bool {
        self.of(document).contains(&group)
    }
}

/// How many of some documents belong to each group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// One number a group: a document that names a group twice counts once.
    pub of: Vec<u32>,
    /// Documents with any group.
    pub filled: u32,
}

/// Counts `documents` by `count` groups.
pub fn counts(groups: Groups<'_>, count: usize, documents: impl Iterator<Item = u32>) -> Counts {
    let mut counts = Counts { of: vec![0; count], filled: 0 };
    for document in documents {
        let codes = groups.of(document);
        let mut any = false;
        for (at, &code) in codes.iter().enumerate() {
            let again = codes[..at].contains(&code);
            if let (Some(n), false) = (counts.of.get_mut(code as usize), again) {
                *n += 1;
                any = true;
            }
        }
        counts.filled += u32::from(any);
    }
    counts
}

/// Which groups have a row (or column) of their own; the others share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The groups, in the order of their rows.
    pub groups: Vec<u32>,
    /// Groups that share the last row, when there are any.
    pub others: usize,
    /// The row of each group; `u32::MAX` for those without documents.
    place: Vec<u32>,
}

impl Shown {
    /// At most `most` of the groups that have documents: the largest first (ties by number), or all in their own order
    /// where they are `ordered` and few enough.
    pub fn of(counts: &Counts, most: usize, ordered: bool) -> Self {
        let mut groups: Vec<u32> =
            (0u32..).zip(&counts.of).filter(|(_, n)| **n > 0).map(|(group, _)| group).collect();
        if !ordered || groups.len() > most {
            groups.sort_by_key(|&group| (std::cmp::Reverse(counts.of[group as usize]), group));
        }
        let mut place = vec![u32::MAX; counts.of.len()];
        for (at, &group) in (0u32..).zip(&groups) {
            place[group as usize] = at.min(most as u32);
        }
        let others = groups.len().saturating_sub(most);
        groups.truncate(most);
        if ordered {
            groups.sort_unstable();
            (0u32..).zip(&groups).for_each(|(at, &group)| place[group as usize] = at);
        }
        Self { groups, others, place }
    }

    /// All of so many groups, in their own order.
    pub fn all(count: usize) -> Self {
        let groups: Vec<u32> = (0..count as u32).collect();
        Self { place: groups.clone(), groups, others: 0 }
    }

    /// How many rows there are, that of the others included.
    pub fn len(&self) -> usize {
        self.groups.len() + usize::from(self.others > 0)
    }

    /// Whether no group has a document.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The row of a group.
    pub fn place(&self, group: u32) -> Option<usize> {
        self.place.get(group as usize).filter(|&&place| place != u32::MAX).map(|&place| place as usize)
    }

    /// The rows of a document, each once.
    fn places(&self, codes: &[u32], into: &mut Vec<usize>) {
        into.clear();
        for place in codes.iter().filter_map(|&code| self.place(code)) {
            if !into.contains(&place) {
                into.push(place);
            }
        }
    }
}

/// How many documents belong to a row and a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossTable {
    pub rows: usize,
    pub columns: usize,
    /// Row after row.
    pub cells: Vec<u32>,
    /// Documents of each row that have a column, and the other way round.
    pub row_totals: Vec<u32>,
    pub column_totals: Vec<u32>,
    /// Documents that have both.
    pub documents: u32,
}

impl CrossTable {
    /// The number in a cell.
    pub fn cell(&self, row: usize, column: usize) -> u32 {
        self.cells[row * self.columns + column]
    }

    /// Which share of the row's documents a cell has, in [0, 1]; 0 in an empty row.
    pub fn row_share(&self, row: usize, column: usize) -> f64 {
        f64::from(self.cell(row, column)) / f64::from(self.row_totals[row].max(1))
    }
}

/// Counts `documents` by pairs of groups.
pub fn cross(
    (rows, shown_rows): (Groups<'_>, &Shown),
    (columns, shown_columns): (Groups<'_>, &Shown),
    documents: impl Iterator<Item = u32>,
) -> CrossTable {
    let (height, width) = (shown_rows.len(), shown_columns.len());
    let mut table = CrossTable {
        rows: height,
        columns: width,
        cells: vec![0; height * width],
        row_totals: vec![0; height],
        column_totals: vec![0; width],
        documents: 0,
    };
    let (mut of_rows, mut of_columns) = (Vec::new(), Vec::new());
    for document in documents {
        shown_rows.places(rows.of(document), &mut of_rows);
        shown_columns.places(columns.of(document), &mut of_columns);
        if of_rows.is_empty() || of_columns.is_empty() {
            continue;
        }
        table.documents += 1;
        of_rows.iter().for_each(|&row| table.row_totals[row] += 1);
        of_columns.iter().for_each(|&column| table.column_totals[column] += 1);
        for &row in &of_rows {
            for &column in &of_columns {
                table.cells[row * width + column] += 1;
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: u32 = u32::MAX;

    #[test]
    fn a_document_counts_once_in_each_of_its_groups() {
        let several = Groups::Several { offsets: &[0, 3, 3, 4], codes: &[0, 1, 0, 1] };
        assert_eq!(counts(several, 2, 0..3), Counts { of: vec![1, 2], filled: 2 });
        assert_eq!(counts(Groups::One(&[1, NONE, 1]), 2, 0..3), Counts { of: vec![0, 2], filled: 2 });
    }

    #[test]
    fn small_groups_share_a_row_and_ordered_ones_keep_their_order() {
        let counts = Counts { of: vec![1, 9, 0, 5, 3], filled: 18 };
        let shown = Shown::of(&counts, 2, false);
        assert_eq!((shown.groups.as_slice(), shown.others, shown.len()), (&[1, 3][..], 2, 3));
        let places: Vec<_> = (0..6).map(|group| shown.place(group)).collect();
        assert_eq!(places, [Some(2), Some(0), None, Some(1), Some(2), None]);
        assert_eq!(Shown::of(&counts, 4, true).groups, [0, 1, 3, 4]);
        assert_eq!(Shown::of(&counts, 2, true).groups, [1, 3]);
    }

    #[test]
    fn shares_are_those_of_a_row() {
        let (a, b) = ([0, 0, 0, 1, NONE], [0, 1, 1, 1, 0]);
        let (rows, columns) = (Groups::One(&a), Groups::One(&b));
        let shown = |groups| Shown::of(&counts(groups, 2, 0..5), 12, true);
        let table = cross((rows, &shown(rows)), (columns, &shown(columns)), 0..5);
        assert_eq!(table.cells, [1, 2, 0, 1]);
        assert_eq!((table.row_totals.as_slice(), table.documents), (&[3, 1][..], 4));
        assert_eq!(table.row_share(0, 1), 2.0 / 3.0);
    }

    proptest! {
        #[test]
        fn every_document_with_both_is_in_one_cell(
            pairs in prop::collection::vec((0u32..9, 0u32..9), 0..80), most in 1usize..10, ordered in any::<bool>(),
        ) {
            // Groups from 7 on are none.
            let (a, b): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
            let (rows, columns) = (Groups::One(&a), Groups::One(&b));
            let all = 0..a.len() as u32;
            let shown = |groups| Shown::of(&counts(groups, 7, 0..a.len() as u32), most, ordered);
            let (shown_rows, shown_columns) = (shown(rows), shown(columns));
            let table = cross((rows, &shown_rows), (columns, &shown_columns), all);
            let both = pairs.iter().filter(|(a, b)| *a < 7 && *b < 7).count() as u32;
            prop_assert_eq!(table.cells.iter().sum::<u32>(), both);
            prop_assert_eq!(table.documents, both);
            prop_assert_eq!(table.row_totals.iter().sum::<u32>(), both);
            prop_assert!(shown_rows.groups.len() <= most);
            for (row, column) in (0..table.rows).flat_map(|r| (0..table.columns).map(move |c| (r, c))) {
                let within = |&&(a, b): &&(u32, u32)| {
                    shown_rows.place(a) == Some(row) && shown_columns.place(b) == Some(column)
                };
                prop_assert_eq!(table.cell(row, column) as usize, pairs.iter().filter(within).count());
            }
        }
    }
}
