//! A writer of small kernel files, independent of the reader.
//!
//! Every file has the same declarations around a body that the test supplies: `dart:core` with `Object`, `pragma` and
//! the numbers, and `test:lib` with a generic class and `main`.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;

/// Bytes of a file in the making. Nodes are written at their final offsets, so `len` names the next node.
pub struct Writer {
    pub bytes: Vec<u8>,
    strings: Vec<Vec<u8>>,
    names: Vec<(u32, u32)>,
    metadata: BTreeMap<&'static str, Vec<(u32, Vec<u8>)>>,
    pub refs: Refs,
}

/// References (index + 1) to the canonical names of the declarations.
#[derive(Clone, Copy, Default)]
pub struct Refs {
    pub core: u32,
    pub object: u32,
    pub pragma: u32,
    pub pragma_name: u32,
    pub pragma_options: u32,
    pub pragma_getters: [u32; 2],
    pub lib: u32,
    pub boxed: u32,
    pub value_field: u32,
    pub value_getter: u32,
    pub value_setter: u32,
    pub box_new: u32,
    pub map: u32,
    pub make: u32,
    pub main: u32,
    pub counter: [u32; 3],
}

/// Indices of the constants of every file.
pub mod constants {
    pub const NULL: u32 = 0;
    pub const TRUE: u32 = 1;
    pub const INT: u32 = 2;
    pub const ENTRY_POINT: u32 = 5;
    pub const PRAGMA: u32 = 6;
    pub const COUNT: u32 = 17;
}

/// Number of bytes before the canonical-name-independent part; version and magic are at 0.
pub const VERSION_OFFSET: usize = 4;

impl Writer {
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.bytes.push(byte);
        self
    }

    pub fn uint(&mut self, value: u32) -> &mut Self {
        match value {
            0..0x80 => self.bytes.push(value as u8),
            0x80..0x4000 => self.bytes.extend((value as u16 | 0x8000).to_be_bytes()),
            _ => self.bytes.extend((value | 0xc000_0000).to_be_bytes()),
        }
        self
    }

    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend(value.to_be_bytes());
        self
    }

    /// A tag, then a position (stored plus one).
    pub fn node(&mut self, tag: u8, position: u32) -> &mut Self {
        self.byte(tag).uint(position + 1)
    }

    pub fn here(&self) -> u32 {
        self.bytes.len() as u32
    }

    pub fn string_index(&mut self, text: &[u8]) -> u32 {
        let found = self.strings.iter().position(|known| known == text);
        found.unwrap_or_else(|| {
            self.strings.push(text.to_vec());
            self.strings.len() - 1
        }) as u32
    }

    /// A string reference.
    pub fn str(&mut self, text: &str) -> &mut Self {
        let index = self.string_index(text.as_bytes());
        self.uint(index)
    }

    /// A member name; private names get the library `test:lib`.
    pub fn name(&mut self, text: &str) -> &mut Self {
        self.str(text);
        if text.starts_with('_') {
            self.uint(self.refs.lib);
        }
        self
    }

    fn define(&mut self, parent: u32, text: &str) -> u32 {
        let string = self.string_index(text.as_bytes());
        self.names.push((parent, string));
        self.names.len() as u32
    }

    pub fn metadata(&mut self, tag: &'static str, node: u32, payload: &[u8]) -> &mut Self {
        self.metadata.entry(tag).or_default().push((node, payload.to_vec()));
        self
    }

    // Types.

    pub fn dynamic(&mut self) -> &mut Self {
        self.byte(91)
    }

    pub fn object_type(&mut self) -> &mut Self {
        let object = self.refs.object;
        self.byte(96).byte(2).uint(object)
    }

    pub fn type_parameter(&mut self, index: u32) -> &mut Self {
        self.byte(95).byte(0).uint(index)
    }

    /// A type parameter declaration bounded by `Object`.
    pub fn type_parameter_declaration(&mut self, name: &str) -> &mut Self {
        self.byte(0).uint(0).byte(4).str(name).object_type().dynamic()
    }

    // Pieces of bodies.

    /// A variable without initialiser; gives its id.
    pub fn variable(&mut self, tag: u8, name: &str) -> u32 {
        let id = self.variable_header(tag, name);
        self.byte(0);
        id
    }

    /// A variable up to its initialiser.
    pub fn variable_header(&mut self, tag: u8, name: &str) -> u32 {
        let id = self.here();
        self.byte(tag).uint(0).uint(0).uint(0).uint(0).str(name).dynamic();
        id
    }

    /// Arguments: so many positional ones, which the caller writes, then `no_named`.
    pub fn arguments(&mut self, positional: u32) -> &mut Self {
        self.uint(positional).uint(0).uint(positional)
    }

    /// The end of arguments without named ones.
    pub fn no_named(&mut self) -> &mut Self {
        self.uint(0)
    }

    pub fn null(&mut self) -> &mut Self {
        self.node(43, 7)
    }

    /// A function up to its body option. Parameters are positional and required.
    pub fn function_header(&mut self, type_parameters: &[&str], parameters: &[&str]) -> Vec<u32> {
        self.byte(3).uint(0).uint(0).byte(0).byte(0).uint(0).uint(type_parameters.len() as u32);
        for name in type_parameters {
            self.type_parameter_declaration(name);
        }
        let count = parameters.len() as u32;
        self.byte(0).uint(count).uint(count).uint(count);
        let ids = parameters.iter().map(|name| self.variable(159, name)).collect();
        self.uint(0).dynamic().byte(0).byte(0);
        ids
    }

    /// What follows the body of a function.
    pub fn function_end(&mut self) -> &mut Self {
        self.byte(0).byte(0)
    }

    pub fn block(&mut self, statements: u32) -> &mut Self {
        self.node(62, 1).uint(9).uint(0).uint(statements)
    }

    /// The end of a block, or of another statement with a scope.
    pub fn no_scope(&mut self) -> &mut Self {
        self.byte(0)
    }
}

