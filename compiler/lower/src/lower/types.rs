//! Type tests and type instantiation.
//!
//! Most tests need only the class id: a type without type arguments, or whose type arguments every type is a subtype of, holds for
//! exactly the instances of the classes that implement its class, and their ids are a few ranges. The others look in the site's
//! subtype-test cache and ask the runtime on a miss (helpers); where the class cannot match, a test is answered at once.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, types as clif};
use snapcrane_ir::{ObjectRef, Value};
use snapcrane_program::NullTest;
use snapcrane_program::ids::ObjectKey;
use snapcrane_program::types::{DartType, TypeParamOwner, TypeParameter};

use super::{Lowering, Result};
use crate::emit::Region;
use crate::facts::ClassTest;
use crate::helpers::{CACHE_INPUTS, HelperId};

/// The operands of a test: value, type arguments of the instantiator and of the enclosing functions.
type TestOperands = (Value, Value, Value);

impl Lowering<'_, '_> {
    fn dart_type(&self, ty: ObjectRef) -> Result<&DartType> {
        match &self.func.objects[ty] {
            ObjectKey::Type(ty) => Ok(ty),
            other => self.unsupported(format!("type test with {other:?} for a type")),
        }
    }

    fn cache_inputs(&self, cache: ObjectRef) -> Result<u8> {
        match &self.func.objects[cache] {
            ObjectKey::SubtypeTestCache { inputs, .. } if CACHE_INPUTS.contains(inputs) => Ok(*inputs),
            other => self.unsupported(format!("type test with {other:?} for a cache")),
        }
    }

    /// Whether a 32-bit class id is in one of the ranges.
    fn in_ranges(&mut self, cid: ir::Value, ranges: &[(u32, u32)]) -> ir::Value {
        let mut any: Option<ir::Value> = None;
        for &(low, high) in ranges {
            let hit = if low == high {
                self.e.cmp_imm(IntCC::Equal, cid, i64::from(low))
            } else {
                let distance = self.e.add_imm(cid, -i64::from(low));
                self.e.cmp_imm(IntCC::UnsignedLessThanOrEqual, distance, i64::from(high - low))
            };
            any = Some(match any {
                Some(before) => self.e.cur.ins().bor(before, hit),
                None => hit,
            });
        }
        any.unwrap_or_else(|| self.e.const_of(clif::I8, 0))
    }

    /// Branches on the class of a value that is not null.
    fn branch_by_class(
        &mut self,
        value: ir::Value,
        is_heap: bool,
        ranges: &[(u32, u32)],
        yes: ir::Block,
        no: ir::Block,
    ) {
        if ranges.is_empty() {
            self.e.jump(no, &[]);
            return;
        }
        let smi = self.cids().smi;
        let smi_matches = ranges.iter().any(|&(low, high)| (low..=high).contains(&smi));
        if !is_heap {
            let heap = self.e.block();
            let heap_bit = self.e.heap_bit(value);
            self.e.branch(heap_bit, heap, if smi_matches { yes } else { no });
            self.e.switch_to(heap);
        }
        let ranges: Vec<(u32, u32)> = ranges.iter().copied().filter(|&range| range != (smi, smi)).collect();
        let cid = self.e.load_class_id(value);
        let hit = self.in_ranges(cid, &ranges);
        self.e.branch(hit, yes, no);
    }

    /// If the test is for a type parameter: goes to `yes` if what it stands for is surely a top type, and on otherwise.
    fn branch_if_dynamic(
        &mut self,
        ty: &DartType,
        instantiator: ir::Value,
        function: ir::Value,
        yes: ir::Block,
    ) {
        let DartType::Parameter(parameter) = ty else { return };
        let Some(vector) = vector_of(parameter, instantiator, function) else { return };
        let (load, other) = (self.e.block(), self.e.block());
        let is_null = self.is_null_value(vector);
        self.e.branch(is_null, yes, load);
        self.e.switch_to(load);
        let argument = self.load_type_argument(vector, parameter.index);
        let dynamic = self.e.thread_constant(self.e.layout.thread.dynamic_type);
        let is_dynamic = self.e.cur.ins().icmp(IntCC::Equal, argument, dynamic);
        self.e.branch(is_dynamic, yes, other);
        self.e.switch_to(other);
    }

