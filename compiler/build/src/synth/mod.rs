//! Functions that exist in no source: accessors, tear-offs, adapters, entries.

use snapcrane_program::ids::FunctionKey;

use crate::error::{Error, Result};
use crate::{BuildContext, BuildOutput};

/// Builds a synthesised function.
///
/// # Errors
/// [`Error::Unsupported`] for all of them.
pub fn build(_ctx: &BuildContext<'_>, key: &FunctionKey) -> Result<BuildOutput> {
    Err(Error::Unsupported {
        construct: "synthesised function".into(),
        member: format!("{key:?}"),
        uri: String::new(),
        line: 0,
        column: 0,
    })
}