/// A file whose `main(p)` has the body that `body` writes, a single statement.
pub fn file(body: impl FnOnce(&mut Writer, u32)) -> Vec<u8> {
    let mut w = Writer {
        bytes: Vec::new(),
        strings: vec![Vec::new()],
        names: Vec::new(),
        metadata: BTreeMap::new(),
        refs: Refs::default(),
    };
    define_names(&mut w);
    w.u32(0x90ab_cdef).u32(138);
    w.bytes.extend(b"0000000000");
    w.uint(0);

    let mut libraries = vec![w.here()];
    core_library(&mut w);
    libraries.push(w.here());
    test_library(&mut w, body);
    finish(w, &libraries)
}

fn define_names(w: &mut Writer) {
    let mut refs = Refs { core: w.define(0, "dart:core"), ..Refs::default() };
    refs.object = w.define(refs.core, "Object");
    refs.pragma = w.define(refs.core, "pragma");
    let fields = w.define(refs.pragma, "@fields");
    refs.pragma_name = w.define(fields, "name");
    refs.pragma_options = w.define(fields, "options");
    let getters = w.define(refs.pragma, "@getters");
    refs.pragma_getters = [w.define(getters, "name"), w.define(getters, "options")];
    refs.lib = w.define(0, "test:lib");
    refs.boxed = w.define(refs.lib, "Box");
    let fields = w.define(refs.boxed, "@fields");
    refs.value_field = w.define(fields, "value");
    let getters = w.define(refs.boxed, "@getters");
    refs.value_getter = w.define(getters, "value");
    let setters = w.define(refs.boxed, "@setters");
    refs.value_setter = w.define(setters, "value");
    let constructors = w.define(refs.boxed, "@constructors");
    refs.box_new = w.define(constructors, "");
    let methods = w.define(refs.boxed, "@methods");
    refs.map = w.define(methods, "map");
    let factories = w.define(refs.boxed, "@factories");
    refs.make = w.define(factories, "make");
    let methods = w.define(refs.lib, "@methods");
    refs.main = w.define(methods, "main");
    let kinds = ["@fields", "@getters", "@setters"].map(|kind| w.define(refs.lib, kind));
    refs.counter = kinds.map(|kind| w.define(kind, "_counter"));
    w.refs = refs;
}

