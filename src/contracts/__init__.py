"""The contracts of parts, as properties that are looked at on tiny inputs; one module per kind of subject."""
