// Virtual calls through sites that see one, a few and very many classes; class tests over a large hierarchy.
import 'libs/show.dart';

abstract class Base {
  const Base();
  int id();
  int twice() => id() * 2;
  int sum(int a, [int b = 1, int c = 2]) => id() + a + b + c;
  String label({String prefix = 'p', int? n}) => '$prefix${n ?? id()}';
  T pass<T>(T x) => x;
  double real(double x) => x + id();
  int get property => id() + 1000;
  set property(int v) => store = v;
  static int store = 0;
  bool operator ==(Object o) => o is Base && o.id() == id();
  int get hashCode => id();
  int operator [](int i) => id() * i;
}

class C00 extends Base { int id() => 0; }
class C01 extends C00 { int id() => 1; }
class C02 extends C01 { int id() => 2; int twice() => -2; }
class C03 extends C00 { int id() => 3; int sum(int a, [int b = 10, int c = 20, int d = 30]) => a + b + c + d; }
class C04 extends C03 { int id() => 4; String label({String prefix = 'q', int? n, bool loud = false}) => '$prefix$n$loud'; }
class C05 extends Base { int id() => 5; T pass<T>(T x) => identity<T>(x); }
class C06 extends C05 { int id() => 6; double real(double x) => x * 2; }
class C07 extends C05 { int id() => 7; int get property => 7; }
class C08 extends C07 { int id() => 8; set property(int v) => Base.store = v * 8; }
class C09 extends Base { final int n; const C09(this.n); int id() => n; }
class C10 extends C09 { const C10() : super(10); int operator [](int i) => 10; }
class C11 extends C09 { const C11() : super(11); }
class C12<T> extends C09 { const C12() : super(12); Type get type => T; int id() => T == int ? 112 : 12; }
class C13 extends C12<int> { const C13(); }
class C14 extends C12<String> { const C14(); }
mixin M15 on Base { int id() => 15; int get extra => super.property; }
class C16 extends C00 with M15 {}
class C17 extends C05 with M15 { int twice() => super.twice() + 1; }
class C18 implements Base {
  int id() => 18;
  int twice() => 36;
  int sum(int a, [int b = 0, int c = 0]) => a - b - c;
  String label({String prefix = '', int? n}) => 'eighteen';
  T pass<T>(T x) => x;
  double real(double x) => -x;
  int get property => 18;
  set property(int v) {}
  int operator [](int i) => i;
}
class C19 extends Base { int id() => 19; noSuchMethod(Invocation i) => 19; }

T identity<T>(T x) => x;

final List<Base> all = [C00(), C01(), C02(), C03(), C04(), C05(), C06(), C07(), C08(), C09(9), const C10(), const C11(), const C12<double>(), const C13(), const C14(), C16(), C17(), C18(), C19()];

@pragma('vm:never-inline')
int callId(Base b) => b.id();

@pragma('vm:never-inline')
String everything(Base b) {
  b.property = b.id();
  return '${b.id()} ${b.twice()} ${b.sum(1)} ${b.sum(1, 2)} ${b.sum(1, 2, 3)} ${b.label()} ${b.label(n: 5)} ${b.label(prefix: 'x')} '
      '${b.label(n: 1, prefix: 'y')} ${b.pass<int>(3)} ${b.pass('s')} ${b.real(0.5)} ${b.property} ${Base.store} ${b[3]} ${b == all[0]} ${b.hashCode == b.hashCode} ${b.runtimeType}';
}

@pragma('vm:never-inline')
String tests(Object? o) {
  final r = StringBuffer();
  void t(bool b) => r.write(b ? 1 : 0);
  t(o is Base);
  t(o is C00);
  t(o is C01);
  t(o is C03);
  t(o is C05);
  t(o is C07);
  t(o is C09);
  t(o is C12);
  t(o is C12<int>);
  t(o is C12<num>);
  t(o is C12<Object>);
  t(o is C13);
  t(o is M15);
  t(o is C18);
  t(o is int);
  t(o is num);
  t(o is String);
  t(o is Comparable);
  t(o is Function);
  t(o is List);
  t(o is Iterable<int>);
  t(o is Null);
  t(o is Object);
  return r.toString();
}

void main() {
  for (final b in all) {
    print(everything(b));
  }
  for (final o in <Object?>[...all, 1, 1 << 62, 1.5, 's', '\u4f60', true, null, [1], [1.5], {1}, main, #s, int]) {
    print('${tests(o)} ${o is Base ? o.id() : o}');
  }
  // A site that sees one class, then another, then all of them.
  var sum = 0;
  for (var i = 0; i < 1000; i++) {
    sum += callId(all[5]);
  }
  for (var i = 0; i < 1000; i++) {
    sum += callId(all[5 + (i & 1)]);
  }
  for (var i = 0; i < 10000; i++) {
    sum = (sum * 3 + callId(all[i % all.length])) & 0xffffff;
  }
  print(sum);
  // The same through an interface of the core library.
  final comparables = <Comparable<Object>>['b', 'a'];
  print(comparables[0].compareTo('a'));
  final iterables = <Iterable<int>>[[3, 4], {5}, [1, 2].map((x) => x + 1), const [7], Iterable.generate(2), [1, 2, 3].reversed, {1: 2}.keys, '\u0041'.codeUnits, 'xy'.runes];
  for (final it in iterables) {
    print('${it.length} ${it.first} ${it.contains(5)} ${it.fold<int>(1, (a, b) => a * 7 + b)}');
  }
  final objects = <Object>[1, 1 << 62, 1.5, 's', '\u4f60', true, [1], C16(), const C13(), (1, 2), int, #s, BigInt.two, DateTime.utc(2020), Duration(seconds: 1)];
  for (final o in objects) {
    print('${o.toString()} ${o == o} ${o.hashCode == o.hashCode} ${o.runtimeType}');
  }
  print(all.map((b) => b.id()).toSet().length);
  final f = [for (final b in all) b.twice];
  print(f.map((g) => g()).toList());
  print((all[19 - 1] as dynamic).unknown(1));
}
