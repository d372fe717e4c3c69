//! Cells of the dispatch table whose class does not simply have a function with the parameters of the row.

use snapcrane_ir::{Inst, NativeSlot, Slot, Type, Value};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{CallShape, FunctionKey, ObjectKey, RowKey, Selector, SelectorKind};

use super::target::{Callee, Frame};
use super::{Synth, Values};
use crate::error::Result;

/// Arguments of the function being built, as a call shape passes them.
struct Arguments {
    all: Values,
    has_type_args: bool,
    shape: CallShape,
}

impl Arguments {
    fn type_args(&self) -> Option<Value> {
        self.all.first().copied().filter(|_| self.has_type_args)
    }

    /// Receiver and all others.
    fn values(&self) -> &[Value] {
        &self.all[usize::from(self.has_type_args)..]
    }

    fn receiver(&self) -> Value {
        self.values()[0]
    }

    /// The arguments for the parameters of a function, receiver first; none where the default value belongs.
    fn for_callee<'s>(&'s self, callee: &'s Callee<'_>) -> impl Iterator<Item = Option<Value>> + 's {
        let values = self.values();
        let (positional, named) = values.split_at(usize::from(self.shape.positional));
        let receivers = callee.receivers();
        let count = receivers + callee.params.positional.len();
        (0..count).map(move |index| positional.get(index).copied()).chain(callee.params.named.iter().map(
            move |param| {
                let at = self.shape.names.iter().position(|name| *name == param.name)?;
                named.get(at).copied()
            },
        ))
    }
}

impl<'a> Synth<'a> {
    fn arguments(&self, shape: &CallShape) -> Arguments {
        Arguments { all: self.params(), has_type_args: shape.type_args > 0, shape: shape.clone() }
    }

    /// The type arguments to pass on: those that were passed, or the defaults.
    fn passed_type_args(&mut self, callee: &Callee<'_>, arguments: &Arguments) -> Option<Value> {
        if !callee.is_generic() {
            return None;
        }
        Some(match arguments.type_args() {
            Some(args) => args,
            None => self.default_type_args(callee, Some(arguments.receiver())),
        })
    }

    /// All arguments of the callee, without type arguments.
    fn filled_in(&mut self, callee: &Callee<'_>, arguments: &Arguments) -> Values {
        let passed: Vec<Option<Value>> = arguments.for_callee(callee).collect();
        let receivers = callee.receivers();
        passed
            .into_iter()
            .enumerate()
            .map(|(index, value)| match (value, index.checked_sub(receivers)) {
                (Some(value), _) => value,
                (None, Some(index)) => {
                    let default = callee.params.all().nth(index).map(|param| param.default.clone());
                    self.b.object(default.unwrap_or(ObjectKey::Null))
                }
                (None, None) => self.b.null(),
            })
            .collect()
    }

    /// What a call of a function is called, when it is missing or does not fit.
    fn name_of_target(&self, callee: &Callee<'_>) -> String {
        self.ctx.program.function_name(&callee.key, self.ctx.locals)
    }

    /// Ends the function by calling `noSuchMethod` with its arguments.
    fn return_no_such_method(&mut self, name: &str, arguments: &Arguments) -> Result<()> {
        let result = self.no_such_method(name, &arguments.shape, &arguments.all)?;
        self.b.ret(result);
        Ok(())
    }

    /// A function, and the arguments of a call with this shape if they fit it. If not, the function being built ends here.
    fn fitting(
        &mut self,
        function: &FunctionKey,
        shape: &CallShape,
    ) -> Result<Option<(Callee<'a>, Arguments)>> {
        let callee = self.callee(function)?;
        let arguments = self.arguments(shape);
        if callee.params.accepts(shape) {
            return Ok(Some((callee, arguments)));
        }
        let name = self.name_of_target(&callee);
        self.return_no_such_method(&name, &arguments)?;
        Ok(None)
    }

    /// A call that was checked statically: fills in what the shape omits.
    pub(super) fn adapter(&mut self, function: &FunctionKey, shape: &CallShape) -> Result<()> {
        // The row may have calls of unrelated classes' members with the same name, which do not fit; none of them gets here.
        let Some((callee, arguments)) = self.fitting(function, shape)? else { return Ok(()) };
        let type_args = self.passed_type_args(&callee, &arguments);
        let mut args: Values = type_args.into_iter().collect();
        args.extend(self.filled_in(&callee, &arguments));
        let result = self.b.call(function.clone(), &args);
        self.b.ret(result);
        Ok(())
    }

