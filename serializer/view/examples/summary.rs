//! Reads snapshots and prints one line about each: `cargo run -p snapcrane-view --example summary -- FILE …`

use snapcrane_view::Snapshot;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let file = std::fs::read(&path)?;
        let start = Instant::now();
        let snapshot = Snapshot::open(&file).map_err(|fault| format!("{path}: {fault}"))?;
        let read = start.elapsed();
        let mut maps = 0;
        let mut ranges = 0;
        let mut catches = 0;
        for code in snapshot.codes() {
            maps += snapshot.stack_maps(code)?.len();
            ranges += snapshot.source_ranges(code)?.ranges.len();
            catches += snapshot.catch_moves(code)?.len() + snapshot.pc_descriptors(code)?.len();
        }
        let same = snapshot.to_data_blob()? == snapshot.container.data.bytes;
        println!(
            "{path}: {}, {} objects in {} clusters, {} codes, {maps} stack maps, {ranges} source ranges, {catches} catches, \
             read in {read:?}; written again: {}",
            snapshot.target,
            snapshot.graph.len(),
            snapshot.clusters().len(),
            snapshot.codes().len(),
            if same { "same" } else { "different" },
        );
    }
    Ok(())
}
