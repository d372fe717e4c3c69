//! Errors of the pipeline, and the exit codes they stand for.

/// Why a compilation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input cannot be read as a kernel file.
    #[error(transparent)]
    Kernel(#[from] dart_kernel::Error),
    /// The program is not one that the compiler can model.
    #[error(transparent)]
    Program(#[from] snapcrane_program::Error),
    /// A body cannot be compiled.
    #[error(transparent)]
    Build(#[from] snapcrane_build::Error),
    /// Code generation failed for a function.
    #[error("{function}: {source}")]
    Lower {
        /// The function.
        function: String,
        /// Why.
        source: snapcrane_lower::LowerError,
    },
    /// Code refers to an import that its library does not have.
    #[error("{library} has no import {dependency}")]
    MissingImport {
        /// URI of the library.
        library: String,
        /// Index of the import.
        dependency: u32,
    },
    /// A dump was asked for of a function that the program does not have.
    #[error("no function that the program reaches has the name {0}")]
    NoSuchFunction(String),
    /// A stub could not be made.
    #[error(transparent)]
    Stub(#[from] snapcrane_arch::Error),
    /// The snapshot could not be written.
    #[error(transparent)]
    Snapshot(#[from] dart_snapshot::Error),
    /// The container could not be written.
    #[error(transparent)]
    Container(#[from] snapcrane_container::Error),
    /// The IR of a function breaks its invariants.
    #[error("{function}: invalid IR: {message}")]
    InvalidIr {
        /// The function.
        function: String,
        /// The first broken invariant.
        message: String,
    },
    /// The code of a function needs an address that is out of range.
    #[error("{function}: {target} is out of range")]
    Range {
        /// The function.
        function: String,
        /// What it refers to.
        target: String,
    },
}
