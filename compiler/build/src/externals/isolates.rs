//! What belongs to the running isolate: tags of the profiler, native fields of wrapper objects.

use snapcrane_ir::{ArrayKind, Inst, NativeSlot, NullCheck, ThreadSlot};
use snapcrane_program::ids::ObjectKey;

use super::body::Body;
use crate::error::Result;

/// `_getCurrentTag`.
pub(super) fn current_tag(c: &mut Body<'_>) -> Result<()> {
    let tag = c.load_thread(ThreadSlot::CurrentTag);
    c.ret(tag)
}

/// `_getDefaultTag`.
pub(super) fn default_tag(c: &mut Body<'_>) -> Result<()> {
    let tag = c.load_thread(ThreadSlot::DefaultTag);
    c.ret(tag)
}

/// `_getNativeField`: the first native field of an object whose fields have been set.
pub(super) fn native_field(c: &mut Body<'_>) -> Result<()> {
    let [object] = c.args()?;
    let selector = c.b.object_ref(ObjectKey::Text("_getNativeField".into()));
    let object = c.ins(Inst::CheckNull { value: object, kind: NullCheck::NoSuchMethod(selector) });
    let fields = c.load(object, NativeSlot::NativeFieldsArray);
    let fields = c.ins(Inst::CheckNull { value: fields, kind: NullCheck::NoSuchMethod(selector) });
    let data = c.data(fields);
    let first = c.int(0);
    let value = c.load_indexed(ArrayKind::RawWord, data, first);
    c.ret(value)
}
