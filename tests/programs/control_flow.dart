// Loops, labels, switch statements, finally blocks crossed by every kind of jump, order of evaluation.
import 'libs/show.dart';

void log(Object? value) => print('  $value');
int traced(String name, int value) {
  print('  eval $name');
  return value;
}

void loops() {
  print('loops');
  for (var i = 0; i < 3; i++) {
    log('for $i');
  }
  var w = 3;
  while (w > 0) {
    if (w-- == 2) continue;
    log('while $w');
  }
  var d = 0;
  do {
    d++;
    if (d == 2) continue;
    if (d == 4) break;
    log('do $d');
  } while (d < 10);
  for (;;) {
    if (++d > 6) break;
  }
  log(d);
  for (var i = 0, j = 10; i < j; i += 3, j--) {
    log('$i $j');
  }
  for (final x in [1, 2, 3]) {
    if (x == 2) continue;
    log('in $x');
  }
  int y;
  for (y in [7, 8]) {}
  // ignore: dead_code
  log(y = 5);
  while (opaque(true)) {
    while (opaque(true)) {
      break;
    }
    break;
  }
  for (var i = 0; i < 0; i++) {
    log('never');
  }
}

void labels() {
  print('labels');
  outer:
  for (var i = 0; i < 4; i++) {
    for (var j = 0; j < 4; j++) {
      if (j == 2) continue outer;
      if (i == 2) break outer;
      log('$i $j');
    }
  }
  block:
  {
    log('in block');
    if (opaque(true)) break block;
    log('never');
  }
  a:
  do {
    b:
    while (true) {
      for (final x in [1, 2]) {
        if (x == 1) continue;
        if (opaque(x) == 2) break b;
      }
    }
    log('after b');
    continue a;
  } while (opaque(false));
}

String switchInt(int x) {
  switch (x) {
    case 0:
      return 'zero';
    case 1:
    case 2:
      return 'one or two';
    case -5:
      return 'minus five';
    case 0x7fffffffffffffff:
      return 'max';
    default:
      return 'other';
  }
}

String switchString(String s) {
  var result = '';
  switch (s) {
    case 'a':
      result += 'A';
      continue shared;
    case 'b':
      result += 'B';
      break;
    shared:
    case 'c':
      result += 'C';
      continue again;
    again:
    case 'd':
      result += 'D';
    default:
      result += '?';
  }
  return result;
}

enum Color { red, green, blue }

int switchEnum(Color c) => switch (c) { Color.red => 1, Color.green => 2, Color.blue => 3 };

int switchMachine(List<int> input) {
  var steps = 0, i = 0;
  switch (input[i]) {
    start:
    case 0:
      steps++;
      if (++i < input.length) {
        if (input[i] == 0) continue start;
        continue middle;
      }
      break;
    middle:
    case 1:
      steps += 10;
      if (++i < input.length && input[i] == 0) continue start;
      if (i < input.length) continue end;
      break;
    end:
    case 2:
      steps += 100;
  }
  return steps;
}

class Key {
  final int id;
  const Key(this.id);
}

String switchConst(Object o) {
  switch (o) {
    case const Key(1):
      return 'key 1';
    case const Key(2):
      return 'key 2';
    case 3:
      return 'three';
    case 'four':
      return 'string four';
    case null:
      return 'null';
    case true:
      return 'yes';
    case 2.5:
      return 'two and a half';
  }
  return 'none';
}

int returnThroughFinally(int n) {
  try {
    try {
      if (n == 0) return 0;
      if (n == 1) throw 'one';
      log('body $n');
    } finally {
      log('inner finally $n');
      if (n == 2) return 22;
    }
  } on String catch (e) {
    log('caught $e');
    return 11;
  } finally {
    log('outer finally $n');
    if (n == 3) {
      // ignore: control_flow_in_finally
      return 33;
    }
  }
  return n;
}

int value = 1;
int returnedBeforeFinally() {
  try {
    return value;
  } finally {
    value = 100;
  }
}

