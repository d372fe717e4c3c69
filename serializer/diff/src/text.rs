//! The form for people.

use std::fmt::Write;

use snapcrane_view::printable;

use crate::matching::{Change, TableDiff};
use crate::tables::{self, Aspect, Value};
use crate::{Diff, Named};

/// Characters of a name or value that are shown.
const WIDTH: usize = 120;

fn shortened(text: &str) -> String {
    let mut characters = text.chars();
    let start = printable(&characters.by_ref().take(WIDTH).collect::<String>());
    if characters.next().is_some() { format!("{start}…") } else { start }
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
        (&Value::Number(a), &Value::Number(b)) => format!("{name}: {}", numbers(change.fact, a, b)),
        (a, b) => format!("{name}: {} {} -> {}", change.fact, value(a), value(b)),
    }
}

/// `bytes 100 -> 80 (-20)`.
fn numbers(fact: &str, a: u64, b: u64) -> String {
    let sign = if a > b { '-' } else { '+' };
    format!("{fact} {a} -> {b} ({sign}{})", a.abs_diff(b))
}

/// How much a change is worth seeing.
fn weight(change: &Change) -> u64 {
    match (&change.a, &change.b) {
        (Value::Number(a), Value::Number(b)) => a.abs_diff(*b),
        _ => 0,
    }
}

fn named(named: &Named, is_quoted: bool) -> String {
    let name = shortened(&named.name);
    let name = if is_quoted { format!("\"{name}\"") } else { name };
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
    for &(fact, a, b) in table.totals.iter().filter(|(_, a, b)| a != b) {
        let _ = write!(out, "; in all {}", numbers(fact, a, b));
    }
    out.push('\n');
    let named = |entry| named(entry, table.title == tables::STRINGS);
    lines(out, '-', table.only_a.iter().map(named), limit);
    lines(out, '+', table.only_b.iter().map(named), limit);
    let mut changes: Vec<&Change> = table.changes.iter().collect();
    changes.sort_by_key(|change| std::cmp::Reverse(weight(change)));
    lines(out, '~', changes.into_iter().map(change), limit);
}

pub(crate) fn render(diff: &Diff, limit: usize) -> String {
    let mut out = String::new();
    let mut aspect = None;
    for entry in &diff.tables {
        if aspect.replace(entry.aspect) != Some(entry.aspect) {
            let heading = match entry.aspect {
                Aspect::Content => "What the program is",
                Aspect::Build => "What target and compiler made of it",
            };
            let _ = writeln!(out, "{}{heading}", if out.is_empty() { "" } else { "\n" });
        }
        table(&mut out, entry, limit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_listed_under_their_table() {
        let named = |name: &str, count| Named { name: name.into(), count };
        let change = |name: &str, a, b| Change { name: name.into(), fact: "bytes", a, b };
        let number = Value::Number;
        let table = |title, aspect, only_a, only_b, changes, totals| TableDiff {
            title,
            aspect,
            alike: 7,
            only_a,
            only_b,
            changes,
            totals,
        };
        let diff = Diff {
            tables: vec![
                table("libraries", Aspect::Content, vec![], vec![], vec![], vec![]),
                table(
                    tables::STRINGS,
                    Aspect::Content,
                    vec![named(" a\n", 2)],
                    vec![named("", 1)],
                    vec![],
                    vec![],
                ),
                table(
                    "code",
                    Aspect::Build,
                    vec![],
                    vec![named("x", 1), named("y", 1), named("z", 1)],
                    vec![change("f", number(1), number(2)), change("g", number(20), number(10))],
                    vec![("bytes", 21, 12), ("cells", 3, 3)],
                ),
            ],
        };
        assert_eq!(
            render(&diff, 2),
            "\
What the program is
libraries: 7 alike
strings: 7 alike, 2 only in the first, 1 only in the second
  - \" a\\n\"  ×2
  + \"\"

What target and compiler made of it
code: 7 alike, 3 only in the second, 2 differences; in all bytes 21 -> 12 (-9)
  + x
  + y
  + … 1 more
  ~ g: bytes 20 -> 10 (-10)
  ~ f: bytes 1 -> 2 (+1)
"
        );
    }
}
