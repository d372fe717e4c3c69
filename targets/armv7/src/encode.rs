//! Encoders of A32 and VFPv3-D16 instructions: pure functions from operands to the instruction word.
//!
//! One function per group of instructions that share an encoding; an operation within the group is an enum. Operands
//! that have no encoding (an immediate that is too large, an odd register where a pair is needed) are defects of
//! the caller and panic; the `fits_*` functions and the constructors of immediates tell beforehand.
//!
//! The numbers are those of the ARM Architecture Reference Manual, ARMv7-A and ARMv7-R edition, chapter A5
//! (instruction set encoding), A7 (VFP) and A8 (each instruction).

mod vfp;

pub use crate::regs::{Cond, Dpr, Gpr, Shift, Spr};
pub use vfp::*;

/// A 12-bit data-processing immediate: an 8-bit value rotated right by an even amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Imm12(u16);

impl Imm12 {
    /// The immediate with this value, if there is one; with the smallest rotation, as assemblers do.
    pub fn new(value: u32) -> Option<Imm12> {
        (0..16).find_map(|rotation| {
            let byte = value.rotate_left(2 * rotation);
            (byte <= 0xff).then_some(Imm12((rotation << 8 | byte) as u16))
        })
    }

    /// The value.
    pub fn value(self) -> u32 {
        u32::from(self.0 & 0xff).rotate_right(2 * u32::from(self.0 >> 8))
    }
}

impl Shift {
    /// Bits 11 to 5 of a register shifted by a constant.
    fn constant_bits(self, amount: u8) -> u32 {
        let field = match self {
            Shift::Lsl => (amount < 32).then_some(amount),
            Shift::Lsr | Shift::Asr => (1..=32).contains(&amount).then_some(amount & 31),
            Shift::Ror => (1..32).contains(&amount).then_some(amount),
        };
        let Some(field) = field else { panic!("no shift {self:?} by {amount}") };
        u32::from(field) << 7 | (self as u32) << 5
    }
}

/// The flexible second operand of data-processing instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Operand2 {
    /// A constant.
    Imm(Imm12),
    /// A register.
    Reg(Gpr),
    /// A register shifted by a constant in the range of the shift.
    Shifted(Gpr, Shift, u8),
    /// A register rotated right by one through the carry flag.
    Rrx(Gpr),
    /// A register shifted by the low byte of another; 32 and more are defined (all bits leave).
    ShiftedBy(Gpr, Shift, Gpr),
}

impl Operand2 {
    /// A constant operand, if it has an encoding.
    pub fn constant(value: u32) -> Option<Operand2> {
        Imm12::new(value).map(Operand2::Imm)
    }

    fn bits(self) -> u32 {
        match self {
            Operand2::Imm(imm) => 1 << 25 | u32::from(imm.0),
            Operand2::Reg(rm) => rm.bits(),
            Operand2::Shifted(rm, shift, amount) => shift.constant_bits(amount) | rm.bits(),
            Operand2::Rrx(rm) => (Shift::Ror as u32) << 5 | rm.bits(),
            Operand2::ShiftedBy(rm, shift, rs) => {
                assert!(rm != Gpr::PC && rs != Gpr::PC, "shift of or by pc");
                rs.bits() << 8 | (shift as u32) << 5 | 1 << 4 | rm.bits()
            }
        }
    }
}

impl From<Gpr> for Operand2 {
    fn from(reg: Gpr) -> Operand2 {
        Operand2::Reg(reg)
    }
}

impl From<Imm12> for Operand2 {
    fn from(imm: Imm12) -> Operand2 {
        Operand2::Imm(imm)
    }
}

/// Data-processing operations with two sources; the discriminant is the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum DataOp {
    /// `rn & op2`
    And = 0,
    /// `rn ^ op2`
    Eor = 1,
    /// `rn - op2`
    Sub = 2,
    /// `op2 - rn`
    Rsb = 3,
    /// `rn + op2`
    Add = 4,
    /// `rn + op2 + C`
    Adc = 5,
    /// `rn - op2 - !C`
    Sbc = 6,
    /// `op2 - rn - !C`
    Rsc = 7,
    /// `rn | op2`
    Orr = 12,
    /// `rn & !op2`
    Bic = 14,
}

