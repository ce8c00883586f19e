"""Serves the tests' land until it is terminated: python serve_land.py FOLDER OPTIONS_JSON."""

import importlib.util
import json
import sys
from pathlib import Path

from georet.serve import patience
from georet.serve.run import bind, check_access, run


def main() -> None:
    """Print the address, then serve."""
    path = Path(__file__).with_name("conftest.py")
    spec = importlib.util.spec_from_file_location("serve_conftest", path)
    assert spec is not None
    assert spec.loader is not None
    conftest = importlib.util.module_from_spec(spec)
    sys.modules["serve_conftest"] = conftest
    spec.loader.exec_module(conftest)
    options = json.loads(sys.argv[2])
    patience.PATIENCE_S = options.get("patience_s", patience.PATIENCE_S)
    access = check_access(options.get("host", "127.0.0.1"), options.get("token"))
    site = conftest.make_land(Path(sys.argv[1])).site(options.get("refine", False))
    listener = bind(options.get("bind", access.host), 0)
    run(site, listener, access, announce=lambda a: print(a, flush=True), open_browser=False)


if __name__ == "__main__":
    main()
