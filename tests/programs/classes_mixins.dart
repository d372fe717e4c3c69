// Mixins, interfaces, super chains, enums, extensions, extension types, sealed and base classes, noSuchMethod.
import 'libs/show.dart';
import 'libs/privacy_a.dart' as a;
import 'libs/privacy_b.dart' as b;

class Root {
  String trace() => 'Root';
  int get n => 1;
}

mixin Loud on Root {
  int volume = 11;
  @override
  String trace() => 'Loud(${super.trace()})';
  @override
  int get n => super.n * 2;
}

mixin Polite {
  String greeting = 'hello';
  String greet() => '$greeting from $who';
  String get who;
}

mixin Proud on Root {
  static int instances = 0;
  @override
  String trace() => 'Proud(${super.trace()})';
  @override
  int get n => super.n + 100;
}

mixin class Both {
  String both() => 'both';
}

class Person extends Root with Loud, Proud, Polite implements Comparable<Person> {
  @override
  final String who;
  Person(this.who);
  @override
  String trace() => 'Person(${super.trace()})';
  @override
  int compareTo(Person other) => who.compareTo(other.who);
}

class Alias = Root with Proud, Loud;

class UsesBoth with Both {}

class ExtendsBoth extends Both {
  @override
  String both() => 'extended ${super.both()}';
}

mixin Generic<T> {
  final List<T> items = [];
  void put(T item) => items.add(item);
  Type get type => T;
}

class IntBox with Generic<int> {}

class StringBox extends Object with Generic<String> {}

enum Planet implements Comparable<Planet> {
  mercury(3.303e23, 2439.7),
  earth(5.976e24, 6378.1, moons: 1);

  final double mass, radius;
  final int moons;
  const Planet(this.mass, this.radius, {this.moons = 0});
  static const heaviest = earth;
  bool get hasMoon => moons > 0;
  @override
  int compareTo(Planet other) => mass.compareTo(other.mass);
}

enum Op with Both {
  add('+'),
  mul('*');

  const Op(this.sign);
  final String sign;
  int apply(int x, int y) => switch (this) { add => x + y, mul => x * y };
  @override
  String toString() => 'Op($sign)';
}

enum Simple { a, b, c }

extension IntTools on int {
  int get squared => this * this;
  int plus([int x = 1]) => this + x;
  static int helper() => 99;
  int operator [](int i) => (this >> i) & 1;
  bool Function(int) get divides => (x) => x % this == 0;
}

extension ListTools<T> on List<T> {
  T? get second => length > 1 ? this[1] : null;
  List<R> twice<R>(R Function(T) f) => [for (final x in this) ...[f(x), f(x)]];
}

extension on String? {
  String get orNothing => this ?? 'nothing';
}

extension NullableInt on int? {
  int get orZero => this ?? 0;
}

extension type Meters(double value) {
  Meters.km(double k) : this(k * 1000);
  Meters operator +(Meters other) => Meters(value + other.value);
  String get text => '${value}m';
}

extension type const Id(int raw) implements int {
  bool get isValid => raw > 0;
}

sealed class Shape {}

final class Circle extends Shape {
  final double r;
  Circle(this.r);
}

final class Rect extends Shape {
  final double w, h;
  Rect(this.w, this.h);
}

base class Based {
  int get v => 5;
}

interface class Iface {
  int get w => 6;
}

final class Final extends Based implements Iface {
  @override
  int get w => 7;
}

double area(Shape s) => switch (s) { Circle(:final r) => r * r * 3, Rect(:final w, :final h) => w * h };

class Ghost {
  @override
  dynamic noSuchMethod(Invocation i) {
    final kind = i.isGetter ? 'get' : i.isSetter ? 'set' : 'call';
    return '$kind ${i.memberName} ${i.typeArguments} ${i.positionalArguments} ${i.namedArguments}';
  }

  int real() => 1;
}

abstract class Service {
  String fetch(int id, {String? tag});
  int get count;
  set count(int v);
  T convert<T>(Object o);
  String operator [](int i);
}

