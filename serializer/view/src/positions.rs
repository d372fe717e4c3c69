//! Source positions of code: ranges with the calls that were inlined there.

use crate::{Code, Snapshot};
use dart_snapshot::descriptors::{SourceMapStep, decode_source_map};
use dart_snapshot::objects::{Array, CodeSourceMap};
use dart_snapshot::{Error, ObjId, Object};

/// One level of the calls at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceFrame {
    /// The function; null if the code's owner is none, or the map names none.
    pub function: ObjId,
    /// Line in the function's script.
    pub line: Option<u32>,
}

/// Code that belongs to one place of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRange {
    /// First byte, from the start of the code.
    pub start: u32,
    /// End, from the start of the code.
    pub end: u32,
    /// The code's own function, then the calls that were inlined, innermost last.
    pub frames: Vec<SourceFrame>,
}

/// A call that throws because a receiver is null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NullCheck {
    /// Return address, from the start of the code.
    pub pc_offset: u32,
    /// Index in the object pool of the selector.
    pub pool_index: u32,
}

/// What a source map says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRanges {
    /// Ranges in address order, without gaps from the start of the code on.
    pub ranges: Vec<SourceRange>,
    /// Null checks in address order.
    pub null_checks: Vec<NullCheck>,
}

impl SourceRanges {
    /// The calls at an offset from the start of the code.
    pub fn at(&self, pc_offset: u32) -> Option<&SourceRange> {
        let index = self.ranges.partition_point(|range| range.end <= pc_offset);
        self.ranges.get(index).filter(|range| range.start <= pc_offset)
    }
}

const NO_LINE: i32 = -1;

impl Snapshot<'_> {
    /// The source positions of a piece of code; nothing for code without a source map.
    ///
    /// # Errors
    /// A malformed map.
    pub fn source_ranges(&self, code: &Code) -> Result<SourceRanges, Error> {
        let mut result = SourceRanges::default();
        let Some(object) = self.code_object(code) else { return Ok(result) };
        let Object::CodeSourceMap(CodeSourceMap { bytes }) = self.graph.object(object.code_source_map) else {
            return Ok(result);
        };
        let inlined = self.graph.get::<Array>(object.inlined_id_to_function);
        let inlined = inlined.map_or(&[][..], |array| &array.elements);
        let owner = match self.graph.object(object.owner) {
            Object::Function(_) => object.owner,
            _ => ObjId::NULL,
        };
        let malformed = |pc: u32, reason: String| Error::Malformed { offset: pc as usize, reason };
        let (mut stack, mut pc) = (vec![(owner, NO_LINE)], 0u32);
        for step in decode_source_map(bytes)? {
            match step {
                SourceMapStep::ChangePosition(delta) => {
                    let top = stack.last_mut().expect("the outermost level stays");
                    top.1 = top.1.wrapping_add(delta);
                }
                SourceMapStep::AdvancePc(delta) => {
                    let end = u32::try_from(delta).ok().and_then(|delta| pc.checked_add(delta));
                    let end = end.ok_or_else(|| malformed(pc, format!("source map advances by {delta}")))?;
                    if end > pc {
                        let frames = stack.iter().map(|&(function, line)| SourceFrame {
                            function,
                            line: u32::try_from(line).ok(),
                        });
                        result.ranges.push(SourceRange { start: pc, end, frames: frames.collect() });
                    }
                    pc = end;
                }
                SourceMapStep::PushFunction(index) => {
                    let function = inlined.get(index as usize).copied();
                    let function = function.ok_or_else(|| {
                        malformed(
                            pc,
                            format!("source map names inlined function {index} of {}", inlined.len()),
                        )
                    })?;
                    stack.push((function, NO_LINE));
                }
                SourceMapStep::PopFunction => {
                    stack.pop();
                    if stack.is_empty() {
                        return Err(malformed(pc, "source map ends the outermost function".into()));
                    }
                }
                SourceMapStep::NullCheck(pool_index) => {
                    result.null_checks.push(NullCheck { pc_offset: pc, pool_index });
                }
            }
        }
        Ok(result)
    }
}
