//! What the engine uses of a program: everything else is only kept if compiled code refers to it.

use crate::error::{Error, Result};
use crate::ids::{BodyId, ClassId, FieldId, FunctionKey, MemberId};
use crate::model::{FieldInit, MemberKind, Program};

/// Why something is a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootReason {
    /// The program's entry.
    Main,
    /// `@pragma("vm:entry-point")`.
    EntryPoint,
    /// The engine finds it in its object store (`OBJECT_STORE_FIELD_LIST`, runtime/vm/object_store.h).
    ObjectStore,
}

/// What the engine does with a root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootTarget {
    /// Calls the function through its `Function` object.
    Function(FunctionKey),
    /// Makes the closure of a member: the static closure, or that of an instance.
    TearOff(MemberId),
    /// Looks the class up and allocates instances of it.
    Class(ClassId),
    /// Looks the class up, without making instances.
    ClassOnly(ClassId),
    /// Looks the field up.
    Field(FieldId),
}

/// Something the engine uses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// The thing.
    pub target: RootTarget,
    /// Why.
    pub reason: RootReason,
}

/// Functions that the engine calls by object store field: library, class, name.
const STORED_FUNCTIONS: &[(&str, &str, &str)] = &[
    ("dart:core", "", "_objectEquals"),
    ("dart:core", "", "_objectHashCode"),
    ("dart:core", "", "_objectToString"),
    ("dart:core", "_FinalizerImpl", "_handleFinalizerMessage"),
    ("dart:ffi", "_NativeFinalizer", "_handleNativeFinalizerMessage"),
    ("dart:isolate", "_RawReceivePort", "_lookupHandler"),
    ("dart:isolate", "_RawReceivePort", "_lookupOpenPorts"),
    ("dart:isolate", "_RawReceivePort", "_handleMessage"),
    ("dart:async", "_AsyncStarStreamController", "add"),
    ("dart:async", "_AsyncStarStreamController", "addStream"),
    ("dart:async", "_SuspendState", "_initAsync"),
    ("dart:async", "_SuspendState", "_await"),
    ("dart:async", "_SuspendState", "_awaitWithTypeCheck"),
    ("dart:async", "_SuspendState", "_returnAsync"),
    ("dart:async", "_SuspendState", "_returnAsyncNotFuture"),
    ("dart:async", "_SuspendState", "_initAsyncStar"),
    ("dart:async", "_SuspendState", "_yieldAsyncStar"),
    ("dart:async", "_SuspendState", "_returnAsyncStar"),
    ("dart:async", "_SuspendState", "_initSyncStar"),
    ("dart:async", "_SuspendState", "_suspendSyncStarAtStart"),
    ("dart:async", "_SuspendState", "_handleException"),
];

/// Fields that the engine reads by object store field.
const STORED_FIELDS: &[(&str, &str, &str)] = &[
    ("dart:core", "_Enum", "index"),
    ("dart:core", "_Enum", "_name"),
    ("dart:_internal", "Symbol", "_name"),
    ("dart:ffi", "_Compound", "_offsetInBytes"),
    ("dart:ffi", "_Compound", "_typedDataBase"),
    ("dart:core", "pragma", "name"),
    ("dart:core", "pragma", "options"),
    ("dart:async", "_AsyncStarStreamController", "asyncStarBody"),
    ("dart:async", "_SyncStarIterator", "_current"),
    ("dart:async", "_SyncStarIterator", "_state"),
    ("dart:async", "_SyncStarIterator", "_yieldStarIterable"),
];

/// Classes in the object store that have no class id of their own.
const STORED_CLASSES: &[(&str, &str)] = &[
    ("dart:core", "List"),
    ("dart:core", "Map"),
    ("dart:core", "Set"),
    ("dart:core", "_BigIntImpl"),
    ("dart:_internal", "Symbol"),
    ("dart:ffi", "Array"),
    ("dart:ffi", "_Compound"),
    ("dart:ffi", "Struct"),
    ("dart:ffi", "Union"),
    ("dart:ffi", "VarArgs"),
    ("dart:isolate", "SendPort"),
    ("dart:isolate", "Capability"),
    ("dart:isolate", "TransferableTypedData"),
    ("dart:core", "_CompileTimeError"),
    ("dart:core", "pragma"),
    ("dart:async", "Future"),
    ("dart:async", "Stream"),
    ("dart:core", "Error"),
    ("dart:core", "Expando"),
    ("dart:core", "Iterable"),
    ("dart:concurrent", "_ConditionVariableImpl"),
    ("dart:concurrent", "_MutexImpl"),
];

/// Members with an entry-point pragma that only compiled code calls: they are kept if it does. The pragma protects them from the
/// front end's tree shaking, because calls of them are made by the compiler.
const CALLED_BY_COMPILED_CODE: &[(&str, &str, &str)] = &[
    ("dart:core", "", "_loadLibrary"),
    ("dart:core", "", "_checkLoaded"),
    ("dart:ffi", "Native", "_ffi_resolver_function"),
    ("dart:ffi", "Native", "_ffi_resolver"),
];

