//! The stubs of x86-64.
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
//! Cranelift's `Tail` convention (arguments rdi, rsi, rdx, rcx, r8, r9, then the stack in an area that is a multiple
//! of 16 bytes and popped by the callee; result in rax; rbx and r12 to r14 preserved), or `PreserveAll` where said
//! (same argument registers, every register preserved, no result). In all Dart code r15 is the `Thread*` and rbp
//! the frame pointer.

use super::asm::{Alu, Assembler, BitOp, Cond, Label, Mem, Shift, Width::*};
use super::regs::{C_CALLEE_SAVED, C_CALLER_SAVED, Gpr, Gpr::*, INT_ARGS, RESULT, THR, XMM_COUNT, Xmm};
use crate::code::{ExtraStub, RawCode, StubRef};
use crate::contract::Contract;
use snapcrane_engines::{HEAP_OBJECT_TAG, LeafEntry, SMI_TAG_SIZE, Stub};

/// Bytes per word.
pub(super) const WORD: i32 = 8;

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
    field(Rbp, -index * WORD)
}

/// Bytes of stack arguments that a `Tail` function with this many integer parameters pops.
pub(super) fn tail_stack_bytes(int_params: u32) -> u32 {
    (int_params.saturating_sub(INT_ARGS.len() as u32) * WORD as u32).next_multiple_of(16)
}

pub(super) fn enter_frame(asm: &mut Assembler) {
    asm.push_r(Rbp);
    asm.mov_rr(W64, Rbp, Rsp);
}

