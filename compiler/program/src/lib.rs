//! Closed-world model of a Dart program: classes, layouts, functions, types, constants, selectors.
//!
//! [`Program::load`] makes it from a kernel component, for an engine. It answers what later phases ask:
//!
//! * types: [`Program::dart_type_in`], [`Program::instance_type_args`], [`Program::is_subtype`] and their neighbours;
//! * the hierarchy: [`Program::class_id_ranges`], [`Program::implements`];
//! * members: [`Program::implementation`], [`Program::cell`], [`Program::resolve`], [`Program::find_member`];
//! * functions: [`Program::params`], [`Program::code_signature`], [`Program::signature`], [`Program::function_name`];
//! * constants: [`Program::constant_object`], [`Program::constant`];
//! * what the engine needs of the program: [`Program::roots`].
//!
//! The model is immutable and can be shared by threads. Local functions are not part of it: they become known when
//! bodies are read, so questions that involve them take a [`LocalFunctions`].

mod calls;
mod classes;
mod constants;
mod convert;
mod error;
pub mod ids;
mod layout;
mod load;
mod lookup;
mod members;
pub mod model;
mod names;
mod pragmas;
mod queries;
mod roots;
mod subtype;
#[cfg(test)]
mod testing;
pub mod types;

pub use calls::{LocalFunction, LocalFunctions};
pub use constants::ConstantValue;
pub use convert::{CoreClasses, Substitution, TypeScope};
pub use error::{Error, Result};
pub use model::*;
pub use names::string_hash;
pub use roots::{Root, RootReason, RootTarget};
pub use subtype::NullTest;
