"""`python -m gatewise`, where the script is not on the path."""

from gatewise.cli.main import run

if __name__ == "__main__":
    run()
