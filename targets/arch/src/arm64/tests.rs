//! Tests of the AArch64 stubs: executed in the emulator ([`super::machine`]) with fakes of the C++ functions.

use super::Arm64;
use super::asm::{Arith, Assembler, Cond, Mem, Width::*};
use super::machine::{CODE, DATA, Exit, FP, LR, Machine, PAGES, PC, SP, STACK, THREAD, host};
use super::regs::{Fpr, Gpr, Gpr::*, INT_ARGS, THR};
use super::stubs::{WORD, leave_frame, reserve_frame};
use crate::code::{ExtraStub, NativeFunction, RawCode, Reloc, StubRef, StubRole};
use crate::stubs::{Architecture, tail_stack_bytes, thread};
use crate::{RelocKind, RelocTarget, native_function_body, stubs};
use snapcrane_engines::{Layout, Stub, TargetSpec};

fn target() -> TargetSpec {
    TargetSpec::from_name("linux-arm64").expect("known target")
}

/// Where the pieces of an image are.
struct Image {
    bytes: Vec<u8>,
    stubs: Vec<(StubRef, u64)>,
    pieces: Vec<u64>,
}

impl Image {
    /// Places all stubs and the pieces, resolving references; `pool_offset` maps pool slots to offsets in the pool.
    fn link(target: &TargetSpec, pieces: Vec<RawCode>, pool_offset: impl Fn(u32) -> i64) -> Image {
        let mut bytes: Vec<u8> = Vec::new();
        let mut relocs: Vec<(u64, Reloc)> = Vec::new();
        let mut place = |code: &[u8], code_relocs: &[Reloc]| {
            let start = bytes.len() as u64;
            bytes.extend_from_slice(code);
            relocs.extend(code_relocs.iter().map(|&reloc| (start, reloc)));
            start
        };
        let placed: Vec<(StubRef, u64)> = stubs(target)
            .expect("stubs")
            .iter()
            .map(|stub| (stub.stub, place(&stub.bytes, &stub.relocs)))
            .collect();
        let pieces: Vec<u64> = pieces.iter().map(|piece| place(&piece.bytes, &piece.relocs)).collect();
        for (start, reloc) in relocs {
            let value = match reloc.target {
                RelocTarget::Stub(stub) => {
                    placed.iter().find(|(name, _)| *name == stub).expect("stub exists").1 as i64
                }
                RelocTarget::PoolSlot(slot) => pool_offset(slot),
            };
            let code = &mut bytes[start as usize..];
            reloc.kind.patch(code, start as i64, reloc.offset, value + reloc.addend).expect("in range");
        }
        Image { bytes, stubs: placed, pieces }
    }

    fn stub(&self, stub: Stub) -> u64 {
        let (_, offset) =
            self.stubs.iter().find(|(name, _)| *name == StubRef::Listed(stub)).expect("stub exists");
        CODE + offset
    }

    fn piece(&self, index: usize) -> u64 {
        CODE + self.pieces[index]
    }
}

/// Notes of tests in the thread's block, behind the engine's fields.
fn note(index: i32) -> i32 {
    0x2000 + index * WORD
}

/// Marks that must survive a call from C++ into Dart.
const TOP_RESOURCE: u64 = 0x7070;
const EXIT_THROUGH: u64 = 2;
const EXIT_LINK: u64 = 0xe811;
const VM_TAG: u64 = 0x9999;
const NULL: u64 = 0x4001;

/// The number of the C++ function that tests fake.
const CPP: u64 = 1;

/// A machine with an image, entered by way of InvokeDartCode.
struct Run {
    target: TargetSpec,
    machine: Machine,
    image: Image,
}

impl Run {
    fn new(pieces: Vec<RawCode>) -> Option<Run> {
        Run::with_pool(pieces, |slot| panic!("no pool slot {slot}"))
    }

    fn with_pool(pieces: Vec<RawCode>, pool_offset: impl Fn(u32) -> i64) -> Option<Run> {
        let target = target();
        let machine = Machine::start()?;
        let image = Image::link(&target, pieces, pool_offset);
        let mut run = Run { target, machine, image };
        run.machine.write(CODE, &run.image.bytes);
        let fields = &run.target.layout().thread;
        for (offset, value) in [
            (fields.top_resource, TOP_RESOURCE),
            (fields.exit_through_ffi, EXIT_THROUGH),
            (fields.top_exit_frame_info, EXIT_LINK),
            (fields.vm_tag, VM_TAG),
            (fields.object_null, NULL),
            (fields.active_exception, NULL),
            (fields.active_stacktrace, NULL),
        ] {
            run.set_thread(offset, value);
        }
        Some(run)
    }

