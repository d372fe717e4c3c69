//! Which functions, objects and dispatch rows a program needs.
//!
//! # Problem
//!
//! The kernel file holds more than a program can reach, and the compiler itself adds functions: entries, adapters, tear-offs. What
//! a function needs is only known once its IR exists.
//!
//! # Approach
//!
//! A worklist in rounds. Each round builds the IR of all newly found functions in parallel; then, on one thread and in
//! the order in which the functions were found, their tables are merged: callees and closures are found functions, allocated classes
//! make cells of all rows live, new rows make cells of all allocated classes live. Numbers are given in this merge, so they
//! do not depend on the number of threads.
//!
//! # Invariants
//!
//! Every function, object and row that a built function refers to has a number when the worklist is empty. Rows have a cell for every
//! allocated class that implements their selector.

use std::collections::BTreeSet;

use cranelift_entity::{EntityRef, PrimaryMap, entity_impl};
use dart_kernel::ConstIdx;
use rustc_hash::FxHashMap;
use snapcrane_build::{BuildContext, Locals};
use snapcrane_ir::{AllocKind, Function, Inst};
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, MemberId, ObjectKey, RowKey};
use snapcrane_program::types::RecordShape;
use snapcrane_program::{ConstantValue, Program, RootTarget};

use crate::error::Error;
use crate::interner::Interner;
use crate::parallel;
use crate::{Observer, Options};

/// A function that code is made for, numbered in the order of discovery.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(u32);
entity_impl!(FunctionId, "function");

/// An object that code refers to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(u32);
entity_impl!(ObjectId, "object");

/// A row of the dispatch table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(u32);
entity_impl!(RowId, "row");

/// An object, told apart between functions where each function has its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GlobalObject {
    /// One object for all functions.
    Shared(ObjectKey),
    /// An object of one function (a subtype-test cache).
    Own(FunctionId, ObjectKey),
}

impl GlobalObject {
    /// What the object is.
    pub fn key(&self) -> &ObjectKey {
        match self {
            GlobalObject::Shared(key) | GlobalObject::Own(_, key) => key,
        }
    }
}

/// How a function gets its machine code.
#[derive(Debug)]
pub enum Body {
    /// From IR.
    Ir(Box<Function>),
    /// It calls a C function of the engine or the embedder.
    Native(MemberId),
}

/// A function with its references resolved to numbers.
#[derive(Debug)]
pub struct Reached {
    /// Its body.
    pub body: Body,
    /// Numbers of [`Function::objects`].
    pub objects: Vec<ObjectId>,
    /// Numbers of [`Function::callees`].
    pub callees: Vec<FunctionId>,
    /// Numbers of [`Function::rows`].
    pub rows: Vec<RowId>,
}

/// Everything that a program needs.
#[derive(Debug, Default)]
pub struct Reach {
    /// Functions in order of discovery.
    pub functions: Interner<FunctionId, FunctionKey>,
    /// Their bodies.
    pub bodies: PrimaryMap<FunctionId, Option<Reached>>,
    /// Objects in order of discovery.
    pub objects: Interner<ObjectId, GlobalObject>,
    /// Rows in order of discovery.
    pub rows: Interner<RowId, RowKey>,
    /// Cells of each row, in the order of class ids.
    pub cells: PrimaryMap<RowId, Vec<(ClassId, FunctionId)>>,
    /// Classes that have instances.
    pub allocated: BTreeSet<ClassId>,
    /// Classes that the engine looks up without making instances.
    pub looked_up: BTreeSet<ClassId>,
    /// Static fields that are read or written.
    pub static_fields: BTreeSet<FieldId>,
    /// Numbers of the name lists of record shapes.
    pub record_names: FxHashMap<Vec<dart_kernel::StrIdx>, u32>,
    /// Local functions by node offset.
    pub locals: Locals,
}

impl Reach {
    /// Number of the code of a function that was found.
    pub fn function(&self, key: &FunctionKey) -> Option<FunctionId> {
        self.functions.get(key)
    }
}

struct Worklist<'p, 'k> {
    program: &'p Program<'k>,
    reach: Reach,
    pending: Vec<FunctionId>,
    new_classes: Vec<ClassId>,
    new_rows: Vec<RowId>,
    constants: rustc_hash::FxHashSet<ConstIdx>,
}

