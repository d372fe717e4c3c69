//! DWARF numbers of the registers that unwind information names (the processors' ABI supplements).

use crate::Arch;

/// DWARF register numbers of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DwarfRegisters {
    /// The frame pointer that Dart code keeps.
    pub frame_pointer: u8,
    /// The return address: the link register, or the pseudo register of architectures that push it.
    pub return_address: u8,
    /// Words from the frame pointer to the caller's stack pointer.
    pub caller_sp_slot_from_fp: u8,
}

/// The numbers of an architecture.
pub fn dwarf_registers(arch: Arch) -> DwarfRegisters {
    let (frame_pointer, return_address, caller_sp_slot_from_fp) = match arch {
        Arch::X64 => (6, 16, 2),
        Arch::Arm64 => (29, 30, 2),
        Arch::Arm => (11, 14, 2),
        Arch::Riscv64 => (8, 1, 0),
    };
    DwarfRegisters { frame_pointer, return_address, caller_sp_slot_from_fp }
}