    fn layout(&self) -> &'static Layout {
        self.target.layout()
    }

    fn thread(&mut self, offset: i32) -> u64 {
        thread_field(&mut self.machine, offset)
    }

    fn set_thread(&mut self, offset: i32, value: u64) {
        self.machine.set_word(THREAD + offset as u64, value);
    }

    /// Calls the piece as a generic entry and checks that C++ finds its world as it left it.
    fn invoke(
        &mut self,
        entry: usize,
        args_desc: u64,
        args: &[u64],
        cpp: &mut dyn FnMut(&mut Machine, u64) -> Exit,
    ) -> u64 {
        let layout = self.layout();
        self.machine.set_words(DATA + layout.array.data as u64, args);
        let invoke = self.image.stub(self.target.engine.stub.invoke_dart_code);
        let entry = self.image.piece(entry);
        let result = self.machine.call(invoke, &[entry, args_desc, DATA + 1, THREAD], cpp);
        let fields = &layout.thread;
        assert_eq!(self.thread(fields.top_resource), TOP_RESOURCE);
        assert_eq!(self.thread(fields.exit_through_ffi), EXIT_THROUGH);
        assert_eq!(self.thread(fields.top_exit_frame_info), EXIT_LINK);
        assert_eq!(self.thread(fields.vm_tag), VM_TAG);
        assert_eq!(self.thread(fields.active_exception), NULL);
        assert_eq!(self.thread(fields.active_stacktrace), NULL);
        result
    }
}

/// A field of the engine's thread.
fn thread_field(machine: &mut Machine, offset: i32) -> u64 {
    machine.word(THREAD + offset as u64)
}

/// No C++ function is called.
fn no_cpp(_: &mut Machine, function: u64) -> Exit {
    panic!("call of C++ function {function}");
}

/// Overwrites everything that a Dart function may overwrite, but `kept`.
fn clobber(a: &mut Assembler, kept: &[Gpr]) {
    let volatile = [X0, X1, X2, X3, X4, X5, X6, X7, X8, X9, X10, X11, X12, X13, X14, X15, X16, X17];
    for reg in volatile.into_iter().filter(|reg| !kept.contains(reg)) {
        a.mov_ri(reg, -0x5a5a);
    }
    for reg in (0..8).chain(16..32).step_by(2) {
        a.load_q_pair(Fpr(reg), Fpr(reg + 1), Mem::new(Fp, 0), super::asm::Update::None);
    }
}

/// Calls code at an address.
fn call(a: &mut Assembler, address: u64) {
    a.mov_ri(X16, address as i64);
    a.call_r(X16);
}

fn leave_and_return(a: &mut Assembler) {
    leave_frame(a);
    a.ret();
}

#[test]
fn invoke_dart_code_builds_an_entry_frame() {
    // The entry calls C++ with everything as it came in, and destroys what it may destroy afterwards.
    let mut asm = Assembler::new();
    let a = &mut asm;
    Arm64::enter_frame(a);
    call(a, host(CPP));
    a.mov_rr(X2, X0);
    clobber(a, &[X2]);
    leave_and_return(a);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    let target = target();
    let fields = &target.layout().thread;
    let mut look = |machine: &mut Machine, _| {
        let fp = machine.reg(FP);
        let (sp, entry_fp) = (fp + 16, machine.word(fp));
        let exit_link = entry_fp - 23 * 8;
        assert_eq!(entry_fp + 16, STACK, "C++ called with this stack pointer");
        assert_eq!(sp % 16, 0, "the stack is aligned at the call");
        assert_eq!(machine.word(exit_link), EXIT_LINK);
        assert_eq!(thread_field(machine, fields.top_exit_frame_info), 0);
        assert_eq!(thread_field(machine, fields.top_resource), 0);
        assert_eq!(thread_field(machine, fields.exit_through_ffi), 0);
        assert_eq!(thread_field(machine, fields.vm_tag), u64::from(target.engine.enums.vm_tag.dart));
        assert!(machine.words(sp, exit_link).iter().all(|&word| word == 0), "visited as tagged");
        assert_eq!(machine.reg(THR.code()), THREAD);
        let [args_desc, args] = [INT_ARGS[0], INT_ARGS[1]].map(|arg| machine.reg(arg.code()));
        Exit::Return(args_desc + machine.word(args) + 10 * machine.word(args + 8))
    };
    assert_eq!(run.invoke(0, 0x1000, &[3, 4], &mut look), 0x1000 + 43);
}

/// What C++ reads of NativeArguments.
struct Arguments {
    /// The values, in order.
    values: Vec<u64>,
    is_generic: bool,
    retval: u64,
}

