//! Lists: functions, classes, strings, the object pool.

use std::fmt;

use dart_snapshot::objects::{Library, PoolValue};
use serde_json::{Value, json};
use snapcrane_view::{CodeKind, ObjId, Snapshot, printable, reference};

use crate::one_line;

/// Characters of a string that a listing shows.
const STRING_LIMIT: usize = 100;

/// A piece of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRow {
    /// Qualified name; stubs and helpers have names that say what they are.
    pub name: String,
    /// `function`, `allocation`, `type test`, `stub`, `helper`, `discarded`.
    pub kind: &'static str,
    /// URL of the script that declares the function.
    pub url: Option<String>,
    /// Offset of the first instruction in the text image.
    pub offset: u32,
    /// Bytes.
    pub size: u32,
    /// Number of the Function object in the snapshot.
    pub function: Option<u32>,
}

impl FunctionRow {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name, "kind": self.kind, "url": self.url, "offset": self.offset, "size": self.size,
            "object": self.function,
        })
    }
}

impl fmt::Display for FunctionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} {:>8}  {}", self.offset, self.size, printable(&self.name))?;
        self.url.as_ref().map_or(Ok(()), |url| write!(f, "  ({})", printable(url)))
    }
}

/// All code, in the order of the text image.
pub fn functions(snapshot: &Snapshot<'_>) -> Vec<FunctionRow> {
    snapshot
        .codes()
        .iter()
        .map(|code| {
            let (kind, function) = match code.kind {
                CodeKind::Function(id) => ("function", Some(id)),
                CodeKind::Allocation(_) => ("allocation", None),
                CodeKind::TypeTest(_) => ("type test", None),
                CodeKind::Stub(_) => ("stub", None),
                CodeKind::Discarded => ("discarded", None),
                CodeKind::Helper => ("helper", None),
            };
            FunctionRow {
                name: snapshot.code_name(code),
                kind,
                url: function.and_then(|id| snapshot.url_of(id)),
                offset: code.start,
                size: code.size(),
                function: function.map(reference),
            }
        })
        .collect()
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassRow {
    /// Class id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// URL of the library.
    pub library: Option<String>,
    /// Number of the Class object.
    pub object: u32,
    /// Words of an instance, header included; 0 for classes without instances in the file's terms.
    pub instance_words: i64,
}

impl ClassRow {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "library": self.library, "object": self.object,
            "instance_words": self.instance_words,
        })
    }
}

impl fmt::Display for ClassRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} {:>4}  {}", self.id, self.instance_words, printable(&self.name))?;
        self.library.as_ref().map_or(Ok(()), |url| write!(f, "  ({})", printable(url)))
    }
}

/// All classes, by id.
pub fn classes(snapshot: &Snapshot<'_>) -> Vec<ClassRow> {
    snapshot
        .classes()
        .into_iter()
        .map(|(id, class)| ClassRow {
            id: class.id as u32,
            name: snapshot.class_name(class.id as u32),
            library: snapshot
                .graph
                .get::<Library>(class.library)
                .ok()
                .and_then(|library| snapshot.graph.text(library.url)),
            object: reference(id),
            instance_words: i64::from(class.instance_size_in_words),
        })
        .collect()
}

/// A string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringRow {
    /// Number of the object.
    pub object: u32,
    /// The text; unpaired surrogates are replaced.
    pub text: String,
}

impl StringRow {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({ "object": self.object, "text": self.text })
    }
}

impl fmt::Display for StringRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>8}  {}", self.object, one_line(&self.text, STRING_LIMIT))
    }
}

/// All strings, in file order.
pub fn strings(snapshot: &Snapshot<'_>) -> Vec<StringRow> {
    snapshot
        .strings()
        .map(|(id, text)| StringRow { object: reference(id), text: text.to_string_lossy() })
        .collect()
}

/// An entry of the object pool that all code shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRow {
    /// Index.
    pub index: usize,
    /// What is there.
    pub value: String,
    /// Number of the object, if it is one.
    pub object: Option<u32>,
}

impl PoolRow {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({ "index": self.index, "value": self.value, "object": self.object })
    }
}

impl fmt::Display for PoolRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6}  {}", self.index, printable(&self.value))
    }
}

/// An object as listings name it.
pub(crate) fn short_description(snapshot: &Snapshot<'_>, id: ObjId) -> String {
    let description = snapshot.describe(id);
    let mut characters = description.chars();
    let start: String = characters.by_ref().take(STRING_LIMIT).collect();
    if characters.next().is_some() { format!("{start}…") } else { start }
}

/// The object pool.
pub fn pool(snapshot: &Snapshot<'_>) -> Vec<PoolRow> {
    snapshot
        .pool()
        .iter()
        .enumerate()
        .map(|(index, entry)| {
            let (value, object) = match entry.value {
                PoolValue::Object(id) => (short_description(snapshot, id), Some(reference(id))),
                PoolValue::Immediate(word) => (format!("word {word:#x}"), None),
                PoolValue::NativeFunction => ("native function".to_owned(), None),
                PoolValue::ResetToBootstrapNative => ("stub CallBootstrapNative".to_owned(), None),
                PoolValue::ResetToSwitchableCallMiss => ("stub SwitchableCallMiss".to_owned(), None),
                PoolValue::SetToZero => ("word 0 at start".to_owned(), None),
            };
            PoolRow { index, value, object }
        })
        .collect()
}
