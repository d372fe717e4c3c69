//! Expressions. One function per construct that recurses: see the parser about stack frames.

use crate::ast::*;
use crate::error::{Error, Result};
use crate::ids::*;
use crate::parser::Parser;

type ExprResult<'b> = Result<&'b Expr<'b>>;

impl<'b> Parser<'_, '_, 'b> {
    pub(crate) fn exprs(&mut self) -> Result<&'b [&'b Expr<'b>]> {
        let count = self.count()?;
        if count == 0 {
            return Ok(&[]);
        }
        let base = self.expr_stack.len();
        for _ in 0..count {
            let expr = self.expr()?;
            self.expr_stack.push(expr);
        }
        let exprs = self.arena.alloc_slice_copy(&self.expr_stack[base..]);
        self.expr_stack.truncate(base);
        Ok(exprs)
    }

    pub(crate) fn optional_expr(&mut self) -> Result<Option<&'b Expr<'b>>> {
        if self.bool()? { self.expr().map(Some) } else { Ok(None) }
    }

    pub(crate) fn expr(&mut self) -> ExprResult<'b> {
        self.enter()?;
        let node = self.node();
        let tag = self.byte()?;
        if let Some(tally) = &mut self.tally {
            tally.expressions[tag as usize] += 1;
        }
        let expr = match tag {
            224..=231 => self.leaf(node, tag),
            232..=239 | 21 => self.variable_set(node, tag),
            240..=247 => self.leaf(node, tag),
            13 | 14 | 26 | 39..=43 | 46 | 47 | 55..=57 => self.leaf(node, tag),
            20 => self.variable_get(node),
            15 | 33 | 117 => self.unary(node, tag),
            16 => self.equals_call(node),
            19 => self.invalid(node),
            24 => self.super_property_get(node),
            25 => self.super_property_set(node),
            27 => self.static_set(node),
            29 => self.super_method_invocation(node),
            30 => self.static_invocation(node),
            31 => self.constructor_invocation(node),
            34 => self.logical(node),
            35 => self.conditional(node),
            36 => self.string_concatenation(node),
            37 => self.is(node),
            38 => self.as_(node),
            45 => self.type_literal(node),
            48 => self.throw(node),
            49 => self.list_literal(node),
            50 => self.map_literal(node),
            51 => self.await_(node),
            52 => self.function_expression(node),
            53 => self.let_(node),
            54 => self.instantiation(node),
            82 => self.block_expression(node),
            101 | 102 => self.record_get(node, tag),
            104 => self.record_literal(node),
            106 | 108 => self.constant_expression(node, tag),
            116 => self.file_uri(node),
            118 | 121 => self.instance_get(node, tag),
            119 => self.instance_set(node),
            120 => self.instance_invocation(node),
            122 => self.dynamic_get(node),
            123 => self.dynamic_set(node),
            124 => self.dynamic_invocation(node),
            125 => self.function_invocation(node),
            127 => self.local_function_invocation(node),
            _ => Err(self.bad_tag("an expression", tag)),
        };
        self.leave();
        expr
    }

    fn make(&self, node: NodeOffset, position: Position, kind: ExprKind<'b>) -> ExprResult<'b> {
        Ok(self.arena.alloc(Expr { node, position, kind }))
    }

    /// Kinds without children, which all start with their position.
    #[inline(never)]
    fn leaf(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let position = self.position()?;
        let kind = match tag {
            224..=231 => ExprKind::VariableGet { variable: self.variable_reference()?, promoted: None },
            240..=247 => ExprKind::Int(i64::from(tag - 240) - 3),
            13 => ExprKind::CheckLibraryIsLoaded { dependency: self.uint()? },
            14 => ExprKind::LoadLibrary { dependency: self.uint()? },
            26 => ExprKind::StaticGet(self.reference()?),
            39 => ExprKind::String(self.str()?),
            40 => ExprKind::Double(self.cursor.double()?),
            41 => ExprKind::Bool(true),
            42 => ExprKind::Bool(false),
            43 => ExprKind::Null,
            46 => ExprKind::This,
            47 => ExprKind::Rethrow,
            55 => ExprKind::Int(i64::from(self.uint()?)),
            56 => ExprKind::Int(-i64::from(self.uint()?)),
            57 => ExprKind::Int(self.decimal()?),
            _ => return Err(self.bad_tag("an expression", tag)),
        };
        self.make(node, position, kind)
    }

    /// The integer of a `BigIntLiteral`: a decimal string.
    fn decimal(&mut self) -> Result<i64> {
        let start = self.pos();
        let text = self.str()?;
        let value = std::str::from_utf8(self.tables.string(text)).ok().and_then(|text| text.parse().ok());
        value.ok_or_else(|| Error::new(start, "the decimal digits of a 64-bit integer"))
    }

    /// An integer literal expression on its own: the payload of an integer constant.
    pub(crate) fn int_literal(&mut self) -> Result<i64> {
        let tag = self.byte()?;
        self.position()?;
        match tag {
            240..=247 => Ok(i64::from(tag - 240) - 3),
            55 => Ok(i64::from(self.uint()?)),
            56 => Ok(-i64::from(self.uint()?)),
            57 => self.decimal(),
            _ => Err(self.bad_tag("an integer literal", tag)),
        }
    }

    #[inline(never)]
    fn variable_get(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let variable = self.variable_reference()?;
        self.uint()?;
        let promoted = self.optional_type_ref()?;
        self.make(node, position, ExprKind::VariableGet { variable, promoted })
    }

    #[inline(never)]
    fn variable_set(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let position = self.position()?;
        let variable = self.variable_reference()?;
        if tag == 21 {
            self.uint()?;
        }
        let value = self.expr()?;
        self.make(node, position, ExprKind::VariableSet { variable, value })
    }

    #[inline(never)]
    fn unary(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let position = self.position()?;
        let operand = self.expr()?;
        let kind = match tag {
            15 => ExprKind::EqualsNull(operand),
            33 => ExprKind::Not(operand),
            _ => ExprKind::NullCheck(operand),
        };
        self.make(node, position, kind)
    }

    #[inline(never)]
    fn equals_call(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let left = self.expr()?;
        let right = self.expr()?;
        let function_type = self.dart_type()?;
        let target = self.interface_target()?;
        let call = self.arena.alloc(EqualsCall { left, right, function_type, target });
        self.make(node, position, ExprKind::EqualsCall(call))
    }

    #[inline(never)]
    fn invalid(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let message = self.str()?;
        let expression = self.optional_expr()?;
        self.make(node, position, ExprKind::Invalid { message, expression })
    }

    #[inline(never)]
    fn super_property_get(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let target = self.interface_target()?;
        self.make(node, position, ExprKind::SuperPropertyGet { receiver, name, target })
    }

    #[inline(never)]
    fn super_property_set(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let value = self.expr()?;
        let target = self.interface_target()?;
        let set = self.arena.alloc(SuperPropertySet { receiver, name, value, target });
        self.make(node, position, ExprKind::SuperPropertySet(set))
    }

    #[inline(never)]
    fn super_method_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let arguments = self.arguments()?;
        let target = self.interface_target()?;
        let call = self.arena.alloc(SuperMethodInvocation { receiver, name, arguments, target });
        self.make(node, position, ExprKind::SuperMethodInvocation(call))
    }

    #[inline(never)]
    fn static_set(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let target = self.reference()?;
        let value = self.expr()?;
        self.make(node, position, ExprKind::StaticSet { target, value })
    }

    #[inline(never)]
    fn static_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let target = self.procedure_reference()?;
        let arguments = self.arguments()?;
        self.make(node, position, ExprKind::StaticInvocation { target, arguments })
    }

    #[inline(never)]
    fn constructor_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let target = self.constructor_reference()?;
        let arguments = self.arguments()?;
        self.make(node, position, ExprKind::ConstructorInvocation { target, arguments })
    }

    #[inline(never)]
    fn logical(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let left = self.expr()?;
        let operator = match self.byte()? {
            0 => LogicalOperator::And,
            1 => LogicalOperator::Or,
            byte => return Err(self.bad_tag("a logical operator", byte)),
        };
        let right = self.expr()?;
        self.make(node, position, ExprKind::Logical { left, operator, right })
    }

    #[inline(never)]
    fn conditional(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let condition = self.expr()?;
        let then = self.expr()?;
        let otherwise = self.expr()?;
        let ty = self.optional_type_ref()?;
        self.make(node, position, ExprKind::Conditional { condition, then, otherwise, ty })
    }

    #[inline(never)]
    fn string_concatenation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let parts = self.exprs()?;
        self.make(node, position, ExprKind::StringConcatenation(parts))
    }

    #[inline(never)]
    fn is(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let operand = self.expr()?;
        let ty = self.type_ref()?;
        self.make(node, position, ExprKind::Is { operand, ty })
    }

    #[inline(never)]
    fn as_(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let flags = AsFlags(self.byte()?.into());
        let operand = self.expr()?;
        let ty = self.type_ref()?;
        self.make(node, position, ExprKind::As { operand, flags, ty })
    }

    #[inline(never)]
    fn type_literal(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let ty = self.type_ref()?;
        self.make(node, position, ExprKind::TypeLiteral(ty))
    }

    #[inline(never)]
    fn throw(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let for_error_handling = self.byte()? & 1 != 0;
        let value = self.expr()?;
        self.make(node, position, ExprKind::Throw { value, for_error_handling })
    }

    #[inline(never)]
    fn list_literal(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let ty = self.type_ref()?;
        let elements = self.exprs()?;
        self.make(node, position, ExprKind::ListLiteral { ty, elements })
    }

    #[inline(never)]
    fn map_literal(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let types = [self.dart_type()?, self.dart_type()?];
        let types = self.arena.alloc(types);
        let entries = self.list(|p| Ok((p.expr()?, p.expr()?)))?;
        self.make(node, position, ExprKind::MapLiteral { types, entries })
    }

    #[inline(never)]
    fn await_(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let operand = self.expr()?;
        let runtime_check_type = self.optional_type_ref()?;
        self.make(node, position, ExprKind::Await { operand, runtime_check_type })
    }

    #[inline(never)]
    fn function_expression(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let function = self.local_function()?;
        self.make(node, position, ExprKind::Function(function))
    }

    #[inline(never)]
    fn let_(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let variable = self.variable_ref()?;
        let body = self.expr()?;
        self.make(node, position, ExprKind::Let { variable, body })
    }

    #[inline(never)]
    fn instantiation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let operand = self.expr()?;
        let type_arguments = self.types()?;
        self.make(node, position, ExprKind::Instantiation { operand, type_arguments })
    }

    #[inline(never)]
    fn block_expression(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        self.uint()?;
        let statements = self.stmts()?;
        let value = self.expr()?;
        self.skip_scope()?;
        self.make(node, position, ExprKind::Block { statements, value })
    }

    #[inline(never)]
    fn record_get(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let position = self.position()?;
        let receiver = self.expr()?;
        let ty = self.type_ref()?;
        let kind = match tag {
            101 => ExprKind::RecordIndexGet { receiver, ty, index: self.uint()? },
            _ => ExprKind::RecordNameGet { receiver, ty, name: self.str()? },
        };
        self.make(node, position, kind)
    }

    #[inline(never)]
    fn record_literal(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let positional = self.exprs()?;
        let named = self.named_exprs()?;
        let ty = self.type_ref()?;
        self.make(node, position, ExprKind::RecordLiteral { positional, named, ty })
    }

    #[inline(never)]
    fn constant_expression(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let position = self.position()?;
        let source = if tag == 108 { Some(self.source()?) } else { None };
        let ty = self.type_ref()?;
        let constant = self.constant()?;
        let kind = match source {
            Some(source) => ExprKind::FileUriConstant { source, ty, constant },
            None => ExprKind::Constant { ty, constant },
        };
        self.make(node, position, kind)
    }

    #[inline(never)]
    fn file_uri(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let source = self.source()?;
        let position = self.position()?;
        let expression = self.expr()?;
        self.make(node, position, ExprKind::FileUri { source, expression })
    }

    fn instance_access_kind(&mut self) -> Result<InstanceAccessKind> {
        match self.byte()? {
            0 => Ok(InstanceAccessKind::Instance),
            1 => Ok(InstanceAccessKind::Object),
            byte => Err(self.bad_tag("an instance access kind", byte)),
        }
    }

    fn dynamic_access_kind(&mut self) -> Result<DynamicAccessKind> {
        match self.byte()? {
            0 => Ok(DynamicAccessKind::Dynamic),
            1 => Ok(DynamicAccessKind::Never),
            2 => Ok(DynamicAccessKind::Invalid),
            3 => Ok(DynamicAccessKind::Unresolved),
            byte => Err(self.bad_tag("a dynamic access kind", byte)),
        }
    }

    #[inline(never)]
    fn instance_get(&mut self, node: NodeOffset, tag: u8) -> ExprResult<'b> {
        let access = self.instance_access_kind()?;
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let result_type = self.dart_type()?;
        let target = self.interface_target()?;
        let get = self.arena.alloc(InstanceGet { access, receiver, name, result_type, target });
        let kind = match tag {
            118 => ExprKind::InstanceGet(get),
            _ => ExprKind::InstanceTearOff(get),
        };
        self.make(node, position, kind)
    }

    #[inline(never)]
    fn instance_set(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let access = self.instance_access_kind()?;
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let value = self.expr()?;
        let target = self.interface_target()?;
        let set = self.arena.alloc(InstanceSet { access, receiver, name, value, target });
        self.make(node, position, ExprKind::InstanceSet(set))
    }

    #[inline(never)]
    fn instance_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let access = self.instance_access_kind()?;
        let flags = InvocationFlags(self.byte()?.into());
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let arguments = self.arguments()?;
        let function_type = self.dart_type()?;
        let result_type = self.dart_type()?;
        let target = self.interface_target()?;
        let call = self.arena.alloc(InstanceInvocation {
            access,
            flags,
            receiver,
            name,
            arguments,
            function_type,
            result_type,
            target,
        });
        self.make(node, position, ExprKind::InstanceInvocation(call))
    }

    #[inline(never)]
    fn dynamic_get(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let kind = self.dynamic_access_kind()?;
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        self.make(node, position, ExprKind::DynamicGet { kind, receiver, name })
    }

    #[inline(never)]
    fn dynamic_set(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let kind = self.dynamic_access_kind()?;
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let value = self.expr()?;
        let set = self.arena.alloc(DynamicSet { kind, receiver, name, value });
        self.make(node, position, ExprKind::DynamicSet(set))
    }

    #[inline(never)]
    fn dynamic_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let kind = self.dynamic_access_kind()?;
        let is_implicit_call = self.byte()? & 1 != 0;
        let position = self.position()?;
        let receiver = self.expr()?;
        let name = self.name()?;
        let arguments = self.arguments()?;
        let call = self.arena.alloc(DynamicInvocation { kind, is_implicit_call, receiver, name, arguments });
        self.make(node, position, ExprKind::DynamicInvocation(call))
    }

    #[inline(never)]
    fn function_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let kind = match self.byte()? {
            0 => FunctionAccessKind::Function,
            1 => FunctionAccessKind::FunctionType,
            byte => return Err(self.bad_tag("a function access kind", byte)),
        };
        let position = self.position()?;
        let receiver = self.expr()?;
        let arguments = self.arguments()?;
        let function_type = self.dart_type()?;
        let call = self.arena.alloc(FunctionInvocation { kind, receiver, arguments, function_type });
        self.make(node, position, ExprKind::FunctionInvocation(call))
    }

    #[inline(never)]
    fn local_function_invocation(&mut self, node: NodeOffset) -> ExprResult<'b> {
        let position = self.position()?;
        let variable = self.variable_reference()?;
        self.uint()?;
        let arguments = self.arguments()?;
        let function_type = self.type_ref()?;
        self.make(node, position, ExprKind::LocalFunctionInvocation { variable, arguments, function_type })
    }

    #[inline(never)]
    pub(crate) fn arguments(&mut self) -> Result<&'b Arguments<'b>> {
        self.enter()?;
        let node = self.node();
        let total = self.uint()? as usize;
        let types = self.types()?;
        let positional = self.exprs()?;
        let named = self.named_exprs()?;
        if total != positional.len() + named.len() {
            return Err(Error::new(node.0, "arguments with a consistent count"));
        }
        self.leave();
        Ok(self.arena.alloc(Arguments { node, types, positional, named }))
    }

    fn named_exprs(&mut self) -> Result<&'b [NamedExpr<'b>]> {
        let count = self.count()?;
        if count == 0 {
            return Ok(&[]);
        }
        self.items(count, &mut |p| Ok(NamedExpr { name: p.str()?, value: p.expr()? }))
    }
}
