//! Encoders of VFPv3-D16 instructions.

use crate::regs::{Cond, Dpr, Gpr, Spr};

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Dpr {}
    impl Sealed for super::Spr {}
}

/// A VFP register of either precision.
pub trait FpReg: sealed::Sealed + Copy {
    /// Whether it holds a double.
    const DOUBLE: bool;

    /// The number split in the four-bit field and the extra bit.
    fn split(self) -> (u32, u32);
}

impl FpReg for Dpr {
    const DOUBLE: bool = true;

    fn split(self) -> (u32, u32) {
        assert!(self.0 < 16, "no register d{}", self.0);
        (u32::from(self.0), 0)
    }
}

impl FpReg for Spr {
    const DOUBLE: bool = false;

    fn split(self) -> (u32, u32) {
        assert!(self.0 < 32, "no register s{}", self.0);
        (u32::from(self.0 >> 1), u32::from(self.0 & 1))
    }
}

fn dst(reg: impl FpReg) -> u32 {
    let (field, extra) = reg.split();
    extra << 22 | field << 12
}

fn lhs(reg: impl FpReg) -> u32 {
    let (field, extra) = reg.split();
    extra << 7 | field << 16
}

fn rhs(reg: impl FpReg) -> u32 {
    let (field, extra) = reg.split();
    extra << 5 | field
}

/// The coprocessor number, which tells the precision.
fn size<R: FpReg>() -> u32 {
    0xa00 | u32::from(R::DOUBLE) << 8
}

// Arithmetic.

/// Operations on two registers; the discriminant is the instruction without condition, precision and registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum FpBinary {
    /// `d += n * m`, rounded twice.
    Vmla = 0x0e00_0000,
    /// `d -= n * m`, rounded twice.
    Vmls = 0x0e00_0040,
    /// `n * m`
    Vmul = 0x0e20_0000,
    /// `-(n * m)`
    Vnmul = 0x0e20_0040,
    /// `n + m`
    Vadd = 0x0e30_0000,
    /// `n - m`
    Vsub = 0x0e30_0040,
    /// `n / m`
    Vdiv = 0x0e80_0000,
}

/// `op d, n, m`
pub fn fp_binary<R: FpReg>(cond: Cond, op: FpBinary, d: R, n: R, m: R) -> u32 {
    cond.bits() | op as u32 | size::<R>() | dst(d) | lhs(n) | rhs(m)
}

/// Operations on one register; the discriminant is the instruction without condition, precision and registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum FpUnary {
    /// Copy.
    Vmov = 0x0eb0_0040,
    /// Clear the sign.
    Vabs = 0x0eb0_00c0,
    /// Invert the sign.
    Vneg = 0x0eb1_0040,
    /// Square root.
    Vsqrt = 0x0eb1_00c0,
}

/// `op d, m`
pub fn fp_unary<R: FpReg>(cond: Cond, op: FpUnary, d: R, m: R) -> u32 {
    cond.bits() | op as u32 | size::<R>() | dst(d) | rhs(m)
}

/// `vcmp d, m`, to the VFP's flags; `signaling` is `vcmpe`, which raises an exception flag for any NaN.
pub fn vcmp<R: FpReg>(cond: Cond, signaling: bool, d: R, m: R) -> u32 {
    cond.bits() | 0x0eb4_0040 | u32::from(signaling) << 7 | size::<R>() | dst(d) | rhs(m)
}

/// `vcmp d, #0.0`, as [`vcmp`].
pub fn vcmp_zero<R: FpReg>(cond: Cond, signaling: bool, d: R) -> u32 {
    cond.bits() | 0x0eb5_0040 | u32::from(signaling) << 7 | size::<R>() | dst(d)
}

/// `vmrs APSR_nzcv, fpscr`: moves the VFP's flags to the processor's.
pub fn vmrs_flags(cond: Cond) -> u32 {
    cond.bits() | 0x0ef1_fa10
}

/// `vmrs rt, fpscr`
pub fn vmrs(cond: Cond, rt: Gpr) -> u32 {
    assert!(rt != Gpr::PC, "vmrs to pc means the flags");
    cond.bits() | 0x0ef1_0a10 | rt.bits() << 12
}

/// `vmsr fpscr, rt`
pub fn vmsr(cond: Cond, rt: Gpr) -> u32 {
    assert!(rt != Gpr::PC, "vmsr from pc");
    cond.bits() | 0x0ee1_0a10 | rt.bits() << 12
}

// Constants.

/// A VFP immediate: `±n/16 * 2^r` with 16 <= n <= 31 and -3 <= r <= 4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct FpImm(u8);

