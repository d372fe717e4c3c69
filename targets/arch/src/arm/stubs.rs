//! The stubs of 32-bit ARM: the parts that are its own, see [`crate::architecture`] for what they do.
//!
//! The code generator's `Tail` convention has arguments in r0 to r3, then on the stack in an area that the caller owns; result in
//! r0, or r0 and r1 if it has 64 bits; nothing preserved but r10, r11 and r13. `PreserveAll` has the same
//! argument registers; r0 to r11 and all VFP registers are preserved, r12, lr and the flags overwritten. In all
//! Dart code r10 is the `Thread*` and r11 the frame pointer; frames start with `push {r11, lr}`.
//!
//! C++ may consist of Thumb code: it is called with `blx` and returned to by loading pc, which both switch.

use super::Arm;
use super::asm::{Assembler, Label, LabelField, constant};
use super::regs::{
    C_CALLEE_SAVED, C_CALLEE_SAVED_DOUBLES, C_CALLER_SAVED, C_CALLER_SAVED_DOUBLES, Cond, Gpr, INT_ARGS,
    RESULT, RESULT_HIGH, SCRATCH, THR,
};
use crate::architecture::{
    Architecture, Argument, Block, NativeArgumentsPassing, Operand, RuntimeTarget, field, frame_word,
    heap_field, stack_argument, thread,
};
use crate::code::StubRef;
use crate::contract::Contract;
use snapcrane_armv7::encode::{CmpOp, DataOp, Mem, Operand2, Shift};
use snapcrane_engines::{HEAP_OBJECT_TAG, SMI_TAG_SIZE};

impl Operand for Mem {
    type Gpr = Gpr;
    const THREAD: Gpr = THR;
    const FRAME_POINTER: Gpr = Gpr::FP;
    const WORD: i32 = 4;

    fn at(base: Gpr, disp: i32) -> Mem {
        Mem::new(base, disp)
    }
}

/// Bytes per word.
pub(super) const WORD: i32 = Mem::WORD;

/// Pushes a constant; overwrites the scratch register.
pub(super) fn push_constant(asm: &mut Assembler, value: u32) {
    asm.mov(SCRATCH, constant(value));
    asm.push(&[SCRATCH]);
}

/// Pushes an argument; overwrites the scratch register.
pub(super) fn push_argument(a: &mut Assembler, arg: Argument<Gpr>) {
    match arg {
        Argument::Reg(reg) => a.push(&[reg]),
        Argument::Stack(index) => {
            a.load(SCRATCH, stack_argument(index));
            a.push(&[SCRATCH]);
        }
        Argument::Smi(value) => push_constant(a, (i32::from(value) << SMI_TAG_SIZE).cast_unsigned()),
    }
}

/// Stores a constant to thread fields; overwrites `temp`.
fn set_thread(asm: &mut Assembler, temp: Gpr, value: i32, offsets: &[i32]) {
    asm.mov(temp, constant(value as u32));
    for &offset in offsets {
        asm.store(thread(offset), temp);
    }
}

/// What the barrier may overwrite after it has saved them.
const BARRIER_SCRATCH: [Gpr; 3] = [Gpr::R3, Gpr::R4, Gpr::R5];

impl Architecture for Arm {
    type Reference = LabelField;
    type Mem = Mem;

    const ALIGNMENT: u32 = 4;
    const TAIL_ARGS: &'static [Gpr] = &INT_ARGS;
    const PRESERVE_ALL_ARGS: [Gpr; 3] = [Gpr::R0, Gpr::R1, Gpr::R2];

