//! One compilation: from file to files.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use snapcrane_driver::{Dump, Observer, Options, Phase};
use snapcrane_engines::TargetSpec;

use crate::exit::Failure;
use crate::input::Input;
use crate::output;

/// What to compile and where to.
#[derive(Debug)]
pub struct Job {
    /// Kernel file.
    pub input: PathBuf,
    /// Targets, each with its output file.
    pub outputs: Vec<(TargetSpec, PathBuf)>,
    /// Options of the compiler.
    pub options: Options,
    /// Number of threads, at most [`MAX_THREADS`] of which are started; `None`: as many as the machine has processors.
    pub threads: Option<NonZero<usize>>,
    /// Print the time of each phase.
    pub time: bool,
    /// Print one function after each phase, and write no file.
    pub dump: Option<Dump>,
}

/// More threads than this are not started, whatever is asked for: thousands would bring a machine to a standstill and no output depends
/// on their number.
const MAX_THREADS: usize = 256;

/// Parses a number of threads.
///
/// # Errors
/// Says what it must be.
pub fn parse_threads(text: &str) -> Result<NonZero<usize>, String> {
    text.parse().map_err(|_| format!("'{text}' is not a number of threads: a number of at least 1 is needed"))
}

impl Job {
    /// Does it.
    ///
    /// # Errors
    /// The first thing that went wrong; no output file is left half written.
    pub fn run(&self) -> Result<(), Failure> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads.map_or(0, |threads| threads.get().min(MAX_THREADS)))
            .stack_size(256 << 20)
            .build()
            .map_err(|error| Failure::Usage(format!("Unable to start threads: {error}")))?;
        pool.install(|| self.run_in_pool())
    }

    fn run_in_pool(&self) -> Result<(), Failure> {
        let start = Instant::now();
        let input = Input::open(&self.input)?;
        let named = |error: snapcrane_driver::Error| {
            Failure::compilation(format_args!("{}: {error}", self.input.display()))
        };
        if let Some(dump) = &self.dump {
            let text = snapcrane_driver::dump(input.bytes(), &self.outputs[0].0, &self.options, dump)
                .map_err(named)?;
            return output::print(text);
        }
        let targets: Vec<TargetSpec> = self.outputs.iter().map(|(target, _)| *target).collect();
        let monitor = Monitor { bar: progress_bar(), phases: Mutex::default() };
        let compiled =
            snapcrane_driver::compile(input.bytes(), &targets, &self.options, &monitor).map_err(named);
        monitor.bar.finish_and_clear();
        let write_start = Instant::now();
        let result = compiled.and_then(|images| self.write(&images));
        if self.time {
            // Also after a failure: the times tell how far the compilation got.
            let phases = monitor.phases.lock().map(|phases| phases.clone()).unwrap_or_default();
            print_times(&phases, write_start.elapsed(), start.elapsed());
        }
        result
    }

    fn write(&self, images: &[Vec<u8>]) -> Result<(), Failure> {
        let mut files =
            images.iter().zip(&self.outputs).map(|(image, (_, path))| (path.as_path(), image.as_slice()));
        if self.creates_folders() {
            output::write_all(files)
        } else {
            files.try_for_each(|(path, image)| output::write(path, image))
        }
    }

    /// `compile --out-dir` makes its folders; `gen_snapshot --elf` does not, as the reference.
    fn creates_folders(&self) -> bool {
        self.options.create_folders
    }
}

/// Shows progress and remembers times.
struct Monitor {
    bar: ProgressBar,
    phases: Mutex<Vec<(Phase, Option<String>, Duration)>>,
}

impl Observer for Monitor {
    fn functions(&self, done: usize, known: usize) {
        self.bar.set_length(known as u64);
        self.bar.set_position(done as u64);
    }

    fn phase(&self, phase: Phase, target: Option<&TargetSpec>, time: Duration) {
        if let Ok(mut phases) = self.phases.lock() {
            phases.push((phase, target.map(TargetSpec::name), time));
        }
    }
}

fn progress_bar() -> ProgressBar {
    // Nothing is shown for compilations that take less than a moment.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} functions {wide_bar} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

fn print_times(phases: &[(Phase, Option<String>, Duration)], write: Duration, total: Duration) {
    let first = phases.iter().find_map(|(_, target, _)| target.as_ref());
    let several = phases.iter().any(|(_, target, _)| target.is_some() && target.as_ref() != first);
    for (phase, target, time) in phases {
        let milliseconds = time.as_secs_f64() * 1e3;
        match target.as_ref().filter(|_| several) {
            Some(target) => output::note(format_args!("{milliseconds:>10.1} ms  {phase} {target}")),
            None => output::note(format_args!("{milliseconds:>10.1} ms  {phase}")),
        }
    }
    output::note(format_args!("{:>10.1} ms  write", write.as_secs_f64() * 1e3));
    output::note(format_args!("{:>10.1} ms  total", total.as_secs_f64() * 1e3));
}

/// The output of a target below a folder.
pub fn output_path(folder: &Path, target: &TargetSpec) -> PathBuf {
    folder.join(target.name()).join("app.so")
}
