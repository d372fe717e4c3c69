//! Typed byte offsets, sizes and limits per architecture and pointer compression.
//!
//! The engine's build writes `runtime/vm/compiler/runtime_offsets_extracted.h`: the layout of every structure
//! that generated code touches, for each word size, architecture and build mode. The structures below give
//! names to that table. They hold no numbers of their own: each field is looked up by its name in the engine's
//! data when the engine is loaded, so a second engine revision needs no change here unless a field vanishes.
//!
//! Conventions:
//! - an *offset* is in bytes from the start of the object, untagged, as in the engine's sources. A heap object
//!   pointer is its address plus [`HEAP_OBJECT_TAG`]; code that starts from a tagged pointer subtracts the tag.
//!   Thread, page and block offsets are relative to plain addresses.
//! - a *size* or position is in bytes or bits, or an index, as its name says;
//! - *frame* slots are in words from the frame or stack pointer of AOT code;
//! - a *limit* is a count or mask that may exceed 32 bits.

use crate::data::{DataError, Values};
use crate::engine::{LeafEntry, RuntimeEntry};

/// Value added to the address of a heap object to form a tagged pointer (`kHeapObjectTag`, pointer_tagging.h).
pub const HEAP_OBJECT_TAG: i32 = 1;

/// Number of low bits that distinguish a Smi from a heap object; a Smi is `value << SMI_TAG_SIZE`
/// (`kSmiTagSize`, pointer_tagging.h).
pub const SMI_TAG_SIZE: u32 = 1;

macro_rules! layouts {
    ($( $name:ident $class:literal {
        offsets: [$($offset:ident),* $(,)?],
        sizes: [$($size:ident = $size_key:literal),* $(,)?],
        limits: [$($limit:ident = $limit_key:literal),* $(,)?],
    } )*) => {
        $(
            #[doc = concat!("Layout constants of the engine's `", $class, "`.")]
            #[derive(Debug, Clone, PartialEq, Eq)]
            pub struct $name {
                $(
                    #[doc = concat!("`", $class, "_", stringify!($offset), "_offset`, in bytes.")]
                    pub $offset: i32,
                )*
                $(
                    #[doc = concat!("`", $size_key, "`.")]
                    pub $size: i32,
                )*
                $(
                    #[doc = concat!("`", $limit_key, "`.")]
                    pub $limit: i64,
                )*
            }

            impl $name {
                fn read(values: &Values) -> Result<Self, DataError> {
                    Ok(Self {
                        $( $offset: values.i32(concat!($class, "_", stringify!($offset), "_offset"))?, )*
                        $( $size: values.i32($size_key)?, )*
                        $( $limit: values.i64($limit_key)?, )*
                    })
                }
            }
        )*
    };
}

