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
        || (cids.ffi_native_function..=cids.ffi_struct).contains(&cid);
    cid < engine.num_predefined_cids && !is_plain
}

/// What the layout of a class depends on, besides its superclass's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// The engine lays the class out.
    pub(crate) is_predefined: bool,
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
    if own.is_predefined {
        let layout = InstanceLayout {
            slots: Vec::new(),
            type_arguments: own.has_type_args.then_some(0),
            num_native_fields: 0,
            is_predefined_layout: true,
        };
        return (layout, 0);
    }
    // What extends a class that C++ lays out without being laid out there itself has no instances.
    let mut layout = match superclass {
        Some(superclass) if !superclass.is_predefined_layout => superclass.clone(),
        _ => InstanceLayout::default(),
    };
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
        Own { is_predefined: false, has_type_args: false, is_generic: false, native_fields: 0, fields: &[] };

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
    fn engine_layouts_have_no_slots() {
        let (array, _) = compute(None, Own { is_predefined: true, has_type_args: true, ..PLAIN });
        assert!(array.is_predefined_layout && array.slots.is_empty() && array.type_arguments.is_some());
        let (sub, first) = compute(Some(&array), Own { fields: &[SlotKind::Tagged], ..PLAIN });
        assert_eq!((sub.is_predefined_layout, first, sub.slots.len()), (false, 0, 1));
    }
}
