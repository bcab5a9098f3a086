"""A home in a bucket: a working copy on this machine, one writer at a time, LanceDB in its place."""
