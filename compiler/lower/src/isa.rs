//! The only place that knows processors: construction of Cranelift's `TargetIsa` and the few facts that lowering asks for.

use cranelift_codegen::ir::{Type, types};
use cranelift_codegen::isa::{self, CallConv, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use snapcrane_engines::{Arch, Os, TargetSpec};
use snapcrane_ir::SourcePos;
use target_lexicon::Triple;

pub(crate) use snapcrane_armv7::intrinsics::{class_id_of_tagged, int_of_tagged};
pub use snapcrane_armv7::routines::RoutineId;

use crate::compile::CompilerOptions;
use crate::context::LowerError;

/// The ABIs that `dart:ffi` knows, in their order (`Abi`, runtime/vm/compiler/ffi/abi.h); `None` for architectures that the engine data
/// do not name.
const ABIS: [(Os, Option<Arch>); 22] = {
    const ARM: Option<Arch> = Some(Arch::Arm);
    const ARM64: Option<Arch> = Some(Arch::Arm64);
    const X64: Option<Arch> = Some(Arch::X64);
    const RISCV64: Option<Arch> = Some(Arch::Riscv64);
    [
        (Os::Android, ARM),
        (Os::Android, ARM64),
        (Os::Android, None),
        (Os::Android, X64),
        (Os::Android, RISCV64),
        (Os::Fuchsia, ARM64),
        (Os::Fuchsia, X64),
        (Os::Fuchsia, RISCV64),
        (Os::Ios, ARM),
        (Os::Ios, ARM64),
        (Os::Ios, X64),
        (Os::Linux, ARM),
        (Os::Linux, ARM64),
        (Os::Linux, None),
        (Os::Linux, X64),
        (Os::Linux, None),
        (Os::Linux, RISCV64),
        (Os::MacOs, ARM64),
        (Os::MacOs, X64),
        (Os::Windows, ARM64),
        (Os::Windows, None),
        (Os::Windows, X64),
    ]
};

/// The number of a target's ABI as `dart:ffi` counts them.
pub(crate) fn abi_number(target: &TargetSpec) -> Option<i64> {
    ABIS.iter().position(|&abi| abi == (target.os, Some(target.arch))).map(|number| number as i64)
}

/// A target as the lowering sees it.
pub(crate) struct Isa {
    /// What makes code for it.
    pub(crate) generator: Generator,
    /// Its architecture, for dumps.
    pub(crate) arch: Arch,
    /// Facts for the lowering.
    pub(crate) facts: IsaFacts,
}

/// What makes code for a target.
pub(crate) enum Generator {
    /// Cranelift, with its description of the processor.
    Cranelift(OwnedTargetIsa),
    /// The generator of 32-bit ARM, which Cranelift has none for.
    Armv7(Box<snapcrane_armv7::Compiler>),
}

/// What the lowering needs to know of a processor and its C convention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct IsaFacts {
    /// A machine word, and a tagged value.
    pub(crate) word: Type,
    /// Convention of C functions (leaf runtime entries).
    pub(crate) c_call: CallConv,
    /// C functions take and return doubles like integers of the same size.
    pub(crate) c_doubles_as_ints: bool,
    /// Stores become visible to other processors in another order than they were made, unless fenced.
    pub(crate) weak_memory: bool,
    /// The code generator knows `floor`, `ceil` and `trunc`; otherwise it would call a library function that nobody links.
    pub(crate) has_rounding: bool,
    /// The code generator knows the intrinsics [`int_of_tagged`] and [`class_id_of_tagged`].
    pub(crate) has_intrinsics: bool,
    /// Alignment of functions in bytes.
    pub(crate) function_align: u32,
}

