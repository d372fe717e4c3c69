//! Runs the stubs on the host: fake engine structures, fake runtime functions, real machine code.
//!
//! The tests play the engine's part on both sides. Small pieces of "compiled code" and drivers with a C signature are
//! assembled next to the stubs; functions of the "runtime" are Rust functions with the C ABI. Nothing but the thread
//! block connects them: a test's own notes live behind the last field that the engine knows.
//!
//! On hosts with another instruction set or another C ABI the tests do nothing.

// Running generated code and playing a runtime that walks stacks is what these tests are for.
#![allow(unsafe_code)]

use super::asm::{Alu, Assembler, Label, Mem, Width::*};
use super::regs::{C_CALLER_SAVED, Gpr, Gpr::*, INT_ARGS, Xmm};
use crate::code::{ExtraStub, NativeFunction, RawCode, Reloc, RelocKind, RelocTarget, StubRef};
use crate::{StubRole, native_function_body, stubs};
use memmap2::{Mmap, MmapMut};
use snapcrane_engines::{Layout, Stub, TargetSpec};

fn host_can_run() -> bool {
    std::env::consts::ARCH == "x86_64" && std::env::consts::OS != "windows"
}

fn target() -> TargetSpec {
    TargetSpec::from_name("linux-x64").expect("known target")
}

/// Pieces of code at fixed places of one executable mapping.
struct Image {
    map: Mmap,
    stubs: Vec<(StubRef, usize)>,
    pieces: Vec<usize>,
}

impl Image {
    /// Places all stubs and the pieces, resolving references; `pool_offset` maps pool slots to offsets in the pool.
    fn link(target: &TargetSpec, pieces: Vec<RawCode>, pool_offset: impl Fn(u32) -> i64) -> Image {
        let mut bytes: Vec<u8> = Vec::new();
        let mut relocs: Vec<(usize, Reloc)> = Vec::new();
        let mut place = |code: &[u8], code_relocs: &[Reloc], align: usize| {
            bytes.resize(bytes.len().next_multiple_of(align), 0xcc);
            let start = bytes.len();
            bytes.extend_from_slice(code);
            relocs.extend(code_relocs.iter().map(|&reloc| (start, reloc)));
            start
        };
        let placed: Vec<(StubRef, usize)> = stubs(target)
            .expect("stubs")
            .iter()
            .map(|stub| (stub.stub, place(&stub.bytes, &stub.relocs, stub.align as usize)))
            .collect();
        let pieces = pieces.iter().map(|piece| place(&piece.bytes, &piece.relocs, 16)).collect();
        for (start, reloc) in relocs {
            let field = start + reloc.offset as usize;
            let value = match (reloc.kind, reloc.target) {
                (RelocKind::PcRel4, RelocTarget::Stub(stub)) => {
                    let (_, address) = placed.iter().find(|(name, _)| *name == stub).expect("stub exists");
                    *address as i64 + reloc.addend - field as i64
                }
                (RelocKind::PoolOffset32, RelocTarget::PoolSlot(slot)) => pool_offset(slot) + reloc.addend,
                other => panic!("odd relocation {other:?}"),
            };
            bytes[field..field + 4].copy_from_slice(&i32::try_from(value).expect("in range").to_le_bytes());
        }
        let mut map = MmapMut::map_anon(bytes.len()).expect("memory");
        map[..bytes.len()].copy_from_slice(&bytes);
        Image { map: map.make_exec().expect("executable memory"), stubs: placed, pieces }
    }

    fn stub(&self, stub: Stub) -> u64 {
        let (_, offset) =
            self.stubs.iter().find(|(name, _)| *name == StubRef::Listed(stub)).expect("stub exists");
        self.map.as_ptr() as u64 + *offset as u64
    }

    fn piece(&self, index: usize) -> u64 {
        self.map.as_ptr() as u64 + self.pieces[index] as u64
    }
}

/// Bytes of the engine's Thread that are reserved, more than it has; notes follow.
const NOTES: i32 = 0x2000;
const NOTE_COUNT: i32 = 64;

/// A note of the test in the thread block.
fn note(index: i32) -> i32 {
    NOTES + index * 8
}

/// The engine's thread, with all fields zero at first.
struct Thread(Box<[u64]>);

impl Thread {
    fn new() -> Thread {
        Thread(vec![0; (NOTES / 8 + NOTE_COUNT) as usize].into_boxed_slice())
    }

    fn address(&mut self) -> *mut u64 {
        self.0.as_mut_ptr()
    }

    fn get(&self, offset: i32) -> u64 {
        self.0[offset as usize / 8]
    }

    fn set(&mut self, offset: i32, value: u64) {
        self.0[offset as usize / 8] = value;
    }
}

/// Reads and writes a word at any address.
unsafe fn read(address: u64) -> u64 {
    unsafe { *(address as *const u64) }
}

unsafe fn write(address: u64, value: u64) {
    unsafe { *(address as *mut u64) = value }
}

/// `NativeArguments`, checked against the engine's offsets where it is used.
#[repr(C)]
struct NativeArguments {
    thread: u64,
    argc_tag: u64,
    argv: u64,
    retval: u64,
}

// Drivers: code with a C signature that the tests call.

const CALLEE_SAVED_PATTERNS: [(Gpr, i64); 5] = [
    (Rbx, 0x0b0b_0b0b_0b0b_0b0b),
    (R12, 0x1212_1212_1212_1212),
    (R13, 0x1313_1313_1313_1313),
    (R14, 0x1414_1414_1414_1414),
    (R15, 0x1515_1515_1515_1515),
];

fn enter(a: &mut Assembler) {
    a.push_r(Rbp);
    a.mov_rr(W64, Rbp, Rsp);
}

fn leave(a: &mut Assembler) {
    a.mov_rr(W64, Rsp, Rbp);
    a.pop_r(Rbp);
}