/// Checks what holds in every call out of Dart, where x0 is the address of the structure.
fn check_exit(machine: &mut Machine) -> Arguments {
    let target = target();
    let layout = target.layout();
    let args = &layout.native_arguments;
    let structure = machine.reg(0);
    assert!(structure >= machine.reg(SP) && structure + args.struct_size as u64 <= machine.reg(FP));
    let [thread_word, argc_tag, argv, retval] = [args.thread, args.argc_tag, args.argv, args.retval]
        .map(|offset| machine.word(structure + offset as u64));
    assert_eq!(thread_word, THREAD);
    assert_eq!(machine.reg(THR.code()), THREAD);
    assert_eq!(machine.reg(SP) % 16, 0, "the stack is aligned at the call");
    let exit_through = target.engine.enums.exit_through.exit_through_runtime_call;
    assert_eq!(thread_field(machine, layout.thread.exit_through_ffi), u64::from(exit_through));
    let exit_fp = thread_field(machine, layout.thread.top_exit_frame_info);
    assert_eq!(exit_fp, machine.reg(FP));
    let caller_fp = machine.word(exit_fp);
    assert_eq!(argc_tag >> 25, 0);
    let count = argc_tag & 0xff_ffff;
    // Arguments and result belong to the frame below the exit frame.
    let frame = exit_fp + 16..caller_fp;
    assert!(frame.contains(&retval) && (count == 0 || frame.contains(&(argv - 8 * count + 8))));
    assert_eq!(argv + 8, retval);
    assert_eq!(machine.word(retval), 0, "the result slot is a Smi");
    let values = (0..count).map(|index| machine.word(argv - 8 * index)).collect();
    Arguments { values, is_generic: argc_tag >> 24 & 1 != 0, retval }
}

/// The words of the frame below the exit frame, from its frame pointer down to its stack pointer.
fn frame_of_caller(machine: &mut Machine) -> Vec<u64> {
    let exit_fp = machine.reg(FP);
    let fp = machine.word(exit_fp);
    let mut words = machine.words(exit_fp + 16, fp);
    words.reverse();
    words
}

/// What the fakes compute from arguments, so that their order matters.
fn weighted_sum(values: &[u64]) -> u64 {
    (1..).zip(values).map(|(weight, value)| weight * value).sum()
}

/// Loads the arguments at `array` to where `Tail` wants them, from parameter `first` on.
fn pass_arguments(a: &mut Assembler, array: Gpr, count: i32, first: i32) {
    let in_registers = INT_ARGS.len() as i32 - first;
    reserve_frame(a, tail_stack_bytes::<Arm64>((count + first) as u32) / WORD as u32);
    for index in in_registers..count {
        a.load(W64, X16, Mem::new(array, index * WORD));
        a.store(W64, Mem::new(Sp, (index - in_registers) * WORD), X16);
    }
    for index in 0..count.min(in_registers) {
        a.load(W64, INT_ARGS[(index + first) as usize], Mem::new(array, index * WORD));
    }
}

/// Notes that the stack arguments were popped and a callee-saved register was kept.
fn note_state(a: &mut Assembler) {
    a.mov_rr(X16, Sp);
    a.store(W64, thread(note(0)), X16);
    a.store(W64, thread(note(1)), Fp);
    a.store(W64, thread(note(2)), X27);
}

fn check_noted_state(run: &mut Run) {
    assert_eq!(run.thread(note(0)), run.thread(note(1)), "stack arguments are popped");
    assert_eq!(run.thread(note(2)), 27 * 0x0101_0101_0101_0101, "x27 is preserved");
}

#[test]
fn runtime_calls_pass_arguments_in_order() {
    let target = target();
    let offset = target.layout().runtime_entry(target.engine.rt.type_check);
    for arity in 0..=crate::MAX_RUNTIME_ARGS {
        let mut asm = Assembler::new();
        let a = &mut asm;
        Arm64::enter_frame(a);
        clobber(a, &[X3]);
        a.mov_rr(X8, X3);
        pass_arguments(a, X8, i32::from(arity), 1);
        a.load(W64, X2, Mem::new(THR, offset));
        a.call_stub(StubRef::Extra(ExtraStub::RuntimeCall(arity)));
        note_state(a);
        leave_and_return(a);
        let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
        run.set_thread(offset, host(CPP));
        let mut entry = |machine: &mut Machine, _| {
            let Arguments { values, retval, .. } = check_exit(machine);
            // All words of the calling stub's frame are tagged: the result slot, the arguments, and what aligns the frame.
            let mut expected: Vec<u64> = std::iter::once(0).chain(values.iter().copied()).collect();
            expected.resize(expected.len().next_multiple_of(2), 0);
            assert_eq!(frame_of_caller(machine), expected);
            machine.set_word(retval, weighted_sum(&values));
            Exit::Return(0)
        };
        let args: Vec<u64> = (0..u64::from(arity)).map(|index| 2 << (4 * index)).collect();
        assert_eq!(run.invoke(0, 0, &args, &mut entry), weighted_sum(&args), "arity {arity}");
        check_noted_state(&mut run);
    }
}

// Exceptions.

const NOTE_LANDING_PAD: i32 = 0;
const EXCEPTION: u64 = 0xe0e1;
const STACK_TRACE: u64 = 0x57a1;

