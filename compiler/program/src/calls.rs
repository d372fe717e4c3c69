//! What functions take, what dispatch cells hold, and signatures as types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use dart_kernel::StrIdx;
use dart_kernel::ast::FunctionHeader;
use rustc_hash::FxHashMap;

use crate::convert::TypeScope;
use crate::error::{Error, Result};
use crate::ids::{
    BodyId, CallShape, ClassId, FieldId, FunctionKey, MemberId, ObjectKey, RowKey, Selector, SelectorKind,
};
use crate::members;
use crate::model::{CodeParams, Implementation, Member, MemberKind, Param, Params, Program};
use crate::types::{DartType, FunctionType, NamedParam, TypeParamDecl, TypeParamOwner, TypeParameter};

/// A local function: known only to whoever read the body around it.
#[derive(Clone, Debug)]
pub struct LocalFunction {
    /// Name of a declared function; expressions have none.
    pub name: Option<StrIdx>,
    /// Function directly around it.
    pub parent: FunctionKey,
    /// Number of type parameters of all functions around it.
    pub parent_type_args: u16,
    /// Parameters; see [`Program::local_params`].
    pub params: Params,
}

/// Where to find local functions, by the byte offset of their nodes.
pub trait LocalFunctions {
    /// The local function, if it is known.
    fn local(&self, node: u32) -> Option<&LocalFunction>;
}

/// No local function.
impl LocalFunctions for () {
    fn local(&self, _: u32) -> Option<&LocalFunction> {
        None
    }
}

impl LocalFunctions for FxHashMap<u32, LocalFunction> {
    fn local(&self, node: u32) -> Option<&LocalFunction> {
        self.get(&node)
    }
}

impl LocalFunctions for BTreeMap<u32, LocalFunction> {
    fn local(&self, node: u32) -> Option<&LocalFunction> {
        self.get(&node)
    }
}

impl CodeParams {
    /// Parameters of code that a call of a shape can jump to.
    pub fn of_shape(shape: &CallShape) -> CodeParams {
        CodeParams { has_type_args: shape.type_args > 0, num_args: shape.num_args() as u16 }
    }

    fn plain(num_args: u16) -> CodeParams {
        CodeParams { has_type_args: false, num_args }
    }
}

impl Params {
    /// Number of machine-level arguments without the type arguments.
    pub fn num_tagged_args(&self) -> usize {
        usize::from(self.has_receiver) + self.positional.len() + self.named.len()
    }

    /// Whether a call of the shape passes exactly these parameters, type arguments included.
    pub fn matches(&self, shape: &CallShape) -> bool {
        usize::from(shape.type_args) == self.type_params.len()
            && usize::from(shape.positional) == usize::from(self.has_receiver) + self.positional.len()
            && shape.names.len() == self.named.len()
            && shape.names.iter().zip(&self.named).all(|(name, param)| *name == param.name)
    }

    /// Whether a call of the shape is allowed: counts and names fit (`Function::AreValidArguments`).
    pub fn accepts(&self, shape: &CallShape) -> bool {
        let receiver = usize::from(self.has_receiver);
        let positional = usize::from(shape.positional);
        (shape.type_args == 0 || usize::from(shape.type_args) == self.type_params.len())
            && (usize::from(self.required) + receiver..=self.positional.len() + receiver)
                .contains(&positional)
            && shape.names.iter().all(|name| self.named.iter().any(|param| param.name == *name))
            && self.named.iter().all(|param| !param.is_required || shape.names.contains(&param.name))
    }

    /// The shape of a call that passes everything.
    pub fn full_shape(&self) -> CallShape {
        CallShape {
            type_args: self.type_params.len() as u16,
            positional: (usize::from(self.has_receiver) + self.positional.len()) as u16,
            names: self.named.iter().map(|param| param.name).collect(),
        }
    }

    /// All parameters after the receiver, in calling order.
    pub fn all(&self) -> impl Iterator<Item = &Param> {
        self.positional.iter().chain(&self.named)
    }
}

