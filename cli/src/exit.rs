//! Exit codes, the same as the reference's (`runtime/bin/error_exit.h`), and the errors that lead to them.

use std::process::ExitCode;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, a file or the target is wrong.
    #[error("{0}")]
    Usage(String),
    /// A file that was checked is not what it should be.
    #[error("{0}")]
    Invalid(String),
    /// The input is not a program that can be compiled, or not in the way that is asked for.
    #[error("{0}")]
    Compilation(String),
}

impl Failure {
    /// A failed compilation. Messages are one line: details of several lines would hide the file and position at the start.
    pub fn compilation(message: impl std::fmt::Display) -> Failure {
        Failure::Compilation(message.to_string().replace('\n', " "))
    }

    /// An option of the reference that this compiler does not have.
    pub fn unsupported(option: impl std::fmt::Display) -> Failure {
        Failure::Compilation(format!("{option} is not supported"))
    }

    /// The exit code: 1 for what was checked and failed, 255 for usage and files, 254 for what cannot be compiled.
    pub fn code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(255),
            Failure::Invalid(_) => ExitCode::from(1),
            Failure::Compilation(_) => ExitCode::from(254),
        }
    }
}
