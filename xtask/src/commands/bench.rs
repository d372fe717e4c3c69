//! `cargo xtask bench compile`: what a compilation costs, beside the reference compiler in the same run.
//!
//! The two compilers alternate, so that a change of the machine's load meets both, and the smallest of several runs
//! counts, since disturbances only ever add. Memory is the largest resident set of the process. A program that
//! snapcrane does not compile yet is reported with the construct that stopped it and the phases that were reached.
//!
//! The last rows of a program are for several targets: one run of snapcrane for all of them, beside as many runs of the reference, one after
//! the other. All of these are runs of its build for this machine: those for other processors run in an emulator, which says
//! little about them. Where the toolchain has them, they run once and their rows are marked as information; nothing is derived from them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use xtask::prepare::Extras;
use xtask::process::{Measured, describe_status, measure, telling_line};
use xtask::{Arch, Error, KernelOptions, Toolchain};

/// Exit code for a kernel file that cannot be compiled: for a valid one, a construct that is not supported yet.
const NOT_COMPILED: i32 = 254;

/// The targets of the run for several targets.
const TARGETS: [&str; 3] = ["linux-x64", "linux-arm64", "linux-arm"];

struct Options {
    only: Option<Vec<String>>,
    runs: u32,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Error> {
    let options = parse(arguments)?;
    let wants_apps = options.only.as_ref().is_none_or(|names| names.iter().any(|name| name != "hello"));
    let toolchain = super::toolchain(Extras { sources: wants_apps, ..Extras::default() })?;
    let reference = toolchain.reference_gen_snapshot(Arch::X64).ok_or_else(|| {
        Error::Environment(format!("{} has no reference gen_snapshot for x64", toolchain.root().display()))
    })?;
    let foreign = Arch::ALL.into_iter().filter(|&arch| arch != Arch::X64);
    let compilers = Compilers {
        reference,
        foreign: foreign.filter_map(|arch| Some((arch, toolchain.reference_gen_snapshot(arch)?))).collect(),
        snapcrane: super::build_snapcrane()?,
    };
    let dir = super::fresh_dir("bench")?;
    let programs = programs(&toolchain, &dir, options.only.as_deref())?;

    println!(
        "{:<12} {:>10}  {:<10} {:>9} {:>9} {:>9} {:>10}",
        "program", "kernel KiB", "compiler", "wall s", "CPU s", "peak MiB", "output KiB"
    );
    let mut failures = Vec::new();
    for (name, dill) in &programs {
        if !compare(name, dill, &compilers, &dir, options.runs)? {
            failures.push(name.as_str());
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    Err(Error::Failed(format!("not compiled: {}", failures.join(", "))))
}

/// What is compared.
struct Compilers {
    /// The reference compiler that runs on this machine itself.
    reference: Command,
    /// Those for other processors, as far as the toolchain has them.
    foreign: Vec<(Arch, Command)>,
    snapcrane: PathBuf,
}

impl Compilers {
    /// One run of a reference compiler.
    fn run_reference(reference: &Command, dill: &Path, output: &Path) -> Result<Measured, Error> {
        remove(output)?;
        let mut command = copy_of(reference);
        measure(flags(&mut command, dill, output))
    }

    /// One run of the reference compiler for this machine, which must succeed.
    fn reference(&self, dill: &Path, output: &Path) -> Result<Measured, Error> {
        let run = Compilers::run_reference(&self.reference, dill, output)?;
        if run.status.success() {
            return Ok(run);
        }
        Err(Error::Failed(format!(
            "the reference compiler failed on {} ({}): {}",
            dill.display(),
            describe_status(run.status),
            telling_line(&run.stderr)
        )))
    }
}

fn parse(arguments: &[String]) -> Result<Options, Error> {
    let mut arguments = arguments.iter();
    match arguments.next().map(String::as_str) {
        Some("compile") => {}
        Some(other) => return Err(Error::Usage(format!("no such benchmark: {other} (compile)"))),
        None => return Err(Error::Usage("which benchmark? (compile)".into())),
    }
    let mut options = Options { only: None, runs: 3 };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => {
                let names = super::value_of("--only", &mut arguments)?;
                options.only = Some(names.split(',').map(str::to_owned).collect());
            }
            "--runs" => {
                let text = super::value_of("--runs", &mut arguments)?;
                let count = text.parse().ok().filter(|&count| count > 0);
                options.runs = count
                    .ok_or_else(|| Error::Usage(format!("--runs needs a positive number, not {text}")))?;
            }
            _ => super::no_more_arguments([argument].into_iter())?,
        }
    }
    Ok(options)
}

/// Names and kernel files of the programs to compile, the small one first.
fn programs(
    toolchain: &Toolchain,
    dir: &Path,
    only: Option<&[String]>,
) -> Result<Vec<(String, PathBuf)>, Error> {
    let hello = dir.join("hello.dill");
    let mut all = vec![("hello".to_owned(), hello.clone())];
    all.extend(toolchain.app_dills());
    if let Some(names) = only {
        for name in names {
            if !all.iter().any(|(known, _)| known == name) {
                let known: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
                return Err(Error::Usage(format!("no such program: {name} ({})", known.join(", "))));
            }
        }
        all.retain(|(name, _)| names.contains(name));
    }
    if all.iter().any(|(name, _)| name == "hello") {
        toolchain.gen_kernel(&super::hello_source(), &hello, &KernelOptions::default())?;
    }
    Ok(all)
}

/// What one run cost, or several one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    peak_rss_kib: u64,
    output_bytes: u64,
}

