//! Syntax trees: types, expressions, statements, functions.
//!
//! Trees live in a [`bumpalo::Bump`] and are made of shared references and `Copy` values: reading a body is one pass
//! of bump allocation, dropping it is free, and a tree never needs a recursive destructor. Names, entities and
//! constants are indices into the [`Component`](crate::Component).
//!
//! Every node has its byte offset in the file ([`NodeOffset`]), the key of metadata. Expressions and statements also
//! have their source [`Position`].
//!
//! Node kinds the front end removes from ahead-of-time files (const constructor calls, set literals, patterns,
//! unevaluated constants...) have no representation: meeting one is an error that names it. So are the scopes of the
//! "closure context lowering" experiment, which are checked and skipped as the VM does.

use cranelift_entity::packed_option::PackedOption;

use crate::ids::*;

/// Nullability of a type (the VM's `KernelNullability`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Nullability {
    /// Depends on what a type parameter is instantiated with (`T`, without `?`).
    Undetermined,
    /// `T?`.
    Nullable,
    /// `T`.
    NonNullable,
}

/// A member name. Names starting with `_` are private to a library.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Name {
    /// The identifier, without a setter's `=`.
    pub text: StrIdx,
    /// Canonical name of the library a private name belongs to; see [`Component::reference`](crate::Component::reference).
    pub library: PackedOption<NameIdx>,
}

/// A type.
#[derive(Clone, Copy, Debug)]
pub enum DartType<'b> {
    /// Result of a compile-time error; behaves as `dynamic`.
    Invalid,
    /// `dynamic`.
    Dynamic,
    /// `void`.
    Void,
    /// `Null`.
    Null,
    /// `Never`.
    Never(Nullability),
    /// A class instantiated with type arguments (empty for a class without type parameters).
    Interface {
        /// The class.
        class: ClassIdx,
        /// Nullability.
        nullability: Nullability,
        /// One per type parameter of the class.
        arguments: &'b [DartType<'b>],
    },
    /// A function type.
    Function(&'b FunctionType<'b>),
    /// A record type.
    Record(&'b RecordType<'b>),
    /// A type parameter.
    TypeParameter {
        /// What declares it.
        owner: TypeParameterOwner,
        /// Index among the owner's type parameters.
        index: u32,
        /// Nullability.
        nullability: Nullability,
    },
    /// A promoted type parameter `left & right`. The VM uses `left` only.
    Intersection {
        /// The type parameter.
        left: &'b DartType<'b>,
        /// What it is promoted to.
        right: &'b DartType<'b>,
    },
    /// An extension type. The VM uses the erasure only.
    Extension(&'b ExtensionTypeUse<'b>),
    /// `FutureOr<argument>`.
    FutureOr {
        /// The type argument.
        argument: &'b DartType<'b>,
        /// Nullability.
        nullability: Nullability,
    },
}

/// What declares a type parameter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TypeParameterOwner {
    /// A class.
    Class(ClassIdx),
    /// A typedef.
    Typedef(TypedefIdx),
    /// An extension.
    Extension(ExtensionIdx),
    /// An extension type declaration.
    ExtensionType(ExtTypeIdx),
    /// A generic procedure. A factory redeclares the type parameters of its class as its own.
    Member(Member),
    /// A local function: the offset of its [`FunctionNode`] (also [`FunctionHeader::node`]).
    LocalFunction(NodeOffset),
    /// An enclosing generic function type.
    FunctionType {
        /// Number of generic function types between the use and the declaring one: 0 is the innermost.
        /// Function types without type parameters do not count.
        depth: u32,
    },
}

/// A function type.
#[derive(Clone, Copy, Debug)]
pub struct FunctionType<'b> {
    /// Nullability.
    pub nullability: Nullability,
    /// Type parameters it declares.
    pub type_parameters: &'b [TypeParameter<'b>],
    /// Number of required positional parameters.
    pub required_positional: u32,
    /// Positional parameters, required ones first.
    pub positional: &'b [DartType<'b>],
    /// Named parameters, sorted by name.
    pub named: &'b [NamedType<'b>],
    /// Return type.
    pub return_type: DartType<'b>,
}

/// A named parameter of a function type, or a named field of a record type.
#[derive(Clone, Copy, Debug)]
pub struct NamedType<'b> {
    /// Name.
    pub name: StrIdx,
    /// Type.
    pub ty: DartType<'b>,
    /// Whether a named parameter is `required`.
    pub required: bool,
}

