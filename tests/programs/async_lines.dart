// Lines of functions that were suspended: after resumptions, in loops, in handlers.
import 'libs/show.dart';

Future<void> throws(int where) async {
  if (where == 0) throw 'before';
  await null;
  if (where == 1)
    throw 'after';
  for (var i = 0; i < 3; i++) {
    await null;
    if (where == 2 && i == 1) throw 'in loop';
  }
  try {
    await Future<void>.error('awaited');
  } catch (_) {
    if (where == 3) throw 'in handler';
  } finally {
    await null;
  }
  switch (where) {
    case 4:
      throw 'in switch';
  }
  Object? o;
  o.toString();
  fails();
}

@pragma('vm:never-inline')
void fails() {
  throw 'called';
}

Iterable<int> generator() sync* {
  yield 1;
  yield 2;
  throw 'generator';
}

Stream<int> stream() async* {
  yield 1;
  await null;
  throw 'stream';
}

Future<void> trace(Future<void> Function() body) async {
  try {
    await body();
  } catch (e, s) {
    // Who waits for the function is not compared.
    print('$e: ${userFrames(s).first}');
  }
}

Future<void> main() async {
  for (var where = 0; where < 6; where++) {
    await trace(() => throws(where));
  }
  await trace(() async => generator().toList());
  await trace(() => stream().toList());
  await trace(() async {
    final closure = () async {
      await null;
      throw 'closure';
    };
    await closure();
  });
}
