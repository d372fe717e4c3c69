// Double arithmetic, conversions and formatting.
import 'dart:math' as math;
import 'libs/show.dart';

const values = [
  0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999999999999994, 4503599627370495.5, 9007199254740992.0, //
  1e-320, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e21, 1e20, 123456789.123, 0.1, 0.3, 1 / 3, 1e-7, 1e-6, //
  9223372036854775807.0, -9223372036854775808.0, 9223372036854774784.0, double.nan, double.infinity, double.negativeInfinity,
];

void main() {
  for (final v in values) {
    print('$v: abs ${v.abs()} neg ${-v} sign ${v.sign} trunc ${v.truncateToDouble()} floor ${v.floorToDouble()} '
        'ceil ${v.ceilToDouble()} round ${v.roundToDouble()} ${v.isNaN} ${v.isFinite} ${v.isInfinite} ${v.isNegative}');
    show('  toInt', () => v.toInt());
    show('  floor', () => v.floor());
    show('  ceil', () => v.ceil());
    show('  round', () => v.round());
    show('  truncate', () => v.truncate());
    show('  fixed', () => [for (final d in [0, 1, 2, 5, 20]) v.toStringAsFixed(d)]);
    show('  exponential', () => [v.toStringAsExponential(), v.toStringAsExponential(0), v.toStringAsExponential(5)]);
    show('  precision', () => [v.toStringAsPrecision(1), v.toStringAsPrecision(3), v.toStringAsPrecision(21)]);
  }
  final hash = StringBuffer();
  for (final a in values) {
    for (final b in values) {
      hash.write('${a + b} ${a - b} ${a * b} ${a / b} ${a < b} ${a <= b} ${a == b} ${a.compareTo(b)} ');
      hash.write('${a % b} ${a.remainder(b)} ');
    }
    print(hash);
    hash.clear();
  }
  show('nan ~/ 1', () => opaque(double.nan) ~/ 1);
  show('1.0 ~/ 0', () => opaque(1.0) ~/ 0);
  show('7.5 ~/ 2', () => opaque(7.5) ~/ 2);
  show('1e300 ~/ 1', () => opaque(1e300) ~/ 1);
  show('toStringAsFixed(-1)', () => 1.5.toStringAsFixed(opaque(-1)));
  show('toStringAsFixed(21)', () => 1.5.toStringAsFixed(opaque(21)));
  show('toStringAsPrecision(0)', () => 1.5.toStringAsPrecision(opaque(0)));
  show('toStringAsExponential(21)', () => 1.5.toStringAsExponential(opaque(21)));

  for (final text in ['1', '1.', '.5', '1.5e3', '-1E-3', ' 2.5 ', 'NaN', 'Infinity', '-Infinity', '+1', '1e400', '1e-400', '', 'x', '1.5f', '0x10', '1 2', '5.0e', '123456789012345678901234567890']) {
    print("'$text' -> ${double.tryParse(text)}");
  }
  show('parse', () => double.parse('one'));
  for (final v in [0.1 + 0.2, 100.0, 1e100, 1e21, 1e22, 123e-20, 0.000001, 0.0000001, 1234567890123456789.0, 5e-324, 4.35, 0.5, 2.0 / 3]) {
    print(v);
  }
  print([double.maxFinite, double.minPositive, double.infinity, double.nan]);
  print([math.pi, math.e, math.sqrt2, math.ln10]);
  print([math.sqrt(2), math.sqrt(-1), math.sqrt(0), math.pow(2, 10), math.pow(2, 0.5), math.pow(2, -1), math.pow(0, 0), math.pow(-8, 1 / 3), math.pow(3, 40), math.pow(3.0, 3)]);
  print([math.sin(0), math.cos(0), math.atan2(1, 1).toStringAsFixed(12), math.exp(0), math.log(1), math.tan(0), math.asin(2), math.acos(1)]);
  print([math.sin(1).toStringAsFixed(10), math.cos(1).toStringAsFixed(10), math.exp(1).toStringAsFixed(10), math.log(10).toStringAsFixed(10)]);
  print([math.max(1, 2.5), math.min(1, 2.5), math.max(0.0, -0.0), math.min(0.0, -0.0), math.max(double.nan, 1), math.min(1, double.nan), math.max(3, 4), math.min(-3, -4)]);

  // Doubles in fields, lists, closures, loops: boxed and unboxed.
  final acc = Acc();
  double local = 0;
  for (var i = 0; i < 1000; i++) {
    local += 0.1 * i;
    acc.sum += 0.1 * i;
    acc.maybe = (acc.maybe ?? 0) + 0.5;
    acc.list[i & 3] += local;
  }
  print('$local ${acc.sum} ${acc.maybe} ${acc.list}');
  final next = counter();
  next();
  next();
  print(next());
  double x = 1;
  for (var i = 0; i < 20; i++) {
    x = x - (x * x - 2) / (2 * x);
  }
  print(x);
  print([x == 2.0, x > 1.4, !(x < 1.4), x != x]);
  print([1.0.hashCode == 1.hashCode, 0.5.hashCode == 0.5.hashCode]);
  final r = math.Random(42);
  print([r.nextInt(100), r.nextInt(100), r.nextInt(1 << 32), r.nextBool(), r.nextDouble()]);
}

double Function() counter() {
  double n = 0.25;
  return () => n *= 3;
}

class Acc {
  double sum = 0;
  double? maybe;
  final List<double> list = [0, 1, 2, 3];
}
