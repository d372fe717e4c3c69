//! What every architecture's stubs must do, as tests: each scenario runs on a [`Machine`] with fakes of the C++ functions.
//!
//! The tests play the engine's part on both sides: they call Dart code as C++ does, and are what Dart code calls. That
//! code is assembled from the few instructions that a [`Processor`] brings along. [`every_scenario`] makes tests of
//! them in the folder of an architecture.

mod barriers;

use crate::architecture::{AssemblerOf, GprOf, Operand, field, stub_list, thread};
use crate::asm::Assembler;
use crate::code::{Error, ExtraStub, NativeCode, NativeFunction, RawCode, Reloc, StubRef, StubRole};
use crate::machine::{Cpp, Cpu, Exit, Machine, Processor, word_mask};
use crate::{RelocKind, RelocTarget, native_function_body, stubs};
use snapcrane_engines::{Layout, Stub, TargetSpec};

/// Makes tests of all scenarios for an architecture.
macro_rules! every_scenario {
    ($architecture:ty) => {
        crate::scenarios::every_scenario! { $architecture:
            invoke_dart_code_builds_an_entry_frame,
            runtime_calls_pass_arguments_in_order,
            exceptions_reach_landing_pads_and_entry_frames,
            the_stack_overflow_stub_returns_if_nothing_is_thrown,
            exceptional_return_values_are_unboxed,
            native_functions_call_through_their_pool_slots,
            native_functions_with_too_many_parameters_are_refused,
            the_barrier_marks_and_remembers,
            full_blocks_are_handed_to_the_runtime,
            large_arrays_are_remembered_by_card,
            safepoint_transitions_preserve_every_register,
            the_stub_set_is_complete,
        }
    };
    ($architecture:ty: $($scenario:ident,)*) => {
        $(
            #[test]
            fn $scenario() {
                crate::scenarios::$scenario::<$architecture>();
            }
        )*
    };
}
pub(crate) use barriers::{
    full_blocks_are_handed_to_the_runtime, large_arrays_are_remembered_by_card,
    safepoint_transitions_preserve_every_register, the_barrier_marks_and_remembers,
};
pub(crate) use every_scenario;

fn named(target: &str) -> TargetSpec {
    TargetSpec::from_name(target).expect("known target")
}

/// The target that an architecture is tested for.
pub(crate) fn target<P: Processor>() -> TargetSpec {
    named(P::TARGET)
}

/// Bytes per word.
fn word<P: Processor>() -> u64 {
    P::Mem::WORD as u64
}

/// Where the pieces of an image are.
struct Image {
    stubs: Vec<(StubRef, u64)>,
    pieces: Vec<u64>,
}

impl Image {
    /// Places all stubs and the pieces in a machine, resolving references; `pool_offset` maps pool slots to offsets in the pool.
    fn place<P: Processor>(
        machine: &mut Machine<P>,
        pieces: &[RawCode],
        pool_offset: impl Fn(u32) -> i64,
    ) -> Image {
        let mut bytes: Vec<u8> = Vec::new();
        let mut relocs: Vec<(u64, Reloc)> = Vec::new();
        let mut append = |code: &[u8], code_relocs: &[Reloc], align: u32| {
            bytes.resize(bytes.len().next_multiple_of(align as usize), 0);
            let start = bytes.len() as u64;
            bytes.extend_from_slice(code);
            relocs.extend(code_relocs.iter().map(|&reloc| (start, reloc)));
            start
        };
        let mut stubs: Vec<(StubRef, u64)> = stubs(&target::<P>())
            .expect("stubs")
            .iter()
            .map(|stub| (stub.stub, append(&stub.bytes, &stub.relocs, stub.align)))
            .collect();
        let mut pieces: Vec<u64> =
            pieces.iter().map(|piece| append(&piece.bytes, &piece.relocs, P::ALIGNMENT)).collect();
        for (start, reloc) in relocs {
            let value = match reloc.target {
                RelocTarget::Stub(stub) => {
                    stubs.iter().find(|(name, _)| *name == stub).expect("stub exists").1 as i64
                }
                RelocTarget::PoolSlot(slot) => pool_offset(slot),
            };
            let code = &mut bytes[start as usize..];
            reloc.kind.patch(code, start as i64, reloc.offset, value + reloc.addend).expect("in range");
        }
        let base = machine.cpu.place(&bytes);
        stubs.iter_mut().for_each(|(_, address)| *address += base);
        pieces.iter_mut().for_each(|address| *address += base);
        Image { stubs, pieces }
    }