fn library_header(w: &mut Writer, name: u32) {
    // Flags, version, names, source; no problems, annotations, dependencies, exports, parts, typedefs.
    w.byte(4).uint(3).uint(12).uint(name).str("").uint(0).uint(0).uint(0);
    let refs = w.refs;
    match name == refs.lib {
        true => {
            // One deferred import of dart:core, showing Object.
            w.uint(1).uint(0).byte(2).uint(0).uint(refs.core).str("core");
            w.uint(1).byte(1).uint(1).str("Object");
        }
        false => {
            w.uint(0);
        }
    }
    w.uint(0).uint(0).uint(0);
}

/// The trailer of a library.
fn library_end(w: &mut Writer, classes: &[u32], procedures: &[u32]) {
    let references = w.here();
    w.uint(0).u32(references);
    for table in [classes, procedures] {
        for &offset in table {
            w.u32(offset);
        }
        w.u32(table.len() as u32 - 1);
    }
}

/// A class up to its fields.
fn class_header(w: &mut Writer, name: u32, text: &str, type_parameters: &[&str], supertype: bool) {
    w.byte(2).uint(name).uint(0).uint(1).uint(2).uint(3).uint(0).str(text).uint(0);
    w.uint(type_parameters.len() as u32);
    for name in type_parameters {
        w.type_parameter_declaration(name);
    }
    match supertype {
        true => w.byte(1).object_type(),
        false => w.byte(0),
    };
    w.byte(0).uint(0);
}

/// The trailer of a class.
fn class_end(w: &mut Writer, procedures: &[u32]) {
    for &offset in procedures {
        w.u32(offset);
    }
    w.u32(procedures.len() as u32 - 1);
}

/// A field up to its annotations.
fn field(w: &mut Writer, names: [u32; 3], text: &str, flags: u32) {
    w.byte(4)
        .uint(names[0])
        .uint(names[1])
        .uint(names[2])
        .uint(0)
        .uint(11)
        .uint(12)
        .uint(flags)
        .name(text)
        .uint(0);
}

fn core_library(w: &mut Writer) {
    let refs = w.refs;
    library_header(w, refs.core);
    w.uint(2);
    let mut classes = vec![w.here()];
    class_header(w, refs.object, "Object", &[], false);
    w.uint(0).uint(0).uint(0);
    let end = w.here();
    class_end(w, &[end]);
    classes.push(w.here());
    class_header(w, refs.pragma, "pragma", &[], true);
    w.uint(2);
    field(w, [refs.pragma_name, refs.pragma_getters[0], 0], "name", 1);
    w.uint(0).object_type().byte(0).byte(0).byte(0);
    field(w, [refs.pragma_options, refs.pragma_getters[1], 0], "options", 1);
    w.uint(0).object_type().byte(0).byte(0).byte(0);
    w.uint(0).uint(0);
    let end = w.here();
    class_end(w, &[end]);
    classes.push(w.here());
    // No extensions, extension types, fields, procedures.
    w.uint(0).uint(0).uint(0).uint(0);
    let end = w.here();
    library_end(w, &classes, &[end]);
}

