//! A sentence as it is typed: where it would lie on the map, what is near it, and what each of its words does for that.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use crate::data::{Knn, Layout, Mask, Matrix};
use crate::embed::{EmbedParams, Embedder, Long, Texts};
use crate::job::Ctx;
use crate::math::language;
use crate::math::nearest_to::{cosine, nearest_to};
use crate::math::newcomers::List;
use crate::math::place::Refinement;
use crate::math::place_one;
pub use crate::math::text_pieces::Grain;
use crate::math::text_pieces::{pieces, without};
use crate::math::vector;
use crate::model::Languages;

use super::{MapMethod, MapParams, StageError};

/// So many words are left out at most, one at a time: longer texts come apart into clauses.
pub const MOST_PIECES: usize = 60;

/// A language is told of where it is this sure: short sentences are easily taken for another.
const SURE: f64 = 0.9;

/// A text of which the model knows less than this share of the pieces it reads is told of.
const KNOWN_ENOUGH: f32 = 0.5;

/// What is worth keeping between two probes of one map: at a million points it takes a fraction of a second to make.
pub struct Ground {
    inner: place_one::Ground,
    k: usize,
}

impl Ground {
    /// Of a map, with the parameters that made it.
    pub fn of(knn: &Knn, layout: &Layout, params: &MapParams) -> Self {
        let refinement = match MapMethod::named(&layout.method) {
            Some(MapMethod::Umap) => Refinement::Umap(&params.umap),
            Some(MapMethod::Tsne) => Refinement::Tsne(&params.tsne),
            Some(MapMethod::Pca) | None => Refinement::None,
        };
        Self { inner: place_one::Ground::of(knn, &layout.positions, refinement), k: knn.k }
    }
}

/// The space that a text is put into.
#[derive(Clone, Copy)]
pub struct Space<'a> {
    /// The model that made `matrix`, and how.
    pub embedder: &'a Embedder,
    pub embed: &'a EmbedParams,
    pub matrix: &'a Matrix,
    pub layout: &'a Layout,
    /// Of that layout.
    pub ground: &'a Ground,
}

/// What is wanted to know.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// Documents in the list of the nearest.
    pub nearest: usize,
    /// Documents that may be in that list; the place on the map is the same whatever is filtered.
    pub within: Option<&'a Mask>,
    /// Whether each word is left out in turn.
    pub words: bool,
}

/// A text in a space.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Of length one.
    pub vector: Vec<f32>,
    /// Where a newcomer with this vector lies ([`place_one::Ground::place`]).
    pub place: [f32; 2],
    /// The nearest documents and their cosines, nearest first.
    pub nearest: Vec<(u32, f32)>,
    /// The share of the map's documents that are nearer to their neighbours than this is to its own: above
    /// [`POOR`](super::place::POOR) it says something that no document does, and its place says little.
    pub misfit: f32,
    /// The bytes of the text that count; see `remarks` where these are not all.
    pub read: Range<usize>,
    /// What `words` are; `None` where none were left out.
    pub grain: Option<Grain>,
    /// In the order of the text.
    pub words: Vec<WordPull>,
    /// What a person should know about how far this can be trusted, as sentences.
    pub remarks: Vec<String>,
}

/// What a word (or a clause) does for a text: the text is compared with what is left without it.
///
/// Words that say the same stand in for each other: leaving out either moves little.
#[derive(Clone, Debug, PartialEq)]
pub struct WordPull {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// On the map, from the place without it to the place with it.
    pub shift: [f32; 2],
    /// Between the vectors with and without it: the lower, the more the word says.
    pub cosine: f32,
    /// Of the nearest documents the one that it pulls towards the most, and the cosine gained; `None` where it pulls
    /// away from all of them.
    pub towards: Option<(u32, f32)>,
    /// Of the nearest documents the one that it pulls away from the most, and the cosine lost.
    pub away_from: Option<(u32, f32)>,
}

impl WordPull {
    /// How far on the map it moves the text.
    pub fn distance(&self) -> f32 {
        self.shift[0].hypot(self.shift[1])
    }
}