/// An entry that calls `stub` with its first two arguments and has a landing pad: the pad returns the exception
/// after checking the machine state. The call has 32 bytes in its frame.
fn throwing_code(stub: StubRef, with_landing_pad: bool) -> RawCode {
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let (pad, bad) = (a.label(), a.label());
    Arm64::enter_frame(a);
    reserve_frame(a, 4);
    if with_landing_pad {
        a.adr(X16, pad);
        a.store(W64, thread(note(NOTE_LANDING_PAD)), X16);
    }
    a.load(W64, X2, Mem::new(X3, 0));
    a.load(W64, X3, Mem::new(X3, 8));
    a.call_stub(stub);
    a.brk();
    a.bind(pad);
    // A compiled landing pad relies on the frame and stack pointers, the thread and its slots, nothing else.
    a.arith_ri(Arith::Sub, W64, X4, Fp, 32);
    a.mov_rr(X5, Sp);
    a.arith_rr(Arith::Subs, W64, Zr, X4, X5, 0);
    a.jcc(Cond::NotEqual, bad);
    a.load(W64, X2, thread(fields.active_exception));
    a.load(W64, X3, thread(fields.active_stacktrace));
    a.mov_ri(X4, STACK_TRACE as i64);
    a.arith_rr(Arith::Subs, W64, Zr, X3, X4, 0);
    a.jcc(Cond::NotEqual, bad);
    for state in [fields.exit_through_ffi, fields.top_exit_frame_info] {
        a.load(W64, X4, thread(state));
        a.jump_if_not_zero(W64, X4, bad);
    }
    a.load(W64, X4, thread(fields.object_null));
    a.store(W64, thread(fields.active_exception), X4);
    a.store(W64, thread(fields.active_stacktrace), X4);
    leave_and_return(a);
    a.bind(bad);
    a.brk();
    asm.finish()
}

#[test]
fn exceptions_reach_landing_pads_and_entry_frames() {
    let target = target();
    let (stubs, entries, fields) = (&target.engine.stub, &target.engine.rt, &target.layout().thread);
    let cases: [(Stub, _, &[u64]); 4] = [
        (stubs.throw, entries.throw, &[0x11]),
        (stubs.re_throw, entries.re_throw, &[0x11, 0x21, 0]),
        (stubs.dispatch_table_null_error, entries.null_cast_error, &[]),
        (stubs.stack_overflow_shared_without_fpu_regs, entries.interrupt_or_stack_overflow, &[]),
    ];
    for (stub, entry, expected) in cases {
        for with_landing_pad in [true, false] {
            let code = throwing_code(StubRef::Listed(stub), with_landing_pad);
            let Some(mut run) = Run::new(vec![code]) else { return };
            run.set_thread(target.layout().runtime_entry(entry), host(CPP));
            let jump = run.image.stub(stubs.jump_to_frame);
            let handler = run.image.stub(stubs.run_exception_handler);
            let mut passed = Vec::new();
            // Throws as the engine does: to the landing pad in the Dart frame that called a throwing stub, if there is
            // one, or else to the entry frame.
            let mut entry = |machine: &mut Machine, _| {
                passed = check_exit(machine).values;
                let exit_fp = machine.reg(FP);
                let stub_fp = machine.word(exit_fp);
                let dart_fp = machine.word(stub_fp);
                let landing_pad = thread_field(machine, note(NOTE_LANDING_PAD));
                let (pc, sp, fp) = if landing_pad != 0 {
                    (landing_pad, stub_fp + 16, dart_fp)
                } else {
                    (machine.word(dart_fp + 8), dart_fp + 16, machine.word(dart_fp))
                };
                for (offset, value) in [
                    (fields.active_exception, EXCEPTION),
                    (fields.active_stacktrace, STACK_TRACE),
                    (fields.resume_pc, pc),
                ] {
                    machine.set_word(THREAD + offset as u64, value);
                }
                // C++ is deeper in the stack, and nothing but the arguments of the jump may matter.
                machine.destroy_volatile();
                (19..30).for_each(|number| machine.set_reg(number, 0x0bad_0bad));
                (8..16).for_each(|number| machine.set_vector(number, 0x0bad));
                machine.set_reg(SP, exit_fp - 0x1000);
                let args = [handler, sp, fp, THREAD];
                (0..).zip(args).for_each(|(number, arg)| machine.set_reg(number, arg));
                machine.set_reg(LR, 0);
                machine.set_reg(PC, jump);
                Exit::Jump
            };
            assert_eq!(run.invoke(0, 0, &[0x11, 0x21], &mut entry), EXCEPTION);
            assert_eq!(passed, expected);
        }
    }
}

#[test]
fn the_stack_overflow_stub_returns_if_nothing_is_thrown() {
    let target = target();
    let mut asm = Assembler::new();
    let a = &mut asm;
    Arm64::enter_frame(a);
    a.call_stub(StubRef::Listed(target.engine.stub.stack_overflow_shared_without_fpu_regs));
    a.mov_ri(X2, 42);
    leave_and_return(a);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    let offset = target.layout().runtime_entry(target.engine.rt.interrupt_or_stack_overflow);
    run.set_thread(offset, host(CPP));
    let mut calls = 0;
    let mut entry = |machine: &mut Machine, _| {
        assert!(check_exit(machine).values.is_empty());
        calls += 1;
        Exit::Return(0)
    };
    assert_eq!(run.invoke(0, 0, &[], &mut entry), 42);
    assert_eq!(calls, 1);
}

