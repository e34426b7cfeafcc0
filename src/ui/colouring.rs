//! From session values to one colour a point and a legend, on a worker, and only when the inputs changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Clusters, Corpus, DATE_EMPTY, Goals, Names, Typed, UNCLUSTERED};
use crate::math::local_outlier::OUTLIER;
use crate::session::{Classified, ColourBy, Session, StabilityAnswer, TornAndCrowded};
use crate::stage::honesty::{CROWDED, TORN};
use crate::stage::outliers::Outliers;
use crate::view::colour::{MapTheme, Packed, pack};
use crate::view::palette::Palette;
use crate::view::ramp::{Ramp, RampKind, around_zero, colours_for_numbers, robust_range};

use super::format;
use crate::job::derived::Same;

/// How much of the colour of its second explanation a document has.
const SECOND: f32 = 0.4;

/// One category or cluster of the legend.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The code of its points; `u32::MAX` for points without one.
    pub code: u32,
    pub title: String,
    pub count: usize,
    pub colour: [u8; 3],
}

/// What the colours mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Legend {
    /// One colour for all.
    Plain,
    /// Largest first, points without a value last.
    Entries(Vec<Entry>),
    /// A ramp from `low` to `high`; values beyond take the colours of its ends.
    Ramp { kind: RampKind, low: String, high: String, missing: usize },
}

/// The colours of all points.
#[derive(Debug)]
pub struct Paint {
    pub colours: Arc<Vec<Packed>>,
    /// The legend's code of every point, where the legend has entries.
    pub codes: Option<Arc<Vec<u32>>>,
    pub legend: Legend,
}

/// What the colours are made from.
#[derive(Clone, PartialEq)]
enum Values {
    Plain(usize),
    Labels(Same<Clusters>, Option<Same<Names>>),
    Column(Same<Corpus>, usize),
    Kept(Same<Vec<f32>>),
    Outliers(Same<Outliers>),
    Topics(Same<Classified>),
    Torn(Same<TornAndCrowded>),
    Crowded(Same<TornAndCrowded>),
    Shaky(Same<StabilityAnswer>),
    Goal(Same<Goals>),
    /// How surely documents satisfy an explanation, by its id.
    Explanation(Same<Goals>, u32),
}

/// Everything that the colours depend on.
#[derive(Clone, PartialEq)]
pub struct Inputs {
    values: Values,
    own: BTreeMap<u32, [u8; 3]>,
    dark: bool,
}

impl Inputs {
    /// What the session's points are to be coloured by now; what is not there yet gives one colour for all.
    pub fn of(session: &Session, dark: bool) -> Option<Self> {
        let corpus = session.corpus()?;
        let colouring = session.colouring().cloned().unwrap_or_default();
        let plain = Values::Plain(corpus.len());
        let labels = |clusters: &Arc<Clusters>, names: Option<&Arc<Names>>| {
            Values::Labels(Same(clusters.clone()), names.cloned().map(Same))
        };
        let values = match colouring.by {
            ColourBy::Cluster => {
                session.clusters().map_or(plain, |clusters| labels(clusters, session.names()))
            }
            ColourBy::Topic(level) => {
                session.topics().get(level).map_or(plain, |(topics, names)| labels(topics, Some(names)))
            }
            ColourBy::Column(i) if i < corpus.columns.len() => Values::Column(Same(corpus.clone()), i),
            ColourBy::Kept => {
                session.quality().map_or(plain, |quality| Values::Kept(Same(quality.kept.clone())))
            }
            ColourBy::Goal(goal) => match session.explanations(goal) {
                Some(goals) => Values::Goal(Same(goals.clone())),
                None => session
                    .goal_clusters(goal)
                    .map_or(plain, |(clusters, names)| labels(&clusters, Some(&names))),
            },
            ColourBy::Explanation(goal, id) => match session.explanations(goal) {
                Some(goals) if goals.place(id).is_some() => Values::Explanation(Same(goals.clone()), id),
                _ => plain,
            },
            ColourBy::Outliers => {
                session.outliers().map_or(plain, |outliers| Values::Outliers(Same(outliers.clone())))
            }
            ColourBy::Torn => session.honesty().map_or(plain, |map| Values::Torn(Same(map.clone()))),
            ColourBy::Crowded => session.honesty().map_or(plain, |map| Values::Crowded(Same(map.clone()))),
            ColourBy::Shaky => {
                session.stability().map_or(plain, |answer| Values::Shaky(Same(answer.clone())))
            }
            ColourBy::Searches => {
                session.coloured_searches().map_or(plain, |found| labels(&found.clusters, Some(&found.names)))
            }
            ColourBy::KeywordTopic => match session.classes().and_then(|classes| classes.classified) {
                Some(classified) => Values::Topics(Same(classified.clone())),
                None => plain,
            },
            ColourBy::Column(_) | ColourBy::Nothing => plain,
        };
        Some(Self { values, own: colouring.own_colours, dark })
    }

