//! Tables that the runtime reads for a return address: try blocks, source lines, catch-entry moves.
//!
//! Encodings of `runtime/vm/code_descriptors.cc`. All are streams of deltas over pc offsets from the start of
//! the code.

use crate::error::{Error, Result};
use crate::objects::{CodeSourceMap, PcDescriptors, TypedData, TypedDataType};
use crate::stream::{ReadStream, WriteStream, write_sleb128};

/// `UntaggedPcDescriptors::Kind`, by bit index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PcDescriptorKind {
    /// Deoptimization continuation.
    Deopt = 0,
    /// Call through an inline cache.
    IcCall = 1,
    /// Unoptimized static call.
    UnoptStaticCall = 2,
    /// Call into the runtime.
    RuntimeCall = 3,
    /// On-stack replacement entry.
    OsrEntry = 4,
    /// Call to be rewound.
    Rewind = 5,
    /// Any other call.
    Other = 6,
}

/// A call site inside a try block, or one that a suspended function resumes at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PcDescriptor {
    /// Return address from the start of the code.
    pub pc_offset: u32,
    /// Kind of call.
    pub kind: PcDescriptorKind,
    /// Index of the handler.
    pub try_index: Option<u32>,
    /// Index of the suspension point; 0 is the function's start and cannot be named.
    pub yield_index: Option<u32>,
}

/// Collects descriptors.
#[derive(Debug, Clone, Default)]
pub struct PcDescriptorsBuilder {
    bytes: Vec<u8>,
    previous: u32,
}

impl PcDescriptorsBuilder {
    /// No descriptors.
    pub fn new() -> PcDescriptorsBuilder {
        PcDescriptorsBuilder::default()
    }

    /// Adds one. Like the VM's compiler, keeps only those that say something: a try index or a yield index.
    ///
    /// # Errors
    /// An index that does not fit its bits.
    pub fn add(&mut self, descriptor: PcDescriptor) -> Result<()> {
        let PcDescriptor { pc_offset, kind, try_index, yield_index } = descriptor;
        if try_index.is_none() && yield_index.is_none() {
            return Ok(());
        }
        let field = |what, index: Option<u32>, bits: u32| match index {
            Some(index) if index >= (1 << bits) - 1 => {
                Err(Error::Overflow { what, value: index.into(), limit: "bits of a PcDescriptors entry" })
            }
            Some(index) => Ok(index + 1),
            None => Ok(0),
        };
        let try_index = field("try index", try_index, 10)?;
        let yield_index = field("yield index", yield_index, 19)?;
        let metadata = kind as u32 | try_index << 3 | yield_index << 13;
        write_sleb128(&mut self.bytes, i64::from(metadata as i32));
        write_sleb128(&mut self.bytes, i64::from(pc_offset) - i64::from(self.previous));
        self.previous = pc_offset;
        Ok(())
    }

    /// The object; `None` if nothing was kept, then the code refers to the program's one empty object.
    pub fn finish(self) -> Option<PcDescriptors> {
        (!self.bytes.is_empty()).then_some(PcDescriptors { bytes: self.bytes })
    }
}

/// Decodes descriptors.
///
/// # Errors
/// Malformed bytes.
pub fn decode_pc_descriptors(bytes: &[u8]) -> Result<Vec<PcDescriptor>> {
    use PcDescriptorKind::{Deopt, IcCall, OsrEntry, Other, Rewind, RuntimeCall, UnoptStaticCall};
    let mut stream = ReadStream::new(bytes, 0);
    let (mut descriptors, mut pc_offset) = (Vec::new(), 0i64);
    while stream.remaining() > 0 {
        let metadata = stream.sleb128()? as u32;
        pc_offset += stream.sleb128()?;
        let kind = [Deopt, IcCall, UnoptStaticCall, RuntimeCall, OsrEntry, Rewind, Other]
            .get((metadata & 7) as usize)
            .copied()
            .ok_or_else(|| stream.malformed("descriptor kind 7"))?;
        let pc_offset = u32::try_from(pc_offset).map_err(|_| stream.malformed("pc offset out of range"))?;
        let try_index = (metadata >> 3 & 0x3ff).checked_sub(1);
        descriptors.push(PcDescriptor {
            pc_offset,
            kind,
            try_index,
            yield_index: (metadata >> 13).checked_sub(1),
        });
    }
    Ok(descriptors)
}