layouts! {
    AbstractTypeLayout "AbstractType" {
        offsets: [
            flags, hash, type_test_stub_entry_point,
        ],
        sizes: [
            instance_size = "AbstractType_InstanceSize",
        ],
        limits: [],
    }
    ApiErrorLayout "ApiError" {
        offsets: [],
        sizes: [
            instance_size = "ApiError_InstanceSize",
        ],
        limits: [],
    }
    ArgumentsDescriptorLayout "ArgumentsDescriptor" {
        offsets: [
            count, first_named_entry, name, position, positional_count, size, type_args_len,
        ],
        sizes: [
            named_entry_size = "ArgumentsDescriptor_named_entry_size",
        ],
        limits: [],
    }
    ArrayLayout "Array" {
        offsets: [
            data, length, tags, type_arguments,
        ],
        sizes: [
            element_size = "Array_element_size",
            elements_start = "Array_elements_start_offset",
            header_size = "Array_header_size",
        ],
        limits: [
            max_elements = "Array_kMaxElements",
            max_new_space_elements = "Array_kMaxNewSpaceElements",
        ],
    }
    BoolLayout "Bool" {
        offsets: [],
        sizes: [
            instance_size = "Bool_InstanceSize",
        ],
        limits: [],
    }
    BytecodeLayout "Bytecode" {
        offsets: [],
        sizes: [
            instance_size = "Bytecode_InstanceSize",
        ],
        limits: [],
    }
    CallSiteDataLayout "CallSiteData" {
        offsets: [
            arguments_descriptor,
        ],
        sizes: [],
        limits: [],
    }
    CapabilityLayout "Capability" {
        offsets: [],
        sizes: [
            instance_size = "Capability_InstanceSize",
        ],
        limits: [],
    }
    ClassLayout "Class" {
        offsets: [
            declaration_type, host_type_arguments_field_offset_in_words, num_type_arguments, super_type,
        ],
        sizes: [
            instance_size = "Class_InstanceSize",
        ],
        limits: [],
    }
    ClosureLayout "Closure" {
        offsets: [
            entry_point, function, hash, length_and_flags,
        ],
        sizes: [
            element_size = "Closure_element_size",
            elements_start = "Closure_elements_start_offset",
        ],
        limits: [],
    }
    ClosureDataLayout "ClosureData" {
        offsets: [
            packed_fields,
        ],
        sizes: [
            instance_size = "ClosureData_InstanceSize",
        ],
        limits: [],
    }
    CodeLayout "Code" {
        offsets: [
            instructions, object_pool, owner,
        ],
        sizes: [
            entry_point = "Code_entry_point_offset[0]",
            unchecked_entry_point = "Code_entry_point_offset[1]",
            monomorphic_entry_point = "Code_entry_point_offset[2]",
            monomorphic_unchecked_entry_point = "Code_entry_point_offset[3]",
            element_size = "Code_element_size",
            elements_start = "Code_elements_start_offset",
        ],
        limits: [],
    }
    CodeSourceMapLayout "CodeSourceMap" {
        offsets: [],
        sizes: [
            header_size = "CodeSourceMap_HeaderSize",
        ],
        limits: [],
    }
    CompressedStackMapsLayout "CompressedStackMaps" {
        offsets: [],
        sizes: [
            object_header_size = "CompressedStackMaps_ObjectHeaderSize",
            payload_header_size = "CompressedStackMaps_PayloadHeaderSize",
        ],
        limits: [],
    }
    ContextLayout "Context" {
        offsets: [
            num_variables, parent,
        ],
        sizes: [
            element_size = "Context_element_size",
            elements_start = "Context_elements_start_offset",
            header_size = "Context_header_size",
        ],
        limits: [
            max_elements = "Context_kMaxElements",
        ],
    }
    ContextScopeLayout "ContextScope" {
        offsets: [],
        sizes: [
            element_size = "ContextScope_element_size",
            elements_start = "ContextScope_elements_start_offset",
        ],
        limits: [],
    }
    DoubleLayout "Double" {
        offsets: [
            value,
        ],
        sizes: [
            instance_size = "Double_InstanceSize",
        ],
        limits: [],
    }
    DynamicLibraryLayout "DynamicLibrary" {
        offsets: [],
        sizes: [
            instance_size = "DynamicLibrary_InstanceSize",
        ],
        limits: [],
    }
    ExceptionHandlersLayout "ExceptionHandlers" {
        offsets: [],
        sizes: [
            element_size = "ExceptionHandlers_element_size",
            elements_start = "ExceptionHandlers_elements_start_offset",
        ],
        limits: [],
    }
    FfiTrampolineDataLayout "FfiTrampolineData" {
        offsets: [],
        sizes: [
            instance_size = "FfiTrampolineData_InstanceSize",
        ],
        limits: [],
    }
    FieldLayout "Field" {
        offsets: [
            guarded_cid, guarded_list_length, guarded_list_length_in_object_offset, host_offset_or_field_id,
            initializer_function, is_nullable, kind_bits,
        ],
        sizes: [
            instance_size = "Field_InstanceSize",
        ],
        limits: [],
    }
    FinalizerLayout "Finalizer" {
        offsets: [
            callback, type_arguments,
        ],
        sizes: [
            instance_size = "Finalizer_InstanceSize",
        ],
        limits: [],
    }
    FinalizerBaseLayout "FinalizerBase" {
        offsets: [
            all_entries, detachments, entries_collected, isolate,
        ],
        sizes: [],
        limits: [],
    }
    FinalizerEntryLayout "FinalizerEntry" {
        offsets: [
            detach, external_size, finalizer, next, token, value,
        ],
        sizes: [
            instance_size = "FinalizerEntry_InstanceSize",
        ],
        limits: [],
    }
    Float32x4Layout "Float32x4" {
        offsets: [
            value,
        ],
        sizes: [
            instance_size = "Float32x4_InstanceSize",
        ],
        limits: [],
    }
    Float64x2Layout "Float64x2" {
        offsets: [
            value,
        ],
        sizes: [
            instance_size = "Float64x2_InstanceSize",
        ],
        limits: [],
    }
    FunctionLayout "Function" {
        offsets: [
            code, data, kind_tag, signature,
        ],
        sizes: [
            entry_point = "Function_entry_point_offset[0]",
            unchecked_entry_point = "Function_entry_point_offset[1]",
            instance_size = "Function_InstanceSize",
        ],
        limits: [],
    }
    FunctionTypeLayout "FunctionType" {
        offsets: [
            named_parameter_names, packed_parameter_counts, packed_type_parameter_counts, parameter_types,
            type_parameters,
        ],
        sizes: [
            instance_size = "FunctionType_InstanceSize",
        ],
        limits: [],
    }
    FutureOrLayout "FutureOr" {
        offsets: [
            type_arguments,
        ],
        sizes: [
            instance_size = "FutureOr_InstanceSize",
        ],
        limits: [],
    }
    GrowableObjectArrayLayout "GrowableObjectArray" {
        offsets: [
            data, length, type_arguments,
        ],
        sizes: [
            instance_size = "GrowableObjectArray_InstanceSize",
        ],
        limits: [],
    }
    HeapLayout "Heap" {
        offsets: [],
        sizes: [],
        limits: [
            new_allocatable_size = "Heap_kNewAllocatableSize",
        ],
    }
    ICDataLayout "ICData" {
        offsets: [
            entries, owner, state_bits,
        ],
        sizes: [
            instance_size = "ICData_InstanceSize",
            num_args_tested_shift = "ICData_NumArgsTestedShift",
        ],
        limits: [
            num_args_tested_mask = "ICData_NumArgsTestedMask",
        ],
    }
    ImmutableLinkedHashBaseLayout "ImmutableLinkedHashBase" {
        offsets: [
            data,
        ],
        sizes: [],
        limits: [],
    }
    InstanceLayout "Instance" {
        offsets: [
            first_field,
        ],
        sizes: [
            instance_size = "Instance_InstanceSize",
        ],
        limits: [],
    }
    InstructionsLayout "Instructions" {
        offsets: [],
        sizes: [
            bare_payload_alignment = "Instructions_kBarePayloadAlignment",
            monomorphic_entry_offset_aot = "Instructions_kMonomorphicEntryOffsetAOT",
            monomorphic_entry_offset_jit = "Instructions_kMonomorphicEntryOffsetJIT",
            non_bare_payload_alignment = "Instructions_kNonBarePayloadAlignment",
            polymorphic_entry_offset_aot = "Instructions_kPolymorphicEntryOffsetAOT",
            polymorphic_entry_offset_jit = "Instructions_kPolymorphicEntryOffsetJIT",
            unaligned_header_size = "Instructions_UnalignedHeaderSize",
        ],
        limits: [],
    }
    InstructionsSectionLayout "InstructionsSection" {
        offsets: [],
        sizes: [
            header_size = "InstructionsSection_HeaderSize",
            unaligned_header_size = "InstructionsSection_UnalignedHeaderSize",
        ],
        limits: [],
    }
    InstructionsTableLayout "InstructionsTable" {
        offsets: [],
        sizes: [
            instance_size = "InstructionsTable_InstanceSize",
        ],
        limits: [],
    }
    Int32x4Layout "Int32x4" {
        offsets: [
            value,
        ],
        sizes: [
            instance_size = "Int32x4_InstanceSize",
        ],
        limits: [],
    }
    IntegerLayout "Integer" {
        offsets: [],
        sizes: [
            instance_size = "Integer_InstanceSize",
        ],
        limits: [],
    }
    IsolateLayout "Isolate" {
        offsets: [
            finalizers,
        ],
        sizes: [],
        limits: [],
    }
    IsolateGroupLayout "IsolateGroup" {
        offsets: [
            cached_class_table_table, class_table, object_store,
        ],
        sizes: [],
        limits: [],
    }
    KernelProgramInfoLayout "KernelProgramInfo" {
        offsets: [],
        sizes: [
            instance_size = "KernelProgramInfo_InstanceSize",
        ],
        limits: [],
    }
    LanguageErrorLayout "LanguageError" {
        offsets: [],
        sizes: [
            instance_size = "LanguageError_InstanceSize",
        ],
        limits: [],
    }
    LibraryLayout "Library" {
        offsets: [],
        sizes: [
            instance_size = "Library_InstanceSize",
        ],
        limits: [],
    }
    LibraryPrefixLayout "LibraryPrefix" {
        offsets: [],
        sizes: [
            instance_size = "LibraryPrefix_InstanceSize",
        ],
        limits: [],
    }
    LinkedHashBaseLayout "LinkedHashBase" {
        offsets: [
            data, deleted_keys, hash_mask, index, type_arguments, used_data,
        ],
        sizes: [
            instance_size = "LinkedHashBase_InstanceSize",
            next_field_offset = "LinkedHashBase_NextFieldOffset",
        ],
        limits: [],
    }
    LoadingUnitLayout "LoadingUnit" {
        offsets: [],
        sizes: [
            instance_size = "LoadingUnit_InstanceSize",
        ],
        limits: [],
    }
    LocalHandleLayout "LocalHandle" {
        offsets: [
            ptr,
        ],
        sizes: [
            instance_size = "LocalHandle_InstanceSize",
        ],
        limits: [],
    }
    LocalVarDescriptorsLayout "LocalVarDescriptors" {
        offsets: [],
        sizes: [
            element_size = "LocalVarDescriptors_element_size",
            elements_start = "LocalVarDescriptors_elements_start_offset",
        ],
        limits: [],
    }
    MarkingStackBlockLayout "MarkingStackBlock" {
        offsets: [
            pointers, top,
        ],
        sizes: [
            size = "MarkingStackBlock_kSize",
        ],
        limits: [],
    }
    MegamorphicCacheLayout "MegamorphicCache" {
        offsets: [
            buckets, mask,
        ],
        sizes: [
            instance_size = "MegamorphicCache_InstanceSize",
        ],
        limits: [],
    }
    MintLayout "Mint" {
        offsets: [
            value,
        ],
        sizes: [
            instance_size = "Mint_InstanceSize",
        ],
        limits: [],
    }
    MirrorReferenceLayout "MirrorReference" {
        offsets: [],
        sizes: [
            instance_size = "MirrorReference_InstanceSize",
        ],
        limits: [],
    }
    MonomorphicSmiableCallLayout "MonomorphicSmiableCall" {
        offsets: [
            entrypoint, expected_cid,
        ],
        sizes: [
            instance_size = "MonomorphicSmiableCall_InstanceSize",
        ],
        limits: [],
    }
    NamespaceLayout "Namespace" {
        offsets: [],
        sizes: [
            instance_size = "Namespace_InstanceSize",
        ],
        limits: [],
    }
    NativeArgumentsLayout "NativeArguments" {
        offsets: [
            argc_tag, argv, retval, thread,
        ],
        sizes: [
            struct_size = "NativeArguments_StructSize",
        ],
        limits: [],
    }
    NativeEntryLayout "NativeEntry" {
        offsets: [],
        sizes: [
            num_call_wrapper_arguments = "NativeEntry_kNumCallWrapperArguments",
        ],
        limits: [],
    }
    NativeFinalizerLayout "NativeFinalizer" {
        offsets: [
            callback,
        ],
        sizes: [
            instance_size = "NativeFinalizer_InstanceSize",
        ],
        limits: [],
    }
    NumberLayout "Number" {
        offsets: [],
        sizes: [
            instance_size = "Number_InstanceSize",
        ],
        limits: [],
    }
    ObjectLayout "Object" {
        offsets: [
            tags,
        ],
        sizes: [
            instance_size = "Object_InstanceSize",
        ],
        limits: [],
    }
    ObjectPoolLayout "ObjectPool" {
        offsets: [],
        sizes: [
            element_size = "ObjectPool_element_size",
            elements_start = "ObjectPool_elements_start_offset",
        ],
        limits: [],
    }
    ObjectStoreLayout "ObjectStore" {
        offsets: [
            double_type, ffi_callback_code, int_type, record_field_names, string_type, suspend_state_await,
            suspend_state_await_with_type_check, suspend_state_handle_exception, suspend_state_init_async,
            suspend_state_init_async_star, suspend_state_init_sync_star, suspend_state_return_async,
            suspend_state_return_async_not_future, suspend_state_return_async_star,
            suspend_state_suspend_sync_star_at_start, suspend_state_yield_async_star, type_type,
        ],
        sizes: [],
        limits: [],
    }
    OneByteStringLayout "OneByteString" {
        offsets: [
            data,
        ],
        sizes: [
            element_size = "OneByteString_element_size",
            elements_start = "OneByteString_elements_start_offset",
        ],
        limits: [
            max_new_space_elements = "OneByteString_kMaxNewSpaceElements",
        ],
    }
    PageLayout "Page" {
        offsets: [
            card_table, original_end, original_top,
        ],
        sizes: [
            page_size = "Page_kPageSize",
            bytes_per_card_log2 = "Page_kBytesPerCardLog2",
        ],
        limits: [
            page_mask = "Page_kPageMask",
        ],
    }
    PatchClassLayout "PatchClass" {
        offsets: [],
        sizes: [
            instance_size = "PatchClass_InstanceSize",
        ],
        limits: [],
    }
    PcDescriptorsLayout "PcDescriptors" {
        offsets: [],
        sizes: [
            header_size = "PcDescriptors_HeaderSize",
        ],
        limits: [],
    }
    PersistentHandleLayout "PersistentHandle" {
        offsets: [
            ptr,
        ],
        sizes: [],
        limits: [],
    }
    PointerLayout "Pointer" {
        offsets: [
            type_arguments,
        ],
        sizes: [
            instance_size = "Pointer_InstanceSize",
        ],
        limits: [],
    }
    ReceivePortLayout "ReceivePort" {
        offsets: [
            handler, send_port,
        ],
        sizes: [
            instance_size = "ReceivePort_InstanceSize",
        ],
        limits: [],
    }
    RecordLayout "Record" {
        offsets: [
            shape,
        ],
        sizes: [
            element_size = "Record_element_size",
            elements_start = "Record_elements_start_offset",
        ],
        limits: [
            max_elements = "Record_kMaxElements",
        ],
    }
    RecordShapeLayout "RecordShape" {
        offsets: [],
        sizes: [
            field_names_index_shift = "RecordShape_kFieldNamesIndexShift",
        ],
        limits: [
            field_names_index_mask = "RecordShape_kFieldNamesIndexMask",
            max_field_names_index = "RecordShape_kMaxFieldNamesIndex",
            max_num_fields = "RecordShape_kMaxNumFields",
            num_fields_mask = "RecordShape_kNumFieldsMask",
        ],
    }
    RecordTypeLayout "RecordType" {
        offsets: [],
        sizes: [
            instance_size = "RecordType_InstanceSize",
        ],
        limits: [],
    }
    RegExpLayout "RegExp" {
        offsets: [],
        sizes: [
            instance_size = "RegExp_InstanceSize",
        ],
        limits: [],
    }
    ScriptLayout "Script" {
        offsets: [],
        sizes: [
            instance_size = "Script_InstanceSize",
        ],
        limits: [],
    }
    SendPortLayout "SendPort" {
        offsets: [],
        sizes: [
            instance_size = "SendPort_InstanceSize",
        ],
        limits: [],
    }
    SentinelLayout "Sentinel" {
        offsets: [],
        sizes: [
            instance_size = "Sentinel_InstanceSize",
        ],
        limits: [],
    }
    SingleTargetCacheLayout "SingleTargetCache" {
        offsets: [
            entry_point, lower_limit, target, upper_limit,
        ],
        sizes: [
            instance_size = "SingleTargetCache_InstanceSize",
        ],
        limits: [],
    }
    StackTraceLayout "StackTrace" {
        offsets: [],
        sizes: [
            instance_size = "StackTrace_InstanceSize",
        ],
        limits: [],
    }
    StoreBufferBlockLayout "StoreBufferBlock" {
        offsets: [
            pointers, top,
        ],
        sizes: [
            size = "StoreBufferBlock_kSize",
        ],
        limits: [],
    }
    StringLayout "String" {
        offsets: [
            hash, length,
        ],
        sizes: [
            instance_size = "String_InstanceSize",
        ],
        limits: [
            max_elements = "String_kMaxElements",
        ],
    }
    SubtypeTestCacheLayout "SubtypeTestCache" {
        offsets: [
            cache, num_inputs,
        ],
        sizes: [
            destination_type = "SubtypeTestCache_kDestinationType",
            function_type_arguments = "SubtypeTestCache_kFunctionTypeArguments",
            instance_cid_or_signature = "SubtypeTestCache_kInstanceCidOrSignature",
            instance_delayed_function_type_arguments = "SubtypeTestCache_kInstanceDelayedFunctionTypeArguments",
            instance_parent_function_type_arguments = "SubtypeTestCache_kInstanceParentFunctionTypeArguments",
            instance_size = "SubtypeTestCache_InstanceSize",
            instance_type_arguments = "SubtypeTestCache_kInstanceTypeArguments",
            instantiator_type_arguments = "SubtypeTestCache_kInstantiatorTypeArguments",
            test_entry_length = "SubtypeTestCache_kTestEntryLength",
            test_result = "SubtypeTestCache_kTestResult",
        ],
        limits: [
            max_inputs = "SubtypeTestCache_kMaxInputs",
        ],
    }
    SuspendStateLayout "SuspendState" {
        offsets: [
            error_callback, frame_size, function_data, payload, pc, then_callback,
        ],
        sizes: [
            frame_size_growth_gap = "SuspendState_FrameSizeGrowthGap",
            header_size = "SuspendState_HeaderSize",
        ],
        limits: [],
    }
    ThreadLayout "Thread" {
        offsets: [
            active_exception, active_stacktrace, allocate_mint_with_fpu_regs_entry_point,
            allocate_mint_with_fpu_regs_stub, allocate_mint_without_fpu_regs_entry_point,
            allocate_mint_without_fpu_regs_stub, allocate_object_entry_point,
            allocate_object_parameterized_entry_point, allocate_object_slow_entry_point, api_top_scope,
            array_write_barrier_entry_point, async_exception_handler_stub,
            auto_scope_native_wrapper_entry_point, bool_false, bool_true,
            bootstrap_native_wrapper_entry_point, call_native_through_safepoint_entry_point,
            call_native_through_safepoint_stub, call_to_runtime_entry_point, call_to_runtime_stub,
            current_tag, dart_stream, default_tag, deoptimize_entry, deoptimize_stub, dispatch_table_array,
            double_abs_address, double_nan_address, double_negate_address, double_truncate_round_supported,
            dynamic_type, empty_array, empty_type_arguments, end, enter_safepoint_stub, execution_state,
            exit_safepoint_stub, exit_through_ffi, field_access_error_shared_with_fpu_regs_stub,
            field_access_error_shared_without_fpu_regs_stub, field_table_values, fix_allocation_stub_code,
            fix_callers_target_code, float_absolute_address, float_negate_address, float_not_address,
            float_zerow_address, global_object_pool, interpret_call_entry_point,
            invoke_dart_code_from_bytecode_stub, invoke_dart_code_stub, isolate, isolate_group,
            jump_to_frame_entry_point, late_initialization_error_shared_with_fpu_regs_stub,
            late_initialization_error_shared_without_fpu_regs_stub, lazy_deopt_from_return_stub,
            lazy_deopt_from_throw_stub, lazy_specialize_type_test_stub, megamorphic_call_checked_entry,
            new_marking_stack_block, next_task_id, no_scope_native_wrapper_entry_point,
            null_arg_error_shared_with_fpu_regs_stub, null_arg_error_shared_without_fpu_regs_stub,
            null_cast_error_shared_with_fpu_regs_stub, null_cast_error_shared_without_fpu_regs_stub,
            null_error_shared_with_fpu_regs_stub, null_error_shared_without_fpu_regs_stub, object_null,
            object_sentinel, old_marking_stack_block, optimize_entry, optimize_stub,
            predefined_symbols_address, random, range_error_shared_with_fpu_regs_stub,
            range_error_shared_without_fpu_regs_stub, re_throw_stub,
            resume_interpreter_adjusted_entry_point, resume_pc, resume_stub, return_async_not_future_stub,
            return_async_star_stub, return_async_stub, safepoint_state, saved_shadow_call_stack,
            saved_stack_limit, service_extension_stream, shared_field_table_values,
            slow_type_test_entry_point, slow_type_test_stub, stack_limit, stack_overflow_flags,
            stack_overflow_shared_with_fpu_regs_entry_point, stack_overflow_shared_with_fpu_regs_stub,
            stack_overflow_shared_without_fpu_regs_entry_point, stack_overflow_shared_without_fpu_regs_stub,
            store_buffer_block, suspend_state_await_entry_point,
            suspend_state_await_with_type_check_entry_point, suspend_state_handle_exception_entry_point,
            suspend_state_init_async_entry_point, suspend_state_init_async_star_entry_point,
            suspend_state_init_sync_star_entry_point, suspend_state_return_async_entry_point,
            suspend_state_return_async_not_future_entry_point, suspend_state_return_async_star_entry_point,
            suspend_state_suspend_sync_star_at_start_entry_point,
            suspend_state_yield_async_star_entry_point, switchable_call_miss_entry,
            switchable_call_miss_stub, thread_locals, throw_stub, top, top_exit_frame_info, top_resource,
            tsan_utils, unboxed_runtime_arg, user_tag, vm_tag, write_barrier_entry_point,
            write_barrier_mask, write_error_shared_with_fpu_regs_stub,
            write_error_shared_without_fpu_regs_stub,
        ],
        sizes: [],
        limits: [],
    }
    TransferableTypedDataLayout "TransferableTypedData" {
        offsets: [],
        sizes: [
            instance_size = "TransferableTypedData_InstanceSize",
        ],
        limits: [],
    }
    TwoByteStringLayout "TwoByteString" {
        offsets: [
            data,
        ],
        sizes: [
            element_size = "TwoByteString_element_size",
            elements_start = "TwoByteString_elements_start_offset",
        ],
        limits: [
            max_new_space_elements = "TwoByteString_kMaxNewSpaceElements",
        ],
    }
    TypeLayout "Type" {
        offsets: [
            arguments,
        ],
        sizes: [
            instance_size = "Type_InstanceSize",
        ],
        limits: [],
    }
    TypeArgumentsLayout "TypeArguments" {
        offsets: [
            hash, instantiations, length, nullability, types,
        ],
        sizes: [
            element_size = "TypeArguments_element_size",
            elements_start = "TypeArguments_elements_start_offset",
        ],
        limits: [
            max_elements = "TypeArguments_kMaxElements",
        ],
    }
    TypeParameterLayout "TypeParameter" {
        offsets: [
            index,
        ],
        sizes: [
            instance_size = "TypeParameter_InstanceSize",
        ],
        limits: [],
    }
    TypeParametersLayout "TypeParameters" {
        offsets: [
            bounds, defaults, flags, names,
        ],
        sizes: [
            instance_size = "TypeParameters_InstanceSize",
        ],
        limits: [],
    }
    UnhandledExceptionLayout "UnhandledException" {
        offsets: [
            exception, stacktrace,
        ],
        sizes: [
            instance_size = "UnhandledException_InstanceSize",
        ],
        limits: [],
    }
    UnlinkedCallLayout "UnlinkedCall" {
        offsets: [],
        sizes: [
            instance_size = "UnlinkedCall_InstanceSize",
        ],
        limits: [],
    }
    UntaggedClosureLayout "UntaggedClosure" {
        offsets: [],
        sizes: [
            function_type_arguments_index_bits_pos = "UntaggedClosure_kFunctionTypeArgumentsIndexBitsPos",
            function_type_arguments_index_bits_size = "UntaggedClosure_kFunctionTypeArgumentsIndexBitsSize",
            has_delayed_type_arguments_bit = "UntaggedClosure_kHasDelayedTypeArgumentsBit",
            has_function_type_arguments_bit = "UntaggedClosure_kHasFunctionTypeArgumentsBit",
            has_instantiator_type_arguments_bit = "UntaggedClosure_kHasInstantiatorTypeArgumentsBit",
            length_bits_pos = "UntaggedClosure_kLengthBitsPos",
            length_bits_size = "UntaggedClosure_kLengthBitsSize",
        ],
        limits: [],
    }
    UntaggedObjectLayout "UntaggedObject" {
        offsets: [],
        sizes: [
            always_set_bit = "UntaggedObject_kAlwaysSetBit",
            barrier_overlap_shift = "UntaggedObject_kBarrierOverlapShift",
            canonical_bit = "UntaggedObject_kCanonicalBit",
            card_remembered_bit = "UntaggedObject_kCardRememberedBit",
            class_id_tag_pos = "UntaggedObject_kClassIdTagPos",
            class_id_tag_size = "UntaggedObject_kClassIdTagSize",
            deeply_immutable_bit = "UntaggedObject_kDeeplyImmutableBit",
            new_or_evacuation_candidate_bit = "UntaggedObject_kNewOrEvacuationCandidateBit",
            not_marked_bit = "UntaggedObject_kNotMarkedBit",
            old_and_not_remembered_bit = "UntaggedObject_kOldAndNotRememberedBit",
            shallow_immutable_bit = "UntaggedObject_kShallowImmutableBit",
            size_tag_pos = "UntaggedObject_kSizeTagPos",
            size_tag_size = "UntaggedObject_kSizeTagSize",
        ],
        limits: [
            generational_barrier_mask = "UntaggedObject_kGenerationalBarrierMask",
            incremental_barrier_mask = "UntaggedObject_kIncrementalBarrierMask",
        ],
    }
    UntaggedPcDescriptorsLayout "UntaggedPcDescriptors" {
        offsets: [],
        sizes: [
            kind_bits_pos = "UntaggedPcDescriptors_kKindBitsPos",
            kind_bits_size = "UntaggedPcDescriptors_kKindBitsSize",
            try_index_bits_pos = "UntaggedPcDescriptors_kTryIndexBitsPos",
            try_index_bits_size = "UntaggedPcDescriptors_kTryIndexBitsSize",
            yield_index_bits_pos = "UntaggedPcDescriptors_kYieldIndexBitsPos",
            yield_index_bits_size = "UntaggedPcDescriptors_kYieldIndexBitsSize",
        ],
        limits: [],
    }
    UnwindErrorLayout "UnwindError" {
        offsets: [],
        sizes: [
            instance_size = "UnwindError_InstanceSize",
        ],
        limits: [],
    }
    UserTagLayout "UserTag" {
        offsets: [
            tag,
        ],
        sizes: [
            instance_size = "UserTag_InstanceSize",
        ],
        limits: [],
    }
    WeakArrayLayout "WeakArray" {
        offsets: [],
        sizes: [
            element_size = "WeakArray_element_size",
            elements_start = "WeakArray_elements_start_offset",
        ],
        limits: [],
    }
    WeakPropertyLayout "WeakProperty" {
        offsets: [
            key, value,
        ],
        sizes: [
            instance_size = "WeakProperty_InstanceSize",
        ],
        limits: [],
    }
    WeakReferenceLayout "WeakReference" {
        offsets: [
            target, type_arguments,
        ],
        sizes: [
            instance_size = "WeakReference_InstanceSize",
        ],
        limits: [],
    }
    WeakSerializationReferenceLayout "WeakSerializationReference" {
        offsets: [],
        sizes: [
            instance_size = "WeakSerializationReference_InstanceSize",
        ],
        limits: [],
    }
    ElfLayout "Elf" {
        offsets: [],
        sizes: [machine = "Elf_machine", flags = "Elf_flags", flags_soft_float = "Elf_flags_soft_float"],
        limits: [],
    }
    FrameLayout "FrameLayout" {
        offsets: [],
        sizes: [
            first_local_from_fp = "FrameLayout_first_local_from_fp",
            first_object_from_fp = "FrameLayout_first_object_from_fp",
            fixed_frame_size = "FrameLayout_dart_fixed_frame_size",
            saved_caller_fp_from_fp = "FrameLayout_saved_caller_fp_from_fp",
            saved_caller_pc_from_fp = "FrameLayout_saved_caller_pc_from_fp",
            caller_sp_from_fp = "kCallerSpSlotFromFp",
            saved_pc_from_sp = "kSavedPcSlotFromSp",
        ],
        limits: [],
    }
    FfiCallbackLayout "FfiCallbackMetadata" {
        offsets: [],
        sizes: [
            trampoline_size = "FfiCallbackMetadata_kNativeCallbackTrampolineSize",
            shared_stub_size = "FfiCallbackMetadata_kNativeCallbackSharedStubSize",
            trampoline_stack_delta = "FfiCallbackMetadata_kNativeCallbackTrampolineStackDelta",
        ],
        limits: [],
    }
    TypedDataLayout "TypedData" {
        offsets: [],
        sizes: [
            length = "TypedDataBase_length_offset",
            data_field = "PointerBase_data_offset",
            payload = "TypedData_payload_offset",
            header_size = "TypedData_HeaderSize",
            view_typed_data = "TypedDataView_typed_data_offset",
            view_offset_in_bytes = "TypedDataView_offset_in_bytes_offset",
            view_instance_size = "TypedDataView_InstanceSize",
            external_instance_size = "ExternalTypedData_InstanceSize",
            base_instance_size = "TypedDataBase_InstanceSize",
        ],
        limits: [],
    }
}

