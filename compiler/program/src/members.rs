//! Fields, procedures, constructors, and their parameters.

use cranelift_entity::EntityRef;
use dart_kernel::ast::{self, Expr, ExprKind};
use dart_kernel::{
    Bump, Component, CtorIdx, Enclosing, FieldIdx, NodeOffset, ProcIdx, ProcedureKind, ProcedureStubKind,
    Reference,
};

use crate::convert::{TypeScope, Types};
use crate::error::{Error, Result};
use crate::ids::{ClassId, MemberId, MemberSource, Name, ObjectKey};
use crate::load::Loader;
use crate::model::{Attributes, Field, FieldInit, Member, MemberKind, Param, Params, SlotKind, Target};
use crate::pragmas;
use crate::types::TypeParamDecl;

impl<'k> Loader<'k> {
    fn enclosing_class(&self, enclosing: Enclosing) -> Option<ClassId> {
        match enclosing {
            Enclosing::Class(class) => Some(self.types.class_of[class.index()]),
            Enclosing::Library(_) | Enclosing::ExtensionType(_) => None,
        }
    }

    fn attributes(&self, node: NodeOffset) -> Result<Attributes> {
        let attributes = self.component.procedure_attributes(node)?;
        Ok(Attributes {
            called_dynamically: attributes.method_or_setter_called_dynamically,
            getter_called_dynamically: attributes.getter_called_dynamically,
            has_non_this_uses: attributes.has_non_this_uses,
            has_tear_off_uses: attributes.has_tear_off_uses,
            has_this_uses: attributes.has_this_uses,
        })
    }

    pub(crate) fn name(&self, name: ast::Name) -> Name {
        Name { text: name.text, library: self.component.name_library(name) }
    }

    /// A field; its slot is filled in with the layout.
    pub(crate) fn field(&self, index: FieldIdx, arena: &mut Bump) -> Result<Field> {
        let field = &self.component.fields[index];
        let flags = field.flags;
        let pragmas = pragmas::read(self.component, field.annotations);
        let class = self.enclosing_class(field.enclosing);
        let init = match self.injected_value(class, field) {
            Some(value) => FieldInit::Value(value),
            None if field.initializer.is_none() => FieldInit::None,
            None => {
                arena.reset();
                match self.component.parse_field_initializer(index, arena)? {
                    None => FieldInit::None,
                    Some(value) => match self.simple_value(value) {
                        Some(value) => FieldInit::Value(value),
                        None => FieldInit::Code,
                    },
                }
            }
        };
        Ok(Field {
            name: self.name(field.name),
            kernel: index,
            class,
            library: field.library,
            is_static: flags.is_static(),
            is_final: flags.is_final() || flags.is_const(),
            is_const: flags.is_const(),
            is_late: flags.is_late(),
            has_setter: field.setter_name.is_some(),
            is_covariant: flags.is_covariant_by_declaration(),
            is_generic_covariant: flags.is_covariant_by_class(),
            ty: self.types.convert(&TypeScope::default(), &field.ty)?,
            init,
            slot: 0,
            repr: SlotKind::Tagged,
            attributes: self.attributes(field.node)?,
            entry_point: pragmas.entry_point,
            has_pragma: pragmas.any,
            is_shared: pragmas.is_shared,
        })
    }

    /// `ClassID.cidXxx` in `dart:_internal`: the engine ignores what kernel says and puts its own class ids there
    /// (`Class::InjectCIDFields`).
    fn injected_value(&self, class: Option<ClassId>, field: &dart_kernel::Field<'_>) -> Option<ObjectKey> {
        if class != self.class_id_class || class.is_none() {
            return None;
        }
        let name = std::str::from_utf8(self.component.string(field.name.text)).ok()?;
        if name == "numPredefinedCids" {
            return Some(ObjectKey::Int(i64::from(self.engine.num_predefined_cids)));
        }
        let class = name.strip_prefix("cid")?;
        let typed_data = ["External", "Unmodifiable"]
            .iter()
            .find_map(|prefix| Some(format!("{prefix}TypedData{}", class.strip_prefix(prefix)?)))
            .unwrap_or_else(|| format!("TypedData{class}"));
        let id = self.engine.find_class_id(class).or_else(|| self.engine.find_class_id(&typed_data))?;
        Some(ObjectKey::Int(i64::from(id.0)))
    }

