//! Tests of the AArch64 stubs: what all have in common ([`crate::scenarios`]), and what the engine decodes.

use super::Arm64;
use crate::RelocKind;
use crate::scenarios::{FUNCTION_SLOT, TRAMPOLINE_SLOT, every_scenario, native_call, pool_offset, target};

every_scenario!(Arm64);

/// Decodes the load of a pool slot that ends before `end`, as `InstructionPattern::DecodeLoadWordFromPool`
/// (runtime/vm/instructions_arm64.cc) does: the register, the offset in the untagged pool, and where the sequence starts.
fn decode_pool_load(words: &[u32], end: usize) -> (u32, u32, usize) {
    let (movz, movk, load) = (words[end - 3], words[end - 2], words[end - 1]);
    let reg = load & 31;
    assert_eq!(load, 0xf860_6800 | reg << 16 | 27 << 5 | reg, "ldr reg, [x27, reg]");
    assert_eq!(movk & 0xffe0_001f, 0xf2a0_0000 | reg, "movk reg, #high, lsl 16");
    assert_eq!(movz & 0xffe0_001f, 0xd280_0000 | reg, "movz reg, #low");
    let half = |word: u32| word >> 5 & 0xffff;
    (reg, half(movk) << 16 | half(movz), end - 3)
}

#[test]
fn native_calls_have_the_words_that_the_engine_decodes() {
    let (code, words) = native_call::<Arm64>(RelocKind::A64PoolOffsetMov);
    let end = words.len();
    assert_eq!(words[end - 1], 0xd63f_03c0, "blr lr");
    let entry_point = target::<Arm64>().layout().code.entry_point as u32 - 1;
    assert_eq!(words[end - 2], 0xf840_03de | entry_point << 12, "ldur lr, [lr, #entry point]");
    let (reg, trampoline, start) = decode_pool_load(&words, end - 2);
    assert_eq!((reg, i64::from(trampoline)), (30, pool_offset::<Arm64>(TRAMPOLINE_SLOT)));
    let (reg, function, _) = decode_pool_load(&words, start);
    assert_eq!((reg, i64::from(function)), (5, pool_offset::<Arm64>(FUNCTION_SLOT)));
    assert_eq!(code.stack_map.tagged, [false, true, true, true]);
}
