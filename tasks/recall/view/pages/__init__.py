"""Pages of a PDF as pictures, drawn in a process of their own, with the places of cited words on them."""