    fn simple_value(&self, expr: &Expr<'_>) -> Option<ObjectKey> {
        simple_value(&self.constant_objects, expr)
    }

    pub(crate) fn procedure(&self, index: ProcIdx) -> Result<Member> {
        let procedure = &self.component.procedures[index];
        let flags = procedure.flags;
        let pragmas = pragmas::read(self.component, procedure.annotations);
        let class = self.enclosing_class(procedure.enclosing);
        // Members of extension type declarations are copies for the front end; the code is in library members.
        let is_unused_copy = matches!(procedure.enclosing, Enclosing::ExtensionType(_));
        let is_static = flags.is_static() || class.is_none();
        let mut params = if is_unused_copy {
            Params::default()
        } else {
            self.params(&TypeScope::default(), procedure.function, !is_static)?
        };
        if pragmas.external_name.is_some() {
            // The C function counts parameters as they are declared.
            let declared =
                |param: &Param| procedure.function.named.iter().position(|it| it.name == param.name);
            params.named.sort_by_key(declared);
        }
        let forwarding_target = match procedure.stub_kind {
            ProcedureStubKind::ConcreteForwardingStub if !flags.is_abstract() => {
                self.target(procedure.stub_target)
            }
            _ => None,
        };
        Ok(Member {
            name: self.name(procedure.name),
            source: MemberSource::Procedure(index),
            kind: match procedure.kind {
                ProcedureKind::Method | ProcedureKind::Operator => MemberKind::Method,
                ProcedureKind::Getter => MemberKind::Getter,
                ProcedureKind::Setter => MemberKind::Setter,
                ProcedureKind::Factory => MemberKind::Factory,
            },
            class,
            library: procedure.library,
            is_static,
            is_abstract: flags.is_abstract() || is_unused_copy,
            is_external: flags.is_external(),
            is_const: flags.is_const(),
            is_extension_member: flags.is_extension_member() || flags.is_extension_type_member(),
            is_synthetic: flags.is_synthetic(),
            params,
            async_marker: procedure.function.async_marker,
            attributes: self.attributes(procedure.node)?,
            entry_point: pragmas.entry_point,
            forwarding_target,
            has_pragma: pragmas.any,
            native_name: pragmas.external_name,
            is_ffi_native: pragmas.is_ffi_native,
            is_recognized: pragmas.is_recognized,
            is_invisible: pragmas.is_invisible,
            prefer_inline: pragmas.prefer_inline,
            never_inline: pragmas.never_inline,
            no_interrupts: pragmas.no_interrupts,
            is_external_effect: pragmas.is_external_effect,
        })
    }

    pub(crate) fn constructor(&self, index: CtorIdx) -> Result<Member> {
        let constructor = &self.component.constructors[index];
        let pragmas = pragmas::read(self.component, constructor.annotations);
        Ok(Member {
            name: self.name(constructor.name),
            source: MemberSource::Constructor(index),
            kind: MemberKind::Constructor,
            class: Some(self.types.class_of[constructor.class.index()]),
            library: constructor.library,
            is_static: false,
            is_abstract: false,
            is_external: constructor.flags.is_external(),
            is_const: constructor.flags.is_const(),
            is_extension_member: false,
            is_synthetic: constructor.flags.is_synthetic(),
            params: self.params(&TypeScope::default(), constructor.function, true)?,
            async_marker: constructor.function.async_marker,
            attributes: self.attributes(constructor.node)?,
            entry_point: pragmas.entry_point,
            forwarding_target: None,
            has_pragma: pragmas.any,
            native_name: pragmas.external_name,
            is_ffi_native: pragmas.is_ffi_native,
            is_recognized: pragmas.is_recognized,
            is_invisible: pragmas.is_invisible,
            prefer_inline: pragmas.prefer_inline,
            never_inline: pragmas.never_inline,
            no_interrupts: pragmas.no_interrupts,
            is_external_effect: pragmas.is_external_effect,
        })
    }

