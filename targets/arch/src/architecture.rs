//! The stubs: which there are, what each must do, and the code of those that consist of the same parts everywhere.
//!
//! [`Architecture`] has a method for each stub whose instructions are a matter of the processor, documented with its
//! contract: who enters the code and what the engine's C++ code reads of the frames it builds. The implementations add what the
//! registers hold. Two layers carry most of the weight:
//!
//! - An *exit frame* is what the engine starts a stack walk from. `Thread.top_exit_frame_info` holds its frame
//!   pointer while C++ runs. The garbage collector visits nothing in it, so arguments and the result slot lie in
//!   the frame below it (the next older one).
//! - A *stub frame* is a frame of a stub that is not an exit frame. Stubs have no stack maps, and without a map the
//!   collector visits every word between the frame's stack pointer and its saved frame pointer as a tagged pointer.
//!   A stub frame therefore holds tagged words only, and no raw register may be saved in it.
//!
//! Functions that C++ calls (`InvokeDartCode`, `JumpToFrame`) use the C ABI; functions that Dart code calls use the
//! `Tail` convention of the code generator, or `PreserveAll` where said: every register is preserved but those that
//! hold nothing between instructions of compiled code, and there is no result.

use crate::asm::{Assembler, Label, Reference, assembled};
use crate::code::{Error, ExtraStub, NativeFunction, RawCode, StackMap, StubCode, StubRef, StubRole};
use crate::contract::Contract;
use snapcrane_engines::{Engine, HEAP_OBJECT_TAG, LeafEntry, Stub, TargetSpec};

/// A memory operand, a register and a displacement, and the registers that all code of the architecture finds
/// something in.
pub(crate) trait Operand: Sized {
    /// General-purpose registers.
    type Gpr: Copy + PartialEq + 'static;
    /// The register with the `Thread*`.
    const THREAD: Self::Gpr;
    /// The register with the frame pointer.
    const FRAME_POINTER: Self::Gpr;
    /// Bytes per word.
    const WORD: i32;

    /// `base + disp`
    fn at(base: Self::Gpr, disp: i32) -> Self;
}

/// The field of an untagged structure at `base`, or of the thread.
pub(crate) fn field<M: Operand>(base: M::Gpr, offset: i32) -> M {
    M::at(base, offset)
}

/// A field of the heap object that `base` points to with its tag.
pub(crate) fn heap_field<M: Operand>(base: M::Gpr, offset: i32) -> M {
    M::at(base, offset - HEAP_OBJECT_TAG)
}

/// A field of the current thread.
pub(crate) fn thread<M: Operand>(offset: i32) -> M {
    M::at(M::THREAD, offset)
}

/// The `index`-th word below the frame pointer, counting from one.
pub(crate) fn frame_word<M: Operand>(index: i32) -> M {
    M::at(M::FRAME_POINTER, -index * M::WORD)
}

/// The `index`-th stack argument, behind the saved frame pointer and the return address.
pub(crate) fn stack_argument<M: Operand>(index: i32) -> M {
    M::at(M::FRAME_POINTER, (2 + index) * M::WORD)
}

/// A word that a frame hands to C++.
#[derive(Clone, Copy)]
pub(crate) enum Argument<G> {
    /// The register's value.
    Reg(G),
    /// The stack argument with this index.
    Stack(i32),
    /// A Smi.
    Smi(i8),
}

/// Where a runtime call's target comes from.
#[derive(Clone, Copy)]
pub(crate) enum RuntimeTarget<G> {
    /// The thread field at a fixed offset.
    Field(i32),
    /// This register.
    Address(G),
}

/// How C++ gets at the NativeArguments structure that an exit frame builds.
#[derive(Clone, Copy)]
pub(crate) enum NativeArgumentsPassing {
    /// By value, as the C ABI has it, to the runtime entry.
    ByValue,
    /// By address, and the native function as second argument, to the function at this thread offset, one of
    /// the engine's wrappers of native functions.
    ByAddress {
        /// The offset.
        wrapper: i32,
    },
}

