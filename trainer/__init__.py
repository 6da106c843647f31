"""Predicts New York taxi fares: the package that runs inside a training job. It does not import ``cloud``."""
