//! Allocation and emission of machine code that tests write themselves: what selection would hardly produce on purpose.

use cranelift_codegen::Context;
use cranelift_codegen::ir::{self, SourceLoc};
use cranelift_codegen::isa::CallConv;

use crate::compile::text_of_allocated;
use crate::emit::Emitter;
use crate::encode::{self, Cond};
use crate::inst::{
    AluOp, CallDest, CallInfo, FloatSize, Inst, LoadOp, Mem, Op2, Reg, RegPair, StoreOp, VAluOp,
};
use crate::metadata::{CompiledFunction, RelocKind, RelocTarget};
use crate::order::Label;
use crate::regalloc::Allocator;
use crate::regs::{Dpr, Gpr};
use crate::vcode::VCode;

/// Allocates and emits a function whose blocks are those of a CLIF text and whose instructions `fill` gives, block by block from the last,
/// each as one group. Returns the allocated code as text, and the result.
fn assemble(
    clif: &str,
    mut fill: impl FnMut(&mut VCode, Label),
) -> Result<(String, CompiledFunction), String> {
    let func = cranelift_reader::parse_functions(clif).expect("CLIF").remove(0);
    let mut context = Context::for_function(func);
    context.compute_cfg();
    context.compute_domtree();
    let mut vcode = VCode::default();
    vcode.order.compute(&context.func, &context.domtree);
    vcode.start(context.func.signature.call_conv);
    for label in vcode.order.labels().rev() {
        fill(&mut vcode, label);
        vcode.end_group();
        vcode.end_block();
    }
    vcode.finish();
    let mut allocator = Allocator::default();
    allocator.run(&mut vcode, true)?;
    let text = text_of_allocated(&vcode, &allocator);
    let mut emitter = Emitter::default();
    let emitted = emitter.run(&context.func, &vcode, &allocator)?;
    let compiled = CompiledFunction {
        code: emitted.code,
        align: 4,
        relocs: emitter.relocs().to_vec(),
        calls: emitted.calls,
        frame_size: emitter.frame.size,
        stack_slots: emitter.frame.slots.clone(),
    };
    Ok((text, compiled))
}

fn words(code: &[u8]) -> Vec<u32> {
    code.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
}

fn r(number: u8) -> Reg {
    Reg::gpr(Gpr(number))
}

fn pair(reg: Reg, at: Reg) -> RegPair {
    RegPair { reg, at }
}

fn add(rd: Reg, rn: Reg, rm: Reg) -> Inst {
    Inst::Alu { op: AluOp::Add, flags: false, rd, rn, op2: Op2::Reg(rm) }
}

fn target(number: u32) -> RelocTarget {
    RelocTarget::User(ir::UserExternalNameRef::from_u32(number))
}

fn call(
    vcode: &mut VCode,
    conv: CallConv,
    dest: CallDest,
    uses: &[RegPair],
    defs: &[RegPair],
) -> crate::inst::CallId {
    let (uses, defs) = (vcode.pairs(uses), vcode.pairs(defs));
    vcode.call(CallInfo { dest, conv, uses, defs, inst: None, srcloc: SourceLoc::default() })
}

const LEAF: &str = "function %f() tail { block0: return }";

#[test]
fn what_does_not_fit_registers_is_spilled() {
    let (text, compiled) = assemble(LEAF, |vcode, _| {
        let param = vcode.new_gpr();
        let args = vcode.pairs(&[pair(param, r(0))]);
        vcode.push(Inst::Args { defs: args });
        let values: Vec<Reg> = (0..12).map(|_| vcode.new_gpr()).collect();
        for (index, &rd) in values.iter().enumerate() {
            let op2 = Op2::Imm(index as u32);
            vcode.push(Inst::Alu { op: AluOp::Add, flags: false, rd, rn: param, op2 });
        }
        let mut sum = param;
        for value in values {
            let next = vcode.new_gpr();
            vcode.push(add(next, sum, value));
            sum = next;
        }
        let uses = vcode.pairs(&[pair(sum, r(0))]);
        vcode.push(Inst::Ret { uses });
    })
    .expect("assembles");
    insta::assert_snapshot!(text);
    assert!(compiled.frame_size > 0 && compiled.frame_size.is_multiple_of(8));
}

