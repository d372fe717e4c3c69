//! Finding things: by name, by kernel reference, by class and selector; and the class hierarchy.

use std::borrow::Cow;

use cranelift_entity::{EntityRef, PrimaryMap};
use dart_kernel::{ClassIdx, Component, CtorIdx, FieldIdx, LibIdx, ProcIdx, Reference, StrIdx};
use rustc_hash::FxHashMap;

use crate::error::{Error, Result};
use crate::ids::{ClassId, FieldId, MemberId, Name, Selector, SelectorKind};
use crate::members::{constructor_id, procedure_id};
use crate::model::{Class, Field, Implementation, Member, MemberKind, Program, Target};

/// A class, or a library for its top-level members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Library(LibIdx),
    Class(ClassId),
}

/// Tables for lookup by name.
#[derive(Debug)]
pub(crate) struct Index<'k> {
    libraries: FxHashMap<&'k [u8], LibIdx>,
    strings: FxHashMap<&'k [u8], StrIdx>,
    classes: FxHashMap<(LibIdx, StrIdx), ClassId>,
    members: FxHashMap<(Owner, Name, MemberKind), MemberId>,
    fields: FxHashMap<(Owner, Name), FieldId>,
    /// By class id: what the class itself implements, sorted.
    implementations: Vec<Vec<(Selector, Implementation)>>,
}

impl<'k> Index<'k> {
    pub(crate) fn new(
        component: &'k Component<'k>,
        libraries: FxHashMap<&'k [u8], LibIdx>,
        classes: &[Option<Class>],
        fields: &PrimaryMap<FieldId, Field>,
        members: &PrimaryMap<MemberId, Member>,
    ) -> Index<'k> {
        let strings = (0..component.string_count()).map(StrIdx::new);
        let mut index = Index {
            libraries,
            strings: strings.map(|text| (component.string(text), text)).collect(),
            classes: FxHashMap::default(),
            members: FxHashMap::default(),
            fields: FxHashMap::default(),
            implementations: vec![Vec::new(); classes.len()],
        };
        for class in classes.iter().flatten() {
            if let Some(library) = class.library {
                index.classes.insert((library, class.name), class.id);
            }
        }
        let owner = |class: Option<ClassId>, library| class.map_or(Owner::Library(library), Owner::Class);
        for (id, field) in fields {
            index.fields.insert((owner(field.class, field.library), field.name), id);
            let (Some(class), false) = (field.class, field.is_static) else { continue };
            let list = &mut index.implementations[class.index()];
            let selector = |kind| Selector { name: field.name, kind };
            list.push((selector(SelectorKind::Getter), Implementation::FieldGetter(id)));
            if field.has_setter {
                list.push((selector(SelectorKind::Setter), Implementation::FieldSetter(id)));
            }
        }
        for (id, member) in members {
            index.members.insert((owner(member.class, member.library), member.name, member.kind), id);
            let Some(class) = member.class else { continue };
            if member.is_static || member.is_abstract {
                continue;
            }
            let list = &mut index.implementations[class.index()];
            let selector = |kind| Selector { name: member.name, kind };
            match member.kind {
                MemberKind::Method => {
                    list.push((selector(SelectorKind::Method), Implementation::Member(id)));
                    list.push((selector(SelectorKind::Getter), Implementation::TearOff(id)));
                }
                MemberKind::Getter => list.push((selector(SelectorKind::Getter), Implementation::Member(id))),
                MemberKind::Setter => list.push((selector(SelectorKind::Setter), Implementation::Member(id))),
                MemberKind::Factory | MemberKind::Constructor => {}
            }
        }
        for list in &mut index.implementations {
            list.sort_by_key(|entry| entry.0);
        }
        index
    }
}

impl Target {
    /// What a reference to a member means, in a component with that many procedures.
    pub(crate) fn of(reference: Reference, num_procedures: usize) -> Option<Target> {
        Some(match reference {
            Reference::Procedure(procedure) => Target::Member(procedure_id(procedure)),
            Reference::Constructor(constructor) => {
                Target::Member(constructor_id(num_procedures, constructor))
            }
            Reference::Field(field) | Reference::FieldGetter(field) | Reference::FieldSetter(field) => {
                Target::Field(FieldId::new(field.index()))
            }
            _ => return None,
        })
    }
}

