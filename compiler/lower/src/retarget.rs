//! From optimised CLIF of one target to that of another one like it.
//!
//! # Problem
//!
//! A run for several targets would spend most of its time on lowering the same functions to nearly the same CLIF again, and on optimising it.
//! Targets with the same word size and object layouts ([`shares_code`]) differ in three things that CLIF can see: where the fields of
//! the thread are, where the thread's dispatch table pointer points to, and whether stores have to be fenced.
//!
//! # Approach
//!
//! Lowering writes for the first target of such a *family*. The differences occur only in forms that survive optimisation and can be found
//! again: displacements of accesses whose base is the pinned register, displacements of loads in the region of the dispatch table, and
//! fences. After the code of one target is generated, [`Retarget`] replaces these for the next one. Where the code for a function has to differ more than that, lowering says so
//! ([`crate::emit::EmitBuffers::target_specific`]), and the function is lowered for each target.
//!
//! # Invariants
//!
//! The result is the same whichever target of the family was the first: the optimiser knows displacements only as different or equal, which the
//! replacement keeps. So a target's code does not depend on what else is compiled in the same run.

use cranelift_codegen::ir::immediates::Offset32;
use cranelift_codegen::ir::{self, AliasRegion, InstructionData, Opcode, Value};
use snapcrane_engines::{Layout, TargetSpec};

use crate::emit::Region;
use crate::isa::{IsaFacts, uses_cranelift};

/// Beginnings of names of engine constants that may differ within a family: what [`Retarget`] replaces, and what only hand-written code,
/// containers and the engine's own compiler have a use for.
const MAY_DIFFER: [&str; 8] = [
    "Thread_",
    "DispatchTable_",
    "Elf_",
    "FfiCallbackMetadata_",
    "FrameLayout_",
    "Instructions_k",
    "SuspendStubABI_",
    "kBreakInstructionFiller",
];

/// Whether code for two targets can come from the same CLIF.
pub fn shares_code(a: &TargetSpec, b: &TargetSpec) -> bool {
    let of_family = |layout: &'static Layout| {
        layout.iter().filter(|(name, _)| !MAY_DIFFER.iter().any(|prefix| name.starts_with(prefix)))
    };
    uses_cranelift(a)
        && uses_cranelift(b)
        && a.engine.snapshot_hash == b.engine.snapshot_hash
        && IsaFacts::new(a).of_family() == IsaFacts::new(b).of_family()
        && of_family(a.layout()).eq(of_family(b.layout()))
}

/// Replaces what differs between a target and the one that code was written for.
#[derive(Debug)]
pub(crate) struct Retarget {
    /// Positions of thread fields: there, here. Sorted. Empty if both are the same.
    thread: Vec<(i32, i32)>,
    /// Added to displacements of loads from the dispatch table.
    dispatch: i32,
    keeps_fences: bool,
}

impl Retarget {
    /// From one target of a family to another one, or the same.
    pub(crate) fn new(from: &TargetSpec, to: &TargetSpec) -> Retarget {
        let (there, here) = (from.layout(), to.layout());
        let mut thread: Vec<(i32, i32)> = there
            .iter()
            .filter(|(name, _)| name.starts_with("Thread_"))
            .filter_map(|(name, offset)| {
                let pair = (i32::try_from(offset).ok()?, i32::try_from(here.get(name)?).ok()?);
                (pair.0 >= 0 && pair.1 >= 0).then_some(pair)
            })
            .collect();
        thread.sort_unstable();
        thread.dedup();
        if thread.iter().all(|(there, here)| there == here) {
            thread.clear();
        }
        let word = to.word_size() as i32;
        Retarget {
            thread,
            dispatch: (there.dispatch_table_origin - here.dispatch_table_origin) * word,
            keeps_fences: IsaFacts::new(to).weak_memory,
        }
    }

    fn changes_accesses(&self) -> bool {
        !self.thread.is_empty() || self.dispatch != 0
    }

    /// Makes code for the target of code that was written for the other one.
    ///
    /// # Errors
    /// An access to the thread where no field is known: a defect of the lowering.
    pub(crate) fn apply(&self, func: &mut ir::Function) -> Result<(), String> {
        if !self.keeps_fences {
            remove_fences(func);
        }
        if !self.changes_accesses() {
            return Ok(());
        }
        let dispatch = func.dfg.alias_regions.get(Region::Dispatch as u32);
        try_for_each_inst(func, |func, inst| {
            if let Some(changed) = self.displacement(func, inst, dispatch)?
                && let InstructionData::Load { offset, .. } | InstructionData::Store { offset, .. } =
                    &mut func.dfg.insts[inst]
            {
                *offset = Offset32::new(changed);
            }
            Ok(())
        })
    }

