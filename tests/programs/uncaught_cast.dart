// A failing cast with generic types in the message.
class Store<T> {
  final Map<String, Object> items = {};

  @pragma('vm:never-inline')
  List<T> fetch(String key) {
    return items[key] as List<T>;
  }
}

void main() {
  final store = Store<int>();
  store.items['a'] = <int>[1];
  print(store.fetch('a'));
  store.items['b'] = <num>[1.5];
  print(
    store
        .fetch('b'),
  );
}
