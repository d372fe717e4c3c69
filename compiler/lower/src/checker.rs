//! An independent checker of garbage-collection safety.
//!
//! # Problem
//!
//! A value missing from a stack map is a bug that shows up rarely and far away. The slot allocator ([`crate::slots`]) and the emitter
//! must not be trusted to be right.
//!
//! # Approach
//!
//! The checker looks at finished CLIF, before optimisation, and knows only which values are tagged and movable, which calls may
//! collect, and which slots hold tagged values. It derives with its own dataflow analyses that
//!
//! - no tagged movable value, and no address derived from one, is live across a call that may collect ([`check_clif`]);
//! - a slot that a map names was stored on every path to the call, and a slot that is loaded has on every path been stored, and been in the
//!   maps of all such calls since ([`check_clif`]);
//! - every call of the compiled code has a map, and it marks exactly as many words as the CLIF's call had slots ([`check_compiled`]).
//!
//! Cranelift keeps slots in memory and does not move memory accesses over calls, so what holds for the CLIF holds for the code.

use std::collections::BTreeMap;

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, StackSlot, Value};
use cranelift_codegen::traversals::Dfs;

use crate::emit::EmitFacts;
use crate::metadata::CompiledFunction;

/// A set of small numbers.
#[derive(Clone, Default, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Bits {
        Bits(vec![0; len.div_ceil(64)])
    }
    fn insert(&mut self, i: usize) {
        self.0[i / 64] |= 1 << (i % 64);
    }
    fn remove(&mut self, i: usize) {
        self.0[i / 64] &= !(1 << (i % 64));
    }
    fn contains(&self, i: usize) -> bool {
        self.0[i / 64] >> (i % 64) & 1 != 0
    }
    fn union(&mut self, other: &Bits) -> bool {
        let mut changed = false;
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            changed |= b & !*a != 0;
            *a |= b;
        }
        changed
    }
    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|&i| self.contains(i))
    }
}

/// Checks the emitted CLIF.
///
/// # Errors
/// A description of the first violation.
pub(crate) fn check_clif(func: &Function, facts: &EmitFacts) -> Result<(), String> {
    check_values(func, facts)?;
    check_slots(func, facts)
}

fn blocks(func: &Function) -> Vec<Block> {
    let mut reached = SecondaryMap::<Block, bool>::new();
    for block in Dfs::new().post_order_iter(func) {
        reached[block] = true;
    }
    func.layout.blocks().filter(|&block| reached[block]).collect()
}

fn successors(func: &Function, block: Block) -> Vec<Block> {
    let Some(last) = func.layout.last_inst(block) else { return Vec::new() };
    let dfg = &func.dfg;
    dfg.insts[last]
        .branch_destination(&dfg.jump_tables, &dfg.exception_tables)
        .iter()
        .map(|call| call.block(&dfg.value_lists))
        .collect()
}

/// No tagged value lives across a call that may collect.
fn check_values(func: &Function, facts: &EmitFacts) -> Result<(), String> {
    let dfg = &func.dfg;
    let mut number = SecondaryMap::<Value, u32>::new();
    let mut values = vec![];
    for value in dfg.values().filter(|&v| facts.tagged.contains(v) || facts.derived.contains(v)) {
        values.push(value);
        number[value] = values.len() as u32;
    }
    let index = |value: Value| {
        let value = dfg.resolve_aliases(value);
        (number[value] != 0).then(|| number[value] as usize - 1)
    };
    let order = blocks(func);
    let mut live_in = SecondaryMap::<Block, Option<Bits>>::new();
    let live_out = |block: Block, live_in: &SecondaryMap<Block, Option<Bits>>| {
        let mut live = Bits::new(values.len());
        for next in successors(func, block) {
            if let Some(bits) = &live_in[next] {
                live.union(bits);
            }
        }
        live
    };
    // Walks a block backwards; `visit` sees what is live after each call that may collect, without its results.
    let walk = |block: Block, live: &mut Bits, visit: &mut dyn FnMut(Inst, &Bits) -> Result<(), String>| {
        let mut inst = func.layout.last_inst(block);
        while let Some(i) = inst {
            for &result in dfg.inst_results(i) {
                if let Some(v) = index(result) {
                    live.remove(v);
                }
            }
            // Values on the edges of a `try_call` are used after the call.
            if dfg.insts[i].opcode().is_call() && facts.safepoints.contains(i) {
                let mut across = live.clone();
                for call in dfg.insts[i].branch_destination(&dfg.jump_tables, &dfg.exception_tables) {
                    for arg in call.args(&dfg.value_lists).filter_map(|arg| arg.as_value()) {
                        if let Some(v) = index(arg) {
                            across.insert(v);
                        }
                    }
                }
                visit(i, &across)?;
            }
            for arg in dfg.inst_values(i) {
                if let Some(v) = index(arg) {
                    live.insert(v);
                }
            }
            inst = func.layout.prev_inst(i);
        }
        for &param in dfg.block_params(block) {
            if let Some(v) = index(param) {
                live.remove(v);
            }
        }
        Ok::<(), String>(())
    };
    loop {
        let mut changed = false;
        for &block in order.iter().rev() {
            let mut live = live_out(block, &live_in);
            walk(block, &mut live, &mut |_, _| Ok(()))?;
            changed |= live_in[block].as_ref() != Some(&live);
            live_in[block] = Some(live);
        }
        if !changed {
            break;
        }
    }
    for &block in &order {
        let mut live = live_out(block, &live_in);
        walk(block, &mut live, &mut |inst, across| match across.iter().next() {
            None => Ok(()),
            Some(v) => Err(format!(
                "{} {} lives across {} in {block}:\n{}",
                if facts.tagged.contains(values[v]) { "tagged value" } else { "derived address" },
                values[v],
                dfg.display_inst(inst),
                func.display()
            )),
        })?;
    }
    Ok(())
}

