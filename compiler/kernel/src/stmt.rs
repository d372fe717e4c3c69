//! Statements and constructor initialisers.

use crate::ast::*;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::parser::Parser;

type StmtResult<'b> = Result<&'b Stmt<'b>>;

impl<'b> Parser<'_, '_, 'b> {
    pub(crate) fn stmts(&mut self) -> Result<&'b [&'b Stmt<'b>]> {
        let count = self.count()?;
        let base = self.stmt_stack.len();
        for _ in 0..count {
            let stmt = self.stmt()?;
            self.stmt_stack.push(stmt);
        }
        let stmts = self.arena.alloc_slice_copy(&self.stmt_stack[base..]);
        self.stmt_stack.truncate(base);
        Ok(stmts)
    }

    pub(crate) fn stmt(&mut self) -> StmtResult<'b> {
        self.enter()?;
        let node = self.node();
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.statements[tag as usize] += 1;
        }
        let stmt = match tag {
            61 => self.expression_statement(node),
            62 => self.block(node),
            63 => self.make_stmt(node, Position::NONE, StmtKind::Empty),
            64 => self.assert_statement(node),
            65 => self.labeled(node),
            66 | 72 => self.jump(node, tag),
            67 => self.while_(node),
            68 => self.do_(node),
            69 => self.for_(node),
            70 | 80 => self.for_in(node, tag),
            71 => self.switch(node),
            73 => self.if_(node),
            74 => self.return_(node),
            75 => self.try_catch(node),
            76 => self.try_finally(node),
            77 => self.yield_(node),
            78 => self.variable_statement(node),
            79 => self.function_declaration(node),
            81 => self.assert_block(node),
            _ => Err(self.bad_tag("a statement", tag)),
        };
        self.leave();
        stmt
    }

    fn make_stmt(&self, node: NodeOffset, position: Position, kind: StmtKind<'b>) -> StmtResult<'b> {
        Ok(self.arena.alloc(Stmt { node, position, kind }))
    }

    #[inline(never)]
    fn expression_statement(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let expr = self.expr()?;
        self.make_stmt(node, Position::NONE, StmtKind::Expression(expr))
    }

    #[inline(never)]
    fn block(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let end_position = self.position()?;
        self.uint()?;
        let statements = self.stmts()?;
        self.skip_scope()?;
        self.make_stmt(node, position, StmtKind::Block { statements, end_position })
    }

    #[inline(never)]
    fn assert_block(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let statements = self.stmts()?;
        self.make_stmt(node, Position::NONE, StmtKind::AssertBlock(statements))
    }

    #[inline(never)]
    fn assert_statement(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let assert = self.assert()?;
        self.make_stmt(node, assert.condition_start, StmtKind::Assert(assert))
    }

    fn assert(&mut self) -> Result<&'b AssertStmt<'b>> {
        let condition = self.expr()?;
        let condition_start = self.position()?;
        let condition_end = self.position()?;
        let message = self.optional_expr()?;
        Ok(self.arena.alloc(AssertStmt { condition, condition_start, condition_end, message }))
    }

    #[inline(never)]
    fn labeled(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        self.labels += 1;
        let body = self.stmt()?;
        self.labels -= 1;
        self.make_stmt(node, position, StmtKind::Labeled(body))
    }

    /// `break` and `continue` to a case.
    #[inline(never)]
    fn jump(&mut self, node: NodeOffset, tag: u8) -> StmtResult<'b> {
        let position = self.position()?;
        let start = self.pos();
        let target = self.uint()?;
        let limit = if tag == 66 { self.labels } else { self.cases };
        if target >= limit {
            return Err(Error::new(start, format!("one of {limit} enclosing jump targets, found {target}")));
        }
        let kind = match tag {
            66 => StmtKind::Break { label: target },
            _ => StmtKind::ContinueSwitch { case: target },
        };
        self.make_stmt(node, position, kind)
    }

    #[inline(never)]
    fn while_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        self.uint()?;
        let condition = self.expr()?;
        let body = self.stmt()?;
        self.skip_scope()?;
        self.make_stmt(node, position, StmtKind::While { condition, body })
    }

    #[inline(never)]
    fn do_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let body = self.stmt()?;
        let condition = self.expr()?;
        self.make_stmt(node, position, StmtKind::Do { body, condition })
    }

    #[inline(never)]
    fn for_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        self.uint()?;
        let variables = self.list(|p| Ok(p.variable_declaration()?.1))?;
        let condition = self.optional_expr()?;
        let updates = self.exprs()?;
        let body = self.stmt()?;
        self.skip_scope()?;
        let for_ = self.arena.alloc(ForStmt { variables, condition, updates, body });
        self.make_stmt(node, position, StmtKind::For(for_))
    }

    #[inline(never)]
    fn for_in(&mut self, node: NodeOffset, tag: u8) -> StmtResult<'b> {
        let position = self.position()?;
        let body_position = self.position()?;
        self.uint()?;
        let variable = self.variable_ref()?;
        let iterable = self.expr()?;
        let body = self.stmt()?;
        self.skip_scope()?;
        let for_in =
            self.arena.alloc(ForInStmt { is_async: tag == 80, body_position, variable, iterable, body });
        self.make_stmt(node, position, StmtKind::ForIn(for_in))
    }

    #[inline(never)]
    fn switch(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let is_explicitly_exhaustive = self.byte()? != 0;
        let expression = self.expr()?;
        let expression_type = self.option(Self::dart_type)?;
        let count = self.count()?;
        let outer = self.cases;
        // Every case can be jumped to from any other, so all of them are in scope from the start.
        self.cases += count as u32;
        let cases = self.items(count, &mut Self::switch_case)?;
        self.cases = outer;
        let switch =
            self.arena.alloc(SwitchStmt { is_explicitly_exhaustive, expression, expression_type, cases });
        self.make_stmt(node, position, StmtKind::Switch(switch))
    }

    #[inline(never)]
    fn switch_case(&mut self) -> Result<SwitchCase<'b>> {
        if let Some(tally) = &mut self.tally {
            tally.switch_cases += 1;
        }
        self.enter()?;
        let case = SwitchCase {
            position: self.position()?,
            expressions: self.list(|p| Ok((p.position()?, p.expr()?)))?,
            is_default: self.bool()?,
            body: self.stmt()?,
        };
        self.leave();
        Ok(case)
    }

    #[inline(never)]
    fn if_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let condition = self.expr()?;
        let then = self.stmt()?;
        let otherwise = self.stmt()?;
        self.make_stmt(node, position, StmtKind::If { condition, then, otherwise })
    }

    #[inline(never)]
    fn return_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let value = self.optional_expr()?;
        self.make_stmt(node, position, StmtKind::Return(value))
    }

    #[inline(never)]
    fn try_catch(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let body = self.stmt()?;
        let flags = self.byte()?;
        let catches = self.list(Self::catch)?;
        let try_catch = self.arena.alloc(TryCatchStmt {
            body,
            needs_stack_trace: flags & 1 != 0,
            is_synthetic: flags & 2 != 0,
            catches,
        });
        self.make_stmt(node, position, StmtKind::TryCatch(try_catch))
    }

    #[inline(never)]
    fn catch(&mut self) -> Result<Catch<'b>> {
        if let Some(tally) = &mut self.tally {
            tally.catches += 1;
        }
        self.enter()?;
        let node = self.node();
        let position = self.position()?;
        self.uint()?;
        let catch = Catch {
            node,
            position,
            guard: self.dart_type()?,
            exception: self.option(Self::variable_ref)?,
            stack_trace: self.option(Self::variable_ref)?,
            body: self.stmt()?,
        };
        self.skip_scope()?;
        self.leave();
        Ok(catch)
    }

    #[inline(never)]
    fn try_finally(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let body = self.stmt()?;
        let finalizer = self.stmt()?;
        self.make_stmt(node, position, StmtKind::TryFinally { body, finalizer })
    }

    #[inline(never)]
    fn yield_(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let is_star = self.byte()? & 1 != 0;
        let value = self.expr()?;
        self.make_stmt(node, position, StmtKind::Yield { value, is_star })
    }

    #[inline(never)]
    fn variable_statement(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let (_, variable) = self.variable_declaration()?;
        let variable = self.arena.alloc(variable);
        self.make_stmt(node, position, StmtKind::Variable(variable))
    }

    #[inline(never)]
    fn function_declaration(&mut self, node: NodeOffset) -> StmtResult<'b> {
        let position = self.position()?;
        let variable = self.variable_ref()?;
        let function = self.local_function()?;
        self.make_stmt(node, position, StmtKind::FunctionDeclaration { variable, function })
    }

    pub(crate) fn initializer(&mut self) -> Result<Initializer<'b>> {
        let node = self.node();
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.initializers[tag as usize] += 1;
        }
        let position = self.position()?;
        let kind = match tag {
            7 => {
                let message = self.str()?;
                self.byte()?;
                InitializerKind::Invalid { message }
            }
            8 => InitializerKind::Field {
                is_synthetic: self.bool()?,
                field: self.field()?,
                value: self.expr()?,
            },
            9 => InitializerKind::Super {
                is_synthetic: self.bool()?,
                target: self.constructor_reference()?,
                arguments: self.arguments()?,
            },
            10 => InitializerKind::Redirecting {
                target: self.constructor_reference()?,
                arguments: self.arguments()?,
            },
            11 => InitializerKind::Local(self.variable_ref()?),
            12 => {
                if let Some(tally) = &mut self.tally {
                    tally.statements[64] += 1;
                }
                self.tag(64, "an assertion")?;
                InitializerKind::Assert(self.assert()?)
            }
            _ => return Err(self.bad_tag("an initialiser", tag)),
        };
        Ok(Initializer { node, position, kind })
    }
}
