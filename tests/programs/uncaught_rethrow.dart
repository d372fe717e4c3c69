// rethrow keeps the first trace, Error.throwWithStackTrace uses the given one.
@pragma('vm:never-inline')
void origin() {
  throw StateError('from origin');
}

@pragma('vm:never-inline')
void passOn() {
  try {
    origin();
  } on StateError {
    print('passing on');
    rethrow;
  }
}

@pragma('vm:never-inline')
void carry() {
  try {
    passOn();
  } catch (e, s) {
    Error.throwWithStackTrace(FormatException('carried: $e'), s);
  }
}

void main() {
  carry();
}
