//! Tests of the 32-bit ARM stubs: executed in the emulator ([`super::machine`]) with fakes of the C++ functions, and as
//! text.
//!
//! `stubs.txt` keeps the words and their disassembly by GNU objdump, for reading. `SNAPCRANE_BLESS=1` writes it.

use super::Arm;
use super::asm::{Assembler, constant};
use super::machine::{CODE, DATA, Exit, FP, LR, Machine, PAGES, PC, R0, R1, SP, THREAD, host};
use super::regs::{Gpr, INT_ARGS, THR};
use super::stubs::WORD;
use crate::code::{ExtraStub, NativeFunction, RawCode, Reloc, StubRef, StubRole};
use crate::stubs::Architecture;
use crate::{RelocKind, RelocTarget, native_function_body, stubs};
use snapcrane_armv7::encode::{CmpOp, DataOp, Mem};
use snapcrane_engines::{Layout, Stub, TargetSpec};
use std::fmt::Write as _;
use std::process::Command;

fn target() -> TargetSpec {
    TargetSpec::from_name("linux-arm").expect("known target")
}

/// Where the pieces of an image are.
struct Image {
    bytes: Vec<u8>,
    stubs: Vec<(StubRef, u32)>,
    pieces: Vec<u32>,
}

impl Image {
    /// Places all stubs and the pieces, resolving references; `pool_offset` maps pool slots to offsets in the pool.
    fn link(target: &TargetSpec, pieces: Vec<RawCode>, pool_offset: impl Fn(u32) -> i64) -> Image {
        let mut bytes: Vec<u8> = Vec::new();
        let mut relocs: Vec<(u32, Reloc)> = Vec::new();
        let mut place = |code: &[u8], code_relocs: &[Reloc]| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(code);
            relocs.extend(code_relocs.iter().map(|&reloc| (start, reloc)));
            start
        };
        let placed: Vec<(StubRef, u32)> = stubs(target)
            .expect("stubs")
            .iter()
            .map(|stub| (stub.stub, place(&stub.bytes, &stub.relocs)))
            .collect();
        let pieces: Vec<u32> = pieces.iter().map(|piece| place(&piece.bytes, &piece.relocs)).collect();
        for (start, reloc) in relocs {
            let value = match reloc.target {
                RelocTarget::Stub(stub) => {
                    i64::from(placed.iter().find(|(name, _)| *name == stub).expect("stub exists").1)
                }
                RelocTarget::PoolSlot(slot) => pool_offset(slot),
            };
            let code = &mut bytes[start as usize..];
            reloc.kind.patch(code, i64::from(start), reloc.offset, value + reloc.addend).expect("in range");
        }
        Image { bytes, stubs: placed, pieces }
    }

    fn stub(&self, stub: Stub) -> u32 {
        let (_, offset) =
            self.stubs.iter().find(|(name, _)| *name == StubRef::Listed(stub)).expect("stub exists");
        CODE + offset
    }

    fn piece(&self, index: usize) -> u32 {
        CODE + self.pieces[index]
    }
}

/// Notes of tests in the thread's block, behind the engine's fields.
fn note(index: i32) -> i32 {
    0x800 + index * WORD
}

/// Marks that must survive a call from C++ into Dart.
const TOP_RESOURCE: u32 = 0x7070;
const EXIT_THROUGH: u32 = 2;
const EXIT_LINK: u32 = 0xe811;
const VM_TAG: u32 = 0x9999;
const NULL: u32 = 0x4001;

