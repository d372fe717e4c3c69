//! The `gen_snapshot` command: options, messages and exit codes of the reference.

use std::num::NonZero;
use std::path::PathBuf;

use snapcrane_driver::Options;
use snapcrane_engines::Engine;

use crate::exit::Failure;
use crate::job::{self, Job};
use crate::vm_flags::{self, Argument};
use crate::{known_flags, target};

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
[--enable-asserts]
[--deterministic]
<dart-kernel-file>

Options that the reference does not have:
[--target=<os>-<arch>]
  What to compile for (see `snapcrane targets`).
[--jobs=<n> | -j <n>]
  Number of threads, at least 1 (default: all processors).
[--time]
  Print the time of each phase.

Options stand before the kernel file. Flags of the Dart VM that only tune it or make it print something are accepted and
ignored.
";

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

/// Switches of the reference that mean nothing for an ELF file from a kernel file.
const IGNORED_SWITCHES: &[&str] = &["compile_all", "verbose"];

/// Options of the reference with a value that only matters for other kinds of snapshots.
const IGNORED_TEXTS: &[&str] = &[
    "load_vm_snapshot_data",
    "load_vm_snapshot_instructions",
    "load_isolate_snapshot_data",
    "load_isolate_snapshot_instructions",
    "snapshot_data",
    "snapshot_text",
    "assembly",
    "macho",
    "macho_object",
    "coff",
    "ffi_callback_stub",
];

/// Options of the reference with a value that ask for more than this compiler does.
const UNSUPPORTED_TEXTS: &[&str] = &["loading_unit_manifest", "save_debugging_info", "save_obfuscation_map"];

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

/// What the options say.
#[derive(Default)]
struct Parsed<'a> {
    help: bool,
    version: bool,
    obfuscate: bool,
    kind: Option<&'a str>,
    elf: Option<&'a str>,
    target: Option<&'a str>,
    options: Options,
    threads: Option<NonZero<usize>>,
    time: bool,
    ignore_unrecognized: bool,
    unrecognized: Vec<String>,
    /// Options that cannot be done; they are reported only when the command line is right.
    unsupported: Vec<String>,
}

impl<'a> Parsed<'a> {
    fn option(&mut self, text: &'a str) -> Result<(), Failure> {
        // The environment is the front end's: constants are evaluated by now.
        if text.starts_with("-D") {
            return Ok(());
        }
        let Some(argument) = Argument::parse(text) else {
            self.unrecognized.push(text.to_owned());
            return Ok(());
        };
        let name = argument.name();
        if self.switch(&name, argument.value) || self.text(&name, argument.value)? {
            return Ok(());
        }
        self.flag(argument)
    }

    /// An option that is just there.
    fn switch(&mut self, name: &str, value: Option<&str>) -> bool {
        if value.is_some() {
            return false;
        }
        match name {
            "help" => self.help = true,
            "version" => self.version = true,
            "strip" => self.options.strip = true,
            "obfuscate" => self.obfuscate = true,
            _ => return IGNORED_SWITCHES.contains(&name),
        }
        true
    }

    /// An option with a value.
    fn text(&mut self, name: &str, value: Option<&'a str>) -> Result<bool, Failure> {
        let is_unsupported = UNSUPPORTED_TEXTS.contains(&name);
        let is_known = matches!(name, "snapshot_kind" | "elf" | "target" | "jobs" | "define");
        if !is_known && !is_unsupported && !IGNORED_TEXTS.contains(&name) {
            return Ok(false);
        }
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Err(usage(format!("Empty value for option {name}")));
        };
        match name {
            "snapshot_kind" => self.kind = Some(value),
            "elf" => self.elf = Some(value),
            "target" => self.target = Some(value),
            "jobs" => self.threads = Some(job::parse_threads(value).map_err(usage)?),
            _ if is_unsupported => self.unsupported.push(name.to_owned()),
            _ => {}
        }
        Ok(true)
    }

    /// A flag of the VM, or one of ours.
    fn flag(&mut self, argument: Argument<'_>) -> Result<(), Failure> {
        let (name, on) = argument.flag();
        let boolean = || {
            vm_flags::boolean(on, argument.value)
                .map_err(|bad| usage(format!("{bad} is an invalid value for flag {name}")))
        };
        match name.as_str() {
            "enable_asserts" => self.options.enable_asserts = boolean()?,
            "time" => self.time = boolean()?,
            "ignore_unrecognized_flags" => self.ignore_unrecognized = boolean()?,
            known if known_flags::FEATURES.contains(&known) => {
                if boolean()? {
                    self.unsupported.push(name);
                }
            }
            known if known_flags::FILES.contains(&known) => self.unsupported.push(name),
            known if known_flags::IGNORED.contains(&known) => {}
            _ => self.unrecognized.push(name),
        }
        Ok(())
    }
}

