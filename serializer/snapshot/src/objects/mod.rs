//! The classes of objects a snapshot can hold, and the one description of each.
//!
//! A structure per VM class (`runtime/vm/raw_object.h`), fields named as there. Most classes are a fixed list
//! of fields; `objects!` turns such a list into the structure and its [`Describe`] implementation at once.
//! Classes of variable length write the implementation out. Fields that the snapshot does not carry (caches,
//! guards, entry points) do not exist here: the runtime recomputes them.

mod code;
mod program;
mod types;
mod values;

pub use code::*;
pub use program::*;
pub use types::*;
pub use values::*;

use crate::codec::{Codec, Describe, RefType};
use crate::error::Result;
use crate::graph::ObjId;
use crate::spec::ClassIds;
use std::borrow::Cow;

/// Structure field type of an encoding, by the name of the [`Codec`] method.
macro_rules! field_type {
    (reference) => {
        crate::graph::ObjId
    };
    (smi) => {
        i64
    };
    (code) => {
        crate::codec::CodeRef
    };
    (unsigned) => {
        u32
    };
    (unsigned64) => {
        u64
    };
    (i16) => {
        i16
    };
    (u16) => {
        u16
    };
    (i32) => {
        i32
    };
    (u32) => {
        u32
    };
    (i64) => {
        i64
    };
    (u64) => {
        u64
    };
    (word) => {
        i64
    };
    (byte) => {
        u8
    };
    (boolean) => {
        bool
    };
}

