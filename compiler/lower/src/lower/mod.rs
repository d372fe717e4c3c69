//! From IR to CLIF, one pass over the blocks.
//!
//! # Values
//!
//! An IR value maps to a CLIF value, with two twists:
//!
//! - constants are emitted where they are used, so that no register is spent on them in between;
//! - a tagged value that lives across a safepoint has a slot ([`crate::slots`]). What CLIF value stands for it depends on where we are:
//!   each stretch of code without a safepoint is an *epoch*, and the first use in an epoch loads the value from its slot. A block with
//!   one predecessor goes on with what was known at the predecessor's end.
//!
//! Lowering of an instruction gets its operands first, before it starts blocks of its own: a load that is emitted inside one of them
//! would be remembered where it does not dominate.
//!
//! # Exceptions
//!
//! In a block with an unwind edge, calls made for the last instruction (or the throwing terminator) are `try_call`s. They lead to the handler, by way
//! of a landing block if the edge has arguments: tagged ones must be loaded from their slots after the call.

mod alloc;
mod arith;
mod calls;
mod checks;
mod consts;
mod memory;
mod types;

use cranelift_codegen::cursor::Cursor;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::entity::packed_option::PackedOption;
use cranelift_codegen::ir::{
    self, AbiParam, BlockArg, InstBuilder, Signature, SourceLoc, StackSlot, condcodes::IntCC, types as clif,
};
use cranelift_codegen::isa::CallConv;
use smallvec::SmallVec;
use snapcrane_engines::Cids;
use snapcrane_ir::function::Unlikely;
use snapcrane_ir::{
    Block, BlockCall, Function, Inst, InstRef, ObjectRef, SourcePos, Terminator, Type, Value,
};
use snapcrane_program::ids::{FunctionKey, ObjectKey};

use crate::context::{LowerContext, LowerError};
use crate::emit::{CallKind, EmitBuffers, Emitter, Operands, Target};
use crate::isa::{IsaFacts, abi_number};
use crate::metadata::RelocTarget;
use crate::slots::Slots;

/// What an IR value is at the moment.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    value: PackedOption<ir::Value>,
    epoch: u32,
}

/// Epochs whose values are known at a point; the last one is the current one.
type Epochs = SmallVec<[u32; 4]>;

/// How many epochs are remembered along a chain of blocks.
const MAX_EPOCHS: usize = 4;

/// What a block has.
#[derive(Clone, Debug, Default)]
struct BlockInfo {
    clif: PackedOption<ir::Block>,
    /// Number of edges to the block, or 2 if there are more or one is an unwind edge.
    preds: u8,
    /// The source of the only edge.
    pred: PackedOption<Block>,
    /// What was known at the end.
    end: Epochs,
}

/// State kept between functions for its memory.
#[derive(Default)]
pub(crate) struct LowerBuffers {
    slots: Slots,
    known: SecondaryMap<Value, Known>,
    blocks: SecondaryMap<Block, BlockInfo>,
    stack_slots: Vec<StackSlot>,
}

/// Lowers a function into an empty CLIF function.
pub(crate) fn lower(
    func: &mut ir::Function,
    ctx: &LowerContext<'_>,
    function: &Function,
    isa: IsaFacts,
    emit: &mut EmitBuffers,
    buffers: &mut LowerBuffers,
) -> Result<()> {
    let order = function.reverse_postorder();
    let LowerBuffers { slots, known, blocks, stack_slots } = buffers;
    slots.compute(function, &order);
    known.clear();
    blocks.clear();
    stack_slots.clear();

    let e = Emitter::new(func, ctx.target, isa, emit);
    let mut lowering = Lowering {
        e,
        ctx,
        func: function,
        slots,
        known,
        blocks,
        stack_slots,
        epochs: Epochs::new(),
        next_epoch: 0,
        pos: SourcePos::NONE,
    };
    lowering.run(&order)
}

/// Lowering of one function.
struct Lowering<'f, 'c> {
    e: Emitter<'f>,
    ctx: &'f LowerContext<'c>,
    func: &'f Function,
    slots: &'f Slots,
    known: &'f mut SecondaryMap<Value, Known>,
    blocks: &'f mut SecondaryMap<Block, BlockInfo>,
    stack_slots: &'f mut Vec<StackSlot>,
    epochs: Epochs,
    next_epoch: u32,
    pos: SourcePos,
}

