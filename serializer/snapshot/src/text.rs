//! The text image: machine code, its layout, and the table that maps return addresses to code.
//!
//! Producing text takes two steps, because code must be relocated in between: [`layout`] turns sizes into
//! final offsets, the caller resolves calls between bodies, then [`TextLayout::build`] lays the final bytes
//! out. Offsets are from the start of the image, which is where the runtime counts from. The image knows
//! three link-time facts (where it is, and the distances to a writable word and to the build id); `build`
//! leaves break filler there, and the container overwrites it at [`TextImage::relocation_offset`] once it
//! knows them.
//!
//! The order of bodies is the order of Code objects: table entry k and Code object k correspond by position
//! alone.

use crate::data_image::{ObjectTags, push_word};
use crate::error::{Error, Result};
use crate::graph::ObjId;
use crate::spec::{ClassIds, Target};
use crate::stack_maps::{self, StackMapEntry};

/// Alignment of the image and size of its first header.
pub const IMAGE_ALIGNMENT: u32 = 64;

/// What the layout needs to know about a piece of code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyShape {
    /// Bytes.
    pub size: u32,
    /// Whether it contains a loop that asks to be aligned.
    pub has_aligned_loops: bool,
}

/// Where each body goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLayout {
    /// Offset of each body from the start of the image.
    pub offsets: Vec<u32>,
    /// Sizes of the bodies, as given.
    pub sizes: Vec<u32>,
    /// End of the code, padding of the last body included.
    pub payload_end: u32,
    /// Size of the whole image.
    pub image_size: u32,
}

/// The text image's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextImage {
    /// The blob.
    pub bytes: Vec<u8>,
    /// Offset of three words for the container to fill: writable word − image, image address, build id −
    /// image.
    pub relocation_offset: u32,
}

/// Offset of the first body.
pub fn payload_offset(target: &Target) -> u32 {
    IMAGE_ALIGNMENT + section_header_size(target)
}

// InstructionsSection: tags, payload length and three link-time words, rounded to 32.
fn section_header_size(target: &Target) -> u32 {
    (5 * target.word_bytes()).next_multiple_of(32)
}

const CODE_ALIGNMENT: u32 = 4;

/// Assigns offsets to bodies, in order.
///
/// # Errors
/// A body without bytes (its pc would not be unique), or text too large for 31-bit offsets.
pub fn layout(target: &Target, bodies: impl IntoIterator<Item = BodyShape>) -> Result<TextLayout> {
    let (mut offsets, mut sizes) = (Vec::new(), Vec::new());
    let mut end = u64::from(payload_offset(target));
    for body in bodies {
        if body.size == 0 {
            let object = format!("code {}", offsets.len());
            return Err(Error::Inconsistent { object, reason: "has no instructions".into() });
        }
        let alignment =
            if body.has_aligned_loops { target.arch.preferred_loop_alignment } else { CODE_ALIGNMENT };
        let start = end.next_multiple_of(u64::from(alignment.max(CODE_ALIGNMENT)));
        end = (start + u64::from(body.size)).next_multiple_of(u64::from(CODE_ALIGNMENT));
        offsets.push(start as u32);
        sizes.push(body.size);
    }
    let image_size = end.next_multiple_of(u64::from(target.object_alignment()));
    if image_size >= 1 << 31 {
        return Err(Error::Overflow {
            what: "size of the text image",
            value: image_size.into(),
            limit: "31 bits",
        });
    }
    Ok(TextLayout { offsets, sizes, payload_end: end as u32, image_size: image_size as u32 })
}

