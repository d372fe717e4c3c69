//! Building functions and verifying them.

use snapcrane_ir::text::PlainNames;
use snapcrane_ir::{
    BinaryOp, CompareOp, FunctionBuilder, Inst, Signature, Terminator, Type, UnaryOp, verifier,
};
use snapcrane_program::ids::FunctionKey;

fn builder(params: usize) -> FunctionBuilder {
    FunctionBuilder::new(FunctionKey::Local(0), Signature::tagged(params))
}

fn text(func: &snapcrane_ir::Function) -> String {
    verifier::verify(func).unwrap_or_else(|errors| panic!("{errors:?}\n{func}"));
    snapcrane_ir::text::Display { func, names: &PlainNames }.to_string()
}

/// `i = 0; while (i < n) i = i + 1; return n`: the counter needs a parameter, `n` does not.
#[test]
fn loop_variable_becomes_a_block_parameter() {
    let mut b = builder(1);
    let n_param = b.func.params()[0];
    let n = b.declare_var(Type::Tagged);
    let i = b.declare_var(Type::Int64);
    b.def_var(n, n_param);
    let zero = b.int64(0);
    b.def_var(i, zero);
    let (head, body, done) = (b.create_block(), b.create_block(), b.create_block());
    b.jump(head);
    b.switch_to(head);
    let limit = b.use_var(n);
    let limit = b.ins(Inst::Unary(UnaryOp::UnboxInt64, limit));
    let counter = b.use_var(i);
    let less = b.ins(Inst::Compare(CompareOp::LtInt64, counter, limit));
    b.branch(less, body, done);
    b.seal(body);
    b.seal(done);
    b.switch_to(body);
    let counter = b.use_var(i);
    let one = b.int64(1);
    let next = b.ins(Inst::Binary(BinaryOp::AddInt64, counter, one));
    b.def_var(i, next);
    b.jump(head);
    b.seal(head);
    b.switch_to(done);
    let result = b.use_var(n);
    b.ret(result);
    let func = b.finish();
    assert_eq!(func.blocks[head].params.len(), 1);
    assert_eq!(
        text(&func),
        "function Local(0)(Tagged) -> Tagged {\n\
         block0(v0: Tagged):\n    v1 = int64 0\n    jump block1(v1)\n\
         block1(v4: Int64):\n    v3 = UnboxInt64 v0\n    v5 = LtInt64 v4, v3\n    branch v5, block2, block3\n\
         block2():\n    v6 = int64 1\n    v7 = AddInt64 v4, v6\n    jump block1(v7)\n\
         block3():\n    return v0\n}\n"
    );
}

/// A variable assigned between two throwing calls: the handler sees the value from before each of them.
#[test]
fn handler_sees_values_from_before_the_throwing_instruction() {
    let mut b = builder(2);
    let (first, second) = (b.func.params()[0], b.func.params()[1]);
    let x = b.declare_var(Type::Tagged);
    b.def_var(x, first);
    let handler = b.create_handler();
    b.set_handler(Some(handler));
    b.ins(Inst::CheckStack);
    b.def_var(x, second);
    let called = b.call(FunctionKey::Local(1), &[first]);
    b.def_var(x, called);
    b.set_handler(None);
    let value = b.use_var(x);
    b.ret(value);
    b.seal(handler);
    b.switch_to(handler);
    b.ins(Inst::CatchException);
    let value = b.use_var(x);
    b.ret(value);
    let func = b.finish();
    let text = text(&func);
    assert!(text.contains("unwind block1(v0)") && text.contains("unwind block1(v1)"), "{text}");
    assert!(text.contains("block1(v") && text.contains(" handler:"), "{text}");
}

/// A parameter whose arguments agree is removed, also where it only becomes so by removing another one.
#[test]
fn trivial_parameters_disappear() {
    let mut b = builder(1);
    let x = b.declare_var(Type::Tagged);
    b.def_var(x, b.func.params()[0]);
    let outer = b.create_block();
    b.jump(outer);
    b.switch_to(outer);
    let inner = b.create_block();
    b.jump(inner);
    b.switch_to(inner);
    let value = b.use_var(x);
    let cond = b.ins(Inst::Unary(UnaryOp::IsSmi, value));
    let (again, leave) = (b.create_block(), b.create_block());
    b.branch(cond, inner, again);
    b.seal(inner);
    b.seal(again);
    b.switch_to(again);
    let value = b.use_var(x);
    let cond = b.ins(Inst::Unary(UnaryOp::UnboxBool, value));
    b.branch(cond, outer, leave);
    b.seal(outer);
    b.seal(leave);
    b.switch_to(leave);
    let value = b.use_var(x);
    b.ret(value);
    let func = b.finish();
    text(&func);
    assert!(func.blocks.values().skip(1).all(|block| block.params.is_empty()));
}

