//! Bodies of native functions on x86-64.

use super::asm::{Assembler, Width::W64};
use super::regs::{Gpr::*, INT_ARGS, RESULT, THR};
use super::stubs::{
    FIRST_STACK_ARG, WORD, enter_frame, field, frame_word, heap_field, leave_frame, tail_stack_bytes, thread,
};
use crate::code::{Error, NativeFunction, RawCode, StackMap};
use crate::contract::Contract;

/// The frame's words, counted from the frame pointer down.
const SAVED_RBX: i32 = 1;
const RESULT_SLOT: i32 = 2;
const FIRST_ARG: i32 = 3;

/// The body of a native function: `Tail` convention, all parameters and the result tagged.
///
/// The frame holds the caller's rbx (raw), the result slot and the arguments, at descending addresses. The call of the
/// trampoline is the exact sequence that `CodePatcher::PatchNativeCallAt` (runtime/vm/code_patcher_x64.cc)
/// decodes backwards from the return address when the function is first called: two loads from the object pool in
/// r15 and a call through the Code object's entry point. The engine then stores the C function and the right
/// trampoline stub to the two pool slots.
///
/// The trampoline gets the thread in rdi and returns it in r15, see `call_native` in the stubs.
pub(super) fn native_body(native: &NativeFunction, c: &Contract) -> Result<(RawCode, StackMap), Error> {
    let params = native.parameter_words();
    let too_many = || Error::TooManyParameters(params);
    let popped = u16::try_from(tail_stack_bytes(params)).map_err(|_| too_many())?;
    let argc_tag = c.argc_tag(native).ok_or_else(too_many)?;

    let mut asm = Assembler::new();
    let a = &mut asm;
    enter_frame(a);
    a.push_r(Rbx);
    a.push_i(0);
    for index in 0..params as usize {
        match INT_ARGS.get(index) {
            Some(&reg) => a.push_r(reg),
            None => {
                let stack_arg = (index - INT_ARGS.len()) as i32;
                a.push_m(field(Rbp, FIRST_STACK_ARG + stack_arg * WORD));
            }
        }
    }
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
    leave_frame(a);
    a.ret_pop(popped);

    let mut tagged = vec![true; (FIRST_ARG - 1) as usize + params as usize];
    tagged[SAVED_RBX as usize - 1] = false;
    Ok((asm.finish(), StackMap { return_offset, tagged }))
}
