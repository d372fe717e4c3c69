//! Names of targets: on the command line, in the program's own name, and their list.

use std::fmt::Write;

use snapcrane_engines::TargetSpec;

use crate::exit::Failure;

/// Target of `gen_snapshot` without `--target`.
pub const DEFAULT: &str = "linux-x64";

/// The target of a name such as `linux-arm64`.
///
/// # Errors
/// Lists the valid names.
pub fn parse(name: &str) -> Result<TargetSpec, Failure> {
    TargetSpec::supported(name).map_err(|error| Failure::Usage(error.to_string()))
}

/// The name of the target that a program is for whose name is `gen_snapshot` and this suffix. The reference's builds are called
/// `gen_snapshot`, `gen_snapshot_product` and `gen_snapshot_product_linux_arm64` (runtime/bin/BUILD.gn), and are published without
/// `product`. What does not follow an underscore (`gen_snapshot-3.13`) names no target.
///
/// # Errors
/// Lists the valid names.
pub fn of_program_suffix(suffix: &str) -> Result<String, Failure> {
    let suffix = suffix.strip_suffix(".exe").unwrap_or(suffix);
    let suffix = suffix.strip_prefix("_product").unwrap_or(suffix);
    match suffix.strip_prefix('_') {
        Some(name) => match TargetSpec::supported(&name.replace('_', "-")) {
            Ok(target) => Ok(target.name()),
            Err(error) => {
                Err(Failure::Usage(format!("The program's name does not end in a target: {error}")))
            }
        },
        None => Ok(DEFAULT.to_owned()),
    }
}

/// All supported targets, a line each: name, how well it is supported, engine.
pub fn list() -> String {
    let mut text = String::new();
    for target in TargetSpec::all_supported() {
        let engine = target.engine;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<15} {:<10} Dart {} product ({})",
            target.name(),
            target.tier(),
            engine.revision,
            engine.snapshot_hash
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_names_select_targets() {
        for (suffix, target) in [
            ("", "linux-x64"),
            ("-3.13", "linux-x64"),
            ("_product", "linux-x64"),
            ("_linux_arm64", "linux-arm64"),
            ("_product_linux_arm", "linux-arm"),
            ("_android_arm64.exe", "android-arm64"),
        ] {
            assert_eq!(of_program_suffix(suffix).ok().as_deref(), Some(target), "{suffix}");
        }
        for (suffix, name) in [("_mars_x64", "'mars-x64'"), ("_arm64", "'arm64'"), ("_", "''")] {
            let error = of_program_suffix(suffix).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("linux-arm64"), "{error}");
        }
    }

    #[test]
    fn the_list_has_a_line_per_target() {
        let list = list();
        assert_eq!(list.lines().count(), TargetSpec::all_supported().len());
        assert!(list.starts_with("linux-x64 ") && list.contains("Dart 3.13.4"), "{list}");
    }
}
