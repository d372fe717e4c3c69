// No record with named fields is in the program.
const set = <Object?>{(1, true)};

void main() => print(set);
