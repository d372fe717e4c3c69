//! The stubs of x86-64: the parts that are its own, see [`crate::architecture`] for what they do.
//!
//! Cranelift's `Tail` convention has arguments in rdi, rsi, rdx, rcx, r8 and r9, then on the stack in an area that is a multiple
//! of 16 bytes and popped by the callee; result in rax; rbx and r12 to r14 preserved. `PreserveAll` has the
//! same argument registers, and preserves every register. In all Dart code r15 is the `Thread*` and rbp
//! the frame pointer.

use super::X64;
use super::asm::{Alu, Assembler, BitOp, Cond, Label, LabelField, Mem, Shift, Width::*};
use super::regs::{C_CALLEE_SAVED, C_CALLER_SAVED, Gpr, Gpr::*, INT_ARGS, RESULT, THR, XMM_COUNT, Xmm};
use crate::architecture::{
    Architecture, Argument, Block, NativeArgumentsPassing, Operand, RuntimeTarget, field, frame_word,
    heap_field, stack_argument, tail_stack_bytes, thread,
};
use crate::code::StubRef;
use crate::contract::Contract;
use snapcrane_engines::{HEAP_OBJECT_TAG, SMI_TAG_SIZE};

impl Operand for Mem {
    type Gpr = Gpr;
    const THREAD: Gpr = THR;
    const FRAME_POINTER: Gpr = Rbp;
    const WORD: i32 = 8;

    fn at(base: Gpr, disp: i32) -> Mem {
        Mem::new(base, disp)
    }
}

/// Bytes per word.
const WORD: i32 = Mem::WORD;

pub(super) fn push_argument(a: &mut Assembler, arg: Argument<Gpr>) {
    match arg {
        Argument::Reg(reg) => a.push_r(reg),
        Argument::Stack(index) => a.push_m(stack_argument(index)),
        Argument::Smi(value) => a.push_i(i32::from(value) << SMI_TAG_SIZE),
    }
}

fn leave_frame(asm: &mut Assembler) {
    asm.mov_rr(W64, Rsp, Rbp);
    asm.pop_r(Rbp);
}

impl Architecture for X64 {
    type Reference = LabelField;
    type Mem = Mem;

    const ALIGNMENT: u32 = 16;
    const TAIL_ARGS: &'static [Gpr] = &INT_ARGS;
    const PRESERVE_ALL_ARGS: [Gpr; 3] = [Rdi, Rsi, Rdx];

    fn invoke_dart_code(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let saved_state = [thr.vm_tag, thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info];
        let words_above_link = C_CALLEE_SAVED.len() as i32 + saved_state.len() as i32;
        let reserved = -c.exit_link_slot - words_above_link;

        Self::enter_frame(a);
        for _ in 0..reserved {
            a.push_i(0);
        }
        for reg in C_CALLEE_SAVED {
            a.push_r(reg);
        }
        a.mov_rr(W64, THR, Rcx);
        for state in saved_state {
            a.push_m(thread(state));
        }
        // The return address and the saved rbp make 16 bytes, so an odd number of words needs a tagged padding word.
        if c.exit_link_slot % 2 != 0 {
            a.push_i(0);
        }
        a.store_i(W64, thread(thr.top_resource), 0);
        a.store_i(W64, thread(thr.exit_through_ffi), 0);
        a.store_i(W64, thread(thr.top_exit_frame_info), 0);
        a.store_i(W64, thread(thr.vm_tag), c.dart_vm_tag());

        a.mov_rr(W64, Rax, Rdi);
        a.mov_rr(W64, Rdi, Rsi);
        a.lea(Rsi, heap_field(Rdx, c.layout.array.data));
        a.call_r(Rax);

        a.load(W64, Rcx, thread(thr.object_null));
        a.store(W64, thread(thr.active_exception), Rcx);
        a.store(W64, thread(thr.active_stacktrace), Rcx);
        let first_state_word = reserved + C_CALLEE_SAVED.len() as i32 + 1;
        for (word, state) in (first_state_word..).zip(saved_state) {
            a.load(W64, Rcx, frame_word(word));
            a.store(W64, thread(state), Rcx);
        }
        for (word, reg) in (reserved + 1..).zip(C_CALLEE_SAVED) {
            a.load(W64, reg, frame_word(word));
        }
        Self::leave_frame_and_return(a, 0);
    }

    fn jump_to_frame(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        a.mov_rr(W64, THR, Rcx);
        a.mov_rr(W64, Rbp, Rdx);
        a.mov_rr(W64, Rsp, Rsi);
        a.store_i(W64, thread(thr.vm_tag), c.dart_vm_tag());
        a.store_i(W64, thread(thr.exit_through_ffi), 0);
        a.store_i(W64, thread(thr.top_exit_frame_info), 0);
        a.jmp_r(Rdi);
    }

