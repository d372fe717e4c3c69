//! Loads, stores, addresses.
//!
//! Words and halves may be at any address, but pairs and floats of the processor must be at multiples of 4: an `i64` is accessed as two
//! words, and a float whose flags do not say that it is aligned goes through core registers.

use cranelift_codegen::ir::{
    ExternalName, GlobalValueData, Inst as ClifInst, InstructionData, MemFlags, Opcode, Value, types,
};

use smallvec::{SmallVec, smallvec};

use super::{Half, Selector, unsupported};
use crate::error::Error;
use crate::inst::{FloatSize, Inst, LoadOp, Mem, Op2, Reg, StoreOp};
use crate::legalize::float_size;
use crate::metadata::RelocTarget;
use crate::regs::Shift;

/// What an access can do with an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Index {
    /// Add it, shifted by a constant.
    Scaled,
    /// Add it.
    Plain,
    /// Nothing.
    None,
}

/// The operand `bytes` further.
fn further(mem: Mem, bytes: i32) -> Mem {
    match mem {
        Mem::Offset(base, offset) => Mem::Offset(base, offset.wrapping_add(bytes)),
        Mem::Slot(slot, offset) => Mem::Slot(slot, offset + bytes),
        Mem::Incoming(offset) => Mem::Incoming(offset + bytes),
        Mem::Outgoing(offset) => Mem::Outgoing(offset + bytes),
        Mem::Index(..) => unreachable!("accesses in parts have no index"),
    }
}

