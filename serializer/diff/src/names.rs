//! What entries are called.

use snapcrane_view::{Code, CodeKind, CodeRef, Snapshot};

/// Names of one snapshot.
pub(crate) struct Names<'a, 's> {
    pub(crate) snapshot: &'a Snapshot<'s>,
    /// Whether symbols may name code; only if both snapshots have them.
    pub(crate) symbols: bool,
}

/// A name with the script that declares it.
pub(crate) fn located(name: String, url: Option<String>) -> String {
    match url {
        Some(url) => format!("{name} ({url})"),
        None => name,
    }
}

impl Names<'_, '_> {
    /// The name of a piece of code with the script of its function. Numbers of unnamed code are the compiler's.
    pub(crate) fn code(&self, code: &Code) -> String {
        let snapshot = self.snapshot;
        let unowned = |what: &str| match snapshot.symbol_of(code).filter(|_| self.symbols) {
            // Adapters and entries have the name of the function they are for.
            Some(symbol) => format!("{what} {}", symbol.strip_prefix(what).unwrap_or(symbol).trim_start()),
            None => what.to_owned(),
        };
        match code.kind {
            CodeKind::Function(id) => located(snapshot.code_name(code), snapshot.url_of(id)),
            CodeKind::Allocation(id) => located(snapshot.code_name(code), snapshot.url_of(id)),
            CodeKind::Helper => unowned("helper"),
            CodeKind::Discarded => unowned("discarded code"),
            CodeKind::TypeTest(_) | CodeKind::Stub(_) => snapshot.code_name(code),
        }
    }

    /// The name of a cell of the dispatch table.
    pub(crate) fn cell(&self, cell: Option<CodeRef>) -> String {
        match cell.and_then(|code| self.snapshot.code_of(code)) {
            Some(code) => self.code(code),
            None if cell.is_some() => "lazy compilation".to_owned(),
            None => "empty".to_owned(),
        }
    }
}
