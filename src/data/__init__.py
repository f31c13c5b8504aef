"""Data: sources, the packed store, label tables, loading and augmentation."""
