//! Tables that the runtime probes by hash, laid out as the runtime would.
//!
//! Two schemes. `HashTable` (`runtime/vm/hash_table.h`): array slots `[occupied, deleted, entry …]`, a power
//! of two of entries, triangular probing from the low bits of the hash, the sentinel marking unused keys.
//! Library dictionaries (`Library` in `runtime/vm/object.cc`): linear probing modulo an arbitrary size, null
//! marking free slots, the count last.

use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::hash;
use crate::objects::{Array, Str, WeakArray};
use rustc_hash::FxHashMap;

/// Slots before the entries of a `HashTable`: occupied and deleted counts.
const HEADER_SLOTS: usize = 2;
// Entries that the writer leaves free for what the runtime adds at start-up, and HashTables::kMaxLoadFactor.
const SPARE_CAPACITY: usize = 32;
const MAX_LOAD_FACTOR: f64 = 0.71;
const INITIAL_SLOTS: usize = 8;

/// Where the entries of a canonical cluster sit in the table that the reader builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanonicalLayout {
    /// Array length of the table, header included.
    pub table_length: u32,
    /// Entries in slot order, as indices into the input.
    pub order: Vec<u32>,
    /// Unused slots before each entry of `order`.
    pub gaps: Vec<u32>,
}

/// Number of slots for `n` entries (`HashTables::New` with the writer's over-allocation).
pub fn canonical_slots(n: usize) -> usize {
    let capacity = ((n + SPARE_CAPACITY) as f64 / MAX_LOAD_FACTOR) as usize;
    (capacity + 1).next_power_of_two()
}

/// Lays out a canonical table for entries with these hashes, inserted in order.
pub fn canonical_layout(hashes: &[u32]) -> CanonicalLayout {
    let slots = insert_all(canonical_slots(hashes.len()), hashes);
    let (mut order, mut gaps) = (Vec::new(), Vec::new());
    let mut unused = 0;
    for slot in &slots {
        match slot {
            Some(index) => {
                order.push(*index);
                gaps.push(unused);
                unused = 0;
            }
            None => unused += 1,
        }
    }
    CanonicalLayout { table_length: (HEADER_SLOTS + slots.len()) as u32, order, gaps }
}

/// Triangular probing into a table of `len` slots, a power of two.
fn insert_all(len: usize, hashes: &[u32]) -> Vec<Option<u32>> {
    let mut slots = vec![None; len];
    for (index, &hash) in hashes.iter().enumerate() {
        let mut slot = hash as usize & (len - 1);
        let mut step = 0;
        while slots[slot].is_some() {
            step += 1;
            slot = (slot + step) & (len - 1);
        }
        slots[slot] = Some(index as u32);
    }
    slots
}

/// Elements of an empty set table, as the runtime makes for its own tables.
pub fn empty_table(graph: &mut Graph) -> Vec<ObjId> {
    let zero = graph.integer(0);
    let mut elements = vec![zero, zero];
    elements.resize(HEADER_SLOTS + INITIAL_SLOTS, ObjId::SENTINEL);
    elements
}

/// An empty set table as an array.
pub fn empty_set(graph: &mut Graph) -> ObjId {
    let elements = empty_table(graph);
    graph.add(Array::new(elements))
}

/// An empty set table as a weak array.
pub fn empty_weak_set(graph: &mut Graph) -> ObjId {
    let elements = empty_table(graph);
    graph.add(WeakArray { elements })
}

/// A set table with these elements and their hashes.
pub fn set_table(graph: &mut Graph, entries: &[(u32, ObjId)]) -> ObjId {
    table(graph, entries, |&(_, key)| vec![key])
}

/// A map from keys to values, with the keys' hashes.
pub fn map_table(graph: &mut Graph, entries: &[(u32, ObjId, ObjId)]) -> ObjId {
    table(graph, entries, |&(_, key, value)| vec![key, value])
}

trait Hashed {
    fn hash(&self) -> u32;
}

impl Hashed for (u32, ObjId) {
    fn hash(&self) -> u32 {
        self.0
    }
}

impl Hashed for (u32, ObjId, ObjId) {
    fn hash(&self) -> u32 {
        self.0
    }
}