impl Cost {
    fn of(run: &Measured, output_bytes: u64) -> Cost {
        Cost { wall: run.wall, cpu: run.cpu, peak_rss_kib: run.peak_rss_kib, output_bytes }
    }

    /// The cost of runs one after the other: times and outputs add up, memory is used again.
    fn sum(runs: &[Cost]) -> Cost {
        Cost {
            wall: runs.iter().map(|run| run.wall).sum(),
            cpu: runs.iter().map(|run| run.cpu).sum(),
            peak_rss_kib: runs.iter().map(|run| run.peak_rss_kib).max().unwrap_or(0),
            output_bytes: runs.iter().map(|run| run.output_bytes).sum(),
        }
    }

    /// The smaller of each measure; the size of the output, which does not vary, is the later one's.
    fn best(self, later: Cost) -> Cost {
        Cost {
            wall: self.wall.min(later.wall),
            cpu: self.cpu.min(later.cpu),
            peak_rss_kib: self.peak_rss_kib.min(later.peak_rss_kib),
            output_bytes: later.output_bytes,
        }
    }
}

/// `later`, or the best of both if there is an earlier one.
fn better(earlier: Option<Cost>, later: Cost) -> Option<Cost> {
    Some(earlier.map_or(later, |earlier| earlier.best(later)))
}

/// Compiles one program with both compilers and prints the result; false when snapcrane did not compile it.
fn compare(name: &str, dill: &Path, compilers: &Compilers, dir: &Path, runs: u32) -> Result<bool, Error> {
    let snapcrane = &compilers.snapcrane;
    let outputs = [dir.join(format!("{name}.reference.so")), dir.join(format!("{name}.snapcrane.so"))];
    let mut best = [None, None];
    let mut stopped = None;
    for _ in 0..runs {
        let run = compilers.reference(dill, &outputs[0])?;
        best[0] = better(best[0], Cost::of(&run, file_size(&outputs[0])));
        if stopped.is_none() {
            remove(&outputs[1])?;
            let mut command = Command::new(snapcrane);
            let run = measure(flags(command.arg("gen_snapshot"), dill, &outputs[1]))?;
            if run.status.success() && outputs[1].is_file() {
                best[1] = better(best[1], Cost::of(&run, file_size(&outputs[1])));
            } else {
                stopped = Some(run);
            }
        }
    }
    let kernel = file_size(dill) / 1024;
    let [Some(a), b] = best else { return Ok(false) };
    println!("{name:<12} {kernel:>10}  {:<10} {}", "reference", row(&a));
    match (b, stopped) {
        (Some(b), None) => {
            println!("{:<12} {:>10}  {:<10} {}", "", "", "snapcrane", row(&b));
            println!(
                "{:<12} {:>10}  {:<10} {:>9.2} {:>9.2} {:>9.2} {:>10.2}",
                "",
                "",
                "ratio",
                b.wall.as_secs_f64() / a.wall.as_secs_f64(),
                b.cpu.as_secs_f64() / a.cpu.as_secs_f64(),
                ratio(b.peak_rss_kib, a.peak_rss_kib),
                ratio(b.output_bytes, a.output_bytes),
            );
            compare_targets(dill, compilers, dir, runs, &b)
        }
        (_, stopped) => {
            if let Some(run) = stopped {
                report_stop(&run, dill, snapcrane, &outputs[1])?;
            }
            Ok(false)
        }
    }
}

