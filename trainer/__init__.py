"""Predicts New York taxi fares: the package that runs inside a training job, and needs nothing else around it."""
