"""What is looked at before frames are stored: whether their values can be what they are said to be."""
