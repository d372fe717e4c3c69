//! Compiles every function of a kernel file to machine code, with made-up link information; prints counts, times and errors.
//!
//! Usage: `lower_all FILE.dill [--unchecked] [--target NAME] [--print NAME]`

#[path = "../../build/examples/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, HashSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use snapcrane_build::{BuildContext, Locals, build};
use snapcrane_engines::TargetSpec;
use snapcrane_ir::{Function, ObjectRef, RowRef};
use snapcrane_lower::{Compiler, CompilerOptions, LinkInfo, LowerContext, LowerError, compile_helpers};
use snapcrane_program::Program;
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, ObjectKey};
use snapcrane_program::types::RecordShape;

/// Numbers that are as large as real ones.
struct Numbers;

impl LinkInfo for Numbers {
    fn pool_offset(&self, _: &Function, object: ObjectRef) -> i32 {
        0x8010 + 8 * object.as_u32() as i32
    }
    fn row_offset(&self, _: &Function, row: RowRef) -> i32 {
        1000 + 100 * row.as_u32() as i32
    }
    fn static_field_id(&self, field: FieldId) -> u32 {
        field.as_u32()
    }
    fn class_pool_offset(&self, class: ClassId) -> i32 {
        0x10 + 8 * class.as_u32() as i32
    }
    fn record_shape(&self, shape: &RecordShape) -> i64 {
        shape.num_fields() as i64
    }
}

const USAGE: &str = "lower_all FILE.dill [--unchecked] [--target NAME] [--print NAME]";

fn main() -> ExitCode {
    common::run(|args| {
        let target = common::option(args, "--target").map_or("linux-x64", String::as_str);
        let target = TargetSpec::from_name(target).map_err(|error| error.to_string())?;
        common::with_program(args, USAGE, target.engine, |_, program| lower_all(args, &target, program))
    })
}

fn lower_all(args: &[String], target: &TargetSpec, program: &Program<'_>) -> Result<ExitCode, String> {
    let wanted = common::option(args, "--print");
    let options = if args.iter().any(|arg| arg == "--unchecked") {
        CompilerOptions { optimize: true, verify: false, check: false, check_regalloc: false }
    } else {
        CompilerOptions::checked()
    };
    let locals = Locals::default();
    let build_ctx = BuildContext::new(program, false, &locals);
    let ctx = LowerContext { program, target, link: &Numbers };
    let mut compiler = Compiler::new(target, options.clone()).map_err(|error| error.to_string())?;

    let helpers = compile_helpers(&[target], options).map_err(|error| error.to_string())?.remove(0);
    for (helper, compiled) in &helpers {
        if wanted.is_some_and(|wanted| *wanted == helper.to_string()) {
            println!("{helper}:\n{}", snapcrane_lower::dump::disassemble(compiled, target.arch));
        }
    }

    let mut keys = common::bodies(program, true);
    let (mut functions, mut not_built, mut code, mut calls, mut slots) =
        (0usize, 0usize, 0usize, 0usize, 0usize);
    let (mut frames, mut slowest) = (0usize, (Duration::ZERO, String::new()));
    let mut time = Duration::ZERO;
    let mut unsupported: BTreeMap<String, usize> = BTreeMap::new();
    let mut errors = 0usize;
    let mut seen: HashSet<FunctionKey> = keys.iter().cloned().collect();
    let mut next = 0;
    while let Some(key) = keys.get(next).cloned() {
        next += 1;
        let Ok(output) = build(&build_ctx, &key) else {
            not_built += 1;
            if wanted.is_some_and(|wanted| wanted == "unbuilt") {
                println!("{key:?}");
            }
            continue;
        };
        let name = program.qualified_name(&key, &());
        seen.extend(output.functions.iter().map(|function| function.key.clone()));
        for function in &output.functions {
            // What the function refers to: entries, tear-offs, adapters, accessors.
            let mut more: Vec<FunctionKey> = function.callees.values().cloned().collect();
            for object in function.objects.values() {
                if let ObjectKey::Function(function) | ObjectKey::StaticClosure(function) = object {
                    more.push(function.clone());
                    more.push(FunctionKey::GenericEntry(Box::new(function.clone())));
                    more.push(FunctionKey::DynEntry(Box::new(function.clone())));
                }
            }
            for key in more {
                if !matches!(key, FunctionKey::Local(_)) && seen.insert(key.clone()) {
                    keys.push(key);
                }
            }
            let start = Instant::now();
            let result = if wanted.is_some_and(|wanted| *wanted == name) {
                println!("{name}:\n{function}");
                compiler.compile_with_dump(&ctx, function).map(|(compiled, dump)| {
                    println!("{}\n{}\n{}", dump.clif, dump.optimized, dump.code);
                    compiled
                })
            } else {
                compiler.compile(&ctx, function)
            };
            let elapsed = start.elapsed();
            time += elapsed;
            if elapsed > slowest.0 {
                slowest = (elapsed, name.clone());
            }
            match result {
                Ok(compiled) => {
                    functions += 1;
                    code += compiled.code.len();
                    calls += compiled.stack_maps.len();
                    slots += compiled.stack_maps.iter().map(|map| map.tagged.len()).sum::<usize>();
                    frames += compiled.frame_words as usize;
                }
                Err(LowerError::Unsupported { construct, .. }) => {
                    *unsupported.entry(construct).or_default() += 1
                }
                Err(error) => {
                    errors += 1;
                    if errors <= 10 {
                        println!("{name}: {}", error.to_string().chars().take(6000).collect::<String>());
                    }
                }
            }
        }
    }
    println!(
        "{functions} functions, {code} bytes, {calls} calls with {slots} tagged slots, {frames} frame words in {time:?}; \
         {errors} errors, {not_built} members not built, slowest {} {:?}",
        slowest.1, slowest.0
    );
    for (construct, count) in unsupported {
        println!("unsupported: {construct}: {count}");
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
