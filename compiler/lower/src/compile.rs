//! From an IR function to a [`CompiledFunction`].

use std::collections::BTreeMap;

use cranelift_codegen::binemit::Reloc as ClifReloc;
use cranelift_codegen::ir::{self, ExternalName, StackSlot, UserExternalNameRef};
use cranelift_codegen::print_errors::pretty_error;
use cranelift_codegen::{CompiledCode, Context};
use cranelift_codegen::{FinalizedMachExceptionHandler, FinalizedMachReloc, FinalizedRelocTarget};
use cranelift_control::ControlPlane;
use snapcrane_arch::RelocKind;
use snapcrane_armv7::routines::RoutineId;
use snapcrane_engines::TargetSpec;
use snapcrane_ir::{Function, SourcePos};
use snapcrane_program::ids::FunctionKey;

use crate::checker::{self, CompiledFrame};
use crate::context::{LowerContext, LowerError};
use crate::dump::{Dump, disassemble};
use crate::emit::EmitBuffers;
use crate::helpers::{self, HelperId};
use crate::isa::{Generator, Isa};
use crate::lower::{self, LowerBuffers};
use crate::metadata::{CodeKind, CompiledFunction, Handler, Position, Reloc, RelocTarget, StackMap};
use crate::retarget::{self, Retarget};

/// How thoroughly to compile and to check.
#[derive(Clone, Debug)]
pub struct CompilerOptions {
    /// Run Cranelift's optimiser, where the target's code generator profits from it.
    pub optimize: bool,
    /// Run Cranelift's verifier before and after each pass.
    pub verify: bool,
    /// Run the checker of stack maps ([`crate::checker`]).
    pub check: bool,
    /// Run the checker of the register allocator: slow.
    pub check_regalloc: bool,
}

impl Default for CompilerOptions {
    /// Optimises; checks in debug builds.
    fn default() -> Self {
        let debug = cfg!(debug_assertions);
        CompilerOptions { optimize: true, verify: debug, check: debug, check_regalloc: false }
    }
}

impl CompilerOptions {
    /// All checks, for tests.
    pub fn checked() -> Self {
        CompilerOptions { optimize: true, verify: true, check: true, check_regalloc: true }
    }
}

/// A compiler for a target, or for several that share code. It keeps memory between functions: make one per thread and use it for many
/// functions.
pub struct Compiler {
    isas: Vec<Isa>,
    /// The order in which code for the targets is generated from the same CLIF, each with the way from the one before it. The CLIF is
    /// written for the first. Targets that keep fences come before those that drop them.
    order: Vec<(usize, Retarget)>,
    options: CompilerOptions,
    registers: regalloc2::Ctx,
    context: Context,
    control: ControlPlane,
    emit: EmitBuffers,
    lower: LowerBuffers,
}

impl Compiler {
    /// A compiler for a target.
    ///
    /// # Errors
    /// [`LowerError::Unsupported`] if there is no code generator for the target.
    pub fn new(target: &TargetSpec, options: CompilerOptions) -> Result<Compiler, LowerError> {
        Compiler::for_family(&[target], options)
    }

    /// A compiler for targets any two of which share code ([`crate::shares_code`]).
    ///
    /// # Errors
    /// As [`Compiler::new`].
    pub fn for_family(targets: &[&TargetSpec], options: CompilerOptions) -> Result<Compiler, LowerError> {
        let isas = targets
            .iter()
            .map(|target| Isa::new(target, &options))
            .collect::<Result<Vec<_>, LowerError>>()?;
        let mut indices: Vec<usize> = (0..targets.len()).collect();
        indices.sort_by_key(|&index| !isas[index].facts.weak_memory);
        let mut from = targets[indices[0]];
        let order = indices
            .into_iter()
            .map(|index| {
                let to = targets[index];
                (index, Retarget::new(std::mem::replace(&mut from, to), to))
            })
            .collect();
        Ok(Compiler {
            isas,
            order,
            options,
            registers: regalloc2::Ctx::default(),
            context: Context::new(),
            control: ControlPlane::default(),
            emit: EmitBuffers::default(),
            lower: LowerBuffers::default(),
        })
    }