/// `(InvokeDartCode, entry, args_desc, args, thread, out)`: calls with patterns in the callee-saved registers and
/// writes what they hold afterwards to `out`, then the difference of rsp and of rbp.
fn invoke_driver() -> RawCode {
    let mut asm = Assembler::new();
    let a = &mut asm;
    enter(a);
    for (reg, _) in CALLEE_SAVED_PATTERNS {
        a.push_r(reg);
    }
    a.push_r(R9);
    a.mov_rr(W64, Rax, Rdi);
    for pair in INT_ARGS[..5].windows(2) {
        a.mov_rr(W64, pair[0], pair[1]);
    }
    for (reg, pattern) in CALLEE_SAVED_PATTERNS {
        a.mov_ri(reg, pattern);
    }
    a.call_r(Rax);
    a.load(W64, Rcx, Mem::new(Rsp, 0));
    for (index, (reg, _)) in (0..).zip(CALLEE_SAVED_PATTERNS) {
        a.store(W64, Mem::new(Rcx, index * 8), reg);
    }
    a.lea(Rdx, Mem::new(Rsp, 48));
    a.alu_rr(Alu::Sub, W64, Rdx, Rbp);
    a.store(W64, Mem::new(Rcx, 40), Rdx);
    a.pop_r(R9);
    for (reg, _) in CALLEE_SAVED_PATTERNS.into_iter().rev() {
        a.pop_r(reg);
    }
    leave(a);
    a.ret();
    asm.finish()
}

type InvokeDriver = extern "C" fn(u64, u64, u64, u64, *mut u64, *mut u64) -> u64;

/// A program run by way of InvokeDartCode: thread, arguments and the image.
struct Run {
    target: TargetSpec,
    thread: Thread,
    image: Image,
}

/// Marks that must survive a call from C++ into Dart.
const TOP_RESOURCE: u64 = 0x7070;
const EXIT_THROUGH: u64 = 2;
const EXIT_LINK: u64 = 0xe811;
const VM_TAG: u64 = 0x9999;
const NULL: u64 = 0x4001;

impl Run {
    /// `pieces` come after the driver: piece 0 here is image piece 1.
    fn new(pieces: Vec<RawCode>) -> Run {
        Run::with_pool(pieces, |slot| panic!("no pool slot {slot}"))
    }

    fn with_pool(pieces: Vec<RawCode>, pool_offset: impl Fn(u32) -> i64) -> Run {
        let target = target();
        let mut thread = Thread::new();
        let fields = &target.layout().thread;
        thread.set(fields.top_resource, TOP_RESOURCE);
        thread.set(fields.exit_through_ffi, EXIT_THROUGH);
        thread.set(fields.top_exit_frame_info, EXIT_LINK);
        thread.set(fields.vm_tag, VM_TAG);
        thread.set(fields.object_null, NULL);
        thread.set(fields.active_exception, NULL);
        thread.set(fields.active_stacktrace, NULL);
        let all = std::iter::once(invoke_driver()).chain(pieces).collect();
        let image = Image::link(&target, all, pool_offset);
        Run { target, thread, image }
    }

    fn layout(&self) -> &'static Layout {
        self.target.layout()
    }

    fn piece(&self, index: usize) -> u64 {
        self.image.piece(index + 1)
    }

    /// Calls the piece as a generic entry and checks that C++ finds its world as it left it.
    fn invoke(&mut self, entry: usize, args_desc: u64, args: &[u64]) -> u64 {
        let layout = self.layout();
        let mut array = vec![0; layout.array.data as usize / 8];
        array.extend_from_slice(args);
        let driver: InvokeDriver = unsafe { std::mem::transmute(self.image.piece(0)) };
        let invoke = self.image.stub(self.target.engine.stub.invoke_dart_code);
        let mut out = [0; 6];
        let tagged_args = array.as_ptr() as u64 + 1;
        let entry = self.piece(entry);
        let result = driver(invoke, entry, args_desc, tagged_args, self.thread.address(), out.as_mut_ptr());
        let expected: Vec<u64> = CALLEE_SAVED_PATTERNS.iter().map(|&(_, pattern)| pattern as u64).collect();
        assert_eq!(out[..5], expected, "callee-saved registers");
        assert_eq!(out[5], 0, "stack pointer");
        let fields = &layout.thread;
        assert_eq!(self.thread.get(fields.top_resource), TOP_RESOURCE);
        assert_eq!(self.thread.get(fields.exit_through_ffi), EXIT_THROUGH);
        assert_eq!(self.thread.get(fields.top_exit_frame_info), EXIT_LINK);
        assert_eq!(self.thread.get(fields.vm_tag), VM_TAG);
        assert_eq!(self.thread.get(fields.active_exception), NULL);
        assert_eq!(self.thread.get(fields.active_stacktrace), NULL);
        result
    }
}

/// Overwrites everything that an unwound or returning Dart function leaves undefined.
fn clobber_callee_saved(a: &mut Assembler) {
    for reg in [Rbx, R12, R13, R14] {
        a.mov_ri(reg, -0x5a5a);
    }
}

#[test]
fn invoke_dart_code_builds_an_entry_frame() {
    /// Called first thing by the entry, with the registers it was entered with.
    extern "C" fn look(args_desc: u64, args: u64, sp: u64, fp: u64, thread: u64) -> u64 {
        let target = target();
        let fields = &target.layout().thread;
        let field = |offset: i32| unsafe { read(thread + offset as u64) };
        assert_eq!(sp % 16, 8, "the stack is aligned at the call");
        assert_eq!(unsafe { read(fp - 11 * 8) }, EXIT_LINK);
        assert_eq!(field(fields.top_exit_frame_info), 0);
        assert_eq!(field(fields.top_resource), 0);
        assert_eq!(field(fields.exit_through_ffi), 0);
        assert_eq!(field(fields.vm_tag), u64::from(target.engine.enums.vm_tag.dart));
        let mut word = sp + 8;
        while word < fp - 11 * 8 {
            assert_eq!(unsafe { read(word) }, 0, "visited as tagged");
            word += 8;
        }
        args_desc + unsafe { read(args) + 10 * read(args + 8) }
    }
    if !host_can_run() {
        return;
    }
    let mut asm = Assembler::new();
    let a = &mut asm;
    a.mov_rr(W64, Rdx, Rsp);
    a.mov_rr(W64, Rcx, Rbp);
    a.mov_rr(W64, R8, R15);
    enter(a);
    a.mov_ri(Rax, look as *const () as i64);
    a.call_r(Rax);
    clobber_callee_saved(a);
    leave(a);
    a.ret();
    let mut run = Run::new(vec![asm.finish()]);
    assert_eq!(run.invoke(0, 0x1000, &[3, 4]), 0x1000 + 43);
}

