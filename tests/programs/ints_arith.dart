// 64-bit integer arithmetic: wrap-around, the boundary between small and boxed integers, division.
import 'libs/show.dart';

const int maxInt = 0x7fffffffffffffff;
const int minInt = -0x8000000000000000;
const int maxSmi = 0x3fffffffffffffff;
const int minSmi = -0x4000000000000000;

const values = [
  0, 1, -1, 2, -2, 3, 7, -7, 10, -10, 63, 64, 255, 0x3fffffff, 0x40000000, -0x40000000, -0x40000001, //
  0x7fffffff, 0x80000000, -0x80000000, 0xffffffff, 0x100000000, 123456789012345, -123456789012345, //
  maxSmi - 1, maxSmi, maxSmi + 1, minSmi, minSmi - 1, minSmi + 1, maxInt - 1, maxInt, minInt, minInt + 1,
];

int hash = 17;
void mix(int v) => hash = (hash * 31 + v) ^ (hash >>> 7);

void main() {
  // Every pair of interesting values; a checksum keeps the output small, the rest is printed in full below.
  for (final a in values) {
    final line = StringBuffer('$a:');
    for (final b in values) {
      mix(a + b);
      mix(a - b);
      mix(a * b);
      mix(a < b ? 1 : 0);
      mix(a <= b ? 1 : 0);
      mix(a == b ? 1 : 0);
      mix(a.compareTo(b));
      if (b != 0) {
        mix(a ~/ b);
        mix(a % b);
        mix(a.remainder(b));
      }
      line.write(' $hash');
    }
    print(line);
  }
  for (final a in [7, -7, maxInt, minInt, maxSmi, minSmi]) {
    for (final b in [1, -1, 2, -2, 3, -3, 10, -10, maxInt, minInt, maxSmi, minSmi]) {
      print('$a ~/ $b = ${a ~/ b}, % = ${a % b}, rem = ${a.remainder(b)}, / = ${a / b}');
    }
  }
  final zero = opaque(0);
  show('7 ~/ 0', () => opaque(7) ~/ zero);
  show('7 % 0', () => opaque(7) % zero);
  show('7 rem 0', () => opaque(7).remainder(zero));
  show('min ~/ 0', () => opaque(minInt) ~/ zero);
  show('0 ~/ 0', () => zero ~/ zero);
  show('7 / 0', () => opaque(7) / zero);
  show('0 / 0', () => zero / zero);

  final one = opaque(1);
  print('max + 1 = ${opaque(maxInt) + one}');
  print('min - 1 = ${opaque(minInt) - one}');
  print('-min = ${-opaque(minInt)}');
  print('min * -1 = ${opaque(minInt) * -one}');
  print('min ~/ -1 = ${opaque(minInt) ~/ -one}');
  print('min % -1 = ${opaque(minInt) % -one}');
  print('min.abs = ${opaque(minInt).abs()}');
  print('maxSmi + 1 = ${opaque(maxSmi) + one}, minSmi - 1 = ${opaque(minSmi) - one}');
  print('maxSmi * 2 = ${opaque(maxSmi) * 2}, minSmi * 2 = ${opaque(minSmi) * 2}');
  print('-minSmi = ${-opaque(minSmi)}');
  for (final v in [0, 5, -5, maxInt, minInt, maxSmi + 1]) {
    print('$v: abs ${v.abs()} sign ${v.sign} neg ${-v} isEven ${v.isEven} isOdd ${v.isOdd} isNegative ${v.isNegative} '
        'hash ${v.hashCode} toDouble ${v.toDouble()}');
  }

  // Increments through the small-integer boundary, in locals, fields, lists.
  var v = maxSmi - 2;
  final list = <int>[];
  for (var i = 0; i < 5; i++) {
    list.add(v++);
  }
  print(list);
  v = minSmi + 2;
  list.clear();
  for (var i = 0; i < 5; i++) {
    list.add(--v);
  }
  print(list);
  final c = Counter();
  c.value = maxInt - 1;
  c.value++;
  ++c.value;
  c.value += 3;
  print(c.value);
  c.boxed = maxSmi;
  c.boxed = c.boxed! + 1;
  print('${c.boxed} ${c.boxed == maxSmi + 1} ${identical(c.boxed, maxSmi + 1)}');

  // Factorials and Fibonacci numbers beyond 64 bits.
  var f = 1;
  for (var i = 1; i <= 70; i++) {
    f *= i;
    if (i % 7 == 0 || i > 60) print('$i! = $f');
  }
  var a = 0, b = 1;
  for (var i = 0; i < 200; i++) {
    final t = a + b;
    a = b;
    b = t;
  }
  print('fib = $a');

  print([10.gcd(4), (-12).gcd(18), 0.gcd(5), maxInt.gcd(minInt + 1), 7.modPow(100, 13), 3.modInverse(11)]);
  show('modInverse', () => opaque(2).modInverse(4));
  show('modPow', () => opaque(2).modPow(-1, 5));
  print([5.clamp(1, 3), 0.clamp(1, 3), 2.clamp(1, 3), (-5).clamp(-3, 3)]);
  show('clamp', () => opaque(2).clamp(3, 1));
  print([3.compareTo(4), 4.compareTo(4), 5.compareTo(4), 3.compareTo(3.5), 3 == 3.0, 3 < 3.5]);
}

class Counter {
  int value = 0;
  int? boxed;
}
