//! Loops. Every loop polls for interrupts at its head, or a thread in it could not be stopped for garbage collection.

use dart_kernel::Position;
use dart_kernel::ast::{Expr, ForStmt, Stmt};
use snapcrane_ir::{Block, Inst};

use crate::body::BodyBuilder;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    /// Starts a loop: its head has more predecessors to come.
    fn loop_head(&mut self, position: Position) -> Block {
        let head = self.b.create_block();
        self.b.jump(head);
        if self.b.has_predecessors(head) {
            self.b.switch_to(head);
        }
        self.at(position);
        if !self.no_interrupts {
            self.ins(Inst::CheckStack);
        }
        head
    }

    pub(super) fn while_(
        &mut self,
        position: Position,
        condition: &'b Expr<'b>,
        body: &'b Stmt<'b>,
    ) -> Result<()> {
        let (body_block, exit) = (self.b.create_block(), self.b.create_block());
        let head = self.loop_head(position);
        self.condition(condition, body_block, exit)?;
        self.join(body_block);
        self.statement(body)?;
        self.b.jump(head);
        self.b.seal(head);
        self.join(exit);
        Ok(())
    }

    pub(super) fn do_(
        &mut self,
        position: Position,
        body: &'b Stmt<'b>,
        condition: &'b Expr<'b>,
    ) -> Result<()> {
        let exit = self.b.create_block();
        let head = self.loop_head(position);
        self.statement(body)?;
        self.condition(condition, head, exit)?;
        self.b.seal(head);
        self.join(exit);
        Ok(())
    }

    pub(super) fn for_(&mut self, stmt: &Stmt<'b>, for_: &'b ForStmt<'b>) -> Result<()> {
        self.enter_loop_scope(stmt.node)?;
        for variable in for_.variables {
            self.declare(variable)?;
        }
        let (body_block, exit) = (self.b.create_block(), self.b.create_block());
        let head = self.loop_head(stmt.position);
        match for_.condition {
            Some(condition) => self.condition(condition, body_block, exit)?,
            None => self.b.jump(body_block),
        }
        self.join(body_block);
        self.statement(for_.body)?;
        if self.b.is_reachable() {
            self.copy_loop_context(stmt.node);
            for update in for_.updates {
                self.expression(update)?;
            }
        }
        self.b.jump(head);
        self.b.seal(head);
        self.leave_scope(stmt.node);
        self.join(exit);
        Ok(())
    }
}
