/// Imported deferred.
library;

int value = 3;

int answer() => 42;

class Named {
  final String name;
  const Named(this.name);
}
