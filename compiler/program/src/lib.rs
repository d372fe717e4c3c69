//! Closed-world model of a Dart program: classes, layouts, functions, types, constants, selectors.

pub mod ids;
pub mod model;
pub mod types;

pub use model::*;
