//! The component: tables, declarations, and the way from there to lazily read bodies.

use std::marker::PhantomData;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, PrimaryMap};

use crate::ast::*;
use crate::error::Result;
use crate::ids::*;
use crate::metadata::MetadataTables;
use crate::parser::{Parser, Tables};
use crate::summary::Tally;
use crate::wtf8;
use bumpalo::Bump;

/// A kernel file: everything but bodies, which [`parse_procedure_body`](Component::parse_procedure_body) and its
/// siblings read on demand, from any number of threads.
///
/// Borrows the file's bytes (typically a memory map) and an arena that holds declarations, types and constants.
pub struct Component<'a> {
    pub(crate) tables: Tables<'a>,
    /// The SDK hash the file was made with; ten zeros mean "do not check".
    pub sdk_hash: &'a [u8],
    /// Compile-time problems, as JSON texts. Empty for a valid program.
    pub problems: &'a [&'a [u8]],
    /// The `main` procedure.
    pub main: Option<ProcIdx>,
    /// Sources.
    pub sources: PrimaryMap<SourceIdx, Source<'a>>,
    /// Libraries, in file order.
    pub libraries: PrimaryMap<LibIdx, Library<'a>>,
    /// Classes, library by library.
    pub classes: PrimaryMap<ClassIdx, Class<'a>>,
    /// Fields, owner by owner.
    pub fields: PrimaryMap<FieldIdx, Field<'a>>,
    /// Constructors, class by class.
    pub constructors: PrimaryMap<CtorIdx, Constructor<'a>>,
    /// Procedures, owner by owner.
    pub procedures: PrimaryMap<ProcIdx, Procedure<'a>>,
    /// Typedefs (names only: no type refers to them any more).
    pub typedefs: PrimaryMap<TypedefIdx, Typedef>,
    /// Extensions (their members are library procedures).
    pub extensions: PrimaryMap<ExtensionIdx, Extension>,
    /// Extension type declarations (their members are library procedures, too).
    pub extension_types: PrimaryMap<ExtTypeIdx, ExtensionType<'a>>,
    pub(crate) constants: PrimaryMap<ConstIdx, Constant<'a>>,
    pub(crate) line_starts: Vec<u32>,
    pub(crate) metadata: MetadataTables<'a>,
    pub(crate) pragma: Option<PragmaClass>,
    pub(crate) sections: Sections,
}

/// Where the sections of the file start.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sections {
    /// Source table.
    pub sources: u32,
    /// Constant table.
    pub constants: u32,
    /// Offsets of the constants.
    pub constant_index: u32,
    /// Canonical names.
    pub names: u32,
    /// Metadata payloads.
    pub metadata_payloads: u32,
    /// Metadata mappings.
    pub metadata_mappings: u32,
    /// String table.
    pub strings: u32,
    /// Component index, including the padding before it.
    pub index: u32,
}

/// `dart:core`'s `pragma` class, to decode annotations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PragmaClass {
    pub(crate) class: ClassIdx,
    pub(crate) name: FieldIdx,
    /// Missing if tree-shaken.
    pub(crate) options: Option<FieldIdx>,
}

/// A contiguous range of entities.
pub struct IdRange<K> {
    start: u32,
    end: u32,
    key: PhantomData<K>,
}

impl<K: EntityRef> IdRange<K> {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        IdRange { start: start as u32, end: end as u32, key: PhantomData }
    }

    /// Number of entities.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The entities, in file order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = K> + ExactSizeIterator {
        (self.start as usize..self.end as usize).map(K::new)
    }

    /// Whether it contains an entity.
    pub fn contains(self, key: K) -> bool {
        (self.start as usize..self.end as usize).contains(&key.index())
    }
}

impl<K> Clone for IdRange<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for IdRange<K> {}

impl<K> std::fmt::Debug for IdRange<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A canonical name: `library / class / @kind / name`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CanonicalName {
    /// Parent; none for a library's name.
    pub parent: PackedOption<NameIdx>,
    /// Last part.
    pub name: StrIdx,
}

/// A source file.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// URI of the file.
    pub uri: &'a [u8],
    /// URI the file is imported by (`package:`, `dart:`), if different; else empty.
    pub import_uri: &'a [u8],
    /// The text, empty unless embedded.
    pub text: &'a [u8],
    /// First line start in the component's table, and number of lines.
    pub(crate) lines: (u32, u32),
}

