//! Calls: how arguments get to their places.
//!
//! A direct call passes every parameter of its target, omitted optional ones as their default values. A call through the
//! dispatch table or of a closure passes what the source says, and the target's entry fills in the rest.

use std::sync::Arc;

use dart_kernel::ast::{self, Arguments, Expr, FunctionAccessKind, FunctionInvocation, InstanceInvocation};
use dart_kernel::{NodeOffset, StrIdx, VarId};
use smallvec::SmallVec;
use snapcrane_ir::inst::Args;
use snapcrane_ir::{CompareOp, Inst, NullCheck, Signature, Slot, Type, Value};
use snapcrane_program::ids::{
    CallShape, FunctionKey, MemberId, Name, ObjectKey, RowKey, Selector, SelectorKind,
};
use snapcrane_program::types::{DartType, TypeArgs};
use snapcrane_program::{Params, Target};

use crate::body::BodyBuilder;
use crate::error::Result;

/// Evaluated arguments: objects, in source order.
#[derive(Clone, Debug)]
pub(crate) struct Evaluated<'b> {
    /// Type arguments as written.
    pub(crate) types: &'b [ast::DartType<'b>],
    /// Positional arguments.
    pub(crate) positional: SmallVec<[Value; 4]>,
    /// Named arguments.
    pub(crate) named: SmallVec<[(StrIdx, Value); 2]>,
}

impl<'b> Evaluated<'b> {
    /// Only positional arguments.
    pub(crate) fn positional(values: &[Value]) -> Evaluated<'b> {
        Evaluated { types: &[], positional: SmallVec::from_slice(values), named: SmallVec::new() }
    }
}

