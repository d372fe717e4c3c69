//! Fills a folder with Dart 3.13.4 through package managers that the machine already trusts.
//!
//! Nobody publishes "a Dart engine" as a package, but two packages contain everything:
//!
//! * npm's `sass-embedded-linux-ARCH` ships the unmodified product-mode AOT engine of the Dart release that built it,
//!   for x64, arm64 and armv7, together with a large real snapshot;
//! * Debian's `dart-sdk` ships the front end, the core libraries as kernel, and the reference `gen_snapshot`. It is taken
//!   from the suite where that version is, with its own glibc beside it, because the machine's may be older.
//!
//! Nothing is installed. apt runs with a private configuration whose mirror and keys are those of the machine
//! ([`apt`]); packages are unpacked into a staging folder, checked to be of the right version, and only then renamed
//! into place, one rename per part. So an interrupted run leaves whole parts or none, and the next run goes on from
//! there. A lock keeps two runs apart.

mod apt;
mod npm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::run_quiet;
use crate::toolchain::{DIR_VARIABLE, check_snapshot_hash, find_on_path};
use crate::{Arch, DART_VERSION, Error, KernelOptions, Toolchain};

/// The release of Sass whose npm packages carry Dart 3.13.4.
const SASS_VERSION: &str = "1.105.0";

/// The libraries that programs of Debian's `dart-sdk` are linked against.
const LIBRARY_PACKAGES: [&str; 5] = ["libc6", "libdouble-conversion3", "libgcc-s1", "libstdc++6", "zlib1g"];

/// The files of those packages that such programs load.
const LIBRARIES: [&str; 9] = [
    "libc.so.6",
    "libdl.so.2",
    "libdouble-conversion.so.3",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libstdc++.so.6",
    "libz.so.1",
];

/// The parts of Dart's source archive that are not about Dart: bundled C and C++ libraries.
const UNUSED_SOURCES: [&str; 8] =
    ["binaryen", "boringssl", "emsdk", "icu", "libc", "libcxx", "libcxxabi", "perfetto"];

/// Large programs in Dart's sources: name and main file.
const APPS: [(&str, &str); 3] = [
    ("dart_style", "third_party/pkg/dart_style/bin/format.dart"),
    ("gen_kernel", "pkg/vm/bin/gen_kernel.dart"),
    ("dart2js", "pkg/compiler/lib/src/dart2js.dart"),
];

/// What to get besides the front end, the x64 engine and the reference compiler for x64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// The engines for arm64 and arm, their libraries, and an emulator unless `PATH` has one.
    pub foreign_engines: bool,
    /// The reference compilers for arm64 and arm; they run under the emulator too.
    pub foreign_references: bool,
    /// Dart's sources, and the large programs in them as AOT kernel.
    pub sources: bool,
}

/// Where Debian's files are for an architecture: Debian's name of it and the library folder.
fn debian_names(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::X64 => ("amd64", "usr/lib/x86_64-linux-gnu"),
        Arch::Arm64 => ("arm64", "usr/lib/aarch64-linux-gnu"),
        Arch::Arm => ("armhf", "usr/lib/arm-linux-gnueabihf"),
    }
}

/// Makes `dir` a complete toolchain folder with `extras`, fetching only what is missing, and opens it.
///
/// `report` is called with one line before each slow step.
///
/// # Errors
/// [`Error::Environment`] when a program or the network is missing, or when a package is not of Dart 3.13.4.
pub fn prepare(dir: &Path, extras: Extras, report: &dyn Fn(&str)) -> Result<Toolchain, Error> {
    if std::env::consts::OS != "linux" || std::env::consts::ARCH != "x86_64" {
        return Err(with_way_out(Error::Environment(
            "Dart packages are fetched for Linux x86-64 hosts only".into(),
        )));
    }
    let dir = std::path::absolute(dir).map_err(|error| Error::io("find", dir, &error))?;
    if let Some(toolchain) = complete(&dir, extras) {
        return Ok(toolchain);
    }
    fs::create_dir_all(&dir).map_err(|error| Error::io("make", &dir, &error))?;
    let lock_path = dir.join(".lock");
    let lock = fs::File::create(&lock_path).map_err(|error| Error::io("make", &lock_path, &error))?;
    lock.lock().map_err(|error| Error::io("lock", &lock_path, &error))?;
    fill(&dir, extras, report).map_err(with_way_out)
}

/// The folder as it is, if nothing is to be fetched.
fn complete(dir: &Path, extras: Extras) -> Option<Toolchain> {
    let toolchain = Toolchain::open(dir).ok()?;
    let foreign = [Arch::Arm64, Arch::Arm];
    let missing = (extras.foreign_engines && !foreign.iter().all(|&arch| toolchain.has_engine(arch)))
        || (extras.foreign_references
            && !foreign.iter().all(|&arch| toolchain.reference_path(arch).is_file()))
        || (extras.sources
            && (toolchain.dart_sources().is_none() || missing_apps(&toolchain).next().is_some()));
    (!missing).then_some(toolchain)
}

