//! `cargo xtask engine-data`: generates the tables of `targets/engines` from the Dart sources.
//!
//! Problem: a snapshot writer must agree with one engine revision on thousands of numbers, and hand-copied numbers
//! rot. The sources of the revision contain nearly all of them in declarations that a build of the engine also
//! uses, so they are read from there. What the sources express only as program logic is in the hand-written
//! `overrides.tsv` beside the tables, one fact per line with its origin; it is an input here like the sources.
//!
//! Tables are plain text with tabs, in a fixed order (lists in the engine's order, everything else sorted), so that
//! `--check` can compare bytes and a new revision shows up as a readable diff.

mod cpp;
mod facts;
mod layouts;
mod lists;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use facts::Facts;

const USAGE: &str = "usage: engine-data --sdk-source DIR [--check]";

/// Runs the command: `--sdk-source DIR` names a checkout of the Dart SDK's sources; `--check` compares instead of
/// writing.
///
/// # Errors
/// Wrong arguments, unreadable or unexpected sources, an unwritable output folder, or, with `--check`, tables that
/// differ from what would be generated.
pub fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let (mut source, mut check) = (None, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--sdk-source" => source = Some(PathBuf::from(args.next().ok_or(USAGE)?)),
            "--check" => check = true,
            other => return Err(format!("unknown argument {other}; {USAGE}").into()),
        }
    }
    let source = source.ok_or(USAGE)?;
    let engines = Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets/engines");
    let revision = sdk_version(&source)?;
    let folder = engines.join(format!("dart-{revision}"));
    let overrides = folder.join("overrides.tsv");
    let overrides = fs::read_to_string(&overrides)
        .map_err(|e| format!("{}: {e} (write it by hand for a new revision)", overrides.display()))?;
    let tables = generate(&source, &revision, &overrides)?;
    if check {
        return compare(&folder, &tables);
    }
    for table in &tables {
        fs::write(folder.join(&table.file), &table.text)?;
    }
    println!("wrote {} tables to {}", tables.len(), folder.display());
    Ok(())
}

/// A generated table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// File name inside the engine's folder.
    pub file: String,
    /// Complete contents.
    pub text: String,
}

/// Generates all tables from a source folder and the overrides of the revision.
///
/// # Errors
/// A source file that is missing or does not have the expected form.
pub fn generate(source: &Path, revision: &str, overrides: &str) -> Result<Vec<Table>, Box<dyn Error>> {
    let facts = Facts::new(source, revision, overrides)?;
    let mut tables = lists::tables(&facts)?;
    tables.extend(layouts::tables(&facts)?);
    tables.sort_by(|a, b| a.file.cmp(&b.file));
    facts.check_overrides_used()?;
    Ok(tables)
}

/// The version of an SDK checkout: the newest heading of its change log.
fn sdk_version(source: &Path) -> Result<String, Box<dyn Error>> {
    let log = source.join("CHANGELOG.md");
    let text = fs::read_to_string(&log).map_err(|e| format!("{}: {e}", log.display()))?;
    let heading = text.lines().find_map(|line| line.strip_prefix("## "));
    let version = heading.and_then(|heading| heading.split_whitespace().next());
    Ok(version.ok_or_else(|| format!("{}: no version heading", log.display()))?.to_owned())
}

fn compare(folder: &Path, tables: &[Table]) -> Result<(), Box<dyn Error>> {
    let mut differing = Vec::new();
    for table in tables {
        let path = folder.join(&table.file);
        let present = fs::read_to_string(&path).unwrap_or_default();
        if present != table.text {
            let line = present.lines().zip(table.text.lines()).position(|(a, b)| a != b);
            let line = line.unwrap_or_else(|| present.lines().count().min(table.text.lines().count())) + 1;
            differing.push(format!("{} (first at line {line})", path.display()));
        }
    }
    if differing.is_empty() {
        println!("{} tables are up to date", tables.len());
        return Ok(());
    }
    Err(format!("out of date: {}; run engine-data without --check", differing.join(", ")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerates from the real sources where the toolchain has them, so that generator and tables stay in step.
    #[test]
    fn tables_are_up_to_date() {
        let Some(source) = xtask::Toolchain::locate().ok().and_then(|toolchain| toolchain.dart_sources())
        else {
            eprintln!("skipped: no Dart sources; `cargo xtask toolchain --with-sources` gets them");
            return;
        };
        let source = source.to_str().expect("a readable path").to_owned();
        run(&["--sdk-source".into(), source, "--check".into()]).unwrap();
    }

    #[test]
    fn arguments_are_checked() {
        assert!(run(&[]).is_err());
        assert!(run(&["--sdk-source".into()]).is_err());
        assert!(run(&["--frob".into()]).unwrap_err().to_string().contains("--frob"));
    }
}
