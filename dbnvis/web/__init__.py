"""The live page: one HTML file that computes every layer's activations in the browser, and its server."""
