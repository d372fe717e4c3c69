//! Snapshots as tools see them.
//!
//! [`Snapshot::read`] takes the container of a snapshot and decodes everything in it, to the last byte: header,
//! object graph, roots, dispatch table, text. The format description is the one that the writer uses
//! (`dart-snapshot`); which engine revision and which target to read for is found in the file itself: the version
//! hash names the revision, the features string the target.
//!
//! On top of the decoded graph the view answers the questions of tools: what an object is called, where its bytes
//! are, which code belongs to a function, what is known about each address of the code. [`verify`] checks what
//! reading alone does not show, and [`engine`] whether an engine binary can load the snapshot.
//!
//! Objects are [`ObjId`]s of the graph. The number of an object in the file, its *reference*, is one more than the
//! index of its id ([`reference`]).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use snapcrane_view::{Container, Snapshot};
//! let file = std::fs::read("app.so")?;
//! let snapshot = Snapshot::read(Container::read(&file)?)?;
//! for code in snapshot.codes() {
//!     println!("{:#x} {} bytes {}", code.start, code.size(), snapshot.code_name(code));
//! }
//! # Ok(())
//! # }
//! ```

pub mod engine;
mod names;
mod positions;
mod roots;
mod target;
mod text;
pub mod verify;

pub use dart_snapshot::place::{BlobMap, ClusterSpans, ObjectSpans};
pub use dart_snapshot::reader::Header;
pub use dart_snapshot::{CodeRef, Fault, Graph, ObjId, Object, Section};
pub use names::{printable, without_keys};
pub use positions::{NullCheck, SourceFrame, SourceRange, SourceRanges};
pub use roots::{Root, RootGroup};
pub use snapcrane_container::read::{self as container, Container};
pub use target::{Features, UnsupportedSnapshot, identify};
pub use text::{Code, CodeKind, EntryPoints, Text};

use dart_snapshot::clusters::Cluster;
use dart_snapshot::objects::{Class, ObjectPool, PoolEntry, Str};
use dart_snapshot::reader;
use dart_snapshot::roots::Roots;
use dart_snapshot::writer::{self, Plan};
use dart_snapshot::{FormatSpec, Target};
use rustc_hash::FxHashMap;
use snapcrane_engines::{FeatureFlags, TargetSpec};
use std::ops::Range;

/// The number of an object in the file.
pub fn reference(id: ObjId) -> u32 {
    id.as_u32() + 1
}

/// The object with a number in the file; `None` for 0, which is no reference.
pub fn object_of_reference(reference: u32) -> Option<ObjId> {
    reference.checked_sub(1).map(ObjId::from_u32)
}

/// A snapshot, decoded.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// The file.
    pub container: Container<'a>,
    /// Header of the data blob.
    pub header: Header,
    /// Engine, operating system, architecture, pointer compression.
    pub target: TargetSpec,
    /// Choices that the features string records.
    pub flags: FeatureFlags,
    /// The format of this engine's snapshots.
    pub spec: FormatSpec,
    /// The target in the terms of the format.
    pub format: Target,
    /// The objects.
    pub graph: Graph,
    /// How they are laid out: clusters, roots, instructions table.
    pub plan: Plan,
    /// Where everything is in the data blob.
    pub map: BlobMap,
    /// Machine code.
    pub text: Text<'a>,
    classes: FxHashMap<u32, ObjId>,
    stub_names: FxHashMap<ObjId, usize>,
    /// Cluster of each object, by index of its id; base objects have none.
    cluster_of: Vec<u32>,
    /// Symbols of functions, by the offset in the text blob.
    symbols: FxHashMap<u32, u32>,
}

const NO_CLUSTER: u32 = u32::MAX;

fn container_fault(error: &container::ReadError) -> Fault {
    Fault {
        section: Section::Container,
        cluster: None,
        object: Some(error.place.clone()),
        offset: error.offset,
        reason: error.reason.clone(),
    }
}

/// A fault of a place that is no object's.
fn fault(section: Section, offset: usize, reason: impl Into<String>) -> Fault {
    Fault { section, cluster: None, object: None, offset, reason: reason.into() }
}