/// A pointer block of the barriers (`PointerBlock`, runtime/vm/heap/pointer_block.h).
#[derive(Clone, Copy)]
pub(crate) struct Block {
    /// Offset of the thread field with the block's address.
    pub(crate) thread_field: i32,
    /// Offset of the first pointer in the block.
    pub(crate) pointers: i32,
    /// Offset of the number of pointers, which has 32 bits.
    pub(crate) top: i32,
    /// The number of pointers that make it full.
    pub(crate) size: i32,
}

/// The registers of general purpose of an architecture.
pub(crate) type GprOf<A> = <<A as Architecture>::Mem as Operand>::Gpr;

/// The assembler of an architecture.
pub(crate) type AssemblerOf<A> = Assembler<<A as Architecture>::Reference>;

/// The hand-written code of one architecture.
///
/// First the stubs whose instructions are its own, then the parts that the others consist of.
pub(crate) trait Architecture {
    /// References to labels.
    type Reference: Reference;
    /// Memory operands.
    type Mem: Operand;

    /// Alignment of stub and native-function entries in bytes.
    const ALIGNMENT: u32;
    /// Integer argument registers of `Tail`, in order. Further arguments go to the stack.
    const TAIL_ARGS: &'static [GprOf<Self>];
    /// The first integer argument registers of `PreserveAll`.
    const PRESERVE_ALL_ARGS: [GprOf<Self>; 3];

    /// `InvokeDartCode(entry_point, args_desc, args, Thread*) -> ObjectPtr`, C ABI, entered by `DartEntry` (C++).
    ///
    /// Builds the entry frame and calls `entry_point` as a generic entry: `Tail` convention, first the arguments
    /// descriptor (tagged), then the address of the first element of `args`, which is an interior pointer: the callee reads
    /// all arguments before its first safepoint. The result is returned as is.
    ///
    /// C++ reads the exit link at its fixed slot, and visits everything between the stack pointer at the call and that
    /// slot as tagged words; it recognises entry frames by a return address inside this code. After an uncaught
    /// exception it resumes at that return address with stack and frame pointer as they were and, by way of
    /// `RunExceptionHandler`, the UnhandledException object in the result register. Everything after the call must
    /// therefore depend on the result and the frame pointer only. The exception was also left in the thread; there
    /// being no landing pad here that takes it, the slots are cleared on every return.
    fn invoke_dart_code(a: &mut AssemblerOf<Self>, c: &Contract);

    /// `JumpToFrame(pc, sp, fp, Thread*)`, C ABI, entered by `Exceptions::JumpToFrame` (C++), never returns.
    ///
    /// Abandons the C++ frames and continues at `pc` (a RunExceptionHandler stub) in the Dart or entry frame whose stack
    /// and frame pointers are given. `exit_through_ffi` is cleared because the transition code that follows a foreign
    /// call, which would do it, is skipped; C++ has read it by now.
    fn jump_to_frame(a: &mut AssemblerOf<Self>, c: &Contract);

    /// Entered from `JumpToFrame` with stack pointer, frame pointer and thread set; continues at `Thread.resume_pc`.
    ///
    /// The exception and the stack trace stay in `Thread.active_exception` and `active_stacktrace`, where the landing
    /// pad reads and clears them. The exception is in the result register of `Tail` too, where the return address of
    /// `InvokeDartCode` expects the error object of an uncaught exception.
    fn run_exception_handler(a: &mut AssemblerOf<Self>, c: &Contract);

    /// As `RunExceptionHandler`, for the call that a foreign callback made into Dart and that failed: the "exception"
    /// is the callback's exceptional return value, a Smi or Mint, and resumes as a raw int64 as if returned.
    /// Nobody else looks at the thread's slots, so they are cleared here.
    fn run_exception_handler_unbox(a: &mut AssemblerOf<Self>, c: &Contract);

    /// The body of an exit frame, which is open: tells the thread, calls C++ with a NativeArguments structure, undoes it all, and
    /// returns.
    ///
    /// In: the address of the runtime entry or native function, recorded as VM tag; the argument count or `argc_tag`; and the
    /// address of argument 0, with the other arguments at descending addresses and the result slot in the word above. Argument
    /// and result words belong to the caller's frame and are described as tagged there, as C++ reads arguments again
    /// after collections.
    /// Out: the result is in the word above argument 0. Registers as after a C call.
    fn exit_frame(a: &mut AssemblerOf<Self>, c: &Contract, passing: NativeArgumentsPassing);

