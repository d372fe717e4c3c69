//! From blob to graph: the other direction of the same descriptions.
//!
//! A reader makes all objects in the allocation sections, so that every reference can be checked where it is
//! read. Object ids are references minus one. What comes out is a graph and the [`Plan`] that would emit it
//! again.

use crate::clusters::{Cluster, ClusterCodec};
use crate::codec::{CodeRef, Codec, RefType};
use crate::data_image;
use crate::dispatch_table;
use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::objects::{Instance, InstanceWord, Object, ObjectKind, Str};
use crate::place::{BlobMap, ClusterSpans, Fault, Section};
use crate::roots::Roots;
use crate::spec::{FormatSpec, Target};
use crate::stream::ReadStream;
use crate::writer::{DATA_IMAGE_ALIGNMENT, KIND_FULL_AOT, MAGIC, Plan};
use cranelift_entity::EntityRef;
use std::ops::Range;

/// A snapshot's data blob, decoded.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Its objects.
    pub graph: Graph,
    /// How they were laid out.
    pub plan: Plan,
    /// Length of the clustered part, header included.
    pub clustered_length: usize,
    /// Where everything is.
    pub map: BlobMap,
}

/// Header of a data blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Length of the clustered part, header included.
    pub clustered_length: usize,
    /// Version hash.
    pub version_hash: String,
    /// Features string.
    pub features: String,
    /// Offset of the stream behind the header.
    pub stream_offset: usize,
}

const VERSION_HASH_OFFSET: usize = 20;
const VERSION_HASH_LENGTH: usize = 32;

/// Reads the header, which tells what else a reader must know.
///
/// # Errors
/// Not a full AOT snapshot.
pub fn read_header(blob: &[u8]) -> Result<Header> {
    let mut stream = ReadStream::new(blob, 0);
    let word = |stream: &mut ReadStream| -> Result<i64> {
        Ok(i64::from_le_bytes(stream.raw(8)?.try_into().expect("eight bytes")))
    };
    if stream.raw(4)? != MAGIC.to_le_bytes() {
        return Err(Error::Malformed { offset: 0, reason: "not a snapshot".into() });
    }
    let length = word(&mut stream)?;
    let clustered_length =
        length.checked_add(4).and_then(|n| usize::try_from(n).ok()).filter(|&n| n <= blob.len());
    let clustered_length = clustered_length.ok_or_else(|| stream.malformed(format!("length {length}")))?;
    let kind = word(&mut stream)?;
    if kind != KIND_FULL_AOT {
        return Err(stream.malformed(format!("snapshot kind {kind}, not a full AOT snapshot")));
    }
    let version_hash = String::from_utf8_lossy(stream.raw(VERSION_HASH_LENGTH)?).into_owned();
    let rest = blob.get(stream.position()..clustered_length).unwrap_or_default();
    let end =
        rest.iter().position(|&b| b == 0).ok_or_else(|| stream.malformed("features are not terminated"))?;
    let features = String::from_utf8_lossy(&rest[..end]).into_owned();
    Ok(Header { clustered_length, version_hash, features, stream_offset: stream.position() + end + 1 })
}

