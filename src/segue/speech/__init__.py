"""Samples in, segments out. No versions, no async, no HTTP."""
