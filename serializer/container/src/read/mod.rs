//! Reading containers: where a file keeps the two blobs of a snapshot.
//!
//! The files are small and their producers few, but a file may be damaged, so everything here is offsets that are checked before
//! they are followed; nothing is trusted and nothing is copied. A [`Container`] is what all formats have in common: the
//! blobs, the memory around them, symbols, the build id. Three formats exist: ELF shared objects, Mach-O dynamic libraries and
//! object files, and raw images in two files, which have nothing but their bytes.

mod elf;
mod macho;

pub use elf::machine as elf_machine;
pub use macho::{LoadCommand, MachO, machine as macho_machine};

use crate::{BUILD_ID_SYMBOL, DATA_SYMBOL, TEXT_SYMBOL};
use std::fmt;

/// Why a file is not a container of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}, offset {offset:#x}: {reason}")]
pub struct ReadError {
    /// The part of the file, such as `ELF section headers`.
    pub place: String,
    /// Offset in the file.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl ReadError {
    fn new(place: impl Into<String>, offset: usize, reason: impl Into<String>) -> ReadError {
        ReadError { place: place.into(), offset, reason: reason.into() }
    }
}

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// ELF shared object.
    Elf,
    /// Mach-O dynamic library or object file.
    MachO,
    /// Two files without any headers.
    Raw,
}

impl Format {
    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Elf => "ELF",
            Format::MachO => "Mach-O",
            Format::Raw => "raw images",
        }
    }
}

/// Processors that a file may be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// x86-64.
    X64,
    /// 32-bit x86.
    Ia32,
    /// AArch64.
    Arm64,
    /// ARM, 32 bits.
    Arm,
    /// RISC-V, 64 bits.
    Riscv64,
    /// RISC-V, 32 bits.
    Riscv32,
    /// The format's number of another one.
    Other(u32),
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Machine::X64 => f.write_str("x64"),
            Machine::Ia32 => f.write_str("ia32"),
            Machine::Arm64 => f.write_str("arm64"),
            Machine::Arm => f.write_str("arm"),
            Machine::Riscv64 => f.write_str("riscv64"),
            Machine::Riscv32 => f.write_str("riscv32"),
            Machine::Other(number) => write!(f, "machine {number}"),
        }
    }
}

/// Apple platforms (`LC_BUILD_VERSION`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Platform {
    /// macOS.
    MacOs,
    /// iOS, on devices or in the simulator.
    Ios,
    /// Another one, by its number.
    Other(u32),
}

/// Bytes of a file with their place in file and memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Offset in the file.
    pub offset: usize,
    /// Address.
    pub address: u64,
}

/// A range of memory that the loader maps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name; empty in ELF files.
    pub name: String,
    /// Type (`p_type`); 1, a loaded segment, in Mach-O files.
    pub kind: u32,
    /// Readable, writable, executable.
    pub access: (bool, bool, bool),
    /// The bits that say so, as the file has them: 1, 2 and 4 in another order in each format, and whatever else is set.
    pub flags: u32,
    /// Address.
    pub address: u64,
    /// Bytes of memory.
    pub size: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Alignment.
    pub alignment: u64,
}

impl Segment {
    /// `p_type` of segments that are mapped.
    pub const LOADED: u32 = 1;

    /// Whether the loader maps it.
    pub fn is_loaded(&self) -> bool {
        self.kind == Segment::LOADED
    }

    /// Whether `address` is in it.
    pub fn contains(&self, address: u64) -> bool {
        self.is_loaded() && address.checked_sub(self.address).is_some_and(|at| at < self.size)
    }
}

/// A section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Name; with its segment's in Mach-O files (`__TEXT,__const`).
    pub name: String,
    /// Type.
    pub kind: u32,
    /// Flags.
    pub flags: u64,
    /// Address; 0 if it is not loaded.
    pub address: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
    /// Alignment.
    pub alignment: u64,
}

/// What a symbol names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    /// Code.
    Function,
    /// Data, or one of the blobs.
    Object,
    /// A section.
    Section,
    /// Something else.
    Other,
}

/// A symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// Name.
    pub name: &'a str,
    /// Address.
    pub address: u64,
    /// Bytes; 0 if the format does not say.
    pub size: u64,
    /// What it names.
    pub kind: SymbolKind,
    /// Visible to other files.
    pub is_global: bool,
}