/// Decodes a data blob.
///
/// # Errors
/// [`Error::Damaged`]: the blob is malformed, or made for another revision or target.
pub fn read_snapshot(blob: &[u8], spec: &FormatSpec, target: &Target) -> Result<Decoded> {
    let mut place =
        Fault { section: Section::Header, cluster: None, object: None, offset: 0, reason: String::new() };
    let header = read_header(blob).map_err(|e| Error::Damaged(Box::new(e.into_fault(place.clone()))))?;
    for (what, offset, found, expected) in [
        ("version hash", VERSION_HASH_OFFSET, &header.version_hash, &spec.version_hash),
        ("features", VERSION_HASH_OFFSET + VERSION_HASH_LENGTH, &header.features, &target.features()),
    ] {
        if found != expected {
            place.offset = offset;
            place.reason = format!("{what} `{found}` instead of `{expected}`");
            return Err(Error::Damaged(Box::new(place)));
        }
    }
    let image_offset = header.clustered_length.next_multiple_of(DATA_IMAGE_ALIGNMENT);
    let stream = ReadStream::new(&blob[..header.clustered_length], header.stream_offset);
    let mut map = BlobMap { header: 0..header.stream_offset, ..BlobMap::default() };
    map.data_image = image_offset.min(blob.len())..blob.len();
    let mut parser = Parser {
        budget: stream.remaining() as u64,
        stream,
        graph: Graph::new(),
        kinds: Vec::new(),
        spec,
        target,
        image: blob.get(image_offset..).unwrap_or_default(),
        first_code: None,
        num_codes: 0,
        table_length: 0,
        first_entry_with_code: 0,
        section: Section::Header,
        cluster: None,
        current: None,
        entered: 0,
        map,
    };
    match parser.read() {
        Ok(plan) => Ok(Decoded {
            graph: parser.graph,
            plan,
            clustered_length: header.clustered_length,
            map: parser.map,
        }),
        Err(error) => Err(Error::Damaged(Box::new(parser.fault(error)))),
    }
}

struct Parser<'a> {
    stream: ReadStream<'a>,
    graph: Graph,
    /// Kinds by object index: an object that is being read is not in the graph.
    kinds: Vec<ObjectKind>,
    spec: &'a FormatSpec,
    target: &'a Target,
    image: &'a [u8],
    first_code: Option<ObjId>,
    num_codes: u32,
    table_length: u32,
    first_entry_with_code: u32,
    /// How many more elements the objects may have: each takes at least a byte of the stream.
    budget: u64,
    section: Section,
    /// Number and class id of the cluster being read.
    cluster: Option<(usize, Option<u32>)>,
    /// The object being read, and where that began.
    current: Option<ObjId>,
    entered: usize,
    map: BlobMap,
}

// Objects without any bytes: instances of classes without fields. There are never many in a cluster.
const FREE_OBJECTS_PER_CLUSTER: u64 = 1024;

