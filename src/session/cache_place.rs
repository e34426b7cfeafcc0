//! The cache as the settings show it: counted, emptied and moved by workers.

use std::path::PathBuf;
use std::sync::Arc;

use crate::io::FileError;
use crate::io::cache::Cache;
use crate::job::{Job, Outcome};

use super::{NoticeAction, Session, Severity};

/// The folder that the cache gets inside of one that a person chose: what is not ours must not lie beside our files.
const OWN_FOLDER: &str = "semascope-cache";

/// What is known about the cache, and the work on it.
#[derive(Default)]
pub(super) struct CacheWork {
    size: Option<u64>,
    counting: Option<Job<(u64, bool)>>,
    /// Hands over the bytes that became free.
    clearing: Option<Job<Result<u64, FileError>>>,
    moving: Option<Job<Result<Moved, FileError>>>,
}

/// The cache that new work is to use, and its folder if a person chose one.
type Moved = (Option<PathBuf>, Cache);

impl Session {
    /// The cache that new work uses.
    pub fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// Bytes in the cache as of the last count; `None` until the first is done.
    pub fn cache_size(&self) -> Option<u64> {
        self.cache_work.size
    }

    /// Whether the cache is being emptied or moved.
    pub fn is_cache_busy(&self) -> bool {
        self.cache_work.clearing.is_some() || self.cache_work.moving.is_some()
    }

    /// Counts the cache's size anew, after what is beyond the limit in the settings was deleted.
    pub fn count_cache(&mut self) {
        let (cache, limit) = (self.cache.clone(), self.settings.cache_limit);
        let work = move |_: &_| {
            let mended = cache.mend().unwrap_or_else(|error| {
                tracing::warn!("{error}");
                false
            });
            if let Some(limit) = limit {
                cache.trim(limit);
            }
            (cache.size(), mended)
        };
        match Job::spawn("count the cache", self.wake.clone(), work) {
            Ok(job) => self.cache_work.counting = Some(job),
            Err(error) => tracing::warn!("the cache's size is not known: {error}"),
        }
    }

    pub(super) fn clear_cache(&mut self) {
        let cache = self.cache.clone();
        let work = move |_: &_| {
            let before = cache.size();
            cache.clear()?;
            Ok(before.saturating_sub(cache.size()))
        };
        match Job::spawn("empty the cache", self.wake.clone(), work) {
            Ok(job) => self.cache_work.clearing = Some(job),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    /// Lets new work use another cache: inside of `chosen`, or in the system's place for caches. What the present one
    /// holds stays where it is.
    pub(super) fn move_cache(&mut self, chosen: Option<PathBuf>) {
        let folder = chosen.map(|folder| {
            if folder.file_name().is_some_and(|name| name == OWN_FOLDER) {
                folder
            } else {
                folder.join(OWN_FOLDER)
            }
        });
        let work = move |_: &_| Cache::open(folder.clone()).map(|cache| (folder, cache));
        match Job::spawn("open a cache", self.wake.clone(), work) {
            Ok(job) => self.cache_work.moving = Some(job),
            Err(error) => self.say(Severity::Error, format!("The system gives no thread: {error}."), None),
        }
    }

    pub(super) fn poll_cache(&mut self) {
        if let Some(outcome) = self.cache_work.counting.as_ref().and_then(Job::poll) {
            self.cache_work.counting = None;
            if let Outcome::Done((size, mended)) = outcome {
                self.cache_work.size = Some(size);
                if mended {
                    let text = "The cache was deleted while the app was open, and was made again. Your work is whole; \
                                what is computed next time may take longer.";
                    self.say(Severity::Warning, text, None);
                }
            }
        }
        if let Some(outcome) = self.cache_work.clearing.as_ref().and_then(Job::poll) {
            self.cache_work.clearing = None;
            match outcome {
                Outcome::Done(Ok(freed)) => {
                    let text = format!("The cache is empty: {} became free.", megabytes(freed));
                    self.say(Severity::Info, text, None);
                }
                Outcome::Done(Err(error)) => self.say(Severity::Error, error.to_string(), None),
                Outcome::Panicked(message) => self.report_cache_panic(&message),
            }
            self.count_cache();
        }
        if let Some(outcome) = self.cache_work.moving.as_ref().and_then(Job::poll) {
            self.cache_work.moving = None;
            match outcome {
                Outcome::Done(Ok((folder, cache))) => self.take_cache(folder, cache),
                Outcome::Done(Err(error)) => self.say(Severity::Error, error.to_string(), None),
                Outcome::Panicked(message) => self.report_cache_panic(&message),
            }
        }
    }

    fn take_cache(&mut self, folder: Option<PathBuf>, cache: Cache) {
        let old = self.cache.folder().to_owned();
        // A remark means that a temporary folder stands in for the one that was asked for.
        if let Some(remark) = cache.remark() {
            let cause = remark.split(". ").next().unwrap_or(remark).trim_end_matches('.');
            let text = format!("{cause}. The cache stays in {}.", old.display());
            return self.say(Severity::Error, text, None);
        }
        if cache.folder() == old {
            return;
        }
        let text = format!(
            "New work is kept in {} from now on. What lies in {} stays there unused; delete that folder if you need \
             the room.",
            cache.folder().display(),
            old.display()
        );
        self.cache = Arc::new(cache);
        self.settings.cache_folder = folder;
        self.save_settings();
        self.say(Severity::Info, text, Some(("Show the old folder".into(), NoticeAction::Reveal(old))));
        self.cache_work.size = None;
        self.count_cache();
    }

    fn report_cache_panic(&mut self, message: &str) {
        let text = format!("The cache could not be changed: an internal error ({message}).");
        self.say(Severity::Error, text, Some(("Report a problem…".into(), NoticeAction::ReportProblem)));
    }
}

/// A size for a sentence.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
