//! Emission of CLIF: the vocabulary that functions and helpers are written in.
//!
//! [`Emitter`] knows targets and calls but nothing of the IR. Its central service is [`Emitter::call`]: a call that may collect
//! gets a stack map of the slots that are live at the instruction being lowered, becomes a `try_call` where exceptions are caught,
//! and gives up all knowledge of values that may have moved. Values that the surrounding sequence still needs afterwards are handed in
//! as `keep`; they are saved to scratch slots on the way in and reloaded on the way out, so a call on a cold path costs the hot path
//! nothing.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, BlockArg, ExceptionTableData, ExceptionTableItem,
    ExtFuncData, ExternalName, FuncRef, InstBuilder, MemFlagsData, SigRef, Signature, SourceLoc, StackSlot,
    StackSlotData, StackSlotKind, TrapCode, Type, UserExternalName, UserStackMapEntry, Value,
    condcodes::IntCC, types,
};
use cranelift_codegen::isa::CallConv;
use smallvec::SmallVec;
use snapcrane_arch::{ExtraStub, StubRef};
use snapcrane_engines::{HEAP_OBJECT_TAG, Layout, RuntimeEntry, SMI_TAG_SIZE, TargetSpec};

use crate::helpers::HelperId;
use crate::isa::{IsaFacts, class_id_of_tagged, int_of_tagged};
use crate::metadata::RelocTarget;

/// Operands of a call.
pub(crate) type Operands = SmallVec<[Value; 8]>;

/// Kinds of memory that never overlap, for Cranelift's alias analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// Slots of tagged values in the frame.
    Frame,
    /// Fields of the thread that change.
    Thread,
    /// Header words of objects.
    Header,
    /// Fields of objects that never change after allocation (lengths).
    Immutable,
    /// Fields of objects.
    Field,
    /// Elements of arrays.
    Element,
    /// Raw memory: payloads of typed data and strings, outgoing arguments.
    Raw,
    /// Static fields.
    Static,
    /// Cells of the dispatch table.
    Dispatch,
}

const REGIONS: [(Region, &str); 9] = [
    (Region::Frame, "frame"),
    (Region::Thread, "thread"),
    (Region::Header, "header"),
    (Region::Immutable, "immutable"),
    (Region::Field, "field"),
    (Region::Element, "element"),
    (Region::Raw, "raw"),
    (Region::Static, "static"),
    (Region::Dispatch, "dispatch"),
];

/// Reached only if the runtime breaks its word that it does not return.
pub(crate) const UNREACHABLE: TrapCode = TrapCode::unwrap_user(1);

/// What the checker must know about the emitted code that CLIF does not say.
#[derive(Default)]
pub(crate) struct EmitFacts {
    /// Values that are tagged and may move.
    pub(crate) tagged: EntitySet<Value>,
    /// Addresses inside objects that may move, and of memory that holds tagged values which the collector does not know.
    pub(crate) derived: EntitySet<Value>,
    /// Calls that may collect.
    pub(crate) safepoints: EntitySet<ir::Inst>,
    /// Slots that stack maps may name.
    pub(crate) gc_slots: EntitySet<StackSlot>,
}

impl EmitFacts {
    fn clear(&mut self) {
        self.tagged.clear();
        self.derived.clear();
        self.safepoints.clear();
        self.gc_slots.clear();
    }
}

/// Who is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Code with a known place in the text.
    Direct(RelocTarget),
    /// An address.
    Indirect(Value),
}

/// What a call can do besides computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// May collect and throw.
    Dart,
    /// May collect and throws in the end: what follows is never reached.
    NoReturn,
    /// Neither: the C functions of the runtime and helpers that only compute.
    Leaf,
}

/// Convention, parameters and result.
type SignatureKey = (CallConv, SmallVec<[Type; 8]>, Option<Type>);

