//! Reads handmade files.

mod common;

use common::{Writer, constants, everything, file};
use dart_kernel::ast::*;
use dart_kernel::metadata::{Repository, UnboxedKind};
use dart_kernel::summary::Summary;
use dart_kernel::*;

/// Reads a file with the given body and checks it, the component and the body's statement.
fn with_body(body: impl FnOnce(&mut Writer, u32), check: impl FnOnce(&Component<'_>, &Stmt<'_>)) {
    let bytes = file(body);
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).expect("a readable file");
    let main = component.main.expect("main");
    let function = component.parse_procedure_body(main, &arena).expect("a readable body");
    check(&component, function.body.expect("a body"));
}

fn find<K: Copy, V>(entities: impl IntoIterator<Item = (K, V)>, matches: impl Fn(&V) -> bool) -> K {
    entities.into_iter().find(|(_, entity)| matches(entity)).expect("such an entity").0
}

fn class(component: &Component<'_>, name: &str) -> ClassIdx {
    find(&component.classes, |class| component.string(class.name) == name.as_bytes())
}

fn procedure(component: &Component<'_>, name: &str) -> ProcIdx {
    find(&component.procedures, |procedure| component.string(procedure.name.text) == name.as_bytes())
}

/// All kinds of stubs are known, also that of extension types, which are still in files that no tree shaking has seen.
#[test]
fn stub_kinds() {
    let mut bytes = file(everything);
    let arena = Bump::new();
    let map = {
        let component = Component::read(&bytes, &arena).expect("a readable file");
        component.procedures[procedure(&component, "map")].node
    };
    // Behind tag, name, source and three positions (a byte each), and the kind.
    let stub = map.0 as usize + 7;
    assert_eq!(bytes[stub - 6..=stub], [bytes[stub - 6], 0, 1, 2, 3, 0, 0]);
    bytes[stub] = 7;
    let component = Component::read(&bytes, &arena).expect("a readable file");
    let kind = component.procedures[procedure(&component, "map")].stub_kind;
    assert_eq!(kind, ProcedureStubKind::RepresentationField);
    bytes[stub] = 8;
    let error = Component::read(&bytes, &arena).err().expect("an unknown stub");
    assert_eq!(error.offset(), stub as u64);
}

/// The parts of the n-th statement of `everything`, which concatenates expressions.
fn parts<'b>(body: &Stmt<'b>, index: usize) -> &'b [&'b Expr<'b>] {
    let StmtKind::Block { statements, .. } = body.kind else { panic!("a block") };
    let StmtKind::Expression(expr) = statements[index].kind else { panic!("an expression") };
    let ExprKind::StringConcatenation(parts) = expr.kind else { panic!("a concatenation") };
    parts
}

fn statement<'b>(body: &Stmt<'b>, index: usize) -> &'b Stmt<'b> {
    let StmtKind::Block { statements, .. } = body.kind else { panic!("a block") };
    statements[index]
}

#[test]
fn declarations() {
    with_body(everything, |component, _| {
        let core = class(component, "Object");
        let boxed = class(component, "Box");
        let class = &component.classes[boxed];
        assert_eq!(class.superclass(), Some(core));
        assert_eq!(component.classes[core].superclass(), None);
        assert_eq!(class.type_parameters.len(), 1);
        assert_eq!(class.scope.resolve(0), Some((TypeParameterOwner::Class(boxed), 0)));
        assert_eq!(class.scope.resolve(1), None);
        assert_eq!(component.qualified_name(class.canonical_name), "test:lib::Box");

        let field = class.fields.iter().next().expect("a field");
        let names = &component.fields[field];
        assert_eq!(component.reference(names.canonical_name), Reference::Field(field));
        assert_eq!(component.reference(names.getter_name), Reference::FieldGetter(field));
        let setter = names.setter_name.expand().expect("a setter");
        assert_eq!(component.reference(setter), Reference::FieldSetter(field));
        assert_eq!(names.enclosing, Enclosing::Class(boxed));
        assert!(matches!(
            names.ty,
            DartType::TypeParameter { owner: TypeParameterOwner::Class(c), index: 0, .. } if c == boxed
        ));

        let make = &component.procedures[procedure(component, "make")];
        assert_eq!(make.kind, ProcedureKind::Factory);
        assert!(make.function.body.is_none());
        assert_eq!(make.enclosing, Enclosing::Class(boxed));

        let library = component.libraries.values().nth(1).expect("two libraries");
        assert_eq!(library.language_version, (3, 12));
        let [import] = library.dependencies else { panic!("one import") };
        assert!(import.is_deferred && !import.is_export);
        assert!(matches!(import.target, Reference::Library(_)));
        assert_eq!(component.string(import.combinators[0].names[0]), b"Object");
        let [counter] = library.fields.iter().collect::<Vec<_>>()[..] else { panic!("one field") };
        assert!(component.fields[counter].flags.is_static());
        let private = component.fields[counter].name;
        assert_eq!(component.name_library(private), component.libraries.keys().nth(1));
    });
}

