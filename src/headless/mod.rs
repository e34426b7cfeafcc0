//! The same stages without a window, so that work can be scripted, timed and checked.

mod arguments;
mod bench;
mod files;
mod goal;
mod picture;
mod reporter;
mod run;
mod steps;

pub use arguments::{Arguments, BenchArguments};
pub use bench::run as bench;

use arguments::Command;

/// Does one command; the error is one sentence for a person.
pub fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Goal(arguments) => goal::run(&arguments),
        Command::Embed(arguments) => steps::embed(&arguments),
        Command::Knn(arguments) => steps::knn(&arguments),
        Command::Project(arguments) => steps::project(&arguments),
        Command::Cluster(arguments) => steps::cluster(&arguments),
        Command::Bench(arguments) => bench(&arguments),
        Command::Devices(arguments) => steps::devices(&arguments),
    }
}
