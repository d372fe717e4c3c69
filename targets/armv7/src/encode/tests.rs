//! Every encoder over representative and edge operands, against the words that the GNU assembler makes of the same
//! instructions as text.
//!
//! `words.txt` keeps the assembler's answers, so the test needs no assembler. Where `arm-linux-gnueabihf-as` is installed
//! the answers are made anew and compared; `SNAPCRANE_BLESS=1` writes them.

use super::*;
use std::fmt::Write as _;
use std::process::Command;

const AL: Cond = Cond::Al;

/// Instructions: the encoded word and the text that it should mean.
struct Cases(Vec<(u32, String)>);

impl Cases {
    fn add(&mut self, word: u32, text: impl Into<String>) {
        self.0.push((word, text.into()));
    }
}

const REGS: [Gpr; 5] = [Gpr::R0, Gpr::R7, Gpr::FP, Gpr::SCRATCH, Gpr::LR];
const CONDS: [Cond; 4] = [AL, Cond::Eq, Cond::Lo, Cond::Le];
const SHIFTS: [(Shift, &str, &[u8]); 4] = [
    (Shift::Lsl, "lsl", &[1, 16, 31]),
    (Shift::Lsr, "lsr", &[1, 16, 32]),
    (Shift::Asr, "asr", &[1, 17, 32]),
    (Shift::Ror, "ror", &[1, 8, 31]),
];

/// All kinds of flexible operands.
fn operands() -> Vec<(Operand2, String)> {
    let mut all = Vec::new();
    for value in
        [0, 1, 0xff, 0x100, 0x3fc, 0xff00, 0xff_0000, 0xff00_0000, 0xf000_000f, 0xc000_003f, 0x8000_0000]
    {
        all.push((Operand2::constant(value).expect("encodable"), format!("#{value}")));
    }
    for reg in REGS {
        all.push((reg.into(), reg.to_string()));
    }
    for (shift, name, amounts) in SHIFTS {
        for &amount in amounts {
            all.push((Operand2::Shifted(Gpr::R8, shift, amount), format!("r8, {name} #{amount}")));
        }
        all.push((Operand2::ShiftedBy(Gpr::R3, shift, Gpr::LR), format!("r3, {name} lr")));
    }
    all.push((Operand2::Rrx(Gpr::R9), "r9, rrx".to_string()));
    all
}

fn data_processing(c: &mut Cases) {
    use DataOp::*;
    let ops = [And, Eor, Sub, Rsb, Add, Adc, Sbc, Rsc, Orr, Bic];
    for op in ops {
        let name = format!("{op:?}").to_lowercase();
        for (op2, text) in operands() {
            c.add(data(AL, op, Flags::Keep, Gpr::R1, Gpr::SCRATCH, op2), format!("{name} r1, ip, {text}"));
        }
        for cond in CONDS {
            let word = data(cond, op, Flags::Set, Gpr::LR, Gpr::SP, Operand2::Reg(Gpr::R4));
            c.add(word, format!("{name}s{cond} lr, sp, r4"));
        }
    }
    for op in [CmpOp::Tst, CmpOp::Teq, CmpOp::Cmp, CmpOp::Cmn] {
        let name = format!("{op:?}").to_lowercase();
        for (op2, text) in operands() {
            c.add(compare(AL, op, Gpr::FP, op2), format!("{name} r11, {text}"));
        }
        c.add(compare(Cond::Hs, op, Gpr::R0, Operand2::Reg(Gpr::SP)), format!("{name}hs r0, sp"));
    }
    for (op2, text) in operands() {
        c.add(mov(AL, Flags::Keep, Gpr::R5, op2), format!("mov r5, {text}"));
        c.add(mov(Cond::Vs, Flags::Set, Gpr::R5, op2), format!("movsvs r5, {text}"));
        c.add(mvn(AL, Flags::Keep, Gpr::R5, op2), format!("mvn r5, {text}"));
        c.add(mvn(Cond::Mi, Flags::Set, Gpr::R5, op2), format!("mvnsmi r5, {text}"));
    }
    for imm in [0, 1, 0xfff, 0x1000, 0x8765, 0xffff] {
        c.add(movw(AL, Gpr::SCRATCH, imm), format!("movw ip, #{imm}"));
        c.add(movt(Cond::Gt, Gpr::R2, imm), format!("movtgt r2, #{imm}"));
    }
}

