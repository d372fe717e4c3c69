//! What is known about values before they are computed: numbers, booleans, null.
//!
//! Sources are literals, static types and the results of whole-program analysis. Dart's null safety is sound, so
//! a static type `int` is a guarantee.

use dart_kernel::ast::{DartType, Expr, ExprKind, Nullability};
use dart_kernel::metadata::InferredType;
use dart_kernel::{ClassIdx, Constant, NodeOffset, Reference};
use snapcrane_ir::Type;

use crate::body::BodyBuilder;

/// Classes of values that have a representation of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `int`.
    Int,
    /// A `double`.
    Double,
    /// A `bool`.
    Bool,
    /// Only `null`.
    Null,
    /// Anything.
    Other,
}

/// Knowledge about a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Class of the value if it is not null.
    pub(crate) kind: Kind,
    /// Whether it may be null.
    pub(crate) nullable: bool,
}

impl Fact {
    /// Nothing is known.
    pub(crate) const UNKNOWN: Fact = Fact { kind: Kind::Other, nullable: true };

    /// A non-null value of a kind.
    pub(crate) const fn exactly(kind: Kind) -> Fact {
        Fact { kind, nullable: false }
    }

    /// Whether it is an integer for sure.
    pub(crate) fn is_int(self) -> bool {
        self == Fact::exactly(Kind::Int)
    }

    /// Representation that suits the value best.
    pub(crate) fn repr(self) -> Type {
        match self {
            Fact { kind: Kind::Int, nullable: false } => Type::Int64,
            Fact { kind: Kind::Double, nullable: false } => Type::Double,
            Fact { kind: Kind::Bool, nullable: false } => Type::Bool,
            _ => Type::Tagged,
        }
    }

    /// What is known if both are known.
    fn and(self, other: Fact) -> Fact {
        let kind = if self.kind == Kind::Other { other.kind } else { self.kind };
        Fact { kind, nullable: self.nullable && other.nullable }
    }

    /// What is known if one of both is the case.
    pub(crate) fn or(self, other: Fact) -> Fact {
        let nullable = self.nullable || other.nullable;
        let kind = match (self.kind, other.kind) {
            (Kind::Null, kind) | (kind, Kind::Null) => kind,
            (a, b) if a == b => a,
            _ => Kind::Other,
        };
        Fact { kind, nullable }
    }
}

/// Classes that facts speak of.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberClasses {
    /// `int` and its implementations.
    pub(crate) ints: Vec<ClassIdx>,
    /// `double` and its implementation.
    pub(crate) doubles: Vec<ClassIdx>,
    /// `bool`.
    pub(crate) bools: Vec<ClassIdx>,
}

impl NumberClasses {
    pub(crate) fn kind(&self, class: ClassIdx) -> Kind {
        if self.ints.contains(&class) {
            Kind::Int
        } else if self.doubles.contains(&class) {
            Kind::Double
        } else if self.bools.contains(&class) {
            Kind::Bool
        } else {
            Kind::Other
        }
    }

    /// What a static type says.
    pub(crate) fn of_type(&self, ty: &DartType<'_>) -> Fact {
        match *ty {
            DartType::Null => Fact { kind: Kind::Null, nullable: true },
            DartType::Interface { class, nullability, .. } => {
                Fact { kind: self.kind(class), nullable: nullability != Nullability::NonNullable }
            }
            DartType::Extension(ext) => self.of_type(&ext.erasure),
            DartType::Function(f) => {
                Fact { kind: Kind::Other, nullable: f.nullability != Nullability::NonNullable }
            }
            DartType::Record(r) => {
                Fact { kind: Kind::Other, nullable: r.nullability != Nullability::NonNullable }
            }
            _ => Fact::UNKNOWN,
        }
    }

    /// What whole-program analysis says.
    pub(crate) fn of_inferred(&self, inferred: &InferredType) -> Fact {
        let kind = match inferred.class {
            _ if inferred.flags.is_int() => Kind::Int,
            Some(class) => self.kind(class),
            None => Kind::Other,
        };
        Fact { kind, nullable: inferred.flags.is_nullable() }
    }
}

