// Late variables of all kinds, lazy statics, instance initialisers, covariant parameters.
import 'libs/show.dart';

int runs = 0;
int init(String name, [int value = 1]) {
  print('  init $name');
  runs++;
  return value;
}

int plainStatic = init('plainStatic', 10);
final int finalStatic = init('finalStatic', 20);
late int lateStatic;
late final int lateFinalStatic;
late int lateInitStatic = init('lateInitStatic', 30);
late final int lateFinalInitStatic = init('lateFinalInitStatic', 40);
int? nullStatic;
const constStatic = 3;
int uninitialised = 0;

int cycleA = cycleB + 1;
int cycleB = cycleA + 1;
int failing = throw init('failing', 50);
int attempts = 0;
int failsOnce = attempts++ == 0 ? throw 'first attempt' : 77;

class Fields {
  late int a;
  late final int b;
  late int c = init('c', 3);
  late final int d = init('d', 4);
  late final List<int> e = [a, init('e', 5)];
  late int? f;
  late final int? g = null;
  late int self = this.hashCode == 0 ? 0 : 6;
  static late int s;
  static late final String t = 't${init('t', 7)}';
  static final int u = init('u', 8);
  int normal = init('normal', 9);
  final int? maybe = init('maybe', 10);
}

class FieldUser extends Fields {
  @override
  late int c = super.c + 100;
  @override
  int get normal => super.normal + 1000;
}

class Animal {
  void meet(covariant Animal other) => print('animal meets $other');
  covariant Animal? friend;
  @override
  String toString() => 'animal';
}

class Cat extends Animal {
  @override
  void meet(Cat other) => print('cat meets $other');
  @override
  Cat? get friend => super.friend as Cat?;
  @override
  set friend(covariant Cat? value) => super.friend = value;
  @override
  String toString() => 'cat';
}

void main() {
  print('start');
  print(plainStatic);
  plainStatic = 11;
  print(plainStatic);
  print(finalStatic + finalStatic);
  show('lateStatic', () => lateStatic);
  lateStatic = 1;
  lateStatic = 2;
  show('lateStatic', () => lateStatic);
  show('lateFinalStatic', () => lateFinalStatic);
  lateFinalStatic = 3;
  show('again', () => lateFinalStatic = 4);
  show('lateFinalStatic', () => lateFinalStatic);
  lateInitStatic = 31;
  print(lateInitStatic);
  print(lateFinalInitStatic + lateFinalInitStatic);
  print(nullStatic);
  nullStatic ??= 5;
  print(nullStatic! + constStatic + uninitialised);
  show('cycle', () => cycleA);
  show('failing', () => failing);
  show('failing', () => failing);
  show('failsOnce', () => failsOnce);
  show('failsOnce', () => failsOnce);

  final f = Fields();
  show('a', () => f.a);
  f.a = 1;
  f.a += 1;
  print(f.a);
  show('b', () => f.b);
  f.b = 2;
  show('b', () => f.b = 3);
  print(f.b);
  print(f.c + f.c);
  f.c = 33;
  print(f.c);
  final other = Fields();
  other.c = 34;
  print(other.c);
  print(f.d + f.d);
  show('d', () => (f as dynamic).d = 1);
  print(f.e);
  show('f', () => f.f);
  f.f = null;
  print(f.f);
  print(f.g);
  print(f.self);
  show('s', () => Fields.s);
  Fields.s = 4;
  print(Fields.s);
  print(Fields.t + Fields.t);
  print(Fields.u);
  print('${f.normal} ${f.maybe}');
  final user = FieldUser();
  print(user.c);
  user.c = 5;
  print('${user.c} ${user.normal}');
  user.normal = 1;
  print(user.normal);

  late int local;
  if (opaque(true)) local = 5;
  print(local);
  late final int lazy = init('lazy local', 6);
  print('before');
  print(lazy + lazy);
  late int unset;
  show('unset', () {
    if (opaque(false)) unset = 1;
    return unset;
  });
  late final int once;
  void assign(int v) => once = v;
  assign(1);
  show('twice', () => assign(2));
  print(once);
  late String Function() self;
  self = () => self.hashCode == self.hashCode ? 'self' : 'other';
  print(self());
  show('throwing', () {
    late final int t = throw 'in initialiser';
    return t;
  });

  Animal animal = Animal(), cat = Cat();
  animal.meet(cat);
  cat.meet(Cat());
  show('covariant', () {
    cat.meet(animal);
    return 'met';
  });
  show('setter', () => cat.friend = animal);
  cat.friend = Cat();
  print(cat.friend);
  animal.friend = animal;
  print(animal.friend);
  print(runs);
}
