# shellcheck shell=bash
# QUIC: the engine, HTTP/3 and fluxd/1.

# Debian 12 has libngtcp2 only in bookworm-backports, which few machines list. The entry is derived from the Debian
# source that is configured, mirror and key included.
quic_backports() {
  local site
  grep -q '^VERSION_CODENAME=bookworm' /etc/os-release || return 1
  [ "$(id -u)" = 0 ] || return 0
  # shellcheck disable=SC2016 # apt fills these in
  if ! apt-get indextargets --format '$(CODENAME)' | grep -qx bookworm-backports; then
    site=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(LABEL)' "Created-By: Packages" | sed -n 's/ bookworm Debian$//p' | head -n 1)
    [ -n "$site" ] || { echo "no Debian source is configured; QUIC's tests will be skipped" >&2; return 0; }
    printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm-backports main\n' "$site" \
      >/etc/apt/sources.list.d/bookworm-backports.list
    apt-get -q update >/dev/null 2>&1 || true
  fi
}

quic_packages() {
  local names=(libngtcp2-16 libngtcp2-crypto-gnutls8 ngtcp2-client ngtcp2-server)
  if quic_backports; then
    # The real peers must be of the library's age: gtlsclient, gtlsserver, and the libcurl that speaks HTTP/3.
    dpkg --compare-versions "$(dpkg-query -W -f='${Version}' libcurl3-gnutls 2>/dev/null || echo 0)" ge 8 &&
      dpkg --compare-versions "$(dpkg-query -W -f='${Version}' ngtcp2-client 2>/dev/null || echo 0)" ge 1.11 &&
      dpkg --compare-versions "$(dpkg-query -W -f='${Version}' ngtcp2-server 2>/dev/null || echo 0)" ge 1.11 ||
      [ "$(id -u)" != 0 ] ||
      apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install -t bookworm-backports "${names[@]}" libcurl3-gnutls >&2
  else
    names+=(libcurl3t64-gnutls)
  fi
  printf '%s\n' "${names[@]}" curl python3 chromium
}

quic_run() {
  dotnet_tests unit tests/Fluxd.Tests Fluxd.Tests.Transports.Quic. Fluxd.Tests.Transports.StoreAllocationTests
  dotnet_tests end-to-end tests/Fluxd.EndToEnd Fluxd.EndToEnd.Quic.
}
