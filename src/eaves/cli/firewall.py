"""The disk of a firewall between two ports, made of Debian packages: its kernel, busybox, nftables.

Everything is in memory and nothing is kept: what it does follows from its seed at each start.  It
forwards nothing before its rules are in force, and nothing at all where they are not understood.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final

from eaves.cli.disks import (
    MODULES,
    Bootable,
    DiskSample,
    build_disk,
    kernel_package,
    read_disk,
)
from eaves.cli.layouts import cached, command
from eaves.cli.packaged import closure, unpacked
from eaves.errors import Rejected

NAME: Final = "debian-firewall"
MAKER: Final = 1  # counts changes of this file that change what is made
DISK_MIB: Final = 48
FILTERING: Final = (
    *("nft_ct", "nft_nat", "nft_masq", "nft_chain_nat", "nft_reject_inet", "nft_limit"),
    *("nft_log", "nf_log_syslog", "nft_fib_ipv4"),
)
UNUSED: Final = ("usr/lib/x86_64-linux-gnu/gconv", "usr/bin", "usr/share", "etc")

INIT: Final = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
mkdir -p /proc /sys /dev /tmp /run /seed /etc/acpi/PWRF
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
say() { echo "firewall: $*"; }
for m in $(cat /modules/order); do insmod "/modules/$m.ko" || say "module $m failed"; done
echo 5 > /proc/sys/kernel/printk
cat > /etc/acpi/PWRF/00000080 <<'EOF'
#!/bin/sh
echo "firewall: power button, going down" > /dev/console
poweroff -f
EOF
chmod +x /etc/acpi/PWRF/00000080
mdev -s
acpid -f -l /dev/null -c /etc/acpi &
closed() { say "$*; nothing passes, correct it and restart"; while true; do sleep 3600; done; }

for dev in /dev/sr0 /dev/vd?; do
  [ -b "$dev" ] && mount -t iso9660 -o ro "$dev" /seed 2>/dev/null && break
done
[ -f /seed/user-data ] || closed "no seed"
value() { sed -n "s/^  $1: \\"\\(.*\\)\\"\\$/\\1/p" /seed/user-data | head -n 1; }

cat > /run/dhcp <<'EOF'
#!/bin/sh
case "$1" in
bound|renew)
  ip addr flush dev "$interface" scope global
  ip addr add "$ip/${mask:-24}" dev "$interface"
  [ "$interface" = eth1 ] ||
    for r in $router; do ip route replace default via "$r" dev "$interface"; done
  echo "firewall: $interface has $ip" ;;
esac
EOF
chmod +x /run/dhcp
port() {  # PORT ADDRESS
  [ -e "/sys/class/net/$1" ] || closed "there is no port $1"
  ip link set "$1" up
  case "$2" in
    dhcp) udhcpc -b -q -S -i "$1" -s /run/dhcp -t 10 -T 1 -A 2 ;;
    *) ip addr add "$2" dev "$1" || closed "$1 cannot have the address '$2'"
       say "$1 has $2" ;;
  esac
}
to=$(value to)
for word in $to; do
  echo "$word" | grep -qE '^[0-9]+(\\.[0-9]+){3}$' || closed "'$word' is no IPv4 address"
done
{
  echo 'flush ruleset'
  echo 'table inet firewall {'
  echo ' chain input { type filter hook input priority filter; policy drop;'
  echo '  ct state established,related accept'
  echo '  iifname "lo" accept'
  echo '  meta l4proto { 1, 58 } limit rate 50/second accept'
  echo ' }'
  echo ' chain forward { type filter hook forward priority filter; policy drop;'
  echo '  ct state established,related accept'
  echo '  ct state invalid drop'
  echo '  iifname "eth1" oifname "eth0" accept'
} > /run/rules
: > /run/redirects
count=0
for word in $(value pass); do
  echo "$word" | grep -qE '^(tcp|udp)/[0-9]+(-[0-9]+)?$' ||
    closed "'$word' is not tcp/PORT, udp/PORT or a range of them"
  kind=${word%%/*} ports=${word#*/} count=$((count + 1))
  echo "  iifname \\"eth0\\" oifname \\"eth1\\" $kind dport $ports accept" >> /run/rules
  [ -z "$to" ] || echo "  iifname \\"eth0\\" fib daddr type local $kind dport $ports dnat to $to" \\
    >> /run/redirects
done
{
  echo '  limit rate 10/minute log prefix "denied "'
  echo '  counter'
  echo ' }'
  echo '}'
  echo 'table ip translation {'
  echo ' chain prerouting { type nat hook prerouting priority dstnat;'
  cat /run/redirects
  echo ' }'
  echo ' chain postrouting { type nat hook postrouting priority srcnat;'
  [ "$(value masquerade)" != true ] || echo '  iifname "eth1" oifname "eth0" masquerade'
  echo ' }'
  echo '}'
  value rules | base64 -d
} >> /run/rules || closed "the further rules are not base64"
nft -f /run/rules || closed "the rules are refused"
ip link set lo up
port eth0 "$(value outside)"
port eth1 "$(value inside)"
gateway=$(value gateway)
[ -z "$gateway" ] || ip route replace default via "$gateway" dev eth0 ||
  closed "'$gateway' cannot be the gateway"
umount /seed
echo 1 > /proc/sys/net/ipv4/ip_forward
say "in force, $count kinds of traffic pass from outside to inside"
while true; do sleep 3600; done
"""


def firewall_disk(cache: Path) -> DiskSample:
    """Kept below `cache` under the versions of its packages.  Raises Rejected, Transient."""
    kernel, versions = kernel_package(), closure(("nftables",))
    shell = command("dpkg-query", "-W", "-f", "${Version}", "busybox-static")
    made_of = f"{MAKER} {INIT} {FILTERING} {kernel} {shell} {sorted(versions.items())}"
    folder = cache / f"{NAME}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
    with cached(folder) as (filling, fresh):
        if fresh:
            with unpacked(versions) as tree:
                _leave_out(tree)
                wanted = Bootable(INIT, (*MODULES, *FILTERING), DISK_MIB, tree)
                build_disk(filling, cache, kernel, wanted)
    return read_disk(folder)


def _leave_out(tree: Path) -> None:
    for name in UNUSED:
        shutil.rmtree(tree / name, ignore_errors=True)
    if not (tree / "usr/sbin/nft").exists():
        raise Rejected("the package nftables has no usr/sbin/nft; this release is not known")
