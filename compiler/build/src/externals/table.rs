//! Which builder makes the body of a member.
//!
//! Members are found by the kind under which the engine recognises them (runtime/vm/compiler/recognized_methods_list.h), by the C
//! function that their pragma names (runtime/vm/bootstrap_natives.h), or, for the few that neither says anything of, by name.
//!
//! Recognised kinds without an entry keep what the library has for them: a Dart body that is good enough, or a C function (vectors,
//! hash codes of objects and types, run-time types, thread-local values).

use snapcrane_ir::{AllocKind, ArrayKind, BinaryOp, CompareOp, NativeSlot, UnaryOp};
use snapcrane_program::Program;
use snapcrane_program::ids::MemberId;

use super::body::{Body, Builder};
use super::typed_data::{Element, View};
use super::{
    async_, collections, doubles, ffi, integers, isolates, lists, math, objects, records, strings,
    table_name, typed_data, weak,
};
use crate::error::Result;

/// Builds a body for lists of an element.
pub(super) type ElementBuilder = fn(&mut Body<'_>, Element) -> Result<()>;

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    /// A builder.
    Plain(Builder),
    /// A builder for lists of an element.
    Element(ElementBuilder, Element),
}

impl Entry {
    /// Builds the body.
    pub(super) fn build(self, body: &mut Body<'_>) -> Result<()> {
        match self {
            Entry::Plain(builder) => builder(body),
            Entry::Element(builder, element) => builder(body, element),
        }
    }
}

/// What makes the body of a member, if the compiler does.
pub(super) fn find(program: &Program<'_>, member: MemberId) -> Option<Entry> {
    let data = &program.members[member];
    if !data.is_recognized && !data.is_external {
        return None;
    }
    let component = program.component;
    let library = component
        .string_lossy(component.canonical_name(component.libraries[data.library].canonical_name).name);
    let class = data.class.map_or("::".into(), |class| program.text(program.class(class).name));
    let name = table_name(program, member);
    if let Some(method) = program.engine.recognized_method(&library, &class, &name)
        && let Some(entry) = recognized(method.name)
    {
        return Some(entry);
    }
    if !data.is_external {
        return None;
    }
    let builder = match &data.native_name {
        Some(native) => c_function(native),
        None => unrecognized(&library, &class, &name),
    };
    builder.map(Entry::Plain)
}

/// The entry of a recognised kind.
fn recognized(kind: &str) -> Option<Entry> {
    object_kind(kind)
        .or_else(|| number_kind(kind))
        .or_else(|| list_kind(kind))
        .or_else(|| string_kind(kind))
        .or_else(|| collection_kind(kind))
        .or_else(|| weak_kind(kind))
        .or_else(|| isolate_kind(kind))
        .or_else(|| ffi_kind(kind))
        .map(Entry::Plain)
        .or_else(|| typed_data_kind(kind))
}

fn object_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "ObjectEquals" => objects::equals,
        "ObjectIdentical" => objects::identical,
        "ClassIDgetID" => objects::class_id,
        "Has63BitSmis" => objects::has_63_bit_smis,
        "ReachabilityFence" => objects::nothing,
        "Closure_hash" => |c| c.getter(NativeSlot::ClosureHash),
        "Record_shape" => |c| c.getter(NativeSlot::RecordShape),
        "Record_numFields" => records::num_fields,
        "Record_fieldNames" => records::field_names,
        "Record_fieldAt" => records::field_at,
        _ => return None,
    };
    Some(builder)
}

