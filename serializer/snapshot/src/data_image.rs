//! The data image: objects that the runtime uses in place, from read-only memory.
//!
//! Strings, pc descriptors, source maps and stack maps contain no pointers, so they need no reading: the
//! stream stores their offsets, and the image holds them as heap objects, headers included. (With compressed
//! pointers a mapped object may be out of reach, so only the instructions table lives here.) The instructions
//! table travels as the contents of a OneByteString, the image's first object.

use crate::error::{Error, Result};
use crate::hash;
use crate::objects::{CodeSourceMap, CompressedStackMaps, Object, PcDescriptors, Str};
use crate::spec::{ClassIds, Target, WordSize};
use std::ops::Range;

/// Size of the image's header, and alignment of the image.
pub const HEADER_SIZE: u32 = 64;

/// Appends a machine word.
pub(crate) fn push_word(out: &mut Vec<u8>, target: &Target, value: u64) {
    out.extend_from_slice(&value.to_le_bytes()[..target.word_bytes() as usize]);
}

/// The header word of an object in an image (`UntaggedObject` in `runtime/vm/raw_object.h`): an old object,
/// marked, not remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ObjectTags {
    pub class_id: u32,
    /// Bytes, rounded up to the object alignment.
    pub size: u32,
    pub is_canonical: bool,
    pub is_deeply_immutable: bool,
    /// Strings on 64-bit targets.
    pub hash: u32,
}

impl ObjectTags {
    const CANONICAL: u64 = 1 << 1;
    const ALWAYS_SET: u64 = 1 << 4;
    const OLD_AND_NOT_REMEMBERED: u64 = 1 << 5;
    const DEEPLY_IMMUTABLE: u64 = 1 << 7;
    const MAX_SIZE_TAG: u64 = 15;

    pub fn bits(self, target: &Target) -> u64 {
        let units = u64::from(self.size / target.object_alignment());
        let size_tag = if units > Self::MAX_SIZE_TAG { 0 } else { units };
        let flag = |on, bit| if on { bit } else { 0 };
        Self::ALWAYS_SET
            | Self::OLD_AND_NOT_REMEMBERED
            | flag(self.is_canonical, Self::CANONICAL)
            | flag(self.is_deeply_immutable, Self::DEEPLY_IMMUTABLE)
            | size_tag << 8
            | u64::from(self.class_id) << 12
            | u64::from(self.hash) << 32
    }
}

/// The header word of an object in the data image, `size` bytes long with its padding; zero for classes that
/// cannot be there.
pub fn header_bits(object: &Object, size: u32, is_canonical: bool, target: &Target, ids: &ClassIds) -> u64 {
    let tags = |class_id| ObjectTags { class_id, size, ..ObjectTags::default() };
    match object {
        Object::String(string) => ObjectTags {
            is_canonical,
            is_deeply_immutable: true,
            hash: if target.arch.word_size == WordSize::W32 { 0 } else { string.hash_code() },
            ..tags(match string {
                Str::OneByte(_) => ids.one_byte_string,
                Str::TwoByte(_) => ids.two_byte_string,
            })
        }
        .bits(target),
        Object::PcDescriptors(_) => tags(ids.pc_descriptors).bits(target),
        Object::CodeSourceMap(_) => tags(ids.code_source_map).bits(target),
        Object::CompressedStackMaps(_) => tags(ids.compressed_stack_maps).bits(target),
        _ => 0,
    }
}

/// The header word of the InstructionsSection object in a text image, `size` bytes long with its padding.
pub fn section_header_bits(size: u32, target: &Target, ids: &ClassIds) -> u64 {
    ObjectTags { class_id: ids.instructions_section, size, ..ObjectTags::default() }.bits(target)
}

/// A data image under construction.
#[derive(Debug, Clone)]
pub struct DataImageBuilder<'a> {
    target: &'a Target,
    ids: &'a ClassIds,
    bytes: Vec<u8>,
}

