//! Assemblers, calling conventions and stubs per architecture.
