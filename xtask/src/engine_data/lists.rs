//! Tables that do not depend on the target: class ids, stubs, entries, roots, symbols, methods, natives, bit fields,
//! enumerations.

use std::collections::BTreeMap;
use std::error::Error;

use super::Table;
use super::cpp::{Class, split_arguments, string_literal};
use super::facts::Facts;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(super) fn tables(facts: &Facts) -> Result<Vec<Table>> {
    Ok(vec![
        class_ids(facts)?,
        stubs(facts)?,
        runtime_entries(facts)?,
        object_store(facts)?,
        roots(facts)?,
        symbols(facts)?,
        recognized_methods(facts)?,
        natives(facts)?,
        typed_data(facts)?,
        bitfields(facts)?,
        enums(facts)?,
        engine(facts)?,
    ])
}

/// Names of the predefined classes without `k` and `Cid`; the index is the class id.
pub(super) fn class_names(facts: &Facts) -> Result<Vec<String>> {
    let source = facts.common("vm/class_id.h")?;
    let mut names = Vec::new();
    for (enumerator, value) in source.scope().enumeration("ClassId")? {
        if enumerator == "kNumPredefinedCids" {
            return Ok(names);
        }
        if value as usize != names.len() {
            return Err(format!("class id {enumerator} is {value}").into());
        }
        names.push(short_class_name(&enumerator)?.to_owned());
    }
    Err("class_id.h: no kNumPredefinedCids".into())
}

fn short_class_name(enumerator: &str) -> Result<&str> {
    let name = enumerator.strip_prefix('k').ok_or_else(|| format!("class id {enumerator}"))?;
    Ok(name.strip_suffix("Cid").unwrap_or(name))
}

/// All words `k...Cid` in a piece of text.
fn class_ids_in(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_prefix('k')?.strip_suffix("Cid"))
        .map(str::to_owned)
        .collect()
}

fn class_ids(facts: &Facts) -> Result<Table> {
    let names = class_names(facts)?;
    let source = facts.common("vm/class_id.h")?;
    let mut deep = class_ids_in(source.block("bool IsDeeplyImmutableCid(intptr_t")?);
    if source.block("bool IsDeeplyImmutableCid(intptr_t")?.contains("IsStringClassId(") {
        deep.extend(["String", "OneByteString", "TwoByteString"].map(str::to_owned));
    }
    let shallow_text = source.block("bool IsShallowlyImmutableCid(intptr_t")?;
    let shallow = class_ids_in(shallow_text);
    let shallow_views = shallow_text.contains("IsUnmodifiableTypedDataViewClassId(");
    let absent = class_ids_in(facts.common("vm/app_snapshot.cc")?.block("static bool IsAbsentCid(")?);
    let registered = registrations(facts)?;

    let mut rows = Vec::new();
    for (cid, name) in names.iter().enumerate() {
        let is_unmodifiable_view = name.starts_with("Unmodifiable") && name.ends_with("View");
        let immutability = if deep.contains(name) {
            "deep"
        } else if shallow.contains(name) || shallow_views && is_unmodifiable_view {
            "shallow"
        } else {
            "mutable"
        };
        // The first four ids belong to pseudo objects.
        let presence = if cid < 4 || absent.contains(name) { "absent" } else { "class" };
        let registration = registered.get(name);
        let library = registration.and_then(|r| r.library.clone()).unwrap_or_else(|| "-".into());
        let dart_name = registration.and_then(|r| r.dart_name.clone());
        let dart_name = facts.override_for("class_name", name).or(dart_name).unwrap_or_else(|| "-".into());
        let arguments = match facts.override_for("class_num_type_arguments", name) {
            Some(number) => number,
            None => registration.map_or(0, |r| r.num_type_arguments).to_string(),
        };
        rows.push(format!("{cid}\t{name}\t{immutability}\t{presence}\t{library}\t{dart_name}\t{arguments}"));
    }
    Ok(facts.table(
        "class_ids.tsv",
        "runtime/vm/class_id.h, runtime/vm/object.cc (Object::Init), runtime/vm/app_snapshot.cc",
        "class id, name, immutability, presence in the class table, library, Dart class, type arguments",
        rows,
    ))
}

