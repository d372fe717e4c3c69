//! Fields, elements, static fields, raw memory, and the write barrier.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types as clif};
use snapcrane_arch::StubRef;
use snapcrane_engines::HEAP_OBJECT_TAG;
use snapcrane_ir::{ArrayKind, Inst, NativeSlot, Slot, StoreBarrier, ThreadSlot, Type, Value};
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, ObjectKey};

use super::{Lowering, Result};
use crate::emit::Region;
use crate::objects;

/// How a field holds its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repr {
    Tagged,
    /// A Smi that the IR sees as an integer.
    Smi,
    /// A word that the IR sees as an address or integer.
    Word,
    /// A 32-bit integer.
    Int32,
    Int64,
    Double,
}

/// A place in an object.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Untagged byte offset.
    offset: i32,
    repr: Repr,
    region: Region,
}

/// What a barrier knows about the object that is stored to.
#[derive(Clone, Copy, Debug)]
enum Destination {
    /// Not an array: never card-marked.
    Plain,
    /// An array, and the address of the slot.
    Array(ir::Value),
}

impl Lowering<'_, '_> {
    fn place(&self, slot: &Slot, ty: Type) -> Result<Place> {
        let layout = self.e.layout;
        let program = self.ctx.program;
        let tagged = |offset: i32, region| Place { offset, repr: Repr::Tagged, region };
        Ok(match slot {
            Slot::Field(field) => {
                let Some(offset) = objects::field_offset(program, self.ctx.target, *field) else {
                    return self
                        .unsupported(format!("Dart field {field} of a class that the engine lays out"));
                };
                let repr = match ty {
                    Type::Int64 => Repr::Int64,
                    Type::Double => Repr::Double,
                    Type::Pointer => Repr::Word,
                    Type::Tagged | Type::Bool => Repr::Tagged,
                };
                Place { offset, repr, region: Region::Field }
            }
            Slot::TypeArguments(class) => {
                match objects::type_arguments_offset(program, self.ctx.target, *class) {
                    Some(offset) => tagged(offset, Region::Field),
                    None => {
                        return self
                            .unsupported(format!("type arguments of {class}, whose instances have none"));
                    }
                }
            }
            Slot::Native(native) => self.native_place(*native),
            Slot::ContextParent => tagged(layout.context.parent, Region::Field),
            Slot::ContextVariable(index) => {
                tagged(layout.context.element_offset(*index) as i32, Region::Field)
            }
            Slot::ClosureElement(index) => {
                tagged(layout.closure.element_offset(*index) as i32, Region::Field)
            }
            Slot::RecordField(index) => tagged(layout.record.element_offset(*index) as i32, Region::Field),
            Slot::ArrayElement(index) => tagged(layout.array.element_offset(*index) as i32, Region::Element),
            Slot::TypeArgument(index) => {
                tagged(layout.type_arguments.element_offset(*index) as i32, Region::Field)
            }
            // Words of a payload are never compressed, as those of a frame are not.
            Slot::SuspendPayload(index) => {
                tagged(layout.suspend_state.payload + (*index * self.e.word.bytes()) as i32, Region::Field)
            }
        })
    }

