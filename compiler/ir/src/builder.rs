//! Building functions: mutable variables become SSA values while the blocks are written.
//!
//! # Approach
//!
//! The construction of Braun et al. ("Simple and Efficient Construction of Static Single Assignment Form"): each block
//! remembers the current value of each variable; a use that finds none asks the predecessors, and makes a block parameter where they
//! may differ. A block is *sealed* when all its predecessors are known; until then a use makes a parameter whose
//! arguments are filled in later.
//!
//! # Exceptions
//!
//! While a handler is set ([`FunctionBuilder::set_handler`]) every instruction that may throw ends its block: the block gets the
//! unwind edge, and building goes on in a fresh block. So the value that a variable has at the end of a
//! block is the one it had before the throwing instruction, which is what the handler must see.
//!
//! # Invariants
//!
//! After a terminator the builder is *unreachable*: instructions are dropped until [`FunctionBuilder::switch_to`]. Dropped
//! instructions yield values of the right type that no reachable code uses.

use cranelift_entity::{EntityRef, SecondaryMap, entity_impl};
use smallvec::SmallVec;
use snapcrane_program::ids::{FunctionKey, ObjectKey, RowKey};
use std::collections::HashMap;

use crate::function::{
    Block, BlockCall, BlockData, CalleeRef, Function, InstData, ObjectRef, RowRef, Signature, SourcePos,
    Terminator, Unlikely, Value, ValueData, ValueDef,
};
use crate::inst::{Inst, Type};

/// A mutable variable of the function being built.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variable(u32);
entity_impl!(Variable, "var");

/// An edge of the graph being built: the block it leaves and which of its edges it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EdgeRef {
    from: Block,
    /// 0 is the unwind edge, then the terminator's edges in order.
    index: u32,
}

#[derive(Clone, Debug, Default)]
struct BlockState {
    sealed: bool,
    preds: Vec<EdgeRef>,
    /// Parameters made for variables before the block was sealed.
    incomplete: Vec<(Variable, Value)>,
}

/// Builds one [`Function`].
#[derive(Debug)]
pub struct FunctionBuilder {
    /// The function so far.
    pub func: Function,
    current: Option<Block>,
    pos: SourcePos,
    handler: Option<Block>,
    var_types: Vec<Type>,
    defs: HashMap<(Variable, Block), Value>,
    states: SecondaryMap<Block, BlockState>,
    /// Values that stand for another one (removed trivial parameters).
    aliases: HashMap<Value, Value>,
    /// Which block parameters belong to a variable (the others are explicit).
    phis: HashMap<Value, Variable>,
    objects: HashMap<ObjectKey, ObjectRef>,
    callees: HashMap<FunctionKey, CalleeRef>,
    rows: HashMap<RowKey, RowRef>,
}

impl FunctionBuilder {
    /// Starts a function; building begins in its entry block.
    pub fn new(key: FunctionKey, signature: Signature) -> FunctionBuilder {
        let func = Function::new(key, signature);
        let entry = func.entry;
        let mut builder = FunctionBuilder {
            func,
            current: Some(entry),
            pos: SourcePos::NONE,
            handler: None,
            var_types: Vec::new(),
            defs: HashMap::new(),
            states: SecondaryMap::new(),
            aliases: HashMap::new(),
            phis: HashMap::new(),
            objects: HashMap::new(),
            callees: HashMap::new(),
            rows: HashMap::new(),
        };
        builder.states[entry].sealed = true;
        builder
    }

    /// Sets the source position of the following instructions; returns the old one.
    pub fn set_pos(&mut self, pos: SourcePos) -> SourcePos {
        std::mem::replace(&mut self.pos, pos)
    }

    /// The current source position.
    pub fn pos(&self) -> SourcePos {
        self.pos
    }

    /// Sets where exceptions of the following instructions go (`None`: out of the function); returns the old handler.
    pub fn set_handler(&mut self, handler: Option<Block>) -> Option<Block> {
        std::mem::replace(&mut self.handler, handler)
    }

    /// Where exceptions go now.
    pub fn handler(&self) -> Option<Block> {
        self.handler
    }

    /// Makes a block; it is not sealed.
    pub fn create_block(&mut self) -> Block {
        self.func.blocks.push(BlockData::default())
    }

    /// Makes a handler block; the first instructions in it should be [`Inst::CatchException`] and [`Inst::CatchStackTrace`].
    pub fn create_handler(&mut self) -> Block {
        self.func.blocks.push(BlockData { is_handler: true, ..BlockData::default() })
    }

    /// Appends an explicit parameter to a block.
    pub fn append_param(&mut self, block: Block, ty: Type) -> Value {
        self.func.append_param(block, ty)
    }

