//! Functions that suspend (`async`, `async*`, `sync*`) become state machines.
//!
//! # Problem
//!
//! The engine's own compiler suspends a function by copying its frame into a `SuspendState` object, and resumes it by copying
//! the frame back. Frames made by Cranelift can't be copied: the engine would have to know them word for word. But
//! the library (`_SuspendState`, sdk/lib/_internal/vm/lib/async_patch.dart) only needs an object that it can resume, and the
//! collector only needs to know which words of it are objects.
//!
//! # Approach
//!
//! While a function is built, a suspension is an instruction like a call: [`Inst::Suspend`] yields the value that the function
//! is resumed with, or throws the exception that it is resumed with. [`split`] makes two functions of that:
//!
//! - the *start*, with the function's own key and parameters: what can be reached from its beginning without being
//!   suspended;
//! - the *resumption* ([`FunctionKey::Resume`]), with the parameters state, value, exception and stack trace: what can be reached
//!   from a suspension.
//!
//! Code that both reach is in both. That costs some bytes (in loops that suspend, and behind joins), and buys that nothing is
//! decided at run time that is known: the start always makes a state where it suspends and has its variables in registers
//! until then; a function that never suspends has no state at all; the resumption always has one.
//!
//! Where a function suspends, the values that live on are stored to the payload, in any order, since every suspension
//! stores all of its own:
//!
//! | word | contents |
//! |---|---|
//! | 0 | number of the suspension, a Smi |
//! | 1.. | live values as objects; numbers are boxed; what is not needed is Smi 0 |
//! | last | for the engine, which stores the new state there when it clones one (`SuspendState::Clone`, runtime/vm/object.cc) |
//!
//! The resumption starts by a jump to the number's block, which loads the values and goes on where the function
//! suspended; if there is an exception it is rethrown there, so it meets the handlers that are set there. Constants are not saved.
//! A saved value has several definitions in the resumption: each block that loads it, and the original one
//! if that can be reached. The SSA form is repaired by parameters for it at all joins where it is live.
//!
//! # What the collector sees
//!
//! The collector visits a payload if `SuspendState.pc` is not 0, as a frame with that return address. It is 0 while
//! the function runs, so the payload keeps nothing alive then; at a suspension it becomes the address of the
//! resumption plus [`PC_OFFSET`], for which there must be a stack map without any bits: the collector takes words that no
//! bit covers for objects. The same address says what to call on resumption.
//!
//! A payload is filled without barriers. A new state needs none, and an old one is announced by [`Inst::Remember`] afterwards. There is no
//! safepoint in between, because boxes are made first.

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;
use smallvec::SmallVec;
use snapcrane_program::ids::{FunctionKey, ObjectKey};

use crate::function::{
    Block, BlockCall, BlockData, CalleeRef, Function, InstData, InstRef, ObjectRef, Signature, SourcePos,
    Terminator, Unlikely, Value, ValueData, ValueDef,
};
use crate::inst::{AllocKind, CompareOp, Inst, NativeSlot, Slot, StoreBarrier, Type, UnaryOp};
use crate::params;

/// `SuspendState.pc` is the address of the resumption plus this: it must look like a return address inside of it.
pub const PC_OFFSET: u32 = 1;

/// Why a function could not be split: defects of whoever built it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// An address lives across a suspension.
    #[error("address {0} lives across a suspension")]
    Address(Value),
    /// A value is used where it is not defined.
    #[error("{0} is not defined where it is used after a suspension")]
    Undefined(Value),
    /// A suspension does not take the result of a [`Inst::SaveState`].
    #[error("{0} suspends without a saved state")]
    NoState(InstRef),
}

/// A place where the function suspends.
#[derive(Clone, Debug)]
struct Site {
    /// The block that [`Inst::SaveState`] is the last instruction of.
    save_block: Block,
    save: InstRef,
    /// The block that comes after `save_block` and after no other one, if there is one.
    after_save: Option<Block>,
    /// The block that [`Inst::Suspend`] is the last instruction of.
    block: Block,
    suspend: InstRef,
    /// Values to save.
    live: Vec<Value>,
}

