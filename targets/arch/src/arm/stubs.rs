//! The stubs of 32-bit ARM.
//!
//! Each function opens with its contract: who enters the code, what the registers hold on entry and on return, and
//! what the engine's C++ code reads of the frames it builds. Two layers carry most of the weight:
//!
//! - An *exit frame* is what the engine starts a stack walk from. `Thread.top_exit_frame_info` holds its frame
//!   pointer while C++ runs. The garbage collector visits nothing in it, so arguments and the result slot lie in
//!   the frame below it (the next older one).
//! - A *stub frame* is a frame of a stub that is not an exit frame. Stubs have no stack maps, and without a map the
//!   collector visits every word between the frame's stack pointer and its saved frame pointer as a tagged pointer.
//!   A stub frame therefore holds tagged words only, and no raw register may be saved in it.
//!
//! Functions that C++ calls (`InvokeDartCode`, `JumpToFrame`) use the C ABI; functions that Dart code calls use
//! the code generator's `Tail` convention (arguments r0 to r3, then the stack in an area that the caller owns; result in
//! r0, or r0 and r1 if it has 64 bits; nothing preserved but r10, r11 and r13), or `PreserveAll` where said (same
//! argument registers, no result; r0 to r11 and all VFP registers preserved, r12, lr and the flags overwritten). In all
//! Dart code r10 is the `Thread*` and r11 the frame pointer; frames start with `push {r11, lr}`.
//!
//! C++ may consist of Thumb code: it is called with `blx` and returned to by loading pc, which both switch.

use super::asm::{Assembler, Label, constant};
use super::regs::{
    C_CALLEE_SAVED, C_CALLEE_SAVED_DOUBLES, C_CALLER_SAVED, C_CALLER_SAVED_DOUBLES, Cond, Gpr, INT_ARGS,
    RESULT, RESULT_HIGH, SCRATCH, THR,
};
use crate::code::{ExtraStub, RawCode, StubRef};
use crate::contract::Contract;
use snapcrane_armv7::encode::{CmpOp, DataOp, Mem, Operand2, Shift};
use snapcrane_engines::{HEAP_OBJECT_TAG, LeafEntry, SMI_TAG_SIZE, Stub};

/// Bytes per word.
pub(super) const WORD: i32 = 4;

/// Distance from a frame pointer to the first stack argument: the saved frame pointer and the return address.
pub(super) const FIRST_STACK_ARG: i32 = 2 * WORD;

/// The field of an untagged structure at `base`, or of the thread.
pub(super) fn field(base: Gpr, offset: i32) -> Mem {
    Mem::new(base, offset)
}

/// A field of the heap object that `base` points to with its tag.
pub(super) fn heap_field(base: Gpr, offset: i32) -> Mem {
    Mem::new(base, offset - HEAP_OBJECT_TAG)
}

/// A field of the current thread.
pub(super) fn thread(offset: i32) -> Mem {
    field(THR, offset)
}

/// The `index`-th word below the frame pointer, counting from one.
pub(super) fn frame_word(index: i32) -> Mem {
    field(Gpr::FP, -index * WORD)
}

pub(super) fn enter_frame(asm: &mut Assembler) {
    asm.push(&[Gpr::FP, Gpr::LR]);
    asm.mov(Gpr::FP, Gpr::SP);
}

pub(super) fn leave_frame_and_return(asm: &mut Assembler) {
    asm.mov(Gpr::SP, Gpr::FP);
    asm.pop(&[Gpr::FP, Gpr::PC]);
}

/// Pushes a constant; overwrites the scratch register.
pub(super) fn push_constant(asm: &mut Assembler, value: u32) {
    asm.mov(SCRATCH, constant(value));
    asm.push(&[SCRATCH]);
}

/// Stores a constant to thread fields; overwrites `temp`.
fn set_thread(asm: &mut Assembler, temp: Gpr, value: i32, offsets: &[i32]) {
    asm.mov(temp, constant(value as u32));
    for &offset in offsets {
        asm.store(thread(offset), temp);
    }
}