    fn load_type_argument(&mut self, vector: ir::Value, index: u16) -> ir::Value {
        let offset = self.e.layout.type_arguments.element_offset(u32::from(index)) as i32;
        self.e.load_tagged(vector, offset, Region::Immutable)
    }

    pub(super) fn instance_of(
        &mut self,
        (value, instantiator, function): TestOperands,
        ty: ObjectRef,
        cache: ObjectRef,
    ) -> Result<ir::Value> {
        let dart_type = self.dart_type(ty)?.clone();
        let Some(plan) = self.ctx.program.type_test(&dart_type) else {
            return Ok(self.e.const_of(clif::I8, 1));
        };
        let is_heap = self.is_heap_object(value);
        let (value, instantiator, function) =
            (self.value(value), self.value(instantiator), self.value(function));
        let (yes, no, done) = (self.e.block(), self.e.block(), self.e.block());
        let result = self.e.param(done, clif::I8);

        let not_null = self.e.block();
        let is_null = self.is_null_value(value);
        match plan.null {
            NullTest::Yes => self.e.branch(is_null, yes, not_null),
            NullTest::No => self.e.branch(is_null, no, not_null),
            NullTest::Depends => self.e.jump(not_null, &[]),
        }
        self.e.switch_to(not_null);
        let mut decided = false;
        match &plan.class {
            ClassTest::Decides(ranges) => {
                self.branch_by_class(value, is_heap, ranges, yes, no);
                decided = true;
            }
            ClassTest::Excludes(ranges) if !matches!(plan.null, NullTest::Depends) => {
                let maybe = self.e.block();
                self.branch_by_class(value, is_heap, ranges, maybe, no);
                self.e.switch_to(maybe);
            }
            ClassTest::Excludes(_) | ClassTest::Unknown => {
                self.branch_if_dynamic(&dart_type, instantiator, function, yes)
            }
        }
        if !decided {
            let inputs = self.cache_inputs(cache)?;
            let (ty, cache) = (self.object(ty), self.object(cache));
            let args = [value, ty, instantiator, function, cache];
            let answer = self.e.call_helper(HelperId::InstanceOf { inputs }, &args, &mut []);
            let true_object = self.e.bool_object(true);
            let is_true = self.e.cur.ins().icmp(IntCC::Equal, answer, true_object);
            self.e.jump(done, &[is_true]);
        }
        for (block, answer) in [(yes, 1), (no, 0)] {
            self.e.switch_to(block);
            let answer = self.e.const_of(clif::I8, answer);
            self.e.jump(done, &[answer]);
        }
        self.e.switch_to(done);
        Ok(result)
    }

    pub(super) fn assert_assignable(
        &mut self,
        (value, instantiator, function): TestOperands,
        ty: ObjectRef,
        name: ObjectRef,
        cache: ObjectRef,
        result: Option<Value>,
    ) -> Result<ir::Value> {
        debug_assert!(result.is_some(), "an assertion has a result");
        let dart_type = self.dart_type(ty)?.clone();
        let Some(plan) = self.ctx.program.type_test(&dart_type) else {
            return Ok(self.value(value));
        };
        let inputs = self.cache_inputs(cache)?;
        let is_heap = self.is_heap_object(value);
        let (value, instantiator, function) =
            (self.value(value), self.value(instantiator), self.value(function));
        let (yes, slow, done) = (self.e.block(), self.e.cold_block(), self.e.block());
        let result = self.e.tagged_param(done);

        let is_null = self.is_null_value(value);
        match plan.null {
            NullTest::Yes => {
                let not_null = self.e.block();
                self.e.branch(is_null, yes, not_null);
                self.e.switch_to(not_null);
            }
            // Null has a class of its own, which no range has in it.
            NullTest::No | NullTest::Depends => {}
        }
        match &plan.class {
            ClassTest::Decides(ranges) => self.branch_by_class(value, is_heap, ranges, yes, slow),
            ClassTest::Excludes(_) | ClassTest::Unknown => {
                self.branch_if_dynamic(&dart_type, instantiator, function, yes);
                self.e.jump(slow, &[]);
            }
        }
        if matches!(plan.class, ClassTest::Decides(_)) {
            self.e.switch_to_cold(slow);
        } else {
            self.e.switch_to(slow);
        }
        let (ty, name, cache) = (self.object(ty), self.object(name), self.object(cache));
        let args = [value, ty, instantiator, function, name, cache];
        let checked = self.e.call_helper(HelperId::AssertAssignable { inputs }, &args, &mut []);
        self.e.jump(done, &[checked]);
        self.e.switch_to(yes);
        self.e.jump(done, &[value]);
        self.e.switch_to(done);
        Ok(result)
    }

