"""`python -m evenhand`: the command line, for torchrun and for environments without scripts on the path."""

from evenhand.commands.app import main

if __name__ == "__main__":
    main()
