//! A snapshot as tables of named entries.

use std::collections::{BTreeMap, BTreeSet};

use dart_snapshot::bits::{FieldKindBits, FunctionKindTag};
use dart_snapshot::objects::{
    Array, Field, Function, Instance, InstanceWord, Library, PoolValue, Record, TypeArguments,
};
use serde_json::{Value as Json, json};
use snapcrane_view::{ObjId, Object, RootGroup, Snapshot};

use crate::code::{Digest, Instructions, Reader};
use crate::names::{Names, located};

/// What a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The program, for whatever target and by whatever compiler it was compiled.
    Content,
    /// What target and compiler made of it.
    Build,
}

impl Aspect {
    /// Name for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Aspect::Content => "content",
            Aspect::Build => "build",
        }
    }
}

/// Value of a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number; its unit is said by the fact's name.
    Number(u64),
    /// Stands for something large: differs if that differs.
    Digest(u64),
    /// Code.
    Instructions(Instructions),
}

impl Value {
    /// Whether it says nothing to people.
    pub(crate) const fn is_opaque(&self) -> bool {
        matches!(self, Value::Digest(_) | Value::Instructions(_))
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Value::Text(text) => json!(text),
            Value::Number(number) => json!(number),
            Value::Digest(digest) => json!(format!("{digest:016x}")),
            Value::Instructions(instructions) => json!(format!("{:016x}", instructions.digest())),
        }
    }
}

/// Something known about an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What.
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

impl Fact {
    fn text(name: &'static str, text: impl Into<String>) -> Fact {
        Fact { name, value: Value::Text(text.into()) }
    }

    fn number(name: &'static str, number: usize) -> Fact {
        Fact { name, value: Value::Number(number as u64) }
    }
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is matched by.
    pub name: String,
    /// What is known about it, in the same order for all entries of a table.
    pub facts: Vec<Fact>,
}

impl Entry {
    fn new(name: impl Into<String>, facts: Vec<Fact>) -> Entry {
        Entry { name: name.into(), facts }
    }
}

/// Entries of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// What it lists.
    pub title: &'static str,
    /// What it is about.
    pub aspect: Aspect,
    /// The entries in file order.
    pub entries: Vec<Entry>,
}

/// Title of the table whose entries are texts of the program.
pub(crate) const STRINGS: &str = "strings";

/// Levels of objects within an object that its text spells out. What lies deeper is an entry of its own.
const DEPTH: u32 = 2;

/// Takes a snapshot apart. The tables are the same ones, in the same order, for every snapshot.
///
/// With `words`, facts include sizes in words; with `instructions`, the instructions of code; both make sense between snapshots for
/// the same kind of machine. With `content_only`, the tables about the build are left out.
pub(crate) fn tables(
    names: &Names<'_, '_>,
    words: bool,
    instructions: bool,
    content_only: bool,
) -> Vec<Table> {
    let snapshot = names.snapshot;
    let table = |title, aspect, entries| Table { title, aspect, entries };
    let mut all = vec![
        table("libraries", Aspect::Content, libraries(snapshot)),
        table("classes", Aspect::Content, classes(snapshot, words)),
        table("functions", Aspect::Content, functions(snapshot)),
        table("fields", Aspect::Content, fields(snapshot)),
        table(STRINGS, Aspect::Content, strings(snapshot)),
        table("numbers", Aspect::Content, numbers(snapshot)),
        table("types", Aspect::Content, types(snapshot)),
        table("constants", Aspect::Content, constants(snapshot)),
        table("static fields", Aspect::Content, static_fields(snapshot)),
        table("roots", Aspect::Content, roots(snapshot)),
        table("dispatch cells", Aspect::Content, dispatch_cells(names)),
    ];
    if !content_only {
        all.extend([
            table("header", Aspect::Build, header(snapshot)),
            table("code", Aspect::Build, codes(names, instructions)),
            table("object pool", Aspect::Build, pool(names)),
            table("clusters", Aspect::Build, clusters(snapshot)),
            table("sections", Aspect::Build, sections(snapshot)),
        ]);
    }
    all
}

fn libraries(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let url = |library: &Library| snapshot.graph.text(library.url).unwrap_or_default();
    snapshot.of_kind::<Library>().map(|(_, library)| Entry::new(url(library), Vec::new())).collect()
}

