// An Error from a constructor, below an extension, a mixin, an operator, a factory, a getter and a setter.
class Base {
  final int value;
  Base(int v) : value = check(v);

  @pragma('vm:never-inline')
  static int check(int v) => v < 0 ? throw ArgumentError.value(v, 'v', 'must not be negative') : v;
}

mixin Doubling on Base {
  @pragma('vm:never-inline')
  Base operator *(int k) => Derived.scaled(value, k);
}

class Derived extends Base with Doubling {
  Derived(super.v);

  @pragma('vm:never-inline')
  factory Derived.scaled(int v, int k) => Derived(v * k);

  @pragma('vm:never-inline')
  Base get negative => this * -2;

  @pragma('vm:never-inline')
  set scale(int k) {
    negative;
  }
}

extension on Derived {
  @pragma('vm:never-inline')
  void rescale() {
    scale = 3;
  }
}

void main(List<String> args) {
  Derived(args.length + 5).rescale();
}
