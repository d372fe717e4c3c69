//! Results of whole-program analysis, attached to nodes by their byte offset.
//!
//! A repository is a table of (node offset, payload offset) pairs, sorted by node offset, which is searched in place;
//! payloads are decoded when asked for. Repositories differ in what a missing entry means: each accessor says.

use smallvec::SmallVec;

use crate::Bump;
use crate::ast::{DartType, TypeScope, flags};
use crate::component::Component;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::parser::Parser;

/// The repositories' tables.
pub(crate) struct MetadataTables<'a> {
    /// The file up to the end of the payload section.
    bytes: &'a [u8],
    /// Start of the payload section.
    payloads: u32,
    /// Entries of each repository: node offset and payload offset, big endian.
    tables: [&'a [[u8; 8]]; Repository::COUNT],
}

impl<'a> MetadataTables<'a> {
    /// Without entries.
    pub(crate) fn new(bytes: &'a [u8], payloads: u32) -> Self {
        MetadataTables { bytes, payloads, tables: [&[]; Repository::COUNT] }
    }

    /// Adds a table, whose entries must be sorted. Says whether it is the only one of the repository.
    pub(crate) fn set(&mut self, repository: Repository, entries: &'a [[u8; 8]]) -> bool {
        let table = &mut self.tables[repository as usize];
        let is_first = table.is_empty();
        *table = entries;
        is_first
    }

    /// Absolute offset of a node's payload.
    fn payload(&self, repository: Repository, node: NodeOffset) -> Option<usize> {
        let table = self.tables[repository as usize];
        let index = table.binary_search_by_key(&node.0, |entry| words(entry).0).ok()?;
        Some(self.payloads as usize + words(&table[index]).1 as usize)
    }
}

fn words(entry: &[u8; 8]) -> (u32, u32) {
    let entry = u64::from_be_bytes(*entry);
    ((entry >> 32) as u32, entry as u32)
}

/// Known repositories.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Repository {
    /// `vm.procedure-attributes.metadata`.
    ProcedureAttributes,
    /// `vm.table-selector.metadata`.
    TableSelector,
    /// `vm.unboxing-info.metadata`.
    UnboxingInfo,
    /// `vm.direct-call.metadata`.
    DirectCall,
    /// `vm.inferred-type.metadata`.
    InferredType,
    /// `vm.inferred-arg-type.metadata`.
    InferredArgType,
    /// `vm.inferred-return-type.metadata`.
    InferredReturnType,
    /// `vm.call-site-attributes.metadata`.
    CallSiteAttributes,
    /// `vm.unreachable.metadata`.
    Unreachable,
    /// `vm.closure-id`.
    ClosureId,
    /// `vm.loading-units.metadata`.
    LoadingUnits,
    /// `vm.obfuscation-prohibitions.metadata`.
    ObfuscationProhibitions,
}

impl Repository {
    pub(crate) const COUNT: usize = 12;

    /// All of them.
    pub const ALL: [Repository; Repository::COUNT] = [
        Repository::ProcedureAttributes,
        Repository::TableSelector,
        Repository::UnboxingInfo,
        Repository::DirectCall,
        Repository::InferredType,
        Repository::InferredArgType,
        Repository::InferredReturnType,
        Repository::CallSiteAttributes,
        Repository::Unreachable,
        Repository::ClosureId,
        Repository::LoadingUnits,
        Repository::ObfuscationProhibitions,
    ];

    /// The tag in the file.
    pub fn tag(self) -> &'static str {
        match self {
            Repository::ProcedureAttributes => "vm.procedure-attributes.metadata",
            Repository::TableSelector => "vm.table-selector.metadata",
            Repository::UnboxingInfo => "vm.unboxing-info.metadata",
            Repository::DirectCall => "vm.direct-call.metadata",
            Repository::InferredType => "vm.inferred-type.metadata",
            Repository::InferredArgType => "vm.inferred-arg-type.metadata",
            Repository::InferredReturnType => "vm.inferred-return-type.metadata",
            Repository::CallSiteAttributes => "vm.call-site-attributes.metadata",
            Repository::Unreachable => "vm.unreachable.metadata",
            Repository::ClosureId => "vm.closure-id",
            Repository::LoadingUnits => "vm.loading-units.metadata",
            Repository::ObfuscationProhibitions => "vm.obfuscation-prohibitions.metadata",
        }
    }
}

