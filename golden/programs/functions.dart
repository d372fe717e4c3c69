// Functions whose intermediate form is recorded: one for each family of constructs.

@pragma('vm:never-inline')
int sumTo(int n) {
  var sum = 0;
  for (var i = 1; i <= n; i++) {
    if (i % 3 == 0) continue;
    sum += i;
  }
  return sum;
}

@pragma('vm:never-inline')
double mean(List<double> values) {
  var total = 0.0;
  for (final value in values) {
    total += value;
  }
  return total / values.length;
}

@pragma('vm:never-inline')
String describe(Object? value) => switch (value) {
      null => 'nothing',
      int() when value < 0 => 'negative',
      int() || double() => 'number $value',
      (int a, named: String b) => 'record $a $b',
      [_, ...] => 'list',
      _ => 'something',
    };

@pragma('vm:never-inline')
int guarded(int Function() action, List<String> log) {
  try {
    return action();
  } on StateError catch (error, trace) {
    log.add('${error.message} ${trace.toString().isEmpty}');
    rethrow;
  } finally {
    log.add('done');
  }
}

abstract class Shape {
  double get area;
  late final String label = 'area $area';
}

class Square extends Shape {
  Square(this.side);
  final double side;
  @override
  double get area => side * side;
}

@pragma('vm:never-inline')
List<String> labels(Iterable<Shape> shapes, {int limit = 10}) => [
      for (final shape in shapes.take(limit))
        if (shape.area > 1) shape.label
    ];

@pragma('vm:never-inline')
int Function() counter(int start) {
  var next = start;
  return () => next++;
}

class Box<T extends Comparable<T>> {
  Box(this.value);
  T value;
  T largest(T other) => value.compareTo(other) >= 0 ? value : other;
  R map<R>(R Function(T) convert) => convert(value);
}

@pragma('vm:never-inline')
Future<int> later(Future<int> input) async {
  try {
    return await input + 1;
  } on FormatException {
    return -1;
  }
}

@pragma('vm:never-inline')
Iterable<int> countdown(int from) sync* {
  for (var i = from; i > 0; i--) {
    yield i;
  }
  yield* const [0];
}

@pragma('vm:never-inline')
dynamic invoke(dynamic target, Object argument) => target.call(argument, named: 1);

@pragma('vm:never-inline')
bool callable(Object? value) =>
    value is void Function(dynamic, {int? named}) || value is T Function<T extends num>(List<T>, [String]);

Future<void> main(List<String> arguments) async {
  final n = arguments.length;
  final log = <String>[];
  print(sumTo(n));
  print(mean([1.5, n.toDouble()]));
  print(describe(n == 0 ? null : (n, named: 'x')));
  try {
    print(guarded(() => n == 0 ? throw StateError('none') : n, log));
  } on StateError {
    print(log);
  }
  print(labels([Square(n + 2.0)], limit: n + 1));
  print(counter(n)());
  final box = Box<num>(n);
  print(box.largest(3));
  print(box.map((value) => '$value'));
  print(await later(Future.value(n)));
  print(countdown(n));
  print(callable(n == 0 ? null : print));
  print(invoke((Object o, {int named = 0}) => '$o $named', n));
}