    fn native_place(&self, slot: NativeSlot) -> Place {
        use NativeSlot::*;
        use Repr::{Int32, Smi, Tagged, Word};
        let l = self.e.layout;
        let hash = &l.linked_hash_base;
        let first_field = l.instance.first_field;
        let (offset, repr, region) = match slot {
            ArrayLength => (l.array.length, Smi, Region::Immutable),
            ArrayTypeArguments => (l.array.type_arguments, Tagged, Region::Field),
            GrowableLength => (l.growable_object_array.length, Smi, Region::Field),
            GrowableData => (l.growable_object_array.data, Tagged, Region::Field),
            GrowableTypeArguments => (l.growable_object_array.type_arguments, Tagged, Region::Field),
            StringLength => (l.string.length, Smi, Region::Immutable),
            // The hash is the upper half of a 64-bit header, a Smi field of its own elsewhere.
            StringHash if l.word_size() == 8 => (l.string.hash, Int32, Region::Header),
            StringHash => (l.string.hash, Smi, Region::Field),
            TypedDataLength => (l.typed_data.length, Smi, Region::Immutable),
            TypedDataPointer => (l.typed_data.data_field, Word, Region::Field),
            TypedDataViewBase => (l.typed_data.view_typed_data, Tagged, Region::Field),
            TypedDataViewOffset => (l.typed_data.view_offset_in_bytes, Smi, Region::Immutable),
            PointerAddress => (l.typed_data.data_field, Word, Region::Field),
            PointerTypeArguments => (l.pointer.type_arguments, Tagged, Region::Field),
            HashIndex | HashIndexShared => (hash.index, Tagged, Region::Field),
            HashMask => (hash.hash_mask, Tagged, Region::Field),
            HashData => (hash.data, Tagged, Region::Field),
            HashUsedData => (hash.used_data, Tagged, Region::Field),
            HashDeletedKeys => (hash.deleted_keys, Tagged, Region::Field),
            HashTypeArguments => (hash.type_arguments, Tagged, Region::Field),
            ClosureFunction => (l.closure.function, Tagged, Region::Field),
            ClosureHash => (l.closure.hash, Tagged, Region::Field),
            ClosureLengthAndFlags => (l.closure.length_and_flags, Smi, Region::Immutable),
            RecordShape => (l.record.shape, Smi, Region::Immutable),
            TypeArgumentsLength => (l.type_arguments.length, Smi, Region::Immutable),
            WeakPropertyKey => (l.weak_property.key, Tagged, Region::Field),
            WeakPropertyValue => (l.weak_property.value, Tagged, Region::Field),
            WeakReferenceTarget => (l.weak_reference.target, Tagged, Region::Field),
            WeakReferenceTypeArguments => (l.weak_reference.type_arguments, Tagged, Region::Field),
            FinalizerIsolate => (l.finalizer_base.isolate, Word, Region::Field),
            FinalizerDetachments => (l.finalizer_base.detachments, Tagged, Region::Field),
            FinalizerAllEntries => (l.finalizer_base.all_entries, Tagged, Region::Field),
            FinalizerEntriesCollected => (l.finalizer_base.entries_collected, Tagged, Region::Field),
            FinalizerCallback => (l.finalizer.callback, Tagged, Region::Field),
            NativeFinalizerCallback => (l.native_finalizer.callback, Tagged, Region::Field),
            FinalizerEntryValue => (l.finalizer_entry.value, Tagged, Region::Field),
            FinalizerEntryDetach => (l.finalizer_entry.detach, Tagged, Region::Field),
            FinalizerEntryToken => (l.finalizer_entry.token, Tagged, Region::Field),
            FinalizerEntryFinalizer => (l.finalizer_entry.finalizer, Tagged, Region::Field),
            FinalizerEntryNext => (l.finalizer_entry.next, Tagged, Region::Field),
            FinalizerEntryExternalSize => (l.finalizer_entry.external_size, Word, Region::Field),
            ReceivePortSendPort => (l.receive_port.send_port, Tagged, Region::Field),
            ReceivePortHandler => (l.receive_port.handler, Tagged, Region::Field),
            SuspendStateFunctionData => (l.suspend_state.function_data, Tagged, Region::Field),
            SuspendStateThenCallback => (l.suspend_state.then_callback, Tagged, Region::Field),
            SuspendStateErrorCallback => (l.suspend_state.error_callback, Tagged, Region::Field),
            SuspendStatePc => (l.suspend_state.pc, Word, Region::Field),
            SuspendStateIndex => (l.suspend_state.payload, Smi, Region::Field),
            // Both are the first field after the header (`UntaggedStackTrace`, `Instance::NativeFieldsOffset`).
            NativeFieldsArray | StackTraceAsyncLink => (first_field, Tagged, Region::Field),
            IsolateFinalizers => (l.isolate.finalizers, Tagged, Region::Static),
        };
        Place { offset, repr, region }
    }