/// Compiles for several targets, with snapcrane in one run and with the reference in as many as there are targets, and prints what that
/// costs; false when snapcrane did not do it.
fn compare_targets(
    dill: &Path,
    compilers: &Compilers,
    dir: &Path,
    runs: u32,
    single: &Cost,
) -> Result<bool, Error> {
    let out = dir.join("targets");
    let reference_output = dir.join("targets.reference.so");
    let (mut together, mut separate) = (None, None);
    // The runs of the reference whose sum is the shortest.
    let mut shortest: Vec<Cost> = Vec::new();
    for _ in 0..runs {
        let mut each = Vec::with_capacity(TARGETS.len());
        for _ in TARGETS {
            let run = compilers.reference(dill, &reference_output)?;
            each.push(Cost::of(&run, file_size(&reference_output)));
        }
        let sum = Cost::sum(&each);
        if separate.is_none_or(|best: Cost| sum.wall < best.wall) {
            shortest = each;
        }
        separate = better(separate, sum);

        let outputs = TARGETS.map(|target| out.join(target).join("app.so"));
        outputs.iter().try_for_each(|output| remove(output))?;
        let mut command = Command::new(&compilers.snapcrane);
        command.arg("compile").arg(dill).arg("--strip").arg("--out-dir").arg(&out);
        for target in TARGETS {
            command.args(["--target", target]);
        }
        let run = measure(&mut command)?;
        if !run.status.success() {
            println!(
                "{:<12} {:>10}  snapcrane does not compile it for {}: {}",
                "",
                "",
                TARGETS.join(", "),
                telling_line(&run.stderr)
            );
            return Ok(false);
        }
        together = better(together, Cost::of(&run, outputs.iter().map(|output| file_size(output)).sum()));
    }
    let (Some(separate), Some(together)) = (separate, together) else { return Ok(true) };
    let count = TARGETS.len();
    let walls: Vec<String> = shortest.iter().map(|run| format!("{:.3}", run.wall.as_secs_f64())).collect();
    println!(
        "{:<12} {:>10}  {:<10} {}  (wall: {})",
        "",
        "",
        format!("{count} ref.runs"),
        row(&separate),
        walls.join(" + ")
    );
    println!(
        "{:<12} {:>10}  {:<10} {}  ({:.2} times the CPU of one target)",
        "",
        "",
        format!("{count} in one"),
        row(&together),
        together.cpu.as_secs_f64() / single.cpu.as_secs_f64()
    );
    inform_of_foreign(dill, compilers, dir)?;
    Ok(true)
}

