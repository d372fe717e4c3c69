//! Register allocation with `regalloc2`.
//!
//! The allocator sees core registers `r0` to `r9` and double registers `d0` to `d14`. `r12` and `d15` are its scratch registers for
//! cycles of moves and for moves from stack to stack. An `f32` lives in the lower half of a double register, so there is one class of
//! floats and no overlap between registers.
//!
//! Spill slots are counted in words: a core register takes one, a double two.

use cranelift_codegen::isa::CallConv;
use regalloc2::{
    Allocation, Block, Edit, Function, Inst as InstIndex, InstOrEdit, InstRange, MachineEnv, Operand,
    OperandConstraint, OperandKind, OperandPos, Output, PReg, PRegSet, RegClass, RegallocOptions, VReg,
};

use crate::inst::{CallDest, CallId, CallInfo, Inst, Pairs, Reg, Visitor};
use crate::order::Label;
use crate::regs::{Dpr, Gpr};
use crate::steps::{Place, Step, Steps};
use crate::vcode::VCode;

/// Core registers that may hold values.
const INT: std::ops::Range<u8> = 0..10;
/// Double registers that may hold values.
const FLOAT: std::ops::Range<u8> = 0..15;
/// Registers that a C function may change: `r0` to `r3` and `d0` to `d7` (AAPCS-VFP).
const C_INT: std::ops::Range<u8> = 0..4;
const C_FLOAT: std::ops::Range<u8> = 0..8;

fn int(number: u8) -> PReg {
    Reg::gpr(Gpr(number)).preg()
}

fn float(number: u8) -> PReg {
    Reg::dpr(Dpr(number)).preg()
}

fn set(ints: std::ops::Range<u8>, floats: std::ops::Range<u8>) -> PRegSet {
    ints.map(int).chain(floats.map(float)).collect()
}

/// The registers for functions of one convention.
fn machine_env(conv: CallConv) -> MachineEnv {
    let all = [set(INT, 0..0), set(0..0, FLOAT), PRegSet::empty()];
    // What the function would have to save is second choice.
    let (preferred, others) = if conv == CallConv::Tail {
        (all, [PRegSet::empty(); 3])
    } else {
        (
            [set(C_INT, 0..0), set(0..0, C_FLOAT), PRegSet::empty()],
            [set(C_INT.end..INT.end, 0..0), set(0..0, C_FLOAT.end..FLOAT.end), PRegSet::empty()],
        )
    };
    MachineEnv {
        preferred_regs_by_class: preferred,
        non_preferred_regs_by_class: others,
        scratch_by_class: [Some(Reg::gpr(Gpr::SCRATCH).preg()), Some(Reg::dpr(Dpr::SCRATCH).preg()), None],
        fixed_stack_slots: Vec::new(),
    }
}

/// What the allocator sees of a function. It keeps its memory from function to function.
#[derive(Default)]
struct View {
    insts: Vec<Kind>,
    operands: Vec<Operand>,
    /// End of each instruction's part of `operands`.
    operand_ends: Vec<u32>,
    /// What each call clobbers.
    clobbers: Vec<PRegSet>,
    /// What calls of each convention clobber in this function.
    of_convention: Clobbers,
    block_ends: Vec<u32>,
    succs: Vec<Block>,
    succ_ends: Vec<u32>,
    preds: Vec<Block>,
    pred_ends: Vec<u32>,
    params: Vec<VReg>,
    param_ends: Vec<u32>,
    /// Arguments by successor, in the order of `succs`.
    args: Vec<VReg>,
    arg_ends: Vec<u32>,
    num_vregs: usize,
}

/// What calls clobber.
#[derive(Clone, Copy)]
struct Clobbers {
    tail: PRegSet,
    c: PRegSet,
}

impl Default for Clobbers {
    fn default() -> Self {
        Clobbers { tail: set(INT, FLOAT), c: set(C_INT, C_FLOAT) }
    }
}

impl Clobbers {
    /// The same without double registers, for a function that has no use for them: the allocator takes time for each register of
    /// each call.
    fn without_floats() -> Clobbers {
        Clobbers { tail: set(INT, 0..0), c: set(C_INT, 0..0) }
    }
}

/// What an instruction is for the allocator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Branch,
    Exit,
    /// Number in `clobbers`.
    Call(u32),
    TryCall(u32),
}

fn part<'a, T>(items: &'a [T], ends: &[u32], index: usize) -> &'a [T] {
    let start = if index == 0 { 0 } else { ends[index - 1] };
    &items[start as usize..ends[index] as usize]
}

