//! Runs entries and cells with made-up arguments and compares what they call with what their target's parameters ask for.
//!
//! Arguments are tokens. Only what these functions consist of can be run. Reads of arguments are checked: they must be
//! inside the arguments, and before the first safepoint.

use std::collections::HashMap;

use snapcrane_ir::{
    ArrayKind, BinaryOp, BlockCall, CompareOp, Function, Inst, Slot, Terminator, UnaryOp, Value,
};
use snapcrane_program::ids::{CallShape, FunctionKey, ObjectKey};
use snapcrane_program::{Params, Program};

/// A value while a function runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// An object that the function mentions.
    Object(ObjectKey),
    /// An argument, by its name.
    Argument(String),
    /// Something computed.
    Computed(&'static str),
    /// Type arguments of a partially instantiated closure.
    Delayed,
    Int(i64),
    Bool(bool),
    Descriptor,
    ArgumentsAddress,
}

/// What a function does.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Calls the target and returns the result.
    Calls(Vec<Token>),
    /// Calls `noSuchMethod`.
    NoSuchMethod,
    /// Returns the sentinel.
    Mismatch,
}

/// A call that an entry gets.
pub struct Call {
    pub shape: CallShape,
    /// Where the named arguments are, in the order of their names.
    pub positions: Vec<usize>,
    /// The closure has been instantiated.
    pub is_instantiated: bool,
}

impl Call {
    fn descriptor(&self) -> Vec<ObjectKey> {
        let int = |value: usize| ObjectKey::Int(value as i64);
        let count = int(self.shape.num_args());
        let mut words =
            vec![int(self.shape.type_args.into()), count.clone(), count, int(self.shape.positional.into())];
        for (&name, &position) in self.shape.names.iter().zip(&self.positions) {
            words.extend([ObjectKey::String(name), int(position)]);
        }
        words.push(ObjectKey::Null);
        words
    }

    /// Arguments by position.
    fn arguments(&self) -> Vec<Token> {
        let mut words = vec![Token::Computed("gap"); self.shape.num_args()];
        for (index, word) in words.iter_mut().take(self.shape.positional.into()).enumerate() {
            *word = Token::Argument(format!("{index}"));
        }
        for (name, &position) in self.shape.names.iter().zip(&self.positions) {
            words[position] = Token::Argument(format!("{name:?}"));
        }
        words
    }

    fn words(&self) -> Vec<Token> {
        let type_args = (self.shape.type_args > 0).then(|| Token::Argument("types".into()));
        type_args.into_iter().chain(self.arguments()).collect()
    }
}

struct Machine<'a> {
    function: &'a Function,
    target: &'a FunctionKey,
    call: &'a Call,
    descriptor: Vec<ObjectKey>,
    words: Vec<Token>,
    values: HashMap<Value, Token>,
    had_safepoint: bool,
    called: Option<Vec<Token>>,
    asked_no_such_method: bool,
}

/// Runs an entry, or a cell if it has parameters of its own.
pub fn run(function: &Function, target: &FunctionKey, call: &Call) -> Result<Outcome, String> {
    let words = call.words();
    let params = function.params();
    let is_entry = matches!(function.key, FunctionKey::GenericEntry(_) | FunctionKey::DynEntry(_));
    let values = match params {
        [descriptor, args] if is_entry => {
            [(*descriptor, Token::Descriptor), (*args, Token::ArgumentsAddress)].into_iter().collect()
        }
        _ if params.len() == words.len() => params.iter().copied().zip(words.iter().cloned()).collect(),
        _ => return Err(format!("{} parameters for {} arguments", params.len(), words.len())),
    };
    let mut machine = Machine {
        function,
        target,
        call,
        descriptor: call.descriptor(),
        words,
        values,
        had_safepoint: false,
        called: None,
        asked_no_such_method: false,
    };
    machine.run()
}

