//! Mach-O files: what the VM's loader (`runtime/bin/macho_loader.cc`) and the one of Apple's systems need, and the layout of
//! `runtime/vm/mach_o.cc`.
//!
//! The VM's loader maps each segment from the file over its whole length in memory, so it needs a file that goes on behind
//! segments that are larger in memory; the system's loader fills them with zeros. An object file is for a linker: no loader's
//! rules hold for it, and the words that say where the text blob is are still empty.

use super::container::is_usual_access;
use super::{Checker, sha256};
use crate::Section;
use crate::container::{MachO, Segment};

const LAYOUT: &str = "Mach-O layout";
const COMMANDS: &str = "load commands";
const SYMBOLS: &str = "symbol table";
const SIGNATURE: &str = "code signature";

const LC_SYMTAB: u32 = 0x2;
const LC_DYSYMTAB: u32 = 0xb;
const LC_LOAD_DYLIB: u32 = 0xc;
const LC_ID_DYLIB: u32 = 0xd;
const LC_UUID: u32 = 0x1b;
const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_ENCRYPTION_INFO: u32 = 0x21;
const LC_ENCRYPTION_INFO_64: u32 = 0x2c;

const N_STAB: u64 = 0xe0;
const N_TYPE: u64 = 0x0e;
const N_SECT: u64 = 0x0e;
const N_EXT: u64 = 0x01;

/// No undefined symbols, for the dynamic linker, names with their library, no re-exported libraries.
const USUAL_FLAGS: u32 = 0x10_0085;
const USUAL_SEGMENTS: [&str; 4] = ["__TEXT", "__DATA", "__DWARF", "__LINKEDIT"];

const SUPERBLOB: u32 = 0xfade_0cc0;
const CODE_DIRECTORY: u32 = 0xfade_0c02;
const SHA256: u8 = 2;
/// Fixed part of a code directory, up to what later versions add.
const CODE_DIRECTORY_SIZE: usize = 44;

/// A big-endian word of a code signature.
fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

impl Checker<'_, '_> {
    pub(super) fn macho(&mut self) {
        let Some(macho) = &self.snapshot.container.macho else { return };
        self.macho_header(macho);
        self.macho_sections(macho);
        self.macho_symbols(macho);
        if macho.file_type == MachO::OBJECT {
            return;
        }
        self.macho_segments(macho);
        self.macho_commands(macho);
        if let Some(command) = macho.command(LC_CODE_SIGNATURE) {
            let (start, size) = (self.macho_u32(command.offset + 8), self.macho_u32(command.offset + 12));
            self.code_signature(start as usize, size as usize);
        }
        let container = &self.snapshot.container;
        match container.section("__TEXT,__eh_frame") {
            Some(section) => {
                let bytes = container.section_bytes(section).unwrap_or_default();
                self.frames(bytes, section.offset as usize, section.address);
            }
            None if container.section("__TEXT,__unwind_info").is_some() => {}
            None => self.note(Section::Container, 0, "no unwind information"),
        }
    }

