//! Clusters: their order, their tags, and the canonical tables that the reader builds from them.

use super::Checker;
use crate::{ObjId, Object, Section};
use dart_snapshot::clusters::{Cluster, load_order};
use dart_snapshot::hash::TypeHasher;
use dart_snapshot::hash_tables::canonical_slots;
use dart_snapshot::objects::TypeArguments;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// Slots of a canonical table before its entries.
const TABLE_HEADER_SLOTS: u32 = 2;

impl Checker<'_, '_> {
    pub(super) fn cluster_order(&mut self) {
        let snapshot = self.snapshot;
        let ids = &snapshot.spec.class_ids;
        let clusters = snapshot.clusters();
        let first = |cid: u32| clusters.iter().position(|cluster| cluster.class_id == cid);
        let (code, function, closure) = (first(ids.code), first(ids.function), first(ids.closure));
        let count = clusters.iter().filter(|cluster| cluster.class_id == ids.code).count();
        if count != 1 {
            self.error(Section::Allocation, snapshot.map.alloc.start, format!("{count} clusters of Code"));
        }
        if let (Some(function), Some(code)) = (function, code)
            && function < code
        {
            self.cluster(function, "functions come before the code that they refer to");
        }
        if let (Some(closure), Some(function)) = (closure, function)
            && closure < function
        {
            self.cluster(closure, "closures come before the functions that they take entry points from");
        }
        let mut seen: FxHashMap<u32, usize> = FxHashMap::default();
        for (index, cluster) in clusters.iter().enumerate() {
            if cluster.has_canonical_table(ids)
                && let Some(other) = seen.insert(cluster.class_id, index)
            {
                self.cluster(index, format!("its canonical table replaces that of cluster {other}"));
            }
        }
        if !clusters.iter().any(|c| c.class_id == ids.string && c.is_canonical) {
            self.error(Section::Allocation, snapshot.map.alloc.start, "no canonical strings");
        }
        if !self.is_usual_order(clusters) {
            self.note(Section::Allocation, snapshot.map.alloc.start, "clusters are not in the usual order");
        }
    }

    /// Some early clusters, sorted; then those of [`load_order`]; then the rest, sorted.
    fn is_usual_order(&self, clusters: &[Cluster]) -> bool {
        let is_sorted =
            |clusters: &[Cluster]| clusters.is_sorted_by(|a, b| a.usual_place() < b.usual_place());
        let order = load_order(&self.snapshot.spec.class_ids);
        (0..=clusters.len()).take_while(|&early| is_sorted(&clusters[..early])).any(|early| {
            let mut rest = &clusters[early..];
            for (cid, canonical) in order {
                if let [first, others @ ..] = rest
                    && first.class_id == cid
                    && (first.is_canonical || !canonical)
                {
                    rest = others;
                }
            }
            is_sorted(rest) && !rest.iter().any(|c| order[..6].contains(&(c.class_id, c.is_canonical)))
        })
    }

    pub(super) fn cluster_tags(&mut self) {
        let snapshot = self.snapshot;
        let (ids, spec) = (&snapshot.spec.class_ids, &snapshot.spec);
        let canonical = [
            ids.string,
            ids.type_,
            ids.function_type,
            ids.record_type,
            ids.type_parameter,
            ids.type_arguments,
            ids.mint,
            ids.double,
            ids.float32x4,
            ids.int32x4,
            ids.float64x2,
            ids.closure,
            ids.record,
            ids.const_map,
            ids.const_set,
            ids.array,
            ids.immutable_array,
        ];
        for (index, cluster) in snapshot.clusters().iter().enumerate() {
            let cid = cluster.class_id;
            if cid >= spec.top_level_cid_offset {
                self.cluster(index, "class of top-level members has no instances");
            }
            if cluster.is_canonical && !cluster.is_deeply_immutable {
                self.cluster(index, "canonical, but not deeply immutable");
            }
            if cid < spec.num_predefined_cids && ids.is_deeply_immutable(cid) && !cluster.is_deeply_immutable
            {
                self.cluster(index, "its class is deeply immutable, it is not");
            }
            if cluster.is_canonical && !canonical.contains(&cid) && !cluster.is_instance(spec) {
                self.cluster(index, "objects of this class cannot be canonical");
            }
            if cluster.members.is_empty() {
                self.cluster_note(index, "no objects");
            }
        }
    }

