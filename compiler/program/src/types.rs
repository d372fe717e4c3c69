//! Dart types as the engine represents them.
//!
//! Kernel types are erased on the way in (extension types to their representation, intersections to their left side,
//! undetermined nullability of type parameters to non-nullable), so that two types are equal here exactly when the
//! engine's canonical type objects are one object. The engine has four kinds (`runtime/vm/object.h`): `Type`
//! (a class, arguments for its own type parameters, nullability; `dynamic`, `void`, `Never` and `Null` are such types
//! of predefined classes), `FunctionType`, `RecordType` and `TypeParameter`.
//!
//! Two vectors must not be confused. A *type* carries arguments for the type parameters that its class declares
//! (`Type::arguments`). An *instance* carries the flattened vector, which starts with the superclass's
//! (`Class::GetInstanceTypeArguments`, `Program::instance_type_args`); uses of class type parameters are numbered by
//! their place in the flattened vector.
//!
//! Types are immutable trees shared by `Arc`; they are compared structurally. Interning happens where they become objects.

use std::sync::Arc;

use dart_kernel::StrIdx;

use crate::ids::{BodyId, ClassId};

/// Type arguments of an instance or a call: the engine's `TypeArguments`, or `null` when absent.
///
/// `None` stands for a vector of `dynamic` of any length (the engine uses the null object for it).
pub type TypeArgs = Option<Arc<[DartType]>>;

/// A Dart type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DartType {
    /// `Type`: a class applied to arguments for its own type parameters.
    Interface {
        /// The class; predefined classes stand for `dynamic`, `void`, `Never`, `Null` and `FutureOr`.
        class: ClassId,
        /// One argument per type parameter of the class (not flattened); `None` also for a class without any.
        args: TypeArgs,
        /// Whether `null` belongs to the type by its `?` (always true for `dynamic`, `void` and `Null`).
        nullable: bool,
    },
    /// `FunctionType`.
    Function(Arc<FunctionType>),
    /// `RecordType`.
    Record(Arc<RecordType>),
    /// `TypeParameter`.
    Parameter(TypeParameter),
}

/// The type of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionType {
    /// Number of type arguments before the own ones: own parameters are numbered from here.
    ///
    /// These are the type parameters of enclosing function types, and of enclosing functions if the type mentions one
    /// of theirs (or is the signature of a closure). They vanish when the type is instantiated
    /// (`FunctionType::InstantiateFrom`, runtime/vm/object.cc).
    pub parent_type_args: u16,
    /// Own type parameters.
    pub type_params: Vec<TypeParamDecl>,
    /// Number of implicit leading parameters (0, or 1 for a receiver or closure).
    pub implicit_params: u16,
    /// Number of required positional parameters, including implicit ones.
    pub required: u16,
    /// Types of positional parameters (implicit, required, optional).
    pub positional: Vec<DartType>,
    /// Named parameters sorted by name; as declared in the signature of a function.
    pub named: Vec<NamedParam>,
    /// Result type.
    pub result: DartType,
    /// Whether `null` belongs to the type.
    pub nullable: bool,
}

impl FunctionType {
    /// The type with other types in it.
    pub(crate) fn map(
        &self,
        parent_type_args: u16,
        mut map: impl FnMut(&DartType) -> DartType,
    ) -> FunctionType {
        FunctionType {
            parent_type_args,
            type_params: self
                .type_params
                .iter()
                .map(|param| TypeParamDecl {
                    bound: map(&param.bound),
                    default: map(&param.default),
                    covariant: param.covariant,
                })
                .collect(),
            implicit_params: self.implicit_params,
            required: self.required,
            positional: self.positional.iter().map(&mut map).collect(),
            named: self
                .named
                .iter()
                .map(|param| NamedParam { name: param.name, ty: map(&param.ty), required: param.required })
                .collect(),
            result: map(&self.result),
            nullable: self.nullable,
        }
    }
}

/// A named parameter of a function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NamedParam {
    /// Name.
    pub name: StrIdx,
    /// Type.
    pub ty: DartType,
    /// Whether callers must pass it.
    pub required: bool,
}

/// A declared type parameter of a class or function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeParamDecl {
    /// Upper bound.
    pub bound: DartType,
    /// Type argument used when a dynamic call omits them (instantiation to bounds).
    pub default: DartType,
    /// Whether the bound must be checked at run time in instance methods (`generic-covariant-impl`).
    pub covariant: bool,
}

/// The type of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordType {
    /// Number of fields and names of the named ones.
    pub shape: RecordShape,
    /// Field types: positional ones, then named ones in the shape's order.
    pub fields: Vec<DartType>,
    /// Whether `null` belongs to the type.
    pub nullable: bool,
}

