//! The `snapcrane` command.
//!
//! Started under a name that begins with `gen_snapshot` it behaves like the reference's program of that name, for the target in the
//! name if there is one (`gen_snapshot_linux_arm64`).

mod diff;
mod exit;
mod fixtures;
mod gen_snapshot;
mod input;
mod inspect;
mod job;
mod kernel;
mod known_flags;
mod output;
mod snapshot_file;
mod target;
mod verify;
mod vm_flags;

use std::ffi::OsString;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use snapcrane_driver::{Dump, Options, Stage};
use snapcrane_engines::TargetSpec;

use crate::exit::Failure;
use crate::job::Job;

#[derive(Parser)]
#[command(name = "snapcrane", version, about = "Compiles Dart kernel files to AOT snapshots for any target")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compile a kernel file for one or more targets.
    Compile(CompileArgs),
    /// Compile with the options of Dart's gen_snapshot (see `snapcrane gen_snapshot --help`).
    #[command(name = "gen_snapshot", disable_help_flag = true)]
    GenSnapshot {
        /// Options and the kernel file.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Check that a snapshot is well-formed, and that an engine can load it.
    Verify(verify::VerifyArgs),
    /// Print what a kernel file holds.
    Kernel {
        /// Kernel file.
        input: PathBuf,
    },
    /// Print what a snapshot holds.
    Inspect(inspect::InspectArgs),
    /// Print what differs between two snapshots.
    Diff(diff::DiffArgs),
    /// Write small snapshots, whole and damaged, for tests of tools that read snapshots.
    Fixtures(fixtures::FixturesArgs),
    /// List the targets that programs can be compiled for.
    Targets,
    /// Print one function after each phase.
    Dump {
        /// Kernel file.
        input: PathBuf,
        /// Text that the function's name or title contains; titles are names with a kind: `f (tear-off)`.
        function: String,
        /// Take the text as the whole name or title.
        #[arg(long)]
        exact: bool,
        /// Print only this form; may be given several times.
        #[arg(long = "stage", value_enum)]
        stages: Vec<StageName>,
        /// Target.
        #[arg(long, default_value = target::DEFAULT)]
        target: String,
    },
}

/// A form of a function, as the command line names it.
#[derive(Clone, Copy, ValueEnum)]
enum StageName {
    /// What the front end made of it.
    Kernel,
    /// Dart intermediate representation.
    Ir,
    /// Cranelift's, as it is handed over.
    Clif,
    /// Cranelift's, optimised.
    Optimized,
    /// Machine code with stack maps.
    Code,
}

impl From<StageName> for Stage {
    fn from(name: StageName) -> Stage {
        match name {
            StageName::Kernel => Stage::Kernel,
            StageName::Ir => Stage::Ir,
            StageName::Clif => Stage::Clif,
            StageName::Optimized => Stage::OptimizedClif,
            StageName::Code => Stage::Code,
        }
    }
}

#[derive(Args)]
struct CompileArgs {
    /// Kernel file.
    input: PathBuf,
    /// Target as <os>-<arch>; may be given several times.
    #[arg(long = "target", required = true)]
    targets: Vec<String>,
    /// Folder for the outputs: <DIR>/<target>/app.so.
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
    /// Leave symbols out.
    #[arg(long)]
    strip: bool,
    /// Compile `assert` statements.
    #[arg(long)]
    enable_asserts: bool,
    /// Number of threads (default: all processors).
    #[arg(short = 'j', long = "jobs", value_name = "N", value_parser = job::parse_threads)]
    jobs: Option<NonZero<usize>>,
    /// Print the time of each phase.
    #[arg(long)]
    time: bool,
    /// Check the intermediate code of every function.
    #[arg(long)]
    verify: bool,
    /// Compile only functions whose name contains the text; all others trap. For finding faults of the compiler.
    #[arg(long, value_name = "TEXT")]
    only_functions: Option<String>,
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::note(format_args!("Error: {}", output::one_line(&failure)));
            failure.code()
        }
    }
}

/// Chooses the command line's syntax by the program's name.
fn start() -> Result<(), Failure> {
    let mut arguments = std::env::args_os();
    let program = arguments.next().unwrap_or_default();
    let name =
        Path::new(&program).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(suffix) = name.strip_prefix("gen_snapshot") {
        let default = target::of_program_suffix(suffix)?;
        let arguments: Result<Vec<String>, _> = arguments.map(OsString::into_string).collect();
        let arguments =
            arguments.map_err(|bad| Failure::Usage(format!("Not valid UTF-8: {}", bad.display())))?;
        return run_gen_snapshot(&arguments, &default);
    }
    match Cli::try_parse() {
        Ok(cli) => run(cli.command),
        Err(error) if error.use_stderr() => {
            let text = error.to_string();
            // What comes before the first empty line: what is wrong and, if arguments are missing, which ones.
            let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            let line = lines.join(" ");
            Err(Failure::Usage(format!("{} (see `snapcrane --help`)", line.trim_start_matches("error: "))))
        }
        Err(help) => output::print(help),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::GenSnapshot { arguments } => run_gen_snapshot(&arguments, target::DEFAULT),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Diff(arguments) => diff::run(&arguments),
        Command::Fixtures(arguments) => fixtures::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Kernel { input } => kernel::print_summary(&input),
        Command::Targets => output::print(target::list()),
        Command::Compile(arguments) => compile(arguments),
        Command::Dump { input, function, exact, stages, target } => {
            let target = target::parse(&target)?;
            Job {
                input,
                outputs: vec![(target, PathBuf::new())],
                options: Options::default(),
                threads: None,
                time: false,
                dump: Some(Dump { function, exact, stages: stages.into_iter().map(Stage::from).collect() }),
            }
            .run()
        }
    }
}

fn compile(arguments: CompileArgs) -> Result<(), Failure> {
    let mut outputs = Vec::new();
    for name in &arguments.targets {
        let target = target::parse(name)?;
        if !outputs.iter().any(|(other, _): &(TargetSpec, PathBuf)| other.name() == target.name()) {
            outputs.push((target, job::output_path(&arguments.out_dir, &target)));
        }
    }
    Job {
        input: arguments.input,
        outputs,
        options: Options {
            strip: arguments.strip,
            enable_asserts: arguments.enable_asserts,
            verify: arguments.verify,
            only_functions: arguments.only_functions,
            create_folders: true,
        },
        threads: arguments.jobs,
        time: arguments.time,
        dump: None,
    }
    .run()
}

fn run_gen_snapshot(arguments: &[String], default_target: &str) -> Result<(), Failure> {
    match gen_snapshot::parse(arguments, default_target)? {
        gen_snapshot::Request::Print(text) => output::print(text),
        gen_snapshot::Request::Compile(job) => job.run(),
    }
}
