//! From kernel types to [`DartType`], and operations on types that need to know classes.
//!
//! The engine compares types by structure, numbers of type parameters included, so the numbers must be those that the
//! engine itself would produce when it instantiates or builds an equal type at run time.
//!
//! * A class type parameter is numbered by its place in the flattened vector of its class: the superclass's arguments
//!   come first, and own parameters that merely repeat the last of them share their places
//!   (`Class::ComputeNumTypeArguments`).
//! * A function type parameter is numbered after all type parameters of the functions and function types around it.
//!
//! The second rule makes the numbers inside a function type depend on where it stands. Conversion therefore has two
//! steps: build the tree with placeholder numbers, then [`Types::renumber`] outermost function types. Instantiating a
//! type at run time removes the parameters of enclosing *functions*, but leaves parts alone that mention no free
//! parameter. To give equal results, the parameters of enclosing functions count only for function types that depend on
//! them; parameters of enclosing *function types* always count, as they do when the engine substitutes one type into
//! another (`UpdateFunctionTypes`).

use std::sync::Arc;

use cranelift_entity::EntityRef;
use dart_kernel::ast::{self, Nullability, TypeParameterOwner};
use dart_kernel::{Member, NodeOffset};
use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::ids::{BodyId, ClassId, MemberId};
use crate::types::{
    DartType, FunctionType, NamedParam, RecordShape, RecordType, TypeArgs, TypeParamDecl, TypeParamOwner,
    TypeParameter,
};

/// Type parameters of the functions around a place.
///
/// Type parameters of members are always in scope, they need no entry.
#[derive(Clone, Debug, Default)]
pub struct TypeScope {
    locals: Vec<(NodeOffset, u16, u16)>,
    member_params: u16,
}

impl TypeScope {
    /// Scope inside a member with that many type parameters.
    pub fn new(member_params: usize) -> TypeScope {
        TypeScope { locals: Vec::new(), member_params: u16::try_from(member_params).unwrap_or(u16::MAX) }
    }

    /// Enters a local function (also one without type parameters).
    pub fn enter(&mut self, function: &ast::FunctionHeader<'_>) {
        let count = u16::try_from(function.type_parameters.len()).unwrap_or(u16::MAX);
        self.locals.push((function.node, self.num_params(), count));
    }

    /// Leaves the local function entered last.
    pub fn leave(&mut self) {
        self.locals.pop();
    }

    /// Number of type parameters of all enclosing functions: length of the function type argument vector here.
    pub fn num_params(&self) -> u16 {
        self.locals.last().map_or(self.member_params, |&(_, base, count)| base.saturating_add(count))
    }

    fn base(&self, node: NodeOffset) -> Option<u16> {
        self.locals.iter().rev().find(|local| local.0 == node).map(|local| local.1)
    }
}

/// Classes of the core libraries by what the compiler calls them. A class that the program does not have has id 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreClasses {
    /// `Object`.
    pub object: ClassId,
    /// `Null`.
    pub null: ClassId,
    /// `Never`.
    pub never: ClassId,
    /// `dynamic`.
    pub dynamic: ClassId,
    /// `void`.
    pub void: ClassId,
    /// `FutureOr`.
    pub future_or: ClassId,
    /// `Future`.
    pub future: ClassId,
    /// `Function`.
    pub function: ClassId,
    /// `_Closure`.
    pub closure: ClassId,
    /// `Record`.
    pub record: ClassId,
    /// `_Record`.
    pub record_impl: ClassId,
    /// `bool`.
    pub bool: ClassId,
    /// `num`.
    pub num: ClassId,
    /// `int`.
    pub int: ClassId,
    /// `_Smi`.
    pub smi: ClassId,
    /// `_Mint`.
    pub mint: ClassId,
    /// `double`.
    pub double: ClassId,
    /// `_Double`.
    pub double_impl: ClassId,
    /// `String`.
    pub string: ClassId,
    /// `_OneByteString`.
    pub one_byte_string: ClassId,
    /// `_TwoByteString`.
    pub two_byte_string: ClassId,
    /// `Type`.
    pub type_: ClassId,
    /// `Symbol` of `dart:_internal`, the implementation.
    pub symbol: ClassId,
    /// `_List`.
    pub array: ClassId,
    /// `_ImmutableList`.
    pub immutable_array: ClassId,
    /// `_GrowableList`.
    pub growable_array: ClassId,
    /// `_ConstMap`.
    pub const_map: ClassId,
    /// `_ConstSet`.
    pub const_set: ClassId,
}

