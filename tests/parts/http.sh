# shellcheck shell=bash
# HTTP and the client engine.

http_packages() {
  printf '%s\n' curl wget rclone nginx-light caddy chromium iproute2
  # Another distribution's nodejs brings its own npm, and Debian's can't be installed beside it.
  command -v npm >/dev/null 2>&1 || printf '%s\n' nodejs npm
}

# The browser world's tus client comes from npm; its exact version stands here.
http_node() {
  local folder=$PWD/out/node
  if [ ! -e "$folder/node_modules/tus-js-client" ]; then
    mkdir -p "$folder"
    [ -e "$folder/package.json" ] || echo '{"private":true}' >"$folder/package.json"
    npm install --silent --no-audit --no-fund --prefix "$folder" tus-js-client@4.3.1 >"$folder/npm.log" 2>&1 || {
      skip "tus-js-client could not be installed" "see $folder/npm.log"
      return 0
    }
  fi
  export FLUXD_TEST_NODE=$folder
}

http_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Http. Fluxd.Tests.Transports.Client.
  [ "$FLUXD_TEST_MODE" = quick ] || http_node
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Http.
}
