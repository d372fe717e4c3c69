//! Construction of IR from kernel.
//!
//! [`build`] makes the IR of one [`FunctionKey`]: of a member with all local functions in it, of a field initialiser, or of
//! a function that exists in no source. It depends on nothing but the program and the key, so any number of threads can
//! build at once.
//!
//! | module | what it knows |
//! |---|---|
//! | `body` | frames, prologues, representations of values |
//! | `scopes`, `variables`, `late`, `closures` | where variables live, local functions |
//! | `expressions`, `statements`, `constructors` | the constructs of kernel |
//! | `suspend` | `async`, `async*` and `sync*` functions |
//! | `types`, `facts`, `arithmetic` | types as values and as knowledge, operators without calls |
//! | [`synth`], [`externals`] | functions without a body in kernel |
//!
//! The meaning of every construct follows the engine's own front end (runtime/vm/compiler/frontend in the Dart sources).
//! What can't be translated is an [`Error::Unsupported`] that names it.
//!
//! The builder is recursive like the trees it reads; callers must run it on threads with enough stack for the deepest expression.

mod arithmetic;
mod body;
mod closures;
mod constructors;
mod context;
mod core_calls;
mod error;
mod expressions;
pub mod externals;
mod facts;
mod late;
mod scopes;
mod statements;
mod suspend;
pub mod synth;
mod types;
mod variables;

use std::cell::RefCell;

use dart_kernel::ast::AsyncMarker;
use dart_kernel::{Bump, CtorIdx, LibIdx, Position, ProcIdx, SourceIdx};
use rustc_hash::{FxHashMap, FxHashSet};
use snapcrane_ir::{Function, Signature};
use snapcrane_program::ids::{BodyId, ClassId, FieldId, FunctionKey, MemberId, MemberSource};
use snapcrane_program::{LocalFunction, LocalFunctions, Params, Target};

pub use context::BuildContext;
pub use error::{Error, Result};

use body::{BodyBuilder, Checks, Unit};
use scopes::Scopes;

/// What [`build`] makes.
#[derive(Clone, Debug, Default)]
pub struct BuildOutput {
    /// The function asked for, then its local functions; after each, its resumption if it suspends.
    ///
    /// Local functions of the initialiser of an instance field belong to every constructor of the class: they can come from several
    /// calls, and are the same each time.
    pub functions: Vec<Function>,
    /// The local functions among them.
    pub locals: Vec<LocalInfo>,
    /// The function has no IR: it calls the C function that the engine or the embedder registers for its native name.
    pub is_native: bool,
}

/// What others need to know of a local function.
#[derive(Clone, Debug)]
pub struct LocalInfo {
    /// Byte offset of its node, as in [`FunctionKey::Local`].
    pub node: u32,
    /// Name, parent and parameters, as [`snapcrane_program::LocalFunctions`] gives them to the program.
    pub function: LocalFunction,
    /// Closures have an element for the type arguments of a partial instantiation.
    pub has_delayed: bool,
    /// Closures have an element for the type arguments of `this`.
    pub has_instantiator: bool,
    /// Closures have an element for the type arguments of enclosing functions.
    pub has_function: bool,
    /// Closures have a context (otherwise null is in its place).
    pub has_context: bool,
    /// How the body executes.
    pub async_marker: AsyncMarker,
    /// Library.
    pub library: LibIdx,
    /// Source file that positions refer to.
    pub source: SourceIdx,
    /// Position of the function.
    pub position: Position,
    /// Position of its end.
    pub end_position: Position,
}

/// Local functions by the byte offsets of their nodes.
#[derive(Clone, Debug, Default)]
pub struct Locals(pub FxHashMap<u32, LocalInfo>);

impl LocalFunctions for Locals {
    fn local(&self, node: u32) -> Option<&LocalFunction> {
        self.0.get(&node).map(|local| &local.function)
    }
}

/// Builds the IR of a function and of the local functions in it.
///
/// # Errors
/// [`Error::Unsupported`] names a construct that can't be translated; the others mean that the program is malformed or
/// incomplete.
pub fn build(ctx: &BuildContext<'_>, key: &FunctionKey) -> Result<BuildOutput> {
    let mut output = build_as_written(ctx, key)?;
    output.functions.iter_mut().for_each(snapcrane_ir::polls::remove_needless);
    Ok(output)
}

fn build_as_written(ctx: &BuildContext<'_>, key: &FunctionKey) -> Result<BuildOutput> {
    match key {
        FunctionKey::Member(member) => {
            let node = match ctx.program.members[*member].source {
                MemberSource::Procedure(procedure) => ctx.program.component.procedures[procedure].node,
                MemberSource::Constructor(constructor) => {
                    ctx.program.component.constructors[constructor].node
                }
            };
            build_member(ctx, *member).map_err(|error| error.at(node))
        }
        FunctionKey::FieldInit(field) => {
            let node = ctx.program.component.fields[ctx.program.fields[*field].kernel].node;
            build_field_initializer(ctx, *field).map_err(|error| error.at(node))
        }
        // Local functions come with the body around them; alone they can't be found.
        FunctionKey::Local(node) => {
            Err(Error::Dangling { member: format!("byte {node}"), what: "a local function by itself".into() })
        }
        // So do the parts of functions that run after a suspension.
        FunctionKey::Resume(function) => Err(Error::Dangling {
            member: ctx.program.qualified_name(function, ctx.locals),
            what: "the resumed part of a function by itself".into(),
        }),
        _ => synth::build(ctx, key),
    }
}

