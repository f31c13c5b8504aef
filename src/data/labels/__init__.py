"""Label tables: class names, colours and the maps between label sets."""