fn table<T: Hashed>(graph: &mut Graph, entries: &[T], slots_of: impl Fn(&T) -> Vec<ObjId>) -> ObjId {
    let len = ((entries.len() as f64 / MAX_LOAD_FACTOR) as usize + 1).next_power_of_two().max(INITIAL_SLOTS);
    let hashes: Vec<u32> = entries.iter().map(Hashed::hash).collect();
    let mut elements = vec![graph.integer(entries.len() as i64), graph.integer(0)];
    let width = entries.first().map_or(1, |e| slots_of(e).len());
    for slot in insert_all(len, &hashes) {
        match slot {
            Some(index) => elements.extend(slots_of(&entries[index as usize])),
            None => elements
                .extend(std::iter::once(ObjId::SENTINEL).chain(std::iter::repeat_n(ObjId::NULL, width - 1))),
        }
    }
    graph.add(Array::new(elements))
}

/// The libraries map of the object store: URL string to Library.
///
/// # Errors
/// A library whose URL is no string.
pub fn libraries_map(graph: &mut Graph, libraries: &[ObjId]) -> Result<ObjId> {
    let mut entries = Vec::new();
    for &library in libraries {
        let url = graph.get::<crate::objects::Library>(library)?.url;
        entries.push((graph.get::<Str>(url)?.hash_code(), url, library));
    }
    Ok(map_table(graph, &entries))
}

/// A library's dictionary: its classes, functions, fields and prefixes by mangled name.
///
/// # Errors
/// An entry without a name, or two with the same name.
pub fn library_dictionary(graph: &mut Graph, entries: &[ObjId]) -> Result<ObjId> {
    // Load of at most 3/4, and always a free slot to end a search (Library::AddObject grows beyond that).
    let len = (entries.len() * 4 / 3 + 1).max(INITIAL_SLOTS * 2);
    let mut elements = vec![ObjId::NULL; len];
    let mut names = FxHashMap::default();
    for &entry in entries {
        let inconsistent = |graph: &Graph, reason: &str| Error::Inconsistent {
            object: graph.describe(entry),
            reason: reason.into(),
        };
        let name = graph.contains(entry).then(|| graph.object(entry).name()).flatten();
        let name = name.ok_or_else(|| inconsistent(graph, "cannot be in a library dictionary"))?;
        let string = graph.get::<Str>(name)?;
        if names.insert(string.clone(), entry).is_some() {
            return Err(inconsistent(graph, "shares its name with another entry of the dictionary"));
        }
        let mut slot = hash::string(string.units()) as usize % len;
        while !elements[slot].is_null() {
            slot = (slot + 1) % len;
        }
        elements[slot] = entry;
    }
    elements.push(graph.integer(entries.len() as i64));
    Ok(graph.add(Array::new(elements)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Library;

    #[test]
    fn canonical_sizes_match_the_reference() {
        // (entries, slots) pairs seen in real snapshots.
        for (n, slots) in [(2818, 4096), (38, 128), (347, 1024), (99, 256)] {
            assert_eq!(canonical_slots(n), slots);
        }
    }

    #[test]
    fn canonical_layout_probes_triangularly() {
        let slots = canonical_slots(4) as u32;
        let layout = canonical_layout(&[5, 5 + slots, 5, 0]);
        assert_eq!(layout.table_length, slots + 2);
        // 5, then 5+1, then 5+1+2; the hash 0 goes first.
        assert_eq!(layout.order, [3, 0, 1, 2]);
        assert_eq!(layout.gaps, [0, 4, 0, 1]);
    }

    #[test]
    fn dictionary_is_found_by_linear_probing() {
        let mut graph = Graph::new();
        let entries: Vec<ObjId> = (0..40)
            .map(|i| {
                let url = graph.symbol(&format!("name{i}"));
                graph.add(Library { url, ..Library::default() })
            })
            .collect();
        let dictionary = library_dictionary(&mut graph, &entries).unwrap();
        let elements = graph.get::<Array>(dictionary).unwrap().elements.clone();
        let len = elements.len() - 1;
        assert_eq!(elements[len], graph.integer(40));
        for &entry in &entries {
            let name = graph.object(entry).name().unwrap();
            let mut slot = graph.get::<Str>(name).unwrap().hash_code() as usize % len;
            while elements[slot] != entry {
                assert!(!elements[slot].is_null());
                slot = (slot + 1) % len;
            }
        }
        assert!(library_dictionary(&mut graph, &[entries[0], entries[0]]).is_err());
    }
}
