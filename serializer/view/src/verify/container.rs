//! The file around the blobs, as far as all formats have it in common.
//!
//! Every engine loads both formats, on every system: one of them with the system's loader, the other one, and snapshots that are
//! appended to an executable, with loaders of its own (`runtime/bin/snapshot_utils.cc`). So neither format is wrong for a system;
//! what is checked is that the file is for the processor and the system of the snapshot in it.

use super::Checker;
use crate::Section;
use crate::container::{Format, MachO, Machine, Platform, Segment};
use snapcrane_engines::{Arch, Os};

/// Alignment of both blobs in memory (`Snapshot is misaligned`).
const BLOB_ALIGNMENT: u64 = 64;

/// Whether the engine's loaders know what to do with a segment: they take access as a whole, with no other bits.
pub(super) fn is_usual_access(segment: &Segment) -> bool {
    const ACCESS_BITS: u32 = 7;
    let usual = [(true, false, false), (true, false, true), (true, true, false)];
    usual.contains(&segment.access) && segment.flags & !ACCESS_BITS == 0
}

fn machine_of(arch: Arch) -> Machine {
    match arch {
        Arch::X64 => Machine::X64,
        Arch::Arm64 => Machine::Arm64,
        Arch::Arm => Machine::Arm,
        Arch::Riscv64 => Machine::Riscv64,
    }
}

impl Checker<'_, '_> {
    pub(super) fn container(&mut self) {
        let container = &self.snapshot.container;
        if container.format == Format::Raw {
            return;
        }
        let target = &self.snapshot.target;
        let wanted = machine_of(target.arch);
        if let Some(machine) = container.machine.filter(|&machine| machine != wanted) {
            let reason = format!("the file is for {machine}, the snapshot in it for {wanted}");
            self.named(Section::Container, container.format.name(), 0, reason);
        }
        let platform = match container.platform {
            Some(Platform::MacOs) => Some(Os::MacOs),
            Some(Platform::Ios) => Some(Os::Ios),
            _ => None,
        };
        if let Some(os) = platform.filter(|&os| os != target.os) {
            let reason = format!("the file is for {os}, the snapshot in it for {}", target.os);
            // Only the loaders of these systems look.
            if target.os.is_darwin() {
                self.named(Section::Container, container.format.name(), 0, reason);
            } else {
                self.note(Section::Container, 0, reason);
            }
        }
        for (name, blob) in [("data", container.data), ("text", container.text)] {
            if !blob.address.is_multiple_of(BLOB_ALIGNMENT) {
                let reason = format!("address {:#x} is not a multiple of 64", blob.address);
                self.named(Section::Container, format!("{name} blob"), blob.offset, reason);
            }
        }
        if self.is_object_file() {
            return self.macho();
        }
        let access = |address| container.segment_at(address).map(|segment| segment.access);
        if access(container.text.address).is_none_or(|(_, write, execute)| write || !execute) {
            self.named(
                Section::Container,
                "text blob",
                container.text.offset,
                "its segment is not read and execute only",
            );
        }
        if access(container.data.address).is_some_and(|(_, write, _)| write) {
            self.note(Section::Container, container.data.offset, "the data blob is writable");
        }
        match container.format {
            Format::Elf => self.elf(),
            Format::MachO => self.macho(),
            Format::Raw => {}
        }
    }

    /// Whether a linker is to make the file that engines load.
    pub(super) fn is_object_file(&self) -> bool {
        self.snapshot.container.macho.as_ref().is_some_and(|macho| macho.file_type == MachO::OBJECT)
    }
}
