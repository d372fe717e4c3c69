//! Runs compiled functions on this machine: arithmetic against Rust's, and everything that touches the heap against a collector that
//! moves all objects at every call of the runtime.

#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod common;

use common::machine::Machine;
use common::{BOX, BOXED, DATA, NEXT, NODE, STATIC, TestProgram, VALUE, function, type_of};
use snapcrane_ir::Type::{Bool, Double, Int64, Pointer, Tagged};
use snapcrane_ir::{
    AllocKind, ArrayKind, BinaryOp, CompareOp, Function, FunctionBuilder, Inst, NativeSlot, NullCheck,
    Signature, Slot, StoreBarrier, Terminator, Type, UnaryOp, Value,
};
use snapcrane_program::ids::{
    CallShape, ClassId, FieldId, FunctionKey, Name, ObjectKey, RowKey, Selector, SelectorKind,
};
use snapcrane_program::types::{DartType, RecordShape, TypeParamOwner, TypeParameter};

const INTERESTING: [i64; 15] = [
    0,
    1,
    -1,
    2,
    3,
    -7,
    63,
    64,
    65,
    1 << 40,
    i64::MAX,
    i64::MIN,
    i64::MAX >> 1,
    i64::MIN >> 1,
    (i64::MIN >> 1) - 1,
];

fn load(b: &mut FunctionBuilder, object: Value, slot: Slot, ty: Type) -> Value {
    b.ins(Inst::Load { object, slot, ty })
}

fn field(id: u32) -> Slot {
    Slot::Field(FieldId::from_u32(id))
}

fn store(b: &mut FunctionBuilder, object: Value, slot: Slot, value: Value) {
    b.ins(Inst::Store { object, slot, value, barrier: StoreBarrier::Full });
}

fn new_node(b: &mut FunctionBuilder) -> Value {
    b.ins(Inst::Allocate { kind: AllocKind::Object(ClassId::from_u32(NODE)), args: [].into_iter().collect() })
}

fn boxed(b: &mut FunctionBuilder, int: Value) -> Value {
    b.ins(Inst::Unary(UnaryOp::BoxInt64, int))
}

fn unboxed(b: &mut FunctionBuilder, value: Value) -> Value {
    b.ins(Inst::Unary(UnaryOp::UnboxInt64, value))
}

#[test]
fn integer_operations_agree_with_rust() {
    type Case = (BinaryOp, fn(i64, i64) -> Option<i64>);
    let cases: [Case; 12] = [
        (BinaryOp::AddInt64, |a, b| Some(a.wrapping_add(b))),
        (BinaryOp::SubInt64, |a, b| Some(a.wrapping_sub(b))),
        (BinaryOp::MulInt64, |a, b| Some(a.wrapping_mul(b))),
        (BinaryOp::AndInt64, |a, b| Some(a & b)),
        (BinaryOp::OrInt64, |a, b| Some(a | b)),
        (BinaryOp::XorInt64, |a, b| Some(a ^ b)),
        (BinaryOp::ShlInt64, |a, b| (b >= 0).then(|| if b < 64 { a << b } else { 0 })),
        (BinaryOp::ShrInt64, |a, b| (b >= 0).then(|| a >> b.min(63))),
        (BinaryOp::UshrInt64, |a, b| (b >= 0).then(|| if b < 64 { (a as u64 >> b) as i64 } else { 0 })),
        (BinaryOp::TruncDivInt64, |a, b| (b != 0).then(|| a.wrapping_div(b))),
        (BinaryOp::ModInt64, |a, b| (b != 0).then(|| a.wrapping_rem_euclid(b))),
        (BinaryOp::RemInt64, |a, b| (b != 0).then(|| a.wrapping_rem(b))),
    ];
    let program = TestProgram::new();
    // Each operation on parameters, and with a constant on the right.
    let mut functions: Vec<Function> = Vec::new();
    for (i, (op, _)) in cases.iter().enumerate() {
        functions.push(function(i as u32, &[Int64, Int64], Int64, |b, params| {
            let result = b.ins(Inst::Binary(*op, params[0], params[1]));
            b.ret(result);
        }));
        for (j, &constant) in INTERESTING.iter().enumerate() {
            let key = 1000 + 100 * i as u32 + j as u32;
            functions.push(function(key, &[Int64], Int64, |b, params| {
                let right = b.int64(constant);
                let result = b.ins(Inst::Binary(*op, params[0], right));
                b.ret(result);
            }));
        }
    }
    let mut machine = Machine::new(&program, &functions);
    for (i, (op, expected)) in cases.iter().enumerate() {
        for (j, &right) in INTERESTING.iter().enumerate() {
            for &left in &INTERESTING {
                let Some(expected) = expected(left, right) else { continue };
                assert_eq!(machine.run_ints(i as u32, &[left, right]), expected, "{op:?} {left} {right}");
                let key = 1000 + 100 * i as u32 + j as u32;
                assert_eq!(machine.run_ints(key, &[left]), expected, "{op:?} {left} constant {right}");
            }
        }
    }
    assert_eq!(machine.collections, 0);
}

