//! From graph to blobs.
//!
//! Writing has two halves. *Planning* decides what is written and in which order: it traces the graph from
//! the roots, completes the hashes of types, sorts objects into clusters and clusters into the order that the
//! reader needs, and orders canonical clusters like the tables the reader builds. *Emission* turns a plan
//! into bytes and decides nothing, so a plan that was read from a snapshot comes out as that snapshot.
//!
//! Cluster order: first the objects that nearly everything refers to, so that their references are one byte
//! long; then what other clusters need at load time (Code before Function before Closure); then canonical,
//! immutable and other clusters by class id. Within a cluster, objects are in the order of discovery, which
//! depends on nothing but the graph.

use crate::bits::{ClassState, TypeFlags};
use crate::clusters::{
    CanonicalTable, Cluster, ClusterCodec, CodeStubs, InstanceLayout, load_order, visit_object,
};
use crate::codec::{CodeRef, Codec, Describe, RefType};
use crate::data_image::DataImageBuilder;
use crate::dispatch_table;
use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::hash::TypeHasher;
use crate::hash_tables;
use crate::objects::{Class, Instance, Object, ObjectKind};
use crate::roots::Roots;
use crate::spec::{ClassIds, FormatSpec, Target};
use crate::stream::{MAX_REFERENCE, WriteStream};
use crate::text::InstructionsTable;
use cranelift_entity::{EntitySet, SecondaryMap};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// First bytes of a snapshot, as a little-endian word.
pub const MAGIC: u32 = 0xdcdc_f5f5;
/// `Snapshot::kFullAOT`.
pub const KIND_FULL_AOT: i64 = 2;
/// Alignment of the data image in the blob.
pub const DATA_IMAGE_ALIGNMENT: usize = 64;

// The length field does not count the magic.
const MAGIC_SIZE: i64 = 4;

/// A serialized graph.
#[derive(Debug, Clone)]
pub struct DataBlob {
    /// The blob.
    pub bytes: Vec<u8>,
    /// Length of the clustered part, header included.
    pub clustered_length: usize,
    /// Reference of each object that was written; 0 for the others.
    pub references: SecondaryMap<ObjId, u32>,
    /// What was written, cluster by cluster.
    pub clusters: Vec<Cluster>,
}

/// Everything that decides the bytes of a data blob, given the graph.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Clusters in order.
    pub clusters: Vec<Cluster>,
    /// The section after them.
    pub roots: Roots,
    /// Stubs named by the Code cluster.
    pub code_stubs: CodeStubs,
    /// Number of entries of the instructions table.
    pub instructions_table_length: u32,
    /// Number of leading entries without Code objects.
    pub first_entry_with_code: u32,
    /// The encoded instructions table; see [`InstructionsTable::encode`].
    pub instructions_table: Vec<u8>,
}

/// Serializes what `roots` and the code of `table` reach.
///
/// The graph gains the integer objects that fields stored by value refer to, and its types their hashes; it
/// stays usable, also for another target.
///
/// # Errors
/// The graph, the roots and the table do not fit together; the error names the object.
pub fn write_snapshot(
    graph: &mut Graph,
    roots: Roots,
    table: &InstructionsTable,
    spec: &FormatSpec,
    target: &Target,
) -> Result<DataBlob> {
    let mut plan = plan(graph, roots, table, spec, target)?;
    emit(graph, &mut plan, spec, target)
}

/// Decides what is written, and in which order.
///
/// # Errors
/// As [`write_snapshot`].
pub fn plan(
    graph: &mut Graph,
    mut roots: Roots,
    table: &InstructionsTable,
    spec: &FormatSpec,
    target: &Target,
) -> Result<Plan> {
    check_roots(graph, &roots, spec)?;
    let mut tracer = Tracer::new(graph, spec, target);
    for name in EARLY_HANDLES {
        if let Ok(id) = roots.handle(spec, name) {
            tracer.push(id);
        }
    }
    tracer.trace()?;
    let num_early = tracer.order.len();
    roots.describe(&mut tracer)?;
    for code in roots.dispatch_table.iter().flatten() {
        if let CodeRef::Code(id) = code {
            tracer.push_checked("dispatch_table", *id, crate::objects::refs::CODE)?;
        }
    }
    for code in table.codes() {
        tracer.push_checked("instructions_table", code, crate::objects::refs::CODE)?;
    }
    tracer.trace()?;
    let Tracer { order, classes, .. } = tracer;

    let sorter = ClusterSorter { graph, spec, target, classes: &classes };
    let (early, rest) = order.split_at(num_early);
    let mut clusters = sorter.clusters(early)?;
    clusters.sort_by_key(Cluster::usual_place);
    let mut others = sorter.clusters(rest)?;
    others.sort_by_key(|c| (load_position(c, &spec.class_ids), c.usual_place()));
    clusters.extend(others);
    for cluster in &mut clusters {
        sorter.complete(cluster, table)?;
    }

    let code_stubs = CodeStubs {
        lazy_compile: roots.stubs[spec.stub_index("LazyCompile")?],
        unknown_dart_code: roots.stubs[spec.stub_index("UnknownDartCode")?],
    };
    Ok(Plan {
        clusters,
        roots,
        code_stubs,
        instructions_table_length: table.entries.len() as u32,
        first_entry_with_code: table.first_entry_with_code(),
        instructions_table: table.encode()?,
    })
}

