// A missing method, called dynamically.
@pragma('vm:never-inline')
dynamic pick(List<Object> items, int i) => items[i];

@pragma('vm:never-inline')
void run(List<Object> items) {
  for (var i = 0; i < items.length; i++) {
    final dynamic item = pick(items, i);
    print(item.toUpperCase());
  }
}

void main() {
  run(['text', 42]);
}
