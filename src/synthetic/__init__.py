"""Rooms and streets drawn by a small ray caster: pictures whose labels, depth and normals are exact."""
