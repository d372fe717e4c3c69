//! x86-64: registers, assembler, stubs and native-function bodies.

pub mod asm;
#[cfg(test)]
mod machine;
mod native;
pub mod regs;
mod stubs;
#[cfg(test)]
mod tests;

/// Hand-written code of x86-64 for the System V ABI.
pub(crate) struct X64;