fn number_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "Integer_add" => |c| integers::arithmetic(c, BinaryOp::AddInt64, BinaryOp::AddDouble),
        "Integer_sub" => |c| integers::arithmetic(c, BinaryOp::SubInt64, BinaryOp::SubDouble),
        "Integer_mul" => |c| integers::arithmetic(c, BinaryOp::MulInt64, BinaryOp::MulDouble),
        "Integer_truncDivide" => integers::truncating_division,
        "Integer_mod" => integers::modulo,
        "Integer_negate" => |c| integers::unary(c, UnaryOp::NegInt64),
        "Integer_bitAnd" => |c| integers::bitwise(c, BinaryOp::AndInt64),
        "Integer_bitOr" => |c| integers::bitwise(c, BinaryOp::OrInt64),
        "Integer_bitXor" => |c| integers::bitwise(c, BinaryOp::XorInt64),
        "Integer_shl" => |c| integers::shift(c, BinaryOp::ShlInt64),
        "Integer_sar" => |c| integers::shift(c, BinaryOp::ShrInt64),
        "Integer_shr" => |c| integers::shift(c, BinaryOp::UshrInt64),
        "Integer_lessThan" => |c| integers::comparison(c, CompareOp::LtInt64, CompareOp::LtDouble),
        "Integer_lessEqualThan" => |c| integers::comparison(c, CompareOp::LeInt64, CompareOp::LeDouble),
        "Integer_greaterThan" => |c| integers::comparison(c, CompareOp::GtInt64, CompareOp::GtDouble),
        "Integer_greaterEqualThan" => |c| integers::comparison(c, CompareOp::GeInt64, CompareOp::GeDouble),
        "Integer_equal" => integers::equals,
        "Integer_equalToInteger" => integers::equal_to_integer,
        "IntegerToDouble" | "DoubleFromInteger" => integers::to_double,
        "Smi_bitNegate" => |c| integers::unary(c, UnaryOp::NotInt64),
        "Smi_bitLength" => |c| integers::unary(c, UnaryOp::BitLength),
        "Smi_hashCode" | "Mint_hashCode" => integers::hash_code,
        "Double_add" => |c| doubles::arithmetic(c, BinaryOp::AddDouble),
        "Double_sub" => |c| doubles::arithmetic(c, BinaryOp::SubDouble),
        "Double_mul" => |c| doubles::arithmetic(c, BinaryOp::MulDouble),
        "Double_div" => |c| doubles::arithmetic(c, BinaryOp::DivDouble),
        "Double_lessThan" => |c| doubles::comparison(c, CompareOp::LtDouble),
        "Double_lessEqualThan" => |c| doubles::comparison(c, CompareOp::LeDouble),
        "Double_greaterThan" => |c| doubles::comparison(c, CompareOp::GtDouble),
        "Double_greaterEqualThan" => |c| doubles::comparison(c, CompareOp::GeDouble),
        "Double_equal" => doubles::equals,
        "DoubleAdd" => |c| doubles::binary(c, BinaryOp::AddDouble),
        "DoubleSub" => |c| doubles::binary(c, BinaryOp::SubDouble),
        "DoubleMul" => |c| doubles::binary(c, BinaryOp::MulDouble),
        "DoubleDiv" => |c| doubles::binary(c, BinaryOp::DivDouble),
        "DoubleMod" => |c| doubles::leaf2(c, "DartModulo"),
        "DoubleRem" => |c| doubles::leaf2(c, "LibcFmod"),
        "Double_mulFromInteger" => doubles::multiply_from_integer,
        "DoubleFlipSignBit" => |c| doubles::unary(c, UnaryOp::NegDouble),
        "DoubleFloorToDouble" => |c| doubles::unary(c, UnaryOp::FloorDouble),
        "DoubleCeilToDouble" => |c| doubles::unary(c, UnaryOp::CeilDouble),
        "DoubleTruncateToDouble" => |c| doubles::unary(c, UnaryOp::TruncDouble),
        "DoubleRoundToDouble" => |c| doubles::leaf1(c, "LibcRound"),
        "DoubleToInteger" => doubles::to_int,
        "Double_getIsNaN" => doubles::is_nan,
        "Double_getIsInfinite" => doubles::is_infinite,
        "Double_getIsNegative" => doubles::is_negative,
        "Double_hashCode" => doubles::hash_code,
        "MathSqrt" => |c| doubles::unary(c, UnaryOp::SqrtDouble),
        "MathSin" => |c| doubles::leaf1(c, "LibcSin"),
        "MathCos" => |c| doubles::leaf1(c, "LibcCos"),
        "MathTan" => |c| doubles::leaf1(c, "LibcTan"),
        "MathAsin" => |c| doubles::leaf1(c, "LibcAsin"),
        "MathAcos" => |c| doubles::leaf1(c, "LibcAcos"),
        "MathAtan" => |c| doubles::leaf1(c, "LibcAtan"),
        "MathAtan2" => |c| doubles::leaf2(c, "LibcAtan2"),
        "MathExp" => |c| doubles::leaf1(c, "LibcExp"),
        "MathLog" => |c| doubles::leaf1(c, "LibcLog"),
        "MathDoublePow" => math::pow,
        _ => return None,
    };
    Some(builder)
}

