"""Colours, panels and plots: what training, prediction and reports draw with."""
