//! Type objects.
//!
//! Types are canonical: one object per type. Structural equality of [`DartType`] is the engine's equality, so the cache here and interning in the
//! graph make them unique. A generic function type is a cycle (its type parameters name it as their owner); it is found by structure before it is
//! made, and its parts are made with the unfinished object as owner.
//!
//! A type parameter of a function that occurs free (in the code of that function) has the function's signature as its owner.

use std::sync::Arc;

use dart_snapshot::ObjId;
use dart_snapshot::bits::{AbstractTypeFlags, ParameterCounts, TypeFlags, TypeParameterCounts, TypeState};
use dart_snapshot::objects::{self, Array};
use rustc_hash::FxHashMap;
use snapcrane_program::ids::{BodyId, ClassId, FunctionKey};
use snapcrane_program::types::{
    DartType, FunctionType, RecordShape, TypeArgs, TypeParamOwner, TypeParameter,
};

use super::Image;

/// Caches of type objects.
#[derive(Debug, Default)]
pub(super) struct Types {
    /// Types without free structural parameters.
    pub(super) closed: FxHashMap<DartType, ObjId>,
    /// Generic function types inside other generic function types, by the objects of the enclosing ones.
    pub(super) nested: FxHashMap<(Vec<ObjId>, Arc<FunctionType>), ObjId>,
    /// Named-field lists of record shapes: index in the object store's list.
    pub(super) record_names: FxHashMap<Vec<dart_kernel::StrIdx>, u32>,
    /// Code of the stub that all types get as their type test; no compiled code calls it.
    pub(super) type_test_stub: ObjId,
    /// `empty_instantiations_cache_array`.
    pub(super) instantiations: ObjId,
}

