# shellcheck shell=bash
# HTTP and the client engine.

http_packages() {
  printf '%s\n' curl
}

http_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Http. Fluxd.Tests.Transports.Client.
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Http.
}
