//! Everything that holds in a well-formed snapshot and that reading alone does not show.
//!
//! The reader checks what it needs to read on: encodings, lengths, ranges and kinds of references. The engine counts on much
//! more, and checks nearly nothing of it in its shipped form: tables that it probes by hash, code that lies where tables
//! say, sizes that the collector trusts. [`verify`] checks all of it that can be checked without running the program.
//!
//! An *error* is something that an engine does not expect: it would misbehave sooner or later, or would find another
//! program than the one that was compiled. A *note* is something that loads and runs, but differs from what the engine's
//! own compiler writes; other tools may stumble over it.

mod clusters;
mod code;
mod container;
mod elf;
mod frames;
mod images;
mod macho;
mod objects;
mod sha256;
mod tables;
mod types;

use crate::{Fault, ObjId, Section, Snapshot};

/// Faults of one kind that are kept; the rest is only counted.
const MAX_FAULTS: usize = 1000;

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What no engine expects, in the order of the checks.
    pub errors: Vec<Fault>,
    /// What the engine's own compiler would have written in another way.
    pub notes: Vec<Fault>,
    /// Errors that were found after [`Report::errors`] was full.
    pub more_errors: usize,
}

impl Report {
    /// Whether the snapshot is well-formed.
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }
}

/// Checks a snapshot.
pub fn verify(snapshot: &Snapshot<'_>) -> Report {
    let mut checker = Checker { snapshot, report: Report::default() };
    checker.container();
    checker.data_image();
    checker.text_image();
    checker.instructions_table();
    checker.cluster_order();
    checker.cluster_tags();
    checker.canonical_tables();
    checker.canonical_objects();
    checker.roots();
    checker.classes();
    checker.instances();
    checker.functions();
    checker.fields();
    checker.types();
    checker.type_arguments();
    checker.other_objects();
    checker.library_tables();
    checker.stubs();
    checker.codes();
    checker.pool();
    checker.symbols();
    checker.encoding();
    checker.report
}

struct Checker<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    report: Report,
}

impl<'s, 'a> Checker<'s, 'a> {
    fn push(&mut self, fault: Fault) {
        if self.report.errors.len() < MAX_FAULTS {
            self.report.errors.push(fault);
        } else {
            self.report.more_errors += 1;
        }
    }

    fn push_note(&mut self, fault: Fault) {
        if self.report.notes.len() < MAX_FAULTS {
            self.report.notes.push(fault);
        }
    }

    /// An error at an offset.
    fn error(&mut self, section: Section, offset: usize, reason: impl Into<String>) {
        self.push(crate::fault(section, offset, reason));
    }

    /// A note at an offset.
    fn note(&mut self, section: Section, offset: usize, reason: impl Into<String>) {
        self.push_note(crate::fault(section, offset, reason));
    }

    /// An error of a thing that has a name but is no object.
    fn named(&mut self, section: Section, name: impl Into<String>, offset: usize, reason: impl Into<String>) {
        self.push(Fault { object: Some(name.into()), ..crate::fault(section, offset, reason) });
    }

    fn place_of(&self, id: ObjId, reason: String) -> Fault {
        let spans = self.snapshot.spans(id);
        let section = if !spans.fill().is_empty() {
            Section::Fill
        } else if !spans.image().is_empty() {
            Section::DataImage
        } else {
            Section::Allocation
        };
        let cluster = self.snapshot.cluster_of(id);
        Fault {
            section,
            cluster: cluster.map(|index| self.cluster_label(index)),
            object: Some(self.snapshot.graph.describe(id)),
            offset: spans.start(),
            reason,
        }
    }

    /// An error of an object.
    fn object(&mut self, id: ObjId, reason: impl Into<String>) {
        let fault = self.place_of(id, reason.into());
        self.push(fault);
    }

    /// A note about an object.
    fn object_note(&mut self, id: ObjId, reason: impl Into<String>) {
        let fault = self.place_of(id, reason.into());
        self.push_note(fault);
    }

    fn cluster_label(&self, index: usize) -> String {
        format!("{index} ({})", self.snapshot.cluster_name(&self.snapshot.clusters()[index]))
    }

    /// An error of a cluster, at its start in the allocation section.
    fn cluster(&mut self, index: usize, reason: impl Into<String>) {
        let offset = self.snapshot.map.clusters[index].alloc.start;
        let fault = crate::fault(Section::Allocation, offset, reason);
        self.push(Fault { cluster: Some(self.cluster_label(index)), ..fault });
    }

    /// A note about a cluster.
    fn cluster_note(&mut self, index: usize, reason: impl Into<String>) {
        let offset = self.snapshot.map.clusters[index].alloc.start;
        let fault = crate::fault(Section::Allocation, offset, reason);
        self.push_note(Fault { cluster: Some(self.cluster_label(index)), ..fault });
    }

    /// Written again, the data blob should be the same: numbers in their shortest form, nothing between the parts.
    fn encoding(&mut self) {
        let blob = self.snapshot.container.data.bytes;
        match self.snapshot.to_data_blob() {
            Ok(again) => {
                let differs = again.iter().zip(blob).position(|(a, b)| a != b);
                let differs = differs.or((again.len() > blob.len()).then_some(blob.len()));
                if let Some(offset) = differs {
                    let section = self.section_at(offset);
                    self.note(section, offset, "not in the form that the engine's compiler writes");
                }
            }
            Err(error) => {
                self.error(Section::Fill, 0, format!("the objects cannot be written again: {error}"))
            }
        }
    }

    fn section_at(&self, offset: usize) -> Section {
        let map = &self.snapshot.map;
        let sections = [
            (&map.header, Section::Header),
            (&map.counts, Section::Header),
            (&map.alloc, Section::Allocation),
            (&map.fill, Section::Fill),
            (&map.roots, Section::Roots),
            (&map.dispatch_table, Section::DispatchTable),
        ];
        let found = sections.into_iter().find(|(range, _)| range.contains(&offset));
        found.map_or(Section::DataImage, |(_, section)| section)
    }
}
