//! Functions that exist in no source: accessors, tear-offs, adapters, entries.
//!
//! # Problem
//!
//! Direct calls pass every parameter of their target, in one order. Everything else meets functions whose parameters it
//! does not know: a call through the dispatch table, a call of a closure, a call by the engine. Besides, fields have no
//! bodies, methods have no closures, and dynamic calls trust nobody.
//!
//! # Approach
//!
//! Each key gets a small function of its own that brings arguments into the order of the target and calls it:
//!
//! | key | module |
//! |---|---|
//! | `ImplicitGetter`, `ImplicitSetter` | `accessors` |
//! | `TearOff`, `MethodExtractor` | `tear_offs` |
//! | `Adapter`, `DynForwarder`, `DynGetterCall`, `DynClosureCall`, `NoSuchMethod` | `cells` |
//! | `RecordFieldGetter` | `records` |
//! | `GenericEntry`, `DynEntry` | `entries` |
//!
//! [`target::Callee`] knows the parameters of the function behind a key, and where the type arguments are that its
//! types are evaluated with.
//!
//! # Invariants
//!
//! - Who checks what: a member checks what its callers cannot know ([`snapcrane_program::Program::checks_param`]), a
//!   dynamic caller everything else. Tear-offs and entries for calls that were checked add nothing.
//! - An entry has read all its arguments before its first safepoint: they may be in an array that the collector moves.
//! - A `DynEntry` whose arguments do not fit returns the sentinel object, which no Dart function returns, without any effect. The caller
//!   still has the arguments and reports the mismatch (`DynClosureCall`); the entry could not collect them into
//!   an array, because it would have to allocate it before it reads them.
//! - None of these functions polls for interrupts, unless it could be part of a cycle that passes through no body.

mod accessors;
mod cells;
mod entries;
mod records;
mod target;
mod tear_offs;

use smallvec::SmallVec;
use snapcrane_ir::function::Unlikely;
use snapcrane_ir::{
    AllocKind, ArrayKind, Block, CompareOp, Function, FunctionBuilder, Inst, Signature, Slot, StoreBarrier,
    Type, UnaryOp, Value,
};
use snapcrane_program::ids::{
    CallShape, ClassId, FunctionKey, MemberId, Name, ObjectKey, RowKey, Selector, SelectorKind,
};
use snapcrane_program::types::{DartType, TypeArgs};

use crate::core_calls::CoreCalls;
use crate::error::{Error, Result};
use crate::{BuildContext, BuildOutput};

/// Builds a synthesised function.
///
/// # Errors
/// If the key names something that the program does not have, or if a core library member is missing that the function
/// needs.
pub fn build(ctx: &BuildContext<'_>, key: &FunctionKey) -> Result<BuildOutput> {
    let signature = match key {
        FunctionKey::GenericEntry(_) | FunctionKey::DynEntry(_) => Signature::entry(),
        _ => {
            let code = ctx.program.code_signature(key, ctx.locals)?;
            Signature::tagged(usize::from(code.num_args) + usize::from(code.has_type_args))
        }
    };
    let mut synth = Synth { ctx, b: FunctionBuilder::new(key.clone(), signature), caches: 0 };
    match key {
        FunctionKey::ImplicitGetter(field) => synth.implicit_getter(*field),
        FunctionKey::ImplicitSetter(field) => synth.implicit_setter(*field)?,
        FunctionKey::TearOff(member) => synth.tear_off(*member)?,
        FunctionKey::MethodExtractor(member) => synth.method_extractor(*member)?,
        FunctionKey::Adapter(function, shape) => synth.adapter(function, shape)?,
        FunctionKey::DynForwarder(function, shape) => synth.forwarder(function, shape)?,
        FunctionKey::DynGetterCall(getter, shape) => synth.getter_call(getter, shape)?,
        FunctionKey::NoSuchMethod(row) => synth.no_such_method_cell(row)?,
        FunctionKey::RecordFieldGetter(name) => synth.record_field_getter(*name)?,
        FunctionKey::DynClosureCall(shape) => synth.closure_call(shape),
        FunctionKey::GenericEntry(function) => synth.generic_entry(function)?,
        FunctionKey::DynEntry(function) => synth.dynamic_entry(function)?,
        FunctionKey::Member(_)
        | FunctionKey::Local(_)
        | FunctionKey::FieldInit(_)
        | FunctionKey::Resume(_) => {
            let member = ctx.program.qualified_name(key, ctx.locals);
            return Err(Error::Dangling { member, what: "itself as a synthesised function".into() });
        }
    }
    Ok(BuildOutput { functions: vec![synth.finish()], ..BuildOutput::default() })
}

