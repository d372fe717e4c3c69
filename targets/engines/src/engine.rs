//! One engine revision: its class ids, stubs, runtime entries, roots and other ordered lists.
//!
//! Everything here is read from the tables under `dart-<revision>/`, which `cargo xtask engine-data` generates
//! from the engine's sources. The tables are part of the binary and are parsed once.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::bits::{BitField, Bits, Enums, Groups};
use crate::data::{DataError, Row, Table, Values, snake_case, unescape};
use crate::layout::{Immutability, Layout};
use crate::names::{Cids, LeafEntries, RuntimeEntries, Stubs};
use crate::target::{Arch, LayoutKind, Os};

/// Class id as stored in object headers (runtime/vm/class_id.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// Index into the engine's stub list, [`Engine::stubs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stub(pub u32);

/// Index into [`Engine::runtime_entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeEntry(pub u32);

/// Index into [`Engine::leaf_entries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafEntry(pub u32);

/// A class with a fixed class id.
#[derive(Debug, Clone)]
pub struct PredefinedClass {
    /// The class id, also the index in [`Engine::classes`].
    pub cid: u32,
    /// Name in the engine's sources without `k` and `Cid`, e.g. `TypedDataInt8Array`.
    pub name: &'static str,
    /// Header bit of the class's instances (`IsDeeplyImmutableCid`, `IsShallowlyImmutableCid`).
    pub immutability: Immutability,
    /// Whether the class table has a class at this id. Abstract engine classes and pseudo objects have none;
    /// every other id up to the last predefined one must have a class in a snapshot.
    pub in_class_table: bool,
    /// URI of the library that declares the class, `None` for engine-internal classes.
    pub library: Option<&'static str>,
    /// Name of the Dart class, unmangled: `_Double`. `None` for engine-internal classes.
    pub dart_name: Option<&'static str>,
    /// Length of the instances' type argument vector.
    pub num_type_arguments: u32,
    shapes: [ClassShape; LayoutKind::COUNT],
}

/// Where a predefined class's instances keep what; all in compressed words of the target, as the snapshot's
/// Class objects record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassShape {
    /// Rounded instance size; 0 for classes whose instances vary in size or do not exist.
    pub instance_size: i32,
    /// Offset at which a subclass's first field goes; -1 if Dart code cannot extend the class.
    pub next_field_offset: i32,
    /// Offset of the type argument vector; -1 if instances have none.
    pub type_arguments_field_offset: i32,
}

/// A runtime entry that is called through an exit frame with tagged arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuntimeEntryInfo {
    /// Name in the engine's list, e.g. `AllocateArray`.
    pub name: &'static str,
    /// Number of arguments; `None` where this build has no implementation of the entry.
    pub argument_count: Option<u32>,
}

/// C type of a leaf runtime entry's argument or result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CType {
    /// No result.
    Void,
    /// Boolean in the low byte.
    Bool,
    /// 32-bit integer.
    Int32,
    /// 64-bit integer, also on 32-bit targets.
    Int64,
    /// Machine word: a pointer, tagged or not, or a word-sized integer.
    Word,
    /// Double.
    Double,
}

/// A runtime entry that is called as a plain C function: no exit frame, no garbage collection, no exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafEntryInfo {
    /// Name in the engine's list, e.g. `LibcPow`.
    pub name: &'static str,
    /// Type of the result.
    pub result: CType,
    /// Types of the arguments.
    pub arguments: Vec<CType>,
}

/// A named, typed slot of the object store or the roots, in snapshot order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RootField {
    /// Name of the slot, e.g. `list_class`.
    pub name: &'static str,
    /// Engine class of the value, e.g. `Class`; empty for API handles, which are untyped.
    pub class: &'static str,
}

/// A predefined symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Identifier in the engine's sources, e.g. `AllocateInvocationMirror`.
    pub id: &'static str,
    /// The symbol's text.
    pub text: Cow<'static, str>,
}

/// Which list a recognized method comes from (runtime/vm/compiler/recognized_methods_list.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecognizedList {
    /// `OTHER_RECOGNIZED_LIST`.
    Other,
    /// `ASM_INTRINSICS_LIST`.
    AsmIntrinsic,
    /// `GRAPH_INTRINSICS_LIST`.
    GraphIntrinsic,
}

