//! Statements.

use super::*;

/// Whether a statement is written with braces.
pub(super) fn is_block(stmt: &Stmt<'_>) -> bool {
    matches!(stmt.kind, StmtKind::Block { .. })
}

impl<'a: 'b, 'b> Printer<'_, 'a, 'b> {
    /// The body of a function, after its head.
    pub(super) fn function_body(&mut self, body: Option<&'b Stmt<'b>>) {
        match body {
            None => self.put(";"),
            Some(body) => self.nested(body),
        }
    }

    /// A statement inside of another one, whose head is written: a block goes on in its line.
    fn nested(&mut self, stmt: &'b Stmt<'b>) {
        if is_block(stmt) {
            self.put(" ");
            self.stmt(stmt);
        } else {
            self.indent += 1;
            self.line();
            self.stmt(stmt);
            self.indent -= 1;
        }
    }

    /// Goes on after [`Self::nested`] with another part of the same statement.
    fn go_on(&mut self, after: &Stmt<'_>, keyword: &str) {
        if is_block(after) {
            self.put(" ")
        } else {
            self.line()
        }
        self.put(keyword);
    }

    /// Statements between braces.
    fn statements(&mut self, statements: &'b [&'b Stmt<'b>]) {
        self.put("{");
        self.lines(statements);
        if !statements.is_empty() {
            self.line();
        }
        self.put("}");
    }

    /// Statements, each on lines of its own, one level deeper.
    pub(super) fn lines(&mut self, statements: &'b [&'b Stmt<'b>]) {
        self.indent += 1;
        for stmt in statements {
            self.line();
            self.stmt(stmt);
        }
        self.indent -= 1;
    }

    fn keyword(&mut self, keyword: &str, position: Position) {
        self.put(keyword);
        self.position(position);
    }

    pub(super) fn stmt(&mut self, stmt: &'b Stmt<'b>) {
        let position = stmt.position;
        match stmt.kind {
            StmtKind::Expression(expr) => {
                self.expr(expr);
                self.put(";");
            }
            StmtKind::Block { statements, .. } => self.statements(statements),
            StmtKind::AssertBlock(statements) => {
                self.put("assert ");
                self.statements(statements);
            }
            StmtKind::Empty => self.put(";"),
            StmtKind::Assert(assert) => {
                self.keyword("assert", position);
                self.assertion(assert);
                self.put(";");
            }
            StmtKind::Labeled(body) => {
                self.put(&format!("L{}: ", self.labels));
                self.labels += 1;
                self.stmt(body);
                self.labels -= 1;
            }
            StmtKind::Break { label } => {
                self.keyword("break", position);
                self.put(&format!(" L{label};"));
            }
            StmtKind::While { condition, body } => {
                self.keyword("while", position);
                self.condition(condition);
                self.nested(body);
            }
            StmtKind::Do { body, condition } => {
                self.keyword("do", position);
                self.nested(body);
                self.go_on(body, "while");
                self.condition(condition);
                self.put(";");
            }
            StmtKind::For(for_) => self.for_stmt(for_, position),
            StmtKind::ForIn(for_in) => {
                self.keyword(if for_in.is_async { "await for" } else { "for" }, position);
                self.put(" (");
                self.variable(for_in.variable);
                self.put(" in ");
                self.expr(for_in.iterable);
                self.put(")");
                self.nested(for_in.body);
            }
            StmtKind::Switch(switch) => self.switch_stmt(switch, position),
            StmtKind::ContinueSwitch { case } => {
                self.keyword("continue", position);
                self.put(&format!(" C{case};"));
            }
            StmtKind::If { condition, then, otherwise } => {
                self.keyword("if", position);
                self.condition(condition);
                self.nested(then);
                match otherwise.kind {
                    StmtKind::Empty => {}
                    StmtKind::If { .. } => {
                        self.go_on(then, "else ");
                        self.stmt(otherwise);
                    }
                    _ => {
                        self.go_on(then, "else");
                        self.nested(otherwise);
                    }
                }
            }
            StmtKind::Return(value) => {
                self.keyword("return", position);
                if let Some(value) = value {
                    self.put(" ");
                    self.expr(value);
                }
                self.put(";");
            }
            StmtKind::TryCatch(try_catch) => self.try_catch(try_catch, position),
            StmtKind::TryFinally { body, finalizer } => {
                self.keyword("try", position);
                self.nested(body);
                self.go_on(body, "finally");
                self.nested(finalizer);
            }
            StmtKind::Yield { value, is_star } => {
                self.keyword(if is_star { "yield*" } else { "yield" }, position);
                self.put(" ");
                self.expr(value);
                self.put(";");
            }
            StmtKind::Variable(variable) => {
                self.variable(variable);
                self.put(";");
            }
            StmtKind::FunctionDeclaration { variable, function } => {
                let name = self.captured(|printer| printer.variable_name(variable.id));
                self.named_function(&name, function);
            }
        }
    }

    fn condition(&mut self, condition: &'b Expr<'b>) {
        self.put(" (");
        self.expr(condition);
        self.put(")");
    }

    /// `(condition, message)`.
    pub(super) fn assertion(&mut self, assert: &'b AssertStmt<'b>) {
        self.put("(");
        self.expr(assert.condition);
        if let Some(message) = assert.message {
            self.put(", ");
            self.expr(message);
        }
        self.put(")");
    }

    fn for_stmt(&mut self, for_: &'b ForStmt<'b>, position: Position) {
        self.keyword("for", position);
        self.put(" (");
        self.list(for_.variables, |printer, variable| printer.variable(variable));
        self.put(";");
        if let Some(condition) = for_.condition {
            self.put(" ");
            self.expr(condition);
        }
        self.put(";");
        if !for_.updates.is_empty() {
            self.put(" ");
        }
        self.list(for_.updates, |printer, update| printer.expr(update));
        self.put(")");
        self.nested(for_.body);
    }

    fn switch_stmt(&mut self, switch: &'b SwitchStmt<'b>, position: Position) {
        self.keyword("switch", position);
        self.put(" (");
        self.expr(switch.expression);
        if let Some(ty) = switch.expression_type {
            self.put(": ");
            self.ty(ty);
        }
        self.put(if switch.is_explicitly_exhaustive { ") exhaustive {" } else { ") {" });
        let first = self.cases;
        self.cases += switch.cases.len() as u32;
        self.indent += 1;
        for (case, number) in switch.cases.iter().zip(first..) {
            self.line();
            if self.names.continues_switch {
                self.put(&format!("C{number}: "));
            }
            if !case.expressions.is_empty() {
                self.put("case ");
                self.list(case.expressions, |printer, (position, expr)| {
                    printer.expr(expr);
                    printer.position(*position);
                });
            }
            if case.is_default {
                self.put(if case.expressions.is_empty() { "default" } else { ", default" });
            }
            self.put(":");
            self.nested(case.body);
        }
        self.indent -= 1;
        self.cases = first;
        self.line();
        self.put("}");
    }

    fn try_catch(&mut self, try_catch: &'b TryCatchStmt<'b>, position: Position) {
        self.keyword("try", position);
        self.nested(try_catch.body);
        let mut before = try_catch.body;
        for catch in try_catch.catches {
            self.go_on(before, "on");
            self.position(catch.position);
            self.put(" ");
            self.ty(catch.guard);
            if catch.exception.is_some() || catch.stack_trace.is_some() {
                self.put(" catch (");
                self.list(catch.exception.iter().chain(&catch.stack_trace), |printer, variable| {
                    printer.variable(variable);
                });
                self.put(")");
            }
            self.nested(catch.body);
            before = catch.body;
        }
    }
}
