//! Types and type arguments as values, and tests against types.

use dart_kernel::Position;
use dart_kernel::ast;
use snapcrane_ir::{Block, CompareOp, Inst, NativeSlot, Slot, Type, UnaryOp, Value};
use snapcrane_program::ids::{ClassId, ObjectKey};
use snapcrane_program::types::{DartType, TypeArgs, TypeParamOwner};

use crate::body::{BodyBuilder, FunctionTypeArgs};
use crate::error::Result;
use crate::facts::{Fact, Kind};

impl<'b> BodyBuilder<'_, 'b> {
    /// Converts a type that stands at the current place.
    pub(crate) fn dart_type(&self, ty: &ast::DartType<'b>) -> Result<DartType> {
        self.ctx().dart_type(&self.type_scope, ty)
    }

    /// Converts type arguments that stand at the current place.
    pub(crate) fn type_args(&self, types: &[ast::DartType<'b>]) -> Result<TypeArgs> {
        self.ctx().type_args(&self.type_scope, types)
    }

    /// Type arguments of `this`, or null if there are none. Only for types that mention them: fails without `this`.
    pub(crate) fn instantiator_type_args(&mut self) -> Value {
        let class = self.unit.class.filter(|&class| self.ctx().program.class(class).num_type_args > 0);
        let Some(class) = class else { return self.b.null() };
        match self.this() {
            Ok(this) => self.load(this, Slot::TypeArguments(class), Type::Tagged),
            Err(error) => {
                self.failure.get_or_insert(error);
                self.b.null()
            }
        }
    }

    /// Type arguments of the functions around the current place, or null if none is generic.
    pub(crate) fn function_type_args(&mut self) -> Value {
        match self.function_type_args {
            FunctionTypeArgs::None => self.b.null(),
            FunctionTypeArgs::Value(value) => value,
            FunctionTypeArgs::ClosureElement(closure, index) => {
                self.load(closure, Slot::ClosureElement(index), Type::Tagged)
            }
        }
    }

    /// The vectors that an uninstantiated type is evaluated with; null where it needs none.
    pub(crate) fn type_environment(&mut self, instantiator: bool, function: bool) -> (Value, Value) {
        let instantiator = if instantiator { self.instantiator_type_args() } else { self.b.null() };
        let function = if function { self.function_type_args() } else { self.b.null() };
        (instantiator, function)
    }

    /// A vector of type arguments, instantiated.
    pub(crate) fn type_args_value(&mut self, args: &TypeArgs) -> Value {
        let Some(types) = args else { return self.b.null() };
        if types.iter().all(DartType::is_instantiated) {
            return self.b.object(ObjectKey::TypeArgs(args.clone()));
        }
        if self.is_own_function_vector(types) {
            return self.function_type_args();
        }
        if self.is_own_instance_vector(types) {
            return self.instantiator_type_args();
        }
        let needs_instantiator = types.iter().any(DartType::needs_instantiator);
        let needs_function = types.iter().any(DartType::needs_function_args);
        let (instantiator, function) = self.type_environment(needs_instantiator, needs_function);
        let args = self.b.object_ref(ObjectKey::TypeArgs(args.clone()));
        self.ins(Inst::InstantiateTypeArgs { args, instantiator, function })
    }

    /// Whether the vector is, or is a prefix of, the vector of the functions around
    /// (`TypeArguments::CanShareFunctionTypeArguments`, runtime/vm/object.cc).
    fn is_own_function_vector(&self, types: &[DartType]) -> bool {
        let is_same = |(index, ty): (usize, &DartType)| match ty {
            DartType::Parameter(p) => {
                matches!(p.owner, TypeParamOwner::Function(_)) && usize::from(p.index) == index && !p.nullable
            }
            _ => false,
        };
        types.len() <= usize::from(self.type_scope.num_params()) && types.iter().enumerate().all(is_same)
    }

    /// Whether the vector is, or is a prefix of, the vector of `this` (`TypeArguments::CanShareInstantiatorTypeArguments`).
    fn is_own_instance_vector(&self, types: &[DartType]) -> bool {
        let Some(class) = self.unit.class else { return false };
        let class = self.ctx().program.class(class);
        let (all, own) = (usize::from(class.num_type_args), class.type_params.len());
        let inherited = all.saturating_sub(own);
        if types.len() > all {
            return false;
        }
        let supertype_args = match &class.supertype {
            Some(DartType::Interface { args, .. }) => args.as_deref(),
            _ => None,
        };
        types.iter().enumerate().all(|(index, ty)| {
            if index < inherited {
                return supertype_args.and_then(|args| args.get(index)) == Some(ty);
            }
            match ty {
                DartType::Parameter(p) => {
                    matches!(p.owner, TypeParamOwner::Class(_))
                        && usize::from(p.index) == index
                        && !p.nullable
                }
                _ => false,
            }
        })
    }

    /// `TypeLiteral`.
    pub(crate) fn type_literal(&mut self, ty: &ast::DartType<'b>) -> Result<Value> {
        let ty = self.dart_type(ty)?;
        if ty.is_instantiated() {
            return Ok(self.b.object(ObjectKey::Type(ty)));
        }
        let (instantiator, function) =
            self.type_environment(ty.needs_instantiator(), ty.needs_function_args());
        let ty = self.b.object_ref(ObjectKey::Type(ty));
        Ok(self.ins(Inst::InstantiateType { ty, instantiator, function }))
    }

    /// Throws unless the value is of the type, which is no top type.
    pub(crate) fn assert_assignable(&mut self, value: Value, ty: &DartType, name: ObjectKey) -> Value {
        let value = self.tagged(value);
        let (instantiator, function) =
            self.type_environment(ty.needs_instantiator(), ty.needs_function_args());
        let cache = self.subtype_test_cache(ty);
        let cache = self.b.object_ref(cache);
        let ty = self.b.object_ref(ObjectKey::Type(ty.clone()));
        let name = self.b.object_ref(name);
        self.ins(Inst::AssertAssignable { value, ty, instantiator, function, name, cache })
    }

    /// Whether a value with this knowledge is of the type for sure.
    fn is_known_instance(&self, fact: Fact, ty: &DartType) -> bool {
        let core = self.ctx().core_classes();
        let Some(class) = ty.class() else { return false };
        if fact.nullable && !ty.is_declared_nullable() {
            return false;
        }
        let is_number = class == core.num || class == core.object;
        match fact.kind {
            Kind::Int => class == core.int || is_number,
            Kind::Double => class == core.double || is_number,
            Kind::Bool => class == core.bool || class == core.object,
            Kind::Null => ty.is_declared_nullable() && fact.nullable,
            Kind::Other => class == core.object && !fact.nullable,
        }
    }

    /// `As`.
    pub(crate) fn as_expression(
        &mut self,
        operand: &'b ast::Expr<'b>,
        flags: ast::AsFlags,
        ty: &ast::DartType<'b>,
        position: Position,
    ) -> Result<Value> {
        let value = self.expression(operand)?;
        if flags.is_unchecked() {
            return Ok(value);
        }
        let ty = self.dart_type(ty)?;
        // A covariance check doubts the static type of its operand.
        let is_known = !flags.is_covariance_check() && self.is_known_instance(self.fact(operand), &ty);
        if is_known || self.ctx().is_top_type(&ty) {
            return Ok(value);
        }
        let name = if flags.is_type_error() { "" } else { " in type cast" };
        self.at(position);
        Ok(self.assert_assignable(value, &ty, ObjectKey::Text(name.into())))
    }

    /// `Is`.
    pub(crate) fn is_expression(
        &mut self,
        operand: &'b ast::Expr<'b>,
        ty: &ast::DartType<'b>,
        position: Position,
    ) -> Result<Value> {
        let fact = self.fact(operand);
        let value = self.expression(operand)?;
        let ty = self.dart_type(ty)?;
        if self.is_known_instance(fact, &ty) {
            return Ok(self.bool(true));
        }
        let value = self.tagged(value);
        self.at(position);
        Ok(self.is_test(value, &ty))
    }

    /// Whether an object is of a type.
    pub(crate) fn is_test(&mut self, value: Value, ty: &DartType) -> Value {
        if self.ctx().is_top_type(ty) {
            return self.bool(true);
        }
        let core = self.ctx().core_classes();
        if let Some(class) = ty.class() {
            if class == core.null {
                let null = self.b.null();
                return self.compare(CompareOp::Same, value, null);
            }
            if class == core.object {
                let null = self.b.null();
                let is_null = self.compare(CompareOp::Same, value, null);
                return self.unary(UnaryOp::Not, is_null);
            }
        }
        if let DartType::Record(record) = ty
            && record.shape.names.is_empty()
        {
            return self.record_is_test(value, &record.fields, record.nullable);
        }
        let (instantiator, function) =
            self.type_environment(ty.needs_instantiator(), ty.needs_function_args());
        let cache = self.subtype_test_cache(ty);
        let cache = self.b.object_ref(cache);
        let ty = self.b.object_ref(ObjectKey::Type(ty.clone()));
        self.ins(Inst::InstanceOf { value, ty, instantiator, function, cache })
    }

    /// A record is of a record type if it has the shape and its fields are of the fields' types. Tests of whole records can't
    /// be cached, those of fields can.
    fn record_is_test(&mut self, value: Value, fields: &[DartType], nullable: bool) -> Value {
        let done = self.b.create_block();
        let result = self.b.append_param(done, Type::Bool);
        if nullable {
            let null = self.b.null();
            let is_null = self.compare(CompareOp::Same, value, null);
            self.exit_if(is_null, true, done);
        }
        let class = self.unary(UnaryOp::ClassId, value);
        let record_class = self.ctx().core_classes().record_impl.as_u32();
        let record_class = self.b.int64(i64::from(record_class));
        let is_other = self.compare(CompareOp::NeInt64, class, record_class);
        self.exit_if(is_other, false, done);
        // The shape of a record without named fields is its number of fields (RecordShape, runtime/vm/object.h).
        let shape = self.load(value, Slot::Native(NativeSlot::RecordShape), Type::Int64);
        let wanted = self.b.int64(fields.len() as i64);
        let is_other = self.compare(CompareOp::NeInt64, shape, wanted);
        self.exit_if(is_other, false, done);
        for (index, ty) in fields.iter().enumerate() {
            let field = self.load(value, Slot::RecordField(index as u32), Type::Tagged);
            let is_instance = self.is_test(field, ty);
            let is_other = self.unary(UnaryOp::Not, is_instance);
            self.exit_if(is_other, false, done);
        }
        let yes = self.bool(true);
        self.b.jump_args(done, &[yes]);
        self.join(done);
        result
    }

    /// Goes to `done` with the result if the condition holds, otherwise on.
    fn exit_if(&mut self, cond: Value, result: bool, done: Block) {
        let (exit, proceed) = (self.b.create_block(), self.b.create_block());
        self.b.branch(cond, exit, proceed);
        self.join(exit);
        let result = self.bool(result);
        self.b.jump_args(done, &[result]);
        self.join(proceed);
    }

    /// The class, if instances have type arguments that must be passed when one is allocated.
    pub(crate) fn allocates_type_args(&self, class: ClassId) -> bool {
        self.ctx().program.class(class).layout.type_arguments.is_some()
    }
}