    /// Compiles a function for the only target.
    ///
    /// # Errors
    /// [`LowerError::Unsupported`] for constructs that cannot be compiled, the other errors for defects of the compiler.
    pub fn compile(
        &mut self,
        ctx: &LowerContext<'_>,
        function: &Function,
    ) -> Result<CompiledFunction, LowerError> {
        self.build(0, ctx, function)?;
        self.finish(0, CodeKind::Function, Some(&function.key), None)
    }

    /// Compiles a function for each of the targets, whose surroundings are given in the order in which the targets were. Their links give
    /// the same numbers.
    ///
    /// # Errors
    /// As [`Compiler::compile`], for the first target that has one.
    pub fn compile_family(
        &mut self,
        contexts: &[LowerContext<'_>],
        function: &Function,
    ) -> Result<Vec<CompiledFunction>, LowerError> {
        debug_assert_eq!(contexts.len(), self.isas.len());
        let key = Some(&function.key);
        let kind = CodeKind::Function;
        let first = self.order[0].0;
        self.build(first, &contexts[first], function)?;
        if contexts.len() == 1 {
            return Ok(vec![self.finish(first, kind, key, None)?]);
        }
        if self.emit.target_specific {
            return contexts
                .iter()
                .enumerate()
                .map(|(index, ctx)| {
                    self.build(index, ctx, function)?;
                    self.finish(index, kind, key, None)
                })
                .collect();
        }
        self.generate_family(kind, key)
    }

    /// From CLIF that was written for the first target, and serves them all, to the code of each.
    fn generate_family(
        &mut self,
        kind: CodeKind,
        key: Option<&FunctionKey>,
    ) -> Result<Vec<CompiledFunction>, LowerError> {
        let expected = self.check_clif(key)?;
        self.optimize(self.order[0].0, key)?;
        let mut compiled: Vec<Option<CompiledFunction>> = vec![None; self.isas.len()];
        for step in 0..self.order.len() {
            let (index, retarget) = &self.order[step];
            let index = *index;
            retarget.apply(&mut self.context.func).map_err(|message| codegen_error(message, key))?;
            compiled[index] = Some(self.generate(index, kind, key, expected.as_ref(), None)?);
        }
        Ok(compiled.into_iter().flatten().collect())
    }

    /// As [`Compiler::compile`], with texts of the stages on the way.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_with_dump(
        &mut self,
        ctx: &LowerContext<'_>,
        function: &Function,
    ) -> Result<(CompiledFunction, Dump), LowerError> {
        let mut dump = Dump::default();
        self.build(0, ctx, function)?;
        let compiled = self.finish(0, CodeKind::Function, Some(&function.key), Some(&mut dump))?;
        Ok((compiled, dump))
    }

    /// Compiles a helper for each of the targets, which are given again.
    ///
    /// # Errors
    /// Only defects of the compiler.
    pub fn compile_helper(
        &mut self,
        targets: &[&TargetSpec],
        helper: HelperId,
    ) -> Result<Vec<CompiledFunction>, LowerError> {
        debug_assert_eq!(targets.len(), self.isas.len());
        let kind = CodeKind::Helper(helper);
        let first = self.order[0].0;
        self.build_helper(first, targets[first], helper);
        if !self.emit.target_specific {
            return self.generate_family(kind, None);
        }
        let one = |(index, target): (usize, &&TargetSpec)| {
            self.build_helper(index, target, helper);
            self.finish(index, kind, None, None)
        };
        targets.iter().enumerate().map(one).collect()
    }

    fn build_helper(&mut self, index: usize, target: &TargetSpec, helper: HelperId) {
        self.context.clear();
        helpers::build(&mut self.context.func, target, self.isas[index].facts, &mut self.emit, helper);
    }

    fn build(&mut self, index: usize, ctx: &LowerContext<'_>, function: &Function) -> Result<(), LowerError> {
        self.context.clear();
        let facts = self.isas[index].facts;
        lower::lower(&mut self.context.func, ctx, function, facts, &mut self.emit, &mut self.lower)
    }