    fn stub(&self, stub: Stub) -> u64 {
        self.stubs.iter().find(|(name, _)| *name == StubRef::Listed(stub)).expect("stub exists").1
    }
}

/// Notes of tests in the thread's block, behind the engine's fields.
fn note<P: Processor>(index: i32) -> i32 {
    (0x200 + index) * P::Mem::WORD
}

/// The note with the address of the C++ function that tests fake.
const NOTE_CPP: i32 = 8;
/// The number of that function.
const CPP: u64 = 1;

/// Marks that must survive a call from C++ into Dart.
const TOP_RESOURCE: u64 = 0x7070;
const EXIT_THROUGH: u64 = 2;
const EXIT_LINK: u64 = 0xe811;
const VM_TAG: u64 = 0x9999;
const NULL: u64 = 0x4001;

/// A machine with an image, entered by way of InvokeDartCode.
struct Run<P: Processor> {
    target: TargetSpec,
    machine: Machine<P>,
    image: Image,
}

impl<P: Processor> Run<P> {
    fn new(pieces: &[RawCode]) -> Option<Run<P>> {
        Run::with_pool(pieces, |slot| panic!("no pool slot {slot}"))
    }

    fn with_pool(pieces: &[RawCode], pool_offset: impl Fn(u32) -> i64) -> Option<Run<P>> {
        let mut machine = Machine::start()?;
        let image = Image::place(&mut machine, pieces, pool_offset);
        let mut run = Run { target: target::<P>(), machine, image };
        for (offset, value) in run.marks() {
            run.machine.set_thread_field(offset, value);
        }
        let cpp = run.cpp();
        run.machine.set_thread_field(note::<P>(NOTE_CPP), cpp);
        Some(run)
    }

    fn layout(&self) -> &'static Layout {
        self.target.layout()
    }

    /// The address of the C++ function.
    fn cpp(&self) -> u64 {
        self.machine.cpu.host(CPP)
    }

    /// The thread's fields that C++ must find as it left them, with the marks.
    fn marks(&self) -> [(i32, u64); 7] {
        let fields = &self.layout().thread;
        [
            (fields.top_resource, TOP_RESOURCE),
            (fields.exit_through_ffi, EXIT_THROUGH),
            (fields.top_exit_frame_info, EXIT_LINK),
            (fields.vm_tag, VM_TAG),
            (fields.object_null, NULL),
            (fields.active_exception, NULL),
            (fields.active_stacktrace, NULL),
        ]
    }

    /// Calls the first piece as a generic entry and checks that C++ finds its world as it left it. Returns a 64-bit result.
    fn invoke_wide(&mut self, args_desc: u64, args: &[u64], cpp: &mut Cpp<'_, P>) -> u64 {
        let machine = &mut self.machine;
        let array = machine.data;
        machine.set_words(array + self.target.layout().array.data as u64, args);
        let invoke = self.image.stub(self.target.engine.stub.invoke_dart_code);
        let args = [self.image.pieces[0], args_desc, array + 1, machine.thread];
        let result = machine.call(invoke, args, cpp);
        for (offset, value) in self.marks() {
            assert_eq!(self.machine.thread_field(offset), value, "thread field at {offset:#x}");
        }
        result
    }

    /// As [`Self::invoke_wide`], for results of one word.
    fn invoke(&mut self, args_desc: u64, args: &[u64], cpp: &mut Cpp<'_, P>) -> u64 {
        self.invoke_wide(args_desc, args, cpp) & word_mask::<P>()
    }
}

/// No C++ function is called.
fn no_cpp<P: Processor>(_: &mut Machine<P>, function: u64) -> Exit {
    panic!("call of C++ function {function}");
}

/// What destroyed registers hold.
const GARBAGE: i64 = -0x5a5a;
/// What is in a register that must be preserved.
const PRESERVED: i64 = 0x2727;

