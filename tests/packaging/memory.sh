# shellcheck shell=bash
# The published daemon in 512 MB: 100 users with mixed SFTP and HTTP transfers at once. Sourced by tests/parts/packaging.sh.

MEMORY_LIMIT_MB=512 # the box
MEMORY_RSS_MB=400   # what the daemon may take of it: kernel, sshd and page cache live there too

# memory_cgroup NAME: makes a cgroup that may use no more than the box has, and prints its folder; nothing where it can't.
memory_cgroup() {
  local v1=/sys/fs/cgroup/memory v2=/sys/fs/cgroup
  if [ -e $v1/memory.limit_in_bytes ] && mkdir "$v1/$1" 2>/dev/null; then
    echo $((MEMORY_LIMIT_MB << 20)) >"$v1/$1/memory.limit_in_bytes"
    # Swap would hide what doesn't fit.
    [ ! -e "$v1/$1/memory.memsw.limit_in_bytes" ] || echo $((MEMORY_LIMIT_MB << 20)) >"$v1/$1/memory.memsw.limit_in_bytes"
    echo "$v1/$1"
  elif grep -qw memory $v2/cgroup.subtree_control 2>/dev/null && mkdir "$v2/$1" 2>/dev/null; then
    echo $((MEMORY_LIMIT_MB << 20)) >"$v2/$1/memory.max"
    echo 0 >"$v2/$1/memory.swap.max" 2>/dev/null || true
    echo "$v2/$1"
  fi
}

memory_box() {
  local dir group pid met rss
  dir=$(mktemp -d)
  group=$(memory_cgroup "fluxd-test-$$")
  [ -n "$group" ] || echo "  no memory cgroup can be made here: the resident size alone is held to $MEMORY_RSS_MB MB"
  # A hundred passwords at once take their time on a busy machine, and this is not about that.
  # The unit's environment; the group is entered before the daemon begins, so that every page counts.
  # shellcheck disable=SC2016
  DOTNET_EnableDiagnostics=0 DOTNET_gcServer=0 GROUP=$group sh -c '
    [ -z "$GROUP" ] || echo $$ >"$GROUP/cgroup.procs"
    exec out/fluxd/fluxd --try "$0" --set http.listen=127.0.0.1:0 --set sftp.listen=127.0.0.1:0 --set quic.enabled=false \
      --set sftp.login_grace=10m' "$dir/var" >"$dir/log" 2>&1 &
  pid=$!
  met=$(timeout 400 python3 tests/packaging/inside/hundred.py "$dir/var/fluxd.sock" "$dir/work" 2>&1) || true
  rss=$(awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$pid/status" 2>/dev/null || echo 0)
  if ! kill -0 "$pid" 2>/dev/null; then
    fail "100 users in $MEMORY_LIMIT_MB MB: the daemon is gone" "$(tail -n 3 "$dir/log" | tr '\n' ' ') $met"
  elif ! grep -q '^100 users, 0 faults' <<<"$met"; then
    fail "100 users in $MEMORY_LIMIT_MB MB" "$(tail -n 5 <<<"$met" | tr '\n' ' ') $(tail -n 3 "$dir/log" | tr '\n' ' ')"
  elif [ "$rss" -gt "$MEMORY_RSS_MB" ]; then
    fail "100 users in $MEMORY_LIMIT_MB MB: the daemon took $rss MB, the ceiling is $MEMORY_RSS_MB"
  else
    pass "100 users in $MEMORY_LIMIT_MB MB${group:+ (cgroup)}: $(tail -n 1 <<<"$met"), at most $rss MB resident"
  fi
  kill -TERM "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  [ -z "$group" ] || rmdir "$group" 2>/dev/null || true
  rm -rf "$dir"
}
