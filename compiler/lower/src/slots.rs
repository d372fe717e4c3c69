//! Which tagged values live across safepoints, and the stack slots that hold them there.
//!
//! # Problem
//!
//! A collection may move every object, so a tagged value that is needed after a safepoint must be in memory that the stack map of
//! the safepoint describes. Which values those are must be known before code is emitted, as a value is stored to its slot where it
//! is defined.
//!
//! # Approach
//!
//! Backward liveness over the IR with bit sets, of tagged values that are not constants. One walk per block then finds, for each
//! safepoint, the values live across it: those get slots. Slots are shared by a linear scan: a value occupies its slot from its
//! definition to its last use, in the order in which blocks are emitted.
//!
//! Three kinds of instructions differ from calls:
//!
//! - Checks that throw out of the way ([`Safepoint::Throws`]): nothing that is needed in the straight path lives across them, only
//!   what a handler in the same function needs.
//! - A poll for interrupts as the very first instruction ([`Slots::entry_poll`]): parameters live across it are saved on its cold
//!   path only, so they need no slot because of it.
//! - [`Inst::CheckNull`] returns its operand, which stays the same value: the result is an alias.
//!
//! # Invariants
//!
//! A slot holds its value from the definition to the last use; a stack map names only slots of values defined before the call.

use std::collections::BinaryHeap;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, SecondaryMap, entity_impl};
use snapcrane_ir::{Block, Function, Inst, InstRef, Terminator, Type, Value};

/// A word of the frame that holds tagged values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);
entity_impl!(Slot, "slot");

/// What a safepoint does to control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safepoint {
    /// Control may come back, and may leave by an exception.
    Returns,
    /// Where it collects, it throws.
    Throws,
}

impl Safepoint {
    /// Whether and how an instruction is a safepoint.
    pub fn of(inst: &Inst) -> Option<Safepoint> {
        match inst {
            Inst::CheckNull { .. }
            | Inst::CheckBounds { .. }
            | Inst::CheckNotZero(_)
            | Inst::CheckShiftCount(_) => Some(Safepoint::Throws),
            _ => inst.effects().safepoint.then_some(Safepoint::Returns),
        }
    }
}

/// A range of [`Slots::lists`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct List {
    start: u32,
    len: u32,
}

/// Result of the analysis.
#[derive(Clone, Debug, Default)]
pub struct Slots {
    /// Slot of each value that needs one.
    slot: SecondaryMap<Value, PackedOption<Slot>>,
    /// What a value is an alias of.
    alias: SecondaryMap<Value, PackedOption<Value>>,
    /// Number of slots.
    pub count: u32,
    /// Live slots at each safepoint instruction.
    at_inst: SecondaryMap<InstRef, List>,
    /// Live slots at each throwing terminator.
    at_terminator: SecondaryMap<Block, List>,
    lists: Vec<Slot>,
    /// The poll at the function's start, with the tagged parameters that are used after it.
    pub entry_poll: Option<(InstRef, Vec<Value>)>,
    scratch: Scratch,
}

/// Buffers kept between functions.
#[derive(Clone, Debug, Default)]
struct Scratch {
    index: SecondaryMap<Value, u32>,
    values: Vec<Value>,
    rows: Vec<u64>,
    current: Vec<u64>,
    handler: Vec<u64>,
    needs_slot: Vec<u64>,
    intervals: Vec<(u32, u32)>,
    live: Vec<u32>,
}

const UNTRACKED: u32 = 0;

fn insert(set: &mut [u64], index: u32) {
    set[index as usize / 64] |= 1 << (index % 64);
}

fn remove(set: &mut [u64], index: u32) {
    set[index as usize / 64] &= !(1 << (index % 64));
}

