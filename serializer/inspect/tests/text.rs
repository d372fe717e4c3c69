//! The form for people.

use std::fmt::Display;

use dart_snapshot::objects::Str;
use dart_snapshot::{ObjId, Object};
use snapcrane_fixtures::{Program, target};
use snapcrane_inspect as inspect;
use snapcrane_view::Snapshot;

/// A program whose function `nestedHandlers` has another name.
fn with_name(name: &str) -> Vec<u8> {
    let target = target("linux-x64").expect("a known target");
    let mut program = Program::Code.build(&target).expect("the program can be built");
    let renamed: Vec<ObjId> = (program.graph.iter())
        .filter(|(_, object)| matches!(object, Object::String(text) if text.to_string_lossy() == "nestedHandlers"))
        .map(|(id, _)| id)
        .collect();
    assert!(!renamed.is_empty());
    for id in renamed {
        *program.graph.get_mut::<Str>(id).expect("it is a string") = Str::OneByte(name.into());
    }
    let data = program.write().expect("the program can be written").bytes;
    program.shared_library(&data, false).expect("the file can be written")
}

fn printed<T: Display>(rows: &[T]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

#[test]
fn names_cannot_act_upon_terminals() {
    let file = with_name("red\u{1b}[31m\nnext");
    let snapshot = Snapshot::open(&file).expect("well-formed");
    let functions = inspect::functions(&snapshot);
    let code = functions.iter().find(|row| row.name.starts_with("red")).expect("the function");
    let object = inspect::object(&snapshot, code.function.expect("a Function object"));
    let listings = inspect::disassemble(&snapshot, "red").expect("well-formed");
    assert!(listings.iter().any(|listing| listing.name == code.name));
    for (text, lines) in [
        (printed(&functions), Some(functions.len())),
        (printed(&inspect::classes(&snapshot)), None),
        (printed(&inspect::pool(&snapshot)), Some(snapshot.pool().len())),
        (printed(&listings), None),
        (object.expect("well-formed").expect("it exists").to_string(), None),
        (inspect::Summary::new(&snapshot).to_string(), None),
    ] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        assert!(lines.is_none_or(|lines| lines == text.lines().count()), "{text}");
    }
    assert!(printed(&functions).contains("red\\u{1b}[31m\\nnext"));
}

#[test]
fn handlers_say_what_they_catch_if_it_is_known() {
    let file = with_name("handlers");
    let snapshot = Snapshot::open(&file).expect("well-formed");
    let listings = inspect::disassemble(&snapshot, "handlers").expect("well-formed");
    let handlers: Vec<&str> =
        listings[0].text.lines().filter(|line| line.starts_with("; handler ")).collect();
    assert_eq!(
        handlers,
        [
            "; handler 0 at 0x28, catches everything",
            "; handler 1 at 0x30, catches Object, void",
            "; handler 2 at 0x38",
        ]
    );
}
