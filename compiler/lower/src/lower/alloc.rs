//! Allocations.
//!
//! Objects of constant size are made inline, with a helper on the cold path; everything else is a helper's work. Fields are stored
//! where the paths meet, without barriers: there is no safepoint in between.

use cranelift_codegen::ir::{self, InstBuilder};
use snapcrane_engines::Immutability;
use snapcrane_ir::{AllocKind, ObjectRef, Value};
use snapcrane_program::SlotKind;
use snapcrane_program::ids::{ClassId, ObjectKey};
use snapcrane_program::types::RecordShape;

use super::{Lowering, Result};
use crate::alloc::NewObject;
use crate::emit::{Operands, Region};
use crate::helpers::HelperId;
use crate::objects;

/// Objects up to this many bytes are allocated inline; as many as a header can hold the size of, roughly.
const MAX_INLINE_SIZE: u32 = 240;

/// Arrays up to this length, if constant, are allocated inline.
const MAX_INLINE_ARRAY: i64 = 16;

impl Lowering<'_, '_> {
    pub(super) fn allocate(&mut self, kind: &AllocKind, args: &[Value]) -> Result<ir::Value> {
        let object = match kind {
            AllocKind::Object(class) => self.allocate_instance(*class, args)?,
            AllocKind::Array => self.allocate_array(args[0], args[1]),
            AllocKind::GrowableArray => {
                let mut operands = self.values(args);
                let object = self.allocate_fixed(self.cids().growable_object_array, &mut operands)?;
                let layout = &self.e.layout.growable_object_array;
                let zero = self.e.smi(0);
                self.e.store_field(operands[0], object, layout.type_arguments, Region::Field);
                self.e.store_field(operands[1], object, layout.data, Region::Field);
                self.e.store_field(zero, object, layout.length, Region::Field);
                object
            }
            AllocKind::Context(variables) => self.allocate_context(*variables, args[0])?,
            AllocKind::Closure { function, has_delayed, has_instantiator, has_function } => {
                let flags = (*has_delayed, *has_instantiator, *has_function);
                self.allocate_closure(*function, flags, args)?
            }
            AllocKind::Record(shape) => self.allocate_record(shape, args)?,
            AllocKind::TypedData(class) => {
                let cid = class.as_u32();
                let Some(classes) =
                    self.ctx.target.engine.typed_data_classes(cid).filter(|c| c.internal == cid)
                else {
                    return self.unsupported(format!("typed data of {class}"));
                };
                let log2 = classes.element_size.trailing_zeros() as u8;
                let length = self.value(args[0]);
                let cid = self.e.smi(i64::from(cid));
                self.e.call_helper(HelperId::AllocateTypedData { log2 }, &[cid, length], &mut [])
            }
            AllocKind::TypedDataView(class) => self.allocate_view(*class, args)?,
            AllocKind::OneByteString => {
                let length = self.value(args[0]);
                self.e.call_helper(HelperId::AllocateOneByteString, &[length], &mut [])
            }
            AllocKind::TwoByteString => {
                let length = self.value(args[0]);
                self.e.call_helper(HelperId::AllocateTwoByteString, &[length], &mut [])
            }
            AllocKind::Pointer => {
                let mut operands = self.values(args);
                let object = self.allocate_fixed_keeping(self.cids().pointer, &mut operands, 1)?;
                let (type_arguments, data) =
                    (self.e.layout.pointer.type_arguments, self.e.layout.typed_data.data_field);
                self.e.store_field(operands[0], object, type_arguments, Region::Field);
                self.e.store_field(operands[1], object, data, Region::Field);
                object
            }
            AllocKind::ExternalTypedData(class) => {
                let operands = self.values(args);
                let object = self.allocate_fixed(class.as_u32(), &mut [])?;
                let layout = &self.e.layout.typed_data;
                let length = self.e.tag_smi(operands[1]);
                self.e.store_field(operands[0], object, layout.data_field, Region::Field);
                self.e.store_field(length, object, layout.length, Region::Immutable);
                object
            }
            AllocKind::SuspendState(words) => self.allocate_suspend_state(*words, args[0]),
        };
        self.e.publish_fence();
        Ok(object)
    }

