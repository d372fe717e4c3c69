//! The `gen_snapshot` command: options, messages and exit codes of the reference.

use std::path::PathBuf;

use snapcrane_driver::Options;
use snapcrane_engines::Engine;

use crate::exit::Failure;
use crate::job::Job;
use crate::target;
use crate::vm_flags::{self, Argument};

const USAGE: &str = "\
Usage: gen_snapshot [<vm-flags>] [<options>] <dart-kernel-file>

--help
  Display this message.
--version
  Print the SDK version.

To create an AOT application snapshot as an ELF shared library:
--snapshot_kind=app-aot-elf
--elf=<output-file>
[--strip]
[--target=<os>-<arch>]
[--deterministic]
<dart-kernel-file>
";

/// Options that the reference knows and that change nothing here. Output is always deterministic.
const ACCEPTED: &[&str] = &[
    "deterministic",
    "lazy_async_stacks",
    "lazy_dispatchers",
    "verbose",
    "causal_async_stacks",
    "old_gen_heap_size",
    "new_gen_semi_max_size",
    "use_slow_path",
    "timing",
];

/// Values of `--snapshot_kind` that the reference knows.
const SNAPSHOT_KINDS: &[&str] = &[
    "core",
    "app",
    "app-jit",
    "app-aot-assembly",
    "app-aot-elf",
    "app-aot-macho-dylib",
    "app-aot-pecoff-obj",
    "ffi-callback-stub",
];

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Print something and succeed.
    Print(String),
    /// Compile.
    Compile(Box<Job>),
}

fn usage(message: impl std::fmt::Display) -> Failure {
    Failure::Usage(message.to_string())
}

/// Parses the arguments behind the command's name. `default_target` comes from the name.
///
/// # Errors
/// What is wrong with them.
pub fn parse(arguments: &[String], default_target: &str) -> Result<Request, Failure> {
    let mut inputs = Vec::new();
    let mut kind = None;
    let mut elf = None;
    let mut target_name = default_target.to_string();
    let mut options = Options::default();
    let mut threads = None;
    let mut time = false;
    for argument in arguments {
        let (name, on, value) = match vm_flags::parse(argument) {
            Argument::Input(path) => {
                inputs.push(path);
                continue;
            }
            Argument::Option { name, on, value } => (name, on, value),
        };
        let text = |what: &str| {
            value
                .filter(|text| !text.is_empty())
                .map(str::to_string)
                .ok_or_else(|| usage(format!("Empty value for option {what}")))
        };
        let flag = || {
            vm_flags::boolean(on, value)
                .map_err(|bad| usage(format!("{bad} is an invalid value for flag {name}")))
        };
        match name.as_str() {
            "help" => return Ok(Request::Print(USAGE.to_string())),
            "version" => return Ok(Request::Print(version_line(default_target))),
            "snapshot_kind" => kind = Some(text("snapshot_kind")?),
            "elf" => elf = Some(PathBuf::from(text("elf")?)),
            "target" => target_name = text("target")?,
            "strip" => options.strip = flag()?,
            "enable_asserts" => options.enable_asserts = flag()?,
            "time" => time = flag()?,
            "jobs" => {
                let count = text("jobs")?;
                threads = Some(
                    count.parse().map_err(|_| usage(format!("{count} is an invalid value for flag jobs")))?,
                );
            }
            "obfuscate" | "dwarf_stack_traces" | "dwarf_stack_traces_mode" => {
                if flag()? {
                    return Err(usage(format!("--{} is not supported", name.replace('_', "-"))));
                }
            }
            "save_debugging_info"
            | "save_obfuscation_map"
            | "loading_unit_manifest"
            | "assembly"
            | "macho"
            | "macho_object"
            | "coff" => {
                return Err(usage(format!("--{} is not supported", name.replace('_', "-"))));
            }
            _ if ACCEPTED.contains(&name.as_str()) => {}
            _ => return Err(usage(format!("Setting VM flags failed: Unrecognized flags: {name}"))),
        }
    }
    let kind = kind.unwrap_or_else(|| "core".to_string());
    if !SNAPSHOT_KINDS.contains(&kind.as_str()) {
        return Err(usage(format!(
            "Unrecognized value for snapshot_kind: '{kind}' (valid values are: {})",
            SNAPSHOT_KINDS.join(", ")
        )));
    }
    if inputs.is_empty() {
        return Err(usage("At least one input is required"));
    }
    if kind != "app-aot-elf" {
        return Err(usage(format!("--snapshot-kind={kind} is not supported: only app-aot-elf is")));
    }
    let Some(elf) = elf else {
        return Err(usage("Building an AOT snapshot as ELF requires specifying an output file for --elf."));
    };
    let [input] = inputs.as_slice() else {
        return Err(usage(format!("Only one input is supported, got {}", inputs.len())));
    };
    let target = target::parse(&target_name)?;
    Ok(Request::Compile(Box::new(Job {
        input: PathBuf::from(input),
        outputs: vec![(target, elf)],
        options,
        threads,
        time,
        dump: None,
    })))
}

/// The version line of the reference, with the target in the place of its host.
fn version_line(target: &str) -> String {
    let engine = Engine::latest();
    format!(
        "Dart SDK version: {} (stable) (Unknown timestamp) on \"{}\"\n",
        engine.revision,
        target.replace('-', "_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(line: &str) -> Result<Request, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        parse(&words, "linux-x64")
    }

    #[test]
    fn accepts_the_usual_command_line() {
        for line in [
            "--deterministic --snapshot_kind=app-aot-elf --elf=out.so --strip in.dill",
            "--snapshot-kind=app-aot-elf in.dill --elf=out.so --strip --no-deterministic",
        ] {
            let Ok(Request::Compile(job)) = parse_words(line) else { panic!("{line}") };
            assert!(job.options.strip);
            assert_eq!(job.input, PathBuf::from("in.dill"));
            assert_eq!(job.outputs[0].1, PathBuf::from("out.so"));
            assert_eq!(job.outputs[0].0.name(), "linux-x64");
        }
    }

    #[test]
    fn refuses_what_it_cannot_do() {
        for (line, message) in [
            ("", "At least one input is required"),
            ("--snapshot_kind=foo a.dill", "Unrecognized value for snapshot_kind: 'foo'"),
            ("--snapshot_kind=app-aot-elf a.dill", "requires specifying an output file for --elf"),
            ("--snapshot_kind=app-aot-elf --elf=o --bogus a.dill", "Unrecognized flags: bogus"),
            ("--snapshot_kind=app-aot-elf --elf=o a.dill b.dill", "Only one input"),
            ("--snapshot_kind=app-aot-elf --elf=o --target=mars-x64 a.dill", "mars-x64"),
            ("--snapshot_kind=app-aot-elf --elf=o --obfuscate a.dill", "--obfuscate is not supported"),
            ("--snapshot_kind=app-aot-elf --elf= a.dill", "Empty value for option elf"),
            ("--snapshot_kind=app-aot-assembly --elf=o a.dill", "only app-aot-elf"),
        ] {
            let Err(failure) = parse_words(line) else { panic!("{line}") };
            assert!(failure.to_string().contains(message), "{line}: {failure}");
        }
    }

    #[test]
    fn version_is_the_references() {
        let Ok(Request::Print(text)) = parse_words("--version") else { panic!() };
        assert_eq!(text, "Dart SDK version: 3.13.4 (stable) (Unknown timestamp) on \"linux_x64\"\n");
    }
}