    fn invoke_dart_code(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let saved_state = [thr.vm_tag, thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info];
        let (first_double, doubles) = C_CALLEE_SAVED_DOUBLES;
        let saved_words = C_CALLEE_SAVED.len() as i32 + 2 * i32::from(doubles);
        let reserved = -c.exit_link_slot - saved_words - saved_state.len() as i32;

        Self::enter_frame(a);
        for _ in 0..reserved {
            push_constant(a, 0);
        }
        a.push(&C_CALLEE_SAVED);
        a.vpush(first_double, doubles);
        a.mov(THR, Gpr::R3);
        for state in saved_state {
            a.load(SCRATCH, thread(state));
            a.push(&[SCRATCH]);
        }
        // The return address and the saved fp make 8 bytes, so an odd number of words needs a tagged padding word.
        if c.exit_link_slot % 2 != 0 {
            push_constant(a, 0);
        }
        set_thread(a, SCRATCH, 0, &[thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info]);
        set_thread(a, SCRATCH, c.dart_vm_tag(), &[thr.vm_tag]);

        a.mov(SCRATCH, Gpr::R0);
        a.mov(Gpr::R0, Gpr::R1);
        a.alu(DataOp::Add, Gpr::R1, Gpr::R2, constant((c.layout.array.data - HEAP_OBJECT_TAG) as u32));
        a.blx(SCRATCH);

        a.load(Gpr::R2, thread(thr.object_null));
        a.store(thread(thr.active_exception), Gpr::R2);
        a.store(thread(thr.active_stacktrace), Gpr::R2);
        for (word, state) in (reserved + saved_words + 1..).zip(saved_state) {
            a.load(Gpr::R2, frame_word(word));
            a.store(thread(state), Gpr::R2);
        }
        a.alu(DataOp::Sub, Gpr::SP, Gpr::FP, constant(((reserved + saved_words) * WORD) as u32));
        a.vpop(first_double, doubles);
        a.pop(&C_CALLEE_SAVED);
        Self::leave_frame_and_return(a, 0);
    }

    fn jump_to_frame(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        a.mov(THR, Gpr::R3);
        a.mov(Gpr::FP, Gpr::R2);
        a.mov(Gpr::SP, Gpr::R1);
        set_thread(a, SCRATCH, c.dart_vm_tag(), &[thr.vm_tag]);
        set_thread(a, SCRATCH, 0, &[thr.exit_through_ffi, thr.top_exit_frame_info]);
        a.bx(Gpr::R0);
    }

    /// The stack trace is in r1.
    fn run_exception_handler(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        a.load(RESULT, thread(thr.active_exception));
        a.load(Gpr::R1, thread(thr.active_stacktrace));
        a.load(Gpr::PC, thread(thr.resume_pc));
    }

    fn run_exception_handler_unbox(a: &mut Assembler, c: &Contract) {
        let thr = &c.layout.thread;
        let (boxed, done) = (a.label(), a.label());
        a.load(RESULT, thread(thr.active_exception));
        a.load(Gpr::R2, thread(thr.object_null));
        a.store(thread(thr.active_exception), Gpr::R2);
        a.store(thread(thr.active_stacktrace), Gpr::R2);
        a.compare(CmpOp::Tst, RESULT, constant(HEAP_OBJECT_TAG as u32));
        a.b_if(Cond::Ne, boxed);
        a.shift(Shift::Asr, RESULT, RESULT, SMI_TAG_SIZE as u8);
        a.shift(Shift::Asr, RESULT_HIGH, RESULT, 31);
        a.b(done);
        a.bind(boxed);
        a.load(RESULT_HIGH, heap_field(RESULT, c.layout.mint.value + WORD));
        a.load(RESULT, heap_field(RESULT, c.layout.mint.value));
        a.bind(done);
        a.load(Gpr::PC, thread(thr.resume_pc));
    }

    /// In: r9 = the entry's address or the C function, r1 = argument count or `argc_tag`, r2 = address of argument 0.
    fn exit_frame(a: &mut Assembler, c: &Contract, passing: NativeArgumentsPassing) {
        let thr = &c.layout.thread;
        let args = NativeArgumentsRegisters::new(c);
        let target = Gpr::R9;
        assert!(
            (args.argc_tag, args.argv) == (Gpr::R1, Gpr::R2),
            "the structure starts as the registers come in"
        );
        a.store(thread(thr.top_exit_frame_info), Gpr::FP);
        set_thread(a, SCRATCH, c.exit_through_runtime_call(), &[thr.exit_through_ffi]);
        a.store(thread(thr.vm_tag), target);
        a.mov(args.thread, THR);
        a.alu(DataOp::Add, args.retval, args.argv, constant(WORD as u32));
        match passing {
            NativeArgumentsPassing::ByValue => {
                a.alu(DataOp::Bic, Gpr::SP, Gpr::SP, constant(7));
                a.blx(target);
            }
            NativeArgumentsPassing::ByAddress { wrapper } => {
                a.alu(DataOp::Sub, Gpr::SP, Gpr::SP, constant(c.layout.native_arguments.struct_size as u32));
                a.alu(DataOp::Bic, Gpr::SP, Gpr::SP, constant(7));
                a.store_all(Gpr::SP, &INT_ARGS);
                a.mov(Gpr::R0, Gpr::SP);
                a.mov(Gpr::R1, target);
                a.load(SCRATCH, thread(wrapper));
                a.blx(SCRATCH);
            }
        }
        set_thread(a, SCRATCH, c.dart_vm_tag(), &[thr.vm_tag]);
        set_thread(a, SCRATCH, 0, &[thr.exit_through_ffi, thr.top_exit_frame_info]);
        Self::leave_frame_and_return(a, 0);
    }