/// Parses the arguments behind the command's name. `default_target` comes from the name.
///
/// # Errors
/// What is wrong with them.
pub fn parse(arguments: &[String], default_target: &str) -> Result<Request, Failure> {
    let mut parsed = Parsed::default();
    let mut problem = None;
    let mut rest = arguments.iter().map(String::as_str);
    let mut inputs = Vec::new();
    while let Some(argument) = rest.next() {
        if !argument.starts_with('-') || argument == "-" {
            inputs.push(argument);
            inputs.extend(rest.by_ref());
            break;
        }
        let result = match argument.strip_prefix("-j") {
            Some(count) => {
                let count = if count.is_empty() { rest.next().unwrap_or_default() } else { count };
                job::parse_threads(count).map(|threads| parsed.threads = Some(threads)).map_err(usage)
            }
            None => parsed.option(argument),
        };
        // A call for help is answered whatever else is wrong.
        problem = problem.or(result.err());
    }
    if parsed.help {
        return Ok(Request::Print(USAGE.to_string()));
    }
    if parsed.version {
        return Ok(Request::Print(version_line(default_target)));
    }
    match problem {
        Some(problem) => Err(problem),
        None => finish(&parsed, &inputs, default_target),
    }
}

/// Makes the job, if the command line is consistent.
fn finish(parsed: &Parsed<'_>, inputs: &[&str], default_target: &str) -> Result<Request, Failure> {
    let kind = parsed.kind.unwrap_or("core");
    if !SNAPSHOT_KINDS.contains(&kind) {
        return Err(usage(format!(
            "Unrecognized value for snapshot_kind: '{kind}' (valid values are: {})",
            SNAPSHOT_KINDS.join(", ")
        )));
    }
    let Some((input, others)) = inputs.split_first() else {
        return Err(usage("At least one input is required"));
    };
    if parsed.kind.is_none() {
        return Err(usage("--snapshot_kind=app-aot-elf is required: other kinds are not supported"));
    }
    if kind == "app-aot-elf" && parsed.elf.is_none() {
        return Err(usage("Building an AOT snapshot as ELF requires specifying an output file for --elf."));
    }
    if let Some(option) = others.iter().find(|other| other.starts_with('-')) {
        return Err(usage(format!("Options must come before the kernel file: {option}")));
    }
    // The reference loads further inputs, which is of no use when it compiles for AOT.
    if !others.is_empty() {
        return Err(usage(format!("Only one input is supported, got {}", inputs.len())));
    }
    if !parsed.unrecognized.is_empty() && !parsed.ignore_unrecognized {
        let names = parsed.unrecognized.join(", ");
        return Err(usage(format!("Setting VM flags failed: Unrecognized flags: {names}")));
    }
    let target = target::parse(parsed.target.unwrap_or(default_target))?;
    if parsed.obfuscate {
        return Err(Failure::unsupported("--obfuscate"));
    }
    if let Some(name) = parsed.unsupported.first() {
        return Err(Failure::unsupported(format_args!("--{}", name.replace('_', "-"))));
    }
    let Some(elf) = parsed.elf.filter(|_| kind == "app-aot-elf") else {
        return Err(Failure::unsupported(format_args!("--snapshot-kind={kind}")));
    };
    Ok(Request::Compile(Box::new(Job {
        input: PathBuf::from(input),
        outputs: vec![(target, PathBuf::from(elf))],
        options: parsed.options.clone(),
        threads: parsed.threads,
        time: parsed.time,
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
    use std::process::ExitCode;

    use super::*;

    fn parse_words(line: &str) -> Result<Request, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
        parse(&words, "linux-x64")
    }

    #[test]
    fn accepts_the_usual_command_line() {
        for line in [
            "--deterministic --snapshot_kind=app-aot-elf --elf=out.so --strip in.dill",
            "--snapshot-kind=app-aot-elf --elf=out.so --strip --no-deterministic in.dill",
            "--snapshot-kind=app-aot-elf --elf=out.so --strip -Da=b --no-dwarf-stack-traces in.dill",
            "--snapshot-kind=app-aot-elf --elf=out.so --strip --optimization_level=2 --print-snapshot-sizes in.dill",
            "--snapshot-kind=app-aot-elf --elf=out.so --strip --ignore-unrecognized-flags --bogus -x in.dill",
        ] {
            let Ok(Request::Compile(job)) = parse_words(line) else { panic!("{line}") };
            assert!(job.options.strip);
            assert_eq!(job.input, PathBuf::from("in.dill"));
            assert_eq!(job.outputs[0].1, PathBuf::from("out.so"));
            assert_eq!(job.outputs[0].0.name(), "linux-x64");
            assert!(job.threads.is_none() && !job.time);
        }
    }

    #[test]
    fn has_options_of_its_own() {
        for spelling in ["-j 3", "-j3", "--jobs=3"] {
            let line = format!(
                "--snapshot_kind=app-aot-elf {spelling} --time --target=linux-arm64 --elf=out.so in.dill"
            );
            let Ok(Request::Compile(job)) = parse_words(&line) else { panic!("{line}") };
            assert_eq!(job.threads.map(NonZero::get), Some(3));
            assert!(job.time);
            assert_eq!(job.outputs[0].0.name(), "linux-arm64");
        }
    }

    fn check_refusals(code: ExitCode, lines: &[(&str, &str)]) {
        for (line, message) in lines {
            let Err(failure) = parse_words(line) else { panic!("{line}") };
            assert!(failure.to_string().contains(message), "{line}: {failure}");
            assert_eq!(format!("{:?}", failure.code()), format!("{code:?}"), "{line}: {failure}");
        }
    }

    #[test]
    fn refuses_wrong_command_lines() {
        check_refusals(
            ExitCode::from(255),
            &[
                ("", "At least one input is required"),
                ("--no-version", "At least one input is required"),
                ("--version=3", "At least one input is required"),
                ("--no-help D", "--snapshot_kind=app-aot-elf is required"),
                ("--snapshot_kind=foo a.dill", "Unrecognized value for snapshot_kind: 'foo'"),
                ("--snapshot_kind=app-aot-elf a.dill", "requires specifying an output file for --elf"),
                (
                    "--snapshot_kind=app-aot-elf a.dill --elf=o",
                    "requires specifying an output file for --elf",
                ),
                ("--snapshot_kind=app-aot-elf --elf=o a.dill --strip", "before the kernel file: --strip"),
                ("--snapshot_kind=app-aot-elf --elf=o --bogus a.dill", "Unrecognized flags: bogus"),
                ("--snapshot_kind=app-aot-elf --elf=o --a --no-b a.dill", "Unrecognized flags: a, b"),
                ("--snapshot_kind=app-aot-elf --elf=o --no-strip a.dill", "Unrecognized flags: strip"),
                ("--snapshot_kind=app-aot-elf --elf=o --strip=true a.dill", "Unrecognized flags: strip"),
                (
                    "--snapshot_kind=app-aot-elf --elf=o --no-obfuscate a.dill",
                    "Unrecognized flags: obfuscate",
                ),
                ("--snapshot_kind=app-aot-elf --elf=o -x a.dill", "Unrecognized flags: -x"),
                ("--snapshot_kind=app-aot-elf --elf=o -j 0 a.dill", "'0'"),
                ("--snapshot_kind=app-aot-elf --elf=o --jobs=0 a.dill", "'0'"),
                ("--snapshot_kind=app-aot-elf --elf=o -jx a.dill", "'x'"),
                ("--snapshot_kind=app-aot-elf --elf=o --enable-asserts=x a.dill", "x is an invalid value"),
                ("--snapshot_kind=app-aot-elf --elf=o a.dill b.dill", "Only one input"),
                ("--snapshot_kind=app-aot-elf --elf=o --target=mars-x64 a.dill", "mars-x64"),
                ("--snapshot_kind=app-aot-elf --elf= a.dill", "Empty value for option elf"),
            ],
        );
    }

    /// What the reference can and this compiler can't is no wrong usage.
    #[test]
    fn refuses_what_it_cannot_do() {
        check_refusals(
            ExitCode::from(254),
            &[
                ("--snapshot_kind=app-aot-elf --elf=o --obfuscate a.dill", "--obfuscate is not supported"),
                (
                    "--snapshot_kind=app-aot-elf --elf=o --dwarf_stack_traces a.dill",
                    "--dwarf-stack-traces is not",
                ),
                (
                    "--snapshot_kind=app-aot-elf --elf=o --save-debugging-info=d a.dill",
                    "--save-debugging-info is",
                ),
                (
                    "--snapshot_kind=app-aot-elf --elf=o --loading-unit-manifest=m a.dill",
                    "--loading-unit-manifest",
                ),
                (
                    "--snapshot_kind=app-aot-elf --elf=o --write-v8-snapshot-profile-to=p a.dill",
                    "-profile-to is",
                ),
                (
                    "--snapshot_kind=app-aot-assembly --assembly=o a.dill",
                    "--snapshot-kind=app-aot-assembly is",
                ),
            ],
        );
    }

    #[test]
    fn answers_calls_for_help() {
        for line in ["--help", "--bogus --elf= --help", "--version --help a.dill"] {
            let Ok(Request::Print(text)) = parse_words(line) else { panic!("{line}") };
            assert!(text.contains("--jobs=<n>"), "{line}");
        }
    }

    #[test]
    fn version_is_the_references() {
        let Ok(Request::Print(text)) = parse_words("--version") else { panic!() };
        assert_eq!(text, "Dart SDK version: 3.13.4 (stable) (Unknown timestamp) on \"linux_x64\"\n");
    }
}
