//! Mach-O dynamic libraries and object files, of either word size.
//!
//! `runtime/vm/mach_o.cc` writes both, for every operating system: the VM has a loader of its own for dynamic libraries
//! (`runtime/bin/macho_loader.cc`). Object files are for a linker; with `--macho_object` the compiler writes one beside the library.
//! Symbols for the loader are those in the range of external ones that `LC_DYSYMTAB` names, as in the VM's loader. The others come
//! twice, as symbols of their section and as pairs of debugging symbols; only the latter have sizes.

use super::{
    Blob, Container, Cursor, Format, Machine, Parts, Platform, ReadError, Section, Segment, Symbol,
    SymbolKind,
};
use std::collections::HashMap;
use std::ops::Range;

const LC_SEGMENT: u32 = 0x1;
const LC_SYMTAB: u32 = 0x2;
const LC_DYSYMTAB: u32 = 0xb;
const LC_SEGMENT_64: u32 = 0x19;
const LC_UUID: u32 = 0x1b;
const LC_BUILD_VERSION: u32 = 0x32;

const N_STAB: u8 = 0xe0;
const N_TYPE: u8 = 0x0e;
const N_SECT: u8 = 0x0e;
/// `n_type` of a debugging symbol that names a function.
const N_FUN: u8 = 0x24;

/// Section attributes that say "code".
const CODE_ATTRIBUTES: u64 = 0x8000_0400;
/// Types of sections that are zeros in memory and nothing in the file.
const ZEROFILL: [u32; 3] = [0x1, 0xc, 0x12];

const UUID_SIZE: usize = 16;
/// `CPU_TYPE_ANY`: for processors that the format has no number for.
const CPU_TYPE_ANY: u32 = u32::MAX;
const CPU_SUBTYPE_ANY: u32 = u32::MAX;

/// What only Mach-O files have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachO {
    /// Words of 64 bits.
    pub is_64bit: bool,
    /// Variant of the processor.
    pub cpu_subtype: u32,
    /// The variant that the VM's loader takes.
    pub usual_cpu_subtype: u32,
    /// Size of the processor's pages, by which the compiler aligns segments (`kPageSize` in `runtime/vm/mach_o.h`).
    pub page_size: u64,
    /// `filetype`.
    pub file_type: u32,
    /// The load commands in file order.
    pub commands: Vec<LoadCommand>,
    /// External symbols, as a range of the symbol table.
    pub external_symbols: Range<usize>,
}

impl MachO {
    /// `filetype` of an object file.
    pub const OBJECT: u32 = 1;
    /// `filetype` of a dynamic library.
    pub const DYLIB: u32 = 6;
    /// `filetype` of debugging information that was split off.
    pub const DSYM: u32 = 10;

    /// The first load command of a kind.
    pub fn command(&self, kind: u32) -> Option<LoadCommand> {
        self.commands.iter().copied().find(|command| command.kind == kind)
    }
}

/// A load command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadCommand {
    /// `cmd`.
    pub kind: u32,
    /// Offset in the file.
    pub offset: usize,
    /// Bytes, with the eight in front.
    pub size: usize,
}

/// Processors by their number in Mach-O files; `None` for the number that means any.
pub fn machine(cpu_type: u32) -> Option<Machine> {
    Some(match cpu_type {
        0x0100_0007 => Machine::X64,
        0x0100_000c => Machine::Arm64,
        7 => Machine::Ia32,
        12 => Machine::Arm,
        CPU_TYPE_ANY => return None,
        other => Machine::Other(other),
    })
}

/// Field access by word size.
#[derive(Clone, Copy)]
struct Layout<'a> {
    file: &'a [u8],
    is_64bit: bool,
}