/// A library.
#[derive(Clone, Copy, Debug)]
pub struct Library<'a> {
    /// Byte offset.
    pub node: NodeOffset,
    /// Flags: 1 synthetic, 2 supports conditional imports, 4 always importable, 8 importable with a flag.
    pub flags: u8,
    /// Language version, major and minor.
    pub language_version: (u32, u32),
    /// Canonical name: the import URI.
    pub canonical_name: NameIdx,
    /// Name of the `library` directive, or empty.
    pub name: StrIdx,
    /// File.
    pub source: SourceIdx,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// Imports and exports; `LoadLibrary` and `CheckLibraryIsLoaded` index them.
    pub dependencies: &'a [LibraryDependency<'a>],
    /// Names exported from other libraries.
    pub additional_exports: &'a [Reference],
    /// Typedefs.
    pub typedefs: IdRange<TypedefIdx>,
    /// Classes.
    pub classes: IdRange<ClassIdx>,
    /// Extensions.
    pub extensions: IdRange<ExtensionIdx>,
    /// Extension type declarations.
    pub extension_types: IdRange<ExtTypeIdx>,
    /// Top-level fields.
    pub fields: IdRange<FieldIdx>,
    /// Top-level procedures.
    pub procedures: IdRange<ProcIdx>,
}

/// An import or export.
#[derive(Clone, Copy, Debug)]
pub struct LibraryDependency<'a> {
    /// Position.
    pub position: Position,
    /// Whether this is an export.
    pub is_export: bool,
    /// Whether this is a deferred import.
    pub is_deferred: bool,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// The other library.
    pub target: Reference,
    /// Prefix, or empty.
    pub prefix: StrIdx,
    /// `show` and `hide` clauses.
    pub combinators: &'a [Combinator<'a>],
}

/// A `show` or `hide` clause.
#[derive(Clone, Copy, Debug)]
pub struct Combinator<'a> {
    /// `show` rather than `hide`.
    pub is_show: bool,
    /// Names.
    pub names: &'a [StrIdx],
}

/// A typedef.
#[derive(Clone, Copy, Debug)]
pub struct Typedef {
    /// Byte offset.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// Name.
    pub name: StrIdx,
}

/// An extension.
#[derive(Clone, Copy, Debug)]
pub struct Extension {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// Name.
    pub name: StrIdx,
}

/// An extension type declaration.
#[derive(Clone, Copy, Debug)]
pub struct ExtensionType<'a> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// Name.
    pub name: StrIdx,
    /// Type parameters.
    pub type_parameters: &'a [TypeParameter<'a>],
    /// Scope of the type parameters.
    pub scope: &'a TypeScope<'a>,
    /// Representation type.
    pub representation_type: DartType<'a>,
    /// Procedures.
    pub procedures: IdRange<ProcIdx>,
}

flags! {
    /// Flags of a [`Class`].
    ClassFlags {
        /// `abstract`.
        is_abstract = 0,
        /// An enum.
        is_enum = 1,
        /// A mixin application without a name of its own.
        is_anonymous_mixin = 2,
        /// A mixin application whose members were copied; the mixin is the last interface.
        is_eliminated_mixin = 3,
        /// A `mixin` declaration.
        is_mixin_declaration = 4,
        /// Has a `const` constructor.
        has_const_constructor = 5,
        /// `macro`.
        is_macro = 6,
        /// `sealed`.
        is_sealed = 7,
        /// `mixin class`.
        is_mixin_class = 8,
        /// `base`.
        is_base = 9,
        /// `interface`.
        is_interface = 10,
        /// `final`.
        is_final = 11,
    }
}

/// A class.
#[derive(Clone, Copy, Debug)]
pub struct Class<'a> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// Library.
    pub library: LibIdx,
    /// File.
    pub source: SourceIdx,
    /// Position where the declaration starts.
    pub start_position: Position,
    /// Position of the name.
    pub position: Position,
    /// Position where the declaration ends.
    pub end_position: Position,
    /// Flags.
    pub flags: ClassFlags,
    /// Name.
    pub name: StrIdx,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// Type parameters.
    pub type_parameters: &'a [TypeParameter<'a>],
    /// Scope of the type parameters.
    pub scope: &'a TypeScope<'a>,
    /// Superclass, an [`DartType::Interface`]; none for `Object`.
    pub supertype: Option<DartType<'a>>,
    /// Mixed in class; always none after mixin resolution.
    pub mixed_in: Option<DartType<'a>>,
    /// Implemented interfaces.
    pub implements: &'a [DartType<'a>],
    /// Fields.
    pub fields: IdRange<FieldIdx>,
    /// Constructors.
    pub constructors: IdRange<CtorIdx>,
    /// Procedures.
    pub procedures: IdRange<ProcIdx>,
}

