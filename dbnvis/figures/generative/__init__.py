"""Figures of what a generative model draws: samples, units fixed to 1, images weighted by a response."""