fn list_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "ObjectArrayAllocate" => lists::array_new,
        "ObjectArrayLength" => |c| c.getter(NativeSlot::ArrayLength),
        "ObjectArrayGetIndexed" => lists::array_get,
        "ObjectArraySetIndexedUnchecked" => lists::array_set,
        "GrowableArrayAllocateWithData" => lists::growable_with_data,
        "GrowableArrayGetEmptyList" => lists::growable_empty_list,
        "GrowableArrayLength" => |c| c.getter(NativeSlot::GrowableLength),
        "GrowableArrayCapacity" => lists::growable_capacity,
        "GrowableArraySetLength" => lists::growable_set_length,
        "GrowableArraySetData" => |c| c.setter(NativeSlot::GrowableData),
        "GrowableArrayGetIndexed" => lists::growable_get,
        "GrowableArraySetIndexedUnchecked" => lists::growable_set,
        _ => return None,
    };
    Some(builder)
}

fn string_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "StringBaseLength" => |c| c.getter(NativeSlot::StringLength),
        "StringBaseIsEmpty" => strings::is_empty,
        "StringBaseCodeUnitAt" => strings::code_unit_at,
        "StringBaseCharAt" => strings::char_at,
        "String_getHashCode" | "String_identityHash" => strings::hash_code,
        "OneByteString_getHashCode" => strings::one_byte_hash_code,
        "OneByteString_equality" => strings::one_byte_equals,
        "TwoByteString_equality" => strings::two_byte_equals,
        "OneByteString_substringUnchecked" => strings::one_byte_substring,
        "AllocateOneByteString" => |c| strings::allocate(c, AllocKind::OneByteString),
        "AllocateTwoByteString" => |c| strings::allocate(c, AllocKind::TwoByteString),
        "WriteIntoOneByteString" => |c| strings::write(c, ArrayKind::OneByteString),
        "WriteIntoTwoByteString" => |c| strings::write(c, ArrayKind::TwoByteString),
        "CopyRangeFromUint8ListToOneByteString" => strings::copy_from_bytes,
        _ => return None,
    };
    Some(builder)
}

fn collection_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "LinkedHashBase_getIndex" => |c| c.getter(NativeSlot::HashIndex),
        "LinkedHashBase_setIndex" => |c| c.setter(NativeSlot::HashIndex),
        "LinkedHashBase_getData" | "ImmutableLinkedHashBase_getData" => |c| c.getter(NativeSlot::HashData),
        "LinkedHashBase_setData" => |c| c.setter(NativeSlot::HashData),
        "LinkedHashBase_getUsedData" => |c| c.getter(NativeSlot::HashUsedData),
        "LinkedHashBase_setUsedData" => |c| c.smi_setter(NativeSlot::HashUsedData),
        "LinkedHashBase_getHashMask" => |c| c.getter(NativeSlot::HashMask),
        "LinkedHashBase_setHashMask" => |c| c.smi_setter(NativeSlot::HashMask),
        "LinkedHashBase_getDeletedKeys" => |c| c.getter(NativeSlot::HashDeletedKeys),
        "LinkedHashBase_setDeletedKeys" => |c| c.smi_setter(NativeSlot::HashDeletedKeys),
        "ImmutableLinkedHashBase_getIndex" => |c| c.getter(NativeSlot::HashIndexShared),
        "ImmutableLinkedHashBase_setIndexStoreRelease" => collections::set_shared_index,
        "CompactHash_uninitializedIndex" => collections::uninitialized_index,
        "CompactHash_uninitializedData" => collections::uninitialized_data,
        _ => return None,
    };
    Some(builder)
}

