//! The machine code of one function between selection and emission.
//!
//! # Filling it
//!
//! [`VCode::start`], then for every block of [`VCode::order`] **from the last to the first**:
//!
//! 1. for every CLIF instruction of the block from the last to the first, the terminator included: [`VCode::push`] its machine
//!    instructions in execution order, then [`VCode::end_group`]. The terminator's group ends with exactly one instruction that ends
//!    blocks. [`VCode::branch_args`] gives the arguments for each of its successors that has parameters.
//! 2. [`VCode::block_params`] if the block has parameters,
//! 3. [`VCode::end_block`].
//!
//! An edge block ([`LoweredBlock::Edge`]) is one group with [`Inst::Jump`], and `branch_args(0, ..)` are the arguments of its edge;
//! the block on whose edge it stands passes nothing to it. Results of a `try_call` may be such arguments.
//!
//! Going backwards, selection knows all uses of a value when it comes to its definition: what is not used need not be emitted, and what
//! its single user has absorbed (an address, a shifted operand, a comparison) either.
//!
//! The entry block has no parameters for the allocator: those of the function are defined by [`Inst::Args`] (registers) and loads from
//! [`Mem::Incoming`] (stack), in the group that is executed first.
//!
//! # Values
//!
//! A virtual register is written by one instruction, or is a parameter of one block, and is used only where that definition
//! dominates. Where a CLIF instruction does nothing (`ireduce`, `bitcast` between integers), [`VCode::alias`] makes its result another name
//! of its operand; no instruction is needed. An alias is one machine word: those of an `i64` are two.
//!
//! # Lists
//!
//! Arguments and results of calls are [`Pairs`] of a virtual register and the physical one that the convention says. They
//! are fixed only at the call itself; the allocator makes the moves.

use std::fmt::{self, Write as _};
use std::ops::Range;

use cranelift_codegen::isa::CallConv;
use regalloc2::{RegClass, VReg};

use crate::inst::{CallDest, CallId, CallInfo, FIRST_VIRTUAL, FloatSize, Inst, Mem, Pairs, Reg, RegPair};
use crate::order::{BlockOrder, Label, LoweredBlock};

/// Machine code of a function. It keeps its memory from function to function.
#[derive(Debug)]
pub struct VCode {
    /// The blocks.
    pub order: BlockOrder,
    /// Convention of the function itself.
    pub conv: CallConv,
    /// All instructions; while selection runs, in reverse.
    pub(crate) insts: Vec<Inst>,
    /// Instructions of the group being built, in execution order.
    group: Vec<Inst>,
    /// End of each block in `insts`; while selection runs, start of each, last block first.
    pub(crate) block_ends: Vec<u32>,
    /// Parameters of each block, by its label.
    params: Vec<Range<u32>>,
    /// Arguments, by block and successor: `arg_starts[label] + successor` is an index here.
    args: Vec<Range<u32>>,
    arg_starts: Vec<u32>,
    /// What `params` and `args` are ranges of.
    regs: Vec<Reg>,
    pairs: Vec<RegPair>,
    calls: Vec<CallInfo>,
    /// Number of the next virtual register.
    next: u32,
    /// What each virtual register is an alias of: itself, if of none.
    aliases: Vec<Reg>,
    /// Whether there are virtual double registers.
    pub(crate) has_floats: bool,
    /// Bytes of the area of outgoing stack arguments.
    pub(crate) outgoing: u32,
    /// Whether there is an access to incoming stack arguments.
    pub(crate) incoming: bool,
    /// The block that is being built.
    current: usize,
}

impl Default for VCode {
    fn default() -> Self {
        VCode {
            order: BlockOrder::default(),
            conv: CallConv::Tail,
            insts: Vec::new(),
            group: Vec::new(),
            block_ends: Vec::new(),
            params: Vec::new(),
            args: Vec::new(),
            arg_starts: Vec::new(),
            regs: Vec::new(),
            pairs: Vec::new(),
            calls: Vec::new(),
            next: 0,
            aliases: Vec::new(),
            has_floats: false,
            outgoing: 0,
            incoming: false,
            current: 0,
        }
    }
}

impl VCode {
    /// Begins a function whose [`VCode::order`] is computed.
    pub fn start(&mut self, conv: CallConv) {
        self.conv = conv;
        self.insts.clear();
        self.group.clear();
        self.block_ends.clear();
        self.regs.clear();
        self.pairs.clear();
        self.calls.clear();
        self.aliases.clear();
        self.next = 0;
        self.has_floats = false;
        self.outgoing = 0;
        self.incoming = false;
        self.current = self.order.len();
        self.params.clear();
        self.params.resize(self.order.len(), 0..0);
        self.args.clear();
        self.arg_starts.clear();
        for label in self.order.labels() {
            self.arg_starts.push(self.args.len() as u32);
            self.args.resize(self.args.len() + self.order.succs(label).len(), 0..0);
        }
    }

