//! Reader of Dart kernel files (.dill, binary format 138).
