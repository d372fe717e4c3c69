//! The stubs of AArch64.
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
//! Cranelift's `Tail` convention (arguments x2 to x7, then the stack in an area that is a multiple
//! of 16 bytes and popped by the callee; result in x2; x19 to x28 and the lower halves of v8 to v15 preserved), or
//! `PreserveAll` where said (arguments from x0 on, every register preserved but x16 and x17, no result). In all Dart code x21 is the
//! `Thread*` and x29 the frame pointer. The stack pointer is always a multiple of 16, so frames have an even number of words.

use super::asm::{Arith, Assembler, Cond, Label, Logic, Mem, Shift, Update, Width::*};
use super::regs::{
    C_ARGS, C_CALLEE_SAVED, C_CALLEE_SAVED_FPR, C_CALLER_SAVED, C_RESULT, FPR_COUNT, Fpr, Gpr, Gpr::*,
    INT_ARGS, RESULT, THR,
};
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
    field(Fp, -index * WORD)
}

/// Sets `dst` to the address of a [`frame_word`].
pub(super) fn frame_word_address(asm: &mut Assembler, dst: Gpr, index: i32) {
    asm.arith_ri(Arith::Sub, W64, dst, Fp, (index * WORD) as u32);
}

/// Bytes of stack arguments that a `Tail` function with this many integer parameters pops.
pub(super) fn tail_stack_bytes(int_params: u32) -> u32 {
    (int_params.saturating_sub(INT_ARGS.len() as u32) * WORD as u32).next_multiple_of(16)
}

pub(super) fn enter_frame(asm: &mut Assembler) {
    asm.store_pair(field(Sp, -16), Update::Before, Fp, Lr);
    asm.mov_rr(Fp, Sp);
}

/// Makes room for an even number of words below the frame pointer.
pub(super) fn reserve_frame(asm: &mut Assembler, words: u32) {
    assert!(words.is_multiple_of(2), "the stack stays aligned");
    asm.arith_ri(Arith::Sub, W64, Sp, Sp, words * WORD as u32);
}

pub(super) fn leave_frame(asm: &mut Assembler) {
    asm.mov_rr(Sp, Fp);
    asm.load_pair(Fp, Lr, field(Sp, 16), Update::After);
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

/// Code that must not be reached: one instruction, which is the smallest payload.
pub(super) fn trap() -> RawCode {
    let mut asm = Assembler::new();
    asm.brk();
    asm.finish()
}

// Entry from C++.

/// `InvokeDartCode(entry_point, args_desc, args, Thread*) -> ObjectPtr`, C ABI, entered by `DartEntry` (C++).
///
/// Builds the entry frame and calls `entry_point` as a generic entry: `Tail` convention, x2 = arguments
/// descriptor (tagged), x3 = address of the first element of `args`, which is an interior pointer: the callee reads
/// all arguments before its first safepoint. The result is returned as is.
///
/// C++ reads the exit link at its fixed slot, and visits everything between the stack pointer at the call and that
/// slot as tagged words; it recognises entry frames by a return address inside this code. After an uncaught
/// exception it resumes at that return address with sp and x29 as they were and, by way of `RunExceptionHandler`,
/// the UnhandledException object in x2. Everything after the call must therefore depend on x2 and x29 only. The
/// exception was also left in the thread; there being no landing pad here that takes it, the slots are cleared
/// on every return.
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

    enter_frame(a);
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
    let [pc, sp, fp, current_thread] = C_ARGS;
    a.mov_rr(THR, current_thread);
    a.mov_rr(Fp, fp);
    a.mov_rr(Sp, sp);
    set_dart_vm_tag(a, c);
    a.store(W64, thread(thr.exit_through_ffi), Zr);
    a.store(W64, thread(thr.top_exit_frame_info), Zr);
    a.jmp_r(pc);
}

/// Entered from `JumpToFrame` with sp, x29 and x21 set; continues at `Thread.resume_pc`.
///
/// The exception and the stack trace stay in `Thread.active_exception` and `active_stacktrace`, where the landing
/// pad reads and clears them. The exception is in x2 too, where the return address of `InvokeDartCode`
/// expects the error object of an uncaught exception.
fn run_exception_handler(a: &mut Assembler, c: &Contract) {
    let thr = &c.layout.thread;
    a.load(W64, RESULT, thread(thr.active_exception));
    a.load(W64, X16, thread(thr.resume_pc));
    a.jmp_r(X16);
}