pub(super) fn leave_frame(asm: &mut Assembler) {
    asm.mov_rr(W64, Rsp, Rbp);
    asm.pop_r(Rbp);
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

/// Code that must not be reached: one undefined instruction, padded to the smallest payload.
pub(super) fn trap() -> RawCode {
    let mut asm = Assembler::new();
    asm.ud2();
    asm.int3();
    asm.int3();
    asm.finish()
}

// Entry from C++.

/// `InvokeDartCode(entry_point, args_desc, args, Thread*) -> ObjectPtr`, C ABI, entered by `DartEntry` (C++).
///
/// Builds the entry frame and calls `entry_point` as a generic entry: `Tail` convention, rdi = arguments
/// descriptor (tagged), rsi = address of the first element of `args`, which is an interior pointer: the callee reads
/// all arguments before its first safepoint. The result is returned as is.
///
/// C++ reads the exit link at its fixed slot, and visits everything between the stack pointer at the call and that
/// slot as tagged words; it recognises entry frames by a return address inside this code. After an uncaught
/// exception it resumes at that return address with rsp and rbp as they were and, by way of `RunExceptionHandler`,
/// the UnhandledException object in rax. Everything after the call must therefore depend on rax and rbp only. The
/// exception was also left in the thread; there being no landing pad here that takes it, the slots are cleared
/// on every return.
fn invoke_dart_code(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    let saved_state = [thr.vm_tag, thr.top_resource, thr.exit_through_ffi, thr.top_exit_frame_info];
    let words_above_link = C_CALLEE_SAVED.len() as i32 + saved_state.len() as i32;
    let reserved = -c.exit_link_slot - words_above_link;

    enter_frame(a);
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
    leave_frame(a);
    a.ret();
}

/// `JumpToFrame(pc, sp, fp, Thread*)`, C ABI, entered by `Exceptions::JumpToFrame` (C++), never returns.
///
/// Abandons the C++ frames and continues at `pc` (a RunExceptionHandler stub) in the Dart or entry frame whose stack
/// and frame pointers are given. `exit_through_ffi` is cleared because the transition code that follows a foreign
/// call, which would do it, is skipped; C++ has read it by now.
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

/// Entered from `JumpToFrame` with rsp, rbp and r15 set; continues at `Thread.resume_pc`.
///
/// The exception and the stack trace stay in `Thread.active_exception` and `active_stacktrace`, where the landing
/// pad reads and clears them. They are in rax and rdx too: rax is where the return address of `InvokeDartCode`
/// expects the error object of an uncaught exception.
fn run_exception_handler(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    a.load(W64, RESULT, thread(thr.active_exception));
    a.load(W64, Rdx, thread(thr.active_stacktrace));
    a.jmp_m(thread(thr.resume_pc));
}

/// As `RunExceptionHandler`, for the call that a foreign callback made into Dart and that failed: the "exception"
/// is the callback's exceptional return value, a Smi or Mint, and resumes as a raw int64 in rax as if returned.
/// Nobody else looks at the thread's slots, so they are cleared here.
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

// Calls into C++.

/// How C++ gets at the NativeArguments structure that an exit frame builds.
enum NativeArgumentsPassing {
    /// By value on the stack, to the function whose address is in rax: runtime entries.
    ByValue,
    /// By address in rdi, with the C function (rbx) in rsi, to the function at this thread offset: native wrappers.
    ByAddress { wrapper: i32 },
}

/// The body of an exit frame: enters it, tells the thread, calls C++ with a NativeArguments structure, undoes it all.
///
/// In: `target` = address recorded as VM tag, r10 = `argc_tag`, `argv` = address of argument 0, with the
/// other arguments at descending addresses and the result slot in the word above. Argument and result words belong
/// to the caller's frame and are described as tagged there, as C++ reads arguments again after collections.
fn exit_frame(a: &mut Assembler, c: &Contract, target: Gpr, argv: Gpr, passing: NativeArgumentsPassing) {
    let thr = &c.layout.thread;
    let args = &c.layout.native_arguments;
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
    leave_frame(a);
    a.ret();
}

/// Calls a runtime entry with an exit frame. Entered by the stubs below from a stub frame.
///
/// In: rax = the entry's address, r10 = argument count, r11 = address of argument 0 (see [`exit_frame`]).
/// Out: the result is in the word above argument 0. Registers as after a C call.
fn call_to_runtime(a: &mut Assembler, c: &Contract) {
    enter_frame(a);
    exit_frame(a, c, Rax, R11, NativeArgumentsPassing::ByValue);
}

/// Calls a native function through one of the engine's wrappers. Entered by bodies of native functions, by way of a
/// pool slot that the engine rewrites when it links the function.
///
/// In: rbx = the C function, r10 = `argc_tag`, rax = address of argument 0 (see [`exit_frame`]), rdi = `Thread*`:
/// the caller's r15 holds the object pool, as the engine demands at such a call.
/// Out: r15 = `Thread*`; the result is in the word above argument 0. Other registers as after a C call.
///
/// C++ takes the first Dart frame below this one as the native function's own and decodes its call instruction.
fn call_native(a: &mut Assembler, c: &Contract, wrapper: i32) {
    enter_frame(a);
    a.mov_rr(W64, THR, Rdi);
    exit_frame(a, c, Rbx, Rax, NativeArgumentsPassing::ByAddress { wrapper });
}

/// A word that a stub frame hands to the runtime.
enum RuntimeArg {
    /// The register's value.
    Reg(Gpr),
    /// The stack argument with this index.
    StackArg(i32),
    /// A Smi.
    Smi(i8),
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
    a.push_i(0);
    for arg in args {
        match *arg {
            RuntimeArg::Reg(reg) => a.push_r(reg),
            RuntimeArg::StackArg(index) => a.push_m(field(Rbp, FIRST_STACK_ARG + index * WORD)),
            RuntimeArg::Smi(value) => a.push_i(i32::from(value) << SMI_TAG_SIZE),
        }
    }
    match target {
        RuntimeTarget::Field(offset) => a.load(W64, Rax, thread(offset)),
        RuntimeTarget::Address(reg) => a.mov_rr(W64, Rax, reg),
    }
    a.mov_ri(R10, args.len() as i64);
    a.lea(R11, frame_word(2));
    a.call_stub(StubRef::Listed(c.engine.stub.call_to_runtime));
}

/// As [`call_runtime_from_stub_frame`] for an entry that throws.
fn throw_from_stub_frame(a: &mut Assembler, c: &Contract, entry: i32, args: &[RuntimeArg]) {
    call_runtime_from_stub_frame(a, c, RuntimeTarget::Field(entry), args);
    a.ud2();
}

/// Calls a runtime entry from compiled code: `Tail` convention, `(entry, arg 0, ..., arg n-1) -> result`.
///
/// In: rdi = address of the entry; then `arity` tagged arguments. Out: rax = result (tagged).
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
    a.load(W64, RESULT, frame_word(1));
    leave_frame(a);
    a.ret_pop(tail_stack_bytes(u32::from(arity) + 1) as u16);
}