/// Data-processing operations that only set flags; the discriminant is the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum CmpOp {
    /// Flags of `rn & op2`.
    Tst = 8,
    /// Flags of `rn ^ op2`.
    Teq = 9,
    /// Flags of `rn - op2`.
    Cmp = 10,
    /// Flags of `rn + op2`.
    Cmn = 11,
}

/// Whether a data-processing instruction sets the flags.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Flags {
    /// Leave the flags alone.
    Keep,
    /// Set them from the result.
    Set,
}

impl Flags {
    fn bits(self) -> u32 {
        u32::from(self == Flags::Set) << 20
    }
}

// Data processing.

/// `op{s} rd, rn, op2`
pub fn data(cond: Cond, op: DataOp, flags: Flags, rd: Gpr, rn: Gpr, op2: Operand2) -> u32 {
    cond.bits() | (op as u32) << 21 | flags.bits() | rn.bits() << 16 | rd.bits() << 12 | op2.bits()
}

/// `op rn, op2`
pub fn compare(cond: Cond, op: CmpOp, rn: Gpr, op2: Operand2) -> u32 {
    cond.bits() | (op as u32) << 21 | 1 << 20 | rn.bits() << 16 | op2.bits()
}

/// `mov{s} rd, op2`; shifts (`lsl rd, rm, #n` and so on) are this with a shifted operand.
pub fn mov(cond: Cond, flags: Flags, rd: Gpr, op2: Operand2) -> u32 {
    cond.bits() | 13 << 21 | flags.bits() | rd.bits() << 12 | op2.bits()
}

/// `mvn{s} rd, op2`
pub fn mvn(cond: Cond, flags: Flags, rd: Gpr, op2: Operand2) -> u32 {
    cond.bits() | 15 << 21 | flags.bits() | rd.bits() << 12 | op2.bits()
}

fn wide_immediate(cond: Cond, opcode: u32, rd: Gpr, imm: u16) -> u32 {
    let imm = u32::from(imm);
    cond.bits() | opcode << 20 | (imm >> 12) << 16 | rd.bits() << 12 | imm & 0xfff
}

/// `movw rd, #imm`: sets the register to the immediate.
pub fn movw(cond: Cond, rd: Gpr, imm: u16) -> u32 {
    wide_immediate(cond, 0x30, rd, imm)
}

/// `movt rd, #imm`: sets the upper half.
pub fn movt(cond: Cond, rd: Gpr, imm: u16) -> u32 {
    wide_immediate(cond, 0x34, rd, imm)
}

/// A `movw` or `movt` with its immediate replaced.
pub fn with_wide_immediate(instruction: u32, imm: u16) -> u32 {
    let imm = u32::from(imm);
    instruction & 0xfff0_f000 | (imm >> 12) << 16 | imm & 0xfff
}

// Multiplication and division.

/// `mul{s} rd, rn, rm`
pub fn mul(cond: Cond, flags: Flags, rd: Gpr, rn: Gpr, rm: Gpr) -> u32 {
    cond.bits() | flags.bits() | rd.bits() << 16 | rm.bits() << 8 | 0x90 | rn.bits()
}

/// `mla rd, rn, rm, ra`: `rn * rm + ra`.
pub fn mla(cond: Cond, rd: Gpr, rn: Gpr, rm: Gpr, ra: Gpr) -> u32 {
    cond.bits() | 0x02 << 20 | rd.bits() << 16 | ra.bits() << 12 | rm.bits() << 8 | 0x90 | rn.bits()
}

/// `mls rd, rn, rm, ra`: `ra - rn * rm`.
pub fn mls(cond: Cond, rd: Gpr, rn: Gpr, rm: Gpr, ra: Gpr) -> u32 {
    cond.bits() | 0x06 << 20 | rd.bits() << 16 | ra.bits() << 12 | rm.bits() << 8 | 0x90 | rn.bits()
}

/// `smmul rd, rn, rm`: the upper half of the signed product.
pub fn smmul(cond: Cond, rd: Gpr, rn: Gpr, rm: Gpr) -> u32 {
    cond.bits() | 0x75 << 20 | rd.bits() << 16 | 0xf << 12 | rm.bits() << 8 | 0x10 | rn.bits()
}

/// Multiplications with a 64-bit result; the discriminant is bits 23 to 21.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum LongMul {
    /// `hi:lo = rn * rm + hi + lo`, unsigned.
    Umaal = 2,
    /// `hi:lo = rn * rm`, unsigned.
    Umull = 4,
    /// `hi:lo += rn * rm`, unsigned.
    Umlal = 5,
    /// `hi:lo = rn * rm`, signed.
    Smull = 6,
    /// `hi:lo += rn * rm`, signed.
    Smlal = 7,
}