#[test]
fn sources() {
    with_body(everything, |component, _| {
        let (id, source) = component.sources.iter().next().expect("a source");
        assert_eq!(source.uri, b"file:///lib.dart");
        assert_eq!(source.import_uri, b"test:lib");
        assert_eq!(component.line_starts(id), [0, 10, 25]);
        let main = &component.procedures[component.main.expect("main")];
        // Stored 2: position 1, the second column.
        assert_eq!(component.line_column(main.source, main.position), Some((1, 2)));
        assert_eq!(component.line_column(id, Position::NONE), None);
        let class = &component.classes[class(component, "Box")];
        assert_eq!(class.position.get(), Some(1));
    });
}

#[test]
fn pragmas() {
    with_body(everything, |component, _| {
        let main = Member::Procedure(component.main.expect("main"));
        // The other annotation is an integer.
        let pragmas: Vec<_> = component.pragmas(component.member_annotations(main)).collect();
        let [pragma] = pragmas[..] else { panic!("one pragma") };
        assert_eq!(pragma.name, b"vm:entry-point");
        assert!(matches!(component.constant(pragma.options.expect("options")), Constant::Null));
    });
}

#[test]
fn constants_of_every_kind() {
    with_body(everything, |component, _| {
        let constants: Vec<_> = component.constants().values().collect();
        assert_eq!(constants.len(), constants::COUNT as usize);
        assert!(matches!(constants[1], Constant::Bool(true)));
        assert!(matches!(constants[2], Constant::Int(0x4000_0000_0000_0000)));
        assert!(matches!(constants[3], Constant::Double(1.5)));
        assert!(matches!(constants[4], Constant::Int(-70_000)));
        assert!(matches!(constants[9], Constant::List { elements: [_, _], .. }));
        assert!(matches!(constants[14], Constant::ConstructorTearOff(Reference::Constructor(_))));
        let Constant::TypeLiteral(DartType::Function(function)) = constants[13] else {
            panic!("a function type")
        };
        assert!(matches!(
            function.return_type,
            DartType::TypeParameter { owner: TypeParameterOwner::FunctionType { depth: 0 }, index: 0, .. }
        ));
        let Constant::Symbol { library, .. } = constants[7] else { panic!("a symbol") };
        assert!(matches!(component.reference(library.expand().expect("private")), Reference::Library(_)));
    });
}

#[test]
fn literals() {
    with_body(everything, |component, body| {
        let parts = parts(body, 0);
        let ints: Vec<_> = parts
            .iter()
            .filter_map(|part| match part.kind {
                ExprKind::Int(value) => Some(value),
                _ => None,
            })
            .collect();
        assert_eq!(ints, [-3, 1_000_000, -200, i64::MIN]);
        assert!(parts.iter().any(|part| matches!(part.kind, ExprKind::Double(-0.5))));
        let text = parts.iter().find_map(|part| match part.kind {
            ExprKind::String(text) => Some(text),
            _ => None,
        });
        // A lone surrogate does not fit Latin-1.
        assert_eq!(component.dart_string(text.expect("a string")), DartString::TwoByte(vec![0x61, 0xd800]));
        let main = &component.procedures[component.main.expect("main")];
        let parameter = main.function.positional[0].id;
        for part in &parts[..4] {
            match part.kind {
                ExprKind::VariableGet { variable, .. } | ExprKind::VariableSet { variable, .. } => {
                    assert_eq!(variable, parameter);
                }
                ref other => panic!("a variable, found {other:?}"),
            }
        }
        assert_eq!(parts[4].position.get(), Some(5));
        assert!(parts[4].node > parts[3].node);
    });
}