/// The code of a stub in the engine's list, `None` for stubs that nothing in an AOT program enters.
pub(super) fn listed(stub: Stub, c: &Contract) -> Option<RawCode> {
    let mut asm = Assembler::new();
    let a = &mut asm;
    let thr = &c.layout.thread;
    let s = &c.engine.stub;
    match stub {
        _ if stub == s.jump_to_frame => jump_to_frame(a, c),
        _ if stub == s.run_exception_handler => run_exception_handler(a, c),
        _ if stub == s.run_exception_handler_unbox => run_exception_handler_unbox(a, c),
        _ if stub == s.write_barrier => write_barrier(a, c, Cards::Never),
        _ if stub == s.array_write_barrier => write_barrier(a, c, Cards::OfLargeArrays),
        _ if stub == s.call_to_runtime => call_to_runtime(a, c),
        _ if stub == s.call_bootstrap_native => call_native(a, c, thr.bootstrap_native_wrapper_entry_point),
        _ if stub == s.call_no_scope_native => call_native(a, c, thr.no_scope_native_wrapper_entry_point),
        _ if stub == s.call_auto_scope_native => call_native(a, c, thr.auto_scope_native_wrapper_entry_point),
        _ if stub == s.invoke_dart_code => invoke_dart_code(a, c),
        _ if stub == s.dispatch_table_null_error => dispatch_table_null_error(a, c),
        _ if stub == s.stack_overflow_shared_without_fpu_regs => stack_overflow(a, c),
        _ if stub == s.enter_safepoint => safepoint_transition(a, c.leaf(c.engine.leaf.enter_safepoint)),
        _ if stub == s.exit_safepoint => safepoint_transition(a, c.leaf(c.engine.leaf.exit_safepoint)),
        _ if stub == s.throw => throw(a, c),
        _ if stub == s.re_throw => re_throw(a, c),
        _ => return None,
    }
    Some(asm.finish())
}

/// The code of a stub that the engine does not know.
pub(super) fn extra(stub: ExtraStub, c: &Contract) -> RawCode {
    let mut asm = Assembler::new();
    match stub {
        ExtraStub::RuntimeCall(arity) => runtime_call(&mut asm, c, arity),
    }
    asm.finish()
}

/// Code that must not be reached: one undefined instruction, which is the smallest payload.
pub(super) fn trap() -> RawCode {
    let mut asm = Assembler::new();
    asm.udf();
    asm.finish()
}

// Entry from C++.

/// `InvokeDartCode(entry_point, args_desc, args, Thread*) -> ObjectPtr`, C ABI, entered by `DartEntry` (C++).
///
/// Builds the entry frame and calls `entry_point` as a generic entry: `Tail` convention, r0 = arguments
/// descriptor (tagged), r1 = address of the first element of `args`, which is an interior pointer: the callee reads
/// all arguments before its first safepoint. The result is returned as is.
///
/// C++ reads the exit link at its fixed slot, and visits everything between the stack pointer at the call and that
/// slot as tagged words; it recognises entry frames by a return address inside this code. After an uncaught
/// exception it resumes at that return address with sp and fp as they were and, by way of `RunExceptionHandler`,
/// the UnhandledException object in r0. Everything after the call must therefore depend on r0 and fp only. The
/// exception was also left in the thread; there being no landing pad here that takes it, the slots are cleared
/// on every return.
fn invoke_dart_code(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    let saved_state = [thr.vm_tag, thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info];
    let (first_double, doubles) = C_CALLEE_SAVED_DOUBLES;
    let saved_words = C_CALLEE_SAVED.len() as i32 + 2 * i32::from(doubles);
    let reserved = -c.exit_link_slot - saved_words - saved_state.len() as i32;

    enter_frame(a);
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
    leave_frame_and_return(a);
}