impl Parser<'_> {
    fn read(&mut self) -> Result<Plan> {
        let start = self.stream.position();
        let counts = self.stream.clone();
        let num_base = self.stream.unsigned()?;
        if num_base != ObjId::BASE_OBJECTS.len() as u64 {
            let reason = if Self::is_loading_unit(counts) {
                "a deferred loading unit; only the snapshot of the program that loads it can be read"
                    .to_owned()
            } else {
                format!("{num_base} base objects")
            };
            return Err(self.stream.malformed(reason));
        }
        let num_objects = self.stream.unsigned()?;
        let num_clusters = self.stream.unsigned()?;
        let num_entries_with_code = self.stream.unsigned()?;
        let table_offset = self.stream.unsigned()?;
        if num_clusters > num_objects {
            return Err(self.stream.malformed(format!("{num_clusters} clusters of {num_objects} objects")));
        }
        let counts_end = self.stream.position();
        self.map.counts = start..counts_end;

        let mut plan = Plan { roots: Roots::empty(self.spec), ..Plan::default() };
        if table_offset != 0 {
            self.instructions_table(table_offset, &mut plan)?;
        }
        let with_code = plan.instructions_table_length.checked_sub(plan.first_entry_with_code).map(u64::from);
        if with_code != Some(num_entries_with_code) {
            return Err(self
                .stream
                .malformed("header and instructions table disagree about the number of entries"));
        }
        (self.table_length, self.first_entry_with_code) =
            (plan.instructions_table_length, plan.first_entry_with_code);

        self.section = Section::Allocation;
        self.kinds.extend(ObjId::BASE_OBJECTS.iter().map(|&id| self.graph.object(id).kind()));
        for index in 0..num_clusters as usize {
            let start = self.stream.position();
            let mut cluster = Cluster::default();
            self.cluster = Some((index, None));
            cluster.alloc(self)?;
            self.end_of_alloc(&cluster);
            plan.clusters.push(cluster);
            let alloc = start..self.stream.position();
            self.map.clusters.push(ClusterSpans { alloc, fill: 0..0 });
        }
        self.cluster = None;
        if self.graph.len() as u64 != num_objects {
            return Err(self
                .stream
                .malformed(format!("{} objects instead of {num_objects}", self.graph.len())));
        }
        let alloc_end = self.stream.position();
        self.map.alloc = counts_end..alloc_end;

        self.section = Section::Fill;
        for (index, cluster) in plan.clusters.iter_mut().enumerate() {
            let start = self.stream.position();
            self.cluster = Some((index, Some(cluster.class_id)));
            cluster.fill(self, &mut plan.code_stubs)?;
            self.map.clusters[index].fill = start..self.stream.position();
        }
        self.cluster = None;
        let fill_end = self.stream.position();
        self.map.fill = alloc_end..fill_end;

        self.section = Section::Roots;
        plan.roots.describe(self)?;
        let roots_end = self.stream.position();
        self.map.roots = fill_end..roots_end;

        self.section = Section::DispatchTable;
        let (cells, first_code_ref) = dispatch_table::decode(&mut self.stream)?;
        let first_code = self.first_code.map_or(0, |id| id.index() as u32 + 1);
        if !cells.is_empty() && first_code_ref != first_code {
            return Err(self
                .stream
                .malformed(format!("first Code is {first_code}, dispatch table says {first_code_ref}")));
        }
        for cell in cells {
            let code = if cell == 0 { None } else { Some(self.code_ref(cell)?) };
            plan.roots.dispatch_table.push(code);
        }
        self.map.dispatch_table = roots_end..self.stream.position();
        if self.stream.remaining() > 0 {
            return Err(self.stream.malformed(format!("{} bytes left over", self.stream.remaining())));
        }
        Ok(plan)
    }

    /// Whether the stream is that of a deferred loading unit, which has a hash of the program before the counts and the objects of
    /// its parent as base objects (`FullSnapshotWriter::WriteUnitSnapshot` in `runtime/vm/app_snapshot.cc`). The header is the
    /// same, so the counts must tell.
    fn is_loading_unit(mut stream: ReadStream<'_>) -> bool {
        if stream.signed(32).is_err() {
            return false;
        }
        let mut count = || stream.unsigned().ok();
        let (Some(base), Some(objects), Some(clusters)) = (count(), count(), count()) else { return false };
        base > ObjId::BASE_OBJECTS.len() as u64
            && u32::try_from(objects).is_ok()
            && objects.checked_sub(base).is_some_and(|own| clusters <= own)
    }

    fn instructions_table(&mut self, offset: u64, plan: &mut Plan) -> Result<()> {
        self.section = Section::InstructionsTable;
        let offset =
            usize::try_from(offset).map_err(|_| self.stream.malformed(format!("offset {offset:#x}")))?;
        match self.image_object(offset)? {
            (Object::String(Str::OneByte(bytes)), contents) => {
                self.map.instructions_table = contents;
                plan.instructions_table = bytes;
            }
            (object, _) => {
                let reason = format!("instructions table is a {}", object.kind().name());
                return Err(Error::Malformed { offset: self.map.data_image.start + offset, reason });
            }
        }
        let start = self.map.instructions_table.start;
        let word = |at: usize| -> Result<u32> {
            let bytes = plan.instructions_table.get(at..at + 4);
            let bytes = bytes.ok_or_else(|| Error::Malformed {
                offset: start,
                reason: "instructions table is cut off".into(),
            })?;
            Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
        };
        (plan.instructions_table_length, plan.first_entry_with_code) = (word(4)?, word(8)?);
        self.section = Section::Header;
        Ok(())
    }

    /// An object of the data image and where its contents are; errors count offsets from the start of the blob.
    fn image_object(&self, offset: usize) -> Result<(Object, Range<usize>)> {
        let base = self.map.data_image.start;
        let read = data_image::read_object(self.image, offset, self.target, &self.spec.class_ids);
        let (object, contents) = read.map_err(|error| match error {
            Error::Malformed { offset, reason } => Error::Malformed { offset: base + offset, reason },
            other => other,
        })?;
        Ok((object, base + contents.start..base + contents.end))
    }

    /// The place of an error.
    fn fault(&self, error: Error) -> Fault {
        let cluster = self.cluster.map(|(index, cid)| {
            let Some(cid) = cid else { return index.to_string() };
            let ids = &self.spec.class_ids;
            match Object::for_cluster_cid(cid, ids, self.spec.num_predefined_cids) {
                Some(Object::Instance(_)) => format!("{index} (instances of class {cid})"),
                Some(object) => format!("{index} ({})", object.kind().name()),
                None => format!("{index} (class {cid})"),
            }
        });
        let object = self.current.map(|id| self.graph.describe(id));
        error.into_fault(Fault {
            section: self.section,
            cluster,
            object,
            offset: self.stream.position(),
            reason: String::new(),
        })
    }

    fn charge(&mut self, what: &str, n: u64) -> Result<()> {
        match self.budget.checked_sub(n) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(self.stream.malformed(format!("{what} {n} is more than the stream can hold"))),
        }
    }

    fn end_of_alloc(&mut self, cluster: &Cluster) {
        if cluster.class_id == self.spec.class_ids.mint {
            for &id in &cluster.members {
                self.graph.register_integer(id);
            }
        }
        if cluster.class_id == self.spec.class_ids.code {
            self.first_code = cluster.members.first().copied();
            self.num_codes = cluster.members.len() as u32;
        }
    }

    fn code_ref(&self, index: u32) -> Result<CodeRef> {
        let Some(entry) = index.checked_sub(1) else { return Ok(CodeRef::LazyCompile) };
        if entry < self.first_entry_with_code {
            return Ok(CodeRef::Discarded(entry));
        }
        let k = entry - self.first_entry_with_code;
        match self.first_code {
            Some(first) if k < self.num_codes => Ok(CodeRef::Code(ObjId::from_u32(first.as_u32() + k))),
            _ => Err(self.stream.malformed(format!("code index {index} of {}", self.table_length))),
        }
    }

    fn read_reference(&mut self) -> Result<ObjId> {
        let reference = self.stream.reference()?;
        match reference.checked_sub(1) {
            Some(index) if (index as usize) < self.graph.len() => Ok(ObjId::from_u32(index)),
            _ => Err(self.stream.malformed(format!("reference {reference} of {}", self.graph.len()))),
        }
    }
}