fn multiplication(c: &mut Cases) {
    let (a, b, d, e) = (Gpr::R1, Gpr::R9, Gpr::SCRATCH, Gpr::LR);
    c.add(mul(AL, Flags::Keep, a, b, d), "mul r1, r9, ip");
    c.add(mul(Cond::Ne, Flags::Set, d, e, a), "mulsne ip, lr, r1");
    c.add(mla(AL, a, b, d, e), "mla r1, r9, ip, lr");
    c.add(mla(Cond::Lt, e, d, b, a), "mlalt lr, ip, r9, r1");
    c.add(mls(AL, a, b, d, e), "mls r1, r9, ip, lr");
    c.add(smmul(Cond::Ls, e, d, b), "smmulls lr, ip, r9");
    for op in [LongMul::Umaal, LongMul::Umull, LongMul::Umlal, LongMul::Smull, LongMul::Smlal] {
        let name = format!("{op:?}").to_lowercase();
        c.add(long_mul(AL, op, a, b, d, e), format!("{name} r1, r9, ip, lr"));
        c.add(long_mul(Cond::Pl, op, e, d, b, a), format!("{name}pl lr, ip, r9, r1"));
    }
    c.add(sdiv(AL, a, b, d), "sdiv r1, r9, ip");
    c.add(udiv(Cond::Ge, e, d, a), "udivge lr, ip, r1");
}

fn bits(c: &mut Cases) {
    use BitOp::*;
    for op in [Clz, Rbit, Rev, Rev16, Revsh, Sxtb, Sxth, Uxtb, Uxth] {
        let name = format!("{op:?}").to_lowercase();
        c.add(bit_op(AL, op, Gpr::R1, Gpr::LR), format!("{name} r1, lr"));
        c.add(bit_op(Cond::Hi, op, Gpr::SCRATCH, Gpr::R6), format!("{name}hi ip, r6"));
    }
    for (lsb, width) in [(0, 1), (0, 32), (31, 1), (4, 20), (12, 20), (1, 30)] {
        let (rd, rn) = (Gpr::R3, Gpr::SCRATCH);
        c.add(bfi(AL, rd, rn, lsb, width), format!("bfi r3, ip, #{lsb}, #{width}"));
        c.add(bfc(Cond::Vc, rn, lsb, width), format!("bfcvc ip, #{lsb}, #{width}"));
        c.add(ubfx(Cond::Eq, rd, rn, lsb, width), format!("ubfxeq r3, ip, #{lsb}, #{width}"));
        c.add(sbfx(AL, rn, rd, lsb, width), format!("sbfx ip, r3, #{lsb}, #{width}"));
    }
}

