//! The `verify` command: whether a snapshot is well-formed, and whether an engine can load it.

use std::path::{Path, PathBuf};

use clap::Args;
use snapcrane_view::engine::EngineFile;
use snapcrane_view::verify::verify;
use snapcrane_view::{Container, Fault, Header, Snapshot, identify};

use crate::exit::Failure;
use crate::input::Input;
use crate::output;
use crate::snapshot_file::SnapshotFile;

/// Arguments of the command.
#[derive(Args)]
pub struct VerifyArgs {
    /// Snapshot: an ELF or Mach-O file, or a data image when --text is given.
    input: PathBuf,
    /// Text image that belongs to a data image without a container.
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
    /// Engine that has to load the snapshot: dartaotruntime, libflutter.so or another executable with an engine in it.
    #[arg(long, value_name = "FILE")]
    engine: Option<PathBuf>,
    /// Also print what differs from the habits of Dart's own compiler.
    #[arg(long)]
    notes: bool,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read; or the snapshot has faults, which were printed.
pub fn run(arguments: &VerifyArgs) -> Result<(), Failure> {
    let path = &arguments.input;
    let file = SnapshotFile::open(path, arguments.text.as_deref())?;
    let container = file.container().map_err(|fault| invalid(path, &fault))?;
    // An engine of another version may be the very thing to find out about, so this comes before reading on.
    let header = Snapshot::header(&container).map_err(|fault| invalid(path, &fault))?;
    let obstacles = match &arguments.engine {
        Some(engine) => obstacles(&container, &header, engine)?,
        None => Vec::new(),
    };
    let snapshot = match Snapshot::read(container) {
        Ok(snapshot) => snapshot,
        Err(fault) => {
            print(path, "", &obstacles)?;
            return Err(match identify(&header) {
                // That it cannot be read here either is the same fault in other words.
                Err(_) if !obstacles.is_empty() => {
                    let (path, count) = (path.display(), count(obstacles.len()));
                    Failure::Invalid(format!("{path}: {count}; nothing else was checked: {}", fault.reason))
                }
                _ => invalid(path, &fault),
            });
        }
    };
    let report = verify(&snapshot);
    print(path, "", &report.errors)?;
    print(path, "", &obstacles)?;
    if arguments.notes {
        print(path, "note: ", &report.notes)?;
    }
    let faults = report.errors.len() + report.more_errors + obstacles.len();
    if faults > 0 {
        return Err(Failure::Invalid(format!("{}: {}", path.display(), count(faults))));
    }
    let line = output::one_line(format_args!(
        "{}: well-formed snapshot of Dart {} for {}: {} objects, {} pieces of code",
        path.display(),
        snapshot.target.engine.revision,
        snapshot.target,
        snapshot.graph.len(),
        snapshot.codes().len()
    ));
    output::print(format_args!("{line}\n"))
}

fn invalid(path: &Path, fault: &Fault) -> Failure {
    Failure::Invalid(format!("{}: {fault}", path.display()))
}

fn print(path: &Path, kind: &str, lines: &[impl std::fmt::Display]) -> Result<(), Failure> {
    let path = path.display();
    let texts = lines.iter().map(|line| output::one_line(format_args!("{path}: {kind}{line}")) + "\n");
    output::print(texts.collect::<String>())
}

fn count(faults: usize) -> String {
    let noun = if faults == 1 { "fault" } else { "faults" };
    format!("{faults} {noun}")
}

/// Why the engine in a file refuses the snapshot.
fn obstacles(container: &Container<'_>, header: &Header, engine: &Path) -> Result<Vec<String>, Failure> {
    let file = Input::open(engine)?;
    let engine = EngineFile::read(file.bytes(), container.machine)
        .map_err(|error| Failure::Usage(format!("{}: {error}", engine.display())))?;
    let mut obstacles = engine.obstacles(header);
    obstacles.extend(engine.file_obstacles(container));
    Ok(obstacles)
}