/// `JumpToFrame(pc, sp, fp, Thread*)`, C ABI, entered by `Exceptions::JumpToFrame` (C++), never returns.
///
/// Abandons the C++ frames and continues at `pc` (a RunExceptionHandler stub) in the Dart or entry frame whose stack
/// and frame pointers are given. `exit_through_ffi` is cleared because the transition code that follows a foreign
/// call, which would do it, is skipped; C++ has read it by now.
fn jump_to_frame(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    a.mov(THR, Gpr::R3);
    a.mov(Gpr::FP, Gpr::R2);
    a.mov(Gpr::SP, Gpr::R1);
    set_thread(a, SCRATCH, c.dart_vm_tag(), &[thr.vm_tag]);
    set_thread(a, SCRATCH, 0, &[thr.exit_through_ffi, thr.top_exit_frame_info]);
    a.bx(Gpr::R0);
}

/// Entered from `JumpToFrame` with sp, fp and r10 set; continues at `Thread.resume_pc`.
///
/// The exception and the stack trace stay in `Thread.active_exception` and `active_stacktrace`, where the landing
/// pad reads and clears them. They are in r0 and r1 too: r0 is where the return address of `InvokeDartCode`
/// expects the error object of an uncaught exception.
fn run_exception_handler(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    a.load(RESULT, thread(thr.active_exception));
    a.load(Gpr::R1, thread(thr.active_stacktrace));
    a.load(Gpr::PC, thread(thr.resume_pc));
}

/// As `RunExceptionHandler`, for the call that a foreign callback made into Dart and that failed: the "exception"
/// is the callback's exceptional return value, a Smi or Mint, and resumes as a raw int64 in r0 and r1 as if
/// returned. Nobody else looks at the thread's slots, so they are cleared here.
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

// Calls into C++.

/// How C++ gets at the NativeArguments structure that an exit frame builds.
enum NativeArgumentsPassing {
    /// By value in r0 to r3, to the function whose address is in r9: runtime entries.
    ByValue,
    /// By address in r0, with the C function (r9) in r1, to the function at this thread offset: native wrappers.
    ByAddress { wrapper: i32 },
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

/// The body of an exit frame: enters it, tells the thread, calls C++ with a NativeArguments structure, undoes it all.
///
/// In: r9 = address recorded as VM tag and target, r1 = `argc_tag`, r2 = address of argument 0, with the
/// other arguments at descending addresses and the result slot in the word above. Argument and result words belong
/// to the caller's frame and are described as tagged there, as C++ reads arguments again after collections.
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
    leave_frame_and_return(a);
}

/// Calls a runtime entry with an exit frame. Entered by the stubs below from a stub frame.
///
/// In: r9 = the entry's address, r1 = argument count, r2 = address of argument 0 (see [`exit_frame`]).
/// Out: the result is in the word above argument 0. Registers as after a C call.
fn call_to_runtime(a: &mut Assembler, c: &Contract) {
    enter_frame(a);
    exit_frame(a, c, NativeArgumentsPassing::ByValue);
}

/// Calls a native function through one of the engine's wrappers. Entered by bodies of native functions, by way of a
/// pool slot that the engine rewrites when it links the function.
///
/// In: r9 = the C function, r1 = `argc_tag`, r2 = address of argument 0 (see [`exit_frame`]).
/// Out: the result is in the word above argument 0. Registers as after a C call.
///
/// C++ takes the first Dart frame below this one as the native function's own and decodes its call instruction.
fn call_native(a: &mut Assembler, c: &Contract, wrapper: i32) {
    enter_frame(a);
    exit_frame(a, c, NativeArgumentsPassing::ByAddress { wrapper });
}

/// A word that a stub frame hands to the runtime.
enum RuntimeArg {
    /// The register's value.
    Reg(Gpr),
    /// The stack argument with this index.
    StackArg(i32),
    /// A Smi.
    Smi(u8),
}

/// Where a runtime call's target comes from.
enum RuntimeTarget {
    /// The thread field at a fixed offset.
    Field(i32),
    /// This register.
    Address(Gpr),
}

