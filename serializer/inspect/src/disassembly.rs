//! The code of functions with what the tables say about it.

use std::fmt::{self, Write};

use dart_snapshot::Error;
use serde_json::{Value, json};
use snapcrane_view::{Code, Snapshot, printable};

/// The code of one function or stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its name.
    pub name: String,
    /// Lines of text: instructions, and comments that begin with `;`. Control characters of names are escaped.
    pub text: String,
}

impl Listing {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({ "name": self.name, "lines": self.text.lines().collect::<Vec<_>>() })
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:\n{}", printable(&self.name), self.text)
    }
}

/// Disassembles all code whose name is `name`; if there is none, all whose name contains it.
///
/// # Errors
/// Malformed tables.
pub fn disassemble(snapshot: &Snapshot<'_>, name: &str) -> Result<Vec<Listing>, Error> {
    let named: Vec<(&Code, String)> =
        snapshot.codes().iter().map(|code| (code, snapshot.code_name(code))).collect();
    let has_exact = named.iter().any(|(_, full)| full == name);
    named
        .into_iter()
        .filter(|(_, full)| if has_exact { full == name } else { full.contains(name) })
        .map(|(code, name)| Ok(Listing { text: listing(snapshot, code)?, name }))
        .collect()
}

fn listing(snapshot: &Snapshot<'_>, code: &Code) -> Result<String, Error> {
    let word = snapshot.format.word_bytes();
    let maps = snapshot.stack_maps(code)?;
    let descriptors = snapshot.pc_descriptors(code)?;
    let sources = snapshot.source_ranges(code)?;
    let handlers = snapshot.exception_handlers(code);

    let mut out = String::new();
    let _ = writeln!(out, "; {:#x}..{:#x}, {} bytes", code.start, code.end, code.size());
    for (index, handler) in handlers.iter().flat_map(|handlers| handlers.handlers.iter().enumerate()) {
        let types: Vec<String> = handlers
            .map(|handlers| snapshot.handled_types(handlers, index))
            .unwrap_or_default()
            .iter()
            .map(|&id| snapshot.type_name(id))
            .collect();
        // Handlers that nothing reaches have no types (`code_descriptors.cc`), and a compiler may leave them out.
        let what = match (handler.has_catch_all, types.is_empty()) {
            (true, _) => ", catches everything".to_owned(),
            (false, true) => String::new(),
            (false, false) => format!(", catches {}", printable(&types.join(", "))),
        };
        let _ = writeln!(out, "; handler {index} at {:#x}{what}", handler.handler_pc_offset);
    }
    let mut last_place = None;
    for instruction in snapcrane_disassembler::disassemble(snapshot.code_bytes(code), snapshot.target.arch) {
        let place = sources.at(instruction.start).map(|range| {
            let frames = range.frames.iter().map(|frame| {
                let line = frame.line.map_or(String::new(), |line| format!(":{line}"));
                format!("{}{line}", snapshot.function_name(frame.function))
            });
            frames.collect::<Vec<_>>().join(" > ")
        });
        if place.is_some() && place != last_place {
            let _ = writeln!(out, "; {}", printable(place.as_deref().unwrap_or_default()));
        }
        last_place = place;
        let starts_handler = handlers
            .is_some_and(|h| h.handlers.iter().any(|handler| handler.handler_pc_offset == instruction.start));
        if starts_handler {
            let _ = writeln!(out, "handler:");
        }
        let _ = write!(out, "{:6x}  {}", instruction.start, instruction.text);
        if let Some(destination) = instruction.destination
            && let Ok(address) = u32::try_from(i64::from(code.start) + destination)
            && !(code.start..code.end).contains(&address)
            && let Some(callee) = snapshot.code_at(address)
        {
            let _ = write!(out, "  ; {}", printable(&snapshot.code_name(callee)));
        }
        out.push('\n');
        if let Some(map) = maps.iter().find(|map| map.pc_offset == instruction.end) {
            let tagged: Vec<String> = (0..map.bits.len())
                .filter(|&bit| map.bits.get(bit))
                .map(|bit| format!("fp-{:#x}", (bit + 1) * word))
                .collect();
            let _ =
                writeln!(out, "        ; frame of {} words, tagged: [{}]", map.bits.len(), tagged.join(" "));
        }
        for descriptor in descriptors.iter().filter(|d| d.pc_offset == instruction.end) {
            if let Some(index) = descriptor.try_index {
                let _ = writeln!(out, "        ; exceptions go to handler {index}");
            }
        }
    }
    Ok(out)
}
