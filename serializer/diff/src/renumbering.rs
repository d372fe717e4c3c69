//! Which numbers of two snapshots mean the same thing.

use std::cell::RefCell;
use std::collections::BTreeMap;

use dart_snapshot::objects::{Class, Function, Type};
use rustc_hash::FxHashMap;
use snapcrane_view::{CodeKind, CodeRef};

use crate::code::{Digest, Instructions, Number, Role};
use crate::names::{Names, located};
use crate::tables;

/// What the numbers in the code of one snapshot stand for.
#[derive(Debug, Default)]
struct Side {
    /// Digests of the values in the object pool.
    pool: Vec<u64>,
    cells: Vec<Option<Cell>>,
    /// The superclass of each class and a digest of its name, by its id.
    classes: FxHashMap<i64, (Option<i64>, u64)>,
}

/// A cell of the dispatch table.
#[derive(Clone, Copy, Debug)]
struct Cell {
    /// Digest of the name of its code.
    name: u64,
    owner: Owner,
}

/// The cell of a class in a row.
#[derive(Clone, Copy, Debug)]
struct OwnCell {
    /// Digest of the name of its code.
    name: u64,
    /// Whether the function is declared in the class without superclass.
    is_of_object: bool,
}

/// What is known of the class that a cell's function is declared in.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Class(i64),
    /// Digest of the class's name.
    Named(u64),
    Unknown,
}

/// Compares code of two snapshots for one architecture.
#[derive(Debug, Default)]
pub struct Renumbering {
    /// Class ids of the second snapshot by those of the first.
    classes: BTreeMap<i64, i64>,
    a: Side,
    b: Side,
    word: i64,
    /// Offset of the first element from the start of the pool.
    pool_start: i64,
    /// Where in the dispatch table the thread points.
    table_origin: i64,
    /// What is known of rows.
    rows: RefCell<FxHashMap<(i64, i64), Option<bool>>>,
    /// Position of the class id in the header of an object.
    class_id_shift: u32,
}

impl Side {
    fn of(names: &Names<'_, '_>) -> Side {
        let snapshot = names.snapshot;
        let owner = |code: CodeRef| {
            let code = snapshot.code_of(code)?;
            if let CodeKind::Function(function) = code.kind {
                let function = snapshot.graph.get::<Function>(function).ok()?;
                return Some(Owner::Class(i64::from(snapshot.owner_class(function.owner)?.1.id)));
            }
            // Adapters have the name of the function they lead to.
            let symbol = snapshot.symbol_of(code).filter(|_| names.symbols)?;
            Some(Owner::Named(Digest::of(symbol.split_once('.')?.0)))
        };
        let cell = |&cell: &Option<CodeRef>| {
            let owner = owner(cell?).unwrap_or(Owner::Unknown);
            Some(Cell { name: Digest::of(&names.cell(cell)), owner })
        };
        let class = |(_, class): (_, &Class)| {
            let supertype = snapshot.graph.get::<Type>(class.super_type).ok();
            let name = Digest::of(&snapshot.class_name(class.id as u32));
            (i64::from(class.id), (supertype.map(|supertype| i64::from(supertype.class_id())), name))
        };
        let pool = snapshot.pool().iter();
        Side {
            pool: pool.map(|entry| Digest::of(&tables::pool_value(names, &entry.value))).collect(),
            cells: snapshot.roots().dispatch_table.iter().map(cell).collect(),
            classes: snapshot.of_kind::<Class>().map(class).collect(),
        }
    }

    /// The cell at an index, if it can be that of a class: rows share the table, so there are cells of others between those of
    /// a row.
    fn cell(&self, index: i64, class: i64) -> Option<OwnCell> {
        /// Classes have fewer superclasses than this.
        const MAX_SUPERCLASSES: usize = 1000;
        let cell = (*self.cells.get(usize::try_from(index).ok()?)?)?;
        let superclass = |class: &i64| self.classes.get(class)?.0;
        let mut chain = std::iter::successors(Some(class), superclass).take(MAX_SUPERCLASSES);
        let is_own = match cell.owner {
            Owner::Class(declared) => chain.any(|class| class == declared),
            Owner::Named(name) => chain.any(|class| self.classes.get(&class).is_some_and(|it| it.1 == name)),
            Owner::Unknown => false,
        };
        let is_of_object = matches!(cell.owner, Owner::Class(class) if self.classes.get(&class)?.0.is_none());
        is_own.then_some(OwnCell { name: cell.name, is_of_object })
    }
}

