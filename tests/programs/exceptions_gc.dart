// Exceptions thrown and caught while the collector runs: values that live across handlers survive and move.
import 'libs/show.dart';

class Failure {
  final List<Object?> payload;
  Failure(this.payload);
}

List<Object?> garbage(int n) => [for (var i = 0; i < n; i++) [i, '$i', i * 0.5]];

int level(int depth, List<int> carried, String text, double real) {
  final before = [depth, carried.length];
  try {
    garbage(20);
    if (depth == 0) throw Failure([text, real, carried, garbage(3)]);
    return level(depth - 1, [...carried, depth], '$text.', real + 0.25) + before[0];
  } on Failure catch (f, s) {
    garbage(10);
    if (before[0] != depth || before[1] != carried.length) throw StateError('lost');
    if (depth.isEven && depth > 0) {
      f.payload.add(depth);
      rethrow;
    }
    if (s.toString().isEmpty) throw StateError('no trace');
    throw Failure([...f.payload, -depth, carried]);
  } finally {
    garbage(5);
    if (before[0] != depth) print('lost in finally');
  }
}

int loop(int n) {
  var sum = 0;
  final kept = <String>[];
  String last = '';
  for (var i = 0; i < n; i++) {
    final text = 'item $i';
    try {
      kept.add(text);
      if (i % 3 == 0) throw [text, i];
      last = kept[i ~/ 2];
      if (i % 5 == 0) (opaque<dynamic>(text)).missing();
      if (i % 7 == 0) kept[n + i];
    } on List<Object> catch (e) {
      garbage(3);
      sum += (e[1] as int) + (e[0] as String).length + last.length;
    } on NoSuchMethodError catch (e) {
      sum += e.toString().length;
    } on RangeError {
      sum += last.length;
    } finally {
      garbage(2);
      sum = (sum * 3 + text.length + kept.last.length) & 0xffffff;
    }
  }
  return sum;
}

void main() {
  for (var round = 0; round < 20; round++) {
    try {
      print(level(12, [], 't', 0.5));
    } on Failure catch (f) {
      final p = f.payload;
      if (round % 5 == 0) print('${p[0]} ${p[1]} ${p[2]} ${(p[3] as List).length} ${p.skip(4).toList()}');
    }
  }
  print(loop(600));
  int overflow(List<int> l) => overflow([...l.take(3), l.length]) + 1;
  for (var i = 0; i < 2; i++) {
    show('overflow', () => overflow([i]));
    garbage(100);
  }
}