#[test]
fn exceptional_return_values_are_unboxed() {
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let resume = a.label();
    Arm64::enter_frame(a);
    a.adr(X16, resume);
    a.store(W64, thread(fields.resume_pc), X16);
    a.load(W64, X16, Mem::new(X3, 0));
    a.store(W64, thread(fields.active_exception), X16);
    a.store(W64, thread(fields.active_stacktrace), X16);
    a.jmp_stub(StubRef::Listed(target.engine.stub.run_exception_handler_unbox));
    a.bind(resume);
    leave_and_return(a);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    for value in [0, 1, -1, i64::MAX >> 1, i64::MIN >> 1] {
        assert_eq!(run.invoke(0, 0, &[(value as u64) << 1], &mut no_cpp) as i64, value);
    }
    for value in [i64::MAX, i64::MIN, 5] {
        let mint = DATA + 0x100;
        run.machine.set_word(mint + target.layout().mint.value as u64, value as u64);
        assert_eq!(run.invoke(0, 0, &[mint + 1], &mut no_cpp) as i64, value);
    }
}

// Native functions.

const FUNCTION_SLOT: u32 = 5;
const TRAMPOLINE_SLOT: u32 = 0x4_5678;

fn pool_offset(slot: u32) -> i64 {
    target().layout().object_pool.element_offset(slot)
}

fn native(parameters: u32, is_generic: bool) -> NativeFunction {
    NativeFunction { function_slot: FUNCTION_SLOT, trampoline_slot: TRAMPOLINE_SLOT, parameters, is_generic }
}

#[test]
fn native_functions_call_through_their_pool_slots() {
    const C_FUNCTION: u64 = 0xcfcf_cfcf;
    let target = target();
    let (layout, stubs) = (target.layout(), &target.engine.stub);
    let trampolines = [
        (stubs.call_bootstrap_native, layout.thread.bootstrap_native_wrapper_entry_point),
        (stubs.call_no_scope_native, layout.thread.no_scope_native_wrapper_entry_point),
        (stubs.call_auto_scope_native, layout.thread.auto_scope_native_wrapper_entry_point),
    ];
    for words in 0..10 {
        for is_generic in [false, true] {
            if is_generic && words == 0 {
                continue;
            }
            let native = native(words - u32::from(is_generic), is_generic);
            let code = native_function_body(&target, &native).expect("body");
            // The caller; the body's address comes in as the arguments descriptor.
            let mut asm = Assembler::new();
            let a = &mut asm;
            Arm64::enter_frame(a);
            clobber(a, &[X2, X3]);
            a.mov_rr(X8, X3);
            a.mov_rr(X9, X2);
            pass_arguments(a, X8, words as i32, 0);
            a.call_r(X9);
            note_state(a);
            leave_and_return(a);
            let body = RawCode { bytes: code.bytes.clone(), relocs: code.relocs.clone() };
            let Some(mut run) = Run::with_pool(vec![asm.finish(), body], pool_offset) else { return };
            let body = run.image.piece(1);
            let (pool, code_object) = (PAGES, DATA + 0x100);
            let slot = |slot: u32| pool + pool_offset(slot) as u64;
            run.machine.set_word(slot(FUNCTION_SLOT), C_FUNCTION);
            run.machine.set_word(slot(TRAMPOLINE_SLOT), code_object + 1);
            run.set_thread(layout.thread.global_object_pool, pool + 1);
            for (stub, wrapper_slot) in trampolines {
                let entry_point = run.image.stub(stub);
                run.machine.set_word(code_object + layout.code.entry_point as u64, entry_point);
                run.set_thread(wrapper_slot, host(CPP));
                let mut wrapper = |machine: &mut Machine, _| {
                    assert_eq!(machine.reg(1), C_FUNCTION);
                    let arguments = check_exit(machine);
                    assert_eq!(arguments.is_generic, is_generic);
                    // The stack map describes the native function's frame exactly.
                    let exit_fp = machine.reg(FP);
                    assert_eq!(machine.word(exit_fp + 8) - body, u64::from(code.stack_map.return_offset));
                    let frame = frame_of_caller(machine);
                    assert_eq!(frame.len(), code.stack_map.tagged.len());
                    let tagged: Vec<u64> = frame
                        .iter()
                        .zip(&code.stack_map.tagged)
                        .filter_map(|(&word, &tagged)| tagged.then_some(word))
                        .collect();
                    let mut expected: Vec<u64> =
                        std::iter::once(0).chain(arguments.values.iter().copied()).collect();
                    expected.resize(tagged.len(), 0);
                    assert_eq!(tagged, expected);
                    machine.set_word(arguments.retval, weighted_sum(&arguments.values));
                    Exit::Return(0)
                };
                let args: Vec<u64> = (0..u64::from(words)).map(|index| 2 << (4 * index)).collect();
                let result = run.invoke(0, body, &args, &mut wrapper);
                assert_eq!(result, weighted_sum(&args), "{words} arguments");
                check_noted_state(&mut run);
                run.set_thread(wrapper_slot, 0);
            }
        }
    }
}

