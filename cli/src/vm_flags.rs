//! The option syntax of `gen_snapshot`.
//!
//! Options come before or between inputs: `--name`, `--no-name`, `--name=value`; `-` and `_` are the same in names; a value is
//! never a separate argument (`runtime/bin/options.h`, `runtime/vm/flags.cc`). Options of the VM that change nothing in
//! what this compiler does are accepted; those that would change the output in a way it cannot do are refused.

/// One argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument<'a> {
    /// `--name` or `--name=value`; the name has `_` for every `-`.
    Option {
        /// Name, without `no_`.
        name: String,
        /// False for `--no-name`.
        on: bool,
        /// Text behind `=`.
        value: Option<&'a str>,
    },
    /// A file.
    Input(&'a str),
}

/// Splits an argument.
pub fn parse(argument: &str) -> Argument<'_> {
    let Some(body) = argument.strip_prefix("--") else { return Argument::Input(argument) };
    let (name, value) = match body.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (body, None),
    };
    let name = name.replace('-', "_");
    match name.strip_prefix("no_") {
        Some(positive) if value.is_none() => {
            Argument::Option { name: positive.to_string(), on: false, value }
        }
        _ => Argument::Option { name, on: true, value },
    }
}

/// Whether a boolean option is set: `--x`, `--x=true`, not `--no-x`, `--x=false`.
///
/// # Errors
/// The value, if it is neither.
pub fn boolean(on: bool, value: Option<&str>) -> Result<bool, &str> {
    match value {
        None => Ok(on),
        Some("true") => Ok(on),
        Some("false") => Ok(!on),
        Some(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option<'a>(name: &str, on: bool, value: Option<&'a str>) -> Argument<'a> {
        Argument::Option { name: name.into(), on, value }
    }

    #[test]
    fn spelling() {
        assert_eq!(parse("--snapshot-kind=app-aot-elf"), option("snapshot_kind", true, Some("app-aot-elf")));
        assert_eq!(parse("--snapshot_kind=app-aot-elf"), option("snapshot_kind", true, Some("app-aot-elf")));
        assert_eq!(parse("--no-strip"), option("strip", false, None));
        assert_eq!(parse("--no_strip"), option("strip", false, None));
        assert_eq!(parse("--elf=a=b"), option("elf", true, Some("a=b")));
        assert_eq!(parse("-x.dill"), Argument::Input("-x.dill"));
        assert_eq!(boolean(true, None), Ok(true));
        assert_eq!(boolean(false, None), Ok(false));
        assert_eq!(boolean(true, Some("false")), Ok(false));
        assert_eq!(boolean(true, Some("maybe")), Err("maybe"));
    }
}