/// Structures from field lists. `fixed` structures get their [`Describe`] implementation too; `prefix`
/// structures get `fixed_fields`, to be called by a hand-written one.
macro_rules! objects {
    ($($(#[$doc:meta])* $style:ident $name:ident {
        $($(#[$fdoc:meta])* $field:ident: $enc:ident $(($arg:expr))?,)*
        $(; $($(#[$edoc:meta])* $extra:ident: $ety:ty,)*)?
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
            pub struct $name {
                $($(#[$fdoc])* pub $field: crate::objects::field_type!($enc),)*
                $($($(#[$edoc])* pub $extra: $ety,)*)?
            }
            crate::objects::describe!($style $name $($field $enc $(($arg))?,)*);
        )*
    };
}

macro_rules! describe {
    (fixed $name:ident $($field:ident $enc:ident $(($arg:expr))?,)*) => {
        impl crate::codec::Describe for $name {
            fn fill<C: crate::codec::Codec>(&mut self, codec: &mut C) -> crate::error::Result<()> {
                $(codec.$enc(stringify!($field), &mut self.$field $(, $arg)?)?;)*
                Ok(())
            }
        }
    };
    (prefix $name:ident $($field:ident $enc:ident $(($arg:expr))?,)*) => {
        impl $name {
            fn fixed_fields<C: crate::codec::Codec>(&mut self, codec: &mut C) -> crate::error::Result<()> {
                $(codec.$enc(stringify!($field), &mut self.$field $(, $arg)?)?;)*
                Ok(())
            }
        }
    };
}
use {describe, field_type, objects};

/// Elements of a variable-length part: references of one type.
fn references<C: Codec>(
    codec: &mut C,
    field: &'static str,
    ids: &mut [ObjId],
    allowed: RefType,
) -> Result<()> {
    ids.iter_mut().try_for_each(|id| codec.reference(field, id, allowed))
}

/// Resizes `items` to the length that the allocation section gives.
fn alloc_length<C: Codec, T: Clone + Default>(codec: &mut C, items: &mut Vec<T>) -> Result<()> {
    let mut n = items.len();
    codec.length("length", &mut n)?;
    items.resize(n, T::default());
    Ok(())
}

macro_rules! object_kinds {
    ($($(#[$doc:meta])* $variant:ident($payload:ty) $vm_name:literal,)*) => {
        /// An object: one variant per structure.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum Object {
            /// Dart `null`.
            Null,
            /// `true` or `false`.
            Bool(bool),
            /// One of the VM's marker objects.
            Sentinel(SentinelKind),
            $($(#[$doc])* $variant($payload),)*
        }

        /// The variants of [`Object`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ObjectKind {
            /// `null`.
            Null,
            /// A bool.
            Bool,
            /// A marker object.
            Sentinel,
            $($(#[$doc])* $variant,)*
        }

        impl ObjectKind {
            /// All of them.
            pub const ALL: &[ObjectKind] =
                &[ObjectKind::Null, ObjectKind::Bool, ObjectKind::Sentinel, $(ObjectKind::$variant,)*];

            /// The class's name in the VM.
            pub const fn name(self) -> &'static str {
                match self {
                    ObjectKind::Null => "Null",
                    ObjectKind::Bool => "Bool",
                    ObjectKind::Sentinel => "Sentinel",
                    $(ObjectKind::$variant => $vm_name,)*
                }
            }
        }

        impl Object {
            /// Which variant this is.
            pub fn kind(&self) -> ObjectKind {
                match self {
                    Object::Null => ObjectKind::Null,
                    Object::Bool(_) => ObjectKind::Bool,
                    Object::Sentinel(_) => ObjectKind::Sentinel,
                    $(Object::$variant(_) => ObjectKind::$variant,)*
                }
            }

            /// An object of `kind` with all fields at their defaults.
            pub fn empty(kind: ObjectKind) -> Object {
                match kind {
                    ObjectKind::Null => Object::Null,
                    ObjectKind::Bool => Object::Bool(false),
                    ObjectKind::Sentinel => Object::Sentinel(SentinelKind::Sentinel),
                    $(ObjectKind::$variant => Object::$variant(<$payload>::default()),)*
                }
            }
        }

        impl Describe for Object {
            fn alloc<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
                match self {
                    Object::Null | Object::Bool(_) | Object::Sentinel(_) => Ok(()),
                    $(Object::$variant(x) => x.alloc(codec),)*
                }
            }

            fn fill<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
                match self {
                    Object::Null | Object::Bool(_) | Object::Sentinel(_) => Ok(()),
                    $(Object::$variant(x) => x.fill(codec),)*
                }
            }
        }

        $(
            impl From<$payload> for Object {
                fn from(x: $payload) -> Object {
                    Object::$variant(x)
                }
            }

            impl Variant for $payload {
                const KIND: ObjectKind = ObjectKind::$variant;
                fn of(object: &Object) -> Option<&$payload> {
                    if let Object::$variant(x) = object { Some(x) } else { None }
                }
                fn of_mut(object: &mut Object) -> Option<&mut $payload> {
                    if let Object::$variant(x) = object { Some(x) } else { None }
                }
            }
        )*
    };
}

/// A structure that is the payload of one variant of [`Object`].
pub trait Variant: Into<Object> {
    /// The variant.
    const KIND: ObjectKind;
    /// The payload, if `object` is of that variant.
    fn of(object: &Object) -> Option<&Self>;
    /// The payload, if `object` is of that variant.
    fn of_mut(object: &mut Object) -> Option<&mut Self>;
}

object_kinds! {
    /// A class.
    Class(Class) "Class",
    /// A class as seen from a script other than its own.
    PatchClass(PatchClass) "PatchClass",
    /// A function.
    Function(Function) "Function",
    /// Type parameters of a class or a function type.
    TypeParameters(TypeParameters) "TypeParameters",
    /// What a closure function has beyond a function.
    ClosureData(ClosureData) "ClosureData",
    /// What an FFI trampoline has beyond a function.
    FfiTrampolineData(FfiTrampolineData) "FfiTrampolineData",
    /// A field.
    Field(Field) "Field",
    /// A source file.
    Script(Script) "Script",
    /// A library.
    Library(Library) "Library",
    /// A library as imported.
    Namespace(Namespace) "Namespace",
    /// An array whose elements the collector may clear.
    WeakArray(WeakArray) "WeakArray",
    /// A piece of machine code.
    Code(Code) "Code",
    /// The constants that code refers to.
    ObjectPool(ObjectPool) "ObjectPool",
    /// Try blocks and suspension points by pc.
    PcDescriptors(PcDescriptors) "PcDescriptors",
    /// Source lines and inlining by pc.
    CodeSourceMap(CodeSourceMap) "CodeSourceMap",
    /// Live tagged slots by pc.
    CompressedStackMaps(CompressedStackMaps) "CompressedStackMaps",
    /// Local variables for the debugger; only the empty one occurs.
    LocalVarDescriptors(LocalVarDescriptors) "LocalVarDescriptors",
    /// Exception handlers of a piece of code.
    ExceptionHandlers(ExceptionHandlers) "ExceptionHandlers",
    /// Captured variables.
    Context(Context) "Context",
    /// Names of captured variables; only the empty one occurs.
    ContextScope(ContextScope) "ContextScope",
    /// A call site that is not linked yet.
    UnlinkedCall(UnlinkedCall) "UnlinkedCall",
    /// An inline cache.
    ICData(ICData) "ICData",
    /// A hash table from class to target.
    MegamorphicCache(MegamorphicCache) "MegamorphicCache",
    /// Memo of type tests.
    SubtypeTestCache(SubtypeTestCache) "SubtypeTestCache",
    /// A unit of deferred loading.
    LoadingUnit(LoadingUnit) "LoadingUnit",
    /// An error of the embedding API.
    ApiError(ApiError) "ApiError",
    /// A compile-time error.
    LanguageError(LanguageError) "LanguageError",
    /// An uncaught exception.
    UnhandledException(UnhandledException) "UnhandledException",
    /// A request to unwind an isolate.
    UnwindError(UnwindError) "UnwindError",
    /// An import prefix.
    LibraryPrefix(LibraryPrefix) "LibraryPrefix",
    /// A vector of types.
    TypeArguments(TypeArguments) "TypeArguments",
    /// An interface type.
    Type(Type) "Type",
    /// A function type.
    FunctionType(FunctionType) "FunctionType",
    /// A record type.
    RecordType(RecordType) "RecordType",
    /// A reference to a type parameter.
    TypeParameter(TypeParameter) "TypeParameter",
    /// A closure.
    Closure(Closure) "Closure",
    /// An integer, boxed or not.
    Mint(Mint) "Mint",
    /// A double.
    Double(Double) "Double",
    /// A 128-bit vector.
    Simd(Simd) "Simd",
    /// A record.
    Record(Record) "Record",
    /// A stack trace.
    StackTrace(StackTrace) "StackTrace",
    /// A regular expression.
    RegExp(RegExp) "RegExp",
    /// An ephemeron.
    WeakProperty(WeakProperty) "WeakProperty",
    /// A constant map.
    ConstMap(ConstMap) "ConstMap",
    /// A constant set.
    ConstSet(ConstSet) "ConstSet",
    /// An array, mutable or not.
    Array(Array) "Array",
    /// A growable list.
    GrowableObjectArray(GrowableObjectArray) "GrowableObjectArray",
    /// A string.
    String(Str) "String",
    /// Typed data in the heap.
    TypedData(TypedData) "TypedData",
    /// A view of typed data.
    TypedDataView(TypedDataView) "TypedDataView",
    /// Typed data inside the snapshot.
    ExternalTypedData(ExternalTypedData) "ExternalTypedData",
    /// An instance of a class without special layout.
    Instance(Instance) "Instance",
}

/// The VM's marker objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SentinelKind {
    /// Uninitialised late variable.
    Sentinel,
    /// Constant propagation: not known yet.
    UnknownConstant,
    /// Constant propagation: not constant.
    NonConstant,
    /// Removed by the compiler.
    OptimizedOut,
}

/// Reference types used by the descriptions.
pub mod refs {
    use super::ObjectKind as K;
    use crate::codec::RefType;

    macro_rules! ref_types {
        ($($name:ident = $text:literal [$($kind:ident)*];)*) => {
            $(#[doc = concat!("A reference to: ", $text, ".")] pub const $name: RefType = RefType::of($text, &[$(K::$kind),*]);)*
        };
    }

    ref_types! {
        ABSTRACT_TYPE = "a type" [Type FunctionType RecordType TypeParameter];
        ARRAY = "an Array" [Array];
        BOOL = "a bool" [Bool];
        CLASS = "a Class" [Class];
        CLASS_OR_PATCH_CLASS = "a Class or PatchClass" [Class PatchClass];
        CLOSURE = "a Closure" [Closure];
        CODE = "a Code" [Code];
        CODE_OWNER = "a Function, Class, type or class id" [Function Class Type FunctionType RecordType TypeParameter Mint];
        CODE_SOURCE_MAP = "a CodeSourceMap" [CodeSourceMap];
        COMPRESSED_STACK_MAPS = "a CompressedStackMaps" [CompressedStackMaps];
        CONTEXT = "a Context" [Context];
        CONTEXT_SCOPE = "a ContextScope" [ContextScope];
        ERROR = "an Error" [ApiError LanguageError UnhandledException UnwindError];
        EXCEPTION_HANDLERS = "an ExceptionHandlers" [ExceptionHandlers];
        FIELD = "a Field" [Field];
        FUNCTION = "a Function" [Function];
        FUNCTION_TYPE = "a FunctionType" [FunctionType];
        FUNCTION_TYPE_OR_SMI = "a FunctionType or class id" [FunctionType Mint];
        GROWABLE_OBJECT_ARRAY = "a GrowableObjectArray" [GrowableObjectArray];
        LIBRARY = "a Library" [Library];
        LOADING_UNIT = "a LoadingUnit" [LoadingUnit];
        LOCAL_VAR_DESCRIPTORS = "a LocalVarDescriptors" [LocalVarDescriptors];
        OBJECT_POOL = "an ObjectPool" [ObjectPool];
        PC_DESCRIPTORS = "a PcDescriptors" [PcDescriptors];
        RECORD_TYPE = "a RecordType" [RecordType];
        SCRIPT = "a Script" [Script];
        SENTINEL = "a Sentinel" [Sentinel];
        SMI = "an integer" [Mint];
        STACK_TRACE = "a StackTrace" [StackTrace];
        STRING = "a String" [String];
        TYPED_DATA = "a TypedData" [TypedData];
        TYPED_DATA_BASE = "typed data" [TypedData TypedDataView ExternalTypedData];
        TYPE_ARGUMENTS = "a TypeArguments" [TypeArguments];
        TYPE_OR_FUNCTION_TYPE = "a Type or FunctionType" [Type FunctionType];
        TYPE = "a Type" [Type];
        TYPE_PARAMETERS = "a TypeParameters" [TypeParameters];
        API_ERROR = "an ApiError" [ApiError];
        LANGUAGE_ERROR = "a LanguageError" [LanguageError];
        UNHANDLED_EXCEPTION = "an UnhandledException" [UnhandledException];
        UNWIND_ERROR = "an UnwindError" [UnwindError];
        WEAK_ARRAY = "a WeakArray" [WeakArray];
    }

    /// The reference type of a root that the VM declares to be of class `class`, by the class's VM name.
    pub fn by_class_name(class: &str) -> Option<RefType> {
        Some(match class {
            "Class" => CLASS,
            "Array" => ARRAY,
            "String" => STRING,
            "Function" => FUNCTION,
            "FunctionType" => FUNCTION_TYPE,
            "RecordType" => RECORD_TYPE,
            "TypeArguments" => TYPE_ARGUMENTS,
            "CompressedStackMaps" => COMPRESSED_STACK_MAPS,
            "Closure" => CLOSURE,
            "ContextScope" => CONTEXT_SCOPE,
            "ObjectPool" => OBJECT_POOL,
            "PcDescriptors" => PC_DESCRIPTORS,
            "LocalVarDescriptors" => LOCAL_VAR_DESCRIPTORS,
            "ExceptionHandlers" => EXCEPTION_HANDLERS,
            "Sentinel" => SENTINEL,
            "Bool" => BOOL,
            "Smi" => SMI,
            "ApiError" => API_ERROR,
            "UnwindError" => UNWIND_ERROR,
            "LanguageError" => LANGUAGE_ERROR,
            "UnhandledException" => UNHANDLED_EXCEPTION,
            "Type" | "AbstractType" => ABSTRACT_TYPE,
            "TypedData" => TYPED_DATA,
            "Field" => FIELD,
            "Library" => LIBRARY,
            "GrowableObjectArray" => GROWABLE_OBJECT_ARRAY,
            "WeakArray" => WEAK_ARRAY,
            "Code" => CODE,
            "Object" | "Instance" => RefType::ANY,
            _ => return None,
        })
    }
}

impl Object {
    /// The object's name, if its class has one that is a string object.
    pub fn name(&self) -> Option<ObjId> {
        Some(match self {
            Object::Class(x) => x.name,
            Object::Function(x) => x.name,
            Object::Field(x) => x.name,
            Object::Library(x) => x.url,
            Object::Script(x) => x.url,
            Object::LibraryPrefix(x) => x.name,
            Object::UnlinkedCall(x) => x.target_name,
            Object::ICData(x) => x.target_name,
            Object::MegamorphicCache(x) => x.target_name,
            _ => return None,
        })
    }

    /// The object without what equality of canonical objects ignores: a type's stub and cached hash.
    pub fn canonical_key(&self) -> Cow<'_, Object> {
        let is_key = !matches!(
            self,
            Object::Type(_)
                | Object::FunctionType(_)
                | Object::RecordType(_)
                | Object::TypeParameter(_)
                | Object::TypeArguments(_)
                | Object::Closure(_)
        );
        if is_key {
            return Cow::Borrowed(self);
        }
        let mut key = self.clone();
        match &mut key {
            Object::Type(t) => (t.type_test_stub, t.hash) = (ObjId::NULL, 0),
            Object::FunctionType(t) => (t.type_test_stub, t.hash) = (ObjId::NULL, 0),
            Object::RecordType(t) => (t.type_test_stub, t.hash) = (ObjId::NULL, 0),
            Object::TypeParameter(t) => (t.type_test_stub, t.hash) = (ObjId::NULL, 0),
            Object::TypeArguments(t) => (t.hash, t.nullability, t.instantiations) = (0, 0, ObjId::NULL),
            Object::Closure(c) => c.hash = 0,
            _ => {}
        }
        Cow::Owned(key)
    }

    /// The class id of the cluster that holds the object. Strings of both widths share one, and so do all
    /// integers. `None` for base objects, which have no cluster.
    pub fn cluster_cid(&self, ids: &ClassIds) -> Option<u32> {
        Some(match self {
            Object::Null | Object::Bool(_) | Object::Sentinel(_) => return None,
            Object::Class(_) => ids.class,
            Object::PatchClass(_) => ids.patch_class,
            Object::Function(_) => ids.function,
            Object::TypeParameters(_) => ids.type_parameters,
            Object::ClosureData(_) => ids.closure_data,
            Object::FfiTrampolineData(_) => ids.ffi_trampoline_data,
            Object::Field(_) => ids.field,
            Object::Script(_) => ids.script,
            Object::Library(_) => ids.library,
            Object::Namespace(_) => ids.namespace,
            Object::WeakArray(_) => ids.weak_array,
            Object::Code(_) => ids.code,
            Object::ObjectPool(_) => ids.object_pool,
            Object::PcDescriptors(_) => ids.pc_descriptors,
            Object::CodeSourceMap(_) => ids.code_source_map,
            Object::CompressedStackMaps(_) => ids.compressed_stack_maps,
            Object::LocalVarDescriptors(_) => ids.local_var_descriptors,
            Object::ExceptionHandlers(_) => ids.exception_handlers,
            Object::Context(_) => ids.context,
            Object::ContextScope(_) => ids.context_scope,
            Object::UnlinkedCall(_) => ids.unlinked_call,
            Object::ICData(_) => ids.ic_data,
            Object::MegamorphicCache(_) => ids.megamorphic_cache,
            Object::SubtypeTestCache(_) => ids.subtype_test_cache,
            Object::LoadingUnit(_) => ids.loading_unit,
            Object::ApiError(_) => ids.api_error,
            Object::LanguageError(_) => ids.language_error,
            Object::UnhandledException(_) => ids.unhandled_exception,
            Object::UnwindError(_) => ids.unwind_error,
            Object::LibraryPrefix(_) => ids.library_prefix,
            Object::TypeArguments(_) => ids.type_arguments,
            Object::Type(_) => ids.type_,
            Object::FunctionType(_) => ids.function_type,
            Object::RecordType(_) => ids.record_type,
            Object::TypeParameter(_) => ids.type_parameter,
            Object::Closure(_) => ids.closure,
            Object::Mint(_) => ids.mint,
            Object::Double(_) => ids.double,
            Object::Simd(x) => match x.kind {
                SimdKind::Float32x4 => ids.float32x4,
                SimdKind::Int32x4 => ids.int32x4,
                SimdKind::Float64x2 => ids.float64x2,
            },
            Object::Record(_) => ids.record,
            Object::StackTrace(_) => ids.stack_trace,
            Object::RegExp(_) => ids.reg_exp,
            Object::WeakProperty(_) => ids.weak_property,
            Object::ConstMap(_) => ids.const_map,
            Object::ConstSet(_) => ids.const_set,
            Object::Array(x) if x.immutable => ids.immutable_array,
            Object::Array(_) => ids.array,
            Object::GrowableObjectArray(_) => ids.growable_object_array,
            Object::String(_) => ids.string,
            Object::TypedData(x) => x.element.internal_cid(ids),
            Object::TypedDataView(x) => match x.element {
                Some(element) => element.view_cid(ids),
                None => ids.byte_data_view,
            },
            Object::ExternalTypedData(x) => x.element.external_cid(ids),
            Object::Instance(x) => x.class_id,
        })
    }

    /// An empty object of the class whose cluster has this class id: the inverse of [`Object::cluster_cid`].
    /// `None` if there is no such cluster.
    pub fn for_cluster_cid(cid: u32, ids: &ClassIds, num_predefined_cids: u32) -> Option<Object> {
        use ObjectKind as K;
        let simple = [
            (ids.class, K::Class),
            (ids.patch_class, K::PatchClass),
            (ids.function, K::Function),
            (ids.type_parameters, K::TypeParameters),
            (ids.closure_data, K::ClosureData),
            (ids.ffi_trampoline_data, K::FfiTrampolineData),
            (ids.field, K::Field),
            (ids.script, K::Script),
            (ids.library, K::Library),
            (ids.namespace, K::Namespace),
            (ids.weak_array, K::WeakArray),
            (ids.code, K::Code),
            (ids.object_pool, K::ObjectPool),
            (ids.pc_descriptors, K::PcDescriptors),
            (ids.code_source_map, K::CodeSourceMap),
            (ids.compressed_stack_maps, K::CompressedStackMaps),
            (ids.local_var_descriptors, K::LocalVarDescriptors),
            (ids.exception_handlers, K::ExceptionHandlers),
            (ids.context, K::Context),
            (ids.context_scope, K::ContextScope),
            (ids.unlinked_call, K::UnlinkedCall),
            (ids.ic_data, K::ICData),
            (ids.megamorphic_cache, K::MegamorphicCache),
            (ids.subtype_test_cache, K::SubtypeTestCache),
            (ids.loading_unit, K::LoadingUnit),
            (ids.api_error, K::ApiError),
            (ids.language_error, K::LanguageError),
            (ids.unhandled_exception, K::UnhandledException),
            (ids.unwind_error, K::UnwindError),
            (ids.library_prefix, K::LibraryPrefix),
            (ids.type_arguments, K::TypeArguments),
            (ids.type_, K::Type),
            (ids.function_type, K::FunctionType),
            (ids.record_type, K::RecordType),
            (ids.type_parameter, K::TypeParameter),
            (ids.closure, K::Closure),
            (ids.mint, K::Mint),
            (ids.double, K::Double),
            (ids.record, K::Record),
            (ids.stack_trace, K::StackTrace),
            (ids.reg_exp, K::RegExp),
            (ids.weak_property, K::WeakProperty),
            (ids.const_map, K::ConstMap),
            (ids.const_set, K::ConstSet),
            (ids.array, K::Array),
            (ids.growable_object_array, K::GrowableObjectArray),
            (ids.string, K::String),
        ];
        if let Some(&(_, kind)) = simple.iter().find(|&&(id, _)| id == cid) {
            return Some(Object::empty(kind));
        }
        if cid == ids.immutable_array {
            return Some(Array { immutable: true, ..Array::default() }.into());
        }
        for (id, kind) in [
            (ids.float32x4, SimdKind::Float32x4),
            (ids.int32x4, SimdKind::Int32x4),
            (ids.float64x2, SimdKind::Float64x2),
        ] {
            if id == cid {
                return Some(Simd { kind, ..Simd::default() }.into());
            }
        }
        if cid == ids.byte_data_view {
            return Some(TypedDataView { element: None, ..TypedDataView::default() }.into());
        }
        for element in TypedDataType::ALL {
            if cid == element.internal_cid(ids) {
                return Some(TypedData { element, ..TypedData::default() }.into());
            }
            if cid == element.view_cid(ids) {
                return Some(TypedDataView { element: Some(element), ..TypedDataView::default() }.into());
            }
            if cid == element.external_cid(ids) {
                return Some(ExternalTypedData { element, ..ExternalTypedData::default() }.into());
            }
        }
        let is_instance =
            cid >= num_predefined_cids || cid == ids.instance || (ids.ffi_int8..=ids.ffi_bool).contains(&cid);
        is_instance.then(|| Instance { class_id: cid, ..Instance::default() }.into())
    }
}
