"""The reader behind gRPC: contexts that nodes hold, and who holds which."""
