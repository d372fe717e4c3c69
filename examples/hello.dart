void main(List<String> args) => print('Hello from snapcrane, with ${args.length} arguments');