/// A record type.
#[derive(Clone, Copy, Debug)]
pub struct RecordType<'b> {
    /// Nullability.
    pub nullability: Nullability,
    /// Positional fields.
    pub positional: &'b [DartType<'b>],
    /// Named fields, sorted by name.
    pub named: &'b [NamedType<'b>],
}

/// A use of an extension type.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionTypeUse<'b> {
    /// The declaration.
    pub declaration: Reference,
    /// Nullability of the extension type itself; the erasure has its own.
    pub nullability: Nullability,
    /// Type arguments.
    pub arguments: &'b [DartType<'b>],
    /// The representation type, with the arguments substituted.
    pub erasure: DartType<'b>,
}

/// Declared variance of a type parameter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Variance {
    /// Irrelevant (not used by the declaration).
    Unrelated,
    /// `out`.
    Covariant,
    /// `in`.
    Contravariant,
    /// `inout`.
    Invariant,
    /// No modifier: covariant, checked where used contravariantly.
    LegacyCovariant,
}

/// A type parameter declaration.
#[derive(Clone, Copy, Debug)]
pub struct TypeParameter<'b> {
    /// Offset of the declaration.
    pub node: NodeOffset,
    /// Whether bounds of overriders must be checked at run time (generic-covariant-impl).
    pub is_covariant_by_class: bool,
    /// Annotations, as expressions; see [`Expr::as_constant`].
    pub annotations: &'b [&'b Expr<'b>],
    /// Variance.
    pub variance: Variance,
    /// Name, without meaning.
    pub name: StrIdx,
    /// Upper bound.
    pub bound: DartType<'b>,
    /// Type used when a type argument is missing.
    pub default_type: DartType<'b>,
}

/// The type parameters in scope at some place, innermost first: a linked list that ends at the enclosing class.
///
/// Types inside metadata are encoded relative to the place they annotate, so decoding one needs the place's scope:
/// [`Class::scope`](crate::Class::scope), [`FunctionHeader::scope`], or for a field initialiser the scope of its class.
#[derive(Clone, Copy, Debug)]
pub struct TypeScope<'b> {
    /// Enclosing scope.
    pub parent: Option<&'b TypeScope<'b>>,
    /// What declares this scope's parameters.
    pub owner: TypeParameterOwner,
    /// Encoded index of this scope's first parameter.
    pub first: u32,
    /// Number of parameters.
    pub count: u32,
}

impl TypeScope<'_> {
    /// The scope without type parameters.
    pub const EMPTY: &'static TypeScope<'static> =
        &TypeScope { parent: None, owner: TypeParameterOwner::FunctionType { depth: 0 }, first: 0, count: 0 };

    /// Encoded index of the first parameter beyond this scope.
    pub fn end(&self) -> u32 {
        self.first + self.count
    }

    /// Declaration of the parameter with an encoded index, if it is in scope.
    pub fn resolve(&self, index: u32) -> Option<(TypeParameterOwner, u32)> {
        if index >= self.end() {
            return None;
        }
        let mut scope = self;
        while index < scope.first {
            scope = scope.parent?;
        }
        Some((scope.owner, index - scope.first))
    }
}

/// Which keyword declares a function's execution model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AsyncMarker {
    /// An ordinary function.
    Sync,
    /// `sync*`.
    SyncStar,
    /// `async`.
    Async,
    /// `async*`.
    AsyncStar,
}

/// A byte range of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ByteRange {
    /// First byte.
    pub start: u32,
    /// One beyond the last byte.
    pub end: u32,
}

/// A function without its body.
#[derive(Clone, Copy, Debug)]
pub struct FunctionHeader<'b> {
    /// Offset of the function node: identity of a local function.
    pub node: NodeOffset,
    /// Position of the function.
    pub position: Position,
    /// Position of its end.
    pub end_position: Position,
    /// How the body executes, after lowering.
    pub async_marker: AsyncMarker,
    /// What the source says.
    pub dart_async_marker: AsyncMarker,
    /// Type parameters.
    pub type_parameters: &'b [TypeParameter<'b>],
    /// Type parameters in scope inside: its own and the enclosing ones.
    pub scope: &'b TypeScope<'b>,
    /// Explicit `this`, of the closure-context experiment; absent otherwise.
    pub this_variable: Option<&'b Variable<'b>>,
    /// Number of required positional parameters.
    pub required_positional: u32,
    /// Positional parameters, required ones first. `this` is not among them.
    pub positional: &'b [Variable<'b>],
    /// Named parameters, in the order of declaration (the VM sorts them).
    pub named: &'b [Variable<'b>],
    /// Return type.
    pub return_type: DartType<'b>,
    /// Element type of a generator, value type of an `async` function.
    pub emitted_value_type: Option<DartType<'b>>,
    /// Target of a redirecting factory.
    pub redirecting_target: Option<RedirectingTarget<'b>>,
    /// Where the body statement starts, and the end of the function or of the member. None without a body.
    pub body: Option<ByteRange>,
}

