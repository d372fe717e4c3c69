//! Types and type-argument vectors.

use super::{alloc_length, objects, references, refs::*};
use crate::codec::{Codec, Describe};
use crate::error::Result;
use crate::graph::ObjId;

objects! {
    /// `UntaggedType`.
    fixed Type {
        /// Code that tests instances against it.
        type_test_stub: reference(CODE),
        /// See [`crate::hash`]; 0 if not computed, the writer then does.
        hash: smi,
        /// Arguments; null when all are `dynamic` or the class is not generic.
        arguments: reference(TYPE_ARGUMENTS.or_null()),
        /// See [`crate::bits::TypeFlags`].
        flags: unsigned,
    }

    /// `UntaggedFunctionType`.
    fixed FunctionType {
        /// Code that tests instances against it.
        type_test_stub: reference(CODE),
        /// See [`crate::hash`]; 0 if not computed, the writer then does.
        hash: smi,
        /// Own type parameters.
        type_parameters: reference(TYPE_PARAMETERS.or_null()),
        /// Result.
        result_type: reference(ABSTRACT_TYPE.or_null()),
        /// Parameters, implicit ones included.
        parameter_types: reference(ARRAY.or_null()),
        /// Names of named parameters, then, if one is `required`, Smis with a bit per name.
        named_parameter_names: reference(ARRAY.or_null()),
        /// See [`crate::bits::AbstractTypeFlags`].
        flags: byte,
        /// See [`crate::bits::ParameterCounts`].
        packed_parameter_counts: u32,
        /// Low byte: type parameters of enclosing functions. High byte: own ones.
        packed_type_parameter_counts: u16,
    }

    /// `UntaggedRecordType`.
    fixed RecordType {
        /// Code that tests instances against it.
        type_test_stub: reference(CODE),
        /// See [`crate::hash`]; 0 if not computed, the writer then does.
        hash: smi,
        /// See [`crate::bits::RecordShape`].
        shape: smi,
        /// Types of the fields.
        field_types: reference(ARRAY),
        /// See [`crate::bits::AbstractTypeFlags`].
        flags: byte,
    }

    /// `UntaggedTypeParameter`.
    fixed TypeParameter {
        /// Code that tests instances against it.
        type_test_stub: reference(CODE),
        /// See [`crate::hash`]; 0 if not computed, the writer then does.
        hash: smi,
        /// FunctionType, or the integer object of a class id.
        owner: reference(FUNCTION_TYPE_OR_SMI),
        /// Number of type parameters declared around the owner.
        base: u16,
        /// Index in the vector that holds the argument.
        index: u16,
        /// See [`crate::bits::AbstractTypeFlags`]; bit 3: of a function type.
        flags: byte,
    }
}

/// `UntaggedTypeArguments`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TypeArguments {
    /// See [`crate::hash`]; 0 if not computed, the writer then does.
    pub hash: u32,
    /// Bit i: type i is nullable; the writer computes it together with the hash.
    pub nullability: u64,
    /// Instantiation cache; `empty_instantiations_cache_array` unless the vector is always instantiated.
    pub instantiations: ObjId,
    /// The types.
    pub types: Vec<ObjId>,
}

impl Describe for TypeArguments {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.types)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.types.len() as u64)?;
        codec.u32("hash", &mut self.hash)?;
        codec.unsigned64("nullability", &mut self.nullability)?;
        codec.reference("instantiations", &mut self.instantiations, ARRAY.or_null())?;
        references(codec, "type", &mut self.types, ABSTRACT_TYPE)
    }
}

impl Type {
    /// Class id packed into the flags.
    pub fn class_id(&self) -> u32 {
        crate::bits::TypeFlags::from_bits(self.flags).class_id
    }
}
