//! The inputs: preprocessed source files per build configuration, and the overrides.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Table;
use super::cpp::Source;

/// A column of the tables: architecture and pointer compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Column heading.
    pub name: &'static str,
    /// Macros set by the build.
    pub defines: &'static [&'static str],
    /// Bytes of a machine word.
    pub word: i64,
    /// Bytes of an object pointer in a heap object.
    pub compressed_word: i64,
    /// Suffix of the architecture's source files.
    pub file: &'static str,
}

/// All columns, in table order.
pub const TARGETS: [Target; 6] = [
    Target {
        name: "x64",
        defines: &["PRODUCT", "TARGET_ARCH_X64", "TARGET_ARCH_IS_64_BIT"],
        word: 8,
        compressed_word: 8,
        file: "x64",
    },
    Target {
        name: "arm64",
        defines: &["PRODUCT", "TARGET_ARCH_ARM64", "TARGET_ARCH_IS_64_BIT"],
        word: 8,
        compressed_word: 8,
        file: "arm64",
    },
    Target {
        name: "arm",
        defines: &["PRODUCT", "TARGET_ARCH_ARM", "TARGET_ARCH_IS_32_BIT"],
        word: 4,
        compressed_word: 4,
        file: "arm",
    },
    Target {
        name: "riscv64",
        defines: &["PRODUCT", "TARGET_ARCH_RISCV64", "TARGET_ARCH_IS_64_BIT"],
        word: 8,
        compressed_word: 8,
        file: "riscv",
    },
    Target {
        name: "x64c",
        defines: &["PRODUCT", "TARGET_ARCH_X64", "TARGET_ARCH_IS_64_BIT", "DART_COMPRESSED_POINTERS"],
        word: 8,
        compressed_word: 4,
        file: "x64",
    },
    Target {
        name: "arm64c",
        defines: &["PRODUCT", "TARGET_ARCH_ARM64", "TARGET_ARCH_IS_64_BIT", "DART_COMPRESSED_POINTERS"],
        word: 8,
        compressed_word: 4,
        file: "arm64",
    },
];

/// Operating systems: name and the macros set by the build.
pub const SYSTEMS: [(&str, &[&str]); 6] = [
    ("linux", &["DART_TARGET_OS_LINUX"]),
    ("android", &["DART_TARGET_OS_ANDROID"]),
    ("macos", &["DART_TARGET_OS_MACOS"]),
    ("ios", &["DART_TARGET_OS_MACOS", "DART_TARGET_OS_MACOS_IOS"]),
    ("windows", &["DART_TARGET_OS_WINDOWS"]),
    ("fuchsia", &["DART_TARGET_OS_FUCHSIA"]),
];

/// One line of the overrides: kind, name, value and the place it was taken from.
#[derive(Debug, Clone)]
struct Override {
    kind: String,
    name: String,
    value: String,
    used: bool,
}

/// Everything the tables are made from.
pub struct Facts {
    root: PathBuf,
    /// Dart SDK version.
    pub revision: String,
    sources: RefCell<BTreeMap<String, Rc<Source>>>,
    overrides: RefCell<Vec<Override>>,
}

impl Facts {
    /// `overrides` is the text of the hand-written table.
    pub fn new(root: &Path, revision: &str, overrides: &str) -> Result<Facts, Box<dyn Error>> {
        let mut parsed = Vec::new();
        for line in overrides.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            let [kind, name, value, origin] = cells[..] else {
                return Err(format!("overrides.tsv: four cells expected: {line}").into());
            };
            if origin.is_empty() {
                return Err(format!("overrides.tsv: no origin given: {line}").into());
            }
            parsed.push(Override { kind: kind.into(), name: name.into(), value: value.into(), used: false });
        }
        Ok(Facts {
            root: root.to_owned(),
            revision: revision.to_owned(),
            sources: RefCell::default(),
            overrides: RefCell::new(parsed),
        })
    }

    /// A file below `runtime/`, preprocessed with `defines`; `included` are files whose macros it uses.
    pub fn source(
        &self,
        path: &str,
        defines: &[&str],
        included: &[&str],
    ) -> Result<Rc<Source>, Box<dyn Error>> {
        let key = format!("{path} {}", defines.join(" "));
        if let Some(source) = self.sources.borrow().get(&key) {
            return Ok(source.clone());
        }
        let full = self.root.join("runtime").join(path);
        let text = fs::read_to_string(&full).map_err(|e| format!("{}: {e}", full.display()))?;
        let mut headers = Vec::new();
        for header in included {
            headers.push(self.source(header, defines, &[])?);
        }
        let headers: Vec<&Source> = headers.iter().map(Rc::as_ref).collect();
        let source = Rc::new(Source::new(path, &text, defines, &headers)?);
        self.sources.borrow_mut().insert(key, source.clone());
        Ok(source)
    }

    /// A file as the product precompiler for x64 sees it; for facts that are the same everywhere.
    pub fn common(&self, path: &str) -> Result<Rc<Source>, Box<dyn Error>> {
        self.source(path, &["PRODUCT", "DART_PRECOMPILER", "TARGET_ARCH_X64", "TARGET_ARCH_IS_64_BIT"], &[])
    }

    /// The overriding value for a name, if the hand-written table has one.
    pub fn override_for(&self, kind: &str, name: &str) -> Option<String> {
        let mut overrides = self.overrides.borrow_mut();
        let found = overrides.iter_mut().find(|o| o.kind == kind && o.name == name)?;
        found.used = true;
        Some(found.value.clone())
    }

    /// All overrides of a kind: names and values.
    pub fn overrides_of(&self, kind: &str) -> Vec<(String, String)> {
        let mut overrides = self.overrides.borrow_mut();
        let of_kind = overrides.iter_mut().filter(|o| o.kind == kind);
        of_kind
            .map(|o| {
                o.used = true;
                (o.name.clone(), o.value.clone())
            })
            .collect()
    }

    /// An error if a line of the overrides has no effect.
    pub fn check_overrides_used(&self) -> Result<(), Box<dyn Error>> {
        match self.overrides.borrow().iter().find(|o| !o.used) {
            Some(o) => Err(format!("overrides.tsv: {} {} is not used", o.kind, o.name).into()),
            None => Ok(()),
        }
    }

    /// A table with its heading.
    pub fn table(&self, file: &str, origin: &str, columns: &str, rows: Vec<String>) -> Table {
        let mut text = format!(
            "# Dart {}, from {origin}.\n# Generated by `cargo xtask engine-data`; do not edit.\n# {columns}\n",
            self.revision
        );
        for row in rows {
            text.push_str(&row);
            text.push('\n');
        }
        Table { file: file.to_owned(), text }
    }
}

/// Column headings for the targets.
pub fn target_columns() -> String {
    TARGETS.map(|target| target.name).join(" ")
}