/// `Tail` convention, rdi = exception (tagged); never returns. A safepoint that throws.
fn throw(a: &mut Assembler, c: &Contract) {
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.throw), &[RuntimeArg::Reg(Rdi)]);
}

/// `Tail` convention, rdi = exception, rsi = stack trace (both tagged); never returns. A safepoint that throws. The
/// runtime entry's third argument asks to bypass the debugger, which a product runtime lacks.
fn re_throw(a: &mut Assembler, c: &Contract) {
    let args = [RuntimeArg::Reg(Rdi), RuntimeArg::Reg(Rsi), RuntimeArg::Smi(0)];
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.re_throw), &args);
}

/// `Tail` convention, `() -> ()`. The slow path of the check `rsp <= Thread.stack_limit` in prologues and loops:
/// handles interrupts or throws StackOverflowError. A safepoint that may throw.
fn stack_overflow(a: &mut Assembler, c: &Contract) {
    call_runtime_from_stub_frame(
        a,
        c,
        RuntimeTarget::Field(c.runtime_entry(c.engine.rt.interrupt_or_stack_overflow)),
        &[],
    );
    leave_frame(a);
    a.ret();
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

/// Saves every register that C may overwrite. Returns the size of the save area below the frame pointer.
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

/// `PreserveAll` convention, `() -> ()`. Entered by the transitions around foreign calls when the safepoint state
/// cannot be changed with one compare-and-swap. The leaf entry takes no argument; while it waits, other threads walk
/// this thread's stack from the exit frame that the caller has published, so nothing here is ever visited.
/// `ExitSafepoint` may unwind instead of returning.
fn safepoint_transition(a: &mut Assembler, leaf_entry: i32) {
    enter_frame(a);
    save_volatile_registers(a);
    a.call_m(thread(leaf_entry));
    restore_volatile_registers(a);
    leave_frame(a);
    a.ret();
}

/// Appends `entry` to the pointer block that a thread field holds; overwrites rax and rcx. Branches to the returned
/// label if the block is full now.
fn push_to_block(a: &mut Assembler, block: i32, entry: Gpr, pointers: i32, top: i32, capacity: i32) -> Label {
    let full = a.label();
    a.load(W64, Rax, thread(block));
    a.load(W32, Rcx, field(Rax, top));
    a.store(W64, Mem::indexed(Rax, Rcx, pointers), entry);
    a.alu_ri(Alu::Add, W32, Rcx, 1);
    a.store(W32, field(Rax, top), Rcx);
    a.alu_ri(Alu::Cmp, W32, Rcx, capacity);
    a.jcc(Cond::Equal, full);
    full
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
/// In: rdi = object, rsi = stored value (both tagged heap pointers), rdx = address of the slot, which only the array
/// barrier reads. Entered after the store, when `(tags(object) >> overlap shift) & tags(value) &
/// Thread.write_barrier_mask` is not zero (`UntaggedObject` tags, runtime/vm/raw_object.h):
///
/// - while the marker runs and the value is not marked yet: mark it and push it on a marking stack, the new or
///   the old one depending on the value's generation, which an address bit tells;
/// - if the object is old and not remembered and the value is new: remember the object in the store buffer, or
///   the slot's card in the page's card table.
///
/// Other threads change headers and cards at the same time, hence the locked instructions. Blocks that become full are
/// handed to the runtime in leaf calls.
fn write_barrier(a: &mut Assembler, c: &Contract, cards: Cards) {
    let layout = c.layout;
    let (thr, bits) = (&layout.thread, &layout.untagged_object);
    let tags = layout.object.tags;
    let (object, value, slot) = (Rdi, Rsi, Rdx);
    let incremental = bits.incremental_barrier_mask as u32;
    let generational = bits.generational_barrier_mask as u32;

    let (new_value, remember, done) = (a.label(), a.label(), a.label());
    let (remember_card, leaf_call) = (a.label(), a.label());
    let mut full = Vec::new();

    a.push_r(Rax);
    a.push_r(Rcx);
    a.load(W32, Rax, heap_field(value, tags));
    a.alu_rm(Alu::And, W32, Rax, thread(thr.write_barrier_mask));
    a.test_ri(Rax, incremental);
    a.jcc(Cond::Equal, remember);
    a.lock_bit_mi(BitOp::Reset, heap_field(value, tags), bits.not_marked_bit as u8);
    a.jcc(Cond::AboveEqual, remember);
    a.test_ri(value, c.new_object_bit());
    a.jcc(Cond::NotEqual, new_value);

    let marking = &layout.marking_stack_block;
    let mut push_marking = |a: &mut Assembler, block: i32, leaf: LeafEntry| {
        let overflow = push_to_block(a, block, value, marking.pointers, marking.top, marking.size);
        full.push((overflow, leaf, remember));
    };
    push_marking(a, thr.old_marking_stack_block, c.engine.leaf.old_marking_stack_block_process);
    a.jmp_label(remember);
    a.bind(new_value);
    push_marking(a, thr.new_marking_stack_block, c.engine.leaf.new_marking_stack_block_process);

    a.bind(remember);
    a.load(W32, Rax, heap_field(object, tags));
    a.shift_ri(Shift::Shr, W32, Rax, bits.barrier_overlap_shift as u8);
    a.alu_rm(Alu::And, W32, Rax, heap_field(value, tags));
    a.test_ri(Rax, generational);
    a.jcc(Cond::Equal, done);
    if cards == Cards::OfLargeArrays {
        a.test_mi(heap_field(object, tags), 1 << bits.card_remembered_bit);
        a.jcc(Cond::NotEqual, remember_card);
    }
    a.lock_bit_mi(BitOp::Reset, heap_field(object, tags), bits.old_and_not_remembered_bit as u8);
    a.jcc(Cond::AboveEqual, done);
    let buffer = &layout.store_buffer_block;
    let overflow = push_to_block(a, thr.store_buffer_block, object, buffer.pointers, buffer.top, buffer.size);
    full.push((overflow, c.engine.leaf.store_buffer_block_process, done));

    a.bind(done);
    a.pop_r(Rcx);
    a.pop_r(Rax);
    a.ret();

    for (overflow, leaf, next) in full {
        a.bind(overflow);
        a.load(W64, Rax, thread(c.leaf(leaf)));
        a.call_label(leaf_call);
        a.jmp_label(next);
    }

    a.bind(leaf_call);
    enter_frame(a);
    save_volatile_registers(a);
    a.mov_rr(W64, Rdi, THR);
    a.call_r(Rax);
    restore_volatile_registers(a);
    leave_frame(a);
    a.ret();

    a.bind(remember_card);
    if cards == Cards::OfLargeArrays {
        // The page starts at the object's address rounded down; rcx becomes the card's number, then its bit.
        a.push_r(slot);
        a.mov_rr(W64, Rax, object);
        a.alu_ri(Alu::And, W64, Rax, c.page_mask());
        a.mov_rr(W64, Rcx, slot);
        a.alu_rr(Alu::Sub, W64, Rcx, Rax);
        a.shift_ri(Shift::Shr, W64, Rcx, layout.page.bytes_per_card_log2 as u8);
        a.load(W64, Rax, field(Rax, layout.page.card_table));
        a.mov_rr(W64, slot, Rcx);
        a.shift_ri(Shift::Shr, W64, slot, 6);
        a.lea(Rax, Mem::indexed(Rax, slot, 0));
        a.mov_ri(slot, 1);
        a.shift_cl(Shift::Shl, W64, slot);
        a.lock_alu_mr(Alu::Or, W64, field(Rax, 0), slot);
        a.pop_r(slot);
        a.jmp_label(done);
    }
}
