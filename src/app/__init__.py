"""How a command starts: its configuration, the rules between options, and the objects that they describe."""
