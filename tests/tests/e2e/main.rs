//! All end-to-end tests, in one binary because they share the compiler, the kernel cache and the machine.
//!
//! The normal tier takes a few minutes on two processors; `SNAPCRANE_FULL=1` adds long runs of the same tests.

mod applications;
mod corruption;
mod determinism;
mod diff;
mod engines;
mod errors;
mod fixtures;
mod gc;
mod golden;
mod inspection;
mod macho;
mod programs;
mod reference;
mod snapshots;
