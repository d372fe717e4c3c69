//! Accesses without interface: rows of the dispatch table that check everything.

use dart_kernel::ast::{DynamicInvocation, DynamicSet, Expr};
use smallvec::SmallVec;
use snapcrane_ir::{Inst, Signature, Value};
use snapcrane_program::Target;
use snapcrane_program::ids::{FunctionKey, SelectorKind};

use super::calls::Evaluated;
use crate::body::BodyBuilder;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// `DynamicSet`; the value is the result.
    pub(super) fn dynamic_set(&mut self, expr: &'b Expr<'b>, set: &'b DynamicSet<'b>) -> Result<Value> {
        let direct = self.component().direct_call(expr.node)?;
        let mut receiver = self.object_expression(set.receiver)?;
        let result = self.expression(set.value)?;
        let value = self.tagged(result);
        self.at(expr.position);
        let name = self.ctx().name(set.name);
        let arguments = Evaluated::positional(&[value]);
        match direct {
            Some(direct) => {
                if direct.check_receiver_for_null {
                    let selector = format!("set:{}", self.text(name.text));
                    receiver = self.check_receiver(receiver, &selector);
                }
                let target = match self.ctx().target(direct.target) {
                    Some(Target::Member(member)) => FunctionKey::Member(member),
                    Some(Target::Field(field)) => FunctionKey::ImplicitSetter(field),
                    None => return Err(self.dangling("target of a direct call")),
                };
                self.call_forwarder(target, receiver, &arguments)?;
            }
            None => {
                self.call_row(name, SelectorKind::Setter, true, receiver, &arguments)?;
            }
        }
        Ok(result)
    }

    /// `DynamicInvocation`.
    pub(super) fn dynamic_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        call: &'b DynamicInvocation<'b>,
    ) -> Result<Value> {
        let direct = self.component().direct_call(expr.node)?;
        let mut receiver = self.object_expression(call.receiver)?;
        let arguments = self.arguments(call.arguments)?;
        self.at(expr.position);
        let name = self.ctx().name(call.name);
        let result = match direct {
            Some(direct) => {
                if direct.check_receiver_for_null {
                    let selector = self.text(name.text);
                    receiver = self.check_receiver(receiver, &selector);
                }
                let Some(Target::Member(target)) = self.ctx().target(direct.target) else {
                    return Err(self.dangling("target of a direct call"));
                };
                self.call_forwarder(FunctionKey::Member(target), receiver, &arguments)?
            }
            None => self.call_row(name, SelectorKind::Method, true, receiver, &arguments)?,
        };
        self.call_result(expr.node, result)
    }

    /// Calls a known function after checks of all arguments.
    fn call_forwarder(
        &mut self,
        target: FunctionKey,
        receiver: Value,
        arguments: &Evaluated<'b>,
    ) -> Result<Value> {
        let (shape, rest) = self.shape(arguments, 1);
        let mut args = SmallVec::new();
        if !arguments.types.is_empty() {
            let types = self.type_args(arguments.types)?;
            args.push(self.type_args_value(&types));
        }
        args.push(receiver);
        args.extend(rest);
        let key = FunctionKey::DynForwarder(Box::new(target), shape);
        let callee = self.b.callee_ref(key, Signature::tagged(args.len()));
        Ok(self.ins(Inst::CallStatic { callee, args }))
    }
}