/// Parameters and signatures.
impl Program<'_> {
    /// The scope of types in a body: nothing but the member's own type parameters.
    pub fn type_scope(&self, body: BodyId) -> TypeScope {
        match body {
            BodyId::Member(member) => TypeScope::new(self.members[member].params.type_params.len()),
            BodyId::FieldInit(_) | BodyId::Local(_) => TypeScope::default(),
        }
    }

    /// Parameters of a local function, without the closure itself in the lists (`has_receiver` is set for it).
    /// `scope` must have entered the function.
    ///
    /// # Errors
    /// If a type is not closed or a default value is no constant.
    pub fn local_params(&self, scope: &TypeScope, function: &FunctionHeader<'_>) -> Result<Params> {
        members::params(self.component, &self.types, scope, function, true, &|expr| self.simple_value(expr))
    }

    /// The object that an expression stands for, if it is a literal or constant.
    pub fn simple_value(&self, expr: &dart_kernel::ast::Expr<'_>) -> Option<ObjectKey> {
        members::simple_value(&self.constant_objects, expr)
    }

    /// Whether the member itself checks a parameter at entry, because callers cannot know what it accepts.
    /// All other checks are the task of dynamic callers.
    pub fn checks_param(&self, member: &Member, param: &Param) -> bool {
        let is_instance = !member.is_static && member.kind != MemberKind::Constructor;
        is_instance && (param.is_covariant || (param.is_generic_covariant && is_called_from_outside(member)))
    }

    /// Whether the member itself checks the bound of one of its type parameters at entry.
    pub fn checks_bound(&self, member: &Member, param: &TypeParamDecl) -> bool {
        !member.is_static && param.covariant && is_called_from_outside(member)
    }

    /// Parameters of the Dart function behind a key, in calling order; `None` for code that has no parameters of its
    /// own but those of a call shape or of an entry.
    ///
    /// # Errors
    /// If the key is a local function that `locals` does not know.
    pub fn params<'a>(
        &'a self,
        key: &FunctionKey,
        locals: &'a impl LocalFunctions,
    ) -> Result<Option<Cow<'a, Params>>> {
        Ok(Some(match key {
            FunctionKey::Member(member) => Cow::Borrowed(&self.members[*member].params),
            FunctionKey::Local(node) => {
                Cow::Borrowed(&locals.local(*node).ok_or(Error::UnknownLocal { node: *node })?.params)
            }
            FunctionKey::TearOff(member) => Cow::Owned(self.tear_off_params(*member)),
            FunctionKey::FieldInit(field) | FunctionKey::ImplicitGetter(field) => {
                Cow::Owned(self.accessor_params(*field, false))
            }
            FunctionKey::ImplicitSetter(field) => Cow::Owned(self.accessor_params(*field, true)),
            FunctionKey::MethodExtractor(_) | FunctionKey::RecordFieldGetter(_) => {
                Cow::Owned(Params { has_receiver: true, ..Params::default() })
            }
            FunctionKey::Adapter(..)
            | FunctionKey::DynForwarder(..)
            | FunctionKey::DynGetterCall(..)
            | FunctionKey::NoSuchMethod(_)
            | FunctionKey::DynClosureCall(_)
            | FunctionKey::Resume(_)
            | FunctionKey::GenericEntry(_)
            | FunctionKey::DynEntry(_) => return Ok(None),
        }))
    }

    fn accessor_params(&self, field: FieldId, is_setter: bool) -> Params {
        let data = &self.fields[field];
        let value = Param {
            name: data.name.text,
            variable: 0,
            ty: data.ty.clone(),
            default: ObjectKey::Null,
            is_required: false,
            is_covariant: data.is_covariant,
            is_generic_covariant: data.is_generic_covariant,
        };
        Params {
            has_receiver: !data.is_static,
            required: u16::from(is_setter),
            positional: if is_setter { vec![value] } else { Vec::new() },
            result: Some(if is_setter { self.void_type() } else { data.ty.clone() }),
            ..Params::default()
        }
    }

    /// Parameters of the closure that a member's tear-off makes. The closure accepts any value for parameters that the
    /// member checks itself, and the tear-off of a constructor has the type parameters of the class.
    fn tear_off_params(&self, member: MemberId) -> Params {
        let data = &self.members[member];
        let mut params = data.params.clone();
        params.has_receiver = true;
        match data.kind {
            MemberKind::Constructor => {
                if let Some(class) = data.class.and_then(|class| self.try_class(class)) {
                    params.type_params = class.type_params.clone();
                    params.type_param_names = class.type_param_names.clone();
                    params.result = Some(self.declaration_type(class.id));
                }
            }
            _ if !data.is_static => {
                for param in params.positional.iter_mut().chain(&mut params.named) {
                    if param.is_covariant || param.is_generic_covariant {
                        param.ty = self.object_type(true);
                    }
                }
            }
            _ => {}
        }
        params
    }

    /// What the code behind a key takes.
    ///
    /// # Errors
    /// If the key is a local function that `locals` does not know.
    pub fn code_signature(&self, key: &FunctionKey, locals: &impl LocalFunctions) -> Result<CodeParams> {
        Ok(match key {
            FunctionKey::Adapter(_, shape)
            | FunctionKey::DynForwarder(_, shape)
            | FunctionKey::DynGetterCall(_, shape)
            | FunctionKey::DynClosureCall(shape) => CodeParams::of_shape(shape),
            FunctionKey::NoSuchMethod(row) => CodeParams::of_shape(&row.shape),
            FunctionKey::Resume(_) => CodeParams::plain(4),
            FunctionKey::GenericEntry(_) | FunctionKey::DynEntry(_) => CodeParams::plain(2),
            FunctionKey::MethodExtractor(_) | FunctionKey::RecordFieldGetter(_) => CodeParams::plain(1),
            FunctionKey::ImplicitSetter(field) => {
                CodeParams::plain(1 + u16::from(!self.fields[*field].is_static))
            }
            FunctionKey::FieldInit(field) | FunctionKey::ImplicitGetter(field) => {
                CodeParams::plain(u16::from(!self.fields[*field].is_static))
            }
            FunctionKey::TearOff(member) => {
                let data = &self.members[*member];
                let is_generic = match (data.kind, data.class) {
                    (MemberKind::Constructor, Some(class)) => !self.class(class).type_params.is_empty(),
                    _ => !data.params.type_params.is_empty(),
                };
                let params = &data.params;
                let num_args = 1 + params.positional.len() + params.named.len();
                CodeParams { has_type_args: is_generic, num_args: num_args as u16 }
            }
            FunctionKey::Member(_) | FunctionKey::Local(_) => {
                let params = self.params(key, locals)?;
                let params = params.as_deref();
                CodeParams {
                    has_type_args: params.is_some_and(|params| !params.type_params.is_empty()),
                    num_args: params.map_or(0, Params::num_tagged_args) as u16,
                }
            }
        })
    }

    /// The signature of a function as a function type, as its `Function` object has it and as its closures have for
    /// type: own type parameters belong to the function type itself. `None` for code without a `Function` of its own.
    ///
    /// # Errors
    /// If the key is a local function that `locals` does not know.
    pub fn signature(&self, key: &FunctionKey, locals: &impl LocalFunctions) -> Result<Option<DartType>> {
        let Some(params) = self.params(key, locals)? else { return Ok(None) };
        let (receiver, parents) = match key {
            FunctionKey::Local(node) => {
                (self.dynamic_type(), locals.local(*node).map_or(0, |local| local.parent_type_args))
            }
            FunctionKey::TearOff(_) => (self.dynamic_type(), 0),
            FunctionKey::Member(member) | FunctionKey::MethodExtractor(member) => {
                (self.receiver_type(self.members[*member].class), 0)
            }
            FunctionKey::FieldInit(field)
            | FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field) => (self.receiver_type(self.fields[*field].class), 0),
            _ => (self.dynamic_type(), 0),
        };
        // Which type parameters become the function type's own, and their number there.
        let own = |parameter: &TypeParameter| match (key, parameter.owner) {
            (FunctionKey::Local(node), TypeParamOwner::Function(BodyId::Local(owner))) if *node == owner => {
                true
            }
            (FunctionKey::Member(member), TypeParamOwner::Function(BodyId::Member(owner))) => {
                *member == owner
            }
            (FunctionKey::TearOff(member), TypeParamOwner::Function(BodyId::Member(owner))) => {
                *member == owner
            }
            (FunctionKey::TearOff(member), TypeParamOwner::Class(_)) => {
                // Only parameters of the class itself occur in a constructor's types.
                self.members[*member].kind == MemberKind::Constructor
            }
            _ => false,
        };
        let convert = |ty: &DartType| {
            self.types.map(ty, 0, &mut |parameter, depth| {
                own(parameter).then(|| {
                    DartType::Parameter(TypeParameter {
                        owner: TypeParamOwner::Structural(depth),
                        index: parameter.index - parameter.base,
                        base: 0,
                        nullable: parameter.nullable,
                    })
                })
            })
        };
        let implicit_params = u16::from(params.has_receiver);
        // The engine keeps the order of declaration, which shows when the type is printed or compared.
        let mut declared: Vec<&Param> = params.named.iter().collect();
        declared.sort_by_key(|param| param.variable);
        let named: Vec<NamedParam> = declared
            .into_iter()
            .map(|param| NamedParam { name: param.name, ty: convert(&param.ty), required: param.is_required })
            .collect();
        let signature = DartType::Function(Arc::new(FunctionType {
            parent_type_args: 0,
            type_params: params
                .type_params
                .iter()
                .map(|param| TypeParamDecl {
                    bound: convert(&param.bound),
                    default: convert(&param.default),
                    covariant: param.covariant,
                })
                .collect(),
            implicit_params,
            required: implicit_params + params.required,
            positional: params
                .has_receiver
                .then_some(receiver)
                .into_iter()
                .chain(params.positional.iter().map(|param| convert(&param.ty)))
                .collect(),
            named,
            result: match (&params.result, key) {
                (_, FunctionKey::Member(member)) if self.members[*member].kind == MemberKind::Constructor => {
                    self.receiver_type(self.members[*member].class)
                }
                (Some(result), _) => convert(result),
                (None, _) => self.dynamic_type(),
            },
            nullable: false,
        }));
        Ok(Some(self.types.renumber_signature(&signature, parents)))
    }

    fn receiver_type(&self, class: Option<ClassId>) -> DartType {
        class.map_or_else(|| self.dynamic_type(), |class| self.declaration_type(class))
    }
}

