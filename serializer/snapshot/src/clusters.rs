//! Clusters: all objects of one class, as the stream stores them.
//!
//! This is the part of the description that concerns whole clusters: tags, counts, offsets of read-only data,
//! layouts of canonical tables, and what Code and instance clusters store once for all members. Like the
//! object descriptions, it works in both directions.

use crate::codec::{Codec, Describe};
use crate::error::{Error, Result};
use crate::graph::{Graph, ObjId};
use crate::objects::{Instance, InstanceWord, Object, refs};
use crate::spec::{ClassIds, FormatSpec, Target};

const CANONICAL_BIT: u32 = 1 << 1;
const DEEPLY_IMMUTABLE_BIT: u32 = 1 << 7;
const CLASS_ID_SHIFT: u32 = 12;

/// The canonical table that the reader builds for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CanonicalTable {
    /// Array length of the table.
    pub table_length: u32,
    /// Members before this one are canonical without being in the table: types that their class caches.
    pub first_element: u32,
    /// Unused slots before each of the other members.
    pub gaps: Vec<u32>,
}

/// What an instance cluster stores once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InstanceLayout {
    /// End of the fields, in compressed words.
    pub next_field_offset_in_words: i32,
    /// Size, in compressed words.
    pub instance_size_in_words: i32,
    /// Bit i: word i holds unboxed bits.
    pub unboxed_fields_bitmap: u64,
}

/// A cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cluster {
    /// Class id; strings of both widths have that of String, integers that of Mint.
    pub class_id: u32,
    /// Members are canonical.
    pub is_canonical: bool,
    /// Members are deeply immutable.
    pub is_deeply_immutable: bool,
    /// Members, in reference order.
    pub members: Vec<ObjId>,
    /// For canonical clusters of strings, types and type arguments.
    pub canonical_table: CanonicalTable,
    /// For instance clusters.
    pub instance_layout: InstanceLayout,
}

/// Stubs that the Code cluster names once, for functions without code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeStubs {
    /// Code of functions that were not compiled.
    pub lazy_compile: ObjId,
    /// Code of functions whose Code object was discarded.
    pub unknown_dart_code: ObjId,
}

/// A codec that can get at the objects of a graph.
pub(crate) trait ClusterCodec: Codec {
    fn graph(&self) -> &Graph;
    fn graph_mut(&mut self) -> &mut Graph;

    /// Makes `count` members; a no-op for codecs that are given the members.
    fn create_members(&mut self, _cluster: &mut Cluster, _count: usize) -> Result<()> {
        Ok(())
    }

    /// The read-only data of a member, as a distance from the previous one's.
    fn read_only_object(&mut self, id: ObjId, previous: &mut u32) -> Result<()>;

    /// Gives every member words as the layout says; a no-op for codecs whose members have them.
    fn shape_instances(&mut self, _cluster: &Cluster) -> Result<()> {
        Ok(())
    }

    /// The codec comes to an object.
    fn enter(&mut self, _id: ObjId) {}

    /// The codec is done with the object it came to.
    fn leave(&mut self, _id: ObjId) {}
}

/// Visits an object outside its graph, so that the codec may use the graph meanwhile.
pub(crate) fn visit_object<C: ClusterCodec>(
    codec: &mut C,
    id: ObjId,
    visit: impl FnOnce(&mut Object, &mut C) -> Result<()>,
) -> Result<()> {
    let mut object = std::mem::replace(codec.graph_mut().object_mut(id), Object::Null);
    let result = visit(&mut object, codec);
    *codec.graph_mut().object_mut(id) = object;
    result.map_err(|error| error.in_object(|| codec.graph().describe(id)))
}

/// The clusters that the engine's compiler puts in front, behind those of a few early objects: class ids, and whether of
/// canonical objects (`Serializer::Serialize` in `runtime/vm/app_snapshot.cc`).
pub fn load_order(ids: &ClassIds) -> [(u32, bool); 9] {
    [
        (ids.string, true),
        (ids.mint, true),
        (ids.double, true),
        (ids.type_parameter, true),
        (ids.type_, true),
        (ids.type_arguments, true),
        (ids.code, false),
        (ids.function, false),
        (ids.closure, true),
    ]
}

fn is_canonical_set(cid: u32, ids: &ClassIds) -> bool {
    [ids.string, ids.type_, ids.function_type, ids.record_type, ids.type_parameter, ids.type_arguments]
        .contains(&cid)
}