fn for_each(set: &[u64], mut f: impl FnMut(u32)) {
    for (word, &bits) in set.iter().enumerate() {
        let mut bits = bits;
        while bits != 0 {
            f(word as u32 * 64 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
}

impl Slots {
    /// The slot of a value, if it lives across a safepoint.
    pub fn slot(&self, value: Value) -> Option<Slot> {
        self.slot[value].expand()
    }

    /// The value that a value is the same as.
    pub fn resolve(&self, mut value: Value) -> Value {
        while let Some(original) = self.alias[value].expand() {
            value = original;
        }
        value
    }

    /// Slots that are live across a safepoint instruction.
    pub fn live_at(&self, inst: InstRef) -> &[Slot] {
        self.list(self.at_inst[inst])
    }

    /// Slots that the handler of a throwing terminator needs.
    pub fn live_at_terminator(&self, block: Block) -> &[Slot] {
        self.list(self.at_terminator[block])
    }

    fn list(&self, list: List) -> &[Slot] {
        &self.lists[list.start as usize..(list.start + list.len) as usize]
    }

    /// Analyses a function. `order` is the order in which blocks will be emitted: all reachable ones, in reverse postorder.
    pub fn compute(&mut self, function: &Function, order: &[Block]) {
        self.slot.clear();
        self.alias.clear();
        self.at_inst.clear();
        self.at_terminator.clear();
        self.lists.clear();
        self.count = 0;
        self.entry_poll = None;
        let mut scratch = std::mem::take(&mut self.scratch);
        self.number(function, order, &mut scratch);
        if scratch.values.len() > 1 {
            let poll = find_entry_poll(function);
            let live_out = liveness(function, order, self, &mut scratch);
            self.walk(function, order, &live_out, poll, &mut scratch);
            self.assign(&mut scratch);
        } else if let Some(poll) = find_entry_poll(function) {
            self.entry_poll = Some((poll, Vec::new()));
        }
        self.scratch = scratch;
    }

    /// Gives a number to every tagged value that can move. Number 0 stands for all others.
    fn number(&mut self, function: &Function, order: &[Block], scratch: &mut Scratch) {
        scratch.index.clear();
        scratch.values.clear();
        scratch.values.push(Value::new(0));
        let mut track = |value: Value| {
            scratch.index[value] = scratch.values.len() as u32;
            scratch.values.push(value);
        };
        for &block in order {
            let data = &function.blocks[block];
            data.params.iter().copied().filter(|&p| function.ty(p) == Type::Tagged).for_each(&mut track);
            for &inst in &data.insts {
                let data = &function.insts[inst];
                let Some(result) = data.result else { continue };
                match &data.inst {
                    Inst::CheckNull { value, .. } => self.alias[result] = (*value).into(),
                    Inst::Object(_) => {}
                    _ if function.ty(result) == Type::Tagged => track(result),
                    _ => {}
                }
            }
        }
    }

    fn index(&self, scratch: &Scratch, value: Value) -> Option<u32> {
        let index = scratch.index[self.resolve(value)];
        (index != UNTRACKED).then_some(index)
    }

    /// Finds what is live across safepoints, and the intervals of all values.
    fn walk(
        &mut self,
        function: &Function,
        order: &[Block],
        live_out: &LiveOut,
        poll: Option<InstRef>,
        scratch: &mut Scratch,
    ) {
        let words = live_out.words;
        scratch.needs_slot.clear();
        scratch.needs_slot.resize(words, 0);
        scratch.intervals.clear();
        scratch.intervals.resize(scratch.values.len(), (u32::MAX, 0));
        scratch.live.clear();
        let mut current = std::mem::take(&mut scratch.current);
        let mut handler = std::mem::take(&mut scratch.handler);
        let mut intervals = std::mem::take(&mut scratch.intervals);

        // Positions: two per instruction (uses, then the definition), and one at each end of a block.
        let mut position = 0u32;
        for (number, &block) in order.iter().enumerate() {
            let data = &function.blocks[block];
            let start = position;
            let end = start + 2 * data.insts.len() as u32 + 3;
            position = end + 1;

            current.clear();
            current.extend_from_slice(live_out.row(&scratch.rows, number));
            for_each(&current, |v| touch(&mut intervals, v, end));

            handler.clear();
            handler.resize(words, 0);
            if let Some(unwind) = &data.unwind {
                let target = &function.blocks[unwind.block];
                handler.copy_from_slice(live_out.live_in(&scratch.rows, unwind.block));
                for &param in &target.params {
                    if let Some(v) = self.index(scratch, param) {
                        remove(&mut handler, v);
                    }
                }
                for &arg in &unwind.args {
                    if let Some(v) = self.index(scratch, arg) {
                        insert(&mut handler, v);
                    }
                }
            }

            let terminator = data.terminator.as_ref();
            if terminator.is_some_and(Terminator::throws) {
                self.at_terminator[block] = record(&handler, None, scratch);
            }
            if let Some(terminator) = terminator {
                terminator.for_each_arg(|arg| {
                    if let Some(v) = self.index(scratch, arg) {
                        insert(&mut current, v);
                        touch(&mut intervals, v, end - 1);
                    }
                });
            }
            for (i, &inst) in data.insts.iter().enumerate().rev() {
                let uses = start + 1 + 2 * i as u32;
                let data = &function.insts[inst];
                let result = data.result.and_then(|r| self.index(scratch, r));
                // An alias has no definition of its own: its "result" is the operand, still live above.
                let defines = result.filter(|_| !matches!(data.inst, Inst::CheckNull { .. }));
                if let Some(v) = defines {
                    remove(&mut current, v);
                    touch(&mut intervals, v, uses + 1);
                }
                if poll == Some(inst) {
                    let mut live = Vec::new();
                    for_each(&current, |v| live.push(scratch.values[v as usize]));
                    self.entry_poll = Some((inst, live));
                } else {
                    match Safepoint::of(&data.inst) {
                        Some(Safepoint::Returns) => self.at_inst[inst] = record(&current, defines, scratch),
                        Some(Safepoint::Throws) => self.at_inst[inst] = record(&handler, None, scratch),
                        None => {}
                    }
                }
                data.inst.for_each_arg(|arg| {
                    if let Some(v) = self.index(scratch, arg) {
                        insert(&mut current, v);
                        touch(&mut intervals, v, uses);
                    }
                });
            }
            for_each(&current, |v| touch(&mut intervals, v, start));
            for &param in &data.params {
                if let Some(v) = self.index(scratch, param) {
                    touch(&mut intervals, v, start);
                }
            }
        }
        scratch.current = current;
        scratch.handler = handler;
        scratch.intervals = intervals;
    }

    /// Linear scan over the intervals of the values that need slots; then lists of values become lists of slots.
    fn assign(&mut self, scratch: &mut Scratch) {
        let mut wanted: Vec<(u32, u32, u32)> = Vec::new();
        for_each(&scratch.needs_slot, |v| {
            let (start, end) = scratch.intervals[v as usize];
            wanted.push((start, end, v));
        });
        wanted.sort_unstable();
        let mut busy: BinaryHeap<std::cmp::Reverse<(u32, u32)>> = BinaryHeap::new();
        let mut free: BinaryHeap<std::cmp::Reverse<u32>> = BinaryHeap::new();
        for (start, end, v) in wanted {
            while let Some(&std::cmp::Reverse((until, slot))) = busy.peek() {
                if until >= start {
                    break;
                }
                busy.pop();
                free.push(std::cmp::Reverse(slot));
            }
            let slot = free.pop().map_or_else(
                || {
                    self.count += 1;
                    self.count - 1
                },
                |slot| slot.0,
            );
            busy.push(std::cmp::Reverse((end, slot)));
            self.slot[scratch.values[v as usize]] = Slot::from_u32(slot).into();
        }
        self.lists.extend(scratch.live.iter().map(|&v| {
            let slot = self.slot[scratch.values[v as usize]].expand();
            slot.expect("a value in a stack map has a slot")
        }));
    }
}

fn touch(intervals: &mut [(u32, u32)], value: u32, position: u32) {
    let (start, end) = &mut intervals[value as usize];
    *start = (*start).min(position);
    *end = (*end).max(position);
}

/// Notes the values of a set as live across a safepoint.
fn record(set: &[u64], except: Option<u32>, scratch: &mut Scratch) -> List {
    let start = scratch.live.len() as u32;
    let Scratch { live, needs_slot, .. } = scratch;
    for_each(set, |v| {
        if Some(v) != except {
            live.push(v);
            insert(needs_slot, v);
        }
    });
    List { start, len: scratch.live.len() as u32 - start }
}

/// The poll that starts the function, unless its exceptions are caught in it.
fn find_entry_poll(function: &Function) -> Option<InstRef> {
    let entry = &function.blocks[function.entry];
    if entry.unwind.is_some() {
        return None;
    }
    let is_constant =
        |inst: &Inst| matches!(inst, Inst::Object(_) | Inst::Int64(_) | Inst::Double(_) | Inst::Bool(_));
    let first = entry.insts.iter().copied().find(|&i| !is_constant(&function.insts[i].inst))?;
    let back_edge = function.blocks.keys().any(|block| {
        let mut found = false;
        function.for_each_successor(block, |edge| found |= edge.block == function.entry);
        found
    });
    (matches!(function.insts[first].inst, Inst::CheckStack) && !back_edge).then_some(first)
}

/// Where the bit sets are: for the n-th block of the order, live-in, live-out.
struct LiveOut {
    words: usize,
    number: SecondaryMap<Block, u32>,
}

impl LiveOut {
    fn row<'a>(&self, rows: &'a [u64], number: usize) -> &'a [u64] {
        let at = (2 * number + 1) * self.words;
        &rows[at..at + self.words]
    }
    fn live_in<'a>(&self, rows: &'a [u64], block: Block) -> &'a [u64] {
        let at = 2 * self.number[block] as usize * self.words;
        &rows[at..at + self.words]
    }
}

