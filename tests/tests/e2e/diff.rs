//! `snapcrane diff`: between versions of a program, targets and compilers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use snapcrane_tests::child::{Finished, Limits, run};
use snapcrane_tests::harness::{CompileOptions, Program, examples_dir, harness, said, shown};
use xtask::{Arch, KernelOptions, workspace_root};

/// Runs the command with these arguments.
fn diff(first: &Path, second: &Path, arguments: &[&str]) -> Finished {
    let mut command = harness().compiler_command();
    command.arg("diff").args(arguments).args([first, second]);
    let finished = run(&mut command, &Limits::seconds(60));
    assert!(finished.status.is_some(), "{}: {}", shown(&command), finished.describe_end());
    finished
}

/// The JSON form by table; the exit code says the same as `equal`.
fn tables(first: &Path, second: &Path, arguments: &[&str]) -> BTreeMap<String, Value> {
    let finished = diff(first, second, &[arguments, &["--json"]].concat());
    let json: Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", said(&finished)));
    let equal = json["equal"].as_bool().expect("a boolean");
    assert_eq!(finished.code(), Some(if equal { 0 } else { 1 }), "{}", finished.stderr);
    let message = format!("Error: {} and {} differ\n", first.display(), second.display());
    assert_eq!(finished.stderr, if equal { "" } else { &*message });
    let list = json["tables"].as_array().expect("a list");
    let tables =
        list.iter().map(|table| (table["title"].as_str().expect("a title").to_owned(), table.clone()));
    let tables: BTreeMap<String, Value> = tables.collect();
    assert_eq!(tables.len(), list.len(), "titles differ");
    assert_eq!(tables.values().all(is_alike), equal);
    tables
}

fn list<'t>(table: &'t Value, name: &str) -> &'t [Value] {
    table[name].as_array().unwrap_or_else(|| panic!("{name} in {table}"))
}

fn is_alike(table: &Value) -> bool {
    ["only_a", "only_b", "changes"].iter().all(|name| list(table, name).is_empty())
}

/// Titles of the tables that differ.
fn differing(tables: &BTreeMap<String, Value>) -> BTreeSet<&str> {
    tables.iter().filter(|(_, table)| !is_alike(table)).map(|(title, _)| title.as_str()).collect()
}

/// Titles of the tables about the program.
fn content(tables: &BTreeMap<String, Value>) -> BTreeSet<&str> {
    tables.iter().filter(|(_, table)| table["aspect"] == "content").map(|(title, _)| title.as_str()).collect()
}

/// Names of a list, as often as they occur.
fn names(table: &Value, which: &str) -> Vec<String> {
    let name = |entry: &Value| {
        let count = entry["count"].as_u64().expect("a number") as usize;
        vec![entry["name"].as_str().expect("a name").to_owned(); count]
    };
    list(table, which).iter().flat_map(name).collect()
}

fn hello(dir: &Path, name: &str, options: &CompileOptions) -> PathBuf {
    let harness = harness();
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let path = dir.join(name);
    harness.compile(&kernel, &path, options);
    path
}

