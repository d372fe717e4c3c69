//! Text of handmade members.

mod common;

use common::{Writer, everything, file};
use dart_kernel::ast::StmtKind;
use dart_kernel::*;

fn read<'a>(bytes: &'a [u8], arena: &'a Bump) -> Component<'a> {
    Component::read(bytes, arena).expect("a readable file")
}

/// Text of `main` with the given body.
fn main_text(body: impl FnOnce(&mut Writer, u32)) -> String {
    let bytes = file(body);
    let arena = Bump::new();
    let component = read(&bytes, &arena);
    let main = Member::Procedure(component.main.expect("main"));
    text::member(&component, main).expect("a printable body")
}

const EVERYTHING: &str = r#"@const pragma{name: "vm:entry-point", options: null}
@const 4611686018427387904
static dynamic main@1(dynamic{~ const 4611686018427387904} p) {
  interpolate@1(p{Object}, p =@3 null, p =@3 null, p{~ Box<Object>?}, this, -3, 1000000, -200, -9223372036854775808, -0.5, true, false, null, "a\u{d800}", type@14(dynamic), const (4611686018427387904, n: true), in test:lib const <Object>[null, <Object, dynamic>{true: 4611686018427387904}], in test:lib (null), _counter@18, _counter@19 = null, check_loaded@20(core), load_library@21(core));
  interpolate@30(null ==@31 null, null =={Box.map}@32 null, !true, null!@34, true || false, true ? null : null, null is@37 Object, null as{implied}@38 Object, throw{error}@39 null, <dynamic>@40[null, null], <dynamic, dynamic>@41{null: null}, @42(null, n: null), null.$1@43, null.n@44, await{check Object}@45 null, instantiate@46<Object>(null));
  interpolate@50(null.{Box.value => Box.value or null: dynamic}@50, null.{tear-off Box.map: dynamic}@50, null.{Box.value, of any object}@50 = null, null.{Box.map, invariant, in bounds: dynamic}@50<dynamic>(null, named: null), null.{dynamic _private}@50, null.{never n}@50 = null, null.{invalid call, implicit}@50(), null.{call}@50(null), super.{Box.value}@51, super.{Box.value}@51 = null, super.{Box.map}@51(), Box.make@51<Object>(), new Box@51(null));
  interpolate@55(type@56(invalid), type@56(dynamic), type@56(void), type@56(Null), type@56(Never), type@56(Object), type@56(Box<dynamic>?), type@56(void Function(dynamic)), type@56(A Function<A extends Object = dynamic>(B Function<B extends Object = dynamic>(A, B), {required A n})), type@56((dynamic, {dynamic n})), type@56(FutureOr<dynamic>), type@56((dynamic & Object)), type@56((Box<dynamic> = Object)), type@56(Box<FutureOr<Object>?>));
  dynamic local<S extends Object = dynamic>(dynamic q)
    return@61 type@62(S);
  local@63(p);
  dynamic closure()
    yield*@66 null;;
  L0: while@91 (true)
    L1: do@93
      switch@94 (null: Object) exhaustive {
        C0: case -2@95:
          continue@97 C1;
        C1: default: {
          break@99 L0;
          break@99 L1;
        }
      }
    while (true);
  try@70
    ;
  on Object catch (dynamic e, dynamic s)
    rethrow@71;
  try@72
    ;
  finally
    ;
  dynamic x = null;
  assert {
    assert(false, null);
  }
  for@75 (dynamic i; true; null)
    ;
  for@77 (dynamic j in null)
    ;
  await for@78 (dynamic k in null)
    ;
  if@79 (true)
    ;
  return@81;
  let dynamic t in block {
    ;
    => invalid("oops", null)
  };
}
"#;

#[test]
fn every_construct() {
    assert_eq!(main_text(everything), EVERYTHING);
}

#[test]
fn members_of_each_kind() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = read(&bytes, &arena);
    let fields = component.fields.keys().map(Member::Field);
    let constructors = component.constructors.keys().map(Member::Constructor);
    let procedures = component.procedures.keys().map(Member::Procedure);
    let members: Vec<Member> = fields.chain(constructors).chain(procedures).collect();
    let texts: String = members
        .iter()
        .take(members.len() - 1)
        .map(|&member| text::member(&component, member).expect("a printable member"))
        .collect();
    assert_eq!(
        texts,
        "\
final Object pragma.name@10;
final Object pragma.options@10;
T Box.value@10 = null;
static dynamic _counter@10 = 2;
const new Box@1(dynamic v)
  : dynamic #1
  : Box.value@2 = v
  : assert@4(true)
  : this Box@6()
  : super Box@7(null)
  : invalid(\"bad\")
  ;
dynamic Box.map@1<R extends Object = dynamic>(dynamic f)
  return@20 type@21(R);
dynamic factory Box.make@1<T extends Object = dynamic>();
"
    );
    // A declaration is the line without annotations and body.
    let declarations: Vec<String> = members
        .iter()
        .map(|&member| text::declaration(&component, member).expect("a printable declaration"))
        .collect();
    assert_eq!(
        declarations[3..],
        [
            "static dynamic _counter@10",
            "const new Box@1(dynamic v)",
            "dynamic Box.map@1<R extends Object = dynamic>(dynamic f)",
            "dynamic factory Box.make@1<T extends Object = dynamic>()",
            "static dynamic main@1(dynamic{~ const 4611686018427387904} p)",
        ]
    );
}

