// Reified generics: runtime types, subtype tests, bounds, covariance errors, generic methods, function types, records.
import 'dart:async';
import 'libs/show.dart';

class Box<T> {
  T value;
  Box(this.value);
  Type get type => T;
  bool holds(Object? o) => o is T;
  T cast(Object? o) => o as T;
  Box<R> map<R>(R Function(T) f) => Box<R>(f(value));
  List<T> list() => <T>[value];
  Map<T, List<T>> nested() => {value: [value]};
  void set(T v) => value = v;
  static Box<S> make<S>(S s) => Box<S>(s);
  Box<Box<T>> wrap() => Box(this);
  @override
  String toString() => 'Box<$T>($value)';
}

class Pair<A, B> {
  final A a;
  final B b;
  const Pair(this.a, this.b);
  Pair<B, A> get swapped => Pair<B, A>(b, a);
  Type get types => Pair<A, B>;
}

class IntBox extends Box<int> {
  IntBox(super.v);
}

class ListBox<E> extends Box<List<E>> {
  ListBox(super.v);
}

abstract class Animal {}

class Cat extends Animal {}

class Dog extends Animal {}

class Cage<T extends Animal> {
  final T? t;
  Cage([this.t]);
  Type get type => T;
}

class Ordered<T extends Comparable<T>> {
  final List<T> items;
  Ordered(this.items);
  T max() => items.reduce((a, b) => a.compareTo(b) > 0 ? a : b);
}

class Node<T extends Node<T>> {
  List<T> children = [];
  Type get type => T;
}

class Leaf extends Node<Leaf> {}

mixin Keyed<K, V> {
  final Map<K, V> store = {};
  Type get storeType => store.runtimeType;
}

class Registry<V> with Keyed<String, V> {}

class Factory<T> {
  final T Function() create;
  Factory(this.create);
  factory Factory.constant(T v) => Factory(() => v);
  T call() => create();
}

typedef IntTo<R> = R Function(int);
typedef Mapper<A, B> = B Function(A);
typedef Str = String;

Type typeOf<T>() => T;
bool isSame<A, B>() => A == B;
bool subtype<A, B>() => <A>[] is List<B>;
List<T> twoOf<T>(T a, T b) => [a, b];
T first<T extends Object?>(List<T> l) => l[0];
S chain<T, S>(T t, S Function(T) f) => f(t);
int count<T>(List<Object?> l) => l.whereType<T>().length;
T? castOrNull<T>(Object? o) => o is T ? o : null;
Object? deep<T>(int n) => n == 0 ? typeOf<T>() : deep<List<T>>(n - 1);

