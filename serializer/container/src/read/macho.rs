//! 64-bit Mach-O dylibs (`runtime/vm/mach_o.cc` writes them).

use super::{
    Blob, Container, Cursor, Format, Machine, Parts, Platform, ReadError, Section, Segment, Symbol,
    SymbolKind,
};

const HEADER_SIZE: usize = 32;
const SEGMENT_SIZE: usize = 72;
const SECTION_SIZE: usize = 80;
const SYMBOL_SIZE: usize = 16;

const LC_SYMTAB: u32 = 0x2;
const LC_SEGMENT_64: u32 = 0x19;
const LC_UUID: u32 = 0x1b;
const LC_BUILD_VERSION: u32 = 0x32;

const N_STAB: u8 = 0xe0;
const N_TYPE: u8 = 0x0e;
const N_SECT: u8 = 0x0e;
const N_EXT: u8 = 0x01;
/// `n_type` of a debugging symbol that names a function.
const N_FUN: u8 = 0x24;

/// Section attributes that say "code".
const CODE_ATTRIBUTES: u64 = 0x8000_0400;

const UUID_SIZE: usize = 16;

/// Reads a Mach-O file.
pub(super) fn read(file: &[u8]) -> Result<Container<'_>, ReadError> {
    let header = Cursor { file, place: "Mach-O header" };
    let machine = match header.u32(4)? {
        0x0100_0007 => Machine::X64,
        0x0100_000c => Machine::Arm64,
        other => Machine::Other(other),
    };
    let (count, length) = (header.u32(16)?, header.u32(20)? as usize);
    let cursor = Cursor { file, place: "Mach-O load commands" };
    let end = HEADER_SIZE.saturating_add(length);
    cursor.bytes(HEADER_SIZE, length)?;
    let mut parts = Parts {
        file,
        format: Format::MachO,
        machine,
        flags: 0,
        platform: None,
        segments: Vec::new(),
        sections: Vec::new(),
        dynamic_symbols: Vec::new(),
        symbols: Vec::new(),
    };
    let (mut at, mut uuid, mut symbol_table) = (HEADER_SIZE, None, None);
    for _ in 0..count {
        let (command, size) = (cursor.u32(at)?, cursor.u32(at.saturating_add(4))? as usize);
        if size < 8 || size > end - at {
            return Err(cursor.error(at, format!("command {command:#x} of {size} bytes")));
        }
        match command {
            LC_SEGMENT_64 => segment(cursor, at, size, &mut parts)?,
            LC_SYMTAB => symbol_table = Some(at),
            LC_UUID => {
                let bytes = cursor.bytes(at + 8, UUID_SIZE)?;
                uuid = Some(Blob { bytes, offset: at + 8, address: 0 });
            }
            LC_BUILD_VERSION => {
                parts.platform = Some(match cursor.u32(at + 8)? {
                    1 => Platform::MacOs,
                    2 | 7 => Platform::Ios,
                    other => Platform::Other(other),
                });
            }
            _ => {}
        }
        at += size;
        if at == end {
            break;
        }
    }
    if let Some(at) = symbol_table {
        symbols(cursor, at, &mut parts)?;
    }
    let mut container = parts.finish()?;
    container.build_id = uuid;
    Ok(container)
}

fn name<'a>(cursor: Cursor<'a>, at: usize) -> Result<&'a str, ReadError> {
    let bytes = cursor.bytes(at, 16)?;
    let length = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..length]).map_err(|_| cursor.error(at, "name is not UTF-8"))
}

fn segment(cursor: Cursor<'_>, at: usize, size: usize, parts: &mut Parts<'_>) -> Result<(), ReadError> {
    let access = cursor.u32(at + 60)?;
    let segment = Segment {
        name: name(cursor, at + 8)?.to_owned(),
        kind: Segment::LOADED,
        access: (access & 1 != 0, access & 2 != 0, access & 4 != 0),
        address: cursor.u64(at + 24)?,
        size: cursor.u64(at + 32)?,
        offset: cursor.u64(at + 40)?,
        file_size: cursor.u64(at + 48)?,
        alignment: 1,
    };
    let count = cursor.u32(at + 64)? as usize;
    if count.checked_mul(SECTION_SIZE).is_none_or(|n| SEGMENT_SIZE + n > size) {
        return Err(
            cursor.error(at, format!("segment {} of {size} bytes has {count} sections", segment.name))
        );
    }
    for i in 0..count {
        let at = at + SEGMENT_SIZE + i * SECTION_SIZE;
        parts.sections.push(Section {
            name: format!("{},{}", segment.name, name(cursor, at)?),
            kind: cursor.u32(at + 64)? & 0xff,
            flags: u64::from(cursor.u32(at + 64)? & !0xff),
            address: cursor.u64(at + 32)?,
            size: cursor.u64(at + 40)?,
            offset: u64::from(cursor.u32(at + 48)?),
            alignment: 1u64.checked_shl(cursor.u32(at + 52)?).unwrap_or(0),
        });
    }
    parts.segments.push(segment);
    Ok(())
}

fn symbols<'a>(commands: Cursor<'a>, at: usize, parts: &mut Parts<'a>) -> Result<(), ReadError> {
    let word = |i: usize| commands.u32(at + 8 + 4 * i).map(|n| n as usize);
    let (table, count, strings, strings_size) = (word(0)?, word(1)?, word(2)?, word(3)?);
    let cursor = Cursor { place: "Mach-O symbols", ..commands };
    cursor.table(table, count, SYMBOL_SIZE)?;
    let strings_end = strings.saturating_add(strings_size);
    // A function is a pair of debugging symbols: its start with its name, its end without one.
    let mut open_function = None;
    for i in 0..count {
        let at = table + i * SYMBOL_SIZE;
        let (kind, section) = (cursor.bytes(at + 4, 1)?[0], usize::from(cursor.bytes(at + 5, 1)?[0]));
        let (value, name) = (cursor.u64(at + 8)?, cursor.u32(at)? as usize);
        let name = cursor.string(strings.saturating_add(name), strings_end)?;
        if kind & N_STAB != 0 {
            if kind == N_FUN {
                match open_function.take() {
                    None => open_function = Some((name, value)),
                    Some((name, address)) => parts.symbols.push(Symbol {
                        name,
                        address,
                        size: value,
                        kind: SymbolKind::Function,
                        is_global: false,
                    }),
                }
            }
            continue;
        }
        if kind & N_TYPE != N_SECT {
            continue;
        }
        let section = section.checked_sub(1).and_then(|i| parts.sections.get(i));
        let is_code = section.is_some_and(|s| s.flags & CODE_ATTRIBUTES != 0);
        let is_global = kind & N_EXT != 0;
        let symbol = Symbol {
            name,
            address: value,
            size: 0,
            kind: if is_code && !is_global { SymbolKind::Function } else { SymbolKind::Object },
            is_global,
        };
        if is_global { parts.dynamic_symbols.push(symbol) } else { parts.symbols.push(symbol) }
    }
    Ok(())
}