impl FpImm {
    /// The immediate with the value of these bits of a double, if there is one.
    pub fn from_f64_bits(bits: u64) -> Option<FpImm> {
        let imm = ((bits >> 63) as u8) << 7 | (bits >> 48) as u8 & 0x7f;
        (FpImm(imm).f64_bits() == bits).then_some(FpImm(imm))
    }

    /// The immediate with the value of these bits of a float, if there is one.
    pub fn from_f32_bits(bits: u32) -> Option<FpImm> {
        let imm = ((bits >> 31) as u8) << 7 | (bits >> 19) as u8 & 0x7f;
        (FpImm(imm).f32_bits() == bits).then_some(FpImm(imm))
    }

    /// The value's bits as a double: sign, `!b6`, eight times `b6`, the other six bits, zeros.
    pub fn f64_bits(self) -> u64 {
        let imm = u64::from(self.0);
        let exponent = if imm & 0x40 != 0 { 0x3fc0 } else { 0x4000 };
        (imm & 0x80) << 56 | (exponent | imm & 0x3f) << 48
    }

    /// The value's bits as a float: sign, `!b6`, five times `b6`, the other six bits, zeros.
    pub fn f32_bits(self) -> u32 {
        let imm = u32::from(self.0);
        let exponent = if imm & 0x40 != 0 { 0x7c0 } else { 0x800 };
        (imm & 0x80) << 24 | (exponent | imm & 0x3f) << 19
    }
}

/// `vmov d, #imm`
pub fn vmov_imm<R: FpReg>(cond: Cond, d: R, imm: FpImm) -> u32 {
    let imm = u32::from(imm.0);
    cond.bits() | 0x0eb0_0000 | size::<R>() | dst(d) | (imm >> 4) << 16 | imm & 0xf
}

// Conversions.

/// `vcvt.f64.f32 d, m`
pub fn vcvt_f64_f32(cond: Cond, d: Dpr, m: Spr) -> u32 {
    cond.bits() | 0x0eb7_0ac0 | dst(d) | rhs(m)
}

/// `vcvt.f32.f64 d, m`, rounded as the FPSCR says (to nearest even).
pub fn vcvt_f32_f64(cond: Cond, d: Spr, m: Dpr) -> u32 {
    cond.bits() | 0x0eb7_0bc0 | dst(d) | rhs(m)
}

/// `vcvt.{f64,f32}.{s32,u32} d, m`: from the 32-bit integer in `m`.
pub fn vcvt_from_int<R: FpReg>(cond: Cond, signed: bool, d: R, m: Spr) -> u32 {
    cond.bits() | 0x0eb8_0040 | u32::from(signed) << 7 | size::<R>() | dst(d) | rhs(m)
}

/// `vcvt.{s32,u32}.{f64,f32} d, m`: to a 32-bit integer in `d`, towards zero, saturating; NaN gives zero.
pub fn vcvt_to_int<R: FpReg>(cond: Cond, signed: bool, d: Spr, m: R) -> u32 {
    cond.bits() | 0x0ebc_00c0 | u32::from(signed) << 16 | size::<R>() | dst(d) | rhs(m)
}

/// `vcvtr.{s32,u32}.{f64,f32} d, m`: as [`vcvt_to_int`], rounded as the FPSCR says.
pub fn vcvtr_to_int<R: FpReg>(cond: Cond, signed: bool, d: Spr, m: R) -> u32 {
    cond.bits() | 0x0ebc_0040 | u32::from(signed) << 16 | size::<R>() | dst(d) | rhs(m)
}

// Moves between core and VFP registers.

/// `vmov s, rt`
pub fn vmov_s_core(cond: Cond, s: Spr, rt: Gpr) -> u32 {
    cond.bits() | 0x0e00_0a10 | lhs(s) | core(rt)
}

/// `vmov rt, s`
pub fn vmov_core_s(cond: Cond, rt: Gpr, s: Spr) -> u32 {
    cond.bits() | 0x0e10_0a10 | lhs(s) | core(rt)
}

/// `vmov d, lo, hi`
pub fn vmov_d_core(cond: Cond, d: Dpr, lo: Gpr, hi: Gpr) -> u32 {
    cond.bits() | 0x0c40_0b10 | rhs(d) | core(lo) | core_high(hi)
}

/// `vmov lo, hi, d`
pub fn vmov_core_d(cond: Cond, lo: Gpr, hi: Gpr, d: Dpr) -> u32 {
    assert!(lo != hi, "vmov to one register");
    cond.bits() | 0x0c50_0b10 | rhs(d) | core(lo) | core_high(hi)
}

/// `vmov s, s + 1, lo, hi`
pub fn vmov_s_pair_core(cond: Cond, s: Spr, lo: Gpr, hi: Gpr) -> u32 {
    assert!(s.0 < 31, "s31 and the next register");
    cond.bits() | 0x0c40_0a10 | rhs(s) | core(lo) | core_high(hi)
}

