//! Damaged kernel files end in an error message, never in a crash, a hang or a heap of memory.
//!
//! `cargo run -p snapcrane-tests --example damage -- SEED OUT` makes the file of a seed that failed.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use snapcrane_tests::child::{Finished, Limits, run};
use snapcrane_tests::corrupt::damage;
use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, said};

/// Damaged files in the normal tier.
const USUAL: u64 = 200;
/// Damaged files in the full tier.
const FULL: u64 = 10_000;
/// Seconds of processor time for one compilation.
const CPU_SECONDS: u64 = 10;
/// Seconds on the clock, for one that waits instead of working.
const SECONDS: u64 = 100;
/// Resident memory of one compilation.
const PEAK_RSS_KIB: u64 = 1 << 20;
/// Address space of one compilation: the memory above, and stacks that are reserved but hardly used.
const ADDRESS_SPACE: u64 = 2 << 30;
/// Failures that are shown in full.
const SHOWN: usize = 20;

/// Whether a message says where in the file something is wrong, or in the source; what is missing as a whole is nowhere.
fn names_place(message: &str) -> bool {
    ["kernel file, byte ", " is not supported", " is missing", " has no member "]
        .iter()
        .any(|part| message.contains(part))
}

/// What is wrong with the way a compilation ended, if anything is.
fn fault(finished: &Finished) -> Option<String> {
    let lines = finished.stderr.lines().count();
    let complaint = match finished.code() {
        Some(0) if lines == 0 => None,
        Some(254)
            if lines == 1 && finished.stderr.starts_with("Error: ") && names_place(&finished.stderr) =>
        {
            None
        }
        Some(0 | 254) => Some("message of the wrong form".to_owned()),
        _ => Some(finished.describe_end()),
    };
    let panicked = finished.stderr.contains("panicked").then(|| "panic".to_owned());
    let large = (finished.peak_rss_kib > PEAK_RSS_KIB).then(|| format!("{} KiB", finished.peak_rss_kib));
    complaint.or(panicked).or(large)
}

/// Compiles the damaged file of one seed; the fault, if there was one.
fn try_seed(original: &[u8], seed: u64, dir: &Path) -> (Option<String>, bool, Duration) {
    let (bytes, what) = damage(original, seed);
    let (input, output) = (dir.join(format!("{seed}.dill")), dir.join(format!("{seed}.so")));
    fs::write(&input, bytes).expect("the folder is writable");
    let options = CompileOptions { jobs: Some(1), ..CompileOptions::default() };
    let cpu_seconds = Some(CPU_SECONDS);
    let limits = Limits { cpu_seconds, memory: Some(ADDRESS_SPACE), ..Limits::seconds(SECONDS) };
    let finished = run(&mut harness().gen_snapshot_command(&input, &output, &options), &limits);
    let refused = finished.code() != Some(0);
    let leftover = (refused && output.exists()).then(|| "a snapshot in spite of the error".to_owned());
    let fault = fault(&finished).or(leftover);
    fs::remove_file(&input).expect("ours");
    if output.exists() {
        fs::remove_file(&output).expect("ours");
    }
    (fault.map(|fault| format!("seed {seed} ({what}): {fault}{}", said(&finished))), refused, finished.cpu)
}

#[test]
fn damaged_kernel_files_are_refused_or_compiled() {
    let kernel = harness().kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let original = fs::read(kernel).expect("readable");
    harness().compiler();
    let dir = harness().temp_dir();
    let count = if full_tier() { FULL } else { USUAL };
    let begin = Instant::now();
    let next = AtomicU64::new(0);
    let found = Mutex::new((Vec::new(), 0u64, Duration::ZERO));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        break;
                    }
                    let (fault, refused, cpu) = try_seed(&original, seed, dir.path());
                    // The long run is worth watching with --nocapture.
                    fault.iter().for_each(|fault| println!("{fault}"));
                    let mut found = found.lock().expect("no thread panicked");
                    found.0.extend(fault.map(|fault| (seed, fault)));
                    found.1 += u64::from(refused);
                    if seed % 1000 == 999 {
                        println!("{} of {count} after {:.0} s", seed + 1, begin.elapsed().as_secs_f64());
                    }
                    found.2 = found.2.max(cpu);
                }
            });
        }
    });
    let (mut faults, refused, slowest) = found.into_inner().expect("no thread panicked");
    faults.sort();
    let summary = format!(
        "{count} damaged files in {:.0} s: {refused} refused, {} faults, slowest {:.1} s",
        begin.elapsed().as_secs_f64(),
        faults.len(),
        slowest.as_secs_f64()
    );
    println!("{summary}");
    let texts: Vec<&str> = faults.iter().map(|(_, fault)| fault.as_str()).take(SHOWN).collect();
    assert!(faults.is_empty(), "{summary}\n{}", texts.join("\n"));
    assert!(refused > count / 4, "{summary}: hardly any damage is noticed");
}
