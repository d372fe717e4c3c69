//! Reads arbitrary bytes as a snapshot and verifies what could be read:
//! `cargo +nightly fuzz run read` in the folder of the crate. Start from a corpus of small real files.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapcrane_view::Snapshot;
use snapcrane_view::verify::verify;

fuzz_target!(|bytes: &[u8]| {
    let Ok(snapshot) = Snapshot::open(bytes) else {
        return;
    };
    let _ = verify(&snapshot);
    for code in snapshot.codes() {
        let _ = snapshot.code_name(code);
    }
    for (id, _) in snapshot.graph.iter() {
        let _ = snapshot.describe(id);
    }
});
