//! The generated facts against numbers observed in the engine's own output: disassembly of snapshots made by the
//! reference compiler, decoded snapshots, and what the engine accepts at load.

use std::collections::BTreeSet;

use snapcrane_engines::{
    Arch, CType, Engine, FeatureFlags, Immutability, NativeKind, Os, RecognizedList, TargetSpec, Tier,
};

fn target(name: &str) -> TargetSpec {
    TargetSpec::from_name(name).unwrap()
}

/// Values of one constant on x64, arm64, arm and riscv64.
fn assert_offsets(name: &str, expected: [i64; 4]) {
    for (arch, expected) in Arch::ALL.into_iter().zip(expected) {
        let layout = Engine::latest().layout(arch, false).unwrap();
        assert_eq!(layout.get(name), Some(expected), "{name} on {arch}");
    }
}

#[test]
fn thread_fields() {
    assert_offsets("Thread_top_resource_offset", [0x20, 0x20, 0x10, 0x20]);
    assert_offsets("Thread_stack_limit_offset", [0x48, 0x48, 0x24, 0x48]);
    assert_offsets("Thread_write_barrier_mask_offset", [0x50, 0x50, 0x28, 0x50]);
    assert_offsets("Thread_top_offset", [0x58, 0x58, 0x2c, 0x58]);
    assert_offsets("Thread_end_offset", [0x60, 0x60, 0x30, 0x60]);
    assert_offsets("Thread_dispatch_table_array_offset", [0x68, 0x68, 0x34, 0x68]);
    assert_offsets("Thread_field_table_values_offset", [0x70, 0x70, 0x38, 0x70]);
    assert_offsets("Thread_shared_field_table_values_offset", [0x78, 0x78, 0x3c, 0x78]);
    assert_offsets("Thread_invoke_dart_code_stub_offset", [0xc8, 0xc8, 0x64, 0xc8]);
    assert_offsets("Thread_call_to_runtime_entry_point_offset", [0x208, 0x208, 0x104, 0x208]);
    assert_offsets("Thread_jump_to_frame_entry_point_offset", [0x270, 0x270, 0x138, 0x270]);
    assert_offsets("Thread_bootstrap_native_wrapper_entry_point_offset", [0x288, 0x288, 0x144, 0x288]);
    assert_offsets("Thread_auto_scope_native_wrapper_entry_point_offset", [0x298, 0x298, 0x14c, 0x298]);
    assert_offsets("Thread_isolate_group_offset", [0x648, 0x690, 0x318, 0x680]);
    assert_offsets("Thread_top_exit_frame_info_offset", [0x660, 0x6a8, 0x324, 0x698]);
    assert_offsets("Thread_store_buffer_block_offset", [0x668, 0x6b0, 0x328, 0x6a0]);
    assert_offsets("Thread_vm_tag_offset", [0x688, 0x6d0, 0x338, 0x6c0]);
    assert_offsets("Thread_active_exception_offset", [0x690, 0x6d8, 0x33c, 0x6c8]);
    assert_offsets("Thread_global_object_pool_offset", [0x6a0, 0x6e8, 0x344, 0x6d8]);
    assert_offsets("Thread_resume_pc_offset", [0x6a8, 0x6f0, 0x348, 0x6e0]);
    assert_offsets("Thread_execution_state_offset", [0x6b8, 0x700, 0x350, 0x6f0]);
    assert_offsets("Thread_safepoint_state_offset", [0x6c0, 0x708, 0x354, 0x6f8]);
    assert_offsets("Thread_exit_through_ffi_offset", [0x6c8, 0x710, 0x358, 0x700]);
    assert_offsets("Thread_api_top_scope_offset", [0x850, 0x898, 0x41c, 0x888]);
    assert_offsets("Thread_unboxed_runtime_arg_offset", [0x860, 0x8a8, 0x428, 0x898]);
    assert_offsets("Thread_thread_locals_offset", [0x8b8, 0x900, 0x464, 0x8f0]);
}

