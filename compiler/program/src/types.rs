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
    /// Number of type parameters of enclosing generic functions; own parameters are numbered from here.
    pub parent_type_args: u16,
    /// Own type parameters.
    pub type_params: Vec<TypeParamDecl>,
    /// Number of implicit leading parameters (0, or 1 for a receiver or closure).
    pub implicit_params: u16,
    /// Number of required positional parameters, including implicit ones.
    pub required: u16,
    /// Types of positional parameters (implicit, required, optional).
    pub positional: Vec<DartType>,
    /// Named parameters sorted by name.
    pub named: Vec<NamedParam>,
    /// Result type.
    pub result: DartType,
    /// Whether `null` belongs to the type.
    pub nullable: bool,
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
    /// Who declares it.
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
    /// A class: the argument is found in the instance's type arguments.
    Class(ClassId),
    /// A member (factories and generic methods) or local function: the argument is found in the function's type arguments.
    Function(BodyId),
    /// The function type `depth` levels out of the use, counted from the innermost enclosing one (0).
    Structural(u16),
}
