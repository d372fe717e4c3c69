//! Dominators of blocks.
//!
//! The iterative algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm") over reverse postorder.
//! Unwind edges count as edges like all others.

use cranelift_entity::SecondaryMap;

use crate::function::{Block, Function};

/// Immediate dominators of the reachable blocks of a function.
#[derive(Debug)]
pub struct Dominators {
    /// Position in reverse postorder, `u32::MAX` for unreachable blocks.
    order: SecondaryMap<Block, u32>,
    /// Immediate dominator as a position in reverse postorder; the entry is its own.
    idom: Vec<u32>,
    blocks: Vec<Block>,
}

impl Dominators {
    /// Computes the dominators of a function.
    pub fn new(func: &Function) -> Dominators {
        let blocks = func.reverse_postorder();
        let mut order = SecondaryMap::with_default(u32::MAX);
        for (index, &block) in blocks.iter().enumerate() {
            order[block] = index as u32;
        }
        let mut preds: Vec<Vec<u32>> = vec![Vec::new(); blocks.len()];
        for (index, &block) in blocks.iter().enumerate() {
            func.for_each_successor(block, |edge| preds[order[edge.block] as usize].push(index as u32));
        }
        let mut idom = vec![u32::MAX; blocks.len()];
        if !idom.is_empty() {
            idom[0] = 0;
        }
        let mut changed = true;
        while changed {
            changed = false;
            for index in 1..blocks.len() {
                let mut new = u32::MAX;
                for &pred in &preds[index] {
                    if idom[pred as usize] == u32::MAX {
                        continue;
                    }
                    new = if new == u32::MAX { pred } else { intersect(&idom, new, pred) };
                }
                if idom[index] != new {
                    idom[index] = new;
                    changed = true;
                }
            }
        }
        Dominators { order, idom, blocks }
    }

    /// Reachable blocks in reverse postorder.
    pub fn reverse_postorder(&self) -> &[Block] {
        &self.blocks
    }

    /// Whether control can reach a block.
    pub fn is_reachable(&self, block: Block) -> bool {
        self.order[block] != u32::MAX
    }

    /// Whether every path to `b` goes through `a` (also if they are the same). Both must be reachable.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        let (a, mut b) = (self.order[a], self.order[b]);
        while b > a {
            b = self.idom[b as usize];
        }
        a == b
    }
}

fn intersect(idom: &[u32], mut a: u32, mut b: u32) -> u32 {
    while a != b {
        while a > b {
            a = idom[a as usize];
        }
        while b > a {
            b = idom[b as usize];
        }
    }
    a
}
