//! AArch64: registers, assembler, stubs and native-function bodies.

pub mod asm;
#[cfg(test)]
mod machine;
mod native;
pub mod regs;
mod stubs;
#[cfg(test)]
mod tests;

/// Hand-written code of AArch64 for the procedure call standard of Arm, whose variants do not differ in what is used here.
pub(crate) struct Arm64;
