//! The objects of a snapshot: from the program and its code to the graph that the writer serializes.
//!
//! # Approach
//!
//! Objects are made on demand, each once, starting from what the engine needs by itself (predefined classes, libraries, the object
//! store) and from what code refers to (the pool). Objects on cycles are made empty and filled in later: classes, libraries and
//! Code objects have a `make` and a `finish` step.
//!
//! # Invariants
//!
//! The order in which objects are made depends on the program alone. Every class that a type or an instance names by
//! number is in the graph.

mod classes;
mod code_tables;
mod constants;
mod functions;
mod layout;
mod store;
mod types;

use dart_kernel::{DartString, LibIdx, SourceIdx, StrIdx};
use dart_snapshot::objects::{self, ObjectPool, PoolEntry, PoolValue};
use dart_snapshot::roots::{CommonObjects, Roots, RootsBuilder};
use dart_snapshot::text::{InstructionsTable, TextEntry};
use dart_snapshot::{CodeRef, FormatSpec, Graph, ObjId};
use rustc_hash::FxHashMap;
use snapcrane_engines::TargetSpec;
use snapcrane_program::Program;
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, MemberId, MemberSource, ObjectKey};

use crate::error::Error;
use crate::link::{Link, PoolSlot};
use crate::reach::{FunctionId, GlobalObject, ObjectId, Reach};
use crate::text::{Piece, PieceKind, Placement};

pub use snapcrane_formats::{format_spec, snapshot_target};

/// Number of the loading unit that is loaded from the start (`LoadingUnit::kRootId`, runtime/vm/object.h).
const ROOT_UNIT: u32 = 1;

/// Builds the graph of one target.
pub(crate) struct Image<'a> {
    program: &'a Program<'a>,
    reach: &'a Reach,
    link: &'a Link<'a>,
    target: &'a TargetSpec,
    pieces: &'a [Piece],
    placement: &'a Placement,
    graph: Graph,
    common: CommonObjects,
    empty_array: ObjId,
    empty_type_arguments: ObjId,
    root_unit: ObjId,
    /// Loading units of the libraries that are not in the root unit.
    loading_units: FxHashMap<LibIdx, ObjId>,
    types: types::Types,
    classes: FxHashMap<ClassId, ObjId>,
    unfinished_classes: Vec<ClassId>,
    fields: FxHashMap<FieldId, ObjId>,
    functions: FxHashMap<FunctionKey, ObjId>,
    static_closures: FxHashMap<MemberId, ObjId>,
    libraries: FxHashMap<LibIdx, ObjId>,
    extra_libraries: Vec<(&'static str, ObjId)>,
    toplevel_classes: FxHashMap<LibIdx, ObjId>,
    scripts: FxHashMap<SourceIdx, ObjId>,
    patch_classes: FxHashMap<(ObjId, SourceIdx), ObjId>,
    codes: FxHashMap<PieceKind, ObjId>,
    code_order: Vec<ObjId>,
    constants: constants::Constants,
}

/// What the writer needs.
#[derive(Debug)]
pub struct Objects {
    /// The graph.
    pub graph: Graph,
    /// The roots.
    pub roots: Roots,
    /// Code in text order.
    pub instructions: InstructionsTable,
}

/// Builds the objects of one target.
///
/// # Errors
/// A constant that is malformed, or an object that the engine demands and the program lacks.
pub fn build(
    program: &Program<'_>,
    reach: &Reach,
    link: &Link<'_>,
    target: &TargetSpec,
    spec: &FormatSpec,
    pieces: &[Piece],
    placement: &Placement,
) -> Result<Objects, Error> {
    let mut graph = Graph::new();
    let roots = RootsBuilder::new(spec, &mut graph);
    let common = roots.common;
    let image = Image {
        program,
        reach,
        link,
        target,
        pieces,
        placement,
        empty_array: common.empty_array,
        empty_type_arguments: common.empty_type_arguments,
        root_unit: graph.add(objects::LoadingUnit { parent: ObjId::NULL, id: i64::from(ROOT_UNIT) }),
        loading_units: FxHashMap::default(),
        types: types::Types {
            instantiations: common.empty_instantiations_cache_array,
            record_names: reach.record_names.clone(),
            ..Default::default()
        },
        common,
        graph,
        classes: FxHashMap::default(),
        unfinished_classes: Vec::new(),
        fields: FxHashMap::default(),
        functions: FxHashMap::default(),
        static_closures: FxHashMap::default(),
        libraries: FxHashMap::default(),
        extra_libraries: Vec::new(),
        toplevel_classes: FxHashMap::default(),
        scripts: FxHashMap::default(),
        patch_classes: FxHashMap::default(),
        codes: FxHashMap::default(),
        code_order: Vec::new(),
        constants: constants::Constants::default(),
    };
    image.build(roots)
}

