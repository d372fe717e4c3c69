//! Matching the entries of two tables.
//!
//! Entries of one name are matched in two steps: those whose facts are the same, code after renumbering; and the rest in file
//! order, in such a way that their facts differ as little as possible. So one more closure in front of others of the same
//! function shows as one more, not as a change of all. Code with the same bytes need not be the same: where the pool has moved by a slot,
//! the code of one closure may be that of the next one before.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::renumbering::Renumbering;
use crate::tables::{Aspect, Entry, Fact, Table, Value};

/// Entries of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: String,
    /// How many.
    pub count: usize,
}

/// A fact that is not the same in both snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Name of the entry.
    pub name: String,
    /// The fact.
    pub fact: &'static str,
    /// Its value in the first snapshot.
    pub a: Value,
    /// Its value in the second snapshot.
    pub b: Value,
}

/// What differs between two tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDiff {
    /// What it lists.
    pub title: &'static str,
    /// What it is about.
    pub aspect: Aspect,
    /// Entries with a counterpart of the same facts.
    pub alike: usize,
    /// Entries without counterpart in the second snapshot, by name.
    pub only_a: Vec<Named>,
    /// Entries without counterpart in the first snapshot, by name.
    pub only_b: Vec<Named>,
    /// Facts that differ, by name.
    pub changes: Vec<Change>,
    /// Sums of the numbers, by fact: first and second snapshot.
    pub totals: Vec<(&'static str, u64, u64)>,
}

impl TableDiff {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.only_a.is_empty() && self.only_b.is_empty() && self.changes.is_empty()
    }

    pub(crate) fn to_json(&self) -> Json {
        let named = |list: &[Named]| -> Vec<Json> {
            list.iter().map(|n| json!({ "name": n.name, "count": n.count })).collect()
        };
        json!({
            "title": self.title,
            "aspect": self.aspect.name(),
            "alike": self.alike,
            "only_a": named(&self.only_a),
            "only_b": named(&self.only_b),
            "changes": self.changes.iter().map(|c| {
                json!({ "name": c.name, "fact": c.fact, "a": c.a.to_json(), "b": c.b.to_json() })
            }).collect::<Vec<_>>(),
            "totals": self.totals.iter().map(|&(fact, a, b)| json!({ "fact": fact, "a": a, "b": b })).collect::<Vec<_>>(),
        })
    }
}

type Groups = BTreeMap<String, Vec<Vec<Fact>>>;

fn groups(entries: Vec<Entry>) -> Groups {
    let mut groups = Groups::new();
    for Entry { name, facts } in entries {
        groups.entry(name).or_default().push(facts);
    }
    groups
}

