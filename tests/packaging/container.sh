# shellcheck shell=bash
# Debian with systemd as PID 1, made from Debian's packages: a pristine tree per suite, an overlay per test.
# Needs root. Names: ROOTS (where trees are kept), and what each function says.

ROOTS=${FLUXD_ROOTS:-$PWD/out/roots}

# debian_mirror: the address of the Debian archive that this machine's apt uses.
debian_mirror() {
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(ORIGIN)' 'Created-By: Packages' 2>/dev/null |
    awk '$3 == "Debian" && $2 !~ /security/ { sub(/\/$/, "", $1); print $1; exit }'
}

# container_possible: prints why not, or nothing.
container_possible() {
  [ "$(id -u)" = 0 ] || { echo "needs root"; return; }
  [ -n "$(debian_mirror)" ] || { echo "apt knows no Debian archive"; return; }
  unshare -m --propagation private true 2>/dev/null || { echo "mount namespaces are not allowed here"; return; }
  unshare -m --propagation private sh -c 'mount -t cgroup2 none /mnt' 2>/dev/null || { echo "cgroup2 can't be mounted here"; return; }
  grep -qw overlay /proc/filesystems || modprobe -q overlay 2>/dev/null || { echo "the kernel has no overlayfs"; return; }
}

# make_root SUITE PACKAGE...: the pristine tree, made once.
make_root() {
  local suite=$1 root=$ROOTS/$1
  shift
  [ ! -e "$root.done" ] || return 0
  rm -rf "$root"
  mkdir -p "$ROOTS"
  local include
  include=$(IFS=,; echo "systemd,systemd-sysv,dbus,iproute2,procps,$*" | tr ' ' ',')
  debootstrap --variant=minbase --include="$include" "$suite" "$root" "$(debian_mirror)" >"$root.log" 2>&1 ||
    { tail -n 5 "$root.log" >&2; return 1; }
  rm -rf "$root"/var/cache/apt/archives/*.deb
  echo "$suite" >"$root/etc/hostname"
  touch "$root.done"
}

# boot_container NAME SUITE DIR: an overlay over the suite's tree under DIR (on a real disk), booted; sets CONTAINER_LEADER.
# FLUXD_BIND, if set, is shown inside as /srv/fluxd, read-only.
boot_container() {
  local name=$1 suite=$2 dir=$3
  mkdir -p "$dir/upper" "$dir/work" "$dir/merged"
  mount -t overlay overlay -o "lowerdir=$ROOTS/$suite,upperdir=$dir/upper,workdir=$dir/work" "$dir/merged"
  setsid unshare -m --propagation private bash -c '
    set -e
    mount -t tmpfs tmpfs /run
    umount -R -l /sys/fs/cgroup 2>/dev/null || true
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p "/sys/fs/cgroup/$1"
    echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"
    exec systemd-nspawn --quiet --register=no --keep-unit --private-network --resolv-conf=off --timezone=off \
      ${3:+--bind-ro="$3":/srv/fluxd} -D "$2" -M "$1" --console=pipe -b
  ' boot "$name" "$dir/merged" "${FLUXD_BIND:-}" </dev/null >"$dir/console.log" 2>&1 &
  CONTAINER_NSPAWN=$!
  CONTAINER_DIR=$dir
  for _ in $(seq 1 100); do
    CONTAINER_LEADER=$(pgrep -P "$CONTAINER_NSPAWN" 2>/dev/null | head -n 1 || true)
    if [ -n "$CONTAINER_LEADER" ] && inside 'systemctl is-system-running' 2>/dev/null | grep -qE 'running|degraded'; then
      inside 'ip link set lo up' || true
      return 0
    fi
    kill -0 "$CONTAINER_NSPAWN" 2>/dev/null || break
    sleep 0.3
  done
  echo "the container did not come up:" >&2
  tail -n 15 "$dir/console.log" >&2
  stop_container
  return 1
}

# inside COMMAND: in the running container, as root, by bash.
inside() {
  nsenter -t "$CONTAINER_LEADER" -a env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive bash -c "$1" </dev/null
}

stop_container() {
  [ -z "${CONTAINER_LEADER:-}" ] || inside 'systemctl poweroff --force' >/dev/null 2>&1 || true
  for _ in $(seq 1 60); do
    kill -0 "$CONTAINER_NSPAWN" 2>/dev/null || break
    sleep 0.2
  done
  kill -KILL "$CONTAINER_NSPAWN" 2>/dev/null || true
  wait "$CONTAINER_NSPAWN" 2>/dev/null || true
  umount -l "$CONTAINER_DIR/merged" 2>/dev/null || true
  CONTAINER_LEADER=
}
