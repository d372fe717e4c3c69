//! ELF files: what `dlopen` and the VM's own loader (`runtime/bin/elf_loader.cc`) need, and the layout of `runtime/vm/elf.cc`.
//!
//! The system's loader goes by the dynamic segment and looks symbols up in the hash table; the VM's loader goes by the sections
//! `.dynsym` and `.dynstr`. Both must lead to the same symbols.

use super::Checker;
use super::container::is_usual_access;
use crate::Section;
use crate::container::SymbolKind;
use snapcrane_engines::{Os, TargetSpec};

const ELF_TEXT: &str = "ELF layout";
const DYNAMIC: &str = "dynamic segment";
const DT_HASH_EMPTY: u32 = 0;
const SHT_SYMTAB: u32 = 2;
const SHT_HASH: u32 = 5;
const SHT_DYNSYM: u32 = 11;
const SHF_ALLOC: u64 = 2;
const PT_DYNAMIC: u32 = 2;
const ET_DYN: u64 = 3;
const EV_CURRENT: u64 = 1;
/// Note with a build id: length of its name, its type and its name.
const NT_GNU_BUILD_ID: u64 = 3;
const GNU: &[u8; 4] = b"GNU\0";

/// Tags of the dynamic segment in their usual order, with names, and the section that each is about.
const TAGS: [(u64, &str, &str); 5] = [
    (4, "DT_HASH", ".hash"),
    (5, "DT_STRTAB", ".dynstr"),
    (10, "DT_STRSZ", ".dynstr"),
    (6, "DT_SYMTAB", ".dynsym"),
    (11, "DT_SYMENT", ""),
];
const DT_HASH: u64 = 4;
/// Tag, name and section of the hash table that linkers make by default in place of `DT_HASH`. The system's loaders take
/// either; the engine's own takes neither (`runtime/bin/elf_loader.cc`).
const GNU_HASH: (u64, &str, &str) = (0x6fff_fef5, "DT_GNU_HASH", ".gnu.hash");
const DT_STRSZ: u64 = 10;
const DT_SYMENT: u64 = 11;

/// What the symbol table of a file that is not stripped names besides functions.
const USUAL_SYMBOLS: [&str; 4] =
    ["_kDartSnapshotText", "_kDartSnapshotData", "_kDartSnapshotBuildId", "_kDartSnapshotBss"];

/// Hash of a symbol's name in a SysV hash table (System V ABI, chapter 5).
fn elf_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(byte.into());
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

impl Checker<'_, '_> {
    pub(super) fn elf(&mut self) {
        self.elf_header();
        self.elf_segments();
        self.elf_sections();
        self.elf_dynamic();
        self.elf_symbols();
        self.elf_hash_table();
        self.elf_static_symbols();
        let container = &self.snapshot.container;
        match container.section(".eh_frame") {
            Some(section) => {
                let bytes = container.section_bytes(section).unwrap_or_default();
                self.frames(bytes, section.offset as usize, section.address);
            }
            None if container.sections.is_empty() => {}
            None => self.note(Section::Container, 0, "no unwind information"),
        }
    }

    /// An unsigned number in the file; 0 outside it.
    fn elf_number(&self, at: usize, size: usize) -> u64 {
        let mut le = [0; 8];
        if let Some(bytes) = at.checked_add(size).and_then(|end| self.snapshot.container.file().get(at..end))
        {
            le[..size].copy_from_slice(bytes);
        }
        u64::from_le_bytes(le)
    }

    /// One of two values by the class of the file.
    fn elf_pick<T>(&self, in_32: T, in_64: T) -> T {
        if self.snapshot.format.word_bytes() == 8 { in_64 } else { in_32 }
    }

    fn elf_header(&mut self) {
        let (entry_32, entry_64) = ((52, 32, 40), (64, 56, 64));
        let sizes_at = self.elf_pick(40, 52);
        let size = |i: usize| self.elf_number(sizes_at + i, 2);
        let sizes = (size(0), size(2), size(6));
        let fields = [
            ("version of the format", 6, self.elf_number(6, 1), EV_CURRENT),
            ("type", 16, self.elf_number(16, 2), ET_DYN),
            ("version", 20, self.elf_number(20, 4), EV_CURRENT),
        ];
        for (what, at, found, expected) in fields {
            if found != expected {
                self.named(
                    Section::Container,
                    "ELF header",
                    at,
                    format!("{what} {found}, expected {expected}"),
                );
            }
        }
        let expected = self.elf_pick(entry_32, entry_64);
        let sections = self.snapshot.container.sections.len();
        if sizes.0 != expected.0 || sizes.1 != expected.1 || sections > 0 && sizes.2 != expected.2 {
            let reason = format!("sizes of headers {sizes:?}, expected {expected:?}");
            self.named(Section::Container, "ELF header", sizes_at, reason);
        }
    }

