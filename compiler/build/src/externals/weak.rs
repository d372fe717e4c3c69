//! Finalizers. (Weak references and properties are nothing but fields that the collector treats in a special way.)

use snapcrane_ir::{AllocKind, NativeSlot, StoreBarrier, ThreadSlot, UnaryOp};
use snapcrane_program::ids::{ClassId, ObjectKey};

use super::body::Body;
use crate::error::Result;

/// `FinalizerBase._setIsolate`: the isolate that runs the callbacks is the current one.
pub(super) fn set_isolate(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let isolate = c.load_thread(ThreadSlot::Isolate);
    c.store(this, NativeSlot::FinalizerIsolate, isolate, StoreBarrier::None);
    c.ret_null()
}

/// `FinalizerBase._isolateFinalizers`.
pub(super) fn isolate_finalizers(c: &mut Body<'_>) -> Result<()> {
    let [] = c.args()?;
    let null = c.b.null();
    let list = c.load(null, NativeSlot::IsolateFinalizers);
    c.ret(list)
}

/// `FinalizerBase._isolateFinalizers=`: the isolate is a root of the collector, so there is no barrier.
pub(super) fn set_isolate_finalizers(c: &mut Body<'_>) -> Result<()> {
    let [list] = c.args()?;
    let null = c.b.null();
    c.store(null, NativeSlot::IsolateFinalizers, list, StoreBarrier::None);
    c.ret_null()
}

/// `_exchangeEntriesCollectedWithNull`: the collector, which appends to the list, can't run in between.
pub(super) fn take_collected_entries(c: &mut Body<'_>) -> Result<()> {
    let [this] = c.args()?;
    let entries = c.load(this, NativeSlot::FinalizerEntriesCollected);
    let null = c.b.null();
    c.store(this, NativeSlot::FinalizerEntriesCollected, null, StoreBarrier::None);
    c.ret(entries)
}

/// `FinalizerEntry.allocate(value, token, detach, finalizer)`.
pub(super) fn new_entry(c: &mut Body<'_>) -> Result<()> {
    let [value, token, detach, finalizer] = c.args()?;
    let class = ClassId::from_u32(c.ctx.program.engine.cids.finalizer_entry);
    let entry = c.allocate(AllocKind::Object(class), &[]);
    let zero = c.int(0);
    c.store(entry, NativeSlot::FinalizerEntryExternalSize, zero, StoreBarrier::None);
    c.store(entry, NativeSlot::FinalizerEntryValue, value, StoreBarrier::None);
    c.store(entry, NativeSlot::FinalizerEntryToken, token, StoreBarrier::None);
    c.store(entry, NativeSlot::FinalizerEntryDetach, detach, StoreBarrier::None);
    c.store(entry, NativeSlot::FinalizerEntryFinalizer, finalizer, StoreBarrier::None);
    c.ret(entry)
}

/// `_checkNotDeeplyImmutable`: native finalizers can't be attached to objects that isolates share
/// (`CheckWritableInstr::kDeeplyImmutableAttachNativeFinalizer`, runtime/vm/compiler/backend/il.h).
pub(super) fn check_not_deeply_immutable(c: &mut Body<'_>) -> Result<()> {
    /// The kind of failure, as the runtime entry wants it.
    const ATTACH_NATIVE_FINALIZER: i64 = 1;
    let [object] = c.args()?;
    let (bad, good) = (c.block(), c.block());
    let immutable = c.unary(UnaryOp::IsDeeplyImmutable, object);
    c.branch(immutable, bad, good);
    c.enter(good);
    c.ret_null()?;
    c.enter(bad);
    let kind = c.b.object(ObjectKey::Int(ATTACH_NATIVE_FINALIZER));
    c.runtime("WriteError", &[object, kind]);
    c.unreachable()
}