    pub(super) fn load(&mut self, object: Value, slot: &Slot, ty: Type) -> Result<ir::Value> {
        let place = self.place(slot, ty)?;
        if *slot == Slot::Native(NativeSlot::IsolateFinalizers) {
            let (isolate, flags) = self.isolate(place.region);
            let word = self.e.word;
            return Ok(self.e.cur.ins().load(word, flags, isolate, place.offset));
        }
        let object = self.value(object);
        let Place { offset, repr, region } = place;
        if *slot == Slot::Native(NativeSlot::HashIndexShared) {
            let address = self.e.add_imm(object, i64::from(offset - HEAP_OBJECT_TAG));
            return Ok(self.e.load_acquire(address, region));
        }
        Ok(match repr {
            Repr::Tagged => self.e.load_tagged(object, offset, region),
            Repr::Smi => self.e.load_smi(object, offset, region),
            Repr::Word => {
                let word = self.e.load_field(self.e.word, object, offset, region);
                if *slot == Slot::Native(NativeSlot::TypedDataPointer) {
                    self.e.mark_derived(word);
                }
                if ty == Type::Int64 { self.e.word_to_i64(word) } else { word }
            }
            Repr::Int32 => {
                let value = self.e.load_field(clif::I32, object, offset, region);
                self.e.cur.ins().uextend(clif::I64, value)
            }
            Repr::Int64 => self.e.load_field(clif::I64, object, offset, region),
            Repr::Double => self.e.load_field(clif::F64, object, offset, region),
        })
    }

    /// The isolate, which is no heap object.
    fn isolate(&mut self, region: Region) -> (ir::Value, ir::MemFlagsData) {
        let isolate = self.e.load_thread(self.e.word, self.e.layout.thread.isolate);
        (isolate, self.e.flags(region))
    }

    pub(super) fn store(
        &mut self,
        object: Value,
        slot: &Slot,
        value: Value,
        barrier: StoreBarrier,
    ) -> Result<()> {
        let ty = self.func.ty(value);
        let Place { offset, repr, region } = self.place(slot, ty)?;
        let stored = self.value(value);
        if *slot == Slot::Native(NativeSlot::IsolateFinalizers) {
            let (isolate, flags) = self.isolate(region);
            self.e.cur.ins().store(flags, stored, isolate, offset);
            return Ok(());
        }
        let target = self.value(object);
        let raw = match repr {
            Repr::Tagged => {
                if *slot == Slot::Native(NativeSlot::HashIndexShared) {
                    self.e.publish_fence();
                }
                self.e.store_field(stored, target, offset, region);
                if self.needs_barrier(value, barrier) {
                    let destination = match slot {
                        Slot::ArrayElement(_) => {
                            Destination::Array(self.e.add_imm(target, i64::from(offset - HEAP_OBJECT_TAG)))
                        }
                        _ => Destination::Plain,
                    };
                    self.write_barrier(target, value, stored, destination);
                }
                return Ok(());
            }
            Repr::Smi => self.e.tag_smi(stored),
            Repr::Word => {
                if ty == Type::Int64 {
                    self.e.i64_to_word(stored)
                } else {
                    stored
                }
            }
            Repr::Int32 => self.e.cur.ins().ireduce(clif::I32, stored),
            Repr::Int64 | Repr::Double => stored,
        };
        self.e.store_field(raw, target, offset, region);
        Ok(())
    }

    /// Whether the collector must be told of a store: not of constants, which it finds in the object pool.
    fn needs_barrier(&self, value: Value, barrier: StoreBarrier) -> bool {
        barrier == StoreBarrier::Full
            && self.constant_object(value).is_none()
            && !matches!(
                self.func.defining_inst(self.slots.resolve(value)),
                Some(Inst::Unary(snapcrane_ir::UnaryOp::BoxBool, _))
            )
    }

    /// Tells the collector of a store that was just made (see `WriteBarrier` in the stubs for the condition).
    fn write_barrier(
        &mut self,
        object: ir::Value,
        value: Value,
        stored: ir::Value,
        destination: Destination,
    ) {
        let bits = &self.e.layout.untagged_object;
        let (check, slow, done) = (self.e.block(), self.e.cold_block(), self.e.block());
        if self.is_heap_object(value) {
            self.e.jump(check, &[]);
        } else {
            let heap_bit = self.e.heap_bit(stored);
            self.e.branch(heap_bit, check, done);
        }
        self.e.switch_to(check);
        let object_tags = self.e.load_tags(object);
        let value_tags = self.e.load_tags(stored);
        let shifted = self.e.shr_imm(object_tags, bits.barrier_overlap_shift as u32);
        let both = self.e.cur.ins().band(shifted, value_tags);
        let mask = self.e.load_thread(clif::I32, self.e.layout.thread.write_barrier_mask);
        let hit = self.e.cur.ins().band(both, mask);
        self.e.branch(hit, slow, done);
        self.e.switch_to_cold(slow);
        let stubs = &self.ctx.target.engine.stub;
        match destination {
            Destination::Plain => {
                self.e.call_preserving(StubRef::Listed(stubs.write_barrier), &[object, stored])
            }
            Destination::Array(slot) => {
                self.e.call_preserving(StubRef::Listed(stubs.array_write_barrier), &[object, stored, slot]);
            }
        }
        self.e.jump(done, &[]);
        self.e.switch_to(done);
    }