/// A method the engine knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecognizedMethod {
    /// Number of the kind in `Function.kind_tag`; 0 means unknown, so the first method has 1.
    pub kind: u32,
    /// Name of the kind without `k`, e.g. `ObjectArrayGetIndexed`. Unique.
    pub name: &'static str,
    /// The list the method comes from.
    pub list: RecognizedList,
    /// Library URI, e.g. `dart:core`.
    pub library: &'static str,
    /// Class name, `::` for top-level functions.
    pub class: &'static str,
    /// Function name as in the engine: accessors have a `get:` or `set:` prefix, a constructor or factory is
    /// the part from the dot on (`.fromInteger`, or `.` for the unnamed one).
    pub function: &'static str,
}

/// A list factory whose result class the engine knows (`RECOGNIZED_LIST_FACTORY_LIST`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecognizedFactory {
    /// Library URI.
    pub library: &'static str,
    /// Class name.
    pub class: &'static str,
    /// Constructor name from the dot on.
    pub constructor: &'static str,
    /// Class id of what the factory returns.
    pub result_cid: u32,
}

/// Which C++ table resolves a native function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NativeKind {
    /// `BOOTSTRAP_NATIVE_LIST` (runtime/vm/bootstrap_natives.h).
    Bootstrap,
    /// `BOOTSTRAP_FFI_NATIVE_LIST`, for `@Native` functions.
    BootstrapFfi,
    /// `BUILTIN_NATIVE_LIST` (runtime/bin/builtin_natives.cc).
    Builtin,
    /// `IO_NATIVE_LIST` (runtime/bin/io_natives.cc).
    Io,
}

/// A native function of the core libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Native {
    /// Table the function is resolved in.
    pub kind: NativeKind,
    /// Name, as in `@pragma('vm:external-name', ..)` or `external` native clauses.
    pub name: &'static str,
    /// Number of arguments, including the receiver and a type argument vector.
    pub argument_count: u32,
}

/// The four classes of one kind of typed data element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypedDataClasses {
    /// Element name, e.g. `Uint8Clamped`.
    pub element: &'static str,
    /// Bytes per element.
    pub element_size: u32,
    /// Class id of the list with its own payload.
    pub internal: u32,
    /// Class id of the view.
    pub view: u32,
    /// Class id of the list over memory outside the heap.
    pub external: u32,
    /// Class id of the unmodifiable view.
    pub unmodifiable_view: u32,
}