fn weak_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "WeakProperty_getKey" => |c| c.getter(NativeSlot::WeakPropertyKey),
        "WeakProperty_setKey" => |c| c.setter(NativeSlot::WeakPropertyKey),
        "WeakProperty_getValue" => |c| c.getter(NativeSlot::WeakPropertyValue),
        "WeakProperty_setValue" => |c| c.setter(NativeSlot::WeakPropertyValue),
        "WeakReference_getTarget" => |c| c.getter(NativeSlot::WeakReferenceTarget),
        "WeakReference_setTarget" => |c| c.setter(NativeSlot::WeakReferenceTarget),
        "Finalizer_getCallback" => |c| c.getter(NativeSlot::FinalizerCallback),
        "Finalizer_setCallback" => |c| c.setter(NativeSlot::FinalizerCallback),
        "NativeFinalizer_getCallback" => |c| c.getter(NativeSlot::NativeFinalizerCallback),
        "NativeFinalizer_setCallback" => |c| c.setter(NativeSlot::NativeFinalizerCallback),
        "FinalizerBase_getAllEntries" => |c| c.getter(NativeSlot::FinalizerAllEntries),
        "FinalizerBase_setAllEntries" => |c| c.setter(NativeSlot::FinalizerAllEntries),
        "FinalizerBase_getDetachments" => |c| c.getter(NativeSlot::FinalizerDetachments),
        "FinalizerBase_setDetachments" => |c| c.setter(NativeSlot::FinalizerDetachments),
        "FinalizerBase_exchangeEntriesCollectedWithNull" => weak::take_collected_entries,
        "FinalizerBase_setIsolate" => weak::set_isolate,
        "FinalizerBase_getIsolateFinalizers" => weak::isolate_finalizers,
        "FinalizerBase_setIsolateFinalizers" => weak::set_isolate_finalizers,
        "FinalizerEntry_allocate" => weak::new_entry,
        "FinalizerEntry_getValue" => |c| c.getter(NativeSlot::FinalizerEntryValue),
        "FinalizerEntry_getDetach" => |c| c.getter(NativeSlot::FinalizerEntryDetach),
        "FinalizerEntry_getToken" => |c| c.getter(NativeSlot::FinalizerEntryToken),
        "FinalizerEntry_setToken" => |c| c.setter(NativeSlot::FinalizerEntryToken),
        "FinalizerEntry_getNext" => |c| c.getter(NativeSlot::FinalizerEntryNext),
        "FinalizerEntry_getExternalSize" => |c| c.getter(NativeSlot::FinalizerEntryExternalSize),
        "CheckNotDeeplyImmutable" => weak::check_not_deeply_immutable,
        _ => return None,
    };
    Some(builder)
}

fn isolate_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "SuspendState_getFunctionData" => |c| c.getter(NativeSlot::SuspendStateFunctionData),
        "SuspendState_setFunctionData" => |c| c.setter(NativeSlot::SuspendStateFunctionData),
        "SuspendState_getThenCallback" => |c| c.getter(NativeSlot::SuspendStateThenCallback),
        "SuspendState_setThenCallback" => |c| c.setter(NativeSlot::SuspendStateThenCallback),
        "SuspendState_getErrorCallback" => |c| c.getter(NativeSlot::SuspendStateErrorCallback),
        "SuspendState_setErrorCallback" => |c| c.setter(NativeSlot::SuspendStateErrorCallback),
        "SuspendState_clone" => async_::clone,
        "SuspendState_resume" => async_::resume,
        "ReceivePort_getSendPort" => |c| c.getter(NativeSlot::ReceivePortSendPort),
        "ReceivePort_getHandler" => |c| c.getter(NativeSlot::ReceivePortHandler),
        "ReceivePort_setHandler" => |c| c.setter(NativeSlot::ReceivePortHandler),
        "Profiler_getCurrentTag" => isolates::current_tag,
        "UserTag_defaultTag" => isolates::default_tag,
        "GetNativeField" => isolates::native_field,
        "Timeline_isDartStreamEnabled" | "ExtensionStreamHasListener" => objects::always_false,
        _ => return None,
    };
    Some(builder)
}

fn ffi_kind(kind: &str) -> Option<Builder> {
    let builder: Builder = match kind {
        "FfiAbi" => ffi::abi,
        "FfiFromAddress" => ffi::from_address,
        "FfiGetAddress" => ffi::address,
        "FfiLoadPointer" => ffi::load_pointer,
        "FfiStorePointer" => ffi::store_pointer,
        "MemCopy" => ffi::mem_copy,
        "FfiLoadFloat" | "FfiLoadFloatUnaligned" => |c| typed_data::get_at_offset(c, Element::Float32),
        "FfiLoadDouble" | "FfiLoadDoubleUnaligned" => |c| typed_data::get_at_offset(c, Element::Float64),
        "FfiStoreFloat" | "FfiStoreFloatUnaligned" => |c| typed_data::set_at_offset(c, Element::Float32),
        "FfiStoreDouble" | "FfiStoreDoubleUnaligned" => |c| typed_data::set_at_offset(c, Element::Float64),
        "FfiAsExternalTypedDataFloat" => |c| typed_data::new_external(c, Element::Float32),
        "FfiAsExternalTypedDataDouble" => |c| typed_data::new_external(c, Element::Float64),
        "FfiNativeCallbackFunction"
        | "FfiNativeAsyncCallbackFunction"
        | "FfiNativeIsolateLocalCallbackFunction"
        | "FfiNativeIsolateGroupBoundCallbackFunction"
        | "FfiNativeIsolateGroupBoundClosureFunction"
        | "FfiLoadAbiSpecificInt"
        | "FfiLoadAbiSpecificIntAtIndex"
        | "FfiStoreAbiSpecificInt"
        | "FfiStoreAbiSpecificIntAtIndex" => objects::expanded_at_calls,
        _ => return None,
    };
    Some(builder)
}

