//! The `kernel` command.

use std::path::Path;

use bumpalo::Bump;
use dart_kernel::Component;

use crate::exit::Failure;
use crate::input::Input;

/// Prints what a kernel file holds.
///
/// # Errors
/// The file cannot be read, or is malformed.
pub fn print_summary(path: &Path) -> Result<(), Failure> {
    let input = Input::open(path)?;
    let arena = Bump::new();
    let malformed = |error: dart_kernel::Error| Failure::Compilation(format!("{}: {error}", path.display()));
    let component = Component::read(input.bytes(), &arena).map_err(malformed)?;
    let summary = dart_kernel::summary::summarize(&component).map_err(malformed)?;
    print!("{summary}");
    Ok(())
}
