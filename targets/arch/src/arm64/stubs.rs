//! The stubs of AArch64: the parts that are its own, see [`crate::architecture`] for what they do.
//!
//! Cranelift's `Tail` convention has arguments in x2 to x7, then on the stack in an area that is a multiple
//! of 16 bytes and popped by the callee; result in x2; x19 to x28 and the lower halves of v8 to v15 preserved.
//! `PreserveAll` has arguments from x0 on, and preserves every register but x16 and x17. In all Dart code x21 is the
//! `Thread*` and x29 the frame pointer. The stack pointer is always a multiple of 16, so frames have an even number of words.

use super::Arm64;
use super::asm::{Arith, Assembler, BranchField, Cond, Label, Logic, Mem, Shift, Update, Width::*};
use super::regs::{
    C_ARGS, C_CALLEE_SAVED, C_CALLEE_SAVED_FPR, C_CALLER_SAVED, C_RESULT, FPR_COUNT, Fpr, Gpr, Gpr::*,
    INT_ARGS, RESULT, THR,
};
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
    const FRAME_POINTER: Gpr = Fp;
    const WORD: i32 = 8;

    fn at(base: Gpr, disp: i32) -> Mem {
        Mem::new(base, disp)
    }
}

/// Bytes per word.
const WORD: i32 = Mem::WORD;

/// Sets `dst` to the address of a [`frame_word`].
pub(super) fn frame_word_address(asm: &mut Assembler, dst: Gpr, index: i32) {
    asm.arith_ri(Arith::Sub, W64, dst, Fp, (index * WORD) as u32);
}

/// Makes room for an even number of words below the frame pointer.
pub(super) fn reserve_frame(asm: &mut Assembler, words: u32) {
    assert!(words.is_multiple_of(2), "the stack stays aligned");
    asm.arith_ri(Arith::Sub, W64, Sp, Sp, words * WORD as u32);
}

fn leave_frame(asm: &mut Assembler) {
    asm.mov_rr(Sp, Fp);
    asm.load_pair(Fp, Lr, field(Sp, 16), Update::After);
}

/// Stores an argument to a word of the frame; overwrites x16.
pub(super) fn store_argument(a: &mut Assembler, word: i32, arg: Argument<Gpr>) {
    let reg = match arg {
        Argument::Reg(reg) => reg,
        Argument::Stack(index) => {
            a.load(W64, X16, stack_argument(index));
            X16
        }
        Argument::Smi(0) => Zr,
        Argument::Smi(value) => {
            a.mov_ri(X16, i64::from(value) << SMI_TAG_SIZE);
            X16
        }
    };
    a.store(W64, frame_word(word), reg);
}

impl Architecture for Arm64 {
    type Reference = BranchField;
    type Mem = Mem;

    const ALIGNMENT: u32 = 16;
    const TAIL_ARGS: &'static [Gpr] = &INT_ARGS;
    const PRESERVE_ALL_ARGS: [Gpr; 3] = [C_ARGS[0], C_ARGS[1], C_ARGS[2]];