    /// The displacement that an instruction must have here, if it is another one.
    fn displacement(
        &self,
        func: &ir::Function,
        inst: ir::Inst,
        dispatch: Option<AliasRegion>,
    ) -> Result<Option<i32>, String> {
        let (base, flags, offset) = match &func.dfg.insts[inst] {
            InstructionData::Load { arg, flags, offset, .. } => (*arg, *flags, i32::from(*offset)),
            InstructionData::Store { args, flags, offset, .. } => (args[1], *flags, i32::from(*offset)),
            _ => return Ok(None),
        };
        if is_thread(func, base) {
            return self.thread_offset(offset).map(Some);
        }
        let region = func.dfg.mem_flags[flags].alias_region();
        Ok((dispatch.is_some() && region == dispatch).then_some(offset + self.dispatch))
    }

    /// Where a field of the thread is. Some fields are a few words long and named only by their start.
    fn thread_offset(&self, offset: i32) -> Result<i32, String> {
        const LONGEST_FIELD: i32 = 16;
        if self.thread.is_empty() {
            return Ok(offset);
        }
        let end = self.thread.partition_point(|&(there, _)| there <= offset);
        match self.thread[..end].last() {
            Some(&(there, here)) if offset - there < LONGEST_FIELD => Ok(here + (offset - there)),
            _ => Err(format!("no field of the thread is at {offset:#x}")),
        }
    }
}

/// Removes all fences.
pub(crate) fn remove_fences(func: &mut ir::Function) {
    let Ok(()) = try_for_each_inst(func, |func, inst| {
        if func.dfg.insts[inst].opcode() == Opcode::Fence {
            func.layout.remove_inst(inst);
        }
        Ok::<(), std::convert::Infallible>(())
    });
}

/// Visits all instructions; each may be changed or removed.
fn try_for_each_inst<E>(
    func: &mut ir::Function,
    mut visit: impl FnMut(&mut ir::Function, ir::Inst) -> Result<(), E>,
) -> Result<(), E> {
    let mut next_block = func.layout.entry_block();
    while let Some(block) = next_block {
        next_block = func.layout.next_block(block);
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            visit(func, inst)?;
        }
    }
    Ok(())
}

fn is_thread(func: &ir::Function, value: Value) -> bool {
    let value = func.dfg.resolve_aliases(value);
    func.dfg.value_def(value).inst().is_some_and(|inst| func.dfg.insts[inst].opcode() == Opcode::GetPinnedReg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> TargetSpec {
        TargetSpec::from_name(name).unwrap()
    }

    #[test]
    fn families_have_the_word_size_and_the_c_convention_in_common() {
        let (x64, arm64, arm) = (target("linux-x64"), target("linux-arm64"), target("linux-arm"));
        assert!(shares_code(&x64, &arm64));
        assert!(shares_code(&arm64, &x64));
        assert!(shares_code(&x64, &target("android-arm64")));
        assert!(!shares_code(&x64, &arm));
        assert!(!shares_code(&arm, &arm));
    }

    #[test]
    fn fields_of_the_thread_go_where_the_target_has_them() {
        let (x64, arm64) = (target("linux-x64"), target("linux-arm64"));
        let forth = Retarget::new(&x64, &arm64);
        let back = Retarget::new(&arm64, &x64);
        for field in ["global_object_pool", "isolate", "stack_limit", "unboxed_runtime_arg", "vm_tag"] {
            let name = format!("Thread_{field}_offset");
            let of = |target: &TargetSpec| target.layout().get(&name).unwrap() as i32;
            assert_eq!(forth.thread_offset(of(&x64)), Ok(of(&arm64)), "{field}");
            assert_eq!(back.thread_offset(of(&arm64)), Ok(of(&x64)), "{field}");
        }
        let entry = x64.engine.rt.throw;
        assert_eq!(
            forth.thread_offset(x64.layout().runtime_entry(entry)),
            Ok(arm64.layout().runtime_entry(entry))
        );
        let argument = x64.layout().get("Thread_unboxed_runtime_arg_offset").unwrap() as i32;
        assert_eq!(forth.thread_offset(argument + 8), forth.thread_offset(argument).map(|here| here + 8));
        assert!(forth.thread_offset(0x10000).is_err());
        assert!(!Retarget::new(&x64, &x64).changes_accesses());
    }
}
