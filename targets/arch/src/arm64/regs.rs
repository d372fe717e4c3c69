//! Registers of AArch64 and the roles they play in generated code.
//!
//! Dart code uses Cranelift's `Tail` convention (`isa/aarch64/abi.rs` of cranelift-codegen). The roles below restate
//! the parts of it that hand-written code must know. Dart's own code for this architecture keeps a second stack pointer in
//! x15; here the processor's stack pointer is the only one.

/// A general-purpose register. Number 31 of the hardware is the zero register or the stack pointer, depending on the
/// instruction, so there are two of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Gpr {
    X0,
    X1,
    X2,
    X3,
    X4,
    X5,
    X6,
    X7,
    X8,
    X9,
    X10,
    X11,
    X12,
    X13,
    X14,
    X15,
    X16,
    X17,
    X18,
    X19,
    X20,
    X21,
    X22,
    X23,
    X24,
    X25,
    X26,
    X27,
    X28,
    Fp,
    Lr,
    Zr,
    Sp,
}

impl Gpr {
    /// The five-bit encoding.
    pub fn code(self) -> u32 {
        (self as u32).min(31)
    }
}

/// A floating-point and vector register, 0 to 31.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub struct Fpr(pub u8);

/// The `Thread*`, in Cranelift's pinned register everywhere in Dart code and stubs.
pub const THR: Gpr = Gpr::X21;

/// The register that the engine expects the object pool in, without a tag, at the call of a native function.
pub const POOL: Gpr = Gpr::X27;

/// Integer argument registers of `Tail`, in order. Further ones go to the stack.
pub const INT_ARGS: [Gpr; 6] = [Gpr::X2, Gpr::X3, Gpr::X4, Gpr::X5, Gpr::X6, Gpr::X7];

/// Integer argument registers of the C ABI and of `PreserveAll`, in order, as far as stubs need them.
pub const C_ARGS: [Gpr; 4] = [Gpr::X0, Gpr::X1, Gpr::X2, Gpr::X3];

/// The result register of `Tail`, which is not that of the C ABI.
pub const RESULT: Gpr = Gpr::X2;

/// The result register of the C ABI.
pub const C_RESULT: Gpr = Gpr::X0;

/// Registers that hold nothing between instructions of compiled code, in any convention: Cranelift's own scratch registers, never
/// allocated and preserved by nobody.
pub const SCRATCH: [Gpr; 2] = [Gpr::X16, Gpr::X17];

/// General-purpose registers that the C ABI preserves, in the order in which stubs save them.
pub const C_CALLEE_SAVED: [Gpr; 10] =
    [Gpr::X19, Gpr::X20, Gpr::X21, Gpr::X22, Gpr::X23, Gpr::X24, Gpr::X25, Gpr::X26, Gpr::X27, Gpr::X28];

/// Vector registers whose lower halves the C ABI preserves.
pub const C_CALLEE_SAVED_FPR: [Fpr; 8] =
    [Fpr(8), Fpr(9), Fpr(10), Fpr(11), Fpr(12), Fpr(13), Fpr(14), Fpr(15)];

/// General-purpose registers that a C function may overwrite and that compiled code uses: neither the scratch registers nor x18, which
/// belongs to the platform.
pub const C_CALLER_SAVED: [Gpr; 16] = [
    Gpr::X0,
    Gpr::X1,
    Gpr::X2,
    Gpr::X3,
    Gpr::X4,
    Gpr::X5,
    Gpr::X6,
    Gpr::X7,
    Gpr::X8,
    Gpr::X9,
    Gpr::X10,
    Gpr::X11,
    Gpr::X12,
    Gpr::X13,
    Gpr::X14,
    Gpr::X15,
];

/// Number of vector registers; a C function may overwrite at least the upper half of each.
pub const FPR_COUNT: u8 = 32;
