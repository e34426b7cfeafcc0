//! What a person does to explanations: each deed makes new ones of those that there are.

use std::sync::Arc;

use crate::data::{Explanation, GoalDeed, Goals, Key, UNCLUSTERED};
use crate::job::Ctx;
use crate::math::goal_candidates::{Candidate, from_direction, from_parts};
use crate::math::goal_refine::{ROUNDS_AFTER_EDIT, Refined, refine};
use crate::math::goal_space::{gathered, make_unit, products};
use crate::math::kmeans::{KMeansParams, Metric, kmeans};

use super::super::StageError;
use super::assemble::{About, Meta, goals};
use super::naming::{self, Named};
use super::rounds::{Found, with_scores};
use super::{Explained, Inputs, Judged, Working, embedded, steer_read};

/// Fewer texts than this make no explanation of their own.
const FEWEST: usize = 12;
/// Other words for much the same texts share so many of them (Jaccard).
const SAME_TEXTS: f64 = 0.25;
/// A part of a split has so many texts on average, at least.
const TEXTS_A_PART: usize = 6;
/// Seedings of a split.
const RESTARTS: usize = 4;
/// Numbers of parts in which another explanation is looked for.
const PARTS: [usize; 3] = [2, 3, 5];
/// What lies just outside of an explanation: so many texts for each of its members, and the largest share of all.
const BESIDE: f64 = 1.5;
const BESIDE_SHARE: f64 = 0.5;

/// The explanations once `deed` was done to them.
pub(super) fn steered(
    inputs: &Inputs<'_>,
    before: &Explained,
    deed: &Arc<GoalDeed>,
    ctx: &Ctx,
) -> Result<Explained, StageError> {
    let asked = before.asked.with((**deed).clone());
    let key = Key::of("goal steered", 1).input(before.goals.key).params(deed).finish();
    let Some(working) = &before.working else {
        let goals = Arc::new(steer_read::steered(&before.goals, deed, (key, asked.key()))?);
        return Ok(Explained { asked, goals, working: None });
    };
    let metas = before.goals.explanations.iter().map(Meta::of).collect();
    let steering = Steering { inputs, before: &before.goals, working: (**working).clone(), metas, ctx };
    let (working, goals) = steering.done(deed, (key, asked.key()))?;
    Ok(Explained { asked, goals: Arc::new(goals), working: Some(Arc::new(working)) })
}

/// Explanations that are being changed.
struct Steering<'a> {
    inputs: &'a Inputs<'a>,
    before: &'a Goals,
    working: Working,
    metas: Vec<Meta>,
    ctx: &'a Ctx,
}

