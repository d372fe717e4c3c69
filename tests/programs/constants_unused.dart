// Constants that are statements do nothing, and keep nothing in the snapshot.

void unused() {
  print('nobody calls this');
}

class Unused {
  const Unused(this.text);
  final String text;
}

void main() {
  unused;
  const Unused('nobody reads this');
  print('done');
}
