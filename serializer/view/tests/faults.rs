//! Faults of files around a well-formed snapshot, of the data image and of what belongs to code: each is found, and said in its
//! own words.

use dart_snapshot::Object;
use dart_snapshot::objects::{Str, TypedData, TypedDataType};
use snapcrane_fixtures::{Fixture, Program, target};
use snapcrane_view::verify::verify;
use snapcrane_view::{Container, Snapshot};

fn program(name: &str) -> Fixture {
    Program::Minimal.build(&target(name).expect("a known target")).expect("the program can be built")
}

/// The file of a program.
fn write(mut program: Fixture) -> Vec<u8> {
    let data = program.write().expect("the program can be written").bytes;
    program.shared_library(&data, false).expect("the file can be written")
}

/// Errors and notes about a file.
fn faults(file: &[u8]) -> (Vec<String>, Vec<String>) {
    let snapshot = match Snapshot::open(file) {
        Ok(snapshot) => snapshot,
        Err(fault) => return (vec![fault.to_string()], Vec::new()),
    };
    let report = verify(&snapshot);
    let texts = |faults: Vec<snapcrane_view::Fault>| faults.iter().map(ToString::to_string).collect();
    (texts(report.errors), texts(report.notes))
}

/// An ELF file to be damaged.
struct Elf {
    file: Vec<u8>,
    is_64bit: bool,
    /// Names and offsets of the sections.
    sections: Vec<(String, usize)>,
}

impl Elf {
    fn new(target: &str) -> Elf {
        let file = write(program(target));
        let container = Container::read(&file).expect("well-formed");
        let sections = container.sections.iter().map(|s| (s.name.clone(), s.offset as usize)).collect();
        Elf { is_64bit: file[4] == 2, sections, file }
    }

    fn pick<T>(&self, in_32: T, in_64: T) -> T {
        if self.is_64bit { in_64 } else { in_32 }
    }

    fn section(&self, name: &str) -> usize {
        self.sections.iter().find(|section| section.0 == name).expect("the section is there").1
    }

    /// Offset of a field in the header of a section.
    fn header(&self, name: &str, in_32: usize, in_64: usize) -> usize {
        let index = self.sections.iter().position(|section| section.0 == name).expect("the section is there");
        let table = self.word(self.pick(32, 40));
        table + index * self.pick(40, 64) + self.pick(in_32, in_64)
    }

    fn word(&self, at: usize) -> usize {
        u32::from_le_bytes(self.file[at..at + 4].try_into().expect("four bytes")) as usize
    }

    /// Faults after bytes of the file were replaced.
    fn with(&self, at: usize, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        let mut file = self.file.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        faults(&file)
    }

    fn is_error(&self, at: usize, bytes: &[u8], expected: &str) {
        let (errors, _) = self.with(at, bytes);
        assert!(errors.iter().any(|error| error.contains(expected)), "{expected} is not in {errors:#?}");
    }

    /// A note, and no error.
    fn is_note(&self, at: usize, bytes: &[u8], expected: &str) {
        let (errors, notes) = self.with(at, bytes);
        assert_eq!(errors, Vec::<String>::new());
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected} is not in {notes:#?}");
    }
}

const TARGETS: [&str; 2] = ["linux-x64", "linux-arm"];

#[test]
fn headers_of_files() {
    for target in TARGETS {
        let elf = Elf::new(target);
        assert_eq!(faults(&elf.file).0, Vec::<String>::new());
        elf.is_error(6, &[2], "version of the format 2, expected 1");
        elf.is_error(16, &[2, 0], "type 2, expected 3");
        elf.is_error(20, &[9], "version 9, expected 1");
        elf.is_error(elf.pick(40, 52), &[60, 0], "sizes of headers (60, ");
        // The second program header: flags, physical address, alignment.
        let segment = elf.pick(52 + 32, 64 + 56);
        elf.is_note(segment + elf.pick(24, 4), &[6], "the data blob is writable");
        elf.is_note(segment + elf.pick(24, 4), &[6], "loaded segments are not read, read and execute");
        elf.is_error(segment + elf.pick(24, 4) + 3, &[1], "access is neither read");
        elf.is_note(segment + elf.pick(12, 24), &[1], "physical and virtual address differ");
        let text = segment + elf.pick(32, 56);
        elf.is_note(text + elf.pick(28, 48), &[0, 0, 0, 0x10], "is not at the start of a page");
    }
}

#[test]
fn the_dynamic_segment() {
    for target in TARGETS {
        let elf = Elf::new(target);
        let (start, entry, word) = (elf.section(".dynamic"), elf.pick(8, 16), elf.pick(4, 8));
        elf.is_error(start, &[0x77], "has no DT_HASH or DT_GNU_HASH");
        // DT_GNU_HASH, the kind of hash table that linkers make.
        elf.is_note(start, &0x6fff_fef5_u32.to_le_bytes(), "tags of the dynamic segment");
        elf.is_error(start + entry + word, &[1], "DT_STRTAB is ");
        elf.is_error(start + 2 * entry + word, &[1], "DT_STRSZ is 0x1, expected ");
        elf.is_error(start + 4 * entry + word, &[3], "DT_SYMENT is 0x3, expected ");
        elf.is_error(start + 5 * entry, &[0x77], "has no end");
        elf.is_error(
            elf.section(".dynsym"),
            &[1],
            "the first entry, which stands for no symbol, is not zero",
        );
        // An entry more, which says nothing about symbols.
        let (_, notes) = elf.with(start + 5 * entry, &[0x77]);
        assert!(notes.iter().any(|note| note.contains("tags of the dynamic segment")), "{notes:#?}");
    }
}

