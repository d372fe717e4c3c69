//! `dart:typed_data`: lists with their own payload, over other memory, and views.
//!
//! All of them are `TypedDataBase` objects, which hold a raw address of their first element. It points into the object itself if that
//! has the payload, so it is loaded anew after everything that may collect. Offsets count bytes, and need not be aligned.
//!
//! Vectors (`Float32x4` and the like) are made and read by C functions of the library.

use snapcrane_ir::{AllocKind, ArrayKind, BinaryOp, CompareOp, Inst, NativeSlot, Value};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{ClassId, FunctionKey, ObjectKey};

use super::body::Body;
use crate::error::{Error, Result};

/// What a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
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

impl Element {
    const ALL: [Element; 14] = [
        Element::Int8,
        Element::Uint8,
        Element::Uint8Clamped,
        Element::Int16,
        Element::Uint16,
        Element::Int32,
        Element::Uint32,
        Element::Int64,
        Element::Uint64,
        Element::Float32,
        Element::Float64,
        Element::Float32x4,
        Element::Int32x4,
        Element::Float64x2,
    ];

    /// The element of a name.
    pub(super) fn named(name: &str) -> Option<Element> {
        Element::ALL.into_iter().find(|element| element.name() == name)
    }

    /// Name as in the engine's lists.
    fn name(self) -> &'static str {
        match self {
            Element::Int8 => "Int8",
            Element::Uint8 => "Uint8",
            Element::Uint8Clamped => "Uint8Clamped",
            Element::Int16 => "Int16",
            Element::Uint16 => "Uint16",
            Element::Int32 => "Int32",
            Element::Uint32 => "Uint32",
            Element::Int64 => "Int64",
            Element::Uint64 => "Uint64",
            Element::Float32 => "Float32",
            Element::Float64 => "Float64",
            Element::Float32x4 => "Float32x4",
            Element::Int32x4 => "Int32x4",
            Element::Float64x2 => "Float64x2",
        }
    }

    /// Binary logarithm of the size in bytes.
    fn shift(self) -> i64 {
        match self {
            Element::Int8 | Element::Uint8 | Element::Uint8Clamped => 0,
            Element::Int16 | Element::Uint16 => 1,
            Element::Int32 | Element::Uint32 | Element::Float32 => 2,
            Element::Int64 | Element::Uint64 | Element::Float64 => 3,
            Element::Float32x4 | Element::Int32x4 | Element::Float64x2 => 4,
        }
    }

    /// How to get at an element, unless it is a vector.
    fn access(self) -> Access {
        match self {
            Element::Int8 => Access::Raw(ArrayKind::RawInt8),
            Element::Uint8 | Element::Uint8Clamped => Access::Raw(ArrayKind::RawUint8),
            Element::Int16 => Access::Raw(ArrayKind::RawInt16),
            Element::Uint16 => Access::Raw(ArrayKind::RawUint16),
            Element::Int32 => Access::Raw(ArrayKind::RawInt32),
            Element::Uint32 => Access::Raw(ArrayKind::RawUint32),
            Element::Int64 | Element::Uint64 => Access::Raw(ArrayKind::RawInt64),
            Element::Float32 => Access::Raw(ArrayKind::RawFloat32),
            Element::Float64 => Access::Raw(ArrayKind::RawFloat64),
            Element::Float32x4 => Access::Calls { get: "_nativeGetFloat32x4", set: "_nativeSetFloat32x4" },
            Element::Int32x4 => Access::Calls { get: "_nativeGetInt32x4", set: "_nativeSetInt32x4" },
            Element::Float64x2 => Access::Calls { get: "_nativeGetFloat64x2", set: "_nativeSetFloat64x2" },
        }
    }
}

/// How to get at an element.
#[derive(Clone, Copy, Debug)]
enum Access {
    /// Loads and stores.
    Raw(ArrayKind),
    /// Members of `_TypedList` that take a byte offset.
    Calls { get: &'static str, set: &'static str },
}

/// Which of the lists of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// A view.
    Modifiable,
    /// A view that can't be written through.
    Unmodifiable,
}

