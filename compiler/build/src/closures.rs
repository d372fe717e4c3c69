//! Local functions: their signatures, closures and frames.

use std::rc::Rc;

use dart_kernel::ast;
use snapcrane_ir::{AllocKind, Function, Inst, Signature, Slot, Type, Value};
use snapcrane_program::ids::{BodyId, FunctionKey, ObjectKey};
use snapcrane_program::types::DartType;
use snapcrane_program::{LocalFunction, Params, TypeScope};

use crate::LocalInfo;
use crate::body::{BodyBuilder, Checks, FunctionTypeArgs, Pending, Receiver, Unit};
use crate::core_calls::CoreCalls;
use crate::error::{Error, Result};
use crate::variables::{Level, LevelContext};

/// What the outside sees of a local function.
#[derive(Clone, Debug)]
pub(crate) struct LocalSignature {
    /// Parameters as passed.
    pub(crate) params: Params,
    /// Type parameters in scope inside.
    pub(crate) type_scope: TypeScope,
    /// Number of type parameters of the functions around it.
    pub(crate) parent_type_params: u16,
}

impl LocalSignature {
    /// Whether the closure has an element for type arguments of a partial instantiation.
    pub(crate) fn has_delayed(&self) -> bool {
        !self.params.type_params.is_empty()
    }

    /// Whether the closure has an element for the type arguments of `this`.
    pub(crate) fn has_instantiator(&self) -> bool {
        let params = &self.params;
        params.all().map(|param| &param.ty).chain(&params.result).any(DartType::needs_instantiator)
            || params
                .type_params
                .iter()
                .any(|p| p.bound.needs_instantiator() || p.default.needs_instantiator())
    }

    /// Whether the closure has an element for the type arguments of enclosing functions.
    pub(crate) fn has_function(&self) -> bool {
        self.parent_type_params > 0
    }

    /// Index of the closure element that holds the type arguments of enclosing functions.
    pub(crate) fn function_element(&self) -> u32 {
        u32::from(self.has_delayed()) + u32::from(self.has_instantiator())
    }

    /// Index of the closure element that holds the context.
    pub(crate) fn context_element(&self) -> u32 {
        self.function_element() + u32::from(self.has_function())
    }
}

impl<'b> BodyBuilder<'_, 'b> {
    /// The signature of a local function of the current function (or of one around it).
    pub(crate) fn local_signature(&self, function: &'b ast::LocalFunction<'b>) -> Result<Rc<LocalSignature>> {
        self.unit.local_signature(&self.type_scope, function)
    }

    /// Puts a local function of the current function into the queue.
    fn enqueue(&mut self, function: &'b ast::LocalFunction<'b>) {
        let node = function.function.node;
        if self.unit.queued.borrow_mut().insert(node) {
            self.unit.queue.borrow_mut().push(Pending {
                node,
                chain: self.levels.iter().map(|level| level.scope).collect(),
                parent: self.body,
                type_scope: self.type_scope.clone(),
            });
        }
    }

    /// Makes the closure of a local function.
    pub(crate) fn closure(&mut self, function: &'b ast::LocalFunction<'b>) -> Result<Value> {
        let signature = self.local_signature(function)?;
        self.enqueue(function);
        let node = function.function.node;
        let mut elements = Vec::with_capacity(4);
        if signature.has_delayed() {
            elements.push(self.b.object(ObjectKey::Root("empty_type_arguments")));
        }
        if signature.has_instantiator() {
            elements.push(self.instantiator_type_args());
        }
        if signature.has_function() {
            elements.push(self.function_type_args());
        }
        let needs_context = self.unit.scopes.function(node).is_some_and(|f| f.needs_context);
        let context = if needs_context { self.current_context(self.levels.len()) } else { self.b.null() };
        elements.push(context);
        let kind = AllocKind::Closure {
            function: self.b.object_ref(ObjectKey::Function(FunctionKey::Local(node.0))),
            has_delayed: signature.has_delayed(),
            has_instantiator: signature.has_instantiator(),
            has_function: signature.has_function(),
        };
        Ok(self.ins(Inst::Allocate { kind, args: elements.into_iter().collect() }))
    }

    /// Sets the frame of a closure up, after its parameters are there.
    pub(crate) fn closure_prologue(
        &mut self,
        closure: Option<Value>,
        own_type_args: Option<Value>,
        parents: u16,
    ) -> Result<()> {
        let Some((closure, context_element)) = closure.zip(self.context_element) else {
            return Err(self.dangling("closure parameter"));
        };
        let function_element = context_element.wrapping_sub(1);
        self.function_type_args = match own_type_args {
            Some(own) if parents > 0 => {
                let outer = self.load(closure, Slot::ClosureElement(function_element), Type::Tagged);
                let count = self.b.object(ObjectKey::Int(i64::from(parents)));
                let total = self.b.object(ObjectKey::Int(i64::from(self.type_scope.num_params())));
                let all = self.call_core(
                    "dart:_internal",
                    "",
                    "_prependTypeArguments",
                    &[own, outer, count, total],
                )?;
                FunctionTypeArgs::Value(all)
            }
            Some(own) => FunctionTypeArgs::Value(own),
            None if parents > 0 => FunctionTypeArgs::ClosureElement(closure, function_element),
            None => FunctionTypeArgs::None,
        };
        Ok(())
    }

    /// The context that the closure carries.
    pub(crate) fn closure_context(&mut self) -> Value {
        match (self.closure, self.context_element) {
            (Some((closure, _)), Some(element)) => {
                self.load(closure, Slot::ClosureElement(element), Type::Tagged)
            }
            _ => self.b.null(),
        }
    }
}

