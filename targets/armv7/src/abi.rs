//! Where arguments and results are.
//!
//! # `CallConv::Tail`
//!
//! The convention of all Dart code, which the engine never looks at. Integers take the next of `r0` to `r3`, floats the next of `d0` to `d7`;
//! what does not fit takes the next words of the stack, without gaps. An `i64` takes two registers; if only one is left it goes to
//! the stack, and so does every later integer. Nothing but SP, FP and the thread survives a call.
//!
//! # Everything else
//!
//! The procedure call standard of the architecture with floats in registers (AAPCS-VFP): an `i64` takes an even register and the one
//! after it, or 8-aligned stack. Floats that the standard would put in the upper half of a double register are not supported.
//!
//! Results are in the registers of the first arguments of their kind, in both.

use cranelift_codegen::ir::{AbiParam, ArgumentPurpose, types};
use cranelift_codegen::isa::CallConv;

use crate::inst::Reg;
use crate::regs::{Dpr, Gpr};

/// Where an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a register of either kind.
    Reg(Reg),
    /// In two, low half first.
    Pair(Reg, Reg),
    /// In the area of stack arguments, at this offset.
    Stack(i32),
}

/// Core registers that hold arguments.
const CORE: u8 = 4;
/// Double registers that hold arguments.
const FLOAT: u8 = 8;

/// Gives out places.
#[derive(Debug)]
pub(crate) struct Places {
    aligned: bool,
    core: u8,
    /// Of singles: bit `n` is `s(n)`.
    floats: u32,
    floats_on_stack: bool,
    stack: i32,
}

impl Places {
    /// At the first argument.
    pub(crate) fn new(conv: CallConv) -> Places {
        Places { aligned: conv != CallConv::Tail, core: 0, floats: 0, floats_on_stack: false, stack: 0 }
    }

    /// Place of the next argument. The error says what is impossible.
    pub(crate) fn next(&mut self, param: &AbiParam) -> Result<Place, String> {
        if param.purpose != ArgumentPurpose::Normal {
            return Err(format!("{} argument", param.purpose));
        }
        Ok(match param.value_type {
            types::I8 | types::I16 | types::I32 => {
                if self.core < CORE {
                    self.core += 1;
                    Place::Reg(Reg::gpr(Gpr(self.core - 1)))
                } else {
                    self.stack(4)
                }
            }
            types::I64 => {
                if self.aligned {
                    self.core = self.core.next_multiple_of(2);
                }
                if self.core + 2 <= CORE {
                    self.core += 2;
                    Place::Pair(Reg::gpr(Gpr(self.core - 2)), Reg::gpr(Gpr(self.core - 1)))
                } else {
                    self.core = CORE;
                    self.stack(8)
                }
            }
            types::F32 if self.aligned => match self.free_floats(1) {
                Some(single) if single % 2 == 0 => Place::Reg(Reg::dpr(Dpr(single / 2))),
                Some(_) => return Err("f32 argument in the upper half of a register".to_string()),
                None => self.stack(4),
            },
            ty @ (types::F32 | types::F64) => match self.free_floats(2) {
                Some(single) => Place::Reg(Reg::dpr(Dpr(single / 2))),
                None => self.stack(ty.bytes() as i32),
            },
            ty => return Err(format!("{ty} argument")),
        })
    }

    /// Takes the first free single register, or pair of such. After the first float on the stack, none is free.
    fn free_floats(&mut self, count: usize) -> Option<u8> {
        let mask = (1 << count) - 1;
        let found = (0..2 * FLOAT).step_by(count).find(|&single| self.floats & (mask << single) == 0);
        match found {
            Some(single) if !self.floats_on_stack => {
                self.floats |= mask << single;
                Some(single)
            }
            _ => {
                self.floats_on_stack = true;
                None
            }
        }
    }

    fn stack(&mut self, bytes: i32) -> Place {
        if self.aligned {
            self.stack = (self.stack as u32).next_multiple_of(bytes as u32) as i32;
        }
        self.stack += bytes;
        Place::Stack(self.stack - bytes)
    }

    /// Bytes of stack so far.
    pub(crate) fn stack_bytes(&self) -> i32 {
        self.stack
    }
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::ir::Type;
    use cranelift_codegen::ir::types::{F32, F64, I8, I32, I64};

    use super::*;

    fn places(conv: CallConv, types: &[Type]) -> String {
        let mut places = Places::new(conv);
        let shown: Vec<String> = types
            .iter()
            .map(|&ty| match places.next(&AbiParam::new(ty)) {
                Ok(Place::Reg(reg)) => reg.to_string(),
                Ok(Place::Pair(lo, hi)) => format!("{lo}:{hi}"),
                Ok(Place::Stack(offset)) => format!("+{offset}"),
                Err(message) => message,
            })
            .collect();
        shown.join(" ")
    }

    #[test]
    fn tail_arguments_have_no_gaps() {
        assert_eq!(places(CallConv::Tail, &[I8, I64, I32, I32, I64]), "r0 r1:r2 r3 +0 +4");
        assert_eq!(places(CallConv::Tail, &[I32, I32, I32, I64, I32]), "r0 r1 r2 +0 +8");
        assert_eq!(places(CallConv::Tail, &[F32, F64, I32, F64]), "d0 d1 r0 d2");
        assert_eq!(places(CallConv::Tail, &[F64; 10]), "d0 d1 d2 d3 d4 d5 d6 d7 +0 +8");
    }

    #[test]
    fn c_arguments_are_aligned() {
        assert_eq!(places(CallConv::SystemV, &[I32, I64, I32, I32, I64]), "r0 r2:r3 +0 +4 +8");
        assert_eq!(places(CallConv::SystemV, &[I32, I32, I32, I64, I32, I64]), "r0 r1 r2 +0 +8 +16");
        assert_eq!(places(CallConv::SystemV, &[F32, F64, F64]), "d0 d1 d2");
        assert_eq!(places(CallConv::SystemV, &[F32, F32]), "d0 f32 argument in the upper half of a register");
    }
}
