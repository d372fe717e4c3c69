//! Every opcode, executed in an emulator, against Cranelift's interpreter.
//!
//! A case is a piece of CLIF with parameters and results. The interpreter runs it as a function of those; the code generator compiles
//! a function that reads the operands from memory and writes the results there, once with and once without Cranelift's optimiser. One program runs all
//! compiled functions on all rows of operands ([`image`]).

mod cases;
mod coverage;
mod image;
mod random;
mod shapes;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use cranelift_codegen::Context;
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::{Function, Type, UserExternalNameRef, types};
use cranelift_interpreter::environment::FunctionStore;
use cranelift_interpreter::interpreter::{Interpreter, InterpreterState};
use cranelift_interpreter::step::ControlFlow;
use snapcrane_armv7::metadata::{CompiledFunction, Reloc, RelocKind, RelocTarget};
use snapcrane_armv7::{Compiler, Options};

use cases::Case;
use coverage::Coverage;
use image::{Job, Piece, TRAPPED};

/// The emulator: on the path, or in the folder of the toolchain.
fn qemu() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> =
        std::env::split_paths(&path).map(|folder| folder.join("qemu-arm")).collect();
    let workspace = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let toolchain =
        std::env::var_os("SNAPCRANE_DART_DIR").map_or(workspace.join(".toolchain"), PathBuf::from);
    places.push(toolchain.join("qemu/qemu-arm"));
    places.into_iter().find(|place| place.is_file())
}

fn type_list(types: impl Iterator<Item = Type>) -> String {
    types.map(|ty| ty.to_string()).collect::<Vec<_>>().join(", ")
}

/// The case as a function of its operands.
fn oracle_text(case: &Case) -> String {
    let params: Vec<String> = case.params.iter().enumerate().map(|(i, ty)| format!("v{i}: {ty}")).collect();
    let results: Vec<&str> = case.results.iter().map(|(name, _)| name.as_str()).collect();
    let returns = type_list(case.results.iter().map(|&(_, ty)| ty));
    format!(
        "function %oracle({}){} system_v {{\n{}\nblock0({}):\n{}\n return {}\n}}\n",
        type_list(case.params.iter().copied()),
        if returns.is_empty() { String::new() } else { format!(" -> {returns}") },
        case.preamble,
        params.join(", "),
        case.oracle.as_ref().unwrap_or(&case.body),
        results.join(", ")
    )
}

/// The case with operands and results in memory.
fn compiled_text(case: &Case, number: u32) -> String {
    let mut text = format!(
        "function u0:{number}(i32, i32) system_v {{\n{}\nblock0(v9000: i32, v9001: i32):\n",
        case.preamble
    );
    for (index, ty) in case.params.iter().enumerate() {
        let offset = 8 * index;
        // What is above a narrow integer is arbitrary.
        let _ = match *ty {
            types::I8 | types::I16 => writeln!(
                text,
                " v{} = load.i32 notrap aligned v9000+{offset}\n v{index} = ireduce.{ty} v{}",
                9100 + index,
                9100 + index
            ),
            ty => writeln!(text, " v{index} = load.{ty} notrap aligned v9000+{offset}"),
        };
    }
    text += &case.body;
    for (index, (name, _)) in case.results.iter().enumerate() {
        let _ = write!(text, "\n store notrap aligned {name}, v9001+{}", 8 * index);
    }
    text + "\n return\n}\n"
}

