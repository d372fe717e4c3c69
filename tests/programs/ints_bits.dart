// Bit operations and shifts.
import 'libs/show.dart';

const int maxInt = 0x7fffffffffffffff;
const int minInt = -0x8000000000000000;

const values = [
  0, 1, -1, 5, -5, 0xff, 0x7fffffff, 0x80000000, -0x80000000, 0xffffffff, 0x123456789abcdef, //
  0x3fffffffffffffff, 0x4000000000000000, -0x4000000000000000, -0x4000000000000001, maxInt, minInt,
];
const counts = [0, 1, 2, 7, 8, 31, 32, 33, 61, 62, 63, 64, 65, 100, 1 << 20, 1 << 40, maxInt];

@pragma('vm:never-inline')
int shl(int a, int n) => a << n;
@pragma('vm:never-inline')
int shr(int a, int n) => a >> n;
@pragma('vm:never-inline')
int ushr(int a, int n) => a >>> n;

void main() {
  for (final a in values) {
    print('$a: ~ ${~a} bits ${a.bitLength}');
    for (final n in counts) {
      print('  by $n: ${shl(a, n)} ${shr(a, n)} ${ushr(a, n)}');
    }
  }
  for (final a in values) {
    final line = StringBuffer('$a:');
    for (final b in values) {
      line.write(' ${a & b} ${a | b} ${a ^ b}');
    }
    print(line);
  }
  final minus = opaque(-1);
  show('1 << -1', () => shl(1, minus));
  show('1 >> -1', () => shr(1, minus));
  show('1 >>> -1', () => ushr(1, minus));
  show('0 << min', () => shl(0, opaque(minInt)));
  for (final a in values) {
    print('$a: ${[for (final w in [1, 5, 8, 16, 31, 32, 53, 63, 64]) '${a.toSigned(w)}/${a.toUnsigned(w)}']}');
  }
  // Constant shift counts.
  final x = opaque(0x123456789abcdef);
  print([x << 0, x << 1, x << 3, x << 32, x << 62, x << 63, x << 64]);
  print([x >> 0, x >> 1, x >> 3, x >> 32, x >> 62, x >> 63, x >> 64]);
  print([-x >>> 0, -x >>> 1, -x >>> 3, -x >>> 32, -x >>> 62, -x >>> 63, -x >>> 64]);
  var h = opaque(0xcbf29ce484222325);
  for (final unit in 'the quick brown fox'.codeUnits) {
    h = (h ^ unit) * 0x100000001b3;
  }
  print(h);
  print(h.toRadixString(16));
  // xorshift and popcount.
  var s = opaque(88172645463325252);
  var ones = 0;
  for (var i = 0; i < 10000; i++) {
    s ^= s << 13;
    s ^= s >>> 7;
    s ^= s << 17;
    var t = s;
    while (t != 0) {
      t &= t - 1;
      ones++;
    }
  }
  print('$s $ones');
  print([true & false, true | false, true ^ true, false ^ true]);
  int mask = 0;
  mask |= 1 << 5;
  mask &= ~1;
  mask ^= 0xf0f0;
  mask >>= 2;
  mask <<= 3;
  mask >>>= 1;
  print(mask);
}
