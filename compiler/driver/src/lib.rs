//! The pipeline from a kernel file to snapshots.
//!
//! Each phase consumes only the output of the phase before it; `--time` prints the same names:
//! kernel → program → build (with reach) → link → lower → place → objects → snapshot → container. The phases up to `build` run
//! once for all targets, the others once per target.

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
use snapcrane_container::elf::{self, ElfInput, ElfTarget, FrameRegisters, FunctionSymbol};
use snapcrane_engines::TargetSpec;
use snapcrane_lower::CompilerOptions;
use snapcrane_program::Program;

pub use dump::{Dump, dump};
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

/// Result of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// A shared object per target, in the order of the targets.
    pub images: Vec<Vec<u8>>,
    /// How long the phases took, in order.
    pub phases: Vec<(Phase, Duration)>,
}

/// Wall times of phases.
#[derive(Debug, Default)]
struct Clock {
    phases: Vec<(Phase, Duration)>,
}

impl Clock {
    fn time<T, E>(&mut self, phase: Phase, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let start = Instant::now();
        let result = work();
        self.phases.push((phase, start.elapsed()));
        result
    }
}

/// Compiles a kernel file for some targets. `progress` gets the number of functions done and known.
///
/// # Errors
/// What is wrong with the input, or cannot be compiled yet. The same error for every number of threads.
pub fn compile(
    input: &[u8],
    targets: &[TargetSpec],
    options: &Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Compiled, Error> {
    let mut clock = Clock::default();
    let arena = Bump::new();
    let component = clock.time(Phase::Kernel, || Component::read(input, &arena))?;
    let engine = snapcrane_engines::Engine::latest();
    let program = clock.time(Phase::Program, || Program::load(&component, engine))?;
    let reach = clock.time(Phase::Build, || {
        let reach = reach::reach(&program, options, progress)?;
        if options.verify {
            verify_ir(&program, &reach)?;
        }
        Ok::<Reach, Error>(reach)
    })?;
    let mut images = Vec::with_capacity(targets.len());
    for target in targets {
        images.push(compile_target(&program, &reach, target, options, &mut clock)?);
    }
    Ok(Compiled { images, phases: clock.phases })
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

fn compile_target(
    program: &Program<'_>,
    reach: &Reach,
    target: &TargetSpec,
    options: &Options,
    clock: &mut Clock,
) -> Result<Vec<u8>, Error> {
    let link = clock.time(Phase::Link, || Ok::<_, Error>(Link::new(program, reach, target)))?;
    let only = options.only_functions.as_deref();
    let mut pieces = clock.time(Phase::Lower, || {
        codegen::generate(program, reach, &link, target, &options.compiler_options(), only)
    })?;
    let format = image::format_spec(target.engine)?;
    let snapshot_target = image::snapshot_target(target);
    let (layout, placement) = clock.time(Phase::Place, || {
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
    let mut objects = clock
        .time(Phase::Objects, || image::build(program, reach, &link, target, &format, &pieces, &placement))?;
    let data = clock.time(Phase::Snapshot, || {
        dart_snapshot::write_snapshot(
            &mut objects.graph,
            objects.roots,
            &objects.instructions,
            &format,
            &snapshot_target,
        )
    })?;
    clock.time(Phase::Container, || {
        let symbols = (!options.strip).then(|| symbols(&pieces, &placement));
        Ok(elf::write(&ElfInput {
            target: elf_target(target),
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

fn elf_target(target: &TargetSpec) -> ElfTarget {
    let registers = snapcrane_arch::dwarf_registers(target.arch);
    ElfTarget {
        is_64bit: target.word_size() == 8,
        machine: target.elf_machine(),
        flags: target.elf_flags(),
        page_size: target.elf_page_size(),
        frame: FrameRegisters {
            frame_pointer: registers.frame_pointer,
            return_address: registers.return_address,
            caller_sp_slot_from_fp: registers.caller_sp_slot_from_fp,
        },
    }
}
