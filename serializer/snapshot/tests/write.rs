//! A whole program, written for every target and read back; and what happens when it does not hold together.

use dart_snapshot::bits::TypeFlags;
use dart_snapshot::objects::{
    Array, Class, Code, ExceptionHandlers, Function, Instance, InstanceWord, Object, Str, Type,
};
use dart_snapshot::reader::read_snapshot;
use dart_snapshot::writer::emit;
use dart_snapshot::{CodeRef, DataBlob, Error, Graph, ObjId, Result};
use snapcrane_fixtures::{Fixture, Program, target};

const TARGETS: [&str; 5] = ["linux-x64", "linux-arm64", "linux-arm", "linux-riscv64", "android-arm64c"];

fn build(name: &str) -> Result<Fixture> {
    Program::Minimal.build(&target(name).expect("a known target"))
}

fn write(program: &mut Fixture) -> Result<DataBlob> {
    program.write()
}

#[test]
fn programs_survive() {
    for name in TARGETS {
        let mut program = build(name).unwrap();
        let blob = write(&mut program).unwrap();
        let mut decoded = read_snapshot(&blob.bytes, &program.spec, &program.target).unwrap();
        let written: usize = blob.clusters.iter().map(|c| c.members.len()).sum();
        assert_eq!(decoded.graph.len(), written + ObjId::BASE_OBJECTS.len(), "{name}");
        // Every object is what it was, up to numbering: the decoded graph emits the same bytes.
        let again = emit(&mut decoded.graph, &mut decoded.plan, &program.spec, &program.target).unwrap();
        assert_eq!(again.bytes, blob.bytes, "{name}");
        let text_of = |graph: &Graph, id| graph.text(id);
        for (old, new) in program.roots.symbols.iter().zip(&decoded.plan.roots.symbols) {
            assert_eq!(text_of(&program.graph, *old), text_of(&decoded.graph, *new), "{name}");
        }
    }
}

#[test]
fn writing_is_repeatable() {
    let mut program = build("linux-x64").unwrap();
    let first = write(&mut program).unwrap();
    // The first writing completed hashes and made integers; that changes nothing.
    assert_eq!(write(&mut program).unwrap().bytes, first.bytes);
    assert_eq!(write(&mut build("linux-x64").unwrap()).unwrap().bytes, first.bytes);
}

#[test]
fn only_reachable_objects_are_written() {
    let mut program = build("linux-x64").unwrap();
    let garbage = program.graph.add(Str::new("nobody refers to this"));
    let blob = write(&mut program).unwrap();
    assert_eq!(blob.references[garbage], 0);
    assert!(!blob.bytes.windows(6).any(|w| w == b"nobody"));
}

/// The error of writing the minimal program after `damage`.
fn error_after(damage: impl FnOnce(&mut Fixture)) -> String {
    let mut program = build("linux-x64").unwrap();
    damage(&mut program);
    write(&mut program).expect_err("damaged program").to_string()
}

fn find(graph: &Graph, predicate: impl Fn(&Object) -> bool) -> ObjId {
    graph.iter().find(|(_, object)| predicate(object)).expect("such an object").0
}

fn main_function(graph: &Graph) -> ObjId {
    find(graph, |object| matches!(object, Object::Function(f) if matches!(f.code, CodeRef::Code(_))))
}

#[test]
fn null_where_an_object_is_needed() {
    let message = error_after(|program| {
        let main = main_function(&program.graph);
        program.graph.get_mut::<Function>(main).unwrap().owner = ObjId::NULL;
    });
    assert!(message.starts_with("Function `main`"), "{message}");
    assert!(message.contains("field `owner`: found null, expected a Class or PatchClass"), "{message}");
}

#[test]
fn objects_of_the_wrong_class() {
    let message = error_after(|program| {
        let main = main_function(&program.graph);
        program.graph.get_mut::<Function>(main).unwrap().signature = main;
    });
    assert!(
        message.contains("field `signature`: found ") && message.contains("expected a FunctionType"),
        "{message}"
    );
}

#[test]
fn dangling_references() {
    let message = error_after(|program| {
        let pool = program.roots.store(&program.spec, "libraries").unwrap();
        let array = program.graph.add(Array::new(vec![ObjId::from_u32(9_999_999)]));
        let Object::GrowableObjectArray(list) = program.graph.object_mut(pool) else {
            panic!("libraries is a list")
        };
        list.data = array;
    });
    assert!(message.contains("field `element`: obj9999999 is not an object of this graph"), "{message}");
}

#[test]
fn roots_are_named() {
    let message = error_after(|program| {
        let index = program.spec.store_index("object_class").unwrap();
        program.roots.object_store[index] = ObjId::TRUE;
    });
    assert!(message.starts_with("object store slot object_class"), "{message}");
    let message = error_after(|program| {
        let index = program.spec.store_index("core_library").unwrap();
        program.roots.object_store[index] = ObjId::NULL;
    });
    assert_eq!(message, "missing object store slot `core_library`");
    let message = error_after(|program| program.roots.stubs[3] = ObjId::NULL);
    assert!(message.starts_with("stub DeoptForRewind") && message.contains("found null"), "{message}");
    let message = error_after(|program| program.roots.class_table.swap(1, 2));
    assert!(message.contains("has class id 7, is root 6"), "{message}");
}

