// Records, and patterns in declarations, assignments, switch statements and expressions, if-case and for.
import 'libs/show.dart';

class Point {
  final int x, y;
  const Point(this.x, this.y);
}

sealed class Expr {}

class Num extends Expr {
  final num v;
  Num(this.v);
}

class Add extends Expr {
  final Expr l, r;
  Add(this.l, this.r);
}

class Mul extends Expr {
  final Expr l, r;
  Mul(this.l, this.r);
}

class Neg extends Expr {
  final Expr e;
  Neg(this.e);
}

num eval(Expr e) => switch (e) {
      Num(:final v) => v,
      Add(l: Num(v: 0), :final r) => eval(r),
      Add(:final l, :final r) => eval(l) + eval(r),
      Mul(l: Num(v: 0)) || Mul(r: Num(v: 0)) => 0,
      Mul(:final l, :final r) => eval(l) * eval(r),
      Neg(e: Neg(:final e)) => eval(e),
      Neg(:var e) => -eval(e),
    };

String describeValue(Object? o) => switch (o) {
      null => 'null',
      0 => 'zero',
      1 || 2 || 3 => 'small',
      int n when n < 0 => 'negative $n',
      int n && > 100 && < 200 => 'hundreds $n',
      int() => 'int',
      double d when d.isNaN => 'nan',
      double(isNegative: true, :final abs) => 'negative double ${abs()}',
      double() && >= 0.5 && <= 1.5 => 'about one',
      'a' || 'b' => 'letter',
      String(length: 0) => 'empty string',
      String(length: final n, isEmpty: false) when n > 5 => 'long $n',
      String s => 'string $s',
      [] => 'empty list',
      [final a] => 'one element $a',
      [int a, int b] => 'two ints ${a + b}',
      [String s, ...final rest] when rest.length > 2 => 'string then $rest',
      [final f, ..., final l] => 'from $f to $l',
      {'type': 'circle', 'r': num r} => 'circle $r',
      {'type': final t, 'extra': [_, final second, ...]} => '$t with $second',
      {'null': null} => 'null entry',
      Map() => 'some map',
      (int a, int b) when a == b => 'equal pair',
      (int a, _) => 'pair with int $a',
      (x: final x, y: final y) => 'xy $x $y',
      (final a, b: final b, c: [final c]) => 'abc $a $b $c',
      Point(x: 0, :final y) => 'on y axis $y',
      Point(:final x, :final y) && final p when identical(p, o) => 'point $x $y',
      bool b => b ? 'yes' : 'no',
      Type t => 'type $t',
      final other => 'other ${other.runtimeType}',
    };

(int, int) divMod(int a, int b) => (a ~/ b, a % b);
({int min, int max}) range(List<int> l) {
  var min = l[0], max = l[0];
  for (final x in l) {
    if (x < min) min = x;
    if (x > max) max = x;
  }
  return (min: min, max: max);
}

(T, U) both<T, U>(T t, U u) => (t, u);
(int, {String s}) mixed() => (1, s: 'x');
(A, A) twice<A>(A a) => (a, a);

void statements(Object? o) {
  switch (o) {
    case int n when n.isEven:
      print('even $n');
    case [1, ...]:
    case [2, ...]:
      print('list of 1 or 2');
    case (final a, final b) when '$a' == '$b':
      print('same text');
    case (String a, String b) || [String a, String b]:
      print('strings $a $b');
    case final String s?:
      print('string $s');
    case {'k': final v!}:
      print('value $v');
    case const Point(1, 2):
      print('const point');
    case Point _:
      print('point');
    case var x as num when x > 5:
      print('num $x');
    default:
      print('default');
  }
}

