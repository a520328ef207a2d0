"""Print what the projects in the given folders depend on, without one another: for the image."""

import sys
import tomllib
from pathlib import Path


def main() -> None:
    projects = [tomllib.loads(Path(name, "pyproject.toml").read_text()) for name in sys.argv[1:]]
    own = {project["project"]["name"] for project in projects}
    wanted = {name for project in projects for name in project["project"]["dependencies"]}
    print("\n".join(sorted(wanted - own)))


if __name__ == "__main__":
    main()
