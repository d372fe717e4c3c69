// Calls of a method that is an external effect, and their arguments, are not part of the compiled program.

@pragma('external-effect')
external void effect(Object? object);

int calls = 0;

Object? called(Object? object) {
  calls += 1;
  return object;
}

void main() {
  effect(called(1));
  effect((() => called(const <int>[2]))());
  print(calls);
  called(3);
  print(calls);
}
