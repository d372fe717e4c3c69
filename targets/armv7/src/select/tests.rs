//! What selection makes of small functions: which operands it absorbs, and which instructions it saves. That the code is right is
//! tested by execution (`tests/opcodes`).

use std::fmt::Write as _;

use cranelift_codegen::Context;

use crate::{Compiler, Options};

/// Functions as signature and body.
const FUNCTIONS: [(&str, &str, &str); 25] = [
    (
        "a tagged field",
        "(i32) -> i32 tail",
        "block0(v0: i32):\n v1 = load.i32 notrap aligned v0+7\n return v1",
    ),
    (
        "an element of an array of words",
        "(i32, i32) -> i32 tail",
        "block0(v0: i32, v1: i32):\n v2 = iconst.i32 2\n v3 = ishl v1, v2\n v4 = iadd v0, v3\n v5 = load.i32 notrap v4\n return v5",
    ),
    (
        "a field of the thread",
        "() -> i32 tail",
        "block0:\n v0 = get_pinned_reg.i32\n v1 = load.i32 notrap aligned readonly can_move v0+64\n return v1",
    ),
    (
        "a stack limit",
        "() tail",
        " sig0 = () tail\n fn0 = colocated u0:1 sig0\nblock0:\n v0 = get_pinned_reg.i32\n v1 = load.i32 notrap aligned v0+36\n \
         v2 = get_stack_pointer.i32\n v3 = icmp ule v2, v1\n brif v3, block1, block2\nblock1 cold:\n call fn0()\n jump block2\n\
         block2:\n return",
    ),
    (
        "a Smi, or a boxed integer",
        "(i32) -> i64 tail",
        "block0(v0: i32):\n v1 = iconst.i32 1\n v2 = sshr v0, v1\n v3 = sextend.i64 v2\n v4 = band v0, v1\n \
         brif v4, block1, block2(v3)\nblock1 cold:\n v5 = load.i64 notrap aligned v0+7\n jump block2(v5)\n\
         block2(v6: i64):\n return v6",
    ),
    (
        "the same by the intrinsic",
        "(i32) -> i64 tail",
        " fn0 = colocated u1:7(i32) -> i64 tail\nblock0(v0: i32):\n v1 = call fn0(v0)\n return v1",
    ),
    (
        "its low half",
        "(i32) -> i32 tail",
        " fn0 = colocated u1:7(i32) -> i64 tail\nblock0(v0: i32):\n v1 = call fn0(v0)\n v2 = ireduce.i32 v1\n return v2",
    ),
    (
        "neither half",
        "(i32) -> i32 tail",
        " fn0 = colocated u1:7(i32) -> i64 tail\nblock0(v0: i32):\n v1 = call fn0(v0)\n return v0",
    ),
    (
        "whether an integer fits a Smi",
        "(i64) -> i8 tail",
        "block0(v0: i64):\n v1 = ireduce.i32 v0\n v2 = iconst.i32 1\n v3 = ishl v1, v2\n v4 = sshr v3, v2\n v5 = sextend.i64 v4\n \
         v6 = icmp eq v5, v0\n return v6",
    ),
    (
        "a comparison of two Smis",
        "(i32, i32) -> i8 tail",
        "block0(v0: i32, v1: i32):\n v2 = sextend.i64 v0\n v3 = sextend.i64 v1\n v4 = icmp slt v2, v3\n return v4",
    ),
    (
        "a comparison of pairs",
        "(i64, i64) -> i8 tail",
        "block0(v0: i64, v1: i64):\n v2 = icmp sgt v0, v1\n return v2",
    ),
    (
        "a comparison of a pair with a constant",
        "(i64) -> i8 tail",
        "block0(v0: i64):\n v1 = iconst.i64 99\n v2 = icmp sgt v0, v1\n return v2",
    ),
    (
        "a sum of a pair and an extension",
        "(i64, i32) -> i64 tail",
        "block0(v0: i64, v1: i32):\n v2 = sextend.i64 v1\n v3 = iadd v2, v0\n return v3",
    ),
    (
        "the low half of a product",
        "(i64, i64) -> i32 tail",
        "block0(v0: i64, v1: i64):\n v2 = imul v0, v1\n v3 = iconst.i64 1\n v4 = iadd v2, v3\n v5 = ireduce.i32 v4\n return v5",
    ),
    (
        "a product of extensions",
        "(i32, i32) -> i64 tail",
        "block0(v0: i32, v1: i32):\n v2 = sextend.i64 v0\n v3 = sextend.i64 v1\n v4 = imul v2, v3\n return v4",
    ),
    (
        "a sum with a product",
        "(i32, i32, i32) -> i32 tail",
        "block0(v0: i32, v1: i32, v2: i32):\n v3 = imul v0, v1\n v4 = iadd v2, v3\n return v4",
    ),
    (
        "a difference with a shift",
        "(i32, i32) -> i32 tail",
        "block0(v0: i32, v1: i32):\n v2 = iconst.i32 3\n v3 = ishl v0, v2\n v4 = isub v3, v1\n return v4",
    ),
    (
        "shifts of pairs",
        "(i64) -> i64 tail",
        "block0(v0: i64):\n v1 = iconst.i64 1\n v2 = sshr v0, v1\n v3 = iconst.i64 40\n v4 = ushr v2, v3\n return v4",
    ),
    (
        "a shift of a pair by a variable",
        "(i64, i64) -> i64 tail",
        "block0(v0: i64, v1: i64):\n v2 = ishl v0, v1\n return v2",
    ),
    (
        "masks",
        "(i32, i32) -> i32 tail",
        "block0(v0: i32, v1: i32):\n v2 = iconst.i32 0xffff\n v3 = band v0, v2\n v4 = iconst.i32 -256\n v5 = band v1, v4\n \
         v6 = bor v3, v5\n return v6",
    ),
    (
        "a choice by a comparison of floats",
        "(f64, f64) -> f64 tail",
        "block0(v0: f64, v1: f64):\n v2 = fcmp one v0, v1\n v3 = select v2, v0, v1\n return v3",
    ),
    (
        "a double in a box, and one at any address",
        "(i32, i32) -> f64 tail",
        "block0(v0: i32, v1: i32):\n v2 = load.f64 notrap aligned v0+7\n v3 = load.f64 notrap v1\n v4 = fadd v2, v3\n return v4",
    ),
    (
        "an integer to a double",
        "(i64) -> f64 tail",
        "block0(v0: i64):\n v1 = fcvt_from_sint.f64 v0\n return v1",
    ),
    (
        "a 64-bit quotient",
        "(i64, i64) -> i64 tail",
        "block0(v0: i64, v1: i64):\n v2 = sdiv v0, v1\n return v2",
    ),
    (
        "a caught call",
        "(i32, i64) -> i64 tail",
        " sig0 = (i32, i64) -> i64 tail\n fn0 = colocated u0:1 sig0\nblock0(v0: i32, v1: i64):\n \
         try_call fn0(v0, v1), sig0, block1(ret0), [ default: block2 ]\nblock1(v2: i64):\n return v2\nblock2:\n return v1",
    ),
];

#[test]
fn small_functions() {
    let mut text = String::new();
    for (title, signature, body) in FUNCTIONS {
        let clif = format!("function u0:0{signature} {{\n{body}\n}}\n");
        let function = cranelift_reader::parse_functions(&clif).expect("CLIF").remove(0);
        // What is selected for what is written, not for what the optimiser makes of it.
        let mut compiler = Compiler::new(Options { optimize: false, verify: true, check_regalloc: true });
        let (_, dump) = compiler.compile_with_dump(&mut Context::for_function(function)).expect("compiles");
        let _ = write!(text, "# {title}\n\n{}\n", dump.selected);
    }
    insta::assert_snapshot!(text);
}