/// Target of a redirecting factory.
#[derive(Clone, Copy, Debug)]
pub struct RedirectingTarget<'b> {
    /// The factory or constructor.
    pub target: Reference,
    /// Type arguments.
    pub type_arguments: &'b [DartType<'b>],
    /// Message of a compile-time error instead of a target.
    pub error_message: Option<StrIdx>,
}

/// A function with its body.
#[derive(Clone, Copy, Debug)]
pub struct FunctionNode<'b> {
    /// Everything else.
    pub header: &'b FunctionHeader<'b>,
    /// Body; none if abstract or external.
    pub body: Option<&'b Stmt<'b>>,
}

impl<'b> std::ops::Deref for FunctionNode<'b> {
    type Target = FunctionHeader<'b>;
    fn deref(&self) -> &FunctionHeader<'b> {
        self.header
    }
}

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $flag:ident = $bit:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub u32);
        impl $name {
            $($(#[$fdoc])* pub fn $flag(self) -> bool { self.0 >> $bit & 1 != 0 })*
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut set = f.debug_set();
                $(if self.$flag() { set.entry(&format_args!("{}", stringify!($flag))); })*
                set.finish()
            }
        }
    };
}
pub(crate) use flags;

flags! {
    /// Flags of a [`Variable`].
    VariableFlags {
        /// `final`.
        is_final = 0,
        /// `const`.
        is_const = 1,
        /// An optional parameter with a written default value.
        has_declared_initializer = 2,
        /// `this.x` parameter.
        is_initializing_formal = 3,
        /// Needs a check because an overridden or generic interface is weaker.
        is_covariant_by_class = 4,
        /// `late`.
        is_late = 5,
        /// `required` named parameter.
        is_required = 6,
        /// `covariant` parameter.
        is_covariant_by_declaration = 7,
        /// Made by a lowering of the front end.
        is_lowered = 8,
        /// Has no name in the source.
        is_synthesized = 9,
        /// Moved to the start of its scope.
        is_hoisted = 10,
        /// Named `_`.
        is_wildcard = 11,
        /// `super.x` parameter.
        is_super_initializing_formal = 12,
        /// Its default value is a compile-time error.
        is_erroneously_initialized = 13,
        /// A private-named initializing formal renamed to its public name.
        is_renamed_private_named = 14,
    }
}

/// Which variable node declares a variable. The VM looks at the flags instead.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VariableKind {
    /// A local variable.
    Local,
    /// A `late` local variable.
    Late,
    /// A variable of the front end's own.
    Synthetic,
    /// Exception or stack trace of a catch clause.
    Catch,
    /// Positional parameter.
    Positional,
    /// Named parameter.
    Named,
    /// Explicit `this`.
    This,
    /// The variable a local function declares.
    LocalFunction,
    /// A `const` local variable.
    Const,
}

/// A variable declaration: local, parameter, or catch variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable<'b> {
    /// Identity: byte offset of the tag.
    pub id: VarId,
    /// Kind of node.
    pub kind: VariableKind,
    /// Position of the name.
    pub position: Position,
    /// Position of the `=`.
    pub equals_position: Position,
    /// Annotations.
    pub annotations: &'b [&'b Expr<'b>],
    /// Flags.
    pub flags: VariableFlags,
    /// Name, for messages; the name of a named parameter.
    pub name: StrIdx,
    /// Declared or inferred type.
    pub ty: DartType<'b>,
    /// Initial value; default value of an optional parameter.
    pub initializer: Option<&'b Expr<'b>>,
}

/// An expression.
#[derive(Clone, Copy, Debug)]
pub struct Expr<'b> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Source position.
    pub position: Position,
    /// What it is.
    pub kind: ExprKind<'b>,
}

