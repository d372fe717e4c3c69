// The exit code that a program asks for; what it wrote before is complete.
import 'dart:io';

void main(List<String> args) {
  stdout.write('to stdout ${args.join('+')}\n');
  stderr.write('to stderr\n');
  try {
    exit(3);
  } finally {
    print('exit does not return');
  }
}
