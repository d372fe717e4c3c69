//! Registers of A32 and the roles they play in generated code.
//!
//! The code generator (crate `snapcrane-armv7`) defines the registers and the conventions; the roles below restate the
//! parts that hand-written code must know.

pub use snapcrane_armv7::regs::{Cond, Dpr, Gpr};

/// The `Thread*`, in Cranelift's pinned register everywhere in Dart code and stubs. The C ABI preserves it.
pub const THR: Gpr = Gpr::THR;

/// Overwritten by anything: between two instructions of compiled code, and by every call.
pub const SCRATCH: Gpr = Gpr::SCRATCH;

/// Registers of integer and tagged arguments of `Tail`, `SystemV` and `PreserveAll`, in order. Further ones go to the
/// stack, in an area that the caller owns.
pub const INT_ARGS: [Gpr; 4] = [Gpr::R0, Gpr::R1, Gpr::R2, Gpr::R3];

/// The result register of `Tail` and of the C ABI; also where the runtime wants an exception object. A 64-bit result
/// has its upper half in [`RESULT_HIGH`].
pub const RESULT: Gpr = Gpr::R0;

/// The upper half of 64-bit results.
pub const RESULT_HIGH: Gpr = Gpr::R1;

/// Core registers that the C ABI preserves and that frames do not save anyway, ascending.
pub const C_CALLEE_SAVED: [Gpr; 7] = [Gpr::R4, Gpr::R5, Gpr::R6, Gpr::R7, Gpr::R8, Gpr::R9, Gpr::THR];

/// The first double-precision register that the C ABI preserves, and the number of them.
pub const C_CALLEE_SAVED_DOUBLES: (Dpr, u8) = (Dpr(8), 8);

/// Core registers that a C function may overwrite and `PreserveAll` preserves, ascending. The scratch register and the
/// link register are not among them.
pub const C_CALLER_SAVED: [Gpr; 4] = [Gpr::R0, Gpr::R1, Gpr::R2, Gpr::R3];

/// The first double-precision register that a C function may overwrite, and the number of them.
pub const C_CALLER_SAVED_DOUBLES: (Dpr, u8) = (Dpr(0), 8);
