"""Steps of a run: each is a plain function, data in, data out, ignorant of where it runs."""
