//! Results of whole-program analysis, attached to nodes by their byte offset.
//!
//! A repository is a table of (node offset, payload offset) pairs, sorted by node offset, which is searched in place;
//! payloads are decoded when asked for. Repositories differ in what a missing entry means: each accessor says.

use smallvec::SmallVec;

use crate::Bump;
use crate::ast::{DartType, TypeScope, flags};
use crate::component::Component;
use crate::error::Result;
use crate::ids::*;

/// The repositories' tables.
#[derive(Clone, Copy, Default)]
pub(crate) struct MetadataTables<'a> {
    /// Payload section.
    pub(crate) payloads: &'a [u8],
    /// Table of each repository, 8 bytes per entry.
    pub(crate) tables: [&'a [u8]; Repository::COUNT],
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
    /// Target. For a get of a field its getter; a method means its tear-off.
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
    /// Entries of a repository.
    pub fn metadata_count(&self, repository: Repository) -> usize {
        self.metadata.tables[repository as usize].len() / 8
    }

    /// How a member is used. Without an entry anything is possible, and there are no selectors.
    ///
    /// # Errors
    /// If the payload is malformed; so for all accessors.
    pub fn procedure_attributes(&self, member: NodeOffset) -> Result<ProcedureAttributes> {
        crate::load::not_yet(member)
    }

    /// Selectors by number; entry 0 is unused. Empty without an entry.
    pub fn table_selectors(&self) -> Result<Vec<TableSelector>> {
        crate::load::not_yet(NodeOffset(0))
    }

    /// Calling convention of a member. None means everything is boxed.
    pub fn unboxing_info(&self, member: NodeOffset) -> Result<Option<UnboxingInfo>> {
        crate::load::not_yet(member)
    }

    /// Target of a call, if there is only one.
    pub fn direct_call(&self, node: NodeOffset) -> Result<Option<DirectCall>> {
        crate::load::not_yet(node)
    }

    /// Type of an expression, field or variable. None means nothing is known.
    pub fn inferred_type(&self, node: NodeOffset) -> Result<Option<InferredType>> {
        crate::load::not_yet(node)
    }

    /// Type of an argument as passed, by the parameter's [`VarId`]. None means nothing is known.
    pub fn inferred_arg_type(&self, parameter: NodeOffset) -> Result<Option<InferredType>> {
        crate::load::not_yet(parameter)
    }

    /// Type a member returns. None means nothing is known.
    pub fn inferred_return_type(&self, member: NodeOffset) -> Result<Option<InferredType>> {
        crate::load::not_yet(member)
    }

    /// Static type of a call's receiver. None means unknown.
    pub fn call_site_attributes(&self, node: NodeOffset) -> Result<Option<EncodedType>> {
        crate::load::not_yet(node)
    }

    /// Whether a node is never reached.
    pub fn unreachable(&self, node: NodeOffset) -> bool {
        let _ = node;
        false
    }

    /// Number of a member's or local function's closure.
    pub fn closure_id(&self, node: NodeOffset) -> Result<Option<u32>> {
        crate::load::not_yet(node)
    }

    /// Loading units; empty without an entry.
    pub fn loading_units(&self) -> Result<Vec<LoadingUnit>> {
        crate::load::not_yet(NodeOffset(0))
    }

    /// Names that must not be obfuscated.
    pub fn obfuscation_prohibitions(&self) -> Result<Vec<StrIdx>> {
        crate::load::not_yet(NodeOffset(0))
    }

    /// Decodes a type from metadata, given the type parameters in scope of the node it annotates.
    pub fn decode_type<'b>(
        &self,
        ty: EncodedType,
        scope: &'b TypeScope<'b>,
        arena: &'b Bump,
    ) -> Result<DartType<'b>>
    where
        'a: 'b,
    {
        let _ = (scope, arena);
        crate::load::not_yet(NodeOffset(ty.offset))
    }
}
