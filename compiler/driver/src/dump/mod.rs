//! One function after each phase, as text.

mod kernel;
mod names;

use std::fmt::Write;

use bumpalo::Bump;
use dart_kernel::Component;
use snapcrane_engines::TargetSpec;
use snapcrane_ir::text::{Display, Names};
use snapcrane_lower::{Compiler, LowerContext};
use snapcrane_program::Program;

use crate::Options;
use crate::codegen::function_name;
use crate::error::Error;
use crate::link::{FunctionLink, Link};
use crate::reach::{self, Body};
use crate::rows;

use names::ProgramNames;

/// A form of a function that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// What the front end made of it.
    Kernel,
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
    /// Text that the names of the functions contain. Titles tell functions of one name apart: `f`, `f (tear-off)`.
    pub function: String,
    /// The names, or the titles, are exactly this text.
    pub exact: bool,
    /// The forms to print, all if the list is empty.
    pub stages: Vec<Stage>,
}

impl Dump {
    fn selects(&self, name: &str, title: &str) -> bool {
        let matches =
            |text: &str| if self.exact { text == self.function } else { text.contains(&self.function) };
        matches(name) || matches(title)
    }

    fn shows(&self, stage: Stage) -> bool {
        self.stages.is_empty() || self.stages.contains(&stage)
    }

    /// Whether some form is asked for that only lowering makes.
    fn lowers(&self) -> bool {
        [Stage::Clif, Stage::OptimizedClif, Stage::Code].iter().any(|&stage| self.shows(stage))
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
    let mut compiler = Compiler::new(target, options.compiler_options())
        .map_err(|source| Error::Lower { function: target.name(), source })?;
    let mut text = String::new();
    for (id, body) in &reach.bodies {
        let key = reach.functions.key(id);
        let names = ProgramNames::new(&program, &reach, key);
        let title = names.function(key);
        if !dump.selects(&function_name(&program, &reach, id), &title) {
            continue;
        }
        let _ = writeln!(text, "== {title}");
        if dump.shows(Stage::Kernel) {
            let _ = writeln!(text, "-- kernel\n{}", kernel::kernel(&program, &reach, &names, key)?);
        }
        let Some(Body::Ir(function)) = body.as_ref().map(|reached| &reached.body) else {
            let _ = writeln!(text, "native");
            continue;
        };
        if dump.shows(Stage::Ir) {
            let _ = writeln!(text, "-- IR\n{}", Display { func: function, names: &names });
        }
        if !dump.lowers() {
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