macro_rules! elements {
    ($($name:ident)*) => {
        $(
            impl $name {
                /// Byte offset of element `index` from the untagged object start.
                pub fn element_offset(&self, index: u32) -> i64 {
                    i64::from(self.elements_start) + i64::from(self.element_size) * i64::from(index)
                }
            }
        )*
    };
}

elements! {
    ArrayLayout ClosureLayout ContextLayout ObjectPoolLayout OneByteStringLayout RecordLayout
    TwoByteStringLayout TypeArgumentsLayout WeakArrayLayout
}

macro_rules! layout {
    ($($field:ident: $ty:ident,)*) => {
        /// All layout constants of one architecture and pointer compression, product AOT.
        #[derive(Debug, Clone)]
        pub struct Layout {
            values: Values,
            runtime_entries: Vec<i32>,
            leaf_entries: Vec<i32>,
            word_size: u32,
            compressed_word_size: u32,
            /// Element of the dispatch table that the thread's dispatch table pointer points to
            /// (`DispatchTable::kOriginElement`).
            pub dispatch_table_origin: i32,
            /// Machine code that fills gaps, as a little-endian word (`kBreakInstructionFiller`).
            pub break_instruction_filler: i64,
            /// Distance from the address a suspended frame returns to, to where it is resumed
            /// (`SuspendStubABI::kResumePcDistance`).
            pub resume_pc_distance: i32,
            $(
                #[doc = concat!("See [`", stringify!($ty), "`].")]
                pub $field: $ty,
            )*
        }

        impl Layout {
            pub(crate) fn read(
                values: Values,
                word_size: u32,
                compressed_word_size: u32,
                runtime_entries: &[&str],
                leaf_entries: &[&str],
            ) -> Result<Self, DataError> {
                let slot = |name: &&str| values.i32(&format!("Thread_{name}_entry_point_offset"));
                Ok(Self {
                    runtime_entries: runtime_entries.iter().map(slot).collect::<Result<_, _>>()?,
                    leaf_entries: leaf_entries.iter().map(slot).collect::<Result<_, _>>()?,
                    word_size,
                    compressed_word_size,
                    dispatch_table_origin: values.i32("DispatchTable_kOriginElement")?,
                    break_instruction_filler: values.i64("kBreakInstructionFiller")?,
                    resume_pc_distance: values.i32("SuspendStubABI_kResumePcDistance")?,
                    $( $field: $ty::read(&values)?, )*
                    values,
                })
            }
        }
    };
}

