//! One object, field by field.
//!
//! The fields come from the format's own description of the class, walked by a codec that writes down what it meets.

use std::fmt;
use std::ops::Range;

use dart_snapshot::codec::{Codec, Describe, RefType};
use dart_snapshot::{CodeRef, Error, FormatSpec, Target};
use serde_json::{Value, json};
use snapcrane_view::{ObjId, Snapshot, object_of_reference, printable, reference};

use crate::listings::short_description;
use crate::one_line;

/// Bytes that are shown of a field of raw bytes.
const BYTES_LIMIT: usize = 64;

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// Its name in the VM.
    pub name: &'static str,
    /// Its value.
    pub value: String,
    /// The object that it refers to, by number.
    pub object: Option<u32>,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReport {
    /// Its number.
    pub number: u32,
    /// What it is, in a line.
    pub description: String,
    /// Its cluster; base objects have none.
    pub cluster: Option<String>,
    /// Bytes of the data blob: allocation section, fill section, data image. Empty where it has none.
    pub spans: [Range<usize>; 3],
    /// Its fields, in the order of the format.
    pub fields: Vec<FieldRow>,
}

/// Describes the object with a number; `None` if there is none.
///
/// # Errors
/// The object does not fit the format's description, which reading would have found.
pub fn object(snapshot: &Snapshot<'_>, number: u32) -> Result<Option<ObjectReport>, Error> {
    let Some(id) = object_of_reference(number).filter(|&id| snapshot.graph.contains(id)) else {
        return Ok(None);
    };
    let mut lister = Lister { snapshot, fields: Vec::new() };
    // Codecs may change what they walk; this one does not, but the signature wants an object of our own.
    let mut copy = snapshot.graph.object(id).clone();
    copy.fill(&mut lister)?;
    let spans = snapshot.spans(id);
    Ok(Some(ObjectReport {
        number,
        description: short_description(snapshot, id),
        cluster: snapshot.cluster_of(id).map(|index| snapshot.cluster_name(&snapshot.clusters()[index])),
        spans: [spans.alloc(), spans.fill(), spans.image()],
        fields: lister.fields,
    }))
}

/// A codec that lists fields.
struct Lister<'s, 'f> {
    snapshot: &'s Snapshot<'f>,
    fields: Vec<FieldRow>,
}

impl Lister<'_, '_> {
    fn push(&mut self, name: &'static str, value: String, object: Option<u32>) {
        self.fields.push(FieldRow { name, value, object });
    }
}

impl Codec for Lister<'_, '_> {
    fn spec(&self) -> &FormatSpec {
        &self.snapshot.spec
    }

    fn target(&self) -> &Target {
        &self.snapshot.format
    }

    fn reference(&mut self, field: &'static str, id: &mut ObjId, _: RefType) -> Result<(), Error> {
        let value = short_description(self.snapshot, *id);
        self.push(field, value, Some(reference(*id)));
        Ok(())
    }

    fn smi(&mut self, field: &'static str, value: &mut i64) -> Result<(), Error> {
        self.push(field, value.to_string(), None);
        Ok(())
    }

    fn code(&mut self, field: &'static str, code: &mut CodeRef) -> Result<(), Error> {
        let name = self.snapshot.code_of(*code).map(|code| self.snapshot.code_name(code));
        self.push(field, name.unwrap_or_else(|| "none".to_owned()), None);
        Ok(())
    }

    fn unsigned64(&mut self, field: &'static str, value: &mut u64) -> Result<(), Error> {
        self.push(field, value.to_string(), None);
        Ok(())
    }

    fn signed(&mut self, field: &'static str, _: u32, value: &mut i64) -> Result<(), Error> {
        self.push(field, value.to_string(), None);
        Ok(())
    }

    fn bytes(&mut self, field: &'static str, bytes: &mut [u8]) -> Result<(), Error> {
        let value = match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => one_line(text, BYTES_LIMIT),
            _ => {
                let digits: String =
                    bytes.iter().take(BYTES_LIMIT).map(|byte| format!("{byte:02x}")).collect();
                let rest = if bytes.len() > BYTES_LIMIT { "…" } else { "" };
                format!("{} bytes {digits}{rest}", bytes.len())
            }
        };
        self.push(field, value, None);
        Ok(())
    }

    fn align(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn inconsistent(&self, reason: String) -> Error {
        Error::Inconsistent { object: "object being described".to_owned(), reason }
    }
}

impl ObjectReport {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let span = |range: &Range<usize>| (!range.is_empty()).then(|| json!([range.start, range.end]));
        json!({
            "object": self.number,
            "description": self.description,
            "cluster": self.cluster,
            "allocation": span(&self.spans[0]),
            "fill": span(&self.spans[1]),
            "data_image": span(&self.spans[2]),
            "fields": self.fields.iter().map(|field| {
                json!({ "name": field.name, "value": field.value, "object": field.object })
            }).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for ObjectReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "object {}: {}", self.number, printable(&self.description))?;
        let cluster = self.cluster.as_deref().unwrap_or("none, the runtime supplies it");
        writeln!(f, "cluster: {}", printable(cluster))?;
        for (range, name) in self.spans.iter().zip(["allocation", "fill", "data image"]) {
            if !range.is_empty() {
                writeln!(f, "{name}: {:#x}..{:#x}", range.start, range.end)?;
            }
        }
        for field in &self.fields {
            let value = printable(&field.value);
            match field.object {
                Some(object) => writeln!(f, "  {}: {value} #{object}", field.name)?,
                None => writeln!(f, "  {}: {value}", field.name)?,
            }
        }
        Ok(())
    }
}
