//! Structures with one field per named entry of an engine list, so that consumers write `engine.cids.array`
//! instead of looking names up. The numbers come from the engine's data; a name the data does not have is an
//! error when the engine is loaded.

use crate::data::{DataError, field_index};
use crate::engine::{LeafEntry, RuntimeEntry, Stub};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $entry:ident, $wrap:expr, $what:literal { $($field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $(
                #[doc = concat!("The ", $what, " `", stringify!($field), "`.")]
                pub $field: $entry,
            )*
        }

        impl $name {
            /// The fields' names, in the order of the structure.
            #[cfg(test)]
            pub(crate) const FIELDS: &[&str] = &[$(stringify!($field),)*];

            /// `names` are pairs of snake-case name and number.
            pub(crate) fn read(names: &[(String, u32)]) -> Result<Self, DataError> {
                let wrap = $wrap;
                Ok(Self { $($field: wrap(field_index(names, stringify!($field), $what)?),)* })
            }
        }
    };
}

named! {
    /// Class ids of the predefined classes (runtime/vm/class_id.h).
    Cids, u32, |index| index, "class id" {
        illegal, native_pointer, free_list_element, forwarding_corpse, object, class, patch_class, function,
        type_parameters, closure_data, ffi_trampoline_data, field, script, library, namespace,
        kernel_program_info, weak_serialization_reference, weak_array, code, bytecode, instructions,
        instructions_section, instructions_table, object_pool, pc_descriptors, code_source_map,
        compressed_stack_maps, local_var_descriptors, exception_handlers, context, context_scope, sentinel,
        single_target_cache, monomorphic_smiable_call, call_site_data, unlinked_call, ic_data,
        megamorphic_cache, subtype_test_cache, loading_unit, error, api_error, language_error,
        unhandled_exception, unwind_error, instance, library_prefix, type_arguments, abstract_type, type_,
        function_type, record_type, type_parameter, finalizer_base, finalizer, native_finalizer,
        finalizer_entry, closure, number, integer, smi, mint, double, bool, float32x4, int32x4, float64x2,
        record, typed_data_base, typed_data, external_typed_data, typed_data_view, pointer, dynamic_library,
        capability, receive_port, send_port, stack_trace, suspend_state, reg_exp, weak_property,
        weak_reference, mirror_reference, future_or, user_tag, transferable_typed_data, map, const_map, set,
        const_set, array, immutable_array, growable_object_array, string, one_byte_string, two_byte_string,
        linked_hash_base, ffi_native_function, ffi_int8, ffi_int16, ffi_int32, ffi_int64, ffi_uint8,
        ffi_uint16, ffi_uint32, ffi_uint64, ffi_float, ffi_double, ffi_void, ffi_handle, ffi_bool,
        ffi_native_type, ffi_struct, typed_data_int8_array, typed_data_int8_array_view,
        external_typed_data_int8_array, unmodifiable_typed_data_int8_array_view, typed_data_uint8_array,
        typed_data_uint8_array_view, external_typed_data_uint8_array,
        unmodifiable_typed_data_uint8_array_view, typed_data_uint8_clamped_array,
        typed_data_uint8_clamped_array_view, external_typed_data_uint8_clamped_array,
        unmodifiable_typed_data_uint8_clamped_array_view, typed_data_int16_array,
        typed_data_int16_array_view, external_typed_data_int16_array,
        unmodifiable_typed_data_int16_array_view, typed_data_uint16_array, typed_data_uint16_array_view,
        external_typed_data_uint16_array, unmodifiable_typed_data_uint16_array_view, typed_data_int32_array,
        typed_data_int32_array_view, external_typed_data_int32_array,
        unmodifiable_typed_data_int32_array_view, typed_data_uint32_array, typed_data_uint32_array_view,
        external_typed_data_uint32_array, unmodifiable_typed_data_uint32_array_view, typed_data_int64_array,
        typed_data_int64_array_view, external_typed_data_int64_array,
        unmodifiable_typed_data_int64_array_view, typed_data_uint64_array, typed_data_uint64_array_view,
        external_typed_data_uint64_array, unmodifiable_typed_data_uint64_array_view,
        typed_data_float32_array, typed_data_float32_array_view, external_typed_data_float32_array,
        unmodifiable_typed_data_float32_array_view, typed_data_float64_array, typed_data_float64_array_view,
        external_typed_data_float64_array, unmodifiable_typed_data_float64_array_view,
        typed_data_float32x4_array, typed_data_float32x4_array_view, external_typed_data_float32x4_array,
        unmodifiable_typed_data_float32x4_array_view, typed_data_int32x4_array,
        typed_data_int32x4_array_view, external_typed_data_int32x4_array,
        unmodifiable_typed_data_int32x4_array_view, typed_data_float64x2_array,
        typed_data_float64x2_array_view, external_typed_data_float64x2_array,
        unmodifiable_typed_data_float64x2_array_view, byte_data_view, unmodifiable_byte_data_view,
        byte_buffer, null, dynamic, void, never,
    }
}