    /// Continues building at the end of a block.
    pub fn switch_to(&mut self, block: Block) {
        debug_assert!(self.func.blocks[block].terminator.is_none(), "{block} is already finished");
        self.current = Some(block);
    }

    /// The block being built; `None` after a terminator.
    pub fn current_block(&self) -> Option<Block> {
        self.current
    }

    /// Whether the code being built can be reached (building goes on, but instructions are dropped, when not).
    pub fn is_reachable(&self) -> bool {
        self.current.is_some()
    }

    /// Whether a block has got a predecessor.
    pub fn has_predecessors(&self, block: Block) -> bool {
        !self.states[block].preds.is_empty()
    }

    /// Declares that all predecessors of a block are known.
    pub fn seal(&mut self, block: Block) {
        if self.states[block].sealed {
            return;
        }
        self.states[block].sealed = true;
        let incomplete = std::mem::take(&mut self.states[block].incomplete);
        for (var, param) in incomplete {
            self.complete_param(block, var, param);
        }
    }

    /// Declares a variable.
    pub fn declare_var(&mut self, ty: Type) -> Variable {
        let var = Variable::new(self.var_types.len());
        self.var_types.push(ty);
        var
    }

    /// Assigns a variable.
    pub fn def_var(&mut self, var: Variable, value: Value) {
        debug_assert_eq!(self.var_types[var.index()], self.func.ty(value), "type of {var}");
        if let Some(block) = self.current {
            self.defs.insert((var, block), value);
        }
    }

    /// Reads a variable.
    pub fn use_var(&mut self, var: Variable) -> Value {
        match self.current {
            Some(block) => self.read(var, block),
            None => self.dangling(self.var_types[var.index()]),
        }
    }

    /// Appends an instruction. The result of one without a result type must not be used.
    pub fn ins(&mut self, inst: Inst) -> Value {
        let ty = self.func.result_type(&inst);
        let Some(block) = self.current else {
            return self.dangling(ty.unwrap_or(Type::Tagged));
        };
        let throws = inst.effects().throws;
        let inst_ref = self.func.insts.push(InstData { inst, result: None, pos: self.pos });
        self.func.blocks[block].insts.push(inst_ref);
        let result = match ty {
            Some(ty) => {
                let value = self.func.values.push(ValueData { def: ValueDef::Inst(inst_ref), ty });
                self.func.insts[inst_ref].result = Some(value);
                value
            }
            None => Value::from_u32(u32::MAX - 1),
        };
        if let (true, Some(handler)) = (throws, self.handler) {
            self.set_unwind(block, handler);
            let next = self.create_block();
            self.terminate(Terminator::Jump(BlockCall { block: next, args: SmallVec::new() }));
            self.seal(next);
            self.switch_to(next);
        }
        result
    }

    fn set_unwind(&mut self, block: Block, handler: Block) {
        self.func.blocks[block].unwind = Some(BlockCall { block: handler, args: SmallVec::new() });
        self.states[handler].preds.push(EdgeRef { from: block, index: 0 });
        debug_assert!(!self.states[handler].sealed, "new edge to sealed {handler}");
    }

    /// Ends the current block.
    pub fn terminate(&mut self, terminator: Terminator) {
        let Some(block) = self.current.take() else { return };
        if terminator.throws()
            && let Some(handler) = self.handler
        {
            self.set_unwind(block, handler);
        }
        let mut index = 0;
        let states = &mut self.states;
        terminator.for_each_edge(|edge| {
            index += 1;
            debug_assert!(!states[edge.block].sealed, "new edge to sealed {}", edge.block);
            states[edge.block].preds.push(EdgeRef { from: block, index });
        });
        self.func.blocks[block].terminator = Some(terminator);
        self.func.terminator_pos[block] = Some(self.pos);
    }

    /// Ends the current block by a jump without explicit arguments.
    pub fn jump(&mut self, block: Block) {
        self.jump_args(block, &[]);
    }

    /// Ends the current block by a jump.
    pub fn jump_args(&mut self, block: Block, args: &[Value]) {
        self.terminate(Terminator::Jump(BlockCall { block, args: SmallVec::from_slice(args) }));
    }

    /// Ends the current block by a branch without explicit arguments.
    pub fn branch(&mut self, cond: Value, then: Block, other: Block) {
        self.branch_unlikely(cond, then, other, Unlikely::None);
    }

    /// As [`FunctionBuilder::branch`], with a hint.
    pub fn branch_unlikely(&mut self, cond: Value, then: Block, other: Block, unlikely: Unlikely) {
        let call = |block| BlockCall { block, args: SmallVec::new() };
        self.terminate(Terminator::Branch { cond, then: call(then), other: call(other), unlikely });
    }

