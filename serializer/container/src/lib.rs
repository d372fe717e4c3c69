//! Containers of snapshots: ELF, and Mach-O for reading.
//!
//! A container turns the two blobs of a snapshot into a file that an embedder can load, and completes the one
//! part of the text blob that depends on the container: three words that say where the text is, and how far a
//! writable word and the build id are from it.

mod build_id;
pub mod elf;
pub mod read;

pub use build_id::BuildId;
pub use elf::{ElfInput, ElfTarget, FrameRegisters, FunctionSymbol, write};
pub use read::{Container, ReadError};

const TEXT_SYMBOL: &str = "_kDartSnapshotText";
const DATA_SYMBOL: &str = "_kDartSnapshotData";
const BUILD_ID_SYMBOL: &str = "_kDartSnapshotBuildId";

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