#[test]
fn unary_operations_agree_with_rust() {
    let double = |f: fn(f64) -> f64| move |a: i64| f(f64::from_bits(a as u64)).to_bits() as i64;
    type Reference = Box<dyn Fn(i64) -> i64>;
    let ints: Vec<(UnaryOp, Reference)> = vec![
        (UnaryOp::NegInt64, Box::new(|a: i64| a.wrapping_neg())),
        (UnaryOp::NotInt64, Box::new(|a: i64| !a)),
        (UnaryOp::BitLength, Box::new(|a: i64| 64 - i64::from((a ^ a >> 63).leading_zeros()))),
        (UnaryOp::SignExtend8, Box::new(|a: i64| i64::from(a as i8))),
        (UnaryOp::SignExtend16, Box::new(|a: i64| i64::from(a as i16))),
        (UnaryOp::SignExtend32, Box::new(|a: i64| i64::from(a as i32))),
        (UnaryOp::ZeroExtend32, Box::new(|a: i64| i64::from(a as u32))),
    ];
    let doubles: Vec<(UnaryOp, Reference)> = vec![
        (UnaryOp::NegDouble, Box::new(double(|a| -a))),
        (UnaryOp::AbsDouble, Box::new(double(f64::abs))),
        (UnaryOp::SqrtDouble, Box::new(double(f64::sqrt))),
        (UnaryOp::FloorDouble, Box::new(double(f64::floor))),
    ];
    let mut functions = Vec::new();
    for (i, (op, _)) in ints.iter().enumerate() {
        functions.push(function(i as u32, &[Int64], Int64, |b, params| {
            let result = b.ins(Inst::Unary(*op, params[0]));
            b.ret(result);
        }));
    }
    for (i, (op, _)) in doubles.iter().enumerate() {
        functions.push(function(100 + i as u32, &[Int64], Int64, |b, params| {
            let value = b.ins(Inst::Unary(UnaryOp::DoubleFromBits, params[0]));
            let result = b.ins(Inst::Unary(*op, value));
            let bits = b.ins(Inst::Unary(UnaryOp::DoubleBits, result));
            b.ret(bits);
        }));
    }
    functions.push(function(200, &[Int64], Int64, |b, params| {
        let value = b.ins(Inst::Unary(UnaryOp::Int64ToDouble, params[0]));
        let half = b.ins(Inst::Double(0.5f64.to_bits()));
        let scaled = b.ins(Inst::Binary(BinaryOp::MulDouble, value, half));
        let result = b.ins(Inst::Unary(UnaryOp::DoubleToInt64, scaled));
        b.ret(result);
    }));
    let mut machine = Machine::new(&TestProgram::new(), &functions);
    for &a in &INTERESTING {
        for (i, (op, expected)) in ints.iter().enumerate() {
            assert_eq!(machine.run_ints(i as u32, &[a]), expected(a), "{op:?} {a}");
        }
        assert_eq!(machine.run_ints(200, &[a]), (a as f64 * 0.5) as i64, "{a} / 2");
    }
    for a in [0.0, -0.0, 1.5, -2.25, 1e300, f64::INFINITY, 3.999] {
        let bits = a.to_bits() as i64;
        for (i, (op, expected)) in doubles.iter().enumerate() {
            let result = machine.run_ints(100 + i as u32, &[bits]);
            let (result, expected) = (f64::from_bits(result as u64), f64::from_bits(expected(bits) as u64));
            assert!(result == expected || result.is_nan() && expected.is_nan(), "{op:?} {a}: {result}");
        }
    }
}

/// Boxes survive collections, and integers come back as they were, Smi or Mint.
#[test]
fn boxing_round_trip() {
    let functions = [
        function(0, &[Int64, Int64], Tagged, |b, params| {
            let first = boxed(b, params[0]);
            let second = boxed(b, params[1]);
            let sum = {
                let (x, y) = (unboxed(b, first), unboxed(b, second));
                b.ins(Inst::Binary(BinaryOp::SubInt64, x, y))
            };
            let result = boxed(b, sum);
            b.ret(result);
        }),
        function(1, &[Int64, Int64], Int64, |b, params| {
            let value = b.ins(Inst::Unary(UnaryOp::DoubleFromBits, params[0]));
            let first = b.ins(Inst::Unary(UnaryOp::BoxDouble, value));
            let other = boxed(b, params[1]);
            let second = b.ins(Inst::Unary(UnaryOp::BoxDouble, value));
            let (x, y) = (
                b.ins(Inst::Unary(UnaryOp::UnboxDouble, first)),
                b.ins(Inst::Unary(UnaryOp::UnboxDouble, second)),
            );
            let sum = b.ins(Inst::Binary(BinaryOp::AddDouble, x, y));
            let third = b.ins(Inst::Unary(UnaryOp::Int64ToDouble, params[1]));
            let sum = b.ins(Inst::Binary(BinaryOp::AddDouble, sum, third));
            let _ = unboxed(b, other);
            let bits = b.ins(Inst::Unary(UnaryOp::DoubleBits, sum));
            b.ret(bits);
        }),
        function(2, &[Int64, Int64], Bool, |b, params| {
            let (first, second) = (boxed(b, params[0]), boxed(b, params[1]));
            let same = b.ins(Inst::Compare(CompareOp::Identical, first, second));
            b.ret(same);
        }),
    ];
    let mut machine = Machine::new(&TestProgram::new(), &functions);
    for &a in &INTERESTING {
        for &b in &INTERESTING {
            let result = machine.run(0, &[a as u64, b as u64]);
            let difference = a.wrapping_sub(b);
            assert_eq!(machine.int(result), difference);
            assert_eq!(result & 1 == 0, difference << 1 >> 1 == difference, "{difference} as Smi");
            let double = a as f64 / 3.0;
            let bits = machine.run(1, &[double.to_bits(), b as u64]);
            assert_eq!(f64::from_bits(bits), double + double + b as f64);
            assert_eq!(machine.run(2, &[a as u64, b as u64]) as u8 != 0, a == b, "identical({a}, {b})");
        }
    }
    assert!(machine.collections > 20, "{} collections", machine.collections);
}

