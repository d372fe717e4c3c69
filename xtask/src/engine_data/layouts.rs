//! Tables with a column per architecture and pointer compression: object and thread offsets, class shapes, constants.

use std::collections::BTreeMap;
use std::error::Error;

use super::Table;
use super::cpp::{Source, evaluate, split_arguments};
use super::facts::{Facts, SYSTEMS, TARGETS, Target, target_columns};
use super::lists::{Registration, class_names, entry_names, registrations};

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Offsets = BTreeMap<String, i64>;

pub(super) fn tables(facts: &Facts) -> Result<Vec<Table>> {
    let mut offsets = Vec::new();
    for target in TARGETS {
        offsets.push(extracted_offsets(facts, &target)?);
    }
    let slots = thread_slots(facts, &offsets)?;
    Ok(vec![
        by_target(
            facts,
            "offsets.tsv",
            "runtime/vm/compiler/runtime_offsets_extracted.h (PRODUCT, AOT_)",
            &offsets,
        ),
        by_target(
            facts,
            "thread_slots.tsv",
            "runtime/vm/thread.h (member order), runtime/vm/runtime_entry_list.h",
            &slots,
        ),
        class_shapes(facts, &offsets)?,
        constants(facts)?,
        os_constants(facts)?,
    ])
}

fn number(value: i64) -> String {
    match value {
        -9..=9 => value.to_string(),
        _ if value < 0 => format!("-{:#x}", value.unsigned_abs()),
        _ => format!("{value:#x}"),
    }
}

/// One line per name that any target has; `-` where a target lacks it.
fn by_target(facts: &Facts, file: &str, origin: &str, columns: &[Offsets]) -> Table {
    let mut names: Vec<&String> = columns.iter().flat_map(|column| column.keys()).collect();
    names.sort();
    names.dedup();
    let rows = names
        .into_iter()
        .map(|name| {
            let cells: Vec<String> = columns
                .iter()
                .map(|column| column.get(name).map_or("-".to_owned(), |v| number(*v)))
                .collect();
            format!("{name}\t{}", cells.join("\t"))
        })
        .collect();
    facts.table(file, origin, &format!("name, values for {}", target_columns()), rows)
}

/// The `AOT_` constants of one section of the extracted header; arrays as `name[index]`.
fn extracted_offsets(facts: &Facts, target: &Target) -> Result<Offsets> {
    let source = facts.source("vm/compiler/runtime_offsets_extracted.h", target.defines, &[])?;
    let mut out = Offsets::new();
    for declaration in source.text.split(';') {
        let Some((_, declaration)) = declaration.split_once("compiler::target::word") else { continue };
        let Some((name, value)) = declaration.split_once('=') else { continue };
        let Some(name) = name.trim().strip_prefix("AOT_") else { continue };
        let value = value.trim();
        let mut insert = |name: String, text: &str| -> Result<()> {
            let value = evaluate(text, &mut |_| None)?;
            // The header prints words of 32-bit targets unsigned.
            let value = if target.word == 4 { i64::from(value as u32 as i32) } else { value };
            out.insert(name, value);
            Ok(())
        };
        match name.strip_suffix("[]") {
            None => insert(name.to_owned(), value)?,
            Some(name) => {
                let list = value.trim_start_matches('{').trim_end_matches('}');
                for (index, element) in split_arguments(list).iter().enumerate().filter(|e| !e.1.is_empty()) {
                    insert(format!("{name}[{index}]"), element)?;
                }
            }
        }
    }
    if out.is_empty() {
        return Err(format!("runtime_offsets_extracted.h: no AOT section for {}", target.name).into());
    }
    Ok(out)
}

