"""The directory: which node holds which context, under a lease, and how busy every node is."""
