// Parsing and printing integers.
import 'libs/show.dart';

const int maxInt = 0x7fffffffffffffff;
const int minInt = -0x8000000000000000;

void main() {
  for (final text in [
    '0', '-0', '+5', '12', ' 12 ', '\t-7\n', '007', '9223372036854775807', '-9223372036854775808', //
    '9223372036854775808', '-9223372036854775809', '99999999999999999999', '0x1F', '-0xff', '0xffffffffffffffff', //
    '0x8000000000000000', '0x10000000000000000', '', ' ', '-', '1 2', '1.5', '1e3', 'abc', '0x', '1_0', '\u0661',
  ]) {
    print("'${text.trim()}' -> ${int.tryParse(text)}");
  }
  for (final text in ['', 'x', '12a', '9223372036854775808', '1.0', '0xg']) {
    show("parse '$text'", () => int.parse(text));
  }
  for (final radix in [2, 3, 8, 10, 16, 20, 32, 36]) {
    print('$radix: ${[for (final v in [0, 1, -1, 35, 36, 255, -255, 1 << 32, maxInt, minInt]) v.toRadixString(radix)]}');
    print('$radix: ${[for (final t in ['10', '-11', 'zz', 'ZZ', '1001', '7fffffffffffffff']) int.tryParse(t, radix: radix)]}');
  }
  show('radix 1', () => 5.toRadixString(opaque(1)));
  show('radix 37', () => 5.toRadixString(opaque(37)));
  show('parse radix 1', () => int.parse('1', radix: opaque(1)));
  show('parse radix 37', () => int.parse('1', radix: opaque(37)));
  show('parse bad digit', () => int.parse('129', radix: 8));
  for (final v in [0, 9, 10, 99, 100, 999, 1000, 12345, 100000, 999999999, 1000000000, 4294967295, maxInt, minInt, -1, -10, -99]) {
    print(v.toString());
  }
  // Round trip.
  var v = opaque(1);
  for (var i = 0; i < 200; i++) {
    v = v * 6364136223846793005 + 1442695040888963407;
    if (int.parse(v.toString()) != v) print('decimal round trip fails for $v');
    if (int.parse(v.toRadixString(16), radix: 16) != v) print('hex round trip fails for $v');
    if (int.parse(v.toRadixString(36), radix: 36) != v) print('base 36 round trip fails for $v');
  }
  print(v);
  print(5.toStringAsFixed(2));
  print(12345.toStringAsExponential(2));
  print(12345.toStringAsPrecision(3));
  print('${maxInt.toString().length} ${(-5).toString().padLeft(5, '0')} ${7.toString().padRight(3, '*')}|');
  print(const int.fromEnvironment('none', defaultValue: 42));
  print(const bool.hasEnvironment('dart.vm.product'));
  print(num.parse('12') + num.parse('0.5'));
  show('num.parse', () => num.parse('1x'));
  print(num.tryParse('0x10'));
  print(int.parse('-12', radix: 10).runtimeType);
}
