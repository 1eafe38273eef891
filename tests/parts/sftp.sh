# shellcheck shell=bash
# SSH and SFTP, and the clients that people really use.

sftp_packages() {
  printf '%s\n' openssh-client sshpass python3-paramiko python3-asyncssh putty-tools ssh-audit curl lftp rclone sshfs restic
}

sftp_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Ssh. Fluxd.Tests.Transports.Sftp.
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Sftp.
}
