//! Checks that throw. What throws is out of the way, in a cold block that ends in a call which does not return.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder};
use snapcrane_ir::{NullCheck, Value};

use super::Lowering;

impl Lowering<'_, '_> {
    /// Continues where `ok` is true; returns with the emitter in the cold block for the other case, and the block to continue in.
    fn unless(&mut self, ok: ir::Value) -> ir::Block {
        let (fail, done) = (self.e.cold_block(), self.e.block());
        self.e.branch(ok, done, fail);
        self.e.switch_to_cold(fail);
        done
    }

    pub(super) fn check_null(&mut self, value: Value, kind: &NullCheck) {
        let operand = self.value(value);
        let null = self.e.null();
        let ok = self.e.cur.ins().icmp(IntCC::NotEqual, operand, null);
        let done = self.unless(ok);
        let entries = &self.ctx.target.engine.rt;
        match kind {
            NullCheck::Cast => self.e.throw_runtime(entries.null_cast_error, &[]),
            NullCheck::NoSuchMethod(name) => {
                let name = self.object(*name);
                self.e.throw_runtime(entries.null_error_with_selector, &[name]);
            }
        }
        self.e.switch_to(done);
    }

    /// Stores an operand of a runtime entry that takes raw 64-bit integers from the thread.
    fn unboxed_arg(&mut self, index: i32, value: ir::Value) {
        let offset = self.e.layout.thread.unboxed_runtime_arg + 8 * index;
        self.e.store_thread(value, offset);
    }

    pub(super) fn check_bounds(&mut self, index: Value, length: Value) {
        let (index, length) = (self.value(index), self.value(length));
        let ok = self.e.cur.ins().icmp(IntCC::UnsignedLessThan, index, length);
        let done = self.unless(ok);
        self.unboxed_arg(0, length);
        self.unboxed_arg(1, index);
        self.e.throw_runtime(self.ctx.target.engine.rt.range_error_unboxed_int64, &[]);
        self.e.switch_to(done);
    }

    pub(super) fn check_not_zero(&mut self, value: Value) {
        if self.constant_int(value).is_some_and(|value| value != 0) {
            return;
        }
        let value = self.value(value);
        let ok = self.e.cmp_imm(IntCC::NotEqual, value, 0);
        let done = self.unless(ok);
        self.e.throw_runtime(self.ctx.target.engine.rt.integer_division_by_zero_exception, &[]);
        self.e.switch_to(done);
    }

    pub(super) fn check_shift_count(&mut self, count: Value) {
        if self.constant_int(count).is_some_and(|count| count >= 0) {
            return;
        }
        let count = self.value(count);
        let ok = self.e.cmp_imm(IntCC::SignedGreaterThanOrEqual, count, 0);
        let done = self.unless(ok);
        self.unboxed_arg(0, count);
        self.e.throw_runtime(self.ctx.target.engine.rt.argument_error_unboxed_int64, &[]);
        self.e.switch_to(done);
    }
}
