//! Members whose bodies the compiler makes: `external` ones without usable C function, and others that are too hot for their body.
//!
//! # Problem
//!
//! The core libraries declare members that only a compiler can implement: fields of engine objects, elements of lists, raw memory,
//! conversions between numbers. Others have a C function or a Dart body, but are so small and so often called that the engine's own
//! compiler makes them too. Both kinds are found by name, in the engine's table of recognised methods.
//!
//! # Approach
//!
//! [`table`] has one entry per recognised kind, per C function, and per unrecognised name, each with the function that builds the
//! body; those stand in one module per area of the library. A body is complete: it relies on nothing but the static types of its
//! parameters, which callers guarantee (dispatch for the receiver, checks at entry for covariant parameters).
//!
//! What an external member becomes, in this order ([`external`]):
//!
//! 1. a body from the table;
//! 2. `@Native`: an error, calls of C functions by signature are not supported;
//! 3. a call of the C function that its `vm:external-name` pragma names ([`External::Native`]);
//! 4. a body that throws `NoSuchMethodError`, as the engine compiles external members without implementation
//!    (`StreamingFlowGraphBuilder::BuildFunctionBody`, runtime/vm/compiler/frontend/kernel_binary_flowgraph.cc).
//!
//! # Invariants
//!
//! No body polls for interrupts: none loops over anything but memory that exists. An address of an object's inside is used before
//! the next instruction that may collect.

mod async_;
mod body;
mod collections;
mod doubles;
mod ffi;
mod integers;
mod isolates;
mod lists;
mod math;
mod objects;
mod records;
mod strings;
mod table;
mod typed_data;
mod weak;

use dart_kernel::{Position, SourceIdx};
use snapcrane_ir::Function;
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{FunctionKey, MemberId, MemberSource};

use crate::error::{Error, Result};
use crate::{BuildContext, BuildOutput};

pub(crate) use body::Body;

/// What an `external` member is.
#[derive(Debug)]
pub(crate) enum External {
    /// A body made by the compiler.
    Ir(Box<Function>),
    /// It calls the C function that its pragma names.
    Native,
}

/// Builds the body of an `external` member.
///
/// # Errors
/// [`Error::Unsupported`] for members that call C functions by signature (`@Native`).
pub fn build(ctx: &BuildContext<'_>, member: MemberId) -> Result<BuildOutput> {
    Ok(match external(ctx, member)? {
        External::Ir(function) => BuildOutput { functions: vec![*function], ..BuildOutput::default() },
        External::Native => BuildOutput { is_native: true, ..BuildOutput::default() },
    })
}

/// What an `external` member becomes.
pub(crate) fn external(ctx: &BuildContext<'_>, member: MemberId) -> Result<External> {
    if let Some(function) = replacement(ctx, member)? {
        return Ok(External::Ir(Box::new(function)));
    }
    let data = &ctx.program.members[member];
    if data.is_ffi_native {
        return Err(unsupported(ctx, member, "native function (@Native)"));
    }
    if data.native_name.is_some() {
        return Ok(External::Native);
    }
    let function = Body::build(ctx, member, objects::no_implementation)?;
    Ok(External::Ir(Box::new(function)))
}

/// The body that the compiler makes for a member in place of its Dart body or C function, if it does.
pub(crate) fn replacement(ctx: &BuildContext<'_>, member: MemberId) -> Result<Option<Function>> {
    let entry = table::find(ctx.program, member);
    entry.map(|entry| Body::build(ctx, member, |body| entry.build(body))).transpose()
}

/// The error for a member that can't be translated.
fn unsupported(ctx: &BuildContext<'_>, member: MemberId, construct: &str) -> Error {
    let component = ctx.program.component;
    let (source, position, _) = place(ctx, member);
    let (line, column) = component.line_column(source, position).unwrap_or((0, 0));
    Error::Unsupported {
        construct: construct.into(),
        member: ctx.program.qualified_name(&FunctionKey::Member(member), &()),
        uri: String::from_utf8_lossy(component.sources[source].uri).into_owned(),
        line,
        column,
    }
}

/// Where a member is declared: file, position of the name, and the start of the declaration, which is what the engine takes for the
/// position of bodies like these (`Function::token_pos`).
fn place(ctx: &BuildContext<'_>, member: MemberId) -> (SourceIdx, Position, Position) {
    let component = ctx.program.component;
    match ctx.program.members[member].source {
        MemberSource::Procedure(procedure) => {
            let procedure = &component.procedures[procedure];
            (procedure.source, procedure.position, procedure.start_position)
        }
        MemberSource::Constructor(constructor) => {
            let constructor = &component.constructors[constructor];
            (constructor.source, constructor.position, constructor.start_position)
        }
    }
}

/// Name of a member as the engine's tables have it: without private keys, accessors with a prefix, constructors from the dot on.
fn table_name(program: &snapcrane_program::Program<'_>, member: MemberId) -> String {
    let data = &program.members[member];
    let name = program.text(data.name.text);
    match data.kind {
        MemberKind::Method => name.into_owned(),
        MemberKind::Getter => format!("get:{name}"),
        MemberKind::Setter => format!("set:{name}"),
        MemberKind::Factory | MemberKind::Constructor => format!(".{name}"),
    }
}
