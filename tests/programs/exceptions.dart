// Exceptions: typed catch, rethrow, finally, custom classes, stack traces, messages of the core library's errors.
import 'dart:collection';
import 'libs/show.dart';

class AppError implements Exception {
  final String message;
  final int code;
  const AppError(this.message, [this.code = 0]);
  @override
  String toString() => 'AppError($message, $code)';
}

class SpecialError extends AppError {
  const SpecialError(String m) : super(m, 99);
}

class Generic<T> implements Exception {
  final T payload;
  Generic(this.payload);
}

final log = <String>[];

String classify(void Function() f) {
  try {
    f();
    return 'nothing';
  } on SpecialError catch (e) {
    return 'special ${e.code}';
  } on AppError catch (e) {
    return 'app ${e.message}';
  } on Generic<int> catch (e) {
    return 'generic int ${e.payload + 1}';
  } on Generic {
    return 'generic';
  } on String catch (s) {
    return 'string $s';
  } on FormatException {
    return 'format';
  } on Error catch (e) {
    return 'error ${e.runtimeType}';
  } catch (e) {
    return 'other $e';
  } finally {
    log.add('f');
  }
}

void rethrower(int depth) {
  try {
    if (depth == 0) throw AppError('deep');
    rethrower(depth - 1);
  } catch (e) {
    log.add('level $depth');
    rethrow;
  } finally {
    log.add('finally $depth');
  }
}

int throwsInFinally() {
  try {
    throw 'first';
  } finally {
    throw 'second';
  }
}

String throwsInCatch() {
  try {
    try {
      throw 'a';
    } catch (e) {
      throw '$e b';
    } finally {
      log.add('inner');
    }
  } catch (e) {
    return '$e c';
  }
}

int liveAcross(int n) {
  var a = n + 1, b = n * 2, c = 0;
  String s = 's$n';
  double d = n / 2;
  for (var i = 0; i < 4; i++) {
    try {
      a += i;
      if (i.isOdd) throw a;
      b += a;
      s += '.';
    } on int catch (e) {
      c += e;
      d += c;
      s += '!';
    } finally {
      b ^= c;
    }
  }
  log.add('$a $b $c $s $d');
  return a + b + c;
}

int deepThrow(int n, List<int> trail) {
  if (n == 0) throw const AppError('bottom');
  try {
    return deepThrow(n - 1, trail) + 1;
  } finally {
    if (n % 100 == 0) trail.add(n);
  }
}

int recurse(int n) => 1 + recurse(n + 1);

int depth = 0;
void overflow() {
  depth++;
  final list = [depth, depth + 1];
  overflow();
  depth += list[0] - list[0];
}

class Late {
  late final int x;
  late int y;
}

class LazyThrow {
  static int count = 0;
  static final int value = count++ < 2 ? throw AppError('init $count') : 5;
}

Never fail(String m) => throw AppError(m);

