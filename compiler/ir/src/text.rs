//! Text form of functions, for people and golden tests.
//!
//! Names of program entities come from a [`Names`]; without one, keys are printed as they are.

use std::fmt::{self, Write};

use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, ObjectKey, RowKey};
use snapcrane_program::types::RecordShape;

use crate::function::{BlockCall, Function, Terminator, Unlikely, Value};
use crate::inst::{AllocKind, Inst, NullCheck, Slot, StoreBarrier};

/// Names of program entities.
pub trait Names {
    /// Name of a class.
    fn class(&self, class: ClassId) -> String {
        class.to_string()
    }
    /// Name of a field.
    fn field(&self, field: FieldId) -> String {
        field.to_string()
    }
    /// Name of a function.
    fn function(&self, key: &FunctionKey) -> String {
        format!("{key:?}")
    }
    /// Name of an object.
    fn object(&self, key: &ObjectKey) -> String {
        format!("{key:?}")
    }
    /// Name of a dispatch row.
    fn row(&self, key: &RowKey) -> String {
        format!("{key:?}")
    }
    /// Fields of a record.
    fn record(&self, shape: &RecordShape) -> String {
        format!("{}+{}", shape.positional, shape.names.len())
    }
}

/// Prints keys as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct PlainNames;

impl Names for PlainNames {}

/// A function with names for its text form.
pub struct Display<'a> {
    /// The function.
    pub func: &'a Function,
    /// Names of what it refers to.
    pub names: &'a dyn Names,
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display { func: self, names: &PlainNames }.fmt(f)
    }
}

impl fmt::Display for Display<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let func = self.func;
        write!(f, "function {}(", self.names.function(&func.key))?;
        for (index, ty) in func.signature.params.iter().enumerate() {
            write!(f, "{}{ty:?}", if index > 0 { ", " } else { "" })?;
        }
        writeln!(f, ") -> {:?} {{", func.signature.result)?;
        for block in func.reverse_postorder() {
            let data = &func.blocks[block];
            write!(f, "{block}(")?;
            for (index, &param) in data.params.iter().enumerate() {
                write!(f, "{}{param}: {:?}", if index > 0 { ", " } else { "" }, func.ty(param))?;
            }
            writeln!(f, "){}:", if data.is_handler { " handler" } else { "" })?;
            for &inst in &data.insts {
                let inst_data = &func.insts[inst];
                f.write_str("    ")?;
                if let Some(result) = inst_data.result {
                    write!(f, "{result} = ")?;
                }
                self.inst(f, &inst_data.inst)?;
                if let Some(offset) = inst_data.pos.offset() {
                    write!(f, "  @{offset}")?;
                }
                f.write_char('\n')?;
            }
            if let Some(unwind) = &data.unwind {
                f.write_str("    unwind ")?;
                self.edge(f, unwind)?;
                f.write_char('\n')?;
            }
            if let Some(terminator) = &data.terminator {
                f.write_str("    ")?;
                self.terminator(f, terminator)?;
                f.write_char('\n')?;
            }
        }
        writeln!(f, "}}")
    }
}

