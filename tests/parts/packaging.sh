# shellcheck shell=bash
# The package on real systems: built, checked, and lived through on bookworm and trixie in containers.

packaging_packages() {
  echo "debootstrap systemd systemd-container dpkg-dev debhelper build-essential fakeroot lintian apt-utils gnupg python3 openssh-client sshpass curl buildah podman crun" | tr ' ' '\n'
}

packaging_run() {
  [ "$FLUXD_TEST_MODE" != quick ] || return 0
  . tests/packaging/run.sh
  packaging_life
}
