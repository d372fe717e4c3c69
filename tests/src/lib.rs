//! End-to-end tests on real Dart engines.
