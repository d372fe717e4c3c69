//! Builds and verifies the synthesised functions that a kernel file can give rise to; prints counts and errors. Entries,
//! adapters and forwarders are also run with all kinds of arguments.
//!
//! These are all accessors, tear-offs and entries of its members and closures; the cells of every row that some function
//! calls through, for all concrete classes; and adapters and forwarders with as few and as many arguments as possible.
//!
//! Usage: `build_synth FILE.dill [--print TEXT]`: prints functions whose key's text contains `TEXT`.

#[path = "../common/mod.rs"]
mod common;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use snapcrane_build::{BuildContext, Error, Locals, build, synth};
use snapcrane_engines::Engine;
use snapcrane_ir::Function;
use snapcrane_ir::verifier::verify;
use snapcrane_program::ids::{CallShape, FunctionKey, RowKey};
use snapcrane_program::{FieldInit, MemberKind, Params, Program};

const USAGE: &str = "build_synth FILE.dill [--print TEXT]";

fn main() -> ExitCode {
    common::run(|args| {
        common::with_program(args, USAGE, Engine::latest(), |_, program| build_synth(args, program))
    })
}

/// Keys that are still to be built, and all that ever were.
#[derive(Default)]
struct Work {
    known: BTreeSet<FunctionKey>,
    todo: Vec<FunctionKey>,
    rows: BTreeSet<RowKey>,
}

impl Work {
    fn add(&mut self, key: FunctionKey) {
        let is_body =
            matches!(key, FunctionKey::Member(_) | FunctionKey::Local(_) | FunctionKey::FieldInit(_));
        if !is_body && self.known.insert(key.clone()) {
            self.todo.push(key);
        }
    }

    fn add_function(&mut self, program: &Program<'_>, function: &Function) {
        for key in function.callees.values() {
            self.add(key.clone());
        }
        for row in function.rows.values() {
            if self.rows.insert(row.clone()) {
                for class in program.all_classes().filter(|class| !class.is_abstract) {
                    if let Some(key) = program.cell(class.id, row) {
                        self.add(key);
                    }
                }
            }
        }
    }
}