    fn new_reg(&mut self, class: RegClass) -> Reg {
        let reg = Reg::from_vreg(VReg::new(FIRST_VIRTUAL + self.next as usize, class));
        self.next += 1;
        self.aliases.push(reg);
        reg
    }

    /// A new virtual core register.
    pub fn new_gpr(&mut self) -> Reg {
        self.new_reg(RegClass::Int)
    }

    /// A new virtual double register.
    pub fn new_dpr(&mut self) -> Reg {
        self.has_floats = true;
        self.new_reg(RegClass::Float)
    }

    /// Makes a virtual register that nothing defines another name of a register of the same class, which may be an alias itself but not of
    /// the first.
    pub fn alias(&mut self, name: Reg, of: Reg) {
        debug_assert!(name.is_virtual() && name.is_float() == of.is_float());
        let of = self.resolve(of);
        debug_assert_ne!(name, of, "alias of itself");
        self.aliases[name.index() - FIRST_VIRTUAL] = of;
    }

    /// The register that a register is an alias of.
    pub fn resolve(&self, reg: Reg) -> Reg {
        resolve(&self.aliases, reg)
    }

    pub(crate) fn aliases(&self) -> &[Reg] {
        &self.aliases
    }

    /// Appends an instruction to the current group.
    pub fn push(&mut self, inst: Inst) {
        if let Inst::Load { mem, .. }
        | Inst::VLoad { mem, .. }
        | Inst::Store { mem, .. }
        | Inst::VStore { mem, .. }
        | Inst::Address { mem, .. } = inst
        {
            match mem {
                Mem::Incoming(_) => self.incoming = true,
                Mem::Outgoing(offset) => {
                    let double = matches!(inst, Inst::VStore { size: FloatSize::Double, .. });
                    self.outgoing = self.outgoing.max(offset as u32 + if double { 8 } else { 4 });
                }
                _ => {}
            }
        }
        self.group.push(inst);
    }

    /// Ends the group: further instructions are executed before it.
    pub fn end_group(&mut self) {
        self.insts.extend(self.group.drain(..).rev());
    }

    /// Sets the arguments that the current block passes to one of its successors.
    pub fn branch_args(&mut self, succ: usize, args: &[Reg]) {
        let range = self.add_regs(args);
        self.args[self.arg_starts[self.current - 1] as usize + succ] = range;
    }

    /// Sets the parameters of the current block.
    pub fn block_params(&mut self, params: &[Reg]) {
        self.params[self.current - 1] = self.add_regs(params);
    }

    fn add_regs(&mut self, regs: &[Reg]) -> Range<u32> {
        let start = self.regs.len() as u32;
        self.regs.extend_from_slice(regs);
        start..self.regs.len() as u32
    }

    /// The block that is being built; the first is the last of the order.
    pub fn current(&self) -> Label {
        Label::new(self.current - 1)
    }

    /// Ends the current block and begins the one before it.
    pub fn end_block(&mut self) {
        debug_assert!(self.group.is_empty(), "a group is open");
        self.block_ends.push(self.insts.len() as u32);
        self.current -= 1;
    }

    /// A list of arguments or results.
    pub fn pairs(&mut self, pairs: &[RegPair]) -> Pairs {
        let start = self.pairs.len() as u32;
        self.pairs.extend_from_slice(pairs);
        Pairs { start, len: pairs.len() as u32 }
    }

    /// A call for [`Inst::Call`], [`Inst::TryCall`] or [`Inst::ReturnCall`].
    pub fn call(&mut self, info: CallInfo) -> CallId {
        self.calls.push(info);
        CallId(self.calls.len() as u32 - 1)
    }

    /// Ends selection: brings everything into execution order and replaces aliases.
    pub(crate) fn finish(&mut self) {
        debug_assert_eq!(self.current, 0, "blocks are missing");
        let count = self.insts.len() as u32;
        self.insts.reverse();
        // What was the start of the next block, counted from the end, is the end of a block, counted from the start.
        self.block_ends.reverse();
        self.block_ends.rotate_left(1);
        if let Some(last) = self.block_ends.last_mut() {
            *last = 0;
        }
        for end in &mut self.block_ends {
            *end = count - *end;
        }
        // Lists only: instructions are resolved while operands are collected.
        for index in 0..self.regs.len() {
            self.regs[index] = self.resolve(self.regs[index]);
        }
        for index in 0..self.pairs.len() {
            self.pairs[index].reg = self.resolve(self.pairs[index].reg);
        }
        for index in 0..self.calls.len() {
            if let CallDest::Indirect(reg) = self.calls[index].dest {
                self.calls[index].dest = CallDest::Indirect(self.resolve(reg));
            }
        }
    }

