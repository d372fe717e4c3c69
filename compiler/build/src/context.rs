//! The program, with what the builder looks up again and again.

use std::fmt;
use std::sync::Arc;

use dart_kernel::ast;
use dart_kernel::{ClassIdx, Component, CtorIdx, LibIdx, ProcIdx, Reference};
use rustc_hash::FxHashMap;
use snapcrane_program::ids::{CallShape, ClassId, MemberId, Name, RowKey, Selector, SelectorKind};
use snapcrane_program::types::{DartType, TypeArgs};
use snapcrane_program::{CoreClasses, Implementation, MemberKind, Program, Target, TypeScope};

use crate::Locals;
use crate::error::{Error, Result};
use crate::facts::NumberClasses;

/// What [`build`](crate::build()) needs.
pub struct BuildContext<'a> {
    /// The program.
    pub program: &'a Program<'a>,
    /// Whether assertions are compiled.
    pub enable_asserts: bool,
    /// Local functions that were built before: functions that are synthesised for them need their parameters.
    pub locals: &'a Locals,
    pub(crate) numbers: NumberClasses,
    pub(crate) core: CoreProcedures,
}

/// Procedures of the core libraries whose calls have a meaning of their own.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoreProcedures {
    /// `identical` of `dart:core`.
    pub(crate) identical: Option<ProcIdx>,
    /// `unsafeCast` of `dart:_internal`.
    pub(crate) unsafe_cast: Option<ProcIdx>,
    /// Calls that take more than a call.
    pub(crate) unsupported: FxHashMap<ProcIdx, &'static str>,
}

/// Functions of `dart:ffi` that the compiler must expand where they are called
/// (`StreamingFlowGraphBuilder::BuildStaticInvocation`), by class and name.
const FFI_CALLS: [(&str, &str, &str); 11] = [
    ("", "_ffiCall", "FFI call"),
    ("", "_nativeCallbackFunction", "FFI callback"),
    ("", "_nativeAsyncCallbackFunction", "asynchronous FFI callback"),
    ("", "_nativeIsolateLocalCallbackFunction", "isolate-local FFI callback"),
    ("", "_nativeIsolateGroupBoundCallbackFunction", "isolate-group-bound FFI callback"),
    ("", "_nativeIsolateGroupBoundClosureFunction", "isolate-group-bound FFI callback"),
    ("", "_loadAbiSpecificInt", "access to an ABI-specific integer"),
    ("", "_loadAbiSpecificIntAtIndex", "access to an ABI-specific integer"),
    ("", "_storeAbiSpecificInt", "access to an ABI-specific integer"),
    ("", "_storeAbiSpecificIntAtIndex", "access to an ABI-specific integer"),
    ("Native", "_addressOf", "address of a native symbol"),
];

impl fmt::Debug for BuildContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildContext").field("enable_asserts", &self.enable_asserts).finish_non_exhaustive()
    }
}