    fn invoke_dart_code(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let saved_state = [thr.vm_tag, thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info];
        let words_above_link =
            (C_CALLEE_SAVED.len() + C_CALLEE_SAVED_FPR.len()) as i32 + saved_state.len() as i32;
        let reserved = -c.exit_link_slot - words_above_link;
        let frame_words = (-c.exit_link_slot).cast_unsigned().next_multiple_of(2);
        let first_gpr_word = reserved + 1;
        let first_fpr_word = first_gpr_word + C_CALLEE_SAVED.len() as i32;
        let first_state_word = first_fpr_word + C_CALLEE_SAVED_FPR.len() as i32;
        let [entry_point, args_desc, args, current_thread] = C_ARGS;

        Self::enter_frame(a);
        reserve_frame(a, frame_words);
        for word in 1..=reserved {
            a.store(W64, frame_word(word), Zr);
        }
        for (word, reg) in (first_gpr_word..).zip(C_CALLEE_SAVED) {
            a.store(W64, frame_word(word), reg);
        }
        for (word, reg) in (first_fpr_word..).zip(C_CALLEE_SAVED_FPR) {
            a.store_d(frame_word(word), reg);
        }
        a.mov_rr(THR, current_thread);
        for (word, state) in (first_state_word..).zip(saved_state) {
            a.load(W64, X16, thread(state));
            a.store(W64, frame_word(word), X16);
        }
        // What lies below the link is visited, so a word that only keeps the stack aligned is tagged.
        if frame_words > (-c.exit_link_slot).cast_unsigned() {
            a.store(W64, frame_word(frame_words.cast_signed()), Zr);
        }
        a.store(W64, thread(thr.top_resource), Zr);
        a.store(W64, thread(thr.exit_through_ffi), Zr);
        a.store(W64, thread(thr.top_exit_frame_info), Zr);
        set_dart_vm_tag(a, c);

        a.arith_ri(Arith::Add, W64, INT_ARGS[1], args, (c.layout.array.data - HEAP_OBJECT_TAG) as u32);
        a.mov_rr(INT_ARGS[0], args_desc);
        a.call_r(entry_point);

        a.load(W64, X16, thread(thr.object_null));
        a.store(W64, thread(thr.active_exception), X16);
        a.store(W64, thread(thr.active_stacktrace), X16);
        for (word, state) in (first_state_word..).zip(saved_state) {
            a.load(W64, X16, frame_word(word));
            a.store(W64, thread(state), X16);
        }
        for (word, reg) in (first_fpr_word..).zip(C_CALLEE_SAVED_FPR) {
            a.load_d(reg, frame_word(word));
        }
        for (word, reg) in (first_gpr_word..).zip(C_CALLEE_SAVED) {
            a.load(W64, reg, frame_word(word));
        }
        a.mov_rr(C_RESULT, RESULT);
        Self::leave_frame_and_return(a, 0);
    }

    fn jump_to_frame(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let [pc, sp, fp, current_thread] = C_ARGS;
        a.mov_rr(THR, current_thread);
        a.mov_rr(Fp, fp);
        a.mov_rr(Sp, sp);
        set_dart_vm_tag(a, c);
        a.store(W64, thread(thr.exit_through_ffi), Zr);
        a.store(W64, thread(thr.top_exit_frame_info), Zr);
        a.jmp_r(pc);
    }

    fn run_exception_handler(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        a.load(W64, RESULT, thread(thr.active_exception));
        a.load(W64, X16, thread(thr.resume_pc));
        a.jmp_r(X16);
    }

    fn run_exception_handler_unbox(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let (boxed, done) = (a.label(), a.label());
        a.load(W64, RESULT, thread(thr.active_exception));
        a.load(W64, X16, thread(thr.object_null));
        a.store(W64, thread(thr.active_exception), X16);
        a.store(W64, thread(thr.active_stacktrace), X16);
        a.jump_if_set(RESULT, HEAP_OBJECT_TAG.trailing_zeros(), boxed);
        a.shift_ri(Shift::Asr, W64, RESULT, RESULT, SMI_TAG_SIZE);
        a.jmp_label(done);
        a.bind(boxed);
        a.load(W64, RESULT, heap_field(RESULT, c.layout.mint.value));
        a.bind(done);
        a.load(W64, X16, thread(thr.resume_pc));
        a.jmp_r(X16);
    }

    /// In: x9 = the entry's address or x5 = the C function, x10 = argument count or `argc_tag`, x11 = address of argument 0.
    ///
    /// By value means, for a structure of this size, the address of a copy in x0.
    fn exit_frame(a: &mut Assembler, c: &Contract, passing: NativeArgumentsPassing) {
        let thr = &c.layout.thread;
        let args = &c.layout.native_arguments;
        let target = match passing {
            NativeArgumentsPassing::ByValue => X9,
            NativeArgumentsPassing::ByAddress { .. } => X5,
        };
        a.store(W64, thread(thr.top_exit_frame_info), Fp);
        a.mov_ri(X16, i64::from(c.exit_through_runtime_call()));
        a.store(W64, thread(thr.exit_through_ffi), X16);
        a.store(W64, thread(thr.vm_tag), target);
        reserve_frame(a, args.struct_size.cast_unsigned().next_multiple_of(16) / WORD as u32);
        a.store(W64, field(Sp, args.thread), THR);
        a.store(W64, field(Sp, args.argc_tag), X10);
        a.store(W64, field(Sp, args.argv), X11);
        a.arith_ri(Arith::Add, W64, X11, X11, WORD as u32);
        a.store(W64, field(Sp, args.retval), X11);
        a.mov_rr(C_ARGS[0], Sp);
        match passing {
            NativeArgumentsPassing::ByValue => a.call_r(target),
            NativeArgumentsPassing::ByAddress { wrapper } => {
                a.mov_rr(C_ARGS[1], target);
                a.load(W64, X16, thread(wrapper));
                a.call_r(X16);
            }
        }
        set_dart_vm_tag(a, c);
        a.store(W64, thread(thr.exit_through_ffi), Zr);
        a.store(W64, thread(thr.top_exit_frame_info), Zr);
        Self::leave_frame_and_return(a, 0);
    }

