//! The roots: what the runtime finds by position, and everything else is reached from.
//!
//! [`Roots`] is the section as it is stored: lists parallel to those of [`FormatSpec`]. [`RootsBuilder`]
//! fills the lists by name and makes the objects that every program has in the same form, so that a compiler
//! supplies only what depends on the program.

use crate::bits::{FunctionKind, FunctionKindTag};
use crate::codec::{CodeRef, Codec, RefType};
use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::hash_tables;
use crate::objects::{
    ApiError, Array, Class, Code, CompressedStackMaps, ContextScope, ExceptionHandlers, Function,
    FunctionType, GrowableObjectArray, LanguageError, LocalVarDescriptors, ObjectPool, PcDescriptors,
    TypeArguments, TypedData, TypedDataType, UnhandledException, UnwindError, refs,
};
use crate::spec::{FormatSpec, NamedRoot};

/// The roots section of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roots {
    /// Parallel to [`FormatSpec::cached_args_descriptors`].
    pub cached_args_descriptors: Vec<ObjId>,
    /// Parallel to [`FormatSpec::cached_icdata_arrays`].
    pub cached_icdata_arrays: Vec<ObjId>,
    /// One per code unit.
    pub one_char_symbols: Vec<ObjId>,
    /// Parallel to [`FormatSpec::handle_roots`].
    pub handles: Vec<ObjId>,
    /// Parallel to [`FormatSpec::symbols`].
    pub symbols: Vec<ObjId>,
    /// Code objects, parallel to [`FormatSpec::stubs`].
    pub stubs: Vec<ObjId>,
    /// Parallel to [`FormatSpec::api_handles`].
    pub api_handles: Vec<ObjId>,
    /// Classes, parallel to [`FormatSpec::class_roots`].
    pub class_table: Vec<ObjId>,
    /// Parallel to [`FormatSpec::object_store`].
    pub object_store: Vec<ObjId>,
    /// Initial values of static fields, by field id: a constant, or the sentinel for lazy ones.
    pub initial_field_table: Vec<ObjId>,
    /// The same for fields shared between isolates.
    pub shared_initial_field_table: Vec<ObjId>,
    /// Code of each dispatch-table cell; `None` for cells that no call reaches except on null.
    pub dispatch_table: Vec<Option<CodeRef>>,
}

impl Roots {
    /// Roots with every list of the specification at its length, all null.
    pub fn empty(spec: &FormatSpec) -> Roots {
        let nulls = |n: usize| vec![ObjId::NULL; n];
        Roots {
            cached_args_descriptors: nulls(spec.cached_args_descriptors.len()),
            cached_icdata_arrays: nulls(spec.cached_icdata_arrays.len()),
            one_char_symbols: nulls(spec.one_char_symbols as usize),
            handles: nulls(spec.handle_roots.len()),
            symbols: nulls(spec.symbols.len()),
            stubs: nulls(spec.stubs.len()),
            api_handles: nulls(spec.api_handles.len()),
            class_table: nulls(spec.class_roots.len()),
            object_store: nulls(spec.object_store.len()),
            ..Roots::default()
        }
    }

