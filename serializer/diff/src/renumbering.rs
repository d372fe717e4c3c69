//! Which numbers of two snapshots mean the same thing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

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
    /// The cells of the dispatch table.
    cells: Vec<Option<Cell>>,
    hierarchy: Hierarchy,
}

/// A cell of the dispatch table.
#[derive(Clone, Debug)]
struct Cell {
    /// Digest of the name of its code.
    name: u64,
    /// Classes whose cell it can be: those that inherit from the one that declares the function; places in the hierarchy.
    classes: SmallRanges,
    /// Whether the function is declared in the class without superclass.
    is_of_object: bool,
}

/// Hardly ever more than one: classes of one name.
type SmallRanges = Vec<Range<u32>>;

/// Places of classes in an order where all subclasses of a class follow it.
#[derive(Debug, Default)]
struct Hierarchy {
    /// By class id, the class with its subclasses.
    places: FxHashMap<i64, Range<u32>>,
    /// Classes by digests of their names.
    named: FxHashMap<u64, Vec<i64>>,
    /// Class without superclass that others extend.
    object: Option<i64>,
}

impl Hierarchy {
    /// Orders classes, given as ids, ids of superclasses, and names.
    fn new(classes: impl Iterator<Item = (i64, Option<i64>, u64)>) -> Hierarchy {
        let mut hierarchy = Hierarchy::default();
        let mut subclasses: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let mut roots = Vec::new();
        for (id, superclass, name) in classes {
            hierarchy.named.entry(name).or_default().push(id);
            match superclass {
                Some(superclass) => subclasses.entry(superclass).or_default().push(id),
                None => roots.push(id),
            }
        }
        hierarchy.object = roots.iter().copied().find(|root| subclasses.contains_key(root));
        let mut next = 0;
        // Classes whose subclasses are being placed, with the next of these; those in a cycle have no place.
        let mut open: Vec<(i64, usize)> = Vec::new();
        for root in roots {
            open.push((root, 0));
            while let Some((class, done)) = open.pop() {
                let place = hierarchy.places.entry(class).or_insert_with(|| {
                    next += 1;
                    next - 1..next
                });
                place.end = next;
                if let Some(&subclass) = subclasses.get(&class).and_then(|list| list.get(done)) {
                    open.extend([(class, done + 1), (subclass, 0)]);
                }
            }
        }
        hierarchy
    }

    fn with_subclasses(&self, class: i64) -> SmallRanges {
        self.places.get(&class).cloned().into_iter().collect()
    }
}

/// How many cells of two rows lead to the same function, and how many to others; `None` if they lead nowhere.
type RowCounts = Option<(u32, u32)>;

/// Compares code of two snapshots for one architecture.
#[derive(Debug, Default)]
pub struct Renumbering {
    /// Class ids of the second snapshot by those of the first.
    classes: BTreeMap<i64, i64>,
    /// The same with the places of the classes.
    places: Vec<[(i64, u32); 2]>,
    a: Side,
    b: Side,
    word: i64,
    /// Offset of the first element from the start of the pool.
    pool_start: i64,
    /// Where in the dispatch table the thread points.
    table_origin: i64,
    /// What is known of rows.
    rows: RefCell<FxHashMap<(i64, i64), RowCounts>>,
    /// Position of the class id in the header of an object.
    class_id_shift: u32,
}

