"""`python -m compcalc`: the command line of this interpreter."""

from compcalc.cli import main

if __name__ == "__main__":
    main()
