"""Documents dropped into a folder or a bucket become runs."""