/// State kept between functions for its memory.
#[derive(Default)]
pub(crate) struct EmitBuffers {
    pub(crate) facts: EmitFacts,
    signatures: Vec<(SignatureKey, SigRef)>,
    functions: Vec<(RelocTarget, FuncRef)>,
    /// Relocation targets by the index in the names that CLIF functions are imported under.
    pub(crate) targets: Vec<RelocTarget>,
    scratch_slots: Vec<StackSlot>,
    /// Slots that are live across the instruction being lowered.
    pub(crate) live: Vec<StackSlot>,
    /// The code serves only its target, none of the others that share code with it.
    pub(crate) target_specific: bool,
}

/// Emits one CLIF function.
pub(crate) struct Emitter<'f> {
    pub(crate) cur: FuncCursor<'f>,
    pub(crate) target: &'f TargetSpec,
    pub(crate) layout: &'static Layout,
    pub(crate) isa: IsaFacts,
    pub(crate) word: Type,
    pub(crate) buffers: &'f mut EmitBuffers,
    regions: [AliasRegion; REGIONS.len()],
    /// The thread, if it was read in this block since the last call.
    thread: Option<Value>,
    /// Where exceptions of the instruction being lowered go, if they are caught.
    pub(crate) unwind: Option<ir::Block>,
    /// Number of calls so far that may have moved objects.
    pub(crate) collections: u32,
    outgoing: Option<StackSlot>,
    intrinsics: SmallVec<[(UserExternalName, FuncRef); 2]>,
}

