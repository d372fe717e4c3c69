//! Closed-world model of a Dart program: classes, layouts, functions, types, constants, selectors.