/// Decodes the load of a pool slot that ends before `end`, as `InstructionPattern::DecodeLoadWordFromPool`
/// (runtime/vm/instructions_arm64.cc) does: the register, the offset in the untagged pool, and where the sequence starts.
fn decode_pool_load(words: &[u32], end: usize) -> (u32, u32, usize) {
    let (movz, movk, load) = (words[end - 3], words[end - 2], words[end - 1]);
    let reg = load & 31;
    assert_eq!(load, 0xf860_6800 | reg << 16 | 27 << 5 | reg, "ldr reg, [x27, reg]");
    assert_eq!(movk & 0xffe0_001f, 0xf2a0_0000 | reg, "movk reg, #high, lsl 16");
    assert_eq!(movz & 0xffe0_001f, 0xd280_0000 | reg, "movz reg, #low");
    let half = |word: u32| word >> 5 & 0xffff;
    (reg, half(movk) << 16 | half(movz), end - 3)
}

#[test]
fn native_calls_have_the_words_that_the_engine_decodes() {
    let code = native_function_body(&target(), &native(2, false)).expect("body");
    let mut bytes = code.bytes.clone();
    for reloc in &code.relocs {
        let RelocTarget::PoolSlot(slot) = reloc.target else { panic!("odd relocation {reloc:?}") };
        assert_eq!(reloc.kind, RelocKind::A64PoolOffsetMov);
        reloc.kind.patch(&mut bytes, 0, reloc.offset, pool_offset(slot) + reloc.addend).expect("in range");
    }
    let words: Vec<u32> =
        bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect();
    let end = code.stack_map.return_offset as usize / 4;
    assert_eq!(words[end - 1], 0xd63f_03c0, "blr lr");
    let entry_point = target().layout().code.entry_point as u32 - 1;
    assert_eq!(words[end - 2], 0xf840_03de | entry_point << 12, "ldur lr, [lr, #entry point]");
    let (reg, trampoline, start) = decode_pool_load(&words, end - 2);
    assert_eq!((reg, i64::from(trampoline)), (30, pool_offset(TRAMPOLINE_SLOT)));
    let (reg, function, _) = decode_pool_load(&words, start);
    assert_eq!((reg, i64::from(function)), (5, pool_offset(FUNCTION_SLOT)));
    assert_eq!(code.stack_map.tagged, [false, true, true, true]);
}

#[test]
fn native_functions_with_too_many_parameters_are_refused() {
    assert!(native_function_body(&target(), &native(30, false)).is_ok());
    for count in [31, 1 << 10, 1 << 24, u32::MAX] {
        let error = native_function_body(&target(), &native(count, false));
        assert_eq!(error, Err(crate::Error::TooManyParameters(count)));
    }
}

// Stubs that preserve every register.

/// C++ functions of the barrier tests: one for each leaf entry.
const LEAF_ENTRIES: [u64; 5] = [1, 2, 3, 4, 5];

/// Where the blocks are.
const OLD_BLOCK: u64 = DATA + 0x1000;
const NEW_BLOCK: u64 = DATA + 0x2000;
const STORE_BUFFER: u64 = DATA + 0x3000;

/// The machine and heap of the barrier tests.
struct Barrier {
    run: Run,
    /// Leaf entries that were called.
    leaf_calls: Vec<u64>,
}

impl Barrier {
    fn new() -> Option<Barrier> {
        let mut run = Run::new(Vec::new())?;
        let target = target();
        let (layout, leaf) = (target.layout(), &target.engine.leaf);
        let entries = [
            leaf.old_marking_stack_block_process,
            leaf.new_marking_stack_block_process,
            leaf.store_buffer_block_process,
            leaf.enter_safepoint,
            leaf.exit_safepoint,
        ];
        for (entry, function) in entries.into_iter().zip(LEAF_ENTRIES) {
            run.set_thread(layout.leaf_entry(entry), host(function));
        }
        run.set_thread(layout.thread.old_marking_stack_block, OLD_BLOCK);
        run.set_thread(layout.thread.new_marking_stack_block, NEW_BLOCK);
        run.set_thread(layout.thread.store_buffer_block, STORE_BUFFER);
        Some(Barrier { run, leaf_calls: Vec::new() })
    }

