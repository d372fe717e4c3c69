//! Class ids.
//!
//! Predefined classes are recognised by library and name and keep the ids that the engine compiled in. All other classes
//! are numbered so that subclasses follow their superclass and every subtree of the hierarchy is one range: that makes
//! class tests two comparisons, and dispatch rows dense. The order is the engine's own (`ClassFinalizer::SortClasses`
//! over the order in which `KernelLoader` and `ClassFinalizer` meet the classes), so ids can be compared with those in
//! snapshots made by its own compiler.

use cranelift_entity::EntityRef;
use dart_kernel::ast::{DartType, TypeParameter};
use dart_kernel::{ClassIdx, Component, LibIdx, Reference};
use rustc_hash::FxHashMap;
use snapcrane_engines::Engine;

use crate::error::{Error, Result};
use crate::ids::ClassId;

/// Classes that the engine registers before it loads any kernel class, without a fixed id (`Object::Init`,
/// `Library::InitNativeWrappersLibrary`), in order.
const EARLY_CLASSES: [(&str, &str); 13] = [
    ("dart:nativewrappers", "NativeFieldWrapperClass1"),
    ("dart:nativewrappers", "NativeFieldWrapperClass2"),
    ("dart:nativewrappers", "NativeFieldWrapperClass3"),
    ("dart:nativewrappers", "NativeFieldWrapperClass4"),
    ("dart:typed_data", "Float32x4"),
    ("dart:typed_data", "Int32x4"),
    ("dart:typed_data", "Float64x2"),
    ("dart:core", "Type"),
    ("dart:core", "Function"),
    ("dart:core", "Record"),
    ("dart:core", "int"),
    ("dart:core", "double"),
    ("dart:core", "String"),
];

/// Libraries that the engine registers before it loads any (`Object::Init`, `Bootstrap::DoBootstrapping`), in order.
const EARLY_LIBRARIES: [&str; 16] = [
    "dart:core",
    "dart:isolate",
    "dart:mirrors",
    "dart:_compact_hash",
    "dart:collection",
    "dart:async",
    "dart:developer",
    "dart:nativewrappers",
    "dart:typed_data",
    "dart:ffi",
    "dart:_internal",
    "dart:_vm",
    "dart:convert",
    "dart:math",
    "dart:_vmservice",
    "dart:concurrent",
];

/// Libraries that the engine loads before the others, in order (`FOR_EACH_BOOTSTRAP_LIBRARY`, object_store.h).
const BOOTSTRAP_LIBRARIES: [&str; 15] = [
    "dart:core",
    "dart:async",
    "dart:_compact_hash",
    "dart:collection",
    "dart:convert",
    "dart:developer",
    "dart:ffi",
    "dart:_internal",
    "dart:isolate",
    "dart:math",
    "dart:mirrors",
    "dart:typed_data",
    "dart:_vm",
    "dart:_vmservice",
    "dart:concurrent",
];

/// An early class or a predefined one.
enum Pending {
    Early(usize),
    Predefined(u32),
}