void main() {
  // Records.
  final r = (1, 's', a: 2.5, b: [1]);
  print('${r.$1} ${r.$2} ${r.a} ${r.b} $r ${r.runtimeType}');
  print([(), (1,), (1, 2), (x: 1), (1, x: 2), ((1, 2), (3,)), (null, 'x')]);
  print([(1, 2) == (1, 2), (1, 2) == (2, 1), (1, x: 2) == (1, x: 2), (1, 2).hashCode == (1, 2).hashCode, identical((1, 2), (1, 2)), (x: 1) == (y: 1), (1, 2) == (1, 2, 3), ([1],) == ([1],)]);
  print({(1, 2): 'a', (2, 1): 'b'}[(2, 1)]);
  print(const (1, 2) == (opaque(1), opaque(2)));
  final (q, m) = divMod(17, 5);
  print('$q $m');
  final (:min, :max) = range([3, 9, -2]);
  print('$min $max ${range([5]).max}');
  print([both(1, 's').runtimeType, both<num, Object>(1, 's').runtimeType, mixed().s, mixed().$1, twice('x')]);
  final List<(int, String)> pairs = [(1, 'a'), (2, 'b')];
  for (final (n, s) in pairs) {
    print('$n$s');
  }
  print(pairs.map((p) => p.$2).join());
  final (int, int) Function((int, int)) swap = (p) => (p.$2, p.$1);
  print(swap((1, 2)));
  (int, {int b}) rec = opaque((3, b: 4));
  print(rec.$1 + rec.b);
  final dynamic d = rec;
  print([d.$1, d.b, d is (int, {int b}), d is (num, {Object b}), d is (int, int)]);
  show('no field', () => d.$2);
  show('no name', () => d.c);
  show('field call', () => (opaque<dynamic>((f: (int x) => x + 1))).f(4));
  print((opaque<dynamic>((1, 2)) as Record).toString());
  final many = (1, 2, 3, 4, 5, 6, 7, z: 8, y: 9, x: 10);
  print('$many ${many.$7} ${many.x}');
  final nestedRecord = (a: (b: (c: 42)));
  print(nestedRecord.a.b.c);

  // Declarations and assignments.
  var (a, [b, ...rest], {'k': c}, Point(x: e)) = opaque((1, [2, 3, 4], {'k': 5}, const Point(6, 7)));
  print('$a $b $rest $c $e');
  (a, b) = (b, a);
  print('$a $b');
  [a, b] = [10, 20];
  (a, _) = (a + b, b);
  print('$a $b');
  final [x as int?, y as int] = opaque<List<dynamic>>(<dynamic>[null, 5]);
  print('$x $y');
  final {'one': one, 'two': two} = {'one': 1, 'two': 2, 'three': 3};
  print(one + two);
  show('list length', () {
    final [p, q] = opaque([1, 2, 3]);
    return p + q;
  });
  show('missing key', () {
    final {'a': v} = opaque(<String, int>{});
    return v;
  });
  show('bad cast', () {
    final (int p, _) = opaque<dynamic>(('s', 1));
    return p;
  });
  show('null assert', () {
    final (p!, _) = opaque<(int?, int)>((null, 1));
    return p;
  });
  for (final MapEntry(key: k, value: v) in {'a': 1, 'b': 2}.entries) {
    print('$k $v');
  }
  for (var (i, j) = (0, 10); i < j; (i, j) = (i + 3, j - 2)) {
    print('$i $j');
  }

  // Switch expressions.
  for (final o in <Object?>[
    null, 0, 2, -7, 150, 50, double.nan, -2.5, 1.0, 9.5, 'a', '', 'longer text', 'text', [], [1], [1, 2], ['s', 1, 2, 3], ['s', 1], //
    {'type': 'circle', 'r': 2}, {'type': 'box', 'extra': [1, 2, 3]}, {'null': null}, {'x': 1}, (1, 1), (1, 's'), (x: 1, y: 2), (1, b: 2, c: [3]),
    const Point(0, 5), const Point(1, 5), true, int, #s,
  ]) {
    print(describeValue(o));
  }
  for (final o in <Object?>[2, [1, 5], [2], ('x', 'x'), ('p', 'q'), ['p', 'q'], 's', {'k': 1}, const Point(1, 2), const Point(3, 4), 7.5]) {
    statements(o);
  }
  show('as in pattern', () => statements(#sym));
  print(eval(Add(Num(0), Mul(Num(3), Neg(Neg(Num(4.5)))))));
  print(eval(Mul(Num(0), Num(7))));
  print(eval(Neg(Add(Num(1), Num(2)))));

  // if-case, collection elements.
  final json = opaque<Object?>({'user': {'name': 'Ann', 'tags': ['x', 'y']}, 'n': 3});
  if (json case {'user': {'name': String name, 'tags': [final first, ...]}, 'n': int n} when n > 2) {
    print('$name $first $n');
  }
  if (json case {'user': {'name': int _}}) {
    print('never');
  } else {
    print('no match');
  }
  print([for (final o in [1, 's', 2, null]) if (o case int n) n * 10 else '-']);
  final evaluated = <String>[];
  bool guard(String s, bool v) {
    evaluated.add(s);
    return v;
  }

  final result = switch (opaque(5)) {
    1 when guard('one', true) => 'one',
    5 when guard('first five', false) => 'first',
    5 when guard('second five', true) => 'second',
    _ => 'default',
  };
  print('$result $evaluated');
  print(switch ((opaque(true), opaque(false))) { (true, true) => 'tt', (true, false) => 'tf', (false, _) => 'f' });
  final fallthrough = switch (opaque(3)) { 1 => 'a', > 1 && < 3 => 'b', >= 3 => 'c', _ => 'd' };
  print(fallthrough);
}
