//! Calls.

use cranelift_codegen::ir::{self, InstBuilder, types as clif};
use snapcrane_arch::{MAX_RUNTIME_ARGS, StubRef};
use snapcrane_engines::CType;
use snapcrane_ir::{CalleeRef, ObjectRef, RowRef, Type, Value};

use super::{Lowering, Result};
use crate::emit::{CallKind, Operands, Region, Target};
use crate::metadata::RelocTarget;

impl Lowering<'_, '_> {
    pub(super) fn call_static(&mut self, callee: CalleeRef, args: &[Value]) -> ir::Value {
        let signature = self.func.callee_signatures[callee].as_ref();
        let result = self.clif_type(signature.map_or(Type::Tagged, |signature| signature.result));
        let args = self.values(args);
        let target = Target::Direct(RelocTarget::Callee(callee));
        self.e.call(target, &args, Some(result), CallKind::Dart, &mut []).expect("a result")
    }

    /// A cell's address is at `table[class id + row]`; the table belongs to the isolate group and never changes.
    pub(super) fn call_dispatch(&mut self, row: RowRef, args: &[Value]) -> ir::Value {
        let receiver_index = usize::from(self.func.row_shape(row).type_args > 0);
        let receiver = args[receiver_index];
        let operands = self.values(args);
        let receiver_value = operands[receiver_index];
        let cid = if self.is_heap_object(receiver) {
            self.e.load_class_id(receiver_value)
        } else {
            self.e.class_id_of(receiver_value)
        };
        let word = self.e.word;
        let cid = if word == clif::I64 { self.e.cur.ins().uextend(word, cid) } else { cid };
        let table = self.e.thread_constant(self.e.layout.thread.dispatch_table_array);
        let scaled = self.e.shl_imm(cid, word.bytes().trailing_zeros());
        let cell = self.e.cur.ins().iadd(table, scaled);
        let offset = self.ctx.link.row_offset(self.func, row) * word.bytes() as i32;
        let flags = self.e.flags(Region::Dispatch).with_readonly();
        let address = self.e.cur.ins().load(word, flags, cell, offset);
        self.e
            .call(Target::Indirect(address), &operands, Some(word), CallKind::Dart, &mut [])
            .expect("a result")
    }

    /// The generic entry of a closure, or the checking one, which its `Function` has as unchecked entry point.
    fn closure_entry(&mut self, closure: ir::Value, checked: bool) -> ir::Value {
        let (word, layout) = (self.e.word, self.e.layout);
        if checked {
            let function = self.e.load_tagged(closure, layout.closure.function, Region::Field);
            self.e.load_field(word, function, layout.function.unchecked_entry_point, Region::Field)
        } else {
            self.e.load_field(word, closure, layout.closure.entry_point, Region::Immutable)
        }
    }

    pub(super) fn call_closure(&mut self, descriptor: ObjectRef, checked: bool, args: &[Value]) -> ir::Value {
        let shape = match &self.func.objects[descriptor] {
            snapcrane_program::ids::ObjectKey::ArgumentsDescriptor(shape) => shape,
            other => panic!("{other:?} as arguments descriptor"),
        };
        let closure = usize::from(shape.type_args > 0);
        let operands = self.values(args);
        let word_bytes = self.e.word.bytes() as i32;
        let area = self.e.outgoing_area(operands.len() as u32);
        let flags = self.e.flags(Region::Raw);
        for (i, &value) in operands.iter().enumerate() {
            self.e.cur.ins().store(flags, value, area, i as i32 * word_bytes);
        }
        let entry = self.closure_entry(operands[closure], checked);
        let descriptor = self.object(descriptor);
        self.call_entry_at(entry, descriptor, area)
    }

    pub(super) fn call_entry(
        &mut self,
        closure: Value,
        checked: bool,
        descriptor: Value,
        arguments: Value,
    ) -> ir::Value {
        let (closure, descriptor, arguments) =
            (self.value(closure), self.value(descriptor), self.value(arguments));
        let entry = self.closure_entry(closure, checked);
        self.call_entry_at(entry, descriptor, arguments)
    }

    fn call_entry_at(&mut self, entry: ir::Value, descriptor: ir::Value, arguments: ir::Value) -> ir::Value {
        let word = self.e.word;
        let args = [descriptor, arguments];
        self.e.call(Target::Indirect(entry), &args, Some(word), CallKind::Dart, &mut []).expect("a result")
    }