    pub(super) fn assert_subtype(
        &mut self,
        sub: Value,
        sup: Value,
        instantiator: Value,
        function: Value,
        name: Value,
    ) {
        let args = self.values(&[instantiator, function, sub, sup, name]);
        self.e.call_runtime(self.ctx.target.engine.rt.subtype_check, &args, &mut []);
    }

    pub(super) fn instantiate_type(
        &mut self,
        ty: ObjectRef,
        instantiator: Value,
        function: Value,
    ) -> Result<ir::Value> {
        let dart_type = self.dart_type(ty)?.clone();
        if dart_type.is_instantiated() {
            return Ok(self.object(ty));
        }
        let (instantiator, function) = (self.value(instantiator), self.value(function));
        let (slow, done) = (self.e.block(), self.e.block());
        let result = self.e.tagged_param(done);
        let vector = match &dart_type {
            DartType::Parameter(parameter) => {
                vector_of(parameter, instantiator, function).map(|v| (parameter, v))
            }
            _ => None,
        };
        match vector {
            Some((parameter, vector)) => {
                let load = self.e.block();
                let dynamic = self.e.thread_constant(self.e.layout.thread.dynamic_type);
                let is_null = self.is_null_value(vector);
                self.e.branch_with(is_null, (done, &[dynamic]), (load, &[]));
                self.e.switch_to(load);
                let argument = self.load_type_argument(vector, parameter.index);
                if !parameter.nullable {
                    self.e.jump(done, &[argument]);
                    self.e.switch_to(done);
                    return Ok(result);
                }
                // `T?` is what `T` stands for if that is nullable already.
                let flags = self.e.load_field(
                    clif::I32,
                    argument,
                    self.e.layout.abstract_type.flags,
                    Region::Immutable,
                );
                let nullability = self.ctx.target.engine.bits.type_flags.nullability;
                let nullable = self.e.and_imm(flags, nullability.mask() as i64);
                self.e.branch_with(nullable, (done, &[argument]), (slow, &[]));
            }
            None => self.e.jump(slow, &[]),
        }
        self.e.switch_to(slow);
        let ty = self.object(ty);
        let args = [ty, instantiator, function];
        let instantiated = self.e.call_runtime(self.ctx.target.engine.rt.instantiate_type, &args, &mut []);
        self.e.jump(done, &[instantiated]);
        self.e.switch_to(done);
        Ok(result)
    }

    pub(super) fn instantiate_type_args(
        &mut self,
        args: ObjectRef,
        instantiator: Value,
        function: Value,
    ) -> Result<ir::Value> {
        let (instantiator, function) = (self.value(instantiator), self.value(function));
        let vector = self.object(args);
        Ok(self.e.call_helper(HelperId::InstantiateTypeArguments, &[vector, instantiator, function], &mut []))
    }
}

/// The vector in which a type parameter's argument is found.
fn vector_of(parameter: &TypeParameter, instantiator: ir::Value, function: ir::Value) -> Option<ir::Value> {
    match parameter.owner {
        TypeParamOwner::Class(_) => Some(instantiator),
        TypeParamOwner::Function(_) => Some(function),
        TypeParamOwner::Structural(_) => None,
    }
}
