//! What a selection becomes with other documents.

/// How documents join the selection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Combine {
    /// They take its place.
    #[default]
    Replace,
    Add,
    Remove,
    /// Only what is in both stays.
    Intersect,
}

impl Combine {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Replace, Self::Add, Self::Remove, Self::Intersect];

    /// The selection that `selection` becomes with `documents`, both ascending.
    pub fn of(self, selection: &[u32], documents: &[u32]) -> Vec<u32> {
        let selected = |id: &u32| selection.binary_search(id).is_ok();
        let named = |id: &u32| documents.binary_search(id).is_ok();
        match self {
            Self::Replace => documents.to_vec(),
            Self::Add => {
                let mut all: Vec<u32> = selection.to_vec();
                all.extend(documents.iter().filter(|id| !selected(id)));
                all.sort_unstable();
                all
            }
            Self::Remove => selection.iter().copied().filter(|id| !named(id)).collect(),
            Self::Intersect => selection.iter().copied().filter(named).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Combine;

    #[test]
    fn documents_join_a_selection_leave_it_or_cut_it_down() {
        let of = |how: Combine| how.of(&[1, 3, 5], &[2, 3, 9]);
        assert_eq!(Combine::ALL.map(of), [vec![2, 3, 9], vec![1, 2, 3, 5, 9], vec![1, 5], vec![3]]);
    }
}
