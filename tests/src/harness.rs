//! Toolchain, binary under test, kernel cache; compiling and running.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use snapcrane_view::Snapshot;
use snapcrane_view::verify::verify;
use tempfile::TempDir;
use xtask::{Arch, KernelOptions, Toolchain, workspace_root};

use crate::child::{Finished, Limits, run};

/// Seconds that the front end may take for one program.
const FRONT_END_SECONDS: u64 = 120;
/// Seconds that building the binary under test may take.
const BUILD_SECONDS: u64 = 3600;
/// Seconds that compiling one test program may take, in an unoptimised build on a busy machine.
const COMPILE_SECONDS: u64 = 120;
/// Seconds that a test program may run.
const RUN_SECONDS: u64 = 60;
/// Seconds that a test program may run in an emulator.
const EMULATED_RUN_SECONDS: u64 = 300;
/// Flags that make the checked engine move objects often and look at the heap each time.
const STRESS_FLAGS: &str = "--scavenge_on_runtime_call_every=20 --tlab_cap=16384 --verify_before_gc --verify_after_gc \
                            --fill_new_space";

/// A test program and how it is compiled and run.
///
/// A comment `// Flags: asserts` in the source switches assertions on in front end and compiler.
#[derive(Clone, Debug)]
pub struct Program {
    /// The source.
    pub source: PathBuf,
    /// Whether assertions are compiled.
    pub asserts: bool,
}

impl Program {
    /// The program of that name in the folder of the test programs.
    ///
    /// # Panics
    /// When there is none.
    pub fn named(name: &str) -> Program {
        Program::from_source(programs_dir().join(format!("{name}.dart")))
    }

    /// The program in a file.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn from_source(source: PathBuf) -> Program {
        let text = fs::read_to_string(&source).unwrap_or_else(|e| panic!("{}: {e}", source.display()));
        let asserts = text.lines().any(|line| line == "// Flags: asserts");
        Program { source, asserts }
    }
}

/// The folder of the test programs and their expectations.
pub fn programs_dir() -> PathBuf {
    workspace_root().join("tests/programs")
}

/// The folder of the example programs.
pub fn examples_dir() -> PathBuf {
    workspace_root().join("examples")
}

/// Options of one compilation.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// `--target`, for Linux.
    pub arch: Arch,
    /// `--strip`.
    pub strip: bool,
    /// `--enable-asserts`.
    pub asserts: bool,
    /// `--jobs`.
    pub jobs: Option<usize>,
}

/// The engine that runs a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The engine as it is shipped for this machine.
    Shipped,
    /// The engine as it is shipped for another architecture, under emulation.
    Emulated(Arch),
    /// The engine with assertions on, without further flags.
    Checked,
    /// The engine with assertions on, collecting often and verifying the heap.
    Stressed,
    /// The engine with assertions on and these flags.
    CheckedWith(&'static str),
}

impl Engine {
    /// The engine as it is shipped for an architecture.
    pub fn of(arch: Arch) -> Engine {
        if arch == Arch::X64 { Engine::Shipped } else { Engine::Emulated(arch) }
    }

    /// What it runs.
    pub fn arch(self) -> Arch {
        match self {
            Engine::Emulated(arch) => arch,
            Engine::Shipped | Engine::Checked | Engine::Stressed | Engine::CheckedWith(_) => Arch::X64,
        }
    }
}

/// What all tests share.
#[derive(Debug)]
pub struct Harness {
    toolchain: Toolchain,
    scratch: PathBuf,
    compiler: OnceLock<PathBuf>,
}

/// The harness of this process.
///
/// # Panics
/// When there is no complete Dart toolchain.
pub fn harness() -> &'static Harness {
    static HARNESS: OnceLock<Harness> = OnceLock::new();
    HARNESS.get_or_init(|| {
        let toolchain = Toolchain::locate().unwrap_or_else(|error| panic!("{error}"));
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(workspace_root().join("target"), PathBuf::from);
        let scratch = target.join("end-to-end");
        fs::create_dir_all(&scratch).unwrap_or_else(|e| panic!("{}: {e}", scratch.display()));
        Harness { toolchain, scratch, compiler: OnceLock::new() }
    })
}

impl Harness {
    /// The Dart toolchain.
    pub fn toolchain(&self) -> &Toolchain {
        &self.toolchain
    }

