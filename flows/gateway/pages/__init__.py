"""The explorer: pages for people, rendered here; a little JavaScript, nothing fetched from elsewhere."""
