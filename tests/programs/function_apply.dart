// `Function.apply` of generic functions: the engine instantiates their type parameters to bounds.
import 'libs/show.dart';

Type unbounded<T>(T a, [T? b]) => T;
Type bounded<T extends num>(T a) => T;
Type named<T extends Object, U extends List<T>>(T a, {U? b}) => U;

class Box<E> {
  Type method<T>(T a) => T;
  Type bounded<T extends E>(T a) => T;
  List<Type> both<T extends List<E>>(T a) => [T, E];
}

void main() {
  print(Function.apply(unbounded, [1]));
  print(Function.apply(bounded, [1]));
  print(Function.apply(named, [1], {#b: <Object>[]}));
  final box = Box<int>();
  print(Function.apply(box.method, [1]));
  print(Function.apply(box.bounded, [1]));
  print(Function.apply(box.both, [<int>[]]));
  print(Function.apply(Box<String>.new, []).runtimeType);
  print(Function.apply(Box.new, []).runtimeType);
  void inner<A, B extends Map<int, A>>() {
    Type local<T extends B>(T? a) => T;
    print(Function.apply(local, [null]));
    int plain(A a) => 1;
    print(Function.apply(plain, [null as A]));
  }

  inner<String?, Map<int, String?>>();
  Function.apply(inner, []);
  Type Function(int) instantiated = unbounded;
  print(Function.apply(instantiated, [3]));
  show('bound', () => Function.apply(bounded, ['']));
  show('bound of class', () => Function.apply(box.bounded, ['']));
  show('arguments', () => Function.apply(unbounded, []));
  show('names', () => Function.apply(named, [1], {#c: 2}));
}
