//! Makes the body of every external member of a kernel file, verifies it, and prints what became of each kind.
//!
//! Usage: `build_externals FILE.dill [--print NAME] [--list]`. With `--list`, names are printed of members with a body made by the compiler
//! and of those that call C functions too.

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;

use dart_kernel::Component;
use snapcrane_build::{BuildContext, Error, Locals, build};
use snapcrane_engines::Engine;
use snapcrane_ir::verifier::verify;
use snapcrane_program::Program;
use snapcrane_program::ids::FunctionKey;

const USAGE: &str = "build_externals FILE.dill [--print NAME] [--list]";

fn main() -> ExitCode {
    common::run(|args| {
        common::with_program(args, USAGE, Engine::latest(), |component, program| {
            build_externals(args, component, program)
        })
    })
}

fn build_externals(
    args: &[String],
    component: &Component<'_>,
    program: &Program<'_>,
) -> Result<ExitCode, String> {
    let wanted = common::option(args, "--print");
    let list = args.iter().any(|arg| arg == "--list");
    let locals = Locals::default();
    let ctx = BuildContext::new(program, false, &locals);

    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut broken = 0usize;
    for key in common::bodies(program, true) {
        let FunctionKey::Member(id) = key else { continue };
        let member = &program.members[id];
        let name = program.qualified_name(&key, &());
        let uri = component.canonical_name(component.libraries[member.library].canonical_name).name;
        let name = format!("{}::{name}", program.text(uri));
        // Recognised members that are not external are of interest only if their body is replaced.
        if !member.is_external && !member.is_recognized {
            continue;
        }
        let kind = match build(&ctx, &key) {
            Ok(output) if output.is_native => "Native",
            Ok(output) => {
                for function in &output.functions {
                    if let Err(problems) = verify(function) {
                        broken += 1;
                        println!("broken: {name}: {}\n{function}", problems[0]);
                    }
                    if wanted.is_some_and(|wanted| name.ends_with(wanted.as_str())) {
                        println!("{function}");
                    }
                }
                let throws = output.functions.iter().any(|function| {
                    function.callees.values().any(|callee| {
                        matches!(callee, FunctionKey::Member(callee) if program.member_name(*callee).starts_with("_throwNew"))
                    })
                });
                match (member.is_external, throws) {
                    (true, false) => "Ir",
                    (true, true) => "Throws",
                    (false, _) => "Recognised, not external",
                }
            }
            Err(Error::Unsupported { .. }) => "Unsupported",
            Err(error) => {
                println!("error: {name}: {error}");
                "Error"
            }
        };
        kinds.entry(kind).or_default().push(name);
    }
    for (kind, names) in &kinds {
        println!("{kind}: {}", names.len());
        if list || matches!(*kind, "Unsupported" | "Error" | "Throws") {
            for name in names {
                println!("    {name}");
            }
        }
    }
    let errors = kinds.get("Error").map_or(0, Vec::len);
    Ok(if broken + errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
