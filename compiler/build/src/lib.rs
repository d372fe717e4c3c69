//! Construction of IR from kernel.