/// How a block goes on after its instructions.
struct End {
    terminator: Option<Terminator>,
    terminator_pos: Option<SourcePos>,
    unwind: Option<BlockCall>,
}

/// What is common to both parts.
struct Plan {
    sites: Vec<Site>,
    /// Constants that live across a suspension.
    constants: Vec<InstRef>,
    /// Number of words of the payload.
    words: u32,
}

/// Splits a function that suspends into its start and, if it ever suspends, its resumption. Other functions come back as they are.
///
/// # Errors
/// If the function is malformed.
pub fn split(mut func: Function) -> Result<(Function, Option<Function>), SplitError> {
    let is_split = |inst: &Inst| matches!(inst, Inst::Suspend { .. } | Inst::SaveState(_));
    let is_state = |inst: &Inst| is_split(inst) || matches!(inst, Inst::CurrentState(_));
    if !func.insts.values().any(|data| is_state(&data.inst)) {
        return Ok((func, None));
    }
    end_blocks_after(&mut func, is_split);
    let plan = Plan::new(&func)?;
    let resume =
        (!plan.sites.is_empty()).then(|| Part::new(func.clone(), &plan, true).resumption()).transpose()?;
    Ok((Part::new(func, &plan, false).start()?, resume))
}

/// Splits blocks so that the given instructions are the last ones of theirs.
fn end_blocks_after(func: &mut Function, is_split: impl Fn(&Inst) -> bool) {
    for block in func.reverse_postorder() {
        let mut block = block;
        while let Some(at) =
            func.blocks[block].insts.iter().position(|&inst| is_split(&func.insts[inst].inst))
            && at + 1 < func.blocks[block].insts.len()
        {
            let data = &mut func.blocks[block];
            let tail = BlockData {
                insts: data.insts.split_off(at + 1),
                unwind: data.unwind.take(),
                terminator: data.terminator.take(),
                ..BlockData::default()
            };
            let next = func.blocks.push(tail);
            func.blocks[block].terminator = Some(jump(next));
            func.terminator_pos[next] = func.terminator_pos[block].take();
            block = next;
        }
    }
}

fn jump(block: Block) -> Terminator {
    Terminator::Jump(BlockCall { block, args: SmallVec::new() })
}

fn is_constant(inst: &Inst) -> bool {
    matches!(inst, Inst::Object(_) | Inst::Int64(_) | Inst::Double(_) | Inst::Bool(_))
}

/// An edge: the block it leaves, and which of its edges it is (0 for the unwind edge, then those of the terminator).
type Edge = (Block, u32);

/// Edges into the blocks of `order`.
fn incoming(func: &Function, order: &[Block]) -> SecondaryMap<Block, Vec<Edge>> {
    let mut edges: SecondaryMap<Block, Vec<Edge>> = SecondaryMap::new();
    for &block in order {
        if let Some(unwind) = &func.blocks[block].unwind {
            edges[unwind.block].push((block, 0));
        }
        let mut index = 0;
        if let Some(terminator) = &func.blocks[block].terminator {
            terminator.for_each_edge(|edge| {
                index += 1;
                edges[edge.block].push((block, index));
            });
        }
    }
    edges
}

/// The block that defines each value.
fn definitions(func: &Function, order: &[Block]) -> SecondaryMap<Value, Option<Block>> {
    let mut blocks = SecondaryMap::new();
    for &block in order {
        let data = &func.blocks[block];
        let results = data.insts.iter().filter_map(|&inst| func.insts[inst].result);
        for value in results.chain(data.params.iter().copied()) {
            blocks[value] = Some(block);
        }
    }
    blocks
}

/// Calls `f` on every use of a value: by an instruction (true), or by the end of a block.
fn for_each_use(func: &Function, block: Block, mut f: impl FnMut(Value, bool)) {
    let data = &func.blocks[block];
    for &inst in &data.insts {
        match &func.insts[inst].inst {
            // The function data is not needed once there is a state.
            Inst::CurrentState(_) | Inst::SaveState(_) => {}
            inst => inst.for_each_arg(|v| f(v, true)),
        }
    }
    if let Some(terminator) = &data.terminator {
        terminator.for_each_arg(|v| f(v, false));
    }
    func.for_each_successor(block, |edge| edge.args.iter().for_each(|&v| f(v, false)));
}

