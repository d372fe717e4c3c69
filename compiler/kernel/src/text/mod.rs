//! Text form of members, for people and golden tests.
//!
//! # Problem
//!
//! Whoever asks why a function compiles to what it does wants to see what the front end made of it: everything that the
//! compiler reads, little else, and the same text each time.
//!
//! # Form
//!
//! Dart's own syntax as far as it goes. What differs:
//!
//! | text | means |
//! |---|---|
//! | `x@12` | the construct has the source position 12: of the name, keyword or operator before it |
//! | `a.{List.add}@12(b)` | access to an instance member; between braces the interface target, then flags |
//! | `{List.add => _GrowableList.add}` | `vm.direct-call` names the only possible target |
//! | `{List.length: int ~ _Smi}` | static type, and what `vm.inferred-type` knows beyond it; `unchecked`: no argument checks |
//! | `v{int}`, `v{~ _Smi}` | a variable with its promoted type, or its inferred type |
//! | `a.{dynamic name}` | access without interface target |
//! | `x#2`, `#1` | the second variable of the name `x` in the member; a variable without name |
//! | `L0: ...`, `break L0` | labeled statements, by their depth in the function |
//! | `let T x = a in b`, `block { ... => a }` | expressions that Dart's syntax does not have |
//! | `interpolate(a, b)` | string interpolation |
//! | `[synthetic]` | flags of a declaration that Dart has no word for |
//! | `Box.T` | a type parameter whose plain name means a nearer one |
//!
//! Names are not qualified by library. Constants are printed as values, cut off where they get long.
//!
//! # Bounds
//!
//! Printing is recursive like reading; nesting is bounded by [`MAX_DEPTH`](crate::MAX_DEPTH).

mod constants;
mod decl;
mod expr;
mod names;
mod stmt;
mod types;

use bumpalo::Bump;

use crate::ast::*;
use crate::component::*;
use crate::error::{Error, Result};
use crate::ids::*;
use names::BodyNames;

pub use names::{member_name, reference_name};

/// A member with annotations, declaration and body.
///
/// # Errors
/// If its body or metadata is malformed.
pub fn member(component: &Component<'_>, member: Member) -> Result<String> {
    let arena = Bump::new();
    let mut printer = Printer::new(component, &arena);
    match member {
        Member::Field(field) => {
            let initializer = component.parse_field_initializer(field, &arena)?;
            printer.names = BodyNames::of_initializer(component, initializer);
            printer.field(field, initializer);
        }
        Member::Procedure(procedure) => {
            let function = component.parse_procedure_body(procedure, &arena)?;
            printer.names = BodyNames::of_function(component, &function);
            printer.procedure(procedure, &function);
        }
        Member::Constructor(constructor) => {
            let node = component.parse_constructor(constructor, &arena)?;
            printer.names = BodyNames::of_constructor(component, &node);
            printer.constructor(constructor, &node);
        }
    }
    printer.line_end();
    printer.finish()
}

/// The declaration of a member on one line: neither annotations nor body.
///
/// # Errors
/// If a default value or metadata is malformed.
pub fn declaration(component: &Component<'_>, member: Member) -> Result<String> {
    let arena = Bump::new();
    let mut printer = Printer::new(component, &arena);
    match member {
        Member::Field(field) => printer.field_declaration(field),
        Member::Procedure(procedure) => {
            let function = FunctionNode { header: component.procedures[procedure].function, body: None };
            printer.names = BodyNames::of_function(component, &function);
            printer.procedure_declaration(procedure);
        }
        Member::Constructor(constructor) => {
            let function = FunctionNode { header: component.constructors[constructor].function, body: None };
            printer.names = BodyNames::of_function(component, &function);
            printer.constructor_declaration(constructor);
        }
    }
    printer.finish()
}

