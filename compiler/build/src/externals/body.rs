//! A body under construction, with shorthands for the instructions that most bodies are made of.

use smallvec::SmallVec;
use snapcrane_ir::inst::Args;
use snapcrane_ir::{
    AllocKind, ArrayKind, BinaryOp, Block, CompareOp, Function, FunctionBuilder, Inst, NativeSlot, Signature,
    Slot, SourcePos, StoreBarrier, Terminator, ThreadSlot, Type, UnaryOp, Value,
};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{ClassId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::types::DartType;

use super::place;
use crate::BuildContext;
use crate::core_calls::CoreCalls;
use crate::error::{Error, Result};

/// Builds a body up to its last terminator.
pub(super) type Builder = fn(&mut Body<'_>) -> Result<()>;

/// The body of a member that has none in Dart.
pub(crate) struct Body<'a> {
    pub(super) ctx: &'a BuildContext<'a>,
    pub(super) member: MemberId,
    pub(super) b: FunctionBuilder,
    type_args: Option<Value>,
    args: SmallVec<[Value; 5]>,
}

impl CoreCalls for Body<'_> {
    fn context_and_builder(&mut self) -> (&BuildContext<'_>, &mut FunctionBuilder) {
        (self.ctx, &mut self.b)
    }
}

impl<'a> Body<'a> {
    /// Builds the function of a member.
    pub(super) fn build(
        ctx: &'a BuildContext<'a>,
        member: MemberId,
        builder: impl FnOnce(&mut Body<'_>) -> Result<()>,
    ) -> Result<Function> {
        let params = &ctx.program.members[member].params;
        let mut b = FunctionBuilder::new(FunctionKey::Member(member), Signature::tagged(params.num_args()));
        b.set_pos(place(ctx, member).2.get().map_or(SourcePos::NONE, |offset| SourcePos::new(offset as i32)));
        let mut args: SmallVec<[Value; 5]> = b.func.params().iter().copied().collect();
        let type_args = (!params.type_params.is_empty()).then(|| args.remove(0));
        let mut body = Body { ctx, member, b, type_args, args };
        body.check_arguments();
        builder(&mut body)?;
        Ok(body.b.finish())
    }

    /// Checks what callers could not know: values for parameters that are covariant because of a class type parameter.
    fn check_arguments(&mut self) {
        let program = self.ctx.program;
        let member = &program.members[self.member];
        let receiver = member.params.has_receiver.then(|| self.args[0]);
        for (index, param) in member.params.all().enumerate() {
            if !program.checks_param(member, param) || program.is_top_type(&param.ty) {
                continue;
            }
            let null = self.b.null();
            let instantiator = match (receiver, member.class) {
                (Some(receiver), Some(class)) if param.ty.needs_instantiator() => self.b.ins(Inst::Load {
                    object: receiver,
                    slot: Slot::TypeArguments(class),
                    ty: Type::Tagged,
                }),
                _ => null,
            };
            let inputs = match &param.ty {
                DartType::Interface { .. } if param.ty.is_instantiated() => 2,
                DartType::Interface { .. } => 3,
                _ => 6,
            };
            let at = index + usize::from(receiver.is_some());
            let ty = self.b.object_ref(ObjectKey::Type(param.ty.clone()));
            let name = self.b.object_ref(ObjectKey::String(param.name));
            let cache = self.b.object_ref(ObjectKey::SubtypeTestCache { inputs, site: index as u32 });
            let value = self.args[at];
            self.args[at] =
                self.b.ins(Inst::AssertAssignable { value, ty, instantiator, function: null, name, cache });
        }
    }

    /// The parameters without type arguments, of which there must be exactly `N`.
    pub(super) fn args<const N: usize>(&self) -> Result<[Value; N]> {
        <[Value; N]>::try_from(&self.args[..]).map_err(|_| Error::Dangling {
            member: self.ctx.program.qualified_name(&FunctionKey::Member(self.member), &()),
            what: format!("{N} parameters, it has {}", self.args.len()),
        })
    }

    /// The type arguments of the call, null if the member has no type parameters.
    pub(super) fn type_args(&mut self) -> Value {
        match self.type_args {
            Some(value) => value,
            None => self.b.null(),
        }
    }

    pub(super) fn ins(&mut self, inst: Inst) -> Value {
        self.b.ins(inst)
    }

    pub(super) fn int(&mut self, value: i64) -> Value {
        self.b.int64(value)
    }

    pub(super) fn double(&mut self, value: f64) -> Value {
        self.ins(Inst::Double(value.to_bits()))
    }

    pub(super) fn unary(&mut self, op: UnaryOp, value: Value) -> Value {
        self.ins(Inst::Unary(op, value))
    }

    pub(super) fn binary(&mut self, op: BinaryOp, a: Value, b: Value) -> Value {
        self.ins(Inst::Binary(op, a, b))
    }

    /// An operation on integers with a constant.
    pub(super) fn binary_imm(&mut self, op: BinaryOp, a: Value, b: i64) -> Value {
        let b = self.int(b);
        self.binary(op, a, b)
    }

    pub(super) fn compare(&mut self, op: CompareOp, a: Value, b: Value) -> Value {
        self.ins(Inst::Compare(op, a, b))
    }

    /// A comparison of integers with a constant.
    pub(super) fn compare_imm(&mut self, op: CompareOp, a: Value, b: i64) -> Value {
        let b = self.int(b);
        self.compare(op, a, b)
    }

    pub(super) fn select(&mut self, cond: Value, then: Value, other: Value) -> Value {
        self.ins(Inst::Select { cond, then, other })
    }

    pub(super) fn unbox_int(&mut self, value: Value) -> Value {
        self.unary(UnaryOp::UnboxInt64, value)
    }

    pub(super) fn unbox_double(&mut self, value: Value) -> Value {
        self.unary(UnaryOp::UnboxDouble, value)
    }

    /// The object for a value of any type but `Pointer`.
    pub(super) fn boxed(&mut self, value: Value) -> Value {
        match self.b.func.ty(value) {
            Type::Int64 => self.unary(UnaryOp::BoxInt64, value),
            Type::Double => self.unary(UnaryOp::BoxDouble, value),
            Type::Bool => self.unary(UnaryOp::BoxBool, value),
            Type::Tagged | Type::Pointer => value,
        }
    }

    pub(super) fn load(&mut self, object: Value, slot: NativeSlot) -> Value {
        self.ins(Inst::Load { object, slot: Slot::Native(slot), ty: slot.ty() })
    }

    pub(super) fn store(&mut self, object: Value, slot: NativeSlot, value: Value, barrier: StoreBarrier) {
        self.ins(Inst::Store { object, slot: Slot::Native(slot), value, barrier });
    }

    pub(super) fn load_thread(&mut self, slot: ThreadSlot) -> Value {
        self.ins(Inst::LoadThread(slot))
    }

    pub(super) fn load_indexed(&mut self, kind: ArrayKind, base: Value, index: Value) -> Value {
        self.ins(Inst::LoadIndexed { kind, base, index })
    }

    pub(super) fn store_indexed(&mut self, kind: ArrayKind, base: Value, index: Value, value: Value) {
        let barrier = match kind {
            ArrayKind::Array | ArrayKind::Record => StoreBarrier::Full,
            _ => StoreBarrier::None,
        };
        self.ins(Inst::StoreIndexed { kind, base, index, value, barrier });
    }

    /// Throws a `RangeError` unless the index is within the length.
    pub(super) fn check_bounds(&mut self, index: Value, length: Value) {
        self.ins(Inst::CheckBounds { index, length });
    }

    /// Address of the elements of a typed data object of any kind, or what a `Pointer` points to.
    pub(super) fn data(&mut self, object: Value) -> Value {
        self.load(object, NativeSlot::TypedDataPointer)
    }

    pub(super) fn pointer_add(&mut self, pointer: Value, offset: Value) -> Value {
        self.ins(Inst::PointerAdd(pointer, offset))
    }

    pub(super) fn allocate(&mut self, kind: AllocKind, args: &[Value]) -> Value {
        self.ins(Inst::Allocate { kind, args: Args::from_slice(args) })
    }

    /// Calls a C function.
    pub(super) fn leaf(&mut self, entry: &'static str, args: &[Value], ty: Type) -> Value {
        self.ins(Inst::CallLeaf { entry, args: Args::from_slice(args), ty: Some(ty) })
    }

    /// Calls a runtime entry.
    pub(super) fn runtime(&mut self, entry: &'static str, args: &[Value]) -> Value {
        self.ins(Inst::CallRuntime { entry, args: Args::from_slice(args) })
    }

    /// Throws a new instance of a class of `dart:core` without type parameters, made by one of its constructors.
    pub(super) fn throw_new(
        &mut self,
        class: &'static str,
        constructor: &'static str,
        args: &[Value],
    ) -> Result<()> {
        let missing =
            || Error::MissingMember { library: "dart:core", name: format!("{class}.{constructor}") };
        let program = self.ctx.program;
        let member = program.find_member("dart:core", class, constructor, MemberKind::Constructor);
        let member = member.map_err(|_| missing())?;
        let data = &program.members[member];
        let Some(class_id) = data.class.filter(|_| data.params.num_args() == args.len() + 1) else {
            return Err(missing());
        };
        let error = self.allocate(AllocKind::Object(class_id), &[]);
        let args: SmallVec<[Value; 6]> = std::iter::once(error).chain(args.iter().copied()).collect();
        self.b.call(FunctionKey::Member(member), &args);
        self.b.terminate(Terminator::Throw(error));
        Ok(())
    }

    /// A string object.
    pub(super) fn text(&mut self, text: &str) -> Value {
        self.b.object(ObjectKey::Text(text.into()))
    }

    /// A predefined object.
    pub(super) fn root(&mut self, name: &'static str) -> Value {
        self.b.object(ObjectKey::Root(name))
    }

    /// Id of the class of an object.
    pub(super) fn class_id(&mut self, object: Value) -> Value {
        self.unary(UnaryOp::ClassId, object)
    }

    pub(super) fn block(&mut self) -> Block {
        self.b.create_block()
    }

    pub(super) fn branch(&mut self, cond: Value, then: Block, other: Block) {
        self.b.branch(cond, then, other);
    }

    /// Continues in a block all of whose predecessors exist.
    pub(super) fn enter(&mut self, block: Block) {
        self.b.seal(block);
        self.b.switch_to(block);
    }

    /// Goes to `then` if the object is an integer.
    pub(super) fn branch_int(&mut self, object: Value, then: Block, other: Block) {
        let heap = self.block();
        let is_smi = self.unary(UnaryOp::IsSmi, object);
        self.branch(is_smi, then, heap);
        self.enter(heap);
        self.branch_class(object, self.ctx.program.core.mint, then, other);
    }

    /// Goes to `then` if the object is an instance of exactly the class.
    pub(super) fn branch_class(&mut self, object: Value, class: ClassId, then: Block, other: Block) {
        let cid = self.class_id(object);
        let cond = self.compare_imm(CompareOp::EqInt64, cid, i64::from(class.as_u32()));
        self.branch(cond, then, other);
    }

    /// Returns a value of any type but `Pointer`.
    pub(super) fn ret(&mut self, value: Value) -> Result<()> {
        let value = self.boxed(value);
        self.b.ret(value);
        Ok(())
    }

    pub(super) fn ret_null(&mut self) -> Result<()> {
        let null = self.b.null();
        self.ret(null)
    }

    pub(super) fn ret_bool(&mut self, value: bool) -> Result<()> {
        let value = self.b.object(ObjectKey::Bool(value));
        self.ret(value)
    }

    /// Goes to the code at an address in place of this function.
    pub(super) fn tail_call(&mut self, address: Value, args: &[Value]) -> Result<()> {
        self.b.terminate(Terminator::TailCall { address, args: Args::from_slice(args) });
        Ok(())
    }

    /// Ends where control never gets to.
    pub(super) fn unreachable(&mut self) -> Result<()> {
        self.b.terminate(Terminator::Unreachable);
        Ok(())
    }

    /// Returns a field of the receiver.
    pub(super) fn getter(&mut self, slot: NativeSlot) -> Result<()> {
        let [this] = self.args()?;
        let value = self.load(this, slot);
        self.ret(value)
    }

    /// Sets a field of the receiver to an object.
    pub(super) fn setter(&mut self, slot: NativeSlot) -> Result<()> {
        let [this, value] = self.args()?;
        self.store(this, slot, value, StoreBarrier::Full);
        self.ret_null()
    }

    /// Sets a field of the receiver to a Smi.
    pub(super) fn smi_setter(&mut self, slot: NativeSlot) -> Result<()> {
        let [this, value] = self.args()?;
        self.store(this, slot, value, StoreBarrier::None);
        self.ret_null()
    }
}
