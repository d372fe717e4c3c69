//! Registers of x86-64 and the roles they play in generated code.
//!
//! Dart code uses Cranelift's `Tail` convention (`isa/x64/abi.rs` of cranelift-codegen). The roles below restate
//! the parts of it that hand-written code must know.

/// A general-purpose register; the discriminant is the hardware encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Gpr {
    Rax,
    Rcx,
    Rdx,
    Rbx,
    Rsp,
    Rbp,
    Rsi,
    Rdi,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
}

impl Gpr {
    /// The four-bit encoding.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// An SSE register, 0 to 15.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub struct Xmm(pub u8);

/// The `Thread*`, in Cranelift's pinned register everywhere in Dart code and stubs.
pub const THR: Gpr = Gpr::R15;

/// Integer argument registers of `Tail`, `SystemV` and `PreserveAll`, in order. Further ones go to the stack.
pub const INT_ARGS: [Gpr; 6] = [Gpr::Rdi, Gpr::Rsi, Gpr::Rdx, Gpr::Rcx, Gpr::R8, Gpr::R9];

/// The result register of `Tail` and of the C ABI; also where the runtime wants an exception object.
pub const RESULT: Gpr = Gpr::Rax;

/// General-purpose registers that the C ABI preserves, in the order in which stubs save them.
pub const C_CALLEE_SAVED: [Gpr; 5] = [Gpr::R15, Gpr::R14, Gpr::R13, Gpr::R12, Gpr::Rbx];

/// General-purpose registers that a C function may overwrite.
pub const C_CALLER_SAVED: [Gpr; 9] =
    [Gpr::Rax, Gpr::Rcx, Gpr::Rdx, Gpr::Rsi, Gpr::Rdi, Gpr::R8, Gpr::R9, Gpr::R10, Gpr::R11];

/// Number of SSE registers; a C function may overwrite all of them.
pub const XMM_COUNT: u8 = 16;