#[test]
fn values_live_across_calls_are_in_memory() {
    let (text, compiled) = assemble(LEAF, |vcode, _| {
        let (int, float, callee) = (vcode.new_gpr(), vcode.new_dpr(), vcode.new_gpr());
        let args = vcode.pairs(&[pair(int, r(0)), pair(callee, r(1)), pair(float, Reg::dpr(Dpr(0)))]);
        vcode.push(Inst::Args { defs: args });
        let direct = call(vcode, CallConv::Tail, CallDest::Direct(target(1)), &[], &[]);
        vcode.push(Inst::Call { id: direct });
        let (result, sum) = (vcode.new_gpr(), vcode.new_gpr());
        let uses = [pair(int, r(0)), pair(int, r(1))];
        let id = call(vcode, CallConv::Tail, CallDest::Indirect(callee), &uses, &[pair(result, r(0))]);
        vcode.push(Inst::Call { id });
        vcode.push(add(sum, result, int));
        let product = vcode.new_dpr();
        vcode.push(Inst::VAlu {
            op: VAluOp::Mul,
            size: FloatSize::Double,
            rd: product,
            rn: float,
            rm: float,
        });
        let uses = vcode.pairs(&[pair(sum, r(0)), pair(product, Reg::dpr(Dpr(0)))]);
        vcode.push(Inst::Ret { uses });
    })
    .expect("assembles");
    insta::assert_snapshot!(text);
    // Five words, as doubles are aligned.
    assert_eq!(compiled.frame_size, 24);
    let call = &compiled.relocs[0];
    assert_eq!((call.kind, call.target, call.addend), (RelocKind::Call, target(1), 0));
    assert_eq!(words(&compiled.code)[call.offset as usize / 4] >> 24, 0xeb);
}

#[test]
fn c_functions_save_what_they_change() {
    let clif = "function %f() system_v { block0: return }";
    let with = |conv| {
        let (_, compiled) = assemble(clif, |vcode, _| {
            let id = call(vcode, conv, CallDest::Direct(target(1)), &[], &[]);
            vcode.push(Inst::Call { id });
            vcode.push(Inst::Ret { uses: Default::default() });
        })
        .expect("assembles");
        words(&compiled.code)
    };
    // A C function changes nothing that must be preserved; Dart code changes all registers but the thread.
    assert_eq!(with(CallConv::SystemV), [0xe92d_4800, 0xe1a0_b00d, 0xeb00_0000, 0xe8bd_8800]);
    insta::assert_snapshot!(hex(&with(CallConv::Tail)));
}

#[test]
fn values_stay_in_registers_across_calls_that_preserve_them() {
    let clif = "function %f() tail { block0: return }";
    let (_, compiled) = assemble(clif, |vcode, _| {
        let value = vcode.new_gpr();
        let args = vcode.pairs(&[pair(value, r(0))]);
        vcode.push(Inst::Args { defs: args });
        let id = call(vcode, CallConv::PreserveAll, CallDest::Direct(target(1)), &[pair(value, r(0))], &[]);
        vcode.push(Inst::Call { id });
        let uses = vcode.pairs(&[pair(value, r(0))]);
        vcode.push(Inst::Ret { uses });
    })
    .expect("assembles");
    assert_eq!(words(&compiled.code), [0xe92d_4800, 0xe1a0_b00d, 0xeb00_0000, 0xe8bd_8800]);
}

fn hex(words: &[u32]) -> String {
    words.iter().map(|word| format!("{word:08x}\n")).collect()
}