/// Puts `text` into a space. The same text gives the same answer.
///
/// The vector is the model's; the nearest documents are found by comparing all. The text is held against the model
/// as documents are, by the parameters that made the space: what is beyond the model's window has no part in it, and a
/// sentence of a few words in a space of long documents is near to none of them. Leaving a word out changes how the model
/// reads all others, so that the moves of single words do not add up to where the text lies.
///
/// # Errors
/// If there is no word in it, if the model knows nothing of it, if the space is not this model's, or if the work is
/// stopped.
pub fn run(text: &str, space: Space<'_>, asking: Asking<'_>, ctx: &Ctx) -> Result<Probe, StageError> {
    let Space { embedder, matrix, layout, ground, .. } = space;
    if embedder.dim() != matrix.dim() {
        return Err(StageError::Failed(format!(
            "{} makes vectors of {} components and this space has {}: open the space's own model to try sentences in it.",
            embedder.name(),
            embedder.dim(),
            matrix.dim()
        )));
    }
    let n = matrix.rows();
    if n == 0 || layout.positions.len() != n || ground.inner.points() != n {
        return Err(StageError::Failed(
            "There is no map of these documents that a sentence could be placed on: compute the map again."
                .into(),
        ));
    }
    let (read, mut remarks) = read_by_model(text, space);
    let (grain, parts) =
        if asking.words { pieces(&text[read.clone()], MOST_PIECES) } else { (Grain::Words, Vec::new()) };
    // A word on its own leaves nothing to compare with.
    let parts = if parts.len() > 1 { parts } else { Vec::new() };
    let mut variants: Vec<Cow<'_, str>> = vec![Cow::Borrowed(&text[read.clone()])];
    variants.extend(parts.iter().map(|part| Cow::Owned(without(&text[read.clone()], part))));
    let vectors = embedded(&variants, space, ctx)?;
    let dim = matrix.dim();
    let vector = &vectors[..dim];
    if vector.iter().all(|&v| v == 0.0) {
        return Err(StageError::Failed("There is no word in this text: write some.".into()));
    }

    let found = nearest_to(matrix, &vectors, ground.k.max(1).min(n), None, ctx)?;
    let places: Vec<[f32; 2]> = found
        .par_iter()
        .map(|near| ground.inner.place(&layout.positions, near).unwrap_or_default())
        .collect();
    let listed = match asking.within {
        None if asking.nearest <= found[0].len() => found[0][..asking.nearest].to_vec(),
        within => nearest_to(matrix, vector, asking.nearest, within, ctx)?.pop().unwrap_or_default(),
    };
    let words = parts
        .iter()
        .zip(vectors.chunks_exact(dim).zip(&places).skip(1))
        // What is left says nothing: there is no place to compare with.
        .filter(|(_, (left, _))| left.iter().any(|&v| v != 0.0))
        .map(|(part, (left, &place))| {
            let range = read.start + part.start..read.start + part.end;
            pull(range, (vector, left), (places[0], place), matrix, &listed)
        })
        .collect();
    if let (Grain::Clauses | Grain::Runs(_), false) = (grain, parts.is_empty()) {
        remarks.push(match grain {
            Grain::Runs(each) => {
                format!(
                    "With more than {MOST_PIECES} words, stretches of {each} words are left out together."
                )
            }
            _ => format!("With more than {MOST_PIECES} words, whole clauses are left out, not single words."),
        });
    }
    Ok(Probe {
        vector: vector.to_vec(),
        place: places[0],
        nearest: listed.iter().map(|&(similarity, row)| (row, similarity)).collect(),
        misfit: ground.inner.misfit(&found[0]),
        read,
        grain: (!parts.is_empty()).then_some(grain),
        words,
        remarks,
    })
}