#[test]
fn symbols_and_build_id() {
    for target in TARGETS {
        let elf = Elf::new(target);
        elf.is_error(elf.header(".symtab", 28, 44), &[1], "is on the wrong side of 1");
        elf.is_error(elf.header(".symtab", 36, 56), &[8], "bytes of entries of 8");
        // The globals come last: text, data, build id.
        let (table, entry) = (elf.section(".symtab"), elf.pick(16, 24));
        let end = table + elf.word(elf.header(".symtab", 20, 32));
        elf.is_error(end - 3 * entry + elf.pick(8, 16), &[1], "_kDartSnapshotText is another one");
        // The first function takes the place of the last one.
        let last = elf.word(end - 5 * entry + elf.pick(4, 8)) as u32;
        let (_, notes) = elf.with(table + entry + elf.pick(4, 8), &last.to_le_bytes());
        assert!(notes.iter().any(|note| note.contains("are not sorted")), "{notes:#?}");
        let strings = elf.section(".strtab");
        let name = b"_kDartSnapshotBss";
        let at = elf.file[strings..].windows(name.len()).position(|window| window == name);
        let at = strings + at.expect("the name is there");
        elf.is_note(at, b"_kDartSnapshotBsx", "_kDartSnapshotBss is not in the symbol table");
        elf.is_error(elf.section(".note.gnu.build-id") + 8, &[1], "its note is malformed");
        elf.is_note(elf.header(".bss", 20, 32), &[1], "section .bss is 0x1 bytes");
    }
}

#[test]
fn the_address_in_the_text_image() {
    for target in TARGETS {
        let elf = Elf::new(target);
        let text = Container::read(&elf.file).expect("well-formed").text;
        let at = text.offset + 64 + 3 * elf.pick(4, 8);
        elf.is_error(at, &((text.address as u32) + 64).to_le_bytes(), "says that it is at");
        // A linker laid the file out.
        elf.is_note(at, &[0; 4], "does not say at which address it is");
    }
}

#[test]
fn unwind_information() {
    for target in TARGETS {
        let elf = Elf::new(target);
        let start = elf.section(".eh_frame");
        elf.is_note(start, &[0xff; 4], "unwind information is cut off");
        elf.is_note(start + 8, &[3], "unwind information for all frames is not the usual one");
        elf.is_note(start + 19, &[0], "unwind information for all frames is not the usual one");
        elf.is_note(start + 20, &[4], "unwind information of the code is cut off");
        elf.is_note(start + 24, &[0], "does not refer to that of all frames");
        elf.is_note(start + 28, &[1], "the text blob is ");
        elf.is_note(start + 32, &[1], "the text blob is ");
        elf.is_note(start + 40, &[9], "does not find saved registers");
        elf.is_note(start + 41, &[1], "does not end after the code's");
        elf.is_note(elf.header(".eh_frame", 0, 0), &[0], "no unwind information");
    }
}

#[test]
fn strings_of_the_data_image() {
    for target in TARGETS {
        let file = write(program(target));
        let snapshot = Snapshot::open(&file).expect("well-formed");
        let (id, _) = snapshot.strings().find(|(_, text)| text.len() > 4).expect("a string");
        let image = snapshot.container.data.offset + snapshot.spans(id).image().start;
        let words: &[usize] = if file[4] == 2 { &[8] } else { &[4, 8] };
        for word in words {
            let mut file = file.clone();
            file[image + word] |= 1;
            let (errors, _) = faults(&file);
            assert!(errors.iter().any(|error| error.contains("is no integer")), "{errors:#?}");
        }

        let mut program = program(target);
        let wide = program.graph.add(Str::TwoByte(vec![0xe4, 0x62]));
        program.roots.initial_field_table.push(wide);
        let (errors, notes) = faults(&write(program));
        assert_eq!(errors, Vec::<String>::new());
        assert!(notes.iter().any(|note| note.contains("would fit one byte per character")), "{notes:#?}");
    }
}

#[test]
fn catch_entry_moves_are_bytes() {
    let mut program = Program::Code.build(&target("linux-x64").expect("known")).expect("it can be built");
    let moves: Vec<_> = (program.graph.iter())
        .filter_map(|(_, object)| if let Object::Code(code) = object { Some(code.catch_entry) } else { None })
        .filter(|&id| matches!(program.graph.object(id), Object::TypedData(_)))
        .collect();
    assert!(!moves.is_empty());
    for id in moves {
        program.graph.get_mut::<TypedData>(id).expect("they are").element = TypedDataType::Uint8;
    }
    let (errors, _) = faults(&write(program));
    let expected = "catch-entry moves are elements of type Uint8";
    assert!(errors.iter().any(|error| error.contains(expected)), "{errors:#?}");
}
