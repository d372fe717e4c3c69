//! What lowering asks of the program.
//!
//! A narrow view of [`Program`], so that the lowering can be tested with a few classes made by hand.

use snapcrane_program::ids::{ClassId, FieldId, MemberId};
use snapcrane_program::types::DartType;
use snapcrane_program::{InstanceLayout, NullTest, Program};

/// More ranges than this are left to the subtype-test cache.
const MAX_RANGES: usize = 8;

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldFacts {
    /// Class of an instance field.
    pub class: Option<ClassId>,
    /// Slot of an instance field in its class's layout.
    pub slot: u32,
    /// Whether a static field is in the table that isolates share.
    pub is_shared: bool,
}

/// What the class id of a value that is not null says about a type test. Ranges of class ids are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassTest {
    /// The test holds exactly for the classes in the ranges.
    Decides(Vec<(u32, u32)>),
    /// The test holds for none but the classes in the ranges.
    Excludes(Vec<(u32, u32)>),
    /// Nothing.
    Unknown,
}

/// How to test for a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeTest {
    /// Whether null has the type.
    pub null: NullTest,
    /// What is known of other values by their class.
    pub class: ClassTest,
}

/// What lowering asks of a program.
pub trait ProgramFacts: Sync {
    /// Layout of a class's instances.
    fn layout(&self, class: ClassId) -> &InstanceLayout;
    /// Whether a class of the program (not a predefined one) has deeply immutable instances.
    fn is_deeply_immutable(&self, class: ClassId) -> bool;
    /// Where a field is.
    fn field(&self, field: FieldId) -> FieldFacts;
    /// Class and position among the parameters of a member's receiver, if it has one.
    fn receiver(&self, member: MemberId) -> Option<(ClassId, usize)>;
    /// Whether a class is another one or extends it.
    fn extends(&self, class: ClassId, superclass: ClassId) -> bool;
    /// How to test for a type; `None` if every value has it.
    fn type_test(&self, ty: &DartType) -> Option<TypeTest>;
}

impl ProgramFacts for Program<'_> {
    fn layout(&self, class: ClassId) -> &InstanceLayout {
        &self.class(class).layout
    }

    fn is_deeply_immutable(&self, class: ClassId) -> bool {
        self.try_class(class).is_some_and(|class| class.flags.is_deeply_immutable)
    }

    fn field(&self, field: FieldId) -> FieldFacts {
        let field = &self.fields[field];
        FieldFacts { class: field.class, slot: field.slot, is_shared: field.is_shared }
    }

    fn receiver(&self, member: MemberId) -> Option<(ClassId, usize)> {
        let member = &self.members[member];
        let class = member.class.filter(|_| member.params.has_receiver)?;
        Some((class, usize::from(!member.params.type_params.is_empty())))
    }

    fn extends(&self, class: ClassId, superclass: ClassId) -> bool {
        self.is_subclass(class, superclass)
    }

    fn type_test(&self, ty: &DartType) -> Option<TypeTest> {
        if self.is_top_type(ty) {
            return None;
        }
        let core = &self.core;
        let single = |class: ClassId| (class.as_u32(), class.as_u32());
        let class = match ty {
            DartType::Interface { class, .. } if *class == core.never || *class == core.null => {
                ClassTest::Decides(Vec::new())
            }
            DartType::Interface { class, .. } if *class == core.future_or => ClassTest::Unknown,
            DartType::Interface { class, args, .. } => {
                let ranges = self.concrete_class_id_ranges(*class);
                // The class's own arguments are the last ones of the flattened vector.
                let own = self.class(*class).type_params.len();
                let any_arguments = match args {
                    None => true,
                    Some(args) => {
                        args.len() >= own && args[args.len() - own..].iter().all(|arg| self.is_top_type(arg))
                    }
                };
                if ranges.len() > MAX_RANGES {
                    ClassTest::Unknown
                } else if any_arguments {
                    ClassTest::Decides(ranges)
                } else {
                    ClassTest::Excludes(ranges)
                }
            }
            DartType::Function(_) => ClassTest::Excludes(vec![single(core.closure)]),
            DartType::Record(_) => ClassTest::Excludes(vec![single(core.record_impl)]),
            DartType::Parameter(_) => ClassTest::Unknown,
        };
        Some(TypeTest { null: self.null_test(ty), class })
    }
}
