//! SSA intermediate representation with Dart semantics.
