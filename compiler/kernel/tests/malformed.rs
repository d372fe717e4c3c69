//! Malformed files are errors: no panic, no runaway time, memory or recursion.

mod common;
#[path = "common/mutate.rs"]
mod mutate;

use std::time::{Duration, Instant};

use common::{VERSION_OFFSET, Writer, everything, file};
use dart_kernel::summary::Summary;
use dart_kernel::*;
use mutate::{Random, mutate, read_all};

/// A construct that nests: what comes before the inner one and after it.
/// Then what is inside, and how many levels each takes.
type Nest = (&'static str, fn(&mut Writer), fn(&mut Writer), Kind, u32);

/// What a [`Nest`] contains.
#[derive(Clone, Copy)]
enum Kind {
    Expr,
    Stmt,
    Type,
}

const NESTS: [Nest; 15] = [
    ("not", |w| _ = w.node(33, 1), |_| {}, Kind::Expr, 1),
    (
        "receiver",
        |w| _ = w.byte(120).byte(0).byte(0).uint(1),
        |w| {
            let map = w.refs.map;
            w.name("map").arguments(0).no_named().dynamic().dynamic().uint(map).uint(0);
        },
        Kind::Expr,
        1,
    ),
    (
        "argument",
        |w| {
            let new = w.refs.box_new;
            w.node(31, 1).uint(new).arguments(1);
        },
        |w| _ = w.no_named(),
        Kind::Expr,
        2,
    ),
    (
        "named argument",
        |w| {
            let new = w.refs.box_new;
            w.node(31, 1).uint(new).uint(1).uint(0).uint(0).uint(1).str("n");
        },
        |_| {},
        Kind::Expr,
        2,
    ),
    ("conditional", |w| _ = w.node(35, 1).node(41, 1).node(41, 1), |w| _ = w.byte(0), Kind::Expr, 1),
    ("concatenation", |w| _ = w.node(36, 1).uint(1), |_| {}, Kind::Expr, 1),
    ("map", |w| _ = w.node(50, 1).dynamic().dynamic().uint(1).null(), |_| {}, Kind::Expr, 1),
    (
        "let",
        |w| {
            w.node(53, 1);
            w.variable_header(157, "t");
            w.byte(1);
        },
        |w| _ = w.null(),
        Kind::Expr,
        2,
    ),
    ("block", |w| _ = w.block(1), |w| _ = w.no_scope(), Kind::Stmt, 1),
    ("else", |w| _ = w.node(73, 1).node(41, 1).byte(63), |_| {}, Kind::Stmt, 1),
    (
        "switch",
        |w| _ = w.node(71, 1).byte(0).null().byte(0).uint(1).uint(0).uint(0).byte(1),
        |_| {},
        Kind::Stmt,
        2,
    ),
    (
        "catch",
        |w| _ = w.node(75, 1).byte(63).byte(0).uint(1).uint(0).uint(0).dynamic().byte(0).byte(0),
        |w| _ = w.no_scope(),
        Kind::Stmt,
        2,
    ),
    (
        "closure",
        |w| {
            w.byte(61).node(52, 1).uint(0);
            w.function_header(&[], &[]);
            w.byte(1);
        },
        |w| _ = w.function_end(),
        Kind::Stmt,
        2,
    ),
    ("future", |w| _ = w.byte(107).byte(0), |_| {}, Kind::Type, 1),
    (
        "function type",
        |w| _ = w.byte(94).byte(0).uint(1).type_parameter_declaration("A").uint(1).uint(1).uint(1),
        |w| _ = w.uint(0).type_parameter(0),
        Kind::Type,
        2,
    ),
];

fn nested(nest: &Nest, depth: u32) -> Vec<u8> {
    let (_, open, close, kind, _) = nest;
    file(|w, _| {
        match kind {
            Kind::Expr => _ = w.byte(61),
            Kind::Type => _ = w.byte(61).node(45, 1),
            Kind::Stmt => {}
        }
        for _ in 0..depth {
            open(w);
        }
        match kind {
            Kind::Expr => _ = w.null(),
            Kind::Type => _ = w.dynamic(),
            Kind::Stmt => _ = w.byte(63),
        }
        for _ in 0..depth {
            close(w);
        }
    })
}

/// Runs on a thread with the stack of a thread pool.
fn on_small_stack<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    on_stack(2 << 20, run)
}

fn on_stack<T: Send>(bytes: usize, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, run);
        thread.expect("a thread").join().expect("no panic")
    })
}

#[test]
fn deep_nesting_is_read() {
    for nest in &NESTS {
        let bytes = nested(nest, (MAX_DEPTH - 5) / nest.4);
        if let Err(error) = on_small_stack(|| Summary::read(&bytes)) {
            panic!("{}: {error}", nest.0);
        }
    }
}

/// Text takes more stack for each level than reading, but no more than the threads of a compiler have.
#[test]
fn deep_nesting_is_printed() {
    for nest in &NESTS {
        let bytes = nested(nest, (MAX_DEPTH - 5) / nest.4);
        let printed = on_stack(64 << 20, || {
            let arena = Bump::new();
            let component = Component::read(&bytes, &arena)?;
            text::member(&component, Member::Procedure(component.main.expect("main")))
        });
        assert!(printed.is_ok_and(|text| text.len() > MAX_DEPTH as usize), "{}", nest.0);
    }
}

#[test]
fn deeper_nesting_is_an_error() {
    for nest in &NESTS {
        let bytes = nested(nest, 20 * MAX_DEPTH);
        let error = on_small_stack(|| Summary::read(&bytes)).expect_err(nest.0);
        assert!(error.expected().contains("nesting"), "{}: {error}", nest.0);
    }
}

