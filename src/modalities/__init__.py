"""What a dense map is: its kind, values, validity, geometry and picture."""
