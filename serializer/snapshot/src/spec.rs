//! What varies between engine revisions and between targets, as data.
//!
//! Nothing in this crate knows the number of a class or the name of a predefined symbol: a [`FormatSpec`]
//! (one per engine revision) and a [`Target`] (one per output) say so. Both are plain data, to be filled from
//! generated tables.

use crate::error::{Error, Result};

macro_rules! class_ids {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// Numbers of the classes that the format gives a meaning to (`runtime/vm/class_id.h`).
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct ClassIds {
            $(#[doc = concat!("Class id of `", $name, "`.")] pub $field: u32,)*
        }

        impl ClassIds {
            /// Looks every class up by its VM name without the `k…Cid` decoration (`TypedDataInt8Array`).
            ///
            /// # Errors
            /// [`Error::Missing`] names the first class that `lookup` does not know.
            pub fn resolve(lookup: impl Fn(&str) -> Option<u32>) -> Result<ClassIds> {
                let find = |name: &str| lookup(name).ok_or_else(|| Error::Missing { what: "class id", name: name.into() });
                Ok(ClassIds { $($field: find($name)?,)* })
            }
        }
    };
}

class_ids! {
    object = "Object",
    class = "Class",
    patch_class = "PatchClass",
    function = "Function",
    type_parameters = "TypeParameters",
    closure_data = "ClosureData",
    ffi_trampoline_data = "FfiTrampolineData",
    field = "Field",
    script = "Script",
    library = "Library",
    namespace = "Namespace",
    weak_array = "WeakArray",
    code = "Code",
    instructions_section = "InstructionsSection",
    object_pool = "ObjectPool",
    pc_descriptors = "PcDescriptors",
    code_source_map = "CodeSourceMap",
    compressed_stack_maps = "CompressedStackMaps",
    local_var_descriptors = "LocalVarDescriptors",
    exception_handlers = "ExceptionHandlers",
    context = "Context",
    context_scope = "ContextScope",
    sentinel = "Sentinel",
    unlinked_call = "UnlinkedCall",
    ic_data = "ICData",
    megamorphic_cache = "MegamorphicCache",
    subtype_test_cache = "SubtypeTestCache",
    loading_unit = "LoadingUnit",
    api_error = "ApiError",
    language_error = "LanguageError",
    unhandled_exception = "UnhandledException",
    unwind_error = "UnwindError",
    instance = "Instance",
    library_prefix = "LibraryPrefix",
    type_arguments = "TypeArguments",
    type_ = "Type",
    function_type = "FunctionType",
    record_type = "RecordType",
    type_parameter = "TypeParameter",
    closure = "Closure",
    number = "Number",
    integer = "Integer",
    smi = "Smi",
    mint = "Mint",
    double = "Double",
    bool_ = "Bool",
    float32x4 = "Float32x4",
    int32x4 = "Int32x4",
    float64x2 = "Float64x2",
    record = "Record",
    pointer = "Pointer",
    capability = "Capability",
    send_port = "SendPort",
    stack_trace = "StackTrace",
    reg_exp = "RegExp",
    weak_property = "WeakProperty",
    const_map = "ConstMap",
    const_set = "ConstSet",
    array = "Array",
    immutable_array = "ImmutableArray",
    growable_object_array = "GrowableObjectArray",
    string = "String",
    one_byte_string = "OneByteString",
    two_byte_string = "TwoByteString",
    ffi_int8 = "FfiInt8",
    ffi_bool = "FfiBool",
    typed_data_int8_array = "TypedDataInt8Array",
    byte_data_view = "ByteDataView",
    null = "Null",
    dynamic = "Dynamic",
    void = "Void",
    never = "Never",
}

impl ClassIds {
    /// The predefined classes whose instances the VM treats as deeply immutable whatever they hold
    /// (`IsDeeplyImmutableCid` in `runtime/vm/class_id.h`).
    pub fn is_deeply_immutable(&self, cid: u32) -> bool {
        [
            self.string,
            self.one_byte_string,
            self.two_byte_string,
            self.number,
            self.integer,
            self.smi,
            self.mint,
            self.never,
            self.sentinel,
            self.stack_trace,
            self.double,
            self.float32x4,
            self.float64x2,
            self.int32x4,
            self.send_port,
            self.capability,
            self.reg_exp,
            self.bool_,
            self.null,
            self.pointer,
            self.type_,
            self.type_arguments,
            self.type_parameter,
            self.record_type,
            self.function_type,
            self.const_map,
        ]
        .contains(&cid)
    }
}

/// A root that is found by name: an object-store slot or a handle of `Roots`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRoot {
    /// Field name in the VM, without the trailing underscore.
    pub name: String,
    /// Class of the value as the VM declares it (`Class`, `Type`, `Array`, …).
    pub class: String,
}

/// A cached arguments descriptor: no named arguments, `count` positional ones, receiver included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachedArgsDescriptor {
    /// Number of type arguments.
    pub type_args_len: u32,
    /// Number of arguments.
    pub count: u32,
}