/// A runtime entry as the engine has it: NativeArguments by value, which is at rsp + 8 on entry. Passes the address
/// of the structure on to a Rust function.
fn by_value_thunk(function: *const ()) -> RawCode {
    let mut asm = Assembler::new();
    asm.lea(Rdi, Mem::new(Rsp, 8));
    asm.mov_ri(Rax, function as i64);
    asm.jmp_r(Rax);
    asm.finish()
}

/// Checks what holds in every call out of Dart, and returns the arguments.
unsafe fn check_exit(args: *const NativeArguments) -> (Vec<u64>, &'static Layout) {
    let target = target();
    let layout = target.layout();
    assert_eq!(std::mem::offset_of!(NativeArguments, thread) as i32, layout.native_arguments.thread);
    assert_eq!(std::mem::offset_of!(NativeArguments, argc_tag) as i32, layout.native_arguments.argc_tag);
    assert_eq!(std::mem::offset_of!(NativeArguments, argv) as i32, layout.native_arguments.argv);
    assert_eq!(std::mem::offset_of!(NativeArguments, retval) as i32, layout.native_arguments.retval);
    assert_eq!(size_of::<NativeArguments>() as i32, layout.native_arguments.struct_size);
    assert_eq!(args as u64 % 16, 0, "the stack is aligned at the call");
    let args = unsafe { &*args };
    let field = |offset: i32| unsafe { read(args.thread + offset as u64) };
    let exit_through = target.engine.enums.exit_through.exit_through_runtime_call;
    assert_eq!(field(layout.thread.exit_through_ffi), u64::from(exit_through));
    let exit_fp = field(layout.thread.top_exit_frame_info);
    let caller_fp = unsafe { read(exit_fp) };
    let count = args.argc_tag & 0xff_ffff;
    // Arguments and result belong to the frame below the exit frame.
    for word in [args.retval, args.argv, args.argv - 8 * count + 8] {
        assert!(count == 0 && word < args.retval || (exit_fp + 16..caller_fp).contains(&word));
    }
    assert_eq!(unsafe { read(args.retval) }, 0, "the result slot is a Smi");
    ((0..count).map(|index| unsafe { read(args.argv - 8 * index) }).collect(), layout)
}

#[test]
fn runtime_calls_pass_arguments_in_order() {
    extern "C" fn entry(args: *const NativeArguments) {
        let (values, layout) = unsafe { check_exit(args) };
        let args = unsafe { &*args };
        // All words of the calling stub's frame are tagged: the result slot and the arguments.
        let exit_fp = unsafe { read(args.thread + layout.thread.top_exit_frame_info as u64) };
        let stub_fp = unsafe { read(exit_fp) };
        let words: Vec<u64> = (exit_fp + 16..stub_fp).step_by(8).map(|word| unsafe { read(word) }).collect();
        let expected: Vec<u64> = values.iter().copied().rev().chain([0]).collect();
        assert_eq!(words, expected);
        let sum = (1..).zip(&values).map(|(weight, value)| weight * value).sum();
        unsafe { write(args.retval, sum) };
    }
    if !host_can_run() {
        return;
    }
    let target = target();
    let offset = target.layout().runtime_entry(target.engine.rt.type_check);
    for arity in 0..=crate::MAX_RUNTIME_ARGS {
        let mut asm = Assembler::new();
        let a = &mut asm;
        enter(a);
        clobber_callee_saved(a);
        a.mov_rr(W64, Rax, Rsi);
        a.load(W64, INT_ARGS[0], Mem::new(R15, offset));
        let stack_args = (i32::from(arity) + 1 - INT_ARGS.len() as i32).max(0);
        let area = (stack_args * 8 + 15) & -16;
        a.alu_ri(Alu::Sub, W64, Rsp, area);
        for index in 0..i32::from(arity) {
            match INT_ARGS.get(index as usize + 1) {
                Some(&reg) => a.load(W64, reg, Mem::new(Rax, index * 8)),
                None => {
                    a.load(W64, R10, Mem::new(Rax, index * 8));
                    a.store(W64, Mem::new(Rsp, (index - 5) * 8), R10);
                }
            }
        }
        a.call_stub(StubRef::Extra(ExtraStub::RuntimeCall(arity)));
        // Note what must be preserved: the stack pointer without the arguments, and a callee-saved register.
        a.store(W64, Mem::new(R15, note(0)), Rsp);
        a.store(W64, Mem::new(R15, note(1)), Rbp);
        a.store(W64, Mem::new(R15, note(2)), Rbx);
        leave(a);
        a.ret();
        let mut run = Run::new(vec![asm.finish(), by_value_thunk(entry as *const ())]);
        let address = run.piece(1);
        run.thread.set(offset, address);
        let args: Vec<u64> = (0..u64::from(arity)).map(|index| 2 << (4 * index)).collect();
        let expected: u64 = (1..).zip(&args).map(|(weight, value)| weight * value).sum();
        assert_eq!(run.invoke(0, 0, &args), expected, "arity {arity}");
        assert_eq!(run.thread.get(note(0)), run.thread.get(note(1)), "stack arguments are popped");
        assert_eq!(run.thread.get(note(2)), -0x5a5a_i64 as u64);
    }
}

// Exceptions. The fake runtime looks for its instructions in notes of the thread.