impl TextLayout {
    /// Lays out the final bytes.
    ///
    /// # Errors
    /// Bodies that differ in number or size from what was laid out.
    pub fn build<'a>(
        &self,
        target: &Target,
        ids: &ClassIds,
        bodies: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<TextImage> {
        let mut bytes = Vec::with_capacity(self.image_size as usize);
        push_word(&mut bytes, target, u64::from(self.image_size));
        push_word(&mut bytes, target, u64::from(IMAGE_ALIGNMENT));
        bytes.resize(IMAGE_ALIGNMENT as usize, 0);

        let section_size = self.image_size - IMAGE_ALIGNMENT;
        let tags =
            ObjectTags { class_id: ids.instructions_section, size: section_size, ..ObjectTags::default() };
        push_word(&mut bytes, target, tags.bits(target));
        let payload = payload_offset(target);
        push_word(&mut bytes, target, u64::from(self.payload_end - payload));
        let relocation_offset = bytes.len() as u32;
        let filler = target.arch.break_filler;
        for _ in 0..3 * target.word_bytes() / 4 {
            bytes.extend_from_slice(&filler);
        }
        bytes.resize(payload as usize, 0);

        let mut count = 0;
        for body in bodies {
            let (Some(&offset), Some(&size)) = (self.offsets.get(count), self.sizes.get(count)) else {
                return Err(self.mismatch(count, "was not laid out"));
            };
            if body.len() != size as usize {
                return Err(
                    self.mismatch(count, &format!("has {} bytes, was laid out with {size}", body.len()))
                );
            }
            // Before an aligned body: zeros. After a body: break filler, in phase with the instructions.
            bytes.resize(offset as usize, 0);
            bytes.extend_from_slice(body);
            while !bytes.len().is_multiple_of(CODE_ALIGNMENT as usize) {
                bytes.push(filler[bytes.len() % 4]);
            }
            count += 1;
        }
        if count != self.offsets.len() {
            return Err(self.mismatch(count, "is missing"));
        }
        bytes.resize(self.image_size as usize, 0);
        Ok(TextImage { bytes, relocation_offset })
    }

    fn mismatch(&self, index: usize, reason: &str) -> Error {
        Error::Inconsistent { object: format!("code {index}"), reason: reason.into() }
    }
}

/// One piece of code of the text image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEntry {
    /// Its Code object. Only a prefix of the table may lack them, and only with `dwarf_stack_traces`.
    pub code: Option<ObjId>,
    /// Offset from the start of the image.
    pub pc_offset: u32,
    /// Frames at its return addresses.
    pub stack_maps: Vec<StackMapEntry>,
}

/// All code of the text image, in address order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstructionsTable {
    /// Entries.
    pub entries: Vec<TextEntry>,
}

const TABLE_HEADER_SIZE: u32 = 16;
const TABLE_ENTRY_SIZE: u32 = 8;

impl InstructionsTable {
    /// Number of leading entries without Code objects.
    pub fn first_entry_with_code(&self) -> u32 {
        self.entries.iter().take_while(|e| e.code.is_none()).count() as u32
    }

    /// Number of entries with Code objects.
    pub fn len_with_code(&self) -> u32 {
        self.entries.len() as u32 - self.first_entry_with_code()
    }

