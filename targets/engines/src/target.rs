//! What a compilation is for: engine, operating system, architecture, pointer compression.

use std::fmt;

use crate::engine::{ClassShape, Engine, PredefinedClass};
use crate::layout::Layout;

/// Processor architecture, named as in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// x86-64.
    X64,
    /// AArch64.
    Arm64,
    /// ARMv7, 32 bits.
    Arm,
    /// RISC-V RV64GC.
    Riscv64,
}

impl Arch {
    /// All architectures.
    pub const ALL: [Arch; 4] = [Arch::X64, Arch::Arm64, Arch::Arm, Arch::Riscv64];

    /// The engine's name, as in the features string.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::X64 => "x64",
            Arch::Arm64 => "arm64",
            Arch::Arm => "arm",
            Arch::Riscv64 => "riscv64",
        }
    }

    /// Bytes of a machine word.
    pub const fn word_size(self) -> u32 {
        match self {
            Arch::Arm => 4,
            Arch::X64 | Arch::Arm64 | Arch::Riscv64 => 8,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Operating system, named as in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Os {
    /// Linux with glibc or musl.
    Linux,
    /// Android.
    Android,
    /// macOS.
    MacOs,
    /// iOS.
    Ios,
    /// Windows.
    Windows,
    /// Fuchsia.
    Fuchsia,
}

impl Os {
    /// All operating systems.
    pub const ALL: [Os; 6] = [Os::Linux, Os::Android, Os::MacOs, Os::Ios, Os::Windows, Os::Fuchsia];

    /// The engine's name, as in the features string.
    pub const fn name(self) -> &'static str {
        match self {
            Os::Linux => "linux",
            Os::Android => "android",
            Os::MacOs => "macos",
            Os::Ios => "ios",
            Os::Windows => "windows",
            Os::Fuchsia => "fuchsia",
        }
    }

    /// Whether snapshots are Mach-O files.
    pub const fn is_darwin(self) -> bool {
        matches!(self, Os::MacOs | Os::Ios)
    }

    const fn runs_on(self, arch: Arch) -> bool {
        match arch {
            Arch::X64 | Arch::Arm64 => true,
            Arch::Arm => matches!(self, Os::Linux | Os::Android),
            Arch::Riscv64 => matches!(self, Os::Linux | Os::Android | Os::Fuchsia),
        }
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Architecture and pointer compression: what the layout of objects and of the thread depends on. The order is
/// the order of the columns in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LayoutKind {
    X64,
    Arm64,
    Arm,
    Riscv64,
    X64C,
    Arm64C,
}

impl LayoutKind {
    pub(crate) const COUNT: usize = 6;

    pub(crate) const ALL: [LayoutKind; Self::COUNT] = [
        LayoutKind::X64,
        LayoutKind::Arm64,
        LayoutKind::Arm,
        LayoutKind::Riscv64,
        LayoutKind::X64C,
        LayoutKind::Arm64C,
    ];

    pub(crate) const fn new(arch: Arch, compressed_pointers: bool) -> Option<LayoutKind> {
        match (arch, compressed_pointers) {
            (Arch::X64, false) => Some(LayoutKind::X64),
            (Arch::Arm64, false) => Some(LayoutKind::Arm64),
            (Arch::Arm, false) => Some(LayoutKind::Arm),
            (Arch::Riscv64, false) => Some(LayoutKind::Riscv64),
            (Arch::X64, true) => Some(LayoutKind::X64C),
            (Arch::Arm64, true) => Some(LayoutKind::Arm64C),
            (Arch::Arm | Arch::Riscv64, true) => None,
        }
    }

    pub(crate) const fn word_size(self) -> u32 {
        match self {
            LayoutKind::Arm => 4,
            _ => 8,
        }
    }

    pub(crate) const fn compressed_word_size(self) -> u32 {
        match self {
            LayoutKind::Arm | LayoutKind::X64C | LayoutKind::Arm64C => 4,
            LayoutKind::X64 | LayoutKind::Arm64 | LayoutKind::Riscv64 => 8,
        }
    }
}

/// Flags of the features string that a compilation may choose; the loading engine adopts either value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeatureFlags {
    /// The snapshot carries code comments.
    pub code_comments: bool,
    /// Stack traces are printed as addresses, to be resolved with DWARF.
    pub dwarf_stack_traces: bool,
}

/// The target of a compilation.
#[derive(Debug, Clone, Copy)]
pub struct TargetSpec {
    /// The engine that will load the snapshot.
    pub engine: &'static Engine,
    /// Operating system the snapshot runs on.
    pub os: Os,
    /// Architecture the snapshot runs on.
    pub arch: Arch,
    /// Whether object pointers inside heap objects are 32 bits wide on a 64-bit architecture.
    pub compressed_pointers: bool,
    kind: LayoutKind,
}

impl PartialEq for TargetSpec {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.engine, other.engine)
            && (self.os, self.arch, self.compressed_pointers)
                == (other.os, other.arch, other.compressed_pointers)
    }
}