#[test]
fn writing_the_thread_in_a_c_function_preserves_it() {
    let clif = "function %f() system_v { block0: return }";
    let (_, compiled) = assemble(clif, |vcode, _| {
        let value = vcode.new_gpr();
        vcode.push(Inst::MovImm { rd: value, imm: 1 });
        vcode.push(Inst::Mov { not: false, flags: false, rd: Reg::THR, op2: Op2::Reg(value) });
        vcode.push(Inst::Ret { uses: Default::default() });
    })
    .expect("assembles");
    let push_r10 = encode::push(Cond::Al, encode::RegList::of(&[Gpr::THR]));
    assert!(words(&compiled.code).contains(&push_r10));
}

#[test]
fn parallel_moves_on_edges_swap_registers() {
    let clif = "function %f() tail { block0: brif v0, block1, block2 block1: jump block3 block2: jump block3 block3: return }";
    let clif = clif.replace("block0: ", "block0: v0 = iconst.i32 0 ");
    let mut params = None;
    let (text, _) = assemble(&clif, |vcode, label| match label.index() {
        0 => {
            let (a, b) = params.expect("defined by users");
            let args = vcode.pairs(&[pair(a, r(0)), pair(b, r(1))]);
            vcode.push(Inst::Args { defs: args });
            vcode.push(Inst::Cmp { op: encode::CmpOp::Cmp, rn: a, op2: Op2::Reg(b) });
            vcode.push(Inst::Branch { cond: Cond::Lt, or: None });
        }
        3 => {
            let (a, b) = (vcode.new_gpr(), vcode.new_gpr());
            let uses = vcode.pairs(&[pair(a, r(0)), pair(b, r(1))]);
            vcode.push(Inst::Ret { uses });
            vcode.block_params(&[a, b]);
        }
        index => {
            let (a, b) = *params.get_or_insert_with(|| (vcode.new_gpr(), vcode.new_gpr()));
            vcode.push(Inst::Jump);
            vcode.branch_args(0, &if index == 1 { [a, b] } else { [b, a] });
        }
    })
    .expect("assembles");
    insta::assert_snapshot!(text);
}

#[test]
fn large_frames_are_addressed_through_scratch_registers() {
    let clif = "function %f() tail { ss0 = explicit_slot 5000 ss1 = explicit_slot 8 block0: return }";
    let slot = ir::StackSlot::from_u32(1);
    let (_, compiled) = assemble(clif, |vcode, _| {
        let (int, float, address) = (vcode.new_gpr(), vcode.new_dpr(), vcode.new_gpr());
        vcode.push(Inst::Load { op: LoadOp::Ldr, rt: int, mem: Mem::Slot(slot, 0) });
        vcode.push(Inst::Load { op: LoadOp::Ldrsh, rt: address, mem: Mem::Slot(slot, 4) });
        vcode.push(Inst::VLoad { size: FloatSize::Double, rt: float, mem: Mem::Slot(slot, 0) });
        vcode.push(Inst::Store { op: StoreOp::Strb, rt: int, mem: Mem::Offset(address, -5000) });
        let address = vcode.new_gpr();
        vcode.push(Inst::Address { rd: address, mem: Mem::Slot(slot, 0) });
        vcode.push(Inst::VStore { size: FloatSize::Single, rt: float, mem: Mem::Offset(address, 7) });
        vcode.push(Inst::Ret { uses: Default::default() });
    })
    .expect("assembles");
    assert_eq!(compiled.frame_size, 5008);
    assert_eq!(compiled.stack_slots, [0, 5000]);
    insta::assert_snapshot!(hex(&words(&compiled.code)));
}

#[test]
fn too_large_frames_and_alignments_are_refused() {
    let ret = |vcode: &mut VCode, _: Label| vcode.push(Inst::Ret { uses: Default::default() });
    let large = "function %f() tail { ss0 = explicit_slot 300000000 block0: return }";
    assert_eq!(assemble(large, ret).expect_err("too large"), "frame of more than 268435456 bytes");
    let aligned = "function %f() tail { ss0 = explicit_slot 64, align = 64 block0: return }";
    assert_eq!(assemble(aligned, ret).expect_err("too aligned"), "ss0 aligned to 64 bytes");
}