void main() {
  print(classify(() {}));
  print(classify(() => throw const SpecialError('x')));
  print(classify(() => throw const AppError('y')));
  print(classify(() => throw Generic(1)));
  print(classify(() => throw Generic('s')));
  print(classify(() => throw 'text'));
  print(classify(() => throw const FormatException('f')));
  print(classify(() => throw StateError('s')));
  print(classify(() => throw 42));
  print(classify(() => throw [1, 2]));
  print(classify(() => fail('never')));
  print(classify(() => (opaque<dynamic>(null)).x));
  print(log.length);
  log.clear();

  try {
    rethrower(2);
  } on AppError catch (e) {
    print(e);
  }
  print(log);
  log.clear();
  show('finally', throwsInFinally);
  print(throwsInCatch());
  print([liveAcross(1), liveAcross(10)]);
  print(log);
  final trail = <int>[];
  show('deep', () => deepThrow(1000, trail));
  print(trail);

  // Stack overflow is an ordinary exception, several times in one program.
  for (var i = 0; i < 3; i++) {
    try {
      if (i == 1) {
        overflow();
      } else {
        recurse(0);
      }
      print('no overflow');
    } on StackOverflowError catch (e) {
      print('$e ${i != 1 || depth > 1000}');
    }
  }
  print([1, 2, 3].map((x) => x + 1).toList());

  // Errors of the language.
  final dynamic d = opaque<dynamic>(5);
  final dynamic nothing = opaque<dynamic>(null);
  show('method', () => d.foo());
  show('method args', () => d.foo(1, 's', name: 2));
  show('getter', () => d.foo);
  show('setter', () => d.foo = 1);
  show('operator', () => d['x']);
  show('null method', () => nothing.foo(1));
  show('null getter', () => nothing.foo);
  show('null operator', () => nothing + 1);
  show('null index', () => nothing[0]);
  show('null call', () => nothing());
  show('null check', () => (opaque<int?>(null))! + 1);
  show('null field', () => opaque<AppError?>(null)!.message);
  show('argument type', () => 'x'.padLeft(opaque<dynamic>('y')));
  show('plus', () => 1 + (opaque<dynamic>('s') as dynamic));
  show('string plus', () => 's' + opaque<dynamic>(1));
  show('cast', () => opaque<Object>('s') as int);
  show('late', () => Late().y);
  final late = Late()..x = 1;
  show('late final', () => late.x = 2);
  show('lazy', () => LazyThrow.value);
  show('lazy', () => LazyThrow.value);
  show('lazy', () => LazyThrow.value);
  show('throw null', () => throw opaque<dynamic>(null));
  show('abstract', () => (opaque<dynamic>(const AppError('x'))).message.foo);

  // Errors of the core library.
  show('range', () => RangeError.range(5, 1, 3));
  for (final Object e in [
    RangeError('plain'), RangeError.value(5), RangeError.value(5, 'n', 'm'), RangeError.range(5, 1, 3, 'n', 'm'), RangeError.index(7, [1, 2], 'i'), //
    IndexError.withLength(5, 3), IndexError.withLength(-1, 3, indexable: [1], name: 'i', message: 'm'), ArgumentError('a'), ArgumentError(), ArgumentError.value(1, 'n', 'm'),
    ArgumentError.notNull('n'), StateError('s'), UnsupportedError('u'), UnimplementedError('i'), UnimplementedError(), ConcurrentModificationError([1]),
    FormatException('m'), FormatException('m', 'source', 3), FormatException('m', 'a\nbc\nd', 3), FormatException(), Exception('e'), Exception(), AssertionError('a'), AssertionError(), TypeError(),
    OutOfMemoryError(), StackOverflowError(), NoSuchMethodError.withInvocation(1, Invocation.method(#m, [1], {#n: 2})), NoSuchMethodError.withInvocation(null, Invocation.getter(#g)),
  ]) {
    print('${e.runtimeType} ${e.toString().split('\n')}');
  }
  show('elementAt', () => [1, 2].elementAt(opaque(2)));
  show('first', () => Queue<int>().first);
  show('checkNotNull', () => ArgumentError.checkNotNull(opaque<int?>(null), 'x'));
  show('checkValidIndex', () => RangeError.checkValidIndex(3, [1, 2]));
  show('checkValidRange', () => RangeError.checkValidRange(2, 1, 3));
  show('checkNotNegative', () => RangeError.checkNotNegative(-1, 'count'));
  show('int.parse', () => int.parse('x'));
  show('Uri', () => Uri.parse('http://[::1'));
  show('Duration', () => Duration(seconds: 5) ~/ opaque(0));
  show('DateTime', () => DateTime.parse('nope'));
  show('DateTime', () => DateTime.utc(2024, 2, 29).add(const Duration(days: 365)));

  // Exceptions cross library code and closures.
  show('in map', () => [1, 2, 3].map((x) => x == 2 ? throw AppError('two') : x).toList());
  show('in sort', () => [3, 1, 2]..sort((a, b) => throw AppError('compare')));
  show('in putIfAbsent', () => <int, int>{}.putIfAbsent(1, () => throw AppError('absent')));
  show('in forEach', () => {1: 2}.forEach((k, v) => throw AppError('$k $v')));
  show('in toString', () => '${_Bad()}');
  show('in ==', () => [_Bad()].contains(_Bad()));
  show('in hashCode', () => {_Bad(): 1});
  // Catch without use, nested functions, expression throw.
  final v = opaque<int?>(null) ?? (() => 7)();
  print(v);
  try {
    print(opaque<int?>(null) ?? (throw AppError('expression')));
  } on AppError {
    print('expression caught');
  }
  int tries = 0;
  while (true) {
    try {
      tries++;
      if (tries < 4) throw 'again';
      break;
    } catch (_) {
      continue;
    }
  }
  print(tries);
}

class _Bad {
  @override
  String toString() => throw AppError('toString');
  @override
  bool operator ==(Object o) => throw AppError('==');
  @override
  int get hashCode => throw AppError('hashCode');
}
