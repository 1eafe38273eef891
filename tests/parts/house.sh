# shellcheck shell=bash
# The house: seams, configuration, hosting, accounts, admin socket, fluxctl.

house_packages() {
  printf '%s\n' golang-github-burntsushi-toml-dev curl util-linux nftables iptables zsh python3
}

house_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Architecture. Fluxd.Tests.Core. Fluxd.Tests.Daemon. Fluxd.Tests.Fluxctl. !Fluxd.Tests.Core.Chunking.
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.House.
}
