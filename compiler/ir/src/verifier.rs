//! Checks that a function keeps the invariants of the IR (see the crate's documentation).

use std::fmt;

use cranelift_entity::EntityRef;

use crate::dominators::Dominators;
use crate::function::{Block, BlockCall, Function, Terminator, Value, ValueDef};
use crate::inst::{AllocKind, ArrayKind, BinaryOp, CompareOp, Inst, Slot, Type, UnaryOp};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct VerifierError {
    /// Where.
    pub block: Block,
    /// Position of the instruction in the block; `None` for parameters, edges and the terminator.
    pub position: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for VerifierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{}[{position}]: {}", self.block, self.message),
            None => write!(f, "{}: {}", self.block, self.message),
        }
    }
}

/// Checks a function; errors come in layout order.
pub fn verify(func: &Function) -> Result<(), Vec<VerifierError>> {
    let mut verifier =
        Verifier { func, dominators: Dominators::new(func), errors: Vec::new(), positions: Vec::new() };
    verifier.run();
    if verifier.errors.is_empty() { Ok(()) } else { Err(verifier.errors) }
}

struct Verifier<'f> {
    func: &'f Function,
    dominators: Dominators,
    errors: Vec<VerifierError>,
    /// Block and position of each instruction, by instruction number.
    positions: Vec<Option<(Block, usize)>>,
}