impl Eq for TargetSpec {}

impl fmt::Display for TargetSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// How far programs can be compiled for a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// The tests compile programs for it and run them on the real engine.
    Tested,
    /// Its code is that of a tested target, with the other system's conventions and file format; nothing runs it here.
    Untested,
    /// There is engine data, but no code generator, or no file format of its system.
    Unsupported,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Tier::Tested => "tested",
            Tier::Untested => "untested",
            Tier::Unsupported => "unsupported",
        })
    }
}

/// A target name that [`TargetSpec::from_name`] does not know, or that [`TargetSpec::supported`] refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTarget {
    /// The name as given.
    pub name: String,
}

impl fmt::Display for UnknownTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = TargetSpec::all_names().contains(&self.name);
        let what = if known { "unsupported" } else { "unknown" };
        let valid: Vec<String> = TargetSpec::all_supported().iter().map(TargetSpec::name).collect();
        write!(f, "{what} target '{}'; valid targets: {}", self.name, valid.join(", "))
    }
}

impl std::error::Error for UnknownTarget {}

fn combinations() -> impl Iterator<Item = (Os, Arch, bool)> {
    Os::ALL.into_iter().flat_map(|os| {
        Arch::ALL
            .into_iter()
            .filter(move |&arch| os.runs_on(arch))
            .flat_map(move |arch| [(os, arch, false), (os, arch, true)])
            .filter(|&(_, arch, compressed)| LayoutKind::new(arch, compressed).is_some())
    })
}

fn name_of(os: Os, arch: Arch, compressed: bool) -> String {
    format!("{os}-{arch}{}", if compressed { "c" } else { "" })
}

impl TargetSpec {
    /// The target for an engine; `None` if the engine does not run there.
    pub fn new(engine: &'static Engine, os: Os, arch: Arch, compressed_pointers: bool) -> Option<TargetSpec> {
        let kind = LayoutKind::new(arch, compressed_pointers)?;
        os.runs_on(arch).then_some(TargetSpec { engine, os, arch, compressed_pointers, kind })
    }

    /// The target of the newest engine with a name such as `linux-x64` or, with compressed pointers,
    /// `android-arm64c`.
    ///
    /// # Errors
    /// [`UnknownTarget`], whose message lists the valid names.
    pub fn from_name(name: &str) -> Result<TargetSpec, UnknownTarget> {
        combinations()
            .find(|&(os, arch, compressed)| name_of(os, arch, compressed) == name)
            .and_then(|(os, arch, compressed)| TargetSpec::new(Engine::latest(), os, arch, compressed))
            .ok_or_else(|| UnknownTarget { name: name.to_owned() })
    }

    /// The target of a name, if programs can be compiled for it.
    ///
    /// # Errors
    /// [`UnknownTarget`], whose message lists the valid names.
    pub fn supported(name: &str) -> Result<TargetSpec, UnknownTarget> {
        let target = TargetSpec::from_name(name)?;
        if target.tier() == Tier::Unsupported {
            return Err(UnknownTarget { name: name.to_owned() });
        }
        Ok(target)
    }

    /// All targets that programs can be compiled for, best supported ones first.
    pub fn all_supported() -> Vec<TargetSpec> {
        let mut targets: Vec<TargetSpec> = combinations()
            .filter_map(|(os, arch, compressed)| TargetSpec::new(Engine::latest(), os, arch, compressed))
            .filter(|target| target.tier() != Tier::Unsupported)
            .collect();
        targets.sort_by_key(TargetSpec::tier);
        targets
    }

    /// How far programs can be compiled for the target.
    pub fn tier(&self) -> Tier {
        let has_code = matches!(self.arch, Arch::X64 | Arch::Arm64 | Arch::Arm) && !self.compressed_pointers;
        match self.os {
            Os::Linux if has_code => Tier::Tested,
            Os::Android if has_code => Tier::Untested,
            _ => Tier::Unsupported,
        }
    }

    /// The names of all targets.
    pub fn all_names() -> Vec<String> {
        combinations().map(|(os, arch, compressed)| name_of(os, arch, compressed)).collect()
    }