impl Class<'_> {
    /// The superclass.
    pub fn superclass(&self) -> Option<ClassIdx> {
        match self.supertype {
            Some(DartType::Interface { class, .. }) => Some(class),
            _ => None,
        }
    }
}

flags! {
    /// Flags of a [`Field`].
    FieldFlags {
        /// `final`.
        is_final = 0,
        /// `const`.
        is_const = 1,
        /// `static`, or top-level.
        is_static = 2,
        /// `covariant`.
        is_covariant_by_declaration = 3,
        /// The implicit setter must check because an overridden or generic interface is weaker.
        is_covariant_by_class = 4,
        /// `late`.
        is_late = 5,
        /// Member of an extension.
        is_extension_member = 6,
        /// Implementation detail of a lowering.
        is_internal_implementation = 7,
        /// Element of an enum.
        is_enum_element = 8,
        /// Member of an extension type.
        is_extension_type_member = 9,
        /// A compile-time error.
        is_erroneous = 10,
        /// Its initialiser has super calls.
        has_super_calls = 11,
    }
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name of the field itself.
    pub canonical_name: NameIdx,
    /// Canonical name of the implicit getter.
    pub getter_name: NameIdx,
    /// Canonical name of the implicit setter, if it has one.
    pub setter_name: PackedOption<NameIdx>,
    /// What contains it.
    pub enclosing: Enclosing,
    /// Library.
    pub library: LibIdx,
    /// File (differs from the class's for copied mixin members).
    pub source: SourceIdx,
    /// Position of the name.
    pub position: Position,
    /// Position where the declaration ends.
    pub end_position: Position,
    /// Flags.
    pub flags: FieldFlags,
    /// Name.
    pub name: Name,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// Type.
    pub ty: DartType<'a>,
    /// Scope of type parameters for the initialiser.
    pub scope: &'a TypeScope<'a>,
    /// Where the initialiser starts, and the end of the field.
    pub initializer: Option<ByteRange>,
}

flags! {
    /// Flags of a [`Constructor`].
    ConstructorFlags {
        /// `const`.
        is_const = 0,
        /// `external`.
        is_external = 1,
        /// Has no source.
        is_synthetic = 2,
        /// A compile-time error.
        is_erroneous = 3,
        /// Has super calls.
        has_super_calls = 4,
    }
}

/// A generative constructor.
#[derive(Clone, Copy, Debug)]
pub struct Constructor<'a> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// Class.
    pub class: ClassIdx,
    /// Library.
    pub library: LibIdx,
    /// File.
    pub source: SourceIdx,
    /// Position where the declaration starts.
    pub start_position: Position,
    /// Position of the name.
    pub position: Position,
    /// Position where the declaration ends.
    pub end_position: Position,
    /// Flags.
    pub flags: ConstructorFlags,
    /// Name; empty for the unnamed constructor.
    pub name: Name,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// The function, without body.
    pub function: &'a FunctionHeader<'a>,
    /// What follows the header: body, scopes and initialisers.
    pub(crate) rest: ByteRange,
}

/// Kind of a [`Procedure`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProcedureKind {
    /// Method or function.
    Method,
    /// Getter.
    Getter,
    /// Setter.
    Setter,
    /// Operator.
    Operator,
    /// Factory constructor.
    Factory,
}

/// Why the front end made a [`Procedure`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ProcedureStubKind {
    /// It did not: written in the source.
    Regular,
    /// Abstract, adds covariance checks.
    AbstractForwardingStub,
    /// Adds covariance checks, then calls super.
    ConcreteForwardingStub,
    /// Calls `noSuchMethod`.
    NoSuchMethodForwarder,
    /// Abstract, with a combined signature.
    MemberSignature,
    /// Abstract, from a mixin.
    AbstractMixinStub,
    /// Calls the mixin's member.
    ConcreteMixinStub,
    /// Abstract getter that stands for the representation of an extension type. Tree shaking removes it
    /// (`pkg/kernel/lib/src/ast/members.dart`).
    RepresentationField,
}

