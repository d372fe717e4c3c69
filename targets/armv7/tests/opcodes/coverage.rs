//! Which opcodes the cases execute, against which ones the code generator supports; and that it refuses all others by name.

use std::collections::BTreeSet;

use cranelift_codegen::Context;
use cranelift_codegen::ir::{Function, Opcode};
use snapcrane_armv7::{Compiler, Error, Options, supports};

use crate::cases::Case;
use crate::{GROUPS, compiled_text, parse, qemu, type_list, values};

/// What cases consist of.
#[derive(Default)]
pub struct Coverage {
    /// Opcodes by name.
    pub opcodes: BTreeSet<String>,
    /// Opcode, types of results, types of operands. Operands and results of which there may be any number (of calls, returns and
    /// branches) do not count.
    pub triples: BTreeSet<[String; 3]>,
}

impl Coverage {
    /// Adds what the compiled functions of a case contain.
    pub fn add(&mut self, case: &Case) {
        for function in parse(&compiled_text(case, 0)).iter().chain(&parse(&case.callees)) {
            self.add_function(function);
        }
    }

    fn add_function(&mut self, function: &Function) {
        let dfg = &function.dfg;
        let insts = || function.layout.blocks().flat_map(|block| function.layout.block_insts(block));
        let used: BTreeSet<_> = insts().flat_map(|inst| dfg.inst_values(inst)).collect();
        for inst in insts() {
            let results = dfg.inst_results(inst);
            // Without a use there is no code, unless there is an effect.
            if !results.is_empty() && !results.iter().any(|result| used.contains(result)) {
                continue;
            }
            let opcode = dfg.insts[inst].opcode();
            let constraints = opcode.constraints();
            let types =
                |values: &[_], count| type_list(values.iter().take(count).map(|&v| dfg.value_type(v)));
            self.opcodes.insert(opcode.to_string());
            self.triples.insert([
                opcode.to_string(),
                types(results, constraints.num_fixed_results()),
                types(dfg.inst_args(inst), constraints.num_fixed_value_arguments()),
            ]);
        }
    }
}

/// Each supported opcode is in some case.
#[test]
fn total() {
    let mut coverage = Coverage::default();
    let (mut cases, mut calls) = (0, 0);
    for group in GROUPS {
        for case in group() {
            coverage.add(&case);
            cases += 1;
            // With the optimiser and without.
            calls += 2 * values::rows(&case.params, 1).len();
        }
    }
    let missing: Vec<String> = Opcode::all()
        .iter()
        .filter(|&&opcode| supports(opcode))
        .map(Opcode::to_string)
        .filter(|name| !coverage.opcodes.contains(name))
        .collect();
    assert!(missing.is_empty(), "supported, but in no case: {}", missing.join(", "));
    let note = if qemu().is_some() { "" } else { " (none executed: there is no qemu-arm)" };
    eprintln!(
        "total: {} of {} opcodes, {} triples of opcode, result types and operand types, {cases} cases, {calls} calls{note}",
        coverage.opcodes.len(),
        Opcode::all().len(),
        coverage.triples.len(),
    );
}

/// Each opcode that is not supported, with operands `v1: i8`, `v2: i32`, `v3: i64`, `v4: f64`, and vectors `v5: i8x16`, `v6: i16x8`, `v7: i32x4`,
/// `v8: f32x4`, `v9: f64x2`. The first result is `v20`.
const UNSUPPORTED: &[&str] = &[
    "v20 = atomic_cas.i32 notrap aligned v2, v2, v2",
    "v20 = atomic_rmw.i32 notrap aligned add v2, v2",
    "v20 = avg_round v5, v5",
    "v20 = bitselect v2, v2, v2",
    "v20 = blendv v5, v5, v5",
    "debugtrap",
    "v20 = dynamic_stack_addr.i32 dss0",
    "v20 = extract_vector v10, 0",
    "v20 = extractlane v7, 1",
    "v20 = f128const 0x1.0p0",
    "v20 = f16const 0x1.0p0",
    "v20 = fma v4, v4, v4",
    "v20 = fvdemote v9",
    "v20 = fvpromote_low v8",
    "v20 = get_exception_handler_address.i32 block0, 0",
    "v20 = iadd_pairwise v7, v7",
    "v20 = insertlane v7, v2, 1",
    "v20, v21 = sadd_overflow_cin v2, v2, v1",
    "v20 = sadd_sat v5, v5",
    "v20 = scalar_to_vector.i32x4 v2",
    "v20 = shuffle v5, v5, 0x00",
    "v20 = sload16x4 notrap v2",
    "v20 = sload32x2 notrap v2",
    "v20 = sload8x8 notrap v2",
    "v20 = snarrow v6, v6",
    "v20 = splat.i32x4 v2",
    "v20 = sqmul_round_sat v6, v6",
    "v20, v21 = ssub_overflow_bin v2, v2, v1",
    "v20 = ssub_sat v5, v5",
    "v20 = stack_switch v2, v2, v2",
    "v20 = swiden_high v5",
    "v20 = swiden_low v5",
    "v20 = swizzle v5, v5",
    "v20 = tls_value.i32 gv0",
    "v20, v21 = uadd_overflow_cin v2, v2, v1",
    "v20 = uadd_overflow_trap v2, v2, user1",
    "v20 = uadd_sat v5, v5",
    "v20 = uload16x4 notrap v2",
    "v20 = uload32x2 notrap v2",
    "v20 = uload8x8 notrap v2",
    "v20 = unarrow v6, v6",
    "v20, v21 = usub_overflow_bin v2, v2, v1",
    "v20 = usub_sat v5, v5",
    "v20 = uunarrow v6, v6",
    "v20 = uwiden_high v5",
    "v20 = uwiden_low v5",
    "v20 = vall_true v5",
    "v20 = vany_true v5",
    "v20 = vconst.i32x4 const0",
    "v20 = vhigh_bits.i32 v5",
    "v20 = x86_cvtt2dq.i32x4 v8",
    "v20 = x86_pmaddubsw v5, v5",
    "v20 = x86_pmulhrsw v6, v6",
    "v20 = x86_pshufb v5, v5",
];