/// Builds a stub frame of a result slot (Smi 0, so that entries without a result return that) and the arguments,
/// and calls the runtime entry. The result is in the frame's first word afterwards.
fn call_runtime_from_stub_frame(a: &mut Assembler, c: &Contract, target: RuntimeTarget, args: &[RuntimeArg]) {
    enter_frame(a);
    push_constant(a, 0);
    for arg in args {
        match *arg {
            RuntimeArg::Reg(reg) => a.push(&[reg]),
            RuntimeArg::StackArg(index) => {
                a.load(SCRATCH, field(Gpr::FP, FIRST_STACK_ARG + index * WORD));
                a.push(&[SCRATCH]);
            }
            RuntimeArg::Smi(value) => push_constant(a, u32::from(value) << SMI_TAG_SIZE),
        }
    }
    match target {
        RuntimeTarget::Field(offset) => a.load(Gpr::R9, thread(offset)),
        RuntimeTarget::Address(reg) => a.mov(Gpr::R9, reg),
    }
    a.mov(Gpr::R1, constant(args.len() as u32));
    a.alu(DataOp::Sub, Gpr::R2, Gpr::FP, constant(2 * WORD as u32));
    a.bl_stub(StubRef::Listed(c.engine.stub.call_to_runtime));
}

/// As [`call_runtime_from_stub_frame`] for an entry that throws.
fn throw_from_stub_frame(a: &mut Assembler, c: &Contract, entry: i32, args: &[RuntimeArg]) {
    call_runtime_from_stub_frame(a, c, RuntimeTarget::Field(entry), args);
    a.udf();
}

/// Calls a runtime entry from compiled code: `Tail` convention, `(entry, arg 0, ..., arg n-1) -> result`.
///
/// In: r0 = address of the entry; then `arity` tagged arguments. Out: r0 = result (tagged).
/// The call is a safepoint and may throw. Stack arguments are copied to the stub frame, so the caller's
/// stack map need not describe them.
fn runtime_call(a: &mut Assembler, c: &Contract, arity: u8) {
    let args: Vec<RuntimeArg> = (1..=usize::from(arity))
        .map(|param| match INT_ARGS.get(param) {
            Some(&reg) => RuntimeArg::Reg(reg),
            None => RuntimeArg::StackArg((param - INT_ARGS.len()) as i32),
        })
        .collect();
    call_runtime_from_stub_frame(a, c, RuntimeTarget::Address(INT_ARGS[0]), &args);
    a.load(RESULT, frame_word(1));
    leave_frame_and_return(a);
}

/// `Tail` convention, r0 = exception (tagged); never returns. A safepoint that throws.
fn throw(a: &mut Assembler, c: &Contract) {
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.throw), &[RuntimeArg::Reg(Gpr::R0)]);
}

/// `Tail` convention, r0 = exception, r1 = stack trace (both tagged); never returns. A safepoint that throws. The
/// runtime entry's third argument asks to bypass the debugger, which a product runtime lacks.
fn re_throw(a: &mut Assembler, c: &Contract) {
    let args = [RuntimeArg::Reg(Gpr::R0), RuntimeArg::Reg(Gpr::R1), RuntimeArg::Smi(0)];
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.re_throw), &args);
}

/// `Tail` convention, `() -> ()`. The slow path of the check `sp <= Thread.stack_limit` in prologues and loops:
/// handles interrupts or throws StackOverflowError. A safepoint that may throw.
fn stack_overflow(a: &mut Assembler, c: &Contract) {
    call_runtime_from_stub_frame(
        a,
        c,
        RuntimeTarget::Field(c.runtime_entry(c.engine.rt.interrupt_or_stack_overflow)),
        &[],
    );
    leave_frame_and_return(a);
}

/// Fills the dispatch-table cells that no class uses; entered by a dispatch call whose receiver's class does not
/// have the selector. Registers and stack hold the call's arguments in an unknown arrangement. Never returns.
///
/// Only null can get here: dynamic calls have rows without unused cells, and other calls have receivers of a type
/// that has the member, up to a null which the core libraries let through a non-nullable type. The runtime entry
/// made for this stub, `DispatchTableNullError`, wants to find the member's name in the caller's CodeSourceMap
/// and stops the process if it does not; `NullErrorWithSelector` needs the name. `NullCastError` needs nothing and
/// throws the error of a failed null check.
fn dispatch_table_null_error(a: &mut Assembler, c: &Contract) {
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.null_cast_error), &[]);
}

