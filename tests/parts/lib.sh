# shellcheck shell=bash
# What build.sh and the parts share: packages from apt, test runs, and one count over everything.
# A part is tests/parts/NAME.sh with NAME_packages (prints what apt must give it) and NAME_run, which calls
# dotnet_tests and, for checks made in shell, pass, fail and skip.

PARTS=(house store sftp http quic packaging load)
TEST_OUT=$PWD/out/test
export DEBIAN_FRONTEND=noninteractive

# need_packages NAME...: installs what is missing; says what to type where it may not.
need_packages() {
  local missing=() name
  for name in "$@"; do
    dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local apt=(apt-get)
  if [ "$(id -u)" != 0 ]; then
    if sudo -n true 2>/dev/null; then apt=(sudo -n apt-get); else
      echo "missing packages; install them and run this again: sudo apt-get install ${missing[*]}" >&2
      return 1
    fi
  fi
  echo "installing: ${missing[*]}"
  local try
  for try in 1 2 3; do
    [ "$try" = 1 ] || "${apt[@]}" -q update >/dev/null 2>&1 || true
    # Another apt may hold the lock for a while; it is waited for, not fought.
    "${apt[@]}" -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "${missing[@]}" >"$TEST_OUT.apt.log" 2>&1 && return 0
  done
  tail -n 5 "$TEST_OUT.apt.log" >&2
  echo "apt could not install: ${missing[*]}" >&2
  return 1
}

# A check made in shell: one line each, counted like any test.
pass() { echo "  ok    $1"; echo pass >>"$PART_OUT/shell.counts"; }
fail() { echo "  FAIL  $1${2:+: $2}"; echo fail >>"$PART_OUT/shell.counts"; }
skip() { echo "  skip  $1${2:+: $2}"; echo skip >>"$PART_OUT/shell.counts"; }

# dotnet_tests LABEL PROJECT NAMESPACE...: the tests under these namespaces; a leading ! takes one out.
dotnet_tests() {
  local label=$1 project=$2 wanted="" unwanted="" name rc=0
  shift 2
  # The quick form promises to need no peer and no root, and end-to-end tests live on them.
  [ "$FLUXD_TEST_MODE/$project" != quick/tests/Fluxd.EndToEnd ] || return 0
  for name in "$@"; do
    if [ "${name#!}" != "$name" ]; then unwanted+="&FullyQualifiedName!~${name#!}"; else wanted+="${wanted:+|}FullyQualifiedName~$name"; fi
  done
  case "$FLUXD_TEST_MODE" in
    quick) unwanted+="&Category!=Long&Category!=Root&Category!=Peers" ;;
    full) unwanted+="&Category!=Long" ;;
  esac
  dotnet test "$project" --no-build --nologo -v q --filter "($wanted)$unwanted" --results-directory "$PART_OUT" \
    --logger "trx;LogFileName=$label.trx" --logger "console;verbosity=minimal" \
    --blame-hang-timeout 8m --blame-hang-dump-type none >"$PART_OUT/$label.log" 2>&1 || rc=$?
  grep -vE '^\s*$|^Test run for|^VSTest version|^Starting test|^A total of|No test matches|^Results File|^Attachments|^Data collector .Blame. message: All tests finished' "$PART_OUT/$label.log" || true
  if [ "$rc" != 0 ] && ! grep -q 'failed="[1-9]' "$PART_OUT/$label.trx" 2>/dev/null; then
    # A test host that dies takes its counts along: that must never look like success.
    fail "$label: the test run ended with code $rc and without a failed test"
  fi
}

# count_part DIR: prints "passed failed skipped".
count_part() {
  local dir=$1 passed=0 failed=0 skipped=0 trx line total
  for trx in "$dir"/*.trx; do
    [ -e "$trx" ] || continue
    line=$(grep -o '<Counters [^>]*>' "$trx")
    attribute() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$line"; }
    total=$(attribute total)
    passed=$((passed + $(attribute passed)))
    failed=$((failed + $(attribute failed) + $(attribute error) + $(attribute timeout) + $(attribute aborted)))
    skipped=$((skipped + total - $(attribute executed)))
  done
  if [ -e "$dir/shell.counts" ]; then
    passed=$((passed + $(grep -c '^pass' "$dir/shell.counts" || true)))
    failed=$((failed + $(grep -c '^fail' "$dir/shell.counts" || true)))
    skipped=$((skipped + $(grep -c '^skip' "$dir/shell.counts" || true)))
  fi
  echo "$passed $failed $skipped"
}

# run_part NAME: in a shell of its own, so that a part can't disturb the next.
run_part() {
  local name=$1 rc=0
  export PART_OUT=$TEST_OUT/$name
  mkdir -p "$PART_OUT"
  (
    set -euo pipefail
    # shellcheck source=/dev/null
    . "tests/parts/$name.sh"
    if [ "$FLUXD_TEST_MODE" != quick ]; then
      mapfile -t packages < <("${name}_packages")
      need_packages "${packages[@]}"
    fi
    "${name}_run"
  ) || rc=$?
  [ "$rc" = 0 ] || fail "part $name ended with code $rc"
}

# run_parts MODE [PART...]
run_parts() {
  export FLUXD_TEST_MODE=$1
  shift
  local parts=("$@") name started total_passed=0 total_failed=0 total_skipped=0 passed failed skipped
  [ ${#parts[@]} -gt 0 ] || parts=("${PARTS[@]}")
  for name in "${parts[@]}"; do
    [ -e "tests/parts/$name.sh" ] || { echo "there is no part \"$name\"; the parts are: ${PARTS[*]}" >&2; exit 2; }
  done
  rm -rf "$TEST_OUT"
  mkdir -p "$TEST_OUT"
  # What the daemon itself loads from the system; without it hardly a test would mean anything.
  [ "$FLUXD_TEST_MODE" = quick ] || need_packages libsqlite3-0 libzstd1 libssl3 || need_packages libsqlite3-0 libzstd1 libssl3t64
  started=$SECONDS
  build_all
  echo "build: $((SECONDS - started)) s"
  for name in "${parts[@]}"; do
    echo "== $name"
    started=$SECONDS
    set +e # inside "||" bash would ignore the part's own set -e
    run_part "$name"
    set -e
    read -r passed failed skipped < <(count_part "$TEST_OUT/$name")
    echo "== $name: $passed passed, $failed failed, $skipped skipped, $((SECONDS - started)) s"
    total_passed=$((total_passed + passed)) total_failed=$((total_failed + failed)) total_skipped=$((total_skipped + skipped))
  done
  if [ "$total_skipped" -gt 0 ]; then
    echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
  else
    echo "$total_passed passed, $total_failed failed"
  fi
  [ "$total_failed" = 0 ]
}