/// Compiles what must be refused as unsupported; gives what the error names, and checks that it names the function.
fn refusal(function: Function, verify: bool) -> String {
    let text = function.display().to_string();
    let options = Options { optimize: false, verify, check_regalloc: false };
    match Compiler::new(options).compile(&mut Context::for_function(function)) {
        Err(Error::Unsupported { what, function }) => {
            assert_eq!(function, "%refused");
            what
        }
        other => panic!("{text}{other:?}"),
    }
}

/// What is not supported is an error that says which opcode it is and where.
#[test]
fn refused_opcodes() {
    let mut refused = BTreeSet::new();
    for line in UNSUPPORTED {
        let store = if line.contains("v20") { " store notrap v20, v2\n" } else { "" };
        let text = format!(
            "function %refused(i8, i32, i64, f64) tail {{\n gv0 = symbol tls u0:1\n gv1 = dyn_scale_target_const.i32x4\n \
             dt0 = i32x4*gv1\n dss0 = explicit_dynamic_slot dt0\n const0 = 0x{:032x}\n\
             block0(v1: i8, v2: i32, v3: i64, v4: f64):\n v5 = vconst.i8x16 const0\n v6 = vconst.i16x8 const0\n \
             v7 = vconst.i32x4 const0\n v8 = vconst.f32x4 const0\n v9 = vconst.f64x2 const0\n \
             v10 = splat.dt0 v2\n {line}\n{store} return\n}}\n",
            0
        );
        let mut function = parse(&text).remove(0);
        let block = function.layout.entry_block().expect("a block");
        let insts: Vec<_> = function.layout.block_insts(block).collect();
        // The vectors would be refused first: they have no definition that is seen.
        for &inst in &insts[..6] {
            function.layout.remove_inst(inst);
        }
        let name = function.dfg.insts[insts[6]].opcode().to_string();
        let what = refusal(function, false);
        assert_eq!(what.split('.').next(), Some(name.as_str()), "{line}");
        assert!(refused.insert(name), "{line}: twice");
    }
    let unsupported = Opcode::all().iter().filter(|&&opcode| !supports(opcode));
    let unsupported: BTreeSet<String> = unsupported.map(Opcode::to_string).collect();
    assert_eq!(refused, unsupported);
}

/// What is not supported of supported opcodes.
#[test]
fn refusals() {
    let refused = |signature: &str, body: &str| {
        refusal(parse(&format!("function %refused{signature} {{\n{body}\n}}\n")).remove(0), true)
    };
    let body = "block0(v0: f64):\n v1 = fma v0, v0, v0\n return v1";
    assert_eq!(refused("(f64) -> f64 tail", body), "fma.f64");
    let body = "block0(v0: i64):\n v1 = iconcat v0, v0\n v2 = ireduce.i64 v1\n return v2";
    assert_eq!(refused("(i64) -> i64 tail", body), "iconcat.i64");
    let body = "block0(v0: i32, v1: i32):\n v2 = atomic_rmw.i32 notrap aligned add v0, v1\n return v2";
    assert_eq!(refused("(i32, i32) -> i32 tail", body), "atomic_rmw.i32");
    let body = "block0(v0: i32):\n v1 = atomic_load.i64 notrap aligned v0\n return v1";
    assert_eq!(refused("(i32) -> i64 tail", body), "atomic_load.i64");
    assert_eq!(refused("(i128) tail", "block0(v0: i128):\n return"), "parameter of type i128");
    let body = "block0(v0: i64):\n v1 = load.i32 v0\n return v1";
    assert_eq!(refused("(i64) -> i32 tail", body), "load.i32");
    let body = "block0(v0: i32):\n v1 = get_frame_pointer.i64\n return v1";
    assert_eq!(refused("(i32) -> i64 tail", body), "get_frame_pointer.i64");
    let body = "block0(v0: i32):\n v1 = splat.i32x4 v0\n return";
    assert_eq!(refused("(i32) tail", body), "splat.i32x4");
    let body = " fn0 = u0:1(f64, f64, f64, f64, f64, f64, f64, f64, f64) tail\nblock0(v0: f64):\n \
                return_call fn0(v0, v0, v0, v0, v0, v0, v0, v0, v0)";
    assert_eq!(
        refused("(f64) tail", body),
        "tail call with more stack arguments than the function itself has"
    );
}
