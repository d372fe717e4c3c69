//! The `kernel` command.

use std::path::Path;

use dart_kernel::summary::Summary;

use crate::exit::Failure;
use crate::input::Input;
use crate::output;

/// Prints what a kernel file holds.
///
/// # Errors
/// The file cannot be read, or is malformed.
pub fn print_summary(path: &Path) -> Result<(), Failure> {
    let input = Input::open(path)?;
    let summary = Summary::read(input.bytes())
        .map_err(|error| Failure::compilation(format_args!("{}: {error}", path.display())))?;
    output::print(summary)
}
