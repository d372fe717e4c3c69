//! Class layouts in words of the target.

use snapcrane_program::SlotKind;
use snapcrane_program::ids::ClassId;

use super::Image;

/// Sizes and offsets in compressed words of the target.
#[derive(Clone, Debug, Default)]
pub(super) struct ClassLayout {
    /// Instance size, rounded up to the object alignment; 0 for classes of variable size.
    pub instance_size: i32,
    /// End of the last field; −1 where C++ lays instances out.
    pub next_field: i32,
    /// Offset of the type arguments, −1 if there are none.
    pub type_arguments: i32,
    /// Offsets of the slots.
    pub slots: Vec<i32>,
    /// One bit per word that the garbage collector must not read.
    pub unboxed: u64,
}

impl Image<'_> {
    pub(super) fn class_layout(&self, class: ClassId) -> ClassLayout {
        let declaration = self.program.class(class);
        let engine = self.target.engine;
        let predefined = engine.classes.iter().find(|predefined| predefined.cid == class.as_u32());
        if let Some(predefined) = predefined
            && (declaration.layout.is_predefined_layout || declaration.layout.slots.is_empty())
        {
            let shape = self.target.class_shape(predefined);
            return ClassLayout {
                instance_size: shape.instance_size,
                next_field: shape.next_field_offset,
                type_arguments: shape.type_arguments_field_offset,
                ..ClassLayout::default()
            };
        }
        let word = self.target.compressed_word_size();
        let mut at = (self.target.word_size() / word) as i32;
        let mut layout = ClassLayout { type_arguments: -1, ..ClassLayout::default() };
        for (index, slot) in declaration.layout.slots.iter().enumerate() {
            layout.slots.push(at);
            if declaration.layout.type_arguments == Some(index as u32) {
                layout.type_arguments = at;
            }
            let words = match slot {
                SlotKind::Tagged => 1,
                SlotKind::Int64 | SlotKind::Double => (8 / word) as i32,
            };
            if *slot != SlotKind::Tagged {
                layout.unboxed |= ((1u64 << words) - 1) << at;
            }
            at += words;
        }
        layout.next_field = at;
        let alignment = (self.target.object_alignment() / word) as i32;
        layout.instance_size = (at + alignment - 1) / alignment * alignment;
        layout
    }
}