flags! {
    /// Flags of a [`Procedure`].
    ProcedureFlags {
        /// `static`, top-level or factory.
        is_static = 0,
        /// Has no body.
        is_abstract = 1,
        /// `external`.
        is_external = 2,
        /// A `const` factory.
        is_const = 3,
        /// Member of an extension.
        is_extension_member = 4,
        /// Has no source.
        is_synthetic = 5,
        /// Implementation detail of a lowering.
        is_internal_implementation = 6,
        /// Member of an extension type.
        is_extension_type_member = 7,
        /// Its tear-off may be dropped if nothing else uses it.
        has_weak_tearoff_reference_pragma = 8,
        /// A compile-time error.
        is_erroneous = 9,
        /// Has effects outside of the program.
        has_external_effect = 10,
        /// Has super calls.
        has_super_calls = 11,
    }
}

/// A method, getter, setter, operator or factory.
#[derive(Clone, Copy, Debug)]
pub struct Procedure<'a> {
    /// Byte offset of the tag.
    pub node: NodeOffset,
    /// Canonical name.
    pub canonical_name: NameIdx,
    /// What contains it.
    pub enclosing: Enclosing,
    /// Library.
    pub library: LibIdx,
    /// File (differs from the class's for copied mixin members).
    pub source: SourceIdx,
    /// Position where the declaration starts.
    pub start_position: Position,
    /// Position of the name.
    pub position: Position,
    /// Position where the declaration ends.
    pub end_position: Position,
    /// Kind.
    pub kind: ProcedureKind,
    /// Stub kind.
    pub stub_kind: ProcedureStubKind,
    /// Flags.
    pub flags: ProcedureFlags,
    /// Name.
    pub name: Name,
    /// Annotations.
    pub annotations: &'a [&'a Expr<'a>],
    /// What a stub stands for.
    pub stub_target: Reference,
    /// Signature as seen from outside, if it differs from the function's.
    pub signature_type: Option<DartType<'a>>,
    /// The function, without body.
    pub function: &'a FunctionHeader<'a>,
}

/// A constant. Constants form a DAG: children have smaller indices.
#[derive(Clone, Copy, Debug)]
pub enum Constant<'a> {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A string.
    String(StrIdx),
    /// A symbol.
    Symbol {
        /// Canonical name of the library a private symbol belongs to.
        library: PackedOption<NameIdx>,
        /// Text.
        name: StrIdx,
    },
    /// A map.
    Map {
        /// Key type.
        key_type: DartType<'a>,
        /// Value type.
        value_type: DartType<'a>,
        /// Entries.
        entries: &'a [(ConstIdx, ConstIdx)],
    },
    /// A list.
    List {
        /// Element type.
        element_type: DartType<'a>,
        /// Elements.
        elements: &'a [ConstIdx],
    },
    /// A set.
    Set {
        /// Element type.
        element_type: DartType<'a>,
        /// Elements.
        elements: &'a [ConstIdx],
    },
    /// An instance of a class. Fields that are not mentioned are null.
    Instance {
        /// Class.
        class: ClassIdx,
        /// Type arguments.
        type_arguments: &'a [DartType<'a>],
        /// Field values.
        fields: &'a [(FieldIdx, ConstIdx)],
    },
    /// An instantiated generic function.
    Instantiation {
        /// A tear-off.
        function: ConstIdx,
        /// Type arguments.
        type_arguments: &'a [DartType<'a>],
    },
    /// Tear-off of a static procedure.
    StaticTearOff(Reference),
    /// Tear-off of a constructor.
    ConstructorTearOff(Reference),
    /// Tear-off of a redirecting factory.
    RedirectingFactoryTearOff(Reference),
    /// A type.
    TypeLiteral(DartType<'a>),
    /// A record.
    Record {
        /// Positional fields.
        positional: &'a [ConstIdx],
        /// Named fields, sorted by name.
        named: &'a [(StrIdx, ConstIdx)],
        /// Its type.
        ty: DartType<'a>,
    },
}

