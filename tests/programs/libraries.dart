// Several libraries: prefixes, show and hide, private names, exported names, lazily initialised statics.
import 'libs/privacy_a.dart' as a show BaseA, topOfA, counter, dynamicWhere;
import 'libs/privacy_b.dart' hide topOfB;
import 'libs/privacy_b.dart' as deferred_like show topOfB;
import 'dart:math' show max, Point, Rectangle;
import 'dart:math' as math;
import 'dart:collection';

class _Hidden extends a.BaseA {
  // Not an override: the name is private to this library.
  // ignore: unused_element
  String _where() => 'main._where';
}

extension on a.BaseA {
  String get shout => nameOfA.toUpperCase();
}

void main() {
  print([a.topOfA(), deferred_like.topOfB(), a.counter, counter]);
  print([_Hidden().callWhere(), MiddleB().callWhereOfB(), a.dynamicWhere(_Hidden())]);
  a.counter += counter;
  print([a.counter, counter]);
  print([max(1, 2), math.min(1, 2), Point(1, 2) + Point(3, 4), Rectangle(0, 0, 2, 3).intersects(Rectangle(1, 1, 5, 5))]);
  print(MiddleB().shout);
  print(UnmodifiableListView([1, 2]));
  print('$main'.startsWith("Closure: () => void from Function 'main'"));
}