impl Function for View {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }

    fn num_blocks(&self) -> usize {
        self.block_ends.len()
    }

    fn entry_block(&self) -> Block {
        Block::new(0)
    }

    fn block_insns(&self, block: Block) -> InstRange {
        let index = block.index();
        let start = if index == 0 { 0 } else { self.block_ends[index - 1] };
        InstRange::new(InstIndex::new(start as usize), InstIndex::new(self.block_ends[index] as usize))
    }

    fn block_succs(&self, block: Block) -> &[Block] {
        part(&self.succs, &self.succ_ends, block.index())
    }

    fn block_preds(&self, block: Block) -> &[Block] {
        part(&self.preds, &self.pred_ends, block.index())
    }

    fn block_params(&self, block: Block) -> &[VReg] {
        part(&self.params, &self.param_ends, block.index())
    }

    fn is_ret(&self, inst: InstIndex) -> bool {
        self.insts[inst.index()] == Kind::Exit
    }

    fn is_branch(&self, inst: InstIndex) -> bool {
        matches!(self.insts[inst.index()], Kind::Branch | Kind::TryCall(_))
    }

    fn branch_blockparams(&self, block: Block, _: InstIndex, succ: usize) -> &[VReg] {
        let index = block.index();
        let first = if index == 0 { 0 } else { self.succ_ends[index - 1] };
        part(&self.args, &self.arg_ends, first as usize + succ)
    }

    fn inst_operands(&self, inst: InstIndex) -> &[Operand] {
        part(&self.operands, &self.operand_ends, inst.index())
    }

    fn inst_clobbers(&self, inst: InstIndex) -> PRegSet {
        match self.insts[inst.index()] {
            Kind::Call(index) | Kind::TryCall(index) => self.clobbers[index as usize],
            _ => PRegSet::empty(),
        }
    }

    fn num_vregs(&self) -> usize {
        self.num_vregs
    }

    fn spillslot_size(&self, class: RegClass) -> usize {
        if class == RegClass::Float { 2 } else { 1 }
    }
}

/// Collects operands and replaces aliases.
struct Collector<'a> {
    aliases: &'a [Reg],
    operands: &'a mut Vec<Operand>,
    fixed: &'a mut FixedUses,
}

/// What instructions do to registers that are not allocated.
#[derive(Default)]
struct FixedUses {
    writes_thread: bool,
    reads_frame: bool,
}

impl Visitor for Collector<'_> {
    fn read(&mut self, reg: &mut Reg) {
        if reg.is_virtual() {
            *reg = crate::vcode::resolve(self.aliases, *reg);
            self.operands.push(Operand::reg_use(reg.vreg()));
        } else if *reg == Reg::FP {
            self.fixed.reads_frame = true;
        }
    }

    fn write(&mut self, reg: &mut Reg) {
        if reg.is_virtual() {
            self.operands.push(Operand::reg_def(reg.vreg()));
        } else if *reg == Reg::THR {
            self.fixed.writes_thread = true;
        }
    }

    fn write_early(&mut self, reg: &mut Reg) {
        debug_assert!(reg.is_virtual());
        let (constraint, kind) = (OperandConstraint::Reg, OperandKind::Def);
        self.operands.push(Operand::new(reg.vreg(), constraint, kind, OperandPos::Early));
    }

    fn rewrite(&mut self, reg: &mut Reg, index: usize) {
        debug_assert!(reg.is_virtual());
        self.operands.push(Operand::reg_reuse_def(reg.vreg(), index));
    }
}

impl View {
    /// Looks at a function, and replaces aliases in its instructions.
    fn fill(&mut self, vcode: &mut VCode) -> FixedUses {
        let mut fixed = FixedUses::default();
        self.insts.clear();
        self.operands.clear();
        self.operand_ends.clear();
        self.clobbers.clear();
        // A function that has to save registers must hear of all that are changed.
        self.of_convention = if vcode.has_floats || vcode.conv != CallConv::Tail {
            Clobbers::default()
        } else {
            Clobbers::without_floats()
        };
        let mut insts = std::mem::take(&mut vcode.insts);
        for inst in &mut insts {
            let kind = match *inst {
                Inst::Args { defs } => {
                    self.fixed(vcode, defs, Operand::reg_fixed_def);
                    Kind::Plain
                }
                Inst::Ret { uses } => {
                    self.fixed(vcode, uses, Operand::reg_fixed_use);
                    Kind::Exit
                }
                Inst::Call { id } => Kind::Call(self.call(vcode, id, false)),
                Inst::TryCall { id } => Kind::TryCall(self.call(vcode, id, true)),
                Inst::ReturnCall { id } => {
                    self.call(vcode, id, false);
                    Kind::Exit
                }
                _ => {
                    inst.visit(&mut Collector {
                        aliases: vcode.aliases(),
                        operands: &mut self.operands,
                        fixed: &mut fixed,
                    });
                    match inst {
                        inst if inst.is_branch() => Kind::Branch,
                        inst if inst.is_exit() => Kind::Exit,
                        _ => Kind::Plain,
                    }
                }
            };
            self.insts.push(kind);
            self.operand_ends.push(self.operands.len() as u32);
        }
        vcode.insts = insts;
        self.num_vregs = vcode.num_regs();
        self.fill_blocks(vcode);
        fixed
    }