/// The list with its own payload.
fn internal_class(c: &Body<'_>, element: Element) -> Result<ClassId> {
    classes(c, element.name()).map(|classes| ClassId::from_u32(classes.0))
}

/// Class ids of an element's lists: own payload, external, view, unmodifiable view.
fn classes(c: &Body<'_>, element: &'static str) -> Result<(u32, u32, u32, u32)> {
    let mut all = c.ctx.program.engine.typed_data.iter();
    let found = all.find(|classes| classes.element == element);
    let found = found.map(|found| (found.internal, found.external, found.view, found.unmodifiable_view));
    found.ok_or_else(|| Error::MissingMember { library: "dart:typed_data", name: element.into() })
}

fn native(c: &mut Body<'_>, name: &'static str, args: &[Value]) -> Result<Value> {
    let member = c.ctx.program.find_member("dart:typed_data", "_TypedList", name, MemberKind::Method);
    let missing = |_| Error::MissingMember { library: "dart:typed_data", name: format!("_TypedList.{name}") };
    let member = member.map_err(missing)?;
    Ok(c.b.call(FunctionKey::Member(member), args))
}

/// The element at a byte offset, as an object.
fn get(c: &mut Body<'_>, list: Value, offset: Value, element: Element) -> Result<Value> {
    match element.access() {
        Access::Raw(kind) => {
            let data = c.data(list);
            let value = c.load_indexed(kind, data, offset);
            Ok(c.boxed(value))
        }
        Access::Calls { get, .. } => {
            let offset = c.boxed(offset);
            native(c, get, &[list, offset])
        }
    }
}

/// Stores an object's value at a byte offset.
fn set(c: &mut Body<'_>, list: Value, offset: Value, value: Value, element: Element) -> Result<()> {
    match element.access() {
        Access::Raw(kind @ (ArrayKind::RawFloat32 | ArrayKind::RawFloat64)) => {
            let value = c.unbox_double(value);
            let data = c.data(list);
            c.store_indexed(kind, data, offset, value);
        }
        Access::Raw(kind) => {
            let value = c.unbox_int(value);
            let value = if element == Element::Uint8Clamped { clamp(c, value) } else { value };
            let data = c.data(list);
            c.store_indexed(kind, data, offset, value);
        }
        Access::Calls { set, .. } => {
            let offset = c.boxed(offset);
            native(c, set, &[list, offset, value])?;
        }
    }
    Ok(())
}

/// The nearest number from 0 to 255.
fn clamp(c: &mut Body<'_>, value: Value) -> Value {
    let (least, most) = (c.int(0), c.int(255));
    let low = c.compare(CompareOp::LtInt64, value, least);
    let value = c.select(low, least, value);
    let high = c.compare(CompareOp::GtInt64, value, most);
    c.select(high, most, value)
}

/// The byte offset of the element that the index argument asks for, if it is in range.
fn checked_offset(c: &mut Body<'_>, list: Value, index: Value, element: Element) -> Value {
    let index = c.unbox_int(index);
    let length = c.load(list, NativeSlot::TypedDataLength);
    c.check_bounds(index, length);
    match element.shift() {
        0 => index,
        shift => c.binary_imm(BinaryOp::ShlInt64, index, shift),
    }
}

/// `[]` of all lists of an element.
pub(super) fn get_indexed(c: &mut Body<'_>, element: Element) -> Result<()> {
    let [this, index] = c.args()?;
    let offset = checked_offset(c, this, index, element);
    let value = get(c, this, offset, element)?;
    c.ret(value)
}

/// `[]=` of modifiable lists of an element.
pub(super) fn set_indexed(c: &mut Body<'_>, element: Element) -> Result<()> {
    let [this, index, value] = c.args()?;
    let offset = checked_offset(c, this, index, element);
    set(c, this, offset, value, element)?;
    c.ret_null()
}

/// `_TypedList._getInt8` and the like, loads of `dart:ffi`: the byte offset is in range.
pub(super) fn get_at_offset(c: &mut Body<'_>, element: Element) -> Result<()> {
    let [this, offset] = c.args()?;
    let offset = c.unbox_int(offset);
    let value = get(c, this, offset, element)?;
    c.ret(value)
}

