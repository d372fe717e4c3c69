//! What can go wrong while IR is built.

use dart_kernel::NodeOffset;

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
    /// An error and its place in the file.
    #[error("kernel file, byte {offset}: {error}")]
    At {
        /// Byte offset of the node that is being translated.
        offset: u32,
        /// What is wrong.
        error: Box<Error>,
    },
}

impl Error {
    /// The same error with the place in the file that it is about, if it needs one and has none. The innermost node around it is the first
    /// that asks.
    pub(crate) fn at(self, node: NodeOffset) -> Error {
        match self {
            Error::Program(error) => Error::Program(error.at(node)),
            Error::Dangling { .. } => Error::At { offset: node.0, error: Box::new(self) },
            _ => self,
        }
    }
}

/// Result of building.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_place_counts() {
        let dangling = Error::Dangling { member: "main".into(), what: "a label".into() };
        let text = dangling.at(NodeOffset(20)).at(NodeOffset(10)).to_string();
        assert_eq!(text, "kernel file, byte 20: main: dangling reference to a label");
        let program = snapcrane_program::Error::BadDefault { owner: "f".into() };
        let text = Error::from(program).at(NodeOffset(20)).at(NodeOffset(10)).to_string();
        assert!(text.starts_with("kernel file, byte 20: f: "), "{text}");
    }
}
