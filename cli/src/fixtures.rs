//! `snapcrane fixtures`: small snapshots, whole and damaged, for tests of tools that read snapshots.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use snapcrane_engines::TargetSpec;
use snapcrane_fixtures::damage::Damage;
use snapcrane_fixtures::{Program, TARGETS, set, target};

use crate::exit::Failure;
use crate::output;

/// Arguments of the command.
#[derive(Args)]
pub struct FixturesArgs {
    /// Folder for the files; made if it does not exist.
    #[arg(long, value_name = "DIR", required_unless_present = "list")]
    out: Option<PathBuf>,
    /// Program; may be given several times (default: all).
    #[arg(long = "program", value_name = "NAME")]
    programs: Vec<String>,
    /// Target; may be given several times (default: all).
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,
    /// Print the programs, the targets and the kinds of damage.
    #[arg(long)]
    list: bool,
}

/// Runs the command.
///
/// # Errors
/// An unknown program or target, or a file that cannot be written.
pub fn run(arguments: &FixturesArgs) -> Result<(), Failure> {
    let programs = chosen(&arguments.programs, "program", &Program::ALL.map(Program::name), |name| {
        Program::from_name(name)
    })?;
    let targets: Vec<TargetSpec> = chosen(&arguments.targets, "target", &TARGETS, target)?;
    let Some(folder) = arguments.out.as_ref().filter(|_| !arguments.list) else {
        return output::print(list());
    };
    let make = |path: &PathBuf| {
        std::fs::create_dir_all(path)
            .map_err(|error| Failure::Usage(format!("Unable to create folder: {}: {error}", path.display())))
    };
    make(folder)?;
    if programs.contains(&Program::Minimal) {
        make(&folder.join("damaged"))?;
    }
    let written = set::write(&programs, &targets, |path, bytes| output::write(&folder.join(path), bytes));
    written.map_err(|error| match error {
        set::Error::Write(failure) => failure,
        defect => Failure::compilation(format_args!("internal error: {defect}")),
    })
}

/// The things of these names, each once and in the order of all; all of them if no name is given.
fn chosen<T>(
    names: &[String],
    what: &str,
    all: &[&str],
    find: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, Failure> {
    if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(Failure::Usage(format!("unknown {what} '{unknown}'; valid {what}s: {}", all.join(", "))));
    }
    let is_chosen = |name: &&&str| names.is_empty() || names.iter().any(|chosen| chosen == **name);
    Ok(all.iter().filter(is_chosen).filter_map(|name| find(name)).collect())
}

fn list() -> String {
    let mut text = String::from("Programs\n");
    // Writing to a string cannot fail.
    for program in Program::ALL {
        let _ = writeln!(text, "  {:<27}{}", program.name(), program.description());
    }
    let _ = writeln!(text, "\nTargets\n  {}\n\nKinds of damage", TARGETS.join(" "));
    for damage in Damage::all() {
        let _ = writeln!(text, "  {:<27}{}: {}", damage.name, damage.section, damage.description);
    }
    text
}