    /// From CLIF that was written for a target to its code.
    fn finish(
        &mut self,
        index: usize,
        kind: CodeKind,
        key: Option<&FunctionKey>,
        mut dump: Option<&mut Dump>,
    ) -> Result<CompiledFunction, LowerError> {
        if let Some(dump) = &mut dump {
            dump.clif = self.context.func.display().to_string();
        }
        let expected = self.check_clif(key)?;
        self.optimize(index, key)?;
        if !self.isas[index].facts.weak_memory {
            retarget::remove_fences(&mut self.context.func);
        }
        self.generate(index, kind, key, expected.as_ref(), dump)
    }

    /// Checks the stack maps of CLIF, and says how many calls have how many tagged slots, if checks are asked for.
    fn check_clif(&self, key: Option<&FunctionKey>) -> Result<Option<BTreeMap<usize, usize>>, LowerError> {
        if !self.options.check {
            return Ok(None);
        }
        let (func, facts) = (&self.context.func, &self.emit.facts);
        checker::check_clif(func, facts)
            .map_err(|message| LowerError::Check { message, function: key.cloned() })?;
        Ok(Some(checker::slots_per_call(func, facts)))
    }

    /// Optimises the CLIF of a target that Cranelift makes code for; the other generator does it itself.
    fn optimize(&mut self, index: usize, key: Option<&FunctionKey>) -> Result<(), LowerError> {
        match &self.isas[index].generator {
            Generator::Cranelift(isa) => self
                .context
                .optimize(&**isa, &mut self.control)
                .map_err(|error| codegen_error(pretty_error(&self.context.func, error), key)),
            Generator::Armv7(_) => Ok(()),
        }
    }

    /// Generates code from optimised CLIF and collects the tables.
    fn generate(
        &mut self,
        index: usize,
        kind: CodeKind,
        key: Option<&FunctionKey>,
        expected: Option<&BTreeMap<usize, usize>>,
        mut dump: Option<&mut Dump>,
    ) -> Result<CompiledFunction, LowerError> {
        let wrong = |message: String| LowerError::Check { message, function: key.cloned() };
        let codegen = |message: String| codegen_error(message, key);
        let isa = &mut self.isas[index];
        let word = isa.facts.word.bytes();
        let align = isa.facts.function_align;
        let targets = &self.emit.targets;
        let func = &self.context.func;
        let (compiled, frame) = match &mut isa.generator {
            Generator::Cranelift(isa) => {
                if let Some(dump) = &mut dump {
                    dump.optimized = func.display().to_string();
                }
                let (domtree, registers) = (&self.context.domtree, &mut self.registers);
                let code = isa
                    .compile_function(func, domtree, registers, false, &mut self.control)
                    .map_err(|error| codegen(pretty_error(func, error)))?
                    .apply_params(&func.params);
                let align = align.max(code.buffer.alignment);
                let compiled = collect(func, &code, word, align, targets, kind).map_err(codegen)?;
                let frame = expected.is_some().then(|| frame_of(&code)).transpose().map_err(wrong)?;
                (compiled, frame)
            }
            Generator::Armv7(generator) => {
                let code = match &mut dump {
                    None => generator.compile(&mut self.context),
                    Some(dump) => generator.compile_with_dump(&mut self.context).map(|(code, stages)| {
                        dump.optimized = stages.optimized;
                        code
                    }),
                };
                let code = code.map_err(|error| codegen(error.to_string()))?;
                let func = Some(&self.context.func);
                let frame = armv7_frame(&code);
                let compiled = collect_armv7(func, code, word, align, targets, kind);
                (compiled, Some(frame))
            }
        };
        if let (Some(expected), Some(frame)) = (expected, frame) {
            checker::check_compiled(&frame, &compiled, word, &self.emit.facts, expected).map_err(wrong)?;
        }
        if let Some(dump) = dump {
            dump.code = disassemble(&compiled, isa.arch);
        }
        Ok(compiled)
    }
}

fn codegen_error(message: String, key: Option<&FunctionKey>) -> LowerError {
    LowerError::Codegen { message, function: key.cloned() }
}

