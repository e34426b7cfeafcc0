//! What is special about a selection: words, phrases and column values that set it apart.

use crate::data::{Corpus, Mask};
use crate::job::Ctx;
use crate::math::special_terms::{SpecialTerm, special_terms};
use crate::math::special_values::{SpecialValue, special_values};

use super::StageError;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecialParams {
    /// Terms at most.
    pub terms: usize,
    /// Values at most.
    pub values: usize,
}

impl Default for SpecialParams {
    fn default() -> Self {
        Self { terms: 30, values: 60 }
    }
}

/// One side of the comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    pub documents: u32,
    /// Those with a text.
    pub texts: u32,
}

/// What sets a selection apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Special {
    pub inside: Side,
    pub outside: Side,
    /// The surest first.
    pub terms: Vec<SpecialTerm>,
    /// The greatest effect first.
    pub values: Vec<SpecialValue>,
    /// How many terms and how many values were compared: what is told is what stands out of so many.
    pub tested_terms: usize,
    pub tested_values: usize,
}

/// Why nothing can be said to be special.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingToCompare {
    #[error("Nothing is selected. Select some documents first.")]
    NothingSelected,
    #[error("One document alone shows no pattern. Select two or more.")]
    OneDocument,
    #[error(
        "All documents are selected, so that there is nothing to compare them with. Select some of them."
    )]
    NothingElse,
}

/// Compares the documents of `selection` with those of `ground` that are not in it, or with all others.
///
/// The inner error says that there is nothing to compare. Of documents that do not differ, or have no texts and no
/// columns, the lists are empty. No sampling: every text of both sides is read.
pub fn run(
    corpus: &Corpus,
    selection: &Mask,
    ground: Option<&Mask>,
    params: SpecialParams,
    ctx: &Ctx,
) -> Result<Result<Special, NothingToCompare>, StageError> {
    let others = selection.not();
    let ground = ground.map_or_else(|| others.clone(), |ground| others.and(ground));
    match (selection.count(), ground.count()) {
        (0, _) => return Ok(Err(NothingToCompare::NothingSelected)),
        (_, 0) => return Ok(Err(NothingToCompare::NothingElse)),
        (1, _) => return Ok(Err(NothingToCompare::OneDocument)),
        _ => {}
    }
    let values =
        special_values(&corpus.columns, &corpus.text_columns, selection, &ground, params.values, ctx)?;
    let terms = special_terms(&|i| corpus.text(i), selection, &ground, params.terms, ctx)?;
    Ok(Ok(Special {
        inside: Side { documents: selection.count() as u32, texts: terms.texts_inside },
        outside: Side { documents: ground.count() as u32, texts: terms.texts_outside },
        tested_terms: terms.tested,
        tested_values: values.tested,
        terms: terms.terms,
        values: values.values,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::read::testing::corpus_of;
    use crate::math::special_values::Shown;

    fn corpus() -> Corpus {
        let mut csv = String::from("text,colour,price\n");
        for i in 0..60 {
            let row = match i {
                0..20 => format!("The old violin number {i} sounds warm,brown,{}\n", 500 + i),
                _ => format!("The new drum number {i} sounds loud,{},{}\n", ["red", "blue"][i % 2], 10 + i),
            };
            csv.push_str(&row);
        }
        corpus_of("a.csv", &csv)
    }

    fn ask(selection: &Mask, ground: Option<&Mask>) -> Result<Special, NothingToCompare> {
        run(&corpus(), selection, ground, SpecialParams::default(), &Ctx::quiet()).unwrap()
    }

    #[test]
    fn a_selection_is_told_by_its_words_its_values_and_its_numbers() {
        let found = ask(&Mask::of_fn(60, |i| i < 20), None).unwrap();
        assert_eq!((found.inside, found.outside.documents), (Side { documents: 20, texts: 20 }, 40));
        assert!(found.terms.iter().any(|term| term.term.contains("violin")), "{:?}", found.terms);
        assert!(found.terms.iter().all(|term| !term.term.contains("drum")), "{:?}", found.terms);
        let brown = found.values.iter().find(|value| value.column == 1).unwrap();
        assert!(matches!(brown.shown, Shown::Level { .. }) && brown.effect > 3.0, "{brown:?}");
        let price = found.values.iter().find(|value| value.column == 2).unwrap();
        assert!(matches!(price.shown, Shown::Numbers { .. }) && price.effect > 3.0, "{price:?}");
    }

    #[test]
    fn the_ground_may_be_a_part_of_the_others_and_never_holds_the_selection() {
        let ground = Mask::of_fn(60, |i| i < 30);
        let found = ask(&Mask::of_fn(60, |i| i < 20), Some(&ground)).unwrap();
        assert_eq!(found.outside, Side { documents: 10, texts: 10 });
    }

    #[test]
    fn where_there_is_nothing_to_compare_it_says_so() {
        assert_eq!(ask(&Mask::none(60), None), Err(NothingToCompare::NothingSelected));
        assert_eq!(ask(&Mask::all(60), None), Err(NothingToCompare::NothingElse));
        assert_eq!(ask(&Mask::of_documents(60, &[3]), None), Err(NothingToCompare::OneDocument));
        let selection = Mask::of_fn(60, |i| i < 20);
        assert_eq!(ask(&selection, Some(&selection)), Err(NothingToCompare::NothingElse));
    }

    #[test]
    fn documents_without_texts_are_compared_by_their_columns_alone() {
        let rows: String =
            (0..40).map(|i| format!(",{},{i}\n", if i < 20 { "left" } else { "right" })).collect();
        let corpus = corpus_of("a.csv", &format!("text,side,n\n{rows}")).with_text_columns(vec![0]);
        let selection = Mask::of_fn(40, |i| i < 20);
        let found = run(&corpus, &selection, None, SpecialParams::default(), &Ctx::quiet()).unwrap().unwrap();
        assert_eq!((found.inside, found.terms.len()), (Side { documents: 20, texts: 0 }, 0));
        assert!(found.values.iter().any(|value| value.column == 1), "{:?}", found.values);
    }
}
