"""The edges: each file can be deleted alone, and none imports another."""