/// Compiles all helpers, in the order of [`HelperId::all`], for each of some targets any two of which share code.
///
/// # Errors
/// As [`Compiler::new`] and [`Compiler::compile_helper`].
pub fn compile_helpers(
    targets: &[&TargetSpec],
    options: CompilerOptions,
) -> Result<Vec<Vec<(HelperId, CompiledFunction)>>, LowerError> {
    let mut compiler = Compiler::for_family(targets, options)?;
    let mut all: Vec<Vec<_>> = targets.iter().map(|_| Vec::new()).collect();
    for helper in HelperId::all() {
        for (of_target, compiled) in all.iter_mut().zip(compiler.compile_helper(targets, helper)?) {
            of_target.push((helper, compiled));
        }
    }
    Ok(all)
}

/// What the code generator of a target needs besides, under the names that relocations call it by.
///
/// # Errors
/// As [`Compiler::new`], and defects of the compiler.
pub fn compile_routines(
    target: &TargetSpec,
    options: CompilerOptions,
) -> Result<Vec<(RoutineId, CompiledFunction)>, LowerError> {
    let mut compiler = Compiler::new(target, options)?;
    let isa = &mut compiler.isas[0];
    let facts = isa.facts;
    let (word, align) = (facts.word.bytes(), facts.function_align);
    match &mut isa.generator {
        Generator::Cranelift(_) => Ok(Vec::new()),
        Generator::Armv7(generator) => RoutineId::ALL
            .into_iter()
            .map(|routine| {
                let code = generator
                    .compile_routine(routine)
                    .map_err(|error| LowerError::Codegen { message: error.to_string(), function: None })?;
                Ok((routine, collect_armv7(None, code, word, align, &[], CodeKind::Routine(routine))))
            })
            .collect(),
    }
}

/// What the checker must know of a frame that Cranelift made.
fn frame_of(code: &CompiledCode) -> Result<CompiledFrame, String> {
    let layout = code.buffer.frame_layout().ok_or("no frame layout")?;
    let size = layout.frame_to_fp_offset;
    for site in code.buffer.call_sites() {
        if let Some(offset) = site.frame_offset.filter(|&offset| offset != size) {
            return Err(format!("frame offset {offset} at the call before {:#x}", site.ret_addr));
        }
    }
    Ok(CompiledFrame {
        size,
        slots: layout.stackslots.iter().map(|(slot, data)| (slot, data.offset)).collect(),
        calls: code.buffer.call_sites().map(|site| site.ret_addr).collect(),
    })
}

/// As [`frame_of`], for a frame of the generator for 32-bit ARM.
fn armv7_frame(code: &snapcrane_armv7::metadata::CompiledFunction) -> CompiledFrame {
    CompiledFrame {
        size: code.frame_size,
        slots: (0..).map(StackSlot::from_u32).zip(code.stack_slots.iter().copied()).collect(),
        calls: code.calls.iter().map(|call| call.return_offset).collect(),
    }
}

/// Turns the result of the generator for 32-bit ARM into ours. Routines have no CLIF function that names could belong to.
fn collect_armv7(
    func: Option<&ir::Function>,
    code: snapcrane_armv7::metadata::CompiledFunction,
    word: u32,
    align: u32,
    targets: &[RelocTarget],
    kind: CodeKind,
) -> CompiledFunction {
    use snapcrane_armv7::metadata as armv7;
    let target = |target| match target {
        armv7::RelocTarget::Routine(routine) => RelocTarget::Routine(routine),
        armv7::RelocTarget::User(name) => {
            let func = func.expect("only functions refer to names");
            targets[func.params.user_named_funcs()[name].index as usize]
        }
    };
    let relocs = code
        .relocs
        .iter()
        .map(|reloc| Reloc {
            offset: reloc.offset,
            kind: match reloc.kind {
                armv7::RelocKind::Call => RelocKind::A32Branch24,
                armv7::RelocKind::PcRel4 => RelocKind::PcRel4,
            },
            target: target(reloc.target),
            addend: reloc.addend,
        })
        .collect();
    let frame = code.frame_size;
    let (mut stack_maps, mut handlers, mut positions) = (Vec::new(), Vec::new(), Vec::new());
    for call in &code.calls {
        let return_offset = call.return_offset;
        let mut tagged: Vec<u32> =
            call.stack_map.iter().map(|sp_offset| (frame - sp_offset) / word - 1).collect();
        tagged.sort_unstable();
        stack_maps.push(StackMap { return_offset, tagged });
        handlers
            .extend(call.handlers.iter().map(|&handler_offset| Handler { return_offset, handler_offset }));
        if !call.srcloc.is_default() {
            positions.push(Position { return_offset, pos: SourcePos::new(call.srcloc.bits() as i32) });
        }
    }
    CompiledFunction {
        kind,
        align: align.max(code.align),
        code: code.code,
        relocs,
        stack_maps,
        handlers,
        positions,
        frame_words: frame / word,
    }
}