/// Finds everything that the roots of a program need.
///
/// # Errors
/// The first function, in order of discovery, that cannot be compiled.
pub fn reach<'k>(program: &Program<'k>, options: &Options, observer: &dyn Observer) -> Result<Reach, Error> {
    let mut work = Worklist {
        program,
        reach: Reach::default(),
        pending: Vec::new(),
        new_classes: Vec::new(),
        new_rows: Vec::new(),
        constants: rustc_hash::FxHashSet::default(),
    };
    for root in program.roots()? {
        work.root(&root.target)?;
    }
    for class in program.all_classes() {
        // Instances of predefined classes come from the engine, whatever Dart code allocates.
        if class.id.as_u32() < program.engine.num_predefined_cids && !class.is_abstract {
            work.allocate(class.id);
        }
    }
    let mut done = 0;
    loop {
        work.close_rows();
        let round = std::mem::take(&mut work.pending);
        if round.is_empty() {
            break;
        }
        let keys: Vec<FunctionKey> = round
            .iter()
            .map(|&id| work.reach.functions.key(id).clone())
            .filter(|key| !work.is_built(key))
            .collect();
        let built = {
            let context = BuildContext::new(program, options.enable_asserts, &work.reach.locals);
            let build = |key: &FunctionKey| match snapcrane_build::build(&context, key) {
                // Whoever asks for some functions wants them even if others cannot be compiled; those trap.
                Err(snapcrane_build::Error::Unsupported { .. }) if options.only_functions.is_some() => {
                    Ok(snapcrane_build::BuildOutput::default())
                }
                result => result,
            };
            parallel::map(&keys, |_| 0, || (), |(), key| build(key))?
        };
        for (key, output) in keys.iter().zip(built) {
            work.reach.locals.0.extend(output.locals.into_iter().map(|local| (local.node, local)));
            if let (true, FunctionKey::Member(member)) = (output.is_native, key) {
                let id = work.function(key);
                work.reach.bodies[id] = Some(Reached {
                    body: Body::Native(*member),
                    objects: Vec::new(),
                    callees: Vec::new(),
                    rows: Vec::new(),
                });
            }
            for function in output.functions {
                work.merge(function)?;
            }
        }
        done += round.len();
        observer.functions(done, done + work.pending.len());
    }
    Ok(work.reach)
}

impl Worklist<'_, '_> {
    fn is_built(&self, key: &FunctionKey) -> bool {
        self.reach.functions.get(key).is_some_and(|id| self.reach.bodies[id].is_some())
    }

    fn function(&mut self, key: &FunctionKey) -> FunctionId {
        let (id, new) = self.reach.functions.intern(key);
        if new {
            self.reach.bodies.push(None);
            self.pending.push(id);
        }
        id
    }

    /// A function that the engine or a closure calls: its entries are needed too.
    fn function_object(&mut self, key: &FunctionKey) {
        self.function(key);
        self.function(&FunctionKey::GenericEntry(Box::new(key.clone())));
        if matches!(key, FunctionKey::Local(_) | FunctionKey::TearOff(_)) {
            self.function(&FunctionKey::DynEntry(Box::new(key.clone())));
        }
    }

    fn allocate(&mut self, class: ClassId) {
        if self.reach.allocated.insert(class) {
            self.new_classes.push(class);
        }
    }

    fn row(&mut self, key: &RowKey) -> RowId {
        let (id, new) = self.reach.rows.intern(key);
        if new {
            self.reach.cells.push(Vec::new());
            self.new_rows.push(id);
        }
        id
    }

    fn object(&mut self, owner: FunctionId, key: &ObjectKey) -> Result<ObjectId, Error> {
        let global = match key {
            ObjectKey::SubtypeTestCache { .. } => GlobalObject::Own(owner, key.clone()),
            ObjectKey::Constant(constant) => {
                GlobalObject::Shared(self.program.constant_object(*constant).clone())
            }
            _ => GlobalObject::Shared(key.clone()),
        };
        let key = global.key().clone();
        let (id, new) = self.reach.objects.intern(&global);
        if new {
            self.object_contents(&key)?;
        }
        Ok(id)
    }

    fn object_contents(&mut self, key: &ObjectKey) -> Result<(), Error> {
        match key {
            ObjectKey::Function(function) | ObjectKey::StaticClosure(function) => {
                self.function_object(function)
            }
            ObjectKey::Constant(constant) => self.constant(*constant)?,
            ObjectKey::ImmutableArray(elements) => {
                for element in elements.iter() {
                    self.object_contents(element)?;
                }
            }
            ObjectKey::Field(field) => self.field_object(*field),
            _ => {}
        }
        Ok(())
    }

    /// The engine runs the initialiser of a field that it is given.
    fn field_object(&mut self, field: FieldId) {
        if self.program.fields[field].init == snapcrane_program::FieldInit::Code {
            self.function_object(&FunctionKey::FieldInit(field));
        }
    }