fn test_library(w: &mut Writer, body: impl FnOnce(&mut Writer, u32)) {
    let refs = w.refs;
    library_header(w, refs.lib);
    w.uint(1);
    let mut classes = vec![w.here()];
    class_header(w, refs.boxed, "Box", &["T"], true);
    w.uint(1);
    let node = w.here();
    w.metadata("vm.procedure-attributes.metadata", node, &[0b00010, 3, 4]);
    w.metadata("vm.unboxing-info.metadata", node, &[1, 2, 3, 1, 1, 0, 2]);
    field(w, [refs.value_field, refs.value_getter, refs.value_setter], "value", 0);
    w.uint(0).type_parameter(0).byte(0).byte(1).null().byte(0);
    w.uint(1);
    constructor(w);
    w.uint(2);
    let mut procedures = vec![w.here()];
    // `map<R>(f)`: its own type parameter follows the class's.
    procedure(w, refs.map, 0, 0, "map", &[]);
    w.function_header(&["R"], &["f"]);
    w.byte(1).node(74, 20).byte(1).node(45, 21).type_parameter(1);
    w.function_end();
    procedures.push(w.here());
    procedure(w, refs.make, 4, 1, "make", &[]);
    w.function_header(&["T"], &[]);
    w.byte(0).function_end();
    procedures.push(w.here());
    class_end(w, &procedures);
    classes.push(w.here());
    w.uint(0).uint(0);
    w.uint(1);
    field(w, refs.counter, "_counter", 4);
    w.uint(0).dynamic().byte(0).byte(1).node(240 + 5, 30).byte(0);
    w.uint(1);
    let start = w.here();
    procedure(w, refs.main, 0, 1, "main", &[constants::PRAGMA, constants::INT]);
    let parameters = w.function_header(&[], &["p"]);
    w.metadata("vm.inferred-arg-type.metadata", parameters[0], &[1 | 8, refs.object as u8, 2]);
    w.byte(1);
    body(w, parameters[0]);
    w.function_end();
    let end = w.here();
    library_end(w, &classes, &[start, end]);
}

/// `Box(v) : value = v, super() { }` and one of each other initialiser.
fn constructor(w: &mut Writer) {
    let refs = w.refs;
    w.byte(5).uint(refs.box_new).uint(0).uint(1).uint(2).uint(3).byte(1).name("").uint(0);
    let parameters = w.function_header(&[], &["v"]);
    w.byte(1).byte(63).function_end();
    w.uint(6);
    w.node(11, 1);
    w.variable(157, "");
    w.node(8, 2).byte(0).uint(refs.value_field).node(224, 3).uint(parameters[0]);
    w.node(12, 4).byte(64).node(41, 5).uint(0).uint(0).byte(0);
    w.node(10, 6).uint(refs.box_new).arguments(0).no_named();
    w.node(9, 7).byte(1).uint(refs.box_new).arguments(1).null().no_named();
    w.node(7, 8).str("bad").byte(0);
}

/// A procedure up to its function, with constants as annotations.
fn procedure(w: &mut Writer, name: u32, kind: u8, flags: u32, text: &str, annotations: &[u32]) {
    w.byte(6).uint(name).uint(0).uint(1).uint(2).uint(3).byte(kind).byte(0).uint(flags).name(text);
    w.uint(annotations.len() as u32);
    for &constant in annotations {
        w.node(106, 4).object_type().uint(constant);
    }
    w.uint(0).byte(0);
}

fn source_table(w: &mut Writer) {
    w.u32(1);
    let start = w.here();
    for text in ["file:///lib.dart", ""] {
        w.uint(text.len() as u32);
        w.bytes.extend(text.as_bytes());
    }
    // Lines start at 0, 10, 25.
    w.uint(3).uint(0).uint(10).uint(15);
    w.uint(8);
    w.bytes.extend(b"test:lib");
    w.uint(0);
    w.u32(start);
}

fn constant_table(w: &mut Writer) -> u32 {
    use constants::*;
    let refs = w.refs;
    let start = w.here();
    w.uint(COUNT);
    let mut offsets = Vec::new();
    for id in 0..COUNT {
        offsets.push(w.here() - start);
        match id {
            NULL => w.byte(0),
            TRUE => w.byte(1).byte(1),
            // 2^62, too large for 30 bits.
            INT => w.byte(2).byte(57).uint(0).str("4611686018427387904"),
            3 => {
                w.byte(3);
                w.bytes.extend(1.5f64.to_le_bytes());
                &mut *w
            }
            4 => w.byte(2).byte(56).uint(0).uint(70_000),
            ENTRY_POINT => w.byte(4).str("vm:entry-point"),
            PRAGMA => w
                .byte(8)
                .uint(refs.pragma)
                .uint(0)
                .uint(2)
                .uint(refs.pragma_name)
                .uint(ENTRY_POINT)
                .uint(refs.pragma_options)
                .uint(NULL),
            7 => w.byte(5).uint(refs.lib).str("_symbol"),
            8 => w.byte(6).object_type().dynamic().uint(1).uint(TRUE).uint(INT),
            9 => w.byte(7).object_type().uint(2).uint(NULL).uint(8),
            10 => w.byte(13).object_type().uint(1).uint(3),
            11 => w.byte(10).uint(refs.main),
            12 => w.byte(9).uint(11).uint(1).object_type(),
            // `R Function<R>()`
            13 => w
                .byte(11)
                .byte(94)
                .byte(2)
                .uint(1)
                .type_parameter_declaration("R")
                .uint(0)
                .uint(0)
                .uint(0)
                .uint(0)
                .type_parameter(0),
            14 => w.byte(15).uint(refs.box_new),
            15 => w.byte(16).uint(refs.make),
            _ => w.byte(17).uint(1).uint(INT).uint(1).str("n").uint(TRUE).byte(100).byte(2).uint(0).uint(0),
        };
    }
    let index = w.here();
    for offset in offsets {
        w.u32(offset);
    }
    w.u32(COUNT);
    index
}

