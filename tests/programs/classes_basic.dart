// Constructors, initialisers, inheritance, abstract members, super, getters and setters, operators, toString.
import 'libs/show.dart';

int order = 0;
int step(String name) {
  print('  ${order++} $name');
  return order;
}

class Base {
  int a = step('Base.a');
  final int b;
  Base(int x)
      : b = step('Base.b') + x,
        assert(x > -100) {
    step('Base body');
    hook();
  }
  Base.other() : this(step('Base.other'));
  void hook() => step('Base.hook');
  String describe() => 'Base($a, $b)';
  int get size => 1;
  set size(int value) => step('Base.size = $value');
  int operator [](int i) => a + i;
  void operator []=(int i, int v) => a = i * 100 + v;
}

class Derived extends Base {
  int c = step('Derived.c');
  final int d;
  Derived(int x)
      : d = step('Derived.d'),
        super(step('super argument') + x) {
    step('Derived body');
  }
  Derived.named({int x = 5}) : d = x, super.other();
  @override
  void hook() {
    step('Derived.hook c=$c');
    super.hook();
  }

  @override
  String describe() => 'Derived(${super.describe()}, $c, $d)';
  @override
  int get size => super.size + 10;
  @override
  set size(int value) {
    super.size = value * 2;
  }

  @override
  int operator [](int i) => super[i] * 1000;
  void setSuper(int v) {
    super[1] = v;
    super.a++;
    super.a += 5;
  }
}

class Params extends Base {
  final String name;
  final int? extra;
  Params(super.x, this.name, {this.extra = 3});
  Params.two(super.x, [this.name = 'default', this.extra]) {
    step('Params.two body');
  }
}

abstract class Vehicle {
  final String name;
  Vehicle(this.name);
  factory Vehicle.make(int wheels) => wheels == 2 ? Bike() : Car(wheels);
  const factory Vehicle.redirected() = ConstVehicle;
  int get wheels;
  String drive(int km) => '$name with $wheels wheels drives $km km';
}

class Bike extends Vehicle {
  Bike() : super('bike');
  @override
  int get wheels => 2;
}

class Car extends Vehicle {
  @override
  final int wheels;
  Car(this.wheels) : super('car');
  @override
  String drive(int km) => '${super.drive(km)} fast';
}

class ConstVehicle implements Vehicle {
  const ConstVehicle();
  @override
  String get name => 'const';
  @override
  int get wheels => 0;
  @override
  String drive(int km) => 'stands';
}

class Vec {
  final int x, y;
  const Vec(this.x, this.y);
  static const zero = Vec(0, 0);
  Vec operator +(Vec o) => Vec(x + o.x, y + o.y);
  Vec operator -(Vec o) => Vec(x - o.x, y - o.y);
  Vec operator -() => Vec(-x, -y);
  Vec operator *(int k) => Vec(x * k, y * k);
  Vec operator ~/(int k) => Vec(x ~/ k, y ~/ k);
  Vec operator %(int k) => Vec(x % k, y % k);
  double operator /(Vec o) => x / o.x;
  Vec operator ~() => Vec(y, x);
  Vec operator &(int m) => Vec(x & m, y & m);
  Vec operator |(int m) => Vec(x | m, y | m);
  Vec operator ^(int m) => Vec(x ^ m, y ^ m);
  Vec operator <<(int n) => Vec(x << n, y << n);
  Vec operator >>(int n) => Vec(x >> n, y >> n);
  Vec operator >>>(int n) => Vec(x >>> n, y >>> n);
  bool operator <(Vec o) => x < o.x;
  bool operator >(Vec o) => x > o.x;
  bool operator <=(Vec o) => x <= o.x;
  bool operator >=(Vec o) => x >= o.x;
  int operator [](int i) => i == 0 ? x : y;
  @override
  bool operator ==(Object o) => o is Vec && o.x == x && o.y == y;
  @override
  int get hashCode => x * 31 + y;
  Vec call(int a, {int b = 0}) => Vec(x + a, y + b);
  @override
  String toString() => '<$x, $y>';
}

class Counter {
  static int count = 0;
  static final List<String> names = [];
  final int id;
  Counter._(this.id);
  static Counter? _cached;
  factory Counter() => _cached ??= Counter._(++count);
  static void reset() {
    _cached = null;
    names.clear();
  }

  Counter.logged(String name) : id = names.length {
    names.add(name);
  }
}

class Plain {}

class Cascade {
  int a = 0;
  List<int> list = [];
  Cascade? child;
  void inc([int by = 1]) => a += by;
}

void main() {
  print(Base(1).describe());
  print(Derived(2).describe());
  print(Derived.named().describe());
  print(Derived.named(x: 9).d);
  final Base base = opaque<Base>(Derived(0));
  print(base.size);
  base.size = 4;
  base.size += 1;
  print(base[2]);
  base[3] = 7;
  print(base.a);
  (base as Derived).setSuper(8);
  print(base.a);
  final p = Params(1, 'p');
  print('${p.name} ${p.extra} ${p.b}');
  final q = Params.two(1);
  print('${q.name} ${q.extra}');
  for (final v in [Vehicle.make(2), Vehicle.make(4), const Vehicle.redirected()]) {
    print(v.drive(10));
  }
  print(identical(const Vehicle.redirected(), const ConstVehicle()));

  const v = Vec(7, -9), w = Vec(2, 3);
  print([v + w, v - w, -v, v * 3, v ~/ 2, v % 4, v / w, ~v, v & 6, v | 8, v ^ 1, v << 2, v >> 1, v >>> 60]);
  print([v < w, v > w, v <= w, v >= w, v == w, v == Vec(7, -9), v != w, v[0], v[1]]);
  print(v(1, b: 2));
  print(v.call(1));
  print(identical(const Vec(0, 0), Vec.zero));
  print(identical(Vec(0, 0), Vec.zero));
  print({Vec(1, 2): 'a', Vec(1, 2): 'b'});
  var m = v;
  m += w;
  m *= 2;
  m >>= 1;
  print(m);

  print(identical(Counter(), Counter()));
  Counter.reset();
  print(Counter().id);
  Counter.logged('x');
  print('${Counter.logged('y').id} ${Counter.names}');
  print(Plain());
  print(Plain().hashCode == Plain().hashCode ? 'same hash' : 'ok');
  final plain = Plain();
  print(plain == plain && plain.hashCode == plain.hashCode);
  print(plain.runtimeType);

  final c = Cascade()
    ..a = 5
    ..inc()
    ..inc(10)
    ..list.add(1)
    ..list.addAll([2, 3])
    ..child = (Cascade()..inc(100));
  print('${c.a} ${c.list} ${c.child!.a}');
  Cascade? none = opaque<Cascade?>(null);
  none?..inc()..a = 3;
  print(none?.a);
  print(none?.child?.list.length);
  c.child?.a += 2;
  c.child?.child?.a = 3;
  print('${c.child?.a} ${c.child?.child}');
  c.child?.child ??= Cascade();
  print(c.child?.child?.a);
}