/// Offsets of the thread's cached objects, addresses and runtime entries: they follow each other in list order, one
/// word each. The extracted header names some of them; those must agree.
fn thread_slots(facts: &Facts, offsets: &[Offsets]) -> Result<Vec<Offsets>> {
    let mut out = Vec::new();
    let (runtime, leaf) = entry_names(facts)?;
    for (target, extracted) in TARGETS.iter().zip(offsets) {
        let thread = facts.source("vm/thread.h", target.defines, &["vm/runtime_entry_list.h"])?;
        let cached = thread.list("CACHED_CONSTANTS_LIST")?;
        let mut members: Vec<String> =
            cached.iter().map(|entry| entry[1].trim_end_matches('_').to_owned()).collect();
        members.extend(runtime.iter().map(|name| format!("{name}_entry_point")));
        let find = |name: &str| -> Result<i64> {
            let key = format!("Thread_{name}_offset");
            Ok(*extracted.get(&key).ok_or_else(|| format!("no {key} for {}", target.name))?)
        };
        let mut slots = Offsets::new();
        place(&mut slots, &members, find("object_null")?, target, extracted)?;
        let leaf: Vec<String> = leaf.iter().map(|name| format!("{name}_entry_point")).collect();
        place(&mut slots, &leaf, find("exit_through_ffi")? + target.word, target, extracted)?;
        out.push(slots);
    }
    Ok(out)
}

fn place(
    slots: &mut Offsets,
    members: &[String],
    first: i64,
    target: &Target,
    extracted: &Offsets,
) -> Result<()> {
    for (index, member) in members.iter().enumerate() {
        let key = format!("Thread_{member}_offset");
        let offset = first + target.word * index as i64;
        match extracted.get(&key) {
            Some(&known) if known != offset => {
                return Err(format!(
                    "{key} of {} is {known:#x} in the header and {offset:#x} by member order",
                    target.name
                )
                .into());
            }
            Some(_) => {}
            None => {
                slots.insert(key, offset);
            }
        }
    }
    Ok(())
}

/// What the layout of a C++ class says about its instances, in bytes.
#[derive(Debug, Clone, Copy)]
struct Shape {
    size: i64,
    next_field: Option<i64>,
    type_arguments: Option<i64>,
}

struct Shapes<'a> {
    facts: &'a Facts,
    object: &'a Source,
    registrations: &'a BTreeMap<String, Registration>,
    offsets: &'a Offsets,
    target: &'a Target,
}

impl Shapes<'_> {
    /// The value of `{class}{suffix}` in the extracted header, for the class or the nearest base that has one.
    fn inherited(&self, class: &str, suffix: &str) -> Option<i64> {
        if let Some(value) = self.offsets.get(&format!("{class}{suffix}")) {
            return Some(*value);
        }
        let base = self.object.class(class).ok()?.base?;
        self.inherited(base, suffix)
    }

    fn instance_size(&self, class: &str) -> Result<i64> {
        let body = self.object.class(class)?.body;
        if let Some((_, function)) = body.split_once("static intptr_t InstanceSize() {") {
            let function = function.split_once('}').map_or(function, |(inner, _)| inner);
            let returned = function.rsplit("return").next().unwrap_or_default();
            let returned = returned.trim_end_matches(';').trim().trim_end_matches(';');
            if returned == "0" {
                return Ok(0);
            }
        }
        let size = self.inherited(class, "_InstanceSize");
        Ok(size.ok_or_else(|| format!("class {class} has no instance size; add an override"))?)
    }

    fn next_field(&self, class: &str) -> Result<Option<i64>> {
        let class = self.object.class(class)?;
        if let Some((_, function)) = class.body.split_once("intptr_t NextFieldOffset() {") {
            let function = function.split_once('}').map_or(function, |(inner, _)| inner);
            let returned = function.rsplit("return").next().unwrap_or_default();
            let returned = returned.trim().trim_end_matches(';').trim();
            return match returned {
                "-kWordSize" => Ok(None),
                "sizeof(UntaggedInstance)" => Ok(Some(self.target.word)),
                other => {
                    let name = other.strip_prefix("sizeof(Untagged").and_then(|rest| rest.strip_suffix(')'));
                    let offset =
                        name.and_then(|name| self.offsets.get(&format!("{name}_NextFieldOffset"))).copied();
                    Ok(Some(offset.ok_or_else(|| format!("NextFieldOffset returns {other}"))?))
                }
            };
        }
        match class.base.filter(|base| self.object.class(base).is_ok()) {
            Some(base) => self.next_field(base),
            // A class of another header: not extensible from Dart.
            None => Ok(None),
        }
    }

    fn of(&self, name: &str) -> Result<Shape> {
        let registration = self.registrations.get(name);
        let type_arguments = match self.facts.override_for("class_type_arguments", name) {
            Some(class) => Some(class),
            None => registration.and_then(|r| r.type_arguments_offset.clone()),
        };
        let type_arguments = match type_arguments.as_deref() {
            None => None,
            Some("Instance::NextFieldOffset()") => Some(self.target.word),
            Some(expression) => {
                let class = expression.split("::").next().unwrap_or_default();
                let offset = self.inherited(class, "_type_arguments_offset");
                Some(offset.ok_or_else(|| format!("class {name}: no {expression}"))?)
            }
        };
        if let Some(rule) = self.facts.override_for("class_shape", name) {
            if let Some(fields) = rule.strip_prefix("dart_fields=") {
                let end = self.target.word + fields.parse::<i64>()? * self.target.compressed_word;
                return Ok(Shape { size: end, next_field: Some(end), type_arguments });
            }
            if let Some(class) = rule.strip_prefix("like=") {
                return self.of(class);
            }
            return Err(format!("overrides.tsv: class_shape {name}: unknown rule {rule}").into());
        }
        let class = registration.map_or(name, |r| r.layout_class.as_str());
        Ok(Shape { size: self.instance_size(class)?, next_field: self.next_field(class)?, type_arguments })
    }

    /// The shape in compressed words, as a table cell.
    fn cell(&self, name: &str) -> Result<String> {
        let shape = self.of(name)?;
        let alignment = 2 * self.target.word;
        let size = (shape.size + alignment - 1) / alignment * alignment;
        let words = |bytes: i64| bytes / self.target.compressed_word;
        let optional = |bytes: Option<i64>| bytes.map_or(-1, words);
        Ok(format!("{},{},{}", words(size), optional(shape.next_field), optional(shape.type_arguments)))
    }
}