impl<'b> Unit<'_, 'b> {
    /// The signature of a local function, given the type parameters in scope around it.
    pub(crate) fn local_signature(
        &self,
        around: &TypeScope,
        function: &'b ast::LocalFunction<'b>,
    ) -> Result<Rc<LocalSignature>> {
        let header = function.function.header;
        if let Some(known) = self.signatures.borrow().get(&header.node) {
            return Ok(known.clone());
        }
        let mut type_scope = around.clone();
        type_scope.enter(header);
        let params = self.ctx.program.local_params(&type_scope, header)?;
        let parent_type_params = around.num_params();
        let signature = Rc::new(LocalSignature { params, type_scope, parent_type_params });
        self.signatures.borrow_mut().insert(header.node, signature.clone());
        Ok(signature)
    }

    /// Builds a queued local function.
    pub(crate) fn build_local(&self, pending: &Pending) -> Result<(Function, LocalInfo)> {
        let Some(local) = self.scopes.function(pending.node) else {
            return Err(Error::Dangling { member: self.name.clone(), what: "local function".into() });
        };
        let function = local.function.function;
        let signature = self.local_signature(&pending.type_scope, local.function)?;
        let key = FunctionKey::Local(pending.node.0);
        let ir_signature = Signature::tagged(signature.params.num_args());
        let mut builder = BodyBuilder::new(self, key, ir_signature, BodyId::Local(pending.node.0));
        builder.type_scope = signature.type_scope.clone();
        let closure_index = usize::from(!signature.params.type_params.is_empty());
        let closure = builder.b.func.params()[closure_index];
        builder.closure = Some((closure, signature.parent_type_params));
        builder.context_element = Some(signature.context_element());
        builder.receiver = Receiver::Captured;
        if local.needs_context {
            let count = pending.chain.len() as u32;
            builder.levels = pending
                .chain
                .iter()
                .zip(0u32..)
                .map(|(&scope, index)| Level { scope, context: LevelContext::Inherited(count - 1 - index) })
                .collect();
        }
        let checks = Checks::of_closure();
        let ir = builder.function(&signature.params, function.header, &checks, |builder| {
            builder.body_statement(function.body)
        })?;
        Ok((ir, self.local_info(pending, local.variable, local.function, &signature)))
    }

    fn local_info(
        &self,
        pending: &Pending,
        variable: Option<&ast::Variable<'b>>,
        function: &ast::LocalFunction<'b>,
        signature: &LocalSignature,
    ) -> LocalInfo {
        let header = function.function.header;
        LocalInfo {
            node: pending.node.0,
            function: LocalFunction {
                name: variable.map(|variable| variable.name),
                parent: match pending.parent {
                    BodyId::Member(member) => FunctionKey::Member(member),
                    BodyId::FieldInit(field) => FunctionKey::FieldInit(field),
                    BodyId::Local(node) => FunctionKey::Local(node),
                },
                parent_type_args: signature.parent_type_params,
                params: signature.params.clone(),
            },
            has_delayed: signature.has_delayed(),
            has_instantiator: signature.has_instantiator(),
            has_function: signature.has_function(),
            has_context: self.scopes.function(pending.node).is_some_and(|f| f.needs_context),
            async_marker: header.async_marker,
            library: self.library,
            source: self.source,
            position: header.position,
            end_position: header.end_position,
        }
    }
}
