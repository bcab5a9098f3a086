"""What was read, as it is looked at: documents opened at a place, pages drawn, trees walked."""