    /// The value of a handle root.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn handle(&self, spec: &FormatSpec, name: &str) -> Result<ObjId> {
        let index = spec.handle_roots.iter().position(|r| r.name == name);
        let id = index.and_then(|i| self.handles.get(i)).copied();
        id.ok_or_else(|| Error::UnknownName { what: "handle root", name: name.into() })
    }

    /// The value of an object-store slot.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn store(&self, spec: &FormatSpec, name: &str) -> Result<ObjId> {
        let id = self.object_store.get(spec.store_index(name)?).copied();
        id.ok_or_else(|| Error::UnknownName { what: "object store slot", name: name.into() })
    }

    /// All references of the section, in order, up to the dispatch table.
    pub(crate) fn describe<C: Codec>(&mut self, codec: &mut C) -> Result<()> {
        let spec = codec.spec().clone();
        for (list, what, expected) in [
            (
                &self.cached_args_descriptors,
                "cached arguments descriptors",
                spec.cached_args_descriptors.len(),
            ),
            (&self.cached_icdata_arrays, "cached ICData arrays", spec.cached_icdata_arrays.len()),
            (&self.one_char_symbols, "one-character symbols", spec.one_char_symbols as usize),
            (&self.handles, "handle roots", spec.handle_roots.len()),
            (&self.symbols, "predefined symbols", spec.symbols.len()),
            (&self.stubs, "stubs", spec.stubs.len()),
            (&self.api_handles, "API handles", spec.api_handles.len()),
            (&self.class_table, "class table roots", spec.class_roots.len()),
            (&self.object_store, "object store slots", spec.object_store.len()),
        ] {
            if list.len() != expected {
                let reason = format!("{} {what}, the format has {expected}", list.len());
                return Err(Error::Inconsistent { object: "roots".into(), reason });
            }
        }

        // The stored order: null, true, false (unlike the order of base references), then the markers.
        for id in [
            ObjId::NULL,
            ObjId::TRUE,
            ObjId::FALSE,
            ObjId::SENTINEL,
            ObjId::UNKNOWN_CONSTANT,
            ObjId::NON_CONSTANT,
            ObjId::OPTIMIZED_OUT,
        ] {
            fixed(codec, "base object", id)?;
        }
        list(codec, "cached_args_descriptors", &mut self.cached_args_descriptors, refs::ARRAY)?;
        list(codec, "cached_icdata_arrays", &mut self.cached_icdata_arrays, refs::ARRAY)?;
        list(codec, "one_char_symbols", &mut self.one_char_symbols, refs::STRING)?;

        named(codec, "handle root", &mut self.handles, &spec.handle_roots)?;
        list(codec, "symbols", &mut self.symbols, refs::STRING)?;
        self.one_char_symbols.iter().try_for_each(|&id| fixed(codec, "one-character symbol", id))?;
        for (id, name) in self.stubs.iter_mut().zip(&spec.stubs) {
            codec.reference("stub", id, refs::CODE).map_err(|e| e.in_object(|| format!("stub {name}")))?;
        }
        for (id, name) in self.api_handles.iter_mut().zip(&spec.api_handles) {
            codec
                .reference("handle", id, RefType::ANY)
                .map_err(|e| e.in_object(|| format!("API handle {name}")))?;
        }
        for (id, cid) in self.class_table.iter_mut().zip(&spec.class_roots) {
            codec
                .reference("class", id, refs::CLASS)
                .map_err(|e| e.in_object(|| format!("class table entry {cid}")))?;
        }
        named(codec, "object store slot", &mut self.object_store, &spec.object_store)?;
        for (what, table) in [
            ("initial_field_table", &mut self.initial_field_table),
            ("shared_initial_field_table", &mut self.shared_initial_field_table),
        ] {
            let mut length = table.len();
            codec.length(what, &mut length)?;
            table.resize(length, ObjId::NULL);
            list(codec, what, table, RefType::ANY)?;
        }
        Ok(())
    }
}

fn list<C: Codec>(codec: &mut C, what: &'static str, ids: &mut [ObjId], allowed: RefType) -> Result<()> {
    for (i, id) in ids.iter_mut().enumerate() {
        codec.reference(what, id, allowed).map_err(|e| e.in_object(|| format!("roots, {what}[{i}]")))?;
    }
    Ok(())
}

fn named<C: Codec>(codec: &mut C, what: &'static str, ids: &mut [ObjId], names: &[NamedRoot]) -> Result<()> {
    for (id, root) in ids.iter_mut().zip(names) {
        let allowed = root_type(root)?;
        codec
            .reference(what, id, allowed.or_null())
            .map_err(|e| e.in_object(|| format!("{what} {}", root.name)))?;
    }
    Ok(())
}

fn root_type(root: &NamedRoot) -> Result<RefType> {
    // Bytecode exists only in engines that load modules; here such roots are null.
    if root.class == "Bytecode" {
        return Ok(RefType::of("null", &[]));
    }
    refs::by_class_name(&root.class).ok_or_else(|| Error::UnknownName {
        what: "class of a root",
        name: format!("{}: {}", root.name, root.class),
    })
}

