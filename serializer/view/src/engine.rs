//! Whether an engine can load a snapshot, judged from the engine's binary.
//!
//! An engine compares the version hash and the features string of a snapshot with its own. The hash is a string in the binary.
//! The features string is not: it is put together at run time (`Dart::FeaturesString` in `runtime/vm/dart.cc`) from what the
//! engine was built with. So each feature is looked up by something in the binary that exists in builds with the
//! feature, or without it, only:
//!
//! - *Architecture and operating system.* The version string ends with `on "linux_x64"` (`runtime/vm/version_in.cc`); the words are
//!   those of the features string. `sim` before the architecture marks a simulator. The header of the file must agree.
//! - *Compressed pointers.* The preprocessor leaves one of the literals ` compressed-pointers` and ` no-compressed-pointers` in
//!   `FeaturesString`.
//! - *Product mode.* The service protocol (`runtime/vm/service.cc`) is compiled in other modes only, and its table of methods
//!   names `getVMTimelineFlags`. (The literal `product` itself may share the bytes of a longer one, so its absence would say nothing.)
//! - *Kind of snapshot.* An engine for ahead-of-time snapshots has the message `AOT runtime cannot run a JIT snapshot`, one
//!   with a compiler has the opposite one (`runtime/vm/dart.cc`).
//! - *Sanitizers.* Builds with a sanitizer import `__asan_init`, `__msan_init` or `__tsan_init`; this build option sets the flag that
//!   the features string shows.
//! - *Formats of files.* The loaders for files that are not the system's own (`runtime/bin/elf_loader.cc`, `macho_loader.cc`) have
//!   messages; engines in Flutter's libraries are without them.
//! - *Shared data* is a run-time flag that is off unless the command line sets it.
//! - *Code comments* and *DWARF stack traces* are taken over from the snapshot, so either value fits.

use crate::Features;
use crate::container::{Container, Format, MachO, Machine, macho_machine};
use dart_snapshot::reader::Header;
use snapcrane_engines::{Engine, Os};
use std::fmt;

const HASH_LENGTH: usize = 32;
/// Longest version string that is believed.
const MAX_VERSION_LENGTH: usize = 200;

/// What an engine was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFile {
    /// Processor that the file's header names.
    pub machine: Machine,
    /// Version hashes in the file; one, unless something else in it looks like one.
    pub hashes: Vec<String>,
    /// Version, channel and time, as the engine prints them.
    pub version: String,
    /// Operating system.
    pub os: String,
    /// Architecture of the code that it runs.
    pub arch: String,
    /// Runs that code in a simulator.
    pub is_simulator: bool,
    /// Object pointers inside heap objects are 32 bits wide; `None` if the file does not tell.
    pub compressed_pointers: Option<bool>,
    /// Built in product mode.
    pub is_product: bool,
    /// Loads ahead-of-time snapshots; `None` if the file does not tell.
    pub is_aot: Option<bool>,
    /// Sanitizers it was built with, as the features string names them.
    pub sanitizers: Vec<&'static str>,
    /// Has the VM's own loader of ELF files.
    pub has_elf_loader: bool,
    /// Has the VM's own loader of Mach-O files.
    pub has_macho_loader: bool,
}

/// A file that is no engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEngine {
    /// No executable format that engines have.
    #[error("neither an ELF, nor a Mach-O, nor a PE file")]
    Format,
    /// A universal file without code for the processor.
    #[error("a universal file without code for {0}")]
    Slice(Machine),
    /// The header is cut off.
    #[error("the file ends within its header")]
    Truncated,
    /// Nothing in it that engines have.
    #[error("no version string of a Dart engine in the file")]
    NoVersion,
    /// An engine without the hash.
    #[error("a version string, but no version hash of a Dart engine in the file")]
    NoHash,
}

impl EngineFile {
    /// Looks at an executable or shared library. Of a universal file, the part for `machine` counts.
    ///
    /// # Errors
    /// The file is no engine.
    pub fn read(file: &[u8], machine: Option<Machine>) -> Result<EngineFile, NotAnEngine> {
        let file = slice_of(file, machine)?;
        let mut engine = EngineFile {
            machine: header_machine(file)?,
            hashes: Vec::new(),
            version: String::new(),
            os: String::new(),
            arch: String::new(),
            is_simulator: false,
            compressed_pointers: None,
            is_product: true,
            is_aot: None,
            sanitizers: Vec::new(),
            has_elf_loader: false,
            has_macho_loader: false,
        };
        // String literals end with a zero byte; what is before them may be anything.
        file.split(|&byte| byte == 0).for_each(|segment| engine.look_at(segment));
        if engine.version.is_empty() {
            return Err(NotAnEngine::NoVersion);
        }
        if engine.hashes.is_empty() {
            return Err(NotAnEngine::NoHash);
        }
        Ok(engine)
    }