// ProgramSerializationRoots::PushRoots in runtime/vm/app_snapshot.cc.
const EARLY_HANDLES: [&str; 10] = [
    "empty_array",
    "empty_instantiations_cache_array",
    "empty_subtype_test_cache_array",
    "empty_context_scope",
    "empty_object_pool",
    "empty_compressed_stackmaps",
    "empty_descriptors",
    "empty_var_descriptors",
    "empty_exception_handlers",
    "empty_async_exception_handlers",
];

/// Position among the clusters whose order matters to the reader; the same for all others.
fn load_position(cluster: &Cluster, ids: &ClassIds) -> usize {
    let order = load_order(ids);
    order.iter().position(|&key| key == (cluster.class_id, cluster.is_canonical)).unwrap_or(order.len())
}

fn check_roots(graph: &Graph, roots: &Roots, spec: &FormatSpec) -> Result<()> {
    for (&id, &cid) in roots.class_table.iter().zip(&spec.class_roots) {
        let class = graph.get::<Class>(id).map_err(|e| e.in_object(|| format!("class table entry {cid}")))?;
        if class.id as u32 != cid {
            let reason = format!("has class id {}, is root {cid}", class.id);
            return Err(Error::Inconsistent { object: graph.describe(id), reason });
        }
    }
    for name in &spec.required_object_store {
        if roots.store(spec, name)?.is_null() {
            return Err(Error::Missing { what: "object store slot", name: name.clone() });
        }
    }
    Ok(())
}

/// Classes by id.
type ClassMap = FxHashMap<u32, ObjId>;

/// Finds reachable objects. Also the checker of references: whatever is written went through here.
struct Tracer<'a> {
    graph: &'a mut Graph,
    spec: &'a FormatSpec,
    target: &'a Target,
    classes: ClassMap,
    seen: EntitySet<ObjId>,
    stack: Vec<ObjId>,
    order: Vec<ObjId>,
    /// The object being visited, which is not in the graph meanwhile.
    current: Option<(ObjId, ObjectKind)>,
}