impl Plan {
    fn new(func: &Function) -> Result<Plan, SplitError> {
        let order = func.reverse_postorder();
        let mut plan = Plan { sites: Vec::new(), constants: Vec::new(), words: 0 };
        let definition = definitions(func, &order);
        let edges = incoming(func, &order);
        let mut site_of: SecondaryMap<Block, Option<usize>> = SecondaryMap::new();
        for &block in &order {
            let Some(&suspend) = func.blocks[block].insts.last() else { continue };
            let Inst::Suspend { state, .. } = func.insts[suspend].inst else { continue };
            let save = match (func.values[state].def, definition[state]) {
                (ValueDef::Inst(save), Some(block))
                    if matches!(func.insts[save].inst, Inst::SaveState(_)) =>
                {
                    (save, block)
                }
                _ => return Err(SplitError::NoState(suspend)),
            };
            site_of[block] = Some(plan.sites.len());
            let (save, save_block) = save;
            let after_save = match &func.blocks[save_block].terminator {
                Some(Terminator::Jump(next)) if edges[next.block].len() == 1 => Some(next.block),
                _ => None,
            };
            plan.sites.push(Site { save_block, save, after_save, block, suspend, live: Vec::new() });
        }

        // Backwards from each use to the definition; what is found on the way out of a suspension lives across it.
        let mut uses: Vec<(Value, Block, bool)> = Vec::new();
        for &block in &order {
            for_each_use(func, block, |value, by_inst| uses.push((value, block, by_inst)));
        }
        uses.sort_by_key(|&(value, ..)| value);
        let mut visited: SecondaryMap<Block, Option<Value>> = SecondaryMap::new();
        let mut work = Vec::new();
        for group in uses.chunk_by(|a, b| a.0 == b.0) {
            let value = group[0].0;
            let mut across: Vec<usize> = Vec::new();
            let crosses = |site: usize, across: &mut Vec<usize>| {
                if func.insts[plan.sites[site].suspend].result != Some(value) && !across.contains(&site) {
                    across.push(site);
                }
            };
            for &(_, block, by_inst) in group {
                if let (Some(site), false) = (site_of[block], by_inst) {
                    crosses(site, &mut across);
                }
                if definition[value] != Some(block) {
                    work.push(block);
                }
            }
            while let Some(block) = work.pop() {
                if visited[block].replace(value) == Some(value) {
                    continue;
                }
                for &(from, _) in &edges[block] {
                    if let Some(site) = site_of[from] {
                        crosses(site, &mut across);
                    }
                    if definition[value] != Some(from) {
                        work.push(from);
                    }
                }
            }
            if !across.is_empty() {
                plan.crossing(func, value, &across)?;
            }
        }
        let most = plan.sites.iter().map(|site| site.live.len()).max().unwrap_or(0);
        plan.words = most as u32 + 2;
        Ok(plan)
    }

    /// Notes a value that lives across suspensions.
    fn crossing(&mut self, func: &Function, value: Value, sites: &[usize]) -> Result<(), SplitError> {
        if let ValueDef::Inst(inst) = func.values[value].def {
            match &func.insts[inst].inst {
                constant if is_constant(constant) => {
                    self.constants.push(inst);
                    return Ok(());
                }
                Inst::CurrentState(_) | Inst::SaveState(_) => return Ok(()),
                _ => {}
            }
        }
        if func.ty(value) == Type::Pointer {
            return Err(SplitError::Address(value));
        }
        for &site in sites {
            self.sites[site].live.push(value);
        }
        Ok(())
    }
}

/// What code that suspends and resumes refers to.
#[derive(Clone, Copy)]
struct References {
    resumption: CalleeRef,
    zero: ObjectRef,
    null: ObjectRef,
}

