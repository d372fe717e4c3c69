//! Tests of the x86-64 stubs: what all have in common ([`crate::scenarios`]), and what the engine decodes.

use super::X64;
use crate::code::{Reloc, RelocKind, RelocTarget};
use crate::native_function_body;
use crate::scenarios::{FUNCTION_SLOT, TRAMPOLINE_SLOT, every_scenario, native, target};

every_scenario!(X64);

#[test]
fn native_calls_have_the_bytes_that_the_engine_decodes() {
    let body = native_function_body(&target::<X64>(), &native(2, false)).expect("body");
    let end = body.stack_map.return_offset as usize;
    let call = &body.bytes[end - 18..end];
    assert_eq!(call[..3], [0x49, 0x8b, 0x9f], "mov rbx, [r15 + disp32]");
    assert_eq!(call[7..10], [0x4d, 0x8b, 0x9f], "mov r11, [r15 + disp32]");
    assert_eq!(call[14..], [0x41, 0xff, 0x53, 7], "call [r11 + entry point]");
    let pool = |offset: usize, slot| Reloc {
        offset: offset as u32,
        kind: RelocKind::PoolOffset32,
        target: RelocTarget::PoolSlot(slot),
        addend: -1,
    };
    assert_eq!(body.relocs, [pool(end - 15, FUNCTION_SLOT), pool(end - 8, TRAMPOLINE_SLOT)]);
    assert_eq!(body.stack_map.tagged, [false, true, true, true]);
}
