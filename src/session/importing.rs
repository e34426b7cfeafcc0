//! The import sheet's work: first rows, the whole file, and the counts, each in a job.

use std::path::PathBuf;
use std::sync::Arc;

use crate::data::Corpus;
use crate::io::read::{self, Peek, ReadOptions};
use crate::job::{Job, Outcome};
use crate::model::DevicePreference;
use crate::stage::append::Duplicates;
use crate::stage::join::{self, JoinBy, Suggestion};
use crate::stage::{Params, StageError, Survey, embed, open, survey};

use super::space::LoadedModel;
use super::{Import, Purpose, Wake};

/// The sheet and its jobs; dropping it cancels them.
pub(super) struct Importing {
    pub sheet: Import,
    wake: Wake,
    peeking: Option<Job<Result<Peek, StageError>>>,
    reading: Option<Job<Result<Corpus, StageError>>>,
    counting: Option<Job<Result<(Survey, LoadedModel), StageError>>>,
    embedder: Option<LoadedModel>,
    /// What is open, which the file may join, until the two were compared.
    open: Option<Arc<Corpus>>,
    suggesting: Option<Job<Result<Option<Suggestion>, StageError>>>,
}

impl Importing {
    /// Opens a sheet and starts reading for it.
    pub fn start(
        path: PathBuf,
        vectors: Option<PathBuf>,
        options: ReadOptions,
        embedder: Option<LoadedModel>,
        open: Option<Arc<Corpus>>,
        wake: Wake,
    ) -> Self {
        let spawn_peek = {
            let (path, options) = (path.clone(), options.clone());
            Job::spawn("peek", wake.clone(), move |_| read::peek(&path, &options).map_err(StageError::failed))
        };
        let spawn_read = {
            let (path, options) = (path.clone(), options.clone());
            Job::spawn("read", wake.clone(), move |ctx| open::corpus(&path, &options, ctx))
        };
        let error = spawn_read.as_ref().err().map(|e| format!("The system gives no thread: {e}."));
        Self {
            sheet: Import {
                path,
                vectors,
                options,
                peek: None,
                corpus: None,
                survey: None,
                progress: None,
                error,
                purpose: Purpose::Open,
                duplicates: Duplicates::default(),
                join_by: None,
                join_found: None,
                confirmed: false,
            },
            wake,
            peeking: spawn_peek.ok(),
            reading: spawn_read.ok(),
            counting: None,
            embedder,
            open,
            suggesting: None,
        }
    }

    /// Whether it is still being found out by which columns the file would join.
    pub fn is_suggesting(&self) -> bool {
        self.suggesting.is_some()
    }

    /// Takes what the jobs have done.
    pub fn poll(&mut self, params: &Params) {
        if let Some(outcome) = self.peeking.as_ref().and_then(Job::poll) {
            self.peeking = None;
            self.sheet.peek = self.take(outcome);
        }
        if let Some(outcome) = self.reading.as_ref().and_then(Job::poll) {
            self.reading = None;
            if let Some(corpus) = self.take(outcome) {
                let corpus = Arc::new(corpus);
                self.sheet.corpus = Some(corpus.clone());
                self.compare(corpus);
                self.count(params);
            }
        }
        if let Some(outcome) = self.suggesting.as_ref().and_then(Job::poll) {
            self.suggesting = None;
            if let Outcome::Done(Ok(Some(Suggestion { own, other, found }))) = outcome {
                self.sheet.join_by.get_or_insert(JoinBy::Columns { own, other });
                self.sheet.join_found = Some(found);
            }
        }
        if let Some(outcome) = self.counting.as_ref().and_then(Job::poll) {
            self.counting = None;
            // Counts are a help: a failure to make them is told in the log and does not stop the import.
            match outcome {
                Outcome::Done(Ok((survey, embedder))) => {
                    self.sheet.survey = Some(survey);
                    self.embedder = Some(embedder);
                }
                Outcome::Done(Err(error)) => tracing::warn!("the texts could not be counted: {error}"),
                Outcome::Panicked(message) => tracing::error!("counting the texts panicked: {message}"),
            }
        }
        let running = self.reading.as_ref().map(Job::progress).or(self.counting.as_ref().map(Job::progress));
        self.sheet.progress = running.and_then(|progress| progress.snapshot());
        if self.sheet.error.is_some() {
            self.sheet.confirmed = false;
        }
    }

    /// Finds out what the file is most likely for: one with the texts of the open corpus brings more of them.
    fn compare(&mut self, corpus: Arc<Corpus>) {
        // Once: what a person has chosen since stays.
        let Some(open) = self.open.take() else { return };
        let alike = open.text_columns.iter().all(|&text| corpus.column(&open.columns[text].name).is_some());
        if alike {
            self.sheet.purpose = Purpose::Add;
        }
        self.suggesting = Job::spawn("suggest", self.wake.clone(), move |ctx| {
            join::suggest(&open, &corpus, ctx).map_err(StageError::from)
        })
        .ok();
    }

    fn take<T>(&mut self, outcome: Outcome<Result<T, StageError>>) -> Option<T> {
        match outcome {
            Outcome::Done(Ok(value)) => return Some(value),
            Outcome::Done(Err(StageError::Cancelled)) => {}
            Outcome::Done(Err(StageError::Failed(sentence))) => self.sheet.error = Some(sentence),
            Outcome::Panicked(message) => {
                let path = self.sheet.path.display();
                self.sheet.error = Some(format!(
                    "{path} could not be read: the reader met an internal error ({message}). Choose “Report a \
                     problem…” in the settings."
                ));
            }
        }
        None
    }

    /// Takes other columns as the text.
    pub fn set_text_columns(&mut self, columns: Vec<usize>) {
        let Some(corpus) = &self.sheet.corpus else { return };
        if columns.is_empty() || columns.iter().any(|&c| c >= corpus.columns.len()) {
            return;
        }
        let names = columns.iter().map(|&c| corpus.columns[c].name.clone()).collect();
        self.sheet.options.text_columns = Some(names);
        // All cells are hashed again: too long for the window's thread where they are many.
        let corpus = corpus.clone();
        self.reading =
            Job::spawn("text columns", self.wake.clone(), move |_| Ok(corpus.with_text_columns(columns)))
                .ok();
        self.counting = None;
        self.sheet.survey = None;
    }

    /// Whether the documents, or the choice of their texts, are not there yet.
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Starts counting over the chosen texts; older counts no longer hold.
    fn count(&mut self, params: &Params) {
        let Some(corpus) = self.sheet.corpus.clone() else { return };
        self.sheet.survey = None;
        let (embedder, params) = (self.embedder.clone(), params.clone());
        let given = self.sheet.vectors.is_some();
        self.counting = Job::spawn("survey", self.wake.clone(), move |ctx| {
            let embedder = embed::embedder(&params, embedder, DevicePreference::Auto, ctx)?;
            let survey = survey::run(&corpus, &embedder, &params.embed, !given, ctx)?;
            Ok((survey, (params.source(), embedder)))
        })
        .ok();
    }
}
