# shellcheck shell=bash
# Load and chaos, the short forms: tests/Fluxd.LoadTests/run.sh, where it is there.

load_packages() {
  :
}

load_run() {
  [ ! -x tests/Fluxd.LoadTests/run.sh ] || . tests/Fluxd.LoadTests/run.sh
}
