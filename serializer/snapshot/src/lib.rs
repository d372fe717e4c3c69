//! Format of Dart AOT snapshots: object graph, clusters, images.