#[test]
fn accesses() {
    with_body(everything, |component, body| {
        let parts = parts(body, 2);
        let ExprKind::InstanceGet(get) = parts[0].kind else { panic!("a get") };
        assert!(matches!(get.target, Reference::FieldGetter(_)));
        let ExprKind::InstanceTearOff(tear_off) = parts[1].kind else { panic!("a tear-off") };
        assert_eq!(tear_off.target, Reference::Procedure(procedure(component, "map")));
        let ExprKind::InstanceSet(set) = parts[2].kind else { panic!("a set") };
        assert!(matches!(set.target, Reference::FieldSetter(_)));
        assert_eq!(set.access, InstanceAccessKind::Object);
        let ExprKind::InstanceInvocation(call) = parts[3].kind else { panic!("a call") };
        assert!(call.flags.is_invariant() && call.flags.is_bounds_safe());
        assert_eq!((call.arguments.types.len(), call.arguments.positional.len()), (1, 1));
        assert_eq!(component.string(call.arguments.named[0].name), b"named");
        let ExprKind::DynamicGet { name, .. } = parts[4].kind else { panic!("a dynamic get") };
        assert!(component.name_library(name).is_some());
    });
}

#[test]
fn function_types() {
    with_body(everything, |_, body| {
        let ExprKind::TypeLiteral(DartType::Function(outer)) = parts(body, 3)[8].kind else {
            panic!("a function type")
        };
        let owner = |ty: &DartType<'_>| match *ty {
            DartType::TypeParameter { owner: TypeParameterOwner::FunctionType { depth }, index, .. } => {
                (depth, index)
            }
            _ => panic!("a type parameter, found {ty:?}"),
        };
        assert_eq!(owner(&outer.return_type), (0, 0));
        assert!(outer.named[0].required);
        let DartType::Function(inner) = outer.positional[0] else { panic!("a function type") };
        assert_eq!(owner(&inner.positional[0]), (1, 0));
        assert_eq!(owner(&inner.positional[1]), (0, 0));
        assert_eq!(owner(&inner.return_type), (0, 0));
    });
}

#[test]
fn local_functions() {
    with_body(everything, |_, body| {
        let StmtKind::FunctionDeclaration { variable, function } = statement(body, 4).kind else {
            panic!("a local function")
        };
        let header = function.function.header;
        let Some(Stmt { kind: StmtKind::Return(Some(value)), .. }) = function.function.body else {
            panic!("a return")
        };
        let ExprKind::TypeLiteral(DartType::TypeParameter { owner, .. }) = value.kind else {
            panic!("a type")
        };
        assert_eq!(*owner, TypeParameterOwner::LocalFunction(header.node));
        let StmtKind::Expression(call) = statement(body, 5).kind else { panic!("a call") };
        let ExprKind::LocalFunctionInvocation { variable: called, .. } = call.kind else { panic!("a call") };
        assert_eq!(called, variable.id);
    });
}

#[test]
fn type_parameters_of_methods_follow_those_of_classes() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).expect("a readable file");
    let map = procedure(&component, "map");
    let body = component.parse_procedure_body(map, &arena).expect("a body").body;
    let Some(Stmt { kind: StmtKind::Return(Some(value)), .. }) = body else { panic!("a return") };
    let ExprKind::TypeLiteral(DartType::TypeParameter { owner, index: 0, .. }) = value.kind else {
        panic!("a type")
    };
    assert_eq!(*owner, TypeParameterOwner::Member(Member::Procedure(map)));
}

#[test]
fn constructors() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = Component::read(&bytes, &arena).expect("a readable file");
    let id = component.constructors.keys().next().expect("a constructor");
    let node = component.parse_constructor(id, &arena).expect("a readable constructor");
    let [local, field, assert, redirecting, super_, invalid] = node.initializers else { panic!("six") };
    assert!(matches!(local.kind, InitializerKind::Local(_)));
    let InitializerKind::Field { value, .. } = field.kind else { panic!("a field") };
    let ExprKind::VariableGet { variable, .. } = value.kind else { panic!("a variable") };
    assert_eq!(variable, node.function.positional[0].id);
    assert!(matches!(assert.kind, InitializerKind::Assert(_)));
    assert!(matches!(redirecting.kind, InitializerKind::Redirecting { target, .. } if target == id));
    assert!(matches!(super_.kind, InitializerKind::Super { is_synthetic: true, .. }));
    assert!(matches!(invalid.kind, InitializerKind::Invalid { .. }));
    let field = component.classes[class(&component, "Box")].fields.iter().next().expect("a field");
    let initializer =
        component.parse_field_initializer(field, &arena).expect("readable").expect("an initialiser");
    assert!(matches!(initializer.kind, ExprKind::Null));
}

