//! Names of members, variables and type parameters.

use std::collections::{HashMap, HashSet};

use crate::ast::*;
use crate::component::*;
use crate::ids::*;
use crate::visit::{Visitor, walk_constructor, walk_function, walk_stmt, walk_variable};

/// A member's name, with that of its class: `sumTo`, `Box.value`, `Box` (unnamed constructor).
pub fn member_name(component: &Component<'_>, member: Member) -> String {
    let (name, class) = match member {
        Member::Field(field) => {
            let field = &component.fields[field];
            (field.name, enclosing_name(component, field.enclosing))
        }
        Member::Procedure(procedure) => {
            let procedure = &component.procedures[procedure];
            (procedure.name, enclosing_name(component, procedure.enclosing))
        }
        Member::Constructor(constructor) => {
            let constructor = &component.constructors[constructor];
            (constructor.name, Some(component.classes[constructor.class].name))
        }
    };
    let name = component.string_lossy(name.text);
    match class.map(|class| component.string_lossy(class)) {
        Some(class) if name.is_empty() => class.into_owned(),
        Some(class) => format!("{class}.{name}"),
        None => name.into_owned(),
    }
}

fn enclosing_name(component: &Component<'_>, enclosing: Enclosing) -> Option<StrIdx> {
    match enclosing {
        Enclosing::Library(_) => None,
        Enclosing::Class(class) => Some(component.classes[class].name),
        Enclosing::ExtensionType(extension) => Some(component.extension_types[extension].name),
    }
}

/// The name of what a reference denotes; the whole canonical name if nothing declares it.
pub fn reference_name(component: &Component<'_>, reference: Reference) -> String {
    let name = |name| component.string_lossy(name).into_owned();
    match reference {
        Reference::None => "none".into(),
        Reference::Unresolved(index) => component.qualified_name(index),
        Reference::Library(library) => component.qualified_name(component.libraries[library].canonical_name),
        Reference::Class(class) => name(component.classes[class].name),
        Reference::Typedef(typedef) => name(component.typedefs[typedef].name),
        Reference::Extension(extension) => name(component.extensions[extension].name),
        Reference::ExtensionType(extension) => name(component.extension_types[extension].name),
        Reference::Field(field) | Reference::FieldGetter(field) | Reference::FieldSetter(field) => {
            member_name(component, Member::Field(field))
        }
        Reference::Procedure(procedure) => member_name(component, Member::Procedure(procedure)),
        Reference::Constructor(constructor) => member_name(component, Member::Constructor(constructor)),
    }
}

/// What must be known of a body before it is printed.
#[derive(Default)]
pub(super) struct BodyNames<'b> {
    /// A name of its own for each variable.
    pub(super) variables: HashMap<VarId, String>,
    /// Local functions.
    pub(super) functions: HashMap<NodeOffset, &'b LocalFunction<'b>>,
    /// Whether some `continue` names a case, so that cases need names.
    pub(super) continues_switch: bool,
}

impl<'b> BodyNames<'b> {
    pub(super) fn of_initializer(component: &Component<'_>, initializer: Option<&'b Expr<'b>>) -> Self {
        Collector::collect(component, |collector| {
            if let Some(initializer) = initializer {
                collector.expr(initializer, TypeScope::EMPTY);
            }
        })
    }

    pub(super) fn of_function(component: &Component<'_>, function: &FunctionNode<'b>) -> Self {
        Collector::collect(component, |collector| {
            collector.explicit_this(function.header);
            walk_function(collector, function);
        })
    }

    pub(super) fn of_constructor(component: &Component<'_>, constructor: &ConstructorNode<'b>) -> Self {
        Collector::collect(component, |collector| {
            collector.explicit_this(constructor.function.header);
            walk_constructor(collector, constructor);
        })
    }
}

struct Collector<'c, 'a, 'b> {
    component: &'c Component<'a>,
    names: BodyNames<'b>,
    used: HashSet<String>,
    /// How often each name was asked for; the key of variables without name is empty.
    counts: HashMap<StrIdx, u32>,
}

impl<'c, 'a, 'b> Collector<'c, 'a, 'b> {
    fn collect(component: &'c Component<'a>, walk: impl FnOnce(&mut Self)) -> BodyNames<'b> {
        let mut collector = Collector {
            component,
            names: BodyNames::default(),
            used: HashSet::default(),
            counts: HashMap::default(),
        };
        walk(&mut collector);
        collector.names
    }

    fn explicit_this(&mut self, header: &FunctionHeader<'b>) {
        if let Some(this) = header.this_variable {
            self.declare(this);
        }
    }

    fn declare(&mut self, variable: &Variable<'_>) {
        let text = self.component.string_lossy(variable.name);
        let count = self.counts.entry(variable.name).or_default();
        let name = loop {
            *count += 1;
            let name = match *count {
                1 if !text.is_empty() => text.clone().into_owned(),
                count => format!("{text}#{count}"),
            };
            if self.used.insert(name.clone()) {
                break name;
            }
        };
        self.names.variables.insert(variable.id, name);
    }
}

impl<'b> Visitor<'b> for Collector<'_, '_, 'b> {
    fn stmt(&mut self, stmt: &'b Stmt<'b>, scope: &'b TypeScope<'b>) {
        self.names.continues_switch |= matches!(stmt.kind, StmtKind::ContinueSwitch { .. });
        walk_stmt(self, stmt, scope);
    }

    fn variable(&mut self, variable: &'b Variable<'b>, scope: &'b TypeScope<'b>) {
        self.declare(variable);
        walk_variable(self, variable, scope);
    }

    fn local_function(&mut self, function: &'b LocalFunction<'b>) {
        self.names.functions.insert(function.function.node, function);
        self.explicit_this(function.function.header);
        walk_function(self, &function.function);
    }
}
