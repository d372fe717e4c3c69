//! Operators on integers and doubles without calls.
//!
//! An operator can be inlined when the classes of its operands are known before they are evaluated. Whole-program analysis makes
//! that so for almost all: it names `_IntegerImplementation.+` and the like as direct targets.
//!
//! Operations on an integer and a double convert the integer first, as the library's operators do (runtime
//! `_IntegerImplementation`, `_Double`).

use dart_kernel::ast::{Expr, InstanceInvocation};
use dart_kernel::metadata::DirectCall;
use dart_kernel::{Enclosing, Reference};
use snapcrane_ir::{BinaryOp, CompareOp, Inst, Type, UnaryOp, Value};

use crate::body::BodyBuilder;
use crate::error::Result;
use crate::facts::{Fact, Kind};

/// What an operator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    TruncDiv,
    Mod,
    And,
    Or,
    Xor,
    Shl,
    Shr,
    Ushr,
    Lt,
    Le,
    Gt,
    Ge,
    Neg,
    Complement,
    ToDouble,
}

impl Operator {
    fn named(name: &[u8], arguments: usize) -> Option<Operator> {
        Some(match (name, arguments) {
            (b"+", 1) => Operator::Add,
            (b"-", 1) => Operator::Sub,
            (b"*", 1) => Operator::Mul,
            (b"/", 1) => Operator::Div,
            (b"~/", 1) => Operator::TruncDiv,
            (b"%", 1) => Operator::Mod,
            (b"&", 1) => Operator::And,
            (b"|", 1) => Operator::Or,
            (b"^", 1) => Operator::Xor,
            (b"<<", 1) => Operator::Shl,
            (b">>", 1) => Operator::Shr,
            (b">>>", 1) => Operator::Ushr,
            (b"<", 1) => Operator::Lt,
            (b"<=", 1) => Operator::Le,
            (b">", 1) => Operator::Gt,
            (b">=", 1) => Operator::Ge,
            (b"unary-", 0) => Operator::Neg,
            (b"~", 0) => Operator::Complement,
            (b"toDouble", 0) => Operator::ToDouble,
            _ => return None,
        })
    }

    /// The operation on two integers, if its result is one.
    fn int_op(self) -> Option<BinaryOp> {
        Some(match self {
            Operator::Add => BinaryOp::AddInt64,
            Operator::Sub => BinaryOp::SubInt64,
            Operator::Mul => BinaryOp::MulInt64,
            Operator::TruncDiv => BinaryOp::TruncDivInt64,
            Operator::Mod => BinaryOp::ModInt64,
            Operator::And => BinaryOp::AndInt64,
            Operator::Or => BinaryOp::OrInt64,
            Operator::Xor => BinaryOp::XorInt64,
            Operator::Shl => BinaryOp::ShlInt64,
            Operator::Shr => BinaryOp::ShrInt64,
            Operator::Ushr => BinaryOp::UshrInt64,
            _ => return None,
        })
    }

    /// The comparison of two integers and that of two doubles.
    fn compare_ops(self) -> Option<(CompareOp, CompareOp)> {
        Some(match self {
            Operator::Lt => (CompareOp::LtInt64, CompareOp::LtDouble),
            Operator::Le => (CompareOp::LeInt64, CompareOp::LeDouble),
            Operator::Gt => (CompareOp::GtInt64, CompareOp::GtDouble),
            Operator::Ge => (CompareOp::GeInt64, CompareOp::GeDouble),
            _ => return None,
        })
    }

    /// The operation on two doubles, if its result is one.
    fn double_op(self) -> Option<BinaryOp> {
        Some(match self {
            Operator::Add => BinaryOp::AddDouble,
            Operator::Sub => BinaryOp::SubDouble,
            Operator::Mul => BinaryOp::MulDouble,
            Operator::Div => BinaryOp::DivDouble,
            _ => return None,
        })
    }
}