    fn target(&self, reference: Reference) -> Option<Target> {
        Target::of(reference, self.component.procedures.len())
    }

    /// Parameters of a function. `scope` must already have entered a local function.
    pub(crate) fn params(
        &self,
        scope: &TypeScope,
        function: &ast::FunctionHeader<'_>,
        has_receiver: bool,
    ) -> Result<Params> {
        params(self.component, &self.types, scope, function, has_receiver, &|expr| self.simple_value(expr))
    }
}

/// The object that an expression stands for, if it is a literal or constant.
pub(crate) fn simple_value(constants: &[ObjectKey], expr: &Expr<'_>) -> Option<ObjectKey> {
    Some(match expr.kind {
        ExprKind::Int(value) => ObjectKey::Int(value),
        ExprKind::Double(value) => ObjectKey::Double(value.to_bits()),
        ExprKind::Bool(value) => ObjectKey::Bool(value),
        ExprKind::Null => ObjectKey::Null,
        ExprKind::String(text) => ObjectKey::String(text),
        _ => constants[expr.as_constant()?.index()].clone(),
    })
}

/// Parameters of a function; `simple_value` evaluates default values.
pub(crate) fn params(
    component: &Component<'_>,
    types: &Types,
    scope: &TypeScope,
    function: &ast::FunctionHeader<'_>,
    has_receiver: bool,
    simple_value: &dyn Fn(&Expr<'_>) -> Option<ObjectKey>,
) -> Result<Params> {
    let owner = || format!("function at byte {}", function.node.0);
    let param = |variable: &ast::Variable<'_>| -> Result<Param> {
        Ok(Param {
            name: variable.name,
            variable: variable.id.0,
            ty: types.convert(scope, &variable.ty)?,
            default: match variable.initializer {
                None => ObjectKey::Null,
                Some(value) => simple_value(value).ok_or_else(|| Error::BadDefault { owner: owner() })?,
            },
            is_required: variable.flags.is_required(),
            is_covariant: variable.flags.is_covariant_by_declaration(),
            is_generic_covariant: variable.flags.is_covariant_by_class(),
        })
    };
    let num_params = function.positional.len() + function.named.len();
    if num_params + function.type_parameters.len() > usize::from(u16::MAX) - 2 {
        return Err(Error::TooMany { what: "parameters", owner: owner() });
    }
    let mut named = function.named.iter().map(param).collect::<Result<Vec<_>>>()?;
    named.sort_by(|a, b| component.string(a.name).cmp(component.string(b.name)));
    Ok(Params {
        type_params: type_params(types, scope, function.type_parameters)?,
        type_param_names: function.type_parameters.iter().map(|param| param.name).collect(),
        has_receiver,
        required: function.required_positional.min(function.positional.len() as u32) as u16,
        positional: function.positional.iter().map(param).collect::<Result<Vec<_>>>()?,
        named,
        result: Some(types.convert(scope, &function.return_type)?),
    })
}

/// Declared type parameters.
pub(crate) fn type_params(
    types: &Types,
    scope: &TypeScope,
    params: &[ast::TypeParameter<'_>],
) -> Result<Vec<TypeParamDecl>> {
    params
        .iter()
        .map(|param| {
            Ok(TypeParamDecl {
                bound: types.convert(scope, &param.bound)?,
                default: types.convert(scope, &param.default_type)?,
                covariant: param.is_covariant_by_class,
            })
        })
        .collect()
}

/// The member that stands for a procedure.
pub(crate) fn procedure_id(index: ProcIdx) -> MemberId {
    MemberId::new(index.index())
}

/// The member that stands for a constructor of a component with that many procedures.
pub(crate) fn constructor_id(num_procedures: usize, index: CtorIdx) -> MemberId {
    MemberId::new(num_procedures + index.index())
}
