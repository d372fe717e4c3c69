// Signatures keep named parameters in the order of declaration; types that are written out have them sorted.

void declared({int? b, String? a}) {}

T generic<T>({required T z, T? y, List<T>? x}) => z;

class Owner {
  void method({required int? q, String? p, List<Owner>? o}) {}
}

typedef Written = void Function({int? b, String? a});

void attempt(void Function() action) {
  try {
    action();
  } catch (error) {
    print(error);
  }
}

void main() {
  print(declared.runtimeType);
  print(generic<int>.runtimeType);
  print(Owner().method.runtimeType);
  print((({int? z, int? y}) => 1).runtimeType);
  print(Written);
  print(declared.runtimeType == Written);
  print((declared as Object) is Written);
  print(<Object>[declared].whereType<Written>().length);
  dynamic function = declared;
  attempt(() => function(c: 1));
  attempt(() => Function.apply(declared, [], {#c: 1}));
  attempt(() => function(a: 2));
  dynamic method = Owner().method;
  attempt(() => method(p: ''));
  method(p: '', q: 1);
  print(Function.apply(generic, [], {#z: 3, #x: <int>[]}));
}