/// The classes that the engine finalizes before those of the kernel file, in order (`Object::Init` again).
/// The order decides in which order a class knows its subclasses.
fn first_pending(engine: &Engine) -> Vec<Pending> {
    let cids = &engine.cids;
    let predefined = |list: &[u32]| list.iter().map(|&cid| Pending::Predefined(cid)).collect::<Vec<_>>();
    let mut pending = predefined(&[
        cids.array,
        cids.growable_object_array,
        cids.immutable_array,
        cids.one_byte_string,
        cids.two_byte_string,
        cids.capability,
        cids.receive_port,
        cids.send_port,
        cids.transferable_typed_data,
        cids.stack_trace,
        cids.reg_exp,
        cids.instance,
        cids.bool,
        cids.null,
        cids.library_prefix,
        cids.type_,
        cids.function_type,
        cids.record_type,
        cids.type_parameter,
        cids.integer,
        cids.smi,
        cids.mint,
        cids.double,
        cids.closure,
        cids.record,
        cids.linked_hash_base,
        cids.map,
        cids.const_map,
        cids.set,
        cids.const_set,
        cids.future_or,
        cids.suspend_state,
        cids.user_tag,
    ]);
    for kind in &engine.typed_data {
        pending.extend(predefined(&[kind.view, kind.unmodifiable_view]));
    }
    pending.extend(predefined(&[
        cids.byte_data_view,
        cids.unmodifiable_byte_data_view,
        cids.byte_buffer,
        cids.float32x4,
        cids.int32x4,
        cids.float64x2,
    ]));
    pending.extend([7, 8, 9].map(Pending::Early));
    pending.push(Pending::Predefined(cids.number));
    pending.extend([10, 11, 12].map(Pending::Early));
    pending.extend(predefined(&[
        cids.ffi_native_type,
        cids.ffi_int8,
        cids.ffi_int16,
        cids.ffi_int32,
        cids.ffi_int64,
        cids.ffi_uint8,
        cids.ffi_uint16,
        cids.ffi_uint32,
        cids.ffi_uint64,
        cids.ffi_float,
        cids.ffi_double,
        cids.ffi_void,
        cids.ffi_handle,
        cids.ffi_bool,
        cids.ffi_native_function,
        cids.pointer,
        cids.dynamic_library,
        cids.finalizer,
        cids.finalizer_entry,
    ]));
    pending
}

/// Ids of all kernel classes, and the order to process them in.
#[derive(Debug)]
pub(crate) struct Numbering {
    /// Class id by kernel class.
    pub(crate) class_of: Vec<ClassId>,
    /// All kernel classes, superclasses and interfaces before the classes that mention them.
    pub(crate) order: Vec<ClassIdx>,
    /// Number of class ids, those of missing classes included.
    pub(crate) num_ids: usize,
    /// Number of native fields of the engine's wrapper classes.
    pub(crate) native_fields: FxHashMap<ClassIdx, u16>,
    /// How many libraries the engine registers before each library: part of its private key.
    pub(crate) library_sequence: Vec<usize>,
}

/// The order in which the engine meets libraries and classes. A class is created when its library is loaded, or earlier
/// if the header of a class before it mentions it; so are libraries.
struct Registration<'k> {
    component: &'k Component<'k>,
    classes: Vec<ClassIdx>,
    known_class: Vec<bool>,
    library_sequence: Vec<Option<usize>>,
    num_libraries: usize,
}

impl<'k> Registration<'k> {
    fn library(&mut self, library: LibIdx) {
        if self.library_sequence[library.index()].is_none() {
            self.library_sequence[library.index()] = Some(self.num_libraries);
            self.num_libraries += 1;
        }
    }

    fn class(&mut self, class: ClassIdx) {
        self.library(self.component.classes[class].library);
        if !std::mem::replace(&mut self.known_class[class.index()], true) {
            self.classes.push(class);
        }
    }

