// Arbitrary-precision integers: much arithmetic on typed data.
import 'libs/show.dart';

BigInt factorial(int n) => n <= 1 ? BigInt.one : BigInt.from(n) * factorial(n - 1);

BigInt fibonacci(int n) {
  var a = BigInt.zero, b = BigInt.one;
  for (var i = 0; i < n; i++) {
    (a, b) = (b, a + b);
  }
  return a;
}

/// Digits of pi by a spigot.
String pi(int digits) {
  final out = StringBuffer();
  var q = BigInt.one, r = BigInt.zero, t = BigInt.one, k = BigInt.one, n = BigInt.from(3), l = BigInt.from(3);
  final two = BigInt.two, three = BigInt.from(3), four = BigInt.from(4), seven = BigInt.from(7), ten = BigInt.from(10);
  while (out.length < digits) {
    if (four * q + r - t < n * t) {
      out.write(n);
      final nr = ten * (r - n * t);
      n = ten * (three * q + r) ~/ t - ten * n;
      q = q * ten;
      r = nr;
    } else {
      final nr = (two * q + r) * l;
      n = (q * (seven * k) + two + r * l) ~/ (t * l);
      q = q * k;
      t = t * l;
      l = l + two;
      k = k + BigInt.one;
      r = nr;
    }
  }
  return out.toString();
}

void main() {
  print(factorial(50));
  print(fibonacci(300));
  print(pi(150));
  final a = BigInt.parse('123456789012345678901234567890'), b = BigInt.parse('-987654321098765432109876543210'), c = BigInt.parse('ffffffffffffffffffffffff', radix: 16);
  for (final x in [a, b, c, BigInt.zero]) {
    for (final y in [a, b, c, BigInt.from(7), BigInt.from(-1)]) {
      print('${x + y} ${x - y} ${x * y} ${x ~/ y} ${x % y} ${x.remainder(y)} ${x / y} ${x & y} ${x | y} ${x ^ y} ${x.compareTo(y)} ${x < y} ${x == y}');
    }
    print('${-x} ${~x} ${x << 70} ${x >> 33} ${x.abs()} ${x.bitLength} ${x.isEven} ${x.isNegative} ${x.sign} ${x.toInt()} ${x.toDouble()} ${x.toRadixString(36)} ${x.isValidInt}');
  }
  print([a.pow(5), BigInt.from(3).modPow(a, c), BigInt.from(3).modInverse(BigInt.from(11)), a.gcd(b), a.toSigned(40), b.toUnsigned(40)]);
  print(BigInt.from(0x7fffffffffffffff) + BigInt.one);
  print([BigInt.parse('0x1f'), BigInt.tryParse('x'), BigInt.from(1e20), a.hashCode == BigInt.parse(a.toString()).hashCode, {a: 1}[BigInt.parse(a.toString())]]);
  show('division by zero', () => a ~/ BigInt.zero);
  show('parse', () => BigInt.parse('12x'));
  show('negative exponent', () => a.pow(-1));
  show('from nan', () => BigInt.from(double.nan));
}
