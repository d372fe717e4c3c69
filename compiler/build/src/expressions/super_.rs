//! `super`: members of the superclass, found by name at compile time, not through the kernel target: the actual superclass may
//! be a mixin application with its own copy.

use dart_kernel::ast::{self, Expr, SuperMethodInvocation, SuperPropertySet};
use snapcrane_ir::{AllocKind, ArrayKind, Inst, StoreBarrier, Value};
use snapcrane_program::Implementation;
use snapcrane_program::ids::{ClassId, FunctionKey, ObjectKey, Selector, SelectorKind};

use super::calls::Evaluated;
use crate::body::BodyBuilder;
use crate::core_calls::CoreCalls;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    fn resolve_super(&self, name: ast::Name, kind: SelectorKind) -> Result<Option<Implementation>> {
        let superclass = self.superclass()?;
        Ok(self.ctx().resolve(superclass, Selector { name: self.ctx().name(name), kind }))
    }

    fn superclass(&self) -> Result<ClassId> {
        let superclass = self.unit.class.and_then(|class| self.ctx().program.class(class).superclass);
        superclass.ok_or_else(|| self.dangling("superclass"))
    }

    /// `SuperPropertyGet`.
    pub(super) fn super_get(&mut self, expr: &'b Expr<'b>, name: ast::Name) -> Result<Value> {
        let implementation = self.resolve_super(name, SelectorKind::Getter)?;
        let this = self.this()?;
        self.at(expr.position);
        let result = match implementation {
            Some(Implementation::Member(member)) => {
                self.call_member(member, Some(this), &Evaluated::positional(&[]))?
            }
            Some(Implementation::FieldGetter(field)) => self.load_field(this, field),
            Some(Implementation::TearOff(member)) => {
                self.b.call(FunctionKey::MethodExtractor(member), &[this])
            }
            Some(Implementation::FieldSetter(_)) | None => {
                let selector = format!("get:{}", self.text(name.text));
                self.super_no_such_method(&selector, &Evaluated::positional(&[]))?
            }
        };
        self.call_result(expr.node, result)
    }

    /// `SuperPropertySet`; the value is the result.
    pub(super) fn super_set(&mut self, expr: &'b Expr<'b>, set: &'b SuperPropertySet<'b>) -> Result<Value> {
        let implementation = self.resolve_super(set.name, SelectorKind::Setter)?;
        let value = self.expression(set.value)?;
        let this = self.this()?;
        self.at(expr.position);
        match implementation {
            Some(Implementation::FieldSetter(field)) => self.store_field(this, field, value),
            Some(Implementation::Member(member)) => {
                let object = self.tagged(value);
                self.call_member(member, Some(this), &Evaluated::positional(&[object]))?;
            }
            _ => {
                let object = self.tagged(value);
                let selector = format!("set:{}", self.text(set.name.text));
                self.super_no_such_method(&selector, &Evaluated::positional(&[object]))?;
            }
        }
        Ok(value)
    }

    /// `SuperMethodInvocation`.
    pub(super) fn super_invocation(
        &mut self,
        expr: &'b Expr<'b>,
        call: &'b SuperMethodInvocation<'b>,
    ) -> Result<Value> {
        let implementation = self.resolve_super(call.name, SelectorKind::Method)?;
        let this = self.this()?;
        let arguments = self.arguments(call.arguments)?;
        self.at(expr.position);
        let result = match implementation {
            Some(Implementation::Member(member)) => self.call_member(member, Some(this), &arguments)?,
            _ => {
                let selector = self.text(call.name.text);
                self.super_no_such_method(&selector, &arguments)?
            }
        };
        self.call_result(expr.node, result)
    }

    /// `super.noSuchMethod` with an invocation of a member that the superclass does not have.
    fn super_no_such_method(&mut self, selector: &str, arguments: &Evaluated<'b>) -> Result<Value> {
        let superclass = self.superclass()?;
        let name = self.ctx().no_such_method_name()?;
        let selector_key = Selector { name, kind: SelectorKind::Method };
        let Some(Implementation::Member(handler)) = self.ctx().resolve(superclass, selector_key) else {
            return Err(self.dangling("noSuchMethod of the superclass"));
        };
        let this = self.this()?;
        let (shape, rest) = self.shape(arguments, 1);
        let mut actuals = Vec::with_capacity(rest.len() + 2);
        if !arguments.types.is_empty() {
            let types = self.type_args(arguments.types)?;
            actuals.push(self.type_args_value(&types));
        }
        actuals.push(this);
        actuals.extend(rest);
        let array = self.array(&actuals);
        let selector = self.text_object(selector);
        let descriptor = self.b.object(ObjectKey::ArgumentsDescriptor(shape));
        let is_super = self.b.object(ObjectKey::Bool(true));
        let args = [selector, descriptor, array, is_super];
        let mirror = self.call_core("dart:core", "_InvocationMirror", "_allocateInvocationMirror", &args)?;
        self.call_member(handler, Some(this), &Evaluated::positional(&[mirror]))
    }

    /// A new array without type arguments, filled with objects.
    pub(crate) fn array(&mut self, elements: &[Value]) -> Value {
        let null = self.b.null();
        let length = self.b.object(ObjectKey::Int(elements.len() as i64));
        let array =
            self.ins(Inst::Allocate { kind: AllocKind::Array, args: [null, length].into_iter().collect() });
        self.fill_array(array, elements);
        array
    }

    /// Stores the elements of an array that has just been allocated.
    pub(crate) fn fill_array(&mut self, array: Value, elements: &[Value]) {
        for (&value, index) in elements.iter().zip(0i64..) {
            self.store_element(array, index, value, StoreBarrier::None);
        }
    }

    pub(crate) fn store_element(&mut self, array: Value, index: i64, value: Value, barrier: StoreBarrier) {
        let index = self.b.int64(index);
        self.ins(Inst::StoreIndexed { kind: ArrayKind::Array, base: array, index, value, barrier });
    }
}
