//! The data image, the text image and the instructions table.

use super::Checker;
use crate::container::Format;
use crate::{ObjId, Object, Section};
use dart_snapshot::data_image::{self, HEADER_SIZE};
use dart_snapshot::hash;
use dart_snapshot::objects::Str;
use dart_snapshot::stack_maps;
use dart_snapshot::text::{IMAGE_ALIGNMENT, payload_offset};
use std::collections::BTreeMap;

/// Bytes of a load command before the build id in it.
const UUID_COMMAND_HEADER_SIZE: u64 = 8;
const TABLE_HEADER_SIZE: usize = 16;
const TABLE_ENTRY_SIZE: usize = 8;
/// Characters of a string that a message shows.
const SHOWN_CHARACTERS: usize = 40;
/// Alignment of code.
const CODE_ALIGNMENT: u32 = 4;

impl Checker<'_, '_> {
    fn word(&self, bytes: &[u8], at: usize) -> u64 {
        let size = self.snapshot.format.word_bytes() as usize;
        let mut le = [0; 8];
        if let Some(word) = bytes.get(at..at + size) {
            le[..size].copy_from_slice(word);
        }
        u64::from_le_bytes(le)
    }

    /// Header and objects of the data image, and that each object belongs to one reference.
    pub(super) fn data_image(&mut self) {
        let snapshot = self.snapshot;
        let blob = snapshot.container.data.bytes;
        let (clustered_end, start) = (snapshot.header.clustered_length, snapshot.map.data_image.start);
        let image = &blob[start..];
        if blob[clustered_end..start].iter().any(|&b| b != 0) {
            self.note(
                Section::DataImage,
                clustered_end,
                "bytes between clusters and data image are not zero",
            );
        }
        let header = HEADER_SIZE as usize;
        if image.len() < header {
            return self.error(
                Section::DataImage,
                start,
                format!("{} bytes, too few for a header", image.len()),
            );
        }
        let size = u64::from_le_bytes(image[..8].try_into().expect("eight bytes"));
        let is_exact = snapshot.container.format != Format::MachO;
        if size > image.len() as u64 || size < header as u64 || is_exact && size != image.len() as u64 {
            let reason = format!("image size {size:#x}, the blob has {:#x} bytes left", image.len());
            return self.error(Section::DataImage, start, reason);
        }
        let image = &image[..size as usize];
        if image[8..header].iter().any(|&b| b != 0) {
            self.error(Section::DataImage, start + 8, "header words after the size are not zero");
        }

        // Who refers to which object.
        let mut users: BTreeMap<usize, ObjId> = BTreeMap::new();
        for (id, _) in snapshot.graph.iter() {
            let span = snapshot.spans(id).image();
            if !span.is_empty()
                && let Some(other) = users.insert(span.start - start, id)
            {
                self.object(id, format!("its bytes are also those of {}", snapshot.graph.describe(other)));
            }
        }
        let table = self.instructions_table_offset();
        let (ids, target) = (&snapshot.spec.class_ids, &snapshot.format);
        let mut at = header;
        while at < image.len() {
            let object = match data_image::read_object(image, at, target, ids) {
                Ok((object, contents)) => (object, contents.end),
                Err(error) => {
                    let place = crate::fault(Section::DataImage, start + at, "");
                    let mut fault = error.into_fault(place);
                    fault.offset = fault.offset.max(start + at);
                    return self.push(fault);
                }
            };
            let (object, end) = object;
            let next = end.next_multiple_of(target.object_alignment() as usize);
            if next > image.len() {
                return self.error(Section::DataImage, start + at, "last object runs past the image");
            }
            if image[end..next].iter().any(|&b| b != 0) {
                self.error(Section::DataImage, start + end, "padding of an object is not zero");
            }
            self.image_object(start, image, at, next, &object, users.get(&at).copied());
            if users.remove(&at).is_none() && table != Some(at) {
                self.note(
                    Section::DataImage,
                    start + at,
                    format!("{} that nothing refers to", object.kind().name()),
                );
            }
            at = next;
        }
        for (at, id) in users {
            self.object(id, format!("no object starts at offset {at:#x} of the data image"));
        }
    }

