//! Functions: blocks, values, and the tables of what they refer to.

use cranelift_entity::{EntityRef, PrimaryMap, SecondaryMap, entity_impl};
use smallvec::SmallVec;
use snapcrane_program::ids::{CallShape, FunctionKey, ObjectKey, RowKey};

use crate::inst::{AllocKind, CompareOp, Inst, Type, UnaryOp};

/// An SSA value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Value(u32);
entity_impl!(Value, "v");

/// A basic block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Block(u32);
entity_impl!(Block, "block");

/// An instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstRef(u32);
entity_impl!(InstRef, "inst");

/// An object of [`Function::objects`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef(u32);
entity_impl!(ObjectRef, "obj");

/// A function of [`Function::callees`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CalleeRef(u32);
entity_impl!(CalleeRef, "fn");

/// A dispatch row of [`Function::rows`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowRef(u32);
entity_impl!(RowRef, "row");

/// A position in the source file of the function's script: byte offset, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourcePos(i32);

impl SourcePos {
    /// No position.
    pub const NONE: SourcePos = SourcePos(-1);
    /// Position at a byte offset (negative: none).
    pub fn new(offset: i32) -> SourcePos {
        SourcePos(offset.max(-1))
    }
    /// The byte offset.
    pub fn offset(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}

/// Types of parameters and result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Parameter types.
    pub params: SmallVec<[Type; 6]>,
    /// Result type.
    pub result: Type,
}

impl Signature {
    /// `count` tagged parameters and a tagged result: what every Dart function has unless unboxing changed it.
    pub fn tagged(count: usize) -> Signature {
        Signature { params: SmallVec::from_elem(Type::Tagged, count), result: Type::Tagged }
    }
    /// The signature of generic and checking entries: arguments descriptor, address of arguments.
    pub fn entry() -> Signature {
        Signature { params: [Type::Tagged, Type::Pointer].into_iter().collect(), result: Type::Tagged }
    }
}

/// An edge to a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockCall {
    /// The target.
    pub block: Block,
    /// Arguments for the target's parameters.
    pub args: SmallVec<[Value; 4]>,
}

/// The end of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Terminator {
    /// Goes to a block.
    Jump(BlockCall),
    /// Goes to one of two blocks.
    Branch {
        /// `Bool`.
        cond: Value,
        /// Target if true.
        then: BlockCall,
        /// Target otherwise.
        other: BlockCall,
        /// Which of the edges is expected hardly ever to be taken.
        unlikely: Unlikely,
    },
    /// Goes to `targets[index - low]`, or to the default.
    Switch {
        /// `Int64`.
        index: Value,
        /// Value of `index` for the first target.
        low: i64,
        /// Targets.
        targets: Vec<BlockCall>,
        /// Target for all other values.
        default: BlockCall,
    },
    /// Returns.
    Return(Value),
    /// Throws an exception.
    Throw(Value),
    /// Throws an exception that was caught, keeping its stack trace.
    ReThrow(Value, Value),
    /// Calls the code at an address and returns what it returns, in place of the own frame.
    TailCall {
        /// `Pointer`.
        address: Value,
        /// Tagged arguments.
        args: SmallVec<[Value; 4]>,
    },
    /// Control never gets here.
    Unreachable,
}

/// Which edge of a branch is cold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlikely {
    /// Neither.
    None,
    /// The first.
    Then,
    /// The second.
    Other,
}

impl Terminator {
    /// Whether control may leave by an exception.
    pub fn throws(&self) -> bool {
        matches!(self, Terminator::Throw(_) | Terminator::ReThrow(..))
    }

    /// Calls `f` on every edge.
    pub fn for_each_edge<'a>(&'a self, mut f: impl FnMut(&'a BlockCall)) {
        match self {
            Terminator::Jump(to) => f(to),
            Terminator::Branch { then, other, .. } => {
                f(then);
                f(other);
            }
            Terminator::Switch { targets, default, .. } => {
                targets.iter().for_each(&mut f);
                f(default);
            }
            Terminator::Return(_)
            | Terminator::Throw(_)
            | Terminator::ReThrow(..)
            | Terminator::TailCall { .. }
            | Terminator::Unreachable => {}
        }
    }