    /// A folder that disappears when the test ends.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn temp_dir(&self) -> TempDir {
        tempfile::Builder::new().prefix("run-").tempdir_in(&self.scratch).expect("a temporary folder")
    }

    /// The kernel file of a program, made now or taken from the cache.
    ///
    /// # Panics
    /// When the front end refuses the program.
    pub fn kernel(&self, program: &Program) -> PathBuf {
        let stem = program.source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let cache = self.scratch.join("kernel");
        let path = cache.join(format!("{stem}-{:016x}.dill", kernel_key(program)));
        if path.is_file() {
            return path;
        }
        fs::create_dir_all(&cache).expect("the cache can be made");
        let temporary = tempfile::Builder::new().suffix(".dill").tempfile_in(&cache).expect("a file");
        let flags = if program.asserts { vec!["--enable-asserts".into()] } else { Vec::new() };
        let options = KernelOptions { flags, ..KernelOptions::default() };
        // The toolchain's own call has no time limit; a thread that is left behind ends with the test process.
        let (sender, receiver) = mpsc::channel();
        let (toolchain, source, out) =
            (self.toolchain.clone(), program.source.clone(), temporary.path().to_owned());
        std::thread::spawn(move || sender.send(toolchain.gen_kernel(&source, &out, &options)));
        receiver
            .recv_timeout(Duration::from_secs(FRONT_END_SECONDS))
            .unwrap_or_else(|error| panic!("the front end on {}: {error}", program.source.display()))
            .unwrap_or_else(|error| panic!("{error}"));
        temporary.persist(&path).expect("the cache is writable");
        path
    }

    /// The binary under test.
    ///
    /// # Panics
    /// When it does not build.
    pub fn compiler(&self) -> &Path {
        self.compiler.get_or_init(|| match std::env::var_os("SNAPCRANE_BIN") {
            Some(path) => std::path::absolute(path).expect("a path"),
            None => build_compiler(),
        })
    }

    /// A command that runs the binary under test; add arguments.
    pub fn compiler_command(&self) -> Command {
        Command::new(self.compiler())
    }

    /// The arguments of `gen_snapshot` for one compilation.
    pub fn gen_snapshot_command(&self, kernel: &Path, snapshot: &Path, options: &CompileOptions) -> Command {
        let mut command = self.compiler_command();
        command.args(["gen_snapshot", "--deterministic", "--snapshot_kind=app-aot-elf"]);
        command.arg(format!("--elf={}", snapshot.display()));
        if options.arch != Arch::X64 {
            command.arg(format!("--target=linux-{}", options.arch.name()));
        }
        if options.strip {
            command.arg("--strip");
        }
        if options.asserts {
            command.arg("--enable-asserts");
        }
        if let Some(jobs) = options.jobs {
            command.arg(format!("--jobs={jobs}"));
        }
        command.arg(kernel);
        command
    }

    /// Compiles a kernel file that must compile, quietly, and has the snapshot verified.
    ///
    /// # Panics
    /// When it does not.
    pub fn compile(&self, kernel: &Path, snapshot: &Path, options: &CompileOptions) {
        self.compile_within(kernel, snapshot, options, COMPILE_SECONDS);
    }

    /// [`Harness::compile`] with another time limit.
    ///
    /// # Panics
    /// When it fails or takes longer.
    pub fn compile_within(&self, kernel: &Path, snapshot: &Path, options: &CompileOptions, seconds: u64) {
        let mut command = self.gen_snapshot_command(kernel, snapshot, options);
        let finished = succeed(&mut command, &Limits::seconds(seconds));
        assert!(
            finished.stdout.is_empty() && finished.stderr.is_empty(),
            "{}{}",
            shown(&command),
            said(&finished)
        );
        self.verify(snapshot);
    }

    /// Reads and verifies a snapshot; then runs the command that `SNAPCRANE_SNAPSHOT_VERIFIER` names, if it names one.
    ///
    /// # Panics
    /// When it finds a fault.
    pub fn verify(&self, snapshot: &Path) {
        let file = fs::read(snapshot).unwrap_or_else(|e| panic!("{}: {e}", snapshot.display()));
        let read = Snapshot::open(&file).unwrap_or_else(|fault| panic!("{}: {fault}", snapshot.display()));
        let faults: Vec<String> = verify(&read).errors.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{}:\n{}", snapshot.display(), faults.join("\n"));
        let Ok(verifier) = std::env::var("SNAPCRANE_SNAPSHOT_VERIFIER") else { return };
        let mut words = verifier.split_whitespace();
        let Some(program) = words.next() else { return };
        let mut command = Command::new(program);
        command.args(words).arg(snapshot);
        succeed(&mut command, &Limits::seconds(COMPILE_SECONDS));
    }

    /// Compiles with the reference compiler, stripped.
    ///
    /// # Panics
    /// When the toolchain has none, or it fails.
    pub fn compile_reference(&self, kernel: &Path, snapshot: &Path, asserts: bool) {
        let options = CompileOptions { strip: true, asserts, ..CompileOptions::default() };
        let reference = self.reference_command(kernel, snapshot, &options);
        let mut command = reference.expect("the toolchain has the reference compiler");
        succeed(&mut command, &Limits::seconds(COMPILE_SECONDS));
    }

    /// The command with which the reference compiler makes a snapshot; `None` if the toolchain has no reference compiler for
    /// that architecture. It knows no `jobs`.
    pub fn reference_command(
        &self,
        kernel: &Path,
        snapshot: &Path,
        options: &CompileOptions,
    ) -> Option<Command> {
        let mut command = self.toolchain.reference_gen_snapshot(options.arch)?;
        command.args(["--deterministic", "--snapshot_kind=app-aot-elf"]);
        command.arg(format!("--elf={}", snapshot.display()));
        if options.strip {
            command.arg("--strip");
        }
        if options.asserts {
            command.arg("--enable-asserts");
        }
        command.arg(kernel);
        Some(command)
    }

    /// Whether the toolchain has the engine with assertions on.
    pub fn has_checked_engine(&self) -> bool {
        self.toolchain.engine_checked().is_some()
    }

    /// A command that runs a snapshot.
    ///
    /// # Panics
    /// When the toolchain has no such engine.
    pub fn engine_command(&self, engine: Engine, snapshot: &Path, arguments: &[&str]) -> Command {
        let checked = || self.toolchain.engine_checked().expect("the toolchain has the checked engine");
        let mut command = match engine {
            Engine::Shipped | Engine::Emulated(_) => {
                self.toolchain.engine(engine.arch()).unwrap_or_else(|error| panic!("{error}"))
            }
            Engine::Checked | Engine::Stressed | Engine::CheckedWith(_) => checked(),
        };
        match engine {
            Engine::Shipped | Engine::Emulated(_) | Engine::Checked => command.env_remove("DARTCHK_FLAGS"),
            Engine::Stressed => command.env("DARTCHK_FLAGS", STRESS_FLAGS),
            Engine::CheckedWith(flags) => command.env("DARTCHK_FLAGS", flags),
        };
        command.arg(snapshot).args(arguments);
        command
    }

    /// Runs a snapshot with the usual limits.
    pub fn run(&self, engine: Engine, snapshot: &Path, arguments: &[&str]) -> Finished {
        let seconds = match engine {
            Engine::Emulated(_) => EMULATED_RUN_SECONDS,
            Engine::Shipped | Engine::Checked | Engine::Stressed | Engine::CheckedWith(_) => RUN_SECONDS,
        };
        self.run_within(engine, snapshot, arguments, seconds)
    }

    /// Runs a snapshot with another time limit.
    pub fn run_within(&self, engine: Engine, snapshot: &Path, arguments: &[&str], seconds: u64) -> Finished {
        let limits = Limits { file_size: 64 << 20, ..Limits::seconds(seconds) };
        run(&mut self.engine_command(engine, snapshot, arguments), &limits)
    }
}