layout! {
    abstract_type: AbstractTypeLayout,
    api_error: ApiErrorLayout,
    arguments_descriptor: ArgumentsDescriptorLayout,
    array: ArrayLayout,
    bool: BoolLayout,
    bytecode: BytecodeLayout,
    call_site_data: CallSiteDataLayout,
    capability: CapabilityLayout,
    class: ClassLayout,
    closure: ClosureLayout,
    closure_data: ClosureDataLayout,
    code: CodeLayout,
    code_source_map: CodeSourceMapLayout,
    compressed_stack_maps: CompressedStackMapsLayout,
    context: ContextLayout,
    context_scope: ContextScopeLayout,
    double: DoubleLayout,
    dynamic_library: DynamicLibraryLayout,
    exception_handlers: ExceptionHandlersLayout,
    ffi_trampoline_data: FfiTrampolineDataLayout,
    field: FieldLayout,
    finalizer: FinalizerLayout,
    finalizer_base: FinalizerBaseLayout,
    finalizer_entry: FinalizerEntryLayout,
    float32x4: Float32x4Layout,
    float64x2: Float64x2Layout,
    function: FunctionLayout,
    function_type: FunctionTypeLayout,
    future_or: FutureOrLayout,
    growable_object_array: GrowableObjectArrayLayout,
    heap: HeapLayout,
    ic_data: ICDataLayout,
    immutable_linked_hash_base: ImmutableLinkedHashBaseLayout,
    instance: InstanceLayout,
    instructions: InstructionsLayout,
    instructions_section: InstructionsSectionLayout,
    instructions_table: InstructionsTableLayout,
    int32x4: Int32x4Layout,
    integer: IntegerLayout,
    isolate: IsolateLayout,
    isolate_group: IsolateGroupLayout,
    kernel_program_info: KernelProgramInfoLayout,
    language_error: LanguageErrorLayout,
    library: LibraryLayout,
    library_prefix: LibraryPrefixLayout,
    linked_hash_base: LinkedHashBaseLayout,
    loading_unit: LoadingUnitLayout,
    local_handle: LocalHandleLayout,
    local_var_descriptors: LocalVarDescriptorsLayout,
    marking_stack_block: MarkingStackBlockLayout,
    megamorphic_cache: MegamorphicCacheLayout,
    mint: MintLayout,
    mirror_reference: MirrorReferenceLayout,
    monomorphic_smiable_call: MonomorphicSmiableCallLayout,
    namespace: NamespaceLayout,
    native_arguments: NativeArgumentsLayout,
    native_entry: NativeEntryLayout,
    native_finalizer: NativeFinalizerLayout,
    number: NumberLayout,
    object: ObjectLayout,
    object_pool: ObjectPoolLayout,
    object_store: ObjectStoreLayout,
    one_byte_string: OneByteStringLayout,
    page: PageLayout,
    patch_class: PatchClassLayout,
    pc_descriptors: PcDescriptorsLayout,
    persistent_handle: PersistentHandleLayout,
    pointer: PointerLayout,
    receive_port: ReceivePortLayout,
    record: RecordLayout,
    record_shape: RecordShapeLayout,
    record_type: RecordTypeLayout,
    reg_exp: RegExpLayout,
    script: ScriptLayout,
    send_port: SendPortLayout,
    sentinel: SentinelLayout,
    single_target_cache: SingleTargetCacheLayout,
    stack_trace: StackTraceLayout,
    store_buffer_block: StoreBufferBlockLayout,
    string: StringLayout,
    subtype_test_cache: SubtypeTestCacheLayout,
    suspend_state: SuspendStateLayout,
    thread: ThreadLayout,
    transferable_typed_data: TransferableTypedDataLayout,
    two_byte_string: TwoByteStringLayout,
    type_: TypeLayout,
    type_arguments: TypeArgumentsLayout,
    type_parameter: TypeParameterLayout,
    type_parameters: TypeParametersLayout,
    unhandled_exception: UnhandledExceptionLayout,
    unlinked_call: UnlinkedCallLayout,
    untagged_closure: UntaggedClosureLayout,
    untagged_object: UntaggedObjectLayout,
    untagged_pc_descriptors: UntaggedPcDescriptorsLayout,
    unwind_error: UnwindErrorLayout,
    user_tag: UserTagLayout,
    weak_array: WeakArrayLayout,
    weak_property: WeakPropertyLayout,
    weak_reference: WeakReferenceLayout,
    weak_serialization_reference: WeakSerializationReferenceLayout,
    elf: ElfLayout,
    frame: FrameLayout,
    ffi_callback: FfiCallbackLayout,
    typed_data: TypedDataLayout,
}