fn memory(c: &mut Cases) {
    for op in [WordOp::Str, WordOp::Ldr, WordOp::Strb, WordOp::Ldrb] {
        let name = format!("{op:?}").to_lowercase();
        let mut one = |mem, text: &str| c.add(word(AL, op, Gpr::R2, mem), format!("{name} r2, {text}"));
        for offset in [0, 1, -1, 0xfff, -0xfff, 0x123] {
            one(Mem::new(Gpr::THR, offset), &format!("[r10, #{offset}]"));
            one(Mem::pre(Gpr::SP, offset), &format!("[sp, #{offset}]!"));
            one(Mem::post(Gpr::R9, offset), &format!("[r9], #{offset}"));
        }
        one(Mem::sum(Gpr::FP, Gpr::R3), "[fp, r3]");
        one(Mem::scaled(Gpr::R1, Gpr::LR, 2), "[r1, lr, lsl #2]");
        for (shift, shift_name, amounts) in SHIFTS {
            for &amount in amounts {
                let (offset, indexing) = (MemOffset::Sub(Gpr::R7, shift, amount), Indexing::PreIndex);
                let mem = Mem { base: Gpr::R8, offset, indexing };
                one(mem, &format!("[r8, -r7, {shift_name} #{amount}]!"));
                let (offset, indexing) = (MemOffset::Add(Gpr::R7, shift, amount), Indexing::PostIndex);
                let mem = Mem { base: Gpr::R8, offset, indexing };
                one(mem, &format!("[r8], r7, {shift_name} #{amount}"));
            }
        }
        c.add(word(Cond::Ne, op, Gpr::SCRATCH, Mem::new(Gpr::R0, 4)), format!("{name}ne ip, [r0, #4]"));
    }
    c.add(word(AL, WordOp::Ldr, Gpr::PC, Mem::new(Gpr::SCRATCH, 3)), "ldr pc, [ip, #3]");
    c.add(word(AL, WordOp::Ldr, Gpr::R0, Mem::new(Gpr::PC, -4)), "ldr r0, [pc, #-4]");
    for op in [HalfOp::Strh, HalfOp::Ldrh, HalfOp::Ldrsb, HalfOp::Ldrsh, HalfOp::Ldrd, HalfOp::Strd] {
        let name = format!("{op:?}").to_lowercase();
        let registers = if matches!(op, HalfOp::Ldrd | HalfOp::Strd) { "r6, r7" } else { "r6" };
        let mut one =
            |mem, text: &str| c.add(half(AL, op, Gpr::R6, mem), format!("{name} {registers}, {text}"));
        for offset in [0, 1, -1, 0xff, -0xff, 0x5a] {
            one(Mem::new(Gpr::THR, offset), &format!("[r10, #{offset}]"));
            one(Mem::pre(Gpr::SP, offset), &format!("[sp, #{offset}]!"));
            one(Mem::post(Gpr::R9, offset), &format!("[r9], #{offset}"));
        }
        one(Mem::sum(Gpr::FP, Gpr::R3), "[fp, r3]");
        let offset = MemOffset::Sub(Gpr::R3, Shift::Lsl, 0);
        one(Mem { base: Gpr::FP, offset, indexing: Indexing::PreIndex }, "[fp, -r3]!");
        c.add(half(Cond::Lo, op, Gpr::R6, Mem::new(Gpr::R0, 8)), format!("{name}lo {registers}, [r0, #8]"));
    }
    let some = RegList::of(&[Gpr::R0, Gpr::R3, Gpr::FP]);
    let text = "{r0, r3, fp}";
    for (mode, name) in [(Block::Da, "da"), (Block::Ia, "ia"), (Block::Db, "db"), (Block::Ib, "ib")] {
        c.add(ldm(AL, mode, Gpr::R5, false, some), format!("ldm{name} r5, {text}"));
        c.add(ldm(AL, mode, Gpr::R5, true, some), format!("ldm{name} r5!, {text}"));
        c.add(stm(Cond::Hi, mode, Gpr::SP, false, some), format!("stm{name}hi sp, {text}"));
        c.add(stm(AL, mode, Gpr::SCRATCH, true, some), format!("stm{name} ip!, {text}"));
    }
    c.add(push(AL, RegList::of(&[Gpr::FP, Gpr::LR])), "push {fp, lr}");
    c.add(push(AL, RegList::of(&[Gpr::R4])), "push {r4}");
    c.add(push(Cond::Eq, RegList(0x5fff)), "pusheq {r0-r12, lr}");
    c.add(pop(AL, RegList::of(&[Gpr::FP, Gpr::PC])), "pop {fp, pc}");
    c.add(pop(AL, RegList::of(&[Gpr::LR])), "pop {lr}");
    for (width, suffix, rt) in [
        (Exclusive::Word, "", "r4"),
        (Exclusive::Byte, "b", "r4"),
        (Exclusive::Half, "h", "r4"),
        (Exclusive::Double, "d", "r4, r5"),
    ] {
        c.add(ldrex(AL, width, Gpr::R4, Gpr::SCRATCH), format!("ldrex{suffix} {rt}, [ip]"));
        c.add(strex(Cond::Eq, width, Gpr::R9, Gpr::R4, Gpr::R0), format!("strex{suffix}eq r9, {rt}, [r0]"));
    }
    c.add(clrex(), "clrex");
    c.add(dmb(Barrier::Sy), "dmb sy");
    c.add(dmb(Barrier::St), "dmb st");
    c.add(dmb(Barrier::Ish), "dmb ish");
    c.add(dmb(Barrier::Ishst), "dmb ishst");
}

