//! Code generator for 32-bit ARM (A32, VFPv3-D16) behind Cranelift's optimiser, which has none for this architecture.
//!
//! | step | module |
//! |---|---|
//! | order of blocks, critical edges split | `order` |
//! | CLIF to instructions with virtual registers | `select`, `legalize` |
//! | the instructions, and what each reads and writes | `inst`, `vcode` |
//! | registers, needless moves removed | `regalloc`, `steps` |
//! | words of single instructions | [`encode`], [`regs`] |
//! | frame, bytes, tables | `frame`, `emit`, `buffer`, [`metadata`] |
//! | all of it | [`Compiler`] |
//! | what the processor has no instruction for | [`routines`] |
//! | what CLIF has no opcode for | [`intrinsics`] |

mod abi;
mod buffer;
mod compile;
mod emit;
pub mod encode;
mod error;
mod frame;
mod inst;
pub mod intrinsics;
mod legalize;
pub mod metadata;
mod order;
mod regalloc;
pub mod regs;
pub mod routines;
mod select;
mod steps;
mod vcode;

pub use compile::{Compiler, Dump, Options};
pub use error::Error;
pub use select::supports;

#[cfg(test)]
mod tests;
