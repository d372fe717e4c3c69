// The null check operator on a null value.
class Tree {
  Tree? left;
  final int value;
  Tree(this.value, [this.left]);

  @pragma('vm:never-inline')
  int depth(int n) {
    if (n == 0) return value;
    return left!.depth(n - 1);
  }
}

void main() {
  final tree = Tree(1, Tree(2, Tree(3)));
  print(tree.depth(2));
  print(tree.depth(3));
}