    /// The dynamic segment leads where the sections are.
    fn elf_dynamic(&mut self) {
        let container = &self.snapshot.container;
        let Some(segment) = container.segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
            return self.named(Section::Container, DYNAMIC, 0, "there is none: the system finds no symbols");
        };
        let (word, symbol_size) = (self.elf_pick(4, 8), self.elf_pick(16, 24));
        let start = segment.offset as usize;
        let mut entries: Vec<(u64, u64)> = Vec::new();
        let count = (segment.file_size as usize).min(container.file_size) / (2 * word);
        let mut is_terminated = false;
        for i in 0..count {
            let at = start.saturating_add(2 * i * word);
            let tag = self.elf_number(at, word);
            if tag == 0 {
                is_terminated = true;
                break;
            }
            entries.push((tag, self.elf_number(at + word, word)));
        }
        if !is_terminated {
            self.named(Section::Container, DYNAMIC, start, "has no end");
        }
        let has_tag = |tag| entries.iter().any(|entry| entry.0 == tag);
        for usual in TAGS {
            let is_gnu = usual.0 == DT_HASH && !has_tag(DT_HASH) && has_tag(GNU_HASH.0);
            let (tag, name, section) = if is_gnu { GNU_HASH } else { usual };
            let Some(&(_, value)) = entries.iter().find(|entry| entry.0 == tag) else {
                self.named(
                    Section::Container,
                    DYNAMIC,
                    start,
                    format!("has no {name}{}", if tag == DT_HASH { " or DT_GNU_HASH" } else { "" }),
                );
                continue;
            };
            let expected = match tag {
                DT_SYMENT => Some(symbol_size),
                DT_STRSZ => container.section(section).map(|section| section.size),
                _ => container.section(section).map(|section| section.address),
            };
            if let Some(expected) = expected.filter(|&expected| expected != value) {
                let reason = format!("{name} is {value:#x}, expected {expected:#x}");
                self.named(Section::Container, DYNAMIC, start, reason);
            }
        }
        if !entries.iter().map(|entry| entry.0).eq(TAGS.iter().map(|tag| tag.0)) {
            let tags: Vec<u64> = entries.iter().map(|entry| entry.0).collect();
            self.note(Section::Container, start, format!("tags of the dynamic segment {tags:?}"));
        }
        if let Some(section) = container.sections.iter().find(|section| section.kind == SHT_DYNSYM) {
            let bytes = container.section_bytes(section).unwrap_or_default();
            if bytes.iter().take(symbol_size as usize).any(|&byte| byte != 0) {
                let reason = "the first entry, which stands for no symbol, is not zero";
                self.named(Section::Container, "dynamic symbols", section.offset as usize, reason);
            }
        }
    }

    /// Symbols for debuggers and profilers: local ones first, functions in address order.
    fn elf_static_symbols(&mut self) {
        let container = &self.snapshot.container;
        let Some(index) = container.sections.iter().position(|section| section.kind == SHT_SYMTAB) else {
            return;
        };
        let section = &container.sections[index];
        let (table, name) = (section.offset as usize, "symbol table");
        let headers = self.elf_number(self.elf_pick(32, 40), self.elf_pick(4, 8)) as usize;
        let header = headers.saturating_add(index * self.elf_pick(40, 64));
        let locals = self.elf_number(header.saturating_add(self.elf_pick(28, 44)), 4);
        let entry_size = self.elf_number(header.saturating_add(self.elf_pick(36, 56)), self.elf_pick(4, 8));
        let symbol_size = self.elf_pick(16, 24);
        if entry_size != symbol_size || !section.size.is_multiple_of(symbol_size) {
            let reason =
                format!("{:#x} bytes of entries of {entry_size}, expected {symbol_size}", section.size);
            return self.named(Section::Container, name, table, reason);
        }
        let info_at = self.elf_pick(12, 4);
        for i in 0..section.size / symbol_size {
            let at = table + (i * symbol_size) as usize;
            let is_local = self.elf_number(at + info_at, 1) >> 4 == 0;
            if is_local != (i < locals) {
                let reason = format!("symbol {i} is on the wrong side of {locals}, where local ones end");
                self.named(Section::Container, name, at, reason);
                break;
            }
        }
        let functions = container.symbols.iter().filter(|symbol| symbol.kind == SymbolKind::Function);
        if !functions.map(|symbol| symbol.address).is_sorted() {
            self.note(Section::Container, table, "functions in the symbol table are not sorted");
        }
        let is_named = |name: &str| container.symbols.iter().any(|symbol| symbol.name == name);
        for name in USUAL_SYMBOLS.into_iter().filter(|name| !is_named(name)) {
            self.note(Section::Container, table, format!("{name} is not in the symbol table"));
        }
        for symbol in &container.symbols {
            let Some(dynamic) = container.dynamic_symbol(symbol.name) else { continue };
            if symbol.is_global && (symbol.address, symbol.size) != (dynamic.address, dynamic.size) {
                let reason = format!("{} is another one than among the dynamic symbols", symbol.name);
                self.named(Section::Container, name, table, reason);
            }
        }
    }

    /// The note around the build id, and the writable word of the text image.
    fn elf_note_and_bss(&mut self) {
        let container = &self.snapshot.container;
        if let Some(symbol) = container.dynamic_symbol("_kDartSnapshotBuildId")
            && let Some(id) = container.build_id
        {
            let start = id.offset.saturating_sub(4 * 4);
            let header = [0, 4, 8].map(|at| self.elf_number(start + at, 4));
            let name = container.file().get(start + 12..start + 16);
            if header != [4, id.bytes.len() as u64, NT_GNU_BUILD_ID]
                || name != Some(GNU)
                || symbol.size != 16 + id.bytes.len() as u64
            {
                self.named(Section::Container, "build id", start, "its note is malformed");
            }
        }
        let text = &self.snapshot.text;
        let word = self.snapshot.format.word_bytes();
        let bss = container.text.address.wrapping_add_signed(text.bss_offset);
        if let Some(section) = container.section(".bss")
            && (section.address, section.size) != (bss, word.into())
        {
            let reason = format!(
                "section .bss is {:#x} bytes at {:#x}, the text image writes a word at {bss:#x}",
                section.size, section.address
            );
            self.note(Section::Container, section.offset as usize, reason);
        }
    }

    fn elf_segments(&mut self) {
        let (container, target) = (&self.snapshot.container, &self.snapshot.target);
        let (flags, expected) = (container.flags, target.elf_flags());
        // Where systems differ in their calling convention, either one is in use on all of them.
        let others = Os::ALL
            .into_iter()
            .filter_map(|os| TargetSpec::new(target.engine, os, target.arch, target.compressed_pointers));
        if flags != expected && !others.into_iter().any(|other| other.elf_flags() == flags) {
            self.named(Section::Container, ELF_TEXT, 0, format!("flags {flags:#x} instead of {expected:#x}"));
        }
        let (word, header_size, physical_at) = self.elf_pick((4, 32, 12), (8, 56, 24));
        let program_headers = self.elf_number(self.elf_pick(28, 32), word) as usize;
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
            if !is_usual_access(segment) {
                error("access is neither read, read and execute, nor read and write".into());
            }
            end = segment.address.saturating_add(segment.size);
            if segment.file_size != segment.size {
                self.note(Section::Container, segment.offset as usize, "memory that is not in the file");
            }
            if !segment.address.is_multiple_of(segment.alignment.max(1)) {
                let reason = format!("address {:#x} is not at the start of a page", segment.address);
                self.note(Section::Container, segment.offset as usize, reason);
            }
            let physical = self.elf_number(program_headers + index * header_size + physical_at, word);
            if physical != segment.address {
                self.note(Section::Container, segment.offset as usize, "physical and virtual address differ");
            }
            if segment.alignment != page {
                let reason = format!("segment alignment {:#x}, usually {page:#x}", segment.alignment);
                self.note(Section::Container, segment.offset as usize, reason);
            }
        }
        let access: Vec<_> = container.segments.iter().filter(|s| s.is_loaded()).map(|s| s.access).collect();
        if access != [(true, false, false), (true, false, true), (true, true, false)] {
            self.note(
                Section::Container,
                0,
                "loaded segments are not read, read and execute, read and write",
            );
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
        self.elf_note_and_bss();
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