const NOTE_LANDING_PAD: i32 = 0;
const NOTE_JUMP_TO_FRAME: i32 = 1;
const NOTE_RUN_HANDLER: i32 = 2;
const NOTE_ARGUMENTS: i32 = 8;
const EXCEPTION: u64 = 0xe0e1;
const STACK_TRACE: u64 = 0x57a1;

/// Throws as the engine does: to the landing pad in the Dart frame that called a throwing stub, if there is one, or
/// else to the entry frame.
extern "C" fn throwing_entry(args: *const NativeArguments) {
    let (values, layout) = unsafe { check_exit(args) };
    let thread = unsafe { (*args).thread };
    let field = |offset: i32| thread + offset as u64;
    unsafe {
        write(field(note(NOTE_ARGUMENTS)), values.len() as u64);
        for (index, &value) in (1..).zip(&values) {
            write(field(note(NOTE_ARGUMENTS + index)), value);
        }
        let exit_fp = read(field(layout.thread.top_exit_frame_info));
        let stub_fp = read(exit_fp);
        let dart_fp = read(stub_fp);
        let landing_pad = read(field(note(NOTE_LANDING_PAD)));
        let (pc, sp, fp) = if landing_pad != 0 {
            (landing_pad, stub_fp + 16, dart_fp)
        } else {
            (read(dart_fp + 8), dart_fp + 16, read(dart_fp))
        };
        write(field(layout.thread.active_exception), EXCEPTION);
        write(field(layout.thread.active_stacktrace), STACK_TRACE);
        write(field(layout.thread.resume_pc), pc);
        // Whatever was true of the transition must not matter after the jump.
        let jump: extern "C" fn(u64, u64, u64, u64) =
            std::mem::transmute(read(field(note(NOTE_JUMP_TO_FRAME))));
        jump(read(field(note(NOTE_RUN_HANDLER))), sp, fp, thread);
    }
    std::process::abort();
}

/// An entry that calls `stub` with its first two arguments and has a landing pad: the pad returns the exception
/// after checking the machine state. The call has 32 bytes in its frame.
fn throwing_code(stub: StubRef, with_landing_pad: bool) -> RawCode {
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let (pad, bad): (Label, Label) = (a.label(), a.label());
    enter(a);
    a.alu_ri(Alu::Sub, W64, Rsp, 32);
    if with_landing_pad {
        a.lea_label(Rax, pad);
        a.store(W64, Mem::new(R15, note(NOTE_LANDING_PAD)), Rax);
    }
    a.load(W64, Rdi, Mem::new(Rsi, 0));
    a.load(W64, Rsi, Mem::new(Rsi, 8));
    clobber_callee_saved(a);
    a.call_stub(stub);
    a.ud2();
    a.bind(pad);
    // A compiled landing pad relies on rbp, rsp, r15 and the thread's slots, nothing else.
    a.lea(Rcx, Mem::new(Rbp, -32));
    a.alu_rr(Alu::Cmp, W64, Rcx, Rsp);
    a.jcc(super::asm::Cond::NotEqual, bad);
    a.load(W64, Rax, Mem::new(R15, fields.active_exception));
    a.load(W64, Rdx, Mem::new(R15, fields.active_stacktrace));
    a.alu_ri(Alu::Cmp, W64, Rdx, STACK_TRACE as i32);
    a.jcc(super::asm::Cond::NotEqual, bad);
    for state in [fields.exit_through_ffi, fields.top_exit_frame_info] {
        a.alu_mi(Alu::Cmp, W64, Mem::new(R15, state), 0);
        a.jcc(super::asm::Cond::NotEqual, bad);
    }
    a.load(W64, Rcx, Mem::new(R15, fields.object_null));
    a.store(W64, Mem::new(R15, fields.active_exception), Rcx);
    a.store(W64, Mem::new(R15, fields.active_stacktrace), Rcx);
    leave(a);
    a.ret();
    a.bind(bad);
    a.ud2();
    asm.finish()
}

#[test]
fn exceptions_reach_landing_pads_and_entry_frames() {
    if !host_can_run() {
        return;
    }
    let target = target();
    let (stubs, entries) = (&target.engine.stub, &target.engine.rt);
    let cases: [(Stub, _, &[u64]); 4] = [
        (stubs.throw, entries.throw, &[0x11]),
        (stubs.re_throw, entries.re_throw, &[0x11, 0x21, 0]),
        (stubs.dispatch_table_null_error, entries.null_cast_error, &[]),
        (stubs.stack_overflow_shared_without_fpu_regs, entries.interrupt_or_stack_overflow, &[]),
    ];
    for (stub, entry, expected) in cases {
        for with_landing_pad in [true, false] {
            let code = throwing_code(StubRef::Listed(stub), with_landing_pad);
            let mut run = Run::new(vec![code, by_value_thunk(throwing_entry as *const ())]);
            let address = run.piece(1);
            run.thread.set(target.layout().runtime_entry(entry), address);
            let jump = run.image.stub(stubs.jump_to_frame);
            run.thread.set(note(NOTE_JUMP_TO_FRAME), jump);
            let handler = run.image.stub(stubs.run_exception_handler);
            run.thread.set(note(NOTE_RUN_HANDLER), handler);
            assert_eq!(run.invoke(0, 0, &[0x11, 0x21]), EXCEPTION);
            let passed: Vec<u64> = (0..run.thread.get(note(NOTE_ARGUMENTS)) as i32)
                .map(|index| run.thread.get(note(NOTE_ARGUMENTS + 1 + index)))
                .collect();
            assert_eq!(passed, expected);
        }
    }
}

#[test]
fn the_stack_overflow_stub_returns_if_nothing_is_thrown() {
    extern "C" fn entry(args: *const NativeArguments) {
        let (values, _) = unsafe { check_exit(args) };
        assert!(values.is_empty());
        unsafe { write((*args).thread + note(0) as u64, 1) };
    }
    if !host_can_run() {
        return;
    }
    let target = target();
    let mut asm = Assembler::new();
    let a = &mut asm;
    enter(a);
    a.call_stub(StubRef::Listed(target.engine.stub.stack_overflow_shared_without_fpu_regs));
    a.mov_ri(Rax, 42);
    leave(a);
    a.ret();
    let mut run = Run::new(vec![asm.finish(), by_value_thunk(entry as *const ())]);
    let address = run.piece(1);
    let offset = target.layout().runtime_entry(target.engine.rt.interrupt_or_stack_overflow);
    run.thread.set(offset, address);
    assert_eq!(run.invoke(0, 0, &[]), 42);
    assert_eq!(run.thread.get(note(0)), 1);
}