fn is_called_from_outside(member: &Member) -> bool {
    member.attributes.has_non_this_uses || member.attributes.has_tear_off_uses
}

/// Dispatch.
impl Program<'_> {
    /// The cell of a row for instances of a class; `None` leaves it empty (calls through the row never get there).
    pub fn cell(&self, class: ClassId, row: &RowKey) -> Option<FunctionKey> {
        if row.dynamic { Some(self.dynamic_cell(class, row)) } else { self.interface_cell(class, row) }
    }

    fn interface_cell(&self, class: ClassId, row: &RowKey) -> Option<FunctionKey> {
        Some(match self.implementation(class, row.selector)? {
            Implementation::Member(member) => {
                let function = FunctionKey::Member(member);
                if self.members[member].params.matches(&row.shape) {
                    function
                } else {
                    FunctionKey::Adapter(Box::new(function), row.shape.clone())
                }
            }
            Implementation::FieldGetter(field) => FunctionKey::ImplicitGetter(field),
            Implementation::FieldSetter(field) => FunctionKey::ImplicitSetter(field),
            Implementation::TearOff(member) => FunctionKey::MethodExtractor(member),
        })
    }

    fn dynamic_cell(&self, class: ClassId, row: &RowKey) -> FunctionKey {
        let selector = row.selector;
        let is_closure_call = class == self.core.closure
            && selector.kind == SelectorKind::Method
            && self.component.string(selector.name.text) == b"call";
        if is_closure_call {
            return FunctionKey::DynClosureCall(row.shape.clone());
        }
        match self.implementation(class, selector) {
            Some(Implementation::Member(member)) => {
                let data = &self.members[member];
                let function = FunctionKey::Member(member);
                if !data.params.accepts(&row.shape) {
                    FunctionKey::NoSuchMethod(row.clone())
                } else if data.params.matches(&row.shape) && !self.needs_checks_by_dynamic_callers(data) {
                    function
                } else {
                    FunctionKey::DynForwarder(Box::new(function), row.shape.clone())
                }
            }
            Some(Implementation::FieldGetter(field)) => FunctionKey::ImplicitGetter(field),
            Some(Implementation::FieldSetter(field)) => {
                let data = &self.fields[field];
                let setter = FunctionKey::ImplicitSetter(field);
                if data.is_covariant || data.is_generic_covariant || self.is_top_type(&data.ty) {
                    setter
                } else {
                    FunctionKey::DynForwarder(Box::new(setter), row.shape.clone())
                }
            }
            Some(Implementation::TearOff(member)) => FunctionKey::MethodExtractor(member),
            None if selector.kind == SelectorKind::Method => {
                let getter =
                    match self.implementation(class, Selector { kind: SelectorKind::Getter, ..selector }) {
                        Some(Implementation::Member(getter)) => Some(FunctionKey::Member(getter)),
                        Some(Implementation::FieldGetter(field)) => Some(FunctionKey::ImplicitGetter(field)),
                        _ => self.record_getter(class, selector),
                    };
                match getter {
                    Some(getter) => FunctionKey::DynGetterCall(Box::new(getter), row.shape.clone()),
                    None => FunctionKey::NoSuchMethod(row.clone()),
                }
            }
            None if selector.kind == SelectorKind::Getter => {
                self.record_getter(class, selector).unwrap_or_else(|| FunctionKey::NoSuchMethod(row.clone()))
            }
            None => FunctionKey::NoSuchMethod(row.clone()),
        }
    }

    fn record_getter(&self, class: ClassId, selector: Selector) -> Option<FunctionKey> {
        let is_field_name = selector.name.library.is_none()
            && self
                .component
                .string(selector.name.text)
                .first()
                .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'$' || !first.is_ascii());
        (class == self.core.record_impl && is_field_name)
            .then_some(FunctionKey::RecordFieldGetter(selector.name))
    }

    /// Whether a dynamic caller must check arguments before it calls the member: types and bounds that the member does
    /// not check itself (`Function::NeedsDynamicInvocationForwarder`).
    pub fn needs_checks_by_dynamic_callers(&self, member: &Member) -> bool {
        if self.component.string(member.name.text) == b"==" {
            return false;
        }
        let params = &member.params;
        params.all().any(|param| !self.checks_param(member, param) && !self.is_top_type(&param.ty))
            || params
                .type_params
                .iter()
                .any(|param| !self.checks_bound(member, param) && !self.is_top_type(&param.bound))
    }
}

