//! Instructions: what they compute and what effects they have.

use smallvec::SmallVec;
use snapcrane_program::ids::{ClassId, FieldId};
use snapcrane_program::types::RecordShape;

use crate::function::{CalleeRef, ObjectRef, RowRef, Value};

/// Type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// A Dart object reference or Smi; described to the garbage collector wherever it lives across a safepoint.
    Tagged,
    /// A 64-bit integer, not tagged.
    Int64,
    /// An IEEE double, not boxed.
    Double,
    /// A condition.
    Bool,
    /// An address that the garbage collector does not know; must not be derived from a movable object across a safepoint.
    Pointer,
}

/// Operations with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `Int64 → Tagged`: Smi, or a new Mint where it does not fit (safepoint).
    BoxInt64,
    /// `Tagged → Int64`; the operand is known to be an integer.
    UnboxInt64,
    /// `Double → Tagged` (safepoint).
    BoxDouble,
    /// `Tagged → Double`; the operand is known to be a double.
    UnboxDouble,
    /// `Bool → Tagged`: the `true` or `false` object.
    BoxBool,
    /// `Tagged → Bool`; the operand is known to be a bool.
    UnboxBool,
    /// `Bool → Bool`.
    Not,
    /// `Int64 → Int64`, wrapping.
    NegInt64,
    /// Bitwise complement.
    NotInt64,
    /// `Int64 → Double`.
    Int64ToDouble,
    /// `Double → Int64`, truncating and saturating like a machine that knows neither NaN nor infinity: the caller checked both.
    DoubleToInt64,
    /// Sign change of a double.
    NegDouble,
    /// Absolute value of a double.
    AbsDouble,
    /// Square root.
    SqrtDouble,
    /// Round towards minus infinity.
    FloorDouble,
    /// Round towards plus infinity.
    CeilDouble,
    /// Round towards zero.
    TruncDouble,
    /// Bits of a double as an integer.
    DoubleBits,
    /// A double from its bits.
    DoubleFromBits,
    /// Number of significant bits of an integer without sign (`int.bitLength`).
    BitLength,
    /// `Tagged → Int64`: class id of the object, the Smi class for Smis.
    ClassId,
    /// `Tagged → Bool`: whether the operand is a Smi.
    IsSmi,
    /// `Tagged → Bool`: whether the object and everything it refers to is immutable (Smis are; for other objects the
    /// header says so: `UntaggedObject::DeeplyImmutableBit`, `untagged_object.deeply_immutable_bit` of the layouts).
    IsDeeplyImmutable,
    /// Sign-extends the low 8 bits of an integer.
    SignExtend8,
    /// Sign-extends the low 16 bits.
    SignExtend16,
    /// Sign-extends the low 32 bits.
    SignExtend32,
    /// Zero-extends the low 32 bits.
    ZeroExtend32,
}

/// Operations with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// Wrapping sum.
    AddInt64,
    /// Wrapping difference.
    SubInt64,
    /// Wrapping product.
    MulInt64,
    /// Bitwise and.
    AndInt64,
    /// Bitwise or.
    OrInt64,
    /// Bitwise exclusive or.
    XorInt64,
    /// Dart's `<<`: 0 for counts of 64 and more; the count is known to be non-negative.
    ShlInt64,
    /// Dart's `>>`: the sign for counts of 64 and more; the count is known to be non-negative.
    ShrInt64,
    /// Dart's `>>>`: 0 for counts of 64 and more; the count is known to be non-negative.
    UshrInt64,
    /// Truncating quotient; the divisor is known not to be 0 (`min ~/ -1` wraps).
    TruncDivInt64,
    /// Dart's `%`, never negative; the divisor is known not to be 0.
    ModInt64,
    /// Remainder with the sign of the dividend; the divisor is known not to be 0.
    RemInt64,
    /// Sum of doubles.
    AddDouble,
    /// Difference of doubles.
    SubDouble,
    /// Product of doubles.
    MulDouble,
    /// Quotient of doubles.
    DivDouble,
    /// Smaller double, Dart's rules are the caller's task.
    MinDouble,
    /// Conjunction of two conditions that have no effects.
    AndBool,
    /// Disjunction of two conditions that have no effects.
    OrBool,
}