    /// The Code objects in table order.
    pub fn codes(&self) -> impl Iterator<Item = ObjId> + '_ {
        self.entries.iter().filter_map(|e| e.code)
    }

    /// `UntaggedInstructionsTable::Data`: header, (pc, stack map) pairs for binary search, stack maps.
    ///
    /// # Errors
    /// Entries out of order, entries without code after ones with code, or bad stack maps.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let first = self.first_entry_with_code();
        let mut previous = 0;
        for (i, entry) in self.entries.iter().enumerate() {
            let error = |reason: String| {
                Err(Error::Inconsistent { object: format!("instructions table entry {i}"), reason })
            };
            if entry.pc_offset <= previous || !entry.pc_offset.is_multiple_of(CODE_ALIGNMENT) {
                return error(format!("pc offset {:#x} after {previous:#x}", entry.pc_offset));
            }
            if i as u32 >= first && entry.code.is_none() {
                return error("has no Code object, but an earlier entry has".into());
            }
            previous = entry.pc_offset;
        }
        let maps = stack_maps::encode(self.entries.iter().map(|e| &*e.stack_maps))?;
        let length = self.entries.len() as u32;
        let maps_start = TABLE_HEADER_SIZE + TABLE_ENTRY_SIZE * length;
        let global = maps.global_table_offset.map_or(0, |offset| maps_start + offset);
        let mut bytes = Vec::with_capacity(maps_start as usize + maps.bytes.len());
        for word in [global, length, first, 0] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for (entry, map) in self.entries.iter().zip(&maps.map_offsets) {
            bytes.extend_from_slice(&entry.pc_offset.to_le_bytes());
            bytes.extend_from_slice(&(maps_start + map).to_le_bytes());
        }
        bytes.extend_from_slice(&maps.bytes);
        Ok(bytes)
    }

    /// The table in `bytes`; entries with code get the ids in `codes`, in order.
    ///
    /// # Errors
    /// Malformed bytes, or a wrong number of codes.
    pub fn decode(bytes: &[u8], codes: &[ObjId]) -> Result<InstructionsTable> {
        let malformed = |offset: usize, reason: &str| Error::Malformed { offset, reason: reason.into() };
        let word = |offset: usize| -> Result<u32> {
            let bytes = bytes
                .get(offset..offset + 4)
                .ok_or_else(|| malformed(offset, "end of instructions table"))?;
            Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
        };
        let (global, length, first) = (word(0)?, word(4)?, word(8)?);
        if length.checked_sub(first).map(|n| n as usize) != Some(codes.len()) {
            return Err(malformed(4, "instructions table and Code cluster differ in length"));
        }
        let global = (global != 0).then_some(global as usize);
        let entries = (0..length).map(|i| {
            let at = (TABLE_HEADER_SIZE + TABLE_ENTRY_SIZE * i) as usize;
            let code = i.checked_sub(first).map(|k| codes[k as usize]);
            let stack_maps = stack_maps::decode(bytes, word(at + 4)? as usize, global)?;
            Ok(TextEntry { code, pc_offset: word(at)?, stack_maps })
        });
        Ok(InstructionsTable { entries: entries.collect::<Result<_>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack_maps::Bitmap;
    use crate::testing;

    #[test]
    fn layout_and_bytes() {
        let target = testing::x64();
        let shape = |size, has_aligned_loops| BodyShape { size, has_aligned_loops };
        let layout = layout(&target, [shape(5, false), shape(3, true), shape(8, false)]).unwrap();
        assert_eq!(layout.offsets, [128, 160, 164]);
        assert_eq!((layout.payload_end, layout.image_size), (172, 176));
        let bodies: [&[u8]; 3] = [&[1; 5], &[2; 3], &[3; 8]];
        let image = layout.build(&target, &testing::class_ids(), bodies).unwrap();
        assert_eq!(image.bytes.len(), 176);
        assert_eq!(image.bytes[..16], [176, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0]);
        // Class id 21, 112 bytes in units of 16, old and not remembered.
        assert_eq!(image.bytes[64..72], (21u64 << 12 | 7 << 8 | 0x30).to_le_bytes());
        assert_eq!(image.bytes[72..80], 44u64.to_le_bytes());
        assert_eq!(image.relocation_offset, 80);
        assert!(image.bytes[80..104].iter().all(|&b| b == 0xcc));
        assert_eq!(image.bytes[128..136], [1, 1, 1, 1, 1, 0xcc, 0xcc, 0xcc]);
        assert!(image.bytes[136..160].iter().all(|&b| b == 0));
        assert_eq!(image.bytes[160..172], [2, 2, 2, 0xcc, 3, 3, 3, 3, 3, 3, 3, 3]);
        assert!(
            layout.build(&target, &testing::class_ids(), [&bodies[0][..4], bodies[1], bodies[2]]).is_err()
        );
        assert!(layout.build(&target, &testing::class_ids(), [bodies[0]]).is_err());
    }

    #[test]
    fn arm_headers_are_words() {
        let target = testing::arm();
        let layout = layout(&target, [BodyShape { size: 4, has_aligned_loops: true }]).unwrap();
        assert_eq!((layout.offsets[0], layout.image_size), (96, 104));
        let image = layout.build(&target, &testing::class_ids(), [&[0u8; 4][..]]).unwrap();
        assert_eq!(image.bytes[..8], [104, 0, 0, 0, 64, 0, 0, 0]);
        assert_eq!(image.relocation_offset, 72);
    }

    #[test]
    fn table_survives() {
        let entry = |id: u32, pc_offset, maps: &[&str]| TextEntry {
            code: Some(ObjId::from_u32(id)),
            pc_offset,
            stack_maps: (0..)
                .zip(maps)
                .map(|(i, bits)| {
                    StackMapEntry::frame(4 + i, bits.chars().map(|c| c == '1').collect::<Bitmap>())
                })
                .collect(),
        };
        let table = InstructionsTable {
            entries: vec![entry(10, 128, &["1", "01"]), entry(11, 160, &[]), entry(12, 164, &["1"])],
        };
        let bytes = table.encode().unwrap();
        let codes: Vec<ObjId> = table.codes().collect();
        assert_eq!(InstructionsTable::decode(&bytes, &codes).unwrap(), table);
        let mut unsorted = table.clone();
        unsorted.entries.swap(0, 1);
        assert!(unsorted.encode().is_err());
    }
}