/// Solves `out = union over successors of (in - parameters + arguments)`, `in = uses + (out - definitions)`.
///
/// Bits of parameters stay in live-in sets of their own block: they are removed where an edge is followed.
fn liveness(function: &Function, order: &[Block], slots: &Slots, scratch: &mut Scratch) -> LiveOut {
    let words = scratch.values.len().div_ceil(64);
    let mut number = SecondaryMap::new();
    for (n, &block) in order.iter().enumerate() {
        number[block] = n as u32;
    }
    let result = LiveOut { words, number };
    scratch.rows.clear();
    scratch.rows.resize(2 * words * order.len(), 0);

    // Per block: upward-exposed uses, and definitions.
    let mut uses = vec![0u64; words * order.len()];
    let mut defs = vec![0u64; words * order.len()];
    for (n, &block) in order.iter().enumerate() {
        let (uses, defs) = (&mut uses[n * words..(n + 1) * words], &mut defs[n * words..(n + 1) * words]);
        let data = &function.blocks[block];
        let mut used = |value: Value| {
            if let Some(v) = slots.index(scratch, value) {
                insert(uses, v);
            }
        };
        if let Some(terminator) = &data.terminator {
            terminator.for_each_arg(&mut used);
        }
        for &inst in &data.insts {
            function.insts[inst].inst.for_each_arg(&mut used);
            if let Some(v) = function.insts[inst].result.and_then(|r| slots.index(scratch, r))
                && !matches!(function.insts[inst].inst, Inst::CheckNull { .. })
            {
                insert(defs, v);
            }
        }
        // Uses of the block's own definitions are not exposed, wherever they are: SSA has no use before the definition.
        for (u, d) in uses.iter_mut().zip(defs.iter()) {
            *u &= !d;
        }
    }

    let mut out = vec![0u64; words];
    loop {
        let mut changed = false;
        for (n, &block) in order.iter().enumerate().rev() {
            out.fill(0);
            function.for_each_successor(block, |edge| {
                let params = &function.blocks[edge.block].params;
                let live_in = result.live_in(&scratch.rows, edge.block);
                let had: Vec<u32> = params
                    .iter()
                    .filter_map(|&p| slots.index(scratch, p))
                    .filter(|&p| out[p as usize / 64] >> (p % 64) & 1 != 0)
                    .collect();
                for (o, i) in out.iter_mut().zip(live_in) {
                    *o |= i;
                }
                for &param in params {
                    if let Some(p) = slots.index(scratch, param) {
                        remove(&mut out, p);
                    }
                }
                for p in had {
                    insert(&mut out, p);
                }
                for &arg in &edge.args {
                    if let Some(v) = slots.index(scratch, arg) {
                        insert(&mut out, v);
                    }
                }
            });
            // The result of an instruction that may throw is not available on the unwind edge, and the verifier sees to it.
            let row = 2 * n * words;
            for w in 0..words {
                let live_in = uses[n * words + w] | (out[w] & !defs[n * words + w]);
                changed |= scratch.rows[row + w] != live_in || scratch.rows[row + words + w] != out[w];
                scratch.rows[row + w] = live_in;
                scratch.rows[row + words + w] = out[w];
            }
        }
        if !changed {
            return result;
        }
    }
}