impl Image<'_> {
    /// The object of a type.
    pub(super) fn dart_type(&mut self, ty: &DartType) -> ObjId {
        self.type_in(ty, &mut Vec::new())
    }

    /// The object of a type argument vector; null for a vector of `dynamic`.
    pub(super) fn type_args(&mut self, args: &TypeArgs) -> ObjId {
        self.type_args_in(args, &mut Vec::new())
    }

    /// A vector of types, also if all are `dynamic`.
    pub(super) fn type_vector(&mut self, types: &[DartType]) -> ObjId {
        self.type_vector_in(types, &mut Vec::new())
    }

    fn type_args_in(&mut self, args: &TypeArgs, scopes: &mut Vec<ObjId>) -> ObjId {
        match args {
            None => ObjId::NULL,
            Some(types) => self.type_vector_in(types, scopes),
        }
    }

    fn type_vector_in(&mut self, types: &[DartType], scopes: &mut Vec<ObjId>) -> ObjId {
        let ids: Vec<ObjId> = types.iter().map(|ty| self.type_in(ty, scopes)).collect();
        let mut nullability = 0u64;
        if types.len() <= (self.target.smi_bits() as usize - 1).min(62) {
            for (index, ty) in types.iter().enumerate() {
                nullability |= u64::from(is_nullable(ty)) << index;
            }
        }
        let instantiations = if types.is_empty() { ObjId::NULL } else { self.types.instantiations };
        self.graph.intern(objects::TypeArguments { types: ids, nullability, instantiations, hash: 0 })
    }

    fn type_in(&mut self, ty: &DartType, scopes: &mut Vec<ObjId>) -> ObjId {
        let closed = scopes.is_empty() || !mentions_structural(ty, 0);
        if closed && let Some(&id) = self.types.closed.get(ty) {
            return id;
        }
        let id = match ty {
            DartType::Interface { class, args, nullable } => {
                let arguments = self.type_args_in(args, scopes);
                self.retain_class(*class);
                let flags =
                    TypeFlags { is_non_nullable: !nullable, state: state(ty), class_id: class.as_u32() };
                self.graph.intern(objects::Type {
                    type_test_stub: self.types.type_test_stub,
                    hash: 0,
                    arguments,
                    flags: flags.bits(),
                })
            }
            DartType::Record(record) => {
                let fields: Vec<ObjId> =
                    record.fields.iter().map(|field| self.type_in(field, scopes)).collect();
                let field_types = self.graph.add(Array::new(fields));
                let shape = i64::from(self.record_shape(&record.shape));
                self.graph.intern(objects::RecordType {
                    type_test_stub: self.types.type_test_stub,
                    hash: 0,
                    shape,
                    field_types,
                    flags: abstract_flags(record.nullable, ty),
                })
            }
            DartType::Function(function) => self.function_type_in(function, ty, scopes),
            DartType::Parameter(parameter) => self.type_parameter(parameter, scopes),
        };
        if closed {
            self.types.closed.insert(ty.clone(), id);
        }
        id
    }

    fn type_parameter(&mut self, parameter: &TypeParameter, scopes: &[ObjId]) -> ObjId {
        let owner = match parameter.owner {
            TypeParamOwner::Class(class) => {
                self.retain_class(class);
                self.graph.integer(i64::from(class.as_u32()))
            }
            TypeParamOwner::Function(body) => self.body_signature(body),
            TypeParamOwner::Structural(depth) => scopes[scopes.len() - 1 - usize::from(depth)],
        };
        let flags = AbstractTypeFlags {
            is_non_nullable: !parameter.nullable,
            state: TypeState::FinalizedInstantiated,
            is_function_type_parameter: !matches!(parameter.owner, TypeParamOwner::Class(_)),
        };
        self.graph.intern(objects::TypeParameter {
            type_test_stub: self.types.type_test_stub,
            hash: 0,
            owner,
            base: parameter.base,
            index: parameter.index,
            flags: flags.bits(),
        })
    }

    fn function_type_in(
        &mut self,
        function: &Arc<FunctionType>,
        ty: &DartType,
        scopes: &mut Vec<ObjId>,
    ) -> ObjId {
        if function.type_params.is_empty() {
            let object = self.function_type_object(function, ty, ObjId::NULL, scopes);
            return self.graph.intern(object);
        }
        // The generic type is a scope of its own: a type parameter's depth counts generic function types only if they are scopes.
        let key = (scopes.clone(), Arc::clone(function));
        if let Some(&id) = self.types.nested.get(&key) {
            return id;
        }
        let id = self.graph.add_canonical(objects::FunctionType::default());
        self.types.nested.insert(key, id);
        scopes.push(id);
        let type_parameters = self.type_parameters_object(&function.type_params, scopes);
        let object = self.function_type_object(function, ty, type_parameters, scopes);
        scopes.pop();
        *self.graph.object_mut(id) = object.into();
        id
    }

    fn type_parameters_object(
        &mut self,
        params: &[snapcrane_program::types::TypeParamDecl],
        scopes: &mut Vec<ObjId>,
    ) -> ObjId {
        let bounds: Vec<DartType> = params.iter().map(|param| param.bound.clone()).collect();
        let defaults: Vec<DartType> = params.iter().map(|param| param.default.clone()).collect();
        let bounds = self.type_vector_in(&bounds, scopes);
        let defaults = if defaults.iter().all(|ty| self.program.is_dynamic(ty)) {
            ObjId::NULL
        } else {
            self.type_vector_in(&defaults, scopes)
        };
        // Nobody reads the names, but their number is the number of parameters (`TypeParameters::Length`).
        let unnamed = self.graph.symbol("");
        let names = self.array_or_empty(vec![unnamed; params.len()]);
        self.graph.add(objects::TypeParameters { names, flags: ObjId::NULL, bounds, defaults })
    }

    fn function_type_object(
        &mut self,
        function: &FunctionType,
        ty: &DartType,
        type_parameters: ObjId,
        scopes: &mut Vec<ObjId>,
    ) -> objects::FunctionType {
        let result_type = self.type_in(&function.result, scopes);
        let mut parameters = Vec::new();
        for parameter in function.positional.iter().chain(function.named.iter().map(|named| &named.ty)) {
            parameters.push(self.type_in(parameter, scopes));
        }
        let parameter_types = self.array_or_empty(parameters);
        let mut names: Vec<ObjId> = function.named.iter().map(|named| self.symbol(named.name)).collect();
        if function.named.iter().any(|named| named.required) {
            // One bit per named parameter, a few in each Smi.
            for chunk in function.named.chunks(self.required_bits_per_smi()) {
                let mut bits = 0i64;
                for (index, named) in chunk.iter().enumerate() {
                    bits |= i64::from(named.required) << index;
                }
                names.push(self.graph.integer(bits));
            }
            while names.last() == Some(&self.graph.integer(0)) {
                names.pop();
            }
        }
        let named_parameter_names = self.array_or_empty(names);
        let has_named = !function.named.is_empty();
        let optional = if has_named {
            function.named.len()
        } else {
            function.positional.len() - usize::from(function.required)
        };
        objects::FunctionType {
            type_test_stub: self.types.type_test_stub,
            hash: 0,
            type_parameters,
            result_type,
            parameter_types,
            named_parameter_names,
            flags: abstract_flags(function.nullable, ty),
            packed_parameter_counts: ParameterCounts {
                num_implicit: function.implicit_params as u8,
                has_named_optional: has_named,
                num_fixed: function.required,
                num_optional: optional as u16,
            }
            .bits(),
            packed_type_parameter_counts: TypeParameterCounts {
                num_parent_type_arguments: function.parent_type_args as u8,
                num_type_parameters: function.type_params.len() as u8,
            }
            .bits(),
        }
    }

    /// Bits of required-parameter flags in one Smi (`kNumParameterFlagsPerElement` in `runtime/vm/object.h`).
    fn required_bits_per_smi(&self) -> usize {
        2 * self.target.word_size() as usize
    }

    /// The `Array` of some objects; the canonical empty array if there are none.
    pub(super) fn array_or_empty(&mut self, elements: Vec<ObjId>) -> ObjId {
        if elements.is_empty() { self.empty_array } else { self.graph.add(Array::new(elements)) }
    }

    /// The signature of a body that declares type parameters: their owner.
    fn body_signature(&mut self, body: BodyId) -> ObjId {
        match body {
            BodyId::Member(member) => self.signature(&FunctionKey::Member(member)),
            BodyId::Local(node) => self.signature(&FunctionKey::Local(node)),
            BodyId::FieldInit(field) => self.signature(&FunctionKey::FieldInit(field)),
        }
    }

    /// The shape word of a record.
    pub(super) fn record_shape(&mut self, shape: &RecordShape) -> u32 {
        let field_names_index = if shape.names.is_empty() {
            0
        } else {
            // Types may name shapes that no record has; their numbers follow those of the records.
            let next = self.types.record_names.len() as u32 + 1;
            *self.types.record_names.entry(shape.names.clone()).or_insert(next)
        };
        dart_snapshot::bits::RecordShape { num_fields: shape.num_fields() as u32, field_names_index }.bits()
    }

    /// The type of instances of a class whose type arguments are all `dynamic` (`Class::RareType`).
    pub(super) fn rare_type(&mut self, class: ClassId, nullable: bool) -> ObjId {
        self.dart_type(&DartType::Interface { class, args: None, nullable })
    }
}

