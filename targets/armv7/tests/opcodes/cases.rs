//! The cases.

use cranelift_codegen::ir::{Type, types};

const INTS: [Type; 4] = [types::I8, types::I16, types::I32, types::I64];
const FLOATS: [Type; 2] = [types::F32, types::F64];
const ALL: [Type; 6] = [types::I8, types::I16, types::I32, types::I64, types::F32, types::F64];
const INT_CCS: [&str; 10] = ["eq", "ne", "slt", "sge", "sgt", "sle", "ult", "uge", "ugt", "ule"];
const FLOAT_CCS: [&str; 14] =
    ["ord", "uno", "eq", "ne", "one", "ueq", "lt", "le", "gt", "ge", "ult", "ule", "ugt", "uge"];

/// Number in names of a function that catches.
pub const CATCHER: u32 = 10_000;
/// Number in names of the function that throws.
pub const THROWER: u32 = 10_001;

/// A piece of CLIF.
pub struct Case {
    /// For messages.
    pub name: String,
    /// Declarations.
    pub preamble: String,
    /// Types of `v0`, `v1` and so on.
    pub params: Vec<Type>,
    /// Instructions, from `block0` on, and blocks; control arrives at the end.
    pub body: String,
    /// The same for the interpreter, where it does not know an instruction, or not with addresses of 32 bits.
    pub oracle: Option<String>,
    /// Values at the end.
    pub results: Vec<(String, Type)>,
    /// Whether the last callee is [`CATCHER`], whose only call is one of [`THROWER`], which has no text.
    pub throws: bool,
    /// Functions with names from `u0:10000` on.
    pub callees: String,
}

fn case(params: &[Type], body: &str, results: &[Type]) -> Case {
    Case {
        name: body.trim().replace('\n', "; "),
        preamble: String::new(),
        params: params.to_vec(),
        body: body.to_string(),
        oracle: None,
        throws: false,
        // Results are called v100, v101 and so on.
        results: results.iter().enumerate().map(|(i, &ty)| (format!("v{}", 100 + i), ty)).collect(),
        callees: String::new(),
    }
}

/// The least integer divided by -1 leaves 0, but the interpreter traps: it is given another divisor that leaves 0.
fn with_remainders(case: Case, ty: Type) -> Case {
    let divisor = format!(
        " v80 = iconst.{ty} -1\n v81 = icmp eq v1, v80\n v82 = iconst.{ty} 1\n v83 = select v81, v82, v1\n v100 = srem.{ty} v0, v83"
    );
    let oracle = case.body.replace(&format!(" v100 = srem.{ty} v0, v1"), &divisor);
    Case { oracle: Some(oracle), ..case }
}

fn with_preamble(preamble: &str, case: Case) -> Case {
    Case { preamble: preamble.to_string(), ..case }
}