/// Kinds that exist once per element: what stands before and after the element's name, and the builder.
const ELEMENT_KINDS: [(&str, &str, ElementBuilder); 13] = [
    ("", "ArrayGetIndexed", typed_data::get_indexed),
    ("External", "ArrayGetIndexed", typed_data::get_indexed),
    ("", "ArrayViewGetIndexed", typed_data::get_indexed),
    ("", "ArraySetIndexed", typed_data::set_indexed),
    ("External", "ArraySetIndexed", typed_data::set_indexed),
    ("TypedList_Get", "", typed_data::get_at_offset),
    ("TypedList_Set", "", typed_data::set_at_offset),
    ("TypedData_", "Array_factory", typed_data::new),
    ("TypedData_", "ArrayView_factory", |c, element| typed_data::new_view(c, element, View::Modifiable)),
    ("TypedData_Unmodifiable", "ArrayView_factory", |c, element| {
        typed_data::new_view(c, element, View::Unmodifiable)
    }),
    ("FfiLoad", "", typed_data::get_at_offset),
    ("FfiStore", "", typed_data::set_at_offset),
    ("FfiAsExternalTypedData", "", typed_data::new_external),
];

fn typed_data_kind(kind: &str) -> Option<Entry> {
    let builder: Builder = match kind {
        "TypedListBaseLength" | "ByteDataViewLength" => |c| c.getter(NativeSlot::TypedDataLength),
        "TypedDataViewOffsetInBytes" | "ByteDataViewOffsetInBytes" => {
            |c| c.getter(NativeSlot::TypedDataViewOffset)
        }
        "TypedDataViewTypedData" | "ByteDataViewTypedData" => |c| c.getter(NativeSlot::TypedDataViewBase),
        "TypedData_ByteDataView_factory" => |c| typed_data::new_byte_data(c, View::Modifiable),
        "TypedData_UnmodifiableByteDataView_factory" => |c| typed_data::new_byte_data(c, View::Unmodifiable),
        "TypedDataIndexCheck" | "ByteDataByteOffsetCheck" => typed_data::index_check,
        "TypedData_memMove1" => |c| typed_data::mem_move(c, 0),
        "TypedData_memMove2" => |c| typed_data::mem_move(c, 1),
        "TypedData_memMove4" => |c| typed_data::mem_move(c, 2),
        "TypedData_memMove8" => |c| typed_data::mem_move(c, 3),
        "TypedData_memMove16" => |c| typed_data::mem_move(c, 4),
        _ => {
            return ELEMENT_KINDS.iter().find_map(|&(before, after, builder)| {
                let element = kind.strip_prefix(before)?.strip_suffix(after)?;
                Some(Entry::Element(builder, Element::named(element)?))
            });
        }
    };
    Some(Entry::Plain(builder))
}

/// Bodies that replace calls of C functions whose members the engine does not recognise.
fn c_function(name: &str) -> Option<Builder> {
    let builder: Builder = match name {
        "Integer_addFromInteger" => |c| integers::from_integer(c, BinaryOp::AddInt64),
        "Integer_subFromInteger" => |c| integers::from_integer(c, BinaryOp::SubInt64),
        "Integer_mulFromInteger" => |c| integers::from_integer(c, BinaryOp::MulInt64),
        "Integer_truncDivFromInteger" => |c| integers::from_integer(c, BinaryOp::TruncDivInt64),
        "Integer_moduloFromInteger" => |c| integers::from_integer(c, BinaryOp::ModInt64),
        "Integer_bitAndFromInteger" => |c| integers::from_integer(c, BinaryOp::AndInt64),
        "Integer_bitOrFromInteger" => |c| integers::from_integer(c, BinaryOp::OrInt64),
        "Integer_bitXorFromInteger" => |c| integers::from_integer(c, BinaryOp::XorInt64),
        "Integer_shlFromInteger" => |c| integers::from_integer(c, BinaryOp::ShlInt64),
        "Integer_shrFromInteger" => |c| integers::from_integer(c, BinaryOp::ShrInt64),
        "Integer_ushrFromInteger" => |c| integers::from_integer(c, BinaryOp::UshrInt64),
        "Integer_greaterThanFromInteger" => integers::greater_than_from_integer,
        "Mint_bitNegate" => |c| integers::unary(c, UnaryOp::NotInt64),
        "Mint_bitLength" => |c| integers::unary(c, UnaryOp::BitLength),
        "Double_equal" => |c| doubles::compare(c, CompareOp::EqDouble),
        "Double_greaterThan" => |c| doubles::compare(c, CompareOp::GtDouble),
        "Double_equalToInteger" => doubles::equal_to_integer,
        "Double_greaterThanFromInteger" => doubles::greater_than_from_integer,
        "Internal_unsafeCast" => objects::unsafe_cast,
        _ => return None,
    };
    Some(builder)
}