impl<'a> Tracer<'a> {
    fn new(graph: &'a mut Graph, spec: &'a FormatSpec, target: &'a Target) -> Tracer<'a> {
        let mut classes = ClassMap::default();
        for (id, object) in graph.iter() {
            if let Object::Class(class) = object {
                classes.entry(class.id as u32).or_insert(id);
            }
        }
        Tracer {
            graph,
            spec,
            target,
            classes,
            seen: EntitySet::new(),
            stack: Vec::new(),
            order: Vec::new(),
            current: None,
        }
    }

    fn push(&mut self, id: ObjId) {
        if !id.is_base() && self.seen.insert(id) {
            self.stack.push(id);
        }
    }

    fn push_checked(&mut self, field: &'static str, mut id: ObjId, allowed: RefType) -> Result<()> {
        self.reference(field, &mut id, allowed).map_err(|e| e.in_object(|| "roots".into()))
    }

    fn push_class(&mut self, id: ObjId, cid: u32) -> Result<()> {
        match self.classes.get(&cid) {
            Some(&class) => self.push(class),
            None => {
                let reason = format!("no class has id {cid}");
                return Err(Error::Inconsistent { object: self.graph.describe(id), reason });
            }
        }
        Ok(())
    }

    fn trace(&mut self) -> Result<()> {
        while let Some(id) = self.stack.pop() {
            self.order.push(id);
            self.complete_type(id)?;
            match self.graph.object(id) {
                Object::Type(t) => self.push_class(id, t.class_id())?,
                Object::Instance(i) => self.push_class(id, i.class_id)?,
                _ => {}
            }
            self.current = Some((id, self.graph.object(id).kind()));
            visit_object(self, id, |object, tracer| object.fill(tracer))?;
            self.current = None;
        }
        Ok(())
    }

    /// Computes the hash of a type, and the nullability of a vector.
    fn complete_type(&mut self, id: ObjId) -> Result<()> {
        let is_canonical = self.graph.is_canonical(id);
        let hasher = TypeHasher::new(self.graph, self.spec);
        match self.graph.object(id) {
            Object::TypeArguments(arguments) => {
                let summary = hasher.summarize(&arguments.types, self.target.smi_bits())?;
                if arguments.hash != 0 && arguments.hash != summary.hash {
                    let reason = format!("has hash {:#x}, should have {:#x}", arguments.hash, summary.hash);
                    return Err(Error::Inconsistent { object: self.graph.describe(id), reason });
                }
                let arguments = self.graph.get_mut::<crate::objects::TypeArguments>(id)?;
                (arguments.hash, arguments.nullability) = (summary.hash, summary.nullability);
            }
            Object::Type(_) | Object::FunctionType(_) | Object::RecordType(_) | Object::TypeParameter(_)
                if is_canonical =>
            {
                let computed = i64::from(hasher.compute_abstract_type(id)?);
                let hash = match self.graph.object_mut(id) {
                    Object::Type(t) => &mut t.hash,
                    Object::FunctionType(t) => &mut t.hash,
                    Object::RecordType(t) => &mut t.hash,
                    Object::TypeParameter(t) => &mut t.hash,
                    _ => unreachable!("matched above"),
                };
                let carried = std::mem::replace(hash, computed);
                if carried != 0 && carried != computed {
                    let reason = format!("has hash {carried:#x}, should have {computed:#x}");
                    return Err(Error::Inconsistent { object: self.graph.describe(id), reason });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn kind(&self, id: ObjId) -> Option<ObjectKind> {
        match self.current {
            Some((current, kind)) if current == id => Some(kind),
            _ => self.graph.kind(id),
        }
    }
}

impl Codec for Tracer<'_> {
    fn spec(&self) -> &FormatSpec {
        self.spec
    }

    fn target(&self) -> &Target {
        self.target
    }

    fn reference(&mut self, field: &'static str, id: &mut ObjId, allowed: RefType) -> Result<()> {
        let object = String::new();
        match self.kind(*id) {
            None => return Err(Error::Dangling { object, field, id: id.to_string() }),
            Some(kind) if !allowed.allows(kind) => {
                let found = if id.is_null() { "null".into() } else { self.graph.describe(*id) };
                return Err(Error::WrongReference { object, field, found, expected: allowed.name });
            }
            Some(_) => {}
        }
        self.push(*id);
        Ok(())
    }

    fn smi(&mut self, _field: &'static str, value: &mut i64) -> Result<()> {
        let id = self.graph.integer(*value);
        self.push(id);
        Ok(())
    }

    fn code(&mut self, field: &'static str, code: &mut CodeRef) -> Result<()> {
        match code {
            CodeRef::Code(id) => self.reference(field, id, crate::objects::refs::CODE),
            CodeRef::LazyCompile | CodeRef::Discarded(_) => Ok(()),
        }
    }

    fn unsigned64(&mut self, _field: &'static str, _value: &mut u64) -> Result<()> {
        Ok(())
    }

    fn signed(&mut self, _field: &'static str, _bits: u32, _value: &mut i64) -> Result<()> {
        Ok(())
    }

    fn bytes(&mut self, _field: &'static str, _bytes: &mut [u8]) -> Result<()> {
        Ok(())
    }

    fn align(&mut self, _alignment: usize) -> Result<()> {
        Ok(())
    }
}

impl ClusterCodec for Tracer<'_> {
    fn graph(&self) -> &Graph {
        self.graph
    }

    fn graph_mut(&mut self) -> &mut Graph {
        self.graph
    }

    fn read_only_object(&mut self, _id: ObjId, _previous: &mut u32) -> Result<()> {
        Ok(())
    }
}

/// Sorts objects into clusters and completes what a cluster stores once.
struct ClusterSorter<'a> {
    graph: &'a Graph,
    spec: &'a FormatSpec,
    target: &'a Target,
    classes: &'a ClassMap,
}

impl ClusterSorter<'_> {
    fn clusters(&self, objects: &[ObjId]) -> Result<Vec<Cluster>> {
        let mut clusters: BTreeMap<(u32, bool, bool), Cluster> = BTreeMap::new();
        let ids = &self.spec.class_ids;
        for &id in objects {
            let object = self.graph.object(id);
            let class_id = object.cluster_cid(ids).ok_or_else(|| Error::Inconsistent {
                object: self.graph.describe(id),
                reason: "is a second copy of an object that the runtime supplies".into(),
            })?;
            let is_canonical = self.graph.is_canonical(id);
            let is_deeply_immutable = is_canonical
                || ids.is_deeply_immutable(class_id)
                || match object {
                    Object::Instance(i) => {
                        ClassState::from_bits(self.class(i.class_id)?.state_bits).is_deeply_immutable
                    }
                    _ => false,
                };
            let cluster =
                clusters.entry((class_id, is_canonical, is_deeply_immutable)).or_insert_with(|| Cluster {
                    class_id,
                    is_canonical,
                    is_deeply_immutable,
                    ..Cluster::default()
                });
            cluster.members.push(id);
        }
        Ok(clusters.into_values().collect())
    }

    fn class(&self, cid: u32) -> Result<&Class> {
        let id = self.classes.get(&cid).copied();
        let missing = || Error::Missing { what: "class with id", name: cid.to_string() };
        self.graph.get::<Class>(id.ok_or_else(missing)?)
    }

    fn inconsistent(&self, id: ObjId, reason: String) -> Error {
        Error::Inconsistent { object: self.graph.describe(id), reason }
    }

    fn complete(&self, cluster: &mut Cluster, table: &InstructionsTable) -> Result<()> {
        let ids = &self.spec.class_ids;
        if cluster.class_id == ids.code {
            self.order_codes(cluster, table)?;
        }
        if cluster.class_id == ids.class {
            for &id in &cluster.members {
                let cid = self.graph.get::<Class>(id)?.id as u32;
                if self.classes.get(&cid) != Some(&id) {
                    return Err(self.inconsistent(id, format!("shares class id {cid} with another class")));
                }
            }
        }
        if cluster.has_canonical_table(ids) {
            self.order_canonical(cluster)?;
        }
        if cluster.is_instance(self.spec) {
            let class = self.class(cluster.class_id)?;
            cluster.instance_layout = InstanceLayout {
                next_field_offset_in_words: class.next_field_offset_in_words,
                instance_size_in_words: class.instance_size_in_words,
                unboxed_fields_bitmap: class.unboxed_fields_bitmap,
            };
            for &id in &cluster.members {
                if !cluster.instance_layout.matches(self.target, self.graph.get::<Instance>(id)?) {
                    let reason = "its words are not those that its class lays out".to_owned();
                    return Err(self.inconsistent(id, reason));
                }
            }
        }
        Ok(())
    }

    /// Code objects are in the order of the instructions table: that is how the reader pairs them.
    fn order_codes(&self, cluster: &mut Cluster, table: &InstructionsTable) -> Result<()> {
        let mut placed = EntitySet::new();
        let mut members = Vec::with_capacity(cluster.members.len());
        for code in table.codes() {
            if !placed.insert(code) {
                return Err(self.inconsistent(code, "is in the instructions table twice".into()));
            }
            members.push(code);
        }
        if let Some(&id) = cluster.members.iter().find(|&&id| !placed.contains(id)) {
            return Err(self.inconsistent(id, "is not in the instructions table".into()));
        }
        cluster.members = members;
        Ok(())
    }

    fn order_canonical(&self, cluster: &mut Cluster) -> Result<()> {
        let (cached, in_table): (Vec<ObjId>, Vec<ObjId>) =
            cluster.members.iter().partition(|&&id| self.is_cached_declaration_type(id));
        let hasher = TypeHasher::new(self.graph, self.spec);
        let mut hashes = Vec::with_capacity(in_table.len());
        let mut first_with_hash: FxHashMap<u32, Vec<ObjId>> = FxHashMap::default();
        for &id in &in_table {
            let hash = match self.graph.object(id) {
                Object::String(s) => s.hash_code(),
                Object::TypeArguments(arguments) => hasher.compute_type_arguments(&arguments.types)?,
                _ => hasher.abstract_type(id)?,
            };
            let same_hash = first_with_hash.entry(hash).or_default();
            let object = self.graph.object(id);
            if let Some(&twin) =
                same_hash.iter().find(|&&twin| equal_canonical(self.graph.object(twin), object))
            {
                let reason = format!("is canonical, and so is its equal, {}", self.graph.describe(twin));
                return Err(self.inconsistent(id, reason));
            }
            same_hash.push(id);
            hashes.push(hash);
        }
        let layout = hash_tables::canonical_layout(&hashes);
        cluster.canonical_table = CanonicalTable {
            table_length: layout.table_length,
            first_element: cached.len() as u32,
            gaps: layout.gaps,
        };
        cluster.members = cached;
        cluster.members.extend(layout.order.iter().map(|&i| in_table[i as usize]));
        Ok(())
    }

    /// `TypeSerializationCluster::IsInCanonicalSet`, negated: the runtime finds these through their class.
    fn is_cached_declaration_type(&self, id: ObjId) -> bool {
        let Object::Type(t) = self.graph.object(id) else { return false };
        let Ok(class) = self.class(t.class_id()) else { return false };
        let ids = &self.spec.class_ids;
        if class.declaration_type != id {
            return false;
        }
        t.class_id() == ids.null
            || class.type_parameters.is_null()
                && t.class_id() != ids.closure
                && TypeFlags::from_bits(t.flags).is_non_nullable
    }
}

fn equal_canonical(a: &Object, b: &Object) -> bool {
    match (a, b) {
        (Object::String(a), Object::String(b)) => a == b,
        _ => a.canonical_key() == b.canonical_key(),
    }
}

/// Turns a plan into bytes. The plan is mutable only because descriptions are walked by mutable reference.
///
/// # Errors
/// References to objects outside the plan, or sizes beyond the format's limits.
pub fn emit(graph: &mut Graph, plan: &mut Plan, spec: &FormatSpec, target: &Target) -> Result<DataBlob> {
    let ids = &spec.class_ids;
    let mut references = SecondaryMap::new();
    let mut next_reference = 1;
    for id in
        ObjId::BASE_OBJECTS.into_iter().chain(plan.clusters.iter().flat_map(|c| c.members.iter().copied()))
    {
        references[id] = next_reference;
        next_reference += 1;
    }
    let num_objects = next_reference - 1;
    if num_objects > MAX_REFERENCE {
        return Err(Error::Overflow {
            what: "number of objects",
            value: num_objects.into(),
            limit: "28 bits",
        });
    }

    let mut image = DataImageBuilder::new(target, ids);
    let instructions_table_offset = match plan.instructions_table_length {
        0 => 0,
        _ => image.add_bytes(&plan.instructions_table)?,
    };
    let mut read_only_offsets = SecondaryMap::new();
    let mut code_indices = SecondaryMap::new();
    let mut first_code_ref = 0;
    for cluster in &plan.clusters {
        if cluster.is_read_only_data(target, ids) {
            for &id in &cluster.members {
                read_only_offsets[id] = image.add(graph.object(id), cluster.is_canonical)?;
            }
        }
        if cluster.class_id == ids.code {
            first_code_ref = cluster.members.first().map_or(0, |&id| references[id]);
            for (&id, index) in cluster.members.iter().zip(plan.first_entry_with_code + 1..) {
                code_indices[id] = index;
            }
        }
    }
    let image = image.finish();

    let mut stream = WriteStream::new();
    stream.raw(&MAGIC.to_le_bytes());
    stream.raw(&[0; 8]);
    stream.raw(&KIND_FULL_AOT.to_le_bytes());
    stream.raw(spec.version_hash.as_bytes());
    stream.raw(target.features().as_bytes());
    stream.raw(&[0]);
    stream.unsigned(ObjId::BASE_OBJECTS.len() as u64);
    stream.unsigned(u64::from(num_objects));
    stream.unsigned(plan.clusters.len() as u64);
    stream.unsigned(u64::from(plan.instructions_table_length - plan.first_entry_with_code));
    stream.unsigned(u64::from(instructions_table_offset));

    let mut emitter = Emitter {
        stream,
        graph,
        spec,
        target,
        references,
        read_only_offsets,
        code_indices,
        first_entry_with_code: plan.first_entry_with_code,
    };
    plan.clusters.iter_mut().try_for_each(|cluster| cluster.alloc(&mut emitter))?;
    plan.clusters.iter_mut().try_for_each(|cluster| cluster.fill(&mut emitter, &mut plan.code_stubs))?;
    plan.roots.describe(&mut emitter)?;
    let mut cells = Vec::with_capacity(plan.roots.dispatch_table.len());
    for (i, cell) in plan.roots.dispatch_table.iter().enumerate() {
        let index = cell.as_ref().map_or(Ok(0), |code| emitter.code_index(code));
        let index = index.map_err(|e| e.in_object(|| format!("dispatch table cell {i}")))?;
        if cell.is_some() && index == 0 {
            let reason = "has no code, which only an empty cell may".into();
            return Err(Error::Inconsistent { object: format!("dispatch table cell {i}"), reason });
        }
        cells.push(index);
    }
    dispatch_table::encode(&mut emitter.stream, &cells, first_code_ref);

    let Emitter { mut stream, references, .. } = emitter;
    let clustered_length = stream.len();
    let length = clustered_length as i64 - MAGIC_SIZE;
    stream.bytes_mut()[4..12].copy_from_slice(&length.to_le_bytes());
    stream.align(DATA_IMAGE_ALIGNMENT);
    stream.raw(&image);
    Ok(DataBlob { bytes: stream.into_bytes(), clustered_length, references, clusters: plan.clusters.clone() })
}

struct Emitter<'a> {
    stream: WriteStream,
    graph: &'a mut Graph,
    spec: &'a FormatSpec,
    target: &'a Target,
    references: SecondaryMap<ObjId, u32>,
    read_only_offsets: SecondaryMap<ObjId, u32>,
    code_indices: SecondaryMap<ObjId, u32>,
    first_entry_with_code: u32,
}

