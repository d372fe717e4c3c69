//! Types, for later phases.

use cranelift_entity::EntityRef;
use dart_kernel::ast;

use crate::convert::{Substitution, TypeScope, Types};
use crate::error::Result;
use crate::ids::{BodyId, ClassId};
use crate::model::Program;
use crate::subtype::{At, Bounds, NullTest};
use crate::types::{DartType, TypeArgs};

impl Bounds for Program<'_> {
    fn function_bound(&self, body: BodyId, own_index: usize) -> Option<DartType> {
        match body {
            BodyId::Member(member) => {
                self.members[member].params.type_params.get(own_index).map(|param| param.bound.clone())
            }
            BodyId::FieldInit(_) | BodyId::Local(_) => None,
        }
    }

    fn class_bound(&self, class: ClassId, own_index: usize) -> Option<DartType> {
        self.try_class(class)?.type_params.get(own_index).map(|param| param.bound.clone())
    }
}

/// Conversion.
impl Program<'_> {
    /// Converts a type outside of local generic functions.
    ///
    /// # Errors
    /// If the type mentions a type parameter of a local function.
    pub fn dart_type(&self, ty: &ast::DartType<'_>) -> Result<DartType> {
        self.types.convert(&TypeScope::default(), ty)
    }

    /// Converts a type inside of functions.
    ///
    /// # Errors
    /// If the type mentions a type parameter that is not in scope.
    pub fn dart_type_in(&self, scope: &TypeScope, ty: &ast::DartType<'_>) -> Result<DartType> {
        self.types.convert(scope, ty)
    }

    /// Converts type arguments of a call or type; `None` if all are `dynamic`.
    ///
    /// # Errors
    /// If they mention a type parameter that is not in scope.
    pub fn type_args_in(&self, scope: &TypeScope, args: &[ast::DartType<'_>]) -> Result<TypeArgs> {
        self.types.convert_args(scope, args)
    }

    /// A vector of type arguments: `None` if all are `dynamic`.
    pub fn type_args(&self, args: Vec<DartType>) -> TypeArgs {
        self.types.vector(args)
    }
}

/// Making types from types.
impl Program<'_> {
    /// The flattened type arguments of an instance of a class, given arguments for the class's own type parameters.
    /// This is what allocation takes, and what instances carry.
    pub fn instance_type_args(&self, class: ClassId, own: &TypeArgs) -> TypeArgs {
        self.types.instance_type_args(class, own)
    }

    /// Length of the flattened type arguments of a class's instances.
    pub fn num_type_args(&self, class: ClassId) -> u16 {
        self.types.classes[class.index()].num_args
    }

    /// Number of type parameters that a class declares.
    pub fn num_type_params(&self, class: ClassId) -> u16 {
        self.types.classes[class.index()].num_params
    }

    /// The arguments for `superclass`'s own type parameters in `class<own>`, seen as a `superclass`. `None` if `class`
    /// neither extends nor implements `superclass`.
    pub fn super_type_args(&self, class: ClassId, own: &TypeArgs, superclass: ClassId) -> Option<TypeArgs> {
        self.types.super_type_args(class, own, superclass)
    }

    /// Replaces class and function type parameters by flattened arguments.
    pub fn substitute(&self, ty: &DartType, substitution: Substitution<'_>) -> DartType {
        self.types.substitute(ty, substitution)
    }

    /// The same for a vector.
    pub fn substitute_args(&self, args: &TypeArgs, substitution: Substitution<'_>) -> TypeArgs {
        let args = args.as_ref()?;
        self.types.vector(args.iter().map(|arg| self.types.substitute(arg, substitution)).collect())
    }

    /// The type with or without `?`.
    pub fn with_nullability(&self, ty: &DartType, nullable: bool) -> DartType {
        self.types.normalize_future_or(self.types.with_nullability(ty, nullable))
    }

    /// A class applied to its own type parameters: the type of `this`.
    pub fn declaration_type(&self, class: ClassId) -> DartType {
        let count = usize::from(self.num_type_params(class));
        let args = (0..count).map(|i| self.types.class_parameter(class, i, false)).collect();
        DartType::Interface { class, args: self.types.vector(args), nullable: class == self.core.null }
    }

    /// A non-nullable class type.
    pub fn class_type(&self, class: ClassId, args: TypeArgs) -> DartType {
        DartType::Interface { class, args, nullable: false }
    }

    /// `dynamic`.
    pub fn dynamic_type(&self) -> DartType {
        self.types.dynamic()
    }

    /// `void`.
    pub fn void_type(&self) -> DartType {
        Types::simple(self.core.void, true)
    }

    /// `Null`.
    pub fn null_type(&self) -> DartType {
        self.types.null()
    }

    /// `Never`.
    pub fn never_type(&self) -> DartType {
        Types::simple(self.core.never, false)
    }

    /// `Object` or `Object?`.
    pub fn object_type(&self, nullable: bool) -> DartType {
        Types::simple(self.core.object, nullable)
    }
}

/// Asking about types.
impl Program<'_> {
    /// Whether every value has the type: `dynamic`, `void`, `Object?`, and `FutureOr` of these.
    pub fn is_top_type(&self, ty: &DartType) -> bool {
        self.types.is_top_type(ty)
    }

    /// Whether this is `dynamic`.
    pub fn is_dynamic(&self, ty: &DartType) -> bool {
        self.types.is_dynamic(ty)
    }

    /// Whether this is `Never`.
    pub fn is_never(&self, ty: &DartType) -> bool {
        ty.class() == Some(self.core.never)
    }

    /// The argument of a `FutureOr` type.
    pub fn future_or_arg(&self, ty: &DartType) -> Option<DartType> {
        self.types.future_or_arg(ty)
    }

    /// Whether `null` belongs to the type: the answer of `null is T`.
    pub fn null_test(&self, ty: &DartType) -> NullTest {
        self.types.null_test(ty, At::new(self))
    }

    /// Whether a type is a subtype of another one, whatever their type parameters stand for. A negative answer is final
    /// only for instantiated types.
    pub fn is_subtype(&self, sub: &DartType, sup: &DartType) -> bool {
        self.types.is_subtype(sub, sup, At::new(self))
    }

    /// Upper bound of a type parameter, in terms of the same class's or function's parameters. `None` if it is not known
    /// here: local functions, function types.
    pub fn bound(&self, parameter: &crate::types::TypeParameter) -> Option<DartType> {
        self.types.bound(parameter, At::new(self))
    }
}
