/// What the test programs share: printing results, and hiding values from the optimiser.
library;

final List<Object?> _cell = [null];

/// Returns [value] through the heap, so that no compiler can know it.
@pragma('vm:never-inline')
T opaque<T>(T value) {
  _cell[0] = value;
  return _cell[0] as T;
}

/// The class and the message of an exception in one line.
String describe(Object error) => '${error.runtimeType}: $error'.split('\n').join(' | ');

/// Prints what [body] returns or throws.
void show(String label, Object? Function() body) {
  String text;
  try {
    text = '${body()}';
  } catch (error) {
    text = 'threw ${describe(error)}';
  }
  print('$label = $text');
}

/// The frames of [trace] that lie in program files: function, file name and line.
List<String> userFrames(StackTrace trace) {
  final frames = <String>[];
  for (final line in trace.toString().split('\n')) {
    final open = line.indexOf('(file://');
    if (!line.startsWith('#') || open < 0) continue;
    final name = line.substring(line.indexOf(' '), open).trim();
    final file = line.substring(line.lastIndexOf('/') + 1, line.length - 1);
    if (!file.startsWith('show.dart')) frames.add('$name ($file)');
  }
  return frames;
}

/// What a range error says, except for the largest good value, which can be a matter of the target's word size.
Object? withoutLimit(Object? Function() f) {
  try {
    return f();
  } on RangeError catch (e) {
    return '${e.name} is ${e.invalidValue}, at least ${e.start}';
  }
}
