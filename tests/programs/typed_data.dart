// Typed data: every element type, views, byte order, copying with overlap, bounds, conversions.
import 'dart:convert';
import 'dart:typed_data';
import 'libs/show.dart';

final lists = <String, List<Object?> Function(int)>{
  'Int8': Int8List.new,
  'Uint8': Uint8List.new,
  'Uint8Clamped': Uint8ClampedList.new,
  'Int16': Int16List.new,
  'Uint16': Uint16List.new,
  'Int32': Int32List.new,
  'Uint32': Uint32List.new,
  'Int64': Int64List.new,
  'Uint64': Uint64List.new,
};

int checksum(Iterable<Object?> l) => l.fold(7, (h, x) => (h * 31 + (x is double ? x.toInt() : x as int)) & 0xffffffffff);

void main() {
  const stores = [0, 1, -1, 127, 128, -128, -129, 255, 256, 32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, -0x8000000000000000];
  for (final e in lists.entries) {
    final l = e.value(stores.length) as List<int>;
    for (var i = 0; i < stores.length; i++) {
      l[i] = stores[i];
    }
    print('${e.key}: ${l.runtimeType} $l ${(l as TypedData).lengthInBytes} ${(l as TypedData).elementSizeInBytes}');
    show('index', () => l[stores.length]);
    show('negative', () => l[opaque(-1)]);
    show('store', () => l[opaque(99)] = 1);
    show('add', () => l.add(1));
    show('sublist', () => l.sublist(2, 5));
    show('sublist range', () => l.sublist(2, opaque(100)));
    show('setRange', () => l..setRange(0, 3, [9, 8, 7]));
    show('setRange few', () => l..setRange(0, 3, [9]));
    show('fillRange', () => l..fillRange(1, 3, 5));
    show('sort', () => l..sort());
    show('negative length', () => withoutLimit(() => e.value(opaque(-1))));
    show('type', () => (l as dynamic)[0] = 1.5);
  }
  for (final l in <List<double>>[Float32List(6), Float64List(6)]) {
    l[0] = 1.1;
    l[1] = double.nan;
    l[2] = 1e300;
    l[3] = -0.0;
    l[4] = 16777217;
    l[5] = double.negativeInfinity;
    print('${l.runtimeType} $l ${l[0] + 1}');
    show('index', () => l[6]);
    show('type', () => (l as dynamic)[0] = 1);
    show('sublist', () => l.sublist(2));
  }
  // Vectors.
  final v = Float32x4(1, 2, 3, 4), w = Float32x4.splat(2);
  print([v + w, v * w, v - w, v / w, -v, v.x, v.w, v.shuffle(Float32x4.wzyx), v.lessThan(w).signMask, v.min(w), v.sqrt(), v.clamp(w, Float32x4.splat(3))]);
  final vi = Int32x4(1, -2, 3, 0x80000000);
  print([vi + vi, vi & Int32x4.bool(true, false, true, false), vi ^ vi, vi.signMask, vi.flagX, vi.withY(9)]);
  final vd = Float64x2(1.5, -2.5);
  print([vd + vd, vd.abs(), vd.x, vd.signMask, vd.scale(2)]);
  final v4 = Float32x4List(3)..[1] = v;
  v4[2] = v4[1] + w;
  print('$v4 ${Float64x2List.fromList([vd]).first} ${Int32x4List(2)[1]}');

  // Views and byte order.
  final bytes = Uint8List.fromList(List.generate(32, (i) => i * 7 + 1));
  final data = ByteData.sublistView(bytes);
  print([data.getInt8(0), data.getUint8(31), data.getInt16(1), data.getInt16(1, Endian.little), data.getUint16(30), data.getInt32(3), data.getUint32(3, Endian.little), data.getInt64(8), data.getUint64(8, Endian.little)]);
  print([data.getFloat32(4), data.getFloat32(5, Endian.little), data.getFloat64(7), data.getFloat64(9, Endian.little)]);
  data
    ..setInt8(0, -5)
    ..setUint16(1, 0x1234)
    ..setInt32(4, -2, Endian.little)
    ..setInt64(8, 0x123456789abcdef0)
    ..setUint64(16, -1, Endian.little)
    ..setFloat32(24, 1.5)
    ..setFloat32(28, 0.1, Endian.host);
  print(bytes);
  data.setFloat64(3, 3.14159);
  print([data.getFloat64(3), data.getUint8(3)]);
  show('getInt32 bounds', () => data.getInt32(opaque(29)));
  show('setFloat64 bounds', () => data.setFloat64(opaque(25), 1));
  show('negative bounds', () => data.getUint8(opaque(-1)));
  final buffer = bytes.buffer;
  final view16 = Uint16List.view(buffer, 2, 5);
  print('${view16.runtimeType} $view16 ${view16.offsetInBytes} ${view16.lengthInBytes}');
  view16[0] = 0xabcd;
  print('${bytes[2].toRadixString(16)} ${bytes[3].toRadixString(16)}');
  final view64 = buffer.asInt64List(8, 2);
  print(view64);
  view64[1] = 77;
  print(buffer.asByteData(16, 8).getInt64(0, Endian.little));
  final viewOfView = Uint8List.sublistView(view16, 1, 3);
  print('$viewOfView ${viewOfView.offsetInBytes}');
  final doubles = buffer.asFloat64List();
  doubles[0] = 2.5;
  print([doubles[0], bytes[7], doubles.length]);
  show('alignment', () => Uint32List.view(buffer, opaque(2)));
  show('view length', () => Uint32List.view(buffer, 0, opaque(9)));
  show('view index', () => view16[5]);
  show('sublistView', () => Uint16List.sublistView(bytes, 0, opaque(3)));
  final ro = bytes.asUnmodifiableView();
  print([ro[0], ro.length]);
  // The message depends on whether the store is inlined.
  try {
    ro[0] = 1;
  } on UnsupportedError {
    print('read-only');
  }
  print(identical(bytes.buffer, buffer));
  print([bytes == Uint8List.fromList(bytes), bytes.buffer == Uint8List(1).buffer]);

  // Copies with overlap, between types, from lists.
  final a = Uint8List.fromList([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  a.setRange(2, 8, a);
  print(a);
  final b = Uint8List.fromList([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  b.setRange(0, 6, b, 3);
  print(b);
  final c = Int32List.fromList([1, -2, 300, -400]);
  c.setRange(1, 4, c);
  print(c);
  print(Uint8List(6)..setRange(1, 5, c));
  print(Uint8ClampedList(4)..setAll(0, [300, -5, 128, 255]));
  print(Int16List.fromList(a)..setRange(0, 2, Int16List.sublistView(Int16List.fromList([5, 6, 7]), 1)));
  print(Float32List.fromList([1.5, 2.5])..setRange(0, 1, Float64List.fromList([9.75])));
  final shifted = Uint16List.view(Uint8List.fromList(List.generate(16, (i) => i)).buffer);
  final overlapping = Uint8List.view(shifted.buffer, 1, 8);
  overlapping.setRange(0, 8, Uint8List.view(shifted.buffer, 0, 8));
  print(overlapping);
  show('copy range', () => a.setRange(0, 5, [1, 2], 1));
  show('copy end', () => a.setRange(5, opaque(20), a));
  print([a.reversed.toList(), a.indexOf(4), a.contains(9), a.fold<int>(0, (x, y) => x + y), a.map((x) => x * 2).toList(), a.where((x) => x.isEven).toList()]);
  print(a.join(','));

  // Loops over large arrays.
  final big = Uint32List(10000);
  for (var i = 0; i < big.length; i++) {
    big[i] = i * 2654435761;
  }
  print(checksum(big));
  final sums = Float64List(100);
  for (var i = 0; i < 100; i++) {
    for (var j = 0; j < 100; j++) {
      sums[(i + j) % 100] += i * 0.5 - j;
    }
  }
  print([sums[0], sums[50], sums.reduce((x, y) => x + y)]);
  final sorted = Int64List.fromList(List.generate(500, (i) => (i * 7919) % 503 - 250))..sort();
  print([sorted.first, sorted.last, sorted[250], checksum(sorted)]);
  final b1 = BytesBuilder()
    ..add([1, 2, 3])
    ..addByte(4)
    ..add(Uint8List(2));
  print('${b1.length} ${b1.toBytes()} ${b1.takeBytes().length} ${b1.isEmpty}');
  final encoded = utf8.encode('h\u00e9 \u4f60 \u{1f600}');
  print('${encoded.runtimeType} $encoded ${utf8.decode(encoded)}');
  show('bad utf8', () => utf8.decode(Uint8List.fromList([0x61, 0xff])));
  print(utf8.decode([0x61, 0xff], allowMalformed: true));
  print([base64.encode(encoded), base64.decode('AQID'), latin1.encode('\u00e9'), ascii.decode([65, 66])]);
  print(jsonEncode({'a': [1, 2.5, null, true, 'q"\n\u00e9'], 'b': {}}));
  print(jsonDecode('{"a": [1, 2.5e3, null, false, "x\\u0041\\n"], "b": {"c": -7}}'));
  show('bad json', () => jsonDecode('{"a": }'));
  print(const JsonEncoder.withIndent('  ').convert([1, {'k': 'v'}]));
}
