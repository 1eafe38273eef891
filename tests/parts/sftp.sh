# shellcheck shell=bash
# SSH and SFTP, and the clients that people really use.
. tests/parts/trixie-ssh.sh

sftp_packages() {
  printf '%s\n' openssh-client sshpass python3-paramiko python3-asyncssh putty-tools ssh-audit curl lftp rclone sshfs restic git strace debian-archive-keyring
}

sftp_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Ssh. Fluxd.Tests.Transports.Sftp. Fluxd.Tests.Transports.Net. Fluxd.Tests.Transports.AllocationTests
  local without="" ssh audit
  if [ "$FLUXD_TEST_MODE" != quick ]; then
    if ssh=$(trixie_ssh "$PWD/out/trixie-ssh"); then
      export FLUXD_TEST_PQ_SSH=$ssh
    else
      skip "mlkem768x25519-sha256 with OpenSSH's client" "Debian 13's could not be had"
      without=!Fluxd.EndToEnd.Sftp.PostQuantumTests
    fi
    # Without it the machine's own is asked, which calls what it doesn't know unknown.
    audit=$(trixie_audit "$PWD/out/trixie-audit") && export FLUXD_TEST_SSH_AUDIT=$audit
  fi
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Sftp. ${without:+"$without"}
}
