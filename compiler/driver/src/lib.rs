//! The pipeline from a kernel file to snapshots.
//!
//! Each phase consumes only the output of the phase before it; `--time` prints the same names:
//! kernel → program → build (with reach) → link → lower → place → objects → snapshot → container. The phases up to `build` run
//! once for all targets. `lower` works through one list of functions × targets; what follows runs for all targets at the same time.

pub mod codegen;
mod dump;
mod error;
mod image;
pub mod interner;
pub mod link;
pub mod parallel;
pub mod reach;
pub mod rows;
pub mod text;

use std::fmt;
use std::time::{Duration, Instant};

use bumpalo::Bump;
use dart_kernel::Component;
use dart_snapshot::text::BodyShape;
use rayon::prelude::*;
use snapcrane_container::elf::{self, ElfInput, FunctionSymbol};
use snapcrane_engines::TargetSpec;
use snapcrane_lower::CompilerOptions;
use snapcrane_program::Program;

pub use dump::{Dump, Stage, dump};
pub use error::Error;

use crate::link::Link;
use crate::reach::{Body, Reach};
use crate::text::{Piece, Placement};

/// How to compile.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Leave symbols out.
    pub strip: bool,
    /// Compile `assert` statements.
    pub enable_asserts: bool,
    /// Check the IR, the CLIF and the stack maps of every function.
    pub verify: bool,
    /// Compile only functions whose name contains this text; all others trap.
    pub only_functions: Option<String>,
    /// Make the folders of outputs.
    pub create_folders: bool,
}

impl Options {
    fn compiler_options(&self) -> CompilerOptions {
        if self.verify {
            CompilerOptions { check_regalloc: false, ..CompilerOptions::checked() }
        } else {
            CompilerOptions::default()
        }
    }
}

/// A phase of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the kernel file.
    Kernel,
    /// The closed-world model.
    Program,
    /// IR of everything that is reached.
    Build,
    /// Numbers of pool slots, rows, fields.
    Link,
    /// Machine code.
    Lower,
    /// Text image.
    Place,
    /// Object graph.
    Objects,
    /// Data image.
    Snapshot,
    /// Container.
    Container,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Kernel => "kernel",
            Phase::Program => "program",
            Phase::Build => "build",
            Phase::Link => "link",
            Phase::Lower => "lower",
            Phase::Place => "place",
            Phase::Objects => "objects",
            Phase::Snapshot => "snapshot",
            Phase::Container => "container",
        })
    }
}

/// Is told how a compilation goes on.
pub trait Observer: Sync {
    /// So many functions of the ones known so far are built.
    fn functions(&self, _done: usize, _known: usize) {}
    /// A phase has ended, well or badly, after this wall time. Phases that run once per target are told after all targets, one
    /// target after the other in the order of the targets, although they ran at the same time.
    fn phase(&self, _phase: Phase, _target: Option<&TargetSpec>, _time: Duration) {}
}

/// Looks away.
impl Observer for () {}

fn time<T, E>(observer: &dyn Observer, phase: Phase, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let result = work();
    observer.phase(phase, None, start.elapsed());
    result
}

/// Times of a target's own phases.
#[derive(Debug, Default)]
struct Times(Vec<(Phase, Duration)>);

impl Times {
    fn time<T, E>(&mut self, phase: Phase, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let start = Instant::now();
        let result = work();
        self.0.push((phase, start.elapsed()));
        result
    }
}