/// One of the two parts while it is being made.
struct Part<'p> {
    func: Function,
    plan: &'p Plan,
    references: Option<References>,
    /// State, value, exception and stack trace of the resumption.
    params: Option<[Value; 4]>,
    /// Values that are replaced by another one everywhere.
    aliases: HashMap<Value, Value>,
    /// Definitions that saved values have besides the original one.
    reloads: HashMap<(Block, Value), Value>,
    /// In the start: what stands for the running function, where there is a [`Inst::CurrentState`].
    current: Option<Value>,
}

impl<'p> Part<'p> {
    fn new(mut func: Function, plan: &'p Plan, is_resumption: bool) -> Part<'p> {
        let key = FunctionKey::Resume(Box::new(func.key.clone()));
        let references = (!plan.sites.is_empty()).then(|| {
            let resumption = func.callees.push(key.clone());
            func.callee_signatures[resumption] = Some(Signature::tagged(4));
            References {
                resumption,
                zero: object(&mut func, &ObjectKey::Int(0)),
                null: object(&mut func, &ObjectKey::Null),
            }
        });
        let mut params = None;
        if is_resumption {
            func.key = key;
            func.signature = Signature::tagged(4);
            func.entry = func.blocks.push(BlockData::default());
            params = Some([(); 4].map(|()| func.append_param(func.entry, Type::Tagged)));
        }
        Part {
            func,
            plan,
            references,
            params,
            aliases: HashMap::new(),
            reloads: HashMap::new(),
            current: None,
        }
    }

    fn start(mut self) -> Result<Function, SplitError> {
        self.current_states();
        for (index, site) in self.plan.sites.iter().enumerate() {
            self.save(site, index);
            self.suspend(site);
        }
        self.repair(self.current.into_iter().collect())?;
        params::remove_trivial(&mut self.func);
        Ok(self.func)
    }

    fn resumption(mut self) -> Result<Function, SplitError> {
        let mut targets = Vec::new();
        for (index, site) in self.plan.sites.iter().enumerate() {
            self.save(site, index);
            let end = self.suspend(site);
            targets.extend(self.resume(site, end));
        }
        self.current_states();
        self.dispatch(&targets);
        let results = self.plan.sites.iter().filter_map(|site| self.func.insts[site.suspend].result);
        let saved = self.plan.sites.iter().flat_map(|site| site.live.iter().copied());
        self.repair(saved.chain(results).collect())?;
        params::remove_trivial(&mut self.func);
        Ok(self.func)
    }

    // Instructions.

    fn push(&mut self, block: Block, inst: Inst, pos: SourcePos) -> Value {
        let ty = self.func.result_type(&inst);
        let inst = self.func.insts.push(InstData { inst, result: None, pos });
        let result = ty.map(|ty| self.func.values.push(ValueData { def: ValueDef::Inst(inst), ty }));
        self.func.insts[inst].result = result;
        self.func.blocks[block].insts.push(inst);
        result.unwrap_or(Value::from_u32(u32::MAX - 1))
    }

    /// Appends an instruction that may throw; returns the block to go on in.
    fn push_throwing(&mut self, block: Block, inst: InstRef, unwind: Option<&BlockCall>) -> Block {
        self.func.blocks[block].insts.push(inst);
        let Some(unwind) = unwind else { return block };
        let next = self.func.blocks.push(BlockData::default());
        self.func.blocks[block].unwind = Some(unwind.clone());
        self.func.blocks[block].terminator = Some(jump(next));
        next
    }

    fn store(&mut self, block: Block, object: Value, slot: Slot, value: Value, pos: SourcePos) {
        self.push(block, Inst::Store { object, slot, value, barrier: StoreBarrier::None }, pos);
    }

    // Suspending.

    /// Replaces [`Inst::SaveState`].
    fn save(&mut self, site: &Site, index: usize) {
        let Some(References { resumption, zero, .. }) = self.references else { return };
        let InstData { inst, result, pos } = self.func.insts[site.save].clone();
        let mut block = site.save_block;
        let data = &mut self.func.blocks[block];
        data.insts.pop();
        let unwind = data.unwind.take();
        let terminator = data.terminator.take();
        let terminator_pos = self.func.terminator_pos[block].take();

        let mut objects = Vec::with_capacity(site.live.len());
        for &value in &site.live {
            let op = match self.func.ty(value) {
                Type::Int64 => UnaryOp::BoxInt64,
                Type::Double => UnaryOp::BoxDouble,
                Type::Bool => UnaryOp::BoxBool,
                Type::Tagged | Type::Pointer => {
                    objects.push(value);
                    continue;
                }
            };
            let boxed = Inst::Unary(op, value);
            if boxed.effects().throws {
                let inst = self.func.insts.push(InstData { inst: boxed, result: None, pos });
                let value = self.func.values.push(ValueData { def: ValueDef::Inst(inst), ty: Type::Tagged });
                self.func.insts[inst].result = Some(value);
                block = self.push_throwing(block, inst, unwind.as_ref());
                objects.push(value);
            } else {
                objects.push(self.push(block, boxed, pos));
            }
        }

        let saved = result.unwrap_or(Value::from_u32(u32::MAX - 1));
        let state = match (self.params, inst) {
            (None, Inst::SaveState(data)) => {
                let kind = AllocKind::SuspendState(self.plan.words);
                self.func.insts[site.save].inst = Inst::Allocate { kind, args: [data].into_iter().collect() };
                block = self.push_throwing(block, site.save, unwind.as_ref());
                saved
            }
            (params, _) => {
                let state = params.map_or(saved, |[state, ..]| state);
                self.aliases.insert(saved, state);
                state
            }
        };
        let number = self.push(block, Inst::Int64(index as i64), pos);
        self.store(block, state, Slot::Native(NativeSlot::SuspendStateIndex), number, pos);
        let zero = self.push(block, Inst::Object(zero), pos);
        for word in 1..self.plan.words {
            let value = objects.get(word as usize - 1).copied().unwrap_or(zero);
            self.store(block, state, Slot::SuspendPayload(word), value, pos);
        }
        let code = self.push(block, Inst::CodeAddress(resumption), pos);
        let offset = self.push(block, Inst::Int64(i64::from(PC_OFFSET)), pos);
        let pc = self.push(block, Inst::PointerAdd(code, offset), pos);
        self.store(block, state, Slot::Native(NativeSlot::SuspendStatePc), pc, pos);
        if self.params.is_some() {
            self.push(block, Inst::Remember(state), pos);
        }
        if let Some(current) = self.current {
            let after = site.after_save.unwrap_or_else(|| {
                let next = self.func.blocks.push(BlockData::default());
                self.func.blocks[block].terminator = Some(jump(next));
                block = next;
                next
            });
            self.reloads.insert((after, current), state);
        }
        self.func.blocks[block].terminator = terminator;
        self.func.terminator_pos[block] = terminator_pos;
    }

    /// Replaces [`Inst::Suspend`] by a return. Returns how its block went on.
    fn suspend(&mut self, site: &Site) -> End {
        let InstData { inst, pos, .. } = self.func.insts[site.suspend].clone();
        let data = &mut self.func.blocks[site.block];
        data.insts.pop();
        let unwind = data.unwind.take();
        let terminator = data.terminator.take();
        if let Inst::Suspend { result, .. } = inst {
            data.terminator = Some(Terminator::Return(result));
        }
        let terminator_pos = self.func.terminator_pos[site.block].replace(pos);
        End { terminator, terminator_pos, unwind }
    }

    /// Replaces every [`Inst::CurrentState`]. In the resumption it is the parameter. In the start it is the function data or, behind a
    /// [`Inst::SaveState`], the state: what the library does to suspend may throw, and the function goes on in a handler.
    fn current_states(&mut self) {
        let mut function_data = None;
        for block in self.func.blocks.values_mut() {
            block.insts.retain(|&inst| {
                let data = &self.func.insts[inst];
                let Inst::CurrentState(of) = data.inst else { return true };
                if let Some(result) = data.result {
                    let current = match self.params {
                        Some([state, ..]) => state,
                        None => *self.current.get_or_insert(result),
                    };
                    if current != result {
                        self.aliases.insert(result, current);
                    }
                    function_data = Some(of);
                }
                false
            });
        }
        if let (Some(current), Some(of)) = (self.current, function_data) {
            let order = self.func.reverse_postorder();
            if let Some(block) = definitions(&self.func, &order)[of] {
                self.reloads.insert((block, current), of);
            }
        }
    }

    // Resuming.

    /// Makes the block that goes on after a suspension.
    fn resume(&mut self, site: &Site, end: End) -> Option<Block> {
        let pos = self.func.insts[site.suspend].pos;
        let References { null, .. } = self.references?;
        let [state, value, exception, stack_trace] = self.params?;
        let [target, normal, thrown] = [(); 3].map(|()| self.func.blocks.push(BlockData::default()));
        for (&saved, word) in site.live.iter().zip(1u32..) {
            let ty = self.func.ty(saved);
            let load = Inst::Load { object: state, slot: Slot::SuspendPayload(word), ty: Type::Tagged };
            let object = self.push(target, load, pos);
            let op = match ty {
                Type::Int64 => UnaryOp::UnboxInt64,
                Type::Double => UnaryOp::UnboxDouble,
                Type::Bool => UnaryOp::UnboxBool,
                Type::Tagged | Type::Pointer => {
                    self.reloads.insert((target, saved), object);
                    continue;
                }
            };
            let reloaded = self.push(target, Inst::Unary(op, object), pos);
            self.reloads.insert((target, saved), reloaded);
        }
        let null = self.push(target, Inst::Object(null), pos);
        let cond = self.push(target, Inst::Compare(CompareOp::Same, exception, null), pos);
        let edge = |block| BlockCall { block, args: SmallVec::new() };
        self.func.blocks[target].terminator = Some(Terminator::Branch {
            cond,
            then: edge(normal),
            other: edge(thrown),
            unlikely: Unlikely::Other,
        });
        if let Some(result) = self.func.insts[site.suspend].result {
            self.reloads.insert((normal, result), value);
        }
        self.func.blocks[normal].terminator = end.terminator;
        self.func.terminator_pos[normal] = end.terminator_pos;
        self.func.blocks[thrown].terminator = Some(Terminator::ReThrow(exception, stack_trace));
        self.func.blocks[thrown].unwind = end.unwind;
        self.func.terminator_pos[thrown] = Some(pos);
        Some(target)
    }

    /// The beginning of the resumption.
    fn dispatch(&mut self, targets: &[Block]) {
        let Some([state, ..]) = self.params else { return };
        let entry = self.func.entry;
        let mut moved: SecondaryMap<InstRef, bool> = SecondaryMap::new();
        for &inst in &self.plan.constants {
            moved[inst] = true;
        }
        for block in self.func.blocks.values_mut() {
            block.insts.retain(|&inst| !moved[inst]);
        }
        self.func.blocks[entry].insts.extend(&self.plan.constants);

        let pos = SourcePos::NONE;
        let slot = Slot::Native(NativeSlot::SuspendStateIndex);
        let index = self.push(entry, Inst::Load { object: state, slot, ty: Type::Int64 }, pos);
        let zero = self.push(entry, Inst::Int64(0), pos);
        let no_pc = self.push(entry, Inst::IntToPointer(zero), pos);
        self.store(entry, state, Slot::Native(NativeSlot::SuspendStatePc), no_pc, pos);
        let edge = |block| BlockCall { block, args: SmallVec::new() };
        self.func.blocks[entry].terminator = Some(match *targets {
            [only] => jump(only),
            [first, second] => {
                let cond = self.push(entry, Inst::Compare(CompareOp::EqInt64, index, zero), pos);
                Terminator::Branch { cond, then: edge(first), other: edge(second), unlikely: Unlikely::None }
            }
            _ => Terminator::Switch {
                index,
                low: 0,
                targets: targets[..targets.len() - 1].iter().map(|&block| edge(block)).collect(),
                default: edge(targets[targets.len() - 1]),
            },
        });
    }

    /// Makes every use of the given values, which have several definitions, use the one that reaches it.
    fn repair(&mut self, values: Vec<Value>) -> Result<(), SplitError> {
        let order = self.func.clear_unreachable();
        let aliases = &self.aliases;
        self.func.map_values(|_, value| params::resolve(aliases, value));

        let definition = definitions(&self.func, &order);
        let edges = incoming(&self.func, &order);
        let mut number: SecondaryMap<Block, usize> = SecondaryMap::new();
        for (n, &block) in order.iter().enumerate() {
            number[block] = n;
        }
        let mut is_saved: SecondaryMap<Value, bool> = SecondaryMap::new();
        values.into_iter().for_each(|value| is_saved[value] = true);

        let reloads = &self.reloads;
        let defined = |block: Block, value: Value| {
            let reload = reloads.get(&(block, value)).copied();
            reload.or_else(|| (definition[value] == Some(block)).then_some(value))
        };
        let mut uses: Vec<(Value, usize)> = Vec::new();
        for &block in &order {
            for_each_use(&self.func, block, |value, _| {
                if is_saved[value] && defined(block, value).is_none() {
                    uses.push((value, number[block]));
                }
            });
        }
        uses.sort_unstable();
        uses.dedup();

        // What each value is at the start of the blocks it is live into.
        let mut at_start: HashMap<(Block, Value), Value> = HashMap::new();
        let mut joins: Vec<(Value, Block)> = Vec::new();
        let mut visited: SecondaryMap<Block, Option<Value>> = SecondaryMap::new();
        for group in uses.chunk_by(|a, b| a.0 == b.0) {
            let value = group[0].0;
            let mut live: Vec<usize> = Vec::new();
            let mut work: Vec<usize> = group.iter().map(|&(_, block)| block).collect();
            while let Some(n) = work.pop() {
                if visited[order[n]].replace(value) == Some(value) {
                    continue;
                }
                live.push(n);
                let before = edges[order[n]].iter().filter(|&&(from, _)| defined(from, value).is_none());
                work.extend(before.map(|&(from, _)| number[from]));
            }
            live.sort_unstable();
            for n in live {
                let block = order[n];
                let now = match edges[block].as_slice() {
                    [] => return Err(SplitError::Undefined(value)),
                    &[(from, _)] => defined(from, value)
                        .or_else(|| at_start.get(&(from, value)).copied())
                        .ok_or(SplitError::Undefined(value))?,
                    _ => {
                        joins.push((value, block));
                        let ty = self.func.ty(value);
                        self.func.append_param(block, ty)
                    }
                };
                at_start.insert((block, value), now);
            }
        }

        let known = |block: Block, value: Value| {
            defined(block, value).or_else(|| at_start.get(&(block, value)).copied())
        };
        self.func.map_values(
            |block, value| {
                if is_saved[value] { known(block, value).unwrap_or(value) } else { value }
            },
        );
        for (value, block) in joins {
            for &(from, index) in &edges[block] {
                let arg = known(from, value).ok_or(SplitError::Undefined(value))?;
                if let Some(edge) = edge_mut(&mut self.func.blocks[from], index) {
                    edge.args.push(arg);
                }
            }
        }
        Ok(())
    }
}

fn edge_mut(data: &mut BlockData, wanted: u32) -> Option<&mut BlockCall> {
    if wanted == 0 {
        return data.unwind.as_mut();
    }
    match data.terminator.as_mut()? {
        Terminator::Jump(to) => Some(to),
        Terminator::Branch { then, other, .. } => Some(if wanted == 1 { then } else { other }),
        Terminator::Switch { targets, default, .. } => {
            Some(targets.get_mut(wanted as usize - 1).unwrap_or(default))
        }
        _ => None,
    }
}

fn object(func: &mut Function, key: &ObjectKey) -> ObjectRef {
    let known = func.objects.iter().find(|(_, object)| *object == key).map(|(object, _)| object);
    known.unwrap_or_else(|| func.objects.push(key.clone()))
}
