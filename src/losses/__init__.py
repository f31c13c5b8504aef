"""Losses as pure functions of a prediction, a target and a mask of valid pixels.

Each is computed in float32 (or wider, if given so), is 0 when nothing is valid, never waits for the device, and gives
an invalid pixel a gradient of exactly 0, even where its target or prediction is NaN.
"""
