// The engine's C function takes the flags in the order of declaration, not of their names.
void main() {
  for (final regExp in [
    RegExp('a', multiLine: true),
    RegExp('a', caseSensitive: false),
    RegExp('a', unicode: true),
    RegExp('a', dotAll: true),
  ]) {
    print('${regExp.isMultiLine} ${regExp.isCaseSensitive} ${regExp.isUnicode} ${regExp.isDotAll}');
  }
}
