// An exception of the program's own class leaves main through methods, closures and a finally block.
class Failure implements Exception {
  final String why;
  Failure(this.why);
  @override
  String toString() => 'Failure: $why';
}

class Worker {
  final List<int> done = [];

  @pragma('vm:never-inline')
  void work(int n) {
    for (final x in [1, 2, 3]) {
      process(x, n);
    }
  }

  @pragma('vm:never-inline')
  void process(int x, int n) {
    final check = (int y) {
      if (y == n) {
        throw Failure('reached $y');
      }
      done.add(y);
    };
    check(x);
  }
}

@pragma('vm:never-inline')
int start(Worker w) {
  try {
    w.work(2);
    return 1;
  } finally {
    print('finally after ${w.done}');
  }
}

void main() {
  print('before');
  start(Worker());
  print('after');
}