/// `_TypedList._setInt8` and the like, stores of `dart:ffi`: the byte offset is in range.
pub(super) fn set_at_offset(c: &mut Body<'_>, element: Element) -> Result<()> {
    let [this, offset, value] = c.args()?;
    let offset = c.unbox_int(offset);
    set(c, this, offset, value, element)?;
    c.ret_null()
}

/// `Int8List(length)` and the like. Lengths that are negative or that memory can't hold are the runtime's: it throws
/// (`AllocateTypedData`, runtime/vm/runtime_entry.cc).
pub(super) fn new(c: &mut Body<'_>, element: Element) -> Result<()> {
    const MAX_BYTES: i64 = 1 << 28;
    let [length] = c.args()?;
    let class = internal_class(c, element)?;
    let (small, other) = (c.block(), c.block());
    let count = c.unbox_int(length);
    let is_small = c.compare_imm(CompareOp::UleInt64, count, MAX_BYTES >> element.shift());
    c.b.branch_unlikely(is_small, small, other, snapcrane_ir::function::Unlikely::Other);
    c.enter(small);
    let list = c.allocate(AllocKind::TypedData(class), &[count]);
    c.ret(list)?;
    c.enter(other);
    let cid = c.b.object(ObjectKey::Int(i64::from(class.as_u32())));
    let list = c.runtime("AllocateTypedData", &[cid, length]);
    c.ret(list)
}

/// `_Int8ArrayView._(list, offsetInBytes, length)` and the like: the range is good.
pub(super) fn new_view(c: &mut Body<'_>, element: Element, view: View) -> Result<()> {
    let (_, _, modifiable, unmodifiable) = classes(c, element.name())?;
    let class = if view == View::Modifiable { modifiable } else { unmodifiable };
    new_view_of_class(c, class)
}

/// `_ByteDataView._(list, offsetInBytes, length)` and the like: the range is good.
pub(super) fn new_byte_data(c: &mut Body<'_>, view: View) -> Result<()> {
    let cids = &c.ctx.program.engine.cids;
    let class = if view == View::Modifiable { cids.byte_data_view } else { cids.unmodifiable_byte_data_view };
    new_view_of_class(c, class)
}

fn new_view_of_class(c: &mut Body<'_>, class: u32) -> Result<()> {
    let [list, offset, length] = c.args()?;
    let (offset, length) = (c.unbox_int(offset), c.unbox_int(length));
    let view = c.allocate(AllocKind::TypedDataView(ClassId::from_u32(class)), &[list, offset, length]);
    c.ret(view)
}

/// `_memMove1(start, count, from, skipCount)` and the like: the ranges are good.
pub(super) fn mem_move(c: &mut Body<'_>, shift: i64) -> Result<()> {
    let [this, start, count, from, from_start] = c.args()?;
    let bytes = |c: &mut Body<'_>, elements| {
        let elements = c.unbox_int(elements);
        if shift == 0 { elements } else { c.binary_imm(BinaryOp::ShlInt64, elements, shift) }
    };
    let (start, count, from_start) = (bytes(c, start), bytes(c, count), bytes(c, from_start));
    let to = c.data(this);
    let to = c.pointer_add(to, start);
    let from = c.data(from);
    let from = c.pointer_add(from, from_start);
    c.ins(Inst::MemMove { to, from, count });
    c.ret_null()
}

/// `_typedDataIndexCheck(list, index, length)` and `_byteDataByteOffsetCheck`: the index, if it is in range.
pub(super) fn index_check(c: &mut Body<'_>) -> Result<()> {
    let [_, index, length] = c.args()?;
    let (value, length) = (c.unbox_int(index), c.unbox_int(length));
    c.check_bounds(value, length);
    c.ret(index)
}

/// An external list over the memory that a `Pointer` points to: the length is good.
pub(super) fn new_external(c: &mut Body<'_>, element: Element) -> Result<()> {
    let [pointer, length] = c.args()?;
    let (_, class, ..) = classes(c, element.name())?;
    let length = c.unbox_int(length);
    let address = c.load(pointer, NativeSlot::PointerAddress);
    let list = c.allocate(AllocKind::ExternalTypedData(ClassId::from_u32(class)), &[address, length]);
    c.ret(list)
}
