"""A Slurm of one node, started for the tests and ended with them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/run/s
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/ctld
SlurmdLogFile={folder}/log/slurmd
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=5
SlurmdTimeout=30
AccountingStorageType=accounting_storage/none
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start Slurm; return the environment in which its commands find it."""
    missing = [tool for tool in ("munged", "slurmctld", "slurmd") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        why = f"{missing[0]} is missing" if missing else "Slurm's test cluster is started by root"
        pytest.skip(f"{why}: apt-get install --no-install-recommends slurm-wlm munge")
    folder = Path(tmp_path_factory.mktemp("slurm"))
    for name in ("state", "spool", "log", "munge/run"):
        (folder / name).mkdir(parents=True)
    (folder / "munge").chmod(0o711)
    key = folder / "munge/key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    host = socket.gethostname().partition(".")[0]
    config = folder / "slurm.conf"
    ports = (free_port(), free_port())
    config.write_text(CONFIG.format(host=host, folder=folder, ports=ports))
    environment = {**os.environ, "SLURM_CONF": str(config)}
    munge = [
        "munged",
        f"--key-file={key}",
        f"--socket={folder}/munge/run/s",
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/log/munged",
        f"--seed-file={folder}/munge/seed",
        "--force",
    ]
    try:
        for command in (munge, ["slurmctld", "-f", str(config)], ["slurmd", "-f", str(config)]):
            subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
        wait_for_node(environment)
        yield environment
    finally:
        for name in ("slurmd", "slurmctld", "munged"):
            end(folder / f"{name}.pid")


def wait_for_node(environment: dict[str, str]) -> None:
    for _ in range(100):
        command = ["sinfo", "-h", "-o", "%T"]
        found = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if "idle" in found.stdout:
            return
        time.sleep(0.2)
    raise RuntimeError(f"Slurm's node does not come: {found.stdout}{found.stderr}")


def end(pid_file: Path) -> None:
    if pid_file.is_file() and (text := pid_file.read_text().strip()):
        try:
            os.kill(int(text), signal.SIGKILL)
        except ProcessLookupError:
            return