fn with_way_out(error: Error) -> Error {
    match error {
        Error::Environment(message) => Error::Environment(format!(
            "{message} (or set {DIR_VARIABLE} to a folder that already holds Dart {DART_VERSION})"
        )),
        other => other,
    }
}

/// One run's working state. Dropping it removes the staging folder.
struct Stage<'a> {
    dir: &'a Path,
    staging: tempfile::TempDir,
    report: &'a dyn Fn(&str),
    extras: Extras,
    archive: Option<apt::Archive>,
}

fn fill(dir: &Path, extras: Extras, report: &dyn Fn(&str)) -> Result<Toolchain, Error> {
    let staging = tempfile::Builder::new()
        .prefix(".staging-")
        .tempdir_in(dir)
        .map_err(|error| Error::io("make a folder in", dir, &error))?;
    let mut stage = Stage { dir, staging, report, extras, archive: None };
    let toolchain = match Toolchain::open(dir) {
        Ok(toolchain) => toolchain,
        Err(_) => stage.base()?,
    };
    for arch in [Arch::Arm64, Arch::Arm] {
        if (extras.foreign_engines || extras.foreign_references) && !toolchain.sysroot(arch).is_dir() {
            let sysroot = stage.sysroot(arch)?;
            place(&sysroot, &toolchain.sysroot(arch))?;
        }
        if extras.foreign_engines && !dir.join("sdk/engines").join(arch.name()).is_dir() {
            let engine = stage.engine(arch)?;
            place(&engine, &dir.join("sdk/engines").join(arch.name()))?;
        }
        if extras.foreign_references && !toolchain.reference_path(arch).is_file() {
            let tree = stage.dart_sdk(arch, &["./usr/lib/dart/bin/utils/gen_snapshot"])?;
            let program = tree.join("usr/lib/dart/bin/utils/gen_snapshot");
            check_snapshot_hash(&program)?;
            place(&program, &toolchain.reference_path(arch))?;
        }
    }
    if extras.foreign_engines || extras.foreign_references {
        stage.emulators()?;
    }
    if extras.sources {
        stage.sources(&toolchain)?;
    }
    Ok(toolchain)
}

