//! Packages of the machine's npm registry, without installing them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::process::run_quiet;

/// Fetches one package and unpacks it in `folder`; returns the package's root folder. npm checks the integrity.
///
/// The packages are for other processors too, so they are packed, not installed: npm would refuse those.
///
/// # Errors
/// [`Error::Environment`] when npm is missing or cannot get the package.
pub(super) fn unpack(name: &str, version: &str, folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(["pack", "--loglevel=error", &format!("{name}@{version}")]);
    run_quiet(&mut npm)?;
    let tarball = format!("{name}-{version}.tgz");
    run_quiet(Command::new("tar").current_dir(folder).args(["-xzf", &tarball]))?;
    Ok(folder.join("package"))
}
