//! Fields, getters, setters and tear-offs of instances.

use dart_kernel::Reference;
use dart_kernel::ast::{self, Expr, InstanceSet};
use snapcrane_ir::{Slot, StoreBarrier, Type, Value};
use snapcrane_program::ids::{FieldId, FunctionKey, SelectorKind};
use snapcrane_program::{MemberKind, SlotKind, Target};

use super::calls::Evaluated;
use crate::body::BodyBuilder;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// Type of a field's value as loaded.
    pub(crate) fn field_type(&self, field: FieldId) -> Type {
        match self.ctx().program.fields[field].repr {
            SlotKind::Tagged => Type::Tagged,
            SlotKind::Int64 => Type::Int64,
            SlotKind::Double => Type::Double,
        }
    }

    /// Reads a field of an object that has it.
    pub(crate) fn load_field(&mut self, object: Value, field: FieldId) -> Value {
        if self.ctx().program.fields[field].is_late {
            return self.b.call(FunctionKey::ImplicitGetter(field), &[object]);
        }
        let ty = self.field_type(field);
        self.load(object, Slot::Field(field), ty)
    }

    /// Writes a field of an object that has it, as its setter does.
    pub(crate) fn store_field(&mut self, object: Value, field: FieldId, value: Value) {
        let info = &self.ctx().program.fields[field];
        if info.is_late || info.is_covariant || info.is_generic_covariant {
            let value = self.tagged(value);
            self.b.call(FunctionKey::ImplicitSetter(field), &[object, value]);
            return;
        }
        self.initialize_field(object, field, value);
    }

    /// Writes a field without any check.
    pub(crate) fn initialize_field(&mut self, object: Value, field: FieldId, value: Value) {
        let ty = self.field_type(field);
        let value = self.convert(value, ty);
        let barrier = if ty == Type::Tagged { StoreBarrier::Full } else { StoreBarrier::None };
        self.store_slot(object, Slot::Field(field), value, barrier);
    }

    /// Gets something from a target that is known: field, getter, or method to be torn off.
    pub(crate) fn get_directly(&mut self, target: Reference, receiver: Value) -> Result<Value> {
        match self.ctx().target(target) {
            Some(Target::Field(field)) => Ok(self.load_field(receiver, field)),
            Some(Target::Member(member)) => {
                if self.ctx().program.members[member].kind == MemberKind::Getter {
                    self.call_member(member, Some(receiver), &Evaluated::positional(&[]))
                } else {
                    Ok(self.b.call(FunctionKey::MethodExtractor(member), &[receiver]))
                }
            }
            None => Err(self.dangling("target of a direct call")),
        }
    }

    /// `InstanceGet`, `InstanceTearOff` and `DynamicGet`: gets something by name, from the target that is known or through the
    /// dispatch table, whose row checks everything if the get is dynamic. Getters have no arguments to check.
    pub(super) fn get(
        &mut self,
        expr: &'b Expr<'b>,
        receiver: &'b Expr<'b>,
        name: ast::Name,
        is_dynamic: bool,
    ) -> Result<Value> {
        let direct = self.component().direct_call(expr.node)?;
        let mut receiver = self.object_expression(receiver)?;
        self.at(expr.position);
        let name = self.ctx().name(name);
        let result = match direct {
            Some(direct) => {
                if direct.check_receiver_for_null {
                    let selector = format!("get:{}", self.text(name.text));
                    receiver = self.check_receiver(receiver, &selector);
                }
                self.get_directly(direct.target, receiver)?
            }
            None => {
                let none = Evaluated::positional(&[]);
                self.call_row(name, SelectorKind::Getter, is_dynamic, receiver, &none)?
            }
        };
        self.call_result(expr.node, result)
    }

    /// `InstanceSet`; the value is the result.
    pub(super) fn instance_set(&mut self, expr: &'b Expr<'b>, set: &'b InstanceSet<'b>) -> Result<Value> {
        let direct = self.component().direct_call(expr.node)?;
        let mut receiver = self.object_expression(set.receiver)?;
        let value = self.expression(set.value)?;
        self.at(expr.position);
        let name = self.ctx().name(set.name);
        match direct {
            Some(direct) => {
                if direct.check_receiver_for_null {
                    let selector = format!("set:{}", self.text(name.text));
                    receiver = self.check_receiver(receiver, &selector);
                }
                match self.ctx().target(direct.target) {
                    Some(Target::Field(field)) => self.store_field(receiver, field, value),
                    Some(Target::Member(member)) => {
                        let object = self.tagged(value);
                        self.call_member(member, Some(receiver), &Evaluated::positional(&[object]))?;
                    }
                    None => return Err(self.dangling("target of a direct call")),
                }
            }
            None => {
                let object = self.tagged(value);
                let arguments = Evaluated::positional(&[object]);
                self.call_row(name, SelectorKind::Setter, false, receiver, &arguments)?;
            }
        }
        Ok(value)
    }
}
