//! Inline allocation in the thread's allocation buffer, shared by functions and helpers.
//!
//! The buffer is `[Thread.top, Thread.end)`. An object is made by moving `top` and writing the header; all its words must be written
//! before the next safepoint, as the collector walks the buffer. Objects made here need no write barriers until then: they are new and
//! not marked. The slow path must return objects for which that is true as well, or which are remembered and will be scanned again
//! (`EnsureRememberedAndMarkingDeferred`, runtime/vm/runtime_entry.cc).

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, Value, types};
use snapcrane_engines::{HEAP_OBJECT_TAG, Immutability, LeafEntry};

use crate::emit::{Emitter, Region};

/// An object of constant size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewObject {
    pub(crate) cid: u32,
    /// Rounded allocation size in bytes.
    pub(crate) size: u32,
    pub(crate) immutability: Immutability,
}

impl Emitter<'_> {
    /// Allocates an object of constant size. `init` fills the object on the fast path; `slow` allocates otherwise and may
    /// collect, so it gets the values that are needed afterwards, to hand them on to the calls it makes. Both paths meet with the
    /// object and the kept values.
    pub(crate) fn allocate(
        &mut self,
        object: NewObject,
        keep: &mut [Value],
        init: impl FnOnce(&mut Self, Value),
        slow: impl FnOnce(&mut Self, &mut [Value]) -> Value,
    ) -> Value {
        let (fast_block, slow_block, done) = (self.block(), self.cold_block(), self.block());
        let (top, end) = self.allocation_buffer();
        let new_top = self.add_imm(top, i64::from(object.size));
        let fits = self.cur.ins().icmp(IntCC::UnsignedLessThan, new_top, end);
        self.branch(fits, fast_block, slow_block);

        self.switch_to(fast_block);
        self.store_thread(new_top, self.layout.thread.top);
        let fresh = self.add_imm(top, i64::from(HEAP_OBJECT_TAG));
        let fresh = self.mark_tagged(fresh);
        let tags = self.layout.new_object_tags(object.cid, object.size, object.immutability);
        let tags = self.iconst(tags as i64);
        self.store_field(tags, fresh, self.layout.object.tags, Region::Header);
        init(self, fresh);
        let mut args: Vec<Value> = vec![fresh];
        args.extend_from_slice(keep);
        self.jump(done, &args);

        self.switch_to_cold(slow_block);
        let mut kept = keep.to_vec();
        let allocated = slow(self, &mut kept);
        args.clear();
        args.push(allocated);
        args.extend_from_slice(&kept);
        self.jump(done, &args);

        let result = self.tagged_param(done);
        for value in keep.iter_mut() {
            let ty = self.cur.func.dfg.value_type(*value);
            let is_tagged = self.buffers.facts.tagged.contains(*value);
            *value = self.param(done, ty);
            if is_tagged {
                self.mark_tagged(*value);
            }
        }
        self.switch_to(done);
        result
    }

    /// Start and end of the free part of the thread's allocation buffer.
    pub(crate) fn allocation_buffer(&mut self) -> (Value, Value) {
        let thread = &self.layout.thread;
        let top = self.load_thread(self.word, thread.top);
        let end = self.load_thread(self.word, thread.end);
        (top, end)
    }

    /// Fills words `[from, to)` (byte offsets in an object) with a value.
    pub(crate) fn fill_words(&mut self, object: Value, value: Value, from: i32, to: i32, region: Region) {
        for offset in (from..to).step_by(self.word.bytes() as usize) {
            self.store_field(value, object, offset, region);
        }
    }

    /// Fills words from one address up to another with a loop.
    pub(crate) fn fill_loop(&mut self, value: Value, from: Value, to: Value, region: Region) {
        let (head, body, done) = (self.block(), self.block(), self.block());
        let word = self.word;
        let cursor = self.param(head, word);
        self.jump(head, &[from]);
        self.switch_to(head);
        let more = self.cur.ins().icmp(IntCC::UnsignedLessThan, cursor, to);
        self.branch(more, body, done);
        self.switch_to(body);
        let flags = self.flags(region);
        self.cur.ins().store(flags, value, cursor, 0);
        let next = self.add_imm(cursor, i64::from(word.bytes()));
        self.jump(head, &[next]);
        self.switch_to(done);
    }

    /// After an allocation by the runtime: makes barriers unnecessary until the next safepoint.
    pub(crate) fn ensure_remembered(&mut self, object: Value, entry: LeafEntry) -> Value {
        let thread = self.thr();
        let slot = self.layout.leaf_entry(entry);
        let word = self.word;
        let object = self.call_leaf(slot, &[object, thread], Some(word)).expect("a result");
        self.mark_tagged(object)
    }

    /// Header of a new object whose size, in bytes and rounded, is known at run time only.
    pub(crate) fn new_tags(&mut self, cid: u32, immutability: Immutability, size: Value) -> Value {
        let base = self.layout.new_object_tags(cid, 0, immutability);
        let base = self.iconst(base as i64);
        self.add_size_tag(base, size)
    }

    /// Adds the size field to a header word.
    pub(crate) fn add_size_tag(&mut self, tags: Value, size: Value) -> Value {
        let bits = &self.layout.untagged_object;
        let align_log2 = self.layout.object_alignment().trailing_zeros();
        let units = self.shr_imm(size, align_log2);
        let max_units = (1i64 << bits.size_tag_size) - 1;
        let fits = self.cmp_imm(IntCC::UnsignedLessThanOrEqual, units, max_units);
        let zero = self.iconst(0);
        let units = self.cur.ins().select(fits, units, zero);
        let field = self.shl_imm(units, bits.size_tag_pos as u32);
        self.cur.ins().bor(tags, field)
    }

    /// Rounds a size up to the object alignment.
    pub(crate) fn round_size(&mut self, size: Value) -> Value {
        let mask = i64::from(self.layout.object_alignment()) - 1;
        let size = self.add_imm(size, mask);
        self.and_imm(size, !mask)
    }

    /// Takes `size` bytes (rounded) from the allocation buffer and continues with the new object's address, tagged and without
    /// header; goes to `slow` if there is no room.
    pub(crate) fn bump(&mut self, size: Value, slow: ir::Block) -> Value {
        let fast = self.block();
        let (top, end) = self.allocation_buffer();
        let new_top = self.cur.ins().iadd(top, size);
        let fits = self.cur.ins().icmp(IntCC::UnsignedLessThan, new_top, end);
        self.branch(fits, fast, slow);
        self.switch_to(fast);
        self.store_thread(new_top, self.layout.thread.top);
        let object = self.add_imm(top, i64::from(HEAP_OBJECT_TAG));
        self.mark_tagged(object)
    }

    /// Stores a double or an integer to a new box.
    pub(crate) fn init_box(&mut self, object: Value, offset: i32, value: Value) {
        debug_assert_eq!(self.cur.func.dfg.value_type(value).bytes(), types::I64.bytes());
        self.store_field(value, object, offset, Region::Immutable);
    }
}