    /// Computes the colours.
    pub fn paint(&self) -> Paint {
        let theme = MapTheme::of(self.dark);
        match &self.values {
            Values::Plain(n) => plain(*n, theme),
            Values::Labels(Same(clusters), names) => {
                let names = names.as_ref().map(|Same(names)| names);
                let title = |code: u32| match names.and_then(|names| names.clusters.get(code as usize)) {
                    Some(name) => name.title.clone(),
                    None => format!("Cluster {}", u64::from(code) + 1),
                };
                self.categories(
                    theme,
                    Arc::new(clusters.labels.clone()),
                    clusters.count,
                    title,
                    &format!("Unclustered, {}", format::percent(clusters.left_out())),
                )
            }
            Values::Topics(Same(classified)) => {
                let (clusters, names) = (&classified.clusters, &classified.names);
                let title = |code: u32| names.clusters[code as usize].title.clone();
                let none = format!("No topic, {}", format::percent(clusters.left_out()));
                self.categories(theme, Arc::new(clusters.labels.clone()), clusters.count, title, &none)
            }
            Values::Column(Same(corpus), i) => match &corpus.columns[*i].typed {
                Typed::Text => plain(corpus.len(), theme),
                Typed::Category { levels, codes } => {
                    let title = |code: u32| levels[code as usize].clone();
                    self.categories(theme, Arc::new(codes.clone()), levels.len(), title, "No value")
                }
                Typed::List { levels, offsets, codes } => {
                    // A point has one colour: that of the value that stands first.
                    let first =
                        |pair: &[u64]| if pair[0] < pair[1] { codes[pair[0] as usize] } else { UNCLUSTERED };
                    let firsts = offsets.windows(2).map(first).collect();
                    let title = |code: u32| levels[code as usize].clone();
                    self.categories(theme, Arc::new(firsts), levels.len(), title, "No value")
                }
                Typed::Number(values) => numbers(values, theme, format::number),
                Typed::Date(moments) => {
                    let seconds = |&m: &i64| if m == DATE_EMPTY { f64::NAN } else { m as f64 };
                    let values: Vec<f64> = moments.iter().map(seconds).collect();
                    numbers(&values, theme, |value| format::date(value as i64))
                }
            },
            Values::Goal(Same(goals)) => self.goal(goals, theme),
            Values::Explanation(Same(goals), id) => {
                let explanation = goals.explanations.iter().find(|explanation| explanation.id == *id);
                let scores = explanation.map(|explanation| &explanation.scores);
                let values: Vec<f64> = scores.into_iter().flatten().map(|&score| f64::from(score)).collect();
                shares(&values, 1.0, theme, ["does not satisfy it", "satisfies it"])
            }
            Values::Outliers(Same(outliers)) => factors(&outliers.factors, theme),
            Values::Kept(Same(kept)) => {
                let values: Vec<f64> = kept.iter().map(|&share| f64::from(share)).collect();
                shares(&values, 1.0, theme, [&format::percent(0.0), &format::percent(1.0)])
            }
            Values::Torn(Same(map)) => {
                let values: Vec<f64> = map.honesty.torn.iter().map(|&torn| f64::from(torn)).collect();
                let high = 2.0 * f64::from(TORN);
                let said = format!("apart ({} or more)", format::percent(high));
                shares(&values, high, theme, ["together", &said])
            }
            Values::Crowded(Same(map)) => {
                let values: Vec<f64> =
                    map.honesty.crowded.iter().map(|&crowded| f64::from(crowded)).collect();
                let high = 2.0 * f64::from(CROWDED);
                let said = format!("among strangers ({})", format::percent(high));
                shares(&values, high, theme, ["among its own", &said])
            }
            Values::Shaky(Same(answer)) => {
                let stays = answer.survived.stability.stays.iter().zip(&answer.of.labels);
                // Whoever has no cluster cannot leave one.
                let leaves = |(&stays, &label): (&f32, &u32)| match label {
                    UNCLUSTERED => f64::NAN,
                    _ => 1.0 - f64::from(stays),
                };
                shares(&stays.map(leaves).collect::<Vec<_>>(), 1.0, theme, ["stays in every run", "in none"])
            }
        }
    }