/// A file that holds a snapshot.
#[derive(Debug, Clone)]
pub struct Container<'a> {
    /// Format.
    pub format: Format,
    /// Processor; `None` for raw images, and for Mach-O files that leave it open.
    pub machine: Option<Machine>,
    /// ELF: `e_flags`; Mach-O: `flags`.
    pub flags: u32,
    /// What only Mach-O files have.
    pub macho: Option<MachO>,
    /// Mach-O: the platform, if the file names it.
    pub platform: Option<Platform>,
    /// The data blob: header, clusters, data image.
    pub data: Blob<'a>,
    /// The text blob.
    pub text: Blob<'a>,
    /// The build id, without the note around it; Mach-O: the UUID.
    pub build_id: Option<Blob<'a>>,
    /// Segments in file order.
    pub segments: Vec<Segment>,
    /// Sections in file order.
    pub sections: Vec<Section>,
    /// Symbols for the loader.
    pub dynamic_symbols: Vec<Symbol<'a>>,
    /// All other symbols: none in stripped files.
    pub symbols: Vec<Symbol<'a>>,
    /// Bytes of the file, or of both.
    pub file_size: usize,
    file: &'a [u8],
}

impl<'a> Container<'a> {
    /// Reads a shared library.
    ///
    /// # Errors
    /// The file is of no known format, malformed, or holds no snapshot.
    pub fn read(bytes: &'a [u8]) -> Result<Container<'a>, ReadError> {
        match bytes.get(..4) {
            Some(b"\x7fELF") => elf::read(bytes),
            Some([0xcf, 0xfa, 0xed, 0xfe]) => macho::read(bytes, true),
            Some([0xce, 0xfa, 0xed, 0xfe]) => macho::read(bytes, false),
            Some([0xca, 0xfe, 0xba, 0xbe | 0xbf]) => Err(ReadError::new(
                "file",
                0,
                "a universal Mach-O file; take one architecture out of it first",
            )),
            _ => Err(ReadError::new("file", 0, "neither an ELF nor a Mach-O file")),
        }
    }

    /// Two images without a container.
    pub fn raw(data: &'a [u8], text: &'a [u8]) -> Container<'a> {
        let blob = |bytes| Blob { bytes, offset: 0, address: 0 };
        Container {
            format: Format::Raw,
            machine: None,
            flags: 0,
            macho: None,
            platform: None,
            data: blob(data),
            text: blob(text),
            build_id: None,
            segments: Vec::new(),
            sections: Vec::new(),
            dynamic_symbols: Vec::new(),
            symbols: Vec::new(),
            file_size: data.len() + text.len(),
            file: &[],
        }
    }

    /// The segment that holds an address.
    pub fn segment_at(&self, address: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.contains(address))
    }

    /// Bytes of loaded memory; `None` unless all are in one segment and in the file.
    pub fn memory(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        let segment = self.segment_at(address)?;
        let into = address - segment.address;
        if into.checked_add(size)? > segment.file_size {
            return None;
        }
        let start = usize::try_from(segment.offset.checked_add(into)?).ok()?;
        self.file.get(start..start.checked_add(usize::try_from(size).ok()?)?)
    }

    /// The file; empty for raw images.
    pub fn file(&self) -> &'a [u8] {
        self.file
    }

    /// Bytes of a section; `None` if they are not in the file.
    pub fn section_bytes(&self, section: &Section) -> Option<&'a [u8]> {
        let start = usize::try_from(section.offset).ok()?;
        self.file.get(start..start.checked_add(usize::try_from(section.size).ok()?)?)
    }

    /// The section of that name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// A dynamic symbol by name.
    pub fn dynamic_symbol(&self, name: &str) -> Option<&Symbol<'a>> {
        self.dynamic_symbols.iter().find(|symbol| symbol.name == name)
    }
}

/// The parts that a format's reader finds; the rest is the same for all.
struct Parts<'a> {
    file: &'a [u8],
    format: Format,
    machine: Option<Machine>,
    flags: u32,
    macho: Option<MachO>,
    platform: Option<Platform>,
    segments: Vec<Segment>,
    sections: Vec<Section>,
    dynamic_symbols: Vec<Symbol<'a>>,
    symbols: Vec<Symbol<'a>>,
}