/// A synthesised function while it is being built. Blocks are joined in the order in which they are made, so no
/// function here has loops other than those of `records`.
pub(crate) struct Synth<'a> {
    ctx: &'a BuildContext<'a>,
    b: FunctionBuilder,
    caches: u32,
}

/// Arguments of a call.
type Values = SmallVec<[Value; 8]>;

impl CoreCalls for Synth<'_> {
    fn context_and_builder(&mut self) -> (&BuildContext<'_>, &mut FunctionBuilder) {
        (self.ctx, &mut self.b)
    }
}

impl Synth<'_> {
    fn finish(self) -> Function {
        self.b.finish()
    }

    fn params(&self) -> Values {
        Values::from_slice(self.b.func.params())
    }

    fn dangling(&self, what: impl Into<String>) -> Error {
        let member = self.ctx.program.qualified_name(&self.b.func.key, self.ctx.locals);
        Error::Dangling { member, what: what.into() }
    }

    fn load(&mut self, object: Value, slot: Slot) -> Value {
        self.b.ins(Inst::Load { object, slot, ty: Type::Tagged })
    }

    fn load_indexed(&mut self, kind: ArrayKind, base: Value, index: Value) -> Value {
        self.b.ins(Inst::LoadIndexed { kind, base, index })
    }

    fn compare(&mut self, op: CompareOp, a: Value, b: Value) -> Value {
        self.b.ins(Inst::Compare(op, a, b))
    }

    fn compare_int(&mut self, op: CompareOp, a: Value, b: i64) -> Value {
        let b = self.b.int64(b);
        self.compare(op, a, b)
    }

    fn same_object(&mut self, value: Value, key: ObjectKey) -> Value {
        let object = self.b.object(key);
        self.compare(CompareOp::Same, value, object)
    }

    fn unary(&mut self, op: UnaryOp, value: Value) -> Value {
        self.b.ins(Inst::Unary(op, value))
    }

    /// A string with this text.
    fn text(&self, text: &str) -> ObjectKey {
        match self.ctx.program.find_text(text) {
            Some(known) => ObjectKey::String(known),
            None => ObjectKey::Text(text.into()),
        }
    }

    fn text_value(&mut self, text: &str) -> Value {
        let text = self.text(text);
        self.b.object(text)
    }

    /// Continues at a block all of whose predecessors have been built.
    fn join(&mut self, block: Block) {
        self.b.seal(block);
        self.b.switch_to(block);
    }

    /// Goes to `target` if the condition holds, which is unlikely; otherwise on.
    fn leave_if(&mut self, cond: Value, target: Block) {
        let proceed = self.b.create_block();
        self.b.branch_unlikely(cond, target, proceed, Unlikely::Then);
        self.join(proceed);
    }

    /// Goes on only if the condition holds, which is likely; otherwise to `target`.
    fn leave_unless(&mut self, cond: Value, target: Block) {
        let proceed = self.b.create_block();
        self.b.branch_unlikely(cond, proceed, target, Unlikely::Other);
        self.join(proceed);
    }

    /// One of two values, computed on demand.
    fn choose(
        &mut self,
        cond: Value,
        then: impl FnOnce(&mut Self) -> Result<Value>,
        otherwise: impl FnOnce(&mut Self) -> Result<Value>,
    ) -> Result<Value> {
        let (yes, no, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_param(done, Type::Tagged);
        self.b.branch(cond, yes, no);
        self.join(yes);
        let value = then(self)?;
        self.b.jump_args(done, &[value]);
        self.join(no);
        let value = otherwise(self)?;
        self.b.jump_args(done, &[value]);
        self.join(done);
        Ok(result)
    }

    /// Ends the function by a runtime entry that throws.
    fn throw_by_runtime(&mut self, entry: &'static str, args: &[Value]) {
        self.b.ins(Inst::CallRuntime { entry, args: args.iter().copied().collect() });
        self.b.terminate(snapcrane_ir::Terminator::Unreachable);
    }

    /// A new array without type arguments, filled with objects.
    fn array(&mut self, elements: &[Value]) -> Value {
        let null = self.b.null();
        let length = self.b.object(ObjectKey::Int(elements.len() as i64));
        let array =
            self.b.ins(Inst::Allocate { kind: AllocKind::Array, args: [null, length].into_iter().collect() });
        for (&value, index) in elements.iter().zip(0i64..) {
            let index = self.b.int64(index);
            let barrier = StoreBarrier::None;
            self.b.ins(Inst::StoreIndexed { kind: ArrayKind::Array, base: array, index, value, barrier });
        }
        array
    }

    /// Type arguments of an instance whose class is, or extends, the given one; null if it has none.
    fn instance_type_args(&mut self, instance: Value, class: Option<ClassId>) -> Value {
        match class.filter(|&class| self.ctx.program.num_type_args(class) > 0) {
            Some(class) => self.load(instance, Slot::TypeArguments(class)),
            None => self.b.null(),
        }
    }

    /// A vector of type arguments, instantiated.
    fn type_args(&mut self, args: &TypeArgs, environment: Environment) -> Value {
        let Some(types) = args else { return self.b.null() };
        if types.iter().all(DartType::is_instantiated) {
            return self.b.object(ObjectKey::TypeArgs(args.clone()));
        }
        let args = self.b.object_ref(ObjectKey::TypeArgs(args.clone()));
        let Environment { instantiator, function } = environment;
        self.b.ins(Inst::InstantiateTypeArgs { args, instantiator, function })
    }

    /// Throws unless the value is of the type.
    fn assert_assignable(
        &mut self,
        value: Value,
        ty: &DartType,
        environment: Environment,
        name: ObjectKey,
    ) -> Value {
        if self.ctx.program.is_top_type(ty) {
            return value;
        }
        let cache =
            ObjectKey::SubtypeTestCache { inputs: crate::body::subtype_test_inputs(ty), site: self.caches };
        self.caches += 1;
        let cache = self.b.object_ref(cache);
        let ty = self.b.object_ref(ObjectKey::Type(ty.clone()));
        let name = self.b.object_ref(name);
        let Environment { instantiator, function } = environment;
        self.b.ins(Inst::AssertAssignable { value, ty, instantiator, function, name, cache })
    }

    /// Calls `noSuchMethod` of the receiver, the first argument after the type arguments.
    ///
    /// `name` is that of the `Function` that was looked for, with `get:` or `set:`.
    fn no_such_method(&mut self, name: &str, shape: &CallShape, args: &[Value]) -> Result<Value> {
        let receiver = args[usize::from(shape.type_args > 0)];
        let array = self.array(args);
        let name = self.text_value(name);
        let descriptor = self.b.object(ObjectKey::ArgumentsDescriptor(shape.clone()));
        let is_super = self.b.object(ObjectKey::Bool(false));
        let mirror_args = [name, descriptor, array, is_super];
        let mirror =
            self.call_core("dart:core", "_InvocationMirror", "_allocateInvocationMirror", &mirror_args)?;
        let selector = Selector { name: self.ctx.no_such_method_name()?, kind: SelectorKind::Method };
        let row = self.b.row_ref(RowKey { selector, shape: CallShape::positional(2), dynamic: false });
        Ok(self.b.ins(Inst::CallDispatch { row, args: [receiver, mirror].into_iter().collect() }))
    }

    /// The name of the `Function` that a call through a row looks for.
    fn selector_name(&self, selector: Selector) -> String {
        let name: Name = selector.name;
        let name = self.ctx.program.vm_name(name);
        match selector.kind {
            SelectorKind::Method => name,
            SelectorKind::Getter => format!("get:{name}"),
            SelectorKind::Setter => format!("set:{name}"),
        }
    }

    fn member(&self, id: MemberId) -> &snapcrane_program::Member {
        &self.ctx.program.members[id]
    }
}

/// The vectors that uninstantiated types are evaluated with; null where they need none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    /// Type arguments of the instance.
    instantiator: Value,
    /// Type arguments of the functions.
    function: Value,
}