/// Overwrites everything that is not `kept`, and sets a register that `Tail` preserves.
fn clobber<P: Processor>(a: &mut AssemblerOf<P>, kept: &[GprOf<P>]) {
    let roles = [P::Mem::THREAD, P::Mem::FRAME_POINTER];
    for &reg in P::GENERAL.iter().filter(|&reg| !kept.contains(reg) && !roles.contains(reg)) {
        P::constant(a, reg, GARBAGE);
    }
    P::clobber_vectors(a);
    if let Some(reg) = P::TAIL_PRESERVED {
        P::constant(a, reg, PRESERVED);
    }
}

/// Code of a function with a frame.
fn function<P: Processor>(build: impl FnOnce(&mut AssemblerOf<P>)) -> RawCode {
    let mut asm = Assembler::new();
    let a = &mut asm;
    P::enter_frame(a);
    build(a);
    P::leave_frame_and_return(a, 0);
    asm.finish()
}

pub(crate) fn invoke_dart_code_builds_an_entry_frame<P: Processor>() {
    const UPPER: i64 = 0x5151;
    // The entry calls C++ with everything as it came in, and destroys what it may destroy afterwards.
    let code = function::<P>(|a| {
        P::load(a, P::TEMPS[2], thread(note::<P>(NOTE_CPP)));
        P::call(a, P::TEMPS[2]);
        P::mov(a, P::TAIL_RESULT, P::C_RESULT);
        clobber::<P>(a, &[P::TAIL_RESULT]);
        if let Some(upper) = P::UPPER_RESULT {
            P::constant(a, upper, UPPER);
        }
    });
    let Some(mut run) = Run::<P>::new(&[code]) else { return };
    let target = target::<P>();
    let fields = &target.layout().thread;
    let look = &mut |machine: &mut Machine<P>, _| {
        let fp = machine.fp();
        let (sp, entry_fp) = (fp + 2 * word::<P>(), machine.word(fp));
        let exit_link =
            entry_fp - u64::from(target.exit_link_slot_from_entry_fp().unsigned_abs()) * word::<P>();
        assert_eq!(entry_fp + 2 * word::<P>(), machine.stack, "C++ called with this stack pointer");
        assert_eq!(sp % P::STACK_ALIGNMENT, 0, "the stack is aligned at the call");
        assert_eq!(machine.word(exit_link), EXIT_LINK);
        assert_eq!(machine.thread_field(fields.top_exit_frame_info), 0);
        assert_eq!(machine.thread_field(fields.top_resource), 0);
        assert_eq!(machine.thread_field(fields.exit_through_ffi), 0);
        assert_eq!(machine.thread_field(fields.vm_tag), u64::from(target.engine.enums.vm_tag.dart));
        assert!(machine.words(sp, exit_link).iter().all(|&word| word == 0), "visited as tagged");
        assert_eq!(machine.reg(P::Mem::THREAD), machine.thread);
        let [args_desc, args] = [P::TAIL_ARGS[0], P::TAIL_ARGS[1]].map(|arg| machine.reg(arg));
        Exit::Return(args_desc + machine.word(args) + 10 * machine.word(args + word::<P>()))
    };
    let upper = P::UPPER_RESULT.map_or(0, |_| UPPER as u64) << 32;
    assert_eq!(run.invoke_wide(0x1000, &[3, 4], look), upper | (0x1000 + 43));
}

/// What C++ reads of NativeArguments.
struct Arguments {
    /// The values, in order.
    values: Vec<u64>,
    is_generic: bool,
    retval: u64,
}

/// Checks what holds in every call out of Dart: the words of the structure are `words`.
fn check_exit<P: Processor>(machine: &mut Machine<P>, words: &[u64]) -> Arguments {
    let target = target::<P>();
    let layout = target.layout();
    let args = &layout.native_arguments;
    assert_eq!(args.struct_size, 4 * P::Mem::WORD);
    let [thread_word, argc_tag, argv, retval] = [args.thread, args.argc_tag, args.argv, args.retval]
        .map(|offset| words[(offset / P::Mem::WORD) as usize]);
    assert_eq!(thread_word, machine.thread);
    assert_eq!(machine.reg(P::Mem::THREAD), machine.thread);
    assert_eq!(machine.sp_at_call() % P::STACK_ALIGNMENT, 0, "the stack is aligned at the call");
    let exit_through = target.engine.enums.exit_through.exit_through_runtime_call;
    assert_eq!(machine.thread_field(layout.thread.exit_through_ffi), u64::from(exit_through));
    let exit_fp = machine.thread_field(layout.thread.top_exit_frame_info);
    assert_eq!(exit_fp, machine.fp());
    let caller_fp = machine.word(exit_fp);
    let bits = &target.engine.bits.native_arguments;
    assert_eq!(argc_tag & !(bits.argc.mask() | bits.generic_function.mask()), 0);
    let count = bits.argc.decode(argc_tag);
    // Arguments and result belong to the frame below the exit frame.
    let frame = exit_fp + 2 * word::<P>()..caller_fp;
    let last = argv - word::<P>() * count + word::<P>();
    assert!(frame.contains(&retval) && (count == 0 || frame.contains(&last)));
    assert_eq!(argv + word::<P>(), retval);
    assert_eq!(machine.word(retval), 0, "the result slot is a Smi");
    let values = (0..count).map(|index| machine.word(argv - word::<P>() * index)).collect();
    Arguments { values, is_generic: bits.generic_function.decode(argc_tag) != 0, retval }
}