type Result<T> = std::result::Result<T, LowerError>;

impl<'f, 'c> Lowering<'f, 'c> {
    fn run(&mut self, order: &[Block]) -> Result<()> {
        for _ in 0..self.slots.count {
            let slot = self.e.gc_slot();
            self.stack_slots.push(slot);
        }
        let mut signature = Signature::new(CallConv::Tail);
        signature
            .params
            .extend(self.func.signature.params.iter().map(|&ty| AbiParam::new(self.clif_type(ty))));
        signature.returns.push(AbiParam::new(self.clif_type(self.func.signature.result)));
        self.e.cur.func.signature = signature;

        for &block in order {
            self.blocks[block].clif = self.e.block().into();
        }
        for &block in order {
            let unwind = self.func.blocks[block].unwind.as_ref();
            if let Some(unwind) = unwind {
                self.blocks[unwind.block].preds = 2;
            }
            if let Some(terminator) = &self.func.blocks[block].terminator {
                terminator.for_each_edge(|edge| {
                    let info = &mut self.blocks[edge.block];
                    info.preds = (info.preds + 1).min(2);
                    info.pred = block.into();
                });
            }
        }
        self.mark_cold_blocks(order);
        self.start(order)?;
        for &block in order {
            self.block(block)?;
        }
        Ok(())
    }

    /// The function's first block: CLIF's must not be jumped to.
    fn start(&mut self, order: &[Block]) -> Result<()> {
        let entry = self.func.entry;
        if self.blocks[entry].preds == 0 {
            return Ok(());
        }
        debug_assert_eq!(order.first(), Some(&entry));
        let prologue = self.e.block();
        self.e.switch_to(prologue);
        let mut args = Operands::new();
        for &param in self.func.params() {
            let ty = self.clif_type(self.func.ty(param));
            let value = self.e.param(prologue, ty);
            if self.func.ty(param) == Type::Tagged {
                self.e.mark_tagged(value);
            }
            args.push(value);
        }
        let target = self.clif_block(entry);
        self.e.jump(target, &args);
        self.blocks[entry].preds = 2;
        Ok(())
    }

    /// Blocks behind unlikely branches, and those that only end in a throw.
    fn mark_cold_blocks(&mut self, order: &[Block]) {
        for &block in order {
            let data = &self.func.blocks[block];
            if block != self.func.entry
                && (data.is_handler
                    || data.terminator.as_ref().is_some_and(|t| t.throws() || *t == Terminator::Unreachable))
            {
                let clif = self.clif_block(block);
                self.e.cur.func.layout.set_cold(clif);
            }
        }
    }

    fn clif_block(&self, block: Block) -> ir::Block {
        self.blocks[block].clif.expect("reachable block")
    }

    /// CLIF type of an IR type.
    fn clif_type(&self, ty: Type) -> ir::Type {
        match ty {
            Type::Tagged | Type::Pointer => self.e.word,
            Type::Int64 => clif::I64,
            Type::Double => clif::F64,
            Type::Bool => clif::I8,
        }
    }