named! {
    /// The stubs of the engine's stub list (runtime/vm/stub_code_list.h).
    Stubs, Stub, Stub, "stub" {
        jump_to_frame, run_exception_handler, run_exception_handler_unbox, deopt_for_rewind, write_barrier,
        write_barrier_wrappers, array_write_barrier, allocation_probe_point, allocate_array, allocate_mint,
        allocate_double, allocate_float32x4, allocate_float64x2, allocate_int32x4, allocate_int8_array,
        allocate_uint8_array, allocate_uint8_clamped_array, allocate_int16_array, allocate_uint16_array,
        allocate_int32_array, allocate_uint32_array, allocate_int64_array, allocate_uint64_array,
        allocate_float32_array, allocate_float64_array, allocate_float32x4_array, allocate_int32x4_array,
        allocate_float64x2_array, allocate_mint_shared_with_fpu_regs, allocate_mint_shared_without_fpu_regs,
        allocate_closure1, allocate_closure2, allocate_closure3, allocate_closure4, allocate_context,
        allocate_growable_array, allocate_object, allocate_object_parameterized, allocate_object_slow,
        allocate_record, allocate_record2, allocate_record2_named, allocate_record3, allocate_record3_named,
        allocate_unhandled_exception, box_double, box_float32x4, box_float64x2, clone_context,
        call_to_runtime, lazy_compile, interpret_call, resume_interpreter, call_bootstrap_native,
        call_no_scope_native, call_auto_scope_native, fix_callers_target, call_static_function,
        optimize_function, invoke_dart_code, invoke_dart_code_from_bytecode, debug_step_check,
        switchable_call_miss, monomorphic_smiable_check, single_target_call, ic_call_through_code,
        megamorphic_call, fix_allocation_stub_target, fix_parameterized_allocation_stub_target, deoptimize,
        deoptimize_lazy_from_return, deoptimize_lazy_from_throw, unoptimized_identical_with_number_check,
        optimized_identical_with_number_check, ic_call_breakpoint, unopt_static_call_breakpoint,
        runtime_call_breakpoint, one_arg_check_inline_cache, two_args_check_inline_cache,
        smi_add_inline_cache, smi_less_inline_cache, smi_equal_inline_cache,
        one_arg_optimized_check_inline_cache, two_args_optimized_check_inline_cache,
        zero_args_unoptimized_static_call, one_arg_unoptimized_static_call,
        two_args_unoptimized_static_call, assert_subtype, assert_assignable, is_top_type,
        null_is_assignable_to_type, subtype1_test_cache, subtype2_test_cache, subtype3_test_cache,
        subtype4_test_cache, subtype6_test_cache, subtype7_test_cache, default_type_test,
        default_nullable_type_test, top_type_type_test, unreachable_type_test, type_parameter_type_test,
        nullable_type_parameter_type_test, slow_type_test, lazy_specialize_type_test,
        lazy_specialize_nullable_type_test, call_closure_no_such_method, frame_awaiting_materialization,
        asynchronous_gap_marker, not_loaded, dispatch_table_null_error,
        late_initialization_error_shared_with_fpu_regs, late_initialization_error_shared_without_fpu_regs,
        null_error_shared_with_fpu_regs, null_error_shared_without_fpu_regs,
        null_arg_error_shared_with_fpu_regs, null_arg_error_shared_without_fpu_regs,
        null_cast_error_shared_with_fpu_regs, null_cast_error_shared_without_fpu_regs,
        range_error_shared_with_fpu_regs, range_error_shared_without_fpu_regs,
        write_error_shared_with_fpu_regs, write_error_shared_without_fpu_regs,
        field_access_error_shared_with_fpu_regs, field_access_error_shared_without_fpu_regs,
        stack_overflow_shared_with_fpu_regs, stack_overflow_shared_without_fpu_regs, double_to_integer,
        one_arg_check_inline_cache_with_exactness_check,
        one_arg_optimized_check_inline_cache_with_exactness_check, enter_safepoint, exit_safepoint,
        call_native_through_safepoint, ffi_call_trampoline, ffi_callback_trampoline, init_static_field,
        init_late_static_field, init_late_final_static_field, init_instance_field, init_late_instance_field,
        init_late_final_instance_field, init_shared_late_static_field, throw, re_throw, instance_of,
        instantiate_type, instantiate_type_non_nullable_class_type_parameter,
        instantiate_type_nullable_class_type_parameter,
        instantiate_type_non_nullable_function_type_parameter,
        instantiate_type_nullable_function_type_parameter, instantiate_type_arguments,
        instantiate_type_arguments_may_share_instantiator_ta,
        instantiate_type_arguments_may_share_function_ta, no_such_method_dispatcher, await_,
        await_with_type_check, init_async, resume, return_async, return_async_not_future, init_async_star,
        yield_async_star, return_async_star, init_sync_star, suspend_sync_star_at_start,
        suspend_sync_star_at_yield, async_exception_handler, clone_suspend_state, ffi_async_callback_send,
        check_isolate_field_access, checked_store_into_shared, ensure_deeply_immutable, unknown_dart_code,
    }
}

