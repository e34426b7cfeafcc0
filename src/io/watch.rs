//! Noticing that a file or a folder changed, by looking at it every now and then.
//!
//! Whoever owns a [`Watch`] calls [`Watch::look`] every [`INTERVAL`] or so; there is no thread and no subscription.
//! The system's own notices (inotify, FSEvents, ReadDirectoryChangesW) would tell sooner, but not on network drives,
//! not beyond a number of folders, and differently on each platform; a look costs one question to the file system a
//! file, and a corpus that is two seconds late is late to nobody.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often to look.
pub const INTERVAL: Duration = Duration::from_secs(2);

/// A file that changed is reported once it has been left alone for so long: it may be half written before.
const REST: Duration = Duration::from_secs(1);

/// Files of a folder that are looked at: beyond, a look would no longer be cheap.
const MOST_FILES: usize = 10_000;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing new, or something that is still being written.
    Unchanged,
    /// These files are new or have other content, and rest. In order, each once.
    Changed(Vec<PathBuf>),
    /// What was watched is not there any more, or cannot be looked at: why, and what to do. Said once, until it comes
    /// back.
    Gone(String),
}

/// What tells that a file has other content, as far as the file system shows: its size and when it was last written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    stamp: Stamp,
    /// When it was first seen like this.
    since: Instant,
    /// Whether it has been told of (or was there from the start).
    told: bool,
}

/// A file, or a folder with the files directly in it.
#[derive(Debug)]
pub struct Watch {
    path: PathBuf,
    files: BTreeMap<PathBuf, Known>,
    is_gone: bool,
}

impl Watch {
    /// Watches `path` from now on: what is there now is known and not told of.
    pub fn new(path: &Path) -> Self {
        let mut watch = Self { path: path.to_owned(), files: BTreeMap::new(), is_gone: false };
        let now = Instant::now();
        if let Ok(stamps) = stamps(path) {
            let known = |stamp| Known { stamp, since: now, told: true };
            watch.files = stamps.into_iter().map(|(path, stamp)| (path, known(stamp))).collect();
        }
        watch
    }

    /// What is watched.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks, at the moment `now`.
    ///
    /// A file in a folder that goes is no news; documents that came from it stay. Files whose name begins with a dot
    /// or that end in `.tmp`, `.part` or `~` are not looked at: programs write there before they rename.
    pub fn look(&mut self, now: Instant) -> Seen {
        let stamps = match stamps(&self.path) {
            Ok(stamps) => stamps,
            Err(_) if self.is_gone => return Seen::Unchanged,
            Err(error) => {
                self.is_gone = true;
                return Seen::Gone(sentence(&self.path, &error));
            }
        };
        self.is_gone = false;
        let mut changed = Vec::new();
        let mut files = BTreeMap::new();
        for (path, stamp) in stamps {
            let mut known = match self.files.get(&path) {
                Some(known) if known.stamp == stamp => *known,
                _ => Known { stamp, since: now, told: false },
            };
            if !known.told && now.saturating_duration_since(known.since) >= REST {
                known.told = true;
                changed.push(path.clone());
            }
            files.insert(path, known);
        }
        self.files = files;
        if changed.is_empty() { Seen::Unchanged } else { Seen::Changed(changed) }
    }
}

/// The files at `path`, itself one or a folder, with their stamps.
fn stamps(path: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(vec![(path.to_owned(), stamp(&metadata))]);
    }
    let mut stamps = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if is_passing(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // A file that went between the listing and this question is simply not there.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if metadata.is_file() {
            stamps.push((entry.path(), stamp(&metadata)));
        }
        if stamps.len() > MOST_FILES {
            return Err(io::Error::other(format!("it holds more than {MOST_FILES} files")));
        }
    }
    Ok(stamps)
}

fn stamp(metadata: &fs::Metadata) -> Stamp {
    Stamp { size: metadata.len(), modified: metadata.modified().ok() }
}

/// Whether a file of that name is there only while something is written.
fn is_passing(name: &str) -> bool {
    name.starts_with('.') || [".tmp", ".part", ".crdownload", "~"].iter().any(|end| name.ends_with(end))
}

fn sentence(path: &Path, error: &io::Error) -> String {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!(
            "{path} is not there any more, so nothing new comes from it. It is watched again as soon as it is back."
        ),
        io::ErrorKind::PermissionDenied => {
            format!("{path} may not be read any more, so nothing new comes from it. Check who may read it.")
        }
        _ => format!("{path} cannot be watched: {error}. Choose another file or folder."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that tests turn.
    struct Clock(Instant);

    impl Clock {
        fn after(&mut self, seconds: f32) -> Instant {
            self.0 += Duration::from_secs_f32(seconds);
            self.0
        }
    }

    fn watched(content: &str) -> (tempfile::TempDir, PathBuf, Clock) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, content).unwrap();
        (folder, path, Clock(Instant::now()))
    }

    #[test]
    fn a_file_is_told_of_once_it_rests() {
        let (_folder, path, mut clock) = watched("one");
        let mut watch = Watch::new(&path);
        assert_eq!(watch.look(clock.after(5.0)), Seen::Unchanged);
        fs::write(&path, "half of it").unwrap();
        assert_eq!(watch.look(clock.after(0.1)), Seen::Unchanged);
        // It grew meanwhile: the rest begins again.
        fs::write(&path, "half of it, and the rest").unwrap();
        assert_eq!(watch.look(clock.after(1.5)), Seen::Unchanged);
        assert_eq!(watch.look(clock.after(1.5)), Seen::Changed(vec![path]));
        assert_eq!(watch.look(clock.after(9.0)), Seen::Unchanged);
    }

    #[test]
    fn files_that_come_into_a_folder_are_told_of_and_unfinished_ones_are_not() {
        let (folder, path, mut clock) = watched("one");
        let mut watch = Watch::new(folder.path());
        let new = folder.path().join("b.csv");
        fs::write(&new, "two").unwrap();
        for passing in [".hidden.csv", "c.csv.part", "d.tmp", "e.csv~"] {
            fs::write(folder.path().join(passing), "x").unwrap();
        }
        fs::create_dir(folder.path().join("inner")).unwrap();
        assert_eq!(watch.look(clock.after(0.0)), Seen::Unchanged);
        assert_eq!(watch.look(clock.after(2.0)), Seen::Changed(vec![new]));
        fs::remove_file(&path).unwrap();
        assert_eq!(watch.look(clock.after(2.0)), Seen::Unchanged);
        // Gone and back again, it is a new file.
        fs::write(&path, "one more").unwrap();
        watch.look(clock.after(2.0));
        assert_eq!(watch.look(clock.after(2.0)), Seen::Changed(vec![path]));
    }

    #[test]
    fn what_is_gone_is_said_once_and_watched_again_when_it_is_back() {
        let (_folder, path, mut clock) = watched("one");
        let mut watch = Watch::new(&path);
        fs::remove_file(&path).unwrap();
        let Seen::Gone(sentence) = watch.look(clock.after(2.0)) else { panic!() };
        assert!(sentence.contains("a.csv is not there any more"), "{sentence}");
        assert_eq!(watch.look(clock.after(2.0)), Seen::Unchanged);
        fs::write(&path, "it is back").unwrap();
        watch.look(clock.after(2.0));
        assert_eq!(watch.look(clock.after(2.0)), Seen::Changed(vec![path]));
    }
}