/// `op lo, hi, rn, rm`
///
/// # Panics
/// If `lo` and `hi` are the same.
pub fn long_mul(cond: Cond, op: LongMul, lo: Gpr, hi: Gpr, rn: Gpr, rm: Gpr) -> u32 {
    assert!(lo != hi, "{op:?} to one register");
    cond.bits() | (op as u32) << 21 | hi.bits() << 16 | lo.bits() << 12 | rm.bits() << 8 | 0x90 | rn.bits()
}

/// `sdiv rd, rn, rm`, on processors that have it. Division by zero gives zero.
pub fn sdiv(cond: Cond, rd: Gpr, rn: Gpr, rm: Gpr) -> u32 {
    cond.bits() | 0x71 << 20 | rd.bits() << 16 | 0xf << 12 | rm.bits() << 8 | 0x10 | rn.bits()
}

/// `udiv rd, rn, rm`, on processors that have it. Division by zero gives zero.
pub fn udiv(cond: Cond, rd: Gpr, rn: Gpr, rm: Gpr) -> u32 {
    cond.bits() | 0x73 << 20 | rd.bits() << 16 | 0xf << 12 | rm.bits() << 8 | 0x10 | rn.bits()
}

// Bits and bytes.

/// Operations on one source register; the discriminant is the instruction without condition and registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum BitOp {
    /// Number of leading zeros.
    Clz = 0x016f_0f10,
    /// Bits in reverse order.
    Rbit = 0x06ff_0f30,
    /// Bytes in reverse order.
    Rev = 0x06bf_0f30,
    /// Bytes in reverse order in each half.
    Rev16 = 0x06bf_0fb0,
    /// Bytes of the lower half in reverse order, sign-extended.
    Revsh = 0x06ff_0fb0,
    /// Low byte, sign-extended.
    Sxtb = 0x06af_0070,
    /// Low half, sign-extended.
    Sxth = 0x06bf_0070,
    /// Low byte, zero-extended.
    Uxtb = 0x06ef_0070,
    /// Low half, zero-extended.
    Uxth = 0x06ff_0070,
}

/// `op rd, rm`
pub fn bit_op(cond: Cond, op: BitOp, rd: Gpr, rm: Gpr) -> u32 {
    cond.bits() | op as u32 | rd.bits() << 12 | rm.bits()
}

fn check_field(lsb: u8, width: u8) -> (u32, u32) {
    assert!(width > 0 && lsb < 32 && width <= 32 - lsb, "no bit field of {width} bits from bit {lsb}");
    (u32::from(lsb), u32::from(width))
}

/// `bfi rd, rn, #lsb, #width`: replaces a field of `rd` by the low bits of `rn`.
pub fn bfi(cond: Cond, rd: Gpr, rn: Gpr, lsb: u8, width: u8) -> u32 {
    assert!(rn != Gpr::PC, "pc inserted");
    let (lsb, width) = check_field(lsb, width);
    cond.bits() | 0x7c << 20 | (lsb + width - 1) << 16 | rd.bits() << 12 | lsb << 7 | 0x10 | rn.bits()
}

/// `bfc rd, #lsb, #width`: clears a field.
pub fn bfc(cond: Cond, rd: Gpr, lsb: u8, width: u8) -> u32 {
    let (lsb, width) = check_field(lsb, width);
    cond.bits() | 0x7c << 20 | (lsb + width - 1) << 16 | rd.bits() << 12 | lsb << 7 | 0x1f
}

/// `ubfx rd, rn, #lsb, #width`: extracts a field, zero-extended.
pub fn ubfx(cond: Cond, rd: Gpr, rn: Gpr, lsb: u8, width: u8) -> u32 {
    let (lsb, width) = check_field(lsb, width);
    cond.bits() | 0x7e << 20 | (width - 1) << 16 | rd.bits() << 12 | lsb << 7 | 0x50 | rn.bits()
}

/// `sbfx rd, rn, #lsb, #width`: extracts a field, sign-extended.
pub fn sbfx(cond: Cond, rd: Gpr, rn: Gpr, lsb: u8, width: u8) -> u32 {
    let (lsb, width) = check_field(lsb, width);
    cond.bits() | 0x7a << 20 | (width - 1) << 16 | rd.bits() << 12 | lsb << 7 | 0x50 | rn.bits()
}

