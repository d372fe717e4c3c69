//! Mach-O files: a small one of each word size is read, damaged ones are refused with the place of the damage.

use snapcrane_container::read::{MachO, Machine, SymbolKind};
use snapcrane_container::{Container, ReadError};

const TEXT: [u8; 64] = [0x11; 64];
const DATA: [u8; 100] = [0x22; 100];
const PAGE: usize = 0x1000;

/// A file as the engine's compiler writes it, and where its parts are.
struct File {
    bytes: Vec<u8>,
    is_64bit: bool,
    /// Offsets of the load commands.
    commands: Vec<usize>,
    symbols: usize,
}

const UUID: usize = 0;
const TEXT_SEGMENT: usize = 1;
const DATA_SEGMENT: usize = 2;
const SYMTAB: usize = 4;
const DYSYMTAB: usize = 5;

impl File {
    fn new(is_64bit: bool, file_type: u32) -> File {
        let mut file = File { bytes: Vec::new(), is_64bit, commands: Vec::new(), symbols: 3 * PAGE };
        let cpu: u32 = if is_64bit { 0x0100_0007 } else { 12 };
        file.words(&[if is_64bit { 0xfeed_facf } else { 0xfeed_face }, cpu, 3, file_type, 6, 0, 0x10_0085]);
        if is_64bit {
            file.words(&[0]);
        }
        let start = file.bytes.len();
        file.command(0x1b, |file| file.bytes.extend(0..16));
        let text = [("__text", PAGE, TEXT.len(), 0x8000_0400), ("__const", 2 * PAGE, DATA.len(), 0)];
        file.segment("__TEXT", (0, 3 * PAGE), (0, 3 * PAGE), 5, &text);
        file.segment("__DATA", (3 * PAGE, PAGE), (3 * PAGE, 0), 3, &[("__bss", 3 * PAGE, 8, 1)]);
        file.segment("__LINKEDIT", (4 * PAGE, PAGE), (3 * PAGE, 0x200), 1, &[]);
        let names = b" \0_main\0_kDartSnapshotText\0_kDartSnapshotData\0";
        let entry = if is_64bit { 16 } else { 12 };
        let symbols = [
            (2, 0x0e, 1, PAGE + 16),
            // A function for debuggers: its start, and its size; then one that repeats the text blob.
            (2, 0x24, 1, PAGE + 16),
            (1, 0x24, 0, 20),
            (8, 0x24, 1, PAGE),
            (1, 0x24, 0, 16),
            (8, 0x0f, 1, PAGE),
            (27, 0x0f, 2, 2 * PAGE),
        ];
        let strings = 3 * PAGE + entry * symbols.len();
        let counts = [3 * PAGE, symbols.len(), strings, names.len()].map(|n| n as u32);
        file.command(0x2, |file| file.words(&counts));
        file.command(0xb, |file| {
            file.words(&[0, 5, 5, 2]);
            file.words(&[0; 14]);
        });
        let length = (file.bytes.len() - start) as u32;
        file.put(20, length);
        for (at, blob) in [(PAGE, &TEXT[..]), (2 * PAGE, &DATA[..])] {
            file.bytes.resize(at, 0);
            file.bytes.extend_from_slice(blob);
        }
        file.bytes.resize(3 * PAGE, 0);
        for (name, kind, section, value) in symbols {
            file.words(&[name, kind | section << 8]);
            file.address(value);
        }
        file.bytes.extend_from_slice(names);
        file.bytes.resize(3 * PAGE + 0x200, 0);
        file
    }

    fn words(&mut self, words: &[u32]) {
        self.bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }

    fn address(&mut self, value: usize) {
        let size = if self.is_64bit { 8 } else { 4 };
        self.bytes.extend_from_slice(&(value as u64).to_le_bytes()[..size]);
    }

    fn name(&mut self, name: &str) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(self.bytes.len() + 16 - name.len(), 0);
    }

    fn command(&mut self, kind: u32, body: impl FnOnce(&mut File)) {
        let at = self.bytes.len();
        self.commands.push(at);
        self.words(&[kind, 0]);
        body(self);
        let size = (self.bytes.len() - at) as u32;
        self.put(at + 4, size);
    }

    fn segment(
        &mut self,
        name: &str,
        memory: (usize, usize),
        file: (usize, usize),
        access: u32,
        sections: &[(&str, usize, usize, u32)],
    ) {
        let kind = if self.is_64bit { 0x19 } else { 0x1 };
        self.command(kind, |out| {
            out.name(name);
            [memory.0, memory.1, file.0, file.1].into_iter().for_each(|n| out.address(n));
            out.words(&[access, access, sections.len() as u32, 0]);
            for &(section, at, size, flags) in sections {
                out.name(section);
                out.name(name);
                out.address(at);
                out.address(size);
                let in_file = if flags == 1 { 0 } else { at as u32 };
                out.words(&[in_file, 2, 0, 0, flags, 0, 0]);
                if out.is_64bit {
                    out.words(&[0]);
                }
            }
        });
    }

    fn put(&mut self, at: usize, word: u32) {
        self.bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }

    fn read(&self) -> Result<Container<'_>, ReadError> {
        Container::read(&self.bytes)
    }

    /// The error after one word of the file was changed.
    fn error_with(&self, at: usize, word: u32) -> String {
        let mut bytes = self.bytes.clone();
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        Container::read(&bytes).expect_err("damaged").to_string()
    }

    /// Offset of field `index` of those behind a segment's addresses: largest access, access, sections.
    fn segment_field(&self, segment: usize, index: usize) -> usize {
        self.commands[segment] + if self.is_64bit { 56 } else { 40 } + 4 * index
    }
}