/// One level of a (possibly inlined) call stack inside a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InlineFrame {
    /// Index into the code's `inlined_id_to_function`; ignored for the outermost level, which is the code's
    /// owner.
    pub function_index: u32,
    /// Line, or `None` for code without one.
    pub line: Option<u32>,
}

/// Collects source positions. Ranges must come in pc order.
#[derive(Debug, Clone)]
pub struct CodeSourceMapBuilder {
    stream: WriteStream,
    pc_offset: u32,
    /// Function index and line of each level, as a reader would have them now.
    written: Vec<(u32, i32)>,
}

// A reader starts each level without a line (TokenPosition::kNoSource).
const NO_SOURCE: i32 = -1;

#[derive(Clone, Copy)]
enum SourceMapOp {
    ChangePosition = 0,
    AdvancePc = 1,
    PushFunction = 2,
    PopFunction = 3,
    NullCheck = 4,
}

impl Default for CodeSourceMapBuilder {
    fn default() -> CodeSourceMapBuilder {
        CodeSourceMapBuilder::new()
    }
}

impl CodeSourceMapBuilder {
    /// An empty map.
    pub fn new() -> CodeSourceMapBuilder {
        CodeSourceMapBuilder { stream: WriteStream::new(), pc_offset: 0, written: vec![(0, NO_SOURCE)] }
    }

    fn op(&mut self, op: SourceMapOp, arg: i32) -> Result<()> {
        if !(-(1 << 28)..1 << 28).contains(&arg) {
            return Err(Error::Overflow { what: "source map argument", value: arg.into(), limit: "29 bits" });
        }
        self.stream.signed(i64::from(arg << 3 | op as i32));
        Ok(())
    }

    fn set_stack(&mut self, stack: &[InlineFrame]) -> Result<()> {
        if stack.is_empty() {
            return Err(Error::Missing { what: "inline frame", name: "the outermost function".into() });
        }
        let line = |frame: &InlineFrame| frame.line.map_or(NO_SOURCE, |line| line as i32);
        // The calls that stay are those whose function, and whose callers' lines, do not change.
        let mut common = 1;
        while common < stack.len().min(self.written.len())
            && stack[common].function_index == self.written[common].0
            && line(&stack[common - 1]) == self.written[common - 1].1
        {
            common += 1;
        }
        while self.written.len() > common {
            self.op(SourceMapOp::PopFunction, 0)?;
            self.written.pop();
        }
        for (level, frame) in stack.iter().enumerate().skip(common - 1) {
            if level >= common {
                self.op(SourceMapOp::PushFunction, frame.function_index as i32)?;
                self.written.push((frame.function_index, NO_SOURCE));
            }
            let (new, old) = (line(frame), self.written[level].1);
            if new != old {
                self.op(SourceMapOp::ChangePosition, new.wrapping_sub(old))?;
                self.written[level].1 = new;
            }
        }
        Ok(())
    }

    fn advance(&mut self, pc_offset: u32) -> Result<()> {
        if pc_offset < self.pc_offset {
            let reason = format!("range ends at {pc_offset:#x}, before {:#x}", self.pc_offset);
            return Err(Error::Inconsistent { object: "source map".into(), reason });
        }
        if pc_offset > self.pc_offset {
            self.op(SourceMapOp::AdvancePc, (pc_offset - self.pc_offset) as i32)?;
            self.pc_offset = pc_offset;
        }
        Ok(())
    }

    /// Code up to `end` belongs to `stack`, outermost function first.
    ///
    /// # Errors
    /// An empty stack, a range that ends before the last one, or numbers too large.
    pub fn range(&mut self, end: u32, stack: &[InlineFrame]) -> Result<()> {
        if end == self.pc_offset {
            return Ok(());
        }
        self.set_stack(stack)?;
        self.advance(end)
    }

