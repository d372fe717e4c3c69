//! A program made by hand, and link information to go with it.

#![allow(dead_code, reason = "not every test binary uses everything")]

pub mod machine;

use snapcrane_engines::TargetSpec;
use snapcrane_ir::{Function, FunctionBuilder, ObjectRef, RowRef, Signature, Type};
use snapcrane_lower::facts::{ClassTest, FieldFacts, TypeTest};
use snapcrane_lower::{
    CompiledFunction, Compiler, CompilerOptions, LinkInfo, LowerContext, ProgramFacts, dump::Dump,
};
use snapcrane_program::ids::{ClassId, FieldId, FunctionKey, MemberId, ObjectKey};
use snapcrane_program::types::{DartType, RecordShape};
use snapcrane_program::{InstanceLayout, NullTest, SlotKind};

/// Class with the fields `next` (tagged), `value` (an integer) and `data` (tagged).
pub const NODE: u32 = 2000;
/// Fields of [`NODE`].
pub const NEXT: u32 = 0;
/// See [`NEXT`].
pub const VALUE: u32 = 1;
/// See [`NEXT`].
pub const DATA: u32 = 2;
/// A generic class: type arguments and one tagged field.
pub const BOX: u32 = 2001;
/// Its field.
pub const BOXED: u32 = 3;
/// A static field.
pub const STATIC: u32 = 4;

/// Types that the test program can test for: by name in [`DartType`], see [`type_of`].
pub fn type_of(class: u32, nullable: bool) -> DartType {
    DartType::Interface { class: ClassId::from_u32(class), args: None, nullable }
}

pub struct TestProgram {
    target: TargetSpec,
    node: InstanceLayout,
    generic: InstanceLayout,
    predefined: InstanceLayout,
}

impl TestProgram {
    pub fn new() -> TestProgram {
        TestProgram::for_target("linux-x64")
    }

    pub fn for_target(name: &str) -> TestProgram {
        let layout = |slots: &[SlotKind], type_arguments| InstanceLayout {
            slots: slots.to_vec(),
            type_arguments,
            num_native_fields: 0,
            is_predefined_layout: false,
        };
        TestProgram {
            target: TargetSpec::from_name(name).unwrap(),
            node: layout(&[SlotKind::Tagged, SlotKind::Int64, SlotKind::Tagged], None),
            generic: layout(&[SlotKind::Tagged, SlotKind::Tagged], Some(0)),
            predefined: InstanceLayout { is_predefined_layout: true, ..InstanceLayout::default() },
        }
    }

    pub fn target(&self) -> &TargetSpec {
        &self.target
    }
}

impl ProgramFacts for TestProgram {
    fn layout(&self, class: ClassId) -> &InstanceLayout {
        match class.as_u32() {
            NODE => &self.node,
            BOX => &self.generic,
            _ => &self.predefined,
        }
    }
    fn is_deeply_immutable(&self, _: ClassId) -> bool {
        false
    }
    fn field(&self, field: FieldId) -> FieldFacts {
        let (class, slot) = match field.as_u32() {
            NEXT => (Some(NODE), 0),
            VALUE => (Some(NODE), 1),
            DATA => (Some(NODE), 2),
            BOXED => (Some(BOX), 1),
            _ => (None, 0),
        };
        FieldFacts { class: class.map(ClassId::from_u32), slot, is_shared: false }
    }
    fn receiver(&self, _: MemberId) -> Option<(ClassId, usize)> {
        None
    }
    fn extends(&self, _: ClassId, _: ClassId) -> bool {
        false
    }
    /// A class holds for its own instances; the class after the last known one for any integer or double; generic ones cannot be
    /// decided by class.
    fn type_test(&self, ty: &DartType) -> Option<TypeTest> {
        let cids = &self.target.engine.cids;
        let DartType::Interface { class, nullable, .. } = ty else {
            return Some(TypeTest { null: NullTest::Depends, class: ClassTest::Unknown });
        };
        let class = class.as_u32();
        let null = if *nullable { NullTest::Yes } else { NullTest::No };
        let class = match class {
            class if class == cids.object => return None,
            class if class == cids.number => ClassTest::Decides(vec![(cids.smi, cids.double)]),
            BOX => ClassTest::Excludes(vec![(BOX, BOX)]),
            class => ClassTest::Decides(vec![(class, class)]),
        };
        Some(TypeTest { null, class })
    }
}

/// Pool slots by the objects' numbers, in the order of [`machine::POOL`].
pub struct TestLink;

impl LinkInfo for TestLink {
    fn pool_offset(&self, function: &Function, object: ObjectRef) -> i32 {
        let ObjectKey::Text(text) = &function.objects[object] else {
            return 16 + 8 * machine::pool_index(&function.objects[object]);
        };
        panic!("text {text}")
    }
    fn row_offset(&self, _: &Function, row: RowRef) -> i32 {
        machine::ROW_BIAS + row.as_u32() as i32
    }
    fn static_field_id(&self, _: FieldId) -> u32 {
        3
    }
    fn class_pool_offset(&self, class: ClassId) -> i32 {
        16 + 8 * machine::class_pool_index(class.as_u32())
    }
    fn record_shape(&self, shape: &RecordShape) -> i64 {
        shape.num_fields() as i64
    }
}

/// Builds a function from parameter types and a closure.
pub fn function(
    key: u32,
    params: &[Type],
    result: Type,
    body: impl FnOnce(&mut FunctionBuilder, &[snapcrane_ir::Value]),
) -> Function {
    let signature = Signature { params: params.iter().copied().collect(), result };
    let mut b = FunctionBuilder::new(FunctionKey::Local(key), signature);
    let params = b.func.params().to_vec();
    body(&mut b, &params);
    let function = b.finish();
    snapcrane_ir::verifier::verify(&function).unwrap_or_else(|errors| panic!("{errors:?}\n{function}"));
    function
}

/// Compiles with all checks.
pub fn compile(program: &TestProgram, function: &Function) -> (CompiledFunction, Dump) {
    let mut compiler = Compiler::new(program.target(), CompilerOptions::checked()).unwrap();
    let ctx = LowerContext { program, target: program.target(), link: &TestLink };
    compiler.compile_with_dump(&ctx, function).unwrap_or_else(|error| panic!("{error}\n{function}"))
}
