#!/usr/bin/env bash
# The one door to the project. Needs bash, apt and the .NET 10 SDK; what else a command needs it installs itself.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. tests/parts/lib.sh

usage() {
  cat <<'TEXT'
./build.sh COMMAND

  run                 build, start fluxd in the foreground with its data under ./var, make the first user
  test [quick|long]   build once, then every part; quick: no root, no peers; long: also the hour-long forms
  test [quick|long] PART...
                      only these parts: house store sftp http quic packaging load
  check [quick|long]  test, and before it format, analyzers and shell scripts
  publish             out/fluxd/: fluxd and fluxctl sharing one self-contained runtime
  bench NAME|all|gather
                      one script of bench/ (LONG=1: its long form, if it has one); all of them, then docs/BENCHMARKS.md;
                      or only that page, from the tables that are there
  pack                out/*.deb and the portable archive
  repo                a signed apt repository from out/*.deb
  api                 write Core.api.txt and fluxd.toml.example anew (a change shows in review)
TEXT
}

need_sdk() {
  if ! command -v dotnet >/dev/null 2>&1 || ! dotnet --list-sdks 2>/dev/null | grep -q '^10\.'; then
    echo "fluxd is built by the .NET 10 SDK, which is not on the path. Install it (https://dotnet.microsoft.com/download/dotnet/10.0" >&2
    echo "or your distribution's dotnet-sdk-10.0) and run ./build.sh again." >&2
    exit 1
  fi
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1
}

# quietly COMMAND...: silent when it works, everything it said when it doesn't.
quietly() {
  local log rc=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 || rc=$?
  [ "$rc" = 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$rc"
}

build_all() {
  quietly dotnet build fluxd.sln --nologo -v q
}

cmd_run() {
  need_sdk
  need_packages libsqlite3-0 || true # fluxd itself names what it misses
  local project
  echo "building; the first time that takes a minute or two"
  for project in src/Fluxd.Daemon src/fluxctl; do
    # One folder for both: what fluxctl does without a daemon is done by the fluxd beside it.
    quietly dotnet build "$project" -c Release --nologo -v q -o out/try
  done
  # exec: Ctrl-C and SIGTERM reach the daemon itself.
  exec dotnet out/try/fluxd.dll --try ./var "$@"
}

cmd_test() {
  local mode=full
  case "${1:-}" in quick | long) mode=$1; shift ;; esac
  need_sdk
  run_parts "$mode" "$@"
}

cmd_check() {
  need_sdk
  local script
  need_packages shellcheck
  git ls-files '*.sh' | while read -r script; do shellcheck -x -S warning "$script"; done
  dotnet format fluxd.sln --verify-no-changes
  cmd_test "$@"
}

cmd_publish() {
  need_sdk
  local version=${FLUXD_VERSION:-} project
  rm -rf out/fluxd
  for project in src/Fluxd.Daemon src/fluxctl; do
    # One folder for both: the runtime's files are the same, so the second only adds its own.
    quietly dotnet publish "$project" -c Release -r "${FLUXD_RID:-linux-x64}" --self-contained true --nologo -v q \
      -p:PublishReadyToRun=true -p:PublishTrimmed=false -p:DebugType=none \
      ${version:+-p:Version="$version"} -o out/fluxd
  done
  rm -f out/fluxd/flux*.xml out/fluxd/Fluxd*.xml # the analyzers want them, users don't
  out/fluxd/fluxd --version
}

# The questions of bench/, one script each.
bench_names() {
  local script
  for script in bench/*.sh; do
    case $script in
      bench/lib.sh | bench/make-dataset.sh) ;;
      *) basename "$script" .sh ;;
    esac
  done
}

# Every table that the scripts wrote last, on one page, each with what bench/remarks says about it; and first the rows that miss their bar.
gather_benchmarks() {
  local name result
  {
    printf '# Benchmarks\n\nThe tables that the scripts of `bench/` wrote last, each with its date and machine. `./build.sh bench NAME` makes one anew,\n'
    printf '`./build.sh bench all` all of them and this page, `./build.sh bench gather` this page alone. Ratios within one run mean something;\n'
    printf 'absolute figures belong to that machine. A figure that another program of the same run does better stays here; the remarks\n'
    printf 'under the tables, which are bench/remarks, say why as far as it is known. Where others used the machine too, the table names its\n'
    printf 'load: then rates are rough, and CPU times and sizes steadier.\n'
    printf '\n## What falls short\n'
    for name in $(bench_names); do
      [ -e "bench/results/$name.md" ] || printf '\n**%s**: not measured yet.\n' "$name"
      for result in "bench/results/$name.md" "bench/results/$name-long.md"; do
        if [ -e "$result" ] && grep -qF '| **no** |' "$result"; then
          printf '\n**%s**\n\n' "$(basename "$result" .md | sed 's/-long$/, the long form/')"
          grep -F '| **no** |' "$result" | sed 's/^| */- /; s/ *|$//; s/ *| *$//; s/ *| */ · /g; s/\*\*//g'
        fi
      done
    done
    for name in $(bench_names); do
      for result in "bench/results/$name.md" "bench/results/$name-long.md"; do
        [ ! -e "$result" ] || printf '\n%s\n' "$(sed 's/^#/##/' "$result")"
      done
      [ ! -e "bench/remarks/$name.md" ] || { printf '\n### Remarks\n\n' && cat "bench/remarks/$name.md"; }
    done
  } >docs/BENCHMARKS.md
}

cmd_bench() {
  local name=${1:-}
  [ -n "$name" ] || { echo "which one? $(bench_names | tr '\n' ' ')all gather" >&2; exit 2; }
  shift
  if [ "$name" = gather ]; then
    gather_benchmarks
    return
  fi

  need_sdk
  if [ "$name" = all ]; then
    local failed=()
    for name in $(bench_names); do
      "bench/$name.sh" "$@" || failed+=("$name") # the others are wanted all the same
    done
    gather_benchmarks
    [ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; return 1; }
  else
    [ -x "bench/$name.sh" ] || { echo "there is no bench/$name.sh" >&2; exit 2; }
    "bench/$name.sh" "$@"
  fi
}

# Packaging keeps its own scripts; this only finds them.
cmd_packaging() {
  local script=packaging/$1.sh
  [ -x "$script" ] || { echo "there is no $script yet" >&2; exit 2; }
  shift
  need_sdk
  "$script" "$@"
}

cmd_api() {
  need_sdk
  quietly dotnet build tests/Fluxd.Tests --nologo -v q
  FLUXD_WRITE_API=1 quietly dotnet test tests/Fluxd.Tests --no-build --nologo -v q --filter "FullyQualifiedName~CoreApiTests|FullyQualifiedName~The_example_lists"
  git diff --stat -- tests/Fluxd.Tests/Architecture/Core.api.txt
}

command=${1:-}
[ $# -eq 0 ] || shift
case "$command" in
  run | test | check | publish | bench | api) "cmd_$command" "$@" ;;
  pack | repo) cmd_packaging "$command" "$@" ;;
  "" | help | --help | -h) usage ;;
  *) usage >&2; exit 2 ;;
esac
