//! How CLIF values are represented in registers.
//!
//! | type | registers |
//! |---|---|
//! | `i8`, `i16` | one core register, whose upper bits are undefined: whoever depends on them extends |
//! | `i32` | one core register |
//! | `i64` | two core registers, low half first |
//! | `f32` | lower half of a double register |
//! | `f64` | one double register |
//!
//! There is nothing else; `i128` and vectors are errors. The halves of an `i64` are allocated on their own, when something asks for them, so that
//! an operation of which only the low half is used does only half of its work.

use cranelift_codegen::ir::{Type, types};

use crate::inst::{FloatSize, Reg};

/// The registers of a value. What nothing has asked for is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Regs {
    /// The register, or that of the low half.
    pub(crate) lo: Option<Reg>,
    /// The register of the high half.
    pub(crate) hi: Option<Reg>,
}

impl Regs {
    /// Whether anything has asked for the value.
    pub(crate) fn is_used(self) -> bool {
        self.lo.is_some() || self.hi.is_some()
    }
}

/// Whether values of a type can be represented.
pub(crate) fn is_supported(ty: Type) -> bool {
    matches!(ty, types::I8 | types::I16 | types::I32 | types::I64 | types::F32 | types::F64)
}

/// Size of a float type.
pub(crate) fn float_size(ty: Type) -> FloatSize {
    if ty == types::F32 { FloatSize::Single } else { FloatSize::Double }
}