/// Where a newcomer with this vector (of length one) would lie, whatever made it; `None` where nothing is near. All
/// documents are compared.
///
/// # Errors
/// If the vectors, the map and what is kept of it are not of the same documents, or if the work is stopped.
pub fn place_of(
    vector: &[f32],
    matrix: &Matrix,
    layout: &Layout,
    ground: &Ground,
    ctx: &Ctx,
) -> Result<Option<[f32; 2]>, StageError> {
    let n = matrix.rows();
    if n == 0 || vector.len() != matrix.dim() || layout.positions.len() != n || ground.inner.points() != n {
        return Err(StageError::Failed("There is no map of these vectors: compute the map again.".into()));
    }
    let found = nearest_to(matrix, vector, ground.k.max(1).min(n), None, ctx)?;
    Ok(found.first().and_then(|near| ground.inner.place(&layout.positions, near)))
}

/// The part of `text` that the model reads, and what is to be said about that.
fn read_by_model(text: &str, space: Space<'_>) -> (Range<usize>, Vec<String>) {
    let (embedder, limit) = (space.embedder, space.embedder.limit(space.embed));
    let mut remarks = Vec::new();
    let tokens = |end: usize| embedder.count_tokens(&[&text[..end]])[0];
    let all = tokens(text.len());
    let mut read = 0..text.len();
    if all > limit && space.embed.long == Long::Truncate {
        let ends: Vec<usize> = text.unicode_word_indices().map(|(at, word)| at + word.len()).collect();
        let fits = ends.partition_point(|&end| tokens(end) <= limit);
        // A first word that is too long by itself is cut by the model.
        if let Some(&end) = fits.checked_sub(1).and_then(|last| ends.get(last)) {
            read.end = end;
        }
        remarks.push(format!(
            "{} reads the first {limit} tokens of a text, and this one has {all}: only its first {fits} words count.",
            embedder.name()
        ));
    }
    let read_text = &text[read.clone()];
    let known = embedder.known_share(read_text);
    if known < KNOWN_ENOUGH {
        remarks.push(format!(
            "{} knows {:.0} % of what is written here: where it lies says little.",
            embedder.name(),
            100.0 * known
        ));
    }
    let foreign = language::detect(read_text).filter(|found| found.confidence >= SURE);
    if let Some(found) = foreign
        .filter(|found| embedder.languages() == Languages::English && found.language.eng_name() != "English")
    {
        remarks.push(format!(
            "This looks like {}, which {} was not trained on: where it lies says little. A multilingual model can be \
             chosen under Embedding.",
            found.language.eng_name(),
            embedder.name()
        ));
    }
    (read, remarks)
}

