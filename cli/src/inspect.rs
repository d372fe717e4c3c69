//! `snapcrane inspect`: what a snapshot holds.

use std::fmt::{Display, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use snapcrane_inspect as inspect;

use crate::exit::Failure;
use crate::output;
use crate::snapshot_file::SnapshotFile;

/// Arguments. Without an option that asks for a listing, a summary is printed.
#[derive(Args)]
pub struct InspectArgs {
    /// Snapshot: a shared library made by gen_snapshot, or a data image when --text is given.
    input: PathBuf,
    /// Text image that belongs to a data image without a container.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    listing: ListingArgs,
}

/// What to list.
#[derive(Args)]
#[group(multiple = false)]
struct ListingArgs {
    /// List all code: offset, size, name.
    #[arg(long)]
    functions: bool,
    /// List the classes: id, words of an instance, name.
    #[arg(long)]
    classes: bool,
    /// List the strings.
    #[arg(long)]
    strings: bool,
    /// List the object pool.
    #[arg(long)]
    pool: bool,
    /// Print the fields of the object with this number.
    #[arg(long, value_name = "N")]
    object: Option<u32>,
    /// Disassemble the code with this name, or whose names contain the text.
    #[arg(long, value_name = "NAME")]
    disassemble: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The file cannot be read, is no snapshot of a known engine, or is damaged; what was asked for is not in it.
pub fn run(arguments: &InspectArgs) -> Result<(), Failure> {
    let file = SnapshotFile::open(&arguments.input, arguments.text.as_deref())?;
    let snapshot = file.read()?;
    let listing = &arguments.listing;
    let json = arguments.json;
    if listing.functions {
        return rows(inspect::functions(&snapshot), inspect::FunctionRow::to_json, json);
    }
    if listing.classes {
        return rows(inspect::classes(&snapshot), inspect::ClassRow::to_json, json);
    }
    if listing.strings {
        return rows(inspect::strings(&snapshot), inspect::StringRow::to_json, json);
    }
    if listing.pool {
        return rows(inspect::pool(&snapshot), inspect::PoolRow::to_json, json);
    }
    if let Some(number) = listing.object {
        let report = inspect::object(&snapshot, number).map_err(|error| file.failure(error))?;
        let report = report.ok_or_else(|| file.failure(format_args!("there is no object {number}")))?;
        return if json { print_json(&report.to_json()) } else { output::print(report) };
    }
    if let Some(name) = &listing.disassemble {
        let listings = inspect::disassemble(&snapshot, name).map_err(|error| file.failure(error))?;
        if listings.is_empty() {
            return Err(file.failure(format_args!("there is no code named {name}")));
        }
        return rows(listings, inspect::Listing::to_json, json);
    }
    let summary = inspect::Summary::new(&snapshot);
    if json { print_json(&summary.to_json()) } else { output::print(summary) }
}

fn rows<T: Display>(rows: Vec<T>, to_json: impl Fn(&T) -> Value, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(&Value::Array(rows.iter().map(to_json).collect()));
    }
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{row}");
    }
    output::print(text)
}

fn print_json(value: &Value) -> Result<(), Failure> {
    output::print(format_args!("{value:#}\n"))
}