/// Reads a Mach-O file.
pub(super) fn read(file: &[u8], is_64bit: bool) -> Result<Container<'_>, ReadError> {
    let layout = Layout { file, is_64bit };
    let header = layout.at("Mach-O header");
    let machine = machine(header.u32(4)?);
    let (cpu_subtype, file_type) = (header.u32(8)?, header.u32(12)?);
    if file_type == MachO::DSYM {
        return Err(header.error(12, "a file with debugging information only: no snapshot"));
    }
    let commands = layout.commands(header)?;
    let cursor = layout.at("Mach-O load commands");
    let mut parts = Parts {
        file,
        format: Format::MachO,
        machine,
        flags: header.u32(24)?,
        platform: None,
        segments: Vec::new(),
        sections: Vec::new(),
        dynamic_symbols: Vec::new(),
        symbols: Vec::new(),
        macho: None,
    };
    let (mut uuid, mut symbol_table, mut external) = (None, None, None);
    for &LoadCommand { kind, offset: at, size } in &commands {
        let least = match kind {
            LC_SYMTAB | LC_UUID | LC_BUILD_VERSION => 24,
            LC_DYSYMTAB => 80,
            LC_SEGMENT | LC_SEGMENT_64 => layout.pick((56, 72)),
            _ => 8,
        };
        if size < least {
            return Err(
                cursor.error(at, format!("command {kind:#x} of {size} bytes, its fields take {least}"))
            );
        }
        match kind {
            LC_SEGMENT | LC_SEGMENT_64 if (kind == LC_SEGMENT_64) == is_64bit => {
                layout.segment(at, size, &mut parts)?;
            }
            LC_SEGMENT | LC_SEGMENT_64 => return Err(cursor.error(at, "segment of the other word size")),
            LC_SYMTAB => symbol_table = Some(at),
            LC_DYSYMTAB => {
                let first = cursor.u32(at + 16)? as usize;
                external = Some(first..first.saturating_add(cursor.u32(at + 20)? as usize));
            }
            LC_UUID => uuid = Some(at + 8),
            LC_BUILD_VERSION => {
                parts.platform = Some(match cursor.u32(at + 8)? {
                    1 => Platform::MacOs,
                    2 | 7 => Platform::Ios,
                    other => Platform::Other(other),
                });
            }
            _ => {}
        }
    }
    let missing = |what: &str| cursor.error(layout.header_size(), format!("no {what}: no snapshot"));
    let symbol_table = symbol_table.ok_or_else(|| missing("symbol table"))?;
    let external = external.ok_or_else(|| missing("table of dynamic symbols"))?;
    layout.symbols(symbol_table, &external, &mut parts)?;
    parts.macho = Some(MachO {
        is_64bit,
        cpu_subtype,
        usual_cpu_subtype: match machine {
            Some(Machine::X64 | Machine::Ia32) => 3,
            Some(_) => 0,
            None => CPU_SUBTYPE_ANY,
        },
        page_size: if machine == Some(Machine::Arm64) { 0x4000 } else { 0x1000 },
        file_type,
        commands,
        external_symbols: external,
    });
    let mut container = parts.finish()?;
    if let Some(offset) = uuid {
        let bytes = cursor.bytes(offset, UUID_SIZE)?;
        let mapped = container.segments.iter().find(|segment| {
            (offset as u64).checked_sub(segment.offset).is_some_and(|at| at < segment.file_size)
        });
        let address = mapped.map_or(0, |segment| {
            segment.address.saturating_add((offset as u64).saturating_sub(segment.offset))
        });
        container.build_id = Some(Blob { bytes, offset, address });
    }
    Ok(container)
}

fn name<'a>(cursor: Cursor<'a>, at: usize) -> Result<&'a str, ReadError> {
    let bytes = cursor.bytes(at, 16)?;
    let length = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..length]).map_err(|_| cursor.error(at, "name is not UTF-8"))
}

