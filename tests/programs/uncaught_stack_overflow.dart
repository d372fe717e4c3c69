// Recursion without end.
class Chain {
  int steps = 0;

  @pragma('vm:never-inline')
  int next(int n) {
    steps++;
    return next(n + 1) + steps;
  }
}

@pragma('vm:never-inline')
int begin(Chain chain) {
  return chain.next(0) + 1;
}

void main() {
  print('before');
  print(begin(Chain()));
}
