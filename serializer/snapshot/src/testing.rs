//! Targets and class ids for this crate's own tests.

use crate::spec::{ArchFormat, ClassIds, Target, WordSize};

pub fn x64() -> Target {
    let arch = ArchFormat {
        name: "x64".into(),
        word_size: WordSize::W64,
        monomorphic_entry_offset: 8,
        polymorphic_entry_offset: 22,
        break_filler: [0xcc; 4],
        preferred_loop_alignment: 32,
    };
    Target {
        arch,
        os: "linux".into(),
        compressed_pointers: false,
        dwarf_stack_traces: false,
        code_comments: false,
    }
}

pub fn arm() -> Target {
    let arch = ArchFormat {
        name: "arm".into(),
        word_size: WordSize::W32,
        monomorphic_entry_offset: 0,
        polymorphic_entry_offset: 16,
        break_filler: 0xe120_0070u32.to_le_bytes(),
        preferred_loop_alignment: 4,
    };
    Target { arch, ..x64() }
}

const CLASS_NAMES: &str = "Illegal NativePointer FreeListElement ForwardingCorpse Object Class PatchClass Function \
    TypeParameters ClosureData FfiTrampolineData Field Script Library Namespace KernelProgramInfo \
    WeakSerializationReference WeakArray Code Bytecode Instructions InstructionsSection InstructionsTable ObjectPool \
    PcDescriptors CodeSourceMap CompressedStackMaps LocalVarDescriptors ExceptionHandlers Context ContextScope Sentinel \
    SingleTargetCache MonomorphicSmiableCall CallSiteData UnlinkedCall ICData MegamorphicCache SubtypeTestCache \
    LoadingUnit Error ApiError LanguageError UnhandledException UnwindError Instance LibraryPrefix TypeArguments \
    AbstractType Type FunctionType RecordType TypeParameter FinalizerBase Finalizer NativeFinalizer FinalizerEntry Closure \
    Number Integer Smi Mint Double Bool Float32x4 Int32x4 Float64x2 Record TypedDataBase TypedData ExternalTypedData \
    TypedDataView Pointer DynamicLibrary Capability ReceivePort SendPort StackTrace SuspendState RegExp WeakProperty \
    WeakReference MirrorReference FutureOr UserTag TransferableTypedData Map ConstMap Set ConstSet Array ImmutableArray \
    GrowableObjectArray String OneByteString TwoByteString LinkedHashBase FfiNativeFunction FfiInt8 FfiInt16 FfiInt32 \
    FfiInt64 FfiUint8 FfiUint16 FfiUint32 FfiUint64 FfiFloat FfiDouble FfiVoid FfiHandle FfiBool FfiNativeType FfiStruct \
    TypedDataInt8Array";

/// Class ids of Dart 3.13.4.
pub fn class_ids() -> ClassIds {
    let late = [("ByteDataView", 169), ("Null", 172), ("Dynamic", 173), ("Void", 174), ("Never", 175)];
    let lookup = |name: &str| {
        let listed = CLASS_NAMES.split_whitespace().position(|n| n == name).map(|i| i as u32);
        listed.or_else(|| late.iter().find(|(n, _)| *n == name).map(|&(_, cid)| cid))
    };
    ClassIds::resolve(lookup).expect("complete list")
}