#[cfg(test)]
mod tests {
    use cranelift_entity::EntityRef;

    use super::*;
    use crate::testing;

    fn param(name: usize, is_required: bool) -> Param {
        Param {
            name: StrIdx::new(name),
            variable: 0,
            ty: testing::simple(testing::DYNAMIC),
            default: ObjectKey::Null,
            is_required,
            is_covariant: false,
            is_generic_covariant: false,
        }
    }

    fn shape(type_args: u16, positional: u16, names: &[usize]) -> CallShape {
        CallShape { type_args, positional, names: names.iter().map(|&name| StrIdx::new(name)).collect() }
    }

    #[test]
    fn calls_fit_parameters() {
        // (this, a, [b])
        let positional = Params {
            has_receiver: true,
            required: 1,
            positional: vec![param(1, false), param(2, false)],
            ..Params::default()
        };
        assert!(positional.accepts(&shape(0, 2, &[])) && !positional.matches(&shape(0, 2, &[])));
        assert!(positional.accepts(&shape(0, 3, &[])) && positional.matches(&shape(0, 3, &[])));
        for wrong in [shape(0, 1, &[]), shape(0, 4, &[]), shape(1, 2, &[]), shape(0, 2, &[5])] {
            assert!(!positional.accepts(&wrong), "{wrong:?}");
        }
        // <T>(this, {x, required y})
        let decl = TypeParamDecl {
            bound: testing::simple(testing::DYNAMIC),
            default: testing::simple(testing::DYNAMIC),
            covariant: false,
        };
        let named = Params {
            type_params: vec![decl],
            has_receiver: true,
            named: vec![param(3, false), param(4, true)],
            ..Params::default()
        };
        assert!(named.accepts(&shape(0, 1, &[4])) && named.accepts(&shape(1, 1, &[3, 4])));
        assert!(!named.accepts(&shape(0, 1, &[3])) && !named.accepts(&shape(2, 1, &[4])));
        assert!(named.matches(&named.full_shape()) && !named.matches(&shape(0, 1, &[3, 4])));
        assert_eq!((named.num_args(), named.num_tagged_args()), (4, 3));
    }
}
