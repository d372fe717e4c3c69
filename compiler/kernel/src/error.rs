//! The one error type of the reader.

use std::borrow::Cow;

/// A malformed or unsupported kernel file: where, and what the format asks for there.
///
/// The payload is boxed so that `Result<&T, Error>` stays two words: the reader is recursive and its
/// frames decide how deep a tree it can follow.
#[derive(Debug, Clone, thiserror::Error)]
#[error("kernel file, byte {}: expected {}", .0.offset, .0.expected)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    offset: u64,
    expected: Cow<'static, str>,
}

/// Result of everything that reads bytes.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error at byte `offset` of the file, where `expected` should have been.
    #[cold]
    pub fn new(offset: impl TryInto<u64>, expected: impl Into<Cow<'static, str>>) -> Self {
        let offset = offset.try_into().unwrap_or(u64::MAX);
        Error(Box::new(Inner { offset, expected: expected.into() }))
    }

    /// Byte offset in the file.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// What the format asks for at that offset.
    pub fn expected(&self) -> &str {
        &self.0.expected
    }
}