fn class_shapes(facts: &Facts, offsets: &[Offsets]) -> Result<Table> {
    let names = class_names(facts)?;
    let registrations = registrations(facts)?;
    let absent = facts.common("vm/app_snapshot.cc")?;
    let absent = absent.block("static bool IsAbsentCid(")?;
    let object = facts.common("vm/object.h")?;
    let mut rows = Vec::new();
    for name in &names[4..] {
        if absent.contains(&format!(" k{name}Cid:")) {
            continue;
        }
        let mut cells = vec![name.clone()];
        for (target, offsets) in TARGETS.iter().zip(offsets) {
            let shapes = Shapes { facts, object: &object, registrations: &registrations, offsets, target };
            cells.push(shapes.cell(name).map_err(|e| format!("class {name}: {e}"))?);
        }
        rows.push(cells.join("\t"));
    }
    Ok(facts.table(
        "class_shapes.tsv",
        "runtime/vm/object.h, runtime/vm/object.cc (Object::Init) and the extracted sizes",
        &format!(
            "class, then size, next field offset, type arguments offset in compressed words for {}",
            target_columns()
        ),
        rows,
    ))
}

fn constants(facts: &Facts) -> Result<Table> {
    let mut columns = Vec::new();
    for target in &TARGETS {
        let mut column = Offsets::new();
        let mut add = |name: &str, value: i64| {
            column.insert(name.to_owned(), value);
        };
        let dispatch = facts.source("vm/dispatch_table.h", target.defines, &[])?;
        let dispatch = dispatch.class("DispatchTable")?;
        add("DispatchTable_kOriginElement", dispatch.constant("kOriginElement")?);
        add("DispatchTable_kLargestSmallOffset", dispatch.constant("kLargestSmallOffset")?);

        let constants = facts.source(&format!("vm/constants_{}.h", target.file), target.defines, &[])?;
        let filler = constants.scope().constant("kBreakInstructionFiller")?;
        add("kBreakInstructionFiller", filler & 0xffff_ffff);
        let suspend = constants.class("SuspendStubABI")?;
        add("SuspendStubABI_kResumePcDistance", suspend.constant("kResumePcDistance")?);

        let blocks = facts.source("vm/heap/pointer_block.h", target.defines, &[])?;
        add("StoreBufferBlock_kSize", blocks.scope().constant("kStoreBufferBlockSize")?);
        add("MarkingStackBlock_kSize", blocks.scope().constant("kMarkingStackBlockSize")?);
        let page = facts.source("vm/heap/page.h", target.defines, &[])?;
        add("Page_kPageSize", page.class("Page")?.constant("kPageSize")?);

        let metadata = facts.source("vm/ffi_callback_metadata.h", target.defines, &[])?;
        let metadata = metadata.class("FfiCallbackMetadata")?;
        for name in [
            "kNativeCallbackTrampolineSize",
            "kNativeCallbackSharedStubSize",
            "kNativeCallbackTrampolineStackDelta",
        ] {
            add(&format!("FfiCallbackMetadata_{name}"), metadata.constant(name)?);
        }
        for (name, value) in bare_frame(facts, target)? {
            add(&name, value);
        }
        let elf = facts.source("platform/elf.h", target.defines, &[])?;
        let elf = elf.scope();
        for (name, rule) in facts.overrides_of("elf") {
            let Some((of, name)) = name.split_once(' ') else {
                return Err(format!("overrides.tsv: elf {name}: target and name expected").into());
            };
            if of == target.file {
                add(&format!("Elf_{name}"), evaluate(&rule, &mut |constant| elf.constant(constant).ok())?);
            }
        }
        columns.push(column);
    }
    Ok(by_target(
        facts,
        "constants.tsv",
        "runtime/vm/dispatch_table.h, constants_*.h, stack_frame*.{h,cc}, heap/*.h, ffi_callback_metadata.h, \
         runtime/platform/elf.h",
        &columns,
    ))
}

