//! Matching the entries of two tables.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

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
pub fn match_tables(a: Table, b: Table) -> TableDiff {
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
        match_name(&mut diff, name, of_a, of_b);
    }
    diff.only_b.extend(in_b.into_iter().map(|(name, of_b)| Named { name, count: of_b.len() }));
    diff.only_b.sort_by(|a, b| a.name.cmp(&b.name));
    diff
}

/// Matches the entries of one name.
fn match_name(diff: &mut TableDiff, name: String, of_a: Vec<Vec<Fact>>, of_b: Vec<Vec<Fact>>) {
    // By facts, with positions in file order: a name may have thousands of entries.
    let mut places: BTreeMap<Vec<Fact>, Vec<usize>> = BTreeMap::new();
    for (index, facts) in of_b.iter().enumerate().rev() {
        places.entry(facts.clone()).or_default().push(index);
    }
    let mut is_matched = vec![false; of_b.len()];
    let mut rest_a = Vec::new();
    for facts in of_a {
        match places.get_mut(&facts).and_then(Vec::pop) {
            Some(index) => {
                is_matched[index] = true;
                diff.alike += 1;
            }
            None => rest_a.push(facts),
        }
    }
    let rest_b: Vec<Vec<Fact>> =
        of_b.into_iter().zip(is_matched).filter(|(_, matched)| !matched).map(|(facts, _)| facts).collect();
    for (a, b) in rest_a.iter().zip(&rest_b) {
        let mut changes: Vec<Change> = Vec::new();
        for (a, b) in a.iter().zip(b).filter(|(a, b)| a.value != b.value) {
            changes.push(Change { name: name.clone(), fact: a.name, a: a.value.clone(), b: b.value.clone() });
        }
        // A digest has nothing to add to a change that shows.
        if changes.iter().any(|change| !matches!(change.a, Value::Digest(_))) {
            changes.retain(|change| !matches!(change.a, Value::Digest(_)));
        }
        diff.changes.append(&mut changes);
    }
    if rest_a.len() > rest_b.len() {
        diff.only_a.push(Named { name, count: rest_a.len() - rest_b.len() });
    } else if rest_b.len() > rest_a.len() {
        diff.only_b.push(Named { name, count: rest_b.len() - rest_a.len() });
    }
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
        let diff = match_tables(a, b);
        assert_eq!(diff.alike, 1);
        let change = Change { name: "f".into(), fact: "size", a: Value::Number(1), b: Value::Number(4) };
        assert_eq!(diff.changes, [change]);
        let named = |name: &str, count| Named { name: name.into(), count };
        assert_eq!(diff.only_a, [named("f", 1), named("g", 1)]);
        assert_eq!(diff.only_b, [named("h", 2)]);
        assert_eq!(diff.totals, [("size", 15, 25)]);
    }

    #[test]
    fn digests_show_only_what_nothing_else_shows() {
        let digest = |n| ("instructions", Value::Digest(n));
        let a = table(&[("f", &[size(1), digest(1)]), ("g", &[size(1), digest(1)])]);
        let b = table(&[("f", &[size(2), digest(2)]), ("g", &[size(1), digest(2)])]);
        let facts: Vec<_> = match_tables(a, b).changes.iter().map(|c| (c.name.clone(), c.fact)).collect();
        assert_eq!(facts, [("f".to_owned(), "size"), ("g".to_owned(), "instructions")]);
    }
}