/// Comparisons; the result is a [`Type::Bool`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// Same reference (tagged values).
    Same,
    /// Dart's `identical`: same reference, or both Mints or both doubles of equal value (bits).
    Identical,
    /// Integers are equal.
    EqInt64,
    /// Integers differ.
    NeInt64,
    /// Signed less.
    LtInt64,
    /// Signed less or equal.
    LeInt64,
    /// Signed greater.
    GtInt64,
    /// Signed greater or equal.
    GeInt64,
    /// Unsigned less (bounds checks, class id ranges).
    UltInt64,
    /// Unsigned less or equal.
    UleInt64,
    /// Doubles are equal (false for NaN).
    EqDouble,
    /// Less.
    LtDouble,
    /// Less or equal.
    LeDouble,
    /// Greater.
    GtDouble,
    /// Greater or equal.
    GeDouble,
    /// Equal conditions.
    EqBool,
}

/// Which null check failed, and so what is thrown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NullCheck {
    /// `x!`: a `TypeError`.
    Cast,
    /// A call on null: a `NoSuchMethodError` naming the selector (a string object).
    NoSuchMethod(ObjectRef),
}

/// A place in an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// An instance field of the program; its type follows the field's representation.
    Field(FieldId),
    /// The type arguments of an instance of the class (or of a subclass).
    TypeArguments(ClassId),
    /// A field that the engine's C++ declares.
    Native(NativeSlot),
    /// Parent of a context.
    ContextParent,
    /// Variable of a context.
    ContextVariable(u32),
    /// Element of a closure (delayed, instantiator and function type arguments, context).
    ClosureElement(u32),
    /// Field of a record.
    RecordField(u32),
    /// Element of an `Array` by constant index (arguments descriptors, literals being filled).
    ArrayElement(u32),
    /// Element of a `TypeArguments` vector.
    TypeArgument(u32),
    /// Word of the payload of a `SuspendState` ([`crate::suspend`]); word 0 is [`NativeSlot::SuspendStateIndex`].
    SuspendPayload(u32),
}

