//! `switch`: a jump table for integers that are close together, else comparisons in order.

use dart_kernel::ast::{Expr, ExprKind, SwitchStmt};
use dart_kernel::{Constant, Position};
use smallvec::SmallVec;
use snapcrane_ir::{Block, BlockCall, CompareOp, Terminator, Type, Value};
use snapcrane_program::ids::{MemberId, ObjectKey};

use super::Target;
use crate::body::BodyBuilder;
use crate::error::Result;
use crate::expressions::Evaluated;
use crate::facts::Fact;

/// Jump tables have at most this many entries per case.
const MAX_TABLE_ENTRIES_PER_CASE: i64 = 4;
/// Switches with fewer cases are chains of comparisons.
const MIN_TABLE_CASES: usize = 4;

/// How a constant is compared with other values.
enum Equals {
    /// By identity.
    Identity,
    /// By calling this `==`.
    Member(MemberId),
}

impl<'b> BodyBuilder<'_, 'b> {
    pub(super) fn switch(&mut self, position: Position, switch: &'b SwitchStmt<'b>) -> Result<()> {
        let fact = self.fact(switch.expression);
        let value = self.expression(switch.expression)?;
        let value = self.convert(value, fact.repr());
        let first_case = self.cases.len();
        for _ in switch.cases {
            let block = self.b.create_block();
            self.cases.push(Target { block, finalizers: self.finalizers.len() });
        }
        let case_blocks: Vec<Block> = self.cases[first_case..].iter().map(|case| case.block).collect();
        let done = self.b.create_block();
        let default =
            switch.cases.iter().position(|case| case.is_default).map_or(done, |index| case_blocks[index]);
        self.at(position);
        if !self.switch_table(switch, value, &case_blocks, default) {
            self.switch_chain(switch, value, fact, &case_blocks, default)?;
        }
        // Cases can be entered from other cases, so they are sealed when all are built.
        for (case, &block) in switch.cases.iter().zip(&case_blocks) {
            if self.b.is_reachable() {
                // Case bodies never fall through, except the last one.
                self.unreachable();
            }
            self.b.switch_to(block);
            self.statement(case.body)?;
            if case.is_default || std::ptr::eq(case, &switch.cases[switch.cases.len() - 1]) {
                self.b.jump(done);
            }
        }
        for block in case_blocks {
            self.b.seal(block);
        }
        self.cases.truncate(first_case);
        self.join(done);
        Ok(())
    }

    /// Builds a jump table if the values are integers that are close together.
    fn switch_table(
        &mut self,
        switch: &SwitchStmt<'b>,
        value: Value,
        blocks: &[Block],
        default: Block,
    ) -> bool {
        if self.ty(value) != Type::Int64 {
            return false;
        }
        let mut entries: Vec<(i64, Block)> = Vec::new();
        for (case, &block) in switch.cases.iter().zip(blocks) {
            for (_, expr) in case.expressions {
                let Some(key) = self.int_constant(expr) else { return false };
                entries.push((key, block));
            }
        }
        // The first of equal cases wins, so the order of equal keys stays.
        entries.sort_by_key(|&(key, _)| key);
        entries.dedup_by_key(|&mut (key, _)| key);
        let (Some(&(low, _)), Some(&(high, _))) = (entries.first(), entries.last()) else { return false };
        let Some(span) = high.checked_sub(low) else { return false };
        if entries.len() < MIN_TABLE_CASES || span / MAX_TABLE_ENTRIES_PER_CASE >= entries.len() as i64 {
            return false;
        }
        let call = |block| BlockCall { block, args: SmallVec::new() };
        let mut targets = vec![call(default); span as usize + 1];
        for (key, block) in entries {
            targets[(key - low) as usize] = call(block);
        }
        self.b.terminate(Terminator::Switch { index: value, low, targets, default: call(default) });
        true
    }

    fn int_constant(&self, expr: &Expr<'b>) -> Option<i64> {
        match expr.kind {
            ExprKind::Int(value) => Some(value),
            _ => match *self.component().constant(expr.as_constant()?) {
                Constant::Int(value) => Some(value),
                _ => None,
            },
        }
    }

    fn switch_chain(
        &mut self,
        switch: &'b SwitchStmt<'b>,
        value: Value,
        fact: Fact,
        blocks: &[Block],
        default: Block,
    ) -> Result<()> {
        for (case, &block) in switch.cases.iter().zip(blocks) {
            if case.is_default {
                continue;
            }
            for &(position, expr) in case.expressions {
                self.at(position);
                let cond = self.case_matches(expr, value, fact)?;
                let next = self.b.create_block();
                self.b.branch(cond, block, next);
                self.join(next);
            }
        }
        self.b.jump(default);
        Ok(())
    }

    /// `constant == value`.
    fn case_matches(&mut self, constant: &'b Expr<'b>, value: Value, fact: Fact) -> Result<Value> {
        let known = self.fact(constant);
        let constant_value = self.expression(constant)?;
        if let Some(result) = self.equals_inline((constant_value, known), (value, fact)) {
            return Ok(result);
        }
        let receiver = self.tagged(constant_value);
        let value = self.tagged(value);
        let result = match self.constant_equals(constant) {
            Some(Equals::Identity) => return Ok(self.compare(CompareOp::Same, receiver, value)),
            Some(Equals::Member(member)) => {
                self.call_member(member, Some(receiver), &Evaluated::positional(&[value]))?
            }
            None => self.call_equals(receiver, value)?,
        };
        Ok(self.convert(result, Type::Bool))
    }

    /// What `==` of a constant calls, if that is known.
    fn constant_equals(&self, expr: &Expr<'b>) -> Option<Equals> {
        let core = self.ctx().core_classes();
        let class = match expr.kind {
            ExprKind::Int(_) => core.smi,
            ExprKind::Double(_) => core.double_impl,
            ExprKind::Bool(_) => return Some(Equals::Identity),
            ExprKind::String(_) => core.one_byte_string,
            _ => match *self.component().constant(expr.as_constant()?) {
                Constant::Int(_) => core.smi,
                Constant::Double(_) => core.double_impl,
                Constant::Bool(_) => return Some(Equals::Identity),
                Constant::String(_) => core.one_byte_string,
                Constant::Instance { class, .. } => self.ctx().class_id(class),
                _ => return None,
            },
        };
        let member = self.ctx().equals_member(class)?;
        let is_identity = self.ctx().program.members[member].class == Some(core.object);
        Some(if is_identity { Equals::Identity } else { Equals::Member(member) })
    }

    /// `receiver == other` through the dispatch table.
    pub(crate) fn call_equals(&mut self, receiver: Value, other: Value) -> Result<Value> {
        let row = self.ctx().equals_row()?;
        let row = self.b.row_ref(row);
        Ok(self.ins(snapcrane_ir::Inst::CallDispatch { row, args: [receiver, other].into_iter().collect() }))
    }

    /// A string object.
    pub(crate) fn text_object(&mut self, text: &str) -> Value {
        self.b.object(ObjectKey::Text(text.into()))
    }
}
