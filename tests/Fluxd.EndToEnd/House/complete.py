"""Types into a live shell on a terminal of its own, presses Tab, and shows the line that came of it.

complete.py SHELL FOLDER LINE...: FOLDER holds fluxctl and is where the shell stands. Prints one line for each LINE.
"""
import os
import pty
import select
import sys
import time

PATIENCE = 90
MARK = "READY" + "> "


def main(shell, folder, lines):
    start = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}[shell]
    setup = {
        "bash": "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(fluxctl completion bash)",
        "zsh": "bindkey -e; unsetopt beep zle_bracketed_paste 2>/dev/null; autoload -Uz compinit; compinit -u -D; source <(fluxctl completion zsh)",
    }[shell]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        environment = dict(os.environ, PATH=folder + ":" + os.environ["PATH"], TERM="dumb", PS1="$ ", INPUTRC="/dev/null", HOME=folder)
        os.execvpe(start[0], start, environment)
    talk = Talk(terminal)
    # The prompt is set by a command whose own echo does not contain it.
    talk.send("stty cols 300; PS1='READY''> '; PROMPT_SP=; unsetopt prompt_sp 2>/dev/null\n")
    talk.until(MARK)
    talk.send(setup + "\n")
    talk.until(MARK)
    for number, line in enumerate(lines):
        # A Tab is worked off before the next key. Then back to the beginning of the completed line, which becomes an
        # argument of echo between two marks.
        talk.send(line + "\t")
        talk.send("\x01echo A''A%d \x05 Z''Z\n" % number)
        said = talk.until("AA%d " % number) and talk.until("ZZ")
        print(said.rsplit("AA%d " % number, 1)[-1].split("ZZ")[0].strip())
        talk.until(MARK)
    os.close(terminal)
    os.waitpid(child, 0)


class Talk:
    def __init__(self, terminal):
        self.terminal = terminal
        self.seen = ""
        self.taken = 0

    def send(self, text):
        os.write(self.terminal, text.encode())

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        self.seen += os.read(self.terminal, 65536).decode(errors="replace")
        return True

    def until(self, text):
        end = time.monotonic() + PATIENCE
        while text not in self.seen[self.taken:]:
            if not self.read(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                sys.exit("waited in vain for %r; seen: %r" % (text, self.seen))
        at = self.seen.index(text, self.taken) + len(text)
        piece = self.seen[self.taken:at]
        self.taken = at
        return piece


main(sys.argv[1], sys.argv[2], sys.argv[3:])