/// As [`check_exit`] in a runtime entry.
fn check_runtime_call<P: Processor>(machine: &mut Machine<P>) -> Arguments {
    let words = P::arguments_by_value(machine);
    check_exit(machine, &words)
}

/// The words of the frame below the exit frame, from its frame pointer down to its stack pointer.
fn frame_of_caller<P: Processor>(machine: &mut Machine<P>) -> Vec<u64> {
    let exit_fp = machine.fp();
    let fp = machine.word(exit_fp);
    let mut words = machine.words(exit_fp + 2 * word::<P>(), fp);
    words.reverse();
    words
}

/// Smis as arguments.
fn argument_values(count: u32) -> Vec<u64> {
    (0..count).map(|index| 2 << (3 * index)).collect()
}

/// What the fakes compute from arguments, so that their order matters. With ten of [`argument_values`] it fits 32 bits.
fn weighted_sum(values: &[u64]) -> u64 {
    (1..).zip(values).map(|(weight, value)| weight * value).sum()
}

/// Loads the arguments at `array` to where `Tail` wants them, from parameter `first` on. Returns the bytes of the stack
/// area, which it makes.
fn pass_arguments<P: Processor>(a: &mut AssemblerOf<P>, array: GprOf<P>, count: i32, first: i32) -> i32 {
    let in_registers = P::TAIL_ARGS.len() as i32 - first;
    let on_stack = (count - in_registers).max(0) * P::Mem::WORD;
    let area = (on_stack as u32).next_multiple_of(P::STACK_ALIGNMENT as u32) as i32;
    P::add(a, P::SP, P::SP, -area);
    for index in in_registers..count {
        P::load(a, P::TEMPS[2], field(array, index * P::Mem::WORD));
        P::store(a, field(P::SP, (index - in_registers) * P::Mem::WORD), P::TEMPS[2]);
    }
    for index in 0..count.min(in_registers) {
        P::load(a, P::TAIL_ARGS[(index + first) as usize], field(array, index * P::Mem::WORD));
    }
    area
}

/// Notes, after a call with a stack area, what must be as before.
fn note_state<P: Processor>(a: &mut AssemblerOf<P>, area: i32) {
    if P::CALLER_OWNS_STACK_ARGUMENTS {
        P::add(a, P::SP, P::SP, area);
    }
    P::mov(a, P::TEMPS[1], P::SP);
    P::store(a, thread(note::<P>(0)), P::TEMPS[1]);
    P::store(a, thread(note::<P>(1)), P::Mem::FRAME_POINTER);
    if let Some(reg) = P::TAIL_PRESERVED {
        P::store(a, thread(note::<P>(2)), reg);
    }
}

fn check_noted_state<P: Processor>(machine: &mut Machine<P>) {
    let [sp, fp, preserved] = [0, 1, 2].map(|index| machine.thread_field(note::<P>(index)));
    assert_eq!(sp, fp, "stack arguments are popped by whom they belong to");
    if let Some(reg) = P::TAIL_PRESERVED {
        assert_eq!(preserved, PRESERVED as u64, "{reg:?} is preserved");
    }
}