    fn look_at(&mut self, segment: &[u8]) {
        match segment {
            b"__asan_init" => self.sanitizers.push("asan"),
            b"__msan_init" => self.sanitizers.push("msan"),
            b"__tsan_init" => self.sanitizers.push("tsan"),
            _ => {}
        }
        let Some(&last) = segment.last() else { return };
        if last == b'"' {
            self.version_string(segment);
        } else if last.is_ascii_hexdigit() {
            let start = segment.len().saturating_sub(HASH_LENGTH);
            let (before, hash) = segment.split_at(start);
            let is_hex = |&byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if hash.len() == HASH_LENGTH && hash.iter().all(is_hex) && !before.last().is_some_and(is_hex) {
                let hash = String::from_utf8_lossy(hash).into_owned();
                if !self.hashes.contains(&hash) {
                    self.hashes.push(hash);
                }
            }
        } else if segment.ends_with(b" no-compressed-pointers") {
            self.compressed_pointers = Some(false);
        } else if segment.ends_with(b" compressed-pointers") {
            self.compressed_pointers = Some(true);
        } else if segment.ends_with(b"AOT runtime cannot run a JIT snapshot") {
            self.is_aot = Some(true);
        } else if segment.ends_with(b"JIT runtime cannot run an AOT snapshot") {
            self.is_aot = Some(false);
        } else if segment.ends_with(b"getVMTimelineFlags") {
            self.is_product = false;
        } else if segment.ends_with(b"Could not read ELF file.") {
            self.has_elf_loader = true;
        } else if segment.ends_with(b"Could not read Mach-O file.") {
            self.has_macho_loader = true;
        }
    }

    /// `3.13.4 (stable) (Tue Sep 15 …) on "linux_x64"`.
    fn version_string(&mut self, segment: &[u8]) {
        let tail = &segment[segment.len().saturating_sub(MAX_VERSION_LENGTH)..];
        let printable = tail.iter().rev().take_while(|byte| (b' '..=b'~').contains(byte)).count();
        let Ok(text) = std::str::from_utf8(&tail[tail.len() - printable..]) else { return };
        let Some((version, target)) = text.trim_end_matches('"').rsplit_once(" on \"") else { return };
        let Some((os, arch)) = target.split_once('_') else { return };
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        };
        let version = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        if !is_word(os) || !is_word(arch) || !version.contains(" (") {
            return;
        }
        let target_arch = arch.strip_prefix("sim").unwrap_or(arch);
        self.is_simulator = target_arch != arch;
        (self.version, self.os, self.arch) = (version.into(), os.into(), target_arch.into());
    }

    /// Why the engine refuses a snapshot, one sentence for each reason; none if it loads it.
    pub fn obstacles(&self, header: &Header) -> Vec<String> {
        let mut obstacles = Vec::new();
        if !self.hashes.contains(&header.version_hash) {
            let release = |hash: &str| {
                let engine = Engine::all().into_iter().find(|engine| engine.snapshot_hash == hash);
                engine.map_or_else(String::new, |engine| format!(", Dart {}", engine.revision))
            };
            obstacles.push(format!(
                "the engine is Dart {} with version hash {}, the snapshot is for version hash {}{}",
                self.version,
                self.hashes.join(" or "),
                header.version_hash,
                release(&header.version_hash),
            ));
        }
        if self.is_aot == Some(false) {
            obstacles.push("the engine compiles at run time and loads no ahead-of-time snapshots".into());
        }
        let Some(features) = Features::parse(&header.features) else {
            obstacles.push(format!("the snapshot's features `{}` are not of any engine", header.features));
            return obstacles;
        };
        if (features.mode == "product") != self.is_product {
            let mode = if self.is_product { "in product mode" } else { "not in product mode" };
            obstacles
                .push(format!("the engine was built {mode}, the snapshot is for {} mode", features.mode));
        }
        if features.os != self.os {
            obstacles.push(format!("the engine runs on {}, the snapshot is for {}", self.os, features.os));
        }
        if !self.is_simulator && self.machine.to_string() != self.arch {
            let (file, said) = (self.machine, &self.arch);
            obstacles.push(format!("the engine's file is for {file}, and its version says {said}"));
        }
        if features.arch != self.arch {
            obstacles
                .push(format!("the engine runs {} code, the snapshot has {} code", self.arch, features.arch));
        }
        if let Some(compressed) = self.compressed_pointers.filter(|&c| c != features.compressed_pointers()) {
            let (engine, snapshot) =
                if compressed { ("compresses", "does not") } else { ("does not compress", "does") };
            obstacles.push(format!("the engine {engine} object pointers, the snapshot {snapshot}"));
        }
        for (flag, value) in &features.flags {
            let expected = match flag.as_str() {
                "asan" | "msan" | "tsan" => self.sanitizers.contains(&flag.as_str()),
                "shared_data" => false,
                _ => continue,
            };
            if *value != expected {
                let word = |on: bool| if on { "with" } else { "without" };
                obstacles.push(format!(
                    "the engine runs {} feature {flag}, the snapshot is for engines {} it",
                    word(expected),
                    word(*value)
                ));
            }
        }
        obstacles
    }
}

