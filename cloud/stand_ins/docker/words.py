"""What this docker says of itself."""

LIKE = "27.0.0"
"""The version whose commands, output and statuses these are."""
WHAT_IT_IS = "This docker is the stand-in of an offline cloud, not Docker's: images are built and pushed, none run."