/// Interesting constants of a type.
fn constants(ty: Type) -> Vec<u64> {
    let all = [
        0,
        1,
        2,
        3,
        7,
        8,
        10,
        100,
        127,
        128,
        255,
        256,
        0xff00,
        0xffff,
        0x1_0000,
        0x00ff_ff00,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
        u64::MAX - 1,
        u64::MAX - 254,
        0xffff_ffff_0000_0000,
        0x1234_5678_9abc_def0,
    ];
    let mut all: Vec<u64> = all.iter().map(|&value: &u64| value & (u64::MAX >> (64 - ty.bits()))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

pub fn integers() -> Vec<Case> {
    let mut cases = Vec::new();
    for ty in INTS {
        for op in [
            "iadd", "isub", "imul", "band", "bor", "bxor", "umulhi", "smulhi", "udiv", "urem", "sdiv",
            "srem", "smin", "smax", "umin", "umax", "ishl", "ushr", "sshr", "rotl", "rotr",
        ] {
            cases.push(case(&[ty, ty], &format!(" v100 = {op}.{ty} v0, v1"), &[ty]));
            for constant in constants(ty) {
                let constant = format!(" v1 = iconst.{ty} {constant:#x}\n");
                if !op.ends_with("div") && !op.ends_with("rem") || !constant.contains(" 0x0\n") {
                    cases.push(case(&[ty], &format!("{constant} v100 = {op}.{ty} v0, v1"), &[ty]));
                }
                if matches!(op, "isub" | "ishl" | "sshr" | "sdiv" | "urem") {
                    cases.push(case(&[ty], &format!("{constant} v100 = {op}.{ty} v1, v0"), &[ty]));
                }
            }
        }
        for op in ["ishl", "ushr", "sshr", "rotl", "rotr"] {
            for amount in INTS {
                cases.push(case(&[ty, amount], &format!(" v100 = {op}.{ty} v0, v1"), &[ty]));
            }
            for amount in [1, 7, 8, 15, 16, 17, 24, 31, 32, 33, 40, 63] {
                let body = format!(" v1 = iconst.i32 {amount}\n v100 = {op}.{ty} v0, v1");
                cases.push(case(&[ty], &body, &[ty]));
            }
        }
        for op in ["bnot", "ineg", "iabs", "clz", "ctz", "cls", "popcnt", "bitrev", "bswap"] {
            if (op, ty) != ("bswap", types::I8) {
                cases.push(case(&[ty], &format!(" v100 = {op}.{ty} v0"), &[ty]));
            }
        }
        for op in [
            "uadd_overflow",
            "sadd_overflow",
            "usub_overflow",
            "ssub_overflow",
            "umul_overflow",
            "smul_overflow",
        ] {
            cases.push(case(&[ty, ty], &format!(" v100, v101 = {op}.{ty} v0, v1"), &[ty, types::I8]));
        }
        for to in INTS {
            if to.bits() > ty.bits() {
                for op in ["uextend", "sextend"] {
                    cases.push(case(&[ty], &format!(" v100 = {op}.{to} v0"), &[to]));
                    let body = format!(
                        " v2 = {op}.{to} v0\n v100 = iadd v2, v1\n v101 = imul v1, v2\n v102 = isub v2, v1"
                    );
                    cases.push(case(&[ty, to], &body, &[to, to, to]));
                    let body = format!(" v2 = {op}.{to} v0\n v3 = {op}.{to} v1\n v100 = imul v2, v3");
                    cases.push(case(&[ty, ty], &body, &[to]));
                }
            }
            if to.bits() < ty.bits() {
                cases.push(case(&[ty], &format!(" v100 = ireduce.{to} v0"), &[to]));
                for op in ["iadd", "isub", "imul", "band", "bxor", "ishl", "ushr"] {
                    let body = format!(" v2 = {op}.{ty} v0, v1\n v100 = ireduce.{to} v2");
                    cases.push(case(&[ty, ty], &body, &[to]));
                }
            }
            cases.push(case(&[ty], &format!(" v100 = bmask.{to} v0"), &[to]));
        }
        // Operands that are absorbed.
        for body in [
            format!(" v2 = imul.{ty} v0, v1\n v100 = iadd v2, v1"),
            format!(" v2 = imul.{ty} v0, v1\n v100 = isub v0, v2"),
            format!(" v2 = bnot.{ty} v0\n v100 = band v1, v2"),
            format!(
                " v2 = iconst.{ty} 3\n v3 = ishl.{ty} v0, v2\n v100 = iadd v3, v1\n v101 = isub v3, v1\n v102 = isub v1, v3"
            ),
            format!(
                " v2 = iconst.{ty} 3\n v3 = sshr.{ty} v0, v2\n v100 = bor v3, v1\n v101 = bxor v3, v1\n v102 = band v1, v3"
            ),
            format!(
                " v2 = iconst.{ty} 5\n v3 = ushr.{ty} v0, v2\n v100 = iadd v3, v1\n v101 = isub v3, v1\n v102 = isub v1, v3"
            ),
        ] {
            let results = if body.contains("v101") { 3 } else { 1 };
            cases.push(case(&[ty, ty], &body, &vec![ty; results]));
        }
    }
    cases.push(Case {
        oracle: Some(
            " v2 = uextend.i64 v0\n v3 = uextend.i64 v1\n v4 = iconst.i64 32\n v5 = ishl v3, v4\n v100 = bor v2, v5".to_string(),
        ),
        ..case(&[types::I32, types::I32], " v100 = iconcat v0, v1", &[types::I64])
    });
    cases.push(Case {
        oracle: Some(
            " v100 = ireduce.i32 v0\n v4 = iconst.i64 32\n v5 = ushr v0, v4\n v101 = ireduce.i32 v5"
                .to_string(),
        ),
        ..case(&[types::I64], " v100, v101 = isplit v0", &[types::I32, types::I32])
    });
    cases.push(case(
        &[],
        " v100 = iconst.i64 0x123456789abcdef0\n v101 = iconst.i8 -1",
        &[types::I64, types::I8],
    ));
    let is_remainder = |case: &Case| case.body.contains("srem");
    cases
        .into_iter()
        .map(|case| {
            if is_remainder(&case) {
                let ty = case.results[0].1;
                with_remainders(case, ty)
            } else {
                case
            }
        })
        .collect()
}

pub fn comparisons() -> Vec<Case> {
    let mut cases = Vec::new();
    for ty in INTS {
        for cc in INT_CCS {
            let icmp = format!(" v2 = icmp {cc} v0, v1\n");
            let mut forms = vec![(vec![ty, ty], icmp.clone())];
            for constant in constants(ty) {
                forms.push((vec![ty], format!(" v1 = iconst.{ty} {constant:#x}\n{icmp}")));
            }
            for (params, icmp) in forms {
                let value = icmp.replace("v2 =", "v100 =");
                cases.push(case(&params, &value, &[types::I8]));
                cases.extend(users(&params, &icmp));
            }
        }
        // The constant on the left.
        let body = format!(" v1 = iconst.{ty} 5\n v100 = icmp slt v1, v0\n v101 = icmp uge v1, v0");
        cases.push(case(&[ty], &body, &[types::I8, types::I8]));
        // Truth of integers.
        cases.extend(users(&[ty], &format!(" v2 = bor.{ty} v0, v0\n")));
        for mask in [1, 0x80, 0xf0] {
            cases.extend(users(&[ty], &format!(" v1 = iconst.{ty} {mask}\n v2 = band.{ty} v0, v1\n")));
        }
        cases.extend(users(&[ty, ty], &format!(" v2 = band.{ty} v0, v1\n")));
        let body = format!(" v2 = band.{ty} v0, v1\n v3 = iconst.{ty} 0\n v100 = icmp eq v2, v3");
        cases.push(case(&[ty, ty], &body, &[types::I8]));
        // Choices of all types.
        for chosen in ALL {
            for op in ["select", "select_spectre_guard"] {
                let body = format!(" v100 = {op} v0, v1, v2");
                cases.push(case(&[ty, chosen, chosen], &body, &[chosen]));
                let body = format!(" v4 = icmp ult v0, v1\n v100 = {op} v4, v2, v3");
                cases.push(case(&[ty, ty, chosen, chosen], &body, &[chosen]));
            }
        }
        for constant in [0_u64, 1, 0xff] {
            let body =
                format!(" v2 = iconst.{ty} {constant}\n v100 = select v0, v2, v1\n v101 = select v0, v1, v2");
            cases.push(case(&[types::I8, ty], &body, &[ty, ty]));
        }
    }
    cases.extend(users(&[types::I64], " v1 = iconst.i64 0xff00000000\n v2 = band v0, v1\n"));
    cases.extend(users(
        &[types::I8, types::I8],
        " v5 = uextend.i32 v0\n v6 = uextend.i32 v1\n v2 = icmp slt v5, v6\n",
    ));
    for cc in INT_CCS {
        for (left, right) in [("sextend", "sextend"), ("uextend", "uextend"), ("sextend", "uextend")] {
            let body = format!(" v2 = {left}.i64 v0\n v3 = {right}.i64 v1\n v100 = icmp {cc} v2, v3");
            cases.push(case(&[types::I32, types::I32], &body, &[types::I8]));
            let body = format!(" v2 = {left}.i64 v0\n v100 = icmp {cc} v2, v1\n v101 = icmp {cc} v1, v2");
            cases.push(case(&[types::I32, types::I64], &body, &[types::I8, types::I8]));
            for constant in [0_i64, 5, -5, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, -0x8000_0000, 0x1_0000_0000]
            {
                let body =
                    format!(" v2 = {left}.i64 v0\n v3 = iconst.i64 {constant}\n v100 = icmp {cc} v2, v3");
                cases.push(case(&[types::I32], &body, &[types::I8]));
            }
        }
        // Does the integer survive being cut?
        let body = format!(
            " v1 = ireduce.i32 v0\n v2 = iconst.i32 1\n v3 = ishl v1, v2\n v4 = sshr v3, v2\n v5 = sextend.i64 v4\n v100 = icmp {cc} v5, v0"
        );
        cases.push(case(&[types::I64], &body, &[types::I8]));
    }
    // High halves that need no register.
    for narrow in [
        "v2 = iconst.i64 255\n v3 = band v0, v2",
        "v2 = iconst.i64 33\n v3 = ushr v0, v2",
        "v2 = iconst.i64 32\n v3 = sshr v0, v2",
        "v2 = ireduce.i8 v0\n v3 = uextend.i64 v2",
        "v2 = ireduce.i16 v0\n v3 = sextend.i64 v2",
    ] {
        for op in ["iadd", "isub", "imul", "bor", "bxor", "band", "icmp slt", "icmp eq", "umin", "smax"] {
            let result = if op.contains("icmp") { types::I8 } else { types::I64 };
            let body = format!(" {narrow}\n v100 = {op} v3, v1\n v101 = {op} v1, v3");
            cases.push(case(&[types::I64, types::I64], &body, &[result, result]));
        }
    }
    for ty in FLOATS {
        for cc in FLOAT_CCS {
            let fcmp = format!(" v2 = fcmp {cc} v0, v1\n");
            cases.push(case(&[ty, ty], &fcmp.replace("v2 =", "v100 ="), &[types::I8]));
            cases.extend(users(&[ty, ty], &fcmp));
            let suffix = if ty == types::F32 { "f32const" } else { "f64const" };
            cases.push(case(&[ty], &format!(" v1 = {suffix} 0.0\n v100 = fcmp {cc} v0, v1"), &[types::I8]));
            for chosen in [types::I64, types::F64, types::F32] {
                let body = format!(" v4 = fcmp {cc} v0, v1\n v100 = select v4, v2, v3");
                cases.push(case(&[ty, ty, chosen, chosen], &body, &[chosen]));
            }
        }
    }
    cases
}

/// What can be done with `v2` as a truth value.
fn users(params: &[Type], producer: &str) -> Vec<Case> {
    let branch = format!(
        "{producer} v3 = iconst.i32 1\n v4 = iconst.i32 2\n brif v2, block1(v3), block2\n\
         block2:\n jump block1(v4)\nblock1(v100: i32):"
    );
    let select =
        format!("{producer} v3 = iconst.i32 -5\n v4 = iconst.i32 0x12345\n v100 = select v2, v3, v4");
    let mask = format!("{producer} v100 = bmask.i32 v2");
    let mut cases = vec![
        case(params, &branch, &[types::I32]),
        case(params, &select, &[types::I32]),
        case(params, &mask, &[types::I32]),
    ];
    // The interpreter takes only bytes as conditions of traps.
    if producer.contains("cmp") {
        cases.push(case(params, &format!("{producer} trapz v2, user1"), &[]));
        cases.push(case(params, &format!("{producer} trapnz v2, user1"), &[]));
    }
    cases
}

pub fn floats() -> Vec<Case> {
    let mut cases = Vec::new();
    for ty in FLOATS {
        for op in ["fadd", "fsub", "fmul", "fdiv", "fmin", "fmax", "fcopysign"] {
            cases.push(case(&[ty, ty], &format!(" v100 = {op}.{ty} v0, v1"), &[ty]));
        }
        for op in ["sqrt", "fneg", "fabs", "ceil", "floor", "trunc", "nearest"] {
            cases.push(case(&[ty], &format!(" v100 = {op}.{ty} v0"), &[ty]));
        }
        for int in INTS {
            for op in ["fcvt_from_sint", "fcvt_from_uint"] {
                cases.push(case(&[int], &format!(" v100 = {op}.{ty} v0"), &[ty]));
            }
            for op in ["fcvt_to_sint_sat", "fcvt_to_uint_sat", "fcvt_to_sint", "fcvt_to_uint"] {
                cases.push(case(&[ty], &format!(" v100 = {op}.{int} v0"), &[int]));
            }
        }
    }
    for (from, to) in [
        (types::F32, types::I32),
        (types::I32, types::F32),
        (types::F64, types::I64),
        (types::I64, types::F64),
    ] {
        cases.push(case(&[from], &format!(" v100 = bitcast.{to} v0"), &[to]));
    }
    cases.push(case(&[types::F64], " v1 = bitcast.i64 v0\n v100 = ireduce.i32 v1", &[types::I32]));
    cases.push(case(
        &[types::F64],
        " v1 = bitcast.i64 v0\n v2 = iconst.i64 32\n v3 = ushr v1, v2\n v100 = ireduce.i32 v3",
        &[types::I32],
    ));
    cases.push(case(&[types::F32], " v100 = fpromote.f64 v0", &[types::F64]));
    cases.push(case(&[types::F64], " v100 = fdemote.f32 v0", &[types::F32]));
    for constant in ["0.0", "-0.0", "0x1.0p0", "0x1.91eb86p1", "-Inf", "+NaN", "0x1.0p-120"] {
        let body = format!(" v100 = f32const {constant}\n v101 = f64const {constant}");
        cases.push(case(&[], &body, &FLOATS));
    }
    for ty in FLOATS {
        cases.push(case(&[ty, ty], " v2 = fmul v0, v1\n v100 = fneg v2", &[ty]));
    }
    cases.push(case(
        &[types::F64, types::F64, types::F64],
        " v3 = fmul v0, v1\n v100 = fadd v3, v2\n v101 = fsub v2, v3\n v102 = fneg v3",
        &[types::F64; 3],
    ));
    cases
}

pub fn memory() -> Vec<Case> {
    let mut cases = Vec::new();
    let slots = " ss0 = explicit_slot 64\n ss1 = explicit_slot 7000\n ss2 = explicit_slot 16";
    for ty in ALL {
        for flags in ["notrap aligned", "notrap"] {
            for offset in [0, 8, 24, 48] {
                // There and back, next to something else.
                let body = format!(
                    " v2 = stack_addr.i32 ss0\n v3 = iconst.i32 {offset}\n v4 = iadd v2, v3\n store {flags} v0, v4\n \
                     store {flags} v1, v2+56\n store {flags} v1, v4+8\n v100 = load.{ty} {flags} v2+{offset}\n v101 = load.{ty} {flags} v4+8"
                );
                cases.push(with_preamble(slots, case(&[ty, ty], &body, &[ty, ty])));
            }
        }
        for (offset, far) in [(1, 4000), (2, 4096), (3, 1021), (5, 257), (7, 6000)] {
            let body = format!(
                " v2 = stack_addr.i32 ss1\n store notrap v0, v2+{offset}\n store notrap v1, v2+{far}\n \
                 v100 = load.{ty} notrap v2+{offset}\n v101 = load.{ty} notrap v2+{far}"
            );
            cases.push(with_preamble(slots, case(&[ty, ty], &body, &[ty, ty])));
        }
        // With an index.
        for shift in 0..4 {
            let body = format!(
                " v2 = stack_addr.i32 ss1\n v3 = iconst.i32 63\n v4 = band v0, v3\n v5 = iconst.i32 {shift}\n v6 = ishl v4, v5\n \
                 v7 = iadd v2, v6\n store notrap v1, v7\n v100 = load.{ty} notrap v7\n v8 = iadd v6, v2\n \
                 v101 = load.{ty} notrap v8\n store notrap v1, v7+15\n v102 = load.{ty} notrap v8+15"
            );
            cases.push(with_preamble(slots, case(&[types::I32, ty], &body, &[ty, ty, ty])));
        }
    }
    for to in [types::I16, types::I32, types::I64] {
        for bits in [8, 16, 32] {
            if bits < to.bits() {
                for sign in ["u", "s"] {
                    let body = format!(
                        " v2 = stack_addr.i32 ss0\n store notrap v0, v2+8\n v100 = {sign}load{bits}.{to} notrap v2+8\n \
                         v3 = stack_addr.i32 ss0+9\n v101 = {sign}load{bits}.{to} notrap v3"
                    );
                    let typed = format!("{sign}load32.i64");
                    let oracle = body
                        .replace(
                            &format!("v100 = {typed} notrap v2+8"),
                            &format!("v90 = load.i32 notrap v2+8\n v100 = {sign}extend.i64 v90"),
                        )
                        .replace(
                            &format!("v101 = {typed} notrap v3"),
                            &format!("v91 = load.i32 notrap v3\n v101 = {sign}extend.i64 v91"),
                        );
                    let body = body.replace(&typed, &format!("{sign}load32"));
                    let loads = case(&[types::I64], &body, &[to, to]);
                    cases.push(with_preamble(slots, Case { oracle: Some(oracle), ..loads }));
                }
                let body = format!(
                    " v2 = stack_addr.i32 ss0\n store notrap v1, v2+8\n istore{bits} notrap v0, v2+9\n v100 = load.i64 notrap v2+8"
                );
                cases.push(with_preamble(slots, case(&[to, types::I64], &body, &[types::I64])));
            }
        }
    }
    for ty in [types::I8, types::I16, types::I32] {
        let body = format!(
            " v1 = stack_addr.i32 ss2\n atomic_store notrap aligned v0, v1\n fence\n v100 = atomic_load.{ty} notrap aligned v1"
        );
        cases.push(with_preamble(slots, case(&[ty], &body, &[ty])));
    }
    cases
}

pub fn control() -> Vec<Case> {
    let mut cases = Vec::new();
    let table = " v1 = iconst.i32 10\n v2 = iconst.i32 20\n v3 = iconst.i32 30\n \
                 br_table v0, block4(v1), [block1, block2, block3(v2), block1, block4(v3)]\n\
                 block1:\n v5 = iconst.i32 1\n jump block4(v5)\nblock2:\n v6 = iadd v0, v1\n jump block4(v6)\n\
                 block3(v7: i32):\n v8 = isub v7, v0\n jump block4(v8)\nblock4(v100: i32):";
    cases.push(case(&[types::I32], table, &[types::I32]));
    for ty in INTS {
        // Sum of the numbers below one.
        let body = format!(
            " v1 = iconst.{ty} 63\n v2 = band v0, v1\n v3 = iconst.{ty} 0\n jump block1(v3, v3)\n\
             block1(v4: {ty}, v5: {ty}):\n v6 = icmp ult v4, v2\n brif v6, block2, block3\n\
             block2:\n v7 = iconst.{ty} 1\n v8 = iadd v4, v7\n v9 = iadd v5, v4\n jump block1(v8, v9)\n\
             block3:\n v100 = iadd v5, v4"
        );
        cases.push(case(&[ty], &body, &[ty]));
        // Values that change places.
        let body = format!(
            " v2 = iconst.i32 0\n jump block1(v0, v1, v2)\nblock1(v4: {ty}, v5: {ty}, v6: i32):\n v7 = iconst.i32 1\n \
             v8 = iadd v6, v7\n v9 = iconst.i32 9\n v10 = icmp ult v8, v9\n brif v10, block1(v5, v4, v8), block2\n\
             block2:\n v100 = isub v4, v5\n v101 = bor v4, v5"
        );
        cases.push(case(&[ty, ty], &body, &[ty, ty]));
    }
    // A short block with one predecessor, which only jumps and has several.
    let body = " brif v0, block1, block3\nblock1:\n brif v1, block3, block2\nblock2:\n jump block5(v2)\n\
                block3:\n jump block4\nblock4:\n v4 = iadd v2, v3\n jump block5(v4)\nblock5(v100: i32):";
    cases.push(case(&[types::I32; 4], body, &[types::I32]));
    // What never returns, on one way of two.
    let body = " brif v0, block1, block2\nblock1:\n trap user1\nblock2:\n v100 = bnot v1";
    cases.push(case(&[types::I32, types::I64], body, &[types::I64]));
    // What does nothing, between things that do, on both sides of a branch.
    for (nothing, oracle) in [("nop", "nop"), ("sequence_point", "nop")] {
        let text = |nothing: &str| {
            format!(
                " {nothing}\n v2 = isub v0, v1\n {nothing}\n v3 = icmp ult v0, v1\n {nothing}\n brif v3, block1(v2), block2\n\
                 block2:\n {nothing}\n jump block1(v1)\nblock1(v100: i64):\n {nothing}"
            )
        };
        let case = case(&[types::I64, types::I64], &text(nothing), &[types::I64]);
        cases.push(Case { oracle: Some(text(oracle)), ..case });
    }
    cases.extend(calls());
    cases.extend(indirect_tail_calls());
    // Fixed registers and addresses.
    let fixed = [
        (
            " v9 = get_pinned_reg.i32\n set_pinned_reg v0\n v100 = get_pinned_reg.i32\n set_pinned_reg v9",
            " v100 = bor v0, v0",
        ),
        (
            " v1 = get_frame_pointer.i32\n v2 = load.i32 notrap v1+4\n v3 = get_return_address.i32\n v4 = icmp eq v2, v3\n \
             v100 = uextend.i32 v4",
            " v100 = iconst.i32 1",
        ),
        (
            " v1 = get_stack_pointer.i32\n v2 = stack_addr.i32 ss0\n v3 = get_frame_pointer.i32\n v4 = icmp ule v1, v2\n \
             v5 = icmp ult v2, v3\n v6 = band v4, v5\n v100 = uextend.i32 v6",
            " v100 = iconst.i32 1",
        ),
        (" v1 = symbol_value.i32 gv0\n v2 = func_addr.i32 fn0\n v100 = isub v1, v2", " v100 = iconst.i32 4"),
    ];
    for (body, oracle) in fixed {
        let preamble =
            " ss0 = explicit_slot 8\n gv0 = symbol colocated u0:10000+4\n fn0 = colocated u0:10000() tail";
        cases.push(Case {
            oracle: Some(oracle.to_string()),
            callees: "function u0:10000() tail {\nblock0:\n return\n}\n".to_string(),
            ..with_preamble(preamble, case(&[types::I32], body, &[types::I32]))
        });
    }
    // More values than registers.
    for ty in [types::I32, types::I64, types::F64] {
        let mut body = String::new();
        let (add, mul) = if ty == types::F64 { ("fadd", "fmul") } else { ("iadd", "imul") };
        for i in 0..30 {
            body += &format!(" v{} = {add} v{}, v{}\n", 10 + i, if i == 0 { 0 } else { 9 + i }, i % 2);
        }
        body += " v50 = bor v0, v1\n".replace("bor", mul).as_str();
        for i in 0..30 {
            body +=
                &format!(" v{} = {} v{}, v{}\n", 51 + i, if i % 3 == 0 { mul } else { add }, 50 + i, 39 - i);
        }
        body += &format!(" v100 = {add} v80, v10");
        cases.push(case(&[ty, ty], &body, &[ty]));
    }
    cases
}

fn calls() -> Vec<Case> {
    use types::{F32, F64, I8, I16, I32, I64};
    let mut cases = Vec::new();
    let signatures: [&[Type]; 8] = [
        &[I32],
        &[I64, I64],
        &[I32, I64, I32],
        &[I32, I32, I32, I64, I32],
        &[F64, I32, F64, I64],
        &[I8, I16, I32, I64, F32, F64],
        &[F64, F64, F64, F64, F64, F64, F64, F64, F64, F64],
        &[I64, I64, I64, I8, F32, I32, F64, I64],
    ];
    for conv in ["tail", "system_v"] {
        for signature in signatures {
            for picked in 0..signature.len() {
                let ty = signature[picked];
                let list = signature.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
                let params: Vec<String> =
                    signature.iter().enumerate().map(|(i, ty)| format!("v{i}: {ty}")).collect();
                let params = params.join(", ");
                let args = (0..signature.len()).map(|i| format!("v{i}")).collect::<Vec<_>>().join(", ");
                let declared = format!("({list}) -> {ty} {conv}");
                let pick =
                    format!("function u0:10000{declared} {{\nblock0({params}):\n return v{picked}\n}}\n");
                for via in 0..4 {
                    let (preamble, body, callees) = match via {
                        0 => (
                            format!(" fn0 = colocated u0:10000{declared}"),
                            format!(" v100 = call fn0({args})"),
                            pick.clone(),
                        ),
                        1 => (
                            format!(" sig0 = {declared}\n fn0 = colocated u0:10000 sig0"),
                            format!(" v90 = func_addr.i32 fn0\n v100 = call_indirect sig0, v90({args})"),
                            pick.clone(),
                        ),
                        2 if conv == "tail" => (
                            format!(" fn0 = colocated u0:10001{declared}"),
                            format!(" v100 = call fn0({args})"),
                            format!(
                                "{pick}function u0:10001{declared} {{\n fn0 = colocated u0:10000{declared}\nblock0({params}):\n return_call fn0({args})\n}}\n"
                            ),
                        ),
                        // Arguments live across the call, and change places.
                        3 => (
                            format!(" fn0 = colocated u0:10000{declared}"),
                            format!(" v99 = call fn0({args})\n v100 = call fn0({})", {
                                let swapped = (0..signature.len()).map(|i| {
                                    let same =
                                        (0..signature.len()).rev().find(|&j| signature[j] == signature[i]);
                                    format!("v{}", same.unwrap_or(i))
                                });
                                swapped.collect::<Vec<_>>().join(", ")
                            }),
                            pick.clone(),
                        ),
                        _ => continue,
                    };
                    // Singles after the first are in registers that have no name here.
                    let singles = signature.iter().filter(|&&ty| ty == F32).count();
                    if conv == "system_v" && singles > 1 {
                        continue;
                    }
                    let mut names = case(signature, &body, &[ty]);
                    if via == 3 {
                        names.results = vec![("v100".to_string(), ty), ("v99".to_string(), ty)];
                    }
                    names.name = format!("{conv} {list}: argument {picked} via {via}");
                    if via == 1 {
                        names.oracle = Some(format!(" v100 = call fn0({args})"));
                    }
                    cases.push(Case { callees, ..with_preamble(&preamble, names) });
                }
            }
        }
    }
    // What is above a narrow result is arbitrary.
    for conv in ["tail", "system_v"] {
        let signature = format!("(i32, i32) -> i8, i16 {conv}");
        let results = case(
            &[I32, I32],
            " v1000, v1001 = call fn0(v0, v1)\n v100 = uextend.i32 v1000\n v101 = sextend.i64 v1001",
            &[I32, I64],
        );
        cases.push(Case {
            callees: format!(
                "function u0:10000{signature} {{\nblock0(v0: i32, v1: i32):\n v2 = ireduce.i8 v1\n v3 = ireduce.i16 v0\n return v2, v3\n}}\n"
            ),
            ..with_preamble(&format!(" fn0 = colocated u0:10000{signature}"), results)
        });
    }
    // Calls in a loop, recursively, with the result in use.
    let callee = "function u0:10000(i32, i32) -> i32 tail {\n fn0 = colocated u0:10000(i32, i32) -> i32 tail\nblock0(v0: i32, v1: i32):\n \
                  brif v0, block1, block2\nblock1:\n v2 = iconst.i32 -1\n v3 = iadd v0, v2\n v4 = call fn0(v3, v1)\n v5 = imul v4, v1\n \
                  v6 = iadd v5, v0\n return v6\nblock2:\n return v1\n}\n";
    let body = " v2 = iconst.i32 15\n v3 = band v0, v2\n v100 = call fn0(v3, v1)";
    let recursive = case(&[I32, I32], body, &[I32]);
    cases.push(Case {
        callees: callee.to_string(),
        ..with_preamble(" fn0 = colocated u0:10000(i32, i32) -> i32 tail", recursive)
    });
    cases
}

/// Tail calls of an address, with arguments that change places in registers and on the stack. A function with the signature of its
/// callee passes all that it gets on; the interpreter calls the callee.
fn indirect_tail_calls() -> Vec<Case> {
    use types::{F32, F64, I8, I16, I32, I64};
    let signatures: [&[Type]; 7] = [
        &[I32],
        &[I64, I64],
        &[I32, I32, I32, I64, I32],
        &[I8, I16, I32, I64, F32, F64],
        &[F64, F64, F64, F64, F64, F64, F64, F64, F64, F64],
        &[I64, I64, I64, I8, F32, I32, F64, I64],
        &[I32, I32, I32, I32, I32, I32, I32, I32, I32, I32, I64, I64],
    ];
    let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(", ");
    let mut cases = Vec::new();
    for signature in signatures {
        // The address is made by the function, or is its first argument, or its last.
        for address in [None, Some(0), Some(signature.len())] {
            for picked in 0..signature.len() {
                let ty = signature[picked];
                // Each argument becomes the next one of its type, cyclically.
                let rotated = (0..signature.len()).map(|i| {
                    let next = (i + 1..signature.len()).chain(0..i).find(|&j| signature[j] == signature[i]);
                    format!("v{}", next.unwrap_or(i))
                });
                let mut rotated: Vec<String> = rotated.collect();
                let mut straight: Vec<String> = (0..signature.len()).map(|i| format!("v{i}")).collect();
                let mut types = signature.to_vec();
                if let Some(at) = address {
                    types.insert(at, I32);
                    rotated.insert(at, "v90".to_string());
                    straight.insert(at, "v90".to_string());
                }
                let declared = format!("({}) -> {ty} tail", list(&types));
                let params: Vec<String> =
                    straight.iter().zip(&types).map(|(name, ty)| format!("{name}: {ty}")).collect();
                let (params, straight, rotated) =
                    (params.join(", "), straight.join(", "), rotated.join(", "));
                let made = " v90 = func_addr.i32 fn1\n";
                let (made_by_caller, made_by_case) = if address.is_some() { ("", made) } else { (made, "") };
                let callees = format!(
                    "function u0:10000{declared} {{\nblock0({params}):\n return v{picked}\n}}\n\
                     function u0:10001{declared} {{\n sig0 = {declared}\n fn1 = colocated u0:10000 sig0\nblock0({params}):\n\
                     {made_by_caller} return_call_indirect sig0, v90({rotated})\n}}\n"
                );
                let body = format!("{made_by_case} v100 = call fn0({straight})");
                // No address is ever the result.
                let oracle = format!(" v90 = iconst.i32 0\n v100 = call fn1({rotated})");
                let preamble =
                    format!(" fn0 = colocated u0:10001{declared}\n fn1 = colocated u0:10000{declared}");
                cases.push(Case {
                    name: format!(
                        "tail call of an address, {declared}: argument {picked}, address {address:?}"
                    ),
                    oracle: Some(oracle),
                    callees,
                    ..with_preamble(&preamble, case(signature, &body, &[ty]))
                });
            }
        }
    }
    cases
}

/// Integers of tagged words: small ones in the word, others in memory, each with all of the result in use and with either half.
pub fn intrinsics() -> Vec<Case> {
    use types::{I32, I64};
    let preamble = " ss0 = explicit_slot 8, align = 8\n fn0 = colocated u1:7(i32) -> i64 tail";
    let small = (
        " v50 = iconst.i32 -2\n v51 = band v0, v50",
        " v52 = iconst.i32 1\n v53 = sshr v0, v52\n v60 = sextend.i64 v53",
    );
    let boxed = (
        " v50 = stack_addr.i32 ss0\n store notrap aligned v1, v50\n v52 = iconst.i32 -7\n v51 = iadd v50, v52",
        " v53 = iconst.i64 0\n v60 = bor v1, v53",
    );
    let uses = [
        (" v100 = iadd v60, v60", I64),
        (" v100 = ireduce.i32 v60", I32),
        (" v61 = iconst.i64 32\n v62 = sshr v60, v61\n v100 = ireduce.i32 v62", I32),
        // The word is needed afterwards.
        (" v61 = sextend.i64 v0\n v100 = iadd v60, v61", I64),
    ];
    let mut cases = Vec::new();
    for (prepare, oracle) in [small, boxed] {
        for (used, ty) in uses {
            let body = format!("{prepare}\n v60 = call fn0(v51)\n{used}");
            let oracle = Some(format!("{oracle}\n{used}"));
            cases.push(Case { oracle, ..with_preamble(preamble, case(&[I32, I64], &body, &[ty])) });
        }
    }
    cases
}

/// Class ids of tagged words: of small integers, and of what is in memory.
pub fn class_ids() -> Vec<Case> {
    use types::I32;
    // Offset -1, shift 12, 59 for small integers.
    let preamble = " ss0 = explicit_slot 4, align = 4\n fn0 = colocated u2:4278976571(i32) -> i32 tail";
    let mut cases = Vec::new();
    for (prepare, oracle) in [
        (" v50 = iconst.i32 -2\n v51 = band v0, v50", " v60 = iconst.i32 59"),
        (
            " v50 = stack_addr.i32 ss0\n store notrap aligned v1, v50\n v52 = iconst.i32 1\n v51 = iadd v50, v52",
            " v52 = iconst.i32 12\n v60 = ushr v1, v52",
        ),
    ] {
        let used = " v100 = iadd v60, v0";
        let body = format!("{prepare}\n v60 = call fn0(v51)\n{used}");
        let oracle = Some(format!("{oracle}\n{used}"));
        cases.push(Case { oracle, ..with_preamble(preamble, case(&[I32, I32], &body, &[I32])) });
    }
    cases
}

/// Calls that may end in a handler, with values of all kinds live there and after the normal return.
pub fn exceptions() -> Vec<Case> {
    use types::{F64, I32, I64};
    let mut cases = Vec::new();
    let call = |via: &str| {
        let (prepare, call) = match via {
            "direct" => ("", "try_call fn0(v0), sig0"),
            _ => (" v20 = func_addr.i32 fn0\n", "try_call_indirect v20(v0), sig0"),
        };
        // The sum goes to the normal block, by an edge of its own or not; the others go to the handler.
        [
            format!(
                "{prepare} {call}, block1(ret0, v1), [ default: block2(v1, v2) ]\n\
                 block1(v3: i32, v4: i64):\n v5 = sextend.i64 v3\n v6 = iadd v4, v5\n return v6\n\
                 block2(v7: i64, v8: f64):\n v9 = bitcast.i64 v8\n v10 = isub v7, v9\n return v10\n"
            ),
            format!(
                "{prepare} v11 = iadd v1, v1\n v21 = iconst.i32 77\n {call}, block1(ret0, v11), [ default: block2(v21) ]\n\
                 block2(v22: i32):\n jump block1(v22, v1)\n\
                 block1(v3: i32, v4: i64):\n v5 = sextend.i64 v3\n v6 = iadd v4, v5\n return v6\n"
            ),
        ]
    };
    let oracles = [
        " v30 = iconst.i32 1\n v31 = band v0, v30\n v32 = iconst.i32 7\n v33 = iadd v0, v32\n v34 = sextend.i64 v33\n \
         v35 = iadd v1, v34\n v36 = bitcast.i64 v2\n v37 = isub v1, v36\n v39 = icmp eq v31, v30\n \
         v100 = select v39, v37, v35",
        " v30 = iconst.i32 1\n v31 = band v0, v30\n v32 = iconst.i32 7\n v33 = iadd v0, v32\n v34 = sextend.i64 v33\n \
         v35 = iadd v1, v1\n v36 = iadd v35, v34\n v37 = iconst.i64 77\n v38 = iadd v1, v37\n v39 = icmp eq v31, v30\n \
         v100 = select v39, v38, v36",
    ];
    for via in ["direct", "indirect"] {
        for (body, oracle) in call(via).iter().zip(oracles) {
            let callee = format!(
                "function u0:{CATCHER}(i32, i64, f64) -> i64 tail {{\n sig0 = (i32) -> i32 tail\n \
                 fn0 = colocated u0:{THROWER} sig0\nblock0(v0: i32, v1: i64, v2: f64):\n{body}}}\n"
            );
            let preamble = format!(" fn0 = colocated u0:{CATCHER}(i32, i64, f64) -> i64 tail");
            let case = case(&[I32, I64, F64], " v100 = call fn0(v0, v1, v2)", &[I64]);
            let name = format!("{via}: {body}");
            cases.push(Case {
                name,
                oracle: Some(oracle.to_string()),
                throws: true,
                callees: callee,
                ..with_preamble(&preamble, case)
            });
        }
    }
    cases
}
