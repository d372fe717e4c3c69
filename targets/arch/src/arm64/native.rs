//! Bodies of native functions on AArch64.

use super::Arm64;
use super::asm::{Assembler, Width::W64};
use super::regs::{Gpr::*, POOL, RESULT};
use super::stubs::{frame_word_address, reserve_frame, store_argument};
use crate::architecture::{Architecture, NativeBodies, frame_word, heap_field, tail_argument, thread};
use crate::code::{Error, NativeFunction, RawCode, StackMap};
use crate::contract::Contract;
use snapcrane_engines::HEAP_OBJECT_TAG;

/// The frame's words, counted from the frame pointer down.
const SAVED_POOL: i32 = 1;
const RESULT_SLOT: i32 = 2;
const FIRST_ARG: i32 = 3;

/// The largest frame, in words, all of whose words the template's loads and stores reach.
const MAX_FRAME_WORDS: u32 = 32;

impl NativeBodies for Arm64 {
    /// The frame holds the caller's x27 (raw), the result slot and the arguments, at descending addresses. The call of the
    /// trampoline is a sequence that `CodePatcher::PatchNativeCallAt` (runtime/vm/code_patcher_arm64.cc)
    /// decodes backwards from the return address when the function is first called: two loads from the object pool in
    /// x27 and a call through the Code object's entry point. The engine then stores the C function and the right
    /// trampoline stub to the two pool slots. Of the forms that it knows for such loads, the one used here takes any offset.
    ///
    /// The trampoline's other inputs are described at `exit_frame` in the stubs.
    fn native_body(native: &NativeFunction, c: &Contract) -> Result<(RawCode, StackMap), Error> {
        let params = native.parameter_words();
        let too_many = || Error::TooManyParameters(params);
        let words = (params.checked_add(FIRST_ARG as u32 - 1).ok_or_else(too_many)?).next_multiple_of(2);
        if words > MAX_FRAME_WORDS {
            return Err(too_many());
        }
        let argc_tag = c.argc_tag(native).ok_or_else(too_many)?;

        let mut asm = Assembler::new();
        let a = &mut asm;
        Self::enter_frame(a);
        reserve_frame(a, words);
        a.store(W64, frame_word(SAVED_POOL), POOL);
        a.store(W64, frame_word(RESULT_SLOT), Zr);
        for (index, word) in (0..params as usize).zip(FIRST_ARG..) {
            store_argument(a, word, tail_argument::<Self>(index));
        }
        if words > params + FIRST_ARG as u32 - 1 {
            a.store(W64, frame_word(words as i32), Zr);
        }
        a.mov_ri(X10, argc_tag);
        frame_word_address(a, X11, FIRST_ARG);
        a.load(W64, POOL, thread(c.layout.thread.global_object_pool));
        a.arith_ri(super::asm::Arith::Sub, W64, POOL, POOL, HEAP_OBJECT_TAG as u32);
        a.load_pool_slot(X5, POOL, native.function_slot);
        a.load_pool_slot(Lr, POOL, native.trampoline_slot);
        a.load(W64, Lr, heap_field(Lr, c.layout.code.entry_point));
        a.call_r(Lr);
        let return_offset = a.offset();
        a.load(W64, RESULT, frame_word(RESULT_SLOT));
        a.load(W64, POOL, frame_word(SAVED_POOL));
        Self::leave_frame_and_return(a, params);

        let mut tagged = vec![true; words as usize];
        tagged[SAVED_POOL as usize - 1] = false;
        Ok((asm.finish(), StackMap { return_offset, tagged }))
    }
}