#[test]
fn typed_fields_are_the_named_constants() {
    let layout = target("linux-x64").layout();
    let thread = &layout.thread;
    assert_eq!(
        [thread.object_null, thread.object_sentinel, thread.bool_true, thread.bool_false],
        [0x80, 0x88, 0x90, 0x98]
    );
    assert_eq!(thread.old_marking_stack_block, 0x670);
    assert_eq!(thread.new_marking_stack_block, 0x678);
    assert_eq!(thread.no_scope_native_wrapper_entry_point, 0x290);
    assert_eq!(
        [layout.suspend_state.frame_size, layout.suspend_state.pc, layout.suspend_state.payload],
        [8, 0x10, 0x30]
    );
    assert_eq!([layout.function.entry_point, layout.function.unchecked_entry_point], [8, 0x10]);
    assert_eq!([layout.page.original_top, layout.page.card_table], [0x38, 0x20]);
    assert_eq!(layout.page.page_mask, -0x80000);
    assert_eq!([layout.store_buffer_block.top, layout.store_buffer_block.pointers], [8, 0x10]);
    assert_eq!([layout.store_buffer_block.size, layout.marking_stack_block.size], [1024, 64]);
    assert_eq!(layout.object_pool.element_offset(3), 0x10 + 24);
    assert_eq!(layout.array.max_new_space_elements, 0x7ffd);
    let arm = target("linux-arm").layout();
    assert_eq!(arm.array.max_new_space_elements, 0xfffd);
    assert_eq!([arm.page.original_top, arm.page.card_table], [0x1c, 0x10]);
    assert_eq!([arm.one_byte_string.data, arm.string.hash, arm.string.length], [0xc, 4, 8]);
}

#[test]
fn runtime_entry_slots() {
    let engine = Engine::latest();
    let slots = |arch| {
        let layout = engine.layout(arch, false).unwrap();
        [
            layout.runtime_entry(engine.rt.allocate_array),
            layout.runtime_entry(engine.rt.throw),
            layout.runtime_entry(engine.rt.allocate_suspend_state),
            layout.leaf_entry(engine.leaf.deoptimize_copy_frame),
            layout.leaf_entry(engine.leaf.store_buffer_block_process),
            layout.leaf_entry(engine.leaf.new_marking_stack_block_process),
        ]
    };
    assert_eq!(slots(Arch::X64), [0x2e8, 0x490, 0x348, 0x6d0, 0x6e0, 0x6f0]);
    assert_eq!(slots(Arch::Arm64), [0x2e8, 0x490, 0x348, 0x718, 0x728, 0x738]);
    assert_eq!(slots(Arch::Arm), [0x174, 0x248, 0x1a4, 0x35c, 0x364, 0x36c]);
    assert_eq!(slots(Arch::Riscv64), [0x2e8, 0x490, 0x348, 0x708, 0x718, 0x728]);
    assert_eq!((engine.runtime_entries.len(), engine.leaf_entries.len()), (85, 48));
    assert_eq!(engine.rt.throw.0, 53);
    assert_eq!(engine.runtime_entry_info(engine.rt.re_throw).argument_count, Some(3));
    assert_eq!(engine.runtime_entry_info(engine.rt.type_check).argument_count, Some(7));
    let pow = engine.leaf_entry_info(engine.leaf.libc_pow);
    assert_eq!((pow.result, &pow.arguments[..]), (CType::Double, &[CType::Double, CType::Double][..]));
    let remember = engine.leaf_entry_info(engine.leaf.ensure_remembered_and_marking_deferred);
    assert_eq!((remember.result, remember.arguments.len()), (CType::Word, 2));
}

#[test]
fn every_entry_has_its_own_slot() {
    let engine = Engine::latest();
    for (arch, compressed) in [
        (Arch::X64, false),
        (Arch::X64, true),
        (Arch::Arm, false),
        (Arch::Arm64, true),
        (Arch::Riscv64, false),
    ] {
        let layout = engine.layout(arch, compressed).unwrap();
        let runtime = engine.runtime_entries.iter().map(|e| engine.runtime_entry(e.name).unwrap());
        let leaf = engine.leaf_entries.iter().map(|e| engine.leaf_entry(e.name).unwrap());
        let slots: BTreeSet<i32> = runtime
            .map(|entry| layout.runtime_entry(entry))
            .chain(leaf.map(|entry| layout.leaf_entry(entry)))
            .collect();
        assert_eq!(slots.len(), 85 + 48);
        assert!(slots.iter().all(|slot| slot % layout.word_size() as i32 == 0));
    }
    assert!(engine.layout(Arch::Arm, true).is_none());
}