    fn type_params(&mut self, params: &[TypeParameter<'_>]) {
        for param in params {
            self.ty(&param.bound);
            self.ty(&param.default_type);
        }
    }

    fn ty(&mut self, ty: &DartType<'_>) {
        match ty {
            DartType::Interface { class, arguments, .. } => {
                self.class(*class);
                // A vector of nothing but `dynamic` is not read.
                arguments.iter().for_each(|argument| self.ty(argument));
            }
            DartType::Function(function) => {
                self.type_params(function.type_parameters);
                function.positional.iter().for_each(|param| self.ty(param));
                function.named.iter().for_each(|param| self.ty(&param.ty));
                self.ty(&function.return_type);
            }
            DartType::Record(record) => {
                record.positional.iter().for_each(|field| self.ty(field));
                record.named.iter().for_each(|field| self.ty(&field.ty));
            }
            DartType::Intersection { left, .. } => self.ty(left),
            DartType::Extension(extension) => self.ty(&extension.erasure),
            DartType::FutureOr { argument, .. } => self.ty(argument),
            DartType::Invalid
            | DartType::Dynamic
            | DartType::Void
            | DartType::Null
            | DartType::Never(_)
            | DartType::TypeParameter { .. } => {}
        }
    }

    /// `KernelLoader::LoadLibrary`.
    fn load(&mut self, library: LibIdx) {
        self.library(library);
        let declaration = &self.component.libraries[library];
        for dependency in declaration.dependencies {
            if let Reference::Library(target) = dependency.target {
                self.library(target);
            }
        }
        for class in declaration.classes.iter() {
            self.class(class);
            let declaration = &self.component.classes[class];
            self.type_params(declaration.type_parameters);
            declaration.supertype.iter().for_each(|supertype| self.ty(supertype));
            declaration.implements.iter().for_each(|interface| self.ty(interface));
        }
    }
}

/// Numbers the classes of a program.
pub(crate) fn number<'k>(
    component: &'k Component<'k>,
    engine: &Engine,
    libraries: &FxHashMap<&[u8], LibIdx>,
) -> Result<Numbering> {
    let num_predefined = engine.num_predefined_cids as usize;
    let mut by_name: FxHashMap<(LibIdx, &[u8]), ClassIdx> = FxHashMap::default();
    for (class, declaration) in &component.classes {
        by_name.insert((declaration.library, component.string(declaration.name)), class);
    }
    let find = |library: &str, class: &str| {
        let library = libraries.get(library.as_bytes())?;
        by_name.get(&(*library, class.as_bytes())).copied()
    };

    // First numbers: predefined, early, then in file order.
    let mut first_id: Vec<Option<usize>> = vec![None; component.classes.len()];
    let mut by_first_id: Vec<Option<ClassIdx>> = vec![None; num_predefined + EARLY_CLASSES.len()];
    // Id 0 is no class, though the engine uses it as a placeholder.
    for predefined in engine.classes.iter().filter(|class| class.cid != engine.cids.illegal) {
        let (Some(library), Some(name)) = (predefined.library, predefined.dart_name) else { continue };
        if let Some(class) = find(library, name) {
            first_id[class.index()] = Some(predefined.cid as usize);
            by_first_id[predefined.cid as usize] = Some(class);
        }
    }
    let mut native_fields = FxHashMap::default();
    for (i, (library, name)) in EARLY_CLASSES.into_iter().enumerate() {
        if let Some(class) = find(library, name) {
            first_id[class.index()] = Some(num_predefined + i);
            by_first_id[num_predefined + i] = Some(class);
            if let Some(count) = name.strip_prefix("NativeFieldWrapperClass").and_then(|n| n.parse().ok()) {
                native_fields.insert(class, count);
            }
        }
    }

    let mut registration = Registration {
        component,
        classes: Vec::new(),
        known_class: first_id.iter().map(Option::is_some).collect(),
        library_sequence: vec![None; component.libraries.len()],
        num_libraries: EARLY_LIBRARIES.len(),
    };
    for (i, uri) in EARLY_LIBRARIES.iter().enumerate() {
        if let Some(library) = libraries.get(uri.as_bytes()) {
            registration.library_sequence[library.index()] = Some(i);
        }
    }
    let mut load_order: Vec<LibIdx> =
        BOOTSTRAP_LIBRARIES.iter().filter_map(|uri| libraries.get(uri.as_bytes()).copied()).collect();
    let num_bootstrap = load_order.len();
    let others = component.libraries.keys().filter(|library| !load_order[..num_bootstrap].contains(library));
    let others: Vec<LibIdx> = others.collect();
    load_order.extend(others);
    for &library in &load_order {
        registration.load(library);
    }
    for class in registration.classes {
        first_id[class.index()] = Some(by_first_id.len());
        by_first_id.push(Some(class));
    }

    let pending = first_pending(engine).into_iter().filter_map(|pending| match pending {
        Pending::Early(index) => by_first_id[num_predefined + index],
        Pending::Predefined(cid) => by_first_id[cid as usize],
    });
    let declared = load_order.iter().flat_map(|&library| component.libraries[library].classes.iter());
    let order = finalization_order(component, pending.chain(declared))?;

    // A class learns of its subclasses as they are finalized. Those of `Object` are visited by first number instead.
    let object = by_first_id[engine.cids.instance as usize];
    let mut subclasses: Vec<Vec<ClassIdx>> = vec![Vec::new(); component.classes.len()];
    for &class in &order {
        if let Some(superclass) = component.classes[class].superclass().filter(|&class| Some(class) != object)
        {
            subclasses[superclass.index()].push(class);
        }
    }
    let mut class_of: Vec<Option<ClassId>> = vec![None; component.classes.len()];
    for (cid, class) in by_first_id.iter().take(num_predefined).enumerate() {
        if let Some(class) = class {
            class_of[class.index()] = Some(ClassId::new(cid));
        }
    }
    let mut next = num_predefined;
    // The engine makes early classes even if the program has none: they take ids, like other subclasses of `Object`.
    let mut stack: Vec<Option<ClassIdx>> = by_first_id[num_predefined..]
        .iter()
        .copied()
        .filter(|class| {
            class.is_none_or(|class| object.is_some() && component.classes[class].superclass() == object)
        })
        .collect();
    while let Some(class) = stack.pop() {
        let Some(class) = class else {
            next += 1;
            continue;
        };
        class_of[class.index()].get_or_insert_with(|| {
            next += 1;
            ClassId::new(next - 1)
        });
        stack.extend(subclasses[class.index()].iter().map(|&class| Some(class)));
    }
    for &class in by_first_id[num_predefined..].iter().flatten() {
        class_of[class.index()].get_or_insert_with(|| {
            next += 1;
            ClassId::new(next - 1)
        });
    }
    let class_of = class_of.into_iter().map(|id| id.unwrap_or_else(|| ClassId::new(0))).collect();
    let library_sequence = registration.library_sequence.into_iter().map(Option::unwrap_or_default).collect();
    Ok(Numbering { class_of, order, num_ids: next, native_fields, library_sequence })
}