/// Everything known about one engine revision.
#[derive(Debug)]
pub struct Engine {
    /// Dart SDK version, e.g. `3.13.4`.
    pub revision: &'static str,
    /// Version hash in the snapshot header, 32 hexadecimal digits.
    pub snapshot_hash: &'static str,
    /// Class ids by name.
    pub cids: Cids,
    /// Stubs by name.
    pub stub: Stubs,
    /// Runtime entries by name.
    pub rt: RuntimeEntries,
    /// Leaf runtime entries by name.
    pub leaf: LeafEntries,
    /// Bit fields of packed words.
    pub bits: Bits,
    /// Values of enumerations.
    pub enums: Enums,
    /// All predefined classes; the index is the class id.
    pub classes: Vec<PredefinedClass>,
    /// Names of the stubs in the order of the roots.
    pub stubs: Vec<&'static str>,
    /// The runtime entries in thread order.
    pub runtime_entries: Vec<RuntimeEntryInfo>,
    /// The leaf runtime entries in thread order.
    pub leaf_entries: Vec<LeafEntryInfo>,
    /// Object store fields that an AOT snapshot contains, in order.
    pub object_store: Vec<RootField>,
    /// Raw roots in order, without the cached arguments descriptors, ICData arrays and one-character symbols
    /// that follow them.
    pub raw_roots: Vec<RootField>,
    /// Handle roots in order, without the symbols and stubs that follow them.
    pub handle_roots: Vec<RootField>,
    /// API handle roots in order.
    pub api_roots: Vec<RootField>,
    /// Number of cached arguments descriptors among the raw roots.
    pub num_cached_args_descriptors: u32,
    /// Largest number of positional arguments of a cached arguments descriptor, by number of type arguments.
    /// The cached descriptors come in this order: no type arguments with 0, 1, .. arguments, then one type
    /// argument with 0, 1, .. (`ArgumentsDescriptor::kMaxNumArgumentsForCachedDescriptor`, dart_entry.h).
    pub max_arguments_of_cached_descriptor: Vec<u32>,
    /// Number of cached ICData arrays among the raw roots.
    pub num_cached_icdata_arrays: u32,
    /// Number of one-character symbols, U+0000 onwards.
    pub num_one_char_symbols: u32,
    /// Predefined symbols in order, without the one-character symbols.
    pub symbols: Vec<Symbol>,
    /// Recognized methods in order of their kinds.
    pub recognized_methods: Vec<RecognizedMethod>,
    /// Recognized list factories.
    pub recognized_factories: Vec<RecognizedFactory>,
    /// Methods that dispatch on the receiver's class id (`POLYMORPHIC_TARGET_LIST`); `kind` is 0 unless the
    /// method is also recognized.
    pub polymorphic_targets: Vec<RecognizedMethod>,
    /// Native functions in the order of the engine's tables.
    pub natives: Vec<Native>,
    /// Typed data classes in class id order.
    pub typed_data: Vec<TypedDataClasses>,
    /// First class id of user-defined classes.
    pub num_predefined_cids: u32,
    /// First class id of top-level (library) classes.
    pub top_level_cid_offset: u32,
    /// First word of a snapshot (`Snapshot::kMagicValue`, runtime/vm/snapshot.h).
    pub snapshot_magic: u32,
    /// Awaiter link depth of a closure that has no awaiter link (`UntaggedClosureData::kNoAwaiterLinkDepth`).
    pub no_awaiter_link_depth: u32,
    layouts: [Layout; LayoutKind::COUNT],
    os_constants: Vec<(&'static str, Arch, Os, i64)>,
}

struct Sources {
    bitfields: Table,
    class_ids: Table,
    class_shapes: Table,
    constants: Table,
    engine: Table,
    enums: Table,
    natives: Table,
    object_store: Table,
    offsets: Table,
    os_constants: Table,
    recognized_methods: Table,
    roots: Table,
    runtime_entries: Table,
    stubs: Table,
    symbols: Table,
    thread_slots: Table,
    typed_data: Table,
}

macro_rules! sources {
    ($dir:literal: $($field:ident)*) => {
        Sources {
            $($field: Table {
                file: concat!($dir, "/", stringify!($field), ".tsv"),
                text: include_str!(concat!("../", $dir, "/", stringify!($field), ".tsv")),
            },)*
        }
    };
}

const DART_3_13_4_SOURCES: Sources = sources!("dart-3.13.4":
    bitfields class_ids class_shapes constants engine enums natives object_store offsets os_constants
    recognized_methods roots runtime_entries stubs symbols thread_slots typed_data);

static DART_3_13_4: LazyLock<Engine> =
    LazyLock::new(|| Engine::load(&DART_3_13_4_SOURCES).unwrap_or_else(|error| panic!("{error}")));

impl Engine {
    /// Dart 3.13.4.
    pub fn dart_3_13_4() -> &'static Engine {
        &DART_3_13_4
    }

    /// All engines, oldest first.
    pub fn all() -> [&'static Engine; 1] {
        [Engine::dart_3_13_4()]
    }

