"""The live page: one HTML file that computes every layer of a model while one draws."""
