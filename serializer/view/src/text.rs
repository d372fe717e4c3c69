//! Machine code: where each piece is, whose it is, and what is known about the addresses in it.

use crate::{Snapshot, fault};
use dart_snapshot::descriptors::{self, CatchSite, PcDescriptor};
use dart_snapshot::objects::{self, Array, ExceptionHandlers, PayloadInfo, PcDescriptors, TypedData};
use dart_snapshot::reader::Decoded;
use dart_snapshot::stack_maps::{self, StackMapEntry};
use dart_snapshot::text::{IMAGE_ALIGNMENT, payload_offset};
use dart_snapshot::{CodeRef, Error, Fault, Graph, ObjId, Object, Section, Target};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// The text blob.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    /// The blob.
    pub bytes: &'a [u8],
    /// Size that the image gives itself.
    pub image_size: u64,
    /// Where the code is.
    pub payload: Range<u32>,
    /// The section's header word.
    pub tags: u64,
    /// Distance to a writable word.
    pub bss_offset: i64,
    /// Address that the image was linked at.
    pub address: u64,
    /// Distance to the note with the build id; 0 if there is none.
    pub build_id_offset: i64,
    codes: Vec<Code>,
    by_object: FxHashMap<ObjId, u32>,
}

/// A piece of code: an entry of the instructions table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// Index in the table.
    pub entry: u32,
    /// Its Code object; discarded code has none.
    pub object: Option<ObjId>,
    /// Offset of its first byte in the text blob.
    pub start: u32,
    /// Offset of its end, padding included.
    pub end: u32,
    /// Offset of its stack map in the instructions table.
    pub stack_map: u32,
    /// What it is.
    pub kind: CodeKind,
}

impl Code {
    /// Bytes, padding included.
    pub fn size(&self) -> u32 {
        self.end - self.start
    }
}

/// What a piece of code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// A Dart function's.
    Function(ObjId),
    /// It allocates instances of a class.
    Allocation(ObjId),
    /// It tests objects against a type.
    TypeTest(ObjId),
    /// A stub, by its index among the engine's.
    Stub(usize),
    /// A function's that has no Code object.
    Discarded,
    /// No owner: a helper of the compiler.
    Helper,
}

/// Offsets of the entries of a piece of code, from the start of the text blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPoints {
    /// `Code::EntryPoint`.
    pub normal: u32,
    /// `Code::MonomorphicEntryPoint`.
    pub monomorphic: u32,
    /// `Code::UncheckedEntryPoint`.
    pub unchecked: u32,
    /// `Code::MonomorphicUncheckedEntryPoint`.
    pub monomorphic_unchecked: u32,
}

