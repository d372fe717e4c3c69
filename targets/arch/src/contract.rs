//! The engine facts that hand-written code is built from, for one target.

use crate::code::NativeFunction;
use snapcrane_engines::{Engine, Layout, LeafEntry, RuntimeEntry, TargetSpec};

/// Engine facts for one target, with the few derived values that every architecture needs.
pub(crate) struct Contract {
    pub(crate) engine: &'static Engine,
    pub(crate) layout: &'static Layout,
    /// Where the entry frame keeps the previous exit frame's address, in words from the frame pointer (negative).
    pub(crate) exit_link_slot: i32,
}

impl Contract {
    pub(crate) fn new(target: &TargetSpec) -> Contract {
        Contract {
            engine: target.engine,
            layout: target.layout(),
            exit_link_slot: target.exit_link_slot_from_entry_fp(),
        }
    }

    /// Thread offset of a runtime entry's address.
    pub(crate) fn runtime_entry(&self, entry: RuntimeEntry) -> i32 {
        self.layout.runtime_entry(entry)
    }

    /// Thread offset of a leaf entry's address.
    pub(crate) fn leaf(&self, entry: LeafEntry) -> i32 {
        self.layout.leaf_entry(entry)
    }

    /// `Thread.vm_tag` while Dart code runs.
    pub(crate) fn dart_vm_tag(&self) -> i32 {
        self.engine.enums.vm_tag.dart as i32
    }

    /// `Thread.exit_through_ffi` during runtime and native calls.
    pub(crate) fn exit_through_runtime_call(&self) -> i32 {
        self.engine.enums.exit_through.exit_through_runtime_call as i32
    }

    /// The address bit that is set in objects of the new generation and clear in old ones: objects are two words
    /// aligned, new ones at an odd word (`kNewObjectAlignmentOffset`, runtime/vm/pointer_tagging.h).
    pub(crate) fn new_object_bit(&self) -> u32 {
        self.layout.word_size()
    }

    /// Rounds the address of an object, or of a slot in its first page, down to its page.
    pub(crate) fn page_mask(&self) -> i32 {
        i32::try_from(self.layout.page.page_mask).expect("pages are smaller than 2 GB")
    }

    /// The `argc_tag` of a native call, `None` if there are too many arguments.
    pub(crate) fn argc_tag(&self, native: &NativeFunction) -> Option<i64> {
        let bits = &self.engine.bits.native_arguments;
        let count = bits.argc.checked_encode(u64::from(native.parameter_words()))?;
        i64::try_from(count | bits.generic_function.flag(native.is_generic)).ok()
    }
}
