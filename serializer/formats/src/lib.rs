//! Formats of snapshots: the facts of an engine in the form that the snapshot library takes, for writers and readers.

use dart_snapshot::spec::{ArchFormat, CachedArgsDescriptor, ClassIds, NamedRoot, WordSize};
use dart_snapshot::{FormatSpec, Target};
use snapcrane_container::{ElfTarget, FrameRegisters};
use snapcrane_engines::{Engine, TargetSpec, dwarf_registers};

/// Object-store slots that the engine dereferences while it loads a snapshot: libraries with native functions
/// (`Bootstrap::SetupNativeResolver`) and the tables it replaces.
const REQUIRED_STORE: &[&str] = &[
    "async_library",
    "collection_library",
    "_compact_hash_library",
    "convert_library",
    "core_library",
    "developer_library",
    "ffi_library",
    "_internal_library",
    "isolate_library",
    "math_library",
    "typed_data_library",
    "_vm_library",
    "global_object_pool",
    "libraries",
    "libraries_map",
];

/// Lengths of the cached ICData arrays (`ICData::InitOnce` in `runtime/vm/object.cc`): one sentinel entry for 0, 1 and 2 arguments
/// tested, and one with exactness.
const CACHED_ICDATA_LENGTHS: &[u32] = &[2, 3, 4, 4];

/// Alignment of code that asks for more than the usual one: that of the constants which code generation puts behind functions.
const CODE_ALIGNMENT: u32 = 32;

/// The format of an engine's snapshots.
///
/// # Errors
/// A class id that the format needs and the engine data lack.
pub fn format_spec(engine: &Engine) -> dart_snapshot::Result<FormatSpec> {
    let root = |field: &snapcrane_engines::RootField| NamedRoot {
        name: field.name.into(),
        class: field.class.into(),
    };
    let cached_args_descriptors = engine
        .max_arguments_of_cached_descriptor
        .iter()
        .enumerate()
        .flat_map(|(types, &most)| {
            (0..=most).map(move |count| CachedArgsDescriptor { type_args_len: types as u32, count })
        })
        .collect();
    Ok(FormatSpec {
        version_hash: engine.snapshot_hash.into(),
        class_ids: ClassIds::resolve(|name| engine.find_class_id(name).map(|id| id.0))?,
        num_predefined_cids: engine.num_predefined_cids,
        top_level_cid_offset: engine.top_level_cid_offset,
        class_roots: engine
            .classes
            .iter()
            .filter(|class| class.in_class_table)
            .map(|class| class.cid)
            .collect(),
        handle_roots: engine.handle_roots.iter().map(root).collect(),
        symbols: engine.symbols.iter().map(|symbol| symbol.text.to_string()).collect(),
        one_char_symbols: engine.num_one_char_symbols,
        stubs: engine.stubs.iter().map(|stub| (*stub).into()).collect(),
        api_handles: engine.api_roots.iter().map(|field| field.name.into()).collect(),
        object_store: engine.object_store.iter().map(root).collect(),
        required_object_store: REQUIRED_STORE.iter().map(|name| (*name).into()).collect(),
        cached_args_descriptors,
        cached_icdata_arrays: CACHED_ICDATA_LENGTHS.to_vec(),
    })
}

/// What the writer must know of a target.
pub fn snapshot_target(target: &TargetSpec) -> Target {
    let layout = target.layout();
    Target {
        arch: ArchFormat {
            name: target.arch.name().into(),
            word_size: if target.word_size() == 4 { WordSize::W32 } else { WordSize::W64 },
            monomorphic_entry_offset: layout.instructions.monomorphic_entry_offset_aot as u32,
            polymorphic_entry_offset: layout.instructions.polymorphic_entry_offset_aot as u32,
            break_filler: target.break_filler(),
            preferred_loop_alignment: CODE_ALIGNMENT,
        },
        os: target.os.name().into(),
        compressed_pointers: target.compressed_pointers,
        dwarf_stack_traces: false,
        code_comments: false,
    }
}

/// What the container must know of a target.
pub fn elf_target(target: &TargetSpec) -> ElfTarget {
    let registers = dwarf_registers(target.arch);
    ElfTarget {
        is_64bit: target.word_size() == 8,
        machine: target.elf_machine(),
        flags: target.elf_flags(),
        page_size: target.elf_page_size(),
        frame: FrameRegisters {
            frame_pointer: registers.frame_pointer,
            return_address: registers.return_address,
            caller_sp_slot_from_fp: registers.caller_sp_slot_from_fp,
        },
    }
}