    fn trap(a: &mut Assembler) {
        a.udf();
    }

    fn jump(a: &mut Assembler, label: Label) {
        a.b(label);
    }

    fn enter_frame(a: &mut Assembler) {
        a.push(&[Gpr::FP, Gpr::LR]);
        a.mov(Gpr::FP, Gpr::SP);
    }

    /// Stack arguments are left to the caller, who owns them.
    fn leave_frame_and_return(a: &mut Assembler, _int_params: u32) {
        a.mov(Gpr::SP, Gpr::FP);
        a.pop(&[Gpr::FP, Gpr::PC]);
    }

    fn call_runtime(a: &mut Assembler, c: &Contract, target: RuntimeTarget<Gpr>, args: &[Argument<Gpr>]) {
        Self::enter_frame(a);
        push_constant(a, 0);
        args.iter().for_each(|&arg| push_argument(a, arg));
        match target {
            RuntimeTarget::Field(offset) => a.load(Gpr::R9, thread(offset)),
            RuntimeTarget::Address(reg) => a.mov(Gpr::R9, reg),
        }
        a.mov(Gpr::R1, constant(args.len() as u32));
        a.alu(DataOp::Sub, Gpr::R2, Gpr::FP, constant(2 * WORD as u32));
        a.bl_stub(StubRef::Listed(c.engine.stub.call_to_runtime));
    }

    fn load_result(a: &mut Assembler) {
        a.load(RESULT, frame_word(1));
    }

    /// Neither the scratch nor the link register.
    fn save_volatile_registers(a: &mut Assembler) {
        let (first, count) = C_CALLER_SAVED_DOUBLES;
        a.push(&C_CALLER_SAVED);
        a.vpush(first, count);
        a.alu(DataOp::Bic, Gpr::SP, Gpr::SP, constant(7));
    }

    fn restore_volatile_registers(a: &mut Assembler) {
        let (first, count) = C_CALLER_SAVED_DOUBLES;
        let words = C_CALLER_SAVED.len() as i32 + 2 * i32::from(count);
        a.alu(DataOp::Sub, Gpr::SP, Gpr::FP, constant((words * WORD) as u32));
        a.vpop(first, count);
        a.pop(&C_CALLER_SAVED);
    }

    fn call_leaf_without_arguments(a: &mut Assembler, entry: i32) {
        a.load(SCRATCH, thread(entry));
        a.blx(SCRATCH);
    }

    /// The address is in the scratch register.
    fn call_part_for_leaf(a: &mut Assembler, entry: i32, part: Label) {
        a.load(SCRATCH, thread(entry));
        a.bl(part);
    }

    fn call_leaf_with_thread(a: &mut Assembler) {
        a.mov(Gpr::R0, THR);
        a.blx(SCRATCH);
    }

    fn enter_barrier(a: &mut Assembler) {
        let [first, second, third] = BARRIER_SCRATCH;
        a.push(&[first, second, third, Gpr::LR]);
    }

    fn leave_barrier(a: &mut Assembler) {
        let [first, second, third] = BARRIER_SCRATCH;
        a.pop(&[first, second, third, Gpr::PC]);
    }

    fn branch_unless_marking(a: &mut Assembler, c: &Contract, value: Gpr, otherwise: Label) {
        a.load(Gpr::R3, heap_field(value, c.layout.object.tags));
        a.load(Gpr::R4, thread(c.layout.thread.write_barrier_mask));
        a.alu(DataOp::And, Gpr::R3, Gpr::R3, Gpr::R4);
        let incremental = constant(c.layout.untagged_object.incremental_barrier_mask as u32);
        a.compare(CmpOp::Tst, Gpr::R3, incremental);
        a.b_if(Cond::Eq, otherwise);
    }

    fn branch_if_new(a: &mut Assembler, c: &Contract, object: Gpr, label: Label) {
        a.compare(CmpOp::Tst, object, constant(c.new_object_bit()));
        a.b_if(Cond::Ne, label);
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
        a.load(Gpr::R3, heap_field(object, tags));
        a.load(Gpr::R4, heap_field(value, tags));
        let shifted = Operand2::Shifted(Gpr::R3, Shift::Lsr, bits.barrier_overlap_shift as u8);
        a.alu(DataOp::And, Gpr::R4, Gpr::R4, shifted);
        a.compare(CmpOp::Tst, Gpr::R4, constant(bits.generational_barrier_mask as u32));
        a.b_if(Cond::Eq, otherwise);
        if let Some(has_cards) = has_cards {
            a.compare(CmpOp::Tst, Gpr::R3, constant(1 << bits.card_remembered_bit));
            a.b_if(Cond::Ne, has_cards);
        }
    }

