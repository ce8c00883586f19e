"""How many photos a server answers, how long that takes, and how much memory it needs.

    python benchmarks/serve_load.py world.gallery photo.jpg --photos 200 --clients 1 8 200

Starts ``georet serve`` in a process of its own. Every client sends its next photo when the last
one was answered; who is sent away (503) asks again after the time that the server names.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit


class Client:
    """Speaks with one server."""

    def __init__(self, address: str) -> None:
        self.host = urlsplit(address).netloc

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, float]:
        """Return the status and the seconds that the answer took."""
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(self.host, timeout=120)
        connection.request(method, path, body, {"Content-Type": "image/jpeg"})
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, time.perf_counter() - begun

    def locate(self, photo: bytes) -> tuple[float, int]:
        """Return the seconds until the photo was located, and how often it was sent away."""
        begun, num_refused = time.perf_counter(), 0
        while True:
            status, _ = self.ask("POST", "/api/locate?k=5", photo)
            if status == 200:
                return time.perf_counter() - begun, num_refused
            if status != 503:
                raise SystemExit(f"the server answered {status}")
            num_refused += 1
            time.sleep(2)


def resident_mb(process: subprocess.Popen[str]) -> float:
    """Return the memory that a process holds (Linux)."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure_photos(client: Client, photo: bytes, num: int, num_clients: int) -> str:
    """Locate photos and return a row of the table."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(num_clients) as pool:
        answers = list(pool.map(lambda _: client.locate(photo), range(num)))
    spent_s = time.perf_counter() - begun
    times_ms = sorted(1000 * took for took, _ in answers)
    refused = sum(refusals for _, refusals in answers)
    median_ms, slow_ms = statistics.median(times_ms), times_ms[max(0, int(0.95 * num) - 1)]
    rate = num / spent_s
    return f"| {num_clients} | {rate:.1f} | {median_ms:.0f} | {slow_ms:.0f} | {refused} |"


def measure_basemap(client: Client, zooms: range) -> str:
    """Ask for all tiles of some zooms, twice; return a sentence."""
    names = [f"/basemap/{z}/{x}/{y}.png" for z in zooms for x in range(2**z) for y in range(2**z)]
    first = sum(client.ask("GET", name)[1] for name in names)
    again = sum(client.ask("GET", name)[1] for name in names)
    each, kept = (1000 * spent_s / len(names) for spent_s in (first, again))
    return f"{len(names)} map tiles: {each:.0f} ms each the first time, {kept:.1f} ms again"


def main() -> None:
    """Serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 200])
    options = parser.parse_args()
    command = ["serve", str(options.gallery), "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "georet", *command], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None or not (address := process.stdout.readline().strip()):
            raise SystemExit("the server did not start")
        client, photo = Client(address), options.photo.read_bytes()
        client.locate(photo)
        print(f"{resident_mb(process):.0f} MB after the first photo\n")
        print("| clients | photos/s | median ms | 95 % ms | sent away |\n|---|---|---|---|---|")
        for num_clients in options.clients:
            print(measure_photos(client, photo, options.photos, num_clients), flush=True)
        print(f"\n{resident_mb(process):.0f} MB after the photos")
        print(measure_basemap(client, range(4)))
        print(f"{resident_mb(process):.0f} MB in the end")
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
