//! 32-bit ARM (A32): registers, assembler, stubs and native-function bodies.

pub mod asm;
#[cfg(test)]
mod machine;
mod native;
pub mod regs;
mod stubs;
#[cfg(test)]
mod tests;

/// Hand-written code of ARMv7-A for the procedure call standard of Linux and Android. It passes no floats, so that
/// it is the same for both.
pub(crate) struct Arm;
