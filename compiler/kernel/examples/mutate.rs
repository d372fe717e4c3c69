//! Reads damaged copies of a kernel file: `cargo run --release --example mutate -- app.dill 10000`.
//!
//! A panic names the seed of the copy.

#[path = "../tests/common/mutate.rs"]
mod mutate;

use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(count)) = (arguments.next(), arguments.next().and_then(|count| count.parse().ok()))
    else {
        eprintln!("usage: mutate FILE COUNT");
        std::process::exit(1);
    };
    let original = std::fs::read(path).expect("a readable file");
    let (mut errors, mut slowest, mut largest) = (0, (Duration::ZERO, 0), 0);
    for seed in 0..count {
        let mut bytes = original.clone();
        mutate::mutate(&mut bytes, &mut mutate::Random::new(seed));
        let start = Instant::now();
        match std::panic::catch_unwind(|| mutate::read_all(&bytes)) {
            Ok(Ok(size)) => largest = largest.max(size),
            Ok(Err(_)) => errors += 1,
            Err(_) => panic!("seed {seed}"),
        }
        slowest = slowest.max((start.elapsed(), seed));
    }
    println!(
        "{count} copies, {errors} with errors, slowest {:?} (seed {}), largest {largest} bytes",
        slowest.0, slowest.1
    );
}
