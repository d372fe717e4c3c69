//! Machine code of everything that was reached: stubs, helpers, functions.

use cranelift_entity::EntityRef;
use rayon::prelude::*;
use snapcrane_arch::NativeFunction;
use snapcrane_engines::TargetSpec;
use snapcrane_lower::{CompiledFunction, Compiler, CompilerOptions, LowerContext};
use snapcrane_program::Program;
use snapcrane_program::ids::FunctionKey;

use crate::error::Error;
use crate::link::{FunctionLink, Link};
use crate::parallel;
use crate::reach::{Body, FunctionId, Reach};
use crate::text::{Piece, PieceKind, Reloc, Target};

/// Which functions to compile for real; all others trap (for finding a function that is compiled wrongly).
pub type Only<'a> = Option<&'a str>;

/// Generates all code, for each of the targets of `links`. Pieces are in text order: listed stubs, other stubs, helpers, routines,
/// functions in order of discovery.
///
/// Functions × targets are one list of work, so that no target waits for another one's longest function.
///
/// # Errors
/// The first piece that cannot be compiled, of the first target that has one.
pub fn generate(
    program: &Program<'_>,
    reach: &Reach,
    links: &[Link<'_>],
    options: &CompilerOptions,
    only: Only<'_>,
) -> Result<Vec<Vec<Piece>>, Error> {
    let mut all = links
        .par_iter()
        .map(|link| common_pieces(link.target(), options))
        .collect::<Vec<Result<Vec<Piece>, Error>>>()
        .into_iter()
        .collect::<Result<Vec<_>, Error>>()?;
    let work: Vec<(usize, FunctionId)> =
        (0..links.len()).flat_map(|unit| reach.functions.iter().map(move |(id, _)| (unit, id))).collect();
    let weight = |&(_, id): &(usize, FunctionId)| match reach.bodies[id].as_ref().map(|reached| &reached.body)
    {
        Some(Body::Ir(function)) => function.insts.len(),
        _ => 0,
    };
    let mut compiled = parallel::map(
        &work,
        weight,
        || links.iter().map(|_| None).collect::<Vec<Option<Compiler>>>(),
        |compilers, &(unit, id)| {
            let link = &links[unit];
            let compiler = match &mut compilers[unit] {
                Some(compiler) => compiler,
                unmade => {
                    let compiler = Compiler::new(link.target(), options.clone()).map_err(|source| {
                        Error::Lower { function: function_name(program, reach, id), source }
                    })?;
                    unmade.insert(compiler)
                }
            };
            function(program, reach, link, compiler, only, id)
        },
    )?
    .into_iter();
    for pieces in &mut all {
        let of_target = compiled.by_ref().take(reach.functions.len()).collect();
        pieces.extend(join_entries(reach, of_target));
    }
    Ok(all)
}

/// Stubs, helpers and routines.
fn common_pieces(target: &TargetSpec, options: &CompilerOptions) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    for stub in snapcrane_arch::stubs(target)? {
        pieces.push(Piece {
            kind: PieceKind::Stub(stub.stub),
            name: format!("stub {}", stub.name),
            relocs: stub.relocs.iter().map(|reloc| hand_written(reloc, &|slot| slot)).collect(),
            bytes: stub.bytes,
            align: stub.align,
            stack_maps: Vec::new(),
            handlers: Vec::new(),
            positions: Vec::new(),
            unchecked_offset: 0,
        });
    }
    let helpers = snapcrane_lower::compile_helpers(target, options.clone())
        .map_err(|source| Error::Lower { function: "helpers".into(), source })?;
    for (helper, compiled) in helpers {
        pieces.push(piece(PieceKind::Helper(helper), format!("helper {helper:?}"), compiled, &|_| None)?);
    }
    let routines = snapcrane_lower::compile_routines(target, options.clone())
        .map_err(|source| Error::Lower { function: "routines".into(), source })?;
    for (routine, compiled) in routines {
        pieces.push(piece(PieceKind::Routine(routine), format!("routine {routine:?}"), compiled, &|_| None)?);
    }
    Ok(pieces)
}

/// Puts the checking entry of each function behind its generic entry: they are two entries of one Code object.
fn join_entries(reach: &Reach, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut pieces: Vec<Option<Piece>> = pieces.into_iter().map(Some).collect();
    for (id, key) in reach.functions.iter() {
        let FunctionKey::GenericEntry(function) = key else { continue };
        let checking = reach.function(&FunctionKey::DynEntry(function.clone()));
        let Some(checking) = checking.and_then(|checking| pieces[checking.index()].take()) else { continue };
        if let Some(generic) = &mut pieces[id.index()] {
            generic.append_entry(checking);
        }
    }
    pieces.into_iter().flatten().collect()
}