/// Runs a command that must succeed.
///
/// # Panics
/// When it does not.
pub fn succeed(command: &mut Command, limits: &Limits) -> Finished {
    let finished = run(command, limits);
    assert_eq!(
        finished.code(),
        Some(0),
        "{}: {}{}",
        shown(command),
        finished.describe_end(),
        said(&finished)
    );
    finished
}

/// What a command prints that must succeed, in the time of a compilation.
///
/// # Panics
/// When it does not, or prints no text.
pub fn printed(command: &mut Command) -> String {
    String::from_utf8(succeed(command, &Limits::seconds(COMPILE_SECONDS)).stdout).expect("a text")
}

/// A command line that can be pasted into a shell.
pub fn shown(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| {
            Some(format!("{}='{}'", name.to_string_lossy(), value?.to_string_lossy()))
        })
        .collect();
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// What a child printed, for a failure's message; long texts are cut.
pub fn said(finished: &Finished) -> String {
    let mut text = String::from_utf8_lossy(&finished.stdout).into_owned() + &finished.stderr;
    if text.len() > 4000 {
        let cut = (0..=4000).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(cut);
        text.push_str(" ...");
    }
    if text.is_empty() { String::new() } else { format!("\n{}", text.trim_end()) }
}

/// Names a kernel file by everything that it depends on: sources, flags, the place of the sources (it is in the file).
fn kernel_key(program: &Program) -> u64 {
    let mut inputs = vec![program.source.clone()];
    if let Ok(entries) = fs::read_dir(program.source.with_file_name("libs")) {
        inputs.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    inputs.sort();
    let mut hash = Fnv::default();
    hash.write(xtask::SNAPSHOT_HASH.as_bytes());
    hash.write(&[u8::from(program.asserts)]);
    for path in inputs {
        hash.write(path.as_os_str().as_encoded_bytes());
        hash.write(&fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    }
    hash.0
}

/// FNV-1a, which is the same in every version of every library.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

/// Builds the `snapcrane` binary in the profile of this test and returns its path.
fn build_compiler() -> PathBuf {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.current_dir(workspace_root());
    command.args(["build", "--package", "snapcrane", "--bin", "snapcrane"]);
    command.arg("--message-format=json-render-diagnostics");
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    let finished = succeed(&mut command, &Limits { file_size: u64::MAX, ..Limits::seconds(BUILD_SECONDS) });
    let messages = String::from_utf8_lossy(&finished.stdout).into_owned();
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == "snapcrane")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .expect("cargo tells where the binary is")
}
