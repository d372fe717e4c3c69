/// The other of two libraries that use the same private names.
library;

import 'privacy_a.dart';

class _Hidden {
  @override
  String toString() => 'hidden of b';
}

class MiddleB extends BaseA {
  String _name = 'b';
  String _where() => 'MiddleB._where';
  String callWhereOfB() => _where();
  String get nameOfB => _name;
  Object makeB() => _Hidden();
}

String _top() => 'top of b';
String topOfB() => _top();
int counter = 20;
