// Integers around the limits of 31-bit, 32-bit and 63-bit words: arithmetic, comparison, identity, switches, hashing, constants,
// fields, unaligned memory.
import 'dart:typed_data';
import 'libs/show.dart';

const limits = [
  0x3fffffff,
  0x40000000,
  -0x40000000,
  -0x40000001,
  0x7fffffff,
  0x80000000,
  -0x80000000,
  -0x80000001,
  0xffffffff,
  0x100000000,
  0x3fffffffffffffff,
  0x4000000000000000,
  -0x4000000000000001,
  0x7fffffffffffffff,
  -0x8000000000000000,
];

String classify(int value) {
  switch (value) {
    case 0x3fffffff:
      return 'largest 31-bit';
    case 0x40000000:
      return 'one more';
    case -0x40000001:
      return 'one less than the smallest';
    case 0x100000000:
      return '2^32';
    case 1:
    case 2:
      return 'small';
    case 0x4000000000000000:
      return '2^62';
    default:
      return 'other';
  }
}

class Holder {
  int count = 0x40000000;
  int? other;
  static int total = 0x7fffffff;
}

@pragma('vm:never-inline')
int sum(int a, int b, [int c = 0x40000000, int d = -0x40000001]) => a + b + c + d;

void main() {
  for (final a in limits) {
    final x = opaque(a);
    print('$a: ${x + 1} ${x - 1} ${-x} ${~x} ${x * 3} ${x << 1} ${x >> 1} ${x >>> 1} ${x ~/ 7} ${x % 7} ${x.remainder(7)}');
    print('  ${x & 0x3fffffff} ${x | 1} ${x ^ -1} ${x.bitLength} ${x.sign} ${x.abs()} ${x.toDouble()} ${x.toRadixString(16)}');
    print('  ${x.toSigned(31)} ${x.toUnsigned(31)} ${x.toSigned(32)} ${x.toUnsigned(32)} ${classify(x)} ${classify(x + 1)}');
    print('  ${identical(x, a)} ${identical(x + 1, a + 1)} ${x == a} ${x == x + 1} ${x.hashCode == a.hashCode} ${x.compareTo(opaque(0x40000000))}');
    print('  ${int.parse('$x') == x} ${int.tryParse('0x${x.abs().toRadixString(16)}')} ${x is int} ${(x as Object) is double}');
    for (final b in [1, -1, 0x40000000, 0x7fffffff, -0x80000000]) {
      final y = opaque(b);
      print('  $b: ${x + y} ${x - y} ${x * y} ${x ~/ y} ${x % y} ${x < y} ${x >= y} ${x & y} ${x | y} ${x ^ y}');
    }
  }
  for (final count in [0, 1, 29, 30, 31, 32, 33, 61, 62, 63, 64, 100]) {
    final n = opaque(count);
    print('shift $n: ${opaque(1) << n} ${opaque(-1) << n} ${opaque(-5) >> n} ${opaque(-5) >>> n} ${opaque(0x123456789abcdef) >> n}');
  }
  show('shift -1', () => opaque(1) << opaque(-1));

  var i = opaque(0x3ffffffd);
  for (; i < 0x40000003; i++) {
    print('count $i ${i.isEven} ${i == 0x40000000}');
  }
  final map = <Object, int>{for (final a in limits) a: a, 1.5: 1, 0x40000000: 7};
  print(limits.map((a) => map[opaque(a)]).join(' '));
  print({...limits, ...limits.map(opaque)}.length);
  print(limits.map((a) => a.hashCode).join(' '));
  print([...limits]..sort());

  final holder = opaque(Holder());
  holder.count += 0x40000000;
  holder.other = holder.count * 2;
  Holder.total++;
  print('${holder.count} ${holder.other} ${Holder.total} ${sum(opaque(1), opaque(2))} ${sum(1, 2, opaque(3))}');

  final bytes = ByteData(40);
  for (var at = 0; at < 8; at++) {
    bytes.setInt64(at + 8, opaque(0x123456789abcdef0) + at);
    bytes.setFloat64(at + 20, opaque(1.25) * (at + 1), Endian.little);
    print('$at ${bytes.getInt64(at + 8)} ${bytes.getUint64(at + 9)} ${bytes.getInt32(at + 8)} ${bytes.getUint32(at + 10, Endian.little)} '
        '${bytes.getInt16(at + 9)} ${bytes.getFloat64(at + 20, Endian.little)} ${bytes.getFloat32(at + 20).isNaN}');
  }
  final longs = Int64List.sublistView(bytes.buffer.asUint8List(), 8, 24);
  longs[0] = opaque(-0x40000001);
  print('${longs[0]} ${longs.length} ${Uint32List.fromList([opaque(0xffffffff), 0x40000000])} ${Int32List.fromList([opaque(-0x80000000)])}');
  show('index 2^32', () => longs[opaque(0x100000000)]);
  show('list index 2^32', () => [1, 2, 3][opaque(0x100000001)]);
  show('code unit 2^32', () => 'abc'.codeUnitAt(opaque(0x100000000)));

  final objects = List.generate(300, (_) => Object());
  final codes = objects.map(identityHashCode).toList();
  for (var round = 0; round < 40; round++) {
    List.generate(5000, (k) => [k, round]);
  }
  print([for (var k = 0; k < objects.length; k++) identityHashCode(objects[k]) == codes[k]].every((same) => same));
  print('${BigInt.from(opaque(0x40000000)) * BigInt.from(opaque(-0x80000001))} ${(BigInt.one << 100) ~/ BigInt.from(opaque(0x3fffffff))}');
  print('${opaque(1e9).toInt()} ${opaque(1073741824.5).toInt()} ${opaque(-1e18).toInt()} ${opaque(1e19).toInt()} ${opaque(2147483648.0).round()}');
  print('${opaque(0x40000000) / 3} ${opaque(0x7fffffffffffffff).toDouble()} ${opaque(0x40000001) * 1.5} ${0x40000000 == opaque(1073741824.0)}');
}
