//! Bit fields of packed words and the values of the engine's enumerations.

use crate::data::{DataError, snake_case};

/// A field of a packed word (`BitField`, runtime/vm/bitfield.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitField {
    /// Number of the lowest bit.
    pub shift: u8,
    /// Number of bits.
    pub size: u8,
}

impl BitField {
    /// The largest value the field holds.
    pub const fn max(self) -> u64 {
        if self.size >= 64 { u64::MAX } else { (1 << self.size) - 1 }
    }

    /// The bits the field occupies.
    pub const fn mask(self) -> u64 {
        self.max() << self.shift
    }

    /// `value` at the field's place, `None` if it does not fit.
    pub const fn checked_encode(self, value: u64) -> Option<u64> {
        if value <= self.max() { Some(value << self.shift) } else { None }
    }

    /// `value` at the field's place.
    ///
    /// # Panics
    /// If the value does not fit.
    pub fn encode(self, value: u64) -> u64 {
        self.checked_encode(value).unwrap_or_else(|| panic!("{value:#x} does not fit {} bits", self.size))
    }

    /// A one-bit field's contribution to the word.
    pub fn flag(self, set: bool) -> u64 {
        u64::from(set) << self.shift
    }

    /// The field's value in `word`.
    pub const fn decode(self, word: u64) -> u64 {
        word >> self.shift & self.max()
    }
}

