//! Developer commands of snapcrane as a library: where the Dart 3.13.4 toolchain is, how to get it, how to run it.
//!
//! The compiler itself never needs this crate. The `xtask` binary and the end-to-end tests do, because both must turn
//! Dart source into kernel, load snapshots into real engines, and compare with the reference compiler.
//!
//! * [`Toolchain`] finds a prepared folder and runs the programs in it.
//! * [`prepare`] fills such a folder through the machine's own npm and apt configuration.
//! * [`process`] runs other programs, with one-line errors and with resource measurement.

pub mod error;
pub mod prepare;
pub mod process;
pub mod toolchain;

pub use error::Error;
pub use toolchain::{Arch, DART_VERSION, KernelOptions, SNAPSHOT_HASH, Toolchain, workspace_root};