    /// Tells the collector of all stores to an object, if any of them could matter: the condition of the barrier, for the worst
    /// value.
    pub(super) fn remember(&mut self, object: Value) {
        let shift = self.e.layout.untagged_object.barrier_overlap_shift as u32;
        let (slow, done) = (self.e.cold_block(), self.e.block());
        let object = self.value(object);
        let tags = self.e.load_tags(object);
        let shifted = self.e.shr_imm(tags, shift);
        let mask = self.e.load_thread(clif::I32, self.e.layout.thread.write_barrier_mask);
        let hit = self.e.cur.ins().band(shifted, mask);
        self.e.branch(hit, slow, done);
        self.e.switch_to_cold(slow);
        let _ = self
            .e
            .ensure_remembered(object, self.ctx.target.engine.leaf.ensure_remembered_and_marking_deferred);
        self.e.jump(done, &[]);
        self.e.switch_to(done);
    }

    /// Whether a value is known not to be a Smi.
    pub(super) fn is_heap_object(&self, value: Value) -> bool {
        let value = self.slots.resolve(value);
        match self.func.defining_inst(value) {
            Some(Inst::Object(object)) => match &self.func.objects[*object] {
                ObjectKey::Int(value) => !self.ctx.target.is_smi(*value),
                ObjectKey::Constant(_) => false,
                _ => true,
            },
            Some(Inst::Allocate { .. }) => true,
            Some(Inst::Unary(op, _)) => {
                matches!(op, snapcrane_ir::UnaryOp::BoxDouble | snapcrane_ir::UnaryOp::BoxBool)
            }
            Some(_) => false,
            None => self.is_heap_receiver(value),
        }
    }

    /// Whether a value is the receiver of a member whose class is not a supertype of the Smi class.
    fn is_heap_receiver(&self, value: Value) -> bool {
        let FunctionKey::Member(member) = &self.func.key else { return false };
        let Some((class, position)) = self.ctx.program.receiver(*member) else { return false };
        let smi = ClassId::from_u32(self.cids().smi);
        self.func.params().get(position) == Some(&value) && !self.ctx.program.extends(smi, class)
    }

    // Elements.

    fn data_offset(&self, kind: ArrayKind) -> Option<i32> {
        match kind {
            ArrayKind::Array => Some(self.e.layout.array.data),
            ArrayKind::OneByteString => Some(self.e.layout.one_byte_string.data),
            ArrayKind::TwoByteString => Some(self.e.layout.two_byte_string.data),
            ArrayKind::Record => Some(self.e.layout.record.elements_start),
            _ => None,
        }
    }

    pub(super) fn elements_address(&mut self, kind: ArrayKind, object: Value) -> Result<ir::Value> {
        let Some(offset) = self.data_offset(kind) else {
            return self.unsupported(format!("address of the elements of {kind:?}"));
        };
        let object = self.value(object);
        let address = self.e.add_imm(object, i64::from(offset - HEAP_OBJECT_TAG));
        Ok(self.e.mark_derived(address))
    }

    /// Address of an element, up to a constant offset.
    fn element(&mut self, kind: ArrayKind, base: Value, index: Value) -> (ir::Value, i32) {
        let base = self.value(base);
        let scale = match kind {
            ArrayKind::Array | ArrayKind::Record | ArrayKind::RawTagged => {
                self.e.word.bytes().trailing_zeros()
            }
            ArrayKind::TwoByteString => 1,
            _ => 0,
        };
        let displacement = self.data_offset(kind).map_or(0, |offset| offset - HEAP_OBJECT_TAG);
        if let Some(index) = self.constant_int(index)
            && let Some(offset) = index.checked_shl(scale).and_then(|offset| i32::try_from(offset).ok())
            && let Some(offset) = offset.checked_add(displacement)
        {
            return (base, offset);
        }
        let index = self.value(index);
        let index = self.e.i64_to_word(index);
        let scaled = self.e.shl_imm(index, scale);
        (self.e.cur.ins().iadd(base, scaled), displacement)
    }

