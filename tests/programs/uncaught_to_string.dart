// An exception that cannot describe itself.
class Mute {
  @override
  String toString() {
    throw 'toString failed';
  }
}

void main() {
  print('before');
  throw Mute();
}
