//! Functions whose bodies the programmer wrote: their frames, prologues, and the state while a body is being built.
//!
//! A [`Unit`] is one member or field initialiser with all local functions in it: they share the tree and the capture
//! analysis. Each of its functions is built by a [`BodyBuilder`] of its own; a function that creates or calls a local
//! function puts that one into the unit's queue.
//!
//! # Representation of values
//!
//! Expressions yield values of any type: a Dart `int` may be a `Tagged` or an `Int64`, a `double` `Tagged` or `Double`, a
//! `bool` `Tagged` or `Bool`. So nested arithmetic never boxes what the next operation unboxes.
//! [`BodyBuilder::convert`] changes representations, and undoes a conversion rather than adding the inverse one.
//!
//! # Calling convention
//!
//! All parameters and results are tagged, in the order of [`Params`]: type arguments, receiver or closure, positional,
//! named by name.

use std::cell::RefCell;
use std::rc::Rc;

use dart_kernel::ast::{self, FunctionHeader, Stmt};
use dart_kernel::{Component, ConstIdx, Constant, FieldIdx, LibIdx, NodeOffset, Position, SourceIdx, VarId};
use rustc_hash::{FxHashMap, FxHashSet};
use snapcrane_ir::{
    Block, CompareOp, Function, FunctionBuilder, Inst, Signature, SourcePos, Type, UnaryOp, Value,
};
use snapcrane_program::ids::{BodyId, ClassId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::types::{DartType, TypeParamOwner, TypeParameter};
use snapcrane_program::{Attributes, MemberKind, Param, Params, TypeScope};

use crate::BuildContext;
use crate::closures::LocalSignature;
use crate::core_calls::CoreCalls;
use crate::error::{Error, Result};
use crate::scopes::Scopes;
use crate::statements::{Finalizer, Target};
use crate::suspend::Suspendable;
use crate::variables::{Level, Place};

/// A member or field initialiser with its local functions.
pub(crate) struct Unit<'a, 'b> {
    pub(crate) ctx: &'a BuildContext<'a>,
    pub(crate) scopes: Scopes<'b>,
    pub(crate) class: Option<ClassId>,
    pub(crate) library: LibIdx,
    pub(crate) source: SourceIdx,
    /// Number of type parameters of the member.
    pub(crate) member_type_params: usize,
    /// Name for messages.
    pub(crate) name: String,
    /// Initialisers of the instance fields of a constructor's class.
    pub(crate) field_initializers: FxHashMap<FieldIdx, &'b ast::Expr<'b>>,
    pub(crate) queue: RefCell<Vec<Pending>>,
    pub(crate) queued: RefCell<FxHashSet<NodeOffset>>,
    pub(crate) signatures: RefCell<FxHashMap<NodeOffset, Rc<LocalSignature>>>,
    /// Resumptions of functions that have been built and not been taken yet.
    pub(crate) resumptions: RefCell<Vec<Function>>,
}

/// A local function that is still to be built.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// Its function node.
    pub(crate) node: NodeOffset,
    /// Scopes with contexts around it, outermost first.
    pub(crate) chain: Vec<NodeOffset>,
    /// The body directly around it.
    pub(crate) parent: BodyId,
    /// Type parameters in scope around it.
    pub(crate) type_scope: TypeScope,
}

/// Where the receiver is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Receiver {
    /// There is none.
    None,
    /// A parameter.
    Param(Value),
    /// Captured: in the context of the outermost scope.
    Captured,
}

/// Where the type arguments of the enclosing functions are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FunctionTypeArgs {
    /// No function around is generic.
    None,
    /// A value.
    Value(Value),
    /// The closure, and the element that holds them.
    ClosureElement(Value, u32),
}

