// Allocates the given number of megabytes (default 8) in objects of every kind while a graph stays alive, and
// prints checksums of that graph: a lost, moved or overwritten object changes them.
import 'dart:typed_data';

class Tree {
  Tree? left, right;
  int key;
  double weight;
  Object? payload;
  Tree(this.key, this.weight, this.payload);
}

class Link {
  Link? next;
  final int value;
  final List<Object?> data;
  Link(this.value, this.next, this.data);
}

typedef Step = int Function(int);

int seed = 12345;
int random(int n) {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return (seed >> 8) % n;
}

/// Approximate size of everything allocated so far, in bytes.
int allocated = 0;

Tree makeTree(int depth, int key) {
  allocated += 64;
  final tree = Tree(key, key * 0.5, depth.isEven ? 'node $key' : key + 0x4000000000000000);
  if (depth > 0) {
    tree.left = makeTree(depth - 1, key * 2);
    tree.right = makeTree(depth - 1, key * 2 + 1);
  }
  return tree;
}

int sumTree(Tree? t) {
  if (t == null) return 0;
  final p = t.payload;
  final own = p is String ? p.length + p.codeUnitAt(p.length - 1) : (p as int) & 0xffff;
  return (t.key + t.weight.toInt() * 3 + own + sumTree(t.left) * 5 + sumTree(t.right) * 7) & 0x3fffffff;
}

Link? makeLinks(int n) {
  Link? head;
  for (var i = 0; i < n; i++) {
    head = Link(i, head, [i, '$i', i * 1.5, null, head]);
    allocated += 150;
  }
  return head;
}

int sumLinks(Link? head) {
  var sum = 0;
  for (var l = head; l != null; l = l.next) {
    sum = (sum * 31 + l.value + (l.data[0] as int) + (l.data[1] as String).length + (l.data[2] as double).toInt()) & 0x3fffffff;
    if (!identical(l.data[4], l.next)) return -1;
  }
  return sum;
}

Map<Object, List<int>> makeMap(int n) {
  final map = <Object, List<int>>{};
  for (var i = 0; i < n; i++) {
    final key = i % 3 == 0 ? i : (i % 3 == 1 ? 'key$i' : i + 0.25);
    (map[key] ??= []).addAll([i, i + 1, i + 2]);
    if (i % 7 == 0) map.remove('key${i ~/ 2}');
    allocated += 200;
  }
  return map;
}

int sumMap(Map<Object, List<int>> map) {
  var sum = map.length;
  map.forEach((k, v) {
    sum = (sum * 17 + (k is String ? k.length : (k as num).toInt()) + v[0] * v.length) & 0x3fffffff;
    if (!identical(map[k], v)) sum = -1;
  });
  return sum;
}

List<Step> makeClosures(int n) {
  final steps = <Step>[];
  var shared = 0;
  for (var i = 0; i < n; i++) {
    final own = [i, i * i];
    var count = 0;
    steps.add((x) {
      count++;
      shared += own[0];
      return (x + own[1] + count + (shared & 15)) & 0x3fffffff;
    });
    allocated += 160;
  }
  return steps;
}

int runClosures(List<Step> steps) {
  var x = 1;
  for (final step in steps) {
    x = step(x);
  }
  return x;
}

List<String> makeStrings(int n) {
  final strings = <String>[];
  final buffer = StringBuffer();
  for (var i = 0; i < n; i++) {
    buffer.write(i);
    if (i % 50 == 49) buffer.write('\u4f60');
    if (buffer.length > 200) buffer.clear();
    strings.add('${buffer.length}:$buffer'.substring(1));
    allocated += 250;
  }
  return strings;
}

int sumStrings(List<String> strings) {
  var sum = 0;
  for (final s in strings) {
    sum = (sum * 13 + s.length + (s.isEmpty ? 0 : s.codeUnitAt(s.length ~/ 2))) & 0x3fffffff;
  }
  return sum;
}