    /// A dynamic call of a function that is known: checks what the function does not check itself
    /// (`FlowGraphBuilder::BuildGraphOfDynamicInvocationForwarder`).
    pub(super) fn forwarder(&mut self, function: &FunctionKey, shape: &CallShape) -> Result<()> {
        let Some((callee, arguments)) = self.fitting(function, shape)? else { return Ok(()) };
        let type_args = self.passed_type_args(&callee, &arguments);
        let receiver = arguments.receiver();
        let mut values = self.filled_in(&callee, &arguments);
        match function {
            FunctionKey::Member(id) => {
                let frame = Frame { type_args, receiver: Some(receiver) };
                let member = self.member(*id).clone();
                let program = self.ctx.program;
                self.check_bounds(&callee, frame, |index| {
                    !program.checks_bound(&member, &callee.params.type_params[index])
                })?;
                let mut checked = Vec::new();
                for (index, param) in callee.params.all().enumerate() {
                    if program.checks_param(&member, param) || program.is_top_type(&param.ty) {
                        continue;
                    }
                    let inferred =
                        program.component.inferred_arg_type(dart_kernel::NodeOffset(param.variable))?;
                    if !inferred.is_some_and(|inferred| inferred.flags.skip_check()) {
                        checked.push((index + callee.receivers(), param));
                    }
                }
                let types = checked.iter().map(|(_, param)| &param.ty);
                let environment = self.environment(&callee, frame, types)?;
                for (index, param) in checked {
                    let name = ObjectKey::String(param.name);
                    values[index] = self.assert_assignable(values[index], &param.ty, environment, name);
                }
            }
            FunctionKey::ImplicitSetter(id) => {
                let field = self.ctx.program.fields[*id].clone();
                if let [_, value] = &mut values[..]
                    && !self.setter_checks(&field)
                {
                    *value = self.check_field_value(&field, receiver, *value);
                }
            }
            _ => {}
        }
        let mut args: Values = type_args.into_iter().collect();
        args.extend(values);
        let mut result = self.b.call(function.clone(), &args);
        if let FunctionKey::Member(id) = function
            && self.member(*id).kind == MemberKind::Method
            && self.ctx.program.component.string(self.member(*id).name.text) == b"[]="
        {
            // Whatever `[]=` returns is not the value of the call.
            result = self.b.null();
        }
        self.b.ret(result);
        Ok(())
    }

    /// A dynamic call of what a getter returns.
    pub(super) fn getter_call(&mut self, getter: &FunctionKey, shape: &CallShape) -> Result<()> {
        let arguments = self.arguments(shape);
        // A field named `call` can hold the receiver itself.
        self.b.ins(Inst::CheckStack);
        let function = match getter {
            // A record without the field has no such method, rather than no such getter.
            FunctionKey::RecordFieldGetter(name) => {
                let (function, missing) = self.record_field(arguments.receiver(), *name);
                let found = self.b.create_block();
                let value = self.b.append_param(found, Type::Tagged);
                self.b.jump_args(found, &[function]);
                self.join(missing);
                let name = self.selector_name(Selector { name: *name, kind: SelectorKind::Method });
                self.return_no_such_method(&name, &arguments)?;
                self.join(found);
                value
            }
            _ => self.b.call(getter.clone(), &[arguments.receiver()]),
        };
        let selector = Selector { name: self.ctx.call_name()?, kind: SelectorKind::Method };
        let row = self.b.row_ref(RowKey { selector, shape: shape.clone(), dynamic: true });
        let mut args = arguments.all;
        args[usize::from(arguments.has_type_args)] = function;
        let result = self.b.ins(Inst::CallDispatch { row, args: args.into_iter().collect() });
        self.b.ret(result);
        Ok(())
    }

    /// A dynamic call of a member that the class does not have.
    pub(super) fn no_such_method_cell(&mut self, row: &RowKey) -> Result<()> {
        let arguments = self.arguments(&row.shape);
        let name = self.selector_name(row.selector);
        self.return_no_such_method(&name, &arguments)
    }

    /// A dynamic call of a closure. The closure's checking entry returns the sentinel if the arguments do not fit; the
    /// engine then throws an error that names the function.
    pub(super) fn closure_call(&mut self, shape: &CallShape) {
        let arguments = self.arguments(shape);
        let descriptor = self.b.object_ref(ObjectKey::ArgumentsDescriptor(shape.clone()));
        let args = arguments.all.iter().copied().collect();
        let result = self.b.ins(Inst::CallClosure { descriptor, checked: true, args });
        let mismatch = self.b.create_block();
        let is_mismatch = self.same_object(result, ObjectKey::Sentinel);
        self.leave_if(is_mismatch, mismatch);
        self.b.ret(result);

        self.join(mismatch);
        let closure = arguments.receiver();
        let function = self.load(closure, Slot::Native(NativeSlot::ClosureFunction));
        let array = self.array(&arguments.all);
        let descriptor = self.b.ins(Inst::Object(descriptor));
        let args = [closure, function, descriptor, array].into_iter().collect();
        let result = self.b.ins(Inst::CallRuntime { entry: "NoSuchMethodFromPrologue", args });
        self.b.ret(result);
    }
}
