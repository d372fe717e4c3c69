// Constants of every kind: nested, generic, canonical, in defaults, in annotations of switches, tear-offs, symbols, types.
import 'libs/show.dart';

class Node<T> {
  final T value;
  final List<Node<T>> children;
  final Map<String, Object?> extra;
  const Node(this.value, [this.children = const [], this.extra = const {}]);
  const Node.leaf(T value) : this(value, const []);
  static const empty = Node<Never?>(null);
}

class Callback {
  final int Function(int) f;
  final String name;
  const Callback(this.f, {this.name = 'none'});
}

enum Level {
  low(1, Node('l')),
  high(2, Node('h', [Node.leaf('x')]));

  final int rank;
  final Node<String> node;
  const Level(this.rank, this.node);
}

int increment(int x) => x + 1;
T same<T>(T x) => x;

const tree = Node(1, [Node(2), Node(3, [Node(4)])], {'k': [1, 2.5, null, #sym, int, increment]});
const callback = Callback(increment, name: 'inc');
const generic = Callback(same, name: 'same');
const int Function(int) instantiated = same;
const constructor = Node<int>.new;
const leafOf = Node<String>.leaf;
const a = 7, b = a * 6, c = 'b is $b', d = b > 40 ? 'large' : 'small', e = a == 7 && b != 0, f = a ~/ 2 + a % 4 - -a, g = 'x' 'y', h = c.length;
const double third = 1 / 3, tiny = 5e-324, inf = 1 / 0;
const bits = (0xff & ~0xf) | 1 << 4 ^ 3 | (-1 >>> 60) | -256 >> 4;
const list = [...[1, 2], if (a > 5) 3, if (a < 5) 4 else 5, if (a == 7) 6];
const set = {...{1, 2}, 3};
const map = {...{'a': 1}, if (e) 'b': 2};
const strings = ['', 'a', '\u00ff', '\u4f60', '\u{1f600}', 'line\n', r'\$'];
const ints = [0, -1, 0x3fffffffffffffff, 0x4000000000000000, 0x7fffffffffffffff, -0x8000000000000000];
const records = [(1, 'a'), (x: 1.5, y: null), (), (1, (2, z: [3]))];
typedef Fn = int Function(String, {required bool x});
typedef Poly = T Function<T extends num>(T);
typedef Rec = (int, {String s});
typedef Nothing = void;
const types = [int, List<int>, Map<String, List<Object?>>, Node<int>, Fn, Poly, Rec, dynamic, Nothing, Never];
const symbols = [#a, #b.c, #+, #[]=, Symbol('d')];
const Object asObject = 3;
const int cast = asObject as int;
const isInt = asObject is int;
const long = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

String defaults([List<int> l = const [1, 2], Map<int, String> m = const {1: 'x'}, Node<int> n = const Node(9), int Function(int) f = increment, Level level = Level.high]) =>
    '$l $m ${n.value} ${f(1)} $level';

void main() {
  print([tree.value, tree.children.length, tree.children[1].children[0].value, tree.extra]);
  print([callback.f(1), callback.name, generic.f(5), instantiated(6), constructor(7).value, leafOf('l').value]);
  print([a, b, c, d, e, f, g, h, third, tiny, inf, bits, cast, isInt]);
  print([list, set, map, strings, ints, records, types, symbols, long.length]);
  print(defaults());
  print(defaults(const [3], const {}, tree, (x) => x * 10, Level.low));
  print([for (final l in Level.values) '${l.rank} ${l.node.value} ${l.node.children.map((n) => n.value)}']);
  // Canonicalisation.
  print([
    identical(const Node(1), const Node(1)), identical(const Node<num>(1), const Node<int>(1)), identical(Node.empty, const Node<Never?>(null)), //
    identical(const [1], const [1]), identical(const <num>[1], const [1]), identical(const {'a': 1}, const {'a': 1}), identical(const (1, 2), const (1, 2)),
    identical(const Callback(increment, name: 'inc'), callback), identical(increment, callback.f), identical(instantiated, same<int>), identical(#a, const Symbol('a')),
    identical(1.5, 3 / 2), identical('x' 'y', g), identical(tree.children[0], const Node(2)), identical(types[1], opaque(<Type>[List<int>])[0]),
  ]);
  print([tree.runtimeType, Node.empty.runtimeType, list.runtimeType, map.runtimeType, set.runtimeType, const <int?>[].runtimeType, const {}.runtimeType]);
  show('add', () => opaque<List<int>>(list)..add(1));
  show('put', () => (opaque(map))['x'] = 1);
  show('remove', () => (opaque(set)).remove(1));
  show('child', () => opaque(tree).children.add(const Node(1)));
  print(opaque(tree).children is List<Node<num>>);
  print([for (final t in types) opaque<Object>(3).runtimeType == t]);
  for (final x in [1, 2.5, 'a', null, #a, Level.low, int]) {
    print(switch (x) { 1 => 'one', 2.5 => 'two and a half', 'a' => 'letter', null => 'nothing', #a => 'symbol', Level.low => 'low', int => 'type', _ => '?' });
  }
  print(switch (opaque(12)) { 0 => 'a', 1 => 'b', 2 => 'c', 3 => 'd', 4 => 'e', 10 => 'f', 11 => 'g', 12 => 'h', 13 => 'i', _ => 'j' });
}
