"""Data of the user's own: arrays, and files and folders of several kinds, told apart in `kinds`."""
