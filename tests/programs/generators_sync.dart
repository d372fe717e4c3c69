// sync* functions: laziness, nesting, yield*, exceptions, finally, recursion, several iterators of one iterable.
import 'libs/show.dart';

Iterable<int> count(int n) sync* {
  print('  begin $n');
  for (var i = 0; i < n; i++) {
    yield i;
    print('  resumed after $i');
  }
  print('  end');
}

Iterable<T> walk<T extends Object>(List<Object> tree) sync* {
  for (final node in tree) {
    if (node is List<Object>) {
      yield* walk<T>(node);
    } else if (node is T) {
      yield node;
    }
  }
}

Iterable<String> guarded() sync* {
  try {
    yield 'a';
    throw 'broken';
  } catch (e) {
    yield 'caught $e';
  } finally {
    yield 'finally';
  }
}

Iterable<int> fails() sync* {
  yield 1;
  throw StateError('stopped');
}

Iterable<int> primes() sync* {
  final found = <int>[];
  for (var n = 2;; n++) {
    if (found.every((p) => n % p != 0)) {
      found.add(n);
      yield n;
    }
  }
}

class Range {
  final int from, to;
  Range(this.from, this.to);
  Iterable<int> get items sync* {
    for (var i = from; i < to; i++) yield i;
  }

  Iterable<double> operator /(int d) sync* {
    yield* items.map((i) => i / d);
  }
}

void main() {
  final c = count(2);
  print('created');
  for (final x in c) {
    print(x);
  }
  final it = count(3).iterator;
  print([it.moveNext(), it.current, it.moveNext(), it.current]);
  print(count(5).take(2).toList());
  print(walk<int>([1, [2, 's', [3.5, 4]], []]).toList());
  print(walk<String>(['a', ['b', 1]]).join());
  print(guarded().toList());
  show('fails', () => fails().toList());
  final f = fails().iterator;
  print([f.moveNext(), f.current]);
  show('moveNext', () => f.moveNext());
  show('after', () => f.moveNext());
  print(primes().skip(5).take(5).toList());
  print((Range(1, 4) / 2).toList());
  Iterable<int> local(int n) sync* {
    if (n > 0) {
      yield n;
      yield* local(n - 1);
      yield -n;
    }
  }

  print(local(3).toList());
  final two = Range(0, 3).items;
  final a = two.iterator, b = two.iterator;
  a.moveNext();
  a.moveNext();
  b.moveNext();
  print([a.current, b.current, two.length]);
  print(walk<int>(const []).isEmpty);
  print(local(2).runtimeType == walk<int>([]).runtimeType);
}