    /// Every member of a canonical table is where a search for it looks.
    pub(super) fn canonical_tables(&mut self) {
        let snapshot = self.snapshot;
        let ids = &snapshot.spec.class_ids;
        for (index, cluster) in snapshot.clusters().iter().enumerate() {
            if !cluster.has_canonical_table(ids) {
                continue;
            }
            let table = &cluster.canonical_table;
            let slots = table.table_length.saturating_sub(TABLE_HEADER_SLOTS);
            let used = table.gaps.iter().map(|&gap| u64::from(gap) + 1).sum::<u64>();
            if !slots.is_power_of_two() {
                self.cluster(index, format!("canonical table of {slots} slots, not a power of two"));
                continue;
            }
            if used > slots.into() || table.gaps.len() as u64 >= slots.into() {
                let reason = format!("{} members reach slot {used} of {slots}", table.gaps.len());
                self.cluster(index, reason);
                continue;
            }
            let usual = canonical_slots(table.gaps.len());
            if slots as usize != usual {
                self.cluster_note(index, format!("canonical table of {slots} slots, usually {usual}"));
            }
            if table.first_element > 0 && cluster.class_id != ids.type_ {
                let reason = format!("{} members outside the canonical table", table.first_element);
                self.cluster(index, reason);
            }
            self.canonical_table(index, cluster, slots);
        }
    }

    fn canonical_table(&mut self, index: usize, cluster: &Cluster, slots: u32) {
        // The table is at most as large as what the stream can hold elements for, times its load factor; a larger one is damage
        // that would only waste memory here.
        let limit = 64 + 16 * cluster.members.len();
        if slots as usize > limit {
            return self.cluster(
                index,
                format!("canonical table of {slots} slots for {} members", cluster.members.len()),
            );
        }
        let mut occupied = vec![false; slots as usize];
        let mut place = 0;
        let places: Vec<u32> = (cluster.canonical_table.gaps.iter())
            .map(|gap| {
                let slot = place + gap;
                occupied[slot as usize] = true;
                place = slot + 1;
                slot
            })
            .collect();
        let members = &cluster.members[cluster.canonical_table.first_element as usize..];
        for (&id, &slot) in members.iter().zip(&places) {
            let Some(hash) = self.carried_hash(id).filter(|&hash| hash != 0) else {
                self.object(id, "is in the canonical table and has no hash");
                continue;
            };
            let (mut at, mut step) = (hash & (slots - 1), 1);
            while at != slot && occupied[at as usize] {
                at = (at + step) & (slots - 1);
                step += 1;
                if step > slots {
                    break;
                }
            }
            if at != slot {
                let reason = format!(
                    "is in slot {slot} of the canonical table; a search for hash {hash:#x} ends at slot {at}"
                );
                self.object(id, reason);
            }
        }
    }

    /// The hash that a search for a canonical object uses.
    fn carried_hash(&self, id: ObjId) -> Option<u32> {
        let graph = &self.snapshot.graph;
        match graph.object(id) {
            Object::String(string) => Some(string.hash_code()),
            Object::TypeArguments(TypeArguments { hash, .. }) => Some(*hash),
            _ => TypeHasher::new(graph, &self.snapshot.spec).carried(id).filter(|&hash| hash != 0),
        }
    }

    /// No canonical object has an equal.
    pub(super) fn canonical_objects(&mut self) {
        let graph = &self.snapshot.graph;
        let mut by_hash: FxHashMap<u64, Vec<ObjId>> = FxHashMap::default();
        let mut twins = Vec::new();
        for cluster in self.snapshot.clusters().iter().filter(|cluster| cluster.is_canonical) {
            for &id in &cluster.members {
                // The VM's own empty array is not found by hash, so a constant list without elements may be a second one.
                if matches!(graph.object(id), Object::Array(array) if array.elements.is_empty()) {
                    continue;
                }
                let key = graph.object(id).canonical_key();
                let mut hasher = FxHasher::default();
                key.hash(&mut hasher);
                let same_hash = by_hash.entry(hasher.finish()).or_default();
                // Equal hashes of unequal objects are rare, unless somebody makes them; then a few are enough.
                const MAX_COMPARED: usize = 16;
                let twin = same_hash
                    .iter()
                    .take(MAX_COMPARED)
                    .find(|&&other| *graph.object(other).canonical_key() == *key);
                match twin {
                    Some(&twin) => twins.push((id, twin)),
                    None => same_hash.push(id),
                }
            }
        }
        for (id, twin) in twins {
            self.object(id, format!("is canonical, and so is its equal, {}", graph.describe(twin)));
        }
    }
}
