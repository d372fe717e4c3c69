// Calls through dynamic: methods, getters returning closures, setters, operators, named arguments, failures, records.
import 'libs/show.dart';

class A {
  int field = 1;
  final int constant = 2;
  late int lateField;
  int Function(int)? callback;
  int method(int a, [int b = 2, int c = 3]) => a * 100 + b * 10 + c;
  String named(int a, {int b = 2, required String c}) => '$a $b $c';
  int get getter => field * 10;
  set setter(int v) => field = v;
  int Function(int) get closureGetter => (x) => x + field;
  int operator +(int o) => field + o;
  int operator [](int i) => field * i;
  void operator []=(int i, int v) => field = i * v;
  bool operator <(A o) => field < o.field;
  int operator -() => -field;
  T generic<T>(T x, [List<T>? l]) => x;
  Type typeOnly<T extends num>() => T;
  List<T> listOf<T>(int n, T x) => List.filled(n, x);
  static int staticMethod() => 1;
  double addDouble(double d) => d + 0.5;
  void noResult() {}
  int takesFunction(int Function(int) f) => f(5);
  num number(num n) => n * 2;
  int private(int _) => 3;
}

class B extends A {
  @override
  int method(int a, [int b = 20, int c = 30, int d = 40]) => a + b + c + d;
  @override
  String named(int a, {int b = 20, required String c, String e = 'e'}) => '$a $b $c $e';
  int onlyB() => 7;
}

class C {
  String method(String s) => 'C $s';
  String get field => 'C field';
  int call(int x) => x * 2;
}

class WithNsm {
  int calls = 0;
  @override
  dynamic noSuchMethod(Invocation i) {
    calls++;
    return '${i.memberName} ${i.isMethod} ${i.isGetter} ${i.isSetter} ${i.typeArguments} ${i.positionalArguments} ${i.namedArguments}';
  }

  int method(int a) => a;
}

class G<T> {
  T? value;
  void put(T v) => value = v;
  void putAll(List<T> l) => value = l.last;
  bool test(bool Function(T) f) => f(value as T);
  R convert<R extends T>(R r) => r;
}

int topLevel(int a, {int b = 1}) => a + b;

