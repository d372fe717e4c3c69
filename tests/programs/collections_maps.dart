// Maps and sets: literals, insertion order, growth, deletion, keys of every kind, constants, sorted and linked variants.
import 'dart:collection';
import 'libs/show.dart';

class Key {
  final int a;
  const Key(this.a);
  @override
  bool operator ==(Object o) => o is Key && o.a == a;
  @override
  int get hashCode => a % 3;
  @override
  String toString() => 'K$a';
}

class Plain {
  const Plain();
}

enum E { x, y, z }

const constMap = {1: 'one', 'two': 2, 7: [4], null: 'null', true: #t, E.y: E.z, (1, a: 2): 'record'};
const constSet = {1, 'a', 25, null, E.x, Plain()};
const big = {0: 0, 1: 1, 2: 4, 3: 9, 4: 16, 5: 25, 6: 36, 7: 49, 8: 64, 9: 81, 10: 100, 11: 121};

void main() {
  final m = <String, int>{'a': 1, 'b': 2};
  m['c'] = 3;
  m['a'] = 10;
  print('$m ${m.length} ${m['a']} ${m['z']} ${m.containsKey('b')} ${m.containsValue(3)}');
  print([m.remove('a'), m.remove('zz'), m, m.keys, m.values, m.entries]);
  m['a'] = 4;
  print(m);
  print([m.putIfAbsent('q', () => 5), m.putIfAbsent('q', () => 6), m.update('q', (v) => v + 1), m.update('r', (v) => v, ifAbsent: () => 9)]);
  show('update', () => m.update('none', (v) => v));
  m.updateAll((k, v) => v * 2);
  m.removeWhere((k, v) => v > 15);
  m.addAll({'x': 1, 'b': 0});
  m.forEach((k, v) => print('$k=$v'));
  print(m.map((k, v) => MapEntry(v, k)));
  m.addEntries([const MapEntry('e', 7)]);
  m['e'] = m['e']! + 1;
  m['n'] ??= 3;
  m['n'] ??= 4;
  print(m);
  m.clear();
  print('${m.isEmpty} $m');

  // Growth, deletion, and growth again.
  final ints = <int, int>{};
  for (var i = 0; i < 3000; i++) {
    ints[i * 37 % 5003] = i;
  }
  for (var i = 0; i < 5003; i += 3) {
    ints.remove(i);
  }
  for (var i = 0; i < 500; i++) {
    ints[-i] = i;
  }
  var sum = 0;
  for (final e in ints.entries) {
    sum = (sum * 31 + e.key * 7 + e.value) & 0xffffffffff;
  }
  print('${ints.length} $sum ${ints.keys.take(5).toList()}');
  final strings = <String, List<int>>{};
  for (var i = 0; i < 2000; i++) {
    (strings['k${i % 97}'] ??= []).add(i);
  }
  print('${strings.length} ${strings['k5']!.length} ${strings['k96']!.last}');

  // Keys of every kind.
  final any = <Object?, String>{1: 'int', 1.5: 'double', 'one': 'string', null: 'null', true: 'bool', E.x: 'enum', #s: 'symbol', int: 'type', (1, 2): 'record', const Key(4): 'key', 0x7fffffffffffffff: 'big'};
  print([any[1], any[1.0], any[1.5], any['o' + 'ne'], any[null], any[true], any[E.x], any[#s], any[int], any[(1, 2)], any[const Key(4)], any[Key(4)], any[Key(7)], any[opaque(0x7ffffffffffffffe) + 1]]);
  final keys = <Key, int>{};
  for (var i = 0; i < 20; i++) {
    keys[Key(i % 10)] = i;
  }
  print(keys);
  final nan = {double.nan: 1};
  print([nan[double.nan], nan.length, {0.0: 'zero'}[-0.0]]);
  print((m as Map<Object?, Object?>)['missing']);
  show('wrong key', () => (m as Map<Object, Object>)[3] = 4);
  show('wrong value', () => (m as Map<Object, Object>)['s'] = 's');

  // Constants.
  print(constMap);
  print([constMap[1], constMap['two'], constMap[null], constMap[E.y], constMap[(1, a: 2)], constMap[true], constMap[99]]);
  print(constSet);
  print([constSet.contains(25), constSet.contains(const Plain()), constSet.contains(Plain()), constSet.contains(opaque('a')), constSet.contains(3)]);
  print([for (var i = 0; i < 13; i++) big[opaque(i)]]);
  show('const map', () => (opaque(big))[1] = 2);
  show('const set', () => opaque<Set<Object?>>(constSet).add(5));
  print(identical(const {1: 2}, const {1: 2}));
  show('unmodifiable', () => Map.unmodifiable({1: 2})[1] = 3);

  // Literals with elements.
  final on = opaque(true);
  print({for (var i = 0; i < 3; i++) i: i * i, if (on) 'on': 1, if (!on) 'off': 0 else 'else': 2, ...{'s': 's'}, ...?opaque<Map<Object, Object>?>(null)});
  print({1, 2, if (on) 3, ...[3, 4], for (final x in [5, 5]) x});
  print([<int, int>{}.runtimeType, <int>{}.runtimeType, {1: 'a'}.runtimeType, {1, 2.5}.runtimeType]);

  // Sets.
  final s = {3, 1, 2};
  print([s.add(1), s.add(4), s.remove(3), s.contains(2), s.length, s]);
  print([s.union({9, 1}), s.intersection({1, 4, 7}), s.difference({1}), s.containsAll([1, 2]), s.lookup(2), s.lookup(77)]);
  s
    ..addAll([8, 7])
    ..removeAll([1])
    ..retainWhere((x) => x > 2);
  print('$s ${s.first} ${s.last} ${s.toList()} ${s.map((x) => x * 2).toSet()}');
  show('concurrent', () {
    final t = {1, 2, 3};
    for (final x in t) {
      t.add(x + 10);
    }
    return t;
  });
  show('concurrent map', () {
    final t = {1: 1, 2: 2};
    t.forEach((k, v) => t.remove(k));
    for (final k in t.keys) {
      t[k + 5] = 1;
    }
    return t;
  });
  final bigSet = {for (var i = 0; i < 1000; i++) i * 17 % 1009};
  print('${bigSet.length} ${bigSet.take(4).toList()} ${bigSet.contains(500)}');

  // Other implementations.
  final custom = LinkedHashMap<String, int>(equals: (a, b) => a.toLowerCase() == b.toLowerCase(), hashCode: (k) => k.toLowerCase().hashCode);
  custom['A'] = 1;
  custom['a'] = 2;
  print(custom);
  final identity = Map<Key, int>.identity();
  identity[Key(1)] = 1;
  identity[Key(1)] = 2;
  identity[const Key(2)] = 3;
  identity[const Key(2)] = 4;
  print('${identity.length} $identity');
  final hash = HashMap<int, int>();
  for (var i = 0; i < 100; i++) {
    hash[i] = i;
  }
  print(hash.values.reduce((a, b) => a + b));
  final tree = SplayTreeMap<String, int>.from({'pear': 1, 'apple': 2, 'fig': 3});
  print('$tree ${tree.firstKey()} ${tree.lastKeyBefore('pear')}');
  print(SplayTreeSet<int>.from([5, 1, 3], (a, b) => b - a));
  print(Map.fromIterable([1, 2], key: (x) => 'k$x', value: (x) => x * 2));
  print(Map.fromIterables(['a', 'b'], [1, 2]));
  show('fromIterables', () => Map.fromIterables(['a'], [1, 2]));
  print(Map<String, int>.from({'a': 1}));
  show('from', () => Map<String, int>.from({1: 1}));
  print(UnmodifiableMapView({1: 2}));
  final nested = {'a': {'b': {'c': 1}}};
  print(nested['a']?['b']?['c']);
  print((nested as dynamic)['a']['b']['c'] + 1);
  final cyclic = <int, Object>{};
  cyclic[1] = cyclic;
  print(cyclic);
  final (a, b) = (MapEntry(1, 2), MapEntry('x', null));
  print('$a $b');
}