impl MemberKind {
    /// The kind, for messages.
    pub fn describe(self) -> &'static str {
        match self {
            MemberKind::Method => "method",
            MemberKind::Getter => "getter",
            MemberKind::Setter => "setter",
            MemberKind::Factory => "factory",
            MemberKind::Constructor => "constructor",
        }
    }
}

/// Lookup by name.
impl<'k> Program<'k> {
    /// A string of the kernel string table, for people.
    pub fn text(&self, text: StrIdx) -> Cow<'k, str> {
        self.component.string_lossy(text)
    }

    /// The entry of the kernel string table with this text, if it has one.
    pub fn find_text(&self, text: &str) -> Option<StrIdx> {
        self.index.strings.get(text.as_bytes()).copied()
    }

    /// A name as seen in a library: private if it starts with `_`. `None` if the program has no such string.
    pub fn name_in(&self, library: LibIdx, text: &str) -> Option<Name> {
        let library = text.starts_with('_').then_some(library);
        Some(Name { text: self.find_text(text)?, library })
    }

    /// A public name. `None` if the program has no such string, so no member of that name.
    pub fn public_name(&self, text: &str) -> Option<Name> {
        Some(Name { text: self.find_text(text)?, library: None })
    }

    /// A kernel name.
    pub fn name(&self, name: dart_kernel::ast::Name) -> Name {
        Name { text: name.text, library: self.component.name_library(name) }
    }

    /// A library by its URI.
    ///
    /// # Errors
    /// If the program does not have it.
    pub fn find_library(&self, uri: &str) -> Result<LibIdx> {
        let found = self.index.libraries.get(uri.as_bytes()).copied();
        found.ok_or_else(|| Error::MissingLibrary { library: uri.into() })
    }

    /// A class by library URI and name (without private key).
    ///
    /// # Errors
    /// If the program does not have it.
    pub fn find_class(&self, library: &str, name: &str) -> Result<ClassId> {
        let found = self
            .index
            .libraries
            .get(library.as_bytes())
            .and_then(|&library| self.index.classes.get(&(library, self.find_text(name)?)).copied());
        found.ok_or_else(|| Error::MissingClass { library: library.into(), class: name.into() })
    }

    fn owner(&self, library: &str, class: &str) -> Result<(Owner, LibIdx)> {
        let library_index = self.find_library(library)?;
        let owner = match class {
            "" => Owner::Library(library_index),
            class => Owner::Class(self.find_class(library, class)?),
        };
        Ok((owner, library_index))
    }

    /// A procedure or constructor by library URI, class (empty for top-level functions), name and kind. Names are
    /// those of the source, without private keys; the unnamed constructor has the empty name.
    ///
    /// # Errors
    /// If the program does not have it.
    pub fn find_member(&self, library: &str, class: &str, name: &str, kind: MemberKind) -> Result<MemberId> {
        let (owner, library_index) = self.owner(library, class)?;
        let found = self
            .name_in(library_index, name)
            .and_then(|name| self.index.members.get(&(owner, name, kind)).copied());
        found.ok_or_else(|| missing(library, class, kind.describe(), name))
    }

    /// A field by library URI, class (empty for top-level fields) and name.
    ///
    /// # Errors
    /// If the program does not have it.
    pub fn find_field(&self, library: &str, class: &str, name: &str) -> Result<FieldId> {
        let (owner, library_index) = self.owner(library, class)?;
        let found =
            self.name_in(library_index, name).and_then(|name| self.index.fields.get(&(owner, name)).copied());
        found.ok_or_else(|| missing(library, class, "field", name))
    }
}

/// The error of a member that the compiler needs and the program lacks.
pub(crate) fn missing(library: &str, class: &str, kind: &'static str, name: &str) -> Error {
    let owner = if class.is_empty() { library.to_string() } else { format!("{library}::{class}") };
    Error::MissingMember { owner, kind, name: name.into() }
}

