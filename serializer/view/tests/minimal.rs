//! A small program for every kind of target: its snapshot is read to the end, is well-formed, and gives the same bytes
//! again; damaged copies are refused with a place, or are other well-formed snapshots.

mod damage;

use damage::{Parts, damage};
use dart_snapshot::stream::WriteStream;
use snapcrane_fixtures::{Program, TARGETS, target};
use snapcrane_view::verify::verify;
use snapcrane_view::{CodeKind, Container, Section, Snapshot};

/// A data blob and the file around it and its text blob.
fn write(target_name: &str, is_stripped: bool) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let target = target(target_name).expect("a known target");
    let mut program = Program::Minimal.build(&target).expect("the program can be built");
    let data = program.write().expect("the program can be written").bytes;
    let file = program.shared_library(&data, is_stripped).expect("the file can be written");
    (file, data, program.text.bytes)
}

#[test]
fn every_target_is_read_to_the_end() {
    for target in TARGETS {
        let (file, data, _) = write(target, false);
        let snapshot = Snapshot::open(&file).unwrap_or_else(|fault| panic!("{target}: {fault}"));
        assert_eq!(snapshot.target.name(), target);
        assert_eq!(snapshot.container.data.bytes, data, "{target}");
        assert!(snapshot.to_data_blob().expect("writable") == data, "{target}: other bytes");
        let report = verify(&snapshot);
        let errors: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{target}: {errors:#?}");
        // Sections lie back to back and clusters fill theirs.
        let map = &snapshot.map;
        assert_eq!(map.header.end, map.counts.start);
        assert_eq!(map.counts.end, map.alloc.start);
        assert_eq!(map.alloc.end, map.fill.start);
        assert_eq!(map.fill.end, map.roots.start);
        assert_eq!(map.roots.end, map.dispatch_table.start);
        assert_eq!(map.dispatch_table.end, snapshot.header.clustered_length);
        let alloc: usize = map.clusters.iter().map(|spans| spans.alloc.len()).sum();
        let fill: usize = map.clusters.iter().map(|spans| spans.fill.len()).sum();
        assert_eq!((alloc, fill), (map.alloc.len(), map.fill.len()), "{target}");
    }
}

#[test]
fn names_and_code_are_found() {
    let (file, ..) = write("linux-x64", false);
    let snapshot = Snapshot::open(&file).expect("well-formed");
    let main = snapshot.codes().iter().find(|code| snapshot.code_name(code).ends_with("main"));
    let main = main.expect("the program has a function main");
    let CodeKind::Function(function) = main.kind else { panic!("{:?}", main.kind) };
    assert_eq!(snapshot.function_name(function), snapshot.code_name(main));
    assert_eq!(snapshot.code_at(main.start), Some(main));
    assert_eq!(snapshot.code_at(main.end - 1), Some(main));
    let stub = snapshot.codes().iter().find(|code| snapshot.code_name(code) == "stub LazyCompile");
    assert!(matches!(stub.expect("stubs are named").kind, CodeKind::Stub(_)));
}

#[test]
fn images_need_no_container() {
    let (_, data, text) = write("linux-arm64", true);
    let snapshot = Snapshot::read(Container::raw(&data, &text)).expect("well-formed");
    assert!(verify(&snapshot).is_ok());
}

/// Such a unit has a hash before the counts, and base objects of its own.
#[test]
fn loading_units_are_told_from_damaged_snapshots() {
    let (_, data, text) = write("linux-x64", false);
    let header = Snapshot::header(&Container::raw(&data, &text)).expect("well-formed").stream_offset;
    let with_counts = |counts: [u64; 5]| {
        let mut stream = WriteStream::new();
        stream.signed(0x1234_5678);
        counts.into_iter().for_each(|count| stream.unsigned(count));
        let bytes = stream.into_bytes();
        let mut data = data.clone();
        data[header..header + bytes.len()].copy_from_slice(&bytes);
        Snapshot::read(Container::raw(&data, &text)).expect_err("no program").to_string()
    };
    let unit = with_counts([2000, 2010, 4, 3, 64]);
    assert!(unit.contains("a deferred loading unit"), "{unit}");
    // More clusters than objects.
    let damaged = with_counts([2000, 2010, 40, 3, 64]);
    assert!(damaged.contains(" base objects"), "{damaged}");
}

#[test]
fn faults_have_places() {
    let (file, data, _) = write("linux-x64", true);
    let whole = Snapshot::open(&file).expect("well-formed");
    let base = whole.container.data.offset;
    let fault_of = |at: usize, value: u8| {
        let mut file = file.clone();
        file[at] = value;
        match Snapshot::open(&file) {
            Err(fault) => fault,
            Ok(snapshot) => verify(&snapshot).errors.into_iter().next().expect("a fault"),
        }
    };
    assert_eq!(fault_of(0, 0).section, Section::Container);
    assert_eq!(fault_of(base, 0).section, Section::Header);
    let fault = fault_of(base + whole.map.clusters[2].alloc.start, 1);
    assert_eq!((fault.section, fault.cluster.is_some()), (Section::Allocation, true));
    // A reference to null where a function's name must be.
    let (function, _) = whole.of_kind::<dart_snapshot::objects::Function>().next().expect("a function");
    let span = whole.spans(function).fill();
    let fault = fault_of(base + span.start, 0x81);
    assert_eq!(fault.section, Section::Fill);
    assert!(
        span.contains(&fault.offset) && fault.object.is_some_and(|object| object.starts_with("Function"))
    );
    // A string whose hash is wrong.
    let text = whole.strings().find(|(_, text)| text.len() > 4).expect("a string").0;
    let fault = fault_of(base + whole.spans(text).image().start + 4, 0);
    assert_eq!(fault.section, Section::DataImage, "{fault}");
    assert_eq!(fault_of(whole.container.text.offset + 8, 1).section, Section::Text);
    drop(data);
}

#[test]
fn damage_is_found_without_harm() {
    const SEEDS: u64 = 60;
    for target in TARGETS {
        let (file, ..) = write(target, false);
        let parts = Parts::of(&Snapshot::open(&file).expect("well-formed"));
        let mut found = 0;
        for seed in 0..SEEDS {
            let (bytes, what) = damage(&file, &parts, seed);
            let outcome = match Snapshot::open(&bytes) {
                Err(fault) => Some(fault),
                Ok(snapshot) => verify(&snapshot).errors.into_iter().next(),
            };
            if let Some(fault) = outcome {
                found += 1;
                assert!(
                    !fault.reason.is_empty() && !fault.to_string().contains('\n'),
                    "{target}, {what}: {fault}"
                );
            }
        }
        assert!(found > SEEDS / 2, "{target}: {found} of {SEEDS} found");
    }
}
