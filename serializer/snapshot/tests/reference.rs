//! Snapshots of the reference compiler, decoded and written again.
//!
//! Run by hand: `SNAPCRANE_REFERENCE_SNAPSHOTS=a.so:b.so cargo test -p dart-snapshot --test reference --
//! --ignored`.

use dart_snapshot::reader::read_snapshot;
use dart_snapshot::text::InstructionsTable;
use dart_snapshot::writer::{emit, plan};
use snapcrane_view::Snapshot;

fn references() -> Vec<(String, Vec<u8>)> {
    let paths = std::env::var("SNAPCRANE_REFERENCE_SNAPSHOTS").expect("SNAPCRANE_REFERENCE_SNAPSHOTS");
    paths.split(':').map(|path| (path.to_owned(), std::fs::read(path).expect("readable file"))).collect()
}

/// Emission of what was read gives the same bytes: every encoding, in both directions, and the layout of the
/// data image.
#[test]
#[ignore = "needs snapshots of the reference compiler in SNAPCRANE_REFERENCE_SNAPSHOTS"]
fn emission_reproduces_the_reference() {
    for (path, file) in references() {
        let snapshot = Snapshot::open(&file).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        let (data, bytes) = (snapshot.container.data.bytes, snapshot.to_data_blob().unwrap());
        if let Some(at) = bytes.iter().zip(data).position(|(a, b)| a != b) {
            panic!("{path}: bytes differ at {at:#x} of {:#x}", snapshot.header.clustered_length);
        }
        assert_eq!(bytes.len(), data.len(), "{path}");
    }
}

/// Planning from the same roots reaches the same objects, and stack maps survive their own encoder.
#[test]
#[ignore = "needs snapshots of the reference compiler in SNAPCRANE_REFERENCE_SNAPSHOTS"]
fn planning_reaches_what_the_reference_does() {
    for (path, file) in references() {
        let snapshot = Snapshot::open(&file).unwrap_or_else(|fault| panic!("{path}: {fault}"));
        let (spec, target) = (&snapshot.spec, &snapshot.format);
        let mut decoded = read_snapshot(snapshot.container.data.bytes, spec, target).unwrap();
        let ids = &spec.class_ids;
        let codes = decoded.plan.clusters.iter().find(|c| c.class_id == ids.code).unwrap().members.clone();
        let bytes = &decoded.plan.instructions_table;
        let table = InstructionsTable::decode(bytes, &codes).unwrap();
        let encoded = table.encode().unwrap();
        // Entries of equal use count are in another order, which changes the length of a few offsets.
        assert!(
            encoded.len().abs_diff(bytes.len()) * 1000 < bytes.len(),
            "{path}: {} {}",
            encoded.len(),
            bytes.len()
        );
        assert_eq!(InstructionsTable::decode(&encoded, &codes).unwrap(), table, "{path}");

        let reference = decoded.plan.clone();
        let mut ours = plan(&mut decoded.graph, reference.roots.clone(), &table, spec, target).unwrap();
        let summary = |clusters: &[dart_snapshot::clusters::Cluster]| {
            let summarize = |c: &dart_snapshot::clusters::Cluster| {
                let table = &c.canonical_table;
                (
                    c.class_id,
                    c.is_canonical,
                    c.is_deeply_immutable,
                    c.members.len(),
                    table.table_length,
                    table.first_element,
                )
            };
            clusters.iter().map(summarize).collect::<Vec<_>>()
        };
        assert_eq!(summary(&ours.clusters), summary(&reference.clusters), "{path}");
        let blob = emit(&mut decoded.graph, &mut ours, spec, target).unwrap();
        read_snapshot(&blob.bytes, spec, target).unwrap_or_else(|e| panic!("{path}: {e}"));
    }
}