fn totals(a: &[Entry], b: &[Entry]) -> Vec<(&'static str, u64, u64)> {
    let mut totals: Vec<(&'static str, u64, u64)> = Vec::new();
    for (entries, is_a) in [(a, true), (b, false)] {
        for fact in entries.iter().flat_map(|entry| &entry.facts) {
            let Value::Number(number) = fact.value else { continue };
            let at = totals.iter().position(|(name, ..)| *name == fact.name).unwrap_or_else(|| {
                totals.push((fact.name, 0, 0));
                totals.len() - 1
            });
            let total = if is_a { &mut totals[at].1 } else { &mut totals[at].2 };
            *total = total.saturating_add(number);
        }
    }
    totals
}

/// Compares two tables of the same title.
pub fn match_tables(a: Table, b: Table, renumbering: &Renumbering) -> TableDiff {
    let mut diff = TableDiff {
        title: a.title,
        aspect: a.aspect,
        alike: 0,
        only_a: Vec::new(),
        only_b: Vec::new(),
        changes: Vec::new(),
        totals: totals(&a.entries, &b.entries),
    };
    let mut in_b = groups(b.entries);
    for (name, of_a) in groups(a.entries) {
        let of_b = in_b.remove(&name).unwrap_or_default();
        match_name(&mut diff, name, of_a, of_b, renumbering);
    }
    diff.only_b.extend(in_b.into_iter().map(|(name, of_b)| Named { name, count: of_b.len() }));
    diff.only_b.sort_by(|a, b| a.name.cmp(&b.name));
    diff
}

/// Matches the entries of one name.
fn match_name(
    diff: &mut TableDiff,
    name: String,
    of_a: Vec<Vec<Fact>>,
    of_b: Vec<Vec<Fact>>,
    renumbering: &Renumbering,
) {
    let before = of_a.len();
    let (of_a, of_b) = without_pairs(of_a, of_b, renumbering);
    diff.alike += before - of_a.len();
    let pairs = aligned(&of_a, &of_b);
    for &(a, b) in &pairs {
        let mut changes: Vec<Change> = Vec::new();
        for (a, b) in of_a[a].iter().zip(&of_b[b]).filter(|(a, b)| !is_same_fact(a, b, renumbering)) {
            changes.push(Change { name: name.clone(), fact: a.name, a: a.value.clone(), b: b.value.clone() });
        }
        // A digest has nothing to add to a change that shows.
        if changes.iter().any(|change| !change.a.is_opaque()) {
            changes.retain(|change| !change.a.is_opaque());
        }
        diff.changes.append(&mut changes);
    }
    if of_a.len() > pairs.len() {
        diff.only_a.push(Named { name, count: of_a.len() - pairs.len() });
    } else if of_b.len() > pairs.len() {
        diff.only_b.push(Named { name, count: of_b.len() - pairs.len() });
    }
}

/// Facts with the shape of instructions only.
fn shapes(facts: &[Fact]) -> Vec<Fact> {
    let shape = |fact: &Fact| match &fact.value {
        Value::Instructions(instructions) => {
            Fact { name: fact.name, value: Value::Digest(instructions.shape) }
        }
        _ => fact.clone(),
    };
    facts.iter().map(shape).collect()
}

fn is_same_fact(a: &Fact, b: &Fact, renumbering: &Renumbering) -> bool {
    match (&a.value, &b.value) {
        (Value::Instructions(a), Value::Instructions(b)) => renumbering.same(a, b),
        (a, b) => a == b,
    }
}

fn is_same(a: &[Fact], b: &[Fact], renumbering: &Renumbering) -> bool {
    a.iter().zip(b).all(|(a, b)| is_same_fact(a, b, renumbering))
}

/// Takes pairs of entries away that are the same, first ones first.
fn without_pairs(
    of_a: Vec<Vec<Fact>>,
    of_b: Vec<Vec<Fact>>,
    renumbering: &Renumbering,
) -> (Vec<Vec<Fact>>, Vec<Vec<Fact>>) {
    // A name may have thousands of entries; only those of equal shapes can be the same.
    let mut places: BTreeMap<Vec<Fact>, Vec<usize>> = BTreeMap::new();
    for (index, facts) in of_b.iter().enumerate() {
        places.entry(shapes(facts)).or_default().push(index);
    }
    let mut is_matched = vec![false; of_b.len()];
    let mut rest_a = Vec::new();
    for facts in of_a {
        let found = places.get_mut(&shapes(&facts)).and_then(|candidates| {
            let at = candidates.iter().position(|&index| is_same(&facts, &of_b[index], renumbering))?;
            Some(candidates.remove(at))
        });
        match found {
            Some(index) => is_matched[index] = true,
            None => rest_a.push(facts),
        }
    }
    let rest_b = of_b.into_iter().zip(is_matched).filter(|(_, matched)| !matched).map(|(facts, _)| facts);
    (rest_a, rest_b.collect())
}

/// Groups of more pairs than this are not worth the time.
const MAX_PAIRS: usize = 1 << 20;

/// Pairs as many entries as there can be pairs, without crossings and with the least differences.
fn aligned(of_a: &[Vec<Fact>], of_b: &[Vec<Fact>]) -> Vec<(usize, usize)> {
    let (rows, columns) = (of_a.len(), of_b.len());
    let is_simple = rows == columns || rows == 0 || columns == 0;
    if is_simple || rows.saturating_mul(columns) > MAX_PAIRS {
        return (0..rows.min(columns)).map(|index| (index, index)).collect();
    }
    // The longer side may leave entries out, the shorter one not.
    let (short, long) = if rows < columns { (of_a, of_b) } else { (of_b, of_a) };
    let width = long.len() + 1;
    // cost[s][l]: of pairing the first s of the short side among the first l of the long one.
    let mut cost = vec![u64::MAX; (short.len() + 1) * width];
    cost[..width].fill(0);
    for s in 1..=short.len() {
        for l in s..width {
            let leave_out = cost[s * width + l - 1];
            let pair = cost[(s - 1) * width + l - 1];
            cost[s * width + l] = leave_out.min(pair.saturating_add(distance(&short[s - 1], &long[l - 1])));
        }
    }
    let mut pairs = Vec::with_capacity(short.len());
    let (mut s, mut l) = (short.len(), long.len());
    while s > 0 {
        l -= 1;
        if l < s || cost[s * width + l] != cost[s * width + l + 1] {
            s -= 1;
            pairs.push(if rows < columns { (s, l) } else { (l, s) });
        }
    }
    pairs.reverse();
    pairs
}

/// How much two entries differ.
fn distance(a: &[Fact], b: &[Fact]) -> u64 {
    /// Text that differs weighs as much as so many bytes.
    const TEXT: u64 = 256;
    let fact = |(a, b): (&Fact, &Fact)| match (&a.value, &b.value) {
        (a, b) if a == b => 0,
        (Value::Number(a), Value::Number(b)) => a.abs_diff(*b),
        (Value::Text(_), _) => TEXT,
        (Value::Instructions(a), Value::Instructions(b)) if a.shape == b.shape => 1,
        _ => 2,
    };
    a.iter().zip(b).map(fact).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(entries: &[(&str, &[(&'static str, Value)])]) -> Table {
        let fact = |(name, value): &(&'static str, Value)| Fact { name, value: value.clone() };
        let entry = |(name, facts): &(&str, &[(&'static str, Value)])| Entry {
            name: (*name).to_owned(),
            facts: facts.iter().map(fact).collect(),
        };
        Table { title: "code", aspect: Aspect::Build, entries: entries.iter().map(entry).collect() }
    }

    fn size(n: u64) -> (&'static str, Value) {
        ("size", Value::Number(n))
    }

    #[test]
    fn entries_of_one_name_match_their_equals_first() {
        let a = table(&[("f", &[size(1)]), ("f", &[size(2)]), ("f", &[size(3)]), ("g", &[size(9)])]);
        let b = table(&[("f", &[size(3)]), ("f", &[size(4)]), ("h", &[size(9)]), ("h", &[size(9)])]);
        let diff = match_tables(a, b, &Renumbering::default());
        assert_eq!(diff.alike, 1);
        let change = Change { name: "f".into(), fact: "size", a: Value::Number(2), b: Value::Number(4) };
        assert_eq!(diff.changes, [change]);
        let named = |name: &str, count| Named { name: name.into(), count };
        assert_eq!(diff.only_a, [named("f", 1), named("g", 1)]);
        assert_eq!(diff.only_b, [named("h", 2)]);
        assert_eq!(diff.totals, [("size", 15, 25)]);
    }

    #[test]
    fn an_entry_before_others_of_its_name_is_one_more() {
        let a = table(&[("f", &[size(100)]), ("f", &[size(200)]), ("f", &[size(300)])]);
        let b = table(&[("f", &[size(5000)]), ("f", &[size(104)]), ("f", &[size(204)]), ("f", &[size(300)])]);
        for (diff, only_a, only_b) in [
            (match_tables(a.clone(), b.clone(), &Renumbering::default()), 0, 1),
            (match_tables(b, a, &Renumbering::default()), 1, 0),
        ] {
            assert_eq!(diff.alike, 1);
            let sizes: Vec<_> = diff.changes.iter().map(|change| (&change.a, &change.b)).collect();
            let change = |a, b| (Value::Number(a), Value::Number(b));
            let expected = [change(100, 104), change(200, 204)];
            let expected = if only_b == 1 { expected } else { expected.map(|(a, b)| (b, a)) };
            assert_eq!(sizes, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
            let count = |named: &[Named]| named.iter().map(|named| named.count).sum::<usize>();
            assert_eq!((count(&diff.only_a), count(&diff.only_b)), (only_a, only_b));
        }
    }

    #[test]
    fn thousands_of_entries_match_in_order() {
        let entries: Vec<(&str, Vec<(&'static str, Value)>)> =
            (0..3000).map(|_| ("helper", vec![size(8)])).collect();
        let slices: Vec<(&str, &[(&'static str, Value)])> =
            entries.iter().map(|(name, facts)| (*name, facts.as_slice())).collect();
        let diff = match_tables(table(&slices), table(&slices[1..]), &Renumbering::default());
        assert_eq!((diff.alike, diff.only_a[0].count, diff.changes.len()), (2999, 1, 0));
    }

    #[test]
    fn digests_show_only_what_nothing_else_shows() {
        let digest = |n| ("instructions", Value::Digest(n));
        let a = table(&[("f", &[size(1), digest(1)]), ("g", &[size(1), digest(1)])]);
        let b = table(&[("f", &[size(2), digest(2)]), ("g", &[size(1), digest(2)])]);
        let facts: Vec<_> = match_tables(a, b, &Renumbering::default())
            .changes
            .iter()
            .map(|c| (c.name.clone(), c.fact))
            .collect();
        assert_eq!(facts, [("f".to_owned(), "size"), ("g".to_owned(), "instructions")]);
    }
}