/// The vectors of `texts`, end to end, of length one, or zeros.
fn embedded(texts: &[Cow<'_, str>], space: Space<'_>, ctx: &Ctx) -> Result<Vec<f32>, StageError> {
    let dim = space.embedder.dim();
    let vectors = Mutex::new(vec![0.0f32; texts.len() * dim]);
    let asked = Texts { count: texts.len(), text: &|row| Cow::Borrowed(&*texts[row]), rows: None };
    let mut keep = |rows: &[usize], made: &[f32]| {
        let mut vectors = vectors.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (&row, made) in rows.iter().zip(made.chunks_exact(dim)) {
            let out = &mut vectors[row * dim..(row + 1) * dim];
            out.copy_from_slice(made);
            let factor = vector::inverse_norm(out);
            vector::scale(out, factor);
        }
        Ok(())
    };
    space.embedder.embed(&asked, space.embed, ctx, &mut keep).map_err(|error| {
        if ctx.cancel.is_cancelled() { StageError::Cancelled } else { StageError::failed(error) }
    })?;
    Ok(vectors.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

/// What the piece at `range` does, given vectors and places with and without it.
fn pull(
    range: Range<usize>,
    (with, left): (&[f32], &[f32]),
    (place, place_left): ([f32; 2], [f32; 2]),
    matrix: &Matrix,
    nearest: &List,
) -> WordPull {
    let gains = || nearest.iter().map(|&(similarity, row)| (row, similarity - cosine(matrix, left, row)));
    let towards = gains().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let away_from = gains().min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    WordPull {
        range,
        shift: [place[0] - place_left[0], place[1] - place_left[1]],
        cosine: vector::dot(with, left).clamp(-1.0, 1.0),
        towards: towards.filter(|&(_, gain)| gain > 0.0),
        away_from: away_from.filter(|&(_, gain)| gain < 0.0).map(|(row, gain)| (row, -gain)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, LazyLock};

    use super::*;
    use crate::data::{Corpus, RowMap};
    use crate::io::cache::Cache;
    use crate::io::read::testing::corpus_of;
    use crate::math::umap::UmapParams;
    use crate::model::DevicePreference;
    use crate::stage::map::{Inputs, Live};
    use crate::stage::place::{self, Settled};
    use crate::stage::{self, Computers, Params, Tools};

    const SUBJECTS: [(&str, [&str; 4]); 3] = [
        ("soup", ["onions", "carrots", "lentils", "leeks"]),
        ("telescope", ["galaxy", "comet", "nebula", "planet"]),
        ("violin", ["concerto", "sonata", "orchestra", "melody"]),
    ];
    const EACH: usize = 8;

    fn text(i: usize) -> String {
        let (subject, others) = SUBJECTS[i % 3];
        format!("{subject} {} {}", ["and", "with"][i / 12 % 2], others[i / 3 % 4])
    }

    struct Town {
        embedder: Arc<Embedder>,
        params: Params,
        matrix: Matrix,
        knn: Knn,
        layout: Layout,
        cache: Cache,
        _folder: tempfile::TempDir,
    }

    /// Made once for all tests.
    static TOWN: LazyLock<Town> = LazyLock::new(Town::new);

    impl Town {
        fn new() -> Self {
            let umap = UmapParams { epochs: Some(100), ..UmapParams::default() };
            let params = Params { map: MapParams { umap, ..MapParams::default() }, ..Params::default() };
            let ctx = Ctx::quiet();
            let embedder = stage::embed::embedder(&params, None, DevicePreference::Cpu, &ctx).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::open(Some(folder.path().into())).unwrap();
            let matrix = embed(&corpus(&[]), &embedder, &cache);
            let computers = Computers::cpu();
            let tools = Tools { cache: None, on: &computers };
            let knn = stage::neighbours::run(&matrix, &params.neighbours, tools, &ctx).unwrap();
            let inputs = Inputs { matrix: &matrix, knn: &knn, search: Some(&params.neighbours) };
            let layout = stage::map::run(&inputs, &params.map, None, &Live::default(), tools, &ctx).unwrap();
            Self { embedder, params, matrix, knn, layout, cache, _folder: folder }
        }

        fn ask(&self, text: &str, asking: Asking<'_>) -> Result<Probe, StageError> {
            self.ask_reading(None, text, asking)
        }

        fn ask_reading(
            &self,
            max_tokens: Option<usize>,
            text: &str,
            asking: Asking<'_>,
        ) -> Result<Probe, StageError> {
            let embed = EmbedParams { max_tokens, ..self.params.embed };
            let ground = Ground::of(&self.knn, &self.layout, &self.params.map);
            let space = Space {
                embedder: &self.embedder,
                embed: &embed,
                matrix: &self.matrix,
                layout: &self.layout,
                ground: &ground,
            };
            run(text, space, asking, &Ctx::quiet())
        }
    }

    fn corpus(more: &[&str]) -> Corpus {
        let texts = (0..3 * EACH).map(text).chain(more.iter().map(|text| text.to_string()));
        corpus_of("a.csv", &texts.fold(String::from("text\n"), |csv, text| csv + &text + "\n"))
    }

    fn embed(corpus: &Corpus, embedder: &Embedder, cache: &Cache) -> Matrix {
        stage::embed::run(corpus, embedder, &EmbedParams::default(), cache, &Ctx::quiet()).unwrap().matrix
    }

    const ASKING: Asking<'static> = Asking { nearest: 5, within: None, words: true };

    #[test]
    fn a_sentence_lies_where_a_newcomer_with_its_text_is_placed_and_is_near_its_subject() {
        let town = &*TOWN;
        let sentence = "The telescope showed us a comet";
        let probe = town.ask(sentence, ASKING).unwrap();
        assert!(probe.nearest.len() == 5 && probe.nearest.iter().all(|(row, _)| row % 3 == 1), "{probe:?}");
        assert!(probe.nearest.is_sorted_by(|a, b| a.1 >= b.1));
        let all = embed(&corpus(&[sentence]), &town.embedder, &town.cache);
        let settled = Settled { knn: &town.knn, layout: &town.layout, clusters: None };
        let rows = RowMap::appended(3 * EACH, 1);
        let placed =
            place::run(&all, &rows, &[], settled, &town.params, &Computers::cpu(), &Ctx::quiet()).unwrap();
        let [x, y] = placed.layout.positions[3 * EACH];
        let apart = (x - probe.place[0]).hypot(y - probe.place[1]);
        assert!(apart < 1.0, "{apart}");
        assert_eq!(probe.misfit, placed.misfits[0]);
    }

    #[test]
    fn the_word_that_names_the_subject_pulls_the_most_and_towards_it() {
        let town = &*TOWN;
        let sentence = "We talked about the violin yesterday";
        let probe = town.ask(sentence, ASKING).unwrap();
        assert_eq!((probe.grain, probe.words.len()), (Some(Grain::Words), 6));
        let most = probe.words.iter().min_by(|a, b| a.cosine.total_cmp(&b.cosine)).unwrap();
        assert_eq!(&sentence[most.range.clone()], "violin");
        assert!(most.towards.is_some_and(|(row, gain)| row % 3 == 2 && gain > 0.1), "{most:?}");
        assert!(probe.words.iter().all(|word| word.distance() <= most.distance()), "{:?}", probe.words);
    }

    #[test]
    fn a_filter_changes_the_list_and_not_the_place() {
        let town = &*TOWN;
        let mask = Mask::of_fn(3 * EACH, |i| i % 3 == 0);
        let sentence = "The telescope showed us a comet";
        let open = town.ask(sentence, ASKING).unwrap();
        let probe = town.ask(sentence, Asking { within: Some(&mask), words: false, ..ASKING }).unwrap();
        assert!(probe.nearest.len() == 5 && probe.nearest.iter().all(|(row, _)| row % 3 == 0));
        assert_eq!((probe.place, probe.misfit), (open.place, open.misfit));
        let ground = Ground::of(&town.knn, &town.layout, &town.params.map);
        let place = place_of(&probe.vector, &town.matrix, &town.layout, &ground, &Ctx::quiet()).unwrap();
        assert_eq!(place, Some(open.place), "its vector alone lies there, too");
        assert_eq!((probe.grain, probe.words), (None, Vec::new()));
    }

    #[test]
    fn what_the_model_cannot_read_well_is_said() {
        let town = &*TOWN;
        let sentence = |text: &str| match town.ask(text, ASKING) {
            Err(error) => error.to_string(),
            Ok(probe) => panic!("{probe:?}"),
        };
        assert!(sentence("").starts_with("There is no word"));
        assert!(sentence(" \n ").starts_with("There is no word"));
        let german = "Gestern haben wir uns lange über die schönen alten Geigen des Orchesters unterhalten.";
        let brief = Asking { words: false, ..ASKING };
        let probe = town.ask(german, brief).unwrap();
        assert!(probe.remarks.iter().any(|remark| remark.contains("German")), "{:?}", probe.remarks);
        assert!(town.ask("The telescope showed us a comet", brief).unwrap().remarks.is_empty());
    }

    #[test]
    fn of_a_text_beyond_the_models_window_only_the_beginning_counts() {
        let town = &*TOWN;
        let beginning = "The violin plays the sonata, and then some more. ".repeat(60);
        let long = format!("{beginning} The telescope saw a comet.");
        let probe = town.ask(&long, ASKING).unwrap();
        assert!(probe.read.end < beginning.len() && probe.read.end > 500, "{:?}", probe.read);
        assert!(
            probe.remarks[0].contains("tokens") && probe.remarks[1].contains("words"),
            "{:?}",
            probe.remarks
        );
        assert!(matches!(probe.grain, Some(Grain::Clauses | Grain::Runs(_))));
        assert!((2..=MOST_PIECES).contains(&probe.words.len()));
        let same = town.ask(&long[probe.read.clone()], Asking { words: false, ..ASKING }).unwrap();
        assert_eq!((same.vector, same.place), (probe.vector, probe.place));
    }
}
