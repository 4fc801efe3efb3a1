"""The figures: one file per subject."""