/// What types need to know of a class.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassTypes {
    pub(crate) num_params: u16,
    pub(crate) num_args: u16,
    /// For each own parameter: whether its bound is `Object?`.
    pub(crate) unbounded: SmallVec<[bool; 4]>,
    /// Flattened vector of an instance, in terms of own parameters (`GetDeclarationInstanceTypeArguments`).
    pub(crate) declaration: TypeArgs,
    /// Superclass and interfaces, as types in terms of own parameters.
    pub(crate) supertypes: SmallVec<[DartType; 2]>,
}

/// The part of the program that operations on types need.
#[derive(Debug)]
pub(crate) struct Types {
    /// Class ids by kernel class.
    pub(crate) class_of: Vec<ClassId>,
    /// By class id.
    pub(crate) classes: Vec<ClassTypes>,
    pub(crate) core: CoreClasses,
    /// Per class, all classes that extend or implement it, itself included, in id order.
    pub(crate) implementers: Vec<Vec<ClassId>>,
}

/// Which type parameters to replace, by flattened vectors; `None` leaves them alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Substitution<'a> {
    /// Arguments for class type parameters.
    pub class: Option<&'a TypeArgs>,
    /// Arguments for function type parameters.
    pub function: Option<&'a TypeArgs>,
}

impl Types {
    pub(crate) fn simple(class: ClassId, nullable: bool) -> DartType {
        DartType::Interface { class, args: None, nullable }
    }

    pub(crate) fn dynamic(&self) -> DartType {
        Self::simple(self.core.dynamic, true)
    }

    pub(crate) fn null(&self) -> DartType {
        Self::simple(self.core.null, true)
    }

    pub(crate) fn nullable_object(&self) -> DartType {
        Self::simple(self.core.object, true)
    }

    pub(crate) fn is_dynamic(&self, ty: &DartType) -> bool {
        ty.class() == Some(self.core.dynamic)
    }

    /// A vector, `None` if all arguments are `dynamic`.
    pub(crate) fn vector(&self, args: Vec<DartType>) -> TypeArgs {
        if args.iter().all(|arg| self.is_dynamic(arg)) { None } else { Some(args.into()) }
    }

    fn arg(&self, args: &TypeArgs, index: usize) -> DartType {
        args.as_ref().and_then(|args| args.get(index)).cloned().unwrap_or_else(|| self.dynamic())
    }

    /// The argument of a `FutureOr`.
    pub(crate) fn future_or_arg(&self, ty: &DartType) -> Option<DartType> {
        match ty {
            DartType::Interface { class, args, .. } if *class == self.core.future_or => {
                Some(self.arg(args, 0))
            }
            _ => None,
        }
    }

    /// The type with or without `?` (`Type::ToNullability`).
    pub(crate) fn with_nullability(&self, ty: &DartType, wanted: bool) -> DartType {
        match ty {
            DartType::Interface { nullable, .. } if *nullable == wanted => ty.clone(),
            DartType::Interface { class, args, .. } => {
                let core = &self.core;
                if *class == core.dynamic || *class == core.void || *class == core.null {
                    ty.clone()
                } else if *class == core.never && wanted {
                    self.null()
                } else {
                    DartType::Interface { class: *class, args: args.clone(), nullable: wanted }
                }
            }
            DartType::Function(function) if function.nullable != wanted => {
                DartType::Function(Arc::new(FunctionType { nullable: wanted, ..(**function).clone() }))
            }
            DartType::Record(record) if record.nullable != wanted => {
                DartType::Record(Arc::new(RecordType { nullable: wanted, ..(**record).clone() }))
            }
            DartType::Parameter(parameter) => {
                DartType::Parameter(TypeParameter { nullable: wanted, ..parameter.clone() })
            }
            DartType::Function(_) | DartType::Record(_) => ty.clone(),
        }
    }