    fn fixed(&mut self, vcode: &VCode, pairs: Pairs, operand: fn(VReg, PReg) -> Operand) {
        self.operands
            .extend(vcode.pairs_of(pairs).iter().map(|pair| operand(pair.reg.vreg(), pair.at.preg())));
    }

    /// Operands of a call: arguments, the callee's address, results. Its clobbers are what its convention lets the callee change,
    /// except results; everything if it may end in a handler, which finds nothing in registers.
    fn call(&mut self, vcode: &VCode, id: CallId, catches: bool) -> u32 {
        let info = vcode.call_info(id);
        self.fixed(vcode, info.uses, Operand::reg_fixed_use);
        if let CallDest::Indirect(reg) = info.dest
            && reg.is_virtual()
        {
            self.operands.push(Operand::reg_use(reg.vreg()));
        }
        self.fixed(vcode, info.defs, Operand::reg_fixed_def);
        let mut clobbers = match info.conv {
            _ if catches => self.of_convention.tail,
            CallConv::Tail => self.of_convention.tail,
            // Stubs that are called for their effect on memory change the scratch and the link register only.
            CallConv::PreserveAll => PRegSet::empty(),
            _ => self.of_convention.c,
        };
        for pair in vcode.pairs_of(info.defs) {
            clobbers.remove(pair.at.preg());
        }
        self.clobbers.push(clobbers);
        self.clobbers.len() as u32 - 1
    }

    fn fill_blocks(&mut self, vcode: &VCode) {
        self.block_ends.clone_from(&vcode.block_ends);
        self.succs.clear();
        self.succ_ends.clear();
        self.preds.clear();
        self.pred_ends.clear();
        self.params.clear();
        self.param_ends.clear();
        self.args.clear();
        self.arg_ends.clear();
        let block = |label: &Label| Block::new(label.index());
        for label in vcode.order.labels() {
            self.succs.extend(vcode.order.succs(label).iter().map(block));
            self.succ_ends.push(self.succs.len() as u32);
            self.preds.extend(vcode.order.preds(label).iter().map(block));
            self.pred_ends.push(self.preds.len() as u32);
            self.params.extend(vcode.params_of(label).iter().map(|reg| reg.vreg()));
            self.param_ends.push(self.params.len() as u32);
            for succ in 0..vcode.order.succs(label).len() {
                self.args.extend(vcode.args_of(label, succ).iter().map(|reg| reg.vreg()));
                self.arg_ends.push(self.args.len() as u32);
            }
        }
    }
}

/// The allocator with its memory and its result for one function.
pub(crate) struct Allocator {
    tail: MachineEnv,
    c: MachineEnv,
    view: View,
    context: regalloc2::Ctx,
    steps: Steps,
    /// Whether the function changes the thread register.
    pub(crate) writes_thread: bool,
    /// Whether it reads the frame pointer.
    pub(crate) reads_frame: bool,
    /// Whether it calls anything that returns.
    pub(crate) has_calls: bool,
}

impl Default for Allocator {
    fn default() -> Self {
        Allocator {
            tail: machine_env(CallConv::Tail),
            c: machine_env(CallConv::SystemV),
            view: View::default(),
            context: regalloc2::Ctx::default(),
            steps: Steps::default(),
            writes_thread: false,
            reads_frame: false,
            has_calls: false,
        }
    }
}

impl Allocator {
    /// Allocates the registers of a function, which loses its aliases. The error is the allocator's text.
    pub(crate) fn run(&mut self, vcode: &mut VCode, check: bool) -> Result<(), String> {
        let fixed = self.view.fill(vcode);
        self.writes_thread = fixed.writes_thread;
        self.reads_frame = fixed.reads_frame;
        self.has_calls = self.view.insts.iter().any(|kind| matches!(kind, Kind::Call(_) | Kind::TryCall(_)));
        let env = if vcode.conv == CallConv::Tail { &self.tail } else { &self.c };
        let options = RegallocOptions { validate_ssa: check, ..RegallocOptions::default() };
        regalloc2::run_with_ctx(&self.view, env, &options, &mut self.context)
            .map_err(|error| error.to_string())?;
        if check {
            let mut checker = regalloc2::checker::Checker::new(&self.view, env);
            checker.prepare(&self.context.output);
            checker.run().map_err(|errors| format!("{errors:?}"))?;
        }
        self.fill_steps();
        Ok(())
    }