    /// Ends the current block by a return.
    pub fn ret(&mut self, value: Value) {
        self.terminate(Terminator::Return(value));
    }

    /// The reference to an object.
    pub fn object_ref(&mut self, key: ObjectKey) -> ObjectRef {
        let func = &mut self.func;
        *self.objects.entry(key).or_insert_with_key(|key| func.objects.push(key.clone()))
    }

    /// An object as a value.
    pub fn object(&mut self, key: ObjectKey) -> Value {
        let object = self.object_ref(key);
        self.ins(Inst::Object(object))
    }

    /// `null`.
    pub fn null(&mut self) -> Value {
        self.object(ObjectKey::Null)
    }

    /// An integer.
    pub fn int64(&mut self, value: i64) -> Value {
        self.ins(Inst::Int64(value))
    }

    /// The reference to a function with the given signature.
    pub fn callee_ref(&mut self, key: FunctionKey, signature: Signature) -> CalleeRef {
        let func = &mut self.func;
        *self.callees.entry(key).or_insert_with_key(|key| {
            let callee = func.callees.push(key.clone());
            func.callee_signatures[callee] = Some(signature);
            callee
        })
    }

    /// Calls a function all of whose parameters are tagged.
    pub fn call(&mut self, key: FunctionKey, args: &[Value]) -> Value {
        let callee = self.callee_ref(key, Signature::tagged(args.len()));
        self.ins(Inst::CallStatic { callee, args: SmallVec::from_slice(args) })
    }

    /// The reference to a dispatch row.
    pub fn row_ref(&mut self, key: RowKey) -> RowRef {
        let func = &mut self.func;
        *self.rows.entry(key).or_insert_with_key(|key| func.rows.push(key.clone()))
    }

    /// Ends building. All blocks are sealed; unreachable ones are emptied.
    pub fn finish(mut self) -> Function {
        debug_assert!(self.current.is_none(), "last block has no terminator");
        for block in self.func.blocks.keys().collect::<Vec<_>>() {
            self.seal(block);
        }
        self.remove_unreachable();
        self.resolve_aliases();
        self.func
    }

    /// A value of unreachable code.
    fn dangling(&mut self, ty: Type) -> Value {
        self.func.values.push(ValueData { def: ValueDef::Param(self.func.entry, u32::MAX), ty })
    }

    fn read(&mut self, var: Variable, block: Block) -> Value {
        if let Some(&value) = self.defs.get(&(var, block)) {
            return self.resolve(value);
        }
        // Chains of blocks with one predecessor are walked in a loop: they are long after inlined throwing instructions.
        let mut chain = vec![block];
        let value = loop {
            let at = *chain.last().unwrap_or(&block);
            if let Some(&value) = self.defs.get(&(var, at)) {
                break self.resolve(value);
            }
            let state = &self.states[at];
            if !state.sealed {
                let param = self.new_param(at, var);
                self.states[at].incomplete.push((var, param));
                break param;
            }
            match state.preds.as_slice() {
                [] => break self.dangling(self.var_types[var.index()]),
                [edge] => chain.push(edge.from),
                _ => {
                    let param = self.new_param(at, var);
                    break self.complete_param(at, var, param);
                }
            }
        };
        for at in chain {
            self.defs.entry((var, at)).or_insert(value);
        }
        value
    }

    fn new_param(&mut self, block: Block, var: Variable) -> Value {
        let param = self.func.append_param(block, self.var_types[var.index()]);
        self.phis.insert(param, var);
        self.defs.insert((var, block), param);
        param
    }

    /// Fills in the arguments of a variable's parameter; replaces the parameter if all arguments agree.
    fn complete_param(&mut self, block: Block, var: Variable, param: Value) -> Value {
        let preds = self.states[block].preds.clone();
        let mut args = Vec::with_capacity(preds.len());
        for edge in &preds {
            args.push(self.read(var, edge.from));
        }
        if let Some(same) = self.only_value(param, &args) {
            self.remove_param(block, param);
            self.aliases.insert(param, same);
            // The block may have assigned the variable meanwhile: only the parameter itself is replaced, by its alias.
            return same;
        }
        // Other parameters may have been removed meanwhile: the position is looked up now.
        for (edge, arg) in preds.into_iter().zip(args) {
            let position = self.param_position(block, param);
            let call = self.edge_mut(edge);
            while call.args.len() < position {
                // Parameters before this one that are still being completed get their arguments later.
                call.args.push(Value::from_u32(u32::MAX - 2));
            }
            if call.args.len() == position { call.args.push(arg) } else { call.args[position] = arg }
        }
        param
    }