fn classes(snapshot: &Snapshot<'_>, words: bool) -> Vec<Entry> {
    let types = |id| {
        let types = snapshot.graph.get::<Array>(id).map_or(&[][..], |array| &array.elements);
        types.iter().map(|&id| snapshot.type_name(id)).collect::<Vec<_>>().join(", ")
    };
    let classes = snapshot.classes().into_iter();
    let entry = |(_, class): (ObjId, &dart_snapshot::objects::Class)| {
        let library = snapshot.graph.get::<Library>(class.library);
        let url = library.ok().and_then(|library| snapshot.graph.text(library.url));
        let mut facts = vec![
            Fact::text("supertype", snapshot.type_name(class.super_type)),
            Fact::text("interfaces", types(class.interfaces)),
            Fact::text("type arguments", class.num_type_arguments.to_string()),
        ];
        if words {
            facts.push(Fact::text("instance words", class.instance_size_in_words.to_string()));
        }
        Entry::new(located(snapshot.class_name(class.id as u32), url), facts)
    };
    classes.map(entry).collect()
}

fn functions(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let functions = snapshot.of_kind::<Function>();
    let entry = |(id, function): (ObjId, &Function)| {
        let tag = FunctionKindTag::from_bits(function.kind_tag);
        let facts = vec![
            Fact::text("kind", format!("{:?}", tag.kind)),
            Fact::text("signature", snapshot.type_name(function.signature)),
        ];
        Entry::new(located(snapshot.function_name(id), snapshot.url_of(id)), facts)
    };
    functions.map(entry).collect()
}

fn fields(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let entry = |(id, field): (ObjId, &Field)| {
        let bits = FieldKindBits::from_bits(field.kind_bits);
        let words = [
            (bits.is_static, "static"),
            (bits.is_late, "late"),
            (bits.is_const, "const"),
            (bits.is_final, "final"),
        ];
        let words: Vec<&str> = words.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        let facts = vec![
            Fact::text("type", snapshot.type_name(field.field_type)),
            Fact::text("modifiers", words.join(" ")),
        ];
        Entry::new(located(snapshot.field_name(id), snapshot.url_of(id)), facts)
    };
    snapshot.of_kind::<Field>().map(entry).collect()
}

fn strings(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    // Keys of private names are the compiler's.
    let text = |text: String| snapcrane_view::without_keys(&text);
    snapshot.strings().map(|(_, string)| Entry::new(text(string.to_string_lossy()), Vec::new())).collect()
}

/// Integers and doubles that the program can get hold of. Others serve the format, such as hash codes of types, which change
/// with class ids.
fn numbers(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let graph = &snapshot.graph;
    let mut is_held = vec![false; graph.len()];
    let mut hold = |ids: &[ObjId]| {
        for id in ids.iter().filter(|id| !id.is_base()) {
            is_held[id.as_u32() as usize] = true;
        }
    };
    // Hash tables of the engine hold numbers of their own.
    let tables: BTreeSet<u32> = snapshot
        .of_kind::<Library>()
        .map(|(_, library)| library.dictionary)
        .chain(snapshot.roots().store(&snapshot.spec, "libraries_map"))
        .map(ObjId::as_u32)
        .collect();
    for (id, object) in graph.iter() {
        match object {
            Object::Array(array) if !tables.contains(&id.as_u32()) => hold(&array.elements),
            Object::Record(record) => hold(&record.fields),
            Object::Closure(closure) => hold(&closure.elements),
            Object::Context(context) => hold(&context.variables),
            Object::Instance(instance) => {
                for word in &instance.words {
                    if let InstanceWord::Ref(id) = word {
                        hold(&[*id]);
                    }
                }
            }
            _ => {}
        }
    }
    for entry in snapshot.pool() {
        if let PoolValue::Object(id) = entry.value {
            hold(&[id]);
        }
    }
    hold(&snapshot.roots().initial_field_table);
    hold(&snapshot.roots().shared_initial_field_table);
    let is_number = |object: &Object| matches!(object, Object::Mint(_) | Object::Double(_));
    let held = graph.iter().filter(|(id, object)| is_number(object) && is_held[id.as_u32() as usize]);
    held.map(|(id, _)| Entry::new(snapshot.describe(id), Vec::new())).collect()
}

fn types(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let entry = |(id, object): (ObjId, &Object)| match object {
        Object::Type(_)
        | Object::FunctionType(_)
        | Object::RecordType(_)
        | Object::TypeParameter(_)
        | Object::TypeArguments(_) => Some(Entry::new(snapshot.type_name(id), Vec::new())),
        _ => None,
    };
    snapshot.graph.iter().filter_map(entry).collect()
}

