//! CLIF and machine code of small functions, as text.

mod common;

use common::{DATA, NODE, TestProgram, VALUE, compile, function, type_of};
use snapcrane_ir::Type::{Bool, Int64, Tagged};
use snapcrane_ir::{
    AllocKind, Function, FunctionBuilder, Inst, Slot, SourcePos, StoreBarrier, UnaryOp, Value,
};
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, ObjectKey};

fn field(id: u32) -> Slot {
    Slot::Field(FieldId::from_u32(id))
}

fn allocate(b: &mut FunctionBuilder) -> Value {
    b.ins(Inst::Allocate { kind: AllocKind::Object(ClassId::from_u32(NODE)), args: [].into_iter().collect() })
}

/// The blocks of a CLIF function, without tables.
fn body(clif: &str) -> String {
    let start = clif.find("block0").unwrap_or(0);
    clif[start..]
        .lines()
        .map(|line| line.split_once("]   ").map_or(line, |(_, rest)| rest).trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The machine code for 64-bit ARM, with its tables.
fn arm64_code(function: &Function) -> String {
    compile(&TestProgram::for_target("linux-arm64"), function).1.code
}

/// A parameter that lives across two calls has one slot; the poll at the start saves parameters on its cold path only.
#[test]
fn values_across_calls() {
    let f = function(0, &[Tagged, Tagged], Tagged, |b, params| {
        b.set_pos(SourcePos::new(100));
        b.ins(Inst::CheckStack);
        b.set_pos(SourcePos::new(110));
        let first = b.call(FunctionKey::Local(1), &[params[0], params[1]]);
        b.set_pos(SourcePos::new(120));
        let second = b.call(FunctionKey::Local(2), &[params[0], first]);
        let _ = b.call(FunctionKey::Local(2), &[second, first]);
        b.ret(params[0]);
    });
    let (_, dump) = compile(&TestProgram::new(), &f);
    insta::assert_snapshot!("values_across_calls", body(&dump.clif));
    insta::assert_snapshot!("values_across_calls_code", dump.code);
    insta::assert_snapshot!("values_across_calls_arm64", arm64_code(&f));
}

/// Calls keep their positions when the function starts with an instruction that has none, as resumptions do.
#[test]
fn positions_after_none() {
    let f = function(0, &[Tagged], Tagged, |b, params| {
        b.set_pos(SourcePos::NONE);
        let first = b.call(FunctionKey::Local(1), &[params[0]]);
        b.set_pos(SourcePos::new(120));
        let second = b.call(FunctionKey::Local(2), &[first]);
        b.ret(second);
    });
    let (compiled, _) = compile(&TestProgram::new(), &f);
    let positions: Vec<_> = compiled.positions.iter().map(|position| position.pos.offset()).collect();
    assert_eq!(positions, [Some(120)]);
}

/// A call in a protected block: the landing block reloads what the edge passes.
#[test]
fn protected_call() {
    let f = function(0, &[Tagged], Tagged, |b, params| {
        let x = b.declare_var(Tagged);
        b.def_var(x, params[0]);
        let handler = b.create_handler();
        b.set_handler(Some(handler));
        let first = b.call(FunctionKey::Local(1), &[params[0]]);
        b.def_var(x, first);
        let second = b.call(FunctionKey::Local(1), &[first]);
        b.set_handler(None);
        b.ret(second);
        b.switch_to(handler);
        b.seal(handler);
        let exception = b.ins(Inst::CatchException);
        let _ = b.ins(Inst::CatchStackTrace);
        let value = b.use_var(x);
        let result = b.call(FunctionKey::Local(2), &[exception, value]);
        b.ret(result);
    });
    let (_, dump) = compile(&TestProgram::new(), &f);
    insta::assert_snapshot!("protected_call", body(&dump.clif));
    insta::assert_snapshot!("protected_call_code", dump.code);
    insta::assert_snapshot!("protected_call_arm64", arm64_code(&f));
}

/// An allocation and stores: the first without a barrier, the second into an older object with one. Where memory is weak, a fence comes
/// before the new object can be seen by others.
#[test]
fn allocation_and_barrier() {
    let f = function(0, &[Tagged, Int64], Tagged, |b, params| {
        let node = allocate(b);
        b.ins(Inst::Store {
            object: node,
            slot: field(VALUE),
            value: params[1],
            barrier: StoreBarrier::None,
        });
        b.ins(Inst::Store { object: params[0], slot: field(DATA), value: node, barrier: StoreBarrier::Full });
        b.ret(node);
    });
    let (_, dump) = compile(&TestProgram::new(), &f);
    insta::assert_snapshot!("allocation_and_barrier", body(&dump.clif));
    insta::assert_snapshot!("allocation_and_barrier_arm64", arm64_code(&f));
}

/// Integers are boxed inline where they fit a Smi.
#[test]
fn boxing() {
    let f = function(0, &[Tagged], Tagged, |b, params| {
        let int = b.ins(Inst::Unary(UnaryOp::UnboxInt64, params[0]));
        let boxed = b.ins(Inst::Unary(UnaryOp::BoxInt64, int));
        b.ret(boxed);
    });
    let (_, dump) = compile(&TestProgram::new(), &f);
    insta::assert_snapshot!("boxing", dump.code);
}

/// A test by class id.
#[test]
fn type_test() {
    let f = function(0, &[Tagged], Bool, |b, params| {
        let ty = b.object_ref(ObjectKey::Type(type_of(NODE, true)));
        let cache = b.object_ref(ObjectKey::SubtypeTestCache { inputs: 2, site: 0 });
        let null = b.null();
        let answer =
            b.ins(Inst::InstanceOf { value: params[0], ty, instantiator: null, function: null, cache });
        b.ret(answer);
    });
    let (_, dump) = compile(&TestProgram::new(), &f);
    insta::assert_snapshot!("type_test", dump.code);
}
