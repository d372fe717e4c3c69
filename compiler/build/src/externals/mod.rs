//! Bodies of members that have none in Dart: natives and what the compiler itself implements.

use snapcrane_program::ids::MemberId;

use crate::error::{Error, Result};
use crate::{BuildContext, BuildOutput};

/// Builds the body of an `external` member.
///
/// # Errors
/// [`Error::Unsupported`] for all of them.
pub fn build(ctx: &BuildContext<'_>, member: MemberId) -> Result<BuildOutput> {
    Err(Error::Unsupported {
        construct: "external member".into(),
        member: ctx.program.member_name(member),
        uri: String::new(),
        line: 0,
        column: 0,
    })
}