#[test]
fn results_of_caught_calls_are_arguments_of_edges() {
    let clif = "function %f() tail {
        sig0 = () -> i32 tail
        fn0 = u0:0 sig0
        block0: try_call fn0(), sig0, block2(ret0), [ default: block1 ]
        block1 cold: return
        block2(v1: i32): try_call fn0(), sig0, block3(ret0), [ default: block1 ]
        block3(v2: i32): return
    }";
    let mut results = Vec::new();
    let (text, compiled) = assemble(clif, |vcode, label| {
        let name = vcode.order.block(label);
        match vcode.order.succs(label).len() {
            2 => {
                let result = vcode.new_gpr();
                let dest = CallDest::Direct(target(0));
                let (uses, defs) = (vcode.pairs(&[]), vcode.pairs(&[pair(result, r(0))]));
                let inst = Some(ir::Inst::from_u32(0));
                let id = vcode.call(CallInfo {
                    dest,
                    conv: CallConv::Tail,
                    uses,
                    defs,
                    inst,
                    srcloc: SourceLoc::default(),
                });
                vcode.push(Inst::TryCall { id });
                vcode.branch_args(1, &[result]);
                if label.index() > 0 {
                    let param = vcode.new_gpr();
                    vcode.block_params(&[param]);
                    results.push(param);
                }
            }
            1 => vcode.push(Inst::Jump),
            _ if matches!(name, crate::order::LoweredBlock::Block(block) if block.as_u32() == 3) => {
                let (first, second, sum) = (vcode.new_gpr(), vcode.new_gpr(), vcode.new_gpr());
                vcode.push(add(sum, second, second));
                let uses = vcode.pairs(&[pair(sum, r(0))]);
                vcode.push(Inst::Ret { uses });
                vcode.block_params(&[second]);
                results.push(first);
            }
            _ => vcode.push(Inst::Ret { uses: Default::default() }),
        }
    })
    .expect("assembles");
    insta::assert_snapshot!(format!("{text}{:#?}", compiled.calls));
}

#[test]
fn jumps_to_the_next_block_are_left_out() {
    let clif = "function %f(i32) tail {
        block0(v0: i32): brif v0, block1, block2
        block1: brif v0, block3, block1
        block2: jump block3
        block3: br_table v0, block4, [block4, block1, block5]
        block4 cold: return
        block5: return
    }";
    let mut value = None;
    let (text, compiled) = assemble(clif, |vcode, label| {
        let value = *value.get_or_insert_with(|| vcode.new_gpr());
        if label.index() == 0 {
            let args = vcode.pairs(&[pair(value, r(0))]);
            vcode.push(Inst::Args { defs: args });
        }
        match vcode.order.succs(label).len() {
            0 => vcode.push(Inst::Ret { uses: Default::default() }),
            1 => vcode.push(Inst::Jump),
            2 => {
                vcode.push(Inst::Cmp { op: encode::CmpOp::Cmp, rn: value, op2: Op2::Imm(0) });
                vcode.push(Inst::Branch { cond: Cond::Ne, or: None });
            }
            _ => vcode.push(Inst::BrTable { index: value }),
        }
    })
    .expect("assembles");
    insta::assert_snapshot!(format!("{text}{}", hex(&words(&compiled.code))));
}

#[test]
fn tail_calls_leave_the_frame_first() {
    let clif = "function %f() tail { ss0 = explicit_slot 8 block0: return }";
    let (_, compiled) = assemble(clif, |vcode, _| {
        let (arg, callee) = (vcode.new_gpr(), vcode.new_gpr());
        let args = vcode.pairs(&[pair(callee, r(0)), pair(arg, r(1))]);
        vcode.push(Inst::Args { defs: args });
        vcode.push(Inst::Store { op: StoreOp::Str, rt: arg, mem: Mem::Incoming(4) });
        let uses = [pair(arg, r(0))];
        let id = call(vcode, CallConv::Tail, CallDest::Indirect(callee), &uses, &[]);
        vcode.push(Inst::ReturnCall { id });
    })
    .expect("assembles");
    insta::assert_snapshot!(hex(&words(&compiled.code)));
}