/// Builds a list of `n` nodes front to back, polls and allocates in the loop, then sums it up with more garbage on the way.
#[test]
fn linked_list_under_collection() {
    let build = function(0, &[Int64], Tagged, |b, params| {
        let (head, tail, i) = (b.declare_var(Tagged), b.declare_var(Tagged), b.declare_var(Int64));
        b.ins(Inst::CheckStack);
        let first = new_node(b);
        b.def_var(head, first);
        b.def_var(tail, first);
        let zero = b.int64(0);
        b.def_var(i, zero);
        let (top, body, done) = (b.create_block(), b.create_block(), b.create_block());
        b.jump(top);
        b.switch_to(top);
        b.ins(Inst::CheckStack);
        let counter = b.use_var(i);
        let more = b.ins(Inst::Compare(CompareOp::LtInt64, counter, params[0]));
        b.branch(more, body, done);
        b.seal(body);
        b.seal(done);
        b.switch_to(body);
        let node = new_node(b);
        let counter = b.use_var(i);
        store(b, node, field(VALUE), counter);
        let data = boxed(b, counter);
        store(b, node, field(DATA), data);
        let last = b.use_var(tail);
        store(b, last, field(NEXT), node);
        b.def_var(tail, node);
        let one = b.int64(1);
        let next = b.ins(Inst::Binary(BinaryOp::AddInt64, counter, one));
        b.def_var(i, next);
        b.jump(top);
        b.seal(top);
        b.switch_to(done);
        let result = b.use_var(head);
        b.ret(result);
    });
    let sum = function(1, &[Tagged], Int64, |b, params| {
        let (node, total) = (b.declare_var(Tagged), b.declare_var(Int64));
        b.ins(Inst::CheckStack);
        b.def_var(node, params[0]);
        let zero = b.int64(0);
        b.def_var(total, zero);
        let (top, body, done) = (b.create_block(), b.create_block(), b.create_block());
        b.jump(top);
        b.switch_to(top);
        let current = b.use_var(node);
        let next = load(b, current, field(NEXT), Tagged);
        let null = b.null();
        let end = b.ins(Inst::Compare(CompareOp::Same, next, null));
        b.branch(end, done, body);
        b.seal(body);
        b.seal(done);
        b.switch_to(body);
        // Garbage, so that nodes move while `next` is live.
        let big = b.int64(i64::MAX);
        let _ = boxed(b, big);
        let value = load(b, next, field(VALUE), Int64);
        let data = load(b, next, field(DATA), Tagged);
        let data = unboxed(b, data);
        let both = b.ins(Inst::Binary(BinaryOp::AddInt64, value, data));
        let so_far = b.use_var(total);
        let so_far = b.ins(Inst::Binary(BinaryOp::AddInt64, so_far, both));
        b.def_var(total, so_far);
        b.def_var(node, next);
        b.jump(top);
        b.seal(top);
        b.switch_to(done);
        let result = b.use_var(total);
        b.ret(result);
    });
    let all = function(2, &[Int64], Int64, |b, params| {
        let list = b.callee_ref(
            FunctionKey::Local(0),
            Signature { params: [Int64].into_iter().collect(), result: Tagged },
        );
        let list = b.ins(Inst::CallStatic { callee: list, args: [params[0]].into_iter().collect() });
        let sum = b.callee_ref(
            FunctionKey::Local(1),
            Signature { params: [Tagged].into_iter().collect(), result: Int64 },
        );
        let first = b.ins(Inst::CallStatic { callee: sum, args: [list].into_iter().collect() });
        let second = b.ins(Inst::CallStatic { callee: sum, args: [list].into_iter().collect() });
        let both = b.ins(Inst::Binary(BinaryOp::AddInt64, first, second));
        b.ret(both);
    });
    let mut machine = Machine::new(&TestProgram::new(), &[build, sum, all]);
    machine.set_buffer_size(48);
    // Interrupts at once: parameters must survive the poll.
    let limit = machine.target_thread_offset();
    machine.thread[limit] = u64::MAX;
    let n = 200;
    assert_eq!(machine.run_ints(2, &[n]), 2 * 2 * (n * (n - 1) / 2));
    assert!(machine.calls.iter().any(|call| call == "InterruptOrStackOverflow"));
    assert!(machine.collections > 200, "{} collections", machine.collections);
}

/// Values that a handler needs live through the throwing call, also those that the unwind edge passes.
#[test]
fn exceptions_reach_handlers() {
    // Throws its operand if the second one is not zero, after moving everything.
    let thrower = function(0, &[Tagged, Int64], Tagged, |b, params| {
        b.ins(Inst::CheckStack);
        let (throw, no) = (b.create_block(), b.create_block());
        let zero = b.int64(0);
        let fine = b.ins(Inst::Compare(CompareOp::EqInt64, params[1], zero));
        b.branch(fine, no, throw);
        b.seal(throw);
        b.seal(no);
        b.switch_to(throw);
        let big = b.int64(i64::MIN);
        let _ = boxed(b, big);
        b.terminate(Terminator::Throw(params[0]));
        b.switch_to(no);
        b.ret(params[0]);
    });
    // x = node(1); try { x = node(2); thrower(node(4), flag); x = node(8) } catch (e) { return x.value + e.value + 100 }
    // return x.value
    let catcher = function(1, &[Int64], Int64, |b, params| {
        b.ins(Inst::CheckStack);
        let x = b.declare_var(Tagged);
        let make = |b: &mut FunctionBuilder, value: i64| {
            let node = new_node(b);
            let value = b.int64(value);
            store(b, node, field(VALUE), value);
            node
        };
        let first = make(b, 1);
        b.def_var(x, first);
        let (handler, protected) = (b.create_handler(), b.create_block());
        b.jump(protected);
        b.seal(protected);
        b.switch_to(protected);
        b.set_handler(Some(handler));
        let second = make(b, 2);
        b.def_var(x, second);
        let exception = make(b, 4);
        let callee = b.callee_ref(
            FunctionKey::Local(0),
            Signature { params: [Tagged, Int64].into_iter().collect(), result: Tagged },
        );
        b.ins(Inst::CallStatic { callee, args: [exception, params[0]].into_iter().collect() });
        let third = make(b, 8);
        b.def_var(x, third);
        b.set_handler(None);
        let last = b.use_var(x);
        let value = load(b, last, field(VALUE), Int64);
        b.ret(value);
        b.switch_to(handler);
        b.seal(handler);
        let exception = b.ins(Inst::CatchException);
        let _trace = b.ins(Inst::CatchStackTrace);
        let big = b.int64(i64::MIN);
        let _ = boxed(b, big);
        let caught = b.use_var(x);
        let value = load(b, caught, field(VALUE), Int64);
        let thrown = load(b, exception, field(VALUE), Int64);
        let sum = b.ins(Inst::Binary(BinaryOp::AddInt64, value, thrown));
        let hundred = b.int64(100);
        let sum = b.ins(Inst::Binary(BinaryOp::AddInt64, sum, hundred));
        b.ret(sum);
    });
    // Calls the catcher's callee without a handler: the exception leaves the machine.
    let mut machine = Machine::new(&TestProgram::new(), &[thrower, catcher]);
    let thread = machine.target_thread_offset();
    for _ in 0..3 {
        machine.thread[thread] = u64::MAX;
        assert_eq!(machine.run_ints(1, &[0]), 8);
        assert_eq!(machine.run_ints(1, &[1]), 106);
        assert_eq!(machine.run(0, &[42 << 1, 1]), 42 << 1, "uncaught");
    }
    assert!(machine.calls.iter().any(|call| call == "Throw"));
}