/// How `Object::Init` sets a predefined class up.
#[derive(Debug, Clone, Default)]
pub(super) struct Registration {
    /// C++ class that gives the layout.
    pub(super) layout_class: String,
    library: Option<String>,
    dart_name: Option<String>,
    num_type_arguments: u32,
    /// C++ expression for the offset of the type arguments.
    pub(super) type_arguments_offset: Option<String>,
}

/// Follows the local variables of `Object::Init` to find, per class, its layout, Dart name and library.
pub(super) fn registrations(facts: &Facts) -> Result<BTreeMap<String, Registration>> {
    let source = facts.source(
        "vm/object.cc",
        &["PRODUCT", "DART_PRECOMPILER", "TARGET_ARCH_X64", "TARGET_ARCH_IS_64_BIT"],
        &["vm/class_id.h"],
    )?;
    let symbol_texts: BTreeMap<String, String> = symbol_list(facts)?.into_iter().collect();
    let symbol = |call: &str| -> Result<String> {
        let id = call.split("Symbols::").nth(1).and_then(|rest| rest.split('(').next()).unwrap_or_default();
        Ok(symbol_texts.get(id).ok_or_else(|| format!("Object::Init: no symbol {call}"))?.clone())
    };
    // Class variables and object store slots hold a class id name; library variables a URI.
    let mut class_of: BTreeMap<String, String> = BTreeMap::new();
    let mut stored: BTreeMap<String, String> = BTreeMap::new();
    let mut library_of: BTreeMap<String, String> = BTreeMap::new();
    let mut out: BTreeMap<String, Registration> = BTreeMap::new();
    library_of.insert("core_lib".into(), "dart:core".into());

    let body = source.block("ErrorPtr Object::Init(IsolateGroup* isolate_group,")?;
    for statement in body.split(';') {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        // Only the last line of what precedes an assignment can name the variable.
        if let Some((before, value)) = statement.split_once(" = ") {
            let variable = before.rsplit([' ', '&', '{', '}']).next().unwrap_or_default().to_owned();
            set_variable(&variable, value, &mut class_of, &mut stored, &mut out);
            if value.contains("Library::LookupLibrary(") || value.contains("NewLibraryHelper(") {
                library_of.insert(variable, symbol(value)?);
            }
            continue;
        }
        if let Some((_, call)) = statement.split_once("object_store->set_")
            && let Some((slot, variable)) = call.trim_end_matches(')').split_once('(')
            && let Some(class) = class_of.get(variable)
        {
            stored.insert(slot.to_owned(), class.clone());
        }
        let register =
            statement.split_once("RegisterPrivateClass(").or_else(|| statement.split_once("RegisterClass("));
        if let Some((_, call)) = register {
            let arguments = split_arguments(call.strip_suffix(')').unwrap_or(call));
            let [variable, name, library] = &arguments[..] else { continue };
            let Some(class) = class_of.get(variable) else { continue };
            if !name.contains("Symbols::") {
                continue;
            }
            let entry = out.entry(class.clone()).or_default();
            entry.dart_name.get_or_insert(symbol(name)?);
            if entry.library.is_none() {
                entry.library = library_of.get(library).cloned();
            }
        }
        for (variable, class) in &class_of {
            let Some((_, call)) = statement.split_once(&format!("{variable}.")) else { continue };
            let entry = out.entry(class.clone()).or_default();
            if let Some(number) = call.strip_prefix("set_num_type_arguments_unsafe(") {
                entry.num_type_arguments = number.trim_end_matches(')').parse()?;
            } else if let Some(offsets) = call.strip_prefix("set_type_arguments_field_offset(") {
                entry.type_arguments_offset =
                    split_arguments(offsets.trim_end_matches(')')).into_iter().next();
            } else if call.starts_with("set_name(Symbols::") {
                entry.dart_name.get_or_insert(symbol(call)?);
            }
        }
        if let Some((library, variable)) = statement.split_once(".AddClass(") {
            let library = library.rsplit(' ').next().unwrap_or_default();
            if let (Some(class), Some(uri)) =
                (class_of.get(variable.trim_end_matches(')')), library_of.get(library))
            {
                out.entry(class.clone()).or_default().library.get_or_insert(uri.clone());
            }
        }
    }
    Ok(out)
}

