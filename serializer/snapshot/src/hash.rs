//! The VM's 30-bit hashes (`runtime/vm/hash.h`, `ComputeHash` in `object.cc`).
//!
//! Canonical tables are laid out by these, and the runtime probes them, so they must be the runtime's own. 0
//! means "not computed" and is never a hash.

use crate::bits::{AbstractTypeFlags, ParameterCounts, TypeFlags, TypeParameterCounts};
use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::objects::{Array, Object, TypeArguments, TypeParameters};
use crate::spec::FormatSpec;
use std::cell::Cell;

/// Bits of a hash.
pub const HASH_BITS: u32 = 30;

/// Mixes `other` into `hash`.
pub fn combine(hash: u32, other: u32) -> u32 {
    let hash = hash.wrapping_add(other);
    let hash = hash.wrapping_add(hash << 10);
    hash ^ hash >> 6
}

/// Ends a sequence of [`combine`]s.
pub fn finalize(hash: u32) -> u32 {
    let hash = hash.wrapping_add(hash << 3);
    let hash = hash ^ hash >> 11;
    let hash = hash.wrapping_add(hash << 15);
    (hash & ((1 << HASH_BITS) - 1)).max(1)
}

/// Hash of a string's code units.
pub fn string(units: impl IntoIterator<Item = u16>) -> u32 {
    finalize(units.into_iter().fold(0, |hash, unit| combine(hash, u32::from(unit))))
}

/// Hash and nullability vector of a TypeArguments object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeArgumentsSummary {
    /// Hash.
    pub hash: u32,
    /// Bit i: type i is nullable; all zero if the vector is too long for the target's Smis.
    pub nullability: u64,
}

/// Computes hashes of types, reusing those that objects carry.
pub struct TypeHasher<'a> {
    graph: &'a Graph,
    spec: &'a FormatSpec,
    depth: Cell<u32>,
    steps: Cell<u32>,
}

/// Levels of types within types that carry no hash.
const MAX_DEPTH: u32 = 1000;
/// Types that are computed on the way to one hash.
const MAX_STEPS: u32 = 1_000_000;