/// The number of the C++ function that tests fake.
const CPP: u32 = 1;

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

    fn thread(&mut self, offset: i32) -> u32 {
        thread(&mut self.machine, offset)
    }

    fn set_thread(&mut self, offset: i32, value: u32) {
        self.machine.set_word(THREAD + offset as u32, value);
    }

    /// Calls the piece as a generic entry and checks that C++ finds its world as it left it.
    fn invoke(
        &mut self,
        entry: usize,
        args_desc: u32,
        args: &[u32],
        cpp: &mut dyn FnMut(&mut Machine, u32) -> Exit,
    ) -> (u32, u32) {
        let layout = self.layout();
        self.machine.set_words(DATA + layout.array.data as u32, args);
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
fn thread(machine: &mut Machine, offset: i32) -> u32 {
    machine.word(THREAD + offset as u32)
}

/// No C++ function is called.
fn no_cpp(_: &mut Machine, function: u32) -> Exit {
    panic!("call of C++ function {function}");
}

/// Overwrites everything that a Dart function may overwrite, but `kept`.
fn clobber(a: &mut Assembler, kept: &[Gpr]) {
    for reg in (0..10).map(Gpr).chain([Gpr::SCRATCH]).filter(|reg| !kept.contains(reg)) {
        a.mov_constant(reg, 0xffff_a5a6);
    }
    for double in 0..16 {
        let double = snapcrane_armv7::encode::Dpr(double);
        a.word(snapcrane_armv7::encode::vmov_d_core(super::regs::Cond::Al, double, Gpr::THR, Gpr::FP));
    }
}

#[test]
fn invoke_dart_code_builds_an_entry_frame() {
    // The entry calls C++ with everything as it came in, and destroys what it may destroy afterwards.
    let mut asm = Assembler::new();
    let a = &mut asm;
    Arm::enter_frame(a);
    a.mov_constant(Gpr::SCRATCH, host(CPP));
    a.blx(Gpr::SCRATCH);
    clobber(a, &[Gpr::R0]);
    a.mov_constant(Gpr::R1, 0x5151);
    Arm::leave_frame_and_return(a, 0);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    let target = target();
    let fields = &target.layout().thread;
    let mut look = |machine: &mut Machine, _| {
        let fp = machine.reg(FP);
        let (sp, entry_fp) = (fp + 8, machine.word(fp));
        let exit_link = entry_fp - 28 * 4;
        assert_eq!(sp % 8, 0, "the stack is aligned at the call");
        assert_eq!(machine.word(exit_link), EXIT_LINK);
        assert_eq!(thread(machine, fields.top_exit_frame_info), 0);
        assert_eq!(thread(machine, fields.top_resource), 0);
        assert_eq!(thread(machine, fields.exit_through_ffi), 0);
        assert_eq!(thread(machine, fields.vm_tag), target.engine.enums.vm_tag.dart);
        assert!(machine.words(sp, exit_link).iter().all(|&word| word == 0), "visited as tagged");
        assert_eq!(machine.reg(u32::from(THR.0)), THREAD);
        let (args_desc, args) = (machine.reg(R0), machine.reg(R1));
        Exit::Return(args_desc + machine.word(args) + 10 * machine.word(args + 4))
    };
    assert_eq!(run.invoke(0, 0x1000, &[3, 4], &mut look), (0x1000 + 43, 0x5151));
}

/// What C++ reads of NativeArguments.
struct Arguments {
    /// The values, in order.
    values: Vec<u32>,
    is_generic: bool,
    retval: u32,
}

/// Checks what holds in every call out of Dart: the four words of the structure are `words`.
fn check_exit(machine: &mut Machine, words: &[u32]) -> Arguments {
    let target = target();
    let layout = target.layout();
    let args = &layout.native_arguments;
    assert_eq!(args.struct_size, 16);
    let word = |offset: i32| words[offset as usize / 4];
    let [thread_word, argc_tag, argv, retval] =
        [args.thread, args.argc_tag, args.argv, args.retval].map(word);
    assert_eq!(thread_word, THREAD);
    assert_eq!(machine.reg(u32::from(THR.0)), THREAD);
    assert_eq!(machine.reg(SP) % 8, 0, "the stack is aligned at the call");
    let exit_through = target.engine.enums.exit_through.exit_through_runtime_call;
    assert_eq!(thread(machine, layout.thread.exit_through_ffi), exit_through);
    let exit_fp = thread(machine, layout.thread.top_exit_frame_info);
    assert_eq!(exit_fp, machine.reg(FP));
    let caller_fp = machine.word(exit_fp);
    assert_eq!(argc_tag >> 25, 0);
    let count = argc_tag & 0xff_ffff;
    // Arguments and result belong to the frame below the exit frame.
    let frame = exit_fp + 8..caller_fp;
    assert!(frame.contains(&retval) && (count == 0 || frame.contains(&(argv - 4 * count + 4))));
    assert_eq!(argv + 4, retval);
    assert_eq!(machine.word(retval), 0, "the result slot is a Smi");
    let values = (0..count).map(|index| machine.word(argv - 4 * index)).collect();
    Arguments { values, is_generic: argc_tag >> 24 & 1 != 0, retval }
}

/// What the fakes compute from arguments, so that their order matters.
fn weighted_sum(values: &[u32]) -> u32 {
    (1..).zip(values).map(|(weight, value)| weight * value).sum()
}

/// The four argument registers.
fn argument_registers(machine: &mut Machine) -> Vec<u32> {
    (0..4).map(|number| machine.reg(number)).collect()
}

/// Loads the arguments at `array`, which is clobbered last, to where `Tail` wants them, from parameter `first` on.
/// Returns the bytes of the stack area, which it makes.
fn pass_arguments(a: &mut Assembler, array: Gpr, count: i32, first: i32) -> u32 {
    let in_registers = INT_ARGS.len() as i32 - first;
    let area = ((count - in_registers).max(0) * WORD + 7) & -8;
    a.alu(DataOp::Sub, Gpr::SP, Gpr::SP, constant(area as u32));
    for index in in_registers..count {
        a.load(Gpr::SCRATCH, Mem::new(array, index * WORD));
        a.store(Mem::new(Gpr::SP, (index - in_registers) * WORD), Gpr::SCRATCH);
    }
    for index in 0..count.min(in_registers) {
        a.load(INT_ARGS[(index + first) as usize], Mem::new(array, index * WORD));
    }
    area as u32
}

#[test]
fn runtime_calls_pass_arguments_in_order() {
    let target = target();
    let offset = target.layout().runtime_entry(target.engine.rt.type_check);
    for arity in 0..=crate::MAX_RUNTIME_ARGS {
        let mut asm = Assembler::new();
        let a = &mut asm;
        Arm::enter_frame(a);
        clobber(a, &[Gpr::R1]);
        a.mov(Gpr::R8, Gpr::R1);
        let area = pass_arguments(a, Gpr::R8, i32::from(arity), 1);
        a.load(Gpr::R0, Mem::new(THR, offset));
        a.bl_stub(StubRef::Extra(ExtraStub::RuntimeCall(arity)));
        // Note that the caller still owns the stack arguments.
        a.alu(DataOp::Add, Gpr::SP, Gpr::SP, constant(area));
        a.store(Mem::new(THR, note(0)), Gpr::SP);
        a.store(Mem::new(THR, note(1)), Gpr::FP);
        Arm::leave_frame_and_return(a, 0);
        let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
        run.set_thread(offset, host(CPP));
        let mut entry = |machine: &mut Machine, _| {
            let words = argument_registers(machine);
            let Arguments { values, retval, .. } = check_exit(machine, &words);
            // All words of the calling stub's frame are tagged: the result slot and the arguments.
            let exit_fp = machine.reg(FP);
            let stub_fp = machine.word(exit_fp);
            let expected: Vec<u32> = values.iter().copied().rev().chain([0]).collect();
            assert_eq!(machine.words(exit_fp + 8, stub_fp), expected);
            machine.set_word(retval, weighted_sum(&values));
            Exit::Return(0)
        };
        let args: Vec<u32> = (0..u32::from(arity)).map(|index| 2 << (4 * index)).collect();
        let (result, _) = run.invoke(0, 0, &args, &mut entry);
        assert_eq!(result, weighted_sum(&args), "arity {arity}");
        assert_eq!(run.thread(note(0)), run.thread(note(1)), "stack arguments are the caller's");
    }
}

// Exceptions.

const NOTE_LANDING_PAD: i32 = 0;
const EXCEPTION: u32 = 0xe0e1;
const STACK_TRACE: u32 = 0x57a1;

/// An entry that calls `stub` with its first two arguments and has a landing pad: the pad returns the exception
/// after checking the machine state. The call has 32 bytes in its frame.
fn throwing_code(stub: StubRef, with_landing_pad: bool) -> RawCode {
    use super::regs::Cond::Ne;
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let (pad, bad) = (a.label(), a.label());
    Arm::enter_frame(a);
    a.alu(DataOp::Sub, Gpr::SP, Gpr::SP, constant(32));
    if with_landing_pad {
        a.address_of(Gpr::SCRATCH, pad);
        a.store(Mem::new(THR, note(NOTE_LANDING_PAD)), Gpr::SCRATCH);
    }
    a.load(Gpr::R0, Mem::new(Gpr::R1, 0));
    a.load(Gpr::R1, Mem::new(Gpr::R1, 4));
    a.bl_stub(stub);
    a.udf();
    a.bind(pad);
    // A compiled landing pad relies on fp, sp, the thread and its slots, nothing else.
    a.alu(DataOp::Sub, Gpr::R3, Gpr::FP, constant(32));
    a.compare(CmpOp::Cmp, Gpr::R3, Gpr::SP);
    a.b_if(Ne, bad);
    a.load(Gpr::R0, Mem::new(THR, fields.active_exception));
    a.load(Gpr::R1, Mem::new(THR, fields.active_stacktrace));
    a.mov_constant(Gpr::R2, STACK_TRACE);
    a.compare(CmpOp::Cmp, Gpr::R1, Gpr::R2);
    a.b_if(Ne, bad);
    for state in [fields.exit_through_ffi, fields.top_exit_frame_info] {
        a.load(Gpr::R3, Mem::new(THR, state));
        a.compare(CmpOp::Cmp, Gpr::R3, constant(0));
        a.b_if(Ne, bad);
    }
    a.load(Gpr::R3, Mem::new(THR, fields.object_null));
    a.store(Mem::new(THR, fields.active_exception), Gpr::R3);
    a.store(Mem::new(THR, fields.active_stacktrace), Gpr::R3);
    Arm::leave_frame_and_return(a, 0);
    a.bind(bad);
    a.udf();
    asm.finish()
}

#[test]
fn exceptions_reach_landing_pads_and_entry_frames() {
    let target = target();
    let (stubs, entries, fields) = (&target.engine.stub, &target.engine.rt, &target.layout().thread);
    let cases: [(Stub, _, &[u32]); 4] = [
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
                let words = argument_registers(machine);
                passed = check_exit(machine, &words).values;
                let exit_fp = machine.reg(FP);
                let stub_fp = machine.word(exit_fp);
                let dart_fp = machine.word(stub_fp);
                let landing_pad = thread(machine, note(NOTE_LANDING_PAD));
                let (pc, sp, fp) = if landing_pad != 0 {
                    (landing_pad, stub_fp + 8, dart_fp)
                } else {
                    (machine.word(dart_fp + 4), dart_fp + 8, machine.word(dart_fp))
                };
                for (offset, value) in [
                    (fields.active_exception, EXCEPTION),
                    (fields.active_stacktrace, STACK_TRACE),
                    (fields.resume_pc, pc),
                ] {
                    machine.set_word(THREAD + offset as u32, value);
                }
                // Nothing but the arguments of the jump may matter.
                (4..12).for_each(|number| machine.set_reg(number, 0x0bad_0bad));
                (8..16).for_each(|number| machine.set_double(number, 0x0bad));
                machine.set_reg(SP, machine_sp_of_cpp(exit_fp));
                let args = [handler, sp, fp, THREAD];
                (0..).zip(args).for_each(|(number, arg)| machine.set_reg(number, arg));
                machine.set_reg(LR, 0);
                machine.set_reg(PC, jump);
                Exit::Jump
            };
            let (result, _) = run.invoke(0, 0, &[0x11, 0x21], &mut entry);
            assert_eq!(result, EXCEPTION);
            assert_eq!(passed, expected);
        }
    }
}