fn control(c: &mut Cases) {
    for distance in [0, 8, 4, -4, 0x7c, 0x200_0004, -0x1ff_fff8] {
        c.add(b(AL, distance), format!("b . + {distance}"));
        c.add(b(Cond::Vs, distance), format!("bvs . + {distance}"));
        c.add(bl(AL, distance), format!("bl . + {distance}"));
        c.add(bl(Cond::Ne, distance), format!("blne . + {distance}"));
    }
    c.add(with_branch_distance(bl(Cond::Ne, 8), 0x100), "blne . + 0x100");
    c.add(bx(AL, Gpr::LR), "bx lr");
    c.add(bx(Cond::Eq, Gpr::R3), "bxeq r3");
    c.add(blx(AL, Gpr::SCRATCH), "blx ip");
    c.add(udf(0), "udf #0");
    c.add(udf(0xfedc), "udf #0xfedc");
    c.add(bkpt(0x1234), "bkpt #0x1234");
    c.add(nop(AL), "nop");
    c.add(nop(Cond::Lt), "noplt");
}

fn vfp(c: &mut Cases) {
    let (d0, d7, d15) = (Dpr(0), Dpr(7), Dpr(15));
    let (s0, s15, s31) = (Spr(0), Spr(15), Spr(31));
    use FpBinary::*;
    for op in [Vmla, Vmls, Vmul, Vnmul, Vadd, Vsub, Vdiv] {
        let name = format!("{op:?}").to_lowercase();
        c.add(fp_binary(AL, op, d0, d7, d15), format!("{name}.f64 d0, d7, d15"));
        c.add(fp_binary(Cond::Eq, op, d15, d0, d7), format!("{name}eq.f64 d15, d0, d7"));
        c.add(fp_binary(AL, op, s0, s15, s31), format!("{name}.f32 s0, s15, s31"));
        c.add(fp_binary(AL, op, s31, s0, s15), format!("{name}.f32 s31, s0, s15"));
    }
    for op in [FpUnary::Vmov, FpUnary::Vabs, FpUnary::Vneg, FpUnary::Vsqrt] {
        let name = format!("{op:?}").to_lowercase();
        c.add(fp_unary(AL, op, d7, d15), format!("{name}.f64 d7, d15"));
        c.add(fp_unary(Cond::Mi, op, d15, d0), format!("{name}mi.f64 d15, d0"));
        c.add(fp_unary(AL, op, s15, s31), format!("{name}.f32 s15, s31"));
        c.add(fp_unary(AL, op, s31, s0), format!("{name}.f32 s31, s0"));
    }
    for (signaling, name) in [(false, "vcmp"), (true, "vcmpe")] {
        c.add(vcmp(AL, signaling, d7, d15), format!("{name}.f64 d7, d15"));
        c.add(vcmp(Cond::Ne, signaling, s31, s15), format!("{name}ne.f32 s31, s15"));
        c.add(vcmp_zero(AL, signaling, d15), format!("{name}.f64 d15, #0"));
        c.add(vcmp_zero(AL, signaling, s31), format!("{name}.f32 s31, #0"));
    }
    c.add(vmrs_flags(AL), "vmrs APSR_nzcv, fpscr");
    c.add(vmrs(AL, Gpr::SCRATCH), "vmrs ip, fpscr");
    c.add(vmsr(AL, Gpr::R3), "vmsr fpscr, r3");
    for value in [1.0, -1.0, 2.0, 0.5, 31.0, -31.0, 0.125, -0.1328125, 1.9375, 10.0] {
        let imm = FpImm::from_f64_bits(f64::to_bits(value)).expect("encodable");
        c.add(vmov_imm(AL, d15, imm), format!("vmov.f64 d15, #{value:e}"));
        assert_eq!(FpImm::from_f32_bits((value as f32).to_bits()), Some(imm));
        c.add(vmov_imm(Cond::Gt, s31, imm), format!("vmovgt.f32 s31, #{value:e}"));
    }
    c.add(vcvt_f64_f32(AL, d15, s31), "vcvt.f64.f32 d15, s31");
    c.add(vcvt_f32_f64(AL, s31, d15), "vcvt.f32.f64 s31, d15");
    for (signed, int) in [(true, "s32"), (false, "u32")] {
        c.add(vcvt_from_int(AL, signed, d15, s31), format!("vcvt.f64.{int} d15, s31"));
        c.add(vcvt_from_int(AL, signed, s15, s0), format!("vcvt.f32.{int} s15, s0"));
        c.add(vcvt_to_int(AL, signed, s31, d15), format!("vcvt.{int}.f64 s31, d15"));
        c.add(vcvt_to_int(Cond::Vc, signed, s15, s0), format!("vcvtvc.{int}.f32 s15, s0"));
        c.add(vcvtr_to_int(AL, signed, s31, d15), format!("vcvtr.{int}.f64 s31, d15"));
        c.add(vcvtr_to_int(AL, signed, s15, s0), format!("vcvtr.{int}.f32 s15, s0"));
    }
    let (a, b) = (Gpr::R3, Gpr::LR);
    c.add(vmov_s_core(AL, s31, b), "vmov s31, lr");
    c.add(vmov_core_s(Cond::Eq, b, s15), "vmoveq lr, s15");
    c.add(vmov_d_core(AL, d15, a, b), "vmov d15, r3, lr");
    c.add(vmov_core_d(Cond::Lo, b, a, d7), "vmovlo lr, r3, d7");
    c.add(vmov_s_pair_core(AL, Spr(29), a, b), "vmov s29, s30, r3, lr");
    c.add(vmov_core_s_pair(AL, b, a, Spr(14)), "vmov lr, r3, s14, s15");
    for (high, half) in [(false, 0), (true, 1)] {
        c.add(vmov_lane_core(AL, d15, high, b), format!("vmov.32 d15[{half}], lr"));
        c.add(vmov_core_lane(AL, a, d7, high), format!("vmov.32 r3, d7[{half}]"));
    }
    for offset in [0, 4, -4, 0x3fc, -0x3fc] {
        c.add(vldr(AL, d15, Gpr::PC, offset), format!("vldr d15, [pc, #{offset}]"));
        c.add(vldr(AL, s31, Gpr::R9, offset), format!("vldr s31, [r9, #{offset}]"));
        c.add(vstr(Cond::Eq, d7, Gpr::SP, offset), format!("vstreq d7, [sp, #{offset}]"));
        c.add(vstr(AL, s15, Gpr::SCRATCH, offset), format!("vstr s15, [ip, #{offset}]"));
    }
    c.add(vpush(AL, Dpr(8), 8), "vpush {d8-d15}");
    c.add(vpop(AL, Dpr(8), 8), "vpop {d8-d15}");
    c.add(vpush(AL, Spr(31), 1), "vpush {s31}");
    c.add(vpop(Cond::Ne, Spr(1), 5), "vpopne {s1-s5}");
    c.add(vldm(AL, FpBlock::Ia, Gpr::R2, d0, 16), "vldmia r2, {d0-d15}");
    c.add(vstm(AL, FpBlock::IaUpdate, Gpr::SCRATCH, s0, 32), "vstmia ip!, {s0-s31}");
    c.add(vldm(AL, FpBlock::DbUpdate, Gpr::R2, d15, 1), "vldmdb r2!, {d15}");
}