/// The error of reading a file.
fn error(bytes: &[u8]) -> Error {
    read_all(bytes).expect_err("an error")
}

fn offset_of(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|window| window == pattern).expect("the pattern")
}

fn sections(bytes: &[u8]) -> Sections {
    let arena = Bump::new();
    Component::read(bytes, &arena).expect("a readable file").sections()
}

#[test]
fn not_a_kernel_file() {
    assert_eq!(error(b"").to_string(), "kernel file, byte 0: expected more bytes");
    let error = error(b"\x7fELF\0\0\0\0\0\0\0\0");
    assert_eq!(error.offset(), 0);
    assert!(error.expected().starts_with("the magic number 0x90abcdef"), "{error}");
}

#[test]
fn other_versions() {
    let mut bytes = file(everything);
    bytes[VERSION_OFFSET + 3] = 125;
    assert_eq!(
        error(&bytes).to_string(),
        "kernel file, byte 4: expected kernel format version 138, found 125"
    );
}

#[test]
fn concatenated_components() {
    let mut bytes = file(everything);
    bytes.extend_from_within(..);
    assert!(error(&bytes).expected().starts_with("a single component"));
}

#[test]
fn all_truncations() {
    let bytes = file(everything);
    for length in 0..bytes.len() {
        error(&bytes[..length]);
    }
}

#[test]
fn cyclic_hierarchy() {
    let mut bytes = file(everything);
    // The header of `pragma`, and in it the supertype.
    let class = offset_of(&bytes, &[2, 3, 0, 1, 2, 3, 0]);
    let supertype = class + offset_of(&bytes[class..], &[1, 96, 2, 2]);
    bytes[supertype + 3] = 3;
    let error = error(&bytes);
    assert_eq!(error.expected(), "an acyclic class hierarchy");
    assert_eq!(error.offset(), class as u64);
}

#[test]
fn cyclic_names() {
    let mut bytes = file(everything);
    let names = sections(&bytes).names as usize;
    // Count, then the parent of the first name.
    bytes[names + 1] = 3;
    assert!(error(&bytes).expected().starts_with("a canonical name with a parent before it"));
}

#[test]
fn cyclic_constants() {
    let mut bytes = file(everything);
    let Sections { constants, constant_index, .. } = sections(&bytes);
    let table = constants as usize..constant_index as usize;
    // The last constant, a record: its first field.
    let record = table.start + offset_of(&bytes[table], &[17, 1, 2, 1]);
    bytes[record + 2] = 16;
    let error = error(&bytes);
    assert_eq!(error.expected(), "a constant before the one that contains it");
    assert_eq!(error.offset(), record as u64 + 2);
}

#[test]
fn references_are_checked() {
    let wrong = |body: fn(&mut Writer, u32)| error(&file(body)).expected().to_string();
    assert_eq!(
        wrong(|w, _| {
            let object = w.refs.object;
            w.byte(61).node(31, 1).uint(object).arguments(0).no_named();
        }),
        "a reference to a constructor, found dart:core::Object"
    );
    assert!(wrong(|w, _| _ = w.byte(61).node(224, 1).uint(5)).starts_with("a variable of this member"));
    assert!(wrong(|w, _| _ = w.node(66, 1).uint(0)).starts_with("one of 0 enclosing jump targets"));
    assert!(
        wrong(|w, _| _ = w.byte(61).node(45, 1).type_parameter(0)).starts_with("a type parameter in scope")
    );
    assert!(
        wrong(|w, _| _ = w.byte(61).node(106, 1).dynamic().uint(400)).starts_with("an index of one of 17")
    );
}

#[test]
fn removed_constructs_are_named() {
    let error = error(&file(|w, _| _ = w.byte(61).node(109, 1).dynamic().uint(0)));
    assert_eq!(error.expected(), "an expression of an ahead-of-time file, found SetLiteral (tag 109)");
}

#[test]
fn huge_counts() {
    let body: fn(&mut Writer, u32) = |w, _| _ = w.block(0x3fff_ffff);
    assert!(error(&file(body)).expected().starts_with("a list no longer than"));
    // Lists in lists that each claim all of the rest: memory must not be reserved for them.
    let body: fn(&mut Writer, u32) = |w, _| {
        w.byte(61);
        for _ in 0..1000 {
            w.node(36, 1).uint(500);
        }
    };
    let bytes = file(body);
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).expect("a readable file");
    let bodies = Bump::new();
    component.parse_procedure_body(component.main.expect("main"), &bodies).expect_err("truncated lists");
    assert!(bodies.allocated_bytes() < 100_000, "{} bytes", bodies.allocated_bytes());
}

#[test]
fn mutants() {
    let original = file(everything);
    let start = Instant::now();
    let mut readable = 0;
    const COUNT: u64 = 10_000;
    for seed in 0..COUNT {
        let mut bytes = original.clone();
        mutate(&mut bytes, &mut Random::new(seed));
        let start = Instant::now();
        if let Ok(size) = read_all(&bytes) {
            readable += 1;
            assert!(size < 100 * original.len(), "seed {seed}: {size} bytes for {}", original.len());
        }
        assert!(start.elapsed() < Duration::from_secs(1), "seed {seed}: {:?}", start.elapsed());
    }
    // Some damage must go unnoticed (positions, say), and some must not, or the damage is not what it should be.
    assert!((COUNT / 20..COUNT / 2).contains(&readable), "{readable} of {COUNT} readable");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