    fn param_position(&self, block: Block, param: Value) -> usize {
        match self.func.values[param].def {
            ValueDef::Param(at, index) if at == block => index as usize,
            _ => 0,
        }
    }

    fn remove_param(&mut self, block: Block, param: Value) {
        let position = self.param_position(block, param);
        self.func.blocks[block].params.remove(position);
        for index in position..self.func.blocks[block].params.len() {
            let later = self.func.blocks[block].params[index];
            self.func.values[later].def = ValueDef::Param(block, index as u32);
        }
        for edge in self.states[block].preds.clone() {
            let call = self.edge_mut(edge);
            if call.args.len() > position {
                call.args.remove(position);
            }
        }
    }

    fn edge_mut(&mut self, edge: EdgeRef) -> &mut BlockCall {
        let data = &mut self.func.blocks[edge.from];
        let mut found = None;
        if edge.index == 0 {
            found = data.unwind.as_mut();
        } else if let Some(terminator) = &mut data.terminator {
            found = match terminator {
                Terminator::Jump(to) => Some(to),
                Terminator::Branch { then, other, .. } => Some(if edge.index == 1 { then } else { other }),
                Terminator::Switch { targets, default, .. } => {
                    Some(targets.get_mut(edge.index as usize - 1).unwrap_or(default))
                }
                _ => None,
            };
        }
        found.expect("edges are recorded when they are made")
    }

    /// The value that all arguments of a parameter are, apart from the parameter itself.
    fn only_value(&self, param: Value, args: &[Value]) -> Option<Value> {
        let mut same = None;
        for &arg in args {
            let arg = self.resolve(arg);
            if arg == param || Some(arg) == same {
                continue;
            }
            if same.is_some() {
                return None;
            }
            same = Some(arg);
        }
        same
    }

    fn resolve(&self, mut value: Value) -> Value {
        while let Some(&next) = self.aliases.get(&value) {
            value = next;
        }
        value
    }

    fn remove_unreachable(&mut self) {
        let mut reachable = vec![false; self.func.blocks.len()];
        for block in self.func.reverse_postorder() {
            reachable[block.index()] = true;
        }
        for (block, data) in self.func.blocks.iter_mut() {
            if !reachable[block.index()] {
                data.insts.clear();
                data.unwind = None;
                data.terminator = Some(Terminator::Unreachable);
                data.params.clear();
            }
        }
    }

    /// Replaces removed parameters everywhere, and removes parameters that have become trivial by that, until none is left.
    fn resolve_aliases(&mut self) {
        loop {
            let aliases = std::mem::take(&mut self.aliases);
            let resolve = |mut value: Value| {
                while let Some(&next) = aliases.get(&value) {
                    value = next;
                }
                value
            };
            for data in self.func.insts.values_mut() {
                data.inst.map_args(resolve);
            }
            for data in self.func.blocks.values_mut() {
                if let Some(unwind) = &mut data.unwind {
                    unwind.args.iter_mut().for_each(|v| *v = resolve(*v));
                }
                if let Some(terminator) = &mut data.terminator {
                    terminator.for_each_arg_mut(|v| *v = resolve(*v));
                    terminator.for_each_edge_mut(|edge| edge.args.iter_mut().for_each(|v| *v = resolve(*v)));
                }
            }
            if !self.remove_trivial_params() {
                break;
            }
        }
    }

    fn remove_trivial_params(&mut self) -> bool {
        let mut changed = false;
        let reachable = self.func.reverse_postorder();
        let mut incoming: SecondaryMap<Block, Vec<EdgeRef>> = SecondaryMap::new();
        for &block in &reachable {
            let mut index = 0;
            if let Some(unwind) = &self.func.blocks[block].unwind {
                incoming[unwind.block].push(EdgeRef { from: block, index: 0 });
            }
            if let Some(terminator) = &self.func.blocks[block].terminator {
                terminator.for_each_edge(|edge| {
                    index += 1;
                    incoming[edge.block].push(EdgeRef { from: block, index });
                });
            }
        }
        for &block in &reachable {
            self.states[block].preds = incoming[block].clone();
            let params = self.func.blocks[block].params.clone();
            for param in params {
                if !self.phis.contains_key(&param) {
                    continue;
                }
                let position = self.param_position(block, param);
                let args: SmallVec<[Value; 8]> =
                    incoming[block].iter().map(|&edge| self.edge_mut(edge).args[position]).collect();
                if let Some(same) = self.only_value(param, &args) {
                    self.remove_param(block, param);
                    self.aliases.insert(param, same);
                    changed = true;
                }
            }
        }
        changed
    }
}
