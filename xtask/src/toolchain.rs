//! A prepared folder with Dart 3.13.4, and the programs in it.
//!
//! The folder is `$SNAPCRANE_DART_DIR`, or `.toolchain/dart-3.13.4` in the workspace as `cargo xtask toolchain` makes it:
//!
//! ```text
//! sdk/version                               "3.13.4"
//! sdk/bin/gen_kernel_aot.dart.snapshot      the front end, an AOT snapshot
//! sdk/lib/vm_platform_product.dill          the core libraries as kernel
//! sdk/engines/ARCH/dartaotruntime           the engine: x64, and optionally arm64, arm
//! sdk/engines/ARCH/sass.snapshot            a large snapshot made by the reference compiler
//! sdk/bin/gen_snapshot, sdk/sysroot/        optional: the reference compiler for x64, with its own loader and libraries
//! sdk/bin/dartaotruntime-checked            optional: the x64 engine with assertions on
//! sdk/cross/ARCH/{gen_snapshot,sysroot/}    optional: the same for arm64 and arm; the engines there use the libraries too
//! qemu/qemu-aarch64, qemu/qemu-arm          optional: used when PATH has none
//! src/                                      optional: Dart's sources
//! cache/app-dill/NAME.dill                  optional: large programs as AOT kernel
//! ```
//!
//! The front end is itself a Dart program, so the x64 engine runs it. The reference compiler is linked against a newer
//! glibc than many machines have, hence its own loader.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::Error;

/// The Dart version that snapcrane's engine data describes.
pub const DART_VERSION: &str = "3.13.4";

/// The hash that engine and snapshot must share (`runtime/vm/version_in.cc`, `Version::SnapshotString`).
pub const SNAPSHOT_HASH: &str = "0451907c2eaa8467e848c0067bfe8ed4";

/// Version of the kernel format that Dart 3.13 writes (`pkg/kernel/lib/binary/tag.dart`, `BinaryFormatVersion`).
const KERNEL_FORMAT: u32 = 138;

/// The environment variable that names a prepared folder.
pub const DIR_VARIABLE: &str = "SNAPCRANE_DART_DIR";

/// An instruction set for which there is an engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64, the host's.
    #[default]
    X64,
    /// AArch64.
    Arm64,
    /// ARMv7-A with VFP.
    Arm,
}

impl Arch {
    /// All of them, in the order in which they are reported.
    pub const ALL: [Arch; 3] = [Arch::X64, Arch::Arm64, Arch::Arm];

    /// Dart's name.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X64 => "x64",
            Arch::Arm64 => "arm64",
            Arch::Arm => "arm",
        }
    }

    /// The program loader in a sysroot folder.
    pub(crate) fn loader(self) -> &'static str {
        match self {
            Arch::X64 => "ld-linux-x86-64.so.2",
            Arch::Arm64 => "ld-linux-aarch64.so.1",
            Arch::Arm => "ld-linux-armhf.so.3",
        }
    }

    /// The user-mode emulator; x64 is the host.
    fn emulator(self) -> Option<&'static str> {
        match self {
            Arch::X64 => None,
            Arch::Arm64 => Some("qemu-aarch64"),
            Arch::Arm => Some("qemu-arm"),
        }
    }
}

impl std::str::FromStr for Arch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Arch, Error> {
        let found = Arch::ALL.into_iter().find(|arch| arch.name() == text);
        found.ok_or_else(|| Error::Usage(format!("no such architecture: {text} (x64, arm64, arm)")))
    }
}

/// What to tell the front end besides its fixed flags.
#[derive(Debug, Clone, Default)]
pub struct KernelOptions {
    /// `-Dname=value`, after `dart.vm.product=true`.
    pub defines: Vec<(String, String)>,
    /// A `package_config.json`.
    pub packages: Option<PathBuf>,
    /// Further flags, passed as they are.
    pub flags: Vec<OsString>,
}

/// A folder with Dart 3.13.4 whose required files have been checked.
#[derive(Debug, Clone)]
pub struct Toolchain {
    root: PathBuf,
}

/// The root folder of this workspace. Cargo names it at run time, which holds for a target folder that several checkouts share, too;
/// a program started without cargo looks where it was built.
pub fn workspace_root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        package.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    });
    &ROOT
}

impl Toolchain {
    /// Where `cargo xtask toolchain` puts the toolchain unless told otherwise.
    pub fn default_dir() -> PathBuf {
        workspace_root().join(".toolchain").join(format!("dart-{DART_VERSION}"))
    }

