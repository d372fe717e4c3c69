//! Where in a snapshot something is: places that messages name, and the byte ranges of a blob.

use crate::graph::ObjId;
use std::fmt;
use std::ops::Range;

/// A part of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// The file around the blobs.
    Container,
    /// Magic, length, kind, version hash, features, counts.
    Header,
    /// What clusters store to allocate their objects.
    Allocation,
    /// What clusters store to fill their objects.
    Fill,
    /// References that the runtime finds by position.
    Roots,
    /// The dispatch table.
    DispatchTable,
    /// Objects that are used in place.
    DataImage,
    /// Code positions and stack maps; a part of the data image.
    InstructionsTable,
    /// The text blob.
    Text,
}

impl Section {
    /// Name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Section::Container => "container",
            Section::Header => "header",
            Section::Allocation => "allocation section",
            Section::Fill => "fill section",
            Section::Roots => "roots",
            Section::DispatchTable => "dispatch table",
            Section::DataImage => "data image",
            Section::InstructionsTable => "instructions table",
            Section::Text => "text image",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong with a snapshot, and where.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fault {
    /// The part of the snapshot.
    pub section: Section,
    /// The cluster, as `12 (Code)`.
    pub cluster: Option<String>,
    /// The object, as [`crate::Graph::describe`] names it, or another thing with a number: a table entry, a root.
    pub object: Option<String>,
    /// Offset from the start of the data blob; in [`Section::Text`] from the start of the text blob, in
    /// [`Section::Container`] from the start of the file.
    pub offset: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.section)?;
        if let Some(cluster) = &self.cluster {
            write!(f, ", cluster {cluster}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ", {object}")?;
        }
        write!(f, ", offset {:#x}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for Fault {}

/// Ranges of one cluster, from the start of the data blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterSpans {
    /// In the allocation section.
    pub alloc: Range<usize>,
    /// In the fill section; empty for clusters that store nothing there.
    pub fill: Range<usize>,
}

/// Ranges of one object, from the start of the data blob. Empty where an object has nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectSpans {
    alloc: (u32, u32),
    fill: (u32, u32),
    image: (u32, u32),
}

fn range((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

impl ObjectSpans {
    /// In the allocation section.
    pub fn alloc(&self) -> Range<usize> {
        range(self.alloc)
    }

    /// In the fill section.
    pub fn fill(&self) -> Range<usize> {
        range(self.fill)
    }

    /// In the data image, padding included.
    pub fn image(&self) -> Range<usize> {
        range(self.image)
    }

    /// Bytes that the object takes in all sections.
    pub fn size(&self) -> usize {
        self.alloc().len() + self.fill().len() + self.image().len()
    }

    pub(crate) fn set_alloc(&mut self, start: usize, end: usize) {
        self.alloc = (start as u32, end as u32);
    }

    pub(crate) fn set_fill(&mut self, start: usize, end: usize) {
        self.fill = (start as u32, end as u32);
    }

    pub(crate) fn set_image(&mut self, start: usize, end: usize) {
        self.image = (start as u32, end as u32);
    }

    /// Where a message about the object should point.
    pub fn start(&self) -> usize {
        [self.fill(), self.image(), self.alloc()].into_iter().find(|r| !r.is_empty()).map_or(0, |r| r.start)
    }
}

/// Where everything is in a data blob.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlobMap {
    /// Magic to features, the terminating zero included.
    pub header: Range<usize>,
    /// The counts after the header.
    pub counts: Range<usize>,
    /// Allocation section of all clusters.
    pub alloc: Range<usize>,
    /// Fill section of all clusters.
    pub fill: Range<usize>,
    /// References that the runtime finds by position, and static fields.
    pub roots: Range<usize>,
    /// Dispatch table, the end of the clustered part.
    pub dispatch_table: Range<usize>,
    /// Data image.
    pub data_image: Range<usize>,
    /// Contents of the instructions table, without the object around them.
    pub instructions_table: Range<usize>,
    /// By cluster.
    pub clusters: Vec<ClusterSpans>,
    pub(crate) objects: Vec<ObjectSpans>,
}

impl BlobMap {
    /// Ranges of an object; empty ones for base objects.
    pub fn object(&self, id: ObjId) -> ObjectSpans {
        self.objects.get(id.as_u32() as usize).copied().unwrap_or_default()
    }

    pub(crate) fn object_mut(&mut self, id: ObjId) -> &mut ObjectSpans {
        let index = id.as_u32() as usize;
        if index >= self.objects.len() {
            self.objects.resize(index + 1, ObjectSpans::default());
        }
        &mut self.objects[index]
    }
}
