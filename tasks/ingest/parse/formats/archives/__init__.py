"""Archives and compressed files: every member is parsed as what its own bytes say."""