impl<'a> BuildContext<'a> {
    /// A context for a program.
    pub fn new(program: &'a Program<'a>, enable_asserts: bool, locals: &'a Locals) -> BuildContext<'a> {
        let component = program.component;
        let core_library = find_library(component, "dart:core");
        let classes = |names: &[&str]| {
            let classes = names.iter().filter_map(|name| find_class(component, core_library?, name));
            classes.collect::<Vec<ClassIdx>>()
        };
        let numbers = NumberClasses {
            ints: classes(&["int", "_IntegerImplementation", "_Smi", "_Mint"]),
            doubles: classes(&["double", "_Double"]),
            bools: classes(&["bool"]),
        };
        let procedure = |library: &str, class: &str, name: &str| {
            let library = find_library(component, library)?;
            let mut procedures = match class {
                "" => component.libraries[library].procedures.iter(),
                class => component.classes[find_class(component, library, class)?].procedures.iter(),
            };
            procedures.find(|&procedure| {
                component.string(component.procedures[procedure].name.text) == name.as_bytes()
            })
        };
        let mut core = CoreProcedures {
            identical: procedure("dart:core", "", "identical"),
            unsafe_cast: procedure("dart:_internal", "", "unsafeCast"),
            unsupported: FxHashMap::default(),
        };
        for (class, name, construct) in FFI_CALLS {
            if let Some(procedure) = procedure("dart:ffi", class, name) {
                core.unsupported.insert(procedure, construct);
            }
        }
        BuildContext { program, enable_asserts, locals, numbers, core }
    }

    pub(crate) fn core_classes(&self) -> &CoreClasses {
        &self.program.core
    }

    pub(crate) fn class_id(&self, class: ClassIdx) -> ClassId {
        self.program.class_of(class)
    }

    pub(crate) fn procedure_id(&self, procedure: ProcIdx) -> MemberId {
        self.program.procedure(procedure)
    }

    pub(crate) fn constructor_id(&self, constructor: CtorIdx) -> MemberId {
        self.program.constructor(constructor)
    }

    pub(crate) fn name(&self, name: ast::Name) -> Name {
        self.program.name(name)
    }

    pub(crate) fn target(&self, reference: Reference) -> Option<Target> {
        self.program.resolve(reference).ok()
    }

    pub(crate) fn resolve(&self, class: ClassId, selector: Selector) -> Option<Implementation> {
        self.program.implementation(class, selector)
    }

    pub(crate) fn dart_type(&self, scope: &TypeScope, ty: &ast::DartType<'_>) -> Result<DartType> {
        Ok(self.program.dart_type_in(scope, ty)?)
    }

    pub(crate) fn type_args(&self, scope: &TypeScope, types: &[ast::DartType<'_>]) -> Result<TypeArgs> {
        Ok(self.program.type_args_in(scope, types)?)
    }

    pub(crate) fn is_top_type(&self, ty: &DartType) -> bool {
        self.program.is_top_type(ty)
    }

    pub(crate) fn is_never(&self, ty: &DartType) -> bool {
        self.program.is_never(ty) && !ty.is_declared_nullable()
    }

    /// A static member or factory of a core library.
    pub(crate) fn core_member(
        &self,
        library: &'static str,
        class: &'static str,
        name: &'static str,
    ) -> Result<MemberId> {
        let find = |kind| self.program.find_member(library, class, name, kind);
        find(MemberKind::Method).or_else(|_| find(MemberKind::Factory)).map_err(|_| Error::MissingMember {
            library,
            name: if class.is_empty() { name.into() } else { format!("{class}.{name}") },
        })
    }

    fn public_name(&self, text: &'static str) -> Result<Name> {
        let missing = || Error::MissingMember { library: "dart:core", name: text.into() };
        self.program.public_name(text).ok_or_else(missing)
    }

    /// `call`.
    pub(crate) fn call_name(&self) -> Result<Name> {
        self.public_name("call")
    }

    /// `noSuchMethod`.
    pub(crate) fn no_such_method_name(&self) -> Result<Name> {
        self.public_name("noSuchMethod")
    }

    fn equals_selector(&self) -> Result<Selector> {
        Ok(Selector { name: self.public_name("==")?, kind: SelectorKind::Method })
    }

    /// The row of `==`.
    pub(crate) fn equals_row(&self) -> Result<RowKey> {
        let shape = CallShape { type_args: 0, positional: 2, names: Arc::new([]) };
        Ok(RowKey { selector: self.equals_selector()?, shape, dynamic: false })
    }

    /// The `==` of instances of a class.
    pub(crate) fn equals_member(&self, class: ClassId) -> Option<MemberId> {
        match self.resolve(class, self.equals_selector().ok()?)? {
            Implementation::Member(member) => Some(member),
            _ => None,
        }
    }
}

fn find_library(component: &Component<'_>, uri: &str) -> Option<LibIdx> {
    component.libraries.iter().find_map(|(index, library)| {
        let name = component.canonical_name(library.canonical_name).name;
        (component.string(name) == uri.as_bytes()).then_some(index)
    })
}

fn find_class(component: &Component<'_>, library: LibIdx, name: &str) -> Option<ClassIdx> {
    component.libraries[library]
        .classes
        .iter()
        .find(|&class| component.string(component.classes[class].name) == name.as_bytes())
}
