// Stack traces of caught exceptions: functions and lines of the program's own frames.
import 'libs/show.dart';

@pragma('vm:never-inline')
void thrower(String what) {
  throw what;
}

@pragma('vm:never-inline')
void middle(String what) {
  thrower(what);
}

class Machine {
  final String name;
  Machine(this.name);
  Machine.broken() : name = _fail('constructor');
  factory Machine.factory() => Machine(_fail('factory'));
  static String _fail(String what) {
    middle(what);
    return what;
  }

  void method() => middle('method');
  void named() => middle('method of $name');
  int get getter {
    middle('getter');
    return 1;
  }

  set setter(int v) {
    middle('setter');
  }

  Machine operator +(Machine other) {
    middle('operator');
    return this;
  }

  void generic<T>(T x) {
    void local() {
      middle('local in generic');
    }

    local();
  }
}

mixin Mixed {
  void mixed() {
    middle('mixin');
  }
}

class WithMixed with Mixed {}

extension Ext on int {
  void extended() {
    middle('extension');
  }
}

@pragma('vm:never-inline')
void rethrows() {
  try {
    middle('rethrown');
  } catch (_) {
    rethrow;
  }
}

@pragma('vm:never-inline')
void throwsAgain() {
  try {
    middle('original');
  } catch (e) {
    throw 'replaced';
  }
}

@pragma('vm:never-inline')
void keepsTrace() {
  StackTrace? kept;
  try {
    middle('kept');
  } catch (_, s) {
    kept = s;
  }
  Error.throwWithStackTrace('with kept trace', kept!);
}

@pragma('vm:never-inline')
void throughFinally() {
  try {
    middle('finally');
  } finally {
    print('in finally');
  }
}

@pragma('vm:never-inline')
void recursive(int n) {
  if (n == 0) middle('recursive');
  recursive(n - 1);
}

@pragma('vm:never-inline')
void castFails(Object o) {
  print(o as int);
}

@pragma('vm:never-inline')
void dynamicFails(dynamic d) {
  print(d.unknown());
}

@pragma('vm:never-inline')
void multiLine(int a, int b) {
  print(
    a +
        b +
        inner(
          a,
        ),
  );
}

@pragma('vm:never-inline')
int inner(int x) {
  throw 'multi-line $x';
}

void trace(String label, void Function() body) {
  try {
    body();
    print('$label: nothing thrown');
  } catch (e, s) {
    print('$label: $e');
    for (final frame in userFrames(s)) {
      print('    $frame');
    }
  }
}

void main() {
  trace('plain', () => middle('plain'));
  trace('method', () {
    Machine('m').method();
  });
  trace('getter', () => Machine('m').getter);
  trace('setter', () => Machine('m').setter = 1);
  trace('operator', () => Machine('m') + Machine('n'));
  trace('constructor', () => Machine.broken());
  trace('factory', () {
    Machine.factory();
  });
  trace('generic', () => Machine('m').generic<int>(1));
  trace('mixin', () => WithMixed().mixed());
  trace('extension', () => 3.extended());
  trace('rethrow', rethrows);
  trace('again', throwsAgain);
  trace('kept', keepsTrace);
  trace('finally', throughFinally);
  trace('recursive', () => recursive(3));
  trace('cast', () => castFails('s'));
  trace('dynamic', () => dynamicFails(1));
  trace('lines', () => multiLine(1, 2));
  trace('tear-off', Machine('m').named);
  trace('static tear-off', rethrows);
  trace('anonymous', () {
    final f = () {
      final g = () => middle('nested');
      g();
    };
    f();
  });
  trace('named local', () {
    void outer() {
      void innermost() => middle('innermost');
      innermost();
    }

    outer();
  });
  trace('map', () => [1].map((x) => x == 1 ? middle('in map') : null).toList());
  trace('error object', () {
    final e = StateError('state');
    throw e;
  });
  // An error remembers where it was thrown.
  final error = StateError('remembered');
  print(error.stackTrace == null);
  trace('first throw', () => throw error);
  print(error.stackTrace != null);
  print(userFrames(StackTrace.current));
  // ignore: prefer_function_declarations_over_variables
  final current = () => StackTrace.current;
  print(userFrames(current()));
}