/// Builds one function of a unit.
pub(crate) struct BodyBuilder<'u, 'b> {
    pub(crate) unit: &'u Unit<'u, 'b>,
    pub(crate) b: FunctionBuilder,
    /// What this function is, as owner of type parameters and parent of closures.
    pub(crate) body: BodyId,
    pub(crate) receiver: Receiver,
    pub(crate) function_type_args: FunctionTypeArgs,
    pub(crate) type_scope: TypeScope,
    /// The closure whose body this is, and the number of type parameters of the functions around it.
    pub(crate) closure: Option<(Value, u16)>,
    /// Element of the closure that holds the context.
    pub(crate) context_element: Option<u32>,
    pub(crate) places: FxHashMap<VarId, Place>,
    pub(crate) levels: Vec<Level>,
    pub(crate) labels: Vec<Target>,
    pub(crate) cases: Vec<Target>,
    pub(crate) finalizers: Vec<Finalizer<'b>>,
    /// Exception and stack trace of the catch clauses around the current place.
    pub(crate) catches: Vec<(Value, Value)>,
    /// Whether the function polls for interrupts nowhere.
    pub(crate) no_interrupts: bool,
    /// What the function is, if it suspends.
    pub(crate) suspendable: Option<Suspendable>,
    /// What went wrong where no error could be returned.
    pub(crate) failure: Option<Error>,
    caches: u32,
    conversions: FxHashMap<(Value, Type), (Block, Value)>,
}

impl CoreCalls for BodyBuilder<'_, '_> {
    fn context_and_builder(&mut self) -> (&BuildContext<'_>, &mut FunctionBuilder) {
        (self.unit.ctx, &mut self.b)
    }
}

impl<'u, 'b> BodyBuilder<'u, 'b> {
    pub(crate) fn new(unit: &'u Unit<'u, 'b>, key: FunctionKey, signature: Signature, body: BodyId) -> Self {
        BodyBuilder {
            unit,
            b: FunctionBuilder::new(key, signature),
            body,
            receiver: Receiver::None,
            function_type_args: FunctionTypeArgs::None,
            type_scope: TypeScope::new(unit.member_type_params),
            closure: None,
            context_element: None,
            places: FxHashMap::default(),
            levels: Vec::new(),
            labels: Vec::new(),
            cases: Vec::new(),
            finalizers: Vec::new(),
            catches: Vec::new(),
            no_interrupts: false,
            suspendable: None,
            failure: None,
            caches: 0,
            conversions: FxHashMap::default(),
        }
    }

    pub(crate) fn ctx(&self) -> &'u BuildContext<'u> {
        self.unit.ctx
    }

    pub(crate) fn component(&self) -> &'u Component<'u> {
        self.unit.ctx.program.component
    }

    /// An error for something that can't be translated.
    pub(crate) fn unsupported(&self, construct: impl Into<String>, position: Position) -> Error {
        self.unit.unsupported(construct, position)
    }

    /// An error for a reference to something that is not there.
    pub(crate) fn dangling(&self, what: impl Into<String>) -> Error {
        Error::Dangling { member: self.unit.name.clone(), what: what.into() }
    }

    /// Sets the source position of the following instructions.
    pub(crate) fn at(&mut self, position: Position) {
        self.b.set_pos(SourcePos::new(position.raw()));
    }

    pub(crate) fn ins(&mut self, inst: Inst) -> Value {
        self.b.ins(inst)
    }

    pub(crate) fn ty(&self, value: Value) -> Type {
        self.b.func.ty(value)
    }

    /// A cache for one type test; it is shared with no other test.
    pub(crate) fn subtype_test_cache(&mut self, ty: &DartType) -> ObjectKey {
        self.caches += 1;
        ObjectKey::SubtypeTestCache { inputs: subtype_test_inputs(ty), site: self.caches - 1 }
    }

    pub(crate) fn compare(&mut self, op: CompareOp, a: Value, b: Value) -> Value {
        self.ins(Inst::Compare(op, a, b))
    }

    pub(crate) fn unary(&mut self, op: UnaryOp, value: Value) -> Value {
        self.ins(Inst::Unary(op, value))
    }

    pub(crate) fn bool(&mut self, value: bool) -> Value {
        self.ins(Inst::Bool(value))
    }

    /// Ends the block where control never gets to, and yields a value for the code that follows in the text.
    pub(crate) fn unreachable(&mut self) -> Value {
        self.b.terminate(snapcrane_ir::Terminator::Unreachable);
        self.b.null()
    }

    /// Continues at a join all of whose predecessors have been built; stays unreachable if there is none.
    pub(crate) fn join(&mut self, block: Block) {
        self.b.seal(block);
        if self.b.has_predecessors(block) {
            self.b.switch_to(block);
        }
    }

