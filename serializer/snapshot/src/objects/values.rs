//! Instances: numbers, strings, collections, typed data, closures, records.

use super::{alloc_length, objects, references, refs::*};
use crate::codec::{Codec, Describe, RefType};
use crate::error::Result;
use crate::graph::ObjId;
use crate::spec::ClassIds;

objects! {
    /// An integer: a Smi or a Mint, as the target's reader decides. Wholly in the allocation section.
    prefix Mint {
        /// Value.
        value: i64,
    }

    /// `UntaggedDouble`.
    fixed Double {
        /// IEEE bits.
        bits: u64,
    }

    /// `UntaggedStackTrace`.
    fixed StackTrace {
        /// Trace of the awaiter.
        async_link: reference(STACK_TRACE.or_null()),
        /// Codes.
        code_array: reference(ARRAY.or_null()),
        /// Offsets.
        pc_offset_array: reference(TYPED_DATA_BASE.or_null()),
    }

    /// `UntaggedRegExp`.
    fixed RegExp {
        /// Group names.
        capture_name_map: reference(ARRAY.or_null()),
        /// Source.
        pattern: reference(STRING.or_null()),
        /// Bytecode for one-byte subjects.
        one_byte: reference(TYPED_DATA_BASE.or_null()),
        /// Bytecode for two-byte subjects.
        two_byte: reference(TYPED_DATA_BASE.or_null()),
        /// Bytecode for one-byte subjects, sticky.
        one_byte_sticky: reference(TYPED_DATA_BASE.or_null()),
        /// Bytecode for two-byte subjects, sticky.
        two_byte_sticky: reference(TYPED_DATA_BASE.or_null()),
        /// Registers.
        num_one_byte_registers: i32,
        /// Registers.
        num_two_byte_registers: i32,
        /// Flags.
        flags: u32,
    }

    /// `UntaggedWeakProperty`.
    fixed WeakProperty {
        /// Key.
        key: reference(RefType::ANY),
        /// Value, alive while the key is.
        value: reference(RefType::ANY),
    }

    /// `UntaggedMap` of a constant map. Its hash index is rebuilt on first use.
    fixed ConstMap {
        /// Type arguments.
        type_arguments: reference(TYPE_ARGUMENTS.or_null()),
        /// Mask of the hash index.
        hash_mask: reference(SMI.or_null()),
        /// Keys and values, alternating.
        data: reference(ARRAY.or_null()),
        /// Used prefix of `data`.
        used_data: reference(SMI.or_null()),
        /// Deleted keys.
        deleted_keys: reference(SMI.or_null()),
    }

    /// `UntaggedSet` of a constant set. Its hash index is rebuilt on first use.
    fixed ConstSet {
        /// Type arguments.
        type_arguments: reference(TYPE_ARGUMENTS.or_null()),
        /// Mask of the hash index.
        hash_mask: reference(SMI.or_null()),
        /// Elements.
        data: reference(ARRAY.or_null()),
        /// Used prefix of `data`.
        used_data: reference(SMI.or_null()),
        /// Deleted keys.
        deleted_keys: reference(SMI.or_null()),
    }

    /// `UntaggedGrowableObjectArray`.
    fixed GrowableObjectArray {
        /// Type arguments.
        type_arguments: reference(TYPE_ARGUMENTS.or_null()),
        /// Length.
        length: smi,
        /// Storage.
        data: reference(ARRAY),
    }

    /// `UntaggedTypedDataView`.
    prefix TypedDataView {
        /// Length in elements.
        length: smi,
        /// Storage.
        typed_data: reference(TYPED_DATA_BASE),
        /// Start.
        offset_in_bytes: smi,
        ;
        /// Element type, or `None` for ByteData.
        element: Option<TypedDataType>,
    }
}

impl Describe for Mint {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        self.fixed_fields(codec)
    }

    fn fill<C: Codec>(&mut self, _codec: &mut C) -> Result<()> {
        Ok(())
    }
}

impl Describe for TypedDataView {
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        self.fixed_fields(codec)
    }
}

/// The 128-bit vector classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SimdKind {
    /// Float32x4.
    #[default]
    Float32x4,
    /// Int32x4.
    Int32x4,
    /// Float64x2.
    Float64x2,
}

/// A 128-bit vector.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Simd {
    /// Class.
    pub kind: SimdKind,
    /// Lanes in memory order.
    pub bytes: [u8; 16],
}

impl Describe for Simd {
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.bytes("value", &mut self.bytes)
    }
}

/// `UntaggedArray`: Array, or ImmutableArray.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Array {
    /// Which of the two classes.
    pub immutable: bool,
    /// Type arguments.
    pub type_arguments: ObjId,
    /// Elements.
    pub elements: Vec<ObjId>,
}

