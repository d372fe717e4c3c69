//! ELF shared objects, of either word size.
//!
//! Symbols come from the section `.dynsym` where there are section headers, as in the VM's own loader, else from
//! the dynamic segment, as in the system's.

use super::{Container, Cursor, Format, Machine, Parts, ReadError, Section, Segment, Symbol, SymbolKind};

const CLASS_32: u8 = 1;
const CLASS_64: u8 = 2;
const LITTLE_ENDIAN: u8 = 1;
const PT_DYNAMIC: u32 = 2;
const SHT_SYMTAB: u32 = 2;
const SHT_NOBITS: u32 = 8;
const SHT_DYNSYM: u32 = 11;
const DT_HASH: u64 = 4;
const DT_STRTAB: u64 = 5;
const DT_SYMTAB: u64 = 6;
const DT_STRSZ: u64 = 10;
const NOTE_HEADER_SIZE: usize = 12;

/// Field access by word size.
#[derive(Clone, Copy)]
struct Elf<'a> {
    file: &'a [u8],
    is_64bit: bool,
}

/// A table of symbols and its strings, as file ranges.
struct SymbolTable {
    offset: usize,
    count: usize,
    strings: usize,
    strings_end: usize,
}

impl<'a> Elf<'a> {
    fn at(self, place: &'static str) -> Cursor<'a> {
        Cursor { file: self.file, place }
    }

    /// An address-sized field, by its offsets in both classes.
    fn word(self, cursor: Cursor<'_>, base: usize, offsets: (usize, usize)) -> Result<u64, ReadError> {
        let at = base.saturating_add(self.pick(offsets));
        if self.is_64bit { cursor.u64(at) } else { Ok(u64::from(cursor.u32(at)?)) }
    }

    fn pick<T>(self, (in_32, in_64): (T, T)) -> T {
        if self.is_64bit { in_64 } else { in_32 }
    }

    fn segments(self, cursor: Cursor<'_>) -> Result<Vec<Segment>, ReadError> {
        let table = cursor.offset(28, self.word(cursor, 0, (28, 32))?)?;
        let (entry, count) = (cursor.u16(self.pick((42, 54)))?, cursor.u16(self.pick((44, 56)))?);
        let cursor = self.at("ELF program headers");
        let expected = self.pick((32, 56));
        if usize::from(entry) != expected {
            return Err(cursor.error(table, format!("entries of {entry} bytes instead of {expected}")));
        }
        cursor.table(table, count.into(), expected)?;
        let read = |at: usize| {
            let flags = cursor.u32(at + self.pick((24, 4)))?;
            Ok(Segment {
                name: String::new(),
                kind: cursor.u32(at)?,
                access: (flags & 4 != 0, flags & 2 != 0, flags & 1 != 0),
                flags,
                offset: self.word(cursor, at, (4, 8))?,
                address: self.word(cursor, at, (8, 16))?,
                file_size: self.word(cursor, at, (16, 32))?,
                size: self.word(cursor, at, (20, 40))?,
                alignment: self.word(cursor, at, (28, 48))?,
            })
        };
        (0..usize::from(count)).map(|i| read(table + i * expected)).collect()
    }

    /// The sections, and for each the section it links to.
    fn sections(self, cursor: Cursor<'_>) -> Result<Vec<(Section, usize)>, ReadError> {
        let table = cursor.offset(32, self.word(cursor, 0, (32, 40))?)?;
        let (entry, count) = (cursor.u16(self.pick((46, 58)))?, cursor.u16(self.pick((48, 60)))?);
        let names = cursor.u16(self.pick((50, 62)))?;
        let cursor = self.at("ELF section headers");
        let expected = self.pick((40, 64));
        if count == 0 {
            return Ok(Vec::new());
        }
        if usize::from(entry) != expected {
            return Err(cursor.error(table, format!("entries of {entry} bytes instead of {expected}")));
        }
        cursor.table(table, count.into(), expected)?;
        if names >= count {
            return Err(cursor.error(table, format!("names are in section {names} of {count}")));
        }
        let names = table + usize::from(names) * expected;
        let (start, size) = (self.word(cursor, names, (16, 24))?, self.word(cursor, names, (20, 32))?);
        let names = cursor.offset(names, start)?;
        let names_end = cursor.offset(names, start.saturating_add(size))?;
        let read = |at: usize| {
            let name = names.saturating_add(cursor.u32(at)? as usize);
            let section = Section {
                name: cursor.string(name, names_end)?.to_owned(),
                kind: cursor.u32(at + 4)?,
                flags: self.word(cursor, at, (8, 8))?,
                address: self.word(cursor, at, (12, 16))?,
                offset: self.word(cursor, at, (16, 24))?,
                size: self.word(cursor, at, (20, 32))?,
                alignment: self.word(cursor, at, (32, 48))?,
            };
            let end = section.offset.checked_add(section.size);
            if section.kind != SHT_NOBITS && end.is_none_or(|end| end > self.file.len() as u64) {
                return Err(
                    cursor.error(at, format!("section {} runs past the end of the file", section.name))
                );
            }
            Ok((section, cursor.u32(at + self.pick((24, 40)))? as usize))
        };
        (0..usize::from(count)).map(|i| read(table + i * expected)).collect()
    }

    fn symbol_size(self) -> usize {
        self.pick((16, 24))
    }

    /// The symbol table of a kind, if there is a section of it.
    fn symbol_section(
        self,
        sections: &[(Section, usize)],
        kind: u32,
    ) -> Result<Option<SymbolTable>, ReadError> {
        let Some((symbols, link)) = sections.iter().find(|(section, _)| section.kind == kind) else {
            return Ok(None);
        };
        // Both ranges are in the file, so they fit this machine.
        let offset = symbols.offset as usize;
        let strings = sections.get(*link).map(|(section, _)| section).filter(|s| s.kind != SHT_NOBITS);
        let strings = strings.ok_or_else(|| {
            self.at("ELF section headers").error(offset, format!("{} has no string table", symbols.name))
        })?;
        Ok(Some(SymbolTable {
            offset,
            count: symbols.size as usize / self.symbol_size(),
            strings: strings.offset as usize,
            strings_end: (strings.offset + strings.size) as usize,
        }))
    }

    /// The dynamic symbols as the system's loader finds them: the hash table tells how many there are.
    fn dynamic_segment(self, segments: &[Segment]) -> Result<Option<SymbolTable>, ReadError> {
        let cursor = self.at("ELF dynamic segment");
        let Some(dynamic) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
            return Ok(None);
        };
        let (start, word) = (cursor.offset(0, dynamic.offset)?, self.pick((4, 8)));
        let count = cursor.offset(start, dynamic.file_size)? / (2 * word);
        cursor.table(start, count, 2 * word)?;
        let file_offset = |address: u64| {
            let segment = segments.iter().find(|s| s.contains(address));
            let at = segment.and_then(|s| s.offset.checked_add(address - s.address));
            let at = at
                .ok_or_else(|| cursor.error(start, format!("address {address:#x} is in no loaded segment")));
            cursor.offset(start, at?)
        };
        let mut found = [None; 4];
        for i in 0..count {
            let at = start + i * 2 * word;
            let (tag, value) = (self.word(cursor, at, (0, 0))?, self.word(cursor, at, (4, 8))?);
            if tag == 0 {
                break;
            }
            if let Some(slot) = [DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ].iter().position(|&t| t == tag) {
                found[slot] = Some(value);
            }
        }
        let [Some(hash), Some(strings), Some(symbols), Some(strings_size)] = found else { return Ok(None) };
        let (hash, strings) = (file_offset(hash)?, file_offset(strings)?);
        Ok(Some(SymbolTable {
            offset: file_offset(symbols)?,
            count: cursor.u32(hash.saturating_add(4))? as usize,
            strings,
            strings_end: strings.saturating_add(cursor.offset(start, strings_size)?),
        }))
    }

