# shellcheck shell=bash
# The package on real systems: tests/packaging/run.sh, where it is there.

packaging_packages() {
  :
}

packaging_run() {
  [ ! -x tests/packaging/run.sh ] || . tests/packaging/run.sh
}