    /// The folder that the environment names, if it names one.
    pub fn named_dir() -> Option<PathBuf> {
        std::env::var_os(DIR_VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Opens the folder that `SNAPCRANE_DART_DIR` names, else the one that `cargo xtask toolchain` made. Never downloads.
    ///
    /// # Errors
    /// [`Error::Environment`] when there is none, or when it is not a complete Dart 3.13.4.
    pub fn locate() -> Result<Toolchain, Error> {
        match Toolchain::named_dir() {
            Some(dir) => Toolchain::open(&dir)
                .map_err(|error| Error::Environment(format!("{DIR_VARIABLE} is not usable: {error}"))),
            None => Toolchain::open(&Toolchain::default_dir()).map_err(|error| {
                Error::Environment(format!("{error}: run `cargo xtask toolchain`, or set {DIR_VARIABLE}"))
            }),
        }
    }

    /// Opens a prepared folder.
    ///
    /// # Errors
    /// [`Error::Environment`] naming the first required file that is missing or of another Dart version.
    pub fn open(dir: &Path) -> Result<Toolchain, Error> {
        let root = std::path::absolute(dir).map_err(|error| Error::io("find", dir, &error))?;
        let toolchain = Toolchain { root };
        toolchain.check_version_file()?;
        for path in [toolchain.engine_path(Arch::X64), toolchain.gen_kernel_path()] {
            check_snapshot_hash(&path)?;
        }
        check_platform(&toolchain.platform_path())?;
        Ok(toolchain)
    }

    fn check_version_file(&self) -> Result<(), Error> {
        let path = self.sdk().join("version");
        let text = fs::read_to_string(&path).map_err(|error| Error::io("read", &path, &error))?;
        if text.trim() == DART_VERSION {
            return Ok(());
        }
        Err(Error::Environment(format!("{} says {}, needed is {DART_VERSION}", path.display(), text.trim())))
    }

    /// The prepared folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn sdk(&self) -> PathBuf {
        self.root.join("sdk")
    }

    fn engine_path(&self, arch: Arch) -> PathBuf {
        self.sdk().join("engines").join(arch.name()).join("dartaotruntime")
    }

    fn gen_kernel_path(&self) -> PathBuf {
        self.sdk().join("bin/gen_kernel_aot.dart.snapshot")
    }

    /// The core libraries as kernel, product mode.
    pub fn platform_path(&self) -> PathBuf {
        self.sdk().join("lib/vm_platform_product.dill")
    }

    /// Compiles a Dart program to AOT kernel, product mode, for Linux.
    ///
    /// # Errors
    /// [`Error::Failed`] with the front end's messages when the program has errors, [`Error::Environment`] when the front
    /// end does not start.
    pub fn gen_kernel(&self, source: &Path, out: &Path, options: &KernelOptions) -> Result<(), Error> {
        let mut command = self.engine(Arch::X64)?;
        command.arg(self.gen_kernel_path());
        command.args([
            "--aot",
            "--no-embed-sources",
            "-Ddart.vm.product=true",
            "--target-os",
            "linux",
            "--target",
            "vm",
        ]);
        command.arg("--platform").arg(self.platform_path());
        command.args(options.defines.iter().map(|(name, value)| format!("-D{name}={value}")));
        if let Some(packages) = &options.packages {
            command.arg("--packages").arg(packages);
        }
        command.args(&options.flags);
        command.arg("-o").arg(out).arg(source);
        let output = command.output().map_err(|error| crate::process::spawn_error(&command, &error))?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Failed(format!(
            "gen_kernel {} failed ({}): {}{}",
            source.display(),
            crate::process::describe_status(output.status),
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout).trim_end()
        )))
    }

    /// The real engine for `arch`, under emulation where the host needs it: add a snapshot and the program's arguments.
    ///
    /// # Errors
    /// [`Error::Environment`] when the folder has no such engine or the emulator is missing.
    pub fn engine(&self, arch: Arch) -> Result<Command, Error> {
        let engine = self.engine_path(arch);
        let Some(emulator) = arch.emulator() else { return Ok(Command::new(engine)) };
        let sysroot = self.sysroot(arch);
        for path in [&engine, &sysroot.join(arch.loader())] {
            if !path.is_file() {
                return Err(Error::Environment(format!(
                    "no {} engine ({} is missing): run `cargo xtask toolchain --with-qemu`",
                    arch.name(),
                    path.display()
                )));
            }
        }
        let mut command = Command::new(self.emulator(emulator)?);
        command.arg(sysroot.join(arch.loader())).arg("--library-path").arg(sysroot).arg(engine);
        Ok(command)
    }

    /// The x64 engine with assertions on, if the folder has it.
    pub fn engine_checked(&self) -> Option<Command> {
        existing(self.sdk().join("bin/dartaotruntime-checked")).map(Command::new)
    }

    /// The reference compiler that produces code for `arch`, if the folder has it (and the emulator it runs under).
    pub fn reference_gen_snapshot(&self, arch: Arch) -> Option<Command> {
        let program = existing(self.reference_path(arch))?;
        let sysroot = self.sysroot(arch);
        let loader = existing(sysroot.join(arch.loader()))?;
        let mut command = match arch.emulator() {
            None => Command::new(loader),
            Some(emulator) => {
                let mut command = Command::new(self.emulator(emulator).ok()?);
                command.arg(loader);
                command
            }
        };
        command.arg("--library-path").arg(sysroot).arg(program);
        Some(command)
    }

    /// A large snapshot that the reference compiler made for `arch` (the Sass compiler), if the folder has it.
    pub fn reference_snapshot(&self, arch: Arch) -> Option<PathBuf> {
        existing(self.sdk().join("engines").join(arch.name()).join("sass.snapshot"))
    }

    /// Large real programs as AOT kernel, sorted by name; empty if the folder has none.
    pub fn app_dills(&self) -> Vec<(String, PathBuf)> {
        let Ok(entries) = fs::read_dir(self.root.join("cache/app-dill")) else { return Vec::new() };
        let mut dills: Vec<(String, PathBuf)> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "dill"))
            .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
            .collect();
        dills.sort();
        dills
    }

    /// Dart's sources (`runtime/`, `sdk/`, `pkg/`, `tests/`), if the folder has them.
    pub fn dart_sources(&self) -> Option<PathBuf> {
        let dir = self.root.join("src");
        dir.join("runtime/vm").is_dir().then_some(dir)
    }

    /// The path of the reference compiler for `arch`, whether it exists or not.
    pub(crate) fn reference_path(&self, arch: Arch) -> PathBuf {
        match arch {
            Arch::X64 => self.sdk().join("bin/gen_snapshot"),
            Arch::Arm64 | Arch::Arm => self.sdk().join("cross").join(arch.name()).join("gen_snapshot"),
        }
    }

    /// The folder with the loader and the libraries for `arch`, whether it exists or not.
    pub(crate) fn sysroot(&self, arch: Arch) -> PathBuf {
        match arch {
            Arch::X64 => self.sdk().join("sysroot"),
            Arch::Arm64 | Arch::Arm => self.sdk().join("cross").join(arch.name()).join("sysroot"),
        }
    }

    fn emulator(&self, name: &str) -> Result<PathBuf, Error> {
        find_on_path(name).or_else(|| existing(self.root.join("qemu").join(name))).ok_or_else(|| {
            Error::Environment(format!(
                "{name} was not found: install Debian's qemu-user, or run `cargo xtask toolchain --with-qemu`"
            ))
        })
    }

    /// The version that the x64 engine itself reports.
    ///
    /// # Errors
    /// [`Error::Environment`] when the engine does not run on this machine, or reports another version.
    pub fn check_engine_runs(&self) -> Result<String, Error> {
        let mut command = self.engine(Arch::X64)?;
        command.arg("--version");
        let output = command.output().map_err(|error| crate::process::spawn_error(&command, &error))?;
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let line = text.lines().next().unwrap_or_default().trim().to_owned();
        if output.status.success() && line.contains(&format!(" {DART_VERSION} ")) {
            return Ok(line);
        }
        Err(Error::Environment(format!("the engine of {} does not run: {line}", self.root.display())))
    }

    /// Whether [`Toolchain::engine`] would succeed.
    pub fn has_engine(&self, arch: Arch) -> bool {
        self.engine(arch).is_ok()
    }
}

