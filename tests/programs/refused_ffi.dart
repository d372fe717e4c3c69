// A call through a native function pointer.
import 'dart:ffi';

void main() {
  final getpid = DynamicLibrary.process().lookupFunction<Int32 Function(), int Function()>('getpid');
  print(getpid() > 0);
}