    /// The newest engine.
    pub fn latest() -> &'static Engine {
        Engine::dart_3_13_4()
    }

    /// The layout constants of an architecture, `None` if the engine cannot compress its pointers.
    pub fn layout(&self, arch: Arch, compressed_pointers: bool) -> Option<&Layout> {
        LayoutKind::new(arch, compressed_pointers).map(|kind| &self.layouts[kind as usize])
    }

    pub(crate) fn layout_of(&self, kind: LayoutKind) -> &Layout {
        &self.layouts[kind as usize]
    }

    /// The id of a predefined class by its engine name (`Array`, `TypedDataInt8Array`).
    ///
    /// # Panics
    /// If there is no such class; see [`Engine::find_class_id`].
    pub fn class_id(&self, name: &str) -> ClassId {
        self.find_class_id(name).unwrap_or_else(|| panic!("no predefined class {name}"))
    }

    /// The id of a predefined class by its engine name, if there is one.
    pub fn find_class_id(&self, name: &str) -> Option<ClassId> {
        self.classes.iter().find(|class| class.name == name).map(|class| ClassId(class.cid))
    }

    /// The predefined class that a Dart class of this library and (unmangled) name is.
    pub fn predefined_class(&self, library: &str, dart_name: &str) -> Option<&PredefinedClass> {
        self.classes.iter().find(|class| class.library == Some(library) && class.dart_name == Some(dart_name))
    }

    /// The stub of this name (`InvokeDartCode`).
    pub fn find_stub(&self, name: &str) -> Option<Stub> {
        self.stubs.iter().position(|stub| *stub == name).map(|index| Stub(index as u32))
    }

    /// The runtime entry of this name (`AllocateArray`).
    pub fn runtime_entry(&self, name: &str) -> Option<RuntimeEntry> {
        self.runtime_entries.iter().position(|entry| entry.name == name).map(|i| RuntimeEntry(i as u32))
    }

    /// The leaf runtime entry of this name (`LibcPow`).
    pub fn leaf_entry(&self, name: &str) -> Option<LeafEntry> {
        self.leaf_entries.iter().position(|entry| entry.name == name).map(|i| LeafEntry(i as u32))
    }

    /// Name and arguments of a runtime entry.
    pub fn runtime_entry_info(&self, entry: RuntimeEntry) -> &RuntimeEntryInfo {
        &self.runtime_entries[entry.0 as usize]
    }

    /// Name and signature of a leaf runtime entry.
    pub fn leaf_entry_info(&self, entry: LeafEntry) -> &LeafEntryInfo {
        &self.leaf_entries[entry.0 as usize]
    }

    /// Name of a stub.
    pub fn stub_name(&self, stub: Stub) -> &'static str {
        self.stubs[stub.0 as usize]
    }

    /// Index of an object store field.
    pub fn object_store_index(&self, name: &str) -> Option<usize> {
        self.object_store.iter().position(|field| field.name == name)
    }

    /// Index of a handle root.
    pub fn handle_root_index(&self, name: &str) -> Option<usize> {
        self.handle_roots.iter().position(|field| field.name == name)
    }

    /// Index of the predefined symbol with this text. One-character texts are not among them.
    pub fn symbol_index(&self, text: &str) -> Option<usize> {
        self.symbols.iter().position(|symbol| symbol.text == text)
    }

    /// The recognized method of a library, class (`::` for top-level) and function, named as in
    /// [`RecognizedMethod`]. Accepts constructors with or without the class name before the dot.
    pub fn recognized_method(&self, library: &str, class: &str, function: &str) -> Option<&RecognizedMethod> {
        let same_function = |listed: &str| {
            listed == function
                || listed.starts_with('.') && function.strip_prefix(class) == Some(listed)
                || function.starts_with('.') && listed.strip_prefix(class) == Some(function)
        };
        self.recognized_methods
            .iter()
            .find(|m| m.library == library && m.class == class && same_function(m.function))
    }

    /// The recognized method of this kind name (`ObjectArrayGetIndexed`).
    pub fn recognized_method_named(&self, name: &str) -> Option<&RecognizedMethod> {
        self.recognized_methods.iter().find(|method| method.name == name)
    }

    /// A native function by its name in the given table.
    pub fn native(&self, kind: NativeKind, name: &str) -> Option<&Native> {
        self.natives.iter().find(|native| native.kind == kind && native.name == name)
    }

    /// The typed data classes a class id belongs to, whichever of the four it is.
    pub fn typed_data_classes(&self, cid: u32) -> Option<&TypedDataClasses> {
        self.typed_data.iter().find(|classes| (classes.internal..=classes.unmodifiable_view).contains(&cid))
    }

    /// The immutability header bit of a predefined class's instances; [`Immutability::Mutable`] for others.
    pub fn immutability(&self, cid: u32) -> Immutability {
        self.classes.get(cid as usize).map_or(Immutability::Mutable, |class| class.immutability)
    }

    pub(crate) fn os_constant(&self, name: &str, arch: Arch, os: Os) -> i64 {
        let row = self.os_constants.iter().find(|row| (row.0, row.1, row.2) == (name, arch, os));
        row.unwrap_or_else(|| panic!("no constant {name} for {os}-{arch}")).3
    }

    fn load(sources: &Sources) -> Result<Engine, DataError> {
        let general = general(sources.engine)?;
        let get = |key: &str| -> Result<&'static str, DataError> {
            general
                .iter()
                .find(|pair| pair.0 == key)
                .map(|pair| pair.1)
                .ok_or_else(|| DataError::new(format!("no {key}")))
        };
        let number = |key: &str| -> Result<u32, DataError> {
            get(key)?.parse().map_err(|_| DataError::new(format!("bad {key}")))
        };

        let classes = classes(sources)?;
        let class_names: Vec<_> = classes.iter().map(|c| (snake_case(c.name), c.cid)).collect();
        let stubs = indexed(sources.stubs, |row| row.split().map(|[index, name]| (index, name)))?;
        let (runtime_entries, leaf_entries) = entries(sources.runtime_entries)?;
        let snake = |names: &mut dyn Iterator<Item = &'static str>| -> Vec<(String, u32)> {
            names.zip(0..).map(|(name, index)| (snake_case(name), index)).collect()
        };
        let recognized = recognized(sources.recognized_methods, &classes)?;

        let layouts = layouts(sources, &runtime_entries, &leaf_entries)?;
        let os_constants = os_constants(sources.os_constants)?;
        for name in [ELF_PAGE_SIZE, EXIT_LINK_SLOT, FFI_CALLBACK_PAGE_SIZE] {
            let count = os_constants.iter().filter(|row| row.0 == name).count();
            if count != Arch::ALL.len() * Os::ALL.len() {
                return Err(DataError::new(format!("{name} is not given for every system")));
            }
        }

        Ok(Engine {
            revision: get("revision")?,
            snapshot_hash: get("snapshot_hash")?,
            cids: Cids::read(&class_names)?,
            stub: Stubs::read(&snake(&mut stubs.iter().copied()))?,
            rt: RuntimeEntries::read(&snake(&mut runtime_entries.iter().map(|entry| entry.name)))?,
            leaf: LeafEntries::read(&snake(&mut leaf_entries.iter().map(|entry| entry.name)))?,
            bits: bits(sources.bitfields)?,
            enums: enums(sources.enums)?,
            num_predefined_cids: classes.len() as u32,
            typed_data: typed_data(sources.typed_data, &class_names)?,
            classes,
            stubs,
            runtime_entries,
            leaf_entries,
            object_store: indexed(sources.object_store, |row| {
                row.split().map(|[index, name, class]| (index, RootField { name, class }))
            })?,
            raw_roots: roots(sources.roots, "raw")?,
            handle_roots: roots(sources.roots, "handle")?,
            api_roots: roots(sources.roots, "api")?,
            num_cached_args_descriptors: number("num_cached_args_descriptors")?,
            max_arguments_of_cached_descriptor: get("max_arguments_of_cached_descriptor")?
                .split(',')
                .map(|count| count.parse().map_err(|_| DataError::new("bad cached descriptor count")))
                .collect::<Result<_, _>>()?,
            num_cached_icdata_arrays: number("num_cached_icdata_arrays")?,
            num_one_char_symbols: number("num_one_char_symbols")?,
            top_level_cid_offset: number("top_level_cid_offset")?,
            snapshot_magic: number("snapshot_magic")?,
            no_awaiter_link_depth: number("no_awaiter_link_depth")?,
            symbols: indexed(sources.symbols, |row| {
                row.split().map(|[index, id, text]| (index, Symbol { id, text: unescape(text) }))
            })?,
            recognized_methods: recognized.methods,
            recognized_factories: recognized.factories,
            polymorphic_targets: recognized.polymorphic,
            natives: natives(sources.natives)?,
            layouts,
            os_constants,
        })
    }
}