    /// Calls `f` on every edge, which it may change.
    pub fn for_each_edge_mut(&mut self, mut f: impl FnMut(&mut BlockCall)) {
        match self {
            Terminator::Jump(to) => f(to),
            Terminator::Branch { then, other, .. } => {
                f(then);
                f(other);
            }
            Terminator::Switch { targets, default, .. } => {
                targets.iter_mut().for_each(&mut f);
                f(default);
            }
            Terminator::Return(_)
            | Terminator::Throw(_)
            | Terminator::ReThrow(..)
            | Terminator::TailCall { .. }
            | Terminator::Unreachable => {}
        }
    }

    /// Calls `f` on every operand that is not an edge argument.
    pub fn for_each_arg(&self, mut f: impl FnMut(Value)) {
        match self {
            Terminator::Branch { cond, .. } => f(*cond),
            Terminator::Switch { index, .. } => f(*index),
            Terminator::Return(v) | Terminator::Throw(v) => f(*v),
            Terminator::ReThrow(v, t) => {
                f(*v);
                f(*t);
            }
            Terminator::TailCall { address, args } => {
                f(*address);
                args.iter().copied().for_each(f);
            }
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
    }

    /// Calls `f` on every operand that is not an edge argument, which it may change.
    pub fn for_each_arg_mut(&mut self, mut f: impl FnMut(&mut Value)) {
        match self {
            Terminator::Branch { cond, .. } => f(cond),
            Terminator::Switch { index, .. } => f(index),
            Terminator::Return(v) | Terminator::Throw(v) => f(v),
            Terminator::ReThrow(v, t) => {
                f(v);
                f(t);
            }
            Terminator::TailCall { address, args } => {
                f(address);
                args.iter_mut().for_each(f);
            }
            Terminator::Jump(_) | Terminator::Unreachable => {}
        }
    }
}

/// A block.
#[derive(Clone, Debug, Default)]
pub struct BlockData {
    /// Parameters.
    pub params: Vec<Value>,
    /// Instructions in order.
    pub insts: Vec<InstRef>,
    /// Where the last instruction (or the throwing terminator) goes when it throws.
    pub unwind: Option<BlockCall>,
    /// The end; `None` only while the function is being built.
    pub terminator: Option<Terminator>,
    /// Whether the block starts with [`Inst::CatchException`]: it is entered by unwind edges only.
    pub is_handler: bool,
}

/// How a value is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueDef {
    /// Result of an instruction.
    Inst(InstRef),
    /// Parameter of a block, by position.
    Param(Block, u32),
}

/// A value's definition and type.
#[derive(Clone, Copy, Debug)]
pub struct ValueData {
    /// Definition.
    pub def: ValueDef,
    /// Type.
    pub ty: Type,
}

/// An instruction with its result and position.
#[derive(Clone, Debug)]
pub struct InstData {
    /// The instruction.
    pub inst: Inst,
    /// Its result.
    pub result: Option<Value>,
    /// Source position.
    pub pos: SourcePos,
}

/// A function in SSA form.
#[derive(Clone, Debug)]
pub struct Function {
    /// What it is the code of.
    pub key: FunctionKey,
    /// Parameters and result.
    pub signature: Signature,
    /// Where execution starts; its parameters are the function's.
    pub entry: Block,
    /// Blocks; the order is the layout order.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// Instructions.
    pub insts: PrimaryMap<InstRef, InstData>,
    /// Values.
    pub values: PrimaryMap<Value, ValueData>,
    /// Objects the function refers to, each once.
    pub objects: PrimaryMap<ObjectRef, ObjectKey>,
    /// Functions the function calls directly, each once.
    pub callees: PrimaryMap<CalleeRef, FunctionKey>,
    /// Signatures of the callees.
    pub callee_signatures: SecondaryMap<CalleeRef, Option<Signature>>,
    /// Rows the function calls through, each once.
    pub rows: PrimaryMap<RowRef, RowKey>,
    /// Positions of block terminators (throws).
    pub terminator_pos: SecondaryMap<Block, Option<SourcePos>>,
}