fn constants(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let is_constant = |id, object: &Object| match object {
        Object::Instance(_)
        | Object::ConstMap(_)
        | Object::ConstSet(_)
        | Object::Record(_)
        | Object::Closure(_) => true,
        Object::Array(array) => array.immutable && snapshot.graph.is_canonical(id),
        _ => false,
    };
    let objects = snapshot.graph.iter().filter(|&(id, object)| is_constant(id, object));
    objects.map(|(id, _)| Entry::new(value(snapshot, id, DEPTH), Vec::new())).collect()
}

/// An object by its value, as far as `depth` levels go.
fn value(snapshot: &Snapshot<'_>, id: ObjId, depth: u32) -> String {
    let graph = &snapshot.graph;
    let Some(depth) = depth.checked_sub(1) else { return snapshot.describe(id) };
    let list =
        |ids: &[ObjId]| ids.iter().map(|&id| value(snapshot, id, depth)).collect::<Vec<_>>().join(", ");
    let arguments =
        |id| graph.get::<TypeArguments>(id).map_or_else(|_| String::new(), |_| snapshot.type_name(id));
    let data = |id| graph.get::<Array>(id).map_or_else(|_| String::new(), |array| list(&array.elements));
    match graph.object(id) {
        Object::Instance(instance) => {
            format!("{}({})", snapshot.class_name(instance.class_id), words(snapshot, instance, depth))
        }
        Object::Array(array) => format!("{}[{}]", arguments(array.type_arguments), list(&array.elements)),
        Object::ConstMap(map) => format!("{}map {{{}}}", arguments(map.type_arguments), data(map.data)),
        Object::ConstSet(set) => format!("{}set {{{}}}", arguments(set.type_arguments), data(set.data)),
        Object::Record(Record { fields, .. }) => format!("({})", list(fields)),
        Object::Closure(closure) => format!("{} [{}]", snapshot.describe(id), list(&closure.elements)),
        _ => snapshot.describe(id),
    }
}

/// The fields of an instance. Unboxed values have 64 bits or a multiple on all targets, so where slots have 32 two make one.
fn words(snapshot: &Snapshot<'_>, instance: &Instance, depth: u32) -> String {
    let has_small_slots = snapshot.format.word_bytes() == 4 || snapshot.format.compressed_pointers;
    let mut fields = Vec::new();
    let mut words = instance.words.iter();
    while let Some(word) = words.next() {
        match *word {
            InstanceWord::Ref(id) => fields.push(value(snapshot, id, depth)),
            InstanceWord::Raw(bits) if has_small_slots => {
                let high = match words.next() {
                    Some(InstanceWord::Raw(high)) => *high,
                    _ => 0,
                };
                fields.push(format!("{:#x}", (bits & 0xffff_ffff) | high << 32));
            }
            InstanceWord::Raw(bits) => fields.push(format!("{bits:#x}")),
        }
    }
    fields.join(", ")
}

fn static_fields(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    // Fields that isolates share are in a table of their own, with numbers of its own.
    let mut names = BTreeMap::new();
    for (id, field) in snapshot.of_kind::<Field>() {
        let bits = FieldKindBits::from_bits(field.kind_bits);
        if bits.is_static {
            let name = located(snapshot.field_name(id), snapshot.url_of(id));
            names.entry((bits.is_shared, field.host_offset_or_field_id)).or_insert(name);
        }
    }
    let entry = |root: snapcrane_view::Root| {
        let is_shared = match root.group {
            RootGroup::StaticField => false,
            RootGroup::SharedStaticField => true,
            _ => return None,
        };
        let name = names.get(&(is_shared, root.index as i64)).cloned();
        let facts = vec![
            Fact::text("value", value(snapshot, root.object, DEPTH)),
            Fact::text("table", if is_shared { "of all isolates" } else { "of each isolate" }),
        ];
        Some(Entry::new(name.unwrap_or_else(|| "field without a Field object".into()), facts))
    };
    snapshot.named_roots().into_iter().filter_map(entry).collect()
}

