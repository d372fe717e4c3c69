//! `cargo xtask toolchain`: get Dart 3.13.4, or show the one in use.

use std::path::PathBuf;

use xtask::prepare::{self, Extras};
use xtask::{Arch, Error, Toolchain};

pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let mut extras = Extras::default();
    let mut dir = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dir" => dir = Some(PathBuf::from(super::value_of("--dir", &mut arguments)?)),
            "--with-qemu" => extras.foreign_engines = true,
            "--with-references" => extras.foreign_references = true,
            "--with-sources" => extras.sources = true,
            _ => return super::no_more_arguments([argument].into_iter()),
        }
    }
    let toolchain = match dir {
        Some(dir) => prepare::prepare(&dir, extras, &super::say)?,
        None => super::toolchain(extras)?,
    };
    show(&toolchain)
}

fn show(toolchain: &Toolchain) -> Result<(), Error> {
    let version = toolchain.check_engine_runs()?;
    println!("{}", super::shown(toolchain.root()));
    println!("  {version}");
    let names = |has: &dyn Fn(Arch) -> bool| {
        let found: Vec<&str> = Arch::ALL.into_iter().filter(|&arch| has(arch)).map(Arch::name).collect();
        if found.is_empty() { "none".to_owned() } else { found.join(", ") }
    };
    println!("  engines: {}", names(&|arch| toolchain.has_engine(arch)));
    println!(
        "  x64 engine with assertions: {}",
        if toolchain.engine_checked().is_some() { "yes" } else { "no" }
    );
    println!("  reference gen_snapshot: {}", names(&|arch| toolchain.reference_gen_snapshot(arch).is_some()));
    println!("  Dart sources: {}", if toolchain.dart_sources().is_some() { "yes" } else { "no" });
    let dills: Vec<String> = toolchain.app_dills().into_iter().map(|(name, _)| name).collect();
    println!("  programs as kernel: {}", if dills.is_empty() { "none".to_owned() } else { dills.join(", ") });
    Ok(())
}
