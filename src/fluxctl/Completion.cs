namespace Fluxctl;

/// <summary>Scripts for shells; they ask fluxctl itself ("[suggest]" of System.CommandLine), so they never grow old.</summary>
internal static class Completion
{
    public const string Bash =
        """
        # bash completion for fluxctl; use: source <(fluxctl completion bash)
        _fluxctl() {
            local IFS=$'\n' line=${COMP_LINE:0:COMP_POINT}
            line=${line#"${COMP_WORDS[0]}"}
            line=${line# }
            COMPREPLY=($(compgen -W "$(fluxctl "[suggest:${#line}]" "$line" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        # Where fluxctl has no word for it, names of files.
        complete -o default -F _fluxctl fluxctl

        """;

    public const string Zsh =
        """
        #compdef fluxctl
        # zsh completion for fluxctl; use: source <(fluxctl completion zsh)
        _fluxctl() {
            local line="${(j: :)words[2,CURRENT]}"
            local -a found
            found=("${(@f)$(fluxctl "[suggest:${#line}]" "$line" 2>/dev/null)}")
            # Where fluxctl has no word for it, names of files.
            compadd -- ${found:#} || _files
        }
        compdef _fluxctl fluxctl

        """;
}