macro_rules! native_slots {
    ($($(#[$doc:meta])* $name:ident: $ty:ident,)*) => {
        /// Fields of objects that the engine's C++ declares (`runtime/vm/raw_object.h`), with the type of the loaded value.
        ///
        /// Integers are raw words or untagged Smis, whichever the object holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum NativeSlot { $($(#[$doc])* $name,)* }
        impl NativeSlot {
            /// Type of the value in the slot as the IR sees it.
            pub fn ty(self) -> Type { match self { $(NativeSlot::$name => Type::$ty,)* } }
            /// Name for text output.
            pub fn name(self) -> &'static str { match self { $(NativeSlot::$name => stringify!($name),)* } }
        }
    };
}

native_slots! {
    /// `Array.length` (Smi), as an integer.
    ArrayLength: Int64,
    /// `Array.type_arguments`.
    ArrayTypeArguments: Tagged,
    /// `GrowableObjectArray.length` (Smi), as an integer.
    GrowableLength: Int64,
    /// `GrowableObjectArray.data`.
    GrowableData: Tagged,
    /// `GrowableObjectArray.type_arguments`.
    GrowableTypeArguments: Tagged,
    /// `String.length` (Smi), as an integer.
    StringLength: Int64,
    /// `String.hash`, as an integer (0: not computed).
    StringHash: Int64,
    /// `TypedDataBase.length` (Smi), as an integer.
    TypedDataLength: Int64,
    /// `TypedDataBase.data`: raw address of the elements.
    TypedDataPointer: Pointer,
    /// `TypedDataView.typed_data`.
    TypedDataViewBase: Tagged,
    /// `TypedDataView.offset_in_bytes` (Smi), as an integer.
    TypedDataViewOffset: Int64,
    /// `Pointer.data`: raw address.
    PointerAddress: Pointer,
    /// `Pointer.type_arguments`.
    PointerTypeArguments: Tagged,
    /// `LinkedHashBase.index`.
    HashIndex: Tagged,
    /// The same slot of an immutable map or set, which other isolates may read: loads acquire, stores release
    /// (on x64 both are ordinary moves).
    HashIndexShared: Tagged,
    /// `LinkedHashBase.hash_mask` (Smi object).
    HashMask: Tagged,
    /// `LinkedHashBase.data`.
    HashData: Tagged,
    /// `LinkedHashBase.used_data` (Smi object).
    HashUsedData: Tagged,
    /// `LinkedHashBase.deleted_keys` (Smi object).
    HashDeletedKeys: Tagged,
    /// `LinkedHashBase.type_arguments`.
    HashTypeArguments: Tagged,
    /// `Closure.function`.
    ClosureFunction: Tagged,
    /// `Closure.hash` (Smi object).
    ClosureHash: Tagged,
    /// `Closure.length_and_flags` (Smi), as an integer.
    ClosureLengthAndFlags: Int64,
    /// `Record.shape` (Smi), as an integer.
    RecordShape: Int64,
    /// `TypeArguments.length` (Smi), as an integer.
    TypeArgumentsLength: Int64,
    /// `WeakProperty.key`.
    WeakPropertyKey: Tagged,
    /// `WeakProperty.value`.
    WeakPropertyValue: Tagged,
    /// `WeakReference.target`.
    WeakReferenceTarget: Tagged,
    /// `WeakReference.type_arguments`.
    WeakReferenceTypeArguments: Tagged,
    /// `FinalizerBase.isolate`: raw address.
    FinalizerIsolate: Pointer,
    /// `FinalizerBase.detachments`.
    FinalizerDetachments: Tagged,
    /// `FinalizerBase.all_entries`.
    FinalizerAllEntries: Tagged,
    /// `FinalizerBase.entries_collected`.
    FinalizerEntriesCollected: Tagged,
    /// `Finalizer.callback`.
    FinalizerCallback: Tagged,
    /// `NativeFinalizer.callback`.
    NativeFinalizerCallback: Tagged,
    /// `FinalizerEntry.value`.
    FinalizerEntryValue: Tagged,
    /// `FinalizerEntry.detach`.
    FinalizerEntryDetach: Tagged,
    /// `FinalizerEntry.token`.
    FinalizerEntryToken: Tagged,
    /// `FinalizerEntry.finalizer`.
    FinalizerEntryFinalizer: Tagged,
    /// `FinalizerEntry.next`.
    FinalizerEntryNext: Tagged,
    /// `FinalizerEntry.external_size`.
    FinalizerEntryExternalSize: Int64,
    /// `ReceivePort.send_port`.
    ReceivePortSendPort: Tagged,
    /// `ReceivePort.handler`.
    ReceivePortHandler: Tagged,
    /// `SuspendState.function_data`.
    SuspendStateFunctionData: Tagged,
    /// `SuspendState.then_callback`.
    SuspendStateThenCallback: Tagged,
    /// `SuspendState.error_callback`.
    SuspendStateErrorCallback: Tagged,
    /// `SuspendState.pc`: raw address; the collector visits the payload unless it is 0.
    SuspendStatePc: Pointer,
    /// First word of the payload of a `SuspendState` (a Smi, by this compiler's convention): number of the place of suspension.
    SuspendStateIndex: Int64,
    /// First native field's array of an instance of a native-fields class.
    NativeFieldsArray: Tagged,
    /// `StackTrace.async_link`.
    StackTraceAsyncLink: Tagged,
    /// `Thread`-independent list of a thread: the isolate's finalizers (the object operand is ignored, pass null).
    IsolateFinalizers: Tagged,
}

/// What kind of array an indexed access works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArrayKind {
    /// `Array` or `ImmutableArray` of tagged elements; base is the object.
    Array,
    /// Code units of a `OneByteString`; base is the object, value `Int64`.
    OneByteString,
    /// Code units of a `TwoByteString`.
    TwoByteString,
    /// Raw memory at a `Pointer` base plus a *byte* index.
    RawInt8,
    /// Unsigned byte.
    RawUint8,
    /// Signed 16 bits.
    RawInt16,
    /// Unsigned 16 bits.
    RawUint16,
    /// Signed 32 bits.
    RawInt32,
    /// Unsigned 32 bits.
    RawUint32,
    /// 64 bits.
    RawInt64,
    /// 32-bit float, converted from and to `Double`.
    RawFloat32,
    /// Double.
    RawFloat64,
    /// A tagged word at a `Pointer` base (arguments of generic entries); the index counts words.
    RawTagged,
    /// A machine word at a `Pointer` base plus a *byte* index (addresses, native fields): zero-extended by loads,
    /// truncated by stores, of any alignment.
    RawWord,
    /// Fields of a `Record`; base is the object, values are tagged (compressed like those of `Array`).
    Record,
}

impl ArrayKind {
    /// Type of the elements as the IR sees them.
    pub fn element_type(self) -> Type {
        match self {
            ArrayKind::Array | ArrayKind::RawTagged | ArrayKind::Record => Type::Tagged,
            ArrayKind::RawFloat32 | ArrayKind::RawFloat64 => Type::Double,
            _ => Type::Int64,
        }
    }
}

/// Words that the running thread holds or leads to (`runtime/vm/thread.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ThreadSlot {
    /// `Thread.isolate`: raw address of the isolate (`Pointer`).
    Isolate,
    /// `Thread.current_tag`: the `UserTag` of the isolate.
    CurrentTag,
    /// `Thread.default_tag`.
    DefaultTag,
    /// `Thread.isolate_group → IsolateGroup.object_store → ObjectStore.record_field_names`, loaded with acquire
    /// ordering: an `Array` of arrays of names, by the field-names index of a record shape.
    RecordFieldNames,
    /// `Thread.predefined_symbols_address`: address (`Pointer`) of the table of the 256 one-character strings; its entries
    /// are full words ([`ArrayKind::RawTagged`]).
    OneCharSymbols,
    /// `Thread.unboxed_runtime_arg`: a `Double` that the runtime entry called next takes besides its tagged arguments.
    UnboxedRuntimeArg,
}

