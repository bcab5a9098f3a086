"""From a URI to shards: discover, fetch, parse, tokenise."""