impl IsaFacts {
    pub(crate) fn new(target: &TargetSpec) -> IsaFacts {
        // Features are those that the engine assumes of every processor it runs on: an AOT compiler for x64 cannot even count on
        // SSE4.1 (`HostCPUFeatures::sse4_1_supported` under `target_unknown_cpu`, runtime/vm/cpu_x64.h).
        let is_x64 = target.arch == Arch::X64;
        IsaFacts {
            word: if target.word_size() == 8 { types::I64 } else { types::I32 },
            c_call: match (target.arch, target.os) {
                (Arch::X64, Os::Windows) => CallConv::WindowsFastcall,
                (Arch::Arm64, Os::MacOs | Os::Ios) => CallConv::AppleAarch64,
                _ => CallConv::SystemV,
            },
            // Android's variant of the convention for 32-bit ARM is the one without floating-point registers.
            c_doubles_as_ints: (target.arch, target.os) == (Arch::Arm, Os::Android),
            weak_memory: !is_x64,
            has_rounding: !is_x64,
            has_intrinsics: target.arch == Arch::Arm,
            function_align: if target.arch == Arch::Arm { 4 } else { 16 },
        }
    }
}

impl IsaFacts {
    /// The facts without those that may differ between targets that share code.
    pub(crate) fn of_family(self) -> IsaFacts {
        IsaFacts { weak_memory: false, has_rounding: false, ..self }
    }
}

/// Whether Cranelift makes the code of a target.
pub(crate) fn uses_cranelift(target: &TargetSpec) -> bool {
    matches!(target.arch, Arch::X64 | Arch::Arm64) && !target.compressed_pointers
}

fn unsupported(construct: String) -> LowerError {
    LowerError::Unsupported { construct, function: None, pos: SourcePos::NONE }
}

impl Isa {
    /// The target's ISA with the settings that generated Dart code needs.
    pub(crate) fn new(target: &TargetSpec, options: &CompilerOptions) -> Result<Isa, LowerError> {
        if target.compressed_pointers {
            return Err(unsupported(format!("compressed pointers (target {target})")));
        }
        let generator = match target.arch {
            Arch::X64 => Generator::Cranelift(cranelift_isa("x86_64-unknown-none-elf", target, options)?),
            Arch::Arm64 => Generator::Cranelift(cranelift_isa("aarch64-unknown-none-elf", target, options)?),
            Arch::Arm => {
                let CompilerOptions { verify, check_regalloc, .. } = *options;
                // The optimiser took a quarter of the time and saved one executed instruction in a hundred.
                let options = snapcrane_armv7::Options { optimize: false, verify, check_regalloc };
                Generator::Armv7(Box::new(snapcrane_armv7::Compiler::new(options)))
            }
            Arch::Riscv64 => return Err(unsupported(format!("machine code for target {target}"))),
        };
        Ok(Isa { generator, arch: target.arch, facts: IsaFacts::new(target) })
    }
}

fn cranelift_isa(
    triple: &str,
    target: &TargetSpec,
    options: &CompilerOptions,
) -> Result<OwnedTargetIsa, LowerError> {
    let codegen = |message: String| LowerError::Codegen { message, function: None };
    let triple: Triple = triple.parse().map_err(|e| codegen(format!("{e}")))?;

    let mut flags = settings::builder();
    let mut set =
        |name: &str, value: &str| flags.set(name, value).map_err(|e| codegen(format!("setting {name}: {e}")));
    set("opt_level", if options.optimize { "speed" } else { "none" })?;
    set("regalloc_algorithm", "backtracking")?;
    set("enable_pinned_reg", "true")?;
    set("preserve_frame_pointers", "true")?;
    set("enable_probestack", "false")?;
    set("unwind_info", "false")?;
    set("is_pic", "false")?;
    set("enable_verifier", if options.verify { "true" } else { "false" })?;
    set("regalloc_checker", if options.check_regalloc { "true" } else { "false" })?;

    isa::lookup(triple)
        .map_err(|e| unsupported(format!("machine code for target {target}: {e}")))?
        .finish(settings::Flags::new(flags))
        .map_err(|e| codegen(e.to_string()))
}