/// Shape of a predefined class on one target.
impl PredefinedClass {
    /// Sizes and offsets for an architecture, `None` if the engine cannot compress its pointers.
    pub fn shape(&self, arch: Arch, compressed_pointers: bool) -> Option<ClassShape> {
        LayoutKind::new(arch, compressed_pointers).map(|kind| self.shape_of(kind))
    }

    pub(crate) fn shape_of(&self, kind: LayoutKind) -> ClassShape {
        self.shapes[kind as usize]
    }

    /// Number of object pointers that instances have before a subclass's first field, and which of them holds the type
    /// arguments; `None` if Dart code cannot extend the class, or if instances hold other things than object pointers. The same
    /// for all targets, as it counts pointers.
    pub fn slots(&self) -> Option<(u32, Option<u32>)> {
        let of = |kind: LayoutKind| {
            let shape = self.shape_of(kind);
            let header = (kind.word_size() / kind.compressed_word_size()) as i32;
            let slot = |offset: i32| u32::try_from(offset - header).ok();
            Some((slot(shape.next_field_offset)?, slot(shape.type_arguments_field_offset)))
        };
        let first = of(LayoutKind::ALL[0])?;
        LayoutKind::ALL.into_iter().all(|kind| of(kind) == Some(first)).then_some(first)
    }
}