// Loads and stores of one value.

/// What is added to the base register of a load or store.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum MemOffset {
    /// A constant: see [`fits_word_offset`] and [`fits_half_offset`].
    Imm(i32),
    /// Plus a register shifted by a constant; halves, signed bytes and pairs allow only `Lsl` by 0.
    Add(Gpr, Shift, u8),
    /// Minus a register shifted by a constant; the same.
    Sub(Gpr, Shift, u8),
}

/// When the offset is applied and whether the base register is updated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Indexing {
    /// `[base, offset]`
    Offset,
    /// `[base, offset]!`
    PreIndex,
    /// `[base], offset`
    PostIndex,
}

/// The memory operand of a load or store of core registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Mem {
    /// The base register; [`Gpr::PC`] reads as the instruction's address plus eight.
    pub base: Gpr,
    /// The offset.
    pub offset: MemOffset,
    /// How the two are used.
    pub indexing: Indexing,
}

impl Mem {
    /// `[base, #offset]`
    pub fn new(base: Gpr, offset: i32) -> Mem {
        Mem { base, offset: MemOffset::Imm(offset), indexing: Indexing::Offset }
    }

    /// `[base, index]`
    pub fn sum(base: Gpr, index: Gpr) -> Mem {
        Mem::scaled(base, index, 0)
    }

    /// `[base, index, lsl #shift]`
    pub fn scaled(base: Gpr, index: Gpr, shift: u8) -> Mem {
        Mem { base, offset: MemOffset::Add(index, Shift::Lsl, shift), indexing: Indexing::Offset }
    }

    /// `[base, #offset]!`
    pub fn pre(base: Gpr, offset: i32) -> Mem {
        Mem { base, offset: MemOffset::Imm(offset), indexing: Indexing::PreIndex }
    }

    /// `[base], #offset`
    pub fn post(base: Gpr, offset: i32) -> Mem {
        Mem { base, offset: MemOffset::Imm(offset), indexing: Indexing::PostIndex }
    }

    /// The P and W bits and the base register.
    fn base_bits(self) -> u32 {
        let indexing = match self.indexing {
            Indexing::Offset => 1 << 24,
            Indexing::PreIndex => 1 << 24 | 1 << 21,
            Indexing::PostIndex => 0,
        };
        assert!(
            self.indexing == Indexing::Offset || self.base != Gpr::PC,
            "pc cannot be updated by a load or store"
        );
        indexing | self.base.bits() << 16
    }
}

/// The sign of an offset as the U bit, and its magnitude. Zero counts as positive.
fn sign_and_magnitude(offset: i32) -> (u32, u32) {
    (u32::from(offset >= 0) << 23, offset.unsigned_abs())
}

/// Whether words and unsigned bytes can be accessed at this constant offset.
pub fn fits_word_offset(offset: i32) -> bool {
    offset.unsigned_abs() < 0x1000
}

/// Whether halves, signed bytes and pairs can be accessed at this constant offset.
pub fn fits_half_offset(offset: i32) -> bool {
    offset.unsigned_abs() < 0x100
}

/// Loads and stores of words and unsigned bytes; the discriminant holds the B and L bits in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum WordOp {
    /// Store a word.
    Str = 0,
    /// Load a word.
    Ldr = 1 << 20,
    /// Store a byte.
    Strb = 1 << 22,
    /// Load a byte, zero-extended.
    Ldrb = 1 << 22 | 1 << 20,
}

/// Loads and stores of halves, signed bytes and pairs; the discriminant holds the L bit and bits 7 to 4 in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum HalfOp {
    /// Store a half.
    Strh = 0xb0,
    /// Load a half, zero-extended.
    Ldrh = 1 << 20 | 0xb0,
    /// Load a byte, sign-extended.
    Ldrsb = 1 << 20 | 0xd0,
    /// Load a half, sign-extended.
    Ldrsh = 1 << 20 | 0xf0,
    /// Load `rt` and the register after it; `rt` is even and below 14, the address 4-aligned.
    Ldrd = 0xd0,
    /// Store `rt` and the register after it; the same.
    Strd = 0xf0,
}