impl Verifier<'_> {
    fn run(&mut self) {
        self.positions = vec![None; self.func.insts.len()];
        for (block, data) in &self.func.blocks {
            for (position, &inst) in data.insts.iter().enumerate() {
                if self.positions[inst.index()].replace((block, position)).is_some() {
                    self.error(block, Some(position), format!("{inst} stands in two places"));
                }
            }
        }
        for block in self.func.blocks.keys() {
            if self.dominators.is_reachable(block) {
                self.block(block);
            }
        }
    }

    fn error(&mut self, block: Block, position: Option<usize>, message: String) {
        self.errors.push(VerifierError { block, position, message });
    }

    fn block(&mut self, block: Block) {
        let func = self.func;
        let data = &func.blocks[block];
        for (index, &param) in data.params.iter().enumerate() {
            if func.values[param].def != ValueDef::Param(block, index as u32) {
                self.error(block, None, format!("{param} is not defined as parameter {index}"));
            }
        }
        for (position, &inst) in data.insts.iter().enumerate() {
            let at = Some(position);
            let inst_data = &func.insts[inst];
            if let Some(result) = inst_data.result
                && func.values[result].def != ValueDef::Inst(inst)
            {
                self.error(block, at, format!("{result} is not defined by {inst}"));
            }
            let expected = func.result_type(&inst_data.inst);
            let found = inst_data.result.map(|v| func.ty(v));
            if expected != found {
                self.error(block, at, format!("result type is {found:?}, expected {expected:?}"));
            }
            inst_data.inst.for_each_arg(|arg| self.dominated(block, position, at, arg));
            self.operand_types(block, at, &inst_data.inst);
            let is_last = position + 1 == data.insts.len();
            let terminator_throws = data.terminator.as_ref().is_some_and(Terminator::throws);
            if data.unwind.is_some() && inst_data.inst.effects().throws && (!is_last || terminator_throws) {
                self.error(
                    block,
                    at,
                    "an instruction that may throw stands before the one with the unwind edge".into(),
                );
            }
            let is_catch = matches!(inst_data.inst, Inst::CatchException | Inst::CatchStackTrace);
            if is_catch && !(data.is_handler && position < 2) {
                self.error(block, at, "caught exception is read outside the start of a handler".into());
            }
        }
        let end = data.insts.len();
        if let Some(unwind) = &data.unwind {
            let throws = data.terminator.as_ref().is_some_and(Terminator::throws)
                || data.insts.last().is_some_and(|&inst| func.insts[inst].inst.effects().throws);
            if !throws {
                self.error(block, None, "unwind edge without anything that throws".into());
            }
            if !func.blocks[unwind.block].is_handler {
                self.error(block, None, format!("unwind edge to {}, which is no handler", unwind.block));
            }
            let last_result = match &data.terminator {
                Some(terminator) if !terminator.throws() => {
                    data.insts.last().and_then(|&inst| func.insts[inst].result)
                }
                _ => None,
            };
            if last_result.is_some_and(|result| unwind.args.contains(&result)) {
                self.error(block, None, "unwind edge uses the result of the instruction that throws".into());
            }
            self.edge(block, unwind);
        }
        match &data.terminator {
            None => self.error(block, None, "no terminator".into()),
            Some(terminator) => {
                terminator.for_each_arg(|arg| self.dominated(block, end, None, arg));
                let edges: Vec<&BlockCall> = {
                    let mut edges = Vec::new();
                    terminator.for_each_edge(|edge| edges.push(edge));
                    edges
                };
                for edge in edges {
                    if func.blocks[edge.block].is_handler {
                        self.error(block, None, format!("ordinary edge to handler {}", edge.block));
                    }
                    self.edge(block, edge);
                }
                match terminator {
                    Terminator::Branch { cond, .. } => self.expect(block, None, *cond, Type::Bool),
                    Terminator::Switch { index, .. } => self.expect(block, None, *index, Type::Int64),
                    Terminator::Return(value) => self.expect(block, None, *value, func.signature.result),
                    Terminator::Throw(value) => self.expect(block, None, *value, Type::Tagged),
                    Terminator::ReThrow(value, trace) => {
                        self.expect(block, None, *value, Type::Tagged);
                        self.expect(block, None, *trace, Type::Tagged);
                    }
                    Terminator::TailCall { address, args } => {
                        self.expect(block, None, *address, Type::Pointer);
                        args.iter().for_each(|&arg| self.expect(block, None, arg, Type::Tagged));
                    }
                    Terminator::Jump(_) | Terminator::Unreachable => {}
                }
            }
        }
    }

    fn edge(&mut self, block: Block, edge: &BlockCall) {
        let func = self.func;
        if edge.block == func.entry {
            self.error(block, None, "edge to the entry block".into());
        }
        let params = &func.blocks[edge.block].params;
        if params.len() != edge.args.len() {
            self.error(
                block,
                None,
                format!("{} takes {} arguments, got {}", edge.block, params.len(), edge.args.len()),
            );
            return;
        }
        let end = func.blocks[block].insts.len();
        for (&arg, &param) in edge.args.iter().zip(params) {
            self.dominated(block, end, None, arg);
            if func.values.is_valid(arg) {
                self.expect(block, None, arg, func.ty(param));
            }
        }
    }

    /// Checks that `value` is defined before position `position` of `block` on every path.
    fn dominated(&mut self, block: Block, position: usize, at: Option<usize>, value: Value) {
        if !self.func.values.is_valid(value) {
            self.error(block, at, format!("use of {value}, which does not exist"));
            return;
        }
        let ok = match self.func.values[value].def {
            ValueDef::Param(def, index) => {
                (index as usize) < self.func.blocks[def].params.len()
                    && self.dominators.is_reachable(def)
                    && self.dominators.dominates(def, block)
            }
            ValueDef::Inst(inst) => match self.positions[inst.index()] {
                Some((def, def_position)) if def == block => def_position < position,
                Some((def, _)) => {
                    self.dominators.is_reachable(def) && self.dominators.dominates(def, block) && {
                        // A handler must not see what the throwing instruction would have computed.
                        !self.only_by_unwind(def, inst, block)
                    }
                }
                None => false,
            },
        };
        if !ok {
            self.error(block, at, format!("{value} is used where it may not be defined"));
        }
    }

    /// Whether `inst` is the throwing instruction at the end of `def` and `block` is reached from there by the unwind edge.
    fn only_by_unwind(&self, def: Block, inst: crate::function::InstRef, block: Block) -> bool {
        let data = &self.func.blocks[def];
        let Some(unwind) = &data.unwind else { return false };
        data.insts.last() == Some(&inst)
            && !data.terminator.as_ref().is_some_and(Terminator::throws)
            && self.dominators.dominates(unwind.block, block)
    }

    fn expect(&mut self, block: Block, at: Option<usize>, value: Value, ty: Type) {
        if !self.func.values.is_valid(value) {
            return;
        }
        let found = self.func.ty(value);
        if found != ty {
            self.error(block, at, format!("{value} is {found:?}, expected {ty:?}"));
        }
    }

    fn operand_types(&mut self, block: Block, at: Option<usize>, inst: &Inst) {
        let mut valid = true;
        inst.for_each_arg(|arg| valid &= self.func.values.is_valid(arg));
        if !valid {
            return;
        }
        for (value, ty) in expected_operands(self.func, inst) {
            self.expect(block, at, value, ty);
        }
        let counts = match inst {
            Inst::CallStatic { callee, args } => self
                .func
                .callee_signatures
                .get(*callee)
                .and_then(|s| s.as_ref())
                .map(|signature| (args.len(), signature.params.len())),
            Inst::CallDispatch { row, args } => {
                let shape = &self.func.rows[*row].shape;
                Some((args.len(), shape.num_args() + usize::from(shape.type_args > 0)))
            }
            Inst::Allocate { kind: kind @ AllocKind::Closure { .. }, args } => {
                Some((args.len(), Function::closure_elements(kind)))
            }
            Inst::Allocate { kind: AllocKind::Record(shape), args } => Some((args.len(), shape.num_fields())),
            _ => None,
        };
        if let Some((found, expected)) = counts
            && found != expected
        {
            self.error(block, at, format!("{found} operands, expected {expected}"));
        }
        if let Inst::Select { then, other, .. } = inst
            && self.func.ty(*then) != self.func.ty(*other)
        {
            self.error(block, at, "selected values differ in type".into());
        }
    }
}

