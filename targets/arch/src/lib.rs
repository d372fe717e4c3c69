//! Assemblers, calling conventions and stubs per architecture.
//!
//! Compiled Dart code comes from Cranelift, which cannot express code that pins registers at a border to C++, moves the
//! stack pointer, or must have exact bytes. That code is written here with a small assembler per architecture:
//! the entry from C++, calls out to C++, exceptions' way back into Dart frames, the write barrier's slow part, and
//! bodies of native functions. [`stubs`] returns the whole stub list of an engine, in which everything that compiled
//! programs do not use is a trap, and a few helpers of our own; [`native_function_body`] returns the body of one
//! native function.
//!
//! What all this code upholds towards the engine, on every architecture:
//!
//! - Frame pointers are intact whenever C++ can look at the stack, and every return address lies in text that has a
//!   Code object: each stub becomes one, without an owner.
//! - Between a stub frame's stack pointer and its frame pointer there are only tagged words while C++ can look.
//! - C++ is entered with the stack aligned and the thread's exit frame set, and left with both undone.
//!
//! `architecture.rs` lists the stubs and says what each must do; what an architecture has to bring along is its trait `Architecture`.
//! Every architecture has a folder with the same files: `regs.rs`, `asm.rs`, `stubs.rs`, `native.rs`, `mod.rs`.

mod architecture;
pub mod arm;
pub mod arm64;
pub mod asm;
pub mod code;
mod contract;
#[cfg(test)]
mod emulator;
#[cfg(test)]
mod machine;
#[cfg(test)]
mod scenarios;
pub mod x64;

pub use code::{
    Error, ExtraStub, MAX_RUNTIME_ARGS, NativeCode, NativeFunction, Reloc, RelocKind, RelocTarget, StackMap,
    StubCode, StubRef, StubRole,
};

pub use snapcrane_engines::{DwarfRegisters, dwarf_registers};

use architecture::NativeBodies;
use code::RawCode;
use contract::Contract;
use snapcrane_engines::{Arch, Os, TargetSpec};

/// The hand-written code of one architecture.
struct HandWritten {
    stubs: fn(&TargetSpec) -> Vec<StubCode>,
    native_body: fn(&TargetSpec, &NativeFunction) -> Result<NativeCode, Error>,
}

impl HandWritten {
    fn by<A: NativeBodies>() -> HandWritten {
        HandWritten { stubs: architecture::stub_set::<A>, native_body: native_code::<A> }
    }
}

fn hand_written(target: &TargetSpec) -> Result<HandWritten, Error> {
    match (target.arch, target.os) {
        (_, _) if target.compressed_pointers => Err(Error::UnsupportedTarget(target.name())),
        (Arch::X64, os) if os != Os::Windows => Ok(HandWritten::by::<x64::X64>()),
        // Fuchsia keeps return addresses on a second stack as well, which the stubs know nothing of.
        (Arch::Arm64, os) if os != Os::Fuchsia => Ok(HandWritten::by::<arm64::Arm64>()),
        (Arch::Arm, _) => Ok(HandWritten::by::<arm::Arm>()),
        _ => Err(Error::UnsupportedTarget(target.name())),
    }
}

fn native_code<A: NativeBodies>(target: &TargetSpec, native: &NativeFunction) -> Result<NativeCode, Error> {
    let (RawCode { bytes, relocs }, stack_map) = A::native_body(native, &Contract::new(target))?;
    Ok(NativeCode { bytes, relocs, stack_map, align: A::ALIGNMENT })
}

/// All stubs of a target: the engine's list in its order, then [`ExtraStub::all`].
///
/// # Errors
/// [`Error::UnsupportedTarget`] if no code has been written for the architecture.
pub fn stubs(target: &TargetSpec) -> Result<Vec<StubCode>, Error> {
    Ok((hand_written(target)?.stubs)(target))
}

/// The body of a native function: takes its arguments in Cranelift's `Tail` convention, all tagged, and returns a
/// tagged result. It becomes the code of the native Function itself, as the engine finds the Function by the frame's
/// return address.
///
/// # Errors
/// [`Error::UnsupportedTarget`] as [`stubs`], and [`Error::TooManyParameters`].
pub fn native_function_body(target: &TargetSpec, native: &NativeFunction) -> Result<NativeCode, Error> {
    (hand_written(target)?.native_body)(target, native)
}