impl Expr<'_> {
    /// The constant, if this is a constant expression (possibly one from another source file).
    pub fn as_constant(&self) -> Option<ConstIdx> {
        let mut expr = self;
        loop {
            match expr.kind {
                ExprKind::Constant { constant, .. } | ExprKind::FileUriConstant { constant, .. } => {
                    return Some(constant);
                }
                ExprKind::FileUri { expression, .. } => expr = expression,
                _ => return None,
            }
        }
    }
}

/// Expression kinds.
#[derive(Clone, Copy, Debug)]
pub enum ExprKind<'b> {
    /// A compile-time error.
    Invalid {
        /// Message.
        message: StrIdx,
        /// What was wrong, evaluated first.
        expression: Option<&'b Expr<'b>>,
    },
    /// Read of a variable.
    VariableGet {
        /// The variable.
        variable: VarId,
        /// Type it is promoted to at this place.
        promoted: Option<&'b DartType<'b>>,
    },
    /// Write of a variable; the value is the result.
    VariableSet {
        /// The variable.
        variable: VarId,
        /// Value.
        value: &'b Expr<'b>,
    },
    /// `this`.
    This,
    /// An integer literal, from any of the four encodings.
    Int(i64),
    /// A double literal.
    Double(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// A string literal.
    String(StrIdx),
    /// A type used as an expression.
    TypeLiteral(&'b DartType<'b>),
    /// A constant.
    Constant {
        /// Static type.
        ty: &'b DartType<'b>,
        /// The value.
        constant: ConstIdx,
    },
    /// A constant written in another source file.
    FileUriConstant {
        /// That file.
        source: SourceIdx,
        /// Static type.
        ty: &'b DartType<'b>,
        /// The value.
        constant: ConstIdx,
    },
    /// An expression written in another source file: positions inside are relative to it.
    FileUri {
        /// That file.
        source: SourceIdx,
        /// The expression.
        expression: &'b Expr<'b>,
    },
    /// Getter call on an interface member.
    InstanceGet(&'b InstanceGet<'b>),
    /// Tear-off of an interface method. The target is the method.
    InstanceTearOff(&'b InstanceGet<'b>),
    /// Setter call on an interface member; the value is the result.
    InstanceSet(&'b InstanceSet<'b>),
    /// Method call on an interface member.
    InstanceInvocation(&'b InstanceInvocation<'b>),
    /// Getter call without interface.
    DynamicGet {
        /// Why it is dynamic.
        kind: DynamicAccessKind,
        /// Receiver.
        receiver: &'b Expr<'b>,
        /// Name.
        name: Name,
    },
    /// Setter call without interface.
    DynamicSet(&'b DynamicSet<'b>),
    /// Method call without interface.
    DynamicInvocation(&'b DynamicInvocation<'b>),
    /// Call of a function value.
    FunctionInvocation(&'b FunctionInvocation<'b>),
    /// Call of a local function.
    LocalFunctionInvocation {
        /// The variable of the declaring [`StmtKind::FunctionDeclaration`].
        variable: VarId,
        /// Arguments.
        arguments: &'b Arguments<'b>,
        /// Static type of the function, instantiated.
        function_type: &'b DartType<'b>,
    },
    /// `e == null`.
    EqualsNull(&'b Expr<'b>),
    /// `left == right` where neither is the literal `null`.
    EqualsCall(&'b EqualsCall<'b>),
    /// `super.name`.
    SuperPropertyGet {
        /// `this`.
        receiver: &'b Expr<'b>,
        /// Name.
        name: Name,
        /// Target.
        target: Reference,
    },
    /// `super.name = value`.
    SuperPropertySet(&'b SuperPropertySet<'b>),
    /// `super.name(...)`.
    SuperMethodInvocation(&'b SuperMethodInvocation<'b>),
    /// Read of a static field or call of a static getter.
    StaticGet(Reference),
    /// Write of a static field or call of a static setter; the value is the result.
    StaticSet {
        /// Field or procedure.
        target: Reference,
        /// Value.
        value: &'b Expr<'b>,
    },
    /// Call of a static procedure or factory.
    StaticInvocation {
        /// Procedure.
        target: ProcIdx,
        /// Arguments.
        arguments: &'b Arguments<'b>,
    },
    /// Allocation and constructor call. The arguments' types are the class's type arguments.
    ConstructorInvocation {
        /// Constructor.
        target: CtorIdx,
        /// Arguments.
        arguments: &'b Arguments<'b>,
    },
    /// `!e`.
    Not(&'b Expr<'b>),
    /// `e!`.
    NullCheck(&'b Expr<'b>),
    /// `left && right` or `left || right`.
    Logical {
        /// Left operand.
        left: &'b Expr<'b>,
        /// Operator.
        operator: LogicalOperator,
        /// Right operand.
        right: &'b Expr<'b>,
    },
    /// `condition ? then : otherwise`.
    Conditional {
        /// Condition.
        condition: &'b Expr<'b>,
        /// Value if true.
        then: &'b Expr<'b>,
        /// Value if false.
        otherwise: &'b Expr<'b>,
        /// Static type.
        ty: Option<&'b DartType<'b>>,
    },
    /// String interpolation: every element is converted with `toString`.
    StringConcatenation(&'b [&'b Expr<'b>]),
    /// `operand is ty`.
    Is {
        /// Operand.
        operand: &'b Expr<'b>,
        /// Tested type.
        ty: &'b DartType<'b>,
    },
    /// `operand as ty`, written or implied.
    As {
        /// Operand.
        operand: &'b Expr<'b>,
        /// Why it is there.
        flags: AsFlags,
        /// Checked type.
        ty: &'b DartType<'b>,
    },
    /// `rethrow`.
    Rethrow,
    /// `throw`.
    Throw {
        /// Thrown value.
        value: &'b Expr<'b>,
        /// Whether the front end made it, to report an error.
        for_error_handling: bool,
    },
    /// `<ty>[elements]`.
    ListLiteral {
        /// Element type.
        ty: &'b DartType<'b>,
        /// Elements.
        elements: &'b [&'b Expr<'b>],
    },
    /// `<K, V>{...}`.
    MapLiteral {
        /// Key and value types.
        types: &'b [DartType<'b>; 2],
        /// Entries.
        entries: &'b [(&'b Expr<'b>, &'b Expr<'b>)],
    },
    /// A record.
    RecordLiteral {
        /// Positional fields.
        positional: &'b [&'b Expr<'b>],
        /// Named fields, sorted by name.
        named: &'b [NamedExpr<'b>],
        /// Its type.
        ty: &'b DartType<'b>,
    },
    /// `receiver.$n` (0-based here).
    RecordIndexGet {
        /// Record.
        receiver: &'b Expr<'b>,
        /// Its type.
        ty: &'b DartType<'b>,
        /// Index.
        index: u32,
    },
    /// `receiver.name`.
    RecordNameGet {
        /// Record.
        receiver: &'b Expr<'b>,
        /// Its type.
        ty: &'b DartType<'b>,
        /// Name.
        name: StrIdx,
    },
    /// `await`.
    Await {
        /// Awaited value.
        operand: &'b Expr<'b>,
        /// `Future<T>` the value must be checked against before it is treated as a future.
        runtime_check_type: Option<&'b DartType<'b>>,
    },
    /// A closure.
    Function(&'b LocalFunction<'b>),
    /// `let variable in body`.
    Let {
        /// Variable, with its initialiser.
        variable: &'b Variable<'b>,
        /// Body.
        body: &'b Expr<'b>,
    },
    /// Statements, then a value.
    Block {
        /// Statements.
        statements: &'b [&'b Stmt<'b>],
        /// Value.
        value: &'b Expr<'b>,
    },
    /// Instantiation of a generic function value.
    Instantiation {
        /// Function.
        operand: &'b Expr<'b>,
        /// Type arguments.
        type_arguments: &'b [DartType<'b>],
    },
    /// Check that a deferred library has been loaded.
    CheckLibraryIsLoaded {
        /// Index into the dependencies of the enclosing library.
        dependency: u32,
    },
    /// `prefix.loadLibrary()`.
    LoadLibrary {
        /// Index into the dependencies of the enclosing library.
        dependency: u32,
    },
}