fn set_variable(
    variable: &str,
    value: &str,
    class_of: &mut BTreeMap<String, String>,
    stored: &mut BTreeMap<String, String>,
    out: &mut BTreeMap<String, Registration>,
) {
    if let Some((_, slot)) = value.split_once("object_store->") {
        if let Some(class) = stored.get(slot.split('(').next().unwrap_or_default()) {
            class_of.insert(variable.to_owned(), class.clone());
        }
        return;
    }
    let Some((_, creation)) = value.split_once("Class::New") else { return };
    let explicit = class_ids_in(creation).into_iter().next();
    let template = creation.strip_prefix('<').and_then(|rest| rest.split([',', '>']).next());
    let layout_class = match template {
        Some(class) => class.trim(),
        None if creation.starts_with("StringClass") => "OneByteString",
        None if creation.starts_with("ExternalTypedDataClass") => "ExternalTypedData",
        None if creation.starts_with("TypedDataClass") => "TypedData",
        None if creation.contains("TypedDataViewClass") => "TypedDataView",
        None if creation.starts_with("PointerClass") => "Pointer",
        None => return,
    };
    let class = explicit.unwrap_or_else(|| layout_class.to_owned());
    class_of.insert(variable.to_owned(), class.clone());
    if class != "Illegal" {
        out.entry(class).or_default().layout_class = layout_class.to_owned();
    }
}

fn stubs(facts: &Facts) -> Result<Table> {
    let list = facts.common("vm/stub_code_list.h")?.list("VM_STUB_CODE_LIST")?;
    let rows = list.iter().enumerate().map(|(index, stub)| format!("{index}\t{}", stub[0])).collect();
    Ok(facts.table("stubs.tsv", "runtime/vm/stub_code_list.h (VM_STUB_CODE_LIST)", "index, name", rows))
}

/// Names of the non-leaf and the leaf runtime entries.
pub(super) fn entry_names(facts: &Facts) -> Result<(Vec<String>, Vec<String>)> {
    let source = facts.common("vm/runtime_entry_list.h")?;
    let runtime = source.list("RUNTIME_ENTRY_LIST")?.into_iter().map(|mut entry| entry.swap_remove(0));
    let leaf = source.list("LEAF_RUNTIME_ENTRY_LIST")?.into_iter().map(|mut entry| entry.swap_remove(1));
    Ok((runtime.collect(), leaf.collect()))
}

fn c_type(declaration: &str) -> Result<&'static str> {
    if declaration.contains('*') {
        return Ok("word");
    }
    let ty = declaration.split_whitespace().find(|word| *word != "const").unwrap_or_default();
    Ok(match ty {
        "void" => "void",
        "bool" => "bool",
        "int" | "int32_t" | "uint32_t" => "int32",
        "int64_t" | "uint64_t" => "int64",
        "uword" | "word" | "intptr_t" | "size_t" | "Dart_Handle" => "word",
        "double" => "double",
        _ => return Err(format!("leaf runtime entry with C type {declaration}").into()),
    })
}