    pub(super) fn call_runtime(&mut self, entry: &str, args: &[Value]) -> Result<ir::Value> {
        let Some(found) = self.ctx.target.engine.runtime_entry(entry) else {
            return self.unsupported(format!("runtime entry {entry}, which the engine does not have"));
        };
        let declared = self.ctx.target.engine.runtime_entry_info(found).argument_count;
        if declared.is_some_and(|count| count as usize != args.len())
            || args.len() > usize::from(MAX_RUNTIME_ARGS)
        {
            return self.unsupported(format!("runtime entry {entry} with {} arguments", args.len()));
        }
        let args = self.values(args);
        Ok(self.e.call_runtime(found, &args, &mut []))
    }

    /// A C function of the runtime. Functions that take the thread get it without being told.
    pub(super) fn call_leaf(
        &mut self,
        entry: &str,
        args: &[Value],
        ty: Option<Type>,
    ) -> Result<Option<ir::Value>> {
        let engine = self.ctx.target.engine;
        let Some(found) = engine.leaf_entry(entry) else {
            return self.unsupported(format!("leaf runtime entry {entry}, which the engine does not have"));
        };
        let info = engine.leaf_entry_info(found);
        let mut operands: Operands = self.values(args);
        if info.arguments.len() == operands.len() + 1 && info.arguments.last() == Some(&CType::Word) {
            let thread = self.e.thr();
            operands.push(thread);
        }
        if info.arguments.len() != operands.len() {
            return self.unsupported(format!("leaf runtime entry {entry} with {} arguments", args.len()));
        }
        for (operand, ctype) in operands.iter_mut().zip(&info.arguments) {
            let actual = self.e.cur.func.dfg.value_type(*operand);
            let wanted = self.c_type(*ctype);
            match wanted {
                Some(wanted) if wanted == actual => {}
                Some(wanted) if actual == clif::I64 && wanted == clif::I32 => {
                    *operand = self.e.cur.ins().ireduce(clif::I32, *operand);
                }
                _ => {
                    return self
                        .unsupported(format!("operand of type {actual} for leaf runtime entry {entry}"));
                }
            }
        }
        let result = self.c_type(info.result);
        let value = self.e.call_leaf(self.e.layout.leaf_entry(found), &operands, result);
        let (Some(value), Some(ty)) = (value, ty) else { return Ok(None) };
        let actual = self.e.cur.func.dfg.value_type(value);
        let wanted = self.clif_type(ty);
        Ok(Some(match (actual, wanted) {
            (a, w) if a == w => value,
            (clif::I8 | clif::I32, clif::I64) => self.e.cur.ins().uextend(clif::I64, value),
            _ => return self.unsupported(format!("result of type {actual} of leaf runtime entry {entry}")),
        }))
    }

    fn c_type(&self, ty: CType) -> Option<ir::Type> {
        match ty {
            CType::Void => None,
            CType::Bool => Some(clif::I8),
            CType::Int32 => Some(clif::I32),
            CType::Int64 => Some(clif::I64),
            CType::Word => Some(self.e.word),
            CType::Double => Some(clif::F64),
        }
    }

    /// Polls for interrupts and stack overflow: `SP <= Thread.stack_limit`.
    pub(super) fn check_stack(&mut self, keep: &mut [ir::Value]) {
        let (slow, done) = (self.e.cold_block(), self.e.block());
        let word = self.e.word;
        let limit = self.e.load_thread(word, self.e.layout.thread.stack_limit);
        let sp = self.e.cur.ins().get_stack_pointer(word);
        let reached = self.e.cur.ins().icmp(ir::condcodes::IntCC::UnsignedLessThanOrEqual, sp, limit);
        self.e.branch_with(reached, (slow, &[]), (done, keep));
        self.e.switch_to_cold(slow);
        let stub = StubRef::Listed(self.ctx.target.engine.stub.stack_overflow_shared_without_fpu_regs);
        let mut kept: Operands = keep.iter().copied().collect();
        self.e.call(Target::Direct(RelocTarget::Stub(stub)), &[], None, CallKind::Dart, &mut kept);
        self.e.jump(done, &kept);
        for value in keep.iter_mut() {
            *value = self.e.param(done, word);
            self.e.mark_tagged(*value);
        }
        self.e.switch_to(done);
    }
}