fn roots(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let roots = snapshot.named_roots().into_iter();
    // Numbers of static fields are the compiler's; they have a table of their own.
    let roots =
        roots.filter(|root| !matches!(root.group, RootGroup::StaticField | RootGroup::SharedStaticField));
    let entry = |root: snapcrane_view::Root| {
        let facts = vec![Fact::text("value", snapshot.describe(root.object))];
        Entry::new(format!("{} {}", root.group, root.name), facts)
    };
    roots.map(entry).collect()
}

/// For each function the number of cells that lead to it. Selectors do not exist in a snapshot: where the row of one begins is known
/// to the code of calls alone.
fn dispatch_cells(names: &Names<'_, '_>) -> Vec<Entry> {
    let table = &names.snapshot.roots().dispatch_table;
    let mut cells: BTreeMap<String, usize> = BTreeMap::new();
    let mut order = Digest::new();
    for &cell in table {
        let name = names.cell(cell);
        order.add(&name);
        *cells.entry(name).or_default() += 1;
    }
    let whole = vec![
        Fact::number("length", table.len()),
        Fact { name: "order", value: Value::Digest(order.value()) },
    ];
    let mut entries: Vec<Entry> =
        cells.into_iter().map(|(name, count)| Entry::new(name, vec![Fact::number("cells", count)])).collect();
    entries.push(Entry::new("whole table", whole));
    entries
}

fn header(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let facts = vec![
        Fact::text("Dart version", snapshot.target.engine.revision),
        Fact::text("version hash", snapshot.header.version_hash.as_str()),
        Fact::text("features", snapshot.header.features.as_str()),
        Fact::text("container", snapshot.container.format.name()),
        Fact::text("symbols", if snapshot.container.symbols.is_empty() { "no" } else { "yes" }),
    ];
    vec![Entry::new("snapshot", facts)]
}

fn codes(names: &Names<'_, '_>, instructions: bool) -> Vec<Entry> {
    let reader = Reader::new(names);
    let entry = |code: &snapcrane_view::Code| {
        let mut facts = vec![Fact::number("bytes", code.size() as usize)];
        if instructions {
            facts.push(Fact { name: "instructions", value: Value::Instructions(reader.read(code)) });
        }
        Entry::new(names.code(code), facts)
    };
    names.snapshot.codes().iter().map(entry).collect()
}

/// What a slot of the pool holds.
pub(crate) fn pool_value(names: &Names<'_, '_>, value_of: &PoolValue) -> String {
    let snapshot = names.snapshot;
    match *value_of {
        PoolValue::Object(id) => match snapshot.code_of_object(id) {
            Some(code) => format!("Code {}", names.code(code)),
            None => value(snapshot, id, DEPTH),
        },
        PoolValue::Immediate(word) => format!("word {word:#x}"),
        PoolValue::NativeFunction => "native function".into(),
        PoolValue::ResetToBootstrapNative => "stub CallBootstrapNative".into(),
        PoolValue::ResetToSwitchableCallMiss => "stub SwitchableCallMiss".into(),
        PoolValue::SetToZero => "word 0 at start".into(),
    }
}

fn pool(names: &Names<'_, '_>) -> Vec<Entry> {
    let pool = names.snapshot.pool().iter();
    pool.map(|entry| Entry::new(pool_value(names, &entry.value), Vec::new())).collect()
}

fn clusters(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let clusters = snapshot.clusters().iter().zip(&snapshot.map.clusters);
    let entry = |(cluster, spans): (&dart_snapshot::clusters::Cluster, &snapcrane_view::ClusterSpans)| {
        let canonical = if cluster.is_canonical { " (canonical)" } else { "" };
        let image: usize = cluster.members.iter().map(|&id| snapshot.spans(id).image().len()).sum();
        let facts = vec![
            Fact::number("objects", cluster.members.len()),
            Fact::number("bytes", spans.alloc.len() + spans.fill.len() + image),
        ];
        Entry::new(format!("{}{canonical}", snapshot.cluster_name(cluster)), facts)
    };
    clusters.map(entry).collect()
}

fn sections(snapshot: &Snapshot<'_>) -> Vec<Entry> {
    let map = &snapshot.map;
    [
        ("text", snapshot.container.text.bytes.len()),
        ("allocation", map.alloc.len()),
        ("fill", map.fill.len()),
        ("roots", map.roots.len()),
        ("dispatch table", map.dispatch_table.len()),
        ("data image", map.data_image.len()),
    ]
    .into_iter()
    .map(|(name, bytes)| Entry::new(name, vec![Fact::number("bytes", bytes)]))
    .collect()
}