fn runtime_entries(facts: &Facts) -> Result<Table> {
    let defines = ["PRODUCT", "DART_PRECOMPILED_RUNTIME", "TARGET_ARCH_X64", "TARGET_ARCH_IS_64_BIT"];
    let definitions = facts.source("vm/runtime_entry.cc", &defines, &[])?;
    let mut counts: BTreeMap<&str, &str> = BTreeMap::new();
    for macro_name in ["DEFINE_RUNTIME_ENTRY(", "DEFINE_RUNTIME_ENTRY_NO_LAZY_DEOPT("] {
        for definition in definitions.active.split(macro_name).skip(1) {
            let Some((name, rest)) = definition.split_once(',') else { continue };
            if let Some((count, _)) = rest.split_once(')') {
                counts.insert(name.trim(), count.trim());
            }
        }
    }
    let (runtime, _) = entry_names(facts)?;
    let mut rows = Vec::new();
    for (index, name) in runtime.iter().enumerate() {
        rows.push(format!("runtime\t{index}\t{name}\t{}", counts.get(name.as_str()).unwrap_or(&"-")));
    }
    let leaf = facts.common("vm/runtime_entry_list.h")?.list("LEAF_RUNTIME_ENTRY_LIST")?;
    for (index, entry) in leaf.iter().enumerate() {
        let arguments = entry[2..].iter().map(|ty| c_type(ty)).collect::<Result<Vec<_>>>()?.join(",");
        rows.push(format!("leaf\t{index}\t{}\t{}({arguments})", entry[1], c_type(&entry[0])?));
    }
    Ok(facts.table(
        "runtime_entries.tsv",
        "runtime/vm/runtime_entry_list.h, runtime/vm/runtime_entry.cc",
        "list, index, name, argument count or C signature",
        rows,
    ))
}

fn object_store(facts: &Facts) -> Result<Table> {
    let source = facts.common("vm/object_store.h")?;
    let cut = source.block("ObjectPtr* to_snapshot(Snapshot::Kind kind)")?;
    let last = cut
        .split_once("kFullAOT:")
        .and_then(|(_, rest)| rest.split_once('&'))
        .and_then(|(_, rest)| rest.split_once("_)"))
        .ok_or("object_store.h: to_snapshot has another form")?
        .0;
    let mut rows = Vec::new();
    for (index, (_, field)) in source.list_calls("OBJECT_STORE_FIELD_LIST")?.into_iter().enumerate() {
        rows.push(format!("{index}\t{}\t{}", field[1], field[0]));
        if field[1] == last {
            return Ok(facts.table(
                "object_store.tsv",
                "runtime/vm/object_store.h (OBJECT_STORE_FIELD_LIST up to to_snapshot(kFullAOT))",
                "index, name, class",
                rows,
            ));
        }
    }
    Err(format!("object_store.h: no field {last}").into())
}

fn roots(facts: &Facts) -> Result<Table> {
    let source = facts.common("vm/roots.h")?;
    let mut rows = Vec::new();
    for (section, list) in
        [("raw", "RAW_ROOTS_LIST"), ("handle", "HANDLE_ROOTS_LIST"), ("api", "API_HANDLE_ROOTS_LIST")]
    {
        for (index, entry) in source.list(list)?.iter().enumerate() {
            let (class, name) = match &entry[..] {
                [name] => ("-", name),
                [class, name] => (class.strip_suffix("Ptr").unwrap_or(class), name),
                _ => return Err(format!("{list}: {entry:?}").into()),
            };
            rows.push(format!("{section}\t{index}\t{name}\t{class}"));
        }
    }
    Ok(facts.table("roots.tsv", "runtime/vm/roots.h", "section, index, name, class", rows))
}

/// Identifiers and texts of the predefined symbols.
fn symbol_list(facts: &Facts) -> Result<Vec<(String, String)>> {
    let list = facts.common("vm/symbol_list.h")?.list("PREDEFINED_SYMBOLS_LIST")?;
    list.into_iter().map(|entry| Ok((entry[0].clone(), string_literal(&entry[1])?))).collect()
}

fn symbols(facts: &Facts) -> Result<Table> {
    let rows = symbol_list(facts)?
        .into_iter()
        .enumerate()
        .map(|(index, (id, text))| {
            let text =
                text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r");
            format!("{index}\t{id}\t{text}")
        })
        .collect();
    Ok(facts.table("symbols.tsv", "runtime/vm/symbol_list.h", "index, identifier, text", rows))
}