    /// The value as an object.
    pub(crate) fn tagged(&mut self, value: Value) -> Value {
        self.convert(value, Type::Tagged)
    }

    /// The value in another representation. Unboxing requires that it has that class.
    pub(crate) fn convert(&mut self, value: Value, to: Type) -> Value {
        let from = self.ty(value);
        if from == to {
            return value;
        }
        if from != Type::Tagged && to != Type::Tagged {
            if from == Type::Int64 && to == Type::Double {
                return self.unary(UnaryOp::Int64ToDouble, value);
            }
            let object = self.convert(value, Type::Tagged);
            return self.convert(object, to);
        }
        if let Some(known) = self.converted_constant(value, to) {
            return known;
        }
        let block = self.b.current_block();
        if let Some(&(at, known)) = self.conversions.get(&(value, to))
            && Some(at) == block
        {
            return known;
        }
        let op = match (from, to) {
            (Type::Int64, _) => UnaryOp::BoxInt64,
            (Type::Double, _) => UnaryOp::BoxDouble,
            (Type::Bool, _) => UnaryOp::BoxBool,
            (_, Type::Int64) => UnaryOp::UnboxInt64,
            (_, Type::Double) => UnaryOp::UnboxDouble,
            _ => UnaryOp::UnboxBool,
        };
        let result = self.unary(op, value);
        if let Some(block) = self.b.current_block() {
            // Boxing may have ended the block, but the result is good for the rest.
            self.conversions.insert((value, to), (block, result));
            self.conversions.insert((result, from), (block, value));
        }
        result
    }

    fn converted_constant(&mut self, value: Value, to: Type) -> Option<Value> {
        let inst = self.b.func.defining_inst(value)?.clone();
        Some(match (inst, to) {
            (Inst::Unary(UnaryOp::BoxInt64 | UnaryOp::UnboxInt64, x), _)
            | (Inst::Unary(UnaryOp::BoxDouble | UnaryOp::UnboxDouble, x), _)
            | (Inst::Unary(UnaryOp::BoxBool | UnaryOp::UnboxBool, x), _)
                if self.ty(x) == to =>
            {
                x
            }
            (Inst::Int64(x), Type::Tagged) => self.b.object(ObjectKey::Int(x)),
            (Inst::Double(bits), Type::Tagged) => self.b.object(ObjectKey::Double(bits)),
            (Inst::Bool(x), Type::Tagged) => self.b.object(ObjectKey::Bool(x)),
            (Inst::Object(object), _) => match (&self.b.func.objects[object], to) {
                (&ObjectKey::Int(x), Type::Int64) => self.b.int64(x),
                (&ObjectKey::Double(bits), Type::Double) => self.ins(Inst::Double(bits)),
                (&ObjectKey::Bool(x), Type::Bool) => self.bool(x),
                _ => return None,
            },
            _ => return None,
        })
    }

    /// A constant of the constant table.
    pub(crate) fn constant(&mut self, constant: ConstIdx) -> Value {
        match *self.component().constant(constant) {
            Constant::Null => self.b.null(),
            Constant::Bool(value) => self.bool(value),
            Constant::Int(value) => self.b.int64(value),
            Constant::Double(value) => self.ins(Inst::Double(value.to_bits())),
            Constant::String(text) => self.b.object(ObjectKey::String(text)),
            _ => self.b.object(self.ctx().program.constant_object(constant).clone()),
        }
    }

    /// The receiver.
    pub(crate) fn this(&mut self) -> Result<Value> {
        match self.receiver {
            Receiver::Param(value) => Ok(value),
            Receiver::Captured => self.captured_this(),
            Receiver::None => Err(self.dangling("this")),
        }
    }

