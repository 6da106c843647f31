"""The command line."""

from cloud.runtimes.commands import main

if __name__ == "__main__":
    main(prog_name="python -m cloud.runtimes")