/// A reference whose target is known.
fn fixed<C: Codec>(codec: &mut C, what: &'static str, id: ObjId) -> Result<()> {
    let mut found = id;
    codec.reference(what, &mut found, RefType::ANY).map_err(|e| e.in_object(|| "roots".into()))?;
    if found == id {
        return Ok(());
    }
    Err(Error::Inconsistent { object: "roots".into(), reason: format!("{what}: {found} instead of {id}") })
}

/// Objects that every program has once and that others refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommonObjects {
    /// Canonical immutable array of length 0.
    pub empty_array: ObjId,
    /// Canonical array of length 0.
    pub mutable_empty_array: ObjId,
    /// Canonical vector of length 0.
    pub empty_type_arguments: ObjId,
    /// Initial cache of type-argument vectors.
    pub empty_instantiations_cache_array: ObjId,
    /// Initial cache of subtype test caches.
    pub empty_subtype_test_cache_array: ObjId,
    /// No captured variables.
    pub empty_context_scope: ObjId,
    /// No entries.
    pub empty_object_pool: ObjId,
    /// No safepoints.
    pub empty_compressed_stackmaps: ObjId,
    /// No descriptors.
    pub empty_descriptors: ObjId,
    /// No variables.
    pub empty_var_descriptors: ObjId,
    /// No handlers.
    pub empty_exception_handlers: ObjId,
    /// No handlers, but exceptions complete a future.
    pub empty_async_exception_handlers: ObjId,
    /// Hash index of collections that have none yet.
    pub uninitialized_index: ObjId,
    /// Data of collections that have none yet.
    pub uninitialized_data: ObjId,
    /// The empty string.
    pub empty_string: ObjId,
}

// Header of an instantiations cache: occupied entries and metadata, then one empty entry
// (TypeArguments::Cache in runtime/vm/object.h).
const INSTANTIATIONS_CACHE_ZEROS: usize = 2;
const INSTANTIATIONS_CACHE_NULLS: usize = 2;
const SUBTYPE_TEST_CACHE_NULLS: usize = 8;

// Report::Kind in runtime/vm/report.h.
const REPORT_ERROR: u8 = 1;
const REPORT_BAILOUT: u8 = 2;

impl CommonObjects {
    fn new(graph: &mut Graph) -> CommonObjects {
        let zero = graph.integer(0);
        let null = ObjId::NULL;
        let empty_array = graph.intern(Array::immutable(Vec::new()));
        let cache = [vec![zero; INSTANTIATIONS_CACHE_ZEROS], vec![null; INSTANTIATIONS_CACHE_NULLS]].concat();
        CommonObjects {
            empty_array,
            mutable_empty_array: graph.add_canonical(Array::new(Vec::new())),
            empty_type_arguments: graph.intern(TypeArguments::default()),
            empty_instantiations_cache_array: graph.add(Array::immutable(cache)),
            empty_subtype_test_cache_array: graph.add(Array::immutable(vec![null; SUBTYPE_TEST_CACHE_NULLS])),
            empty_context_scope: graph.add(ContextScope::default()),
            empty_object_pool: graph.add(ObjectPool::default()),
            empty_compressed_stackmaps: graph.add(CompressedStackMaps::default()),
            empty_descriptors: graph.add(PcDescriptors::default()),
            empty_var_descriptors: graph.add(LocalVarDescriptors::default()),
            empty_exception_handlers: graph.add(ExceptionHandlers::default()),
            empty_async_exception_handlers: graph
                .add(ExceptionHandlers { has_async_handler: true, ..ExceptionHandlers::default() }),
            uninitialized_index: graph.add(TypedData { element: TypedDataType::Uint32, bytes: vec![0; 4] }),
            uninitialized_data: graph.add(Array::new(Vec::new())),
            empty_string: graph.symbol(""),
        }
    }
}

