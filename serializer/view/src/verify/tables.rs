//! Hash tables in plain arrays that the engine probes by name: the map of libraries, dictionaries of libraries.

use super::Checker;
use crate::{ObjId, Object};
use dart_snapshot::objects::{Array, Library, Mint, Str};

/// Slots of a hash table before its entries.
const HEADER_SLOTS: usize = 2;

impl Checker<'_, '_> {
    pub(super) fn library_tables(&mut self) {
        let snapshot = self.snapshot;
        if let Ok(map) = snapshot.roots().store(&snapshot.spec, "libraries_map")
            && let Ok(array) = snapshot.graph.get::<Array>(map)
        {
            self.libraries_map(map, &array.elements);
        }
        for (id, library) in snapshot.of_kind::<Library>() {
            if let Ok(array) = snapshot.graph.get::<Array>(library.dictionary) {
                self.dictionary(id, &array.elements);
            }
        }
    }

    fn hash_of(&self, id: ObjId) -> Option<u32> {
        self.snapshot.graph.get::<Str>(id).ok().map(Str::hash_code)
    }

    fn libraries_map(&mut self, map: ObjId, elements: &[ObjId]) {
        let graph = &self.snapshot.graph;
        let Some((header, entries)) = elements.split_at_checked(HEADER_SLOTS) else {
            return self.object(map, "is the map of libraries, and too short");
        };
        let entries: Vec<(ObjId, ObjId)> =
            entries.chunks_exact(2).map(|entry| (entry[0], entry[1])).collect();
        let slots = entries.len();
        if !slots.is_power_of_two() || elements.len() != HEADER_SLOTS + 2 * slots {
            return self.object(map, format!("is the map of libraries, and has {} elements", elements.len()));
        }
        let integer = |id| graph.get::<Mint>(id).map(|integer| integer.value).ok();
        let count =
            |wanted: &dyn Fn(ObjId) -> bool| entries.iter().filter(|(key, _)| wanted(*key)).count() as i64;
        let deleted = count(&|key| key.is_null());
        let occupied = count(&|key| key != ObjId::SENTINEL) - deleted;
        if (integer(header[0]), integer(header[1])) != (Some(occupied), Some(deleted)) {
            self.object(map, format!("counts of the map of libraries are wrong: it has {occupied} entries"));
        }
        for (slot, &(key, value)) in entries.iter().enumerate() {
            if key == ObjId::SENTINEL || key.is_null() {
                continue;
            }
            let Some(hash) = self.hash_of(key) else {
                self.object(map, format!("key {slot} of the map of libraries is no string"));
                continue;
            };
            let (mut at, mut step) = (hash as usize & (slots - 1), 1);
            while at != slot && entries[at].0 != ObjId::SENTINEL && step <= slots {
                at = (at + step) & (slots - 1);
                step += 1;
            }
            if at != slot {
                self.object(map, format!("a search for library {} does not find it", graph.describe(key)));
            }
            let url = graph.get::<Library>(value).ok().and_then(|library| graph.text(library.url));
            if url.is_none() || url != graph.text(key) {
                self.object(map, format!("maps {} to {}", graph.describe(key), graph.describe(value)));
            }
        }
    }

    fn dictionary(&mut self, library: ObjId, elements: &[ObjId]) {
        let graph = &self.snapshot.graph;
        let Some((&count, slots)) = elements.split_last() else {
            return self.object(library, "its dictionary is empty");
        };
        let used = slots.iter().filter(|id| !id.is_null()).count();
        let count = graph.get::<Mint>(count).map(|integer| integer.value).ok();
        if count != Some(used as i64) {
            self.object(library, format!("its dictionary has {used} entries, its count says {count:?}"));
        }
        if used >= slots.len() {
            self.object(library, "its dictionary has no free slot: a search would not end");
            return;
        }
        for (slot, &entry) in slots.iter().enumerate() {
            let object = graph.object(entry);
            let name = match object {
                Object::Null => continue,
                Object::Class(_) | Object::Function(_) | Object::Field(_) | Object::LibraryPrefix(_) => {
                    object.name()
                }
                _ => None,
            };
            let Some(hash) = name.and_then(|name| self.hash_of(name)) else {
                self.object(library, format!("{} is in its dictionary", graph.describe(entry)));
                continue;
            };
            let mut at = hash as usize % slots.len();
            while at != slot && !slots[at].is_null() {
                at = (at + 1) % slots.len();
            }
            if at != slot {
                self.object(
                    library,
                    format!("a search in its dictionary does not find {}", graph.describe(entry)),
                );
            }
        }
    }
}