#[test]
fn exceptional_return_values_are_unboxed() {
    if !host_can_run() {
        return;
    }
    let target = target();
    let fields = &target.layout().thread;
    let mut asm = Assembler::new();
    let a = &mut asm;
    let resume = a.label();
    a.lea_label(Rax, resume);
    a.store(W64, Mem::new(R15, fields.resume_pc), Rax);
    a.load(W64, Rax, Mem::new(Rsi, 0));
    a.store(W64, Mem::new(R15, fields.active_exception), Rax);
    a.store(W64, Mem::new(R15, fields.active_stacktrace), Rax);
    a.jmp_stub(StubRef::Listed(target.engine.stub.run_exception_handler_unbox));
    a.bind(resume);
    a.ret();
    let mut run = Run::new(vec![asm.finish()]);
    for value in [0, 1, -1, i64::MAX >> 1, i64::MIN >> 1] {
        assert_eq!(run.invoke(0, 0, &[(value as u64) << 1]) as i64, value);
    }
    for value in [i64::MAX, i64::MIN, 5] {
        let mut mint = [0_u64; 4];
        mint[target.layout().mint.value as usize / 8] = value as u64;
        assert_eq!(run.invoke(0, 0, &[mint.as_ptr() as u64 + 1]) as i64, value);
    }
}

// Native functions.

const FUNCTION_SLOT: u32 = 5;
const TRAMPOLINE_SLOT: u32 = 40;

fn pool_offset(slot: u32) -> i64 {
    target().layout().object_pool.element_offset(slot)
}

fn native(parameters: u32, is_generic: bool) -> NativeFunction {
    NativeFunction { function_slot: FUNCTION_SLOT, trampoline_slot: TRAMPOLINE_SLOT, parameters, is_generic }
}

#[test]
fn native_functions_call_through_their_pool_slots() {
    const C_FUNCTION: u64 = 0xcfcf_cfcf;
    extern "C" fn wrapper(args: *const NativeArguments, function: u64) {
        let (values, layout) = unsafe { check_exit(args) };
        let args = unsafe { &*args };
        assert_eq!(function, C_FUNCTION);
        let field = |offset: i32| args.thread + offset as u64;
        unsafe {
            // The stack map describes the native function's frame exactly.
            let exit_fp = read(field(layout.thread.top_exit_frame_info));
            let (sp, fp) = (exit_fp + 16, read(exit_fp));
            let is_generic = args.argc_tag >> 24 & 1 != 0;
            assert!(args.argc_tag >> 25 == 0);
            let parameters = values.len() as u32 - u32::from(is_generic);
            let code = native_function_body(&target(), &native(parameters, is_generic)).expect("body");
            assert_eq!(code.stack_map.tagged.len() as u64 * 8, fp - sp);
            let return_address = read(exit_fp + 8);
            let start = read(field(note(0)));
            assert_eq!(return_address - start, u64::from(code.stack_map.return_offset));
            let tagged: Vec<u64> = (1..)
                .zip(&code.stack_map.tagged)
                .filter(|(_, tagged)| **tagged)
                .map(|(word, _)| read(fp - 8 * word))
                .collect();
            let expected: Vec<u64> = std::iter::once(0).chain(values.iter().copied()).collect();
            assert_eq!(tagged, expected);
            let sum = (1..).zip(&values).map(|(weight, value)| weight * value).sum();
            write(args.retval, sum);
        }
    }
    if !host_can_run() {
        return;
    }
    let target = target();
    let (layout, stubs) = (target.layout(), &target.engine.stub);
    let trampolines = [
        (stubs.call_bootstrap_native, layout.thread.bootstrap_native_wrapper_entry_point),
        (stubs.call_no_scope_native, layout.thread.no_scope_native_wrapper_entry_point),
        (stubs.call_auto_scope_native, layout.thread.auto_scope_native_wrapper_entry_point),
    ];
    for (stub, wrapper_slot) in trampolines {
        for words in 0..10 {
            for is_generic in [false, true] {
                if is_generic && words == 0 {
                    continue;
                }
                let native = native(words - u32::from(is_generic), is_generic);
                let body = native_function_body(&target, &native).expect("body");
                // The caller; the body's address comes in as the arguments descriptor.
                let mut asm = Assembler::new();
                let a = &mut asm;
                enter(a);
                clobber_callee_saved(a);
                a.store(W64, Mem::new(R15, note(0)), Rdi);
                a.mov_rr(W64, Rax, Rsi);
                a.mov_rr(W64, R11, Rdi);
                let stack_args = (words as i32 - INT_ARGS.len() as i32).max(0);
                a.alu_ri(Alu::Sub, W64, Rsp, (stack_args * 8 + 15) & -16);
                for index in 0..words as i32 {
                    match INT_ARGS.get(index as usize) {
                        Some(&reg) => a.load(W64, reg, Mem::new(Rax, index * 8)),
                        None => {
                            a.load(W64, R10, Mem::new(Rax, index * 8));
                            a.store(W64, Mem::new(Rsp, (index - 6) * 8), R10);
                        }
                    }
                }
                a.call_r(R11);
                a.store(W64, Mem::new(R15, note(1)), Rsp);
                a.store(W64, Mem::new(R15, note(2)), Rbp);
                a.store(W64, Mem::new(R15, note(3)), Rbx);
                leave(a);
                a.ret();
                let body = RawCode { bytes: body.bytes, relocs: body.relocs };
                let mut run = Run::with_pool(vec![asm.finish(), body], pool_offset);

                let mut code_object = [0_u64; 8];
                code_object[layout.code.entry_point as usize / 8] = run.image.stub(stub);
                let mut pool = vec![0_u64; 64];
                pool[pool_offset(FUNCTION_SLOT) as usize / 8] = C_FUNCTION;
                pool[pool_offset(TRAMPOLINE_SLOT) as usize / 8] = code_object.as_ptr() as u64 + 1;
                run.thread.set(layout.thread.global_object_pool, pool.as_ptr() as u64 + 1);
                run.thread.set(wrapper_slot, wrapper as *const () as u64);

                let args: Vec<u64> = (0..u64::from(words)).map(|index| 2 << (4 * index)).collect();
                let expected: u64 = (1..).zip(&args).map(|(weight, value)| weight * value).sum();
                let body_address = run.piece(1);
                assert_eq!(run.invoke(0, body_address, &args), expected, "{words} arguments");
                assert_eq!(run.thread.get(note(1)), run.thread.get(note(2)), "stack arguments are popped");
                assert_eq!(run.thread.get(note(3)), -0x5a5a_i64 as u64, "rbx is preserved");
            }
        }
    }
}

