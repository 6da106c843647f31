"""``python -m cloud.classroom``."""

if __name__ == "__main__":
    from cloud.classroom.command import main

    main()