impl<'b> BodyBuilder<'_, 'b> {
    /// Evaluates arguments from left to right.
    pub(crate) fn arguments(&mut self, arguments: &'b Arguments<'b>) -> Result<Evaluated<'b>> {
        let mut evaluated =
            Evaluated { types: arguments.types, positional: SmallVec::new(), named: SmallVec::new() };
        for argument in arguments.positional {
            let value = self.object_expression(argument)?;
            evaluated.positional.push(value);
        }
        for argument in arguments.named {
            let value = self.object_expression(argument.value)?;
            evaluated.named.push((argument.name, value));
        }
        Ok(evaluated)
    }

    /// The shape of a call with `implicit` arguments (receiver or closure) before the written ones, and the written ones in the order
    /// of the shape.
    pub(crate) fn shape(
        &self,
        arguments: &Evaluated<'b>,
        implicit: u16,
    ) -> (CallShape, SmallVec<[Value; 4]>) {
        let mut named = arguments.named.clone();
        named.sort_by(|a, b| self.component().string(a.0).cmp(self.component().string(b.0)));
        let names: Arc<[StrIdx]> = named.iter().map(|&(name, _)| name).collect();
        let positional = arguments.positional.len() as u16 + implicit;
        let shape = CallShape { type_args: arguments.types.len() as u16, positional, names };
        let values =
            arguments.positional.iter().copied().chain(named.into_iter().map(|(_, value)| value)).collect();
        (shape, values)
    }

    /// All arguments of a call by shape: type arguments, receiver or closure, the rest.
    fn shape_args(&mut self, receiver: Value, arguments: &Evaluated<'b>) -> Result<(CallShape, Args)> {
        let (shape, rest) = self.shape(arguments, 1);
        let mut args = Args::new();
        if !arguments.types.is_empty() {
            let types = self.type_args(arguments.types)?;
            args.push(self.type_args_value(&types));
        }
        args.push(receiver);
        args.extend(rest);
        Ok((shape, args))
    }

    /// Calls through the dispatch table.
    pub(crate) fn call_row(
        &mut self,
        name: Name,
        kind: SelectorKind,
        dynamic: bool,
        receiver: Value,
        arguments: &Evaluated<'b>,
    ) -> Result<Value> {
        let (shape, args) = self.shape_args(receiver, arguments)?;
        let row = self.b.row_ref(RowKey { selector: Selector { name, kind }, shape, dynamic });
        Ok(self.ins(Inst::CallDispatch { row, args }))
    }

    /// Calls a closure that is known to accept the arguments.
    pub(crate) fn call_closure(&mut self, closure: Value, arguments: &Evaluated<'b>) -> Result<Value> {
        let (shape, args) = self.shape_args(closure, arguments)?;
        let descriptor = self.b.object_ref(ObjectKey::ArgumentsDescriptor(shape));
        Ok(self.ins(Inst::CallClosure { descriptor, checked: false, args }))
    }

    /// All arguments of a function with the given parameters. None if the call does not fit.
    pub(crate) fn all_args(
        &mut self,
        params: &Params,
        type_args: Option<Value>,
        receiver: Option<Value>,
        arguments: &Evaluated<'b>,
    ) -> Option<Args> {
        let fits = arguments.positional.len() >= usize::from(params.required)
            && arguments.positional.len() <= params.positional.len()
            && arguments.named.iter().all(|(name, _)| params.named.iter().any(|param| param.name == *name));
        if !fits {
            return None;
        }
        let mut args = Args::new();
        args.extend(type_args);
        args.extend(receiver);
        for (index, param) in params.positional.iter().enumerate() {
            let value = match arguments.positional.get(index) {
                Some(&value) => value,
                None => self.b.object(param.default.clone()),
            };
            args.push(value);
        }
        for param in &params.named {
            let value = match arguments.named.iter().find(|(name, _)| *name == param.name) {
                Some(&(_, value)) => value,
                None => self.b.object(param.default.clone()),
            };
            args.push(value);
        }
        Some(args)
    }

    /// The type arguments to pass to a function: those written, or its defaults.
    fn own_type_args(
        &mut self,
        params: &Params,
        arguments: &Evaluated<'b>,
        defaults: impl FnOnce(&mut Self, &TypeArgs) -> Value,
    ) -> Result<Option<Value>> {
        if params.type_params.is_empty() {
            return Ok(None);
        }
        if !arguments.types.is_empty() {
            let types = self.type_args(arguments.types)?;
            return Ok(Some(self.type_args_value(&types)));
        }
        let types: Vec<DartType> = params.type_params.iter().map(|param| param.default.clone()).collect();
        let types = self.ctx().program.type_args(types);
        Ok(Some(defaults(self, &types)))
    }

    /// Calls a member directly.
    pub(crate) fn call_member(
        &mut self,
        id: MemberId,
        receiver: Option<Value>,
        arguments: &Evaluated<'b>,
    ) -> Result<Value> {
        let ctx = self.ctx();
        let member = &ctx.program.members[id];
        let type_args = self.own_type_args(&member.params, arguments, |builder, types| {
            let Some(elements) = types else { return builder.b.null() };
            if elements.iter().all(DartType::is_instantiated) {
                return builder.b.object(ObjectKey::TypeArgs(types.clone()));
            }
            // Defaults mention type parameters of the class: they are those of the receiver.
            let null = builder.b.null();
            let instantiator = match (receiver, member.class) {
                (Some(receiver), Some(class)) => {
                    builder.load(receiver, Slot::TypeArguments(class), Type::Tagged)
                }
                _ => null,
            };
            let args = builder.b.object_ref(ObjectKey::TypeArgs(types.clone()));
            builder.ins(Inst::InstantiateTypeArgs { args, instantiator, function: null })
        })?;
        let Some(args) = self.all_args(&member.params, type_args, receiver, arguments) else {
            let name = self.text(member.name.text);
            return Err(self.dangling(format!("{name} with other parameters")));
        };
        let callee = self.b.callee_ref(FunctionKey::Member(id), Signature::tagged(args.len()));
        let result = self.ins(Inst::CallStatic { callee, args });
        if let Some(ty) = &member.params.result
            && self.ctx().is_never(ty)
        {
            return Ok(self.unreachable());
        }
        Ok(result)
    }

    /// The value of a call whose result whole-program analysis may know.
    pub(crate) fn call_result(&mut self, node: NodeOffset, result: Value) -> Result<Value> {
        if let Some(inferred) = self.component().inferred_type(node)?
            && inferred.flags.is_constant()
            && let Some(constant) = inferred.constant
        {
            return Ok(self.constant(constant));
        }
        Ok(result)
    }

    /// Throws unless the receiver of a call is an object.
    pub(crate) fn check_receiver(&mut self, value: Value, selector: &str) -> Value {
        let name = self.b.object_ref(ObjectKey::Text(selector.into()));
        self.ins(Inst::CheckNull { value, kind: NullCheck::NoSuchMethod(name) })
    }

    /// `InstanceInvocation`.
    pub(super) fn instance_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        call: &'b InstanceInvocation<'b>,
    ) -> Result<Value> {
        let direct = self.component().direct_call(expr.node)?;
        if let Some(value) = self.arithmetic(expr, call, direct)? {
            return Ok(value);
        }
        let receiver = self.object_expression(call.receiver)?;
        let arguments = self.arguments(call.arguments)?;
        self.at(expr.position);
        let name = self.ctx().name(call.name);
        let result = match direct {
            Some(direct) => {
                let receiver = if direct.check_receiver_for_null {
                    let selector = self.text(name.text);
                    self.check_receiver(receiver, &selector)
                } else {
                    receiver
                };
                let Some(Target::Member(target)) = self.ctx().target(direct.target) else {
                    return Err(self.dangling("target of a direct call"));
                };
                self.call_member(target, Some(receiver), &arguments)?
            }
            None => self.call_row(name, SelectorKind::Method, false, receiver, &arguments)?,
        };
        if self.component().string(name.text) == b"[]=" {
            return Ok(self.b.null());
        }
        if matches!(call.result_type, ast::DartType::Never(nullability) if nullability != ast::Nullability::Nullable)
        {
            return Ok(self.unreachable());
        }
        self.call_result(expr.node, result)
    }

    /// `FunctionInvocation`.
    pub(super) fn function_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        call: &'b FunctionInvocation<'b>,
    ) -> Result<Value> {
        let closure = self.object_expression(call.receiver)?;
        let arguments = self.arguments(call.arguments)?;
        self.at(expr.position);
        let result = match call.kind {
            FunctionAccessKind::FunctionType => {
                let may_be_null = self.fact(call.receiver).nullable;
                let closure = if may_be_null { self.check_receiver(closure, "call") } else { closure };
                self.call_closure(closure, &arguments)?
            }
            FunctionAccessKind::Function => {
                let name = self.ctx().call_name()?;
                self.call_row(name, SelectorKind::Method, true, closure, &arguments)?
            }
        };
        if let ast::DartType::Function(ast::FunctionType { return_type: ast::DartType::Never(n), .. }) =
            call.function_type
            && *n != ast::Nullability::Nullable
        {
            return Ok(self.unreachable());
        }
        self.call_result(expr.node, result)
    }

    /// `LocalFunctionInvocation`: the function is known, so its code is called directly.
    pub(super) fn local_function_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        variable: VarId,
        arguments: &'b Arguments<'b>,
    ) -> Result<Value> {
        let Some(local) = self.unit.scopes.declared_function(variable) else {
            return Err(self.dangling("local function"));
        };
        let function = local.function;
        let signature = self.local_signature(function)?;
        let closure = self.read_variable(variable)?;
        let closure = self.tagged(closure);
        let arguments = self.arguments(arguments)?;
        self.at(expr.position);
        let type_args = self
            .own_type_args(&signature.params, &arguments, |builder, types| builder.type_args_value(types))?;
        let Some(args) = self.all_args(&signature.params, type_args, Some(closure), &arguments) else {
            return Err(self.dangling("local function with other parameters"));
        };
        let key = FunctionKey::Local(function.function.node.0);
        let callee = self.b.callee_ref(key, Signature::tagged(args.len()));
        let result = self.ins(Inst::CallStatic { callee, args });
        if let Some(ty) = &signature.params.result
            && self.ctx().is_never(ty)
        {
            return Ok(self.unreachable());
        }
        self.call_result(expr.node, result)
    }

    /// `EqualsCall`.
    pub(super) fn equals_call(&mut self, expr: &'b Expr<'b>, call: &'b ast::EqualsCall<'b>) -> Result<Value> {
        let (left_fact, right_fact) = (self.fact(call.left), self.fact(call.right));
        let left = self.expression(call.left)?;
        let right = self.expression(call.right)?;
        self.at(expr.position);
        if let Some(result) = self.equals_inline((left, left_fact), (right, right_fact)) {
            return Ok(result);
        }
        let (left, right) = (self.tagged(left), self.tagged(right));
        let result = match self.component().direct_call(expr.node)? {
            Some(direct) => {
                let Some(Target::Member(target)) = self.ctx().target(direct.target) else {
                    return Err(self.dangling("target of =="));
                };
                if self.ctx().program.members[target].class == Some(self.ctx().core_classes().object) {
                    return Ok(self.compare(CompareOp::Same, left, right));
                }
                self.call_member(target, Some(left), &Evaluated::positional(&[right]))?
            }
            None => self.call_equals(left, right)?,
        };
        let result = self.call_result(expr.node, result)?;
        Ok(self.convert(result, Type::Bool))
    }

    /// A string for messages.
    pub(crate) fn text(&self, text: StrIdx) -> String {
        self.component().string_lossy(text).into_owned()
    }
}