impl ThreadSlot {
    /// Type of the value in the slot.
    pub fn ty(self) -> Type {
        match self {
            ThreadSlot::Isolate | ThreadSlot::OneCharSymbols => Type::Pointer,
            ThreadSlot::CurrentTag | ThreadSlot::DefaultTag | ThreadSlot::RecordFieldNames => Type::Tagged,
            ThreadSlot::UnboxedRuntimeArg => Type::Double,
        }
    }
}

/// How a tagged store tells the garbage collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreBarrier {
    /// Full generational and incremental barrier (omitted where the stored value is a constant).
    Full,
    /// None: the object was allocated by the preceding instructions without a safepoint in between, or the value is a Smi.
    None,
}

/// What an allocation makes. All are safepoints and may throw (out of memory).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AllocKind {
    /// Instance of a class; fields are null (unboxed ones 0). Operand: type arguments, if the class has a slot for them.
    Object(ClassId),
    /// `Array`, filled with null; throws for a bad length. Operands: type arguments, length (tagged integer).
    Array,
    /// `GrowableObjectArray` of length 0. Operands: type arguments, data.
    GrowableArray,
    /// Context; variables are null. Operand: parent.
    Context(u32),
    /// Closure. Operands: elements in order (delayed, instantiator and function type arguments as the flags say, then context).
    Closure {
        /// The `Function` object.
        function: ObjectRef,
        /// First element is the delayed type arguments.
        has_delayed: bool,
        /// An element holds the instantiator's type arguments.
        has_instantiator: bool,
        /// An element holds the parent function's type arguments.
        has_function: bool,
    },
    /// Record. Operands: all fields.
    Record(RecordShape),
    /// Internal typed data, zeroed; the length is an `Int64` element count known to be in range. Operand: length.
    TypedData(ClassId),
    /// View on typed data. Operands: typed data, offset in bytes (`Int64`), length (`Int64`).
    TypedDataView(ClassId),
    /// `OneByteString` with undefined contents. Operand: length (`Int64`, in range).
    OneByteString,
    /// `TwoByteString` with undefined contents. Operand: length (`Int64`, in range).
    TwoByteString,
    /// `Pointer`. Operands: type arguments, address.
    Pointer,
    /// External typed data. Operands: address (`Pointer`), length (`Int64`).
    ExternalTypedData(ClassId),
    /// `SuspendState` with that many words of payload, which are undefined, pc 0 and no callbacks. Operand: function data.
    SuspendState(u32),
}

