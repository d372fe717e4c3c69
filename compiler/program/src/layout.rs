//! Instance layouts (`Class::CalculateFieldOffsets`, runtime/vm/object.cc).
//!
//! Superclass slots come first; the first generic class of a chain adds a slot for the type arguments, before its own
//! fields; then come the own instance fields in file order.

use snapcrane_engines::Engine;

use crate::ids::ClassId;
use crate::model::{InstanceLayout, SlotKind};

/// Whether C++ declares the layout of a predefined class's instances. The others are plain Dart instances.
pub(crate) fn is_predefined(engine: &Engine, class: ClassId) -> bool {
    let cids = &engine.cids;
    let cid = class.as_u32();
    let is_plain = cid == cids.instance
        || cid == cids.null
        || cid == cids.byte_buffer
        || (cids.ffi_int8..=cids.ffi_struct).contains(&cid);
    cid < engine.num_predefined_cids && !is_plain
}

/// Slots of a predefined class that Dart classes extend: those that C++ declares are tagged words like any other.
/// `None` if the class cannot be extended.
pub(crate) fn extensible(engine: &Engine, class: ClassId) -> Option<InstanceLayout> {
    let (count, type_arguments) = engine.classes.get(class.as_u32() as usize)?.slots()?;
    Some(InstanceLayout {
        slots: vec![SlotKind::Tagged; count as usize],
        type_arguments,
        num_native_fields: 0,
        is_predefined_layout: true,
    })
}

/// What the layout of a class depends on, besides its superclass's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// The engine lays the class out; if it can be extended, so.
    pub(crate) predefined: Option<Option<&'a InstanceLayout>>,
    /// Instances have type arguments (the flattened vector is not empty).
    pub(crate) has_type_args: bool,
    /// Has type parameters of its own.
    pub(crate) is_generic: bool,
    /// Native fields that the class itself adds (wrapper classes only).
    pub(crate) native_fields: u16,
    /// Representations of own instance fields.
    pub(crate) fields: &'a [SlotKind],
}

/// Lays a class out. The second result is the slot of the first own field.
pub(crate) fn compute(superclass: Option<&InstanceLayout>, own: Own<'_>) -> (InstanceLayout, u32) {
    if let Some(predefined) = own.predefined {
        let layout = predefined.cloned().unwrap_or_else(|| InstanceLayout {
            slots: Vec::new(),
            type_arguments: own.has_type_args.then_some(0),
            num_native_fields: 0,
            is_predefined_layout: true,
        });
        return (layout, 0);
    }
    let mut layout = superclass.cloned().unwrap_or_default();
    layout.is_predefined_layout = false;
    if own.native_fields > 0 {
        layout.num_native_fields = own.native_fields;
        layout.slots.push(SlotKind::Tagged);
    }
    if own.is_generic && layout.type_arguments.is_none() {
        layout.type_arguments = Some(layout.slots.len() as u32);
        layout.slots.push(SlotKind::Tagged);
    }
    let first_field = layout.slots.len() as u32;
    layout.slots.extend_from_slice(own.fields);
    (layout, first_field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Own<'static> =
        Own { predefined: None, has_type_args: false, is_generic: false, native_fields: 0, fields: &[] };

    #[test]
    fn first_generic_class_adds_type_arguments() {
        let (base, first) = compute(None, Own { fields: &[SlotKind::Tagged], ..PLAIN });
        assert_eq!((base.type_arguments, first, base.slots.len()), (None, 0, 1));
        let generic = Own { is_generic: true, has_type_args: true, fields: &[SlotKind::Double], ..PLAIN };
        let (list, first) = compute(Some(&base), generic);
        assert_eq!((list.type_arguments, first), (Some(1), 2));
        assert_eq!(list.slots, [SlotKind::Tagged, SlotKind::Tagged, SlotKind::Double]);
        let (sub, first) = compute(Some(&list), generic);
        assert_eq!((sub.type_arguments, first, sub.slots.len()), (Some(1), 3, 4));
    }

    #[test]
    fn wrapper_classes_have_a_hidden_slot() {
        let (wrapper, _) = compute(None, Own { native_fields: 2, ..PLAIN });
        let (sub, first) = compute(Some(&wrapper), Own { fields: &[SlotKind::Tagged], ..PLAIN });
        assert_eq!((sub.num_native_fields, first, sub.slots.len()), (2, 1, 2));
    }

    #[test]
    fn classes_can_extend_engine_layouts() {
        let (array, _) = compute(None, Own { predefined: Some(None), has_type_args: true, ..PLAIN });
        assert!(array.is_predefined_layout && array.slots.is_empty() && array.type_arguments.is_some());
        let table = InstanceLayout {
            slots: vec![SlotKind::Tagged; 6],
            type_arguments: Some(0),
            num_native_fields: 0,
            is_predefined_layout: true,
        };
        let (table, _) = compute(None, Own { predefined: Some(Some(&table)), has_type_args: true, ..PLAIN });
        let generic = Own { is_generic: true, has_type_args: true, fields: &[SlotKind::Tagged], ..PLAIN };
        let (sub, first) = compute(Some(&table), generic);
        assert_eq!(
            (sub.is_predefined_layout, sub.type_arguments, first, sub.slots.len()),
            (false, Some(0), 6, 7)
        );
    }

    #[test]
    fn hash_tables_of_the_engine_can_be_extended() {
        let engine = Engine::dart_3_13_4();
        let table = extensible(engine, ClassId::from_u32(engine.cids.linked_hash_base)).unwrap();
        assert_eq!((table.slots.len(), table.type_arguments), (6, Some(0)));
        assert!(extensible(engine, ClassId::from_u32(engine.cids.array)).is_none());
    }
}