#[test]
fn checks_throw_when_they_must() {
    let functions = [
        function(0, &[Int64, Int64], Int64, |b, params| {
            b.ins(Inst::CheckBounds { index: params[0], length: params[1] });
            b.ret(params[0]);
        }),
        function(1, &[Int64], Int64, |b, params| {
            b.ins(Inst::CheckNotZero(params[0]));
            b.ret(params[0]);
        }),
        function(2, &[Int64], Int64, |b, params| {
            b.ins(Inst::CheckShiftCount(params[0]));
            b.ret(params[0]);
        }),
        function(3, &[Tagged], Tagged, |b, params| {
            let checked = b.ins(Inst::CheckNull { value: params[0], kind: NullCheck::Cast });
            b.ret(checked);
        }),
    ];
    let mut machine = Machine::new(&TestProgram::new(), &functions);
    assert_eq!(machine.run_ints(0, &[4, 5]), 4);
    assert!(machine.calls.is_empty());
    for (key, args) in [(0, [5i64, 5].as_slice()), (0, &[-1, 5]), (1, &[0]), (2, &[-3]), (3, &[])] {
        let args: Vec<i64> = if args.is_empty() { vec![machine.null() as i64] } else { args.to_vec() };
        machine.run_ints(key, &args);
    }
    let expected = [
        "RangeErrorUnboxedInt64",
        "RangeErrorUnboxedInt64",
        "IntegerDivisionByZeroException",
        "ArgumentErrorUnboxedInt64",
        "NullCastError",
    ];
    assert_eq!(machine.calls, expected);
    // The last range error's operands, length first.
    assert_eq!(machine.run_ints(1, &[7]), 7);
    assert_eq!(machine.run_ints(2, &[0]), 0);
    assert_eq!(machine.run(3, &[10]), 10);
}

/// All kinds of objects, each allocated on fast and slow paths, with their fields read back after more collections.
#[test]
fn allocations_hold_what_was_stored() {
    let garbage = |b: &mut FunctionBuilder| {
        let big = b.int64(i64::MAX - 1);
        let _ = boxed(b, big);
    };
    let args = |values: &[Value]| values.iter().copied().collect();
    let program = TestProgram::new();
    let cids = &program.target().engine.cids;
    let array = function(0, &[Tagged, Tagged], Tagged, |b, params| {
        let array = b.ins(Inst::Allocate { kind: AllocKind::Array, args: args(&[params[0], params[1]]) });
        garbage(b);
        let zero = b.int64(0);
        b.ins(Inst::StoreIndexed {
            kind: ArrayKind::Array,
            base: array,
            index: zero,
            value: params[0],
            barrier: StoreBarrier::Full,
        });
        garbage(b);
        b.ret(array);
    });
    let literal = function(1, &[Tagged], Tagged, |b, params| {
        let (null, three) = (b.null(), b.object(ObjectKey::Int(3)));
        let array = b.ins(Inst::Allocate { kind: AllocKind::Array, args: args(&[null, three]) });
        for i in 0..3 {
            b.ins(Inst::Store {
                object: array,
                slot: Slot::ArrayElement(i),
                value: params[0],
                barrier: StoreBarrier::None,
            });
        }
        garbage(b);
        b.ret(array);
    });
    let context = function(2, &[Tagged], Tagged, |b, params| {
        let null = b.null();
        let outer = b.ins(Inst::Allocate { kind: AllocKind::Context(1), args: args(&[null]) });
        store(b, outer, Slot::ContextVariable(0), params[0]);
        let inner = b.ins(Inst::Allocate { kind: AllocKind::Context(3), args: args(&[outer]) });
        garbage(b);
        store(b, inner, Slot::ContextVariable(2), params[0]);
        b.ret(inner);
    });
    let closure = function(3, &[Tagged, Tagged], Tagged, |b, params| {
        let function = b.object_ref(ObjectKey::Function(FunctionKey::Local(77)));
        let kind =
            AllocKind::Closure { function, has_delayed: false, has_instantiator: true, has_function: true };
        let null = b.null();
        let closure = b.ins(Inst::Allocate { kind, args: args(&[params[0], null, params[1]]) });
        garbage(b);
        b.ret(closure);
    });
    let record = function(4, &[Tagged, Tagged], Tagged, |b, params| {
        let shape = RecordShape { positional: 2, names: Vec::new() };
        let record =
            b.ins(Inst::Allocate { kind: AllocKind::Record(shape), args: args(&[params[0], params[1]]) });
        garbage(b);
        b.ret(record);
    });
    let growable = function(5, &[Tagged, Tagged], Tagged, |b, params| {
        let list =
            b.ins(Inst::Allocate { kind: AllocKind::GrowableArray, args: args(&[params[0], params[1]]) });
        garbage(b);
        b.ret(list);
    });
    let generic = function(6, &[Tagged, Tagged], Tagged, |b, params| {
        let kind = AllocKind::Object(ClassId::from_u32(BOX));
        let object = b.ins(Inst::Allocate { kind, args: args(&[params[0]]) });
        store(b, object, field(BOXED), params[1]);
        garbage(b);
        b.ret(object);
    });
    let bytes = function(7, &[Int64], Int64, |b, params| {
        let kind = AllocKind::TypedData(ClassId::from_u32(cids.typed_data_uint16_array));
        let data = b.ins(Inst::Allocate { kind, args: args(&[params[0]]) });
        garbage(b);
        let pointer = load(b, data, Slot::Native(NativeSlot::TypedDataPointer), Pointer);
        let (two, value) = (b.int64(2), b.int64(0x1_2345));
        b.ins(Inst::StoreIndexed {
            kind: ArrayKind::RawUint16,
            base: pointer,
            index: two,
            value,
            barrier: StoreBarrier::None,
        });
        garbage(b);
        let pointer = load(b, data, Slot::Native(NativeSlot::TypedDataPointer), Pointer);
        let stored = b.ins(Inst::LoadIndexed { kind: ArrayKind::RawUint16, base: pointer, index: two });
        let zero = b.int64(0);
        let clear = b.ins(Inst::LoadIndexed { kind: ArrayKind::RawInt64, base: pointer, index: two });
        let clear = b.ins(Inst::Binary(BinaryOp::SubInt64, clear, stored));
        let _ = b.ins(Inst::Binary(BinaryOp::AddInt64, clear, zero));
        let length = load(b, data, Slot::Native(NativeSlot::TypedDataLength), Int64);
        let sixteen = b.int64(16);
        let shifted = b.ins(Inst::Binary(BinaryOp::ShlInt64, length, sixteen));
        let sum = b.ins(Inst::Binary(BinaryOp::AddInt64, shifted, stored));
        let sum = b.ins(Inst::Binary(BinaryOp::AddInt64, sum, clear));
        b.ret(sum);
    });
    let string = function(8, &[Int64], Tagged, |b, params| {
        let string = b.ins(Inst::Allocate { kind: AllocKind::OneByteString, args: args(&[params[0]]) });
        let one = b.int64(1);
        let last = b.ins(Inst::Binary(BinaryOp::SubInt64, params[0], one));
        let letter = b.int64(i64::from(b'x'));
        b.ins(Inst::StoreIndexed {
            kind: ArrayKind::OneByteString,
            base: string,
            index: last,
            value: letter,
            barrier: StoreBarrier::None,
        });
        garbage(b);
        b.ret(string);
    });
    let functions = [array, literal, context, closure, record, growable, generic, bytes, string];
    let mut machine = Machine::new(&program, &functions);
    let layout = program.target().layout();
    for round in 0..12u64 {
        // Different phases of the allocation buffer: fast and slow paths both happen.
        machine.set_buffer_size(32 + 40 * (round % 5));
        let value = (1000 + round) << 1;
        let array = machine.run(0, &[value, 5 << 1]);
        assert_eq!(machine.class_id(array), cids.array);
        assert_eq!(machine.read(array, layout.array.length), 5 << 1);
        assert_eq!(machine.read(array, layout.array.data), value);
        assert_eq!(machine.read(array, layout.array.data + 32), machine.null());

        let node = machine.run(1, &[value]);
        assert_eq!(
            (0..3).map(|i| machine.read(node, layout.array.data + 8 * i)).collect::<Vec<_>>(),
            [value; 3]
        );

        let context = machine.run(2, &[value]);
        assert_eq!(machine.class_id(context), cids.context);
        let outer = machine.read(context, layout.context.parent);
        assert_eq!(machine.read(outer, layout.context.element_offset(0) as i32), value);
        assert_eq!(machine.read(context, layout.context.element_offset(2) as i32), value);
        assert_eq!(machine.read(context, layout.context.element_offset(1) as i32), machine.null());

        let closure = machine.run(3, &[value, value + 2]);
        let flags = machine.read(closure, layout.closure.length_and_flags) >> 1;
        assert_eq!(flags, 0b0_1110 | 3 << layout.untagged_closure.length_bits_pos, "flags {flags:b}");
        assert_eq!(machine.read(closure, layout.closure.element_offset(0) as i32), value);
        assert_eq!(machine.read(closure, layout.closure.element_offset(2) as i32), value + 2);
        let function = machine.read(closure, layout.closure.function);
        assert_eq!(
            machine.read(closure, layout.closure.entry_point),
            machine.read(function, layout.function.entry_point)
        );

        let record = machine.run(4, &[value, value + 2]);
        assert_eq!(machine.read(record, layout.record.element_offset(1) as i32), value + 2);
        assert_eq!(machine.read(record, layout.record.shape), 2 << 1);

        let list = machine.run(5, &[value, value + 2]);
        assert_eq!(machine.class_id(list), cids.growable_object_array);
        assert_eq!(machine.read(list, layout.growable_object_array.length), 0);
        assert_eq!(machine.read(list, layout.growable_object_array.data), value + 2);
        assert_eq!(machine.read(list, layout.growable_object_array.type_arguments), value);

        let generic = machine.run(6, &[value, value + 2]);
        assert_eq!((machine.read(generic, 8), machine.read(generic, 16)), (value, value + 2));

        let length = 8 + round as i64;
        assert_eq!(machine.run_ints(7, &[length]), (length << 16) + 0x2345);

        for length in [1u64, 7, 8, 9, 200] {
            let string = machine.run(8, &[length]);
            assert_eq!(machine.class_id(string), cids.one_byte_string);
            assert_eq!(machine.read(string, layout.string.length), length << 1);
            let last = layout.one_byte_string.data + length as i32 - 1;
            assert_eq!(machine.read(string, last & !7) >> (8 * (last & 7)) & 0xff, u64::from(b'x'));
            assert_eq!(machine.read(string, 0) & 0xc0, 0x80, "deeply immutable, not shallow");
        }
    }
    for entry in [
        "AllocateObject",
        "AllocateArray",
        "AllocateContext",
        "AllocateClosure",
        "AllocateRecord",
        "AllocateTypedData",
    ] {
        assert!(machine.calls.iter().any(|call| call == entry), "{entry} was not called");
    }
}

