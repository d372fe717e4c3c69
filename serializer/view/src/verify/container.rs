//! The file around the blobs: what the two loaders of the engine need (`dlopen`, and the VM's own ELF loader in
//! `runtime/bin/elf_loader.cc`), and what the layout of `runtime/vm/elf.cc` is.

use super::Checker;
use crate::Section;
use crate::container::{Format, Machine, Platform, SymbolKind};
use snapcrane_engines::{Arch, Os};

/// Alignment of both blobs in memory (`Snapshot is misaligned`).
const BLOB_ALIGNMENT: u64 = 64;
const ELF_TEXT: &str = "ELF layout";
const DT_HASH_EMPTY: u32 = 0;
const SHT_HASH: u32 = 5;
const SHT_DYNSYM: u32 = 11;
const SHF_ALLOC: u64 = 2;

fn machine_of(arch: Arch) -> Machine {
    match arch {
        Arch::X64 => Machine::X64,
        Arch::Arm64 => Machine::Arm64,
        Arch::Arm => Machine::Arm,
        Arch::Riscv64 => Machine::Riscv64,
    }
}

/// Hash of a symbol's name in a SysV hash table (System V ABI, chapter 5).
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
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
        if target.os.is_darwin() != (container.format == Format::MachO) {
            let reason = format!("a file of this format cannot be for {}", target.os);
            self.named(Section::Container, container.format.name(), 0, reason);
        }
        let platform = match container.platform {
            Some(Platform::MacOs) => Some(Os::MacOs),
            Some(Platform::Ios) => Some(Os::Ios),
            _ => None,
        };
        if let Some(os) = platform.filter(|&os| os != target.os) {
            let reason = format!("the file is for {os}, the snapshot in it for {}", target.os);
            self.named(Section::Container, container.format.name(), 0, reason);
        }
        for (name, blob) in [("data", container.data), ("text", container.text)] {
            if !blob.address.is_multiple_of(BLOB_ALIGNMENT) {
                let reason = format!("address {:#x} is not a multiple of 64", blob.address);
                self.named(Section::Container, format!("{name} blob"), blob.offset, reason);
            }
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
        if container.format == Format::Elf {
            self.elf_segments();
            self.elf_sections();
            self.elf_symbols();
        }
    }

    fn elf_segments(&mut self) {
        let (container, target) = (&self.snapshot.container, &self.snapshot.target);
        let (flags, expected) = (container.flags, target.elf_flags());
        // Both calling conventions of ARM are in use on either system.
        let float_abi = if target.arch == Arch::Arm { 0x600 } else { 0 };
        if flags & !float_abi != expected & !float_abi {
            self.named(Section::Container, ELF_TEXT, 0, format!("flags {flags:#x} instead of {expected:#x}"));
        }
        let mut end = 0;
        let page = u64::from(target.elf_page_size());
        for (index, segment) in container.segments.iter().enumerate().filter(|(_, s)| s.is_loaded()) {
            let mut error = |reason: String| {
                self.named(Section::Container, format!("segment {index}"), segment.offset as usize, reason);
            };
            if !segment.alignment.is_power_of_two() {
                error(format!("alignment {:#x}", segment.alignment));
            } else if segment.offset % segment.alignment != segment.address % segment.alignment {
                error("offset and address differ within a page".into());
            }
            if segment.address < end {
                error(format!("address {:#x} is in the segment before it", segment.address));
            }
            let file_end = segment.offset.checked_add(segment.file_size);
            if file_end.is_none_or(|end| end > container.file_size as u64) {
                error("runs past the end of the file".into());
            }
            if segment.file_size > segment.size {
                error(format!(
                    "has {:#x} bytes in the file, {:#x} in memory",
                    segment.file_size, segment.size
                ));
            }
            if !matches!(segment.access, (true, false, false) | (true, false, true) | (true, true, false)) {
                error("access is neither read, read and execute, nor read and write".into());
            }
            end = segment.address.saturating_add(segment.size);
            if segment.file_size != segment.size {
                self.note(Section::Container, segment.offset as usize, "memory that is not in the file");
            }
            if segment.alignment != page {
                let reason = format!("segment alignment {:#x}, usually {page:#x}", segment.alignment);
                self.note(Section::Container, segment.offset as usize, reason);
            }
        }
        // PT_PHDR, three PT_LOADs, PT_NOTE, PT_DYNAMIC, PT_GNU_STACK.
        let kinds: Vec<u32> = container.segments.iter().map(|segment| segment.kind).collect();
        if kinds != [6, 1, 1, 1, 4, 2, 0x6474_e551] {
            self.note(Section::Container, 0, format!("types of segments {kinds:x?}"));
        }
    }

    fn elf_sections(&mut self) {
        let container = &self.snapshot.container;
        if container.sections.is_empty() {
            self.note(Section::Container, 0, "no sections: cannot be loaded from inside another file");
            return;
        }
        for section in &container.sections {
            let aligned = |value: u64| section.alignment <= 1 || value.is_multiple_of(section.alignment);
            let on_page = !aligned(section.offset) || !aligned(section.address);
            if on_page {
                let reason = format!("not at a multiple of its alignment {:#x}", section.alignment);
                self.named(
                    Section::Container,
                    format!("section {}", section.name),
                    section.offset as usize,
                    reason,
                );
            }
            let in_segment = container.segments.iter().any(|segment| {
                segment.is_loaded()
                    && segment.contains(section.address)
                    && section.address - segment.address == section.offset.wrapping_sub(segment.offset)
            });
            if section.flags & SHF_ALLOC != 0 && !in_segment {
                let reason = format!("address {:#x} is not where its bytes are loaded", section.address);
                self.named(
                    Section::Container,
                    format!("section {}", section.name),
                    section.offset as usize,
                    reason,
                );
            }
        }
        let loaded: Vec<&str> = container
            .sections
            .iter()
            .filter(|section| section.flags & SHF_ALLOC != 0)
            .map(|section| &*section.name)
            .collect();
        let usual = [
            ".note.gnu.build-id",
            ".dynstr",
            ".dynsym",
            ".hash",
            ".rodata",
            ".eh_frame",
            ".text",
            ".dynamic",
            ".bss",
        ];
        if loaded != usual {
            self.note(Section::Container, 0, format!("loaded sections {}", loaded.join(" ")));
        }
        for name in [".dynstr", ".dynsym"] {
            if container.section(name).is_none() {
                self.note(
                    Section::Container,
                    0,
                    format!("no section {name}: cannot be loaded from inside another file"),
                );
            }
        }
    }

    fn elf_symbols(&mut self) {
        let container = &self.snapshot.container;
        let names: Vec<&str> = container.dynamic_symbols.iter().map(|symbol| symbol.name).collect();
        if names != ["_kDartSnapshotText", "_kDartSnapshotData", "_kDartSnapshotBuildId"] {
            self.note(Section::Container, 0, format!("dynamic symbols {}", names.join(" ")));
        }
        for symbol in &container.dynamic_symbols {
            if symbol.kind != SymbolKind::Object || !symbol.is_global {
                let reason = format!("dynamic symbol {} is not a global object", symbol.name);
                self.note(Section::Container, 0, reason);
            }
        }
        match &container.build_id {
            Some(id) if id.bytes.len() != 16 => {
                let reason = format!("build id of {} bytes, usually 16", id.bytes.len());
                self.note(Section::Container, id.offset, reason);
            }
            Some(_) => {}
            None => self.note(Section::Container, 0, "no build id"),
        }
        self.elf_hash_table();
    }

    /// The system's loader finds symbols through the hash table only.
    fn elf_hash_table(&mut self) {
        let container = &self.snapshot.container;
        let find = |kind| container.sections.iter().find(|section| section.kind == kind);
        let (Some(hash), Some(_)) = (find(SHT_HASH), find(SHT_DYNSYM)) else { return };
        let words = container.memory(hash.address, hash.size).unwrap_or_default();
        let words: Vec<u32> = words
            .chunks_exact(4)
            .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
            .collect();
        let offset = hash.offset as usize;
        let malformed = "hash table of dynamic symbols is malformed";
        let [buckets, chains, rest @ ..] = &words[..] else {
            return self.error(Section::Container, offset, malformed);
        };
        let Some((heads, links)) = rest.split_at_checked(*buckets as usize) else {
            return self.error(Section::Container, offset, malformed);
        };
        if *buckets == 0 || links.len() < *chains as usize {
            return self.error(Section::Container, offset, malformed);
        }
        for (symbol, index) in container.dynamic_symbols.iter().zip(1u32..) {
            let mut at = heads[(elf_hash(symbol.name) % buckets) as usize];
            for _ in 0..links.len() {
                if at == index || at == DT_HASH_EMPTY {
                    break;
                }
                at = links.get(at as usize).copied().unwrap_or(DT_HASH_EMPTY);
            }
            if at != index {
                let reason = format!("{} is not found through the hash table", symbol.name);
                self.error(Section::Container, offset, reason);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::elf_hash;

    #[test]
    fn hash_is_that_of_the_abi() {
        // The examples of the ABI's text: printf and exit.
        assert_eq!(elf_hash("printf"), 0x077905a6);
        assert_eq!(elf_hash("exit"), 0x0006cf04);
    }
}