/// A `@pragma(name, options)` annotation.
#[derive(Clone, Copy, Debug)]
pub struct Pragma<'a> {
    /// Name, like `vm:entry-point`.
    pub name: &'a [u8],
    /// Options; [`Constant::Null`] if not given.
    pub options: Option<ConstIdx>,
}

impl<'a> Component<'a> {
    /// Reads and indexes a kernel file. `arena` receives declarations, types and constants.
    ///
    /// # Errors
    /// If the file is not exactly one component of format version 138, or malformed.
    pub fn read(bytes: &'a [u8], arena: &'a Bump) -> Result<Component<'a>> {
        crate::load::load(bytes, arena, None)
    }

    /// The whole file.
    pub fn bytes(&self) -> &'a [u8] {
        self.tables.bytes
    }

    /// Where the sections start.
    pub fn sections(&self) -> Sections {
        self.sections
    }

    /// A string, as WTF-8: UTF-8 that may also encode lone surrogates.
    pub fn string(&self, index: StrIdx) -> &'a [u8] {
        self.tables.string(index)
    }

    /// Number of strings.
    pub fn string_count(&self) -> usize {
        self.tables.string_ends.len()
    }

    /// A string for people: lone surrogates become replacement characters.
    pub fn string_lossy(&self, index: StrIdx) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.string(index))
    }

    /// A string as the VM represents it.
    pub fn dart_string(&self, index: StrIdx) -> wtf8::DartString {
        wtf8::DartString::from_wtf8(self.string(index))
    }

    /// A canonical name.
    pub fn canonical_name(&self, index: NameIdx) -> CanonicalName {
        self.tables.names[index]
    }

    /// All canonical names.
    pub fn canonical_names(&self) -> &PrimaryMap<NameIdx, CanonicalName> {
        &self.tables.names
    }

    /// What declares a canonical name.
    pub fn reference(&self, index: NameIdx) -> Reference {
        self.tables.references[index]
    }

    /// The library a private name belongs to, if the file still has it.
    pub fn name_library(&self, name: Name) -> Option<LibIdx> {
        match self.reference(name.library.expand()?) {
            Reference::Library(library) => Some(library),
            _ => None,
        }
    }

    /// A canonical name for people: parts joined with `::`.
    pub fn qualified_name(&self, index: NameIdx) -> String {
        self.tables.qualified_name(index)
    }

    /// A constant.
    pub fn constant(&self, index: ConstIdx) -> &Constant<'a> {
        &self.constants[index]
    }

    /// All constants, children first.
    pub fn constants(&self) -> &PrimaryMap<ConstIdx, Constant<'a>> {
        &self.constants
    }

    /// Offsets of the line starts of a source.
    pub fn line_starts(&self, source: SourceIdx) -> &[u32] {
        let (first, count) = self.sources[source].lines;
        &self.line_starts[first as usize..][..count as usize]
    }

    /// Line and column of a position, both from 1. None without position or line table.
    pub fn line_column(&self, source: SourceIdx, position: Position) -> Option<(u32, u32)> {
        let offset = position.get()?;
        let starts = self.line_starts(source);
        let line = starts.partition_point(|&start| start <= offset);
        let start = *starts.get(line.checked_sub(1)?)?;
        Some((line as u32, offset - start + 1))
    }

    /// The library with an import URI. Looks at all of them.
    pub fn find_library(&self, uri: &str) -> Option<LibIdx> {
        let name = |library: &Library<'_>| self.string(self.canonical_name(library.canonical_name).name);
        self.libraries.iter().find(|(_, library)| name(library) == uri.as_bytes()).map(|(id, _)| id)
    }

    /// The class of a library with a name. Looks at all of the library's.
    pub fn find_class(&self, library: LibIdx, name: &str) -> Option<ClassIdx> {
        let mut classes = self.libraries[library].classes.iter();
        classes.find(|&class| self.string(self.classes[class].name) == name.as_bytes())
    }

    /// The pragmas among some annotations. Other annotations are skipped.
    pub fn pragmas<'s>(&'s self, annotations: &'s [&'s Expr<'s>]) -> impl Iterator<Item = Pragma<'a>> + 's {
        annotations.iter().filter_map(|annotation| {
            let pragma = self.pragma?;
            let Constant::Instance { class, fields, .. } = *self.constant(annotation.as_constant()?) else {
                return None;
            };
            if class != pragma.class {
                return None;
            }
            let value = |wanted| fields.iter().find(|(field, _)| *field == wanted).map(|(_, value)| *value);
            match *self.constant(value(pragma.name)?) {
                Constant::String(name) => {
                    Some(Pragma { name: self.string(name), options: pragma.options.and_then(value) })
                }
                _ => None,
            }
        })
    }

    /// Annotations of a member.
    pub fn member_annotations(&self, member: Member) -> &'a [&'a Expr<'a>] {
        match member {
            Member::Field(field) => self.fields[field].annotations,
            Member::Procedure(procedure) => self.procedures[procedure].annotations,
            Member::Constructor(constructor) => self.constructors[constructor].annotations,
        }
    }

    /// Reads a procedure's body.
    ///
    /// # Errors
    /// If it is malformed or has a construct that ahead-of-time files cannot have.
    pub fn parse_procedure_body<'b>(&self, procedure: ProcIdx, arena: &'b Bump) -> Result<FunctionNode<'b>>
    where
        'a: 'b,
    {
        self.procedure_body(procedure, arena, None)
    }

    /// Reads a constructor's initialisers and body.
    ///
    /// # Errors
    /// If they are malformed or have a construct that ahead-of-time files cannot have.
    pub fn parse_constructor<'b>(&self, constructor: CtorIdx, arena: &'b Bump) -> Result<ConstructorNode<'b>>
    where
        'a: 'b,
    {
        self.constructor_body(constructor, arena, None)
    }

    /// Reads a field's initialiser, if it has one.
    ///
    /// # Errors
    /// If it is malformed or has a construct that ahead-of-time files cannot have.
    pub fn parse_field_initializer<'b>(
        &self,
        field: FieldIdx,
        arena: &'b Bump,
    ) -> Result<Option<&'b Expr<'b>>>
    where
        'a: 'b,
    {
        self.initializer(field, arena, None)
    }

    pub(crate) fn procedure_body<'b>(
        &self,
        procedure: ProcIdx,
        arena: &'b Bump,
        tally: Option<&mut Tally>,
    ) -> Result<FunctionNode<'b>>
    where
        'a: 'b,
    {
        let procedure = &self.procedures[procedure];
        let header: &'b FunctionHeader<'b> = procedure.function;
        let Some(range) = header.body else {
            return Ok(FunctionNode { header, body: None });
        };
        let mut parser = self.body_parser(arena, procedure.node, range, tally).with_scope(header.scope);
        let body = parser.function_rest(true)?;
        parser.finish("the procedure")?;
        Ok(FunctionNode { header, body })
    }

    pub(crate) fn constructor_body<'b>(
        &self,
        constructor: CtorIdx,
        arena: &'b Bump,
        tally: Option<&mut Tally>,
    ) -> Result<ConstructorNode<'b>>
    where
        'a: 'b,
    {
        let constructor = &self.constructors[constructor];
        let header: &'b FunctionHeader<'b> = constructor.function;
        let mut parser =
            self.body_parser(arena, constructor.node, constructor.rest, tally).with_scope(header.scope);
        let body = parser.function_rest(header.body.is_some())?;
        let initializers = parser.list(Parser::initializer)?;
        parser.finish("the constructor")?;
        Ok(ConstructorNode { function: FunctionNode { header, body }, initializers })
    }

    pub(crate) fn initializer<'b>(
        &self,
        field: FieldIdx,
        arena: &'b Bump,
        tally: Option<&mut Tally>,
    ) -> Result<Option<&'b Expr<'b>>>
    where
        'a: 'b,
    {
        let field = &self.fields[field];
        let Some(range) = field.initializer else {
            return Ok(None);
        };
        let mut parser = self.body_parser(arena, field.node, range, tally).with_scope(field.scope);
        let value = parser.expr()?;
        parser.skip_scope()?;
        parser.finish("the field")?;
        Ok(Some(value))
    }

    /// A parser of part of the member that starts at `member`.
    fn body_parser<'c, 'b>(
        &'c self,
        arena: &'b Bump,
        member: NodeOffset,
        range: ByteRange,
        tally: Option<&'c mut Tally>,
    ) -> Parser<'c, 'a, 'b> {
        let mut parser =
            Parser::new(&self.tables, arena, member.0 as usize, range.end as usize).with_tally(tally);
        parser.cursor.seek(range.start as usize);
        parser
    }
}