impl<'a> DataImageBuilder<'a> {
    /// An empty image.
    pub fn new(target: &'a Target, ids: &'a ClassIds) -> DataImageBuilder<'a> {
        DataImageBuilder { target, ids, bytes: vec![0; HEADER_SIZE as usize] }
    }

    /// Adds an object and returns its offset.
    ///
    /// # Errors
    /// The object's class cannot be read-only data, or the image grows past 2³¹ bytes.
    pub fn add(&mut self, object: &Object, is_canonical: bool) -> Result<u32> {
        let word = |value: u64| value.to_le_bytes()[..self.target.word_bytes() as usize].to_vec();
        match object {
            Object::String(s) => self.add_string(s, is_canonical),
            Object::PcDescriptors(d) => {
                self.add_raw(self.ids.pc_descriptors, &[&word(d.bytes.len() as u64), &d.bytes])
            }
            Object::CodeSourceMap(m) => {
                self.add_raw(self.ids.code_source_map, &[&word(m.bytes.len() as u64), &m.bytes])
            }
            Object::CompressedStackMaps(m) => {
                self.add_raw(self.ids.compressed_stack_maps, &[&m.flags_and_size().to_le_bytes(), &m.bytes])
            }
            _ => Err(Error::Unsupported(format!("{} as read-only data", object.kind().name()))),
        }
    }

    /// Adds bytes as a OneByteString that is not canonical.
    ///
    /// # Errors
    /// The image grows past 2³¹ bytes.
    pub fn add_bytes(&mut self, bytes: &[u8]) -> Result<u32> {
        self.add_string(&Str::OneByte(bytes.to_vec()), false)
    }

    fn add_string(&mut self, string: &Str, is_canonical: bool) -> Result<u32> {
        let class_id = match string {
            Str::OneByte(_) => self.ids.one_byte_string,
            Str::TwoByte(_) => self.ids.two_byte_string,
        };
        let hash = hash::string(string.units());
        let smi_length = (string.len() as u64) << 1;
        let mut header = Vec::new();
        let mut hash_in_tags = hash;
        if self.target.arch.word_size == WordSize::W32 {
            push_word(&mut header, self.target, u64::from(hash) << 1);
            hash_in_tags = 0;
        }
        push_word(&mut header, self.target, smi_length);
        let tags =
            ObjectTags { class_id, is_canonical, is_deeply_immutable: true, hash: hash_in_tags, size: 0 };
        self.add_object(tags, &[&header, &string.to_bytes()])
    }

    fn add_raw(&mut self, class_id: u32, parts: &[&[u8]]) -> Result<u32> {
        self.add_object(ObjectTags { class_id, ..ObjectTags::default() }, parts)
    }

    fn add_object(&mut self, tags: ObjectTags, parts: &[&[u8]]) -> Result<u32> {
        let offset = self.bytes.len();
        let unaligned = self.target.word_bytes() as usize + parts.iter().map(|p| p.len()).sum::<usize>();
        let size = unaligned.next_multiple_of(self.target.object_alignment() as usize);
        if offset + size >= 1 << 31 {
            return Err(Error::Overflow {
                what: "size of the data image",
                value: (offset + size) as i128,
                limit: "31 bits",
            });
        }
        push_word(&mut self.bytes, self.target, ObjectTags { size: size as u32, ..tags }.bits(self.target));
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.resize(offset + size, 0);
        Ok(offset as u32)
    }

    /// The image. Its size field is 64 bits wide on every target; 32-bit ones read the low half.
    pub fn finish(mut self) -> Vec<u8> {
        let size = self.bytes.len() as u64;
        self.bytes[..8].copy_from_slice(&size.to_le_bytes());
        self.bytes
    }
}