/// Class ids by name; classes of one name have none.
fn class_ids(names: &Names<'_, '_>) -> FxHashMap<String, Option<i64>> {
    let snapshot = names.snapshot;
    let mut ids = FxHashMap::default();
    for (object, class) in snapshot.classes() {
        let name = located(snapshot.class_name(class.id as u32), snapshot.url_of(object));
        let id = i64::from(class.id);
        ids.entry(name).and_modify(|id| *id = None).or_insert(Some(id));
    }
    ids
}

impl Renumbering {
    pub(crate) fn new(a: &Names<'_, '_>, b: &Names<'_, '_>) -> Renumbering {
        let (of_a, of_b) = (class_ids(a), class_ids(b));
        let classes = of_a.iter().filter_map(|(name, &id)| Some((id?, (*of_b.get(name)?)?))).collect();
        let layout = a.snapshot.target.layout();
        Renumbering {
            classes,
            a: Side::of(a),
            b: Side::of(b),
            word: i64::from(a.snapshot.format.word_bytes()),
            pool_start: layout.object_pool.element_offset(0),
            table_origin: i64::from(layout.dispatch_table_origin),
            rows: RefCell::default(),
            class_id_shift: layout.untagged_object.class_id_tag_pos as u32,
        }
    }

    /// Whether two pieces of code do the same.
    pub fn same(&self, a: &Instructions, b: &Instructions) -> bool {
        a.shape == b.shape
            && a.numbers.len() == b.numbers.len()
            && a.numbers.iter().zip(&b.numbers).all(|(a, b)| self.same_number(*a, *b))
    }

    fn same_number(&self, a: Number, b: Number) -> bool {
        let (a, b, role) = (a.value, b.value, a.role.max(b.role));
        let is_slot = || self.same_slot(a, b) == Some(true);
        let is_row = || {
            a % self.word == 0
                && b % self.word == 0
                && self.same_row(a / self.word, b / self.word) == Some(true)
        };
        match role {
            Role::PoolSlot => self.same_slot(a, b).unwrap_or(a == b),
            Role::Row => self.same_row(a / self.word, b / self.word).unwrap_or(a == b),
            _ if a == b => true,
            // A64 adds or subtracts the number of a row before it scales.
            Role::Immediate => {
                self.same_class(a, b)
                    || self.same_row(a, b) == Some(true)
                    || self.same_row(-a, -b) == Some(true)
            }
            Role::Constant => self.same_class(a, b) || is_slot() || is_row(),
            Role::Displacement => is_slot() || is_row(),
        }
    }

    /// Whether two offsets are of slots with the same value; `None` if one is no slot's.
    fn same_slot(&self, a: i64, b: i64) -> Option<bool> {
        let digest = |pool: &[u64], offset: i64| {
            // The pool may be tagged, so offsets are one less.
            let from = (offset + 1) / self.word * self.word - self.pool_start;
            let index = usize::try_from(from / self.word).ok()?;
            let is_slot = offset % self.word == 0 || (offset + 1) % self.word == 0;
            pool.get(index).copied().filter(|_| is_slot)
        };
        Some(digest(&self.a.pool, a)? == digest(&self.b.pool, b)?)
    }

    /// The second snapshot's id of a class. A class that is not in the snapshot, or not the only one of its name, has moved as
    /// those around it.
    fn class(&self, id: i64) -> Option<i64> {
        if let Some(&id) = self.classes.get(&id) {
            return Some(id);
        }
        let (before, in_b_before) = self.classes.range(..id).next_back()?;
        let (after, in_b_after) = self.classes.range(id..).next()?;
        let (moved, moved_after) = (in_b_before - before, in_b_after - after);
        (moved == moved_after).then_some(id + moved)
    }

    /// Whether two numbers are ids of one class: plain, negated, as small integers, or in the header of an object.
    fn same_class(&self, a: i64, b: i64) -> bool {
        let same = |a: i64, b: i64| self.class(a) == Some(b);
        let rest = (1 << self.class_id_shift) - 1;
        // Operands of 32 bits show without their sign.
        let narrow = |number: i64| i64::from(number as i32);
        same(a, b)
            || same(-narrow(a), -narrow(b))
            || a % 2 == 0 && b % 2 == 0 && same(a / 2, b / 2)
            || a & rest == b & rest && same(a >> self.class_id_shift, b >> self.class_id_shift)
    }

