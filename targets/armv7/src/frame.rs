//! The frame of a function.
//!
//! ```text
//!           incoming stack arguments
//! FP + 4    return address
//! FP        caller's FP
//!           registers that a C function must preserve
//!           spill slots
//!           stack slots
//! SP        outgoing stack arguments
//! ```
//!
//! A function that calls nothing and keeps nothing in memory has no frame at all: whoever walks the stack does so while a function
//! waits for another.
//!
//! SP does not move between prologue and epilogue and is a multiple of 8 (AAPCS), as FP is: the caller's SP was, and two words follow.

use cranelift_codegen::ir;
use cranelift_codegen::isa::CallConv;

use crate::encode::{self, Cond, DataOp, Flags, Operand2, RegList};
use crate::regalloc::Allocator;
use crate::regs::{Dpr, Gpr};
use crate::vcode::VCode;

/// Byte offsets of the parts of a frame, from SP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// From SP to FP.
    pub(crate) size: u32,
    /// Of each stack slot.
    pub(crate) slots: Vec<u32>,
    /// Of the spill slots.
    pub(crate) spills: u32,
    /// Whether there is no frame: LR keeps the return address.
    omitted: bool,
    /// Core registers to preserve.
    saved: RegList,
    /// Double registers to preserve, from `d8`.
    saved_floats: u8,
}

impl Frame {
    /// Lays out a frame. The error names what is impossible.
    pub(crate) fn layout(
        &mut self,
        func: &ir::Function,
        vcode: &VCode,
        allocator: &Allocator,
    ) -> Result<(), String> {
        self.slots.clear();
        let mut offset = vcode.outgoing.next_multiple_of(4);
        for (slot, data) in func.sized_stack_slots.iter() {
            if data.align_shift > 3 {
                return Err(format!("{slot} aligned to {} bytes", 1u64 << data.align_shift));
            }
            offset = offset.next_multiple_of(4 << u32::from(data.align_shift > 2 || data.size >= 8));
            self.slots.push(offset);
            offset = offset.checked_add(data.size).filter(|&size| size < MAX_SIZE).ok_or_else(too_large)?;
        }
        if allocator.spill_words() > 0 {
            offset = offset.next_multiple_of(8);
        }
        self.spills = offset;
        offset += 4 * allocator.spill_words();

        self.saved = RegList::default();
        self.saved_floats = 0;
        if vcode.conv != CallConv::Tail {
            for reg in allocator.used() {
                match reg.class() {
                    regalloc2::RegClass::Int if (4..10).contains(&reg.hw_enc()) => {
                        self.saved.0 |= 1 << reg.hw_enc();
                    }
                    regalloc2::RegClass::Float if reg.hw_enc() >= 8 => {
                        self.saved_floats = self.saved_floats.max(reg.hw_enc() as u8 - 7);
                    }
                    _ => {}
                }
            }
            // Callees that change d14 also use d15, the scratch register of moves.
            if self.saved_floats == 7 {
                self.saved_floats = 8;
            }
            if allocator.writes_thread {
                self.saved.0 |= 1 << Gpr::THR.0;
            }
        }
        self.size = (offset + self.saved_bytes()).next_multiple_of(8);
        self.omitted = self.size == 0 && !allocator.has_calls && !allocator.reads_frame && !vcode.incoming;
        if self.size >= MAX_SIZE { Err(too_large()) } else { Ok(()) }
    }

    fn saved_bytes(&self) -> u32 {
        4 * self.saved.len() + 8 * u32::from(self.saved_floats)
    }

    /// Emits the instructions at the start of a function.
    pub(crate) fn prologue(&self, emit: &mut impl FnMut(u32)) {
        if self.omitted {
            return;
        }
        let al = Cond::Al;
        emit(encode::push(al, RegList::of(&[Gpr::FP, Gpr::LR])));
        emit(encode::mov(al, Flags::Keep, Gpr::FP, Gpr::SP.into()));
        if !self.saved.is_empty() {
            emit(encode::push(al, self.saved));
        }
        if self.saved_floats > 0 {
            emit(encode::vpush(al, Dpr(8), self.saved_floats));
        }
        let rest = self.size - self.saved_bytes();
        if rest > 0 {
            let amount = constant_operand(rest, Gpr::SCRATCH, emit);
            emit(encode::data(al, DataOp::Sub, Flags::Keep, Gpr::SP, Gpr::SP, amount));
        }
    }

    /// Emits the instructions that restore the caller's registers, its FP among them, and either return or leave the return address
    /// in LR.
    pub(crate) fn epilogue(&self, returns: bool, emit: &mut impl FnMut(u32)) {
        let al = Cond::Al;
        if self.omitted {
            if returns {
                emit(encode::bx(al, Gpr::LR));
            }
            return;
        }
        if self.saved_bytes() > 0 {
            let amount = Operand2::constant(self.saved_bytes()).expect("at most 15 registers are saved");
            emit(encode::data(al, DataOp::Sub, Flags::Keep, Gpr::SP, Gpr::FP, amount));
            if self.saved_floats > 0 {
                emit(encode::vpop(al, Dpr(8), self.saved_floats));
            }
            if !self.saved.is_empty() {
                emit(encode::pop(al, self.saved));
            }
        } else if self.size > 0 {
            emit(encode::mov(al, Flags::Keep, Gpr::SP, Gpr::FP.into()));
        }
        emit(encode::pop(al, RegList::of(&[Gpr::FP, if returns { Gpr::PC } else { Gpr::LR }])));
    }
}

/// Frames are smaller than this, so that offsets in them are positive 32-bit numbers with room to add to.
const MAX_SIZE: u32 = 1 << 28;

fn too_large() -> String {
    format!("frame of more than {MAX_SIZE} bytes")
}

/// Emits what brings any constant into a register without changing flags.
pub(crate) fn constant(rd: Gpr, value: u32, emit: &mut impl FnMut(u32)) {
    let al = Cond::Al;
    if let Some(imm) = Operand2::constant(value) {
        emit(encode::mov(al, Flags::Keep, rd, imm));
    } else if let Some(imm) = Operand2::constant(!value) {
        emit(encode::mvn(al, Flags::Keep, rd, imm));
    } else {
        emit(encode::movw(al, rd, value as u16));
        if value >> 16 != 0 {
            emit(encode::movt(al, rd, (value >> 16) as u16));
        }
    }
}

/// A constant as an operand, through a scratch register if need be.
pub(crate) fn constant_operand(value: u32, scratch: Gpr, emit: &mut impl FnMut(u32)) -> Operand2 {
    Operand2::constant(value).unwrap_or_else(|| {
        constant(scratch, value, emit);
        scratch.into()
    })
}
