//! The object graph: a dense vector of [`Object`]s, numbered by [`ObjId`].
//!
//! The graph knows nothing of compilers or targets beyond what its objects hold. Whoever builds it adds
//! objects in any order, closes cycles with [`Graph::get_mut`], and hands the graph to
//! [`crate::write_snapshot`], which keeps what the roots reach. Integers have no width here: one
//! [`crate::objects::Mint`] per value, whether or not it is a Smi on a target.
//!
//! A *canonical* object is unique among the equal ones, and the runtime finds it by hash; [`Graph::intern`]
//! keeps that invariant for objects that are complete when they are added. Objects on a cycle (generic
//! function types) are the builder's duty: make them equal-free, then [`Graph::add_canonical`].

use crate::error::{Error, Result};
use crate::objects::{Double, Mint, Object, ObjectKind, SentinelKind, Str, TypeArguments, Variant};
use cranelift_entity::{EntitySet, PrimaryMap, entity_impl};
use rustc_hash::FxHashMap;

/// Number of an object in a [`Graph`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjId(u32);
entity_impl!(ObjId, "obj");

impl ObjId {
    /// Dart `null`.
    pub const NULL: ObjId = ObjId(0);
    /// Dart `false`.
    pub const FALSE: ObjId = ObjId(1);
    /// Dart `true`.
    pub const TRUE: ObjId = ObjId(2);
    /// Marks an uninitialised late variable, and an unused slot of a hash table.
    pub const SENTINEL: ObjId = ObjId(3);
    /// The constant propagator's "not known yet".
    pub const UNKNOWN_CONSTANT: ObjId = ObjId(4);
    /// The constant propagator's "not constant".
    pub const NON_CONSTANT: ObjId = ObjId(5);
    /// Stands for an object that the compiler removed.
    pub const OPTIMIZED_OUT: ObjId = ObjId(6);

    /// Objects that the runtime supplies: they are never written, and have references 1 … in id order.
    pub const BASE_OBJECTS: [ObjId; 7] = [
        ObjId::NULL,
        ObjId::FALSE,
        ObjId::TRUE,
        ObjId::SENTINEL,
        ObjId::UNKNOWN_CONSTANT,
        ObjId::NON_CONSTANT,
        ObjId::OPTIMIZED_OUT,
    ];

    /// `true` or `false`.
    pub fn bool(value: bool) -> ObjId {
        if value { ObjId::TRUE } else { ObjId::FALSE }
    }

    /// Whether the runtime supplies this object.
    pub fn is_base(self) -> bool {
        (self.0 as usize) < ObjId::BASE_OBJECTS.len()
    }

    /// Whether this is [`ObjId::NULL`].
    pub fn is_null(self) -> bool {
        self == ObjId::NULL
    }
}

impl Default for ObjId {
    fn default() -> ObjId {
        ObjId::NULL
    }
}

/// The objects of one program.
#[derive(Debug, Clone)]
pub struct Graph {
    objects: PrimaryMap<ObjId, Object>,
    canonical: EntitySet<ObjId>,
    interned: FxHashMap<Object, ObjId>,
    integers: FxHashMap<i64, ObjId>,
}

impl Default for Graph {
    fn default() -> Graph {
        Graph::new()
    }
}

impl Graph {
    /// A graph with the base objects.
    pub fn new() -> Graph {
        let mut objects = PrimaryMap::new();
        objects.push(Object::Null);
        objects.push(Object::Bool(false));
        objects.push(Object::Bool(true));
        for kind in [
            SentinelKind::Sentinel,
            SentinelKind::UnknownConstant,
            SentinelKind::NonConstant,
            SentinelKind::OptimizedOut,
        ] {
            objects.push(Object::Sentinel(kind));
        }
        let mut graph = Graph {
            objects,
            canonical: EntitySet::new(),
            interned: FxHashMap::default(),
            integers: FxHashMap::default(),
        };
        for id in ObjId::BASE_OBJECTS {
            graph.canonical.insert(id);
        }
        graph
    }

    /// Number of objects, base objects included.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Never: there are always base objects.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// All objects in id order.
    pub fn iter(&self) -> impl Iterator<Item = (ObjId, &Object)> {
        self.objects.iter()
    }

    /// Adds an object that is not canonical.
    pub fn add(&mut self, object: impl Into<Object>) -> ObjId {
        self.objects.push(object.into())
    }

    /// Adds a canonical object without looking for an equal one.
    pub fn add_canonical(&mut self, object: impl Into<Object>) -> ObjId {
        let id = self.add(object);
        self.canonical.insert(id);
        self.register_integer(id);
        id
    }

    /// The canonical object equal to `object`, added if need be. Equality is by field; a type's stub and
    /// cached hash do not count, and the first one interned keeps its stub.
    pub fn intern(&mut self, object: impl Into<Object>) -> ObjId {
        let object = object.into();
        if let Object::Mint(m) = object {
            return self.integer(m.value);
        }
        let key = object.canonical_key().into_owned();
        if let Some(&id) = self.interned.get(&key) {
            return id;
        }
        let id = self.add_canonical(object);
        self.interned.insert(key, id);
        id
    }