/// `vm.procedure-attributes`: how a member is used, and its dispatch-table selectors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcedureAttributes {
    /// A method or setter called without interface.
    pub method_or_setter_called_dynamically: bool,
    /// A getter called without interface.
    pub getter_called_dynamically: bool,
    /// Called with a receiver that may be other than `this`.
    pub has_non_this_uses: bool,
    /// Called on `this`.
    pub has_this_uses: bool,
    /// Torn off.
    pub has_tear_off_uses: bool,
    /// Selector of the method or setter; 0 means none.
    pub method_or_setter_selector: u32,
    /// Selector of the getter or tear-off; 0 means none.
    pub getter_selector: u32,
}

/// `vm.table-selector`: what is known about a selector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableSelector {
    /// Number of call sites.
    pub call_count: u32,
    /// Whether some receiver may be null.
    pub called_on_null: bool,
    /// Whether a method with this getter selector is torn off.
    pub torn_off: bool,
}

/// Representation of an unboxed value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnboxedKind {
    /// A tagged pointer.
    Boxed,
    /// A 64-bit integer.
    Int,
    /// A double.
    Double,
    /// The fields of a record, in registers.
    Record {
        /// Number of positional fields.
        positional: u32,
        /// Names of the named fields, sorted.
        named: Box<[StrIdx]>,
    },
    /// Unknown.
    Unknown,
}

/// `vm.unboxing-info`: calling convention of a member, the same for all members of a selector.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnboxingInfo {
    /// Arguments must be passed on the stack.
    pub must_use_stack_calling_convention: bool,
    /// Some override has fewer parameters that can be passed in registers.
    pub has_overrides_with_less_direct_parameters: bool,
    /// Number of arguments, without `this`.
    pub argument_count: u32,
    /// One per argument; empty if nothing is unboxed.
    pub arguments: SmallVec<[UnboxedKind; 6]>,
    /// Return value.
    pub return_value: UnboxedKind,
}

/// `vm.direct-call`: the only possible target of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DirectCall {
    /// Target. A field is always named by its getter, even by a set; for a get, a method means its tear-off.
    pub target: Reference,
    /// Whether a null receiver must raise an error first.
    pub check_receiver_for_null: bool,
    /// The target is this closure of the target member; 0 is the member's tear-off.
    pub closure: Option<u32>,
}

flags! {
    /// Flags of an [`InferredType`].
    InferredTypeFlags {
        /// May be null.
        is_nullable = 0,
        /// Is an `int`.
        is_int = 1,
        /// Argument checks may be skipped.
        skip_check = 2,
        /// Always this constant.
        is_constant = 3,
        /// The receiver is not an `int`.
        receiver_not_int = 4,
        /// Always this closure.
        is_closure = 5,
        /// Exactly this type.
        has_exact_type = 6,
    }
}

/// What is known about a value.
#[derive(Clone, Copy, Debug)]
pub struct InferredType {
    /// Flags.
    pub flags: InferredTypeFlags,
    /// Exact class, if known.
    pub class: Option<ClassIdx>,
    /// Exact type, if known; see [`Component::decode_type`].
    pub exact_type: Option<EncodedType>,
    /// Value, if constant.
    pub constant: Option<ConstIdx>,
    /// Member and number of the closure, if always the same; 0 is the member's tear-off.
    pub closure: Option<(Reference, u32)>,
}

/// A type in a metadata payload. It is relative to the type parameters in scope of the node it annotates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EncodedType {
    /// Absolute byte offset.
    pub(crate) offset: u32,
}

/// A loading unit of a program with deferred imports. Unit 1 is the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LoadingUnit {
    /// Number.
    pub id: u32,
    /// Number of the parent, which is smaller; 0 for the root.
    pub parent: u32,
    /// URIs of its libraries.
    pub libraries: Vec<StrIdx>,
}

impl<'a> Component<'a> {
    /// Number of entries of a repository.
    pub fn metadata_count(&self, repository: Repository) -> usize {
        self.metadata.tables[repository as usize].len()
    }