// Leaf calls and what surrounds them.

/// Saves every register that C may overwrite but the scratch and the link register, and aligns the stack.
fn save_volatile_registers(a: &mut Assembler) {
    let (first, count) = C_CALLER_SAVED_DOUBLES;
    a.push(&C_CALLER_SAVED);
    a.vpush(first, count);
    a.alu(DataOp::Bic, Gpr::SP, Gpr::SP, constant(7));
}

/// Restores them from below the frame pointer.
fn restore_volatile_registers(a: &mut Assembler) {
    let (first, count) = C_CALLER_SAVED_DOUBLES;
    let words = C_CALLER_SAVED.len() as i32 + 2 * i32::from(count);
    a.alu(DataOp::Sub, Gpr::SP, Gpr::FP, constant((words * WORD) as u32));
    a.vpop(first, count);
    a.pop(&C_CALLER_SAVED);
}

/// `PreserveAll` convention, `() -> ()`. Entered by the transitions around foreign calls when the safepoint state
/// cannot be changed with one compare-and-swap. The leaf entry takes no argument; while it waits, other threads walk
/// this thread's stack from the exit frame that the caller has published, so nothing here is ever visited.
/// `ExitSafepoint` may unwind instead of returning.
fn safepoint_transition(a: &mut Assembler, leaf_entry: i32) {
    enter_frame(a);
    save_volatile_registers(a);
    a.load(SCRATCH, thread(leaf_entry));
    a.blx(SCRATCH);
    restore_volatile_registers(a);
    leave_frame_and_return(a);
}

/// Appends `entry` to the pointer block that a thread field holds; overwrites r3, r4 and r5. Branches to the returned
/// label if the block is full now.
fn push_to_block(a: &mut Assembler, block: i32, entry: Gpr, pointers: i32, top: i32, capacity: i32) -> Label {
    let full = a.label();
    a.load(Gpr::R3, thread(block));
    a.load(Gpr::R4, field(Gpr::R3, top));
    a.alu(DataOp::Add, Gpr::R5, Gpr::R3, Operand2::Shifted(Gpr::R4, Shift::Lsl, 2));
    a.store(field(Gpr::R5, pointers), entry);
    a.alu(DataOp::Add, Gpr::R4, Gpr::R4, constant(1));
    a.store(field(Gpr::R3, top), Gpr::R4);
    a.compare(CmpOp::Cmp, Gpr::R4, constant(capacity as u32));
    a.b_if(Cond::Eq, full);
    full
}

/// Clears a header bit atomically; overwrites r3, r4 and the scratch register. Branches to `was_clear` if another
/// thread has done it.
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

/// Whether a barrier knows about card marking.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cards {
    /// For objects that are not arrays; they are never card-marked.
    Never,
    /// For arrays: those on large pages are remembered by card instead of as a whole.
    OfLargeArrays,
}