#[test]
fn native_calls_have_the_bytes_that_the_engine_decodes() {
    let body = native_function_body(&target(), &native(2, false)).expect("body");
    let end = body.stack_map.return_offset as usize;
    let call = &body.bytes[end - 18..end];
    assert_eq!(call[..3], [0x49, 0x8b, 0x9f], "mov rbx, [r15 + disp32]");
    assert_eq!(call[7..10], [0x4d, 0x8b, 0x9f], "mov r11, [r15 + disp32]");
    assert_eq!(call[14..], [0x41, 0xff, 0x53, 7], "call [r11 + entry point]");
    let pool = |offset: usize, slot| Reloc {
        offset: offset as u32,
        kind: RelocKind::PoolOffset32,
        target: RelocTarget::PoolSlot(slot),
        addend: -1,
    };
    assert_eq!(body.relocs, [pool(end - 15, FUNCTION_SLOT), pool(end - 8, TRAMPOLINE_SLOT)]);
    assert_eq!(body.stack_map.tagged, [false, true, true, true]);
}

#[test]
fn native_functions_with_too_many_parameters_are_refused() {
    for count in [1 << 14, u32::MAX] {
        let error = native_function_body(&target(), &native(count, false));
        assert_eq!(error, Err(crate::Error::TooManyParameters(count)));
    }
}

// Stubs that preserve every register.

/// What a register-preserving call left in the registers: 16 general ones, then 16 SSE registers.
#[repr(C)]
#[derive(Default, PartialEq, Debug)]
struct Registers {
    general: [u64; 16],
    sse: [[u64; 2]; 16],
}

const PRESERVED: [Gpr; 10] = [Rax, Rcx, Rbx, R8, R9, R10, R11, R12, R13, R14];

/// `(stub, object, value, slot, thread, registers)`: calls the stub with the contents of `registers` in all
/// registers but the arguments, the thread and the stack pointers, and writes them back.
fn preserve_all_driver() -> RawCode {
    let mut asm = Assembler::new();
    let a = &mut asm;
    enter(a);
    for reg in [Rbx, R12, R13, R14, R15, R9] {
        a.push_r(reg);
    }
    a.push_r(Rdi);
    a.push_i(0);
    a.mov_rr(W64, Rdi, Rsi);
    a.mov_rr(W64, Rsi, Rdx);
    a.mov_rr(W64, Rdx, Rcx);
    a.mov_rr(W64, R15, R8);
    for xmm in 0..16 {
        a.movups_load(Xmm(xmm), Mem::new(R9, 128 + i32::from(xmm) * 16));
    }
    for reg in PRESERVED.into_iter().filter(|&reg| reg != R9) {
        a.load(W64, reg, Mem::new(R9, i32::from(reg.code()) * 8));
    }
    a.load(W64, R9, Mem::new(R9, i32::from(R9.code()) * 8));
    a.call_m(Mem::new(Rbp, -56));
    a.store(W64, Mem::new(Rsp, 0), R9);
    a.load(W64, R9, Mem::new(Rbp, -48));
    let others = [Rsi, Rdi, Rdx, R15, Rsp, Rbp];
    for reg in PRESERVED.into_iter().chain(others).filter(|&reg| reg != R9) {
        a.store(W64, Mem::new(R9, i32::from(reg.code()) * 8), reg);
    }
    for xmm in 0..16 {
        a.movups_store(Mem::new(R9, 128 + i32::from(xmm) * 16), Xmm(xmm));
    }
    a.pop_r(Rax);
    a.store(W64, Mem::new(R9, i32::from(R9.code()) * 8), Rax);
    a.pop_r(Rax);
    for reg in [R9, R15, R14, R13, R12, Rbx] {
        a.pop_r(reg);
    }
    leave(a);
    a.ret();
    asm.finish()
}

/// A leaf entry that counts its calls in note 0, notes the stack's misalignment in note 1 and its argument in note
/// 2, and destroys every register that C may destroy. Its thread comes in r15, as some leaf entries have no argument.
fn destructive_leaf() -> RawCode {
    let mut asm = Assembler::new();
    let a = &mut asm;
    a.alu_mi(Alu::Add, W64, Mem::new(R15, note(0)), 1);
    a.mov_rr(W64, Rax, Rsp);
    a.alu_ri(Alu::And, W64, Rax, 15);
    a.store(W64, Mem::new(R15, note(1)), Rax);
    a.store(W64, Mem::new(R15, note(2)), Rdi);
    for reg in C_CALLER_SAVED {
        a.mov_ri(reg, 0x0bad_0bad_0bad_0bad);
    }
    for xmm in 0..16 {
        a.movq_xr(Xmm(xmm), Rax);
    }
    a.ret();
    asm.finish()
}

/// The machine and heap of the barrier tests.
struct Barrier {
    target: TargetSpec,
    thread: Thread,
    image: Image,
    old_block: Vec<u64>,
    new_block: Vec<u64>,
    store_buffer: Vec<u64>,
}