    fn instructions_table_offset(&self) -> Option<usize> {
        let contents = &self.snapshot.map.instructions_table;
        let header = 2 + usize::from(self.snapshot.format.word_bytes() == 4);
        let header = header * self.snapshot.format.word_bytes() as usize;
        (!contents.is_empty()).then(|| contents.start - header - self.snapshot.map.data_image.start)
    }

    /// The header word of an object, and a string's hash.
    fn image_object(
        &mut self,
        start: usize,
        image: &[u8],
        at: usize,
        next: usize,
        object: &Object,
        user: Option<ObjId>,
    ) {
        let snapshot = self.snapshot;
        let target = &snapshot.format;
        let tags = self.word(image, at);
        let is_canonical = user.is_some_and(|id| snapshot.graph.is_canonical(id));
        let mut expected = data_image::header_bits(
            object,
            (next - at) as u32,
            is_canonical,
            target,
            &snapshot.spec.class_ids,
        );
        if let Object::String(string) = object {
            if let Str::TwoByte(units) = string
                && !units.is_empty()
                && units.iter().all(|&unit| unit <= u8::MAX.into())
            {
                let reason =
                    format!("string {:?} would fit one byte per character", string.to_string_lossy());
                self.note(Section::DataImage, start + at, reason);
            }
            // Hash, where it is no part of the header, and length are integers with a tag bit.
            let words = if target.word_bytes() == 8 { &[8][..] } else { &[4, 8] };
            for place in words.iter().map(|word| at + word) {
                if self.word(image, place) & 1 != 0 {
                    self.error(Section::DataImage, start + place, "hash or length of a string is no integer");
                }
            }
            let computed = hash::string(string.units());
            let (stored, place) = if target.word_bytes() == 8 {
                ((tags >> 32) as u32, at + 4)
            } else {
                ((self.word(image, at + 4) >> 1) as u32, at + 4)
            };
            if stored != computed {
                // The instructions table travels as a string, too, and is long.
                let start_of: String = string.to_string_lossy().chars().take(SHOWN_CHARACTERS).collect();
                let reason = format!("hash {stored:#x} of string {start_of:?}, computed {computed:#x}");
                self.error(Section::DataImage, start + place, reason);
            }
            // What is wrong with the hash has been said.
            expected = (expected & 0xffff_ffff) | (tags & !0xffff_ffff);
        }
        if tags != expected {
            let reason =
                format!("object header {tags:#x} of a {}, expected {expected:#x}", object.kind().name());
            self.error(Section::DataImage, start + at, reason);
        }
    }

    /// Headers of the text image, and what the container wrote into it.
    pub(super) fn text_image(&mut self) {
        let snapshot = self.snapshot;
        let (text, target) = (&snapshot.text, &snapshot.format);
        let word = target.word_bytes() as usize;
        let header = IMAGE_ALIGNMENT as usize;
        let is_exact = snapshot.container.format != Format::MachO;
        if is_exact && text.image_size != text.bytes.len() as u64 {
            let reason =
                format!("image size {:#x}, the blob has {:#x} bytes", text.image_size, text.bytes.len());
            self.error(Section::Text, 0, reason);
        }
        if !text.image_size.is_multiple_of(target.object_alignment().into()) {
            self.error(
                Section::Text,
                0,
                format!("image size {:#x} is not a multiple of the object alignment", text.image_size),
            );
        }
        if text.bytes[2 * word..header].iter().any(|&b| b != 0) {
            self.note(Section::Text, 2 * word, "header padding is not zero");
        }
        let size =
            u64::from(text.payload.end - IMAGE_ALIGNMENT).next_multiple_of(target.object_alignment().into());
        if u64::from(IMAGE_ALIGNMENT) + size != text.image_size {
            let reason = format!("code ends at {:#x}, the image at {:#x}", text.payload.end, text.image_size);
            self.error(Section::Text, header + word, reason);
        }
        let expected = data_image::section_header_bits(size as u32, target, &snapshot.spec.class_ids);
        if text.tags != expected {
            let reason =
                format!("object header {:#x} of the instructions section, expected {expected:#x}", text.tags);
            self.error(Section::Text, header, reason);
        }
        let (fields_end, payload) = (header + 5 * word, payload_offset(target) as usize);
        if text.bytes[fields_end..payload].iter().any(|&b| b != 0) {
            self.note(Section::Text, fields_end, "padding of the instructions section is not zero");
        }
        if snapshot.container.format != Format::Raw && !self.is_object_file() {
            self.link_time_words(header, word);
        }
    }

