//! Placing machine code in the text image and resolving what it refers to.
//!
//! Every piece of code (stub, helper, function) becomes one entry of the engine's instructions table; the order of pieces is the order
//! of entries and of Code objects. References between pieces are relative, so relocation needs no addresses.

use snapcrane_arch::StubRef;

use crate::error::Error;
use crate::reach::FunctionId;

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PieceKind {
    /// A hand-written stub.
    Stub(StubRef),
    /// A helper written in Cranelift's IR.
    Helper(snapcrane_lower::HelperId),
    /// A function.
    Function(FunctionId),
}

/// Where a relocation points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Start of another piece.
    Piece(PieceKind),
    /// Byte offset of a slot in the pool object.
    Pool(u32),
}

/// A field of machine code that is filled in when everything is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reloc {
    /// Offset in the piece.
    pub offset: u32,
    /// Whether the field counts from its own address.
    pub pc_relative: bool,
    /// What it refers to.
    pub target: Target,
    /// Added to the value.
    pub addend: i64,
}

/// Machine code with everything that the runtime must know about it.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Name for symbols and messages.
    pub name: String,
    /// Instructions.
    pub bytes: Vec<u8>,
    /// Alignment of the start.
    pub align: u32,
    /// Unresolved fields.
    pub relocs: Vec<Reloc>,
    /// Frame maps by return address: whether words from FP-1 downwards are tagged. `None`: a stub, all words are.
    pub stack_maps: Vec<(u32, Vec<bool>)>,
    /// Handler of each call that has one: return address, handler.
    pub handlers: Vec<(u32, u32)>,
    /// Source offsets by return address, ascending.
    pub positions: Vec<(u32, u32)>,
    /// Offset of the entry for unchecked calls, 0 if it is the same as the other.
    pub unchecked_offset: u32,
}

impl Piece {
    /// Appends other code as the entry for unchecked calls.
    pub fn append_entry(&mut self, other: Piece) {
        let align = other.align.max(4) as usize;
        let start = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(start, 0);
        self.bytes.extend(other.bytes);
        let start = start as u32;
        self.unchecked_offset = start;
        self.align = self.align.max(other.align);
        self.relocs
            .extend(other.relocs.into_iter().map(|reloc| Reloc { offset: reloc.offset + start, ..reloc }));
        self.stack_maps.extend(other.stack_maps.into_iter().map(|(offset, map)| (offset + start, map)));
        self.handlers
            .extend(other.handlers.into_iter().map(|(call, handler)| (call + start, handler + start)));
        self.positions
            .extend(other.positions.into_iter().map(|(offset, position)| (offset + start, position)));
    }
}

/// Offsets of pieces in the text image.
#[derive(Debug)]
pub struct Placement {
    /// Start of each piece.
    pub starts: Vec<u32>,
    by_kind: rustc_hash::FxHashMap<PieceKind, usize>,
}

impl Placement {
    /// Records where pieces start.
    pub fn new(pieces: &[Piece], starts: Vec<u32>) -> Placement {
        let by_kind = pieces.iter().enumerate().map(|(index, piece)| (piece.kind, index)).collect();
        Placement { starts, by_kind }
    }

    /// Index of a piece.
    pub fn index(&self, kind: PieceKind) -> Option<usize> {
        self.by_kind.get(&kind).copied()
    }

    /// Start of a piece.
    pub fn start(&self, kind: PieceKind) -> Option<u32> {
        self.index(kind).map(|index| self.starts[index])
    }
}

/// Fills in the fields of all pieces.
///
/// # Errors
/// A target that does not exist or does not fit its field.
pub fn relocate(pieces: &mut [Piece], placement: &Placement) -> Result<(), Error> {
    for (index, piece) in pieces.iter_mut().enumerate() {
        let start = i64::from(placement.starts[index]);
        for reloc in std::mem::take(&mut piece.relocs) {
            let error =
                || Error::Range { function: piece.name.clone(), target: format!("{:?}", reloc.target) };
            let target = match reloc.target {
                Target::Piece(kind) => i64::from(placement.start(kind).ok_or_else(error)?),
                Target::Pool(offset) => i64::from(offset),
            };
            let mut value = target + reloc.addend;
            if reloc.pc_relative {
                value -= start + i64::from(reloc.offset);
            }
            let value = i32::try_from(value).map_err(|_| error())?;
            let at = reloc.offset as usize;
            piece.bytes.get_mut(at..at + 4).ok_or_else(error)?.copy_from_slice(&value.to_le_bytes());
        }
    }
    Ok(())
}