impl EngineFile {
    /// Why the engine cannot load the file that a snapshot is in, whatever the snapshot.
    pub fn file_obstacles(&self, container: &Container<'_>) -> Vec<String> {
        if container.macho.as_ref().is_some_and(|macho| macho.file_type == MachO::OBJECT) {
            return vec!["the file is for a linker, engines load libraries".into()];
        }
        let is_darwin = Os::ALL.iter().any(|os| os.is_darwin() && os.name() == self.os);
        let is_loaded = match container.format {
            Format::Elf => self.has_elf_loader || !is_darwin && self.os != "windows",
            Format::MachO => self.has_macho_loader || is_darwin,
            Format::Raw => true,
        };
        if is_loaded {
            return Vec::new();
        }
        let (os, format) = (&self.os, container.format.name());
        vec![format!("the engine runs on {os} and has no loader of its own for {format} files")]
    }
}

impl fmt::Display for EngineFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dart {} for {}-{}", self.version, self.os, self.arch)?;
        if self.compressed_pointers == Some(true) {
            write!(f, " with compressed pointers")?;
        }
        if self.is_simulator {
            write!(f, ", simulated")?;
        }
        Ok(())
    }
}

fn bytes<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N], NotAnEngine> {
    let bytes = at.checked_add(N).and_then(|end| file.get(at..end));
    Ok(bytes.ok_or(NotAnEngine::Truncated)?.try_into().expect("that many bytes"))
}

/// The part of a universal Mach-O file for a processor; other files as they are.
fn slice_of(file: &[u8], machine: Option<Machine>) -> Result<&[u8], NotAnEngine> {
    const UNIVERSAL: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];
    if !file.starts_with(&UNIVERSAL) {
        return Ok(file);
    }
    let word = |at: usize| bytes(file, at).map(u32::from_be_bytes);
    let count = word(4)?;
    for i in 0..count as usize {
        let entry = 8 + 20 * i;
        let (cpu, offset, size) = (word(entry)?, word(entry + 8)? as usize, word(entry + 12)? as usize);
        if machine.is_none_or(|machine| Some(machine) == macho_machine(cpu)) {
            return file.get(offset..offset.saturating_add(size)).ok_or(NotAnEngine::Truncated);
        }
    }
    Err(machine.map_or(NotAnEngine::Truncated, NotAnEngine::Slice))
}

