//! The instructions of each block with the moves between them, less the moves that are not needed.
//!
//! The allocator spills a value once and reloads it where a register is wanted, block by block. What it does not see is that a register may still
//! hold what is in a slot, from the store or from an earlier reload. Here that is followed through the function: a reload of what its
//! register holds already goes away, as does a store of what the slot holds; a reload of what another register holds
//! becomes a move between registers. Slots that nothing reloads any more are not stored to.
//!
//! # Invariant
//!
//! A register is known to hold a slot only from a move between the two until either is written. At the start of a block, what is known is what
//! all predecessors know at their ends; nothing, if one of them comes later in the order. Scratch registers are never known to hold anything.

use crate::inst::Reg;
use crate::regs::{Dpr, Gpr};

/// A place that a move reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A register.
    Reg(Reg),
    /// A spill slot, by its number of words from the first.
    Spill(u32),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Reg(reg) => write!(f, "{reg}"),
            Place::Spill(slot) => write!(f, "[spill {slot}]"),
        }
    }
}

/// What is to be executed, after allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An instruction: its number in [`crate::vcode::VCode`].
    Inst(usize),
    /// A move of a core register or word, from and to.
    MoveInt(Place, Place),
    /// A move of a double register or two words.
    MoveFloat(Place, Place),
}

const NOTHING: u32 = u32::MAX;

/// The slot that each register holds: core registers from 0, double registers from 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known([u32; 32]);

impl Default for Known {
    fn default() -> Self {
        Known([NOTHING; 32])
    }
}

impl Known {
    fn set(&mut self, reg: Reg, slot: u32) {
        if reg != Reg::gpr(Gpr::SCRATCH) && reg != Reg::dpr(Dpr::SCRATCH) {
            self.0[reg.index()] = slot;
        }
    }

    fn forget_slot(&mut self, slot: u32) {
        for known in &mut self.0 {
            if *known == slot {
                *known = NOTHING;
            }
        }
    }

    /// A register of a class that holds a slot.
    fn holder(&self, slot: u32, float: bool) -> Option<Reg> {
        let index = self.0[if float { 16..32 } else { 0..16 }].iter().position(|&known| known == slot)? as u8;
        Some(if float { Reg::dpr(Dpr(index)) } else { Reg::gpr(Gpr(index)) })
    }

    /// What remains of a move, and what is known after it.
    fn follow(&mut self, from: Place, to: Place) -> Option<(Place, Place)> {
        match (from, to) {
            (Place::Reg(from), Place::Reg(to)) => {
                let slot = self.0[from.index()];
                self.set(to, slot);
            }
            (Place::Reg(reg), Place::Spill(slot)) => {
                if self.0[reg.index()] == slot {
                    return None;
                }
                self.forget_slot(slot);
                self.set(reg, slot);
            }
            (Place::Spill(slot), Place::Reg(reg)) => {
                if self.0[reg.index()] == slot {
                    return None;
                }
                let holder = self.holder(slot, reg.is_float());
                self.set(reg, slot);
                if let Some(holder) = holder {
                    return Some((Place::Reg(holder), to));
                }
            }
            (Place::Spill(_), Place::Spill(_)) => unreachable!("the allocator moves through registers"),
        }
        Some((from, to))
    }

    fn intersect(&mut self, other: &Known) {
        for (known, &other) in self.0.iter_mut().zip(&other.0) {
            if *known != other {
                *known = NOTHING;
            }
        }
    }
}

/// The steps of a function. It keeps its memory from function to function.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: Vec<Step>,
    /// End of each block's part of `steps`.
    ends: Vec<u32>,
    /// What is known at the end of each block.
    known: Vec<Known>,
    now: Known,
    /// Whether each slot is reloaded anywhere.
    reloaded: Vec<bool>,
}

impl Steps {
    /// Begins a function with a number of words of slots.
    pub(crate) fn start(&mut self, slots: u32) {
        self.steps.clear();
        self.ends.clear();
        self.known.clear();
        self.reloaded.clear();
        self.reloaded.resize(slots as usize, false);
    }

    /// Begins the next block, whose predecessors are given by their numbers.
    pub(crate) fn start_block(&mut self, mut preds: impl Iterator<Item = usize>) {
        self.now = preds.next().and_then(|pred| self.known.get(pred).copied()).unwrap_or_default();
        for pred in preds {
            match self.known.get(pred) {
                Some(known) => self.now.intersect(known),
                None => self.now = Known::default(),
            }
        }
    }

    /// Appends an instruction and the registers that it writes.
    pub(crate) fn inst(&mut self, index: usize, writes: impl Iterator<Item = Reg>) {
        for reg in writes {
            self.now.set(reg, NOTHING);
        }
        self.steps.push(Step::Inst(index));
    }

    /// Appends a move.
    pub(crate) fn transfer(&mut self, from: Place, to: Place, float: bool) {
        if let Some((from, to)) = self.now.follow(from, to) {
            if let Place::Spill(slot) = from {
                self.reloaded[slot as usize] = true;
            }
            self.steps.push(if float { Step::MoveFloat(from, to) } else { Step::MoveInt(from, to) });
        }
    }

