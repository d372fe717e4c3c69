//! ELF shared objects.
//!
//! A snapshot's ELF file is small and peculiar, and two loaders read it: the system's, through `dlopen`, and
//! the VM's own, for snapshots appended to an executable. The latter wants load segments whose protection is
//! exactly R, R+X or R+W, file data for all of their memory (so `.bss` is stored), and sections named
//! `.dynstr` and `.dynsym`. The file has no relocations and no imports. Tools expect the layout of the
//! engine's own compiler (`runtime/vm/elf.cc`):
//!
//! ```text
//! R    headers, .note.gnu.build-id, .dynstr, .dynsym, .hash, .rodata (data blob), .eh_frame
//! R+X  .text (text blob)
//! R+W  .dynamic, .bss (one word)
//!      .shstrtab, [.strtab, .symtab], section headers
//! ```
//!
//! File offsets equal addresses throughout the segments. This exact layout (SysV hash only, a stored `.bss`
//! of type PROGBITS, string tables in the middle, unaligned `.eh_frame`) is outside what the writing half of
//! the `object` crate produces, and it is simpler to write than to coax, so the writer is our own.

use crate::build_id::BuildId;
use crate::{BUILD_ID_SYMBOL, DATA_SYMBOL, Error, TEXT_SYMBOL};
use std::collections::HashMap;

/// Registers that `.eh_frame` names, in DWARF numbering, and where frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameRegisters {
    /// Frame pointer.
    pub frame_pointer: u8,
    /// Return-address column.
    pub return_address: u8,
    /// Words from the frame pointer to the caller's stack pointer (`kCallerSpSlotFromFp`).
    pub caller_sp_slot_from_fp: u8,
}

/// What the file takes from its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElfTarget {
    /// 64-bit classes and words.
    pub is_64bit: bool,
    /// `e_machine`.
    pub machine: u16,
    /// `e_flags`.
    pub flags: u32,
    /// Alignment of load segments.
    pub page_size: u32,
    /// For unwinders.
    pub frame: FrameRegisters,
}

/// A function of the text blob, for the static symbol table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionSymbol {
    /// Name as tools show it.
    pub name: String,
    /// Offset from the start of the text blob.
    pub offset: u32,
    /// Bytes of code.
    pub size: u32,
}

/// What goes into the file.
#[derive(Debug, Clone, Copy)]
pub struct ElfInput<'a> {
    /// The target.
    pub target: ElfTarget,
    /// The text blob.
    pub text: &'a [u8],
    /// The data blob.
    pub data: &'a [u8],
    /// Offset in the text blob of three words for the container: distance to the `.bss` word, address of the
    /// blob, distance to the build id.
    pub relocation_offset: u32,
    /// Static symbols in address order; `None` for a stripped file.
    pub symbols: Option<&'a [FunctionSymbol]>,
}

const BSS_SYMBOL: &str = "_kDartSnapshotBss";

/// Both blobs' alignment.
const BLOB_ALIGNMENT: u64 = 64;

mod constants {
    pub const ET_DYN: u16 = 3;
    pub const EV_CURRENT: u8 = 1;
    pub const ELFCLASS32: u8 = 1;
    pub const ELFCLASS64: u8 = 2;
    pub const ELFDATA2LSB: u8 = 1;

    pub const PT_LOAD: u32 = 1;
    pub const PT_DYNAMIC: u32 = 2;
    pub const PT_NOTE: u32 = 4;
    pub const PT_PHDR: u32 = 6;
    pub const PT_GNU_STACK: u32 = 0x6474_e551;
    pub const PF_X: u32 = 1;
    pub const PF_W: u32 = 2;
    pub const PF_R: u32 = 4;

    pub const SHT_PROGBITS: u32 = 1;
    pub const SHT_SYMTAB: u32 = 2;
    pub const SHT_STRTAB: u32 = 3;
    pub const SHT_HASH: u32 = 5;
    pub const SHT_DYNAMIC: u32 = 6;
    pub const SHT_NOTE: u32 = 7;
    pub const SHT_DYNSYM: u32 = 11;
    pub const SHF_WRITE: u64 = 1;
    pub const SHF_ALLOC: u64 = 2;
    pub const SHF_EXECINSTR: u64 = 4;

