//! Dynamic access to the fields of records.

use snapcrane_ir::inst::ThreadSlot;
use snapcrane_ir::{ArrayKind, BinaryOp, Block, CompareOp, Inst, NativeSlot, Slot, Type, Value};
use snapcrane_program::ids::{CallShape, Name, ObjectKey, Selector, SelectorKind};

use super::Synth;
use crate::error::Result;

/// Number of fields in a record's shape (`RecordShape::kNumFieldsMask`, runtime/vm/object.h); the rest is the index of
/// its names.
const NUM_FIELDS_MASK: i64 = 0xffff;
const NAMES_SHIFT: i64 = 16;

impl Synth<'_> {
    /// A getter of records: the positional field `$n` if there is one, or the named field
    /// (`FlowGraphBuilder::BuildGraphOfRecordFieldGetter`, runtime/vm/compiler/frontend/kernel_to_il.cc).
    pub(super) fn record_field_getter(&mut self, name: Name) -> Result<()> {
        let Some(&record) = self.params().first() else { return Err(self.dangling("record")) };
        let (value, missing) = self.record_field(record, name);
        self.b.ret(value);
        self.join(missing);
        let getter = self.selector_name(Selector { name, kind: SelectorKind::Getter });
        let result = self.no_such_method(&getter, &CallShape::positional(1), &[record])?;
        self.b.ret(result);
        Ok(())
    }

    /// The value of a record's field, and the block where control goes if there is no such field.
    pub(super) fn record_field(&mut self, record: Value, name: Name) -> (Value, Block) {
        let done = self.b.create_block();
        let result = self.b.append_param(done, Type::Tagged);
        let shape = self.b.ins(Inst::Load {
            object: record,
            slot: Slot::Native(NativeSlot::RecordShape),
            ty: Type::Int64,
        });
        let mask = self.b.int64(NUM_FIELDS_MASK);
        let num_fields = self.b.ins(Inst::Binary(BinaryOp::AndInt64, shape, mask));
        let shift = self.b.int64(NAMES_SHIFT);
        let names_index = self.b.ins(Inst::Binary(BinaryOp::ShrInt64, shape, shift));
        let all_names = self.b.ins(Inst::LoadThread(ThreadSlot::RecordFieldNames));
        let names = self.load_indexed(ArrayKind::Array, all_names, names_index);
        let num_named = self.b.ins(Inst::Load {
            object: names,
            slot: Slot::Native(NativeSlot::ArrayLength),
            ty: Type::Int64,
        });
        let num_positional = self.b.ins(Inst::Binary(BinaryOp::SubInt64, num_fields, num_named));

        if let Some(index) = positional_index(&self.ctx.program.text(name.text)) {
            let (found, proceed) = (self.b.create_block(), self.b.create_block());
            let index = self.b.int64(index);
            let exists = self.compare(CompareOp::LtInt64, index, num_positional);
            self.b.branch(exists, found, proceed);
            self.join(found);
            let value = self.load_indexed(ArrayKind::Record, record, index);
            self.b.jump_args(done, &[value]);
            self.join(proceed);
        }

        let index = self.b.declare_var(Type::Int64);
        let zero = self.b.int64(0);
        self.b.def_var(index, zero);
        let (head, body, found, next, missing) = (
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
            self.b.create_block(),
        );
        self.b.jump(head);
        // The loop is sealed when its back edge is there.
        self.b.switch_to(head);
        let at = self.b.use_var(index);
        let more = self.compare(CompareOp::LtInt64, at, num_named);
        self.b.branch(more, body, missing);
        self.join(body);
        let candidate = self.load_indexed(ArrayKind::Array, names, at);
        let is_it = self.same_object(candidate, ObjectKey::String(name.text));
        self.b.branch(is_it, found, next);
        self.join(next);
        let one = self.b.int64(1);
        let after = self.b.ins(Inst::Binary(BinaryOp::AddInt64, at, one));
        self.b.def_var(index, after);
        self.b.jump(head);
        self.b.seal(head);

        self.join(found);
        let at = self.b.ins(Inst::Binary(BinaryOp::AddInt64, num_positional, at));
        let value = self.load_indexed(ArrayKind::Record, record, at);
        self.b.jump_args(done, &[value]);
        self.join(done);
        (result, missing)
    }
}

/// The index of a positional field: `$1` is field 0 (`Record::GetPositionalFieldIndexFromFieldName`).
fn positional_index(name: &str) -> Option<i64> {
    let digits = name.strip_prefix('$')?;
    let is_number =
        !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = if is_number { digits.parse().ok()? } else { return None };
    (number <= NUM_FIELDS_MASK).then_some(number - 1)
}

#[cfg(test)]
mod tests {
    use super::positional_index;

    #[test]
    fn positional_field_names() {
        assert_eq!(positional_index("$1"), Some(0));
        assert_eq!(positional_index("$12"), Some(11));
        for name in ["$0", "$", "$01", "x", "1", "$1a", "$99999999999999999999"] {
            assert_eq!(positional_index(name), None, "{name}");
        }
    }
}
