//! End-to-end tests on real Dart engines.
//!
//! A test takes the way of a user: Dart source → kernel (Dart's front end) → snapshot (the `snapcrane` binary) → a run on
//! the real engine. What a program must print was recorded once with the reference compiler, never with snapcrane.
//!
//! * [`child`] runs every process with limits on time, memory and output, so that no test hangs or fills the machine.
//! * [`harness`] finds the toolchain, builds the binary under test, caches kernel files, compiles, verifies and runs.
//! * [`expect`] reads, writes and compares expectation files, and says what of a stack trace is compared.
//! * [`corrupt`] makes damaged kernel files from numbered seeds.
//!
//! Environment variables:
//!
//! | variable | effect |
//! |---|---|
//! | `SNAPCRANE_BIN` | the binary under test; without it `cargo build -p snapcrane` makes one |
//! | `SNAPCRANE_BLESS=1` | records expectations from the reference compiler instead of testing |
//! | `SNAPCRANE_FULL=1` | adds the long runs |
//! | `SNAPCRANE_SNAPSHOT_VERIFIER` | a command that gets each written snapshot as last argument and must succeed |

pub mod child;
pub mod corrupt;
pub mod expect;
pub mod harness;

/// Whether the long runs are wanted: `SNAPCRANE_FULL=1`.
pub fn full_tier() -> bool {
    std::env::var_os("SNAPCRANE_FULL").is_some_and(|value| value == "1")
}
