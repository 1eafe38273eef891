# shellcheck shell=bash
# QUIC: the engine, HTTP/3 and fluxd/1.

quic_packages() {
  :
}

quic_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Quic.
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Quic.
}