/// Which immutability bit a new object's header carries (`ShallowImmutableBit` and `DeeplyImmutableBit`,
/// raw_object.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Immutability {
    /// Neither bit: an ordinary mutable object.
    Mutable,
    /// The object is immutable, what it refers to may not be.
    Shallow,
    /// The object and everything reachable from it is immutable.
    Deep,
}

impl Layout {
    /// A constant by its name in the engine's sources without the `AOT_` prefix, e.g. `Array_length_offset`.
    ///
    /// Elements of array-valued constants are named `Code_entry_point_offset[2]`. `None` if there is no such
    /// constant for this layout.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.values.get(name)
    }

    /// All constants of this layout with their names, in byte order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, i64)> {
        self.values.iter()
    }

    /// Bytes of a machine word.
    pub fn word_size(&self) -> u32 {
        self.word_size
    }

    /// Bytes of an object pointer inside a heap object.
    pub fn compressed_word_size(&self) -> u32 {
        self.compressed_word_size
    }

    /// Byte offset in the thread of the base that compressed pointers are relative to; `None` if pointers are
    /// not compressed.
    pub fn thread_heap_base(&self) -> Option<i32> {
        self.get("Thread_heap_base_offset").and_then(|offset| offset.try_into().ok())
    }

    /// Alignment of heap objects in bytes: two words (`kObjectAlignment`, pointer_tagging.h).
    pub fn object_alignment(&self) -> u32 {
        2 * self.word_size
    }

    /// `size` rounded up to the object alignment (`RoundedAllocationSize`).
    pub fn rounded_allocation_size(&self, size: u32) -> u32 {
        size.next_multiple_of(self.object_alignment())
    }

    /// Byte offset in the thread of the entry point of a runtime entry that needs an exit frame.
    pub fn runtime_entry(&self, entry: RuntimeEntry) -> i32 {
        self.runtime_entries[entry.0 as usize]
    }

    /// Byte offset in the thread of the entry point of a leaf runtime entry.
    pub fn leaf_entry(&self, entry: LeafEntry) -> i32 {
        self.leaf_entries[entry.0 as usize]
    }

    /// Byte offset in the thread of the write barrier wrapper for the object register with this number in the
    /// engine's own numbering, `None` where the engine has no wrapper.
    pub fn write_barrier_wrapper(&self, register: u32) -> Option<i32> {
        let offset = self.get(&format!("Thread_write_barrier_wrappers_thread_offset[{register}]"))?;
        i32::try_from(offset).ok().filter(|&offset| offset >= 0)
    }

    /// Header word of an object just allocated in new space (`UntaggedObject` tags, raw_object.h; compare
    /// `MakeTagWordForNewSpaceObject`, compiler/runtime_api.cc).
    ///
    /// `size` is the rounded allocation size in bytes; sizes that do not fit the size field are encoded as 0.
    /// The identity hash, which 64-bit targets keep in the upper half, is 0.
    pub fn new_object_tags(&self, cid: u32, size: u32, immutability: Immutability) -> u64 {
        let bits = &self.untagged_object;
        let gc =
            1 << bits.not_marked_bit | 1 << bits.new_or_evacuation_candidate_bit | 1 << bits.always_set_bit;
        gc | self.class_and_size_tags(cid, size, immutability)
    }

    /// Header word of a read-only object in a snapshot image: old, marked, never remembered.
    ///
    /// `canonical` sets the canonical bit. The hash half is left 0.
    pub fn image_object_tags(&self, cid: u32, size: u32, immutability: Immutability, canonical: bool) -> u64 {
        let bits = &self.untagged_object;
        let gc = 1 << bits.always_set_bit
            | 1 << bits.old_and_not_remembered_bit
            | u64::from(canonical) << bits.canonical_bit;
        gc | self.class_and_size_tags(cid, size, immutability)
    }

    fn class_and_size_tags(&self, cid: u32, size: u32, immutability: Immutability) -> u64 {
        let bits = &self.untagged_object;
        let units = u64::from(size / self.object_alignment());
        let units = if units < 1 << bits.size_tag_size { units } else { 0 };
        let immutable = match immutability {
            Immutability::Mutable => 0,
            Immutability::Shallow => 1 << bits.shallow_immutable_bit,
            Immutability::Deep => 1 << bits.deeply_immutable_bit,
        };
        units << bits.size_tag_pos | u64::from(cid) << bits.class_id_tag_pos | immutable
    }
}
