//! Objects of constants and of everything else that code refers to by key.

use dart_kernel::{ConstIdx, LibIdx, Reference};
use dart_snapshot::ObjId;
use dart_snapshot::bits::ClosureLengthAndFlags;
use dart_snapshot::objects::{self, Array, InstanceWord, Object};
use rustc_hash::FxHashMap;
use snapcrane_program::ids::{CallShape, ClassId, FieldId, ObjectKey};
use snapcrane_program::types::TypeArgs;
use snapcrane_program::{ConstantValue, SlotKind};

use super::Image;
use crate::error::Error;

/// Smallest number of places of a hash index (`LinkedHashBase::kInitialIndexSize`).
const INITIAL_INDEX_SIZE: u64 = 8;

/// Objects that were made.
#[derive(Debug, Default)]
pub(super) struct Constants {
    made: FxHashMap<ConstIdx, ObjId>,
    descriptors: FxHashMap<CallShape, ObjId>,
    arrays: FxHashMap<ObjectKey, ObjId>,
    prefixes: FxHashMap<(LibIdx, u32), ObjId>,
}

impl Image<'_> {
    /// The object that a key stands for.
    pub(super) fn object_of_key(&mut self, key: &ObjectKey) -> Result<ObjId, Error> {
        Ok(match key {
            ObjectKey::Null => ObjId::NULL,
            ObjectKey::Bool(value) => ObjId::bool(*value),
            ObjectKey::Sentinel => ObjId::SENTINEL,
            ObjectKey::Int(value) => self.graph.integer(*value),
            ObjectKey::Double(bits) => self.graph.intern(objects::Double { bits: *bits }),
            ObjectKey::String(index) => self.symbol(*index),
            ObjectKey::Text(text) => self.graph.symbol(text),
            ObjectKey::Constant(constant) => self.constant(*constant)?,
            ObjectKey::Type(ty) => self.dart_type(ty),
            ObjectKey::TypeArgs(args) => self.type_args(args),
            ObjectKey::ArgumentsDescriptor(shape) => self.arguments_descriptor(shape),
            ObjectKey::Function(key) => self.function(key),
            ObjectKey::StaticClosure(key) => self.static_closure(key),
            ObjectKey::Field(field) => self.field(*field),
            ObjectKey::Class(class) => self.class(*class),
            ObjectKey::SubtypeTestCache { inputs, .. } => self.graph.add(objects::SubtypeTestCache {
                cache: self.common.empty_subtype_test_cache_array,
                num_inputs: u32::from(*inputs),
                num_occupied: 0,
            }),
            ObjectKey::LibraryPrefix { library, dependency } => self.library_prefix(*library, *dependency)?,
            ObjectKey::Root(name) => self.root_object(name)?,
            ObjectKey::ImmutableArray(elements) => {
                if let Some(&id) = self.constants.arrays.get(key) {
                    return Ok(id);
                }
                let elements = elements
                    .iter()
                    .map(|element| self.object_of_key(element))
                    .collect::<Result<Vec<_>, _>>()?;
                let id = self.graph.intern(Array::immutable(elements));
                self.constants.arrays.insert(key.clone(), id);
                id
            }
        })
    }

    /// The prefix of a deferred import. Of the imported library it has what the engine finds its loading unit by.
    fn library_prefix(&mut self, library: LibIdx, dependency: u32) -> Result<ObjId, Error> {
        if let Some(&id) = self.constants.prefixes.get(&(library, dependency)) {
            return Ok(id);
        }
        let import = self.program.component.libraries[library].dependencies.get(dependency as usize);
        let Some((import, Reference::Library(target))) = import.map(|import| (import, import.target)) else {
            let component = self.program.component;
            let uri = component.canonical_name(component.libraries[library].canonical_name).name;
            return Err(Error::MissingImport {
                library: component.string_lossy(uri).into_owned(),
                dependency,
            });
        };
        let target = self.libraries[&target];
        let namespace = self.graph.add(objects::Namespace { target });
        let imports = self.graph.add(Array::new(vec![namespace]));
        let name = self.symbol(import.prefix);
        let prefix = objects::LibraryPrefix { name, imports, num_imports: 1, is_deferred_load: true };
        let id = self.graph.add(prefix);
        self.constants.prefixes.insert((library, dependency), id);
        Ok(id)
    }

    fn root_object(&self, name: &'static str) -> Result<ObjId, Error> {
        let common = &self.common;
        Ok(match name {
            "empty_array" => common.empty_array,
            "mutable_empty_array" => common.mutable_empty_array,
            "empty_type_arguments" => common.empty_type_arguments,
            "uninitialized_index" => common.uninitialized_index,
            "uninitialized_data" => common.uninitialized_data,
            "empty_instantiations_cache_array" => common.empty_instantiations_cache_array,
            "empty_subtype_test_cache_array" => common.empty_subtype_test_cache_array,
            _ => {
                return Err(
                    dart_snapshot::Error::UnknownName { what: "root object", name: name.into() }.into()
                );
            }
        })
    }

    /// An arguments descriptor: `[type_args_len, count, size, positional_count, (name, position)*, null]`
    /// (`ArgumentsDescriptor` in `runtime/vm/dart_entry.h`). Names are sorted, which is the order they are passed in.
    fn arguments_descriptor(&mut self, shape: &CallShape) -> ObjId {
        if let Some(&id) = self.constants.descriptors.get(shape) {
            return id;
        }
        let count = shape.num_args() as i64;
        let numbers = [i64::from(shape.type_args), count, count, i64::from(shape.positional)];
        let mut elements: Vec<ObjId> = numbers.iter().map(|&number| self.graph.integer(number)).collect();
        for (index, &name) in shape.names.iter().enumerate() {
            elements.push(self.symbol(name));
            elements.push(self.graph.integer(i64::from(shape.positional) + index as i64));
        }
        elements.push(ObjId::NULL);
        // The engine's cached descriptors are interned the same way, so that there is one object per shape.
        let id = self.graph.intern(Array::immutable(elements));
        self.constants.descriptors.insert(shape.clone(), id);
        id
    }

    fn constant(&mut self, constant: ConstIdx) -> Result<ObjId, Error> {
        // Constants refer to earlier ones only, so the recursion below is as deep as constants are nested.
        if let Some(&id) = self.constants.made.get(&constant) {
            return Ok(id);
        }
        let id = match self.program.constant(constant)?.clone() {
            ConstantValue::Object(key) => self.object_of_key(&key)?,
            ConstantValue::List { type_args, elements } => {
                let type_arguments = self.type_args(&type_args);
                let elements = self.objects_of_keys(&elements)?;
                self.graph.add_canonical(Array { immutable: true, type_arguments, elements })
            }
            ConstantValue::Map { type_args, entries } => {
                let flat: Vec<ObjectKey> =
                    entries.iter().flat_map(|(key, value)| [key.clone(), value.clone()]).collect();
                let (type_arguments, hash_mask, data, used_data) = self.hash_fields(&type_args, &flat, 1)?;
                let deleted_keys = self.graph.integer(0);
                self.graph.add_canonical(objects::ConstMap {
                    type_arguments,
                    hash_mask,
                    data,
                    used_data,
                    deleted_keys,
                })
            }
            ConstantValue::Set { type_args, elements } => {
                let (type_arguments, hash_mask, data, used_data) =
                    self.hash_fields(&type_args, &elements, 2)?;
                let deleted_keys = self.graph.integer(0);
                self.graph.add_canonical(objects::ConstSet {
                    type_arguments,
                    hash_mask,
                    data,
                    used_data,
                    deleted_keys,
                })
            }
            ConstantValue::Instance { class, type_args, fields } => {
                self.instance(class, &type_args, &fields)?
            }
            ConstantValue::Instantiation { function, type_args } => {
                let generic = self.object_of_key(&function)?;
                let type_arguments = self.type_args(&type_args);
                let Object::Closure(closure) = self.graph.object(generic) else {
                    return Err(dart_snapshot::Error::Inconsistent {
                        object: self.graph.describe(generic),
                        reason: "is instantiated but no closure".into(),
                    }
                    .into());
                };
                let mut closure = closure.clone();
                let flags = ClosureLengthAndFlags::from_bits(closure.length_and_flags);
                if flags.has_delayed_type_args
                    && let Some(first) = closure.elements.first_mut()
                {
                    *first = type_arguments;
                }
                self.graph.add_canonical(closure)
            }
            ConstantValue::Record { shape, fields } => {
                let fields = self.objects_of_keys(&fields)?;
                let bits = self.record_shape(&shape);
                let field_names_index = dart_snapshot::bits::RecordShape::from_bits(bits).field_names_index;
                self.graph.add_canonical(objects::Record { field_names_index, fields })
            }
            ConstantValue::Unresolved(_) | ConstantValue::NamelessSymbol => ObjId::NULL,
        };
        self.constants.made.insert(constant, id);
        Ok(id)
    }

    fn objects_of_keys(&mut self, keys: &[ObjectKey]) -> Result<Vec<ObjId>, Error> {
        keys.iter().map(|key| self.object_of_key(key)).collect()
    }

    /// Fields of a constant map or set; its index is made on first use (`LinkedHashBase::ComputeAndSetHashMask` in
    /// `runtime/vm/object.cc`). An index has one place per element of a map's data (two per key), or two per key of a set.
    fn hash_fields(
        &mut self,
        type_args: &TypeArgs,
        data: &[ObjectKey],
        places_per_element: u64,
    ) -> Result<(ObjId, ObjId, ObjId, ObjId), Error> {
        let type_arguments = self.type_args(type_args);
        let elements = self.objects_of_keys(data)?;
        let used = elements.len() as i64;
        let index_size =
            ((data.len() as u64).next_power_of_two() * places_per_element).max(INITIAL_INDEX_SIZE);
        let data = self.graph.add_canonical(Array::immutable(elements));
        let hash_mask = self.index_hash_mask(index_size);
        let hash_mask = self.graph.integer(hash_mask);
        let used_data = self.graph.integer(used);
        Ok((type_arguments, hash_mask, data, used_data))
    }

    /// Bits of a hash code that the index stores beside a key's number (`LinkedHashBase::IndexSizeToHashMask`).
    fn index_hash_mask(&self, index_size: u64) -> i64 {
        let index_bits = index_size.ilog2() - 1;
        let pattern_bits = if self.target.smi_bits() == 63 { 32 } else { 30 };
        (1 << (pattern_bits - index_bits)) - 1
    }

    fn instance(
        &mut self,
        class: ClassId,
        type_args: &TypeArgs,
        fields: &[(FieldId, ObjectKey)],
    ) -> Result<ObjId, Error> {
        self.retain_class(class);
        let layout = self.class_layout(class);
        let first = (self.target.word_size() / self.target.compressed_word_size()) as i32;
        let mut words = vec![InstanceWord::Ref(ObjId::NULL); (layout.next_field - first).max(0) as usize];
        if layout.type_arguments >= 0 {
            words[(layout.type_arguments - first) as usize] = InstanceWord::Ref(self.type_args(type_args));
        }
        for (slot, &kind) in self.program.class(class).layout.slots.iter().enumerate() {
            if kind != SlotKind::Tagged
                && let Some(&at) = layout.slots.get(slot)
            {
                self.set_raw(&mut words, (at - first) as usize, 0);
            }
        }
        for (field, value) in fields {
            let declaration = &self.program.fields[*field];
            let at = (layout.slots[declaration.slot as usize] - first) as usize;
            match (declaration.repr, value) {
                (SlotKind::Double, ObjectKey::Double(bits)) => self.set_raw(&mut words, at, *bits),
                (SlotKind::Int64, ObjectKey::Int(value)) => self.set_raw(&mut words, at, *value as u64),
                _ => words[at] = InstanceWord::Ref(self.object_of_key(value)?),
            }
        }
        Ok(self.graph.add_canonical(objects::Instance { class_id: class.as_u32(), words }))
    }

    /// Sets an unboxed field, which is two words if a word is half as long.
    fn set_raw(&self, words: &mut [InstanceWord], at: usize, bits: u64) {
        if self.target.compressed_word_size() == 8 {
            words[at] = InstanceWord::Raw(bits);
        } else {
            words[at] = InstanceWord::Raw(bits & u64::from(u32::MAX));
            words[at + 1] = InstanceWord::Raw(bits >> 32);
        }
    }
}