/// Operands of calls.
pub type Args = SmallVec<[Value; 4]>;

/// An instruction.
#[derive(Clone, Debug, PartialEq)]
pub enum Inst {
    /// An object: `Tagged`. Constants never move.
    Object(ObjectRef),
    /// An integer.
    Int64(i64),
    /// A double, by its bits.
    Double(u64),
    /// A condition.
    Bool(bool),
    /// One operand.
    Unary(UnaryOp, Value),
    /// Two operands of the same type.
    Binary(BinaryOp, Value, Value),
    /// Comparison.
    Compare(CompareOp, Value, Value),
    /// One of two values of the same type.
    Select {
        /// The condition.
        cond: Value,
        /// Result if true.
        then: Value,
        /// Result otherwise.
        other: Value,
    },
    /// Loads from an object.
    Load {
        /// The object.
        object: Value,
        /// The place.
        slot: Slot,
        /// Type of the result.
        ty: Type,
    },
    /// Stores to an object.
    Store {
        /// The object.
        object: Value,
        /// The place.
        slot: Slot,
        /// The value.
        value: Value,
        /// Barrier of tagged stores.
        barrier: StoreBarrier,
    },
    /// Loads an element; the index is in range.
    LoadIndexed {
        /// Kind of the array.
        kind: ArrayKind,
        /// Object, or address for raw kinds.
        base: Value,
        /// `Int64` index.
        index: Value,
    },
    /// Stores an element; the index is in range.
    StoreIndexed {
        /// Kind of the array.
        kind: ArrayKind,
        /// Object, or address for raw kinds.
        base: Value,
        /// `Int64` index.
        index: Value,
        /// The value.
        value: Value,
        /// Barrier of tagged stores.
        barrier: StoreBarrier,
    },
    /// Loads from the thread.
    LoadThread(ThreadSlot),
    /// Stores to the thread; only [`ThreadSlot::UnboxedRuntimeArg`], right before the call that takes it.
    StoreThread(ThreadSlot, Value),
    /// `Int64`: number of the target's ABI as `dart:ffi` counts them (`Abi`, runtime/vm/compiler/ffi/abi.h), a constant.
    TargetAbi,
    /// Loads a static field without initialising it.
    LoadStatic(FieldId),
    /// Stores a static field.
    StoreStatic(FieldId, Value),
    /// Allocates an object.
    Allocate {
        /// What.
        kind: AllocKind,
        /// Operands as the kind says.
        args: Args,
    },
    /// Calls a function directly with all its parameters.
    CallStatic {
        /// The function.
        callee: CalleeRef,
        /// All arguments of the callee's signature.
        args: Args,
    },
    /// Calls through the dispatch table.
    CallDispatch {
        /// The row.
        row: RowRef,
        /// Type arguments if the shape has any, then the arguments of the shape; the receiver is positional argument 0.
        args: Args,
    },
    /// Calls a closure through its generic entry.
    CallClosure {
        /// The arguments descriptor ([`snapcrane_program::ids::ObjectKey::ArgumentsDescriptor`]).
        descriptor: ObjectRef,
        /// Whether the callee must check arguments first ([`snapcrane_program::ids::FunctionKey::DynEntry`]); the result
        /// is the sentinel if they do not fit.
        checked: bool,
        /// Type arguments if the shape has any, then the closure, then the other arguments of the shape.
        args: Args,
    },
    /// Forwards to the generic or checking entry of a closure with arguments that are already in memory.
    CallEntry {
        /// The closure.
        closure: Value,
        /// Whether to use the checking entry.
        checked: bool,
        /// Arguments descriptor (tagged).
        descriptor: Value,
        /// Address of the arguments.
        arguments: Value,
    },
    /// Calls a runtime entry of the engine (by its name in `RUNTIME_ENTRY_LIST`) with tagged operands; safepoint, may throw.
    CallRuntime {
        /// Name of the entry.
        entry: &'static str,
        /// Operands.
        args: Args,
    },
    /// Calls a leaf entry (`LEAF_RUNTIME_ENTRY_LIST`): C function without safepoint.
    CallLeaf {
        /// Name of the entry.
        entry: &'static str,
        /// Operands (`Double`, `Int64`, `Pointer`).
        args: Args,
        /// Type of the result.
        ty: Option<Type>,
    },
    /// Copies bytes between raw addresses (regions may overlap). Operands: destination, source (`Pointer`), count (`Int64`).
    MemMove {
        /// Destination.
        to: Value,
        /// Source.
        from: Value,
        /// Number of bytes.
        count: Value,
    },
    /// Address of the first element inside an object with inline elements; dead at the next safepoint.
    ElementsAddress {
        /// Kind of the array.
        kind: ArrayKind,
        /// The object.
        object: Value,
    },
    /// `Pointer` plus `Int64`.
    PointerAdd(Value, Value),
    /// `Pointer → Int64`.
    PointerToInt(Value),
    /// `Int64 → Pointer`.
    IntToPointer(Value),
    /// Throws if the operand is null; result is the operand.
    CheckNull {
        /// The operand.
        value: Value,
        /// What is thrown.
        kind: NullCheck,
    },
    /// Throws a `RangeError` unless `0 <= index < length`.
    CheckBounds {
        /// `Int64`.
        index: Value,
        /// `Int64`.
        length: Value,
    },
    /// Throws `IntegerDivisionByZeroException` if the operand is 0.
    CheckNotZero(Value),
    /// Throws an `ArgumentError` if the operand (a shift count) is negative.
    CheckShiftCount(Value),
    /// Throws a `TypeError` unless the value is of the type; result is the value.
    AssertAssignable {
        /// The value.
        value: Value,
        /// The type ([`snapcrane_program::ids::ObjectKey::Type`]).
        ty: ObjectRef,
        /// Type arguments of the instance whose class parameters the type mentions, or null.
        instantiator: Value,
        /// Type arguments of the enclosing functions whose parameters the type mentions, or null.
        function: Value,
        /// Name of the variable for the message (a string object).
        name: ObjectRef,
        /// Cache of the test.
        cache: ObjectRef,
    },
    /// `Bool`: whether the value is of the type.
    InstanceOf {
        /// The value.
        value: Value,
        /// The type.
        ty: ObjectRef,
        /// As in [`Inst::AssertAssignable`].
        instantiator: Value,
        /// As in [`Inst::AssertAssignable`].
        function: Value,
        /// Cache of the test.
        cache: ObjectRef,
    },
    /// Throws a `TypeError` unless `sub` is a subtype of `sup`.
    AssertSubtype {
        /// Type object (tagged, may be uninstantiated).
        sub: Value,
        /// Type object.
        sup: Value,
        /// Type arguments.
        instantiator: Value,
        /// Type arguments.
        function: Value,
        /// Name for the message (tagged string).
        name: Value,
    },
    /// The instantiated type object.
    InstantiateType {
        /// The uninstantiated type.
        ty: ObjectRef,
        /// Type arguments.
        instantiator: Value,
        /// Type arguments.
        function: Value,
    },
    /// The instantiated type argument vector.
    InstantiateTypeArgs {
        /// The uninstantiated vector.
        args: ObjectRef,
        /// Type arguments.
        instantiator: Value,
        /// Type arguments.
        function: Value,
    },
    /// Address of the first instruction of a function.
    CodeAddress(CalleeRef),
    /// Tells the collector of all tagged stores without barrier that were made to the object since the last safepoint.
    Remember(Value),
    /// The state of a function that can suspend: the operand (function data) until it was suspended for the first time, the
    /// `SuspendState` from then on. Only before [`crate::suspend::split`].
    CurrentState(Value),
    /// The `SuspendState` with everything saved that is needed after the [`Inst::Suspend`] that takes the result. Between
    /// the two there is nothing but the call of a library function that arranges for resumption. The operand is the
    /// function data of a new state. Only before [`crate::suspend::split`].
    SaveState(Value),
    /// Returns `result` from the function; when the state is resumed, yields the value, or throws the exception, that
    /// it is resumed with. Only before [`crate::suspend::split`].
    Suspend {
        /// The state.
        state: Value,
        /// What the function returns for now.
        result: Value,
    },
    /// Polls for interrupts and stack overflow; safepoint, may throw.
    CheckStack,
    /// The exception, at the start of a handler.
    CatchException,
    /// The stack trace, right after [`Inst::CatchException`].
    CatchStackTrace,
}

