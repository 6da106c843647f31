"""Programs that run as top-level modules in processes that build packages; nothing in ``cloud`` imports them."""
