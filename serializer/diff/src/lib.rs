//! What differs between two snapshots.
//!
//! References, class ids and addresses change from compiler to compiler and with every edit of a program, so nothing is compared by
//! number. Each snapshot is taken apart into *tables* ([`tables`]): lists of entries with a name, made of what people
//! wrote in the program, and facts about them. Tables of the same title are then matched by name. Names need not be
//! unique (two closures of one function share theirs), so an entry is matched with one of the same facts if there is
//! one, and the rest of a name pairwise in file order.
//!
//! A table is about the *content* of the program, which neither target nor compiler should change, or about its *build*:
//! code, pool, sizes. `docs/snapshot-diff.md` lists the tables and explains the differences that are to be expected.

mod code;
mod matching;
mod names;
mod renumbering;
mod tables;
mod text;

pub use code::{Instructions, Number, Role};
pub use matching::{Change, Named, TableDiff, match_tables};
pub use renumbering::Renumbering;
pub use tables::{Aspect, Entry, Fact, Table, Value};

use serde_json::{Value as Json, json};
use snapcrane_view::Snapshot;

use crate::names::Names;

/// What differs between two snapshots, table by table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    /// All tables, also those that are alike.
    pub tables: Vec<TableDiff>,
}

impl Diff {
    /// Compares two snapshots; with `content_only`, only what they are about.
    pub fn new(a: &Snapshot<'_>, b: &Snapshot<'_>, content_only: bool) -> Diff {
        // Offsets and sizes in words mean the same thing, and code can be alike, on the same kind of machine only.
        let same_words = a.format.word_bytes() == b.format.word_bytes()
            && a.format.compressed_pointers == b.format.compressed_pointers;
        let same_code = same_words && a.target.arch == b.target.arch;
        let symbols = !a.container.symbols.is_empty() && !b.container.symbols.is_empty();
        let (a, b) = (Names { snapshot: a, symbols }, Names { snapshot: b, symbols });
        let compares_code = same_code && !content_only;
        let renumbering = if compares_code { Renumbering::new(&a, &b) } else { Renumbering::default() };
        let of = |names| tables::tables(names, same_words, same_code, content_only);
        let (of_a, of_b) = std::thread::scope(|scope| {
            let of_a = scope.spawn(|| of(&a));
            let of_b = of(&b);
            (of_a.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), of_b)
        });
        let tables = of_a.into_iter().zip(of_b);
        Diff { tables: tables.map(|(a, b)| match_tables(a, b, &renumbering)).collect() }
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(TableDiff::is_empty)
    }

    /// The JSON form, documented in `docs/snapshot-diff.md`.
    pub fn to_json(&self) -> Json {
        json!({
            "equal": self.is_empty(),
            "tables": self.tables.iter().map(TableDiff::to_json).collect::<Vec<_>>(),
        })
    }

    /// The form for people: `limit` lines for each table.
    pub fn to_text(&self, limit: usize) -> String {
        text::render(self, limit)
    }
}