    /// The smallest payload that code may have: stops the process.
    fn trap(a: &mut AssemblerOf<Self>);

    /// Stops the process.
    fn undefined(a: &mut AssemblerOf<Self>) {
        Self::trap(a);
    }

    /// Continues at a label.
    fn jump(a: &mut AssemblerOf<Self>, label: Label);

    /// Opens a frame.
    fn enter_frame(a: &mut AssemblerOf<Self>);

    /// Closes the frame and returns from a `Tail` function with this many integer parameters.
    fn leave_frame_and_return(a: &mut AssemblerOf<Self>, int_params: u32);

    /// Builds a stub frame of a result slot (Smi 0, so that entries without a result return that) and the arguments,
    /// and calls the runtime entry. The result is in the frame's first word afterwards.
    fn call_runtime(
        a: &mut AssemblerOf<Self>,
        c: &Contract,
        target: RuntimeTarget<GprOf<Self>>,
        args: &[Argument<GprOf<Self>>],
    );

    /// Loads the frame's first word to the result register of `Tail`.
    fn load_result(a: &mut AssemblerOf<Self>);

    /// Saves every register that C may overwrite and `PreserveAll` preserves to the frame just opened, and aligns the stack.
    fn save_volatile_registers(a: &mut AssemblerOf<Self>);

    /// Undoes [`Self::save_volatile_registers`].
    fn restore_volatile_registers(a: &mut AssemblerOf<Self>);

    /// Calls the leaf entry whose address is in the thread at `entry`, without arguments.
    fn call_leaf_without_arguments(a: &mut AssemblerOf<Self>, entry: i32);

    /// Calls the part of a barrier at `part`, with a register set to the address of the leaf entry in the thread at `entry`.
    fn call_part_for_leaf(a: &mut AssemblerOf<Self>, entry: i32, part: Label);

    /// Calls the leaf entry that [`Self::call_part_for_leaf`] has given, with the thread as argument.
    fn call_leaf_with_thread(a: &mut AssemblerOf<Self>);

    /// Saves the registers that the following parts of a barrier overwrite: scratch registers of the barrier.
    fn enter_barrier(a: &mut AssemblerOf<Self>);

    /// Restores what [`Self::enter_barrier`] has saved, and returns.
    fn leave_barrier(a: &mut AssemblerOf<Self>);

    /// Branches to `otherwise` unless the marker runs and wants to know of stores of this value, by the value's
    /// header and the thread's mask.
    fn branch_unless_marking(a: &mut AssemblerOf<Self>, c: &Contract, value: GprOf<Self>, otherwise: Label);

    /// Branches if the object is in the new generation.
    fn branch_if_new(a: &mut AssemblerOf<Self>, c: &Contract, object: GprOf<Self>, label: Label);

    /// Branches to `otherwise` unless `object` is old and not remembered and `value` is new. If that is so and the
    /// object has cards, branches to `has_cards` if there is such a label.
    fn branch_unless_remembering(
        a: &mut AssemblerOf<Self>,
        c: &Contract,
        object: GprOf<Self>,
        value: GprOf<Self>,
        otherwise: Label,
        has_cards: Option<Label>,
    );

    /// Clears a bit of a heap object's header, which other threads may be changing too. Branches to `was_clear` if the
    /// bit is not set.
    fn clear_header_bit(
        a: &mut AssemblerOf<Self>,
        c: &Contract,
        object: GprOf<Self>,
        bit: i32,
        was_clear: Label,
    );

    /// Appends `entry` to a block. Branches to `full` if the block is full now.
    fn push_to_block(a: &mut AssemblerOf<Self>, block: Block, entry: GprOf<Self>, full: Label);

    /// Sets the bit of a slot's card, which other threads may be setting too, in the card table of an object's page.
    fn mark_card(a: &mut AssemblerOf<Self>, c: &Contract, object: GprOf<Self>, slot: GprOf<Self>);
}