impl Steering<'_> {
    fn done(mut self, deed: &GoalDeed, (key, asked): (Key, Key)) -> Result<(Working, Goals), StageError> {
        self.ctx.progress.begin("Changing explanations", "texts", self.working.labels.len() as u64, 0);
        match deed {
            GoalDeed::Rename { which, predicate } => {
                let predicate = words(predicate)?;
                self.meta(*which)?.named = Named::given(predicate);
            }
            GoalDeed::Pin { which, pinned } => self.meta(*which)?.pinned = *pinned,
            GoalDeed::Ban { which, .. } => {
                let at = self.at(*which)?;
                self.metas.remove(at);
                self.working.banned.push(*which);
            }
            GoalDeed::Reword { which, predicate } => self.reword(*which, words(predicate)?)?,
            GoalDeed::Add { predicate } => {
                let predicate = words(predicate)?;
                let own = products(&self.working.compared.rows, &self.direction(predicate)?, self.ctx)?;
                self.add(own, Some(Named::given(predicate)), "your words", true)?;
            }
            GoalDeed::AddLike { documents } => {
                let direction = self.working.compared.directions(std::iter::once(documents.as_slice()));
                if direction.iter().all(|x| *x == 0.0) {
                    return Err(StageError::Failed("None of these documents has a text to go by.".into()));
                }
                let own = products(&self.working.compared.rows, &direction, self.ctx)?;
                self.add(own, None, "your examples", true)?;
            }
            GoalDeed::AddMissing => self.add_missing()?,
            GoalDeed::AddBeside { which } => self.add_beside(*which)?,
            GoalDeed::Merge { which } => self.merge(which)?,
            GoalDeed::Split { which, parts } => self.split(*which, *parts)?,
            GoalDeed::Judge { document, which, satisfies } => self.judge(*document, *which, *satisfies)?,
        }
        let scores = self.working.model.scores(self.working.compared.texts(&[], &[]), self.ctx)?;
        let (working, seed) = (self.working, KMeansParams::default().seed);
        let (n, about) = (self.inputs.corpus.len(), About::of(self.before, key, asked));
        let goals = goals(&working, &scores, &self.metas, about, seed, n, self.ctx)?;
        Ok((working, goals))
    }

    /// Where an explanation stands.
    fn at(&self, id: u32) -> Result<usize, StageError> {
        self.metas.iter().position(|meta| meta.id == id).ok_or_else(gone)
    }

    fn meta(&mut self, id: u32) -> Result<&mut Meta, StageError> {
        self.metas.iter_mut().find(|meta| meta.id == id).ok_or_else(gone)
    }

    /// The cluster that an explanation is.
    fn cluster(&self, id: u32) -> Result<usize, StageError> {
        self.at(id)?;
        self.working.ids.iter().position(|&other| other == id).ok_or_else(gone)
    }

    fn new_id(&mut self) -> u32 {
        self.working.next_id += 1;
        self.working.next_id - 1
    }

    /// Where words point among the texts, a unit vector.
    fn direction(&self, predicate: &str) -> Result<Vec<f32>, StageError> {
        let (compared, mean) = (&self.working.compared, &self.working.word_mean);
        if compared.features.is_some() {
            return naming::style_direction(predicate, &compared.rows, self.inputs.embedder, self.ctx);
        }
        let mut direction = embedded(self.inputs.embedder, &[predicate.to_owned()], self.ctx)?;
        direction.iter_mut().zip(mean.iter()).for_each(|(x, mean)| *x -= mean);
        make_unit(&mut direction, self.working.compared.rows.dim());
        Ok(direction)
    }

    fn scores(&self) -> Result<Vec<f32>, StageError> {
        Ok(self.working.model.scores(self.working.compared.texts(&[], &[]), self.ctx)?)
    }

    /// What a person said of single texts, for clusters with these ids.
    fn decided(&self) -> (Vec<u32>, Vec<(u32, u32)>) {
        let (mut fixed, mut barred) = (Vec::new(), Vec::new());
        for judged in &self.working.judged {
            let Some(c) = self.working.ids.iter().position(|&id| id == judged.id) else { continue };
            if judged.satisfies {
                fixed.resize(self.working.labels.len(), UNCLUSTERED);
                fixed[judged.row as usize] = c as u32;
            } else {
                barred.push((judged.row, c as u32));
            }
        }
        barred.sort_unstable();
        (fixed, barred)
    }

    fn take(&mut self, refined: Refined) {
        (self.working.labels, self.working.model) = (refined.labels, refined.model);
    }

    /// Refines `labels` of the clusters that [`Working::ids`] lists.
    fn refine(&mut self, labels: Vec<u32>) -> Result<(), StageError> {
        let (fixed, barred) = self.decided();
        let texts = self.working.compared.texts(&fixed, &barred);
        let refined = refine(texts, labels, self.working.ids.len(), ROUNDS_AFTER_EDIT, self.ctx)?;
        self.take(refined);
        Ok(())
    }

    fn reword(&mut self, which: u32, predicate: &str) -> Result<(), StageError> {
        let c = self.cluster(which)?;
        let direction = self.direction(predicate)?;
        let own = products(&self.working.compared.rows, &direction, self.ctx)?;
        let (scores, k) = (self.scores()?, self.working.model.k);
        // Words that mean the same texts lead the cluster on; where they mean others, these make a cluster of their
        // own, and those that it had are nobody's.
        let before = self.members(&self.before.explanations[self.at(which)?]);
        let meant = from_direction(&self.working.compared.rows, direction, 0, self.ctx)?;
        let meant = meant.map(|candidate| candidate.members).unwrap_or_default();
        let both = meant.iter().filter(|row| before.binary_search(row).is_ok()).count();
        let same = both as f64 >= SAME_TEXTS * (meant.len() + before.len() - both) as f64;
        if !same {
            let rest = self.new_id();
            self.working.ids[c] = rest;
            self.working.ids.push(which);
        }
        let (fixed, barred) = self.decided();
        let texts = self.working.compared.texts(&fixed, &barred);
        let refined = with_scores(texts, &scores, k, same.then_some(c), own, self.ctx)?;
        self.take(refined);
        let meta = self.meta(which)?;
        (meta.named, meta.pinned) = (Named::given(predicate), true);
        meta.proposed_by = "your words".into();
        Ok(())
    }

    /// Adds a cluster by its scores.
    fn add(
        &mut self,
        own: Vec<f32>,
        named: Option<Named>,
        proposed_by: &str,
        pinned: bool,
    ) -> Result<(), StageError> {
        let (scores, k) = (self.scores()?, self.working.model.k);
        let id = self.new_id();
        self.working.ids.push(id);
        let (fixed, barred) = self.decided();
        let texts = self.working.compared.texts(&fixed, &barred);
        let refined = with_scores(texts, &scores, k, None, own, self.ctx)?;
        self.take(refined);
        self.name_new(&[(id, named)], proposed_by, pinned)
    }

    /// Adds a cluster of some texts.
    fn add_texts(&mut self, texts: &[u32], proposed_by: &str) -> Result<(), StageError> {
        let id = self.new_id();
        let mut labels = self.working.labels.clone();
        texts.iter().for_each(|&row| labels[row as usize] = self.working.ids.len() as u32);
        self.working.ids.push(id);
        self.refine(labels)?;
        self.name_new(&[(id, None)], proposed_by, false)
    }

    /// Puts new explanations behind the others, named by their words where they have no name.
    fn name_new(
        &mut self,
        new: &[(u32, Option<Named>)],
        proposed_by: &str,
        pinned: bool,
    ) -> Result<(), StageError> {
        let nameless = new.iter().any(|(_, named)| named.is_none());
        let names = if nameless { self.names()? } else { Vec::new() };
        for (id, named) in new {
            let place = self.working.ids.iter().position(|other| other == id);
            let Some(named) = named.clone().or_else(|| names.get(place?).cloned()) else { continue };
            let proposed_by = proposed_by.to_owned();
            self.metas.push(Meta { id: *id, named, proposed_by, pinned });
        }
        Ok(())
    }

    /// Names for all clusters by what tells them apart now.
    fn names(&self) -> Result<Vec<Named>, StageError> {
        let params = crate::data::GoalParams { goal: self.before.goal.clone(), ..Default::default() };
        let compared = &self.working.compared;
        let seen = compared.seen(self.inputs, &params, self.ctx);
        let refined = Refined {
            labels: self.working.labels.clone(),
            model: self.working.model.clone(),
            scores: Vec::new(),
        };
        let given = vec![None; self.working.ids.len()];
        let proposed = Vec::new();
        naming::named(&seen, compared, &Found { refined, given, proposed, selection: None })
    }

    fn merge(&mut self, which: &[u32]) -> Result<(), StageError> {
        let mut clusters = which.iter().map(|&id| self.cluster(id)).collect::<Result<Vec<_>, _>>()?;
        clusters.sort_unstable();
        clusters.dedup();
        let &[first, ..] = clusters.as_slice() else { return Err(gone()) };
        if clusters.len() < 2 {
            return Ok(());
        }
        let (place, first_id) = (self.at(which[0])?, self.working.ids[first]);
        let titles = which.iter().map(|&id| Ok(self.metas[self.at(id)?].named.clone()));
        let titles = titles.collect::<Result<Vec<Named>, StageError>>()?;
        // Clusters after those that go move up.
        let mut new_of = vec![0u32; self.working.ids.len()];
        let mut next = 0u32;
        for (c, new) in new_of.iter_mut().enumerate() {
            if c != first && clusters.contains(&c) {
                continue;
            }
            *new = next;
            next += 1;
        }
        clusters.iter().skip(1).for_each(|&c| new_of[c] = new_of[first]);
        let labels = self.working.labels.iter().map(|&l| new_of.get(l as usize).copied().unwrap_or(l));
        let labels: Vec<u32> = labels.collect();
        let gone: Vec<u32> = clusters.iter().skip(1).map(|&c| self.working.ids[c]).collect();
        let id = self.new_id();
        self.working.ids.retain(|id| !gone.contains(id));
        for own in &mut self.working.ids {
            if *own == first_id {
                *own = id;
            }
        }
        for judged in &mut self.working.judged {
            if judged.id == first_id || gone.contains(&judged.id) {
                judged.id = id;
            }
        }
        self.refine(labels)?;
        let named = joined(&titles);
        let meta = Meta { id, named, proposed_by: "merged by you".into(), pinned: true };
        self.metas.insert(place, meta);
        self.metas.retain(|meta| !which.contains(&meta.id));
        Ok(())
    }

    fn split(&mut self, which: u32, parts: usize) -> Result<(), StageError> {
        let (c, at) = (self.cluster(which)?, self.at(which)?);
        let labels = &self.working.labels;
        let rows: Vec<u32> =
            (0..labels.len() as u32).filter(|&row| labels[row as usize] == c as u32).collect();
        if parts < 2 || rows.len() < parts * TEXTS_A_PART {
            return Err(StageError::Failed(format!(
                "“{}” has {} texts of its own, too few for {parts} finer explanations.",
                self.metas[at].named.title,
                rows.len()
            )));
        }
        let own = gathered(&self.working.compared.smooth, &rows);
        let params = KMeansParams {
            k: parts,
            restarts: RESTARTS,
            centre: false,
            metric: Metric::Euclidean,
            ..KMeansParams::default()
        };
        let found = kmeans(&own, &params, &self.ctx.untold())?;
        if found.count < 2 {
            return Err(StageError::Failed(format!(
                "The texts of “{}” are too much alike to be parted.",
                self.metas[at].named.title
            )));
        }
        let mut labels = labels.clone();
        let k = self.working.ids.len() as u32;
        let ids: Vec<u32> = (0..found.count).map(|_| self.new_id()).collect();
        for (&row, &part) in rows.iter().zip(&found.labels) {
            labels[row as usize] = if part == 0 { c as u32 } else { k + part - 1 };
        }
        self.working.ids[c] = ids[0];
        self.working.ids.extend(&ids[1..]);
        let Meta { named, proposed_by: _, pinned, .. } = self.metas.remove(at);
        self.refine(labels)?;
        let behind = self.metas.split_off(at);
        let new: Vec<(u32, Option<Named>)> = ids.into_iter().map(|id| (id, None)).collect();
        self.name_new(&new, &format!("a part of “{}”", named.title), pinned)?;
        self.metas.extend(behind);
        Ok(())
    }

    /// The members of an explanation before the deed, by rows.
    fn members(&self, explanation: &Explanation) -> Vec<u32> {
        let rows = explanation.members.iter();
        rows.filter_map(|&document| self.working.compared.row_of(document)).collect()
    }

    fn add_missing(&mut self) -> Result<(), StageError> {
        let banned = |label: u32| {
            let id = self.working.ids.get(label as usize);
            id.is_some_and(|id| self.working.banned.contains(id))
        };
        let documents = self.working.compared.documents.iter();
        let rows: Vec<u32> = documents
            .zip(&self.working.labels)
            .enumerate()
            .filter(|(_, (document, label))| {
                self.before.best[**document as usize] == UNCLUSTERED && !banned(**label)
            })
            .map(|(row, _)| row as u32)
            .collect();
        if rows.len() < FEWEST {
            return Err(StageError::Failed(format!(
                "Only {} documents are left that no explanation covers: too few for one of their own.",
                rows.len()
            )));
        }
        let texts = self.clearest(&rows, "what no explanation covers")?;
        self.add_texts(&texts, "what no explanation covered")
    }

    fn add_beside(&mut self, which: u32) -> Result<(), StageError> {
        let (c, at) = (self.cluster(which)?, self.at(which)?);
        let title = self.metas[at].named.title.clone();
        let explanation = &self.before.explanations[at];
        let members = self.members(explanation);
        let (scores, k) = (self.scores()?, self.working.model.k);
        let n = self.working.labels.len();
        let mut outside: Vec<u32> = (0..n as u32).filter(|row| members.binary_search(row).is_err()).collect();
        let score = |row: u32| scores[row as usize * k + c];
        outside.sort_unstable_by(|&a, &b| score(b).total_cmp(&score(a)).then(a.cmp(&b)));
        let most = (BESIDE * members.len() as f64).min(BESIDE_SHARE * n as f64) as usize;
        outside.truncate(most.max(2 * FEWEST));
        outside.sort_unstable();
        if outside.len() < FEWEST {
            return Err(StageError::Failed(format!("Almost all texts satisfy “{title}” already.")));
        }
        let texts = self.clearest(&outside, &format!("what lies beside “{title}”"))?;
        self.add_texts(&texts, &format!("beside “{title}”"))
    }

    /// Of some texts those that make the clearest explanation.
    fn clearest(&self, rows: &[u32], what: &str) -> Result<Vec<u32>, StageError> {
        let compared = &self.working.compared;
        let found = from_parts(&compared.rows, &compared.smooth, rows, &PARTS, 0, self.ctx)?;
        let hits = |candidate: &Candidate| -> Vec<u32> {
            candidate.members.iter().copied().filter(|row| rows.binary_search(row).is_ok()).collect()
        };
        let worth = |candidate: &Candidate, hits: usize| {
            let beyond = candidate.members.len() - hits;
            f64::from(candidate.separation) * (hits as f64 - 0.5 * beyond as f64)
        };
        let of = found.iter().map(|candidate| {
            let hits = hits(candidate);
            (worth(candidate, hits.len()), hits)
        });
        let best = of.filter(|(_, hits)| hits.len() >= FEWEST).max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, hits)| hits)
            .ok_or_else(|| StageError::Failed(format!("No group stands out among {what}.")))
    }

    fn judge(&mut self, document: u32, which: u32, satisfies: bool) -> Result<(), StageError> {
        let c = self.cluster(which)?;
        let Some(row) = self.working.compared.row_of(document) else {
            return Err(StageError::Failed("A document without text satisfies nothing.".into()));
        };
        self.working.judged.retain(|judged| (judged.row, judged.id) != (row, which));
        self.working.judged.push(Judged { row, id: which, satisfies });
        let mut labels = self.working.labels.clone();
        if satisfies {
            labels[row as usize] = c as u32;
        }
        self.refine(labels)
    }
}

/// The words of a predicate, if there are any.
pub(super) fn words(predicate: &str) -> Result<&str, StageError> {
    let words = predicate.trim();
    let empty =
        || StageError::Failed("An explanation needs words, such as “mentions a late delivery”.".into());
    if words.is_empty() { Err(empty()) } else { Ok(words) }
}

pub(super) fn gone() -> StageError {
    StageError::Failed("This explanation is not there any more.".into())
}

/// The name of several explanations in one: the words of all, the form of the first.
pub(super) fn joined(names: &[Named]) -> Named {
    let titles: Vec<&str> = names.iter().map(|named| named.title.as_str()).collect();
    let title = titles.join(" or ");
    let form = names.first().and_then(|first| first.predicate.strip_suffix(&first.title)).unwrap_or_default();
    Named { predicate: format!("{form}{title}"), title, area: None }
}
