//! Stack maps: which words of a frame hold tagged values at each return address.
//!
//! A program has far fewer distinct frame shapes than safepoints, so all frame bitmaps go into one *global*
//! table, most used first, and the map of a piece of code is a list of (pc delta, offset into that table)
//! (`UntaggedCompressedStackMaps` in `runtime/vm/raw_object.h`, `NormalizeAndDedupCompressedStackMaps` in
//! `runtime/vm/program_visitor.cc`). Equal maps are stored once. Everything here is deterministic: ties in
//! use count keep the order of first use.

use crate::error::{Error, Result};
use crate::stream::{ReadStream, write_leb128};
use rustc_hash::FxHashMap;

/// A sequence of bits, packed with the first bit lowest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Bitmap {
    length: u32,
    bytes: Vec<u8>,
}

impl Bitmap {
    /// All zero.
    pub fn new(length: u32) -> Bitmap {
        Bitmap { length, bytes: vec![0; length.div_ceil(8) as usize] }
    }

    /// From packed bytes; bits past the length are cleared.
    pub fn from_bytes(length: u32, bytes: &[u8]) -> Bitmap {
        let mut bitmap = Bitmap::new(length);
        let n = bitmap.bytes.len().min(bytes.len());
        bitmap.bytes[..n].copy_from_slice(&bytes[..n]);
        if !length.is_multiple_of(8)
            && let Some(last) = bitmap.bytes.last_mut()
        {
            *last &= (1 << (length % 8)) - 1;
        }
        bitmap
    }

    /// Number of bits.
    pub fn len(&self) -> u32 {
        self.length
    }

    /// Whether there are no bits.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Sets a bit.
    ///
    /// # Panics
    /// If `index` is out of range.
    pub fn set(&mut self, index: u32) {
        assert!(index < self.length, "bit {index} of {}", self.length);
        self.bytes[index as usize / 8] |= 1 << (index % 8);
    }

    /// Reads a bit; false out of range.
    pub fn get(&self, index: u32) -> bool {
        index < self.length && self.bytes[index as usize / 8] >> (index % 8) & 1 != 0
    }

    /// The packed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl FromIterator<bool> for Bitmap {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Bitmap {
        let mut bitmap = Bitmap::default();
        for bit in bits {
            if bitmap.length.is_multiple_of(8) {
                bitmap.bytes.push(0);
            }
            bitmap.length += 1;
            if bit {
                bitmap.set(bitmap.length - 1);
            }
        }
        bitmap
    }
}

/// The frame at one return address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StackMapEntry {
    /// Return address from the start of the code; strictly increasing within a map, and not zero.
    pub pc_offset: u32,
    /// How many of the bits count downward from the word below the frame pointer (bit 0 is FP − 1). The
    /// runtime takes the rest, in reverse, as registers saved at the bottom of the frame; words between the
    /// two are taken to be tagged.
    pub spill_slot_bits: u32,
    /// Bits of the frame's words: set if tagged.
    pub bits: Bitmap,
}

impl StackMapEntry {
    /// A frame described from the frame pointer down, with no saved registers.
    pub fn frame(pc_offset: u32, bits: Bitmap) -> StackMapEntry {
        StackMapEntry { pc_offset, spill_slot_bits: bits.len(), bits }
    }
}

const FLAG_GLOBAL_TABLE: u32 = 1;
const FLAG_USES_GLOBAL_TABLE: u32 = 2;

/// The stack maps of a program, encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodedStackMaps {
    /// Distinct maps back to back, most used first, then the global table.
    pub bytes: Vec<u8>,
    /// Offset into `bytes` of each piece of code's map.
    pub map_offsets: Vec<u32>,
    /// Offset of the global table, if any map has an entry.
    pub global_table_offset: Option<u32>,
}

