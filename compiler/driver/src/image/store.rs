//! The object store: what the engine's C++ finds by slot instead of by name.

use std::sync::Arc;

use dart_snapshot::objects::{self, Array, GrowableObjectArray, InstanceWord};
use dart_snapshot::roots::RootsBuilder;
use dart_snapshot::{ObjId, hash_tables};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{ClassId, FunctionKey};
use snapcrane_program::types::DartType;

use super::Image;
use crate::error::Error;

/// Where a slot's value comes from.
enum Value {
    Class(&'static str, &'static str),
    /// Type of a class without type arguments; `true`: nullable.
    Type(&'static str, &'static str, bool),
    Function(&'static str, &'static str, &'static str),
    Field(&'static str, &'static str, &'static str),
    Library(&'static str),
    TypeArguments(&'static [(&'static str, &'static str)]),
}

use Value::{Class, Field, Function, Library, Type, TypeArguments};

const CORE: &str = "dart:core";
const ASYNC: &str = "dart:async";
const FFI: &str = "dart:ffi";
const TYPED_DATA: &str = "dart:typed_data";
const COMPACT_HASH: &str = "dart:_compact_hash";
const INTERNAL: &str = "dart:_internal";

/// Slots by name (`OBJECT_STORE_FIELD_LIST` in `runtime/vm/object_store.h`). Slots that are not named here stay null: they are filled at run time,
/// belong to features that snapshots do not have, or are set by [`Image::store`].
const SLOTS: &[(&str, Value)] = &[
    ("list_class", Class(CORE, "List")),
    ("map_class", Class(CORE, "Map")),
    ("set_class", Class(CORE, "Set")),
    ("bigint_impl_class", Class(CORE, "_BigIntImpl")),
    ("non_nullable_list_rare_type", Type(CORE, "List", false)),
    ("non_nullable_map_rare_type", Type(CORE, "Map", false)),
    ("enum_index_field", Field(CORE, "_Enum", "index")),
    ("enum_name_field", Field(CORE, "_Enum", "_name")),
    ("_object_equals_function", Function(CORE, "", "_objectEquals")),
    ("_object_hash_code_function", Function(CORE, "", "_objectHashCode")),
    ("_object_to_string_function", Function(CORE, "", "_objectToString")),
    ("symbol_class", Class(INTERNAL, "Symbol")),
    ("symbol_name_field", Field(INTERNAL, "Symbol", "_name")),
    ("ffi_array_class", Class(FFI, "Array")),
    ("ffi_compound_class", Class(FFI, "_Compound")),
    ("ffi_struct_class", Class(FFI, "Struct")),
    ("ffi_union_class", Class(FFI, "Union")),
    ("ffi_varargs_class", Class(FFI, "VarArgs")),
    ("compound_offset_in_bytes_field", Field(FFI, "_Compound", "_offsetInBytes")),
    ("compound_typed_data_base_field", Field(FFI, "_Compound", "_typedDataBase")),
    ("ffi_resolver_function", Function(FFI, "Native", "_ffi_resolver_function")),
    ("handle_finalizer_message_function", Function(CORE, "_FinalizerImpl", "_handleFinalizerMessage")),
    (
        "handle_native_finalizer_message_function",
        Function(FFI, "_NativeFinalizer", "_handleNativeFinalizerMessage"),
    ),
    ("object_class", Class(CORE, "Object")),
    ("object_type", Type(CORE, "Object", false)),
    ("non_nullable_object_type", Type(CORE, "Object", false)),
    ("nullable_object_type", Type(CORE, "Object", true)),
    ("null_class", Class(CORE, "Null")),
    ("null_type", Type(CORE, "Null", true)),
    ("function_type", Type(CORE, "Function", false)),
    ("type_type", Type(CORE, "Type", false)),
    ("closure_class", Class(CORE, "_Closure")),
    ("record_class", Class(CORE, "Record")),
    ("number_type", Type(CORE, "num", false)),
    ("nullable_number_type", Type(CORE, "num", true)),
    ("int_type", Type(CORE, "int", false)),
    ("non_nullable_int_type", Type(CORE, "int", false)),
    ("nullable_int_type", Type(CORE, "int", true)),
    ("integer_implementation_class", Class(CORE, "_IntegerImplementation")),
    ("smi_class", Class(CORE, "_Smi")),
    ("smi_type", Type(CORE, "_Smi", false)),
    ("mint_class", Class(CORE, "_Mint")),
    ("mint_type", Type(CORE, "_Mint", false)),
    ("double_class", Class(CORE, "_Double")),
    ("double_type", Type(CORE, "double", false)),
    ("nullable_double_type", Type(CORE, "double", true)),
    ("float32x4_type", Type(TYPED_DATA, "Float32x4", false)),
    ("int32x4_type", Type(TYPED_DATA, "Int32x4", false)),
    ("float64x2_type", Type(TYPED_DATA, "Float64x2", false)),
    ("string_type", Type(CORE, "String", false)),
    ("type_argument_int", TypeArguments(&[(CORE, "int")])),
    ("type_argument_double", TypeArguments(&[(CORE, "double")])),
    ("type_argument_string", TypeArguments(&[(CORE, "String")])),
    ("type_argument_string_dynamic", TypeArguments(&[(CORE, "String"), ("", "dynamic")])),
    ("type_argument_string_string", TypeArguments(&[(CORE, "String"), (CORE, "String")])),
    ("future_class", Class(ASYNC, "Future")),
    ("future_or_class", Class(ASYNC, "FutureOr")),
    ("one_byte_string_class", Class(CORE, "_OneByteString")),
    ("two_byte_string_class", Class(CORE, "_TwoByteString")),
    ("bool_type", Type(CORE, "bool", false)),
    ("bool_class", Class(CORE, "bool")),
    ("array_class", Class(CORE, "_List")),
    ("array_type", Type(CORE, "_List", false)),
    ("immutable_array_class", Class(CORE, "_ImmutableList")),
    ("growable_object_array_class", Class(CORE, "_GrowableList")),
    ("map_impl_class", Class(COMPACT_HASH, "_Map")),
    ("const_map_impl_class", Class(COMPACT_HASH, "_ConstMap")),
    ("set_impl_class", Class(COMPACT_HASH, "_Set")),
    ("const_set_impl_class", Class(COMPACT_HASH, "_ConstSet")),
    ("float32x4_class", Class(TYPED_DATA, "_Float32x4")),
    ("int32x4_class", Class(TYPED_DATA, "_Int32x4")),
    ("float64x2_class", Class(TYPED_DATA, "_Float64x2")),
    ("error_class", Class(CORE, "Error")),
    ("expando_class", Class(CORE, "Expando")),
    ("iterable_class", Class(CORE, "Iterable")),
    ("weak_property_class", Class(CORE, "_WeakProperty")),
    ("weak_reference_class", Class(CORE, "_WeakReference")),
    ("finalizer_class", Class(CORE, "_FinalizerImpl")),
    ("finalizer_entry_class", Class(INTERNAL, "FinalizerEntry")),
    ("native_finalizer_class", Class(FFI, "_NativeFinalizer")),
    ("ffi_pointer_class", Class(FFI, "Pointer")),
    ("ffi_native_type_class", Class(FFI, "NativeType")),
    ("async_library", Library(ASYNC)),
    ("core_library", Library(CORE)),
    ("_compact_hash_library", Library(COMPACT_HASH)),
    ("collection_library", Library("dart:collection")),
    ("concurrent_library", Library("dart:concurrent")),
    ("convert_library", Library("dart:convert")),
    ("developer_library", Library("dart:developer")),
    ("ffi_library", Library(FFI)),
    ("_internal_library", Library(INTERNAL)),
    ("isolate_library", Library("dart:isolate")),
    ("math_library", Library("dart:math")),
    ("mirrors_library", Library("dart:mirrors")),
    ("native_wrappers_library", Library("dart:nativewrappers")),
    ("typed_data_library", Library(TYPED_DATA)),
    ("_vm_library", Library("dart:_vm")),
    ("_vmservice_library", Library("dart:_vmservice")),
    ("async_star_stream_controller_add", Function(ASYNC, "_AsyncStarStreamController", "add")),
    ("async_star_stream_controller_add_stream", Function(ASYNC, "_AsyncStarStreamController", "addStream")),
    ("suspend_state_init_async", Function(ASYNC, "_SuspendState", "_initAsync")),
    ("suspend_state_await", Function(ASYNC, "_SuspendState", "_await")),
    ("suspend_state_await_with_type_check", Function(ASYNC, "_SuspendState", "_awaitWithTypeCheck")),
    ("suspend_state_return_async", Function(ASYNC, "_SuspendState", "_returnAsync")),
    ("suspend_state_return_async_not_future", Function(ASYNC, "_SuspendState", "_returnAsyncNotFuture")),
    ("suspend_state_init_async_star", Function(ASYNC, "_SuspendState", "_initAsyncStar")),
    ("suspend_state_yield_async_star", Function(ASYNC, "_SuspendState", "_yieldAsyncStar")),
    ("suspend_state_return_async_star", Function(ASYNC, "_SuspendState", "_returnAsyncStar")),
    ("suspend_state_init_sync_star", Function(ASYNC, "_SuspendState", "_initSyncStar")),
    ("suspend_state_suspend_sync_star_at_start", Function(ASYNC, "_SuspendState", "_suspendSyncStarAtStart")),
    ("suspend_state_handle_exception", Function(ASYNC, "_SuspendState", "_handleException")),
    ("async_star_stream_controller", Class(ASYNC, "_AsyncStarStreamController")),
    ("stream_class", Class(ASYNC, "Stream")),
    ("sync_star_iterator_class", Class(ASYNC, "_SyncStarIterator")),
    (
        "async_star_stream_controller_async_star_body",
        Field(ASYNC, "_AsyncStarStreamController", "asyncStarBody"),
    ),
    ("sync_star_iterator_current", Field(ASYNC, "_SyncStarIterator", "_current")),
    ("sync_star_iterator_state", Field(ASYNC, "_SyncStarIterator", "_state")),
    ("sync_star_iterator_yield_star_iterable", Field(ASYNC, "_SyncStarIterator", "_yieldStarIterable")),
];

/// Libraries that the engine wants to exist even if the program does not use them.
const ENGINE_LIBRARIES: &[&str] = &["dart:mirrors", "dart:nativewrappers"];

impl Image<'_> {
    /// Fills the object store.
    pub(super) fn store(&mut self, roots: &mut RootsBuilder<'_>, pool: ObjId) -> Result<(), Error> {
        let cids = &self.target.engine.cids;
        let class = |cid: u32| ClassId::from_u32(cid);
        let (dynamic, void, never) = (class(cids.dynamic), class(cids.void), class(cids.never));
        let dynamic_type = self.rare_type(dynamic, true);
        let void_type = self.rare_type(void, true);
        let never_type = self.rare_type(never, false);
        roots.set_handle("dynamic_type", dynamic_type)?;
        roots.set_handle("void_type", void_type)?;
        for (slot, value) in SLOTS {
            let id = self.store_value(value);
            roots.set_store(slot, id)?;
        }
        let never_class = self.class(never);
        roots.set_store("never_class", never_class)?;
        roots.set_store("never_type", never_type)?;
        let never_vector =
            self.type_vector(&[DartType::Interface { class: never, args: None, nullable: false }]);
        roots.set_store("type_argument_never", never_vector)?;
        if let Ok(main) = self.program.main() {
            let root = self.library(self.program.members[main].library);
            roots.set_store("root_library", root)?;
        }
        for name in ENGINE_LIBRARIES {
            self.ensure_library(name, roots)?;
        }
        roots.set_store("global_object_pool", pool)?;
        let stack_overflow = self.error_instance("StackOverflowError");
        roots.set_store("stack_overflow", stack_overflow)?;
        let out_of_memory = self.error_instance("OutOfMemoryError");
        roots.set_store("out_of_memory", out_of_memory)?;
        self.libraries_map(roots)?;
        self.record_field_names(roots)
    }

    fn store_value(&mut self, value: &Value) -> ObjId {
        match value {
            Class(library, name) => {
                self.find_class(library, name).map_or(ObjId::NULL, |class| self.class(class))
            }
            Type(library, name, nullable) => match self.find_class(library, name) {
                Some(class) => self.rare_type(class, *nullable),
                None => ObjId::NULL,
            },
            Function(library, class, name) => {
                match self.program.find_member(library, class, name, MemberKind::Method) {
                    Ok(member) if self.reach.function(&FunctionKey::Member(member)).is_some() => {
                        self.function(&FunctionKey::Member(member))
                    }
                    _ => ObjId::NULL,
                }
            }
            Field(library, class, name) => match self.program.find_field(library, class, name) {
                Ok(field) => self.field(field),
                Err(_) => ObjId::NULL,
            },
            Library(uri) => {
                self.program.find_library(uri).map_or(ObjId::NULL, |library| self.library(library))
            }
            TypeArguments(types) => {
                let types: Option<Vec<DartType>> = types
                    .iter()
                    .map(|(library, name)| {
                        if *name == "dynamic" {
                            return Some(self.program.dynamic_type());
                        }
                        let class = self.find_class(library, name)?;
                        Some(DartType::Interface { class, args: None, nullable: false })
                    })
                    .collect();
                types.map_or(ObjId::NULL, |types| {
                    let types: Arc<[DartType]> = types.into();
                    self.type_vector(&types)
                })
            }
        }
    }

    fn find_class(&self, library: &str, name: &str) -> Option<ClassId> {
        self.program.find_class(library, name).ok()
    }

    /// An error object that is thrown when there is no memory or stack to make one.
    fn error_instance(&mut self, name: &str) -> ObjId {
        let Some(class) = self.find_class("dart:core", name) else { return ObjId::NULL };
        self.retain_class(class);
        let layout = self.class_layout(class);
        let first = (self.target.word_size() / self.target.compressed_word_size()) as i32;
        let words = vec![InstanceWord::Ref(ObjId::NULL); (layout.next_field - first).max(0) as usize];
        self.graph.add(objects::Instance { class_id: class.as_u32(), words })
    }

    /// A library of the engine that the kernel file does not have.
    fn ensure_library(&mut self, uri: &'static str, roots: &mut RootsBuilder<'_>) -> Result<(), Error> {
        if self.program.find_library(uri).is_ok() {
            return Ok(());
        }
        let index = self.libraries.len() + self.extra_libraries.len();
        let url = self.graph.symbol(uri);
        let name = self.graph.symbol(&uri.replace(':', "."));
        let id = self.graph.add(objects::Library::default());
        let toplevel_class = self.toplevel_class(id, index, ObjId::NULL);
        let dictionary = hash_tables::library_dictionary(&mut self.graph, &[])?;
        // Nothing private is in it.
        let private_key = self.graph.symbol("");
        *self.graph.object_mut(id) = objects::Library {
            name,
            url,
            private_key,
            dictionary,
            toplevel_class,
            loading_unit: self.root_unit,
            imports: self.empty_array,
            exports: self.empty_array,
            index: index as i32,
            load_state: super::classes::LIBRARY_LOADED,
            flags: super::classes::LIBRARY_DART_SCHEME,
            ..objects::Library::default()
        }
        .into();
        self.extra_libraries.push((uri, id));
        let slot = if uri == "dart:mirrors" { "mirrors_library" } else { "native_wrappers_library" };
        roots.set_store(slot, id)?;
        Ok(())
    }

    /// The list of libraries and the map from their URLs.
    fn libraries_map(&mut self, roots: &mut RootsBuilder<'_>) -> Result<(), Error> {
        let libraries: Vec<ObjId> = self
            .program
            .component
            .libraries
            .keys()
            .map(|library| self.libraries[&library])
            .chain(self.extra_libraries.iter().map(|&(_, id)| id))
            .collect();
        let map = hash_tables::libraries_map(&mut self.graph, &libraries)?;
        roots.set_store("libraries_map", map)?;
        let length = libraries.len() as i64;
        let data = self.graph.add(Array::new(libraries));
        let list = self.graph.add(GrowableObjectArray { type_arguments: ObjId::NULL, length, data });
        roots.set_store("libraries", list)?;
        Ok(())
    }

    /// Names of record fields by the index in record shapes; entry 0 is for records without named fields, which ask
    /// for their (no) names as others do.
    fn record_field_names(&mut self, roots: &mut RootsBuilder<'_>) -> Result<(), Error> {
        let mut lists: Vec<(Vec<dart_kernel::StrIdx>, u32)> =
            self.types.record_names.iter().map(|(names, &index)| (names.clone(), index)).collect();
        lists.sort_by_key(|(_, index)| *index);
        let mut elements = vec![self.empty_array];
        for (names, _) in lists {
            let names = names.into_iter().map(|name| self.symbol(name)).collect();
            elements.push(self.graph.add_canonical(Array::immutable(names)));
        }
        let names = self.graph.add(Array::new(elements));
        roots.set_store("record_field_names", names)?;
        Ok(())
    }
}
