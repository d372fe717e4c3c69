//! Code generator for 32-bit ARM (A32, VFPv3-D16) behind Cranelift's optimiser, which has none for this architecture.
//!
//! | step | module |
//! |---|---|
//! | order of blocks, critical edges split | `order` |
//! | CLIF to instructions with virtual registers | `select`, `legalize` |
//! | the instructions, and what each reads and writes | `inst`, `vcode` |
//! | registers | `regalloc` |
//! | words of single instructions | [`encode`], [`regs`] |
//! | frame, bytes, tables | `frame`, `emit`, [`metadata`] |
//! | what the processor has no instruction for | [`routines`] |

pub mod encode;
mod error;
mod inst;
pub mod metadata;
mod order;
pub mod regs;
pub mod routines;
mod select;
mod vcode;

pub use error::Error;