fn recognized_methods(facts: &Facts) -> Result<Table> {
    let source = facts.common("vm/compiler/recognized_methods_list.h")?;
    let mut libraries: BTreeMap<String, String> = facts
        .common("vm/object_store.h")?
        .list("FOR_EACH_BOOTSTRAP_LIBRARY")?
        .into_iter()
        .map(|entry| (format!("{}Library", entry[0]), format!("dart:{}", entry[1])))
        .collect();
    libraries.extend(facts.overrides_of("library"));
    let uri = |library: &str| -> Result<&String> {
        Ok(libraries.get(library).ok_or_else(|| format!("recognized method in unknown library {library}"))?)
    };
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for (section, list) in [
        ("other", "OTHER_RECOGNIZED_LIST"),
        ("asm", "ASM_INTRINSICS_LIST"),
        ("graph", "GRAPH_INTRINSICS_LIST"),
    ] {
        for entry in source.list(list)? {
            let kind = kinds.len() + 1;
            if kinds.insert(entry[3].clone(), kind).is_some() {
                return Err(format!("recognized method {} occurs twice", entry[3]).into());
            }
            rows.push(format!(
                "{section}\t{kind}\t{}\t{}\t{}\t{}",
                entry[3],
                uri(&entry[0])?,
                entry[1],
                entry[2]
            ));
        }
    }
    if source.list("RECOGNIZED_LIST")?.len() != kinds.len() {
        return Err("RECOGNIZED_LIST has other parts than expected".into());
    }
    for entry in source.list("POLYMORPHIC_TARGET_LIST")? {
        let kind = kinds.get(&entry[3]).copied().unwrap_or(0);
        rows.push(format!(
            "polymorphic\t{kind}\t{}\t{}\t{}\t{}",
            entry[3],
            uri(&entry[0])?,
            entry[1],
            entry[2]
        ));
    }
    for entry in source.list("RECOGNIZED_LIST_FACTORY_LIST")? {
        let result = short_class_name(&entry[4])?;
        rows.push(format!("factory\t0\t{result}\t{}\t{}\t{}", uri(&entry[1])?, entry[2], entry[3]));
    }
    Ok(facts.table(
        "recognized_methods.tsv",
        "runtime/vm/compiler/recognized_methods_list.h",
        "list, kind, kind name (factory: result class), library, class, function",
        rows,
    ))
}

fn natives(facts: &Facts) -> Result<Table> {
    let mut rows = Vec::new();
    for (table, file, list) in [
        ("bootstrap", "vm/bootstrap_natives.h", "BOOTSTRAP_NATIVE_LIST"),
        ("bootstrap-ffi", "vm/bootstrap_natives.h", "BOOTSTRAP_FFI_NATIVE_LIST"),
        ("builtin", "bin/builtin_natives.cc", "BUILTIN_NATIVE_LIST"),
        ("io", "bin/io_natives.cc", "IO_NATIVE_LIST"),
    ] {
        for entry in facts.common(file)?.list(list)? {
            let count = match &entry[..] {
                [_, count] => count.clone(),
                [_, _, arguments] => {
                    let inner = arguments.trim_start_matches('(').trim_end_matches(')');
                    split_arguments(inner).len().to_string()
                }
                _ => return Err(format!("{list}: {entry:?}").into()),
            };
            rows.push(format!("{table}\t{}\t{count}", entry[0]));
        }
    }
    Ok(facts.table(
        "natives.tsv",
        "runtime/vm/bootstrap_natives.h, runtime/bin/builtin_natives.cc, runtime/bin/io_natives.cc",
        "table, name, argument count",
        rows,
    ))
}

fn typed_data(facts: &Facts) -> Result<Table> {
    let elements = facts.common("vm/class_id.h")?.list("CLASS_LIST_TYPED_DATA")?;
    let object = facts.common("vm/object.cc")?;
    let sizes = split_arguments(object.block("TypedDataBase::element_size_table[")?);
    let sizes: Vec<&String> = sizes.iter().filter(|size| !size.is_empty()).collect();
    if sizes.len() != elements.len() {
        return Err("object.cc: element_size_table has another length than CLASS_LIST_TYPED_DATA".into());
    }
    let rows = elements
        .iter()
        .zip(sizes)
        .map(|(element, size)| format!("{}\t{size}", element[0].strip_suffix("Array").unwrap_or(&element[0])))
        .collect();
    Ok(facts.table(
        "typed_data.tsv",
        "runtime/vm/class_id.h (CLASS_LIST_TYPED_DATA), runtime/vm/object.cc (element_size_table)",
        "element, size in bytes",
        rows,
    ))
}