    /// Builds a function with parameters and a body.
    pub(crate) fn function(
        mut self,
        params: &Params,
        header: &'b FunctionHeader<'b>,
        checks: &Checks,
        content: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<Function> {
        let mut values = self.b.func.params().to_vec();
        let mut values = values.drain(..);
        let own_type_args = if params.type_params.is_empty() { None } else { values.next() };
        let receiver = if params.has_receiver { values.next() } else { None };
        let mut arguments: Vec<Value> = values.collect();

        self.at(header.position);
        self.no_interrupts = checks.no_interrupts;
        if !checks.no_interrupts {
            self.ins(Inst::CheckStack);
        }
        match self.closure {
            Some((_, parents)) => self.closure_prologue(receiver, own_type_args, parents)?,
            None => {
                if let Some(receiver) = receiver {
                    self.receiver = Receiver::Param(receiver);
                }
                if let Some(args) = own_type_args {
                    self.function_type_args = FunctionTypeArgs::Value(args);
                }
            }
        }
        if checks.is_equals
            && let [other] = arguments[..]
        {
            self.equals_prologue(other);
        }
        self.check_type_arguments(params, checks, header.position);
        self.check_arguments(params, checks, &mut arguments)?;

        self.enter_scope(header.node)?;
        for (param, value) in params.positional.iter().chain(&params.named).zip(arguments) {
            self.bind(VarId(param.variable), value)?;
        }
        self.suspendable_body(header, content)?;
        if self.b.is_reachable() {
            self.at(header.end_position);
            let null = self.b.null();
            self.b.ret(null);
        }
        self.finish()
    }

    /// The finished function.
    pub(crate) fn finish(self) -> Result<Function> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.suspendable.is_some() => self.unit.split(self.b.finish()),
            None => Ok(self.b.finish()),
        }
    }

    /// `==` is never called with null by programmers' rules: the answer is false.
    fn equals_prologue(&mut self, other: Value) {
        let (is_null, proceed) = (self.b.create_block(), self.b.create_block());
        let null = self.b.null();
        let cond = self.compare(CompareOp::Same, other, null);
        self.b.branch(cond, is_null, proceed);
        self.join(is_null);
        let result = self.b.object(ObjectKey::Bool(false));
        self.b.ret(result);
        self.join(proceed);
    }

    fn check_type_arguments(&mut self, params: &Params, checks: &Checks, position: Position) {
        if !checks.covariant_by_class {
            return;
        }
        for (index, param) in params.type_params.iter().enumerate() {
            let target =
                checks.target.as_ref().and_then(|target| target.type_params.get(index)).unwrap_or(param);
            if !param.covariant || self.ctx().is_top_type(&target.bound) {
                continue;
            }
            self.at(position);
            let base = self.type_scope.num_params() - params.type_params.len() as u16;
            let owner = TypeParamOwner::Function(self.body);
            let sub = DartType::Parameter(TypeParameter {
                owner,
                index: base + index as u16,
                base,
                nullable: false,
            });
            let bound = target.bound.clone();
            let needs_instantiator = bound.needs_instantiator();
            let (instantiator, function) = self.type_environment(needs_instantiator, true);
            let sub = self.b.object(ObjectKey::Type(sub));
            let sup = self.b.object(ObjectKey::Type(bound));
            let name = self.b.object(ObjectKey::String(params.type_param_names[index]));
            self.ins(Inst::AssertSubtype { sub, sup, instantiator, function, name });
        }
    }

    fn check_arguments(&mut self, params: &Params, checks: &Checks, arguments: &mut [Value]) -> Result<()> {
        let all = params.positional.iter().chain(&params.named);
        for ((index, param), value) in all.enumerate().zip(arguments) {
            let is_checked = match checks.members {
                Checked::Nothing => false,
                Checked::Covariant => {
                    param.is_covariant || (param.is_generic_covariant && checks.covariant_by_class)
                }
            };
            if !is_checked {
                continue;
            }
            let inferred = self.component().inferred_arg_type(NodeOffset(param.variable))?;
            if inferred.is_some_and(|inferred| inferred.flags.skip_check()) {
                continue;
            }
            let ty =
                checks.target.as_ref().and_then(|target| target.parameter(index, param)).unwrap_or(&param.ty);
            if self.ctx().is_top_type(ty) {
                continue;
            }
            let position = self
                .unit
                .scopes
                .variable(VarId(param.variable))
                .map_or(Position::NONE, |info| info.decl.position);
            self.at(position);
            let ty = ty.clone();
            *value = self.assert_assignable(*value, &ty, ObjectKey::String(param.name));
        }
        Ok(())
    }

    /// Builds a statement that may be missing.
    pub(crate) fn body_statement(&mut self, body: Option<&'b Stmt<'b>>) -> Result<()> {
        match body {
            Some(body) => self.statement(body),
            None => Ok(()),
        }
    }
}