    fn constant(&mut self, constant: ConstIdx) -> Result<(), Error> {
        if !self.constants.insert(constant) {
            return Ok(());
        }
        let value = self.program.constant(constant)?.clone();
        match &value {
            ConstantValue::Object(key) => self.object_contents(key)?,
            ConstantValue::List { elements, .. } | ConstantValue::Set { elements, .. } => {
                self.contents(elements.iter())?
            }
            ConstantValue::Map { entries, .. } => {
                self.contents(entries.iter().flat_map(|(key, value)| [key, value]))?;
            }
            ConstantValue::Instance { class, fields, .. } => {
                self.allocate(*class);
                self.contents(fields.iter().map(|(_, value)| value))?;
            }
            ConstantValue::Instantiation { function, .. } => self.object_contents(function)?,
            ConstantValue::Record { shape, fields } => {
                self.record_shape(shape);
                self.contents(fields.iter())?;
            }
            ConstantValue::Unresolved(_) | ConstantValue::NamelessSymbol => {}
        }
        Ok(())
    }

    fn contents<'o>(&mut self, keys: impl Iterator<Item = &'o ObjectKey>) -> Result<(), Error> {
        keys.cloned().collect::<Vec<_>>().iter().try_for_each(|key| self.object_contents(key))
    }

    /// Numbers the names of a record's fields; 0 stands for records without named fields.
    fn record_shape(&mut self, shape: &RecordShape) {
        if !shape.names.is_empty() {
            let next = self.reach.record_names.len() as u32 + 1;
            self.reach.record_names.entry(shape.names.clone()).or_insert(next);
        }
    }

    fn root(&mut self, root: &RootTarget) -> Result<(), Error> {
        match root {
            RootTarget::Function(key) => self.function_object(key),
            RootTarget::TearOff(member) => self.function_object(&FunctionKey::TearOff(*member)),
            RootTarget::Class(class) => self.allocate(*class),
            RootTarget::ClassOnly(class) => {
                self.reach.looked_up.insert(*class);
            }
            RootTarget::Field(field) => {
                if self.program.fields[*field].is_static {
                    self.static_field(*field)?;
                }
                self.field_object(*field);
            }
        }
        Ok(())
    }

    fn static_field(&mut self, field: FieldId) -> Result<(), Error> {
        if self.reach.static_fields.insert(field)
            && let snapcrane_program::FieldInit::Value(value) = &self.program.fields[field].init
        {
            self.object_contents(&value.clone())?;
        }
        Ok(())
    }

    fn merge(&mut self, function: Function) -> Result<(), Error> {
        let id = self.function(&function.key);
        if self.reach.bodies[id].is_some() {
            return Ok(());
        }
        let objects = function
            .objects
            .values()
            .map(|key| self.object(id, key))
            .collect::<Result<Vec<ObjectId>, Error>>()?;
        let callees = function.callees.values().map(|key| self.function(key)).collect();
        let rows = function.rows.values().map(|key| self.row(key)).collect();
        for data in function.insts.values() {
            match &data.inst {
                Inst::Allocate { kind: AllocKind::Object(class), .. } => {
                    self.allocate(*class);
                    self.object(id, &ObjectKey::Class(*class))?;
                }
                // The slow paths of these allocations name the class, too.
                Inst::Allocate {
                    kind: AllocKind::TypedDataView(class) | AllocKind::ExternalTypedData(class),
                    ..
                } => {
                    self.object(id, &ObjectKey::Class(*class))?;
                }
                Inst::Allocate { kind: AllocKind::GrowableArray, .. } => {
                    let class = ClassId::from_u32(self.program.engine.cids.growable_object_array);
                    self.object(id, &ObjectKey::Class(class))?;
                }
                Inst::Allocate { kind: AllocKind::Pointer, .. } => {
                    let class = ClassId::from_u32(self.program.engine.cids.pointer);
                    self.object(id, &ObjectKey::Class(class))?;
                }
                Inst::Allocate { kind: AllocKind::Record(shape), .. } => self.record_shape(shape),
                Inst::LoadStatic(field) | Inst::StoreStatic(field, _) => self.static_field(*field)?,
                _ => {}
            }
        }
        self.reach.bodies[id] = Some(Reached { body: Body::Ir(Box::new(function)), objects, callees, rows });
        Ok(())
    }

    /// Adds the cells of new rows for all classes, and of all rows for new classes.
    fn close_rows(&mut self) {
        let new_classes = std::mem::take(&mut self.new_classes);
        let new_rows = std::mem::take(&mut self.new_rows);
        let first_new_row = new_rows.first().map_or(self.reach.rows.len(), |row| row.index());
        for index in 0..first_new_row {
            for &class in &new_classes {
                self.cell(RowId::new(index), class);
            }
        }
        let classes: Vec<ClassId> = self.reach.allocated.iter().copied().collect();
        for &row in &new_rows {
            for &class in &classes {
                self.cell(row, class);
            }
        }
    }

    fn cell(&mut self, row: RowId, class: ClassId) {
        let target = self.program.cell(class, self.reach.rows.key(row));
        if let Some(key) = target {
            let function = self.function(&key);
            let cells = &mut self.reach.cells[row];
            let position = cells.partition_point(|(other, _)| *other < class);
            cells.insert(position, (class, function));
        }
    }
}