impl Array {
    /// A mutable array without type arguments.
    pub fn new(elements: Vec<ObjId>) -> Array {
        Array { immutable: false, type_arguments: ObjId::NULL, elements }
    }

    /// An immutable array without type arguments.
    pub fn immutable(elements: Vec<ObjId>) -> Array {
        Array { immutable: true, type_arguments: ObjId::NULL, elements }
    }
}

impl Describe for Array {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.elements)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.elements.len() as u64)?;
        codec.reference("type_arguments", &mut self.type_arguments, TYPE_ARGUMENTS.or_null())?;
        references(codec, "element", &mut self.elements, RefType::ANY)
    }
}

/// `UntaggedWeakArray`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct WeakArray {
    /// Elements.
    pub elements: Vec<ObjId>,
}

impl Describe for WeakArray {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.elements)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.elements.len() as u64)?;
        references(codec, "element", &mut self.elements, RefType::ANY)
    }
}

/// `UntaggedRecord`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Record {
    /// Index into the object store's `record_field_names`; 0 for positional fields only.
    pub field_names_index: u32,
    /// Fields.
    pub fields: Vec<ObjId>,
}

impl Describe for Record {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.fields)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let num_fields = self.fields.len() as u32;
        let mut shape =
            crate::bits::RecordShape { num_fields, field_names_index: self.field_names_index }.bits();
        codec.unsigned("shape", &mut shape)?;
        let shape = crate::bits::RecordShape::from_bits(shape);
        if shape.num_fields != num_fields {
            return Err(codec.inconsistent(format!("{} fields, allocated {num_fields}", shape.num_fields)));
        }
        self.field_names_index = shape.field_names_index;
        references(codec, "field", &mut self.fields, RefType::ANY)
    }
}

/// `UntaggedClosure`: type-argument vectors and contexts follow the header inline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Closure {
    /// See [`crate::bits::ClosureLengthAndFlags`].
    pub length_and_flags: i64,
    /// Hash code, 0 if not computed.
    pub hash: i64,
    /// The function.
    pub function: ObjId,
    /// Delayed type arguments, instantiator type arguments, parent function type arguments, contexts.
    pub elements: Vec<ObjId>,
}

impl Describe for Closure {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.elements)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.elements.len() as u64)?;
        codec.smi("length_and_flags", &mut self.length_and_flags)?;
        codec.smi("hash", &mut self.hash)?;
        codec.reference("function", &mut self.function, FUNCTION)?;
        references(codec, "element", &mut self.elements, RefType::ANY)
    }
}

/// A string: code units of UTF-16, one byte each where all fit. Unpaired surrogates are legal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Str {
    /// `OneByteString`: Latin-1.
    OneByte(Vec<u8>),
    /// `TwoByteString`.
    TwoByte(Vec<u16>),
}

impl Default for Str {
    fn default() -> Str {
        Str::OneByte(Vec::new())
    }
}

impl Str {
    /// The string of a Rust string.
    pub fn new(text: &str) -> Str {
        if text.is_ascii() {
            return Str::OneByte(text.as_bytes().to_vec());
        }
        Str::from_utf16(&text.encode_utf16().collect::<Vec<u16>>())
    }

    /// The string of UTF-16 code units, in the narrowest class.
    pub fn from_utf16(units: &[u16]) -> Str {
        if units.iter().all(|&u| u <= 0xff) {
            Str::OneByte(units.iter().map(|&u| u as u8).collect())
        } else {
            Str::TwoByte(units.to_vec())
        }
    }

    /// Number of code units.
    pub fn len(&self) -> usize {
        match self {
            Str::OneByte(units) => units.len(),
            Str::TwoByte(units) => units.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code units.
    pub fn units(&self) -> impl Iterator<Item = u16> + '_ {
        (0..self.len()).map(|i| match self {
            Str::OneByte(units) => u16::from(units[i]),
            Str::TwoByte(units) => units[i],
        })
    }

    /// As Rust text, unpaired surrogates replaced.
    pub fn to_string_lossy(&self) -> String {
        char::decode_utf16(self.units()).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    }

    /// `String::Hash`.
    pub fn hash_code(&self) -> u32 {
        crate::hash::string(self.units())
    }

    /// Code units in memory order.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Str::OneByte(units) => units.clone(),
            Str::TwoByte(units) => units.iter().flat_map(|u| u.to_le_bytes()).collect(),
        }
    }

    fn encoded_length(&self) -> u64 {
        (self.len() as u64) << 1 | u64::from(matches!(self, Str::TwoByte(_)))
    }
}