/// `ldr`, `str`, `ldrb`, `strb`: `op rt, mem`
pub fn word(cond: Cond, op: WordOp, rt: Gpr, mem: Mem) -> u32 {
    let offset = match mem.offset {
        MemOffset::Imm(offset) => {
            assert!(fits_word_offset(offset), "offset {offset} of {op:?}");
            let (sign, magnitude) = sign_and_magnitude(offset);
            sign | magnitude
        }
        MemOffset::Add(rm, shift, amount) => 1 << 25 | 1 << 23 | shift.constant_bits(amount) | index_bits(rm),
        MemOffset::Sub(rm, shift, amount) => 1 << 25 | shift.constant_bits(amount) | index_bits(rm),
    };
    cond.bits() | 1 << 26 | op as u32 | mem.base_bits() | rt.bits() << 12 | offset
}

/// `ldrh`, `strh`, `ldrsb`, `ldrsh`, `ldrd`, `strd`: `op rt, mem`
pub fn half(cond: Cond, op: HalfOp, rt: Gpr, mem: Mem) -> u32 {
    if matches!(op, HalfOp::Ldrd | HalfOp::Strd) {
        assert!(rt.0.is_multiple_of(2) && rt.0 < 14, "{op:?} of {rt} and the next register");
    }
    let offset = match mem.offset {
        MemOffset::Imm(offset) => {
            assert!(fits_half_offset(offset), "offset {offset} of {op:?}");
            let (sign, magnitude) = sign_and_magnitude(offset);
            1 << 22 | sign | (magnitude & 0xf0) << 4 | magnitude & 0xf
        }
        MemOffset::Add(rm, Shift::Lsl, 0) => 1 << 23 | index_bits(rm),
        MemOffset::Sub(rm, Shift::Lsl, 0) => index_bits(rm),
        MemOffset::Add(..) | MemOffset::Sub(..) => panic!("shifted index of {op:?}"),
    };
    cond.bits() | op as u32 | mem.base_bits() | rt.bits() << 12 | offset
}

fn index_bits(rm: Gpr) -> u32 {
    assert!(rm != Gpr::PC, "pc as index");
    rm.bits()
}

// Several registers.

/// A set of core registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub struct RegList(pub u16);

impl RegList {
    /// The set with these members.
    pub fn of(regs: &[Gpr]) -> RegList {
        RegList(regs.iter().fold(0, |set, reg| set | 1 << reg.bits()))
    }

    /// Number of registers.
    pub fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether the set has no members.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The addresses of a multiple load or store relative to the base; lower registers are always at lower addresses.
/// The discriminant holds the P and U bits in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum Block {
    /// Decrement after: the highest word is at the base.
    Da = 0,
    /// Increment after: the lowest word is at the base.
    Ia = 1 << 23,
    /// Decrement before: the highest word is below the base.
    Db = 1 << 24,
    /// Increment before: the lowest word is one word above the base.
    Ib = 1 << 24 | 1 << 23,
}

fn block(cond: Cond, load: bool, mode: Block, base: Gpr, writeback: bool, regs: RegList) -> u32 {
    assert!(!regs.is_empty() && base != Gpr::PC, "block transfer of {:#x} at {base}", regs.0);
    let flags = u32::from(writeback) << 21 | u32::from(load) << 20;
    cond.bits() | 1 << 27 | mode as u32 | flags | base.bits() << 16 | u32::from(regs.0)
}

/// `ldm{mode} base{!}, regs`
pub fn ldm(cond: Cond, mode: Block, base: Gpr, writeback: bool, regs: RegList) -> u32 {
    block(cond, true, mode, base, writeback, regs)
}

/// `stm{mode} base{!}, regs`
pub fn stm(cond: Cond, mode: Block, base: Gpr, writeback: bool, regs: RegList) -> u32 {
    block(cond, false, mode, base, writeback, regs)
}

/// `push regs`, in the form that assemblers choose.
pub fn push(cond: Cond, regs: RegList) -> u32 {
    if regs.len() == 1 {
        return word(cond, WordOp::Str, Gpr(regs.0.trailing_zeros() as u8), Mem::pre(Gpr::SP, -4));
    }
    stm(cond, Block::Db, Gpr::SP, true, regs)
}

/// `pop regs`, in the form that assemblers choose.
pub fn pop(cond: Cond, regs: RegList) -> u32 {
    if regs.len() == 1 {
        return word(cond, WordOp::Ldr, Gpr(regs.0.trailing_zeros() as u8), Mem::post(Gpr::SP, 4));
    }
    ldm(cond, Block::Ia, Gpr::SP, true, regs)
}

