//! Reader of Dart kernel files (.dill, binary format 138), as made by `gen_kernel --aot`.
//!
//! [`Component::read`] indexes a file: string, name, source and constant tables, and all declarations. Bodies stay
//! bytes until someone asks for one ([`Component::parse_procedure_body`]), which any number of threads may do at once.
//! Results of whole-program analysis come from [`metadata`] accessors, by node offset.
//!
//! ```no_run
//! let bytes = std::fs::read("app.dill").unwrap();
//! let declarations = dart_kernel::Bump::new();
//! let component = dart_kernel::Component::read(&bytes, &declarations).unwrap();
//! for (id, procedure) in &component.procedures {
//!     let bodies = dart_kernel::Bump::new();
//!     let function = component.parse_procedure_body(id, &bodies).unwrap();
//!     println!("{} {}", component.string_lossy(procedure.name.text), function.body.is_some());
//! }
//! ```

pub mod ast;
mod component;
mod cursor;
mod decl;
mod error;
mod expr;
mod ids;
mod load;
pub mod metadata;
mod parser;
mod stmt;
pub mod summary;
pub mod text;
pub mod visit;
mod wtf8;

pub use bumpalo::Bump;
pub use component::*;
pub use error::{Error, Result};
pub use ids::*;
pub use parser::MAX_DEPTH;
pub use wtf8::{DartString, to_utf16 as wtf8_to_utf16};
