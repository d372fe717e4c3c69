//! Statements.
//!
//! Statements that can't be reached are skipped, with everything in them.

mod jumps;
mod loops;
mod switch;
mod try_;

use dart_kernel::Position;
use dart_kernel::ast::{AssertStmt, Expr, LogicalOperator, Stmt, StmtKind};
use dart_kernel::ast::{ExprKind, LocalFunction, Variable};
use snapcrane_ir::{Block, Type, Value};
use snapcrane_program::ids::ObjectKey;

pub(crate) use jumps::{Finalizer, Target};

use crate::body::BodyBuilder;
use crate::core_calls::CoreCalls;
use crate::error::Result;

impl<'b> BodyBuilder<'_, 'b> {
    pub(crate) fn statements(&mut self, statements: &[&'b Stmt<'b>]) -> Result<()> {
        for statement in statements {
            self.statement(statement)?;
        }
        Ok(())
    }

    pub(crate) fn statement(&mut self, stmt: &'b Stmt<'b>) -> Result<()> {
        if !self.b.is_reachable() {
            return Ok(());
        }
        self.statement_of_kind(stmt).map_err(|error| error.at(stmt.node))
    }

    fn statement_of_kind(&mut self, stmt: &'b Stmt<'b>) -> Result<()> {
        match stmt.kind {
            // What an optimiser left of a store: nothing may be kept for its sake.
            StmtKind::Expression(expr) if expr.as_constant().is_some() => Ok(()),
            StmtKind::Expression(expr) => self.expression(expr).map(drop),
            StmtKind::Block { statements, .. } => self.block(stmt, statements),
            StmtKind::AssertBlock(statements) if self.ctx().enable_asserts => self.block(stmt, statements),
            StmtKind::AssertBlock(_) | StmtKind::Empty => Ok(()),
            StmtKind::Assert(assert) => self.assert(assert),
            StmtKind::Labeled(body) => self.labeled(body),
            StmtKind::Break { label } => self.break_(label),
            StmtKind::While { condition, body } => self.while_(stmt.position, condition, body),
            StmtKind::Do { body, condition } => self.do_(stmt.position, body, condition),
            StmtKind::For(for_) => self.for_(stmt, for_),
            StmtKind::ForIn(_) => Err(self.unsupported("for-in statement", stmt.position)),
            StmtKind::Switch(switch) => self.switch(stmt.position, switch),
            StmtKind::ContinueSwitch { case } => self.continue_switch(case),
            StmtKind::If { condition, then, otherwise } => self.if_(condition, then, otherwise),
            StmtKind::Return(value) => self.return_(stmt.position, value),
            StmtKind::TryCatch(try_) => self.try_catch(try_),
            StmtKind::TryFinally { body, finalizer } => self.try_finally(body, finalizer),
            StmtKind::Yield { value, is_star } => self.yield_(stmt.position, value, is_star),
            StmtKind::Variable(variable) => self.declare(variable),
            StmtKind::FunctionDeclaration { variable, function } => {
                self.function_declaration(variable, function)
            }
        }
    }

    fn block(&mut self, stmt: &Stmt<'b>, statements: &[&'b Stmt<'b>]) -> Result<()> {
        self.enter_scope(stmt.node)?;
        self.statements(statements)?;
        self.leave_scope(stmt.node);
        Ok(())
    }

    fn function_declaration(
        &mut self,
        variable: &'b Variable<'b>,
        function: &'b LocalFunction<'b>,
    ) -> Result<()> {
        self.at(variable.position);
        let closure = self.closure(function)?;
        self.bind(variable.id, closure)
    }

    fn if_(&mut self, condition: &'b Expr<'b>, then: &'b Stmt<'b>, otherwise: &'b Stmt<'b>) -> Result<()> {
        let (then_block, else_block, done) =
            (self.b.create_block(), self.b.create_block(), self.b.create_block());
        self.condition(condition, then_block, else_block)?;
        self.join(then_block);
        self.statement(then)?;
        self.b.jump(done);
        self.join(else_block);
        self.statement(otherwise)?;
        self.b.jump(done);
        self.join(done);
        Ok(())
    }

    /// Evaluates a condition and goes to one of two blocks, which the caller seals.
    pub(crate) fn condition(&mut self, expr: &'b Expr<'b>, then: Block, otherwise: Block) -> Result<()> {
        match expr.kind {
            ExprKind::Bool(value) => self.b.jump(if value { then } else { otherwise }),
            ExprKind::Not(operand) => return self.condition(operand, otherwise, then),
            ExprKind::Logical { left, operator, right } => {
                let middle = self.b.create_block();
                match operator {
                    LogicalOperator::And => self.condition(left, middle, otherwise)?,
                    LogicalOperator::Or => self.condition(left, then, middle)?,
                }
                self.join(middle);
                return self.condition(right, then, otherwise);
            }
            _ => {
                let value = self.expression(expr)?;
                let cond = self.convert(value, Type::Bool);
                self.b.branch(cond, then, otherwise);
            }
        }
        Ok(())
    }

    /// `assert`, as a statement or initialiser.
    pub(crate) fn assert(&mut self, assert: &AssertStmt<'b>) -> Result<()> {
        if !self.ctx().enable_asserts {
            return Ok(());
        }
        let (ok, failed) = (self.b.create_block(), self.b.create_block());
        self.condition(assert.condition, ok, failed)?;
        self.join(failed);
        if self.b.is_reachable() {
            let (text, line, column) = self.assert_source(assert);
            let uri = self.component().sources[self.unit.source].uri;
            let uri = ObjectKey::Text(String::from_utf8_lossy(uri).into());
            let mut args = Vec::with_capacity(5);
            for key in [text, uri, ObjectKey::Int(line), ObjectKey::Int(column)] {
                args.push(self.b.object(key));
            }
            let message = match assert.message {
                Some(message) => self.expression(message)?,
                None => self.b.null(),
            };
            args.push(self.tagged(message));
            self.at(assert.condition_start);
            self.call_core("dart:core", "_AssertionError", "_throwNewSource", &args)?;
            self.unreachable();
        }
        self.join(ok);
        Ok(())
    }

    /// Text of an assertion's condition, null if the source is not embedded (`Script::GetSnippet`, runtime/vm/object.cc),
    /// and its line and column.
    fn assert_source(&self, assert: &AssertStmt<'b>) -> (ObjectKey, i64, i64) {
        let component = self.component();
        let Some((line, column)) = component.line_column(self.unit.source, assert.condition_start) else {
            return (ObjectKey::Text("<optimized out>".into()), -1, -1);
        };
        let source = component.sources[self.unit.source].text;
        // Positions count UTF-16 code units.
        let units: Vec<u16> = String::from_utf8_lossy(source).encode_utf16().collect();
        let offset = |position: Position| position.get().map_or(0, |at| at as usize);
        let text = units
            .get(offset(assert.condition_start)..offset(assert.condition_end))
            .map_or(ObjectKey::Null, |text| ObjectKey::Text(String::from_utf16_lossy(text).into()));
        (text, i64::from(line), i64::from(column))
    }

    /// The result of a two-way decision as a value.
    pub(crate) fn condition_value(&mut self, expr: &'b Expr<'b>) -> Result<Value> {
        let (yes, no, done) = (self.b.create_block(), self.b.create_block(), self.b.create_block());
        let result = self.b.append_param(done, Type::Bool);
        self.condition(expr, yes, no)?;
        for (block, value) in [(yes, true), (no, false)] {
            self.join(block);
            let value = self.bool(value);
            self.b.jump_args(done, &[value]);
        }
        self.join(done);
        Ok(result)
    }
}