pub(crate) fn runtime_calls_pass_arguments_in_order<P: Processor>() {
    let target = target::<P>();
    let offset = target.layout().runtime_entry(target.engine.rt.type_check);
    for arity in 0..=crate::MAX_RUNTIME_ARGS {
        let code = function::<P>(|a| {
            clobber::<P>(a, &[P::TAIL_ARGS[1]]);
            P::mov(a, P::TEMPS[0], P::TAIL_ARGS[1]);
            let area = pass_arguments::<P>(a, P::TEMPS[0], arity.into(), 1);
            P::load(a, P::TAIL_ARGS[0], thread(offset));
            P::call_stub(a, StubRef::Extra(ExtraStub::RuntimeCall(arity)));
            note_state::<P>(a, area);
        });
        let Some(mut run) = Run::<P>::new(&[code]) else { return };
        let cpp = run.cpp();
        run.machine.set_thread_field(offset, cpp);
        let entry = &mut |machine: &mut Machine<P>, _| {
            let Arguments { values, retval, .. } = check_runtime_call(machine);
            // All words of the calling stub's frame are tagged: the result slot, the arguments, and what aligns the frame.
            let mut expected: Vec<u64> = std::iter::once(0).chain(values.iter().copied()).collect();
            expected.resize(expected.len().next_multiple_of(P::FRAME_ALIGNMENT), 0);
            assert_eq!(frame_of_caller(machine), expected);
            machine.set_word(retval, weighted_sum(&values));
            Exit::Return(0)
        };
        let args = argument_values(arity.into());
        assert_eq!(run.invoke(0, &args, entry), weighted_sum(&args), "arity {arity}");
        check_noted_state(&mut run.machine);
    }
}

// Exceptions.

const NOTE_LANDING_PAD: i32 = 0;
const EXCEPTION: u64 = 0xe0e1;
const STACK_TRACE: u64 = 0x57a1;

/// An entry that calls `stub` with its first two arguments and has a landing pad: the pad returns the exception
/// after checking the machine state. The call has 32 bytes in its frame.
fn throwing_code<P: Processor>(stub: StubRef, with_landing_pad: bool) -> RawCode {
    let target = target::<P>();
    let fields = &target.layout().thread;
    let [first, second, address] = P::TEMPS;
    let args = [P::TAIL_ARGS[0], P::TAIL_ARGS[1]];
    let mut asm = Assembler::new();
    let a = &mut asm;
    let (pad, bad) = (a.label(), a.label());
    P::enter_frame(a);
    P::add(a, P::SP, P::SP, -32);
    if with_landing_pad {
        P::address_of(a, address, pad);
        P::store(a, thread(note::<P>(NOTE_LANDING_PAD)), address);
    }
    P::load(a, args[0], field(args[1], 0));
    P::load(a, args[1], field(args[1], P::Mem::WORD));
    clobber::<P>(a, &args);
    P::call_stub(a, stub);
    P::undefined(a);
    a.bind(pad);
    // A compiled landing pad relies on the frame and stack pointers, the thread and its slots, nothing else.
    P::add(a, first, P::Mem::FRAME_POINTER, -32);
    P::mov(a, second, P::SP);
    P::branch_if_different(a, first, second, bad);
    P::load(a, P::TAIL_RESULT, thread(fields.active_exception));
    P::load(a, first, thread(fields.active_stacktrace));
    P::constant(a, second, STACK_TRACE as i64);
    P::branch_if_different(a, first, second, bad);
    for state in [fields.exit_through_ffi, fields.top_exit_frame_info] {
        P::load(a, first, thread(state));
        P::constant(a, second, 0);
        P::branch_if_different(a, first, second, bad);
    }
    P::load(a, first, thread(fields.object_null));
    P::store(a, thread(fields.active_exception), first);
    P::store(a, thread(fields.active_stacktrace), first);
    P::leave_frame_and_return(a, 0);
    a.bind(bad);
    P::undefined(a);
    asm.finish()
}

