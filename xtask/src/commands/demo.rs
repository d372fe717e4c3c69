//! `cargo xtask demo`: from Dart source to a program that runs on the real engine, with snapcrane in the middle.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::prepare::Extras;
use xtask::process::run_visible;
use xtask::{Arch, Error, KernelOptions};

pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    super::no_more_arguments(arguments.iter())?;
    let toolchain = super::toolchain(Extras::default())?;
    let snapcrane = super::build_snapcrane()?;
    let dir = super::fresh_dir("demo")?;

    let source = super::hello_source();
    let dill = dir.join("hello.dill");
    super::say(&format!("gen_kernel {} -> {}", super::shown(&source), super::shown(&dill)));
    toolchain.gen_kernel(&source, &dill, &KernelOptions::default())?;

    let out = dir.join("out");
    super::say(&format!(
        "snapcrane compile {} --target linux-x64 --out-dir {}",
        super::shown(&dill),
        super::shown(&out)
    ));
    run_visible(
        Command::new(&snapcrane)
            .arg("compile")
            .arg(&dill)
            .args(["--target", "linux-x64", "--out-dir"])
            .arg(&out),
    )?;

    let snapshot = the_snapshot(&out)?;
    super::say(&format!("dartaotruntime {} one two", super::shown(&snapshot)));
    run_visible(toolchain.engine(Arch::X64)?.arg(&snapshot).args(["one", "two"]))
}

/// The one shared library below `dir`.
fn the_snapshot(dir: &Path) -> Result<PathBuf, Error> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| Error::io("list", &folder, &error))? {
            let path = entry.map_err(|error| Error::io("list", &folder, &error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "so") {
                found.push(path);
            }
        }
    }
    match <[PathBuf; 1]>::try_from(found) {
        Ok([snapshot]) => Ok(snapshot),
        Err(found) => Err(Error::Failed(format!(
            "expected one snapshot in {}, found {}",
            super::shown(dir),
            found.len()
        ))),
    }
}
