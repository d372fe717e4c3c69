//! Offsets and sizes of instances, from the program's layouts and the target.
//!
//! A layout says which slots an instance has; here they become bytes. Offsets are untagged. Classes that C++ lays out
//! (`is_predefined_layout`) get their sizes from the engine's data.

use cranelift_codegen::entity::EntityRef;
use snapcrane_engines::{Immutability, TargetSpec};
use snapcrane_program::ids::{ClassId, FieldId};
use snapcrane_program::{InstanceLayout, SlotKind};

use crate::facts::ProgramFacts;

/// Bytes of a slot.
fn slot_size(target: &TargetSpec, kind: SlotKind) -> u32 {
    match kind {
        SlotKind::Tagged => target.compressed_word_size(),
        SlotKind::Int64 | SlotKind::Double => 8,
    }
}

/// Byte offset of a slot.
pub fn slot_offset(target: &TargetSpec, layout: &InstanceLayout, slot: u32) -> i32 {
    let before = &layout.slots[..slot as usize];
    let bytes: u32 = before.iter().map(|&kind| slot_size(target, kind)).sum();
    target.layout().instance.first_field + bytes as i32
}

/// Byte offset of an instance field; `None` if C++ lays its class out.
pub fn field_offset(program: &dyn ProgramFacts, target: &TargetSpec, field: FieldId) -> Option<i32> {
    let field = program.field(field);
    let layout = program.layout(field.class?);
    (!layout.is_predefined_layout).then(|| slot_offset(target, layout, field.slot))
}

/// Byte offset of the type arguments of a class's instances; `None` if they have none.
pub fn type_arguments_offset(program: &dyn ProgramFacts, target: &TargetSpec, class: ClassId) -> Option<i32> {
    let layout = program.layout(class);
    if !layout.is_predefined_layout {
        return layout.type_arguments.map(|slot| slot_offset(target, layout, slot));
    }
    let shape = target.class_shape(target.engine.classes.get(class.index())?);
    let words = shape.type_arguments_field_offset;
    (words > 0).then(|| words * target.compressed_word_size() as i32)
}

/// Size of a class's instances as allocated, in bytes; `None` for classes whose instances vary in size.
pub fn instance_size(program: &dyn ProgramFacts, target: &TargetSpec, class: ClassId) -> Option<u32> {
    let layout = program.layout(class);
    let bytes = if layout.is_predefined_layout {
        let shape = target.class_shape(target.engine.classes.get(class.index())?);
        u32::try_from(shape.instance_size).ok().filter(|&words| words > 0)? * target.compressed_word_size()
    } else {
        slot_offset(target, layout, layout.slots.len() as u32) as u32
    };
    Some(target.layout().rounded_allocation_size(bytes))
}

/// The immutability bit in the headers of a class's instances.
pub fn immutability(program: &dyn ProgramFacts, target: &TargetSpec, class: ClassId) -> Immutability {
    let engine = target.engine;
    if (class.index() as u32) < engine.num_predefined_cids {
        return engine.immutability(class.index() as u32);
    }
    if program.is_deeply_immutable(class) { Immutability::Deep } else { Immutability::Mutable }
}
