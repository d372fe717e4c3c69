// An index out of range.
@pragma('vm:never-inline')
int sum(List<int> numbers, int n) {
  var total = 0;
  for (var i = 0; i <= n; i++) {
    total += numbers[i];
  }
  return total;
}

void main() {
  print(sum([1, 2, 3], 2));
  print(sum([1, 2, 3], 3));
}