impl Codec for Parser<'_> {
    fn spec(&self) -> &FormatSpec {
        self.spec
    }

    fn target(&self) -> &Target {
        self.target
    }

    fn reference(&mut self, field: &'static str, id: &mut ObjId, allowed: RefType) -> Result<()> {
        *id = self.read_reference()?;
        if allowed.allows(self.kinds[id.index()]) {
            return Ok(());
        }
        let found = if id.is_null() { "null".into() } else { self.graph.describe(*id) };
        Err(Error::WrongReference { object: String::new(), field, found, expected: allowed.name })
    }

    fn smi(&mut self, field: &'static str, value: &mut i64) -> Result<()> {
        let id = self.read_reference()?;
        match self.graph.object(id) {
            Object::Mint(m) => {
                *value = m.value;
                Ok(())
            }
            other => Err(self.inconsistent(format!("{field} is a {}, not an integer", other.kind().name()))),
        }
    }

    fn code(&mut self, _field: &'static str, code: &mut CodeRef) -> Result<()> {
        let index = self.stream.unsigned()?;
        let index = u32::try_from(index).map_err(|_| self.stream.malformed("code index too large"))?;
        *code = self.code_ref(index)?;
        Ok(())
    }

    fn unsigned64(&mut self, _field: &'static str, value: &mut u64) -> Result<()> {
        *value = self.stream.unsigned()?;
        Ok(())
    }

    fn signed(&mut self, _field: &'static str, bits: u32, value: &mut i64) -> Result<()> {
        *value = self.stream.signed(bits)?;
        Ok(())
    }

    fn bytes(&mut self, _field: &'static str, bytes: &mut [u8]) -> Result<()> {
        bytes.copy_from_slice(self.stream.raw(bytes.len())?);
        Ok(())
    }

    fn align(&mut self, alignment: usize) -> Result<()> {
        self.stream.align(alignment)
    }

    fn length(&mut self, field: &'static str, length: &mut usize) -> Result<()> {
        let n = self.stream.unsigned()?;
        // Strings store the width of their elements in the lowest bit.
        self.charge(field, n / 2)?;
        *length = n as usize;
        Ok(())
    }
}

