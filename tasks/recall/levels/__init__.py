"""Three levels of memory behind one interface, and the router that weighs them for a question."""
