//! Format specifications of real engines, for tests and examples.
#![allow(dead_code, reason = "each test uses a part")]

pub mod minimal;

use dart_snapshot::spec::CachedArgsDescriptor;
use dart_snapshot::{ArchFormat, ClassIds, FormatSpec, NamedRoot, Target, WordSize};
use snapcrane_container::{ElfTarget, FrameRegisters};
use snapcrane_engines::{Engine, TargetSpec};

/// What the engine's tables say about its snapshots.
pub fn format_spec(engine: &Engine) -> FormatSpec {
    let roots = |fields: &[snapcrane_engines::RootField]| {
        fields.iter().map(|f| NamedRoot { name: f.name.into(), class: f.class.into() }).collect()
    };
    // runtime/vm/dart_entry.h: 32 descriptors without type arguments, 3 with one.
    let descriptor = |type_args_len| move |count| CachedArgsDescriptor { type_args_len, count };
    let cached_args_descriptors: Vec<_> =
        (0..32).map(descriptor(0)).chain((0..3).map(descriptor(1))).collect();
    assert_eq!(cached_args_descriptors.len(), engine.num_cached_args_descriptors as usize);
    // runtime/vm/object.cc, ICData::Initialize: test entry lengths of one or two arguments, with or without
    // exactness.
    let cached_icdata_arrays = vec![2, 3, 4, 4];
    assert_eq!(cached_icdata_arrays.len(), engine.num_cached_icdata_arrays as usize);
    FormatSpec {
        version_hash: engine.snapshot_hash.into(),
        class_ids: ClassIds::resolve(|name| engine.find_class_id(name).map(|id| id.0)).expect("class ids"),
        num_predefined_cids: engine.num_predefined_cids,
        top_level_cid_offset: engine.top_level_cid_offset,
        class_roots: engine.classes.iter().filter(|c| c.in_class_table).map(|c| c.cid).collect(),
        handle_roots: roots(&engine.handle_roots),
        symbols: engine.symbols.iter().map(|s| s.text.clone().into_owned()).collect(),
        one_char_symbols: engine.num_one_char_symbols,
        stubs: engine.stubs.iter().map(|&s| s.into()).collect(),
        api_handles: engine.api_roots.iter().map(|r| r.name.into()).collect(),
        object_store: roots(&engine.object_store),
        required_object_store: [
            "async_library",
            "collection_library",
            "_compact_hash_library",
            "convert_library",
            "concurrent_library",
            "core_library",
            "developer_library",
            "ffi_library",
            "_internal_library",
            "_vm_library",
            "isolate_library",
            "math_library",
            "typed_data_library",
            "global_object_pool",
            "libraries_map",
        ]
        .map(String::from)
        .to_vec(),
        cached_args_descriptors,
        cached_icdata_arrays,
    }
}

/// The target by an engine's name for it, such as `linux-x64`.
pub fn target(spec: &TargetSpec) -> Target {
    let layout = spec.layout();
    let arch = ArchFormat {
        name: spec.arch.name().into(),
        word_size: if spec.word_size() == 8 { WordSize::W64 } else { WordSize::W32 },
        monomorphic_entry_offset: layout.instructions.monomorphic_entry_offset_aot as u32,
        polymorphic_entry_offset: layout.instructions.polymorphic_entry_offset_aot as u32,
        break_filler: spec.break_filler(),
        preferred_loop_alignment: if matches!(spec.arch.name(), "x64" | "arm64") && !spec.os.is_darwin() {
            32
        } else {
            4
        },
    };
    Target {
        arch,
        os: spec.os.name().into(),
        compressed_pointers: spec.compressed_pointers,
        dwarf_stack_traces: false,
        code_comments: false,
    }
}

/// The container's view of a target.
pub fn elf_target(spec: &TargetSpec) -> ElfTarget {
    // DWARF numbers of FP and of the return address; runtime/vm/elf.cc.
    let (frame_pointer, return_address) = match spec.arch.name() {
        "x64" => (6, 16),
        "arm64" => (29, 30),
        "arm" => (11, 14),
        arch => panic!("no DWARF registers for {arch}"),
    };
    ElfTarget {
        is_64bit: spec.word_size() == 8,
        machine: spec.elf_machine(),
        flags: spec.elf_flags(),
        page_size: spec.elf_page_size(),
        frame: FrameRegisters {
            frame_pointer,
            return_address,
            caller_sp_slot_from_fp: spec.layout().frame.caller_sp_from_fp as u8,
        },
    }
}

/// The parts of an ELF snapshot that tests look at.
pub struct ElfSnapshot {
    /// Engine's name of the target.
    pub target: &'static str,
    /// Contents of `.rodata`.
    pub data: Vec<u8>,
    /// Contents of `.text`.
    pub text: Vec<u8>,
}

/// Takes a Linux snapshot apart.
pub fn read_elf(file: &[u8]) -> ElfSnapshot {
    let is_64bit = file[4] == 2;
    let word = |at: usize| {
        let size = if is_64bit { 8 } else { 4 };
        let mut le = [0; 8];
        le[..size].copy_from_slice(&file[at..at + size]);
        u64::from_le_bytes(le) as usize
    };
    let at = |offset32, offset64| if is_64bit { offset64 } else { offset32 };
    let headers = word(at(32, 40));
    // Section numbers of .rodata and .text in every file of the reference compiler.
    let section = |n| {
        let header = headers + at(40, 64) * n;
        let offset = word(header + at(16, 24));
        file[offset..offset + word(header + at(20, 32))].to_vec()
    };
    let target = match u16::from_le_bytes([file[18], file[19]]) {
        62 => "linux-x64",
        183 => "linux-arm64",
        40 => "linux-arm",
        machine => panic!("machine {machine}"),
    };
    ElfSnapshot { target, data: section(5), text: section(7) }
}