/// A block that reads a variable before it is sealed and then assigns it: what follows sees the assignment.
#[test]
fn assignment_in_an_unsealed_block_survives_sealing() {
    let mut b = builder(2);
    let (first, second) = (b.func.params()[0], b.func.params()[1]);
    let x = b.declare_var(Type::Tagged);
    b.def_var(x, first);
    let case = b.create_block();
    b.jump(case);
    b.switch_to(case);
    let old = b.use_var(x);
    b.ins(Inst::Unary(UnaryOp::IsSmi, old));
    b.def_var(x, second);
    let done = b.create_block();
    b.jump(done);
    b.seal(case);
    b.seal(done);
    b.switch_to(done);
    let value = b.use_var(x);
    b.ret(value);
    let text = text(&b.finish());
    assert!(text.contains("IsSmi v0") && text.contains("return v1"), "{text}");
}

/// Code after a terminator is dropped.
#[test]
fn unreachable_code_is_dropped() {
    let mut b = builder(1);
    let param = b.func.params()[0];
    b.ret(param);
    let dead = b.int64(7);
    let boxed = b.ins(Inst::Unary(UnaryOp::BoxInt64, dead));
    b.ret(boxed);
    let func = b.finish();
    assert_eq!(func.insts.len(), 0);
    text(&func);
}

#[test]
fn verifier_finds_uses_that_are_not_dominated() {
    let mut b = builder(1);
    let param = b.func.params()[0];
    let cond = b.ins(Inst::Unary(UnaryOp::IsSmi, param));
    let (then, other) = (b.create_block(), b.create_block());
    b.branch(cond, then, other);
    b.switch_to(then);
    let value = b.ins(Inst::Unary(UnaryOp::UnboxInt64, param));
    b.ret(param);
    b.switch_to(other);
    let boxed = b.ins(Inst::Unary(UnaryOp::BoxInt64, value));
    b.ret(boxed);
    let errors = verifier::verify(&b.finish()).unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("used where it may not be defined"), "{}", errors[0]);
}

#[test]
fn verifier_finds_wrong_types_counts_and_unwind_edges() {
    let mut b = builder(1);
    let param = b.func.params()[0];
    let wrong = b.ins(Inst::Unary(UnaryOp::BoxInt64, param));
    let callee = b.callee_ref(FunctionKey::Local(1), Signature::tagged(2));
    b.ins(Inst::CallStatic { callee, args: [param].into_iter().collect() });
    b.ret(wrong);
    let mut func = b.finish();
    let messages: Vec<String> =
        verifier::verify(&func).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(messages, ["block0[0]: v0 is Tagged, expected Int64", "block0[1]: 1 operands, expected 2"]);
    func.blocks[func.entry].terminator = None;
    assert!(verifier::verify(&func).unwrap_err().iter().any(|e| e.message == "no terminator"));
    func.blocks[func.entry].terminator = Some(Terminator::Unreachable);
    let entry = func.entry;
    func.blocks[entry].unwind =
        Some(snapcrane_ir::BlockCall { block: entry, args: [].into_iter().collect() });
    let errors = verifier::verify(&func).unwrap_err();
    assert!(errors.iter().any(|e| e.message.contains("which is no handler")), "{errors:?}");
}

#[test]
fn handler_must_not_use_the_result_of_what_threw() {
    let mut b = builder(1);
    let param = b.func.params()[0];
    let handler = b.create_handler();
    b.set_handler(Some(handler));
    let called = b.call(FunctionKey::Local(1), &[param]);
    b.set_handler(None);
    b.ret(called);
    b.seal(handler);
    b.switch_to(handler);
    b.ins(Inst::CatchException);
    b.ret(called);
    let errors = verifier::verify(&b.finish()).unwrap_err();
    assert!(errors[0].message.contains("may not be defined"), "{errors:?}");
}

/// A function that calls nothing needs no poll; one that calls does, and loops keep theirs.
#[test]
fn functions_without_calls_lose_their_poll() {
    let polls = |call: bool, tail_call: bool| {
        let mut b = builder(1);
        let param = b.func.params()[0];
        b.ins(Inst::CheckStack);
        let int = b.ins(Inst::Unary(UnaryOp::UnboxInt64, param));
        let (head, done) = (b.create_block(), b.create_block());
        b.jump(head);
        b.switch_to(head);
        b.ins(Inst::CheckStack);
        let zero = b.int64(0);
        let is_zero = b.ins(Inst::Compare(CompareOp::EqInt64, int, zero));
        b.branch(is_zero, head, done);
        b.switch_to(done);
        let boxed = b.ins(Inst::Unary(UnaryOp::BoxInt64, int));
        if call {
            let callee = b.callee_ref(FunctionKey::Local(1), Signature::tagged(1));
            b.ins(Inst::CallStatic { callee, args: [boxed].into_iter().collect() });
        }
        if tail_call {
            let callee = b.callee_ref(FunctionKey::Local(1), Signature::tagged(1));
            let address = b.ins(Inst::CodeAddress(callee));
            b.terminate(Terminator::TailCall { address, args: [boxed].into_iter().collect() });
        } else {
            b.ret(boxed);
        }
        let mut func = b.finish();
        snapcrane_ir::polls::remove_needless(&mut func);
        text(&func).matches("check_stack").count()
    };
    assert_eq!(polls(false, false), 1);
    assert_eq!(polls(true, false), 2);
    assert_eq!(polls(false, true), 2);
}