/// Operands with the types that they must have.
fn expected_operands(func: &Function, inst: &Inst) -> Vec<(Value, Type)> {
    use Type::*;
    let base_type = |kind: ArrayKind| match kind {
        ArrayKind::Array | ArrayKind::Record | ArrayKind::OneByteString | ArrayKind::TwoByteString => Tagged,
        _ => Pointer,
    };
    match inst {
        Inst::Unary(op, a) => vec![(*a, unary_operand(*op))],
        Inst::Binary(op, a, b) => {
            let ty = binary_operand(*op);
            vec![(*a, ty), (*b, ty)]
        }
        Inst::Compare(op, a, b) => {
            let ty = compare_operand(*op);
            vec![(*a, ty), (*b, ty)]
        }
        Inst::Select { cond, .. } => vec![(*cond, Bool)],
        Inst::Load { object, .. } | Inst::ElementsAddress { object, .. } => vec![(*object, Tagged)],
        Inst::Store { object, slot, value, .. } => {
            let mut operands = vec![(*object, Tagged)];
            match slot {
                Slot::Native(native) => operands.push((*value, native.ty())),
                Slot::Field(_) => {}
                _ => operands.push((*value, Tagged)),
            }
            operands
        }
        Inst::LoadIndexed { kind, base, index } => vec![(*base, base_type(*kind)), (*index, Int64)],
        Inst::StoreIndexed { kind, base, index, value, .. } => {
            vec![(*base, base_type(*kind)), (*index, Int64), (*value, kind.element_type())]
        }
        Inst::Allocate { kind, args } => {
            let types: &[Type] = match kind {
                AllocKind::TypedData(_) | AllocKind::OneByteString | AllocKind::TwoByteString => &[Int64],
                AllocKind::TypedDataView(_) => &[Tagged, Int64, Int64],
                AllocKind::Pointer => &[Tagged, Pointer],
                AllocKind::ExternalTypedData(_) => &[Pointer, Int64],
                _ => return args.iter().map(|&arg| (arg, Tagged)).collect(),
            };
            args.iter().copied().zip(types.iter().copied()).collect()
        }
        Inst::CallStatic { callee, args } => {
            match func.callee_signatures.get(*callee).and_then(|s| s.as_ref()) {
                Some(signature) => args.iter().copied().zip(signature.params.iter().copied()).collect(),
                None => Vec::new(),
            }
        }
        Inst::CallEntry { closure, descriptor, arguments, .. } => {
            vec![(*closure, Tagged), (*descriptor, Tagged), (*arguments, Pointer)]
        }
        Inst::MemMove { to, from, count } => vec![(*to, Pointer), (*from, Pointer), (*count, Int64)],
        Inst::PointerAdd(a, b) => vec![(*a, Pointer), (*b, Int64)],
        Inst::PointerToInt(a) => vec![(*a, Pointer)],
        Inst::IntToPointer(a) | Inst::CheckNotZero(a) | Inst::CheckShiftCount(a) => vec![(*a, Int64)],
        Inst::CheckBounds { index, length } => vec![(*index, Int64), (*length, Int64)],
        Inst::CallLeaf { .. } => Vec::new(),
        Inst::StoreStatic(_, value) => vec![(*value, Tagged)],
        Inst::StoreThread(slot, value) => vec![(*value, slot.ty())],
        _ => {
            let mut operands = Vec::new();
            inst.for_each_arg(|arg| operands.push((arg, Tagged)));
            operands
        }
    }
}

fn unary_operand(op: UnaryOp) -> Type {
    use UnaryOp::*;
    match op {
        UnboxInt64 | UnboxDouble | UnboxBool | ClassId | IsSmi | IsDeeplyImmutable => Type::Tagged,
        BoxInt64 | NegInt64 | NotInt64 | Int64ToDouble | DoubleFromBits | BitLength | SignExtend8
        | SignExtend16 | SignExtend32 | ZeroExtend32 => Type::Int64,
        BoxDouble | DoubleToInt64 | NegDouble | AbsDouble | SqrtDouble | FloorDouble | CeilDouble
        | TruncDouble | DoubleBits => Type::Double,
        BoxBool | Not => Type::Bool,
    }
}

fn binary_operand(op: BinaryOp) -> Type {
    use BinaryOp::*;
    match op {
        AddDouble | SubDouble | MulDouble | DivDouble | MinDouble => Type::Double,
        AndBool | OrBool => Type::Bool,
        _ => Type::Int64,
    }
}

fn compare_operand(op: CompareOp) -> Type {
    use CompareOp::*;
    match op {
        Same | Identical => Type::Tagged,
        EqDouble | LtDouble | LeDouble | GtDouble | GeDouble => Type::Double,
        EqBool => Type::Bool,
        _ => Type::Int64,
    }
}