/// Turns Cranelift's result into ours.
fn collect(
    func: &ir::Function,
    code: &CompiledCode,
    word: u32,
    align: u32,
    targets: &[RelocTarget],
    kind: CodeKind,
) -> Result<CompiledFunction, String> {
    let buffer = &code.buffer;
    let frame = buffer.frame_layout().map_or(0, |layout| layout.frame_to_fp_offset);
    let relocs =
        buffer.relocs().iter().map(|reloc| self::reloc(func, reloc, targets)).collect::<Result<_, _>>()?;

    // Both lists are sorted by return offset; calls without tagged slots are missing from the maps.
    let mut maps = buffer.user_stack_maps().iter().peekable();
    let mut srclocs = buffer.get_srclocs_sorted().iter().peekable();
    let mut stack_maps = Vec::new();
    let mut handlers = Vec::new();
    let mut positions = Vec::new();
    for site in buffer.call_sites() {
        let return_offset = site.ret_addr;
        let mut tagged = Vec::new();
        if let Some((_, span, map)) = maps.next_if(|(offset, ..)| *offset == return_offset) {
            if *span != frame {
                return Err(format!(
                    "frame of {span} bytes at the call before {return_offset:#x}, {frame} elsewhere"
                ));
            }
            tagged.extend(map.entries().map(|(_, sp_offset)| (frame - sp_offset) / word - 1));
            tagged.sort_unstable();
        }
        stack_maps.push(StackMap { return_offset, tagged });
        for handler in site.exception_handlers {
            match handler {
                FinalizedMachExceptionHandler::Default(offset) => {
                    handlers.push(Handler { return_offset, handler_offset: *offset });
                }
                other => return Err(format!("exception handler {other:?}")),
            }
        }
        while srclocs.next_if(|loc| loc.end < return_offset).is_some() {}
        if let Some(loc) = srclocs.peek()
            && loc.start < return_offset
            && !loc.loc.is_default()
        {
            positions.push(Position { return_offset, pos: SourcePos::new(loc.loc.bits() as i32) });
        }
    }
    if let Some((offset, ..)) = maps.next() {
        return Err(format!("stack map at {offset:#x} without a call"));
    }
    Ok(CompiledFunction {
        kind,
        code: buffer.data().to_vec(),
        align,
        relocs,
        stack_maps,
        handlers,
        positions,
        frame_words: frame / word,
    })
}

fn reloc(func: &ir::Function, reloc: &FinalizedMachReloc, targets: &[RelocTarget]) -> Result<Reloc, String> {
    let kind = match reloc.kind {
        ClifReloc::X86CallPCRel4 => RelocKind::PcRel4,
        ClifReloc::Arm64Call => RelocKind::A64Branch26,
        ClifReloc::Aarch64AdrPrelPgHi21 => RelocKind::A64Page21,
        ClifReloc::Aarch64AddAbsLo12Nc => RelocKind::A64PageOffset12,
        other => return Err(format!("relocation {other}")),
    };
    let name: UserExternalNameRef = match &reloc.target {
        FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => *name,
        other => return Err(format!("relocation to {other:?}")),
    };
    let index = func.params.user_named_funcs()[name].index as usize;
    Ok(Reloc { offset: reloc.offset, kind, target: targets[index], addend: reloc.addend })
}