#[test]
fn outgoing_arguments_are_at_the_bottom_of_the_frame() {
    let clif = "function %f() tail { ss0 = explicit_slot 4 block0: return }";
    let (_, compiled) = assemble(clif, |vcode, _| {
        let value = vcode.new_gpr();
        vcode.push(Inst::Load { op: LoadOp::Ldr, rt: value, mem: Mem::Slot(ir::StackSlot::from_u32(0), 0) });
        vcode.push(Inst::Store { op: StoreOp::Str, rt: value, mem: Mem::Outgoing(8) });
        let id = call(vcode, CallConv::Tail, CallDest::Direct(target(0)), &[], &[]);
        vcode.push(Inst::Call { id });
        vcode.push(Inst::Ret { uses: Default::default() });
    })
    .expect("assembles");
    assert_eq!(compiled.stack_slots, [12]);
    assert_eq!(compiled.frame_size, 16);
    let mem = |offset| encode::Mem::new(Gpr::SP, offset);
    let words = words(&compiled.code);
    assert_eq!(words[3] & 0xffff_0fff, encode::word(Cond::Al, encode::WordOp::Ldr, Gpr(0), mem(12)));
    assert_eq!(words[4] & 0xffff_0fff, encode::word(Cond::Al, encode::WordOp::Str, Gpr(0), mem(8)));
}

#[test]
fn short_blocks_are_executed_under_a_condition() {
    // A maximum with the moves on one of the two edges, and a block of its own.
    let clif = "function %f(i32) tail {
        block0(v0: i32): brif v0, block2, block1
        block1: jump block2
        block2: brif v0, block3, block4
        block3: jump block4
        block4: return
    }";
    let mut values = None;
    let (text, compiled) = assemble(clif, |vcode, label| {
        let (a, b) = *values.get_or_insert_with(|| (vcode.new_gpr(), vcode.new_gpr()));
        let crate::order::LoweredBlock::Block(block) = vcode.order.block(label) else {
            vcode.push(Inst::Jump);
            vcode.branch_args(0, &[a]);
            return;
        };
        match block.as_u32() {
            0 => {
                let args = vcode.pairs(&[pair(a, r(0)), pair(b, r(1))]);
                vcode.push(Inst::Args { defs: args });
                vcode.push(Inst::Cmp { op: encode::CmpOp::Cmp, rn: a, op2: Op2::Reg(b) });
                vcode.push(Inst::Branch { cond: Cond::Gt, or: None });
            }
            1 => {
                vcode.push(Inst::Jump);
                vcode.branch_args(0, &[b]);
            }
            2 => {
                let max = vcode.new_gpr();
                vcode.block_params(&[max]);
                vcode.push(Inst::Store { op: StoreOp::Str, rt: max, mem: Mem::Offset(b, 0) });
                vcode.push(Inst::Cmp { op: encode::CmpOp::Cmp, rn: max, op2: Op2::Imm(0) });
                vcode.push(Inst::Branch { cond: Cond::Eq, or: None });
            }
            3 => {
                vcode.push(Inst::Store { op: StoreOp::Strb, rt: b, mem: Mem::Offset(b, 4) });
                vcode.push(Inst::Jump);
                vcode.branch_args(0, &[b]);
            }
            _ => {
                let result = vcode.new_gpr();
                vcode.block_params(&[result]);
                let uses = vcode.pairs(&[pair(result, r(0))]);
                vcode.push(Inst::Ret { uses });
            }
        }
    })
    .expect("assembles");
    insta::assert_snapshot!(format!("{text}{}", hex(&words(&compiled.code))));
}
