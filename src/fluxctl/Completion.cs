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
            [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -F _fluxctl fluxctl

        """;

    public const string Zsh =
        """
        #compdef fluxctl
        # zsh completion for fluxctl; use: source <(fluxctl completion zsh)
        _fluxctl() {
            local line=${BUFFER[1,CURSOR]#fluxctl}
            line=${line# }
            local -a found
            found=("${(@f)$(fluxctl "[suggest:${#line}]" "$line" 2>/dev/null)}")
            [[ -n $found ]] && compadd -- $found || _files
        }
        compdef _fluxctl fluxctl

        """;
}
