// Futures of user classes whose `then` throws, or calls back at once: errors of an await before and after the first suspension.

import 'dart:async';

/// Throws in `then`.
class Throwing implements Future<String> {
  final String message;
  Throwing(this.message);

  @override
  Future<R> then<R>(FutureOr<R> Function(String) onValue, {Function? onError}) => throw StateError(message);

  @override
  dynamic noSuchMethod(Invocation invocation) => throw UnimplementedError();
}

Future<void> first(Future<String> f) async {
  print('first');
  print(await f);
}

Future<void> second(Future<String> f) async {
  await null;
  print('second');
  print(await f);
}

Future<String> caught(Future<String> f, int times) async {
  var seen = 0;
  for (var i = 0; i < times; i++) {
    try {
      print(await f);
    } on StateError catch (error) {
      seen += 1;
      print('caught ${error.message} $i');
    } finally {
      if (i == 1) await null;
    }
  }
  return 'seen $seen';
}

Stream<int> stream(Future<String> f) async* {
  yield 1;
  print(await f);
  yield 2;
}

Future<int> unsuspended(bool fail) async {
  if (fail) throw StateError('unsuspended');
  return 1;
}

Future<int> returned(Future<String> f) async {
  try {
    await f;
  } catch (_) {
    return 7;
  }
  return 8;
}

void zone(String name, void Function() body) {
  runZonedGuarded(body, (error, stack) => print('$name: $error'));
  print('$name is over');
}

Future<void> main() async {
  zone('first', () => first(Throwing('a')));
  zone('second', () => second(Throwing('b')));
  zone('unsuspended', () => unsuspended(true));
  await Future<void>.delayed(Duration.zero);
  print(await caught(Throwing('c'), 3));
  print(await caught(Future.value('d'), 2));
  print(await caught(Future.error(StateError('e')), 2));
  zone('stream', () => stream(Throwing('f')).listen(print, onDone: () => print('done')));
  await Future<void>.delayed(Duration.zero);
  var isDone = false;
  final future = returned(Throwing('g')).then((value) {
    isDone = true;
    print(value);
  });
  print(isDone);
  await future;
  print(await unsuspended(false));
}