/// Arguments in registers and on the stack, through all kinds of calls, with collections in between.
#[test]
fn calls_pass_arguments() {
    let sum_key = FunctionKey::Local(0);
    let params = [Tagged; 9];
    let callee = function(0, &params, Tagged, |b, params| {
        b.ins(Inst::CheckStack);
        let big = b.int64(i64::MAX);
        let _ = boxed(b, big);
        let mut total = b.int64(0);
        for (i, &param) in params.iter().enumerate() {
            let value = load(b, param, field(VALUE), Int64);
            let weight = b.int64(1 << (4 * i));
            let scaled = b.ins(Inst::Binary(BinaryOp::MulInt64, value, weight));
            total = b.ins(Inst::Binary(BinaryOp::AddInt64, total, scaled));
        }
        let result = boxed(b, total);
        b.ret(result);
    });
    let node = |b: &mut FunctionBuilder, value: i64| {
        let node = new_node(b);
        let value = b.int64(value);
        store(b, node, field(VALUE), value);
        node
    };
    let direct = function(1, &[], Tagged, |b, _| {
        let args: Vec<Value> = (1..=9).map(|i| node(b, i)).collect();
        let result = b.call(sum_key.clone(), &args);
        b.ret(result);
    });
    let dispatch = function(2, &[], Tagged, |b, _| {
        let args: Vec<Value> = (1..=9).map(|i| node(b, i)).collect();
        let name = Name { text: dart_kernel::StrIdx::from_u32(0), library: None };
        let selector = Selector { name, kind: SelectorKind::Method };
        let row = b.row_ref(RowKey { selector, shape: CallShape::positional(9), dynamic: false });
        let result = b.ins(Inst::CallDispatch { row, args: args.into_iter().collect() });
        b.ret(result);
    });
    // A generic entry: reads three arguments from memory.
    let entry = function(3, &[Tagged, Pointer], Tagged, |b, params| {
        let mut values = Vec::new();
        for i in 0..3 {
            let index = b.int64(i);
            values.push(b.ins(Inst::LoadIndexed { kind: ArrayKind::RawTagged, base: params[1], index }));
        }
        let args: Vec<Value> = (0..9).map(|i| if i == 0 { values[1] } else { values[2] }).collect();
        let result = b.call(sum_key.clone(), &args);
        b.ret(result);
    });
    let through_closure = |key: u32, checked: bool| {
        function(key, &[], Tagged, move |b, _| {
            let function = b.object_ref(ObjectKey::Function(FunctionKey::Local(3)));
            let kind = AllocKind::Closure {
                function,
                has_delayed: false,
                has_instantiator: false,
                has_function: false,
            };
            let null = b.null();
            let closure = b.ins(Inst::Allocate { kind, args: [null].into_iter().collect() });
            let (one, two) = (node(b, 1), node(b, 2));
            let descriptor = b.object_ref(ObjectKey::ArgumentsDescriptor(CallShape::positional(3)));
            let args = [closure, one, two].into_iter().collect();
            let result = b.ins(Inst::CallClosure { descriptor, checked, args });
            b.ret(result);
        })
    };
    let functions = [callee, direct, dispatch, entry, through_closure(4, false), through_closure(5, true)];
    let program = TestProgram::new();
    let mut machine = Machine::new(&program, &functions);
    let layout = program.target().layout();
    let index = common::machine::ROW_BIAS as usize + NODE as usize;
    machine.dispatch[index] = machine.address(0);
    let function = machine.pool(6);
    let entry = machine.address(3);
    machine.write(function, layout.function.entry_point, entry);
    machine.write(function, layout.function.unchecked_entry_point, entry);
    for _ in 0..3 {
        for key in [1, 2] {
            let result = machine.run(key, &[]);
            assert_eq!(machine.int(result), 0x9_8765_4321, "function {key}");
        }
        for key in [4, 5] {
            let result = machine.run(key, &[]);
            assert_eq!(machine.int(result), 0x2_2222_2221, "function {key}");
        }
    }
}