/// The name of a bit field without the words that say it is one.
fn bit_field_name(name: &str) -> &str {
    ["BitField", "Field", "Bits", "Bit"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix).filter(|rest| !rest.is_empty()))
        .unwrap_or(name)
}

fn bitfields(facts: &Facts) -> Result<Table> {
    let object = facts.common("vm/object.h")?;
    let raw = facts.common("vm/raw_object.h")?;
    let recognized = facts.common("vm/compiler/recognized_methods_list.h")?.list("RECOGNIZED_LIST")?.len();
    let kinds = raw.class("UntaggedFunction")?;
    let kind_bits = kinds.constant("kKindBitSize")?;
    let modifier_bits = kinds.constant("kAsyncModifierBitSize")?;
    let header = raw.class("UntaggedObject")?.bit_fields(64, &mut |_| None)?;
    let class_id_tag = header.iter().find(|field| field.0 == "ClassIdTag").ok_or("no ClassIdTag")?.1;
    let type_flags =
        raw.class("UntaggedAbstractType")?.bit_fields(32, &mut |name| raw.scope().constant(name).ok())?;
    let type_state = type_flags.iter().find(|field| field.0 == "TypeStateBits").ok_or("no TypeStateBits")?.1;
    // Numbers of other classes that declarations refer to.
    let outer = |name: &str| -> Option<i64> {
        match name {
            "UntaggedFunction::kKindBitSize" => Some(kind_bits),
            "MethodRecognizer::kKindBitSize" => Some(i64::from(usize::BITS - recognized.leading_zeros())),
            "UntaggedFunction::kAsyncModifierBitSize" => Some(modifier_bits),
            "UntaggedObject::ClassIdTag::bitsize()" => Some(i64::from(class_id_tag.1)),
            // The flags of Type and TypeParameter continue those of AbstractType.
            "TypeStateBits::kNextBit" => Some(i64::from(type_state.0 + type_state.1)),
            _ => None,
        }
    };
    let mut rows: Vec<String> = Vec::new();
    let mut add =
        |group: &str, class: &Class<'_>, container: u32, only: &dyn Fn(&str) -> bool| -> Result<()> {
            let mut resolve = |name: &str| {
                outer(name).or_else(|| raw.scope().constant(name.rsplit("::").next().unwrap_or(name)).ok())
            };
            let fields = class.bit_fields(container, &mut resolve)?;
            let before = rows.len();
            for (name, (shift, size)) in fields.iter().filter(|field| only(&field.0)) {
                rows.push(format!("{group}\t{}\t{shift}\t{size}", bit_field_name(name)));
            }
            if rows.len() == before { Err(format!("no bit fields for {group}").into()) } else { Ok(()) }
        };
    let any = |_: &str| true;
    add("Class.state", &object.class("Class")?, 32, &any)?;
    add("Function.kind_tag", &object.class("Function")?, 32, &|name| {
        !["WasCompiled", "WasExecuted", "Prohibits", "IsDynamicallyOverridden", "IsRedirecting"]
            .iter()
            .any(|other| name.starts_with(other))
    })?;
    add("Field.kind", &object.class("Field")?, 32, &any)?;
    add("Code.state", &object.class("Code")?, 32, &|name| {
        ["OptimizedBit", "ForceOptimizedBit", "AliveBit", "DiscardedBit", "PtrOffBits"].contains(&name)
    })?;
    add("ClosureData.packed_fields", &raw.class("UntaggedClosureData")?, 32, &any)?;
    let function_type = raw.class("UntaggedFunctionType")?;
    let type_counts = ["PackedNumParentTypeArguments", "PackedNumTypeParameters"];
    add("FunctionType.packed_type_parameter_counts", &function_type, 16, &|name| {
        type_counts.contains(&name)
    })?;
    add("FunctionType.packed_parameter_counts", &function_type, 32, &|name| !type_counts.contains(&name))?;
    add("AbstractType.flags", &raw.class("UntaggedAbstractType")?, 32, &any)?;
    add("AbstractType.flags", &raw.class("UntaggedType")?, 32, &any)?;
    add("AbstractType.flags", &raw.class("UntaggedTypeParameter")?, 32, &any)?;
    add("Closure.length_and_flags", &raw.class("UntaggedClosure")?, 31, &|name| {
        !matches!(name, "LengthBits" | "InstantiatorTypeArgumentsIndexBits")
    })?;
    add("CompressedStackMaps.flags_and_size", &raw.class("UntaggedCompressedStackMaps")?, 32, &any)?;
    add("ExceptionHandlers.packed_fields", &raw.class("UntaggedExceptionHandlers")?, 32, &any)?;
    add("PcDescriptors.kind_and_metadata", &raw.class("UntaggedPcDescriptors")?, 32, &any)?;
    add("Library.flags", &raw.class("UntaggedLibrary")?, 8, &any)?;
    add("CodeSourceMap.op", &facts.common("vm/code_descriptors.h")?.class("CodeSourceMapOps")?, 32, &any)?;
    add(
        "CatchEntryMove.dest_and_kind",
        &facts.common("vm/exceptions.h")?.class("CatchEntryMove")?,
        32,
        &|name| name == "SourceKindField",
    )?;
    let pool = facts.common("vm/compiler/assembler/object_pool_builder.h")?;
    add("ObjectPool.entry", &pool.class("ObjectPoolBuilderEntry")?, 8, &any)?;
    let arguments = facts.common("vm/native_arguments.h")?;
    add("NativeArguments.argc_tag", &arguments.class("NativeArguments")?, 32, &any)?;
    add("Thread.safepoint_state", &facts.common("vm/thread.h")?.class("Thread")?, 32, &any)?;
    Ok(facts.table(
        "bitfields.tsv",
        "runtime/vm/object.h, runtime/vm/raw_object.h and others (BitField declarations)",
        "packed word, field, lowest bit, number of bits",
        rows,
    ))
}