/// Name of a function for symbols and messages.
pub fn function_name(program: &Program<'_>, reach: &Reach, id: FunctionId) -> String {
    program.qualified_name(reach.functions.key(id), &reach.locals)
}

fn function(
    program: &Program<'_>,
    reach: &Reach,
    link: &Link<'_>,
    compiler: &mut Compiler,
    only: Only<'_>,
    id: FunctionId,
) -> Result<Piece, Error> {
    let target = link.target();
    let kind = PieceKind::Function(id);
    let name = function_name(program, reach, id);
    let trap = || Piece {
        kind,
        name: name.clone(),
        bytes: target.break_filler().to_vec(),
        align: 4,
        relocs: Vec::new(),
        stack_maps: Vec::new(),
        handlers: Vec::new(),
        positions: Vec::new(),
        unchecked_offset: 0,
    };
    if only.is_some_and(|text| !name.contains(text)) {
        return Ok(trap());
    }
    let Some(reached) = &reach.bodies[id] else { return Ok(trap()) };
    match &reached.body {
        Body::Native(member) => {
            let params = &program.members[*member].params;
            let is_generic = !params.type_params.is_empty();
            let slot = link.native_slots[&id];
            let native = NativeFunction {
                function_slot: slot,
                trampoline_slot: slot + 1,
                parameters: params.num_tagged_args() as u32,
                is_generic,
            };
            let code = snapcrane_arch::native_function_body(target, &native)?;
            Ok(Piece {
                kind,
                name,
                relocs: code
                    .relocs
                    .iter()
                    .map(|reloc| hand_written(reloc, &|slot| link.slot_offset(slot)))
                    .collect(),
                bytes: code.bytes,
                align: code.align,
                stack_maps: vec![(code.stack_map.return_offset, code.stack_map.tagged)],
                handlers: Vec::new(),
                positions: Vec::new(),
                unchecked_offset: 0,
            })
        }
        Body::Ir(function) => {
            let function_link = FunctionLink { link, function: id };
            let context = LowerContext { program, target, link: &function_link };
            let compiled = compiler
                .compile(&context, function)
                .map_err(|source| Error::Lower { function: name.clone(), source })?;
            let mut piece = piece(kind, name, compiled, &|callee| reached.callees.get(callee).copied())?;
            if matches!(function.key, FunctionKey::Resume(_)) {
                // States of the function look to the collector like frames that return there, all of whose words are tagged.
                piece.stack_maps.insert(0, (snapcrane_ir::suspend::PC_OFFSET, Vec::new()));
            }
            Ok(piece)
        }
    }
}

fn hand_written(reloc: &snapcrane_arch::Reloc, slot_offset: &dyn Fn(u32) -> u32) -> Reloc {
    Reloc {
        offset: reloc.offset,
        kind: reloc.kind,
        target: match reloc.target {
            snapcrane_arch::RelocTarget::Stub(stub) => Target::Piece(PieceKind::Stub(stub)),
            snapcrane_arch::RelocTarget::PoolSlot(slot) => Target::Pool(slot_offset(slot)),
        },
        addend: reloc.addend,
    }
}

fn piece(
    kind: PieceKind,
    name: String,
    compiled: CompiledFunction,
    callee: &dyn Fn(usize) -> Option<FunctionId>,
) -> Result<Piece, Error> {
    let mut relocs = Vec::with_capacity(compiled.relocs.len());
    for reloc in &compiled.relocs {
        let target = match reloc.target {
            snapcrane_lower::RelocTarget::Callee(reference) => callee(reference.index())
                .map(PieceKind::Function)
                .ok_or_else(|| Error::Range { function: name.clone(), target: format!("{reference}") })?,
            snapcrane_lower::RelocTarget::Stub(stub) => PieceKind::Stub(stub),
            snapcrane_lower::RelocTarget::Helper(helper) => PieceKind::Helper(helper),
            snapcrane_lower::RelocTarget::Routine(routine) => PieceKind::Routine(routine),
        };
        relocs.push(Reloc {
            offset: reloc.offset,
            kind: reloc.kind,
            target: Target::Piece(target),
            addend: reloc.addend,
        });
    }
    let words = compiled.frame_words as usize;
    let stack_maps = compiled
        .stack_maps
        .iter()
        .map(|map| {
            let mut tagged = vec![false; words];
            map.tagged.iter().for_each(|&bit| tagged[bit as usize] = true);
            (map.return_offset, tagged)
        })
        .collect();
    Ok(Piece {
        kind,
        name,
        bytes: compiled.code,
        align: compiled.align,
        relocs,
        stack_maps,
        handlers: compiled
            .handlers
            .iter()
            .map(|handler| (handler.return_offset, handler.handler_offset))
            .collect(),
        positions: compiled
            .positions
            .iter()
            .filter_map(|position| Some((position.return_offset, position.pos.offset()?)))
            .collect(),
        unchecked_offset: 0,
    })
}