impl Barrier {
    fn new() -> Barrier {
        let target = target();
        let image = Image::link(&target, vec![preserve_all_driver(), destructive_leaf()], |_| 0);
        let layout = target.layout();
        let block = |pointers: i32, size: i32| vec![0_u64; pointers as usize / 8 + size as usize];
        let marking = &layout.marking_stack_block;
        let buffer = &layout.store_buffer_block;
        let mut barrier = Barrier {
            thread: Thread::new(),
            image,
            old_block: block(marking.pointers, marking.size),
            new_block: block(marking.pointers, marking.size),
            store_buffer: block(buffer.pointers, buffer.size),
            target,
        };
        let leaf = &barrier.target.engine.leaf;
        for entry in [
            leaf.old_marking_stack_block_process,
            leaf.new_marking_stack_block_process,
            leaf.store_buffer_block_process,
            leaf.enter_safepoint,
            leaf.exit_safepoint,
        ] {
            barrier.thread.set(layout.leaf_entry(entry), barrier.image.piece(1));
        }
        barrier.thread.set(layout.thread.old_marking_stack_block, barrier.old_block.as_ptr() as u64);
        barrier.thread.set(layout.thread.new_marking_stack_block, barrier.new_block.as_ptr() as u64);
        barrier.thread.set(layout.thread.store_buffer_block, barrier.store_buffer.as_ptr() as u64);
        barrier
    }

    /// Calls a stub and checks that it changes no register.
    fn call(&mut self, stub: Stub, object: u64, value: u64, slot: u64) {
        let driver: extern "C" fn(u64, u64, u64, u64, *mut u64, *mut Registers) =
            unsafe { std::mem::transmute(self.image.piece(0)) };
        let mut registers = Registers::default();
        for (index, register) in (1..).zip(&mut registers.general) {
            *register = index * 0x0101_0101_0101_0101;
        }
        for (index, register) in (1..).zip(&mut registers.sse) {
            *register = [index * 0x1111_0000_1111, !index];
        }
        let mut expected = Registers { ..Registers::default() };
        expected.general = registers.general;
        expected.sse = registers.sse;
        for (reg, value) in [(Rdi, object), (Rsi, value), (Rdx, slot)] {
            expected.general[usize::from(reg.code())] = value;
        }
        expected.general[usize::from(R15.code())] = self.thread.address() as u64;
        driver(self.image.stub(stub), object, value, slot, self.thread.address(), &mut registers);
        let (rsp, rbp) = (usize::from(Rsp.code()), usize::from(Rbp.code()));
        assert_eq!(registers.general[rbp] - registers.general[rsp], 64, "stack pointers");
        expected.general[rsp] = registers.general[rsp];
        expected.general[rbp] = registers.general[rbp];
        assert_eq!(registers, expected, "every register is preserved");
    }

    fn set_mask(&mut self, marking: bool) {
        let bits = &self.target.layout().untagged_object;
        let incremental = if marking { bits.incremental_barrier_mask } else { 0 };
        let mask = bits.generational_barrier_mask | incremental;
        self.thread.set(self.target.layout().thread.write_barrier_mask, mask as u64);
    }
}

/// Heap objects whose addresses have the alignment that tells generations apart.
#[repr(align(16))]
struct Heap([u64; 8]);

impl Heap {
    fn old(&self) -> u64 {
        self.0.as_ptr() as u64 + 1
    }

    fn new_space(&self) -> u64 {
        self.0.as_ptr() as u64 + 8 * 5 + 1
    }

    fn tags(&self, object: u64) -> u64 {
        unsafe { read(object - 1) }
    }

    fn set_tags(&mut self, object: u64, tags: u64) {
        unsafe { write(object - 1, tags) }
    }
}

#[test]
fn the_barrier_marks_and_remembers() {
    if !host_can_run() {
        return;
    }
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let bit = |number: i32| 1_u64 << number;
    let rest = 0x1234_5678_0005_0300 | bit(bits.always_set_bit);
    let (not_marked, new) = (bit(bits.not_marked_bit), bit(bits.new_or_evacuation_candidate_bit));
    let not_remembered = bit(bits.old_and_not_remembered_bit);
    let marking_top = layout.marking_stack_block.top as usize;
    let marking_pointers = layout.marking_stack_block.pointers as usize / 8;
    let buffer_top = layout.store_buffer_block.top as usize;
    let buffer_pointers = layout.store_buffer_block.pointers as usize / 8;
    let top = |block: &[u64], offset: usize| (block[offset / 8] >> (8 * (offset % 8))) as u32;

    for stub in [target.engine.stub.write_barrier, target.engine.stub.array_write_barrier] {
        for marking in [false, true] {
            for value_is_new in [false, true] {
                for value_marked in [false, true] {
                    for remembered in [false, true] {
                        let mut barrier = Barrier::new();
                        barrier.set_mask(marking);
                        let mut heap = Heap([0; 8]);
                        let object = heap.old();
                        let mut others = Heap([0; 8]);
                        let value = if value_is_new { others.new_space() } else { others.old() };
                        let marks = if value_marked { 0 } else { not_marked };
                        others
                            .set_tags(value, rest | marks | if value_is_new { new } else { not_remembered });
                        heap.set_tags(object, rest | if remembered { 0 } else { not_remembered });
                        let (tags, value_tags) = (heap.tags(object), others.tags(value));
                        // The slot is not looked at.
                        barrier.call(stub, object, value, 1);

                        let marks_now = marking && !value_marked;
                        let expected = if marks_now { value_tags & !not_marked } else { value_tags };
                        assert_eq!(others.tags(value), expected);
                        let pushed = |block: &[u64]| (top(block, marking_top), block[marking_pointers]);
                        let none = (0, 0);
                        let one = if marks_now { (1, value) } else { none };
                        assert_eq!(pushed(&barrier.old_block), if value_is_new { none } else { one });
                        assert_eq!(pushed(&barrier.new_block), if value_is_new { one } else { none });

                        let remembers_now = value_is_new && !remembered;
                        let expected = if remembers_now { tags & !not_remembered } else { tags };
                        assert_eq!(heap.tags(object), expected);
                        let buffer = &barrier.store_buffer;
                        let expected = if remembers_now { (1, object) } else { none };
                        assert_eq!((top(buffer, buffer_top), buffer[buffer_pointers]), expected);
                        assert_eq!(barrier.thread.get(note(0)), 0, "no leaf call");
                    }
                }
            }
        }
    }
}