/// What is known of a slot on all paths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum State {
    /// Not stored on some path.
    Undefined,
    /// Stored, but objects may have moved since without the collector knowing the slot.
    Stale,
    /// Holds a value that is up to date.
    Valid,
}

enum Access {
    Load(StackSlot),
    Store(StackSlot),
}

fn slot_access(func: &Function, facts: &EmitFacts, inst: Inst) -> Option<Access> {
    let dfg = &func.dfg;
    let slot_of = |address: Value| {
        let def = dfg.value_def(dfg.resolve_aliases(address)).inst()?;
        match dfg.insts[def] {
            InstructionData::StackAddr { stack_slot, .. } if facts.gc_slots.contains(stack_slot) => {
                Some(stack_slot)
            }
            _ => None,
        }
    };
    match &dfg.insts[inst] {
        InstructionData::Load { arg, .. } => slot_of(*arg).map(Access::Load),
        InstructionData::Store { opcode: Opcode::Store, args, .. } => slot_of(args[1]).map(Access::Store),
        _ => None,
    }
}

/// Slots are stored before they are used and described to the collector in between.
fn check_slots(func: &Function, facts: &EmitFacts) -> Result<(), String> {
    let dfg = &func.dfg;
    let count = func.sized_stack_slots.len();
    if count == 0 {
        return Ok(());
    }
    let order = blocks(func);
    let mut entry_states = SecondaryMap::<Block, Option<Vec<State>>>::new();
    let Some(entry) = func.layout.entry_block() else { return Ok(()) };
    entry_states[entry] = Some(vec![State::Undefined; count]);

    let step = |inst: Inst, states: &mut [State], complain: bool| -> Result<(), String> {
        let fail = |what: &str, slot: StackSlot| {
            Err(format!("{what} {slot} at {}:\n{}", dfg.display_inst(inst), func.display()))
        };
        match slot_access(func, facts, inst) {
            Some(Access::Load(slot)) if complain && states[slot.as_u32() as usize] != State::Valid => {
                return fail("load of an unset or stale slot", slot);
            }
            Some(Access::Store(slot)) => states[slot.as_u32() as usize] = State::Valid,
            _ => {}
        }
        if facts.safepoints.contains(inst) {
            let entries = dfg.user_stack_map_entries(inst).unwrap_or(&[]);
            for entry in entries {
                if complain && states[entry.slot.as_u32() as usize] == State::Undefined {
                    return fail("stack map with unset slot", entry.slot);
                }
                if complain && states[entry.slot.as_u32() as usize] == State::Stale {
                    return fail("stack map with stale slot", entry.slot);
                }
            }
            for (slot, state) in states.iter_mut().enumerate() {
                let described = entries.iter().any(|entry| entry.slot.as_u32() as usize == slot);
                if *state == State::Valid && !described {
                    *state = State::Stale;
                }
            }
        } else if complain && dfg.user_stack_map_entries(inst).is_some_and(|entries| !entries.is_empty()) {
            return Err(format!("stack map at {}, which never collects", dfg.display_inst(inst)));
        }
        Ok(())
    };

    let mut work = vec![entry];
    while let Some(block) = work.pop() {
        let mut states = entry_states[block].clone().expect("blocks in the list have a state");
        for inst in func.layout.block_insts(block) {
            step(inst, &mut states, false)?;
        }
        for next in successors(func, block) {
            let changed = match &mut entry_states[next] {
                Some(known) => {
                    let mut changed = false;
                    for (known, new) in known.iter_mut().zip(&states) {
                        changed |= *new < *known;
                        *known = (*known).min(*new);
                    }
                    changed
                }
                unknown => {
                    *unknown = Some(states.clone());
                    true
                }
            };
            if changed {
                work.push(next);
            }
        }
    }
    for block in order {
        let Some(mut states) = entry_states[block].clone() else { continue };
        for inst in func.layout.block_insts(block) {
            step(inst, &mut states, true)?;
        }
    }
    Ok(())
}