impl Function {
    /// A function with an empty entry block whose parameters have the signature's types.
    pub fn new(key: FunctionKey, signature: Signature) -> Function {
        let mut blocks = PrimaryMap::new();
        let entry = blocks.push(BlockData::default());
        let mut function = Function {
            key,
            signature,
            entry,
            blocks,
            insts: PrimaryMap::new(),
            values: PrimaryMap::new(),
            objects: PrimaryMap::new(),
            callees: PrimaryMap::new(),
            callee_signatures: SecondaryMap::new(),
            rows: PrimaryMap::new(),
            terminator_pos: SecondaryMap::new(),
        };
        for ty in function.signature.params.clone() {
            function.append_param(entry, ty);
        }
        function
    }

    /// Appends a parameter to a block.
    pub fn append_param(&mut self, block: Block, ty: Type) -> Value {
        let index = self.blocks[block].params.len() as u32;
        let value = self.values.push(ValueData { def: ValueDef::Param(block, index), ty });
        self.blocks[block].params.push(value);
        value
    }

    /// Parameters of the function.
    pub fn params(&self) -> &[Value] {
        &self.blocks[self.entry].params
    }

    /// Type of a value.
    pub fn ty(&self, value: Value) -> Type {
        self.values[value].ty
    }

    /// The instruction that defines a value, if one does.
    pub fn defining_inst(&self, value: Value) -> Option<&Inst> {
        match self.values[value].def {
            ValueDef::Inst(inst) => Some(&self.insts[inst].inst),
            ValueDef::Param(..) => None,
        }
    }

    /// Type of the result of an instruction, `None` if it has none.
    pub fn result_type(&self, inst: &Inst) -> Option<Type> {
        use Inst::*;
        Some(match inst {
            Object(_)
            | Allocate { .. }
            | CallClosure { .. }
            | CallDispatch { .. }
            | CallEntry { .. }
            | CallRuntime { .. }
            | LoadStatic(_)
            | CheckNull { .. }
            | AssertAssignable { .. }
            | InstantiateType { .. }
            | InstantiateTypeArgs { .. }
            | CatchException
            | CatchStackTrace
            | CurrentState(_)
            | SaveState(_)
            | Suspend { .. } => Type::Tagged,
            CallStatic { callee, .. } => self
                .callee_signatures
                .get(*callee)
                .and_then(|s| s.as_ref())
                .map_or(Type::Tagged, |s| s.result),
            Int64(_) | PointerToInt(_) | TargetAbi => Type::Int64,
            LoadThread(slot) => slot.ty(),
            Double(_) => Type::Double,
            Bool(_) | InstanceOf { .. } => Type::Bool,
            Unary(op, _) => unary_result(*op),
            Binary(op, ..) => binary_result(*op),
            Compare(op, ..) => {
                let _: CompareOp = *op;
                Type::Bool
            }
            Select { then, .. } => self.ty(*then),
            Load { ty, .. } => *ty,
            LoadIndexed { kind, .. } => kind.element_type(),
            CallLeaf { ty, .. } => return *ty,
            ElementsAddress { .. } | PointerAdd(..) | IntToPointer(_) | CodeAddress(_) => Type::Pointer,
            Store { .. }
            | StoreIndexed { .. }
            | StoreStatic(..)
            | StoreThread(..)
            | MemMove { .. }
            | CheckBounds { .. }
            | CheckNotZero(_)
            | CheckShiftCount(_)
            | AssertSubtype { .. }
            | Remember(_)
            | CheckStack => return None,
        })
    }