#[test]
fn full_blocks_are_handed_to_the_runtime() {
    if !host_can_run() {
        return;
    }
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let (marking, buffer) = (&layout.marking_stack_block, &layout.store_buffer_block);
    for value_is_new in [false, true] {
        let mut barrier = Barrier::new();
        barrier.set_mask(true);
        let set_top = |block: &mut [u64], offset: i32, size: i32| {
            block[offset as usize / 8] = (size as u64 - 1) << (8 * (offset % 8));
        };
        set_top(&mut barrier.old_block, marking.top, marking.size);
        set_top(&mut barrier.new_block, marking.top, marking.size);
        set_top(&mut barrier.store_buffer, buffer.top, buffer.size);
        let (mut heap, mut others) = (Heap([0; 8]), Heap([0; 8]));
        let value = if value_is_new { others.new_space() } else { others.old() };
        let generation =
            if value_is_new { bits.new_or_evacuation_candidate_bit } else { bits.always_set_bit };
        others.set_tags(value, 1 << bits.not_marked_bit | 1 << generation);
        let object = heap.old();
        heap.set_tags(object, 1 << bits.old_and_not_remembered_bit | 1 << bits.always_set_bit);
        barrier.call(target.engine.stub.write_barrier, object, value, 0);

        let block = if value_is_new { &barrier.new_block } else { &barrier.old_block };
        assert_eq!(block.last(), Some(&value));
        assert_eq!(barrier.store_buffer.last(), Some(&if value_is_new { object } else { 0 }));
        assert_eq!(barrier.thread.get(note(0)), 1 + u64::from(value_is_new), "leaf calls");
        assert_eq!(barrier.thread.get(note(1)), 8, "the stack is aligned at leaf calls");
        assert_eq!(barrier.thread.get(note(2)), barrier.thread.address() as u64);
    }
}

#[test]
fn large_arrays_are_remembered_by_card() {
    if !host_can_run() {
        return;
    }
    let target = target();
    let layout = target.layout();
    let bits = &layout.untagged_object;
    let page_size = layout.page.page_mask.unsigned_abs() as usize;
    // A page with an array that is larger than the page: slots far behind its start have cards, too.
    let map = MmapMut::map_anon(page_size * 5).expect("memory");
    let page = (map.as_ptr() as u64).next_multiple_of(page_size as u64);
    let mut table = vec![0_u64; ((page_size * 4) >> layout.page.bytes_per_card_log2) / 64];
    unsafe { write(page + layout.page.card_table as u64, table.as_mut_ptr() as u64) };
    let object = page + 0x100 + 1;
    let tags =
        1 << bits.always_set_bit | 1 << bits.old_and_not_remembered_bit | 1 << bits.card_remembered_bit;
    unsafe { write(object - 1, tags) };
    let mut others = Heap([0; 8]);
    let value = others.new_space();
    others.set_tags(value, 1 << bits.new_or_evacuation_candidate_bit);

    let mut barrier = Barrier::new();
    barrier.set_mask(false);
    let slots = [0x118, 0x4000, 0x4008, page_size as u64 * 3 + 0x7ff8];
    for slot in slots {
        barrier.call(target.engine.stub.array_write_barrier, object, value, page + slot);
        let card = slot >> layout.page.bytes_per_card_log2;
        assert_ne!(table[card as usize / 64] & 1 << (card % 64), 0);
    }
    let dirty: u32 = table.iter().map(|word| word.count_ones()).sum();
    assert_eq!(dirty, 3, "two of the slots share a card");
    assert_eq!(unsafe { read(object - 1) }, tags, "the array itself is not remembered");
    assert!(barrier.store_buffer.iter().all(|&word| word == 0));
}

#[test]
fn safepoint_transitions_preserve_every_register() {
    if !host_can_run() {
        return;
    }
    let stubs = &target().engine.stub;
    for stub in [stubs.enter_safepoint, stubs.exit_safepoint] {
        let mut barrier = Barrier::new();
        barrier.call(stub, 1, 2, 3);
        assert_eq!(barrier.thread.get(note(0)), 1);
        assert_eq!(barrier.thread.get(note(1)), 8, "the stack is aligned at leaf calls");
    }
}

#[test]
fn the_stub_set_is_complete() {
    let target = target();
    let all = stubs(&target).expect("stubs");
    let listed: Vec<StubRef> =
        stubs::stub_list(target.engine).map(|(stub, _)| StubRef::Listed(stub)).collect();
    let expected: Vec<StubRef> = listed.into_iter().chain(ExtraStub::all().map(StubRef::Extra)).collect();
    assert_eq!(all.iter().map(|stub| stub.stub).collect::<Vec<_>>(), expected);
    for stub in &all {
        assert!(stub.align.is_power_of_two() && stub.align >= 4, "{}", stub.name);
        match stub.role {
            StubRole::Trap => assert_eq!((stub.bytes.len(), stub.relocs.len()), (4, 0), "{}", stub.name),
            StubRole::Code => assert!(stub.bytes.len() > 4, "{}", stub.name),
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
}

#[test]
fn targets_without_stubs_are_refused() {
    for name in ["windows-x64", "linux-x64c", "fuchsia-arm64", "linux-riscv64"] {
        let target = TargetSpec::from_name(name).expect("known target");
        let error = crate::Error::UnsupportedTarget(name.to_string());
        assert_eq!(stubs(&target), Err(error.clone()));
        assert_eq!(native_function_body(&target, &native(0, false)), Err(error));
    }
}