fn enums(facts: &Facts) -> Result<Table> {
    let raw = facts.common("vm/raw_object.h")?;
    let mut rows = Vec::new();
    let mut add = |group: &str, values: Vec<(String, i64)>| {
        rows.extend(values.into_iter().filter(|(_, value)| *value >= 0).map(|(name, value)| {
            let name = name.strip_prefix('k').unwrap_or(&name);
            format!("{group}\t{name}\t{value}")
        }));
    };
    add("FunctionKind", raw.class("UntaggedFunction")?.enumeration("Kind")?);
    add("AsyncModifier", raw.class("UntaggedFunction")?.enumeration("AsyncModifier")?);
    add("ClassFinalizedState", raw.class("UntaggedClass")?.enumeration("ClassFinalizedState")?);
    add("ClassLoadingState", raw.class("UntaggedClass")?.enumeration("ClassLoadingState")?);
    add("TypeState", raw.class("UntaggedAbstractType")?.enumeration("TypeState")?);
    add("InstantiationMode", raw.scope().enumeration("InstantiationMode")?);
    add("LoadingUnitState", raw.class("UntaggedLoadingUnit")?.enumeration("LoadState")?);
    add("PcDescriptorKind", raw.class("UntaggedPcDescriptors")?.enumeration("KindBit")?);
    let descriptors = facts.common("vm/code_descriptors.h")?;
    let operations = descriptors.class("CodeSourceMapOps")?;
    let names = ["kChangePosition", "kAdvancePC", "kPushFunction", "kPopFunction", "kNullCheck"];
    let mut values = Vec::new();
    for name in names {
        values.push((name.to_owned(), operations.constant(name)?));
    }
    add("CodeSourceMapOp", values);
    let exceptions = facts.common("vm/exceptions.h")?;
    add("CatchEntryMoveSource", exceptions.class("CatchEntryMove")?.enumeration("SourceKind")?);
    let pool = facts.common("vm/compiler/assembler/object_pool_builder.h")?;
    let pool = pool.class("ObjectPoolBuilderEntry")?;
    add("ObjectPoolEntryType", pool.enumeration("EntryType")?);
    add("ObjectPoolPatchability", pool.enumeration("Patchability")?);
    add("ObjectPoolSnapshotBehavior", pool.enumeration("SnapshotBehavior")?);
    add("SnapshotKind", facts.common("vm/snapshot.h")?.class("Snapshot")?.enumeration("Kind")?);
    let modes = facts.common("vm/compiler/api/type_check_mode.h")?;
    add("TypeCheckMode", modes.scope().enumeration("TypeCheckMode")?);
    let tags = facts.common("vm/tags.h")?.class("VMTag")?.enumeration("VMTagId")?;
    let tags = tags.into_iter().take_while(|(name, _)| name != "kNumVMTags");
    add("VMTag", tags.map(|(name, value)| (name.replace("TagId", ""), value)).collect());
    let thread = facts.common("vm/thread.h")?;
    let thread = thread.class("Thread")?;
    add("ExecutionState", thread.enumeration("ExecutionState")?);
    add("ExitThrough", thread.enumeration("kDidNotExit")?);
    add("CodeEntryKind", facts.common("vm/code_entry_kind.h")?.scope().enumeration("CodeEntryKind")?);
    add("ReportKind", facts.common("vm/report.h")?.class("Report")?.enumeration("Kind")?);
    add("FfiCallbackKind", facts.common("vm/object.h")?.scope().enumeration("FfiCallbackKind")?);
    let callbacks = facts.common("vm/ffi_callback_metadata.h")?;
    add("FfiRuntimeFunction", callbacks.class("FfiCallbackMetadata")?.enumeration("RuntimeFunctions")?);
    Ok(facts.table(
        "enums.tsv",
        "enumerations of runtime/vm/raw_object.h and others",
        "enumeration, enumerator, value",
        rows,
    ))
}

