//! Labels, breaks and returns, with the `finally` blocks on their way.
//!
//! A jump out of `try ... finally` runs the `finally` blocks it leaves, innermost first: their code is repeated for every jump.
//! Each copy is built in the environment of its `try` statement: outside of its exception handler, and of the
//! labels, cases and contexts inside of it.

use dart_kernel::Position;
use dart_kernel::ast::{Expr, Stmt};
use snapcrane_ir::{Block, Type};

use crate::body::BodyBuilder;
use crate::error::Result;

/// Where a jump goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The block.
    pub(crate) block: Block,
    /// Number of finalizers around it.
    pub(crate) finalizers: usize,
}

/// A `finally` around the current place, and the environment it runs in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finalizer<'b> {
    pub(crate) statement: &'b Stmt<'b>,
    pub(crate) handler: Option<Block>,
    pub(crate) labels: usize,
    pub(crate) cases: usize,
    pub(crate) levels: usize,
    pub(crate) catches: usize,
}

impl<'b> BodyBuilder<'_, 'b> {
    pub(super) fn labeled(&mut self, body: &'b Stmt<'b>) -> Result<()> {
        let block = self.b.create_block();
        self.labels.push(Target { block, finalizers: self.finalizers.len() });
        self.statement(body)?;
        self.labels.pop();
        self.b.jump(block);
        self.join(block);
        Ok(())
    }

    pub(super) fn break_(&mut self, label: u32) -> Result<()> {
        let Some(&target) = self.labels.get(label as usize) else { return Err(self.dangling("label")) };
        self.jump_out(target)
    }

    pub(super) fn continue_switch(&mut self, case: u32) -> Result<()> {
        let Some(&target) = self.cases.get(case as usize) else { return Err(self.dangling("switch case")) };
        self.jump_out(target)
    }

    fn jump_out(&mut self, target: Target) -> Result<()> {
        self.run_finalizers(target.finalizers)?;
        self.b.jump(target.block);
        Ok(())
    }

    pub(super) fn return_(&mut self, position: Position, value: Option<&'b Expr<'b>>) -> Result<()> {
        let is_no_future = value.is_none_or(|value| self.is_no_future(value));
        let value = match value {
            Some(value) => self.expression(value)?,
            None => self.b.null(),
        };
        self.at(position);
        let value = self.convert(value, Type::Tagged);
        self.run_finalizers(0)?;
        self.leave_function(value, is_no_future)
    }

    /// Runs finalizers until only `remaining` are left around the place.
    pub(crate) fn run_finalizers(&mut self, remaining: usize) -> Result<()> {
        if self.finalizers.len() <= remaining {
            return Ok(());
        }
        let handler = self.b.handler();
        let labels = self.labels.clone();
        let cases = self.cases.clone();
        let levels = self.levels.clone();
        let catches = self.catches.clone();
        let finalizers = self.finalizers.clone();
        while self.finalizers.len() > remaining
            && self.b.is_reachable()
            && let Some(finalizer) = self.finalizers.pop()
        {
            self.b.set_handler(finalizer.handler);
            self.labels.truncate(finalizer.labels);
            self.cases.truncate(finalizer.cases);
            self.levels.truncate(finalizer.levels);
            self.catches.truncate(finalizer.catches);
            self.statement(finalizer.statement)?;
        }
        self.b.set_handler(handler);
        self.labels = labels;
        self.cases = cases;
        self.levels = levels;
        self.catches = catches;
        self.finalizers = finalizers;
        Ok(())
    }
}
