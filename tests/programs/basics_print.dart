// print of constants only: no closures, no interpolation.
void main() {
  print('one line');
  print('');
  print('two\nlines');
  print(1);
  print(-7);
  print(true);
  print(false);
  print(null);
  print(1.5);
  print('caf\u00e9 \u4f60\u597d \u{1f600}');
}