fn cases() -> Vec<(u32, String)> {
    let mut c = Cases(Vec::new());
    data_processing(&mut c);
    multiplication(&mut c);
    bits(&mut c);
    memory(&mut c);
    control(&mut c);
    vfp(&mut c);
    c.0
}

/// The words that the GNU assembler makes of the instructions; `None` if it is not installed.
fn assemble(texts: impl Iterator<Item = String>) -> Option<Vec<u32>> {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut source =
        String::from(".syntax unified\n.arch armv7-a\n.arch_extension idiv\n.fpu vfpv3-d16\n.arm\n");
    for text in texts {
        writeln!(source, "{text}").expect("formatting");
    }
    let (text, object, binary) =
        (folder.path().join("t.s"), folder.path().join("t.o"), folder.path().join("t.bin"));
    std::fs::write(&text, source).expect("source");
    let run = |command: &mut Command| {
        let output = command.output().ok()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(())
    };
    run(Command::new("arm-linux-gnueabihf-as").arg(&text).arg("-o").arg(&object))?;
    run(Command::new("arm-linux-gnueabihf-objcopy")
        .args(["-O", "binary", "-j", ".text"])
        .arg(&object)
        .arg(&binary))?;
    let bytes = std::fs::read(&binary).expect("assembled code");
    Some(bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect())
}

