// A generator that fails after its resumption has a line.
Iterable<int> numbers() sync* {
  yield 1;
  throw StateError('no more');
}

void main() {
  for (final number in numbers()) {
    print(number);
  }
}
