//! Packing of dispatch rows into one table.
//!
//! # Problem
//!
//! A row has a cell per class that answers its selector, at row offset + class id; most rows are sparse. Rows are laid
//! over each other so that no two cells collide, in as short a table as possible.
//!
//! # Approach
//!
//! First fit, rows with many cells first (they are the hardest to place). For each row the free entries are tried as the place of its
//! first cell; free entries are linked, so that full stretches are skipped. Rows with one cell fill the holes in the end.
//!
//! # Invariants
//!
//! An entry belongs to at most one row; the result depends on the rows alone.

use cranelift_entity::PrimaryMap;
use snapcrane_program::ids::ClassId;

use crate::reach::{FunctionId, RowId};

/// The dispatch table.
#[derive(Debug, Default)]
pub struct DispatchTable {
    /// Offset of each row; the cell of class `c` is entry `offset + c`. May be negative.
    pub offsets: PrimaryMap<RowId, i64>,
    /// Entries; `None` where no receiver can lead.
    pub entries: Vec<Option<FunctionId>>,
}

/// Packs rows. `min_offset` is the smallest offset that code may use: `-(origin element)`.
pub fn pack(rows: &PrimaryMap<RowId, Vec<(ClassId, FunctionId)>>) -> DispatchTable {
    let mut order: Vec<RowId> = rows.keys().collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(rows[row].len()), row));
    let mut table = DispatchTable { offsets: rows.iter().map(|_| 0).collect(), entries: Vec::new() };
    let mut free = FreeEntries::default();
    for row in order {
        let cells = &rows[row];
        let Some(&(first, _)) = cells.first() else { continue };
        let mut place = free.next(0);
        let offset = loop {
            let offset = place as i64 - i64::from(first.as_u32());
            let at = |class: ClassId| (offset + i64::from(class.as_u32())) as usize;
            if cells.iter().all(|&(class, _)| free.is_free(at(class))) {
                break offset;
            }
            place = free.next(place + 1);
        };
        for &(class, function) in cells {
            let at = (offset + i64::from(class.as_u32())) as usize;
            if at >= table.entries.len() {
                table.entries.resize(at + 1, None);
            }
            table.entries[at] = Some(function);
            free.take(at);
        }
        table.offsets[row] = offset;
    }
    table
}

/// The set of entries that are not taken, with fast successor queries (union-find over taken stretches).
#[derive(Default)]
struct FreeEntries {
    /// For a taken entry, some later entry before which all are taken.
    skip: Vec<usize>,
}

impl FreeEntries {
    fn is_free(&self, at: usize) -> bool {
        self.skip.get(at).is_none_or(|&next| next == at)
    }

    fn next(&mut self, from: usize) -> usize {
        let mut at = from;
        while let Some(&next) = self.skip.get(at)
            && next != at
        {
            at = next;
        }
        // Path compression.
        let mut walk = from;
        while let Some(&next) = self.skip.get(walk)
            && next != walk
        {
            self.skip[walk] = at;
            walk = next;
        }
        at
    }

    fn take(&mut self, at: usize) {
        while self.skip.len() <= at {
            self.skip.push(self.skip.len());
        }
        self.skip[at] = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_entity::EntityRef;

    #[test]
    fn rows_do_not_collide_and_fill_holes() {
        // As in programs: a row's cells are a few subtrees of the class hierarchy, which are runs of class ids.
        let mut rows = PrimaryMap::new();
        let mut seed = 1u64;
        let mut random = |bound: u64| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) % bound
        };
        for _ in 0..300 {
            let mut cells = Vec::new();
            let mut class = 45;
            for _ in 0..=random(3) {
                class += 1 + random(80);
                for _ in 0..=random(12) {
                    cells.push((ClassId::from_u32(class as u32), FunctionId::new(random(1000) as usize)));
                    class += 1;
                }
            }
            rows.push(cells);
        }
        rows.push(Vec::new());
        rows.push(vec![(ClassId::from_u32(60), FunctionId::new(7))]);
        let table = pack(&rows);
        let mut used = 0;
        for (row, cells) in &rows {
            for &(class, function) in cells {
                let at = (table.offsets[row] + i64::from(class.as_u32())) as usize;
                assert_eq!(table.entries[at], Some(function));
                used += 1;
            }
        }
        assert_eq!(table.entries.iter().flatten().count(), used);
        assert!(table.entries.len() < used * 3 / 2, "{used} cells in {} entries", table.entries.len());
    }
}
