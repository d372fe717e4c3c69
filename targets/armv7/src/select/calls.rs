//! Parameters, calls, returns.

use cranelift_codegen::ir::instructions::CallInfo as ClifCall;
use cranelift_codegen::ir::{
    AbiParam, ArgumentExtension, Block, FuncRef, Inst as ClifInst, Opcode, Signature, Type, Value, types,
};
use cranelift_codegen::isa::CallConv;
use smallvec::SmallVec;

use super::{Selector, at, unsupported};
use crate::abi::{Place, Places};
use crate::error::Error;
use crate::inst::{CallDest, CallInfo, FloatSize, Inst, LoadOp, Mem, Reg, RegPair, StoreOp, UnaryOp};
use crate::intrinsics::Intrinsic;
use crate::legalize::{float_size, is_supported};
use crate::metadata::RelocTarget;
use crate::regs::{Dpr, Gpr};
use crate::routines::RoutineId;

type PairList = SmallVec<[RegPair; 8]>;

/// Argument areas of this size and more are refused, so that offsets stay small numbers.
const MAX_STACK: i32 = 1 << 20;

impl Selector<'_> {
    fn place(&self, places: &mut Places, param: &AbiParam) -> Result<Place, Error> {
        if !is_supported(param.value_type) {
            return Err(unsupported(self.func, format!("argument of type {}", param.value_type)));
        }
        let place = places.next(param).map_err(|what| unsupported(self.func, what))?;
        if places.stack_bytes() >= MAX_STACK {
            return Err(unsupported(self.func, "so many arguments"));
        }
        Ok(place)
    }

    /// Brings the parameters of the function to their registers.
    pub(super) fn parameters(&mut self, block: Block) -> Result<(), Error> {
        let func = self.func;
        let mut places = Places::new(self.vcode.conv);
        let mut defs = PairList::new();
        let mut loads = SmallVec::<[Inst; 8]>::new();
        for (param, &value) in func.signature.params.iter().zip(func.dfg.block_params(block)) {
            let place = self.place(&mut places, param)?;
            let regs = self.values[value];
            match place {
                Place::Reg(reg) => defs.extend(regs.lo.map(|lo| at(lo, reg))),
                Place::Pair(lo, hi) => {
                    defs.extend(regs.lo.map(|reg| at(reg, lo)));
                    defs.extend(regs.hi.map(|reg| at(reg, hi)));
                }
                Place::Stack(offset) => {
                    let load = |rt, offset| Inst::Load { op: LoadOp::Ldr, rt, mem: Mem::Incoming(offset) };
                    match param.value_type {
                        ty @ (types::F32 | types::F64) => loads.extend(regs.lo.map(|rt| Inst::VLoad {
                            size: float_size(ty),
                            rt,
                            mem: Mem::Incoming(offset),
                        })),
                        _ => {
                            loads.extend(regs.lo.map(|rt| load(rt, offset)));
                            loads.extend(regs.hi.map(|rt| load(rt, offset + 4)));
                        }
                    }
                }
            }
        }
        if !defs.is_empty() {
            let defs = self.vcode.pairs(&defs);
            self.push(Inst::Args { defs });
        }
        for load in loads {
            self.push(load);
        }
        Ok(())
    }

    pub(super) fn ret(&mut self, inst: ClifInst) -> Result<(), Error> {
        let func = self.func;
        let mut places = Places::new(self.vcode.conv);
        let mut uses = PairList::new();
        for (param, &value) in func.signature.returns.iter().zip(func.dfg.inst_args(inst)) {
            match self.place(&mut places, param)? {
                Place::Stack(_) => return Err(unsupported(func, "so many results")),
                place => self.use_at(value, param.extension, place, &mut uses),
            }
        }
        let uses = self.vcode.pairs(&uses);
        self.push(Inst::Ret { uses });
        Ok(())
    }

    /// Asks for a value in registers.
    fn use_at(&mut self, value: Value, extension: ArgumentExtension, place: Place, uses: &mut PairList) {
        match place {
            Place::Reg(reg) if reg.is_float() => uses.push(at(self.dpr(value), reg)),
            Place::Reg(reg) => uses.push(at(self.extended(value, extension), reg)),
            Place::Pair(lo, hi) => {
                let (value_lo, value_hi) = self.pair(value);
                uses.extend([at(value_lo, lo), at(value_hi, hi)]);
            }
            Place::Stack(_) => unreachable!("only registers are asked for"),
        }
    }

    /// An integer of at most 32 bits, extended as a signature says.
    fn extended(&mut self, value: Value, extension: ArgumentExtension) -> Reg {
        match extension {
            ArgumentExtension::None => self.gpr(value),
            ArgumentExtension::Uext => self.zero_extended(value),
            ArgumentExtension::Sext => self.sign_extended(value),
        }
    }

    pub(super) fn call(&mut self, inst: ClifInst) -> Result<(), Error> {
        let func = self.func;
        if let Some(intrinsic) = self.intrinsic(inst) {
            return self.call_intrinsic(inst, intrinsic);
        }
        let opcode = func.dfg.insts[inst].opcode();
        let is_tail = matches!(opcode, Opcode::ReturnCall | Opcode::ReturnCallIndirect);
        let is_try = matches!(opcode, Opcode::TryCall | Opcode::TryCallIndirect);
        let (callee, sig, args): (Option<FuncRef>, _, &[Value]) =
            match func.dfg.insts[inst].analyze_call(&func.dfg.value_lists, &func.dfg.exception_tables) {
                ClifCall::Direct(callee, args) | ClifCall::DirectWithSig(callee, _, args) => {
                    (Some(callee), func.dfg.ext_funcs[callee].signature, args)
                }
                ClifCall::Indirect(sig, args) => (None, sig, args),
                ClifCall::NotACall => return Err(self.unsupported(inst)),
            };
        let signature = &func.dfg.signatures[sig];
        if is_tail && (self.vcode.conv != CallConv::Tail || signature.call_conv != CallConv::Tail) {
            return Err(self.no_such_convention());
        }
        if is_try {
            self.pass_args(inst)?;
        }

        let mut places = Places::new(signature.call_conv);
        let mut placed = SmallVec::<[(Value, ArgumentExtension, Place); 8]>::new();
        for (param, &value) in signature.params.iter().zip(args) {
            placed.push((value, param.extension, self.place(&mut places, param)?));
        }
        if is_tail && places.stack_bytes() > self.incoming_bytes()? {
            return Err(unsupported(
                func,
                "tail call with more stack arguments than the function itself has",
            ));
        }
        // Stack arguments first, for shorter lives of registers.
        for &(value, extension, place) in &placed {
            if let Place::Stack(offset) = place {
                self.store_argument(value, extension, offset, is_tail);
            }
        }
        let dest = match callee {
            Some(callee) => CallDest::Direct(self.reloc_target(&func.dfg.ext_funcs[callee].name)?),
            None => CallDest::Indirect(self.gpr(func.dfg.inst_args(inst)[0])),
        };
        let mut uses = PairList::new();
        for &(value, extension, place) in &placed {
            if !matches!(place, Place::Stack(_)) {
                self.use_at(value, extension, place, &mut uses);
            }
        }
        let defs = if is_tail { PairList::new() } else { self.results(inst, signature, is_try)? };
        let (uses, defs) = (self.vcode.pairs(&uses), self.vcode.pairs(&defs));
        let id = self.vcode.call(CallInfo {
            dest,
            conv: signature.call_conv,
            uses,
            defs,
            inst: Some(inst),
            srcloc: func.srcloc(inst),
        });
        self.push(match (is_tail, is_try) {
            (true, _) => Inst::ReturnCall { id },
            (_, true) => Inst::TryCall { id },
            _ => Inst::Call { id },
        });
        Ok(())
    }

    /// The instruction that stands for a call of an intrinsic.
    fn call_intrinsic(&mut self, inst: ClifInst, intrinsic: Intrinsic) -> Result<(), Error> {
        let dfg = &self.func.dfg;
        let (&[tagged], &[result]) = (dfg.inst_args(inst), dfg.inst_results(inst)) else {
            return Err(self.unsupported(inst));
        };
        let fits = |offset| crate::encode::fits_word_offset(offset);
        match (intrinsic, self.ty(tagged), self.ty(result)) {
            (Intrinsic::IntOfTagged { offset }, types::I32, types::I64)
                if fits(offset) && fits(offset + 4) =>
            {
                let regs = self.values[result];
                let rn = self.gpr(tagged);
                self.push(Inst::IntOfTagged { lo: regs.lo, hi: regs.hi, rn, offset });
            }
            (Intrinsic::ClassIdOfTagged { offset, shift, smi }, types::I32, types::I32) => {
                let (rn, rd) = (self.gpr(tagged), self.result(result));
                self.push(Inst::ClassIdOfTagged { rd, rn, offset, shift, smi });
            }
            _ => return Err(self.unsupported(inst)),
        }
        Ok(())
    }

    /// Where a call leaves the results that are used.
    fn results(&mut self, inst: ClifInst, signature: &Signature, is_try: bool) -> Result<PairList, Error> {
        let mut places = Places::new(signature.call_conv);
        let mut defs = PairList::new();
        for (index, param) in signature.returns.iter().enumerate() {
            let place = self.place(&mut places, param)?;
            let regs = if !is_try {
                self.values[self.func.dfg.inst_results(inst)[index]]
            } else if index == 0 {
                self.try_results[inst]
            } else {
                return Err(unsupported(self.func, "try_call with several results"));
            };
            match place {
                Place::Reg(reg) => defs.extend(regs.lo.map(|lo| at(lo, reg))),
                Place::Pair(lo, hi) => {
                    defs.extend(regs.lo.map(|reg| at(reg, lo)));
                    defs.extend(regs.hi.map(|reg| at(reg, hi)));
                }
                Place::Stack(_) => return Err(unsupported(self.func, "so many results")),
            }
        }
        Ok(defs)
    }

    /// Size of the function's own area of stack arguments.
    fn incoming_bytes(&self) -> Result<i32, Error> {
        let mut places = Places::new(self.vcode.conv);
        for param in &self.func.signature.params {
            self.place(&mut places, param)?;
        }
        Ok(places.stack_bytes())
    }

    /// Stores a stack argument: for a tail call in the area of the function's own, whose parameters are all in registers by now.
    fn store_argument(&mut self, value: Value, extension: ArgumentExtension, offset: i32, is_tail: bool) {
        let mem = |offset| if is_tail { Mem::Incoming(offset) } else { Mem::Outgoing(offset) };
        let store = |rt, mem| Inst::Store { op: StoreOp::Str, rt, mem };
        match self.ty(value) {
            ty @ (types::F32 | types::F64) => {
                let rt = self.dpr(value);
                self.push(Inst::VStore { size: float_size(ty), rt, mem: mem(offset) });
            }
            types::I64 => {
                let (lo, hi) = self.pair(value);
                self.push(store(lo, mem(offset)));
                self.push(store(hi, mem(offset + 4)));
            }
            _ => {
                let rt = self.extended(value, extension);
                self.push(store(rt, mem(offset)));
            }
        }
    }

    /// Calls a routine, which follows the C convention and is no safepoint. Core registers are passed and returned from `r0`, double
    /// registers from `d0`.
    pub(super) fn routine(&mut self, id: RoutineId, args: &[Reg], results: &[Reg]) {
        let place = |regs: &[Reg]| {
            let (mut core, mut float) = (0, 0);
            let placed: PairList = regs
                .iter()
                .map(|&reg| {
                    let next = if reg.is_float() { &mut float } else { &mut core };
                    *next += 1;
                    at(reg, if reg.is_float() { Reg::dpr(Dpr(*next - 1)) } else { Reg::gpr(Gpr(*next - 1)) })
                })
                .collect();
            placed
        };
        let (uses, defs) = (self.vcode.pairs(&place(args)), self.vcode.pairs(&place(results)));
        let id = self.vcode.call(CallInfo {
            dest: CallDest::Direct(RelocTarget::Routine(id)),
            conv: CallConv::SystemV,
            uses,
            defs,
            inst: None,
            srcloc: cranelift_codegen::ir::SourceLoc::default(),
        });
        self.push(Inst::Call { id });
    }

    /// A narrow integer extended to 32 bits.
    pub(super) fn extend(&mut self, value: Value, signed: bool) -> Reg {
        if signed { self.sign_extended(value) } else { self.zero_extended(value) }
    }

    /// A register of 32 bits with the low bits of another extended.
    pub(super) fn extend_reg(&mut self, reg: Reg, ty: Type, signed: bool) -> Reg {
        let op = match (ty, signed) {
            (types::I8, true) => UnaryOp::Sxtb,
            (types::I8, false) => UnaryOp::Uxtb,
            (types::I16, true) => UnaryOp::Sxth,
            (types::I16, false) => UnaryOp::Uxth,
            _ => return reg,
        };
        self.unary(op, reg)
    }

    pub(super) fn size_of(&self, value: Value) -> FloatSize {
        float_size(self.ty(value))
    }
}
