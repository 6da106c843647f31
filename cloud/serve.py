"""``python -m cloud.serve``; for programs, ``LocalCloud``."""

from cloud.server.local import LocalCloud

__all__ = ["LocalCloud"]

if __name__ == "__main__":
    import gc

    # Collecting garbage while modules are loaded finds none and takes a tenth of the start.
    gc.disable()
    from cloud.cli.serve import main

    main()