impl Side {
    fn of(names: &Names<'_, '_>) -> Side {
        let snapshot = names.snapshot;
        let class = |(_, class): (_, &Class)| {
            let supertype = snapshot.graph.get::<Type>(class.super_type).ok();
            let name = Digest::of(&snapshot.class_name(class.id as u32));
            (i64::from(class.id), supertype.map(|supertype| i64::from(supertype.class_id())), name)
        };
        let hierarchy = Hierarchy::new(snapshot.of_kind::<Class>().map(class));
        let classes = |code: CodeRef| {
            let code = snapshot.code_of(code)?;
            if let CodeKind::Function(function) = code.kind {
                let function = snapshot.graph.get::<Function>(function).ok()?;
                let class = i64::from(snapshot.owner_class(function.owner)?.1.id);
                return Some((hierarchy.with_subclasses(class), hierarchy.object == Some(class)));
            }
            // Adapters have the name of the function they lead to.
            let symbol = snapshot.symbol_of(code).filter(|_| names.symbols)?;
            let classes = hierarchy.named.get(&Digest::of(symbol.split_once('.')?.0))?;
            let ranges = classes.iter().flat_map(|&class| hierarchy.with_subclasses(class));
            Some((ranges.collect(), false))
        };
        let mut known: FxHashMap<CodeRef, Cell> = FxHashMap::default();
        let cell = |&cell: &Option<CodeRef>| {
            let make = || {
                let (classes, is_of_object) = classes(cell?).unwrap_or_default();
                Some(Cell { name: Digest::of(&names.cell(cell)), classes, is_of_object })
            };
            if let Some(cell) = known.get(&cell?) {
                return Some(cell.clone());
            }
            known.insert(cell?, make()?);
            known.get(&cell?).cloned()
        };
        let pool = snapshot.pool().iter();
        Side {
            pool: pool.map(|entry| Digest::of(&tables::pool_value(names, &entry.value))).collect(),
            cells: snapshot.roots().dispatch_table.iter().map(cell).collect(),
            hierarchy,
        }
    }

