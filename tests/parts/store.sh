# shellcheck shell=bash
# The store: chunks, packs, catalogue, files, uploads, upkeep.

store_packages() {
  echo python3 # the reader under docs/ is run against stores that fluxd wrote
}

store_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Store. Fluxd.Tests.Core.Chunking.
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Store.
}