    /// Calls a stub and checks that it changes no register but x16 to x18, x30 and pc.
    fn call(&mut self, stub: Stub, object: u64, value: u64, slot: u64) {
        let machine = &mut self.run.machine;
        let numbers = || (0..30).filter(|number| !(16..19).contains(number));
        let mut registers: Vec<u64> = numbers().map(|n| (u64::from(n) + 1) * 0x0101_0101_0101_0101).collect();
        registers[..3].copy_from_slice(&[object, value, slot]);
        let thread_index = numbers().position(|number| number == THR.code()).expect("it is one of them");
        registers[thread_index] = THREAD;
        let vectors: Vec<u128> = (0..32).map(|number| !(number * 0x1111_0000_1111_0000_1111)).collect();
        numbers().zip(&registers).for_each(|(number, &value)| machine.set_reg(number, value));
        (0..).zip(&vectors).for_each(|(number, &value)| machine.set_vector(number, value));
        machine.set_reg(SP, STACK);
        machine.set_reg(LR, host(0));
        machine.set_reg(PC, self.run.image.stub(stub));
        let leaf_calls = &mut self.leaf_calls;
        machine.run(&mut |machine, function| {
            assert_eq!(machine.reg(SP) % 16, 0, "the stack is aligned at leaf calls");
            if function <= 3 {
                assert_eq!(machine.reg(0), THREAD);
            }
            leaf_calls.push(function);
            Exit::Return(0x0bad)
        });
        let after: Vec<u64> = numbers().map(|number| machine.reg(number)).collect();
        assert_eq!(after, registers, "general registers are preserved");
        let after: Vec<u128> = (0..32).map(|number| machine.vector(number)).collect();
        assert_eq!(after, vectors, "vector registers are preserved");
        assert_eq!(machine.reg(SP), STACK);
    }

    fn set_mask(&mut self, marking: bool) {
        let layout = self.run.layout();
        let bits = &layout.untagged_object;
        let incremental = if marking { bits.incremental_barrier_mask } else { 0 };
        let mask = bits.generational_barrier_mask | incremental;
        self.run.set_thread(layout.thread.write_barrier_mask, mask as u64);
    }
}

/// The object that is stored to, which is old.
const OBJECT: u64 = DATA + 0x200 + 1;
/// Values that are stored: a new and an old object, which an address bit tells apart.
const NEW_VALUE: u64 = DATA + 0x300 + 8 + 1;
const OLD_VALUE: u64 = DATA + 0x300 + 1;

#[test]
fn the_barrier_marks_and_remembers() {
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let bit = |number: i32| 1_u64 << number;
    let rest = 0x1234_5678_0005_0300 | bit(bits.always_set_bit);
    let (not_marked, new) = (bit(bits.not_marked_bit), bit(bits.new_or_evacuation_candidate_bit));
    let not_remembered = bit(bits.old_and_not_remembered_bit);
    let (marking_block, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);

    let Some(mut barrier) = Barrier::new() else { return };
    for stub in [target.engine.stub.write_barrier, target.engine.stub.array_write_barrier] {
        for case in 0..16 {
            let [marking, value_is_new, value_marked, remembered] =
                [0, 1, 2, 3].map(|number| case >> number & 1 != 0);
            barrier.set_mask(marking);
            let value = if value_is_new { NEW_VALUE } else { OLD_VALUE };
            let marks = if value_marked { 0 } else { not_marked };
            let value_tags = rest | marks | if value_is_new { new } else { not_remembered };
            let tags = rest | if remembered { 0 } else { not_remembered };
            let machine = &mut barrier.run.machine;
            machine.set_word(value - 1, value_tags);
            machine.set_word(OBJECT - 1, tags);
            for (block, top) in
                [(OLD_BLOCK, marking_block.top), (NEW_BLOCK, marking_block.top), (STORE_BUFFER, buffer.top)]
            {
                machine.set_words(block, &[0; 8]);
                machine.set_half_word(block + top as u64, 2);
            }
            // The slot is not looked at.
            barrier.call(stub, OBJECT, value, 1);

            let machine = &mut barrier.run.machine;
            let mut pushed = |block: u64, top: i32, pointers: i32| {
                (machine.half_word(block + top as u64), machine.word(block + pointers as u64 + 16))
            };
            let marks_now = marking && !value_marked;
            let none = (2, 0);
            let one = if marks_now { (3, value) } else { none };
            let (top, pointers) = (marking_block.top, marking_block.pointers);
            assert_eq!(pushed(OLD_BLOCK, top, pointers), if value_is_new { none } else { one });
            assert_eq!(pushed(NEW_BLOCK, top, pointers), if value_is_new { one } else { none });
            let remembers_now = value_is_new && !remembered;
            let expected = if remembers_now { (3, OBJECT) } else { none };
            assert_eq!(pushed(STORE_BUFFER, buffer.top, buffer.pointers), expected);
            let expected = if marks_now { value_tags & !not_marked } else { value_tags };
            assert_eq!(machine.word(value - 1), expected);
            let expected = if remembers_now { tags & !not_remembered } else { tags };
            assert_eq!(machine.word(OBJECT - 1), expected);
            assert!(barrier.leaf_calls.is_empty());
        }
    }
}

