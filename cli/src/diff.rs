//! `snapcrane diff`: what differs between two snapshots.

use std::path::PathBuf;

use clap::Args;
use snapcrane_diff::Diff;

use crate::exit::Failure;
use crate::output;
use crate::snapshot_file::SnapshotFile;

/// Lines of each kind that are printed for a table.
const LINES: usize = 10;

/// Arguments of the command.
#[derive(Args)]
pub struct DiffArgs {
    /// First snapshot: a shared library made by gen_snapshot, or a data image when --text-a is given.
    first: PathBuf,
    /// Second snapshot, as the first one; its target may be another one.
    second: PathBuf,
    /// Text image of the first snapshot, if that is a data image without a container.
    #[arg(long, value_name = "FILE")]
    text_a: Option<PathBuf>,
    /// Text image of the second snapshot.
    #[arg(long, value_name = "FILE")]
    text_b: Option<PathBuf>,
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
    let first = SnapshotFile::open(&arguments.first, arguments.text_a.as_deref())?;
    let second = SnapshotFile::open(&arguments.second, arguments.text_b.as_deref())?;
    let (a, b) = (first.read()?, second.read()?);
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
