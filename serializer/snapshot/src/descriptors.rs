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
    }
}