/// Call arguments.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'b> {
    /// Byte offset of the first byte.
    pub node: NodeOffset,
    /// Type arguments.
    pub types: &'b [DartType<'b>],
    /// Positional arguments.
    pub positional: &'b [&'b Expr<'b>],
    /// Named arguments, in the order of evaluation.
    pub named: &'b [NamedExpr<'b>],
}

/// A named argument or record field.
#[derive(Clone, Copy, Debug)]
pub struct NamedExpr<'b> {
    /// Name.
    pub name: StrIdx,
    /// Value.
    pub value: &'b Expr<'b>,
}

/// Operator of [`ExprKind::Logical`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LogicalOperator {
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// What the front end knows about the receiver of an instance access.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum InstanceAccessKind {
    /// It has the member's interface.
    Instance,
    /// Only members of `Object` are known, and it may be null.
    Object,
}

/// Why an access is dynamic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DynamicAccessKind {
    /// The receiver is `dynamic`.
    Dynamic,
    /// The receiver is `Never`.
    Never,
    /// The receiver is a compile-time error.
    Invalid,
    /// The name could not be resolved.
    Unresolved,
}

/// What is known about the receiver of a function call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FunctionAccessKind {
    /// Only that it is a `Function`.
    Function,
    /// Its function type.
    FunctionType,
}