void main() {
  final objects = <dynamic>[A(), B()];
  for (final dynamic o in objects) {
    show('method', () => o.method(1));
    show('method 2', () => o.method(1, 5));
    show('method 3', () => o.method(1, 5, 6));
    show('method 4', () => o.method(1, 5, 6, 7));
    show('method 0', () => o.method());
    show('method named', () => o.method(1, b: 2));
    show('method type', () => o.method('s'));
    show('method type 2', () => o.method(1, 's'));
    show('method null', () => o.method(null));
    show('named', () => o.named(1, c: 'c'));
    show('named order', () => o.named(c: 'c', b: 5, 1));
    show('named missing', () => o.named(1));
    show('named extra', () => o.named(1, c: 'c', e: 'E'));
    show('named unknown', () => o.named(1, c: 'c', zz: 'E'));
    show('named type', () => o.named(1, c: 3));
    show('getter', () => o.getter);
    show('setter', () => o.setter = 5);
    show('setter type', () => o.setter = 's');
    show('getter call', () => o.getter(1));
    show('setter read', () => o.setter);
    show('getter write', () => o.getter = 1);
    show('field', () => o.field);
    show('field write', () => o.field = 9);
    show('field type', () => o.field = 2.5);
    show('field update', () => o.field += 1);
    show('field increment', () => o.field++);
    show('final write', () => o.constant = 1);
    show('late', () => o.lateField);
    show('late write', () => o.lateField = 3);
    show('late', () => o.lateField);
    show('null callback', () => o.callback(1));
    show('callback', () => o.callback = (int x) => x * 3);
    show('callback call', () => o.callback(4));
    show('callback type', () => o.callback = (String s) => 1);
    show('closure getter', () => o.closureGetter(3));
    show('closure getter args', () => o.closureGetter(3, 4));
    show('closure getter type', () => o.closureGetter('s'));
    show('plus', () => o + 3);
    show('plus type', () => o + 's');
    show('index', () => o[4]);
    show('index write', () => o[2] = 3);
    show('index update', () => o[2] += 3);
    show('less', () => o < o);
    show('less type', () => o < 3);
    show('greater', () => o > o);
    show('minus', () => -o);
    show('tilde', () => ~o);
    show('equals', () => [o == o, o == 3, o != o]);
    show('generic', () => o.generic(3));
    show('generic explicit', () => o.generic<String>('s'));
    show('generic wrong', () => o.generic<int>('s'));
    show('generic list', () => o.generic<int>(1, <int>[]));
    show('generic list wrong', () => o.generic<int>(1, <String>[]));
    show('bound', () => o.typeOnly<int>());
    show('bound default', () => o.typeOnly());
    show('bound wrong', () => o.typeOnly<String>());
    show('type count', () => o.typeOnly<int, int>());
    show('type args to non-generic', () => o.takesFunction<int>((int x) => x));
    show('list of', () => o.listOf<num>(2, 1).runtimeType);
    show('static', () => o.staticMethod());
    show('double', () => o.addDouble(1.5));
    show('double from int', () => o.addDouble(1));
    show('void', () => o.noResult());
    show('function argument', () => o.takesFunction((int x) => x + 1));
    show('function argument wrong', () => o.takesFunction((String x) => 1));
    show('dynamic closure argument', () => o.takesFunction((x) => 1));
    show('num', () => [o.number(2), o.number(2.5)]);
    show('only B', () => o.onlyB());
    show('tear-off', () => o.method);
    show('tear-off call', () => (o.method)(1, 2));
    show('tear-off missing', () => o.missing);
    show('toString', () => o.toString());
    show('toString args', () => o.toString(1));
    show('runtimeType', () => o.runtimeType);
    show('hashCode', () => o.hashCode is int);
    show('noSuchMethod', () => o.noSuchMethod(Invocation.getter(#x)));
  }
  final dynamic c = C();
  show('C method', () => c.method('s'));
  show('C method type', () => c.method(1));
  show('C field', () => c.field);
  show('C field write', () => c.field = 1);
  show('C call', () => c(4));
  show('C call explicit', () => c.call(4));
  show('C call args', () => c(4, 5));
  show('C call type', () => c('s'));

  // The same call site sees many classes.
  for (final dynamic x in <dynamic>[1, 2.5, 's', true, null, [1], {1: 2}, {1}, A(), C(), #s, int, (1, 2), () => 1, Object()]) {
    show('length', () => x.length);
    show('plus', () => x + x is Object);
    show('first', () => x.first);
    show('index', () => x[0]);
    show('call', () => x());
    show('method', () => x.method(1));
    show('compare', () => x.compareTo(x));
    show('isEmpty', () => x.isEmpty);
    show('add', () => x.add(5));
    show('equal', () => x == x);
  }

  // Numbers and strings.
  final dynamic i = opaque<dynamic>(7), f = opaque<dynamic>(2.5), s = opaque<dynamic>('abc');
  print([i + 1, i - f, i * 2, i / 2, i ~/ 2, i % 4, -i, ~i, i & 3, i | 8, i ^ 1, i << 2, i >> 1, i >>> 1, i < 8, i <= f, i > f, i >= 7, i == 7.0]);
  print([f + 1, f * f, -f, f < 3, f.floor(), f.toInt(), i.toDouble(), i.isEven, i.toRadixString(2), i.abs(), i.compareTo(8)]);
  print([s + 'd', s * 2, s[1], s.length, s.substring(1), s.codeUnitAt(0), s.contains('b'), s.split(''), s == 'abc', s.toUpperCase()]);
  show('int plus string', () => i + s);
  show('string plus int', () => s + i);
  show('int shift double', () => i << f);
  show('index string', () => s['x']);
  show('substring type', () => s.substring('x'));
  dynamic acc = 0;
  for (dynamic k = 0; k < 10; k++) {
    acc += k.isEven ? k : k / 2;
  }
  print(acc);
  dynamic big = 0x7fffffffffffffff;
  big += 1;
  print(big);

  // Lists and maps.
  final dynamic list = <int>[1, 2, 3];
  show('list', () => [list[0], list.length, list.map((x) => x + 1).toList(), list.first]);
  show('list add', () => list.add('s'));
  show('list write', () => list[0] = 's');
  show('list range', () => list[3]);
  show('list where', () => list.where((int x) => x > 1).toList());
  show('list where wrong', () => list.where((String x) => true).toList());
  show('list for-in', () {
    var n = 0;
    for (final x in list) {
      n += x as int;
    }
    return n;
  });
  show('for-in non-iterable', () {
    for (final x in opaque<dynamic>(3)) {
      return x;
    }
    return 'none';
  });
  show('spread', () => [...list]);
  show('spread wrong', () => [...opaque<dynamic>(3)]);
  final dynamic map = <String, int>{'a': 1};
  show('map', () => [map['a'], map['b'], map.keys.toList(), map.length]);
  show('map write', () => map[1] = 1);
  show('map update', () => map['a'] += 5);
  show('typed list', () => (list as List<Object>).length);

  // noSuchMethod and generics.
  final dynamic n = WithNsm();
  show('nsm', () => n.foo(1, x: 2));
  show('nsm generic', () => n.foo<int, List<String>>(1));
  show('nsm getter', () => n.foo);
  show('nsm setter', () => n.foo = 1);
  show('nsm operator', () => n + 1);
  show('nsm index', () => n[1] = 2);
  show('nsm arity', () => n.method());
  show('nsm arity 2', () => n.method(1, 2));
  show('nsm type', () => n.method('s'));
  show('nsm call', () => n(1));
  show('nsm getter call', () => n.calls(1));
  final dynamic g = G<num>();
  show('put', () => g.put(1));
  show('put wrong', () => g.put('s'));
  show('putAll', () => g.putAll(<int>[1, 2]));
  show('putAll wrong', () => g.putAll(<Object>[1, 2]));
  show('test', () => g.test((num x) => x > 1));
  show('test wrong', () => g.test((int x) => x > 1));
  show('convert', () => g.convert<int>(3));
  show('convert bound', () => g.convert<String>('s'));
  show('value', () => g.value = 's');

  // Closures and functions.
  final dynamic t = topLevel;
  show('function', () => [t(1), t(1, b: 5), t.call(2)]);
  show('function wrong', () => t());
  show('function name', () => t(1, c: 5));
  show('function getter', () => t.foo);
  show('function type', () => t is int Function(int, {int b}));
  final dynamic rec = (1, 's', f: (int x) => x + 1, n: null);
  show('record', () => [rec.$1, rec.$2, rec.f(3), rec.n]);
  show('record missing', () => rec.$3);
  show('record call', () => rec.$1());
  show('record write', () => rec.f = 1);
  show('cascade', () {
    final dynamic a = A();
    a
      ..field = 5
      ..setter = 6
      ..[2] = 4;
    return a.field;
  });
  show('null aware', () => [opaque<dynamic>(null)?.foo, opaque<dynamic>(null)?.foo(1), opaque<dynamic>(null)?[0]]);
  show('null methods', () => [opaque<dynamic>(null).toString(), opaque<dynamic>(null) == null, opaque<dynamic>(null).runtimeType, opaque<dynamic>(null).hashCode is int]);
}