/// Frame layout of AOT code: the constants of the architecture, with the corrections that
/// `bare_instructions_frame_layout` makes because AOT frames save neither Code nor pool.
fn bare_frame(facts: &Facts, target: &Target) -> Result<Vec<(String, i64)>> {
    let frame = facts.source(&format!("vm/stack_frame_{}.h", target.file), target.defines, &[])?;
    let frame = frame.scope();
    let fields = facts.source("vm/frame_layout.h", target.defines, &[])?;
    let fields = fields.class("FrameLayout")?;
    let names: Vec<&str> = fields
        .body
        .split(';')
        .filter_map(|member| member.trim().strip_prefix("intptr_t "))
        .filter(|member| !member.contains('('))
        .collect();
    let values = facts.source("vm/stack_frame.cc", target.defines, &[])?;
    let values = split_arguments(values.block("const FrameLayout bare_instructions_frame_layout")?);
    let values: Vec<&String> = values.iter().filter(|value| !value.is_empty()).collect();
    if names.len() != values.len() {
        return Err(format!("FrameLayout has members {names:?} and values {values:?}").into());
    }
    let mut out = Vec::new();
    for (name, expression) in names.into_iter().zip(values) {
        if name == "exit_link_slot_from_entry_fp" {
            continue;
        }
        let value = evaluate(expression, &mut |constant| frame.constant(constant).ok())?;
        out.push((format!("FrameLayout_{name}"), value));
    }
    for name in ["kSavedPcSlotFromSp", "kCallerSpSlotFromFp"] {
        out.push((name.to_owned(), frame.constant(name)?));
    }
    Ok(out)
}

fn os_constants(facts: &Facts) -> Result<Table> {
    let mut rows = Vec::new();
    let plain = TARGETS.iter().filter(|target| target.word == target.compressed_word);
    for target in plain {
        for (os, os_defines) in SYSTEMS {
            let defines = [target.defines, os_defines].concat();
            let mut add =
                |name: &str, value: i64| rows.push(format!("{name}\t{}\t{os}\t{value}", target.name));
            let elf = facts.source("vm/elf.h", &defines, &[])?;
            add("kElfPageSize", elf.scope().constant("kElfPageSize")?);
            let frame = facts.source(&format!("vm/stack_frame_{}.h", target.file), &defines, &[])?;
            add("kExitLinkSlotFromEntryFp", frame.scope().constant("kExitLinkSlotFromEntryFp")?);
            let metadata = facts.source("vm/ffi_callback_metadata.h", &defines, &[])?;
            let page = metadata.class("FfiCallbackMetadata")?.constant("kPageSize")?;
            add("FfiCallbackMetadata_kPageSize", page);
        }
    }
    rows.sort();
    Ok(facts.table(
        "os_constants.tsv",
        "runtime/vm/elf.h, runtime/vm/stack_frame_*.h, runtime/vm/ffi_callback_metadata.h",
        "name, architecture, operating system, value",
        rows,
    ))
}