#[test]
fn local_functions_alone() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = read(&bytes, &arena);
    let main = component.main.expect("main");
    let body = component.parse_procedure_body(main, &arena).expect("a body").body.expect("a body");
    let StmtKind::Block { statements, .. } = body.kind else { panic!("a block") };
    let function = statements.iter().find_map(|stmt| match stmt.kind {
        StmtKind::FunctionDeclaration { function, .. } => Some(function),
        _ => None,
    });
    let node = function.expect("a local function").function.node;
    let member = Member::Procedure(main);
    let local = text::local_function(&component, member, node).expect("a printable body");
    assert_eq!(
        local.as_deref(),
        Some("dynamic closure<S extends Object = dynamic>(dynamic q)\n  return@61 type@62(S);\n")
    );
    assert_eq!(text::local_function(&component, member, body.node).expect("a printable body"), None);
}

#[test]
fn constants_are_values() {
    let bytes = file(everything);
    let arena = Bump::new();
    let component = read(&bytes, &arena);
    let texts: Vec<String> =
        component.constants().keys().map(|constant| text::constant(&component, constant)).collect();
    assert_eq!(
        texts,
        [
            "null",
            "true",
            "4611686018427387904",
            "1.5",
            "-70000",
            "\"vm:entry-point\"",
            "pragma{name: \"vm:entry-point\", options: null}",
            "#_symbol",
            "<Object, dynamic>{true: 4611686018427387904}",
            "<Object>[null, <Object, dynamic>{true: 4611686018427387904}]",
            "<Object>{1.5}",
            "main",
            "main<Object>",
            "type(R Function<R extends Object = dynamic>())",
            "new Box",
            "new Box.make",
            "(4611686018427387904, n: true)",
        ]
    );
}

#[test]
fn string_literals() {
    assert_eq!(text::string_literal(b"it's \"q\"\n"), r#""it's \"q\"\n""#);
    assert_eq!(text::string_literal("é\u{200b}".as_bytes()), "\"é\\u{200b}\"");
    assert_eq!(text::string_literal(b"\xed\xa0\x80x"), "\"\\u{d800}x\"");
}

/// Each variable has a name of its own, with or without one in the source.
#[test]
fn variables_of_one_name() {
    let text = main_text(|w, parameter| {
        w.block(5);
        let [named, other, unnamed] = ["p", "p#2", ""].map(|name| {
            w.node(78, 1).byte(154).uint(0).byte(0);
            w.variable(155, name)
        });
        w.byte(61).node(49, 1).dynamic().uint(4);
        for variable in [parameter, named, other, unnamed] {
            w.node(224, 2).uint(variable);
        }
        w.byte(63).no_scope();
    });
    let (_, body) = text.split_once("{\n").expect("a block");
    assert_eq!(
        body,
        "  dynamic p#2;\n  dynamic p#2#2;\n  dynamic #1;\n  <dynamic>@1[p, p#2, p#2#2, #1];\n  ;\n}\n"
    );
}

/// The name of a hidden type parameter is qualified.
#[test]
fn hidden_type_parameters() {
    let text = main_text(|w, _| {
        // `A Function<A>(A Function<A>(outer A, inner A))`
        w.byte(61).node(45, 1);
        w.byte(94).byte(2).uint(1).type_parameter_declaration("A").uint(1).uint(1).uint(1);
        w.byte(94).byte(2).uint(1).type_parameter_declaration("A").uint(2).uint(2).uint(2);
        w.type_parameter(0).type_parameter(1).uint(0).type_parameter(1);
        w.uint(0).type_parameter(0);
    });
    let (_, body) = text.split_once(" p)\n").expect("a parameter");
    assert_eq!(
        body,
        "  type@1(A Function<A extends Object = dynamic>(A Function<A extends Object = dynamic>(^1.A, A)));\n"
    );
}