/// Bodies of native functions on one architecture.
pub(crate) trait NativeBodies: Architecture {
    /// The body of a native function and the stack map of its call: `Tail` convention, all parameters and the result
    /// tagged. It calls its trampoline with a sequence of instructions that the engine decodes backwards from
    /// the return address when the function is first called, to store the C function and the right trampoline stub to
    /// the two pool slots that the sequence loads.
    fn native_body(native: &NativeFunction, c: &Contract) -> Result<(RawCode, StackMap), Error>;
}

/// Where an integer argument of a `Tail` function comes in.
pub(crate) fn tail_argument<A: Architecture + ?Sized>(index: usize) -> Argument<GprOf<A>> {
    match A::TAIL_ARGS.get(index) {
        Some(&reg) => Argument::Reg(reg),
        None => Argument::Stack((index - A::TAIL_ARGS.len()) as i32),
    }
}

/// Bytes of stack arguments that a `Tail` function of Cranelift's with this many integer parameters pops.
pub(crate) fn tail_stack_bytes<A: Architecture + ?Sized>(int_params: u32) -> u32 {
    let words = int_params.saturating_sub(A::TAIL_ARGS.len() as u32);
    (words * A::Mem::WORD as u32).next_multiple_of(16)
}

/// The engine's stubs in their order, with names.
pub(crate) fn stub_list(engine: &Engine) -> impl Iterator<Item = (Stub, &'static str)> {
    (0..).map(Stub).zip(engine.stubs.iter().copied())
}

/// All stubs of a target: the engine's list in its order, then [`ExtraStub::all`].
pub(crate) fn stub_set<A: Architecture>(target: &TargetSpec) -> Vec<StubCode> {
    let contract = Contract::new(target);
    let listed = stub_list(target.engine).map(|(stub, name)| {
        let (code, role) = match listed::<A>(stub, &contract) {
            Some(code) => (code, StubRole::Code),
            None => (assembled(A::trap), StubRole::Trap),
        };
        stub_code::<A>(StubRef::Listed(stub), name.to_string(), code, role)
    });
    let extra = ExtraStub::all().map(|stub| {
        let code = assembled(|a| match stub {
            ExtraStub::RuntimeCall(arity) => runtime_call::<A>(a, &contract, arity),
        });
        stub_code::<A>(StubRef::Extra(stub), stub.to_string(), code, StubRole::Code)
    });
    listed.chain(extra).collect()
}

fn stub_code<A: Architecture>(stub: StubRef, name: String, code: RawCode, role: StubRole) -> StubCode {
    // Traps are never executed, so they need no more than the engine's minimum.
    let align = match role {
        StubRole::Code => A::ALIGNMENT,
        StubRole::Trap => code.bytes.len().next_power_of_two() as u32,
    };
    StubCode { stub, name, bytes: code.bytes, relocs: code.relocs, align, role }
}

/// The code of a stub in the engine's list, `None` for stubs that nothing in an AOT program enters.
fn listed<A: Architecture>(stub: Stub, c: &Contract) -> Option<RawCode> {
    let mut asm = Assembler::new();
    let a = &mut asm;
    let thr = &c.layout.thread;
    let (s, leaf) = (&c.engine.stub, &c.engine.leaf);
    match stub {
        _ if stub == s.jump_to_frame => A::jump_to_frame(a, c),
        _ if stub == s.run_exception_handler => A::run_exception_handler(a, c),
        _ if stub == s.run_exception_handler_unbox => A::run_exception_handler_unbox(a, c),
        _ if stub == s.write_barrier => write_barrier::<A>(a, c, Cards::Never),
        _ if stub == s.array_write_barrier => write_barrier::<A>(a, c, Cards::OfLargeArrays),
        _ if stub == s.call_to_runtime => call_to_runtime::<A>(a, c),
        _ if stub == s.call_bootstrap_native => {
            call_native::<A>(a, c, thr.bootstrap_native_wrapper_entry_point)
        }
        _ if stub == s.call_no_scope_native => {
            call_native::<A>(a, c, thr.no_scope_native_wrapper_entry_point)
        }
        _ if stub == s.call_auto_scope_native => {
            call_native::<A>(a, c, thr.auto_scope_native_wrapper_entry_point)
        }
        _ if stub == s.invoke_dart_code => A::invoke_dart_code(a, c),
        _ if stub == s.dispatch_table_null_error => dispatch_table_null_error::<A>(a, c),
        _ if stub == s.stack_overflow_shared_without_fpu_regs => stack_overflow::<A>(a, c),
        _ if stub == s.enter_safepoint => safepoint_transition::<A>(a, c.leaf(leaf.enter_safepoint)),
        _ if stub == s.exit_safepoint => safepoint_transition::<A>(a, c.leaf(leaf.exit_safepoint)),
        _ if stub == s.throw => throw::<A>(a, c),
        _ if stub == s.re_throw => re_throw::<A>(a, c),
        _ => return None,
    }
    Some(asm.finish())
}

