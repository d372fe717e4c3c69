//! Containers of snapshots: ELF.
//!
//! A container turns the two blobs of a snapshot into a file that an embedder can load, and completes the one
//! part of the text blob that depends on the container: three words that say where the text is, and how far a
//! writable word and the build id are from it.

mod build_id;
pub mod elf;

pub use build_id::BuildId;
pub use elf::{ElfInput, ElfTarget, FrameRegisters, FunctionSymbol, write};

/// Errors of writing a container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The output would not fit the address space or the file format.
    #[error("{what} is {value:#x}, which does not fit 32 bits")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// A blob is not what its format demands.
    #[error("{0}")]
    Malformed(String),
}
