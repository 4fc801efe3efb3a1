"""Tables: what pictures and features are worth, in numbers."""
