//! Machine code of everything that was reached: stubs, helpers, functions.

use cranelift_entity::EntityRef;
use rayon::prelude::*;
use snapcrane_arch::NativeFunction;
use snapcrane_engines::TargetSpec;
use snapcrane_lower::{CompiledFunction, Compiler, CompilerOptions, HelperId, LowerContext};
use snapcrane_program::ids::FunctionKey;
use snapcrane_program::{Params, Program};

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
/// Targets that share code are a family: their functions are lowered once for all of them. Functions × families are one list of work, so that
/// no target waits for another one's longest function.
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
    let family_indices = families(links);
    let common = family_indices
        .par_iter()
        .map(|indices| {
            let targets: Vec<&TargetSpec> = indices.iter().map(|&index| links[index].target()).collect();
            common_pieces(&targets, options)
        })
        .collect::<Vec<Result<Vec<Vec<Piece>>, Error>>>();
    let mut all: Vec<Vec<Piece>> = links.iter().map(|_| Vec::new()).collect();
    for (indices, pieces) in family_indices.iter().zip(common) {
        for (&index, pieces) in indices.iter().zip(pieces?) {
            all[index] = pieces;
        }
    }
    let families: Vec<Vec<&Link<'_>>> =
        family_indices.iter().map(|indices| indices.iter().map(|&index| &links[index]).collect()).collect();
    let work: Vec<(usize, FunctionId)> = (0..families.len())
        .flat_map(|family| reach.functions.iter().map(move |(id, _)| (family, id)))
        .collect();
    // One family after the other: code generators that take turns push each other out of the processor's caches.
    let weight = |&(family, id): &(usize, FunctionId)| {
        let size = match reach.bodies[id].as_ref().map(|reached| &reached.body) {
            Some(Body::Ir(function)) => function.insts.len(),
            _ => 0,
        };
        (families.len() - family, size)
    };
    let compiled = parallel::map(
        &work,
        weight,
        || families.iter().map(|_| None).collect::<Vec<Option<Compiler>>>(),
        |compilers, &(family, id)| {
            let links = &families[family];
            let compiler = match &mut compilers[family] {
                Some(compiler) => compiler,
                unmade => {
                    let targets: Vec<&TargetSpec> = links.iter().map(|link| link.target()).collect();
                    let compiler = Compiler::for_family(&targets, options.clone()).map_err(|source| {
                        Error::Lower { function: function_name(program, reach, id), source }
                    })?;
                    unmade.insert(compiler)
                }
            };
            function(program, reach, links, compiler, only, id)
        },
    )?;
    let mut of_targets: Vec<Vec<Piece>> = links.iter().map(|_| Vec::new()).collect();
    for (&(family, _), pieces) in work.iter().zip(compiled) {
        for (&index, piece) in family_indices[family].iter().zip(pieces) {
            of_targets[index].push(piece);
        }
    }
    for (pieces, of_target) in all.iter_mut().zip(of_targets) {
        pieces.extend(join_entries(reach, of_target));
    }
    Ok(all)
}

