//! Closures of members.
//!
//! A tear-off passes its arguments on. It checks nothing: the member checks what its callers cannot know, the rest is the
//! task of whoever calls the closure (`FlowGraphBuilder::BuildGraphOfImplicitClosureFunction`,
//! runtime/vm/compiler/frontend/kernel_to_il.cc).

use snapcrane_ir::{AllocKind, Inst};
use snapcrane_program::MemberKind;
use snapcrane_program::ids::{FunctionKey, MemberId, ObjectKey};

use super::{Synth, Values};
use crate::error::Result;

impl Synth<'_> {
    /// The body of the closure of a member.
    pub(super) fn tear_off(&mut self, id: MemberId) -> Result<()> {
        let layout = self.tear_off_layout(id)?;
        let params = self.params();
        let (type_args, rest) = params.split_at(usize::from(layout.has_delayed));
        let type_args = type_args.first().copied();
        let Some((&closure, rest)) = rest.split_first() else {
            return Err(self.dangling("closure of a tear-off"));
        };
        let member = self.member(id);
        let (kind, is_static, class) = (member.kind, member.is_static, member.class);
        let mut args = Values::new();
        if kind == MemberKind::Constructor {
            let Some(class) = class else { return Err(self.dangling("class of a constructor")) };
            let program = self.ctx.program;
            let mut operands = smallvec::SmallVec::new();
            if program.class(class).layout.type_arguments.is_some() {
                operands.push(match type_args {
                    Some(own) => self.constructed_type_args(id, class, own),
                    None => {
                        let flattened = program.instance_type_args(class, &None);
                        let null = self.b.null();
                        let environment = super::Environment { instantiator: null, function: null };
                        self.type_args(&flattened, environment)
                    }
                });
            }
            let object = self.b.ins(Inst::Allocate { kind: AllocKind::Object(class), args: operands });
            args.push(object);
            args.extend_from_slice(rest);
            self.b.call(FunctionKey::Member(id), &args);
            self.b.ret(object);
            return Ok(());
        }
        args.extend(type_args);
        if !is_static {
            args.push(self.load(closure, layout.context()));
        }
        args.extend_from_slice(rest);
        let result = self.b.call(FunctionKey::Member(id), &args);
        self.b.ret(result);
        Ok(())
    }

    /// The getter that makes the closure of an instance's method.
    pub(super) fn method_extractor(&mut self, id: MemberId) -> Result<()> {
        let layout = self.tear_off_layout(id)?;
        let Some(&receiver) = self.params().first() else { return Err(self.dangling("receiver")) };
        let class = self.member(id).class;
        let mut args = smallvec::SmallVec::new();
        if layout.has_delayed {
            args.push(self.b.object(ObjectKey::Root("empty_type_arguments")));
        }
        if layout.has_instantiator {
            args.push(self.instance_type_args(receiver, class));
        }
        args.push(receiver);
        let kind = AllocKind::Closure {
            function: self.b.object_ref(ObjectKey::Function(FunctionKey::TearOff(id))),
            has_delayed: layout.has_delayed,
            has_instantiator: layout.has_instantiator,
            has_function: layout.has_function,
        };
        let closure = self.b.ins(Inst::Allocate { kind, args });
        self.b.ret(closure);
        Ok(())
    }
}
