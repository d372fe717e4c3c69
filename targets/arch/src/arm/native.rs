//! Bodies of native functions on 32-bit ARM.

use super::Arm;
use super::asm::{Assembler, constant};
use super::regs::{Gpr, RESULT};
use super::stubs::{WORD, push_argument, push_constant};
use crate::architecture::{Architecture, NativeBodies, frame_word, heap_field, tail_argument, thread};
use crate::code::{Error, NativeFunction, RawCode, StackMap};
use crate::contract::Contract;
use snapcrane_armv7::encode::DataOp;

/// The frame's words, counted from the frame pointer down.
const RESULT_SLOT: i32 = 1;
const FIRST_ARG: i32 = 2;

/// The register that holds the object pool where the engine decodes code (`PP`, runtime/vm/constants_arm.h).
const POOL: Gpr = Gpr::R5;

impl NativeBodies for Arm {
    /// The frame holds the result slot and the arguments, at descending addresses. The call of the trampoline is the
    /// sequence that `NativeCallPattern` (runtime/vm/instructions_arm.cc) decodes backwards from the return address when
    /// the function is first called: the two loads from the object pool in r5, each in the form whose offset is built by
    /// `movw` and `movt`, and a call through lr. The engine then stores the C function and the right trampoline stub to
    /// the two pool slots.
    ///
    /// The trampoline's contract is that of `exit_frame` in the stubs.
    fn native_body(native: &NativeFunction, c: &Contract) -> Result<(RawCode, StackMap), Error> {
        let params = native.parameter_words();
        let too_many = || Error::TooManyParameters(params);
        let argc_tag = c.argc_tag(native).and_then(|tag| u32::try_from(tag).ok()).ok_or_else(too_many)?;
        // Stack arguments are read at constant offsets.
        if params >= 1 << 10 {
            return Err(too_many());
        }

        let mut asm = Assembler::new();
        let a = &mut asm;
        Self::enter_frame(a);
        push_constant(a, 0);
        (0..params as usize).for_each(|index| push_argument(a, tail_argument::<Self>(index)));
        a.mov_constant(Gpr::R1, argc_tag);
        a.alu(DataOp::Sub, Gpr::R2, Gpr::FP, constant((FIRST_ARG * WORD) as u32));
        a.load(POOL, thread(c.layout.thread.global_object_pool));
        a.load_pool_slot(Gpr::R9, POOL, native.function_slot);
        a.load_pool_slot(Gpr::LR, POOL, native.trampoline_slot);
        a.load(Gpr::LR, heap_field(Gpr::LR, c.layout.code.entry_point));
        a.blx(Gpr::LR);
        let return_offset = a.offset();
        a.load(RESULT, frame_word(RESULT_SLOT));
        Self::leave_frame_and_return(a, params);

        let tagged = vec![true; (FIRST_ARG - 1) as usize + params as usize];
        Ok((asm.finish(), StackMap { return_offset, tagged }))
    }
}
