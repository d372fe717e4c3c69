//! Getters and setters of fields.

use snapcrane_ir::{Inst, Slot, SourcePos, StoreBarrier, Type, UnaryOp, Value};
use snapcrane_program::ids::{FieldId, FunctionKey, ObjectKey};
use snapcrane_program::{Field, FieldInit, SlotKind};

use super::{Environment, Synth};
use crate::core_calls::CoreCalls;
use crate::error::Result;

impl Synth<'_> {
    fn field(&self, id: FieldId) -> Field {
        self.ctx.program.fields[id].clone()
    }

    /// The value of a field as it is. `receiver` is none for static fields.
    fn field_value(&mut self, id: FieldId, receiver: Option<Value>) -> Value {
        let Some(object) = receiver else { return self.b.ins(Inst::LoadStatic(id)) };
        let slot = Slot::Field(id);
        match self.ctx.program.fields[id].repr {
            SlotKind::Tagged => self.load(object, slot),
            SlotKind::Int64 => {
                let value = self.b.ins(Inst::Load { object, slot, ty: Type::Int64 });
                self.unary(UnaryOp::BoxInt64, value)
            }
            SlotKind::Double => {
                let value = self.b.ins(Inst::Load { object, slot, ty: Type::Double });
                self.unary(UnaryOp::BoxDouble, value)
            }
        }
    }

    fn set_field_value(&mut self, id: FieldId, receiver: Option<Value>, value: Value) {
        let Some(object) = receiver else {
            self.b.ins(Inst::StoreStatic(id, value));
            return;
        };
        let (value, barrier) = match self.ctx.program.fields[id].repr {
            SlotKind::Tagged => (value, StoreBarrier::Full),
            SlotKind::Int64 => (self.unary(UnaryOp::UnboxInt64, value), StoreBarrier::None),
            SlotKind::Double => (self.unary(UnaryOp::UnboxDouble, value), StoreBarrier::None),
        };
        self.b.ins(Inst::Store { object, slot: Slot::Field(id), value, barrier });
    }

    /// A getter. Fields that may be uninitialised hold the sentinel until they are read or written for the first time;
    /// their initialisers run here (`InitLateInstanceField`, `InitLateStaticField` and their final variants,
    /// runtime/vm/compiler/stub_code_compiler.cc). A final field that its own initialiser initialises is an error, any
    /// other is simply overwritten.
    pub(super) fn implicit_getter(&mut self, id: FieldId) {
        let field = self.field(id);
        let position = self.ctx.program.component.fields[field.kernel].position;
        self.b.set_pos(SourcePos::new(position.raw()));
        let receiver = self.params().first().copied();
        let value = self.field_value(id, receiver);
        let may_be_uninitialized =
            if field.is_static { field.is_late || field.init == FieldInit::Code } else { field.is_late };
        if !may_be_uninitialized {
            self.b.ret(value);
            return;
        }
        let uninitialized = self.b.create_block();
        let is_sentinel = self.same_object(value, ObjectKey::Sentinel);
        self.leave_if(is_sentinel, uninitialized);
        self.b.ret(value);

        self.join(uninitialized);
        let object = self.b.object(ObjectKey::Field(id));
        let initial = match &field.init {
            FieldInit::None => {
                self.throw_by_runtime("LateFieldNotInitializedError", &[object]);
                return;
            }
            // Isolates share the field: the engine lets one of them initialise it.
            FieldInit::Code if field.is_static && field.is_shared => {
                let args = [object].into_iter().collect();
                let value = self.b.ins(Inst::CallRuntime { entry: "InitializeSharedField", args });
                self.b.ret(value);
                return;
            }
            FieldInit::Value(value) => self.b.object(value.clone()),
            FieldInit::Code => {
                let args: Vec<Value> = receiver.into_iter().collect();
                self.b.call(FunctionKey::FieldInit(id), &args)
            }
        };
        if field.is_final {
            let assigned = self.b.create_block();
            let now = self.field_value(id, receiver);
            let is_sentinel = self.same_object(now, ObjectKey::Sentinel);
            self.leave_unless(is_sentinel, assigned);
            self.set_field_value(id, receiver, initial);
            self.b.ret(initial);
            self.join(assigned);
            self.throw_by_runtime("LateFieldAssignedDuringInitializationError", &[object]);
        } else {
            self.set_field_value(id, receiver, initial);
            self.b.ret(initial);
        }
    }

    /// A setter (`FlowGraphBuilder::BuildGraphOfFieldAccessor`, runtime/vm/compiler/frontend/kernel_to_il.cc).
    pub(super) fn implicit_setter(&mut self, id: FieldId) -> Result<()> {
        let field = self.field(id);
        let params = self.params();
        let (receiver, mut value) = match params[..] {
            [receiver, value] => (Some(receiver), value),
            [value] => (None, value),
            _ => return Err(self.dangling("value of a setter")),
        };
        if let Some(receiver) = receiver
            && self.setter_checks(&field)
        {
            value = self.check_field_value(&field, receiver, value);
        }
        if field.is_late && field.is_final {
            let assigned = self.b.create_block();
            let now = self.field_value(id, receiver);
            let is_sentinel = self.same_object(now, ObjectKey::Sentinel);
            self.leave_unless(is_sentinel, assigned);
            self.set_field_value(id, receiver, value);
            let null = self.b.null();
            self.b.ret(null);
            self.join(assigned);
            let name = self.ctx.program.vm_name(field.name);
            let name = self.text_value(&name);
            self.call_core("dart:_internal", "LateError", "_throwFieldAlreadyInitialized", &[name])?;
            self.b.terminate(snapcrane_ir::Terminator::Unreachable);
        } else {
            self.set_field_value(id, receiver, value);
            let null = self.b.null();
            self.b.ret(null);
        }
        Ok(())
    }

    /// Whether the setter of an instance field checks the value, because callers may see another type.
    pub(super) fn setter_checks(&self, field: &Field) -> bool {
        let is_called_from_outside = field.attributes.has_non_this_uses || field.attributes.has_tear_off_uses;
        field.is_covariant || (field.is_generic_covariant && is_called_from_outside)
    }

    /// Throws unless the value is of the field's type.
    pub(super) fn check_field_value(&mut self, field: &Field, receiver: Value, value: Value) -> Value {
        let null = self.b.null();
        let instantiator =
            if field.ty.needs_instantiator() { self.instance_type_args(receiver, field.class) } else { null };
        let name = self.text("value");
        self.assert_assignable(value, &field.ty, Environment { instantiator, function: null }, name)
    }
}