#[test]
fn a_snapshot_equals_itself() {
    let dir = harness().temp_dir();
    let snapshot = hello(dir.path(), "hello.so", &CompileOptions::default());
    assert!(differing(&tables(&snapshot, &snapshot, &[])).is_empty());
    let finished = diff(&snapshot, &snapshot, &[]);
    assert_eq!((finished.code(), finished.stderr.as_str()), (Some(0), ""));
    let text = String::from_utf8(finished.stdout).expect("a text");
    assert!(text.ends_with("\nThe snapshots are equal.\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("  ")), "{text}");
}

#[test]
fn symbols_are_no_content() {
    let dir = harness().temp_dir();
    let full = hello(dir.path(), "full.so", &CompileOptions::default());
    let stripped =
        hello(dir.path(), "stripped.so", &CompileOptions { strip: true, ..CompileOptions::default() });
    let tables = tables(&full, &stripped, &[]);
    assert_eq!(differing(&tables), BTreeSet::from(["header"]));
    let changes = list(&tables["header"], "changes");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!((&changes[0]["fact"], &changes[0]["a"]), (&"symbols".into(), &"yes".into()));
}

const BEFORE: &str = r"
class Shape {
  final int width;
  Shape(this.width);
  int area() => width * width;
  int get side => width + 1;
}

class Box extends Shape {
  Box(super.width);
  @override
  int area() => super.area() + 1;
}

const sizes = [111, 222];

int removed(int x) {
  print('removed $x');
  return x * 3;
}

int changed(int x) => x + 1;

int number(int x) => x + 1000;

int measured(int x) => x - sizes.length;

void closures(List<int> list) {
  list.forEach((x) => print('first $x'));
  list.forEach((x) => print('second ${x + 2}'));
}

void main(List<String> args) {
  final shapes = <Shape>[Shape(args.length), Box(2)];
  for (final shape in shapes) print(shape.area() + shape.side);
  print(removed(args.length));
  print(changed(args.length));
  print(number(measured(args.length)));
  print('the old text');
  print(sizes);
  closures([args.length, 2]);
}
";

const AFTER: &str = r"
class Added {
  final String name;
  Added(this.name);
  String greet() => 'greetings to $name';
}

class Shape {
  final int width;
  int height = 3;
  Shape(this.width);
  int area() => width * height;
  int get side => width + 1;
}

class Box extends Shape {
  Box(super.width);
  @override
  int area() => super.area() + 1;
}

const sizes = [111, 333];

int added(int x) {
  print('added $x');
  return x * 3;
}

int changed(int x) => x > 10 ? x * x * x : x + 1;

int number(int x) => x + 2000;

int measured(int x) => x - sizes.length;

void closures(List<int> list) {
  list.forEach((x) => print('inserted ${x * x}'));
  list.forEach((x) => print('first $x'));
  list.forEach((x) => print('second ${x + 2}'));
}

void main(List<String> args) {
  final shapes = <Shape>[Shape(args.length), Box(2)];
  for (final shape in shapes) print(shape.area() + shape.side);
  print(Added('you').greet());
  print(added(args.length));
  print(changed(args.length));
  print(number(measured(args.length)));
  print('the new text');
  print(sizes);
  closures([args.length, 2]);
}
";

/// Compiles both versions from the same path; the two snapshots, and the path as names have it.
fn versions(dir: &Path, before: &str, after: &str) -> (PathBuf, PathBuf, String) {
    versions_for(Arch::X64, dir, before, after)
}

fn versions_for(arch: Arch, dir: &Path, before: &str, after: &str) -> (PathBuf, PathBuf, String) {
    let harness = harness();
    let (source, kernel) = (dir.join("program.dart"), dir.join("program.dill"));
    let snapshot = |text: &str, name: &str| {
        fs::write(&source, text).expect("the folder is writable");
        let made = harness.toolchain().gen_kernel(&source, &kernel, &KernelOptions::default());
        made.unwrap_or_else(|error| panic!("{error}"));
        let path = dir.join(name);
        harness.compile(&kernel, &path, &CompileOptions { arch, ..CompileOptions::default() });
        path
    };
    (snapshot(before, "before.so"), snapshot(after, "after.so"), format!(" (file://{})", source.display()))
}

/// `("Shape", "instance words", 2, 4)` for each change of an entry of the program.
fn changes(table: &Value, url: &str) -> Vec<(String, String, String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let change = |change: &Value| {
        let name = text(&change["name"]).strip_suffix(url)?.to_owned();
        Some((name, text(&change["fact"]), text(&change["a"]), text(&change["b"])))
    };
    list(table, "changes").iter().filter_map(change).collect()
}

#[test]
fn an_edit_shows_and_nothing_else() {
    let dir = harness().temp_dir();
    let (before, after, url) = versions(dir.path(), BEFORE, AFTER);
    let tables = tables(&before, &after, &[]);
    let of_program = |title: &str, which: &str| -> Vec<String> {
        names(&tables[title], which).iter().map(|name| name.replace(&url, "")).collect()
    };
    let expect = |title: &str, only_a: &[&str], only_b: &[&str]| {
        assert_eq!((of_program(title, "only_a"), of_program(title, "only_b")), {
            let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            (owned(only_a), owned(only_b))
        });
    };
    expect("libraries", &[], &[]);
    expect("classes", &[], &["Added"]);
    let change = |name: &str, fact: &str, a: &str, b: &str| {
        (name.to_owned(), fact.to_owned(), a.to_owned(), b.to_owned())
    };
    assert_eq!(
        changes(&tables["classes"], &url),
        [change("Box", "instance words", "2", "4"), change("Shape", "instance words", "2", "4")]
    );
    let added = ["Added.greet", "added", "closures.<anonymous closure>", "new Added"];
    expect("functions", &["removed"], &added);
    expect("fields", &[], &[]);
    let strings =
        ["Added", "Added.", "added", "added ", "greet", "greetings to ", "inserted ", "the new text", "you"];
    expect("strings", &["removed", "removed ", "the old text"], &strings);
    expect("numbers", &["int 222"], &["int 333"]);
    expect("types", &[], &["Added"]);
    expect("constants", &["<int>[int 111, int 222]"], &["<int>[int 111, int 333]"]);
    for title in ["functions", "fields", "static fields", "roots"] {
        assert_eq!(list(&tables[title], "changes"), &[] as &[Value], "{title}");
    }
    expect("static fields", &[], &[]);
    expect("roots", &[], &[]);
    expect("dispatch cells", &[], &[]);

    // Numbers of classes, slots and rows have changed in most functions.
    let code = &tables["code"];
    expect(
        "code",
        &["removed"],
        &[
            "Added.greet",
            "added",
            "closures.<anonymous closure>",
            "helper closures.<anonymous closure>",
            "new Added",
        ],
    );
    let own: BTreeSet<(String, String)> =
        changes(code, &url).into_iter().map(|(name, fact, ..)| (name, fact)).collect();
    let pair = |name: &str, fact: &str| (name.to_owned(), fact.to_owned());
    assert_eq!(
        own,
        BTreeSet::from([
            pair("Shape.area", "bytes"),
            pair("changed", "bytes"),
            pair("closures", "bytes"),
            pair("main", "bytes"),
            pair("new Shape", "bytes"),
            // It refers to the list that has changed.
            pair("measured", "instructions"),
            pair("number", "instructions"),
        ])
    );
    let (alike, changed) = (code["alike"].as_u64().expect("a number"), list(code, "changes").len() as u64);
    assert!(changed * 50 < alike, "{changed} of {alike} have changed");

    let text = String::from_utf8(diff(&before, &after, &["--all"]).stdout).expect("a text");
    let text = text.replace(&url, "");
    for line in [
        "  + Added\n",
        "  ~ Shape: instance words 2 -> 4\n",
        "  - removed\n",
        "  + closures.<anonymous closure>\n",
        "  - \"the old text\"\n",
        "  + \"the new text\"\n",
        "  ~ number: other instructions\n",
        "  ~ changed: bytes ",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let short = String::from_utf8(diff(&before, &after, &[]).stdout).expect("a text");
    assert!(short.len() < text.len() && short.contains(" more\n"), "{short}");
}

const OTHER: &str = r"
class _Private {
  final int value;
  _Private(this.value);
  int twice() => value * 2;
}

int useOther(int x) => _Private(x).twice();
";

/// Members that share their names. What stands in `/*` is not in the first version, what is behind `//-` not in the second.
const NAMESAKES: &str = r"
import 'other.dart';

class _Private {
  final int value;
  _Private(this.value);
  int twice() => value * 2;
  /*int thrice() => value * 3;*/
}

mixin Counting {
  int count = 0;
  int advance() => count++;
}

class Left with Counting {}

class Right with Counting {
  /*@override int advance() => count += 2;*/
}

class Cell {
  int _content;
  Cell(this._content);
  Cell.doubled(int x) : _content = x * 2;
  int get content => _content + 1;
  set content(int x) => _content = x; //-
}

int first(int x) {
  /*int inner(int y) => y * 1000; print(inner(x) + inner(x + 1));*/
  int inner2(int y) { print(y); return y - x; }
  return inner2(x) + inner2(x + 1);
}

int second(int x) {
  int inner2(int y) { print(y); return y - x; }
  return inner2(x) + inner2(x + 1);
}

void later(List<void Function()> actions) {
  /*actions.add(() { print('zeroth'); print(actions.length + actions.length); });*/
  actions.add(() => print('first'));
  actions.add(() => print('second'));
  actions.add(() => print('third'));
}

void main(List<String> args) {
  final x = args.length;
  print(useOther(x) + _Private(x).twice());
  /*print(_Private(x).thrice());*/
  for (final counting in <Counting>[Left(), Right(), Left()]) print(counting.advance());
  final cells = [Cell(x), Cell.doubled(x)];
  for (final cell in cells) {
    cell.content = x; //-
    print(cell.content);
  }
  print([first, second].map((f) => f(x)).toList());
  print(cells.map((cell) => cell.content).toList());
  final actions = <void Function()>[];
  later(actions);
  for (final action in actions) action();
}
";

#[test]
fn namesakes_are_told_apart() {
    let dir = harness().temp_dir();
    fs::write(dir.path().join("other.dart"), OTHER).expect("the folder is writable");
    let after: Vec<&str> = NAMESAKES.lines().filter(|line| !line.ends_with("//-")).collect();
    let after = after.join("\n").replace("/*", "").replace("*/", "");
    let (before, after, url) = versions(dir.path(), NAMESAKES, &after);
    let tables = tables(&before, &after, &[]);
    let of_program = |title: &str, which: &str| -> Vec<String> {
        names(&tables[title], which).iter().map(|name| name.replace(&url, "")).collect()
    };
    // The private class of the other library has lost nothing.
    assert_eq!(of_program("functions", "only_a"), ["Cell.set:content"]);
    assert_eq!(
        of_program("functions", "only_b"),
        ["Right.advance", "_Private.thrice", "first.inner", "later.<anonymous closure>"]
    );
    assert_eq!(list(&tables["functions"], "changes"), &[] as &[Value]);
    assert!(is_alike(&tables["classes"]), "{}", tables["classes"]);
    let own: BTreeSet<String> = changes(&tables["code"], &url).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(own.iter().map(String::as_str).collect::<Vec<_>>(), ["first", "later", "main"]);
    assert_eq!(of_program("strings", "only_b"), ["inner", "thrice", "zeroth"]);
}

/// A small number may look like a class id or a row of the dispatch table; where these have not moved it is neither.
#[test]
fn other_numbers_are_other_instructions() {
    const FUNCTIONS: usize = 60;
    let program = |added: usize| {
        let function = |k: usize| {
            let number = 3 * k + added;
            let pragma = "@pragma('vm:never-inline')";
            format!(
                "{pragma} int sum{k}(int a) => a + {number};\n{pragma} bool test{k}(int a) => a == {number};\n"
            )
        };
        let call = |k: usize| format!("  if (test{k}(x)) x = sum{k}(x);\n");
        let functions: String = (0..FUNCTIONS).map(function).collect();
        let calls: String = (0..FUNCTIONS).map(call).collect();
        format!("{functions}void main(List<String> a) {{\n  var x = a.length;\n{calls}  print(x);\n}}\n")
    };
    for arch in [Arch::X64, Arch::Arm64, Arch::Arm] {
        let dir = harness().temp_dir();
        let (before, after, url) = versions_for(arch, dir.path(), &program(1), &program(2));
        let changed = changes(&tables(&before, &after, &[])["code"], &url);
        assert_eq!(changed.len(), 2 * FUNCTIONS, "{arch:?}: {changed:?}");
    }
}

#[test]
fn targets_share_content() {
    let dir = harness().temp_dir();
    let compile = |arch| {
        hello(dir.path(), &format!("{arch:?}.so"), &CompileOptions { arch, ..CompileOptions::default() })
    };
    let x64 = compile(Arch::X64);
    let arm64 = tables(&x64, &compile(Arch::Arm64), &[]);
    assert!(differing(&arm64).is_disjoint(&content(&arm64)), "{:?}", differing(&arm64));
    let arm = tables(&x64, &compile(Arch::Arm), &[]);
    // Constants of 64 bits are in the pool there.
    assert!(
        differing(&arm).intersection(&content(&arm)).all(|&title| title == "numbers"),
        "{:?}",
        differing(&arm)
    );
    for tables in [arm64, arm] {
        let code = &tables["code"];
        let of_main = list(code, "changes").iter().find(|change| {
            change["fact"] == "bytes"
                && change["name"].as_str().is_some_and(|name| name.starts_with("main ("))
        });
        let of_main = of_main.expect("another size");
        assert!(of_main["a"].is_u64() && of_main["b"].is_u64(), "{of_main}");
        // Instructions cannot be compared.
        assert!(list(code, "changes").iter().all(|change| change["fact"] == "bytes"));
        assert!(list(&tables["header"], "changes").iter().any(|change| change["fact"] == "features"));
    }
}

/// The rows of the tables in a section of the page: what is quoted as code in the first column, and in the others.
fn page_rows(section: &str) -> Vec<(Vec<String>, BTreeSet<String>)> {
    let path = workspace_root().join("docs/snapshot-diff.md");
    let page = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let quoted = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" | "));
    rows.map(|(first, rest)| (quoted(first), quoted(rest).into_iter().collect())).collect()
}

#[test]
fn the_page_names_all_tables_and_facts() {
    let dir = harness().temp_dir();
    let hello = hello(dir.path(), "hello.so", &CompileOptions::default());
    let (before, after, _) = versions(dir.path(), BEFORE, AFTER);
    let rows = page_rows("What is compared");
    let titles: BTreeSet<&str> = rows.iter().flat_map(|row| &row.0).map(String::as_str).collect();
    for (first, second) in [(&hello, &before), (&before, &after)] {
        let tables = tables(first, second, &[]);
        assert_eq!(tables.keys().map(String::as_str).collect::<BTreeSet<_>>(), titles);
        for (title, table) in &tables {
            let keys: Vec<&str> = table.as_object().expect("an object").keys().map(String::as_str).collect();
            let expected = ["aspect", "alike", "changes", "only_a", "only_b", "title", "totals"];
            assert_eq!(BTreeSet::from_iter(keys), BTreeSet::from(expected), "{title}");
            let (_, facts) = rows.iter().find(|row| row.0.contains(title)).expect("its row");
            for fact in list(table, "changes").iter().chain(list(table, "totals")) {
                let name = fact["fact"].as_str().expect("a text");
                assert!(facts.contains(name), "{name} of {title}");
            }
        }
    }
    let content_only = tables(&before, &after, &["--content-only"]);
    assert_eq!(content(&content_only).len(), content_only.len());
    assert!(content_only.len() < titles.len());
}

#[test]
fn differences_from_the_reference_are_explained() {
    let harness = harness();
    let dir = harness.temp_dir();
    let ours = hello(dir.path(), "ours.so", &CompileOptions { strip: true, ..CompileOptions::default() });
    let kernel = harness.kernel(&Program::from_source(examples_dir().join("hello.dart")));
    let reference = dir.path().join("reference.so");
    harness.compile_reference(&kernel, &reference, false);
    let tables = tables(&ours, &reference, &[]);
    let rows = page_rows("This compiler and the reference");
    let explained = rows.iter().flat_map(|row| &row.0).map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(differing(&tables), explained);

    // A member that both have stands in the same file.
    let declared =
        |name: &str| name.rsplit_once(" (").map_or_else(|| name.to_owned(), |(name, _)| name.to_owned());
    for title in ["functions", "fields", "static fields"] {
        let [ours, theirs] = ["only_a", "only_b"].map(|which| {
            names(&tables[title], which).iter().map(|name| declared(name)).collect::<BTreeSet<String>>()
        });
        assert_eq!(ours.intersection(&theirs).collect::<Vec<_>>(), Vec::<&String>::new(), "{title}");
    }
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let dir = harness().temp_dir();
    let good = hello(dir.path(), "good.so", &CompileOptions::default());
    let (damaged, missing) = (dir.path().join("damaged.so"), dir.path().join("missing.so"));
    let mut bytes = fs::read(&good).expect("readable");
    bytes.truncate(bytes.len() / 2);
    fs::write(&damaged, bytes).expect("the folder is writable");
    for (file, code) in [(&missing, 255), (&damaged, 254)] {
        for (first, second) in [(file, &good), (&good, file)] {
            let finished = diff(first, second, &[]);
            assert_eq!(finished.code(), Some(code), "{}", said(&finished));
            assert!(finished.stdout.is_empty(), "{}", said(&finished));
            let error = &finished.stderr;
            assert!(error.starts_with("Error: ") && error.lines().count() == 1, "{error}");
            assert!(error.contains(&*file.to_string_lossy()), "{error}");
        }
    }
}