    /// Marks the call of a null error at return address `pc_offset`: the receiver was to be used as
    /// `name_index` (object pool index of the selector). The code up to there belongs to `stack`.
    ///
    /// # Errors
    /// As [`CodeSourceMapBuilder::range`].
    pub fn null_check(&mut self, pc_offset: u32, stack: &[InlineFrame], name_index: u32) -> Result<()> {
        self.set_stack(stack)?;
        self.advance(pc_offset)?;
        self.op(SourceMapOp::NullCheck, name_index as i32)
    }

    /// The object.
    pub fn finish(self) -> CodeSourceMap {
        CodeSourceMap { bytes: self.stream.into_bytes() }
    }
}

/// The inlining stack at a pc, outermost first: what the runtime's reader would report.
///
/// # Errors
/// Malformed bytes.
pub fn source_map_at(bytes: &[u8], pc_offset: u32) -> Result<Vec<InlineFrame>> {
    let mut stream = ReadStream::new(bytes, 0);
    let (mut stack, mut current) = (vec![(0u32, NO_SOURCE)], 0i64);
    while stream.remaining() > 0 {
        let n = stream.signed(32)? as i32;
        let arg = n >> 3;
        match n & 7 {
            0 => {
                let top = stack.last_mut().ok_or_else(|| stream.malformed("empty inlining stack"))?;
                top.1 = top.1.wrapping_add(arg);
            }
            1 => {
                current += i64::from(arg);
                if current > i64::from(pc_offset) {
                    break;
                }
            }
            2 => stack.push((arg as u32, NO_SOURCE)),
            3 if stack.len() > 1 => drop(stack.pop()),
            4 => {}
            op => return Err(stream.malformed(format!("source map operation {op}"))),
        }
    }
    let frame = |(function_index, line)| InlineFrame { function_index, line: u32::try_from(line).ok() };
    Ok(stack.into_iter().map(frame).collect())
}

/// One operation of a source map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceMapStep {
    /// The line of the innermost level changes by this much.
    ChangePosition(i32),
    /// The range with the current stack goes on for this many bytes.
    AdvancePc(i32),
    /// A level is added: index into `inlined_id_to_function`.
    PushFunction(u32),
    /// The innermost level ends.
    PopFunction,
    /// A null error here names the selector at this object pool index.
    NullCheck(u32),
}

/// Decodes the operations of a source map.
///
/// # Errors
/// Malformed bytes: an unknown operation, or a negative index.
pub fn decode_source_map(bytes: &[u8]) -> Result<Vec<SourceMapStep>> {
    let mut stream = ReadStream::new(bytes, 0);
    let mut steps = Vec::new();
    while stream.remaining() > 0 {
        let n = stream.signed(32)? as i32;
        let arg = n >> 3;
        let index = || u32::try_from(arg).map_err(|_| stream.malformed(format!("source map index {arg}")));
        steps.push(match n & 7 {
            0 => SourceMapStep::ChangePosition(arg),
            1 => SourceMapStep::AdvancePc(arg),
            2 => SourceMapStep::PushFunction(index()?),
            3 => SourceMapStep::PopFunction,
            4 => SourceMapStep::NullCheck(index()?),
            op => return Err(stream.malformed(format!("source map operation {op}"))),
        });
    }
    Ok(steps)
}

/// Where a value of the handler's frame comes from (`CatchEntryMove::SourceKind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum CatchMoveSource {
    /// Object pool index.
    Constant = 0,
    /// Frame slot; the other kinds are unboxed slots that the runtime boxes.
    Tagged = 1,
    Float = 2,
    Double = 3,
    Float32x4 = 4,
    Float64x2 = 5,
    Int32x4 = 6,
    Int64Pair = 7,
    Int64 = 8,
    Int32 = 9,
    Uint32 = 10,
}

impl CatchMoveSource {
    /// All of them, by number.
    pub const ALL: [CatchMoveSource; 11] = [
        CatchMoveSource::Constant,
        CatchMoveSource::Tagged,
        CatchMoveSource::Float,
        CatchMoveSource::Double,
        CatchMoveSource::Float32x4,
        CatchMoveSource::Float64x2,
        CatchMoveSource::Int32x4,
        CatchMoveSource::Int64Pair,
        CatchMoveSource::Int64,
        CatchMoveSource::Int32,
        CatchMoveSource::Uint32,
    ];
}