/// Numbers of tagged slots of the calls that may collect, by number: how many calls have so many.
pub(crate) fn slots_per_call(func: &Function, facts: &EmitFacts) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for block in blocks(func) {
        for inst in func.layout.block_insts(block).filter(|&inst| facts.safepoints.contains(inst)) {
            let entries = func.dfg.user_stack_map_entries(inst).unwrap_or(&[]);
            let mut slots: Vec<StackSlot> = entries.iter().map(|entry| entry.slot).collect();
            slots.sort_unstable_by_key(|slot| slot.as_u32());
            slots.dedup();
            *counts.entry(slots.len()).or_default() += 1;
        }
    }
    counts
}

/// A frame as the code generator laid it out.
pub(crate) struct CompiledFrame {
    /// Bytes from the frame pointer down to the stack pointer at calls.
    pub(crate) size: u32,
    /// Byte offsets of slots from the stack pointer.
    pub(crate) slots: Vec<(StackSlot, u32)>,
    /// Return offsets of all calls.
    pub(crate) calls: Vec<u32>,
}

/// Checks the tables of compiled code.
///
/// # Errors
/// A description of the first violation.
pub(crate) fn check_compiled(
    frame: &CompiledFrame,
    compiled: &CompiledFunction,
    word: u32,
    facts: &EmitFacts,
    expected: &BTreeMap<usize, usize>,
) -> Result<(), String> {
    if frame.size != compiled.frame_words * word {
        return Err(format!("frame of {} bytes is not a number of words", frame.size));
    }
    let calls = &frame.calls;
    let maps: Vec<u32> = compiled.stack_maps.iter().map(|map| map.return_offset).collect();
    if *calls != maps {
        return Err(format!("calls return to {calls:x?}, maps are for {maps:x?}"));
    }
    if !calls.is_sorted_by(|a, b| a < b) {
        return Err("return offsets are not ascending".to_string());
    }
    // Words that slots occupy; the collector must look at no other word.
    let mut words: Vec<u32> = Vec::new();
    for (_, offset) in frame.slots.iter().filter(|(slot, _)| facts.gc_slots.contains(*slot)) {
        words.push((frame.size - offset) / word - 1);
    }
    let mut found = BTreeMap::<usize, usize>::new();
    for map in &compiled.stack_maps {
        if let Some(bit) = map.tagged.iter().find(|bit| **bit >= compiled.frame_words || !words.contains(bit))
        {
            return Err(format!("map at {:#x} marks word {bit}, which is no slot", map.return_offset));
        }
        if !map.tagged.is_sorted_by(|a, b| a < b) {
            return Err(format!("map at {:#x} is not ascending", map.return_offset));
        }
        *found.entry(map.tagged.len()).or_default() += 1;
    }
    // The optimiser may remove unreachable calls, but not change the map of one; calls that do not collect have empty maps.
    for (&len, &count) in found.iter().filter(|(len, _)| **len != 0) {
        if expected.get(&len).is_none_or(|&max| count > max) {
            return Err(format!("{count} calls with {len} tagged slots, expected {expected:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{
        AbiParam, ExtFuncData, ExternalName, InstBuilder, MemFlagsData, Signature, StackSlotData,
        StackSlotKind, UserExternalName, UserStackMapEntry, types::I64,
    };
    use cranelift_codegen::isa::CallConv;

    use super::*;

    /// A function `(tagged) -> tagged` with a slot and something to call.
    struct Fixture {
        func: Function,
        facts: EmitFacts,
        slot: StackSlot,
        param: Value,
        block: Block,
        callee: cranelift_codegen::ir::FuncRef,
    }

    impl Fixture {
        fn new() -> Fixture {
            let mut func = Function::new();
            func.signature = Signature::new(CallConv::Tail);
            func.signature.params.push(AbiParam::new(I64));
            func.signature.returns.push(AbiParam::new(I64));
            let slot = func.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8, 3));
            let block = func.dfg.make_block();
            let param = func.dfg.append_block_param(block, I64);
            func.layout.append_block(block);
            let sig = func.import_signature(Signature::new(CallConv::Tail));
            let name = func.declare_imported_user_function(UserExternalName { namespace: 0, index: 0 });
            let callee = func.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature: sig,
                colocated: true,
                patchable: false,
            });
            let mut facts = EmitFacts::default();
            facts.tagged.insert(param);
            facts.gc_slots.insert(slot);
            Fixture { func, facts, slot, param, block, callee }
        }

        fn at_end(&mut self) -> FuncCursor<'_> {
            FuncCursor::new(&mut self.func).at_bottom(self.block)
        }

        fn store(&mut self, value: Value) {
            let slot = self.slot;
            let mut cur = self.at_end();
            let address = cur.ins().stack_addr(I64, slot, 0);
            cur.ins().store(MemFlagsData::trusted(), value, address, 0);
        }

        fn load(&mut self) -> Value {
            let slot = self.slot;
            let mut cur = self.at_end();
            let address = cur.ins().stack_addr(I64, slot, 0);
            let value = cur.ins().load(I64, MemFlagsData::trusted(), address, 0);
            self.facts.tagged.insert(value);
            value
        }

        fn collect(&mut self, mapped: bool) {
            let (slot, callee) = (self.slot, self.callee);
            let inst = self.at_end().ins().call(callee, &[]);
            self.facts.safepoints.insert(inst);
            if mapped {
                let entry = UserStackMapEntry { ty: I64, slot, offset: 0 };
                self.func.dfg.append_user_stack_map_entry(inst, entry);
            }
        }

        fn ret(&mut self, value: Value) -> Result<(), String> {
            self.at_end().ins().return_(&[value]);
            check_clif(&self.func, &self.facts)
        }
    }

    #[test]
    fn saved_and_reloaded_value_is_fine() {
        let mut f = Fixture::new();
        f.store(f.param);
        f.collect(true);
        let value = f.load();
        f.ret(value).unwrap();
    }

    #[test]
    fn value_in_a_register_across_a_collection_is_found() {
        let mut f = Fixture::new();
        f.store(f.param);
        f.collect(true);
        let error = f.ret(f.param).unwrap_err();
        assert!(error.starts_with("tagged value v0 lives across call fn0()"), "{error}");
    }

    #[test]
    fn slot_missing_from_a_map_is_found() {
        let mut f = Fixture::new();
        f.store(f.param);
        f.collect(true);
        f.collect(false);
        let value = f.load();
        let error = f.ret(value).unwrap_err();
        assert!(error.starts_with("load of an unset or stale slot ss0"), "{error}");
    }

    #[test]
    fn unset_slot_in_a_map_is_found() {
        let mut f = Fixture::new();
        f.collect(true);
        let value = f.at_end().ins().iconst(I64, 0);
        let error = f.ret(value).unwrap_err();
        assert!(error.starts_with("stack map with unset slot ss0"), "{error}");
    }

    #[test]
    fn stale_slot_in_a_map_is_found() {
        let mut f = Fixture::new();
        f.store(f.param);
        f.collect(false);
        f.collect(true);
        let value = f.at_end().ins().iconst(I64, 0);
        let error = f.ret(value).unwrap_err();
        assert!(error.starts_with("stack map with stale slot ss0"), "{error}");
    }

    /// A slot that is set on one of two paths only.
    #[test]
    fn paths_are_joined_pessimistically() {
        let mut f = Fixture::new();
        let (then, other, join) = (f.func.dfg.make_block(), f.func.dfg.make_block(), f.func.dfg.make_block());
        let param = f.param;
        f.at_end().ins().brif(param, then, &[], other, &[]);
        for block in [then, other] {
            f.func.layout.append_block(block);
            f.block = block;
            if block == then {
                f.store(f.param);
            }
            f.at_end().ins().jump(join, &[]);
        }
        f.func.layout.append_block(join);
        f.block = join;
        let value = f.load();
        let error = f.ret(value).unwrap_err();
        assert!(error.starts_with("load of an unset or stale slot ss0"), "{error}");
    }
}
