"""The packed store: memory-mapped arrays under one manifest, and how it is written."""
