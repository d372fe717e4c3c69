// Static calls, recursion, parameters of every kind, small integers.
int twice(int x) => x + x;
int fib(int n) => n < 2 ? n : fib(n - 1) + fib(n - 2);
int gcd(int a, int b) {
  while (b != 0) {
    final t = a % b;
    a = b;
    b = t;
  }
  return a;
}

bool isEven(int n) => n == 0 ? true : isOdd(n - 1);
bool isOdd(int n) => n == 0 ? false : isEven(n - 1);
int ack(int m, int n) => m == 0 ? n + 1 : (n == 0 ? ack(m - 1, 1) : ack(m - 1, ack(m, n - 1)));
int optional(int a, [int b = 10, int? c]) => a * 100 + b * 10 + (c ?? 1);
int named(int a, {int b = 2, required int c, int? d}) => a * 1000 + b * 100 + c * 10 + (d ?? 9);
int many(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j) =>
    a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
double mixed(int a, double b, int c, double d, bool e, String f) => a + b * c - d + (e ? f.length : 0);
void nothing() {}

int top = 5;
final int lazyTop = twice(top);
const int constTop = 3 * 14;

void main() {
  print(twice(21));
  print(fib(20));
  print(gcd(1071, 462));
  print(isEven(10));
  print(isOdd(10));
  print(ack(2, 3));
  print(optional(1));
  print(optional(1, 2));
  print(optional(1, 2, 3));
  print(named(1, c: 3));
  print(named(1, c: 3, b: 4));
  print(named(d: 7, c: 3, 1));
  print(many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  print(mixed(1, 2.5, 3, 4.25, true, 'abcd'));
  nothing();
  top = 8;
  print(lazyTop);
  top++;
  print(lazyTop + top);
  print(constTop);
  var sum = 0;
  for (var i = 0; i < 1000000; i++) {
    sum += i & 7;
  }
  print(sum);
}
