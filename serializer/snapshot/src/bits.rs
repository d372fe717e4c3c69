//! Packed fields as structures (`BitField`s of `runtime/vm/raw_object.h` and `object.h`).
//!
//! Each structure has `bits`, the packed form, and `from_bits`, its inverse; bits that the structure does not
//! name are zero in one direction and ignored in the other.

/// Structures over packed integers: one-bit flags, wider fields, and enumerations.
macro_rules! bit_struct {
    ($($(#[$doc:meta])* $name:ident($repr:ty) {
        $($(#[$fdoc:meta])* $field:ident: $fty:tt [$shift:expr, $width:expr],)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name {
            $($(#[$fdoc])* pub $field: $fty,)*
        }

        impl $name {
            /// The packed form. Values that are too wide are cut off.
            pub fn bits(self) -> $repr {
                let mut bits: u64 = 0;
                $(bits |= (bit_struct!(@pack $fty self.$field) & ((1u64 << $width) - 1)) << $shift;)*
                bits as $repr
            }

            /// From the packed form.
            pub fn from_bits(bits: $repr) -> $name {
                let bits = bits as u64;
                $name {
                    $($field: bit_struct!(@unpack $fty bits >> $shift & ((1u64 << $width) - 1)),)*
                }
            }
        }
    )*};
    (@pack bool $value:expr) => { u64::from($value) };
    (@pack u8 $value:expr) => { u64::from($value) };
    (@pack u16 $value:expr) => { u64::from($value) };
    (@pack u32 $value:expr) => { u64::from($value) };
    (@pack u64 $value:expr) => { $value };
    (@pack $enum:ident $value:expr) => { $value as u64 };
    (@unpack bool $value:expr) => { $value != 0 };
    (@unpack u8 $value:expr) => { ($value) as u8 };
    (@unpack u16 $value:expr) => { ($value) as u16 };
    (@unpack u32 $value:expr) => { ($value) as u32 };
    (@unpack u64 $value:expr) => { $value };
    (@unpack $enum:ident $value:expr) => { $enum::from_index($value as u32) };
}

macro_rules! bit_enum {
    ($($(#[$doc:meta])* $name:ident { $first:ident, $($variant:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
        #[expect(missing_docs, reason = "the VM's names, explained there")]
        pub enum $name {
            #[default]
            $first,
            $($variant,)*
        }

        impl $name {
            /// All variants, in numeric order.
            pub const ALL: &[$name] = &[$name::$first, $($name::$variant,)*];

            /// The variant with this number; the first one for numbers out of range.
            pub fn from_index(index: u32) -> $name {
                $name::ALL.get(index as usize).copied().unwrap_or_default()
            }
        }
    )*};
}

bit_enum! {
    /// `UntaggedFunction::Kind`.
    FunctionKind {
        RegularFunction,
        ClosureFunction,
        ImplicitClosureFunction,
        GetterFunction,
        SetterFunction,
        Constructor,
        ImplicitGetter,
        ImplicitSetter,
        ImplicitStaticGetter,
        FieldInitializer,
        MethodExtractor,
        NoSuchMethodDispatcher,
        InvokeFieldDispatcher,
        IrregexpFunction,
        DynamicInvocationForwarder,
        FfiTrampoline,
        RecordFieldGetter,
    }

    /// `UntaggedFunction::AsyncModifier`: bit 0 asynchronous, bit 1 generator.
    AsyncModifier { None, Async, SyncStar, AsyncStar, }

    /// `UntaggedClass::ClassFinalizedState`.
    ClassFinalization { Allocated, PreFinalized, Finalized, AllocateFinalized, }

    /// `UntaggedClass::ClassLoadingState`.
    ClassLoading { NameOnly, DeclarationLoaded, TypeFinalized, }

    /// `UntaggedAbstractType::TypeState`.
    TypeState { Allocated, FinalizedInstantiated, FinalizedUninstantiated, }
}

bit_struct! {
    /// `Function.kind_tag`.
    FunctionKindTag(u32) {
        /// Kind.
        kind: FunctionKind [0, 5],
        /// Number of the recognised method, 0 if it is none.
        recognized: u16 [5, 9],
        /// `async`, `sync*`, `async*`.
        modifier: AsyncModifier [14, 2],
        /// Static.
        is_static: bool [16, 1],
        /// Const.
        is_const: bool [17, 1],
        /// Abstract.
        is_abstract: bool [18, 1],
        /// Visible to reflection.
        is_reflectable: bool [19, 1],
        /// Appears in stack traces.
        is_visible: bool [20, 1],
        /// Debuggable.
        is_debuggable: bool [21, 1],
        /// Has an intrinsic.
        is_intrinsic: bool [22, 1],
        /// Implemented natively.
        is_native: bool [23, 1],
        /// Declared external.
        is_external: bool [24, 1],
        /// Target of polymorphic calls.
        is_polymorphic_target: bool [25, 1],
        /// Has a pragma.
        has_pragma: bool [26, 1],
        /// Made by the compiler.
        is_synthetic: bool [27, 1],
        /// Extension member.
        is_extension_member: bool [28, 1],
        /// Extension-type member.
        is_extension_type_member: bool [29, 1],
        /// Callable from dynamic modules without static knowledge.
        is_dynamically_callable: bool [30, 1],
        /// May be inlined.
        is_inlinable: bool [31, 1],
    }

    /// `Field.kind_bits`.
    FieldKindBits(u32) {
        /// Const.
        is_const: bool [0, 1],
        /// Static.
        is_static: bool [1, 1],
        /// Final.
        is_final: bool [2, 1],
        /// Has an initializer that is not a simple literal.
        has_nontrivial_initializer: bool [3, 1],
        /// Stored unboxed.
        is_unboxed: bool [4, 1],
        /// Visible to reflection.
        is_reflectable: bool [5, 1],
        /// Initializer changed after first use.
        initializer_changed_after_initialization: bool [6, 1],
        /// Has a pragma.
        has_pragma: bool [7, 1],
        /// Covariant.
        is_covariant: bool [8, 1],
        /// Covariant because of generics.
        is_generic_covariant_impl: bool [9, 1],
        /// Late.
        is_late: bool [10, 1],
        /// Extension member.
        is_extension_member: bool [11, 1],
        /// Extension-type member.
        is_extension_type_member: bool [12, 1],
        /// Loads must check for the sentinel.
        needs_load_guard: bool [13, 1],
        /// Has an initializer.
        has_initializer: bool [14, 1],
        /// Shared between isolates.
        is_shared: bool [15, 1],
        /// Exempt from the thread sanitizer.
        no_sanitize_thread: bool [16, 1],
        /// Its declared type is deeply immutable.
        has_deeply_immutable_type: bool [17, 1],
        /// Accessible from dynamic modules without static knowledge.
        is_dynamically_callable: bool [18, 1],
    }

    /// `Class.state_bits`.
    ClassState(u32) {
        /// Has a const constructor.
        is_const: bool [0, 1],
        /// Some class implements it.
        is_implemented: bool [1, 1],
        /// Finalization.
        finalization: ClassFinalization [2, 2],
        /// Loading.
        loading: ClassLoading [4, 2],
        /// Abstract.
        is_abstract: bool [6, 1],
        /// Made by the compiler.
        is_synthesized_class: bool [7, 1],
        /// Fields were marked nullable.
        is_fields_marked_nullable: bool [8, 1],
        /// Enum.
        is_enum_class: bool [9, 1],
        /// Mixin application turned into a class.
        is_transformed_mixin_application: bool [10, 1],
        /// Has instances.
        is_allocated: bool [11, 1],
        /// Members are loaded.
        is_loaded: bool [12, 1],
        /// Has a pragma.
        has_pragma: bool [13, 1],
        /// Sealed.
        is_sealed: bool [14, 1],
        /// Mixin class.
        is_mixin_class: bool [15, 1],
        /// Base.
        is_base_class: bool [16, 1],
        /// Interface.
        is_interface_class: bool [17, 1],
        /// Final.
        is_final: bool [18, 1],
        /// Instances must not be sent to other isolates.
        is_isolate_unsendable: bool [19, 1],
        /// The same, because of its own pragma.
        is_isolate_unsendable_due_to_pragma: bool [20, 1],
        /// Instances are deeply immutable.
        is_deeply_immutable: bool [21, 1],
        /// Subtype of Future.
        is_future_subtype: bool [22, 1],
        /// Some subtype may be a Future.
        can_be_future: bool [23, 1],
        /// Dynamic modules may extend it.
        has_dynamically_extendable_subtypes: bool [24, 1],
        /// Declared in bytecode.
        is_declared_in_bytecode: bool [25, 1],
    }

    /// `Code.state_bits`. Discarded code and embedded pointers cannot be in a snapshot, so they have no
    /// fields here.
    CodeState(i32) {
        /// Compiled by the optimizing compiler; every function's code is.
        is_optimized: bool [0, 1],
        /// Was forced to be optimized.
        is_force_optimized: bool [1, 1],
        /// Alive.
        is_alive: bool [2, 1],
    }

    /// `Type.flags`.
    TypeFlags(u32) {
        /// Non-nullable.
        is_non_nullable: bool [0, 1],
        /// State.
        state: TypeState [1, 2],
        /// Class.
        class_id: u32 [3, 20],
    }

    /// Flags of function types, record types and type parameters.
    AbstractTypeFlags(u8) {
        /// Non-nullable.
        is_non_nullable: bool [0, 1],
        /// State.
        state: TypeState [1, 2],
        /// Type parameters: declared by a function type.
        is_function_type_parameter: bool [3, 1],
    }

    /// `FunctionType.packed_parameter_counts`.
    ParameterCounts(u32) {
        /// Receiver or closure, 0 or 1; part of `num_fixed`.
        num_implicit: u8 [0, 1],
        /// The optional parameters are named.
        has_named_optional: bool [1, 1],
        /// Required positional parameters.
        num_fixed: u16 [2, 14],
        /// Optional parameters, or named ones.
        num_optional: u16 [16, 14],
    }

    /// `FunctionType.packed_type_parameter_counts`.
    TypeParameterCounts(u16) {
        /// Of enclosing functions.
        num_parent_type_arguments: u8 [0, 8],
        /// Own.
        num_type_parameters: u8 [8, 8],
    }

    /// `ClosureData.packed_fields`.
    ClosureDataFields(u32) {
        /// `InstantiationMode` of the default type arguments.
        default_type_arguments_instantiation_mode: u8 [0, 2],
        /// Contexts to climb to the awaiter link; 255 if there is none.
        awaiter_link_depth: u8 [2, 8],
        /// Slot of the awaiter link in that context.
        awaiter_link_index: u8 [10, 8],
        /// Captures only shared fields.
        captures_only_shared_fields: bool [18, 1],
    }

    /// Shape of records and record types.
    RecordShape(u32) {
        /// Number of fields.
        num_fields: u32 [0, 16],
        /// Index into the object store's `record_field_names`; 0 for positional fields only.
        field_names_index: u32 [16, 16],
    }

    /// `Closure.length_and_flags`.
    ClosureLengthAndFlags(i64) {
        /// Element 0 is the delayed type-argument vector.
        has_delayed_type_args: bool [0, 1],
        /// An element is the instantiator's type-argument vector.
        has_instantiator_type_args: bool [1, 1],
        /// An element is the enclosing function's type-argument vector.
        has_function_type_args: bool [2, 1],
        /// Index of the latter; 0 without it.
        function_type_args_index: u8 [3, 2],
        /// Number of elements.
        length: u32 [5, 26],
    }
}

impl FunctionKindTag {
    /// A function of `kind` with the flags every source-level function has: reflectable, visible, debuggable.
    pub fn of(kind: FunctionKind) -> FunctionKindTag {
        FunctionKindTag {
            kind,
            is_reflectable: true,
            is_visible: true,
            is_debuggable: true,
            ..FunctionKindTag::default()
        }
    }
}

impl CodeState {
    /// Code of a function.
    pub const FUNCTION: CodeState =
        CodeState { is_optimized: true, is_force_optimized: false, is_alive: true };
    /// A stub.
    pub const STUB: CodeState = CodeState { is_optimized: false, is_force_optimized: false, is_alive: true };
}

impl ClosureLengthAndFlags {
    /// Computes the index of the function type arguments.
    pub fn new(delayed: bool, instantiator: bool, function: bool, length: u32) -> ClosureLengthAndFlags {
        ClosureLengthAndFlags {
            has_delayed_type_args: delayed,
            has_instantiator_type_args: instantiator,
            has_function_type_args: function,
            function_type_args_index: if function { u8::from(delayed) + u8::from(instantiator) } else { 0 },
            length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_kind_tag_of_optimized_out() {
        let tag = FunctionKindTag {
            is_static: true,
            is_inlinable: true,
            ..FunctionKindTag::of(FunctionKind::RegularFunction)
        };
        assert_eq!(tag.bits(), 0x8039_0000);
        assert_eq!(FunctionKindTag::from_bits(0x8039_0000), tag);
        let tag = FunctionKindTag {
            kind: FunctionKind::RecordFieldGetter,
            recognized: 459,
            modifier: AsyncModifier::AsyncStar,
            ..tag
        };
        assert_eq!(FunctionKindTag::from_bits(tag.bits()), tag);
        assert_eq!(tag.bits() & 0x1f, 16);
        assert_eq!(tag.bits() >> 5 & 0x1ff, 459);
        assert_eq!(tag.bits() >> 14 & 3, 3);
    }

    #[test]
    fn code_states() {
        assert_eq!(CodeState::FUNCTION.bits(), 5);
        assert_eq!(CodeState::STUB.bits(), 4);
    }

    #[test]
    fn parameter_counts() {
        let counts =
            ParameterCounts { num_implicit: 1, has_named_optional: true, num_fixed: 3, num_optional: 2 };
        assert_eq!(counts.bits(), 1 | 2 | 3 << 2 | 2 << 16);
        assert_eq!(ParameterCounts::from_bits(counts.bits()), counts);
        assert_eq!(
            TypeParameterCounts { num_parent_type_arguments: 1, num_type_parameters: 2 }.bits(),
            0x201
        );
    }

    #[test]
    fn class_and_type_flags() {
        let state = ClassState {
            finalization: ClassFinalization::AllocateFinalized,
            loading: ClassLoading::TypeFinalized,
            is_allocated: true,
            is_deeply_immutable: true,
            ..ClassState::default()
        };
        assert_eq!(state.bits(), 3 << 2 | 2 << 4 | 1 << 11 | 1 << 21);
        assert_eq!(ClassState::from_bits(state.bits()), state);
        let flags =
            TypeFlags { is_non_nullable: true, state: TypeState::FinalizedUninstantiated, class_id: 176 };
        assert_eq!(flags.bits(), 1 | 2 << 1 | 176 << 3);
        assert_eq!(TypeFlags::from_bits(flags.bits()), flags);
    }

    #[test]
    fn closure_layout() {
        let flags = ClosureLengthAndFlags::new(true, false, true, 3);
        assert_eq!(flags.bits(), 1 | 4 | 1 << 3 | 3 << 5);
        assert_eq!(ClosureLengthAndFlags::new(false, false, false, 1).bits(), 1 << 5);
    }
}