impl Machine<'_> {
    fn get(&self, value: Value) -> Result<Token, String> {
        self.values.get(&value).cloned().ok_or_else(|| format!("{value} has no value"))
    }

    fn int(&self, value: Value) -> Result<i64, String> {
        match self.get(value)? {
            Token::Int(value) | Token::Object(ObjectKey::Int(value)) => Ok(value),
            other => Err(format!("{value} is no integer but {other:?}")),
        }
    }

    fn bool(&self, value: Value) -> Result<bool, String> {
        match self.get(value)? {
            Token::Bool(value) => Ok(value),
            other => Err(format!("{value} is no condition but {other:?}")),
        }
    }

    fn run(&mut self) -> Result<Outcome, String> {
        let mut block = self.function.entry;
        for _ in 0..10_000 {
            let data = &self.function.blocks[block];
            for &inst in &data.insts {
                let data = &self.function.insts[inst];
                let value = self.execute(&data.inst)?;
                self.had_safepoint |= data.inst.effects().safepoint;
                if let (Some(result), Some(value)) = (data.result, value) {
                    self.values.insert(result, value);
                }
            }
            let edge: &BlockCall = match data.terminator.as_ref().ok_or("no terminator")? {
                Terminator::Jump(edge) => edge,
                Terminator::Branch { cond, then, other, .. } => {
                    if self.bool(*cond)? {
                        then
                    } else {
                        other
                    }
                }
                Terminator::Return(value) => return self.outcome(self.get(*value)?),
                other => return Err(format!("ends with {other:?}")),
            };
            let args = edge.args.iter().map(|&arg| self.get(arg)).collect::<Result<Vec<_>, _>>()?;
            self.values.extend(self.function.blocks[edge.block].params.iter().copied().zip(args));
            block = edge.block;
        }
        Err("does not end".into())
    }

    fn outcome(&self, result: Token) -> Result<Outcome, String> {
        match (&self.called, result) {
            (None, Token::Object(ObjectKey::Sentinel)) if !self.had_safepoint => Ok(Outcome::Mismatch),
            (None, Token::Computed("noSuchMethod")) if self.asked_no_such_method => Ok(Outcome::NoSuchMethod),
            // `[]=` has no value.
            (Some(args), Token::Computed("result") | Token::Object(ObjectKey::Null)) => {
                Ok(Outcome::Calls(args.clone()))
            }
            (called, result) => Err(format!("returns {result:?} after a call of the target with {called:?}")),
        }
    }

    fn execute(&mut self, inst: &Inst) -> Result<Option<Token>, String> {
        Ok(Some(match inst {
            Inst::Object(object) => Token::Object(self.function.objects[*object].clone()),
            Inst::Int64(value) => Token::Int(*value),
            Inst::Bool(value) => Token::Bool(*value),
            Inst::Unary(UnaryOp::UnboxInt64, value) => Token::Int(self.int(*value)?),
            Inst::Unary(UnaryOp::Not, value) => Token::Bool(!self.bool(*value)?),
            Inst::Binary(op, a, b) => match op {
                BinaryOp::AddInt64 => Token::Int(self.int(*a)? + self.int(*b)?),
                BinaryOp::SubInt64 => Token::Int(self.int(*a)? - self.int(*b)?),
                BinaryOp::MulInt64 => Token::Int(self.int(*a)? * self.int(*b)?),
                BinaryOp::AndBool => Token::Bool(self.bool(*a)? & self.bool(*b)?),
                BinaryOp::OrBool => Token::Bool(self.bool(*a)? | self.bool(*b)?),
                other => return Err(format!("{other:?}")),
            },
            Inst::Compare(op, a, b) => Token::Bool(match op {
                CompareOp::Same => self.get(*a)? == self.get(*b)?,
                CompareOp::EqInt64 => self.int(*a)? == self.int(*b)?,
                CompareOp::GtInt64 => self.int(*a)? > self.int(*b)?,
                CompareOp::GeInt64 => self.int(*a)? >= self.int(*b)?,
                CompareOp::LeInt64 => self.int(*a)? <= self.int(*b)?,
                other => return Err(format!("{other:?}")),
            }),
            Inst::Select { cond, then, other } => self.get(if self.bool(*cond)? { *then } else { *other })?,
            Inst::Load { object, slot, .. } => match (self.get(*object)?, slot) {
                (Token::Descriptor, Slot::ArrayElement(index)) => self.descriptor_word(i64::from(*index))?,
                (Token::Argument(_), Slot::ClosureElement(0)) if self.call.is_instantiated => Token::Delayed,
                (Token::Argument(_), Slot::ClosureElement(0)) => {
                    Token::Object(ObjectKey::Root("empty_type_arguments"))
                }
                (Token::Argument(_), Slot::ClosureElement(_) | Slot::TypeArguments(_)) => {
                    Token::Computed("element")
                }
                (object, slot) => return Err(format!("load of {slot:?} from {object:?}")),
            },
            Inst::LoadIndexed { kind, base, index } => {
                let index = self.int(*index)?;
                match (kind, self.get(*base)?) {
                    (ArrayKind::Array, Token::Descriptor) => self.descriptor_word(index)?,
                    (ArrayKind::RawTagged, Token::ArgumentsAddress) if !self.had_safepoint => {
                        let word = usize::try_from(index).ok().and_then(|index| self.words.get(index));
                        word.cloned().ok_or_else(|| format!("argument {index} of {}", self.words.len()))?
                    }
                    (kind, base) => return Err(format!("element {index} of {base:?} as {kind:?}")),
                }
            }
            Inst::CallStatic { callee, args } if self.function.callees[*callee] == *self.target => {
                let args = args.iter().map(|&arg| self.get(arg)).collect::<Result<Vec<_>, _>>()?;
                if self.called.replace(args).is_some() {
                    return Err("calls the target twice".into());
                }
                Token::Computed("result")
            }
            Inst::CallDispatch { .. } => {
                self.asked_no_such_method = true;
                Token::Computed("noSuchMethod")
            }
            Inst::CallStatic { .. } | Inst::InstantiateTypeArgs { .. } | Inst::Allocate { .. } => {
                Token::Computed("new")
            }
            Inst::AssertAssignable { value, .. } => self.get(*value)?,
            Inst::AssertSubtype { .. } | Inst::StoreIndexed { .. } => return Ok(None),
            other => return Err(format!("{other:?}")),
        }))
    }

    fn descriptor_word(&self, index: i64) -> Result<Token, String> {
        let word = usize::try_from(index).ok().and_then(|index| self.descriptor.get(index));
        word.map(|word| Token::Object(word.clone())).ok_or_else(|| format!("descriptor entry {index}"))
    }
}

