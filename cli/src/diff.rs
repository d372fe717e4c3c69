//! `snapcrane diff`: what differs between two snapshots.

use std::path::{Path, PathBuf};

use clap::Args;
use snapcrane_diff::Diff;
use snapcrane_view::Snapshot;

use crate::exit::Failure;
use crate::input::Input;
use crate::output;

/// Lines of each kind that are printed for a table.
const LINES: usize = 10;

/// Arguments of the command.
#[derive(Args)]
pub struct DiffArgs {
    /// First snapshot: a shared library made by gen_snapshot.
    first: PathBuf,
    /// Second snapshot; its target may be another one.
    second: PathBuf,
    /// Compare the program only: neither code, nor sizes, nor the target.
    #[arg(long)]
    content_only: bool,
    /// Print all differences, not the first of each table.
    #[arg(long)]
    all: bool,
    /// Print JSON, with all differences.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read or is no snapshot; or they differ, after the differences were printed.
pub fn run(arguments: &DiffArgs) -> Result<(), Failure> {
    let (first, second) = (Input::open(&arguments.first)?, Input::open(&arguments.second)?);
    let a = open(&arguments.first, &first)?;
    let b = open(&arguments.second, &second)?;
    let diff = Diff::new(&a, &b, arguments.content_only);
    if arguments.json {
        output::print(format_args!("{:#}\n", diff.to_json()))?;
    } else {
        let text = diff.to_text(if arguments.all { usize::MAX } else { LINES });
        let [first, second] = [(&arguments.first, &a), (&arguments.second, &b)].map(|(path, snapshot)| {
            let (target, version) = (snapshot.target.name(), snapshot.target.engine.revision);
            output::one_line(format_args!("{}: {target}, Dart {version}", path.display()))
        });
        let verdict = if diff.is_empty() { "\nThe snapshots are equal.\n" } else { "" };
        output::print(format_args!("- {first}\n+ {second}\n\n{text}{verdict}"))?;
    }
    if diff.is_empty() {
        return Ok(());
    }
    let (first, second) = (arguments.first.display(), arguments.second.display());
    Err(Failure::Invalid(format!("{first} and {second} differ")))
}

fn open<'a>(path: &Path, input: &'a Input) -> Result<Snapshot<'a>, Failure> {
    Snapshot::open(input.bytes())
        .map_err(|fault| Failure::compilation(format_args!("{}: {fault}", path.display())))
}
