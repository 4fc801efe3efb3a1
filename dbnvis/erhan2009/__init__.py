"""The page of Erhan, Bengio, Courville & Vincent (2009): models, figures, claims, verdicts."""
