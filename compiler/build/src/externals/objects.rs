//! `Object`, `identical`, class ids, and members that have no implementation.

use snapcrane_ir::{CompareOp, Terminator, UnaryOp};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::ObjectKey;
use snapcrane_program::types::DartType;

use super::body::Body;
use crate::core_calls::CoreCalls;
use crate::error::Result;

/// `Object.==`.
pub(super) fn equals(c: &mut Body<'_>) -> Result<()> {
    let [this, other] = c.args()?;
    let same = c.compare(CompareOp::Same, this, other);
    c.ret(same)
}

/// `identical`, for tear-offs of it.
pub(super) fn identical(c: &mut Body<'_>) -> Result<()> {
    let [a, b] = c.args()?;
    let same = c.compare(CompareOp::Identical, a, b);
    c.ret(same)
}

/// `ClassID.getID`.
pub(super) fn class_id(c: &mut Body<'_>) -> Result<()> {
    let [object] = c.args()?;
    let id = c.class_id(object);
    c.ret(id)
}

/// `unsafeCast`: the operand.
pub(super) fn unsafe_cast(c: &mut Body<'_>) -> Result<()> {
    let [object] = c.args()?;
    c.ret(object)
}

/// Members that only their call matters of: `reachabilityFence` keeps its argument alive, and calls are not removed.
pub(super) fn nothing(c: &mut Body<'_>) -> Result<()> {
    c.ret_null()
}

/// Streams of the developer tools never have listeners in product mode.
pub(super) fn always_false(c: &mut Body<'_>) -> Result<()> {
    c.ret_bool(false)
}

/// `has63BitSmis`: a number that only such Smis can hold tells.
pub(super) fn has_63_bit_smis(c: &mut Body<'_>) -> Result<()> {
    let wide = has_wide_smis(c);
    c.ret(wide)
}

/// Whether Smis have 63 bits on the target.
pub(super) fn has_wide_smis(c: &mut Body<'_>) -> snapcrane_ir::Value {
    let number = c.b.object(ObjectKey::Int(1 << 40));
    c.unary(UnaryOp::IsSmi, number)
}

/// Functions whose calls the compiler expands: what is left of them only throws
/// (`FlowGraphBuilder::BuildGraphOfRecognizedMethod`, runtime/vm/compiler/frontend/kernel_to_il.cc).
pub(super) fn expanded_at_calls(c: &mut Body<'_>) -> Result<()> {
    let message = c.text("This function should be handled on call site.");
    c.b.terminate(Terminator::Throw(message));
    Ok(())
}

/// An external member without implementation: throws `NoSuchMethodError`, with the member's class as receiver
/// (`FlowGraphBuilder::ThrowNoSuchMethodError`, runtime/vm/compiler/frontend/kernel_to_il.cc).
pub(super) fn no_implementation(c: &mut Body<'_>) -> Result<()> {
    /// `InvocationMirror::Level` (runtime/lib/invocation_mirror.h).
    const STATIC: i64 = 2;
    const CONSTRUCTOR: i64 = 3;
    const TOP_LEVEL: i64 = 4;
    const LEVEL_SHIFT: i64 = 3;

    let member = &c.ctx.program.members[c.member];
    // `InvocationMirror::Kind`.
    let kind = match member.kind {
        MemberKind::Getter => 1,
        MemberKind::Setter => 2,
        MemberKind::Method | MemberKind::Factory | MemberKind::Constructor => 0,
    };
    let (receiver, level) = match (member.class, member.kind) {
        (None, _) => (ObjectKey::Null, TOP_LEVEL),
        (Some(class), kind) => {
            let ty = DartType::Interface { class, args: None, nullable: false };
            (ObjectKey::Type(ty), if kind == MemberKind::Constructor { CONSTRUCTOR } else { STATIC })
        }
    };
    let name = c.ctx.program.member_name(c.member);
    let receiver = c.b.object(receiver);
    let name = c.text(&name);
    let invocation = c.b.object(ObjectKey::Int((level << LEVEL_SHIFT) | kind));
    let num_type_args = c.b.object(ObjectKey::Int(0));
    let null = c.b.null();
    let args = [receiver, name, invocation, num_type_args, null, null, null];
    c.call_core("dart:core", "NoSuchMethodError", "_throwNew", &args)?;
    c.unreachable()
}