    fn symbols(self, table: &SymbolTable, place: &'static str) -> Result<Vec<Symbol<'a>>, ReadError> {
        let cursor = self.at(place);
        cursor.table(table.offset, table.count, self.symbol_size())?;
        let read = |i: usize| {
            let at = table.offset + i * self.symbol_size();
            let info = cursor.bytes(at + self.pick((12, 4)), 1)?[0];
            let name = table.strings.saturating_add(cursor.u32(at)? as usize);
            Ok(Symbol {
                name: cursor.string(name, table.strings_end)?,
                address: self.word(cursor, at, (4, 8))?,
                size: self.word(cursor, at, (8, 16))?,
                kind: match info & 15 {
                    1 => SymbolKind::Object,
                    2 => SymbolKind::Function,
                    3 => SymbolKind::Section,
                    _ => SymbolKind::Other,
                },
                is_global: info >> 4 == 1,
            })
        };
        // Entry 0 means "no symbol".
        (1..table.count).map(read).collect()
    }
}

/// Reads an ELF file.
pub(super) fn read(file: &[u8]) -> Result<Container<'_>, ReadError> {
    let header = Cursor { file, place: "ELF header" };
    let (class, endianness) = (header.bytes(4, 1)?[0], header.bytes(5, 1)?[0]);
    if class != CLASS_32 && class != CLASS_64 {
        return Err(header.error(4, format!("class {class}")));
    }
    if endianness != LITTLE_ENDIAN {
        return Err(header.error(5, "not little-endian"));
    }
    let elf = Elf { file, is_64bit: class == CLASS_64 };
    let machine = machine(header.u16(18)?, elf.is_64bit);
    let segments = elf.segments(header)?;
    let sections = elf.sections(header)?;
    let dynamic = match elf.symbol_section(&sections, SHT_DYNSYM)? {
        Some(table) => Some(table),
        None => elf.dynamic_segment(&segments)?,
    };
    let dynamic = dynamic.ok_or_else(|| header.error(0, "no dynamic symbols: not a shared object"))?;
    let dynamic_symbols = elf.symbols(&dynamic, "ELF dynamic symbols")?;
    let symbols = match elf.symbol_section(&sections, SHT_SYMTAB)? {
        Some(table) => elf.symbols(&table, "ELF symbols")?,
        None => Vec::new(),
    };
    let flags = header.u32(elf.pick((36, 48)))?;
    let mut container = Parts {
        file,
        format: Format::Elf,
        machine: Some(machine),
        flags,
        macho: None,
        platform: None,
        segments,
        sections: sections.into_iter().map(|(section, _)| section).collect(),
        dynamic_symbols,
        symbols,
    }
    .finish()?;
    if let Some(note) = &mut container.build_id {
        let cursor = Cursor { file, place: "ELF build id" };
        let malformed = cursor.error(note.offset, "not a note with a build id");
        let word = |at: usize| cursor.u32(note.offset + at).map(|n| n as usize);
        if note.bytes.len() < NOTE_HEADER_SIZE {
            return Err(malformed);
        }
        let (name, description) = (word(0)?, word(4)?);
        let start = NOTE_HEADER_SIZE.saturating_add(name.next_multiple_of(4));
        let bytes = start.checked_add(description).and_then(|end| note.bytes.get(start..end));
        note.bytes = bytes.ok_or(malformed)?;
        note.offset += start;
        note.address += start as u64;
    }
    Ok(container)
}

/// `e_machine` in words.
pub fn machine(number: u16, is_64bit: bool) -> Machine {
    match (number, is_64bit) {
        (62, true) => Machine::X64,
        (3, false) => Machine::Ia32,
        (183, true) => Machine::Arm64,
        (40, false) => Machine::Arm,
        (243, true) => Machine::Riscv64,
        (243, false) => Machine::Riscv32,
        _ => Machine::Other(number.into()),
    }
}