/// Tests that the class decides, tests in the cache, and tests that the runtime must answer.
#[test]
fn type_tests() {
    let cids = TestProgram::new().target().engine.cids.clone();
    let test = |key: u32, ty: DartType, inputs: u8| {
        function(key, &[Tagged, Tagged], Bool, move |b, params| {
            let ty = b.object_ref(ObjectKey::Type(ty));
            let cache = b.object_ref(ObjectKey::SubtypeTestCache { inputs, site: 0 });
            let null = b.null();
            let (value, instantiator) = (params[0], params[1]);
            let answer = b.ins(Inst::InstanceOf { value, ty, instantiator, function: null, cache });
            b.ret(answer);
        })
    };
    let parameter = DartType::Parameter(TypeParameter {
        owner: TypeParamOwner::Class(ClassId::from_u32(BOX)),
        index: 0,
        base: 0,
        nullable: false,
    });
    let assert_node = function(10, &[Tagged], Tagged, |b, params| {
        let ty = b.object_ref(ObjectKey::Type(type_of(NODE, true)));
        let cache = b.object_ref(ObjectKey::SubtypeTestCache { inputs: 2, site: 0 });
        let name = b.object_ref(ObjectKey::String(dart_kernel::StrIdx::from_u32(0)));
        let (null, value) = (b.null(), params[0]);
        let checked =
            b.ins(Inst::AssertAssignable { value, ty, instantiator: null, function: null, name, cache });
        b.ret(checked);
    });
    let functions = [
        test(0, type_of(NODE, false), 2),
        test(1, type_of(cids.number, false), 2),
        test(2, type_of(cids.number, true), 2),
        test(3, type_of(BOX, false), 2),
        test(4, parameter, 6),
        test(5, type_of(cids.object, true), 2),
        assert_node,
    ];
    let program = TestProgram::new();
    let mut machine = Machine::new(&program, &functions);
    let layout = program.target().layout();
    let node = machine.old_object(NODE, 4);
    let generic = machine.old_object(BOX, 4);
    let double = machine.old_object(cids.double, 2);
    let vector = machine.old_object(cids.type_arguments, 8);
    machine.write(generic, 8, vector);
    let null = machine.null();
    let smi = 6;
    let check = |machine: &mut Machine, key: u32, value: u64| machine.run(key, &[value, null]) as u8 != 0;
    for (key, yes, no) in [
        (0, vec![node], vec![smi, generic, null, double]),
        (1, vec![smi, double], vec![node, null]),
        (2, vec![smi, double, null], vec![node]),
        (5, vec![smi, double, null, node], vec![]),
        (3, vec![], vec![smi, node, null]),
    ] {
        for value in yes {
            assert!(check(&mut machine, key, value), "test {key} of {value:#x}");
        }
        for value in no {
            assert!(!check(&mut machine, key, value), "test {key} of {value:#x}");
        }
    }
    assert!(machine.calls.is_empty(), "{:?}", machine.calls);

    // A linear cache with one entry for another class and one for the generic class with these type arguments.
    let stc = &layout.subtype_test_cache;
    let entry_words = stc.test_entry_length as usize;
    let array = machine.old_object(cids.array, 3 + 3 * entry_words);
    machine.write(array, layout.array.length, (3 * entry_words as u64) << 1);
    let entry =
        |i: usize, position: i32| layout.array.data + 8 * (i as i32 * stc.test_entry_length + position);
    for i in 0..3 {
        for position in 0..stc.test_entry_length {
            machine.write(array, entry(i, position), null);
        }
    }
    machine.write(array, entry(0, stc.instance_cid_or_signature), u64::from(NODE) << 1);
    machine.write(array, entry(0, stc.test_result), machine.bool_object(true));
    let cache = machine.pool(4);
    machine.write(cache, stc.cache, array);
    assert!(!check(&mut machine, 3, generic), "the runtime says no");
    assert_eq!(machine.calls, ["Instanceof"]);
    machine.instance_of_answer = true;
    assert!(check(&mut machine, 3, generic), "the runtime says yes");
    machine.write(array, entry(1, stc.instance_cid_or_signature), u64::from(BOX) << 1);
    machine.write(array, entry(1, stc.instance_type_arguments), vector);
    machine.write(array, entry(1, stc.test_result), machine.bool_object(false));
    assert!(!check(&mut machine, 3, generic), "the cache says no");
    machine.write(array, entry(1, stc.test_result), machine.bool_object(true));
    machine.instance_of_answer = false;
    assert!(check(&mut machine, 3, generic), "the cache says yes");
    assert_eq!(machine.calls.len(), 2);

    // A type parameter that stands for dynamic, directly or because there is no vector.
    assert!(check(&mut machine, 4, node));
    let dynamic = machine.thread[layout.thread.dynamic_type as usize / 8];
    machine.write(vector, layout.type_arguments.types, dynamic);
    assert_ne!(machine.run(4, &[node, vector]) as u8, 0);
    machine.write(vector, layout.type_arguments.types, node);
    assert_eq!(machine.run(4, &[node, vector]) as u8, 0);
    assert_eq!(machine.calls.len(), 3);

    machine.calls.clear();
    machine.instance_of_answer = true;
    assert_eq!(machine.run(10, &[node]), node);
    assert_eq!(machine.run(10, &[null]), null);
    assert!(machine.calls.is_empty());
    assert_eq!(machine.run(10, &[double]), double, "the runtime lets it pass");
    assert_eq!(machine.calls, ["TypeCheck"]);
}