/// Encodes the stack maps of all code, in table order.
///
/// # Errors
/// Return addresses that do not increase, or an impossible split of bits.
pub fn encode<'a>(maps: impl IntoIterator<Item = &'a [StackMapEntry]>) -> Result<EncodedStackMaps> {
    let maps: Vec<&[StackMapEntry]> = maps.into_iter().collect();

    let mut frames = UseCounts::default();
    let mut keys = Vec::new();
    for (index, map) in maps.iter().enumerate() {
        let mut previous = 0;
        let mut key = Vec::with_capacity(map.len());
        for entry in *map {
            if entry.pc_offset <= previous {
                let reason =
                    format!("stack map entry at {:#x} follows one at {previous:#x}", entry.pc_offset);
                return Err(Error::Inconsistent { object: format!("code {index}"), reason });
            }
            if entry.spill_slot_bits > entry.bits.len() {
                let reason = format!("{} spill slot bits of {}", entry.spill_slot_bits, entry.bits.len());
                return Err(Error::Inconsistent { object: format!("code {index}"), reason });
            }
            key.push((entry.pc_offset - previous, frames.add((entry.spill_slot_bits, &entry.bits))));
            previous = entry.pc_offset;
        }
        keys.push(key);
    }

    let mut global = Vec::new();
    let mut frame_offsets = vec![0; frames.len()];
    for frame in frames.most_used_first() {
        let (spill_slot_bits, bits) = frames.items[frame];
        frame_offsets[frame] = global.len() as u64;
        write_leb128(&mut global, u64::from(spill_slot_bits));
        write_leb128(&mut global, u64::from(bits.len() - spill_slot_bits));
        global.extend_from_slice(bits.bytes());
    }

    let mut distinct = UseCounts::default();
    let map_indices: Vec<usize> = keys.iter().map(|key| distinct.add(key)).collect();
    let mut encoded = EncodedStackMaps::default();
    let mut offsets = vec![0; distinct.len()];
    for map in distinct.most_used_first() {
        offsets[map] = encoded.bytes.len() as u32;
        let mut payload = Vec::new();
        for &(pc_delta, frame) in distinct.items[map] {
            write_leb128(&mut payload, u64::from(pc_delta));
            write_leb128(&mut payload, frame_offsets[frame]);
        }
        let flags = if payload.is_empty() { 0 } else { FLAG_USES_GLOBAL_TABLE };
        push_map(&mut encoded.bytes, flags, &payload);
    }
    encoded.map_offsets = map_indices.into_iter().map(|i| offsets[i]).collect();
    if !global.is_empty() {
        encoded.global_table_offset = Some(encoded.bytes.len() as u32);
        push_map(&mut encoded.bytes, FLAG_GLOBAL_TABLE, &global);
    }
    Ok(encoded)
}

fn push_map(out: &mut Vec<u8>, flags: u32, payload: &[u8]) {
    out.extend_from_slice(&((payload.len() as u32) << 2 | flags).to_le_bytes());
    out.extend_from_slice(payload);
}

/// Where the frames of a global table start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameOffsets {
    /// Offsets from the start of the table's payload, increasing.
    pub offsets: Vec<u32>,
    /// End of the table, from the start of `bytes`.
    pub end: usize,
}

/// The flags and the payload of the map at `offset`.
fn map_at(bytes: &[u8], offset: usize) -> Result<(u32, std::ops::Range<usize>)> {
    let mut stream = ReadStream::new(bytes, offset);
    let word = u32::from_le_bytes(stream.raw(4)?.try_into().expect("four bytes"));
    stream.raw((word >> 2) as usize)?;
    Ok((word & 3, offset + 4..stream.position()))
}

/// Finds the frames of the global table at `global`.
///
/// # Errors
/// Malformed bytes, or a map that is no global table.
pub fn frame_offsets(bytes: &[u8], global: usize) -> Result<FrameOffsets> {
    let (flags, payload) = map_at(bytes, global)?;
    let mut stream = ReadStream::new(&bytes[..payload.end], payload.start);
    if flags != FLAG_GLOBAL_TABLE {
        return Err(stream.malformed(format!("global stack map table with flags {flags}")));
    }
    let mut offsets = Vec::new();
    while stream.remaining() > 0 {
        offsets.push((stream.position() - payload.start) as u32);
        read_frame(&mut stream)?;
    }
    Ok(FrameOffsets { offsets, end: payload.end })
}

/// The offsets in the global table that the map at `offset` names; none if it holds its own frames.
///
/// # Errors
/// Malformed bytes.
pub fn frames_of(bytes: &[u8], offset: usize) -> Result<Vec<u32>> {
    let (flags, payload) = map_at(bytes, offset)?;
    let mut stream = ReadStream::new(&bytes[..payload.end], payload.start);
    if flags & FLAG_GLOBAL_TABLE != 0 {
        return Err(stream.malformed("a global table in the place of a map"));
    }
    let mut frames = Vec::new();
    while flags & FLAG_USES_GLOBAL_TABLE != 0 && stream.remaining() > 0 {
        stream.leb128()?;
        let frame = stream.leb128()?;
        frames.push(u32::try_from(frame).map_err(|_| stream.malformed(format!("frame {frame:#x}")))?);
    }
    Ok(frames)
}