/// `vmov lo, hi, s, s + 1`
pub fn vmov_core_s_pair(cond: Cond, lo: Gpr, hi: Gpr, s: Spr) -> u32 {
    assert!(s.0 < 31 && lo != hi, "vmov of {s} and the next register to {lo} and {hi}");
    cond.bits() | 0x0c50_0a10 | rhs(s) | core(lo) | core_high(hi)
}

/// `vmov.32 d[half], rt`; the other half is kept. Half 1 is the high one.
pub fn vmov_lane_core(cond: Cond, d: Dpr, high: bool, rt: Gpr) -> u32 {
    cond.bits() | 0x0e00_0b10 | u32::from(high) << 21 | lhs(d) | core(rt)
}

/// `vmov.32 rt, d[half]`
pub fn vmov_core_lane(cond: Cond, rt: Gpr, d: Dpr, high: bool) -> u32 {
    cond.bits() | 0x0e10_0b10 | u32::from(high) << 21 | lhs(d) | core(rt)
}

fn core(rt: Gpr) -> u32 {
    assert!(rt != Gpr::PC, "vmov of pc");
    rt.bits() << 12
}

fn core_high(rt: Gpr) -> u32 {
    assert!(rt != Gpr::PC, "vmov of pc");
    rt.bits() << 16
}

// Loads and stores. Addresses are 4-aligned, for doubles too.

/// Whether a VFP register can be accessed at this constant offset.
pub fn fits_fp_offset(offset: i32) -> bool {
    offset % 4 == 0 && offset.unsigned_abs() < 0x400
}

fn fp_memory<R: FpReg>(cond: Cond, opcode: u32, d: R, base: Gpr, offset: i32) -> u32 {
    assert!(fits_fp_offset(offset), "offset {offset} of a VFP access");
    let sign = u32::from(offset >= 0) << 23;
    cond.bits() | opcode | sign | size::<R>() | dst(d) | base.bits() << 16 | offset.unsigned_abs() >> 2
}

/// `vldr d, [base, #offset]`; the base may be pc, which reads as the instruction's address plus eight.
pub fn vldr<R: FpReg>(cond: Cond, d: R, base: Gpr, offset: i32) -> u32 {
    fp_memory(cond, 0x0d10_0000, d, base, offset)
}

/// `vstr d, [base, #offset]`
pub fn vstr<R: FpReg>(cond: Cond, d: R, base: Gpr, offset: i32) -> u32 {
    assert!(base != Gpr::PC, "store at pc");
    fp_memory(cond, 0x0d00_0000, d, base, offset)
}

/// Addressing of a multiple VFP load or store; the discriminant holds the P, U and W bits in place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u32)]
pub enum FpBlock {
    /// Increment after, base unchanged.
    Ia = 1 << 23,
    /// Increment after, base updated.
    IaUpdate = 1 << 23 | 1 << 21,
    /// Decrement before, base updated.
    DbUpdate = 1 << 24 | 1 << 21,
}

fn fp_block<R: FpReg>(cond: Cond, load: bool, mode: FpBlock, base: Gpr, first: R, count: u8) -> u32 {
    let (field, extra) = first.split();
    let (number, registers, words) = if R::DOUBLE {
        (field, 16, 2 * u32::from(count))
    } else {
        (field << 1 | extra, 32, u32::from(count))
    };
    assert!(count > 0 && number + u32::from(count) <= registers, "{count} registers from number {number}");
    assert!(base != Gpr::PC, "block transfer at pc");
    let opcode = 0x0c00_0000 | u32::from(load) << 20 | mode as u32;
    cond.bits() | opcode | size::<R>() | base.bits() << 16 | dst(first) | words
}

/// `vldm base{!}, {first, ...}` of `count` consecutive registers.
pub fn vldm<R: FpReg>(cond: Cond, mode: FpBlock, base: Gpr, first: R, count: u8) -> u32 {
    fp_block(cond, true, mode, base, first, count)
}

/// `vstm base{!}, {first, ...}` of `count` consecutive registers.
pub fn vstm<R: FpReg>(cond: Cond, mode: FpBlock, base: Gpr, first: R, count: u8) -> u32 {
    fp_block(cond, false, mode, base, first, count)
}

/// `vpush {first, ...}` of `count` consecutive registers, the first at the lowest address.
pub fn vpush<R: FpReg>(cond: Cond, first: R, count: u8) -> u32 {
    vstm(cond, FpBlock::DbUpdate, Gpr::SP, first, count)
}

/// `vpop {first, ...}`
pub fn vpop<R: FpReg>(cond: Cond, first: R, count: u8) -> u32 {
    vldm(cond, FpBlock::IaUpdate, Gpr::SP, first, count)
}
