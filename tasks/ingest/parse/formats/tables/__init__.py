"""Tables: rows read as lines that name their columns, or as documents of their own."""
