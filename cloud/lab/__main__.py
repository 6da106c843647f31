"""``python -m cloud.lab``."""

if __name__ == "__main__":
    import gc

    # Collecting garbage while modules are loaded finds none and takes a tenth of the start.
    gc.disable()
    from cloud.lab.command import main

    main()