/// Stores tell the collector of new objects in old ones, and of nothing else.
#[test]
fn write_barrier_filter() {
    let functions = [
        function(0, &[Tagged, Tagged], Tagged, |b, params| {
            store(b, params[0], field(DATA), params[1]);
            b.ret(params[1]);
        }),
        function(1, &[Tagged], Tagged, |b, params| {
            let node = new_node(b);
            store(b, params[0], field(DATA), node);
            store(b, node, field(DATA), node);
            let constant = b.object(ObjectKey::Bool(true));
            store(b, params[0], field(NEXT), constant);
            b.ins(Inst::StoreStatic(FieldId::from_u32(STATIC), node));
            let back = b.ins(Inst::LoadStatic(FieldId::from_u32(STATIC)));
            b.ret(back);
        }),
    ];
    let mut machine = Machine::new(&TestProgram::new(), &functions);
    let (old, other) = (machine.old_object(NODE, 4), machine.old_object(NODE, 4));
    machine.run(0, &[old, 12]);
    machine.run(0, &[old, other]);
    assert_eq!(*machine.barriers, 0, "Smis and old objects");
    let node = machine.run(1, &[old]);
    assert_eq!(*machine.barriers, 1, "a new object in an old one");
    assert_eq!(machine.read(old, 24), node);
    assert_eq!(machine.read(node, 24), node);
    assert_eq!(machine.statics[3], node);
}

/// The instantiations cache: hits, misses, and the runtime.
#[test]
fn instantiations_come_from_the_cache() {
    let instantiate = function(0, &[Tagged, Tagged], Tagged, |b, params| {
        let args = b.object_ref(ObjectKey::TypeArgs(Some([type_of(BOX, false)].into())));
        let result = b.ins(Inst::InstantiateTypeArgs { args, instantiator: params[0], function: params[1] });
        b.ret(result);
    });
    let program = TestProgram::new();
    let mut machine = Machine::new(&program, &[instantiate]);
    let layout = program.target().layout();
    let cids = &program.target().engine.cids;
    let vectors: Vec<u64> = (0..3).map(|_| machine.old_object(cids.type_arguments, 8)).collect();
    let cache = machine.old_object(cids.array, 3 + 1 + 3 * 3);
    machine.write(cache, layout.array.length, 10 << 1);
    for word in 0..10 {
        machine.write(cache, layout.array.data + 8 * word, 0);
    }
    let uninstantiated = machine.pool(8);
    machine.write(uninstantiated, layout.type_arguments.instantiations, cache);
    let null = machine.null();
    assert_eq!(machine.run(0, &[vectors[0], null]), vectors[0], "the runtime's answer is the instantiator");
    assert_eq!(machine.calls, ["InstantiateTypeArguments"]);
    for (entry, key) in [(0, vectors[1]), (1, vectors[0])] {
        let at = layout.array.data + 8 * (1 + 3 * entry);
        machine.write(cache, at, key);
        machine.write(cache, at + 8, null);
        machine.write(cache, at + 16, vectors[2]);
    }
    assert_eq!(machine.run(0, &[vectors[0], null]), vectors[2]);
    assert_eq!(machine.run(0, &[vectors[1], null]), vectors[2]);
    assert_eq!(machine.calls.len(), 1);
    assert_eq!(machine.run(0, &[vectors[0], vectors[0]]), vectors[0]);
    assert_eq!(machine.calls.len(), 2);
}

/// A double survives in a register-hungry function that also keeps tagged values: spilled raw words are not taken for references.
#[test]
fn raw_values_live_across_collections() {
    let f = function(0, &[Int64, Int64, Tagged], Int64, |b, params| {
        let double = b.ins(Inst::Unary(UnaryOp::Int64ToDouble, params[0]));
        let mut ints = Vec::new();
        for i in 0..12 {
            let constant = b.int64(2 * i + 1);
            ints.push(b.ins(Inst::Binary(BinaryOp::XorInt64, params[1], constant)));
        }
        let node = new_node(b);
        store(b, node, field(VALUE), params[0]);
        let big = b.int64(i64::MAX);
        for _ in 0..4 {
            let _ = boxed(b, big);
        }
        let mut total = load(b, node, field(VALUE), Int64);
        for value in ints {
            total = b.ins(Inst::Binary(BinaryOp::AddInt64, total, value));
        }
        let last = load(b, params[2], field(VALUE), Int64);
        total = b.ins(Inst::Binary(BinaryOp::AddInt64, total, last));
        let back = b.ins(Inst::Unary(UnaryOp::DoubleToInt64, double));
        total = b.ins(Inst::Binary(BinaryOp::AddInt64, total, back));
        b.ret(total);
    });
    let mut machine = Machine::new(&TestProgram::new(), &[f]);
    machine.set_buffer_size(16);
    let node = machine.old_object(NODE, 4);
    machine.write(node, 16, 5);
    for (x, y) in [(3i64, 8i64), (-9, 1 << 33), (77, -1)] {
        let expected = x + x + 5 + (0..12).map(|i| y ^ (2 * i + 1)).sum::<i64>();
        assert_eq!(machine.run(0, &[x as u64, y as u64, node]) as i64, expected);
    }
    assert!(machine.collections > 3);
    let _ = Double;
}