/// One move into the frame of a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CatchMove {
    /// Kind of source.
    pub kind: CatchMoveSource,
    /// Pool index or slot.
    pub source: i32,
    /// Destination slot.
    pub destination: i32,
}

/// Encodes catch-entry moves: for each call site that may throw into a handler, the moves to make before the
/// handler runs. Suffixes are not shared.
pub fn encode_catch_moves<'a>(sites: impl IntoIterator<Item = (u32, &'a [CatchMove])>) -> TypedData {
    let mut stream = WriteStream::new();
    for (pc_offset, moves) in sites {
        stream.signed(i64::from(pc_offset));
        stream.signed(moves.len() as i64);
        // No suffix: length 0 at offset -1.
        stream.signed(0);
        stream.signed(-1);
        // The reader fills its list from the back.
        for m in moves.iter().rev() {
            stream.signed(i64::from(m.source));
            stream.signed(i64::from(m.destination << 4 | m.kind as i32));
        }
    }
    TypedData { element: TypedDataType::Int8, bytes: stream.into_bytes() }
}

/// The moves of one call site, suffixes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatchSite {
    /// Return address from the start of the code.
    pub pc_offset: u32,
    /// Moves in the order in which they are made.
    pub moves: Vec<CatchMove>,
}

/// Decodes catch-entry moves (`CatchEntryMovesMapReader` in `runtime/vm/code_descriptors.cc`). A site may end
/// with the last moves of an earlier one. `word_bits` is the width of the target's machine word.
///
/// # Errors
/// Malformed bytes, a suffix that is no site's, or more moves in all than the bytes could hold.
pub fn decode_catch_moves(bytes: &[u8], word_bits: u32) -> Result<Vec<CatchSite>> {
    let mut stream = ReadStream::new(bytes, 0);
    // Sites in stream order with their offsets: suffixes name sites by offset.
    let mut sites: Vec<(usize, CatchSite)> = Vec::new();
    let mut budget = 64 * bytes.len();
    while stream.remaining() > 0 {
        let start = stream.position();
        let mut next = || stream.signed(word_bits);
        let (pc_offset, count, suffix_length, suffix_offset) = (next()?, next()?, next()?, next()?);
        let bad = |what: &str, n: i64| Error::Malformed { offset: start, reason: format!("{what} {n}") };
        let pc_offset = u32::try_from(pc_offset).map_err(|_| bad("pc offset", pc_offset))?;
        let count = usize::try_from(count).ok().filter(|&n| n <= stream.remaining());
        let count = count.ok_or_else(|| bad("moves, too many:", stream.remaining() as i64))?;
        let suffix = match suffix_length {
            0 => &[][..],
            _ => {
                let found = sites.binary_search_by_key(&suffix_offset, |(offset, _)| *offset as i64);
                let site = found.map_err(|_| bad("no site at suffix offset", suffix_offset))?;
                let moves = &sites[site].1.moves;
                let length = usize::try_from(suffix_length).ok().filter(|&n| n <= moves.len());
                &moves[moves.len() - length.ok_or_else(|| bad("suffix length", suffix_length))?..]
            }
        };
        let total = count + suffix.len();
        budget = budget.checked_sub(total).ok_or_else(|| bad("moves in all, too many:", total as i64))?;
        let none = CatchMove { kind: CatchMoveSource::Constant, source: 0, destination: 0 };
        let mut moves = vec![none; count];
        moves.extend_from_slice(suffix);
        // Own moves are stored from the back.
        for m in moves[..count].iter_mut().rev() {
            let (source, packed) = (stream.signed(32)? as i32, stream.signed(32)? as i32);
            let kind = CatchMoveSource::ALL.get((packed & 15) as usize).copied();
            let kind = kind.ok_or_else(|| stream.malformed(format!("move of kind {}", packed & 15)))?;
            *m = CatchMove { kind, source, destination: packed >> 4 };
        }
        sites.push((start, CatchSite { pc_offset, moves }));
    }
    Ok(sites.into_iter().map(|(_, site)| site).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pc_descriptors() {
        let list = [
            PcDescriptor {
                pc_offset: 0x20,
                kind: PcDescriptorKind::Other,
                try_index: Some(0),
                yield_index: None,
            },
            PcDescriptor {
                pc_offset: 0x18,
                kind: PcDescriptorKind::Other,
                try_index: Some(1021),
                yield_index: None,
            },
            PcDescriptor {
                pc_offset: 0x1000,
                kind: PcDescriptorKind::RuntimeCall,
                try_index: None,
                yield_index: Some(1),
            },
        ];
        let mut builder = PcDescriptorsBuilder::new();
        builder.add(PcDescriptor { try_index: None, ..list[0] }).unwrap();
        assert_eq!(builder.clone().finish(), None);
        for descriptor in list {
            builder.add(descriptor).unwrap();
        }
        let object = builder.finish().unwrap();
        assert_eq!(object.bytes[..2], [6 | 1 << 3, 0x20]);
        assert_eq!(decode_pc_descriptors(&object.bytes).unwrap(), list);
        assert!(PcDescriptorsBuilder::new().add(PcDescriptor { try_index: Some(1023), ..list[0] }).is_err());
    }

    fn frame(function_index: u32, line: u32) -> InlineFrame {
        InlineFrame { function_index, line: Some(line) }
    }

    #[test]
    fn source_map() {
        let mut builder = CodeSourceMapBuilder::new();
        builder.range(8, &[frame(0, 10)]).unwrap();
        builder.range(20, &[frame(0, 11), frame(1, 5)]).unwrap();
        builder.range(24, &[frame(0, 11), frame(1, 6), frame(2, 1)]).unwrap();
        builder.null_check(30, &[frame(0, 12)], 77).unwrap();
        builder.range(40, &[frame(0, 12)]).unwrap();
        assert!(builder.range(36, &[frame(0, 12)]).is_err());
        let map = builder.finish();
        let at = |pc| source_map_at(&map.bytes, pc).unwrap();
        assert_eq!(at(0), [frame(0, 10)]);
        assert_eq!(at(7), [frame(0, 10)]);
        assert_eq!(at(8), [frame(0, 11), frame(1, 5)]);
        assert_eq!(at(21), [frame(0, 11), frame(1, 6), frame(2, 1)]);
        assert_eq!(at(29), [frame(0, 12)]);
        assert_eq!(at(39), [frame(0, 12)]);
        // ChangePosition +11 (from -1), AdvancePC 8.
        assert_eq!(map.bytes[..4], [11 << 3, 0xc0, 8 << 3 | 1, 0xc0]);
    }

    #[test]
    fn catch_moves() {
        let moves = [
            CatchMove { kind: CatchMoveSource::Tagged, source: -3, destination: -4 },
            CatchMove { kind: CatchMoveSource::Constant, source: 9, destination: 2 },
        ];
        let data = encode_catch_moves([(5, &moves[..]), (6, &[][..])]);
        let mut s = ReadStream::new(&data.bytes, 0);
        let read: Vec<i64> = std::iter::from_fn(|| s.signed(64).ok()).collect();
        assert_eq!(read, [5, 2, 0, -1, 9, 2 << 4, -3, -4 * 16 + 1, 6, 0, 0, -1]);
        let sites = decode_catch_moves(&data.bytes, 64).unwrap();
        assert_eq!(sites[0], CatchSite { pc_offset: 5, moves: moves.to_vec() });
        assert_eq!(sites[1], CatchSite { pc_offset: 6, moves: Vec::new() });

        // A second site with one move of its own and the last move of the first one.
        let mut stream = WriteStream::new();
        [5, 2, 0, -1, 9, 2 << 4, -3, -4 * 16 + 1].iter().for_each(|&n| stream.signed(n));
        [8, 1, 1, 0, 7, 3 << 4].iter().for_each(|&n| stream.signed(n));
        let shared = stream.into_bytes();
        let own = CatchMove { kind: CatchMoveSource::Constant, source: 7, destination: 3 };
        assert_eq!(decode_catch_moves(&shared, 64).unwrap()[1].moves, [own, moves[1]]);
        assert!(decode_catch_moves(&shared[..shared.len() - 1], 64).is_err());
    }
}
