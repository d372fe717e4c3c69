//! What is behind a key: parameters, and the type arguments that its types are evaluated with.

use std::borrow::Cow;

use snapcrane_ir::{Slot, Value};
use snapcrane_program::ids::{BodyId, ClassId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::types::{DartType, TypeArgs, TypeParamOwner, TypeParameter};
use snapcrane_program::{MemberKind, Params};

use super::{Environment, Synth};
use crate::core_calls::CoreCalls;
use crate::error::Result;

/// The function behind a key.
#[derive(Clone, Debug)]
pub(super) struct Callee<'a> {
    pub(super) key: FunctionKey,
    pub(super) params: Cow<'a, Params>,
    /// Layout of the closure, if the function is the body of one.
    pub(super) closure: Option<ClosureLayout>,
    /// Class of the receiver (none for closures), whose type arguments its types may mention.
    class: Option<ClassId>,
    /// Number of type parameters of the functions around a local function.
    parent_type_params: u16,
}

/// Which elements the closures of a function have; see [`snapcrane_ir::AllocKind::Closure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClosureLayout {
    pub(super) has_delayed: bool,
    pub(super) has_instantiator: bool,
    pub(super) has_function: bool,
}

impl ClosureLayout {
    fn instantiator(self) -> Slot {
        Slot::ClosureElement(u32::from(self.has_delayed))
    }

    fn function(self) -> Slot {
        Slot::ClosureElement(u32::from(self.has_delayed) + u32::from(self.has_instantiator))
    }

    /// The context, or the receiver of a tear-off.
    pub(super) fn context(self) -> Slot {
        let before = [self.has_delayed, self.has_instantiator, self.has_function];
        Slot::ClosureElement(before.into_iter().map(u32::from).sum())
    }
}

/// Arguments that the types of a callee can depend on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Own type arguments, if the callee is generic.
    pub(super) type_args: Option<Value>,
    /// Receiver or closure, if there is one.
    pub(super) receiver: Option<Value>,
}

impl Callee<'_> {
    pub(super) fn is_generic(&self) -> bool {
        !self.params.type_params.is_empty()
    }

    pub(super) fn num_type_params(&self) -> usize {
        self.params.type_params.len()
    }

    /// 1 if there is a receiver or closure.
    pub(super) fn receivers(&self) -> usize {
        usize::from(self.params.has_receiver)
    }

    /// Position of a constructor's tear-off: its class. Types mention the class's parameters.
    fn constructed(&self, synth: &Synth<'_>) -> Option<(MemberId, ClassId)> {
        match self.key {
            FunctionKey::TearOff(id) => {
                let member = synth.member(id);
                (member.kind == MemberKind::Constructor).then_some((id, member.class?))
            }
            _ => None,
        }
    }

    /// One of the callee's own type parameters, as a type.
    fn own_type_parameter(&self, synth: &Synth<'_>, own: usize) -> Option<DartType> {
        if let Some((_, class)) = self.constructed(synth) {
            let DartType::Interface { args: Some(args), .. } = synth.ctx.program.declaration_type(class)
            else {
                return None;
            };
            return args.get(own).cloned();
        }
        let body = match self.key {
            FunctionKey::Member(member) | FunctionKey::TearOff(member) => BodyId::Member(member),
            FunctionKey::Local(node) => BodyId::Local(node),
            _ => return None,
        };
        let base = self.parent_type_params;
        let owner = TypeParamOwner::Function(body);
        Some(DartType::Parameter(TypeParameter { owner, index: base + own as u16, base, nullable: false }))
    }
}

