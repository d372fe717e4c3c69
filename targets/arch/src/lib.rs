//! Assemblers, calling conventions and stubs per architecture.

pub mod code;
pub mod x64;
