// Keeps a large graph alive and rewrites it all the time, so that the old generation is marked while the program runs,
// cards of large arrays get dirty, and frames of every kind are scanned. The argument is the number of rounds.
import 'dart:convert';
import 'dart:typed_data';

int seed = 99;
int random(int n) {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return (seed >> 8) % n;
}

int mix(int a, int b) => (a * 31 + b) & 0x3fffffff;

class Node {
  final int id;
  double weight;
  int count = 0;
  Object? link;
  late final List<Node?> children = List.filled(id % 5 + 1, null);
  late String name;
  Node(this.id) : weight = id * 0.25 {
    name = 'n$id';
  }
  int get sum => mix(id, mix(weight.toInt(), mix(count, name.length)));
}

class Box<T> {
  T value;
  Box(this.value);
  Box<List<T>> nested() => Box<List<T>>([value]);
  Map<String, T> named(String name) => <String, T>{name: value};
  bool accepts(Object? other) => other is T;
  S fold<S>(S start, S Function(S, T) step) => step(start, value);
}

/// An array that has pages of its own.
final List<Object?> large = List<Object?>.filled(120000, null);

/// A list whose backing store grows over that size.
final List<Object> growing = [];

final Map<int, Node> nodes = {};
final Map<String, List<Object?>> texts = {};
Object? last;

int show(Object? object) => switch (object) {
  null => 1,
  int n => n & 0xffff,
  double d => d.toInt() & 0xffff,
  String s => mix(s.length, s.isEmpty ? 0 : s.codeUnitAt(s.length - 1)),
  Node n => n.sum,
  Box b => mix(2, show(b.value)),
  (int a, :Object? other) => mix(a, show(other)),
  List l => l.isEmpty ? 3 : mix(l.length, show(l.last)),
  Map m => mix(m.length, 4),
  Function() f => f() as int,
  _ => 5,
};

Object? make(int n, int depth) {
  switch (n % 11) {
    case 0:
      return Node(n)..link = depth > 0 ? make(n + 1, depth - 1) : null;
    case 1:
      return 'text $n';
    case 2:
      return n * 0.5;
    case 3:
      return n + 0x5000000000000000;
    case 4:
      return [n, make(n + 3, 0), null];
    case 5:
      return {n: 'x$n', 'k': n};
    case 6:
      return Box<Node>(Node(n)).nested();
    case 7:
      return (n, other: depth > 0 ? make(n * 3, depth - 1) : '$n');
    case 8:
      var calls = 0;
      final captured = Node(n);
      return () {
        calls++;
        captured.count = calls;
        return captured.sum;
      };
    case 9:
      return Float64List(4)..[n % 4] = n * 1.5;
    default:
      return Box<Map<String, int>>(Box<int>(n).named('v$n'));
  }
}

/// Many values live across every call, of several representations.
int deep(int depth, Object? a, double d, int i, String s) {
  if (depth == 0) {
    return mix(show(a), mix(d.toInt(), mix(i, s.length)));
  }
  final box = Box<Object?>(a);
  final next = Node(depth);
  final record = (depth, other: next);
  final text = '$s$depth';
  final inner = deep(depth - 1, box, d + 0.5, i * 3 & 0xffffffffff, text.length > 40 ? '' : text);
  if (!identical(box.value, a) || !identical(record.other, next) || next.id != depth) return -1;
  return mix(inner, mix(show(record), mix(show(a), mix(d.toInt(), i))));
}

int thrown(int depth, Object payload) {
  final before = Node(depth);
  try {
    if (depth == 0) throw payload;
    return thrown(depth - 1, [payload, before]) + 1;
  } on List catch (e) {
    if (depth % 3 != 0) rethrow;
    final copy = [...e, before];
    return mix(copy.length, show(copy.last));
  } finally {
    before.count++;
    last = before;
  }
}

int manyVariables(int n) {
  Object? a = Node(n), b = 'b$n', c = n * 0.5, d = [n], e = {n}, f = (n, other: 'f');
  Object? g = Box(n), h = '$n$n', i = n + 1.5, j = [b, c], k = {a: b}, l = () => n;
  void change() {
    final old = a;
    a = b; b = c; c = d; d = e; e = f; f = g; g = h; h = i; i = j; j = k; k = l; l = old;
  }

  for (var x = 0; x < n % 12; x++) {
    change();
  }
  return [a, b, c, d, e, f, g, h, i, j, k, l].fold(0, (sum, x) => mix(sum, x is Function ? 7 : show(x)));
}

