// Lists: literals, growable and fixed-length, iteration, sorting, errors, lazy iterables.
import 'dart:collection';
import 'libs/show.dart';

class Countdown extends Iterable<int> {
  final int from;
  Countdown(this.from);
  @override
  Iterator<int> get iterator => _CountdownIterator(from);
}

class _CountdownIterator implements Iterator<int> {
  int _next;
  _CountdownIterator(this._next);
  @override
  int get current => _next;
  @override
  bool moveNext() => _next-- > 0;
}

class OwnList extends ListBase<int> {
  final List<int> inner = [];
  @override
  int get length => inner.length;
  @override
  set length(int n) => inner.length = n;
  @override
  int operator [](int i) => inner[i] * 10;
  @override
  void operator []=(int i, int v) => inner[i] = v;
  @override
  void add(int v) => inner.add(v);
}

void main() {
  final empty = <int>[];
  final list = [3, 1, 2];
  print([empty, list, <String>[], const [], [null], [[1], [2, []]]]);
  list
    ..add(5)
    ..addAll([7, 6])
    ..insert(0, 9)
    ..insertAll(2, [8, 8]);
  print('$list ${list.length} ${list.first} ${list.last}');
  print([list.remove(8), list.remove(100), list.removeAt(0), list.removeLast(), list.indexOf(2), list.lastIndexOf(8), list.contains(7)]);
  list.removeWhere((x) => x == 7);
  list.retainWhere((x) => x != 1);
  list.removeRange(0, 1);
  print(list);
  list.length = 5 - 5;
  print(list.isEmpty);
  final nullable = <int?>[1]..length = 4;
  print(nullable);
  show('grow', () => (<int>[1] as List<Object?>)..length = 3);

  // Growth through many capacities.
  final big = <int>[];
  for (var i = 0; i < 5000; i++) {
    big.add(i * i % 1009);
  }
  big.sort();
  print('${big.first} ${big.last} ${big[2500]} ${big.reduce((a, b) => a + b)}');
  while (big.length > 3) {
    big.removeLast();
  }
  print(big);

  // Fixed-length and unmodifiable lists.
  final fixed = List.filled(3, 0);
  fixed[1] = 5;
  print(fixed);
  show('fixed add', () => fixed.add(1));
  show('fixed removeLast', () => fixed.removeLast());
  show('fixed length', () => fixed.length = 2);
  show('const set', () => (opaque(const [1, 2]))[0] = 3);
  show('const add', () => (opaque(const [1, 2])).add(3));
  show('unmodifiable', () => List.unmodifiable([1])[0] = 2);
  print(List.generate(4, (i) => i * i));
  print(List.generate(3, (i) => [i], growable: false));
  print(List<int>.from(<num>[1, 2]));
  show('from', () => List<int>.from(['x']));
  print(List.of({1, 2, 3}, growable: false)..sort((a, b) => b - a));
  show('negative length', () => withoutLimit(() => List.filled(opaque(-1), 0)));
  show('empty first', () => empty.first);
  show('empty last', () => empty.last);
  show('empty removeLast', () => empty.removeLast());
  show('empty reduce', () => empty.reduce((a, b) => a + b));
  show('single none', () => empty.single);
  show('single many', () => [1, 2].single);
  for (final i in [3, -1, 100, 1 << 62]) {
    show('index $i', () => [1, 2, 3][i]);
    show('store $i', () => [1, 2, 3][i] = 0);
    show('fixed index $i', () => fixed[i]);
  }
  show('store type', () => ([1] as List<Object>)[0] = 'x');
  show('add type', () => ([1] as List<Object>).add('x'));
  show('sublist', () => [1, 2, 3].sublist(2, opaque(1)));
  show('getRange', () => [1, 2, 3].getRange(0, opaque(4)));

  // Collection literals with elements.
  final on = opaque(true);
  final List<int>? none = opaque<List<int>?>(null);
  final more = [10, 11];
  print([0, if (on) 1, if (!on) 2 else 3, for (var i = 4; i < 7; i++) i, ...more, ...?none, for (final x in more) if (x.isOdd) ...[x, x], ?opaque<int?>(null), ?opaque<int?>(8)]);
  print(<num>[...more, 2.5].runtimeType);
  print([for (final x in [1, 2]) for (final y in [3, 4]) '$x$y']);
  print([for (var i = 0; i < 3; i++) () => i].map((f) => f()).toList());

  // Iterables.
  final it = [5, 3, 8, 1];
  print([it.map((x) => x + 1), it.where((x) => x > 2), it.take(2), it.skip(2), it.takeWhile((x) => x != 8), it.skipWhile((x) => x != 8), it.expand((x) => [x, x]), it.reversed, it.followedBy([0])]);
  print([it.any((x) => x > 7), it.every((x) => x > 0), it.fold<int>(0, (a, b) => a * 10 + b), it.firstWhere((x) => x > 5), it.lastWhere((x) => x > 5), it.singleWhere((x) => x == 3), it.indexWhere((x) => x == 8), it.elementAt(2)]);
  show('firstWhere', () => it.firstWhere((x) => x > 100));
  print(it.firstWhere((x) => x > 100, orElse: () => -1));
  print(it.whereType<num>().toList().runtimeType);
  print(<Object>[1, 'a', 2.5, null ?? 'n'].whereType<String>().toList());
  print(it.cast<num>().runtimeType == List<num>);
  print([it.asMap(), it.toSet(), it.join('-'), it.sublist(1, 3), it.getRange(1, 3), it + [9], it.indexed.toList()]);
  it.setAll(0, [0, 0]);
  it.fillRange(2, 3, 7);
  it.replaceRange(0, 1, [4, 4, 4]);
  print(it);
  final overlap = [0, 1, 2, 3, 4, 5, 6, 7]..setRange(2, 6, [0, 1, 2, 3, 4, 5, 6, 7]);
  print(overlap);
  final self = [0, 1, 2, 3, 4, 5];
  self.setRange(1, 5, self);
  print(self);
  print(Countdown(4).map((x) => x * 2).toList());
  print('${Countdown(3)} ${Countdown(3).length} ${Countdown(3).contains(2)}');
  for (final x in Countdown(2)) {
    print(x);
  }
  final own = OwnList()..addAll([3, 1, 2]);
  print('$own ${own.map((x) => x + 1).toList()} ${own.reversed.toList()}');
  final iter = [1, 2].iterator;
  print([iter.moveNext(), iter.current, iter.moveNext(), iter.current, iter.moveNext()]);
  show('modified', () {
    final l = [1, 2, 3];
    for (final x in l) {
      l.add(x);
    }
    return l;
  });
  var evaluated = 0;
  final lazy = [1, 2, 3].map((x) {
    evaluated++;
    return x;
  });
  print([evaluated, lazy.first, evaluated, lazy.length, evaluated, lazy.toList(), evaluated]);
  print(Iterable.generate(5, (i) => i * 3).where((x) => x.isOdd).toList());
  print(Iterable<int>.empty().isEmpty);

  // Sorting.
  final r = [for (var i = 0; i < 300; i++) (i * 7919 + 13) % 997];
  r.sort();
  print(r.take(5).toList());
  r.sort((a, b) => b.compareTo(a));
  print(r.take(5).toList());
  final words = ['pear', 'fig', 'apple', 'kiwi', 'date']..sort((a, b) => a.length != b.length ? a.length - b.length : a.compareTo(b));
  print(words);
  print(words.reversed.toList()..shuffle);
  show('sort mixed', () => <dynamic>[1, 'a']..sort());

  // Queue and linked list.
  final q = Queue<int>()
    ..add(1)
    ..addFirst(0)
    ..addLast(2);
  print('$q ${q.removeFirst()} ${q.removeLast()} ${q.length}');
  final lq = ListQueue<int>.from(List.generate(40, (i) => i));
  for (var i = 0; i < 30; i++) {
    lq.add(lq.removeFirst());
  }
  print('${lq.first} ${lq.last} ${lq.elementAt(20)}');
  print(identical(const [1, 2], const [1, 2]));
  print([1, 2] == [1, 2]);
  print((opaque<dynamic>([1, 2]) as List).runtimeType);
  final nested = List.generate(3, (i) => List.filled(3, i));
  nested[1][2] = 9;
  print(nested);
  final cyclic = <Object?>[1];
  cyclic.add(cyclic);
  print(cyclic);
}
