"""Every method on several models: which picture excites its unit, and which tells what the unit does."""
