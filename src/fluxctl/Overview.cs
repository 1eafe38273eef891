namespace Fluxctl;

/// <summary>What <c>fluxctl --help</c> says. A test holds it to the commands that exist.</summary>
internal static class Overview
{
    public const string Text =
        """
        fluxctl administers a fluxd daemon over its Unix socket.

        Usage: fluxctl [--socket PATH] COMMAND ... [--json]

        The daemon
          status            what it is doing, where it listens, how full the disk is
          reload            read the configuration again, without dropping a transfer
          doctor            find what is wrong with this machine and print the line that cures it
          why [ID]          what happened to a transfer, step by step
          version           versions of fluxctl and of the daemon

        People and what they may do
          users             add, list, show, passwd, disable, enable, remove, purge, quota
          keys              SSH public keys: add, list, remove
          tokens            API keys for programs: create, list, revoke
          groups            add, list, remove, join, leave
          folders           shared folders: add, list, remove, grant, revoke
          sessions          who is connected: list, kill
          audit             logins, refusals, and what administrators did
          sftp hostkeys     the SSH host keys: fingerprints, known_hosts lines, SSHFP records

        The store
          store             stat, fsck, scrub, gc, backup, copy, export; without a daemon: init, verify, restore, rebuild

        Files on a server, over HTTPS
          login URL         remember a server and how to sign in there
          put               send files: only what the server lacks, resumed after anything
          get               receive a file: resumed after anything, compared by hash
          ls                list a folder
          rm                move files into the server's trash
          mv                move or rename
          mkdir             make a folder
          sync FROM TO      make one folder like another, in one direction (server:/FOLDER)

        Getting started
          fluxctl users add anna                     asks for a password
          fluxctl keys add anna ~/.ssh/id_ed25519.pub
          fluxctl tokens create anna --scope write   prints an API key, once
          fluxctl status

        "fluxctl COMMAND --help" explains a command with examples. --json gives scripts the same as JSON.
        The socket: --socket, else $FLUXCTL_SOCKET, else /run/fluxd/fluxd.sock.
        Shell completion: source <(fluxctl completion bash), or zsh.

        """;
}
