//! The whole snapshot on one page.

use std::fmt;
use std::ops::Range;

use dart_snapshot::objects::{Function, Library};
use serde_json::{Value, json};
use snapcrane_view::{Snapshot, printable};

use crate::listings::{FunctionRow, functions};

/// How many functions a summary names.
const LARGEST_FUNCTIONS: usize = 10;

/// A part of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionRow {
    /// What it is.
    pub name: &'static str,
    /// Bytes.
    pub size: u64,
}

/// All objects of a class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRow {
    /// The VM's name of the class, or a Dart class's own name.
    pub name: String,
    /// Class id.
    pub class_id: u32,
    /// Whether its members are canonical.
    pub is_canonical: bool,
    /// Number of objects.
    pub objects: usize,
    /// Bytes in the allocation and fill sections, and in the data image.
    pub size: u64,
}

/// Sizes and counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Container: `ELF`, `Mach-O`, `raw images`.
    pub container: String,
    /// Dart version that the hash stands for.
    pub revision: String,
    /// Snapshot hash.
    pub version_hash: String,
    /// Target as the command line names it.
    pub target: String,
    /// The features string.
    pub features: String,
    /// Build id in hexadecimal digits.
    pub build_id: Option<String>,
    /// Whether the file has symbols for its code.
    pub has_symbols: bool,
    /// Bytes of the file.
    pub file_size: u64,
    /// Parts of the data and text images. The rest of the file is container.
    pub sections: Vec<SectionRow>,
    /// Clusters in file order.
    pub clusters: Vec<ClusterRow>,
    /// Objects in the clusters.
    pub objects: usize,
    /// Classes.
    pub classes: usize,
    /// Libraries.
    pub libraries: usize,
    /// Function objects.
    pub functions: usize,
    /// Strings.
    pub strings: usize,
    /// Pieces of code: functions and stubs.
    pub codes: usize,
    /// Entries of the dispatch table.
    pub dispatch_entries: usize,
    /// Entries of the object pool.
    pub pool_entries: usize,
    /// The functions with the most code.
    pub largest: Vec<FunctionRow>,
}

impl Summary {
    /// Sums a snapshot up.
    pub fn new(snapshot: &Snapshot<'_>) -> Summary {
        let map = &snapshot.map;
        let size = |range: &Range<usize>| range.len() as u64;
        let section = |name, size| SectionRow { name, size };
        let clusters: Vec<ClusterRow> = snapshot
            .clusters()
            .iter()
            .zip(&map.clusters)
            .map(|(cluster, spans)| ClusterRow {
                name: snapshot.cluster_name(cluster),
                class_id: cluster.class_id,
                is_canonical: cluster.is_canonical,
                objects: cluster.members.len(),
                size: size(&spans.alloc)
                    + size(&spans.fill)
                    + cluster.members.iter().map(|&id| size(&snapshot.spans(id).image())).sum::<u64>(),
            })
            .collect();
        let mut largest = functions(snapshot);
        largest.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.offset.cmp(&b.offset)));
        largest.truncate(LARGEST_FUNCTIONS);
        Summary {
            container: snapshot.container.format.name().to_owned(),
            revision: snapshot.target.engine.revision.to_owned(),
            version_hash: snapshot.header.version_hash.clone(),
            target: snapshot.target.name(),
            features: snapshot.header.features.clone(),
            build_id: snapshot
                .container
                .build_id
                .as_ref()
                .map(|blob| blob.bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
            has_symbols: !snapshot.container.symbols.is_empty(),
            file_size: snapshot.container.file_size as u64,
            sections: vec![
                section("text", snapshot.container.text.bytes.len() as u64),
                section("allocation", size(&map.alloc)),
                section("fill", size(&map.fill)),
                section("roots", size(&map.roots)),
                section("dispatch table", size(&map.dispatch_table)),
                section("data image", size(&map.data_image)),
            ],
            objects: clusters.iter().map(|cluster| cluster.objects).sum(),
            clusters,
            classes: snapshot.classes().len(),
            libraries: snapshot.of_kind::<Library>().count(),
            functions: snapshot.of_kind::<Function>().count(),
            strings: snapshot.strings().count(),
            codes: snapshot.codes().len(),
            dispatch_entries: snapshot.roots().dispatch_table.len(),
            pool_entries: snapshot.pool().len(),
            largest,
        }
    }

    /// The JSON form.
    pub fn to_json(&self) -> Value {
        json!({
            "container": self.container,
            "dart_version": self.revision,
            "version_hash": self.version_hash,
            "target": self.target,
            "features": self.features,
            "build_id": self.build_id,
            "has_symbols": self.has_symbols,
            "file_size": self.file_size,
            "sections": self.sections.iter().map(|s| json!({ "name": s.name, "size": s.size })).collect::<Vec<_>>(),
            "clusters": self.clusters.iter().map(|c| json!({
                "name": c.name, "class_id": c.class_id, "canonical": c.is_canonical, "objects": c.objects, "size": c.size,
            })).collect::<Vec<_>>(),
            "counts": {
                "objects": self.objects,
                "classes": self.classes,
                "libraries": self.libraries,
                "functions": self.functions,
                "strings": self.strings,
                "codes": self.codes,
                "dispatch_entries": self.dispatch_entries,
                "pool_entries": self.pool_entries,
            },
            "largest_functions": self.largest.iter().map(FunctionRow::to_json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "engine    Dart {} ({})", self.revision, self.version_hash)?;
        writeln!(f, "target    {}", self.target)?;
        writeln!(f, "features  {}", self.features)?;
        let symbols = if self.has_symbols { "with symbols" } else { "stripped" };
        writeln!(f, "file      {}, {} bytes, {symbols}", self.container, self.file_size)?;
        if let Some(id) = &self.build_id {
            writeln!(f, "build id  {id}")?;
        }
        writeln!(f, "\n     bytes  section")?;
        for section in &self.sections {
            writeln!(f, "{:>10}  {}", section.size, section.name)?;
        }
        writeln!(f, "\n     count  of")?;
        for (count, what) in [
            (self.objects, "objects"),
            (self.libraries, "libraries"),
            (self.classes, "classes"),
            (self.functions, "functions"),
            (self.strings, "strings"),
            (self.codes, "pieces of code"),
            (self.dispatch_entries, "entries of the dispatch table"),
            (self.pool_entries, "entries of the object pool"),
        ] {
            writeln!(f, "{count:>10}  {what}")?;
        }
        writeln!(f, "\n   objects      bytes  cluster")?;
        for cluster in &self.clusters {
            let canonical = if cluster.is_canonical { " (canonical)" } else { "" };
            writeln!(
                f,
                "{:>10} {:>10}  {}{canonical}",
                cluster.objects,
                cluster.size,
                printable(&cluster.name)
            )?;
        }
        writeln!(f, "\n     bytes  largest functions")?;
        for function in &self.largest {
            writeln!(f, "{:>10}  {}", function.size, printable(&function.name))?;
        }
        Ok(())
    }
}