impl<'f> Emitter<'f> {
    /// Starts a function, which must be empty.
    pub(crate) fn new(
        func: &'f mut ir::Function,
        target: &'f TargetSpec,
        isa: IsaFacts,
        buffers: &'f mut EmitBuffers,
    ) -> Emitter<'f> {
        buffers.facts.clear();
        buffers.signatures.clear();
        buffers.functions.clear();
        buffers.targets.clear();
        buffers.scratch_slots.clear();
        buffers.live.clear();
        buffers.target_specific = false;
        // Cranelift keeps positions relative to the first one that it is told, and loses them all if that one is "none".
        func.params.ensure_base_srcloc(SourceLoc::new(0));
        let regions = REGIONS.map(|(region, description)| {
            func.dfg
                .alias_regions
                .insert(AliasRegionData { user_id: region as u32, description: description.into() })
        });
        Emitter {
            cur: FuncCursor::new(func),
            target,
            layout: target.layout(),
            isa,
            word: isa.word,
            buffers,
            regions,
            thread: None,
            unwind: None,
            collections: 0,
            outgoing: None,
            intrinsics: SmallVec::new(),
        }
    }

    // Blocks.

    /// Makes a block without inserting it.
    pub(crate) fn block(&mut self) -> ir::Block {
        self.cur.func.dfg.make_block()
    }

    /// Makes a block that is hardly ever entered.
    pub(crate) fn cold_block(&mut self) -> ir::Block {
        self.block()
    }

    /// Appends a parameter.
    pub(crate) fn param(&mut self, block: ir::Block, ty: Type) -> Value {
        self.cur.func.dfg.append_block_param(block, ty)
    }

    /// Appends a parameter that holds a tagged value.
    pub(crate) fn tagged_param(&mut self, block: ir::Block) -> Value {
        let value = self.param(block, self.word);
        self.mark_tagged(value)
    }

    /// Puts a block at the end of the layout and continues there.
    pub(crate) fn switch_to(&mut self, block: ir::Block) {
        self.cur.func.layout.append_block(block);
        self.cur.goto_bottom(block);
        self.thread = None;
    }

    /// As [`Emitter::switch_to`], for code that is hardly ever executed.
    pub(crate) fn switch_to_cold(&mut self, block: ir::Block) {
        self.switch_to(block);
        self.cur.func.layout.set_cold(block);
    }

    /// Jumps.
    pub(crate) fn jump(&mut self, block: ir::Block, args: &[Value]) {
        let args: SmallVec<[BlockArg; 4]> = args.iter().map(|&v| v.into()).collect();
        self.cur.ins().jump(block, &args);
    }

    /// Branches on a condition without passing arguments.
    pub(crate) fn branch(&mut self, cond: Value, then: ir::Block, other: ir::Block) {
        self.cur.ins().brif(cond, then, &[], other, &[]);
    }

    /// Branches on a condition.
    pub(crate) fn branch_with(
        &mut self,
        cond: Value,
        (then, then_args): (ir::Block, &[Value]),
        (other, other_args): (ir::Block, &[Value]),
    ) {
        let then_args: SmallVec<[BlockArg; 4]> = then_args.iter().map(|&v| v.into()).collect();
        let other_args: SmallVec<[BlockArg; 4]> = other_args.iter().map(|&v| v.into()).collect();
        self.cur.ins().brif(cond, then, &then_args, other, &other_args);
    }

    /// Ends a block that control never leaves.
    pub(crate) fn trap(&mut self) {
        self.cur.ins().trap(UNREACHABLE);
    }

    // Values.

    /// Declares that a value is tagged and may move.
    pub(crate) fn mark_tagged(&mut self, value: Value) -> Value {
        self.buffers.facts.tagged.insert(value);
        value
    }

    /// Declares that a value is an address that a collection invalidates.
    pub(crate) fn mark_derived(&mut self, value: Value) -> Value {
        self.buffers.facts.derived.insert(value);
        value
    }

    /// A word.
    pub(crate) fn iconst(&mut self, value: i64) -> Value {
        let word = self.word;
        self.const_of(word, value)
    }

    /// An integer constant of any type.
    pub(crate) fn const_of(&mut self, ty: Type, value: i64) -> Value {
        let value = if ty == types::I32 { i64::from(value as u32) } else { value };
        self.cur.ins().iconst(ty, value)
    }

    /// A Smi, which must be in range.
    pub(crate) fn smi(&mut self, value: i64) -> Value {
        debug_assert!(self.target.is_smi(value));
        self.iconst(value << SMI_TAG_SIZE)
    }

    /// `a + constant`.
    pub(crate) fn add_imm(&mut self, a: Value, constant: i64) -> Value {
        if constant == 0 {
            return a;
        }
        let ty = self.cur.func.dfg.value_type(a);
        let b = self.const_of(ty, constant);
        self.cur.ins().iadd(a, b)
    }

    /// `a & constant`.
    pub(crate) fn and_imm(&mut self, a: Value, constant: i64) -> Value {
        let ty = self.cur.func.dfg.value_type(a);
        let b = self.const_of(ty, constant);
        self.cur.ins().band(a, b)
    }

    /// `a << constant`.
    pub(crate) fn shl_imm(&mut self, a: Value, constant: u32) -> Value {
        if constant == 0 { a } else { self.cur.ins().ishl_imm_u(a, i64::from(constant)) }
    }

    /// `a >> constant`, arithmetic.
    pub(crate) fn sar_imm(&mut self, a: Value, constant: u32) -> Value {
        if constant == 0 { a } else { self.cur.ins().sshr_imm_u(a, i64::from(constant)) }
    }

    /// `a >> constant`, logical.
    pub(crate) fn shr_imm(&mut self, a: Value, constant: u32) -> Value {
        if constant == 0 { a } else { self.cur.ins().ushr_imm_u(a, i64::from(constant)) }
    }

    /// Comparison with a constant.
    pub(crate) fn cmp_imm(&mut self, cond: IntCC, a: Value, constant: i64) -> Value {
        let ty = self.cur.func.dfg.value_type(a);
        let b = self.const_of(ty, constant);
        self.cur.ins().icmp(cond, a, b)
    }

    /// Widens a word to 64 bits, with its sign.
    pub(crate) fn word_to_i64(&mut self, value: Value) -> Value {
        if self.word == types::I64 { value } else { self.cur.ins().sextend(types::I64, value) }
    }

    /// Cuts 64 bits down to a word.
    pub(crate) fn i64_to_word(&mut self, value: Value) -> Value {
        if self.word == types::I64 { value } else { self.cur.ins().ireduce(self.word, value) }
    }

    /// Integer of a Smi.
    pub(crate) fn untag_smi(&mut self, smi: Value) -> Value {
        let value = self.sar_imm(smi, SMI_TAG_SIZE);
        self.word_to_i64(value)
    }

    /// Smi of a 64-bit integer that is known to fit.
    pub(crate) fn tag_smi(&mut self, value: Value) -> Value {
        let value = self.i64_to_word(value);
        self.shl_imm(value, SMI_TAG_SIZE)
    }

    /// The integer that a tagged word means, which is a Smi or a Mint, by the intrinsic for it.
    pub(crate) fn int_of_tagged(&mut self, value: Value) -> Value {
        let offset = (self.layout.mint.value - HEAP_OBJECT_TAG) as u32;
        self.intrinsic(int_of_tagged(offset), value, types::I64)
    }

    /// Calls an intrinsic.
    fn intrinsic(&mut self, name: UserExternalName, operand: Value, result: Type) -> Value {
        let func = match self.intrinsics.iter().find(|(known, _)| *known == name) {
            Some(&(_, func)) => func,
            None => {
                let sig = self.signature(CallConv::Tail, &[self.word], Some(result));
                let func = self.import(name.clone(), sig);
                self.intrinsics.push((name, func));
                func
            }
        };
        let inst = self.cur.ins().call(func, &[operand]);
        self.cur.func.dfg.first_result(inst)
    }

    /// The heap-object bit of a tagged value: not zero for everything but Smis.
    pub(crate) fn heap_bit(&mut self, value: Value) -> Value {
        self.and_imm(value, i64::from(HEAP_OBJECT_TAG))
    }

    // Memory.

    /// Flags of an access to a region, known not to fault and aligned to a word at least. (No processor needs more: objects of 32-bit
    /// targets start at odd words, so that the doubles in them are not aligned to their size.)
    pub(crate) fn flags(&self, region: Region) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions[region as usize]))
    }

    fn unaligned(&self, region: Region) -> MemFlagsData {
        MemFlagsData::new().with_notrap().with_alias_region(Some(self.regions[region as usize]))
    }

    /// Flags of a load whose result never changes and does not depend on where the load is.
    fn constant_flags(&self) -> MemFlagsData {
        MemFlagsData::trusted().with_readonly().with_can_move()
    }

    /// The thread.
    pub(crate) fn thr(&mut self) -> Value {
        match self.thread {
            Some(thread) => thread,
            None => {
                let thread = self.cur.ins().get_pinned_reg(self.word);
                self.thread = Some(thread);
                thread
            }
        }
    }

    /// Loads a thread field that never changes, or an object that never moves.
    pub(crate) fn thread_constant(&mut self, offset: i32) -> Value {
        let thread = self.thr();
        let flags = self.constant_flags();
        self.cur.ins().load(self.word, flags, thread, offset)
    }

    /// Loads a thread field.
    pub(crate) fn load_thread(&mut self, ty: Type, offset: i32) -> Value {
        let thread = self.thr();
        let flags = self.flags(Region::Thread);
        self.cur.ins().load(ty, flags, thread, offset)
    }

    /// Stores a thread field.
    pub(crate) fn store_thread(&mut self, value: Value, offset: i32) {
        let thread = self.thr();
        let flags = self.flags(Region::Thread);
        self.cur.ins().store(flags, value, thread, offset);
    }

    /// `null`.
    pub(crate) fn null(&mut self) -> Value {
        self.thread_constant(self.layout.thread.object_null)
    }

    /// `true` or `false`.
    pub(crate) fn bool_object(&mut self, value: bool) -> Value {
        let thread = &self.layout.thread;
        self.thread_constant(if value { thread.bool_true } else { thread.bool_false })
    }

    /// An object of the global pool, by the byte offset of its slot from the untagged pool. Neither the pool nor what it holds ever
    /// moves: both are in the snapshot, whose pages are not evacuated.
    pub(crate) fn pool_object(&mut self, offset: i32) -> Value {
        let pool = self.thread_constant(self.layout.thread.global_object_pool);
        let flags = self.constant_flags();
        self.cur.ins().load(self.word, flags, pool, offset - HEAP_OBJECT_TAG)
    }

    /// Loads a raw field of a heap object.
    pub(crate) fn load_field(&mut self, ty: Type, object: Value, offset: i32, region: Region) -> Value {
        let flags = self.flags(region);
        self.cur.ins().load(ty, flags, object, offset - HEAP_OBJECT_TAG)
    }

    /// Loads a tagged field of a heap object.
    pub(crate) fn load_tagged(&mut self, object: Value, offset: i32, region: Region) -> Value {
        let value = self.load_field(self.word, object, offset, region);
        self.mark_tagged(value)
    }

    /// Loads a Smi field of a heap object as an integer.
    pub(crate) fn load_smi(&mut self, object: Value, offset: i32, region: Region) -> Value {
        let smi = self.load_field(self.word, object, offset, region);
        self.untag_smi(smi)
    }

    /// Stores to a heap object, without a barrier.
    pub(crate) fn store_field(&mut self, value: Value, object: Value, offset: i32, region: Region) {
        let flags = self.flags(region);
        self.cur.ins().store(flags, value, object, offset - HEAP_OBJECT_TAG);
    }

    /// Loads from a raw address that may not be aligned.
    pub(crate) fn load_raw(&mut self, ty: Type, address: Value, offset: i32, region: Region) -> Value {
        let flags = self.unaligned(region);
        self.cur.ins().load(ty, flags, address, offset)
    }

    /// Stores to a raw address that may not be aligned.
    pub(crate) fn store_raw(&mut self, value: Value, address: Value, offset: i32, region: Region) {
        let flags = self.unaligned(region);
        self.cur.ins().store(flags, value, address, offset);
    }

    /// Loads a tagged word that another thread may just have published.
    pub(crate) fn load_acquire(&mut self, address: Value, region: Region) -> Value {
        let (word, flags) = (self.word, self.flags(region));
        let value = self.cur.ins().atomic_load(word, flags, address);
        self.mark_tagged(value)
    }

    /// The low 32 bits of an object's header.
    pub(crate) fn load_tags(&mut self, object: Value) -> Value {
        self.load_field(types::I32, object, self.layout.object.tags, Region::Header)
    }

    /// Class id of a heap object, as a 32-bit integer.
    pub(crate) fn load_class_id(&mut self, object: Value) -> Value {
        let bits = &self.layout.untagged_object;
        let (pos, size) = (bits.class_id_tag_pos as u32, bits.class_id_tag_size as u32);
        let tags = self.load_tags(object);
        let cid = self.shr_imm(tags, pos);
        if pos + size < 32 { self.and_imm(cid, (1 << size) - 1) } else { cid }
    }

    fn class_id_intrinsic(&self) -> Option<UserExternalName> {
        let bits = &self.layout.untagged_object;
        let (pos, size) = (bits.class_id_tag_pos as u32, bits.class_id_tag_size as u32);
        let offset = self.layout.object.tags - HEAP_OBJECT_TAG;
        let smi = self.target.engine.cids.smi;
        if self.isa.has_intrinsics && pos + size == 32 { class_id_of_tagged(offset, pos, smi) } else { None }
    }

    /// Class id of any tagged value, as a 32-bit integer.
    pub(crate) fn class_id_of(&mut self, value: Value) -> Value {
        if let Some(name) = self.class_id_intrinsic() {
            return self.intrinsic(name, value, types::I32);
        }
        let (heap, done) = (self.block(), self.block());
        let result = self.param(done, types::I32);
        let smi_cid = self.const_of(types::I32, i64::from(self.target.engine.cids.smi));
        let heap_bit = self.heap_bit(value);
        self.branch_with(heap_bit, (heap, &[]), (done, &[smi_cid]));
        self.switch_to(heap);
        let cid = self.load_class_id(value);
        self.jump(done, &[cid]);
        self.switch_to(done);
        result
    }

    /// Makes the stores to an object visible before the stores that publish it. Processors that keep stores in order get no
    /// code for it.
    pub(crate) fn publish_fence(&mut self) {
        self.cur.ins().fence();
    }

    // Frame.

    /// Makes a slot for a tagged value.
    pub(crate) fn gc_slot(&mut self) -> StackSlot {
        let bytes = self.word.bytes();
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, bytes.trailing_zeros() as u8);
        let slot = self.cur.func.create_sized_stack_slot(data);
        self.buffers.facts.gc_slots.insert(slot);
        slot
    }

    /// Stores a tagged value to its slot.
    pub(crate) fn store_slot(&mut self, value: Value, slot: StackSlot) {
        let flags = self.flags(Region::Frame);
        let address = self.cur.ins().stack_addr(self.word, slot, 0);
        self.cur.ins().store(flags, value, address, 0);
    }

    /// Loads a tagged value from its slot.
    pub(crate) fn load_slot(&mut self, slot: StackSlot) -> Value {
        let flags = self.flags(Region::Frame);
        let address = self.cur.ins().stack_addr(self.word, slot, 0);
        let value = self.cur.ins().load(self.word, flags, address, 0);
        self.mark_tagged(value)
    }

    /// Address of an area for arguments of a generic entry, of at least this many words. The callee reads it before the first
    /// safepoint, so no stack map describes it.
    pub(crate) fn outgoing_area(&mut self, words: u32) -> Value {
        let bytes = words.max(1) * self.word.bytes();
        let slot = match self.outgoing {
            Some(slot) => {
                let size = &mut self.cur.func.sized_stack_slots[slot].size;
                *size = (*size).max(bytes);
                slot
            }
            None => {
                let align = self.word.bytes().trailing_zeros() as u8;
                let data = StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, align);
                let slot = self.cur.func.create_sized_stack_slot(data);
                self.outgoing = Some(slot);
                slot
            }
        };
        self.cur.ins().stack_addr(self.word, slot, 0)
    }

    // Calls.

    /// The reference of a signature.
    pub(crate) fn signature(&mut self, conv: CallConv, params: &[Type], result: Option<Type>) -> SigRef {
        let known = &self.buffers.signatures;
        if let Some((_, sig)) = known.iter().find(|((c, p, r), _)| (*c, &p[..], *r) == (conv, params, result))
        {
            return *sig;
        }
        let mut signature = Signature::new(conv);
        signature.params.extend(params.iter().map(|&ty| AbiParam::new(ty)));
        signature.returns.extend(result.map(AbiParam::new));
        let sig = self.cur.func.import_signature(signature);
        self.buffers.signatures.push(((conv, params.into(), result), sig));
        sig
    }

    fn function(&mut self, target: RelocTarget, sig: SigRef) -> FuncRef {
        if let Some((_, func)) = self.buffers.functions.iter().find(|(t, _)| *t == target) {
            return *func;
        }
        let index = self.buffers.targets.len() as u32;
        self.buffers.targets.push(target);
        let func = self.import(UserExternalName { namespace: 0, index }, sig);
        self.buffers.functions.push((target, func));
        func
    }

    fn import(&mut self, name: UserExternalName, signature: SigRef) -> FuncRef {
        let name = ExternalName::user(self.cur.func.declare_imported_user_function(name));
        self.cur.func.import_function(ExtFuncData { name, signature, colocated: true, patchable: false })
    }

    /// Calls Dart code or code with its convention.
    pub(crate) fn call(
        &mut self,
        target: Target,
        args: &[Value],
        result: Option<Type>,
        kind: CallKind,
        keep: &mut [Value],
    ) -> Option<Value> {
        let params: SmallVec<[Type; 8]> = args.iter().map(|&a| self.cur.func.dfg.value_type(a)).collect();
        let sig = self.signature(CallConv::Tail, &params, result);
        self.call_with_signature(target, sig, args, result, kind, keep)
    }

    fn call_with_signature(
        &mut self,
        target: Target,
        sig: SigRef,
        args: &[Value],
        result: Option<Type>,
        kind: CallKind,
        keep: &mut [Value],
    ) -> Option<Value> {
        let collects = kind != CallKind::Leaf;
        if collects {
            for (i, &value) in keep.iter().enumerate() {
                if i == self.buffers.scratch_slots.len() {
                    let slot = self.gc_slot();
                    self.buffers.scratch_slots.push(slot);
                }
                self.store_slot(value, self.buffers.scratch_slots[i]);
            }
        }
        let unwind = self.unwind.filter(|_| collects);
        let (inst, value) = match unwind {
            Some(landing) => {
                let next = self.block();
                let value = result.map(|ty| self.param(next, ty));
                let returned: SmallVec<[BlockArg; 1]> =
                    result.iter().map(|_| BlockArg::TryCallRet(0)).collect();
                let dfg = &mut self.cur.func.dfg;
                let normal = dfg.block_call(next, &returned);
                let handler = dfg.block_call(landing, &[]);
                let table = ExceptionTableData::new(sig, normal, [ExceptionTableItem::Default(handler)]);
                let table = dfg.exception_tables.push(table);
                let inst = match target {
                    Target::Direct(target) => {
                        let func = self.function(target, sig);
                        self.cur.ins().try_call(func, args, table)
                    }
                    Target::Indirect(address) => self.cur.ins().try_call_indirect(address, args, table),
                };
                self.switch_to(next);
                if kind == CallKind::NoReturn {
                    self.cur.func.layout.set_cold(next);
                }
                (inst, value)
            }
            None => {
                let inst = match target {
                    Target::Direct(target) => {
                        let func = self.function(target, sig);
                        self.cur.ins().call(func, args)
                    }
                    Target::Indirect(address) => self.cur.ins().call_indirect(sig, address, args),
                };
                (inst, result.map(|_| self.cur.func.dfg.first_result(inst)))
            }
        };
        self.thread = None;
        if collects {
            self.collections += 1;
            self.buffers.facts.safepoints.insert(inst);
            let ty = self.word;
            let scratch = &self.buffers.scratch_slots[..keep.len()];
            let slots = self.buffers.live.iter().chain(scratch);
            let entries = slots.map(|&slot| UserStackMapEntry { ty, slot, offset: 0 });
            self.cur.func.dfg.append_user_stack_map_entries(inst, entries);
            for (i, value) in keep.iter_mut().enumerate() {
                *value = self.load_slot(self.buffers.scratch_slots[i]);
            }
        }
        if kind == CallKind::NoReturn {
            self.trap();
        }
        value
    }

    /// Address of code with tagged parameters and result.
    pub(crate) fn code_address(&mut self, target: RelocTarget, params: &[Type]) -> Value {
        let word = self.word;
        let sig = self.signature(CallConv::Tail, params, Some(word));
        let func = self.function(target, sig);
        self.cur.ins().func_addr(word, func)
    }

    /// Goes to the code at an address, which returns to the caller.
    pub(crate) fn tail_call(&mut self, address: Value, args: &[Value]) {
        let params: SmallVec<[Type; 8]> = args.iter().map(|&a| self.cur.func.dfg.value_type(a)).collect();
        let word = self.word;
        let sig = self.signature(CallConv::Tail, &params, Some(word));
        self.cur.ins().return_call_indirect(sig, address, args);
    }

    /// Calls a helper that returns a tagged value.
    pub(crate) fn call_helper(&mut self, helper: HelperId, args: &[Value], keep: &mut [Value]) -> Value {
        let target = Target::Direct(RelocTarget::Helper(helper));
        let value = self.call(target, args, Some(self.word), CallKind::Dart, keep).expect("a result");
        self.mark_tagged(value)
    }

    /// Calls a runtime entry.
    pub(crate) fn call_runtime(&mut self, entry: RuntimeEntry, args: &[Value], keep: &mut [Value]) -> Value {
        let value = self.runtime(entry, args, CallKind::Dart, keep).expect("a result");
        self.mark_tagged(value)
    }

    /// Calls a runtime entry that throws, and ends the block.
    pub(crate) fn throw_runtime(&mut self, entry: RuntimeEntry, args: &[Value]) {
        self.runtime(entry, args, CallKind::NoReturn, &mut []);
    }

    fn runtime(
        &mut self,
        entry: RuntimeEntry,
        args: &[Value],
        kind: CallKind,
        keep: &mut [Value],
    ) -> Option<Value> {
        let stub = StubRef::Extra(ExtraStub::RuntimeCall(args.len() as u8));
        let mut operands = Operands::new();
        operands.push(self.load_thread(self.word, self.layout.runtime_entry(entry)));
        operands.extend_from_slice(args);
        self.call(Target::Direct(RelocTarget::Stub(stub)), &operands, Some(self.word), kind, keep)
    }

    /// Calls a C function whose address is in the thread.
    pub(crate) fn call_leaf(&mut self, slot: i32, args: &[Value], result: Option<Type>) -> Option<Value> {
        let address = self.thread_constant(slot);
        if !self.isa.c_doubles_as_ints {
            return self.call_c(address, args, result);
        }
        let args: Operands = args.iter().map(|&arg| self.double_as_int(arg)).collect();
        let value =
            self.call_c(address, &args, result.map(|ty| if ty == types::F64 { types::I64 } else { ty }));
        match (value, result) {
            (Some(bits), Some(types::F64)) => {
                Some(self.cur.ins().bitcast(types::F64, MemFlagsData::new(), bits))
            }
            _ => value,
        }
    }

    fn double_as_int(&mut self, value: Value) -> Value {
        if self.cur.func.dfg.value_type(value) == types::F64 {
            self.cur.ins().bitcast(types::I64, MemFlagsData::new(), value)
        } else {
            value
        }
    }

    fn call_c(&mut self, address: Value, args: &[Value], result: Option<Type>) -> Option<Value> {
        let params: SmallVec<[Type; 8]> = args.iter().map(|&a| self.cur.func.dfg.value_type(a)).collect();
        let sig = self.signature(self.isa.c_call, &params, result);
        self.call_with_signature(Target::Indirect(address), sig, args, result, CallKind::Leaf, &mut [])
    }

    /// Tells the collector of a store of a heap object into an object that is not an array. The stub tests everything itself.
    pub(crate) fn write_barrier_call(&mut self, object: Value, value: Value) {
        let stub = StubRef::Listed(self.target.engine.stub.write_barrier);
        self.call_preserving(stub, &[object, value]);
    }

    /// Calls a stub that preserves all registers.
    pub(crate) fn call_preserving(&mut self, stub: StubRef, args: &[Value]) {
        let params: SmallVec<[Type; 8]> = args.iter().map(|&a| self.cur.func.dfg.value_type(a)).collect();
        let sig = self.signature(CallConv::PreserveAll, &params, None);
        let func = self.function(RelocTarget::Stub(stub), sig);
        self.cur.ins().call(func, args);
    }
}
