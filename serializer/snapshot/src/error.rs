//! What can go wrong while a snapshot is built, written or decoded.

use crate::place::Fault;

/// The error of every fallible operation of this crate.
///
/// Objects are named by [`crate::Graph::describe`], so a message reads
/// "Function `main` (obj812), field `owner`: …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A reference field holds something its class does not allow (often null).
    #[error("{object}, field `{field}`: found {found}, expected {expected}")]
    WrongReference {
        /// The object that holds the field.
        object: String,
        /// The field's name in the VM.
        field: &'static str,
        /// What was found.
        found: String,
        /// The classes that are allowed.
        expected: &'static str,
    },
    /// A reference names no object of the graph.
    #[error("{object}, field `{field}`: {id} is not an object of this graph")]
    Dangling {
        /// The object that holds the field.
        object: String,
        /// The field's name in the VM.
        field: &'static str,
        /// The id found.
        id: String,
    },
    /// An object contradicts itself, its class or the rest of the graph.
    #[error("{object}: {reason}")]
    Inconsistent {
        /// The object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that the format's specification does not know.
    #[error("unknown {what} `{name}`")]
    UnknownName {
        /// The list that was searched.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something the snapshot cannot do without was not supplied.
    #[error("missing {what} `{name}`")]
    Missing {
        /// The kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The format can express this, this crate cannot.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A value does not fit the field it is encoded in.
    #[error("{what} {value} does not fit ({limit})")]
    Overflow {
        /// The value's role.
        what: &'static str,
        /// The value.
        value: i128,
        /// The limit, in words.
        limit: &'static str,
    },
    /// Bytes that do not decode.
    #[error("offset {offset:#x}: {reason}")]
    Malformed {
        /// Offset from the start of the blob.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot that is damaged, with the place.
    #[error(transparent)]
    Damaged(Box<Fault>),
}

impl Error {
    /// The error as a fault of a snapshot: at a place that the error itself makes more precise.
    pub fn into_fault(self, mut place: Fault) -> Fault {
        match self {
            Error::Damaged(fault) => return *fault,
            Error::Malformed { offset, reason } => (place.offset, place.reason) = (offset, reason),
            Error::WrongReference { object, field, found, expected } => {
                place.object = place.object.or(Some(object).filter(|o| !o.is_empty()));
                place.reason = format!("field `{field}`: found {found}, expected {expected}");
            }
            Error::Inconsistent { object, reason } => {
                place.object = place.object.or(Some(object).filter(|o| !o.is_empty()));
                place.reason = reason;
            }
            other => place.reason = other.to_string(),
        }
        place
    }

    /// Names the object in an error that was made while the object's name was out of reach.
    pub(crate) fn in_object(mut self, name: impl FnOnce() -> String) -> Error {
        if let Error::WrongReference { object, .. }
        | Error::Dangling { object, .. }
        | Error::Inconsistent { object, .. } = &mut self
            && object.is_empty()
        {
            *object = name();
        }
        self
    }
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
