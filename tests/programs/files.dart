// dart:io without waiting: files, folders, the process itself.
import 'dart:io';
import 'dart:typed_data';
import 'libs/show.dart';

void main() {
  final dir = Directory.systemTemp.createTempSync('files-test-');
  String hide(Object? o) => '$o'.replaceAll(dir.path, '<dir>');
  try {
    final file = File('${dir.path}/a.txt');
    print(file.existsSync());
    file.writeAsStringSync('line 1\nl\u00edne 2\n');
    file.writeAsStringSync('more', mode: FileMode.append);
    print([file.lengthSync(), file.readAsStringSync(), file.readAsLinesSync(), file.readAsBytesSync().length]);
    final raf = file.openSync(mode: FileMode.write);
    raf
      ..writeByteSync(65)
      ..writeFromSync(Uint8List.fromList([66, 67, 68, 69]), 1, 3)
      ..setPositionSync(1)
      ..writeStringSync('\u00e9')
      ..flushSync();
    print([raf.positionSync(), raf.lengthSync()]);
    raf.closeSync();
    print(file.readAsBytesSync());
    Directory('${dir.path}/x/y').createSync(recursive: true);
    file.copySync('${dir.path}/x/b.txt');
    file.renameSync('${dir.path}/c.txt');
    print(dir.listSync(recursive: true).map(hide).toList()..sort());
    print([FileSystemEntity.isDirectorySync('${dir.path}/x'), FileSystemEntity.typeSync('${dir.path}/none'), File('${dir.path}/c.txt').statSync().size]);
    for (final path in ['none/x', 'x']) {
      try {
        File('${dir.path}/$path').readAsStringSync();
      } on FileSystemException catch (e) {
        print(hide(e));
      }
    }
  } finally {
    dir.deleteSync(recursive: true);
  }
  print(dir.existsSync());
  print([Platform.isLinux, Platform.pathSeparator, Platform.environment.containsKey('PATH'), Platform.numberOfProcessors > 0, pid > 0]);
  final result = Process.runSync('sh', ['-c', 'echo out; echo err >&2; exit 5']);
  print([result.exitCode, result.stdout, result.stderr]);
  show('no program', () => Process.runSync('/no/such/program', []));
  stdout.writeln('direct');
  print([gzip.decode(gzip.encode([1, 2, 3, 3, 3, 3])), systemEncoding.decode([97]), InternetAddress('127.0.0.1').type]);
  exitCode = 7;
}
