"""Programs of their own, run as top-level modules by processes that build packages; nothing here is imported."""
