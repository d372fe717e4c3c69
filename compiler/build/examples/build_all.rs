//! Builds the IR of every member of a kernel file and verifies it; prints counts and errors.
//!
//! Usage: `build_all FILE.dill [--asserts] [--print NAME]`

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;

use snapcrane_build::{BuildContext, Error, Locals, build};
use snapcrane_engines::Engine;
use snapcrane_ir::Inst;
use snapcrane_ir::verifier::verify;
use snapcrane_program::Program;

const USAGE: &str = "build_all FILE.dill [--asserts] [--print NAME]";

fn main() -> ExitCode {
    common::run(|args| {
        common::with_program(args, USAGE, Engine::latest(), |_, program| build_all(args, program))
    })
}

fn build_all(args: &[String], program: &Program<'_>) -> Result<ExitCode, String> {
    let wanted = common::option(args, "--print");
    let locals = Locals::default();
    let ctx = BuildContext::new(program, args.iter().any(|arg| arg == "--asserts"), &locals);
    let keys = common::bodies(program, false);

    let start = std::time::Instant::now();
    let (mut functions, mut instructions, mut broken) = (0usize, 0usize, 0usize);
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut errors = 0usize;
    for key in &keys {
        let name = program.qualified_name(key, &());
        match build(&ctx, key) {
            Ok(output) => {
                for function in &output.functions {
                    functions += 1;
                    for block in function.reverse_postorder() {
                        for &inst in &function.blocks[block].insts {
                            instructions += 1;
                            *kinds.entry(kind(&function.insts[inst].inst)).or_default() += 1;
                        }
                    }
                    if let Err(problems) = verify(function) {
                        broken += 1;
                        if broken <= 10 {
                            println!("{name} ({:?}): {}", function.key, problems[0]);
                        }
                    }
                    if wanted.is_some_and(|wanted| *wanted == name) {
                        println!("{function}");
                    }
                }
            }
            Err(error @ Error::Unsupported { .. }) => {
                if wanted.is_some_and(|wanted| wanted == "unsupported") {
                    println!("{error}");
                }
                if let Error::Unsupported { construct, .. } = error {
                    *unsupported.entry(construct).or_default() += 1;
                }
            }
            Err(error) => {
                errors += 1;
                if errors <= 20 {
                    println!("{name}: {error}");
                }
            }
        }
    }
    println!(
        "{} bodies, {functions} functions, {instructions} instructions in {:?}; {errors} errors, {broken} broken",
        keys.len(),
        start.elapsed()
    );
    for (construct, count) in unsupported {
        println!("unsupported: {construct}: {count}");
    }
    for (kind, count) in kinds {
        println!("  {count:8} {kind}");
    }
    Ok(if errors + broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Name of an instruction, with the operation of simple ones.
fn kind(inst: &Inst) -> String {
    let text = match inst {
        Inst::Unary(op, _) => return format!("{op:?}"),
        Inst::Binary(op, ..) => return format!("{op:?}"),
        Inst::Compare(op, ..) => return format!("{op:?}"),
        other => format!("{other:?}"),
    };
    text.split([' ', '(', '{']).next().unwrap_or_default().to_string()
}