/// From kernel to the program.
impl Program<'_> {
    /// The id of a kernel class.
    pub fn class_of(&self, class: ClassIdx) -> ClassId {
        self.types.class_of[class.index()]
    }

    /// The id of a kernel procedure.
    pub fn procedure(&self, procedure: ProcIdx) -> MemberId {
        procedure_id(procedure)
    }

    /// The id of a kernel constructor.
    pub fn constructor(&self, constructor: CtorIdx) -> MemberId {
        constructor_id(self.component.procedures.len(), constructor)
    }

    /// The id of a kernel field.
    pub fn field(&self, field: FieldIdx) -> FieldId {
        FieldId::new(field.index())
    }

    /// What a member reference means.
    ///
    /// # Errors
    /// If nothing in the program declares it, or if it is no member.
    pub fn resolve(&self, reference: Reference) -> Result<Target> {
        Target::of(reference, self.component.procedures.len()).ok_or_else(|| {
            let reference = match reference {
                Reference::Unresolved(name) => self.component.qualified_name(name),
                other => format!("{other:?}"),
            };
            Error::BadReference { reference, expected: "member" }
        })
    }
}

/// Members by selector.
impl Program<'_> {
    /// What instances of a class do when a selector is called: own members first, then those of superclasses.
    /// Abstract members do not count.
    pub fn implementation(&self, class: ClassId, selector: Selector) -> Option<Implementation> {
        let mut class = Some(class);
        while let Some(id) = class {
            let own = self.own_implementations(id);
            if let Ok(found) = own.binary_search_by_key(&selector, |entry| entry.0) {
                return Some(own[found].1);
            }
            class = self.try_class(id)?.superclass;
        }
        None
    }

    /// What `super.selector` means in members of a class.
    pub fn super_member(&self, class: ClassId, selector: Selector) -> Option<Implementation> {
        self.implementation(self.try_class(class)?.superclass?, selector)
    }

    /// What the class itself implements, not counting superclasses, sorted by selector. Methods appear twice: as
    /// methods, and as getters that tear them off.
    pub fn own_implementations(&self, class: ClassId) -> &[(Selector, Implementation)] {
        self.index.implementations.get(class.index()).map_or(&[], Vec::as_slice)
    }
}

/// The class hierarchy.
impl Program<'_> {
    /// Whether a class is another one or extends it.
    pub fn is_subclass(&self, class: ClassId, superclass: ClassId) -> bool {
        let mut class = Some(class);
        while let Some(id) = class {
            if id == superclass {
                return true;
            }
            class = self.try_class(id).and_then(|class| class.superclass);
        }
        false
    }

    /// Whether a class is another one, or extends or implements it.
    pub fn implements(&self, class: ClassId, interface: ClassId) -> bool {
        self.types.implements(class, interface)
    }

    /// All classes that are, extend or implement a class, abstract ones included, in id order.
    pub fn implementers(&self, class: ClassId) -> &[ClassId] {
        &self.types.implementers[class.index()]
    }

    /// Inclusive ranges of class ids such that a non-null instance of one of the classes in `among` is an instance of
    /// `class` exactly if its id is in a range. `among` should hold for the concrete classes that can have instances.
    ///
    /// Ids of classes that are not `among` may be inside or outside, so ranges are few. `Null` is in the result only
    /// if it is the class asked for.
    pub fn class_id_ranges(&self, class: ClassId, among: impl Fn(ClassId) -> bool) -> Vec<(u32, u32)> {
        let null = self.core.null;
        let counts = |id: &ClassId| among(*id) && (*id != null || class == null);
        ranges(self.implementers(class).iter().copied().filter(counts), |id| {
            self.try_class(ClassId::new(id as usize)).is_some() && among(ClassId::new(id as usize))
        })
    }

    /// The same for all classes that are not abstract.
    pub fn concrete_class_id_ranges(&self, class: ClassId) -> Vec<(u32, u32)> {
        self.class_id_ranges(class, |id| self.try_class(id).is_some_and(|class| !class.is_abstract))
    }
}

/// Joins ascending ids to ranges; the ids between two members may not be `excluded`.
fn ranges(members: impl Iterator<Item = ClassId>, excluded: impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for id in members {
        let id = id.as_u32();
        match ranges.last_mut() {
            Some((_, end)) if (*end + 1..id).all(|between| !excluded(between)) => *end = id,
            _ => ranges.push((id, id)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_span_ids_without_instances() {
        let members = |ids: &[usize]| ids.iter().copied().map(ClassId::new).collect::<Vec<_>>().into_iter();
        let excluded = |id: u32| id == 12 || id == 30;
        assert_eq!(ranges(members(&[10, 11, 14, 20, 40]), excluded), [(10, 11), (14, 20), (40, 40)]);
        assert_eq!(ranges(members(&[]), excluded), []);
        assert_eq!(ranges(members(&[5]), excluded), [(5, 5)]);
    }
}
