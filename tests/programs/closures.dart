// Closures: captured variables, nesting, recursion, parameters, tear-offs, generics, Function.apply, call methods.
import 'libs/show.dart';

int apply(int Function(int) f, int x) => f(x);
int Function(int) adder(int n) => (x) => x + n;
int topLevel(int a, [int b = 2, int c = 3]) => a * 100 + b * 10 + c;
String named({required int a, int b = 5, String c = 'c'}) => '$a $b $c';
T identity<T>(T x) => x;
List<T> pair<T extends Object>(T a, T b) => [a, b];

class Acc {
  int total = 0;
  final int scale;
  Acc(this.scale);
  Acc.twice(int s) : scale = s * 2;
  void add(int x) => total += x * scale;
  int get value => total;
  int Function(int) get multiplier => (x) => x * scale;
  late final int Function() lazyClosure = () => scale + total;
  static int statics(int x) => x + 1;
  Acc Function(int) maker() => Acc.new;
  List<int Function()> thisCapturing() => [() => total, () => this.scale, () => [1].map((x) => x + total).first];
  R generic<R>(R Function(int) f) => f(scale);
}

class Sub extends Acc {
  Sub() : super(3);
  @override
  void add(int x) {
    final parent = super.add;
    parent(x);
    parent(x);
  }
}

class Callable {
  final int k;
  Callable(this.k);
  int call(int x, {int y = 0}) => x * k + y;
}

class GenericCallable<T> {
  T call<U>(T x, U y) => x;
}

class Box<T> {
  T value;
  Box(this.value);
  Box.list(List<T> l) : value = l.first;
  R map<R>(R Function(T) f) => f(value);
  List<T> Function() lister() => () => <T>[value];
  bool Function(Object?) checker() => (o) => o is T;
}