/// A local function of a member, by its [`FunctionHeader::node`]; none if the member has no such function.
///
/// Local functions in initialisers of instance fields belong to their fields, not to constructors.
///
/// # Errors
/// If the body of the member or its metadata is malformed.
pub fn local_function(component: &Component<'_>, member: Member, node: NodeOffset) -> Result<Option<String>> {
    let arena = Bump::new();
    let names = match member {
        Member::Field(field) => {
            BodyNames::of_initializer(component, component.parse_field_initializer(field, &arena)?)
        }
        Member::Procedure(procedure) => {
            BodyNames::of_function(component, &component.parse_procedure_body(procedure, &arena)?)
        }
        Member::Constructor(constructor) => {
            BodyNames::of_constructor(component, &component.parse_constructor(constructor, &arena)?)
        }
    };
    let Some(local) = names.functions.get(&node).copied() else { return Ok(None) };
    let mut printer = Printer::new(component, &arena);
    printer.names = names;
    printer.enter_member(member);
    printer.local_function(local);
    printer.line_end();
    printer.finish().map(Some)
}

/// A constant, as the form of bodies has it after `const`.
pub fn constant(component: &Component<'_>, constant: ConstIdx) -> String {
    let arena = Bump::new();
    let mut printer = Printer::new(component, &arena);
    printer.constant(constant);
    printer.out
}

/// A string literal. Characters that do not show and lone surrogates are escaped.
pub fn string_literal(text: &[u8]) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for unit in char::decode_utf16(crate::wtf8_to_utf16(text)) {
        match unit {
            Ok('\'') => literal.push('\''),
            Ok(char) => literal.extend(char.escape_debug()),
            Err(surrogate) => literal.push_str(&format!("\\u{{{:x}}}", surrogate.unpaired_surrogate())),
        }
    }
    literal.push('"');
    literal
}

/// Writes one member.
struct Printer<'c, 'a, 'b> {
    component: &'c Component<'a>,
    arena: &'b Bump,
    out: String,
    /// Levels of indentation of the current line.
    indent: usize,
    names: BodyNames<'b>,
    /// Type parameters of members and local functions in scope.
    scope: &'b TypeScope<'b>,
    /// Type parameters of the generic function types around the current place, innermost last.
    function_types: Vec<&'b [TypeParameter<'b>]>,
    /// Library of the member.
    library: Option<LibIdx>,
    /// Number of labeled statements of the function around the current place.
    labels: u32,
    /// Number of cases of all switches of the function around the current place.
    cases: u32,
    /// The first metadata that could not be read.
    error: Option<Error>,
}

impl<'c, 'a: 'b, 'b> Printer<'c, 'a, 'b> {
    fn new(component: &'c Component<'a>, arena: &'b Bump) -> Self {
        Printer {
            component,
            arena,
            out: String::new(),
            indent: 0,
            names: BodyNames::default(),
            scope: TypeScope::EMPTY,
            function_types: Vec::new(),
            library: None,
            labels: 0,
            cases: 0,
            error: None,
        }
    }

    fn finish(self) -> Result<String> {
        self.error.map_or(Ok(self.out), Err)
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// Starts a line.
    fn line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.indent));
    }

    /// Ends the last line.
    fn line_end(&mut self) {
        self.out.push('\n');
    }

    fn position(&mut self, position: Position) {
        if let Some(offset) = position.get() {
            self.out.push_str(&format!("@{offset}"));
        }
    }

    fn string(&mut self, text: StrIdx) {
        self.out.push_str(&self.component.string_lossy(text));
    }

    /// Items with commas between them.
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut item: impl FnMut(&mut Self, T)) {
        for (index, value) in items.into_iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            item(self, value);
        }
    }

    /// What `write` writes, instead of writing it.
    fn captured(&mut self, write: impl FnOnce(&mut Self)) -> String {
        let start = self.out.len();
        write(self);
        self.out.split_off(start)
    }

    /// Metadata; the first that is malformed becomes the result of printing.
    fn noted<T>(&mut self, metadata: Result<Option<T>>) -> Option<T> {
        metadata.unwrap_or_else(|error| {
            self.error.get_or_insert(error);
            None
        })
    }
}