    fn fill_steps(&mut self) {
        let (output, view) = (&self.context.output, &self.view);
        self.steps.start(output.num_spillslots as u32);
        for block in (0..view.num_blocks()).map(Block::new) {
            self.steps.start_block(view.block_preds(block).iter().map(|pred| pred.index()));
            for step in output.block_insts_and_edits(view, block) {
                match step {
                    // Without slots there is nothing to know of registers.
                    InstOrEdit::Inst(inst) if output.num_spillslots == 0 => {
                        self.steps.inst(inst.index(), std::iter::empty());
                    }
                    InstOrEdit::Inst(inst) => {
                        let operands = view.inst_operands(inst).iter().zip(output.inst_allocs(inst));
                        let written = operands
                            .filter(|(operand, _)| operand.kind() == OperandKind::Def)
                            .filter_map(|(_, alloc)| alloc.as_reg());
                        let clobbered = view.inst_clobbers(inst).into_iter();
                        self.steps.inst(inst.index(), written.chain(clobbered).map(Reg::from_preg));
                    }
                    InstOrEdit::Edit(Edit::Move { from, to }) => {
                        let reg =
                            from.as_reg().or(to.as_reg()).expect("the allocator moves through registers");
                        self.steps.transfer(place(*from), place(*to), reg.class() == RegClass::Float);
                    }
                }
            }
            self.steps.end_block();
        }
        self.steps.finish();
    }

    fn output(&self) -> &Output {
        &self.context.output
    }

    /// Number of words that spill slots take.
    pub(crate) fn spill_words(&self) -> u32 {
        self.output().num_spillslots as u32
    }

    /// The instructions of a block with the moves between them.
    pub(crate) fn steps(&self, label: Label) -> impl Iterator<Item = Step> {
        self.steps.of(label.index()).iter().copied()
    }

    /// Puts the allocated registers into an instruction.
    pub(crate) fn assign(&self, index: usize, inst: &mut Inst) {
        inst.visit(&mut Assigner { allocs: self.output().inst_allocs(InstIndex::new(index)).iter() });
    }

    /// The register with the callee's address, if a call is indirect.
    pub(crate) fn callee(&self, index: usize, info: &CallInfo) -> Option<Reg> {
        let CallDest::Indirect(reg) = info.dest else { return None };
        if !reg.is_virtual() {
            return Some(reg);
        }
        let alloc = self.output().inst_allocs(InstIndex::new(index))[info.uses.len as usize];
        Some(Reg::from_preg(alloc.as_reg().expect("constrained to a register")))
    }

    /// All registers that are written or read anywhere.
    pub(crate) fn used(&self) -> PRegSet {
        let output = self.output();
        let mut used: PRegSet = output.allocs.iter().filter_map(|alloc| alloc.as_reg()).collect();
        for (_, Edit::Move { from, to }) in &output.edits {
            for reg in [from, to].into_iter().filter_map(|alloc| alloc.as_reg()) {
                used.add(reg);
            }
        }
        for &clobbers in &self.view.clobbers {
            used.union_from(clobbers);
        }
        used
    }
}

fn place(alloc: Allocation) -> Place {
    match (alloc.as_reg(), alloc.as_stack()) {
        (Some(reg), _) => Place::Reg(Reg::from_preg(reg)),
        (_, Some(slot)) => Place::Spill(slot.index() as u32),
        _ => unreachable!("a move of nothing"),
    }
}

/// Replaces virtual registers by allocated ones.
struct Assigner<'a> {
    allocs: std::slice::Iter<'a, Allocation>,
}

impl Assigner<'_> {
    fn assign(&mut self, reg: &mut Reg) {
        if reg.is_virtual() {
            let alloc = self.allocs.next().expect("one allocation per operand");
            *reg = Reg::from_preg(alloc.as_reg().expect("constrained to a register"));
        }
    }
}

impl Visitor for Assigner<'_> {
    fn read(&mut self, reg: &mut Reg) {
        self.assign(reg);
    }

    fn write(&mut self, reg: &mut Reg) {
        self.assign(reg);
    }

    fn write_early(&mut self, reg: &mut Reg) {
        self.assign(reg);
    }

    fn rewrite(&mut self, reg: &mut Reg, _: usize) {
        self.assign(reg);
    }
}
