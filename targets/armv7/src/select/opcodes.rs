//! The opcodes that are selected. There is no other list of them: what is not in this one is refused before any code looks at it.

use cranelift_codegen::ir::Opcode;

/// Who selects an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// Nobody: a constant, which each user makes anew, or nothing at all.
    Absorbed,
    /// `fixed`: registers that have a fixed purpose.
    Fixed,
    /// `memory`.
    Memory,
    /// `control`.
    Control,
    /// `calls`.
    Call,
    /// `float`.
    Float,
    /// `integer`.
    Integer,
}

/// Whether the code generator has code for an opcode, of some types at least.
pub fn supports(opcode: Opcode) -> bool {
    group(opcode).is_some()
}

/// The group of an opcode, `None` if it is not supported.
pub(super) fn group(opcode: Opcode) -> Option<Group> {
    Some(match opcode {
        Opcode::Iconst | Opcode::F32const | Opcode::F64const | Opcode::Nop | Opcode::SequencePoint => {
            Group::Absorbed
        }

        Opcode::GetPinnedReg
        | Opcode::SetPinnedReg
        | Opcode::GetFramePointer
        | Opcode::GetStackPointer
        | Opcode::GetReturnAddress => Group::Fixed,

        Opcode::Load
        | Opcode::Uload8
        | Opcode::Sload8
        | Opcode::Uload16
        | Opcode::Sload16
        | Opcode::Uload32
        | Opcode::Sload32
        | Opcode::AtomicLoad
        | Opcode::Store
        | Opcode::Istore8
        | Opcode::Istore16
        | Opcode::Istore32
        | Opcode::AtomicStore
        | Opcode::Fence
        | Opcode::StackAddr
        | Opcode::FuncAddr
        | Opcode::SymbolValue => Group::Memory,

        Opcode::Jump
        | Opcode::Brif
        | Opcode::BrTable
        | Opcode::Trap
        | Opcode::Trapz
        | Opcode::Trapnz
        | Opcode::Return => Group::Control,

        Opcode::Call
        | Opcode::CallIndirect
        | Opcode::TryCall
        | Opcode::TryCallIndirect
        | Opcode::ReturnCall
        | Opcode::ReturnCallIndirect => Group::Call,

        Opcode::Fcmp
        | Opcode::Fadd
        | Opcode::Fsub
        | Opcode::Fmul
        | Opcode::Fdiv
        | Opcode::Sqrt
        | Opcode::Fneg
        | Opcode::Fabs
        | Opcode::Fcopysign
        | Opcode::Fmin
        | Opcode::Fmax
        | Opcode::Ceil
        | Opcode::Floor
        | Opcode::Trunc
        | Opcode::Nearest
        | Opcode::Fpromote
        | Opcode::Fdemote
        | Opcode::FcvtToUint
        | Opcode::FcvtToSint
        | Opcode::FcvtToUintSat
        | Opcode::FcvtToSintSat
        | Opcode::FcvtFromUint
        | Opcode::FcvtFromSint
        | Opcode::Bitcast => Group::Float,

        Opcode::Iadd
        | Opcode::Isub
        | Opcode::Imul
        | Opcode::Band
        | Opcode::Bor
        | Opcode::Bxor
        | Opcode::Bnot
        | Opcode::Ineg
        | Opcode::Iabs
        | Opcode::Ishl
        | Opcode::Ushr
        | Opcode::Sshr
        | Opcode::Rotl
        | Opcode::Rotr
        | Opcode::Clz
        | Opcode::Ctz
        | Opcode::Cls
        | Opcode::Popcnt
        | Opcode::Bswap
        | Opcode::Bitrev
        | Opcode::Icmp
        | Opcode::Select
        | Opcode::SelectSpectreGuard
        | Opcode::Smin
        | Opcode::Umin
        | Opcode::Smax
        | Opcode::Umax
        | Opcode::Bmask
        | Opcode::Uextend
        | Opcode::Sextend
        | Opcode::Ireduce
        | Opcode::Isplit
        | Opcode::Iconcat
        | Opcode::Umulhi
        | Opcode::Smulhi
        | Opcode::Udiv
        | Opcode::Urem
        | Opcode::Sdiv
        | Opcode::Srem
        | Opcode::UaddOverflow
        | Opcode::SaddOverflow
        | Opcode::UsubOverflow
        | Opcode::SsubOverflow
        | Opcode::UmulOverflow
        | Opcode::SmulOverflow => Group::Integer,

        _ => return None,
    })
}