/// As `RunExceptionHandler`, for the call that a foreign callback made into Dart and that failed: the "exception"
/// is the callback's exceptional return value, a Smi or Mint, and resumes as a raw int64 in x2 as if returned.
/// Nobody else looks at the thread's slots, so they are cleared here.
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

fn set_dart_vm_tag(a: &mut Assembler, c: &Contract) {
    a.mov_ri(X16, i64::from(c.dart_vm_tag()));
    a.store(W64, thread(c.layout.thread.vm_tag), X16);
}

// Calls into C++.

/// How C++ gets at the NativeArguments structure that an exit frame builds.
enum NativeArgumentsPassing {
    /// By value, which for a structure of this size means the address of a copy in x0, to the function whose address is in the target
    /// register: runtime entries.
    ByValue,
    /// By address in x0, with the C function in x1, to the function at this thread offset: native wrappers.
    ByAddress { wrapper: i32 },
}

/// The body of an exit frame: enters it, tells the thread, calls C++ with a NativeArguments structure, undoes it all.
///
/// In: `target` = address recorded as VM tag, x10 = `argc_tag`, x11 = address of argument 0, with the
/// other arguments at descending addresses and the result slot in the word above. Argument and result words belong
/// to the caller's frame and are described as tagged there, as C++ reads arguments again after collections.
fn exit_frame(a: &mut Assembler, c: &Contract, target: Gpr, passing: NativeArgumentsPassing) {
    let thr = &c.layout.thread;
    let args = &c.layout.native_arguments;
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
    leave_frame(a);
    a.ret();
}

/// Calls a runtime entry with an exit frame. Entered by the stubs below from a stub frame.
///
/// In: x9 = the entry's address, x10 = argument count, x11 = address of argument 0 (see [`exit_frame`]).
/// Out: the result is in the word above argument 0. Registers as after a C call.
fn call_to_runtime(a: &mut Assembler, c: &Contract) {
    enter_frame(a);
    exit_frame(a, c, X9, NativeArgumentsPassing::ByValue);
}

/// Calls a native function through one of the engine's wrappers. Entered by bodies of native functions, by way of a
/// pool slot that the engine rewrites when it links the function.
///
/// In: x5 = the C function, x10 = `argc_tag`, x11 = address of argument 0 (see [`exit_frame`]).
/// Out: the result is in the word above argument 0. Registers as after a C call.
///
/// C++ takes the first Dart frame below this one as the native function's own and decodes its call instruction.
fn call_native(a: &mut Assembler, c: &Contract, wrapper: i32) {
    enter_frame(a);
    exit_frame(a, c, X5, NativeArgumentsPassing::ByAddress { wrapper });
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
    let used_words = 1 + args.len() as u32;
    let words = used_words.next_multiple_of(2);
    enter_frame(a);
    reserve_frame(a, words);
    a.store(W64, frame_word(1), Zr);
    for (word, arg) in (2..).zip(args) {
        let reg = match *arg {
            RuntimeArg::Reg(reg) => reg,
            RuntimeArg::StackArg(index) => {
                a.load(W64, X16, field(Fp, FIRST_STACK_ARG + index * WORD));
                X16
            }
            RuntimeArg::Smi(0) => Zr,
            RuntimeArg::Smi(value) => {
                a.mov_ri(X16, i64::from(value) << SMI_TAG_SIZE);
                X16
            }
        };
        a.store(W64, frame_word(word), reg);
    }
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

/// As [`call_runtime_from_stub_frame`] for an entry that throws.
fn throw_from_stub_frame(a: &mut Assembler, c: &Contract, entry: i32, args: &[RuntimeArg]) {
    call_runtime_from_stub_frame(a, c, RuntimeTarget::Field(entry), args);
    a.brk();
}

/// Calls a runtime entry from compiled code: `Tail` convention, `(entry, arg 0, ..., arg n-1) -> result`.
///
/// In: x2 = address of the entry; then `arity` tagged arguments. Out: x2 = result (tagged).
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
    a.ret_pop(tail_stack_bytes(u32::from(arity) + 1));
}