/// [`ExprKind::InstanceGet`] and [`ExprKind::InstanceTearOff`].
#[derive(Clone, Copy, Debug)]
pub struct InstanceGet<'b> {
    /// Receiver knowledge.
    pub access: InstanceAccessKind,
    /// Receiver.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Static type of the result.
    pub result_type: DartType<'b>,
    /// Interface target.
    pub target: Reference,
}

/// [`ExprKind::InstanceSet`].
#[derive(Clone, Copy, Debug)]
pub struct InstanceSet<'b> {
    /// Receiver knowledge.
    pub access: InstanceAccessKind,
    /// Receiver.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Value.
    pub value: &'b Expr<'b>,
    /// Interface target.
    pub target: Reference,
}

flags! {
    /// Flags of an [`InstanceInvocation`].
    InvocationFlags {
        /// The receiver's type arguments are exactly the static ones: no covariance checks needed.
        is_invariant = 0,
        /// An index known to be within bounds.
        is_bounds_safe = 1,
    }
}

/// [`ExprKind::InstanceInvocation`].
#[derive(Clone, Copy, Debug)]
pub struct InstanceInvocation<'b> {
    /// Receiver knowledge.
    pub access: InstanceAccessKind,
    /// Flags.
    pub flags: InvocationFlags,
    /// Receiver.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Arguments.
    pub arguments: &'b Arguments<'b>,
    /// Static type of the function, instantiated.
    pub function_type: DartType<'b>,
    /// Static type of the result.
    pub result_type: DartType<'b>,
    /// Interface target.
    pub target: Reference,
}

/// [`ExprKind::DynamicSet`].
#[derive(Clone, Copy, Debug)]
pub struct DynamicSet<'b> {
    /// Why it is dynamic.
    pub kind: DynamicAccessKind,
    /// Receiver.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Value.
    pub value: &'b Expr<'b>,
}

/// [`ExprKind::DynamicInvocation`].
#[derive(Clone, Copy, Debug)]
pub struct DynamicInvocation<'b> {
    /// Why it is dynamic.
    pub kind: DynamicAccessKind,
    /// Whether `.call` is not written in the source.
    pub is_implicit_call: bool,
    /// Receiver.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Arguments.
    pub arguments: &'b Arguments<'b>,
}

/// [`ExprKind::FunctionInvocation`].
#[derive(Clone, Copy, Debug)]
pub struct FunctionInvocation<'b> {
    /// Receiver knowledge.
    pub kind: FunctionAccessKind,
    /// Function value.
    pub receiver: &'b Expr<'b>,
    /// Arguments.
    pub arguments: &'b Arguments<'b>,
    /// Static type of the function, instantiated; `dynamic` if unknown.
    pub function_type: DartType<'b>,
}

/// [`ExprKind::EqualsCall`].
#[derive(Clone, Copy, Debug)]
pub struct EqualsCall<'b> {
    /// Left operand: the receiver.
    pub left: &'b Expr<'b>,
    /// Right operand.
    pub right: &'b Expr<'b>,
    /// Static type of the `==` operator.
    pub function_type: DartType<'b>,
    /// Interface target.
    pub target: Reference,
}

/// [`ExprKind::SuperPropertySet`].
#[derive(Clone, Copy, Debug)]
pub struct SuperPropertySet<'b> {
    /// `this`.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Value.
    pub value: &'b Expr<'b>,
    /// Target.
    pub target: Reference,
}