/// Effects of an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// May leave by an exception.
    pub throws: bool,
    /// May reach the runtime: objects can move, other code can run.
    pub safepoint: bool,
    /// Reads mutable memory.
    pub reads: bool,
    /// Writes memory or has other lasting effects.
    pub writes: bool,
}

impl Inst {
    /// Effects of the instruction. An instruction without `throws`, `safepoint` and `writes` may be removed when unused.
    pub fn effects(&self) -> Effects {
        let none = Effects::default();
        let reads = Effects { reads: true, ..none };
        let writes = Effects { writes: true, ..none };
        let throws = Effects { throws: true, safepoint: true, ..none };
        let call = Effects { throws: true, safepoint: true, reads: true, writes: true };
        match self {
            Inst::Unary(UnaryOp::BoxInt64 | UnaryOp::BoxDouble, _) | Inst::Allocate { .. } => throws,
            Inst::Object(_)
            | Inst::Int64(_)
            | Inst::Double(_)
            | Inst::Bool(_)
            | Inst::Unary(..)
            | Inst::Binary(..)
            | Inst::Compare(..)
            | Inst::Select { .. }
            | Inst::ElementsAddress { .. }
            | Inst::PointerAdd(..)
            | Inst::PointerToInt(_)
            | Inst::IntToPointer(_)
            | Inst::CodeAddress(_)
            | Inst::CurrentState(_)
            | Inst::TargetAbi => none,
            Inst::Load { .. } | Inst::LoadIndexed { .. } | Inst::LoadStatic(_) | Inst::LoadThread(_) => reads,
            Inst::Store { .. }
            | Inst::StoreIndexed { .. }
            | Inst::StoreStatic(..)
            | Inst::StoreThread(..)
            | Inst::Remember(_) => writes,
            Inst::MemMove { .. } => Effects { reads: true, writes: true, ..none },
            Inst::CallLeaf { .. } => Effects { reads: true, writes: true, ..none },
            Inst::CheckNull { .. }
            | Inst::CheckBounds { .. }
            | Inst::CheckNotZero(_)
            | Inst::CheckShiftCount(_)
            | Inst::AssertAssignable { .. }
            | Inst::InstanceOf { .. }
            | Inst::AssertSubtype { .. }
            | Inst::InstantiateType { .. }
            | Inst::InstantiateTypeArgs { .. } => throws,
            Inst::CallStatic { .. }
            | Inst::CallDispatch { .. }
            | Inst::CallClosure { .. }
            | Inst::CallEntry { .. }
            | Inst::CallRuntime { .. }
            | Inst::SaveState(_)
            | Inst::Suspend { .. }
            | Inst::CheckStack => call,
            Inst::CatchException | Inst::CatchStackTrace => Effects { reads: true, writes: true, ..none },
        }
    }

