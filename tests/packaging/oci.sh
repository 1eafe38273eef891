# shellcheck shell=bash
# The container image, made and run as packaging/oci/README.md says. Sourced by tests/parts/packaging.sh.

OCI_IMAGE=localhost/fluxd:latest

# Storage of its own; no network but loopback; cgroups are left alone, and limits that a test machine may not raise.
oci_podman() { podman --root "$PART_OUT/oci/root" --runroot "$PART_OUT/oci/run" --storage-driver vfs --cgroup-manager cgroupfs "$@"; }

oci_run() { # oci_run OPTION...: health checks are asked for by hand, since their timer would be systemd's
  oci_podman run --runtime crun --cgroups disabled --network none --ulimit nofile=4096:4096 --ulimit nproc=2048:2048 \
    --health-interval disable "$@"
}

oci_image() {
  local out
  if ! packaging/oci/build.sh trixie >"$PART_OUT/oci.log" 2>&1; then
    fail "OCI: packaging/oci/build.sh" "$(tail -n 3 "$PART_OUT/oci.log" | tr '\n' ' ')"
    return
  fi
  pass "OCI: the image is built from Debian's packages"
  mkdir -p "$PART_OUT/oci"
  # The runtime wants cgroup2 alone; a mount of our own in a namespace of our own has it.
  export -f oci_podman oci_run oci_life
  export OCI_IMAGE
  out=$(unshare -m --propagation private bash -c 'umount -R -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && oci_life' 2>&1) || true
  case "$out" in
    *"OCI lives") pass "OCI: podman runs it: not root, healthy, SFTP and HTTP, files outlive the container, a stop is clean" ;;
    *"OCI can't: "*) skip "OCI: the image in podman" "${out##*"OCI can't: "}" ;;
    *) fail "OCI: the image in podman" "$(tail -n 4 <<<"$out" | tr '\n' ' ')" ;;
  esac
  rm -rf "$PART_OUT/oci"
}

oci_life() {
  local reach volume="fluxd:/var/lib/fluxd" listen=(-e 'FLUXD_SFTP_LISTEN=[::]:2022' -e 'FLUXD_HTTP_LISTEN_TLS=[::]:8443' -e 'FLUXD_QUIC_LISTEN=[::]:8443')
  oci_podman load -q -i out/fluxd-oci.tar || return
  oci_run --rm --entrypoint /bin/true "$OCI_IMAGE" || { echo "OCI can't: podman runs no container here"; return; }
  ! oci_run --rm -e FLUXD_REQUIRE_STORE=1 -v empty:/var/lib/fluxd "$OCI_IMAGE" || { echo "it started without the store that it was told to require"; return; }

  start() {
    oci_run -d --name fluxd -v "$volume" "${listen[@]}" "$OCI_IMAGE" || return
    for _ in $(seq 1 120); do ! oci_podman healthcheck run fluxd >/dev/null 2>&1 || break; sleep 0.5; done
    oci_podman healthcheck run fluxd || { oci_podman logs fluxd; return 1; }
    reach="nsenter -t $(oci_podman inspect fluxd --format '{{.State.Pid}}') -n"
  }
  get() { $reach curl -fsSk -u anna:correct-horse-battery -o "$PART_OUT/oci/back" "https://127.0.0.1:8443/v1/files/$1" && cmp "$PART_OUT/oci/back" fluxd.toml.example; }
  stop() { oci_podman stop -t 60 fluxd && [ "$(oci_podman inspect fluxd --format '{{.State.ExitCode}}')" = 0 ] && oci_podman rm fluxd; }

  start && [ "$(oci_podman exec fluxd id -u)" = 1000 ] && oci_podman exec fluxd fluxctl status &&
    echo correct-horse-battery | oci_podman exec -i fluxd fluxctl users add anna --password-stdin &&
    $reach curl -fsSk -u anna:correct-horse-battery -T fluxd.toml.example https://127.0.0.1:8443/v1/files/a && get a &&
    echo 'put fluxd.toml.example b' | $reach sshpass -p correct-horse-battery sftp -q -F none -P 2022 -o StrictHostKeyChecking=no \
      -o UserKnownHostsFile=/dev/null -o BatchMode=no -b - anna@127.0.0.1 && get b &&
    stop && start && get b && stop && echo "OCI lives"
}