#[test]
fn both_word_sizes_are_read() {
    for (is_64bit, machine) in [(true, Machine::X64), (false, Machine::Arm)] {
        let file = File::new(is_64bit, MachO::DYLIB);
        let container = file.read().expect("well-formed");
        assert_eq!(container.machine, Some(machine));
        assert_eq!((container.text.offset, container.text.address), (PAGE, PAGE as u64));
        assert_eq!((container.text.bytes, container.data.bytes), (&TEXT[..], &DATA[..]));
        let id = container.build_id.expect("a build id");
        assert_eq!((id.bytes[15], id.address), (15, file.commands[UUID] as u64 + 8));
        let names: Vec<&str> = container.dynamic_symbols.iter().map(|symbol| symbol.name).collect();
        assert_eq!(names, ["_kDartSnapshotText", "_kDartSnapshotData"]);
        // One symbol of the function, with its size; none of the text blob as a function.
        let [main] = &container.symbols[..] else { panic!("{:?}", container.symbols) };
        assert_eq!((main.name, main.size, main.kind), ("_main", 20, SymbolKind::Function));
        assert_eq!(container.segments[DATA_SEGMENT - 1].access, (true, true, false));
        assert!(container.section("__DATA,__bss").expect("there is one").is_zerofill());
        let macho = container.macho.as_ref().expect("a Mach-O file");
        assert_eq!((macho.commands.len(), macho.external_symbols.clone()), (6, 5..7));
    }
}

#[test]
fn blobs_of_object_files_may_start_at_zero() {
    let mut file = File::new(true, MachO::OBJECT);
    // Addresses of an object file count from its first section.
    for (index, address) in [0, PAGE as u32].into_iter().enumerate() {
        let section = file.commands[TEXT_SEGMENT] + 72 + 80 * index;
        file.put(section + 32, address);
        let symbol = file.symbols + (5 + index) * 16;
        file.put(symbol + 8, address);
    }
    let segment = file.commands[TEXT_SEGMENT];
    file.put(segment + 40, PAGE as u32);
    file.put(segment + 48, 2 * PAGE as u32);
    let container = file.read().expect("well-formed");
    assert_eq!((container.text.address, container.text.bytes), (0, &TEXT[..]));
    assert_eq!((container.data.address, container.data.bytes), (PAGE as u64, &DATA[..]));
}

#[test]
fn damage_is_refused_with_its_place() {
    for is_64bit in [true, false] {
        let file = File::new(is_64bit, MachO::DYLIB);
        let commands = &file.commands;
        let expect = |at: usize, word: u32, expected: &str| {
            let error = file.error_with(at, word);
            assert!(error.contains(expected), "{expected} is not in: {error}");
        };
        // Load commands: too small, too large, for their fields, in all, their number.
        expect(commands[SYMTAB] + 4, 0, "load commands, offset");
        expect(commands[UUID] + 4, 4, "command 0x1b of 4 bytes");
        expect(commands[DYSYMTAB] + 4, 0x1000, "command 0xb of 4096 bytes");
        expect(commands[UUID] + 4, 0xffff_fff8, "command 0x1b of 4294967288 bytes");
        expect(16, 7, "6 commands, the header says 7");
        expect(20, 0x10_0000, "past the end of the file");
        expect(12, MachO::DSYM, "debugging information only");
        // What is missing.
        expect(commands[SYMTAB], 0x99, "no symbol table");
        expect(commands[DYSYMTAB], 0x99, "no table of dynamic symbols");
        // Segments and sections out of range.
        let words = if is_64bit { 8 } else { 4 };
        expect(
            commands[TEXT_SEGMENT] + 24 + 3 * words,
            0x10_0000,
            "segment __TEXT runs past the end of the file",
        );
        expect(file.segment_field(TEXT_SEGMENT, 2), 3, "has 3 sections");
        expect(file.segment_field(TEXT_SEGMENT, 2), u32::MAX, "has 4294967295 sections");
        let section = commands[TEXT_SEGMENT] + if is_64bit { 72 } else { 56 };
        expect(section + 32 + 2 * words, 0x10_0000, "section __TEXT,__text runs past the end of the file");
        expect(commands[TEXT_SEGMENT], if is_64bit { 1 } else { 0x19 }, "command");
        // Symbols: table, strings, external ones, names, addresses.
        expect(commands[SYMTAB] + 8, 0x10_0000, "entries of");
        expect(commands[SYMTAB] + 12, 0x10_0000, "entries of");
        expect(commands[SYMTAB] + 16, 0x10_0000, "past the end of the file");
        expect(commands[SYMTAB] + 20, 8, "string");
        expect(commands[DYSYMTAB] + 20, 3, "the external ones end at 8");
        expect(commands[DYSYMTAB] + 20, 1, "no symbol _kDartSnapshotData");
        let entry = if is_64bit { 16 } else { 12 };
        expect(file.symbols + 5 * entry, 2, "no symbol _kDartSnapshotText");
        expect(file.symbols + 6 * entry, 0x10_0000, "string");
        expect(file.symbols + 6 * entry + 8, 0x10_0000, "is in no loaded segment");
        expect(file.symbols + 6 * entry + 8, 2 * PAGE as u32 + 100, "is in no section");
        // Every cut end.
        for length in 0..file.bytes.len() {
            let error = Container::read(&file.bytes[..length]).expect_err("cut off");
            assert!(!error.reason.is_empty());
        }
    }
}

#[test]
fn universal_files_are_named() {
    let error = Container::read(&[0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1]).expect_err("no snapshot");
    assert!(error.to_string().contains("universal"), "{error}");
}
