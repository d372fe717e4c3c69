//! The blocks of machine code, in order, with critical edges split.
//!
//! A block of machine code is either a block of CLIF or an *edge block*, which holds nothing but a jump. Edge blocks stand on edges
//! from a block with several successors to one with several predecessors: the register allocator needs a place for the moves of
//! every edge. Blocks are numbered in reverse postorder of the dominator tree's walk, so definitions come before uses; cold blocks are
//! only moved away when code is emitted.
//!
//! Successors of a block are numbered as CLIF's `branch_destination` lists them: `brif` then, else; `br_table` default, entries;
//! `try_call` handlers in the order of the exception table, normal return last.

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir;

/// A block of machine code: its place in [`BlockOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(u32);

impl Label {
    const NONE: Label = Label(u32::MAX);

    /// The label with a number.
    pub fn new(index: usize) -> Label {
        Label(index as u32)
    }

    /// Its number.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a block of machine code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoweredBlock {
    /// A block of CLIF.
    Block(ir::Block),
    /// An edge between two: only a jump, which passes the arguments of the edge.
    Edge {
        /// Where the edge starts.
        from: ir::Block,
        /// Which of the destinations of `from`'s terminator it is.
        index: u32,
        /// Where it leads.
        to: ir::Block,
    },
}

/// The blocks of a function in the order of selection, with successors and predecessors.
#[derive(Debug, Default)]
pub struct BlockOrder {
    blocks: Vec<LoweredBlock>,
    cold: Vec<bool>,
    succs: Vec<Label>,
    /// End of each block's part of `succs`.
    succ_ends: Vec<u32>,
    preds: Vec<Label>,
    pred_ends: Vec<u32>,
    label: SecondaryMap<ir::Block, u32>,
    in_count: SecondaryMap<ir::Block, u32>,
}

impl BlockOrder {
    /// Computes the order. Only blocks that the dominator tree reaches take part.
    pub fn compute(&mut self, func: &ir::Function, domtree: &DominatorTree) {
        self.blocks.clear();
        self.cold.clear();
        self.succs.clear();
        self.succ_ends.clear();
        self.label.clear();
        self.in_count.clear();

        for &block in domtree.cfg_rpo() {
            for call in destinations(func, block) {
                self.in_count[call.block(&func.dfg.value_lists)] += 1;
            }
        }
        // Edge blocks follow their predecessor at once.
        for &block in domtree.cfg_rpo() {
            self.label[block] = self.blocks.len() as u32;
            self.blocks.push(LoweredBlock::Block(block));
            self.cold.push(func.is_effectively_cold(block));
            let calls = destinations(func, block);
            if calls.len() < 2 {
                continue;
            }
            for (index, call) in calls.iter().enumerate() {
                let to = call.block(&func.dfg.value_lists);
                if self.in_count[to] > 1 {
                    self.blocks.push(LoweredBlock::Edge { from: block, index: index as u32, to });
                    self.cold.push(func.is_effectively_cold(to) || func.is_effectively_cold(block));
                }
            }
        }
        for index in 0..self.blocks.len() {
            match self.blocks[index] {
                LoweredBlock::Block(block) => {
                    let calls = destinations(func, block);
                    let mut edge = index as u32;
                    for call in calls {
                        let to = call.block(&func.dfg.value_lists);
                        if calls.len() > 1 && self.in_count[to] > 1 {
                            edge += 1;
                            self.succs.push(Label(edge));
                        } else {
                            self.succs.push(Label(self.label[to]));
                        }
                    }
                }
                LoweredBlock::Edge { to, .. } => self.succs.push(Label(self.label[to])),
            }
            self.succ_ends.push(self.succs.len() as u32);
        }
        self.compute_preds();
    }

    fn compute_preds(&mut self) {
        // Counting sort by destination: first the starts, which filling turns into ends.
        self.pred_ends.clear();
        self.pred_ends.resize(self.blocks.len(), 0);
        for succ in &self.succs {
            self.pred_ends[succ.index()] += 1;
        }
        let mut start = 0;
        for end in &mut self.pred_ends {
            start += std::mem::replace(end, start);
        }
        self.preds.clear();
        self.preds.resize(self.succs.len(), Label::NONE);
        for index in 0..self.blocks.len() {
            for at in range(&self.succ_ends, index) {
                let place = &mut self.pred_ends[self.succs[at].index()];
                self.preds[*place as usize] = Label::new(index);
                *place += 1;
            }
        }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// All blocks, in order.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = Label> + use<> {
        (0..self.blocks.len()).map(Label::new)
    }