class FakeService implements Service {
  final List<String> log = [];
  @override
  dynamic noSuchMethod(Invocation i) {
    log.add('${i.memberName} ${i.typeArguments} ${i.positionalArguments} ${i.namedArguments}');
    if (i.isGetter) return 42;
    if (i.memberName == #convert) return 7;
    return 'fake';
  }
}

class Incomplete implements Service {
  @override
  dynamic noSuchMethod(Invocation i) => super.noSuchMethod(i);
}

void main() {
  final p = Person('Ann');
  print(p.trace());
  print('${p.n} ${p.volume} ${p.greet()}');
  p
    ..volume = 12
    ..greeting = 'bye';
  print('${p.volume} ${p.greet()}');
  print(Alias().trace());
  print(Alias().n);
  print([p is Loud, p is Polite, p is Root, p is Comparable<Person>, p is Comparable<int>, Alias() is Polite]);
  print(p.compareTo(Person('Bob')));
  print('${UsesBoth().both()} ${ExtendsBoth().both()}');
  print('${(IntBox()..put(3)).items} ${IntBox().type} ${StringBox().type} ${IntBox() is Generic<int>} ${IntBox() is Generic<String>}');
  show('mixin check', () => (IntBox() as dynamic).put('x'));

  print(Planet.values);
  print([for (final x in Planet.values) '${x.name} ${x.index} ${x.mass} ${x.hasMoon}']);
  print(Planet.earth.compareTo(Planet.mercury));
  print(Planet.values.byName('earth') == Planet.heaviest);
  show('byName', () => Planet.values.byName('mars'));
  print([for (final o in Op.values) '$o ${o.apply(3, 4)} ${o.name} ${o.both()}']);
  print(Simple.values.asNameMap());
  print(Simple.b);
  print([identical(Simple.a, Simple.values[0]), Simple.a == Simple.b, {Simple.a: 1, Simple.b: 2}[Simple.b]]);

  print('${5.squared} ${5.plus()} ${5.plus(3)} ${IntTools.helper()} ${5[0]}${5[1]}${5[2]} ${3.divides(9)}');
  print(IntTools(6).squared);
  print('${[1, 2, 3].second} ${<String>[].second} ${['a'].twice((x) => x * 2)}');
  print('${(opaque<String?>(null)).orNothing} ${'x'.orNothing} ${(opaque<int?>(null)).orZero}');
  final tearOff = 7.plus;
  print(tearOff(3));

  print((Meters(3) + Meters.km(1)).text);
  print(Meters(2) as Object);
  print('${const Id(4) + 1} ${Id(4).isValid} ${Id(0).isValid} ${(Id(4) as Object) is int}');
  print([Id(1), Id(2)].runtimeType);

  print('${area(Circle(2))} ${area(Rect(2, 3))}');
  print('${Final().v} ${Final().w}');

  final dynamic g = Ghost();
  print(g.foo);
  print(g.foo(1, 2, x: 3));
  print(g.foo<int, String>(1));
  print(g.foo = 5);
  g.bar = 6;
  print(g[3]);
  print(g + 4);
  print(-g);
  print(g(1, 2));
  print(g.real());
  print(g.real(1));
  show('call of a string', () => (g.missing)());

  final s = FakeService();
  final Service service = s;
  print(service.fetch(3, tag: 't'));
  print(service.fetch(4));
  print(service.count);
  service.count = 9;
  print(service.convert<int>('x'));
  show('wrong type', () => service.convert<String>('x'));
  print(service[5]);
  s.log.forEach(print);
  show('incomplete', () => (Incomplete() as Service).fetch(1));
  show('incomplete getter', () => (Incomplete() as Service).count);
  final f = service.fetch;
  print(f(8, tag: 'u'));

  final m = b.MiddleB();
  print([m.callWhere(), m.callWhereOfB(), m.nameOfA, m.nameOfB, m.make(), m.makeB()]);
  m.nameOfA = 'c';
  print([m.nameOfA, m.nameOfB, a.topOfA(), b.topOfB(), a.counter, b.counter]);
  a.counter++;
  print([a.counter, b.counter]);
  print(a.dynamicWhere(m));
  show('private', () => a.dynamicWhere(3));
}
