//! Tables that the runtime finds by return address: handlers, descriptors, catch entries, source lines, stack maps.
//!
//! Code is marked optimized, because only then does the runtime read source lines from it. For such code it demands, for every
//! call with a handler, a list of values to move before entering the handler (empty here: handlers find everything in its
//! stack slot), and it may walk the frame with the handler's address as its pc, so handlers have stack maps too: what
//! all calls that lead there agree on.

use std::collections::BTreeMap;

use dart_snapshot::ObjId;
use dart_snapshot::descriptors::{
    CodeSourceMapBuilder, InlineFrame, PcDescriptor, PcDescriptorKind, PcDescriptorsBuilder,
    encode_catch_moves,
};
use dart_snapshot::objects::{self, Array, ExceptionHandler, ExceptionHandlers};
use dart_snapshot::stack_maps::{Bitmap, StackMapEntry};

use super::Image;
use crate::text::{Piece, PieceKind};

/// Tables of one Code object.
#[derive(Debug)]
pub(super) struct Tables {
    pub exception_handlers: ObjId,
    pub pc_descriptors: ObjId,
    pub catch_entry: ObjId,
    pub inlined_id_to_function: ObjId,
    pub code_source_map: ObjId,
}

/// Makes the tables of a piece. `owner` is its function.
pub(super) fn encode(image: &mut Image<'_>, piece_index: usize, owner: ObjId) -> Tables {
    let piece = &image.pieces[piece_index];
    let mut tables = Tables {
        exception_handlers: image.common.empty_exception_handlers,
        pc_descriptors: image.common.empty_descriptors,
        catch_entry: ObjId::NULL,
        inlined_id_to_function: ObjId::NULL,
        code_source_map: ObjId::NULL,
    };
    if !piece.handlers.is_empty() {
        handlers(image, piece, &mut tables);
    }
    if !owner.is_null() {
        tables.inlined_id_to_function = image.graph.add(Array::new(vec![owner]));
        let mut builder = CodeSourceMapBuilder::new();
        for (end, line) in lines(image, piece) {
            // Numbers are offsets within one function: they fit.
            let _ = builder.range(end, &[InlineFrame { function_index: 0, line }]);
        }
        tables.code_source_map = image.graph.add(builder.finish());
    }
    tables
}

fn handlers(image: &mut Image<'_>, piece: &Piece, tables: &mut Tables) {
    let mut index_of: BTreeMap<u32, u32> = BTreeMap::new();
    let mut descriptors = PcDescriptorsBuilder::new();
    let mut sites: Vec<(u32, u32)> = piece.handlers.clone();
    sites.sort_unstable();
    let mut handlers = Vec::new();
    for &(return_offset, handler) in &sites {
        let try_index = *index_of.entry(handler).or_insert_with(|| {
            handlers.push(ExceptionHandler {
                handler_pc_offset: handler,
                outer_try_index: -1,
                needs_stacktrace: true,
                has_catch_all: true,
                is_generated: true,
            });
            handlers.len() as u32 - 1
        });
        // Lowering splits functions with more handlers than a descriptor can name.
        let _ = descriptors.add(PcDescriptor {
            pc_offset: return_offset,
            kind: PcDescriptorKind::Other,
            try_index: Some(try_index),
            yield_index: None,
        });
    }
    let handled_types = vec![image.empty_array; handlers.len()];
    let handled_types_data = image.graph.add(Array::new(handled_types));
    tables.exception_handlers =
        image.graph.add(ExceptionHandlers { handled_types_data, handlers, has_async_handler: false });
    if let Some(descriptors) = descriptors.finish() {
        tables.pc_descriptors = image.graph.add(descriptors);
    }
    let moves: objects::TypedData =
        encode_catch_moves(sites.iter().map(|&(return_offset, _)| (return_offset, &[][..])));
    tables.catch_entry = image.graph.add(moves);
}

/// Ranges of code by end offset, with their lines.
fn lines(image: &Image<'_>, piece: &Piece) -> Vec<(u32, Option<u32>)> {
    let PieceKind::Function(id) = piece.kind else { return Vec::new() };
    let Some(source) = image.source_of(id) else { return Vec::new() };
    let starts = image.program.component.line_starts(source);
    let mut ranges = Vec::new();
    for &(end, offset) in &piece.positions {
        let line = starts.partition_point(|&start| start <= offset);
        ranges.push((end, (line > 0).then_some(line as u32)));
    }
    ranges
}

/// Stack maps of a piece, handlers included, in ascending order. `None` for stubs, whose frames are all tagged.
pub(super) fn stack_maps(piece: &Piece) -> Vec<StackMapEntry> {
    let mut maps: BTreeMap<u32, Vec<bool>> = BTreeMap::new();
    for (return_offset, tagged) in &piece.stack_maps {
        maps.insert(*return_offset, tagged.clone());
    }
    let calls = maps.clone();
    for (return_offset, handler) in &piece.handlers {
        let Some(tagged) = calls.get(return_offset) else { continue };
        maps.entry(*handler)
            .and_modify(|common| {
                for (bit, other) in common.iter_mut().zip(tagged) {
                    *bit &= other;
                }
            })
            .or_insert_with(|| tagged.clone());
    }
    maps.into_iter()
        .map(|(offset, tagged)| {
            let mut bits = Bitmap::new(tagged.len() as u32);
            for (index, _) in tagged.iter().enumerate().filter(|(_, tagged)| **tagged) {
                bits.set(index as u32);
            }
            StackMapEntry::frame(offset, bits)
        })
        .collect()
}