#[test]
fn per_architecture_constants() {
    let origins = Arch::ALL.map(|arch| Engine::latest().layout(arch, false).unwrap().dispatch_table_origin);
    assert_eq!(origins, [16, 4096, 1023, 256]);
    let links = ["linux-x64", "linux-arm64", "linux-arm", "linux-riscv64", "windows-x64", "fuchsia-arm64"]
        .map(|name| target(name).exit_link_slot_from_entry_fp());
    assert_eq!(links, [-11, -23, -28, -30, -33, -24]);
    let entries = Arch::ALL.map(|arch| {
        let instructions = &Engine::latest().layout(arch, false).unwrap().instructions;
        (instructions.monomorphic_entry_offset_aot, instructions.polymorphic_entry_offset_aot)
    });
    assert_eq!(entries, [(8, 22), (8, 24), (0, 16), (6, 18)]);
    assert_eq!(target("linux-x64").break_filler(), [0xcc; 4]);
    assert_eq!(target("linux-arm64").break_filler(), 0xd420_0000_u32.to_le_bytes());
    assert_eq!(target("linux-arm").break_filler(), 0xe120_0070_u32.to_le_bytes());
    assert_eq!(target("linux-riscv64").break_filler(), [0; 4]);
    let frame = &target("linux-arm64").layout().frame;
    assert_eq!((frame.first_local_from_fp, frame.caller_sp_from_fp), (-1, 2));
    let frame = &target("linux-riscv64").layout().frame;
    assert_eq!((frame.first_local_from_fp, frame.caller_sp_from_fp), (-3, 0));
    assert_eq!(target("linux-x64").layout().ffi_callback.trampoline_size, 12);
    assert_eq!(target("linux-arm64").ffi_callback_page_size(), 0x10000);
}

#[test]
fn elf_properties() {
    let elf = |name: &str| {
        let target = target(name);
        (target.elf_machine(), target.elf_flags(), target.elf_page_size())
    };
    assert_eq!(elf("linux-x64"), (62, 0, 0x4000));
    assert_eq!(elf("android-x64"), (62, 0, 0x10000));
    assert_eq!(elf("linux-arm64"), (183, 0, 0x10000));
    assert_eq!(elf("linux-arm"), (40, 0x0500_0400, 0x4000));
    assert_eq!(elf("android-arm"), (40, 0x0500_0200, 0x4000));
    assert_eq!(elf("linux-riscv64"), (243, 5, 0x4000));
}

