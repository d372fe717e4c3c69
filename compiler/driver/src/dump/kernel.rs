//! The kernel that a function is made from.

use bumpalo::Bump;
use dart_kernel::ast::InitializerKind;
use dart_kernel::{CtorIdx, Member, NodeOffset, text};
use snapcrane_ir::text::Names;
use snapcrane_program::ids::{FunctionKey, MemberId, MemberSource};
use snapcrane_program::{LocalFunctions, Program};

use crate::error::Error;
use crate::reach::Reach;

/// Text of the kernel of a function; of one that has none, what it is made from.
pub(super) fn kernel(
    program: &Program<'_>,
    reach: &Reach,
    names: &dyn Names,
    key: &FunctionKey,
) -> Result<String, Error> {
    let component = program.component;
    let made_from = |what: &str| format!("none of its own: made from {what}\n");
    Ok(match key {
        FunctionKey::Member(member) => match kernel_member(program, *member) {
            Member::Constructor(constructor) => {
                let mut text = field_initializers(program, constructor)?;
                text.push_str(&text::member(component, Member::Constructor(constructor))?);
                text
            }
            member => text::member(component, member)?,
        },
        FunctionKey::Local(node) => local(program, reach, key, NodeOffset(*node))?
            .unwrap_or_else(|| made_from("a local function that no member has")),
        FunctionKey::FieldInit(field)
        | FunctionKey::ImplicitGetter(field)
        | FunctionKey::ImplicitSetter(field) => {
            text::member(component, Member::Field(program.fields[*field].kernel))?
        }
        FunctionKey::TearOff(member) | FunctionKey::MethodExtractor(member) => {
            made_from(&text::declaration(component, kernel_member(program, *member))?)
        }
        FunctionKey::Adapter(function, _)
        | FunctionKey::DynForwarder(function, _)
        | FunctionKey::DynGetterCall(function, _)
        | FunctionKey::Resume(function)
        | FunctionKey::GenericEntry(function)
        | FunctionKey::DynEntry(function) => made_from(&names.function(function)),
        FunctionKey::NoSuchMethod(_) | FunctionKey::RecordFieldGetter(_) | FunctionKey::DynClosureCall(_) => {
            made_from("calls in other functions")
        }
    })
}

fn kernel_member(program: &Program<'_>, member: MemberId) -> Member {
    match program.members[member].source {
        MemberSource::Procedure(procedure) => Member::Procedure(procedure),
        MemberSource::Constructor(constructor) => Member::Constructor(constructor),
    }
}

/// The fields whose initialisers a constructor runs before its own ones.
fn field_initializers(program: &Program<'_>, constructor: CtorIdx) -> Result<String, Error> {
    let component = program.component;
    let arena = Bump::new();
    let node = component.parse_constructor(constructor, &arena)?;
    let mut text = String::new();
    if node
        .initializers
        .iter()
        .any(|initializer| matches!(initializer.kind, InitializerKind::Redirecting { .. }))
    {
        return Ok(text);
    }
    for id in component.classes[component.constructors[constructor].class].fields.iter() {
        let field = &component.fields[id];
        if field.initializer.is_some() && !field.flags.is_static() && !field.flags.is_late() {
            text.push_str(&text::member(component, Member::Field(id))?);
        }
    }
    Ok(text)
}

/// A local function is part of the member around it, or of a field that this member, a constructor, initialises.
fn local(
    program: &Program<'_>,
    reach: &Reach,
    key: &FunctionKey,
    node: NodeOffset,
) -> Result<Option<String>, Error> {
    let component = program.component;
    let mut outermost = key;
    while let FunctionKey::Local(node) = outermost {
        let Some(local) = reach.locals.local(*node) else { return Ok(None) };
        outermost = &local.parent;
    }
    let member = match outermost {
        FunctionKey::Member(member) => kernel_member(program, *member),
        FunctionKey::FieldInit(field) => Member::Field(program.fields[*field].kernel),
        _ => return Ok(None),
    };
    if let Some(text) = text::local_function(component, member, node)? {
        return Ok(Some(text));
    }
    if let Member::Constructor(constructor) = member {
        for field in component.classes[component.constructors[constructor].class].fields.iter() {
            if let Some(text) = text::local_function(component, Member::Field(field), node)? {
                return Ok(Some(text));
            }
        }
    }
    Ok(None)
}