List<TypedData> makeTyped(int n) {
  final all = <TypedData>[];
  for (var i = 0; i < n; i++) {
    final bytes = Uint8List(64 + i % 64);
    for (var j = 0; j < bytes.length; j += 8) {
      bytes[j] = i + j;
    }
    final doubles = Float64List(8)..fillRange(0, 8, i * 0.25);
    all
      ..add(bytes)
      ..add(doubles)
      ..add(Uint16List.sublistView(bytes, 0, 32));
    allocated += 400;
  }
  // Some large enough to live outside the young generation from the start.
  final large = Int32List(40000);
  large[n % large.length] = n;
  all.add(large);
  allocated += 160000;
  return all;
}

int sumTyped(List<TypedData> all) {
  var sum = 0;
  for (final t in all) {
    final v = switch (t) {
      Uint8List() => t[0] + t[t.length ~/ 2],
      Float64List() => (t[7] * 4).toInt(),
      Uint16List() => t[4] + t.length,
      Int32List() => t.length + t[1],
      _ => -1,
    };
    sum = (sum * 19 + v) & 0x3fffffff;
  }
  return sum;
}

/// Records, boxed numbers, sets, iterables and short-lived temporaries.
int temporaries(int n) {
  var sum = 0;
  for (var i = 0; i < n; i++) {
    final record = (i, name: 'n$i', pair: (i * 0.5, [i]));
    final set = {i, i + 1, record.$1};
    final list = [for (final x in set) x * 0x100000000].where((x) => x != 0).map((x) => '$x').toList();
    sum = (sum + list.length + record.name.length + record.pair.$1.toInt() + record.pair.$2[0] + set.length) & 0x3fffffff;
    allocated += 600;
  }
  return sum;
}

class Live {
  Tree tree = makeTree(8, 1);
  Link? links = makeLinks(500);
  Map<Object, List<int>> map = makeMap(300);
  List<Step> closures = makeClosures(100);
  List<String> strings = makeStrings(300);
  List<TypedData> typed = makeTyped(60);
}

void main(List<String> args) {
  final goal = (args.isEmpty ? 8 : int.parse(args[0])) << 20;
  final live = [for (var i = 0; i < 6; i++) Live()];
  final names = Expando<String>('names');
  final weak = <WeakReference<Live>>[];
  for (var i = 0; i < live.length; i++) {
    names[live[i]] = 'live $i';
    weak.add(WeakReference(live[i]));
  }
  var check = 0;
  var rounds = 0;
  while (allocated < goal) {
    // Replace a part of one live structure: old objects then point to new ones.
    final target = live[random(live.length)];
    switch (rounds % 7) {
      case 0:
        target.tree
          ..left = makeTree(8, rounds)
          ..payload = 'round $rounds';
      case 1:
        target.links = makeLinks(400 + random(200));
      case 2:
        target.map = makeMap(200 + random(200));
      case 3:
        target.closures = makeClosures(50 + random(100));
      case 4:
        target.strings = makeStrings(200 + random(100));
      case 5:
        target.typed = makeTyped(40 + random(20));
      case 6:
        check = (check * 3 + temporaries(100)) & 0x3fffffff;
    }
    // Garbage of the same kinds.
    check ^= sumTree(makeTree(7, rounds & 0xff));
    check ^= sumLinks(makeLinks(100));
    check ^= runClosures(makeClosures(30));
    check = (check + sumMap(makeMap(50)) + sumStrings(makeStrings(40))) & 0x3fffffff;
    if (rounds % 16 == 0) {
      for (var i = 0; i < live.length; i++) {
        final l = live[i];
        check = (check * 31 + sumTree(l.tree) + sumLinks(l.links) + sumMap(l.map) + runClosures(l.closures) + sumStrings(l.strings) + sumTyped(l.typed)) & 0x3fffffff;
        if (names[l] != 'live $i') print('expando lost $i');
        if (!identical(weak[i].target, l)) print('weak reference lost $i');
      }
    }
    if (rounds % 1000 == 0) print('round $rounds: $check');
    rounds++;
  }
  print('$rounds rounds, ${allocated >> 20} MB: $check');
}
