// sync* functions: state that lives across yields, captured parameters, handlers around yields, errors from nested iterators.
import 'libs/show.dart';

Iterable<int> captured(int a, int b) sync* {
  void swap() {
    final t = a;
    a = b;
    b = t;
  }

  yield a;
  swap();
  yield a;
  a += 100;
  yield a;
}

Iterable<(int, double, bool)> unboxed(int n) sync* {
  var d = 1.0, flag = true, big = 1 << 61;
  for (var i = 0; i < n; i++) {
    yield (i + big, d, flag);
    d = -d / 2;
    flag = !flag;
    big <<= 1;
  }
}

Iterable<String> handlers(Iterable<String> inner) sync* {
  var step = 0;
  try {
    try {
      step++;
      yield 'start';
      yield* inner;
      step++;
      yield 'end';
    } on StateError catch (e) {
      yield 'state ${e.message} at $step';
      rethrow;
    } finally {
      step += 10;
      yield 'finally at $step';
    }
  } catch (e) {
    yield 'outer ${e.runtimeType} at $step';
  }
}

Iterable<String> broken(Object error) sync* {
  yield 'before';
  throw error;
}

class BrokenIterable extends Iterable<String> {
  Iterator<String> get iterator => throw StateError('no iterator');
}

class BrokenIterator implements Iterator<String> {
  int n = 0;
  String get current => 'item $n';
  bool moveNext() => n++ < 2 ? true : throw StateError('no more');
}

class Broken extends Iterable<String> {
  Iterator<String> get iterator => BrokenIterator();
}

Iterable<int> returns(bool early) sync* {
  for (var i = 0; ; i++) {
    try {
      yield i;
      if (early && i == 1) return;
      if (i == 2) break;
    } finally {
      yield -i - 1;
    }
  }
  yield 99;
}

class Tree<T extends Comparable<T>> {
  final T value;
  final Tree<T>? left, right;
  Tree(this.value, [this.left, this.right]);

  Iterable<T> get items sync* {
    if (left != null) yield* left!.items;
    yield value;
    if (right != null) yield* right!.items;
  }

  Iterable<R> fold<R>(R start, R Function(R, T) f) sync* {
    var now = start;
    for (final item in items) {
      now = f(now, item);
      yield now;
    }
  }
}

Iterable<T> cycle<T>(List<T> items, {int times = 2}) sync* {
  while (times-- > 0) yield* items;
}

Iterable<int> down(int n) sync* {
  if (n == 0) return;
  yield n;
  yield* down(n - 1);
}

void main() {
  final shared = captured(1, 2);
  print([shared.toList(), shared.toList()]);
  final x = shared.iterator, y = shared.iterator;
  print([x.moveNext(), x.current, x.moveNext(), x.current]);
  print([y.moveNext(), y.current, x.moveNext(), x.current, y.moveNext(), y.current]);
  print(unboxed(4).toList());
  print(handlers(['a', 'b']).toList());
  print(handlers(broken(StateError('s'))).toList());
  print(handlers(broken(ArgumentError('x'))).toList());
  print(handlers(BrokenIterable()).toList());
  print(handlers(Broken()).toList());
  print(returns(true).toList());
  print(returns(false).toList());
  final tree = Tree(4, Tree(2, Tree(1), Tree(3)), Tree(6, Tree(5)));
  print(tree.items.toList());
  print(tree.fold<String>('', (a, b) => '$a$b').toList());
  print(cycle('abc'.split('')).join());
  print(cycle([1, 2], times: 3).toList());
  print(down(2000).length);
  print([down(3).runtimeType == down(1).runtimeType, down(1) is Iterable<int>, down(1) is Iterable<String>]);
  final it = broken('thrown').iterator;
  print(it.moveNext());
  show('throws', () => it.moveNext());
  print(it.moveNext());
  Iterable<int> evens(Iterable<int> from) sync* {
    for (final i in from) {
      if (i.isEven) yield i;
    }
  }

  print(evens(evens(down(12)).map((i) => i ~/ 2)).toList());
}
