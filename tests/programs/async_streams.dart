// async* functions and await for: laziness, pause, cancel, errors, yield*, finalizers.
import 'dart:async';

final log = <String>[];

Stream<int> count(int n, [String name = 'count']) async* {
  log.add('$name begins');
  try {
    for (var i = 0; i < n; i++) {
      log.add('$name yields $i');
      yield i;
      await null;
    }
    log.add('$name ends');
  } finally {
    log.add('$name finally');
    await null;
    log.add('$name finalized');
  }
}

Stream<Object> nested(int depth) async* {
  yield 'down $depth';
  if (depth > 0) {
    yield* nested(depth - 1);
    yield* count(depth, 'inner$depth');
  }
  yield 'up $depth';
}

Stream<int> fails() async* {
  yield 1;
  throw StateError('broken');
}

Stream<int> recovers() async* {
  try {
    yield* fails();
  } catch (e) {
    log.add('never: errors of a stream are passed on');
  }
  try {
    await for (final x in fails()) {
      yield x * 10;
    }
  } on StateError catch (e) {
    log.add('caught ${e.message}');
    yield -1;
  }
  yield 2;
}

Stream<T> only<T>(Stream<Object?> source) async* {
  await for (final x in source) {
    if (x is T) yield x;
  }
}

Stream<double> averages(Stream<int> source) async* {
  var sum = 0.0, n = 0;
  await for (final x in source) {
    sum += x;
    yield sum / ++n;
  }
}

Stream<int> captured(int from, int to) async* {
  var step = 1;
  void faster() => step++;
  for (var i = from; i < to; i += step) {
    yield i;
    if (i == from + 1) faster();
  }
}

class Source<T> {
  final List<T> items;
  Source(this.items);
  Stream<T> get stream async* {
    for (final item in items) yield item;
  }
}

void dump(String what) {
  print('$what: $log');
  log.clear();
}

Future<void> main() async {
  final stream = count(3);
  dump('created');
  print(await stream.toList());
  dump('all');
  print(await count(5).take(2).toList());
  dump('taken');
  await for (final x in count(10)) {
    if (x == 1) continue;
    if (x == 2) break;
    log.add('got $x');
  }
  dump('left');
  print(await nested(2).toList());
  dump('nested');
  final seen = <Object>[];
  final done = Completer<void>();
  recovers().listen(seen.add, onError: (Object e) => seen.add('error $e'), onDone: done.complete);
  await done.future;
  print(seen);
  dump('recovered');
  print(await only<int>(Stream.fromIterable([1, 'a', 2.5, 3])).toList());
  print(await averages(count(4)).toList());
  log.clear();
  print(await captured(0, 8).toList());
  print(await Source(['x', 'y']).stream.map((s) => s * 2).toList());
  print((await Source(<num>[1]).stream.toList()).runtimeType);

  final paused = count(3, 'paused');
  final resumed = Completer<void>();
  late StreamSubscription<int> subscription;
  subscription = paused.listen((x) {
    log.add('data $x');
    if (x == 0) {
      subscription.pause();
      Future.delayed(Duration(milliseconds: 1), () {
        log.add('resume');
        subscription.resume();
      });
    }
  }, onDone: resumed.complete);
  await resumed.future;
  dump('paused');

  final cancelled = count(3, 'cancelled');
  final iterator = StreamIterator(cancelled);
  print([await iterator.moveNext(), iterator.current]);
  await iterator.cancel();
  dump('cancelled');
  try {
    await for (final x in fails()) {
      log.add('$x');
    }
  } catch (e) {
    log.add('$e');
  }
  dump('failed');
  Stream<int> local() async* {
    yield* Stream.fromFutures([Future.value(1), Future.value(2)]);
  }

  print(await local().fold<int>(0, (a, b) => a + b));
  print(local() is Stream<int>);
  print(await fails().handleError((_) => log.add('handled')).length);
  dump('handled');
}