// Calls into C++.

/// Calls a runtime entry with an exit frame. Entered from a stub frame by code of [`Architecture::call_runtime`].
///
/// In and out: as in [`Architecture::exit_frame`].
fn call_to_runtime<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract) {
    A::enter_frame(a);
    A::exit_frame(a, c, NativeArgumentsPassing::ByValue);
}

/// Calls a native function through one of the engine's wrappers. Entered by bodies of native functions, by way of a
/// pool slot that the engine rewrites when it links the function.
///
/// In and out: as in [`Architecture::exit_frame`].
///
/// C++ takes the first Dart frame below this one as the native function's own and decodes its call instruction.
fn call_native<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract, wrapper: i32) {
    A::enter_frame(a);
    A::exit_frame(a, c, NativeArgumentsPassing::ByAddress { wrapper });
}

/// Calls a runtime entry from compiled code: `Tail` convention, `(entry, arg 0, ..., arg n-1) -> result`.
///
/// In: the address of the entry; then `arity` tagged arguments. Out: the result (tagged).
/// The call is a safepoint and may throw. Stack arguments are copied to the stub frame, so the caller's
/// stack map need not describe them.
fn runtime_call<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract, arity: u8) {
    let args: Vec<_> = (1..=usize::from(arity)).map(tail_argument::<A>).collect();
    A::call_runtime(a, c, RuntimeTarget::Address(A::TAIL_ARGS[0]), &args);
    A::load_result(a);
    A::leave_frame_and_return(a, u32::from(arity) + 1);
}

/// As [`Architecture::call_runtime`] for an entry that throws.
fn throw_from_stub_frame<A: Architecture>(
    a: &mut AssemblerOf<A>,
    c: &Contract,
    entry: i32,
    args: &[Argument<GprOf<A>>],
) {
    A::call_runtime(a, c, RuntimeTarget::Field(entry), args);
    A::undefined(a);
}

/// `Tail` convention, `(exception)`, tagged; never returns. A safepoint that throws.
fn throw<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract) {
    throw_from_stub_frame::<A>(a, c, c.runtime_entry(c.engine.rt.throw), &[tail_argument::<A>(0)]);
}

/// `Tail` convention, `(exception, stack trace)`, both tagged; never returns. A safepoint that throws. The
/// runtime entry's third argument asks to bypass the debugger, which a product runtime lacks.
fn re_throw<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract) {
    let args = [tail_argument::<A>(0), tail_argument::<A>(1), Argument::Smi(0)];
    throw_from_stub_frame::<A>(a, c, c.runtime_entry(c.engine.rt.re_throw), &args);
}

/// `Tail` convention, `() -> ()`. The slow path of the check of the stack pointer against `Thread.stack_limit` in prologues
/// and loops: handles interrupts or throws StackOverflowError. A safepoint that may throw.
fn stack_overflow<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract) {
    let entry = c.runtime_entry(c.engine.rt.interrupt_or_stack_overflow);
    A::call_runtime(a, c, RuntimeTarget::Field(entry), &[]);
    A::leave_frame_and_return(a, 0);
}

/// Fills the dispatch-table cells that no class uses; entered by a dispatch call whose receiver's class does not
/// have the selector. Registers and stack hold the call's arguments in an unknown arrangement. Never returns.
///
/// Only null can get here: dynamic calls have rows without unused cells, and other calls have receivers of a type
/// that has the member, up to a null which the core libraries let through a non-nullable type. The runtime entry
/// made for this stub, `DispatchTableNullError`, wants to find the member's name in the caller's CodeSourceMap
/// and stops the process if it does not; `NullErrorWithSelector` needs the name. `NullCastError` needs nothing and
/// throws the error of a failed null check.
fn dispatch_table_null_error<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract) {
    throw_from_stub_frame::<A>(a, c, c.runtime_entry(c.engine.rt.null_cast_error), &[]);
}

