# shellcheck shell=bash
# Load: the scenario runner's own tests. Scenarios and chaos against a daemon come to this part when they exist.

load_packages() {
  :
}

load_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.LoadTests.
}
