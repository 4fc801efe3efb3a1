"""Figures of what images do to a convolutional network."""