    pub(super) fn load_indexed(&mut self, kind: ArrayKind, base: Value, index: Value) -> ir::Value {
        let (address, offset) = self.element(kind, base, index);
        let word = self.e.word;
        match kind {
            ArrayKind::Array | ArrayKind::Record | ArrayKind::RawTagged => {
                let flags = self.e.flags(element_region(kind));
                let value = self.e.cur.ins().load(word, flags, address, offset);
                self.e.mark_tagged(value)
            }
            ArrayKind::RawWord => {
                let value = self.e.load_raw(word, address, offset, Region::Raw);
                if word == clif::I64 { value } else { self.e.cur.ins().uextend(clif::I64, value) }
            }
            ArrayKind::RawInt64 => self.e.load_raw(clif::I64, address, offset, Region::Raw),
            ArrayKind::RawFloat64 => self.e.load_raw(clif::F64, address, offset, Region::Raw),
            ArrayKind::RawFloat32 => {
                let value = self.e.load_raw(clif::F32, address, offset, Region::Raw);
                self.e.cur.ins().fpromote(clif::F64, value)
            }
            ArrayKind::OneByteString | ArrayKind::RawUint8 => {
                self.load_narrow(clif::I8, false, address, offset)
            }
            ArrayKind::TwoByteString | ArrayKind::RawUint16 => {
                self.load_narrow(clif::I16, false, address, offset)
            }
            ArrayKind::RawInt8 => self.load_narrow(clif::I8, true, address, offset),
            ArrayKind::RawInt16 => self.load_narrow(clif::I16, true, address, offset),
            ArrayKind::RawInt32 => self.load_narrow(clif::I32, true, address, offset),
            ArrayKind::RawUint32 => self.load_narrow(clif::I32, false, address, offset),
        }
    }

    fn load_narrow(&mut self, ty: ir::Type, signed: bool, address: ir::Value, offset: i32) -> ir::Value {
        let value = self.e.load_raw(ty, address, offset, Region::Raw);
        if signed {
            self.e.cur.ins().sextend(clif::I64, value)
        } else {
            self.e.cur.ins().uextend(clif::I64, value)
        }
    }

    pub(super) fn store_indexed(
        &mut self,
        kind: ArrayKind,
        base: Value,
        index: Value,
        value: Value,
        barrier: StoreBarrier,
    ) {
        let (address, offset) = self.element(kind, base, index);
        let stored = self.value(value);
        match kind {
            ArrayKind::Array | ArrayKind::Record | ArrayKind::RawTagged => {
                let flags = self.e.flags(element_region(kind));
                self.e.cur.ins().store(flags, stored, address, offset);
                if kind != ArrayKind::RawTagged && self.needs_barrier(value, barrier) {
                    let object = self.value(base);
                    let destination = match kind {
                        ArrayKind::Array => Destination::Array(self.e.add_imm(address, i64::from(offset))),
                        _ => Destination::Plain,
                    };
                    self.write_barrier(object, value, stored, destination);
                }
            }
            ArrayKind::RawWord => {
                let value = self.e.i64_to_word(stored);
                self.e.store_raw(value, address, offset, Region::Raw);
            }
            ArrayKind::RawInt64 | ArrayKind::RawFloat64 => {
                self.e.store_raw(stored, address, offset, Region::Raw)
            }
            ArrayKind::RawFloat32 => {
                let single = self.e.cur.ins().fdemote(clif::F32, stored);
                self.e.store_raw(single, address, offset, Region::Raw);
            }
            ArrayKind::OneByteString | ArrayKind::RawUint8 | ArrayKind::RawInt8 => {
                self.store_narrow(clif::I8, stored, address, offset);
            }
            ArrayKind::TwoByteString | ArrayKind::RawUint16 | ArrayKind::RawInt16 => {
                self.store_narrow(clif::I16, stored, address, offset);
            }
            ArrayKind::RawInt32 | ArrayKind::RawUint32 => {
                self.store_narrow(clif::I32, stored, address, offset)
            }
        }
    }

    fn store_narrow(&mut self, ty: ir::Type, value: ir::Value, address: ir::Value, offset: i32) {
        let value = self.e.cur.ins().ireduce(ty, value);
        self.e.store_raw(value, address, offset, Region::Raw);
    }

