//! Reads and verifies snapshots, one line for each and one for each fault:
//! `cargo run -p snapcrane-view --example summarize_snapshot -- FILE …`

use snapcrane_view::Snapshot;
use snapcrane_view::verify::verify;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let file = std::fs::read(&path)?;
        let start = Instant::now();
        let snapshot = Snapshot::open(&file).map_err(|fault| format!("{path}: {fault}"))?;
        let read = start.elapsed();
        let report = verify(&snapshot);
        println!(
            "{path}: {}, {} objects in {} clusters, {} codes, read in {read:?}, verified in {:?}: {} errors, {} notes",
            snapshot.target,
            snapshot.graph.len(),
            snapshot.clusters().len(),
            snapshot.codes().len(),
            start.elapsed() - read,
            report.errors.len() + report.more_errors,
            report.notes.len(),
        );
        report.errors.iter().for_each(|fault| println!("  error: {fault}"));
        report.notes.iter().for_each(|fault| println!("  note: {fault}"));
    }
    Ok(())
}