void main() {
  print([int, String, dynamic, Null, Object, double, bool, Never]);
  print([typeOf<int>(), typeOf<List<int>>(), typeOf<int?>(), typeOf<dynamic>(), typeOf<void>(), typeOf<Map<String, List<int?>>>(), typeOf<FutureOr<int>>(), typeOf<Never>(), typeOf<Object?>()]);
  print([typeOf<int Function(String, [double])>(), typeOf<void Function({required int a, String? b})>(), typeOf<T Function<T extends num>(T)>(), typeOf<(int, {String s})>(), typeOf<()>(), typeOf<Function>(), typeOf<Record>()]);
  print([typeOf<IntTo<bool>>(), typeOf<Mapper<int, Str>>(), typeOf<Str>()]);
  final values = <Object?>[1, 's', 2.5, true, null, [1], ['s'], <num>[1], <Object?>[], {1: 's'}, {1}, Box(1), Box<num>(1), IntBox(1), ListBox([1]), Pair(1, 's'), (1, 's'), (a: 1), Cat(), Cage<Cat>(), Leaf(), Registry<int>(), #s, int, DateTime];
  for (final v in values) {
    if (v is DateTime) continue;
    print(v.runtimeType);
  }
  final tests = <String, bool Function(Object?)>{
    'int': (o) => o is int,
    'num': (o) => o is num,
    'int?': (o) => o is int?,
    'Object': (o) => o is Object,
    'String': (o) => o is String,
    'Comparable': (o) => o is Comparable,
    'Comparable<num>': (o) => o is Comparable<num>,
    'List': (o) => o is List,
    'List<int>': (o) => o is List<int>,
    'List<num>': (o) => o is List<num>,
    'Iterable<Object>': (o) => o is Iterable<Object>,
    'Map<int, Object>': (o) => o is Map<int, Object>,
    'Set<num>': (o) => o is Set<num>,
    'Box': (o) => o is Box,
    'Box<int>': (o) => o is Box<int>,
    'Box<num>': (o) => o is Box<num>,
    'Box<List<num>>': (o) => o is Box<List<num>>,
    'IntBox': (o) => o is IntBox,
    'Pair<num, Object>': (o) => o is Pair<num, Object>,
    'Pair<String, int>': (o) => o is Pair<String, int>,
    '(int, String)': (o) => o is (int, String),
    '(num, Object)': (o) => o is (num, Object),
    '({int a})': (o) => o is ({int a}),
    'Record': (o) => o is Record,
    'Animal': (o) => o is Animal,
    'Cage<Dog>': (o) => o is Cage<Dog>,
    'Node<Leaf>': (o) => o is Node<Leaf>,
    'Keyed<String, int>': (o) => o is Keyed<String, int>,
    'FutureOr<int>': (o) => o is FutureOr<int>,
    'Null': (o) => o is Null,
    'Type': (o) => o is Type,
    'not int': (o) => o is! int,
  };
  for (final e in tests.entries) {
    print('${e.key}: ${values.map((v) => e.value(v) ? '1' : '0').join()}');
  }

  // Type parameters in instances and methods.
  final Box<num> box = opaque<Box<num>>(Box<int>(3));
  print('$box ${box.type} ${box.holds(1)} ${box.holds(1.5)} ${box.list().runtimeType} ${box.nested().runtimeType}');
  show('covariance', () {
    box.set(2.5);
    return box;
  });
  show('field', () => box.value = 2.5);
  show('cast', () => box.cast('s'));
  show('cast int', () => box.cast(7));
  print(box.map((x) => '$x'));
  print(box.map<Object>((x) => x).type);
  print(Box.make(2.5).wrap().runtimeType);
  print(Box<int?>(null).cast(null));
  show('null cast', () => Box<int>(1).cast(null));
  print([IntBox(1).type, ListBox<String>(['a']).type, ListBox([1]).list().runtimeType]);
  print([const Pair(1, 's').swapped.runtimeType, const Pair(1, 's').types, Pair<num, Object>(1, 2).swapped.types]);
  print([Cage().type, Cage<Cat>().type, Cage(Dog()).type, Leaf().type, Leaf().children.runtimeType]);
  show('bound', () => (Cage<Animal>() as dynamic) as Cage<Cat>);
  print([Ordered<num>(<num>[3, 9, 2]).max(), Ordered(['x', 'yy']).max(), Ordered([3, 9]).runtimeType]);
  print([Registry<int>().storeType, Registry<List<bool>>().storeType]);
  print([Factory<num>.constant(3)(), Factory(() => 's').runtimeType, Factory<num>.constant(3).runtimeType]);

  // Generic functions.
  print([twoOf(1, 2).runtimeType, twoOf(1, 2.5).runtimeType, twoOf<Object>(1, 's').runtimeType, twoOf(null, 1).runtimeType, twoOf(1, 's').runtimeType]);
  print([first([5]), first(<String?>[null]), chain(3, (int x) => '$x!'), chain<int, num>(3, (x) => x).runtimeType]);
  print([count<int>([1, 's', 2]), count<Object>([1, null]), count<String?>(['a', null, 1])]);
  print([castOrNull<int>(3), castOrNull<int>('s'), castOrNull<List<int>>(<num>[1]), castOrNull<List<num>>(<int>[1])]);
  print([isSame<int, int>(), isSame<List<int>, List<int>>(), isSame<int, int?>(), isSame<List<dynamic>, List<Object?>>()]);
  print([subtype<int, num>(), subtype<num, int>(), subtype<int, int?>(), subtype<int?, int>(), subtype<dynamic, Object?>(), subtype<Object?, dynamic>(), subtype<Null, int?>(), subtype<Never, int>(), subtype<List<int>, Iterable<num>>(), subtype<int, FutureOr<int>>(), subtype<FutureOr<int>, Object>(), subtype<FutureOr<int?>, Object>(), subtype<FutureOr<Null>, Future<Null>?>()]);
  print([subtype<int Function(num), num Function(int)>(), subtype<num Function(int), int Function(num)>(), subtype<void Function([int]), void Function()>(), subtype<void Function(), void Function([int])>(), subtype<void Function({int a, int b}), void Function({int a})>(), subtype<void Function({int a}), void Function({required int a})>(), subtype<void Function({required int a}), void Function({int a})>(), subtype<int Function(), Function>(), subtype<T Function<T>(T), Function>(), subtype<T Function<T>(T), S Function<S>(S)>(), subtype<T Function<T extends num>(T), S Function<S>(S)>(), subtype<int Function(), void Function()>()]);
  print([subtype<(int, String), (num, Object)>(), subtype<(int,), (int, int)>(), subtype<({int a}), ({num a})>(), subtype<({int a}), ({int b})>(), subtype<(int, {int x}), Record>()]);
  print(deep<int>(5));
  print([int == int, typeOf<List<int>>() == [1].runtimeType, typeOf<Box<int>>().hashCode == Box(1).runtimeType.hashCode, (int).toString()]);

  // Casts.
  show('as int', () => opaque<Object>('s') as int);
  show('as int?', () => opaque<Object?>(null) as int?);
  show('as int null', () => opaque<Object?>(null) as int);
  show('as List<int>', () => opaque<Object>(['s']) as List<int>);
  show('as function', () => opaque<Object>((int x) => x) as int Function(String));
  show('as record', () => opaque<Object>((1, 2)) as (int, String));
  show('as Box<Cat>', () => opaque<Object>(Box(Dog())) as Box<Cat>);
  show('as T', () => chain<Object, int>('s', (o) => o as int));
  show('implicit', () {
    int x = opaque<dynamic>('s');
    return x;
  });
  show('implicit list', () {
    List<int> x = opaque<dynamic>(<dynamic>[1]);
    return x;
  });
  show('argument', () => twoOf<int>(opaque<dynamic>('s'), 1));
  show('return', () => (() => opaque<dynamic>('s') as int)());
  show('bool', () => opaque<dynamic>(3) ? 1 : 2);
  show('null bool', () => opaque<dynamic>(null) ? 1 : 2);
  show('cast list', () => ['a'].cast<int>().first);
  final List<num> nums = opaque<List<num>>(<int>[1, 2]);
  show('list add', () => nums.add(2.5));
  show('list addAll', () => nums.addAll(<num>[1, 2.5]));
  show('map put', () => (opaque<Map<Object, Object>>(<String, int>{}))['x'] = 's');
  final void Function(int) f = opaque<void Function(int)>((num n) => print('num $n'));
  f(3);
  final Iterable<Object> objects = <int>[1, 2];
  print(objects.map((o) => o.runtimeType).toList());
  FutureOr<int> fo = opaque<FutureOr<int>>(5);
  print(fo is int ? fo + 1 : 'future');
  List<T> Function<T>() lists = <T>() => <T>[];
  print([lists<int>().runtimeType, lists<String?>().runtimeType]);
  Map<K, List<V>> group<K, V>(Iterable<V> vs, K Function(V) key) {
    final m = <K, List<V>>{};
    for (final v in vs) {
      (m[key(v)] ??= []).add(v);
    }
    return m;
  }

  final grouped = group([1, 2, 3, 4], (x) => x.isEven);
  print('$grouped ${grouped.runtimeType}');
  final instances = <Object>[for (var i = 0; i < 3; i++) if (i == 0) Box<int>(i) else if (i == 1) Box<String>('s') else Box<List<int>>([])];
  for (var round = 0; round < 3; round++) {
    print([for (final o in instances) '${o is Box<int>}${o is Box<Object>}${o is Box<List<num>>}']);
  }
}