void jumpsThroughFinally() {
  print('finally');
  for (var i = 0; i < 5; i++) {
    try {
      try {
        if (i == 1) continue;
        if (i == 3) break;
        log('body $i');
      } finally {
        log('first $i');
      }
    } finally {
      log('second $i');
    }
  }
  outer:
  for (var i = 0; i < 3; i++) {
    try {
      for (var j = 0; j < 3; j++) {
        try {
          if (j == 1) continue outer;
          if (i == 2) break outer;
          log('body $i $j');
        } finally {
          log('inner $i $j');
        }
      }
    } finally {
      log('outer $i');
    }
  }
  for (var i = 0; i < 4; i++) {
    try {
      throw i;
    } catch (e) {
      if (i == 1) continue;
      if (i == 3) break;
      log('caught $e');
    } finally {
      log('finally $i');
      // A jump out of finally discards the exception.
      for (var k = 0; k < 2; k++) {
        try {
          throw 'lost';
        } catch (_) {
          continue;
        } finally {
          // ignore: control_flow_in_finally
          if (k == 0) continue;
          log('k $k');
        }
      }
    }
  }
  swallow:
  do {
    try {
      throw 'swallowed';
    } finally {
      // ignore: control_flow_in_finally
      break swallow;
    }
  } while (true);
}

bool truth(String name, bool value) {
  print('  test $name');
  return value;
}

void conditions() {
  print('conditions');
  log(truth('a', true) && truth('b', false) || truth('c', true));
  log(truth('d', false) && truth('e', true));
  log(truth('f', true) || truth('g', true));
  log(!truth('h', false));
  log(truth('i', true) ? truth('j', false) ? 1 : 2 : 3);
  int? n = opaque<int?>(null);
  log(n ?? traced('fallback', 4));
  n ??= traced('assign', 5);
  n ??= traced('never', 6);
  log(n);
  log(n.isOdd && n > 3);
}

void evaluationOrder() {
  print('order');
  log(traced('l', 1) + traced('r', 2) * traced('s', 3));
  f(int a, {int? b, int? c, int? d}) => '$a $b $c $d';
  log(f(c: traced('c', 1), traced('a', 2), b: traced('b', 3)));
  final list = [0, 0, 0];
  list[traced('index', 1)] = traced('value', 9);
  list[traced('index', 1)] += traced('delta', 1);
  log(list);
  log({traced('k1', 1): traced('v1', 2), traced('k2', 3): traced('v2', 4)});
  log([traced('e1', 1), traced('e2', 2)]);
  log((x: traced('x', 1), traced('first', 2), y: traced('y', 3)));
  var i = 0;
  log([i++, ++i, i--, --i, i]);
  var x = 1;
  x += x++ + ++x;
  log(x);
  log('${traced('s1', 1)} and ${traced('s2', 2)}');
}

int nestedFinally(int depth) {
  var result = 0;
  try {
    try {
      try {
        if (depth == 0) throw 'x';
        result += 1;
        if (depth == 1) return result;
      } finally {
        result += 10;
        if (depth == 2) throw 'y';
      }
    } finally {
      result += 100;
    }
  } catch (e) {
    result += e == 'x' ? 1000 : 2000;
  } finally {
    result += 10000;
  }
  return result;
}

void main() {
  loops();
  labels();
  print([for (final x in [0, 1, 2, 3, -5, 0x7fffffffffffffff]) switchInt(x)]);
  print([for (final x in ['a', 'b', 'c', 'd', 'e']) switchString(x)]);
  print(Color.values.map(switchEnum).toList());
  print([for (final x in [[0], [0, 0, 0], [0, 1, 0], [1], [1, 2], [2], [3], [0, 1, 2]]) switchMachine(x)]);
  print([for (final x in [const Key(1), const Key(2), Key(3), 3, 'four', true, 2.5, 'x']) switchConst(x)]);
  for (var n = 0; n < 5; n++) {
    log('result ${returnThroughFinally(n)}');
  }
  print(returnedBeforeFinally());
  print(value);
  jumpsThroughFinally();
  print([for (var n = 0; n < 4; n++) nestedFinally(n)]);
  conditions();
  evaluationOrder();
  // A loop whose variables live across calls, in many registers.
  int a = 1, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8;
  for (var i = 0; i < 10; i++) {
    a += opaque(b);
    b ^= opaque(c);
    c += d - e;
    d = opaque(a) & 0xffff;
    e += f;
    f = g ^ i;
    g += h;
    h = opaque(h) + 1;
  }
  print([a, b, c, d, e, f, g, h]);
  var p = 0.5, q = 1.5;
  for (var i = 0; i < 10; i++) {
    final t = p;
    p = q * opaque(0.75);
    q = t + i;
  }
  print('$p $q');
  assert(false, 'assertions are off');
  print('end');
}
