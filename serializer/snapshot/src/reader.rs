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
use crate::roots::Roots;
use crate::spec::{FormatSpec, Target};
use crate::stream::ReadStream;
use crate::writer::{DATA_IMAGE_ALIGNMENT, KIND_FULL_AOT, MAGIC, Plan};
use cranelift_entity::EntityRef;

/// A snapshot's data blob, decoded.
#[derive(Debug, Clone)]
pub struct Decoded {
    /// Its objects.
    pub graph: Graph,
    /// How they were laid out.
    pub plan: Plan,
    /// Length of the clustered part, header included.
    pub clustered_length: usize,
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
/// The blob is malformed, or made for another revision or target.
pub fn read_snapshot(blob: &[u8], spec: &FormatSpec, target: &Target) -> Result<Decoded> {
    let header = read_header(blob)?;
    for (what, found, expected) in [
        ("version hash", &header.version_hash, &spec.version_hash),
        ("features", &header.features, &target.features()),
    ] {
        if found != expected {
            return Err(Error::Malformed {
                offset: 20,
                reason: format!("{what} `{found}` instead of `{expected}`"),
            });
        }
    }
    let image_offset = header.clustered_length.next_multiple_of(DATA_IMAGE_ALIGNMENT);
    let image = blob.get(image_offset..).unwrap_or_default();
    let mut stream = ReadStream::new(&blob[..header.clustered_length], header.stream_offset);

    let num_base = stream.unsigned()?;
    if num_base != ObjId::BASE_OBJECTS.len() as u64 {
        return Err(stream.malformed(format!("{num_base} base objects")));
    }
    let num_objects = stream.unsigned()?;
    let num_clusters = stream.unsigned()?;
    let num_entries_with_code = stream.unsigned()?;
    let table_offset = stream.unsigned()? as usize;
    if num_clusters > num_objects {
        return Err(stream.malformed(format!("{num_clusters} clusters of {num_objects} objects")));
    }

    let mut plan = Plan { roots: Roots::empty(spec), ..Plan::default() };
    if table_offset != 0 {
        match data_image::read_object(image, table_offset, target, &spec.class_ids)? {
            Object::String(Str::OneByte(bytes)) => plan.instructions_table = bytes,
            object => {
                return Err(stream.malformed(format!("instructions table is a {}", object.kind().name())));
            }
        }
        let word = |at: usize| -> Result<u32> {
            let bytes = ReadStream::new(&plan.instructions_table, at).raw(4)?;
            Ok(u32::from_le_bytes(bytes.try_into().expect("four bytes")))
        };
        (plan.instructions_table_length, plan.first_entry_with_code) = (word(4)?, word(8)?);
    }
    let with_code = plan.instructions_table_length.checked_sub(plan.first_entry_with_code).map(u64::from);
    if with_code != Some(num_entries_with_code) {
        return Err(stream.malformed("header and instructions table disagree about the number of entries"));
    }

    let mut parser = Parser {
        stream,
        graph: Graph::new(),
        kinds: Vec::new(),
        spec,
        target,
        image,
        first_code: None,
        num_codes: 0,
        table_length: plan.instructions_table_length,
        first_entry_with_code: plan.first_entry_with_code,
    };
    parser.kinds.extend(ObjId::BASE_OBJECTS.iter().map(|&id| parser.graph.object(id).kind()));
    for _ in 0..num_clusters {
        let mut cluster = Cluster::default();
        cluster.alloc(&mut parser).map_err(|e| e.in_object(|| "clusters".into()))?;
        parser.end_of_alloc(&cluster);
        plan.clusters.push(cluster);
    }
    if parser.graph.len() as u64 != num_objects {
        return Err(parser
            .stream
            .malformed(format!("{} objects instead of {num_objects}", parser.graph.len())));
    }
    for cluster in &mut plan.clusters {
        cluster.fill(&mut parser, &mut plan.code_stubs)?;
    }
    plan.roots.describe(&mut parser)?;
    let (cells, first_code_ref) = dispatch_table::decode(&mut parser.stream)?;
    let first_code = parser.first_code.map_or(0, |id| id.index() as u32 + 1);
    if !cells.is_empty() && first_code_ref != first_code {
        return Err(parser
            .stream
            .malformed(format!("first Code is {first_code}, dispatch table says {first_code_ref}")));
    }
    for cell in cells {
        let code = if cell == 0 { None } else { Some(parser.code_ref(cell)?) };
        plan.roots.dispatch_table.push(code);
    }
    if parser.stream.remaining() > 0 {
        return Err(parser.stream.malformed(format!("{} bytes left over", parser.stream.remaining())));
    }
    Ok(Decoded { graph: parser.graph, plan, clustered_length: header.clustered_length })
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
}

impl Parser<'_> {
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
        // Whatever has a length takes at least a byte per element, here or in the fill section; instances
        // without fields take none, but there are never many of those.
        if n > 8 * self.stream.remaining() as u64 + 64 {
            return Err(self
                .stream
                .malformed(format!("{field} {n} with {} bytes left", self.stream.remaining())));
        }
        *length = n as usize;
        Ok(())
    }

    fn inconsistent(&self, reason: String) -> Error {
        let reason = format!("{reason} (before offset {:#x})", self.stream.position());
        Error::Inconsistent { object: String::new(), reason }
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
        let object = Object::for_cluster_cid(cluster.class_id, ids, num_predefined)
            .ok_or_else(|| self.stream.malformed(format!("cluster of class {}", cluster.class_id)))?;
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
        let object = data_image::read_object(self.image, offset as usize, self.target, &self.spec.class_ids)?;
        if object.kind() != self.kinds[id.index()] {
            return Err(
                self.inconsistent(format!("data image holds a {} at {offset:#x}", object.kind().name()))
            );
        }
        *self.graph.object_mut(id) = object;
        *previous = offset;
        Ok(())
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
