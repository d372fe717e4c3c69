//! Expressions.

mod calls;
mod dynamic;
mod literals;
mod properties;
mod statics;
mod super_;

pub(crate) use calls::Evaluated;

use dart_kernel::Position;
use dart_kernel::ast::{Expr, ExprKind, Stmt};
use snapcrane_ir::{CompareOp, Inst, NullCheck, Terminator, Type, UnaryOp, Value};
use snapcrane_program::ids::ObjectKey;

use crate::body::BodyBuilder;
use crate::core_calls::CoreCalls;
use crate::error::Result;
use crate::facts::{Fact, Kind};

impl<'b> BodyBuilder<'_, 'b> {
    /// Evaluates an expression; the value may have any representation.
    pub(crate) fn expression(&mut self, expr: &'b Expr<'b>) -> Result<Value> {
        self.expression_of_kind(expr).map_err(|error| error.at(expr.node))
    }

    fn expression_of_kind(&mut self, expr: &'b Expr<'b>) -> Result<Value> {
        match expr.kind {
            ExprKind::Invalid { message, expression } => {
                if let Some(expression) = expression {
                    self.expression(expression)?;
                }
                let message = self.b.object(ObjectKey::String(message));
                Ok(self.throw(message, expr.position))
            }
            ExprKind::VariableGet { variable, .. } => self.variable_get(variable, expr.position),
            ExprKind::VariableSet { variable, value } => {
                let value = self.expression(value)?;
                self.at(expr.position);
                self.variable_set(variable, value, expr.position)?;
                Ok(value)
            }
            ExprKind::This => self.this(),
            ExprKind::Int(value) => Ok(self.b.int64(value)),
            ExprKind::Double(value) => Ok(self.ins(Inst::Double(value.to_bits()))),
            ExprKind::Bool(value) => Ok(self.bool(value)),
            ExprKind::Null => Ok(self.b.null()),
            ExprKind::String(text) => Ok(self.b.object(ObjectKey::String(text))),
            ExprKind::TypeLiteral(ty) => {
                self.at(expr.position);
                self.type_literal(ty)
            }
            ExprKind::Constant { constant, .. } | ExprKind::FileUriConstant { constant, .. } => {
                Ok(self.constant(constant))
            }
            ExprKind::FileUri { expression, .. } => self.expression(expression),
            ExprKind::InstanceGet(get) | ExprKind::InstanceTearOff(get) => {
                self.get(expr, get.receiver, get.name, false)
            }
            ExprKind::InstanceSet(set) => self.instance_set(expr, set),
            ExprKind::InstanceInvocation(call) => self.instance_invocation(expr, call),
            ExprKind::DynamicGet { receiver, name, .. } => self.get(expr, receiver, name, true),
            ExprKind::DynamicSet(set) => self.dynamic_set(expr, set),
            ExprKind::DynamicInvocation(call) => self.dynamic_invocation(expr, call),
            ExprKind::FunctionInvocation(call) => self.function_invocation(expr, call),
            ExprKind::LocalFunctionInvocation { variable, arguments, .. } => {
                self.local_function_invocation(expr, variable, arguments)
            }
            ExprKind::EqualsNull(operand) => self.equals_null(operand),
            ExprKind::EqualsCall(call) => self.equals_call(expr, call),
            ExprKind::SuperPropertyGet { name, .. } => self.super_get(expr, name),
            ExprKind::SuperPropertySet(set) => self.super_set(expr, set),
            ExprKind::SuperMethodInvocation(call) => self.super_invocation(expr, call),
            ExprKind::StaticGet(target) => self.static_get(expr, target),
            ExprKind::StaticSet { target, value } => self.static_set(expr, target, value),
            ExprKind::StaticInvocation { target, arguments } => {
                self.static_invocation(expr, target, arguments)
            }
            ExprKind::ConstructorInvocation { target, arguments } => {
                self.constructor_invocation(expr, target, arguments)
            }
            ExprKind::Not(operand) => {
                let value = self.expression(operand)?;
                let value = self.convert(value, Type::Bool);
                Ok(self.unary(UnaryOp::Not, value))
            }
            ExprKind::NullCheck(operand) => self.null_check(operand, expr.position),
            ExprKind::Logical { .. } => self.condition_value(expr),
            ExprKind::Conditional { condition, then, otherwise, .. } => {
                let ty = self.fact(then).or(self.fact(otherwise)).repr();
                self.conditional(condition, then, otherwise, ty)
            }
            ExprKind::StringConcatenation(parts) => self.string_concatenation(parts, expr.position),
            ExprKind::Is { operand, ty } => self.is_expression(operand, ty, expr.position),
            ExprKind::As { operand, flags, ty } => self.as_expression(operand, flags, ty, expr.position),
            ExprKind::Rethrow => match self.catches.last() {
                Some(&(exception, stack_trace)) => {
                    self.at(expr.position);
                    self.b.terminate(Terminator::ReThrow(exception, stack_trace));
                    Ok(self.b.null())
                }
                None => Err(self.unsupported("rethrow outside of a catch clause", expr.position)),
            },
            ExprKind::Throw { value, .. } => {
                let value = self.expression(value)?;
                Ok(self.throw(value, expr.position))
            }
            ExprKind::ListLiteral { ty, elements } => self.list_literal(ty, elements, expr.position),
            ExprKind::MapLiteral { types, entries } => self.map_literal(types, entries, expr.position),
            ExprKind::RecordLiteral { positional, named, .. } => {
                self.record_literal(positional, named, expr.position)
            }
            ExprKind::RecordIndexGet { receiver, index, .. } => self.record_get(expr, receiver, index),
            ExprKind::RecordNameGet { receiver, ty, name } => {
                let index = self.record_field_index(ty, name)?;
                self.record_get(expr, receiver, index)
            }
            ExprKind::Await { operand, runtime_check_type } => self.await_(expr, operand, runtime_check_type),
            ExprKind::Function(function) => {
                self.at(expr.position);
                self.closure(function)
            }
            ExprKind::Let { variable, body } => {
                self.enter_scope(expr.node)?;
                self.declare(variable)?;
                let value = self.expression(body)?;
                self.leave_scope(expr.node);
                Ok(value)
            }
            ExprKind::Block { statements, value } => self.block_expression(expr, statements, value),
            ExprKind::Instantiation { operand, type_arguments } => {
                let closure = self.expression(operand)?;
                let closure = self.tagged(closure);
                self.at(expr.position);
                let args = self.type_args(type_arguments)?;
                let args = self.type_args_value(&args);
                self.call_core("dart:_internal", "", "_instantiateClosure", &[closure, args])
            }
            ExprKind::CheckLibraryIsLoaded { dependency } => {
                self.deferred_import(expr, dependency, "_checkLoaded")
            }
            ExprKind::LoadLibrary { dependency } => self.deferred_import(expr, dependency, "_loadLibrary"),
        }
    }

    /// Does something with a deferred import; all there is to know at run time is in its prefix.
    fn deferred_import(&mut self, expr: &Expr<'b>, dependency: u32, action: &'static str) -> Result<Value> {
        self.at(expr.position);
        let prefix = self.b.object(ObjectKey::LibraryPrefix { library: self.unit.library, dependency });
        self.call_core("dart:core", "", action, &[prefix])
    }

    /// Evaluates an expression to an object.
    pub(crate) fn object_expression(&mut self, expr: &'b Expr<'b>) -> Result<Value> {
        let value = self.expression(expr)?;
        Ok(self.tagged(value))
    }

    fn block_expression(
        &mut self,
        expr: &Expr<'b>,
        statements: &[&'b Stmt<'b>],
        value: &'b Expr<'b>,
    ) -> Result<Value> {
        self.enter_scope(expr.node)?;
        self.statements(statements)?;
        // After statements that never complete there is no value, and variables of it may not have been declared.
        let value = if self.b.is_reachable() { self.expression(value)? } else { self.b.null() };
        self.leave_scope(expr.node);
        Ok(value)
    }

    /// Throws; the value is for the unreachable rest of the expression.
    pub(crate) fn throw(&mut self, exception: Value, position: Position) -> Value {
        let exception = self.tagged(exception);
        self.at(position);
        self.b.terminate(Terminator::Throw(exception));
        self.b.null()
    }

    fn equals_null(&mut self, operand: &'b Expr<'b>) -> Result<Value> {
        let value = self.expression(operand)?;
        if self.ty(value) != Type::Tagged {
            return Ok(self.bool(false));
        }
        let null = self.b.null();
        Ok(self.compare(CompareOp::Same, value, null))
    }

    fn null_check(&mut self, operand: &'b Expr<'b>, position: Position) -> Result<Value> {
        let fact = self.fact(operand);
        let value = self.expression(operand)?;
        if self.ty(value) != Type::Tagged {
            return Ok(value);
        }
        self.at(position);
        let value = self.ins(Inst::CheckNull { value, kind: NullCheck::Cast });
        Ok(self.convert(value, Fact { nullable: false, ..fact }.repr()))
    }

    fn conditional(
        &mut self,
        condition: &'b Expr<'b>,
        then: &'b Expr<'b>,
        otherwise: &'b Expr<'b>,
        ty: Type,
    ) -> Result<Value> {
        let (yes, no, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_param(done, ty);
        self.condition(condition, yes, no)?;
        for (block, expr) in [(yes, then), (no, otherwise)] {
            self.join(block);
            if self.b.is_reachable() {
                let value = self.expression(expr)?;
                let value = self.convert(value, ty);
                self.b.jump_args(done, &[value]);
            }
        }
        self.join(done);
        Ok(result)
    }

    /// `a == b` without a call, if the operands' classes allow.
    pub(crate) fn equals_inline(&mut self, a: (Value, Fact), b: (Value, Fact)) -> Option<Value> {
        let ((a, fact_a), (b, fact_b)) = (self.refine(a), self.refine(b));
        let op = match (fact_a.repr(), fact_b.repr()) {
            (Type::Int64, Type::Int64) => Some((CompareOp::EqInt64, Type::Int64)),
            (Type::Double, Type::Double) => Some((CompareOp::EqDouble, Type::Double)),
            (Type::Bool, Type::Bool) => Some((CompareOp::EqBool, Type::Bool)),
            _ => None,
        };
        if let Some((op, ty)) = op {
            let (a, b) = (self.convert(a, ty), self.convert(b, ty));
            return Some(self.compare(op, a, b));
        }
        let op = match (fact_a.kind, fact_b.kind) {
            // Null equals null only, and so does every object by identity.
            (Kind::Null, _) | (_, Kind::Null) => CompareOp::Same,
            (Kind::Int, Kind::Int) => CompareOp::Identical,
            (Kind::Bool, Kind::Bool) => CompareOp::Same,
            _ => return None,
        };
        let (a, b) = (self.tagged(a), self.tagged(b));
        Some(self.compare(op, a, b))
    }

    /// Adds what the representation tells.
    fn refine(&self, (value, fact): (Value, Fact)) -> (Value, Fact) {
        let fact = match self.ty(value) {
            Type::Int64 => Fact::exactly(Kind::Int),
            Type::Double => Fact::exactly(Kind::Double),
            Type::Bool => Fact::exactly(Kind::Bool),
            _ => fact,
        };
        (value, fact)
    }
}