/// The number of spill slot bits of a frame, and its bits.
fn read_frame(stream: &mut ReadStream) -> Result<(u32, Bitmap)> {
    let (spill, other) = (stream.leb128()?, stream.leb128()?);
    let length = spill.checked_add(other).and_then(|length| u32::try_from(length).ok());
    let length = length.ok_or_else(|| stream.malformed("frame too large"))?;
    Ok((spill as u32, Bitmap::from_bytes(length, stream.raw(length.div_ceil(8) as usize)?)))
}

/// Decodes the map at `offset` of `bytes`, whose global table is at `global`.
///
/// # Errors
/// Malformed bytes.
pub fn decode(bytes: &[u8], offset: usize, global: Option<usize>) -> Result<Vec<StackMapEntry>> {
    let (flags, payload) = map_at(bytes, offset)?;
    let mut stream = ReadStream::new(&bytes[..payload.end], payload.start);
    let (mut entries, mut pc_offset) = (Vec::new(), 0u32);
    while stream.remaining() > 0 {
        let delta = stream.leb128()?;
        let next = u32::try_from(delta).ok().and_then(|delta| pc_offset.checked_add(delta));
        pc_offset = next.ok_or_else(|| stream.malformed(format!("pc delta {delta:#x}")))?;
        let (spill_slot_bits, bits) = if flags & FLAG_USES_GLOBAL_TABLE != 0 {
            let table = global.ok_or_else(|| stream.malformed("map without its global table"))?;
            let (_, table) = map_at(bytes, table)?;
            let offset =
                usize::try_from(stream.leb128()?).ok().and_then(|offset| table.start.checked_add(offset));
            let offset = offset.ok_or_else(|| stream.malformed("frame outside the global table"))?;
            read_frame(&mut ReadStream::new(&bytes[..table.end], offset))?
        } else {
            read_frame(&mut stream)?
        };
        entries.push(StackMapEntry { pc_offset, spill_slot_bits, bits });
    }
    Ok(entries)
}

/// Distinct items in order of first use, with their use counts.
struct UseCounts<T> {
    items: Vec<T>,
    uses: Vec<u32>,
    indices: FxHashMap<T, usize>,
}

impl<T> Default for UseCounts<T> {
    fn default() -> Self {
        UseCounts { items: Vec::new(), uses: Vec::new(), indices: FxHashMap::default() }
    }
}

impl<T: Copy + Eq + std::hash::Hash> UseCounts<T> {
    fn add(&mut self, item: T) -> usize {
        let index = *self.indices.entry(item).or_insert(self.items.len());
        if index == self.items.len() {
            self.items.push(item);
            self.uses.push(0);
        }
        self.uses[index] += 1;
        index
    }

    fn len(&self) -> usize {
        self.items.len()
    }

    fn most_used_first(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(self.uses[i]));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(text: &str) -> Bitmap {
        text.chars().map(|c| c == '1').collect()
    }

    fn at(pc_offset: u32, text: &str) -> StackMapEntry {
        StackMapEntry::frame(pc_offset, bits(text))
    }

    #[test]
    fn bitmaps_pack_first_bit_lowest() {
        let b = bits("100000001");
        assert_eq!(b.bytes(), [1, 1]);
        assert!(b.get(0) && b.get(8) && !b.get(1) && !b.get(9));
        assert_eq!(Bitmap::from_bytes(3, &[0xff]).bytes(), [7]);
    }

    #[test]
    fn frames_and_maps_are_shared() {
        let maps: [&[StackMapEntry]; 4] =
            [&[at(4, "0"), at(9, "01")], &[], &[at(4, "01"), at(200, "01")], &[]];
        let encoded = encode(maps).unwrap();
        // The empty map is the most used one.
        assert_eq!(encoded.bytes[..4], [0; 4]);
        assert_eq!(encoded.map_offsets, [4, 0, 12, 0]);
        // "01" is used three times and comes first in the global table.
        let global = encoded.global_table_offset.unwrap() as usize;
        assert_eq!(encoded.bytes[4..12], [4 << 2 | 2, 0, 0, 0, 4, 3, 5, 0]);
        assert_eq!(encoded.bytes[12..21], [5 << 2 | 2, 0, 0, 0, 4, 0, 0xc4, 1, 0]);
        assert_eq!(encoded.bytes[global..], [6 << 2 | 1, 0, 0, 0, 2, 0, 2, 1, 0, 0]);
        for (map, &offset) in maps.iter().zip(&encoded.map_offsets) {
            assert_eq!(decode(&encoded.bytes, offset as usize, Some(global)).unwrap(), *map);
        }
    }

    #[test]
    fn disorder_is_an_error() {
        let map: &[StackMapEntry] = &[at(8, "1"), at(8, "1")];
        assert!(matches!(encode([map]), Err(Error::Inconsistent { .. })));
    }
}
