"""Neither OpenVINO nor NNCF reports to anybody when georet uses them."""

from __future__ import annotations

import subprocess
import sys
import textwrap

PROGRAM = """
    import sys
    from georet_export.artefact.vendors import import_nncf, import_openvino

    openvino, nncf = import_openvino(), import_nncf()
    from openvino.tools.ovc import telemetry_utils
    from nncf.telemetry.wrapper import telemetry

    print(telemetry_utils.tm.__name__, type(telemetry).__name__)
    print(sorted(name for name in sys.modules if name.startswith("openvino_telemetry.")))
"""


def test_telemetry_is_never_imported():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-2:] == ["openvino.tools.ovc.telemetry_stub MagicMock", "[]"]


SIGNALLED = """
    import gc, os, signal, sys
    from pathlib import Path

    from georet_export.artefact.session import open_session

    signal.signal(signal.SIGTERM, lambda *_: print("handled"))
    for _ in range(3):
        pair = [open_session(Path(sys.argv[1]), backend="openvino") for _ in range(2)]
        while pair:
            pair.pop(0).close()
            gc.collect()
    os.kill(os.getpid(), signal.SIGTERM)
    print("alive")
"""


def test_signals_are_handled_after_openvino_sessions_came_and_went(exported_run):
    artefact = exported_run / "export" / "onnx-fp32"
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(SIGNALLED), str(artefact)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (0, ["handled", "alive"]), done.stderr