/// A stack pointer as C++ may have it below an exit frame.
fn machine_sp_of_cpp(exit_fp: u32) -> u32 {
    (exit_fp - 0x1000) & !7
}

#[test]
fn the_stack_overflow_stub_returns_if_nothing_is_thrown() {
    let target = target();
    let mut asm = Assembler::new();
    let a = &mut asm;
    Arm::enter_frame(a);
    a.bl_stub(StubRef::Listed(target.engine.stub.stack_overflow_shared_without_fpu_regs));
    a.mov(Gpr::R0, constant(42));
    Arm::leave_frame_and_return(a, 0);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    let offset = target.layout().runtime_entry(target.engine.rt.interrupt_or_stack_overflow);
    run.set_thread(offset, host(CPP));
    let mut calls = 0;
    let mut entry = |machine: &mut Machine, _| {
        let words = argument_registers(machine);
        assert!(check_exit(machine, &words).values.is_empty());
        calls += 1;
        Exit::Return(0)
    };
    assert_eq!(run.invoke(0, 0, &[], &mut entry).0, 42);
    assert_eq!(calls, 1);
}

#[test]
fn exceptional_return_values_are_unboxed() {
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let resume = a.label();
    Arm::enter_frame(a);
    a.address_of(Gpr::SCRATCH, resume);
    a.store(Mem::new(THR, fields.resume_pc), Gpr::SCRATCH);
    a.load(Gpr::SCRATCH, Mem::new(Gpr::R1, 0));
    a.store(Mem::new(THR, fields.active_exception), Gpr::SCRATCH);
    a.store(Mem::new(THR, fields.active_stacktrace), Gpr::SCRATCH);
    a.b_stub(StubRef::Listed(target.engine.stub.run_exception_handler_unbox));
    a.bind(resume);
    Arm::leave_frame_and_return(a, 0);
    let Some(mut run) = Run::new(vec![asm.finish()]) else { return };
    let signed = |(low, high): (u32, u32)| (u64::from(high) << 32 | u64::from(low)) as i64;
    for value in [0, 1, -1, i32::MAX >> 1, i32::MIN >> 1] {
        let result = run.invoke(0, 0, &[(value as u32) << 1], &mut no_cpp);
        assert_eq!(signed(result), i64::from(value));
    }
    for value in [i64::MAX, i64::MIN, 5, 1 << 32, -1 << 31] {
        let mint = DATA + 0x100;
        run.machine.write(mint + target.layout().mint.value as u32, &value.to_le_bytes());
        assert_eq!(signed(run.invoke(0, 0, &[mint + 1], &mut no_cpp)), value);
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
    const C_FUNCTION: u32 = 0xcfcf_cfcf;
    let target = target();
    let (layout, stubs) = (target.layout(), &target.engine.stub);
    let trampolines = [
        (stubs.call_bootstrap_native, layout.thread.bootstrap_native_wrapper_entry_point),
        (stubs.call_no_scope_native, layout.thread.no_scope_native_wrapper_entry_point),
        (stubs.call_auto_scope_native, layout.thread.auto_scope_native_wrapper_entry_point),
    ];
    for words in 0..7 {
        for is_generic in [false, true] {
            if is_generic && words == 0 {
                continue;
            }
            let native = native(words - u32::from(is_generic), is_generic);
            let code = native_function_body(&target, &native).expect("body");
            // The caller; the body's address comes in as the arguments descriptor.
            let mut asm = Assembler::new();
            let a = &mut asm;
            Arm::enter_frame(a);
            clobber(a, &[Gpr::R0, Gpr::R1]);
            a.mov(Gpr::R8, Gpr::R1);
            a.mov(Gpr::R9, Gpr::R0);
            let area = pass_arguments(a, Gpr::R8, words as i32, 0);
            a.blx(Gpr::R9);
            a.alu(DataOp::Add, Gpr::SP, Gpr::SP, constant(area));
            a.store(Mem::new(THR, note(1)), Gpr::SP);
            a.store(Mem::new(THR, note(2)), Gpr::FP);
            Arm::leave_frame_and_return(a, 0);
            let body = RawCode { bytes: code.bytes.clone(), relocs: code.relocs.clone() };
            let Some(mut run) = Run::with_pool(vec![asm.finish(), body], pool_offset) else { return };
            let body = run.image.piece(1);
            let (pool, code_object) = (PAGES, DATA + 0x100);
            let slot = |slot: u32| pool + pool_offset(slot) as u32;
            run.machine.set_word(slot(FUNCTION_SLOT), C_FUNCTION);
            run.machine.set_word(slot(TRAMPOLINE_SLOT), code_object + 1);
            run.set_thread(layout.thread.global_object_pool, pool + 1);
            for (stub, wrapper_slot) in trampolines {
                let entry_point = run.image.stub(stub);
                run.machine.set_word(code_object + layout.code.entry_point as u32, entry_point);
                run.set_thread(wrapper_slot, host(CPP));
                let mut wrapper = |machine: &mut Machine, _| {
                    let [structure, function] = [R0, R1].map(|number| machine.reg(number));
                    assert_eq!(function, C_FUNCTION);
                    assert_eq!(structure % 4, 0);
                    assert!(structure >= machine.reg(SP) && structure + 16 <= machine.reg(FP));
                    let structure_words = machine.words(structure, structure + 16);
                    let arguments = check_exit(machine, &structure_words);
                    assert_eq!(arguments.is_generic, is_generic);
                    // The stack map describes the native function's frame exactly.
                    let exit_fp = machine.reg(FP);
                    let (sp, fp) = (exit_fp + 8, machine.word(exit_fp));
                    assert_eq!(code.stack_map.tagged.len() as u32 * 4, fp - sp);
                    assert_eq!(machine.word(exit_fp + 4) - body, code.stack_map.return_offset);
                    assert!(code.stack_map.tagged.iter().all(|&tagged| tagged));
                    let expected: Vec<u32> = arguments.values.iter().copied().rev().chain([0]).collect();
                    assert_eq!(machine.words(sp, fp), expected);
                    machine.set_word(arguments.retval, weighted_sum(&arguments.values));
                    Exit::Return(0)
                };
                let args: Vec<u32> = (0..words).map(|index| 2 << (4 * index)).collect();
                let (result, _) = run.invoke(0, body, &args, &mut wrapper);
                assert_eq!(result, weighted_sum(&args), "{words} arguments");
                assert_eq!(run.thread(note(1)), run.thread(note(2)), "stack arguments are the caller's");
                run.set_thread(wrapper_slot, 0);
            }
        }
    }
}

/// Decodes the load of a pool slot that ends before `end`, as `InstructionPattern::DecodeLoadWordFromPool` does: the
/// offset in the tagged pool, and where the sequence starts.
fn decode_pool_load(words: &[u32], end: usize) -> (u32, usize) {
    let load = words[end - 1];
    assert_eq!(load & 0xfff0_0000, 0xe590_0000, "ldr reg, [reg, #offset]");
    let add = words[end - 2];
    assert_eq!(add & 0xffff_0000, 0xe085_0000, "add reg, r5, reg");
    let (movw, movt) = (words[end - 4], words[end - 3]);
    assert_eq!((movw & 0xfff0_0000, movt & 0xfff0_0000), (0xe300_0000, 0xe340_0000), "movw and movt");
    let half = |word: u32| (word & 0xf_0000) >> 4 | word & 0xfff;
    let registers = [movw, movt, add, load].map(|word| word >> 12 & 15);
    assert!(registers.iter().all(|&reg| reg == registers[0]), "one register");
    ((half(movt) << 16 | half(movw)) + (load & 0xfff), end - 4)
}

#[test]
fn native_calls_have_the_words_that_the_engine_decodes() {
    let code = native_function_body(&target(), &native(2, false)).expect("body");
    let mut bytes = code.bytes.clone();
    for reloc in &code.relocs {
        let RelocTarget::PoolSlot(slot) = reloc.target else { panic!("odd relocation {reloc:?}") };
        assert_eq!(reloc.kind, RelocKind::A32PoolOffsetMov);
        reloc.kind.patch(&mut bytes, 0, reloc.offset, pool_offset(slot) + reloc.addend).expect("in range");
    }
    let words: Vec<u32> =
        bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect();
    let end = code.stack_map.return_offset as usize / 4;
    assert_eq!(words[end - 1], 0xe12f_ff3e, "blx lr");
    let entry_point = target().layout().code.entry_point as u32 - 1;
    assert_eq!(words[end - 2], 0xe59e_e000 | entry_point, "ldr lr, [lr, #entry point]");
    let (trampoline, start) = decode_pool_load(&words, end - 2);
    let (function, _) = decode_pool_load(&words, start);
    assert_eq!(i64::from(trampoline) + 1, pool_offset(TRAMPOLINE_SLOT));
    assert_eq!(i64::from(function) + 1, pool_offset(FUNCTION_SLOT));
    assert_eq!(code.stack_map.tagged, [true; 3]);
}

#[test]
fn native_functions_with_too_many_parameters_are_refused() {
    for count in [1 << 10, 1 << 14, 1 << 24] {
        let error = native_function_body(&target(), &native(count, false));
        assert_eq!(error, Err(crate::Error::TooManyParameters(count)));
    }
}

// Stubs that preserve every register.

/// C++ functions of the barrier tests: one for each leaf entry.
const LEAF_ENTRIES: [u32; 5] = [1, 2, 3, 4, 5];

/// Where the blocks are.
const OLD_BLOCK: u32 = DATA + 0x1000;
const NEW_BLOCK: u32 = DATA + 0x2000;
const STORE_BUFFER: u32 = DATA + 0x3000;

/// The machine and heap of the barrier tests.
struct Barrier {
    run: Run,
    /// Leaf entries that were called.
    leaf_calls: Vec<u32>,
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

    /// Calls a stub and checks that it changes no register but r12, lr and pc.
    fn call(&mut self, stub: Stub, object: u32, value: u32, slot: u32) {
        let machine = &mut self.run.machine;
        let mut registers: Vec<u32> = (0..12).map(|number| (number + 1) * 0x0101_0101).collect();
        registers[..3].copy_from_slice(&[object, value, slot]);
        registers[THR.0 as usize] = THREAD;
        let doubles: Vec<u64> = (0..16).map(|number| !(number * 0x1111_0000_1111)).collect();
        (0..).zip(&registers).for_each(|(number, &value)| machine.set_reg(number, value));
        (0..).zip(&doubles).for_each(|(number, &value)| machine.set_double(number, value));
        let sp = PAGES - 8;
        machine.set_reg(SP, sp);
        machine.set_reg(LR, host(0));
        machine.set_reg(PC, self.run.image.stub(stub));
        let leaf_calls = &mut self.leaf_calls;
        machine.run(&mut |machine, function| {
            assert_eq!(machine.reg(SP) % 8, 0, "the stack is aligned at leaf calls");
            if function <= 3 {
                assert_eq!(machine.reg(R0), THREAD);
            }
            leaf_calls.push(function);
            Exit::Return(0x0bad)
        });
        let after: Vec<u32> = (0..12).map(|number| machine.reg(number)).collect();
        assert_eq!(after, registers, "core registers are preserved");
        let after: Vec<u64> = (0..16).map(|number| machine.double(number)).collect();
        assert_eq!(after, doubles, "VFP registers are preserved");
        assert_eq!(machine.reg(SP), sp);
    }

    fn set_mask(&mut self, marking: bool) {
        let layout = self.run.layout();
        let bits = &layout.untagged_object;
        let incremental = if marking { bits.incremental_barrier_mask } else { 0 };
        let mask = bits.generational_barrier_mask | incremental;
        self.run.set_thread(layout.thread.write_barrier_mask, mask as u32);
    }
}

/// The object that is stored to, which is old.
const OBJECT: u32 = DATA + 0x200 + 1;
/// Values that are stored: a new and an old object, which an address bit tells apart.
const NEW_VALUE: u32 = DATA + 0x300 + 4 + 1;
const OLD_VALUE: u32 = DATA + 0x300 + 1;

#[test]
fn the_barrier_marks_and_remembers() {
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let bit = |number: i32| 1_u32 << number;
    let rest = 0x0005_0300 | bit(bits.always_set_bit);
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
                machine.set_word(block + top as u32, 2);
            }
            // The slot is not looked at.
            barrier.call(stub, OBJECT, value, 1);

            let machine = &mut barrier.run.machine;
            let mut pushed = |block: u32, top: i32, pointers: i32| {
                (machine.word(block + top as u32), machine.word(block + pointers as u32 + 8))
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
            machine.set_word(block + top as u32, size as u32 - 1);
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
        let last = |block: u32, pointers: i32, size: i32| block + (pointers + (size - 1) * WORD) as u32;
        let machine = &mut barrier.run.machine;
        assert_eq!(machine.word(last(block, marking.pointers, marking.size)), value);
        let expected: &[u32] = if value_is_new { &[2, 3] } else { &[1] };
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
    let page_size = layout.page.page_mask.unsigned_abs() as u32;
    // A page with an array that is larger than the page: slots far behind its start have cards, too.
    let page = PAGES.next_multiple_of(page_size);
    let table = DATA + 0x4000;
    let object = page + 0x100 + 1;
    let tags =
        1 << bits.always_set_bit | 1 << bits.old_and_not_remembered_bit | 1 << bits.card_remembered_bit;
    let Some(mut barrier) = Barrier::new() else { return };
    barrier.set_mask(false);
    let machine = &mut barrier.run.machine;
    machine.set_word(page + layout.page.card_table as u32, table);
    machine.set_word(object - 1, tags);
    machine.set_word(NEW_VALUE - 1, 1 << bits.new_or_evacuation_candidate_bit);
    let mut cards = std::collections::BTreeSet::new();
    for slot in [0x118, 0x4000, 0x4004, 0xffc, page_size * 3 + 0x7ffc] {
        barrier.call(target.engine.stub.array_write_barrier, object, NEW_VALUE, page + slot);
        cards.insert(slot >> layout.page.bytes_per_card_log2);
    }
    assert_eq!(cards.len(), 4, "two of the slots share a card");
    let machine = &mut barrier.run.machine;
    let words = machine.words(table, table + ((page_size * 4) >> layout.page.bytes_per_card_log2) / 8);
    let dirty: Vec<u32> = (0..)
        .zip(&words)
        .flat_map(|(index, word)| {
            (0..32).filter(move |bit| word >> bit & 1 != 0).map(move |bit| index * 32 + bit)
        })
        .collect();
    assert_eq!(dirty, cards.into_iter().collect::<Vec<u32>>());
    assert_eq!(machine.word(object - 1), tags, "the array itself is not remembered");
    assert_eq!(machine.word(STORE_BUFFER + layout.store_buffer_block.top as u32), 0);
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

// The set, and its text.

#[test]
fn the_stub_set_is_complete() {
    let target = target();
    let all = stubs(&target).expect("stubs");
    let x64 = stubs(&TargetSpec::from_name("linux-x64").expect("known target")).expect("stubs");
    let summary = |stubs: &[crate::StubCode]| -> Vec<_> {
        stubs.iter().map(|stub| (stub.stub, stub.name.clone(), stub.role)).collect()
    };
    assert_eq!(summary(&all), summary(&x64));
    for stub in &all {
        assert!(stub.align == 4 && stub.bytes.len() % 4 == 0, "{}", stub.name);
        if stub.role == StubRole::Trap {
            assert_eq!((stub.bytes.len(), stub.relocs.len()), (4, 0), "{}", stub.name);
        }
    }
    let android = stubs(&TargetSpec::from_name("android-arm").expect("known target")).expect("stubs");
    assert_eq!(android, all, "the operating system makes no difference");
}

/// Disassembles code with GNU objdump: one line of text per word.
fn disassemble(code: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("code");
    std::fs::write(&path, code).expect("code");
    let mut command = Command::new("arm-linux-gnueabihf-objdump");
    let output = command.args(["-D", "-b", "binary", "-m", "arm"]).arg(&path).output();
    let text = String::from_utf8(output.expect("arm-linux-gnueabihf-objdump").stdout).expect("text");
    let instructions = text.lines().filter_map(|line| line.splitn(3, '\t').nth(2));
    let text = instructions.map(|text| text.split('@').next().expect("text").split_whitespace());
    text.map(|words| words.collect::<Vec<_>>().join(" ")).collect()
}

/// All code as lines: a name, or an offset and a word, with the instruction as text if asked for.
fn listing(with_text: bool) -> Vec<String> {
    let target = target();
    let natives = [native(0, false), native(6, true)].map(|native| {
        let code = native_function_body(&target, &native).expect("body");
        let name = format!("native function with {} parameter words", native.parameter_words());
        (name, code.bytes, code.relocs)
    });
    let stubs = stubs(&target).expect("stubs").into_iter().filter(|stub| stub.role == StubRole::Code);
    let mut lines = Vec::new();
    for (name, bytes, relocs) in stubs.map(|stub| (stub.name, stub.bytes, stub.relocs)).chain(natives) {
        lines.push(format!("{name}:"));
        let texts = if with_text { disassemble(&bytes) } else { Vec::new() };
        for (index, word) in bytes.chunks(4).enumerate() {
            let word = u32::from_le_bytes(word.try_into().expect("four bytes"));
            let mut line = format!("{:4x} {word:08x}", index * 4);
            for reloc in relocs.iter().filter(|reloc| reloc.offset as usize == index * 4) {
                write!(line, " <{:?} {:?} {:+}>", reloc.kind, reloc.target, reloc.addend)
                    .expect("formatting");
            }
            if let Some(text) = texts.get(index) {
                write!(line, "  {text}").expect("formatting");
            }
            lines.push(line);
        }
    }
    lines
}

#[test]
fn stubs_read_as_recorded() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/arm/stubs.txt");
    if std::env::var_os("SNAPCRANE_BLESS").is_some() {
        std::fs::write(&path, listing(true).join("\n") + "\n").expect("stubs.txt");
    }
    let recorded = std::fs::read_to_string(&path).expect("stubs.txt");
    let recorded: Vec<&str> =
        recorded.lines().map(|line| line.split("  ").find(|part| !part.is_empty()).expect("line")).collect();
    let now = listing(false);
    let now: Vec<&str> = now.iter().map(|line| line.trim_start()).collect();
    assert_eq!(recorded.iter().map(|line| line.trim_start()).collect::<Vec<_>>(), now);
}
