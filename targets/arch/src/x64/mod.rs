//! x86-64: registers, assembler, stubs and native-function bodies.

pub mod asm;
pub mod regs;