impl Stage<'_> {
    /// Front end, core libraries, x64 engine and x64 reference compiler: all of `sdk/` in one rename.
    fn base(&mut self) -> Result<Toolchain, Error> {
        let engine = self.engine(Arch::X64)?;
        let members = [
            "./usr/lib/dart/version",
            "./usr/lib/dart/bin/snapshots/gen_kernel_aot.dart.snapshot",
            "./usr/lib/dart/bin/utils/gen_snapshot",
            "./usr/lib/dart/lib/_internal/vm_platform.dill",
            "./usr/lib/dart/lib/_internal/vm_platform_product.dill",
        ];
        let tree = self.dart_sdk(Arch::X64, &members)?.join("usr/lib/dart");
        let sysroot = self.sysroot(Arch::X64)?;

        let root = self.staging.path().join("whole");
        let sdk = root.join("sdk");
        place(&tree.join("version"), &sdk.join("version"))?;
        place(
            &tree.join("bin/snapshots/gen_kernel_aot.dart.snapshot"),
            &sdk.join("bin/gen_kernel_aot.dart.snapshot"),
        )?;
        place(&tree.join("bin/utils/gen_snapshot"), &sdk.join("bin/gen_snapshot"))?;
        check_snapshot_hash(&sdk.join("bin/gen_snapshot"))?;
        for dill in ["vm_platform.dill", "vm_platform_product.dill"] {
            place(&tree.join("lib/_internal").join(dill), &sdk.join("lib").join(dill))?;
        }
        place(&sysroot, &sdk.join("sysroot"))?;
        place(&engine, &sdk.join("engines/x64"))?;
        let version = Toolchain::open(&root)?.check_engine_runs()?;
        (self.report)(&format!("got {version}"));

        let target = self.dir.join("sdk");
        if target.exists() {
            fs::rename(&target, self.staging.path().join("incomplete"))
                .map_err(|error| Error::io("move away", &target, &error))?;
        }
        place(&sdk, &target)?;
        Toolchain::open(self.dir)
    }

    /// The folder of one engine with its example snapshot.
    fn engine(&self, arch: Arch) -> Result<PathBuf, Error> {
        let package = format!("sass-embedded-linux-{}", arch.name());
        (self.report)(&format!("fetching the {} engine: npm package {package} {SASS_VERSION}", arch.name()));
        let tree = npm::unpack(&package, SASS_VERSION, &self.staging.path().join(&package))?;
        let folder = self.staging.path().join(format!("engine-{}", arch.name()));
        place(&tree.join("dart-sass/src/dart"), &folder.join("dartaotruntime"))?;
        place(&tree.join("dart-sass/src/sass.snapshot"), &folder.join("sass.snapshot"))?;
        for name in ["dartaotruntime", "sass.snapshot"] {
            check_snapshot_hash(&folder.join(name))?;
        }
        Ok(folder)
    }

    /// Members of Debian's `dart-sdk` for `arch`, as a tree in the staging folder.
    fn dart_sdk(&mut self, arch: Arch, members: &[&str]) -> Result<PathBuf, Error> {
        let (debian, _) = debian_names(arch);
        let tree = self.staging.path().join(format!("dart-sdk-{debian}"));
        self.archive()?;
        (self.report)(&format!("fetching Debian package dart-sdk {DART_VERSION} for {debian} (105 MB)"));
        let package = self.archive()?.download("dart-sdk", Some(DART_VERSION), debian)?;
        apt::unpack(&package, &tree, members)?;
        Ok(tree)
    }

    /// The loader and the libraries for `arch`, in one folder.
    fn sysroot(&mut self, arch: Arch) -> Result<PathBuf, Error> {
        let (debian, library_folder) = debian_names(arch);
        let tree = self.staging.path().join(format!("libraries-{debian}"));
        (self.report)(&format!("fetching Debian packages {} for {debian}", LIBRARY_PACKAGES.join(", ")));
        for name in LIBRARY_PACKAGES {
            let package = self.archive()?.download(name, None, debian)?;
            apt::unpack(&package, &tree, &[&format!("./{library_folder}")])?;
        }
        let sysroot = self.staging.path().join(format!("sysroot-{debian}"));
        fs::create_dir_all(&sysroot).map_err(|error| Error::io("make", &sysroot, &error))?;
        for name in LIBRARIES.into_iter().chain([arch.loader()]) {
            let from = tree.join(library_folder).join(name);
            // Copied, not moved: several are links to a file whose name has the full version.
            fs::copy(&from, sysroot.join(name)).map_err(|error| Error::io("copy", &from, &error))?;
        }
        Ok(sysroot)
    }

    /// qemu's user-mode emulators, unless the machine has them. Debian links them statically.
    fn emulators(&mut self) -> Result<(), Error> {
        let names = ["qemu-aarch64", "qemu-arm"];
        let folder = self.dir.join("qemu");
        if names.iter().all(|name| find_on_path(name).is_some() || folder.join(name).is_file()) {
            return Ok(());
        }
        (self.report)("fetching Debian package qemu-user (73 MB)");
        let package = self.archive()?.download("qemu-user", None, "amd64")?;
        let tree = self.staging.path().join("qemu-user");
        apt::unpack(&package, &tree, &names.map(|name| format!("./usr/bin/{name}")))?;
        names.into_iter().try_for_each(|name| place(&tree.join("usr/bin").join(name), &folder.join(name)))
    }

    /// Dart's sources as `src/`, and programs from them in `cache/app-dill/`.
    fn sources(&mut self, toolchain: &Toolchain) -> Result<(), Error> {
        if toolchain.dart_sources().is_none() {
            (self.report)(&format!("fetching Debian source package dart-sdk {DART_VERSION} (170 MB)"));
            let tarball = self.archive()?.download_source("dart-sdk", DART_VERSION)?;
            let tree = self.staging.path().join("src");
            fs::create_dir_all(&tree).map_err(|error| Error::io("make", &tree, &error))?;
            let mut tar = Command::new("tar");
            tar.args(UNUSED_SOURCES.map(|name| format!("--exclude=*/third_party/{name}")));
            tar.arg("--strip-components=1").arg("-C").arg(&tree).arg("-xf").arg(&tarball);
            run_quiet(&mut tar)?;
            place(&tree, &self.dir.join("src"))?;
        }
        let Some(sources) = toolchain.dart_sources() else {
            return Err(Error::Environment("the source package of dart-sdk has no runtime/vm".into()));
        };
        let options = KernelOptions {
            packages: Some(sources.join(".dart_tool/package_config.json")),
            flags: vec!["--verbosity=error".into()],
            ..KernelOptions::default()
        };
        for (name, main) in missing_apps(toolchain) {
            (self.report)(&format!("compiling {main} to kernel"));
            let dill = self.staging.path().join(format!("{name}.dill"));
            toolchain.gen_kernel(&sources.join(main), &dill, &options)?;
            place(&dill, &app_dill(toolchain, name))?;
        }
        Ok(())
    }

    /// The package archive, with its index read at first use.
    fn archive(&mut self) -> Result<&apt::Archive, Error> {
        let archive = match self.archive.take() {
            Some(archive) => archive,
            None => {
                (self.report)("reading the index of Debian's package archive (private configuration)");
                let foreign = self.extras.foreign_engines || self.extras.foreign_references;
                let architectures: &[&str] = if foreign { &["amd64", "arm64", "armhf"] } else { &["amd64"] };
                apt::Archive::open(&self.staging.path().join("apt"), architectures, self.extras.sources)?
            }
        };
        Ok(self.archive.insert(archive))
    }
}

fn app_dill(toolchain: &Toolchain, name: &str) -> PathBuf {
    toolchain.root().join("cache/app-dill").join(format!("{name}.dill"))
}

fn missing_apps(toolchain: &Toolchain) -> impl Iterator<Item = (&'static str, &'static str)> {
    APPS.into_iter().filter(|(name, _)| !app_dill(toolchain, name).is_file())
}

/// Moves a finished file or folder to its place, making the folders above it.
fn place(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|error| Error::io("make", parent, &error))?;
    }
    fs::rename(from, to).map_err(|error| Error::io("put in place", to, &error))
}