impl<'b> BodyBuilder<'_, 'b> {
    /// Inlines an operator, if the classes of its operands allow. Nothing has been evaluated if they do not.
    pub(crate) fn arithmetic(
        &mut self,
        expr: &'b Expr<'b>,
        call: &'b InstanceInvocation<'b>,
        direct: Option<DirectCall>,
    ) -> Result<Option<Value>> {
        let name = self.component().string(call.name.text);
        let Some(operator) = Operator::named(name, call.arguments.positional.len()) else { return Ok(None) };
        let mut left = self.fact(call.receiver);
        if let Some(direct) = direct
            && let Some(kind) = self.receiver_kind(direct.target)
        {
            left = Fact { kind, nullable: direct.check_receiver_for_null };
        }
        let left_type = Fact { nullable: false, ..left }.repr();
        if !matches!(left_type, Type::Int64 | Type::Double) || (left.nullable && direct.is_none()) {
            return Ok(None);
        }
        let right_type = match call.arguments.positional {
            [] => None,
            [argument] => match self.fact(argument).repr() {
                ty @ (Type::Int64 | Type::Double) => Some(ty),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        if !is_inlined(operator, left_type, right_type) {
            return Ok(None);
        }

        let receiver = self.expression(call.receiver)?;
        let argument = match call.arguments.positional {
            [argument] => Some(self.expression(argument)?),
            _ => None,
        };
        self.at(expr.position);
        let receiver = if left.nullable && self.ty(receiver) == Type::Tagged {
            let selector = self.text(call.name.text);
            self.check_receiver(receiver, &selector)
        } else {
            receiver
        };
        let left = self.convert(receiver, left_type);
        let Some((right, right_type)) = argument.zip(right_type) else {
            return Ok(Some(self.unary_operator(operator, left)));
        };
        let right = self.convert(right, right_type);
        Ok(Some(self.binary_operator(operator, left, right)))
    }

    /// Class of the receivers of a direct target, if it is a number.
    fn receiver_kind(&self, target: Reference) -> Option<Kind> {
        let Reference::Procedure(procedure) = target else { return None };
        let Enclosing::Class(class) = self.component().procedures[procedure].enclosing else { return None };
        match self.ctx().numbers.kind(class) {
            kind @ (Kind::Int | Kind::Double) => Some(kind),
            _ => None,
        }
    }

    fn unary_operator(&mut self, operator: Operator, value: Value) -> Value {
        // Negative literals are negations of positive ones.
        match (operator, self.b.func.defining_inst(value)) {
            (Operator::Neg, Some(&Inst::Int64(literal))) => return self.b.int64(literal.wrapping_neg()),
            (Operator::Neg, Some(&Inst::Double(bits))) => {
                return self.ins(Inst::Double((-f64::from_bits(bits)).to_bits()));
            }
            _ => {}
        }
        let op = match (operator, self.ty(value)) {
            (Operator::Neg, Type::Int64) => UnaryOp::NegInt64,
            (Operator::Neg, _) => UnaryOp::NegDouble,
            (Operator::Complement, _) => UnaryOp::NotInt64,
            (_, Type::Int64) => UnaryOp::Int64ToDouble,
            _ => return value,
        };
        self.unary(op, value)
    }

    fn binary_operator(&mut self, operator: Operator, left: Value, right: Value) -> Value {
        let is_int = self.ty(left) == Type::Int64 && self.ty(right) == Type::Int64;
        if let Some((int, double)) = operator.compare_ops() {
            if is_int {
                return self.compare(int, left, right);
            }
            let (left, right) = (self.convert(left, Type::Double), self.convert(right, Type::Double));
            return self.compare(double, left, right);
        }
        if let (true, Some(op)) = (is_int, operator.int_op()) {
            let known = match self.b.func.defining_inst(right) {
                Some(&Inst::Int64(value)) => Some(value),
                _ => None,
            };
            match operator {
                Operator::TruncDiv | Operator::Mod if known.is_none_or(|value| value == 0) => {
                    self.ins(Inst::CheckNotZero(right));
                }
                Operator::Shl | Operator::Shr | Operator::Ushr if known.is_none_or(|value| value < 0) => {
                    self.ins(Inst::CheckShiftCount(right));
                }
                _ => {}
            }
            return self.ins(Inst::Binary(op, left, right));
        }
        let (left, right) = (self.convert(left, Type::Double), self.convert(right, Type::Double));
        match operator.double_op() {
            Some(op) => self.ins(Inst::Binary(op, left, right)),
            None => left,
        }
    }
}

/// Whether an operator is inlined for operands of these types.
fn is_inlined(operator: Operator, left: Type, right: Option<Type>) -> bool {
    match right {
        None => match operator {
            Operator::Complement => left == Type::Int64,
            Operator::Neg | Operator::ToDouble => true,
            _ => false,
        },
        Some(right) if left == Type::Int64 && right == Type::Int64 => {
            operator.int_op().is_some() || operator.compare_ops().is_some() || operator == Operator::Div
        }
        Some(_) => operator.double_op().is_some() || operator.compare_ops().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_by_operand_types() {
        let (int, double) = (Type::Int64, Type::Double);
        assert!(is_inlined(Operator::Add, int, Some(int)));
        assert!(is_inlined(Operator::Div, int, Some(int)));
        assert!(is_inlined(Operator::Lt, double, Some(int)));
        assert!(!is_inlined(Operator::Mod, double, Some(double)));
        assert!(!is_inlined(Operator::TruncDiv, int, Some(double)));
        assert!(!is_inlined(Operator::Complement, double, None));
        assert_eq!(Operator::named(b"-", 0), None);
        assert_eq!(Operator::named(b"unary-", 0), Some(Operator::Neg));
    }
}
