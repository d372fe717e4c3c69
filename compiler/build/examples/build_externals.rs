//! Makes the body of every external member of a kernel file, verifies it, and prints what became of each kind.
//!
//! Usage: `build_externals FILE.dill [--print NAME] [--list]`. With `--list`, names are printed of members with a body made by the compiler
//! and of those that call C functions too.

use std::collections::BTreeMap;
use std::process::ExitCode;

use dart_kernel::{Bump, Component};
use snapcrane_build::{BuildContext, Error, Locals, build};
use snapcrane_ir::verifier::verify;
use snapcrane_program::Program;
use snapcrane_program::ids::FunctionKey;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().ok_or("usage: build_externals FILE.dill [--print NAME] [--list]")?;
    let wanted = args.iter().position(|arg| arg == "--print").and_then(|at| args.get(at + 1));
    let list = args.iter().any(|arg| arg == "--list");
    let bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).map_err(|error| error.to_string())?;
    let program =
        Program::load(&component, snapcrane_engines::Engine::latest()).map_err(|error| error.to_string())?;
    let locals = Locals::default();
    let ctx = BuildContext::new(&program, false, &locals);

    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut broken = 0usize;
    for (id, member) in &program.members {
        let key = FunctionKey::Member(id);
        let name = program.qualified_name(&key, &());
        let uri = component.canonical_name(component.libraries[member.library].canonical_name).name;
        let name = format!("{}::{name}", program.text(uri));
        // Recognised members that are not external are of interest only if their body is replaced.
        let is_recognized = member.is_recognized && !member.is_abstract;
        if !member.is_external && !is_recognized {
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
