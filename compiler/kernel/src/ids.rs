//! Identifiers: dense `u32` newtypes for the component's entities, byte offsets for nodes of bodies.

use cranelift_entity::entity_impl;

macro_rules! entity {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);
        entity_impl!($name, $prefix);
    )*};
}

entity! {
    /// An entry of the string table. Index 0 is the empty string.
    StrIdx = "str";
    /// An entry of the canonical name table.
    NameIdx = "name";
    /// An entry of the source table (the format's `UriReference`).
    SourceIdx = "source";
    /// An entry of the constant table.
    ConstIdx = "const";
    /// A library.
    LibIdx = "lib";
    /// A class.
    ClassIdx = "class";
    /// A field, static or not.
    FieldIdx = "field";
    /// A constructor.
    CtorIdx = "ctor";
    /// A procedure: method, getter, setter, operator or factory.
    ProcIdx = "proc";
    /// A typedef.
    TypedefIdx = "typedef";
    /// An extension.
    ExtensionIdx = "extension";
    /// An extension type declaration.
    ExtTypeIdx = "exttype";
}

/// Absolute byte offset of a node's first byte in the file: the identity of a node, and the key of its metadata.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeOffset(pub u32);

/// A variable, named by the absolute byte offset of its declaration's tag.
///
/// Metadata of a variable (`vm.inferred-type`, `vm.inferred-arg-type`) is keyed by the same offset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VarId(pub u32);

impl VarId {
    /// The offset of the declaration, as metadata key.
    pub fn node(self) -> NodeOffset {
        NodeOffset(self.0)
    }
}

/// A position in a source text, in UTF-16 code units from its start, or none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(i32);

impl Position {
    /// No position.
    pub const NONE: Position = Position(-1);

    /// From the format's `FileOffset`, which is the position plus one.
    pub(crate) fn from_encoded(encoded: u32) -> Self {
        Position(encoded as i32 - 1)
    }

    /// The offset, if there is one.
    pub fn get(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }

    /// The offset, -1 for none.
    pub fn raw(self) -> i32 {
        self.0
    }

    /// Whether there is a position.
    pub fn is_some(self) -> bool {
        self.0 >= 0
    }
}

impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.get() {
            Some(offset) => write!(f, "@{offset}"),
            None => f.write_str("@-"),
        }
    }
}

/// A member of a library, class or extension type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Member {
    /// A field.
    Field(FieldIdx),
    /// A procedure.
    Procedure(ProcIdx),
    /// A constructor.
    Constructor(CtorIdx),
}

/// What directly encloses a member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Enclosing {
    /// A top-level member.
    Library(LibIdx),
    /// A member of a class.
    Class(ClassIdx),
    /// A member of an extension type declaration (abstract in ahead-of-time files).
    ExtensionType(ExtTypeIdx),
}

/// What a canonical name reference denotes.
///
/// A field owns up to three names, so a reference to a field says which of them was used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reference {
    /// The null reference.
    None,
    /// A name nothing in the file declares: its declaration was tree-shaken, or the name is only a prefix of others.
    Unresolved(NameIdx),
    /// A library.
    Library(LibIdx),
    /// A class.
    Class(ClassIdx),
    /// A typedef.
    Typedef(TypedefIdx),
    /// An extension.
    Extension(ExtensionIdx),
    /// An extension type declaration.
    ExtensionType(ExtTypeIdx),
    /// A field itself (`@fields`).
    Field(FieldIdx),
    /// A field's implicit getter (`@getters`).
    FieldGetter(FieldIdx),
    /// A field's implicit setter (`@setters`).
    FieldSetter(FieldIdx),
    /// A procedure. A tear-off of a method uses the method's own name.
    Procedure(ProcIdx),
    /// A constructor.
    Constructor(CtorIdx),
}

impl Reference {
    /// The member, whichever of its names was used.
    pub fn member(self) -> Option<Member> {
        match self {
            Reference::Field(f) | Reference::FieldGetter(f) | Reference::FieldSetter(f) => {
                Some(Member::Field(f))
            }
            Reference::Procedure(p) => Some(Member::Procedure(p)),
            Reference::Constructor(c) => Some(Member::Constructor(c)),
            _ => None,
        }
    }
}
