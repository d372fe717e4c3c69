// Regular expressions.
import 'libs/show.dart';

void main() {
  final word = RegExp(r'(\w+)@(\w+)\.(com|org)');
  const text = 'mail ann@site.com or bob@place.org, not @x.com';
  for (final m in word.allMatches(text)) {
    print('${m.start}-${m.end} ${m[0]} ${m.group(1)} ${m.groups([2, 3])} ${m.groupCount}');
  }
  print(word.hasMatch('none'));
  print(word.firstMatch(text)!.input == text);
  print(word.stringMatch(text));
  print(text.replaceAll(word, '*'));
  print(text.replaceAllMapped(RegExp(r'\b\w'), (m) => m[0]!.toUpperCase()));
  print(text.split(RegExp(r'\s+|,')));
  print('a1b22c333'.replaceAllMapped(RegExp(r'\d+'), (m) => '<${int.parse(m[0]!) + 1}>'));
  print(RegExp(r'^\d+$', multiLine: true).allMatches('1\n22\nx\n4').map((m) => m[0]).toList());
  print(RegExp('HELLO', caseSensitive: false).hasMatch('say hello'));
  final named = RegExp(r'(?<year>\d{4})-(?<month>\d\d)').firstMatch('on 2024-05-06')!;
  print('${named.namedGroup('year')} ${named.namedGroup('month')} ${named.groupNames.toList()}');
  show('unknown group', () => named.namedGroup('day'));
  show('bad group', () => named.group(7));
  show('syntax', () => RegExp(opaque('(')));
  print(RegExp(r'(a)|(b)').firstMatch('b')!.groups([0, 1, 2]));
  print(RegExp(r'(?<=\$)\d+').stringMatch(r'cost $42'));
  print(RegExp(r'(\w)\1').allMatches('aabbcd').map((m) => m[0]).toList());
  print(RegExp(r'.', unicode: true).allMatches('\u{1f600}').length);
  print(RegExp(r'.').allMatches('\u{1f600}').length);
  print(RegExp('.', dotAll: true).allMatches('a\nb').length);
  print(RegExp(r'\p{Lu}', unicode: true).allMatches('aBcD\u00c9').map((m) => m[0]).toList());
  print(RegExp(r'a{2,3}?').stringMatch('aaaa'));
  print(RegExp(r'(x*)*y').hasMatch('xxxxxxxxxxxxxz'));
  print(RegExp.escape(r'a.b*c'));
  print(RegExp(r'\u4f60').hasMatch('\u4f60\u597d'));
  print(word.matchAsPrefix(text, 5)?.end);
  print('x'.matchAsPrefix('xyz')?.end);
  final r = RegExp('a+');
  print('${r.pattern} ${r.isCaseSensitive} ${r.isMultiLine} ${r.isUnicode} $r');
  var count = 0;
  for (var i = 0; i < 200; i++) {
    if (RegExp('^(${i % 7}|x)+\$').hasMatch('${i % 5}')) count++;
  }
  print(count);
  print('aXbXc'.splitMapJoin(RegExp('X'), onMatch: (m) => '[${m.start}]'));
}
