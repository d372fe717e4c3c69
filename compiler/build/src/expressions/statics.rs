//! Static members and constructors.

use dart_kernel::ast::{Arguments, Expr};
use dart_kernel::{CtorIdx, ProcIdx, Reference};
use snapcrane_ir::{AllocKind, CompareOp, Inst, Signature, Value};
use snapcrane_program::ids::{FieldId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::{FieldInit, MemberKind, Target};

use crate::body::BodyBuilder;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// `StaticGet`.
    pub(super) fn static_get(&mut self, expr: &'b Expr<'b>, target: Reference) -> Result<Value> {
        self.at(expr.position);
        let result = match self.ctx().target(target) {
            Some(Target::Field(field)) => {
                let value = self.load_static(field);
                // A constant is what the program says, not what analysis saw: class ids are put in by the compiler.
                let data = &self.ctx().program.fields[field];
                if data.is_final && matches!(data.init, FieldInit::Value(_)) {
                    return Ok(value);
                }
                value
            }
            Some(Target::Member(member)) if self.ctx().program.members[member].kind == MemberKind::Getter => {
                self.b.call(FunctionKey::Member(member), &[])
            }
            Some(Target::Member(member)) => {
                self.b.object(ObjectKey::StaticClosure(FunctionKey::TearOff(member)))
            }
            None => return Err(self.dangling("static getter")),
        };
        self.call_result(expr.node, result)
    }

    fn load_static(&mut self, id: FieldId) -> Value {
        let field = &self.ctx().program.fields[id];
        match &field.init {
            FieldInit::Value(value) if field.is_final => self.b.object(value.clone()),
            FieldInit::Code => self.b.call(FunctionKey::ImplicitGetter(id), &[]),
            FieldInit::None if field.is_late => self.b.call(FunctionKey::ImplicitGetter(id), &[]),
            FieldInit::None | FieldInit::Value(_) => self.ins(Inst::LoadStatic(id)),
        }
    }

    /// `StaticSet`; the value is the result.
    pub(super) fn static_set(
        &mut self,
        expr: &'b Expr<'b>,
        target: Reference,
        value: &'b Expr<'b>,
    ) -> Result<Value> {
        let value = self.expression(value)?;
        let object = self.tagged(value);
        self.at(expr.position);
        match self.ctx().target(target) {
            Some(Target::Field(id)) => {
                let field = &self.ctx().program.fields[id];
                if field.is_late && field.is_final {
                    self.b.call(FunctionKey::ImplicitSetter(id), &[object]);
                } else {
                    self.ins(Inst::StoreStatic(id, object));
                }
            }
            Some(Target::Member(member)) => {
                self.b.call(FunctionKey::Member(member), &[object]);
            }
            None => return Err(self.dangling("static setter")),
        }
        Ok(value)
    }

    /// `StaticInvocation`.
    pub(super) fn static_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        target: ProcIdx,
        arguments: &'b Arguments<'b>,
    ) -> Result<Value> {
        let core = &self.ctx().core;
        if let Some(construct) = core.unsupported.get(&target) {
            return Err(self.unsupported(*construct, expr.position));
        }
        if core.unsafe_cast == Some(target)
            && let [operand] = arguments.positional
        {
            return self.expression(operand);
        }
        if core.identical == Some(target)
            && let [left, right] = *arguments.positional
        {
            return self.identical(left, right);
        }
        let member = self.ctx().procedure_id(target);
        if self.ctx().program.members[member].is_external_effect {
            return Ok(self.b.null());
        }
        let evaluated = self.arguments(arguments)?;
        self.at(expr.position);
        let result = self.call_member(member, None, &evaluated)?;
        self.call_result(expr.node, result)
    }

    /// `identical`: integers and doubles have no identity.
    fn identical(&mut self, left: &'b Expr<'b>, right: &'b Expr<'b>) -> Result<Value> {
        let (left_fact, right_fact) = (self.fact(left), self.fact(right));
        let left = self.expression(left)?;
        let right = self.expression(right)?;
        if left_fact.is_int() && right_fact.is_int() {
            let (left, right) =
                (self.convert(left, left_fact.repr()), self.convert(right, right_fact.repr()));
            return Ok(self.compare(CompareOp::EqInt64, left, right));
        }
        let (left, right) = (self.tagged(left), self.tagged(right));
        Ok(self.compare(CompareOp::Identical, left, right))
    }

    /// `ConstructorInvocation`.
    pub(super) fn constructor_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        target: CtorIdx,
        arguments: &'b Arguments<'b>,
    ) -> Result<Value> {
        let constructor = self.ctx().constructor_id(target);
        let Some(class) = self.ctx().program.members[constructor].class else {
            return Err(self.dangling("class of a constructor"));
        };
        self.at(expr.position);
        let mut args = smallvec::SmallVec::new();
        if self.allocates_type_args(class) {
            let own = self.type_args(arguments.types)?;
            let flattened = self.ctx().program.instance_type_args(class, &own);
            args.push(self.type_args_value(&flattened));
        }
        let object = self.ins(Inst::Allocate { kind: AllocKind::Object(class), args });
        let evaluated = self.arguments(arguments)?;
        self.at(expr.position);
        self.call_constructor(constructor, object, &evaluated)?;
        Ok(object)
    }

    /// Calls a constructor on a new object. Its type arguments are in the object.
    pub(crate) fn call_constructor(
        &mut self,
        constructor: MemberId,
        object: Value,
        arguments: &super::calls::Evaluated<'b>,
    ) -> Result<()> {
        let member = &self.ctx().program.members[constructor];
        if member.class == Some(self.ctx().core_classes().object) {
            return Ok(());
        }
        let Some(args) = self.all_args(&member.params, None, Some(object), arguments) else {
            return Err(self.dangling("constructor with other parameters"));
        };
        let callee = self.b.callee_ref(FunctionKey::Member(constructor), Signature::tagged(args.len()));
        self.ins(Inst::CallStatic { callee, args });
        Ok(())
    }
}