fn abstract_flags(nullable: bool, ty: &DartType) -> u8 {
    AbstractTypeFlags { is_non_nullable: !nullable, state: state(ty), is_function_type_parameter: false }
        .bits()
}

/// Whether a type has type parameters that are not its own.
fn state(ty: &DartType) -> TypeState {
    if is_instantiated(ty, 0) { TypeState::FinalizedInstantiated } else { TypeState::FinalizedUninstantiated }
}

fn is_instantiated(ty: &DartType, depth: u16) -> bool {
    !any_parameter(ty, depth, &mut |parameter, depth| match parameter.owner {
        TypeParamOwner::Structural(at) => at >= depth,
        _ => true,
    })
}

/// Whether a type mentions parameters of function types around it.
fn mentions_structural(ty: &DartType, depth: u16) -> bool {
    any_parameter(
        ty,
        depth,
        &mut |parameter, depth| matches!(parameter.owner, TypeParamOwner::Structural(at) if at >= depth),
    )
}

/// Whether `test` holds for a type parameter in the type; it gets the number of generic function types between.
fn any_parameter(ty: &DartType, depth: u16, test: &mut dyn FnMut(&TypeParameter, u16) -> bool) -> bool {
    match ty {
        DartType::Interface { args, .. } => {
            args.as_ref().is_some_and(|args| args.iter().any(|arg| any_parameter(arg, depth, test)))
        }
        DartType::Record(record) => record.fields.iter().any(|field| any_parameter(field, depth, test)),
        DartType::Function(function) => {
            let inner = depth + u16::from(!function.type_params.is_empty());
            function.type_params.iter().any(|param| {
                any_parameter(&param.bound, inner, test) || any_parameter(&param.default, inner, test)
            }) || any_parameter(&function.result, inner, test)
                || function.positional.iter().any(|ty| any_parameter(ty, inner, test))
                || function.named.iter().any(|named| any_parameter(&named.ty, inner, test))
        }
        DartType::Parameter(parameter) => test(parameter, depth),
    }
}

/// Whether a type has the nullable bit.
fn is_nullable(ty: &DartType) -> bool {
    match ty {
        DartType::Interface { nullable, .. } => *nullable,
        DartType::Function(function) => function.nullable,
        DartType::Record(record) => record.nullable,
        DartType::Parameter(parameter) => parameter.nullable,
    }
}