#[test]
fn target_names_and_sizes() {
    let names = TargetSpec::all_names();
    for name in &names {
        assert_eq!(target(name).name(), *name);
    }
    for name in ["linux-x64", "android-arm64c", "ios-arm64", "fuchsia-riscv64"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    let error = TargetSpec::from_name("linux-mips").unwrap_err().to_string();
    assert!(error.contains("linux-mips") && error.contains("linux-arm64"), "{error}");
    assert!(TargetSpec::new(Engine::latest(), Os::MacOs, Arch::Arm, false).is_none());

    let sizes = |name: &str| {
        let target = target(name);
        (target.word_size(), target.compressed_word_size(), target.object_alignment(), target.smi_bits())
    };
    assert_eq!(sizes("linux-x64"), (8, 8, 16, 63));
    assert_eq!(sizes("android-arm64c"), (8, 4, 16, 31));
    assert_eq!(sizes("linux-arm"), (4, 4, 8, 31));
    assert!(target("linux-arm").is_smi(0x3fff_ffff) && !target("linux-arm").is_smi(0x4000_0000));
    assert_eq!(target("linux-x64").smi_min(), -0x4000_0000_0000_0000);
}

#[test]
fn supported_targets() {
    let names: Vec<String> = TargetSpec::all_supported().iter().map(TargetSpec::name).collect();
    assert_eq!(
        names,
        ["linux-x64", "linux-arm64", "linux-arm", "android-x64", "android-arm64", "android-arm"]
    );
    for (name, message) in
        [("macos-arm64", "unsupported target 'macos-arm64'"), ("mars-x64", "unknown target 'mars-x64'")]
    {
        let error = TargetSpec::supported(name).unwrap_err().to_string();
        assert!(error.starts_with(message) && error.ends_with(&names.join(", ")), "{error}");
    }
    assert_eq!(TargetSpec::supported("android-arm").map(|target| target.tier()), Ok(Tier::Untested));
}

#[test]
fn features_and_version() {
    assert_eq!(
        target("linux-x64").features(),
        "product no-asan no-msan no-tsan no-shared_data no-code_comments no-dwarf_stack_traces x64 linux \
         no-compressed-pointers"
    );
    let dwarf = FeatureFlags { dwarf_stack_traces: true, ..FeatureFlags::default() };
    let features = target("android-arm64c").features_with(dwarf);
    assert!(features.ends_with("no-code_comments dwarf_stack_traces arm64 android compressed-pointers"));
    assert_eq!(Engine::latest().snapshot_hash, "0451907c2eaa8467e848c0067bfe8ed4");
    assert_eq!(Engine::latest().revision, "3.13.4");
    assert_eq!(Engine::latest().snapshot_magic, 0xdcdc_f5f5);
    assert_eq!(Engine::latest().no_awaiter_link_depth, 255);
}

#[test]
fn class_ids() {
    let engine = Engine::latest();
    let cids = &engine.cids;
    assert_eq!([cids.object, cids.class, cids.function, cids.code], [4, 5, 7, 18]);
    assert_eq!([cids.instance, cids.type_arguments, cids.type_, cids.closure], [45, 47, 49, 57]);
    assert_eq!([cids.smi, cids.mint, cids.double, cids.bool], [60, 61, 62, 63]);
    assert_eq!([cids.array, cids.immutable_array, cids.one_byte_string], [90, 91, 94]);
    assert_eq!(
        [cids.typed_data_int8_array, cids.byte_data_view, cids.null, cids.never],
        [113, 169, 172, 175]
    );
    assert_eq!((engine.num_predefined_cids, engine.top_level_cid_offset), (176, 1 << 20));
    assert_eq!(engine.class_id("ReceivePort").0, cids.receive_port);
    assert_eq!(engine.find_class_id("Nothing"), None);
    let absent: Vec<&str> =
        engine.classes[4..].iter().filter(|class| !class.in_class_table).map(|class| class.name).collect();
    let expected = [
        "Object",
        "CallSiteData",
        "Error",
        "AbstractType",
        "FinalizerBase",
        "TypedDataBase",
        "TypedData",
        "ExternalTypedData",
        "TypedDataView",
        "String",
        "FfiStruct",
    ];
    assert_eq!(absent, expected);
    assert_eq!(engine.immutability(cids.double), Immutability::Deep);
    assert_eq!(engine.immutability(cids.closure), Immutability::Shallow);
    assert_eq!(engine.immutability(cids.array), Immutability::Mutable);
    assert_eq!(engine.immutability(4000), Immutability::Mutable);
    let class = engine.predefined_class("dart:typed_data", "_Uint8ClampedList").unwrap();
    assert_eq!(class.cid, cids.typed_data_uint8_clamped_array);
    assert_eq!(engine.predefined_class("dart:core", "Object").unwrap().cid, cids.instance);
    let typed_data = engine.typed_data_classes(cids.external_typed_data_float64x2_array).unwrap();
    assert_eq!((typed_data.element, typed_data.element_size, typed_data.internal), ("Float64x2", 16, 165));
}

/// Size, next field and type arguments offsets as in the Class objects of reference snapshots.
/// Classes that programs extend have the same pointers on all targets; those with anything else in them say so.
#[test]
fn slots_of_extensible_classes() {
    let engine = Engine::latest();
    let slots = |cid: u32| engine.classes[cid as usize].slots();
    let cids = &engine.cids;
    assert_eq!(slots(cids.linked_hash_base), Some((6, Some(0))));
    assert_eq!(slots(cids.instance), Some((0, None)));
    assert_eq!(slots(cids.array), None);
    let differing: Vec<&str> = engine
        .classes
        .iter()
        .filter(|class| class.shape(Arch::X64, false).is_some_and(|shape| shape.next_field_offset > 0))
        .filter(|class| class.slots().is_none())
        .map(|class| class.name)
        .collect();
    assert_eq!(differing, [""; 0]);
}

#[test]
fn class_shapes() {
    let engine = Engine::latest();
    let shape = |name: &str, class: &str| {
        let class = &engine.classes[engine.class_id(class).0 as usize];
        let shape = target(name).class_shape(class);
        [shape.instance_size, shape.next_field_offset, shape.type_arguments_field_offset]
    };
    for (class, wide, narrow) in [
        ("Class", [20, -1, -1], [24, -1, -1]),
        ("Function", [10, -1, -1], [10, -1, -1]),
        ("Code", [0, -1, -1], [0, -1, -1]),
        ("Instance", [2, 1, -1], [2, 1, -1]),
        ("Closure", [2, 1, -1], [2, 1, -1]),
        ("Integer", [2, 1, -1], [2, 1, -1]),
        ("Mint", [2, -1, -1], [4, -1, -1]),
        ("Finalizer", [8, -1, 6], [8, -1, 6]),
        ("Pointer", [4, -1, 2], [4, -1, 2]),
        ("ConstMap", [8, -1, 1], [8, -1, 1]),
        ("Array", [0, -1, 1], [0, -1, 1]),
        ("GrowableObjectArray", [4, -1, 1], [4, -1, 1]),
        ("LinkedHashBase", [8, 7, 1], [8, 7, 1]),
        ("FfiNativeFunction", [2, 1, 1], [2, 1, 1]),
        ("ByteBuffer", [2, 2, -1], [2, 2, -1]),
        ("TypedDataInt8ArrayView", [6, -1, -1], [6, -1, -1]),
        ("ExternalTypedDataInt8Array", [4, -1, -1], [4, -1, -1]),
        ("SendPort", [4, -1, -1], [6, -1, -1]),
    ] {
        assert_eq!(shape("linux-x64", class), wide, "{class}");
        assert_eq!(shape("linux-arm64", class), wide, "{class}");
        assert_eq!(shape("linux-arm", class), narrow, "{class}");
    }
    // A header is two compressed words.
    assert_eq!(shape("android-arm64c", "Instance"), [4, 2, -1]);
    let arguments = ["Map", "Set", "Array", "WeakReference", "LinkedHashBase"]
        .map(|class| engine.classes[engine.class_id(class).0 as usize].num_type_arguments);
    assert_eq!(arguments, [2, 1, 1, 1, 0]);
}

#[test]
fn stubs_and_roots() {
    let engine = Engine::latest();
    assert_eq!(engine.stubs.len(), 173);
    let stub = &engine.stub;
    assert_eq!([stub.jump_to_frame, stub.call_to_runtime, stub.invoke_dart_code].map(|s| s.0), [0, 49, 59]);
    assert_eq!([stub.dispatch_table_null_error, stub.throw, stub.await_].map(|s| s.0), [110, 142, 154]);
    assert_eq!([stub.default_type_test, stub.unknown_dart_code].map(|s| s.0), [97, 172]);
    assert_eq!(engine.find_stub("AsynchronousGapMarker"), Some(stub.asynchronous_gap_marker));
    assert_eq!(engine.stub_name(stub.clone_suspend_state), "CloneSuspendState");

    assert_eq!((engine.raw_roots.len(), engine.handle_roots.len(), engine.api_roots.len()), (7, 63, 6));
    assert_eq!(
        (engine.num_cached_args_descriptors, engine.num_cached_icdata_arrays, engine.num_one_char_symbols),
        (35, 4, 256)
    );
    assert_eq!(engine.max_arguments_of_cached_descriptor, [31, 2]);
    assert_eq!(engine.handle_root_index("empty_array"), Some(12));
    assert_eq!(engine.handle_roots[62].name, "empty_coverage_array");
    assert_eq!(engine.handle_roots[62].class, "TypedData");

    assert_eq!(engine.object_store.len(), 171);
    assert_eq!(engine.object_store_index("object_class"), Some(31));
    assert_eq!(engine.object_store_index("global_object_pool"), Some(164));
    assert_eq!(engine.object_store_index("dispatch_table_code_entries"), None);
    let last = engine.object_store[170];
    assert_eq!((last.name, last.class), ("ffi_callback_functions", "Array"));
}

#[test]
fn predefined_symbols() {
    let engine = Engine::latest();
    assert_eq!(engine.symbols.len(), 557);
    assert_eq!(engine.symbols[0].text, "");
    assert_eq!(engine.symbols[9].text, "_allocateInvocationMirror");
    assert_eq!(engine.symbols[9].id, "AllocateInvocationMirror");
    assert_eq!(engine.symbols[11].text, "<anonymous closure>");
    assert!(engine.symbol_index(" where\n").is_some());
    assert!(engine.symbol_index("  ").is_some());
    assert!(engine.symbol_index("' is not a subtype of ").is_some());
    assert_eq!(engine.symbols[556].text, "vm:unsafe:no-bounds-checks");
    let distinct: BTreeSet<&str> = engine.symbols.iter().map(|symbol| symbol.text.as_ref()).collect();
    assert_eq!(distinct.len(), 557);
}

#[test]
fn methods_and_natives() {
    let engine = Engine::latest();
    assert_eq!(engine.recognized_methods.len(), 459);
    let method = engine.recognized_method("dart:core", "_List", "[]=").unwrap();
    assert_eq!((method.name, method.list), ("ObjectArraySetIndexed", RecognizedList::Other));
    let factory = engine.recognized_method("dart:core", "_Double", ".fromInteger").unwrap();
    assert_eq!((factory.name, factory.list), ("DoubleFromInteger", RecognizedList::AsmIntrinsic));
    assert_eq!(engine.recognized_method("dart:core", "_Double", "_Double.fromInteger"), Some(factory));
    assert_eq!(engine.recognized_method("dart:core", "Object", "Object.").unwrap().name, "ObjectConstructor");
    assert_eq!(engine.recognized_method("dart:core", "Object", ".").unwrap().name, "ObjectConstructor");
    assert_eq!(engine.recognized_method("dart:core", "::", "identical").unwrap().name, "ObjectIdentical");
    assert_eq!(engine.recognized_method("dart:core", "_List", "nothing"), None);
    let first = engine.recognized_method_named("FutureListenerHandleValue").unwrap();
    assert_eq!((first.kind, first.class), (1, "_FutureListener"));
    let list = engine.recognized_factories.iter().find(|f| (f.class, f.constructor) == ("_List", ".filled"));
    assert_eq!(list.unwrap().result_cid, engine.cids.array);
    assert!(engine.polymorphic_targets.iter().all(|method| method.kind > 0));
    assert_eq!(engine.native(NativeKind::Bootstrap, "Object_instanceOf").unwrap().argument_count, 4);
    assert_eq!(engine.native(NativeKind::Builtin, "Builtin_PrintString").unwrap().argument_count, 1);
    assert_eq!(engine.native(NativeKind::BootstrapFfi, "Mutex_RunLocked").unwrap().argument_count, 2);
    assert!(engine.native(NativeKind::Io, "X509_Der").is_some());
    assert!(engine.native(NativeKind::Io, "Object_equals").is_none());
}

#[test]
fn packed_words() {
    let bits = &Engine::latest().bits;
    let tag = &bits.function_kind_tag;
    assert_eq!(
        [tag.recognized.shift, tag.modifier.shift, tag.static_.shift, tag.inlinable.shift],
        [5, 14, 16, 31]
    );
    // The dummy owner of UnknownDartCode.
    let flags = [tag.static_, tag.reflectable, tag.visible, tag.debuggable, tag.inlinable];
    assert_eq!(flags.iter().map(|flag| flag.flag(true)).sum::<u64>(), 0x8039_0000);
    assert_eq!([bits.class_state.is_allocated.shift, bits.class_state.is_deeply_immutable.shift], [11, 21]);
    assert_eq!((bits.type_flags.type_class_id.shift, bits.type_flags.type_class_id.size), (3, 20));
    assert_eq!((bits.pc_descriptors.try_index.shift, bits.pc_descriptors.try_index.size), (3, 10));
    assert_eq!(bits.parameter_counts.packed_num_optional_parameters.shift, 16);
    // What an FFI call stores to leave generated code: at a safepoint, and the mutator may be taken over.
    let state = &bits.safepoint_state;
    let leaving = [state.at_safepoint, state.at_deopt_safepoint, state.active_mutator_stealable];
    assert_eq!(leaving.iter().map(|flag| flag.flag(true)).sum::<u64>(), 0x45);
    let enums = &Engine::latest().enums;
    assert_eq!((enums.vm_tag.dart, enums.execution_state.thread_in_native), (8, 2));
    assert_eq!((enums.snapshot_kind.full_aot, enums.function_kind.ffi_trampoline), (2, 15));
    assert_eq!((enums.async_modifier.async_gen, enums.pc_descriptor_kind.other), (3, 6));
    assert_eq!(enums.pool_snapshot_behavior.reset_to_bootstrap_native, 2);
}

#[test]
fn object_headers() {
    let layout = target("linux-x64").layout();
    // A context of 12 words, and an object too big for the size field.
    assert_eq!(layout.new_object_tags(29, 0, Immutability::Mutable), 0x1d01c);
    assert_eq!(layout.new_object_tags(90, 32, Immutability::Mutable), 0x5a21c);
    assert_eq!(layout.new_object_tags(62, 16, Immutability::Deep), 0x3e19c);
    assert_eq!(layout.new_object_tags(90, 256, Immutability::Mutable), 0x5a01c);
    // Read-only strings and descriptors.
    assert_eq!(layout.image_object_tags(94, 32, Immutability::Deep, true), 0x5e200 | 0xb2);
    assert_eq!(layout.image_object_tags(24, 16, Immutability::Mutable, false), 0x18100 | 0x30);
    assert_eq!(target("linux-arm").layout().new_object_tags(90, 24, Immutability::Mutable), 0x5a31c);
}