pub(crate) fn exceptions_reach_landing_pads_and_entry_frames<P: Processor>() {
    let target = target::<P>();
    let (stubs, entries, fields) = (&target.engine.stub, &target.engine.rt, &target.layout().thread);
    let cases: [(Stub, _, &[u64]); 4] = [
        (stubs.throw, entries.throw, &[0x11]),
        (stubs.re_throw, entries.re_throw, &[0x11, 0x21, 0]),
        (stubs.dispatch_table_null_error, entries.null_cast_error, &[]),
        (stubs.stack_overflow_shared_without_fpu_regs, entries.interrupt_or_stack_overflow, &[]),
    ];
    for (stub, entry, expected) in cases {
        for with_landing_pad in [true, false] {
            let code = throwing_code::<P>(StubRef::Listed(stub), with_landing_pad);
            let Some(mut run) = Run::<P>::new(&[code]) else { return };
            let cpp = run.cpp();
            run.machine.set_thread_field(target.layout().runtime_entry(entry), cpp);
            let jump = run.image.stub(stubs.jump_to_frame);
            let handler = run.image.stub(stubs.run_exception_handler);
            let mut passed = Vec::new();
            // Throws as the engine does: to the landing pad in the Dart frame that called a throwing stub, if there is
            // one, or else to the entry frame.
            let entry = &mut |machine: &mut Machine<P>, _| {
                passed = check_runtime_call(machine).values;
                let exit_fp = machine.fp();
                let stub_fp = machine.word(exit_fp);
                let dart_fp = machine.word(stub_fp);
                let landing_pad = machine.thread_field(note::<P>(NOTE_LANDING_PAD));
                let (pc, sp, fp) = if landing_pad != 0 {
                    (landing_pad, stub_fp + 2 * word::<P>(), dart_fp)
                } else {
                    let return_address = machine.word(dart_fp + word::<P>());
                    (return_address, dart_fp + 2 * word::<P>(), machine.word(dart_fp))
                };
                machine.set_thread_field(fields.active_exception, EXCEPTION);
                machine.set_thread_field(fields.active_stacktrace, STACK_TRACE);
                machine.set_thread_field(fields.resume_pc, pc);
                // C++ is deeper in the stack, and nothing but the arguments of the jump may matter.
                machine.destroy_volatile();
                machine.destroy_preserved();
                machine.set_reg(P::SP, (exit_fp - 0x1000) & !(P::STACK_ALIGNMENT - 1));
                let args = [handler, sp, fp, machine.thread];
                P::C_ARGS.into_iter().zip(args).for_each(|(reg, arg)| machine.set_reg(reg, arg));
                machine.set_pc(jump);
                Exit::Jump
            };
            assert_eq!(run.invoke(0, &[0x11, 0x21], entry), EXCEPTION);
            assert_eq!(passed, expected);
        }
    }
}

pub(crate) fn the_stack_overflow_stub_returns_if_nothing_is_thrown<P: Processor>() {
    let target = target::<P>();
    let code = function::<P>(|a| {
        P::call_stub(a, StubRef::Listed(target.engine.stub.stack_overflow_shared_without_fpu_regs));
        P::constant(a, P::TAIL_RESULT, 42);
    });
    let Some(mut run) = Run::<P>::new(&[code]) else { return };
    let offset = target.layout().runtime_entry(target.engine.rt.interrupt_or_stack_overflow);
    let cpp = run.cpp();
    run.machine.set_thread_field(offset, cpp);
    let mut calls = 0;
    let entry = &mut |machine: &mut Machine<P>, _| {
        assert!(check_runtime_call(machine).values.is_empty());
        calls += 1;
        Exit::Return(0)
    };
    assert_eq!(run.invoke(0, &[], entry), 42);
    assert_eq!(calls, 1);
}

pub(crate) fn exceptional_return_values_are_unboxed<P: Processor>() {
    let target = target::<P>();
    let fields = &target.layout().thread;
    let temp = P::TEMPS[0];
    let code = function::<P>(|a| {
        let resume = a.label();
        P::address_of(a, temp, resume);
        P::store(a, thread(fields.resume_pc), temp);
        P::load(a, temp, field(P::TAIL_ARGS[1], 0));
        P::store(a, thread(fields.active_exception), temp);
        P::store(a, thread(fields.active_stacktrace), temp);
        P::jump_to_stub(a, StubRef::Listed(target.engine.stub.run_exception_handler_unbox));
        a.bind(resume);
    });
    let Some(mut run) = Run::<P>::new(&[code]) else { return };
    let unused_bits = 64 - 8 * P::Mem::WORD + 1;
    for value in [0, 1, -1, i64::MAX >> unused_bits, i64::MIN >> unused_bits] {
        assert_eq!(run.invoke_wide(0, &[(value as u64) << 1], &mut no_cpp) as i64, value);
    }
    for value in [i64::MAX, i64::MIN, 5, 1 << 32, -1 << 31] {
        let mint = run.machine.data + 0x100;
        run.machine.set_bytes(mint + target.layout().mint.value as u64, &value.to_le_bytes());
        assert_eq!(run.invoke_wide(0, &[mint + 1], &mut no_cpp) as i64, value);
    }
}