    /// The cell at an index, if it can be that of a class at a place: rows share the table, so there are cells of others
    /// between those of a row.
    fn cell(&self, index: i64, place: u32) -> Option<&Cell> {
        let cell = self.cells.get(usize::try_from(index).ok()?)?.as_ref()?;
        cell.classes.iter().any(|classes| classes.contains(&place)).then_some(cell)
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
            word: i64::from(a.snapshot.format.word_bytes()),
            pool_start: layout.object_pool.element_offset(0),
            table_origin: i64::from(layout.dispatch_table_origin),
            class_id_shift: layout.untagged_object.class_id_tag_pos as u32,
            ..Renumbering::of(classes, Side::of(a), Side::of(b))
        }
    }

    fn of(classes: BTreeMap<i64, i64>, a: Side, b: Side) -> Renumbering {
        let place = |side: &Side, id| Some((id, side.hierarchy.places.get(&id)?.start));
        let places = classes.iter().filter_map(|(&in_a, &in_b)| Some([place(&a, in_a)?, place(&b, in_b)?]));
        Renumbering { places: places.collect(), classes, a, b, ..Renumbering::default() }
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
            Role::Immediate => self.same_class(a, b),
            Role::Sum => {
                self.same_class(a, b)
                    || self.same_row(a, b) == Some(true)
                    || self.same_row(a.wrapping_neg(), b.wrapping_neg()) == Some(true)
            }
            Role::Constant => self.same_class(a, b) || is_slot() || is_row(),
            Role::Displacement => is_slot() || is_row(),
        }
    }

    /// Whether two offsets are of slots with the same value; `None` if one is no slot's.
    fn same_slot(&self, a: i64, b: i64) -> Option<bool> {
        let digest = |pool: &[u64], offset: i64| {
            // The pool may be tagged, so offsets are one less.
            let end = offset.checked_add(1).filter(|&end| end > 0)?;
            let index = usize::try_from((end / self.word * self.word - self.pool_start) / self.word).ok()?;
            let is_slot = offset % self.word == 0 || end % self.word == 0;
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
            || same(narrow(a).wrapping_neg(), narrow(b).wrapping_neg())
            || a % 2 == 0 && b % 2 == 0 && same(a / 2, b / 2)
            || a & rest == b & rest && same(a >> self.class_id_shift, b >> self.class_id_shift)
    }

    /// Whether two rows of the dispatch table, as what is added to a class id, lead to the same functions; `None` if
    /// they lead nowhere. A row that is where it was is no other one.
    fn same_row(&self, a: i64, b: i64) -> Option<bool> {
        let mut rows = self.rows.borrow_mut();
        let mut counts = |a, b| *rows.entry((a, b)).or_insert_with(|| self.compare_rows(a, b));
        // An edit may change what some classes do.
        let is_other = |(same, other): (u32, u32)| same == 0 || other > same;
        let found = counts(a, b)?;
        if a == b {
            return Some(found.0 > 0);
        }
        let mut has_stayed = |row| counts(row, row).is_some_and(|counts| !is_other(counts));
        Some(!is_other(found) && !has_stayed(a) && !has_stayed(b))
    }

    fn compare_rows(&self, a: i64, b: i64) -> RowCounts {
        // The best witness is a class that declares the function itself;
        // what a class inherits may as well be in another's row, above all what it has from `Object`.
        let mut counts = [(0u32, 0u32); 3];
        for &[(in_a, place_a), (in_b, place_b)] in &self.places {
            let index = |row: i64, class| row.saturating_add(self.table_origin + class);
            let a = self.a.cell(index(a, in_a), place_a);
            let b = self.b.cell(index(b, in_b), place_b);
            let witness = |cell: &Cell, place| match cell {
                _ if cell.classes.iter().any(|classes| classes.start == place) => 0,
                Cell { is_of_object: false, .. } => 1,
                _ => 2,
            };
            let witnesses = [a.map(|cell| witness(cell, place_a)), b.map(|cell| witness(cell, place_b))];
            let Some(best) = witnesses.into_iter().flatten().min() else { continue };
            match (a, b) {
                (Some(a), Some(b)) if a.name == b.name => counts[best].0 += 1,
                _ => counts[best].1 += 1,
            }
        }
        counts.into_iter().find(|(same, other)| same + other > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: i64 = 8;

    fn number(role: Role, value: i64) -> Number {
        Number { role, value }
    }

    /// A class with the id 10 was added in front of two, 10 and 11, now 11 and 12, of which the second extends the first; the pool
    /// lost its first entry.
    fn renumbering() -> Renumbering {
        let side = |pool: &[u64], row: usize, first: i64| {
            let classes = [(1, None, 1), (first, Some(1), 2), (first + 1, Some(first), 3)];
            let hierarchy = Hierarchy::new(classes.into_iter());
            let cell = |name, class| {
                let classes = hierarchy.with_subclasses(class);
                Some(Cell { name, classes, is_of_object: hierarchy.object == Some(class) })
            };
            let mut cells = vec![None; 40];
            cells[row] = cell(100, first);
            cells[row + 1] = cell(101, first + 1);
            // The same method of `Object` in all rows says nothing.
            cells[20] = cell(102, 1);
            Side { pool: pool.to_vec(), cells, hierarchy }
        };
        let classes = [(1, 1), (10, 11), (11, 12)].into_iter().collect();
        Renumbering {
            word: WORD,
            pool_start: 16,
            class_id_shift: 12,
            ..Renumbering::of(classes, side(&[7, 8, 9], 15, 10), side(&[8, 9], 19, 11))
        }
    }

    #[test]
    fn subclasses_follow_their_class() {
        // 1 ← 2 ← (4, 5), 1 ← 3; 8 and 9 extend each other.
        let classes =
            [(1, None), (5, Some(2)), (2, Some(1)), (3, Some(1)), (4, Some(2)), (8, Some(9)), (9, Some(8))];
        let hierarchy = Hierarchy::new(classes.into_iter().map(|(id, superclass)| (id, superclass, 0)));
        let range = |class| hierarchy.places.get(&class).cloned();
        assert_eq!([1, 2, 5, 4, 3].map(range), [Some(0..5), Some(1..4), Some(2..3), Some(3..4), Some(4..5)]);
        assert_eq!((range(8), hierarchy.object), (None, Some(1)));
    }

    #[test]
    fn numbers_at_the_limits_stand_for_nothing() {
        for role in [Role::Immediate, Role::Constant, Role::Displacement, Role::PoolSlot, Role::Row] {
            for (a, b) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (-1, i64::MIN)] {
                assert!(!renumbering().same_number(number(role, a), number(role, b)), "{role:?} {a} {b}");
            }
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