/// Indices of the targets that share code, family by family, in the order of their first members.
fn families(links: &[Link<'_>]) -> Vec<Vec<usize>> {
    let mut families: Vec<Vec<usize>> = Vec::new();
    for (index, link) in links.iter().enumerate() {
        let fits =
            |family: &&mut Vec<usize>| snapcrane_lower::shares_code(links[family[0]].target(), link.target());
        match families.iter_mut().find(fits) {
            Some(family) => family.push(index),
            None => families.push(vec![index]),
        }
    }
    families
}

/// Stubs, helpers and routines for each of the targets of a family.
fn common_pieces(targets: &[&TargetSpec], options: &CompilerOptions) -> Result<Vec<Vec<Piece>>, Error> {
    let helpers = snapcrane_lower::compile_helpers(targets, options.clone())
        .map_err(|source| Error::Lower { function: "helpers".into(), source })?;
    targets.iter().zip(helpers).map(|(target, helpers)| pieces_around(target, helpers, options)).collect()
}

/// Stubs, the helpers that are given, and routines.
fn pieces_around(
    target: &TargetSpec,
    helpers: Vec<(HelperId, CompiledFunction)>,
    options: &CompilerOptions,
) -> Result<Vec<Piece>, Error> {
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

/// The code of a function for each of the targets of a family.
fn function(
    program: &Program<'_>,
    reach: &Reach,
    links: &[&Link<'_>],
    compiler: &mut Compiler,
    only: Only<'_>,
    id: FunctionId,
) -> Result<Vec<Piece>, Error> {
    let kind = PieceKind::Function(id);
    let name = function_name(program, reach, id);
    let selected = only.is_none_or(|text| name.contains(text));
    let Some(reached) = reach.bodies[id].as_ref().filter(|_| selected) else {
        return Ok(links.iter().map(|link| trap(link.target(), kind, name.clone())).collect());
    };
    match &reached.body {
        Body::Native(member) => {
            let params = &program.members[*member].params;
            links.iter().map(|link| native(params, link, id, name.clone())).collect()
        }
        Body::Ir(function) => {
            let function_links: Vec<FunctionLink<'_>> =
                links.iter().map(|link| FunctionLink { link, function: id }).collect();
            let contexts: Vec<LowerContext<'_>> = links
                .iter()
                .zip(&function_links)
                .map(|(link, function_link)| LowerContext {
                    program,
                    target: link.target(),
                    link: function_link,
                })
                .collect();
            let compiled = compiler
                .compile_family(&contexts, function)
                .map_err(|source| Error::Lower { function: name.clone(), source })?;
            let finish = |compiled| {
                let mut piece =
                    piece(kind, name.clone(), compiled, &|callee| reached.callees.get(callee).copied())?;
                if matches!(function.key, FunctionKey::Resume(_)) {
                    // States of the function look to the collector like frames that return there, all of whose words are tagged.
                    piece.stack_maps.insert(0, (snapcrane_ir::suspend::PC_OFFSET, Vec::new()));
                }
                Ok(piece)
            };
            compiled.into_iter().map(finish).collect()
        }
    }
}

/// A piece for a function that is not compiled.
fn trap(target: &TargetSpec, kind: PieceKind, name: String) -> Piece {
    Piece {
        kind,
        name,
        bytes: target.break_filler().to_vec(),
        align: 4,
        relocs: Vec::new(),
        stack_maps: Vec::new(),
        handlers: Vec::new(),
        positions: Vec::new(),
        unchecked_offset: 0,
    }
}

/// The body of a native function.
fn native(params: &Params, link: &Link<'_>, id: FunctionId, name: String) -> Result<Piece, Error> {
    let slot = link.native_slots[&id];
    let native = NativeFunction {
        function_slot: slot,
        trampoline_slot: slot + 1,
        parameters: params.num_tagged_args() as u32,
        is_generic: !params.type_params.is_empty(),
    };
    let code = snapcrane_arch::native_function_body(link.target(), &native)?;
    Ok(Piece {
        kind: PieceKind::Function(id),
        name,
        relocs: code.relocs.iter().map(|reloc| hand_written(reloc, &|slot| link.slot_offset(slot))).collect(),
        bytes: code.bytes,
        align: code.align,
        stack_maps: vec![(code.stack_map.return_offset, code.stack_map.tagged)],
        handlers: Vec::new(),
        positions: Vec::new(),
        unchecked_offset: 0,
    })
}

fn hand_written(reloc: &snapcrane_arch::Reloc, slot_offset: &dyn Fn(u32) -> u32) -> Reloc {
    reloc.with_target(match reloc.target {
        snapcrane_arch::RelocTarget::Stub(stub) => Target::Piece(PieceKind::Stub(stub)),
        snapcrane_arch::RelocTarget::PoolSlot(slot) => Target::Pool(slot_offset(slot)),
    })
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
        relocs.push(reloc.with_target(Target::Piece(target)));
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