void main() {
  // Each iteration has its own variable.
  final fs = <int Function()>[];
  for (var i = 0; i < 3; i++) {
    fs.add(() => i * 10);
  }
  print(fs.map((f) => f()).toList());
  fs.clear();
  for (var i = 0; i < 3; i++) {
    fs.add(() => i++);
    i += 0;
  }
  print([for (final f in fs) '${f()} ${f()}']);
  fs.clear();
  for (final x in [5, 6, 7]) {
    fs.add(() => x);
  }
  var w = 0;
  while (w < 3) {
    final copy = w++;
    fs.add(() => copy + w);
  }
  print([for (final f in fs) f()]);
  final stop = <bool Function()>[];
  for (var i = 0; i < 3; stop.add(() => i > 1), i++) {}
  print([for (final s in stop) s()]);

  // Shared and nested captures.
  int count = 0;
  void inc() => count++;
  int get() => count;
  inc();
  inc();
  print(get());
  int Function() nested(int a) {
    var b = a + 1;
    int Function() inner() {
      var c = b + 1;
      return () => a++ + b++ + c++ + count;
    }

    return inner();
  }

  final n = nested(1);
  print([n(), n(), nested(10)()]);
  final m = () {
    final list = <void Function()>[];
    var shared = 0;
    {
      var inner = 100;
      list.add(() => shared += inner);
      list.add(() => inner++);
    }
    list.add(() => print('shared $shared'));
    return list;
  }();
  m[0]();
  m[1]();
  m[0]();
  m[2]();

  // Recursion.
  int fact(int x) => x <= 1 ? 1 : x * fact(x - 1);
  print(fact(10));
  late bool Function(int) odd;
  bool even(int x) => x == 0 || odd(x - 1);
  odd = (x) => x != 0 && even(x - 1);
  print([even(10), odd(7), even(3)]);
  final fix = (int Function(int Function(int), int) f) {
    int g(int x) => f(g, x);
    return g;
  };
  print(fix((self, x) => x < 2 ? x : self(x - 1) + self(x - 2))(15));

  // Parameters.
  int opt(int a, [int b = 10, int? c]) => a + b + (c ?? 1000);
  print([opt(1), opt(1, 2), opt(1, 2, 3)]);
  String nam(int a, {int b = 10, required String c}) => '$a $b $c';
  print([nam(1, c: 'x'), nam(b: 3, 1, c: 'y')]);
  final int Function(int, [int]) opt1 = opt;
  print(opt1(1, 5));
  final String Function(int, {required String c}) nam1 = nam;
  print(nam1(2, c: 'z'));
  final dynamic dyn = nam;
  print(dyn(3, c: 'dyn', b: 4));
  show('missing named', () => dyn(3));
  show('too many', () => dyn(3, 4, c: 'x'));
  show('unknown name', () => dyn(3, c: 'x', d: 1));
  show('wrong type', () => dyn('s', c: 'x'));
  show('not a function', () => (opaque<dynamic>(3))(1));
  show('null', () => (opaque<dynamic>(null))(1));

  // Tear-offs of every kind.
  final acc = Acc(2);
  final add = acc.add;
  [1, 2, 3].forEach(add);
  print(acc.value);
  print(add == acc.add);
  print(identical(topLevel, topLevel));
  print(acc.add == Acc(2).add);
  print(add.hashCode == acc.add.hashCode);
  print([topLevel(1), apply(adder(5), 1), apply(Acc.statics, 6), apply(acc.multiplier, 7)]);
  final make = Acc.new, makeTwice = Acc.twice;
  print('${make(5).scale} ${makeTwice(5).scale} ${acc.maker()(9).scale}');
  final boxInt = Box<int>.new;
  final boxOf = Box.new;
  final Box<String> Function(String) boxString = Box.new;
  print('${boxInt(3).runtimeType} ${boxOf('s').runtimeType} ${boxString('t').runtimeType} ${Box<int>.list([4]).value}');
  print('${(boxOf<double>)(2).runtimeType} ${Box<num>.list([1, 2]).runtimeType}');
  final toUpper = 'abc'.toUpperCase;
  print(toUpper());
  print(['a', 'b'].map('x'.compareTo).toList());
  final plus = 3.toRadixString;
  print(plus(2));
  print([acc.lazyClosure(), acc.lazyClosure()]);
  print(acc.thisCapturing().map((f) => f()).toList());
  final sub = Sub();
  sub.add(2);
  print(sub.total);
  void Function(int) subAdd = (sub as Acc).add;
  subAdd(1);
  print(sub.total);
  final tears = <Function>[print, identity, topLevel, Acc.statics, acc.add, Acc.new, main, opt, () => 1];
  for (final t in tears) {
    print(t);
  }
  print(tears.map((t) => t.runtimeType).toList());

  // Generic closures.
  T same<T>(T x) => x;
  print([same(1), same<String>('s'), identity<double>(2)]);
  final int Function(int) instantiated = identity;
  print(instantiated(5));
  print(identity<int>);
  print((identity<int>) == (identity<int>));
  final poly = pair;
  print(poly<int>(1, 2).runtimeType);
  print(poly('a', 'b').runtimeType);
  print(acc.generic((x) => 'got $x'));
  print(acc.generic<num>((x) => x + 0.5));
  List<R> mapper<S, R>(List<S> l, R Function(S) f) => [for (final x in l) f(x)];
  print(mapper([1, 2], (int x) => '$x').runtimeType);
  final box = Box<num>(3);
  print('${box.map((x) => [x]).runtimeType} ${box.lister()().runtimeType} ${box.checker()(3)} ${box.checker()('s')}');
  final dynamic dynGeneric = same;
  print(dynGeneric<int>(3));
  show('bad type argument', () => (pair as dynamic)<int>(1, 'x'));
  show('type argument count', () => dynGeneric<int, int>(3));
  F curry<A, B, C, F>(C Function(A, B) f, F Function(C Function(B) Function(A)) k) => k((a) => (b) => f(a, b));
  print(curry((int a, int b) => a - b, (c) => c(10)(3)));

  // Function.apply and call methods.
  print(Function.apply(topLevel, [1]));
  print(Function.apply(topLevel, [1, 4]));
  print(Function.apply(named, [], {#a: 1, #c: 'd'}));
  print(Function.apply(acc.add, [4]));
  show('apply', () => Function.apply(topLevel, []));
  show('apply named', () => Function.apply(named, [], {#b: 1}));
  final callable = Callable(3);
  print(callable(5));
  print(callable(5, y: 1));
  print(apply(callable.call, 7));
  final int Function(int) implicit = callable.call;
  print(implicit(8));
  final dynamic dynCallable = callable;
  print(dynCallable(2, y: 3));
  print(Function.apply(dynCallable.call, [2], {#y: 4}));
  print(GenericCallable<num>()<String>(1, 's'));
  print((opaque<dynamic>(topLevel)).call(2));

  // Types of closures.
  final Object o = opaque<Object>(adder(1));
  print([o is int Function(int), o is int Function(num), o is num Function(int), o is Function, o is int Function(), o is void Function(int)]);
  final Object g = opaque<Object>(same);
  print([g is T Function<T>(T), g is int Function(int), g is Object Function(Object), g is Function]);
  final Object k = opaque<Object>(nam);
  print([k is String Function(int, {required String c}), k is String Function(int, {int b}), k is String Function(int, {required String c, int b})]);
  show('cast', () => (o as int Function(String))('x'));
  final sorted = ['bb', 'a', 'ccc']..sort((x, y) => y.length - x.length);
  print(sorted);
  print([1, 2, 3].fold<int>(10, (x, y) => x + y));
  var chained = <int>[];
  [3, 1, 2].where((x) => x > 1).map((x) => x * 2).forEach(chained.add);
  print(chained);
  print((() => (() => (() => 'deep')())())());
  try {
    (() => throw 'in closure')();
  } catch (e) {
    (() => print('caught $e'))();
  }
}
