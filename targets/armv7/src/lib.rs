//! Code generator for 32-bit ARM (A32, VFPv3-D16) behind Cranelift's optimiser, which has none for this architecture.

pub mod encode;
pub mod regs;
