//! Garbage collection under load: `gc_churn.dart` allocates much more than it keeps, and checks what it keeps.

use snapcrane_tests::full_tier;
use snapcrane_tests::harness::{CompileOptions, Engine, Program, harness};
use xtask::Arch;

use crate::programs::{check_run, expectation};

/// Megabytes, kept small enough for the normal tier.
const USUAL: &str = "128";
/// Megabytes, many times the size of the young generation.
const LARGE: &str = "2048";
/// Megabytes for the engine with assertions on.
const CHECKED: &str = "32";
/// Megabytes when it also collects at every seventh call of the runtime.
const STRESSED: &str = "6";
/// Memory that the program may take: it keeps a few megabytes alive.
const PEAK_RSS_KIB: u64 = 400 << 10;

const EVERY_SEVENTH: &str =
    "--scavenge_on_runtime_call_every=7 --verify_before_gc --verify_after_gc --fill_new_space";
const OLD_SPACE: &str = "--gc_on_runtime_call_every=50 --verify_after_gc --verify_after_marking";

/// Runs the churn and compares its checksums, in which every live object takes part.
fn churn(engine: Engine, megabytes: &str, times: usize, seconds: u64) {
    let harness = harness();
    let program = Program::named("gc_churn");
    let name = format!("gc_churn.{megabytes}");
    let Some(expected) = expectation(harness, &program, &name, &[megabytes]) else { return };
    let dir = harness.temp_dir();
    let snapshot = dir.path().join("app.so");
    let kernel = harness.kernel(&program);
    let options = CompileOptions { arch: engine.arch(), ..CompileOptions::default() };
    harness.compile(&kernel, &snapshot, &options);
    let compile = harness.gen_snapshot_command(&kernel, &snapshot, &options);
    for _ in 0..times {
        let finished = harness.run_within(engine, &snapshot, &[megabytes], seconds);
        let run = harness.engine_command(engine, &snapshot, &[megabytes]);
        check_run(&expected, &finished, &compile, &run);
        let peak = finished.peak_rss_kib;
        assert!(peak < PEAK_RSS_KIB || engine != Engine::Shipped, "{peak} KiB: garbage is kept alive");
    }
}

#[test]
fn churn_on_the_engine() {
    churn(Engine::Shipped, USUAL, 1, 120);
    if full_tier() {
        churn(Engine::Shipped, LARGE, 20, 300);
    }
}

#[test]
fn churn_on_the_checked_engine() {
    if !harness().has_checked_engine() {
        return;
    }
    churn(Engine::Checked, CHECKED, 1, 120);
    churn(Engine::CheckedWith(EVERY_SEVENTH), STRESSED, 1, 120);
    churn(Engine::CheckedWith(OLD_SPACE), STRESSED, 1, 120);
    if full_tier() {
        churn(Engine::Checked, LARGE, 1, 900);
        churn(Engine::CheckedWith(EVERY_SEVENTH), CHECKED, 1, 900);
        churn(Engine::CheckedWith(OLD_SPACE), CHECKED, 1, 900);
    }
}

#[test]
fn churn_on_the_arm64_engine() {
    churn(Engine::Emulated(Arch::Arm64), if full_tier() { USUAL } else { CHECKED }, 1, 900);
}

#[test]
fn churn_on_the_arm_engine() {
    churn(Engine::Emulated(Arch::Arm), if full_tier() { USUAL } else { CHECKED }, 1, 900);
}

/// Recording needs no engine but the shipped one.
#[test]
fn every_size_is_recorded() {
    let harness = harness();
    for megabytes in [USUAL, LARGE, CHECKED, STRESSED] {
        let program = Program::named("gc_churn");
        let Some(expected) = expectation(harness, &program, &format!("gc_churn.{megabytes}"), &[megabytes])
        else {
            continue;
        };
        assert!(expected.stdout.contains(" rounds, ") && expected.code == 0, "{}", expected.stdout);
    }
}