/// Everything one engine revision fixes, for all targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSpec {
    /// 32 hexadecimal digits that the runtime compares with its own.
    pub version_hash: String,
    /// Class numbers.
    pub class_ids: ClassIds,
    /// First class id of user classes.
    pub num_predefined_cids: u32,
    /// First class id of the classes that hold top-level members (`kTopLevelCidOffset`).
    pub top_level_cid_offset: u32,
    /// Class ids of the class-table roots, in the order they are written.
    pub class_roots: Vec<u32>,
    /// Named handles of `Roots`, in order, up to the predefined symbols.
    pub handle_roots: Vec<NamedRoot>,
    /// Predefined symbols, in order; the one-character symbols follow implicitly.
    pub symbols: Vec<String>,
    /// Number of one-character symbols (code units 0 …).
    pub one_char_symbols: u32,
    /// Stub names, in order.
    pub stubs: Vec<String>,
    /// API handle roots, in order.
    pub api_handles: Vec<String>,
    /// Object-store slots that a snapshot stores, in order.
    pub object_store: Vec<NamedRoot>,
    /// Object-store slots that the runtime dereferences while loading; null there is an error.
    pub required_object_store: Vec<String>,
    /// Cached arguments descriptors, in order.
    pub cached_args_descriptors: Vec<CachedArgsDescriptor>,
    /// Lengths of the cached ICData arrays, in order; their elements are Smi 0.
    pub cached_icdata_arrays: Vec<u32>,
}

impl FormatSpec {
    /// Index of a stub in [`FormatSpec::stubs`].
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn stub_index(&self, name: &str) -> Result<usize> {
        let unknown = || Error::UnknownName { what: "stub", name: name.into() };
        self.stubs.iter().position(|s| s == name).ok_or_else(unknown)
    }

    /// Index of a slot in [`FormatSpec::object_store`].
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn store_index(&self, name: &str) -> Result<usize> {
        let unknown = || Error::UnknownName { what: "object store slot", name: name.into() };
        self.object_store.iter().position(|s| s.name == name).ok_or_else(unknown)
    }
}

/// Size of a machine word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WordSize {
    /// 4 bytes.
    W32,
    /// 8 bytes.
    W64,
}

impl WordSize {
    /// Bytes in a word.
    pub const fn bytes(self) -> u32 {
        match self {
            WordSize::W32 => 4,
            WordSize::W64 => 8,
        }
    }

    /// Bits in a word.
    pub const fn bits(self) -> u32 {
        self.bytes() * 8
    }
}

/// Numbers that the format takes from the instruction set (`runtime/vm/constants_*.h`, `Instructions` in
/// `object.h`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchFormat {
    /// Name in the features string: `x64`, `arm64`, `arm`, `riscv64`.
    pub name: String,
    /// Machine word.
    pub word_size: WordSize,
    /// Offset of the monomorphic entry in code that has one.
    pub monomorphic_entry_offset: u32,
    /// Offset of the normal (polymorphic) entry in code that has a monomorphic one.
    pub polymorphic_entry_offset: u32,
    /// Four bytes that pad code to a multiple of four: a break instruction, or zeros.
    pub break_filler: [u8; 4],
    /// Alignment, counted from the start of the text image, of code that asks for aligned loops; 4 if there
    /// is no such rule.
    pub preferred_loop_alignment: u32,
}

/// One output: what the runtime that loads the snapshot was built for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Instruction set.
    pub arch: ArchFormat,
    /// Operating system in the features string: `linux`, `android`, ….
    pub os: String,
    /// Object fields are four bytes wide on a 64-bit machine.
    pub compressed_pointers: bool,
    /// Code carries no source maps and may lack Code objects (`--dwarf_stack_traces`).
    pub dwarf_stack_traces: bool,
    /// `code_comments` in the features string.
    pub code_comments: bool,
}

impl Target {
    /// Bytes in a machine word.
    pub fn word_bytes(&self) -> u32 {
        self.arch.word_size.bytes()
    }

    /// Bytes in an object-pointer field.
    pub fn compressed_word_bytes(&self) -> u32 {
        if self.compressed_pointers { 4 } else { self.word_bytes() }
    }

    /// Alignment of heap objects.
    pub fn object_alignment(&self) -> u32 {
        2 * self.word_bytes()
    }

    /// Index of the first field of an instance, in compressed words: the header takes one machine word.
    pub fn first_field_word(&self) -> u32 {
        self.word_bytes() / self.compressed_word_bytes()
    }

    /// Value bits of a Smi, sign included.
    pub fn smi_bits(&self) -> u32 {
        self.compressed_word_bytes() * 8 - 1
    }

    /// Whether `value` is a Smi on this target.
    pub fn is_smi(&self, value: i64) -> bool {
        let shift = 64 - self.smi_bits();
        (value << shift) >> shift == value
    }

    /// Whether strings, descriptors and source maps live in the read-only data image instead of the stream.
    pub fn has_read_only_data(&self) -> bool {
        !self.compressed_pointers
    }

    /// The features string of a product-mode AOT snapshot (`Dart::FeaturesString` in `runtime/vm/dart.cc`).
    pub fn features(&self) -> String {
        let flag = |on: bool, name: &str| if on { name.to_owned() } else { format!("no-{name}") };
        [
            "product".to_owned(),
            flag(false, "asan"),
            flag(false, "msan"),
            flag(false, "tsan"),
            flag(false, "shared_data"),
            flag(self.code_comments, "code_comments"),
            flag(self.dwarf_stack_traces, "dwarf_stack_traces"),
            self.arch.name.clone(),
            self.os.clone(),
            flag(self.compressed_pointers, "compressed-pointers"),
        ]
        .join(" ")
    }
}