    /// Ends the block.
    pub(crate) fn end_block(&mut self) {
        self.ends.push(self.steps.len() as u32);
        self.known.push(self.now);
    }

    /// Ends the function: removes stores to slots that are not reloaded.
    pub(crate) fn finish(&mut self) {
        let mut kept = 0;
        let mut start = 0;
        for end in &mut self.ends {
            for index in start..*end as usize {
                let step = self.steps[index];
                let dead = match step {
                    Step::MoveInt(_, Place::Spill(slot)) | Step::MoveFloat(_, Place::Spill(slot)) => {
                        !self.reloaded[slot as usize]
                    }
                    _ => false,
                };
                if !dead {
                    self.steps[kept] = step;
                    kept += 1;
                }
            }
            start = *end as usize;
            *end = kept as u32;
        }
        self.steps.truncate(kept);
    }

    /// The steps of a block.
    pub(crate) fn of(&self, block: usize) -> &[Step] {
        let start = if block == 0 { 0 } else { self.ends[block - 1] };
        &self.steps[start as usize..self.ends[block] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reg(number: u8) -> Place {
        Place::Reg(Reg::gpr(Gpr(number)))
    }

    fn moves(steps: &Steps, block: usize) -> Vec<String> {
        let shown = |step: &Step| match step {
            Step::Inst(index) => format!("#{index}"),
            Step::MoveInt(from, to) | Step::MoveFloat(from, to) => format!("{to} <- {from}"),
        };
        steps.of(block).iter().map(shown).collect()
    }

    #[test]
    fn reloads_of_what_registers_hold_go_away() {
        let mut steps = Steps::default();
        steps.start(2);
        steps.start_block([].into_iter());
        steps.transfer(reg(1), Place::Spill(0), false);
        steps.transfer(Place::Spill(0), reg(1), false);
        steps.transfer(Place::Spill(0), reg(2), false);
        steps.inst(0, [Reg::gpr(Gpr(1))].into_iter());
        steps.transfer(reg(2), Place::Spill(0), false);
        steps.transfer(Place::Spill(0), reg(1), false);
        steps.inst(1, [Reg::gpr(Gpr(1)), Reg::gpr(Gpr(2))].into_iter());
        steps.transfer(Place::Spill(0), reg(1), false);
        steps.end_block();
        steps.finish();
        let expected = ["[spill 0] <- r1", "r2 <- r1", "#0", "r1 <- r2", "#1", "r1 <- [spill 0]"];
        assert_eq!(moves(&steps, 0), expected);
    }

    #[test]
    fn slots_that_are_not_reloaded_are_not_stored() {
        let mut steps = Steps::default();
        steps.start(1);
        steps.start_block([].into_iter());
        steps.transfer(reg(1), Place::Spill(0), false);
        steps.end_block();
        steps.start_block([0].into_iter());
        steps.transfer(Place::Spill(0), reg(3), false);
        steps.end_block();
        steps.finish();
        assert_eq!(moves(&steps, 0), [""; 0]);
        assert_eq!(moves(&steps, 1), ["r3 <- r1"]);
    }

    #[test]
    fn blocks_know_what_all_predecessors_know() {
        let mut steps = Steps::default();
        steps.start(2);
        let two = |steps: &mut Steps| {
            steps.transfer(reg(1), Place::Spill(0), false);
            steps.transfer(reg(2), Place::Spill(1), false);
        };
        let reload = |steps: &mut Steps| {
            steps.transfer(Place::Spill(0), reg(1), false);
            steps.transfer(Place::Spill(1), reg(2), false);
        };
        steps.start_block([].into_iter());
        two(&mut steps);
        steps.end_block();
        // One of two ways changes r2.
        steps.start_block([0].into_iter());
        steps.inst(0, [Reg::gpr(Gpr(2))].into_iter());
        steps.end_block();
        steps.start_block([0, 1].into_iter());
        reload(&mut steps);
        steps.end_block();
        // A loop may change anything.
        steps.start_block([2, 3].into_iter());
        reload(&mut steps);
        steps.end_block();
        steps.finish();
        assert_eq!(moves(&steps, 2), ["r2 <- [spill 1]"]);
        assert_eq!(moves(&steps, 3), ["r1 <- [spill 0]", "r2 <- [spill 1]"]);
    }

    #[test]
    fn a_new_value_in_a_slot_is_not_the_old_one() {
        let mut steps = Steps::default();
        steps.start(1);
        steps.start_block([].into_iter());
        steps.transfer(reg(1), Place::Spill(0), false);
        steps.transfer(reg(2), Place::Spill(0), false);
        steps.transfer(Place::Spill(0), reg(1), false);
        steps.inst(0, [Reg::gpr(Gpr(1)), Reg::gpr(Gpr(2))].into_iter());
        steps.transfer(Place::Spill(0), reg(1), false);
        steps.end_block();
        steps.finish();
        let expected = ["[spill 0] <- r1", "[spill 0] <- r2", "r1 <- r2", "#0", "r1 <- [spill 0]"];
        assert_eq!(moves(&steps, 0), expected);
    }
}