// Leaf calls and what surrounds them.

/// `PreserveAll` convention, `() -> ()`. Entered by the transitions around foreign calls when the safepoint state
/// cannot be changed with one compare-and-swap. The leaf entry takes no argument; while it waits, other threads walk
/// this thread's stack from the exit frame that the caller has published, so nothing here is ever visited.
/// `ExitSafepoint` may unwind instead of returning.
fn safepoint_transition<A: Architecture>(a: &mut AssemblerOf<A>, leaf_entry: i32) {
    A::enter_frame(a);
    A::save_volatile_registers(a);
    A::call_leaf_without_arguments(a, leaf_entry);
    A::restore_volatile_registers(a);
    A::leave_frame_and_return(a, 0);
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
/// In: the object, the stored value (both tagged heap pointers), and the address of the slot, which only the array
/// barrier reads. Entered after the store, when `(tags(object) >> overlap shift) & tags(value) &
/// Thread.write_barrier_mask` is not zero (`UntaggedObject` tags, runtime/vm/raw_object.h):
///
/// - while the marker runs and the value is not marked yet: mark it and push it on a marking stack, the new or
///   the old one depending on the value's generation, which an address bit tells;
/// - if the object is old and not remembered and the value is new: remember the object in the store buffer, or
///   the slot's card in the page's card table.
///
/// Other threads change headers and cards at the same time. Blocks that become full are handed to the runtime in leaf calls.
fn write_barrier<A: Architecture>(a: &mut AssemblerOf<A>, c: &Contract, cards: Cards) {
    let (thr, leaf) = (&c.layout.thread, &c.engine.leaf);
    let bits = &c.layout.untagged_object;
    let [object, value, slot] = A::PRESERVE_ALL_ARGS;

    let (new_value, remember, done) = (a.label(), a.label(), a.label());
    let (remember_card, leaf_call) = (a.label(), a.label());
    let mut overflows = Vec::new();
    let mut push = |a: &mut AssemblerOf<A>, block, entry, leaf: LeafEntry, next| {
        let full = a.label();
        A::push_to_block(a, block, entry, full);
        overflows.push((full, leaf, next));
    };
    let marking = |thread_field| {
        let layout = &c.layout.marking_stack_block;
        Block { thread_field, pointers: layout.pointers, top: layout.top, size: layout.size }
    };
    let store_buffer = {
        let layout = &c.layout.store_buffer_block;
        let thread_field = thr.store_buffer_block;
        Block { thread_field, pointers: layout.pointers, top: layout.top, size: layout.size }
    };

    A::enter_barrier(a);
    A::branch_unless_marking(a, c, value, remember);
    A::clear_header_bit(a, c, value, bits.not_marked_bit, remember);
    A::branch_if_new(a, c, value, new_value);
    push(a, marking(thr.old_marking_stack_block), value, leaf.old_marking_stack_block_process, remember);
    A::jump(a, remember);
    a.bind(new_value);
    push(a, marking(thr.new_marking_stack_block), value, leaf.new_marking_stack_block_process, remember);

    a.bind(remember);
    let has_cards = (cards == Cards::OfLargeArrays).then_some(remember_card);
    A::branch_unless_remembering(a, c, object, value, done, has_cards);
    A::clear_header_bit(a, c, object, bits.old_and_not_remembered_bit, done);
    push(a, store_buffer, object, leaf.store_buffer_block_process, done);

    a.bind(done);
    A::leave_barrier(a);

    for (full, leaf, next) in overflows {
        a.bind(full);
        A::call_part_for_leaf(a, c.leaf(leaf), leaf_call);
        A::jump(a, next);
    }

    a.bind(leaf_call);
    A::enter_frame(a);
    A::save_volatile_registers(a);
    A::call_leaf_with_thread(a);
    A::restore_volatile_registers(a);
    A::leave_frame_and_return(a, 0);

    a.bind(remember_card);
    if cards == Cards::OfLargeArrays {
        A::mark_card(a, c, object, slot);
        A::jump(a, done);
    }
}