impl Program<'_> {
    /// The program's entry function.
    ///
    /// # Errors
    /// If the kernel file names none.
    pub fn main(&self) -> Result<MemberId> {
        let main = self.component.main.map(|main| self.procedure(main));
        main.ok_or_else(|| Error::BadReference { reference: "main".into(), expected: "member" })
    }

    /// Everything that the engine uses, in an order that depends on the program only: `main`, then what has an
    /// entry-point pragma in file order, then what the object store names. Things that the front end removed from the
    /// program are not among them.
    ///
    /// # Errors
    /// If there is no `main`.
    pub fn roots(&self) -> Result<Vec<Root>> {
        let main = self.main()?;
        let mut roots = Roots::default();
        let mut compiled_only = CompiledOnly::default();
        for &(library, class, name) in CALLED_BY_COMPILED_CODE {
            compiled_only.members.extend(self.find_member(library, class, name, MemberKind::Method));
            compiled_only.fields.extend(self.find_field(library, class, name));
        }
        roots.add(RootReason::Main, RootTarget::Function(FunctionKey::Member(main)));
        roots.add(RootReason::Main, RootTarget::TearOff(main));
        for class in self.all_classes().filter(|class| class.flags.is_entry_point) {
            roots.add(
                RootReason::EntryPoint,
                if class.is_abstract { RootTarget::ClassOnly(class.id) } else { RootTarget::Class(class.id) },
            );
        }
        for (id, field) in &self.fields {
            let entry_point = field.entry_point;
            if !entry_point.any() || compiled_only.fields.contains(&id) {
                continue;
            }
            roots.add(RootReason::EntryPoint, RootTarget::Field(id));
            let mut function = |key| roots.add(RootReason::EntryPoint, RootTarget::Function(key));
            if field.init == FieldInit::Code && (field.is_static || field.is_late) {
                function(FunctionKey::FieldInit(id));
            }
            let needs_getter = !field.is_static || field.init == FieldInit::Code || field.is_late;
            if entry_point.get && needs_getter {
                function(FunctionKey::ImplicitGetter(id));
            }
            if entry_point.set && field.has_setter && !field.is_static {
                function(FunctionKey::ImplicitSetter(id));
            }
        }
        for (id, member) in &self.members {
            let entry_point = member.entry_point;
            if !entry_point.any() || member.is_abstract || compiled_only.members.contains(&id) {
                continue;
            }
            let can_be_torn_off = matches!(member.kind, MemberKind::Method | MemberKind::Factory);
            if entry_point.call || !can_be_torn_off {
                roots.add(RootReason::EntryPoint, RootTarget::Function(FunctionKey::Member(id)));
            }
            // The engine can make closures of what it may read, not of constructors.
            if entry_point.get && member.kind == MemberKind::Method {
                roots.add(RootReason::EntryPoint, RootTarget::TearOff(id));
            }
            if let (MemberKind::Constructor, Some(class)) = (member.kind, member.class)
                && !self.class(class).is_abstract
            {
                roots.add(RootReason::EntryPoint, RootTarget::Class(class));
            }
        }
        for &(library, class, name) in STORED_FUNCTIONS {
            if let Ok(member) = self.find_member(library, class, name, MemberKind::Method) {
                roots.add(RootReason::ObjectStore, RootTarget::Function(FunctionKey::Member(member)));
            }
        }
        for &(library, class, name) in STORED_FIELDS {
            if let Ok(field) = self.find_field(library, class, name) {
                roots.add(RootReason::ObjectStore, RootTarget::Field(field));
            }
        }
        for &(library, class) in STORED_CLASSES {
            if let Ok(class) = self.find_class(library, class) {
                roots.add(RootReason::ObjectStore, RootTarget::ClassOnly(class));
            }
        }
        Ok(roots.list)
    }

    /// The member or field that a body belongs to, and its library; `None` for local functions.
    pub fn library_of(&self, body: BodyId) -> Option<dart_kernel::LibIdx> {
        match body {
            BodyId::Member(member) => Some(self.members[member].library),
            BodyId::FieldInit(field) => Some(self.fields[field].library),
            BodyId::Local(_) => None,
        }
    }
}

/// See [`CALLED_BY_COMPILED_CODE`].
#[derive(Default)]
struct CompiledOnly {
    members: Vec<MemberId>,
    fields: Vec<FieldId>,
}

#[derive(Default)]
struct Roots {
    list: Vec<Root>,
    known: rustc_hash::FxHashSet<RootTarget>,
}

impl Roots {
    fn add(&mut self, reason: RootReason, target: RootTarget) {
        if self.known.insert(target.clone()) {
            self.list.push(Root { target, reason });
        }
    }
}