pub(crate) const ELF_PAGE_SIZE: &str = "kElfPageSize";
pub(crate) const EXIT_LINK_SLOT: &str = "kExitLinkSlotFromEntryFp";
pub(crate) const FFI_CALLBACK_PAGE_SIZE: &str = "FfiCallbackMetadata_kPageSize";

fn general(table: Table) -> Result<Vec<(&'static str, &'static str)>, DataError> {
    table.rows().map(|row| row.split().map(|[key, value]| (key, value))).collect()
}

/// Reads a list whose first column numbers the lines from 0.
fn indexed<T>(
    table: Table,
    mut read: impl FnMut(Row) -> Result<(&'static str, T), DataError>,
) -> Result<Vec<T>, DataError> {
    let mut out = Vec::new();
    for row in table.rows() {
        let (index, value) = read(row)?;
        in_order(row, index, out.len())?;
        out.push(value);
    }
    Ok(out)
}

fn in_order(row: Row, index: &str, expected: usize) -> Result<(), DataError> {
    if row.index(index)? as usize == expected { Ok(()) } else { Err(row.error("out of order")) }
}

fn optional(cell: &'static str) -> Option<&'static str> {
    (cell != "-").then_some(cell)
}

fn classes(sources: &Sources) -> Result<Vec<PredefinedClass>, DataError> {
    let none = ClassShape { instance_size: 0, next_field_offset: -1, type_arguments_field_offset: -1 };
    let mut classes = indexed(sources.class_ids, |row| {
        let [index, name, immutability, presence, library, dart_name, num_type_arguments] = row.split()?;
        let immutability = match immutability {
            "mutable" => Immutability::Mutable,
            "shallow" => Immutability::Shallow,
            "deep" => Immutability::Deep,
            _ => return Err(row.error("unknown immutability")),
        };
        let in_class_table = match presence {
            "class" => true,
            "absent" => false,
            _ => return Err(row.error("unknown presence")),
        };
        Ok((
            index,
            PredefinedClass {
                cid: row.index(index)?,
                name,
                immutability,
                in_class_table,
                library: optional(library),
                dart_name: optional(dart_name),
                num_type_arguments: row.index(num_type_arguments)?,
                shapes: [none; LayoutKind::COUNT],
            },
        ))
    })?;
    let mut shaped = vec![false; classes.len()];
    for row in sources.class_shapes.rows() {
        let mut cells = row.cells();
        let name = cells.next().unwrap_or_default();
        let class =
            classes.iter_mut().find(|class| class.name == name).ok_or_else(|| row.error("unknown class"))?;
        shaped[class.cid as usize] = true;
        for shape in &mut class.shapes {
            let cell = cells.next().ok_or_else(|| row.error("too few cells"))?;
            let mut numbers = cell.split(',');
            let mut next = || -> Result<i32, DataError> {
                let number = row.number(numbers.next().ok_or_else(|| row.error("too few numbers"))?)?;
                number.try_into().map_err(|_| row.error("number out of range"))
            };
            *shape = ClassShape {
                instance_size: next()?,
                next_field_offset: next()?,
                type_arguments_field_offset: next()?,
            };
        }
    }
    match classes.iter().find(|class| class.in_class_table && !shaped[class.cid as usize]) {
        Some(class) => Err(DataError::new(format!("class {} has no shape", class.name))),
        None => Ok(classes),
    }
}

fn c_type(row: Row, name: &str) -> Result<CType, DataError> {
    Ok(match name {
        "void" => CType::Void,
        "bool" => CType::Bool,
        "int32" => CType::Int32,
        "int64" => CType::Int64,
        "word" => CType::Word,
        "double" => CType::Double,
        _ => return Err(row.error("unknown C type")),
    })
}

fn entries(table: Table) -> Result<(Vec<RuntimeEntryInfo>, Vec<LeafEntryInfo>), DataError> {
    let (mut runtime, mut leaf) = (Vec::new(), Vec::new());
    for row in table.rows() {
        let [list, index, name, signature] = row.split()?;
        match list {
            "runtime" => {
                in_order(row, index, runtime.len())?;
                let argument_count = optional(signature).map(|count| row.index(count)).transpose()?;
                runtime.push(RuntimeEntryInfo { name, argument_count });
            }
            "leaf" => {
                in_order(row, index, leaf.len())?;
                let (result, arguments) =
                    signature.split_once('(').ok_or_else(|| row.error("bad signature"))?;
                let arguments = arguments.trim_end_matches(')').split(',').filter(|ty| !ty.is_empty());
                leaf.push(LeafEntryInfo {
                    name,
                    result: c_type(row, result)?,
                    arguments: arguments.map(|ty| c_type(row, ty)).collect::<Result<_, _>>()?,
                });
            }
            _ => return Err(row.error("unknown list")),
        }
    }
    Ok((runtime, leaf))
}

fn roots(table: Table, section: &str) -> Result<Vec<RootField>, DataError> {
    let mut out = Vec::new();
    for row in table.rows() {
        let [of, index, name, class] = row.split()?;
        if of == section {
            in_order(row, index, out.len())?;
            out.push(RootField { name, class: optional(class).unwrap_or("") });
        }
    }
    Ok(out)
}

fn bits(table: Table) -> Result<Bits, DataError> {
    let mut groups = Groups(Vec::new());
    for row in table.rows() {
        let [group, name, shift, size] = row.split()?;
        let small = |cell| row.index(cell)?.try_into().map_err(|_| row.error("bit number out of range"));
        groups.push(group, name, BitField { shift: small(shift)?, size: small(size)? });
    }
    Bits::read(&groups)
}

fn enums(table: Table) -> Result<Enums, DataError> {
    let mut groups = Groups(Vec::new());
    for row in table.rows() {
        let [group, name, value] = row.split()?;
        groups.push(group, name, row.index(value)?);
    }
    Enums::read(&groups)
}

struct Recognized {
    methods: Vec<RecognizedMethod>,
    factories: Vec<RecognizedFactory>,
    polymorphic: Vec<RecognizedMethod>,
}

fn recognized(table: Table, classes: &[PredefinedClass]) -> Result<Recognized, DataError> {
    let mut out = Recognized { methods: Vec::new(), factories: Vec::new(), polymorphic: Vec::new() };
    for row in table.rows() {
        let [list, kind, name, library, class, function] = row.split()?;
        let (list, target) = match list {
            "other" => (RecognizedList::Other, &mut out.methods),
            "asm" => (RecognizedList::AsmIntrinsic, &mut out.methods),
            "graph" => (RecognizedList::GraphIntrinsic, &mut out.methods),
            "polymorphic" => (RecognizedList::Other, &mut out.polymorphic),
            "factory" => {
                let result = classes.iter().find(|class| class.name == name);
                let result_cid = result.ok_or_else(|| row.error("unknown class"))?.cid;
                out.factories.push(RecognizedFactory { library, class, constructor: function, result_cid });
                continue;
            }
            _ => return Err(row.error("unknown list")),
        };
        target.push(RecognizedMethod { kind: row.index(kind)?, name, list, library, class, function });
    }
    for (method, expected) in out.methods.iter().zip(1..) {
        if method.kind != expected {
            return Err(DataError::new(format!("recognized method {} is out of order", method.name)));
        }
    }
    Ok(out)
}

fn natives(table: Table) -> Result<Vec<Native>, DataError> {
    table
        .rows()
        .map(|row| {
            let [kind, name, argument_count] = row.split()?;
            let kind = match kind {
                "bootstrap" => NativeKind::Bootstrap,
                "bootstrap-ffi" => NativeKind::BootstrapFfi,
                "builtin" => NativeKind::Builtin,
                "io" => NativeKind::Io,
                _ => return Err(row.error("unknown table")),
            };
            Ok(Native { kind, name, argument_count: row.index(argument_count)? })
        })
        .collect()
}

fn typed_data(table: Table, class_names: &[(String, u32)]) -> Result<Vec<TypedDataClasses>, DataError> {
    table
        .rows()
        .map(|row| {
            let [element, element_size] = row.split()?;
            let cid = |name: String| crate::data::field_index(class_names, &snake_case(&name), "class id");
            Ok(TypedDataClasses {
                element,
                element_size: row.index(element_size)?,
                internal: cid(format!("TypedData{element}Array"))?,
                view: cid(format!("TypedData{element}ArrayView"))?,
                external: cid(format!("ExternalTypedData{element}Array"))?,
                unmodifiable_view: cid(format!("UnmodifiableTypedData{element}ArrayView"))?,
            })
        })
        .collect()
}

fn layouts(
    sources: &Sources,
    runtime_entries: &[RuntimeEntryInfo],
    leaf_entries: &[LeafEntryInfo],
) -> Result<[Layout; LayoutKind::COUNT], DataError> {
    let mut columns: [Vec<(&'static str, i64)>; LayoutKind::COUNT] = Default::default();
    for table in [sources.offsets, sources.thread_slots, sources.constants] {
        for row in table.rows() {
            let mut cells = row.cells();
            let name = cells.next().unwrap_or_default();
            for column in &mut columns {
                let cell = cells.next().ok_or_else(|| row.error("too few cells"))?;
                if let Some(cell) = optional(cell) {
                    column.push((name, row.number(cell)?));
                }
            }
        }
    }
    let runtime: Vec<&str> = runtime_entries.iter().map(|entry| entry.name).collect();
    let leaf: Vec<&str> = leaf_entries.iter().map(|entry| entry.name).collect();
    let mut layouts = Vec::with_capacity(LayoutKind::COUNT);
    for (kind, column) in LayoutKind::ALL.into_iter().zip(columns) {
        let values = Values::new(column)?;
        layouts.push(Layout::read(values, kind.word_size(), kind.compressed_word_size(), &runtime, &leaf)?);
    }
    layouts.try_into().map_err(|_| DataError::new("wrong number of layouts"))
}

fn os_constants(table: Table) -> Result<Vec<(&'static str, Arch, Os, i64)>, DataError> {
    table
        .rows()
        .map(|row| {
            let [name, arch, os, value] = row.split()?;
            let arch = Arch::ALL.into_iter().find(|a| a.name() == arch);
            let os = Os::ALL.into_iter().find(|o| o.name() == os);
            let (Some(arch), Some(os)) = (arch, os) else { return Err(row.error("unknown target")) };
            Ok((name, arch, os, row.number(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn tables_load_quickly() {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let start = Instant::now();
            Engine::load(&DART_3_13_4_SOURCES).unwrap();
            best = best.min(start.elapsed());
        }
        assert!(best < Duration::from_millis(3), "{best:?}");
    }

    #[test]
    fn every_entry_has_a_field() {
        fn check<'a>(names: impl Iterator<Item = &'a str>, fields: &[&str]) {
            let mut fields: Vec<&str> = fields.iter().map(|field| field.trim_end_matches('_')).collect();
            fields.sort_unstable();
            let mut names: Vec<String> = names.map(snake_case).collect();
            names.sort_unstable();
            assert_eq!(names, fields);
        }
        let engine = Engine::latest();
        check(engine.classes.iter().map(|class| class.name), Cids::FIELDS);
        check(engine.stubs.iter().copied(), Stubs::FIELDS);
        check(engine.runtime_entries.iter().map(|entry| entry.name), RuntimeEntries::FIELDS);
        check(engine.leaf_entries.iter().map(|entry| entry.name), LeafEntries::FIELDS);
    }

    #[test]
    fn damaged_tables_are_rejected() {
        let load = |change: &dyn Fn(&mut Sources)| {
            let mut sources = DART_3_13_4_SOURCES;
            change(&mut sources);
            Engine::load(&sources).unwrap_err().to_string()
        };
        let table = |text| Table { file: "test.tsv", text };
        assert!(load(&|s| s.stubs = table("0\tJumpToFrame\n")).contains("no entry for"));
        assert!(load(&|s| s.stubs = table("1\tJumpToFrame\n")).contains("out of order"));
        assert!(load(&|s| s.symbols = table("0\tEmpty\n")).contains("too few cells"));
        assert!(load(&|s| s.offsets = table("Array_length_offset\t8\n")).contains("too few cells"));
        assert!(load(&|s| s.constants = table("")).contains("no constant"));
        assert!(load(&|s| s.os_constants = table("")).contains("not given for every system"));
        assert!(load(&|s| s.class_shapes = table("")).contains("has no shape"));
        assert!(load(&|s| s.engine = table("revision\t1\n")).contains("no snapshot_hash"));
        assert!(load(&|s| s.enums = table("VMTag\tDart\tx\n")).contains("bad number"));
    }
}