impl Cluster {
    /// The place among clusters whose order is not that of [`load_order`]: canonical objects first, then deeply immutable ones, by
    /// class id.
    pub fn usual_place(&self) -> (u8, u32) {
        let group = match (self.is_canonical, self.is_deeply_immutable) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 2,
        };
        (group, self.class_id)
    }

    /// Whether the reader builds a canonical table for the members.
    pub fn has_canonical_table(&self, ids: &ClassIds) -> bool {
        self.is_canonical && is_canonical_set(self.class_id, ids)
    }

    /// Whether the members live in the data image.
    pub fn is_read_only_data(&self, target: &Target, ids: &ClassIds) -> bool {
        target.has_read_only_data()
            && [ids.string, ids.pc_descriptors, ids.code_source_map, ids.compressed_stack_maps]
                .contains(&self.class_id)
    }

    /// Whether the members are instances of a class without special layout.
    pub fn is_instance(&self, spec: &FormatSpec) -> bool {
        let ids = &spec.class_ids;
        self.class_id >= spec.num_predefined_cids
            || self.class_id == ids.instance
            || (ids.ffi_int8..=ids.ffi_bool).contains(&self.class_id)
    }

    fn tags(&self) -> u32 {
        let flag = |on, bit| if on { bit } else { 0 };
        self.class_id << CLASS_ID_SHIFT
            | flag(self.is_canonical, CANONICAL_BIT)
            | flag(self.is_deeply_immutable, DEEPLY_IMMUTABLE_BIT)
    }

    /// The allocation section.
    pub(crate) fn alloc<C: ClusterCodec>(&mut self, codec: &mut C) -> Result<()> {
        let mut tags = self.tags();
        codec.u32("tags", &mut tags)?;
        self.class_id = tags >> CLASS_ID_SHIFT;
        self.is_canonical = tags & CANONICAL_BIT != 0;
        self.is_deeply_immutable = tags & DEEPLY_IMMUTABLE_BIT != 0;
        if tags != self.tags() {
            return Err(codec.inconsistent(format!("cluster tags {tags:#x}")));
        }
        let mut count = self.members.len();
        codec.length("count", &mut count)?;
        codec.create_members(self, count)?;

        if self.is_instance(codec.spec()) {
            codec.i32("next_field_offset_in_words", &mut self.instance_layout.next_field_offset_in_words)?;
            codec.i32("instance_size_in_words", &mut self.instance_layout.instance_size_in_words)?;
        }
        if self.is_read_only_data(codec.target(), &codec.spec().class_ids) {
            let mut previous = 0;
            self.members.iter().try_for_each(|&id| {
                codec.enter(id);
                codec.read_only_object(id, &mut previous)?;
                codec.leave(id);
                Ok(())
            })?;
        } else {
            self.visit_members(codec, |object, codec| object.alloc(codec))?;
        }
        if self.class_id == codec.spec().class_ids.code {
            let mut deferred = 0;
            codec.unsigned("deferred_count", &mut deferred)?;
            if deferred != 0 {
                return Err(Error::Unsupported("code of deferred loading units".into()));
            }
        }
        if self.has_canonical_table(&codec.spec().class_ids) {
            let table = &mut self.canonical_table;
            codec.unsigned("table_length", &mut table.table_length)?;
            codec.unsigned("first_element", &mut table.first_element)?;
            let in_table = self.members.len().checked_sub(table.first_element as usize);
            let in_table =
                in_table.ok_or_else(|| codec.inconsistent("canonical table starts past its end".into()))?;
            table.gaps.resize(in_table, 0);
            table.gaps.iter_mut().try_for_each(|gap| codec.unsigned("gap", gap))?;
        }
        Ok(())
    }

    /// The fill section.
    pub(crate) fn fill<C: ClusterCodec>(&mut self, codec: &mut C, stubs: &mut CodeStubs) -> Result<()> {
        if self.is_read_only_data(codec.target(), &codec.spec().class_ids) {
            return Ok(());
        }
        if self.class_id == codec.spec().class_ids.code {
            codec.reference("lazy_compile", &mut stubs.lazy_compile, refs::CODE)?;
            codec.reference("unknown_dart_code", &mut stubs.unknown_dart_code, refs::CODE)?;
        }
        if self.is_instance(codec.spec()) {
            codec.unsigned64("unboxed_fields_bitmap", &mut self.instance_layout.unboxed_fields_bitmap)?;
            codec.shape_instances(self)?;
        }
        self.visit_members(codec, |object, codec| object.fill(codec))
    }

    fn visit_members<C: ClusterCodec>(
        &self,
        codec: &mut C,
        mut visit: impl FnMut(&mut Object, &mut C) -> Result<()>,
    ) -> Result<()> {
        self.members.iter().try_for_each(|&id| {
            codec.enter(id);
            visit_object(codec, id, &mut visit)?;
            codec.leave(id);
            Ok(())
        })
    }
}

impl InstanceLayout {
    /// Number of words an instance stores.
    pub fn num_words(&self, target: &Target) -> usize {
        (self.next_field_offset_in_words - target.first_field_word() as i32).max(0) as usize
    }

    /// Whether word `index` (counted from the first field) is unboxed.
    pub fn is_unboxed(&self, target: &Target, index: usize) -> bool {
        let word = index + target.first_field_word() as usize;
        word < 64 && self.unboxed_fields_bitmap >> word & 1 != 0
    }

    /// Whether an instance's words are as the layout says.
    pub fn matches(&self, target: &Target, instance: &Instance) -> bool {
        instance.words.len() == self.num_words(target)
            && (instance.words.iter().enumerate())
                .all(|(i, word)| self.is_unboxed(target, i) == matches!(word, InstanceWord::Raw(_)))
    }
}
