// num-typed code: integers and doubles through the same call sites.
import 'libs/show.dart';

num add(num a, num b) => a + b;
num sub(num a, num b) => a - b;
num mul(num a, num b) => a * b;
double div(num a, num b) => a / b;
int tdiv(num a, num b) => a ~/ b;
num mod(num a, num b) => a % b;

const List<num> values = [0, 1, -1, 3, 2.5, -2.5, 0.0, -0.0, 1e18, 9007199254740993, 0x7fffffffffffffff, 1e300, double.nan, double.infinity];

void main() {
  for (final a in values) {
    for (final b in values) {
      print('$a $b: ${add(a, b)} ${sub(a, b)} ${mul(a, b)} ${div(a, b)} ${a < b} ${a <= b} ${a > b} ${a >= b} ${a == b} ${a.compareTo(b)}');
    }
  }
  for (final a in <num>[7, -7, 7.5, -7.5, 1e300]) {
    for (final b in <num>[2, -2, 2.5, -2.5, 0, 0.0]) {
      show('$a ~/ $b', () => tdiv(a, b));
      show('$a % $b', () => mod(a, b));
      show('$a rem $b', () => a.remainder(b));
    }
  }
  for (final a in values) {
    print('$a: ${-a} ${a.abs()} ${a.sign} ${a.isNegative} ${a.isNaN} ${a.isFinite} ${a.isInfinite} ${a.toDouble()}');
    show('$a.toInt', () => a.toInt());
    show('$a.round', () => a.round());
    show('$a.floor', () => a.floor());
    show('$a.ceil', () => a.ceil());
    show('$a.truncate', () => a.truncate());
    show('$a.hashCode', () => a.isFinite && a.abs() < 1e15 ? a.hashCode == (a == a.toInt() ? a.toInt().hashCode : a.hashCode) : 'skipped');
  }
  print([1 == 1.0, identical(1, 1.0), 0.0 == -0.0, identical(0.0, -0.0), double.nan == double.nan, identical(double.nan, double.nan)]);
  print([9007199254740993 == 9007199254740992.0, 9007199254740993 > 9007199254740992.0, 0x7fffffffffffffff < 9223372036854775808.0]);
  final map = <num, String>{1: 'int', 2.5: 'double', 0.0: 'zero'};
  print([map[1.0], map[2.5], map[0], map[-0.0], map[double.nan]]);
  num n = opaque<num>(1);
  for (var i = 0; i < 5; i++) {
    n += i.isEven ? 1 : 0.5;
    print('$n ${n.runtimeType} ${n is int} ${n is double}');
  }
  num m = 10;
  m -= 1;
  m *= 2;
  m /= 4;
  m %= 3;
  print(m);
  m++;
  --m;
  print(m);
  final ints = <num>[3, 1.5, 2, -1, 10.25]..sort();
  print(ints);
  print([3.clamp(1.5, 2.5), 2.25.clamp(1, 3), 5.clamp(1, 3.0)]);
  double d = 3;
  d += 1;
  print('$d ${d is int}');
  final double fromInt = opaque(true) ? 5 : 2.5;
  print(fromInt);
  int Function(int) f = (x) => x + 1;
  print(f(3) / 2);
}