impl RecordType {
    /// The type with other types in it.
    pub(crate) fn map(&self, map: impl FnMut(&DartType) -> DartType) -> RecordType {
        RecordType {
            shape: self.shape.clone(),
            fields: self.fields.iter().map(map).collect(),
            nullable: self.nullable,
        }
    }
}

/// The shape of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordShape {
    /// Number of positional fields.
    pub positional: u16,
    /// Names of named fields, sorted.
    pub names: Vec<StrIdx>,
}

impl RecordShape {
    /// Number of fields.
    pub fn num_fields(&self) -> usize {
        usize::from(self.positional) + self.names.len()
    }
}

/// A use of a type parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeParameter {
    /// Who declares it. Class parameters bounded by `Object?` have the class id 0 here: the engine lets all classes
    /// share them (`ClassFinalizer::FinalizeType`).
    pub owner: TypeParamOwner,
    /// Index in the flattened vector: of the instance (class parameters) or of the enclosing functions (function parameters).
    pub index: u16,
    /// Number of type arguments before the owner's own ones in that vector.
    pub base: u16,
    /// Whether `null` belongs to the type by its `?`.
    pub nullable: bool,
}

/// Who declares a type parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TypeParamOwner {
    /// A class (or 0): the argument is found in the instance's type arguments.
    Class(ClassId),
    /// A member (factories and generic methods) or local function: the argument is found in the function's type arguments.
    Function(BodyId),
    /// An enclosing function type: the number of function types *with type parameters* between the use and the
    /// declaring one (0 is the innermost enclosing generic function type).
    Structural(u16),
}

impl DartType {
    /// Whether the type has no free type parameters: it is the same type wherever it is evaluated.
    pub fn is_instantiated(&self) -> bool {
        !self.any_parameter(&mut |parameter| !matches!(parameter.owner, TypeParamOwner::Structural(_)))
    }

    /// Whether evaluating the type takes the type arguments of `this`.
    pub fn needs_instantiator(&self) -> bool {
        self.any_parameter(&mut |parameter| matches!(parameter.owner, TypeParamOwner::Class(_)))
    }

    /// Whether evaluating the type takes the type arguments of the enclosing functions.
    pub fn needs_function_args(&self) -> bool {
        self.any_parameter(&mut |parameter| matches!(parameter.owner, TypeParamOwner::Function(_)))
    }

    /// Whether the type is or contains a function type.
    pub fn contains_function_type(&self) -> bool {
        match self {
            DartType::Interface { args, .. } => {
                args.iter().flat_map(|args| args.iter()).any(Self::contains_function_type)
            }
            DartType::Function(_) => true,
            DartType::Record(record) => record.fields.iter().any(Self::contains_function_type),
            DartType::Parameter(_) => false,
        }
    }

    /// Whether `null` belongs to the type by its own `?` (always true for `dynamic`, `void` and `Null`).
    /// A type parameter or `FutureOr` without `?` can still turn out to admit `null`: see `Program::null_test`.
    pub fn is_declared_nullable(&self) -> bool {
        match self {
            DartType::Interface { nullable, .. } => *nullable,
            DartType::Function(function) => function.nullable,
            DartType::Record(record) => record.nullable,
            DartType::Parameter(parameter) => parameter.nullable,
        }
    }

    /// The class of an interface type.
    pub fn class(&self) -> Option<ClassId> {
        match self {
            DartType::Interface { class, .. } => Some(*class),
            _ => None,
        }
    }

    /// Whether `test` holds for some use of a type parameter in the type, in order of appearance.
    pub fn any_parameter(&self, test: &mut impl FnMut(&TypeParameter) -> bool) -> bool {
        match self {
            DartType::Interface { args, .. } => {
                args.iter().flat_map(|args| args.iter()).any(|arg| arg.any_parameter(test))
            }
            DartType::Function(function) => function.parts().any(|part| part.any_parameter(test)),
            DartType::Record(record) => record.fields.iter().any(|field| field.any_parameter(test)),
            DartType::Parameter(parameter) => test(parameter),
        }
    }
}

impl FunctionType {
    /// All types that the function type is made of: bounds and defaults, parameters, result.
    pub fn parts(&self) -> impl Iterator<Item = &DartType> {
        self.type_params
            .iter()
            .flat_map(|param| [&param.bound, &param.default])
            .chain(&self.positional)
            .chain(self.named.iter().map(|param| &param.ty))
            .chain([&self.result])
    }

    /// Number of parameters, with implicit ones.
    pub fn num_params(&self) -> usize {
        self.positional.len() + self.named.len()
    }
}