    /// Each document in the colour of its best explanation, mixed with that of the second where it satisfies
    /// several.
    fn goal(&self, goals: &Goals, theme: &MapTheme) -> Paint {
        let (clusters, names) = (goals.clusters(), goals.names());
        let none = format!("Not covered, {}", format::percent(clusters.left_out()));
        let title = |code: u32| names.clusters[code as usize].title.clone();
        let mut paint =
            self.categories(theme, Arc::new(clusters.labels.clone()), clusters.count, title, &none);
        let palette = Palette::of(theme);
        let colour = |code: u32| self.own.get(&code).copied().unwrap_or_else(|| palette.colour(code));
        let mut second: Vec<(f32, u32)> = vec![(0.0, UNCLUSTERED); clusters.labels.len()];
        for explanation in &goals.explanations {
            for &document in &explanation.members {
                let i = document as usize;
                let score = explanation.scores[i];
                if clusters.labels[i] != explanation.id && score > second[i].0 {
                    second[i] = (score, explanation.id);
                }
            }
        }
        let mut colours = (*paint.colours).clone();
        for (i, &(_, other)) in second.iter().enumerate().filter(|(_, (_, other))| *other != UNCLUSTERED) {
            let (own, other) = (colour(clusters.labels[i]), colour(other));
            let mixed = std::array::from_fn(|c| {
                (SECOND * f32::from(other[c]) + (1.0 - SECOND) * f32::from(own[c])).round() as u8
            });
            colours[i] = pack(mixed);
        }
        paint.colours = Arc::new(colours);
        paint
    }

    fn categories(
        &self,
        theme: &MapTheme,
        codes: Arc<Vec<u32>>,
        count: usize,
        title: impl Fn(u32) -> String,
        none: &str,
    ) -> Paint {
        let palette = Palette::of(theme);
        let mut counts = vec![0usize; count];
        let mut without = 0;
        for &code in codes.iter() {
            match counts.get_mut(code as usize) {
                Some(n) => *n += 1,
                None => without += 1,
            }
        }
        let colour = |code: u32| self.own.get(&code).copied().unwrap_or_else(|| palette.colour(code));
        let entry = |code, title, count| Entry { code, title, count, colour: colour(code) };
        let mut entries: Vec<Entry> = (0u32..)
            .zip(&counts)
            .filter(|(_, n)| **n > 0)
            .map(|(code, &n)| entry(code, title(code), n))
            .collect();
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.count), entry.code));
        if without > 0 {
            entries.push(entry(UNCLUSTERED, none.to_owned(), without));
        }
        // Points are many and entries are few: each entry's colour is looked up once.
        let of_code: Vec<Packed> = (0..count as u32).map(|code| pack(colour(code))).collect();
        let of_none = pack(colour(UNCLUSTERED));
        let colours =
            codes.iter().map(|&code| of_code.get(code as usize).copied().unwrap_or(of_none)).collect();
        Paint { colours: Arc::new(colours), codes: Some(codes), legend: Legend::Entries(entries) }
    }
}

fn plain(n: usize, theme: &MapTheme) -> Paint {
    Paint { colours: Arc::new(vec![pack(theme.muted); n]), codes: None, legend: Legend::Plain }
}

/// Values from 0 to `high` or more; a document without one is grey.
fn shares(values: &[f64], high: f64, theme: &MapTheme, [from, to]: [&str; 2]) -> Paint {
    let missing = values.iter().filter(|value| !value.is_finite()).count();
    let kind = RampKind::Sequential;
    Paint {
        colours: Arc::new(colours_for_numbers(values, (0.0, high), Ramp::of(kind, theme))),
        codes: None,
        legend: Legend::Ramp { kind, low: from.into(), high: to.into(), missing },
    }
}

fn numbers(values: &[f64], theme: &MapTheme, label: impl Fn(f64) -> String) -> Paint {
    let missing = values.iter().filter(|value| !value.is_finite()).count();
    let Some(range) = robust_range(values) else { return plain(values.len(), theme) };
    let diverging = range.0 < 0.0 && range.1 > 0.0;
    let (kind, range) =
        if diverging { (RampKind::Diverging, around_zero(range)) } else { (RampKind::Sequential, range) };
    Paint {
        colours: Arc::new(colours_for_numbers(values, range, Ramp::of(kind, theme))),
        codes: None,
        legend: Legend::Ramp { kind, low: label(range.0), high: label(range.1), missing },
    }
}

