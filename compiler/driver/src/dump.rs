//! One function after each phase, as text.

use std::fmt::Write;

use bumpalo::Bump;
use dart_kernel::Component;
use snapcrane_engines::TargetSpec;
use snapcrane_ir::text::{Display, Names};
use snapcrane_lower::{Compiler, LowerContext};
use snapcrane_program::Program;
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, ObjectKey, RowKey};

use crate::Options;
use crate::codegen::function_name;
use crate::error::Error;
use crate::link::{FunctionLink, Link};
use crate::reach::{self, Body, Reach};
use crate::rows;

/// A form of a function that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Dart intermediate representation.
    Ir,
    /// Cranelift's intermediate representation as it is handed over.
    Clif,
    /// The same after Cranelift's optimiser.
    OptimizedClif,
    /// Machine code with stack maps, handlers and positions.
    Code,
}

/// What to print.
#[derive(Clone, Debug)]
pub struct Dump {
    /// Text that the names of the functions contain.
    pub function: String,
    /// The names are exactly this text.
    pub exact: bool,
    /// The forms to print, all if the list is empty.
    pub stages: Vec<Stage>,
}

impl Dump {
    fn selects(&self, name: &str) -> bool {
        if self.exact { name == self.function } else { name.contains(&self.function) }
    }

    fn shows(&self, stage: Stage) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }
}

/// Names of program entities in dumps.
pub struct ProgramNames<'a> {
    program: &'a Program<'a>,
    reach: &'a Reach,
}

impl Names for ProgramNames<'_> {
    fn class(&self, class: ClassId) -> String {
        self.program.vm_class_name(class)
    }
    fn field(&self, field: FieldId) -> String {
        self.program.vm_name(self.program.fields[field].name)
    }
    fn function(&self, key: &FunctionKey) -> String {
        self.program.qualified_name(key, &self.reach.locals)
    }
    fn object(&self, key: &ObjectKey) -> String {
        match key {
            ObjectKey::String(text) => format!("{:?}", self.program.component.string_lossy(*text)),
            ObjectKey::Text(text) => format!("{text:?}"),
            ObjectKey::Function(key) | ObjectKey::StaticClosure(key) => {
                format!("function {}", self.function(key))
            }
            ObjectKey::Field(field) => format!("field {}", self.field(*field)),
            ObjectKey::Class(class) => format!("class {}", self.class(*class)),
            _ => format!("{key:?}"),
        }
    }
    fn row(&self, key: &RowKey) -> String {
        let name = self.program.component.string_lossy(key.selector.name.text);
        let kind = format!("{:?}", key.selector.kind).to_lowercase();
        let dynamic = if key.dynamic { "dynamic " } else { "" };
        format!("{dynamic}{kind} {name}/{}+{}", key.shape.positional, key.shape.names.len())
    }
}

/// Prints the functions whose names contain a text after each phase.
///
/// # Errors
/// As [`crate::compile`]; functions that are not asked for are not compiled. [`Error::NoSuchFunction`] if none is compiled
/// that has such a name.
pub fn dump(input: &[u8], target: &TargetSpec, options: &Options, dump: &Dump) -> Result<String, Error> {
    let arena = Bump::new();
    let component = Component::read(input, &arena)?;
    let program = Program::load(&component, target.engine)?;
    let options = &Options { only_functions: Some(dump.function.clone()), ..options.clone() };
    let reach = reach::reach(&program, options, &())?;
    let table = rows::pack(&reach.cells);
    let link = Link::new(&program, &reach, &table, target);
    let names = ProgramNames { program: &program, reach: &reach };
    let mut compiler = Compiler::new(target, options.compiler_options())
        .map_err(|source| Error::Lower { function: target.name(), source })?;
    let mut text = String::new();
    for (id, body) in &reach.bodies {
        let name = function_name(&program, &reach, id);
        if !dump.selects(&name) {
            continue;
        }
        let _ = writeln!(text, "== {name}");
        let Some(Body::Ir(function)) = body.as_ref().map(|reached| &reached.body) else {
            let _ = writeln!(text, "native");
            continue;
        };
        if dump.shows(Stage::Ir) {
            let _ = writeln!(text, "-- IR\n{}", Display { func: function, names: &names });
        }
        if dump.stages == [Stage::Ir] {
            continue;
        }
        let function_link = FunctionLink { link: &link, function: id };
        let context = LowerContext { program: &program, target, link: &function_link };
        let lowered = match compiler.compile_with_dump(&context, function) {
            Ok((_, lowered)) => lowered,
            Err(source) => {
                let _ = writeln!(text, "-- {source}");
                continue;
            }
        };
        for (stage, title, form) in [
            (Stage::Clif, "CLIF", &lowered.clif),
            (Stage::OptimizedClif, "optimised CLIF", &lowered.optimized),
            (Stage::Code, "code", &lowered.code),
        ] {
            if dump.shows(stage) {
                let _ = writeln!(text, "-- {title}\n{form}");
            }
        }
    }
    if text.is_empty() {
        return Err(Error::NoSuchFunction(dump.function.clone()));
    }
    Ok(text)
}
