//! What a snapshot holds, for people and for programs.
//!
//! Each question has a type that holds the answer as plain data, with two forms: [`Display`](std::fmt::Display) for reading and `to_json`
//! for programs. `docs/inspecting.md` documents the JSON form.

mod disassembly;
mod listings;
mod object;
mod summary;

pub use disassembly::{Listing, disassemble};
pub use listings::{ClassRow, FunctionRow, PoolRow, StringRow, classes, functions, pool, strings};
pub use object::{FieldRow, ObjectReport, object};
pub use summary::{ClusterRow, SectionRow, Summary};

/// Shortens a text to a line that fits a listing, with escapes for what is not printable.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let escaped: String = text.chars().take(limit).flat_map(char::escape_debug).collect();
    if text.chars().count() > limit { format!("\"{escaped}…\"") } else { format!("\"{escaped}\"") }
}
