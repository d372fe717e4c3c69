// A static variable whose initialiser throws.
final Map<String, int> table = build();

@pragma('vm:never-inline')
Map<String, int> build() {
  final result = <String, int>{};
  for (final line in ['a=1', 'b=2', 'c=x']) {
    final parts = line.split('=');
    result[parts[0]] = convert(parts[1]);
  }
  return result;
}

@pragma('vm:never-inline')
int convert(String s) => int.tryParse(s) ?? (throw FormatException('not a number', s));

void main() {
  print('start');
  print(table);
}
