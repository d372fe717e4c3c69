//! Damages a snapshot in many ways, reads and verifies each: `cargo run --release -p snapcrane-view --example damage_snapshot --
//! FILE FIRST COUNT`. Ends with the number of those that were refused, and the longest time that one took.

#[path = "../tests/damage/mod.rs"]
mod damage;

use snapcrane_view::Snapshot;
use snapcrane_view::verify::verify;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, first, count] = &arguments[..] else { return Err("usage: damage FILE FIRST COUNT".into()) };
    let (first, count): (u64, u64) = (first.parse()?, count.parse()?);
    let file = std::fs::read(path)?;
    let parts = damage::Parts::of(&Snapshot::open(&file)?);
    let (mut unread, mut ill_formed, mut slowest) = (0, 0, Duration::ZERO);
    for seed in first..first + count {
        let (bytes, what) = damage::damage(&file, &parts, seed);
        let start = Instant::now();
        // Said first, so that a crash is known by its seed.
        if count == 1 {
            println!("{what}");
        }
        match Snapshot::open(&bytes) {
            Err(fault) => {
                unread += 1;
                if count == 1 {
                    println!("{fault}");
                }
            }
            Ok(snapshot) => {
                let report = verify(&snapshot);
                ill_formed += u64::from(!report.is_ok());
                if count == 1 {
                    report.errors.iter().for_each(|fault| println!("{fault}"));
                }
            }
        }
        slowest = slowest.max(start.elapsed());
    }
    println!("{count} damaged files: {unread} unreadable, {ill_formed} ill-formed, slowest {slowest:?}");
    Ok(())
}
