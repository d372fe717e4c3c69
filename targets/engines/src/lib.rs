//! Facts about Dart engines, generated from their sources.