    /// Copies bytes with the runtime's `memmove`; few constant ones inline.
    pub(super) fn mem_move(&mut self, to: Value, from: Value, count: Value) {
        let (to, from) = (self.value(to), self.value(from));
        if let Some(bytes @ (0 | 1 | 2 | 4 | 8)) = self.constant_int(count) {
            let ty = match bytes {
                0 => return,
                1 => clif::I8,
                2 => clif::I16,
                4 => clif::I32,
                _ => clif::I64,
            };
            let value = self.e.load_raw(ty, from, 0, Region::Raw);
            self.e.store_raw(value, to, 0, Region::Raw);
            return;
        }
        let count = self.value(count);
        let count = self.e.i64_to_word(count);
        let slot = self.e.layout.leaf_entry(self.ctx.target.engine.leaf.memory_move);
        let word = self.e.word;
        self.e.call_leaf(slot, &[to, from, count], Some(word));
    }

    // The thread.

    pub(super) fn load_thread_slot(&mut self, slot: ThreadSlot) -> ir::Value {
        let thread = &self.e.layout.thread;
        let word = self.e.word;
        match slot {
            ThreadSlot::Isolate => self.e.load_thread(word, thread.isolate),
            ThreadSlot::CurrentTag => self.e.load_thread(word, thread.current_tag),
            ThreadSlot::DefaultTag => self.e.load_thread(word, thread.default_tag),
            ThreadSlot::OneCharSymbols => self.e.thread_constant(thread.predefined_symbols_address),
            ThreadSlot::UnboxedRuntimeArg => self.e.load_thread(clif::F64, thread.unboxed_runtime_arg),
            ThreadSlot::RecordFieldNames => {
                let group = self.e.load_thread(word, thread.isolate_group);
                let flags = self.e.flags(Region::Static);
                let store =
                    self.e.cur.ins().load(word, flags, group, self.e.layout.isolate_group.object_store);
                let address = self.e.add_imm(store, i64::from(self.e.layout.object_store.record_field_names));
                self.e.load_acquire(address, Region::Static)
            }
        }
    }

    pub(super) fn store_thread_slot(&mut self, slot: ThreadSlot, value: Value) -> Result<()> {
        if slot != ThreadSlot::UnboxedRuntimeArg {
            return self.unsupported(format!("store to {slot:?} of the thread"));
        }
        let value = self.value(value);
        self.e.store_thread(value, self.e.layout.thread.unboxed_runtime_arg);
        Ok(())
    }

    // Static fields.

    /// Where a static field is. Field tables are roots of the collector: stores need no barrier.
    fn static_field(&mut self, field: FieldId) -> (ir::Value, i32) {
        let thread = &self.e.layout.thread;
        let shared = self.ctx.program.field(field).is_shared;
        let table = if shared { thread.shared_field_table_values } else { thread.field_table_values };
        let table = self.e.load_thread(self.e.word, table);
        let index = self.ctx.link.static_field_id(field);
        (table, (index * self.e.word.bytes()) as i32)
    }

    pub(super) fn load_static(&mut self, field: FieldId) -> ir::Value {
        let (table, offset) = self.static_field(field);
        let (word, flags) = (self.e.word, self.e.flags(Region::Static));
        let value = self.e.cur.ins().load(word, flags, table, offset);
        self.e.mark_tagged(value)
    }

    pub(super) fn store_static(&mut self, field: FieldId, value: Value) {
        let value = self.value(value);
        let (table, offset) = self.static_field(field);
        let flags = self.e.flags(Region::Static);
        self.e.cur.ins().store(flags, value, table, offset);
    }

    /// Takes an exception or stack trace out of the thread.
    pub(super) fn catch(&mut self, offset: i32) -> ir::Value {
        let value = self.e.load_thread(self.e.word, offset);
        let value = self.e.mark_tagged(value);
        let null = self.e.null();
        self.e.store_thread(null, offset);
        value
    }

    /// Compares with null.
    pub(super) fn is_null_value(&mut self, value: ir::Value) -> ir::Value {
        let null = self.e.null();
        self.e.cur.ins().icmp(IntCC::Equal, value, null)
    }
}

fn element_region(kind: ArrayKind) -> Region {
    match kind {
        ArrayKind::Array => Region::Element,
        ArrayKind::Record => Region::Field,
        _ => Region::Raw,
    }
}
