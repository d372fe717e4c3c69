// Compiled with assertions on.
// Flags: asserts
import 'libs/show.dart';

class Positive {
  final int value;
  Positive(this.value) : assert(value > 0, 'must be positive: $value');
}

int calls = 0;
bool check(bool result) {
  calls++;
  return result;
}

void main() {
  var on = false;
  assert(on = true);
  print(on);
  assert(check(true));
  show('plain', () {
    assert(opaque(1) == 2);
    return 'passed';
  });
  show('message', () {
    assert(opaque(1) == 2, 'one is ${opaque(1)}');
    return 'passed';
  });
  show('null message', () {
    assert(check(false), null);
    return 'passed';
  });
  show('constructor', () => Positive(opaque(-1)));
  print(Positive(opaque(3)).value);
  print(calls);
  try {
    assert(1 + opaque(1) == 3, 'arithmetic');
  } on AssertionError catch (e) {
    print(e.message);
  }
}
