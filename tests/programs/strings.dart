// Strings: one-byte and two-byte representations, interpolation, buffers, code units, searching, splitting, comparing.
import 'libs/show.dart';

const samples = ['', 'a', 'hello', 'H\u00e9llo', '\u00ff', '\u0100', '\u4f60\u597d', 'x\u{1f600}y', '\ud800', '\u{10ffff}', 'tab\tnew\nline\u0001'];

class Named {
  final String n;
  Named(this.n);
  @override
  String toString() => 'Named($n)';
}

class BadToString {
  @override
  String toString() => throw 'no text';
}

void main() {
  for (final s in samples) {
    print('${s.length} ${s.codeUnits} ${s.runes.toList()} ${s.isEmpty} ${s.isNotEmpty} ${s.hashCode == ('x$s').substring(1).hashCode}');
    print('[${s.toUpperCase()}] [${s.toLowerCase()}] [${s.trim()}] [${s * 2}] [${s.padLeft(6, '.')}] [${s.padRight(6, '\u00e9')}]');
  }
  for (final a in samples) {
    print([for (final b in samples) '${a.compareTo(b)}${a == b ? '=' : '!'}${a.contains(b) ? 'c' : '-'}${a.startsWith(b) ? 's' : '-'}${a.endsWith(b) ? 'e' : '-'}'].join(' '));
  }
  // Concatenation changes the representation.
  var s = '';
  for (var i = 0; i < 10; i++) {
    s += String.fromCharCode(i.isEven ? 97 + i : 0x3b1 + i);
  }
  print(s);
  print(s.substring(1, 3) + s[4] + s.substring(8));
  final ascii = ('\u03b1' + 'abc').substring(1);
  print([ascii == 'abc', identical(ascii, ascii), ascii.hashCode == 'abc'.hashCode, {'abc': 1}[ascii]]);

  // Interpolation.
  final x = opaque(5);
  final n = Named('n');
  print('$x ${x + 1} $n ${n.n} ${null} ${true} ${1.0} ${[x, n]} ${{'k': x}} \$x ${'nested ${x * 2} ${'deeper $x'}'}');
  print('a' 'b' "c" '''d
e''' r'\n$x');
  show('bad toString', () => 'text ${BadToString()}');
  print('${opaque<Object?>(null)}${opaque<Object>('s')}${opaque<Object>(7)}');

  // Indexing and substrings.
  print([for (var i = 0; i < 5; i++) 'hello'[i]]);
  print([for (var i = 0; i < 3; i++) 'x\u{1f600}'.codeUnitAt(i)]);
  for (final access in [() => 'hello'[opaque(5)], () => 'hello'[opaque(-1)], () => 'hello'.codeUnitAt(opaque(5))]) {
    try {
      print(access());
    } on RangeError catch (e) {
      // The error's name depends on whether the access is inlined.
      print([e.start, e.end, e.invalidValue]);
    }
  }
  show('substring', () => 'hello'.substring(opaque(3), 2));
  show('substring end', () => 'hello'.substring(2, opaque(6)));
  show('substring start', () => 'hello'.substring(opaque(-1)));
  print(['hello'.substring(5), 'hello'.substring(1, 4), 'hello'.substring(2, 2)]);

  // Searching.
  const text = 'the cat sat on the mat, the end';
  print([text.indexOf('the'), text.indexOf('the', 1), text.indexOf('dog'), text.lastIndexOf('the'), text.lastIndexOf('the', 10), text.indexOf(''), text.lastIndexOf('')]);
  show('indexOf range', () => text.indexOf('a', opaque(100)));
  print([text.contains('sat'), text.contains('sat', 9), text.startsWith('cat', 4), text.endsWith('end')]);
  print(text.split(' '));
  print(text.split(''));
  print(text.split('the'));
  print(''.split(','));
  print(',a,,b,'.split(','));
  print(text.replaceAll('the', 'THE'));
  print(text.replaceFirst('the', 'A'));
  print(text.replaceFirst('the', 'A', 5));
  print(text.replaceRange(4, 7, 'dog'));
  print(text.replaceAllMapped('at', (m) => '<${m[0]}@${m.start}-${m.end}>'));
  print(text.replaceAll('', '-').length);
  print(text.splitMapJoin('at', onMatch: (m) => 'AT', onNonMatch: (t) => '(${t.length})'));
  print('at'.allMatches(text).map((m) => m.start).toList());
  print(['  x '.trim(), '  x '.trimLeft(), '  x '.trimRight(), '\u00a0\u2003x\ufeff'.trim().length]);

  // Building.
  final b = StringBuffer('start');
  b
    ..write(1)
    ..write(null)
    ..writeln(2.5)
    ..writeAll(['a', 'b', 3], '-')
    ..writeCharCode(0x4f60)
    ..writeCharCode(0x1f600)
    ..write(n);
  print('$b ${b.length} ${b.isEmpty}');
  b.clear();
  print('[$b] ${b.isNotEmpty}');
  for (var i = 0; i < 1000; i++) {
    b.write(i % 10);
    if (i == 500) b.write('\u2022');
  }
  final long = b.toString();
  print('${long.length} ${long.substring(495, 510)}');
  var h = 0;
  for (var i = 0; i < long.length; i++) {
    h = (h * 31 + long.codeUnitAt(i)) & 0xffffffff;
  }
  print(h);
  print(String.fromCharCodes([104, 105]));
  print(String.fromCharCodes([104, 0x1f600, 105], 1, 2).length);
  print(String.fromCharCodes([for (var i = 0; i < 5; i++) 0x3b1 + i].where((c) => c.isOdd)));
  show('fromCharCode', () => String.fromCharCode(opaque(0x110000)));
  show('fromCharCodes', () => String.fromCharCodes([65, opaque(-1)]));
  print(['b', 'a', 'C', '\u00e9', 'aa', '']..sort());
  print('abc'.codeUnits.reversed.map(String.fromCharCode).join());
  print(['a', 'b'].join(', ') + [].join('x') + [1].join('y'));
  print('a\u0301'.length);
  final runes = 'x\u{1f600}y'.runes;
  final it = runes.iterator;
  while (it.moveNext()) {
    print('${it.current} ${it.rawIndex} ${it.currentSize} ${it.currentAsString}');
  }
  print(it.moveNext());
  print('${runes.last} ${runes.length}');
  print('\u{1f600}'.toString() == String.fromCharCodes([0xd83d, 0xde00]));
  print(identical('con' 'cat', 'concat'));
  print(const String.fromEnvironment('none', defaultValue: 'default'));
  print(#symbol);
  print([#a == #a, #a == const Symbol('a'), #a.hashCode == #a.hashCode]);
  print('a' == 1 as dynamic);
  print('10'.padLeft(4, '0') + '\t|');
  print('nul\u0000'.codeUnits);
  print('ss'.toUpperCase() + '\u00df'.toUpperCase() + '\u0130'.toLowerCase().length.toString());
  print(Uri.encodeComponent('a b&\u00e9') + Uri.decodeComponent('%20%C3%A9'));
}