/// All rows of a two-level table: group, then snake-case name.
pub(crate) struct Groups<T>(pub(crate) Vec<(&'static str, String, T)>);

impl<T: Copy> Groups<T> {
    pub(crate) fn push(&mut self, group: &'static str, name: &str, value: T) {
        self.0.push((group, snake_case(name), value));
    }

    fn get(&self, group: &str, field: &str) -> Result<T, DataError> {
        let wanted = field.trim_end_matches('_');
        self.0
            .iter()
            .find(|(g, name, _)| *g == group && name == wanted)
            .map(|row| row.2)
            .ok_or_else(|| DataError::new(format!("{group} has no {field}")))
    }
}

macro_rules! groups {
    (
        $(#[$doc:meta])* $all:ident of $value:ty;
        $( $(#[$group_doc:meta])* $member:ident: $name:ident = $group:literal { $($field:ident),* $(,)? } )*
    ) => {
        $(
            $(#[$group_doc])*
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $(
                    #[doc = concat!("`", $group, "`: `", stringify!($field), "`.")]
                    pub $field: $value,
                )*
            }
        )*

        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $all {
            $( $(#[$group_doc])* pub $member: $name, )*
        }

        impl $all {
            pub(crate) fn read(groups: &Groups<$value>) -> Result<Self, DataError> {
                Ok(Self {
                    $( $member: $name { $( $field: groups.get($group, stringify!($field))?, )* }, )*
                })
            }
        }
    };
}

groups! {
    /// Packed words of heap objects, arguments of runtime calls and the thread.
    Bits of BitField;

    /// `Class.state_bits` (runtime/vm/object.h).
    class_state: ClassStateBits = "Class.state" {
        const_, implemented, class_finalized, class_loading, abstract_, synthesized_class,
        fields_marked_nullable, enum_, transformed_mixin_application, is_allocated, is_loaded, has_pragma,
        sealed, mixin_class, base_class, interface_class, final_, is_isolate_unsendable,
        is_isolate_unsendable_due_to_pragma, is_deeply_immutable, is_future_subtype, can_be_future,
        has_dynamically_extendable_subtypes, is_declared_in_bytecode,
    }
    /// `Function.kind_tag` (runtime/vm/object.h).
    function_kind_tag: FunctionKindTagBits = "Function.kind_tag" {
        kind, recognized, modifier, static_, const_, abstract_, reflectable, visible, debuggable, intrinsic,
        native, external, polymorphic_target, has_pragma, is_synthetic, is_extension_member,
        is_extension_type_member, is_dynamically_callable, inlinable,
    }
    /// `Field.kind_bits` (runtime/vm/object.h).
    field_kind: FieldKindBits = "Field.kind" {
        const_, static_, final_, has_nontrivial_initializer, unboxed, reflectable, initializer_changed_after_initialization,
        has_pragma, covariant, generic_covariant_impl, is_late, is_extension_member, is_extension_type_member,
        needs_load_guard, has_initializer, shared, no_sanitize_thread, has_deeply_immutable_type,
        is_dynamically_callable,
    }
    /// `Code.state_bits` (runtime/vm/object.h).
    code_state: CodeStateBits = "Code.state" { optimized, force_optimized, alive, discarded, ptr_off }
    /// `ClosureData.packed_fields` (runtime/vm/raw_object.h).
    closure_data: ClosureDataBits = "ClosureData.packed_fields" {
        packed_instantiation_mode, packed_awaiter_link_depth, packed_awaiter_link_index,
        captures_only_shared_fields,
    }
    /// `FunctionType.packed_type_parameter_counts` (runtime/vm/raw_object.h).
    type_parameter_counts: TypeParameterCountBits = "FunctionType.packed_type_parameter_counts" {
        packed_num_parent_type_arguments, packed_num_type_parameters,
    }
    /// `FunctionType.packed_parameter_counts` (runtime/vm/raw_object.h).
    parameter_counts: ParameterCountBits = "FunctionType.packed_parameter_counts" {
        packed_num_implicit_parameters, packed_has_named_optional_parameters, packed_num_fixed_parameters,
        packed_num_optional_parameters,
    }
    /// `AbstractType.flags` with the additions of `Type` and `TypeParameter` (runtime/vm/raw_object.h).
    type_flags: TypeFlagBits = "AbstractType.flags" {
        nullability, type_state, type_class_id, is_function_type_parameter,
    }
    /// `Closure.length_and_flags`, a Smi; the bits above are the number of elements
    /// (runtime/vm/raw_object.h).
    closure_flags: ClosureFlagBits = "Closure.length_and_flags" {
        has_delayed_type_arguments, has_instantiator_type_arguments, has_function_type_arguments,
        function_type_arguments_index,
    }
    /// Header of a stack map (runtime/vm/raw_object.h).
    compressed_stack_maps: StackMapHeaderBits = "CompressedStackMaps.flags_and_size" {
        global_table, uses_table, size,
    }
    /// `ExceptionHandlers.packed_fields` (runtime/vm/raw_object.h).
    exception_handlers: ExceptionHandlersBits = "ExceptionHandlers.packed_fields" { async_handler, num_entries }
    /// Kind and metadata of a PC descriptor (runtime/vm/raw_object.h).
    pc_descriptors: PcDescriptorBits = "PcDescriptors.kind_and_metadata" { kind_shift, try_index, yield_index }
    /// One operation of a code source map (runtime/vm/code_descriptors.h).
    code_source_map: CodeSourceMapBits = "CodeSourceMap.op" { op, arg }
    /// `CatchEntryMove.dest_and_kind`; the bits above the kind are the signed destination slot
    /// (runtime/vm/exceptions.h).
    catch_entry_move: CatchEntryMoveBits = "CatchEntryMove.dest_and_kind" { source_kind }
    /// Kind of an object pool entry (runtime/vm/compiler/assembler/object_pool_builder.h).
    object_pool_entry: ObjectPoolEntryBits = "ObjectPool.entry" { type_, patchable, snapshot_behavior }
    /// `NativeArguments.argc_tag` (runtime/vm/native_arguments.h).
    native_arguments: NativeArgumentsBits = "NativeArguments.argc_tag" {
        argc, generic_function, reverse_arg_order,
    }
    /// `Library.flags` (runtime/vm/raw_object.h).
    library_flags: LibraryFlagBits = "Library.flags" { dart_scheme, debuggable }
    /// `Thread.safepoint_state` (runtime/vm/thread.h).
    safepoint_state: SafepointStateBits = "Thread.safepoint_state" {
        at_safepoint, safepoint_requested, at_deopt_safepoint, deopt_safepoint_requested, at_reload_safepoint,
        reload_safepoint_requested, active_mutator_stealable, active_mutator_stolen, blocked_for_safepoint,
        bypass_safepoints, unwind_error_in_progress, no_reload_scope,
    }
}

groups! {
    /// Values of the engine's enumerations.
    Enums of u32;

    /// `UntaggedFunction::Kind` (runtime/vm/raw_object.h).
    function_kind: FunctionKinds = "FunctionKind" {
        regular_function, closure_function, implicit_closure_function, getter_function, setter_function,
        constructor, implicit_getter, implicit_setter, implicit_static_getter, field_initializer,
        method_extractor, no_such_method_dispatcher, invoke_field_dispatcher, irregexp_function,
        dynamic_invocation_forwarder, ffi_trampoline, record_field_getter,
    }
    /// `UntaggedFunction::AsyncModifier` (runtime/vm/raw_object.h).
    async_modifier: AsyncModifiers = "AsyncModifier" { no_modifier, async_, sync_gen, async_gen }
    /// `UntaggedClass::ClassFinalizedState` (runtime/vm/raw_object.h).
    class_finalized_state: ClassFinalizedStates = "ClassFinalizedState" {
        allocated, pre_finalized, finalized, allocate_finalized,
    }
    /// `UntaggedClass::ClassLoadingState` (runtime/vm/raw_object.h).
    class_loading_state: ClassLoadingStates = "ClassLoadingState" {
        name_only, declaration_loaded, type_finalized,
    }
    /// `UntaggedAbstractType::TypeState` (runtime/vm/raw_object.h).
    type_state: TypeStates = "TypeState" { allocated, finalized_instantiated, finalized_uninstantiated }
    /// `InstantiationMode` of a closure's default type arguments (runtime/vm/raw_object.h).
    instantiation_mode: InstantiationModes = "InstantiationMode" {
        needs_instantiation, is_instantiated, shares_instantiator_type_arguments,
        shares_function_type_arguments,
    }
    /// PC descriptor kinds as stored: the bit number of the kind (runtime/vm/raw_object.h).
    pc_descriptor_kind: PcDescriptorKinds = "PcDescriptorKind" {
        deopt, ic_call, unopt_static_call, runtime_call, osr_entry, rewind, other,
    }
    /// Operations of a code source map (runtime/vm/code_descriptors.h).
    code_source_map_op: CodeSourceMapOps = "CodeSourceMapOp" {
        change_position, advance_pc, push_function, pop_function, null_check,
    }
    /// `CatchEntryMove::SourceKind` (runtime/vm/exceptions.h).
    catch_entry_source: CatchEntrySources = "CatchEntryMoveSource" {
        constant, tagged_slot, float_slot, double_slot, float32x4_slot, float64x2_slot, int32x4_slot,
        int64_pair_slot, int64_slot, int32_slot, uint32_slot,
    }
    /// `ObjectPoolBuilderEntry::EntryType` (runtime/vm/compiler/assembler/object_pool_builder.h).
    pool_entry_type: PoolEntryTypes = "ObjectPoolEntryType" { immediate, tagged_object, native_function }
    /// `ObjectPoolBuilderEntry::Patchability`.
    pool_patchability: PoolPatchabilities = "ObjectPoolPatchability" { patchable, not_patchable }
    /// `ObjectPoolBuilderEntry::SnapshotBehavior`.
    pool_snapshot_behavior: PoolSnapshotBehaviors = "ObjectPoolSnapshotBehavior" {
        snapshotable, not_snapshotable, reset_to_bootstrap_native, reset_to_switchable_call_miss_entry_point,
        set_to_zero,
    }
    /// `Snapshot::Kind` (runtime/vm/snapshot.h).
    snapshot_kind: SnapshotKinds = "SnapshotKind" { full, full_jit, full_aot, module }
    /// `TypeCheckMode`, last argument of the runtime entry TypeCheck
    /// (runtime/vm/compiler/api/type_check_mode.h).
    type_check_mode: TypeCheckModes = "TypeCheckMode" {
        type_check_from_lazy_specialize_stub, type_check_from_slow_stub, type_check_from_inline,
    }
    /// `VMTag::VMTagId`, values of `Thread.vm_tag` (runtime/vm/tags.h).
    vm_tag: VmTags = "VMTag" { invalid, idle, load_wait, vm, dart, runtime, native, gc_new_space, gc_old_space }
    /// `Thread::ExecutionState` (runtime/vm/thread.h).
    execution_state: ExecutionStates = "ExecutionState" {
        thread_in_vm, thread_in_generated, thread_in_native, thread_in_blocked_state,
    }
    /// Values of `Thread.exit_through_ffi` (runtime/vm/thread.h).
    exit_through: ExitThrough = "ExitThrough" {
        did_not_exit, exit_through_ffi, exit_through_runtime_call,
    }
    /// `CodeEntryKind` (runtime/vm/code_entry_kind.h).
    code_entry_kind: CodeEntryKinds = "CodeEntryKind" {
        normal, unchecked, monomorphic, monomorphic_unchecked,
    }
    /// `Report::Kind`, kind of a LanguageError (runtime/vm/report.h).
    report_kind: ReportKinds = "ReportKind" { warning, error, bailout }
    /// `FfiCallbackKind`, `FfiTrampolineData.ffi_function_kind` (runtime/vm/object.h).
    ffi_callback_kind: FfiCallbackKinds = "FfiCallbackKind" {
        isolate_local_static_callback, isolate_group_bound_static_callback, isolate_local_closure_callback,
        isolate_group_bound_closure_callback, async_callback,
    }
    /// `FfiCallbackMetadata::RuntimeFunctions` (runtime/vm/ffi_callback_metadata.h).
    ffi_runtime_function: FfiRuntimeFunctions = "FfiRuntimeFunction" {
        get_ffi_callback_metadata, do_redirected_ffi_callback, group_ffi_callback_metadata,
    }
    /// `UntaggedLoadingUnit::LoadState` (runtime/vm/raw_object.h).
    loading_unit_state: LoadingUnitStates = "LoadingUnitState" { not_loaded, load_outstanding, loaded }
}

#[cfg(test)]
mod tests {
    use super::BitField;

    #[test]
    fn bit_fields_encode_and_decode() {
        let field = BitField { shift: 12, size: 20 };
        assert_eq!(field.encode(0x1d), 0x1d000);
        assert_eq!(field.decode(0xfff1_dfff), 0xfff1d);
        assert_eq!(field.mask(), 0xffff_f000);
        assert_eq!(field.checked_encode(1 << 20), None);
        assert_eq!(BitField { shift: 0, size: 64 }.max(), u64::MAX);
        assert_eq!(BitField { shift: 3, size: 1 }.flag(true), 8);
    }
}