/// Everything after the libraries.
fn finish(mut w: Writer, libraries: &[u32]) -> Vec<u8> {
    let w = &mut w;
    let sources = w.here();
    source_table(w);
    let constants = w.here();
    let constant_index = constant_table(w);
    w.metadata("vm.table-selector.metadata", 0, &[2, 0, 0, 9, 3]);
    let root = w.string_index(b"test:lib") as u8;
    w.metadata("vm.loading-units.metadata", 0, &[1, 1, 0, 1, root]);
    w.metadata("vm.obfuscation-prohibitions.metadata", 0, &[0, 0, 0, 1, root]);
    let tags: Vec<_> = w.metadata.keys().copied().collect();
    let tags: Vec<_> = tags.into_iter().map(|tag| (tag, w.string_index(tag.as_bytes()))).collect();

    let names = w.here();
    w.uint(w.names.len() as u32);
    for (parent, string) in std::mem::take(&mut w.names) {
        w.uint(parent).uint(string);
    }
    while !w.bytes.len().is_multiple_of(8) {
        w.byte(0);
    }
    let payloads = w.here();
    let mut mappings = Vec::new();
    for (tag, string) in tags {
        let mut table = Vec::new();
        for (node, payload) in w.metadata.remove(tag).unwrap_or_default() {
            table.push((node, w.here() - payloads));
            w.bytes.extend(payload);
        }
        table.sort_unstable();
        mappings.push((string, table));
    }
    let metadata_mappings = w.here();
    for (string, table) in &mappings {
        w.u32(*string);
        for &(node, payload) in table {
            w.u32(node).u32(payload);
        }
        w.u32(table.len() as u32);
    }
    w.u32(mappings.len() as u32);

    let string_table = w.here();
    let strings = std::mem::take(&mut w.strings);
    w.uint(strings.len() as u32);
    let mut end = 0;
    for string in &strings {
        end += string.len() as u32;
        w.uint(end);
    }
    w.bytes.extend(strings.concat());
    let index = w.here();
    while !(w.bytes.len() + 4 * (11 + libraries.len() + 1)).is_multiple_of(8) {
        w.byte(0);
    }
    for word in [sources, constants, constant_index, names, payloads, metadata_mappings, string_table, index]
    {
        w.u32(word);
    }
    w.u32(w.refs.main);
    for &library in libraries {
        w.u32(library);
    }
    w.u32(sources);
    w.u32(libraries.len() as u32);
    let size = w.here() + 4;
    w.u32(size);
    std::mem::take(&mut w.bytes)
}