#[test]
fn metadata() {
    with_body(everything, |component, body| {
        let boxed = &component.classes[class(component, "Box")];
        let field = &component.fields[boxed.fields.iter().next().expect("a field")];
        let attributes = component.procedure_attributes(field.node).expect("readable");
        assert!(attributes.has_non_this_uses && !attributes.has_this_uses);
        assert_eq!((attributes.method_or_setter_selector, attributes.getter_selector), (3, 4));
        // Nothing is known of a member without an entry.
        let main = &component.procedures[component.main.expect("main")];
        let attributes = component.procedure_attributes(main.node).expect("readable");
        assert!(attributes.has_this_uses && attributes.getter_called_dynamically);
        assert_eq!(attributes.getter_selector, 0);

        let unboxing = component.unboxing_info(field.node).expect("readable").expect("an entry");
        let [UnboxedKind::Record { positional: 1, named }] = &unboxing.arguments[..] else {
            panic!("a record")
        };
        assert_eq!((named.len(), unboxing.return_value), (1, UnboxedKind::Double));
        assert!(component.unboxing_info(main.node).expect("readable").is_none());

        let argument = component.inferred_arg_type(main.function.positional[0].id.node());
        let argument = argument.expect("readable").expect("an entry");
        assert_eq!(argument.class, Some(class(component, "Object")));
        assert!(argument.flags.is_nullable());
        assert!(matches!(component.constant(argument.constant.expect("a constant")), Constant::Int(_)));

        let inferred = component.inferred_type(parts(body, 0)[3].node).expect("readable").expect("an entry");
        let arena = Bump::new();
        let exact = inferred.exact_type.expect("an exact type");
        let exact = component.decode_type(exact, main.function.scope, &arena).expect("a type");
        assert!(matches!(exact, DartType::Interface { arguments: [_], .. }));

        let call = component.direct_call(parts(body, 2)[0].node).expect("readable").expect("an entry");
        assert!(call.check_receiver_for_null && matches!(call.target, Reference::FieldGetter(_)));
        let receiver =
            component.call_site_attributes(parts(body, 2)[3].node).expect("readable").expect("an entry");
        let receiver = component.decode_type(receiver, main.function.scope, &arena).expect("a type");
        assert!(matches!(receiver, DartType::Interface { arguments: [], .. }));

        let [_, selector] = component.table_selectors().expect("readable")[..] else {
            panic!("two selectors")
        };
        assert!(selector.call_count == 9 && selector.called_on_null && selector.torn_off);
        let [unit] = &component.loading_units().expect("readable")[..] else { panic!("one unit") };
        assert_eq!((unit.id, unit.parent, unit.libraries.len()), (1, 0, 1));
        assert_eq!(component.obfuscation_prohibitions().expect("readable"), unit.libraries);
        assert!(!component.unreachable(main.node));
    });
}

#[test]
fn summary_has_every_kind() {
    let summary = Summary::read(&file(everything)).expect("a readable file");
    for (group, kinds) in [("expressions", 58), ("statements", 21), ("types", 14), ("initializers", 6)] {
        let (_, counts) = summary.groups.iter().find(|(name, _)| *name == group).expect("the group");
        assert_eq!(counts.len(), kinds, "kinds of {group}: {counts:?}");
        assert!(counts.iter().all(|(name, _)| name != "unknown"));
    }
    assert_eq!(summary.count("constants", "Record"), 1);
    assert_eq!(summary.count("declarations", "Class"), 3);
    // Every metadata entry belongs to a node of the program.
    for (tag, entries, reached) in summary.metadata {
        assert_eq!(entries, reached, "{tag}");
    }
    assert_eq!(Repository::ALL.len(), 12);
}

#[test]
fn components_are_shared_between_threads() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = &Component::read(&bytes, &arena).expect("a readable file");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let arena = Bump::new();
                for id in component.procedures.keys() {
                    component.parse_procedure_body(id, &arena).expect("a readable body");
                }
            });
        }
    });
}