    /// Calls `f` on every operand.
    pub fn for_each_arg(&self, mut f: impl FnMut(Value)) {
        operands(self, &mut |v| f(*v));
    }

    /// Replaces every operand `v` by `f(v)`.
    pub fn map_args(&mut self, mut f: impl FnMut(Value) -> Value) {
        operands_mut(self, &mut |v| *v = f(*v));
    }
}

macro_rules! operand_walk {
    ($name:ident, $inst:ty, $value:ty, $iter:ident) => {
        fn $name(inst: $inst, f: &mut dyn FnMut($value)) {
            match inst {
                Inst::Object(_)
                | Inst::Int64(_)
                | Inst::Double(_)
                | Inst::Bool(_)
                | Inst::LoadStatic(_)
                | Inst::LoadThread(_)
                | Inst::TargetAbi
                | Inst::CodeAddress(_)
                | Inst::CheckStack
                | Inst::CatchException
                | Inst::CatchStackTrace => {}
                Inst::Unary(_, a)
                | Inst::StoreStatic(_, a)
                | Inst::StoreThread(_, a)
                | Inst::PointerToInt(a)
                | Inst::IntToPointer(a)
                | Inst::CheckNotZero(a)
                | Inst::CheckShiftCount(a)
                | Inst::Remember(a)
                | Inst::CurrentState(a)
                | Inst::SaveState(a) => f(a),
                Inst::Binary(_, a, b) | Inst::Compare(_, a, b) | Inst::PointerAdd(a, b) => {
                    f(a);
                    f(b);
                }
                Inst::Select { cond, then, other } => {
                    f(cond);
                    f(then);
                    f(other);
                }
                Inst::Load { object, .. } | Inst::ElementsAddress { object, .. } => f(object),
                Inst::Store { object, value, .. } => {
                    f(object);
                    f(value);
                }
                Inst::LoadIndexed { base, index, .. } => {
                    f(base);
                    f(index);
                }
                Inst::StoreIndexed { base, index, value, .. } => {
                    f(base);
                    f(index);
                    f(value);
                }
                Inst::Allocate { args, .. }
                | Inst::CallStatic { args, .. }
                | Inst::CallDispatch { args, .. }
                | Inst::CallClosure { args, .. }
                | Inst::CallRuntime { args, .. }
                | Inst::CallLeaf { args, .. } => {
                    for a in args.$iter() {
                        f(a);
                    }
                }
                Inst::CallEntry { closure, descriptor, arguments, .. } => {
                    f(closure);
                    f(descriptor);
                    f(arguments);
                }
                Inst::Suspend { state, result } => {
                    f(state);
                    f(result);
                }
                Inst::MemMove { to, from, count } => {
                    f(to);
                    f(from);
                    f(count);
                }
                Inst::CheckNull { value, .. } => f(value),
                Inst::CheckBounds { index, length } => {
                    f(index);
                    f(length);
                }
                Inst::AssertAssignable { value, instantiator, function, .. }
                | Inst::InstanceOf { value, instantiator, function, .. } => {
                    f(value);
                    f(instantiator);
                    f(function);
                }
                Inst::AssertSubtype { sub, sup, instantiator, function, name } => {
                    f(sub);
                    f(sup);
                    f(instantiator);
                    f(function);
                    f(name);
                }
                Inst::InstantiateType { instantiator, function, .. }
                | Inst::InstantiateTypeArgs { instantiator, function, .. } => {
                    f(instantiator);
                    f(function);
                }
            }
        }
    };
}

operand_walk!(operands, &Inst, &Value, iter);
operand_walk!(operands_mut, &mut Inst, &mut Value, iter_mut);