/// A body with every kind of expression, statement and type.
pub fn everything(w: &mut Writer, parameter: u32) {
    w.block(18);
    every_leaf(w, parameter);
    every_operator(w);
    every_access(w);
    every_type(w);
    // Local functions.
    w.node(79, 60);
    let local = w.variable(162, "local");
    w.uint(0);
    let inner = w.function_header(&["S"], &["q"]);
    w.byte(1).node(74, 61).byte(1).node(45, 62).type_parameter(0);
    w.function_end();
    w.byte(61)
        .node(127, 63)
        .uint(local)
        .uint(1)
        .arguments(1)
        .node(224, 64)
        .uint(parameter)
        .no_named()
        .dynamic();
    w.byte(61).node(52, 65).uint(1);
    w.function_header(&[], &[]);
    w.byte(1).node(77, 66).byte(1).null().function_end();
    assert!(inner[0] > local);
    every_jump(w);
    // Exceptions.
    w.node(75, 70).byte(63).byte(3).uint(1).uint(0).uint(0).object_type().byte(1);
    w.variable(158, "e");
    w.byte(1);
    w.variable(158, "s");
    w.byte(61).node(47, 71).byte(0);
    w.node(76, 72).byte(63).byte(63);
    // Declarations.
    w.node(78, 73).byte(154).uint(0).byte(0);
    w.variable_header(155, "x");
    w.byte(1).null();
    w.byte(81).uint(1).byte(64).node(42, 74).uint(0).uint(0).byte(1).null();
    w.node(69, 75).uint(0).uint(1).byte(154).uint(0).byte(0);
    w.variable(156, "i");
    w.byte(1).node(41, 76).uint(1).null().byte(63).no_scope();
    w.node(70, 77).uint(0).uint(0);
    w.variable(155, "j");
    w.null().byte(63).no_scope();
    w.node(80, 78).uint(0).uint(0);
    w.variable(163, "k");
    w.null().byte(63).no_scope();
    w.node(73, 79).node(41, 80).byte(63).byte(63);
    w.node(74, 81).byte(0);
    w.byte(61).node(53, 82);
    w.variable(157, "t");
    w.node(82, 83).uint(0).uint(1).byte(63).node(19, 84).str("oops").byte(1).null().no_scope();
    w.no_scope();
}

/// One statement: a string concatenation of all expressions without operands, and assignments.
fn every_leaf(w: &mut Writer, parameter: u32) {
    let refs = w.refs;
    w.byte(61).node(36, 1).uint(22);
    w.node(20, 2).uint(parameter).uint(0).byte(1).object_type();
    w.node(21, 3).uint(parameter).uint(0).null();
    w.node(232, 3).uint(parameter).null();
    let node = w.here();
    w.metadata(
        "vm.inferred-type.metadata",
        node,
        &[0b100_0001, 93, 2, refs.boxed as u8, 1, 96, 2, refs.object as u8],
    );
    w.node(224, 4).uint(parameter);
    w.node(46, 5);
    w.node(240, 6);
    w.node(55, 7).uint(1_000_000);
    w.node(56, 8).uint(200);
    w.node(57, 9).str("-9223372036854775808");
    w.node(40, 10);
    w.bytes.extend((-0.5f64).to_le_bytes());
    w.node(41, 11).node(42, 12).null();
    w.node(39, 13);
    let lone_surrogate = w.string_index(b"a\xed\xa0\x80");
    w.uint(lone_surrogate);
    w.node(45, 14).dynamic();
    w.node(106, 15).dynamic().uint(constants::COUNT - 1);
    w.node(108, 16).uint(0).dynamic().uint(9);
    w.byte(116).uint(0).uint(18).null();
    w.node(26, 18).uint(refs.counter[1]);
    w.node(27, 19).uint(refs.counter[2]).null();
    w.node(13, 20).uint(0);
    w.node(14, 21).uint(0);
}

fn every_operator(w: &mut Writer) {
    let refs = w.refs;
    w.byte(61).node(36, 30).uint(16);
    w.node(15, 31).null();
    w.node(16, 32).null().null().dynamic().uint(refs.map).uint(0);
    w.node(33, 33).node(41, 33);
    w.node(117, 34).null();
    w.node(34, 35).node(41, 35).byte(1).node(42, 35);
    w.node(35, 36).node(41, 36).null().null().byte(1).dynamic();
    w.node(37, 37).null().object_type();
    w.node(38, 38).byte(1).null().object_type();
    w.node(48, 39).byte(1).null();
    w.node(49, 40).dynamic().uint(2).null().null();
    w.node(50, 41).dynamic().dynamic().uint(1).null().null();
    w.node(104, 42).uint(1).null().uint(1).str("n").null().byte(100).byte(2).uint(1).dynamic().uint(1);
    w.str("n").dynamic().byte(0);
    w.node(101, 43).null().dynamic().uint(0);
    w.node(102, 44).null().dynamic().str("n");
    w.node(51, 45).null().byte(1).object_type();
    w.node(54, 46).null().uint(1).object_type();
}