/// The slow part of a store of a heap pointer into a heap object. `PreserveAll` convention, no safepoint.
///
/// In: r0 = object, r1 = stored value (both tagged heap pointers), r2 = address of the slot, which only the array
/// barrier reads. Entered after the store, when `(tags(object) >> overlap shift) & tags(value) &
/// Thread.write_barrier_mask` is not zero (`UntaggedObject` tags, runtime/vm/raw_object.h):
///
/// - while the marker runs and the value is not marked yet: mark it and push it on a marking stack, the new or
///   the old one depending on the value's generation, which an address bit tells;
/// - if the object is old and not remembered and the value is new: remember the object in the store buffer, or
///   the slot's card in the page's card table.
///
/// Other threads change headers and cards at the same time, hence the exclusive accesses. Blocks that become full are
/// handed to the runtime in leaf calls.
fn write_barrier(a: &mut Assembler, c: &Contract, cards: Cards) {
    let layout = c.layout;
    let (thr, bits) = (&layout.thread, &layout.untagged_object);
    let tags = layout.object.tags;
    let (object, value, slot) = (Gpr::R0, Gpr::R1, Gpr::R2);
    let incremental = constant(bits.incremental_barrier_mask as u32);
    let generational = constant(bits.generational_barrier_mask as u32);
    let saved = [Gpr::R3, Gpr::R4, Gpr::R5];

    let (new_value, remember, done) = (a.label(), a.label(), a.label());
    let (remember_card, leaf_call) = (a.label(), a.label());
    let mut full = Vec::new();

    a.push(&[saved[0], saved[1], saved[2], Gpr::LR]);
    a.load(Gpr::R3, heap_field(value, tags));
    a.load(Gpr::R4, thread(thr.write_barrier_mask));
    a.alu(DataOp::And, Gpr::R3, Gpr::R3, Gpr::R4);
    a.compare(CmpOp::Tst, Gpr::R3, incremental);
    a.b_if(Cond::Eq, remember);
    clear_header_bit(a, c, value, bits.not_marked_bit, remember);
    a.compare(CmpOp::Tst, value, constant(c.new_object_bit()));
    a.b_if(Cond::Ne, new_value);

    let marking = &layout.marking_stack_block;
    let mut push_marking = |a: &mut Assembler, block: i32, leaf: LeafEntry| {
        let overflow = push_to_block(a, block, value, marking.pointers, marking.top, marking.size);
        full.push((overflow, leaf, remember));
    };
    push_marking(a, thr.old_marking_stack_block, c.engine.leaf.old_marking_stack_block_process);
    a.b(remember);
    a.bind(new_value);
    push_marking(a, thr.new_marking_stack_block, c.engine.leaf.new_marking_stack_block_process);

    a.bind(remember);
    a.load(Gpr::R3, heap_field(object, tags));
    a.load(Gpr::R4, heap_field(value, tags));
    let shifted = Operand2::Shifted(Gpr::R3, Shift::Lsr, bits.barrier_overlap_shift as u8);
    a.alu(DataOp::And, Gpr::R4, Gpr::R4, shifted);
    a.compare(CmpOp::Tst, Gpr::R4, generational);
    a.b_if(Cond::Eq, done);
    if cards == Cards::OfLargeArrays {
        a.compare(CmpOp::Tst, Gpr::R3, constant(1 << bits.card_remembered_bit));
        a.b_if(Cond::Ne, remember_card);
    }
    clear_header_bit(a, c, object, bits.old_and_not_remembered_bit, done);
    let buffer = &layout.store_buffer_block;
    let overflow = push_to_block(a, thr.store_buffer_block, object, buffer.pointers, buffer.top, buffer.size);
    full.push((overflow, c.engine.leaf.store_buffer_block_process, done));

    a.bind(done);
    a.pop(&[saved[0], saved[1], saved[2], Gpr::PC]);

    for (overflow, leaf, next) in full {
        a.bind(overflow);
        a.load(SCRATCH, thread(c.leaf(leaf)));
        a.bl(leaf_call);
        a.b(next);
    }

    a.bind(leaf_call);
    enter_frame(a);
    save_volatile_registers(a);
    a.mov(Gpr::R0, THR);
    a.blx(SCRATCH);
    restore_volatile_registers(a);
    leave_frame_and_return(a);

    a.bind(remember_card);
    if cards == Cards::OfLargeArrays {
        // The page starts at the object's address rounded down. r4 becomes the card's number and r5 its bit in the
        // word at r12; shifts by a register count to 255, so the number of the bit must be cut out.
        let page_log2 = c.page_mask().trailing_zeros() as u8;
        let retry = a.label();
        a.shift(Shift::Lsr, Gpr::R3, object, page_log2);
        a.shift(Shift::Lsl, Gpr::R3, Gpr::R3, page_log2);
        a.alu(DataOp::Sub, Gpr::R4, slot, Gpr::R3);
        a.shift(Shift::Lsr, Gpr::R4, Gpr::R4, layout.page.bytes_per_card_log2 as u8);
        a.load(Gpr::R3, field(Gpr::R3, layout.page.card_table));
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
        a.b(done);
    }
}