/// `Tail` convention, x2 = exception (tagged); never returns. A safepoint that throws.
fn throw(a: &mut Assembler, c: &Contract) {
    throw_from_stub_frame(a, c, c.runtime_entry(c.engine.rt.throw), &[RuntimeArg::Reg(INT_ARGS[0])]);
}

/// `Tail` convention, x2 = exception, x3 = stack trace (both tagged); never returns. A safepoint that throws. The
/// runtime entry's third argument asks to bypass the debugger, which a product runtime lacks.
fn re_throw(a: &mut Assembler, c: &Contract) {
    let args = [RuntimeArg::Reg(INT_ARGS[0]), RuntimeArg::Reg(INT_ARGS[1]), RuntimeArg::Smi(0)];
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

/// Where pairs of vector registers are saved around a leaf call, and above them pairs of others, relative to the stack pointer at each.
fn volatile_pairs() -> (impl Iterator<Item = (Fpr, Fpr, Mem)>, impl Iterator<Item = (Gpr, Gpr, Mem)>) {
    let vectors = (0..FPR_COUNT).step_by(2);
    let vectors = vectors.map(|reg| (Fpr(reg), Fpr(reg + 1), field(Sp, i32::from(reg) * 16)));
    let general = (0..).step_by(16).zip(C_CALLER_SAVED.chunks_exact(2));
    (vectors, general.map(|(offset, pair)| (pair[0], pair[1], field(Sp, offset))))
}

/// Saves every register that C may overwrite and that compiled code keeps values in, below the frame pointer.
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

/// `PreserveAll` convention, `() -> ()`. Entered by the transitions around foreign calls when the safepoint state
/// cannot be changed with one compare-and-swap. The leaf entry takes no argument; while it waits, other threads walk
/// this thread's stack from the exit frame that the caller has published, so nothing here is ever visited.
/// `ExitSafepoint` may unwind instead of returning.
fn safepoint_transition(a: &mut Assembler, leaf_entry: i32) {
    enter_frame(a);
    save_volatile_registers(a);
    a.load(W64, X16, thread(leaf_entry));
    a.call_r(X16);
    restore_volatile_registers(a);
    leave_frame(a);
    a.ret();
}

/// Clears a bit of a heap object's header, which other threads may be changing too; overwrites x3, x4 and x16. Branches to `clear`
/// if the bit is not set.
fn clear_header_bit(a: &mut Assembler, object: Gpr, tags: i32, bit: i32, clear: Label) {
    let retry = a.label();
    let bit = bit.cast_unsigned();
    // Exclusive accesses have no displacement.
    a.arith_ri(Arith::Sub, W64, X16, object, (HEAP_OBJECT_TAG - tags).cast_unsigned());
    a.bind(retry);
    a.load_exclusive(X3, X16);
    a.jump_if_clear(X3, bit, clear);
    a.logic_ri(Logic::And, W64, X3, X3, !(1 << bit));
    a.store_exclusive(X4, X3, X16);
    a.jump_if_not_zero(W32, X4, retry);
}

/// Appends `entry` to the pointer block that a thread field holds; overwrites x3, x16 and x17. Branches to the returned
/// label if the block is full now.
fn push_to_block(a: &mut Assembler, block: i32, entry: Gpr, pointers: i32, top: i32, capacity: i32) -> Label {
    let full = a.label();
    a.load(W64, X16, thread(block));
    a.load(W32, X17, field(X16, top));
    a.arith_rr(Arith::Add, W64, X3, X16, X17, WORD.trailing_zeros());
    a.store(W64, field(X3, pointers), entry);
    a.arith_ri(Arith::Add, W32, X17, X17, 1);
    a.store(W32, field(X16, top), X17);
    a.cmp_ri(W32, X17, capacity.cast_unsigned());
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
/// In: x0 = object, x1 = stored value (both tagged heap pointers), x2 = address of the slot, which only the array
/// barrier reads. Entered after the store, when `(tags(object) >> overlap shift) & tags(value) &
/// Thread.write_barrier_mask` is not zero (`UntaggedObject` tags, runtime/vm/raw_object.h):
///
/// - while the marker runs and the value is not marked yet: mark it and push it on a marking stack, the new or
///   the old one depending on the value's generation, which an address bit tells;
/// - if the object is old and not remembered and the value is new: remember the object in the store buffer, or
///   the slot's card in the page's card table.
///
/// Other threads change headers and cards at the same time, hence the exclusive accesses; the processors that the engine supports need
/// not have the newer instructions that do it at once. Blocks that become full are handed to the runtime in leaf calls.
fn write_barrier(a: &mut Assembler, c: &Contract, cards: Cards) {
    let layout = c.layout;
    let (thr, bits) = (&layout.thread, &layout.untagged_object);
    let tags = layout.object.tags;
    let [object, value, slot, ..] = C_ARGS;
    let incremental = bits.incremental_barrier_mask as u64;
    let generational = bits.generational_barrier_mask as u64;

    let (new_value, remember, done) = (a.label(), a.label(), a.label());
    let (remember_card, leaf_call) = (a.label(), a.label());
    let mut full = Vec::new();

    a.store_pair(field(Sp, -16), Update::Before, X3, X4);
    a.load(W32, X16, heap_field(value, tags));
    a.load(W64, X17, thread(thr.write_barrier_mask));
    a.logic_rr(Logic::And, W64, X16, X16, X17);
    a.tst_ri(W64, X16, incremental);
    a.jcc(Cond::Equal, remember);
    clear_header_bit(a, value, tags, bits.not_marked_bit, remember);
    a.jump_if_set(value, c.new_object_bit().trailing_zeros(), new_value);

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
    a.load(W32, X16, heap_field(object, tags));
    a.load(W32, X17, heap_field(value, tags));
    a.shift_ri(Shift::Lsr, W32, X3, X16, bits.barrier_overlap_shift as u32);
    a.logic_rr(Logic::And, W32, X17, X17, X3);
    a.tst_ri(W32, X17, generational);
    a.jcc(Cond::Equal, done);
    if cards == Cards::OfLargeArrays {
        a.jump_if_set(X16, bits.card_remembered_bit as u32, remember_card);
    }
    clear_header_bit(a, object, tags, bits.old_and_not_remembered_bit, done);
    let buffer = &layout.store_buffer_block;
    let overflow = push_to_block(a, thr.store_buffer_block, object, buffer.pointers, buffer.top, buffer.size);
    full.push((overflow, c.engine.leaf.store_buffer_block_process, done));

    a.bind(done);
    a.load_pair(X3, X4, field(Sp, 16), Update::After);
    a.ret();

    for (overflow, leaf, next) in full {
        a.bind(overflow);
        enter_frame(a);
        a.load(W64, X16, thread(c.leaf(leaf)));
        a.call_label(leaf_call);
        leave_frame(a);
        a.jmp_label(next);
    }

    a.bind(leaf_call);
    enter_frame(a);
    save_volatile_registers(a);
    a.mov_rr(C_ARGS[0], THR);
    a.call_r(X16);
    restore_volatile_registers(a);
    leave_frame(a);
    a.ret();

    a.bind(remember_card);
    if cards == Cards::OfLargeArrays {
        // The page starts at the object's address rounded down; x17 becomes the card's number, x16 the address of the word with its bit.
        let retry = a.label();
        a.logic_ri(Logic::And, W64, X16, object, i64::from(c.page_mask()).cast_unsigned());
        a.arith_rr(Arith::Sub, W64, X17, slot, X16, 0);
        a.shift_ri(Shift::Lsr, W64, X17, X17, layout.page.bytes_per_card_log2 as u32);
        a.load(W64, X16, field(X16, layout.page.card_table));
        a.shift_ri(Shift::Lsr, W64, X3, X17, 6);
        a.arith_rr(Arith::Add, W64, X16, X16, X3, WORD.trailing_zeros());
        a.mov_ri(X3, 1);
        a.lsl_rr(X17, X3, X17);
        a.bind(retry);
        a.load_exclusive(X3, X16);
        a.logic_rr(Logic::Or, W64, X3, X3, X17);
        a.store_exclusive(X4, X3, X16);
        a.jump_if_not_zero(W32, X4, retry);
        a.jmp_label(done);
    }
}