impl<'b> BodyBuilder<'_, 'b> {
    /// What is known about the value of an expression.
    pub(crate) fn fact(&self, expr: &Expr<'b>) -> Fact {
        let fact = self.static_fact(expr);
        if fact.kind != Kind::Other && !fact.nullable {
            return fact;
        }
        self.inferred_fact(expr.node).map_or(fact, |inferred| fact.and(inferred))
    }

    /// What metadata of a node says.
    pub(crate) fn inferred_fact(&self, node: NodeOffset) -> Option<Fact> {
        let inferred = self.component().inferred_type(node).ok()??;
        Some(self.unit.ctx.numbers.of_inferred(&inferred))
    }

    fn static_fact(&self, expr: &Expr<'b>) -> Fact {
        let numbers = &self.unit.ctx.numbers;
        match expr.kind {
            ExprKind::Int(_) => Fact::exactly(Kind::Int),
            ExprKind::Double(_) => Fact::exactly(Kind::Double),
            ExprKind::Bool(_)
            | ExprKind::Not(_)
            | ExprKind::Logical { .. }
            | ExprKind::Is { .. }
            | ExprKind::EqualsNull(_)
            | ExprKind::EqualsCall(_) => Fact::exactly(Kind::Bool),
            ExprKind::Null => Fact { kind: Kind::Null, nullable: true },
            ExprKind::This => {
                let class = self.unit.class.and_then(|class| self.ctx().program.class(class).kernel);
                class.map_or(Fact::exactly(Kind::Other), |class| Fact::exactly(numbers.kind(class)))
            }
            ExprKind::String(_) | ExprKind::StringConcatenation(_) | ExprKind::Function(_) => {
                Fact::exactly(Kind::Other)
            }
            ExprKind::Constant { constant, .. } | ExprKind::FileUriConstant { constant, .. } => {
                match self.component().constant(constant) {
                    Constant::Int(_) => Fact::exactly(Kind::Int),
                    Constant::Double(_) => Fact::exactly(Kind::Double),
                    Constant::Bool(_) => Fact::exactly(Kind::Bool),
                    Constant::Null => Fact { kind: Kind::Null, nullable: true },
                    _ => Fact::exactly(Kind::Other),
                }
            }
            ExprKind::VariableGet { variable, promoted } => {
                let declared = match self.unit.scopes.variable(variable) {
                    Some(info) => numbers.of_type(&info.decl.ty),
                    None => Fact::UNKNOWN,
                };
                promoted.map_or(declared, |ty| declared.and(numbers.of_type(ty)))
            }
            ExprKind::VariableSet { value, .. } | ExprKind::StaticSet { value, .. } => self.fact(value),
            ExprKind::InstanceSet(set) => self.fact(set.value),
            ExprKind::FileUri { expression, .. } => self.fact(expression),
            ExprKind::InstanceGet(get) => numbers.of_type(&get.result_type),
            ExprKind::InstanceInvocation(call) => numbers.of_type(&call.result_type),
            ExprKind::FunctionInvocation(call) => self.result_fact(&call.function_type),
            ExprKind::LocalFunctionInvocation { function_type, .. } => self.result_fact(function_type),
            ExprKind::StaticGet(reference) => match reference {
                Reference::Field(field) | Reference::FieldGetter(field) => {
                    numbers.of_type(&self.component().fields[field].ty)
                }
                Reference::Procedure(procedure) => {
                    numbers.of_type(&self.component().procedures[procedure].function.return_type)
                }
                _ => Fact::UNKNOWN,
            },
            ExprKind::StaticInvocation { target, arguments } => {
                if Some(target) == self.unit.ctx.core.unsafe_cast
                    && let [ty] = arguments.types
                {
                    return numbers.of_type(ty);
                }
                numbers.of_type(&self.component().procedures[target].function.return_type)
            }
            ExprKind::ConstructorInvocation { .. } => Fact::exactly(Kind::Other),
            ExprKind::NullCheck(operand) => Fact { nullable: false, ..self.fact(operand) },
            ExprKind::Conditional { then, otherwise, ty, .. } => {
                let arms = self.fact(then).or(self.fact(otherwise));
                ty.map_or(arms, |ty| arms.and(numbers.of_type(ty)))
            }
            ExprKind::As { operand, ty, .. } => self.fact(operand).and(numbers.of_type(ty)),
            ExprKind::Let { body, .. } => self.fact(body),
            ExprKind::Block { value, .. } => self.fact(value),
            ExprKind::RecordIndexGet { ty: DartType::Record(record), index, .. } => {
                record.positional.get(index as usize).map_or(Fact::UNKNOWN, |ty| numbers.of_type(ty))
            }
            ExprKind::RecordNameGet { ty: DartType::Record(record), name, .. } => {
                record.named.iter().find(|n| n.name == name).map_or(Fact::UNKNOWN, |n| numbers.of_type(&n.ty))
            }
            _ => Fact::UNKNOWN,
        }
    }

    fn result_fact(&self, function_type: &DartType<'b>) -> Fact {
        match function_type {
            DartType::Function(function) => self.unit.ctx.numbers.of_type(&function.return_type),
            _ => Fact::UNKNOWN,
        }
    }
}