// Native functions.

pub(crate) const FUNCTION_SLOT: u32 = 5;
pub(crate) const TRAMPOLINE_SLOT: u32 = 0x4_5678;

pub(crate) fn pool_offset<P: Processor>(slot: u32) -> i64 {
    target::<P>().layout().object_pool.element_offset(slot)
}

pub(crate) fn native(parameters: u32, is_generic: bool) -> NativeFunction {
    NativeFunction { function_slot: FUNCTION_SLOT, trampoline_slot: TRAMPOLINE_SLOT, parameters, is_generic }
}

/// The body of a native function with two parameters, and its words up to the call, linked. All relocations are of this kind.
pub(crate) fn native_call<P: Processor>(kind: RelocKind) -> (NativeCode, Vec<u32>) {
    let code = native_function_body(&target::<P>(), &native(2, false)).expect("body");
    let mut bytes = code.bytes.clone();
    for reloc in &code.relocs {
        let RelocTarget::PoolSlot(slot) = reloc.target else { panic!("odd relocation {reloc:?}") };
        assert_eq!(reloc.kind, kind);
        let value = pool_offset::<P>(slot) + reloc.addend;
        reloc.kind.patch(&mut bytes, 0, reloc.offset, value).expect("in range");
    }
    bytes.truncate(code.stack_map.return_offset as usize);
    let words = bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")));
    (code, words.collect())
}

pub(crate) fn native_functions_call_through_their_pool_slots<P: Processor>() {
    const C_FUNCTION: u64 = 0xcfcf_cfcf;
    let target = target::<P>();
    let (layout, stubs) = (target.layout(), &target.engine.stub);
    let trampolines = [
        (stubs.call_bootstrap_native, layout.thread.bootstrap_native_wrapper_entry_point),
        (stubs.call_no_scope_native, layout.thread.no_scope_native_wrapper_entry_point),
        (stubs.call_auto_scope_native, layout.thread.auto_scope_native_wrapper_entry_point),
    ];
    let cases = (0..10).flat_map(|words| [(words, false), (words, true)]);
    for (words, is_generic) in cases.filter(|&case| case != (0, true)) {
        let code = native_function_body(&target, &native(words - u32::from(is_generic), is_generic));
        let NativeCode { bytes, relocs, stack_map, .. } = code.expect("body");
        // The caller; the body's address comes in as the arguments descriptor.
        let caller = function::<P>(|a| {
            let [array, body, _] = P::TEMPS;
            clobber::<P>(a, &[P::TAIL_ARGS[0], P::TAIL_ARGS[1]]);
            P::mov(a, array, P::TAIL_ARGS[1]);
            P::mov(a, body, P::TAIL_ARGS[0]);
            let area = pass_arguments::<P>(a, array, words as i32, 0);
            P::call(a, body);
            note_state::<P>(a, area);
        });
        let pieces = [caller, RawCode { bytes, relocs }];
        let Some(mut run) = Run::<P>::with_pool(&pieces, pool_offset::<P>) else { return };
        let (body, cpp) = (run.image.pieces[1], run.cpp());
        let machine = &mut run.machine;
        let (pool, code_object) = (machine.pages, machine.data + 0x100);
        let slot = |slot: u32| pool + pool_offset::<P>(slot) as u64;
        machine.set_word(slot(FUNCTION_SLOT), C_FUNCTION);
        machine.set_word(slot(TRAMPOLINE_SLOT), code_object + 1);
        machine.set_thread_field(layout.thread.global_object_pool, pool + 1);
        for (stub, wrapper_slot) in trampolines {
            let entry_point = run.image.stub(stub);
            run.machine.set_word(code_object + layout.code.entry_point as u64, entry_point);
            run.machine.set_thread_field(wrapper_slot, cpp);
            let wrapper = &mut |machine: &mut Machine<P>, _| {
                let [structure, function] = [P::C_ARGS[0], P::C_ARGS[1]].map(|arg| machine.reg(arg));
                assert_eq!(function, C_FUNCTION);
                assert_eq!(structure % word::<P>(), 0);
                let end = structure + 4 * word::<P>();
                assert!(structure >= machine.reg(P::SP) && end <= machine.fp());
                let structure_words = machine.words(structure, end);
                let arguments = check_exit(machine, &structure_words);
                assert_eq!(arguments.is_generic, is_generic);
                // The stack map describes the native function's frame exactly.
                let exit_fp = machine.fp();
                let return_offset = machine.word(exit_fp + word::<P>()) - body;
                assert_eq!(return_offset, u64::from(stack_map.return_offset));
                let frame = frame_of_caller(machine);
                assert_eq!(frame.len(), stack_map.tagged.len());
                let tagged = frame.iter().zip(&stack_map.tagged).filter(|&(_, &tagged)| tagged);
                let tagged: Vec<u64> = tagged.map(|(&word, _)| word).collect();
                let mut expected: Vec<u64> =
                    std::iter::once(0).chain(arguments.values.iter().copied()).collect();
                // More words only make the frame's size even.
                assert!(tagged.len() < expected.len() + P::FRAME_ALIGNMENT);
                expected.resize(tagged.len(), 0);
                assert_eq!(tagged, expected);
                machine.set_word(arguments.retval, weighted_sum(&arguments.values));
                Exit::Return(0)
            };
            let args = argument_values(words);
            assert_eq!(run.invoke(body, &args, wrapper), weighted_sum(&args), "{words} arguments");
            check_noted_state(&mut run.machine);
            run.machine.set_thread_field(wrapper_slot, 0);
        }
    }
}