/// Compiles a kernel file: a shared object per target, in the order of the targets.
///
/// # Errors
/// What is wrong with the input, or cannot be compiled yet. The same error for every number of threads.
pub fn compile(
    input: &[u8],
    targets: &[TargetSpec],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Vec<Vec<u8>>, Error> {
    let arena = Bump::new();
    let component = time(observer, Phase::Kernel, || Component::read(input, &arena))?;
    let engine = snapcrane_engines::Engine::latest();
    let program = time(observer, Phase::Program, || Program::load(&component, engine))?;
    let reach = time(observer, Phase::Build, || {
        let reach = reach::reach(&program, options, observer)?;
        if options.verify {
            verify_ir(&program, &reach)?;
        }
        Ok::<Reach, Error>(reach)
    })?;
    let start = Instant::now();
    let table = rows::pack(&reach.cells);
    let links: Vec<Link<'_>> =
        targets.par_iter().map(|target| Link::new(&program, &reach, &table, target)).collect();
    observer.phase(Phase::Link, None, start.elapsed());
    let only = options.only_functions.as_deref();
    let pieces = time(observer, Phase::Lower, || {
        codegen::generate(&program, &reach, &links, &options.compiler_options(), only)
    })?;
    let units: Vec<(&Link<'_>, Vec<Piece>)> = links.iter().zip(pieces).collect();
    let finished: Vec<(Result<Vec<u8>, Error>, Times)> = units
        .into_par_iter()
        .map(|(link, pieces)| {
            let mut times = Times::default();
            (finish_target(&program, &reach, link, pieces, options, &mut times), times)
        })
        .collect();
    for (target, (_, times)) in targets.iter().zip(&finished) {
        for &(phase, duration) in &times.0 {
            observer.phase(phase, Some(target), duration);
        }
    }
    finished.into_iter().map(|(image, _)| image).collect()
}

fn verify_ir(program: &Program<'_>, reach: &Reach) -> Result<(), Error> {
    for (id, body) in &reach.bodies {
        if let Some(Body::Ir(function)) = body.as_ref().map(|reached| &reached.body)
            && let Err(errors) = snapcrane_ir::verifier::verify(function)
        {
            return Err(Error::InvalidIr {
                function: codegen::function_name(program, reach, id),
                message: errors.first().map(ToString::to_string).unwrap_or_default(),
            });
        }
    }
    Ok(())
}

/// From the code of a target to its shared object.
fn finish_target(
    program: &Program<'_>,
    reach: &Reach,
    link: &Link<'_>,
    mut pieces: Vec<Piece>,
    options: &Options,
    times: &mut Times,
) -> Result<Vec<u8>, Error> {
    let target = link.target();
    let format = image::format_spec(target.engine)?;
    let snapshot_target = image::snapshot_target(target);
    let (layout, placement) = times.time(Phase::Place, || {
        let shapes = pieces.iter().map(|piece| BodyShape {
            size: piece.bytes.len() as u32,
            has_aligned_loops: piece.align > LOOSE_ALIGNMENT,
        });
        let layout = dart_snapshot::text::layout(&snapshot_target, shapes)?;
        let placement = Placement::new(&pieces, layout.offsets.clone());
        text::relocate(&mut pieces, &placement)?;
        Ok::<_, Error>((layout, placement))
    })?;
    let text = layout.build(
        &snapshot_target,
        &format.class_ids,
        pieces.iter().map(|piece| piece.bytes.as_slice()),
    )?;
    let mut objects = times
        .time(Phase::Objects, || image::build(program, reach, link, target, &format, &pieces, &placement))?;
    let data = times.time(Phase::Snapshot, || {
        dart_snapshot::write_snapshot(
            &mut objects.graph,
            objects.roots,
            &objects.instructions,
            &format,
            &snapshot_target,
        )
    })?;
    times.time(Phase::Container, || {
        let symbols = (!options.strip).then(|| symbols(&pieces, &placement));
        Ok(elf::write(&ElfInput {
            target: snapcrane_formats::elf_target(target),
            text: &text.bytes,
            data: &data.bytes,
            relocation_offset: text.relocation_offset,
            symbols: symbols.as_deref(),
        })?)
    })
}

/// Code that asks for no more than this gets the image's own alignment of 4: entry alignment costs more in size than it gains.
const LOOSE_ALIGNMENT: u32 = 16;

fn symbols(pieces: &[Piece], placement: &Placement) -> Vec<FunctionSymbol> {
    pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| FunctionSymbol {
            name: piece.name.clone(),
            offset: placement.starts[index],
            size: piece.bytes.len() as u32,
        })
        .collect()
}