#[test]
fn code_and_text_must_agree() {
    let message = error_after(|program| drop(program.table.entries.pop()));
    assert!(message.contains("is not in the instructions table"), "{message}");
    let message = error_after(|program| program.table.entries.swap(0, 1));
    assert!(message.starts_with("instructions table entry 1: pc offset"), "{message}");
    let message = error_after(|program| program.table.entries[4].code = program.table.entries[3].code);
    assert!(message.contains("is in the instructions table twice"), "{message}");
    let message = error_after(|program| {
        let code = program.graph.add(Code::default());
        let main = main_function(&program.graph);
        program.graph.get_mut::<Function>(main).unwrap().code = CodeRef::Code(code);
    });
    assert!(message.contains("is not in the instructions table"), "{message}");
    let message = error_after(|program| program.roots.dispatch_table.push(Some(CodeRef::LazyCompile)));
    assert!(message.starts_with("dispatch table cell 4: has no code"), "{message}");
}

#[test]
fn instances_must_fit_their_class() {
    let is_instance = |object: &Object| matches!(object, Object::Instance(_));
    let message = error_after(|program| {
        let id = find(&program.graph, is_instance);
        program.graph.get_mut::<Instance>(id).unwrap().words.swap(0, 1);
    });
    assert!(message.contains("its words are not those that its class lays out"), "{message}");
    let message = error_after(|program| {
        let id = find(&program.graph, is_instance);
        let instance = program.graph.get_mut::<Instance>(id).unwrap();
        *instance = Instance { class_id: 4000, words: vec![InstanceWord::Ref(ObjId::NULL)] };
    });
    assert!(message.contains("no class has id 4000"), "{message}");
    let message = error_after(|program| {
        let id = find(&program.graph, |object| matches!(object, Object::Class(c) if c.id == 50));
        let mut class = program.graph.get::<Class>(id).unwrap().clone();
        let twin = program.graph.get::<Class>(program.roots.class_table[0]).unwrap().clone();
        class.super_type = twin.super_type;
        let copy = program.graph.add(class);
        program.roots.initial_field_table.push(copy);
    });
    assert!(message.contains("shares class id 50 with another class"), "{message}");
}

#[test]
fn canonical_objects_are_unique() {
    let message = error_after(|program| {
        let copy = program.graph.add_canonical(Str::new("main"));
        program.roots.initial_field_table.push(copy);
    });
    assert!(
        message.starts_with("String `main`") && message.contains("is canonical, and so is its equal"),
        "{message}"
    );
    let message = error_after(|program| {
        let void = program.roots.handle(&program.spec, "void_type").unwrap();
        let copy = Type { hash: 0, ..program.graph.get::<Type>(void).unwrap().clone() };
        assert_eq!(TypeFlags::from_bits(copy.flags).class_id, program.spec.class_ids.void);
        let copy = program.graph.add_canonical(copy);
        program.roots.initial_field_table.push(copy);
    });
    assert!(message.contains("is canonical, and so is its equal"), "{message}");
}

#[test]
fn wrong_hashes_are_noticed() {
    let message = error_after(|program| {
        let void = program.roots.handle(&program.spec, "void_type").unwrap();
        program.graph.get_mut::<Type>(void).unwrap().hash = 77;
    });
    assert!(message.contains("has hash 0x4d, should have 0x"), "{message}");
}

#[test]
fn damaged_blobs_are_refused() {
    let mut program = build("linux-x64").unwrap();
    let blob = write(&mut program).unwrap();
    let read = |bytes: &[u8]| read_snapshot(bytes, &program.spec, &program.target);
    let is_malformed = |bytes: &[u8]| matches!(read(bytes), Err(Error::Damaged(_)));
    assert!(is_malformed(&[]));
    assert!(is_malformed(&blob.bytes[..blob.clustered_length - 1]));
    let mut other_version = blob.bytes.clone();
    other_version[20] ^= 1;
    assert!(is_malformed(&other_version));
    let arm = build("linux-arm").unwrap();
    assert!(read_snapshot(&blob.bytes, &arm.spec, &arm.target).is_err());
    // Damage anywhere in the stream is an error or another well-formed snapshot, never a panic.
    for at in (200..blob.clustered_length).step_by(7) {
        let mut bytes = blob.bytes.clone();
        bytes[at] ^= 0x55;
        drop(read(&bytes));
    }
}

#[test]
fn handlers_are_read_back() {
    let mut program = build("linux-arm").unwrap();
    let blob = write(&mut program).unwrap();
    let decoded = read_snapshot(&blob.bytes, &program.spec, &program.target).unwrap();
    let has_handler =
        |object: &Object| matches!(object, Object::ExceptionHandlers(e) if !e.handlers.is_empty());
    let old = program.graph.get::<ExceptionHandlers>(find(&program.graph, has_handler)).unwrap();
    let new = decoded.graph.get::<ExceptionHandlers>(find(&decoded.graph, has_handler)).unwrap();
    assert_eq!(new.handlers, old.handlers);
}