/// [`ExprKind::SuperMethodInvocation`].
#[derive(Clone, Copy, Debug)]
pub struct SuperMethodInvocation<'b> {
    /// `this`.
    pub receiver: &'b Expr<'b>,
    /// Name.
    pub name: Name,
    /// Arguments.
    pub arguments: &'b Arguments<'b>,
    /// Target.
    pub target: Reference,
}

flags! {
    /// Flags of [`ExprKind::As`].
    AsFlags {
        /// An implicit cast that reports a type error.
        is_type_error = 0,
        /// Checks covariance.
        is_covariance_check = 1,
        /// An implicit cast from `dynamic`.
        is_for_dynamic = 2,
        /// Known to succeed: no check.
        is_unchecked = 3,
    }
}

/// A function expression or local function.
#[derive(Clone, Copy, Debug)]
pub struct LocalFunction<'b> {
    /// Number of the local function within its member, from the file.
    pub id: u32,
    /// The function.
    pub function: FunctionNode<'b>,
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub struct Stmt<'b> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Source position; none for kinds that have no position in the format.
    pub position: Position,
    /// What it is.
    pub kind: StmtKind<'b>,
}

/// Statement kinds.
#[derive(Clone, Copy, Debug)]
pub enum StmtKind<'b> {
    /// An expression evaluated for effect.
    Expression(&'b Expr<'b>),
    /// `{ ... }`.
    Block {
        /// Statements.
        statements: &'b [&'b Stmt<'b>],
        /// Position of the `}`.
        end_position: Position,
    },
    /// Statements that only run with assertions enabled.
    AssertBlock(&'b [&'b Stmt<'b>]),
    /// Nothing.
    Empty,
    /// `assert`.
    Assert(&'b AssertStmt<'b>),
    /// A statement that [`StmtKind::Break`] can leave.
    Labeled(&'b Stmt<'b>),
    /// Leaves a labeled statement.
    Break {
        /// Number of labeled statements of the same function that enclose the target: 0 is the outermost.
        label: u32,
    },
    /// `while`.
    While {
        /// Condition.
        condition: &'b Expr<'b>,
        /// Body.
        body: &'b Stmt<'b>,
    },
    /// `do ... while`.
    Do {
        /// Body.
        body: &'b Stmt<'b>,
        /// Condition.
        condition: &'b Expr<'b>,
    },
    /// `for (variables; condition; updates)`. Each iteration has its own copy of the variables.
    For(&'b ForStmt<'b>),
    /// `for in` or `await for`. Lowered away in ahead-of-time files.
    ForIn(&'b ForInStmt<'b>),
    /// `switch`.
    Switch(&'b SwitchStmt<'b>),
    /// `continue` to a case.
    ContinueSwitch {
        /// Index among all cases of all enclosing switches of the same function, outermost switch first.
        case: u32,
    },
    /// `if`. A missing `else` is [`StmtKind::Empty`].
    If {
        /// Condition.
        condition: &'b Expr<'b>,
        /// If true.
        then: &'b Stmt<'b>,
        /// If false.
        otherwise: &'b Stmt<'b>,
    },
    /// `return`.
    Return(Option<&'b Expr<'b>>),
    /// `try ... catch`.
    TryCatch(&'b TryCatchStmt<'b>),
    /// `try ... finally`.
    TryFinally {
        /// Protected statement.
        body: &'b Stmt<'b>,
        /// `finally` statement.
        finalizer: &'b Stmt<'b>,
    },
    /// `yield` or `yield*`.
    Yield {
        /// Value.
        value: &'b Expr<'b>,
        /// Whether this is `yield*`.
        is_star: bool,
    },
    /// A local variable declaration.
    Variable(&'b Variable<'b>),
    /// A local function declaration.
    FunctionDeclaration {
        /// Its variable.
        variable: &'b Variable<'b>,
        /// The function.
        function: &'b LocalFunction<'b>,
    },
}

/// [`StmtKind::Assert`]; also an assertion among the initialisers of a constructor.
#[derive(Clone, Copy, Debug)]
pub struct AssertStmt<'b> {
    /// Condition.
    pub condition: &'b Expr<'b>,
    /// Start of the condition's text.
    pub condition_start: Position,
    /// End of the condition's text.
    pub condition_end: Position,
    /// Message.
    pub message: Option<&'b Expr<'b>>,
}

