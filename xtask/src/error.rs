//! One error type for all developer commands: a single line for the user and an exit code.

use std::fmt;
use std::path::Path;

/// Why a developer command stopped. Every message is one line and says what to do where that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The command worked, and what it checks or runs failed. Exit code 1.
    Failed(String),
    /// The command line is wrong. Exit code 2.
    Usage(String),
    /// The machine lacks something: a program, the network, a Dart file of the right version. Exit code 3.
    Environment(String),
}

impl Error {
    /// The exit code of the `xtask` binary for this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Failed(_) => 1,
            Error::Usage(_) => 2,
            Error::Environment(_) => 3,
        }
    }

    /// An input/output error on a file or folder.
    pub fn io(action: &str, path: &Path, error: &std::io::Error) -> Error {
        Error::Environment(format!("cannot {action} {}: {error}", path.display()))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Error::Failed(message) | Error::Usage(message) | Error::Environment(message)) = self;
        f.write_str(message)
    }
}

impl std::error::Error for Error {}
