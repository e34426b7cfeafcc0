//! Start-up: arguments, logging, then the window or the command line.

// A double-clicked program shows no console window on Windows.
#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::ExitCode;

use clap::Parser;
use semascope::headless::{self, Arguments};
use semascope::ui;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let log = ui::log::install();
    let outcome = match arguments.command {
        Some(command) => headless::run(command),
        None => ui::open_window(arguments.files, log),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One line: causes follow their effect.
            eprintln!("semascope: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
