"""Dense prediction tasks: what a head gives, how it is trained, judged and drawn."""