    /// Number of elements of a closure allocation.
    pub fn closure_elements(kind: &AllocKind) -> usize {
        match kind {
            AllocKind::Closure { has_delayed, has_instantiator, has_function, .. } => {
                1 + usize::from(*has_delayed) + usize::from(*has_instantiator) + usize::from(*has_function)
            }
            _ => 0,
        }
    }

    /// Calls `f` on every outgoing edge of a block, the unwind edge first.
    pub fn for_each_successor<'a>(&'a self, block: Block, mut f: impl FnMut(&'a BlockCall)) {
        let data = &self.blocks[block];
        if let Some(unwind) = &data.unwind {
            f(unwind);
        }
        if let Some(terminator) = &data.terminator {
            terminator.for_each_edge(f);
        }
    }

    /// Replaces every use of a value, edge arguments included, by what `f` makes of it and of the block it is in.
    pub(crate) fn map_values(&mut self, mut f: impl FnMut(Block, Value) -> Value) {
        for (block, data) in self.blocks.iter_mut() {
            for &inst in &data.insts {
                self.insts[inst].inst.map_args(|v| f(block, v));
            }
            if let Some(unwind) = &mut data.unwind {
                unwind.args.iter_mut().for_each(|v| *v = f(block, *v));
            }
            if let Some(terminator) = &mut data.terminator {
                terminator.for_each_arg_mut(|v| *v = f(block, *v));
                terminator.for_each_edge_mut(|edge| edge.args.iter_mut().for_each(|v| *v = f(block, *v)));
            }
        }
    }

    /// Empties blocks that cannot be reached, and returns the others in reverse postorder.
    pub(crate) fn clear_unreachable(&mut self) -> Vec<Block> {
        let order = self.reverse_postorder();
        let mut reachable = vec![false; self.blocks.len()];
        for block in &order {
            reachable[block.index()] = true;
        }
        for (block, data) in self.blocks.iter_mut() {
            if !reachable[block.index()] {
                *data = BlockData { terminator: Some(Terminator::Unreachable), ..BlockData::default() };
            }
        }
        order
    }

    /// Blocks reachable from the entry in reverse postorder of a depth-first walk.
    pub fn reverse_postorder(&self) -> Vec<Block> {
        let mut state = vec![0u8; self.blocks.len()];
        let mut order = Vec::new();
        let mut stack = vec![(self.entry, false)];
        while let Some((block, done)) = stack.pop() {
            if done {
                order.push(block);
            } else if state[block.index()] == 0 {
                state[block.index()] = 1;
                stack.push((block, true));
                self.for_each_successor(block, |edge| stack.push((edge.block, false)));
            }
        }
        order.reverse();
        order
    }

    /// The shape of a call through a row.
    pub fn row_shape(&self, row: RowRef) -> &CallShape {
        &self.rows[row].shape
    }
}

fn unary_result(op: UnaryOp) -> Type {
    use UnaryOp::*;
    match op {
        BoxInt64 | BoxDouble | BoxBool => Type::Tagged,
        UnboxInt64 | NegInt64 | NotInt64 | DoubleToInt64 | DoubleBits | BitLength | ClassId | SignExtend8
        | SignExtend16 | SignExtend32 | ZeroExtend32 => Type::Int64,
        UnboxDouble | Int64ToDouble | NegDouble | AbsDouble | SqrtDouble | FloorDouble | CeilDouble
        | TruncDouble | DoubleFromBits => Type::Double,
        UnboxBool | Not | IsSmi | IsDeeplyImmutable => Type::Bool,
    }
}

fn binary_result(op: crate::inst::BinaryOp) -> Type {
    use crate::inst::BinaryOp::*;
    match op {
        AddDouble | SubDouble | MulDouble | DivDouble | MinDouble => Type::Double,
        AndBool | OrBool => Type::Bool,
        _ => Type::Int64,
    }
}