#[cfg(test)]
mod tests {
    use snapcrane_ir::{BinaryOp, CompareOp, FunctionBuilder, NullCheck, Signature, UnaryOp};
    use snapcrane_program::ids::FunctionKey;

    use super::*;

    fn builder(params: usize) -> (FunctionBuilder, Vec<Value>) {
        let b = FunctionBuilder::new(FunctionKey::Local(0), Signature::tagged(params));
        let params = b.func.params().to_vec();
        (b, params)
    }

    fn call(b: &mut FunctionBuilder, args: &[Value]) -> Value {
        b.call(FunctionKey::Local(100 + args.len() as u32), args)
    }

    fn analyse(b: FunctionBuilder) -> (Function, Slots) {
        let function = b.finish();
        snapcrane_ir::verifier::verify(&function).unwrap();
        let mut slots = Slots::default();
        slots.compute(&function, &function.reverse_postorder());
        (function, slots)
    }

    #[test]
    fn values_that_end_at_a_call_need_no_slot() {
        let (mut b, params) = builder(2);
        let first = call(&mut b, &[params[0]]);
        let second = call(&mut b, &[first, params[1]]);
        b.ret(second);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 1);
        assert!(slots.slot(params[1]).is_some());
        assert!(slots.slot(params[0]).is_none() && slots.slot(first).is_none());
    }

    #[test]
    fn values_that_do_not_meet_share_a_slot() {
        let (mut b, params) = builder(1);
        let mut value = params[0];
        for _ in 0..4 {
            let _ = call(&mut b, &[]);
            value = call(&mut b, &[value]);
        }
        b.ret(value);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 1);
    }

    #[test]
    fn constants_and_integers_need_no_slot() {
        let (mut b, params) = builder(1);
        let null = b.null();
        let int = b.ins(Inst::Unary(UnaryOp::UnboxInt64, params[0]));
        let _ = call(&mut b, &[null]);
        let sum = b.ins(Inst::Binary(BinaryOp::AddInt64, int, int));
        let boxed = b.ins(Inst::Unary(UnaryOp::BoxInt64, sum));
        let result = call(&mut b, &[null, boxed]);
        b.ret(result);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 0);
    }

    #[test]
    fn the_poll_at_the_start_is_special() {
        let (mut b, params) = builder(2);
        b.ins(Inst::CheckStack);
        let result = call(&mut b, &[params[1]]);
        b.ret(result);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 0);
        assert_eq!(slots.entry_poll.unwrap().1, [params[1]]);
    }

    #[test]
    fn a_null_check_is_an_alias_and_its_error_needs_nothing() {
        let (mut b, params) = builder(2);
        let checked = b.ins(Inst::CheckNull { value: params[0], kind: NullCheck::Cast });
        b.ret(checked);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 0);
        assert_eq!(slots.resolve(checked), params[0]);

        let (mut b, params) = builder(2);
        let checked = b.ins(Inst::CheckNull { value: params[0], kind: NullCheck::Cast });
        let _ = call(&mut b, &[]);
        b.ret(checked);
        let (_, slots) = analyse(b);
        assert!(slots.slot(params[0]).is_some(), "the alias keeps its original alive");
        assert!(slots.slot(params[1]).is_none());
    }

    #[test]
    fn handlers_keep_values_alive() {
        let (mut b, params) = builder(2);
        let handler = b.create_handler();
        b.set_handler(Some(handler));
        let result = call(&mut b, &[params[0]]);
        b.set_handler(None);
        b.ret(result);
        b.switch_to(handler);
        b.seal(handler);
        let _ = b.ins(Inst::CatchException);
        let _ = b.ins(Inst::CatchStackTrace);
        b.ret(params[1]);
        let (function, slots) = analyse(b);
        assert!(slots.slot(params[1]).is_some() && slots.slot(params[0]).is_none());
        let inst = function.blocks[function.entry].insts[0];
        assert_eq!(slots.live_at(inst), [slots.slot(params[1]).unwrap()]);
    }

    /// In a loop, what the body needs in its next round is live across calls at its end.
    #[test]
    fn loops_keep_values_alive() {
        let (mut b, params) = builder(2);
        let (head, body, done) = (b.create_block(), b.create_block(), b.create_block());
        b.jump(head);
        b.switch_to(head);
        let end = b.ins(Inst::Compare(CompareOp::Same, params[0], params[1]));
        b.branch(end, done, body);
        b.seal(body);
        b.seal(done);
        b.switch_to(body);
        let _ = call(&mut b, &[]);
        b.jump(head);
        b.seal(head);
        b.switch_to(done);
        let null = b.null();
        b.ret(null);
        let (_, slots) = analyse(b);
        assert_eq!(slots.count, 2);
        assert_ne!(slots.slot(params[0]), slots.slot(params[1]));
    }
}
