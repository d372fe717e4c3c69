//! The pipeline from a kernel file to a snapshot.