/// [`StmtKind::For`].
#[derive(Clone, Copy, Debug)]
pub struct ForStmt<'b> {
    /// Variables, with initialisers.
    pub variables: &'b [Variable<'b>],
    /// Condition; none means true.
    pub condition: Option<&'b Expr<'b>>,
    /// Expressions evaluated after each iteration.
    pub updates: &'b [&'b Expr<'b>],
    /// Body.
    pub body: &'b Stmt<'b>,
}

/// [`StmtKind::ForIn`].
#[derive(Clone, Copy, Debug)]
pub struct ForInStmt<'b> {
    /// Whether this is `await for`.
    pub is_async: bool,
    /// Position of the body.
    pub body_position: Position,
    /// Variable.
    pub variable: &'b Variable<'b>,
    /// Iterated value.
    pub iterable: &'b Expr<'b>,
    /// Body.
    pub body: &'b Stmt<'b>,
}

/// [`StmtKind::Switch`].
#[derive(Clone, Copy, Debug)]
pub struct SwitchStmt<'b> {
    /// Whether the cases cover all values, by the rules for sealed and enum types.
    pub is_explicitly_exhaustive: bool,
    /// Switched value.
    pub expression: &'b Expr<'b>,
    /// Its static type.
    pub expression_type: Option<DartType<'b>>,
    /// Cases.
    pub cases: &'b [SwitchCase<'b>],
}

/// A case of a switch.
#[derive(Clone, Copy, Debug)]
pub struct SwitchCase<'b> {
    /// Position.
    pub position: Position,
    /// Values, constants, each with its position.
    pub expressions: &'b [(Position, &'b Expr<'b>)],
    /// Whether this is (also) the default case.
    pub is_default: bool,
    /// Body.
    pub body: &'b Stmt<'b>,
}

/// [`StmtKind::TryCatch`].
#[derive(Clone, Copy, Debug)]
pub struct TryCatchStmt<'b> {
    /// Protected statement.
    pub body: &'b Stmt<'b>,
    /// Whether some clause uses the stack trace.
    pub needs_stack_trace: bool,
    /// Whether the front end made it.
    pub is_synthetic: bool,
    /// Clauses, first match wins.
    pub catches: &'b [Catch<'b>],
}

/// A catch clause.
#[derive(Clone, Copy, Debug)]
pub struct Catch<'b> {
    /// Byte offset of the first byte.
    pub node: NodeOffset,
    /// Position.
    pub position: Position,
    /// Type an exception must have.
    pub guard: DartType<'b>,
    /// Variable of the exception.
    pub exception: Option<&'b Variable<'b>>,
    /// Variable of the stack trace.
    pub stack_trace: Option<&'b Variable<'b>>,
    /// Body.
    pub body: &'b Stmt<'b>,
}

/// A constructor's initialiser.
#[derive(Clone, Copy, Debug)]
pub struct Initializer<'b> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Source position.
    pub position: Position,
    /// What it is.
    pub kind: InitializerKind<'b>,
}

/// Initialiser kinds.
#[derive(Clone, Copy, Debug)]
pub enum InitializerKind<'b> {
    /// A compile-time error.
    Invalid {
        /// Message.
        message: StrIdx,
    },
    /// Sets a field.
    Field {
        /// Whether the front end made it (from a field's own initialiser).
        is_synthetic: bool,
        /// Field.
        field: FieldIdx,
        /// Value.
        value: &'b Expr<'b>,
    },
    /// Calls a constructor of the superclass.
    Super {
        /// Whether the front end made it.
        is_synthetic: bool,
        /// Constructor.
        target: CtorIdx,
        /// Arguments.
        arguments: &'b Arguments<'b>,
    },
    /// Calls another constructor of the same class.
    Redirecting {
        /// Constructor.
        target: CtorIdx,
        /// Arguments.
        arguments: &'b Arguments<'b>,
    },
    /// Declares a variable for the initialisers after it.
    Local(&'b Variable<'b>),
    /// Checks an assertion.
    Assert(&'b AssertStmt<'b>),
}

/// A constructor with its body.
#[derive(Clone, Copy, Debug)]
pub struct ConstructorNode<'b> {
    /// Parameters and body. Parameters are in scope of the initialisers.
    pub function: FunctionNode<'b>,
    /// Initialisers, run before the body.
    pub initializers: &'b [Initializer<'b>],
}