    fn trap(a: &mut Assembler) {
        a.brk();
    }

    fn jump(a: &mut Assembler, label: Label) {
        a.jmp_label(label);
    }

    fn enter_frame(a: &mut Assembler) {
        a.store_pair(field(Sp, -16), Update::Before, Fp, Lr);
        a.mov_rr(Fp, Sp);
    }

    fn leave_frame_and_return(a: &mut Assembler, int_params: u32) {
        leave_frame(a);
        a.ret_pop(tail_stack_bytes::<Arm64>(int_params));
    }

    fn call_runtime(a: &mut Assembler, c: &Contract, target: RuntimeTarget<Gpr>, args: &[Argument<Gpr>]) {
        let used_words = 1 + args.len() as u32;
        let words = used_words.next_multiple_of(2);
        Self::enter_frame(a);
        reserve_frame(a, words);
        a.store(W64, frame_word(1), Zr);
        (2..).zip(args).for_each(|(word, &arg)| store_argument(a, word, arg));
        if words > used_words {
            a.store(W64, frame_word(words.cast_signed()), Zr);
        }
        match target {
            RuntimeTarget::Field(offset) => a.load(W64, X9, thread(offset)),
            RuntimeTarget::Address(reg) => a.mov_rr(X9, reg),
        }
        a.mov_ri(X10, args.len() as i64);
        frame_word_address(a, X11, 2);
        a.call_stub(StubRef::Listed(c.engine.stub.call_to_runtime));
    }

    fn load_result(a: &mut Assembler) {
        a.load(W64, RESULT, frame_word(1));
    }

    fn save_volatile_registers(a: &mut Assembler) {
        let (vectors, general) = volatile_pairs();
        reserve_frame(a, C_CALLER_SAVED.len() as u32);
        for (first, second, mem) in general {
            a.store_pair(mem, Update::None, first, second);
        }
        reserve_frame(a, u32::from(FPR_COUNT) * 2);
        for (first, second, mem) in vectors {
            a.store_q_pair(mem, Update::None, first, second);
        }
    }

    fn restore_volatile_registers(a: &mut Assembler) {
        let (vectors, general) = volatile_pairs();
        for (first, second, mem) in vectors {
            a.load_q_pair(first, second, mem, Update::None);
        }
        a.arith_ri(Arith::Add, W64, Sp, Sp, u32::from(FPR_COUNT) * 16);
        for (first, second, mem) in general {
            a.load_pair(first, second, mem, Update::None);
        }
    }

    fn call_leaf_without_arguments(a: &mut Assembler, entry: i32) {
        a.load(W64, X16, thread(entry));
        a.call_r(X16);
    }

    /// The address is in x16.
    fn call_part_for_leaf(a: &mut Assembler, entry: i32, part: Label) {
        Self::enter_frame(a);
        a.load(W64, X16, thread(entry));
        a.call_label(part);
        leave_frame(a);
    }

    fn call_leaf_with_thread(a: &mut Assembler) {
        a.mov_rr(C_ARGS[0], THR);
        a.call_r(X16);
    }

    fn enter_barrier(a: &mut Assembler) {
        a.store_pair(field(Sp, -16), Update::Before, X3, X4);
    }

    fn leave_barrier(a: &mut Assembler) {
        a.load_pair(X3, X4, field(Sp, 16), Update::After);
        a.ret();
    }

    fn branch_unless_marking(a: &mut Assembler, c: &Contract, value: Gpr, otherwise: Label) {
        a.load(W32, X16, heap_field(value, c.layout.object.tags));
        a.load(W64, X17, thread(c.layout.thread.write_barrier_mask));
        a.logic_rr(Logic::And, W64, X16, X16, X17);
        a.tst_ri(W64, X16, c.layout.untagged_object.incremental_barrier_mask as u64);
        a.jcc(Cond::Equal, otherwise);
    }