int generic<T>(T value, int n) {
  final box = Box<T>(value);
  final list = <T>[for (var i = 0; i < n; i++) value];
  final map = {for (final x in list.indexed) x.$1: Box<List<T>>([x.$2])};
  final ok = box.accepts(value) && box.nested().value is List<T> && map.values.every((b) => b.value is List<T>);
  final folded = box.fold<List<Object?>>([], (all, x) => [...all, x, '$x'.length]);
  return mix(ok ? 1 : 0, mix(map.length, mix(folded.length, list.length)));
}

int texts_(int n) {
  final buffer = StringBuffer();
  for (var i = 0; i < 40; i++) {
    buffer.write(i.isEven ? 'a$i' : '\u{1F600}');
  }
  final text = '$buffer';
  final parts = text.split('a');
  final json = jsonDecode(jsonEncode({'n': n, 'parts': parts, 'nested': [[n * 0.5], null, true]})) as Map;
  final upper = text.toUpperCase().replaceAll('A', '$n').substring(3);
  final big = BigInt.from(n + 7).pow(40) % BigInt.from(1000003);
  final matches = RegExp(r'a(\d+)').allMatches(text).map((m) => int.parse(m[1]!)).toList();
  final bytes = utf8.encode(upper);
  final sorted = [...parts]..sort((a, b) => b.compareTo(a));
  return mix(json['parts'].length as int, mix(upper.length, mix(big.toInt(), mix(matches.length, mix(bytes.length, sorted.length)))));
}

void main(List<String> args) {
  final rounds = args.isEmpty ? 4 : int.parse(args[0]);
  var check = 0;
  final weak = <WeakReference<Node>>[];
  final notes = Expando<Node>();
  for (var round = 0; round < rounds; round++) {
    for (var i = 0; i < 4000; i++) {
      large[random(large.length)] = make(random(1000000), 3);
    }
    final from = random(large.length - 3000);
    large.setRange(from, from + 1000, large, random(large.length - 3000));
    large.fillRange(from, from + 50, Node(round));
    for (var i = 0; i < 1500; i++) {
      growing.add(i.isEven ? Node(i) : 'g$i');
    }
    if (growing.length > 60000) growing.removeRange(0, 30000);
    for (var i = 0; i < 1000; i++) {
      final id = random(20000);
      final node = nodes[id] ??= Node(id);
      node.weight += 1;
      node.children[random(node.children.length)] = nodes[random(20000)];
      node.link = i.isEven ? node.weight : make(i, 1);
      if (i % 100 == 0) {
        weak.add(WeakReference(node));
        notes[node] = Node(round);
      }
      if (i % 10 == 0) nodes.remove(random(20000));
    }
    for (var i = 0; i < 300; i++) {
      texts['key ${random(5000)}'] = [i, 'v$i', round * 0.5];
    }
    check = mix(check, deep(300, 'start', round * 0.5, round, ''));
    check = mix(check, thrown(20, ['payload $round']));
    check = mix(check, show(last));
    check = mix(check, manyVariables(round));
    check = mix(check, generic<int>(round, 20));
    check = mix(check, generic<String?>(null, 10));
    check = mix(check, generic<List<Object>>([round, 'x'], 10));
    check = mix(check, generic<(int, {String s})>((round, s: 'r'), 10));
    check = mix(check, texts_(round));
    if (round % 8 == 0 || round == rounds - 1) {
      for (final x in large) {
        check = mix(check, show(x));
      }
      for (final x in growing) {
        check = mix(check, show(x));
      }
      nodes.forEach((id, node) {
        check = mix(check, id == node.id ? node.sum : -1);
        for (final child in node.children) {
          if (child != null) check = mix(check, child.sum);
        }
      });
      texts.forEach((key, value) => check = mix(check, mix(key.length, show(value))));
      for (final w in weak) {
        final node = w.target;
        if (node != null && (w.target!.id != node.id || (notes[node]?.id ?? round + 1) > round)) print('weak reference broken');
      }
      weak.removeWhere((w) => w.target == null);
      print('round $round: $check');
    }
  }
}