    /// The name that [`TargetSpec::from_name`] understands.
    pub fn name(&self) -> String {
        name_of(self.os, self.arch, self.compressed_pointers)
    }

    /// Layout constants of objects, thread and frames.
    pub fn layout(&self) -> &'static Layout {
        self.engine.layout_of(self.kind)
    }

    /// Sizes and offsets of a predefined class's instances.
    pub fn class_shape(&self, class: &PredefinedClass) -> ClassShape {
        class.shape_of(self.kind)
    }

    /// Bytes of a machine word.
    pub fn word_size(&self) -> u32 {
        self.kind.word_size()
    }

    /// Bytes of an object pointer inside a heap object.
    pub fn compressed_word_size(&self) -> u32 {
        self.kind.compressed_word_size()
    }

    /// Alignment of heap objects in bytes.
    pub fn object_alignment(&self) -> u32 {
        2 * self.word_size()
    }

    /// Bits of a Smi's payload, sign included: 63, or 31 on 32-bit targets and with compressed pointers.
    pub fn smi_bits(&self) -> u32 {
        8 * self.compressed_word_size() - 1
    }

    /// Smallest Smi.
    pub fn smi_min(&self) -> i64 {
        -(1 << (self.smi_bits() - 1))
    }

    /// Largest Smi.
    pub fn smi_max(&self) -> i64 {
        (1 << (self.smi_bits() - 1)) - 1
    }

    /// Whether an integer is represented as a Smi.
    pub fn is_smi(&self, value: i64) -> bool {
        (self.smi_min()..=self.smi_max()).contains(&value)
    }

    /// The features string of a product AOT snapshot with default flags.
    pub fn features(&self) -> String {
        self.features_with(FeatureFlags::default())
    }

    /// The features string of a product AOT snapshot (`Dart::FeaturesString`, runtime/vm/dart.cc). The loading
    /// engine compares it byte by byte with its own, except for the flags it adopts.
    pub fn features_with(&self, flags: FeatureFlags) -> String {
        let choice = |set: bool, name: &str| if set { name.to_owned() } else { format!("no-{name}") };
        [
            "product".to_owned(),
            choice(false, "asan"),
            choice(false, "msan"),
            choice(false, "tsan"),
            choice(false, "shared_data"),
            choice(flags.code_comments, "code_comments"),
            choice(flags.dwarf_stack_traces, "dwarf_stack_traces"),
            self.arch.name().to_owned(),
            self.os.name().to_owned(),
            choice(self.compressed_pointers, "compressed-pointers"),
        ]
        .join(" ")
    }

    /// `e_machine` of an ELF file (runtime/platform/elf.h).
    pub fn elf_machine(&self) -> u16 {
        self.layout().elf.machine as u16
    }

    /// `e_flags` of an ELF file (runtime/vm/elf.cc). ARM Android uses the soft-float calling convention, all
    /// other ARM systems the hard-float one.
    pub fn elf_flags(&self) -> u32 {
        let elf = &self.layout().elf;
        (match (self.arch, self.os) {
            (Arch::Arm, Os::Android) => elf.flags_soft_float,
            _ => elf.flags,
        }) as u32
    }

    /// Alignment of loadable segments in an ELF file (`kElfPageSize`, runtime/vm/elf.h).
    pub fn elf_page_size(&self) -> u32 {
        self.os_constant(crate::engine::ELF_PAGE_SIZE) as u32
    }

    /// Word index, from the frame pointer of an entry frame, of the link to the previous exit frame
    /// (`kExitLinkSlotFromEntryFp`, runtime/vm/stack_frame_*.h). Negative.
    pub fn exit_link_slot_from_entry_fp(&self) -> i32 {
        self.os_constant(crate::engine::EXIT_LINK_SLOT) as i32
    }

    /// Size of a page of FFI callback trampolines (`FfiCallbackMetadata::kPageSize`).
    pub fn ffi_callback_page_size(&self) -> u32 {
        self.os_constant(crate::engine::FFI_CALLBACK_PAGE_SIZE) as u32
    }

    /// Bytes that fill gaps between code: break instructions, little endian (`kBreakInstructionFiller`,
    /// runtime/vm/constants_*.h).
    pub fn break_filler(&self) -> [u8; 4] {
        (self.layout().break_instruction_filler as u32).to_le_bytes()
    }

    fn os_constant(&self, name: &str) -> i64 {
        self.engine.os_constant(name, self.arch, self.os)
    }
}
