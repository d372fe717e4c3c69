//! Lowering of IR to Cranelift IR and machine code.
