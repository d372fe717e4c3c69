//! Prints what the compiler knows of a program: `program FILE.dill [classes|flags|members|row NAME POSITIONAL|roots|constants]`.

use std::time::Instant;

use cranelift_entity::EntityRef;
use snapcrane_engines::Engine;
use snapcrane_program::ids::{CallShape, FunctionKey, RowKey, Selector, SelectorKind};
use snapcrane_program::{Program, RootTarget};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let file = args
        .next()
        .ok_or("usage: program FILE.dill [classes|flags|members|row NAME POSITIONAL|roots|constants]")?;
    let what = args.next().unwrap_or_default();
    let bytes = std::fs::read(&file)?;
    let arena = dart_kernel::Bump::new();
    let start = Instant::now();
    let component = dart_kernel::Component::read(&bytes, &arena)?;
    let read = start.elapsed();
    let engine = Engine::latest();
    // Parsing the engine's tables is not part of the measurement.
    assert!(engine.num_predefined_cids > 0);
    let start = Instant::now();
    let program = Program::load(&component, engine)?;
    let loaded = start.elapsed();
    match what.as_str() {
        "classes" => {
            for class in program.all_classes() {
                println!(
                    "{}\t{}\t{}\t{}\t{}\t{}\t{}",
                    class.id.as_u32(),
                    program.vm_class_name(class.id),
                    class.num_type_args,
                    class.layout.slots.len(),
                    class.layout.type_arguments.map_or(-1, i64::from),
                    class.superclass.map_or(-1, |class| i64::from(class.as_u32())),
                    if class.layout.is_predefined_layout { "engine" } else { "dart" },
                );
            }
        }
        "flags" => {
            for class in program.all_classes() {
                println!(
                    "{}\t{}\t{}\t{:?}",
                    class.id.as_u32(),
                    program.vm_class_name(class.id),
                    class.is_abstract,
                    class.flags
                );
            }
        }
        "members" => {
            for id in program.members.keys() {
                let key = FunctionKey::Member(id);
                let params = program.code_signature(&key, &())?;
                println!(
                    "{}\t{}\t{}{}\t{:?}",
                    program.function_name(&key, &()),
                    program.qualified_name(&key, &()),
                    if params.has_type_args { "T+" } else { "" },
                    params.num_args,
                    program.signature(&key, &())?,
                );
            }
        }
        "row" => {
            let text = args.next().ok_or("usage: program FILE.dill row NAME POSITIONAL")?;
            let positional = args.next().and_then(|count| count.parse().ok()).unwrap_or(1);
            let name = program.public_name(&text).ok_or("no such name")?;
            for (kind, dynamic) in [
                (SelectorKind::Method, false),
                (SelectorKind::Method, true),
                (SelectorKind::Getter, false),
                (SelectorKind::Getter, true),
            ] {
                let positional = if kind == SelectorKind::Getter { 1 } else { positional };
                let shape = CallShape::positional(positional);
                let row = RowKey { selector: Selector { name, kind }, shape, dynamic };
                println!("{kind:?}{}", if dynamic { ", dynamic" } else { "" });
                for class in program.all_classes().filter(|class| !class.is_abstract) {
                    if let Some(cell) = program.cell(class.id, &row) {
                        let name = program.qualified_name(&cell, &());
                        println!(
                            "  {}\t{}\t{name}\t{cell:?}",
                            class.id.as_u32(),
                            program.vm_class_name(class.id)
                        );
                    }
                }
            }
        }
        "roots" => {
            for root in program.roots()? {
                let name = match &root.target {
                    RootTarget::Function(key) => program.qualified_name(key, &()),
                    RootTarget::TearOff(member) => {
                        program.qualified_name(&FunctionKey::TearOff(*member), &())
                    }
                    RootTarget::Class(class) | RootTarget::ClassOnly(class) => program.vm_class_name(*class),
                    RootTarget::Field(field) => {
                        program.qualified_name(&FunctionKey::ImplicitGetter(*field), &())
                    }
                };
                println!("{:?}\t{name}\t{:?}", root.reason, root.target);
            }
        }
        "constants" => {
            for i in 0..program.num_constants() {
                let constant = dart_kernel::ConstIdx::new(i);
                println!("{i}\t{:?}\t{:?}", program.constant_object(constant), program.constant(constant));
            }
        }
        _ => println!(
            "{file}: {} classes, {} members, {} fields, {} constants; read in {read:?}, modelled in {loaded:?}",
            program.all_classes().count(),
            program.members.len(),
            program.fields.len(),
            program.num_constants(),
        ),
    }
    Ok(())
}