    /// Whether a node has an entry in a repository.
    pub fn has_metadata(&self, repository: Repository, node: NodeOffset) -> bool {
        self.metadata.payload(repository, node).is_some()
    }

    /// Decodes the payload of a node, if it has one.
    fn metadata<T>(
        &self,
        repository: Repository,
        node: NodeOffset,
        decode: impl FnOnce(&mut Parser<'_, 'a, '_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let Some(offset) = self.metadata.payload(repository, node) else {
            return Ok(None);
        };
        // An arena takes no memory until used, which only exotic types do.
        let arena = Bump::new();
        decode(&mut Parser::new(&self.tables, &arena, offset, self.metadata.bytes.len())).map(Some)
    }

    /// How a member is used. Without an entry anything is possible, and there are no selectors.
    ///
    /// # Errors
    /// If the payload is malformed; so for all accessors.
    pub fn procedure_attributes(&self, member: NodeOffset) -> Result<ProcedureAttributes> {
        let attributes = self.metadata(Repository::ProcedureAttributes, member, |p| {
            let flags = p.byte()?;
            Ok(ProcedureAttributes {
                method_or_setter_called_dynamically: flags & 1 != 0,
                has_non_this_uses: flags & 2 != 0,
                has_tear_off_uses: flags & 4 != 0,
                has_this_uses: flags & 8 != 0,
                getter_called_dynamically: flags & 16 != 0,
                method_or_setter_selector: p.uint()?,
                getter_selector: p.uint()?,
            })
        })?;
        Ok(attributes.unwrap_or(ProcedureAttributes {
            method_or_setter_called_dynamically: true,
            has_non_this_uses: true,
            has_tear_off_uses: true,
            has_this_uses: true,
            getter_called_dynamically: true,
            method_or_setter_selector: 0,
            getter_selector: 0,
        }))
    }