fn parse(text: &str) -> Vec<Function> {
    cranelift_reader::parse_functions(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn data_value(ty: Type, bits: u64) -> DataValue {
    match ty {
        types::I8 => DataValue::I8(bits as i8),
        types::I16 => DataValue::I16(bits as i16),
        types::I32 => DataValue::I32(bits as i32),
        types::I64 => DataValue::I64(bits as i64),
        types::F32 => DataValue::F32(Ieee32::with_bits(bits as u32)),
        types::F64 => DataValue::F64(Ieee64::with_bits(bits)),
        other => panic!("{other}"),
    }
}

fn bits(value: &DataValue) -> u64 {
    match value {
        DataValue::I8(x) => u64::from(*x as u8),
        DataValue::I16(x) => u64::from(*x as u16),
        DataValue::I32(x) => u64::from(*x as u32),
        DataValue::I64(x) => *x as u64,
        DataValue::F32(x) => u64::from(x.bits()),
        DataValue::F64(x) => x.bits(),
        other => panic!("{other}"),
    }
}

/// What a case gives for a row: `None` for a trap.
fn expected(functions: &[Function], case: &Case, row: &[u64]) -> Option<Vec<u64>> {
    let mut store = FunctionStore::default();
    for function in functions {
        store.add(function.name.to_string(), function);
    }
    let state = InterpreterState::default().with_function_store(store);
    let mut interpreter = Interpreter::new(state).with_fuel(Some(100_000));
    let arguments: Vec<DataValue> =
        case.params.iter().zip(row).map(|(&ty, &bits)| data_value(ty, bits)).collect();
    match interpreter.call_by_name("%oracle", &arguments) {
        Ok(ControlFlow::Return(values)) => Some(values.iter().map(bits).collect()),
        Ok(ControlFlow::Trap(_)) => None,
        other => panic!("{}: {row:x?}: {other:?}", case.name),
    }
}

fn compile(compiler: &mut Compiler, function: &Function, case: &Case) -> Piece {
    let mut context = Context::for_function(function.clone());
    let (code, _) = compiler
        .compile_with_dump(&mut context)
        .unwrap_or_else(|e| panic!("{}: {e}\n{}", case.name, function.display()));
    let names = function.params.user_named_funcs();
    let names = names.values().map(|name| name.index).collect();
    let number = match &function.name {
        cranelift_codegen::ir::UserFuncName::User(name) => name.index,
        other => panic!("{other}"),
    };
    Piece { number, code, names }
}

/// A function of Dart convention that adds 7 to its argument if that is even. If it is odd, it goes to the handler of the only call of
/// a function, with what the convention says and garbage in all other registers.
#[rustfmt::skip]
const THROWER: [u32; 23] = [
    0xe310_0001, // tst r0, #1
    0x0280_0007, // addeq r0, r0, #7
    0x012f_ff1e, // bxeq lr
    0xe1a0_000d, // mov r0, sp
    0xe1a0_100d, // mov r1, sp
    0xe1a0_200d, // mov r2, sp
    0xe1a0_300d, // mov r3, sp
    0xe1a0_400d, // mov r4, sp
    0xe1a0_500d, // mov r5, sp
    0xe1a0_600d, // mov r6, sp
    0xe1a0_700d, // mov r7, sp
    0xe1a0_800d, // mov r8, sp
    0xe1a0_900d, // mov r9, sp
    0xec40_0b10, // vmov d0, r0, r0
    0xeeb0_1b40, // vmov.f64 d1, d0
    0xeeb0_2b40, // vmov.f64 d2, d0
    0xeeb0_8b40, // vmov.f64 d8, d0
    0xeeb0_fb40, // vmov.f64 d15, d0
    0xe59f_c00c, // ldr r12, [pc, #12]: the size of the frame
    0xe04b_d00c, // sub sp, r11, r12
    0xe59f_c008, // ldr r12, [pc, #8]: the distance of the handler
    0xe08f_c00c, // add r12, pc, r12
    0xe12f_ff1c, // bx r12
];

/// The thrower for the function that was compiled last.
fn thrower(catcher: &Piece) -> Piece {
    let [call] = &catcher.code.calls[..] else { panic!("one call is expected") };
    let [handler] = call.handlers[..] else { panic!("one handler is expected") };
    let mut code: Vec<u8> = THROWER.iter().flat_map(|word| word.to_le_bytes()).collect();
    code.extend(catcher.code.frame_size.to_le_bytes());
    let reloc = Reloc {
        offset: code.len() as u32,
        kind: RelocKind::PcRel4,
        target: RelocTarget::User(UserExternalNameRef::from_u32(0)),
        // The addition sees the address of the word before.
        addend: i64::from(handler) + 4,
    };
    code.extend([0; 4]);
    let code = CompiledFunction { code, align: 4, relocs: vec![reloc], ..CompiledFunction::default() };
    Piece { number: cases::THROWER, code, names: vec![cases::CATCHER] }
}

/// Whether a result is right: of the bytes of its type, and any NaN for a NaN.
fn agrees(ty: Type, actual: u64, expected: u64) -> bool {
    let mask = u64::MAX >> (64 - ty.bits());
    let (actual, expected) = (actual & mask, expected & mask);
    let is_nan = |bits: u64| match ty {
        types::F32 => f32::from_bits(bits as u32).is_nan(),
        types::F64 => f64::from_bits(bits).is_nan(),
        _ => false,
    };
    actual == expected || is_nan(actual) && is_nan(expected)
}

fn check(cases: &[Case]) {
    let Some(qemu) = qemu() else {
        eprintln!(
            "SKIPPED: there is no qemu-arm: install Debian's qemu-user, or run `cargo xtask toolchain --with-qemu`"
        );
        return;
    };
    let mut compilers =
        [true, false].map(|optimize| Compiler::new(Options { optimize, verify: true, check_regalloc: true }));
    let (mut pieces, mut jobs, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
    let mut coverage = Coverage::default();
    let mut number = 0;
    for (index, case) in cases.iter().enumerate() {
        let mut oracle = parse(&oracle_text(case));
        coverage.add(case);
        // Callees have numbers from 10000 on in the text, and are compiled anew for each case.
        oracle.extend(parse(&case.callees));
        let answers: Vec<(Vec<u64>, Option<Vec<u64>>)> = values::rows(&case.params, index as u64 * 77 + 5)
            .into_iter()
            .map(|row| (row.clone(), expected(&oracle, case, &row)))
            .collect();
        for (version, compiler) in compilers.iter_mut().enumerate() {
            let mut renumbered = BTreeMap::new();
            for callee in &oracle[1..] {
                let mut piece = compile(compiler, callee, case);
                number += 1;
                renumbered.insert(piece.number, number);
                piece.number = number;
                pieces.push(piece);
            }
            if case.throws {
                let mut piece = thrower(pieces.last().expect("the function that catches"));
                number += 1;
                renumbered.insert(piece.number, number);
                piece.number = number;
                pieces.push(piece);
            }
            number += 1;
            let function = parse(&compiled_text(case, number)).remove(0);
            pieces.push(compile(compiler, &function, case));
            let count = renumbered.len() + 1;
            let first = pieces.len() - count;
            for piece in &mut pieces[first..] {
                // Nothing refers to intrinsics.
                for name in &mut piece.names {
                    *name = renumbered.get(name).copied().unwrap_or(u32::MAX);
                }
            }
            for (row, answer) in &answers {
                // Above narrow operands is noise.
                let noisy = row.iter().zip(&case.params).map(|(&bits, ty)| match ty.bits() {
                    width @ (8 | 16) => bits | 0xa5a5_a5a5_a5a5_a5a5 << width,
                    _ => bits,
                });
                jobs.push(Job { function: number, operands: noisy.collect(), results: case.results.len() });
                wanted.push((case, version, row.clone(), answer.clone()));
            }
        }
    }
    let answers = image::run(&pieces, &jobs, &mut compilers[0], &qemu);
    let mut failures: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for ((status, actual), (case, version, row, answer)) in answers.iter().zip(&wanted) {
        let right = match answer {
            None => *status == TRAPPED,
            Some(values) => {
                *status == 0
                    && case
                        .results
                        .iter()
                        .zip(actual.iter().zip(values))
                        .all(|((_, ty), (&a, &b))| agrees(*ty, a, b))
            }
        };
        if !right {
            let version = ["optimised", "as it is"][*version];
            let shown = format!("{version}: {row:x?}: status {status}, {actual:x?} instead of {answer:x?}");
            failures.entry(case.name.clone()).or_default().push(shown);
        }
    }
    eprintln!("{} cases, {} triples, {} calls", cases.len(), coverage.triples.len(), jobs.len());
    let mut report = String::new();
    for (name, all) in &failures {
        let _ = writeln!(
            report,
            "{name}: {} wrong, for example\n    {}",
            all.len(),
            all[..all.len().min(3)].join("\n    ")
        );
    }
    assert!(failures.is_empty(), "{} cases fail\n{report}", failures.len());
}

/// Makes a test of each list of cases, and a list of the lists.
macro_rules! groups {
    ($($name:ident: $cases:expr,)*) => {
        $(
            #[test]
            fn $name() {
                check(&$cases());
            }
        )*

        /// All that is executed.
        const GROUPS: &[fn() -> Vec<Case>] = &[$($cases),*];
    };
}

groups! {
    integers: cases::integers,
    comparisons: cases::comparisons,
    floats: cases::floats,
    memory: cases::memory,
    intrinsics: cases::intrinsics,
    class_ids: cases::class_ids,
    control: cases::control,
    long_functions: shapes::long_functions,
    large_frames: shapes::large_frames,
    random_functions: shapes::random_functions,
    random_operations: random::operations,
    exceptions: cases::exceptions,
}