/// Superclasses first, then interfaces, then the class itself (`ClassFinalizer::FinalizeTypesInClass`), without
/// recursion: hierarchies can be deep.
fn finalization_order(
    component: &Component<'_>,
    roots: impl Iterator<Item = ClassIdx>,
) -> Result<Vec<ClassIdx>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; component.classes.len()];
    let mut order = Vec::with_capacity(component.classes.len());
    let mut stack: Vec<(ClassIdx, usize)> = Vec::new();
    for root in roots {
        if state[root.index()] != State::New {
            continue;
        }
        state[root.index()] = State::Open;
        stack.push((root, 0));
        while let Some(top) = stack.last_mut() {
            let (class, next) = *top;
            top.1 += 1;
            let declaration = &component.classes[class];
            let supertype = match next {
                0 => declaration.supertype.as_ref(),
                i if i <= declaration.implements.len() => declaration.implements.get(i - 1),
                _ => {
                    state[class.index()] = State::Done;
                    order.push(class);
                    stack.pop();
                    continue;
                }
            };
            let Some(supertype) = supertype else { continue };
            let DartType::Interface { class: supertype, .. } = supertype else {
                let class = component.qualified_name(declaration.canonical_name);
                let error = Error::BadClass { class, problem: "a supertype is not a class" };
                return Err(error.at(declaration.node));
            };
            match state[supertype.index()] {
                State::New => {
                    state[supertype.index()] = State::Open;
                    stack.push((*supertype, 0));
                }
                State::Open => {
                    let class = &component.classes[*supertype];
                    let name = component.qualified_name(class.canonical_name);
                    return Err(Error::ClassCycle { class: name }.at(class.node));
                }
                State::Done => {}
            }
        }
    }
    Ok(order)
}