/// The first program of that name on `PATH`.
pub(crate) fn find_on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.is_file().then_some(path)
}

/// Fails unless `path` is a file that contains the snapshot hash of Dart 3.13.4: engine, reference compiler or snapshot.
pub(crate) fn check_snapshot_hash(path: &Path) -> Result<(), Error> {
    let found = fs::File::open(path).and_then(|file| contains(file, SNAPSHOT_HASH.as_bytes(), 1 << 16));
    if found.map_err(|error| Error::io("read", path, &error))? {
        return Ok(());
    }
    Err(Error::Environment(format!(
        "{} is not of Dart {DART_VERSION} (no snapshot hash {SNAPSHOT_HASH})",
        path.display()
    )))
}

/// Fails unless `path` is a kernel file of the format that Dart 3.13 writes.
fn check_platform(path: &Path) -> Result<(), Error> {
    let mut header = [0; 8];
    fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut header))
        .map_err(|error| Error::io("read", path, &error))?;
    let expected = [0x90, 0xab, 0xcd, 0xef];
    if header[..4] == expected && header[4..] == KERNEL_FORMAT.to_be_bytes() {
        return Ok(());
    }
    Err(Error::Environment(format!("{} is not a kernel file of format {KERNEL_FORMAT}", path.display())))
}