    /// Selectors by number; number 0 stands for "none". Empty without an entry.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn table_selectors(&self) -> Result<Vec<TableSelector>> {
        let selectors = self.metadata(Repository::TableSelector, COMPONENT, |p| {
            let mut selectors = Vec::new();
            for _ in 0..p.count()? {
                let call_count = p.uint()?;
                let flags = p.byte()?;
                selectors.push(TableSelector {
                    call_count,
                    called_on_null: flags & 1 != 0,
                    torn_off: flags & 2 != 0,
                });
            }
            Ok(selectors)
        })?;
        Ok(selectors.unwrap_or_default())
    }

    /// Calling convention of a member. None means everything is boxed.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn unboxing_info(&self, member: NodeOffset) -> Result<Option<UnboxingInfo>> {
        self.metadata(Repository::UnboxingInfo, member, |p| {
            let argument_count = p.uint()?;
            let flags = p.byte()?;
            let mut arguments = SmallVec::new();
            let mut return_value = UnboxedKind::Boxed;
            if flags & 2 != 0 {
                for _ in 0..argument_count {
                    arguments.push(unboxed_kind(p)?);
                }
                return_value = unboxed_kind(p)?;
            }
            Ok(UnboxingInfo {
                must_use_stack_calling_convention: flags & 1 != 0,
                has_overrides_with_less_direct_parameters: flags & 4 != 0,
                argument_count,
                arguments,
                return_value,
            })
        })
    }

    /// Target of a call, if there is only one.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn direct_call(&self, node: NodeOffset) -> Result<Option<DirectCall>> {
        self.metadata(Repository::DirectCall, node, |p| {
            let target = p.reference()?;
            let flags = p.byte()?;
            let closure = if flags & 2 != 0 { Some(p.uint()?) } else { None };
            Ok(DirectCall { target, check_receiver_for_null: flags & 1 != 0, closure })
        })
    }

    /// Type of an expression, field or variable. None means nothing is known.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn inferred_type(&self, node: NodeOffset) -> Result<Option<InferredType>> {
        self.metadata(Repository::InferredType, node, inferred_type)
    }

    /// Type of an argument as passed, by the node of the parameter's [`VarId`]. None means nothing is known.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn inferred_arg_type(&self, parameter: NodeOffset) -> Result<Option<InferredType>> {
        self.metadata(Repository::InferredArgType, parameter, inferred_type)
    }

    /// Type a member returns. None means nothing is known.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn inferred_return_type(&self, member: NodeOffset) -> Result<Option<InferredType>> {
        self.metadata(Repository::InferredReturnType, member, inferred_type)
    }

    /// Static type of a call's receiver. None means unknown.
    ///
    /// # Errors
    /// None: the type is decoded by [`decode_type`](Component::decode_type).
    pub fn call_site_attributes(&self, node: NodeOffset) -> Result<Option<EncodedType>> {
        self.metadata(Repository::CallSiteAttributes, node, |p| Ok(EncodedType { offset: p.pos() as u32 }))
    }

    /// Whether a node is never reached.
    pub fn unreachable(&self, node: NodeOffset) -> bool {
        self.has_metadata(Repository::Unreachable, node)
    }

    /// Number of a member's or local function's closure.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn closure_id(&self, node: NodeOffset) -> Result<Option<u32>> {
        self.metadata(Repository::ClosureId, node, |p| p.uint())
    }

    /// Loading units, parents first; empty without an entry.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn loading_units(&self) -> Result<Vec<LoadingUnit>> {
        let units = self.metadata(Repository::LoadingUnits, COMPONENT, |p| {
            let mut units = Vec::new();
            for _ in 0..p.count()? {
                let start = p.pos();
                let id = p.uint()?;
                let parent = p.uint()?;
                if parent >= id {
                    return Err(Error::new(start, "a loading unit with a smaller number as parent"));
                }
                let mut libraries = Vec::new();
                for _ in 0..p.count()? {
                    libraries.push(p.str()?);
                }
                units.push(LoadingUnit { id, parent, libraries });
            }
            Ok(units)
        })?;
        Ok(units.unwrap_or_default())
    }

    /// Names that must not be obfuscated.
    ///
    /// # Errors
    /// If the payload is malformed.
    pub fn obfuscation_prohibitions(&self) -> Result<Vec<StrIdx>> {
        let names = self.metadata(Repository::ObfuscationProhibitions, COMPONENT, |p| {
            let mut names = Vec::new();
            for _ in 0..p.cursor.u32()? {
                names.push(p.str()?);
            }
            Ok(names)
        })?;
        Ok(names.unwrap_or_default())
    }

    /// Decodes a type from metadata, given the type parameters in scope of the node it annotates.
    ///
    /// # Errors
    /// If it is malformed, or refers to a type parameter that is not in scope.
    pub fn decode_type<'b>(
        &self,
        ty: EncodedType,
        scope: &'b TypeScope<'b>,
        arena: &'b Bump,
    ) -> Result<DartType<'b>>
    where
        'a: 'b,
    {
        let end = self.metadata.bytes.len();
        Parser::new(&self.tables, arena, ty.offset as usize, end).with_scope(scope).dart_type()
    }
}

/// Node of metadata of the whole component.
const COMPONENT: NodeOffset = NodeOffset(0);

fn unboxed_kind(p: &mut Parser<'_, '_, '_>) -> Result<UnboxedKind> {
    match p.byte()? {
        0 => Ok(UnboxedKind::Boxed),
        1 => Ok(UnboxedKind::Int),
        2 => Ok(UnboxedKind::Double),
        3 => {
            let positional = p.uint()?;
            let mut named = Vec::new();
            for _ in 0..p.count()? {
                named.push(p.str()?);
            }
            Ok(UnboxedKind::Record { positional, named: named.into() })
        }
        4 => Ok(UnboxedKind::Unknown),
        byte => Err(p.bad_tag("a kind of unboxed value", byte)),
    }
}

fn inferred_type(p: &mut Parser<'_, '_, '_>) -> Result<InferredType> {
    let flags = InferredTypeFlags(p.uint()?);
    let mut class = None;
    let mut exact_type = None;
    if flags.has_exact_type() {
        exact_type = Some(EncodedType { offset: p.pos() as u32 });
        if flags.is_constant() || flags.is_closure() {
            p.skip_type()?;
        }
    } else {
        class = p.optional_class()?;
    }
    let constant = if flags.is_constant() { Some(p.constant()?) } else { None };
    let closure = if flags.is_closure() { Some((p.reference()?, p.uint()?)) } else { None };
    Ok(InferredType { flags, class, exact_type, constant, closure })
}