fn build_member(ctx: &BuildContext<'_>, id: MemberId) -> Result<BuildOutput> {
    let member = &ctx.program.members[id];
    if member.is_external {
        return externals::build(ctx, id);
    }
    if let Some(function) = externals::replacement(ctx, id)? {
        return Ok(BuildOutput { functions: vec![function], ..BuildOutput::default() });
    }
    match member.source {
        MemberSource::Procedure(procedure) => build_procedure(ctx, id, procedure),
        MemberSource::Constructor(constructor) => build_constructor(ctx, id, constructor),
    }
}

fn build_procedure(ctx: &BuildContext<'_>, id: MemberId, procedure: ProcIdx) -> Result<BuildOutput> {
    let component = ctx.program.component;
    let arena = Bump::new();
    let node = component.parse_procedure_body(procedure, &arena)?;
    let member = &ctx.program.members[id];
    let mut scopes = Scopes::default();
    scopes.add_function(&node);
    let unit = Unit {
        member_type_params: member.params.type_params.len(),
        ..unit(
            ctx,
            scopes,
            member.class,
            member.library,
            component.procedures[procedure].source,
            ctx.program.qualified_name(&FunctionKey::Member(id), &()),
        )
    };
    let forwarding_target = match member.forwarding_target {
        Some(Target::Member(target)) => Some(target),
        _ => None,
    };
    let checks = Checks::of_member(ctx, id, forwarding_target);
    let signature = Signature::tagged(member.params.num_args());
    let builder = BodyBuilder::new(&unit, FunctionKey::Member(id), signature, BodyId::Member(id));
    let function = builder.function(&member.params, node.header, &checks, |builder| {
        // Tree shaking removes bodies without effects; such members return null.
        builder.body_statement(node.body)
    })?;
    finish(&unit, function)
}

fn build_constructor(ctx: &BuildContext<'_>, id: MemberId, constructor: CtorIdx) -> Result<BuildOutput> {
    let component = ctx.program.component;
    let arena = Bump::new();
    let node = component.parse_constructor(constructor, &arena)?;
    let member = &ctx.program.members[id];
    let kernel = &component.constructors[constructor];
    let mut scopes = Scopes::default();
    scopes.add_constructor(&node);
    let mut field_initializers = FxHashMap::default();
    for field in component.classes[kernel.class].fields.iter() {
        if component.fields[field].flags.is_static() {
            continue;
        }
        if let Some(initializer) = component.parse_field_initializer(field, &arena)? {
            // Those of late fields run in functions of their own.
            if !component.fields[field].flags.is_late() {
                scopes.add_field_initializer(component.fields[field].node, initializer);
            }
            field_initializers.insert(field, initializer);
        }
    }
    let unit = Unit {
        field_initializers,
        ..unit(
            ctx,
            scopes,
            member.class,
            member.library,
            kernel.source,
            ctx.program.qualified_name(&FunctionKey::Member(id), &()),
        )
    };
    let signature = Signature::tagged(member.params.num_args());
    let builder = BodyBuilder::new(&unit, FunctionKey::Member(id), signature, BodyId::Member(id));
    let checks = Checks { no_interrupts: member.no_interrupts, ..Checks::NONE };
    let function = builder
        .function(&member.params, node.function.header, &checks, |builder| builder.constructor_body(&node))?;
    finish(&unit, function)
}

fn build_field_initializer(ctx: &BuildContext<'_>, id: FieldId) -> Result<BuildOutput> {
    let component = ctx.program.component;
    let arena = Bump::new();
    let field = &ctx.program.fields[id];
    let kernel = &component.fields[field.kernel];
    let mut scopes = Scopes::default();
    let initializer = component.parse_field_initializer(field.kernel, &arena)?;
    if let Some(initializer) = initializer {
        scopes.add_field_initializer(kernel.node, initializer);
    }
    let key = FunctionKey::FieldInit(id);
    let name = ctx.program.qualified_name(&key, &());
    let unit = unit(ctx, scopes, field.class, field.library, kernel.source, name);
    let Some(initializer) = initializer else {
        return Err(Error::Dangling { member: unit.name, what: "an initialiser".into() });
    };
    let params = Params { has_receiver: !field.is_static, ..Params::default() };
    let signature = Signature::tagged(params.num_args());
    let builder = BodyBuilder::new(&unit, key, signature, BodyId::FieldInit(id));
    let function = builder.field_initializer(id, &params, initializer)?;
    finish(&unit, function)
}

fn unit<'a, 'b>(
    ctx: &'a BuildContext<'a>,
    scopes: Scopes<'b>,
    class: Option<ClassId>,
    library: LibIdx,
    source: SourceIdx,
    name: String,
) -> Unit<'a, 'b> {
    Unit {
        ctx,
        scopes,
        class,
        library,
        source,
        member_type_params: 0,
        name,
        field_initializers: FxHashMap::default(),
        queue: RefCell::default(),
        queued: RefCell::new(FxHashSet::default()),
        signatures: RefCell::default(),
        resumptions: RefCell::default(),
    }
}

/// Builds the local functions that the body, and they themselves, asked for.
fn finish(unit: &Unit<'_, '_>, function: Function) -> Result<BuildOutput> {
    let mut output = BuildOutput { functions: vec![function], locals: Vec::new(), is_native: false };
    output.functions.append(&mut unit.resumptions.borrow_mut());
    let mut next = 0;
    loop {
        let pending = unit.queue.borrow().get(next).cloned();
        let Some(pending) = pending else { return Ok(output) };
        next += 1;
        let (function, info) = unit.build_local(&pending)?;
        output.functions.push(function);
        output.functions.append(&mut unit.resumptions.borrow_mut());
        output.locals.push(info);
    }
}