    /// One more than the greatest number of a register.
    pub(crate) fn num_regs(&self) -> usize {
        FIRST_VIRTUAL + self.next as usize
    }

    /// Numbers of the instructions of a block.
    pub(crate) fn block_insts(&self, label: Label) -> Range<usize> {
        let index = label.index();
        let start = if index == 0 { 0 } else { self.block_ends[index - 1] };
        start as usize..self.block_ends[index] as usize
    }

    /// Parameters of a block.
    pub(crate) fn params_of(&self, label: Label) -> &[Reg] {
        let range = &self.params[label.index()];
        &self.regs[range.start as usize..range.end as usize]
    }

    /// Arguments of a block for one of its successors.
    pub(crate) fn args_of(&self, label: Label, succ: usize) -> &[Reg] {
        let range = &self.args[self.arg_starts[label.index()] as usize + succ];
        &self.regs[range.start as usize..range.end as usize]
    }

    /// The registers of a list.
    pub(crate) fn pairs_of(&self, pairs: Pairs) -> &[RegPair] {
        &self.pairs[pairs.start as usize..(pairs.start + pairs.len) as usize]
    }

    /// A call.
    pub(crate) fn call_info(&self, id: CallId) -> &CallInfo {
        &self.calls[id.0 as usize]
    }

    fn write_pairs(&self, f: &mut fmt::Formatter<'_>, pairs: Pairs) -> fmt::Result {
        for (index, pair) in self.pairs_of(pairs).iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if pair.reg == pair.at {
                write!(f, "{comma}{}", pair.reg)?;
            } else {
                write!(f, "{comma}{}={}", pair.at, pair.reg)?;
            }
        }
        Ok(())
    }

    fn write_call(&self, f: &mut fmt::Formatter<'_>, id: CallId) -> fmt::Result {
        let info = self.call_info(id);
        match info.dest {
            CallDest::Direct(target) => write!(f, " {target}")?,
            CallDest::Indirect(reg) => write!(f, " [{reg}]")?,
        }
        f.write_char('(')?;
        self.write_pairs(f, info.uses)?;
        f.write_char(')')?;
        if info.defs.len > 0 {
            f.write_str(" -> ")?;
            self.write_pairs(f, info.defs)?;
        }
        Ok(())
    }

    pub(crate) fn write_inst(&self, f: &mut fmt::Formatter<'_>, inst: &Inst) -> fmt::Result {
        write!(f, "{inst}")?;
        match *inst {
            Inst::Args { defs: pairs } | Inst::Ret { uses: pairs } => {
                f.write_char(' ')?;
                self.write_pairs(f, pairs)
            }
            Inst::Call { id } | Inst::TryCall { id } | Inst::ReturnCall { id } => self.write_call(f, id),
            _ => Ok(()),
        }
    }

    pub(crate) fn write_block_head(&self, f: &mut fmt::Formatter<'_>, label: Label) -> fmt::Result {
        write!(f, "{label}")?;
        if !self.params_of(label).is_empty() {
            write!(f, "{:?}", self.params_of(label))?;
        }
        if self.order.is_cold(label) {
            f.write_str(" cold")?;
        }
        if let LoweredBlock::Block(block) = self.order.block(label) {
            write!(f, " ({block})")?;
        }
        f.write_str(":\n")
    }

    pub(crate) fn write_successors(&self, f: &mut fmt::Formatter<'_>, label: Label) -> fmt::Result {
        for (index, succ) in self.order.succs(label).iter().enumerate() {
            let comma = if index == 0 { " to " } else { ", " };
            write!(f, "{comma}{succ}")?;
            if !self.args_of(label, index).is_empty() {
                write!(f, "{:?}", self.args_of(label, index))?;
            }
        }
        Ok(())
    }
}

/// The register that a register is an alias of.
pub(crate) fn resolve(aliases: &[Reg], mut reg: Reg) -> Reg {
    while reg.is_virtual() {
        let next = aliases[reg.index() - FIRST_VIRTUAL];
        if next == reg {
            break;
        }
        reg = next;
    }
    reg
}

/// Text of finished code, for tests and dumps.
impl fmt::Display for VCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in self.order.labels() {
            self.write_block_head(f, label)?;
            for index in self.block_insts(label) {
                let inst = &self.insts[index];
                f.write_str("    ")?;
                self.write_inst(f, inst)?;
                if inst.is_branch() {
                    self.write_successors(f, label)?;
                }
                f.write_char('\n')?;
            }
        }
        Ok(())
    }
}
