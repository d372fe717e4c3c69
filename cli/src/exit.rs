//! Exit codes, the same as the reference's (`runtime/bin/error_exit.h`), and the errors that lead to them.

use std::process::ExitCode;

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, a file or the target is wrong.
    #[error("{0}")]
    Usage(String),
    /// The input is not a program that can be compiled.
    #[error("{0}")]
    Compilation(String),
}

impl Failure {
    /// The exit code: 255 for usage and files, 254 for input that cannot be compiled.
    pub fn code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(255),
            Failure::Compilation(_) => ExitCode::from(254),
        }
    }
}

impl From<snapcrane_driver::Error> for Failure {
    fn from(error: snapcrane_driver::Error) -> Failure {
        // One line: details of several lines would hide the file and position at the start.
        Failure::Compilation(error.to_string().replace('\n', " "))
    }
}
