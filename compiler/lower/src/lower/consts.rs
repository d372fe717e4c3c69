//! Constants: numbers, and objects of the snapshot, which never move.

use cranelift_codegen::ir::{self, InstBuilder, immediates::Ieee64, types as clif};
use snapcrane_ir::{Inst, ObjectRef};
use snapcrane_program::ids::ObjectKey;

use super::Lowering;

impl Lowering<'_, '_> {
    /// The value of a constant instruction.
    pub(super) fn constant(&mut self, inst: &Inst) -> ir::Value {
        match inst {
            Inst::Object(object) => self.object(*object),
            Inst::Int64(value) => self.e.const_of(clif::I64, *value),
            Inst::Double(bits) => self.e.cur.ins().f64const(Ieee64::with_bits(*bits)),
            Inst::Bool(value) => self.e.const_of(clif::I8, i64::from(*value)),
            other => unreachable!("not a constant: {other:?}"),
        }
    }

    /// An object of the function's table.
    pub(super) fn object_value(&mut self, object: ObjectRef, key: &ObjectKey) -> ir::Value {
        match key {
            ObjectKey::Null => self.e.null(),
            ObjectKey::Bool(value) => self.e.bool_object(*value),
            ObjectKey::Sentinel => self.e.thread_constant(self.e.layout.thread.object_sentinel),
            ObjectKey::Int(value) if self.ctx.target.is_smi(*value) => self.e.smi(*value),
            ObjectKey::Root("empty_array") => self.e.thread_constant(self.e.layout.thread.empty_array),
            ObjectKey::Root("empty_type_arguments") => {
                self.e.thread_constant(self.e.layout.thread.empty_type_arguments)
            }
            ObjectKey::Root("dynamic_type") => self.e.thread_constant(self.e.layout.thread.dynamic_type),
            _ => {
                let offset = self.ctx.link.pool_offset(self.func, object);
                self.e.pool_object(offset)
            }
        }
    }
}
