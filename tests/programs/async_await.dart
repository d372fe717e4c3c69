// async functions: order of events, values of all kinds across suspensions, handlers, finalizers, returns, zones.
import 'dart:async';
import 'dart:typed_data';

final log = <String>[];

Future<T> later<T>(T value) => Future.delayed(Duration.zero, () => value);

Future<Never> fails(String message) async {
  await null;
  throw StateError(message);
}

Future<int> plain(int x) async => x + 1;

Future<String> order(String name) async {
  log.add('$name begins');
  await null;
  log.add('$name goes on');
  final value = await later('$name value');
  log.add('$name has it');
  return value;
}

// Integers, doubles and bools that are not boxed, loop variables, and temporaries of an expression.
Future<String> numbers(int n) async {
  var i = 0, big = 1 << 62, negative = -1;
  var d = 0.5, isOdd = false;
  final bytes = Uint8List(4);
  while (i < n) {
    bytes[i & 3] = i;
    d = d * 2 + await later(i) + d;
    isOdd = !isOdd;
    big += i;
    negative *= await later(3);
    i++;
  }
  final sum = i + (await later(10)) * (isOdd ? 2 : 3) + (await plain(1));
  return '$i $big $negative $d $isOdd $sum ${bytes.toList()}';
}

Future<List<Object>> guarded(int what) async {
  final seen = <Object>[];
  var step = 0;
  try {
    step = 1;
    try {
      if (what == 0) throw 'at once';
      step = await later(2);
      if (what == 1) await fails('first');
      if (what == 2) return ['returned ${await later(step)}'];
      step = 3;
    } on StateError catch (e) {
      seen.add('caught ${e.message} at $step');
      step = await later(step + 10);
      if (what == 1) rethrow;
    } finally {
      seen.add('inner finally at $step');
      await later(null);
      seen.add('inner finally ends');
    }
    seen.add('after');
  } catch (e, s) {
    seen.add('outer $e ${s.toString().isNotEmpty}');
    await null;
    seen.add(await later('outer ends at $step'));
  } finally {
    if (what == 2) log.addAll(seen.cast());
    log.add('done $what');
  }
  return seen;
}

Future<String> jumps() async {
  final out = StringBuffer();
  outer:
  for (var i = 0; i < 4; i++) {
    for (var j = 0; ; j++) {
      try {
        if (j == 2) continue outer;
        if (i == 3) break outer;
        out.write(await later('$i$j '));
      } finally {
        out.write(await later('f'));
      }
    }
  }
  switch (await later(out.length)) {
    case 0:
      out.write('empty');
    default:
      out.write(await later(' default'));
  }
  return '$out';
}

Future<List<int>> closures() async {
  final functions = <Future<int> Function()>[];
  for (var i = 0; i < 3; i++) {
    var local = await later(i * 10);
    functions.add(() async {
      local += await later(i);
      return local;
    });
  }
  final first = [for (final f in functions) await f()];
  return first + [for (final f in functions) await f()];
}

class Box<T> {
  T value;
  Box(this.value);
  Future<Box<R>> map<R>(Future<R> Function(T) f) async {
    final own = value;
    final result = await f(own);
    return Box<R>(result);
  }

  Future<T> get asked async => await later(value);
  Future<bool> same(Object? other) async => await later(other) is Box<T>;
}

class Immediate<T> implements Future<T> {
  final T value;
  Immediate(this.value);
  Future<R> then<R>(FutureOr<R> Function(T) f, {Function? onError}) => Future.value(f(value));
  Stream<T> asStream() => throw 'no';
  Future<T> catchError(Function f, {bool Function(Object)? test}) => throw 'no';
  Future<T> timeout(Duration d, {FutureOr<T> Function()? onTimeout}) => throw 'no';
  Future<T> whenComplete(FutureOr<void> Function() f) => throw 'no';
}

// A future of the wrong type is no future of the awaited type: it is the value.
Future<Object?> checked(FutureOr<Object> what) async => await what;

Future<void> throwsBeforeSuspending() async {
  throw 'early';
}

Future<int> deep(int n) async => n == 0 ? 0 : 1 + await deep(n - 1);

// More live values than an object is allocated for inline.
Future<int> many(int s) async {
  final a = s + 1, b = a + 1, c = b + 1, d = c + 1, e = d + 1, f = e + 1, g = f + 1, h = g + 1;
  final l = [for (var i = 0; i < 8; i++) '$i$h'];
  final l0 = l[0] + l[1], l1 = l[1] + l[2], l2 = l[2] + l[3], l3 = l[3] + l[4], l4 = l[4] + l[5];
  final m0 = '$l0!', m1 = '$l1!', m2 = '$l2!', m3 = '$l3!', m4 = '$l4!', m5 = '$l0?', m6 = '$l1?';
  final x = a * 1.5, y = b * 2.5, z = c * 3.5;
  await null;
  final t = '$l0$l1$l2$l3$l4$m0$m1$m2$m3$m4$m5$m6'.length;
  return a + b + c + d + e + f + g + h + t + (x + y + z).toInt();
}

Future<void> main() async {
  log.add('main');
  final both = Future.wait([order('a'), order('b')]);
  log.add('main goes on');
  print(await both);
  print(log);
  log.clear();
  print(await numbers(0));
  print(await numbers(5));
  for (var what = 0; what < 4; what++) {
    print(await guarded(what));
  }
  print(log);
  print(await jumps());
  print(await closures());
  final box = await Box(3).map((x) async => '$x' * x);
  print([box.runtimeType, box.value, await box.asked]);
  print([await box.same(Box('')), await box.same(Box(1)), await box.same(null)]);
  print(await Immediate(7));
  print(await checked(Future<int>.value(5)));
  print((await checked(Immediate<Object?>(6))).runtimeType);
  final early = throwsBeforeSuspending();
  log.clear();
  unawaited(early.catchError((Object e) => log.add('error $e')));
  log.add('not yet');
  await null;
  await null;
  print(log);
  print(await deep(200));
  print(await many(1));
  await runZonedGuarded(() async {
    unawaited(fails('unheard'));
    await later(1);
    return later('zone done');
  }, (e, s) => print('zone got $e'))?.then(print);
  await Future.any([later(1), fails('other').then<int>((_) => 0, onError: (_) => 2)]).then(print);
  Future<int> local<T extends num>(T x) async {
    final y = await later<T>(x);
    return T == int ? y.toInt() + 1 : -1;
  }

  print([await local(4), await local<double>(4)]);
  print(local is Future<int> Function<T extends num>(T));
}