/// Fills [`Roots`] by name.
///
/// ```text
/// let mut roots = RootsBuilder::new(&spec, &mut graph);
/// roots.common          // refer to these from code, types, classes …
/// roots.set_stub("AllocateArray", code)?; roots.set_class(class_id, class)?; roots.set_store("list_class", class)?;
/// roots.set_handle("dynamic_type", …)?;
/// let roots = roots.finish(&mut graph)?;
/// ```
#[derive(Debug, Clone)]
pub struct RootsBuilder<'a> {
    spec: &'a FormatSpec,
    roots: Roots,
    /// Objects that the rest of the graph may refer to.
    pub common: CommonObjects,
}

impl<'a> RootsBuilder<'a> {
    /// Starts with everything null, and makes the common objects.
    pub fn new(spec: &'a FormatSpec, graph: &mut Graph) -> RootsBuilder<'a> {
        RootsBuilder { spec, roots: Roots::empty(spec), common: CommonObjects::new(graph) }
    }

    /// Sets a stub's Code.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn set_stub(&mut self, name: &str, code: ObjId) -> Result<()> {
        self.roots.stubs[self.spec.stub_index(name)?] = code;
        Ok(())
    }

    /// Sets a predefined class. Classes that are no roots are refused: they are reached through libraries and
    /// objects.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn set_class(&mut self, class_id: u32, class: ObjId) -> Result<()> {
        let index = self.spec.class_roots.iter().position(|&cid| cid == class_id);
        let unknown = || Error::UnknownName { what: "predefined class", name: class_id.to_string() };
        self.roots.class_table[index.ok_or_else(unknown)?] = class;
        Ok(())
    }

    /// Sets an object-store slot.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn set_store(&mut self, name: &str, value: ObjId) -> Result<()> {
        self.roots.object_store[self.spec.store_index(name)?] = value;
        Ok(())
    }

    /// Sets a handle root; only `dynamic_type` and `void_type` need it.
    ///
    /// # Errors
    /// [`Error::UnknownName`].
    pub fn set_handle(&mut self, name: &str, value: ObjId) -> Result<()> {
        let index = self.spec.handle_roots.iter().position(|r| r.name == name);
        self.roots.handles
            [index.ok_or_else(|| Error::UnknownName { what: "handle root", name: name.into() })?] = value;
        Ok(())
    }

    /// Sets the initial values of static fields.
    pub fn set_field_tables(&mut self, initial: Vec<ObjId>, shared: Vec<ObjId>) {
        self.roots.initial_field_table = initial;
        self.roots.shared_initial_field_table = shared;
    }

    /// Sets the dispatch table.
    pub fn set_dispatch_table(&mut self, cells: Vec<Option<CodeRef>>) {
        self.roots.dispatch_table = cells;
    }

    /// Makes what is still missing and returns the roots.
    ///
    /// Made here: cached descriptors and arrays, symbols, the objects of every program, errors, and empty
    /// canonical tables. The UnknownDartCode stub gets its dummy owner, whose class is `void`. Object-store
    /// lists that are null and that the runtime appends to become empty lists.
    ///
    /// # Errors
    /// A root is missing that only the caller can supply, or one that this revision has and this crate does
    /// not know.
    pub fn finish(mut self, graph: &mut Graph) -> Result<Roots> {
        self.add_cached_arrays(graph);
        self.add_symbols(graph);
        self.add_handles(graph)?;
        self.add_store_defaults(graph)?;
        self.add_unknown_dart_code(graph)?;
        let (spec, roots) = (self.spec, self.roots);
        let missing = |what, name: String| Err(Error::Missing { what, name });
        if let Some(i) = roots.stubs.iter().position(|id| id.is_null()) {
            return missing("stub", spec.stubs[i].clone());
        }
        if let Some(i) = roots.class_table.iter().position(|id| id.is_null()) {
            return missing("predefined class", spec.class_roots[i].to_string());
        }
        for name in &spec.required_object_store {
            if roots.store(spec, name)?.is_null() {
                return missing("object store slot", name.clone());
            }
        }
        Ok(roots)
    }

    fn add_cached_arrays(&mut self, graph: &mut Graph) {
        for (slot, descriptor) in
            self.roots.cached_args_descriptors.iter_mut().zip(&self.spec.cached_args_descriptors)
        {
            *slot = args_descriptor(graph, descriptor.type_args_len, descriptor.count, descriptor.count);
        }
        let zero = graph.integer(0);
        for (slot, &length) in self.roots.cached_icdata_arrays.iter_mut().zip(&self.spec.cached_icdata_arrays)
        {
            *slot = graph.add(Array::immutable(vec![zero; length as usize]));
        }
    }

    fn add_symbols(&mut self, graph: &mut Graph) {
        for (slot, text) in self.roots.symbols.iter_mut().zip(&self.spec.symbols) {
            *slot = graph.symbol(text);
        }
        for (slot, unit) in self.roots.one_char_symbols.iter_mut().zip(0u16..) {
            *slot = graph.symbol_utf16(&[unit]);
        }
    }

    fn add_handles(&mut self, graph: &mut Graph) -> Result<()> {
        let common = self.common;
        let language_error = |graph: &mut Graph, message: &str, kind: u8| {
            let formatted_message = graph.symbol(message);
            graph.add(LanguageError { formatted_message, kind, ..LanguageError::default() })
        };
        let unwind_error = |graph: &mut Graph, message: &str| {
            let message = graph.symbol(message);
            graph.add(UnwindError { message, is_user_initiated: false })
        };
        for (i, root) in self.spec.handle_roots.iter().enumerate() {
            let is_always_null = root.name.starts_with("null_") || root.class == "Bytecode";
            if is_always_null || !self.roots.handles[i].is_null() {
                continue;
            }
            // The messages are those of Object::InitializeObjects in runtime/vm/object.cc.
            let value = match &*root.name {
                "empty_type_arguments" => common.empty_type_arguments,
                "empty_array" => common.empty_array,
                "empty_instantiations_cache_array" => common.empty_instantiations_cache_array,
                "empty_subtype_test_cache_array" => common.empty_subtype_test_cache_array,
                "mutable_empty_array" => common.mutable_empty_array,
                "empty_context_scope" => common.empty_context_scope,
                "empty_object_pool" => common.empty_object_pool,
                "empty_compressed_stackmaps" => common.empty_compressed_stackmaps,
                "empty_descriptors" => common.empty_descriptors,
                "empty_var_descriptors" => common.empty_var_descriptors,
                "empty_exception_handlers" => common.empty_exception_handlers,
                "empty_async_exception_handlers" => common.empty_async_exception_handlers,
                "uninitialized_index" => common.uninitialized_index,
                "uninitialized_data" => common.uninitialized_data,
                "empty_coverage_array" => {
                    graph.add(TypedData { element: TypedDataType::Uint32, bytes: Vec::new() })
                }
                "synthetic_getter_parameter_types" => {
                    let dynamic_type = self.roots.handle(self.spec, "dynamic_type")?;
                    graph.add(Array::new(vec![dynamic_type]))
                }
                "synthetic_getter_parameter_names" => {
                    let this = graph.symbol("this");
                    graph.add(Array::new(vec![this]))
                }
                "sentinel" => ObjId::SENTINEL,
                "unknown_constant" => ObjId::UNKNOWN_CONSTANT,
                "non_constant" => ObjId::NON_CONSTANT,
                "optimized_out" => ObjId::OPTIMIZED_OUT,
                "bool_true" => ObjId::TRUE,
                "bool_false" => ObjId::FALSE,
                "smi_illegal_cid" | "smi_zero" => graph.integer(0),
                "no_callbacks_error" => {
                    let message = graph.symbol("Callbacks into the Dart VM are currently prohibited. Either there are outstanding pointers from Dart_TypedDataAcquireData that have not been released with Dart_TypedDataReleaseData, or a finalizer is running.");
                    graph.add(ApiError { message })
                }
                "unwind_error" => unwind_error(graph, "isolate is exiting"),
                "unwind_in_progress_error" => {
                    unwind_error(graph, "No api calls are allowed while unwind is in progress")
                }
                "snapshot_writer_error" => language_error(graph, "SnapshotWriter Error", REPORT_ERROR),
                "branch_offset_error" => language_error(graph, "Branch offset overflow", REPORT_BAILOUT),
                "background_compilation_error" => {
                    language_error(graph, "Background Compilation Failed", REPORT_BAILOUT)
                }
                "no_debuggable_code_error" => {
                    language_error(graph, "No debuggable code where breakpoint was requested", REPORT_ERROR)
                }
                "out_of_memory_error" => language_error(graph, "Out of memory", REPORT_ERROR),
                "unhandled_oom_exception" => {
                    let exception = graph.symbol("Out of memory");
                    graph.add(UnhandledException { exception, stacktrace: ObjId::NULL })
                }
                name => return Err(Error::Missing { what: "handle root", name: name.into() }),
            };
            self.roots.handles[i] = value;
        }
        for (i, name) in self.spec.api_handles.iter().enumerate() {
            self.roots.api_handles[i] = match name.trim_end_matches("_api_handle") {
                "true" => ObjId::TRUE,
                "false" => ObjId::FALSE,
                "null" => ObjId::NULL,
                "empty_string" => common.empty_string,
                name => self.roots.handle(self.spec, name)?,
            };
        }
        Ok(())
    }

    fn add_store_defaults(&mut self, graph: &mut Graph) -> Result<()> {
        for (i, root) in self.spec.object_store.iter().enumerate() {
            if !self.roots.object_store[i].is_null() {
                continue;
            }
            self.roots.object_store[i] = match (&*root.name, &*root.class) {
                ("symbol_table" | "regexp_table", _) => hash_tables::empty_weak_set(graph),
                // The reader replaces these by the tables of the canonical clusters.
                (name, "Array") if name.starts_with("canonical_") => hash_tables::empty_set(graph),
                ("pending_classes" | "libraries", _) => graph.add(GrowableObjectArray {
                    type_arguments: ObjId::NULL,
                    length: 0,
                    data: self.common.empty_array,
                }),
                _ => ObjId::NULL,
            };
        }
        Ok(())
    }

    /// The runtime asks the UnknownDartCode stub for its owner's name and modifiers, so the owner is a
    /// function.
    fn add_unknown_dart_code(&mut self, graph: &mut Graph) -> Result<()> {
        let missing = |what, name: &str| Error::Missing { what, name: name.into() };
        let stub = self.roots.stubs[self.spec.stub_index("UnknownDartCode")?];
        if stub.is_null() {
            return Err(missing("stub", "UnknownDartCode"));
        }
        if !graph.get::<Code>(stub)?.owner.is_null() {
            return Ok(());
        }
        let void = self.spec.class_roots.iter().position(|&cid| cid == self.spec.class_ids.void);
        let owner = void.map(|i| self.roots.class_table[i]).filter(|id| !id.is_null());
        let owner = owner.ok_or_else(|| missing("predefined class", "void"))?;
        graph.get::<Class>(owner)?;
        let type_test_stub = self.roots.stubs[self.spec.stub_index("DefaultTypeTest")?];
        let signature = graph.add(FunctionType {
            type_test_stub,
            named_parameter_names: self.common.empty_array,
            flags: crate::bits::AbstractTypeFlags { is_non_nullable: true, ..Default::default() }.bits(),
            ..FunctionType::default()
        });
        let name = graph.symbol("<optimized out>");
        let kind_tag = FunctionKindTag {
            is_static: true,
            is_inlinable: true,
            ..FunctionKindTag::of(FunctionKind::RegularFunction)
        };
        let function = graph.add(Function {
            name,
            owner,
            signature,
            data: ObjId::NULL,
            code: CodeRef::LazyCompile,
            kind_tag: kind_tag.bits(),
        });
        graph.get_mut::<Code>(stub)?.owner = function;
        Ok(())
    }
}

/// An arguments descriptor without named arguments (`ArgumentsDescriptor` in `runtime/vm/dart_entry.h`):
/// `size` is the number of stack slots the arguments take.
pub fn args_descriptor(graph: &mut Graph, type_args_len: u32, count: u32, size: u32) -> ObjId {
    let mut elements: Vec<ObjId> =
        [type_args_len, count, size, count].into_iter().map(|n| graph.integer(i64::from(n))).collect();
    elements.push(ObjId::NULL);
    graph.add(Array::immutable(elements))
}