/// Reads the object at `offset` of an image; also where its contents are, without header and padding.
///
/// # Errors
/// Out of range, or a class that cannot be read-only data.
pub fn read_object(
    image: &[u8],
    offset: usize,
    target: &Target,
    ids: &ClassIds,
) -> Result<(Object, Range<usize>)> {
    let malformed = |offset: usize, reason: &str| Error::Malformed { offset, reason: reason.into() };
    let bytes = |at: usize, n: usize| -> Result<&[u8]> {
        at.checked_add(n).and_then(|end| image.get(at..end)).ok_or_else(|| malformed(at, "end of data image"))
    };
    let word_bytes = target.word_bytes() as usize;
    let word = |at: usize| -> Result<usize> {
        let mut le = [0; 8];
        le[..word_bytes].copy_from_slice(bytes(at, word_bytes)?);
        Ok(u64::from_le_bytes(le) as usize)
    };
    let class_id = (word(offset)? >> 12 & 0xfffff) as u32;
    let body = offset + word_bytes;
    if class_id == ids.one_byte_string || class_id == ids.two_byte_string {
        let length_at = if target.arch.word_size == WordSize::W32 { body + word_bytes } else { body };
        let length = word(length_at)? >> 1;
        let data = length_at + word_bytes;
        let is_one_byte = class_id == ids.one_byte_string;
        let size = if is_one_byte { Some(length) } else { length.checked_mul(2) };
        let bytes = bytes(data, size.ok_or_else(|| malformed(length_at, "length"))?)?;
        let string = if is_one_byte {
            Str::OneByte(bytes.to_vec())
        } else {
            Str::TwoByte(bytes.chunks(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect())
        };
        return Ok((string.into(), data..data + bytes.len()));
    }
    if class_id == ids.compressed_stack_maps {
        let flags_and_size = u32::from_le_bytes(bytes(body, 4)?.try_into().expect("four bytes"));
        let bytes = bytes(body + 4, (flags_and_size >> 2) as usize)?;
        let range = body + 4..body + 4 + bytes.len();
        let maps = CompressedStackMaps { flags: (flags_and_size & 3) as u8, bytes: bytes.to_vec() };
        return Ok((maps.into(), range));
    }
    let payload = bytes(body + word_bytes, word(body)?);
    let object: Object = match class_id {
        id if id == ids.pc_descriptors => PcDescriptors { bytes: payload.clone()?.to_vec() }.into(),
        id if id == ids.code_source_map => CodeSourceMap { bytes: payload.clone()?.to_vec() }.into(),
        id => return Err(malformed(offset, &format!("class id {id} in the data image"))),
    };
    let start = body + word_bytes;
    Ok((object, start..start + payload?.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn layouts() {
        let ids = testing::class_ids();
        for target in [testing::x64(), testing::arm()] {
            let objects = [
                Object::from(Str::new("abc")),
                Str::new("aЖ").into(),
                Str::from_utf16(&[0xd800, 0x41]).into(),
                CodeSourceMap { bytes: vec![1, 2, 3] }.into(),
                CompressedStackMaps { flags: 0, bytes: vec![] }.into(),
            ];
            let mut image = DataImageBuilder::new(&target, &ids);
            let offsets: Vec<u32> = objects.iter().map(|o| image.add(o, true).unwrap()).collect();
            let bytes = image.finish();
            assert_eq!(bytes[..8], (bytes.len() as u64).to_le_bytes());
            for (object, &offset) in objects.iter().zip(&offsets) {
                assert_eq!(offset % target.object_alignment(), 0);
                assert_eq!(read_object(&bytes, offset as usize, &target, &ids).unwrap().0, *object);
            }
        }
    }

    #[test]
    fn string_header() {
        let (target, ids) = (testing::x64(), testing::class_ids());
        let mut image = DataImageBuilder::new(&target, &ids);
        image.add(&Str::new("").into(), true).unwrap();
        let bytes = image.finish();
        let low = 0xb2 | 1 << 8 | u64::from(ids.one_byte_string) << 12;
        assert_eq!(bytes[64..80], [(1u64 << 32 | low).to_le_bytes(), [0; 8]].concat());

        let target = testing::arm();
        let mut image = DataImageBuilder::new(&target, &ids);
        image.add(&Str::new("").into(), false).unwrap();
        let bytes = image.finish();
        let low = 0xb0 | 2 << 8 | ids.one_byte_string << 12;
        assert_eq!(bytes[64..76], [low.to_le_bytes(), 2u32.to_le_bytes(), [0; 4]].concat());
    }
}