impl Image<'_> {
    fn build(mut self, mut roots: RootsBuilder<'_>) -> Result<Objects, Error> {
        self.make_codes();
        self.types.type_test_stub = self.stub("DefaultTypeTest");
        for name in self.target.engine.stubs.clone() {
            let code = self.stub(name);
            roots.set_stub(name, code)?;
        }
        self.make_libraries();
        self.make_loading_units()?;
        for predefined in &self.target.engine.classes {
            if predefined.in_class_table {
                let class = self.class(ClassId::from_u32(predefined.cid));
                roots.set_class(predefined.cid, class)?;
            }
        }
        for &class in self.reach.allocated.iter().chain(&self.reach.looked_up) {
            self.retain_class(class);
        }
        let pool = self.pool()?;
        let (isolate_fields, shared_fields) = self.field_tables()?;
        roots.set_field_tables(isolate_fields, shared_fields);
        self.finish_codes();
        self.finish_classes();
        self.finish_libraries()?;
        self.store(&mut roots, pool)?;
        self.finish_classes();
        let dispatch = self.dispatch_table();
        roots.set_dispatch_table(dispatch);
        let instructions = self.instructions();
        let roots = roots.finish(&mut self.graph)?;
        Ok(Objects { graph: self.graph, roots, instructions })
    }

    fn stub(&self, name: &str) -> ObjId {
        self.target
            .engine
            .find_stub(name)
            .and_then(|stub| self.codes.get(&PieceKind::Stub(snapcrane_arch::StubRef::Listed(stub))))
            .copied()
            .unwrap_or(ObjId::NULL)
    }

    /// The canonical string of the kernel string table.
    fn symbol(&mut self, index: StrIdx) -> ObjId {
        match self.program.component.dart_string(index) {
            DartString::OneByte(units) => self.graph.intern(objects::Str::OneByte(units)),
            DartString::TwoByte(units) => self.graph.symbol_utf16(&units),
        }
    }

    /// Source file of a function, for line numbers.
    fn source_of(&self, id: FunctionId) -> Option<SourceIdx> {
        self.key_source(self.reach.functions.key(id))
    }

    fn key_source(&self, key: &FunctionKey) -> Option<SourceIdx> {
        let component = self.program.component;
        match self.outermost(key) {
            FunctionKey::Member(member)
            | FunctionKey::TearOff(member)
            | FunctionKey::MethodExtractor(member) => Some(match self.program.members[*member].source {
                MemberSource::Procedure(procedure) => component.procedures[procedure].source,
                MemberSource::Constructor(constructor) => component.constructors[constructor].source,
            }),
            FunctionKey::FieldInit(field)
            | FunctionKey::ImplicitGetter(field)
            | FunctionKey::ImplicitSetter(field) => {
                Some(component.fields[self.program.fields[*field].kernel].source)
            }
            _ => None,
        }
    }

    fn object(&mut self, id: ObjectId) -> Result<ObjId, Error> {
        match self.reach.objects.key(id).clone() {
            GlobalObject::Shared(key) => self.object_of_key(&key),
            GlobalObject::Own(_, ObjectKey::SubtypeTestCache { inputs, .. }) => {
                Ok(self.graph.add(objects::SubtypeTestCache {
                    cache: self.common.empty_subtype_test_cache_array,
                    num_inputs: u32::from(inputs),
                    num_occupied: 0,
                }))
            }
            GlobalObject::Own(_, key) => self.object_of_key(&key),
        }
    }

    fn pool(&mut self) -> Result<ObjId, Error> {
        let mut entries = Vec::with_capacity(self.link.pool.len());
        for slot in &self.link.pool {
            entries.push(match slot {
                PoolSlot::Object(object) => PoolEntry::constant(PoolValue::Object(self.object(*object)?)),
                PoolSlot::NativeFunction => PoolEntry::patchable(PoolValue::NativeFunction),
                PoolSlot::NativeTrampoline => PoolEntry::patchable(PoolValue::ResetToBootstrapNative),
            });
        }
        Ok(self.graph.add(ObjectPool { entries }))
    }

    fn field_tables(&mut self) -> Result<(Vec<ObjId>, Vec<ObjId>), Error> {
        let isolate = self.link.isolate_fields.clone();
        let shared = self.link.shared_fields.clone();
        let mut table = |fields: Vec<FieldId>| {
            fields.into_iter().map(|field| self.initial_value(field)).collect::<Result<Vec<ObjId>, Error>>()
        };
        Ok((table(isolate)?, table(shared)?))
    }

    fn initial_value(&mut self, field: FieldId) -> Result<ObjId, Error> {
        let declaration = &self.program.fields[field];
        match &declaration.init {
            snapcrane_program::FieldInit::Value(value) => self.object_of_key(&value.clone()),
            snapcrane_program::FieldInit::None if !declaration.is_late => Ok(ObjId::NULL),
            _ => Ok(ObjId::SENTINEL),
        }
    }

    fn dispatch_table(&self) -> Vec<Option<CodeRef>> {
        let mut table: Vec<Option<CodeRef>> = self
            .link
            .table
            .entries
            .iter()
            .map(|entry| {
                entry.and_then(|id| self.codes.get(&PieceKind::Function(id))).map(|&code| CodeRef::Code(code))
            })
            .collect();
        // A receiver of a class without a cell must not lead behind the table.
        table.resize(table.len() + self.program.classes.len(), None);
        table
    }

    fn instructions(&self) -> InstructionsTable {
        let entries = self
            .pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| TextEntry {
                code: Some(self.code_order[index]),
                pc_offset: self.placement.starts[index],
                stack_maps: code_tables::stack_maps(piece),
            })
            .collect();
        InstructionsTable { entries }
    }
}
