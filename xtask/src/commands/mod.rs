//! The commands, one module each, and what they share.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod test;
pub(crate) mod toolchain;

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::prepare::{self, Extras};
use xtask::process::run_visible;
use xtask::{Error, Toolchain, workspace_root};

/// One line about what happens next, on standard error so that standard output stays the result.
fn say(line: &str) {
    eprintln!("xtask: {line}");
}

/// The toolchain that the environment names, or the one of this workspace, fetched first where needed.
///
/// A folder that somebody else prepared is never changed; what it lacks shows where it is used.
fn toolchain(extras: Extras) -> Result<Toolchain, Error> {
    match Toolchain::named_dir() {
        Some(_) => Toolchain::locate(),
        None => prepare::prepare(&Toolchain::default_dir(), extras, &say),
    }
}

/// This workspace's cargo.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace_root());
    command
}

/// The folder where cargo puts what it builds.
fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

/// Builds the compiler with optimisation and returns its path.
fn build_snapcrane() -> Result<PathBuf, Error> {
    say("building snapcrane (release)");
    run_visible(cargo().args(["build", "--release", "--package", "snapcrane"]))?;
    Ok(target_dir().join("release/snapcrane"))
}

/// An empty folder under `target/`.
fn fresh_dir(name: &str) -> Result<PathBuf, Error> {
    let path = target_dir().join("xtask").join(name);
    match std::fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("empty", &path, &error));
        }
        _ => {}
    }
    std::fs::create_dir_all(&path).map_err(|error| Error::io("make", &path, &error))?;
    Ok(path)
}

/// The example program.
fn hello_source() -> PathBuf {
    workspace_root().join("examples/hello.dart")
}

/// A path as a user of this workspace would write it.
fn shown(path: &Path) -> String {
    path.strip_prefix(workspace_root()).unwrap_or(path).display().to_string()
}

/// Refuses arguments where a command takes none.
fn no_more_arguments<'a>(mut arguments: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    match arguments.next() {
        None => Ok(()),
        Some(argument) => {
            Err(Error::Usage(format!("unexpected argument: {argument}; see `cargo xtask help`")))
        }
    }
}

/// The value that must follow `option`.
fn value_of<'a>(option: &str, arguments: &mut impl Iterator<Item = &'a String>) -> Result<&'a str, Error> {
    let value = arguments.next().ok_or_else(|| Error::Usage(format!("{option} needs a value")))?;
    Ok(value)
}
