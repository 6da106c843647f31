"""``docker`` for programs around a cloud on machines without it: images only, over the cloud's socket."""