#[test]
fn encoders_agree_with_the_gnu_assembler() {
    let cases = cases();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/encode/words.txt");
    match assemble(cases.iter().map(|(_, text)| text.clone())) {
        Some(words) => {
            assert_eq!(words.len(), cases.len(), "one word per instruction");
            let mut expected = String::new();
            for (word, (_, text)) in words.iter().zip(&cases) {
                writeln!(expected, "{word:08x} {text}").expect("formatting");
            }
            if std::env::var_os("SNAPCRANE_BLESS").is_some() {
                std::fs::write(&path, &expected).expect("words.txt");
            }
            let kept = std::fs::read_to_string(&path).expect("words.txt");
            assert!(
                kept == expected,
                "words.txt is not what the assembler says; SNAPCRANE_BLESS=1 writes it"
            );
        }
        None => eprintln!("arm-linux-gnueabihf-as is not installed: comparing with its recorded answers"),
    }
    let kept = std::fs::read_to_string(&path).expect("words.txt");
    assert_eq!(kept.lines().count(), cases.len(), "words.txt has a line per instruction");
    let wrong: Vec<String> = kept
        .lines()
        .zip(&cases)
        .filter(|(line, (word, text))| **line != format!("{word:08x} {text}"))
        .map(|(line, (word, _))| format!("{word:08x}, expected {line}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn immediates_have_their_values() {
    let mut encodable = 0;
    for bits in 0..1 << 12 {
        let value = Imm12(bits).value();
        let found = Imm12::new(value).expect("a value of an encoding");
        assert_eq!(found.value(), value);
        encodable += u32::from(found == Imm12(bits));
    }
    // 256 bytes, and for each further rotation the values that no smaller one gives.
    assert_eq!(encodable, 3073);
    for value in [0x101, 0x1fe, 0xff1, 0xffff_ffff, 0x1_0200] {
        assert_eq!(Imm12::new(value), None, "{value:#x}");
    }
    for value in [0.0, -0.0, 0.1, 32.0, 0.0625, f64::NAN, f64::INFINITY, 33.0, 1.0 + 1.0 / 32.0] {
        assert_eq!(FpImm::from_f64_bits(value.to_bits()), None, "{value}");
        assert_eq!(FpImm::from_f32_bits((value as f32).to_bits()), None, "{value}");
    }
}

#[test]
fn ranges_end_where_encodings_do() {
    assert!(fits_word_offset(-0xfff) && !fits_word_offset(0x1000) && !fits_word_offset(i32::MIN));
    assert!(fits_half_offset(-0xff) && !fits_half_offset(0x100));
    assert!(fits_fp_offset(0x3fc) && !fits_fp_offset(0x400) && !fits_fp_offset(2));
    assert!(fits_branch(0x200_0004) && !fits_branch(0x200_0008));
    assert!(fits_branch(-0x1ff_fff8) && !fits_branch(-0x1ff_fffc) && !fits_branch(2));
}