#[test]
fn full_blocks_are_handed_to_the_runtime() {
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let (marking, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);
    let Some(mut barrier) = Barrier::new() else { return };
    for value_is_new in [false, true] {
        barrier.set_mask(true);
        let machine = &mut barrier.run.machine;
        for (block, top, size) in [
            (OLD_BLOCK, marking.top, marking.size),
            (NEW_BLOCK, marking.top, marking.size),
            (STORE_BUFFER, buffer.top, buffer.size),
        ] {
            machine.set_half_word(block + top as u64, size as u32 - 1);
        }
        let (value, generation) = if value_is_new {
            (NEW_VALUE, bits.new_or_evacuation_candidate_bit)
        } else {
            (OLD_VALUE, bits.always_set_bit)
        };
        machine.set_word(value - 1, 1 << bits.not_marked_bit | 1 << generation);
        machine.set_word(OBJECT - 1, 1 << bits.old_and_not_remembered_bit | 1 << bits.always_set_bit);
        barrier.call(target.engine.stub.write_barrier, OBJECT, value, 0);

        let block = if value_is_new { NEW_BLOCK } else { OLD_BLOCK };
        let last = |block: u64, pointers: i32, size: i32| block + (pointers + (size - 1) * WORD) as u64;
        let machine = &mut barrier.run.machine;
        assert_eq!(machine.word(last(block, marking.pointers, marking.size)), value);
        let expected: &[u64] = if value_is_new { &[2, 3] } else { &[1] };
        assert_eq!(std::mem::take(&mut barrier.leaf_calls), expected);
        let expected = if value_is_new { OBJECT } else { 0 };
        assert_eq!(machine.word(last(STORE_BUFFER, buffer.pointers, buffer.size)), expected);
    }
}

#[test]
fn large_arrays_are_remembered_by_card() {
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let page_size = layout.page.page_mask.unsigned_abs();
    // A page with an array that is larger than the page: slots far behind its start have cards, too.
    let page = PAGES.next_multiple_of(page_size);
    let table = DATA + 0x8000;
    let object = page + 0x100 + 1;
    let tags =
        1 << bits.always_set_bit | 1 << bits.old_and_not_remembered_bit | 1 << bits.card_remembered_bit;
    let Some(mut barrier) = Barrier::new() else { return };
    barrier.set_mask(false);
    let machine = &mut barrier.run.machine;
    machine.set_word(page + layout.page.card_table as u64, table);
    machine.set_word(object - 1, tags);
    machine.set_word(NEW_VALUE - 1, 1 << bits.new_or_evacuation_candidate_bit);
    let mut cards = std::collections::BTreeSet::new();
    for slot in [0x118, 0x4000, 0x4008, 0x3ff8, page_size * 3 + 0x7ff8] {
        barrier.call(target.engine.stub.array_write_barrier, object, NEW_VALUE, page + slot);
        cards.insert(slot >> layout.page.bytes_per_card_log2);
    }
    assert_eq!(cards.len(), 4, "two of the slots share a card");
    let machine = &mut barrier.run.machine;
    let words = machine.words(table, table + ((page_size * 4) >> layout.page.bytes_per_card_log2) / 8);
    let dirty: Vec<u64> = (0..)
        .zip(&words)
        .flat_map(|(index, word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| index * 64 + bit)
        })
        .collect();
    assert_eq!(dirty, cards.into_iter().collect::<Vec<u64>>());
    assert_eq!(machine.word(object - 1), tags, "the array itself is not remembered");
    assert_eq!(machine.half_word(STORE_BUFFER + layout.store_buffer_block.top as u64), 0);
}

#[test]
fn safepoint_transitions_preserve_every_register() {
    let stubs = &target().engine.stub;
    let Some(mut barrier) = Barrier::new() else { return };
    for (stub, function) in [(stubs.enter_safepoint, 4), (stubs.exit_safepoint, 5)] {
        barrier.call(stub, 1, 2, 3);
        assert_eq!(std::mem::take(&mut barrier.leaf_calls), [function]);
    }
}

#[test]
fn the_stub_set_is_that_of_the_other_architectures() {
    let target = target();
    let all = stubs(&target).expect("stubs");
    let x64 = stubs(&TargetSpec::from_name("linux-x64").expect("known target")).expect("stubs");
    let summary = |stubs: &[crate::StubCode]| -> Vec<_> {
        stubs.iter().map(|stub| (stub.stub, stub.name.clone(), stub.role)).collect()
    };
    assert_eq!(summary(&all), summary(&x64));
    for stub in all.iter().filter(|stub| stub.role == StubRole::Trap) {
        assert_eq!((stub.bytes.len(), stub.relocs.len(), stub.align), (4, 0, 4), "{}", stub.name);
    }
    for name in ["android-arm64", "macos-arm64", "windows-arm64"] {
        let others = stubs(&TargetSpec::from_name(name).expect("known target")).expect("stubs");
        assert_eq!(others, all, "the operating system makes no difference");
    }
}