impl<'a> Parts<'a> {
    /// Completes the container; `build_id` finds the build id in what its symbol names.
    fn finish(self) -> Result<Container<'a>, ReadError> {
        let data = self.blob(DATA_SYMBOL)?;
        let text = self.blob(TEXT_SYMBOL)?;
        let build_id = match self.dynamic_symbols.iter().any(|s| s.name == BUILD_ID_SYMBOL) {
            true if self.format == Format::Elf => Some(self.blob(BUILD_ID_SYMBOL)?),
            _ => None,
        };
        Ok(Container {
            format: self.format,
            machine: self.machine,
            flags: self.flags,
            macho: self.macho,
            platform: self.platform,
            data,
            text,
            build_id,
            segments: self.segments,
            sections: self.sections,
            dynamic_symbols: self.dynamic_symbols,
            symbols: self.symbols,
            file_size: self.file.len(),
            file: self.file,
        })
    }

    /// What a dynamic symbol names.
    fn blob(&self, name: &str) -> Result<Blob<'a>, ReadError> {
        let place = "dynamic symbols";
        let symbol = self.dynamic_symbols.iter().find(|symbol| symbol.name == name);
        let symbol =
            symbol.ok_or_else(|| ReadError::new(place, 0, format!("no symbol {name}: no snapshot")))?;
        let outside = |reason: &str| {
            let (address, size) = (symbol.address, symbol.size);
            ReadError::new(place, 0, format!("{name} at {address:#x}, {size:#x} bytes, {reason}"))
        };
        let segment = self.segments.iter().find(|s| s.contains(symbol.address));
        let segment = segment.ok_or_else(|| outside("is in no loaded segment"))?;
        let into = symbol.address - segment.address;
        let size = match symbol.size {
            // Mach-O symbols have no sizes. A blob ends with its section, and says itself how long it is.
            0 => {
                let is_loaded = |s: &Section| self.format == Format::MachO || s.address != 0;
                let section = self.sections.iter().find(|s| {
                    is_loaded(s) && symbol.address.checked_sub(s.address).is_some_and(|at| at < s.size)
                });
                let section = section.ok_or_else(|| outside("is in no section"))?;
                section.size - (symbol.address - section.address)
            }
            size => size,
        };
        if into.checked_add(size).is_none_or(|end| end > segment.file_size) {
            return Err(outside("runs past its segment"));
        }
        let offset = segment.offset.checked_add(into).and_then(|at| usize::try_from(at).ok());
        let bytes = offset.zip(usize::try_from(size).ok()).and_then(|(at, size)| {
            let end = at.checked_add(size)?;
            self.file.get(at..end)
        });
        let (offset, bytes) = offset.zip(bytes).ok_or_else(|| outside("runs past the file"))?;
        Ok(Blob { bytes, offset, address: symbol.address })
    }
}

/// Checked access to little-endian words of one part of a file.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    file: &'a [u8],
    place: &'static str,
}

impl<'a> Cursor<'a> {
    fn error(self, offset: usize, reason: impl Into<String>) -> ReadError {
        ReadError::new(self.place, offset, reason)
    }

    fn bytes(self, offset: usize, length: usize) -> Result<&'a [u8], ReadError> {
        let end = offset.checked_add(length);
        end.and_then(|end| self.file.get(offset..end))
            .ok_or_else(|| self.error(offset, "past the end of the file"))
    }

    fn u16(self, offset: usize) -> Result<u16, ReadError> {
        Ok(u16::from_le_bytes(self.bytes(offset, 2)?.try_into().expect("two bytes")))
    }

    fn u32(self, offset: usize) -> Result<u32, ReadError> {
        Ok(u32::from_le_bytes(self.bytes(offset, 4)?.try_into().expect("four bytes")))
    }

    fn u64(self, offset: usize) -> Result<u64, ReadError> {
        Ok(u64::from_le_bytes(self.bytes(offset, 8)?.try_into().expect("eight bytes")))
    }

    /// A 64-bit number that must be an offset of this machine.
    fn offset(self, at: usize, value: u64) -> Result<usize, ReadError> {
        usize::try_from(value).map_err(|_| self.error(at, format!("offset {value:#x}")))
    }

    /// `count` entries of `size` bytes must be in the file.
    fn table(self, offset: usize, count: usize, size: usize) -> Result<(), ReadError> {
        let length = count.checked_mul(size);
        let length = length.ok_or_else(|| self.error(offset, format!("{count} entries")))?;
        self.bytes(offset, length).map(drop).map_err(|_| {
            self.error(offset, format!("{count} entries of {size} bytes run past the end of the file"))
        })
    }

    /// A string that ends with a zero byte, before `end`.
    fn string(self, offset: usize, end: usize) -> Result<&'a str, ReadError> {
        let bytes = self.file.get(offset..end.min(self.file.len()));
        let bytes = bytes.ok_or_else(|| self.error(offset, "string outside its table"))?;
        let length = bytes.iter().position(|&b| b == 0);
        let length = length.ok_or_else(|| self.error(offset, "string is not terminated"))?;
        std::str::from_utf8(&bytes[..length]).map_err(|_| self.error(offset, "string is not UTF-8"))
    }
}
