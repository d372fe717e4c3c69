//! Types and vectors of types: their flags, counts, hashes.

use super::Checker;
use crate::{ObjId, Object};
use dart_snapshot::bits::{
    AbstractTypeFlags, ParameterCounts, RecordShape, TypeFlags, TypeParameterCounts, TypeState,
};
use dart_snapshot::hash::{HASH_BITS, TypeHasher};
use dart_snapshot::objects::{Array, FunctionType, TypeArguments, TypeParameters};

impl Checker<'_, '_> {
    pub(super) fn types(&mut self) {
        let snapshot = self.snapshot;
        let graph = &snapshot.graph;
        for (id, object) in graph.iter() {
            match object {
                Object::Type(t) => {
                    let flags = TypeFlags::from_bits(t.flags);
                    if flags.bits() != t.flags {
                        self.object(id, format!("flags {:#x}", t.flags));
                    }
                    self.type_state(id, flags.state);
                    if snapshot.class(flags.class_id).is_none() {
                        self.object(id, format!("class {} is not in the snapshot", flags.class_id));
                    }
                    self.type_hash(id, t.hash);
                }
                Object::FunctionType(t) => self.function_type(id, t),
                Object::RecordType(t) => {
                    let shape = RecordShape::from_bits(t.shape as u32);
                    let fields = graph.get::<Array>(t.field_types).map_or(0, |array| array.elements.len());
                    if shape.num_fields as usize != fields {
                        self.object(id, format!("{fields} field types, shape of {}", shape.num_fields));
                    }
                    self.type_state(id, AbstractTypeFlags::from_bits(t.flags).state);
                    self.type_hash(id, t.hash);
                }
                Object::TypeParameter(t) => {
                    let flags = AbstractTypeFlags::from_bits(t.flags);
                    let is_function = matches!(graph.object(t.owner), Object::FunctionType(_));
                    if flags.is_function_type_parameter != is_function {
                        self.object(
                            id,
                            format!("its owner is {}, its flags say otherwise", graph.describe(t.owner)),
                        );
                    }
                    self.type_state(id, flags.state);
                    self.type_hash(id, t.hash);
                }
                _ => {}
            }
        }
    }

    fn type_state(&mut self, id: ObjId, state: TypeState) {
        if state == TypeState::Allocated {
            self.object(id, "is a type that is not finalized");
        }
    }

    fn function_type(&mut self, id: ObjId, t: &FunctionType) {
        let graph = &self.snapshot.graph;
        let length = |id| graph.get::<Array>(id).map_or(0, |array| array.elements.len());
        let counts = ParameterCounts::from_bits(t.packed_parameter_counts);
        let (found, fixed, optional) = (length(t.parameter_types), counts.num_fixed, counts.num_optional);
        if found != usize::from(fixed) + usize::from(optional) {
            self.object(
                id,
                format!("{found} parameter types, counts say {fixed} and {optional} optional ones"),
            );
        }
        if counts.has_named_optional && length(t.named_parameter_names) < optional.into() {
            self.object(
                id,
                format!("{optional} named parameters, {} names", length(t.named_parameter_names)),
            );
        }
        let type_parameters =
            usize::from(TypeParameterCounts::from_bits(t.packed_type_parameter_counts).num_type_parameters);
        match graph.get::<TypeParameters>(t.type_parameters) {
            Ok(_) if type_parameters == 0 => self.object(id, "has TypeParameters, counts say none"),
            Ok(parameters) => {
                let names = length(parameters.names);
                if names != 0 && names != type_parameters {
                    self.object(id, format!("{names} names of {type_parameters} type parameters"));
                }
            }
            Err(_) if type_parameters > 0 => {
                self.object(id, format!("{type_parameters} type parameters are missing"))
            }
            Err(_) => {}
        }
        // The signature of a stub's made-up owner is never finalized; nothing looks at it.
        if graph.is_canonical(id) || !t.result_type.is_null() {
            self.type_state(id, AbstractTypeFlags::from_bits(t.flags).state);
            if t.result_type.is_null() {
                self.object(id, "has no result type");
            }
            self.type_hash(id, t.hash);
        }
    }

    fn type_hash(&mut self, id: ObjId, carried: i64) {
        if carried == 0 {
            if self.snapshot.graph.is_canonical(id) {
                self.object(id, "is canonical and has no hash");
            }
            return;
        }
        if !(0..1 << HASH_BITS).contains(&carried) {
            return self.object(id, format!("hash {carried:#x}"));
        }
        match TypeHasher::new(&self.snapshot.graph, &self.snapshot.spec).compute_abstract_type(id) {
            Ok(computed) if i64::from(computed) == carried => {}
            Ok(computed) => self.object(id, format!("hash {carried:#x}, computed {computed:#x}")),
            Err(error) => self.object(id, error.to_string()),
        }
    }

    pub(super) fn type_arguments(&mut self) {
        let snapshot = self.snapshot;
        let hasher = TypeHasher::new(&snapshot.graph, &snapshot.spec);
        for (id, arguments) in snapshot.of_kind::<TypeArguments>() {
            match hasher.summarize(&arguments.types, snapshot.format.smi_bits()) {
                Ok(summary) => {
                    if arguments.hash != summary.hash {
                        self.object(id, format!("hash {:#x}, computed {:#x}", arguments.hash, summary.hash));
                    }
                    if arguments.nullability != summary.nullability {
                        let (found, computed) = (arguments.nullability, summary.nullability);
                        self.object(id, format!("nullability {found:#x}, computed {computed:#x}"));
                    }
                }
                Err(error) => self.object(id, error.to_string()),
            }
        }
    }
}