    pub const STB_LOCAL: u8 = 0;
    pub const STB_GLOBAL: u8 = 1;
    pub const STT_OBJECT: u8 = 1;
    pub const STT_FUNC: u8 = 2;
    pub const STT_SECTION: u8 = 3;

    pub const DT_NULL: u64 = 0;
    pub const DT_HASH: u64 = 4;
    pub const DT_STRTAB: u64 = 5;
    pub const DT_SYMTAB: u64 = 6;
    pub const DT_STRSZ: u64 = 10;
    pub const DT_SYMENT: u64 = 11;

    pub const NT_GNU_BUILD_ID: u32 = 3;
}
use constants::*;

/// Section numbers, in file order.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
enum Section {
    BuildId = 1,
    DynStr,
    DynSym,
    Hash,
    RoData,
    EhFrame,
    Text,
    Dynamic,
    Bss,
    ShStrTab,
    StrTab,
    SymTab,
}

const NUM_SEGMENTS: u16 = 7;

/// Writes the file.
///
/// # Errors
/// A 32-bit file grows past 32 bits, or a blob is malformed.
pub fn write(input: &ElfInput) -> Result<Vec<u8>, Error> {
    let target = input.target;
    let word = if target.is_64bit { 8 } else { 4 };
    let (ehdr_size, phdr_size, shdr_size, sym_size) =
        if target.is_64bit { (64, 56, 64, 24) } else { (52, 32, 40, 16) };
    let headers_size = ehdr_size + phdr_size * u64::from(NUM_SEGMENTS);
    let relocation_end = u64::from(input.relocation_offset) + 3 * word;
    if input.text.len() < relocation_end as usize {
        return Err(Error::Malformed(format!(
            "text blob of {} bytes has no link-time words",
            input.text.len()
        )));
    }

    // Layout. Everything up to .bss has its address as its file offset.
    let mut layout = Layout { end: headers_size, sections: Vec::new() };
    let build_id = layout.place(Section::BuildId, 4, 32);
    let mut dynstr = StringTable::new();
    let dynamic_names = [TEXT_SYMBOL, DATA_SYMBOL, BUILD_ID_SYMBOL].map(|name| dynstr.add(name));
    let num_dynamic_symbols = dynamic_names.len() as u64 + 1;
    let dynstr_place = layout.place(Section::DynStr, word, dynstr.bytes.len() as u64);
    let dynsym_place = layout.place(Section::DynSym, word, num_dynamic_symbols * sym_size);
    let hash_place = layout.place(Section::Hash, word, 4 * (2 + 2 * num_dynamic_symbols));
    let data_place = layout.place(Section::RoData, BLOB_ALIGNMENT, input.data.len() as u64);
    let eh_frame_place = layout.place(Section::EhFrame, 1, EH_FRAME_SIZE);
    let read_only_end = layout.end;
    let page_size = u64::from(target.page_size);
    let text_place = layout.place(Section::Text, page_size.max(BLOB_ALIGNMENT), input.text.len() as u64);
    const NUM_DYNAMIC_ENTRIES: u64 = 6;
    let dynamic_place = layout.place(Section::Dynamic, page_size, NUM_DYNAMIC_ENTRIES * 2 * word);
    let bss_place = layout.place(Section::Bss, word, word);
    let segments_end = layout.end;

    // Symbols.
    let globals = [
        Symbol::global(dynamic_names[0], text_place, Section::Text),
        Symbol::global(dynamic_names[1], data_place, Section::RoData),
        Symbol::global(dynamic_names[2], build_id, Section::BuildId),
    ];
    let static_symbols = input.symbols.map(|functions| {
        let mut strings = StringTable::new();
        let mut symbols: Vec<Symbol> = functions
            .iter()
            .map(|f| Symbol {
                name: strings.add(&f.name),
                value: text_place.offset + u64::from(f.offset),
                size: u64::from(f.size),
                info: STB_LOCAL << 4 | STT_FUNC,
                section: Section::Text,
            })
            .collect();
        symbols.push(Symbol {
            name: strings.add(BSS_SYMBOL),
            value: bss_place.offset,
            size: bss_place.size,
            info: STB_LOCAL << 4 | STT_SECTION,
            section: Section::Bss,
        });
        let num_locals = symbols.len() as u64 + 1;
        for (symbol, name) in globals.iter().zip([TEXT_SYMBOL, DATA_SYMBOL, BUILD_ID_SYMBOL]) {
            symbols.push(Symbol { name: strings.add(name), ..*symbol });
        }
        (strings, symbols, num_locals)
    });

    // Sections that are not loaded.
    let mut section_names = StringTable::new();
    let header = |section_names: &mut StringTable, place: Place, name: &str, kind, flags, align| {
        SectionHeader { name: section_names.add(name), kind, flags, place, align, ..SectionHeader::default() }
    };
    let names = &mut section_names;
    // Names enter the table in the order in which the engine's compiler makes the sections; tests compare
    // whole files.
    let shstrtab = header(names, Place::default(), ".shstrtab", SHT_STRTAB, 0, word);
    let text = header(names, text_place, ".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, BLOB_ALIGNMENT);
    let rodata = header(names, data_place, ".rodata", SHT_PROGBITS, SHF_ALLOC, BLOB_ALIGNMENT);
    let note = header(names, build_id, ".note.gnu.build-id", SHT_NOTE, SHF_ALLOC, 4);
    let bss = header(names, bss_place, ".bss", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, word);
    let eh_frame = header(names, eh_frame_place, ".eh_frame", SHT_PROGBITS, SHF_ALLOC, 1);
    let dynstr_header = header(names, dynstr_place, ".dynstr", SHT_STRTAB, SHF_ALLOC, word);
    let dynsym = SectionHeader {
        link: Section::DynStr as u32,
        info: 1,
        entry_size: sym_size,
        ..header(names, dynsym_place, ".dynsym", SHT_DYNSYM, SHF_ALLOC, word)
    };
    let hash = SectionHeader {
        link: Section::DynSym as u32,
        entry_size: 4,
        ..header(names, hash_place, ".hash", SHT_HASH, SHF_ALLOC, word)
    };
    let dynamic = SectionHeader {
        link: Section::DynStr as u32,
        entry_size: 2 * word,
        ..header(names, dynamic_place, ".dynamic", SHT_DYNAMIC, SHF_ALLOC | SHF_WRITE, word)
    };
    let mut headers = vec![
        SectionHeader::default(),
        note,
        dynstr_header,
        dynsym,
        hash,
        rodata,
        eh_frame,
        text,
        dynamic,
        bss,
        shstrtab,
    ];
    if let Some((_, _, num_locals)) = &static_symbols {
        let strtab = header(names, Place::default(), ".strtab", SHT_STRTAB, 0, word);
        let symtab = SectionHeader {
            link: Section::StrTab as u32,
            info: *num_locals as u32,
            entry_size: sym_size,
            ..header(names, Place::default(), ".symtab", SHT_SYMTAB, 0, word)
        };
        headers.extend([strtab, symtab]);
    }
    let shstrtab_place = layout.place(Section::ShStrTab, word, section_names.bytes.len() as u64);
    headers[Section::ShStrTab as usize].place = shstrtab_place;
    if let Some((strings, symbols, _)) = &static_symbols {
        let place = layout.place(Section::StrTab, word, strings.bytes.len() as u64);
        headers[Section::StrTab as usize].place = place;
        let place = layout.place(Section::SymTab, word, sym_size * (symbols.len() as u64 + 1));
        headers[Section::SymTab as usize].place = place;
    }
    let section_headers_offset = layout.end.next_multiple_of(word);
    let file_size = section_headers_offset + shdr_size * headers.len() as u64;
    if !target.is_64bit && file_size > u64::from(u32::MAX) {
        return Err(Error::TooLarge { what: "file size", value: file_size });
    }
    if text_place.size > u64::from(u32::MAX) || text_place.offset > i32::MAX as u64 {
        return Err(Error::TooLarge { what: "end of text", value: text_place.offset + text_place.size });
    }

    // Bytes, in layout order.
    let mut out = Output { bytes: Vec::with_capacity(file_size as usize), is_64bit: target.is_64bit };
    out.elf_header(&target, ehdr_size, phdr_size, shdr_size, section_headers_offset, headers.len() as u16);
    let headers_place = Place { offset: ehdr_size, size: headers_size - ehdr_size };
    out.segment(PT_PHDR, PF_R, headers_place, word);
    out.segment(PT_LOAD, PF_R, Place { offset: 0, size: read_only_end }, page_size);
    out.segment(PT_LOAD, PF_R | PF_X, text_place, page_size);
    let writable = Place { offset: dynamic_place.offset, size: segments_end - dynamic_place.offset };
    out.segment(PT_LOAD, PF_R | PF_W, writable, page_size);
    out.segment(PT_NOTE, PF_R, build_id, 4);
    out.segment(PT_DYNAMIC, PF_R | PF_W, dynamic_place, word);
    out.segment(PT_GNU_STACK, PF_R | PF_W, Place::default(), 1);

    out.pad_to(build_id.offset);
    out.build_id_note(BuildId::of(input.text, input.data));
    out.pad_to(dynstr_place.offset);
    out.bytes.extend_from_slice(&dynstr.bytes);
    out.pad_to(dynsym_place.offset);
    out.symbol_table(&globals);
    out.pad_to(hash_place.offset);
    out.hash_table(&[TEXT_SYMBOL, DATA_SYMBOL, BUILD_ID_SYMBOL]);
    out.pad_to(data_place.offset);
    out.bytes.extend_from_slice(input.data);
    out.pad_to(eh_frame_place.offset);
    out.eh_frame(&target, word, eh_frame_place.offset, text_place);
    out.pad_to(text_place.offset);
    out.bytes.extend_from_slice(input.text);
    let relocations = [
        bss_place.offset.wrapping_sub(text_place.offset),
        text_place.offset,
        build_id.offset.wrapping_sub(text_place.offset),
    ];
    for (i, value) in relocations.into_iter().enumerate() {
        let at = (text_place.offset + u64::from(input.relocation_offset) + i as u64 * word) as usize;
        out.bytes[at..at + word as usize].copy_from_slice(&value.to_le_bytes()[..word as usize]);
    }
    out.pad_to(dynamic_place.offset);
    for (tag, value) in [
        (DT_HASH, hash_place.offset),
        (DT_STRTAB, dynstr_place.offset),
        (DT_STRSZ, dynstr_place.size),
        (DT_SYMTAB, dynsym_place.offset),
        (DT_SYMENT, sym_size),
        (DT_NULL, 0),
    ] {
        out.word(tag);
        out.word(value);
    }
    out.pad_to(bss_place.offset);
    out.word(0);
    out.pad_to(shstrtab_place.offset);
    out.bytes.extend_from_slice(&section_names.bytes);
    if let Some((strings, symbols, _)) = &static_symbols {
        out.pad_to(headers[Section::StrTab as usize].place.offset);
        out.bytes.extend_from_slice(&strings.bytes);
        out.pad_to(headers[Section::SymTab as usize].place.offset);
        out.symbol_table(symbols);
    }
    out.pad_to(section_headers_offset);
    for header in &headers {
        out.section_header(header);
    }
    Ok(out.bytes)
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    offset: u64,
    size: u64,
}

struct Layout {
    end: u64,
    sections: Vec<u16>,
}

impl Layout {
    fn place(&mut self, section: Section, align: u64, size: u64) -> Place {
        self.sections.push(section as u16);
        debug_assert_eq!(self.sections.len(), section as usize, "sections are placed in file order");
        let offset = self.end.next_multiple_of(align);
        self.end = offset + size;
        Place { offset, size }
    }
}

struct StringTable {
    bytes: Vec<u8>,
    offsets: HashMap<String, u32>,
}

impl StringTable {
    fn new() -> StringTable {
        StringTable { bytes: vec![0], offsets: HashMap::new() }
    }

    fn add(&mut self, text: &str) -> u32 {
        if let Some(&offset) = self.offsets.get(text) {
            return offset;
        }
        let offset = self.bytes.len() as u32;
        // A zero byte would end the name early; what follows it is lost anyway.
        self.bytes.extend(text.bytes().take_while(|&b| b != 0));
        self.bytes.push(0);
        self.offsets.insert(text.to_owned(), offset);
        offset
    }
}

#[derive(Clone, Copy)]
struct Symbol {
    name: u32,
    value: u64,
    size: u64,
    info: u8,
    section: Section,
}

impl Symbol {
    fn global(name: u32, place: Place, section: Section) -> Symbol {
        Symbol { name, value: place.offset, size: place.size, info: STB_GLOBAL << 4 | STT_OBJECT, section }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct SectionHeader {
    name: u32,
    kind: u32,
    flags: u64,
    place: Place,
    link: u32,
    info: u32,
    align: u64,
    entry_size: u64,
}

struct Output {
    bytes: Vec<u8>,
    is_64bit: bool,
}

impl Output {
    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn word(&mut self, value: u64) {
        let size = if self.is_64bit { 8 } else { 4 };
        self.bytes.extend_from_slice(&value.to_le_bytes()[..size]);
    }

    fn pad_to(&mut self, offset: u64) {
        debug_assert!(self.bytes.len() as u64 <= offset);
        self.bytes.resize(offset as usize, 0);
    }

    fn elf_header(
        &mut self,
        target: &ElfTarget,
        ehdr: u64,
        phdr: u64,
        shdr: u64,
        sections: u64,
        num_sections: u16,
    ) {
        self.bytes.extend_from_slice(b"\x7fELF");
        self.u8(if target.is_64bit { ELFCLASS64 } else { ELFCLASS32 });
        self.u8(ELFDATA2LSB);
        self.u8(EV_CURRENT);
        self.pad_to(16);
        self.u16(ET_DYN);
        self.u16(target.machine);
        self.u32(u32::from(EV_CURRENT));
        self.word(0);
        self.word(ehdr);
        self.word(sections);
        self.u32(target.flags);
        self.u16(ehdr as u16);
        self.u16(phdr as u16);
        self.u16(NUM_SEGMENTS);
        self.u16(shdr as u16);
        self.u16(num_sections);
        self.u16(Section::ShStrTab as u16);
    }

    fn segment(&mut self, kind: u32, flags: u32, place: Place, align: u64) {
        self.u32(kind);
        if self.is_64bit {
            self.u32(flags);
        }
        for _ in 0..3 {
            // File offset, virtual and physical address.
            self.word(place.offset);
        }
        for _ in 0..2 {
            self.word(place.size);
        }
        if !self.is_64bit {
            self.u32(flags);
        }
        self.word(align);
    }

    fn build_id_note(&mut self, id: BuildId) {
        const NAME: &[u8; 4] = b"GNU\0";
        self.u32(NAME.len() as u32);
        self.u32(id.0.len() as u32);
        self.u32(NT_GNU_BUILD_ID);
        self.bytes.extend_from_slice(NAME);
        self.bytes.extend_from_slice(&id.0);
    }

    fn symbol_table(&mut self, symbols: &[Symbol]) {
        self.bytes.resize(self.bytes.len() + if self.is_64bit { 24 } else { 16 }, 0);
        for symbol in symbols {
            self.u32(symbol.name);
            if self.is_64bit {
                self.u8(symbol.info);
                self.u8(0);
                self.u16(symbol.section as u16);
            }
            self.word(symbol.value);
            self.word(symbol.size);
            if !self.is_64bit {
                self.u8(symbol.info);
                self.u8(0);
                self.u16(symbol.section as u16);
            }
        }
    }

    /// SysV hash table: as many buckets as symbols, newest symbol first in each chain.
    fn hash_table(&mut self, names: &[&str]) {
        let n = names.len() + 1;
        let (mut buckets, mut chains) = (vec![0u32; n], vec![0u32; n]);
        for (symbol, name) in (1u32..).zip(names) {
            let bucket = sysv_hash(name) as usize % n;
            chains[symbol as usize] = std::mem::replace(&mut buckets[bucket], symbol);
        }
        self.u32(n as u32);
        self.u32(n as u32);
        buckets.into_iter().chain(chains).for_each(|symbol| self.u32(symbol));
    }

    /// One CIE and one FDE that covers the whole text: every frame keeps the frame pointer.
    fn eh_frame(&mut self, target: &ElfTarget, word: u64, address: u64, text: Place) {
        const DW_EH_PE_PCREL_SDATA4: u8 = 0x1b;
        const DW_CFA_DEF_CFA: u8 = 0x0c;
        const DW_CFA_OFFSET: u8 = 0x80;
        const FDE_OFFSET: u64 = 4 + CIE_LENGTH as u64;
        let FrameRegisters { frame_pointer, return_address, caller_sp_slot_from_fp } = target.frame;
        self.u32(CIE_LENGTH);
        self.u32(0);
        self.u8(1);
        self.bytes.extend_from_slice(b"zR\0");
        self.u8(1);
        // Data alignment −word as a one-byte SLEB128.
        self.u8((word as u8).wrapping_neg() & 0x7f);
        self.u8(return_address);
        self.u8(1);
        self.u8(DW_EH_PE_PCREL_SDATA4);
        self.u8(DW_CFA_DEF_CFA);
        self.u8(frame_pointer);
        self.u8(caller_sp_slot_from_fp * word as u8);
        self.u32(FDE_LENGTH);
        self.u32(FDE_OFFSET as u32 + 4);
        let here = address + FDE_OFFSET + 8;
        self.u32(text.offset.wrapping_sub(here) as u32);
        self.u32(text.size as u32);
        self.u8(0);
        self.u8(DW_CFA_OFFSET | frame_pointer);
        self.u8(2);
        self.u8(DW_CFA_OFFSET | return_address);
        self.u8(1);
        self.u32(0);
    }

    fn section_header(&mut self, header: &SectionHeader) {
        self.u32(header.name);
        self.u32(header.kind);
        self.word(header.flags);
        self.word(if header.flags & SHF_ALLOC != 0 { header.place.offset } else { 0 });
        self.word(header.place.offset);
        self.word(header.place.size);
        self.u32(header.link);
        self.u32(header.info);
        self.word(header.align);
        self.word(header.entry_size);
    }
}

const CIE_LENGTH: u32 = 16;
const FDE_LENGTH: u32 = 17;
const EH_FRAME_SIZE: u64 = 4 + CIE_LENGTH as u64 + 4 + FDE_LENGTH as u64 + 4;

fn sysv_hash(name: &str) -> u32 {
    name.bytes().fold(0, |hash: u32, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(is_64bit: bool) -> ElfTarget {
        if is_64bit {
            let frame = FrameRegisters { frame_pointer: 6, return_address: 16, caller_sp_slot_from_fp: 2 };
            ElfTarget { is_64bit, machine: 62, flags: 0, page_size: 0x4000, frame }
        } else {
            let frame = FrameRegisters { frame_pointer: 11, return_address: 14, caller_sp_slot_from_fp: 2 };
            ElfTarget { is_64bit, machine: 40, flags: 0x0500_0400, page_size: 0x4000, frame }
        }
    }

    fn u32_at(bytes: &[u8], at: u64) -> u32 {
        u32::from_le_bytes(bytes[at as usize..at as usize + 4].try_into().unwrap())
    }

    fn word_at(bytes: &[u8], at: u64, is_64bit: bool) -> u64 {
        let low = u64::from(u32_at(bytes, at));
        if is_64bit { low | u64::from(u32_at(bytes, at + 4)) << 32 } else { low }
    }

    #[test]
    fn structure() {
        let text: Vec<u8> = (0..200).collect();
        let data = vec![7; 300];
        let symbols = [
            FunctionSymbol { name: "main".into(), offset: 128, size: 8 },
            FunctionSymbol { name: "main".into(), offset: 136, size: 4 },
        ];
        for is_64bit in [true, false] {
            let word = if is_64bit { 8 } else { 4 };
            let input = ElfInput {
                target: target(is_64bit),
                text: &text,
                data: &data,
                relocation_offset: 64 + 2 * word as u32,
                symbols: Some(&symbols),
            };
            let file = write(&input).unwrap();
            assert_eq!(&file[..4], b"\x7fELF");

            // Section headers: names in order, and contents where they say.
            let at = |offset32: u64, offset64: u64| if is_64bit { offset64 } else { offset32 };
            let section_headers = word_at(&file, at(32, 40), is_64bit);
            let header_size = at(40, 64);
            let section = |n: Section| {
                let h = section_headers + header_size * n as u64;
                let (address, offset) = (at(12, 16), at(16, 24));
                (
                    word_at(&file, h + address, is_64bit),
                    word_at(&file, h + offset, is_64bit),
                    word_at(&file, h + at(20, 32), is_64bit),
                )
            };
            let (text_address, text_offset, text_size) = section(Section::Text);
            assert_eq!((text_address, text_size), (text_offset, 200));
            assert_eq!(text_address % 0x4000, 0);
            let (data_address, data_offset, data_size) = section(Section::RoData);
            assert_eq!(&file[data_offset as usize..(data_offset + data_size) as usize], data);
            assert_eq!(data_address % 64, 0);

            // Link-time words; everything around them is the blob's.
            let relocation = text_offset + u64::from(input.relocation_offset);
            let (bss, ..) = section(Section::Bss);
            let (note, ..) = section(Section::BuildId);
            let mask = if is_64bit { u64::MAX } else { u64::from(u32::MAX) };
            assert_eq!(word_at(&file, relocation, is_64bit), bss - text_address);
            assert_eq!(word_at(&file, relocation + word, is_64bit), text_address);
            assert_eq!(
                word_at(&file, relocation + 2 * word, is_64bit),
                note.wrapping_sub(text_address) & mask
            );
            assert_eq!(
                &file[text_offset as usize..relocation as usize],
                &text[..input.relocation_offset as usize]
            );

            // Lookup through the hash table finds every dynamic symbol.
            let (_, hash, _) = section(Section::Hash);
            let (_, dynsym, _) = section(Section::DynSym);
            let (_, dynstr, _) = section(Section::DynStr);
            for (name, address) in
                [(TEXT_SYMBOL, text_address), (DATA_SYMBOL, data_address), (BUILD_ID_SYMBOL, note)]
            {
                let n = u32_at(&file, hash);
                let mut symbol = u32_at(&file, hash + 8 + 4 * u64::from(sysv_hash(name) % n));
                loop {
                    assert_ne!(symbol, 0, "{name} not found");
                    let entry = dynsym + at(16, 24) * u64::from(symbol);
                    let found = dynstr + u64::from(u32_at(&file, entry));
                    if file[found as usize..].starts_with(&[name.as_bytes(), b"\0"].concat()) {
                        assert_eq!(word_at(&file, entry + at(4, 8), is_64bit), address);
                        break;
                    }
                    symbol = u32_at(&file, hash + 8 + 4 * u64::from(n + symbol));
                }
            }

            // Static symbols: null, two functions with one shared name, .bss, three globals.
            let (_, _, symtab_size) = section(Section::SymTab);
            assert_eq!(symtab_size, 7 * at(16, 24));
            let stripped = write(&ElfInput { symbols: None, ..input }).unwrap();
            // Identification to e_version do not depend on the sections.
            assert_eq!(stripped[..24], file[..24]);
            assert!(stripped.len() < file.len());
        }
    }

    #[test]
    fn errors() {
        let input = ElfInput {
            target: target(true),
            text: &[0; 64],
            data: &[],
            relocation_offset: 80,
            symbols: None,
        };
        assert!(matches!(write(&input), Err(Error::Malformed(_))));
    }
}