    /// The stack trace is in rdx.
    fn run_exception_handler(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        a.load(W64, RESULT, thread(thr.active_exception));
        a.load(W64, Rdx, thread(thr.active_stacktrace));
        a.jmp_m(thread(thr.resume_pc));
    }

    fn run_exception_handler_unbox(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let (boxed, done) = (a.label(), a.label());
        a.load(W64, RESULT, thread(thr.active_exception));
        a.load(W64, Rcx, thread(thr.object_null));
        a.store(W64, thread(thr.active_exception), Rcx);
        a.store(W64, thread(thr.active_stacktrace), Rcx);
        a.test_ri(RESULT, HEAP_OBJECT_TAG as u32);
        a.jcc(Cond::NotEqual, boxed);
        a.shift_ri(Shift::Sar, W64, RESULT, SMI_TAG_SIZE as u8);
        a.jmp_label(done);
        a.bind(boxed);
        a.load(W64, RESULT, heap_field(RESULT, c.layout.mint.value));
        a.bind(done);
        a.jmp_m(thread(thr.resume_pc));
    }

    /// In, of a runtime entry: rax = the entry's address, r10 = argument count, r11 = address of argument 0.
    /// In, of a native function: rbx = the C function, r10 = `argc_tag`, rax = address of argument 0, rdi = `Thread*`:
    /// the caller's r15 holds the object pool, as the engine demands at such a call.
    /// Out: r15 = `Thread*`.
    fn exit_frame(a: &mut Assembler, c: &Contract, passing: NativeArgumentsPassing) {
        let thr = &c.layout.thread;
        let args = &c.layout.native_arguments;
        let (target, argv) = match passing {
            NativeArgumentsPassing::ByValue => (Rax, R11),
            NativeArgumentsPassing::ByAddress { .. } => {
                a.mov_rr(W64, THR, Rdi);
                (Rbx, Rax)
            }
        };
        a.store(W64, thread(thr.top_exit_frame_info), Rbp);
        a.store_i(W64, thread(thr.exit_through_ffi), c.exit_through_runtime_call());
        a.store(W64, thread(thr.vm_tag), target);
        a.alu_ri(Alu::Sub, W64, Rsp, args.struct_size);
        a.alu_ri(Alu::And, W64, Rsp, -16);
        a.store(W64, field(Rsp, args.thread), THR);
        a.store(W64, field(Rsp, args.argc_tag), R10);
        a.store(W64, field(Rsp, args.argv), argv);
        a.alu_ri(Alu::Add, W64, argv, WORD);
        a.store(W64, field(Rsp, args.retval), argv);
        match passing {
            NativeArgumentsPassing::ByValue => a.call_r(target),
            NativeArgumentsPassing::ByAddress { wrapper } => {
                a.mov_rr(W64, Rdi, Rsp);
                a.mov_rr(W64, Rsi, target);
                a.call_m(thread(wrapper));
            }
        }
        a.store_i(W64, thread(thr.vm_tag), c.dart_vm_tag());
        a.store_i(W64, thread(thr.exit_through_ffi), 0);
        a.store_i(W64, thread(thr.top_exit_frame_info), 0);
        Self::leave_frame_and_return(a, 0);
    }

    fn trap(a: &mut Assembler) {
        a.ud2();
        a.int3();
        a.int3();
    }

    fn undefined(a: &mut Assembler) {
        a.ud2();
    }

    fn jump(a: &mut Assembler, label: Label) {
        a.jmp_label(label);
    }

    fn enter_frame(a: &mut Assembler) {
        a.push_r(Rbp);
        a.mov_rr(W64, Rbp, Rsp);
    }

    fn leave_frame_and_return(a: &mut Assembler, int_params: u32) {
        leave_frame(a);
        a.ret_pop(tail_stack_bytes::<X64>(int_params) as u16);
    }

    fn call_runtime(a: &mut Assembler, c: &Contract, target: RuntimeTarget<Gpr>, args: &[Argument<Gpr>]) {
        Self::enter_frame(a);
        a.push_i(0);
        args.iter().for_each(|&arg| push_argument(a, arg));
        match target {
            RuntimeTarget::Field(offset) => a.load(W64, Rax, thread(offset)),
            RuntimeTarget::Address(reg) => a.mov_rr(W64, Rax, reg),
        }
        a.mov_ri(R10, args.len() as i64);
        a.lea(R11, frame_word(2));
        a.call_stub(StubRef::Listed(c.engine.stub.call_to_runtime));
    }

    fn load_result(a: &mut Assembler) {
        a.load(W64, RESULT, frame_word(1));
    }

    fn save_volatile_registers(a: &mut Assembler) {
        for reg in C_CALLER_SAVED {
            a.push_r(reg);
        }
        a.alu_ri(Alu::Sub, W64, Rsp, i32::from(XMM_COUNT) * 16);
        a.alu_ri(Alu::And, W64, Rsp, -16);
        for xmm in 0..XMM_COUNT {
            a.movups_store(field(Rsp, i32::from(xmm) * 16), Xmm(xmm));
        }
    }