// With read-only data this is never visited: the clusters store offsets into the data image instead.
impl Describe for Str {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let mut encoded = self.encoded_length() as usize;
        codec.length("length", &mut encoded)?;
        if encoded as u64 != self.encoded_length() {
            let n = encoded >> 1;
            *self = if encoded & 1 != 0 { Str::TwoByte(vec![0; n]) } else { Str::OneByte(vec![0; n]) };
        }
        Ok(())
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.encoded_length())?;
        match self {
            Str::OneByte(units) => codec.bytes("data", units),
            Str::TwoByte(units) => units.iter_mut().try_for_each(|unit| {
                let mut bytes = unit.to_le_bytes();
                codec.bytes("data", &mut bytes)?;
                *unit = u16::from_le_bytes(bytes);
                Ok(())
            }),
        }
    }
}

/// Element types of typed data, in class-id order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TypedDataType {
    #[default]
    Int8,
    Uint8,
    Uint8Clamped,
    Int16,
    Uint16,
    Int32,
    Uint32,
    Int64,
    Uint64,
    Float32,
    Float64,
    Float32x4,
    Int32x4,
    Float64x2,
}

impl TypedDataType {
    /// All of them.
    pub const ALL: [TypedDataType; 14] = [
        TypedDataType::Int8,
        TypedDataType::Uint8,
        TypedDataType::Uint8Clamped,
        TypedDataType::Int16,
        TypedDataType::Uint16,
        TypedDataType::Int32,
        TypedDataType::Uint32,
        TypedDataType::Int64,
        TypedDataType::Uint64,
        TypedDataType::Float32,
        TypedDataType::Float64,
        TypedDataType::Float32x4,
        TypedDataType::Int32x4,
        TypedDataType::Float64x2,
    ];

    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            TypedDataType::Int8 | TypedDataType::Uint8 | TypedDataType::Uint8Clamped => 1,
            TypedDataType::Int16 | TypedDataType::Uint16 => 2,
            TypedDataType::Int32 | TypedDataType::Uint32 | TypedDataType::Float32 => 4,
            TypedDataType::Int64 | TypedDataType::Uint64 | TypedDataType::Float64 => 8,
            TypedDataType::Float32x4 | TypedDataType::Int32x4 | TypedDataType::Float64x2 => 16,
        }
    }

    // Four classes per element type: internal, view, external, unmodifiable view (runtime/vm/class_id.h).
    fn cid(self, ids: &ClassIds, remainder: u32) -> u32 {
        ids.typed_data_int8_array + 4 * self as u32 + remainder
    }

    /// Class id of typed data in the heap.
    pub fn internal_cid(self, ids: &ClassIds) -> u32 {
        self.cid(ids, 0)
    }

    /// Class id of views.
    pub fn view_cid(self, ids: &ClassIds) -> u32 {
        self.cid(ids, 1)
    }

    /// Class id of external typed data.
    pub fn external_cid(self, ids: &ClassIds) -> u32 {
        self.cid(ids, 2)
    }
}

/// `UntaggedTypedData`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct TypedData {
    /// Element type.
    pub element: TypedDataType,
    /// Elements in memory order.
    pub bytes: Vec<u8>,
}

fn element_count(element: TypedDataType, bytes: &[u8]) -> usize {
    bytes.len() / element.size()
}

impl Describe for TypedData {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let mut n = element_count(self.element, &self.bytes);
        codec.length("length", &mut n)?;
        self.bytes.resize(n * self.element.size(), 0);
        Ok(())
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", element_count(self.element, &self.bytes) as u64)?;
        codec.bytes("data", &mut self.bytes)
    }
}

/// `UntaggedExternalTypedData` whose bytes stay in the snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ExternalTypedData {
    /// Element type.
    pub element: TypedDataType,
    /// Elements in memory order.
    pub bytes: Vec<u8>,
}

impl Describe for ExternalTypedData {
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let mut n = element_count(self.element, &self.bytes);
        codec.length("length", &mut n)?;
        self.bytes.resize(n * self.element.size(), 0);
        codec.align(8)?;
        codec.bytes("data", &mut self.bytes)
    }
}

/// A field slot of an [`Instance`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceWord {
    /// A tagged value.
    Ref(ObjId),
    /// Unboxed bits.
    Raw(u64),
}

/// An instance of a class without special layout.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Instance {
    /// Its class.
    pub class_id: u32,
    /// Compressed words from [`crate::Target::first_field_word`] to the class's `next_field_offset_in_words`.
    pub words: Vec<InstanceWord>,
}

impl Describe for Instance {
    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        self.words.iter_mut().try_for_each(|word| match word {
            InstanceWord::Ref(id) => codec.reference("word", id, RefType::ANY),
            InstanceWord::Raw(bits) => codec.word_as_32bit_writes("word", bits),
        })
    }
}