    /// Whether two rows of the dispatch table, as what is added to a class id, lead to the same functions; `None` if
    /// they lead nowhere.
    fn same_row(&self, a: i64, b: i64) -> Option<bool> {
        *self.rows.borrow_mut().entry((a, b)).or_insert_with(|| self.compare_rows(a, b))
    }

    fn compare_rows(&self, a: i64, b: i64) -> Option<bool> {
        // What a class has from `Object` may as well be in another's row.
        let (mut own, mut inherited) = ((0, 0), (0, 0));
        for (&in_a, &in_b) in &self.classes {
            let a = self.a.cell(self.table_origin + a + in_a, in_a);
            let b = self.b.cell(self.table_origin + b + in_b, in_b);
            let is_own = [a, b].iter().flatten().any(|cell| !cell.is_of_object);
            let (same, other) = if is_own { &mut own } else { &mut inherited };
            match (a, b) {
                (None, None) => {}
                (Some(a), Some(b)) if a.name == b.name => *same += 1,
                _ => *other += 1,
            }
        }
        // An edit may change what some classes do.
        let decide = |(same, other)| (same + other > 0).then_some(same > 0 && same >= other);
        decide(own).or_else(|| decide(inherited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: i64 = 8;

    fn number(role: Role, value: i64) -> Number {
        Number { role, value }
    }

    fn cell(name: u64, declared: i64) -> Option<Cell> {
        Some(Cell { name, owner: Owner::Class(declared) })
    }

    /// A class with the id 10 was added in front of two, 10 and 11, now 11 and 12, of which the second extends the first; the pool
    /// lost its first entry.
    fn renumbering() -> Renumbering {
        let classes = |first: i64| -> FxHashMap<i64, (Option<i64>, u64)> {
            [(1, (None, 1)), (first, (Some(1), 2)), (first + 1, (Some(first), 3))].into_iter().collect()
        };
        let row = |first: usize, ids: i64| {
            let mut cells = vec![None; 40];
            cells[first] = cell(100, ids);
            cells[first + 1] = cell(101, ids + 1);
            // The same method of `Object` in all rows says nothing.
            cells[20] = cell(102, 1);
            cells
        };
        Renumbering {
            classes: [(1, 1), (10, 11), (11, 12)].into_iter().collect(),
            a: Side { pool: vec![7, 8, 9], cells: row(15, 10), classes: classes(10) },
            b: Side { pool: vec![8, 9], cells: row(19, 11), classes: classes(11) },
            word: WORD,
            pool_start: 16,
            table_origin: 0,
            rows: RefCell::default(),
            class_id_shift: 12,
        }
    }

    #[test]
    fn slots_of_the_pool_count_by_what_they_hold() {
        let same = |a, b| renumbering().same_number(number(Role::PoolSlot, a), number(Role::PoolSlot, b));
        assert!(same(16 + WORD - 1, 16 - 1) && same(16 + WORD, 16));
        assert!(!same(16 - 1, 16 - 1), "another object in the same place");
        let unsure =
            |a, b| renumbering().same_number(number(Role::Displacement, a), number(Role::PoolSlot, b));
        assert!(unsure(16 + WORD - 1, 16 - 1) && !unsure(16 + WORD - 1, 16 + WORD - 1));
    }

    #[test]
    fn class_ids_count_by_the_name_of_the_class() {
        let same = |a, b| renumbering().same_number(number(Role::Immediate, a), number(Role::Immediate, b));
        assert!(same(10, 11) && same(11, 12) && same(-10, -11) && same(20, 22));
        assert!(same(0xa11c, 0xb11c), "the header of an instance");
        assert!(same(0xffff_fff6, 0xffff_fff5), "minus 10 in 32 bits");
        assert!(!same(10, 12) && !same(0xa11c, 0xb21c) && !same(1000, 1001));
    }

    #[test]
    fn classes_without_counterpart_move_with_those_around_them() {
        let mut renumbering = renumbering();
        renumbering.classes = [(10, 11), (14, 15), (18, 20)].into_iter().collect();
        assert_eq!(renumbering.class(12), Some(13));
        assert_eq!(renumbering.class(16), None);
        assert_eq!(renumbering.class(30), None);
    }

    #[test]
    fn rows_count_by_the_functions_they_lead_to() {
        // Cell 15 is that of class 10 in row 5 of the first table, cell 19 that of class 11 in row 8 of the second.
        let same = |a, b| renumbering().same_number(number(Role::Row, a), number(Role::Row, b));
        assert!(same(5 * WORD, 8 * WORD));
        assert!(!same(5 * WORD, 5 * WORD) && !same(5 * WORD, 9 * WORD));
    }
}
