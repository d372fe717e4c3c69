//! From CLIF to a [`CompiledFunction`].

use std::fmt::{self, Write as _};

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::immediates::Imm64;
use cranelift_codegen::ir::{self, InstructionData, Opcode};
use cranelift_codegen::{Context, settings};
use cranelift_control::ControlPlane;

use crate::emit::Emitter;
use crate::error::Error;
use crate::inst::Inst;
use crate::metadata::CompiledFunction;
use crate::regalloc::Allocator;
use crate::routines::{self, RoutineId};
use crate::select;
use crate::steps::Step;
use crate::vcode::VCode;

/// How thoroughly to compile and to check.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Run Cranelift's optimiser.
    pub optimize: bool,
    /// Run Cranelift's verifier before it.
    pub verify: bool,
    /// Run the register allocator's checker: slow.
    pub check_regalloc: bool,
}

/// Texts of the stages of a compilation.
#[derive(Clone, Debug, Default)]
pub struct Dump {
    /// CLIF after the optimiser.
    pub optimized: String,
    /// Machine code with virtual registers.
    pub selected: String,
    /// Machine code with physical registers.
    pub allocated: String,
}

/// A compiler. It keeps memory between functions: make one per thread and use it for many functions.
pub struct Compiler {
    options: Options,
    flags: settings::Flags,
    control: ControlPlane,
    vcode: VCode,
    allocator: Allocator,
    emitter: Emitter,
    selection: select::Buffers,
}

impl Compiler {
    /// A compiler.
    pub fn new(options: Options) -> Compiler {
        Compiler {
            options,
            // All passes ask of the flags is whether to verify; that is done here, once.
            flags: settings::Flags::new(disabled_verifier()),
            control: ControlPlane::default(),
            vcode: VCode::default(),
            allocator: Allocator::default(),
            emitter: Emitter::default(),
            selection: select::Buffers::default(),
        }
    }

    /// Compiles the function of a context. The function is left optimised.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for what cannot be compiled, the other errors for defects of whoever made the function or of this crate.
    pub fn compile(&mut self, context: &mut Context) -> Result<CompiledFunction, Error> {
        self.run(context, None)
    }

    /// As [`Compiler::compile`], with texts of the stages on the way.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_with_dump(&mut self, context: &mut Context) -> Result<(CompiledFunction, Dump), Error> {
        let mut dump = Dump::default();
        let compiled = self.run(context, Some(&mut dump))?;
        Ok((compiled, dump))
    }

    /// Compiles a routine that relocations of other functions refer to.
    ///
    /// # Errors
    /// Only for defects of this crate.
    pub fn compile_routine(&mut self, id: RoutineId) -> Result<CompiledFunction, Error> {
        self.compile(&mut Context::for_function(routines::build(id)))
    }

    fn run(&mut self, context: &mut Context, mut dump: Option<&mut Dump>) -> Result<CompiledFunction, Error> {
        self.optimize(context)?;
        let func = &context.func;
        if let Some(dump) = &mut dump {
            dump.optimized = func.display().to_string();
        }
        self.vcode.order.compute(func, &context.domtree);
        select::select(func, &mut self.vcode, &mut self.selection)?;
        self.vcode.finish();
        if let Some(dump) = &mut dump {
            dump.selected = self.vcode.to_string();
        }
        self.allocator
            .run(&mut self.vcode, self.options.check_regalloc)
            .map_err(|message| Error::Regalloc { message, function: func.name.to_string() })?;
        if let Some(dump) = &mut dump {
            dump.allocated = text_of_allocated(&self.vcode, &self.allocator);
        }
        let emitted = self
            .emitter
            .run(func, &self.vcode, &self.allocator)
            .map_err(|what| Error::Unsupported { what, function: func.name.to_string() })?;
        Ok(CompiledFunction {
            code: emitted.code,
            align: 4,
            relocs: self.emitter.relocs().to_vec(),
            calls: emitted.calls,
            frame_size: self.emitter.frame.size,
            stack_slots: self.emitter.frame.slots.clone(),
        })
    }

    /// Cranelift's passes that know nothing of processors, in the order of `Context::optimize`.
    fn optimize(&mut self, context: &mut Context) -> Result<(), Error> {
        if self.options.verify {
            verify(&context.func, &self.flags)?;
        }
        let defect = |error: cranelift_codegen::CodegenError, func: &ir::Function| Error::Verifier {
            message: error.to_string(),
            function: func.name.to_string(),
        };
        context.compute_cfg();
        context.compute_domtree();
        context.eliminate_unreachable_code(&self.flags).map_err(|e| defect(e, &context.func))?;
        context.remove_constant_phis(&self.flags).map_err(|e| defect(e, &context.func))?;
        let dfg = &mut context.func.dfg;
        if dfg.values().any(|value| dfg.value_is_alias(value)) {
            dfg.resolve_all_aliases();
        }
        if self.options.optimize {
            context.egraph_pass(&self.flags, &mut self.control).map_err(|e| defect(e, &context.func))?;
        }
        Ok(())
    }
}

fn disabled_verifier() -> settings::Builder {
    use settings::Configurable;
    let mut builder = settings::builder();
    builder.set("enable_verifier", "false").expect("a setting of Cranelift");
    builder
}

/// Runs Cranelift's verifier. Without a Cranelift target it rejects the instructions that read fixed registers, so it sees a copy of the
/// function that has something harmless instead.
fn verify(func: &ir::Function, flags: &settings::Flags) -> Result<(), Error> {
    let mut copy = func.clone();
    let mut cursor = FuncCursor::new(&mut copy);
    while cursor.next_block().is_some() {
        while let Some(inst) = cursor.next_inst() {
            match cursor.func.dfg.insts[inst].opcode() {
                Opcode::GetPinnedReg | Opcode::GetFramePointer | Opcode::GetReturnAddress => {
                    cursor.func.dfg.insts[inst] =
                        InstructionData::UnaryImm { opcode: Opcode::Iconst, imm: Imm64::new(0) };
                }
                Opcode::SetPinnedReg => {
                    cursor.func.dfg.insts[inst] = InstructionData::NullAry { opcode: Opcode::Nop };
                }
                _ => {}
            }
        }
    }
    cranelift_codegen::verify_function(&copy, flags)
        .map_err(|errors| Error::Verifier { message: errors.to_string(), function: func.name.to_string() })
}

/// Text of machine code after allocation.
pub(crate) fn text_of_allocated(vcode: &VCode, allocator: &Allocator) -> String {
    Allocated(vcode, allocator).to_string()
}

/// Text of machine code with physical registers and the moves between instructions.
struct Allocated<'a>(&'a VCode, &'a Allocator);

impl fmt::Display for Allocated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Allocated(vcode, allocator) = *self;
        for label in vcode.order.labels() {
            vcode.write_block_head(f, label)?;
            for step in allocator.steps(label) {
                f.write_str("    ")?;
                match step {
                    Step::MoveInt(from, to) | Step::MoveFloat(from, to) => write!(f, "{to} <- {from}")?,
                    Step::Inst(index) => {
                        let mut inst = vcode.insts[index];
                        allocator.assign(index, &mut inst);
                        vcode.write_inst(f, &inst)?;
                        if let Inst::Call { id } | Inst::TryCall { id } | Inst::ReturnCall { id } = inst
                            && let Some(callee) = allocator.callee(index, vcode.call_info(id))
                        {
                            write!(f, " at {callee}")?;
                        }
                        if inst.is_branch() {
                            vcode.write_successors(f, label)?;
                        }
                    }
                }
                f.write_char('\n')?;
            }
        }
        Ok(())
    }
}