    /// `AbstractType::NormalizeFutureOrType`.
    pub(crate) fn normalize_future_or(&self, ty: DartType) -> DartType {
        let Some(arg) = self.future_or_arg(&ty) else { return ty };
        let nullable = ty.is_declared_nullable();
        let core = &self.core;
        if let DartType::Interface { class, nullable: arg_nullable, .. } = &arg {
            if *class == core.dynamic || *class == core.void {
                return arg;
            }
            if *class == core.object {
                return if nullable { self.with_nullability(&arg, true) } else { arg };
            }
            if (*class == core.never && !arg_nullable) || *class == core.null {
                let nullable = nullable || *class == core.null;
                return DartType::Interface { class: core.future, args: Some([arg].into()), nullable };
            }
        }
        if nullable && arg.is_declared_nullable() {
            return self.with_nullability(&ty, false);
        }
        ty
    }

    /// The flattened vector of an instance of `class` with the given arguments for its own type parameters
    /// (`Class::GetInstanceTypeArguments`).
    pub(crate) fn instance_type_args(&self, class: ClassId, own: &TypeArgs) -> TypeArgs {
        let info = &self.classes[class.index()];
        if info.num_args == 0 {
            return None;
        }
        if info.num_args == info.num_params {
            return own.clone();
        }
        if info.num_params == 0 {
            return info.declaration.clone();
        }
        let Some(declaration) = &info.declaration else { return None };
        let first = usize::from(info.num_args - info.num_params);
        let instantiator = (0..first)
            .map(|_| self.dynamic())
            .chain((0..usize::from(info.num_params)).map(|i| self.arg(own, i)))
            .collect();
        let instantiator = self.vector(instantiator);
        let substitution = Substitution { class: Some(&instantiator), function: None };
        self.vector(declaration.iter().map(|arg| self.substitute(arg, substitution)).collect())
    }

    /// A use of a class's own type parameter.
    pub(crate) fn class_parameter(&self, class: ClassId, index: usize, nullable: bool) -> DartType {
        let info = &self.classes[class.index()];
        let base = info.num_args - info.num_params;
        let owner = if info.unbounded.get(index) == Some(&true) { ClassId::new(0) } else { class };
        DartType::Parameter(TypeParameter {
            owner: TypeParamOwner::Class(owner),
            index: base + index as u16,
            base,
            nullable,
        })
    }

    /// Converts a type.
    pub(crate) fn convert(&self, scope: &TypeScope, ty: &ast::DartType<'_>) -> Result<DartType> {
        let mut has_function = false;
        let built = self.build(scope, ty, &mut has_function)?;
        Ok(if has_function { self.renumber(&built) } else { built })
    }