    fn link_time_words(&mut self, header: usize, word: usize) {
        let (snapshot, text) = (self.snapshot, &self.snapshot.text);
        let container = &snapshot.container;
        let base = container.text.address;
        // A linker of Apple's systems leaves the address and the build id out.
        let is_linked = container.format == Format::MachO && text.address == 0;
        // `Image::kNoRelocatedAddress` (image_snapshot.h): what the reference writes into assembly, where the linker chooses
        // the address. The engine knows this case (`Image::compiled_to_shared_object`).
        let is_unknown = container.format == Format::Elf && text.address == 0;
        if is_unknown && base != 0 {
            self.note(Section::Text, header + 3 * word, "does not say at which address it is");
        } else if text.address != base && !is_linked {
            let reason = format!("says that it is at {:#x}, is at {base:#x}", text.address);
            self.error(Section::Text, header + 3 * word, reason);
        }
        let bss = base.wrapping_add_signed(text.bss_offset);
        let segment = container.segment_at(bss).filter(|segment| segment.access.1);
        let is_inside = segment.is_some_and(|s| bss - s.address + word as u64 <= s.size);
        if text.bss_offset == 0 || !is_inside || !bss.is_multiple_of(word as u64) {
            let reason =
                format!("the word at {bss:#x} that the engine writes to is not in a writable segment");
            self.error(Section::Text, header + 2 * word, reason);
        } else if container.memory(bss, word as u64).is_some_and(|word| word.iter().any(|&b| b != 0)) {
            self.error(Section::Text, header + 2 * word, "the word that the engine writes to is not zero");
        }
        // The note, or the load command, around the id.
        let build_id = match container.format {
            Format::MachO => container.build_id.map(|id| id.address.wrapping_sub(UUID_COMMAND_HEADER_SIZE)),
            _ => container.dynamic_symbol("_kDartSnapshotBuildId").map(|symbol| symbol.address),
        };
        let said = (text.build_id_offset != 0).then(|| base.wrapping_add_signed(text.build_id_offset));
        match (said, build_id) {
            (None, _) if is_linked => {}
            (None, _) => self.note(Section::Text, header + 4 * word, "no distance to the build id"),
            (said, symbol) if said != symbol => {
                self.error(Section::Text, header + 4 * word, "distance to the build id is wrong");
            }
            _ => {}
        }
    }