    fn cids(&self) -> &'static Cids {
        &self.ctx.target.engine.cids
    }

    fn unsupported<T>(&self, construct: impl Into<String>) -> Result<T> {
        Err(LowerError::Unsupported {
            construct: construct.into(),
            function: Some(self.func.key.clone()),
            pos: self.pos,
        })
    }

    // Epochs.

    fn fresh_epoch(&mut self) -> u32 {
        self.next_epoch += 1;
        self.next_epoch
    }

    /// Forgets what slotted values are.
    fn new_epoch(&mut self) {
        let epoch = self.fresh_epoch();
        self.epochs.clear();
        self.epochs.push(epoch);
    }

    fn enter_epochs(&mut self, block: Block) {
        let info = &self.blocks[block];
        let inherited = match info.pred.expand() {
            Some(pred) if info.preds == 1 => self.blocks[pred].end.clone(),
            _ => Epochs::new(),
        };
        self.epochs = inherited;
        if self.epochs.len() == MAX_EPOCHS {
            self.epochs.remove(0);
        }
        let epoch = self.fresh_epoch();
        self.epochs.push(epoch);
    }

    fn epoch(&self) -> u32 {
        *self.epochs.last().expect("there is always an epoch")
    }

    // Values.

    fn stack_slot(&self, value: Value) -> Option<StackSlot> {
        self.slots.slot(value).map(|slot| self.stack_slots[slot.as_u32() as usize])
    }

    /// What a value is now. Must be called where the instruction being lowered starts.
    fn value(&mut self, value: Value) -> ir::Value {
        let value = self.slots.resolve(value);
        let known = self.known[value];
        if let Some(clif) = known.value.expand()
            && (known.epoch == 0 || self.epochs.contains(&known.epoch))
        {
            return clif;
        }
        let clif = self.materialize(value);
        self.known[value] = Known { value: clif.into(), epoch: self.epoch() };
        clif
    }

    fn values(&mut self, values: &[Value]) -> Operands {
        values.iter().map(|&v| self.value(v)).collect()
    }

    /// Loads a value from its slot, or emits a constant, without remembering it.
    fn materialize(&mut self, value: Value) -> ir::Value {
        if let Some(slot) = self.stack_slot(value) {
            return self.e.load_slot(slot);
        }
        match self.func.defining_inst(value) {
            Some(inst) if is_constant(inst) => self.constant(inst),
            _ => panic!("{value} is used before its definition in {:?}", self.func.key),
        }
    }

    /// Defines a value.
    fn define(&mut self, value: Value, clif: ir::Value) {
        if self.func.ty(value) == Type::Tagged {
            self.e.mark_tagged(clif);
        }
        let epoch = match self.stack_slot(value) {
            Some(slot) => {
                self.e.store_slot(clif, slot);
                self.epoch()
            }
            None => 0,
        };
        self.known[value] = Known { value: clif.into(), epoch };
    }

    /// The object that a value is, if it is a constant.
    fn constant_object(&self, value: Value) -> Option<&'f ObjectKey> {
        match self.func.defining_inst(self.slots.resolve(value)) {
            Some(Inst::Object(object)) => Some(&self.func.objects[*object]),
            _ => None,
        }
    }

    /// The integer that a value is, if it is a constant.
    fn constant_int(&self, value: Value) -> Option<i64> {
        match self.func.defining_inst(self.slots.resolve(value)) {
            Some(Inst::Int64(value)) => Some(*value),
            _ => None,
        }
    }

    // Blocks.

    fn block(&mut self, block: Block) -> Result<()> {
        let data = &self.func.blocks[block];
        let clif_block = self.clif_block(block);
        self.e.switch_to(clif_block);
        self.enter_epochs(block);
        let polled = block == self.func.entry && self.slots.entry_poll.is_some();
        for &param in &data.params {
            let ty = self.clif_type(self.func.ty(param));
            let value = self.e.param(clif_block, ty);
            if block == self.func.entry && self.func.ty(param) == Type::Pointer && self.is_entry() {
                self.e.mark_derived(value);
            }
            if polled && self.func.ty(param) == Type::Tagged {
                // The poll hands parameters on under new names, and only those go to slots.
                self.e.mark_tagged(value);
                self.known[param] = Known { value: value.into(), epoch: 0 };
            } else {
                self.define(param, value);
            }
        }
        let landing = data.unwind.as_ref().map(|unwind| {
            if unwind.args.is_empty() { self.clif_block(unwind.block) } else { self.e.cold_block() }
        });
        for (i, &inst) in data.insts.iter().enumerate() {
            self.e.unwind = landing.filter(|_| i + 1 == data.insts.len());
            self.inst(inst)?;
        }
        self.e.unwind = landing;
        self.terminator(block)?;
        self.e.unwind = None;
        self.blocks[block].end = self.epochs.clone();
        if let (Some(landing), Some(unwind)) = (landing, &data.unwind)
            && !unwind.args.is_empty()
        {
            self.landing(landing, unwind);
        }
        Ok(())
    }

    /// Whether the function is called with arguments in memory: in an array that may move, or in the caller's frame where the collector
    /// does not find them.
    fn is_entry(&self) -> bool {
        matches!(self.func.key, FunctionKey::GenericEntry(_) | FunctionKey::DynEntry(_))
    }

    /// Passes the arguments of an unwind edge.
    fn landing(&mut self, landing: ir::Block, unwind: &BlockCall) {
        self.e.switch_to_cold(landing);
        let mut args = Operands::new();
        for &arg in &unwind.args {
            let arg = self.slots.resolve(arg);
            let value = match self.known[arg].value.expand() {
                Some(value) if self.stack_slot(arg).is_none() && !self.is_constant_value(arg) => value,
                _ => self.materialize(arg),
            };
            args.push(value);
        }
        let handler = self.clif_block(unwind.block);
        self.e.jump(handler, &args);
    }

    fn is_constant_value(&self, value: Value) -> bool {
        self.func.defining_inst(value).is_some_and(is_constant)
    }

    fn set_pos(&mut self, pos: SourcePos) {
        self.pos = pos;
        let loc = pos.offset().map_or(SourceLoc::default(), SourceLoc::new);
        self.e.cur.set_srcloc(loc);
    }

    fn inst(&mut self, inst_ref: InstRef) -> Result<()> {
        let data = &self.func.insts[inst_ref];
        if is_constant(&data.inst) {
            return Ok(());
        }
        self.set_pos(data.pos);
        self.e.buffers.live.clear();
        for &slot in self.slots.live_at(inst_ref) {
            self.e.buffers.live.push(self.stack_slots[slot.as_u32() as usize]);
        }
        let collections = self.e.collections;
        if self.slots.entry_poll.as_ref().is_some_and(|(poll, _)| *poll == inst_ref) {
            self.entry_poll();
            return Ok(());
        }
        let result = self.lower_inst(&data.inst, data.result)?;
        if self.e.collections != collections {
            self.new_epoch();
        }
        if let (Some(value), Some(clif)) = (data.result, result) {
            self.define(value, clif);
        }
        Ok(())
    }

    /// Lowers an instruction; the result is `None` if it has none, or if the result is an alias of the operand.
    fn lower_inst(&mut self, inst: &Inst, result: Option<Value>) -> Result<Option<ir::Value>> {
        Ok(match inst {
            Inst::Object(_) | Inst::Int64(_) | Inst::Double(_) | Inst::Bool(_) => None,
            Inst::Unary(op, a) => Some(self.unary(*op, *a)?),
            Inst::Binary(op, a, b) => Some(self.binary(*op, *a, *b)),
            Inst::Compare(op, a, b) => Some(self.compare(*op, *a, *b)),
            Inst::Select { cond, then, other } => {
                let (cond, then, other) = (self.value(*cond), self.value(*then), self.value(*other));
                Some(self.e.cur.ins().select(cond, then, other))
            }
            Inst::Load { object, slot, ty } => Some(self.load(*object, slot, *ty)?),
            Inst::Store { object, slot, value, barrier } => {
                self.store(*object, slot, *value, *barrier)?;
                None
            }
            Inst::LoadIndexed { kind, base, index } => Some(self.load_indexed(*kind, *base, *index)),
            Inst::StoreIndexed { kind, base, index, value, barrier } => {
                self.store_indexed(*kind, *base, *index, *value, *barrier);
                None
            }
            Inst::LoadThread(slot) => Some(self.load_thread_slot(*slot)),
            Inst::StoreThread(slot, value) => {
                self.store_thread_slot(*slot, *value)?;
                None
            }
            Inst::TargetAbi => {
                self.e.buffers.target_specific = true;
                let abi = abi_number(self.ctx.target);
                match abi {
                    Some(abi) => Some(self.e.const_of(clif::I64, abi)),
                    None => return self.unsupported(format!("dart:ffi on target {}", self.ctx.target)),
                }
            }
            Inst::LoadStatic(field) => Some(self.load_static(*field)),
            Inst::StoreStatic(field, value) => {
                self.store_static(*field, *value);
                None
            }
            Inst::Allocate { kind, args } => Some(self.allocate(kind, args)?),
            Inst::CallStatic { callee, args } => Some(self.call_static(*callee, args)),
            Inst::CallDispatch { row, args } => Some(self.call_dispatch(*row, args)),
            Inst::CallClosure { descriptor, checked, args } => {
                Some(self.call_closure(*descriptor, *checked, args))
            }
            Inst::CallEntry { closure, checked, descriptor, arguments } => {
                Some(self.call_entry(*closure, *checked, *descriptor, *arguments))
            }
            Inst::CallRuntime { entry, args } => Some(self.call_runtime(entry, args)?),
            Inst::CallLeaf { entry, args, ty } => self.call_leaf(entry, args, *ty)?,
            Inst::MemMove { to, from, count } => {
                self.mem_move(*to, *from, *count);
                None
            }
            Inst::ElementsAddress { kind, object } => Some(self.elements_address(*kind, *object)?),
            Inst::PointerAdd(pointer, offset) => {
                let (pointer, offset) = (self.value(*pointer), self.value(*offset));
                let offset = self.e.i64_to_word(offset);
                let sum = self.e.cur.ins().iadd(pointer, offset);
                if self.e.buffers.facts.derived.contains(pointer) {
                    self.e.mark_derived(sum);
                }
                Some(sum)
            }
            Inst::PointerToInt(pointer) => {
                let pointer = self.value(*pointer);
                let word = self.e.word;
                Some(if word == clif::I64 { pointer } else { self.e.cur.ins().uextend(clif::I64, pointer) })
            }
            Inst::IntToPointer(int) => {
                let int = self.value(*int);
                Some(self.e.i64_to_word(int))
            }
            Inst::CheckNull { value, kind } => {
                self.check_null(*value, kind);
                None
            }
            Inst::CheckBounds { index, length } => {
                self.check_bounds(*index, *length);
                None
            }
            Inst::CheckNotZero(value) => {
                self.check_not_zero(*value);
                None
            }
            Inst::CheckShiftCount(count) => {
                self.check_shift_count(*count);
                None
            }
            Inst::AssertAssignable { value, ty, instantiator, function, name, cache } => {
                let operands = (*value, *instantiator, *function);
                Some(self.assert_assignable(operands, *ty, *name, *cache, result)?)
            }
            Inst::InstanceOf { value, ty, instantiator, function, cache } => {
                Some(self.instance_of((*value, *instantiator, *function), *ty, *cache)?)
            }
            Inst::AssertSubtype { sub, sup, instantiator, function, name } => {
                self.assert_subtype(*sub, *sup, *instantiator, *function, *name);
                None
            }
            Inst::InstantiateType { ty, instantiator, function } => {
                Some(self.instantiate_type(*ty, *instantiator, *function)?)
            }
            Inst::InstantiateTypeArgs { args, instantiator, function } => {
                Some(self.instantiate_type_args(*args, *instantiator, *function)?)
            }
            Inst::CodeAddress(callee) => {
                let params = self.func.callee_signatures[*callee].as_ref().map_or(0, |s| s.params.len());
                let params = vec![self.e.word; params];
                Some(self.e.code_address(RelocTarget::Callee(*callee), &params))
            }
            Inst::Remember(object) => {
                self.remember(*object);
                None
            }
            Inst::CurrentState(_) | Inst::SaveState(_) | Inst::Suspend { .. } => {
                return self.unsupported("suspension in a function that was not split");
            }
            Inst::CheckStack => {
                self.check_stack(&mut []);
                None
            }
            Inst::CatchException => Some(self.catch(self.e.layout.thread.active_exception)),
            Inst::CatchStackTrace => Some(self.catch(self.e.layout.thread.active_stacktrace)),
        })
    }

    /// The poll at the function's start: parameters that are needed later go around it, and through slots only on the cold path.
    fn entry_poll(&mut self) {
        let live = self.slots.entry_poll.as_ref().map_or(&[][..], |(_, live)| &live[..]);
        let mut params: Operands = live.iter().map(|&v| self.known[v].value.expect("a parameter")).collect();
        self.check_stack(&mut params);
        self.new_epoch();
        for (&value, &clif) in live.iter().zip(&params) {
            self.define(value, clif);
        }
    }

    // Terminators.

    fn edge(&mut self, edge: &BlockCall) -> (ir::Block, SmallVec<[BlockArg; 4]>) {
        let args = edge.args.iter().map(|&arg| self.value(arg).into()).collect();
        (self.clif_block(edge.block), args)
    }

    fn terminator(&mut self, block: Block) -> Result<()> {
        let terminator = self.func.blocks[block].terminator.as_ref().expect("finished block");
        self.set_pos(self.func.terminator_pos[block].unwrap_or(SourcePos::NONE));
        match terminator {
            Terminator::Jump(to) => {
                let (to, args) = self.edge(to);
                self.e.cur.ins().jump(to, &args);
            }
            Terminator::Branch { cond, then, other, unlikely } => {
                let cond = self.value(*cond);
                let (then_block, then_args) = self.edge(then);
                let (other_block, other_args) = self.edge(other);
                self.e.cur.ins().brif(cond, then_block, &then_args, other_block, &other_args);
                let cold = match unlikely {
                    Unlikely::None => None,
                    Unlikely::Then => Some(then.block),
                    Unlikely::Other => Some(other.block),
                };
                if let Some(cold) = cold.filter(|&cold| self.blocks[cold].preds == 1) {
                    let clif = self.clif_block(cold);
                    self.e.cur.func.layout.set_cold(clif);
                }
            }
            Terminator::Switch { index, low, targets, default } => {
                self.switch(*index, *low, targets, default)
            }
            Terminator::Return(value) => {
                let value = self.value(*value);
                self.e.cur.ins().return_(&[value]);
            }
            Terminator::Throw(exception) => {
                let args = self.values(&[*exception]);
                self.throw(block, self.ctx.target.engine.stub.throw, &args);
            }
            Terminator::ReThrow(exception, trace) => {
                let args = self.values(&[*exception, *trace]);
                self.throw(block, self.ctx.target.engine.stub.re_throw, &args);
            }
            Terminator::TailCall { address, args } => {
                let address = self.value(*address);
                let args = self.values(args);
                self.e.tail_call(address, &args);
            }
            Terminator::Unreachable => self.e.trap(),
        }
        Ok(())
    }

    fn throw(&mut self, block: Block, stub: snapcrane_engines::Stub, args: &[ir::Value]) {
        self.e.buffers.live.clear();
        for &slot in self.slots.live_at_terminator(block) {
            self.e.buffers.live.push(self.stack_slots[slot.as_u32() as usize]);
        }
        let target = Target::Direct(RelocTarget::Stub(snapcrane_arch::StubRef::Listed(stub)));
        self.e.call(target, args, None, CallKind::NoReturn, &mut []);
    }

    fn switch(&mut self, index: Value, low: i64, targets: &[BlockCall], default: &BlockCall) {
        let index = self.value(index);
        let edges: Vec<(ir::Block, SmallVec<[BlockArg; 4]>)> = targets.iter().map(|t| self.edge(t)).collect();
        let (default, default_args) = self.edge(default);
        let index = self.e.add_imm(index, low.wrapping_neg());
        let in_range = self.e.cmp_imm(IntCC::UnsignedLessThan, index, targets.len() as i64);
        let table_block = self.e.block();
        self.e.cur.ins().brif(in_range, table_block, &[], default, &default_args);
        self.e.switch_to(table_block);
        let index = self.e.cur.ins().ireduce(clif::I32, index);
        let dfg = &mut self.e.cur.func.dfg;
        let default = dfg.block_call(default, &default_args);
        let table: Vec<ir::BlockCall> =
            edges.iter().map(|(block, args)| dfg.block_call(*block, args)).collect();
        let table = self.e.cur.func.create_jump_table(ir::JumpTableData::new(default, &table));
        self.e.cur.ins().br_table(index, table);
    }

    /// The pool's copy of an object.
    fn object(&mut self, object: ObjectRef) -> ir::Value {
        let func = self.func;
        self.object_value(object, &func.objects[object])
    }
}

fn is_constant(inst: &Inst) -> bool {
    matches!(inst, Inst::Object(_) | Inst::Int64(_) | Inst::Double(_) | Inst::Bool(_))
}
