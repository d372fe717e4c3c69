/// One of two libraries that use the same private names.
library;

class _Hidden {
  @override
  String toString() => 'hidden of a';
}

class BaseA {
  String _name = 'a';
  String _where() => 'BaseA._where';
  String callWhere() => _where();
  String get nameOfA => _name;
  set nameOfA(String value) => _name = value;
  Object make() => _Hidden();
}

String _top() => 'top of a';
String topOfA() => _top();
int counter = 10;
String dynamicWhere(dynamic object) => object._where();