    /// Order, alignment and stack maps of the instructions table.
    pub(super) fn instructions_table(&mut self) {
        let snapshot = self.snapshot;
        let table = &snapshot.plan.instructions_table;
        let base = snapshot.map.instructions_table.start;
        if table.is_empty() {
            return self.error(Section::InstructionsTable, snapshot.map.counts.start, "no code");
        }
        let codes = snapshot.codes();
        let mut uses: BTreeMap<usize, usize> = BTreeMap::new();
        for code in codes {
            *uses.entry(code.stack_map as usize).or_default() += 1;
            if !code.start.is_multiple_of(CODE_ALIGNMENT) {
                let at = base + TABLE_HEADER_SIZE + TABLE_ENTRY_SIZE * code.entry as usize;
                let name = format!("entry {}", code.entry);
                self.named(
                    Section::InstructionsTable,
                    name,
                    at,
                    format!("code at {:#x} is not aligned", code.start),
                );
            }
        }
        let word =
            |at: usize| table.get(at..at + 4).map(|w| u32::from_le_bytes(w.try_into().expect("four bytes")));
        if word(12) != Some(0) {
            self.note(Section::InstructionsTable, base + 12, "padding is not zero");
        }
        let global = word(0).unwrap_or(0) as usize;
        let maps_start = TABLE_HEADER_SIZE + TABLE_ENTRY_SIZE * codes.len();
        let maps_end = if global == 0 { table.len() } else { global };
        if !(maps_start..=table.len()).contains(&maps_end) {
            let reason = format!("global stack map table at {global:#x}");
            return self.error(Section::InstructionsTable, base, reason);
        }
        // Maps lie back to back from the end of the entries on.
        let (mut at, mut counts) = (maps_start, Vec::new());
        while at < maps_end {
            match uses.remove(&at) {
                Some(count) => counts.push(count),
                None => self.error(Section::InstructionsTable, base + at, "stack map that no code has"),
            }
            let size = word(at).map_or(usize::MAX, |flags_and_size| 4 + (flags_and_size >> 2) as usize);
            at = at.saturating_add(size);
        }
        if at != maps_end {
            self.error(Section::InstructionsTable, base + maps_end, "last stack map runs past the maps");
        }
        for (at, _) in uses {
            let code = codes.iter().find(|code| code.stack_map as usize == at);
            let name = code.map_or_else(String::new, |code| format!("entry {}", code.entry));
            self.named(
                Section::InstructionsTable,
                name,
                base + at.min(table.len()),
                format!("no stack map starts at {at:#x}"),
            );
        }
        if !counts.is_sorted_by(|a, b| a >= b) {
            self.note(Section::InstructionsTable, base + maps_start, "stack maps are not sorted by use");
        }
        if global != 0 {
            self.global_stack_maps(global);
        }
    }

    /// Frames of the global table, and that the maps name their starts.
    fn global_stack_maps(&mut self, global: usize) {
        let table = &self.snapshot.plan.instructions_table;
        let base = self.snapshot.map.instructions_table.start;
        let frames = match stack_maps::frame_offsets(table, global) {
            Ok(frames) => frames,
            Err(error) => {
                let mut fault = error.into_fault(crate::fault(Section::InstructionsTable, global, ""));
                fault.offset += base;
                return self.push(fault);
            }
        };
        if frames.end != table.len() {
            self.error(
                Section::InstructionsTable,
                base + frames.end,
                "bytes after the global stack map table",
            );
        }
        let mut seen: Vec<u32> = self.snapshot.codes().iter().map(|code| code.stack_map).collect();
        seen.sort_unstable();
        seen.dedup();
        for map in seen {
            let offsets = stack_maps::frames_of(table, map as usize);
            let unknown =
                offsets.map(|offsets| offsets.into_iter().find(|o| frames.offsets.binary_search(o).is_err()));
            match unknown {
                Ok(None) => {}
                Ok(Some(offset)) => {
                    let reason = format!("stack map names frame {offset:#x}, where none starts");
                    self.error(Section::InstructionsTable, base + map as usize, reason);
                }
                Err(error) => {
                    let mut fault =
                        error.into_fault(crate::fault(Section::InstructionsTable, map as usize, ""));
                    fault.offset += base;
                    self.push(fault);
                }
            }
        }
    }

    /// An error in a stream inside an object: the offset counts from the start of the stream.
    pub(super) fn nested(&mut self, id: ObjId, what: &str, error: dart_snapshot::Error) {
        let mut fault = self.place_of(id, String::new());
        let start = fault.offset;
        fault = error.into_fault(fault);
        fault.reason = format!("{what}: {}, at {:#x} of it", fault.reason, fault.offset);
        fault.offset = start;
        self.push(fault);
    }
}
