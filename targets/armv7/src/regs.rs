//! Registers and conditions of A32.

use std::fmt;

/// A core register, `r0` to `r15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gpr(pub u8);

impl Gpr {
    /// The running thread, for the whole of Dart code (`THR`, runtime/vm/constants_arm.h).
    pub const THR: Gpr = Gpr(10);
    /// Frame pointer.
    pub const FP: Gpr = Gpr(11);
    /// Never holds a value between instructions: scratch of expansions and of moves.
    pub const SCRATCH: Gpr = Gpr(12);
    /// Stack pointer.
    pub const SP: Gpr = Gpr(13);
    /// Link register; scratch of spills and reloads.
    pub const LR: Gpr = Gpr(14);
    /// Program counter.
    pub const PC: Gpr = Gpr(15);
}

#[allow(missing_docs)]
impl Gpr {
    pub const R0: Gpr = Gpr(0);
    pub const R1: Gpr = Gpr(1);
    pub const R2: Gpr = Gpr(2);
    pub const R3: Gpr = Gpr(3);
    pub const R4: Gpr = Gpr(4);
    pub const R5: Gpr = Gpr(5);
    pub const R6: Gpr = Gpr(6);
    pub const R7: Gpr = Gpr(7);
    pub const R8: Gpr = Gpr(8);
    pub const R9: Gpr = Gpr(9);

    /// The four bits of an encoding.
    ///
    /// # Panics
    /// If the register does not exist.
    pub fn bits(self) -> u32 {
        assert!(self.0 < 16, "no register r{}", self.0);
        u32::from(self.0)
    }
}

impl fmt::Display for Gpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Gpr::FP => f.write_str("fp"),
            Gpr::SCRATCH => f.write_str("ip"),
            Gpr::SP => f.write_str("sp"),
            Gpr::LR => f.write_str("lr"),
            Gpr::PC => f.write_str("pc"),
            Gpr(n) => write!(f, "r{n}"),
        }
    }
}

/// A double-precision register, `d0` to `d15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dpr(pub u8);

impl Dpr {
    /// Never holds a value between instructions: scratch of moves.
    pub const SCRATCH: Dpr = Dpr(15);

    /// The lower half, where a single-precision value lives.
    pub fn low(self) -> Spr {
        Spr(2 * self.0)
    }

    /// The upper half.
    pub fn high(self) -> Spr {
        Spr(2 * self.0 + 1)
    }
}

impl fmt::Display for Dpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

/// A single-precision register, `s0` to `s31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spr(pub u8);

impl fmt::Display for Spr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

/// How a shifted operand is shifted. The values are those of the instruction's shift field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Shift {
    /// Left, by 0 to 31.
    Lsl = 0,
    /// Right by 1 to 32, zeros enter.
    Lsr = 1,
    /// Right by 1 to 32, copies of the sign enter.
    Asr = 2,
    /// Rotated right, by 1 to 31.
    Ror = 3,
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shift::Lsl => "lsl",
            Shift::Lsr => "lsr",
            Shift::Asr => "asr",
            Shift::Ror => "ror",
        })
    }
}

/// When an instruction takes effect. The values are those of the instruction's condition field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Cond {
    /// Equal.
    Eq = 0,
    /// Not equal; after a comparison of floats also: unordered.
    Ne = 1,
    /// Unsigned not less (carry set); after a comparison of floats: greater, equal or unordered.
    Hs = 2,
    /// Unsigned less (carry clear); after a comparison of floats: less.
    Lo = 3,
    /// Negative; after a comparison of floats: less.
    Mi = 4,
    /// Not negative; after a comparison of floats: greater, equal or unordered.
    Pl = 5,
    /// Overflow; after a comparison of floats: unordered.
    Vs = 6,
    /// No overflow; after a comparison of floats: ordered.
    Vc = 7,
    /// Unsigned greater; after a comparison of floats: greater or unordered.
    Hi = 8,
    /// Unsigned not greater; after a comparison of floats: less or equal.
    Ls = 9,
    /// Signed not less; after a comparison of floats: greater or equal.
    Ge = 10,
    /// Signed less; after a comparison of floats: less or unordered.
    Lt = 11,
    /// Signed greater; after a comparison of floats: greater.
    Gt = 12,
    /// Signed not greater; after a comparison of floats: less, equal or unordered.
    Le = 13,
    /// Always.
    Al = 14,
}

impl Cond {
    /// The four bits of an encoding, in place.
    pub fn bits(self) -> u32 {
        (self as u32) << 28
    }

    /// The condition that holds when this one does not. [`Cond::Al`] has none.
    pub fn invert(self) -> Cond {
        use Cond::*;
        match self {
            Eq => Ne,
            Ne => Eq,
            Hs => Lo,
            Lo => Hs,
            Mi => Pl,
            Pl => Mi,
            Vs => Vc,
            Vc => Vs,
            Hi => Ls,
            Ls => Hi,
            Ge => Lt,
            Lt => Ge,
            Gt => Le,
            Le => Gt,
            Al => panic!("`always` has no inverse"),
        }
    }
}

impl fmt::Display for Cond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Cond::*;
        f.write_str(match self {
            Eq => "eq",
            Ne => "ne",
            Hs => "hs",
            Lo => "lo",
            Mi => "mi",
            Pl => "pl",
            Vs => "vs",
            Vc => "vc",
            Hi => "hi",
            Ls => "ls",
            Ge => "ge",
            Lt => "lt",
            Gt => "gt",
            Le => "le",
            Al => "",
        })
    }
}