fn combine_hashes(hash: u32, other: u32) -> u32 {
    let hash = hash.wrapping_add(other);
    let hash = hash.wrapping_add(hash << 10);
    hash ^ hash >> 6
}

fn finalize_hash(hash: u32) -> u32 {
    let hash = hash.wrapping_add(hash << 3);
    let hash = hash ^ hash >> 11;
    hash.wrapping_add(hash << 15).max(1)
}

/// Puts an entry at its place in a hash table with quadratic probing; returns the index.
fn probe(hash: u32, entries: usize, mut is_free: impl FnMut(usize) -> bool) -> usize {
    let mut index = hash as usize & (entries - 1);
    let mut distance = 1;
    while !is_free(index) {
        index = (index + distance) & (entries - 1);
        distance += 1;
    }
    index
}

/// Large caches are hash tables; tests in them are found, and others not, also when many collide.
#[test]
fn large_caches_are_hash_tables() {
    let program = TestProgram::new();
    let cids = program.target().engine.cids.clone();
    let test = function(0, &[Tagged, Tagged, Tagged], Bool, |b, params| {
        let ty = b.object_ref(ObjectKey::Type(type_of(BOX, false)));
        let cache = b.object_ref(ObjectKey::SubtypeTestCache { inputs: 4, site: 0 });
        let (value, instantiator, function) = (params[0], params[1], params[2]);
        let answer = b.ins(Inst::InstanceOf { value, ty, instantiator, function, cache });
        b.ret(answer);
    });
    let instantiate = function(1, &[Tagged, Tagged], Tagged, |b, params| {
        let args = b.object_ref(ObjectKey::TypeArgs(Some([type_of(BOX, false)].into())));
        let result = b.ins(Inst::InstantiateTypeArgs { args, instantiator: params[0], function: params[1] });
        b.ret(result);
    });
    let mut machine = Machine::new(&program, &[test, instantiate]);
    let layout = program.target().layout();
    let null = machine.null();
    // Vectors with hashes that collide often; number 0 has none yet.
    let vectors: Vec<u64> = (0..40u64)
        .map(|i| {
            let vector = machine.old_object(cids.type_arguments, 4);
            machine.write(vector, layout.type_arguments.hash, (i * 0x0123_4567 % 0x3fff_ffff / 64 * 64) << 1);
            vector
        })
        .collect();
    let hash_of = |machine: &Machine, vector: u64| {
        if vector == null { 1 } else { (machine.read(vector, layout.type_arguments.hash) >> 1) as u32 }
    };

    let entries = 64usize;
    let stc = &layout.subtype_test_cache;
    let words = entries * stc.test_entry_length as usize;
    let array = machine.old_object(cids.array, 3 + words);
    machine.write(array, layout.array.length, (words as u64) << 1);
    for word in 0..words as i32 {
        machine.write(array, layout.array.data + 8 * word, null);
    }
    let at = |entry: usize, position: i32| {
        layout.array.data + 8 * (entry as i32 * stc.test_entry_length + position)
    };
    let value = machine.old_object(BOX, 4);
    machine.write(value, 8, vectors[1]);
    let keys: Vec<(u64, u64)> =
        (2..36).map(|i| (vectors[i], if i % 3 == 0 { null } else { vectors[37] })).collect();
    for (i, &(instantiator, function)) in keys.iter().enumerate() {
        let mut hash = BOX;
        for vector in [function, instantiator, vectors[1]] {
            hash = combine_hashes(hash, hash_of(&machine, vector));
        }
        let entry = probe(finalize_hash(hash), entries, |entry| machine.read(array, at(entry, 0)) == null);
        let answer = machine.bool_object(i % 2 == 0);
        for (position, word) in [
            (stc.instance_cid_or_signature, u64::from(BOX) << 1),
            (stc.instance_type_arguments, vectors[1]),
            (stc.instantiator_type_arguments, instantiator),
            (stc.function_type_arguments, function),
            (stc.test_result, answer),
        ] {
            machine.write(array, at(entry, position), word);
        }
    }
    let cache = machine.pool(4);
    machine.write(cache, stc.cache, array);
    for (i, &(instantiator, function)) in keys.iter().enumerate() {
        assert_eq!(machine.run(0, &[value, instantiator, function]) as u8 != 0, i % 2 == 0, "entry {i}");
    }
    assert!(machine.calls.is_empty(), "{:?}", machine.calls);
    machine.instance_of_answer = true;
    for (instantiator, function) in [(vectors[2], null), (vectors[0], null), (null, null)] {
        assert_ne!(machine.run(0, &[value, instantiator, function]) as u8, 0);
    }
    assert_eq!(machine.calls.len(), 3);

    let entries = 32usize;
    let words = 1 + 3 * entries;
    let array = machine.old_object(cids.array, 3 + words);
    machine.write(array, layout.array.length, (words as u64) << 1);
    for word in 0..words as i32 {
        machine.write(array, layout.array.data + 8 * word, 0);
    }
    let at = |entry: usize, position: i32| layout.array.data + 8 * (1 + 3 * entry as i32 + position);
    for (i, &(instantiator, function)) in keys.iter().take(20).enumerate() {
        let hash = combine_hashes(hash_of(&machine, instantiator), hash_of(&machine, function));
        let entry = probe(finalize_hash(hash), entries, |entry| machine.read(array, at(entry, 0)) == 0);
        machine.write(array, at(entry, 0), instantiator);
        machine.write(array, at(entry, 1), function);
        machine.write(array, at(entry, 2), 1000 + 2 * i as u64);
    }
    let uninstantiated = machine.pool(8);
    machine.write(uninstantiated, layout.type_arguments.instantiations, array);
    machine.calls.clear();
    for (i, &(instantiator, function)) in keys.iter().take(20).enumerate() {
        assert_eq!(machine.run(1, &[instantiator, function]), 1000 + 2 * i as u64, "entry {i}");
    }
    assert!(machine.calls.is_empty());
    for (instantiator, function) in [keys[25], (vectors[0], null)] {
        assert_eq!(machine.run(1, &[instantiator, function]), instantiator);
    }
    assert_eq!(machine.calls.len(), 2);
}