    /// What a block comes from.
    pub fn block(&self, label: Label) -> LoweredBlock {
        self.blocks[label.index()]
    }

    /// Successors, edge blocks included, in the order of the terminator's destinations.
    pub fn succs(&self, label: Label) -> &[Label] {
        &self.succs[range(&self.succ_ends, label.index())]
    }

    /// Predecessors, ascending; one that has several edges to the block is there several times.
    pub fn preds(&self, label: Label) -> &[Label] {
        &self.preds[range(&self.pred_ends, label.index())]
    }

    /// Whether the block is seldom executed.
    pub fn is_cold(&self, label: Label) -> bool {
        self.cold[label.index()]
    }
}

/// The part of a list that belongs to one block, from the ends of all parts.
fn range(ends: &[u32], index: usize) -> std::ops::Range<usize> {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    start as usize..ends[index] as usize
}

/// The destinations of a block's terminator.
fn destinations(func: &ir::Function, block: ir::Block) -> &[ir::BlockCall] {
    let Some(inst) = func.layout.last_inst(block) else { return &[] };
    func.dfg.insts[inst].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "L{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::flowgraph::ControlFlowGraph;

    use super::*;

    fn order(text: &str) -> String {
        let func = cranelift_reader::parse_functions(text).expect("CLIF").remove(0);
        let domtree = DominatorTree::with_function(&func, &ControlFlowGraph::with_function(&func));
        let mut order = BlockOrder::default();
        order.compute(&func, &domtree);
        let mut out = String::new();
        for label in order.labels() {
            let what = match order.block(label) {
                LoweredBlock::Block(block) => block.to_string(),
                LoweredBlock::Edge { from, index, to } => format!("{from}.{index}->{to}"),
            };
            let list = |labels: &[Label]| labels.iter().map(|l| format!(" {l}")).collect::<String>();
            let cold = if order.is_cold(label) { " cold" } else { "" };
            out += &format!(
                "{label} {what}{cold} from{} to{}\n",
                list(order.preds(label)),
                list(order.succs(label))
            );
        }
        out
    }

    #[test]
    fn diamonds_have_no_critical_edges() {
        insta::assert_snapshot!(order(
            "function %f(i32) {
             block0(v0: i32): brif v0, block1, block2
             block1: jump block3
             block2: jump block3
             block3: return }"
        ), @r"
        L0 block0 from to L2 L1
        L1 block2 from L0 to L3
        L2 block1 from L0 to L3
        L3 block3 from L1 L2 to
        ");
    }

    #[test]
    fn critical_edges_get_blocks() {
        insta::assert_snapshot!(order(
            "function %f(i32) {
             block0(v0: i32): brif v0, block1, block2
             block1: brif v0, block1, block2
             block2: return }"
        ), @r"
        L0 block0 from to L1 L2
        L1 block0.0->block1 from L0 to L3
        L2 block0.1->block2 from L0 to L6
        L3 block1 from L1 L4 to L4 L5
        L4 block1.0->block1 from L3 to L3
        L5 block1.1->block2 from L3 to L6
        L6 block2 from L2 L5 to
        ");
    }

    #[test]
    fn equal_destinations_are_different_edges() {
        insta::assert_snapshot!(order(
            "function %f(i32) {
             block0(v0: i32): br_table v0, block1, [block1, block2, block1]
             block1: return
             block2: return }"
        ), @r"
        L0 block0 from to L1 L2 L4 L3
        L1 block0.0->block1 from L0 to L5
        L2 block0.1->block1 from L0 to L5
        L3 block0.3->block1 from L0 to L5
        L4 block2 from L0 to
        L5 block1 from L1 L2 L3 to
        ");
    }

    #[test]
    fn handlers_come_before_the_normal_return() {
        insta::assert_snapshot!(order(
            "function %f(i32) tail {
             sig0 = () tail
             block0(v0: i32): try_call_indirect v0(), sig0, block2, [ default: block1 ]
             block1 cold: return
             block2: brif v0, block1, block3
             block3: trap user1 }"
        ), @r"
        L0 block0 from to L1 L2
        L1 block0.0->block1 cold from L0 to L5
        L2 block2 from L0 to L3 L4
        L3 block2.0->block1 cold from L2 to L5
        L4 block3 cold from L2 to
        L5 block1 cold from L1 L3 to
        ");
    }
}