pub(crate) fn native_functions_with_too_many_parameters_are_refused<P: Processor>() {
    let body = |parameters| native_function_body(&target::<P>(), &native(parameters, false));
    assert!(body(P::MOST_PARAMETERS).is_ok());
    for count in [P::MOST_PARAMETERS + 1, 1 << 14, 1 << 24, u32::MAX] {
        assert_eq!(body(count), Err(Error::TooManyParameters(count)));
    }
}

// The set.

pub(crate) fn the_stub_set_is_complete<P: Processor>() {
    let target = target::<P>();
    let all = stubs(&target).expect("stubs");
    let listed = stub_list(target.engine).map(|(stub, _)| StubRef::Listed(stub));
    let expected: Vec<StubRef> = listed.chain(ExtraStub::all().map(StubRef::Extra)).collect();
    assert_eq!(all.iter().map(|stub| stub.stub).collect::<Vec<_>>(), expected);
    for stub in &all {
        match stub.role {
            StubRole::Trap => {
                assert_eq!((stub.bytes.len(), stub.relocs.len(), stub.align), (4, 0, 4), "{}", stub.name);
            }
            StubRole::Code => assert!(stub.bytes.len() > 4 && stub.align == P::ALIGNMENT, "{}", stub.name),
        }
        for reloc in &stub.relocs {
            assert!(matches!(reloc.target, RelocTarget::Stub(target) if expected.contains(&target)));
        }
    }
    let names: Vec<&str> =
        all.iter().filter(|stub| stub.role == StubRole::Code).map(|stub| stub.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "JumpToFrame",
            "RunExceptionHandler",
            "RunExceptionHandlerUnbox",
            "WriteBarrier",
            "ArrayWriteBarrier",
            "CallToRuntime",
            "CallBootstrapNative",
            "CallNoScopeNative",
            "CallAutoScopeNative",
            "InvokeDartCode",
            "DispatchTableNullError",
            "StackOverflowSharedWithoutFPURegs",
            "EnterSafepoint",
            "ExitSafepoint",
            "Throw",
            "ReThrow",
            "RuntimeCall0",
            "RuntimeCall1",
            "RuntimeCall2",
            "RuntimeCall3",
            "RuntimeCall4",
            "RuntimeCall5",
            "RuntimeCall6",
            "RuntimeCall7",
        ]
    );
    for name in P::SAME_STUBS {
        assert_eq!(stubs(&named(name)), Ok(all.clone()), "the operating system makes no difference");
    }
}

#[test]
fn targets_without_stubs_are_refused() {
    for name in ["windows-x64", "linux-x64c", "fuchsia-arm64", "linux-riscv64"] {
        let error = Error::UnsupportedTarget(name.to_string());
        assert_eq!(stubs(&named(name)), Err(error.clone()));
        assert_eq!(native_function_body(&named(name), &native(0, false)), Err(error));
    }
}
