//! Code and its tables.

use super::{alloc_length, objects, references, refs::*};
use crate::codec::{Codec, Describe, RefType};
use crate::error::Result;
use crate::graph::ObjId;

objects! {
    /// `UntaggedCode`. Its position in the text image is given by [`crate::text::InstructionsTable`]; Code
    /// objects and table entries correspond by order alone.
    prefix Code {
        /// See [`PayloadInfo`].
        payload_info: unsigned,
        /// Function, class (allocation stub), type (type-testing stub), or null (other stubs).
        owner: reference(CODE_OWNER.or_null()),
        /// Handlers.
        exception_handlers: reference(EXCEPTION_HANDLERS.or_null()),
        /// Descriptors.
        pc_descriptors: reference(PC_DESCRIPTORS.or_null()),
        /// Catch-entry moves (Int8 data) or null.
        catch_entry: reference(TYPED_DATA.or_null()),
        /// Functions that the source map may push.
        inlined_id_to_function: reference(ARRAY.or_null()),
        /// Source map.
        code_source_map: reference(CODE_SOURCE_MAP.or_null()),
        ;
        /// See [`crate::bits::CodeState`].
        state_bits: i32,
    }

    /// `UntaggedLocalVarDescriptors::VarInfo`.
    fixed LocalVar {
        /// Kind and index.
        index_kind: i32,
        /// Position of the declaration.
        declaration_pos: i32,
        /// First position.
        begin_pos: i32,
        /// Last position.
        end_pos: i32,
        /// Scope number.
        scope_id: u64,
    }

    /// `ExceptionHandlerInfo`.
    fixed ExceptionHandler {
        /// Offset of the handler from the start of the code.
        handler_pc_offset: u32,
        /// Enclosing handler, −1 if none.
        outer_try_index: i16,
        /// Whether it wants the stack trace.
        needs_stacktrace: boolean,
        /// Whether it catches everything.
        has_catch_all: boolean,
        /// Whether the compiler made it up.
        is_generated: boolean,
    }
}

impl Describe for Code {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.i32("state_bits", &mut self.state_bits)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        self.fixed_fields(codec)
    }
}

/// The two entry facts packed into [`Code::payload_info`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PayloadInfo {
    /// Offset of the unchecked entry from the normal one.
    pub unchecked_offset: u32,
    /// Whether the code starts with a monomorphic entry.
    pub has_monomorphic_entry: bool,
}

impl PayloadInfo {
    /// The packed form.
    pub fn bits(self) -> u32 {
        self.unchecked_offset << 1 | u32::from(self.has_monomorphic_entry)
    }

    /// From the packed form.
    pub fn from_bits(bits: u32) -> PayloadInfo {
        PayloadInfo { unchecked_offset: bits >> 1, has_monomorphic_entry: bits & 1 != 0 }
    }
}

/// `UntaggedObjectPool`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ObjectPool {
    /// Entries, in index order.
    pub entries: Vec<PoolEntry>,
}

/// One entry of an object pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PoolEntry {
    /// What the runtime finds there.
    pub value: PoolValue,
    /// Whether the runtime may replace it.
    pub patchable: bool,
}

/// The kinds of pool entries: type and snapshot behaviour together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolValue {
    /// An object.
    Object(ObjId),
    /// A raw word.
    Immediate(i64),
    /// The address of a native function, linked on first call.
    NativeFunction,
    /// Set to the CallBootstrapNative stub at load.
    ResetToBootstrapNative,
    /// Set to the SwitchableCallMiss entry point at load.
    ResetToSwitchableCallMiss,
    /// A raw word, zero at load.
    SetToZero,
}

impl Default for PoolValue {
    fn default() -> PoolValue {
        PoolValue::Object(ObjId::NULL)
    }
}

impl PoolEntry {
    const NOT_PATCHABLE: u8 = 1 << 4;

    /// An entry that the runtime never replaces.
    pub fn constant(value: PoolValue) -> PoolEntry {
        PoolEntry { value, patchable: false }
    }

    /// An entry that the runtime may replace.
    pub fn patchable(value: PoolValue) -> PoolEntry {
        PoolEntry { value, patchable: true }
    }

    /// `ObjectPool::EntryType` in bits 0-3, not-patchable in bit 4, `SnapshotBehavior` in bits 5-7.
    pub fn bits(self) -> u8 {
        let (entry_type, behavior) = match self.value {
            PoolValue::Immediate(_) => (0, 0),
            PoolValue::Object(_) => (1, 0),
            PoolValue::NativeFunction => (2, 0),
            PoolValue::ResetToBootstrapNative => (1, 2),
            PoolValue::ResetToSwitchableCallMiss => (1, 3),
            PoolValue::SetToZero => (0, 4),
        };
        entry_type | behavior << 5 | if self.patchable { 0 } else { Self::NOT_PATCHABLE }
    }

    /// From the packed form, payloads at their defaults; `None` for combinations that do not occur.
    pub fn from_bits(bits: u8) -> Option<PoolEntry> {
        let value = match (bits & 15, bits >> 5) {
            (0, 0) => PoolValue::Immediate(0),
            (1, 0) => PoolValue::Object(ObjId::NULL),
            (2, 0) => PoolValue::NativeFunction,
            (1, 2) => PoolValue::ResetToBootstrapNative,
            (1, 3) => PoolValue::ResetToSwitchableCallMiss,
            (0, 4) => PoolValue::SetToZero,
            _ => return None,
        };
        Some(PoolEntry { value, patchable: bits & Self::NOT_PATCHABLE == 0 })
    }
}

