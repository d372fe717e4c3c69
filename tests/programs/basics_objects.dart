// Objects, fields, virtual calls, lists, maps, strings: each in its plainest form.
class Point {
  int x, y;
  Point(this.x, this.y);
  int dot(Point other) => x * other.x + y * other.y;
  Point operator +(Point other) => Point(x + other.x, y + other.y);
  @override
  String toString() => 'Point(' + x.toString() + ', ' + y.toString() + ')';
}

abstract class Shape {
  double area();
  String name() => 'shape';
}

class Square extends Shape {
  final double side;
  Square(this.side);
  @override
  double area() => side * side;
  @override
  String name() => 'square';
}

class Disc extends Shape {
  final double radius;
  Disc(this.radius);
  @override
  double area() => 3 * radius * radius;
}

class Node {
  final int value;
  Node? next;
  Node(this.value, this.next);
}

void main() {
  final p = Point(3, 4);
  final q = Point(-1, 2);
  print(p.dot(q));
  print((p + q).toString());
  print(p + q);
  p.x = 100;
  p.y += 5;
  print(p);

  final shapes = <Shape>[Square(2.0), Disc(1.5), Square(3.0)];
  double total = 0;
  for (final shape in shapes) {
    print(shape.name());
    total += shape.area();
  }
  print(total);

  Node? list;
  for (var i = 0; i < 5; i++) {
    list = Node(i * i, list);
  }
  for (var n = list; n != null; n = n.next) {
    print(n.value);
  }

  final numbers = <int>[5, 3, 8];
  numbers.add(1);
  numbers[0] = 7;
  print(numbers);
  print(numbers.length);
  final map = <String, int>{};
  map['one'] = 1;
  map['two'] = 2;
  map['three'] = 3;
  map['two'] = 22;
  print(map);
  print(map['two']);
  print(map['four']);
  final name = 'world';
  print('hello $name ${map.length + 1}');
  final Object o = q;
  if (o is Point) print(o.y);
  print(o is Shape);
}