impl Selector<'_> {
    pub(super) fn memory(&mut self, inst: ClifInst) -> Result<(), Error> {
        match self.func.dfg.insts[inst] {
            InstructionData::Load { opcode, arg, flags, offset } => {
                self.load(inst, opcode, arg, flags, offset.into())
            }
            InstructionData::Store { opcode, args: [value, address], flags, offset } => {
                self.store(inst, opcode, value, address, flags, offset.into())
            }
            InstructionData::LoadNoOffset { opcode: Opcode::AtomicLoad, arg, flags } => {
                if self.ty(self.func.dfg.first_result(inst)) == types::I64 {
                    return Err(self.unsupported(inst));
                }
                self.load(inst, Opcode::Load, arg, flags, 0)?;
                self.push(Inst::Fence);
                Ok(())
            }
            InstructionData::StoreNoOffset { opcode: Opcode::AtomicStore, args: [value, address], flags } => {
                if self.ty(value) == types::I64 {
                    return Err(self.unsupported(inst));
                }
                self.push(Inst::Fence);
                self.store(inst, Opcode::Store, value, address, flags, 0)?;
                self.push(Inst::Fence);
                Ok(())
            }
            InstructionData::NullAry { opcode: Opcode::Fence } => {
                self.push(Inst::Fence);
                Ok(())
            }
            InstructionData::StackAddr { stack_slot, offset, .. } => {
                let rd = self.result(self.func.dfg.first_result(inst));
                self.push(Inst::Address { rd, mem: Mem::Slot(stack_slot, offset.into()) });
                Ok(())
            }
            InstructionData::FuncAddr { func_ref, .. } => {
                let name = self.func.dfg.ext_funcs[func_ref].name.clone();
                self.symbol(inst, &name, 0)
            }
            InstructionData::UnaryGlobalValue { global_value, .. } => {
                match self.func.global_values[global_value].clone() {
                    GlobalValueData::Symbol { name, offset, tls: false, .. } => {
                        self.symbol(inst, &name, offset.bits() as i32)
                    }
                    _ => Err(self.unsupported(inst)),
                }
            }
            _ => Err(self.unsupported(inst)),
        }
    }

    fn symbol(&mut self, inst: ClifInst, name: &ExternalName, addend: i32) -> Result<(), Error> {
        let target = self.reloc_target(name)?;
        let rd = self.result(self.func.dfg.first_result(inst));
        self.push(Inst::SymbolAddress { rd, target, addend });
        Ok(())
    }

    pub(super) fn reloc_target(&self, name: &ExternalName) -> Result<RelocTarget, Error> {
        match name {
            ExternalName::User(name) => Ok(RelocTarget::User(*name)),
            other => Err(unsupported(self.func, format!("reference to {}", other.display(None)))),
        }
    }

    /// The operand for an access at a constant offset from an address.
    fn amode(&mut self, address: Value, offset: i32, index: Index) -> Mem {
        let (mut address, mut offset) = (address, offset);
        while let Some((inst, opcode)) = self.def(address) {
            match opcode {
                Opcode::StackAddr => {
                    if let InstructionData::StackAddr { stack_slot, offset: start, .. } =
                        self.func.dfg.insts[inst]
                    {
                        return Mem::Slot(stack_slot, i32::from(start).wrapping_add(offset));
                    }
                    break;
                }
                Opcode::Iadd => {
                    let (a, b) = self.args2(inst);
                    let (a, b) = if self.iconst(a).is_some() { (b, a) } else { (a, b) };
                    let Some(constant) = self.iconst32(b) else { break };
                    offset = offset.wrapping_add(constant as i32);
                    address = a;
                }
                _ => break,
            }
        }
        if offset == 0
            && index != Index::None
            && let Some((inst, Opcode::Iadd)) = self.local_def(address)
        {
            let (a, b) = self.args2(inst);
            if index == Index::Scaled {
                for (base, scaled) in [(a, b), (b, a)] {
                    if let Some((source, Shift::Lsl, amount)) = self.const_shift(scaled) {
                        return Mem::Index(self.base(base), self.gpr(source), amount);
                    }
                }
            }
            return Mem::Index(self.base(a), self.gpr(b), 0);
        }
        Mem::Offset(self.base(address), offset)
    }

    fn load(
        &mut self,
        inst: ClifInst,
        opcode: Opcode,
        address: Value,
        flags: MemFlags,
        offset: i32,
    ) -> Result<(), Error> {
        let flags = self.func.dfg.mem_flags[flags];
        if flags.explicit_endianness() == Some(cranelift_codegen::ir::Endianness::Big) {
            return Err(unsupported(self.func, "big-endian load"));
        }
        let result = self.func.dfg.first_result(inst);
        let ty = self.ty(result);
        let op = match (opcode, ty) {
            (Opcode::Load, types::F32 | types::F64) => {
                self.load_float(result, address, offset, flags.aligned());
                return Ok(());
            }
            (Opcode::Load, types::I64) => {
                if self.is_high_used(result) {
                    let mem = self.amode(address, offset, Index::None);
                    // The low half comes last if the program only wants the high one.
                    if let Some(rt) = self.func_lo(result) {
                        self.push(Inst::Load { op: LoadOp::Ldr, rt, mem });
                    }
                    let rt = self.half(result, Half::Hi);
                    self.push(Inst::Load { op: LoadOp::Ldr, rt, mem: further(mem, 4) });
                    return Ok(());
                }
                LoadOp::Ldr
            }
            (Opcode::Load, types::I32) | (Opcode::Uload32 | Opcode::Sload32, _) => LoadOp::Ldr,
            (Opcode::Load, types::I16) | (Opcode::Uload16, _) => LoadOp::Ldrh,
            (Opcode::Load, types::I8) | (Opcode::Uload8, _) => LoadOp::Ldrb,
            (Opcode::Sload8, _) => LoadOp::Ldrsb,
            (Opcode::Sload16, _) => LoadOp::Ldrsh,
            _ => return Err(self.unsupported(inst)),
        };
        let index = if matches!(op, LoadOp::Ldr | LoadOp::Ldrb) { Index::Scaled } else { Index::Plain };
        let mem = self.amode(address, offset, index);
        let rt = self.result(result);
        self.push(Inst::Load { op, rt, mem });
        if ty == types::I64 && self.is_high_used(result) {
            self.extend_to_high(result, matches!(opcode, Opcode::Sload8 | Opcode::Sload16 | Opcode::Sload32));
        }
        Ok(())
    }

    /// The register of the low half, if anything wants it.
    fn func_lo(&self, value: Value) -> Option<Reg> {
        self.values[value].lo
    }

    /// The high half from the low one.
    pub(super) fn extend_to_high(&mut self, result: Value, signed: bool) {
        let (lo, hi) = self.result_pair(result);
        self.mov_to(hi, if signed { Op2::Shift(lo, Shift::Asr, 31) } else { Op2::Imm(0) });
    }

    fn load_float(&mut self, result: Value, address: Value, offset: i32, aligned: bool) {
        let mem = self.amode(address, offset, Index::None);
        let size = float_size(self.ty(result));
        let rt = self.result(result);
        if aligned {
            self.push(Inst::VLoad { size, rt, mem });
            return;
        }
        let words = self.words_of_float(size, mem);
        for &(rt, mem) in &words {
            self.push(Inst::Load { op: LoadOp::Ldr, rt, mem });
        }
        self.push(match words[..] {
            [(lo, _), (hi, _)] => Inst::VFromCorePair { rd: rt, lo, hi },
            _ => Inst::VFromCore { rd: rt, rt: words[0].0 },
        });
    }

    /// New core registers for the words of a float in memory, with their places.
    fn words_of_float(&mut self, size: FloatSize, mem: Mem) -> SmallVec<[(Reg, Mem); 2]> {
        let mut words = smallvec![(self.vcode.new_gpr(), mem)];
        if size == FloatSize::Double {
            words.push((self.vcode.new_gpr(), further(mem, 4)));
        }
        words
    }

    fn store(
        &mut self,
        inst: ClifInst,
        opcode: Opcode,
        value: Value,
        address: Value,
        flags: MemFlags,
        offset: i32,
    ) -> Result<(), Error> {
        let flags = self.func.dfg.mem_flags[flags];
        if flags.explicit_endianness() == Some(cranelift_codegen::ir::Endianness::Big) {
            return Err(unsupported(self.func, "big-endian store"));
        }
        let op = match (opcode, self.ty(value)) {
            (Opcode::Store, types::F32 | types::F64) => {
                self.store_float(value, address, offset, flags.aligned());
                return Ok(());
            }
            (Opcode::Store, types::I64) => {
                let mem = self.amode(address, offset, Index::None);
                let (lo, hi) = self.pair(value);
                self.push(Inst::Store { op: StoreOp::Str, rt: lo, mem });
                self.push(Inst::Store { op: StoreOp::Str, rt: hi, mem: further(mem, 4) });
                return Ok(());
            }
            (Opcode::Store, types::I32) | (Opcode::Istore32, _) => StoreOp::Str,
            (Opcode::Store, types::I16) | (Opcode::Istore16, _) => StoreOp::Strh,
            (Opcode::Store, types::I8) | (Opcode::Istore8, _) => StoreOp::Strb,
            _ => return Err(self.unsupported(inst)),
        };
        let mem = self.amode(address, offset, if op == StoreOp::Strh { Index::Plain } else { Index::Scaled });
        let rt = self.gpr(value);
        self.push(Inst::Store { op, rt, mem });
        Ok(())
    }

    fn store_float(&mut self, value: Value, address: Value, offset: i32, aligned: bool) {
        let mem = self.amode(address, offset, Index::None);
        let size = float_size(self.ty(value));
        let rt = self.dpr(value);
        if aligned {
            self.push(Inst::VStore { size, rt, mem });
            return;
        }
        let words = self.words_of_float(size, mem);
        self.push(match words[..] {
            [(lo, _), (hi, _)] => Inst::VToCorePair { lo, hi, rn: rt },
            _ => Inst::VToCore { high: false, rt: words[0].0, rn: rt },
        });
        for (rt, mem) in words {
            self.push(Inst::Store { op: StoreOp::Str, rt, mem });
        }
    }
}