fn every_access(w: &mut Writer) {
    let refs = w.refs;
    w.byte(61).node(36, 50).uint(13);
    let node = w.here();
    w.metadata("vm.direct-call.metadata", node, &[refs.value_getter as u8, 1]);
    w.byte(118).byte(0).uint(51).null().name("value").dynamic().uint(refs.value_getter).uint(0);
    w.byte(121).byte(0).uint(51).null().name("map").dynamic().uint(refs.map).uint(0);
    w.byte(119).byte(1).uint(51).null().name("value").null().uint(refs.value_setter).uint(0);
    let node = w.here();
    w.metadata("vm.call-site-attributes.metadata", node, &[96, 2, refs.object as u8]);
    w.byte(120).byte(0).byte(3).uint(51).null().name("map").uint(2).uint(1).dynamic().uint(1).null().uint(1);
    w.str("named").null().dynamic().dynamic().uint(refs.map).uint(0);
    w.byte(122).byte(0).uint(51).null().name("_private");
    w.byte(123).byte(1).uint(51).null().name("n").null();
    w.byte(124).byte(2).byte(1).uint(51).null().name("call").arguments(0).no_named();
    w.byte(125).byte(1).uint(51).null().arguments(1).null().no_named().dynamic();
    w.node(24, 51).node(46, 51).name("value").uint(refs.value_getter).uint(0);
    w.node(25, 51).node(46, 51).name("value").null().uint(refs.value_setter).uint(0);
    w.node(29, 51).node(46, 51).name("map").arguments(0).no_named().uint(refs.map).uint(0);
    w.node(30, 51).uint(refs.make).uint(0).uint(1).object_type().uint(0).uint(0);
    w.node(31, 51).uint(refs.box_new).arguments(1).null().no_named();
}

fn every_type(w: &mut Writer) {
    let refs = w.refs;
    w.byte(61).node(36, 55).uint(14);
    for simple in [90, 91, 92, 152] {
        w.node(45, 56).byte(simple);
    }
    w.node(45, 56).byte(98).byte(2);
    w.node(45, 56).object_type();
    w.node(45, 56).byte(93).byte(1).uint(refs.boxed).uint(1).dynamic();
    w.node(45, 56).byte(97).byte(0).uint(1).dynamic().byte(92);
    // `A Function<A>(B Function<B>(A, B), {required A n})`
    w.node(45, 56).byte(94).byte(2).uint(1).type_parameter_declaration("A").uint(1).uint(2).uint(1);
    w.byte(94).byte(2).uint(1).type_parameter_declaration("B").uint(2).uint(2).uint(2);
    w.type_parameter(0).type_parameter(1).uint(0).type_parameter(1);
    w.uint(1).str("n").type_parameter(0).byte(1).type_parameter(0);
    w.node(45, 56).byte(100).byte(2).uint(1).dynamic().uint(1).str("n").dynamic().byte(0);
    w.node(45, 56).byte(107).byte(2).dynamic();
    w.node(45, 56).byte(99).dynamic().object_type();
    w.node(45, 56).byte(103).byte(2).uint(refs.boxed).uint(1).dynamic().object_type();
    w.node(45, 56).byte(93).byte(2).uint(refs.boxed).uint(1).byte(107).byte(1).object_type();
}

/// Loops and switches inside of two labels, with jumps out of them.
fn every_jump(w: &mut Writer) {
    w.node(65, 90).node(67, 91).uint(0).node(41, 91);
    w.node(65, 92).node(68, 93);
    w.node(71, 94).byte(1).null().byte(1).object_type().uint(2);
    w.uint(95).uint(1).uint(96).node(241, 96).byte(0).node(72, 97).uint(1);
    w.uint(98).uint(0).byte(1).block(2).node(66, 99).uint(0).node(66, 99).uint(1).no_scope();
    w.node(41, 100).no_scope();
}