impl<'a> Text<'a> {
    /// Reads the headers of the blob, and the positions in the instructions table.
    pub(crate) fn read(bytes: &'a [u8], target: &Target, decoded: &Decoded) -> Result<Text<'a>, Fault> {
        let size = target.word_bytes() as usize;
        let word = |at: usize| -> Result<u64, Fault> {
            let word = bytes.get(at..at + size);
            let word = word.ok_or_else(|| fault(Section::Text, at, "end of the text image"))?;
            let mut le = [0; 8];
            le[..size].copy_from_slice(word);
            Ok(u64::from_le_bytes(le))
        };
        let signed = |at: usize| -> Result<i64, Fault> {
            let bits = 64 - target.arch.word_size.bits();
            Ok((word(at)? << bits) as i64 >> bits)
        };
        let (image_size, section) = (word(0)?, word(size)?);
        if image_size > bytes.len() as u64 || image_size > u64::from(u32::MAX) {
            let reason = format!("image size {image_size:#x}, the blob has {:#x} bytes", bytes.len());
            return Err(fault(Section::Text, 0, reason));
        }
        if section != u64::from(IMAGE_ALIGNMENT) {
            return Err(fault(Section::Text, size, format!("instructions section at {section:#x}")));
        }
        let header = IMAGE_ALIGNMENT as usize;
        let (tags, length, start) = (word(header)?, word(header + size)?, payload_offset(target));
        let end = u64::from(start).checked_add(length).filter(|&end| end <= image_size);
        let end = end.ok_or_else(|| {
            fault(Section::Text, header + size, format!("{length:#x} bytes of code do not fit the image"))
        })?;
        let payload = start..end as u32;
        let codes = codes(decoded, &payload)?;
        Ok(Text {
            bytes,
            image_size,
            payload,
            tags,
            bss_offset: signed(header + 2 * size)?,
            address: word(header + 3 * size)?,
            build_id_offset: signed(header + 4 * size)?,
            by_object: codes.iter().filter_map(|code| Some((code.object?, code.entry))).collect(),
            codes,
        })
    }

    /// Finds out what each piece of code is.
    pub(crate) fn attribute(&mut self, graph: &Graph, stubs: &FxHashMap<ObjId, usize>) {
        for code in &mut self.codes {
            let Some(id) = code.object else { continue };
            let owner = graph.get::<objects::Code>(id).map_or(ObjId::NULL, |code| code.owner);
            code.kind = match (stubs.get(&id), graph.object(owner)) {
                (Some(&stub), _) => CodeKind::Stub(stub),
                (None, Object::Function(_)) => CodeKind::Function(owner),
                (None, Object::Class(_)) => CodeKind::Allocation(owner),
                (
                    None,
                    Object::Type(_)
                    | Object::FunctionType(_)
                    | Object::RecordType(_)
                    | Object::TypeParameter(_),
                ) => CodeKind::TypeTest(owner),
                _ => CodeKind::Helper,
            };
        }
    }
}

/// The entries of the instructions table; their order and range are checked, because everything else counts on it.
fn codes(decoded: &Decoded, payload: &Range<u32>) -> Result<Vec<Code>, Fault> {
    const HEADER: usize = 16;
    const ENTRY: usize = 8;
    let table = &decoded.plan.instructions_table;
    let base = decoded.map.instructions_table.start;
    let first = decoded.plan.first_entry_with_code;
    let word = |at: usize| -> Result<u32, Fault> {
        let word = table.get(at..at + 4);
        let word = word.ok_or_else(|| fault(Section::InstructionsTable, base + at, "end of the table"))?;
        Ok(u32::from_le_bytes(word.try_into().expect("four bytes")))
    };
    let members = decoded.plan.clusters.iter().flat_map(|cluster| &cluster.members);
    let mut objects = members.filter(|&&id| matches!(decoded.graph.object(id), Object::Code(_)));
    let length = decoded.plan.instructions_table_length;
    let mut codes: Vec<Code> = Vec::new();
    for entry in 0..length {
        let at = HEADER + ENTRY * entry as usize;
        let (start, stack_map) = (word(at)?, word(at + 4)?);
        let after = codes.last().map_or(payload.start, |code| code.start + 1);
        if start < after || start >= payload.end {
            let reason = format!("code at {start:#x}, not in {after:#x}..{:#x}", payload.end);
            let place = fault(Section::InstructionsTable, base + at, reason);
            return Err(Fault { object: Some(format!("entry {entry}")), ..place });
        }
        if let Some(previous) = codes.last_mut() {
            previous.end = start;
        }
        let object = if entry < first { None } else { objects.next().copied() };
        codes.push(Code { entry, object, start, end: payload.end, stack_map, kind: CodeKind::Discarded });
    }
    let with_code = codes.iter().filter(|code| code.object.is_some()).count();
    if with_code as u32 != length - first || objects.next().is_some() {
        let reason =
            format!("{} entries have code, and the Code cluster another number of objects", length - first);
        return Err(fault(Section::InstructionsTable, base, reason));
    }
    Ok(codes)
}

impl<'a> Snapshot<'a> {
    /// All code, by increasing address.
    pub fn codes(&self) -> &[Code] {
        &self.text.codes
    }

    /// The code of a Code object.
    pub fn code_of_object(&self, object: ObjId) -> Option<&Code> {
        self.text.codes.get(*self.text.by_object.get(&object)? as usize)
    }