impl Emitter<'_> {
    fn code_index(&self, code: &CodeRef) -> Result<u32> {
        match *code {
            CodeRef::LazyCompile => Ok(0),
            CodeRef::Discarded(index) if index < self.first_entry_with_code => Ok(index + 1),
            CodeRef::Discarded(index) => Err(self.inconsistent(format!("entry {index} has a Code object"))),
            CodeRef::Code(id) => match self.code_indices[id] {
                0 => Err(self.inconsistent(format!("{} is not in the text image", self.graph.describe(id)))),
                index => Ok(index),
            },
        }
    }

    fn write_reference(&mut self, id: ObjId) -> Result<()> {
        match self.references[id] {
            0 => {
                Err(self.inconsistent(format!("refers to {}, which is not written", self.graph.describe(id))))
            }
            reference => {
                self.stream.reference(reference);
                Ok(())
            }
        }
    }
}

impl Codec for Emitter<'_> {
    fn spec(&self) -> &FormatSpec {
        self.spec
    }

    fn target(&self) -> &Target {
        self.target
    }

    fn reference(&mut self, _field: &'static str, id: &mut ObjId, _allowed: RefType) -> Result<()> {
        self.write_reference(*id)
    }

    fn smi(&mut self, field: &'static str, value: &mut i64) -> Result<()> {
        let id = self.graph.find_integer(*value);
        let id = id.ok_or_else(|| self.inconsistent(format!("{field} {value} has no integer object")))?;
        self.write_reference(id)
    }

    fn code(&mut self, _field: &'static str, code: &mut CodeRef) -> Result<()> {
        let index = self.code_index(code)?;
        self.stream.unsigned(u64::from(index));
        Ok(())
    }

    fn unsigned64(&mut self, _field: &'static str, value: &mut u64) -> Result<()> {
        self.stream.unsigned(*value);
        Ok(())
    }

    fn signed(&mut self, _field: &'static str, _bits: u32, value: &mut i64) -> Result<()> {
        self.stream.signed(*value);
        Ok(())
    }

    fn bytes(&mut self, _field: &'static str, bytes: &mut [u8]) -> Result<()> {
        self.stream.raw(bytes);
        Ok(())
    }

    fn align(&mut self, alignment: usize) -> Result<()> {
        self.stream.align(alignment);
        Ok(())
    }
}

impl ClusterCodec for Emitter<'_> {
    fn graph(&self) -> &Graph {
        self.graph
    }

    fn graph_mut(&mut self) -> &mut Graph {
        self.graph
    }

    fn read_only_object(&mut self, id: ObjId, previous: &mut u32) -> Result<()> {
        let offset = self.read_only_offsets[id];
        self.stream.unsigned(u64::from((offset - *previous) / self.target.object_alignment()));
        *previous = offset;
        Ok(())
    }
}
