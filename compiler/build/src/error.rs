//! What can go wrong while IR is built.

/// An error of [`build`](crate::build()).
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A construct that the compiler cannot translate.
    #[error("{uri}:{line}:{column}: {construct} is not supported (in {member})")]
    Unsupported {
        /// What it is.
        construct: String,
        /// The member it is in, as `Class.name`.
        member: String,
        /// Source file.
        uri: String,
        /// Line, from 1; 0 if unknown.
        line: u32,
        /// Column, from 1; 0 if unknown.
        column: u32,
    },
    /// A malformed body.
    #[error(transparent)]
    Kernel(#[from] dart_kernel::Error),
    /// A program that does not hold together.
    #[error(transparent)]
    Program(#[from] snapcrane_program::Error),
    /// A core library member that generated code needs is not in the program.
    #[error("{library} has no member {name}")]
    MissingMember {
        /// URI of the library.
        library: &'static str,
        /// `Class.name` or `name`.
        name: String,
    },
    /// A function that suspends was built wrongly: a defect of this crate.
    #[error("{member}: {source}")]
    Suspension {
        /// The function's member.
        member: String,
        /// What is wrong.
        source: snapcrane_ir::suspend::SplitError,
    },
    /// A reference of the kernel file to something that the program does not have.
    #[error("{member}: dangling reference to {what}")]
    Dangling {
        /// The referring member.
        member: String,
        /// What is missing.
        what: String,
    },
}

/// Result of building.
pub type Result<T, E = Error> = std::result::Result<T, E>;
