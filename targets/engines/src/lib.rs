//! Facts about Dart engines, generated from their sources.
//!
//! A snapshot is full of numbers that only its engine can define: class ids, offsets in objects and in the
//! thread, the order of stubs, roots and predefined symbols, bit positions in packed words. This crate is the
//! only place they come from. `cargo xtask engine-data` reads them from the sources of a Dart revision and
//! writes tables to `dart-<revision>/`, one fact per line; the crate embeds the tables and gives typed access:
//!
//! - [`TargetSpec`]: engine, operating system, architecture and pointer compression of a compilation;
//! - [`Engine`]: what does not depend on the architecture;
//! - [`Layout`]: offsets, sizes and limits of one architecture.
//!
//! Facts that the sources hold only as program logic are written by hand in `overrides.tsv`, each with the place
//! it was taken from; the generator merges them.
//!
//! ```
//! use snapcrane_engines::TargetSpec;
//!
//! let target = TargetSpec::from_name("linux-x64").unwrap();
//! let layout = target.layout();
//! let length_of_tagged_array = layout.array.length - snapcrane_engines::HEAP_OBJECT_TAG;
//! assert_eq!(length_of_tagged_array, 0xf);
//! let slot = layout.runtime_entry(target.engine.rt.throw);
//! assert_eq!(slot, 0x490);
//! assert_eq!(target.engine.cids.array, 90);
//! ```

mod bits;
mod data;
mod dwarf;
mod engine;
mod layout;
mod names;
mod target;

pub use bits::*;
pub use data::DataError;
pub use dwarf::{DwarfRegisters, dwarf_registers};
pub use engine::*;
pub use layout::*;
pub use names::*;
pub use target::{Arch, FeatureFlags, Os, TargetSpec, Tier, UnknownTarget};