/// Bodies of members that have neither a recognised kind nor a C function.
fn unrecognized(library: &str, class: &str, name: &str) -> Option<Builder> {
    match (library, class, name) {
        ("dart:_internal", "::", "_nativeEffect") => Some(objects::nothing),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use snapcrane_engines::{Engine, RecognizedList};

    use super::*;

    /// Kinds whose members keep the body that the library has: what they are, by prefix or name.
    fn keeps_library_body(name: &str) -> bool {
        /// Vectors are made by C functions, big integers have Dart bodies.
        const PREFIXES: [&str; 7] =
            ["Float32x4", "Float64x2", "Int32x4", "Bigint_", "Montgomery_", "ThreadLocal", "AbstractType_"];
        /// Good enough Dart bodies, C functions with effects on more than their arguments, calls that callers expand.
        const NAMES: [&str; 20] = [
            "FutureListenerHandleValue",
            "Utf8DecoderScan",
            "ObjectConstructor",
            "ObjectArraySetIndexed",
            "GrowableArraySetIndexed",
            "StringBaseInterpolate",
            "StringBaseSubstringMatches",
            "DoubleCeilToInt",
            "DoubleFloorToInt",
            "Integer_trailingZeroBitCount",
            "Integer_oneBitCount",
            "MathMin",
            "MathMax",
            "MathIntPow",
            "ByteDataFactory",
            "ObjectRuntimeType",
            "ObjectHaveSameRuntimeType",
            "Type_equality",
            "Object_getHash",
            "Timeline_getNextTaskId",
        ];
        const EXPANDED_OR_DEBUGGER: [&str; 3] = ["Debugger", "FfiCall", "FfiNativeAddressOf"];
        NAMES.contains(&name)
            || EXPANDED_OR_DEBUGGER.contains(&name)
            || (PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && recognized(name).is_none())
    }

    #[test]
    fn every_recognized_kind_is_decided() {
        let engine = Engine::latest();
        let undecided: Vec<&str> = engine
            .recognized_methods
            .iter()
            .map(|method| method.name)
            .filter(|name| recognized(name).is_some() == keeps_library_body(name))
            .collect();
        assert_eq!(undecided, [""; 0]);
        assert!(engine.recognized_methods.iter().any(|method| method.list == RecognizedList::GraphIntrinsic));
    }

    #[test]
    fn runtime_and_leaf_entries_exist() {
        let engine = Engine::latest();
        for entry in ["DoubleToInteger", "AllocateTypedData", "AllocateArray", "WriteError"] {
            assert!(engine.runtime_entry(entry).is_some(), "{entry}");
        }
        for entry in
            ["DartModulo", "LibcFmod", "LibcRound", "LibcPow", "LibcSin", "LibcAtan2", "LibcExp", "LibcLog"]
        {
            assert!(engine.leaf_entry(entry).is_some(), "{entry}");
        }
        for root in ["mutable_empty_array", "uninitialized_index", "uninitialized_data"] {
            assert!(engine.handle_root_index(root).is_some(), "{root}");
        }
        assert!(engine.recognized_method_named("DoubleToInteger").is_some());
    }

    #[test]
    fn c_functions_exist() {
        let engine = Engine::latest();
        for native in &engine.natives {
            if c_function(native.name).is_some() {
                assert!(native.argument_count <= 2, "{}", native.name);
            }
        }
        let exists = |name| engine.natives.iter().any(|native| native.name == name);
        assert!(
            exists("Integer_addFromInteger") && exists("Mint_bitLength") && exists("Double_equalToInteger")
        );
    }
}