    /// A word of the file; 0 outside it.
    fn macho_u32(&self, at: usize) -> u32 {
        let bytes = at.checked_add(4).and_then(|end| self.snapshot.container.file().get(at..end));
        bytes.map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().expect("four bytes")))
    }

    fn macho_header(&mut self, macho: &MachO) {
        if ![MachO::DYLIB, MachO::OBJECT].contains(&macho.file_type) {
            let reason = format!("file type {}, not that of a dynamic library", macho.file_type);
            self.named(Section::Container, LAYOUT, 12, reason);
        }
        if macho.cpu_subtype != macho.usual_cpu_subtype {
            let (found, expected) = (macho.cpu_subtype, macho.usual_cpu_subtype);
            self.named(
                Section::Container,
                LAYOUT,
                8,
                format!("variant {found:#x} of the processor, expected {expected:#x}"),
            );
        }
        let flags = self.snapshot.container.flags;
        if macho.file_type == MachO::DYLIB && flags != USUAL_FLAGS {
            self.note(Section::Container, 24, format!("flags {flags:#x}, usually {USUAL_FLAGS:#x}"));
        }
        let unit = if macho.is_64bit { 8 } else { 4 };
        for command in macho.commands.iter().filter(|command| !command.size.is_multiple_of(unit)) {
            let reason = format!("command {:#x} of {} bytes, not whole words", command.kind, command.size);
            self.named(Section::Container, COMMANDS, command.offset, reason);
        }
        let end = macho.commands.last().map_or(0, |command| command.offset + command.size) as u64;
        let sections = &self.snapshot.container.sections;
        for section in sections.iter().filter(|section| !section.is_zerofill()) {
            if section.size > 0 && section.offset < end {
                let reason = format!("end at {end:#x}, section {} starts before that", section.name);
                self.named(Section::Container, COMMANDS, section.offset as usize, reason);
            }
        }
    }

    fn macho_segments(&mut self, macho: &MachO) {
        let container = &self.snapshot.container;
        let page = macho.page_size;
        let file_end = (container.file_size as u64).next_multiple_of(page);
        let is_darwin = self.snapshot.target.os.is_darwin();
        let mut end = 0;
        for segment in &container.segments {
            let mut error = |reason: String| {
                self.named(
                    Section::Container,
                    format!("segment {}", segment.name),
                    segment.offset as usize,
                    reason,
                );
            };
            if segment.offset % page != segment.address % page {
                error("offset and address differ within a page".into());
            }
            if segment.address < end {
                error(format!("address {:#x} is in the segment before it", segment.address));
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
            if segment.offset.saturating_add(segment.size) > file_end && !is_darwin {
                error("memory goes on behind the end of the file, from which the engine maps it".into());
            }
            end = segment.address.saturating_add(segment.size);
            if !segment.address.is_multiple_of(page) {
                self.note(
                    Section::Container,
                    segment.offset as usize,
                    "address is not at the start of a page",
                );
            }
        }
        let names: Vec<&str> = container.segments.iter().map(|segment| &*segment.name).collect();
        let usual: Vec<&str> =
            USUAL_SEGMENTS.into_iter().filter(|&name| name != "__DWARF" || names.contains(&name)).collect();
        if names != usual {
            self.note(Section::Container, 0, format!("segments {}", names.join(" ")));
        }
    }

    fn macho_sections(&mut self, macho: &MachO) {
        let container = &self.snapshot.container;
        let is_object = macho.file_type == MachO::OBJECT;
        for section in &container.sections {
            let mut error = |reason: &str| {
                self.named(
                    Section::Container,
                    format!("section {}", section.name),
                    section.offset as usize,
                    reason,
                );
            };
            let aligned = |value: u64| section.alignment != 0 && value.is_multiple_of(section.alignment);
            // Zeros have no place in the file.
            if !aligned(section.address) || !section.is_zerofill() && !aligned(section.offset) {
                error("not at a multiple of its alignment");
            }
            let holds = |segment: &Segment| {
                let inside = section.address.checked_sub(segment.address);
                let is_inside = inside
                    .and_then(|inside| inside.checked_add(section.size))
                    .is_some_and(|end| end <= segment.size);
                let is_there = section.is_zerofill()
                    || inside.and_then(|n| n.checked_add(segment.offset)) == Some(section.offset);
                let is_named = is_object || section.name.split(',').next() == Some(&*segment.name);
                is_inside && is_there && is_named
            };
            if !container.segments.iter().any(holds) {
                error("is not where its segment is loaded");
            }
        }
    }

    fn macho_symbols(&mut self, macho: &MachO) {
        let container = &self.snapshot.container;
        for kind in [LC_SYMTAB, LC_DYSYMTAB] {
            let count = macho.commands.iter().filter(|command| command.kind == kind).count();
            if count > 1 {
                let reason = format!("{count} commands {kind:#x}");
                self.named(Section::Container, COMMANDS, 0, reason);
            }
        }
        let Some(command) = macho.command(LC_SYMTAB) else { return };
        let field = |i: usize| self.macho_u32(command.offset + 8 + 4 * i) as usize;
        let (table, count, strings, strings_size) = (field(0), field(1), field(2), field(3));
        let entry_size = if macho.is_64bit { 16 } else { 12 };
        let linkedit = container.segments.iter().find(|segment| segment.name == "__LINKEDIT");
        if macho.file_type != MachO::OBJECT {
            for (start, size) in [(table, count * entry_size), (strings, strings_size)] {
                let holds = |segment: &Segment| {
                    let inside = (start as u64).checked_sub(segment.offset);
                    inside.is_some_and(|inside| inside + size as u64 <= segment.file_size)
                };
                if !linkedit.is_some_and(holds) {
                    self.named(Section::Container, SYMBOLS, start, "is not in segment __LINKEDIT");
                }
            }
        }
        for i in 0..count {
            let at = table + i * entry_size;
            let head = u64::from(self.macho_u32(at + 4));
            let (kind, section) = (head & 0xff, head >> 8 & 0xff);
            let mut error =
                |reason: String| self.named(Section::Container, SYMBOLS, at, format!("symbol {i} {reason}"));
            let is_external = kind & N_STAB == 0 && kind & N_EXT != 0;
            if is_external != macho.external_symbols.contains(&i) {
                let (start, end) = (macho.external_symbols.start, macho.external_symbols.end);
                error(format!("is on the wrong side of {start} or {end}, between which external ones are"));
                break;
            }
            if kind & N_STAB != 0 || kind & N_TYPE != N_SECT {
                continue;
            }
            let (low, high) =
                (self.macho_u32(at + 8), if macho.is_64bit { self.macho_u32(at + 12) } else { 0 });
            let address = u64::from(low) | u64::from(high) << 32;
            let section = section.checked_sub(1).and_then(|index| container.sections.get(index as usize));
            let is_inside = section
                .is_some_and(|s| address.checked_sub(s.address).is_some_and(|inside| inside <= s.size));
            if !is_inside {
                let reason = format!("at {address:#x} is not in its section");
                self.named(Section::Container, SYMBOLS, at, format!("symbol {i} {reason}"));
                break;
            }
        }
    }

    /// Commands that only the system's loader reads, and the identity of the file.
    fn macho_commands(&mut self, macho: &MachO) {
        let is_darwin = self.snapshot.target.os.is_darwin();
        match macho.command(LC_ID_DYLIB) {
            Some(command) => {
                let name = self.macho_u32(command.offset + 8) as usize;
                let text = command.offset.saturating_add(name)..command.offset + command.size;
                let text = self.snapshot.container.file().get(text);
                if name < 24 || !text.is_some_and(|text| text.contains(&0)) {
                    self.named(
                        Section::Container,
                        COMMANDS,
                        command.offset,
                        "the library's name is malformed",
                    );
                }
            }
            None if is_darwin => {
                self.named(Section::Container, COMMANDS, 0, "none with the library's name (LC_ID_DYLIB)");
            }
            None => self.note(Section::Container, 0, "no command with the library's name (LC_ID_DYLIB)"),
        }
        if is_darwin && macho.command(LC_LOAD_DYLIB).is_none() {
            self.note(Section::Container, 0, "does not depend on the system's library");
        }
        match macho.commands.iter().filter(|command| command.kind == LC_UUID).count() {
            0 => self.note(Section::Container, 0, "no build id (LC_UUID)"),
            1 => {}
            count => self.named(Section::Container, COMMANDS, 0, format!("{count} build ids (LC_UUID)")),
        }
        for kind in [LC_ENCRYPTION_INFO, LC_ENCRYPTION_INFO_64] {
            if let Some(command) = macho.command(kind)
                && self.macho_u32(command.offset + 16) != 0
            {
                self.named(Section::Container, COMMANDS, command.offset, "the file is encrypted");
            }
        }
        if macho.command(LC_CODE_SIGNATURE).is_none() && is_darwin {
            self.note(Section::Container, 0, "no code signature: some systems refuse the file");
        }
    }

    /// The signature ends the file and has a digest of each page before it.
    fn code_signature(&mut self, start: usize, size: usize) {
        let file = self.snapshot.container.file();
        let mut error = |at: usize, reason: String| self.named(Section::Container, SIGNATURE, at, reason);
        let bytes = start.checked_add(size).and_then(|end| file.get(start..end));
        let Some(bytes) = bytes else {
            return error(start, "runs past the end of the file".into());
        };
        if start + size != file.len() {
            error(start, format!("ends at {:#x}, the file at {:#x}", start + size, file.len()));
        }
        if !start.is_multiple_of(16) {
            error(start, "is not at a multiple of 16".into());
        }
        let length = word(bytes, 4).map(|n| n as usize);
        if word(bytes, 0) != Some(SUPERBLOB) || length.is_none_or(|length| length > size) {
            return error(start, "is no list of signatures".into());
        }
        // Kinds and offsets of what the list holds; kind 0 is the directory of pages.
        let count = word(bytes, 8).unwrap_or(0) as usize;
        let mut entries =
            (0..count.min(size / 8)).map(|i| (word(bytes, 12 + 8 * i), word(bytes, 16 + 8 * i)));
        let directory = entries.find(|entry| entry.0 == Some(0)).and_then(|entry| entry.1);
        let at = directory.unwrap_or(0) as usize;
        let directory = bytes.get(at..).filter(|b| at > 0 && word(b, 0) == Some(CODE_DIRECTORY));
        let Some(directory) = directory.filter(|bytes| bytes.len() >= CODE_DIRECTORY_SIZE) else {
            return error(start, "has no directory of pages".into());
        };
        let field = |i: usize| word(directory, 4 * i).unwrap_or(0) as usize;
        let (hashes, pages, limit) = (field(4), field(7), field(8));
        let (hash_size, hash_kind, page_bits) = (directory[36], directory[37], u32::from(directory[39]));
        if limit != start {
            error(start + at + 32, format!("covers {limit:#x} bytes, starts at {start:#x}"));
        }
        // Other kinds of digests are the system's business.
        if hash_kind != SHA256 || hash_size != 32 || !(1..=24).contains(&page_bits) {
            return;
        }
        let expected = start.div_ceil(1 << page_bits);
        if pages != expected {
            return error(start + at + 28, format!("has digests of {pages} pages, there are {expected}"));
        }
        for (page, content) in file[..start].chunks(1 << page_bits).enumerate() {
            let from = hashes.saturating_add(32 * page);
            if directory.get(from..from.saturating_add(32)) != Some(&sha256::digest(content)[..]) {
                return error(page << page_bits, format!("page {page} was changed after it was signed"));
            }
        }
    }
}