impl ClusterCodec for Parser<'_> {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn graph_mut(&mut self) -> &mut Graph {
        &mut self.graph
    }

    fn create_members(&mut self, cluster: &mut Cluster, count: usize) -> Result<()> {
        let (ids, num_predefined) = (&self.spec.class_ids, self.spec.num_predefined_cids);
        let object = Object::for_cluster_cid(cluster.class_id, ids, num_predefined).ok_or_else(|| {
            self.stream.malformed(format!("no cluster may be of class {}", cluster.class_id))
        })?;
        self.cluster = self.cluster.map(|(index, _)| (index, Some(cluster.class_id)));
        self.charge("count", (count as u64).saturating_sub(FREE_OBJECTS_PER_CLUSTER))?;
        for _ in 0..count {
            let id = self.graph.add(object.clone());
            if cluster.is_canonical {
                self.graph.set_canonical(id);
            }
            self.kinds.push(object.kind());
            cluster.members.push(id);
        }
        Ok(())
    }

    fn read_only_object(&mut self, id: ObjId, previous: &mut u32) -> Result<()> {
        let distance = self.stream.unsigned()?.checked_mul(u64::from(self.target.object_alignment()));
        let offset = distance.and_then(|d| u32::try_from(d).ok()).and_then(|d| previous.checked_add(d));
        let offset = offset.ok_or_else(|| self.stream.malformed("data image offset too large"))?;
        let (object, contents) = self.image_object(offset as usize)?;
        if object.kind() != self.kinds[id.index()] {
            return Err(
                self.inconsistent(format!("data image holds a {} at {offset:#x}", object.kind().name()))
            );
        }
        *self.graph.object_mut(id) = object;
        *previous = offset;
        let end = contents.end.next_multiple_of(self.target.object_alignment() as usize);
        let start = self.map.data_image.start + offset as usize;
        self.map.object_mut(id).set_image(start, end);
        Ok(())
    }

    fn enter(&mut self, id: ObjId) {
        self.current = Some(id);
        self.entered = self.stream.position();
    }

    fn leave(&mut self, id: ObjId) {
        let (start, end) = (self.entered, self.stream.position());
        let spans = self.map.object_mut(id);
        if self.section == Section::Allocation {
            spans.set_alloc(start, end)
        } else {
            spans.set_fill(start, end)
        }
        self.current = None;
    }

    fn shape_instances(&mut self, cluster: &Cluster) -> Result<()> {
        let layout = &cluster.instance_layout;
        let n = layout.num_words(self.target);
        if n * cluster.members.len() > self.stream.remaining() {
            return Err(self.stream.malformed(format!("{} instances of {n} words", cluster.members.len())));
        }
        let word = |i| {
            if layout.is_unboxed(self.target, i) {
                InstanceWord::Raw(0)
            } else {
                InstanceWord::Ref(ObjId::NULL)
            }
        };
        let words: Vec<InstanceWord> = (0..n).map(word).collect();
        for &id in &cluster.members {
            self.graph.get_mut::<Instance>(id)?.words.clone_from(&words);
        }
        Ok(())
    }
}
