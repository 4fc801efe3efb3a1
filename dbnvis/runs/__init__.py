"""From a data set to a finished checkpoint: trainings that can be stopped and resumed, one file per family."""