    /// Converts type arguments.
    pub(crate) fn convert_args(&self, scope: &TypeScope, args: &[ast::DartType<'_>]) -> Result<TypeArgs> {
        if args.iter().all(|arg| matches!(arg, ast::DartType::Dynamic)) {
            return Ok(None);
        }
        let args = args.iter().map(|arg| self.convert(scope, arg)).collect::<Result<Vec<_>>>()?;
        Ok(self.vector(args))
    }

    fn build(&self, scope: &TypeScope, ty: &ast::DartType<'_>, has_function: &mut bool) -> Result<DartType> {
        let is_nullable = |nullability: Nullability| nullability == Nullability::Nullable;
        Ok(match *ty {
            ast::DartType::Invalid | ast::DartType::Dynamic => self.dynamic(),
            ast::DartType::Void => Self::simple(self.core.void, true),
            ast::DartType::Null => self.null(),
            ast::DartType::Never(nullability) => {
                self.with_nullability(&Self::simple(self.core.never, false), is_nullable(nullability))
            }
            ast::DartType::Interface { class, nullability, arguments } => {
                let class = self.class_of[class.index()];
                let nullable = is_nullable(nullability) || class == self.core.null;
                let args = self.build_args(scope, arguments, has_function)?;
                self.normalize_future_or(DartType::Interface { class, args, nullable })
            }
            ast::DartType::FutureOr { argument, nullability } => {
                let argument = self.build(scope, argument, has_function)?;
                let args = Some([argument].into());
                let nullable = is_nullable(nullability);
                self.normalize_future_or(DartType::Interface { class: self.core.future_or, args, nullable })
            }
            ast::DartType::Intersection { left, .. } => self.build(scope, left, has_function)?,
            ast::DartType::Extension(extension) => self.build(scope, &extension.erasure, has_function)?,
            ast::DartType::TypeParameter { owner, index, nullability } => {
                self.build_parameter(scope, owner, index, is_nullable(nullability))?
            }
            ast::DartType::Record(record) => {
                let mut fields = Vec::with_capacity(record.positional.len() + record.named.len());
                for field in record.positional {
                    fields.push(self.build(scope, field, has_function)?);
                }
                for field in record.named {
                    fields.push(self.build(scope, &field.ty, has_function)?);
                }
                let shape = RecordShape {
                    positional: self.count(record.positional.len(), "record fields")?,
                    names: record.named.iter().map(|field| field.name).collect(),
                };
                DartType::Record(Arc::new(RecordType {
                    shape,
                    fields,
                    nullable: is_nullable(record.nullability),
                }))
            }
            ast::DartType::Function(function) => {
                *has_function = true;
                let mut positional = Vec::with_capacity(function.positional.len() + 1);
                positional.push(self.dynamic());
                for param in function.positional {
                    positional.push(self.build(scope, param, has_function)?);
                }
                let mut named = Vec::with_capacity(function.named.len());
                for param in function.named {
                    let ty = self.build(scope, &param.ty, has_function)?;
                    named.push(NamedParam { name: param.name, ty, required: param.required });
                }
                let mut type_params = Vec::with_capacity(function.type_parameters.len());
                for param in function.type_parameters {
                    type_params.push(TypeParamDecl {
                        bound: self.build(scope, &param.bound, has_function)?,
                        default: self.build(scope, &param.default_type, has_function)?,
                        covariant: param.is_covariant_by_class,
                    });
                }
                self.count(positional.len() + named.len() + 1, "parameters")?;
                self.count(type_params.len(), "type parameters")?;
                DartType::Function(Arc::new(FunctionType {
                    parent_type_args: 0,
                    type_params,
                    implicit_params: 1,
                    required: function.required_positional.min(function.positional.len() as u32) as u16 + 1,
                    positional,
                    named,
                    result: self.build(scope, &function.return_type, has_function)?,
                    nullable: is_nullable(function.nullability),
                }))
            }
        })
    }

    fn build_args(
        &self,
        scope: &TypeScope,
        args: &[ast::DartType<'_>],
        has_function: &mut bool,
    ) -> Result<TypeArgs> {
        if args.iter().all(|arg| matches!(arg, ast::DartType::Dynamic)) {
            return Ok(None);
        }
        let args = args.iter().map(|arg| self.build(scope, arg, has_function)).collect::<Result<Vec<_>>>()?;
        Ok(self.vector(args))
    }

    fn build_parameter(
        &self,
        scope: &TypeScope,
        owner: TypeParameterOwner,
        index: u32,
        nullable: bool,
    ) -> Result<DartType> {
        let unbound = || Error::UnboundTypeParameter { owner: format!("{owner:?}"), index };
        let (owner, base) = match owner {
            TypeParameterOwner::Class(class) => {
                let class = self.class_of[class.index()];
                if index >= u32::from(self.classes[class.index()].num_params) {
                    return Err(unbound());
                }
                return Ok(self.class_parameter(class, index as usize, nullable));
            }
            TypeParameterOwner::Member(Member::Procedure(procedure)) => {
                (TypeParamOwner::Function(BodyId::Member(MemberId::new(procedure.index()))), 0)
            }
            TypeParameterOwner::LocalFunction(node) => {
                let base = scope.base(node).ok_or_else(unbound)?;
                (TypeParamOwner::Function(BodyId::Local(node.0)), base)
            }
            TypeParameterOwner::FunctionType { depth } => {
                (TypeParamOwner::Structural(u16::try_from(depth).map_err(|_| unbound())?), 0)
            }
            TypeParameterOwner::Member(_)
            | TypeParameterOwner::Typedef(_)
            | TypeParameterOwner::Extension(_)
            | TypeParameterOwner::ExtensionType(_) => return Err(unbound()),
        };
        let own = u16::try_from(index).map_err(|_| unbound())?;
        let index = base.checked_add(own).ok_or_else(unbound)?;
        Ok(DartType::Parameter(TypeParameter { owner, index, base, nullable }))
    }

    fn count(&self, count: usize, what: &'static str) -> Result<u16> {
        u16::try_from(count).map_err(|_| Error::TooMany { what, owner: "a type".into() })
    }

    /// Replaces type parameters (`AbstractType::InstantiateFrom`).
    pub(crate) fn substitute(&self, ty: &DartType, substitution: Substitution<'_>) -> DartType {
        let replaced = |parameter: &TypeParameter| match parameter.owner {
            TypeParamOwner::Class(_) => substitution.class.is_some(),
            TypeParamOwner::Function(_) => substitution.function.is_some(),
            TypeParamOwner::Structural(_) => false,
        };
        if !ty.any_parameter(&mut |parameter| replaced(parameter)) {
            return ty.clone();
        }
        let result = self.map(ty, 0, &mut |parameter, depth| {
            let args = match parameter.owner {
                TypeParamOwner::Class(_) => substitution.class?,
                TypeParamOwner::Function(_) => substitution.function?,
                TypeParamOwner::Structural(_) => return None,
            };
            let arg = shift(&self.arg(args, usize::from(parameter.index)), depth);
            Some(if parameter.nullable {
                self.normalize_future_or(self.with_nullability(&arg, true))
            } else {
                arg
            })
        });
        if result.contains_function_type() { self.renumber(&result) } else { result }
    }

    /// Rebuilds a type with some type parameters replaced. `replace` gets the number of generic function types
    /// around the parameter. Numbers of function type parameters are left to [`Types::renumber`].
    pub(crate) fn map(
        &self,
        ty: &DartType,
        depth: u16,
        replace: &mut impl FnMut(&TypeParameter, u16) -> Option<DartType>,
    ) -> DartType {
        match ty {
            DartType::Interface { class, args, nullable } => match args {
                None => ty.clone(),
                Some(args) => {
                    let args = self.vector(args.iter().map(|arg| self.map(arg, depth, replace)).collect());
                    self.normalize_future_or(DartType::Interface { class: *class, args, nullable: *nullable })
                }
            },
            DartType::Record(record) => {
                DartType::Record(Arc::new(record.map(|field| self.map(field, depth, replace))))
            }
            DartType::Parameter(parameter) => replace(parameter, depth).unwrap_or_else(|| ty.clone()),
            DartType::Function(function) => {
                let depth = depth + u16::from(!function.type_params.is_empty());
                let part = |ty: &DartType| self.map(ty, depth, replace);
                DartType::Function(Arc::new(function.map(function.parent_type_args, part)))
            }
        }
    }

    /// Numbers the type parameters of all function types in a type. See the module's introduction.
    pub(crate) fn renumber(&self, ty: &DartType) -> DartType {
        renumber(ty, Enclosing::Outermost, &mut SmallVec::new(), 0)
    }

    /// Numbers the type parameters of a closure's signature, which has `parents` type parameters before its own.
    pub(crate) fn renumber_signature(&self, signature: &DartType, parents: u16) -> DartType {
        renumber(signature, Enclosing::Signature(parents), &mut SmallVec::new(), 0)
    }
}

/// What a function type counts as parameters of enclosing functions.
#[derive(Clone, Copy)]
enum Enclosing {
    /// No function type around.
    Outermost,
    /// This is the signature itself.
    Signature(u16),
    /// The function type around counts that many.
    Inside(u16),
}

/// `bases` has the first own number of each generic function type around, `structural` the number of their parameters.
fn renumber(
    ty: &DartType,
    enclosing: Enclosing,
    bases: &mut SmallVec<[u16; 4]>,
    structural: u16,
) -> DartType {
    match ty {
        DartType::Interface { args: None, .. } => ty.clone(),
        DartType::Interface { class, args: Some(args), nullable } => DartType::Interface {
            class: *class,
            args: Some(args.iter().map(|arg| renumber(arg, enclosing, bases, structural)).collect()),
            nullable: *nullable,
        },
        DartType::Record(record) => {
            DartType::Record(Arc::new(record.map(|field| renumber(field, enclosing, bases, structural))))
        }
        DartType::Parameter(parameter) => match parameter.owner {
            TypeParamOwner::Structural(depth) => {
                let Some(&base) = bases.len().checked_sub(usize::from(depth) + 1).and_then(|i| bases.get(i))
                else {
                    return ty.clone();
                };
                let index = base.saturating_add(parameter.index - parameter.base);
                DartType::Parameter(TypeParameter { index, base, ..parameter.clone() })
            }
            _ => ty.clone(),
        },
        DartType::Function(function) => {
            let outer = match enclosing {
                Enclosing::Outermost => function_params_used(ty),
                Enclosing::Signature(parents) => parents,
                Enclosing::Inside(outer) if outer == 0 || is_closed(ty, 0) => 0,
                Enclosing::Inside(outer) => outer,
            };
            let base = outer.saturating_add(structural);
            let is_generic = !function.type_params.is_empty();
            if is_generic {
                bases.push(base);
            }
            let structural = structural.saturating_add(function.type_params.len() as u16);
            let inside = Enclosing::Inside(outer);
            let result = function.map(base, |ty| renumber(ty, inside, bases, structural));
            if is_generic {
                bases.pop();
            }
            DartType::Function(Arc::new(result))
        }
    }
}

/// One more than the largest number of a type parameter of an enclosing function in the type; 0 without any.
fn function_params_used(ty: &DartType) -> u16 {
    let mut used = 0;
    ty.any_parameter(&mut |parameter| {
        if let TypeParamOwner::Function(_) = parameter.owner {
            used = used.max(parameter.index.saturating_add(1));
        }
        false
    });
    used
}

/// Whether nothing around a type has a say in it. `depth` generic function types around are part of it.
fn is_closed(ty: &DartType, depth: u16) -> bool {
    match ty {
        DartType::Interface { args, .. } => {
            args.iter().flat_map(|args| args.iter()).all(|arg| is_closed(arg, depth))
        }
        DartType::Record(record) => record.fields.iter().all(|field| is_closed(field, depth)),
        DartType::Parameter(parameter) => match parameter.owner {
            TypeParamOwner::Structural(level) => level < depth,
            _ => false,
        },
        DartType::Function(function) => {
            let depth = depth + u16::from(!function.type_params.is_empty());
            function.parts().all(|part| is_closed(part, depth))
        }
    }
}

/// The type as seen from inside `by` more generic function types.
pub(crate) fn shift(ty: &DartType, by: u16) -> DartType {
    fn go(ty: &DartType, by: u16, depth: u16) -> DartType {
        match ty {
            DartType::Interface { args: None, .. } => ty.clone(),
            DartType::Interface { class, args: Some(args), nullable } => DartType::Interface {
                class: *class,
                args: Some(args.iter().map(|arg| go(arg, by, depth)).collect()),
                nullable: *nullable,
            },
            DartType::Record(record) => DartType::Record(Arc::new(record.map(|field| go(field, by, depth)))),
            DartType::Parameter(parameter) => match parameter.owner {
                TypeParamOwner::Structural(level) if level >= depth => DartType::Parameter(TypeParameter {
                    owner: TypeParamOwner::Structural(level + by),
                    ..parameter.clone()
                }),
                _ => ty.clone(),
            },
            DartType::Function(function) => {
                let depth = depth + u16::from(!function.type_params.is_empty());
                let part = |ty: &DartType| go(ty, by, depth);
                DartType::Function(Arc::new(function.map(function.parent_type_args, part)))
            }
        }
    }
    let has_free_structural = by > 0
        && !{
            // Only types with free structural parameters change.
            let mut structural = false;
            ty.any_parameter(&mut |parameter| {
                structural |= matches!(parameter.owner, TypeParamOwner::Structural(_));
                structural
            });
            !structural
        };
    if has_free_structural { go(ty, by, 0) } else { ty.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    fn args(args: Vec<DartType>) -> TypeArgs {
        Some(args.into())
    }

    #[test]
    fn instances_carry_the_flattened_vector() {
        let types = types();
        let (int, string) = (simple(INT), simple(STRING));
        let flatten = |class, own: &TypeArgs| types.instance_type_args(ClassId::new(class), own);
        assert_eq!(flatten(SAME, &args(vec![int.clone()])), args(vec![int.clone()]));
        let pair = args(vec![int.clone(), string.clone()]);
        let flat = args(vec![string.clone(), int.clone(), string.clone()]);
        assert_eq!(flatten(PAIR, &pair), flat);
        assert_eq!(flatten(STRINGS, &None), flat);
        assert_eq!(flatten(PAIR, &None), None);
        assert_eq!(flatten(INT, &None), None);
    }

    #[test]
    fn supertypes_are_found_through_classes_and_interfaces() {
        let types = types();
        let (int, string) = (simple(INT), simple(STRING));
        let found =
            |superclass| types.super_type_args(ClassId::new(STRINGS), &None, ClassId::new(superclass));
        assert_eq!(found(BASE), Some(args(vec![string.clone()])));
        assert_eq!(found(ITERABLE), Some(args(vec![int.clone()])));
        assert_eq!(found(PAIR), Some(args(vec![int, string])));
        assert_eq!(found(OBJECT), Some(None));
        assert_eq!(found(FUTURE), None);
    }

    #[test]
    fn vectors_of_dynamic_are_absent() {
        let types = types();
        assert_eq!(types.vector(vec![simple(DYNAMIC), simple(DYNAMIC)]), None);
        assert!(types.vector(vec![simple(DYNAMIC), simple(VOID)]).is_some());
        let substitution = Substitution { class: Some(&None), function: None };
        let list = class(LIST, vec![class_param(BASE, 0, 0)]);
        assert_eq!(types.substitute(&list, substitution), class(LIST, vec![]));
    }

    #[test]
    fn future_or_is_normalized() {
        let types = types();
        let normal = |arg: DartType, nullable: bool| {
            let args = Some([arg].into());
            types.normalize_future_or(DartType::Interface { class: ClassId::new(FUTURE_OR), args, nullable })
        };
        assert_eq!(normal(simple(DYNAMIC), false), simple(DYNAMIC));
        assert_eq!(normal(simple(VOID), true), simple(VOID));
        assert_eq!(normal(simple(OBJECT), false), simple(OBJECT));
        assert_eq!(normal(simple(OBJECT), true), types.nullable_object());
        assert_eq!(normal(simple(NEVER), false), class(FUTURE, vec![simple(NEVER)]));
        let future_null = types.with_nullability(&class(FUTURE, vec![simple(NULL)]), true);
        assert_eq!(normal(simple(NULL), false), future_null);
        let nullable_int = types.with_nullability(&simple(INT), true);
        assert_eq!(normal(nullable_int.clone(), true), class(FUTURE_OR, vec![nullable_int]));
    }

    #[test]
    fn nullability_of_special_types() {
        let types = types();
        assert_eq!(types.with_nullability(&simple(NEVER), true), simple(NULL));
        assert_eq!(types.with_nullability(&simple(DYNAMIC), false), simple(DYNAMIC));
        assert_eq!(types.with_nullability(&simple(NULL), false), simple(NULL));
    }

    fn numbering(ty: &DartType) -> (u16, Vec<(u16, u16)>) {
        let DartType::Function(function) = ty else { panic!("a function type") };
        let mut numbers = Vec::new();
        ty.any_parameter(&mut |parameter| {
            numbers.push((parameter.base, parameter.index));
            false
        });
        (function.parent_type_args, numbers)
    }

    #[test]
    fn own_parameters_come_after_those_around() {
        let types = types();
        let object = || types.nullable_object();
        // <S>(T, S) in a function with type parameters (_, T): T is number 1, so S is number 2.
        let inner =
            generic(vec![object()], function(vec![function_param(1), structural(0, 0)], simple(VOID)));
        assert_eq!(numbering(&types.renumber(&of(inner))), (2, vec![(0, 1), (2, 2)]));
        // Without T it does not matter where it stands.
        let closed = generic(vec![object()], function(vec![structural(0, 0)], simple(VOID)));
        assert_eq!(numbering(&types.renumber(&of(closed.clone()))), (0, vec![(0, 0)]));
        // <S>(S, <U>(S, U)): the inner one has one parameter around it.
        let inner = generic(vec![object()], function(vec![structural(1, 0), structural(0, 0)], simple(VOID)));
        let outer = generic(vec![object()], function(vec![structural(0, 0), of(inner)], simple(VOID)));
        let outer = types.renumber(&of(outer));
        assert_eq!(numbering(&outer), (0, vec![(0, 0), (0, 0), (1, 1)]));
        // The signature of a closure counts all type parameters around it, used or not.
        assert_eq!(numbering(&types.renumber_signature(&of(closed), 3)), (3, vec![(3, 3)]));
    }

    #[test]
    fn closed_parts_do_not_count_enclosing_functions() {
        let types = types();
        // (T, void Function(int)): instantiation leaves the second parameter alone.
        let closed = of(function(vec![simple(INT)], simple(VOID)));
        let outer = types.renumber(&of(function(vec![function_param(0), closed.clone()], simple(VOID))));
        let DartType::Function(outer) = &outer else { panic!("a function type") };
        assert_eq!(outer.parent_type_args, 1);
        assert_eq!(outer.positional[2], closed);
    }

    #[test]
    fn substitution_gives_the_type_as_written() {
        let types = types();
        let object = || types.nullable_object();
        // Callback<void Function<S>(S)> carries a function type inside another one.
        let written =
            types.renumber(&of(generic(vec![object()], function(vec![structural(0, 0)], simple(VOID)))));
        let flat = types.instance_type_args(ClassId::new(CALLBACK), &args(vec![written.clone()])).unwrap();
        assert_eq!(flat[0], types.renumber(&of(function(vec![written.clone()], simple(VOID)))));
        assert_eq!(flat[1], written);
        // A parameter of an enclosing function type stays what it is under another binder.
        let binder = of(generic(vec![object()], function(vec![class_param(BASE, 0, 0)], structural(0, 0))));
        let substitution = args(vec![structural(0, 0)]);
        let substitution = Substitution { class: Some(&substitution), function: None };
        let DartType::Function(result) = types.substitute(&binder, substitution) else {
            panic!("a function type")
        };
        let DartType::Parameter(free) = &result.positional[1] else { panic!("a type parameter") };
        assert_eq!(free.owner, TypeParamOwner::Structural(1));
    }
}