    /// The canonical string (a *symbol*).
    pub fn symbol(&mut self, text: &str) -> ObjId {
        self.intern(Str::new(text))
    }

    /// The canonical string of UTF-16 code units, lone surrogates allowed.
    pub fn symbol_utf16(&mut self, units: &[u16]) -> ObjId {
        self.intern(Str::from_utf16(units))
    }

    /// The integer object: a Smi where the target's Smis can hold it, else a Mint.
    pub fn integer(&mut self, value: i64) -> ObjId {
        if let Some(&id) = self.integers.get(&value) {
            return id;
        }
        self.add_canonical(Mint { value })
    }

    /// The integer object, if the graph already has it.
    pub fn find_integer(&self, value: i64) -> Option<ObjId> {
        self.integers.get(&value).copied()
    }

    /// The canonical double with these bits.
    pub fn double(&mut self, value: f64) -> ObjId {
        self.intern(Double { bits: value.to_bits() })
    }

    /// The canonical type-argument vector.
    pub fn type_arguments(&mut self, types: Vec<ObjId>) -> ObjId {
        self.intern(TypeArguments { types, ..TypeArguments::default() })
    }

    /// Whether the object is canonical.
    pub fn is_canonical(&self, id: ObjId) -> bool {
        self.canonical.contains(id)
    }

    /// Makes an object canonical. The caller answers for its uniqueness.
    pub fn set_canonical(&mut self, id: ObjId) {
        self.canonical.insert(id);
    }

    /// Whether the id belongs to this graph.
    pub fn contains(&self, id: ObjId) -> bool {
        self.objects.is_valid(id)
    }

    /// The object.
    ///
    /// # Panics
    /// If `id` comes from another graph.
    pub fn object(&self, id: ObjId) -> &Object {
        &self.objects[id]
    }

    /// The object, for changing it. Interned objects must not change in a way that equality sees.
    ///
    /// # Panics
    /// If `id` comes from another graph.
    pub fn object_mut(&mut self, id: ObjId) -> &mut Object {
        &mut self.objects[id]
    }

    /// The kind of an object; `None` if the id is not of this graph.
    pub fn kind(&self, id: ObjId) -> Option<ObjectKind> {
        self.objects.get(id).map(Object::kind)
    }

    /// Makes an integer object known to [`Graph::find_integer`] once its value is.
    pub(crate) fn register_integer(&mut self, id: ObjId) {
        if let Object::Mint(m) = &self.objects[id] {
            self.integers.entry(m.value).or_insert(id);
        }
    }

    /// The object as a `T`.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if it is of another class or does not exist.
    pub fn get<T: Variant>(&self, id: ObjId) -> Result<&T> {
        self.objects.get(id).and_then(T::of).ok_or_else(|| self.not_a::<T>(id))
    }

    /// The object as a `T`, for changing it.
    ///
    /// # Errors
    /// [`Error::Inconsistent`] if it is of another class or does not exist.
    pub fn get_mut<T: Variant>(&mut self, id: ObjId) -> Result<&mut T> {
        if self.objects.get(id).and_then(T::of).is_none() {
            return Err(self.not_a::<T>(id));
        }
        Ok(T::of_mut(&mut self.objects[id]).expect("just checked"))
    }

    fn not_a<T: Variant>(&self, id: ObjId) -> Error {
        Error::Inconsistent { object: self.describe(id), reason: format!("is not a {}", T::KIND.name()) }
    }

    /// The text of a String object, unpaired surrogates replaced; `None` for other objects.
    pub fn text(&self, id: ObjId) -> Option<String> {
        self.objects.get(id).and_then(Str::of).map(Str::to_string_lossy)
    }

    /// How messages call an object: kind, name where it has one, id.
    pub fn describe(&self, id: ObjId) -> String {
        match self.objects.get(id) {
            Some(Object::Code(code)) if !code.owner.is_null() => {
                format!("Code of {}", self.describe_alone(code.owner))
            }
            Some(Object::Closure(closure)) => format!("Closure of {}", self.describe_alone(closure.function)),
            _ => self.describe_alone(id),
        }
    }

    /// Does not look at other objects but names: in a damaged snapshot code may own itself.
    fn describe_alone(&self, id: ObjId) -> String {
        let Some(object) = self.objects.get(id) else { return format!("{id} (no such object)") };
        let name = match object {
            Object::String(s) => Some(s.to_string_lossy()),
            Object::Mint(m) => Some(m.value.to_string()),
            Object::Type(t) => Some(format!("of class {}", t.class_id())),
            Object::Instance(i) => Some(format!("of class {}", i.class_id)),
            _ => object.name().and_then(|n| self.text(n)),
        };
        match name {
            Some(mut name) => {
                if name.chars().count() > 60 {
                    name = name.chars().take(60).chain(['…']).collect();
                }
                format!("{} `{name}` ({id})", object.kind().name())
            }
            None => format!("{} ({id})", object.kind().name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Code;

    #[test]
    fn code_may_own_itself() {
        let mut graph = Graph::new();
        let code = graph.add(Code::default());
        graph.get_mut::<Code>(code).expect("code").owner = code;
        assert_eq!(graph.describe(code), format!("Code of Code ({code})"));
    }
}