    /// With exclusive accesses.
    fn clear_header_bit(a: &mut Assembler, c: &Contract, object: Gpr, bit: i32, was_clear: Label) {
        let retry = a.label();
        let mask = constant(1 << bit);
        let distance = HEAP_OBJECT_TAG - c.layout.object.tags;
        a.alu(DataOp::Sub, SCRATCH, object, constant(distance as u32));
        a.bind(retry);
        a.load_exclusive(Gpr::R3, SCRATCH);
        a.compare(CmpOp::Tst, Gpr::R3, mask);
        a.b_if(Cond::Eq, was_clear);
        a.alu(DataOp::Bic, Gpr::R3, Gpr::R3, mask);
        a.store_exclusive(Gpr::R4, Gpr::R3, SCRATCH);
        a.compare(CmpOp::Cmp, Gpr::R4, constant(0));
        a.b_if(Cond::Ne, retry);
    }

    fn push_to_block(a: &mut Assembler, block: Block, entry: Gpr, full: Label) {
        a.load(Gpr::R3, thread(block.thread_field));
        a.load(Gpr::R4, field(Gpr::R3, block.top));
        a.alu(DataOp::Add, Gpr::R5, Gpr::R3, Operand2::Shifted(Gpr::R4, Shift::Lsl, 2));
        a.store(field(Gpr::R5, block.pointers), entry);
        a.alu(DataOp::Add, Gpr::R4, Gpr::R4, constant(1));
        a.store(field(Gpr::R3, block.top), Gpr::R4);
        a.compare(CmpOp::Cmp, Gpr::R4, constant(block.size as u32));
        a.b_if(Cond::Eq, full);
    }

    fn mark_card(a: &mut Assembler, c: &Contract, object: Gpr, slot: Gpr) {
        // The page starts at the object's address rounded down. r4 becomes the card's number and r5 its bit in the
        // word at r12; shifts by a register count to 255, so the number of the bit must be cut out.
        let page_log2 = c.page_mask().trailing_zeros() as u8;
        let retry = a.label();
        a.shift(Shift::Lsr, Gpr::R3, object, page_log2);
        a.shift(Shift::Lsl, Gpr::R3, Gpr::R3, page_log2);
        a.alu(DataOp::Sub, Gpr::R4, slot, Gpr::R3);
        a.shift(Shift::Lsr, Gpr::R4, Gpr::R4, c.layout.page.bytes_per_card_log2 as u8);
        a.load(Gpr::R3, field(Gpr::R3, c.layout.page.card_table));
        a.alu(DataOp::And, Gpr::R5, Gpr::R4, constant(31));
        a.shift(Shift::Lsr, Gpr::R4, Gpr::R4, 5);
        a.alu(DataOp::Add, SCRATCH, Gpr::R3, Operand2::Shifted(Gpr::R4, Shift::Lsl, 2));
        a.mov(Gpr::R4, constant(1));
        a.mov(Gpr::R5, Operand2::ShiftedBy(Gpr::R4, Shift::Lsl, Gpr::R5));
        a.bind(retry);
        a.load_exclusive(Gpr::R3, SCRATCH);
        a.alu(DataOp::Orr, Gpr::R3, Gpr::R3, Gpr::R5);
        a.store_exclusive(Gpr::R4, Gpr::R3, SCRATCH);
        a.compare(CmpOp::Cmp, Gpr::R4, constant(0));
        a.b_if(Cond::Ne, retry);
    }
}

/// The registers that hold the four words of a NativeArguments structure: those in which C passes it by value.
struct NativeArgumentsRegisters {
    thread: Gpr,
    argc_tag: Gpr,
    argv: Gpr,
    retval: Gpr,
}

impl NativeArgumentsRegisters {
    fn new(c: &Contract) -> NativeArgumentsRegisters {
        let args = &c.layout.native_arguments;
        assert_eq!(
            args.struct_size,
            INT_ARGS.len() as i32 * WORD,
            "NativeArguments fills the argument registers"
        );
        let register = |offset: i32| INT_ARGS[(offset / WORD) as usize];
        NativeArgumentsRegisters {
            thread: register(args.thread),
            argc_tag: register(args.argc_tag),
            argv: register(args.argv),
            retval: register(args.retval),
        }
    }
}