impl<'a> TypeHasher<'a> {
    /// A hasher over `graph`.
    pub fn new(graph: &'a Graph, spec: &'a FormatSpec) -> TypeHasher<'a> {
        TypeHasher { graph, spec, depth: Cell::new(0), steps: Cell::new(0) }
    }

    fn error(&self, id: ObjId, reason: &str) -> Error {
        Error::Inconsistent { object: self.graph.describe(id), reason: reason.into() }
    }

    /// Hash of a Type, FunctionType, RecordType or TypeParameter: the one it carries, or computed.
    ///
    /// # Errors
    /// The object is no type, or what it refers to is not what its class demands.
    pub fn abstract_type(&self, id: ObjId) -> Result<u32> {
        match self.carried(id) {
            None => Err(self.error(id, "is not a type")),
            Some(0) => self.compute_abstract_type(id),
            Some(hash) => Ok(hash),
        }
    }

    /// The hash that a type carries, 0 if none; `None` for other objects.
    pub fn carried(&self, id: ObjId) -> Option<u32> {
        Some(match self.graph.contains(id).then(|| self.graph.object(id))? {
            Object::Type(t) => t.hash,
            Object::FunctionType(t) => t.hash,
            Object::RecordType(t) => t.hash,
            Object::TypeParameter(t) => t.hash,
            _ => return None,
        } as u32)
    }

    /// Hash of a type from its fields, whatever hash it carries.
    ///
    /// # Errors
    /// As [`TypeHasher::abstract_type`].
    pub fn compute_abstract_type(&self, id: ObjId) -> Result<u32> {
        // Types whose parts carry no hashes yet are computed all the way down. Damaged ones may be cyclic, or share parts so
        // that the ways down are too many to go.
        let (depth, steps) = (self.depth.get() + 1, self.steps.get() + 1);
        if depth == 1 {
            self.steps.set(0);
        } else if depth > MAX_DEPTH || steps > MAX_STEPS {
            return Err(self.error(id, "is nested too deeply in types without hashes"));
        } else {
            self.steps.set(steps);
        }
        self.depth.set(depth);
        let hash = self.hash_parts(id);
        self.depth.set(depth - 1);
        hash
    }

    fn hash_parts(&self, id: ObjId) -> Result<u32> {
        let elements = |array: ObjId| -> Result<&[ObjId]> {
            if array.is_null() { Ok(&[]) } else { Ok(&self.graph.get::<Array>(array)?.elements) }
        };
        match self.graph.object(id) {
            Object::Type(t) => {
                let flags = TypeFlags::from_bits(t.flags);
                let hash = combine(flags.class_id, u32::from(flags.is_non_nullable));
                Ok(finalize(combine(hash, self.type_arguments(t.arguments)?)))
            }
            Object::FunctionType(t) => {
                let counts = ParameterCounts::from_bits(t.packed_parameter_counts);
                let mut hash = combine(t.packed_parameter_counts, u32::from(t.packed_type_parameter_counts));
                hash = combine(hash, u32::from(AbstractTypeFlags::from_bits(t.flags).is_non_nullable));
                if TypeParameterCounts::from_bits(t.packed_type_parameter_counts).num_type_parameters > 0 {
                    let parameters = self.graph.get::<TypeParameters>(t.type_parameters)?;
                    hash = combine(hash, self.type_arguments(parameters.bounds)?);
                }
                hash = combine(hash, self.abstract_type(t.result_type)?);
                let parameter_types = elements(t.parameter_types)?;
                if parameter_types.len() != usize::from(counts.num_fixed) + usize::from(counts.num_optional) {
                    return Err(self.error(id, "parameter_types and packed_parameter_counts disagree"));
                }
                for &parameter in parameter_types {
                    hash = combine(hash, self.abstract_type(parameter)?);
                }
                if counts.has_named_optional {
                    let names = elements(t.named_parameter_names)?;
                    let names = names
                        .get(..usize::from(counts.num_optional))
                        .ok_or_else(|| self.error(id, "has fewer names than named parameters"))?;
                    for &name in names {
                        hash = combine(hash, self.graph.get::<crate::objects::Str>(name)?.hash_code());
                    }
                }
                Ok(finalize(hash))
            }
            Object::RecordType(t) => {
                let mut hash = combine(0, u32::from(AbstractTypeFlags::from_bits(t.flags).is_non_nullable));
                hash = combine(hash, t.shape as u32);
                for &field in elements(t.field_types)? {
                    hash = combine(hash, self.abstract_type(field)?);
                }
                Ok(finalize(hash))
            }
            Object::TypeParameter(t) => {
                let mut hash = combine(u32::from(t.base), u32::from(t.index));
                hash = combine(hash, u32::from(AbstractTypeFlags::from_bits(t.flags).is_non_nullable));
                match self.graph.contains(t.owner).then(|| self.graph.object(t.owner)) {
                    Some(Object::FunctionType(owner)) => {
                        hash = combine(hash, owner.packed_parameter_counts);
                        hash = combine(hash, u32::from(owner.packed_type_parameter_counts));
                    }
                    Some(Object::Mint(class_id)) => hash = combine(hash, class_id.value as u32),
                    _ => return Err(self.error(id, "is owned by neither a function type nor a class id")),
                }
                Ok(finalize(hash))
            }
            _ => Err(self.error(id, "is not a type")),
        }
    }

    /// Hash of a type-argument vector or null: the one it carries, or computed.
    ///
    /// # Errors
    /// The object is neither, or an element is no type.
    pub fn type_arguments(&self, id: ObjId) -> Result<u32> {
        if id.is_null() {
            return Ok(1);
        }
        let arguments = self.graph.get::<TypeArguments>(id)?;
        if arguments.hash != 0 { Ok(arguments.hash) } else { self.compute_type_arguments(&arguments.types) }
    }

    /// Hash of a vector from its elements.
    ///
    /// # Errors
    /// An element is no type.
    pub fn compute_type_arguments(&self, types: &[ObjId]) -> Result<u32> {
        let dynamic = self.spec.class_ids.dynamic;
        let is_dynamic =
            |&t: &ObjId| matches!(self.graph.object(t), Object::Type(t) if t.class_id() == dynamic);
        if let Some(&bad) = types.iter().find(|&&t| !self.graph.contains(t)) {
            return Err(self.error(bad, "is not a type"));
        }
        if types.iter().all(is_dynamic) {
            return Ok(1);
        }
        let mut hash = 0;
        for &t in types {
            hash = combine(hash, self.abstract_type(t)?);
        }
        Ok(finalize(hash))
    }

    /// Hash and nullability of a vector.
    ///
    /// # Errors
    /// An element is no type.
    pub fn summarize(&self, types: &[ObjId], smi_bits: u32) -> Result<TypeArgumentsSummary> {
        let hash = self.compute_type_arguments(types)?;
        let mut nullability = 0;
        // The vector is a Smi in the VM, and its sign bit stays clear.
        if types.len() < smi_bits as usize {
            for (i, &t) in types.iter().enumerate() {
                nullability |= u64::from(self.is_nullable(t)?) << i;
            }
        }
        Ok(TypeArgumentsSummary { hash, nullability })
    }

    fn is_nullable(&self, id: ObjId) -> Result<bool> {
        let non_nullable = match self.graph.object(id) {
            Object::Type(t) => TypeFlags::from_bits(t.flags).is_non_nullable,
            Object::FunctionType(t) => AbstractTypeFlags::from_bits(t.flags).is_non_nullable,
            Object::RecordType(t) => AbstractTypeFlags::from_bits(t.flags).is_non_nullable,
            Object::TypeParameter(t) => AbstractTypeFlags::from_bits(t.flags).is_non_nullable,
            _ => return Err(self.error(id, "is not a type")),
        };
        Ok(!non_nullable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_string_hashes_to_one() {
        assert_eq!(string([]), 1);
    }

    #[test]
    fn string_hash_is_jenkins_one_at_a_time() {
        // Worked by hand: one unit 0x61.
        let h = 0x61u32;
        let h = h.wrapping_add(h << 10);
        let h = h ^ h >> 6;
        let h = h.wrapping_add(h << 3);
        let h = h ^ h >> 11;
        let h = h.wrapping_add(h << 15) & 0x3fff_ffff;
        assert_eq!(string("a".encode_utf16()), h);
        assert_ne!(string("ab".encode_utf16()), string("ba".encode_utf16()));
    }
}
