//! The program as a process of an unprivileged user, for tests that kill it or take its disk away.

#![allow(dead_code, reason = "each test file that shares this uses some of it")]

#[path = "../folders/mod.rs"]
mod folders;

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use folders::copy_folder;
use tempfile::TempDir;

/// The user without any rights, on every Unix.
const NOBODY: u32 = 65_534;

/// Vectors that the built-in model makes have this many components.
pub const DIM: usize = 384;

/// How often a program is killed.
pub fn kills() -> usize {
    std::env::var("SEMASCOPE_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(50)
}

/// A folder that belongs to an unprivileged user, and the program as that user runs it.
pub struct Home {
    folder: TempDir,
    program: PathBuf,
    assets: PathBuf,
    /// Whom to become; nobody else where the tests themselves are unprivileged, or may not become another.
    user: Option<u32>,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().metadata().expect("it was just made").uid() == 0;
        let user = root.then_some(NOBODY).filter(|&user| {
            let possible = Command::new("true").uid(user).gid(user).status().is_ok();
            if !possible {
                eprintln!("This root may not become another user: the program runs as root here.");
            }
            possible && chown(folder.path(), Some(user), Some(user)).is_ok()
        });
        let program = PathBuf::from(env!("CARGO_BIN_EXE_semascope"));
        let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let mut home = Self { folder, program, assets, user };
        if !home.reachable() {
            // As in a home folder of root: the user gets a copy.
            let (program, assets) = (home.path("semascope"), home.path("assets"));
            fs::copy(&home.program, &program).expect("room for the program");
            ["model", "fonts"]
                .iter()
                .for_each(|part| copy_folder(&home.assets.join(part), &assets.join(part)));
            (home.program, home.assets) = (program, assets);
        }
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether the user can run the program and read what comes with it.
    fn reachable(&self) -> bool {
        let mut test = Command::new("sh");
        test.args(["-c", "test -x \"$0\" && ls \"$1\""]).arg(&self.program).arg(self.assets.join("model"));
        self.as_user(&mut test).output().is_ok_and(|output| output.status.success())
    }

    fn as_user<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        match self.user {
            Some(user) => command.uid(user).gid(user),
            None => command,
        }
    }

    /// `semascope` with these arguments, a cache and settings of its own.
    pub fn semascope(&self, arguments: &[&str]) -> Command {
        self.set_up(Command::new(&self.program), arguments)
    }

    /// The same through `sh`, which does `first` and then becomes the program.
    pub fn semascope_after(&self, first: &str, arguments: &[&str]) -> Command {
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(format!("{first}; exec \"$0\" \"$@\"")).arg(&self.program);
        self.set_up(sh, arguments)
    }

    /// The tests that are running now, as another process of that user, with these arguments.
    pub fn this_test(&self, arguments: &[&str]) -> Command {
        let own = std::env::current_exe().expect("tests are a program");
        let program = self.path("test");
        if !program.exists() && fs::hard_link(&own, &program).is_err() {
            fs::copy(&own, &program).expect("room for the program");
        }
        self.set_up(Command::new(program), arguments)
    }

    /// Lets the user have a file.
    pub fn give(&self, path: &Path) {
        if let Some(user) = self.user {
            chown(path, Some(user), Some(user)).expect("root may give files away");
        }
    }

    fn set_up(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SEMASCOPE_ASSETS", &self.assets)
            .env("SEMASCOPE_CACHE", self.path("cache"))
            .env("SEMASCOPE_CONFIG", self.path("config"));
        self.as_user(&mut command);
        command
    }
}

/// What writers leave in `folder` and below when they are killed.
pub fn temporaries(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if entry.path().is_dir() {
            found.extend(temporaries(&entry.path()));
        } else if name.to_string_lossy().starts_with(".semascope-") {
            found.push(entry.path());
        }
    }
    found
}

/// Random numbers that are the same in every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }

    /// So many words of some hundreds.
    pub fn words(&mut self, count: usize) -> String {
        const SYLLABLES: [&str; 16] = [
            "ba", "re", "mi", "to", "lu", "sen", "dar", "vok", "pel", "ni", "gra", "sho", "tim", "wex",
            "qua", "zu",
        ];
        let mut word = || SYLLABLES[self.roll(16)].to_owned() + SYLLABLES[self.roll(16)];
        (0..count).map(|_| word()).collect::<Vec<_>>().join(" ")
    }
}

/// A table of `n` texts of nine words; no two are alike.
pub fn short_texts(n: usize) -> String {
    let mut dice = Dice(n as u64);
    let rows = (0..n).map(|i| format!("{i},{} {i}\n", dice.words(8)));
    format!("id,text\n{}", rows.collect::<String>())
}