/// The processor that the header of an executable names.
fn header_machine(file: &[u8]) -> Result<Machine, NotAnEngine> {
    match file.get(..4).ok_or(NotAnEngine::Format)? {
        b"\x7fELF" => {
            let machine = u16::from_le_bytes(bytes(file, 18)?);
            Ok(crate::container::elf_machine(machine, bytes::<1>(file, 4)?[0] == 2))
        }
        [0xce | 0xcf, 0xfa, 0xed, 0xfe] => {
            let cpu = u32::from_le_bytes(bytes(file, 4)?);
            Ok(macho_machine(cpu).unwrap_or(Machine::Other(cpu)))
        }
        [b'M', b'Z', ..] => {
            let header = u32::from_le_bytes(bytes(file, 0x3c)?) as usize;
            if &bytes::<4>(file, header)? != b"PE\0\0" {
                return Err(NotAnEngine::Format);
            }
            Ok(match u16::from_le_bytes(bytes(file, header.saturating_add(4))?) {
                0x8664 => Machine::X64,
                0xaa64 => Machine::Arm64,
                0x014c => Machine::Ia32,
                0x01c4 => Machine::Arm,
                other => Machine::Other(other.into()),
            })
        }
        _ => Err(NotAnEngine::Format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use snapcrane_engines::TargetSpec;

    const HASH: &str = "0451907c2eaa8467e848c0067bfe8ed4";

    /// What an engine's read-only strings look like, behind a header.
    fn engine(target: &str, strings: &[&str]) -> Vec<u8> {
        let machine = if target.ends_with("_arm64") { 0xb7 } else { 0x3e };
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
        file.extend_from_slice(&[machine, 0, 1, 0xff]);
        for text in [HASH, &format!("junk3.13.4 (stable) (Unknown timestamp) on \"{target}\"")] {
            file.extend_from_slice(text.as_bytes());
            file.push(0);
        }
        for text in strings {
            file.extend_from_slice(text.as_bytes());
            file.push(0);
        }
        file
    }

    fn header(target: &str) -> Header {
        let target = TargetSpec::from_name(target).unwrap();
        Header {
            clustered_length: 200,
            version_hash: target.engine.snapshot_hash.into(),
            features: target.features(),
            stream_offset: 199,
        }
    }

    const AOT: &str = "AOT runtime cannot run a JIT snapshot";

    #[test]
    fn features_are_found() {
        let file = engine("linux_x64", &[AOT, " no-compressed-pointers"]);
        let engine = EngineFile::read(&file, None).unwrap();
        assert_eq!((engine.machine, &*engine.os, &*engine.arch), (Machine::X64, "linux", "x64"));
        assert_eq!(engine.version, "3.13.4 (stable) (Unknown timestamp)");
        assert_eq!(
            (engine.is_aot, engine.compressed_pointers, engine.is_product),
            (Some(true), Some(false), true)
        );
        assert_eq!(engine.obstacles(&header("linux-x64")), Vec::<String>::new());
    }

    #[test]
    fn each_obstacle_is_named() {
        let obstacles = |target: &str, strings: &[&str], snapshot: Header| {
            EngineFile::read(&engine(target, strings), None).unwrap().obstacles(&snapshot).join("; ")
        };
        let usual = [AOT, " no-compressed-pointers"];
        assert_eq!(
            obstacles("android_x64", &usual, header("linux-x64")),
            "the engine runs on android, the snapshot is for linux"
        );
        assert_eq!(
            obstacles("linux_simarm64", &usual, header("linux-x64")),
            "the engine runs arm64 code, the snapshot has x64 code"
        );
        let compressed = [AOT, " compressed-pointers"];
        let message = obstacles("android_arm64", &compressed, header("android-arm64"));
        assert_eq!(message, "the engine compresses object pointers, the snapshot does not");
        assert_eq!(obstacles("android_arm64", &compressed, header("android-arm64c")), "");
        let message = obstacles("linux_x64", &["getVMTimelineFlags"], header("linux-x64"));
        assert_eq!(message, "the engine was built not in product mode, the snapshot is for product mode");
        let message =
            obstacles("linux_x64", &["JIT runtime cannot run an AOT snapshot"], header("linux-x64"));
        assert!(message.contains("compiles at run time"), "{message}");
        let message = obstacles("linux_x64", &["__tsan_init"], header("linux-x64"));
        assert_eq!(message, "the engine runs with feature tsan, the snapshot is for engines without it");
        let other = Header { version_hash: "0".repeat(32), ..header("linux-x64") };
        let message = obstacles("linux_x64", &usual, other);
        assert!(
            message.starts_with("the engine is Dart 3.13.4 (stable)") && message.contains(HASH),
            "{message}"
        );
    }

    #[test]
    fn files_need_a_loader() {
        let obstacles = |target: &str, strings: &[&str], format: Format| {
            let mut container = Container::raw(&[], &[]);
            container.format = format;
            EngineFile::read(&engine(target, strings), None).unwrap().file_obstacles(&container).join("; ")
        };
        let own = ["Could not read ELF file.", "Could not read Mach-O file."];
        for format in [Format::Elf, Format::MachO, Format::Raw] {
            assert_eq!(obstacles("linux_x64", &own, format), "");
        }
        assert_eq!(obstacles("android_arm64", &[AOT], Format::Elf), "");
        let message = obstacles("android_arm64", &[AOT], Format::MachO);
        assert_eq!(message, "the engine runs on android and has no loader of its own for Mach-O files");
        assert_eq!(obstacles("ios_arm64", &[AOT], Format::MachO), "");
        let message = obstacles("ios_arm64", &[AOT], Format::Elf);
        assert_eq!(message, "the engine runs on ios and has no loader of its own for ELF files");
    }

    #[test]
    fn other_files_are_no_engines() {
        assert_eq!(EngineFile::read(b"", None), Err(NotAnEngine::Format));
        assert_eq!(EngineFile::read(b"\x7fELF", None), Err(NotAnEngine::Truncated));
        assert_eq!(EngineFile::read(b"MZ", None), Err(NotAnEngine::Format));
        assert_eq!(EngineFile::read(&engine("linux_x64", &[])[..22], None), Err(NotAnEngine::NoVersion));
        let universal = [&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1, 1, 0, 0, 7][..], &[0; 20]].concat();
        let slice = EngineFile::read(&universal, Some(Machine::Arm64));
        assert_eq!(slice, Err(NotAnEngine::Slice(Machine::Arm64)));
    }
}