impl<'a> Layout<'a> {
    fn at(self, place: &'static str) -> Cursor<'a> {
        Cursor { file: self.file, place }
    }

    fn pick<T>(self, (in_32, in_64): (T, T)) -> T {
        if self.is_64bit { in_64 } else { in_32 }
    }

    fn header_size(self) -> usize {
        self.pick((28, 32))
    }

    /// Word number `index` of those that start at `at`.
    fn word(self, cursor: Cursor<'_>, at: usize, index: usize) -> Result<u64, ReadError> {
        let at = at.saturating_add(index * self.pick((4, 8)));
        if self.is_64bit { cursor.u64(at) } else { Ok(u64::from(cursor.u32(at)?)) }
    }

    /// The commands fill the space that the header gives them: one loader counts bytes, the other commands.
    fn commands(self, header: Cursor<'_>) -> Result<Vec<LoadCommand>, ReadError> {
        let (count, length) = (header.u32(16)?, header.u32(20)? as usize);
        let cursor = self.at("Mach-O load commands");
        let start = self.header_size();
        cursor.bytes(start, length)?;
        let end = start + length;
        let (mut at, mut commands) = (start, Vec::new());
        while at < end {
            let (kind, size) = (cursor.u32(at)?, cursor.u32(at.saturating_add(4))? as usize);
            if size < 8 || size > end - at {
                let reason = format!("command {kind:#x} of {size} bytes, {} are left", end - at);
                return Err(cursor.error(at, reason));
            }
            commands.push(LoadCommand { kind, offset: at, size });
            at += size;
        }
        if commands.len() != count as usize {
            let reason = format!("{} commands, the header says {count}", commands.len());
            return Err(cursor.error(start, reason));
        }
        Ok(commands)
    }

    fn segment(self, at: usize, size: usize, parts: &mut Parts<'_>) -> Result<(), ReadError> {
        let cursor = self.at("Mach-O load commands");
        let fields = at + self.pick((40, 56));
        let access = cursor.u32(fields + 4)?;
        let segment = Segment {
            name: name(cursor, at + 8)?.to_owned(),
            kind: Segment::LOADED,
            access: (access & 1 != 0, access & 2 != 0, access & 4 != 0),
            flags: access,
            address: self.word(cursor, at + 24, 0)?,
            size: self.word(cursor, at + 24, 1)?,
            offset: self.word(cursor, at + 24, 2)?,
            file_size: self.word(cursor, at + 24, 3)?,
            alignment: 1,
        };
        let file_end = segment.offset.checked_add(segment.file_size);
        if file_end.is_none_or(|end| end > self.file.len() as u64) {
            let reason = format!("segment {} runs past the end of the file", segment.name);
            return Err(cursor.error(at, reason));
        }
        let count = cursor.u32(fields + 8)? as usize;
        let (segment_size, section_size) = self.pick(((56, 68), (72, 80)));
        if count.checked_mul(section_size).is_none_or(|n| segment_size + n > size) {
            let reason = format!("segment {} of {size} bytes has {count} sections", segment.name);
            return Err(cursor.error(at, reason));
        }
        for i in 0..count {
            let at = at + segment_size + i * section_size;
            let fields = at + self.pick((40, 48));
            let flags = cursor.u32(fields + 16)?;
            let section = Section {
                name: format!("{},{}", name(cursor, at + 16)?, name(cursor, at)?),
                kind: flags & 0xff,
                flags: u64::from(flags & !0xff),
                address: self.word(cursor, at + 32, 0)?,
                size: self.word(cursor, at + 32, 1)?,
                offset: u64::from(cursor.u32(fields)?),
                alignment: 1u64.checked_shl(cursor.u32(fields + 4)?).unwrap_or(0),
            };
            let end = section.offset.checked_add(section.size);
            if !section.is_zerofill() && end.is_none_or(|end| end > self.file.len() as u64) {
                let reason = format!("section {} runs past the end of the file", section.name);
                return Err(cursor.error(at, reason));
            }
            parts.sections.push(section);
        }
        parts.segments.push(segment);
        Ok(())
    }

    fn symbols(
        self,
        command: usize,
        external: &Range<usize>,
        parts: &mut Parts<'a>,
    ) -> Result<(), ReadError> {
        let commands = self.at("Mach-O load commands");
        let word = |i: usize| commands.u32(command + 8 + 4 * i).map(|n| n as usize);
        let (table, count, strings, strings_size) = (word(0)?, word(1)?, word(2)?, word(3)?);
        let cursor = self.at("Mach-O symbols");
        let entry_size = self.pick((12, 16));
        cursor.table(table, count, entry_size)?;
        cursor.table(strings, strings_size, 1)?;
        if external.end > count {
            let reason = format!("{count} symbols, the external ones end at {}", external.end);
            return Err(cursor.error(table, reason));
        }
        let strings_end = strings + strings_size;
        // Place in the list of each symbol of a section, for the size that comes later; external ones get none.
        let mut places: HashMap<(&str, u64), Option<usize>> = HashMap::new();
        // A function is a pair of debugging symbols: its start with its name, its size without one.
        let (mut open_function, mut functions) = (None, Vec::new());
        for i in 0..count {
            let at = table + i * entry_size;
            let (kind, section) = (cursor.bytes(at + 4, 1)?[0], usize::from(cursor.bytes(at + 5, 1)?[0]));
            let (value, name) = (self.word(cursor, at + 8, 0)?, cursor.u32(at)? as usize);
            let name = cursor.string(strings.saturating_add(name), strings_end)?;
            if kind & N_STAB != 0 {
                if kind == N_FUN {
                    match open_function.take() {
                        None => open_function = Some((name, value)),
                        Some((name, address)) => functions.push((name, address, value)),
                    }
                }
                continue;
            }
            if kind & N_TYPE != N_SECT {
                continue;
            }
            let is_global = external.contains(&i);
            let section = section.checked_sub(1).and_then(|i| parts.sections.get(i));
            let is_code = section.is_some_and(|s| s.flags & CODE_ATTRIBUTES != 0);
            let kind = if is_code && !is_global { SymbolKind::Function } else { SymbolKind::Object };
            let symbol = Symbol { name, address: value, size: 0, kind, is_global };
            if is_global {
                places.insert((name, value), None);
                parts.dynamic_symbols.push(symbol);
            } else {
                places.entry((name, value)).or_insert(Some(parts.symbols.len()));
                parts.symbols.push(symbol);
            }
        }
        for (name, address, size) in functions {
            match places.get(&(name, address)) {
                Some(&Some(place)) => parts.symbols[place].size = size,
                // The text blob, up to its first function, is a function for debuggers too.
                Some(None) => {}
                None => {
                    let kind = SymbolKind::Function;
                    parts.symbols.push(Symbol { name, address, size, kind, is_global: false });
                }
            }
        }
        Ok(())
    }
}

impl Section {
    /// Whether it is zeros in memory and nothing in the file. Only Mach-O files have such sections.
    pub fn is_zerofill(&self) -> bool {
        ZEROFILL.contains(&self.kind)
    }
}