/// Whether `input` contains `needle`, reading `step` bytes at a time.
///
/// Not the whole file at once: the kernel counts the memory of the process that starts a child as memory of the child,
/// so a benchmark's measurements would never fall below this process's own peak.
fn contains(mut input: impl Read, needle: &[u8], step: usize) -> io::Result<bool> {
    let mut window = Vec::new();
    loop {
        let old = window.len();
        let read = input.by_ref().take(step as u64).read_to_end(&mut window)?;
        if window.windows(needle.len()).any(|part| part == needle) {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        // The needle may begin in the last bytes and end in the next ones.
        let keep = (old + read).min(needle.len() - 1);
        window.drain(..old + read - keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that passes every check of `open`, with the given version and hash.
    fn fake(version: &str, hash: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let sdk = dir.path().join("sdk");
        for folder in ["bin", "lib", "engines/x64"] {
            fs::create_dir_all(sdk.join(folder)).expect("a folder");
        }
        let kernel = [&[0x90, 0xab, 0xcd, 0xef][..], &KERNEL_FORMAT.to_be_bytes()].concat();
        let files: [(&str, &[u8]); 4] = [
            ("version", version.as_bytes()),
            ("bin/gen_kernel_aot.dart.snapshot", hash.as_bytes()),
            ("lib/vm_platform_product.dill", &kernel),
            ("engines/x64/dartaotruntime", hash.as_bytes()),
        ];
        for (name, content) in files {
            fs::write(sdk.join(name), content).expect("a file");
        }
        dir
    }

    #[test]
    fn opens_a_complete_folder_of_the_right_version() {
        let dir = fake("3.13.4\n", &format!("00{SNAPSHOT_HASH}product"));
        let toolchain = Toolchain::open(dir.path()).expect("complete");
        assert_eq!(toolchain.root(), dir.path());
        assert!(toolchain.app_dills().is_empty());
        assert!(toolchain.reference_gen_snapshot(Arch::X64).is_none());
        assert!(
            toolchain.engine(Arch::Arm64).expect_err("no such engine").to_string().contains("--with-qemu")
        );
    }

    #[test]
    fn refuses_other_versions() {
        let other = fake("3.13.5", SNAPSHOT_HASH);
        let message = Toolchain::open(other.path()).expect_err("version").to_string();
        assert!(message.ends_with("says 3.13.5, needed is 3.13.4"), "{message}");
        let other = fake("3.13.4", "0451907c2eaa8467e848c0067bfe8ed5");
        let message = Toolchain::open(other.path()).expect_err("hash").to_string();
        assert!(message.contains("dartaotruntime is not of Dart 3.13.4"), "{message}");
    }

    #[test]
    fn names_the_missing_file() {
        let dir = fake("3.13.4", SNAPSHOT_HASH);
        fs::remove_file(dir.path().join("sdk/lib/vm_platform_product.dill")).expect("it exists");
        let message = Toolchain::open(dir.path()).expect_err("incomplete").to_string();
        assert!(message.contains("vm_platform_product.dill"), "{message}");
    }

    #[test]
    fn dills_are_sorted_and_nothing_else_is_listed() {
        let dir = fake("3.13.4", SNAPSHOT_HASH);
        let dills = dir.path().join("cache/app-dill");
        fs::create_dir_all(&dills).expect("a folder");
        for name in ["b.dill", ".complete", "a.dill", "a.txt"] {
            fs::write(dills.join(name), "").expect("a file");
        }
        let listed = Toolchain::open(dir.path()).expect("complete").app_dills();
        assert_eq!(listed, [("a".to_owned(), dills.join("a.dill")), ("b".to_owned(), dills.join("b.dill"))]);
    }

    #[test]
    fn searches_bytes() {
        for step in 1..6 {
            let found =
                |text: &[u8], needle: &[u8]| contains(text, needle, step).expect("memory is readable");
            assert!(found(b"aaaab", b"aab"), "{step}");
            assert!(found(b"xxxxabc", b"abc"), "{step}");
            assert!(found(b"ab", b"ab"), "{step}");
            assert!(!found(b"abaa", b"abb"), "{step}");
            assert!(!found(b"", b"a"), "{step}");
        }
    }
}
