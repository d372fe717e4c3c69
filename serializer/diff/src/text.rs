//! The form for people.

use std::fmt::Write;

use crate::matching::{Change, TableDiff};
use crate::tables::Value;
use crate::{Diff, Named};

/// Characters of a name or value that are shown.
const WIDTH: usize = 120;

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(WIDTH).flat_map(escaped).collect();
    if characters.next().is_some() { format!("{start}…") } else { start }
}

/// Line ends in strings would break the listing.
fn escaped(c: char) -> impl Iterator<Item = char> {
    let plain = (!c.is_control()).then_some(c);
    plain.into_iter().chain(c.is_control().then(|| c.escape_default()).into_iter().flatten())
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => shortened(text),
        Value::Number(number) => number.to_string(),
        Value::Digest(_) | Value::Instructions(_) => "…".to_owned(),
    }
}

fn change(change: &Change) -> String {
    let name = shortened(&change.name);
    match (&change.a, &change.b) {
        (a, _) if a.is_opaque() => format!("{name}: other {}", change.fact),
        (a, b) => format!("{name}: {} {} -> {}", change.fact, value(a), value(b)),
    }
}

/// How much a change is worth seeing.
fn weight(change: &Change) -> u64 {
    match (&change.a, &change.b) {
        (Value::Number(a), Value::Number(b)) => a.abs_diff(*b),
        _ => 0,
    }
}

fn named(named: &Named) -> String {
    let name = shortened(&named.name);
    if named.count == 1 { name } else { format!("{name}  ×{}", named.count) }
}

fn lines(out: &mut String, sign: char, lines: impl ExactSizeIterator<Item = String>, limit: usize) {
    let count = lines.len();
    for line in lines.take(limit) {
        let _ = writeln!(out, "  {sign} {line}");
    }
    if count > limit {
        let _ = writeln!(out, "  {sign} … {} more", count - limit);
    }
}

fn table(out: &mut String, table: &TableDiff, limit: usize) {
    let _ = write!(out, "{}: {} alike", table.title, table.alike);
    let count = |list: &[Named]| list.iter().map(|named| named.count).sum::<usize>();
    for (count, what) in [
        (count(&table.only_a), "only in the first"),
        (count(&table.only_b), "only in the second"),
        (table.changes.len(), if table.changes.len() == 1 { "difference" } else { "differences" }),
    ] {
        if count > 0 {
            let _ = write!(out, ", {count} {what}");
        }
    }
    for (fact, a, b) in table.totals.iter().filter(|(_, a, b)| a != b) {
        let _ = write!(out, "; all {fact} {a} -> {b}");
    }
    out.push('\n');
    lines(out, '-', table.only_a.iter().map(named), limit);
    lines(out, '+', table.only_b.iter().map(named), limit);
    let mut changes: Vec<&Change> = table.changes.iter().collect();
    changes.sort_by_key(|change| std::cmp::Reverse(weight(change)));
    lines(out, '~', changes.into_iter().map(change), limit);
}

pub(crate) fn render(diff: &Diff, limit: usize) -> String {
    let mut out = String::new();
    for entry in &diff.tables {
        table(&mut out, entry, limit);
    }
    out
}