/// Runs the reference compilers for other processors once each and prints what that costs here. They are no part of the comparison, so
/// one that fails is a line of the report and no failure.
fn inform_of_foreign(dill: &Path, compilers: &Compilers, dir: &Path) -> Result<(), Error> {
    for (arch, reference) in &compilers.foreign {
        super::say(&format!("running the reference compiler for {} once, for information", arch.name()));
        let output = dir.join(format!("{}.reference.so", arch.name()));
        let run = Compilers::run_reference(reference, dill, &output)?;
        let label = format!("ref. {}", arch.name());
        let by = Path::new(reference.get_program()).file_name().unwrap_or_default().display();
        if run.status.success() {
            let cost = Cost::of(&run, file_size(&output));
            println!("{:<12} {:>10}  {label:<10} {}  (information: one run, by {by})", "", "", row(&cost));
        } else {
            let how = describe_status(run.status);
            let line = telling_line(&run.stderr);
            println!("{:<12} {:>10}  {label:<10} (information: failed, by {by}, {how}): {line}", "", "");
        }
    }
    Ok(())
}

/// How far snapcrane got: what stopped it, what that cost, and the phases that it had finished.
fn report_stop(run: &Measured, dill: &Path, snapcrane: &Path, output: &Path) -> Result<(), Error> {
    let what = match run.status.code() {
        Some(NOT_COMPILED) => "does not compile it".to_owned(),
        Some(0) => "wrote no snapshot".to_owned(),
        _ => format!("failed ({})", describe_status(run.status)),
    };
    println!(
        "{:<12} {:>10}  snapcrane {what}: stopped after {:.3} s, {} MiB",
        "",
        "",
        run.wall.as_secs_f64(),
        run.peak_rss_kib / 1024
    );
    println!("    {}", telling_line(&run.stderr));
    let mut command = Command::new(snapcrane);
    let timed = measure(flags(command.args(["gen_snapshot", "--time"]), dill, output))?;
    for line in timed.stderr.lines().filter(|line| !run.stderr.lines().any(|other| other == *line)) {
        println!("    {line}");
    }
    Ok(())
}

fn flags<'a>(command: &'a mut Command, dill: &Path, output: &Path) -> &'a mut Command {
    command.args(["--deterministic", "--snapshot_kind=app-aot-elf", "--strip"]);
    command.arg(format!("--elf={}", output.display())).arg(dill)
}

/// A command with the same program and arguments: `Command` itself cannot be cloned.
fn copy_of(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

fn row(cost: &Cost) -> String {
    format!(
        "{:>9.3} {:>9.3} {:>9} {:>10}",
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
        cost.peak_rss_kib / 1024,
        cost.output_bytes / 1024
    )
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

/// Removes the output of an earlier run, so that its presence means that this run wrote it.
fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &error)),
        _ => Ok(()),
    }
}

fn file_size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, Error> {
        parse(&arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>())
    }

    fn cost(wall: u64, cpu: u64, peak_rss_kib: u64, output_bytes: u64) -> Cost {
        Cost {
            wall: Duration::from_millis(wall),
            cpu: Duration::from_millis(cpu),
            peak_rss_kib,
            output_bytes,
        }
    }

    #[test]
    fn parses_options() {
        let options = parsed(&["compile", "--runs", "5", "--only", "hello,dart2js"]).expect("valid");
        assert_eq!(options.runs, 5);
        assert_eq!(options.only.as_deref(), Some(&["hello".to_owned(), "dart2js".to_owned()][..]));
    }

    #[test]
    fn refuses_bad_options() {
        for bad in [&["compile", "--runs", "0"][..], &["compile", "--runs"], &["run"], &[], &["compile", "x"]]
        {
            assert_eq!(parsed(bad).err().map(|error| error.exit_code()), Some(2), "{bad:?}");
        }
    }

    #[test]
    fn the_smallest_of_each_measure_counts() {
        let best = better(better(None, cost(10, 30, 5, 8)), cost(20, 15, 7, 8));
        assert_eq!(best, Some(cost(10, 15, 5, 8)));
    }

    #[test]
    fn separate_runs_add_up_but_for_memory() {
        assert_eq!(
            Cost::sum(&[cost(10, 30, 5, 8), cost(20, 15, 7, 9), cost(1, 2, 6, 3)]),
            cost(31, 47, 7, 20)
        );
    }
}
