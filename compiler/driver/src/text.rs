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
    /// A routine of the code generator.
    Routine(snapcrane_lower::RoutineId),
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
pub type Reloc = snapcrane_arch::Reloc<Target>;

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
    for index in 0..pieces.len() {
        let start = i64::from(placement.starts[index]);
        for reloc in std::mem::take(&mut pieces[index].relocs) {
            let target = match reloc.target {
                Target::Piece(kind) => placement.start(kind).map(i64::from),
                Target::Pool(offset) => Some(i64::from(offset)),
            };
            let code = &mut pieces[index].bytes;
            target
                .and_then(|target| reloc.kind.patch(code, start, reloc.offset, target + reloc.addend))
                .ok_or_else(|| range_error(pieces, placement, index, reloc.target))?;
        }
    }
    Ok(())
}

/// The error of a field that cannot hold its target, both by name.
fn range_error(pieces: &[Piece], placement: &Placement, index: usize, target: Target) -> Error {
    let target = match target {
        Target::Piece(kind) => match placement.index(kind) {
            Some(index) => pieces[index].name.clone(),
            None => format!("{kind:?}"),
        },
        Target::Pool(offset) => format!("pool offset {offset}"),
    };
    Error::Range { function: pieces[index].name.clone(), target }
}

#[cfg(test)]
mod tests {
    use snapcrane_arch::RelocKind;

    use super::*;

    fn piece(function: u32, relocs: Vec<Reloc>) -> Piece {
        Piece {
            kind: PieceKind::Function(FunctionId::from_u32(function)),
            name: format!("function {function}"),
            bytes: 0xeb00_0000_u32.to_le_bytes().to_vec(),
            align: 4,
            relocs,
            stack_maps: Vec::new(),
            handlers: Vec::new(),
            positions: Vec::new(),
            unchecked_offset: 0,
        }
    }

    #[test]
    fn calls_that_are_too_far_name_both_ends() {
        let target = Target::Piece(PieceKind::Function(FunctionId::from_u32(1)));
        let call = Reloc { offset: 0, kind: RelocKind::A32Branch24, target, addend: 0 };
        let mut pieces = [piece(0, vec![call]), piece(1, Vec::new())];
        let near = Placement::new(&pieces, vec![0, 0x100]);
        relocate(&mut pieces, &near).expect("near");
        assert_eq!(pieces[0].bytes, 0xeb00_003e_u32.to_le_bytes());
        pieces[0].relocs.push(call);
        let far = Placement::new(&pieces, vec![0, 1 << 26]);
        let error = relocate(&mut pieces, &far).expect_err("far");
        assert_eq!(error.to_string(), "function 0: function 1 is out of range");
    }
}