fn build_synth(args: &[String], program: &Program<'_>) -> Result<ExitCode, String> {
    let wanted = common::option(args, "--print");
    let mut work = Work::default();
    let mut locals = Locals::default();
    let none = Locals::default();
    let ctx = BuildContext::new(program, false, &none);
    for key in common::bodies(program, false) {
        match build(&ctx, &key) {
            Ok(output) => {
                for function in &output.functions {
                    work.add_function(program, function);
                }
                locals.0.extend(output.locals.into_iter().map(|local| (local.node, local)));
            }
            Err(Error::Unsupported { .. }) => {}
            Err(error) => return Err(format!("{}: {error}", program.qualified_name(&key, &()))),
        }
    }
    add_keys(program, &locals, &mut work);

    let ctx = BuildContext::new(program, false, &locals);
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut errors, mut broken, mut runs, mut wrong) = (0, 0, 0, 0);
    while let Some(key) = work.todo.pop() {
        let name = program.qualified_name(&key, &locals);
        match synth::build(&ctx, &key) {
            Ok(output) => {
                for function in &output.functions {
                    work.add_function(program, function);
                    let blocks = function.reverse_postorder();
                    let insts = blocks.iter().map(|&block| function.blocks[block].insts.len());
                    let count = counts.entry(kind(&key)).or_default();
                    *count = (count.0 + 1, count.1 + insts.sum::<usize>());
                    if let Err(problems) = verify(function) {
                        broken += 1;
                        if broken <= 10 {
                            println!("{name} ({key:?}): {}\n{function}", problems[0]);
                        }
                    }
                    let (done, failure) = try_calls(program, &locals, function);
                    runs += done;
                    if let Some(failure) = failure {
                        wrong += 1;
                        if wrong <= 10 {
                            println!("{name} ({key:?}): {failure}\n{function}");
                        }
                    }
                    if wanted.is_some_and(|wanted| format!("{key:?} {name}").contains(wanted)) {
                        println!("{name} = {function}");
                    }
                }
            }
            Err(error) => {
                errors += 1;
                if errors <= 20 {
                    println!("{name} ({key:?}): {error}");
                }
            }
        }
    }
    println!(
        "{} local functions, {} rows; {errors} errors, {broken} broken, {wrong} wrong in {runs} runs",
        locals.0.len(),
        work.rows.len()
    );
    for (kind, (functions, instructions)) in counts {
        println!("{functions:8} {kind}, {instructions} instructions");
    }
    Ok(if errors + broken + wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a function that brings arguments into order; says how often, and what went wrong first.
fn try_calls(program: &Program<'_>, locals: &Locals, function: &Function) -> (usize, Option<String>) {
    let (target, shape, is_checked) = match &function.key {
        FunctionKey::GenericEntry(target) => (target, None, false),
        FunctionKey::DynEntry(target) => (target, None, true),
        FunctionKey::Adapter(target, shape) | FunctionKey::DynForwarder(target, shape) => {
            (target, Some(shape), true)
        }
        _ => return (0, None),
    };
    let Ok(Some(params)) = program.params(target, locals) else { return (0, None) };
    let is_closure = matches!(**target, FunctionKey::Local(_) | FunctionKey::TearOff(_));
    let calls = match shape {
        Some(shape) => {
            let positions = (usize::from(shape.positional)..shape.num_args()).collect();
            vec![run::Call { shape: shape.clone(), positions, is_instantiated: false }]
        }
        None => run::calls(program, &params, is_closure),
    };
    let mut runs = 0;
    for call in calls {
        // Callers of generic entries have checked that the call fits.
        let fits = params.accepts(&call.shape) && !(call.is_instantiated && call.shape.type_args > 0);
        if !fits && !is_checked {
            continue;
        }
        runs += 1;
        let outcome = run::run(function, target, &call);
        let result = outcome.and_then(|outcome| run::check(&params, &call, shape.is_none(), &outcome));
        if let Err(problem) = result {
            let failure = format!(
                "{:?} at {:?}, instantiated: {}: {problem}",
                call.shape, call.positions, call.is_instantiated
            );
            return (runs, Some(failure));
        }
    }
    (runs, None)
}

/// Keys that belong to members, fields and local functions, whether or not anything refers to them.
fn add_keys(program: &Program<'_>, locals: &Locals, work: &mut Work) {
    for (id, field) in &program.fields {
        let is_lazy = field.init == FieldInit::Code || field.is_late;
        if !field.is_static || is_lazy {
            with_entry(work, FunctionKey::ImplicitGetter(id));
        }
        if field.has_setter && (!field.is_static || (field.is_late && field.is_final)) {
            with_entry(work, FunctionKey::ImplicitSetter(id));
            if !field.is_static {
                let setter = FunctionKey::ImplicitSetter(id);
                work.add(FunctionKey::DynForwarder(Box::new(setter), CallShape::positional(2)));
            }
        }
        if field.init == FieldInit::Code && (field.is_static || field.is_late) {
            with_entry(work, FunctionKey::FieldInit(id));
        }
        if let (false, Some(name)) = (field.is_static, program.public_name("length")) {
            let getter = FunctionKey::ImplicitGetter(id);
            let shape = CallShape { type_args: 2, positional: 3, names: [name.text].into() };
            work.add(FunctionKey::DynGetterCall(Box::new(getter), shape));
        }
    }
    for (id, member) in program.members.iter().filter(|(_, member)| !member.is_abstract) {
        let key = FunctionKey::Member(id);
        with_entry(work, key.clone());
        let is_abstract_class = member.class.is_some_and(|class| program.class(class).is_abstract);
        let is_constructor = member.kind == MemberKind::Constructor;
        if matches!(member.kind, MemberKind::Method | MemberKind::Factory)
            || (is_constructor && !is_abstract_class)
        {
            with_entry(work, FunctionKey::TearOff(id));
            work.add(FunctionKey::DynEntry(Box::new(FunctionKey::TearOff(id))));
        }
        if member.is_static || is_constructor {
            continue;
        }
        if member.kind == MemberKind::Method {
            work.add(FunctionKey::MethodExtractor(id));
        }
        for shape in shapes(&member.params) {
            work.add(FunctionKey::Adapter(Box::new(key.clone()), shape.clone()));
            work.add(FunctionKey::DynForwarder(Box::new(key.clone()), shape));
        }
    }
    for &node in locals.0.keys() {
        with_entry(work, FunctionKey::Local(node));
        work.add(FunctionKey::DynEntry(Box::new(FunctionKey::Local(node))));
    }
    for name in ["$1", "$2", "length"] {
        if let Some(name) = program.public_name(name) {
            work.add(FunctionKey::RecordFieldGetter(name));
        }
    }
    for (type_args, positional) in [(0, 1), (0, 4), (2, 2)] {
        work.add(FunctionKey::DynClosureCall(CallShape { type_args, positional, names: [].into() }));
    }
}

fn with_entry(work: &mut Work, key: FunctionKey) {
    work.add(FunctionKey::GenericEntry(Box::new(key.clone())));
    work.add(key);
}

/// Calls with as few and as many arguments as possible, and with too many.
fn shapes(params: &Params) -> [CallShape; 3] {
    let full = params.full_shape();
    let fewest = CallShape {
        type_args: 0,
        positional: params.required + 1,
        names: params.named.iter().filter(|param| param.is_required).map(|param| param.name).collect(),
    };
    let too_many = CallShape { positional: full.positional + 1, ..full.clone() };
    [full, fewest, too_many]
}

fn kind(key: &FunctionKey) -> String {
    let text = format!("{key:?}");
    let parts: Vec<&str> = text.split(['(', ' ', '{']).collect();
    match key {
        FunctionKey::GenericEntry(_)
        | FunctionKey::DynEntry(_)
        | FunctionKey::Adapter(..)
        | FunctionKey::DynForwarder(..)
        | FunctionKey::DynGetterCall(..) => format!("{} of {}", parts[0], parts[1]),
        _ => parts[0].to_string(),
    }
}
