//! Numbers that code generation needs: pool slots, row offsets, static field ids.

use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap};
use rustc_hash::FxHashMap;
use snapcrane_engines::TargetSpec;
use snapcrane_ir::{Function, ObjectRef, RowRef};
use snapcrane_lower::LinkInfo;
use snapcrane_program::Program;
use snapcrane_program::ids::{ClassId, FieldId, ObjectKey};
use snapcrane_program::types::RecordShape;

use crate::reach::{Body, FunctionId, GlobalObject, ObjectId, Reach};
use crate::rows::DispatchTable;

/// What a slot of the global object pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolSlot {
    /// An object.
    Object(ObjectId),
    /// The C function of a native function.
    NativeFunction,
    /// The stub that calls it.
    NativeTrampoline,
}

/// The numbers of one target.
#[derive(Debug)]
pub struct Link<'a> {
    reach: &'a Reach,
    target: &'a TargetSpec,
    /// Slots of the pool in order.
    pub pool: Vec<PoolSlot>,
    slots: SecondaryMap<ObjectId, Option<u32>>,
    /// First of the two slots of each native function.
    pub native_slots: FxHashMap<FunctionId, u32>,
    /// The dispatch table, which all targets have in common.
    pub table: &'a DispatchTable,
    /// Number of each static field in its field table.
    pub static_ids: FxHashMap<FieldId, u32>,
    /// Fields of the isolate's field table in order.
    pub isolate_fields: Vec<FieldId>,
    /// Fields of the table that isolates share, in order.
    pub shared_fields: Vec<FieldId>,
    /// Order of functions for [`LinkInfo`]: by key.
    class_slots: FxHashMap<ClassId, u32>,
}

impl<'a> Link<'a> {
    /// Numbers everything that was reached. The slots that most functions use come first: their displacements are short.
    pub fn new(
        program: &Program<'_>,
        reach: &'a Reach,
        table: &'a DispatchTable,
        target: &'a TargetSpec,
    ) -> Link<'a> {
        let mut uses: PrimaryMap<ObjectId, u32> = reach.objects.iter().map(|_| 0).collect();
        for body in reach.bodies.values().flatten() {
            for &object in &body.objects {
                uses[object] += 1;
            }
        }
        let mut order: Vec<ObjectId> = reach
            .objects
            .iter()
            .filter(|(_, object)| needs_slot(object.key(), target))
            .map(|(id, _)| id)
            .collect();
        order.sort_by_key(|&id| (std::cmp::Reverse(uses[id]), id));
        let mut slots = SecondaryMap::new();
        let mut class_slots = FxHashMap::default();
        let mut pool = Vec::new();
        for object in order {
            let slot = pool.len() as u32;
            slots[object] = Some(slot);
            if let GlobalObject::Shared(ObjectKey::Class(class)) = reach.objects.key(object) {
                class_slots.insert(*class, slot);
            }
            pool.push(PoolSlot::Object(object));
        }
        let mut native_slots = FxHashMap::default();
        for (function, body) in &reach.bodies {
            if matches!(body.as_ref().map(|reached| &reached.body), Some(Body::Native(_))) {
                native_slots.insert(function, pool.len() as u32);
                pool.extend([PoolSlot::NativeFunction, PoolSlot::NativeTrampoline]);
            }
        }
        let mut static_ids = FxHashMap::default();
        let (mut isolate_fields, mut shared_fields) = (Vec::new(), Vec::new());
        for &field in &reach.static_fields {
            let table =
                if program.fields[field].is_shared { &mut shared_fields } else { &mut isolate_fields };
            static_ids.insert(field, table.len() as u32);
            table.push(field);
        }
        Link {
            reach,
            target,
            pool,
            slots,
            native_slots,
            table,
            static_ids,
            isolate_fields,
            shared_fields,
            class_slots,
        }
    }

    /// What the numbers are for.
    pub fn target(&self) -> &'a TargetSpec {
        self.target
    }

    /// Byte offset of a slot from the start of the pool object.
    pub fn slot_offset(&self, slot: u32) -> u32 {
        self.target.layout().object_pool.element_offset(slot) as u32
    }

    fn object_offset(&self, object: ObjectId) -> i32 {
        let slot = self.slots[object].expect("objects that need a slot have one");
        self.slot_offset(slot) as i32
    }
}

/// Whether code loads an object from the pool: not what the thread holds, nor integers that are immediates.
fn needs_slot(key: &ObjectKey, target: &TargetSpec) -> bool {
    match key {
        ObjectKey::Null | ObjectKey::Bool(_) | ObjectKey::Sentinel => false,
        ObjectKey::Int(value) => !target.is_smi(*value),
        _ => true,
    }
}

/// A function that is being lowered, with its numbers.
///
/// Lowering knows functions by their IR; the numbers of what the IR refers to are in the worklist's result.
#[derive(Debug)]
pub struct FunctionLink<'a> {
    /// The program's numbers.
    pub link: &'a Link<'a>,
    /// The function.
    pub function: FunctionId,
}

impl LinkInfo for FunctionLink<'_> {
    fn pool_offset(&self, _: &Function, object: ObjectRef) -> i32 {
        let reached = self.link.reach.bodies[self.function].as_ref().expect("reached functions have bodies");
        self.link.object_offset(reached.objects[object.index()])
    }

    fn row_offset(&self, _: &Function, row: RowRef) -> i32 {
        let reached = self.link.reach.bodies[self.function].as_ref().expect("reached functions have bodies");
        let offset = self.link.table.offsets[reached.rows[row.index()]];
        (offset - i64::from(self.link.target.layout().dispatch_table_origin)) as i32
    }

    fn static_field_id(&self, field: FieldId) -> u32 {
        self.link.static_ids[&field]
    }

    fn class_pool_offset(&self, class: ClassId) -> i32 {
        self.link.slot_offset(self.link.class_slots[&class]) as i32
    }

    fn record_shape(&self, shape: &RecordShape) -> i64 {
        let names = if shape.names.is_empty() { 0 } else { self.link.reach.record_names[&shape.names] };
        let bits = dart_snapshot::bits::RecordShape {
            num_fields: shape.num_fields() as u32,
            field_names_index: names,
        };
        i64::from(bits.bits())
    }
}
