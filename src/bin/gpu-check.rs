//! Tries every compute kernel on this machine's graphics adapter and times it beside its twin on the processor: for machines
//! that have a driver and nothing else. The same as `semascope bench`, without models or data.

use clap::Parser;
use semascope::headless::{BenchArguments, bench};

#[derive(Parser)]
#[command(name = "gpu-check", version, about = "Tries and times Semascope's compute kernels on this machine")]
struct Arguments {
    #[command(flatten)]
    bench: BenchArguments,
}

fn main() -> std::process::ExitCode {
    match bench(&Arguments::parse().bench) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-check: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
