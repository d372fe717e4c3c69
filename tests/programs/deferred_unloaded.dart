// A deferred library that was not loaded cannot be used, though it is there.
import 'libs/deferred.dart' deferred as lib;
import 'libs/show.dart';

void main() {
  show('call', () => lib.answer());
  show('read', () => lib.value);
  show('write', () => lib.value = 4);
  show('create', () => lib.Named('n').name);
  show('tear off', () => lib.answer);
  show('is a NoSuchMethodError', () {
    try {
      return lib.answer();
    } on NoSuchMethodError {
      return true;
    }
  });
}
