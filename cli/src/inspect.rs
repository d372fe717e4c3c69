//! `snapcrane inspect`: what a snapshot holds.

use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use snapcrane_inspect as inspect;
use snapcrane_view::Snapshot;

use crate::exit::Failure;
use crate::input::Input;
use crate::output;

/// Arguments. Without an option that asks for a listing, a summary is printed.
#[derive(Args)]
pub struct InspectArgs {
    /// Snapshot: a shared library made by gen_snapshot.
    input: PathBuf,
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
    let input = Input::open(&arguments.input)?;
    let fail = |error: &dyn Display| of_file(&arguments.input, error);
    let snapshot = Snapshot::open(input.bytes()).map_err(|fault| fail(&fault))?;
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
        let report = inspect::object(&snapshot, number).map_err(|error| fail(&error))?;
        let report = report.ok_or_else(|| fail(&format_args!("there is no object {number}")))?;
        return if json { print_json(&report.to_json()) } else { output::print(report) };
    }
    if let Some(name) = &listing.disassemble {
        let listings = inspect::disassemble(&snapshot, name).map_err(|error| fail(&error))?;
        if listings.is_empty() {
            return Err(fail(&format_args!("there is no code named {name}")));
        }
        return rows(listings, inspect::Listing::to_json, json);
    }
    let summary = inspect::Summary::new(&snapshot);
    if json { print_json(&summary.to_json()) } else { output::print(summary) }
}

fn of_file(path: &Path, error: &dyn Display) -> Failure {
    Failure::compilation(format_args!("{}: {error}", path.display()))
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