    fn restore_volatile_registers(a: &mut Assembler) {
        for xmm in 0..XMM_COUNT {
            a.movups_load(Xmm(xmm), field(Rsp, i32::from(xmm) * 16));
        }
        a.lea(Rsp, frame_word(C_CALLER_SAVED.len() as i32));
        for reg in C_CALLER_SAVED.into_iter().rev() {
            a.pop_r(reg);
        }
    }

    fn call_leaf_without_arguments(a: &mut Assembler, entry: i32) {
        a.call_m(thread(entry));
    }

    /// The address is in rax.
    fn call_part_for_leaf(a: &mut Assembler, entry: i32, part: Label) {
        a.load(W64, Rax, thread(entry));
        a.call_label(part);
    }

    fn call_leaf_with_thread(a: &mut Assembler) {
        a.mov_rr(W64, Rdi, THR);
        a.call_r(Rax);
    }

    fn enter_barrier(a: &mut Assembler) {
        a.push_r(Rax);
        a.push_r(Rcx);
    }

    fn leave_barrier(a: &mut Assembler) {
        a.pop_r(Rcx);
        a.pop_r(Rax);
        a.ret();
    }

    fn branch_unless_marking(a: &mut Assembler, c: &Contract, value: Gpr, otherwise: Label) {
        a.load(W32, Rax, heap_field(value, c.layout.object.tags));
        a.alu_rm(Alu::And, W32, Rax, thread(c.layout.thread.write_barrier_mask));
        a.test_ri(Rax, c.layout.untagged_object.incremental_barrier_mask as u32);
        a.jcc(Cond::Equal, otherwise);
    }

    fn branch_if_new(a: &mut Assembler, c: &Contract, object: Gpr, label: Label) {
        a.test_ri(object, c.new_object_bit());
        a.jcc(Cond::NotEqual, label);
    }

    fn branch_unless_remembering(
        a: &mut Assembler,
        c: &Contract,
        object: Gpr,
        value: Gpr,
        otherwise: Label,
        has_cards: Option<Label>,
    ) {
        let (tags, bits) = (c.layout.object.tags, &c.layout.untagged_object);
        a.load(W32, Rax, heap_field(object, tags));
        a.shift_ri(Shift::Shr, W32, Rax, bits.barrier_overlap_shift as u8);
        a.alu_rm(Alu::And, W32, Rax, heap_field(value, tags));
        a.test_ri(Rax, bits.generational_barrier_mask as u32);
        a.jcc(Cond::Equal, otherwise);
        if let Some(has_cards) = has_cards {
            a.test_mi(heap_field(object, tags), 1 << bits.card_remembered_bit);
            a.jcc(Cond::NotEqual, has_cards);
        }
    }

    fn clear_header_bit(a: &mut Assembler, c: &Contract, object: Gpr, bit: i32, was_clear: Label) {
        a.lock_bit_mi(BitOp::Reset, heap_field(object, c.layout.object.tags), bit as u8);
        a.jcc(Cond::AboveEqual, was_clear);
    }

    fn push_to_block(a: &mut Assembler, block: Block, entry: Gpr, full: Label) {
        a.load(W64, Rax, thread(block.thread_field));
        a.load(W32, Rcx, field(Rax, block.top));
        a.store(W64, Mem::indexed(Rax, Rcx, block.pointers), entry);
        a.alu_ri(Alu::Add, W32, Rcx, 1);
        a.store(W32, field(Rax, block.top), Rcx);
        a.alu_ri(Alu::Cmp, W32, Rcx, block.size);
        a.jcc(Cond::Equal, full);
    }

    fn mark_card(a: &mut Assembler, c: &Contract, object: Gpr, slot: Gpr) {
        // The page starts at the object's address rounded down; rcx becomes the card's number, then its bit.
        a.push_r(slot);
        a.mov_rr(W64, Rax, object);
        a.alu_ri(Alu::And, W64, Rax, c.page_mask());
        a.mov_rr(W64, Rcx, slot);
        a.alu_rr(Alu::Sub, W64, Rcx, Rax);
        a.shift_ri(Shift::Shr, W64, Rcx, c.layout.page.bytes_per_card_log2 as u8);
        a.load(W64, Rax, field(Rax, c.layout.page.card_table));
        a.mov_rr(W64, slot, Rcx);
        a.shift_ri(Shift::Shr, W64, slot, 6);
        a.lea(Rax, Mem::indexed(Rax, slot, 0));
        a.mov_ri(slot, 1);
        a.shift_cl(Shift::Shl, W64, slot);
        a.lock_alu_mr(Alu::Or, W64, field(Rax, 0), slot);
        a.pop_r(slot);
    }
}
