"""A report of a model that one can mail: what was measured, as JSON, and one static HTML file that says it."""
