// Smaller parts of the core libraries that lean on the runtime.
import 'dart:convert';
import 'dart:math';
import 'libs/show.dart';

class Key {
  final int n;
  Key(this.n);
}

void main() {
  // Dates and durations, in UTC.
  final t = DateTime.utc(2024, 2, 29, 13, 45, 30, 123, 456);
  print([t, t.weekday, t.millisecondsSinceEpoch, t.add(const Duration(days: 366, hours: 11)), t.isAfter(DateTime.utc(2000)), t.difference(DateTime.utc(1999, 12, 31)), t.toIso8601String()]);
  print([DateTime.parse('1969-07-20T20:18:04Z'), DateTime.fromMillisecondsSinceEpoch(-1, isUtc: true), DateTime.utc(2023, 14, 35), t == DateTime.parse(t.toIso8601String()), t.compareTo(DateTime.utc(2025))]);
  print([const Duration(hours: 25, minutes: 61, microseconds: 7), Duration(seconds: -1), const Duration(days: 1) * 1.5, Duration(minutes: 3).inSeconds, -Duration(hours: 1), Duration(hours: 1) ~/ 7]);

  // URIs.
  final u = Uri.parse('https://user@example.com:8080/a/b%20c/../d?q=1&r=x%26y&q=2#frag');
  print([u, u.host, u.port, u.path, u.pathSegments, u.query, u.queryParameters, u.queryParametersAll, u.fragment, u.userInfo, u.origin]);
  print([u.resolve('../z?k'), Uri(scheme: 'file', path: '/tmp/x y'), Uri.file('/a/b'), Uri.https('h', '/p', {'a': 'b c'}), Uri.encodeQueryComponent('a b&c'), Uri.tryParse('::')]);
  show('toFilePath', () => u.toFilePath());
  print(UriData.fromString('hi \u00e9', encoding: utf8));

  // Identity, hashing, weak references.
  final keys = [for (var i = 0; i < 1000; i++) Key(i)];
  final hashes = {for (final k in keys) identityHashCode(k)};
  print([hashes.length > 900, identityHashCode(keys[3]) == keys[3].hashCode, identityHashCode(null) == null.hashCode]);
  final map = Map<Key, int>.identity();
  for (final k in keys) {
    map[k] = k.n;
  }
  var garbage = <Object>[];
  for (var i = 0; i < 200000; i++) {
    garbage.add([i]);
    if (garbage.length > 1000) garbage = [];
  }
  print(keys.every((k) => map[k] == k.n && hashes.contains(identityHashCode(k))));
  final expando = Expando<Object>('e');
  for (final k in keys) {
    expando[k] = 'v${k.n}';
  }
  print([expando[keys[7]], expando[Key(7)], expando.name]);
  show('expando on int', () => expando[5] = 1);
  show('expando on string', () => expando['s']);
  show('expando on record', () => expando[(1, 2)]);
  final weak = WeakReference(keys[0]);
  print(identical(weak.target, keys[0]));
  show('weak number', () => WeakReference<Object>(5));
  final finalizer = Finalizer<int>((_) => print('never'));
  finalizer.attach(keys[0], 1, detach: keys[0]);
  finalizer.detach(keys[0]);
  print([Object.hash(1, 2) == Object.hash(1, 2), Object.hashAll([1, 2]) == Object.hash(1, 2), Object.hashAllUnordered([1, 2]) == Object.hashAllUnordered([2, 1])]);
  print([identical(keys, keys), identical(1, 1), identical(1.5, 1.5), identical('a', 'a'), identical(1 << 62, opaque(1 << 61) * 2)]);

  // Random numbers from a seed, time that passes.
  final r = Random(7);
  print([for (var i = 0; i < 8; i++) r.nextInt(1 << 20), r.nextDouble(), r.nextBool()]);
  show('nextInt', () => r.nextInt(opaque(0)));
  final watch = Stopwatch()..start();
  var spin = 0;
  while (watch.elapsedMilliseconds < 20) {
    spin++;
  }
  watch.stop();
  print([spin > 0, watch.elapsed.inSeconds, watch.isRunning, DateTime.now().isAfter(DateTime.utc(2020))]);

  // Text conversion.
  print([json.encode({'n': 1, 'l': [1.5, 's', null]}), json.decode('[1, {"a": "\\u00e9"}]'), LineSplitter.split('a\nb\r\nc').toList(), const HtmlEscape().convert('<a&b>')]);
  show('cyclic', () {
    final l = <Object>[];
    l.add(l);
    return json.encode(l);
  });
  show('not encodable', () => json.encode(Key(1)));
  print(json.encode([Key(1)], toEncodable: (o) => (o as Key).n));
  print([utf8.encode('\u{1f600}'), utf8.decode([0xe4, 0xbd, 0xa0]), latin1.decode([0xe9]), base64Url.encode([251, 255]), ascii.encode('A')]);
  show('ascii', () => ascii.encode('\u00e9'));
  final big = json.decode(json.encode([for (var i = 0; i < 2000; i++) {'id': i, 'name': 'n$i', 'v': i / 7}])) as List;
  print([big.length, big[1999], big.fold<double>(0, (s, o) => s + ((o as Map)['v'] as num)).toStringAsFixed(6)]);
  print([Symbol('x') == #x, #x, (int).hashCode == (int).hashCode, Type, null.toString(), Null]);
  print([Rectangle(1, 2, 3, 4), Point(3, 4).magnitude, MutableRectangle(0, 0, 1, 1)..width = 5]);
  print(Iterable.generate(3).map((x) => x).runtimeType.toString().isNotEmpty);
  print(StackTrace.fromString('custom'));
  print([bool.parse('true'), bool.tryParse('yes'), num.parse('1e3'), Enum.compareByName(E.b, E.a), E.a.compareTo2(E.b)]);
}

enum E {
  a,
  b;

  int compareTo2(E o) => Enum.compareByIndex(this, o);
}
