//! Bodies of native functions on x86-64.

use super::X64;
use super::asm::{Assembler, Width::W64};
use super::regs::{Gpr::*, RESULT, THR};
use super::stubs::push_argument;
use crate::architecture::{
    Architecture, NativeBodies, frame_word, heap_field, tail_argument, tail_stack_bytes, thread,
};
use crate::code::{Error, NativeFunction, RawCode, StackMap};
use crate::contract::Contract;

/// The frame's words, counted from the frame pointer down.
const SAVED_RBX: i32 = 1;
const RESULT_SLOT: i32 = 2;
const FIRST_ARG: i32 = 3;

impl NativeBodies for X64 {
    /// The frame holds the caller's rbx (raw), the result slot and the arguments, at descending addresses. The call of the
    /// trampoline is the exact sequence that `CodePatcher::PatchNativeCallAt` (runtime/vm/code_patcher_x64.cc)
    /// decodes backwards from the return address when the function is first called: two loads from the object pool in
    /// r15 and a call through the Code object's entry point. The engine then stores the C function and the right
    /// trampoline stub to the two pool slots.
    ///
    /// The trampoline gets the thread in rdi and returns it in r15, see `exit_frame` in the stubs.
    fn native_body(native: &NativeFunction, c: &Contract) -> Result<(RawCode, StackMap), Error> {
        let params = native.parameter_words();
        let too_many = || Error::TooManyParameters(params);
        let argc_tag = c.argc_tag(native).ok_or_else(too_many)?;
        // `ret` can pop so much.
        u16::try_from(tail_stack_bytes::<Self>(params)).map_err(|_| too_many())?;

        let mut asm = Assembler::new();
        let a = &mut asm;
        Self::enter_frame(a);
        a.push_r(Rbx);
        a.push_i(0);
        (0..params as usize).for_each(|index| push_argument(a, tail_argument::<Self>(index)));
        a.mov_rr(W64, Rdi, THR);
        a.mov_ri(R10, argc_tag);
        a.lea(Rax, frame_word(FIRST_ARG));
        a.load(W64, R15, thread(c.layout.thread.global_object_pool));
        a.load_pool_slot(Rbx, R15, native.function_slot);
        a.load_pool_slot(R11, R15, native.trampoline_slot);
        a.call_m(heap_field(R11, c.layout.code.entry_point));
        let return_offset = a.offset();
        a.load(W64, RESULT, frame_word(RESULT_SLOT));
        a.load(W64, Rbx, frame_word(SAVED_RBX));
        Self::leave_frame_and_return(a, params);

        let mut tagged = vec![true; (FIRST_ARG - 1) as usize + params as usize];
        tagged[SAVED_RBX as usize - 1] = false;
        Ok((asm.finish(), StackMap { return_offset, tagged }))
    }
}
