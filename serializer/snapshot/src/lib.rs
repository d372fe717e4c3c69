//! Format of Dart AOT snapshots: object graph, clusters, images.
//!
//! A snapshot is a heap in transit. The compiler builds the objects that the running program will find —
//! classes, functions, types, constants, code, tables — as a [`Graph`]; this crate serializes the part that
//! the [`Roots`] reach.
//!
//! # Shape of the output
//!
//! Two blobs. The *text* blob is machine code behind two small headers ([`text`]). The *data* blob is a
//! header, a stream of *clusters*, and a *data image* of objects that are used in place, read-only
//! ([`data_image`]). A cluster holds all objects of one class: its *allocation* section says how many and how
//! large, its *fill* section holds the fields. Objects are numbered in cluster order; these numbers are the
//! references. After the clusters come the roots.
//!
//! # Parts
//!
//! [`spec`] is what varies between engine revisions and targets. [`graph`] and [`objects`] are the model, and
//! [`codec`] the reason why each class is described once for writing, reading, tracing and checking. [`hash`]
//! and [`hash_tables`] reproduce tables that the runtime probes. [`stack_maps`] and [`descriptors`] encode
//! what belongs to code.

pub mod bits;
pub mod clusters;
pub mod codec;
pub mod data_image;
pub mod descriptors;
pub mod dispatch_table;
mod error;
pub mod graph;
pub mod hash;
pub mod hash_tables;
pub mod objects;
pub mod place;
pub mod reader;
pub mod roots;
pub mod spec;
pub mod stack_maps;
pub mod stream;
#[cfg(test)]
mod testing;
pub mod text;
pub mod writer;

pub use codec::CodeRef;
pub use error::{Error, Result};
pub use graph::{Graph, ObjId};
pub use objects::Object;
pub use place::{BlobMap, Fault, Section};
pub use roots::{CommonObjects, Roots, RootsBuilder};
pub use spec::{ArchFormat, ClassIds, FormatSpec, NamedRoot, Target, WordSize};
pub use text::{BodyShape, InstructionsTable, TextEntry, TextImage, TextLayout};
pub use writer::{DataBlob, write_snapshot};