    fn branch_if_new(a: &mut Assembler, c: &Contract, object: Gpr, label: Label) {
        a.jump_if_set(object, c.new_object_bit().trailing_zeros(), label);
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
        a.load(W32, X16, heap_field(object, tags));
        a.load(W32, X17, heap_field(value, tags));
        a.shift_ri(Shift::Lsr, W32, X3, X16, bits.barrier_overlap_shift as u32);
        a.logic_rr(Logic::And, W32, X17, X17, X3);
        a.tst_ri(W32, X17, bits.generational_barrier_mask as u64);
        a.jcc(Cond::Equal, otherwise);
        if let Some(has_cards) = has_cards {
            a.jump_if_set(X16, bits.card_remembered_bit as u32, has_cards);
        }
    }

    /// Exclusive accesses, as the processors that the engine supports need not have the newer instructions that do it at once.
    fn clear_header_bit(a: &mut Assembler, c: &Contract, object: Gpr, bit: i32, was_clear: Label) {
        let (retry, bit) = (a.label(), bit.cast_unsigned());
        // Exclusive accesses have no displacement.
        let distance = HEAP_OBJECT_TAG - c.layout.object.tags;
        a.arith_ri(Arith::Sub, W64, X16, object, distance.cast_unsigned());
        a.bind(retry);
        a.load_exclusive(X3, X16);
        a.jump_if_clear(X3, bit, was_clear);
        a.logic_ri(Logic::And, W64, X3, X3, !(1 << bit));
        a.store_exclusive(X4, X3, X16);
        a.jump_if_not_zero(W32, X4, retry);
    }

    fn push_to_block(a: &mut Assembler, block: Block, entry: Gpr, full: Label) {
        a.load(W64, X16, thread(block.thread_field));
        a.load(W32, X17, field(X16, block.top));
        a.arith_rr(Arith::Add, W64, X3, X16, X17, WORD.trailing_zeros());
        a.store(W64, field(X3, block.pointers), entry);
        a.arith_ri(Arith::Add, W32, X17, X17, 1);
        a.store(W32, field(X16, block.top), X17);
        a.cmp_ri(W32, X17, block.size.cast_unsigned());
        a.jcc(Cond::Equal, full);
    }

    fn mark_card(a: &mut Assembler, c: &Contract, object: Gpr, slot: Gpr) {
        // The page starts at the object's address rounded down; x17 becomes the card's number, x16 the address of the word with its bit.
        let retry = a.label();
        a.logic_ri(Logic::And, W64, X16, object, i64::from(c.page_mask()).cast_unsigned());
        a.arith_rr(Arith::Sub, W64, X17, slot, X16, 0);
        a.shift_ri(Shift::Lsr, W64, X17, X17, c.layout.page.bytes_per_card_log2 as u32);
        a.load(W64, X16, field(X16, c.layout.page.card_table));
        a.shift_ri(Shift::Lsr, W64, X3, X17, 6);
        a.arith_rr(Arith::Add, W64, X16, X16, X3, WORD.trailing_zeros());
        a.mov_ri(X3, 1);
        a.lsl_rr(X17, X3, X17);
        a.bind(retry);
        a.load_exclusive(X3, X16);
        a.logic_rr(Logic::Or, W64, X3, X3, X17);
        a.store_exclusive(X4, X3, X16);
        a.jump_if_not_zero(W32, X4, retry);
    }
}

fn set_dart_vm_tag(a: &mut Assembler, c: &Contract) {
    a.mov_ri(X16, i64::from(c.dart_vm_tag()));
    a.store(W64, thread(c.layout.thread.vm_tag), X16);
}

/// Where pairs of vector registers are saved around a leaf call, and above them pairs of others, relative to the stack pointer at each.
fn volatile_pairs() -> (impl Iterator<Item = (Fpr, Fpr, Mem)>, impl Iterator<Item = (Gpr, Gpr, Mem)>) {
    let vectors = (0..FPR_COUNT).step_by(2);
    let vectors = vectors.map(|reg| (Fpr(reg), Fpr(reg + 1), field(Sp, i32::from(reg) * 16)));
    let general = (0..).step_by(16).zip(C_CALLER_SAVED.chunks_exact(2));
    (vectors, general.map(|(offset, pair)| (pair[0], pair[1], field(Sp, offset))))
}