    /// Allocates an object of a class that C++ lays out, whose fields the caller stores at once.
    fn allocate_fixed(&mut self, cid: u32, keep: &mut [ir::Value]) -> Result<ir::Value> {
        let class = ClassId::from_u32(cid);
        let Some(size) = objects::instance_size(self.ctx.program, self.ctx.target, class) else {
            return self.unsupported(format!("allocation of {class}, whose instances vary in size"));
        };
        let pool_offset = self.ctx.link.class_pool_offset(class);
        let immutability = objects::immutability(self.ctx.program, self.ctx.target, class);
        let fields = self.e.layout.instance.first_field;
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let null = e.null();
            e.fill_words(object, null, fields, size as i32, Region::Field);
        };
        Ok(self.e.allocate(NewObject { cid, size, immutability }, keep, init, |e, keep| {
            let class = e.pool_object(pool_offset);
            let null = e.null();
            e.call_helper(HelperId::AllocateObject, &[class, null], keep)
        }))
    }

    /// As [`Self::allocate_fixed`], where only the first `tagged` operands are tagged.
    fn allocate_fixed_keeping(
        &mut self,
        cid: u32,
        operands: &mut [ir::Value],
        tagged: usize,
    ) -> Result<ir::Value> {
        self.allocate_fixed(cid, &mut operands[..tagged])
    }

    fn allocate_instance(&mut self, class: ClassId, args: &[Value]) -> Result<ir::Value> {
        let (program, target) = (self.ctx.program, self.ctx.target);
        let Some(size) = objects::instance_size(program, target, class) else {
            return self.unsupported(format!("allocation of {class}, whose instances vary in size"));
        };
        let type_args = match args.first() {
            Some(&value) => self.value(value),
            None => self.e.null(),
        };
        let pool_offset = self.ctx.link.class_pool_offset(class);
        let slow = |e: &mut crate::emit::Emitter<'_>, keep: &mut [ir::Value]| {
            let class = e.pool_object(pool_offset);
            e.call_helper(HelperId::AllocateObject, &[class, type_args], keep)
        };
        if size > MAX_INLINE_SIZE {
            return Ok(slow(&mut self.e, &mut []));
        }
        let type_args_offset =
            objects::type_arguments_offset(program, target, class).filter(|_| !args.is_empty());
        let layout = program.layout(class);
        let first_field = self.e.layout.instance.first_field;
        let object = NewObject {
            cid: class.as_u32(),
            size,
            immutability: objects::immutability(program, target, class),
        };
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let null = e.null();
            let mut offset = first_field;
            for (slot, &kind) in layout.slots.iter().enumerate() {
                offset = objects::slot_offset(target, layout, slot as u32 + 1);
                let start = objects::slot_offset(target, layout, slot as u32);
                if kind == SlotKind::Tagged {
                    let value = if Some(start) == type_args_offset { type_args } else { null };
                    e.store_field(value, object, start, Region::Field);
                } else {
                    let zero = e.const_of(ir::types::I64, 0);
                    e.store_field(zero, object, start, Region::Field);
                }
            }
            // Fields of engine classes, and the padding that makes the size a multiple of the alignment.
            for start in (offset..size as i32).step_by(e.word.bytes() as usize) {
                let value = if Some(start) == type_args_offset { type_args } else { null };
                e.store_field(value, object, start, Region::Field);
            }
        };
        Ok(self.e.allocate(object, &mut [], init, slow))
    }

    /// The length of an array, if it is a small constant.
    fn constant_length(&self, length: Value) -> Option<i64> {
        let value = match self.func.defining_inst(self.slots.resolve(length))? {
            snapcrane_ir::Inst::Object(object) => match self.func.objects[*object] {
                ObjectKey::Int(value) => value,
                _ => return None,
            },
            snapcrane_ir::Inst::Unary(snapcrane_ir::UnaryOp::BoxInt64, int) => self.constant_int(*int)?,
            _ => return None,
        };
        (0..=MAX_INLINE_ARRAY).contains(&value).then_some(value)
    }

    fn allocate_array(&mut self, type_args: Value, length: Value) -> ir::Value {
        let (type_args_value, length_value) = (self.value(type_args), self.value(length));
        let Some(constant) = self.constant_length(length) else {
            return self.e.call_helper(HelperId::AllocateArray, &[type_args_value, length_value], &mut []);
        };
        let layout = &self.e.layout.array;
        let end = layout.element_offset(constant as u32) as u32;
        let size = self.e.layout.rounded_allocation_size(end);
        let object = NewObject { cid: self.cids().array, size, immutability: Immutability::Mutable };
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let layout = &e.layout.array;
            e.store_field(type_args_value, object, layout.type_arguments, Region::Field);
            let length = e.smi(constant);
            e.store_field(length, object, layout.length, Region::Immutable);
            let null = e.null();
            e.fill_words(object, null, layout.data, size as i32, Region::Element);
        };
        self.e.allocate(object, &mut [], init, |e, keep| {
            e.call_helper(HelperId::AllocateArray, &[type_args_value, length_value], keep)
        })
    }

    fn allocate_context(&mut self, variables: u32, parent: Value) -> Result<ir::Value> {
        let layout = &self.e.layout.context;
        let parent = self.value(parent);
        let count = i64::from(variables);
        let size = self.e.layout.rounded_allocation_size(layout.element_offset(variables) as u32);
        let slow = |e: &mut crate::emit::Emitter<'_>, keep: &mut [ir::Value]| {
            let count = e.smi(count);
            e.call_helper(HelperId::AllocateContext, &[count, parent], keep)
        };
        if size > MAX_INLINE_SIZE {
            return Ok(slow(&mut self.e, &mut []));
        }
        let object = NewObject { cid: self.cids().context, size, immutability: Immutability::Mutable };
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let layout = &e.layout.context;
            // A raw 32-bit count; on 64-bit targets the other half of its word is padding.
            let count = e.const_of(ir::types::I32, count);
            e.store_field(count, object, layout.num_variables, Region::Immutable);
            e.store_field(parent, object, layout.parent, Region::Field);
            let null = e.null();
            e.fill_words(object, null, layout.elements_start, size as i32, Region::Field);
        };
        Ok(self.e.allocate(object, &mut [], init, slow))
    }

    fn allocate_closure(
        &mut self,
        function: ObjectRef,
        (has_delayed, has_instantiator, has_function): (bool, bool, bool),
        args: &[Value],
    ) -> Result<ir::Value> {
        let bits = &self.ctx.target.engine.bits.closure_flags;
        let count = args.len() as u32;
        let function_index = u64::from(has_delayed) + u64::from(has_instantiator);
        let length_and_flags = bits.has_delayed_type_arguments.flag(has_delayed)
            | bits.has_instantiator_type_arguments.flag(has_instantiator)
            | bits.has_function_type_arguments.flag(has_function)
            | bits.function_type_arguments_index.encode(if has_function { function_index } else { 0 })
            | u64::from(count) << self.e.layout.untagged_closure.length_bits_pos;
        let length_and_flags = length_and_flags as i64;
        let mut operands = self.values(args);
        // The function goes along although it is a constant, so that it is loaded once.
        let function = self.object(function);
        let size = self.e.layout.closure.element_offset(count) as u32;
        let size = self.e.layout.rounded_allocation_size(size);
        let cid = self.cids().closure;
        let object = NewObject { cid, size, immutability: self.ctx.target.engine.immutability(cid) };
        let context = *operands.last().expect("a closure has a context");
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let layout = &e.layout.closure;
            let word = e.word;
            let entry = e.load_field(word, function, e.layout.function.entry_point, Region::Immutable);
            e.store_field(entry, object, layout.entry_point, Region::Immutable);
            e.store_field(function, object, layout.function, Region::Field);
            let zero = e.smi(0);
            e.store_field(zero, object, layout.hash, Region::Field);
            let length_and_flags = e.smi(length_and_flags);
            e.store_field(length_and_flags, object, layout.length_and_flags, Region::Immutable);
            let end = layout.element_offset(count) as i32;
            let null = e.null();
            e.fill_words(object, null, end, size as i32, Region::Field);
        };
        let object = self.e.allocate(object, &mut operands, init, |e, keep| {
            let length_and_flags = e.smi(length_and_flags);
            e.call_helper(HelperId::AllocateClosure, &[function, length_and_flags, context], keep)
        });
        for (i, &value) in operands.iter().enumerate() {
            let offset = self.e.layout.closure.element_offset(i as u32) as i32;
            self.e.store_field(value, object, offset, Region::Field);
        }
        Ok(object)
    }

    fn allocate_record(&mut self, shape: &RecordShape, args: &[Value]) -> Result<ir::Value> {
        let mut operands = self.values(args);
        let shape = self.ctx.link.record_shape(shape);
        let count = args.len() as u32;
        let size = self.e.layout.rounded_allocation_size(self.e.layout.record.element_offset(count) as u32);
        let slow = |e: &mut crate::emit::Emitter<'_>, keep: &mut [ir::Value]| {
            let shape = e.smi(shape);
            e.call_helper(HelperId::AllocateRecord, &[shape], keep)
        };
        let object = if size > MAX_INLINE_SIZE {
            slow(&mut self.e, &mut operands)
        } else {
            let cid = self.cids().record;
            let object = NewObject { cid, size, immutability: self.ctx.target.engine.immutability(cid) };
            let init = |e: &mut crate::emit::Emitter<'_>, object| {
                let layout = &e.layout.record;
                let shape = e.smi(shape);
                e.store_field(shape, object, layout.shape, Region::Immutable);
                let null = e.null();
                e.fill_words(object, null, layout.element_offset(count) as i32, size as i32, Region::Field);
            };
            self.e.allocate(object, &mut operands, init, slow)
        };
        for (i, &value) in operands.iter().enumerate() {
            let offset = self.e.layout.record.element_offset(i as u32) as i32;
            self.e.store_field(value, object, offset, Region::Field);
        }
        Ok(object)
    }

    /// The payload stays undefined: the collector does not look at it as long as the pc is 0.
    fn allocate_suspend_state(&mut self, words: u32, function_data: Value) -> ir::Value {
        let engine = self.ctx.target.engine;
        let layout = &self.e.layout.suspend_state;
        let frame_size = i64::from(words * self.e.word.bytes());
        let size = self.e.layout.rounded_allocation_size((i64::from(layout.header_size) + frame_size) as u32);
        let function_data = self.value(function_data);
        let slow = |e: &mut crate::emit::Emitter<'_>, keep: &mut [ir::Value]| {
            let frame_size = e.smi(frame_size);
            let entry = engine.rt.allocate_suspend_state;
            let object = e.call_runtime(entry, &[frame_size, function_data], keep);
            e.ensure_remembered(object, engine.leaf.ensure_remembered_and_marking_deferred)
        };
        if size > MAX_INLINE_SIZE {
            return slow(&mut self.e, &mut []);
        }
        let cid = self.cids().suspend_state;
        let object = NewObject { cid, size, immutability: engine.immutability(cid) };
        let init = |e: &mut crate::emit::Emitter<'_>, object| {
            let layout = &e.layout.suspend_state;
            let (frame_size, no_pc) = (e.iconst(frame_size), e.iconst(0));
            e.store_field(frame_size, object, layout.frame_size, Region::Field);
            e.store_field(no_pc, object, layout.pc, Region::Field);
            e.store_field(function_data, object, layout.function_data, Region::Field);
            let null = e.null();
            e.store_field(null, object, layout.then_callback, Region::Field);
            e.store_field(null, object, layout.error_callback, Region::Field);
        };
        self.e.allocate(object, &mut [], init, slow)
    }

    fn allocate_view(&mut self, class: ClassId, args: &[Value]) -> Result<ir::Value> {
        let mut operands: Operands = self.values(args);
        let (offset, length) = (operands[1], operands[2]);
        let object = self.allocate_fixed(class.as_u32(), &mut operands[..1])?;
        let base = operands[0];
        let layout = &self.e.layout.typed_data;
        let word = self.e.word;
        let (offset_smi, length) = (self.e.tag_smi(offset), self.e.tag_smi(length));
        self.e.store_field(base, object, layout.view_typed_data, Region::Field);
        self.e.store_field(offset_smi, object, layout.view_offset_in_bytes, Region::Immutable);
        self.e.store_field(length, object, layout.length, Region::Immutable);
        let data = self.e.load_field(word, base, layout.data_field, Region::Field);
        let offset = self.e.i64_to_word(offset);
        let data = self.e.cur.ins().iadd(data, offset);
        self.e.store_field(data, object, layout.data_field, Region::Field);
        Ok(object)
    }
}