fn engine(facts: &Facts) -> Result<Table> {
    let roots = facts.common("vm/roots.h")?;
    let array_length = |name: &str| -> Result<String> {
        let found = roots.active.split_once(&format!("{name}[")).and_then(|(_, rest)| rest.split_once(']'));
        Ok(found.ok_or_else(|| format!("roots.h: no array {name}"))?.0.to_owned())
    };
    let class_id_max = facts.common("vm/class_id.h")?.scope().constant("kClassIdTagMax")?;
    let table = facts.common("vm/class_table.h")?;
    let top_level = table.class("ClassTable")?.constant_with("kTopLevelCidOffset", &mut |name| {
        (name == "kClassIdTagMax").then_some(class_id_max)
    })?;
    let raw = facts.common("vm/raw_object.h")?;
    let no_link = raw.class("UntaggedClosureData")?.constant("kNoAwaiterLinkDepth")?;
    let magic = facts.common("vm/snapshot.h")?.class("Snapshot")?.constant("kMagicValue")?;
    let dart_entry = facts.common("vm/dart_entry.h")?;
    let cached = dart_entry.block("kMaxNumArgumentsForCachedDescriptor[")?.replace(' ', "");
    let mut rows = vec![
        format!("max_arguments_of_cached_descriptor\t{cached}"),
        format!("no_awaiter_link_depth\t{no_link}"),
        format!("snapshot_magic\t{magic}"),
        format!("num_cached_args_descriptors\t{}", array_length(" cached_args_descriptors_")?),
        format!("num_cached_icdata_arrays\t{}", array_length(" cached_icdata_arrays_")?),
        format!("num_one_char_symbols\t{}", array_length(" one_char_symbols_")?),
        format!("revision\t{}", facts.revision),
        format!("top_level_cid_offset\t{top_level}"),
    ];
    rows.extend(facts.overrides_of("engine").into_iter().map(|(name, value)| format!("{name}\t{value}")));
    rows.sort();
    Ok(facts.table(
        "engine.tsv",
        "runtime/vm/roots.h, class_table.h, raw_object.h, snapshot.h, dart_entry.h, overrides.tsv",
        "key, value",
        rows,
    ))
}