impl<'a> Snapshot<'a> {
    /// Finds the snapshot in a shared library and decodes it.
    ///
    /// # Errors
    /// The first fault: of the container, of the header, of what is in it. A snapshot of an unknown engine is a
    /// fault of its header.
    pub fn open(file: &'a [u8]) -> Result<Snapshot<'a>, Fault> {
        Snapshot::read(Snapshot::container(file)?)
    }

    /// The container alone.
    ///
    /// # Errors
    /// It is malformed, or there is no snapshot in it.
    pub fn container(file: &'a [u8]) -> Result<Container<'a>, Fault> {
        Container::read(file).map_err(|error| container_fault(&error))
    }

    /// The header alone: engine and target of a snapshot that may be of an unknown engine.
    ///
    /// # Errors
    /// No snapshot.
    pub fn header(container: &Container<'a>) -> Result<Header, Fault> {
        reader::read_header(container.data.bytes).map_err(|e| e.into_fault(fault(Section::Header, 0, "")))
    }

    /// Decodes a snapshot.
    ///
    /// # Errors
    /// As [`Snapshot::open`].
    pub fn read(container: Container<'a>) -> Result<Snapshot<'a>, Fault> {
        let start = fault(Section::Header, 0, "");
        let header = Snapshot::header(&container)?;
        let (target, flags) = identify(&header).map_err(|error| {
            fault(Section::Header, header.stream_offset - header.features.len() - 1, error.to_string())
        })?;
        let spec = snapcrane_formats::format_spec(target.engine).map_err(|e| e.into_fault(start.clone()))?;
        let format = Target {
            code_comments: flags.code_comments,
            dwarf_stack_traces: flags.dwarf_stack_traces,
            ..snapcrane_formats::snapshot_target(&target)
        };
        let decoded = reader::read_snapshot(container.data.bytes, &spec, &format);
        let decoded = decoded.map_err(|e| e.into_fault(start))?;
        let text = Text::read(container.text.bytes, &format, &decoded)?;
        let mut snapshot = Snapshot {
            container,
            header,
            target,
            flags,
            spec,
            format,
            graph: decoded.graph,
            plan: decoded.plan,
            map: decoded.map,
            text,
            classes: FxHashMap::default(),
            stub_names: FxHashMap::default(),
            cluster_of: Vec::new(),
            symbols: FxHashMap::default(),
        };
        snapshot.index();
        Ok(snapshot)
    }

    fn index(&mut self) {
        self.cluster_of = vec![NO_CLUSTER; self.graph.len()];
        for (index, cluster) in self.plan.clusters.iter().enumerate() {
            for &id in &cluster.members {
                self.cluster_of[id.as_u32() as usize] = index as u32;
                if let Object::Class(class) = self.graph.object(id) {
                    self.classes.entry(class.id as u32).or_insert(id);
                }
            }
        }
        for (index, &stub) in self.plan.roots.stubs.iter().enumerate() {
            self.stub_names.entry(stub).or_insert(index);
        }
        let text = self.container.text.address;
        for (index, symbol) in self.container.symbols.iter().enumerate() {
            let offset = symbol.address.checked_sub(text).and_then(|offset| u32::try_from(offset).ok());
            if let (container::SymbolKind::Function, Some(offset)) = (symbol.kind, offset) {
                self.symbols.entry(offset).or_insert(index as u32);
            }
        }
        self.text.attribute(&self.graph, &self.stub_names);
    }

    /// The clusters in file order; [`BlobMap::clusters`] has their ranges.
    pub fn clusters(&self) -> &[Cluster] {
        &self.plan.clusters
    }

    /// Index of the cluster that holds an object; `None` for base objects.
    pub fn cluster_of(&self, id: ObjId) -> Option<usize> {
        let index = *self.cluster_of.get(id.as_u32() as usize)?;
        (index != NO_CLUSTER).then_some(index as usize)
    }

    /// What a cluster holds: a VM class name, or the name of a Dart class.
    pub fn cluster_name(&self, cluster: &Cluster) -> String {
        let ids = &self.spec.class_ids;
        match Object::for_cluster_cid(cluster.class_id, ids, self.spec.num_predefined_cids) {
            Some(Object::Instance(_)) => self.class_name(cluster.class_id),
            Some(Object::Array(array)) if array.immutable => "ImmutableArray".into(),
            Some(
                Object::TypedData(_)
                | Object::TypedDataView(_)
                | Object::ExternalTypedData(_)
                | Object::Simd(_),
            ) => self.vm_class_name(cluster.class_id),
            Some(object) => object.kind().name().into(),
            None => format!("class {}", cluster.class_id),
        }
    }

    /// The VM's name of a predefined class.
    pub fn vm_class_name(&self, cid: u32) -> String {
        let class = self.target.engine.classes.iter().find(|class| class.cid == cid);
        class.map_or_else(|| format!("class {cid}"), |class| class.name.to_owned())
    }

    /// The class with an id.
    pub fn class(&self, cid: u32) -> Option<(ObjId, &Class)> {
        let id = *self.classes.get(&cid)?;
        Some((id, self.graph.get(id).ok()?))
    }

    /// All classes, by increasing id.
    pub fn classes(&self) -> Vec<(ObjId, &Class)> {
        let mut classes = self.of_kind::<Class>().collect::<Vec<_>>();
        classes.sort_by_key(|(_, class)| class.id);
        classes
    }

    /// All objects of a class of the format, in file order.
    pub fn of_kind<T: dart_snapshot::objects::Variant + 'static>(&self) -> impl Iterator<Item = (ObjId, &T)> {
        self.graph.iter().filter_map(|(id, object)| Some((id, T::of(object)?)))
    }

    /// All strings, in file order.
    pub fn strings(&self) -> impl Iterator<Item = (ObjId, &Str)> {
        self.of_kind::<Str>()
    }

    /// Where the bytes of an object are.
    pub fn spans(&self, id: ObjId) -> ObjectSpans {
        self.map.object(id)
    }

    /// The roots by position.
    pub fn roots(&self) -> &Roots {
        &self.plan.roots
    }

    /// The pool that all code shares.
    pub fn pool(&self) -> &[PoolEntry] {
        let pool = self.plan.roots.store(&self.spec, "global_object_pool").ok();
        let pool = pool.and_then(|id| self.graph.get::<ObjectPool>(id).ok());
        pool.map_or(&[], |pool| &pool.entries)
    }

    /// The data image, as a range of the data blob.
    pub fn data_image(&self) -> Range<usize> {
        self.map.data_image.clone()
    }

    /// The data blob that the decoded objects make. It equals the blob that was read, except where the producer
    /// did not use the shortest encoding of a number or the reader's order of objects in the data image.
    ///
    /// # Errors
    /// The decoded objects cannot be written.
    pub fn to_data_blob(&self) -> Result<Vec<u8>, dart_snapshot::Error> {
        let (mut graph, mut plan) = (self.graph.clone(), self.plan.clone());
        Ok(writer::emit(&mut graph, &mut plan, &self.spec, &self.format)?.bytes)
    }
}
