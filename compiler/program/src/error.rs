//! What can be wrong with a program.

use dart_kernel::NodeOffset;

/// A program that cannot be modelled, or a question about something it does not have.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The kernel file is malformed.
    #[error(transparent)]
    Kernel(#[from] dart_kernel::Error),
    /// A declaration or a part of a body does not fit into the program.
    #[error("kernel file, byte {offset}: {error}")]
    At {
        /// Byte offset of its node.
        offset: u32,
        /// What is wrong.
        error: Box<Error>,
    },
    /// A class is its own supertype.
    #[error("class {class} is among its own supertypes")]
    ClassCycle {
        /// Qualified name.
        class: String,
    },
    /// A class other than `Object` without superclass, or whose supertype is not a class.
    #[error("class {class}: {problem}")]
    BadClass {
        /// Qualified name.
        class: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A type mentions a type parameter that is not in scope.
    #[error("type parameter {index} of {owner} is not in scope")]
    UnboundTypeParameter {
        /// What declares it.
        owner: String,
        /// Index among the owner's type parameters.
        index: u32,
    },
    /// A number exceeds what the engine can represent.
    #[error("too many {what} in {owner}")]
    TooMany {
        /// Things.
        what: &'static str,
        /// Where.
        owner: String,
    },
    /// A default value is neither literal nor constant.
    #[error("{owner}: the default value of a parameter is not a constant")]
    BadDefault {
        /// The function.
        owner: String,
    },
    /// A reference that nothing declares, or that declares something else than what is needed.
    #[error("{reference} does not refer to a {expected} of the program")]
    BadReference {
        /// The reference.
        reference: String,
        /// What it should refer to.
        expected: &'static str,
    },
    /// A library that the compiler needs.
    #[error("library {library} is missing")]
    MissingLibrary {
        /// URI.
        library: String,
    },
    /// A class that the compiler needs.
    #[error("class {class} of {library} is missing")]
    MissingClass {
        /// URI of its library.
        library: String,
        /// Name.
        class: String,
    },
    /// A member or field that the compiler needs.
    #[error("{kind} {name} of {owner} is missing")]
    MissingMember {
        /// Library URI, and class if any.
        owner: String,
        /// Kind of member.
        kind: &'static str,
        /// Name.
        name: String,
    },
    /// A local function that the builder did not declare.
    #[error("local function at byte {node} is not known")]
    UnknownLocal {
        /// Byte offset of its node.
        node: u32,
    },
}

impl Error {
    /// The same error with the place in the file that it is about, if it does not have one already. What is missing altogether has none.
    pub fn at(self, node: NodeOffset) -> Error {
        match self {
            Error::Kernel(_)
            | Error::At { .. }
            | Error::MissingLibrary { .. }
            | Error::MissingClass { .. }
            | Error::MissingMember { .. }
            | Error::UnknownLocal { .. } => self,
            _ => Error::At { offset: node.0, error: Box::new(self) },
        }
    }
}

/// Result of questions about a program.
pub type Result<T> = std::result::Result<T, Error>;
