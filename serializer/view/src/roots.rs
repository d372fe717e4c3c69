//! The roots with their names.

use crate::Snapshot;
use dart_snapshot::ObjId;
use std::fmt;

/// A list of roots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RootGroup {
    /// Arguments descriptors that the VM makes itself.
    CachedArgsDescriptor,
    /// Arrays that inline caches start with.
    CachedICDataArray,
    /// Strings of one code unit.
    OneCharSymbol,
    /// Handles that the VM keeps.
    Handle,
    /// Predefined symbols.
    Symbol,
    /// Stubs.
    Stub,
    /// Handles of the embedding interface.
    ApiHandle,
    /// Predefined classes.
    Class,
    /// Slots of the object store.
    ObjectStore,
    /// Initial values of static fields.
    StaticField,
    /// Initial values of static fields that isolates share.
    SharedStaticField,
}

impl RootGroup {
    /// Name for people and for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            RootGroup::CachedArgsDescriptor => "cached_args_descriptor",
            RootGroup::CachedICDataArray => "cached_icdata_array",
            RootGroup::OneCharSymbol => "one_char_symbol",
            RootGroup::Handle => "handle",
            RootGroup::Symbol => "symbol",
            RootGroup::Stub => "stub",
            RootGroup::ApiHandle => "api_handle",
            RootGroup::Class => "class",
            RootGroup::ObjectStore => "object_store",
            RootGroup::StaticField => "static_field",
            RootGroup::SharedStaticField => "shared_static_field",
        }
    }
}

impl fmt::Display for RootGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The list it is in.
    pub group: RootGroup,
    /// Its position in the list.
    pub index: usize,
    /// Its name in the VM; the index where it has none.
    pub name: String,
    /// The object.
    pub object: ObjId,
}

impl Snapshot<'_> {
    /// All roots, the dispatch table left out, in file order.
    pub fn named_roots(&self) -> Vec<Root> {
        let (roots, spec) = (self.roots(), &self.spec);
        let mut all = Vec::new();
        let mut list = |group, ids: &[ObjId], name: &dyn Fn(usize) -> String| {
            all.extend(ids.iter().enumerate().map(|(index, &object)| Root {
                group,
                index,
                name: name(index),
                object,
            }));
        };
        let number = |i: usize| i.to_string();
        list(RootGroup::CachedArgsDescriptor, &roots.cached_args_descriptors, &number);
        list(RootGroup::CachedICDataArray, &roots.cached_icdata_arrays, &number);
        list(RootGroup::OneCharSymbol, &roots.one_char_symbols, &number);
        list(RootGroup::Handle, &roots.handles, &|i| spec.handle_roots[i].name.clone());
        list(RootGroup::Symbol, &roots.symbols, &|i| spec.symbols[i].clone());
        list(RootGroup::Stub, &roots.stubs, &|i| spec.stubs[i].clone());
        list(RootGroup::ApiHandle, &roots.api_handles, &|i| spec.api_handles[i].clone());
        list(RootGroup::Class, &roots.class_table, &|i| self.vm_class_name(spec.class_roots[i]));
        list(RootGroup::ObjectStore, &roots.object_store, &|i| spec.object_store[i].name.clone());
        list(RootGroup::StaticField, &roots.initial_field_table, &number);
        list(RootGroup::SharedStaticField, &roots.shared_initial_field_table, &number);
        all
    }
}