named! {
    /// Runtime entries that are called through an exit frame (`RUNTIME_ENTRY_LIST`,
    /// runtime/vm/runtime_entry_list.h).
    RuntimeEntries, RuntimeEntry, RuntimeEntry, "runtime entry" {
        allocate_array, allocate_mint, allocate_double, allocate_float32x4, allocate_float64x2,
        allocate_int32x4, allocate_typed_data, allocate_closure, allocate_context, allocate_object,
        allocate_record, allocate_small_record, allocate_suspend_state, box_double, box_float32x4,
        box_float64x2, breakpoint_runtime_handler, single_step_handler, resumption_breakpoint_handler,
        clone_context, clone_suspend_state, double_to_integer, fix_callers_target,
        fix_callers_target_monomorphic, fix_allocation_stub_target, inline_cache_miss_handler_one_arg,
        inline_cache_miss_handler_two_args, static_call_miss_handler_one_arg,
        static_call_miss_handler_two_args, instanceof, subtype_check, type_check, instantiate_type,
        instantiate_type_arguments, no_such_method_from_call_stub, no_such_method_from_prologue,
        no_such_method_error, optimize_invoked_function, patch_static_call, range_error,
        range_error_unboxed_int64, write_error, null_error, null_error_with_selector, null_cast_error,
        type_error, argument_null_error, dispatch_table_null_error, argument_error,
        argument_error_unboxed_int64, integer_division_by_zero_exception, re_throw,
        interrupt_or_stack_overflow, throw, deoptimize_materialize, rewind_post_deopt, update_field_cid,
        init_instance_field, init_static_field, static_field_accessed_without_isolate_error,
        checked_store_into_shared, late_field_already_initialized_error,
        late_field_assigned_during_initialization_error, late_field_not_initialized_error, compile_function,
        resume_frame, switchable_call_miss, not_loaded, ffi_async_callback_send,
        allocate_subtype_test_cache, get_field_for_dispatch,
        adjust_arguments_desciptor_for_implicit_closure, convert_to_instance_type_arguments,
        closure_arguments_valid, resolve_call_function, resolve_external_call, ffi_call,
        check_function_argument_types, interpreted_instance_call_miss_handler, invoke_no_such_method,
        resume_interpreter, initialize_shared_field, fatal_error, ensure_deeply_immutable,
        allocate_bytecode_coverage_array,
    }
}

named! {
    /// Runtime entries that are called as plain C functions (`LEAF_RUNTIME_ENTRY_LIST`,
    /// runtime/vm/runtime_entry_list.h).
    LeafEntries, LeafEntry, LeafEntry, "leaf runtime entry" {
        deoptimize_copy_frame, deoptimize_fill_frame, store_buffer_block_process,
        old_marking_stack_block_process, new_marking_stack_block_process,
        ensure_remembered_and_marking_deferred, libc_pow, dart_modulo, libc_fmod, libc_floor, libc_ceil,
        libc_trunc, libc_round, libc_cos, libc_sin, libc_tan, libc_acos, libc_asin, libc_atan, libc_atan2,
        libc_exp, libc_log, enter_safepoint, exit_safepoint, enter_handle_scope, exit_handle_scope,
        allocate_handle, propagate_error, msan_unpoison, msan_unpoison_param, tsan_atomic32_load,
        tsan_atomic32_store, tsan_atomic64_load, tsan_atomic64_store, san_read1, san_read2, san_read4,
        san_read8, san_read16, san_write1, san_write2, san_write4, san_write8, san_write16, tsan_func_entry,
        tsan_func_exit, try_double_as_integer, memory_move,
    }
}