impl Describe for ObjectPool {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.entries)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("length", self.entries.len() as u64)?;
        for entry in &mut self.entries {
            let mut bits = entry.bits();
            codec.byte("entry_bits", &mut bits)?;
            if bits != entry.bits() {
                *entry = PoolEntry::from_bits(bits)
                    .ok_or_else(|| codec.inconsistent(format!("pool entry with bits {bits:#04x}")))?;
            }
            match &mut entry.value {
                PoolValue::Object(id) => codec.reference("entry", id, RefType::ANY)?,
                PoolValue::Immediate(value) => codec.word("entry", value)?,
                PoolValue::NativeFunction
                | PoolValue::ResetToBootstrapNative
                | PoolValue::ResetToSwitchableCallMiss
                | PoolValue::SetToZero => {}
            }
        }
        Ok(())
    }
}

/// `UntaggedPcDescriptors`: see [`crate::descriptors::PcDescriptorsBuilder`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PcDescriptors {
    /// Encoded entries.
    pub bytes: Vec<u8>,
}

/// `UntaggedCodeSourceMap`: see [`crate::descriptors::CodeSourceMapBuilder`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CodeSourceMap {
    /// Encoded operations.
    pub bytes: Vec<u8>,
}

/// `UntaggedCompressedStackMaps`: see [`crate::stack_maps`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CompressedStackMaps {
    /// Bit 0: the global table. Bit 1: refers to the global table.
    pub flags: u8,
    /// Encoded entries.
    pub bytes: Vec<u8>,
}

impl CompressedStackMaps {
    /// `flags_and_size`.
    pub fn flags_and_size(&self) -> u32 {
        (self.bytes.len() as u32) << 2 | u32::from(self.flags)
    }
}

// With read-only data these three are never visited: the clusters store offsets into the data image instead.
macro_rules! describe_bytes {
    ($($name:ident)*) => {
        $(impl Describe for $name {
            fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
                alloc_length(codec, &mut self.bytes)
            }

            fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
                codec.repeated("length", self.bytes.len() as u64)?;
                codec.bytes("bytes", &mut self.bytes)
            }
        })*
    };
}
describe_bytes!(PcDescriptors CodeSourceMap);

impl Describe for CompressedStackMaps {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.bytes)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let mut flags_and_size = self.flags_and_size();
        codec.unsigned("flags_and_size", &mut flags_and_size)?;
        self.flags = (flags_and_size & 3) as u8;
        if flags_and_size != self.flags_and_size() {
            return Err(codec.inconsistent(format!(
                "flags_and_size {flags_and_size:#x}, allocated {}",
                self.bytes.len()
            )));
        }
        codec.bytes("bytes", &mut self.bytes)
    }
}

/// `UntaggedLocalVarDescriptors`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct LocalVarDescriptors {
    /// Names and ranges.
    pub variables: Vec<(ObjId, LocalVar)>,
}

impl Describe for LocalVarDescriptors {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.variables)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("num_entries", self.variables.len() as u64)?;
        self.variables
            .iter_mut()
            .try_for_each(|(name, _)| codec.reference("name", name, STRING.or_null()))?;
        self.variables.iter_mut().try_for_each(|(_, variable)| variable.fill(codec))
    }
}

/// `UntaggedExceptionHandlers`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ExceptionHandlers {
    /// Array with one array of caught types per handler; null when there are none.
    pub handled_types_data: ObjId,
    /// Handlers by try index.
    pub handlers: Vec<ExceptionHandler>,
    /// Exceptions that leave the function complete a future instead.
    pub has_async_handler: bool,
}

impl Describe for ExceptionHandlers {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.handlers)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let count = self.handlers.len() as u32;
        let mut packed = count << 1 | u32::from(self.has_async_handler);
        codec.unsigned("packed_fields", &mut packed)?;
        self.has_async_handler = packed & 1 != 0;
        if packed >> 1 != count {
            return Err(codec.inconsistent(format!("{} handlers, allocated {count}", packed >> 1)));
        }
        codec.reference("handled_types_data", &mut self.handled_types_data, ARRAY.or_null())?;
        self.handlers.iter_mut().try_for_each(|handler| handler.fill(codec))
    }
}

/// `UntaggedContext`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Context {
    /// Enclosing context.
    pub parent: ObjId,
    /// Captured variables.
    pub variables: Vec<ObjId>,
}

impl Describe for Context {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.variables)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("num_variables", self.variables.len() as u64)?;
        codec.reference("parent", &mut self.parent, CONTEXT.or_null())?;
        references(codec, "variable", &mut self.variables, RefType::ANY)
    }
}

/// `UntaggedContextScope`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ContextScope {
    /// Whether it belongs to an implicit closure.
    pub is_implicit: bool,
    /// The fields of each `VariableDesc`.
    pub variables: Vec<[ObjId; 10]>,
}

impl Describe for ContextScope {
    fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        alloc_length(codec, &mut self.variables)
    }

    fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        codec.repeated("num_variables", self.variables.len() as u64)?;
        codec.boolean("is_implicit", &mut self.is_implicit)?;
        self.variables.iter_mut().try_for_each(|v| references(codec, "variable", v, RefType::ANY))
    }
}