/// Local outlier factors, from that of a document among its like; small differences there do not fill the ramp.
fn factors(factors: &[f32], theme: &MapTheme) -> Paint {
    let values: Vec<f64> = factors.iter().map(|&factor| f64::from(factor)).collect();
    let Some((_, high)) = robust_range(&values) else { return plain(values.len(), theme) };
    let range = (1.0, high.max(f64::from(OUTLIER)));
    let missing = values.iter().filter(|value| !value.is_finite()).count();
    let (low, high) = ("among others".to_owned(), format!("{} apart", format::number(range.1)));
    let kind = RampKind::Sequential;
    Paint {
        colours: Arc::new(colours_for_numbers(&values, range, Ramp::of(kind, theme))),
        codes: None,
        legend: Legend::Ramp { kind, low, high, missing },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Explanation, GoalView, Key};

    #[test]
    fn hardly_different_documents_do_not_fill_the_ramp_of_outliers() {
        let theme = MapTheme::of(true);
        let near = factors(&[0.99, 1.0, 1.01, f32::NAN], theme);
        assert_eq!(near.colours[0], near.colours[1]);
        let Legend::Ramp { low, high, missing, .. } = near.legend else { panic!("a ramp") };
        assert_eq!((low.as_str(), high.as_str(), missing), ("among others", "1.5 apart", 1));
    }

    fn inputs(labels: Vec<u32>, count: usize, own: &[(u32, [u8; 3])]) -> Inputs {
        let clusters = Clusters {
            key: Key::of("test", 1).finish(),
            strengths: vec![1.0; labels.len()],
            labels,
            count,
            method: "test".into(),
        };
        Inputs {
            values: Values::Labels(Same(Arc::new(clusters)), None),
            own: own.iter().copied().collect(),
            dark: true,
        }
    }

    #[test]
    fn the_legend_lists_the_largest_first_and_the_unclustered_last() {
        let paint = inputs(vec![1, 1, 0, UNCLUSTERED, UNCLUSTERED, UNCLUSTERED], 2, &[]).paint();
        let Legend::Entries(entries) = &paint.legend else { panic!() };
        let seen: Vec<_> = entries.iter().map(|e| (e.title.as_str(), e.count)).collect();
        assert_eq!(seen, [("Cluster 2", 2), ("Cluster 1", 1), ("Unclustered, 50.0%", 3)]);
    }

    #[test]
    fn points_have_the_colour_that_the_legend_shows() {
        let paint = inputs(vec![0, 1, UNCLUSTERED], 2, &[(1, [1, 2, 3])]).paint();
        let Legend::Entries(entries) = &paint.legend else { panic!() };
        for entry in entries {
            let at = paint.codes.as_ref().unwrap().iter().position(|c| *c == entry.code).unwrap();
            assert_eq!(paint.colours[at], pack(entry.colour), "{}", entry.title);
        }
        assert_eq!(paint.colours[1], pack([1, 2, 3]));
    }

    #[test]
    fn a_document_that_satisfies_several_explanations_has_the_colour_of_both() {
        let explanation = |id: u32, members: Vec<u32>, scores: Vec<f32>| Explanation {
            id,
            predicate: format!("is {id}"),
            title: format!("{id}"),
            members,
            only: 0,
            scores,
            exemplars: Vec::new(),
            near_misses: Vec::new(),
            held_out: None,
            name_area: None,
            proposed_by: String::new(),
            pinned: false,
        };
        let goals = Goals {
            key: Key::of("test", 1).finish(),
            asked: Key::of("test", 2).finish(),
            goal: "by topic".into(),
            view: GoalView::Meaning,
            why: String::new(),
            nuisances: Vec::new(),
            explanations: vec![
                explanation(4, vec![0, 1], vec![0.9, 0.8, 0.0, 0.0]),
                explanation(1, vec![1, 2], vec![0.0, 0.6, 0.9, 0.0]),
            ],
            best: vec![0, 0, 1, UNCLUSTERED],
            selection: None,
            proposed_by: String::new(),
            assigned_by: String::new(),
        };
        let own = [(4, [200, 0, 0]), (1, [0, 100, 0])].into_iter().collect();
        let values = Values::Goal(Same(Arc::new(goals)));
        let paint = Inputs { values, own, dark: true }.paint();
        let expected = [pack([200, 0, 0]), pack([120, 40, 0]), pack([0, 100, 0])];
        assert_eq!(paint.colours[..3], expected);
        assert_eq!(**paint.codes.as_ref().unwrap(), [4, 4, 1, UNCLUSTERED]);
        let Legend::Entries(entries) = &paint.legend else { panic!() };
        let titles: Vec<&str> = entries.iter().map(|entry| entry.title.as_str()).collect();
        assert_eq!(titles, ["4", "1", "Not covered, 25.0%"]);
    }

    #[test]
    fn numbers_on_both_sides_of_zero_diverge_about_it() {
        let paint = numbers(&[-1.0, 0.0, 3.0, f64::NAN], &MapTheme::LIGHT, format::number);
        let Legend::Ramp { kind: RampKind::Diverging, low, high, missing: 1 } = paint.legend else {
            panic!()
        };
        assert_eq!((low.as_str(), high.as_str()), ("−3", "3"));
    }
}