impl<'a> Synth<'a> {
    /// Looks up what is behind a key.
    pub(super) fn callee(&self, key: &FunctionKey) -> Result<Callee<'a>> {
        let program = self.ctx.program;
        let Some(params) = program.params(key, self.ctx.locals)? else {
            return Err(self.dangling("a target without parameters of its own"));
        };
        let closure = match key {
            FunctionKey::Local(node) => {
                let local = self.ctx.locals.0.get(node).ok_or_else(|| self.dangling("a local function"))?;
                Some(ClosureLayout {
                    has_delayed: local.has_delayed,
                    has_instantiator: local.has_instantiator,
                    has_function: local.has_function,
                })
            }
            FunctionKey::TearOff(member) => Some(self.tear_off_layout(*member)?),
            _ => None,
        };
        let class = match key {
            FunctionKey::Member(member) | FunctionKey::MethodExtractor(member) => {
                let member = self.member(*member);
                member.class.filter(|_| !member.is_static)
            }
            FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field)
            | FunctionKey::FieldInit(field) => {
                let field = &program.fields[*field];
                field.class.filter(|_| !field.is_static)
            }
            _ => None,
        };
        let parent_type_params = match key {
            FunctionKey::Local(node) => {
                self.ctx.locals.0.get(node).map_or(0, |local| local.function.parent_type_args)
            }
            _ => 0,
        };
        Ok(Callee { key: key.clone(), params, closure, class, parent_type_params })
    }

    /// Layout of the closures that tear a member off (`Closure::HasInstantiatorTypeArgumentsField`,
    /// runtime/vm/object.cc). The signature of a constructor's or static function's closure mentions no class.
    pub(super) fn tear_off_layout(&self, id: MemberId) -> Result<ClosureLayout> {
        let member = self.member(id);
        let key = FunctionKey::TearOff(id);
        let has_delayed = self.ctx.program.code_signature(&key, self.ctx.locals)?.has_type_args;
        let is_instance = !member.is_static && member.kind != MemberKind::Constructor;
        let has_instantiator = is_instance
            && self.ctx.program.signature(&key, self.ctx.locals)?.is_some_and(|ty| ty.needs_instantiator());
        Ok(ClosureLayout { has_delayed, has_instantiator, has_function: false })
    }

    /// Type arguments of the instance that the callee's types mention, or null.
    fn instantiator(&mut self, callee: &Callee<'_>, frame: Frame) -> Value {
        if let (Some((constructor, class)), Some(own)) = (callee.constructed(self), frame.type_args) {
            return self.constructed_type_args(constructor, class, own);
        }
        match (callee.closure, frame.receiver) {
            (Some(layout), Some(closure)) if layout.has_instantiator => {
                self.load(closure, layout.instantiator())
            }
            (None, Some(receiver)) => self.instance_type_args(receiver, callee.class),
            _ => self.b.null(),
        }
    }

    /// Type arguments of the functions around a closure's function, or null.
    fn parent_type_args(&mut self, callee: &Callee<'_>, frame: Frame) -> Value {
        match (callee.closure, frame.receiver) {
            (Some(layout), Some(closure)) if layout.has_function => self.load(closure, layout.function()),
            _ => self.b.null(),
        }
    }

    /// Type arguments of the callee and of the functions around it.
    fn function_type_args(&mut self, callee: &Callee<'_>, frame: Frame) -> Result<Value> {
        let parent = self.parent_type_args(callee, frame);
        match frame.type_args {
            None => Ok(parent),
            Some(own) if callee.parent_type_params == 0 => Ok(own),
            Some(own) => {
                let count = i64::from(callee.parent_type_params);
                let total = count + callee.num_type_params() as i64;
                let count = self.b.object(ObjectKey::Int(count));
                let total = self.b.object(ObjectKey::Int(total));
                self.call_core("dart:_internal", "", "_prependTypeArguments", &[own, parent, count, total])
            }
        }
    }

    /// What the given types, which are some of the callee's, are evaluated with.
    pub(super) fn environment<'t>(
        &mut self,
        callee: &Callee<'_>,
        frame: Frame,
        types: impl Iterator<Item = &'t DartType> + Clone,
    ) -> Result<Environment> {
        let needs_instantiator = types.clone().any(DartType::needs_instantiator);
        let needs_function = types.clone().any(DartType::needs_function_args);
        let instantiator = if needs_instantiator { self.instantiator(callee, frame) } else { self.b.null() };
        let function = if needs_function { self.function_type_args(callee, frame)? } else { self.b.null() };
        Ok(Environment { instantiator, function })
    }

    /// Type arguments of a call that passes none.
    pub(super) fn default_type_args(&mut self, callee: &Callee<'_>, receiver: Option<Value>) -> Value {
        let types: Vec<DartType> =
            callee.params.type_params.iter().map(|param| param.default.clone()).collect();
        let frame = Frame { type_args: None, receiver };
        let null = self.b.null();
        let instantiator = if types.iter().any(DartType::needs_instantiator) {
            self.instantiator(callee, frame)
        } else {
            null
        };
        let function = if types.iter().any(DartType::needs_function_args) {
            self.parent_type_args(callee, frame)
        } else {
            null
        };
        let types = self.ctx.program.type_args(types);
        self.type_args(&types, Environment { instantiator, function })
    }

    /// Flattened type arguments of the instance that a generic class's constructor makes, from those that its tear-off
    /// is called with.
    pub(super) fn constructed_type_args(
        &mut self,
        constructor: MemberId,
        class: ClassId,
        own: Value,
    ) -> Value {
        let owner = TypeParamOwner::Function(BodyId::Member(constructor));
        let parameter = |index| DartType::Parameter(TypeParameter { owner, index, base: 0, nullable: false });
        let program = self.ctx.program;
        let params: TypeArgs = Some((0..program.num_type_params(class)).map(parameter).collect());
        let flattened = program.instance_type_args(class, &params);
        if flattened == params {
            return own;
        }
        let null = self.b.null();
        self.type_args(&flattened, Environment { instantiator: null, function: own })
    }

    /// Throws unless the type arguments satisfy their bounds; only those that `is_checked` are looked at.
    pub(super) fn check_bounds(
        &mut self,
        callee: &Callee<'_>,
        frame: Frame,
        is_checked: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let mut checks = Vec::new();
        for (index, param) in callee.params.type_params.iter().enumerate() {
            if is_checked(index)
                && !self.ctx.program.is_top_type(&param.bound)
                && let Some(own) = callee.own_type_parameter(self, index)
            {
                checks.push((own, param.bound.clone(), callee.params.type_param_names.get(index).copied()));
            }
        }
        if checks.is_empty() {
            return Ok(());
        }
        let types = checks.iter().flat_map(|(own, bound, _)| [own, bound]);
        let Environment { instantiator, function } = self.environment(callee, frame, types)?;
        for (own, bound, name) in checks {
            let sub = self.b.object(ObjectKey::Type(own));
            let sup = self.b.object(ObjectKey::Type(bound));
            let name = match name {
                Some(name) => self.b.object(ObjectKey::String(name)),
                None => self.text_value(""),
            };
            self.b.ins(snapcrane_ir::Inst::AssertSubtype { sub, sup, instantiator, function, name });
        }
        Ok(())
    }
}
