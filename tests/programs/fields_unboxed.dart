// Fields and variables with representations of their own: double, int, SIMD, nullable, late; through inheritance,
// dynamic access, closures and collections.
import 'dart:typed_data';
import 'libs/show.dart';

class P {
  double x;
  int n;
  bool flag;
  double? maybe;
  num any;
  P(this.x, this.n, this.flag, this.maybe, this.any);
  double get length => x * n;
  void add(double dx, int dn) {
    x += dx;
    n += dn;
    flag = !flag;
    maybe = maybe == null ? dx : null;
    any = any is int ? any + 0.5 : (any * 2).toInt();
  }

  @override
  String toString() => 'P($x, $n, $flag, $maybe, $any)';
}

class Q extends P {
  final double constant;
  final int big;
  late double lateDouble;
  late final int lateInt = n * 1000;
  Float32x4 v = Float32x4.zero();
  Float64x2 w = Float64x2(1, 2);
  Int32x4 i = Int32x4(1, 2, 3, 4);
  Q(double x, this.constant, this.big) : super(x, big, false, null, 1);
  @override
  double get length => super.length + constant;
}

class G<T> {
  T value;
  T? other;
  G(this.value);
}

class Const {
  final double d;
  final int i;
  final Object? o;
  const Const(this.d, this.i, this.o);
}

double staticDouble = 0.5;
int staticInt = 1 << 62;
double? staticNullable;
Float32x4 staticVector = Float32x4.splat(1.5);
final double lazyDouble = staticDouble * 3;

@pragma('vm:never-inline')
double manyDoubles(double a, int b, double c, int d, double e, double f, double g, double h, int i, double j, double k, double l) =>
    a + b * c - d / e + f * g - h + i * j + k / l;

@pragma('vm:never-inline')
(double, int) both(double d, int i) => (d * i, i + d.toInt());

@pragma('vm:never-inline')
double? nullableDouble(int n) => n.isEven ? n / 2 : null;

@pragma('vm:never-inline')
Float32x4 vector(Float32x4 a, double s) => a * Float32x4.splat(s);

void main() {
  final p = P(1.5, 3, true, null, 1), q = Q(2.5, 0.25, 1 << 62);
  for (var i = 0; i < 3; i++) {
    p.add(0.5, 1 << 61);
    q.add(i.toDouble(), -i);
    print('$p ${p.length} $q ${q.length}');
  }
  show('late', () => q.lateDouble);
  q.lateDouble = 7;
  print('${q.lateDouble} ${q.lateInt} ${q.lateInt} ${q.constant} ${q.big}');
  q.v += Float32x4(1, 2, 3, 4);
  q.w = q.w * q.w;
  q.i = q.i + q.i;
  print('${q.v} ${q.w} ${q.i}');
  final P asP = opaque<P>(q);
  asP.x = 9.75;
  asP.n++;
  print('${q.x} ${q.n}');

  // Dynamic access boxes and unboxes.
  final dynamic d = opaque<dynamic>(q);
  d.x = 3.25;
  d.n = 5;
  d.v = Float32x4.splat(2);
  show('wrong double', () => d.x = 1);
  show('wrong int', () => d.n = 1.5);
  show('null', () => d.x = null);
  print([d.x, d.n, d.v, d.x + d.n, d.length, d.maybe, d.any]);
  d.maybe = null;
  d.x += 1;
  d.n++;
  print([d.x, d.n, d.maybe]);
  final copies = [q.x, q.x];
  q.x = 100;
  print('$copies ${identical(q.x, q.x)}');

  // Generic fields hold the same values boxed.
  final gd = G<double>(1.5), gi = G<int>(1 << 62), gn = G<num>(3);
  gd.value += 1;
  gi.value += 1;
  gn.value += 0.5;
  gd.other = gd.value;
  gi.other = (gi.other ?? 0) + gi.value;
  print([gd.value, gd.other, gi.value, gi.other, gn.value, gn.other]);
  print([const Const(1.5, 1 << 62, null).d, const Const(1.5, -1, 2.5).o, const Const(0, 1, Const(-0.0, 2, null)).o is Const]);

  // Static variables.
  staticDouble += 1;
  staticInt += staticInt - 1;
  staticNullable = (staticNullable ?? 1) * 2.5;
  staticVector = vector(staticVector, 2);
  print([staticDouble, staticInt, staticNullable, staticVector, lazyDouble]);
  staticDouble = 100;
  print(lazyDouble);

  print(manyDoubles(1.5, 2, 3.5, 4, 5.5, 6.5, 7.5, 8.5, 9, 10.5, 11.5, 12.5));
  print(both(2.5, 4));
  print([for (var i = 0; i < 4; i++) nullableDouble(i)]);

  // Captured doubles and integers change.
  var x = 0.5, n = 1 << 61;
  Float64x2 s = Float64x2.zero();
  void step() {
    x *= 2;
    n += n ~/ 2;
    s += Float64x2(x, -x);
  }

  for (var i = 0; i < 5; i++) step();
  print('$x $n $s');
  double fold(double start, double Function(double, int) f) {
    for (var i = 0; i < 4; i++) start = f(start, i);
    return start;
  }

  print(fold(1, (a, i) => a * 1.5 + i));
  final Function f = fold;
  print(f(2.0, (double a, int i) => a - i));

  // Loops with doubles and integers live across calls and allocations.
  double a = 1, b = 2, c = 3, e = 5, g = 7, h = 11, k = 13, l = 17, m = 19;
  final all = <double>[];
  for (var i = 0; i < 8; i++) {
    a = b * 0.5 + opaque(c);
    b = c - e;
    c = opaque(g) / 3;
    e = h + a;
    g = k - opaque(i);
    h = l * 0.25;
    k = opaque(m) + i;
    l = a + b;
    m = m - c;
    all.add(a + b + c + e + g + h + k + l + m);
  }
  print(all);
  print([a, b, c, e, g, h, k, l, m]);
  int? cached = opaque<int?>(null);
  for (var i = 0; i < 3; i++) {
    cached = cached == null ? 0x7ffffffffffffff0 : cached + 5;
    print(cached);
  }
  // A value that is a small integer in one path and boxed in the other.
  for (final big in [false, true]) {
    final int v = opaque(big) ? 0x4000000000000000 : 3;
    final double w = opaque(big) ? v.toDouble() : 0.5;
    final Object o = opaque(big) ? w : v;
    print('$v $w $o ${v + 1} ${w * 2} ${o.runtimeType}');
  }
}
