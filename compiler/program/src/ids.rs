//! Identifiers of program entities and the keys that name what the compiler makes of them.

use std::sync::Arc;

use cranelift_entity::entity_impl;
use dart_kernel::{ConstIdx, CtorIdx, LibIdx, ProcIdx, StrIdx};

use crate::types::{DartType, TypeArgs};

/// A class, by its class id: predefined ids as the engine numbers them, then the program's classes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId(u32);
entity_impl!(ClassId, "class");

/// A field, static or instance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(u32);
entity_impl!(FieldId, "field");

/// A procedure or constructor of the kernel program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(u32);
entity_impl!(MemberId, "member");

/// What a [`MemberId`] stands for in kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemberSource {
    /// A procedure (method, getter, setter, operator, factory).
    Procedure(ProcIdx),
    /// A generative constructor.
    Constructor(CtorIdx),
}

/// Something with a body that can declare type parameters and closures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BodyId {
    /// A member.
    Member(MemberId),
    /// The initialiser of a field.
    FieldInit(FieldId),
    /// A local function, by the byte offset of its `FunctionNode` in the kernel file (unique in the component).
    Local(u32),
}

/// A kernel name: private names carry their library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Text without any mangling.
    pub text: StrIdx,
    /// The library of a private name.
    pub library: Option<LibIdx>,
}

/// What an instance call asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SelectorKind {
    /// Call a method (or operator).
    Method,
    /// Call a getter, read a field, or tear a method off.
    Getter,
    /// Call a setter or write a field.
    Setter,
}

/// Name and kind of an instance call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector {
    /// Name.
    pub name: Name,
    /// Kind.
    pub kind: SelectorKind,
}

/// The static shape of a call: what an arguments descriptor says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallShape {
    /// Number of type arguments passed (0: none is passed).
    pub type_args: u16,
    /// Number of positional arguments, including the receiver or closure.
    pub positional: u16,
    /// Names of named arguments, sorted by text; they are passed in this order after the positional ones.
    pub names: Arc<[StrIdx]>,
}

impl CallShape {
    /// A shape without type arguments and names.
    pub fn positional(count: u16) -> CallShape {
        CallShape { type_args: 0, positional: count, names: Arc::new([]) }
    }
    /// Number of arguments, without the type argument vector.
    pub fn num_args(&self) -> usize {
        usize::from(self.positional) + self.names.len()
    }
}

/// A row of the dispatch table: one cell per concrete class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Name and kind.
    pub selector: Selector,
    /// Shape of the calls through this row (receiver is positional argument 0).
    pub shape: CallShape,
    /// Whether calls through this row are dynamic: arguments are unchecked and the member may be missing.
    pub dynamic: bool,
}

/// Every function that the compiler makes code for.
///
/// The argument lists of all of them are: type arguments (tagged) if the function is generic or a factory of a generic class,
/// then the receiver or closure if there is one, positional parameters, named parameters sorted by name: always all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FunctionKey {
    /// Body of a procedure or constructor.
    Member(MemberId),
    /// Body of a local function, by its `FunctionNode`'s byte offset. Parameter 0 (after type arguments) is the closure.
    Local(u32),
    /// Initialiser of a static field (no parameters) or late instance field (receiver).
    FieldInit(FieldId),
    /// Getter of an instance field (receiver), or of a static field with lazy initialisation (no parameters).
    ImplicitGetter(FieldId),
    /// Setter of an instance field (receiver, value).
    ImplicitSetter(FieldId),
    /// Closure body that forwards to a member: tear-off of a method (context holds the receiver), static, factory or constructor.
    TearOff(MemberId),
    /// Getter that allocates the tear-off closure of an instance method (receiver).
    MethodExtractor(MemberId),
    /// Cell of a dispatch row whose implementation takes other parameters than the row's shape passes: fills in defaults.
    Adapter(Box<FunctionKey>, CallShape),
    /// Cell of a dynamic row: checks the arguments, fills in defaults, calls the implementation.
    DynForwarder(Box<FunctionKey>, CallShape),
    /// Cell of a dynamic method row where the class has a getter (or field) of that name: gets, then calls the result dynamically.
    DynGetterCall(Box<FunctionKey>, CallShape),
    /// Cell of a dynamic row where the class has no such member: builds the invocation and calls `noSuchMethod`.
    NoSuchMethod(RowKey),
    /// Cell of a dynamic getter row on records.
    RecordFieldGetter(Name),
    /// Cell of the rows `call` on closures: a call of a value of static type `Function` or `dynamic`.
    DynClosureCall(CallShape),
    /// The part of a function that runs after it was suspended: `(state, value, exception, stack trace)`, all tagged.
    Resume(Box<FunctionKey>),
    /// What the engine and closures call, `(arguments descriptor, pointer to arguments)`: unpacks, fills in defaults, calls.
    GenericEntry(Box<FunctionKey>),
    /// The same for calls that were not checked statically: checks arity, names, type arguments and argument types first.
    /// Returns the sentinel, without any effect, if arity or names do not fit; the caller then calls `noSuchMethod`.
    DynEntry(Box<FunctionKey>),
}

/// An object that compiled code refers to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKey {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The sentinel of uninitialised late variables and lazily initialised fields.
    Sentinel,
    /// An `int`: Smi or canonical Mint, as the target decides.
    Int(i64),
    /// A `double`, by its bits.
    Double(u64),
    /// A canonical string of the kernel string table.
    String(StrIdx),
    /// A canonical string that kernel does not have.
    Text(Arc<str>),
    /// A constant of the kernel constant table.
    Constant(ConstIdx),
    /// A canonical type object.
    Type(DartType),
    /// A canonical type argument vector.
    TypeArgs(TypeArgs),
    /// An arguments descriptor.
    ArgumentsDescriptor(CallShape),
    /// The `Function` object of a function (for closures and entries that the engine finds by name).
    Function(FunctionKey),
    /// The canonical closure of a static tear-off.
    StaticClosure(FunctionKey),
    /// The `Field` object of a field.
    Field(FieldId),
    /// The `Class` object of a class.
    Class(ClassId),
    /// A fresh subtype-test cache with the given number of inputs; `site` makes it distinct within its function.
    SubtypeTestCache {
        /// Number of inputs that the cached test depends on.
        inputs: u8,
        /// Number of the cache within the function.
        site: u32,
    },
    /// The `LibraryPrefix` of a deferred import.
    LibraryPrefix {
        /// The importing library.
        library: LibIdx,
        /// Index of the import among the library's dependencies.
        dependency: u32,
    },
    /// A predefined object of the engine's root list, by its name there (`empty_array`, `mutable_empty_array`, ...).
    Root(&'static str),
    /// The canonical immutable array of the given objects, without type arguments.
    ImmutableArray(Arc<[ObjectKey]>),
}
