//! The option syntax of `gen_snapshot`.
//!
//! The command line is split as the reference does it (`ParseArguments` in `runtime/bin/gen_snapshot.cc`): what begins with `-` is an
//! option, up to the first argument that does not; that one and all behind it are inputs. There are two kinds of options. The
//! program's own (`runtime/bin/options.h`) are switches without a value, which cannot be negated, or texts, `--name=value`. The
//! VM's flags (`runtime/vm/flags.cc`) are `--name`, `--no-name` or `--name=value`. In all names `-` and `_` are the same.

/// An option, not yet looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    /// What stands before `=`, without the leading `--`.
    name: &'a str,
    /// Text behind `=`.
    pub value: Option<&'a str>,
}

impl<'a> Argument<'a> {
    /// Splits an option; `None` if the argument does not begin with `--`.
    pub fn parse(argument: &'a str) -> Option<Argument<'a>> {
        let body = argument.strip_prefix("--").filter(|body| !body.is_empty())?;
        Some(match body.split_once('=') {
            Some((name, value)) => Argument { name, value: Some(value) },
            None => Argument { name: body, value: None },
        })
    }

    /// The name as it stands there, with `_` for every `-`.
    pub fn name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The name and what a flag of the VM of that name is set to by `--name` and `--no-name`.
    pub fn flag(&self) -> (String, bool) {
        let name = self.name();
        match name.strip_prefix("no_") {
            Some(positive) if self.value.is_none() => (positive.to_owned(), false),
            _ => (name, true),
        }
    }
}

/// Whether a boolean flag is set: `--x`, `--x=true`, not `--no-x`, `--x=false`.
///
/// # Errors
/// The value, if it is neither.
pub fn boolean(on: bool, value: Option<&str>) -> Result<bool, &str> {
    match value {
        None => Ok(on),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        for (text, name, flag, value) in [
            ("--snapshot-kind=app-aot-elf", "snapshot_kind", ("snapshot_kind", true), Some("app-aot-elf")),
            ("--snapshot_kind=app-aot-elf", "snapshot_kind", ("snapshot_kind", true), Some("app-aot-elf")),
            ("--elf=a=b", "elf", ("elf", true), Some("a=b")),
            ("--no-strip", "no_strip", ("strip", false), None),
            ("--no_strip", "no_strip", ("strip", false), None),
            ("--no-strip=true", "no_strip", ("no_strip", true), Some("true")),
        ] {
            let argument = Argument::parse(text).expect("an option");
            assert_eq!(argument.name(), name);
            assert_eq!(argument.flag(), (flag.0.to_owned(), flag.1));
            assert_eq!(argument.value, value);
        }
        assert_eq!(Argument::parse("-x.dill"), None);
        assert_eq!(Argument::parse("--"), None);
        assert_eq!(boolean(true, None), Ok(true));
        assert_eq!(boolean(false, None), Ok(false));
        assert_eq!(boolean(true, Some("false")), Ok(false));
        assert_eq!(boolean(true, Some("maybe")), Err("maybe"));
    }
}