// Exclusive access and barriers.

/// The width of an exclusive access; the discriminant is the encoding in bits 22 and 21.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Exclusive {
    /// 32 bits.
    Word = 0,
    /// 64 bits in `rt` and the register after it; `rt` is even and below 14, the address 8-aligned.
    Double = 1,
    /// 8 bits.
    Byte = 2,
    /// 16 bits.
    Half = 3,
}

impl Exclusive {
    fn check(self, rt: Gpr) {
        let pair = rt.0.is_multiple_of(2) && rt.0 < 14;
        assert!(self != Exclusive::Double || pair, "exclusive access of {rt} and the next register");
    }
}

/// `ldrex{b,h,d} rt, [rn]`
pub fn ldrex(cond: Cond, width: Exclusive, rt: Gpr, rn: Gpr) -> u32 {
    width.check(rt);
    cond.bits() | 0x19 << 20 | (width as u32) << 21 | rn.bits() << 16 | rt.bits() << 12 | 0xf9f
}

/// `strex{b,h,d} rd, rt, [rn]`: `rd` becomes 0 if the value was stored, 1 if the exclusive access was lost.
///
/// # Panics
/// If `rd` is another operand.
pub fn strex(cond: Cond, width: Exclusive, rd: Gpr, rt: Gpr, rn: Gpr) -> u32 {
    width.check(rt);
    let overlaps = rd == rn || rd == rt || width == Exclusive::Double && rd.0 == rt.0 + 1;
    assert!(!overlaps, "strex status in an operand");
    cond.bits() | 0x18 << 20 | (width as u32) << 21 | rn.bits() << 16 | rd.bits() << 12 | 0xf90 | rt.bits()
}

/// `clrex`
pub fn clrex() -> u32 {
    0xf57f_f01f
}

/// Which accesses a barrier orders; the discriminant is the encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Barrier {
    /// All accesses, full system.
    Sy = 15,
    /// Stores, full system.
    St = 14,
    /// All accesses, inner shareable domain.
    Ish = 11,
    /// Stores, inner shareable domain.
    Ishst = 10,
}

/// `dmb option`
pub fn dmb(barrier: Barrier) -> u32 {
    0xf57f_f050 | barrier as u32
}

// Control.

/// Whether a branch reaches a target this many bytes from its own address.
pub fn fits_branch(distance: i64) -> bool {
    distance % 4 == 0 && (-0x200_0000..0x200_0000).contains(&(distance - 8))
}

fn branch_field(distance: i64) -> u32 {
    assert!(fits_branch(distance), "branch by {distance} bytes");
    ((distance - 8) >> 2) as u32 & 0xff_ffff
}

/// `b target`, with the distance from this instruction's address in bytes.
pub fn b(cond: Cond, distance: i64) -> u32 {
    cond.bits() | 0xa << 24 | branch_field(distance)
}

/// `bl target`, with the distance from this instruction's address in bytes.
pub fn bl(cond: Cond, distance: i64) -> u32 {
    cond.bits() | 0xb << 24 | branch_field(distance)
}

/// A `b` or `bl` with its distance replaced.
pub fn with_branch_distance(instruction: u32, distance: i64) -> u32 {
    instruction & 0xff00_0000 | branch_field(distance)
}

/// `bx rm`
pub fn bx(cond: Cond, rm: Gpr) -> u32 {
    cond.bits() | 0x012f_ff10 | rm.bits()
}

/// `blx rm`
pub fn blx(cond: Cond, rm: Gpr) -> u32 {
    assert!(rm != Gpr::PC, "blx pc");
    cond.bits() | 0x012f_ff30 | rm.bits()
}

/// `udf #imm`: permanently undefined.
pub fn udf(imm: u16) -> u32 {
    let imm = u32::from(imm);
    0xe7f0_00f0 | (imm >> 4) << 8 | imm & 0xf
}

/// `bkpt #imm`
pub fn bkpt(imm: u16) -> u32 {
    let imm = u32::from(imm);
    0xe120_0070 | (imm >> 4) << 8 | imm & 0xf
}

/// `nop`
pub fn nop(cond: Cond) -> u32 {
    cond.bits() | 0x0320_f000
}

#[cfg(test)]
mod tests;