    /// The code that a function or dispatch cell runs; `None` for functions that were not compiled.
    pub fn code_of(&self, code: CodeRef) -> Option<&Code> {
        match code {
            CodeRef::LazyCompile => None,
            CodeRef::Code(object) => self.code_of_object(object),
            CodeRef::Discarded(entry) => self.text.codes.get(entry as usize),
        }
    }

    /// The code that holds an offset of the text blob.
    pub fn code_at(&self, offset: u32) -> Option<&Code> {
        let index = self.text.codes.partition_point(|code| code.start <= offset).checked_sub(1)?;
        self.text.codes.get(index).filter(|code| offset < code.end)
    }

    /// The bytes of a piece of code, padding included.
    pub fn code_bytes(&self, code: &Code) -> &'a [u8] {
        self.text.bytes.get(code.start as usize..code.end as usize).unwrap_or_default()
    }

    /// The fields of a piece of code's object.
    pub fn code_object(&self, code: &Code) -> Option<&objects::Code> {
        self.graph.get(code.object?).ok()
    }

    /// The entries of a piece of code (`Instructions` in `runtime/vm/object.h`); discarded code has only a normal one.
    pub fn entry_points(&self, code: &Code) -> EntryPoints {
        let info = self.code_object(code).map_or(0, |object| object.payload_info);
        let PayloadInfo { unchecked_offset, has_monomorphic_entry } = PayloadInfo::from_bits(info);
        let arch = &self.format.arch;
        let at = |offset: u32| code.start.wrapping_add(if has_monomorphic_entry { offset } else { 0 });
        let (normal, monomorphic) = (at(arch.polymorphic_entry_offset), at(arch.monomorphic_entry_offset));
        EntryPoints {
            normal,
            monomorphic,
            unchecked: normal.wrapping_add(unchecked_offset),
            monomorphic_unchecked: monomorphic.wrapping_add(unchecked_offset),
        }
    }

    /// The frames at the return addresses of a piece of code.
    ///
    /// # Errors
    /// Malformed maps.
    pub fn stack_maps(&self, code: &Code) -> Result<Vec<StackMapEntry>, Error> {
        let table = &self.plan.instructions_table;
        let global =
            table.get(..4).map_or(0, |word| u32::from_le_bytes(word.try_into().expect("four bytes")));
        stack_maps::decode(table, code.stack_map as usize, (global != 0).then_some(global as usize))
    }

    /// The calls of a piece of code that are in try blocks, or that it resumes at.
    ///
    /// # Errors
    /// Malformed descriptors.
    pub fn pc_descriptors(&self, code: &Code) -> Result<Vec<PcDescriptor>, Error> {
        let descriptors = self.code_object(code).map_or(ObjId::NULL, |object| object.pc_descriptors);
        match self.graph.object(descriptors) {
            Object::PcDescriptors(PcDescriptors { bytes }) => descriptors::decode_pc_descriptors(bytes),
            _ => Ok(Vec::new()),
        }
    }

    /// The exception handlers of a piece of code, by try index.
    pub fn exception_handlers(&self, code: &Code) -> Option<&ExceptionHandlers> {
        self.graph.get(self.code_object(code)?.exception_handlers).ok()
    }

    /// The types that a handler catches.
    pub fn handled_types(&self, handlers: &ExceptionHandlers, index: usize) -> &[ObjId] {
        let elements = |id| self.graph.get::<Array>(id).map_or(&[][..], |array| &array.elements);
        elements(handlers.handled_types_data).get(index).map_or(&[], |&types| elements(types))
    }

    /// The values that are moved before a handler of the piece of code runs.
    ///
    /// # Errors
    /// Malformed moves.
    pub fn catch_moves(&self, code: &Code) -> Result<Vec<CatchSite>, Error> {
        let moves = self.code_object(code).map_or(ObjId::NULL, |object| object.catch_entry);
        match self.graph.object(moves) {
            Object::TypedData(TypedData { bytes, .. }) => {
                descriptors::decode_catch_moves(bytes, self.format.arch.word_size.bits())
            }
            _ => Ok(Vec::new()),
        }
    }
}