impl Display<'_> {
    fn args(&self, f: &mut fmt::Formatter<'_>, args: &[Value]) -> fmt::Result {
        f.write_char('(')?;
        for (index, arg) in args.iter().enumerate() {
            write!(f, "{}{arg}", if index > 0 { ", " } else { "" })?;
        }
        f.write_char(')')
    }

    fn edge(&self, f: &mut fmt::Formatter<'_>, edge: &BlockCall) -> fmt::Result {
        write!(f, "{}", edge.block)?;
        if edge.args.is_empty() { Ok(()) } else { self.args(f, &edge.args) }
    }

    fn slot(&self, slot: &Slot) -> String {
        match slot {
            Slot::Field(field) => self.names.field(*field),
            Slot::TypeArguments(class) => format!("type_arguments<{}>", self.names.class(*class)),
            Slot::Native(native) => native.name().to_string(),
            Slot::ContextParent => "parent".into(),
            Slot::ContextVariable(index) => format!("variable[{index}]"),
            Slot::ClosureElement(index) => format!("element[{index}]"),
            Slot::RecordField(index) => format!("record[{index}]"),
            Slot::ArrayElement(index) => format!("array[{index}]"),
            Slot::TypeArgument(index) => format!("type_argument[{index}]"),
            Slot::SuspendPayload(index) => format!("payload[{index}]"),
        }
    }

    fn alloc(&self, kind: &AllocKind) -> String {
        let func = self.func;
        match kind {
            AllocKind::Object(class) => format!("object {}", self.names.class(*class)),
            AllocKind::Context(count) => format!("context {count}"),
            AllocKind::Closure { function, .. } => {
                format!("closure {}", self.names.object(&func.objects[*function]))
            }
            AllocKind::Record(shape) => format!("record {}", self.names.record(shape)),
            AllocKind::TypedData(class) => format!("typed_data {}", self.names.class(*class)),
            AllocKind::TypedDataView(class) => format!("typed_data_view {}", self.names.class(*class)),
            AllocKind::ExternalTypedData(class) => {
                format!("external_typed_data {}", self.names.class(*class))
            }
            AllocKind::Array => "array".into(),
            AllocKind::GrowableArray => "growable_array".into(),
            AllocKind::OneByteString => "one_byte_string".into(),
            AllocKind::TwoByteString => "two_byte_string".into(),
            AllocKind::Pointer => "pointer".into(),
            AllocKind::SuspendState(words) => format!("suspend_state {words}"),
        }
    }

    fn inst(&self, f: &mut fmt::Formatter<'_>, inst: &Inst) -> fmt::Result {
        let func = self.func;
        let object = |object| self.names.object(&func.objects[object]);
        let barrier = |barrier: StoreBarrier| if barrier == StoreBarrier::None { " nobarrier" } else { "" };
        match inst {
            Inst::Object(key) => write!(f, "object {}", object(*key)),
            Inst::Int64(value) => write!(f, "int64 {value}"),
            Inst::Double(bits) => write!(f, "double {:?}", f64::from_bits(*bits)),
            Inst::Bool(value) => write!(f, "bool {value}"),
            Inst::Unary(op, a) => write!(f, "{op:?} {a}"),
            Inst::Binary(op, a, b) => write!(f, "{op:?} {a}, {b}"),
            Inst::Compare(op, a, b) => write!(f, "{op:?} {a}, {b}"),
            Inst::Select { cond, then, other } => write!(f, "select {cond}, {then}, {other}"),
            Inst::Load { object, slot, .. } => write!(f, "load {object}.{}", self.slot(slot)),
            Inst::Store { object, slot, value, barrier: b } => {
                write!(f, "store {object}.{}, {value}{}", self.slot(slot), barrier(*b))
            }
            Inst::LoadIndexed { kind, base, index } => write!(f, "load_indexed {kind:?} {base}[{index}]"),
            Inst::StoreIndexed { kind, base, index, value, barrier: b } => {
                write!(f, "store_indexed {kind:?} {base}[{index}], {value}{}", barrier(*b))
            }
            Inst::LoadThread(slot) => write!(f, "load_thread {slot:?}"),
            Inst::StoreThread(slot, value) => write!(f, "store_thread {slot:?}, {value}"),
            Inst::TargetAbi => f.write_str("target_abi"),
            Inst::LoadStatic(field) => write!(f, "load_static {}", self.names.field(*field)),
            Inst::StoreStatic(field, value) => {
                write!(f, "store_static {}, {value}", self.names.field(*field))
            }
            Inst::Allocate { kind, args } => {
                write!(f, "allocate {}", self.alloc(kind))?;
                self.args(f, args)
            }
            Inst::CallStatic { callee, args } => {
                write!(f, "call {}", self.names.function(&func.callees[*callee]))?;
                self.args(f, args)
            }
            Inst::CallDispatch { row, args } => {
                write!(f, "dispatch {}", self.names.row(&func.rows[*row]))?;
                self.args(f, args)
            }
            Inst::CallClosure { descriptor, checked, args } => {
                write!(f, "call_closure{} {}", if *checked { " checked" } else { "" }, object(*descriptor))?;
                self.args(f, args)
            }
            Inst::CallEntry { closure, checked, descriptor, arguments } => {
                write!(f, "call_entry{} ", if *checked { " checked" } else { "" })?;
                self.args(f, &[*closure, *descriptor, *arguments])
            }
            Inst::CallRuntime { entry, args } | Inst::CallLeaf { entry, args, .. } => {
                write!(
                    f,
                    "{} {entry}",
                    if matches!(inst, Inst::CallLeaf { .. }) { "leaf" } else { "runtime" }
                )?;
                self.args(f, args)
            }
            Inst::MemMove { to, from, count } => write!(f, "memmove {to}, {from}, {count}"),
            Inst::ElementsAddress { kind, object } => write!(f, "elements {kind:?} {object}"),
            Inst::PointerAdd(a, b) => write!(f, "pointer_add {a}, {b}"),
            Inst::PointerToInt(a) => write!(f, "pointer_to_int {a}"),
            Inst::IntToPointer(a) => write!(f, "int_to_pointer {a}"),
            Inst::CheckNull { value, kind } => match kind {
                NullCheck::Cast => write!(f, "check_null {value}"),
                NullCheck::NoSuchMethod(name) => write!(f, "check_null {value} for {}", object(*name)),
            },
            Inst::CheckBounds { index, length } => write!(f, "check_bounds {index}, {length}"),
            Inst::CheckNotZero(a) => write!(f, "check_not_zero {a}"),
            Inst::CheckShiftCount(a) => write!(f, "check_shift_count {a}"),
            Inst::AssertAssignable { value, ty, instantiator, function, name, .. } => {
                write!(f, "assert_assignable {value}, {} [{instantiator}, {function}]", object(*ty))?;
                write!(f, " for {}", object(*name))
            }
            Inst::InstanceOf { value, ty, instantiator, function, .. } => {
                write!(f, "instance_of {value}, {} [{instantiator}, {function}]", object(*ty))
            }
            Inst::AssertSubtype { sub, sup, instantiator, function, name } => {
                write!(f, "assert_subtype {sub}, {sup} [{instantiator}, {function}] for {name}")
            }
            Inst::InstantiateType { ty, instantiator, function } => {
                write!(f, "instantiate_type {} [{instantiator}, {function}]", object(*ty))
            }
            Inst::InstantiateTypeArgs { args, instantiator, function } => {
                write!(f, "instantiate_type_args {} [{instantiator}, {function}]", object(*args))
            }
            Inst::CodeAddress(callee) => {
                write!(f, "code_address {}", self.names.function(&func.callees[*callee]))
            }
            Inst::Remember(a) => write!(f, "remember {a}"),
            Inst::CurrentState(a) => write!(f, "current_state {a}"),
            Inst::SaveState(a) => write!(f, "save_state {a}"),
            Inst::Suspend { state, result } => write!(f, "suspend {state}, {result}"),
            Inst::CheckStack => f.write_str("check_stack"),
            Inst::CatchException => f.write_str("catch_exception"),
            Inst::CatchStackTrace => f.write_str("catch_stack_trace"),
        }
    }

    fn terminator(&self, f: &mut fmt::Formatter<'_>, terminator: &Terminator) -> fmt::Result {
        match terminator {
            Terminator::Jump(to) => {
                f.write_str("jump ")?;
                self.edge(f, to)
            }
            Terminator::Branch { cond, then, other, unlikely } => {
                write!(f, "branch {cond}, ")?;
                self.edge(f, then)?;
                f.write_str(if *unlikely == Unlikely::Then { " (cold), " } else { ", " })?;
                self.edge(f, other)?;
                f.write_str(if *unlikely == Unlikely::Other { " (cold)" } else { "" })
            }
            Terminator::Switch { index, low, targets, default } => {
                write!(f, "switch {index}, ")?;
                for (position, target) in targets.iter().enumerate() {
                    write!(f, "{}: ", low + position as i64)?;
                    self.edge(f, target)?;
                    f.write_str(", ")?;
                }
                f.write_str("else ")?;
                self.edge(f, default)
            }
            Terminator::Return(value) => write!(f, "return {value}"),
            Terminator::Throw(value) => write!(f, "throw {value}"),
            Terminator::ReThrow(value, trace) => write!(f, "rethrow {value}, {trace}"),
            Terminator::TailCall { address, args } => {
                write!(f, "tail_call {address}")?;
                self.args(f, args)
            }
            Terminator::Unreachable => f.write_str("unreachable"),
        }
    }
}