/// How much of a value and of the type arguments around it a test against a type depends on
/// (`SubtypeTestCache::UsedInputsForType`, runtime/vm/object.cc).
pub(crate) fn subtype_test_inputs(ty: &DartType) -> u8 {
    match ty {
        DartType::Interface { .. } if ty.is_instantiated() => 2,
        DartType::Interface { .. } if !ty.needs_function_args() => 3,
        DartType::Interface { .. } => 4,
        _ => 6,
    }
}

impl Unit<'_, '_> {
    /// An error for something that can't be translated.
    pub(crate) fn unsupported(&self, construct: impl Into<String>, position: Position) -> Error {
        let component = self.ctx.program.component;
        let (line, column) = component.line_column(self.source, position).unwrap_or((0, 0));
        Error::Unsupported {
            construct: construct.into(),
            member: self.name.clone(),
            uri: String::from_utf8_lossy(component.sources[self.source].uri).into_owned(),
            line,
            column,
        }
    }
}

/// Which parameters a prologue checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// None: static functions and constructors.
    Nothing,
    /// Covariant ones: instance members and closures.
    Covariant,
}

/// What a prologue has to do.
#[derive(Clone, Debug)]
pub(crate) struct Checks {
    /// Parameters that may have to be checked.
    pub(crate) members: Checked,
    /// Whether parameters are checked that are covariant only because of a class type parameter.
    pub(crate) covariant_by_class: bool,
    /// Forwarding stubs check the types of the member they forward to.
    pub(crate) target: Option<CheckTarget>,
    /// Whether this is an `==` that must answer for null.
    pub(crate) is_equals: bool,
    /// No stack check.
    pub(crate) no_interrupts: bool,
}

impl Checks {
    /// A function that checks nothing.
    pub(crate) const NONE: Checks = Checks {
        members: Checked::Nothing,
        covariant_by_class: false,
        target: None,
        is_equals: false,
        no_interrupts: false,
    };

    /// Checks of a member (`ScopeBuilder::BuildScopes`, runtime/vm/compiler/frontend/scope_builder.cc).
    pub(crate) fn of_member(ctx: &BuildContext<'_>, id: MemberId, target: Option<MemberId>) -> Checks {
        let member = &ctx.program.members[id];
        let is_instance = !member.is_static && member.kind != MemberKind::Constructor;
        let is_equals = is_instance
            && member.kind == MemberKind::Method
            && member.class != Some(ctx.core_classes().object)
            && member.params.positional.len() == 1
            && ctx.program.component.string(member.name.text) == b"==";
        Checks {
            members: if is_instance { Checked::Covariant } else { Checked::Nothing },
            covariant_by_class: is_instance && checks_by_class(&member.attributes),
            target: target.map(|target| CheckTarget::new(&ctx.program.members[target].params)),
            is_equals,
            no_interrupts: member.no_interrupts,
        }
    }

    /// Checks of a local function.
    pub(crate) fn of_closure() -> Checks {
        Checks { members: Checked::Covariant, covariant_by_class: true, ..Checks::NONE }
    }
}

/// Whether callers may see the member through a supertype with weaker parameter types.
fn checks_by_class(attributes: &Attributes) -> bool {
    attributes.has_non_this_uses || attributes.has_tear_off_uses
}

/// Parameter types of the member a forwarding stub forwards to.
#[derive(Clone, Debug)]
pub(crate) struct CheckTarget {
    type_params: Vec<snapcrane_program::types::TypeParamDecl>,
    positional: Vec<DartType>,
    named: Vec<(dart_kernel::StrIdx, DartType)>,
}

impl CheckTarget {
    fn new(params: &Params) -> CheckTarget {
        CheckTarget {
            type_params: params.type_params.clone(),
            positional: params.positional.iter().map(|p| p.ty.clone()).collect(),
            named: params.named.iter().map(|p| (p.name, p.ty.clone())).collect(),
        }
    }

    fn parameter(&self, index: usize, param: &Param) -> Option<&DartType> {
        self.named
            .iter()
            .find(|(name, _)| *name == param.name)
            .map(|(_, ty)| ty)
            .or_else(|| self.positional.get(index))
    }
}
