//! `try`: exception handlers of the function builder.

use dart_kernel::ast::{Stmt, TryCatchStmt};
use snapcrane_ir::{Block, Inst, Terminator, Value};

use super::Finalizer;
use crate::body::BodyBuilder;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// Makes a handler and sets it; also returns the one before it.
    pub(crate) fn protect(&mut self) -> (Block, Option<Block>) {
        let handler = self.b.create_handler();
        let outer = self.b.set_handler(Some(handler));
        // What the current block has done so far is not protected.
        let body = self.b.create_block();
        self.b.jump(body);
        self.join(body);
        (handler, outer)
    }

    /// Starts a handler whose protected code has been built. None if nothing in it throws.
    pub(crate) fn enter_handler(&mut self, handler: Block) -> Option<(Value, Value)> {
        self.b.seal(handler);
        if !self.b.has_predecessors(handler) {
            return None;
        }
        self.b.switch_to(handler);
        let exception = self.ins(Inst::CatchException);
        let stack_trace = self.ins(Inst::CatchStackTrace);
        Some((exception, stack_trace))
    }

    pub(super) fn try_catch(&mut self, stmt: &'b TryCatchStmt<'b>) -> Result<()> {
        let after = self.b.create_block();
        let (handler, outer) = self.protect();
        self.statement(stmt.body)?;
        self.b.set_handler(outer);
        self.b.jump(after);
        if let Some((exception, stack_trace)) = self.enter_handler(handler) {
            for catch in stmt.catches {
                if !self.b.is_reachable() {
                    break;
                }
                let guard = self.dart_type(&catch.guard)?;
                let is_object = guard.class() == Some(self.ctx().core_classes().object);
                let next = if is_object || self.ctx().is_top_type(&guard) {
                    None
                } else {
                    let (body, next) = (self.b.create_block(), self.b.create_block());
                    self.at(catch.position);
                    let matches = self.is_test(exception, &guard);
                    self.b.branch(matches, body, next);
                    self.join(body);
                    Some(next)
                };
                self.enter_scope(catch.node)?;
                if let Some(variable) = catch.exception {
                    self.bind(variable.id, exception)?;
                }
                if let Some(variable) = catch.stack_trace {
                    self.bind(variable.id, stack_trace)?;
                }
                self.catches.push((exception, stack_trace));
                self.statement(catch.body)?;
                self.catches.pop();
                self.leave_scope(catch.node);
                self.b.jump(after);
                if let Some(next) = next {
                    self.join(next);
                }
            }
            self.b.terminate(Terminator::ReThrow(exception, stack_trace));
        }
        self.join(after);
        Ok(())
    }

    pub(super) fn try_finally(&mut self, body: &'b Stmt<'b>, finalizer: &'b Stmt<'b>) -> Result<()> {
        let after = self.b.create_block();
        let (handler, outer) = self.protect();
        self.finalizers.push(Finalizer {
            statement: finalizer,
            handler: outer,
            labels: self.labels.len(),
            cases: self.cases.len(),
            levels: self.levels.len(),
            catches: self.catches.len(),
        });
        self.statement(body)?;
        self.finalizers.pop();
        self.b.set_handler(outer);
        self.statement(finalizer)?;
        self.b.jump(after);
        if let Some((exception, stack_trace)) = self.enter_handler(handler) {
            self.statement(finalizer)?;
            self.b.terminate(Terminator::ReThrow(exception, stack_trace));
        }
        self.join(after);
        Ok(())
    }
}
