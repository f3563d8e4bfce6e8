"""Who lets a device in, on the far end of a cable or of a radio."""

import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.tied import start_tied


@contextmanager
def hostapd(netns: str, folder: Path, told: Mapping[str, object]) -> Generator[None]:
    """`told`: the lines of its configuration, which goes into `folder` as its log does."""
    conf = folder / "hostapd.conf"
    conf.write_text("".join(f"{key}={value}\n" for key, value in told.items()))
    with (folder / "log").open("wb") as log:
        serving = start_tied(
            ["ip", "netns", "exec", netns, "hostapd", str(conf)],
            stdout=log,
            stderr=log,
        )
    try:
        yield
    finally:
        serving.terminate()
        try:
            serving.wait(20)
        except subprocess.TimeoutExpired:
            serving.kill()
            serving.wait(20)


@contextmanager
def access_point(
    netns: str, ifname: str, folder: Path, ssid: str, hashed_key: str
) -> Generator[None]:
    """A Wi-Fi network of WPA2 on the first channel."""
    folder.mkdir()
    told = {
        "interface": ifname,
        "driver": "nl80211",
        "ssid": ssid,
        "hw_mode": "g",
        "channel": 1,
        "wpa": 2,
        "wpa_key_mgmt": "WPA-PSK",
        "rsn_pairwise": "CCMP",
        "wpa_psk": hashed_key,
    }
    with hostapd(netns, folder, told):
        yield
