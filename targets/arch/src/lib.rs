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
//! Every architecture has a folder with the same files and, in them, the same functions in the same order:
//! `regs.rs`, `asm.rs`, `stubs.rs`, `native.rs`, `mod.rs`.

pub mod arm;
pub mod arm64;
pub mod code;
mod contract;
mod dwarf;
#[cfg(test)]
mod emulator;
pub mod x64;

pub use code::{
    Error, ExtraStub, MAX_RUNTIME_ARGS, NativeCode, NativeFunction, Reloc, RelocKind, RelocTarget, StackMap,
    StubCode, StubRef, StubRole,
};

pub use dwarf::{DwarfRegisters, dwarf_registers};

use code::RawCode;
use contract::Contract;
use snapcrane_engines::{Arch, Engine, Os, Stub, TargetSpec};

/// The hand-written code of one architecture.
trait ArchStubs {
    /// Alignment of stub and native-function entries in bytes.
    fn alignment(&self) -> u32;

    /// The code of a stub in the engine's list, `None` if compiled programs never enter it.
    fn listed(&self, stub: Stub, contract: &Contract) -> Option<RawCode>;

    /// The code of one of our own stubs.
    fn extra(&self, stub: ExtraStub, contract: &Contract) -> RawCode;

    /// The smallest code that stops the process.
    fn trap(&self) -> RawCode;

    /// The body of a native function and the stack map of its call.
    fn native_body(&self, native: &NativeFunction, contract: &Contract)
    -> Result<(RawCode, StackMap), Error>;
}

fn arch_stubs(target: &TargetSpec) -> Result<&'static dyn ArchStubs, Error> {
    match (target.arch, target.os) {
        (_, _) if target.compressed_pointers => Err(Error::UnsupportedTarget(target.name())),
        (Arch::X64, os) if os != Os::Windows => Ok(&x64::X64),
        // Fuchsia keeps return addresses on a second stack as well, which the stubs know nothing of.
        (Arch::Arm64, os) if os != Os::Fuchsia => Ok(&arm64::Arm64),
        (Arch::Arm, _) => Ok(&arm::Arm),
        _ => Err(Error::UnsupportedTarget(target.name())),
    }
}

fn stub_list(engine: &Engine) -> impl Iterator<Item = (Stub, &'static str)> {
    (0..).map(Stub).zip(engine.stubs.iter().copied())
}

/// All stubs of a target: the engine's list in its order, then [`ExtraStub::all`].
///
/// # Errors
/// [`Error::UnsupportedTarget`] if no code has been written for the architecture.
pub fn stubs(target: &TargetSpec) -> Result<Vec<StubCode>, Error> {
    let arch = arch_stubs(target)?;
    let contract = Contract::new(target);
    let listed = stub_list(target.engine).map(|(stub, name)| {
        let (code, role) = match arch.listed(stub, &contract) {
            Some(code) => (code, StubRole::Code),
            None => (arch.trap(), StubRole::Trap),
        };
        stub_code(arch, StubRef::Listed(stub), name.to_string(), code, role)
    });
    let extra = ExtraStub::all().map(|stub| {
        let code = arch.extra(stub, &contract);
        stub_code(arch, StubRef::Extra(stub), stub.to_string(), code, StubRole::Code)
    });
    Ok(listed.chain(extra).collect())
}

/// The body of a native function: takes its arguments in Cranelift's `Tail` convention, all tagged, and returns a
/// tagged result. It becomes the code of the native Function itself, as the engine finds the Function by the frame's
/// return address.
///
/// # Errors
/// [`Error::UnsupportedTarget`] as [`stubs`], and [`Error::TooManyParameters`].
pub fn native_function_body(target: &TargetSpec, native: &NativeFunction) -> Result<NativeCode, Error> {
    let arch = arch_stubs(target)?;
    let contract = Contract::new(target);
    let (RawCode { bytes, relocs }, stack_map) = arch.native_body(native, &contract)?;
    Ok(NativeCode { bytes, relocs, stack_map, align: arch.alignment() })
}

fn stub_code(arch: &dyn ArchStubs, stub: StubRef, name: String, code: RawCode, role: StubRole) -> StubCode {
    // Traps are never executed, so they need no more than the engine's minimum.
    let align = match role {
        StubRole::Code => arch.alignment(),
        StubRole::Trap => code.bytes.len().next_power_of_two() as u32,
    };
    StubCode { stub, name, bytes: code.bytes, relocs: code.relocs, align, role }
}
