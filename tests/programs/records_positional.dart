// A program in which no record has named fields.
(int, Object) pair(int n) => (n, n.isEven ? 'even' : (n * 0.5,));

void main() {
  print([for (var i = 0; i < 3; i++) pair(i)]);
  print(['a', 'b'].indexed.toList());
  print(pair(4) == pair(4));
  print(pair(4).hashCode == pair(4).hashCode);
  dynamic record = pair(5);
  print(record.$2.$1 + record.$1);
  try {
    record.name;
  } on NoSuchMethodError catch (e) {
    print('$e'.contains('name'));
  }
  print(record.runtimeType);
}