/// Calls to try on a function: few and many arguments, all sets of a few names, unknown names, and names out of order.
pub fn calls(program: &Program<'_>, params: &Params, is_closure: bool) -> Vec<Call> {
    let unknown = ["aaa", "length", "zz"].into_iter().filter_map(|name| program.find_text(name));
    let mut names: Vec<_> =
        params.named.iter().map(|param| param.name).take(5).chain(unknown.take(2)).collect();
    names.sort_by_key(|&name| program.component.string(name));
    names.dedup();
    let own = params.type_params.len() as u16;
    let max = params.full_shape().positional;
    let mut calls = Vec::new();
    for set in 0u32..1 << names.len() {
        let names = (0..names.len()).filter(|index| set >> index & 1 != 0).map(|index| names[index]);
        let names: Vec<_> = names.collect();
        let rest: Vec<_> = params.named.iter().skip(5).map(|param| param.name).collect();
        let mut names = [names, rest].concat();
        names.sort_by_key(|&name| program.component.string(name));
        names.dedup();
        for positional in u16::from(params.has_receiver)..=max + 1 {
            for type_args in [0, own, own + 1] {
                for is_instantiated in [false, true] {
                    for reversed in [false, true] {
                        if is_instantiated && (own == 0 || !is_closure) || reversed && names.len() < 2 {
                            continue;
                        }
                        let mut positions: Vec<usize> =
                            (0..names.len()).map(|index| usize::from(positional) + index).collect();
                        if reversed {
                            positions.reverse();
                        }
                        let shape = CallShape { type_args, positional, names: names.clone().into() };
                        calls.push(Call { shape, positions, is_instantiated });
                    }
                }
            }
        }
    }
    calls
}

/// Compares what was called with what the parameters ask for.
pub fn check(params: &Params, call: &Call, is_entry: bool, outcome: &Outcome) -> Result<(), String> {
    let fits = params.accepts(&call.shape) && !(call.is_instantiated && call.shape.type_args > 0);
    let args = match outcome {
        Outcome::Calls(args) if fits => args,
        Outcome::Mismatch if !fits && is_entry => return Ok(()),
        Outcome::NoSuchMethod if !fits && !is_entry => return Ok(()),
        other => {
            return Err(format!("{other:?}, but the call {} fit", if fits { "does" } else { "does not" }));
        }
    };
    let mut args = args.iter();
    if !params.type_params.is_empty() {
        let types = args.next().ok_or("no type arguments")?;
        let passed = *types == Token::Argument("types".into());
        if passed != (call.shape.type_args > 0) || (*types == Token::Delayed) != call.is_instantiated {
            return Err(format!("type arguments are {types:?}"));
        }
    }
    let given = call.arguments();
    let receivers = usize::from(params.has_receiver);
    let mut expected: Vec<Token> = given.iter().take(receivers).cloned().collect();
    for (index, param) in params.positional.iter().enumerate() {
        let at = receivers + index;
        let is_passed = at < usize::from(call.shape.positional);
        expected.push(if is_passed { given[at].clone() } else { Token::Object(param.default.clone()) });
    }
    for param in &params.named {
        let at = call.shape.names.iter().position(|name| *name == param.name);
        expected.push(match at {
            Some(at) => given[call.positions[at]].clone(),
            None => Token::Object(param.default.clone()),
        });
    }
    let args: Vec<Token> = args.cloned().collect();
    if args == expected { Ok(()) } else { Err(format!("{args:?} instead of {expected:?}")) }
}
