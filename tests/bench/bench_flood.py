"""What a receiver withstands, at full size: 100,000 datagrams of strangers a second for 10 s beside a live stream, and sixteen
streams at one port, in the memory that --check-config promised. The tests themselves are those of tests/integration."""
import os

os.environ.setdefault("DD_FLOOD_RATE", "100000")
os.environ.setdefault("DD_FLOOD_SECONDS", "10")

import bench  # noqa: E402, F401  finds the tests' modules
import harness  # noqa: E402
from test_flood import FloodTest  # noqa: E402, F401
from test_many_streams import StreamsTest  # noqa: E402, F401

if __name__ == "__main__":
    harness.main()
